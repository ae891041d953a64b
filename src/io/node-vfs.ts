/**
 * The real file system, through `node:fs`.
 *
 * Synchronous forms serve embedded callers and single pages (a cached 8 KiB read costs a few microseconds); asynchronous
 * forms run on libuv's threads. What Node cannot do (reserve, punch, data ranges, flock) comes from {@link HostCalls}.
 */
import * as fs from 'node:fs';
import { type ErrorCode, ExtentError, fail } from '../base/errors.ts';
import { type HostCalls, hostCalls } from './host-calls.ts';
import { canonicalPath, lockFile } from './lock-file.ts';
import type { Done, OpenMode, Vfs, VfsFile, VfsLock } from './vfs.ts';

const CODES: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: 'disk_full',
  EDQUOT: 'disk_full',
  ENOENT: 'undefined_file',
  EEXIST: 'duplicate_file',
  EACCES: 'insufficient_privilege',
  EPERM: 'insufficient_privilege',
};

/** Turns an error of the host into one of ours, naming operation and file. */
export function hostError(operation: string, path: string, cause: unknown): ExtentError {
  const code = cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : '';
  const text = cause instanceof Error ? cause.message : String(cause);
  return fail(CODES[code] ?? 'io_error', `could not ${operation} file "${path}": ${text}`, { cause });
}

const FLAGS: Readonly<Record<OpenMode, number>> = {
  read: fs.constants.O_RDONLY,
  write: fs.constants.O_RDWR,
  create: fs.constants.O_RDWR | fs.constants.O_CREAT,
  new: fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_EXCL,
};

class NodeFile implements VfsFile {
  readonly path: string;
  readonly #fd: number;
  readonly #host: HostCalls;

  constructor(path: string, fd: number, host: HostCalls) {
    this.path = path;
    this.#fd = fd;
    this.#host = host;
  }

  read(into: Uint8Array, at: number, length: number, offset: number): number {
    return this.#guard('read', () => {
      let got = 0;
      while (got < length) {
        const n = fs.readSync(this.#fd, into, at + got, length - got, offset + got);
        if (n === 0) break;
        got += n;
      }
      return got;
    });
  }

  readAsync(into: Uint8Array, at: number, length: number, offset: number, done: Done): void {
    fs.read(this.#fd, into, at, length, offset, (error, got) => {
      if (error) done(hostError('read', this.path, error));
      else if (got === length) done();
      else if (got === 0) {
        into.fill(0, at, at + length);
        done();
      } else this.readAsync(into, at + got, length - got, offset + got, done);
    });
  }

  write(from: Uint8Array, at: number, length: number, offset: number): void {
    this.#guard('write', () => {
      let put = 0;
      while (put < length) put += fs.writeSync(this.#fd, from, at + put, length - put, offset + put);
    });
  }

  writeAsync(from: Uint8Array, at: number, length: number, offset: number, done: Done): void {
    fs.write(this.#fd, from, at, length, offset, (error, put) => {
      if (error) done(hostError('write', this.path, error));
      else if (put === length) done();
      else this.writeAsync(from, at + put, length - put, offset + put, done);
    });
  }

  syncData(): void {
    this.#guard('synchronize', () => fs.fdatasyncSync(this.#fd));
  }

  syncDataAsync(done: Done): void {
    fs.fdatasync(this.#fd, (error) => done(error ? hostError('synchronize', this.path, error) : undefined));
  }

  size(): number {
    return this.#guard('stat', () => fs.fstatSync(this.#fd).size);
  }

  diskBytes(): number {
    // Blocks are of 512 bytes, whatever the file system's are.
    return this.#guard('stat', () => fs.fstatSync(this.#fd).blocks * 512);
  }

  truncate(size: number): void {
    this.#guard('truncate', () => fs.ftruncateSync(this.#fd, size));
  }

  allocate(offset: number, length: number): void {
    this.#guard('extend', () => {
      if (this.#host.allocate(this.#fd, offset, length)) return;
      const zeros = new Uint8Array(1 << 16);
      // Without a host call only the part behind the end can be backed: by writing zeros there.
      for (let at = Math.max(offset, fs.fstatSync(this.#fd).size); at < offset + length; at += zeros.length) {
        this.write(zeros, 0, Math.min(zeros.length, offset + length - at), at);
      }
    });
  }

  punch(offset: number, length: number): boolean {
    return this.#guard('punch', () => this.#host.punch(this.#fd, offset, length));
  }

  punchAsync(offset: number, length: number, done: (error: unknown, punched: boolean) => void): void {
    this.#host.punchAsync(this.#fd, offset, length, (punched) => done(undefined, punched));
  }

  dataRanges(): number[] | undefined {
    return this.#guard('map', () => this.#host.dataRanges(this.#fd, fs.fstatSync(this.#fd).size));
  }

  close(): void {
    this.#guard('close', () => fs.closeSync(this.#fd));
  }

  discard(): void {
    this.#guard('remove', () => fs.unlinkSync(this.path));
    // The file system frees the blocks with the last handle, on that thread. A failure loses nothing: nobody can open it again.
    fs.close(this.#fd, () => {});
  }

  #guard<T>(operation: string, act: () => T): T {
    try {
      return act();
    } catch (cause) {
      throw hostError(operation, this.path, cause);
    }
  }
}

export class NodeVfs implements Vfs {
  /** By device: are holes possible? */
  readonly #punching = new Map<number, boolean>();

  open(path: string, mode: OpenMode): VfsFile {
    return attempt('open', path, () => new NodeFile(path, fs.openSync(path, FLAGS[mode], 0o600), hostCalls()));
  }

  exists(path: string): boolean {
    return fs.existsSync(path);
  }

  canonical(path: string): string {
    return attempt('examine', path, () => canonicalPath(path));
  }

  list(directory: string): string[] {
    return attempt('list', directory, () => (fs.existsSync(directory) ? fs.readdirSync(directory).sort() : []));
  }

  makeDirectory(path: string): void {
    attempt('create', path, () => fs.mkdirSync(path, { recursive: true, mode: 0o700 }));
  }

  removeDirectory(path: string): void {
    attempt('remove', path, () => {
      if (fs.existsSync(path) && fs.readdirSync(path).length === 0) fs.rmdirSync(path);
    });
  }

  rename(from: string, to: string): void {
    attempt('rename', from, () => fs.renameSync(from, to));
  }

  unlink(path: string): void {
    attempt('remove', path, () => fs.unlinkSync(path));
  }

  canPunch(directory: string): boolean {
    return attempt('examine', directory, () => {
      const device = fs.statSync(directory).dev;
      const known = this.#punching.get(device);
      if (known !== undefined) return known;
      const possible = probe(directory);
      this.#punching.set(device, possible);
      return possible;
    });
  }

  syncDirectory(path: string): void {
    // Windows has no directory handles to sync; its metadata is journalled with the file's own flush.
    if (process.platform === 'win32') return;
    attempt('synchronize', path, () => {
      const fd = fs.openSync(path, 'r');
      try {
        fs.fsyncSync(fd);
      } finally {
        fs.closeSync(fd);
      }
    });
  }

  syncDirectoryAsync(path: string, done: Done): void {
    if (process.platform === 'win32') {
      setImmediate(done);
      return;
    }
    const ended = (error: unknown): void => done(error ? hostError('synchronize', path, error) : undefined);
    fs.open(path, 'r', (error, fd) => {
      if (error) ended(error);
      else fs.fsync(fd, (failure) => fs.close(fd, (problem) => ended(failure ?? problem)));
    });
  }

  lock(path: string): VfsLock {
    try {
      return lockFile(path, hostCalls());
    } catch (cause) {
      throw cause instanceof ExtentError ? cause : hostError('lock', path, cause);
    }
  }
}

const PROBE_BYTES = 1 << 18;

/** Writes a file, punches all of it and looks whether its blocks are gone. */
function probe(directory: string): boolean {
  const path = `${directory}/.extentdb-probe-${process.pid}`;
  const fd = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_TRUNC, 0o600);
  try {
    fs.unlinkSync(path);
    fs.writeSync(fd, new Uint8Array(PROBE_BYTES).fill(1));
    fs.fdatasyncSync(fd);
    const before = fs.fstatSync(fd).blocks;
    return hostCalls().punch(fd, 0, PROBE_BYTES) && fs.fstatSync(fd).blocks < before;
  } finally {
    fs.closeSync(fd);
  }
}

function attempt<T>(operation: string, path: string, act: () => T): T {
  try {
    return act();
  } catch (cause) {
    throw hostError(operation, path, cause);
  }
}
