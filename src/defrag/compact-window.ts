/**
 * Compaction, one step: rows of up to eight neighbouring leaves move left until one leaf is empty.
 *
 *   window   eight leaves in the order of keys, under one parent, from the leaf that covers the cursor's key
 *   run      the shortest stretch of the window whose rows fit one page less, filled up to the fill factor; a leaf that is
 *            fuller than that is left alone and ends a stretch. Nothing is moved that does not free a page
 *   step     one group: the leaves of the run but the last get their new content, the last is given back, the parent gets
 *            the new separators
 *
 * Flagged nodes that nobody can see any more are purged on the way, a leaf in a step of its own; the others, and slack, travel
 * along. Where the space trees need room first, that is a step of its own too: no step writes more than one group. It is the step of `spec/index-maintenance.md` §4.1; where it begins is a key, so it can stop anywhere and go on later.
 */
import { assert } from '../base/assert.ts';
import type { Task } from '../base/task.ts';
import { NEED, NONE, OK } from '../storage/contracts.ts';
import {
  CHILD_BYTES,
  NODE_CAPACITY_AT,
  PAGE_FREE_AT,
  PAGE_NEWEST_AT,
  PAGE_NEXT_AT,
  PAGE_PREV_AT,
  readU64,
  usableBytes,
  writeU64,
} from '../storage/layout.ts';
import {
  childAt,
  commonBytes,
  copyKey,
  initPage,
  nodeAt,
  nodeBytes,
  slotCount,
  storedKeyBytes,
} from '../storage/page.ts';
import { appendNodes } from '../storage/page-build.ts';
import type { StoreParts } from '../storage/store.ts';
import { sliceRequest } from '../storage/transactions.ts';
import type { Tree } from '../storage/tree.ts';

/** Leaves that are looked at together. */
export const WINDOW_PAGES = 8;
/** A step wrote its group, but nothing was freed yet. */
const MADE_READY = 3;
const CHILD = new Uint8Array(CHILD_BYTES);
const CHILD_VIEW = new DataView(CHILD.buffer);

/** Pages by a number that the caller has for each: the cache's frames, or copies of them. */
export interface PageImages {
  readonly bytes: readonly Uint8Array[];
  readonly views: readonly DataView[];
  pgnoOf(frame: number): number;
}

/** A stretch of a window: places of its first and its last leaf. */
export interface Run {
  readonly from: number;
  readonly to: number;
}

/** A part of a leaf that goes into one new page. */
interface Piece {
  readonly frame: number;
  readonly from: number;
  readonly to: number;
}

export class WindowCompactor {
  readonly #parts: StoreParts;
  /** The new contents of a run's leaves, and the separators before them (the first has none). */
  readonly #pages: Uint8Array[] = [];
  readonly #views: DataView[] = [];
  readonly #separators: Uint8Array[] = [];
  #images: PageImages;
  #built = 0;
  readonly #first = new Uint8Array(8192);
  readonly #key = new Uint8Array(8192);
  readonly #last = new Uint8Array(8192);
  /** After a step: the first key of the next leaf, undefined at the end of the tree. */
  next: Uint8Array | undefined;
  /** Pages whose content was rewritten, and pages freed. */
  rewritten = 0;
  freed = 0;

  constructor(parts: StoreParts) {
    this.#parts = parts;
    this.#images = parts.core.cache;
    for (let i = 0; i < WINDOW_PAGES; i++) {
      const page = new Uint8Array(parts.core.pageBytes);
      this.#pages.push(page);
      this.#views.push(new DataView(page.buffer));
    }
  }

  /**
   * Which stretch of a window gives a page up: that is a choice and changes nothing. Plans make it on copies of pages.
   *
   * @returns the stretch, with its new content in `builtPages` and `separators`.
   */
  chooseIn(
    images: PageImages,
    tree: Tree,
    parent: number,
    slot: number,
    frames: readonly number[],
    fillPercent: number,
  ): Run | undefined {
    this.#images = images;
    try {
      return this.#choose(tree, parent, slot, frames, this.#capacity(fillPercent));
    } finally {
      this.#images = this.#parts.core.cache;
    }
  }

  /** The new contents of the leaves that the stretch chosen last keeps. Its header's neighbours are not set. */
  get builtPages(): readonly Uint8Array[] {
    return this.#pages.slice(0, this.#built);
  }

  /** The keys that separate these. */
  get separators(): readonly Uint8Array[] {
    return this.#separators;
  }

  #capacity(fillPercent: number): number {
    return Math.floor((usableBytes(this.#parts.core.pageBytes) * fillPercent) / 100);
  }

  /**
   * Tries to free one page from the leaf on that covers `from`: OK (freed: try again there), MADE_READY (a group was written that
   * a later step needs: try again there), NONE (nothing to do here), NEED.
   */
  step(tree: Tree, from: Uint8Array, fillPercent: number): number {
    const { core, btree, purge } = this.#parts;
    const { cache } = core;
    for (;;) {
      if (core.reserve() === NEED) return NEED;
      if (btree.descend(tree, from, from.length) < 0) return NEED;
      this.next = btree.separatorAfter();
      if (btree.depth === 0) return NONE;
      const branch = btree.pgnos[btree.depth - 1]!;
      const parent = cache.peek(branch);
      const slot = btree.slots[btree.depth - 1]!;
      const frames = this.#window(parent, slot);
      if (frames === undefined) return NEED;
      if (frames.some((frame) => purge.reclaimLeaf(tree, frame))) return MADE_READY;
      const run = this.#choose(tree, parent, slot, frames, this.#capacity(fillPercent));
      if (run === undefined) return NONE;
      const pgnos = frames.slice(run.from, run.to + 1).map((frame) => cache.pgnoOf(frame));
      const after = cache.views[frames[run.to]!]!.getUint32(PAGE_NEXT_AT, true);
      if (after !== 0 && cache.frameOf(after) < 0) return core.wantPage(after);
      const ready = core.allocator.prepareGive(tree, pgnos[pgnos.length - 1]!);
      if (ready !== OK) return ready === NONE ? MADE_READY : NEED;
      // Nothing was changed since the choice was made, but pages may have been read, and the run's have lost their frames.
      const isThere = (pgno: number, i: number): boolean => cache.peek(pgno) === frames[run.from + i];
      if (cache.peek(branch) !== parent || !pgnos.every(isThere) || (after !== 0 && cache.peek(after) < 0)) continue;
      this.#apply(tree, parent, slot, frames, run.from, run.to);
      return OK;
    }
  }

  /** The leaves of the window; undefined when one is not resident, with the request left. */
  #window(parent: number, slot: number): number[] | undefined {
    const { cache } = this.#parts.core;
    const view = cache.views[parent]!;
    const end = Math.min(slotCount(view), slot + WINDOW_PAGES);
    const frames: number[] = [];
    for (let i = slot; i < end; i++) {
      const pgno = childAt(view, i);
      const frame = cache.frameOf(pgno);
      if (frame < 0) {
        this.#parts.core.wantPage(pgno);
        return undefined;
      }
      frames.push(frame);
    }
    return frames;
  }

  /** The shortest stretch that fits one page less, the leftmost of these; its new pages are built. */
  #choose(tree: Tree, parent: number, slot: number, frames: readonly number[], capacity: number): Run | undefined {
    const usable = usableBytes(this.#parts.core.pageBytes);
    const used = frames.map((frame) => usable - this.#images.views[frame]!.getUint16(PAGE_FREE_AT, true));
    for (let length = 2; length <= frames.length; length++) {
      for (let from = 0; from + length <= frames.length; from++) {
        const stretch = used.slice(from, from + length);
        if (stretch.some((bytes) => bytes > capacity)) continue;
        if (stretch.reduce((sum, bytes) => sum + bytes, 0) > capacity * (length - 1)) continue;
        const run = { from, to: from + length - 1 };
        if (this.#build(tree, frames, run.from, run.to, capacity) && this.#fitsParent(parent, slot, run.from, run.to))
          return run;
      }
    }
    return undefined;
  }

  /** Packs the rows of leaves from … to into one page less; false when they do not fit, or fit even fewer. */
  #build(tree: Tree, frames: readonly number[], from: number, to: number, capacity: number): boolean {
    const images = this.#images;
    this.#built = 0;
    this.#separators.length = 0;
    let pieces: Piece[] = [];
    let count = 0;
    let full = 0;
    let shared = 0;
    let previousBytes = 0;
    for (let i = from; i <= to; i++) {
      const frame = frames[i]!;
      const bytes = images.bytes[frame]!;
      const view = images.views[frame]!;
      let start = 0;
      for (let slot = 0; slot < slotCount(view); slot++) {
        const keyBytes = copyKey(bytes, view, slot, this.#key);
        const node = nodeBytes(view.getUint16(nodeAt(view, slot) + NODE_CAPACITY_AT, true), keyBytes);
        let prefix = count === 0 ? keyBytes : Math.min(shared, commonBytes(this.#first, shared, this.#key, keyBytes));
        if (count > 0 && full + node - (count + 1) * prefix + prefix > capacity) {
          if (slot > start) pieces.push({ frame, from: start, to: slot });
          if (!this.#close(tree, frames, from, to, pieces, shared)) return false;
          this.#separate(previousBytes, keyBytes);
          pieces = [];
          start = slot;
          count = 0;
          full = 0;
          prefix = keyBytes;
        }
        if (count === 0) this.#first.set(this.#key.subarray(0, keyBytes));
        shared = prefix;
        count++;
        full += node;
        this.#last.set(this.#key.subarray(0, keyBytes));
        previousBytes = keyBytes;
      }
      if (slotCount(view) > start) pieces.push({ frame, from: start, to: slotCount(view) });
    }
    if (!this.#close(tree, frames, from, to, pieces, shared)) return false;
    return this.#built === to - from;
  }

  /** Makes the next new page out of its pieces; false when the run has no page left for it. */
  #close(
    tree: Tree,
    frames: readonly number[],
    from: number,
    to: number,
    pieces: readonly Piece[],
    shared: number,
  ): boolean {
    const images = this.#images;
    if (this.#built === to - from) return false;
    const page = this.#pages[this.#built]!;
    const view = this.#views[this.#built]!;
    initPage(page, view, images.pgnoOf(frames[from + this.#built]!), tree.id, 0, this.#first, shared);
    for (const piece of pieces) {
      appendNodes(page, view, images.bytes[piece.frame]!, images.views[piece.frame]!, piece.from, piece.to);
    }
    this.#built++;
    return true;
  }

  /** The shortest key between the last row of a page and the first of the next one. */
  #separate(previousBytes: number, keyBytes: number): void {
    const bytes = Math.min(keyBytes, commonBytes(this.#last, previousBytes, this.#key, keyBytes) + 1);
    this.#separators.push(this.#key.slice(0, bytes));
  }

  /** Does the parent have room for the new separators, once the old ones are gone? */
  #fitsParent(parent: number, slot: number, from: number, to: number): boolean {
    const bytes = this.#images.bytes[parent]!;
    const view = this.#images.views[parent]!;
    let free = view.getUint16(PAGE_FREE_AT, true);
    for (let i = from + 1; i <= to; i++) {
      const keyBytes = copyKey(bytes, view, slot + i, this.#last);
      free += nodeBytes(CHILD_BYTES, storedKeyBytes(bytes, view, this.#last, keyBytes));
    }
    for (const separator of this.#separators) {
      free -= nodeBytes(CHILD_BYTES, storedKeyBytes(bytes, view, separator, separator.length));
    }
    return free >= 0;
  }

  #apply(tree: Tree, parent: number, slot: number, frames: readonly number[], from: number, to: number): void {
    const { cache, group, allocator } = this.#parts.core;
    const run = frames.slice(from, to + 1);
    const pgnos = run.map((frame) => cache.pgnoOf(frame));
    const newest = Math.max(...run.map((frame) => readU64(cache.views[frame]!, PAGE_NEWEST_AT)));
    const before = cache.views[run[0]!]!.getUint32(PAGE_PREV_AT, true);
    const after = cache.views[run[run.length - 1]!]!.getUint32(PAGE_NEXT_AT, true);
    const kept = pgnos.slice(0, -1);
    group.begin();
    for (const [i, pgno] of kept.entries()) {
      const view = this.#views[i]!;
      writeU64(view, PAGE_NEWEST_AT, newest);
      view.setUint32(PAGE_PREV_AT, i === 0 ? before : kept[i - 1]!, true);
      view.setUint32(PAGE_NEXT_AT, kept[i + 1] ?? after, true);
      const frame = cache.peek(pgno);
      cache.bytes[frame]!.set(this.#pages[i]!);
      group.newPage(frame);
    }
    if (after !== 0) group.linkPrevious(cache.peek(after), kept[kept.length - 1]!);
    const removed: number[] = [];
    for (let i = to; i > from; i--) removed.push(slot + i);
    group.reclaim(parent, removed, []);
    for (const [i, separator] of this.#separators.entries()) {
      CHILD_VIEW.setUint32(0, kept[i + 1]!, true);
      group.insertNode(parent, slot + from + 1 + i, separator, separator.length, CHILD, 0, CHILD_BYTES);
    }
    const victim = pgnos[pgnos.length - 1];
    assert(victim !== undefined, 'a run has pages');
    allocator.give(tree, victim);
    group.end();
    tree.pages--;
    tree.leaves--;
    this.rewritten += kept.length;
    this.freed++;
  }
}

/** How a window slides over a tree. */
export interface Slide {
  /** Where it begins; empty = at the first leaf. */
  readonly from: Uint8Array;
  /** Asked before every step: true ends it there. */
  readonly isOver: () => boolean;
  /** Told after every step: the key where the next one begins, and whether the window has moved on by a leaf. */
  readonly stepped: (key: Uint8Array, visited: boolean) => void;
}

/** Slides the window over a tree to its end. @returns false when it was ended before. */
export function* slideWindow(
  parts: StoreParts,
  compactor: WindowCompactor,
  tree: Tree,
  fillPercent: number,
  { from, isOver, stepped }: Slide,
): Task<boolean> {
  const { core } = parts;
  let key = from;
  for (let freed = compactor.freed; ; ) {
    if (isOver()) return false;
    const status = compactor.step(tree, key, fillPercent);
    if (status === NEED) {
      yield core.need;
      continue;
    }
    if (status === OK) stepped(key, false);
    else if (status === NONE) {
      const { next } = compactor;
      if (freed < compactor.freed) yield* joinBranches(parts, tree, key);
      freed = compactor.freed;
      stepped(next ?? key, true);
      if (next === undefined) return true;
      key = next;
    }
    yield sliceRequest(core);
  }
}

/** Branches that lost children are joined before the cursor leaves them. */
function* joinBranches({ core, purge }: StoreParts, tree: Tree, key: Uint8Array): Task<void> {
  for (;;) {
    const status = purge.mergeBranches(tree, key);
    if (status === NEED) yield core.need;
    else if (status === OK) yield sliceRequest(core);
    else return;
  }
}
