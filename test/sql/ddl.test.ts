/** Definitions: tables altered, renamed, dropped with what depends on them, as PostgreSQL 15 has it. */
import { expect, test } from 'vitest';
import { runTask } from '../../src/base/task.ts';
import { checkIndexes } from '../../src/sql/ddl/check-indexes.ts';
import { memoryInstance, TestSession } from '../support/in-process.ts';
import { InProcessSubject } from '../support/in-process-subject.ts';
import { recordedScenarios, transcript } from '../support/transcript.ts';

test.each(recordedScenarios('ddl'))('$title', async ({ scenario, expected }) => {
  expect((await transcript(scenario, await InProcessSubject.create())).trim()).toBe(expected);
});

test('a descending index has its nulls first unless it says otherwise', async () => {
  const s = new TestSession(await memoryInstance());
  await s.run('create table t (a int, b int); insert into t values (1, 1), (null, 2), (3, 3)');
  await s.run('create index i on t (a desc, b, b desc nulls last, a nulls first)');
  expect(
    await s.rows("select pg_get_indexdef('i'::regclass), indoption from pg_index where indexrelid = 'i'::regclass"),
  ).toEqual([['CREATE INDEX i ON public.t USING btree (a DESC, b, b DESC NULLS LAST, a NULLS FIRST)', '3 0 1 2']]);
  expect(await s.rows('select b from t where a > 0 order by a')).toEqual([['1'], ['3']]);
});

test('an index on an expression follows the type of a column that it reads', async () => {
  const s = new TestSession(await memoryInstance());
  await s.run('create table t (id int primary key, n int, u int); insert into t values (1, 2, 3), (2, 2147483647, 0)');
  await s.run('create index i on t ((n + u)); create index j on t ((n::text)) where n + u > 1');
  await s.run('alter table t alter n type int8');
  expect(
    await s.rows(
      "select attrelid::regclass, format_type(atttypid, atttypmod) from pg_attribute where attrelid in ('i'::regclass, 'j'::regclass) order by 1",
    ),
  ).toEqual([
    ['i', 'bigint'],
    ['j', 'text'],
  ]);
  await s.run('insert into t values (3, 2147483647, 1)');
  expect(await s.rows('select id from t where n + u = 2147483648')).toEqual([['3']]);
  expect(await s.failure('alter table t alter n type text')).toMatchObject({
    sqlstate: '42883',
    message: 'operator does not exist: text + integer',
  });
  expect(await s.rows('select id from t where n + u = 5')).toEqual([['1']]);
});

test('CREATE INDEX on a partitioned table waits for who writes to a partition itself', async () => {
  const instance = await memoryInstance();
  const [s, writer] = [new TestSession(instance), new TestSession(instance)];
  await s.run('create table p (id int, v text) partition by range (id)');
  await s.run('create table p1 partition of p for values from (0) to (10)');
  await writer.run("begin; insert into p1 values (1, 'a')");
  let isOver = false;
  const build = s.run('create index p_v on p (v)').then(() => {
    isOver = true;
  });
  for (let turn = 0; turn < 30; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(isOver).toBe(false);
  await writer.run("insert into p1 values (2, 'b'); commit");
  await build;
  expect(await runTask(checkIndexes(s.sql))).toEqual([]);
});
