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
import { sliceRequest } from '../../src/storage/transactions.ts';
import { encode, look, makeTree, seedOf, TextTree } from '../storage/open.ts';
import { OrderedVfs } from '../support/ordered-vfs.ts';

const SESSIONS = 8;
const PAGE_BYTES = 4096;
const PATH = 'db/g.extent';

function open(vfs: Vfs, clock: SystemClock, seed: number): Task<DatabaseFile> {
  return openDatabaseFile({
    vfs,
    clock,
    prng: new Prng(seed),
    path: PATH,
    pageBytes: PAGE_BYTES,
    cacheBytes: 1,
  });
}

function* insertOne(store: FileStore, tree: TextTree, key: string): Task<void> {
  const t = store.begin(1);
  const k = encode(key);
  const record = encode('v'.repeat(key.length * 20));
  while (store.insert(t, tree.tree, k, k.length, record, 0, record.length) === NEED) yield store.need;
  yield* t.commit();
}

/** What a session sees of a tree again and again, between the turns of others, until it is told to stop or the power goes off. */
function* watch(store: FileStore, tree: TextTree, seen: Set<string>, isOver: () => boolean): Task<void> {
  while (!isOver()) {
    look(store, (snapshot) => {
      for (const [key] of tree.all(snapshot)) seen.add(key);
    });
    yield sliceRequest(store.parts.core);
  }
}

interface Work {
  readonly tree: TextTree;
  /** Keys whose commit was acknowledged, and keys that somebody saw. */
  readonly acked: readonly string[];
  readonly seen: ReadonlySet<string>;
}

/** Eight sessions commit, a ninth reads and a checkpoint runs beside them, until the power goes off. */
async function workUntilCut(disk: MemoryVfs, prng: Prng, clock: SystemClock): Promise<Work> {
  const order = new OrderedVfs(disk, PATH, PAGE_BYTES);
  const { store } = await runTask(open(order, clock, prng.seed));
  const tree = makeTree(store);
  const acked: string[] = [];
  const seen = new Set<string>();
  let isOver = false;
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
  const writers = [...Array.from({ length: SESSIONS }, (_, i) => session(i)), maintenance()];
  const reader = runTask(watch(store, tree, seen, () => isOver));
  const ends = await Promise.allSettled(writers);
  isOver = true;
  await Promise.allSettled([reader]);
  expect(ends.some((end) => end.status === 'rejected')).toBe(true);
  expect(order.broken, `seed=${prng.seed}`).toEqual([]);
  return { tree, acked, seen };
}

test('commits that share a flush are acknowledged, and seen by others, only when they survive a power cut', async () => {
  const seed = seedOf(12);
  const clock = new SystemClock();
  for (let run = 0; run < 25; run++) {
    const prng = new Prng(seed + run);
    const disk = new MemoryVfs();
    const { acked, seen, tree } = await workUntilCut(disk, prng, clock);
    const after = await runTask(open(disk.afterPowerCut(prng), clock, seed));
    const keys = new Set(look(after.store, (s) => new TextTree(after.store, tree.tree).all(s)).map(([key]) => key));
    const lost = (of: Iterable<string>): string[] => [...of].filter((key) => !keys.has(key));
    expect(lost(acked), `acknowledged, seed=${seed + run}`).toEqual([]);
    expect(lost(seen), `seen, seed=${seed + run}`).toEqual([]);
    expect(keys.size - acked.length, `seed=${seed + run}`).toBeLessThanOrEqual(SESSIONS);
    expect(checkStoreNow(after.store, after.space.audit()), `seed=${seed + run}`).toEqual([]);
    runNow(after.store.closing());
  }
});
