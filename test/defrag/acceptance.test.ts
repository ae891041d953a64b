/** Rows of the acceptance list of index maintenance that are about one tree and its pages; each test carries its row's name. */
import { expect, onTestFailed, test } from 'vitest';
import { Prng } from '../../src/base/prng.ts';
import { runNow, type Task } from '../../src/base/task.ts';
import { drainSparseExtents } from '../../src/defrag/drain-extents.ts';
import { END, LeafOrderer } from '../../src/defrag/order-leaves.ts';
import { type ReorganizeProgress, type ReorganizeReport, Reorganizer } from '../../src/defrag/reorganize.ts';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import type { DatabaseFile } from '../../src/space/open-database-file.ts';
import { walkTree } from '../../src/storage/check.ts';
import { HINT_APPEND_SEQUENTIAL, OK, TREE_INDEX } from '../../src/storage/contracts.ts';
import { PageMove, type PagePlace } from '../../src/storage/page-move.ts';
import { check, extentsOf, keyOf, leaves, makeTree, NO_HINTS, open, owned, settle } from '../space/open.ts';
import { attempt, commit, look, seedOf, TextTree } from '../storage/open.ts';

const LONG_BYTES = 3900;

function pagesOf(file: DatabaseFile, tree: TextTree): number[] {
  return leaves(file, tree.tree).map((leaf) => leaf.pgno);
}

/** Leaves that are not followed by the next higher page of the tree's leaves, in percent. */
function fragmentation(file: DatabaseFile, tree: TextTree): number {
  const pages = pagesOf(file, tree);
  const sorted = [...pages].sort((a, b) => a - b);
  const wrong = pages.slice(1).filter((next, i) => next !== sorted[sorted.indexOf(pages[i] ?? 0) + 1]).length;
  return (100 * wrong) / pages.length;
}

function branches(file: DatabaseFile, tree: TextTree): number[] {
  const { core } = file.store.parts;
  const found: number[] = [];
  const visit = (pgno: number, level: number): void => {
    if (level > 0) found.push(pgno);
  };
  runNow(walkTree(core, core.tree(tree.tree), visit, []));
  return found;
}

/** A tree whose keys came in random order. */
function scattered(file: DatabaseFile, rows: number, seed: number, bytes = 150): TextTree {
  const tree = makeTree(file);
  const prng = new Prng(seed);
  const keys = Array.from({ length: rows }, (_, i) => i);
  for (let i = rows - 1; i > 0; i--) {
    const j = prng.below(i + 1);
    [keys[i], keys[j]] = [keys[j] ?? 0, keys[i] ?? 0];
  }
  commit(file.store, (t) => {
    for (const i of keys) tree.insert(t, keyOf(i), 'v'.repeat(bytes));
  });
  return tree;
}

function rows(file: DatabaseFile, tree: TextTree): [string, string][] {
  return look(file.store, (snapshot) => tree.all(snapshot));
}

/** Pages that a tree has in use, space trees and reserve included. */
function used(file: DatabaseFile, tree: TextTree): number {
  const sum = (which: 'owned' | 'available'): number =>
    extentsOf(file, tree.tree, which).reduce((n, extent) => n + extent.pages, 0);
  return sum('owned') - sum('available');
}

/** Runs a task, with a look between all its steps. */
function stepwise<T>(task: Task<T>, between: (steps: number) => void): T {
  let step = task.next();
  for (let n = 0; step.done !== true; step = task.next()) {
    step.value.answerNow();
    between(++n);
  }
  return step.value;
}

function reorganizing(
  file: DatabaseFile,
  tree: TextTree,
  onProgress?: (progress: ReorganizeProgress) => void,
): Task<ReorganizeReport> {
  return new Reorganizer(file, tree.tree, { lobCompaction: true, onProgress }).run();
}

test('R1: fragmentation costs ordered scans their order, and lookups nothing', () => {
  const file = open(new MemoryVfs());
  const tree = scattered(file, 5000, 1);
  expect(fragmentation(file, tree)).toBeGreaterThan(50);
  const { cache, log } = file.store.parts.core;
  const readsOfLookup = (): number => {
    log.flushNow();
    while (cache.writeDirty(1000) > 0);
    cache.evictClean();
    const before = cache.reads;
    look(file.store, (snapshot) => expect(tree.get(snapshot, keyOf(2500))).toBeDefined());
    return cache.reads - before;
  };
  const depth = file.store.facts(tree.tree).height;
  expect(readsOfLookup()).toBe(depth);
  runNow(reorganizing(file, tree));
  expect(fragmentation(file, tree)).toBe(0);
  expect(file.store.facts(tree.tree).height).toBe(depth);
  expect(readsOfLookup()).toBe(depth);
  check(file);
});

test('R21: with an index only the long values of its own tree are compacted', () => {
  const file = open(new MemoryVfs());
  const { store } = file;
  const table = makeTree(file);
  const index = makeTree(file, table.tree, NO_HINTS, TREE_INDEX);
  for (const tree of [table, index]) {
    const ids = longValues(file, tree, 200);
    const t = store.begin(1);
    for (const [i, id] of ids.entries()) if (i % 5 !== 0) runNow(store.removeLong(t, tree.tree, id));
    runNow(t.commit());
  }
  settle(file);
  const longOf = (tree: TextTree): TextTree => new TextTree(store, store.parts.core.tree(tree.tree).longTree);
  const before = [table, index].map((tree) => pagesOf(file, longOf(tree)));
  const ownedBefore = owned(file, longOf(index)).reduce((a, b) => a + b);
  const report = runNow(reorganizing(file, index));
  expect(report.lobExtentsDrained).toBeGreaterThan(0);
  expect(owned(file, longOf(index)).reduce((a, b) => a + b)).toBeLessThan(ownedBefore);
  expect(pagesOf(file, longOf(table))).toEqual(before[0]);
  expect(pagesOf(file, longOf(index))).not.toEqual(before[1]);
  check(file);
});

function longValues({ store }: DatabaseFile, tree: TextTree, count: number): number[] {
  const t = store.begin(1);
  const bytes = new Uint8Array(LONG_BYTES).fill(5);
  const ids = Array.from({ length: count }, () => runNow(store.writeLong(t, tree.tree, bytes, 0, LONG_BYTES)));
  runNow(t.commit());
  return ids;
}

test('R23: extents with 6 of 8 pages in use are not emptied, those with 5 of 8 are', () => {
  const file = open(new MemoryVfs());
  const { store, space } = file;
  const tree = makeTree(file);
  const t = store.begin(1);
  const hints = { ...NO_HINTS, extentPagesMin: 8, extentPagesMax: 8, flags: HINT_APPEND_SEQUENTIAL };
  runNow(store.setLongSpace(t, tree.tree, 100, hints));
  runNow(t.commit());
  const ids = longValues(file, tree, 160);
  const long = new TextTree(store, store.parts.core.tree(tree.tree).longTree);
  const usedOf = (first: number): number => {
    const free = extentsOf(file, long.tree, 'available').filter((e) => e.first >= first && e.first < first + 8);
    return 8 - free.reduce((n, e) => n + e.pages, 0);
  };
  const whole = extentsOf(file, long.tree, 'owned').filter((e) => e.pages === 8 && usedOf(e.first) === 8);
  expect(whole.length).toBeGreaterThan(12);
  // Every fourth of them loses three pages, the others two, which take what the sparse ones still hold. A page more than
  // that is removed from: the heads of values stay together on one.
  const inside = (first: number): number[] => {
    const found = leaves(file, long.tree).filter((leaf) => leaf.pgno >= first && leaf.pgno < first + 8);
    return found.map((leaf) => leaf.pgno);
  };
  const idAt = new Map<number, number>();
  for (const id of ids) {
    const key = new Uint8Array(10);
    new DataView(key.buffer).setUint32(2, id, false);
    const frame = attempt(store, () => store.parts.btree.descend(store.parts.core.tree(long.tree), key, 10));
    idAt.set(store.parts.core.cache.pgnoOf(frame), id);
  }
  const u = store.begin(1);
  for (const [n, extent] of whole.entries()) {
    const going = inside(extent.first).flatMap((pgno) => idAt.get(pgno) ?? []);
    for (const id of going.slice(2, n % 4 === 1 ? 6 : 5)) runNow(store.removeLong(u, tree.tree, id));
  }
  runNow(u.commit());
  settle(file);
  const firstsWith = (pages: number): number[] => whole.map((e) => e.first).filter((first) => usedOf(first) === pages);
  const [five, six] = [firstsWith(5), firstsWith(6)];
  expect(five.length).toBeGreaterThan(1);
  expect(six.length).toBeGreaterThan(5);
  const sparse = extentsOf(file, long.tree, 'owned').filter(
    (e) => usedIn(file, long, e.first, e.pages) < 0.75 * e.pages,
  );
  const report = runNow(drainSparseExtents(space.opened, store.parts.core.tree(long.tree), () => false));
  expect(report.sparse).toBe(sparse.length);
  const after = new Set(extentsOf(file, long.tree, 'owned').map((e) => e.first));
  expect(six.filter((first) => !after.has(first))).toEqual([]);
  expect(five.filter((first) => after.has(first))).toEqual([]);
  expect(report.drained).toBe(sparse.length);
  check(file);
});

function usedIn(file: DatabaseFile, tree: TextTree, first: number, pages: number): number {
  const free = extentsOf(file, tree.tree, 'available').filter((e) => e.first >= first && e.first < first + pages);
  return pages - free.reduce((n, e) => n + e.pages, 0);
}

test('R24, R26: no extent and no page is taken, in no phase and at no moment', () => {
  const file = open(new MemoryVfs());
  const { store } = file;
  const tree = scattered(file, 3000, 2);
  const ids = longValues(file, tree, 150);
  const t = store.begin(1);
  for (const [i, id] of ids.entries()) if (i % 4 !== 0) runNow(store.removeLong(t, tree.tree, id));
  runNow(t.commit());
  commit(store, (u) => {
    for (let i = 0; i < 3000; i++) if (i % 3 !== 0) tree.remove(u, keyOf(i));
  });
  settle(file);
  const long = new TextTree(store, store.parts.core.tree(tree.tree).longTree);
  let extents = [tree, long].map((each) => owned(file, each).length);
  let pages = [tree, long].map((each) => used(file, each));
  const before = pages;
  stepwise(reorganizing(file, tree), () => {
    const now = [tree, long].map((each) => owned(file, each).length);
    const usedNow = [tree, long].map((each) => used(file, each));
    for (const i of [0, 1]) {
      expect(now[i]).toBeLessThanOrEqual(extents[i] ?? 0);
      // A swap has its temporary page in memory: none on disk, not even one.
      expect(usedNow[i]).toBeLessThanOrEqual(pages[i] ?? 0);
    }
    extents = now;
    pages = usedNow;
  });
  expect(pages[0]).toBeLessThan(before[0] ?? 0);
  check(file);
});

test('R25: 88, 50, 100, 77 come in order by exactly three swaps', () => {
  const file = open(new MemoryVfs());
  const { store, space } = file;
  const { core, btree } = store.parts;
  // Five pages in all, the root and four leaves: the tree owns no other place.
  const tree = makeTree(file, 0, { ...NO_HINTS, initialPages: 5 });
  commit(store, (t) => {
    for (let i = 0; i < 16; i++) tree.insert(t, keyOf(i), 'v'.repeat(900));
  });
  expect(extentsOf(file, tree.tree, 'available')).toEqual([]);
  const places = [...pagesOf(file, tree)].sort((a, b) => a - b);
  expect(places.length).toBe(4);
  const names = [50, 77, 88, 100];
  const standing = (): number[] => pagesOf(file, tree).map((pgno) => names[places.indexOf(pgno)] ?? 0);
  arrange(
    file,
    tree,
    [88, 50, 100, 77].map((name) => places[names.indexOf(name)] ?? 0),
  );
  expect(standing()).toEqual([88, 50, 100, 77]);
  const before = rows(file, tree);
  const orderer = new LeafOrderer(store.parts, space.opened);
  runNow(orderer.plan(core.tree(tree.tree)));
  const trace: number[][] = [];
  for (let status = OK as number; status !== END; ) {
    const { swaps } = orderer;
    status = attempt(store, () => orderer.step(core.tree(tree.tree)));
    if (orderer.swaps > swaps) trace.push(standing());
  }
  expect(trace).toEqual([
    [50, 88, 100, 77],
    [50, 77, 100, 88],
    [50, 77, 88, 100],
  ]);
  expect([orderer.swaps, orderer.moved]).toEqual([3, 6]);
  expect([...pagesOf(file, tree)].sort((a, b) => a - b)).toEqual(places);
  expect(rows(file, tree)).toEqual(before);
  expect(btree.depth).toBeGreaterThan(0);
  check(file);
});

/** Lets the leaves of a tree stand at these places, in the order of their keys. */
function arrange(file: DatabaseFile, tree: TextTree, wanted: readonly number[]): void {
  const { core, btree } = file.store.parts;
  const move = new PageMove(core, btree);
  const [a, b]: [PagePlace, PagePlace] = [
    { parent: 0, slot: 0 },
    { parent: 0, slot: 0 },
  ];
  for (const [i, place] of wanted.entries()) {
    const here = pagesOf(file, tree)[i] ?? 0;
    if (here === place) continue;
    expect(attempt(file.store, () => core.reserve())).toBe(OK);
    expect(attempt(file.store, () => move.locate(core.tree(tree.tree), here, a))).toBe(OK);
    expect(attempt(file.store, () => move.locate(core.tree(tree.tree), place, b))).toBe(OK);
    move.swap(here, a, place, b);
  }
}

test('R28: rows that come before the saved key lose no leaf, and hold nothing up', () => {
  const seed = seedOf(28);
  onTestFailed(() => console.log(`seed ${seed}`));
  const prng = new Prng(seed);
  const file = open(new MemoryVfs());
  const tree = scattered(file, 3000, seed);
  const orderer = new LeafOrderer(file.store.parts, file.space.opened);
  const own = file.store.parts.core.tree(tree.tree);
  runNow(orderer.plan(own));
  const leavesBefore = pagesOf(file, tree).length;
  let steps = 0;
  let added = 0;
  for (let status = OK as number; status !== END; steps++) {
    status = attempt(file.store, () => orderer.step(own));
    if (added >= 400 || steps % 2 !== 0) continue;
    const key = new TextDecoder().decode(orderer.cursor);
    const before = Number(key.slice(3)) - 1 - prng.below(50);
    if (!(before > 0)) continue;
    const name = `${keyOf(before)}/${added++}`;
    commit(file.store, (t) => tree.insert(t, name, 'w'.repeat(150)));
  }
  expect(added).toBeGreaterThan(50);
  // A step per leaf, and a few for places that others took meanwhile.
  expect(steps).toBeLessThan(2 * leavesBefore + 50);
  expect(rows(file, tree).length).toBe(3000 + added);
  expect(fragmentation(file, tree)).toBeLessThan(50);
  check(file);
});

test('R30: only leaves move: branches stay where they are, and so does the depth', () => {
  const file = open(new MemoryVfs());
  const tree = scattered(file, 6000, 3, 300);
  const own = file.store.parts.core.tree(tree.tree);
  const before = { branches: branches(file, tree), height: own.height };
  expect(before.branches.length).toBeGreaterThan(3);
  const orderer = new LeafOrderer(file.store.parts, file.space.opened);
  runNow(orderer.plan(own));
  while (attempt(file.store, () => orderer.step(own)) !== END);
  expect(orderer.moved).toBeGreaterThan(100);
  expect({ branches: branches(file, tree), height: own.height }).toEqual(before);
  check(file);
});

test('R44: everything is logged, one group a step at most; no transaction is open between two', () => {
  const file = open(new MemoryVfs());
  const { store } = file;
  const tree = scattered(file, 4000, 4);
  commit(store, (t) => {
    for (let i = 0; i < 4000; i++) if (i % 3 === 0) tree.remove(t, keyOf(i));
  });
  settle(file);
  const { core, transactions } = store.parts;
  const { log } = core;
  let [tail, generation, groups, most, bytes, total] = [log.tail, log.generation, log.groups, 0, 0, 0];
  stepwise(reorganizing(file, tree), () => {
    most = Math.max(most, log.groups - groups);
    // Where a generation ends, positions jump over what is left of it.
    if (log.generation === generation) bytes = Math.max(bytes, log.tail - tail);
    total += log.groups - groups;
    [tail, generation, groups] = [log.tail, log.generation, log.groups];
    expect([...transactions.openTransactions()]).toEqual([]);
  });
  expect(most).toBe(1);
  expect(bytes).toBeLessThanOrEqual(core.groupBytes);
  expect(total).toBeGreaterThan(100);
  check(file);
});
