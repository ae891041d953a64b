/**
 * Do the extents of all trees fit together? Of a report that holds at one moment (`space-report.ts`).
 *
 *   owned       lies inside of the file, and overlaps no other, unless it lies wholly inside an extent of a tree above: lent
 *   available   of a tree lies inside its owned extents, and what it lent does not lie in it
 *   in sum      every page of the file is accounted for, and no tree uses fewer pages than none
 */
import type { Task } from '../base/task.ts';
import type { Core } from '../storage/core.ts';
import { ROOT_TREE } from '../storage/layout.ts';
import { sliceRequest } from '../storage/transactions.ts';
import { EXTENT_FIELDS } from './space-audit.ts';
import type { SpaceReport } from './space-report.ts';

const EXTENTS_PER_SLICE = 1024;

interface Extent {
  readonly tree: number;
  readonly first: number;
  readonly last: number;
  readonly isAvailable: boolean;
}

/** @returns what is wrong */
export function* extentProblems(core: Core, { trees, file }: SpaceReport): Task<string[]> {
  const problems: string[] = [];
  if (file.leaked !== 0) problems.push(`${file.leaked} pages of the file are owned by nobody`);
  for (const t of trees)
    if (t.used < 0 && t.kind !== 'dropped') problems.push(`tree ${t.tree} has ${-t.used} pages more than it owns`);
  const extents: Extent[] = [];
  for (const t of trees) {
    if (t.tree !== ROOT_TREE) add(extents, t.tree, t.ownedExtents, false);
    // Of a dropped tree only what it owns counts: that goes up piece by piece, its other lists go at the end.
    if (t.kind !== 'dropped') add(extents, t.tree, t.availableExtents, true);
    yield sliceRequest(core);
  }
  extents.sort((a, b) => a.first - b.first || b.last - a.last || Number(a.isAvailable) - Number(b.isAvailable));
  /** Extents that reach to where we are, each inside of the one before. */
  const open: Extent[] = [];
  for (const [i, extent] of extents.entries()) {
    if (i % EXTENTS_PER_SLICE === 0) yield sliceRequest(core);
    while (open.length > 0 && open[open.length - 1]!.last < extent.first) open.pop();
    const around = open[open.length - 1];
    const problem = around === undefined ? outside(extent, file.filePages) : inside(extent, around);
    if (problem !== undefined) problems.push(problem);
    open.push(extent);
  }
  return problems;
}

function add(extents: Extent[], tree: number, list: readonly number[], isAvailable: boolean): void {
  for (let i = 0; i < list.length; i += EXTENT_FIELDS)
    extents.push({ tree, first: list[i]!, last: list[i]! + list[i + 1]! - 1, isAvailable });
}

function name({ tree, first, last, isAvailable }: Extent): string {
  return `extent ${first}-${last} ${isAvailable ? 'available to' : 'of'} tree ${tree}`;
}

/** @param pages - of the file, header and shadow included. */
function outside(extent: Extent, pages: number): string | undefined {
  if (extent.first < 1 || extent.last > pages - 2) return `${name(extent)} lies outside of the file`;
  return extent.isAvailable && extent.tree !== ROOT_TREE ? `${name(extent)} lies in no extent of the tree` : undefined;
}

function inside(extent: Extent, around: Extent): string | undefined {
  if (extent.last > around.last) return `${name(extent)} overlaps ${name(around)}`;
  if (around.isAvailable) return `${name(extent)} lies in ${name(around)}`;
  if (extent.isAvailable && extent.tree !== around.tree) return `${name(extent)} lies in ${name(around)}`;
  return extent.tree === around.tree && !extent.isAvailable ? `${name(extent)} lies in ${name(around)}` : undefined;
}
