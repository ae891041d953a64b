import { expect, test } from 'vitest';
import { Prng } from '../../src/base/prng.ts';
import { runNow } from '../../src/base/task.ts';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import { checkStoreNow } from '../../src/storage/check.ts';
import { EXISTS, NONE, OK, type Transaction } from '../../src/storage/contracts.ts';
import { makeRow } from '../../src/storage/row-versions.ts';
import type { FileStore } from '../../src/storage/store.ts';
import { attempt, commit, encode, look, makeTree, openTestStore, seedOf, TextTree } from './open.ts';

function name(i: number): string {
  return `key${String(i).padStart(7, '0')}`;
}

/** Appends keys from … to − 1 in bulk. */
function append(store: FileStore, t: Transaction, tree: TextTree, from: number, to: number): void {
  const appender = store.appender(t, tree.tree);
  for (let i = from; i < to; i++) {
    const key = encode(name(i));
    const record = encode(`value ${i}`);
    expect(attempt(store, () => appender.add(key, key.length, record, 0, record.length))).toBe(OK);
  }
  attempt(store, () => appender.flush());
}

test('ascending inserts fill pages to the fill percent, and move nothing', () => {
  for (const fillPercent of [50, 90, 100]) {
    const store = openTestStore();
    const tree = makeTree(store, fillPercent);
    commit(store, (t) => {
      for (let i = 0; i < 5000; i++) tree.insert(t, name(i), 'x'.repeat(60));
    });
    const { leafPages, rows } = store.facts(tree.tree);
    expect(rows).toBe(5000);
    const perPage = (5000 * (60 + 8 + 4)) / leafPages / 4032;
    expect(perPage).toBeGreaterThan(fillPercent / 100 - 0.12);
    expect(perPage).toBeLessThan(fillPercent / 100 + 0.02);
    expect(checkStoreNow(store)).toEqual([]);
  }
});

test('inserts that go on behind one another inside a tree fill their pages too', () => {
  const store = openTestStore();
  const tree = makeTree(store, 100);
  commit(store, (t) => {
    for (let i = 0; i < 1000; i++) tree.insert(t, `a${name(i)}`, 'x'.repeat(60));
    for (let i = 0; i < 1000; i++) tree.insert(t, `z${name(i)}`, 'x'.repeat(60));
  });
  const before = store.facts(tree.tree).leafPages;
  commit(store, (t) => {
    for (let i = 0; i < 3000; i++) tree.insert(t, `m${name(i)}`, 'x'.repeat(60));
  });
  const used = (3000 * (60 + 8 + 4)) / (store.facts(tree.tree).leafPages - before) / 4032;
  expect(used).toBeGreaterThan(0.85);
  expect(checkStoreNow(store)).toEqual([]);
});

test('a bulk run is one version: invisible until its commit, gone with its rollback, savepoints included', async () => {
  const vfs = new MemoryVfs();
  const store = openTestStore({ vfs });
  const tree = makeTree(store);
  const t = store.begin(1);
  append(store, t, tree, 0, 2000);
  expect(store.parts.core.versions.entries).toBe(1);
  expect(look(store, (s) => tree.all(s))).toEqual([]);
  const mark = t.mark();
  append(store, t, tree, 2000, 4000);
  t.command++;
  const own = t.snapshot();
  expect(tree.all(own)).toHaveLength(4000);
  t.release(own);
  runNow(t.rollbackTo(mark));
  append(store, t, tree, 4000, 4100);
  runNow(t.commit());
  expect(look(store, (s) => tree.all(s))).toHaveLength(2100);
  const u = store.begin(1);
  append(store, u, tree, 5000, 9000);
  runNow(u.rollback());
  while (runNow(store.background()));
  expect(store.facts(tree.tree).rows).toBe(2100);
  expect(look(store, (s) => tree.all(s)).map(([key]) => key)).toEqual([
    ...Array.from({ length: 2000 }, (_, i) => name(i)),
    ...Array.from({ length: 100 }, (_, i) => name(4000 + i)),
  ]);
  expect(checkStoreNow(store)).toEqual([]);
  await store.close();
});

test('a row that someone inserts between the keys of an open run is not part of it', () => {
  const store = openTestStore();
  const tree = makeTree(store);
  const t = store.begin(1);
  const appender = store.appender(t, tree.tree);
  for (let i = 0; i < 400; i += 2) {
    const key = encode(name(i));
    expect(attempt(store, () => appender.add(key, key.length, key, 0, key.length))).toBe(OK);
  }
  attempt(store, () => appender.flush());
  commit(store, (u) => expect(tree.insert(u, name(101), 'mine')).toBe(OK));
  while (runNow(store.background()));
  expect(look(store, (s) => tree.all(s))).toEqual([[name(101), 'mine']]);
  runNow(t.rollback());
  while (runNow(store.background()));
  expect(look(store, (s) => tree.all(s))).toEqual([[name(101), 'mine']]);
});

test('appending below the last key is refused, and rows that came between are worked around', () => {
  const store = openTestStore();
  const tree = makeTree(store);
  commit(store, (t) => tree.insert(t, name(500), 'x'));
  const t = store.begin(1);
  const appender = store.appender(t, tree.tree);
  const low = encode(name(1));
  expect(attempt(store, () => appender.add(low, low.length, low, 0, low.length))).toBe(NONE);
  for (let i = 600; i < 610; i++) {
    const key = encode(name(i));
    expect(attempt(store, () => appender.add(key, key.length, key, 0, key.length))).toBe(OK);
  }
  commit(store, (u) => tree.insert(u, name(605).concat('x'), 'between'));
  attempt(store, () => appender.flush());
  runNow(t.commit());
  expect(look(store, (s) => tree.all(s))).toHaveLength(12);
  expect(checkStoreNow(store)).toEqual([]);
});

test('putNow is seen by everyone at once and survives a rollback and a power cut', () => {
  const disk = new MemoryVfs();
  const store = openTestStore({ vfs: disk });
  const tree = makeTree(store);
  const key = encode('sequence');
  const t = store.begin(1);
  tree.insert(t, 'row', 'x');
  for (const value of ['1', '2', 'three']) {
    const record = encode(value);
    expect(attempt(store, () => store.putNow(tree.tree, key, key.length, record, 0, record.length))).toBe(OK);
    expect(look(store, (s) => tree.all(s))).toEqual([['sequence', value]]);
  }
  runNow(t.rollback());
  store.parts.core.log.flushNow();
  const again = openTestStore({ vfs: disk.afterPowerCut(new Prng(seedOf(1))) });
  expect(look(again, (s) => new TextTree(again, tree.tree).all(s))).toEqual([['sequence', 'three']]);
});

test('checkUnique knows live, own, deleted and moving entries', () => {
  const store = openTestStore();
  const tree = makeTree(store);
  commit(store, (t) => {
    tree.insert(t, 'ab/1', 'x');
    tree.insert(t, 'ac/1', 'x');
  });
  const row = makeRow();
  const unique = (t: Transaction, prefix: string): number => {
    const p = encode(prefix);
    return attempt(store, () => store.checkUnique(t, tree.tree, p, p.length, row));
  };
  commit(store, (t) => {
    expect(unique(t, 'ab/')).toBe(EXISTS);
    expect(new TextDecoder().decode(row.key.subarray(0, row.keyLength))).toBe('ab/1');
    expect(unique(t, 'aa/')).toBe(OK);
    expect(unique(t, 'ad/')).toBe(OK);
    tree.remove(t, 'ab/1');
    expect(unique(t, 'ab/')).toBe(OK);
    tree.insert(t, 'ab/2', 'x');
    expect(unique(t, 'ab/')).toBe(EXISTS);
    const other = store.begin(2);
    expect(() => unique(other, 'ab/')).toThrow(expect.objectContaining({ sqlstate: '55P03' }));
    runNow(other.rollback());
  });
});

test('long values are read by range, and go when nobody sees them any more', async () => {
  const vfs = new MemoryVfs();
  const store = openTestStore({ vfs });
  const tree = makeTree(store);
  const bytes = new Uint8Array(100_000);
  new Prng(1).fill(bytes);
  const t = store.begin(1);
  const id = runNow(store.writeLong(t, tree.tree, bytes, 100, 90_000));
  runNow(t.commit());
  const part = new Uint8Array(5000);
  runNow(store.readLong(tree.tree, id, 33_333, 4000, part, 10));
  expect(part.subarray(10, 4010)).toEqual(bytes.slice(33_433, 37_433));
  const reader = store.begin(2);
  const snapshot = reader.snapshot();
  const u = store.begin(1);
  runNow(store.removeLong(u, tree.tree, id));
  runNow(u.commit());
  while (runNow(store.background()));
  runNow(store.readLong(tree.tree, id, 0, 4000, part, 0));
  expect(part.subarray(0, 4000)).toEqual(bytes.slice(100, 4100));
  reader.release(snapshot);
  while (runNow(store.background()));
  expect(() => runNow(store.readLong(tree.tree, id, 0, 4000, part, 0))).toThrow(/missing chunk/);
  expect(store.facts(store.parts.core.tree(tree.tree).longTree).leafPages).toBeLessThan(3);
  expect(checkStoreNow(store)).toEqual([]);
  await store.close();
});

test('removing many long values, or one of many chunks, looks at each page a few times, not once per value', async () => {
  const looks = async (values: number, valueBytes: number): Promise<number> => {
    const store = openTestStore({ vfs: new MemoryVfs() });
    const tree = makeTree(store);
    const bytes = new Uint8Array(valueBytes);
    const t = store.begin(1);
    const ids = Array.from({ length: values }, () => runNow(store.writeLong(t, tree.tree, bytes, 0, valueBytes)));
    runNow(t.commit());
    const u = store.begin(1);
    for (const id of ids) runNow(store.removeLong(u, tree.tree, id));
    runNow(u.commit());
    const { cache } = store.parts.core;
    const frameOf = cache.frameOf.bind(cache);
    let count = 0;
    cache.frameOf = (pgno) => {
      count++;
      return frameOf(pgno);
    };
    while (runNow(store.background()));
    await store.close();
    return count;
  };
  expect(await looks(1200, 6000)).toBeLessThan(4 * (await looks(400, 6000)));
  expect(await looks(1, 7_200_000)).toBeLessThan(4 * (await looks(1, 2_400_000)));
});

test('a scan keeps to its bounds, whatever they are, forward and backward', () => {
  const seed = seedOf(8);
  const prng = new Prng(seed);
  const store = openTestStore();
  const tree = makeTree(store);
  const keys = Array.from({ length: 800 }, (_, i) => name(i * 2));
  commit(store, (t) => {
    for (const key of keys) tree.insert(t, key, 'x'.repeat(30));
  });
  const scan = store.scan();
  for (let i = 0; i < 300; i++) {
    const [a, b] = [
      name(prng.below(1700)),
      name(prng.below(1700)).concat(prng.chance(0.05) ? 'y'.repeat(3000) : ''),
    ].sort();
    if (a === undefined || b === undefined) continue;
    const low = { key: encode(a), length: a.length, inclusive: prng.chance(0.5) };
    const high = { key: encode(b), length: b.length, inclusive: prng.chance(0.5) };
    const backward = prng.chance(0.5);
    const found: string[] = [];
    look(store, (snapshot) => {
      scan.open(tree.tree, low, high, backward, snapshot);
      while (attempt(store, () => scan.next()) === OK) {
        for (let n = 0; n < scan.to - scan.from; n++) {
          const slot = backward ? scan.to - 1 - n : scan.from + n;
          found.push(new TextDecoder().decode(scan.key.subarray(0, scan.keyAt(slot))));
          if (!prng.chance(0.02)) continue;
          scan.park(slot, true);
          break;
        }
      }
      scan.close();
    });
    const expected = keys.filter(
      (k) => (k > a || (k === a && low.inclusive)) && (k < b || (k === b && high.inclusive)),
    );
    expect(found, `seed=${seed} ${a} ${b}`).toEqual(backward ? expected.reverse() : expected);
  }
});

test('long values of a dropped tree stay as long as somebody reads that tree, those made since then too', () => {
  const store = openTestStore();
  const maker = store.begin(1);
  const table = runNow(store.createTree(maker, { kind: 0, parent: 0, fillPercent: 100 }));
  const index = runNow(store.createTree(maker, { kind: 1, parent: table, fillPercent: 90 }));
  runNow(maker.commit());
  const release = store.retain(index);
  const t = store.begin(1);
  const bytes = new Uint8Array(9000).fill(7);
  const id = runNow(store.writeLong(t, index, bytes, 0, bytes.length));
  runNow(store.dropTree(t, table));
  runNow(t.commit());
  while (runNow(store.background()));
  const read = new Uint8Array(bytes.length);
  runNow(store.readLong(index, id, 0, read.length, read, 0));
  expect(read).toEqual(bytes);
  release();
  while (runNow(store.background()));
  expect([...store.parts.core.trees.values()].filter((tree) => tree.id === index || tree.parent === index)).toEqual([]);
  expect(store.parts.core.trees.has(table)).toBe(false);
});
