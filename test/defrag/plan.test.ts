/** A plan says what the run does: on random trees whose leaves, extents and long values are worn in every way. */
import { expect, onTestFailed, test } from 'vitest';
import { Prng } from '../../src/base/prng.ts';
import { runNow } from '../../src/base/task.ts';
import { planReorganize, type ReorganizePlan } from '../../src/defrag/plan.ts';
import { Reorganizer } from '../../src/defrag/reorganize.ts';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import type { DatabaseFile } from '../../src/space/open-database-file.ts';
import { HINT_UTILIZE_PARENT_SPACE, TREE_INDEX } from '../../src/storage/contracts.ts';
import { check, keyOf, makeTree, NO_HINTS, open, settle } from '../space/open.ts';
import { commit, look, seedOf, type TextTree } from '../storage/open.ts';

function insert(file: DatabaseFile, tree: TextTree, keys: readonly string[], bytes: () => number): void {
  for (let from = 0; from < keys.length; from += 100) {
    commit(file.store, (t) => {
      for (const key of keys.slice(from, from + 100)) tree.insert(t, key, 'v'.repeat(bytes()));
    });
  }
}

function keysOf(prng: Prng, rows: number): string[] {
  const start = prng.pick(['', 'a common beginning of all keys, ', 'x'.repeat(200)]);
  const keys = Array.from({ length: rows }, (_, i) => start + keyOf(i));
  if (prng.chance(0.8)) {
    for (let i = rows - 1; i > 0; i--) {
      const j = prng.below(i + 1);
      [keys[i], keys[j]] = [keys[j] ?? '', keys[i] ?? ''];
    }
  }
  return keys;
}

/** A tree beside which others grow, so that its extents are scattered; much of it is deleted again. */
function wear(file: DatabaseFile, trees: readonly TextTree[], prng: Prng, rows: number): void {
  const bytes = prng.pick([10, 100, 400]);
  const all = trees.map(() => keysOf(prng, rows));
  for (let from = 0; from < rows; from += 200) {
    for (const [i, tree] of trees.entries())
      insert(file, tree, (all[i] ?? []).slice(from, from + 200), () => prng.below(bytes));
  }
  for (const tree of trees) {
    const keys = look(file.store, (snapshot) => tree.all(snapshot)).map(([key]) => key);
    const share = prng.pick([0, 0.3, 0.6, 0.95, 1]);
    for (let from = 0; from < keys.length; from += 500) {
      commit(file.store, (t) => {
        for (const key of keys.slice(from, from + 500)) if (prng.chance(share)) tree.remove(t, key);
      });
    }
    if (prng.chance(0.5)) settle(file);
  }
  settle(file);
}

function compare(file: DatabaseFile, tree: TextTree, lobCompaction: boolean, pagesMax?: number): ReorganizePlan {
  const before = JSON.stringify(look(file.store, (snapshot) => tree.all(snapshot)).length);
  const { isExact, ...plan } = runNow(planReorganize(file, tree.tree, { lobCompaction, pagesMax }));
  check(file);
  const report = runNow(new Reorganizer(file, tree.tree, { lobCompaction, pagesMax }).run());
  if (isExact) expect(plan).toEqual(report);
  else {
    // Only places that the space trees' splits take are not foreseen.
    for (const count of ['scanned', 'removed', 'lobExtentsSparse'] as const) expect(plan[count]).toBe(report[count]);
    expect(Math.abs(plan.moved - report.moved)).toBeLessThan(16 + report.moved / 50);
  }
  expect(JSON.stringify(look(file.store, (snapshot) => tree.all(snapshot)).length)).toBe(before);
  return { isExact, ...plan };
}

test('R16, R24: on a quiet tree the plan and the run agree in every number', () => {
  let exact = 0;
  let moved = 0;
  let removed = 0;
  for (let round = 0; round < 24; round++) {
    const seed = seedOf(2600 + round);
    onTestFailed(() => console.log(`seed ${seed}`));
    const prng = new Prng(seed);
    const file = open(new MemoryVfs(), prng.pick([4096, 8192]));
    const table = makeTree(file, 0, { ...NO_HINTS, initialPages: prng.pick([0, 1, 50]) });
    const lending = { ...NO_HINTS, flags: prng.pick([0, HINT_UTILIZE_PARENT_SPACE]) };
    const index = makeTree(file, table.tree, lending, TREE_INDEX);
    wear(file, [table, index], prng, 1 + prng.below(prng.pick([10, 400, 4000])));
    const pagesMax = prng.pick([undefined, undefined, 3, 40]);
    for (const tree of [table, index]) {
      const plan = compare(file, tree, true, pagesMax);
      if (plan.isExact) exact++;
      moved += plan.moved;
      removed += plan.removed;
    }
    check(file);
  }
  expect(exact).toBeGreaterThan(40);
  expect(moved).toBeGreaterThan(100);
  expect(removed).toBeGreaterThan(100);
});

test('long values: the extents that are emptied, and the pages that move, are foreseen', () => {
  for (let round = 0; round < 8; round++) {
    const seed = seedOf(2700 + round);
    onTestFailed(() => console.log(`seed ${seed}`));
    const prng = new Prng(seed);
    const file = open(new MemoryVfs());
    const tree = makeTree(file);
    const bytes = new Uint8Array(3900).fill(7);
    const ids: number[] = [];
    for (let i = 0; i < 300; i++) {
      const t = file.store.begin(1);
      ids.push(runNow(file.store.writeLong(t, tree.tree, bytes, 0, bytes.length)));
      runNow(t.commit());
    }
    const kept = prng.pick([0.1, 0.3, 0.6, 0.9]);
    const t = file.store.begin(1);
    for (const id of ids) if (!prng.chance(kept)) runNow(file.store.removeLong(t, tree.tree, id));
    runNow(t.commit());
    settle(file);
    const limited = compare(file, tree, true, 5);
    const plan = compare(file, tree, true);
    if (kept < 0.5) expect(limited.lobPagesMoved + plan.lobPagesMoved).toBeGreaterThan(0);
    expect(limited.lobPagesMoved).toBeLessThanOrEqual(5);
    expect(compare(file, tree, true).lobPagesMoved).toBe(0);
    check(file);
  }
});

test('a plan holds nothing: while rows come and go it ends, and says that it is not exact or is near', () => {
  const seed = seedOf(2801);
  onTestFailed(() => console.log(`seed ${seed}`));
  const prng = new Prng(seed);
  const file = open(new MemoryVfs());
  const tree = makeTree(file);
  wear(file, [tree], prng, 3000);
  const task = planReorganize(file, tree.tree, { lobCompaction: true });
  let n = 0;
  let step = task.next();
  for (; step.done !== true; step = task.next()) {
    step.value.answerNow();
    if (n++ % 5 !== 0) continue;
    const key = `new ${prng.below(1_000_000)} ${n}`;
    insert(file, tree, [key], () => 300);
    if (n % 50 === 1) runNow(new Reorganizer(file, tree.tree, { lobCompaction: true }).run());
    file.store.parts.core.cache.evictClean();
  }
  expect(step.value.reason).toBe('done');
  check(file);
});

test('a tree that is dropped meanwhile ends the plan', () => {
  const file = open(new MemoryVfs());
  const tree = makeTree(file);
  wear(file, [tree], new Prng(3), 1000);
  const task = planReorganize(file, tree.tree, { lobCompaction: true });
  task.next().value;
  const t = file.store.begin(1);
  runNow(file.store.dropTree(t, tree.tree));
  runNow(t.commit());
  expect(runNow(task).reason).toBe('gone');
});
