import { expect, test } from 'vitest';
import { Prng } from '../../src/base/prng.ts';
import { runNow } from '../../src/base/task.ts';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import type { FileStore } from '../../src/storage/store.ts';
import { commit, look, makeTree, openTestStore, TextTree } from './open.ts';

/** Reads of the file that a cold scan of all rows takes, and the pages that they bring. */
function coldScan(store: FileStore, tree: TextTree, rows: number, backward: boolean): { calls: number; pages: number } {
  runNow(store.checkpoint());
  const { cache } = store.parts.core;
  cache.evictClean();
  const before = { calls: cache.readCalls, pages: cache.reads };
  look(store, (snapshot) => expect(tree.all(snapshot, backward).length).toBe(rows));
  return { calls: cache.readCalls - before.calls, pages: cache.reads - before.pages };
}

test('a scan over leaves that lie in order reads them in runs, forward and backward', () => {
  const store = openTestStore({ cacheBytes: 16 << 20 });
  const tree = makeTree(store, 100);
  commit(store, (t) => {
    for (let i = 0; i < 4000; i++) tree.insert(t, `k${String(i).padStart(6, '0')}`, 'v'.repeat(900));
  });
  for (const backward of [false, true]) {
    const { calls, pages } = coldScan(store, tree, 4000, backward);
    expect(pages).toBeGreaterThan(1000);
    expect(calls * 8).toBeLessThan(pages);
  }
});

test('a scan over leaves in random order reads no page that it does not need', () => {
  const store = openTestStore({ cacheBytes: 16 << 20 });
  const tree = makeTree(store, 100);
  const prng = new Prng(8);
  const rows = 3000;
  commit(store, (t) => {
    for (let i = 0; i < rows; i++) tree.insert(t, `k${prng.below(1 << 30)}-${i}`, 'v'.repeat(300));
  });
  const { calls, pages } = coldScan(store, tree, rows, false);
  const needed = store.facts(tree.tree).pages;
  expect(pages).toBeLessThan(needed * 2);
  expect(calls).toBeLessThanOrEqual(needed + 5);
});

test('damage and holes beside a page that is read do no harm', () => {
  const vfs = new MemoryVfs();
  const store = openTestStore({ vfs, cacheBytes: 16 << 20 });
  const tree = makeTree(store, 100);
  const other = makeTree(store, 100);
  for (let n = 0; n < 40; n++) {
    commit(store, (t) => {
      for (let i = n * 60; i < n * 60 + 60; i++) {
        for (const each of [tree, other]) each.insert(t, `k${String(i).padStart(6, '0')}`, 'v'.repeat(900));
      }
    });
  }
  const t = store.begin(1);
  runNow(store.dropTree(t, other.tree));
  runNow(t.commit());
  while (runNow(store.background()));
  const { calls, pages } = coldScan(store, new TextTree(store, tree.tree), 2400, false);
  expect(calls).toBeLessThan(pages);
});
