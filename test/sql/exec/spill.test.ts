/** Sorts, joins, aggregations and DISTINCT beyond work_mem give what they give within it. */
import { expect, test } from 'vitest';
import { memoryInstance, TestSession } from '../../support/in-process.ts';

const ROWS = 30_000;

async function session(): Promise<TestSession> {
  const s = new TestSession(await memoryInstance());
  await s.run('create table t (a int, b int, c text)');
  await s.run(`insert into t select g, (g * 7919) % 10007, 'value ' || g from generate_series(1, ${ROWS}) g`);
  return s;
}

const QUERIES = [
  'select c, a from t order by b desc, c limit 50 offset 20000',
  'select b, count(*), sum(a), min(c) from t group by b order by 1 limit 40 offset 5000',
  'select count(*), sum(length(c)) from (select distinct b, c from t) s',
  'select count(*), sum(x.a), sum(y.a) from t x join t y on x.c = y.c',
  'select count(*), count(y.a) from t x left join (select * from t where a % 3 = 0) y on x.c = y.c',
  'select count(*), count(x.a), count(y.a) from (select * from t where a % 2 = 0) x full join (select * from t where a % 3 = 0) y on x.c = y.c',
  'select count(*) from (select a from t union select b from t) u',
];

test('whatever the memory, the answers are the same', async () => {
  const s = await session();
  await s.run("set work_mem = '512MB'");
  const wide = [];
  for (const q of QUERIES) wide.push(await s.rows(q));
  await s.run("set work_mem = '64kB'");
  for (const [i, q] of QUERIES.entries()) expect(await s.rows(q), q).toEqual(wide[i]);
});

test('no temporary file stays behind, also after an error', async () => {
  const instance = await memoryInstance();
  const s = new TestSession(instance);
  await s.run("set work_mem = '64kB'");
  await s.run(`create table t as select g a, 'text ' || g c from generate_series(1, ${ROWS}) g`);
  await s.rows('select a from t order by c');
  await s.failure('select 1 / (a - 25000) from t order by c');
  expect(instance.options.vfs.list('/').filter((f) => f.includes('-spill-'))).toEqual([]);
});
