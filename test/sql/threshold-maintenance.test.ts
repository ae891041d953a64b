import { afterEach, beforeEach, expect, test } from 'vitest';
import { ManualClock } from '../../src/base/clock.ts';
import { Prng } from '../../src/base/prng.ts';
import { runNow } from '../../src/base/task.ts';
import { Instance } from '../../src/engine/instance.ts';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import { checkStoreNow } from '../../src/storage/check.ts';
import { TestSession } from '../support/in-process.ts';

let vfs: MemoryVfs;
let clock: ManualClock;
let instance: Instance;
let s: TestSession;

beforeEach(async () => {
  vfs = new MemoryVfs();
  clock = new ManualClock();
  await start();
});

async function start(): Promise<void> {
  instance = await Instance.openFile('/test.extent', { vfs, clock, prng: new Prng(1) });
  s = new TestSession(instance);
}

afterEach(async () => {
  const { file } = instance.single;
  expect(checkStoreNow(file.store, file.space.audit())).toEqual([]);
  await instance.close();
});

/** Clean-up runs, then a second passes, and with it the engine looks at the trees; what that starts is waited for. */
async function look(): Promise<void> {
  const database = instance.single;
  while (runNow(database.file.store.background()));
  const before = database.thresholds.looks;
  while (database.thresholds.looks === before) {
    clock.advance(101);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await database.thresholds.whenIdle();
}

async function entries(): Promise<(string | null)[][]> {
  return s.rows(
    'select object, state, reason, density_before < 80, density_after >= 80, pages_removed > 0 from extentdb.maintenance',
  );
}

async function table(options: string): Promise<void> {
  await s.run(`
    create table t (id int primary key, v text) with (${options});
    insert into t select i, repeat('x', 200) from generate_series(1, 4000) i`);
  await look();
}

test('below the maintenance density a scanned tree is reorganized by itself, with its reason', async () => {
  await table('scan = forward, maintenance_density = 80');
  await s.run('delete from t where id % 40 = 0');
  await look();
  expect(await entries()).toEqual([]);
  await s.run('delete from t where id % 3 = 0');
  await look();
  const [row] = await entries();
  expect(row?.[2]).toMatch(/^density \d+\.\d % is below 80 %$/);
  expect(row?.filter((_, i) => i !== 2)).toEqual(['t', 'done', 't', 't', 't']);
  expect(await s.rows('select count(*) from t')).toEqual([[String(4000 - 100 - 1333 + 33)]]);
  // Nothing more has gone: nothing more is queued.
  await look();
  expect((await entries()).length).toBe(1);
});

test('what was done by itself, and why, is there after a restart, and stands in history', async () => {
  await table('scan = forward, maintenance_density = 80');
  await s.run('delete from t where id % 3 = 0');
  await look();
  const before = await s.rows('select * from extentdb.maintenance');
  expect(before.length).toBe(1);
  await instance.close();
  await start();
  expect(await s.rows('select * from extentdb.maintenance')).toEqual(before);
  expect(
    await s.rows(`select commandtype, objectname, indexname, process_id, status, pages_removed > 0, reason ~ '^density'
      from extentdb.commandlog`),
  ).toEqual([['ALTER_INDEX', 't', 't_pkey', '0', 'done', 't', 't']]);
});

test('deletes in small bites add up', async () => {
  await table('scan = backward, maintenance_density = 90');
  for (let i = 0; i < 20; i++) {
    await s.run(`delete from t where id % 20 = ${i} and id % 2 = 0`);
    await look();
  }
  const rows = await entries();
  expect(rows.length).toBeGreaterThan(1);
  expect(rows.every(([, state]) => state === 'done')).toBe(true);
});

test('0, or no scan hint, switches it off', async () => {
  for (const options of ['scan = forward, maintenance_density = 0', 'maintenance_density = 90']) {
    await table(options);
    await s.run('delete from t where id % 2 = 0');
    await look();
    expect(await entries(), options).toEqual([]);
    await s.run('drop table t');
  }
});

test('100 reacts to every freed page', async () => {
  await table('scan = forward, maintenance_density = 100');
  await s.run('delete from t where id % 100 = 0');
  await look();
  expect(await entries()).toEqual([]);
  await s.run('delete from t where id between 1000 and 1100');
  await look();
  const [row] = await entries();
  expect(row?.[2]).toMatch(/^\d+ pages were freed$/);
});

test('an index can be watched as well; a change of the hints counts at once', async () => {
  await s.run(`
    create table u (id int primary key, n int); create index u_n on u (n);
    insert into u select i, (i * 7919) % 100003 from generate_series(1, 6000) i`);
  await look();
  await s.run('alter index u_n set (scan = forward, maintenance_density = 85)');
  await look();
  await s.run('delete from u where id % 2 = 0');
  await look();
  expect((await entries()).map(([object, state]) => [object, state])).toEqual([['u_n', 'done']]);
});

test('a tree that is dropped while it waits harms nothing', async () => {
  await table('scan = forward, maintenance_density = 80');
  await s.run('delete from t where id % 2 = 0');
  const database = instance.single;
  while (runNow(database.file.store.background()));
  const before = database.thresholds.looks;
  while (database.thresholds.looks === before) {
    clock.advance(101);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await s.run('drop table t');
  await database.thresholds.whenIdle();
  expect(database.thresholds.entries.map((e) => e.state)).toEqual(['done']);
});
