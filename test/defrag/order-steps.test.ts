import { expect, test } from 'vitest';
import { Prng } from '../../src/base/prng.ts';
import { runNow } from '../../src/base/task.ts';
import { END, LeafOrderer } from '../../src/defrag/order-leaves.ts';
import { PageSet } from '../../src/defrag/page-set.ts';
import { Reorganizer } from '../../src/defrag/reorganize.ts';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import { check, fill, keyOf, makeTree, open, settle } from '../space/open.ts';
import { attempt, commit, seedOf } from '../storage/open.ts';

/** Pages that a step of ordering may read: two leaves with neighbours, branches, space trees. */
const READS_MAX = 40;

test("places of the plan that are no longer the tree's cost a step next to nothing", () => {
  const file = open(new MemoryVfs());
  const { store } = file;
  const { cache, log } = store.parts.core;
  const tree = makeTree(file);
  fill(file, tree, 0, 8000);
  const orderer = new LeafOrderer(store.parts, file.space.opened);
  runNow(orderer.plan(store.parts.core.tree(tree.tree)));
  // Between plan and steps nearly all of the tree goes, and its extents with it.
  commit(store, (t) => {
    for (let i = 0; i < 8000; i++) if (i % 200 !== 0) tree.remove(t, keyOf(i));
  });
  settle(file);
  runNow(new Reorganizer(file, tree.tree, { lobCompaction: false }).run());
  log.flushNow();
  while (cache.writeDirty(1000) > 0);
  for (let status = 0; status !== END; ) {
    cache.evictClean();
    const before = cache.reads;
    status = attempt(store, () => orderer.step(store.parts.core.tree(tree.tree)));
    expect(cache.reads - before).toBeLessThan(READS_MAX);
    log.flushNow();
    while (cache.writeDirty(1000) > 0);
  }
  check(file);
});

test('a set of pages gives them in their order', () => {
  const prng = new Prng(seedOf(55));
  const set = new PageSet();
  const pages = Array.from({ length: 500 }, () => 1 + prng.below(prng.chance(0.1) ? 100_000 : 4000));
  for (const page of pages) set.add(page);
  const found: number[] = [];
  for (let page = set.next(0); page >= 0; page = set.next(page + 1)) found.push(page);
  expect(found).toEqual([...new Set(pages)].sort((a, b) => a - b));
  expect(set.next(1_000_000)).toBe(-1);
});
