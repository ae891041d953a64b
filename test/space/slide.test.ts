/** Making the file shorter for chosen trees only: their order stays, others stay where they are. */
import { expect, onTestFailed, test } from 'vitest';
import { Prng } from '../../src/base/prng.ts';
import { runNow } from '../../src/base/task.ts';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import type { DatabaseFile } from '../../src/space/open-database-file.ts';
import { HINT_UTILIZE_PARENT_SPACE, TREE_INDEX } from '../../src/storage/contracts.ts';
import { commit, look, seedOf, TextTree } from '../storage/open.ts';
import { check, dropTree, fill, keyOf, leaves, makeTree, NO_HINTS, open, settle } from './open.ts';

function rows(file: DatabaseFile, tree: TextTree): string[] {
  return look(file.store, (snapshot) => tree.all(snapshot).map(([key]) => key));
}

/** Leaves that lie before the one that precedes them by key. */
function steps(file: DatabaseFile, tree: TextTree): number {
  const pages = leaves(file, tree.tree).map((leaf) => leaf.pgno);
  return pages.filter((pgno, i) => i > 0 && pgno < pages[i - 1]!).length;
}

/** Two trees that grew beside each other, behind one that is gone; what `behind` makes comes after them. */
function table(file: DatabaseFile, behind = (): void => {}): { tree: TextTree; index: TextTree } {
  const goes = makeTree(file);
  fill(file, goes, 0, 1600);
  const tree = makeTree(file);
  const index = makeTree(file, tree.tree, NO_HINTS, TREE_INDEX);
  for (let i = 0; i < 6; i++) {
    fill(file, tree, i * 100, i * 100 + 100);
    fill(file, index, i * 50, i * 50 + 50);
  }
  behind();
  dropTree(file, goes);
  settle(file);
  return { tree, index };
}

test('all of a tree and those under it move to the front and keep their order', () => {
  const file = open(new MemoryVfs());
  const { tree, index } = table(file);
  const report = runNow(file.shorten({ only: [tree.tree] }));
  expect(report.moved).toBeGreaterThan(150);
  expect(report.pagesAfter).toBeLessThan(report.pagesBefore * 0.5);
  check(file);
  // The small extents of a tree's youth may come to lie behind the first large one.
  expect(steps(file, tree) + steps(file, index)).toBeLessThanOrEqual(2);
  expect(rows(file, tree)).toEqual(Array.from({ length: 600 }, (_, i) => keyOf(i)));
  expect(rows(file, index).length).toBe(300);
});

test('when the room holds a part of it, that part moves in its order: one seam', () => {
  const file = open(new MemoryVfs());
  const goes = makeTree(file);
  fill(file, goes, 0, 400);
  const tree = makeTree(file);
  fill(file, tree, 0, 1600);
  dropTree(file, goes);
  settle(file);
  const report = runNow(file.shorten({ only: [tree.tree] }));
  expect(report.pagesAfter).toBeLessThan(report.pagesBefore - 80);
  expect(steps(file, tree)).toBeLessThanOrEqual(2);
  check(file);
});

test("others' extents are neither moved nor cut, also when they lie at the end", () => {
  const file = open(new MemoryVfs());
  let other: TextTree | undefined;
  const { tree } = table(file, () => {
    other = makeTree(file);
    fill(file, other, 0, 100);
  });
  if (other === undefined) throw new Error('it was made');
  const places = leaves(file, other.tree).map((leaf) => leaf.pgno);
  const report = runNow(file.shorten({ only: [tree.tree] }));
  expect([report.reason, report.tree, report.moved]).toEqual(['others_at_end', other.tree, 0]);
  expect(leaves(file, other.tree).map((leaf) => leaf.pgno)).toEqual(places);
  expect(runNow(file.shorten({ only: [other.tree] })).moved).toBeGreaterThan(10);
  check(file);
});

test('a small tree goes as a whole; one that lends goes with what it lent', () => {
  const file = open(new MemoryVfs());
  const goes = makeTree(file);
  fill(file, goes, 0, 1200);
  const lends = makeTree(file, 0, { ...NO_HINTS, initialPages: 48 });
  const borrows = makeTree(file, lends.tree, { ...NO_HINTS, flags: HINT_UTILIZE_PARENT_SPACE }, TREE_INDEX);
  fill(file, lends, 0, 60);
  fill(file, borrows, 0, 60);
  const small = makeTree(file);
  fill(file, small, 0, 3);
  dropTree(file, goes);
  settle(file);
  const before = file.space.filePages();
  expect(runNow(file.shorten({ only: [small.tree, lends.tree] })).pagesAfter).toBeLessThan(before / 2);
  check(file);
  expect([lends, borrows, small].map((each) => rows(file, each).length)).toEqual([60, 60, 3]);
});

test('random histories beside others who write: every page stays accounted for', () => {
  for (let round = 0; round < 12; round++) {
    const seed = seedOf(4100 + round);
    onTestFailed(() => console.log(`seed ${seed}`));
    const prng = new Prng(seed);
    const file = open(new MemoryVfs());
    const trees = Array.from({ length: 5 }, (_, i) => makeTree(file, 0, { ...NO_HINTS, initialPages: i * 8 }));
    const next = trees.map(() => 0);
    const grow = (i: number, count: number): void => fill(file, trees[i]!, next[i]!, (next[i]! += count));
    for (let step = 0; step < 20; step++) {
      for (let i = 0; i < trees.length; i++) grow(i, prng.below(60));
      const victim = prng.below(trees.length);
      if (prng.chance(0.4)) {
        dropTree(file, trees[victim]!);
        trees[victim] = makeTree(file);
        next[victim] = 0;
        grow(victim, prng.below(80));
      }
      settle(file);
      const only = [trees[prng.below(trees.length)]!.tree, trees[prng.below(trees.length)]!.tree];
      const task = file.shorten({ only });
      let n = 0;
      for (let each = task.next(); each.done !== true; each = task.next()) {
        each.value.answerNow();
        if (++n % 5 === 0 && n < 200) grow(prng.below(trees.length), 3);
      }
      check(file);
    }
    trees.forEach((tree, i) => expect(rows(file, tree).length).toBe(next[i]));
  }
});

test('a power cut anywhere in between leaves every row, and every page accounted for', () => {
  const seed = seedOf(77);
  onTestFailed(() => console.log(`seed ${seed}`));
  for (let cut = 1, isCut = true; isCut; cut += 7) {
    const vfs = new MemoryVfs();
    const file = open(vfs);
    const { tree, index } = table(file);
    commit(file.store, () => {});
    vfs.cutAt(cut, new Prng(seed + cut));
    isCut = false;
    try {
      runNow(file.shorten({ only: [tree.tree] }));
    } catch {
      isCut = true;
    }
    const again = open(vfs.afterPowerCut(new Prng(seed + cut)));
    settle(again);
    check(again);
    expect(rows(again, new TextTree(again.store, tree.tree)).length).toBe(600);
    expect(rows(again, new TextTree(again.store, index.tree)).length).toBe(300);
  }
});
