/**
 * Moving a page to another place in the file: its tree stays what it is.
 *
 *   parent ──child──> page          the parent's entry, or the tree's root in its row, names the new place
 *   left ⇄ page ⇄ right             both neighbours on its level do
 *
 * `locate` makes page, neighbours and parent resident, `apply` changes them inside the caller's group. The place itself is the
 * caller's affair: it has taken the new page and given back the old one in the same group, before `apply`, because a page of a
 * space tree may be the very one that these changes went to.
 */
import { assert } from '../base/assert.ts';
import type { BTree } from './btree.ts';
import { NEED, NONE, OK } from './contracts.ts';
import type { Core } from './core.ts';
import { CHILD_BYTES, PAGE_LEVEL_AT, PAGE_NEXT_AT, PAGE_PGNO_AT, PAGE_PREV_AT, PAGE_TREE_AT } from './layout.ts';
import { childAt, copyKey, slotCount } from './page.ts';
import type { Tree } from './tree.ts';

export class PageMove {
  readonly #core: Core;
  readonly #btree: BTree;
  readonly #key = new Uint8Array(8192);
  readonly #child = new Uint8Array(CHILD_BYTES);
  readonly #childView = new DataView(this.#child.buffer);
  /** What `locate` found: the parent's page and slot; 0 for a root. */
  #parent = 0;
  #slot = 0;

  constructor(core: Core, btree: BTree) {
    this.#core = core;
    this.#btree = btree;
  }

  /** Makes a page of a tree and all that names it resident: OK, NONE (the page is not, or no longer, part of the tree), NEED. */
  locate(tree: Tree, pgno: number): number {
    const { cache } = this.#core;
    const frame = cache.frameOf(pgno);
    if (frame < 0) return this.#core.wantPage(pgno);
    const view = cache.views[frame]!;
    if (view.getUint32(PAGE_TREE_AT, true) !== tree.id) return NONE;
    for (const at of [PAGE_PREV_AT, PAGE_NEXT_AT]) {
      const neighbour = view.getUint32(at, true);
      if (neighbour !== 0 && cache.frameOf(neighbour) < 0) return this.#core.wantPage(neighbour);
    }
    this.#parent = 0;
    if (tree.root === pgno) return OK;
    const found = this.#findParent(tree, pgno, view.getUint8(PAGE_LEVEL_AT));
    return found === NONE ? this.#searchParent(tree, pgno, view.getUint8(PAGE_LEVEL_AT)) : found;
  }

  /** Puts the page at `to`. Inside a group, right after `locate`; `setRoot` records a new root page of the tree. */
  apply(pgno: number, to: number, setRoot: (pgno: number) => void): void {
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
    if (this.#parent === 0) setRoot(to);
    else {
      this.#childView.setUint32(0, to, true);
      group.replaceNode(cache.peek(this.#parent), this.#slot, this.#child, 0, CHILD_BYTES);
    }
    cache.drop(pgno);
  }

  /** Goes down by a key that the page covers. NONE: it has no key to go by, or the way does not lead there. */
  #findParent(tree: Tree, pgno: number, level: number): number {
    const keyBytes = this.#coveredKey(pgno);
    if (keyBytes < 0) return NONE;
    if (this.#btree.descend(tree, this.#key, keyBytes) < 0) return NEED;
    const depth = this.#btree.depth - level;
    if (depth < 1 || this.#btree.pgnos[depth] !== pgno) return NONE;
    this.#parent = this.#btree.pgnos[depth - 1]!;
    this.#slot = this.#btree.slots[depth - 1]!;
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
  #searchParent(tree: Tree, pgno: number, level: number): number {
    const { cache } = this.#core;
    let frame = this.#btree.descendToLevel(tree, false, level + 1);
    for (;;) {
      if (frame < 0) return NEED;
      const view = cache.views[frame]!;
      if (view.getUint8(PAGE_LEVEL_AT) !== level + 1) return NONE;
      for (let slot = 0; slot < slotCount(view); slot++) {
        if (childAt(view, slot) !== pgno) continue;
        this.#parent = cache.pgnoOf(frame);
        this.#slot = slot;
        return OK;
      }
      const next = view.getUint32(PAGE_NEXT_AT, true);
      if (next === 0) return NONE;
      frame = cache.frameOf(next);
      if (frame < 0) return this.#core.wantPage(next);
    }
  }
}
