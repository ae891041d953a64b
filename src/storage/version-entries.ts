/**
 * Where the entries of the version store lie, and how they are written and read; the chains that they hang in are
 * version-store.ts' own.
 *
 *   chunk    256 KiB of entries, appended; recycled when its last entry goes. Beyond the memory's limit the oldest chunks go to
 *            a temporary file (`version-spill.ts`), from where single entries are read
 *   address  u32: (chunk × 256 KiB + offset) / 8; 0 = none
 *   entry    in bucket u32 | older u32 | of transaction u32 | hash u32 | transaction u64 | LSN u64 | tree u32 | command u32 |
 *            key u16 | before u16 | moved u16 | kind u8 | mode u8 | key | before | moved
 *
 * No object is made per entry.
 */
import type { Vfs } from '../io/vfs.ts';
import { readU64, writeU64 } from './layout.ts';
import { copyBytes } from './page.ts';
import { type EntryLayout, VersionSpill } from './version-spill.ts';

const CHUNK_BYTES = 256 << 10;
const UNIT = 8;
const UNITS_PER_CHUNK = CHUNK_BYTES / UNIT;

const BUCKET_AT = 0;
const OLDER_AT = 4;
const PREVIOUS_AT = 8;
const HASH_AT = 12;
const TRANSACTION_AT = 16;
const LSN_AT = 24;
export const TREE_AT = 32;
const COMMAND_AT = 36;
export const KEY_BYTES_AT = 40;
const BEFORE_BYTES_AT = 42;
const MOVED_BYTES_AT = 44;
const KIND_AT = 46;
const MODE_AT = 47;
export const DATA_AT = 48;

/** Two keys and a record of the largest pages, about 49 KiB, and more. */
const ENTRY_BYTES_MAX = 64 << 10;
/** Addresses have 32 bits. */
const CHUNKS_MAX = 2 ** 32 / UNITS_PER_CHUNK - 1;
const LAYOUT: EntryLayout = { chunkBytes: CHUNK_BYTES, headBytes: DATA_AT, lengthAt };

/** The row did not exist before. */
export const VERSION_INSERT = 1;
export const VERSION_UPDATE = 2;
export const VERSION_DELETE = 3;
/** Stands in a transaction's chain for a run of bulk-inserted keys; `tree` holds the run's number. */
export const VERSION_RUN = 4;
export type VersionKind = 1 | 2 | 3 | 4;

/** Entries in chunks, by address. */
export class VersionEntries {
  /** What chunks in memory may take. */
  readonly limitBytes: number;
  readonly #spill: VersionSpill;
  /** By number; undefined = on disk, or none. */
  #chunks: (Uint8Array | undefined)[] = [];
  #views: (DataView | undefined)[] = [];
  #live: number[] = [];
  /** Numbers of chunks that are none. */
  #freeNumbers: number[] = [];
  /** Chunks in memory, oldest first. */
  readonly #held: Set<number> = new Set();
  #spare: { bytes: Uint8Array; view: DataView } | undefined;
  #current = -1;
  #at = CHUNK_BYTES;
  #entries = 0;

  /** @param spillBytes - what the temporary file at `spillPath` may take. */
  constructor(limitBytes: number, vfs: Vfs, spillPath: string, spillBytes: number) {
    this.limitBytes = limitBytes;
    this.#spill = new VersionSpill(vfs, spillPath, spillBytes, LAYOUT);
  }

  /** Entries held; 0 at rest. */
  get entries(): number {
    return this.#entries;
  }

  get heldBytes(): number {
    return this.#held.size * CHUNK_BYTES;
  }

  get spilledBytes(): number {
    return this.#spill.bytes;
  }

  /** False while no entry is on disk. */
  protected get hasSpilled(): boolean {
    return this.#spill.chunks > 0;
  }

  get spillLimitBytes(): number {
    return this.#spill.limitBytes;
  }

  /** Is there room in memory for one more entry, whatever its size? */
  hasRoom(): boolean {
    return this.#held.size * CHUNK_BYTES < this.limitBytes || this.#at + ENTRY_BYTES_MAX <= CHUNK_BYTES;
  }

  /** Makes room by writing the oldest chunks to disk; false = the file may grow no more. @throws 53100, 58030 */
  makeRoom(): boolean {
    while (!this.hasRoom()) {
      if (!this.#spill.hasRoom() || this.#chunks.length >= CHUNKS_MAX) return false;
      for (const chunk of this.#held) {
        if (chunk === this.#current) this.#closeCurrent();
        if (!this.#held.has(chunk)) break;
        this.#spill.put(chunk, this.#chunks[chunk]!, CHUNK_BYTES);
        // Whoever looks at its bytes may go on: they are not used for another chunk.
        this.#chunks[chunk] = undefined;
        this.#views[chunk] = undefined;
        this.#held.delete(chunk);
        break;
      }
    }
    return true;
  }

  #closeCurrent(): void {
    const finished = this.#current;
    this.#current = -1;
    this.#at = CHUNK_BYTES;
    if (this.#live[finished] === 0) this.#freeChunk(finished);
  }

  /** Lets go of entries read back from disk; they must not be about to change. @throws 53100, 58030 */
  letGo(): void {
    if (this.#spill.isOverfull) this.#spill.settle(placeOf);
  }

  /** As {@link letGo}, for readers: what cannot be written stays. */
  letGoIfPossible(): void {
    if (!this.#spill.isOverfull) return;
    try {
      this.#spill.settle(placeOf);
    } catch {
      // The next change meets the same error, and can report it.
    }
  }

  /** Can an entry be read and changed without asking the disk? */
  isAtHand(address: number): boolean {
    return this.#views[(address / UNITS_PER_CHUNK) | 0] !== undefined || this.#spill.isLoaded(address);
  }

  bytesOf(address: number): Uint8Array {
    const chunk = (address / UNITS_PER_CHUNK) | 0;
    return this.#chunks[chunk] ?? this.#spill.entry(address, chunk, offsetOf(address)).bytes;
  }

  viewOf(address: number): DataView {
    const chunk = (address / UNITS_PER_CHUNK) | 0;
    return this.#views[chunk] ?? this.#spill.entry(address, chunk, offsetOf(address)).view;
  }

  /** Where an entry begins in `bytesOf` and `viewOf`. */
  protected offset(address: number): number {
    return this.#views[(address / UNITS_PER_CHUNK) | 0] === undefined ? 0 : offsetOf(address);
  }

  /** An entry on disk was changed in memory. */
  #noteChange(address: number): void {
    const chunk = (address / UNITS_PER_CHUNK) | 0;
    if (this.#views[chunk] === undefined) this.#spill.entry(address, chunk, offsetOf(address)).changed = true;
  }

  protected hashOf(address: number): number {
    return this.viewOf(address).getUint32(this.offset(address) + HASH_AT, true);
  }

  protected nextOf(address: number): number {
    return this.viewOf(address).getUint32(this.offset(address) + BUCKET_AT, true);
  }

  protected setNextOf(address: number, next: number): void {
    this.viewOf(address).setUint32(this.offset(address) + BUCKET_AT, next, true);
    this.#noteChange(address);
  }

  protected setOlder(address: number, older: number): void {
    this.viewOf(address).setUint32(this.offset(address) + OLDER_AT, older, true);
    this.#noteChange(address);
  }

  transactionOf(address: number): number {
    return readU64(this.viewOf(address), this.offset(address) + TRANSACTION_AT);
  }

  lsnOf(address: number): number {
    return readU64(this.viewOf(address), this.offset(address) + LSN_AT);
  }

  commandOf(address: number): number {
    return this.viewOf(address).getUint32(this.offset(address) + COMMAND_AT, true);
  }

  treeOf(address: number): number {
    return this.viewOf(address).getUint32(this.offset(address) + TREE_AT, true);
  }

  olderOf(address: number): number {
    return this.viewOf(address).getUint32(this.offset(address) + OLDER_AT, true);
  }

  /** The entry that the same transaction made before this one. */
  previousOf(address: number): number {
    return this.viewOf(address).getUint32(this.offset(address) + PREVIOUS_AT, true);
  }

  setPrevious(address: number, previous: number): void {
    this.viewOf(address).setUint32(this.offset(address) + PREVIOUS_AT, previous, true);
    this.#noteChange(address);
  }

  kindOf(address: number): number {
    return this.viewOf(address).getUint8(this.offset(address) + KIND_AT);
  }

  /** Row lock mode that the change stands for while its transaction is open. */
  modeOf(address: number): number {
    return this.viewOf(address).getUint8(this.offset(address) + MODE_AT);
  }

  keyBytesOf(address: number): number {
    return this.viewOf(address).getUint16(this.offset(address) + KEY_BYTES_AT, true);
  }

  /** Offset of the key in `bytesOf`. */
  keyAt(address: number): number {
    return this.offset(address) + DATA_AT;
  }

  beforeBytesOf(address: number): number {
    return this.viewOf(address).getUint16(this.offset(address) + BEFORE_BYTES_AT, true);
  }

  beforeAt(address: number): number {
    return this.offset(address) + DATA_AT + this.keyBytesOf(address);
  }

  /** The new key, when the change moved the row; a copy. */
  movedOf(address: number): Uint8Array | undefined {
    const length = this.viewOf(address).getUint16(this.offset(address) + MOVED_BYTES_AT, true);
    if (length === 0) return undefined;
    const at = this.beforeAt(address) + this.beforeBytesOf(address);
    return this.bytesOf(address).slice(at, at + length);
  }

  /** Writes an entry that hangs in no chain. There must be room. @returns its address */
  protected write(
    kind: VersionKind,
    mode: number,
    transaction: number,
    previous: number,
    lsn: number,
    command: number,
    tree: number,
    hash: number,
    key: Uint8Array,
    keyBytes: number,
    before: Uint8Array,
    beforeStart: number,
    beforeBytes: number,
    moved: Uint8Array | undefined,
  ): number {
    const movedBytes = moved === undefined ? 0 : moved.length;
    const total = (DATA_AT + keyBytes + beforeBytes + movedBytes + UNIT - 1) & -UNIT;
    if (this.#at + total > CHUNK_BYTES) this.#openChunk();
    const at = this.#at;
    this.#at += total;
    const address = (this.#current * CHUNK_BYTES + at) / UNIT;
    const view = this.#views[this.#current]!;
    const bytes = this.#chunks[this.#current]!;
    view.setUint32(at + PREVIOUS_AT, previous, true);
    view.setUint32(at + HASH_AT, hash, true);
    writeU64(view, at + TRANSACTION_AT, transaction);
    writeU64(view, at + LSN_AT, lsn);
    view.setUint32(at + TREE_AT, tree, true);
    view.setUint32(at + COMMAND_AT, command, true);
    view.setUint16(at + KEY_BYTES_AT, keyBytes, true);
    view.setUint16(at + BEFORE_BYTES_AT, beforeBytes, true);
    view.setUint16(at + MOVED_BYTES_AT, movedBytes, true);
    view.setUint8(at + KIND_AT, kind);
    view.setUint8(at + MODE_AT, mode);
    copyBytes(key, 0, bytes, at + DATA_AT, keyBytes);
    copyBytes(before, beforeStart, bytes, at + DATA_AT + keyBytes, beforeBytes);
    if (moved !== undefined) copyBytes(moved, 0, bytes, at + DATA_AT + keyBytes + beforeBytes, movedBytes);
    view.setUint32(at + OLDER_AT, 0, true);
    view.setUint32(at + BUCKET_AT, 0, true);
    this.#live[this.#current]!++;
    this.#entries++;
    return address;
  }

  /** Frees the place of an entry that hangs in no chain any more. */
  protected free(address: number): void {
    this.#entries--;
    const chunk = (address / UNITS_PER_CHUNK) | 0;
    const live = this.#live[chunk]! - 1;
    this.#live[chunk] = live;
    if (live === 0 && chunk !== this.#current) this.#freeChunk(chunk);
  }

  #openChunk(): void {
    if (this.#current >= 0) this.#closeCurrent();
    const bytes = this.#spare?.bytes ?? new Uint8Array(CHUNK_BYTES);
    const view = this.#spare?.view ?? new DataView(bytes.buffer);
    this.#spare = undefined;
    const index = this.#freeNumbers.pop() ?? this.#chunks.length;
    this.#chunks[index] = bytes;
    this.#views[index] = view;
    this.#live[index] = 0;
    this.#current = index;
    this.#held.add(index);
    // Address 0 means "none", so the first unit of the first chunk stays unused.
    this.#at = index === 0 ? UNIT : 0;
  }

  #freeChunk(index: number): void {
    const bytes = this.#chunks[index];
    const view = this.#views[index];
    if (bytes !== undefined && view !== undefined) this.#spare = { bytes, view };
    else this.#spill.drop(index, index * UNITS_PER_CHUNK, UNITS_PER_CHUNK);
    this.#chunks[index] = undefined;
    this.#views[index] = undefined;
    this.#held.delete(index);
    this.#freeNumbers.push(index);
  }

  /** Forgets everything. */
  close(): void {
    this.#spill.close();
  }
}

function lengthAt(view: DataView, at: number): number {
  return (
    DATA_AT +
    view.getUint16(at + KEY_BYTES_AT, true) +
    view.getUint16(at + BEFORE_BYTES_AT, true) +
    view.getUint16(at + MOVED_BYTES_AT, true)
  );
}

function placeOf(address: number): { readonly chunk: number; readonly offset: number } {
  return { chunk: (address / UNITS_PER_CHUNK) | 0, offset: offsetOf(address) };
}

function offsetOf(address: number): number {
  return (address % UNITS_PER_CHUNK) * UNIT;
}
