/**
 * The port through which trees get and give pages. `space/` implements it with trees; storage only knows this much.
 *
 * The order is that of every mini-transaction: `prepare` may wait and fail, outside a group; `take` and `give` happen inside
 * one and cannot fail, because everything they touch was made ready.
 */
import type { BTree } from './btree.ts';
import type { Core } from './core.ts';
import type { Tree } from './tree.ts';
import type { TreeCatalog } from './tree-catalog.ts';

export interface PageAllocator {
  /** Called once at open, before anything else, with the parts that it builds on. */
  attach(core: Core, btree: BTree, catalog: TreeCatalog): void;
  /** Lays out the space of an empty database around page 1, which the tree catalog has. Inside the first group. */
  format(): void;
  /** Makes known the space trees of the trees in `core`, after the tree catalog was read. */
  load(): void;
  /**
   * Makes ready to `take` up to `count` pages for a tree and to `give` any number of its pages in the next group. An attempt:
   * OK or NEED; it may run groups of its own. @throws `disk_full` (53100).
   */
  prepare(tree: Tree, count: number): number;
  /** Takes a page for a tree, near page `near` if it can. Inside a group. */
  take(tree: Tree, near: number): number;
  /** Gives a page of a tree back: it is available at once. Inside a group. */
  give(tree: Tree, pgno: number): void;
  /** As `prepare` and `take` for a new tree's root under `parent`: the tree's space fields are set, its root is returned. */
  prepareBirth(parent: Tree): number;
  birth(tree: Tree, parent: Tree): number;
  /** Takes back a bounded part of a dropped tree's pages, in groups of its own; OK = all are back, NONE = call again, NEED. */
  reclaim(tree: Tree): number;
  /** Pages that the file has for the database: what the checker must account for. */
  filePages(): number;
}
