/** Checkpoints beside sessions that never rest. */
import { expect, test } from 'vitest';
import { SystemClock } from '../../src/base/clock.ts';
import { Prng } from '../../src/base/prng.ts';
import { REQUEST_SLICE, runNow, runTask, type Task } from '../../src/base/task.ts';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import { openDatabaseFile } from '../../src/space/open-database-file.ts';
import { NEED, OK } from '../../src/storage/contracts.ts';
import type { FileStore } from '../../src/storage/store.ts';
import { check, fill, keyOf, makeTree as makeSpaceTree, open } from '../space/open.ts';
import { commit, encode, look, makeTree, TextTree } from './open.ts';

function* change(store: FileStore, tree: TextTree, key: string, n: number): Task<void> {
  const t = store.begin(1);
  const k = encode(key);
  const record = encode(`${n}`.padStart(60, '.'));
  while (
    (n === 0
      ? store.insert(t, tree.tree, k, k.length, record, 0, record.length)
      : store.update(t, tree.tree, k, k.length, record, 0, record.length, 2)) === NEED
  )
    yield store.need;
  yield* t.commit();
}

test('a checkpoint ends although pages that it must write are changed at every turn', async () => {
  const vfs = new MemoryVfs();
  const { store } = await runTask(
    openDatabaseFile({ vfs, clock: new SystemClock(), prng: new Prng(1), path: 'db/c.extent' }),
  );
  const tree = makeTree(store);
  let over = false;
  const session = async (key: string): Promise<void> => {
    for (let n = 0; !over && n < 20_000; n++) await runTask(change(store, tree, key, n));
  };
  const sessions = ['a', 'b', 'c', 'd', 'e', 'f'].map(session);
  for (let n = 0; n < 3; n++) {
    const { redo } = store.parts.core.header;
    await runTask(store.checkpoint());
    expect(store.parts.core.header.redo).toBeGreaterThan(redo);
  }
  const { groups } = store.parts.core.log;
  expect(groups).toBeLessThan(50_000);
  over = true;
  await Promise.all(sessions);
  await store.close();
});

test('what it left out because the page was freed is not lost with the group that freed it', () => {
  const vfs = new MemoryVfs();
  const file = open(vfs);
  const { store } = file;
  const { cache, log, header } = store.parts.core;
  const [busy, sparse] = [makeSpaceTree(file), makeSpaceTree(file)];
  fill(file, busy, 0, 400);
  fill(file, sparse, 0, 40);
  runNow(store.checkpoint());
  // A leaf of one tree has a change that the file does not know; its turn comes behind those of the other tree.
  commit(store, (t) => {
    for (let i = 0; i < 400; i += 4) busy.update(t, keyOf(i), 'w'.repeat(900));
    for (let i = 20; i < 24; i++) sparse.remove(t, keyOf(i));
  });
  const rows = look(store, (snapshot) => sparse.all(snapshot));
  const { redo } = header;
  const checkpoint = store.checkpoint();
  let step = checkpoint.next();
  for (; step.done !== true && step.value.kind !== REQUEST_SLICE; step = checkpoint.next()) step.value.answerNow();
  // The first pages are written, and others have a turn: the leaf is freed, and nobody flushes the log.
  const { freed } = cache;
  const { durable } = log;
  while (store.parts.purge.step() === OK);
  expect(cache.freed).toBe(freed + 1);
  expect(log.tail).toBeGreaterThan(durable);
  expect(log.durable).toBe(durable);
  for (; step.done !== true; step = checkpoint.next()) step.value.answerNow();
  expect(header.redo).toBeGreaterThan(redo);
  for (let seed = 1; seed <= 10; seed++) {
    const left = open(vfs.afterPowerCut(new Prng(seed)));
    check(left);
    expect(look(left.store, (snapshot) => new TextTree(left.store, sparse.tree).all(snapshot))).toEqual(rows);
  }
});
