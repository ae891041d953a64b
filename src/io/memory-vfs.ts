/**
 * A disk in memory that can lose power, for every test that asks "and if it crashes here?".
 *
 * Model (sector = 512 bytes):
 *
 *   file        its current bytes, and for each sector written since the last sync all contents that it had since then
 *   power cut   each such sector independently takes one content of its own history: loss, tearing and reordering at once,
 *               but never a state that the sector did not have
 *   size        takes one of its values since the last sync, independently of the data; a part that was never written reads
 *               as zeros or junk
 *   hole        zeros, one more content in the sector's history: so it may become durable before earlier writes
 *   directory   creations, renames and removals since the directory's last sync: a prefix of them survives
 *
 * `cutAt(n)` makes the n-th following operation fail half-way with {@link PowerCut}, and each one after it.
 */
import { fail } from '../base/errors.ts';
import type { Prng } from '../base/prng.ts';
import { type Done, directoryOf, type OpenMode, type Vfs, type VfsFile, type VfsLock } from './vfs.ts';

const SECTOR = 512;

/** The power went off: everything that the process still does is lost. */
export class PowerCut extends Error {
  override readonly name = 'PowerCut';
}

class Inode {
  bytes = new Uint8Array(0);
  size = 0;
  /** Per sector: its contents since the last sync, oldest first; the first is the durable one. */
  history = new Map<number, Uint8Array[]>();
  /** Sizes since the last sync, the first is the durable one. */
  sizes: number[] = [0];
  /** Sectors without space on the disk. */
  readonly holes = new Set<number>();

  /** Bytes that it takes from the disk. */
  get allocated(): number {
    let holes = 0;
    for (const sector of this.holes) if (sector * SECTOR < this.size) holes++;
    return this.size - holes * SECTOR;
  }

  /** Holes in a range: what filling it takes. */
  holesIn(offset: number, length: number): number {
    if (this.holes.size === 0) return 0;
    let count = 0;
    for (let s = Math.floor(offset / SECTOR); s * SECTOR < offset + length; s++) if (this.holes.has(s)) count++;
    return count;
  }

  fill(offset: number, length: number): void {
    if (this.holes.size === 0) return;
    for (let s = Math.floor(offset / SECTOR); s * SECTOR < offset + length; s++) this.holes.delete(s);
  }

  reserve(size: number): void {
    if (size <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(Math.ceil(size / SECTOR) * SECTOR, this.bytes.length * 2));
    grown.set(this.bytes);
    this.bytes = grown;
  }

  resize(size: number): void {
    this.reserve(size);
    if (size < this.size) this.change(size, this.size - size, undefined, 0);
    this.size = size;
    this.sizes.push(size);
  }

  /** Changes a range, to zeros when `from` is undefined, and remembers the contents of its sectors. */
  change(offset: number, length: number, from: Uint8Array | undefined, at: number): void {
    if (length === 0) return;
    this.reserve(offset + length);
    const first = Math.floor(offset / SECTOR);
    const last = Math.floor((offset + length - 1) / SECTOR);
    for (let s = first; s <= last; s++) if (!this.history.has(s)) this.history.set(s, [this.sector(s)]);
    if (from === undefined) this.bytes.fill(0, offset, offset + length);
    else this.bytes.set(from.subarray(at, at + length), offset);
    for (let s = first; s <= last; s++) this.history.get(s)?.push(this.sector(s));
  }

  sector(index: number): Uint8Array {
    return this.bytes.slice(index * SECTOR, (index + 1) * SECTOR);
  }

  sync(): void {
    this.history.clear();
    this.sizes = [this.size];
  }

  /** What a power cut leaves of this file. */
  damaged(prng: Prng): Inode {
    const left = new Inode();
    left.size = prng.pick(this.sizes);
    left.sizes = [left.size];
    left.reserve(Math.max(left.size, this.bytes.length));
    left.bytes.set(this.bytes);
    const durableSize = this.sizes[0] ?? 0;
    for (const [index, contents] of this.history) {
      const chosen = prng.pick(contents);
      left.bytes.set(chosen, index * SECTOR);
      const unwritten = index * SECTOR >= durableSize && chosen === contents[0];
      if (unwritten && prng.chance(0.3)) prng.fill(left.bytes.subarray(index * SECTOR, (index + 1) * SECTOR));
    }
    left.bytes.fill(0, left.size);
    for (const s of this.holes) if (left.sector(s).every((b) => b === 0)) left.holes.add(s);
    return left;
  }
}

type DirectoryChange = { readonly directory: string; readonly path: string; readonly inode: Inode | undefined };

/** A memory disk; also a {@link Vfs}. */
export class MemoryVfs implements Vfs {
  #entries = new Map<string, Inode>();
  #durable = new Map<string, Inode>();
  #changes: DirectoryChange[][] = [];
  readonly #directories = new Set<string>(['.', '/']);
  readonly #locks = new Set<string>();
  #operations = 0;
  #cutAt = Number.POSITIVE_INFINITY;
  #prng: Prng | undefined;
  /** Bytes that the disk holds at most; growing past it fails with `disk_full`. */
  capacityBytes: number = Number.POSITIVE_INFINITY;
  /** False: a file system that knows no holes. */
  holes = true;

  /** Operations counted so far: each call that changes or syncs something is one. */
  get operations(): number {
    return this.#operations;
  }

  /** Makes the n-th operation from now the last one: it is done half, and throws {@link PowerCut}. */
  cutAt(n: number, prng: Prng): void {
    this.#cutAt = this.#operations + n;
    this.#prng = prng;
  }

  /** The disk as it comes up after a power cut now. */
  afterPowerCut(prng: Prng): MemoryVfs {
    const next = new MemoryVfs();
    const names = new Map(this.#durable);
    const stop = prng.below(this.#changes.length + 1);
    for (const change of this.#changes.slice(0, stop)) for (const part of change) put(names, part.path, part.inode);
    const survivors = new Map<Inode, Inode>();
    for (const [path, inode] of names) {
      const left = survivors.get(inode) ?? inode.damaged(prng);
      survivors.set(inode, left);
      next.#entries.set(path, left);
    }
    next.#durable = new Map(next.#entries);
    for (const directory of this.#directories) next.#directories.add(directory);
    next.capacityBytes = this.capacityBytes;
    next.holes = this.holes;
    return next;
  }

  open(path: string, mode: OpenMode): VfsFile {
    let inode = this.#entries.get(path);
    if (inode !== undefined && mode === 'new') throw fail('duplicate_file', `file "${path}" exists`);
    if (inode === undefined) {
      if (mode === 'read' || mode === 'write')
        throw fail('undefined_file', `could not open file "${path}": no such file`);
      this.step();
      inode = new Inode();
      this.#change([{ directory: directoryOf(path), path, inode }]);
    }
    return new MemoryFile(this, path, inode);
  }

  exists(path: string): boolean {
    return this.#entries.has(path);
  }

  canonical(path: string): string {
    return path;
  }

  list(directory: string): string[] {
    const names = [];
    for (const path of this.#entries.keys()) {
      if (directoryOf(path) === directory) names.push(path.slice(path.lastIndexOf('/') + 1));
    }
    return names.sort();
  }

  makeDirectory(path: string): void {
    this.#directories.add(path);
  }

  removeDirectory(path: string): void {
    if (this.list(path).length === 0) this.#directories.delete(path);
  }

  rename(from: string, to: string): void {
    const inode = this.#entries.get(from);
    if (inode === undefined) throw fail('undefined_file', `could not rename file "${from}": no such file`);
    this.step();
    this.#change([
      { directory: directoryOf(from), path: from, inode: undefined },
      { directory: directoryOf(to), path: to, inode },
    ]);
  }

  unlink(path: string): void {
    if (!this.#entries.has(path)) throw fail('undefined_file', `could not remove file "${path}": no such file`);
    this.step();
    this.#change([{ directory: directoryOf(path), path, inode: undefined }]);
  }

  syncDirectory(path: string): void {
    this.step();
    const rest = [];
    for (const change of this.#changes) {
      if (change.some((part) => part.directory === path)) for (const p of change) put(this.#durable, p.path, p.inode);
      else rest.push(change);
    }
    this.#changes = rest;
  }

  syncDirectoryAsync(path: string, done: Done): void {
    later(done, () => this.syncDirectory(path));
  }

  canPunch(): boolean {
    return this.holes;
  }

  lock(path: string): VfsLock {
    if (this.#locks.has(path)) throw fail('object_in_use', `database file "${path}" is in use`);
    this.#locks.add(path);
    return { release: () => this.#locks.delete(path) };
  }

  /** Bytes that all files together take; holes take none. */
  usedBytes(): number {
    let sum = 0;
    for (const inode of this.#entries.values()) sum += inode.allocated;
    return sum;
  }

  /** Counts an operation. Called by the files; `half` does the part that still happens when the power goes off in it. */
  step(half?: (prng: Prng) => void): void {
    this.#operations++;
    if (this.#operations < this.#cutAt) return;
    if (this.#operations === this.#cutAt && this.#prng !== undefined) half?.(this.#prng);
    throw new PowerCut('power cut');
  }

  #change(parts: DirectoryChange[]): void {
    for (const part of parts) put(this.#entries, part.path, part.inode);
    this.#changes.push(parts);
  }
}

class MemoryFile implements VfsFile {
  readonly path: string;
  readonly #disk: MemoryVfs;
  readonly #inode: Inode;

  constructor(disk: MemoryVfs, path: string, inode: Inode) {
    this.#disk = disk;
    this.path = path;
    this.#inode = inode;
  }

  read(into: Uint8Array, at: number, length: number, offset: number): number {
    const n = Math.max(0, Math.min(length, this.#inode.size - offset));
    into.set(this.#inode.bytes.subarray(offset, offset + n), at);
    return n;
  }

  readAsync(into: Uint8Array, at: number, length: number, offset: number, done: Done): void {
    later(done, () => into.fill(0, at + this.read(into, at, length, offset), at + length));
  }

  write(from: Uint8Array, at: number, length: number, offset: number): void {
    this.#disk.step((prng) => this.#write(from, at, prng.below(length + 1), offset));
    this.#write(from, at, length, offset);
  }

  writeAsync(from: Uint8Array, at: number, length: number, offset: number, done: Done): void {
    later(done, () => this.write(from, at, length, offset));
  }

  syncData(): void {
    this.#disk.step();
    this.#inode.sync();
  }

  syncDataAsync(done: Done): void {
    later(done, () => this.syncData());
  }

  size(): number {
    return this.#inode.size;
  }

  diskBytes(): number {
    return this.#inode.allocated;
  }

  truncate(size: number): void {
    this.#disk.step();
    this.#room(size);
    this.#inode.resize(size);
  }

  allocate(offset: number, length: number): void {
    this.#disk.step();
    this.#room(offset + length, offset, length);
    this.#inode.fill(offset, length);
    if (offset + length > this.#inode.size) this.#inode.resize(offset + length);
  }

  punch(offset: number, length: number): boolean {
    if (!this.#disk.holes) return false;
    this.#disk.step((prng) => this.#punch(offset, prng.below(length + 1)));
    this.#punch(offset, length);
    return true;
  }

  punchAsync(offset: number, length: number, done: (error: unknown, punched: boolean) => void): void {
    let punched = false;
    later(
      (error) => done(error, punched),
      () => {
        punched = this.punch(offset, length);
      },
    );
  }

  dataRanges(): number[] {
    const ranges: number[] = [];
    for (let at = 0; at < this.#inode.size; at += SECTOR) {
      if (this.#inode.holes.has(at / SECTOR)) continue;
      const end = ranges.length === 0 ? -1 : ranges[ranges.length - 2]! + ranges[ranges.length - 1]!;
      if (end === at) ranges[ranges.length - 1]! += SECTOR;
      else ranges.push(at, SECTOR);
    }
    return ranges;
  }

  close(): void {}

  discard(): void {
    this.#disk.unlink(this.path);
  }

  #punch(offset: number, length: number): void {
    const end = Math.min(offset + length, this.#inode.size);
    this.#inode.change(offset, Math.max(0, end - offset), undefined, 0);
    for (let s = Math.ceil(offset / SECTOR); (s + 1) * SECTOR <= end; s++) this.#inode.holes.add(s);
  }

  #write(from: Uint8Array, at: number, length: number, offset: number): void {
    this.#room(offset + length, offset, length);
    this.#inode.fill(offset, length);
    this.#inode.change(offset, length, from, at);
    if (offset + length > this.#inode.size) this.#inode.resize(offset + length);
  }

  /** Is there room for a file of `size` bytes, with the holes between `offset` and `offset + length` filled? */
  #room(size: number, offset = 0, length = 0): void {
    if (this.#disk.capacityBytes === Number.POSITIVE_INFINITY) return;
    const more = Math.max(0, size - this.#inode.size) + this.#inode.holesIn(offset, length) * SECTOR;
    if (more > 0 && this.#disk.usedBytes() + more > this.#disk.capacityBytes) {
      throw fail('disk_full', `could not extend file "${this.path}": no space left on device`);
    }
  }
}

function put(entries: Map<string, Inode>, path: string, inode: Inode | undefined): void {
  if (inode === undefined) entries.delete(path);
  else entries.set(path, inode);
}

function later(done: Done, act: () => void): void {
  setImmediate(() => {
    try {
      act();
    } catch (error) {
      done(error);
      return;
    }
    done();
  });
}
