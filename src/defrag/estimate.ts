/**
 * What REORGANIZE will do to a tree, nearly, and for little: what every run is compared with that was not planned.
 *
 *   removed   the fill of some 128 leaves against the tree's fill factor: how many leaves the rows need
 *   moved     leaves that do not lie behind their neighbour, from the level above the leaves; of those that are left
 *   long      pages in the sparse extents that the others have room for, from the space trees
 *
 * A plan (`plan.ts`) is exact and reads every leaf: a quarter to two thirds of the time of the run itself (measured). This reads the
 * level above the leaves and a sample.
 */
import type { Task } from '../base/task.ts';
import type { DatabaseFile } from '../space/open-database-file.ts';
import { sampledFill, usedShare } from '../space/physical-stats.ts';
import { TREE_DROPPED, TREE_LIVE } from '../storage/layout.ts';
import type { Tree } from '../storage/tree.ts';
import { extentUses, sparseExtents } from './drain-extents.ts';

const SAMPLES = 128;

export interface ReorganizeEstimate {
  readonly scanned: number;
  readonly moved: number;
  readonly removed: number;
  readonly lobPagesMoved: number;
}

export interface EstimateOptions {
  readonly lobCompaction: boolean;
  /** Pages that may be rewritten. */
  readonly pagesMax?: number | undefined;
}

/** @returns undefined when there is no such tree */
export function* estimateReorganize(
  file: DatabaseFile,
  treeId: number,
  { lobCompaction, pagesMax = Number.POSITIVE_INFINITY }: EstimateOptions,
): Task<ReorganizeEstimate | undefined> {
  const { core } = file.store.parts;
  const tree = core.trees.get(treeId);
  if (tree === undefined || tree.state === TREE_DROPPED || tree.root === 0) return undefined;
  // Whoever drops it meanwhile leaves its pages until the end.
  tree.users++;
  try {
    const lobPagesMoved = lobCompaction ? yield* longPages(file, tree) : 0;
    const { stats, content } = yield* sampledFill(file.store.parts, tree, SAMPLES);
    const level = stats.levels[0];
    const leaves = level?.pages ?? 0;
    // Leaves that are fuller than the fill factor stay as they are.
    const needed = Math.ceil(leaves * Math.min(1, (100 * usedShare(content, core.pageBytes)) / tree.fillPercent));
    const removed = Math.max(0, leaves - Math.max(1, needed));
    const share = leaves === 0 ? 0 : (level?.outOfOrder ?? 0) / leaves;
    return {
      scanned: leaves - removed,
      moved: Math.min(pagesMax, Math.round((leaves - removed) * share)),
      removed: Math.min(pagesMax, removed),
      lobPagesMoved: Math.min(pagesMax, lobPagesMoved),
    };
  } finally {
    tree.users--;
  }
}

function* longPages(file: DatabaseFile, tree: Tree): Task<number> {
  const long = file.store.parts.core.trees.get(tree.longTree);
  const { opened } = file.space;
  if (long === undefined || long.state !== TREE_LIVE || opened.map.of(long)?.owned === undefined) return 0;
  const uses = yield* extentUses(opened, long);
  let room = uses.reduce((sum, e) => sum + e.free, 0);
  let moved = 0;
  for (const extent of sparseExtents(uses)) {
    room -= extent.free;
    if (room < extent.used) break;
    moved += extent.used;
    room -= extent.used;
  }
  return moved;
}
