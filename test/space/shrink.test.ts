import { expect, onTestFailed, test } from 'vitest';
import { Prng } from '../../src/base/prng.ts';
import { runNow } from '../../src/base/task.ts';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import type { DatabaseFile } from '../../src/space/open-database-file.ts';
import type { ShrinkReport } from '../../src/space/shrinker.ts';
import { HINT_APPEND_SEQUENTIAL, HINT_UTILIZE_PARENT_SPACE, TREE_INDEX } from '../../src/storage/contracts.ts';
import { commit, look, seedOf, TextTree } from '../storage/open.ts';
import { check, dropTree, fill, freeAtRoot, keyOf, makeTree, NO_HINTS, open, settle } from './open.ts';

function shrink(file: DatabaseFile): ShrinkReport {
  return runNow(file.shorten());
}

function rows(file: DatabaseFile, tree: TextTree): string[] {
  return look(file.store, (snapshot) => tree.all(snapshot).map(([key]) => key));
}

test('pages move to the front and the tail is cut off, without holes', async () => {
  const vfs = new MemoryVfs();
  vfs.holes = false;
  let file = open(vfs);
  const goes = makeTree(file);
  fill(file, goes, 0, 2000);
  const stays = makeTree(file);
  const index = makeTree(file, stays.tree, NO_HINTS, TREE_INDEX);
  for (const tree of [stays, index]) fill(file, tree, 0, 300);
  const small = makeTree(file);
  fill(file, small, 0, 3);
  dropTree(file, goes);
  settle(file);
  const before = file.store.parts.core.file.size();
  const expected = [stays, index, small].map((tree) => rows(file, tree));
  const report = shrink(file);
  expect(report.moved).toBeGreaterThan(150);
  expect(report.pagesAfter).toBeLessThan(report.pagesBefore / 2);
  expect(file.store.parts.core.file.size()).toBeLessThan(before / 2);
  expect(['done', 'no_low_space']).toContain(report.reason);
  check(file);
  expect([stays, index, small].map((tree) => rows(file, tree))).toEqual(expected);
  // A second one finds next to nothing.
  expect(shrink(file).pagesAfter).toBeGreaterThan(report.pagesAfter - 20);
  await file.store.close();
  file = open(vfs);
  check(file);
  expect([stays, index, small].map((tree) => rows(file, new TextTree(file.store, tree.tree)))).toEqual(expected);
});

test('the root pages of trees and of space trees move, and so does the tree catalog', () => {
  const file = open(new MemoryVfs());
  const goes = makeTree(file);
  fill(file, goes, 0, 1500);
  const trees: TextTree[] = [];
  // More trees than fit the catalog's first pages: its later pages lie at the end of the file.
  for (let i = 0; i < 120; i++) {
    const tree = makeTree(file);
    fill(file, tree, 0, i % 12 === 0 ? 40 : 1 + (i % 3));
    trees.push(tree);
  }
  dropTree(file, goes);
  settle(file);
  const roots = trees.map((tree) => file.store.parts.core.tree(tree.tree).root);
  const report = shrink(file);
  check(file);
  expect(report.pagesAfter).toBeLessThan(report.pagesBefore - 300);
  const moved = trees.filter((tree, i) => file.store.parts.core.tree(tree.tree).root !== roots[i]);
  expect(moved.length).toBeGreaterThan(60);
  for (const [i, tree] of trees.entries()) expect(rows(file, tree).length).toBe(i % 12 === 0 ? 40 : 1 + (i % 3));
});

test('a trimmed tail is cut too, and trimmed space below is used again', () => {
  const vfs = new MemoryVfs();
  const file = open(vfs);
  const goes = makeTree(file);
  fill(file, goes, 0, 1500);
  const stays = makeTree(file);
  fill(file, stays, 0, 400);
  const last = makeTree(file);
  fill(file, last, 0, 800);
  dropTree(file, goes);
  dropTree(file, last);
  settle(file);
  runNow(file.space.trimmer.trim());
  const report = shrink(file);
  check(file);
  expect(report.pagesAfter).toBeLessThan(230);
  expect(rows(file, stays).length).toBe(400);
});

test('a shrink with a limit stops there and says so; one with a size stops at it', () => {
  const file = open(new MemoryVfs());
  const goes = makeTree(file);
  fill(file, goes, 0, 2000);
  const stays = makeTree(file);
  fill(file, stays, 0, 400);
  dropTree(file, goes);
  settle(file);
  const pages = file.space.filePages();
  const limited = runNow(file.shorten({ isOver: () => true }));
  expect([limited.reason, limited.pagesAfter]).toEqual(['limit', pages]);
  const sized = runNow(file.shorten({ pagesMin: pages - 30 }));
  expect([sized.reason, sized.pagesAfter]).toEqual(['done', pages - 30]);
  check(file);
});

test('others who make the file longer meanwhile are not cut off', () => {
  const file = open(new MemoryVfs());
  const goes = makeTree(file);
  fill(file, goes, 0, 1200);
  const stays = makeTree(file);
  fill(file, stays, 0, 600);
  dropTree(file, goes);
  settle(file);
  const task = file.shorten();
  let n = 0;
  let step = task.next();
  for (let i = 600; step.done !== true; ) {
    step.value.answerNow();
    if (++n % 3 === 0 && i < 3000) fill(file, stays, i, (i += 20));
    step = task.next();
  }
  check(file);
  expect(rows(file, stays).length).toBeGreaterThan(700);
  expect(n).toBeGreaterThan(10);
});

test('random histories: nothing is lost, owned twice or left behind', async () => {
  for (let round = 0; round < 10; round++) {
    const seed = seedOf(900 + round);
    onTestFailed(() => console.log(`seed ${seed}`));
    const prng = new Prng(seed);
    const vfs = new MemoryVfs();
    vfs.holes = prng.chance(0.7);
    let file = open(vfs);
    let live: TextTree[] = [];
    for (let step = 0; step < 40; step++) {
      const tree = live[prng.below(Math.max(1, live.length))];
      const kind = prng.below(8);
      if (kind < 2 || tree === undefined) {
        const parent = tree !== undefined && prng.chance(0.5) ? file.store.parts.core.tree(tree.tree) : undefined;
        const flags = prng.pick([0, HINT_UTILIZE_PARENT_SPACE, HINT_UTILIZE_PARENT_SPACE | HINT_APPEND_SEQUENTIAL]);
        const hints = { ...NO_HINTS, initialPages: prng.pick([0, 1, 20, 40]), growthPercent: 120, flags };
        live.push(makeTree(file, parent?.parent === 0 ? parent.id : 0, hints, TREE_INDEX));
      } else if (kind < 4) fill(file, tree, step * 1000, step * 1000 + prng.below(200));
      else if (kind === 4) {
        const keys = rows(file, tree);
        commit(file.store, (t) => {
          for (const key of keys) if (prng.chance(0.7)) tree.remove(t, key);
        });
      } else if (kind === 5) {
        dropTree(file, tree);
        live = live.filter((t) => file.store.parts.core.trees.get(t.tree)?.state === 2);
      } else if (kind === 6) {
        if (prng.chance(0.5)) settle(file);
        if (prng.chance(0.5)) runNow(file.space.trimmer.trim());
        const before = live.map((t) => rows(file, t));
        shrink(file);
        check(file);
        expect(live.map((t) => rows(file, t))).toEqual(before);
      } else {
        await file.store.close();
        file = open(vfs);
        live = live.map((t) => new TextTree(file.store, t.tree));
      }
    }
    check(file);
    for (const tree of live) if (file.store.parts.core.trees.get(tree.tree)?.state === 2) dropTree(file, tree);
    settle(file);
    shrink(file);
    check(file);
    expect(freeAtRoot(file)).toBeLessThan(40);
    expect(file.space.filePages()).toBeLessThan(64);
  }
});

test('keys keep their order through it all', () => {
  const file = open(new MemoryVfs());
  const tree = makeTree(file);
  const other = makeTree(file);
  for (let i = 0; i < 20; i++) {
    fill(file, other, i * 40, i * 40 + 40);
    fill(file, tree, i * 40, i * 40 + 40);
  }
  dropTree(file, other);
  settle(file);
  shrink(file);
  expect(rows(file, tree)).toEqual(Array.from({ length: 800 }, (_, i) => keyOf(i)));
});
