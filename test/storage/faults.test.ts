/**
 * What happens when the disk fails: nothing acknowledged is lost, a full disk fails one statement, a failed sync is fatal.
 */
import { expect, test } from 'vitest';
import { ExtentError } from '../../src/base/errors.ts';
import { Prng } from '../../src/base/prng.ts';
import { runNow } from '../../src/base/task.ts';
import { FaultyVfs } from '../../src/io/faulty-vfs.ts';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import { checkStoreNow } from '../../src/storage/check.ts';
import type { FileStore } from '../../src/storage/store.ts';
import { commit, look, makeTree, openTestStore, PATH, TextTree } from './open.ts';

function sqlstateOf(act: () => void): string {
  try {
    act();
  } catch (error) {
    if (error instanceof ExtentError) return error.sqlstate;
    throw error;
  }
  return '00000';
}

/** Inserts keys one commit at a time until something fails; the keys that were acknowledged. */
function fill(store: FileStore, tree: TextTree, count: number): { readonly acked: string[]; readonly error: string } {
  const acked: string[] = [];
  const error = sqlstateOf(() => {
    for (let i = 0; i < count; i++) {
      const key = `key${i}`;
      const t = store.begin(1);
      try {
        tree.insert(t, key, 'v'.repeat(300));
        runNow(t.commit());
      } catch (failure) {
        if (store.parts.core.log.failure === undefined) runNow(t.rollback());
        throw failure;
      }
      acked.push(key);
    }
  });
  return { acked, error };
}

test('a full disk fails the statement with 53100; when there is room again, work goes on', async () => {
  const disk = new MemoryVfs();
  const store = openTestStore({ vfs: disk });
  const tree = makeTree(store);
  disk.capacityBytes = disk.usedBytes() + 200_000;
  const { acked, error } = fill(store, tree, 100_000);
  expect(error).toBe('53100');
  expect(look(store, (s) => tree.all(s)).map(([key]) => key)).toEqual([...acked].sort());
  expect(checkStoreNow(store)).toEqual([]);
  disk.capacityBytes = Number.POSITIVE_INFINITY;
  commit(store, (t) => tree.insert(t, 'another', 'row'));
  await store.close();
  const again = openTestStore({ vfs: disk });
  expect(look(again, (s) => new TextTree(again, tree.tree).all(s))).toHaveLength(acked.length + 1);
  await again.close();
});

test('on a full disk rollback, checkpoint and shutdown still have room', async () => {
  const disk = new MemoryVfs();
  const store = openTestStore({ vfs: disk });
  const tree = makeTree(store);
  disk.capacityBytes = disk.usedBytes();
  const t = store.begin(1);
  const error = sqlstateOf(() => {
    for (let i = 0; i < 100_000; i++) tree.insert(t, `key${i}`, 'v'.repeat(300));
  });
  expect(error).toBe('53100');
  runNow(t.rollback());
  runNow(store.checkpoint());
  expect(look(store, (s) => tree.all(s))).toEqual([]);
  await store.close();
});

test('a failed sync of the log is fatal: nothing is acknowledged any more, and recovery finds what was', () => {
  const disk = new MemoryVfs();
  const vfs = new FaultyVfs(disk);
  const store = openTestStore({ vfs });
  const tree = makeTree(store);
  vfs.arm({ kind: 'sync', at: 20, effect: 'error', path: '.extent-log' });
  const { acked, error } = fill(store, tree, 1000);
  expect(error).toBe('57P02');
  expect(vfs.strikes).toBe(1);
  expect(sqlstateOf(() => commit(store, (t) => tree.insert(t, 'later', 'row')))).toBe('57P02');
  vfs.arm(undefined);
  runNow(store.closing());
  const again = openTestStore({ vfs: disk });
  const rows = look(again, (s) => new TextTree(again, tree.tree).all(s)).map(([key]) => key);
  expect(rows).toEqual(expect.arrayContaining(acked));
  expect(rows).not.toContain('later');
});

test('whichever operation fails, once or for good, what was acknowledged survives', () => {
  for (const sticky of [false, true]) {
    for (let at = 1; at < 120; at += 3) {
      const disk = new MemoryVfs();
      const vfs = new FaultyVfs(disk);
      const store = openTestStore({ vfs, cacheBytes: 1 });
      const tree = makeTree(store);
      vfs.arm({ kind: 'any', at, effect: at % 2 === 0 ? 'error' : 'short', sticky });
      const { acked } = fill(store, tree, 60);
      sqlstateOf(() => runNow(store.checkpoint()));
      sqlstateOf(() => runNow(store.closing()));
      vfs.arm(undefined);
      const again = openTestStore({ vfs: disk });
      const rows = look(again, (s) => new TextTree(again, tree.tree).all(s)).map(([key]) => key);
      expect(rows, `at=${at} sticky=${sticky}`).toEqual(expect.arrayContaining(acked));
      expect(checkStoreNow(again), `at=${at} sticky=${sticky}`).toEqual([]);
      runNow(again.closing());
    }
  }
});

test('a damaged page is an error that names file, page and tree; other trees stay readable', async () => {
  const disk = new MemoryVfs();
  const store = openTestStore({ vfs: disk });
  const good = makeTree(store);
  const bad = makeTree(store);
  for (const tree of [good, bad]) commit(store, (t) => tree.insert(t, 'a', 'row'));
  const pgno = store.parts.core.tree(bad.tree).root;
  await store.close();
  const file = disk.open(PATH, 'write');
  file.write(Uint8Array.of(0x55), 0, 1, (pgno + 1) * 4096 + 2000);
  const again = openTestStore({ vfs: disk });
  expect(() => look(again, (s) => new TextTree(again, bad.tree).all(s))).toThrow(
    new RegExp(`page ${pgno} in file "${PATH}" of tree ${bad.tree}`),
  );
  expect(look(again, (s) => new TextTree(again, good.tree).all(s))).toEqual([['a', 'row']]);
  expect(checkStoreNow(again)).toEqual([`tree ${bad.tree} page ${pgno}: blank or wrong checksum`]);
});

test('a page that lies in the place of another, and a write that the disk lost, are errors', async () => {
  const disk = new MemoryVfs();
  const vfs = new FaultyVfs(disk);
  const store = openTestStore({ vfs });
  const [left, right] = [makeTree(store), makeTree(store)];
  for (const tree of [left, right]) commit(store, (t) => tree.insert(t, 'a', 'row'));
  runNow(store.checkpoint());
  const { core } = store.parts;
  const placeOf = (tree: TextTree): number => (core.tree(tree.tree).root + 1) * 4096;
  const file = disk.open(PATH, 'write');
  const pages = [left, right].map((tree) => {
    const bytes = new Uint8Array(4096);
    file.read(bytes, 0, 4096, placeOf(tree));
    return bytes;
  });
  // The page of before comes back behind the newer one that was written: to the disk that is a write which it lost.
  commit(store, (t) => left.insert(t, 'b', 'row'));
  runNow(store.checkpoint());
  file.write(pages[0]!, 0, 4096, placeOf(left));
  core.cache.evictClean();
  expect(() => look(store, (s) => left.all(s))).toThrow(/wrong checksum/);
  file.write(pages[0]!, 0, 4096, placeOf(right));
  core.cache.evictClean();
  expect(() => look(store, (s) => right.all(s))).toThrow(/wrong checksum/);
  file.write(pages[1]!, 0, 4096, placeOf(right));
  expect(look(store, (s) => right.all(s))).toEqual([['a', 'row']]);
});

test('a dirty file without its log does not open, and a foreign log is not touched', () => {
  const disk = new MemoryVfs();
  const store = openTestStore({ vfs: disk });
  makeTree(store);
  const crashed = disk.afterPowerCut(new Prng(1));
  for (const name of crashed.list(`${PATH}-log`)) crashed.unlink(`${PATH}-log/${name}`);
  expect(() => openTestStore({ vfs: crashed })).toThrow(/log generation 1 of database file .* is missing/);
});
