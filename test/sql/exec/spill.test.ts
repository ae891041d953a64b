/** What exceeds work_mem goes to temporary files, gives what it gives in memory, and leaves no file behind. */
import { beforeAll, describe, expect, test } from 'vitest';
import { memoryInstance, TestSession } from '../../support/in-process.ts';

const ROWS = 30_000;

async function session(): Promise<TestSession> {
  const s = new TestSession(await memoryInstance());
  await s.run('create table t (a int, b int, c text)');
  await s.run(`insert into t select g, (g * 7919) % 10007, 'value ' || g from generate_series(1, ${ROWS}) g`);
  return s;
}

/** Kilobytes that each node with a `Disk:` line put aside, by the node's title. */
async function onDisk(s: TestSession, query: string): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  let node = '';
  for (const [line] of await s.rows(`explain analyze ${query}`)) {
    const title = /^\s*(?:->\s+)?([A-Z][\w ]*?)\s+\(rows=/.exec(line!);
    if (title !== null) node = title[1]!;
    const disk = /Disk: (\d+)kB in (\d+) temporary/.exec(line!);
    if (disk !== null && Number(disk[2]) > 0) found.set(node, Number(disk[1]));
  }
  return found;
}

/** The node that must spill, and a query that has it. */
const QUERIES: readonly (readonly [string, string])[] = [
  ['Sort', 'select c, a from t order by b desc, c limit 50 offset 20000'],
  ['Sort', 'select count(*) from (select c from t union all select c from t order by 1 offset 3) s'],
  ['HashAggregate', 'select b, count(*), sum(a), min(c) from t group by b order by 1 limit 40 offset 5000'],
  ['HashAggregate', 'select count(*), sum(length(c)) from (select distinct b, c from t) s'],
  ['HashAggregate', 'select count(*) from (select c from t union select c || b from t) u'],
  ['Hash Join', 'select count(*), sum(x.a), sum(y.a) from t x join t y on x.c = y.c'],
  ['Hash Left Join', 'select count(*), count(y.a) from t x left join (select * from t where a % 3 = 0) y on x.c = y.c'],
  [
    'Hash Full Join',
    'select count(*), count(x.a), count(y.a) from (select * from t where a % 2 = 0) x full join (select * from t where a % 3 = 0) y on x.c = y.c',
  ],
  [
    'Hash Anti Join',
    'select count(*), sum(a) from t where not exists (select from t y where y.c = t.c and y.a % 3 = 0)',
  ],
  ['HashSetOp Intersect', 'select count(*), sum(b) from (select b, c from t intersect select b + a % 2, c from t) s'],
  [
    'HashSetOp Intersect All',
    'select count(*), sum(b) from ((select b, c from t union all select b, c from t) intersect all select b, c from t where a % 2 = 0) s',
  ],
  ['HashSetOp Except', 'select count(*), sum(b) from (select b, c from t except select b + a % 2, c from t) s'],
  [
    'HashSetOp Except',
    'select count(*) from ((select c from t union all select c from t) except select c from t where a < 100) s',
  ],
  [
    'HashSetOp Except All',
    'select count(*), sum(b) from ((select b, c from t union all select b, c from t) except all select b, c from t where a % 2 = 0) s',
  ],
  ['Sort', 'select count(*), sum(a) from (select distinct on (b) a, b, c from t order by b, c desc) s'],
  ['Sort', 'select count(*), sum(a) from (select distinct on (b % 5000) a, c from t) s'],
  ['With', 'with m as materialized (select * from t) select count(*), sum(x.a) from m x join m y on x.a = y.b'],
  [
    'With',
    `with recursive r(n, pad) as (select 1, 'x' union all select n + 1, 'row ' || n from r where n < 20000) select count(*), sum(n), max(pad) from r`,
  ],
  [
    'With',
    `with recursive r(a, depth) as (select a, 0 from t union all select a, depth + 1 from r where depth < 3) select depth, count(*), sum(a) from r group by 1 order by 1`,
  ],
  [
    'With',
    `with recursive r(a, b) as (select a, b from t where a < 9000 union select a + 9000, b from r where a < 20000) select count(*), sum(a), sum(b) from r`,
  ],
  [
    'With',
    `with recursive r(a, c) as (select a, c from t where a <= 20000 union select a % 20000 + 1, 'value ' || a % 20000 + 1 from r) select count(*), sum(a), min(c), max(c) from r`,
  ],
  [
    'With',
    `with recursive r(n) as (select 1 union select (n + 1) % 5000 from r) select count(*), sum(n), max(n) from r`,
  ],
  ['Aggregate', 'select count(distinct c), count(distinct b), sum(distinct b), count(*) from t'],
  ['HashAggregate', 'select a % 3, count(distinct c), sum(distinct a), max(distinct c) from t group by 1 order by 1'],
  ['HashAggregate', `select b, count(distinct c), string_agg(distinct c, '/') from t group by 1 order by 1 limit 2000`],
  ['Aggregate', `select md5(string_agg(c, ',' order by b desc, a)) from t`],
  ['Aggregate', 'select array_length(array_agg(distinct c || a % 2), 1), md5(array_agg(distinct c)::text) from t'],
  ['Aggregate', 'select md5(array_agg(distinct b % 5000 order by b % 5000 desc)::text), count(distinct (b, c)) from t'],
  [
    'HashAggregate',
    `select a % 11, md5(array_agg(c order by b, c)::text), percentile_disc(0.3) within group (order by c), mode() within group (order by b % 7)
     from t group by 1 order by 1`,
  ],
  [
    'HashAggregate',
    `select c, array_agg(a order by b) filter (where a % 2 = 0), count(distinct b), sum(distinct a::float8) from t group by c order by c limit 100 offset 20000`,
  ],
  ['Nested Loop', 'select count(*), sum(x.a), sum(y.a) from t x join t y on x.a > 29980 and y.a < x.b'],
  [
    'Nested Loop Left Join',
    'select count(*), count(y.a) from (select * from t where a % 1500 = 0) x left join t y on y.b > x.b + 9000',
  ],
  [
    'Nested Loop Anti Join',
    'select count(*) from (select * from t where a % 1500 = 0) x where not exists (select from t y where y.b > x.b + 9900)',
  ],
  [
    'Nested Loop Semi Join',
    'select count(*) from (select * from t where a % 1500 = 0) x where exists (select from t y where y.b > x.b + 9900)',
  ],
  [
    'WindowAgg',
    `select count(*), sum(rn), sum(k), sum(d), sum(s), max(la), max(le), max(f), max(l), max(nt) from (
       select row_number() over w rn, rank() over w k, dense_rank() over w d, sum(a) over w s, lag(c, 3) over w la, lead(c) over w le,
              first_value(c) over w f, last_value(c) over w l, nth_value(c, 7) over w nt
       from t window w as (partition by a % 2 order by b)) q`,
  ],
  [
    'WindowAgg',
    `select count(*), sum(p::numeric(12,8)), sum(n), sum(s) from (
       select cume_dist() over w + percent_rank() over w p, ntile(7) over w n, count(*) over (partition by a % 3) s
       from t window w as (order by b % 100)) q`,
  ],
];

describe('whatever the memory, the answers are the same', () => {
  let s: TestSession;
  beforeAll(async () => {
    s = await session();
  });

  test.each(QUERIES)('%s: %s', async (node, query) => {
    await s.run("set work_mem = '512MB'");
    const wide = await s.rows(query);
    expect([...(await onDisk(s, query)).keys()]).toEqual([]);
    await s.run("set work_mem = '64kB'");
    expect(await s.rows(query)).toEqual(wide);
    expect((await onDisk(s, query)).get(node) ?? 0).toBeGreaterThan(64);
  });
});

test('a group is on disk or in memory, also when memory comes and goes', async () => {
  const s = await session();
  // The rows' widths make the scan's buffer grow and shrink around the limit while groups are added.
  await s.run(
    "create table wide as select g % 12000 k, repeat('x', (g * 37) % 300) pad from generate_series(1, 36000) g",
  );
  for (const memory of ['600kB', '700kB', '800kB', '900kB', '1000kB']) {
    await s.run(`set work_mem = '${memory}'`);
    const rows = await s.rows("select k::text || '', count(*), max(length(pad)) >= 0 from wide group by 1");
    expect(rows.length, memory).toBe(12000);
    expect(new Set(rows.map((r) => r[1])), memory).toEqual(new Set(['3']));
  }
});

test('parts that are still too large are spread again', async () => {
  const s = await session();
  await s.run("create table big as select g a, 'some longer value ' || g c from generate_series(1, 120000) g");
  const queries = [
    'select count(*), sum(x.a) from big x join big y on x.c = y.c',
    'select count(*) from (select c from big except select c from big where a % 2 = 0) s',
    'select count(*), sum(n) from (select c, count(*) n from big group by c) s',
  ];
  await s.run("set work_mem = '512MB'");
  const wide = [];
  for (const q of queries) wide.push(await s.rows(q));
  await s.run("set work_mem = '64kB'");
  for (const [i, q] of queries.entries()) expect(await s.rows(q), q).toEqual(wide[i]);
});

test('groups of long values are spread, and their parts spread again', async () => {
  const s = await session();
  await s.run(
    'create table long as select repeat(md5((g % 4000)::text), 300) k, g % 3 j, g from generate_series(1, 6000) g',
  );
  const query = 'select count(*), sum(n), sum(s) from (select k, j, count(*) n, sum(g) s from long group by k, j) q';
  const answers: unknown[] = [];
  for (const memory of ['512MB', '64kB']) {
    await s.run(`set work_mem = '${memory}'`);
    answers.push(await s.rows(query));
  }
  expect(answers[1]).toEqual(answers[0]);
  expect((await onDisk(s, query)).get('HashAggregate') ?? 0).toBeGreaterThan(64);
});

test.each([
  `with ins as (insert into w select a, c from t returning *) select count(*), sum(k), max(c) from ins`,
  `with up as (update w set c = w.c || t.b from t where w.k = t.a returning w.k, w.c) select count(*), sum(k), max(c) from up`,
  `with up as (insert into w select a, c from t on conflict (k) do update set c = excluded.c || '+' returning *) select count(*), min(c) from up`,
  `with gone as (delete from w using t where w.k % 10007 = t.b returning w.*) select count(*), sum(k), max(c) from gone`,
  `with ins as (insert into p select a, c from t returning *) select count(*), sum(k), max(c) from ins`,
  `with up as (update p set k = (k + 7000) % 30000 returning *) select count(*), sum(k), max(c) from up`,
])('what a change returns and remembers goes to disk: %s', async (statement) => {
  const answers: string[][][] = [];
  for (const memory of ['512MB', '64kB']) {
    const s = await session();
    await s.run('create table w (k int primary key, c text)');
    await s.run('create table p (k int, c text) partition by range (k)');
    for (let i = 0; i < 4; i++)
      await s.run(`create table p${i} partition of p for values from (${i * 10000}) to (${i * 10000 + 10000})`);
    if (!statement.includes('insert into w select a, c from t returning'))
      await s.run('insert into w select a, c from t');
    if (statement.includes('update p')) await s.run('insert into p select a, c from t');
    await s.run(`set work_mem = '${memory}'`);
    answers.push((await s.rows(statement)) as string[][]);
  }
  expect(answers[1]).toEqual(answers[0]);
});

test('many runs are merged in levels, and the sort stays stable', async () => {
  const s = await session();
  await s.run("set work_mem = '64kB'");
  const rows = await s.rows(
    'select a % 7, a from (select g a from generate_series(1, 150000) g offset 0) s order by 1 offset 0',
  );
  for (let i = 1; i < rows.length; i++) {
    const [group, a] = rows[i]!.map(Number);
    const [groupBefore, before] = rows[i - 1]!.map(Number);
    if (group === groupBefore ? a! < before! : group! < groupBefore!)
      expect.fail(`row ${i}: ${rows[i]} after ${rows[i - 1]}`);
  }
  expect(rows.length).toBe(150_000);
});

test('no temporary file stays behind, also after an error', async () => {
  const instance = await memoryInstance();
  const s = new TestSession(instance);
  await s.run("set work_mem = '64kB'");
  await s.run(`create table t as select g a, 'text ' || g c from generate_series(1, ${ROWS}) g`);
  await s.rows('select a from t order by c');
  for (const failing of [
    'select 1 / (a - 25000) from t order by c',
    'select 1 / (a - 25000) from (select * from t intersect select * from t) s',
    'with m as materialized (select * from t) select 1 / (y.a - 25000) from m x, m y',
    'select 1 / (x.a - 25000) from t x join t y on x.c = y.c',
    'select 1 / (row_number() over (order by c) - 25000) from t',
    'select 1 / (count(*) - 1) from t group by c',
    'select 1 / (count(distinct c) - 30000) from t',
    'select count(distinct c), sum(distinct 1 / (a - 25000)) from t',
    'with recursive r(n) as (select a from t union select n + 30000 + 1 / (n - 29000) from r where n <= 30000) select count(*) from r',
  ])
    expect((await s.failure(failing)).sqlstate, failing).toBe('22012');
  expect(instance.options.vfs.list('/').filter((f) => f.includes('-spill-'))).toEqual([]);
});
