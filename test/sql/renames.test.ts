/** Renaming: what the catalog keeps as text means the same afterwards, with the new names. */
import { beforeEach, describe, expect, test } from 'vitest';
import { memoryInstance, TestSession } from '../support/in-process.ts';
import { InProcessSubject } from '../support/in-process-subject.ts';
import { recordedScenarios, transcript } from '../support/transcript.ts';

test.each(recordedScenarios('renames'))('$title, as PostgreSQL has it', async ({ scenario, expected }) => {
  expect((await transcript(scenario, await InProcessSubject.create())).trim()).toBe(expected);
});

describe('the text of a view', () => {
  let s: TestSession;

  beforeEach(async () => {
    s = new TestSession(await memoryInstance());
    await s.run('create table t (a int, b int, c text); create table u (a int, d int)');
    await s.run("insert into t values (1, 2, 'x'), (3, 4, 'y'); insert into u values (1, 7)");
  });

  const columnRenamed: readonly (readonly [body: string, after: string])[] = [
    ['select a, b from t where a > 0', 'select aa AS a, b from public.t where aa > 0'],
    ['select a as z, t.a from t', 'select aa as z, t.aa AS a from public.t'],
    ['select T . "a", (a) + 1 from t order by 1', 'select T . aa AS "a", (aa) + 1 from public.t order by 1'],
    ['select q.a from t q where q.a = 1', 'select q.aa AS a from public.t q where q.aa = 1'],
    ['select q.x from t as q (x) where x = 1', 'select q.x from public.t as q (x) where x = 1'],
    [
      'select sum(a) over (partition by b order by a) from t',
      'select sum(aa) over (partition by b order by aa) from public.t',
    ],
    ['select a from t join u using (a)', 'select a from public.t AS t(a, b, c) join public.u using (a)'],
    ['select t.a from t * natural join u', 'select t.a from public.t * AS t(a, b, c) natural join public.u'],
    ['select x.a from (select a::text from t) x', 'select x.a from (select a::text from public.t AS t(a, b, c)) x'],
    ['select (t).a from t', 'select (t).a from public.t AS t(a, b, c)'],
    [
      "select 'a', c /* a */ from t where c <> 'a' and a < 9",
      "select 'a', c /* a */ from public.t where c <> 'a' and aa < 9",
    ],
    ['select u.a from u, t where t.a = u.a', 'select u.a from public.u, public.t where t.aa = u.a'],
  ];
  test.each(columnRenamed)('%s', async (body, after) => {
    await s.run(`create view v as ${body}`);
    const before = await s.rows('select * from v');
    await s.run('alter table t rename column a to aa');
    expect(await s.rows("select definition from pg_views where viewname = 'v'")).toEqual([[` ${after};`]]);
    expect(await s.rows('select * from v')).toEqual(before);
    await s.run(
      'alter table t rename column aa to a; alter table t rename to tt; alter table tt rename column b to bb',
    );
    expect(await s.rows('select * from v')).toEqual(before);
    expect((await s.run('select * from v'))[0]?.columns.map((c) => c.name)).toEqual(
      (
        await s.rows(
          "select column_name from information_schema.columns where table_name = 'v' order by ordinal_position",
        )
      ).map(([name]) => name),
    );
  });

  test('a name that cannot follow is refused, and nothing is changed', async () => {
    await s.run('create view v as select public.t.a from public.t');
    const error = await s.failure('alter table t rename to tt');
    expect(error).toMatchObject({
      sqlstate: '0A000',
      message: 'renaming what view "v" names in this way is not supported',
    });
    expect(await s.rows('select * from v')).toEqual([['1'], ['3']]);
    await s.run('alter table t rename column a to aa');
    expect(await s.rows('select * from v')).toEqual([['1'], ['3']]);
  });

  test('a rename rolled back takes the texts back', async () => {
    await s.run('create view v as select a from t where a > 1; alter table t add check (a > 0)');
    await s.run('begin; alter table t rename column a to aa; alter table t rename to tt');
    expect(await s.rows('select a from v')).toEqual([['3']]);
    await s.run('rollback');
    expect(await s.rows('select a from v')).toEqual([['3']]);
    expect(await s.rows("select definition from pg_views where viewname = 'v'")).toEqual([
      [' select a from public.t where a > 1;'],
    ]);
    expect((await s.failure("insert into t values (0, 0, 'z')")).sqlstate).toBe('23514');
  });

  test('a prepared statement over a view goes on', async () => {
    await s.run('create view v as select a, b from t; prepare p (int) as select b from v where a = $1; execute p (1)');
    await s.run('alter table t rename column b to bb; alter table t rename to tt');
    expect(await s.rows('execute p (3)')).toEqual([['4']]);
  });
});
