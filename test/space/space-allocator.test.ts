import { expect, test } from 'vitest';
import { Prng } from '../../src/base/prng.ts';
import { runNow } from '../../src/base/task.ts';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import { HINT_APPEND_SEQUENTIAL } from '../../src/storage/contracts.ts';
import { commit, seedOf, TextTree } from '../storage/open.ts';
import { check, dropTree, extentsOf, fill, freeAtRoot, makeTree, NO_HINTS, open, owned, settle } from './open.ts';

test('a tree takes extents as its hints say, across a restart', async () => {
  const vfs = new MemoryVfs();
  let file = open(vfs);
  const hints = { ...NO_HINTS, initialPages: 16, growthPercent: 150, flags: HINT_APPEND_SEQUENTIAL };
  let tree = makeTree(file, 0, hints);
  fill(file, tree, 0, 250);
  await file.store.close();
  file = open(vfs);
  tree = new TextTree(file.store, tree.tree);
  fill(file, tree, 250, 600);
  expect(owned(file, tree).slice(0, 4)).toEqual([16, 24, 36, 54]);
  check(file);
  await file.store.close();
});

test('extents that are no longer small begin at 64 KiB boundaries of the file', () => {
  for (const pageBytes of [4096, 8192]) {
    const file = open(new MemoryVfs(), pageBytes);
    const tree = makeTree(file);
    fill(file, tree, 0, 1500);
    for (const { first, pages } of extentsOf(file, tree.tree, 'owned')) {
      if (pages >= 16) expect(((first + 1) * pageBytes) % 65536).toBe(0);
    }
    check(file);
  }
});

test('deleted rows give their extents back to the database, and a dropped tree gives all', () => {
  const file = open(new MemoryVfs());
  const other = makeTree(file);
  fill(file, other, 0, 50);
  const before = freeAtRoot(file);
  const pagesBefore = file.space.filePages();
  const tree = makeTree(file);
  fill(file, tree, 0, 2000);
  const full = owned(file, tree).reduce((a, b) => a + b);
  expect(full).toBeGreaterThan(450);
  commit(file.store, (t) => {
    for (let i = 0; i < 2000; i++) tree.remove(t, `key${String(i).padStart(8, '0')}`);
  });
  settle(file);
  check(file);
  expect(owned(file, tree).reduce((a, b) => a + b)).toBeLessThan(40);
  expect(file.store.facts(tree.tree).leafPages).toBeLessThan(3);
  dropTree(file, tree);
  settle(file);
  check(file);
  expect(freeAtRoot(file)).toBe(before + file.space.filePages() - pagesBefore);
});

test('a tree that was made in a transaction that rolls back leaves nothing', () => {
  const file = open(new MemoryVfs());
  makeTree(file);
  const before = freeAtRoot(file);
  const pagesBefore = file.space.filePages();
  const t = file.store.begin(1);
  const id = runNow(file.store.createTree(t, { kind: 0, parent: 0, fillPercent: 100 }));
  const tree = new TextTree(file.store, id);
  for (let i = 0; i < 300; i++) tree.insert(t, `k${i}`, 'v'.repeat(900));
  runNow(t.rollback());
  settle(file);
  check(file);
  expect(freeAtRoot(file)).toBe(before + file.space.filePages() - pagesBefore);
});

test('space trees split from their reserves when space is in many pieces', async () => {
  const seed = seedOf(31);
  const prng = new Prng(seed);
  const vfs = new MemoryVfs();
  let file = open(vfs);
  const trees: TextTree[] = [];
  for (let i = 0; i < 700; i++) trees.push(makeTree(file));
  for (let round = 0; round < 4; round++)
    for (const tree of trees) if (prng.chance(0.4)) fill(file, tree, round * 5, round * 5 + 5);
  const big = makeTree(file, 0, { ...NO_HINTS, extentPagesMin: 1, extentPagesMax: 1, flags: HINT_APPEND_SEQUENTIAL });
  fill(file, big, 0, 2400);
  check(file);
  const t = file.store.begin(1);
  for (const [i, tree] of trees.entries()) if (i % 2 === 0) runNow(file.store.dropTree(t, tree.tree));
  runNow(t.commit());
  settle(file);
  check(file);
  await file.store.close();
  file = open(vfs);
  check(file);
  expect(owned(file, new TextTree(file.store, big.tree)).length).toBeGreaterThan(500);
  await file.store.close();
});
