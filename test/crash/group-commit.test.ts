import { expect, test } from 'vitest';
import { SystemClock } from '../../src/base/clock.ts';
import { Prng } from '../../src/base/prng.ts';
import { runNow, runTask, type Task } from '../../src/base/task.ts';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import type { Vfs } from '../../src/io/vfs.ts';
import { type DatabaseFile, openDatabaseFile } from '../../src/space/open-database-file.ts';
import { checkStoreNow } from '../../src/storage/check.ts';
import { NEED } from '../../src/storage/contracts.ts';
import type { FileStore } from '../../src/storage/store.ts';
import { encode, look, makeTree, seedOf, TextTree } from '../storage/open.ts';

const SESSIONS = 8;

function open(vfs: Vfs, clock: SystemClock, seed: number): Task<DatabaseFile> {
  return openDatabaseFile({ vfs, clock, prng: new Prng(seed), path: 'db/g.extent', pageBytes: 4096, cacheBytes: 1 });
}

function* insertOne(store: FileStore, tree: TextTree, key: string): Task<void> {
  const t = store.begin(1);
  const k = encode(key);
  const record = encode('v'.repeat(key.length * 20));
  while (store.insert(t, tree.tree, k, k.length, record, 0, record.length) === NEED) yield store.need;
  yield* t.commit();
}

/** Eight sessions commit, a checkpoint runs beside them, until the power goes off; the keys that were acknowledged. */
async function workUntilCut(
  disk: MemoryVfs,
  prng: Prng,
  clock: SystemClock,
): Promise<{ acked: string[]; tree: TextTree }> {
  const { store } = await runTask(open(disk, clock, prng.seed));
  const tree = makeTree(store);
  const acked: string[] = [];
  disk.cutAt(20 + prng.below(400), prng);
  const session = async (name: number): Promise<void> => {
    for (let i = 0; i < 500; i++) {
      const key = `session${name}/${String(i).padStart(4, '0')}`;
      await runTask(insertOne(store, tree, key));
      acked.push(key);
    }
  };
  const maintenance = async (): Promise<void> => {
    for (let i = 0; i < 20; i++) await runTask(store.checkpoint());
  };
  const all = [...Array.from({ length: SESSIONS }, (_, i) => session(i)), maintenance()];
  const ends = await Promise.allSettled(all);
  expect(ends.some((end) => end.status === 'rejected')).toBe(true);
  return { acked, tree };
}

test('commits that shared a flush are acknowledged only when they survive a power cut', async () => {
  const seed = seedOf(12);
  const clock = new SystemClock();
  for (let run = 0; run < 25; run++) {
    const prng = new Prng(seed + run);
    const disk = new MemoryVfs();
    const { acked, tree } = await workUntilCut(disk, prng, clock);
    const after = await runTask(open(disk.afterPowerCut(prng), clock, seed));
    const keys = new Set(look(after.store, (s) => new TextTree(after.store, tree.tree).all(s)).map(([key]) => key));
    expect(
      acked.filter((key) => !keys.has(key)),
      `seed=${seed + run}`,
    ).toEqual([]);
    expect(keys.size - acked.length, `seed=${seed + run}`).toBeLessThanOrEqual(SESSIONS);
    expect(checkStoreNow(after.store, after.space.audit()), `seed=${seed + run}`).toEqual([]);
    runNow(after.store.closing());
  }
});
