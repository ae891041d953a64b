/**
 * Moving a page to another place in the file, and letting two pages change places: their tree stays what it is.
 *
 *   parent ──child──> page          the parent's entry, or the tree's root in its row, names the new place
 *   left ⇄ page ⇄ right             both neighbours on its level do
 *
 * `locate` makes page, neighbours and parent resident, `move` and `swap` change them inside the caller's group. For a move the
 * places themselves are the caller's affair: it has taken the new page and given back the old one in the same group, before
 * `move`, because a page of a space tree may be the very one that these changes went to.
 */
import { assert } from '../base/assert.ts';
import type { BTree } from './btree.ts';
import { NEED, NONE, OK } from './contracts.ts';
import type { Core } from './core.ts';
import { CHILD_BYTES, PAGE_LEVEL_AT, PAGE_NEXT_AT, PAGE_PGNO_AT, PAGE_PREV_AT, PAGE_TREE_AT } from './layout.ts';
import { childAt, copyKey, slotCount } from './page.ts';
import type { Tree } from './tree.ts';

/** Where a page hangs. */
export interface PagePlace {
  /** Its parent, 0 for a root. */
  parent: number;
  /** Its slot in the parent. */
  slot: number;
}

export class PageMove {
  readonly #core: Core;
  readonly #btree: BTree;
  readonly #key = new Uint8Array(8192);
  readonly #child = new Uint8Array(CHILD_BYTES);
  readonly #childView = new DataView(this.#child.buffer);
  readonly #scratch: Uint8Array;

  constructor(core: Core, btree: BTree) {
    this.#core = core;
    this.#btree = btree;
    this.#scratch = new Uint8Array(core.pageBytes);
  }

  /** Makes a page of a tree and all that names it resident: OK, NONE (the page is not, or no longer, part of the tree), NEED. */
  locate(tree: Tree, pgno: number, place: PagePlace): number {
    const { cache } = this.#core;
    const frame = cache.frameOf(pgno);
    if (frame < 0) return this.#core.wantPage(pgno);
    const view = cache.views[frame]!;
    if (view.getUint32(PAGE_TREE_AT, true) !== tree.id) return NONE;
    place.parent = 0;
    place.slot = 0;
    if (tree.root === pgno) return OK;
    const level = view.getUint8(PAGE_LEVEL_AT);
    const found = this.#findParent(tree, pgno, level, place);
    const status = found === KEYLESS ? this.#searchParent(tree, pgno, level, place) : found;
    if (status !== OK) return status;
    // Only now: a page that was freed still says whose it was, and its neighbours may be gone from the disk.
    for (const at of [PAGE_PREV_AT, PAGE_NEXT_AT]) {
      const neighbour = view.getUint32(at, true);
      if (neighbour !== 0 && cache.frameOf(neighbour) < 0) return this.#core.wantPage(neighbour);
    }
    return OK;
  }

  /** Puts the page at `to`. Inside a group, right after `locate`; `setRoot` records a new root page of the tree. */
  move(pgno: number, to: number, place: PagePlace, setRoot: (pgno: number) => void): void {
    const { cache, group } = this.#core;
    const from = cache.peek(pgno);
    assert(from >= 0, 'page to move is resident');
    const target = cache.takeFrame(to);
    cache.bytes[target]!.set(cache.bytes[from]!);
    const view = cache.views[target]!;
    view.setUint32(PAGE_PGNO_AT, to, true);
    group.newPage(target);
    const previous = view.getUint32(PAGE_PREV_AT, true);
    const next = view.getUint32(PAGE_NEXT_AT, true);
    if (previous !== 0) group.linkNext(cache.peek(previous), to);
    if (next !== 0) group.linkPrevious(cache.peek(next), to);
    if (place.parent === 0) setRoot(to);
    else this.#setChild(place, to);
    cache.free(pgno);
  }

  /** Two pages of one level, neither a root, change places. A group of its own, right after `locate` for both. */
  swap(a: number, placeA: PagePlace, b: number, placeB: PagePlace): void {
    const { cache, group } = this.#core;
    const frameA = cache.peek(a);
    const frameB = cache.peek(b);
    const viewA = cache.views[frameA]!;
    const viewB = cache.views[frameB]!;
    assert(a !== b && viewA.getUint8(PAGE_LEVEL_AT) === viewB.getUint8(PAGE_LEVEL_AT), 'two pages of one level');
    const renamed = (pgno: number): number => (pgno === a ? b : pgno === b ? a : pgno);
    const linksA = [viewA.getUint32(PAGE_PREV_AT, true), viewA.getUint32(PAGE_NEXT_AT, true)] as const;
    const linksB = [viewB.getUint32(PAGE_PREV_AT, true), viewB.getUint32(PAGE_NEXT_AT, true)] as const;
    group.begin();
    this.#scratch.set(cache.bytes[frameA]!);
    cache.bytes[frameA]!.set(cache.bytes[frameB]!);
    cache.bytes[frameB]!.set(this.#scratch);
    for (const [frame, pgno, links] of [
      [frameA, a, linksB],
      [frameB, b, linksA],
    ] as const) {
      const view = cache.views[frame]!;
      view.setUint32(PAGE_PGNO_AT, pgno, true);
      view.setUint32(PAGE_PREV_AT, renamed(links[0]), true);
      view.setUint32(PAGE_NEXT_AT, renamed(links[1]), true);
      group.newPage(frame);
    }
    for (const [links, pgno] of [
      [linksA, b],
      [linksB, a],
    ] as const) {
      const [previous, next] = links;
      if (previous !== 0 && previous !== a && previous !== b) group.linkNext(cache.peek(previous), pgno);
      if (next !== 0 && next !== a && next !== b) group.linkPrevious(cache.peek(next), pgno);
    }
    this.#setChild(placeA, b);
    this.#setChild(placeB, a);
    group.end();
  }

  #setChild(place: PagePlace, pgno: number): void {
    const { cache, group } = this.#core;
    this.#childView.setUint32(0, pgno, true);
    group.replaceNode(cache.peek(place.parent), place.slot, this.#child, 0, CHILD_BYTES);
  }

  /** Goes down by a key that the page covers. NONE: the way does not lead there; KEYLESS: it has no key to go by. */
  #findParent(tree: Tree, pgno: number, level: number, place: PagePlace): number {
    const keyBytes = this.#coveredKey(pgno);
    if (keyBytes < 0) return KEYLESS;
    if (this.#btree.descend(tree, this.#key, keyBytes) < 0) return NEED;
    const depth = this.#btree.depth - level;
    if (depth < 1 || this.#btree.pgnos[depth] !== pgno) return NONE;
    place.parent = this.#btree.pgnos[depth - 1]!;
    place.slot = this.#btree.slots[depth - 1]!;
    return OK;
  }

  /** A key of the page: a leaf's first, a branch's second; −1 when it has none. */
  #coveredKey(pgno: number): number {
    const { cache } = this.#core;
    const frame = cache.peek(pgno);
    const view = cache.views[frame]!;
    const slot = view.getUint8(PAGE_LEVEL_AT) === 0 ? 0 : 1;
    return slot < slotCount(view) ? copyKey(cache.bytes[frame]!, view, slot, this.#key) : -1;
  }

  /** Looks through the level above: for an empty leaf, or a branch with one child. */
  #searchParent(tree: Tree, pgno: number, level: number, place: PagePlace): number {
    const { cache } = this.#core;
    let frame = this.#btree.descendToLevel(tree, false, level + 1);
    for (;;) {
      if (frame < 0) return NEED;
      const view = cache.views[frame]!;
      if (view.getUint8(PAGE_LEVEL_AT) !== level + 1) return NONE;
      for (let slot = 0; slot < slotCount(view); slot++) {
        if (childAt(view, slot) !== pgno) continue;
        place.parent = cache.pgnoOf(frame);
        place.slot = slot;
        return OK;
      }
      const next = view.getUint32(PAGE_NEXT_AT, true);
      if (next === 0) return NONE;
      frame = cache.frameOf(next);
      if (frame < 0) return this.#core.wantPage(next);
    }
  }
}

const KEYLESS = 92;
