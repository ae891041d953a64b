/**
 * Every page accounted for: what the checker and the reports ask of the space manager.
 *
 * The checker walks the trees, space trees included; here are the pages that no tree's structure holds: available extents,
 * free bits of bitmaps, reserves, and whatever dropped trees still own.
 */
import { runNow, type Task } from '../base/task.ts';
import type { SpaceAudit } from '../storage/check.ts';
import { NEED, NONE } from '../storage/contracts.ts';
import {
  EXTENT_AT_HAND,
  ROOT_TREE,
  TREE_BITMAP_AT,
  TREE_DROPPED,
  TREE_PRIMARY_AT,
  TREE_PRIMARY_PAGES_AT,
  TREE_RESERVE_SLOTS,
} from '../storage/layout.ts';
import { sliceRequest } from '../storage/transactions.ts';
import type { Tree } from '../storage/tree.ts';
import { SMALL_PAGES_MAX } from './extent-source.ts';
import type { OpenSpace } from './open-space.ts';
import { reserveAt, type Space } from './tree-space.ts';

export type ExtentKind = 'owned' | 'available';

/** Numbers per extent in the lists below: first page, pages, state. */
export const EXTENT_FIELDS = 3;
/** Extents listed between two chances for others. */
const EXTENTS_PER_SLICE = 256;

/** The extents of a tree as triples (first page, pages, state), in the order of the file; a bitmap's free pages are runs. */
export function* listExtents({ parts, map }: OpenSpace, tree: Tree, which: ExtentKind): Task<number[]> {
  const list: number[] = [];
  const space = map.of(tree);
  const { owned } = space ?? {};
  if (space === undefined || (which === 'owned' && owned === undefined)) {
    const isRoot = tree.id === ROOT_TREE;
    const first = isRoot ? 1 : tree.view.getUint32(TREE_PRIMARY_AT, true);
    const pages = isRoot ? map.root.filePages - 1 : tree.view.getUint32(TREE_PRIMARY_PAGES_AT, true);
    if (which === 'owned') list.push(first, pages, EXTENT_AT_HAND);
    else bitmapRuns(tree, first, pages, list);
    return list;
  }
  const extents = which === 'owned' ? (owned ?? space.available) : space.available;
  for (let from = 0; ; ) {
    const status = extents.find(from);
    if (status === NONE) return list;
    if (status !== NEED) {
      list.push(extents.first, extents.pages, extents.state);
      from = extents.last + 1;
      if (list.length % (EXTENTS_PER_SLICE * EXTENT_FIELDS) !== 0) continue;
    }
    yield status === NEED ? parts.core.need : sliceRequest(parts.core);
    // A tree that was dropped meanwhile has no more.
    if (map.of(tree) !== space) return list;
  }
}

/** The free pages of a small tree: those of its bitmap, and what lies beyond the bitmap. */
function bitmapRuns(tree: Tree, first: number, pages: number, list: number[]): void {
  const bitmap = tree.view.getUint32(TREE_BITMAP_AT, true);
  const isFree = (bit: number): boolean => bit >= SMALL_PAGES_MAX || (bitmap & (1 << bit)) !== 0;
  for (let bit = 0; bit < pages; bit++) {
    const from = bit;
    while (bit < pages && isFree(bit)) bit++;
    if (bit > from) list.push(first + from, bit - from, EXTENT_AT_HAND);
  }
}

/** Accounts for every page that belongs to no tree's structure. */
export function spaceAudit(open: OpenSpace): SpaceAudit {
  const { core } = open.parts;
  return {
    pages: open.map.root.filePages,
    isGoing: (tree) => open.map.ownerOf(tree)?.owner.state === TREE_DROPPED,
    visit: (own) => {
      for (const tree of core.trees.values()) auditTree(open, tree, own);
    },
  };
}

function auditTree(open: OpenSpace, tree: Tree, own: (pgno: number, what: string) => void): void {
  if (tree.state === TREE_DROPPED) {
    eachPage(runNow(listExtents(open, tree, 'owned')), (pgno) => {
      // What a dropped parent lent is the parent's again.
      const upper = runNow(enclosing(open, tree, pgno));
      if (upper === undefined || upper.owner.state !== TREE_DROPPED) own(pgno, `dropped tree ${tree.id}`);
    });
    return;
  }
  for (let i = 0; i < TREE_RESERVE_SLOTS; i++) {
    const pgno = reserveAt(tree, i);
    if (pgno !== 0) own(pgno, `reserve of tree ${tree.id}`);
  }
  if (open.map.of(tree) === undefined && tree.view.getUint32(TREE_PRIMARY_PAGES_AT, true) === 0) return;
  eachPage(runNow(listExtents(open, tree, 'available')), (pgno) => own(pgno, `available to tree ${tree.id}`));
}

function* enclosing(open: OpenSpace, tree: Tree, pgno: number): Task<Space | undefined> {
  for (;;) {
    const upper = open.map.enclosing(tree, pgno);
    if (upper !== NEED) return upper;
    yield open.parts.core.need;
  }
}

function eachPage(extents: readonly number[], visit: (pgno: number) => void): void {
  for (let i = 0; i < extents.length; i += EXTENT_FIELDS) {
    for (let p = 0; p < extents[i + 1]!; p++) visit(extents[i]! + p);
  }
}
