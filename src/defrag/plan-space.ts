/**
 * The extents of one tree as a plan has them: what happens to pages that are given back and taken, without doing it.
 *
 *   page    in use ──give──> at hand ──take──> in use        (or filled in order by sequential growth: left alone)
 *   extent  all its pages free ──> it leaves the tree, for whoever lent it
 *
 * It follows `space/upward.ts` and `space/tree-space.ts`: what touches is joined, and pages that the space trees' reserve still
 * lacks are put aside as soon as there are any. One byte per owned page, and nothing of it is read again later.
 */
import type { Task } from '../base/task.ts';
import type { OpenSpace } from '../space/open-space.ts';
import { EXTENT_FIELDS, listExtents } from '../space/space-audit.ts';
import { reserveAt, type Space } from '../space/tree-space.ts';
import { NEED } from '../storage/contracts.ts';
import {
  EXTENT_AT_HAND,
  EXTENT_ROW_BYTES,
  PAGE_FREE_AT,
  PAGE_LEVEL_AT,
  TREE_RESERVE_SLOTS,
} from '../storage/layout.ts';
import { nodeBytes } from '../storage/page.ts';
import type { Tree } from '../storage/tree.ts';

const IN_USE = 0;
const AT_HAND = 1;
/** Free, and kept for sequential growth. */
const GROWING = 2;
const ROW_BYTES = nodeBytes(EXTENT_ROW_BYTES, 4);

interface PlannedExtent {
  readonly first: number;
  readonly last: number;
  readonly states: Uint8Array;
}

export class PlannedSpace {
  readonly #lender: PlannedSpace | undefined;
  /** In the order of the file. */
  #extents: PlannedExtent[] = [];
  /** Pages put aside for the space trees, and how many the owned extents alone want. */
  #held = 0;
  #wantedForOwned = 0;
  /** The root of the available extents' tree. */
  #level = 0;
  #freeBytes = 0;
  readonly #pageBytes: number;
  /**
   * False once the tree of the available extents would split, which takes pages from the reserve that are not foreseen here:
   * then a few places may be others.
   */
  isExact = true;

  private constructor(pageBytes: number, lender: PlannedSpace | undefined) {
    this.#pageBytes = pageBytes;
    this.#lender = lender;
  }

  /** Reads the extents of a tree; a small one, which has no space trees, has none here. @param lender - takes what it owns. */
  static *of(open: OpenSpace, tree: Tree, lender?: PlannedSpace): Task<PlannedSpace> {
    const planned = new PlannedSpace(open.parts.core.pageBytes, lender);
    const space = open.map.of(tree);
    if (space?.owned === undefined) return planned;
    const owned = yield* listExtents(open, tree, 'owned');
    const available = yield* listExtents(open, tree, 'available');
    planned.#extents = extentsOf(owned, available);
    // A tree that was dropped meanwhile has no reserve any more.
    while (open.map.of(tree) === space && !planned.#readReserve(open, space)) yield open.parts.core.need;
    return planned;
  }

  #readReserve({ parts: { core } }: OpenSpace, { owner, owned, available }: Space): boolean {
    const wanted = owned?.reserveWanted() ?? 0;
    if (wanted === NEED || available.reserveWanted() === NEED) return false;
    const root = core.cache.views[core.cache.peek(available.tree.root)];
    if (root === undefined) return false;
    this.#wantedForOwned = wanted;
    this.#level = root.getUint8(PAGE_LEVEL_AT);
    this.#freeBytes = root.getUint16(PAGE_FREE_AT, true);
    for (let slot = 0; slot < TREE_RESERVE_SLOTS; slot++) if (reserveAt(owner, slot) !== 0) this.#held++;
    return true;
  }

  owns(page: number): boolean {
    return this.#extentOf(page) !== undefined;
  }

  isAtHand(page: number): boolean {
    const extent = this.#extentOf(page);
    return extent !== undefined && extent.states[page - extent.first] === AT_HAND;
  }

  isFree(page: number): boolean {
    const extent = this.#extentOf(page);
    return extent === undefined || extent.states[page - extent.first] !== IN_USE;
  }

  /** All pages at hand, ascending. */
  *atHand(): Iterable<number> {
    for (const { first, states } of this.#extents)
      for (let i = 0; i < states.length; i++) if (states[i] === AT_HAND) yield first + i;
  }

  /** The lowest page at hand in an extent that is wanted; undefined = there is none. */
  lowest(isWanted: (first: number) => boolean): number | undefined {
    for (const { first, states } of this.#extents) {
      if (!isWanted(first)) continue;
      const at = states.indexOf(AT_HAND);
      if (at >= 0) return first + at;
    }
    return undefined;
  }

  /** Puts aside what the reserve lacks, as every step does before it gives a page. */
  refill(page: number): void {
    for (let wanted = this.#wanted; this.#held < wanted; wanted = this.#wanted) {
      const lowest = this.lowest(() => true);
      if (lowest === undefined) break;
      this.take(lowest);
      this.#held++;
    }
    const extent = this.#extentOf(page);
    if (extent !== undefined && this.#lender?.owns(extent.first) === true) this.#lender.refill(extent.first);
  }

  /** A page at hand is taken. */
  take(page: number): void {
    const extent = this.#extentOf(page);
    if (extent === undefined) return;
    const at = page - extent.first;
    this.#countRows(Number(extent.states[at - 1] === AT_HAND) + Number(extent.states[at + 1] === AT_HAND) - 1);
    extent.states[at] = IN_USE;
  }

  /** Pages of one extent become available; an extent that is wholly free goes to its lender. */
  give(first: number, last: number): void {
    const extent = this.#extentOf(first);
    if (extent === undefined) return;
    const { states } = extent;
    let from = first - extent.first;
    let to = last - extent.first;
    this.#countRows(1 - Number(states[from - 1] === AT_HAND) - Number(states[to + 1] === AT_HAND));
    states.fill(AT_HAND, from, to + 1);
    while (states[from - 1] === AT_HAND) from--;
    const beside = states[to + 1];
    // What touches on the right is one extent, and only that is joined.
    while (beside !== IN_USE && beside !== undefined && states[to + 1] === beside) to++;
    if (from > 0 || to < states.length - 1) return;
    this.#countRows(-1);
    this.#extents = this.#extents.filter((e) => e !== extent);
    this.#lender?.give(extent.first, extent.last);
  }

  #countRows(more: number): void {
    this.#freeBytes -= more * ROW_BYTES;
    if (this.#level > 0 || this.#freeBytes < 2 * ROW_BYTES) this.isExact = false;
  }

  /** As `ExtentTree.reserveWanted`. */
  get #wanted(): number {
    const plenty = this.#level === 0 && this.#freeBytes > this.#pageBytes >> 2;
    return Math.min(this.#wantedForOwned + (plenty ? 0 : this.#level + 3), TREE_RESERVE_SLOTS);
  }

  #extentOf(page: number): PlannedExtent | undefined {
    let low = 0;
    let high = this.#extents.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const extent = this.#extents[middle];
      if (extent !== undefined && extent.last < page) low = middle + 1;
      else high = middle;
    }
    const found = this.#extents[low];
    return found !== undefined && found.first <= page ? found : undefined;
  }
}

function extentsOf(owned: readonly number[], available: readonly number[]): PlannedExtent[] {
  const extents: PlannedExtent[] = [];
  let at = 0;
  for (let i = 0; i < owned.length; i += EXTENT_FIELDS) {
    const first = owned[i] ?? 0;
    const last = first + (owned[i + 1] ?? 0) - 1;
    const states = new Uint8Array(last - first + 1);
    for (; at < available.length && (available[at] ?? 0) <= last; at += EXTENT_FIELDS) {
      const from = Math.max(0, (available[at] ?? 0) - first);
      const state = available[at + 2] === EXTENT_AT_HAND ? AT_HAND : GROWING;
      states.fill(state, from, from + (available[at + 1] ?? 0));
    }
    extents.push({ first, last, states });
  }
  return extents;
}
