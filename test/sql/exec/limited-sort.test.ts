/** ORDER BY with LIMIT keeps no more rows than it needs, and they are those that the whole order begins with. */
import { expect, test } from 'vitest';
import { Prng } from '../../../src/base/prng.ts';
import { seedOf } from '../../storage/open.ts';
import { memoryInstance, TestSession } from '../../support/in-process.ts';

const ROWS = 6000;

async function session(seed: number): Promise<TestSession> {
  const s = new TestSession(await memoryInstance());
  await s.run('create table t (id int, a int, b text, c numeric)');
  const prng = new Prng(seed);
  const value = (make: () => string): string => (prng.chance(0.1) ? 'null' : make());
  const rows = Array.from(
    { length: ROWS },
    (_, id) =>
      `(${id}, ${value(() => String(prng.below(40)))}, ${value(() => `'${'ab'.repeat(prng.below(3))}${prng.below(9)}'`)}, ` +
      `${value(() => String(prng.below(50) / 4))})`,
  );
  await s.run(`insert into t values ${rows.join(', ')}`);
  return s;
}

test.each(['4MB', '64kB'])(
  'it is a part of what comes without LIMIT, also among equal rows, work_mem %s',
  async (memory) => {
    const seed = seedOf(3100);
    const prng = new Prng(seed);
    const s = await session(seed);
    await s.run(`set work_mem = '${memory}'`);
    for (let n = 0; n < 40; n++) {
      const keys = Array.from({ length: 1 + prng.below(3) }, () => {
        const direction = prng.chance(0.5) ? ' desc' : '';
        const nulls = prng.chance(0.5) ? prng.pick([' nulls first', ' nulls last']) : '';
        return `${prng.pick(['a', 'b', 'c', 'a % 3', "b || 'x'"])}${direction}${nulls}`;
      }).join(', ');
      const limit = prng.pick([1, 2, 10, 500, 2000, 7000]);
      const offset = prng.pick([0, 0, 3, 700, 5999]);
      const query = `select id, a, b, c from t where id % 7 <> ${prng.below(7)} order by ${keys}`;
      const all = await s.rows(query);
      const some = await s.rows(`${query} limit ${limit} offset ${offset}`);
      expect(some, `seed=${seed}: ${keys} limit ${limit} offset ${offset}`).toEqual(all.slice(offset, offset + limit));
    }
  },
);

test('a sub-query that is opened anew keeps as many as are asked for this time', async () => {
  const s = await session(seedOf(3101));
  const query = `select n, array(select id from t where a = n order by c, id limit n) as few from generate_series(0, 39) n`;
  const whole = `select n, array(select id from t where a = n order by c, id) as whole from generate_series(0, 39) n`;
  expect(await s.rows(query)).toEqual(await s.rows(`select n, whole[1 : n] from (${whole}) w`));
  await s.run('prepare top(int) as select id from t order by b, id limit $1');
  for (const count of [3, 4000, 1]) expect((await s.rows(`execute top(${count})`)).length).toBe(count);
});

test('it holds few rows, and WITH TIES keeps all that are equal to the last', async () => {
  const s = await session(seedOf(3102));
  await s.run("set work_mem = '64kB'");
  const lines = (await s.rows('explain analyze select id, b from t order by c, id limit 20')).join('\n');
  expect(lines).not.toContain('Disk:');
  const ties = await s.rows('select c from t where c is not null order by c fetch first 1 row with ties');
  expect(ties).toEqual(await s.rows('select c from t where c = (select min(c) from t)'));
});

/** Types, and how one of their values is made from a number. */
const ORDERED: readonly (readonly [string, string])[] = [
  ['int', 'g - 30'],
  ['bigint', '(g - 30)::bigint * 1000000007'],
  ['numeric(10,2)', '(g - 30) / 4.0'],
  ['numeric', "case g when 5 then 'NaN'::numeric else power(-7.5, g % 9) end"],
  ['float8', "case g when 5 then 'NaN'::float8 when 6 then '-0' when 7 then '-Infinity' else (g - 30) / 8.0 end"],
  ['text', "repeat('ab', g % 5) || g % 7"],
  ['text', "repeat('long', 2000 + g % 5) || g % 7"],
  ['char(5)', "'v' || g % 20"],
  ['bytea', "('\\x' || lpad(to_hex(g % 3), 2, '0') || lpad(to_hex(g), 2, '0'))::bytea"],
  ['date', "date '2024-02-20' - g"],
  ['interval', 'make_interval(months => g % 3, days => 40 - g)'],
  ['boolean', 'g % 2 = 0'],
  ['uuid', 'md5(g::text)::uuid'],
  ['int[]', 'array[g % 4, 30 - g]'],
];

test.each(ORDERED)('a column of type %s is ordered by its bytes as by its value: %s', async (type, made) => {
  const s = new TestSession(await memoryInstance());
  await s.run(`create table o (id int, x ${type})`);
  await s.run(
    `insert into o select g, case when g % 11 = 3 then null else (${made})::${type} end from generate_series(1, 60) g`,
  );
  for (const direction of ['', ' desc', ' nulls first', ' desc nulls last']) {
    const byColumn = await s.rows(`select id from o order by x${direction}, id limit 50`);
    const byValue = await s.rows(`select id from o order by case when id > 0 then x end${direction}, id limit 50`);
    expect(byColumn, `order by x${direction}`).toEqual(byValue);
  }
});
