/**
 * Emptying an extent: its pages move to other places of their tree, and the extent goes up.
 *
 *   a tree with space trees   page by page: free pages stay, a reserved page is exchanged, a page of the tree or of its space
 *                             trees moves to a page that the tree has below the ceiling; the last one takes the extent along
 *   a small tree              its whole first extent in one group, when it uses few pages; else it gets space trees first
 *   the database root         single pages: of its space tree, of its reserve, of the tree catalog
 *
 * Each step is a group of its own, so a crash leaves an extent that is partly empty and nothing else. The caller has put the
 * ceiling (`SpaceParts.ceiling`) to the extent's first page.
 */
import { assert } from '../base/assert.ts';
import { NEED, OK } from '../storage/contracts.ts';
import {
  PAGE_TREE_AT,
  TREE_AVAILABLE_ROOT_AT,
  TREE_CATALOG,
  TREE_OWNED_PAGES_AT,
  TREE_OWNED_ROOT_AT,
  TREE_PRIMARY_AT,
  TREE_PRIMARY_PAGES_AT,
  TREE_RESERVE_AT,
  TREE_RESERVE_SLOTS,
} from '../storage/layout.ts';
import { PAGE_GOOD } from '../storage/page-cache.ts';
import { PageMove, type PagePlace } from '../storage/page-move.ts';
import type { Tree } from '../storage/tree.ts';
import type { OpenSpace } from './open-space.ts';
import { refill, reserveAt, type Space } from './tree-space.ts';

/** `movePage`: the tree has no page below the ceiling to move to. */
export const NO_TARGET = 96;
/** The page belongs to nothing that can be moved. */
export const NOT_MOVABLE = 95;
/** Pages that one group moves at most. */
const WHOLE_PAGES_MAX = 6;

export class Relocation {
  readonly #open: OpenSpace;
  readonly #move: PageMove;
  readonly #place: PagePlace = { parent: 0, slot: 0 };
  /** Pages moved so far. */
  moved = 0;

  constructor(open: OpenSpace) {
    this.#open = open;
    this.#move = new PageMove(open.parts.core, open.parts.btree);
  }

  /**
   * Moves what stands on a page of a space's extent: OK (it is free now), NONE (again), NO_TARGET, NOT_MOVABLE, NEED.
   *
   * @param findTarget - puts `space.available` to an extent at hand that takes the page; the first one below the ceiling by default.
   */
  movePage(space: Space, pgno: number, findTarget = (): number => space.available.findAtHand(0)): number {
    const { parts, map, upward } = this.#open;
    const { core, catalog } = parts;
    const { available, owner } = space;
    if (core.reserve() === NEED) return NEED;
    const root = refill(parts, map.root.space);
    if (root !== OK) return root;
    // With its last page in use the extent went up already.
    const owned = space.owned?.find(pgno) ?? OK;
    if (owned === NEED) return NEED;
    if (owned !== OK || (space.owned !== undefined && space.owned.first > pgno)) return OK;
    const free = available.find(pgno);
    if (free === NEED) return NEED;
    if (free === OK && available.first <= pgno) return OK;
    const ready = upward.prepareInto(space, pgno, pgno);
    if (ready !== OK) return ready;
    const slot = reserveSlot(owner, pgno);
    const tree = slot < 0 ? this.#treeOf(space, pgno) : owner;
    if (tree === undefined) return NOT_MOVABLE;
    if (slot < 0) {
      const located = this.#move.locate(tree, pgno, this.#place);
      if (located !== OK) return located === NEED ? NEED : NOT_MOVABLE;
    }
    if (catalog.locate(owner) < 0) return NEED;
    const target = findTarget();
    if (target !== OK) return target === NEED ? NEED : NO_TARGET;
    const { last, pages, state } = available;
    const room = available.room(last);
    if (room !== OK) return room;
    core.group.begin();
    const to = available.takeFirst(last, pages, state);
    upward.giveInto(space, pgno, pgno);
    if (slot < 0) this.#move.move(pgno, to, this.#place, (page) => this.#setRoot(tree, page));
    else {
      owner.view.setUint32(TREE_RESERVE_AT + 4 * slot, to, true);
      catalog.writeRow(owner);
    }
    core.group.end();
    this.moved++;
    return OK;
  }

  /** Moves a small tree's first extent: OK, NONE (again), EXHAUSTED, NEED. */
  moveSmall(tree: Tree): number {
    const { parts, map, source, upward } = this.#open;
    const { core, btree, catalog } = parts;
    if (core.reserve() === NEED) return NEED;
    const first = tree.view.getUint32(TREE_PRIMARY_AT, true);
    const pages = tree.view.getUint32(TREE_PRIMARY_PAGES_AT, true);
    const used: number[] = [];
    if (!btree.collectPages(tree, used)) return NEED;
    if (used.length > WHOLE_PAGES_MAX) return source.acquire(tree, undefined, false);
    const root = refill(parts, map.root.space);
    if (root !== OK) return root;
    const up = upward.prepareUp(tree, first, first + pages - 1);
    if (up !== OK) return up;
    if (catalog.locate(tree) < 0) return NEED;
    const place = source.prepareMove(tree, pages);
    if (place !== OK) return place;
    core.group.begin();
    const to = source.carveMove(pages);
    upward.giveUp(tree, first, first + pages - 1);
    for (const pgno of used) {
      assert(this.#move.locate(tree, pgno, this.#place) === OK, 'pages of a small tree are resident');
      this.#move.move(pgno, pgno - first + to, this.#place, (page) => tree.setRoot(page));
    }
    tree.view.setUint32(TREE_PRIMARY_AT, to, true);
    catalog.writeRow(tree);
    core.group.end();
    this.moved += used.length;
    return OK;
  }

  /** Gives an extent up that is wholly free and still its tree's: OK (or it is not), NONE (again), NEED. */
  release(space: Space, first: number, last: number): number {
    const { parts, upward } = this.#open;
    const { core, catalog } = parts;
    const { owned, available, owner } = space;
    assert(owned !== undefined, 'the root gives nothing up');
    if (core.reserve() === NEED) return NEED;
    const up = upward.prepareUp(owner, first, last);
    if (up !== OK) return up;
    if (catalog.locate(owner) < 0) return NEED;
    const rows: number[] = [];
    for (let from = first; from <= last; from = available.last + 1) {
      const status = available.find(from);
      if (status === NEED) return NEED;
      if (status !== OK || available.first !== from) return OK;
      rows.push(available.last);
    }
    const status = owned.findEnd(last);
    if (status !== OK) return status === NEED ? NEED : OK;
    core.group.begin();
    for (const row of rows) available.remove(row);
    owned.remove(last);
    const pages = owner.view.getUint32(TREE_OWNED_PAGES_AT, true) - (last - first + 1);
    owner.view.setUint32(TREE_OWNED_PAGES_AT, pages, true);
    catalog.writeRow(owner);
    upward.giveUp(owner, first, last);
    core.group.end();
    return OK;
  }

  /** The tree that a page in use belongs to: the owner's own or one of its space trees; at the root also the tree catalog. */
  #treeOf(space: Space, pgno: number): Tree | undefined {
    const { core } = this.#open.parts;
    // It may have become another tree's while the caller waited, and then it may never have been written.
    if (core.cache.loadAny(pgno) !== PAGE_GOOD) return undefined;
    const id = core.cache.views[core.cache.peek(pgno)]!.getUint32(PAGE_TREE_AT, true);
    const isRoot = space.owned === undefined;
    if (id === space.available.tree.id) return space.available.tree;
    if (isRoot) return id === TREE_CATALOG ? core.tree(TREE_CATALOG) : undefined;
    if (id === space.owned?.tree.id) return space.owned.tree;
    return id === space.owner.id ? space.owner : undefined;
  }

  /** A root page has moved: writes it down where the tree's root stands. */
  #setRoot(tree: Tree, pgno: number): void {
    const { parts, map } = this.#open;
    tree.setRoot(pgno);
    const space = map.ownerOf(tree);
    if (tree.id === TREE_CATALOG) parts.catalog.logRoot();
    else if (space === undefined) parts.catalog.writeRow(tree);
    else {
      const at = space.owned?.tree === tree ? TREE_OWNED_ROOT_AT : TREE_AVAILABLE_ROOT_AT;
      space.owner.view.setUint32(at, pgno, true);
      parts.catalog.writeRow(space.owner);
    }
  }
}

/** The place of a page in a tree's reserve, −1 when it is not there. */
function reserveSlot(tree: Tree, pgno: number): number {
  for (let slot = 0; slot < TREE_RESERVE_SLOTS; slot++) if (reserveAt(tree, slot) === pgno) return slot;
  return -1;
}
