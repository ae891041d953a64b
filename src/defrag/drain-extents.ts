/**
 * Compaction of long values: extents that are used to less than 75 % are emptied into unused pages of the other extents that
 * the same tree owns; nothing is allocated (`spec/index-maintenance.md` §4.1, REORGANIZE WITH (LOB_COMPACTION = ON)).
 *
 *   plan    extents by their share of used pages, the emptiest first, as long as those that stay have room for the pages
 *   drain   page by page, each a group; the last page takes the extent along, up to whoever lent it
 */
import type { Task } from '../base/task.ts';
import type { OpenSpace } from '../space/open-space.ts';
import { Relocation } from '../space/relocate.ts';
import { EXTENT_FIELDS, listExtents } from '../space/space-audit.ts';
import type { Space } from '../space/tree-space.ts';
import { NEED, NONE, OK } from '../storage/contracts.ts';
import { EXTENT_AT_HAND } from '../storage/layout.ts';
import { sliceRequest } from '../storage/transactions.ts';
import type { Tree } from '../storage/tree.ts';

/** Extents that are used less than this are emptied. */
const DENSE_PERCENT = 75;

export interface ExtentUse {
  readonly first: number;
  readonly last: number;
  /** Pages in use, and pages that anybody can take. */
  readonly used: number;
  readonly free: number;
}

export interface DrainReport {
  /** Extents that were given up, of those that were found sparse. */
  readonly drained: number;
  readonly sparse: number;
  readonly moved: number;
}

/**
 * Empties the sparse extents of a tree.
 *
 * @param isOver - asked between pages, with the number of those moved so far: true ends it there.
 */
export function* drainSparseExtents(
  open: OpenSpace,
  tree: Tree,
  isOver: (moved: number) => boolean,
): Task<DrainReport> {
  const space = open.map.of(tree);
  const relocation = new Relocation(open);
  if (space?.owned === undefined) return { drained: 0, sparse: 0, moved: 0 };
  const uses = yield* extentUses(open, tree);
  const sparse = sparseExtents(uses);
  let room = uses.reduce((sum, e) => sum + e.free, 0);
  const going: ExtentUse[] = [];
  let drained = 0;
  for (const extent of sparse) {
    // What the others have free, without what this one and those before it would bring.
    room -= extent.free;
    if (room < extent.used || isOver(relocation.moved)) break;
    going.push(extent);
    room -= extent.used;
    if (yield* drain(open, relocation, space, extent, going, isOver)) drained++;
  }
  return { drained, sparse: sparse.length, moved: relocation.moved };
}

/** The extents that are used to less than 75 %, the emptiest first. */
export function sparseExtents(uses: readonly ExtentUse[]): ExtentUse[] {
  return uses
    .filter((e) => e.used * 100 < DENSE_PERCENT * (e.last - e.first + 1))
    .sort((a, b) => a.used / (a.last - a.first + 1) - b.used / (b.last - b.first + 1));
}

function* drain(
  open: OpenSpace,
  relocation: Relocation,
  space: Space,
  extent: ExtentUse,
  going: readonly ExtentUse[],
  isOver: (moved: number) => boolean,
): Task<boolean> {
  const { core } = open.parts;
  for (let pgno = extent.first; pgno <= extent.last; ) {
    if (isOver(relocation.moved)) return false;
    const status = relocation.movePage(space, pgno, () => findOutside(space, going));
    if (status === NEED) yield core.need;
    else if (status === OK || status === NONE) {
      if (status === OK) pgno++;
      yield sliceRequest(core);
    } else return false;
  }
  return true;
}

/** An available extent at hand that lies in none of those that are to go. */
function findOutside({ available }: Space, going: readonly ExtentUse[]): number {
  for (let from = 0; ; from = available.last + 1) {
    const status = available.findAtHand(from);
    if (status !== OK) return status;
    const { first } = available;
    if (!going.some((e) => e.first <= first && first <= e.last)) return OK;
  }
}

/** How the pages of each owned extent are used. */
export function* extentUses(open: OpenSpace, tree: Tree): Task<ExtentUse[]> {
  const owned = yield* listExtents(open, tree, 'owned');
  const available = yield* listExtents(open, tree, 'available');
  const uses: ExtentUse[] = [];
  let at = 0;
  for (let i = 0; i < owned.length; i += EXTENT_FIELDS) {
    const first = owned[i]!;
    const last = first + owned[i + 1]! - 1;
    let unused = 0;
    let free = 0;
    for (; at < available.length && available[at]! <= last; at += EXTENT_FIELDS) {
      unused += available[at + 1]!;
      if (available[at + 2] === EXTENT_AT_HAND) free += available[at + 1]!;
    }
    uses.push({ first, last, used: last - first + 1 - unused, free });
  }
  return uses;
}
