import { expect, test } from 'vitest';
import { Prng } from '../../src/base/prng.ts';
import { runNow } from '../../src/base/task.ts';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import { EXISTS, OK } from '../../src/storage/contracts.ts';
import { commit, look, makeTree, openTestStore, seedOf, TextTree } from './open.ts';

test('rows survive a clean close, and the log directory goes', async () => {
  const vfs = new MemoryVfs();
  const store = openTestStore({ vfs });
  const tree = makeTree(store);
  commit(store, (t) => {
    expect(tree.insert(t, 'b', 'two')).toBe(OK);
    expect(tree.insert(t, 'a', 'one')).toBe(OK);
    expect(tree.insert(t, 'a', 'again')).toBe(EXISTS);
  });
  await store.close();
  expect(vfs.list('db/test.extent-log')).toEqual([]);
  const again = openTestStore({ vfs });
  expect(look(again, (s) => new TextTree(again, tree.tree).all(s))).toEqual([
    ['a', 'one'],
    ['b', 'two'],
  ]);
  await again.close();
});

test('an empty database is at most 256 KiB', async () => {
  const vfs = new MemoryVfs();
  await openTestStore({ vfs, pageBytes: 8192 }).close();
  expect(vfs.usedBytes()).toBeLessThanOrEqual(256 << 10);
});

for (const pageBytes of [4096, 8192, 32768]) {
  test(`a tree behaves as a sorted map, pages of ${pageBytes} bytes`, async () => {
    const seed = seedOf(pageBytes);
    const prng = new Prng(seed);
    const vfs = new MemoryVfs();
    let store = openTestStore({ vfs, pageBytes, cacheBytes: 64 * pageBytes });
    let tree = makeTree(store);
    let model = new Map<string, string>();
    for (let round = 0; round < 60; round++) {
      const t = store.begin(1);
      const before = new Map(model);
      const mark = t.mark();
      for (let i = prng.below(60); i >= 0; i--) {
        t.command++;
        const key = `${'k'.repeat(prng.below(20))}${prng.below(400)}`;
        const value = 'v'.repeat(prng.below(prng.chance(0.1) ? store.recordBytesMax : 60));
        if (!model.has(key)) {
          expect(tree.insert(t, key, value), `seed=${seed}`).toBe(OK);
          model.set(key, value);
        } else if (prng.chance(0.4)) {
          expect(tree.remove(t, key)).toBe(OK);
          model.delete(key);
        } else {
          expect(tree.update(t, key, value)).toBe(OK);
          model.set(key, value);
        }
      }
      const fate = prng.below(5);
      if (fate <= 1) model = before;
      if (fate === 0) runNow(t.rollback());
      else {
        if (fate === 1) runNow(t.rollbackTo(mark));
        runNow(t.commit());
      }
      while (prng.chance(0.7) && runNow(store.background()));
      if (prng.chance(0.1)) runNow(store.checkpoint());
      if (prng.chance(0.05)) {
        await store.close();
        store = openTestStore({ vfs, pageBytes, cacheBytes: 64 * pageBytes });
        tree = new TextTree(store, tree.tree);
      }
      const rows = look(store, (s) => tree.all(s));
      const expected = [...model].sort(([a], [b]) => (a < b ? -1 : 1));
      expect(rows, `seed=${seed} round=${round}`).toEqual(expected);
      expect(look(store, (s) => tree.all(s, true)).reverse()).toEqual(expected);
    }
    await store.close();
  });
}
