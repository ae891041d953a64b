/** Checkpoints beside sessions that never rest. */
import { expect, test } from 'vitest';
import { SystemClock } from '../../src/base/clock.ts';
import { Prng } from '../../src/base/prng.ts';
import { runTask, type Task } from '../../src/base/task.ts';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import { openDatabaseFile } from '../../src/space/open-database-file.ts';
import { NEED } from '../../src/storage/contracts.ts';
import type { FileStore } from '../../src/storage/store.ts';
import { encode, makeTree, type TextTree } from './open.ts';

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
