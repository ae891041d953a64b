/**
 * Who owns which page, and where a tree's next page comes from.
 *
 *   database root   available extents in one space tree (fixed id); it owns pages 1 … file pages − 1 as a whole
 *   small tree      one first extent of at most 32 pages with a bitmap of its free ones in the tree's row; no space trees
 *   other tree      owned extents and available extents, in two space trees of its own
 *   reserve         pages in the tree's row, kept so that its space trees can split
 *
 * An extent goes from the root to a tree and, when all its pages are free, back again, each time in the group of the change
 * that caused it (law 2): the owner's owned extents say at every moment whose it is. The tree catalog takes single pages
 * from the root. Everything that may wait or split happens in `prepare…`, in groups of its own; `take`, `give` and `birth`
 * find their leaves resident and with room.
 *
 * INV-SPACE-1  an available extent lies inside one owned extent; two that touch inside it are one.
 * INV-SPACE-2  a page is in exactly one of: a tree, a bitmap, an available extent, a reserve, a space tree.
 * INV-SPACE-3  a space tree that might split finds a page in its owner's reserve.
 */
import { assert } from '../base/assert.ts';
import { fail } from '../base/errors.ts';
import { runNow, type Task } from '../base/task.ts';
import type { BTree } from '../storage/btree.ts';
import type { SpaceAudit } from '../storage/check.ts';
import { NEED, NONE, OK } from '../storage/contracts.ts';
import type { Core } from '../storage/core.ts';
import {
  ROOT_AVAILABLE_TREE,
  ROOT_TREE,
  TREE_AVAILABLE_ID_AT,
  TREE_AVAILABLE_ROOT_AT,
  TREE_BITMAP_AT,
  TREE_CATALOG,
  TREE_DROPPED,
  TREE_FILE_PAGES_AT,
  TREE_LAST_PAGES_AT,
  TREE_OWNED_ID_AT,
  TREE_OWNED_PAGES_AT,
  TREE_OWNED_ROOT_AT,
  TREE_PRIMARY_AT,
  TREE_PRIMARY_PAGES_AT,
  TREE_RESERVE_SLOTS,
} from '../storage/layout.ts';
import { initPage } from '../storage/page.ts';
import type { PageAllocator } from '../storage/page-allocator.ts';
import type { Tree } from '../storage/tree.ts';
import type { TreeCatalog } from '../storage/tree-catalog.ts';
import { AGAIN, DroppedSpace } from './dropped-space.ts';
import { ExtentTree } from './extent-tree.ts';
import { nextExtentPages } from './growth.ts';
import { RootSpace } from './root-space.ts';
import { coalesce, refill, reserveAt, roomAround, type Space, type SpaceParts, takeReserve } from './tree-space.ts';

/** First page of the root's space tree in a new file; page 1 is the tree catalog's. */
const ROOT_AVAILABLE_PGNO = 2;
const SMALL_PAGES_MAX = 32;
const NO_KEY = new Uint8Array(0);

export class SpaceAllocator implements PageAllocator {
  #open: SpaceParts | undefined;
  /** By tree id; small trees have none. */
  readonly #spaces: Map<number, Space> = new Map();
  /** By id of a space tree: whose it is. */
  readonly #owners: Map<number, Space> = new Map();
  /** By tree id: the page taken last, near which the next one should be. */
  readonly #near: Map<number, number> = new Map();
  /** What `prepare` found: the extent that ends here. */
  #planLast = 0;
  #planPages = 0;
  #atRoot: RootSpace | undefined;
  #droppedSpace: DroppedSpace | undefined;

  attach(core: Core, btree: BTree, catalog: TreeCatalog): void {
    this.#open = { core, btree, catalog };
  }

  format(): void {
    const root = this.#root;
    const { core } = this.#parts;
    this.#spacePage(ROOT_AVAILABLE_PGNO, ROOT_AVAILABLE_TREE);
    root.view.setUint32(TREE_AVAILABLE_ID_AT, ROOT_AVAILABLE_TREE, true);
    root.view.setUint32(TREE_AVAILABLE_ROOT_AT, ROOT_AVAILABLE_PGNO, true);
    root.view.setUint32(TREE_FILE_PAGES_AT, ROOT_AVAILABLE_PGNO + 1, true);
    core.addTree(core.systemTree(ROOT_AVAILABLE_TREE, ROOT_AVAILABLE_PGNO));
  }

  load(): void {
    const { core } = this.#parts;
    for (const tree of [...core.trees.values()]) this.#openSpace(tree);
    this.#rootSpace.back();
  }

  filePages(): number {
    return this.#rootSpace.filePages;
  }

  prepare(tree: Tree, count: number): number {
    assert(count === 1, 'groups take pages one by one');
    for (;;) {
      if (this.#parts.core.reserve() === NEED) return NEED;
      const status = this.#preparePass(tree);
      if (status !== NONE) return status;
    }
  }

  take(tree: Tree): number {
    const owner = this.#owners.get(tree.id);
    if (owner !== undefined) return takeReserve(this.#parts, owner);
    if (tree.id === TREE_CATALOG)
      return this.#rootSpace.space.available.takeFirst(this.#rootSpace.foundLast, this.#rootSpace.foundPages);
    const space = this.#spaces.get(tree.id);
    let pgno: number;
    if (space !== undefined) pgno = space.available.takeFirst(this.#planLast, this.#planPages);
    else {
      const bitmap = tree.view.getUint32(TREE_BITMAP_AT, true);
      const bit = 31 - Math.clz32(bitmap & -bitmap);
      tree.view.setUint32(TREE_BITMAP_AT, bitmap & ~(1 << bit), true);
      pgno = tree.view.getUint32(TREE_PRIMARY_AT, true) + bit;
      this.#parts.catalog.writeRow(tree);
    }
    this.#near.set(tree.id, pgno);
    return pgno;
  }

  prepareGive(tree: Tree, pgno: number): number {
    for (;;) {
      if (this.#parts.core.reserve() === NEED) return NEED;
      const status = this.#prepareGivePass(tree, pgno);
      if (status !== NONE) return status;
    }
  }

  give(tree: Tree, pgno: number): void {
    this.#parts.core.cache.drop(pgno);
    const owner = this.#owners.get(tree.id);
    const space = owner ?? (tree.id === TREE_CATALOG ? this.#rootSpace.space : this.#spaces.get(tree.id));
    if (space === undefined) {
      const bit = pgno - tree.view.getUint32(TREE_PRIMARY_AT, true);
      tree.view.setUint32(TREE_BITMAP_AT, tree.view.getUint32(TREE_BITMAP_AT, true) | (1 << bit), true);
      this.#parts.catalog.writeRow(tree);
      return;
    }
    this.#giveTo(space, pgno);
  }

  prepareBirth(pages: number): number {
    for (;;) {
      if (this.#parts.core.reserve() === NEED) return NEED;
      const root = this.#rootSpace;
      const ready = refill(this.#parts, root.space);
      const status = ready === OK ? this.#rootSpace.find(pages) : ready;
      if (status !== NONE) return status;
    }
  }

  birth(tree: Tree, pages: number): number {
    const first = this.#rootSpace.carve(pages);
    tree.view.setUint32(TREE_PRIMARY_AT, first, true);
    tree.view.setUint32(TREE_PRIMARY_PAGES_AT, pages, true);
    tree.view.setUint32(TREE_LAST_PAGES_AT, pages, true);
    tree.view.setUint32(TREE_OWNED_PAGES_AT, pages, true);
    // Bit 0 is the root itself. What lies beyond the bitmap becomes visible when the tree gets space trees.
    const bits = Math.min(pages, SMALL_PAGES_MAX);
    tree.view.setUint32(TREE_BITMAP_AT, ((bits === 32 ? 0xffffffff : (1 << bits) - 1) & ~1) >>> 0, true);
    return first;
  }

  reclaim(tree: Tree): number {
    for (;;) {
      if (this.#parts.core.reserve() === NEED) return NEED;
      const status = this.#dropped.pass(tree, this.#spaces.get(tree.id));
      if (status === OK) this.#forget(tree);
      if (status !== AGAIN) return status;
    }
  }

  /** Accounts for every page that belongs to no tree's structure, for the checker. */
  audit(): SpaceAudit {
    return {
      pages: this.filePages(),
      isGoing: (tree) => this.#owners.get(tree.id)?.owner.state === TREE_DROPPED,
      visit: (own) => {
        for (const tree of this.#parts.core.trees.values()) this.#auditTree(tree, own);
      },
    };
  }

  #auditTree(tree: Tree, own: (pgno: number, what: string) => void): void {
    if (tree.state === TREE_DROPPED) {
      const extents = runNow(this.extents(tree, 'owned'));
      for (let i = 0; i < extents.length; i += 2) {
        for (let p = 0; p < extents[i + 1]!; p++) own(extents[i]! + p, `dropped tree ${tree.id}`);
      }
      return;
    }
    for (let i = 0; i < TREE_RESERVE_SLOTS; i++) {
      const pgno = reserveAt(tree, i);
      if (pgno !== 0) own(pgno, `reserve of tree ${tree.id}`);
    }
    const space = this.#spaces.get(tree.id);
    if (space === undefined && tree.view.getUint32(TREE_PRIMARY_PAGES_AT, true) === 0) return;
    const extents = runNow(this.extents(tree, 'available'));
    for (let i = 0; i < extents.length; i += 2) {
      for (let p = 0; p < extents[i + 1]!; p++) own(extents[i]! + p, `available to tree ${tree.id}`);
    }
    if (space !== undefined) return;
    const first = tree.view.getUint32(TREE_PRIMARY_AT, true);
    const pages = tree.view.getUint32(TREE_PRIMARY_PAGES_AT, true);
    for (let p = SMALL_PAGES_MAX; p < pages; p++) own(first + p, `beyond the bitmap of tree ${tree.id}`);
  }

  /** The extents of a tree, owned or available ones, as pairs (first page, pages). */
  *extents(tree: Tree, which: 'owned' | 'available'): Task<number[]> {
    const list: number[] = [];
    const space = this.#spaces.get(tree.id);
    if (space === undefined || (which === 'owned' && space.owned === undefined)) {
      const first = tree.id === ROOT_TREE ? 1 : tree.view.getUint32(TREE_PRIMARY_AT, true);
      const pages = tree.id === ROOT_TREE ? this.filePages() - 1 : tree.view.getUint32(TREE_PRIMARY_PAGES_AT, true);
      if (which === 'owned') list.push(first, pages);
      else {
        const bitmap = tree.view.getUint32(TREE_BITMAP_AT, true);
        for (let bit = 0; bit < 32; bit++) if ((bitmap & (1 << bit)) !== 0) list.push(first + bit, 1);
      }
      return list;
    }
    const trees = which === 'owned' ? (space.owned ?? space.available) : space.available;
    for (let from = 0; ; ) {
      const status = trees.find(from);
      if (status === NEED) yield this.#parts.core.need;
      else if (status === NONE) return list;
      else {
        list.push(trees.first, trees.pages);
        from = trees.last + 1;
      }
    }
  }

  // What follows is the work behind the port, from the file's end up to a tree's next page.

  get #parts(): SpaceParts {
    if (this.#open === undefined) throw fail('internal_error', 'allocator is not attached');
    return this.#open;
  }

  get #root(): Tree {
    return this.#parts.core.tree(ROOT_TREE);
  }

  get #dropped(): DroppedSpace {
    this.#droppedSpace ??= new DroppedSpace(this.#parts, this.#rootSpace);
    return this.#droppedSpace;
  }

  get #rootSpace(): RootSpace {
    if (this.#atRoot === undefined) throw fail('internal_error', 'the database root has no space yet');
    return this.#atRoot;
  }

  /** Opens the space trees that a tree's row names. */
  #openSpace(tree: Tree): void {
    const { core, btree } = this.#parts;
    const open = (idAt: number, rootAt: number): ExtentTree | undefined => {
      const id = tree.view.getUint32(idAt, true);
      if (id === 0) return undefined;
      core.nextTree = Math.max(core.nextTree, id + 1);
      return new ExtentTree(core, btree, core.addTree(core.systemTree(id, tree.view.getUint32(rootAt, true))));
    };
    const owned = open(TREE_OWNED_ID_AT, TREE_OWNED_ROOT_AT);
    const available = open(TREE_AVAILABLE_ID_AT, TREE_AVAILABLE_ROOT_AT);
    if (available === undefined) return;
    const space: Space = { owner: tree, owned, available };
    this.#spaces.set(tree.id, space);
    if (tree.id === ROOT_TREE) this.#atRoot = new RootSpace(this.#parts, space);
    if (owned !== undefined) this.#owners.set(owned.tree.id, space);
    this.#owners.set(available.tree.id, space);
  }

  #preparePass(tree: Tree): number {
    const owner = this.#owners.get(tree.id);
    // A space tree that splits: its page was put aside before.
    if (owner !== undefined) return this.#prepareRow(owner.owner);
    const root = refill(this.#parts, this.#rootSpace.space);
    if (root !== OK) return root;
    if (tree.id === TREE_CATALOG) return this.#rootSpace.find(1);
    if (this.#prepareRow(tree) === NEED) return NEED;
    const space = this.#spaces.get(tree.id);
    if (space === undefined)
      return tree.view.getUint32(TREE_BITMAP_AT, true) !== 0 ? OK : this.#acquire(tree, undefined);
    const ready = refill(this.#parts, space);
    if (ready !== OK) return ready;
    const status = this.#findNear(space.available, this.#near.get(tree.id) ?? 0);
    return status === NONE ? this.#acquire(tree, space) : status;
  }

  /** The leaf with a tree's row, resident. */
  #prepareRow(tree: Tree): number {
    return this.#parts.catalog.locate(tree) < 0 ? NEED : OK;
  }

  #findNear(available: ExtentTree, near: number): number {
    let status = available.find(near);
    if (status === NONE && near > 0) status = available.find(0);
    if (status !== OK) return status;
    this.#planLast = available.last;
    this.#planPages = available.pages;
    return OK;
  }

  /** Gives a tree its next extent, and space trees if it has none. NONE: done, look again; NEED. */
  #acquire(tree: Tree, space: Space | undefined): number {
    const { core, catalog } = this.#parts;
    const last = tree.view.getUint32(TREE_LAST_PAGES_AT, true);
    const owned = tree.view.getUint32(TREE_OWNED_PAGES_AT, true);
    const pages = nextExtentPages(tree.hints, last, owned, space === undefined);
    const found = this.#rootSpace.find(pages);
    if (found !== OK) return found;
    const first = this.#rootSpace.alignedFirst(this.#rootSpace.foundLast - this.#rootSpace.foundPages + 1, pages);
    if (space?.owned !== undefined) {
      const room = space.owned.room(first + pages - 1);
      const status = room === OK ? space.available.room(first + pages - 1) : room;
      if (status !== OK) return status;
    }
    if (this.#prepareRow(tree) === NEED) return NEED;
    core.group.begin();
    this.#rootSpace.carve(pages);
    tree.view.setUint32(TREE_LAST_PAGES_AT, pages, true);
    tree.view.setUint32(TREE_OWNED_PAGES_AT, owned + pages, true);
    if (space?.owned === undefined) this.#convert(tree, first, pages);
    else {
      space.owned.insert(first + pages - 1, pages);
      space.available.insert(first + pages - 1, pages);
    }
    catalog.writeRow(tree);
    core.group.end();
    return NONE;
  }

  /** A small tree gets space trees; their roots are the first two pages of its second extent. */
  #convert(tree: Tree, first: number, pages: number): void {
    const { core, catalog } = this.#parts;
    const ownedId = core.nextTree++;
    const availableId = core.nextTree++;
    this.#spacePage(first, ownedId);
    this.#spacePage(first + 1, availableId);
    tree.view.setUint32(TREE_OWNED_ID_AT, ownedId, true);
    tree.view.setUint32(TREE_OWNED_ROOT_AT, first, true);
    tree.view.setUint32(TREE_AVAILABLE_ID_AT, availableId, true);
    tree.view.setUint32(TREE_AVAILABLE_ROOT_AT, first + 1, true);
    this.#openSpace(tree);
    const space = this.#spaces.get(tree.id);
    assert(space?.owned !== undefined, 'space trees were made');
    const primary = tree.view.getUint32(TREE_PRIMARY_AT, true);
    const primaryPages = tree.view.getUint32(TREE_PRIMARY_PAGES_AT, true);
    space.owned.insert(primary + primaryPages - 1, primaryPages);
    space.owned.insert(first + pages - 1, pages);
    const beyond = primaryPages - SMALL_PAGES_MAX;
    if (beyond > 0) space.available.insert(primary + primaryPages - 1, beyond);
    if (pages > 2) space.available.insert(first + pages - 1, pages - 2);
    catalog.logRoot();
  }

  #spacePage(pgno: number, id: number): void {
    const { core } = this.#parts;
    const frame = core.cache.takeFrame(pgno);
    initPage(core.cache.bytes[frame]!, core.cache.views[frame]!, pgno, id, 0, NO_KEY, 0);
    core.group.newPage(frame);
  }

  #prepareGivePass(tree: Tree, pgno: number): number {
    const rootReady = refill(this.#parts, this.#rootSpace.space);
    if (rootReady !== OK) return rootReady;
    if (this.#prepareRow(tree.id === TREE_CATALOG ? this.#root : tree) === NEED) return NEED;
    const space = tree.id === TREE_CATALOG ? this.#rootSpace.space : this.#spaces.get(tree.id);
    if (space === undefined) return OK;
    const ready = refill(this.#parts, space);
    if (ready !== OK) return ready;
    const room = roomAround(space.available, pgno, pgno);
    if (room !== OK || space.owned === undefined) return room;
    const owned = space.owned.find(pgno);
    if (owned === NEED) return NEED;
    assert(owned === OK && space.owned.first <= pgno, 'page lies in an owned extent');
    return roomAround(this.#rootSpace.space.available, space.owned.first, space.owned.last);
  }

  /** Gives a page to a tree's available extents; the extent goes to the root when all of it is free. */
  #giveTo(space: Space, pgno: number): void {
    const { owned, available, owner } = space;
    if (owned === undefined) {
      this.#rootSpace.add(pgno, pgno);
      return;
    }
    assert(owned.find(pgno) === OK, 'page lies in an owned extent');
    const { first, last, pages } = owned;
    const whole = coalesce(available, pgno, pgno, first, last);
    if (!whole) return;
    available.remove(last);
    owned.remove(last);
    owner.view.setUint32(TREE_OWNED_PAGES_AT, owner.view.getUint32(TREE_OWNED_PAGES_AT, true) - pages, true);
    this.#parts.catalog.writeRow(owner);
    this.#rootSpace.add(first, last);
  }

  #forget(tree: Tree): void {
    const space = this.#spaces.get(tree.id);
    this.#near.delete(tree.id);
    if (space === undefined) return;
    for (const extents of [space.owned, space.available]) {
      if (extents === undefined) continue;
      this.#owners.delete(extents.tree.id);
      this.#parts.core.trees.delete(extents.tree.id);
    }
    this.#spaces.delete(tree.id);
  }
}
