import { expect, onTestFailed, test } from 'vitest';
import { Prng } from '../../src/base/prng.ts';
import { runNow } from '../../src/base/task.ts';
import { type ReorganizeOptions, type ReorganizeReport, Reorganizer } from '../../src/defrag/reorganize.ts';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import type { DatabaseFile } from '../../src/space/open-database-file.ts';
import { HINT_UTILIZE_PARENT_SPACE, TREE_INDEX } from '../../src/storage/contracts.ts';
import { check, dropTree, fill, keyOf, leaves, makeTree, NO_HINTS, open, owned, settle } from '../space/open.ts';
import { commit, look, seedOf, TextTree } from '../storage/open.ts';

function reorganize(file: DatabaseFile, tree: TextTree, options: Partial<ReorganizeOptions> = {}): ReorganizeReport {
  return runNow(new Reorganizer(file, tree.tree, { lobCompaction: true, ...options }).run());
}

function treeOf(file: DatabaseFile, fillPercent: number): TextTree {
  const t = file.store.begin(1);
  const id = runNow(file.store.createTree(t, { kind: 0, parent: 0, fillPercent }));
  runNow(t.commit());
  return new TextTree(file.store, id);
}

function insert(file: DatabaseFile, tree: TextTree, keys: readonly number[], bytes: number): void {
  commit(file.store, (t) => {
    for (const i of keys) tree.insert(t, keyOf(i), 'v'.repeat(bytes));
  });
}

function remove(file: DatabaseFile, tree: TextTree, keep: (i: number) => boolean, rows: number): void {
  commit(file.store, (t) => {
    for (let i = 0; i < rows; i++) if (!keep(i)) tree.remove(t, keyOf(i));
  });
  settle(file);
}

function range(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i);
}

function shuffled(n: number, prng: Prng): number[] {
  const list = range(n);
  for (let i = n - 1; i > 0; i--) {
    const j = prng.below(i + 1);
    [list[i], list[j]] = [list[j]!, list[i]!];
  }
  return list;
}

function rows(file: DatabaseFile, tree: TextTree): [string, string][] {
  return look(file.store, (snapshot) => tree.all(snapshot));
}

/** Share of leaves that do not stand at the next higher page of the tree's leaves, in percent. */
function fragmentation(file: DatabaseFile, tree: TextTree): number {
  const pages = leaves(file, tree.tree).map((leaf) => leaf.pgno);
  const sorted = [...pages].sort((a, b) => a - b);
  const successor = new Map(sorted.map((p, i) => [p, sorted[i + 1]]));
  let out = 0;
  for (let i = 0; i + 1 < pages.length; i++) if (successor.get(pages[i]!) !== pages[i + 1]) out++;
  return (100 * out) / pages.length;
}

test('R15: with seven of eight rows deleted everywhere, about one leaf in eight is left', () => {
  const file = open(new MemoryVfs());
  const tree = treeOf(file, 100);
  insert(file, tree, range(8000), 100);
  const before = leaves(file, tree.tree).length;
  // In small bites, so that the merges of the purge leave sparse pages behind.
  remove(file, tree, (i) => i % 8 === 0, 8000);
  const expected = rows(file, tree);
  const report = reorganize(file, tree);
  expect(report.reason).toBe('done');
  const after = leaves(file, tree.tree).length;
  expect(after).toBeLessThanOrEqual(Math.ceil(before / 8) + 2);
  expect(rows(file, tree)).toEqual(expected);
  check(file);
});

test('R13, R14: leaves are filled up to the fill factor, and never down to it', () => {
  const file = open(new MemoryVfs());
  const tree = treeOf(file, 80);
  insert(file, tree, range(4000), 100);
  remove(file, tree, (i) => i % 2 === 0, 4000);
  reorganize(file, tree);
  const used = leaves(file, tree.tree).map((leaf) => leaf.keys.length * (100 + 4 + 8));
  const density = used.reduce((a, b) => a + b) / used.length / 4032;
  expect(density).toBeGreaterThan(0.75);
  expect(Math.max(...used) / 4032).toBeLessThan(0.82);
  const full = treeOf(file, 70);
  // Random inserts fill pages beyond the fill factor.
  for (const i of shuffled(3000, new Prng(3))) insert(file, full, [i], 100);
  const dense = leaves(file, full.tree).length;
  reorganize(file, full);
  expect(leaves(file, full.tree).length).toBeLessThanOrEqual(dense);
  check(file);
});

test('R17: the window of eight frees a page where no pair fits, and none where even eight do not', () => {
  for (const [percent, leavesMade, freed] of [
    [87, 8, 1],
    [90, 7, 0],
  ] as const) {
    const file = open(new MemoryVfs());
    const tree = treeOf(file, percent);
    // Appends fill each leaf to the percentage and no further; small rows, so that the last one does not matter.
    let n = 0;
    while (leaves(file, tree.tree).length <= leavesMade) insert(file, tree, [n++], 8);
    insert(file, tree, [n++], 8);
    commit(file.store, (t) => {
      for (const key of leaves(file, tree.tree)[leavesMade]!.keys) tree.remove(t, key);
    });
    settle(file);
    expect(leaves(file, tree.tree).length).toBe(leavesMade);
    const t = file.store.begin(1);
    runNow(file.store.setSpace(t, tree.tree, 100, NO_HINTS));
    runNow(t.commit());
    expect(reorganize(file, tree).removed, `${percent} %`).toBe(freed);
    expect(leaves(file, tree.tree).length).toBe(leavesMade - freed);
    check(file);
  }
});

test('R16, R29: no page is ever added; a second run finds nothing to do', () => {
  const seed = seedOf(41);
  onTestFailed(() => console.log(`seed ${seed}`));
  const prng = new Prng(seed);
  const file = open(new MemoryVfs());
  const tree = treeOf(file, 90);
  for (const i of shuffled(4000, prng)) insert(file, tree, [i], 20 + prng.below(200));
  remove(file, tree, () => prng.chance(0.5), 4000);
  const expected = rows(file, tree);
  const pages = file.store.facts(tree.tree).pages;
  expect(fragmentation(file, tree)).toBeGreaterThan(40);
  const first = reorganize(file, tree);
  expect(file.store.facts(tree.tree).pages).toBeLessThanOrEqual(pages);
  expect(fragmentation(file, tree)).toBe(0);
  expect(first.moved).toBeGreaterThan(20);
  const second = reorganize(file, tree);
  expect([second.moved, second.removed, second.rewritten]).toEqual([0, 0, 0]);
  expect(rows(file, tree)).toEqual(expected);
  check(file);
});

test('ordering brings the leaves to the front of what the tree owns, and free extents go up', () => {
  const seed = seedOf(42);
  onTestFailed(() => console.log(`seed ${seed}`));
  const prng = new Prng(seed);
  const file = open(new MemoryVfs());
  const tree = treeOf(file, 100);
  const other = treeOf(file, 100);
  for (const i of shuffled(3000, prng)) insert(file, prng.chance(0.5) ? tree : other, [i], 200);
  remove(file, tree, (i) => i % 5 === 0 || !rows(file, tree).length, 0);
  const keys = rows(file, tree).map(([key]) => key);
  commit(file.store, (t) => {
    for (const key of keys) if (!key.endsWith('0')) tree.remove(t, key);
  });
  settle(file);
  const before = owned(file, tree).reduce((a, b) => a + b);
  reorganize(file, tree);
  const after = owned(file, tree).reduce((a, b) => a + b);
  expect(after).toBeLessThan(before / 2);
  expect(fragmentation(file, tree)).toBe(0);
  check(file);
});

test('a budget of pages or time ends it early, and the next run goes on with what is left', () => {
  const file = open(new MemoryVfs());
  const tree = treeOf(file, 90);
  for (const i of shuffled(3000, new Prng(5))) insert(file, tree, [i], 150);
  const worst = fragmentation(file, tree);
  const first = reorganize(file, tree, { pagesMax: 40 });
  expect(first.reason).toBe('pages');
  expect(first.rewritten).toBeLessThan(48);
  expect(reorganize(file, tree, { durationMs: 0 }).reason).toBe('time');
  check(file);
  const rest = reorganize(file, tree);
  expect(rest.reason).toBe('done');
  expect(fragmentation(file, tree)).toBe(0);
  expect(worst).toBeGreaterThan(50);
});

test('R11, R37: compaction comes before ordering, and progress never goes back', () => {
  const file = open(new MemoryVfs());
  const tree = treeOf(file, 90);
  for (const i of shuffled(2000, new Prng(6))) insert(file, tree, [i], 150);
  const phases: string[] = [];
  let share = 0;
  reorganize(file, tree, {
    onProgress: (p) => {
      if (phases[phases.length - 1] !== p.phase) phases.push(p.phase);
      expect(p.workDone / p.workTotal).toBeGreaterThanOrEqual(share - 1e-9);
      share = p.workDone / p.workTotal;
    },
  });
  expect(phases).toEqual(['compaction', 'ordering', 'done']);
  expect(share).toBe(1);
});

test('a tree that is dropped meanwhile ends the run', () => {
  const file = open(new MemoryVfs());
  const tree = treeOf(file, 90);
  for (const i of shuffled(1000, new Prng(7))) insert(file, tree, [i], 150);
  const task = new Reorganizer(file, tree.tree, { lobCompaction: true }).run();
  let step = task.next();
  for (let n = 0; n < 10; n++) {
    if (step.done === true) break;
    step.value.answerNow();
    step = task.next();
  }
  dropTree(file, tree);
  while (step.done !== true) {
    step.value.answerNow();
    step = task.next();
  }
  expect(step.value.reason).toBe('gone');
  settle(file);
  check(file);
});

test('random trees, with and without lent space: rows stay, structure and ownership hold', () => {
  for (let round = 0; round < 12; round++) {
    const seed = seedOf(700 + round);
    onTestFailed(() => console.log(`seed ${seed}`));
    const prng = new Prng(seed);
    const file = open(new MemoryVfs(), prng.pick([4096, 8192]));
    const table = makeTree(file, 0, { ...NO_HINTS, initialPages: prng.pick([0, 1, 50]) });
    const lending = { ...NO_HINTS, flags: prng.pick([0, HINT_UTILIZE_PARENT_SPACE]) };
    const index = makeTree(file, table.tree, lending, TREE_INDEX);
    for (const tree of [table, index]) {
      for (const i of shuffled(1 + prng.below(1500), prng)) insert(file, tree, [i], prng.below(400));
      const keys = rows(file, tree).map(([key]) => key);
      const share = prng.pick([0, 0.3, 0.8, 1]);
      commit(file.store, (t) => {
        for (const key of keys) if (prng.chance(share)) tree.remove(t, key);
      });
      if (prng.chance(0.7)) settle(file);
    }
    const before = [table, index].map((tree) => rows(file, tree));
    for (const tree of [table, index]) reorganize(file, tree);
    check(file);
    expect([table, index].map((tree) => rows(file, tree))).toEqual(before);
    fill(file, table, 5000, 5100);
    runNow(file.shorten());
    check(file);
  }
});

test('R18, R23: sparse extents of long values are emptied, those used to 75 % are not', () => {
  const file = open(new MemoryVfs());
  const tree = makeTree(file);
  const t = file.store.begin(1);
  const bytes = new Uint8Array(3900).fill(7);
  const ids = range(400).map(() => runNow(file.store.writeLong(t, tree.tree, bytes, 0, bytes.length)));
  runNow(t.commit());
  const long = new TextTree(file.store, file.store.parts.core.tree(tree.tree).longTree);
  const u = file.store.begin(1);
  for (const [i, id] of ids.entries()) if (i % 5 !== 0) runNow(file.store.removeLong(u, tree.tree, id));
  runNow(u.commit());
  settle(file);
  const before = owned(file, long).reduce((a, b) => a + b);
  const kept = reorganize(file, tree, { lobCompaction: false });
  expect(owned(file, long).reduce((a, b) => a + b)).toBe(before);
  expect(kept.lobExtentsSparse).toBe(0);
  const report = reorganize(file, tree);
  expect(report.lobExtentsDrained).toBeGreaterThan(5);
  expect(owned(file, long).reduce((a, b) => a + b)).toBeLessThan(before * 0.6);
  const into = new Uint8Array(3900);
  for (const [i, id] of ids.entries()) {
    if (i % 5 !== 0) continue;
    runNow(file.store.readLong(tree.tree, id, 0, 3900, into, 0));
    expect(into.every((b) => b === 7)).toBe(true);
  }
  check(file);
});
