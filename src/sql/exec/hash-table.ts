/**
 * A hash table from byte strings to entry numbers 0, 1, 2 …, for groups, joins, DISTINCT and set operations.
 *
 * Open addressing over typed arrays, split by the hash's top bits into 64 small tables that grow one by one, so that no
 * growth is a long stretch (law 9). Keys lie one behind the other in chunks; whatever else belongs to an entry is kept by
 * the caller in arrays indexed by entry number.
 *
 *   hash ── top 6 bits ──> table ── low bits ──> slot: entry + 1 (0 = empty)
 *   entry, four words side by side: hash | key chunk | key offset | key length
 */
import type { RowMemory } from '../../engine/record-port.ts';

/** The tables of a hash table: by the top six bits of the hash. */
export const TABLES = 64;
const CHUNK_BYTES = 65536;
const NO_TABLES: (Int32Array | undefined)[] = new Array<Int32Array | undefined>(TABLES).fill(undefined);
const NO_SIZES = new Int32Array(0);

/** What tells hashes of one table apart; with the entry's number it fills the 53 bits of an exact number. */
const HASH_IN_TABLE = 0x3ffffff;
const ENTRIES_MAX = 2 ** 27;

/** Slots of a table with its first entry. */
const SLOTS_MIN = 16;

const WORDS = 4;
const CHUNK = 1;
const OFFSET = 2;
const LENGTH = 3;

/** A hash of the bytes: four at a time, finished as murmur3 does. */
export function hashBytes(bytes: Uint8Array, start: number, end: number): number {
  let h = 0x811c9dc5 ^ (end - start);
  let i = start;
  for (const last = end - 3; i < last; i += 4) {
    const word = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    h = Math.imul(h ^ word, 0x9e3779b1);
    h ^= h >>> 15;
  }
  for (; i < end; i++) h = Math.imul(h ^ bytes[i]!, 0x01000193);
  h ^= h >>> 16;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

export class HashTable {
  /** Entries so far. */
  count = 0;
  readonly #memory: RowMemory;
  /** Made with the first entry: many tables never get one. */
  #tables: (Int32Array | undefined)[] = NO_TABLES;
  #sizes = NO_SIZES;
  #firstSlots = SLOTS_MIN;
  #entries = new Uint32Array(0);
  #chunks: Uint8Array[] = [];
  #free = CHUNK_BYTES;
  #charged = 0;
  readonly #expected: number;

  /** @param expected - entries, as far as anybody knows: room that is there from the start need not be moved later. */
  constructor(memory: RowMemory, expected = 0) {
    this.#memory = memory;
    this.#expected = expected;
  }

  /** The entry of a key, or −1. */
  find(key: Uint8Array, length: number): number {
    const hash = hashBytes(key, 0, length);
    const table = this.#tables[hash >>> 26];
    if (table === undefined) return -1;
    const mask = table.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const entry = table[slot]! - 1;
      if (entry < 0) return -1;
      if (this.#entries[entry * WORDS] === hash && this.#same(entry, key, length)) return entry;
    }
  }

  /** The entry of a key, made if it is new: then it equals the `count` before the call. */
  findOrAdd(key: Uint8Array, length: number): number {
    if (this.#tables === NO_TABLES) this.#begin();
    const hash = hashBytes(key, 0, length);
    const number = hash >>> 26;
    let table = this.#tables[number];
    if (table === undefined) {
      table = new Int32Array(this.#firstSlots);
      this.#tables[number] = table;
    }
    const mask = table.length - 1;
    let slot = hash & mask;
    for (; ; slot = (slot + 1) & mask) {
      const entry = table[slot]! - 1;
      if (entry < 0) break;
      if (this.#entries[entry * WORDS] === hash && this.#same(entry, key, length)) return entry;
    }
    const entry = this.#add(hash, key, length);
    table[slot] = entry + 1;
    const size = this.#sizes[number]! + 1;
    this.#sizes[number] = size;
    if (size * 2 > table.length) this.#grow(number, table);
    return entry;
  }

  #begin(): void {
    this.#tables = new Array<Int32Array | undefined>(TABLES).fill(undefined);
    this.#sizes = new Int32Array(TABLES);
    if (this.#expected <= SLOTS_MIN * TABLES) return;
    // Some tables get more than their share, and a table is at most half full.
    this.#firstSlots = 2 << (32 - Math.clz32(this.#expected / TABLES));
    this.#charge(this.#firstSlots * TABLES * 4);
    if (this.#entries.length > 0) return;
    this.#entries = new Uint32Array(this.#expected * WORDS);
    this.#charge(this.#entries.length * 4);
  }

  #same(entry: number, key: Uint8Array, length: number): boolean {
    const entries = this.#entries;
    const base = entry * WORDS;
    if (entries[base + LENGTH] !== length) return false;
    const chunk = this.#chunks[entries[base + CHUNK]!]!;
    const at = entries[base + OFFSET]!;
    for (let i = 0; i < length; i++) if (chunk[at + i] !== key[i]) return false;
    return true;
  }

  #add(hash: number, key: Uint8Array, length: number): number {
    if (this.#free + length > (this.#chunks[this.#chunks.length - 1]?.length ?? 0)) {
      const size = this.count < 256 && length < 4096 ? 4096 : Math.max(CHUNK_BYTES, length);
      this.#chunks.push(new Uint8Array(size));
      this.#charge(size);
      this.#free = 0;
    }
    const entry = this.count++;
    if (entry * WORDS === this.#entries.length) this.#growEntries();
    const last = this.#chunks.length - 1;
    const chunk = this.#chunks[last]!;
    for (let i = 0; i < length; i++) chunk[this.#free + i] = key[i]!;
    const entries = this.#entries;
    const base = entry * WORDS;
    entries[base] = hash;
    entries[base + CHUNK] = last;
    entries[base + OFFSET] = this.#free;
    entries[base + LENGTH] = length;
    this.#free += length;
    return entry;
  }

  #growEntries(): void {
    const size = Math.max(64 * WORDS, this.#entries.length * 2);
    const entries = new Uint32Array(size);
    entries.set(this.#entries);
    this.#entries = entries;
    this.#charge(size * 2);
  }

  #grow(number: number, old: Int32Array): void {
    const table = new Int32Array(old.length * 2);
    const mask = table.length - 1;
    for (let i = 0; i < old.length; i++) {
      const entry = old[i]! - 1;
      if (entry < 0) continue;
      let slot = this.#entries[entry * WORDS]! & mask;
      while (table[slot] !== 0) slot = (slot + 1) & mask;
      table[slot] = entry + 1;
    }
    this.#tables[number] = table;
    this.#charge(old.length * 4);
  }

  /** Entry numbers of one of the {@link TABLES} in order of their hashes; all of those in a lower table are lower. */
  entriesByHash(table: number): readonly number[] {
    const slots = this.#tables[table];
    if (slots === undefined) return [];
    const sorted = new Float64Array(this.#sizes[table]!);
    let n = 0;
    for (const slot of slots) {
      if (slot !== 0) sorted[n++] = (this.#entries[(slot - 1) * WORDS]! & HASH_IN_TABLE) * ENTRIES_MAX + slot - 1;
    }
    sorted.sort();
    return Array.from(sorted, (both) => both % ENTRIES_MAX);
  }

  hashOf(entry: number): number {
    return this.#entries[entry * WORDS]!;
  }

  /** An entry's key: the bytes that hold it, its place there and its length. */
  keyBytes(entry: number): Uint8Array {
    return this.#chunks[this.#entries[entry * WORDS + CHUNK]!]!;
  }

  keyAt(entry: number): number {
    return this.#entries[entry * WORDS + OFFSET]!;
  }

  keyLength(entry: number): number {
    return this.#entries[entry * WORDS + LENGTH]!;
  }

  #charge(bytes: number): void {
    this.#charged += bytes;
    this.#memory.charge(bytes);
  }

  clear(): void {
    this.#memory.usedBytes -= this.#charged;
    this.#charged = 0;
    this.count = 0;
    this.#tables = NO_TABLES;
    this.#sizes = NO_SIZES;
    this.#chunks = [];
    this.#free = CHUNK_BYTES;
    if (this.#entries.length > 4096 * WORDS) this.#entries = new Uint32Array(0);
  }
}
