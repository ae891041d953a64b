/** Partitions beyond what PostgreSQL can record: numbers, REORGANIZE, space, waits, long values on the move, restarts. */
import { beforeEach, describe, expect, test } from 'vitest';
import { SystemClock } from '../../src/base/clock.ts';
import { Prng } from '../../src/base/prng.ts';
import { Instance } from '../../src/engine/instance.ts';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import { partitionHash } from '../../src/sql/partitions/bounds.ts';
import { memoryInstance, TestSession } from '../support/in-process.ts';
import { settle, sound } from '../support/sound.ts';

let instance: Instance;
let s: TestSession;

beforeEach(async () => {
  instance = await memoryInstance();
  s = new TestSession(instance);
});

describe('REORGANIZE', () => {
  /** Three partitions with an index whose entries came in random order and mostly went again. */
  async function worn(): Promise<void> {
    await s.run('create table m (id int, part int, v text, primary key (part, id)) partition by list (part)');
    for (const n of [1, 2, 3]) await s.run(`create table m${n} partition of m for values in (${n})`);
    await s.run('create index m_v on m (v)');
    await s.run('insert into m select i, 1 + i % 3, md5(i::text) from generate_series(1, 9000) i');
    await s.run('delete from m where id % 4 <> 0');
    settle(instance);
  }

  /** Out-of-order percentage and pages of each partition's part of an index. */
  async function order(index = 'm_v'): Promise<{ fragmentation: number; pages: number }[]> {
    const rows = await s.rows(`
      select avg_fragmentation_in_percent, page_count
      from sys.dm_db_index_physical_stats(current_database(), 'm', '${index}', null, 'LIMITED') order by partition_number`);
    return rows.map(([fragmentation, pages]) => ({ fragmentation: Number(fragmentation), pages: Number(pages) }));
  }

  const content = (): Promise<unknown> => s.rows('select count(*), sum(id), min(v), max(v) from m');

  test('R6: without PARTITION all partitions come in order', async () => {
    await worn();
    const before = await order();
    const rows = await content();
    await s.run('alter index m_v on m reorganize');
    const after = await order();
    expect(before.map((p) => p.fragmentation > 50)).toEqual([true, true, true]);
    expect(after.map((p) => p.fragmentation)).toEqual([0, 0, 0]);
    expect(after.every((p, i) => p.pages < before[i]!.pages)).toBe(true);
    expect(await content()).toEqual(rows);
    sound(instance);
  });

  test('R7: PARTITION = 2 touches the second one alone, and all of its indexes with ALL', async () => {
    await worn();
    const before = await order();
    await s.run('alter index m_v on m reorganize partition = 2');
    const one = await order();
    expect([one[0], one[2]]).toEqual([before[0], before[2]]);
    expect(one[1]!.fragmentation).toBe(0);
    const keys = await order('m_pkey');
    await s.run('alter index all on m reorganize partition = 3');
    const all = await order();
    expect([all[0], all[1], all[2]!.fragmentation]).toEqual([before[0], one[1], 0]);
    expect((await order('m_pkey'))[2]!.pages).toBeLessThan(keys[2]!.pages);
  });

  test('R10: a partition that is not there is refused, and nothing changes', async () => {
    await worn();
    const before = await order();
    for (const n of [0, 4, 9])
      expect(await s.failure(`alter index m_v on m reorganize partition = ${n}`)).toMatchObject({
        sqlstate: '22023',
        detail: 'Msg 7730. It has partitions 1 to 3.',
      });
    expect(await order()).toEqual(before);
  });

  test('R35: two sessions on different partitions both run, on the same one the second is refused', async () => {
    await worn();
    const [other, third] = [new TestSession(instance), new TestSession(instance)];
    const first = s.run('alter index m_v on m reorganize partition = 1');
    const second = other.run('alter index m_v on m reorganize partition = 2');
    expect((await third.failure('alter index m_v on m reorganize partition = 1')).sqlstate).toBe('55006');
    await Promise.all([first, second]);
    expect((await order()).slice(0, 2).map((p) => p.fragmentation)).toEqual([0, 0]);
  });

  test('REBUILD, DISABLE and page locks go to the parts', async () => {
    await worn();
    await s.run('alter index m_v on m rebuild partition = 1');
    const rebuilt = await order();
    expect([rebuilt[0]!.fragmentation, rebuilt[1]!.fragmentation > 50]).toEqual([0, true]);
    await s.run('alter index m_v on m set (allow_page_locks = off)');
    expect((await s.failure('alter index m_v on m reorganize')).sqlstate).toBe('55000');
    await s.run('alter index m_v on m set (allow_page_locks = on)');
    await s.run('alter index m_v on m disable');
    expect((await s.failure('alter index m_v on m reorganize')).sqlstate).toBe('55000');
    // What the disabled parts held goes first, or it could become free in the middle of a part that is built.
    settle(instance);
    await s.run('alter index m_v on m rebuild');
    expect((await order()).map((p) => p.fragmentation)).toEqual([0, 0, 0]);
    await s.run('vacuum m; analyze m; reindex index m_v; cluster m using m_pkey; vacuum full m');
    sound(instance);
  });
});

describe('space', () => {
  const freeBytes = async (): Promise<number> =>
    Number((await s.rows('select free_bytes + available_bytes from extentdb.file_space'))[0]?.[0]);

  test('a partition has hints of its own, or those of its table', async () => {
    await s.run('create table m (id int, v text) partition by range (id) with (min_extent = 128 kB)');
    await s.run('create table m1 partition of m for values from (0) to (10)');
    await s.run('create table m2 partition of m for values from (10) to (20) with (growth = 200)');
    expect(await s.rows("select hints from extentdb.space where object in ('m1', 'm2') order by object")).toEqual([
      ['initial_density=100, min_extent=16 pages'],
      ['initial_density=100, growth=200'],
    ]);
  });

  test('what is dropped or truncated gives its extents back at once', async () => {
    await s.run('create table m (id int, v text) partition by range (id)');
    for (const n of [0, 1, 2])
      await s.run(`create table m${n} partition of m for values from (${n * 1000}) to (${n * 1000 + 1000})`);
    await s.run("insert into m select i, repeat('x', 900) from generate_series(0, 2999) i");
    const before = await freeBytes();
    await s.run('drop table m1');
    settle(instance);
    const dropped = await freeBytes();
    expect(dropped - before).toBeGreaterThan(900_000);
    await s.run('truncate m');
    settle(instance);
    expect((await freeBytes()) - dropped).toBeGreaterThan(1_800_000);
    sound(instance);
  });
});

describe('rows that change their partition', () => {
  beforeEach(async () => {
    await s.run('create table m (id int, v text, n int, primary key (id)) partition by range (id)');
    await s.run('create table low partition of m for values from (0) to (100)');
    await s.run('create table high partition of m for values from (100) to (200)');
  });

  test('take their long values along', async () => {
    await s.run("insert into m values (1, (select string_agg(md5(i::text), '') from generate_series(1, 2000) i), 0)");
    await s.run('update m set id = 101 where id = 1');
    await s.run("insert into m values (1, 'short', 0)");
    await s.run('vacuum');
    expect(await s.rows('select id, md5(v) from high')).toEqual([['101', 'd75cbef011067d060dabd80f63878c5f']]);
    await s.run('begin; update m set id = 2, n = 5 where id = 101; rollback');
    expect(await s.rows('select id, length(v), n from m order by id')).toEqual([
      ['1', '5', '0'],
      ['101', '64000', '0'],
    ]);
    settle(instance);
    sound(instance);
  });

  test.each([
    ['update m set n = n + 1 where v = $$a$$', 'commit'],
    ['delete from m where v = $$a$$', 'commit'],
    ['select * from m where v = $$a$$ for update', 'commit'],
    ['update m set n = n + 1 where v = $$a$$', 'rollback'],
  ])('whoever waits for them is told so: %s after %s', async (statement, end) => {
    const other = new TestSession(instance);
    await s.run("insert into m values (1, 'a', 0)");
    await s.run('begin; update m set id = 150 where id = 1');
    const waiting = other.run(statement).then(
      () => 'done',
      (error: { sqlstate?: string }) => error.sqlstate,
    );
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    await s.run(end);
    expect(await waiting).toBe(end === 'commit' ? '40001' : 'done');
    expect(await s.rows('select id, n from m')).toEqual([end === 'commit' ? ['150', '0'] : ['1', '1']]);
  });

  test('are not met again by the statement that moved them', async () => {
    await s.run('insert into m select i, null, 0 from generate_series(0, 99) i');
    expect((await s.run('update m set id = id + 100, n = n + 1'))[0]?.tag).toBe('UPDATE 100');
    expect(await s.rows('select count(*), min(id), max(n) from m')).toEqual([['100', '100', '1']]);
  });
});

test('partitions and their bounds are there again after a restart', async () => {
  const vfs = new MemoryVfs();
  const open = (): Promise<Instance> =>
    Instance.openFile('/p.extent', { vfs, clock: new SystemClock(), prng: new Prng(1) });
  const first = await open();
  const one = new TestSession(first);
  await one.run("set timezone = 'Asia/Tokyo'; set datestyle = 'SQL, DMY'");
  await one.run('create table m (at timestamptz, v numeric(9, 3)) partition by range (at, v)');
  await one.run(
    "create table a partition of m for values from ('01/02/2024 09:00', -1.5) to ('01/03/2024 09:00', maxvalue)",
  );
  await one.run("insert into m values ('01/02/2024 09:00', 7)");
  await first.close();
  const again = await open();
  const two = new TestSession(again);
  expect(await two.rows("select pg_get_expr(relpartbound, oid) from pg_class where relname = 'a'")).toEqual([
    ["FOR VALUES FROM ('2024-02-01 00:00:00+00', '-1.500') TO ('2024-03-01 00:00:00+00', MAXVALUE)"],
  ]);
  expect(await two.rows("select v from m where at = '2024-02-01 00:00:00+00'")).toEqual([['7.000']]);
  await again.close();
});

test('where hashes send rows never changes', () => {
  const hashes = ['', 'a', 'partition', 'ÿ\u0000'].map((text) => {
    const bytes = Buffer.from(text, 'latin1');
    return partitionHash(bytes, bytes.length);
  });
  expect(hashes).toMatchInlineSnapshot(`
    [
      2872998923,
      444641715,
      1427161563,
      3594443983,
    ]
  `);
});

test('a statement reads the partitions that its parameters leave over', async () => {
  await s.run('create table m (id int, v text) partition by hash (id)');
  for (let r = 0; r < 8; r++)
    await s.run(`create table m${r} partition of m for values with (modulus 8, remainder ${r})`);
  await s.run("insert into m select i, 'v' || i from generate_series(1, 1000) i");
  const counts = await s.rows('select count(*) from m group by tableoid');
  expect(counts.map(([n]) => Number(n)).every((n) => n > 80 && n < 180)).toBe(true);
  const plan = async (sql: string): Promise<number> =>
    (await s.rows(`explain analyze ${sql}`)).filter(([line]) => /Scan on m\d.*actual/.test(line ?? '')).length;
  expect(await plan('select * from m where id = 77')).toBe(1);
  expect(await plan('select * from m where id in (1, 2)')).toBeLessThanOrEqual(2);
  expect(await plan('select * from m')).toBe(8);
  await s.run('create index on m (id)');
  const lookups = await s.rows('explain analyze select * from (values (5), (6)) k (id) join m using (id)');
  expect(lookups.filter(([line]) => /Index.* on m\d.*actual/.test(line ?? '')).length).toBeLessThanOrEqual(2);
});

test('EXPLAIN lists the partitions that the statement will read', async () => {
  await s.run(`
    create table m (id int, at date) partition by range (id);
    create table a partition of m for values from (0) to (10);
    create table b partition of m for values from (10) to (20) partition by list (at);
    create table b1 partition of b for values in ('2024-01-01');
    create table b2 partition of b default;
  `);
  const plan = async (sql: string): Promise<string[]> =>
    (await s.rows(`explain ${sql}`))
      .map(([line]) => / on (\w+) |(Subplans Removed: \d)/.exec(line ?? ''))
      .flatMap((found) => found?.[1] ?? found?.[2] ?? []);
  expect(await plan('select * from m where id = 5')).toEqual(['Subplans Removed: 2', 'a']);
  expect(await plan("select * from m where id = 12 and at = '2024-01-01'")).toEqual(['Subplans Removed: 2', 'b1']);
  expect(await plan('select * from m where id > 12')).toEqual(['Subplans Removed: 1', 'b1', 'b2']);
  expect(await plan('select * from m')).toEqual(['a', 'b1', 'b2']);
  // What depends on a row of another table is known only when that row is.
  expect(await plan('select * from m where id = (select max(id) from m)')).toEqual(expect.arrayContaining(['a', 'b1']));
  expect(await plan('delete from m where id = 5')).toContain('a');
});
