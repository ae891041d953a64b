/** Snapshots that are older than an index: its entries are those of the build, so it must not be asked for older rows. */
import { expect, test } from 'vitest';
import { memoryInstance, TestSession } from '../support/in-process.ts';

const ROWS = 2000;

async function sessions(): Promise<{ old: TestSession; other: TestSession }> {
  const instance = await memoryInstance();
  const old = new TestSession(instance);
  await old.run(`
    create table t (id int primary key, v int, w text);
    insert into t select i, i, repeat('x', 200) from generate_series(1, ${ROWS}) i; analyze t`);
  await old.run('begin isolation level repeatable read');
  await old.run('select count(*) from t');
  return { old, other: new TestSession(instance) };
}

test('a repeatable-read transaction does not use an index that was made after its snapshot', async () => {
  const { old, other } = await sessions();
  for (const text of ['update t set v = v + 100000', 'create index t_v on t (v)', 'analyze t']) await other.run(text);
  expect(await old.rows('select id from t where v = 77')).toEqual([['77']]);
  expect(await old.rows('select count(*) from t where v between 1 and 50')).toEqual([['50']]);
  expect((await old.rows('explain select id from t where v = 77')).join()).not.toContain('t_v');
  await old.run('commit');
  expect(await old.rows('select id from t where v = 77')).toEqual([]);
  expect((await old.rows('explain select id from t where v = 100077')).join()).toContain('t_v');
});

test('nor by a plan that others made meanwhile: then it must run again', async () => {
  const { old, other } = await sessions();
  for (const text of ['update t set v = v + 100000', 'create index t_v on t (v)', 'analyze t']) await other.run(text);
  expect(await other.rows('select id from t where v = 100077')).toEqual([['77']]);
  const outcome = await old
    .rows('select id from t where v = 77')
    .catch((error: { sqlstate?: string }) => error.sqlstate);
  expect([[['77']], '40001']).toContainEqual(outcome);
  await old.run('rollback');
});

test('after a rebuild of the whole table the old snapshot cannot be served: 40001, never other rows', async () => {
  const { old, other } = await sessions();
  await other.run('delete from t where id > 1000');
  const rebuilt = await other
    .run("set lock_timeout = '50ms'")
    .then(() => other.run('vacuum full t'))
    .then(
      () => true,
      () => false,
    );
  const outcome = await old.rows('select count(*) from t').catch((error: { sqlstate?: string }) => error.sqlstate);
  // The reader's table lock keeps the rebuild away; without it the answer is 40001.
  expect(rebuilt ? '40001' : [[String(ROWS)]]).toEqual(outcome);
  await old.run('rollback');
});
