/**
 * How a tree lies in the file and how full its pages are, level by level, in three efforts:
 *
 *   limited    pages above the leaves only: their child numbers, in key order, are the leaves' page numbers
 *   sampled    the same, and every hundredth leaf; a tree of less than 10,000 leaves is read as in `detailed`
 *   detailed   every page, one result per level
 *
 * Which pages were looked at is counted by level. A tree of one page has its leaf for a root, and that page says so.
 */
import type { Task } from '../base/task.ts';
import type { Core } from '../storage/core.ts';
import {
  NODE_DELETED,
  NODE_HEADER_BYTES,
  NODE_KEY_AT,
  NODE_KEY_BYTES_MASK,
  NODE_RECORD_BYTES_AT,
  PAGE_FLAGGED_AT,
  PAGE_FREE_AT,
  PAGE_LEVEL_AT,
  PAGE_TREE_AT,
  usableBytes,
} from '../storage/layout.ts';
import { childAt, copyKey, nodeAt, slotCount } from '../storage/page.ts';
import { PAGE_GOOD } from '../storage/page-cache.ts';
import type { RowVersions } from '../storage/row-versions.ts';
import type { Tree } from '../storage/tree.ts';
import { LevelCursor, rootLevel } from './level-cursor.ts';
import { Pace } from './pace.ts';
import { PageOrder } from './page-order.ts';

export type StatsMode = 'limited' | 'sampled' | 'detailed';

/** Below so many leaves a sample is no less work than the whole. */
export const SAMPLED_PAGES_MIN = 10_000;
const SAMPLE_STEP = 100;
const SAMPLES_PER_SLICE = 16;

/** What stands on pages. Bytes of a record are those of its node: header, record and what is stored of the key. */
export interface PageContent {
  readonly pages: number;
  readonly emptyPages: number;
  /** Of the usable bytes of all these pages. */
  readonly freeBytes: number;
  /** Deleted nodes included, as in the sizes. */
  readonly records: number;
  readonly recordBytes: number;
  /** Deleted nodes that may go now, and those that a snapshot can still see. */
  readonly ghosts: number;
  readonly pinnedGhosts: number;
  readonly ghostBytes: number;
  /** Undefined when there is no record. */
  readonly recordBytesMin: number | undefined;
  readonly recordBytesMax: number | undefined;
}

export interface LevelStats {
  /** 0 = leaf. */
  readonly level: number;
  readonly pages: number;
  readonly outOfOrder: number;
  readonly fragments: number;
  /** Pages whose right neighbour lies before them. */
  readonly backward: number;
  /** Undefined where the mode looks at no page of the level. Of a sample, counts are of the pages seen. */
  readonly content: PageContent | undefined;
}

export interface TreeStats {
  /** Levels of the tree. */
  readonly depth: number;
  /** Pages of all levels. */
  readonly pages: number;
  /** From the leaves up; only the leaves in the modes `limited` and `sampled`. */
  readonly levels: readonly LevelStats[];
  /** Pages looked at, by level. */
  readonly looked: readonly number[];
  /** The leaves in key order. */
  readonly leaves: PageOrder;
}

/** What stats are taken of. */
export interface StatsSource {
  readonly core: Core;
  readonly versions: RowVersions;
}

/** Takes the stats of a tree. Others may change it meanwhile; it is not given back to the file before the end. */
export function* physicalStats(source: StatsSource, tree: Tree, mode: StatsMode): Task<TreeStats> {
  tree.users++;
  try {
    const { core } = source;
    const top = Math.max(0, yield* rootLevel(core, tree));
    const looked = new Array<number>(top + 1).fill(0);
    if (mode === 'detailed') return yield* detailed(source, tree, top, looked);
    const { leaves, above } = yield* leafOrder(core, tree, top, looked);
    if (mode === 'sampled') {
      if (leaves.count < SAMPLED_PAGES_MIN) return yield* detailed(source, tree, top, looked);
      const content = yield* sample(source, tree, leaves, SAMPLE_STEP, looked);
      const level = yield* levelStats(core, 0, leaves, content);
      return { depth: top + 1, pages: leaves.count + above, levels: [level], looked, leaves };
    }
    const level = yield* levelStats(core, 0, leaves, undefined);
    return { depth: top + 1, pages: leaves.count + above, levels: [level], looked, leaves };
  } finally {
    tree.users--;
  }
}

/** As `limited`, with the fill of some leaves: at most so many, all when there are fewer. */
export function* sampledFill(
  source: StatsSource,
  tree: Tree,
  leavesMax: number,
): Task<{ readonly stats: TreeStats; readonly content: PageContent }> {
  const stats = yield* physicalStats(source, tree, 'limited');
  tree.users++;
  try {
    const step = Math.max(1, Math.ceil(stats.leaves.count / leavesMax));
    const content = yield* sample(source, tree, stats.leaves, step, [...stats.looked]);
    return { stats, content };
  } finally {
    tree.users--;
  }
}

/** Mean share of the usable bytes that is in use, 0 … 1. */
export function usedShare(content: PageContent, pageBytes: number): number {
  return content.pages === 0 ? 0 : 1 - content.freeBytes / (content.pages * usableBytes(pageBytes));
}

function* levelStats(core: Core, level: number, order: PageOrder, content: PageContent | undefined): Task<LevelStats> {
  const outOfOrder = yield* order.outOfOrder(core);
  const { count, fragments, backward } = order;
  return { level, pages: count, outOfOrder, fragments, backward, content };
}

/** The leaves as the level above lists them, and the number of pages above the leaves. */
function* leafOrder(
  core: Core,
  tree: Tree,
  top: number,
  looked: number[],
): Task<{ readonly leaves: PageOrder; readonly above: number }> {
  const leaves = new PageOrder();
  if (top === 0) {
    looked[0] = 1;
    if (tree.root !== 0) leaves.add(tree.root);
    return { leaves, above: 0 };
  }
  let above = 0;
  for (let level = top; level > 0; level--) {
    const cursor = new LevelCursor(core, tree, level);
    for (let frame = yield* cursor.next(); frame >= 0; frame = yield* cursor.next()) {
      above++;
      looked[level]!++;
      if (level > 1) continue;
      const view = core.cache.views[frame]!;
      for (let slot = 0; slot < slotCount(view); slot++) leaves.add(childAt(view, slot));
    }
  }
  return { leaves, above };
}

function* detailed(source: StatsSource, tree: Tree, top: number, looked: number[]): Task<TreeStats> {
  const { core } = source;
  const levels: LevelStats[] = [];
  let pages = 0;
  let leaves = new PageOrder();
  for (let level = 0; level <= top; level++) {
    const order = new PageOrder();
    const content = new Content(source, tree);
    const cursor = new LevelCursor(core, tree, level);
    for (let frame = yield* cursor.next(); frame >= 0; frame = yield* cursor.next()) {
      looked[level]!++;
      order.add(cursor.pgno);
      content.add(frame);
    }
    if (level === 0) leaves = order;
    pages += order.count;
    levels.push(yield* levelStats(core, level, order, content));
  }
  return { depth: top + 1, pages, levels, looked, leaves };
}

/** Looks at one leaf in `step`. One that is no leaf of the tree any more is left out. */
function* sample(
  source: StatsSource,
  tree: Tree,
  leaves: PageOrder,
  step: number,
  looked: number[],
): Task<PageContent> {
  const { core } = source;
  const content = new Content(source, tree);
  const pace = new Pace(core, SAMPLES_PER_SLICE);
  for (let i = 0; i < leaves.count; i += step) {
    if (pace.isOver()) yield pace.slice();
    while (!core.cache.ensureFree(1)) yield core.cache.cleaning();
    const pgno = leaves.at(i);
    // The list is older than this moment: the page may have become anything, also a hole.
    if (core.cache.loadAny(pgno) !== PAGE_GOOD) continue;
    const frame = core.cache.peek(pgno);
    const view = core.cache.views[frame]!;
    if (view.getUint32(PAGE_TREE_AT, true) !== tree.id || view.getUint8(PAGE_LEVEL_AT) !== 0) continue;
    looked[0]!++;
    content.add(frame);
  }
  return content;
}

/** Adds up what stands on pages. */
class Content implements PageContent {
  pages = 0;
  emptyPages = 0;
  freeBytes = 0;
  records = 0;
  recordBytes = 0;
  ghosts = 0;
  pinnedGhosts = 0;
  ghostBytes = 0;
  recordBytesMin: number | undefined;
  recordBytesMax: number | undefined;
  readonly #source: StatsSource;
  readonly #tree: Tree;
  readonly #key = new Uint8Array(8192);

  constructor(source: StatsSource, tree: Tree) {
    this.#source = source;
    this.#tree = tree;
  }

  add(frame: number): void {
    const { cache } = this.#source.core;
    const view = cache.views[frame]!;
    const count = slotCount(view);
    this.pages++;
    if (count === 0) this.emptyPages++;
    this.freeBytes += view.getUint16(PAGE_FREE_AT, true);
    this.records += count;
    let sum = 0;
    let least = this.recordBytesMin ?? Number.POSITIVE_INFINITY;
    let most = this.recordBytesMax ?? 0;
    for (let slot = 0; slot < count; slot++) {
      const at = nodeAt(view, slot);
      const stored = view.getUint16(at + NODE_KEY_AT, true) & NODE_KEY_BYTES_MASK;
      const bytes = NODE_HEADER_BYTES + view.getUint16(at + NODE_RECORD_BYTES_AT, true) + stored;
      sum += bytes;
      if (bytes < least) least = bytes;
      if (bytes > most) most = bytes;
    }
    this.recordBytes += sum;
    if (count > 0) {
      this.recordBytesMin = least;
      this.recordBytesMax = most;
    }
    if (view.getUint16(PAGE_FLAGGED_AT, true) > 0) this.#addGhosts(cache.bytes[frame]!, view, count);
  }

  #addGhosts(bytes: Uint8Array, view: DataView, count: number): void {
    for (let slot = 0; slot < count; slot++) {
      const at = nodeAt(view, slot);
      const keyField = view.getUint16(at + NODE_KEY_AT, true);
      if ((keyField & NODE_DELETED) === 0) continue;
      const keyBytes = copyKey(bytes, view, slot, this.#key);
      if (this.#source.versions.isPurgeable(this.#tree.id, view, slot, this.#key, keyBytes)) this.ghosts++;
      else this.pinnedGhosts++;
      this.ghostBytes +=
        NODE_HEADER_BYTES + view.getUint16(at + NODE_RECORD_BYTES_AT, true) + (keyField & NODE_KEY_BYTES_MASK);
    }
  }
}
