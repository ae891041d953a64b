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
import { REQUEST_ROOM, runNow, type Task } from '../base/task.ts';
import type { BTree } from '../storage/btree.ts';
import type { SpaceAudit } from '../storage/check.ts';
import { NEED, NONE, OK } from '../storage/contracts.ts';
import type { Core } from '../storage/core.ts';
import {
  EXTENT_ALIGN_BYTES,
  EXTENT_AT_HAND,
  pageOffset,
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
  TREE_RESERVE_AT,
  TREE_RESERVE_SLOTS,
} from '../storage/layout.ts';
import { initPage } from '../storage/page.ts';
import type { PageAllocator } from '../storage/page-allocator.ts';
import { StoreRequest } from '../storage/store-request.ts';
import type { Tree } from '../storage/tree.ts';
import type { TreeCatalog } from '../storage/tree-catalog.ts';
import { ExtentTree } from './extent-tree.ts';
import { nextExtentPages } from './growth.ts';

/** First page of the root's space tree in a new file; page 1 is the tree catalog's. */
const ROOT_AVAILABLE_PGNO = 2;
const SMALL_PAGES_MAX = 32;
const EXTENSION_PAGES_MIN = 16;
const EXTENSION_PAGES_MAX = 4096;
const NO_KEY = new Uint8Array(0);

/** A tree's space, with its trees opened. */
interface Space {
  readonly owner: Tree;
  /** Undefined for the root, which owns the file. */
  readonly owned: ExtentTree | undefined;
  readonly available: ExtentTree;
}

export class SpaceAllocator implements PageAllocator {
  #open: { readonly core: Core; readonly btree: BTree; readonly catalog: TreeCatalog } | undefined;
  /** By tree id; small trees have none. */
  readonly #spaces: Map<number, Space> = new Map();
  /** By id of a space tree: whose it is. */
  readonly #owners: Map<number, Space> = new Map();
  /** By tree id: the page taken last, near which the next one should be. */
  readonly #near: Map<number, number> = new Map();
  /** What `prepare` found: the extent that ends here. */
  #planLast = 0;
  #planPages = 0;
  /** Pages that the file is known to have on disk. */
  #backed = 0;

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
    const pages = this.filePages();
    this.#backed = Math.floor(core.file.size() / core.pageBytes) - 1;
    if (core.readOnly || this.#backed >= pages) return;
    // The log remembers an extension that the power cut took from the file.
    const from = Math.max(0, this.#backed + 1) * core.pageBytes;
    core.file.allocate(from, pageOffset(pages, core.pageBytes) - from);
    this.#backed = pages;
  }

  filePages(): number {
    return this.#root.view.getUint32(TREE_FILE_PAGES_AT, true);
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
    if (owner !== undefined) return this.#takeReserve(owner);
    if (tree.id === TREE_CATALOG) return this.#rootSpace.available.takeFirst(this.#planLast, this.#planPages);
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
    const space = owner ?? (tree.id === TREE_CATALOG ? this.#rootSpace : this.#spaces.get(tree.id));
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
      const ready = this.#refill(root);
      const status = ready === OK ? this.#findAtRoot(pages) : ready;
      if (status !== NONE) return status;
    }
  }

  birth(tree: Tree, pages: number): number {
    const first = this.#carve(this.#planLast, this.#planPages, pages);
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
      const status = this.#reclaimPass(tree);
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

  get #parts(): { readonly core: Core; readonly btree: BTree; readonly catalog: TreeCatalog } {
    if (this.#open === undefined) throw fail('internal_error', 'allocator is not attached');
    return this.#open;
  }

  get #root(): Tree {
    return this.#parts.core.tree(ROOT_TREE);
  }

  get #rootSpace(): Space {
    let space = this.#spaces.get(ROOT_TREE);
    if (space === undefined) {
      this.#openSpace(this.#root);
      space = this.#spaces.get(ROOT_TREE);
    }
    assert(space !== undefined, 'the root has space');
    return space;
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
    if (owned !== undefined) this.#owners.set(owned.tree.id, space);
    this.#owners.set(available.tree.id, space);
  }

  #preparePass(tree: Tree): number {
    const owner = this.#owners.get(tree.id);
    // A space tree that splits: its page was put aside before.
    if (owner !== undefined) return this.#prepareRow(owner.owner);
    const root = this.#refill(this.#rootSpace);
    if (root !== OK) return root;
    if (tree.id === TREE_CATALOG) return this.#findAtRoot(1);
    if (this.#prepareRow(tree) === NEED) return NEED;
    const space = this.#spaces.get(tree.id);
    if (space === undefined)
      return tree.view.getUint32(TREE_BITMAP_AT, true) !== 0 ? OK : this.#acquire(tree, undefined);
    const ready = this.#refill(space);
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

  /** Finds room for `pages` pages in the root's available extents, extending the file if there is none: OK, NONE (again), NEED. */
  #findAtRoot(pages: number): number {
    const { available } = this.#rootSpace;
    for (let from = 0; ; ) {
      const status = available.find(from);
      if (status === NEED) return NEED;
      if (status === NONE) return this.#extend(pages);
      if (
        available.state === EXTENT_AT_HAND &&
        this.#alignedFirst(available.first, pages) + pages - 1 <= available.last
      )
        break;
      from = available.last + 1;
    }
    this.#planLast = available.last;
    this.#planPages = available.pages;
    return available.room(available.last);
  }

  /** Where an extent of so many pages may begin: extents of at least 64 KiB are aligned in the file. */
  #alignedFirst(first: number, pages: number): number {
    const align = EXTENT_ALIGN_BYTES / this.#parts.core.pageBytes;
    if (pages < align) return first;
    // Page p lies at (p + 1) × page size.
    return Math.ceil((first + 1) / align) * align - 1;
  }

  /** Takes `pages` pages out of the root's extent that ends at `last`. */
  #carve(last: number, available: number, pages: number): number {
    const space = this.#rootSpace.available;
    const extentFirst = last - available + 1;
    const first = this.#alignedFirst(extentFirst, pages);
    const behind = last - (first + pages - 1);
    if (behind > 0) space.setPages(last, behind);
    else space.remove(last);
    if (first > extentFirst) space.insert(first - 1, first - extentFirst);
    return first;
  }

  /** Makes the file longer: on disk first, then in a group that gives the new pages to the root. */
  #extend(pages: number): number {
    const { core, catalog } = this.#parts;
    const from = this.filePages();
    const align = EXTENT_ALIGN_BYTES / core.pageBytes;
    const wanted = pages + align;
    if (this.#backed < from + wanted) {
      const grow = Math.max(wanted, Math.min(Math.max(EXTENSION_PAGES_MIN, from >> 3), EXTENSION_PAGES_MAX));
      const end = from + grow;
      return core.want(
        new StoreRequest(REQUEST_ROOM, core.clock, () => {
          if (this.#backed >= end) return;
          const at = pageOffset(this.#backed, core.pageBytes);
          core.file.allocate(at, pageOffset(end, core.pageBytes) - at);
          this.#backed = end;
        }),
      );
    }
    const space = this.#rootSpace.available;
    const room = space.room(this.#backed - 1);
    if (room !== OK) return room;
    const before = space.findEnd(from - 1);
    if (before === NEED) return NEED;
    const pagesBefore = before === OK && space.state === EXTENT_AT_HAND ? space.pages : 0;
    core.group.begin();
    if (pagesBefore > 0) space.remove(from - 1);
    space.insert(this.#backed - 1, this.#backed - from + pagesBefore);
    this.#root.view.setUint32(TREE_FILE_PAGES_AT, this.#backed, true);
    catalog.logRoot();
    core.group.end();
    return NONE;
  }

  /** Gives a tree its next extent, and space trees if it has none. NONE: done, look again; NEED. */
  #acquire(tree: Tree, space: Space | undefined): number {
    const { core, catalog } = this.#parts;
    const last = tree.view.getUint32(TREE_LAST_PAGES_AT, true);
    const owned = tree.view.getUint32(TREE_OWNED_PAGES_AT, true);
    const pages = nextExtentPages(tree.hints, last, owned, space === undefined);
    const found = this.#findAtRoot(pages);
    if (found !== OK) return found;
    const first = this.#alignedFirst(this.#planLast - this.#planPages + 1, pages);
    if (space?.owned !== undefined) {
      const room = space.owned.room(first + pages - 1);
      const status = room === OK ? space.available.room(first + pages - 1) : room;
      if (status !== OK) return status;
    }
    if (this.#prepareRow(tree) === NEED) return NEED;
    core.group.begin();
    this.#carve(this.#planLast, this.#planPages, pages);
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

  /** Puts pages aside until the space trees can split: OK, NONE (one was put aside: again), NEED. */
  #refill(space: Space): number {
    const { core, catalog } = this.#parts;
    const forOwned = space.owned === undefined ? 0 : space.owned.reserveWanted();
    const forAvailable = space.available.reserveWanted();
    if (forOwned === NEED || forAvailable === NEED) return NEED;
    const wanted = Math.min(forOwned + forAvailable, TREE_RESERVE_SLOTS);
    let slot = -1;
    let held = 0;
    for (let i = 0; i < TREE_RESERVE_SLOTS; i++) {
      if (reserveAt(space.owner, i) !== 0) held++;
      else slot = i;
    }
    if (held >= wanted || slot < 0) return OK;
    const status = space.available.find(0);
    if (status === NEED || this.#prepareRow(space.owner) === NEED) return NEED;
    // Nothing to put aside now: the next extent will bring some, before anything can split.
    if (status === NONE || space.available.state !== EXTENT_AT_HAND) return OK;
    core.group.begin();
    const pgno = space.available.takeFirst(space.available.last, space.available.pages);
    space.owner.view.setUint32(TREE_RESERVE_AT + 4 * slot, pgno, true);
    catalog.writeRow(space.owner);
    core.group.end();
    return NONE;
  }

  #takeReserve(space: Space): number {
    for (let i = 0; i < TREE_RESERVE_SLOTS; i++) {
      const pgno = reserveAt(space.owner, i);
      if (pgno === 0) continue;
      space.owner.view.setUint32(TREE_RESERVE_AT + 4 * i, 0, true);
      this.#parts.catalog.writeRow(space.owner);
      return pgno;
    }
    throw fail('internal_error', 'a space tree must split and its reserve is empty');
  }

  #prepareGivePass(tree: Tree, pgno: number): number {
    const rootReady = this.#refill(this.#rootSpace);
    if (rootReady !== OK) return rootReady;
    if (this.#prepareRow(tree.id === TREE_CATALOG ? this.#root : tree) === NEED) return NEED;
    const space = tree.id === TREE_CATALOG ? this.#rootSpace : this.#spaces.get(tree.id);
    if (space === undefined) return OK;
    const ready = this.#refill(space);
    if (ready !== OK) return ready;
    const room = this.#roomAround(space.available, pgno, pgno);
    if (room !== OK || space.owned === undefined) return room;
    const owned = space.owned.find(pgno);
    if (owned === NEED) return NEED;
    assert(owned === OK && space.owned.first <= pgno, 'page lies in an owned extent');
    return this.#roomAround(this.#rootSpace.available, space.owned.first, space.owned.last);
  }

  /** Room for an extent first … last, and its neighbours resident. */
  #roomAround(available: ExtentTree, first: number, last: number): number {
    const room = available.room(last);
    if (room !== OK) return room;
    if (available.findEnd(first - 1) === NEED || available.find(last + 1) === NEED) return NEED;
    return OK;
  }

  /** Gives a page to a tree's available extents; the extent goes to the root when all of it is free. */
  #giveTo(space: Space, pgno: number): void {
    const { owned, available, owner } = space;
    if (owned === undefined) {
      this.#coalesce(available, pgno, pgno, 1, this.filePages() - 1);
      return;
    }
    assert(owned.find(pgno) === OK, 'page lies in an owned extent');
    const { first, last, pages } = owned;
    const whole = this.#coalesce(available, pgno, pgno, first, last);
    if (!whole) return;
    available.remove(last);
    owned.remove(last);
    owner.view.setUint32(TREE_OWNED_PAGES_AT, owner.view.getUint32(TREE_OWNED_PAGES_AT, true) - pages, true);
    this.#parts.catalog.writeRow(owner);
    this.#coalesce(this.#rootSpace.available, first, last, 1, this.filePages() - 1);
  }

  /** Adds first … last, joined with what touches it inside low … high; true when the whole of low … high is free now. */
  #coalesce(available: ExtentTree, first: number, last: number, low: number, high: number): boolean {
    let from = first;
    if (first > low && available.findEnd(first - 1) === OK && available.state === EXTENT_AT_HAND) {
      from = Math.max(available.first, low);
      const rest = from - available.first;
      available.remove(first - 1);
      assert(rest === 0, 'available extent lies inside one owned extent');
    }
    if (
      last < high &&
      available.find(last + 1) === OK &&
      available.first === last + 1 &&
      available.state === EXTENT_AT_HAND
    ) {
      const end = available.last;
      available.setPages(end, end - from + 1);
      return from === low && end === high;
    }
    available.insert(last, last - from + 1);
    return from === low && last === high;
  }

  /** One step of taking a dropped tree back. OK = it is gone, NONE = an extent went, AGAIN, NEED. */
  #reclaimPass(tree: Tree): number {
    const { core, catalog } = this.#parts;
    const root = this.#refill(this.#rootSpace);
    if (root !== OK) return root === NONE ? AGAIN : root;
    if (this.#prepareRow(tree) === NEED) return NEED;
    const space = this.#spaces.get(tree.id);
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
      const room = this.#roomAround(this.#rootSpace.available, first, last);
      if (room !== OK) return room === NONE ? AGAIN : NEED;
    }
    core.group.begin();
    for (const { first, last } of going) {
      for (let p = first; p <= last; p++) core.cache.drop(p);
      if (!isLast) space.owned.remove(last);
      this.#coalesce(this.#rootSpace.available, first, last, 1, this.filePages() - 1);
    }
    if (isLast) {
      catalog.removeRow(tree);
      this.#forget(tree);
    }
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

/** A pass made room somewhere and begins again. */
const AGAIN = 99;

function reserveAt(tree: Tree, slot: number): number {
  return tree.view.getUint32(TREE_RESERVE_AT + 4 * slot, true);
}
