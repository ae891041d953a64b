/**
 * B+trees: the way down, and making room on the way.
 *
 *   branch   slot i covers keys from its separator to the next one's; slot 0 also everything below
 *   split    one group changes one page, its new right neighbour, the old right neighbour's link and the parent, whose room
 *            was made before by a group of its own. The root keeps its page: it moves its content one level down (vertical).
 *   append   a split at the right edge of the tree moves nothing: the new page starts empty
 *   hotpoint inserts that go on right behind one another inside the tree: what lies behind them moves away, once
 *
 * A descent leaves its path in `pgnos` and `slots`, valid until the next descent. Every page of it is resident.
 */
import { assert } from '../base/assert.ts';
import { NEED, NONE, OK } from './contracts.ts';
import type { Core } from './core.ts';
import {
  CHILD_BYTES,
  PAGE_LEVEL_AT,
  PAGE_NEWEST_AT,
  PAGE_NEXT_AT,
  PAGE_PGNO_AT,
  PAGE_PREV_AT,
  PAGE_TREE_AT,
  readU64,
  writeU64,
} from './layout.ts';
import {
  childAt,
  commonBytes,
  copyKey,
  fits,
  initPage,
  insertNode,
  nodeBytes,
  searchBranch,
  searchPage,
  slotCount,
} from './page.ts';
import { GROW_APPEND, GROW_HOTPOINT, type Growth } from './page-allocator.ts';
import { initFromPart, partPrefix } from './page-build.ts';
import { growthAt, splitPoint } from './split-point.ts';
import type { Tree } from './tree.ts';

const LEVELS_MAX = 16;
const KEY_BUFFER = 8192;
/** `leafBefore` found no leaf with a key below. */
export const NONE_LEFT = -2;

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

  /** Goes down by a key as far as a level: the frame there (of the root, when that is lower), or −1 with the request left. */
  descendToLevelOf(tree: Tree, key: Uint8Array, level: number): number {
    return this.#descendBy(tree, level, (bytes, view) => searchBranch(bytes, view, key, key.length));
  }

  /** After a descent: the first key that the leaf to the right covers; undefined at the right edge. */
  separatorAfter(): Uint8Array | undefined {
    const { cache } = this.#core;
    for (let depth = this.depth - 1; depth >= 0; depth--) {
      const frame = this.#frame(depth);
      const slot = this.slots[depth]! + 1;
      if (slot >= slotCount(cache.views[frame]!)) continue;
      return this.#left.slice(0, copyKey(cache.bytes[frame]!, cache.views[frame]!, slot, this.#left));
    }
    return undefined;
  }

  /** Goes to the first or last leaf. */
  descendEdge(tree: Tree, last: boolean): number {
    return this.descendToLevel(tree, last, 0);
  }

  /** Goes to the first or last page of a level. */
  descendToLevel(tree: Tree, last: boolean, level: number): number {
    return this.#descendBy(tree, level, (_, view) => (last ? slotCount(view) - 1 : 0));
  }

  #descendBy(tree: Tree, level: number, choose: (bytes: Uint8Array, view: DataView) => number): number {
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
      const slot = choose(cache.bytes[frame]!, view);
      this.slots[depth] = slot;
      pgno = childAt(view, slot);
    }
  }

  /** Is a key above everything in a tree? OK, NONE, NEED. */
  isAppend(tree: Tree, key: Uint8Array, keyBytes: number): number {
    const frame = this.descend(tree, key, keyBytes);
    if (frame < 0) return NEED;
    const view = this.#core.cache.views[frame]!;
    if (view.getUint32(PAGE_NEXT_AT, true) !== 0) return NONE;
    return searchPage(this.#core.cache.bytes[frame]!, view, key, keyBytes) === -slotCount(view) - 1 ? OK : NONE;
  }

  /**
   * Makes ready to hang a leaf whose first key this is behind the last one: OK, NONE (the key is not above everything) or
   * NEED. Between OK and `applyAppend` nothing may suspend or change.
   */
  prepareAppend(tree: Tree, key: Uint8Array, keyBytes: number): number {
    const core = this.#core;
    for (;;) {
      if (core.reserve() === NEED || core.allocator.prepare(tree, GROW_APPEND) === NEED) return NEED;
      if (core.reserve() === NEED) return NEED;
      const status = this.isAppend(tree, key, keyBytes);
      if (status !== OK) return status;
      const frame = this.#frame(this.depth);
      const view = core.cache.views[frame]!;
      this.#appendBytes = 0;
      // An empty leaf takes the new content itself.
      if (slotCount(view) === 0) return OK;
      if (this.depth === 0) {
        this.#splitRoot(tree);
        continue;
      }
      this.#appendBytes = this.#separate(core.cache.bytes[frame]!, view, slotCount(view), key, keyBytes);
      const parent = this.#frame(this.depth - 1);
      const parentBytes = core.cache.bytes[parent]!;
      if (fits(parentBytes, core.cache.views[parent]!, this.#separator, this.#appendBytes, CHILD_BYTES)) return OK;
      const separator = this.#separator.slice(0, this.#appendBytes);
      const parentWants = nodeBytes(CHILD_BYTES, separator.length);
      if (this.#splitAt(tree, this.depth - 1, separator, separator.length, parentWants, GROW_APPEND) === NEED)
        return NEED;
    }
  }

  /** Hangs a built leaf behind the last one. Inside a group, right after `prepareAppend` said OK. */
  applyAppend(tree: Tree, page: Uint8Array): void {
    const { cache, group, allocator } = this.#core;
    const lastPgno = this.pgnos[this.depth]!;
    const lastFrame = this.#frame(this.depth);
    const fresh = this.#appendBytes > 0;
    const pgno = fresh ? allocator.take(tree) : lastPgno;
    const frame = fresh ? cache.takeFrame(pgno) : lastFrame;
    const view = cache.views[frame]!;
    const previous = fresh ? lastPgno : view.getUint32(PAGE_PREV_AT, true);
    cache.bytes[frame]!.set(page);
    view.setUint32(PAGE_PGNO_AT, pgno, true);
    view.setUint32(PAGE_PREV_AT, previous, true);
    view.setUint32(PAGE_NEXT_AT, 0, true);
    group.newPage(frame);
    if (!fresh) return;
    group.linkNext(lastFrame, pgno);
    this.#childView.setUint32(0, pgno, true);
    const parent = this.#frame(this.depth - 1);
    const slot = this.slots[this.depth - 1]! + 1;
    group.insertNode(parent, slot, this.#separator, this.#appendBytes, this.#child, 0, CHILD_BYTES);
    tree.pages++;
    tree.leaves++;
  }

  #appendBytes = 0;

  /** Adds the numbers of all pages of a (small) tree to `pages`; false when one is missing, with the request left. */
  collectPages(tree: Tree, pages: number[]): boolean {
    const { cache } = this.#core;
    const todo = [tree.root];
    for (let pgno = todo.pop(); pgno !== undefined; pgno = todo.pop()) {
      const frame = cache.frameOf(pgno);
      if (frame < 0) {
        this.#core.wantPage(pgno);
        return false;
      }
      pages.push(pgno);
      const view = cache.views[frame]!;
      if (view.getUint8(PAGE_LEVEL_AT) === 0) continue;
      for (let slot = 0; slot < slotCount(view); slot++) todo.push(childAt(view, slot));
    }
    return true;
  }

  /** The leaf with the last key below `key` (or equal, if `inclusive`): its frame, NONE_LEFT or NEED. */
  leafBefore(tree: Tree, key: Uint8Array, inclusive: boolean): number {
    const { cache } = this.#core;
    let frame = this.descend(tree, key, key.length);
    if (frame < 0) return NEED;
    for (;;) {
      const view = cache.views[frame]!;
      const found = searchPage(cache.bytes[frame]!, view, key, key.length);
      if (found > 0 || found < -1 || (found === 0 && inclusive)) return frame;
      const previous = view.getUint32(PAGE_PREV_AT, true);
      if (previous === 0) return NONE_LEFT;
      frame = cache.frameOf(previous);
      if (frame < 0) return this.#core.wantPage(previous);
    }
  }

  /**
   * Splits once on the way to `key`, so that a node of `wanted` bytes comes closer to fitting its leaf; the caller descends
   * again and asks again until it fits. An attempt. `at` is the slot where the node will go.
   */
  makeRoom(tree: Tree, key: Uint8Array, keyBytes: number, wanted: number): number {
    const core = this.#core;
    if (core.reserve() === NEED) return NEED;
    const leaf = this.descend(tree, key, keyBytes);
    if (leaf < 0) return NEED;
    const growth = this.#growthAt(leaf, key, keyBytes);
    if (core.allocator.prepare(tree, growth) === NEED) return NEED;
    // Preparing may have run groups of its own, in space trees: the path is looked up again.
    if (core.reserve() === NEED) return NEED;
    if (this.descend(tree, key, keyBytes) < 0) return NEED;
    return this.#splitAt(tree, this.depth, key, keyBytes, wanted, growth);
  }

  #growthAt(leaf: number, key: Uint8Array, keyBytes: number): Growth {
    const { cache } = this.#core;
    const view = cache.views[leaf]!;
    const position = searchPosition(cache.bytes[leaf]!, view, key, keyBytes);
    return growthAt(view, position, view.getUint32(PAGE_NEXT_AT, true) === 0);
  }

  #frame(depth: number): number {
    const frame = this.#core.cache.peek(this.pgnos[depth]!);
    assert(frame >= 0, 'page of the path is resident');
    return frame;
  }

  /** Splits a page of the path, or first a branch above it that has no room for another child. */
  #splitAt(tree: Tree, depth: number, key: Uint8Array, keyBytes: number, wanted: number, growth: Growth): number {
    if (depth === 0) return this.#splitRoot(tree);
    const { cache } = this.#core;
    const frame = this.#frame(depth);
    const bytes = cache.bytes[frame]!;
    const view = cache.views[frame]!;
    const position = searchPosition(bytes, view, key, keyBytes);
    const next = view.getUint32(PAGE_NEXT_AT, true);
    const nextFrame = next === 0 ? -1 : cache.peek(next);
    if (next !== 0 && nextFrame < 0) return this.#core.wantPage(next);
    const hot = depth === this.depth && growth === GROW_HOTPOINT;
    const cut = splitPoint(view, position, wanted, next === 0, hot);
    const separatorBytes = this.#separate(bytes, view, cut, key, keyBytes);
    const parent = this.#frame(depth - 1);
    if (!fits(cache.bytes[parent]!, cache.views[parent]!, this.#separator, separatorBytes, CHILD_BYTES)) {
      const parentWants = nodeBytes(CHILD_BYTES, separatorBytes);
      const separator = this.#separator.slice(0, separatorBytes);
      return this.#splitAt(tree, depth - 1, separator, separatorBytes, parentWants, growth);
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
    const rightPgno = allocator.take(tree);
    const rightFrame = cache.takeFrame(rightPgno);
    const right = cache.bytes[rightFrame]!;
    const rightView = cache.views[rightFrame]!;
    if (cut < count) {
      initFromPart(right, rightView, rightPgno, bytes, view, cut, count, partPrefix(bytes, view, cut, count));
    } else {
      // An empty right page will be filled by keys like these: what its left neighbour's first key shares with the new key.
      const shared = count === 0 ? 0 : commonBytes(this.#left, copyKey(bytes, view, 0, this.#left), key, keyBytes);
      initPage(right, rightView, rightPgno, tree.id, level, key, shared);
    }
    writeU64(rightView, PAGE_NEWEST_AT, readU64(view, PAGE_NEWEST_AT));
    rightView.setUint32(PAGE_PREV_AT, pgno, true);
    rightView.setUint32(PAGE_NEXT_AT, view.getUint32(PAGE_NEXT_AT, true), true);
    group.newPage(rightFrame);
    if (nextFrame >= 0) group.linkPrevious(nextFrame, rightPgno);
    if (cut < count) group.rebuild(frame, 0, cut, partPrefix(bytes, view, 0, cut));
    group.linkNext(frame, rightPgno);
    this.#childView.setUint32(0, rightPgno, true);
    const parent = this.#frame(depth - 1);
    group.insertNode(parent, this.slots[depth - 1]! + 1, this.#separator, separatorBytes, this.#child, 0, CHILD_BYTES);
    group.end();
    tree.pages++;
    if (level === 0) tree.leaves++;
  }

  /** Vertical split: the root's content moves into a page below it, the root becomes a branch with that one child. */
  #splitRoot(tree: Tree): number {
    const { cache, group, allocator } = this.#core;
    const frame = this.#frame(0);
    const bytes = cache.bytes[frame]!;
    const view = cache.views[frame]!;
    const level = view.getUint8(PAGE_LEVEL_AT);
    group.begin();
    const pgno = allocator.take(tree);
    const below = cache.takeFrame(pgno);
    const belowView = cache.views[below]!;
    // A copy as it stands: the places of the nodes still tell where a hot point is.
    cache.bytes[below]!.set(bytes);
    belowView.setUint32(PAGE_PGNO_AT, pgno, true);
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
