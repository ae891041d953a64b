/**
 * Emptying one extent for whoever makes the file shorter: what stands on it moves below the ceiling, page by page or as a whole, and
 * the extent goes up. The caller has put the ceiling (`SpaceParts.ceiling`) to where nothing of it may come to lie.
 */
import type { Task } from '../base/task.ts';
import { NEED, NONE, OK } from '../storage/contracts.ts';
import { EXTENT_ALIGN_BYTES, TREE_DROPPED } from '../storage/layout.ts';
import { sliceRequest } from '../storage/transactions.ts';
import type { Tree } from '../storage/tree.ts';
import { ACQUIRED } from './extent-source.ts';
import { sizesExtents } from './growth.ts';
import type { OpenSpace } from './open-space.ts';
import { NO_TARGET, NOT_MOVABLE, Relocation } from './relocate.ts';
import { EXHAUSTED } from './root-space.ts';
import { refill, type Space } from './tree-space.ts';

/** An extent and whose it is; of the database root, a page. */
export interface OwnedExtent {
  readonly tree: Tree;
  /** Undefined for a small tree. */
  readonly space: Space | undefined;
  readonly first: number;
  readonly last: number;
}

/** Pages between two chances for others. */
const PAGES_PER_SLICE = 8;

export class ExtentEmptier {
  readonly #open: OpenSpace;
  readonly #relocation: Relocation;

  constructor(open: OpenSpace) {
    this.#open = open;
    this.#relocation = new Relocation(open);
  }

  /** Pages moved so far. */
  get moved(): number {
    return this.#relocation.moved;
  }

  /** Moves all of an extent: OK (or it is not as it was found), NOT_MOVABLE, EXHAUSTED. */
  empty(extent: OwnedExtent): Task<number> {
    return extent.space === undefined ? this.#moveSmall(extent) : this.#movePages(extent);
  }

  /** While it waited, its tree may have been dropped, or got space trees: then the loop outside looks at the tail anew. */
  isAsFound({ tree, space }: OwnedExtent): boolean {
    const { parts, map } = this.#open;
    return parts.core.trees.get(tree.id) === tree && tree.state !== TREE_DROPPED && map.of(tree) === space;
  }

  *#moveSmall(extent: OwnedExtent): Task<number> {
    const { core } = this.#open.parts;
    while (this.isAsFound(extent)) {
      const status = this.#relocation.moveSmall(extent.tree);
      if (status === NEED) yield core.need;
      else if (status !== NONE) return status;
    }
    return OK;
  }

  *#movePages(extent: OwnedExtent): Task<number> {
    const { parts, source } = this.#open;
    const { core } = parts;
    const { space, first, last } = extent;
    if (space === undefined) return NOT_MOVABLE;
    for (let pgno = first, steps = 0; pgno <= last; ) {
      if (!this.isAsFound(extent)) return OK;
      const status = this.#relocation.movePage(space, pgno);
      if (status === NEED) yield core.need;
      else if (status === NO_TARGET) {
        const more = this.#moreRoom(source, space, last - first + 1);
        if (more === NEED) yield core.need;
        else if (more !== NONE && more !== ACQUIRED) return more;
      } else if (status === OK) {
        pgno++;
        if (++steps % PAGES_PER_SLICE === 0) yield sliceRequest(core);
      } else if (status !== NONE) return status;
    }
    if (space.owned === undefined) return OK;
    while (this.isAsFound(extent)) {
      const status = this.#relocation.release(space, first, last);
      if (status === NEED) yield core.need;
      else if (status === OK) break;
    }
    return OK;
  }

  /** Finds room below the ceiling: an extent for a tree; for the root, trimmed pages that can be used again. */
  #moreRoom(source: OpenSpace['source'], space: Space, pages: number): number {
    const { parts, map } = this.#open;
    if (parts.core.reserve() === NEED) return NEED;
    const ready = refill(parts, map.root.space);
    if (ready !== OK) return ready;
    if (space.owned !== undefined) {
      const status = source.acquireExact(space, pages);
      const half = Math.ceil(pages / 2);
      // Sizes given by hints stay as they are; others may come in smaller pieces, of 64 KiB at least.
      const smaller = !sizesExtents(space.owner.hints) && half * parts.core.pageBytes >= EXTENT_ALIGN_BYTES;
      return status === EXHAUSTED && smaller ? this.#moreRoom(source, space, half) : status;
    }
    const status = map.root.find(1, false);
    return status === OK ? NONE : status;
  }
}
