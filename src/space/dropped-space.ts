/**
 * Taking the extents of a dropped tree back up: to the parent that lent them, else to the database root.
 *
 * One extent per group, so no group grows with the tree. The extents that hold the space trees' own pages go together at the
 * end, with the tree's row: until then the owned extents say what is still to be done, also after a crash. Children go before
 * their parents (`TreeCatalog.reclaimStep`), so nothing of a parent's extent is in use when it goes.
 */
import { assert } from '../base/assert.ts';
import { NEED, NONE, OK } from '../storage/contracts.ts';
import { TREE_PRIMARY_AT, TREE_PRIMARY_PAGES_AT } from '../storage/layout.ts';
import type { Tree } from '../storage/tree.ts';
import type { SpaceMap } from './space-map.ts';
import { refill, type Space, type SpaceParts } from './tree-space.ts';
import type { Upward } from './upward.ts';

/** A pass made room somewhere and begins again: what attempts of storage call NONE, where NONE means something else. */
export const AGAIN = 99;

export class DroppedSpace {
  readonly #parts: SpaceParts;
  readonly #map: SpaceMap;
  readonly #upward: Upward;

  constructor(parts: SpaceParts, map: SpaceMap, upward: Upward) {
    this.#parts = parts;
    this.#map = map;
    this.#upward = upward;
  }

  /** One step of taking a dropped tree back. OK = it is gone, NONE = an extent went, AGAIN, NEED. */
  pass(tree: Tree): number {
    const { core, catalog } = this.#parts;
    const space = this.#map.of(tree);
    const root = refill(this.#parts, this.#map.root.space);
    if (root !== OK) return root === NONE ? AGAIN : root;
    const extents: { first: number; last: number }[] = [];
    if (space?.owned === undefined) {
      const first = tree.view.getUint32(TREE_PRIMARY_AT, true);
      extents.push({ first, last: first + tree.view.getUint32(TREE_PRIMARY_PAGES_AT, true) - 1 });
    } else {
      const status = this.#collectExtents(space, extents);
      if (status === NEED) return NEED;
    }
    const isLast = space?.owned === undefined || extents.length === 0;
    const going = isLast && space !== undefined ? this.#ownPages : extents;
    for (const { first, last } of going) {
      const room = this.#upward.prepareUp(tree, first, last);
      if (room !== OK) return room === NONE ? AGAIN : NEED;
    }
    if (catalog.locate(tree) < 0) return NEED;
    core.group.begin();
    for (const { first, last } of going) {
      for (let p = first; p <= last; p++) core.cache.free(p);
      if (!isLast) space.owned.remove(last);
      this.#upward.giveUp(tree, first, last);
    }
    if (isLast) catalog.removeRow(tree);
    core.group.end();
    return isLast ? OK : NONE;
  }

  /** Extents of a dropped tree that hold pages of its space trees: they go together, at the end. */
  #ownPages: { first: number; last: number }[] = [];

  /** Finds one extent that can go now; those with the space trees' own pages are put into `#ownPages`. */
  #collectExtents(space: Space, into: { first: number; last: number }[]): number {
    const { owned } = space;
    assert(owned !== undefined, 'tree has owned extents');
    this.#ownPages = [];
    const pages = this.#spaceTreePages(space);
    if (pages === undefined) return NEED;
    for (let from = 0; ; ) {
      const status = owned.find(from);
      if (status !== OK) return status === NEED ? NEED : OK;
      const { first, last } = owned;
      if (pages.some((p) => p >= first && p <= last)) this.#ownPages.push({ first, last });
      else {
        into.push({ first, last });
        return OK;
      }
      from = last + 1;
    }
  }

  /** All pages of a tree's space trees; undefined when one is not resident, with the request left. */
  #spaceTreePages(space: Space): number[] | undefined {
    const pages: number[] = [];
    for (const extents of [space.owned, space.available]) {
      if (extents === undefined) continue;
      if (!this.#parts.btree.collectPages(extents.tree, pages)) return undefined;
    }
    return pages;
  }
}
