/**
 * The structure of a database, checked while it is in use.
 *
 *   a step   descends to one page of a level by key, judges what it met on the way, the page, its right neighbour and whose its
 *            place is, and keeps the key where the next page begins. Between two suspensions all trees are consistent (law 3), so each
 *            step sees one state; what moves between two steps is seen before or after
 *   at last  the extents of all trees at one moment: none is owned twice, none is owned by nobody
 *
 *   page     checksum (in memory when it was read; on disk too while it is clean) · tree · level · inside · keys within the
 *            separators above · links both ways, to the page that the next separator leads to · in an owned extent, not available
 *
 * What is damaged is named and stepped over: the separators above it say where to go on.
 */
import { ExtentError } from '../base/errors.ts';
import type { Task } from '../base/task.ts';
import { NEED, OK } from '../storage/contracts.ts';
import {
  PAGE_CHECKSUM_AT,
  PAGE_LEVEL_AT,
  PAGE_NEXT_AT,
  PAGE_PREV_AT,
  PAGE_TREE_AT,
  pageOffset,
  ROOT_TREE,
  TREE_BITMAP_AT,
  TREE_CATALOG,
  TREE_DROPPED,
  TREE_PRIMARY_AT,
  TREE_PRIMARY_PAGES_AT,
} from '../storage/layout.ts';
import { childAt, compareBytes, copyKey, searchBranch, slotCount } from '../storage/page.ts';
import { PAGE_GOOD } from '../storage/page-cache.ts';
import { pageChecksum, pageProblem, pageSeed } from '../storage/page-check.ts';
import type { Tree } from '../storage/tree.ts';
import { extentProblems } from './extent-problems.ts';
import { SMALL_PAGES_MAX } from './extent-source.ts';
import type { DatabaseFile } from './open-database-file.ts';
import { Pace } from './pace.ts';
import { spaceReport } from './space-report.ts';

/** Frames that a step takes at most: two descents, a neighbour, and space trees. */
const STEP_FRAMES = 24;
const PAGES_PER_SLICE = 16;
/** More is not told of one tree: it is lost. */
const PROBLEMS_MAX = 100;
/** Reports of the whole file until one holds at one moment. */
const REPORTS_MAX = 8;

export interface OnlineCheckOptions {
  /** The trees to be checked; undefined = all, and every extent. */
  readonly trees?: readonly number[] | undefined;
  /** Told of each page. */
  readonly onPage: () => void;
  /** Told when the extents of all trees changed faster than they could be read: they have not been compared. */
  readonly onUnsettled?: () => void;
}

interface Place {
  pgno: number;
  /** Keys of the page lie in low … high (high excluded); undefined = unbounded. */
  low: Uint8Array | undefined;
  high: Uint8Array | undefined;
}

/** Checks the structure. @returns what is wrong */
export function* onlineCheck(file: DatabaseFile, options: OnlineCheckOptions): Task<string[]> {
  const { core } = file.store.parts;
  const check = new OnlineCheck(file, options.onPage);
  const chosen = options.trees ?? [...core.trees.keys()];
  for (const id of chosen) {
    const tree = core.trees.get(id);
    if (tree !== undefined) yield* check.tree(tree);
  }
  if (options.trees === undefined && !(yield* check.extents())) options.onUnsettled?.();
  return [...check.problems];
}

class OnlineCheck {
  /** A damaged branch is met once for each level below it. */
  readonly problems: Set<string> = new Set();
  readonly #file: DatabaseFile;
  readonly #onPage: () => void;
  readonly #key = new Uint8Array(8192);
  readonly #disk: Uint8Array;
  readonly #diskView: DataView;
  readonly #seed: number;

  constructor(file: DatabaseFile, onPage: () => void) {
    this.#file = file;
    this.#onPage = onPage;
    const { core } = file.store.parts;
    this.#disk = new Uint8Array(core.pageBytes);
    this.#diskView = new DataView(this.#disk.buffer);
    this.#seed = pageSeed(core.header.fileId);
  }

  /** All pages of a tree, level by level. */
  *tree(tree: Tree): Task<void> {
    const { core } = this.#file.store.parts;
    if (!this.#isThere(tree)) return;
    const before = this.problems.size;
    tree.users++;
    try {
      while (!core.cache.ensureFree(STEP_FRAMES)) yield core.cache.cleaning();
      if (core.cache.loadAny(tree.root) !== PAGE_GOOD) {
        this.problems.add(`tree ${tree.id} page ${tree.root}: blank or wrong checksum`);
        return;
      }
      const top = core.cache.views[core.cache.peek(tree.root)]!.getUint8(PAGE_LEVEL_AT);
      for (let level = top; level >= 0; level--) yield* this.#level(tree, level, before + PROBLEMS_MAX);
    } finally {
      tree.users--;
    }
  }

  #isThere(tree: Tree): boolean {
    const { core } = this.#file.store.parts;
    const owner = this.#file.space.opened.map.ownerOf(tree)?.owner ?? tree;
    const isOpen = core.trees.get(tree.id) === tree && tree.root !== 0;
    return isOpen && tree.state !== TREE_DROPPED && owner.state !== TREE_DROPPED;
  }

  *#level(tree: Tree, level: number, problemsMax: number): Task<void> {
    const { core } = this.#file.store.parts;
    const pace = new Pace(core, PAGES_PER_SLICE);
    for (let from: Uint8Array | undefined; this.problems.size < problemsMax; ) {
      if (pace.isOver()) yield pace.slice();
      while (!core.cache.ensureFree(STEP_FRAMES)) yield core.cache.cleaning();
      if (!this.#isThere(tree)) return;
      const problems: string[] = [];
      const place = this.#descend(tree, level, from, problems);
      if (place === undefined) return;
      if (problems.length === 0) this.#judge(tree, level, place, problems);
      if (problems.length === 0) {
        const owned = yield* this.#owned(tree, place.pgno, problems);
        // A page of a space tree had to be read: the step begins again.
        if (!owned) continue;
      }
      for (const problem of problems) this.problems.add(problem);
      this.#onPage();
      if (place.high === undefined) return;
      from = place.high;
    }
  }

  /** The place of the page of a level that covers a key; undefined when the tree is no longer so high. */
  #descend(tree: Tree, level: number, from: Uint8Array | undefined, problems: string[]): Place | undefined {
    const { cache } = this.#file.store.parts.core;
    const place: Place = { pgno: tree.root, low: undefined, high: undefined };
    for (let expected = -1; ; ) {
      const at = `tree ${tree.id} page ${place.pgno}`;
      if (cache.loadAny(place.pgno) !== PAGE_GOOD) {
        problems.push(`${at}: blank or wrong checksum`);
        return place;
      }
      const frame = cache.peek(place.pgno);
      const view = cache.views[frame]!;
      const here = view.getUint8(PAGE_LEVEL_AT);
      if (view.getUint32(PAGE_TREE_AT, true) !== tree.id)
        problems.push(`${at}: belongs to tree ${view.getUint32(PAGE_TREE_AT, true)}`);
      else if (expected >= 0 && here !== expected) problems.push(`${at}: level ${here} under level ${expected + 1}`);
      if (problems.length > 0 || here === level) return place;
      if (here < level) return undefined;
      const count = slotCount(view);
      if (count === 0) {
        problems.push(`${at}: branch without children`);
        return place;
      }
      const slot = from === undefined ? 0 : searchBranch(cache.bytes[frame]!, view, from, from.length);
      if (slot > 0) place.low = this.#keyAt(frame, slot);
      if (slot + 1 < count) place.high = this.#keyAt(frame, slot + 1);
      place.pgno = childAt(view, slot);
      expected = here - 1;
    }
  }

  #keyAt(frame: number, slot: number): Uint8Array {
    const { cache } = this.#file.store.parts.core;
    return this.#key.slice(0, copyKey(cache.bytes[frame]!, cache.views[frame]!, slot, this.#key));
  }

  #judge(tree: Tree, level: number, place: Place, problems: string[]): void {
    const { cache } = this.#file.store.parts.core;
    const frame = cache.peek(place.pgno);
    const view = cache.views[frame]!;
    const at = `tree ${tree.id} page ${place.pgno}`;
    const inside = pageProblem(cache.bytes[frame]!, view);
    if (inside !== undefined) {
      problems.push(`${at}: ${inside}`);
      return;
    }
    // A branch's first separator stands for everything below the second, so it says nothing.
    const first = level > 0 ? 1 : 0;
    const count = slotCount(view);
    if (first < count && place.low !== undefined && isBelow(this.#keyAt(frame, first), place.low))
      problems.push(`${at}: first key is below the separator`);
    if (first < count && place.high !== undefined && !isBelow(this.#keyAt(frame, count - 1), place.high))
      problems.push(`${at}: last key is not below the next separator`);
    if (!cache.isDirty(frame)) this.#judgeOnDisk(place.pgno, at, problems);
    this.#judgeNext(tree, level, place, view.getUint32(PAGE_NEXT_AT, true), problems);
    if (place.low === undefined && view.getUint32(PAGE_PREV_AT, true) !== 0)
      problems.push(`${at}: the first page of level ${level} has a left neighbour`);
  }

  /** What memory and disk have the same of must bear its checksum on disk too. */
  #judgeOnDisk(pgno: number, at: string, problems: string[]): void {
    const { core } = this.#file.store.parts;
    const got = core.file.read(this.#disk, 0, core.pageBytes, pageOffset(pgno, core.pageBytes));
    const sum = this.#diskView.getUint32(PAGE_CHECKSUM_AT, true);
    if (got < core.pageBytes || sum !== pageChecksum(this.#seed, this.#disk, pgno))
      problems.push(`${at}: blank or wrong checksum on disk, while it is well in memory`);
  }

  /** The right neighbour is the page that the next separator leads to, and names this one as its left. */
  #judgeNext(tree: Tree, level: number, { pgno, high }: Place, next: number, problems: string[]): void {
    const at = `tree ${tree.id} page ${pgno}`;
    if (high === undefined) {
      if (next !== 0) problems.push(`${at}: last page of level ${level} has a right neighbour`);
      return;
    }
    const aside: string[] = [];
    const behind = this.#descend(tree, level, high, aside);
    // What is wrong with that page is told when its turn comes.
    if (aside.length > 0 || behind === undefined) return;
    const { cache } = this.#file.store.parts.core;
    if (behind.pgno !== next) problems.push(`${at}: right neighbour is ${next}, not ${behind.pgno}`);
    const back = cache.views[cache.peek(behind.pgno)]!.getUint32(PAGE_PREV_AT, true);
    if (back !== pgno) problems.push(`tree ${tree.id} page ${behind.pgno}: left neighbour is ${back}, not ${pgno}`);
  }

  /** Does the page's place belong to its tree? False: something had to be read first, and much may be different now. */
  *#owned(tree: Tree, pgno: number, problems: string[]): Task<boolean> {
    const { parts, map } = this.#file.space.opened;
    const at = `tree ${tree.id} page ${pgno}`;
    const owner = map.ownerOf(tree)?.owner ?? (tree.id === TREE_CATALOG ? parts.core.tree(ROOT_TREE) : tree);
    const space = map.of(owner);
    if (space === undefined) {
      const bit = pgno - owner.view.getUint32(TREE_PRIMARY_AT, true);
      const bitmap = owner.view.getUint32(TREE_BITMAP_AT, true);
      if (bit < 0 || bit >= owner.view.getUint32(TREE_PRIMARY_PAGES_AT, true))
        problems.push(`${at}: lies outside of the tree's extents`);
      else if (bit >= SMALL_PAGES_MAX || (bitmap & (1 << bit)) !== 0) problems.push(`${at}: is in use and available`);
      return true;
    }
    try {
      if (space.owned !== undefined) {
        const status = space.owned.find(pgno);
        if (status === NEED) {
          yield parts.core.need;
          return false;
        }
        if (status !== OK || space.owned.first > pgno) problems.push(`${at}: lies outside of the tree's extents`);
      }
      const status = space.available.find(pgno);
      if (status === NEED) {
        yield parts.core.need;
        return false;
      }
      if (status === OK && space.available.first <= pgno) problems.push(`${at}: is in use and available`);
    } catch (error) {
      // The space tree is checked by itself.
      if (!(error instanceof ExtentError) || error.code !== 'data_corrupted') throw error;
    }
    return true;
  }

  /** All extents at one moment. */
  /** The extents of all trees. @returns false when they never held still */
  *extents(): Task<boolean> {
    try {
      for (let n = 0; n < REPORTS_MAX; n++) {
        const report = yield* spaceReport(this.#file);
        if (!report.isSettled) continue;
        for (const problem of yield* extentProblems(this.#file.store.parts.core, report)) this.problems.add(problem);
        return true;
      }
      return false;
    } catch (error) {
      if (!(error instanceof ExtentError) || error.code !== 'data_corrupted') throw error;
      this.problems.add(`the extents cannot be compared: ${error.message}`);
      return true;
    }
  }
}

function isBelow(a: Uint8Array, b: Uint8Array): boolean {
  return compareBytes(a, 0, a.length, b, 0, b.length) < 0;
}
