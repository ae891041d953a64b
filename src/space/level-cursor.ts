/**
 * Goes through the pages of one level of a tree in key order, for reports.
 *
 *   next() ──> frame of the next page ── the caller reads it, at once ──> next() …
 *
 * Nothing of a page is kept between two calls but its number, its LSN and its last key (law 3): where the page is as it was and
 * none was freed, its link leads on; else the tree is descended again by that key. What changes meanwhile may be seen before or after the
 * change; the walk always ends. Pages are read as a scan reads them, so they push out only each other.
 */
import type { Task } from '../base/task.ts';
import type { Core } from '../storage/core.ts';
import { keyBytesMax, PAGE_LEVEL_AT, PAGE_LSN_AT, PAGE_NEXT_AT, PAGE_TREE_AT, readU64 } from '../storage/layout.ts';
import { childAt, copyKey, searchBranch, slotCount } from '../storage/page.ts';
import type { Tree } from '../storage/tree.ts';
import { Pace } from './pace.ts';

/** Frames that a descent takes at most, with one to spare. */
const DESCENT_FRAMES = 8;
const PAGES_PER_SLICE = 32;
/** Answers that are no frame. */
const NO_PAGE = -1;

export class LevelCursor {
  /** The page that `next` found. */
  pgno = 0;
  readonly #core: Core;
  readonly #tree: Tree;
  readonly #level: number;
  readonly #key: Uint8Array;
  #keyBytes = -1;
  #lsn = 0;
  #freed = 0;
  readonly #pace: Pace;
  #done = false;

  constructor(core: Core, tree: Tree, level: number) {
    this.#core = core;
    this.#tree = tree;
    this.#level = level;
    this.#pace = new Pace(core, PAGES_PER_SLICE);
    this.#key = new Uint8Array(keyBytesMax(core.pageBytes));
  }

  /** The frame of the next page, valid until the next suspension; −1 behind the last one. */
  *next(): Task<number> {
    const { cache } = this.#core;
    if (this.#pace.isOver()) yield this.#pace.slice();
    // From here to the answer nothing waits, so no number of a page can have become another's.
    while (!cache.ensureFree(DESCENT_FRAMES)) yield cache.cleaning();
    return this.#step();
  }

  #step(): number {
    if (this.#done) return NO_PAGE;
    const frame = this.pgno === 0 ? this.#descend() : this.#neighbour();
    if (frame < 0) {
      this.#done = true;
      return NO_PAGE;
    }
    const { cache } = this.#core;
    const view = cache.views[frame]!;
    this.pgno = cache.pgnoOf(frame);
    this.#lsn = readU64(view, PAGE_LSN_AT);
    this.#freed = cache.freed;
    // The first key of a branch says nothing.
    const last = slotCount(view) - 1;
    if (last > 0 || (last === 0 && this.#level === 0))
      this.#keyBytes = copyKey(cache.bytes[frame]!, view, last, this.#key);
    return frame;
  }

  /** The page behind the one that `next` gave last. */
  #neighbour(): number {
    const { cache } = this.#core;
    const here = cache.peek(this.pgno);
    const isSame =
      here >= 0 &&
      cache.freed === this.#freed &&
      readU64(cache.views[here]!, PAGE_LSN_AT) === this.#lsn &&
      cache.views[here]!.getUint32(PAGE_TREE_AT, true) === this.#tree.id;
    let frame = isSame ? here : this.#descend();
    for (;;) {
      if (frame < 0) return NO_PAGE;
      const next = cache.views[frame]!.getUint32(PAGE_NEXT_AT, true);
      if (next === 0) return NO_PAGE;
      frame = cache.load(next);
      // A descent by an older key, because the last page had none, may lead to the page before it.
      if (next !== this.pgno) return frame;
    }
  }

  /** The page of the level that covers the key, or the first one; −1 when the tree is no longer so high. */
  #descend(): number {
    const { cache } = this.#core;
    for (let pgno = this.#tree.root; pgno !== 0; ) {
      const frame = cache.load(pgno);
      const view = cache.views[frame]!;
      const level = view.getUint8(PAGE_LEVEL_AT);
      if (level <= this.#level) return level === this.#level ? frame : NO_PAGE;
      const slot = this.#keyBytes < 0 ? 0 : searchBranch(cache.bytes[frame]!, view, this.#key, this.#keyBytes);
      pgno = childAt(view, slot);
    }
    return NO_PAGE;
  }
}

/** The level of a tree's root; its other pages are not read. −1: the tree has no page. */
export function* rootLevel(core: Core, tree: Tree): Task<number> {
  while (!core.cache.ensureFree(1)) yield core.cache.cleaning();
  if (tree.root === 0) return -1;
  return core.cache.views[core.cache.load(tree.root)]!.getUint8(PAGE_LEVEL_AT);
}
