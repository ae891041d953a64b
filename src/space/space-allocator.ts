/**
 * Gives pages to trees.
 */
import { fail } from '../base/errors.ts';
import { REQUEST_ROOM } from '../base/task.ts';
import type { BTree } from '../storage/btree.ts';
import { NEED, OK } from '../storage/contracts.ts';
import type { Core } from '../storage/core.ts';
import { pageOffset, ROOT_TREE, TREE_FILE_PAGES_AT, TREE_PRIMARY_PAGES_AT } from '../storage/layout.ts';
import type { PageAllocator } from '../storage/page-allocator.ts';
import { StoreRequest } from '../storage/store-request.ts';
import type { Tree } from '../storage/tree.ts';
import type { TreeCatalog } from '../storage/tree-catalog.ts';

export class SpaceAllocator implements PageAllocator {
  #core: Core | undefined;
  #catalog: TreeCatalog | undefined;

  attach(core: Core, _btree: BTree, catalog: TreeCatalog): void {
    this.#core = core;
    this.#catalog = catalog;
  }

  format(): void {
    const view = this.#root().view;
    view.setUint32(TREE_PRIMARY_PAGES_AT, 2, true);
    view.setUint32(TREE_FILE_PAGES_AT, 2, true);
  }

  load(): void {}

  prepare(_tree: Tree, count: number): number {
    const core = this.#open();
    const view = this.#root().view;
    const next = view.getUint32(TREE_PRIMARY_PAGES_AT, true);
    const backed = view.getUint32(TREE_FILE_PAGES_AT, true);
    if (next + count <= backed) return OK;
    const pages = Math.max(16, Math.floor(backed / 8));
    return core.want(
      new StoreRequest(REQUEST_ROOM, core.clock, () => {
        const from = pageOffset(backed, core.pageBytes);
        core.file.allocate(from, pages * core.pageBytes);
        view.setUint32(TREE_FILE_PAGES_AT, backed + pages, true);
      }),
    );
  }

  take(_tree: Tree, _near: number): number {
    const view = this.#root().view;
    const pgno = view.getUint32(TREE_PRIMARY_PAGES_AT, true);
    view.setUint32(TREE_PRIMARY_PAGES_AT, pgno + 1, true);
    this.#catalog?.logRoot();
    return pgno;
  }

  give(_tree: Tree, pgno: number): void {
    this.#open().cache.drop(pgno);
  }

  prepareBirth(parent: Tree): number {
    return this.prepare(parent, 1) === NEED ? NEED : OK;
  }

  birth(_tree: Tree, parent: Tree): number {
    return this.take(parent, 0);
  }

  reclaim(_tree: Tree): number {
    return OK;
  }

  filePages(): number {
    return this.#root().view.getUint32(TREE_FILE_PAGES_AT, true);
  }

  #open(): Core {
    if (this.#core === undefined) throw fail('internal_error', 'allocator is not attached');
    return this.#core;
  }

  #root(): Tree {
    return this.#open().tree(ROOT_TREE);
  }
}
