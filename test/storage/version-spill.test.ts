/**
 * When versions exceed their memory they go to a temporary file: writers go on, old snapshots see what they saw, and
 * transactions roll back.
 */
import { describe, expect, test } from 'vitest';
import { Prng } from '../../src/base/prng.ts';
import { runNow } from '../../src/base/task.ts';
import { FaultyVfs } from '../../src/io/faulty-vfs.ts';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import { directoryOf } from '../../src/io/vfs.ts';
import type { FileStore } from '../../src/storage/store.ts';
import { commit, makeTree, openTestStore, PATH, seedOf, TextTree } from './open.ts';

const TINY = 512 << 10;
const PLENTY = 256 << 20;
const SPILL = '-versions.tmp';

function spillFiles(vfs: { list(directory: string): string[] }): string[] {
  return vfs.list(directoryOf(PATH)).filter((name) => name.endsWith(SPILL));
}

/** Cleans until nothing is left to do. */
function quieten(store: FileStore): void {
  while (runNow(store.background()));
}

function filled(rows: number, shape: Parameters<typeof openTestStore>[0]): { store: FileStore; tree: TextTree } {
  const store = openTestStore(shape);
  const tree = makeTree(store);
  commit(store, (t) => {
    for (let i = 0; i < rows; i++) tree.insert(t, `k${i}`, `first ${i} ${'x'.repeat(i % 90)}`);
  });
  return { store, tree };
}

describe('versions beyond their memory', () => {
  test('a long reader sees its rows while 100,000 updates go on, and the file goes with the versions', () => {
    const vfs = new MemoryVfs();
    const { store, tree } = filled(5000, { vfs, versionBytes: TINY, versionSpillBytes: PLENTY });
    const { versions } = store.parts.core;
    const reader = store.begin(77);
    const old = reader.snapshot();
    const snapshots: { seen: number; snapshot: typeof old }[] = [{ seen: -1, snapshot: old }];
    const random = new Prng(seedOf(91));
    const now = new Map<string, string>();
    const states: Map<string, string>[] = [];
    for (let round = 0; round < 20; round++) {
      commit(store, (t) => {
        for (let i = 0; i < 5000; i++) {
          const key = `k${random.below(5000)}`;
          const value = `round ${round} ${i} ${'y'.repeat(random.below(120))}`;
          tree.update(t, key, value);
          now.set(key, value);
        }
      });
      if (round % 5 === 0) {
        states.push(new Map(now));
        snapshots.push({ seen: states.length - 1, snapshot: reader.snapshot() });
      }
      expect(versions.heldBytes).toBeLessThanOrEqual(TINY);
    }
    expect(versions.spilledBytes).toBeGreaterThan(4 << 20);
    expect(spillFiles(vfs).length).toBe(1);
    for (const { seen, snapshot } of snapshots) {
      for (let i = 0; i < 5000; i += 7)
        expect(tree.get(snapshot, `k${i}`), `snapshot ${seen}`).toBe(
          states[seen]?.get(`k${i}`) ?? `first ${i} ${'x'.repeat(i % 90)}`,
        );
      reader.release(snapshot);
    }
    quieten(store);
    expect(versions.entries).toBe(0);
    expect(versions.spilledBytes).toBe(0);
    expect(spillFiles(vfs)).toEqual([]);
  });

  test('a huge transaction rolls back, and one goes back to its savepoint', () => {
    const vfs = new MemoryVfs();
    const { store, tree } = filled(3000, { vfs, versionBytes: TINY, versionSpillBytes: PLENTY });
    const { versions } = store.parts.core;
    const random = new Prng(seedOf(92));
    const changed = (t: ReturnType<FileStore['begin']>, from: number): void => {
      for (let i = 0; i < 20_000; i++) {
        t.command++;
        const n = random.below(3000);
        tree.update(t, `k${n}`, `changed ${i}`.padEnd(100, '.'));
        if (i % 4 === 0) tree.insert(t, `new ${from} ${i}`, 'z'.repeat(60));
      }
    };
    const whole = store.begin(1);
    changed(whole, 0);
    expect(versions.spilledBytes).toBeGreaterThan(1 << 20);
    runNow(whole.rollback());
    const part = store.begin(1);
    tree.update(part, 'k7', 'kept');
    const mark = part.mark();
    changed(part, 1);
    expect(versions.spilledBytes).toBeGreaterThan(1 << 20);
    runNow(part.rollbackTo(mark));
    runNow(part.commit());
    quieten(store);
    const t = store.begin(1);
    const snapshot = t.snapshot();
    for (let i = 0; i < 3000; i++)
      expect(tree.get(snapshot, `k${i}`)).toBe(i === 7 ? 'kept' : `first ${i} ${'x'.repeat(i % 90)}`);
    expect(tree.get(snapshot, 'new 0 0')).toBeUndefined();
    expect(tree.get(snapshot, 'new 1 0')).toBeUndefined();
    t.release(snapshot);
    expect(versions.entries).toBe(0);
    expect(spillFiles(vfs)).toEqual([]);
  });

  test('when the file may grow no more, 53400 names the holder, and work goes on once it ends', () => {
    const { store, tree } = filled(100, { versionBytes: TINY, versionSpillBytes: 1 << 20 });
    const holder = store.begin(77);
    const snapshot = holder.snapshot();
    const fill = (): void => {
      for (let i = 0; i < 50_000; i++) commit(store, (t) => tree.insert(t, `n${i}`, 'v'.repeat(20)));
    };
    expect(fill).toThrow(
      expect.objectContaining({
        sqlstate: '53400',
        detail: expect.stringMatching(/process id 77 .*snapshot, since \d{4}-/),
      }),
    );
    holder.release(snapshot);
    quieten(store);
    commit(store, (t) => tree.update(t, 'k1', 'on it goes'));
  });

  test('a full disk ends the change with 53100, and the old snapshot is intact', () => {
    const vfs = new FaultyVfs(new MemoryVfs());
    const { store, tree } = filled(200, { vfs, versionBytes: TINY, versionSpillBytes: PLENTY });
    const reader = store.begin(77);
    const old = reader.snapshot();
    vfs.arm({ kind: 'write', at: 1, effect: 'full', sticky: true, path: SPILL });
    const writer = store.begin(78);
    const fill = (): void => {
      for (let i = 0; i < 20_000; i++) {
        writer.command++;
        tree.update(writer, `k${i % 200}`, `w${i}`.padEnd(100, '.'));
      }
    };
    expect(fill).toThrow(expect.objectContaining({ sqlstate: '53100' }));
    runNow(writer.rollback());
    expect(tree.get(old, 'k5')).toBe('first 5 xxxxx');
    vfs.arm(undefined);
    commit(store, (t) => tree.update(t, 'k5', 'again'));
    expect(tree.get(old, 'k5')).toBe('first 5 xxxxx');
    reader.release(old);
  });

  test('recovery rolls back a transaction that memory has no room for', () => {
    const vfs = new MemoryVfs();
    const { store, tree } = filled(2000, { vfs, versionBytes: TINY, versionSpillBytes: PLENTY });
    const open = store.begin(1);
    for (let i = 0; i < 20_000; i++) {
      open.command++;
      tree.update(open, `k${i % 2000}`, `lost ${i}`.padEnd(100, '.'));
    }
    store.parts.core.log.flushNow();
    const after = vfs.afterPowerCut(new Prng(seedOf(93)));
    const again = openTestStore({ vfs: after, versionBytes: TINY, versionSpillBytes: PLENTY });
    const rows = new TextTree(again, tree.tree);
    const t = again.begin(1);
    const snapshot = t.snapshot();
    for (let i = 0; i < 2000; i++) expect(rows.get(snapshot, `k${i}`)).toBe(`first ${i} ${'x'.repeat(i % 90)}`);
    t.release(snapshot);
    quieten(again);
    expect(again.parts.core.versions.entries).toBe(0);
    expect(spillFiles(after)).toEqual([]);
  });
});
