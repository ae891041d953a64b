import { expect, onTestFailed, test } from 'vitest';
import { Prng } from '../../src/base/prng.ts';
import { runNow } from '../../src/base/task.ts';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import type { DatabaseFile } from '../../src/space/open-database-file.ts';
import {
  CATALOG_TREE,
  HINT_APPEND_SEQUENTIAL,
  HINT_HOTPOINT_SEQUENTIAL,
  HINT_UTILIZE_PARENT_SPACE,
  OK,
  type SpaceHints,
  TREE_INDEX,
  TREE_LONG,
  type Transaction,
} from '../../src/storage/contracts.ts';
import { attempt, commit, encode, seedOf, TextTree } from '../storage/open.ts';
import {
  check,
  dropTree,
  extentsOf,
  fill,
  freeAtRoot,
  keyOf,
  makeTree,
  NO_HINTS,
  open,
  owned,
  settle,
} from './open.ts';

const LENDING: SpaceHints = { ...NO_HINTS, flags: HINT_UTILIZE_PARENT_SPACE };

function available(file: DatabaseFile, tree: TextTree): number {
  return extentsOf(file, tree.tree, 'available').reduce((sum, e) => sum + e.pages, 0);
}

/** A table that owns much more than it uses. */
function roomyTable(file: DatabaseFile): TextTree {
  const hints = { ...NO_HINTS, initialPages: 200, growthPercent: 100, flags: HINT_APPEND_SEQUENTIAL };
  const table = makeTree(file, 0, hints);
  // Beyond the bitmap's 32 pages it has space trees; the region is given up by a restart of growth below.
  fill(file, table, 0, 160);
  return table;
}

test('with utilize_parent_space an index grows out of its table, without it out of the database', () => {
  for (const lends of [true, false]) {
    const file = open(new MemoryVfs());
    const table = makeTree(file, 0, { ...NO_HINTS, initialPages: 200 });
    fill(file, table, 0, 160);
    const tableFree = available(file, table);
    const rootFree = freeAtRoot(file) - file.space.filePages();
    const index = makeTree(file, table.tree, lends ? LENDING : NO_HINTS, TREE_INDEX);
    fill(file, index, 0, 200);
    const taken = owned(file, index).reduce((a, b) => a + b);
    expect(taken).toBeGreaterThan(50);
    if (lends) {
      expect(tableFree - available(file, table)).toBeGreaterThanOrEqual(taken);
      expect(freeAtRoot(file) - file.space.filePages()).toBe(rootFree);
    } else expect(available(file, table)).toBe(tableFree);
    check(file);
    commit(file.store, (t) => {
      for (let i = 0; i < 200; i++) index.remove(t, keyOf(i));
    });
    settle(file);
    check(file);
    dropTree(file, index);
    settle(file);
    check(file);
    // What was lent is the table's again; a few pages stay in the reserve of its space trees.
    if (lends) expect(available(file, table)).toBeGreaterThan(tableFree - 4);
    expect(freeAtRoot(file) - file.space.filePages()).toBe(rootFree);
  }
});

test('a small table that lends gets space trees first; one without room sends its child to the root', () => {
  const file = open(new MemoryVfs());
  const table = makeTree(file, 0, { ...NO_HINTS, initialPages: 20 });
  fill(file, table, 0, 8);
  const index = makeTree(file, table.tree, LENDING, TREE_INDEX);
  fill(file, index, 0, 300);
  check(file);
  const [primary] = extentsOf(file, table.tree, 'owned');
  const inside = extentsOf(file, index.tree, 'owned').filter(
    (e) => primary !== undefined && e.first >= primary.first && e.first < primary.first + primary.pages,
  );
  expect(inside.length).toBeGreaterThan(0);
  expect(inside.length).toBeLessThan(owned(file, index).length);
  fill(file, table, 8, 400);
  check(file);
});

test('a dropped table takes back what it lent, also after a restart in the middle', async () => {
  const vfs = new MemoryVfs();
  let file = open(vfs);
  const table = roomyTable(file);
  const index = makeTree(file, table.tree, LENDING, TREE_INDEX);
  const long = makeTree(file, table.tree, LENDING, TREE_LONG);
  fill(file, index, 0, 300);
  fill(file, long, 0, 100);
  dropTree(file, table);
  for (let steps = 0; steps < 3; steps++) runNow(file.store.background());
  check(file);
  await file.store.close();
  file = open(vfs);
  check(file);
  settle(file);
  check(file);
  expectAllAtRoot(file);
  await file.store.close();
});

/** Nothing but the fixed trees and the database root's free space is left. */
function expectAllAtRoot(file: DatabaseFile): void {
  const trees = [...file.store.parts.core.trees.values()].filter((tree) => tree.id > CATALOG_TREE && tree.state !== 0);
  expect(trees.map((tree) => tree.id)).toEqual([]);
  const others: string[] = [];
  file.space.audit().visit((pgno, what) => {
    if (!/^(available to|reserve of) tree (0|16)$/.test(what)) others.push(`${pgno}: ${what}`);
  });
  expect(others).toEqual([]);
}

const HINTS: readonly SpaceHints[] = [
  NO_HINTS,
  LENDING,
  { ...NO_HINTS, initialPages: 5, growthPercent: 150, flags: HINT_APPEND_SEQUENTIAL | HINT_UTILIZE_PARENT_SPACE },
  { ...NO_HINTS, initialPages: 40, growthPercent: 120, extentPagesMax: 70, flags: HINT_HOTPOINT_SEQUENTIAL },
  { ...NO_HINTS, extentPagesMin: 1, extentPagesMax: 1, flags: HINT_APPEND_SEQUENTIAL | HINT_UTILIZE_PARENT_SPACE },
];

test('whatever happened, after dropping all the root has all', async () => {
  for (let round = 0; round < 12; round++) {
    const seed = seedOf(500 + round);
    onTestFailed(() => console.log(`seed ${seed}`));
    const prng = new Prng(seed);
    const vfs = new MemoryVfs();
    let file = open(vfs);
    let live: TextTree[] = [];
    for (let step = 0; step < 60; step++) {
      const kind = prng.below(10);
      const tree = live[prng.below(Math.max(1, live.length))];
      if (kind < 2 || tree === undefined) {
        const parent = tree !== undefined && prng.chance(0.6) ? file.store.parts.core.tree(tree.tree) : undefined;
        const hints = HINTS[prng.below(HINTS.length)] ?? NO_HINTS;
        live.push(makeTree(file, parent?.parent === 0 ? parent.id : 0, hints, TREE_INDEX));
      } else if (kind < 5) churn(file, tree, prng);
      else if (kind === 5) loadAndRollBack(file, tree, prng);
      else if (kind === 6) birthAndRollBack(file, tree.tree);
      else if (kind === 7) {
        dropTree(file, tree);
        live = live.filter((t) => file.store.parts.core.trees.get(t.tree)?.state === 2);
      } else if (kind === 8) settle(file);
      else {
        await file.store.close();
        file = open(vfs);
        live = live.map((t) => new TextTree(file.store, t.tree));
      }
    }
    check(file);
    for (const tree of live) {
      if (file.store.parts.core.trees.get(tree.tree)?.state === 2) dropTree(file, tree);
    }
    settle(file);
    check(file);
    expectAllAtRoot(file);
    await file.store.close();
  }
});

function churn(file: DatabaseFile, tree: TextTree, prng: Prng): void {
  const from = prng.below(100);
  commit(file.store, (t) => {
    for (let n = 0; n < 60; n++) {
      const key = keyOf(prng.chance(0.5) ? from + n : prng.below(400));
      if (prng.chance(0.6)) tree.insert(t, key, 'v'.repeat(100 + prng.below(900)));
      else if (sees(t, tree, key)) tree.remove(t, key);
    }
  });
}

/** Does a row exist for a transaction, its own changes included? */
function sees(t: Transaction, tree: TextTree, key: string): boolean {
  t.command++;
  const snapshot = t.snapshot();
  const found = tree.get(snapshot, key) !== undefined;
  t.release(snapshot);
  return found;
}

function loadAndRollBack(file: DatabaseFile, tree: TextTree, prng: Prng): void {
  const t = file.store.begin(1);
  const appender = file.store.appender(t, tree.tree);
  const record = encode('v'.repeat(800));
  for (let i = 0; i < 100 + prng.below(200); i++) {
    const key = encode(`x${keyOf(i)}`);
    if (attempt(file.store, () => appender.add(key, key.length, record, 0, record.length)) !== OK) break;
  }
  attempt(file.store, () => appender.flush());
  runNow(t.rollback());
}

function birthAndRollBack(file: DatabaseFile, parent: number): void {
  const t = file.store.begin(1);
  const id = runNow(file.store.createTree(t, { kind: TREE_INDEX, parent, fillPercent: 100, hints: LENDING }));
  const tree = new TextTree(file.store, id);
  for (let i = 0; i < 40; i++) tree.insert(t, keyOf(i), 'v'.repeat(900));
  runNow(t.rollback());
}
