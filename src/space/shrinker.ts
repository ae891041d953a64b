/**
 * Making the file shorter: pages move to the front, the tail is cut off. Needs no holes, so it works on every file system.
 *
 *   loop   the last extent of the file is free        → cut: a group that ends the file before it, then the cut itself
 *          it belongs to a tree                        → ceiling to its first page; its pages move below; it goes up
 *          nothing below the ceiling can take them     → stop, with the reason
 *
 * For chosen trees, as many of their extents at the end as there is room for move first, in their order (`slide-plan.ts`).
 *
 * It runs while others work: they are kept below the ceiling as far as there is room, and may make the file longer again. Realtime
 * trimming waits meanwhile: what it makes holes of is nobody's for so long. Every step is a group; a crash leaves a file that is
 * partly shrunk.
 */
import { assert } from '../base/assert.ts';
import { REQUEST_ROOM, type Task } from '../base/task.ts';
import { NEED, NONE, OK, type TreeId } from '../storage/contracts.ts';
import {
  EXTENT_AT_HAND,
  EXTENT_TRIMMED,
  ROOT_TREE,
  TREE_CATALOG,
  TREE_DROPPED,
  TREE_PRIMARY_AT,
  TREE_PRIMARY_PAGES_AT,
} from '../storage/layout.ts';
import { StoreRequest } from '../storage/store-request.ts';
import { sliceRequest } from '../storage/transactions.ts';
import type { Tree } from '../storage/tree.ts';
import { ExtentEmptier, type OwnedExtent } from './empty-extent.ts';
import type { OpenSpace } from './open-space.ts';
import { NOT_MOVABLE } from './relocate.ts';
import { EXHAUSTED } from './root-space.ts';
import { mayMove, planSlide } from './slide-plan.ts';
import { refill } from './tree-space.ts';
import type { Trimmer } from './trimmer.ts';

/** Why a shrink ended (`spec/ese.md` §2.11 has ESE's list). */
export type ShrinkStop =
  /** Nothing is free below what is in use: the file is as short as it gets. */
  | 'done'
  /** An extent at the end finds no place of its size further down. */
  | 'no_low_space'
  /** A page at the end belongs to something that cannot move now. */
  | 'page_not_movable'
  /** What lies at the end is not among the trees that may move. */
  | 'others_at_end'
  /** Others make the file longer as fast as it becomes shorter. */
  | 'file_grows'
  /** The caller's limit was reached. */
  | 'limit'
  /** Another shrink of this file is running. */
  | 'already_running';

export interface ShrinkReport {
  readonly reason: ShrinkStop;
  /** What could not move, for `no_low_space` and `page_not_movable`: the page and its tree. */
  readonly page: number;
  readonly tree: number;
  /** Pages of the file before and after, without header and shadow. */
  readonly pagesBefore: number;
  readonly pagesAfter: number;
  /** Pages that moved. */
  readonly moved: number;
}

export interface ShrinkOptions {
  /** The file need not become shorter than so many pages; default 0. */
  readonly pagesMin?: number;
  /** Asked after every extent: true ends the shrink with `limit`. */
  readonly isOver?: () => boolean;
  /** Only these trees and those under them move, in their order as far as it goes; default: whatever lies at the end. */
  readonly only?: readonly TreeId[];
}

const BUSY = 94;
/** Times that the same tail may come up again before others count as faster. */
const ATTEMPTS_MAX = 64;

export class Shrinker {
  readonly #open: OpenSpace;
  readonly #emptier: ExtentEmptier;
  readonly #reclaim: () => Task<boolean>;
  #running = false;
  /** The page and tree that could not move. */
  #stuck = { page: 0, tree: 0 };

  /** @param reclaim - a step of background work: dropped trees at the end of the file must go before it can be cut. */
  constructor(open: OpenSpace, reclaim: () => Task<boolean>) {
    this.#open = open;
    this.#emptier = new ExtentEmptier(open);
    this.#reclaim = reclaim;
  }

  /** Shortens the file as far as it goes. */
  *shrink(options: ShrinkOptions = {}): Task<ShrinkReport> {
    const { root } = this.#open.map;
    const pagesBefore = root.filePages;
    const movedBefore = this.#emptier.moved;
    this.#stuck = { page: 0, tree: 0 };
    let reason: ShrinkStop = 'already_running';
    if (!this.#running) {
      this.#running = true;
      const release = this.#trimmer.hold();
      try {
        if (this.#trimmer.running) yield this.#trimmer.ended();
        if (options.only !== undefined) yield* this.#slide(options.only, options.isOver ?? (() => false));
        reason = yield* this.#run(options);
      } finally {
        this.#running = false;
        release();
        this.#open.parts.ceiling.page = Number.POSITIVE_INFINITY;
      }
    }
    const moved = this.#emptier.moved - movedBefore;
    return { reason, ...this.#stuck, pagesBefore, pagesAfter: root.filePages, moved };
  }

  *#run(options: ShrinkOptions): Task<ShrinkStop> {
    const { core } = this.#open.parts;
    const { root } = this.#open.map;
    let lowest = root.filePages;
    for (let attempts = 0; ; ) {
      if (root.filePages <= (options.pagesMin ?? 0)) return 'done';
      if (options.isOver?.() === true) return 'limit';
      if (root.filePages < lowest) {
        lowest = root.filePages;
        attempts = 0;
      } else if (++attempts > ATTEMPTS_MAX) return 'file_grows';
      const cut = yield* this.#cutTail(options.pagesMin ?? 0);
      if (cut === OK) continue;
      if (cut === BUSY) {
        if (!(yield* this.#reclaim())) yield sliceRequest(core);
        continue;
      }
      const stop = yield* this.#emptyTail(options.only);
      if (stop !== undefined) return stop;
    }
  }

  /** Moves what trees have at the end of the file to its front, from the first extent to the last: so their order stays. */
  *#slide(only: readonly TreeId[], isOver: () => boolean): Task<void> {
    const { parts } = this.#open;
    const tailAt = this.#tailAt.bind(this);
    const plan = yield* planSlide(this.#open, only, tailAt);
    for (const extent of plan) {
      // Nothing comes to lie where it is going to be cut, whichever extent it leaves.
      parts.ceiling.page = plan[0]!.first;
      if ((yield* this.#empty(extent)) !== OK || isOver()) return;
    }
  }

  *#tailAt(pgno: number): Task<OwnedExtent | undefined> {
    const tail = yield* this.#tailOf(pgno);
    return tail === BUSY ? undefined : tail;
  }

  /** Cuts the free end off the file: OK, NONE (the last page is in use), BUSY (it is on its way to be free). */
  *#cutTail(pagesMin: number): Task<number> {
    const { parts, map } = this.#open;
    const { core } = parts;
    const { available } = map.root.space;
    const end = map.root.filePages;
    for (;;) {
      if (core.reserve() === NEED) {
        yield core.need;
        continue;
      }
      const ready = refill(parts, map.root.space);
      if (ready === NONE) continue;
      const status = ready === OK ? available.findEnd(end - 1) : NEED;
      if (status === NEED) {
        yield core.need;
        continue;
      }
      if (status === NONE || map.root.filePages !== end) return NONE;
      const trimmed = map.root.isTrimmed();
      if (!trimmed && available.state !== EXTENT_AT_HAND) return BUSY;
      const { first, pages } = available;
      const to = Math.max(first, pagesMin);
      if (to >= end) return NONE;
      const room = available.room(to > first ? to - 1 : end - 1);
      if (room === NEED) yield core.need;
      if (room !== OK) continue;
      if (available.findEnd(end - 1) !== OK) continue;
      core.group.begin();
      core.group.gone(to, end - 1);
      available.remove(end - 1);
      if (to > first) available.insert(to - 1, to - first, trimmed ? EXTENT_TRIMMED : EXTENT_AT_HAND);
      if (trimmed) map.root.countTrimmed(to - first - pages);
      map.root.cut(to);
      core.group.end();
      // Up to here: who waited for the end of the log would wait for whoever goes on writing.
      const marked = core.log.tail;
      while (core.log.durable < marked) yield core.log.flushRequest();
      yield new StoreRequest(REQUEST_ROOM, core.clock, () => {
        map.root.cutFile(to);
      });
      return OK;
    }
  }

  /** Empties the last extent of the file. @returns why it cannot, or undefined. */
  *#emptyTail(only: readonly TreeId[] | undefined): Task<ShrinkStop | undefined> {
    const { parts, map } = this.#open;
    const { core } = parts;
    const end = map.root.filePages;
    const whole = yield* this.#tailOf(end - 1);
    const tail = whole === BUSY ? BUSY : yield* this.#lentInside(whole);
    if (tail === BUSY) {
      if (!(yield* this.#reclaim())) yield sliceRequest(core);
      return undefined;
    }
    if (map.root.filePages !== end) return undefined;
    if (!mayMove(this.#open, tail.tree, only)) {
      this.#stuck = { page: tail.last, tree: tail.tree.id };
      return 'others_at_end';
    }
    parts.ceiling.page = tail.first;
    const status = yield* this.#empty(tail);
    if (status === OK) return undefined;
    // A page that cannot be moved may have become another tree's meanwhile: then that one's extent is the tail.
    if (status === NOT_MOVABLE && !(yield* this.#isStillTail(tail, end - 1))) return undefined;
    this.#stuck = { page: tail.last, tree: tail.tree.id };
    return status === NOT_MOVABLE ? 'page_not_movable' : yield* this.#whyStuck(tail);
  }

  /** Moves all of an extent. While somebody trims, what is free below may be nobody's: then it waits for the end of that. */
  *#empty(extent: OwnedExtent): Task<number> {
    const status = yield* this.#emptier.empty(extent);
    if (status !== EXHAUSTED || !this.#trimmer.running) return status;
    yield this.#trimmer.ended();
    return yield* this.#emptier.empty(extent);
  }

  get #trimmer(): Trimmer {
    const { trimmer } = this.#open;
    assert(trimmer !== undefined, 'the space of the database is open');
    return trimmer;
  }

  /** No place of the extent's size below: if there is nothing free below at all, the file is as short as it gets. */
  *#whyStuck(tail: OwnedExtent): Task<ShrinkStop> {
    const { core } = this.#open.parts;
    const { available } = this.#open.map.root.space;
    for (;;) {
      const status = available.find(0);
      if (status !== NEED) return status === OK && available.first < tail.first ? 'no_low_space' : 'done';
      yield core.need;
    }
  }

  /** The extent that a page lies in, of the lowest tree that owns it. BUSY: of a dropped tree, which goes by itself. */
  *#tailOf(pgno: number): Task<OwnedExtent | typeof BUSY> {
    const { parts, map } = this.#open;
    let found: OwnedExtent = { tree: parts.core.tree(ROOT_TREE), space: map.root.space, first: pgno, last: pgno };
    for (const tree of [...parts.core.trees.values()]) {
      if (tree.id === ROOT_TREE || tree.id === TREE_CATALOG || tree.state === 0) continue;
      const own = yield* this.#ownedExtent(tree, pgno);
      if (own === undefined) continue;
      if (tree.state === TREE_DROPPED) return BUSY;
      // A child's extent lies inside its parent's: the child comes first.
      if (found.tree.id === ROOT_TREE || tree.parent === found.tree.id) found = own;
    }
    return found;
  }

  *#isStillTail({ tree, first }: OwnedExtent, pgno: number): Task<boolean> {
    const whole = yield* this.#tailOf(pgno);
    const now = whole === BUSY ? BUSY : yield* this.#lentInside(whole);
    return now !== BUSY && now.tree === tree && now.first === first;
  }

  /** What a child has inside an extent goes before the rest of it. */
  *#lentInside(tail: OwnedExtent): Task<OwnedExtent | typeof BUSY> {
    for (const tree of [...this.#open.parts.core.trees.values()]) {
      if (tree.parent !== tail.tree.id || tree.parent === ROOT_TREE || tree.state === 0) continue;
      const own = yield* this.#firstExtentIn(tree, tail.first, tail.last);
      if (own === undefined) continue;
      return tree.state === TREE_DROPPED ? BUSY : yield* this.#lentInside(own);
    }
    return tail;
  }

  *#firstExtentIn(tree: Tree, first: number, last: number): Task<OwnedExtent | undefined> {
    const space = this.#open.map.of(tree);
    if (space?.owned === undefined) {
      const primary = tree.view.getUint32(TREE_PRIMARY_AT, true);
      return primary >= first && primary <= last ? yield* this.#ownedExtent(tree, primary) : undefined;
    }
    while (this.#open.map.of(tree) === space) {
      const status = space.owned.find(first);
      if (status === NEED) yield this.#open.parts.core.need;
      else if (status === NONE || space.owned.first > last || space.owned.first < first) return undefined;
      else return { tree, space, first: space.owned.first, last: space.owned.last };
    }
    return undefined;
  }

  *#ownedExtent(tree: Tree, pgno: number): Task<OwnedExtent | undefined> {
    const { parts, map } = this.#open;
    // The walk over the trees waits now and then; one that is gone meanwhile owns nothing.
    if (parts.core.trees.get(tree.id) !== tree) return undefined;
    const space = map.of(tree);
    if (space?.owned === undefined) {
      const first = tree.view.getUint32(TREE_PRIMARY_AT, true);
      const last = first + tree.view.getUint32(TREE_PRIMARY_PAGES_AT, true) - 1;
      return first <= pgno && pgno <= last ? { tree, space: undefined, first, last } : undefined;
    }
    while (map.of(tree) === space) {
      const status = space.owned.find(pgno);
      if (status === NEED) yield parts.core.need;
      else if (status === NONE || space.owned.first > pgno) return undefined;
      else return { tree, space, first: space.owned.first, last: space.owned.last };
    }
    return undefined;
  }
}
