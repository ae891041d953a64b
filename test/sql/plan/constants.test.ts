/**
 * Constants are computed once: as literals of a cached plan, as literals of EXPLAIN, as parameters. What fails in one fails as in
 * PostgreSQL, which computes them while it plans.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import { memoryInstance, TestSession } from '../../support/in-process.ts';

let s: TestSession;

beforeAll(async () => {
  s = new TestSession(await memoryInstance());
  await s.run('create table e (a int, n numeric(10,2), t text)');
  await s.run('create table t (a int primary key, b text)');
  await s.run("insert into t select g, 'b' || g from generate_series(1, 50) g");
});

const plan = async (query: string): Promise<string[]> =>
  (await s.rows(`explain ${query}`)).map(([line]) => String(line).replace(/ +\(rows=.*$/, ''));

const code = async (query: string): Promise<string> =>
  s.run(query).then(
    () => 'none',
    (error: { sqlstate?: string; code?: string }) => String(error.sqlstate ?? error.code),
  );

describe('errors in constants', () => {
  test.each([
    'select 1/0 from e',
    'select a from e where a = 1/0',
    'select a from e where null and a = 1/0',
    'select case when a > 0 then 1/0 end from e',
    'select coalesce(a, 1/0) from e',
    'select nullif(1, 1/0) from e',
    'select 1/0 limit 0',
    'select 1/0 where false',
    'select 1/0 where 1 = 0',
    'with x as (select 1/0 from e) select * from x',
    'with x as materialized (select 1/0 as v, a from e) select a from x',
    'with x as (select 1/0 as v, a from e) select a from x union all select a from x',
    'select (select 1/0 from e)',
    'select 1 where exists (select 1 from e where a = 1/0)',
    'insert into e (a) select 1/0 from e',
    'update e set a = 1/0',
    'delete from e where a = 1/0 returning a',
    'select a from e group by a having 1/0 = 1',
    'select count(*) filter (where 1/0 = 1) from e',
    'select sum(1/0) from e',
    'select a from e order by 1/0',
    'select a from e limit 1/0',
    'select * from generate_series(1, 1/0)',
    'select a in (1, 1/0) from e',
    'select row(1/0) from e',
    "select a from e where a = '1'::text::int/0",
    'select a, lag(a, 1/0) over () from e',
    'select a from e union all select 1/0 from e',
    'select case a when 1/0 then 1 end from e',
    'select a = 1 or 1/0 = 1 from e',
    'explain select 1/0',
  ])('%s fails without a row', async (query) => {
    expect(await code(query)).toBe('22012');
    // And with the plan from the cache.
    expect(await code(query)).toBe('22012');
  });

  test.each([
    'select case when false then 1/0 end',
    'select case when 1 = 0 then 1/0 end',
    'select case when 1 = 0 then a/0 + 1/0 else a end from t',
    'select coalesce(1, 1/0)',
    'select coalesce(1, 1/0 + a) from t',
    'select a from e where false and a = 1/0',
    'select a from e where 1 = 0 and a = 1/0',
    'select true or 1/0 = a from t',
    'select a = 1 or true or 1/0 = 1 from t',
    'with x as (select 1/0) select 1',
    'with x as (select 1/0 as v, a from t) select a from x',
    'with x as (select 1/0 as v, a from t limit 3) select count(*) from x where a > 0',
    'select a + case when null then 1 else null::int end + b::int from t',
    'select a from (select 1/0 as z, a from e) s',
    'select a from (select 1/0 as z, a from t limit 1) s',
    'select 1 where exists (select 1/0 from t)',
    'select 1 where false and exists (select 1 from t where a = 1/0)',
    'select case 1 when 1 then 2 when 1/0 then 3 end from t',
    'select case 1 when 2 then 1/0 when 1 then 3 else 1/0 end from t',
    'select case when 2 > 1 then a else a + 1/0 end from t',
    "select a from t where a < 3 or (length('x') = 2 and a > 1/0)",
  ])('%s does not fail', async (query) => {
    expect(await code(query)).toBe('none');
    expect(await code(query)).toBe('none');
  });

  test('DECLARE fails, not FETCH', async () => {
    await s.run('begin');
    expect(await code('declare c cursor for select 1/0 from t')).toBe('22012');
    await s.run('rollback');
    await s.run('begin');
    await s.run('declare c cursor for select a + 2 * 3 from t order by a');
    expect(await s.rows('fetch 2 from c')).toEqual([['7'], ['8']]);
    await s.run('rollback');
  });

  test('views and PREPARE take them; using them fails', async () => {
    await s.run('create view failing as select 1/0 as x from e');
    expect(await code('select * from failing')).toBe('22012');
    await s.run('prepare failing as select 1/0 from e');
    expect(await code('execute failing')).toBe('22012');
    await s.run('prepare guarded(int) as select case when $1 <> 0 then 1/$1 end from t where a = 1');
    expect(await s.rows('execute guarded(0)')).toEqual([[null]]);
    expect(await s.rows('execute guarded(1)')).toEqual([['1']]);
  });
});

describe('what EXPLAIN shows', () => {
  test.each([
    ['select * from t where 1 = 0', ['Result', '  One-Time Filter: false']],
    ['select * from t where null', ['Result', '  One-Time Filter: false']],
    ['select * from t where a > 3 and null', ['Result', '  One-Time Filter: false']],
    ["select * from t where 1 = 1 and b = 'x'", ['Seq Scan on t', "  Filter: (b = 'x')"]],
    ['select * from t where a = 2 * 3 + 1', ['Index Scan using t_pkey on t', '  Index Cond: (a = 7)']],
    ["select * from t where b = 'x' || 'y'", ['Seq Scan on t', "  Filter: (b = 'xy')"]],
    ['select * from t where a + null > 3', ['Result', '  One-Time Filter: false']],
    ["select * from t where coalesce(null, b, 'x') = 'x'", ['Seq Scan on t', "  Filter: (COALESCE(b, 'x') = 'x')"]],
    ['select * from t where case when 1 > 2 then false else b is null end', ['Seq Scan on t', '  Filter: (b IS NULL)']],
    ['select a from (select a, 1 as x from t) s where x = 0', ['Result', '  One-Time Filter: false']],
    ['select x.a from t x join t y on false', ['Result', '  One-Time Filter: false']],
  ])('%s', async (query, lines) => {
    expect(await plan(query)).toEqual(lines);
  });

  test('numbers, dates and intervals are shown by their values', async () => {
    expect(await plan('select * from e where n > 1.5 * 2')).toEqual(['Seq Scan on e', '  Filter: (n > 3.0)']);
    expect(await plan("select * from t where date '2020-01-31' + a = '2020-02-01'")).toEqual([
      'Seq Scan on t',
      "  Filter: (('2020-01-31' + a) = '2020-02-01')",
    ]);
  });

  test('stable and volatile functions stay', async () => {
    expect((await plan("select * from t where now() < timestamptz '2000-01-01 00:00:00+00'"))[1]).toMatch(
      /^ {2}One-Time Filter: \(now\(\) < /,
    );
    expect(await plan('select * from t where random() < 2')).toEqual(['Seq Scan on t', '  Filter: (random() < 2)']);
  });
});

describe('cached plans', () => {
  test('a computed literal takes each execution anew', async () => {
    for (const [factor, b] of [
      [2, 'b6'],
      [3, 'b9'],
      [4, 'b12'],
      [5, 'b15'],
    ])
      expect(await s.rows(`select b from t where a = ${factor} * 3`)).toEqual([[b]]);
  });

  test('settings are those of the execution', async () => {
    const query = "select (0.1::float8 * 1)::text, '\\x01'::bytea::text, (1 || '')::bytea::text from t where a = 1";
    expect(await s.rows(query)).toEqual([['0.1', '\\x01', '\\x31']]);
    await s.run("set bytea_output = 'escape'; set extra_float_digits = -10");
    expect(await s.rows(query)).toEqual([['0.1', '\\001', '1']]);
    await s.run('reset bytea_output; reset extra_float_digits');
  });

  test('volatile functions are called for every row, stable ones by their own moment', async () => {
    await s.run('create sequence q');
    expect(await s.rows("select count(distinct nextval('q')) from t")).toEqual([['50']]);
    expect(await s.rows('select count(distinct random() * 1) > 40 from t')).toEqual([['t']]);
    await s.run("set timezone = 'UTC'");
    const query = "select timestamptz '2020-06-01 00:00:00+00'::date from t where a = 1";
    expect(await s.rows(query)).toEqual([['2020-06-01']]);
    await s.run("set timezone = 'America/New_York'");
    expect(await s.rows(query)).toEqual([['2020-05-31']]);
    await s.run('reset timezone');
  });
});

test('keys are matched as they are written, before anything is computed', async () => {
  expect(await s.rows('select distinct on (-(-1)) a from t order by (-(-1)), a')).toEqual([['1']]);
  expect(await s.rows('select distinct on (1 + 1) a from t order by 1 + 1, a')).toEqual([['1']]);
  expect(await code('select distinct on (1 + 1) a from t order by 3 - 1, a')).toBe('42P10');
  expect(await s.rows('select 1 + 1, count(*) from t group by 1 + 1')).toEqual([['2', '50']]);
  expect(await s.rows('select a * (1 + 1), count(*) from t where a < 3 group by a * (1 + 1) order by 1')).toEqual([
    ['2', '1'],
    ['4', '1'],
  ]);
  expect(await code('select a * 2, count(*) from t group by a * (1 + 1)')).toBe('42803');
});
