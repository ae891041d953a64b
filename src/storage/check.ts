/**
 * The structure checker: walks a store and reports what is wrong. It never throws for what it finds on disk.
 *
 * `walkTree` is the primitive: it visits every page of a tree from the root, in key order within a level, and judges
 * separators, levels, links and the inside of each page. `checkStore` walks all trees and proves that every page of the file
 * is owned exactly once (law 6).
 */
import { runNow, type Task } from '../base/task.ts';
import type { Core } from './core.ts';
import { PAGE_LEVEL_AT, PAGE_NEXT_AT, PAGE_PREV_AT, PAGE_TREE_AT, TREE_DROPPED } from './layout.ts';
import { childAt, compareBytes, copyKey, slotCount } from './page.ts';
import { PAGE_GOOD } from './page-cache.ts';
import { pageProblem } from './page-check.ts';
import type { FileStore } from './store.ts';
import { sliceRequest } from './transactions.ts';
import type { Tree } from './tree.ts';

/** Told of every page that is in order enough to be read. The frame is valid until `visit` returns. */
export type PageVisitor = (pgno: number, level: number, bytes: Uint8Array, view: DataView) => void;

interface Expected {
  readonly pgno: number;
  /** −1: the root, whose level is its own affair. */
  readonly level: number;
  /** Keys of the page lie in low … high (high excluded); undefined = unbounded. */
  readonly low: Uint8Array | undefined;
  readonly high: Uint8Array | undefined;
}

const PAGES_PER_SLICE = 64;

/** Walks a tree and adds what is wrong to `problems`. */
export function* walkTree(core: Core, tree: Tree, visit: PageVisitor, problems: string[]): Task<void> {
  const stack: Expected[] = [{ pgno: tree.root, level: -1, low: undefined, high: undefined }];
  /** By level: the page visited last, and the right neighbour that it names. */
  const last = new Map<number, { pgno: number; next: number }>();
  let pages = 0;
  while (stack.length > 0) {
    const expected = stack.pop();
    if (expected === undefined) break;
    if (++pages % PAGES_PER_SLICE === 0) yield sliceRequest(core);
    if (!core.cache.ensureFree(1)) yield core.cache.cleaning();
    const at = `tree ${tree.id} page ${expected.pgno}`;
    if (core.cache.loadAny(expected.pgno) !== PAGE_GOOD) {
      problems.push(`${at}: blank or wrong checksum`);
      continue;
    }
    const frame = core.cache.peek(expected.pgno);
    const bytes = core.cache.bytes[frame]!;
    const view = core.cache.views[frame]!;
    const level = view.getUint8(PAGE_LEVEL_AT);
    const inside = pageProblem(bytes, view);
    if (view.getUint32(PAGE_TREE_AT, true) !== tree.id)
      problems.push(`${at}: belongs to tree ${view.getUint32(PAGE_TREE_AT, true)}`);
    else if (inside !== undefined) problems.push(`${at}: ${inside}`);
    else if (expected.level >= 0 && level !== expected.level)
      problems.push(`${at}: level ${level} under level ${expected.level + 1}`);
    else {
      checkLinks(expected.pgno, level, view, last, problems, at);
      checkRange(bytes, view, level, expected, problems, at);
      visit(expected.pgno, level, bytes, view);
      if (level > 0) pushChildren(bytes, view, level, expected, stack, problems, at);
    }
  }
  for (const [level, end] of last)
    if (end.next !== 0) problems.push(`tree ${tree.id}: last page ${end.pgno} of level ${level} has a right neighbour`);
}

function checkLinks(
  pgno: number,
  level: number,
  view: DataView,
  last: Map<number, { pgno: number; next: number }>,
  problems: string[],
  at: string,
): void {
  const before = last.get(level);
  const previous = view.getUint32(PAGE_PREV_AT, true);
  if (previous !== (before?.pgno ?? 0)) problems.push(`${at}: left neighbour is ${previous}, not ${before?.pgno ?? 0}`);
  if (before !== undefined && before.next !== pgno)
    problems.push(`${at}: is not the right neighbour of page ${before.pgno}`);
  last.set(level, { pgno, next: view.getUint32(PAGE_NEXT_AT, true) });
}

function checkRange(
  bytes: Uint8Array,
  view: DataView,
  level: number,
  expected: Expected,
  problems: string[],
  at: string,
): void {
  const count = slotCount(view);
  if (count === 0) {
    if (level > 0) problems.push(`${at}: branch without children`);
    return;
  }
  const key = new Uint8Array(8192);
  // A branch's first separator stands for everything below the second, so it says nothing.
  const first = level > 0 ? 1 : 0;
  if (first < count && expected.low !== undefined) {
    const length = copyKey(bytes, view, first, key);
    if (compareBytes(key, 0, length, expected.low, 0, expected.low.length) < 0)
      problems.push(`${at}: first key is below the separator`);
  }
  if (expected.high !== undefined && count > first) {
    const length = copyKey(bytes, view, count - 1, key);
    if (compareBytes(key, 0, length, expected.high, 0, expected.high.length) >= 0)
      problems.push(`${at}: last key is not below the next separator`);
  }
}

function pushChildren(
  bytes: Uint8Array,
  view: DataView,
  level: number,
  expected: Expected,
  stack: Expected[],
  problems: string[],
  at: string,
): void {
  if (stack.length > 1_000_000) {
    problems.push(`${at}: more pages than a tree can have`);
    return;
  }
  const key = new Uint8Array(8192);
  let high = expected.high;
  for (let slot = slotCount(view) - 1; slot >= 0; slot--) {
    const low = slot === 0 ? expected.low : key.slice(0, copyKey(bytes, view, slot, key));
    stack.push({ pgno: childAt(view, slot), level: level - 1, low, high });
    high = low;
  }
}

/** What the space manager says of pages that belong to no tree; its trees are walked like any others. */
export interface SpaceAudit {
  /** Pages of the file, without header and shadow. */
  readonly pages: number;
  /** Trees that are on their way out: their pages are accounted for by `visit`. */
  readonly isGoing: (tree: Tree) => boolean;
  /** Calls `own` for each page that is accounted for outside of trees, with a word for what it is. */
  readonly visit: (own: (pgno: number, what: string) => void) => void;
}

/**
 * Checks a whole store. Nothing else may change it meanwhile. The engine adds the agreement of tables and indexes.
 *
 * @param visited - told of each page of a tree.
 */
export function* checkStore(store: FileStore, audit?: SpaceAudit, visited: () => void = () => {}): Task<string[]> {
  const { core } = store.parts;
  const problems: string[] = [];
  const owners = new Map<number, string>();
  const own = (pgno: number, what: string): void => {
    const former = owners.get(pgno);
    if (former !== undefined) problems.push(`page ${pgno} is owned twice: ${former}, ${what}`);
    owners.set(pgno, what);
  };
  for (const tree of [...core.trees.values()]) {
    if (tree.root === 0 || tree.state === TREE_DROPPED || audit?.isGoing(tree) === true) continue;
    const visit = (pgno: number): void => {
      own(pgno, `tree ${tree.id}`);
      visited();
    };
    yield* walkTree(core, tree, visit, problems);
  }
  if (audit !== undefined) {
    audit.visit(own);
    for (let pgno = 1; pgno < audit.pages; pgno++)
      if (!owners.has(pgno)) problems.push(`page ${pgno} is owned by nobody`);
    for (const pgno of owners.keys())
      if (pgno >= audit.pages) problems.push(`page ${pgno} lies behind the end of the file`);
  }
  return problems;
}

/** As {@link checkStore}, at once. */
export function checkStoreNow(store: FileStore, audit?: SpaceAudit): string[] {
  return runNow(checkStore(store, audit));
}
