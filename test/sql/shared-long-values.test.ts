/** A long value belongs to one record: rows and columns that get it from elsewhere have copies of their own. */
import { expect, test } from 'vitest';
import { memoryInstance, TestSession } from '../support/in-process.ts';
import { sound } from '../support/sound.ts';

const LONG = `(select string_agg(md5(i::text), '') from generate_series(1, 2000) i)`;
const MD5 = 'd75cbef011067d060dabd80f63878c5f';

async function session(): Promise<TestSession> {
  const s = new TestSession(await memoryInstance());
  for (const name of ['a', 'b']) await s.run(`create table ${name} (id int primary key, t text, u text)`);
  await s.run(`insert into a values (1, ${LONG}, null)`);
  return s;
}

/** Takes away whatever nobody refers to any more. */
async function emptied(s: TestSession, change: string): Promise<void> {
  await s.run(change);
  await s.run('vacuum');
}

test.each([
  ['INSERT … SELECT', ['insert into b select * from a'], 'select md5(t) from b'],
  [
    'INSERT … SELECT of many rows',
    ['insert into b select i, t, null from a, generate_series(1, 50) i'],
    'select distinct md5(t) from b',
  ],
  ['CREATE TABLE AS', ['create table c as select * from a'], 'select md5(t) from c'],
  ['UPDATE … FROM', ["insert into b values (1, 'x', 'y')", 'update b set u = a.t from a'], 'select md5(u) from b'],
  [
    'ON CONFLICT DO UPDATE',
    ["insert into b values (1, 'x')", 'insert into b select * from a on conflict (id) do update set t = excluded.t'],
    'select md5(t) from b',
  ],
])('%s', async (_what, statements, query) => {
  const s = await session();
  for (const statement of statements) await s.run(statement);
  await emptied(s, 'delete from a');
  expect(await s.rows(query)).toEqual([[MD5]]);
});

test('a column that takes another column over', async () => {
  const s = await session();
  await s.run('update a set u = t');
  await emptied(s, "update a set t = 'short'");
  expect(await s.rows('select t, md5(u) from a')).toEqual([['short', MD5]]);
  await s.run('update a set t = u, u = t');
  await emptied(s, 'update a set id = 2, u = null');
  expect(await s.rows('select id, md5(t), u from a')).toEqual([['2', MD5, null]]);
  await emptied(s, 'delete from a');
  expect(await s.rows('select count(*) from a')).toEqual([['0']]);
});

test('columns that swap their long values keep both', async () => {
  const s = await session();
  await s.run(`update a set u = repeat('u', 50000)`);
  await emptied(s, 'update a set t = u, u = t');
  expect(await s.rows('select md5(t) = md5(repeat($$u$$, 50000)), md5(u) from a')).toEqual([['t', MD5]]);
});

test('keys are made of values that lie outside of their row, too', async () => {
  const s = new TestSession(await memoryInstance());
  const columns = [...'abcdefghijkl'];
  await s.run(`create table x (id int primary key, ${columns.map((c) => `${c} text`).join(', ')})`);
  await s.run('create index x_a on x (a)');
  await s.run('create index x_upper on x (upper(a)) where length(f) > 500');
  await s.run('insert into x select i, i::text from generate_series(1000, 3000) i');
  const values = columns.map((c) => `repeat('${c}' || i, 400)`).join(', ');
  await s.run(`insert into x select i, ${values} from generate_series(1, 5) i`);
  const find = (i: number): Promise<(string | null)[][]> =>
    s.rows(`select id, length(f) from x where a = repeat('a${i}', 400)`);
  expect(await find(3)).toEqual([['3', '800']]);
  // All columns are in keys, so some of them must move out.
  for (const c of columns.slice(1)) await s.run(`create index on x (${c})`);
  await s.run("update x set b = 'x' where id = 3");
  expect(await find(3)).toEqual([['3', '800']]);
  await s.run("update x set a = repeat('a9', 400) where id = 3");
  expect(await find(3)).toEqual([]);
  expect(await find(9)).toEqual([['3', '800']]);
  await s.run('delete from x where id = 3');
  expect(await find(9)).toEqual([]);
  expect(await s.rows("select count(*) from x where a >= 'a'")).toEqual([['4']]);
});

test('a row of several values larger than any buffer holds goes in whole, and so does the row behind it', async () => {
  const s = new TestSession(await memoryInstance());
  await s.run('create table three (t text, u text, w text)');
  await s.run(`insert into three select repeat(c, 100000), repeat(c || 'u', 120000), repeat(c, 70000)
               from unnest(array['a', 'b', 'c']) c`);
  expect(
    await s.rows('select left(t, 2), length(t), right(u, 2), length(u), left(w, 1), length(w) from three'),
  ).toEqual(['a', 'b', 'c'].map((c) => [c + c, '100000', `${c}u`, '240000', c, '70000']));
});

test('a column is added with a long value as its default, or with many that are long together', async () => {
  const instance = await memoryInstance();
  const s = new TestSession(instance);
  await s.run("create table d (id int primary key, t text); insert into d values (1, 'a'), (2, 'b')");
  await s.run("alter table d add column w text default repeat('abc', 20000)");
  for (let n = 0; n < 25; n++) await s.run(`alter table d add column c${n} text default repeat('${n % 10}', 1500)`);
  await s.run("insert into d (id, t) values (3, 'c'); update d set t = 'bb' where id = 2");
  const rows = await s.rows(
    "select id, t, length(w), right(w, 3), c0 = repeat('0', 1500), length(c24), left(c24, 1) from d order by id",
  );
  expect(rows).toEqual(['a', 'bb', 'c'].map((t, i) => [String(i + 1), t, '60000', 'abc', 't', '1500', '4']));
  await s.run("alter table d alter column w set default 'short'; insert into d (id) values (4)");
  expect(await s.rows('select length(w) from d order by id')).toEqual([['60000'], ['60000'], ['60000'], ['5']]);
  sound(instance);
});
