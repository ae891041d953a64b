/**
 * Building pages out of parts of others: what splits, merges and bulk loads do.
 *
 * A page's prefix is chosen here and nowhere else (INV-PAGE-3). Everything is deterministic: recovery repeats it from its
 * arguments alone.
 */
import { assert, VERIFY } from '../base/assert.ts';
import {
  NODE_CAPACITY_AT,
  NODE_FLAGS_MASK,
  NODE_KEY_AT,
  NODE_KEY_BYTES_MASK,
  NODE_RECORD_AT,
  NODE_RECORD_BYTES_AT,
  NODE_WHOLE_KEY,
  PAGE_KIND_AT,
  PAGE_LEVEL_AT,
  PAGE_NEXT_AT,
  PAGE_PGNO_AT,
  PAGE_PREFIX_BYTES_AT,
  PAGE_PREV_AT,
  PAGE_TREE_AT,
} from './layout.ts';
import { bytesUnderPrefix, commonPrefix, copyKey, initPage, insertNode, nodeAt, nodeBytes, slotCount } from './page.ts';
import { verifyPage } from './page-check.ts';

const movedKey = new Uint8Array(8192);

/** Appends slots from … to − 1 of another page, keys re-cut to this page's prefix; flags travel along, and slack unless it is cut. */
export function appendNodes(
  bytes: Uint8Array,
  view: DataView,
  source: Uint8Array,
  sourceView: DataView,
  from: number,
  to: number,
  isCut = false,
): void {
  for (let slot = from; slot < to; slot++) {
    const at = nodeAt(sourceView, slot);
    const keyBytes = copyKey(source, sourceView, slot, movedKey);
    const length = sourceView.getUint16(at + NODE_RECORD_BYTES_AT, true);
    const capacity = isCut ? length : sourceView.getUint16(at + NODE_CAPACITY_AT, true);
    const flags = sourceView.getUint16(at + NODE_KEY_AT, true) & NODE_FLAGS_MASK & ~NODE_WHOLE_KEY;
    insertNode(bytes, view, slotCount(view), flags, movedKey, keyBytes, source, at + NODE_RECORD_AT, length, capacity);
  }
}

/** As a prefix length: the prefix that the page has. */
export const KEEP_PREFIX = 0xffff;

/**
 * The prefix that serves a part of a page best: what its first and last key share, unless keys that do not share the page's
 * prefix make that so short that the page's own saves more. So a part never takes more room than it has now.
 */
export function partPrefix(bytes: Uint8Array, view: DataView, from: number, to: number): number {
  if (from >= to) return 0;
  const own = view.getUint16(PAGE_PREFIX_BYTES_AT, true);
  const shared = commonPrefix(bytes, view, from, to - 1);
  if (shared >= own) return shared;
  let now = own;
  let then = shared;
  for (let slot = from; slot < to; slot++) {
    const at = nodeAt(view, slot);
    const stored = view.getUint16(at + NODE_KEY_AT, true) & NODE_KEY_BYTES_MASK;
    now += nodeBytes(view.getUint16(at + NODE_CAPACITY_AT, true), stored);
    then += bytesUnderPrefix(view, slot, shared);
  }
  return then <= now ? shared : KEEP_PREFIX;
}

/** Makes a page of slots from … to − 1 of another page. `prefixBytes` as from `partPrefix`. */
export function initFromPart(
  bytes: Uint8Array,
  view: DataView,
  pgno: number,
  source: Uint8Array,
  sourceView: DataView,
  from: number,
  to: number,
  prefixBytes: number,
): void {
  const tree = sourceView.getUint32(PAGE_TREE_AT, true);
  const level = sourceView.getUint8(PAGE_LEVEL_AT);
  if (prefixBytes === KEEP_PREFIX) {
    const own = sourceView.getUint16(PAGE_PREFIX_BYTES_AT, true);
    initPage(bytes, view, pgno, tree, level, source.slice(source.length - own), own);
  } else {
    const prefix = new Uint8Array(8192);
    if (prefixBytes > 0)
      assert(copyKey(source, sourceView, from, prefix) >= prefixBytes, 'prefix longer than the first key');
    initPage(bytes, view, pgno, tree, level, prefix, prefixBytes);
  }
  appendNodes(bytes, view, source, sourceView, from, to);
}

/**
 * Rebuilds a page in place, keeping slots from … to − 1 under another prefix. Its header keeps identity, neighbours and LSN.
 * Deterministic, so the log names only the arguments.
 */
export function rebuildPage(bytes: Uint8Array, view: DataView, from: number, to: number, prefixBytes: number): void {
  const old = bytes.slice();
  const oldView = new DataView(old.buffer);
  initFromPart(bytes, view, view.getUint32(PAGE_PGNO_AT, true), old, oldView, from, to, prefixBytes);
  // Identity, LSN, newest transaction and neighbours survive; what describes the content was recomputed.
  for (const [at, length] of KEPT) bytes.set(old.subarray(at, at + length), at);
  if (VERIFY) verifyPage(bytes, view);
}

const KEPT: readonly (readonly [number, number])[] = [
  [0, PAGE_KIND_AT],
  [PAGE_PREV_AT, PAGE_NEXT_AT + 4 - PAGE_PREV_AT],
];
