/**
 * Who owns which page, and where a tree's next page comes from.
 *
 *   database root   available extents in one space tree (fixed id); it owns pages 1 … file pages − 1 as a whole
 *   small tree      one first extent with a bitmap of its first 32 pages in the tree's row; no space trees
 *   other tree      owned extents and available extents, in two space trees of its own
 *   region          the available extent that sequential growth is filling; other growth leaves it alone
 *   reserve         pages in the tree's row, kept so that its space trees can split
 *
 * An extent goes from the root (or from the parent, `extent-source.ts`) to a tree and, when all its pages are free, back up
 * again (`upward.ts`), each time in the group of the change that caused it (law 2): the owner's owned extents say at every
 * moment whose it is. The tree catalog takes single pages from the root. Everything that may wait or split happens in
 * `prepare…`, in groups of its own; `take`, `give` and `birth` find their leaves resident and with room.
 *
 * INV-SPACE-1  an available extent lies inside one owned extent; two that touch inside it are one, the region excepted.
 * INV-SPACE-2  a page is in exactly one of: a tree, a bitmap, an available extent, a reserve, a space tree, a child's extent.
 * INV-SPACE-3  a space tree that might split finds a page in its owner's reserve.
 * INV-SPACE-4  a tree has at most one region, and it is the end of an owned extent.
 */
import { fail } from '../base/errors.ts';
import type { Task } from '../base/task.ts';
import type { BTree } from '../storage/btree.ts';
import type { SpaceAudit } from '../storage/check.ts';
import {
  HINT_APPEND_SEQUENTIAL,
  HINT_HOTPOINT_SEQUENTIAL,
  NEED,
  NONE,
  OK,
  type SpaceHints,
} from '../storage/contracts.ts';
import type { Core } from '../storage/core.ts';
import {
  EXTENT_SEQUENTIAL,
  ROOT_AVAILABLE_TREE,
  ROOT_TREE,
  TREE_AVAILABLE_ID_AT,
  TREE_AVAILABLE_ROOT_AT,
  TREE_BITMAP_AT,
  TREE_CATALOG,
  TREE_FILE_PAGES_AT,
  TREE_PRIMARY_AT,
} from '../storage/layout.ts';
import { GROW_APPEND, GROW_HOTPOINT, GROW_RANDOM, type Growth, type PageAllocator } from '../storage/page-allocator.ts';
import type { Tree } from '../storage/tree.ts';
import type { TreeCatalog } from '../storage/tree-catalog.ts';
import { AGAIN, DroppedSpace } from './dropped-space.ts';
import { ExtentSource } from './extent-source.ts';
import type { OpenSpace } from './open-space.ts';
import type { RootSpace } from './root-space.ts';
import { type ExtentKind, listExtents, spaceAudit } from './space-audit.ts';
import { SpaceMap } from './space-map.ts';
import { findRegion, refill, takeReserve } from './tree-space.ts';
import { Trimmer } from './trimmer.ts';
import { Upward } from './upward.ts';

/** First page of the root's space tree in a new file; page 1 is the tree catalog's. */
const ROOT_AVAILABLE_PGNO = 2;

export class SpaceAllocator implements PageAllocator {
  #opened: OpenSpace | undefined;
  /** By tree id: the page taken last, near which the next one should be. */
  readonly #near: Map<number, number> = new Map();
  /** What `prepare` found: the available extent that ends here, its pages and state. */
  #planLast = 0;
  #planPages = 0;
  #planState = 0;

  attach(core: Core, btree: BTree, catalog: TreeCatalog): void {
    const parts = { core, btree, catalog, ceiling: { page: Number.POSITIVE_INFINITY } };
    const map = new SpaceMap(parts);
    const upward = new Upward(parts, map);
    this.#opened = {
      parts,
      map,
      source: new ExtentSource(parts, map),
      upward,
      dropped: new DroppedSpace(parts, map, upward),
      trimmer: undefined,
    };
  }

  format(): void {
    const { core } = this.#open.parts;
    const root = core.tree(ROOT_TREE);
    this.#open.source.spacePage(ROOT_AVAILABLE_PGNO, ROOT_AVAILABLE_TREE);
    root.view.setUint32(TREE_AVAILABLE_ID_AT, ROOT_AVAILABLE_TREE, true);
    root.view.setUint32(TREE_AVAILABLE_ROOT_AT, ROOT_AVAILABLE_PGNO, true);
    root.view.setUint32(TREE_FILE_PAGES_AT, ROOT_AVAILABLE_PGNO + 1, true);
    core.addTree(core.systemTree(ROOT_AVAILABLE_TREE, ROOT_AVAILABLE_PGNO));
  }

  load(): void {
    const { parts, map } = this.#open;
    for (const tree of [...parts.core.trees.values()]) map.open(tree);
    map.root.back();
    this.#open.trimmer = new Trimmer(parts, map.root);
  }

  filePages(): number {
    return this.#open.map.root.filePages;
  }

  prepare(tree: Tree, growth: Growth): number {
    return this.#again(() => this.#preparePass(tree, growth));
  }

  take(tree: Tree): number {
    const { parts, map } = this.#open;
    const owner = map.ownerOf(tree);
    if (owner !== undefined) return takeReserve(parts, owner);
    if (tree.id === TREE_CATALOG) return map.root.space.available.takeFirst(map.root.foundLast, map.root.foundPages);
    const space = map.of(tree);
    let pgno: number;
    if (space !== undefined) pgno = space.available.takeFirst(this.#planLast, this.#planPages, this.#planState);
    else {
      const bitmap = tree.view.getUint32(TREE_BITMAP_AT, true);
      const bit = 31 - Math.clz32(bitmap & -bitmap);
      tree.view.setUint32(TREE_BITMAP_AT, bitmap & ~(1 << bit), true);
      pgno = tree.view.getUint32(TREE_PRIMARY_AT, true) + bit;
      parts.catalog.writeRow(tree);
    }
    if (this.#planState !== EXTENT_SEQUENTIAL) this.#near.set(tree.id, pgno);
    return pgno;
  }

  prepareGive(tree: Tree, pgno: number): number {
    const { parts, map, upward } = this.#open;
    if (parts.core.reserve() === NEED) return NEED;
    const ready = refill(parts, map.root.space);
    if (ready !== OK) return ready;
    const space = tree.id === TREE_CATALOG ? map.root.space : (map.ownerOf(tree) ?? map.of(tree));
    if (space !== undefined) return upward.prepareInto(space, pgno, pgno);
    return parts.catalog.locate(tree) < 0 ? NEED : OK;
  }

  give(tree: Tree, pgno: number): void {
    const { parts, map, upward } = this.#open;
    parts.core.cache.free(pgno);
    const space = tree.id === TREE_CATALOG ? map.root.space : (map.ownerOf(tree) ?? map.of(tree));
    if (space !== undefined) {
      upward.giveInto(space, pgno, pgno);
      return;
    }
    const bit = pgno - tree.view.getUint32(TREE_PRIMARY_AT, true);
    tree.view.setUint32(TREE_BITMAP_AT, tree.view.getUint32(TREE_BITMAP_AT, true) | (1 << bit), true);
    parts.catalog.writeRow(tree);
  }

  prepareBirth(parent: Tree, hints: SpaceHints | undefined, pages: number): number {
    return this.#again(() => this.#open.source.prepareBirth(parent, hints?.flags ?? 0, pages));
  }

  birth(tree: Tree, pages: number): number {
    return this.#open.source.birth(tree, pages);
  }

  reclaim(tree: Tree): number {
    for (;;) {
      if (this.#open.parts.core.reserve() === NEED) return NEED;
      const status = this.#open.dropped.pass(tree);
      if (status === OK) {
        this.#near.delete(tree.id);
        this.#open.map.forget(tree);
      }
      if (status !== AGAIN) return status;
    }
  }

  /** Accounts for every page that belongs to no tree's structure, for the checker. */
  audit(): SpaceAudit {
    return spaceAudit(this.#open);
  }

  /** The extents of a tree as triples (first page, pages, state). */
  extents(tree: Tree, which: ExtentKind): Task<number[]> {
    return listExtents(this.#open, tree, which);
  }

  /** The parts, for what works on space from above. */
  get opened(): OpenSpace {
    return this.#open;
  }

  /** Gives free extents back to the file system. */
  get trimmer(): Trimmer {
    if (this.#open.trimmer === undefined) throw fail('internal_error', 'the space of the database is not open');
    return this.#open.trimmer;
  }

  /** The space of the database root. */
  get root(): RootSpace {
    return this.#open.map.root;
  }

  // What follows is the work behind the port.

  get #open(): OpenSpace {
    if (this.#opened === undefined) throw fail('internal_error', 'allocator is not attached');
    return this.#opened;
  }

  /** Repeats an attempt that makes room step by step, NONE meaning "again", until it answers OK or NEED. */
  #again(pass: () => number): number {
    for (;;) {
      if (this.#open.parts.core.reserve() === NEED) return NEED;
      const status = pass();
      if (status !== NONE) return status;
    }
  }

  #preparePass(tree: Tree, growth: Growth): number {
    const { parts, map, source } = this.#open;
    const owner = map.ownerOf(tree);
    // A space tree that splits: its page was put aside before.
    if (owner !== undefined) return parts.catalog.locate(owner.owner) < 0 ? NEED : OK;
    const root = refill(parts, map.root.space);
    if (root !== OK) return root;
    if (tree.id === TREE_CATALOG) return map.root.find(1);
    if (parts.catalog.locate(tree) < 0) return NEED;
    const sequential = isSequential(tree, growth);
    const space = map.of(tree);
    this.#planState = 0;
    if (space === undefined) {
      return tree.view.getUint32(TREE_BITMAP_AT, true) !== 0 ? OK : source.acquire(tree, undefined, sequential);
    }
    const ready = refill(parts, space);
    if (ready !== OK) return ready;
    const status = sequential ? findRegion(space) : space.available.findNear(this.#near.get(tree.id) ?? 0);
    if (status === NONE) return source.acquire(tree, space, sequential);
    this.#planLast = space.available.last;
    this.#planPages = space.available.pages;
    this.#planState = space.available.state;
    return status;
  }
}

/** Does the tree grow by the rules of its hints here? */
function isSequential(tree: Tree, growth: Growth): boolean {
  if (growth === GROW_RANDOM) return false;
  const { flags } = tree.hints;
  if (growth === GROW_APPEND) return (flags & HINT_APPEND_SEQUENTIAL) !== 0;
  return growth === GROW_HOTPOINT && (flags & HINT_HOTPOINT_SEQUENTIAL) !== 0;
}
