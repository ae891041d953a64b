/**
 * Ordering, one step: the next leaf in the order of keys comes to the next place in the order of the file.
 *
 *   places   the pages that the tree's leaves have, and those that are free in its extents, ascending: a plan, read once from
 *            the level above the leaves and from the available extents; each is looked at again when its turn comes
 *   step     the leaf that covers the cursor's key, and the first place that is still to be had:
 *              it stands there already          → nothing to do
 *              the place is free                → the leaf moves (its old page becomes available)
 *              another leaf of the tree is there → the two change places
 *              something else is there          → the place is skipped
 *
 * So the leaves come to stand ascending in the lowest pages that the tree owns; extents at the end that become wholly free go
 * up. Where free places are among them it is a move and no swap, as the target needs no place of its own. The key of the leaf
 * behind the one placed last is the cursor: rows may come and go before and behind it (`spec/index-maintenance.md` §4.2).
 */
import { assert } from '../base/assert.ts';
import type { Task } from '../base/task.ts';
import type { OpenSpace } from '../space/open-space.ts';
import { listExtents } from '../space/space-audit.ts';
import { refill, type Space } from '../space/tree-space.ts';
import { NEED, NONE, OK } from '../storage/contracts.ts';
import { EXTENT_AT_HAND, PAGE_LEVEL_AT, PAGE_NEXT_AT, PAGE_TREE_AT, TREE_CATALOG } from '../storage/layout.ts';
import { childAt, slotCount } from '../storage/page.ts';
import { PAGE_GOOD } from '../storage/page-cache.ts';
import { PageMove, type PagePlace } from '../storage/page-move.ts';
import type { StoreParts } from '../storage/store.ts';
import { sliceRequest } from '../storage/transactions.ts';
import type { Tree } from '../storage/tree.ts';
import { PageSet } from './page-set.ts';

/** The cursor has passed the last leaf, or there are no places left. */
export const END = 2;
/** Places that one step looks at: those that are not to be had, because they are others' now, are skipped. */
const PLACES_PER_STEP = 16;

export class LeafOrderer {
  readonly #parts: StoreParts;
  readonly #open: OpenSpace;
  readonly #move: PageMove;
  readonly #placeA: PagePlace = { parent: 0, slot: 0 };
  readonly #placeB: PagePlace = { parent: 0, slot: 0 };
  #places = new PageSet();
  /** The next place is not below this page. */
  #at = 0;
  /** Where the next step goes on. */
  cursor: Uint8Array = new Uint8Array(0);
  /** Leaves that came to another page: one per move, two per swap. */
  moved = 0;
  swaps = 0;
  /** Pages whose content was written again. */
  rewritten = 0;

  constructor(parts: StoreParts, open: OpenSpace) {
    this.#parts = parts;
    this.#open = open;
    this.#move = new PageMove(parts.core, parts.btree);
  }

  /** Reads the plan. @returns the number of leaves. */
  *plan(tree: Tree): Task<number> {
    this.#places = new PageSet();
    this.#at = 0;
    this.cursor = new Uint8Array(0);
    const leaves = yield* this.#leafPages(tree);
    const available = yield* listExtents(this.#open, tree, 'available');
    for (let i = 0; i < available.length; i += 3) {
      if (available[i + 2] !== EXTENT_AT_HAND) continue;
      for (let p = 0; p < available[i + 1]!; p++) this.#places.add(available[i]! + p);
    }
    return leaves;
  }

  /** Places one leaf: OK (go on), END, NEED. */
  step(tree: Tree): number {
    const { core, btree } = this.#parts;
    if (core.reserve() === NEED) return NEED;
    const leaf = btree.descend(tree, this.cursor, this.cursor.length);
    if (leaf < 0) return NEED;
    if (btree.depth === 0) return END;
    const next = btree.separatorAfter();
    const pgno = core.cache.pgnoOf(leaf);
    for (let looked = 0; looked < PLACES_PER_STEP; looked++) {
      const place = this.#places.next(this.#at);
      if (place < 0) return END;
      const status = place === pgno ? OK : this.#put(tree, pgno, place);
      if (status === NEED) return NEED;
      if (status === AGAIN) return OK;
      this.#at = place + 1;
      if (status === NONE) continue;
      if (next === undefined) return END;
      this.cursor = next;
      return OK;
    }
    return OK;
  }

  /** Brings a leaf to a place: OK, NONE (the place is not to be had), AGAIN (some room was made), NEED. */
  #put(tree: Tree, pgno: number, place: number): number {
    const { core } = this.#parts;
    const space = this.#open.map.of(tree);
    const free = space?.available.find(place) ?? NONE;
    if (free === NEED) return NEED;
    if (space !== undefined && free === OK && space.available.first <= place) {
      return space.available.state === EXTENT_AT_HAND ? this.#moveTo(tree, space, pgno, place) : NONE;
    }
    const owned = space?.owned?.find(place) ?? OK;
    if (owned === NEED) return NEED;
    // An extent that went up is somebody else's by now.
    if (space?.owned !== undefined && (owned !== OK || space.owned.first > place)) return NONE;
    // What is free in a bitmap, or put aside for the space trees, may never have been written: the page may be blank.
    if (core.cache.loadAny(place) !== PAGE_GOOD) return NONE;
    return this.#swapWith(tree, pgno, place);
  }

  #swapWith(tree: Tree, pgno: number, place: number): number {
    const { core } = this.#parts;
    const view = core.cache.views[core.cache.peek(place)]!;
    if (view.getUint32(PAGE_TREE_AT, true) !== tree.id || view.getUint8(PAGE_LEVEL_AT) !== 0 || place === tree.root)
      return NONE;
    for (const [page, where] of [
      [place, this.#placeB],
      [pgno, this.#placeA],
    ] as const) {
      const located = this.#move.locate(tree, page, where);
      if (located !== OK) return located;
    }
    // Both are located in one go: nothing has changed in between.
    this.#move.swap(pgno, this.#placeA, place, this.#placeB);
    this.moved += 2;
    this.swaps++;
    this.rewritten += 2;
    return OK;
  }

  /** A plain move: the place is taken out of the available extents, the leaf's old page goes into them. */
  #moveTo(tree: Tree, space: Space, pgno: number, place: number): number {
    const { parts, map, upward } = this.#open;
    const { core, catalog } = parts;
    const { available } = space;
    assert(tree.id !== TREE_CATALOG, 'the tree catalog takes its pages from the root');
    const root = refill(parts, map.root.space);
    if (root !== OK) return root === NONE ? AGAIN : NEED;
    const ready = upward.prepareInto(space, pgno, pgno);
    if (ready !== OK) return ready === NONE ? AGAIN : NEED;
    for (const key of [place - 1, place]) {
      const room = available.room(key);
      if (room !== OK) return room === NONE ? AGAIN : NEED;
    }
    const located = this.#move.locate(tree, pgno, this.#placeA);
    if (located !== OK) return located;
    if (catalog.locate(tree) < 0) return NEED;
    const found = available.find(place);
    if (found === NEED) return NEED;
    if (found !== OK || available.first > place || available.state !== EXTENT_AT_HAND) return AGAIN;
    const { first, last } = available;
    core.group.begin();
    if (last > place) available.setPages(last, last - place);
    else available.remove(last);
    if (first < place) available.insert(place - 1, place - first);
    upward.giveInto(space, pgno, pgno);
    this.#move.move(pgno, place, this.#placeA, (page) => tree.setRoot(page));
    core.group.end();
    this.moved++;
    this.rewritten++;
    return OK;
  }

  /** Notes the pages of the leaves, read from the branches above them. @returns how many there are. */
  *#leafPages(tree: Tree): Task<number> {
    const { core, btree } = this.#parts;
    let leaves = 0;
    let key: Uint8Array | undefined = new Uint8Array(0);
    while (key !== undefined) {
      const frame = btree.descendToLevelOf(tree, key, 1);
      if (frame < 0) {
        yield core.need;
        continue;
      }
      const view = core.cache.views[frame]!;
      // A single leaf is the root, which stays where it is.
      if (view.getUint8(PAGE_LEVEL_AT) === 0) return 1;
      for (let slot = 0; slot < slotCount(view); slot++, leaves++) this.#places.add(childAt(view, slot));
      if (view.getUint32(PAGE_NEXT_AT, true) === 0) break;
      key = btree.separatorAfter();
      yield sliceRequest(core);
    }
    return leaves;
  }
}

const AGAIN = 99;
