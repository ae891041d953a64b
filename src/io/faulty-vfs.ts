/**
 * A file system that fails on demand, around any other one.
 *
 * Every operation has a kind; a fault names kind, the how-manieth operation of it, what happens, and whether it goes on
 * happening. A short write stores a part and then fails, as a full disk does.
 */
import { fail } from '../base/errors.ts';
import type { Done, OpenMode, Vfs, VfsFile, VfsLock } from './vfs.ts';

/** `any` counts every operation. */
export type FaultKind = 'open' | 'read' | 'write' | 'sync' | 'resize' | 'directory' | 'any';
/** I/O error, no space, or a part of the bytes written and then no space. */
export type FaultEffect = 'error' | 'full' | 'short';

export interface Fault {
  readonly kind: FaultKind;
  /** 1 = the next operation of the kind. */
  readonly at: number;
  readonly effect: FaultEffect;
  /** From then on every time, not once. */
  readonly sticky?: boolean;
  /** Only files whose path contains this. */
  readonly path?: string;
}

export class FaultyVfs implements Vfs {
  readonly #inner: Vfs;
  #fault: Fault | undefined;
  #seen = 0;
  /** How often the fault struck. */
  strikes = 0;

  constructor(inner: Vfs) {
    this.#inner = inner;
  }

  /** Arms a fault, replacing the one before; undefined disarms. */
  arm(fault: Fault | undefined): void {
    this.#fault = fault;
    this.#seen = 0;
    this.strikes = 0;
  }

  /** Counts an operation; the effect that strikes it, if any. */
  strike(kind: FaultKind, path: string): FaultEffect | undefined {
    const fault = this.#fault;
    if (fault === undefined || (fault.kind !== 'any' && fault.kind !== kind)) return undefined;
    if (fault.path !== undefined && !path.includes(fault.path)) return undefined;
    this.#seen++;
    if (this.#seen < fault.at || (this.#seen > fault.at && fault.sticky !== true)) return undefined;
    this.strikes++;
    return fault.effect;
  }

  /** Throws what the fault makes of an operation that cannot be done in part. */
  check(kind: FaultKind, path: string): void {
    const effect = this.strike(kind, path);
    if (effect !== undefined) throw failure(effect, path);
  }

  open(path: string, mode: OpenMode): VfsFile {
    this.check('open', path);
    return new FaultyFile(this, this.#inner.open(path, mode));
  }

  exists(path: string): boolean {
    return this.#inner.exists(path);
  }

  canonical(path: string): string {
    return this.#inner.canonical(path);
  }

  list(directory: string): string[] {
    return this.#inner.list(directory);
  }

  makeDirectory(path: string): void {
    this.check('directory', path);
    this.#inner.makeDirectory(path);
  }

  removeDirectory(path: string): void {
    this.check('directory', path);
    this.#inner.removeDirectory(path);
  }

  rename(from: string, to: string): void {
    this.check('directory', from);
    this.#inner.rename(from, to);
  }

  unlink(path: string): void {
    this.check('directory', path);
    this.#inner.unlink(path);
  }

  canPunch(directory: string): boolean {
    return this.#inner.canPunch(directory);
  }

  syncDirectory(path: string): void {
    this.check('sync', path);
    this.#inner.syncDirectory(path);
  }

  syncDirectoryAsync(path: string, done: Done): void {
    const effect = this.strike('sync', path);
    this.#inner.syncDirectoryAsync(path, (error) => done(effect === undefined ? error : failure(effect, path)));
  }

  lock(path: string): VfsLock {
    return this.#inner.lock(path);
  }
}

class FaultyFile implements VfsFile {
  readonly #vfs: FaultyVfs;
  readonly #inner: VfsFile;

  constructor(vfs: FaultyVfs, inner: VfsFile) {
    this.#vfs = vfs;
    this.#inner = inner;
  }

  get path(): string {
    return this.#inner.path;
  }

  read(into: Uint8Array, at: number, length: number, offset: number): number {
    this.#vfs.check('read', this.path);
    return this.#inner.read(into, at, length, offset);
  }

  readAsync(into: Uint8Array, at: number, length: number, offset: number, done: Done): void {
    const effect = this.#vfs.strike('read', this.path);
    this.#inner.readAsync(into, at, length, offset, (error) =>
      done(effect === undefined ? error : failure(effect, this.path)),
    );
  }

  write(from: Uint8Array, at: number, length: number, offset: number): void {
    const effect = this.#vfs.strike('write', this.path);
    if (effect === 'short') this.#inner.write(from, at, length >> 1, offset);
    if (effect !== undefined) throw failure(effect, this.path);
    this.#inner.write(from, at, length, offset);
  }

  writeAsync(from: Uint8Array, at: number, length: number, offset: number, done: Done): void {
    const effect = this.#vfs.strike('write', this.path);
    const written = effect === undefined ? length : effect === 'short' ? length >> 1 : 0;
    this.#inner.writeAsync(from, at, written, offset, (error) =>
      done(effect === undefined ? error : failure(effect, this.path)),
    );
  }

  syncData(): void {
    this.#vfs.check('sync', this.path);
    this.#inner.syncData();
  }

  syncDataAsync(done: Done): void {
    const effect = this.#vfs.strike('sync', this.path);
    // A failing sync syncs nothing: the inner disk is not even asked.
    if (effect === undefined) this.#inner.syncDataAsync(done);
    else this.#inner.readAsync(new Uint8Array(1), 0, 0, 0, () => done(failure(effect, this.path)));
  }

  size(): number {
    return this.#inner.size();
  }

  diskBytes(): number {
    return this.#inner.diskBytes();
  }

  truncate(size: number): void {
    this.#vfs.check('resize', this.path);
    this.#inner.truncate(size);
  }

  allocate(offset: number, length: number): void {
    this.#vfs.check('resize', this.path);
    this.#inner.allocate(offset, length);
  }

  punch(offset: number, length: number): boolean {
    this.#vfs.check('resize', this.path);
    return this.#inner.punch(offset, length);
  }

  punchAsync(offset: number, length: number, done: (error: unknown, punched: boolean) => void): void {
    const effect = this.#vfs.strike('resize', this.path);
    if (effect === undefined) this.#inner.punchAsync(offset, length, done);
    else this.#inner.readAsync(new Uint8Array(1), 0, 0, 0, () => done(failure(effect, this.path), false));
  }

  dataRanges(): number[] | undefined {
    return this.#inner.dataRanges();
  }

  close(): void {
    this.#inner.close();
  }

  discard(): void {
    this.#vfs.check('directory', this.path);
    this.#inner.discard();
  }
}

function failure(effect: FaultEffect, path: string): Error {
  if (effect === 'error') return fail('io_error', `could not access file "${path}": input/output error`);
  return fail('disk_full', `could not extend file "${path}": no space left on device`);
}
