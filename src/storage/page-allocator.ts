/**
 * The port through which trees get and give pages. `space/` implements it with trees; storage only knows this much.
 *
 * The order is that of every mini-transaction: `prepare` may wait and fail, outside a group; `take` and `give` happen inside
 * one and cannot fail, because everything they touch was made ready.
 */
import type { BTree } from './btree.ts';
import type { SpaceHints } from './contracts.ts';
import type { Core } from './core.ts';
import type { Tree } from './tree.ts';
import type { TreeCatalog } from './tree-catalog.ts';

/** Why a tree takes a page; with the tree's hints it decides from where. */
export const GROW_RANDOM = 0;
/** At the right edge. */
export const GROW_APPEND = 1;
/** At one place inside, where inserts follow one another. */
export const GROW_HOTPOINT = 2;
export type Growth = 0 | 1 | 2;

export interface PageAllocator {
  /** Called once at open, before anything else, with the parts that it builds on. */
  attach(core: Core, btree: BTree, catalog: TreeCatalog): void;
  /** Lays out the space of an empty database around page 1, which the tree catalog has. Inside the first group. */
  format(): void;
  /** Makes known the space trees of the trees in `core`, after the tree catalog was read. */
  load(): void;
  /** Makes ready to `take` a page for a tree in the next group. An attempt: OK or NEED; it may run groups of its own. */
  prepare(tree: Tree, growth: Growth): number;
  /** Takes a page for a tree. Inside a group, after `prepare` and nothing else. */
  take(tree: Tree): number;
  /** Makes ready to `give` a page back in the next group. An attempt: OK, NONE (a group made some room: again), NEED. */
  prepareGive(tree: Tree, pgno: number): number;
  /** Gives a page of a tree back: it is available at once. Inside a group. */
  give(tree: Tree, pgno: number): void;
  /** Makes ready for the first extent, of `pages` pages, of a new tree under `parent`. */
  prepareBirth(parent: Tree, hints: SpaceHints | undefined, pages: number): number;
  /** Takes the first extent, sets the tree's space fields, and returns its root page. Inside a group. */
  birth(tree: Tree, pages: number): number;
  /**
   * Takes back a bounded part of a dropped tree's extents, in a group of its own; with the last of them the tree's row goes.
   * OK = that was it, NONE = call again, NEED.
   */
  reclaim(tree: Tree): number;
  /** Pages that the file has for the database: what the checker must account for. */
  filePages(): number;
}
