/**
 * The database root's space: free extents of the file, and the file's end.
 *
 *   find     the first free extent that holds so many pages, aligned if they are many; else the file grows
 *   carve    takes them out of it
 *   extend   disk first, then a group that makes the new pages the root's; so a power cut leaves at most a longer file
 */
import { REQUEST_ROOM } from '../base/task.ts';
import { NEED, NONE, OK } from '../storage/contracts.ts';
import { EXTENT_ALIGN_BYTES, EXTENT_AT_HAND, pageOffset, TREE_FILE_PAGES_AT } from '../storage/layout.ts';
import { StoreRequest } from '../storage/store-request.ts';
import type { Tree } from '../storage/tree.ts';
import { alignedFirst, carve, coalesce, findRoom, type Space, type SpaceParts } from './tree-space.ts';

const EXTENSION_PAGES_MIN = 16;
const EXTENSION_PAGES_MAX = 4096;

export class RootSpace {
  readonly #parts: SpaceParts;
  readonly tree: Tree;
  readonly space: Space;
  /** The extent that `find` found. */
  foundLast = 0;
  foundPages = 0;
  /** Pages that the file is known to have on disk. */
  #backed = 0;

  constructor(parts: SpaceParts, space: Space) {
    this.#parts = parts;
    this.tree = space.owner;
    this.space = space;
  }

  /** Pages of the file that the database has: 1 … filePages − 1. */
  get filePages(): number {
    return this.tree.view.getUint32(TREE_FILE_PAGES_AT, true);
  }

  /** At open: the log may remember an extension that the power cut took from the file. */
  back(): void {
    const { core } = this.#parts;
    const pages = this.filePages;
    this.#backed = Math.floor(core.file.size() / core.pageBytes) - 1;
    if (core.readOnly || this.#backed >= pages) return;
    const from = Math.max(0, this.#backed + 1) * core.pageBytes;
    core.file.allocate(from, pageOffset(pages, core.pageBytes) - from);
    this.#backed = pages;
  }

  /** Adds free pages. Inside a group, after `roomAround`. */
  add(first: number, last: number): void {
    coalesce(this.space.available, first, last, 1, this.filePages - 1);
  }

  /** Finds room for `pages` pages in the root's available extents, extending the file if there is none: OK, NONE (again), NEED. */
  find(pages: number): number {
    const { available } = this.space;
    const status = findRoom(available, pages, this.#parts.core.pageBytes);
    if (status === NEED) return NEED;
    if (status === NONE) return this.#extend(pages);
    this.foundLast = available.last;
    this.foundPages = available.pages;
    return available.room(available.last);
  }

  /** The page that `carve` will begin with. */
  firstFound(pages: number): number {
    return alignedFirst(this.foundLast - this.foundPages + 1, pages, this.#parts.core.pageBytes);
  }

  /** Takes `pages` pages out of the extent that `find` found. Inside a group. */
  carve(pages: number): number {
    return carve(this.space.available, this.foundLast, this.foundPages, pages, this.#parts.core.pageBytes);
  }

  /** Makes the file longer: on disk first, then in a group that gives the new pages to the root. */
  #extend(pages: number): number {
    const { core, catalog } = this.#parts;
    const from = this.filePages;
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
    const space = this.space.available;
    const room = space.room(this.#backed - 1);
    if (room !== OK) return room;
    const before = space.findEnd(from - 1);
    if (before === NEED) return NEED;
    const pagesBefore = before === OK && space.state === EXTENT_AT_HAND ? space.pages : 0;
    core.group.begin();
    if (pagesBefore > 0) space.remove(from - 1);
    space.insert(this.#backed - 1, this.#backed - from + pagesBefore);
    this.tree.view.setUint32(TREE_FILE_PAGES_AT, this.#backed, true);
    catalog.logRoot();
    core.group.end();
    return NONE;
  }
}
