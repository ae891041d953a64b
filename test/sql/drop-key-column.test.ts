/** ALTER TABLE … DROP COLUMN of a column of the primary key, as PostgreSQL 15 has it; and what that leaves in the file. */
import { beforeEach, describe, expect, test } from 'vitest';
import type { Instance } from '../../src/engine/instance.ts';
import { memoryInstance, TestSession } from '../support/in-process.ts';
import { InProcessSubject } from '../support/in-process-subject.ts';
import { settle, sound } from '../support/sound.ts';
import { recordedScenarios, transcript } from '../support/transcript.ts';

test.each(recordedScenarios('drop-key-column'))('$title', async ({ scenario, expected }) => {
  expect((await transcript(scenario, await InProcessSubject.create())).trim()).toBe(expected);
});

describe('a table of several levels', () => {
  const ROWS = 3000;

  let instance: Instance;
  let s: TestSession;

  /** A table of several levels, with long values, an older layout of its rows, and indexes. */
  beforeEach(async () => {
    instance = await memoryInstance();
    s = new TestSession(instance);
    await s.run(`
    create table t (k1 int, long text, k2 text, v int, primary key (k2, k1));
    create table r (k1 int, k2 text, foreign key (k2, k1) references t);
    create index t_v on t (v);
    create index t_k on t (k1, v);
    create index t_i on t (v) include (long);
    insert into t select i, repeat('x' || i, 3000), 'key ' || i % 7, ${ROWS} - i from generate_series(1, ${ROWS}) i where i % 100 = 0;
    alter table t add column added int default 7;
    insert into t select i, 'short', 'key ' || i % 7, ${ROWS} - i, i from generate_series(1, ${ROWS}) i where i % 100 > 0;
    insert into r values (5, 'key 5')`);
  });

  const SUMS = 'select count(*), sum(v), sum(added), sum(length(long)), min(md5(long)), max(md5(long)) from t';

  test('rows, long values and indexes are whole, and nothing of the old trees stays', async () => {
    const before = await s.rows(SUMS);
    await s.run('alter table t drop column k2 cascade');
    expect(await s.rows(SUMS)).toEqual(before);
    expect(await s.rows('select k1, added, length(long) from t where v = 100')).toEqual([
      [`${ROWS - 100}`, '7', '15000'],
    ]);
    expect(await s.rows(`select count(*) from t where k1 between 11 and 20 and v > 0`)).toEqual([['10']]);
    await s.run(`update t set v = v + 1, long = long || 'y' where v < 300; delete from t where k1 > 2950`);
    expect(await s.rows('select count(*) from t where v > 0')).toEqual([['2950']]);
    settle(instance);
    sound(instance);
    const trees = `select string_agg(object || ' ' || kind, ', ' order by object, kind) from extentdb.space where kind in ('table', 'index', 'lob')`;
    expect(await s.rows(trees)).toEqual([['r table, t lob, t table, t_i index, t_i lob, t_k index, t_v index']]);
  });

  test('rolled back, whole or to a savepoint, all is as before', async () => {
    const before = await s.rows(SUMS);
    await s.run('begin; delete from t where v = 1; savepoint one; alter table t drop column k1 cascade');
    await s.run(`insert into t values ('more', 'key 9', 1); rollback to one`);
    expect(await s.rows(`select v from t where k2 = 'key 5' and k1 = 5`)).toEqual([[`${ROWS - 5}`]]);
    await s.run('alter table t drop column k1 cascade; rollback');
    expect(await s.rows(SUMS)).toEqual(before);
    expect((await s.failure(`insert into t values (5, 'again', 'key 5')`)).sqlstate).toBe('23505');
    expect((await s.failure(`delete from t where k1 = 5 and k2 = 'key 5'`)).sqlstate).toBe('23503');
    settle(instance);
    sound(instance);
  });

  test('what was prepared with the key is prepared again, or fails by the name that is gone', async () => {
    await s.run(
      `prepare by_key as select v from t where k2 = 'key 5' and k1 = 5; prepare by_value as select v from t where v = 9`,
    );
    await s.run('execute by_key; execute by_value; alter table t drop column k1 cascade');
    expect(await s.failure('execute by_key')).toMatchObject({
      sqlstate: '42703',
      message: 'column "k1" does not exist',
    });
    expect(await s.rows('execute by_value')).toEqual([['9']]);
  });

  test('a REPEATABLE READ transaction from before fails with 40001 rather than read wrong', async () => {
    const reader = new TestSession(instance);
    await s.run('create table other (a int)');
    await reader.run('begin isolation level repeatable read; select * from other');
    await s.run('alter table t drop column k1 cascade');
    expect((await reader.failure('select count(*) from t')).sqlstate).toBe('40001');
    await reader.run('rollback');
    expect(await reader.rows('select count(*) from t')).toEqual([[`${ROWS}`]]);
  });
});
