/** Conditions that are the same for all rows are judged once; where they do not hold nothing below is read. */
import { beforeAll, describe, expect, test } from 'vitest';
import { memoryInstance, TestSession } from '../../support/in-process.ts';

let s: TestSession;

beforeAll(async () => {
  s = new TestSession(await memoryInstance());
  await s.run('create table t (a int primary key, b int)');
  await s.run('insert into t select g, g % 10 from generate_series(1, 2000) g');
  await s.run('create table u (a int, b int)');
  await s.run('insert into u select g, g from generate_series(1, 5) g');
  await s.run('create sequence calls');
});

/** Rows of the query: as text with its literals, and again from the cache. */
const rows = async (query: string): Promise<unknown> => {
  const first = await s.rows(query);
  for (let i = 0; i < 3; i++) expect(await s.rows(query)).toEqual(first);
  return first;
};

const analyzed = async (query: string): Promise<string> =>
  (await s.rows(`explain analyze ${query}`)).map(([line]) => String(line)).join('\n');

test('the scan below a condition that does not hold is never started', async () => {
  expect(await analyzed("select * from t where now() < '2000-01-01'")).toMatch(/Seq Scan on t .*\(never executed\)/);
  expect(await analyzed('select * from t where (select count(*) from u) > 100')).toMatch(/on t .*\(never executed\)/);
  expect(await analyzed("select * from t where now() > '2000-01-01'")).toMatch(/on t .*\(actual rows=2000 loops=1\)/);
});

describe('what comes out', () => {
  test.each([
    ['select * from t where 1 = 0', []],
    ['select a from t where 1 = 1 and a = 5', [['5']]],
    ['select count(*), sum(a), max(b) from t where 1 = 0', [['0', null, null]]],
    ['select count(*), sum(a) from t where 1 = 1', [['2000', '2001000']]],
    ['select b, count(*) from t where 1 = 0 group by b', []],
    ['select count(*) from t having 1 = 0', []],
    ['select count(*) from t having 1 = 1', [['2000']]],
    ['select count(*) from u x left join t y on 1 = 0', [['5']]],
    ['select count(y.a) from u x left join t y on x.a = y.a and 1 = 0', [['0']]],
    ['select count(y.a) from u x left join t y on x.a = y.a and 1 = 1', [['5']]],
    ['select count(*) from t x right join u y on 1 = 0', [['5']]],
    ['select count(*) from u x full join u y on x.a = y.a and 1 = 0', [['10']]],
    ['select count(*) from u x full join u y on 1 = 0', [['10']]],
    ['select count(*) from u x full join u y on true', [['25']]],
    ['select count(*) from u x join u y on 1 = 0', [['0']]],
    ['select count(*) from u x join u y on 1 = 1', [['25']]],
    ['select count(*) from u x left join t y on x.a = y.a where 1 = 0', [['0']]],
    ['select count(*) from u x where exists (select 1 from t where 1 = 0)', [['0']]],
    ['select count(*) from u x where not exists (select 1 from t where 1 = 0)', [['5']]],
    ['select count(*) from u x where exists (select 1 from t where x.a > 3)', [['2']]],
    ['select count(*) from u x where not exists (select 1 from t y where y.a = x.a and 1 = 0)', [['5']]],
    ['select count(*) from u x where x.a in (select a from t where 1 = 0)', [['0']]],
    ['select count(*) from u x where x.a not in (select a from t where 1 = 0)', [['5']]],
    [
      'select x.a, (select y.a from t y where x.a = 3 order by y.a limit 1) from u x order by 1',
      [
        ['1', null],
        ['2', null],
        ['3', '1'],
        ['4', null],
        ['5', null],
      ],
    ],
    [
      'select x.a, y.a from u x left join lateral (select a from t where x.a > 3 order by a limit 1) y on true order by 1',
      [
        ['1', null],
        ['2', null],
        ['3', null],
        ['4', '1'],
        ['5', '1'],
      ],
    ],
    [
      'select x.a, y.a from u x cross join lateral (select a from u where x.a = 1 + 1) y order by 1, 2 limit 2',
      [
        ['2', '1'],
        ['2', '2'],
      ],
    ],
    ['select a from u where 1 = 0 union all select a from u where 1 = 1 and a < 3 order by 1', [['1'], ['2']]],
    ['with x as (select * from t where 1 = 0) select count(*) from x', [['0']]],
    ['select a from u where 1 = 0 for update', []],
    ['select a from u where 1 = 1 and a = 2 for update', [['2']]],
    ['select a from t where 1 = 1 order by a limit 2', [['1'], ['2']]],
    ['select a, row_number() over (order by a) from u where 1 = 0', []],
    ['select 1 where 1 = 0', []],
    ['select count(*) from t where random() < 2 and 1 = 1', [['2000']]],
    ['select count(*) from t limit 0', []],
  ])('%s', async (query, expected) => {
    expect(await rows(query)).toEqual(expected);
  });
});

test('what lies above and below finds each other through it', async () => {
  const now = "now() > '2000-01-01'";
  expect(await analyzed(`select a from t where ${now} order by a limit 2`)).not.toContain('Sort');
  expect(await analyzed(`select x.a, y.b from u x left join t y on x.a = y.a and ${now}`)).toContain('Index Cond');
  expect(await rows(`select x.a, y.b from u x left join t y on x.a = y.a and ${now} order by 1 limit 2`)).toEqual([
    ['1', '1'],
    ['2', '2'],
  ]);
});

test('one plan serves both answers', async () => {
  for (const [left, right, count] of [
    [1, 1, '2000'],
    [1, 2, '0'],
    [3, 3, '2000'],
    [7, 8, '0'],
  ])
    expect(await s.rows(`select count(b) from t where ${left} = ${right}`)).toEqual([[count]]);
});

test('parameters are judged once, when the execution begins', async () => {
  await s.run('prepare p(int, int) as select count(*) from t where $1 = 1 and a > $2');
  expect(await s.rows('execute p(1, 1990)')).toEqual([['10']]);
  expect(await s.rows('execute p(2, 1990)')).toEqual([['0']]);
  expect(await s.rows('execute p(null, 1990)')).toEqual([['0']]);
  expect(await s.rows('execute p(1, 1999)')).toEqual([['1']]);
});

test('a volatile condition is judged for every row', async () => {
  await s.rows("select a from u where nextval('calls') > 0");
  await s.rows("select a from u where 1 = 0 and nextval('calls') > 0");
  expect(await s.rows("select nextval('calls')")).toEqual([['6']]);
});

test('changes', async () => {
  await s.run('begin');
  expect(await s.run('update u set b = 7 where 1 = 0')).toMatchObject([{ tag: 'UPDATE 0' }]);
  expect(await s.run('update u set b = 7 where 1 = 1 and a < 3')).toMatchObject([{ tag: 'UPDATE 2' }]);
  expect(await s.run('delete from u where 1 = 0')).toMatchObject([{ tag: 'DELETE 0' }]);
  expect(await s.run('delete from u where a > 3 and 2 > 1')).toMatchObject([{ tag: 'DELETE 2' }]);
  expect(await s.run('insert into u select * from u where 1 = 0')).toMatchObject([{ tag: 'INSERT 0 0' }]);
  expect(await s.rows('with x as (delete from u returning a) select * from x where 1 = 0')).toEqual([]);
  expect(await s.rows('select count(*) from u')).toEqual([['0']]);
  await s.run('rollback');
});
