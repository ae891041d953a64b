/** IN and NOT IN of a sub-query that is no join: by a hash table from the second row on, three-valued all the same. */
import { expect, test } from 'vitest';
import { Prng } from '../../../src/base/prng.ts';
import { seedOf } from '../../storage/open.ts';
import { memoryInstance, TestSession } from '../../support/in-process.ts';

/** Type of the values looked for, type of those looked in, and how one is made from a small number. */
const TYPES: readonly (readonly [string, string, string])[] = [
  ['int', 'int', 'g'],
  ['smallint', 'bigint', 'g'],
  ['int', 'numeric(6,2)', 'g'],
  ['numeric', 'numeric(8,3)', 'g / 4.0'],
  ['float8', 'float8', "case g when 3 then 'NaN' when 4 then '-0' when 5 then '0' else (g / 4.0)::text end"],
  ['text', 'varchar(9)', "'v' || g"],
  ['char(5)', 'char(8)', "'v' || g"],
  ['date', 'date', "date '2024-02-20' + g"],
  ['timestamp', 'date', "date '2024-02-20' + g"],
  ['interval', 'interval', 'make_interval(days => g % 3, hours => 24 * (g / 3))'],
  ['boolean', 'boolean', 'g % 2 = 0'],
  ['int[]', 'int[]', 'array[g, g % 2]'],
];

test.each(TYPES)(
  '%s in (select %s …) is what the comparisons say, with and without nulls',
  async (own, other, made) => {
    const seed = seedOf(5200);
    const prng = new Prng(seed);
    const s = new TestSession(await memoryInstance());
    await s.run(`create table l (id int, x ${own}); create table r (v ${other}, k int)`);
    await s.run(
      `insert into l select g, (${made})::${own} from generate_series(0, 60) g; insert into l values (99, null)`,
    );
    await s.run(`insert into r select (${made})::${other}, g from generate_series(0, 60, 2) g, generate_series(1, 2)`);
    for (const nulls of [false, true]) {
      if (nulls) await s.run('insert into r values (null, 7)');
      for (const from of [
        'r',
        `(select * from r where k < ${5 + prng.below(50)}) q`,
        '(select * from r where k < 0) q',
      ]) {
        const oracle =
          `case when exists (select from ${from} where v = x) then true ` +
          `when (x is null and exists (select from ${from})) or exists (select from ${from} where v is null) then null else false end`;
        const query =
          `select id, (x in (select v from ${from})) is not distinct from (${oracle}), ` +
          `(x not in (select v from ${from})) is not distinct from not (${oracle}) from l order by id`;
        expect(
          (await s.rows(query)).filter(([, is, not]) => is !== 't' || not !== 't'),
          `seed=${seed}: ${query}`,
        ).toEqual([]);
      }
    }
    expect(await s.rows('select count(*) from l where x not in (select v from r)')).toEqual([['0']]);
  },
);

test('answers of several outer values are remembered side by side', async () => {
  const s = new TestSession(await memoryInstance());
  await s.run('create table r (v int, k int); insert into r select g, g % 3 from generate_series(1, 300) g');
  const rows = await s.rows(
    'select k, count(*) filter (where g not in (select v from r where r.k = o.k)) from generate_series(1, 300) g, ' +
      '(values (0), (1), (2), (3)) o(k) group by k order by k',
  );
  expect(rows).toEqual([
    ['0', '200'],
    ['1', '200'],
    ['2', '200'],
    ['3', '300'],
  ]);
});
