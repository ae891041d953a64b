/**
 * The database root's space: free extents of the file, and the file's end.
 *
 *   find     the first extent at hand that holds so many pages, aligned if they are many; else pages that were trimmed are
 *            reserved again; else the file grows
 *   carve    takes them out of it
 *   reserve  disk first, then a group that puts trimmed pages at hand; so a power cut leaves at most a filled hole
 *   extend   disk first, then a group that makes the new pages the root's; so a power cut leaves at most a longer file
 */
import { REQUEST_ROOM } from '../base/task.ts';
import { NEED, NONE, OK } from '../storage/contracts.ts';
import {
  EXTENT_ALIGN_BYTES,
  EXTENT_AT_HAND,
  EXTENT_TRIMMED,
  EXTENT_TRIMMING,
  pageOffset,
  TREE_FILE_PAGES_AT,
  TREE_TRIMMED_AT,
} from '../storage/layout.ts';
import { StoreRequest } from '../storage/store-request.ts';
import type { Tree } from '../storage/tree.ts';
import { alignedFirst, carve, coalesce, findRoom, roomAround, type Space, type SpaceParts } from './tree-space.ts';

const EXTENSION_PAGES_MIN = 16;
const EXTENSION_PAGES_MAX = 4096;
/** `find`: no room without making the file longer. */
export const EXHAUSTED = 97;
/** What a hole gets back at a time, at least. */
const RESERVE_BYTES = 1 << 20;

export class RootSpace {
  readonly #parts: SpaceParts;
  readonly tree: Tree;
  readonly space: Space;
  /** The extent that `find` found. */
  foundLast = 0;
  foundPages = 0;
  /** Pages that the file is known to have on disk. */
  #backed = 0;
  /** Trimmed pages that have their place on disk again, and only wait for the group that says so. */
  #reservedFirst = 0;
  #reservedLast = -1;
  /** Last page of the range whose hole is being punched now; any other that is marked so was left by a crash and is trimmed. */
  trimmingLast = -1;
  /** Pages that became free here since somebody looked: what realtime trimming waits for. */
  freed = 0;

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
    this.freed += last - first + 1;
    coalesce(this.space.available, first, last, 1, this.filePages - 1);
  }

  /**
   * Finds room for `pages` pages in the root's available extents, extending the file if there is none: OK, NONE (again), NEED.
   * While the file shrinks, places from the ceiling on come last; with `grow` false neither they nor an extension come at all,
   * and the answer is EXHAUSTED.
   */
  find(pages: number, grow = true): number {
    const { ceiling } = this.#parts;
    const status = this.#findBelow(pages);
    if (status !== EXHAUSTED || !grow) return status;
    if (ceiling.page === Number.POSITIVE_INFINITY) return this.#extend(pages);
    const page = ceiling.page;
    ceiling.page = Number.POSITIVE_INFINITY;
    const above = this.#findBelow(pages);
    ceiling.page = page;
    return above === EXHAUSTED ? this.#extend(pages) : above;
  }

  #findBelow(pages: number): number {
    const { available } = this.space;
    const status = findRoom(available, pages, this.#parts.core.pageBytes);
    if (status === NEED) return NEED;
    if (status === NONE) return this.trimmedPages > 0 ? this.#reserve(pages) : EXHAUSTED;
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

  /** Pages of extents that are trimmed or being trimmed. */
  get trimmedPages(): number {
    return this.tree.view.getUint32(TREE_TRIMMED_AT, true);
  }

  /** Changes the count of trimmed pages. Inside a group. */
  countTrimmed(pages: number): void {
    this.tree.view.setUint32(TREE_TRIMMED_AT, this.trimmedPages + pages, true);
    this.#parts.catalog.logRoot();
  }

  /** Has the extent that `space.available` stands at lost its place on disk for good? */
  isTrimmed(): boolean {
    const { available } = this.space;
    if (available.state === EXTENT_TRIMMED) return true;
    return available.state === EXTENT_TRIMMING && available.last !== this.trimmingLast;
  }

  /**
   * Puts trimmed pages at hand so that, with what lies beside them, `pages` pages are free in one piece: disk first, then the
   * group. EXHAUSTED when there is no such piece. @throws `disk_full` (53100) from the request.
   */
  #reserve(pages: number): number {
    const { core } = this.#parts;
    const { available } = this.space;
    let runFirst = 0;
    let runLast = -1;
    let hole: { first: number; last: number } | undefined;
    for (let from = 0; ; from = available.last + 1) {
      const status = available.find(from);
      if (status === NEED) return NEED;
      if (status === NONE || available.first >= this.#parts.ceiling.page) return EXHAUSTED;
      const { first, last } = available;
      const trimmed = this.isTrimmed();
      if (!trimmed && available.state !== EXTENT_AT_HAND) {
        runLast = -1;
        hole = undefined;
        continue;
      }
      if (first !== runLast + 1) {
        runFirst = first;
        hole = undefined;
      }
      runLast = last;
      if (trimmed) hole ??= { first, last };
      if (hole !== undefined && alignedFirst(runFirst, pages, core.pageBytes) + pages - 1 <= last) break;
    }
    // A hole is refilled from its front, by a stock's worth: what is behind stays trimmed.
    const align = EXTENT_ALIGN_BYTES / core.pageBytes;
    const needed = Math.ceil((runFirst + 2 * pages - hole.first) / align) * align;
    const wanted = Math.max(RESERVE_BYTES / core.pageBytes, needed);
    return this.#refill(hole.first, hole.last, Math.min(hole.last, hole.first + wanted - 1));
  }

  /** Puts first … upTo of the trimmed extent first … last at hand: NONE (again), NEED. */
  #refill(first: number, last: number, upTo: number): number {
    const { core } = this.#parts;
    if (this.#reservedFirst !== first || this.#reservedLast !== upTo) {
      return core.want(
        new StoreRequest(REQUEST_ROOM, core.clock, () => {
          core.file.allocate(pageOffset(first, core.pageBytes), (upTo - first + 1) * core.pageBytes);
          this.#reservedFirst = first;
          this.#reservedLast = upTo;
        }),
      );
    }
    const { available } = this.space;
    const room = roomAround(available, first, upTo);
    if (room !== OK) return room;
    core.group.begin();
    if (upTo < last) available.setPages(last, last - upTo, EXTENT_TRIMMED);
    else available.remove(last);
    coalesce(available, first, upTo, 1, this.filePages - 1);
    this.countTrimmed(first - upTo - 1);
    core.group.end();
    this.#reservedLast = -1;
    return NONE;
  }

  /** The file ends before page `end` from now on. Inside a group; `cutFile` follows when that is durable. */
  cut(end: number): void {
    this.tree.view.setUint32(TREE_FILE_PAGES_AT, end, true);
    this.#backed = end;
    this.#reservedLast = -1;
    this.#parts.catalog.logRoot();
  }

  /** Cuts the file behind its last page, unless somebody has made it longer again since `cut`. */
  cutFile(end: number): boolean {
    if (this.filePages !== end || this.#backed !== end) return false;
    this.#parts.core.file.truncate(pageOffset(end, this.#parts.core.pageBytes));
    return true;
  }

  /** Makes the file so much longer that `pages` aligned pages are at hand. */
  #extend(pages: number): number {
    const { core } = this.#parts;
    const from = this.filePages;
    const wanted = pages + EXTENT_ALIGN_BYTES / core.pageBytes;
    if (this.#backed >= from + wanted) return this.growTo(this.#backed);
    const grow = Math.max(wanted, Math.min(Math.max(EXTENSION_PAGES_MIN, from >> 3), EXTENSION_PAGES_MAX));
    return this.growTo(from + grow);
  }

  /**
   * Makes the file longer, to `end` pages: on disk first, then in a group that gives the new pages to the root. NONE: done or
   * some room made, look again; NEED. @throws `disk_full` (53100) from the request.
   */
  growTo(end: number): number {
    const { core, catalog } = this.#parts;
    const from = this.filePages;
    if (this.#backed < end) {
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
    const room = space.room(end - 1);
    if (room !== OK) return room;
    const before = space.findEnd(from - 1);
    if (before === NEED) return NEED;
    const pagesBefore = before === OK && space.state === EXTENT_AT_HAND ? space.pages : 0;
    core.group.begin();
    if (pagesBefore > 0) space.remove(from - 1);
    space.insert(end - 1, end - from + pagesBefore);
    this.tree.view.setUint32(TREE_FILE_PAGES_AT, end, true);
    catalog.logRoot();
    core.group.end();
    return NONE;
  }
}
