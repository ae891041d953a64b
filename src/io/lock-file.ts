/**
 * One database, one opener.
 *
 *   <path>.lock   text: "<pid> <start time of the process>"
 *
 * Where the host can `flock`, the lock is on the lock file's descriptor, which the kernel frees when the process dies; its
 * text only names the holder. Elsewhere the file's existence is the lock, and it is stale when no process has that pid and
 * start time. A set of paths guards against a second opener in this process, which flock would not see reliably.
 */
import * as fs from 'node:fs';
import { fail } from '../base/errors.ts';
import type { HostCalls } from './host-calls.ts';
import type { VfsLock } from './vfs.ts';

const held = new Set<string>();

/** Locks the database at `path`. @throws `object_in_use` (55006) naming the holder's process id. */
export function lockFile(path: string, host: HostCalls): VfsLock {
  const lockPath = `${path}.lock`;
  const identity = fs.existsSync(path) ? fs.realpathSync(path) : path;
  if (held.has(identity)) throw inUse(path, process.pid);
  const fd = takeFile(path, lockPath, host);
  held.add(identity);
  return {
    release: () => {
      if (!held.delete(identity)) return;
      fs.unlinkSync(lockPath);
      fs.closeSync(fd);
    },
  };
}

function takeFile(path: string, lockPath: string, host: HostCalls): number {
  const text = `${process.pid} ${startTime(process.pid)}`;
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
    fs.writeSync(fd, text, 0);
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
