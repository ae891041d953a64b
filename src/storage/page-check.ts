/**
 * Is a page in order? Its checksum, and its inside: for the structure checker, and for the self-checks of the test suite.
 */
import { crc32 } from 'node:zlib';
import { broken } from '../base/assert.ts';
import {
  NODE_CAPACITY_AT,
  NODE_DELETED,
  NODE_HEADER_BYTES,
  NODE_KEY_AT,
  NODE_KEY_BYTES_MASK,
  NODE_RECORD_BYTES_AT,
  PAGE_CHECKSUM_AT,
  PAGE_FLAGGED_AT,
  PAGE_FREE_AT,
  PAGE_HEAP_AT,
  PAGE_PGNO_AT,
  PAGE_PREFIX_BYTES_AT,
  SLOT_BYTES,
  SLOTS_AT,
} from './layout.ts';
import { compareBytes, copyKey, nodeAt, nodeFlags, slotCount } from './page.ts';

const CHECKED_FROM = PAGE_CHECKSUM_AT + 4;

/** What the checksums of a file's pages begin with. */
export function pageSeed(fileId: Uint8Array): number {
  return crc32(fileId);
}

/** The checksum that a page of a file should bear. @param seed - see {@link pageSeed}. */
export function pageChecksum(seed: number, page: Uint8Array, pgno: number): number {
  return crc32(page.subarray(CHECKED_FROM), (seed ^ Math.imul(pgno, 0x9e3779b1)) >>> 0);
}

/** O(n) self-check of INV-PAGE-1 … 4; runs in the test suite. */
export function verifyPage(bytes: Uint8Array, view: DataView): void {
  const problem = pageProblem(bytes, view);
  if (problem !== undefined) broken(`page ${view.getUint32(PAGE_PGNO_AT, true)}: ${problem}`);
}

/** What is wrong with a page's inside, for the checker and the self-check; undefined when nothing is. */
export function pageProblem(bytes: Uint8Array, view: DataView): string | undefined {
  const count = slotCount(view);
  const prefixBytes = view.getUint16(PAGE_PREFIX_BYTES_AT, true);
  const heap = view.getUint16(PAGE_HEAP_AT, true);
  const slotsEnd = SLOTS_AT + SLOT_BYTES * count;
  if (heap < slotsEnd || heap > bytes.length - prefixBytes) return 'heap overlaps slots or prefix';
  let used = slotsEnd + prefixBytes;
  let flagged = 0;
  const before = new Uint8Array(8192);
  const key = new Uint8Array(8192);
  let beforeBytes = -1;
  for (let slot = 0; slot < count; slot++) {
    const at = nodeAt(view, slot);
    if (at < heap || at + NODE_HEADER_BYTES > bytes.length - prefixBytes) return `slot ${slot} points outside the heap`;
    const capacity = view.getUint16(at + NODE_CAPACITY_AT, true);
    const stored = view.getUint16(at + NODE_KEY_AT, true) & NODE_KEY_BYTES_MASK;
    if (at + NODE_HEADER_BYTES + capacity + stored > bytes.length - prefixBytes) return `node ${slot} leaves the page`;
    if (view.getUint16(at + NODE_RECORD_BYTES_AT, true) > capacity) return `node ${slot} exceeds its capacity`;
    used += NODE_HEADER_BYTES + capacity + stored;
    if ((nodeFlags(view, slot) & NODE_DELETED) !== 0) flagged++;
    const keyBytes = copyKey(bytes, view, slot, key);
    if (beforeBytes >= 0 && compareBytes(before, 0, beforeBytes, key, 0, keyBytes) >= 0)
      return `keys of slots ${slot - 1} and ${slot} do not ascend`;
    before.set(key.subarray(0, keyBytes));
    beforeBytes = keyBytes;
  }
  if (flagged !== view.getUint16(PAGE_FLAGGED_AT, true)) return 'wrong count of flagged nodes';
  if (bytes.length - used !== view.getUint16(PAGE_FREE_AT, true)) return 'wrong count of free bytes';
  return undefined;
}
