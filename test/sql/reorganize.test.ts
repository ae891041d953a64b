import { beforeEach, describe, expect, test } from 'vitest';
import type { Instance } from '../../src/engine/instance.ts';
import { memoryInstance, TestSession } from '../support/in-process.ts';
import { settle, sound } from '../support/sound.ts';

let instance: Instance;
let s: TestSession;

beforeEach(async () => {
  instance = await memoryInstance();
  s = new TestSession(instance);
});

/** Leaf level figures of a relation's tree. */
async function stats(name: string): Promise<{ fragmentation: number; pages: number; density: number }> {
  const [row] = await s.rows(`
    select avg_fragmentation_in_percent, page_count, avg_page_space_used_in_percent
    from sys.dm_db_index_physical_stats(current_database(), '${name}', null, null, 'DETAILED')
    where index_level = 0 and alloc_unit_type_desc = 'IN_ROW_DATA' limit 1`);
  return { fragmentation: Number(row?.[0]), pages: Number(row?.[1]), density: Number(row?.[2]) };
}

/** A table whose rows came in random order and mostly went again. */
async function worn(name = 't', rows = 6000): Promise<void> {
  await s.run(`
    create table ${name} (id int primary key, v text, n int);
    create index ${name}_n on ${name} (n);
    insert into ${name} select (i * 7919) % 104729, repeat('x', 60 + i % 100), i % 977 from generate_series(1, ${rows}) i;
    delete from ${name} where id % 3 <> 0`);
  settle(instance);
}

async function content(name = 't'): Promise<unknown> {
  return s.rows(`select count(*), sum(id), sum(length(v)), sum(n) from ${name}`);
}

describe('REORGANIZE', () => {
  test('R4, R36: by name: a tag, no result rows, rows unchanged', async () => {
    await worn();
    const before = await content();
    const [outcome] = await s.run('alter index t_pkey on t reorganize');
    expect([outcome?.tag, outcome?.rows, outcome?.columns]).toEqual(['ALTER INDEX REORGANIZE', [], []]);
    expect(await content()).toEqual(before);
    expect((await stats('t')).fragmentation).toBe(0);
    sound(instance);
  });

  test('R5: ALL touches every index', async () => {
    await worn();
    await s.run('alter index all on t reorganize with (verbose = on)');
    const texts = s.notices.map((n) => n.message);
    expect(texts.map((text) => /^"(\w+)": \d+ pages scanned, \d+ moved, \d+ removed$/.exec(text)?.[1])).toEqual([
      't_pkey',
      't_n',
    ]);
    sound(instance);
  });

  test('the shorter forms: ALTER INDEX name, and ALTER TABLE for rows without primary key too', async () => {
    await s.run(
      `create table h (a int); insert into h select i from generate_series(1, 5000) i; delete from h where a % 2 = 0`,
    );
    settle(instance);
    await s.run('create index h_a on h (a); alter index h_a reorganize; alter table h reorganize with (verbose = on)');
    expect(s.notices.map((n) => n.message.split(':')[0])).toEqual(['"h"', '"h_a"']);
    sound(instance);
  });

  test('R8, R9: a partition of what is not partitioned is refused, and nothing changes', async () => {
    await worn();
    const before = await stats('t');
    expect(await s.failure('alter index t_pkey on t reorganize partition = 1')).toMatchObject({
      sqlstate: '42809',
      detail: 'Msg 7729.',
    });
    expect(await s.failure('alter index all on t reorganize partition = 1')).toEqual({
      sqlstate: '42809',
      message: '"t_pkey" is not partitioned',
      position: 45,
      detail: 'Msg 7735.',
    });
    expect(await stats('t')).toEqual(before);
    await s.run('alter index all on t reorganize partition = all');
  });

  test('R18, R19, R22: long values are compacted by default, not with OFF, and without any the option is ignored', async () => {
    await s.run(`
      create table l (id int primary key, v text);
      insert into l select i, repeat('x', 20000) from generate_series(1, 300) i;
      delete from l where id % 5 <> 0`);
    settle(instance);
    const owned = async (): Promise<number> =>
      Number((await s.rows(`select owned_pages from extentdb.space where object = 'l' and kind = 'lob'`))[0]?.[0]);
    const before = await owned();
    await s.run('alter index l_pkey on l reorganize with (lob_compaction = off)');
    expect(await owned()).toBe(before);
    await s.run('alter index l_pkey on l reorganize');
    expect(await owned()).toBeLessThan(before * 0.7);
    expect(await s.rows('select count(*), sum(length(v)) from l')).toEqual([['60', '1200000']]);
    await worn();
    await s.run('alter index t_n on t reorganize with (lob_compaction = on)');
    sound(instance);
  });

  test('R33: with page locks off it is refused, ALL as a whole; on again, it works', async () => {
    await worn();
    await s.run('alter index t_n on t set (allow_page_locks = off)');
    const before = await stats('t');
    expect(await s.failure('alter index t_n on t reorganize')).toMatchObject({
      sqlstate: '55000',
      detail: 'Msg 2552.',
    });
    expect(await s.failure('alter index all on t reorganize')).toMatchObject({ sqlstate: '55000' });
    expect(await stats('t')).toEqual(before);
    await s.run('alter index t_pkey on t reorganize');
    await s.run('alter index t_n on t set (allow_page_locks = on); alter index all on t reorganize');
    expect(await s.failure('alter index t_n on t set (fillfactor_ = on)')).toMatchObject({ sqlstate: '22023' });
  });

  test('R29: a second run does nothing', async () => {
    await worn();
    await s.run('alter index all on t reorganize');
    s.notices.length = 0;
    await s.run('alter index all on t reorganize with (verbose = on)');
    for (const { message } of s.notices) expect(message).toMatch(/, 0 moved, 0 removed$/);
  });

  test('R42: inside a transaction it warns, keeps the table locked, and a rollback leaves the order', async () => {
    await worn();
    const before = await content();
    await s.run('begin; alter index t_pkey on t reorganize');
    expect(s.notices[0]).toMatchObject({ severity: 'WARNING', sqlstate: '01000' });
    const other = new TestSession(instance);
    expect(await other.failure("set lock_timeout = '20ms'; select count(*) from t")).toMatchObject({
      sqlstate: '55P03',
    });
    await s.run('rollback');
    expect((await stats('t')).fragmentation).toBe(0);
    expect(await content()).toEqual(before);
  });

  test('R45: what is wrong in the options or names', async () => {
    await worn();
    for (const [text, sqlstate] of [
      ['alter index t_pkey on t reorganize with ()', '42601'],
      ['alter index t_pkey on t reorganize with (online = on)', '22023'],
      ['alter index t_pkey on t reorganize with (lob_compaction = 1)', '22023'],
      ['alter index nowhere on t reorganize', '42704'],
      ['alter index t_pkey on nowhere reorganize', '42P01'],
      ['alter index nowhere reorganize', '42704'],
      ['alter index t_pkey on t reorganize with (max_pages = 0)', '22023'],
      ["alter index t_pkey on t reorganize with (max_duration = 'soon')", '22023'],
    ] as const)
      expect((await s.failure(text)).sqlstate, text).toBe(sqlstate);
    sound(instance);
  });

  test('a budget of pages stops it in the middle; the next run finishes', async () => {
    await worn();
    await s.run('alter index t_pkey on t reorganize with (max_pages = 10, verbose = on)');
    expect(s.notices[0]?.message).toMatch(/\(page limit reached\)$/);
    sound(instance);
    await s.run('alter index t_pkey on t reorganize');
    expect((await stats('t')).fragmentation).toBe(0);
  });
});

test('R31: the preset advises none, reorganize or rebuild', async () => {
  expect(
    await s.rows(`
      select extentdb.maintenance_advice(4.9), extentdb.maintenance_advice(5.1), extentdb.maintenance_advice(30),
        extentdb.maintenance_advice(30.1), extentdb.maintenance_advice(99, 999), extentdb.maintenance_advice(null)`),
  ).toEqual([['none', 'reorganize', 'reorganize', 'rebuild', 'none', null]]);
});

describe('DBCC INDEXDEFRAG', () => {
  test('R36: it returns the row that ALTER INDEX does not: pages scanned, moved, removed', async () => {
    await worn();
    const before = (await stats('t')).pages;
    const [outcome] = await s.run('DBCC INDEXDEFRAG (0, t, t_pkey)');
    expect(outcome?.tag).toBe('DBCC INDEXDEFRAG');
    expect(outcome?.columns.map((c) => c.name)).toEqual(['Pages Scanned', 'Pages Moved', 'Pages Removed']);
    const [scanned, moved, removed] = outcome?.rows[0] ?? [];
    const after = await stats('t');
    expect(Number(removed)).toBe(before - after.pages);
    expect(Number(scanned)).toBe(after.pages);
    expect(Number(moved)).toBeGreaterThan(0);
    expect(after.fragmentation).toBe(0);
    expect(await s.rows(`select commandtype, command, pages_removed from extentdb.commandlog`)).toEqual([
      ['DBCC_INDEXDEFRAG', 'DBCC INDEXDEFRAG (0, public.t, t_pkey)', removed],
    ]);
    sound(instance);
  });

  test('by numbers, by names in quotes, and all indexes, which returns no row', async () => {
    await worn();
    const [[database]] = (await s.rows('select current_database()')) as [[string]];
    for (const [text, rows] of [
      [`dbcc indexdefrag (${database}, 'public.t', 2)`, 1],
      [`dbcc indexdefrag ('${database}', "t", 't_n', 0)`, 1],
      ['dbcc indexdefrag (0, t, 1) with no_infomsgs', 0],
      ['dbcc indexdefrag (0, t)', 0],
    ] as const)
      expect((await s.run(text))[0]?.rows.length, text).toBe(rows);
    expect(await s.rows(`select count(*) from extentdb.commandlog`)).toEqual([['5']]);
  });

  test('what is wrong', async () => {
    await worn();
    await s.run('alter index t_n on t disable');
    for (const [text, sqlstate, detail] of [
      ['dbcc indexdefrag (elsewhere, t, t_pkey)', '3D000', 'Msg 2520.'],
      ['dbcc indexdefrag (0, nothing, t_pkey)', '42P01', 'Msg 2501.'],
      ['dbcc indexdefrag (0, 77, t_pkey)', '42P01', 'Msg 2501.'],
      ['dbcc indexdefrag (0, t, nothing)', '42704', 'Msg 2727.'],
      ['dbcc indexdefrag (0, t, 9)', '42704', 'Msg 2591.'],
      ['dbcc indexdefrag (0, t, t_pkey, 1)', '42809', 'Msg 7729.'],
      ['dbcc indexdefrag (0, t, t_n)', '55000', undefined],
      ['dbcc indexdefrag (0)', '42601', undefined],
      ['dbcc indexdefrag (0, t, t_pkey) with verbose', '42601', undefined],
      ['dbcc shrinkdatabase', '42601', undefined],
    ] as const) {
      const failure = await s.failure(text);
      expect(failure.sqlstate, text).toBe(sqlstate);
      if (detail !== undefined) expect(failure.detail, text).toBe(detail);
    }
  });
});

describe('beside others', () => {
  /** Runs a statement to its end, with something between each of its steps. */
  async function stepwise(text: string, between: (step: number) => Promise<void>, every = 10): Promise<void> {
    const { sql } = new TestSession(instance);
    const task = sql.simple(text, { ...NOTHING, complete: () => {} });
    let step = task.next();
    for (let n = 0; step.done !== true; n++) {
      step.value.answerNow();
      if (n % every === 0) await between(n);
      step = task.next();
    }
  }

  test('R2, R3, R27: rows come and go, readers read, a SHARE lock is granted, and no lock is held between the steps', async () => {
    await worn();
    const other = new TestSession(instance);
    let added = 0;
    const [[count]] = (await s.rows('select count(*) from t')) as [[string]];
    await stepwise('alter index all on t reorganize', async () => {
      await other.run(`insert into t values (${200_000 + added++}, 'new', 1)`);
      const [[seen]] = (await other.rows('select count(*) from t')) as [[string]];
      expect(Number(seen)).toBe(Number(count) + added);
      await other.run('begin; lock table t in share mode; commit');
    });
    expect(added).toBeGreaterThan(8);
    sound(instance);
  });

  test('R35: a second session on the same index is refused', async () => {
    await worn();
    const other = new TestSession(instance);
    let refused = 0;
    await stepwise('alter index t_pkey on t reorganize', async () => {
      const failure = await other.failure('alter index t_pkey on t reorganize').catch(() => undefined);
      if (failure !== undefined) {
        expect(failure).toMatchObject({ sqlstate: '55006' });
        expect(failure.detail).toContain('Msg 2550');
        refused++;
      }
    });
    expect(refused).toBeGreaterThan(5);
  });

  test('R11, R37, R38: progress rises within an index, compaction before ordering, and begins anew for the next', async () => {
    await worn();
    const other = new TestSession(instance);
    const seen: { index: string; phase: string; percent: number }[] = [];
    await stepwise(
      'alter index all on t reorganize',
      async () => {
        const rows = await other.rows(
          'select index_relid::regclass, phase, percent_complete from pg_stat_progress_reorganize',
        );
        for (const [index, phase, percent] of rows)
          seen.push({ index: String(index), phase: String(phase), percent: Number(percent) });
        const requests = await other.rows(
          `select command, percent_complete, estimated_completion_time from sys.dm_exec_requests where command <> 'SELECT'`,
        );
        for (const [command, percent, estimate] of requests) {
          expect(command).toBe('ALTER INDEX REORGANIZE');
          expect(Number(percent)).toBeGreaterThanOrEqual(0);
          expect(Number(percent)).toBeLessThanOrEqual(100);
          expect(Number(estimate)).toBeGreaterThanOrEqual(0);
        }
      },
      3,
    );
    expect(new Set(seen.map((p) => p.index))).toEqual(new Set(['t_pkey', 't_n']));
    let drops = 0;
    for (let i = 1; i < seen.length; i++) {
      if (seen[i]!.index !== seen[i - 1]!.index) drops++;
      else {
        expect(seen[i]!.percent).toBeGreaterThanOrEqual(seen[i - 1]!.percent);
        if (seen[i - 1]!.phase === 'ordering') expect(seen[i]!.phase).not.toBe('compaction');
      }
    }
    expect(drops).toBe(1);
    expect(await other.rows('select * from pg_stat_progress_reorganize')).toEqual([]);
  });
});

const NOTHING = {
  columns: () => {},
  taker: () => () => {},
  room: () => undefined,
  empty: () => {},
  copyIn: () => ({ next: () => undefined }),
  copyOut: () => {},
  copyLine: () => {},
  copyDone: () => {},
};
