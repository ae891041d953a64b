/**
 * A set of byte strings that answers at once whether one is new, however many there are: the rows that a recursive UNION has
 * seen.
 *
 *   table   in memory: the keys that came last                                     hash-table.ts
 *   runs    on disk, each in order of hash:  hash u32 | key length u32 | key
 *           fences in memory: the first hash of each page of about 4 KiB, and its offset
 *   filter  in memory, of fixed size: two bits per key on disk, so that a new key is seldom looked for there
 *
 * Between batches {@link KeySet.settle} writes the table as a run when the statement has more than `work_mem`; eight runs of one
 * level become one of the next, so there are few to ask. A key is in the table or in one run, never in two.
 */
import type { Task } from '../../base/task.ts';
import type { SpillFile } from '../../engine/spill-file.ts';
import { HashTable, hashBytes, TABLES } from './hash-table.ts';
import { newSpillFile, SPILL_ROWS_MIN, type SpillOwner, SpillReader } from './spill.ts';

const HEAD_BYTES = 8;
const PAGE_BYTES = 4096;
const MERGE_RUNS = 8;
const FILTER_BYTES_MIN = 8192;
const FILTER_BYTES_MAX = 8 << 20;
/** The filter's part of the statement's memory. */
const FILTER_SHARE = 8;
/** Keys written between two looks at the clock. */
const WRITE_KEYS = 256;
const FENCE_BYTES = 12;

const head = new Uint8Array(HEAD_BYTES);
const headView = new DataView(head.buffer);

/** Keys on disk in order of hash, looked up page by page. */
class KeyRun {
  readonly level: number;
  readonly #file: SpillFile;
  /** First hash and offset of each page; offsets grow beyond 32 bits. */
  #hashes = new Uint32Array(64);
  #offsets = new Float64Array(64);
  pages = 0;
  bytes = 0;

  constructor(owner: SpillOwner, level: number) {
    this.level = level;
    this.#file = newSpillFile(owner);
  }

  /** Appends a key; hashes ascend. */
  add(hash: number, key: Uint8Array, keyAt: number, keyLength: number): void {
    if (this.pages === 0 || this.bytes - this.#offsets[this.pages - 1]! >= PAGE_BYTES) this.#beginPage(hash);
    headView.setUint32(0, hash, true);
    headView.setUint32(4, keyLength, true);
    this.#file.append(head, 0, HEAD_BYTES);
    this.#file.append(key, keyAt, keyLength);
    this.bytes += HEAD_BYTES + keyLength;
  }

  #beginPage(hash: number): void {
    if (this.pages === this.#hashes.length) {
      const hashes = new Uint32Array(this.pages * 2);
      hashes.set(this.#hashes);
      this.#hashes = hashes;
      const offsets = new Float64Array(this.pages * 2);
      offsets.set(this.#offsets);
      this.#offsets = offsets;
    }
    this.#hashes[this.pages] = hash;
    this.#offsets[this.pages++] = this.bytes;
  }

  seal(): void {
    this.#file.seal();
  }

  reader(): SpillReader {
    return new SpillReader(this.#file, 0);
  }

  has(hash: number, key: Uint8Array, length: number): boolean {
    for (let page = this.#pageBefore(hash); page < this.pages && this.#hashes[page]! <= hash; page++) {
      const found = this.#inPage(page, hash, key, length);
      if (found !== undefined) return found;
    }
    return false;
  }

  /** The last page that begins below the hash, for equal hashes may go over a page's end; else the first. */
  #pageBefore(hash: number): number {
    let low = 0;
    for (let high = this.pages; low < high; ) {
      const middle = (low + high) >>> 1;
      if (this.#hashes[middle]! < hash) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }

  /** Undefined = the next page must tell. */
  #inPage(page: number, hash: number, key: Uint8Array, length: number): boolean | undefined {
    const from = this.#offsets[page]!;
    const bytes = (page + 1 < this.pages ? this.#offsets[page + 1]! : this.bytes) - from;
    if (bytes > pageBytes.length) {
      pageBytes = new Uint8Array(bytes);
      pageView = new DataView(pageBytes.buffer);
    }
    this.#file.read(pageBytes, 0, bytes, from);
    for (let at = 0; at < bytes; ) {
      const other = pageView.getUint32(at, true);
      if (other > hash) return false;
      const otherLength = pageView.getUint32(at + 4, true);
      at += HEAD_BYTES;
      if (other === hash && otherLength === length && isSame(pageBytes, at, key, length)) return true;
      at += otherLength;
    }
    return undefined;
  }

  close(): void {
    this.#file.close();
  }
}

/** The page that was read last; nothing of it is kept. */
let pageBytes = new Uint8Array(2 * PAGE_BYTES);
let pageView = new DataView(pageBytes.buffer);

function isSame(bytes: Uint8Array, at: number, key: Uint8Array, length: number): boolean {
  for (let i = 0; i < length; i++) if (bytes[at + i] !== key[i]) return false;
  return true;
}

export class KeySet {
  readonly #owner: SpillOwner;
  readonly #table: HashTable;
  #runs: KeyRun[] = [];
  #filter = new Uint8Array(0);
  #charged = 0;

  constructor(owner: SpillOwner) {
    this.#owner = owner;
    this.#table = new HashTable(owner.state.memory);
  }

  /** Adds a key; false when it was there before. @throws 58030 when a temporary file cannot be read */
  add(key: Uint8Array, length: number): boolean {
    const before = this.#table.count;
    if (this.#runs.length === 0) return this.#table.findOrAdd(key, length) === before;
    if (this.#table.find(key, length) >= 0 || this.#isOnDisk(key, length)) return false;
    this.#table.findOrAdd(key, length);
    return true;
  }

  #isOnDisk(key: Uint8Array, length: number): boolean {
    const hash = hashBytes(key, 0, length);
    if (!this.#isInFilter(hash)) return false;
    for (let i = this.#runs.length - 1; i >= 0; i--) if (this.#runs[i]!.has(hash, key, length)) return true;
    return false;
  }

  /** Call between batches: writes what is in memory to disk when there is too much of it. */
  *settle(): Task<void> {
    if (this.#owner.state.memory.exceeded && this.#table.count >= SPILL_ROWS_MIN) yield* this.#spill();
  }

  *#spill(): Task<void> {
    const { state } = this.#owner;
    const table = this.#table;
    if (this.#filter.length === 0) this.#makeFilter();
    const run = this.#newRun(0);
    for (let t = 0; t < TABLES; t++) {
      const entries = table.entriesByHash(t);
      for (const entry of entries) {
        const hash = table.hashOf(entry);
        run.add(hash, table.keyBytes(entry), table.keyAt(entry), table.keyLength(entry));
        this.#setInFilter(hash);
      }
      if (state.spent(entries.length)) yield state.session.slice();
    }
    table.clear();
    this.#finish(run);
    while (this.#runs.length >= MERGE_RUNS && this.#runs.at(-MERGE_RUNS)!.level === this.#runs.at(-1)!.level)
      yield* this.#mergeLast();
  }

  #newRun(level: number): KeyRun {
    const run = new KeyRun(this.#owner, level);
    // It is listed while it is written, so that whatever ends the statement closes it.
    this.#runs.push(run);
    return run;
  }

  #finish(run: KeyRun): void {
    run.seal();
    this.#owner.spilledBytes += run.bytes;
    this.#charge(run.pages * FENCE_BYTES);
  }

  /** The last runs, all of one level, become one of the next. */
  *#mergeLast(): Task<void> {
    const { state } = this.#owner;
    const sources = this.#runs.slice(-MERGE_RUNS);
    const merged = this.#newRun(sources[0]!.level + 1);
    const readers = sources.map((run) => run.reader()).filter((reader) => reader.fill(HEAD_BYTES));
    for (let n = 1; readers.length > 0; n++) {
      let least = 0;
      for (let i = 1; i < readers.length; i++) if (nextHash(readers[i]!) < nextHash(readers[least]!)) least = i;
      const reader = readers[least]!;
      const length = reader.view.getUint32(reader.at + 4, true);
      reader.fill(HEAD_BYTES + length);
      merged.add(nextHash(reader), reader.bytes, reader.at + HEAD_BYTES, length);
      reader.at += HEAD_BYTES + length;
      if (!reader.fill(HEAD_BYTES)) readers.splice(least, 1);
      if (n % WRITE_KEYS === 0 && state.spent(WRITE_KEYS)) yield state.session.slice();
    }
    for (const source of sources) {
      source.close();
      this.#charge(-source.pages * FENCE_BYTES);
    }
    this.#runs.splice(this.#runs.length - 1 - MERGE_RUNS, MERGE_RUNS);
    this.#finish(merged);
  }

  #makeFilter(): void {
    const share = Math.min(this.#owner.state.memory.limitBytes / FILTER_SHARE, FILTER_BYTES_MAX);
    let bytes = FILTER_BYTES_MIN;
    while (bytes * 2 <= share) bytes *= 2;
    this.#filter = new Uint8Array(bytes);
    this.#charge(bytes);
  }

  #setInFilter(hash: number): void {
    const filter = this.#filter;
    const mask = filter.length * 8 - 1;
    const first = hash & mask;
    const second = otherBit(hash) & mask;
    filter[first >>> 3] = filter[first >>> 3]! | (1 << (first & 7));
    filter[second >>> 3] = filter[second >>> 3]! | (1 << (second & 7));
  }

  #isInFilter(hash: number): boolean {
    const filter = this.#filter;
    const mask = filter.length * 8 - 1;
    const first = hash & mask;
    const second = otherBit(hash) & mask;
    return (filter[first >>> 3]! & (1 << (first & 7))) !== 0 && (filter[second >>> 3]! & (1 << (second & 7))) !== 0;
  }

  #charge(bytes: number): void {
    this.#charged += bytes;
    if (bytes > 0) this.#owner.state.memory.charge(bytes);
    else this.#owner.state.memory.usedBytes += bytes;
  }

  close(): void {
    this.#table.clear();
    for (const run of this.#runs) run.close();
    this.#runs = [];
    this.#filter = new Uint8Array(0);
    this.#owner.state.memory.usedBytes -= this.#charged;
    this.#charged = 0;
  }
}

function nextHash(reader: SpillReader): number {
  return reader.view.getUint32(reader.at, true);
}

function otherBit(hash: number): number {
  const h = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return (h ^ (h >>> 12)) >>> 0;
}
