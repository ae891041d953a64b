import { expect, test } from 'vitest';
import { SystemClock } from '../../src/base/clock.ts';
import type { ExtentError } from '../../src/base/errors.ts';
import { Prng } from '../../src/base/prng.ts';
import { runNow, runTask, type Task } from '../../src/base/task.ts';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import { openDatabaseFile } from '../../src/space/open-database-file.ts';
import {
  LOCK_NOWAIT,
  LOCK_SKIP,
  LOCK_WAIT,
  NEED,
  NONE,
  OK,
  ROW_KEY_SHARE,
  ROW_NO_KEY_UPDATE,
  ROW_UPDATE,
  type RowLockMode,
  type Transaction,
  WOULD_BLOCK,
} from '../../src/storage/contracts.ts';
import { makeRow } from '../../src/storage/row-versions.ts';
import type { FileStore } from '../../src/storage/store.ts';
import { commit, encode, look, makeTree, openTestStore, type TextTree } from './open.ts';

async function openAsync(): Promise<FileStore> {
  const vfs = new MemoryVfs();
  const clock = new SystemClock();
  const opened = await runTask(
    openDatabaseFile({ vfs, clock, prng: new Prng(1), path: 'db/a.extent', cacheBytes: 1 << 20 }),
  );
  return opened.store;
}

/** Repeats an attempt as a task. */
function* trying(store: FileStore, act: () => number): Task<number> {
  for (;;) {
    const status = act();
    if (status !== NEED) return status;
    yield store.need;
  }
}

function insert(store: FileStore, t: Transaction, tree: TextTree, key: string, value: string): Task<number> {
  const k = encode(key);
  const v = encode(value);
  return trying(store, () => store.insert(t, tree.tree, k, k.length, v, 0, v.length));
}

function lock(
  store: FileStore,
  t: Transaction,
  tree: TextTree,
  key: string,
  mode: RowLockMode,
  policy: 0 | 1 | 2 = LOCK_WAIT,
): Task<number> {
  const k = encode(key);
  const row = makeRow();
  return trying(store, () => store.lockRow(t, tree.tree, k, k.length, mode, policy, true, row));
}

test('sixteen sessions that commit at once share flushes', async () => {
  const store = await openAsync();
  const tree = makeTree(store);
  const before = store.parts.core.log.flushes;
  await Promise.all(
    Array.from({ length: 16 }, async (_, i) => {
      const t = store.begin(i);
      expect(await runTask(insert(store, t, tree, `key${i}`, 'value'))).toBe(OK);
      await runTask(t.commit());
    }),
  );
  expect(store.parts.core.log.flushes - before).toBeLessThanOrEqual(2);
  expect(look(store, (s) => tree.all(s)).length).toBe(16);
  await store.close();
});

test('a snapshot sees neither later commits nor open changes, and its own changes by command', () => {
  const store = openTestStore();
  const tree = makeTree(store);
  commit(store, (t) => {
    tree.insert(t, 'a', 'old');
    tree.insert(t, 'b', 'old');
  });
  const reader = store.begin(1);
  const repeatable = reader.snapshot();
  const writer = store.begin(2);
  tree.update(writer, 'a', 'new');
  tree.remove(writer, 'b');
  tree.insert(writer, 'c', 'new');
  const own = writer.snapshot();
  expect(tree.all(own)).toEqual([
    ['a', 'old'],
    ['b', 'old'],
  ]);
  writer.release(own);
  writer.command++;
  const later = writer.snapshot();
  expect(tree.all(later)).toEqual([
    ['a', 'new'],
    ['c', 'new'],
  ]);
  writer.release(later);
  expect(look(store, (s) => tree.all(s))).toHaveLength(2);
  runNow(writer.commit());
  expect(tree.all(repeatable)).toEqual([
    ['a', 'old'],
    ['b', 'old'],
  ]);
  expect(tree.get(repeatable, 'c')).toBeUndefined();
  const readCommitted = reader.snapshot();
  expect(tree.get(readCommitted, 'a')).toBe('new');
  reader.release(readCommitted);
  while (runNow(store.background()));
  expect(tree.get(repeatable, 'b')).toBe('old');
  reader.release(repeatable);
  while (runNow(store.background()));
  expect(store.parts.core.versions.entries).toBe(0);
});

test('whoever waits for a row gets it when its writer ends, in order of arrival', async () => {
  const store = await openAsync();
  const tree = makeTree(store);
  commit(store, (t) => tree.insert(t, 'a', '0'));
  const first = store.begin(1);
  tree.update(first, 'a', '1');
  const order: number[] = [];
  const waits = [2, 3].map(async (owner) => {
    const t = store.begin(owner);
    expect(await runTask(lock(store, t, tree, 'a', ROW_NO_KEY_UPDATE))).toBe(OK);
    order.push(owner);
    await runTask(t.commit());
  });
  await runTask(first.commit());
  await Promise.all(waits);
  expect(order).toEqual([2, 3]);
  await store.close();
});

test('row locks conflict as in PostgreSQL: NOWAIT and SKIP LOCKED tell, KEY SHARE and NO KEY UPDATE agree', () => {
  const store = openTestStore();
  const tree = makeTree(store);
  commit(store, (t) => tree.insert(t, 'a', '0'));
  const a = store.begin(1);
  const b = store.begin(2);
  const b2 = store.begin(3);
  expect(runNow(lock(store, a, tree, 'a', ROW_KEY_SHARE))).toBe(OK);
  expect(runNow(lock(store, b, tree, 'a', ROW_NO_KEY_UPDATE, LOCK_NOWAIT))).toBe(OK);
  expect(runNow(lock(store, b2, tree, 'a', ROW_UPDATE, LOCK_SKIP))).toBe(WOULD_BLOCK);
  expect(runNow(lock(store, b2, tree, 'a', ROW_KEY_SHARE, LOCK_NOWAIT))).toBe(OK);
  expect(() => runNow(lock(store, b2, tree, 'a', ROW_UPDATE))).toThrow(/lock/);
  for (const t of [a, b, b2]) runNow(t.rollback());
  expect(store.parts.transactions.locks.anyRows).toBe(false);
});

test('a circle of waits is broken with 40P01', async () => {
  const store = await openAsync();
  const tree = makeTree(store);
  commit(store, (t) => {
    tree.insert(t, 'a', '0');
    tree.insert(t, 'b', '0');
  });
  const one = store.begin(1);
  const two = store.begin(2);
  tree.update(one, 'a', '1');
  tree.update(two, 'b', '2');
  const waiting = runTask(lock(store, one, tree, 'b', ROW_UPDATE));
  const error: ExtentError = await runTask(lock(store, two, tree, 'a', ROW_UPDATE)).then(
    () => expect.unreachable(),
    (e) => e,
  );
  expect(error.sqlstate).toBe('40P01');
  expect(error.message).toBe('deadlock detected');
  await runTask(two.rollback());
  expect(await waiting).toBe(OK);
  await runTask(one.rollback());
  await store.close();
});

test('a lock timeout is 55P03, and table locks conflict by mode', async () => {
  const store = await openAsync();
  const one = store.begin(1);
  const two = store.begin(2);
  expect(await runTask(one.lockTable(99, 3, LOCK_WAIT))).toBe(true);
  expect(await runTask(two.lockTable(99, 3, LOCK_WAIT))).toBe(true);
  expect(await runTask(two.lockTable(99, 5, LOCK_NOWAIT))).toBe(false);
  two.lockTimeoutMs = 5;
  await expect(runTask(two.lockTable(99, 8, LOCK_WAIT))).rejects.toMatchObject({ sqlstate: '55P03' });
  await runTask(one.commit());
  expect(await runTask(two.lockTable(99, 8, LOCK_WAIT))).toBe(true);
  await runTask(two.commit());
  await store.close();
});

test('an insert waits for the open transaction that inserted or deleted the key', async () => {
  const store = await openAsync();
  const tree = makeTree(store);
  const one = store.begin(1);
  await runTask(insert(store, one, tree, 'a', '1'));
  const two = store.begin(2);
  const waiting = runTask(insert(store, two, tree, 'a', '2'));
  await runTask(one.rollback());
  expect(await waiting).toBe(OK);
  await runTask(two.commit());
  expect(look(store, (s) => tree.get(s, 'a'))).toBe('2');
  await store.close();
});

test('a moved row tells its new key to whoever waited', () => {
  const store = openTestStore();
  const tree = makeTree(store);
  commit(store, (t) => tree.insert(t, 'a', '0'));
  commit(store, (t) => {
    const k = encode('a');
    store.remove(t, tree.tree, k, 1, encode('b'));
    tree.insert(t, 'b', '0');
  });
  const t = store.begin(1);
  const row = makeRow();
  expect(store.lockRow(t, tree.tree, encode('a'), 1, ROW_UPDATE, LOCK_WAIT, false, row)).toBe(NONE);
  expect(row.movedTo).toEqual(encode('b'));
});

test('a row that changes all the time keeps few versions, however old the oldest snapshot is', () => {
  const store = openTestStore();
  const tree = makeTree(store);
  commit(store, (t) => tree.insert(t, 'a', '0'));
  const old = store.begin(1);
  const oldest = old.snapshot();
  const middle = store.begin(2);
  let between: ReturnType<typeof middle.snapshot> | undefined;
  for (let i = 1; i <= 5000; i++) {
    commit(store, (t) => tree.update(t, 'a', String(i)));
    if (i === 2500) between = middle.snapshot();
  }
  expect(store.parts.core.versions.entries).toBeLessThan(8);
  expect(tree.get(oldest, 'a')).toBe('0');
  if (between !== undefined) expect(tree.get(between, 'a')).toBe('2500');
  expect(look(store, (s) => tree.get(s, 'a'))).toBe('5000');
  old.release(oldest);
  if (between !== undefined) middle.release(between);
  while (runNow(store.background()));
  expect(store.parts.core.versions.entries).toBe(0);
});

test('a full version store names the holder of the horizon', () => {
  const store = openTestStore({ versionBytes: 256 << 10 });
  const tree = makeTree(store);
  const holder = store.begin(77);
  holder.snapshot();
  const fill = (): void => {
    for (let i = 0; i < 10_000; i++) commit(store, (t) => tree.insert(t, `k${i}`, 'v'.repeat(200)));
  };
  expect(fill).toThrow(expect.objectContaining({ sqlstate: '53400', detail: expect.stringContaining('77') }));
});
