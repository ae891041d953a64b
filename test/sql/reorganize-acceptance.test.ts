/** Rows of the acceptance list of index maintenance that need SQL; each test carries its row's name. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runNow, runTask, type Task } from '../../src/base/task.ts';
import type { Instance } from '../../src/engine/instance.ts';
import { cancelledByUser } from '../../src/engine/scheduler.ts';
import { checkIndexes } from '../../src/sql/ddl/check-indexes.ts';
import { checkStoreNow } from '../../src/storage/check.ts';
import { memoryInstance, TestSession, TextSink } from '../support/in-process.ts';
import { settle } from '../support/sound.ts';

let instance: Instance;
let s: TestSession;

beforeEach(async () => {
  instance = await memoryInstance();
  s = new TestSession(instance);
});

afterEach(async () => {
  const { file } = instance.single;
  expect(checkStoreNow(file.store, file.space.audit())).toEqual([]);
  await instance.close();
});

async function numbers(text: string): Promise<number[]> {
  return ((await s.rows(text))[0] ?? []).map(Number);
}

/** Leaf pages and fragmentation of an index. */
function leaves(table: string, index = `${table}_pkey`): Promise<number[]> {
  return numbers(`
    select page_count, avg_fragmentation_in_percent
    from sys.dm_db_index_physical_stats(current_database(), '${table}', '${index}', null, 'LIMITED')
    where alloc_unit_type_desc = 'IN_ROW_DATA' limit 1`);
}

test('R12: a fill factor of 25 takes four times the leaves of one of 100', async () => {
  // Sixteen rows fill a leaf, four a quarter of one: no page loses a part of a row.
  for (const [name, percent] of [
    ['quarter', 25],
    ['whole', 100],
  ] as const)
    await s.run(`
      create table ${name} (id int primary key, v text) with (fillfactor = ${percent});
      insert into ${name} select i, repeat('x', 460) from generate_series(1, 3200) i`);
  const [quarter = 0] = await leaves('quarter');
  const [whole = 0] = await leaves('whole');
  expect(whole).toBeGreaterThan(150);
  expect(Math.abs(quarter - 4 * whole)).toBeLessThanOrEqual(1);
  expect(
    await s.rows(`select relname, reloptions from pg_class where relname in ('quarter', 'whole') order by 1`),
  ).toEqual([
    ['quarter', '{fillfactor=25}'],
    ['whole', '{fillfactor=100}'],
  ]);
});

test('R20: the clustered index compacts the long values of all columns', async () => {
  await s.run(`
    create table l (id int primary key, a text, b text);
    insert into l select i, repeat('a', 60000), repeat('b', 60000) from generate_series(1, 100) i`);
  const owned = async (): Promise<number> =>
    (await numbers(`select owned_pages from extentdb.space where object = 'l' and kind = 'lob'`))[0] ?? 0;
  let before = await owned();
  for (const column of ['a', 'b']) {
    await s.run(`update l set ${column} = null where id % 5 <> 0`);
    settle(instance);
    await s.run('alter index l_pkey on l reorganize');
    const after = await owned();
    expect(after, column).toBeLessThan(before * 0.85);
    before = after;
  }
  expect(await numbers('select count(*), sum(length(a)), sum(length(b)) from l')).toEqual([100, 1_200_000, 1_200_000]);
});

test('R21: another index compacts the long values that it includes, and none of the table', async () => {
  await s.run(`
    create table l (id int primary key, a int, b text);
    create index l_a on l (a) include (b);
    insert into l select i, i, repeat('b', 60000) from generate_series(1, 100) i;
    update l set b = null where id % 5 <> 0`);
  settle(instance);
  const owned = async (): Promise<Record<string, number>> =>
    Object.fromEntries(
      (await s.rows(`select object, owned_pages from extentdb.space where kind = 'lob'`)).map(([o, n]) => [
        o,
        Number(n),
      ]),
    );
  const plan = async (index: string, options = ''): Promise<string> => {
    s.notices.length = 0;
    await s.run(`alter index ${index} on l reorganize with (dry_run = on${options})`);
    return `${s.notices[0]?.message} ${s.notices[0]?.detail}`;
  };
  const before = await owned();
  await s.run('alter index l_a on l reorganize with (lob_compaction = off)');
  expect(await owned()).toEqual(before);
  expect(await plan('l_a')).toMatch(/[1-9]\d* of \d+ sparse extents/);
  await s.run('alter index l_a on l reorganize');
  const after = await owned();
  expect(after['l_a']).toBeLessThan((before['l_a'] ?? 0) * 0.5);
  expect(after['l']).toBe(before['l']);
  await s.run('alter index l_pkey on l reorganize');
  const end = await owned();
  expect(end['l_a']).toBe(after['l_a']);
  expect(end['l']).toBeLessThan((before['l'] ?? 0) * 0.5);
  expect(await numbers('select count(b), sum(length(b)) from l where a > 0')).toEqual([20, 1_200_000]);
  expect(await runTask(checkIndexes(s.sql))).toEqual([]);
});

test('R40: a cancel in the middle is 57014 and keeps what was done; the next run has less to do', async () => {
  const make = async (name: string): Promise<void> => {
    await s.run(`
      create table ${name} (id int primary key, v text);
      insert into ${name} select (i * 7919) % 104729, repeat('x', 120) from generate_series(1, 6000) i`);
    settle(instance);
  };
  const moved = async (name: string): Promise<number> => {
    s.notices.length = 0;
    await s.run(`alter index ${name}_pkey on ${name} reorganize with (verbose = on)`);
    return Number(/(\d+) moved/.exec(s.notices[0]?.message ?? '')?.[1]);
  };
  await make('whole');
  await make('cut');
  const all = await moved('whole');
  const [, worst = 0] = await leaves('cut');
  const content = await s.rows('select count(*), sum(id) from cut');
  const other = new TestSession(instance);
  const sink = new TextSink(() => other.sql);
  const failure = cancelAt(other.sql.simple('alter index cut_pkey on cut reorganize', sink), 75);
  expect(failure).toMatchObject({ sqlstate: '57014' });
  runNow(other.sql.failed());
  const [, cut = 0] = await leaves('cut');
  expect(cut).toBeLessThan(worst);
  expect(cut).toBeGreaterThan(0);
  const rest = await moved('cut');
  expect(rest).toBeGreaterThan(0);
  expect(rest).toBeLessThan(all);
  expect((await leaves('cut'))[1]).toBe(0);
  expect(await s.rows('select count(*), sum(id) from cut')).toEqual(content);
  // It holds nothing any more.
  expect(await other.rows('select count(*) from pg_stat_progress_reorganize')).toEqual([['0']]);
});

/** Runs a statement until its work is so far done, in percent; then it is cancelled. @returns the error that it ends with. */
function cancelAt(task: Task<unknown>, percent: number): unknown {
  const { maintenance } = instance.single;
  let cancelled = false;
  try {
    for (let step = task.next(); step.done !== true; ) {
      step.value.answerNow();
      const [work] = maintenance.works;
      const isDue: boolean = !cancelled && work !== undefined && (100 * work.workDone) / work.workTotal >= percent;
      cancelled ||= isDue;
      // What it still writes about its end goes on.
      step = isDue ? task.throw(cancelledByUser()) : task.next();
    }
  } catch (error) {
    return error;
  }
  return undefined;
}

test('R43: statistics are not touched', async () => {
  await s.run(`
    create table t (id int primary key, n int);
    create index t_n on t (n);
    insert into t select (i * 7919) % 104729, i % 50 from generate_series(1, 5000) i;
    analyze t`);
  const statistics = (): Promise<(string | null)[][]> =>
    s.rows(`
      select a.attname, s.n_distinct, s.correlation, s.most_common_vals, c.reltuples, t.last_analyze, t.last_autoanalyze
      from pg_class c left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
      left join pg_stats s on s.tablename = c.relname and s.attname = a.attname
      left join pg_stat_all_tables t on t.relid = c.oid where c.relname = 't' order by 1`);
  const before = await statistics();
  expect(before.length).toBe(2);
  await s.run('alter index all on t reorganize');
  expect(await statistics()).toEqual(before);
});

test('R48: a fill factor is 1 to 100; without one the catalog shows none', async () => {
  await s.run('create table t (id int primary key, n int)');
  for (const wrong of ['0', '101', '-1'])
    expect(await s.failure(`create index i on t (n) with (fillfactor = ${wrong})`), wrong).toMatchObject({
      sqlstate: '22023',
    });
  await s.run(`
    create index least on t (n) with (fillfactor = 1);
    create index most on t (n) with (fillfactor = 100);
    create index unset on t (n)`);
  expect(
    await s.rows(
      `select relname, reloptions from pg_class where relname in ('i', 'least', 'most', 'unset') order by relname`,
    ),
  ).toEqual([
    ['least', '{fillfactor=1}'],
    ['most', '{fillfactor=100}'],
    ['unset', null],
  ]);
});
