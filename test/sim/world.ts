/**
 * The world of a simulation: a clock and a disk whose later turns come when the schedule says so.
 *
 *   clock.soon ──> queue, first in, first out ──┐
 *   file.…Async ──> operations in flight ───────┴──> the schedule lets one of them happen, a random one
 *
 * So a flush or a hole that is under way stays under way while sessions go on, and nothing depends on the event loop: one seed
 * is one course of events. What a power cut leaves is asked of the memory disk below, at any moment, without ending the run.
 */
import { ManualClock, type Timer } from '../../src/base/clock.ts';
import type { Prng } from '../../src/base/prng.ts';
import type { MemoryVfs } from '../../src/io/memory-vfs.ts';
import type { Done, OpenMode, Vfs, VfsFile, VfsLock } from '../../src/io/vfs.ts';

/** Time passes by looking at it, if at all; what is to happen soon waits for its turn. */
export class SimClock extends ManualClock {
  readonly #queue: (() => void)[] = [];
  readonly #msPerLook: number;
  #looks = 0;

  constructor(msPerLook = 0) {
    super();
    this.#msPerLook = msPerLook;
  }

  override monotonicMs(): number {
    return super.monotonicMs() + ++this.#looks * this.#msPerLook;
  }

  override soon(fire: () => void): void {
    this.#queue.push(fire);
  }

  /** How long a timer takes is nobody's business here: it fires in its turn. */
  override after(_delayMs: number, fire: () => void): Timer {
    let isCancelled = false;
    this.#queue.push(() => {
      if (!isCancelled) fire();
    });
    return {
      cancel: () => {
        isCancelled = true;
      },
    };
  }

  get pending(): number {
    return this.#queue.length;
  }

  fireNext(): void {
    this.#queue.shift()?.();
  }
}

/** A memory disk whose asynchronous operations are done one by one, in any order. */
export class SimVfs implements Vfs {
  readonly disk: MemoryVfs;
  readonly #inFlight: (() => void)[] = [];

  constructor(disk: MemoryVfs) {
    this.disk = disk;
  }

  get pending(): number {
    return this.#inFlight.length;
  }

  finishOne(prng: Prng): void {
    this.#inFlight.splice(prng.below(this.#inFlight.length), 1)[0]?.();
  }

  /** An operation that is done later; `done` hears how it went. */
  later(act: () => void, done: Done): void {
    this.#inFlight.push(() => {
      try {
        act();
      } catch (error) {
        done(error);
        return;
      }
      done();
    });
  }

  open(path: string, mode: OpenMode): VfsFile {
    return new SimFile(this, this.disk.open(path, mode));
  }

  exists(path: string): boolean {
    return this.disk.exists(path);
  }

  canonical(path: string): string {
    return this.disk.canonical(path);
  }

  list(directory: string): string[] {
    return this.disk.list(directory);
  }

  makeDirectory(path: string): void {
    this.disk.makeDirectory(path);
  }

  removeDirectory(path: string): void {
    this.disk.removeDirectory(path);
  }

  rename(from: string, to: string): void {
    this.disk.rename(from, to);
  }

  unlink(path: string): void {
    this.disk.unlink(path);
  }

  canPunch(): boolean {
    return this.disk.canPunch();
  }

  syncDirectory(path: string): void {
    this.disk.syncDirectory(path);
  }

  syncDirectoryAsync(path: string, done: Done): void {
    this.later(() => this.disk.syncDirectory(path), done);
  }

  lock(path: string): VfsLock {
    return this.disk.lock(path);
  }
}

class SimFile implements VfsFile {
  readonly path: string;
  readonly #vfs: SimVfs;
  readonly #file: VfsFile;

  constructor(vfs: SimVfs, file: VfsFile) {
    this.#vfs = vfs;
    this.#file = file;
    this.path = file.path;
  }

  read(into: Uint8Array, at: number, length: number, offset: number): number {
    return this.#file.read(into, at, length, offset);
  }

  readAsync(into: Uint8Array, at: number, length: number, offset: number, done: Done): void {
    // In two parts, between which others write: what is read may be halves of two versions.
    const half = Math.min(length, 512 * (1 + Math.floor(length / 1024)));
    const part = (from: number, to: number, then: Done): void => {
      this.#vfs.later(
        () => into.fill(0, at + from + this.read(into, at + from, to - from, offset + from), at + to),
        then,
      );
    };
    part(0, half, (error) => (error === undefined && half < length ? part(half, length, done) : done(error)));
  }

  write(from: Uint8Array, at: number, length: number, offset: number): void {
    this.#file.write(from, at, length, offset);
  }

  writeAsync(from: Uint8Array, at: number, length: number, offset: number, done: Done): void {
    this.#vfs.later(() => this.write(from, at, length, offset), done);
  }

  syncData(): void {
    this.#file.syncData();
  }

  syncDataAsync(done: Done): void {
    this.#vfs.later(() => this.syncData(), done);
  }

  size(): number {
    return this.#file.size();
  }

  diskBytes(): number {
    return this.#file.diskBytes();
  }

  truncate(size: number): void {
    this.#file.truncate(size);
  }

  allocate(offset: number, length: number): void {
    this.#file.allocate(offset, length);
  }

  punch(offset: number, length: number): boolean {
    return this.#file.punch(offset, length);
  }

  punchAsync(offset: number, length: number, done: (error: unknown, punched: boolean) => void): void {
    let punched = false;
    this.#vfs.later(
      () => {
        punched = this.punch(offset, length);
      },
      (error) => done(error, punched),
    );
  }

  dataRanges(): number[] | undefined {
    return this.#file.dataRanges();
  }

  close(): void {
    this.#file.close();
  }

  discard(): void {
    this.#file.discard();
  }
}
