/** Space hints of trees change with their transaction: not before its commit, and not at all when it is undone. */
import { expect, test } from 'vitest';
import { ManualClock } from '../../src/base/clock.ts';
import { Prng } from '../../src/base/prng.ts';
import { runNow } from '../../src/base/task.ts';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import { type DatabaseFile, openDatabaseFile } from '../../src/space/open-database-file.ts';
import { checkStoreNow } from '../../src/storage/check.ts';
import { NO_SPACE_HINTS, type SpaceHints, type TreeId } from '../../src/storage/contracts.ts';
import type { FileStore } from '../../src/storage/store.ts';
import { commit, makeTree, openTestStore, PATH, seedOf } from './open.ts';

const GIVEN: SpaceHints = { ...NO_SPACE_HINTS, initialPages: 24, growthPercent: 150, extentPagesMax: 200, flags: 0x12 };
const VALUE = new Uint8Array(5000).fill(7);

function openedFile(vfs: MemoryVfs): DatabaseFile {
  const [clock, prng] = [new ManualClock(), new Prng(7)];
  return runNow(openDatabaseFile({ vfs, clock, prng, path: PATH, pageBytes: 4096, cacheBytes: 4 << 20 }));
}

function spaceOf(store: FileStore, tree: TreeId): [number, SpaceHints] {
  const { fillPercent, hints } = store.parts.core.tree(tree);
  return [fillPercent, hints];
}

function longTreeOf(store: FileStore, tree: TreeId): TreeId {
  return store.parts.core.tree(tree).longTree;
}

test('hints count from the commit on, and are there after a restart', async () => {
  const vfs = new MemoryVfs();
  let store = openTestStore({ vfs });
  const { tree } = makeTree(store, 90);
  const t = store.begin(1);
  runNow(store.setSpace(t, tree, 60, GIVEN));
  expect(spaceOf(store, tree)).toEqual([90, NO_SPACE_HINTS]);
  runNow(t.commit());
  expect(spaceOf(store, tree)).toEqual([60, GIVEN]);
  await store.close();
  store = openTestStore({ vfs });
  expect(spaceOf(store, tree)).toEqual([60, GIVEN]);
});

test('a rollback forgets hints, a rollback to a savepoint those after it', () => {
  const store = openTestStore();
  const { tree } = makeTree(store, 90);
  const undone = store.begin(1);
  runNow(store.setSpace(undone, tree, 60, GIVEN));
  runNow(undone.rollback());
  expect(spaceOf(store, tree)).toEqual([90, NO_SPACE_HINTS]);

  const t = store.begin(1);
  runNow(store.setSpace(t, tree, 70, NO_SPACE_HINTS));
  const mark = t.mark();
  runNow(store.setSpace(t, tree, 60, GIVEN));
  runNow(t.rollbackTo(mark));
  runNow(t.commit());
  expect(spaceOf(store, tree)).toEqual([70, NO_SPACE_HINTS]);
});

test('a power cut leaves the old hints or the new ones, and every page with one owner', () => {
  const first = seedOf(1);
  let [kept, made] = [0, 0];
  for (let seed = first; seed < first + 24; seed++) {
    const vfs = new MemoryVfs();
    const store = openTestStore({ vfs });
    const { tree } = makeTree(store, 90);
    const t = store.begin(1);
    t.durable = seed % 3 === 0;
    runNow(store.setSpace(t, tree, 60, GIVEN));
    runNow(store.setLongSpace(t, tree, 50, GIVEN));
    runNow(store.writeLong(t, tree, VALUE, 0, VALUE.length));
    if (seed % 2 === 0) runNow(store.checkpoint());
    if (seed % 3 !== 1) runNow(t.commit());
    const { store: after, space } = openedFile(vfs.afterPowerCut(new Prng(seed)));
    const long = longTreeOf(after, tree);
    if (seed % 3 === 0) expect(long, `SEED=${seed}`).not.toBe(0);
    if (seed % 3 === 1) expect(long, `SEED=${seed}`).toBe(0);
    expect(spaceOf(after, tree), `SEED=${seed}`).toEqual(long === 0 ? [90, NO_SPACE_HINTS] : [60, GIVEN]);
    if (long === 0) kept++;
    else {
      made++;
      expect(spaceOf(after, long), `SEED=${seed}`).toEqual([50, GIVEN]);
    }
    while (runNow(after.background()));
    expect(checkStoreNow(after, space.audit()), `SEED=${seed}`).toEqual([]);
  }
  expect(Math.min(kept, made)).toBeGreaterThan(0);
});

test('a tree of the same transaction has its hints at once, unless a savepoint lies between', () => {
  const store = openTestStore();
  const t = store.begin(1);
  const tree = runNow(store.createTree(t, { kind: 0, parent: 0, fillPercent: 90 }));
  runNow(store.setSpace(t, tree, 60, GIVEN));
  expect(spaceOf(store, tree)).toEqual([60, GIVEN]);
  const mark = t.mark();
  runNow(store.setSpace(t, tree, 30, NO_SPACE_HINTS));
  expect(spaceOf(store, tree)).toEqual([60, GIVEN]);
  runNow(t.rollbackTo(mark));
  runNow(t.commit());
  expect(spaceOf(store, tree)).toEqual([60, GIVEN]);
});

test('long values get their tree with its hints at once, and lose it with the transaction', () => {
  const store = openTestStore();
  const { tree } = makeTree(store);
  const undone = store.begin(1);
  runNow(store.setLongSpace(undone, tree, 80, GIVEN));
  expect(store.parts.core.tree(longTreeOf(store, tree)).hints).toEqual(GIVEN);
  const mark = undone.mark();
  runNow(store.writeLong(undone, tree, VALUE, 0, VALUE.length));
  runNow(undone.rollbackTo(mark));
  runNow(undone.rollback());
  expect(longTreeOf(store, tree)).toBe(0);

  commit(store, (t) => runNow(store.setLongSpace(t, tree, 80, GIVEN)));
  const long = longTreeOf(store, tree);
  expect(spaceOf(store, long)).toEqual([80, GIVEN]);
  commit(store, (t) => {
    const id = runNow(store.writeLong(t, tree, VALUE, 0, VALUE.length));
    const into = new Uint8Array(VALUE.length);
    runNow(store.readLong(tree, id, 0, VALUE.length, into, 0));
    expect(into).toEqual(VALUE);
  });
  expect(longTreeOf(store, tree)).toBe(long);

  const again = store.begin(1);
  runNow(store.setLongSpace(again, tree, 100, NO_SPACE_HINTS));
  runNow(again.rollback());
  expect(spaceOf(store, long)).toEqual([80, GIVEN]);
});

test('hints of a tree that the same transaction drops are forgotten with it', () => {
  const store = openTestStore();
  const { tree } = makeTree(store);
  const t = store.begin(1);
  runNow(store.setSpace(t, tree, 60, GIVEN));
  runNow(store.dropTree(t, tree));
  runNow(t.commit());
  while (runNow(store.background()));
  expect(store.parts.core.trees.has(tree)).toBe(false);
});
