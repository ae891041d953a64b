/**
 * The space of one tree that has space trees, and what is done to it: joining free extents, keeping pages for splits.
 *
 * These functions stand between the allocator and its trees; all of them keep INV-SPACE-1 … 3 (`space-allocator.ts`).
 */
import { assert } from '../base/assert.ts';
import { fail } from '../base/errors.ts';
import type { BTree } from '../storage/btree.ts';
import { NEED, NONE, OK } from '../storage/contracts.ts';
import type { Core } from '../storage/core.ts';
import {
  EXTENT_ALIGN_BYTES,
  EXTENT_AT_HAND,
  EXTENT_SEQUENTIAL,
  TREE_REGION_AT,
  TREE_RESERVE_AT,
  TREE_RESERVE_SLOTS,
} from '../storage/layout.ts';
import type { Tree } from '../storage/tree.ts';
import type { TreeCatalog } from '../storage/tree-catalog.ts';
import type { Ceiling, ExtentTree } from './extent-tree.ts';

/** A tree's space, with its trees opened. */
export interface Space {
  readonly owner: Tree;
  /** Undefined for the root, which owns the file. */
  readonly owned: ExtentTree | undefined;
  readonly available: ExtentTree;
}

/** What the functions here need beside a space. */
export interface SpaceParts {
  readonly core: Core;
  readonly btree: BTree;
  readonly catalog: TreeCatalog;
  readonly ceiling: Ceiling;
}

/** Puts pages aside until the space trees can split: OK, NONE (one was put aside: again), NEED. */
export function refill(parts: SpaceParts, space: Space): number {
  const { core, catalog } = parts;
  const forOwned = space.owned === undefined ? 0 : space.owned.reserveWanted();
  const forAvailable = space.available.reserveWanted();
  if (forOwned === NEED || forAvailable === NEED) return NEED;
  const wanted = Math.min(forOwned + forAvailable, TREE_RESERVE_SLOTS);
  let slot = -1;
  let held = 0;
  for (let i = 0; i < TREE_RESERVE_SLOTS; i++) {
    if (reserveAt(space.owner, i) !== 0) held++;
    else slot = i;
  }
  if (held >= wanted || slot < 0) return OK;
  let status = space.available.findNear(0);
  if (status === NONE) status = findRegion(space);
  if (status === NEED || catalog.locate(space.owner) < 0) return NEED;
  // Nothing to put aside now: the next extent will bring some, before anything can split.
  if (status === NONE) return OK;
  core.group.begin();
  const { last, pages, state } = space.available;
  const pgno = space.available.takeFirst(last, pages, state);
  space.owner.view.setUint32(TREE_RESERVE_AT + 4 * slot, pgno, true);
  catalog.writeRow(space.owner);
  core.group.end();
  return NONE;
}

/** Finds the available extent that sequential growth is filling: OK, NONE, NEED. */
export function findRegion({ owner, available }: Space): number {
  const last = owner.view.getUint32(TREE_REGION_AT, true);
  const status = last === 0 ? NONE : available.findEnd(last);
  return status === OK && available.state !== EXTENT_SEQUENTIAL ? NONE : status;
}

/** Takes a page that was put aside, for a space tree that splits. Inside a group. */
export function takeReserve(parts: SpaceParts, space: Space): number {
  for (let i = 0; i < TREE_RESERVE_SLOTS; i++) {
    const pgno = reserveAt(space.owner, i);
    if (pgno === 0) continue;
    space.owner.view.setUint32(TREE_RESERVE_AT + 4 * i, 0, true);
    parts.catalog.writeRow(space.owner);
    return pgno;
  }
  throw fail('internal_error', 'a space tree must split and its reserve is empty');
}

/** Room for an extent first … last, and its neighbours resident. */
export function roomAround(available: ExtentTree, first: number, last: number): number {
  const room = available.room(last);
  if (room !== OK) return room;
  if (available.findEnd(first - 1) === NEED || available.find(last + 1) === NEED) return NEED;
  return OK;
}

/**
 * Adds first … last, joined with what touches it inside low … high; true when the whole of low … high is free now. The rest
 * that sequential growth is filling stays by itself until then.
 */
export function coalesce(available: ExtentTree, first: number, last: number, low: number, high: number): boolean {
  let from = first;
  if (first > low && available.findEnd(first - 1) === OK && available.state === EXTENT_AT_HAND) {
    from = Math.max(available.first, low);
    const rest = from - available.first;
    available.remove(first - 1);
    assert(rest === 0, 'available extent lies inside one owned extent');
  }
  if (last < high && available.find(last + 1) === OK && available.first === last + 1) {
    const end = available.last;
    const whole = from === low && end === high;
    if (available.state === EXTENT_AT_HAND || (whole && available.state === EXTENT_SEQUENTIAL)) {
      available.setPages(end, end - from + 1);
      return whole;
    }
  }
  available.insert(last, last - from + 1);
  return from === low && last === high;
}

/** The page in a place of a tree's reserve; 0 = none. */
export function reserveAt(tree: Tree, slot: number): number {
  return tree.view.getUint32(TREE_RESERVE_AT + 4 * slot, true);
}

/** Where an extent of so many pages may begin: extents of at least 64 KiB are aligned in the file. */
export function alignedFirst(first: number, pages: number, pageBytes: number): number {
  const align = EXTENT_ALIGN_BYTES / pageBytes;
  if (pages < align) return first;
  // Page p lies at (p + 1) × page size.
  return Math.ceil((first + 1) / align) * align - 1;
}

/** Finds an available extent that holds so many pages, aligned: OK, NONE, NEED. */
export function findRoom(available: ExtentTree, pages: number, pageBytes: number): number {
  for (let from = 0; ; from = available.last + 1) {
    const status = available.findAtHand(from);
    if (status !== OK || alignedFirst(available.first, pages, pageBytes) + pages - 1 <= available.last) return status;
  }
}

/** Takes `pages` pages out of the available extent that ends at `last` and has `extentPages`. Inside a group, with room. */
export function carve(
  available: ExtentTree,
  last: number,
  extentPages: number,
  pages: number,
  pageBytes: number,
): number {
  const extentFirst = last - extentPages + 1;
  const first = alignedFirst(extentFirst, pages, pageBytes);
  const behind = last - (first + pages - 1);
  if (behind > 0) available.setPages(last, behind);
  else available.remove(last);
  if (first > extentFirst) available.insert(first - 1, first - extentFirst);
  return first;
}
