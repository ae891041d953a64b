/**
 * Compaction of a tree on copies of its pages: what `WindowCompactor` would do, step by step, and nothing is changed.
 *
 *   live page ──first look──> copy ──the same choice, the same page functions──> the copy as that step would leave it
 *
 * Few copies are kept: the branches on the way to the cursor and beside it, and the leaves of its window. A page that is not
 * the tree's any more when its turn comes counts as an empty leaf, and the plan is marked: somebody changed the tree meanwhile.
 */
import { assert } from '../base/assert.ts';
import { NEED, NONE, OK } from '../storage/contracts.ts';
import { reclaimNodes } from '../storage/group.ts';
import {
  CHILD_BYTES,
  NODE_RECORD_AT,
  PAGE_KIND_AT,
  PAGE_KIND_TREE,
  PAGE_LEVEL_AT,
  PAGE_TREE_AT,
  usableBytes,
} from '../storage/layout.ts';
import { JOINED_PERCENT_MAX } from '../storage/merge.ts';
import {
  bytesUnderPrefix,
  childAt,
  copyKey,
  initPage,
  insertNode,
  nodeAt,
  searchBranch,
  slotCount,
} from '../storage/page.ts';
import { appendNodes, initFromPart, partPrefix } from '../storage/page-build.ts';
import { PAGE_GOOD } from '../storage/page-cache.ts';
import { NOTHING_TO_RECLAIM } from '../storage/purge.ts';
import type { StoreParts } from '../storage/store.ts';
import type { Tree } from '../storage/tree.ts';
import { WINDOW_PAGES, WindowCompactor } from './compact-window.ts';
import type { PageImages } from './pack-window.ts';
import type { PlannedSpace } from './plan-space.ts';

const BRANCHES_KEPT = 64;
const LEAVES_KEPT = 4 * WINDOW_PAGES;
const NO_KEY = new Uint8Array(0);

interface PageCopy {
  readonly pgno: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

/** Two neighbours that are joined, or a root that takes the content of its only child. */
interface Pair {
  readonly parent: PageCopy;
  readonly right: PageCopy;
  /** Undefined: the root takes the content. */
  readonly left: PageCopy | undefined;
  readonly slot: number;
}

export class PlannedTree {
  readonly #parts: StoreParts;
  readonly #tree: Tree;
  readonly #space: PlannedSpace;
  readonly #compactor: WindowCompactor;
  readonly #branches = new Map<number, PageCopy>();
  readonly #leaves = new Map<number, PageCopy>();
  readonly #root: number;
  /** The way down to the cursor's leaf, that included, and the slots taken. */
  readonly #path: PageCopy[] = [];
  readonly #slots: number[] = [];
  #asked = 0;
  readonly #key = new Uint8Array(8192);
  /** After a step that did nothing: the first key of the next leaf, undefined at the end of the tree. */
  next: Uint8Array | undefined;
  freed = 0;
  rewritten = 0;
  /** Somebody changed the tree while it was looked at. */
  isStale = false;

  constructor(parts: StoreParts, tree: Tree, space: PlannedSpace) {
    this.#parts = parts;
    this.#tree = tree;
    this.#space = space;
    this.#compactor = new WindowCompactor(parts);
    this.#root = tree.root;
  }

  /** As `WindowCompactor.step`: OK (a page would go: try again there), NONE, NEED. */
  step(from: Uint8Array): number {
    if (!this.#descend(from)) return NEED;
    this.next = this.#separatorAfter();
    const depth = this.#path.length - 1;
    const parent = this.#path[depth - 1];
    if (parent === undefined) return NONE;
    const slot = this.#slots[depth - 1] ?? 0;
    const window = this.#window(parent, slot);
    if (window === undefined) return NEED;
    const pages = [parent, ...window];
    const images: PageImages = {
      bytes: pages.map((page) => page.bytes),
      views: pages.map((page) => page.view),
      pgnoOf: (i) => pages[i]?.pgno ?? 0,
    };
    const numbers = window.map((_, i) => i + 1);
    // The copies have lost already what may go.
    const cuts = window.map(() => NOTHING_TO_RECLAIM);
    const run = this.#compactor.choose(images, this.#tree, 0, slot, numbers, this.#tree.fillPercent, cuts);
    if (run === undefined) return NONE;
    this.#apply(parent, slot, window, run.from, run.to);
    return OK;
  }

  /** Joins the branches above a key, as the cursor does before it leaves them: OK when there are no more, NEED. */
  joinBranches(key: Uint8Array): number {
    for (;;) {
      if (!this.#descend(key)) return NEED;
      const pair = this.#pair();
      if (pair === NEED) return NEED;
      if (typeof pair === 'number') return OK;
      if (pair.left === undefined) this.#collapse(pair.parent, pair.right);
      else this.#join(pair.parent, pair.left, pair.right, pair.slot);
    }
  }

  /** The page of the leaf that covers a key; 0 = NEED. */
  leafAt(key: Uint8Array): number {
    return this.#descend(key) ? (this.#path[this.#path.length - 1]?.pgno ?? 0) : 0;
  }

  /** Levels above the leaf that was asked for last. */
  get depth(): number {
    return this.#path.length - 1;
  }

  // ── reading ──

  #descend(key: Uint8Array): boolean {
    this.#path.length = 0;
    this.#slots.length = 0;
    for (let pgno = this.#root; ; ) {
      const page = this.#copy(pgno);
      if (page === undefined) return false;
      this.#path.push(page);
      if (page.view.getUint8(PAGE_LEVEL_AT) === 0) return true;
      const slot = searchBranch(page.bytes, page.view, key, key.length);
      this.#slots.push(slot);
      pgno = childAt(page.view, slot);
    }
  }

  #separatorAfter(): Uint8Array | undefined {
    for (let depth = this.#path.length - 2; depth >= 0; depth--) {
      const page = this.#path[depth];
      const slot = (this.#slots[depth] ?? 0) + 1;
      if (page === undefined || slot >= slotCount(page.view)) continue;
      return this.#key.slice(0, copyKey(page.bytes, page.view, slot, this.#key));
    }
    return undefined;
  }

  #window(parent: PageCopy, slot: number): PageCopy[] | undefined {
    const end = Math.min(slotCount(parent.view), slot + WINDOW_PAGES);
    const pages: PageCopy[] = [];
    for (let i = slot; i < end; i++) {
      const page = this.#copy(childAt(parent.view, i));
      if (page === undefined) return undefined;
      pages.push(page);
    }
    return pages;
  }

  /** The copy of a page; undefined when the page must be read first: the request is left in the core. */
  #copy(pgno: number): PageCopy | undefined {
    const known = this.#branches.get(pgno) ?? this.#leaves.get(pgno);
    if (known !== undefined) return this.#keep(known);
    const { core } = this.#parts;
    const { cache } = core;
    if (cache.peek(pgno) < 0) {
      // Asked for once and not there: it was freed, and its place in the file may be gone.
      if (this.#asked === pgno && cache.loadAny(pgno) !== PAGE_GOOD) return this.#keep(this.#gone(pgno));
      this.#asked = pgno;
      if (cache.peek(pgno) < 0) {
        core.want(cache.pageRequest(pgno, 0));
        return undefined;
      }
    }
    const frame = cache.peek(pgno);
    const live = cache.views[frame];
    const bytes = cache.bytes[frame];
    assert(live !== undefined && bytes !== undefined, 'the page is resident');
    if (live.getUint32(PAGE_TREE_AT, true) !== this.#tree.id || live.getUint8(PAGE_KIND_AT) !== PAGE_KIND_TREE) {
      return this.#keep(this.#gone(pgno));
    }
    const copy = copyOf(pgno, bytes);
    if (live.getUint8(PAGE_LEVEL_AT) === 0) {
      const { removed, trimmed } = this.#parts.purge.reclaimable(this.#tree, frame);
      reclaimNodes(copy.bytes, copy.view, removed, trimmed);
    }
    return this.#keep(copy);
  }

  #gone(pgno: number): PageCopy {
    this.isStale = true;
    const page = copyOf(pgno, new Uint8Array(this.#parts.core.pageBytes));
    initPage(page.bytes, page.view, pgno, this.#tree.id, 0, NO_KEY, 0);
    return page;
  }

  /** The copies used last are kept. */
  #keep(page: PageCopy): PageCopy {
    const isLeaf = page.view.getUint8(PAGE_LEVEL_AT) === 0;
    const kept = isLeaf ? this.#leaves : this.#branches;
    kept.delete(page.pgno);
    kept.set(page.pgno, page);
    if (kept.size > (isLeaf ? LEAVES_KEPT : BRANCHES_KEPT)) {
      for (const oldest of kept.keys()) {
        kept.delete(oldest);
        break;
      }
    }
    return page;
  }

  #forget(page: PageCopy): void {
    this.#branches.delete(page.pgno);
    this.#leaves.delete(page.pgno);
  }

  // ── what a step would do ──

  #apply(parent: PageCopy, slot: number, window: readonly PageCopy[], from: number, to: number): void {
    const { builtPages, separators } = this.#compactor;
    for (const [i, bytes] of builtPages.entries()) window[from + i]?.bytes.set(bytes);
    const removed: number[] = [];
    for (let i = to; i > from; i--) removed.push(slot + i);
    reclaimNodes(parent.bytes, parent.view, removed, []);
    const child = new Uint8Array(CHILD_BYTES);
    for (const [i, key] of separators.entries()) {
      new DataView(child.buffer).setUint32(0, window[from + 1 + i]?.pgno ?? 0, true);
      const at = slot + from + 1 + i;
      insertNode(parent.bytes, parent.view, at, 0, key, key.length, child, 0, CHILD_BYTES, CHILD_BYTES);
    }
    const victim = window[to];
    assert(victim !== undefined, 'a run has pages');
    this.#give(victim);
    this.rewritten += to - from;
    this.freed++;
  }

  #give(page: PageCopy): void {
    this.#forget(page);
    this.#space.refill(page.pgno);
    this.#space.give(page.pgno, page.pgno);
  }

  /** As `Merge.tryBranches` looks for one, from the lowest branch up. */
  #pair(): Pair | number {
    for (let depth = this.#path.length - 2; depth >= 0; depth--) {
      const pair = depth === 0 ? this.#onlyChild() : this.#choose(depth);
      if (pair !== NONE) return pair;
    }
    return NONE;
  }

  #onlyChild(): Pair | number {
    const [parent, right] = this.#path;
    if (parent === undefined || right === undefined || slotCount(parent.view) > 1) return NONE;
    return { parent, right, left: undefined, slot: 0 };
  }

  #choose(depth: number): Pair | number {
    const parent = this.#path[depth - 1];
    const page = this.#path[depth];
    if (parent === undefined || page === undefined) return NONE;
    const count = slotCount(parent.view);
    if (count === 1) return depth > 1 ? this.#choose(depth - 1) : { parent, right: page, left: undefined, slot: 0 };
    const slot = this.#slots[depth - 1] ?? 0;
    for (const at of [slot - 1, slot]) {
      if (at < 0 || at + 1 >= count) continue;
      const left = this.#copy(childAt(parent.view, at));
      const right = left === undefined ? undefined : this.#copy(childAt(parent.view, at + 1));
      if (left === undefined || right === undefined) return NEED;
      if (branchesFit(left, right)) return { parent, left, right, slot: at };
    }
    return NONE;
  }

  #join(parent: PageCopy, left: PageCopy, right: PageCopy, slot: number): void {
    const joined = copyOf(left.pgno, new Uint8Array(left.bytes.length));
    const level = left.view.getUint8(PAGE_LEVEL_AT);
    initPage(joined.bytes, joined.view, left.pgno, this.#tree.id, level, NO_KEY, 0);
    appendNodes(joined.bytes, joined.view, left.bytes, left.view, 0, slotCount(left.view));
    // A branch's first separator says nothing: its first child takes the one that the parent had for it.
    const keyBytes = copyKey(parent.bytes, parent.view, slot + 1, this.#key);
    const child = nodeAt(right.view, 0) + NODE_RECORD_AT;
    const at = slotCount(joined.view);
    insertNode(joined.bytes, joined.view, at, 0, this.#key, keyBytes, right.bytes, child, CHILD_BYTES, CHILD_BYTES);
    appendNodes(joined.bytes, joined.view, right.bytes, right.view, 1, slotCount(right.view));
    left.bytes.set(joined.bytes);
    reclaimNodes(parent.bytes, parent.view, [slot + 1], []);
    this.#give(right);
  }

  #collapse(root: PageCopy, child: PageCopy): void {
    const count = slotCount(child.view);
    this.#forget(root);
    const prefix = partPrefix(child.bytes, child.view, 0, count);
    initFromPart(root.bytes, root.view, root.pgno, child.bytes, child.view, 0, count, prefix);
    this.#give(child);
    this.#keep(root);
  }
}

function copyOf(pgno: number, source: Uint8Array): PageCopy {
  const bytes = source.slice();
  return { pgno, bytes, view: new DataView(bytes.buffer) };
}

/** As `Merge` judges two branches; they have no prefix. */
function branchesFit(left: PageCopy, right: PageCopy): boolean {
  if (left.view.getUint8(PAGE_LEVEL_AT) === 0 || slotCount(right.view) === 0) return false;
  let bytes = 0;
  for (const { view } of [left, right])
    for (let slot = 0; slot < slotCount(view); slot++) bytes += bytesUnderPrefix(view, slot, 0);
  return bytes * 100 <= usableBytes(left.bytes.length) * JOINED_PERCENT_MAX;
}
