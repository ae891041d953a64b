/**
 * One database, one opener.
 *
 *   <path>.lock   text: "<pid> <start time of the process>[ <name of the database> <path of a socket>]"
 *
 * Where the host can `flock`, the lock is on the lock file's descriptor, which the kernel frees when the process dies; its
 * text only names the holder. Elsewhere the file's existence is the lock, and it is stale when no process has that pid and
 * start time. A set of paths guards against a second opener in this process, which flock would not see reliably.
 *
 * The holder may say where it answers questions about the file: a socket, and the database's name there, in URI encoding.
 * Whoever finds the lock of a dead process removes the socket that it left.
 */
import * as fs from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fail } from '../base/errors.ts';
import type { HostCalls } from './host-calls.ts';
import { removeStaleSocket } from './socket-path.ts';
import type { VfsLock } from './vfs.ts';

const held = new Set<string>();
/** Descriptors of the lock files of this process, by the databases' canonical paths. */
const descriptors = new Map<string, number>();

/** A path without links; of a file that is yet to be made, that of its directory. */
export function canonicalPath(path: string): string {
  if (fs.existsSync(path)) return fs.realpathSync(path);
  const directory = dirname(path);
  return fs.existsSync(directory) ? join(fs.realpathSync(directory), basename(path)) : path;
}

/** Who has a database open. */
export interface LockHolder {
  readonly pid: number;
  /** Where it answers, and what the database is called there; undefined when it does not say. */
  readonly socket: string | undefined;
  readonly database: string;
}

const LOOKS_EVERY_MS = 20;

/** Locks the database at `path`. @throws `object_in_use` (55006) naming the holder's process id. */
export function lockFile(path: string, host: HostCalls): VfsLock {
  const identity = canonicalPath(path);
  const lockPath = `${identity}.lock`;
  if (held.has(identity)) throw inUse(path, process.pid);
  const fd = takeFile(path, lockPath, host);
  held.add(identity);
  descriptors.set(identity, fd);
  return {
    release: () => {
      if (!held.delete(identity)) return;
      descriptors.delete(identity);
      fs.unlinkSync(lockPath);
      fs.closeSync(fd);
    },
  };
}

/** Names, in the lock of a database that this process has open, the socket at which it answers. */
export function announceSocket(path: string, database: string, socket: string): void {
  const fd = descriptors.get(canonicalPath(path));
  // A longer text over a shorter one with the same start: a reader sees the old one or the new one.
  if (fd !== undefined) fs.writeSync(fd, `${ownText()} ${encodeURIComponent(database)} ${socket}`, 0);
}

/** Who holds the lock of a database; undefined when nobody does, as far as the lock file tells. */
export function lockHolder(path: string): LockHolder | undefined {
  try {
    const lockPath = `${canonicalPath(path)}.lock`;
    const [pid = '', , database = '', ...socket] = fs.readFileSync(lockPath, 'utf8').split(' ');
    const where = socket.join(' ');
    return {
      pid: Number.parseInt(pid, 10),
      // Only whoever could open the database may say where its owner is.
      socket: where !== '' && sameOwner(lockPath, where) ? where : undefined,
      database: decodeURIComponent(database),
    };
  } catch {
    return undefined;
  }
}

function sameOwner(lockPath: string, socket: string): boolean {
  const found = fs.lstatSync(socket, { throwIfNoEntry: false });
  return found?.isSocket() === true && found.uid === fs.statSync(lockPath).uid;
}

/** As {@link lockHolder}, but gives a holder that has only just opened the file some time to say where it answers. */
export async function answeringHolder(path: string, waitMs: number): Promise<LockHolder | undefined> {
  for (let left = waitMs; ; left -= LOOKS_EVERY_MS) {
    const holder = lockHolder(path);
    if (holder === undefined || holder.socket !== undefined || left <= 0) return holder;
    await new Promise((resolve) => setTimeout(resolve, LOOKS_EVERY_MS));
  }
}

function ownText(): string {
  return `${process.pid} ${startTime(process.pid)}`;
}

function takeFile(path: string, lockPath: string, host: HostCalls): number {
  for (;;) {
    const fd = fs.openSync(lockPath, fs.constants.O_RDWR | fs.constants.O_CREAT, 0o600);
    const holder = fs.readFileSync(fd, 'utf8');
    const state = host.flock(fd);
    const busy = state === 'busy' || (state === 'unknown' && holder !== '' && alive(holder));
    if (busy) {
      fs.closeSync(fd);
      throw inUse(path, Number.parseInt(holder, 10));
    }
    fs.ftruncateSync(fd, 0);
    fs.writeSync(fd, ownText(), 0);
    if (holder !== '' && !alive(holder)) removeStaleSocket(holder.split(' ').slice(3).join(' '));
    // The former holder may have removed the file between our open and our lock: then we locked a file without a name.
    if (fs.existsSync(lockPath) && fs.statSync(lockPath).ino === fs.fstatSync(fd).ino) return fd;
    fs.closeSync(fd);
  }
}

function inUse(path: string, pid: number): Error {
  return fail('object_in_use', `database file "${path}" is in use by the process with id ${pid}`);
}

function alive(holder: string): boolean {
  const [pid, start] = holder.split(' ');
  if (pid === undefined || !Number.isInteger(Number(pid))) return false;
  try {
    process.kill(Number(pid), 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
  return startTime(Number(pid)) === start;
}

/** The start time of a process in clock ticks after boot, or `0` where the host does not tell: then the pid decides. */
function startTime(pid: number): string {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '0';
  } catch {
    return '0';
  }
}
