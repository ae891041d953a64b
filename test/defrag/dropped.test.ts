/** A tree that is dropped between any two steps of what defragments it, its pages another tree's at once. */
import { expect, test } from 'vitest';
import { Prng } from '../../src/base/prng.ts';
import { runNow, type Task } from '../../src/base/task.ts';
import { DefragmentPass, PASS_BEGIN } from '../../src/defrag/defragment-pass.ts';
import { estimateReorganize } from '../../src/defrag/estimate.ts';
import { planReorganize } from '../../src/defrag/plan.ts';
import { Reorganizer } from '../../src/defrag/reorganize.ts';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import type { DatabaseFile } from '../../src/space/open-database-file.ts';
import { check, dropTree, fill, keyOf, makeTree, open, settle } from '../space/open.ts';
import { commit, type TextTree } from '../storage/open.ts';

/** A tree with sparse leaves in no order, and with sparse extents of long values. */
function worn(): { file: DatabaseFile; tree: TextTree } {
  const file = open(new MemoryVfs());
  const { store } = file;
  const tree = makeTree(file);
  const prng = new Prng(3);
  const keys = Array.from({ length: 160 }, (_, i) => keyOf((i * 7919) % 160));
  commit(store, (t) => {
    for (const key of keys) tree.insert(t, key, 'v'.repeat(900));
  });
  const t = store.begin(1);
  const bytes = new Uint8Array(3900);
  const ids = keys.slice(0, 60).map(() => runNow(store.writeLong(t, tree.tree, bytes, 0, bytes.length)));
  runNow(t.commit());
  commit(store, (u) => {
    for (const key of keys) if (prng.chance(0.7)) tree.remove(u, key);
    for (const [i, id] of ids.entries()) if (i % 4 !== 0) runNow(store.removeLong(u, tree.tree, id));
  });
  settle(file);
  return { file, tree };
}

/** @returns false when there were not so many steps. */
function runWith(file: DatabaseFile, task: Task<unknown>, at: number, act: () => void): boolean {
  const { log, cache } = file.store.parts.core;
  let steps = 0;
  const forget = (): void => {
    log.flushNow();
    while (cache.writeDirty(1000) > 0);
    cache.evictClean();
  };
  if (at <= 6) forget();
  for (let step = task.next(); step.done !== true; step = task.next()) {
    // The steps just before it find nothing in the cache, so what it comes between is an attempt and the next one.
    if (steps >= at - 6 && steps <= at) forget();
    step.value.answerNow();
    if (steps++ === at) act();
  }
  return steps > at;
}

test.each([
  [
    'reorganize',
    (file: DatabaseFile, tree: TextTree) => new Reorganizer(file, tree.tree, { lobCompaction: true }).run(),
  ],
  [
    'pass',
    (file: DatabaseFile) =>
      new DefragmentPass(
        file,
        'database',
        PASS_BEGIN,
        () => false,
        () => {},
      ).run(),
  ],
  ['plan', (file: DatabaseFile, tree: TextTree) => planReorganize(file, tree.tree, { lobCompaction: true })],
  ['estimate', (file: DatabaseFile, tree: TextTree) => estimateReorganize(file, tree.tree, { lobCompaction: true })],
] as const)('%s', { timeout: 100_000 }, (_, work) => {
  for (let at = 0, acted = true; acted; at++) {
    const { file, tree } = worn();
    acted = runWith(file, work(file, tree), at, () => {
      dropTree(file, tree);
      settle(file);
      for (let n = 0; n < 3; n++) fill(file, makeTree(file), 0, 60);
    });
    if (!acted) dropTree(file, tree);
    settle(file);
    check(file);
    expect(file.store.parts.core.trees.has(tree.tree), `step ${at}`).toBe(false);
  }
});
