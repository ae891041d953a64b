/**
 * What REORGANIZE would do to a tree, found by reading: `WITH (DRY_RUN = ON)`, and the prediction that a report is compared with.
 *
 *   long values   the same extents, emptied on a list of pages     (`drain-extents.ts`, `plan-space.ts`)
 *   compaction    the same windows and choices, on copies          (`compact-window.ts`, `plan-tree.ts`)
 *   ordering      the same moves and swaps, on a list of leaves    (`order-leaves.ts`, `plan-order.ts`)
 *
 * Nothing is changed and nothing is held between steps. When nobody changes the tree, the numbers are those of the run that
 * follows; where they can be other than that, the plan says so.
 */
import type { Task } from '../base/task.ts';
import type { DatabaseFile } from '../space/open-database-file.ts';
import { NEED, OK } from '../storage/contracts.ts';
import { TREE_LIVE } from '../storage/layout.ts';
import { sliceRequest } from '../storage/transactions.ts';
import type { Tree } from '../storage/tree.ts';
import { extentUses, sparseExtents } from './drain-extents.ts';
import { PlannedOrder } from './plan-order.ts';
import { PlannedSpace } from './plan-space.ts';
import { PlannedTree } from './plan-tree.ts';
import type { ReorganizeReport } from './reorganize.ts';

export interface PlanOptions {
  readonly lobCompaction: boolean;
  /** Pages that may be rewritten, as the run would count them. */
  readonly pagesMax?: number | undefined;
  /** Told after each step: leaves looked at. */
  readonly onProgress?: ((scanned: number) => void) | undefined;
}

/** What a run would report. */
export interface ReorganizePlan extends Omit<ReorganizeReport, 'reason'> {
  readonly reason: 'done' | 'pages' | 'gone';
  /**
   * False: near, not exact, because somebody changed the tree while it was looked at, or because its space trees will split.
   */
  readonly isExact: boolean;
}

/** Orders of a list that are worked out between two pauses. */
const LEAVES_PER_SLICE = 256;

/** @throws `undefined_object` (42704) when there is no such tree. */
export function* planReorganize(file: DatabaseFile, treeId: number, options: PlanOptions): Task<ReorganizePlan> {
  return yield* new Planner(file, file.store.parts.core.tree(treeId), options).run();
}

class Planner {
  readonly #file: DatabaseFile;
  readonly #tree: Tree;
  readonly #options: PlanOptions;
  #scanned = 0;
  #lob = { drained: 0, sparse: 0, moved: 0, isExact: true };
  #rewritten = 0;

  constructor(file: DatabaseFile, tree: Tree, options: PlanOptions) {
    this.#file = file;
    this.#tree = tree;
    this.#options = options;
  }

  *run(): Task<ReorganizePlan> {
    const { parts } = this.#file.store;
    const space = yield* PlannedSpace.of(this.#file.space.opened, this.#tree);
    if (this.#options.lobCompaction && this.#tree.longTree !== 0) yield* this.#drain(space);
    const planned = new PlannedTree(parts, this.#tree, space);
    const leaves = yield* this.#compact(planned);
    const order = leaves === undefined ? undefined : yield* this.#order(leaves, space, planned.depth > 0);
    return {
      reason: this.#isGone() ? 'gone' : order?.ended === true ? 'done' : 'pages',
      scanned: this.#scanned,
      moved: order?.moved ?? 0,
      removed: planned.freed,
      swaps: order?.swaps ?? 0,
      rewritten: this.#rewritten,
      lobExtentsSparse: this.#lob.sparse,
      lobExtentsDrained: this.#lob.drained,
      lobPagesMoved: this.#lob.moved,
      isExact: !planned.isStale && space.isExact && this.#lob.isExact,
    };
  }

  *#drain(table: PlannedSpace): Task<void> {
    const { core } = this.#file.store.parts;
    const long = core.trees.get(this.#tree.longTree);
    if (long === undefined || long.state !== TREE_LIVE) return;
    const { opened } = this.#file.space;
    if (opened.map.of(long)?.owned === undefined) return;
    const uses = yield* extentUses(opened, long);
    const space = yield* PlannedSpace.of(opened, long, table);
    const sparse = sparseExtents(uses);
    let room = uses.reduce((sum, e) => sum + e.free, 0);
    const going = new Set<number>();
    let drained = 0;
    let moved = 0;
    for (const extent of sparse) {
      room -= extent.free;
      if (room < extent.used || this.#isOver(moved)) break;
      going.add(extent.first);
      room -= extent.used;
      let page = extent.first;
      for (; page <= extent.last && !this.#isOver(moved); page++) {
        if (space.isFree(page)) continue;
        space.refill(page);
        const target = space.lowest((first) => !going.has(first));
        if (target === undefined) break;
        space.take(target);
        space.give(page, page);
        moved++;
      }
      if (page > extent.last) drained++;
      yield sliceRequest(core);
    }
    this.#lob = { drained, sparse: sparse.length, moved, isExact: space.isExact };
    this.#rewritten += moved;
  }

  /** @returns the pages of the leaves that are left; undefined when the budget ends before. */
  *#compact(planned: PlannedTree): Task<number[] | undefined> {
    const { core } = this.#file.store.parts;
    const leaves: number[] = [];
    let key = new Uint8Array(0);
    for (let freed = 0, rewritten = 0; ; ) {
      if (this.#isOver()) return undefined;
      const status = planned.step(key);
      if (status === NEED) {
        yield core.need;
        continue;
      }
      this.#rewritten += planned.rewritten - rewritten;
      rewritten = planned.rewritten;
      if (status !== OK) {
        const { next } = planned;
        while (freed < planned.freed && planned.joinBranches(key) === NEED) yield core.need;
        freed = planned.freed;
        let leaf = planned.leafAt(key);
        for (; leaf === 0; leaf = planned.leafAt(key)) yield core.need;
        leaves.push(leaf);
        this.#scanned++;
        this.#options.onProgress?.(this.#scanned);
        if (next === undefined) return leaves;
        key = next.slice();
      }
      yield sliceRequest(core);
    }
  }

  *#order(
    leaves: readonly number[],
    space: PlannedSpace,
    hasBranches: boolean,
  ): Task<{ moved: number; swaps: number; ended: boolean }> {
    const order = new PlannedOrder(leaves, space);
    const before = this.#rewritten;
    // A root that is a leaf has no order, and stays.
    for (let n = 1, more = hasBranches; more; n++) {
      if (this.#isOver()) return { ...order.counts, ended: false };
      more = order.step();
      this.#rewritten = before + order.counts.rewritten;
      if (n % LEAVES_PER_SLICE === 0) yield sliceRequest(this.#file.store.parts.core);
    }
    return { ...order.counts, ended: !this.#isGone() };
  }

  /** @param moved - pages rewritten by a phase that has not been counted yet. */
  #isOver(moved = 0): boolean {
    const { pagesMax } = this.#options;
    return this.#isGone() || (pagesMax !== undefined && this.#rewritten + moved >= pagesMax);
  }

  #isGone(): boolean {
    return this.#file.store.parts.core.trees.get(this.#tree.id) !== this.#tree || this.#tree.state !== TREE_LIVE;
  }
}
