/** SELECT … INTO makes a table of a query, as CREATE TABLE AS does; everywhere else INTO is refused as PostgreSQL refuses it. */
import { beforeAll, expect, test } from 'vitest';
import { memoryInstance, TestSession } from '../support/in-process.ts';

let s: TestSession;

beforeAll(async () => {
  s = new TestSession(await memoryInstance());
  await s.run('create table t (a int, b varchar(5), n numeric(6,2))');
  await s.run("insert into t select g, 'b' || g, g * 1.5 from generate_series(1, 10) g");
});

test.each([
  ['select a into t1 from t where a < 4', 't1', 3],
  ['select a, b as c into table t2 from t', 't2', 10],
  ["select 1 + 1 as two, 'x' as x into t3", 't3', 1],
  ['select into t4 from t limit 3', 't4', 3],
  ['select distinct on (a % 2) a into t5 from t', 't5', 2],
  ['with x as (select a from t where a > 8) select * into t6 from x', 't6', 2],
  ['select 1 as a into t7 union all select 2 union all select 3', 't7', 3],
  ['(select a into t8 from t order by a limit 2) union select 77', 't8', 3],
  ['(select a into t9 from t)', 't9', 10],
  ['select a into t10 from t for update', 't10', 10],
  ['select a into t11 from t order by a desc limit 4', 't11', 4],
  ['select all into t12 from t', 't12', 10],
  ['select a into public.t13 from t where 1 = 0', 't13', 0],
  ['select a into temp from t', 'temp', 10],
  ['select a into unlogged from t', 'unlogged', 10],
])('%s', async (query, table, count) => {
  const [outcome] = await s.run(query);
  expect(outcome).toMatchObject({ tag: `SELECT ${count}`, rows: [] });
  expect(await s.rows(`select count(*) from ${table}`)).toEqual([[String(count)]]);
});

test('columns have the names, types and modifiers of the query, and literals are its own', async () => {
  await s.run("select a, b, n, n * 2 as m, 'x' as x into typed from t where a = 7");
  expect(
    await s.rows(
      `select attname, format_type(atttypid, atttypmod) from pg_attribute
       where attrelid = 'typed'::regclass and attnum > 0 order by attnum`,
    ),
  ).toEqual([
    ['a', 'integer'],
    ['b', 'character varying(5)'],
    ['n', 'numeric(6,2)'],
    ['m', 'numeric'],
    ['x', 'text'],
  ]);
  expect(await s.rows('select * from typed')).toEqual([['7', 'b7', '10.50', '21.00', 'x']]);
});

test('a text with other literals makes another table', async () => {
  await s.run('select a into again from t where a > 8');
  await s.run('drop table again');
  await s.run('select a into again from t where a > 4');
  expect(await s.rows('select count(*) from again')).toEqual([['6']]);
});

const NOT_HERE = 'SELECT ... INTO is not allowed here';
const NOT_FIRST = 'INTO is only allowed on first SELECT of UNION/INTERSECT/EXCEPT';

test.each([
  ['select * from (select a into z from t) s', '42601', NOT_HERE, 30],
  ['select (select 1 into z)', '42601', NOT_HERE, 23],
  ['select exists (select 1 into z)', '42601', NOT_HERE, 30],
  ['with x as (select 1 into z) select * from x', '42601', NOT_HERE, 26],
  ['insert into t (a) select 1 into z', '42601', NOT_HERE, 33],
  ['create table y as select 1 into z', '42601', NOT_HERE, 33],
  ['select * from (select 1 into z union select 2) s', '42601', NOT_HERE, 30],
  ['select 1 union select 2 into z', '42601', NOT_FIRST, 30],
  ['(select 1) union (select 2 into temp z)', '42601', NOT_FIRST, 38],
  ['select 1 union select 2 union select 3 into z', '42601', NOT_FIRST, 45],
  ['copy (select 1 into z) to stdout', '0A000', 'COPY (SELECT INTO) is not supported', undefined],
  ['create view y as select 1 into z', '0A000', 'views must not contain SELECT INTO', undefined],
  ['select a into t from t', '42P07', 'relation "t" already exists', undefined],
  ['select 1 as a, 2 as a into z', '42701', 'column "a" specified more than once', undefined],
  ['select 1 into nosuch.z', '3F000', 'schema "nosuch" does not exist', undefined],
  ['select $1 into z', '42P02', 'there is no parameter $1', 8],
  ['select a into temp z from t', '0A000', 'CREATE TEMPORARY TABLE is not supported', 20],
  ['select a into local temporary table z from t', '0A000', 'CREATE TEMPORARY TABLE is not supported', 37],
  ['select a into unlogged z from t', '0A000', 'CREATE UNLOGGED TABLE is not supported', 24],
  ['prepare p as select 1 into z', '0A000', 'PREPARE of SELECT INTO is not supported', 28],
  ['table t into z', '42601', 'syntax error at or near "into"', 9],
  ['select 1 from t into z', '42601', 'syntax error at or near "into"', 17],
])('%s is refused', async (query, sqlstate, message, position) => {
  expect(await s.failure(query)).toMatchObject({ sqlstate, message, position });
  expect(await s.rows("select count(*) from pg_class where relname in ('y', 'z')")).toEqual([['0']]);
});

test('in transactions', async () => {
  await s.run('begin');
  expect(await s.failure('declare c cursor for select 1 into z')).toMatchObject({
    sqlstate: '42601',
    message: NOT_HERE,
  });
  await s.run('rollback');
  await s.run('begin read only');
  expect(await s.failure('select 1 into z')).toMatchObject({
    sqlstate: '25006',
    message: 'cannot execute SELECT INTO in a read-only transaction',
  });
  await s.run('rollback');
  await s.run('begin');
  await s.run('select a into z from t');
  expect(await s.rows('select count(*) from z')).toEqual([['10']]);
  await s.run('rollback');
  expect(await s.failure('select * from z')).toMatchObject({ sqlstate: '42P01' });
});

test('EXPLAIN shows the query and makes nothing', async () => {
  expect((await s.rows('explain select a into z from t'))[0]![0]).toMatch(/^Seq Scan on t/);
  expect(await s.failure('explain analyze select a into z from t')).toMatchObject({ sqlstate: '0A000' });
  expect(await s.failure('select * from z')).toMatchObject({ sqlstate: '42P01' });
});
