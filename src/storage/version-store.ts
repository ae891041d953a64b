/**
 * Before-images of changed rows, in memory, so that snapshots see the past and rollback finds its way.
 *
 *   chunk    256 KiB of entries, appended; recycled when its last entry goes
 *   address  u32: (chunk × 256 KiB + offset) / 8; 0 = none
 *   entry    in bucket u32 | older u32 | of transaction u32 | hash u32 | transaction u64 | LSN u64 | tree u32 | command u32 |
 *            key u16 | before u16 | moved u16 | kind u8 | mode u8 | key | before | moved
 *
 * One chain per key, newest first: an entry says which transaction made the next newer state and what was before it. Only the
 * newest entry of a key hangs in a hash bucket. A transaction's entries are chained too: rollback walks them backwards. No
 * object is made per entry.
 */
import { assert } from '../base/assert.ts';
import { readU64, writeU64 } from './layout.ts';
import { copyBytes } from './page.ts';

const CHUNK_BYTES = 256 << 10;
const UNIT = 8;
const UNITS_PER_CHUNK = CHUNK_BYTES / UNIT;

const BUCKET_AT = 0;
const OLDER_AT = 4;
const PREVIOUS_AT = 8;
const HASH_AT = 12;
const TRANSACTION_AT = 16;
const LSN_AT = 24;
const TREE_AT = 32;
const COMMAND_AT = 36;
const KEY_BYTES_AT = 40;
const BEFORE_BYTES_AT = 42;
const MOVED_BYTES_AT = 44;
const KIND_AT = 46;
const MODE_AT = 47;
const DATA_AT = 48;

/** The row did not exist before. */
export const VERSION_INSERT = 1;
export const VERSION_UPDATE = 2;
export const VERSION_DELETE = 3;
/** Stands in a transaction's chain for a run of bulk-inserted keys; `tree` holds the run's number. */
export const VERSION_RUN = 4;
/** A run's entry is in no bucket: it has no key. */
const UNHASHED = 5;
export type VersionKind = 1 | 2 | 3 | 4;

/** FNV-1a over tree id and key: short keys, and good enough spread for chained buckets. */
export function hashKey(tree: number, key: Uint8Array, keyBytes: number): number {
  let h = Math.imul(0x811c9dc5 ^ tree, 0x01000193);
  for (let i = 0; i < keyBytes; i++) h = Math.imul(h ^ key[i]!, 0x01000193);
  return (h ^ (h >>> 15)) >>> 0;
}

export class VersionStore {
  readonly limitBytes: number;
  #chunks: (Uint8Array | undefined)[] = [];
  #views: (DataView | undefined)[] = [];
  #live: number[] = [];
  #spare: { bytes: Uint8Array; view: DataView } | undefined;
  #current = -1;
  #at = CHUNK_BYTES;
  #held = 0;
  #entries = 0;
  #buckets: Uint32Array = new Uint32Array(1024);

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  /** Entries held; 0 at rest. */
  get entries(): number {
    return this.#entries;
  }

  get heldBytes(): number {
    return this.#held * CHUNK_BYTES;
  }

  /** Is there room for one more entry, whatever its size? */
  hasRoom(): boolean {
    return this.#held * CHUNK_BYTES < this.limitBytes;
  }

  bytesOf(address: number): Uint8Array {
    return this.#chunks[(address / UNITS_PER_CHUNK) | 0]!;
  }

  viewOf(address: number): DataView {
    return this.#views[(address / UNITS_PER_CHUNK) | 0]!;
  }

  transactionOf(address: number): number {
    return readU64(this.viewOf(address), offsetOf(address) + TRANSACTION_AT);
  }

  lsnOf(address: number): number {
    return readU64(this.viewOf(address), offsetOf(address) + LSN_AT);
  }

  commandOf(address: number): number {
    return this.viewOf(address).getUint32(offsetOf(address) + COMMAND_AT, true);
  }

  treeOf(address: number): number {
    return this.viewOf(address).getUint32(offsetOf(address) + TREE_AT, true);
  }

  olderOf(address: number): number {
    return this.viewOf(address).getUint32(offsetOf(address) + OLDER_AT, true);
  }

  /** The entry that the same transaction made before this one. */
  previousOf(address: number): number {
    return this.viewOf(address).getUint32(offsetOf(address) + PREVIOUS_AT, true);
  }

  setPrevious(address: number, previous: number): void {
    this.viewOf(address).setUint32(offsetOf(address) + PREVIOUS_AT, previous, true);
  }

  kindOf(address: number): number {
    return this.viewOf(address).getUint8(offsetOf(address) + KIND_AT);
  }

  /** Row lock mode that the change stands for while its transaction is open. */
  modeOf(address: number): number {
    return this.viewOf(address).getUint8(offsetOf(address) + MODE_AT);
  }

  keyBytesOf(address: number): number {
    return this.viewOf(address).getUint16(offsetOf(address) + KEY_BYTES_AT, true);
  }

  /** Offset of the key in `bytesOf`. */
  keyAt(address: number): number {
    return offsetOf(address) + DATA_AT;
  }

  beforeBytesOf(address: number): number {
    return this.viewOf(address).getUint16(offsetOf(address) + BEFORE_BYTES_AT, true);
  }

  beforeAt(address: number): number {
    return offsetOf(address) + DATA_AT + this.keyBytesOf(address);
  }

  /** The new key, when the change moved the row; a copy. */
  movedOf(address: number): Uint8Array | undefined {
    const length = this.viewOf(address).getUint16(offsetOf(address) + MOVED_BYTES_AT, true);
    if (length === 0) return undefined;
    const at = this.beforeAt(address) + this.beforeBytesOf(address);
    return this.bytesOf(address).slice(at, at + length);
  }

  /** The newest entry of a key, or 0. */
  newest(tree: number, key: Uint8Array, keyBytes: number): number {
    if (this.#entries === 0) return 0;
    const hash = hashKey(tree, key, keyBytes);
    let a = this.#buckets[hash & (this.#buckets.length - 1)]!;
    while (a !== 0) {
      if (this.#isKey(a, hash, tree, key, keyBytes)) return a;
      a = this.viewOf(a).getUint32(offsetOf(a) + BUCKET_AT, true);
    }
    return 0;
  }

  /** Adds the newest entry of a key and returns its address. `hasRoom` must have said yes. */
  add(
    kind: VersionKind,
    mode: number,
    transaction: number,
    previous: number,
    lsn: number,
    command: number,
    tree: number,
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
    if (this.#entries >= this.#buckets.length) this.#growBuckets();
    const at = this.#at;
    this.#at += total;
    const address = (this.#current * CHUNK_BYTES + at) / UNIT;
    const view = this.#views[this.#current]!;
    const bytes = this.#chunks[this.#current]!;
    const hash = kind === VERSION_RUN ? 0 : hashKey(tree, key, keyBytes);
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
    if (kind !== VERSION_RUN) this.#hang(address, hash, tree, key, keyBytes);
    this.#live[this.#current]!++;
    this.#entries++;
    return address;
  }

  /** Takes an entry out of its key's chain and frees it. */
  remove(address: number): void {
    const view = this.viewOf(address);
    const at = offsetOf(address);
    if (view.getUint8(at + KIND_AT) !== VERSION_RUN) this.#unhang(address, view, at);
    view.setUint8(at + KIND_AT, UNHASHED);
    this.#entries--;
    const chunk = (address / UNITS_PER_CHUNK) | 0;
    const live = this.#live[chunk]! - 1;
    this.#live[chunk] = live;
    if (live === 0 && chunk !== this.#current) this.#freeChunk(chunk);
  }

  #hang(address: number, hash: number, tree: number, key: Uint8Array, keyBytes: number): void {
    const slot = hash & (this.#buckets.length - 1);
    let before = 0;
    let a = this.#buckets[slot]!;
    while (a !== 0 && !this.#isKey(a, hash, tree, key, keyBytes)) {
      before = a;
      a = this.viewOf(a).getUint32(offsetOf(a) + BUCKET_AT, true);
    }
    const view = this.viewOf(address);
    const at = offsetOf(address);
    if (a === 0) {
      view.setUint32(at + BUCKET_AT, this.#buckets[slot]!, true);
      this.#buckets[slot] = address;
      return;
    }
    // The former newest entry gives its place in the bucket to the new one.
    view.setUint32(at + OLDER_AT, a, true);
    view.setUint32(at + BUCKET_AT, this.viewOf(a).getUint32(offsetOf(a) + BUCKET_AT, true), true);
    this.#setNext(slot, before, address);
  }

  #unhang(address: number, view: DataView, at: number): void {
    const hash = view.getUint32(at + HASH_AT, true);
    const slot = hash & (this.#buckets.length - 1);
    const older = view.getUint32(at + OLDER_AT, true);
    let before = 0;
    let a = this.#buckets[slot]!;
    while (a !== 0) {
      const next = this.viewOf(a).getUint32(offsetOf(a) + BUCKET_AT, true);
      if (a === address) {
        if (older !== 0) this.viewOf(older).setUint32(offsetOf(older) + BUCKET_AT, next, true);
        this.#setNext(slot, before, older !== 0 ? older : next);
        return;
      }
      for (let newer = a, o = this.olderOf(a); o !== 0; newer = o, o = this.olderOf(o)) {
        if (o !== address) continue;
        this.viewOf(newer).setUint32(offsetOf(newer) + OLDER_AT, older, true);
        return;
      }
      before = a;
      a = next;
    }
    assert(false, 'version entry is in no chain');
  }

  #setNext(slot: number, before: number, address: number): void {
    if (before === 0) this.#buckets[slot] = address;
    else this.viewOf(before).setUint32(offsetOf(before) + BUCKET_AT, address, true);
  }

  #isKey(address: number, hash: number, tree: number, key: Uint8Array, keyBytes: number): boolean {
    const view = this.viewOf(address);
    const at = offsetOf(address);
    if (view.getUint32(at + HASH_AT, true) !== hash || view.getUint32(at + TREE_AT, true) !== tree) return false;
    if (view.getUint16(at + KEY_BYTES_AT, true) !== keyBytes) return false;
    const bytes = this.bytesOf(address);
    for (let i = 0; i < keyBytes; i++) if (bytes[at + DATA_AT + i] !== key[i]) return false;
    return true;
  }

  #openChunk(): void {
    const finished = this.#current;
    if (finished >= 0 && this.#live[finished] === 0) this.#freeChunk(finished);
    const bytes = this.#spare?.bytes ?? new Uint8Array(CHUNK_BYTES);
    const view = this.#spare?.view ?? new DataView(bytes.buffer);
    this.#spare = undefined;
    let index = this.#chunks.indexOf(undefined);
    if (index < 0) index = this.#chunks.length;
    this.#chunks[index] = bytes;
    this.#views[index] = view;
    this.#live[index] = 0;
    this.#current = index;
    this.#held++;
    // Address 0 means "none", so the first unit of the first chunk stays unused.
    this.#at = index === 0 ? UNIT : 0;
  }

  #freeChunk(index: number): void {
    const bytes = this.#chunks[index];
    const view = this.#views[index];
    if (bytes !== undefined && view !== undefined) this.#spare = { bytes, view };
    this.#chunks[index] = undefined;
    this.#views[index] = undefined;
    this.#held--;
    if (index === this.#current) {
      this.#current = -1;
      this.#at = CHUNK_BYTES;
    }
  }

  #growBuckets(): void {
    const old = this.#buckets;
    this.#buckets = new Uint32Array(old.length * 2);
    for (let i = 0; i < old.length; i++) {
      for (let a = old[i]!; a !== 0; ) {
        const view = this.viewOf(a);
        const at = offsetOf(a);
        const next = view.getUint32(at + BUCKET_AT, true);
        const slot = view.getUint32(at + HASH_AT, true) & (this.#buckets.length - 1);
        view.setUint32(at + BUCKET_AT, this.#buckets[slot]!, true);
        this.#buckets[slot] = a;
        a = next;
      }
    }
  }
}

function offsetOf(address: number): number {
  return (address % UNITS_PER_CHUNK) * UNIT;
}
