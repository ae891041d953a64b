/**
 * A space tree: extents keyed by their last page, so "the extent that contains p" is the first key ≥ p.
 *
 *   row     key: last page u32 big-endian      record: pages u32 | state u32
 *
 * Searching and `room` are attempts; the changes happen inside the caller's group and find everything resident.
 */
import { assert } from '../base/assert.ts';
import type { BTree } from '../storage/btree.ts';
import { NEED, NONE, OK } from '../storage/contracts.ts';
import type { Core } from '../storage/core.ts';
import {
  EXTENT_AT_HAND,
  EXTENT_PAGES_AT,
  EXTENT_ROW_BYTES,
  EXTENT_STATE_AT,
  NODE_RECORD_AT,
  PAGE_FREE_AT,
  PAGE_LEVEL_AT,
  PAGE_NEXT_AT,
} from '../storage/layout.ts';
import { copyKey, nodeAt, nodeBytes, searchPage, slotCount } from '../storage/page.ts';
import type { Tree } from '../storage/tree.ts';

const KEY_BYTES = 4;
/** Bytes of a row at most. */
const ROW_BYTES_MAX = nodeBytes(EXTENT_ROW_BYTES, KEY_BYTES);

/** Where the file shall end: while it shrinks, nobody takes a page from here on if there is another one. */
export interface Ceiling {
  page: number;
}

export class ExtentTree {
  readonly #core: Core;
  readonly #ceiling: Ceiling;
  readonly #btree: BTree;
  readonly tree: Tree;
  /** The extent found by the last search. */
  last = 0;
  pages = 0;
  state = 0;
  readonly #key = new Uint8Array(8192);
  readonly #row = new Uint8Array(EXTENT_ROW_BYTES);
  readonly #rowView = new DataView(this.#row.buffer);

  constructor(core: Core, btree: BTree, tree: Tree, ceiling: Ceiling) {
    this.#core = core;
    this.#ceiling = ceiling;
    this.#btree = btree;
    this.tree = tree;
  }

  get first(): number {
    return this.last - this.pages + 1;
  }

  /** Finds the first extent whose last page is ≥ `pgno`: OK, NONE, NEED. */
  find(pgno: number): number {
    const { cache } = this.#core;
    let frame = this.#descend(pgno);
    if (frame < 0) return NEED;
    let slot = searchPage(cache.bytes[frame]!, cache.views[frame]!, this.#key, KEY_BYTES);
    if (slot < 0) slot = -slot - 1;
    while (slot >= slotCount(cache.views[frame]!)) {
      const next = cache.views[frame]!.getUint32(PAGE_NEXT_AT, true);
      if (next === 0) return NONE;
      frame = cache.frameOf(next);
      if (frame < 0) return this.#core.wantPage(next);
      slot = 0;
    }
    this.#take(frame, slot);
    return OK;
  }

  /** As {@link find}, for extents below the ceiling whose pages can be taken by anybody. */
  findAtHand(pgno: number): number {
    return this.#findFree(pgno, this.#ceiling.page);
  }

  /** The first extent at hand behind a page, else before it; from the ceiling on only when there is no other. */
  findNear(pgno: number): number {
    const ceiling = this.#ceiling.page;
    const status = this.#findFree(pgno, ceiling);
    const before = status === NONE && pgno > 0 ? this.#findFree(0, ceiling) : status;
    return before === NONE && ceiling !== Number.POSITIVE_INFINITY
      ? this.#findFree(0, Number.POSITIVE_INFINITY)
      : before;
  }

  #findFree(pgno: number, ceiling: number): number {
    for (let from = pgno; ; from = this.last + 1) {
      const status = this.find(from);
      if (status !== OK) return status;
      if (this.first >= ceiling) return NONE;
      if (this.state === EXTENT_AT_HAND) return OK;
    }
  }

  /** Finds the extent that ends exactly at `pgno`. */
  findEnd(pgno: number): number {
    const frame = this.#descend(pgno);
    if (frame < 0) return NEED;
    const { cache } = this.#core;
    const slot = searchPage(cache.bytes[frame]!, cache.views[frame]!, this.#key, KEY_BYTES);
    if (slot < 0) return NONE;
    this.#take(frame, slot);
    return OK;
  }

  /** Makes sure that an extent with this last page can be inserted: OK, NONE (some room was made: begin again), NEED. */
  room(last: number): number {
    const frame = this.#descend(last);
    if (frame < 0) return NEED;
    // Twice the room, so that a carved extent finds its place too.
    if (this.#core.cache.views[frame]!.getUint16(PAGE_FREE_AT, true) >= 2 * ROW_BYTES_MAX) return OK;
    const status = this.#btree.makeRoom(this.tree, this.#key, KEY_BYTES, 2 * ROW_BYTES_MAX);
    return status === NEED ? NEED : NONE;
  }

  /** Pages to keep so that the tree can split: none while its root is a leaf with plenty of room. NEED if the root is not there. */
  reserveWanted(): number {
    const frame = this.#core.cache.frameOf(this.tree.root);
    if (frame < 0) return this.#core.wantPage(this.tree.root);
    const view = this.#core.cache.views[frame]!;
    const level = view.getUint8(PAGE_LEVEL_AT);
    if (level === 0 && view.getUint16(PAGE_FREE_AT, true) > view.byteLength >> 2) return 0;
    return level + 3;
  }

  insert(last: number, pages: number, state = 0): void {
    const { frame, slot } = this.#locate(last);
    assert(slot < 0, 'extent is new');
    this.#rowView.setUint32(EXTENT_PAGES_AT, pages, true);
    this.#rowView.setUint32(EXTENT_STATE_AT, state, true);
    this.#core.group.insertNode(frame, -slot - 1, this.#key, KEY_BYTES, this.#row, 0, EXTENT_ROW_BYTES);
    this.tree.rows++;
  }

  setPages(last: number, pages: number, state = 0): void {
    const { frame, slot } = this.#locate(last);
    assert(slot >= 0, 'extent is there');
    this.#rowView.setUint32(EXTENT_PAGES_AT, pages, true);
    this.#rowView.setUint32(EXTENT_STATE_AT, state, true);
    this.#core.group.replaceNode(frame, slot, this.#row, 0, EXTENT_ROW_BYTES);
  }

  remove(last: number): void {
    const { frame, slot } = this.#locate(last);
    assert(slot >= 0, 'extent is there');
    this.#core.group.reclaim(frame, [slot], []);
    this.tree.rows--;
  }

  /** Takes the first page of the extent that ends at `last`. */
  takeFirst(last: number, pages: number, state = 0): number {
    if (pages === 1) this.remove(last);
    else this.setPages(last, pages - 1, state);
    return last - pages + 1;
  }

  #locate(last: number): { frame: number; slot: number } {
    const frame = this.#descend(last);
    assert(frame >= 0, 'leaf of the space tree is resident');
    const { cache } = this.#core;
    return { frame, slot: searchPage(cache.bytes[frame]!, cache.views[frame]!, this.#key, KEY_BYTES) };
  }

  #descend(pgno: number): number {
    extentKey(pgno, this.#key);
    return this.#btree.descend(this.tree, this.#key, KEY_BYTES);
  }

  #take(frame: number, slot: number): void {
    const { cache } = this.#core;
    const view = cache.views[frame]!;
    const at = nodeAt(view, slot) + NODE_RECORD_AT;
    this.pages = view.getUint32(at + EXTENT_PAGES_AT, true);
    this.state = view.getUint32(at + EXTENT_STATE_AT, true);
    copyKey(cache.bytes[frame]!, view, slot, foundKey);
    this.last = ((foundKey[0]! << 24) | (foundKey[1]! << 16) | (foundKey[2]! << 8) | foundKey[3]!) >>> 0;
  }
}

const foundKey = new Uint8Array(8192);

function extentKey(pgno: number, into: Uint8Array): void {
  into[0] = pgno >>> 24;
  into[1] = pgno >>> 16;
  into[2] = pgno >>> 8;
  into[3] = pgno;
}
