/**
 * B+trees: the way down, and making room on the way.
 *
 *   branch   slot i covers keys from its separator to the next one's; slot 0 also everything below
 *   split    one group changes one page, its new right neighbour, the old right neighbour's link and the parent, whose room
 *            was made before by a group of its own. The root keeps its page: it moves its content one level down (vertical).
 *   append   a split at the right edge of the tree moves nothing: the new page starts empty
 *
 * A descent leaves its path in `pgnos` and `slots`, valid until the next descent. Every page of it is resident.
 */
import { assert } from '../base/assert.ts';
import { NEED, OK } from './contracts.ts';
import type { Core } from './core.ts';
import {
  CHILD_BYTES,
  PAGE_FREE_AT,
  PAGE_LEVEL_AT,
  PAGE_NEWEST_AT,
  PAGE_NEXT_AT,
  PAGE_PREFIX_BYTES_AT,
  PAGE_PREV_AT,
  PAGE_TREE_AT,
  readU64,
  SLOTS_AT,
  writeU64,
} from './layout.ts';
import {
  appendNodes,
  bytesUnderPrefix,
  childAt,
  commonBytes,
  commonPrefix,
  copyKey,
  fits,
  initPage,
  insertNode,
  nodeBytes,
  searchBranch,
  slotCount,
} from './page.ts';
import type { Tree } from './tree.ts';

const LEVELS_MAX = 16;
const KEY_BUFFER = 8192;

export class BTree {
  readonly #core: Core;
  /** The last descent: page and slot by depth, root first; the leaf's slot is not set. */
  readonly pgnos: Int32Array = new Int32Array(LEVELS_MAX);
  readonly slots: Int32Array = new Int32Array(LEVELS_MAX);
  depth = 0;
  readonly #separator = new Uint8Array(KEY_BUFFER);
  readonly #left = new Uint8Array(KEY_BUFFER);
  readonly #child = new Uint8Array(CHILD_BYTES);
  readonly #childView = new DataView(this.#child.buffer);

  constructor(core: Core) {
    this.#core = core;
  }

  /** Goes to the leaf that covers a key: its frame, or −1 with the request for the missing page left in the core. Hot. */
  descend(tree: Tree, key: Uint8Array, keyBytes: number): number {
    const cache = this.#core.cache;
    let pgno = tree.root;
    let depth = 0;
    for (;;) {
      const frame = cache.frameOf(pgno);
      if (frame < 0) {
        this.#core.wantPage(pgno);
        return -1;
      }
      this.pgnos[depth] = pgno;
      const view = cache.views[frame]!;
      assert(view.getUint32(PAGE_TREE_AT, true) === tree.id, 'page belongs to another tree');
      if (view.getUint8(PAGE_LEVEL_AT) === 0) {
        this.depth = depth;
        tree.height = depth + 1;
        return frame;
      }
      const slot = searchBranch(cache.bytes[frame]!, view, key, keyBytes);
      this.slots[depth++] = slot;
      pgno = childAt(view, slot);
    }
  }

  /** Goes to the first or last leaf. */
  descendEdge(tree: Tree, last: boolean): number {
    return this.descendToLevel(tree, last, 0);
  }

  /** Goes to the first or last page of a level. */
  descendToLevel(tree: Tree, last: boolean, level: number): number {
    const cache = this.#core.cache;
    let pgno = tree.root;
    for (let depth = 0; ; depth++) {
      const frame = cache.frameOf(pgno);
      if (frame < 0) {
        this.#core.wantPage(pgno);
        return -1;
      }
      this.pgnos[depth] = pgno;
      this.depth = depth;
      const view = cache.views[frame]!;
      if (view.getUint8(PAGE_LEVEL_AT) <= level) return frame;
      const slot = last ? slotCount(view) - 1 : 0;
      this.slots[depth] = slot;
      pgno = childAt(view, slot);
    }
  }

  /**
   * Splits once on the way to `key`, so that a node of `wanted` bytes comes closer to fitting its leaf; the caller descends
   * again and asks again until it fits. An attempt. `at` is the slot where the node will go.
   */
  makeRoom(tree: Tree, key: Uint8Array, keyBytes: number, wanted: number): number {
    const core = this.#core;
    if (core.reserve() === NEED) return NEED;
    if (core.allocator.prepare(tree, 1) === NEED) return NEED;
    // Preparing may have run groups of its own, in space trees: the path is looked up again.
    if (core.reserve() === NEED) return NEED;
    if (this.descend(tree, key, keyBytes) < 0) return NEED;
    return this.#splitAt(tree, this.depth, key, keyBytes, wanted);
  }

  #frame(depth: number): number {
    const frame = this.#core.cache.peek(this.pgnos[depth]!);
    assert(frame >= 0, 'page of the path is resident');
    return frame;
  }

  #splitAt(tree: Tree, depth: number, key: Uint8Array, keyBytes: number, wanted: number): number {
    if (depth === 0) return this.#splitRoot(tree);
    const { cache } = this.#core;
    const frame = this.#frame(depth);
    const bytes = cache.bytes[frame]!;
    const view = cache.views[frame]!;
    const position = searchPosition(bytes, view, key, keyBytes);
    const next = view.getUint32(PAGE_NEXT_AT, true);
    const nextFrame = next === 0 ? -1 : cache.peek(next);
    if (next !== 0 && nextFrame < 0) return this.#core.wantPage(next);
    const cut = splitPoint(view, position, wanted, next === 0);
    const separatorBytes = this.#separate(bytes, view, cut, key, keyBytes);
    const parent = this.#frame(depth - 1);
    if (!fits(cache.bytes[parent]!, cache.views[parent]!, this.#separator, separatorBytes, CHILD_BYTES)) {
      const parentWants = nodeBytes(CHILD_BYTES, separatorBytes);
      return this.#splitAt(tree, depth - 1, this.#separator.slice(0, separatorBytes), separatorBytes, parentWants);
    }
    this.#split(tree, depth, frame, nextFrame, cut, separatorBytes, key, keyBytes);
    return OK;
  }

  /** The shortest key that is above everything left of the cut and not above anything right of it. */
  #separate(bytes: Uint8Array, view: DataView, cut: number, key: Uint8Array, keyBytes: number): number {
    const out = this.#separator;
    const count = slotCount(view);
    const branch = view.getUint8(PAGE_LEVEL_AT) > 0;
    // Beyond the last slot, or before the first, the new key itself is the neighbour.
    const rightBytes = cut < count ? copyKey(bytes, view, cut, out) : copyInto(out, key, keyBytes);
    if (branch) return rightBytes;
    const leftBytes = cut > 0 ? copyKey(bytes, view, cut - 1, this.#left) : copyInto(this.#left, key, keyBytes);
    return Math.min(rightBytes, commonBytes(this.#left, leftBytes, out, rightBytes) + 1);
  }

  #split(
    tree: Tree,
    depth: number,
    frame: number,
    nextFrame: number,
    cut: number,
    separatorBytes: number,
    key: Uint8Array,
    keyBytes: number,
  ): void {
    const { cache, group, allocator } = this.#core;
    const bytes = cache.bytes[frame]!;
    const view = cache.views[frame]!;
    const pgno = this.pgnos[depth]!;
    const level = view.getUint8(PAGE_LEVEL_AT);
    const count = slotCount(view);
    group.begin();
    const rightPgno = allocator.take(tree, pgno);
    const rightFrame = cache.takeFrame(rightPgno);
    const right = cache.bytes[rightFrame]!;
    const rightView = cache.views[rightFrame]!;
    // An empty right page will be filled by keys like these: what its left neighbour's first key shares with the new key.
    const prefixBytes =
      cut < count ? commonPrefix(bytes, view, cut, count - 1) : count === 0 ? 0 : this.#shared(bytes, view, key, keyBytes);
    copyKeyOr(bytes, view, cut < count ? cut : count - 1, this.#left);
    initPage(right, rightView, rightPgno, tree.id, level, this.#left, prefixBytes);
    appendNodes(right, rightView, bytes, view, cut, count);
    writeU64(rightView, PAGE_NEWEST_AT, readU64(view, PAGE_NEWEST_AT));
    rightView.setUint32(PAGE_PREV_AT, pgno, true);
    rightView.setUint32(PAGE_NEXT_AT, view.getUint32(PAGE_NEXT_AT, true), true);
    group.newPage(rightFrame);
    if (nextFrame >= 0) group.linkPrevious(nextFrame, rightPgno);
    if (cut < count) group.rebuild(frame, 0, cut, cut === 0 ? 0 : commonPrefix(bytes, view, 0, cut - 1));
    group.linkNext(frame, rightPgno);
    this.#childView.setUint32(0, rightPgno, true);
    const parent = this.#frame(depth - 1);
    group.insertNode(parent, this.slots[depth - 1]! + 1, this.#separator, separatorBytes, this.#child, 0, CHILD_BYTES);
    group.end();
    tree.pages++;
    if (level === 0) tree.leaves++;
  }

  #shared(bytes: Uint8Array, view: DataView, key: Uint8Array, keyBytes: number): number {
    return commonBytes(this.#left, copyKey(bytes, view, 0, this.#left), key, keyBytes);
  }

  /** Vertical split: the root's content moves into a page below it, the root becomes a branch with that one child. */
  #splitRoot(tree: Tree): number {
    const { cache, group, allocator } = this.#core;
    const frame = this.#frame(0);
    const bytes = cache.bytes[frame]!;
    const view = cache.views[frame]!;
    const level = view.getUint8(PAGE_LEVEL_AT);
    group.begin();
    const pgno = allocator.take(tree, tree.root);
    const below = cache.takeFrame(pgno);
    const belowView = cache.views[below]!;
    const count = slotCount(view);
    copyKeyOr(bytes, view, 0, this.#left);
    const prefixBytes = commonPrefix(bytes, view, 0, count - 1);
    initPage(cache.bytes[below]!, belowView, pgno, tree.id, level, this.#left, prefixBytes);
    appendNodes(cache.bytes[below]!, belowView, bytes, view, 0, count);
    writeU64(belowView, PAGE_NEWEST_AT, readU64(view, PAGE_NEWEST_AT));
    group.newPage(below);
    initPage(bytes, view, tree.root, tree.id, level + 1, this.#left, 0);
    this.#childView.setUint32(0, pgno, true);
    insertNode(bytes, view, 0, 0, this.#left, 0, this.#child, 0, CHILD_BYTES, CHILD_BYTES);
    group.newPage(frame);
    group.end();
    tree.pages++;
    if (level === 0 && tree.leaves === 0) tree.leaves = 1;
    return OK;
  }
}

function copyInto(into: Uint8Array, key: Uint8Array, keyBytes: number): number {
  for (let i = 0; i < keyBytes; i++) into[i] = key[i]!;
  return keyBytes;
}

function copyKeyOr(bytes: Uint8Array, view: DataView, slot: number, into: Uint8Array): void {
  if (slot >= 0 && slot < slotCount(view)) copyKey(bytes, view, slot, into);
}

function searchPosition(bytes: Uint8Array, view: DataView, key: Uint8Array, keyBytes: number): number {
  if (view.getUint8(PAGE_LEVEL_AT) > 0) return searchBranch(bytes, view, key, keyBytes) + 1;
  let low = 0;
  let high = slotCount(view);
  const scratch = positionKey;
  while (low < high) {
    const middle = (low + high) >> 1;
    const length = copyKey(bytes, view, middle, scratch);
    if (compareKeys(scratch, length, key, keyBytes) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

const positionKey = new Uint8Array(KEY_BUFFER);

function compareKeys(a: Uint8Array, aBytes: number, b: Uint8Array, bBytes: number): number {
  const i = commonBytes(a, aBytes, b, bBytes);
  return i < aBytes && i < bBytes ? a[i]! - b[i]! : aBytes - bBytes;
}

/**
 * Where to cut: behind everything when the tree grows at its right edge; else where both sides are about equal, the new node
 * counted where it will go. A page with one node is cut beside it.
 */
function splitPoint(view: DataView, position: number, wanted: number, rightmost: boolean): number {
  const count = slotCount(view);
  // A branch is never empty: its last child moves along.
  if (position === count && rightmost && view.getUint8(PAGE_LEVEL_AT) > 0) return Math.max(1, count - 1);
  if (position === count && (rightmost || count <= 1)) return count;
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
