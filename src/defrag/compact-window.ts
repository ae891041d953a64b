/**
 * Compaction, one step: rows of up to eight neighbouring leaves move left until one leaf is empty.
 *
 *   window   eight leaves in the order of keys, under one parent, from the leaf that covers the cursor's key
 *   run      the shortest stretch of the window whose rows fit one page less, filled up to the fill factor; a leaf that is
 *            fuller than that is left alone and ends a stretch. Nothing is moved that does not free a page
 *   step     one group: the leaves of the run but the last get their new content, the last is given back, the parent gets
 *            the new separators
 *
 * Flagged nodes that nobody can see any more, and slack that nobody needs, stay behind; the others travel along. Where the space
 * trees need room first, that is a step of its own: no step writes more than one group. It is the step of
 * `spec/index-maintenance.md` §4.1; where it begins is a key, so it can stop anywhere and go on later.
 */
import { assert } from '../base/assert.ts';
import type { Task } from '../base/task.ts';
import { NEED, NONE, OK } from '../storage/contracts.ts';
import {
  CHILD_BYTES,
  PAGE_FREE_AT,
  PAGE_NEWEST_AT,
  PAGE_NEXT_AT,
  PAGE_PREV_AT,
  readU64,
  usableBytes,
  writeU64,
} from '../storage/layout.ts';
import { childAt, compareBytes, copyKey, slotCount } from '../storage/page.ts';
import type { Reclaimable } from '../storage/purge.ts';
import type { StoreParts } from '../storage/store.ts';
import { sliceRequest } from '../storage/transactions.ts';
import type { Tree } from '../storage/tree.ts';
import { type PageImages, type Run, WindowPacker } from './pack-window.ts';

/** Leaves that are looked at together. */
export const WINDOW_PAGES = 8;
/** A step wrote its group, but nothing was freed yet. */
const MADE_READY = 3;
/** Longer than any key, and greater. */
const BEHIND_ALL = new Uint8Array(8192).fill(0xff);
const CHILD = new Uint8Array(CHILD_BYTES);
const CHILD_VIEW = new DataView(CHILD.buffer);

export class WindowCompactor {
  readonly #parts: StoreParts;
  readonly #packer: WindowPacker;
  /** After a step: the first key of the next leaf, undefined at the end of the tree. */
  next: Uint8Array | undefined;
  /** Pages whose content was rewritten, and pages freed. */
  rewritten = 0;
  freed = 0;

  constructor(parts: StoreParts) {
    this.#parts = parts;
    this.#packer = new WindowPacker(parts.core.pageBytes, WINDOW_PAGES);
  }

  /** The new contents of the leaves that the stretch chosen last keeps. Its header's neighbours are not set. */
  get builtPages(): readonly Uint8Array[] {
    return this.#packer.bytes.slice(0, this.#packer.pages);
  }

  /** The keys that separate these. */
  get separators(): readonly Uint8Array[] {
    return this.#packer.separators;
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
      const cuts = frames.map((frame) => purge.reclaimable(tree, frame));
      const run = this.choose(cache, tree, parent, slot, frames, fillPercent, cuts);
      if (run === undefined) {
        // What stays where it is gets rid of what may go; the leaves behind it have their turn.
        purge.reclaimLeaf(tree, frames[0]!);
        return NONE;
      }
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

  /**
   * Which stretch of a window gives a page up: the shortest that fits one page less, the leftmost of these. That is a choice and
   * changes nothing; plans make it on copies of pages.
   *
   * @param cuts - what may go from each leaf, as `frames`.
   * @returns the stretch, with its new content in `builtPages` and `separators`.
   */
  choose(
    images: PageImages,
    tree: Tree,
    parent: number,
    slot: number,
    frames: readonly number[],
    fillPercent: number,
    cuts: readonly Reclaimable[],
  ): Run | undefined {
    const usable = usableBytes(this.#parts.core.pageBytes);
    const capacity = Math.floor((usable * fillPercent) / 100);
    const used = frames.map((frame, i) => usable - images.views[frame]!.getUint16(PAGE_FREE_AT, true) - cuts[i]!.gain);
    const [branch, view] = [images.bytes[parent]!, images.views[parent]!];
    for (let length = 2; length <= frames.length; length++) {
      for (let from = 0; from + length <= frames.length; from++) {
        if (!mayFit(used, from, length, capacity)) continue;
        const run = { from, to: from + length - 1 };
        if (!this.#packer.divide(images, frames, cuts, run, capacity)) continue;
        const growth = this.#packer.branchGrowth(branch, view, slot + from + 1, slot + run.to);
        if (growth > view.getUint16(PAGE_FREE_AT, true)) continue;
        this.#packer.build(images, frames, run, tree.id);
        return run;
      }
    }
    return undefined;
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
      const view = this.#packer.views[i]!;
      writeU64(view, PAGE_NEWEST_AT, newest);
      view.setUint32(PAGE_PREV_AT, i === 0 ? before : kept[i - 1]!, true);
      view.setUint32(PAGE_NEXT_AT, kept[i + 1] ?? after, true);
      const frame = cache.peek(pgno);
      cache.bytes[frame]!.set(this.#packer.bytes[i]!);
      group.newPage(frame);
    }
    if (after !== 0) group.linkPrevious(cache.peek(after), kept[kept.length - 1]!);
    const removed: number[] = [];
    for (let i = to; i > from; i--) removed.push(slot + i);
    group.reclaim(parent, removed, []);
    for (const [i, separator] of this.#packer.separators.entries()) {
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

/** So many pages are freed in one place before it matters whether others add pages meanwhile. */
const PATIENCE_PAGES = 2 * WINDOW_PAGES;

/**
 * Slides the window over a tree to what is its last row now. Where others add pages almost as fast as they are freed it moves on,
 * and it does not go after those that they append: else it would work as long as they do.
 *
 * @returns false when it was ended before.
 */
export function* slideWindow(
  parts: StoreParts,
  compactor: WindowCompactor,
  tree: Tree,
  fillPercent: number,
  { from, isOver, stepped }: Slide,
): Task<boolean> {
  const { core } = parts;
  const last = yield* lastKey(parts, tree, isOver);
  let key = from;
  for (let [freed, leaves] = [compactor.freed, tree.leaves]; ; ) {
    if (isOver()) return false;
    const status = compactor.step(tree, key, fillPercent);
    const here = compactor.freed - freed;
    const isInVain = here >= PATIENCE_PAGES && tree.leaves > leaves - here / 2;
    if (status === NEED) {
      yield core.need;
      continue;
    }
    if (status === OK && !isInVain) stepped(key, false);
    else if (status !== MADE_READY) {
      const { next } = compactor;
      if (here > 0) yield* joinBranches(parts, tree, key);
      stepped(next ?? key, true);
      if (next === undefined || isBehind(next, last)) return true;
      key = next;
      [freed, leaves] = [compactor.freed, tree.leaves];
    }
    yield sliceRequest(core);
  }
}

function isBehind(key: Uint8Array, last: Uint8Array | undefined): boolean {
  return last !== undefined && compareBytes(key, 0, key.length, last, 0, last.length) > 0;
}

/** The key of a tree's last row; undefined when its last leaf has none, or when there is no tree any more. */
function* lastKey({ core, btree }: StoreParts, tree: Tree, isOver: () => boolean): Task<Uint8Array | undefined> {
  while (!isOver()) {
    const frame = btree.descend(tree, BEHIND_ALL, BEHIND_ALL.length);
    if (frame < 0) {
      yield core.need;
      continue;
    }
    const view = core.cache.views[frame]!;
    if (slotCount(view) === 0) return undefined;
    const key = new Uint8Array(BEHIND_ALL.length);
    return key.slice(0, copyKey(core.cache.bytes[frame]!, view, slotCount(view) - 1, key));
  }
  return undefined;
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

/** Is so little in a stretch, and in none of its leaves too much, that one page less could do? */
function mayFit(used: readonly number[], from: number, length: number, capacity: number): boolean {
  let sum = 0;
  for (let i = from; i < from + length; i++) {
    if (used[i]! > capacity) return false;
    sum += used[i]!;
  }
  return sum <= capacity * (length - 1);
}
