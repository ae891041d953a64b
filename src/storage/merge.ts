/**
 * Joining pages that hold too little: the reverse of a split, one group each.
 *
 *   merge      two neighbours under one parent become the left one; the right page is given back
 *   collapse   a root with one child takes its content and is one level lower
 *
 * Flagged nodes and slack travel along; the newest transaction of both is kept (law 7). A branch's first separator says
 * nothing by itself, so the right page's first child takes the separator that the parent had for it.
 */
import { assert } from '../base/assert.ts';
import type { BTree } from './btree.ts';
import { NEED, NONE, OK } from './contracts.ts';
import type { Core } from './core.ts';
import {
  CHILD_BYTES,
  NODE_RECORD_AT,
  PAGE_FREE_AT,
  PAGE_LEVEL_AT,
  PAGE_NEWEST_AT,
  PAGE_NEXT_AT,
  PAGE_PREV_AT,
  readU64,
  usableBytes,
  writeU64,
} from './layout.ts';
import { bytesUnderPrefix, commonBytes, copyKey, initPage, insertNode, nodeAt, slotCount } from './page.ts';
import { appendNodes, initFromPart, partPrefix } from './page-build.ts';
import type { Tree } from './tree.ts';

/** Two pages are joined when the result fills at most this part of a page: so that it does not split again at once. */
export const JOINED_PERCENT_MAX = 75;
/** A page that is filled less than this is worth a look. */
const SPARSE_PERCENT = 25;

/** Is a page so empty that joining it is worth a try? */
export function isSparse(view: DataView): boolean {
  const usable = usableBytes(view.byteLength);
  return (usable - view.getUint16(PAGE_FREE_AT, true)) * 100 < usable * SPARSE_PERCENT;
}

/** Two neighbours to be joined, or a root and its only child. */
interface Pair {
  readonly parent: number;
  readonly left: number;
  readonly right: number;
  readonly slot: number;
  readonly collapse: boolean;
}

export class Merge {
  readonly #core: Core;
  readonly #btree: BTree;
  readonly #page: Uint8Array;
  readonly #view: DataView;
  readonly #key = new Uint8Array(8192);
  readonly #other = new Uint8Array(8192);

  constructor(core: Core, btree: BTree) {
    this.#core = core;
    this.#btree = btree;
    this.#page = new Uint8Array(core.pageBytes);
    this.#view = new DataView(this.#page.buffer);
  }

  /** Joins the leaf that covers a key with a neighbour, if that fits: OK = joined, NONE = nothing to join, NEED. */
  tryAt(tree: Tree, key: Uint8Array, keyBytes: number): number {
    return this.#try(tree, key, keyBytes, () => this.#choose(tree, this.#btree.depth));
  }

  /** As {@link tryAt}, for the branches above the leaf, from the lowest up. */
  tryBranches(tree: Tree, key: Uint8Array, keyBytes: number): number {
    return this.#try(tree, key, keyBytes, () => {
      for (let depth = this.#btree.depth - 1; depth >= 0; depth--) {
        const pair = depth === 0 ? this.#onlyChild() : this.#choose(tree, depth);
        if (pair !== NONE) return pair;
      }
      return NONE;
    });
  }

  #try(tree: Tree, key: Uint8Array, keyBytes: number, choose: () => Pair | number): number {
    const core = this.#core;
    for (let prepared = 0; ; ) {
      if (core.reserve() === NEED) return NEED;
      if (this.#btree.descend(tree, key, keyBytes) < 0) return NEED;
      const pair = choose();
      if (typeof pair === 'number') return pair;
      const victim = core.cache.pgnoOf(pair.right);
      if (victim === prepared) {
        if (pair.collapse) this.#collapse(tree, pair);
        else this.#join(tree, pair);
        return OK;
      }
      const ready = core.allocator.prepareGive(tree, victim);
      if (ready === NEED) return NEED;
      if (ready === OK) prepared = victim;
    }
  }

  /** A root with one child, which can take its content. */
  #onlyChild(): Pair | number {
    const { cache } = this.#core;
    const root = cache.peek(this.#btree.pgnos[0]!);
    if (this.#btree.depth === 0 || slotCount(cache.views[root]!) > 1) return NONE;
    return { parent: root, left: root, right: cache.peek(this.#btree.pgnos[1]!), slot: 0, collapse: true };
  }

  #choose(tree: Tree, depth: number): Pair | number {
    if (depth === 0) return NONE;
    const { cache } = this.#core;
    const parent = cache.peek(this.#btree.pgnos[depth - 1]!);
    const parentView = cache.views[parent]!;
    const slot = this.#btree.slots[depth - 1]!;
    const count = slotCount(parentView);
    const frame = cache.peek(this.#btree.pgnos[depth]!);
    if (count === 1) {
      if (depth > 1) return this.#choose(tree, depth - 1);
      return { parent, left: parent, right: frame, slot: 0, collapse: true };
    }
    // The left neighbour first: when this page is empty, nothing has to be copied into it.
    for (const left of [slot - 1, slot]) {
      if (left < 0 || left + 1 >= count) continue;
      const leftFrame = this.#child(parentView, left);
      const rightFrame = this.#child(parentView, left + 1);
      if (leftFrame < 0 || rightFrame < 0) return NEED;
      const after = cache.views[rightFrame]!.getUint32(PAGE_NEXT_AT, true);
      if (after !== 0 && cache.peek(after) < 0) return this.#core.wantPage(after);
      if (this.#fits(leftFrame, rightFrame))
        return { parent, left: leftFrame, right: rightFrame, slot: left, collapse: false };
    }
    return NONE;
  }

  #child(parentView: DataView, slot: number): number {
    const pgno = parentView.getUint32(nodeAt(parentView, slot) + NODE_RECORD_AT, true);
    const frame = this.#core.cache.frameOf(pgno);
    if (frame < 0) this.#core.wantPage(pgno);
    return frame;
  }

  #fits(left: number, right: number): boolean {
    const views = this.#core.cache.views;
    const usable = usableBytes(this.#core.pageBytes);
    const prefix = this.#prefix(left, right);
    let bytes = prefix;
    for (const frame of [left, right]) {
      const view = views[frame]!;
      for (let slot = 0; slot < slotCount(view); slot++) bytes += bytesUnderPrefix(view, slot, prefix);
    }
    const oneEmpty = slotCount(views[left]!) === 0 || slotCount(views[right]!) === 0;
    const level = views[left]!.getUint8(PAGE_LEVEL_AT);
    return oneEmpty && level === 0 ? bytes <= usable : bytes * 100 <= usable * JOINED_PERCENT_MAX;
  }

  /** What all keys of both pages share; `#key` holds it. Branches share nothing: their first key is empty. */
  #prefix(left: number, right: number): number {
    const { views, bytes } = this.#core.cache;
    const filled = [left, right].filter((frame) => slotCount(views[frame]!) > 0);
    const first = filled[0];
    const last = filled[filled.length - 1];
    if (first === undefined || last === undefined || views[left]!.getUint8(PAGE_LEVEL_AT) > 0) return 0;
    const firstBytes = copyKey(bytes[first]!, views[first]!, 0, this.#key);
    const lastBytes = copyKey(bytes[last]!, views[last]!, slotCount(views[last]!) - 1, this.#other);
    return commonBytes(this.#key, firstBytes, this.#other, lastBytes);
  }

  #join(tree: Tree, pair: Pair): void {
    const { cache, group, allocator } = this.#core;
    const left = cache.bytes[pair.left]!;
    const leftView = cache.views[pair.left]!;
    const right = cache.bytes[pair.right]!;
    const rightView = cache.views[pair.right]!;
    const level = leftView.getUint8(PAGE_LEVEL_AT);
    const leftPgno = cache.pgnoOf(pair.left);
    const rightPgno = cache.pgnoOf(pair.right);
    const prefix = this.#prefix(pair.left, pair.right);
    const after = rightView.getUint32(PAGE_NEXT_AT, true);
    initPage(this.#page, this.#view, leftPgno, tree.id, level, this.#key, prefix);
    appendNodes(this.#page, this.#view, left, leftView, 0, slotCount(leftView));
    if (level === 0) appendNodes(this.#page, this.#view, right, rightView, 0, slotCount(rightView));
    else this.#appendBranch(pair, right, rightView);
    const newest = Math.max(readU64(leftView, PAGE_NEWEST_AT), readU64(rightView, PAGE_NEWEST_AT));
    writeU64(this.#view, PAGE_NEWEST_AT, newest);
    this.#view.setUint32(PAGE_PREV_AT, leftView.getUint32(PAGE_PREV_AT, true), true);
    this.#view.setUint32(PAGE_NEXT_AT, after, true);
    group.begin();
    left.set(this.#page);
    group.newPage(pair.left);
    if (after !== 0) group.linkPrevious(cache.peek(after), leftPgno);
    group.reclaim(pair.parent, [pair.slot + 1], []);
    allocator.give(tree, rightPgno);
    group.end();
    tree.pages--;
    if (level === 0) tree.leaves--;
  }

  #appendBranch(pair: Pair, right: Uint8Array, rightView: DataView): void {
    const { cache } = this.#core;
    const keyBytes = copyKey(cache.bytes[pair.parent]!, cache.views[pair.parent]!, pair.slot + 1, this.#key);
    const child = nodeAt(rightView, 0) + NODE_RECORD_AT;
    const at = slotCount(this.#view);
    insertNode(this.#page, this.#view, at, 0, this.#key, keyBytes, right, child, CHILD_BYTES, CHILD_BYTES);
    appendNodes(this.#page, this.#view, right, rightView, 1, slotCount(rightView));
  }

  #collapse(tree: Tree, pair: Pair): void {
    const { cache, group, allocator } = this.#core;
    const root = cache.bytes[pair.parent]!;
    const rootView = cache.views[pair.parent]!;
    const child = cache.bytes[pair.right]!;
    const childView = cache.views[pair.right]!;
    assert(
      childView.getUint32(PAGE_PREV_AT, true) === 0 && childView.getUint32(PAGE_NEXT_AT, true) === 0,
      'an only child has no neighbours',
    );
    const childPgno = cache.pgnoOf(pair.right);
    const level = childView.getUint8(PAGE_LEVEL_AT);
    const count = slotCount(childView);
    group.begin();
    initFromPart(root, rootView, tree.root, child, childView, 0, count, partPrefix(child, childView, 0, count));
    writeU64(rootView, PAGE_NEWEST_AT, readU64(childView, PAGE_NEWEST_AT));
    group.newPage(pair.parent);
    allocator.give(tree, childPgno);
    group.end();
    tree.pages--;
    tree.height = level + 1;
  }
}
