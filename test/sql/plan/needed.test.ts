/** What stands above a node is asked of it, also when only a condition there uses it; what nobody uses is not carried along. */
import { beforeAll, expect, test } from 'vitest';
import { memoryInstance, TestSession } from '../../support/in-process.ts';

let s: TestSession;

beforeAll(async () => {
  s = new TestSession(await memoryInstance());
  await s.run('create table t (a int, b int, c text)');
  await s.run("insert into t select g, g % 10, 'c' || g from generate_series(1, 100) g");
});

test.each([
  ['a limit', 'select a from (select a, b from t order by a limit 15) s where b = 3', [['3'], ['13']]],
  ['an offset', 'select a from (select a, b from t order by a offset 90) s where b = 3', [['93']]],
  ['DISTINCT ON', 'select a from (select distinct on (b) a, b, c from t order by b, a) s where c = $$c7$$', [['7']]],
  ['a window', 'select n from (select row_number() over (order by a) n, b, c from t) s where c = $$c42$$', [['42']]],
])('a condition above %s finds its column', async (_, query, rows) => {
  expect(await s.rows(query)).toEqual(rows);
});

test('a join carries no key that nobody needs above it', async () => {
  const rows = await s.rows(
    'select x.a, z.c from t x join t y on x.a = y.b join t z on y.a = z.a and z.b < 5 where x.a < 3 order by 1, 2',
  );
  expect(rows.length).toBe(20);
  expect(rows[0]).toEqual(['1', 'c1']);
});
