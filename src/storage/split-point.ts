/**
 * Where a page is cut when it splits, and what kind of growth that is.
 *
 *   append    the new node goes behind everything: nothing moves, the new page starts with the new node
 *   hotpoint  the new node goes right behind the two that were placed last, in order (Marie, Mark, Martin, now Mary): what
 *             lies behind moves away once; from then on each split only begins a new page, and the neighbours stay alone
 *   random    about equal halves by bytes, the new node counted where it will go
 *
 * The kinds and the recognition of a hot point by the places of the nodes are those of `spec/ese.md` §3.1: nodes are placed
 * from the end of the page downwards, so the page itself remembers what came last, also across a restart.
 */
import { PAGE_FREE_AT, PAGE_LEVEL_AT, PAGE_PREFIX_BYTES_AT, SLOTS_AT } from './layout.ts';
import { bytesUnderPrefix, nodeAt, slotCount } from './page.ts';
import { GROW_APPEND, GROW_HOTPOINT, GROW_RANDOM, type Growth } from './page-allocator.ts';

/** The kind of growth when a leaf has no room for a node at `position`. @param rightmost - the leaf has no right neighbour. */
export function growthAt(view: DataView, position: number, rightmost: boolean): Growth {
  if (rightmost && position === slotCount(view)) return GROW_APPEND;
  return isHotPoint(view, position) ? GROW_HOTPOINT : GROW_RANDOM;
}

/** Were the two nodes before `position` the last two that were placed on the page, one behind the other? */
function isHotPoint(view: DataView, position: number): boolean {
  if (position < 2) return false;
  const last = nodeAt(view, position - 1);
  const before = nodeAt(view, position - 2);
  if (last >= before) return false;
  for (let slot = slotCount(view) - 1; slot >= 0; slot--) {
    if (slot !== position - 1 && slot !== position - 2 && nodeAt(view, slot) < before) return false;
  }
  return true;
}

/**
 * The first slot that moves to the new page; the number of slots when none does. A page with one node is cut beside it.
 *
 * @param wanted - bytes of the new node.
 */
export function splitPoint(view: DataView, position: number, wanted: number, rightmost: boolean, hot: boolean): number {
  const count = slotCount(view);
  // A branch is never empty: its last child moves along.
  if (position === count && rightmost && view.getUint8(PAGE_LEVEL_AT) > 0) return Math.max(1, count - 1);
  if (position === count && (rightmost || hot || count <= 1)) return count;
  // What lies behind a hot point moves away at once; what comes next fills this page, and then pages of its own.
  if (hot && position > 0) return position;
  if (count <= 1) return position === 0 ? 0 : count;
  const prefixBytes = view.getUint16(PAGE_PREFIX_BYTES_AT, true);
  const total = view.byteLength - SLOTS_AT - view.getUint16(PAGE_FREE_AT, true) + wanted;
  let left = 0;
  for (let slot = 0; slot < count; slot++) {
    if (slot === position) left += wanted;
    left += bytesUnderPrefix(view, slot, prefixBytes);
    if (left * 2 >= total) return Math.min(Math.max(slot + (left * 2 - total > total / 2 ? 0 : 1), 1), count - 1);
  }
  return count - 1;
}
