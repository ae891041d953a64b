/**
 * One page: nodes sorted by key behind a slot array (bytes: `layout.ts`).
 *
 * Every function here changes one page in memory and is deterministic, because recovery calls the same functions with the
 * same arguments. Reading is by (bytes, view). Building pages is in `page-build.ts`, judging them in `page-check.ts`.
 *
 * Invariants:
 *   INV-PAGE-1  free bytes = page − header − slots − prefix − nodes; the middle between slots and heap is free.
 *   INV-PAGE-2  keys strictly ascend; flagged counts the nodes with NODE_DELETED.
 *   INV-PAGE-3  the prefix changes only when a page is rebuilt; a node that does not share it has NODE_WHOLE_KEY.
 *   INV-PAGE-4  a node's capacity is at least its record's bytes; slack goes only by `trimSlack`.
 */
import { assert } from '../base/assert.ts';
import {
  NODE_CAPACITY_AT,
  NODE_DELETED,
  NODE_FLAGS_MASK,
  NODE_HEADER_BYTES,
  NODE_KEY_AT,
  NODE_KEY_BYTES_MASK,
  NODE_RECORD_AT,
  NODE_RECORD_BYTES_AT,
  NODE_WHOLE_KEY,
  PAGE_FLAGGED_AT,
  PAGE_FREE_AT,
  PAGE_HEADER_BYTES,
  PAGE_HEAP_AT,
  PAGE_KIND_AT,
  PAGE_KIND_TREE,
  PAGE_LEVEL_AT,
  PAGE_PGNO_AT,
  PAGE_PREFIX_BYTES_AT,
  PAGE_SLOTS_AT,
  PAGE_TREE_AT,
  SLOT_BYTES,
  SLOTS_AT,
} from './layout.ts';

/** Makes an empty tree page. `prefix` may lie in another page, never in this one. */
export function initPage(
  bytes: Uint8Array,
  view: DataView,
  pgno: number,
  tree: number,
  level: number,
  prefix: Uint8Array,
  prefixBytes: number,
): void {
  bytes.fill(0);
  view.setUint32(PAGE_PGNO_AT, pgno, true);
  view.setUint32(PAGE_TREE_AT, tree, true);
  view.setUint8(PAGE_KIND_AT, PAGE_KIND_TREE);
  view.setUint8(PAGE_LEVEL_AT, level);
  const heap = bytes.length - prefixBytes;
  for (let i = 0; i < prefixBytes; i++) bytes[heap + i] = prefix[i]!;
  view.setUint16(PAGE_HEAP_AT, heap, true);
  view.setUint16(PAGE_PREFIX_BYTES_AT, prefixBytes, true);
  view.setUint16(PAGE_FREE_AT, heap - PAGE_HEADER_BYTES, true);
}

export function slotCount(view: DataView): number {
  return view.getUint16(PAGE_SLOTS_AT, true);
}

export function nodeAt(view: DataView, slot: number): number {
  return view.getUint16(SLOTS_AT + SLOT_BYTES * slot, true);
}

export function nodeFlags(view: DataView, slot: number): number {
  return view.getUint16(nodeAt(view, slot) + NODE_KEY_AT, true) & NODE_FLAGS_MASK;
}

/** Bytes of a node with the given capacity and stored key, its slot included. */
export function nodeBytes(capacity: number, storedKeyBytes: number): number {
  return NODE_HEADER_BYTES + SLOT_BYTES + capacity + storedKeyBytes;
}

/** The child of a branch's slot. */
export function childAt(view: DataView, slot: number): number {
  return view.getUint32(nodeAt(view, slot) + NODE_RECORD_AT, true);
}

export function compareBytes(
  a: Uint8Array,
  aStart: number,
  aBytes: number,
  b: Uint8Array,
  bStart: number,
  bBytes: number,
): number {
  const shared = Math.min(aBytes, bBytes);
  for (let i = 0; i < shared; i++) {
    const d = a[aStart + i]! - b[bStart + i]!;
    if (d !== 0) return d;
  }
  return aBytes - bBytes;
}

/** How many of the first bytes of a key agree with the page's prefix: all of them, or where and how they differ. */
function comparePrefix(bytes: Uint8Array, prefixBytes: number, key: Uint8Array, keyBytes: number): number {
  const prefixAt = bytes.length - prefixBytes;
  const shared = Math.min(keyBytes, prefixBytes);
  for (let i = 0; i < shared; i++) {
    const d = key[i]! - bytes[prefixAt + i]!;
    if (d !== 0) return d;
  }
  return keyBytes < prefixBytes ? -1 : 0;
}

/**
 * The first slot whose key is ≥ `key` (`slotCount` if none); with exact = its key equals, the result is the slot, else
 * −slot − 1. Hot: no allocation.
 */
export function searchPage(bytes: Uint8Array, view: DataView, key: Uint8Array, keyBytes: number): number {
  const prefixBytes = view.getUint16(PAGE_PREFIX_BYTES_AT, true);
  const side = prefixBytes === 0 ? 0 : comparePrefix(bytes, prefixBytes, key, keyBytes);
  let low = 0;
  let high = view.getUint16(PAGE_SLOTS_AT, true);
  while (low < high) {
    const middle = (low + high) >> 1;
    const at = view.getUint16(SLOTS_AT + SLOT_BYTES * middle, true);
    const keyField = view.getUint16(at + NODE_KEY_AT, true);
    const storedAt = at + NODE_HEADER_BYTES + view.getUint16(at + NODE_CAPACITY_AT, true);
    const stored = keyField & NODE_KEY_BYTES_MASK;
    let order: number;
    if ((keyField & NODE_WHOLE_KEY) !== 0) order = compareBytes(key, 0, keyBytes, bytes, storedAt, stored);
    else if (side !== 0) order = side;
    else {
      let i = 0;
      const rest = keyBytes - prefixBytes;
      const shared = Math.min(rest, stored);
      order = 0;
      while (i < shared && (order = key[prefixBytes + i]! - bytes[storedAt + i]!) === 0) i++;
      if (order === 0) order = rest - stored;
    }
    if (order === 0) return middle;
    if (order > 0) low = middle + 1;
    else high = middle;
  }
  return -low - 1;
}

/** The slot of the child that covers `key`: the last one whose separator is ≤ `key`. */
export function searchBranch(bytes: Uint8Array, view: DataView, key: Uint8Array, keyBytes: number): number {
  const found = searchPage(bytes, view, key, keyBytes);
  // Slot 0 stands for everything below slot 1, so a key below its separator still belongs to it.
  return found >= 0 ? found : found === -1 ? 0 : -found - 2;
}

/** Copies the whole key of a slot to `into` and returns its length. */
export function copyKey(bytes: Uint8Array, view: DataView, slot: number, into: Uint8Array): number {
  const at = nodeAt(view, slot);
  const keyField = view.getUint16(at + NODE_KEY_AT, true);
  const stored = keyField & NODE_KEY_BYTES_MASK;
  const storedAt = at + NODE_HEADER_BYTES + view.getUint16(at + NODE_CAPACITY_AT, true);
  let length = 0;
  if ((keyField & NODE_WHOLE_KEY) === 0) {
    const prefixBytes = view.getUint16(PAGE_PREFIX_BYTES_AT, true);
    const prefixAt = bytes.length - prefixBytes;
    while (length < prefixBytes) {
      into[length] = bytes[prefixAt + length]!;
      length++;
    }
  }
  for (let i = 0; i < stored; i++) into[length + i] = bytes[storedAt + i]!;
  return length + stored;
}

/** Bytes that a key would store on this page: its suffix, or the whole of it. */
export function storedKeyBytes(bytes: Uint8Array, view: DataView, key: Uint8Array, keyBytes: number): number {
  const prefixBytes = view.getUint16(PAGE_PREFIX_BYTES_AT, true);
  return comparePrefix(bytes, prefixBytes, key, keyBytes) === 0 ? keyBytes - prefixBytes : keyBytes;
}

/** Does a new node fit? */
export function fits(bytes: Uint8Array, view: DataView, key: Uint8Array, keyBytes: number, capacity: number): boolean {
  return nodeBytes(capacity, storedKeyBytes(bytes, view, key, keyBytes)) <= view.getUint16(PAGE_FREE_AT, true);
}

/** Makes `wanted` free bytes contiguous in the middle. Costs a copy of the heap when they are scattered. */
function makeContiguous(bytes: Uint8Array, view: DataView, wanted: number): void {
  const middle = view.getUint16(PAGE_HEAP_AT, true) - SLOTS_AT - SLOT_BYTES * slotCount(view);
  if (middle >= wanted) return;
  assert(view.getUint16(PAGE_FREE_AT, true) >= wanted, 'page has no room for the node');
  const old = bytes.slice();
  const count = slotCount(view);
  let heap = bytes.length - view.getUint16(PAGE_PREFIX_BYTES_AT, true);
  for (let slot = count - 1; slot >= 0; slot--) {
    const at = nodeAt(view, slot);
    const length =
      NODE_HEADER_BYTES +
      view.getUint16(at + NODE_CAPACITY_AT, true) +
      (view.getUint16(at + NODE_KEY_AT, true) & NODE_KEY_BYTES_MASK);
    heap -= length;
    // The node may still be needed at its old place: slots are read from the live page, bytes from the copy.
    moved[slot] = heap;
    pending[slot] = at;
    lengths[slot] = length;
  }
  for (let slot = 0; slot < count; slot++) {
    bytes.set(old.subarray(pending[slot]!, pending[slot]! + lengths[slot]!), moved[slot]!);
    view.setUint16(SLOTS_AT + SLOT_BYTES * slot, moved[slot]!, true);
  }
  view.setUint16(PAGE_HEAP_AT, heap, true);
}

/** Scratch of `makeContiguous`: a page has at most this many slots. */
const SLOTS_MAX = 32768 / (NODE_HEADER_BYTES + SLOT_BYTES);
const moved = new Uint16Array(SLOTS_MAX);
const pending = new Uint16Array(SLOTS_MAX);
const lengths = new Uint16Array(SLOTS_MAX);

/** Puts a node at `slot`; the page must have room (`fits`). `flags` without NODE_WHOLE_KEY, which is decided here. */
export function insertNode(
  bytes: Uint8Array,
  view: DataView,
  slot: number,
  flags: number,
  key: Uint8Array,
  keyBytes: number,
  record: Uint8Array,
  start: number,
  length: number,
  capacity: number,
): void {
  const prefixBytes = view.getUint16(PAGE_PREFIX_BYTES_AT, true);
  const shares = comparePrefix(bytes, prefixBytes, key, keyBytes) === 0;
  const skip = shares ? prefixBytes : 0;
  const stored = keyBytes - skip;
  const total = nodeBytes(capacity, stored);
  makeContiguous(bytes, view, total);
  const count = view.getUint16(PAGE_SLOTS_AT, true);
  const at = view.getUint16(PAGE_HEAP_AT, true) - (total - SLOT_BYTES);
  view.setUint16(at + NODE_RECORD_BYTES_AT, length, true);
  view.setUint16(at + NODE_CAPACITY_AT, capacity, true);
  view.setUint16(at + NODE_KEY_AT, stored | flags | (shares ? 0 : NODE_WHOLE_KEY), true);
  copyBytes(record, start, bytes, at + NODE_RECORD_AT, length);
  const keyAt = at + NODE_RECORD_AT + capacity;
  for (let i = 0; i < stored; i++) bytes[keyAt + i] = key[skip + i]!;
  if (slot < count) {
    bytes.copyWithin(SLOTS_AT + SLOT_BYTES * (slot + 1), SLOTS_AT + SLOT_BYTES * slot, SLOTS_AT + SLOT_BYTES * count);
  }
  view.setUint16(SLOTS_AT + SLOT_BYTES * slot, at, true);
  view.setUint16(PAGE_SLOTS_AT, count + 1, true);
  view.setUint16(PAGE_HEAP_AT, at, true);
  view.setUint16(PAGE_FREE_AT, view.getUint16(PAGE_FREE_AT, true) - total, true);
  if ((flags & NODE_DELETED) !== 0) view.setUint16(PAGE_FLAGGED_AT, view.getUint16(PAGE_FLAGGED_AT, true) + 1, true);
}

/** Copies bytes between arrays that may be one: short runs by a loop, which is faster than a native call below 64 bytes. */
export function copyBytes(from: Uint8Array, start: number, to: Uint8Array, at: number, length: number): void {
  if (length <= 64) for (let i = 0; i < length; i++) to[at + i] = from[start + i]!;
  else to.set(from.subarray(start, start + length), at);
}

/** Removes the node of `slot`; its bytes become scattered free space. */
export function removeNode(bytes: Uint8Array, view: DataView, slot: number): void {
  const count = view.getUint16(PAGE_SLOTS_AT, true);
  const at = nodeAt(view, slot);
  const keyField = view.getUint16(at + NODE_KEY_AT, true);
  const total = nodeBytes(view.getUint16(at + NODE_CAPACITY_AT, true), keyField & NODE_KEY_BYTES_MASK);
  bytes.copyWithin(SLOTS_AT + SLOT_BYTES * slot, SLOTS_AT + SLOT_BYTES * (slot + 1), SLOTS_AT + SLOT_BYTES * count);
  view.setUint16(PAGE_SLOTS_AT, count - 1, true);
  view.setUint16(PAGE_FREE_AT, view.getUint16(PAGE_FREE_AT, true) + total, true);
  if (at === view.getUint16(PAGE_HEAP_AT, true)) view.setUint16(PAGE_HEAP_AT, at + total - SLOT_BYTES, true);
  if ((keyField & NODE_DELETED) !== 0) view.setUint16(PAGE_FLAGGED_AT, view.getUint16(PAGE_FLAGGED_AT, true) - 1, true);
}

/** Gives a node new flags (of NODE_VERSIONED and NODE_DELETED). */
export function setFlags(view: DataView, slot: number, flags: number): void {
  const at = nodeAt(view, slot) + NODE_KEY_AT;
  const old = view.getUint16(at, true);
  view.setUint16(at, (old & (NODE_KEY_BYTES_MASK | NODE_WHOLE_KEY)) | flags, true);
  const change = ((flags & NODE_DELETED) !== 0 ? 1 : 0) - ((old & NODE_DELETED) !== 0 ? 1 : 0);
  if (change !== 0) view.setUint16(PAGE_FLAGGED_AT, view.getUint16(PAGE_FLAGGED_AT, true) + change, true);
}

/** Bytes that replacing a slot's record takes from the page: 0 when it fits the node's capacity. */
export function growth(view: DataView, slot: number, length: number): number {
  const capacity = view.getUint16(nodeAt(view, slot) + NODE_CAPACITY_AT, true);
  return length <= capacity ? 0 : length - capacity;
}

const grownKey = new Uint8Array(8192);

/** Replaces a slot's record and flags. The capacity never shrinks: a rollback must find its room (law: undo needs no space). */
export function replaceRecord(
  bytes: Uint8Array,
  view: DataView,
  slot: number,
  flags: number,
  record: Uint8Array,
  start: number,
  length: number,
): void {
  const at = nodeAt(view, slot);
  if (length <= view.getUint16(at + NODE_CAPACITY_AT, true)) {
    view.setUint16(at + NODE_RECORD_BYTES_AT, length, true);
    copyBytes(record, start, bytes, at + NODE_RECORD_AT, length);
    setFlags(view, slot, flags);
    return;
  }
  const keyBytes = copyKey(bytes, view, slot, grownKey);
  removeNode(bytes, view, slot);
  insertNode(bytes, view, slot, flags, grownKey, keyBytes, record, start, length, length);
}

/** Cuts a node's capacity to its record. */
export function trimSlack(bytes: Uint8Array, view: DataView, slot: number): void {
  const at = nodeAt(view, slot);
  const capacity = view.getUint16(at + NODE_CAPACITY_AT, true);
  const length = view.getUint16(at + NODE_RECORD_BYTES_AT, true);
  const stored = view.getUint16(at + NODE_KEY_AT, true) & NODE_KEY_BYTES_MASK;
  bytes.copyWithin(
    at + NODE_RECORD_AT + length,
    at + NODE_RECORD_AT + capacity,
    at + NODE_RECORD_AT + capacity + stored,
  );
  view.setUint16(at + NODE_CAPACITY_AT, length, true);
  view.setUint16(PAGE_FREE_AT, view.getUint16(PAGE_FREE_AT, true) + capacity - length, true);
}

/** Length of the longest common prefix of the keys of two slots. */
export function commonPrefix(bytes: Uint8Array, view: DataView, first: number, last: number): number {
  if (first >= last) return 0;
  const a = new Uint8Array(8192);
  const b = new Uint8Array(8192);
  return commonBytes(a, copyKey(bytes, view, first, a), b, copyKey(bytes, view, last, b));
}

export function commonBytes(a: Uint8Array, aBytes: number, b: Uint8Array, bBytes: number): number {
  const shared = Math.min(aBytes, bBytes);
  let i = 0;
  while (i < shared && a[i] === b[i]) i++;
  return i;
}

/** Bytes of slots first … to − 1 as nodes whose prefix has `prefixBytes` bytes, slots included. */
export function bytesUnderPrefix(view: DataView, slot: number, prefixBytes: number): number {
  const at = nodeAt(view, slot);
  const keyField = view.getUint16(at + NODE_KEY_AT, true);
  const stored = keyField & NODE_KEY_BYTES_MASK;
  const whole = (keyField & NODE_WHOLE_KEY) !== 0 ? stored : stored + view.getUint16(PAGE_PREFIX_BYTES_AT, true);
  return nodeBytes(view.getUint16(at + NODE_CAPACITY_AT, true), whole - prefixBytes);
}
