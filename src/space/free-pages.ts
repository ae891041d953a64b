/**
 * Free bytes on each page of a tree, in the order of the file.
 *
 * Pages are read in the order of the file, extent by extent: of those that the space trees do not call available, the ones
 * that say they are the tree's count. So pages of space trees, reserves and what was lent are left out.
 */
import type { Task } from '../base/task.ts';
import type { Core } from '../storage/core.ts';
import { PAGE_FREE_AT, PAGE_TREE_AT, usableBytes } from '../storage/layout.ts';
import { PAGE_GOOD } from '../storage/page-cache.ts';
import type { Tree } from '../storage/tree.ts';
import { Pace } from './pace.ts';
import { EXTENT_FIELDS } from './space-audit.ts';
import type { TreeSpace } from './space-report.ts';

const PAGES_PER_SLICE = 64;

/** Pairs (page, free bytes); an available page is free as a whole. */
export function* freePages(core: Core, tree: Tree, space: TreeSpace): Task<number[]> {
  const list: number[] = [];
  const { ownedExtents, availableExtents } = space;
  let free = 0;
  const pace = new Pace(core, PAGES_PER_SLICE);
  tree.users++;
  try {
    for (let i = 0; i < ownedExtents.length; i += EXTENT_FIELDS) {
      const end = ownedExtents[i]! + ownedExtents[i + 1]!;
      for (let pgno = ownedExtents[i]!; pgno < end; pgno++) {
        if (pace.isOver()) yield pace.slice();
        while (free < availableExtents.length && availableExtents[free]! + availableExtents[free + 1]! <= pgno)
          free += EXTENT_FIELDS;
        if (free < availableExtents.length && availableExtents[free]! <= pgno) {
          list.push(pgno, usableBytes(core.pageBytes));
          continue;
        }
        while (!core.cache.ensureFree(1)) yield core.cache.cleaning();
        // A page that was put aside may never have been written.
        if (core.cache.loadAny(pgno) !== PAGE_GOOD) continue;
        const view = core.cache.views[core.cache.peek(pgno)]!;
        if (view.getUint32(PAGE_TREE_AT, true) === tree.id) list.push(pgno, view.getUint16(PAGE_FREE_AT, true));
      }
    }
  } finally {
    tree.users--;
  }
  return list;
}
