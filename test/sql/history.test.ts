/** History of maintenance: what is written, also of what failed; that it survives, and that it is bounded. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ManualClock } from '../../src/base/clock.ts';
import { fail } from '../../src/base/errors.ts';
import { Prng } from '../../src/base/prng.ts';
import { runNow, runTask, type Task } from '../../src/base/task.ts';
import { ROWS_MAX } from '../../src/engine/history.ts';
import { Instance } from '../../src/engine/instance.ts';
import { cancelledByUser, Running } from '../../src/engine/scheduler.ts';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import { checkStoreNow } from '../../src/storage/check.ts';
import { TestSession, TextSink } from '../support/in-process.ts';

let vfs: MemoryVfs;
let clock: ManualClock;
let instance: Instance;
let s: TestSession;

async function start(): Promise<void> {
  instance = await Instance.openFile('/test.extent', { vfs, clock, prng: new Prng(1) });
  s = new TestSession(instance);
}

beforeEach(async () => {
  vfs = new MemoryVfs();
  clock = new ManualClock();
  await start();
});

afterEach(async () => {
  const { file } = instance.single;
  expect(checkStoreNow(file.store, file.space.audit())).toEqual([]);
  await instance.close();
});

async function worn(name = 't'): Promise<void> {
  await s.run(`
    create table ${name} (id int primary key, v text, n int);
    create index ${name}_n on ${name} (n);
    insert into ${name} select (i * 7919) % 104729, repeat('x', 60 + i % 100), i % 977 from generate_series(1, 4000) i;
    delete from ${name} where id % 3 <> 0`);
  while (runNow(instance.single.file.store.background()));
}

const COLUMNS = `commandtype, objectname, indexname, indextype, status, errornumber, sqlstate`;

describe('REORGANIZE', () => {
  test('a row per index, in the columns of CommandLog', async () => {
    await worn();
    await s.run('alter index all on t reorganize with (lob_compaction = off)');
    const rows = await s.rows(`
      SELECT ID, DatabaseName, SchemaName, ObjectName, ObjectType, IndexName, IndexType, StatisticsName, PartitionNumber,
        ExtendedInfo, Command, CommandType, ErrorNumber, ErrorMessage FROM extentdb.CommandLog ORDER BY ID`);
    expect(rows).toEqual([
      ['1', 'test', 'public', 't', 'U', 't_pkey', '1', null, null, null, rows[0]?.[10], 'ALTER_INDEX', '0', null],
      ['2', 'test', 'public', 't', 'U', 't_n', '2', null, null, null, rows[1]?.[10], 'ALTER_INDEX', '0', null],
    ]);
    expect(rows[0]?.[10]).toBe('ALTER INDEX t_pkey ON public.t REORGANIZE WITH (LOB_COMPACTION = OFF)');
    expect(await s.rows('select count(*) from extentdb.commandlog where endtime >= starttime')).toEqual([['2']]);
  });

  test('a dry run changes nothing, and foresees what the run then does; with VERBOSE both are told and written', async () => {
    await worn();
    const stats = `select * from sys.dm_db_index_physical_stats(current_database(), 't', null, null, 'DETAILED')`;
    const before = await s.rows(stats);
    await s.run('alter index all on t reorganize with (dry_run = on)');
    expect(await s.rows(stats)).toEqual(before);
    const planned = s.notices.map((n) => /would scan (\d+) pages, move (\d+), remove (\d+)$/.exec(n.message)?.slice(1));
    s.notices.length = 0;
    await s.run('alter index all on t reorganize with (verbose = on)');
    const done = s.notices.map((n) => /: (\d+) pages scanned, (\d+) moved, (\d+) removed$/.exec(n.message)?.slice(1));
    expect(done).toEqual(planned);
    expect(done.every((counts) => Number(counts?.[2]) > 0)).toBe(true);
    const [, moved, removed] = done[0] ?? [];
    expect(s.notices[0]?.detail).toBe(`Predicted were ${moved} moved and ${removed} removed.`);
    const rows = await s.rows(
      `select status, predicted_pages_moved, pages_moved, predicted_pages_removed, pages_removed from extentdb.commandlog
       where indexname = 't_pkey' order by id`,
    );
    expect(rows).toEqual([
      ['planned', moved, null, removed, null],
      ['done', moved, moved, removed, removed],
    ]);
  });

  test('what stopped at a limit says so; what failed has its error', async () => {
    await worn();
    await s.run('alter index t_pkey on t reorganize with (max_pages = 5)');
    expect(await s.rows('select status, reason from extentdb.commandlog')).toEqual([['stopped', 'page limit reached']]);
  });

  test('R40: a cancelled run keeps what it did, ends within a step, and its row says that it was cancelled', async () => {
    await worn();
    const { scheduler, maintenance } = instance.single;
    const fragmentation = `select avg_fragmentation_in_percent from sys.dm_db_index_physical_stats(current_database(), 't', 1, null, 'LIMITED')`;
    const before = Number((await s.rows(fragmentation))[0]?.[0]);
    const running = new Running();
    let cancelled = false;
    const error = new Promise((resolve) => {
      const task = new TestSession(instance).sql.simple('alter index t_pkey on t reorganize', NOTHING);
      const watched = function* (): Task<void> {
        for (let step = task.next(); step.done !== true; ) {
          const [work] = maintenance.works;
          // Half of the leaves are in their place.
          if (work?.phase === 'ordering' && work.workDone > work.workTotal * 0.75 && !cancelled) {
            cancelled = true;
            running.cancel(CANCELLED);
          }
          try {
            yield step.value;
          } catch (thrown) {
            step = task.throw(thrown);
            continue;
          }
          step = task.next();
        }
      };
      scheduler.run(watched(), running, () => resolve(undefined), resolve);
    });
    expect(await error).toBe(CANCELLED);
    const after = Number((await s.rows(fragmentation))[0]?.[0]);
    expect(after).toBeLessThan(before);
    expect(after).toBeGreaterThan(0);
    expect(await s.rows(`select ${COLUMNS} from extentdb.commandlog`)).toEqual([
      ['ALTER_INDEX', 't', 't_pkey', '1', 'cancelled', '50000', '57014'],
    ]);
    await s.run('alter index t_pkey on t reorganize');
    expect(await s.rows(fragmentation)).toEqual([['0']]);
  });
});

test('every command of maintenance has its row', async () => {
  await worn();
  await s.run(`create table h (a int); create index h_a on h (a); insert into h select generate_series(1, 100)`);
  await s.run('vacuum t');
  await s.run('vacuum full t');
  await s.run('cluster h using h_a; reindex index h_a; alter index t_n on t rebuild; alter index all on t rebuild');
  await s.run('analyze h');
  await s.run('alter database test shrink');
  await s.run('call extentdb.defragment_start(passes => 1)');
  while (instance.single.defragmentation.isRunning) await new Promise((resolve) => setImmediate(resolve));
  await s.run('begin; reindex index h_a; rollback');
  expect(await s.failure('create unique index t_u on t (n)')).toMatchObject({ sqlstate: '23505' });
  expect(await s.rows(`select ${COLUMNS}, command, reason from extentdb.commandlog`)).toEqual([
    ['VACUUM', 't', 't_pkey', '1', 'done', '0', null, 'VACUUM public.t', null],
    ['VACUUM', 't', 't_n', '2', 'done', '0', null, 'VACUUM public.t', null],
    ['VACUUM_FULL', 't', null, null, 'done', '0', null, 'VACUUM FULL public.t', null],
    ['CLUSTER', 'h', null, null, 'done', '0', null, 'CLUSTER public.h', null],
    ['REINDEX', 'h', 'h_a', '2', 'done', '0', null, 'REINDEX INDEX h_a', null],
    ['ALTER_INDEX', 't', 't_n', '2', 'done', '0', null, 'ALTER INDEX t_n ON public.t REBUILD', null],
    ['ALTER_INDEX', 't', null, null, 'done', '0', null, 'ALTER INDEX ALL ON public.t REBUILD', null],
    ['UPDATE_STATISTICS', 'h', null, null, 'done', '0', null, 'ANALYZE public.h', null],
    ['ALTER_DATABASE', null, null, null, 'done', '0', null, 'ALTER DATABASE test SHRINK', null],
    ['DEFRAGMENT', null, null, null, 'done', '0', null, 'CALL extentdb.defragment_start()', null],
    [
      ...['REINDEX', 'h', 'h_a', '2', 'done', '0', null, 'REINDEX INDEX h_a'],
      'in a transaction block: a rollback leaves the old trees',
    ],
  ]);
});

test('partitions have their number', async () => {
  await s.run(`
    create table p (id int primary key, v text) partition by range (id);
    create table p1 partition of p for values from (0) to (1000);
    create table p2 partition of p for values from (1000) to (2000);
    insert into p select i, 'x' from generate_series(0, 1999) i`);
  await s.run('alter index all on p reorganize partition = 2; alter index p_pkey on p reorganize');
  expect(await s.rows('select objectname, partitionnumber, status from extentdb.commandlog')).toEqual([
    ['p2', '2', 'done'],
    ['p1', '1', 'done'],
    ['p2', '2', 'done'],
  ]);
});

test('what failed has its row, with the number that SQL Server gives it', async () => {
  await worn();
  const facts = { database: 'test', command: 'x', commandType: 'X', processId: 0 };
  const failing = (function* (): Task<void> {
    yield instance.single.scheduler.slice();
    throw fail('object_in_use', 'somebody else', { detail: 'Msg 2550. The session with process id 7 does it.' });
  })();
  expect(() => runNow(instance.single.history.record(facts, failing, () => ({ status: 'done' })))).toThrow('somebody');
  expect(await s.rows(`select ${COLUMNS}, errormessage from extentdb.commandlog`)).toEqual([
    ['X', null, null, null, 'failed', '2550', '55006', 'somebody else'],
  ]);
});

describe('predicted beside actual', () => {
  test('every run has a prediction: an estimate, near what it did, unless a plan was asked for', async () => {
    await worn();
    await s.run('alter index all on t reorganize; alter index all on t reorganize with (max_duration = 5)');
    const rows = (
      await s.rows(`select prediction, predicted_pages_scanned, pages_scanned, predicted_pages_removed, pages_removed,
        predicted_pages_moved, pages_moved, predicted_lob_pages_moved, lob_pages_moved from extentdb.commandlog order by id`)
    ).map((row) => ({ how: row[0], counts: row.slice(1).map(Number) }));
    expect(rows.map((r) => r.how)).toEqual(Array.from({ length: 4 }, () => 'estimate'));
    for (const { counts } of rows) {
      const [scannedBefore = 0, scanned = 0, removedBefore = 0, removed = 0, , , lobBefore, lob] = counts;
      expect(Math.abs(scannedBefore - scanned)).toBeLessThanOrEqual(2 + scanned * 0.2);
      expect(Math.abs(removedBefore - removed)).toBeLessThanOrEqual(2 + scanned * 0.2);
      expect([lobBefore, lob]).toEqual([0, 0]);
    }
    // What is in order already is foreseen to stay.
    expect(rows[2]?.counts.slice(4, 6)).toEqual([0, 0]);
    expect(rows[0]?.counts[4]).toBeGreaterThan(0);
    await s.run('alter index t_pkey on t reorganize with (dry_run = on)');
    expect(await s.rows('select prediction from extentdb.commandlog order by id desc limit 1')).toEqual([['exact']]);
  });
});

test('what is refused before its first step has its row too, with SQL Server’s number, in an aborted transaction as well', async () => {
  await worn();
  await s.run('alter index t_n on t set (allow_page_locks = off)');
  const refused = [
    'alter index t_n on t reorganize',
    'alter index none on t reorganize',
    'alter index all on nothing reorganize',
    'alter index t_n on t reorganize partition = 3',
    'alter index t_pkey on t reorganize with (no_such_option = on)',
    'begin read only; alter index t_pkey on t reorganize; commit',
    'begin; insert into t values (-1, null, null); dbcc indexdefrag (0, t, 9)',
    `backup database test to disk = 'here'`,
  ];
  for (const text of refused) {
    await s.failure(text);
    if (text.startsWith('begin')) await s.run('rollback');
  }
  instance.single.maintenance.requireFree = () => {
    throw fail('object_in_use', 'busy', { detail: 'Msg 2550. Somebody reorganizes it.' });
  };
  await s.failure('alter index t_pkey on t reorganize');
  expect(
    await s.rows(`select commandtype, sqlstate, errornumber, objectname, indexname, status, prediction, command
      from extentdb.commandlog order by id`),
  ).toEqual([
    ['ALTER_INDEX', '55000', '2552', 't', 't_n', 'failed', 'none: refused', refused[0]],
    ['ALTER_INDEX', '42704', '2727', 't', 'none', 'failed', 'none: refused', refused[1]],
    ['ALTER_INDEX', '42P01', '1088', 'nothing', null, 'failed', 'none: refused', refused[2]],
    ['ALTER_INDEX', '42809', '7729', 't', 't_n', 'failed', 'none: refused', refused[3]],
    ['ALTER_INDEX', '22023', '155', 't', 't_pkey', 'failed', 'none: refused', refused[4]],
    ['ALTER_INDEX', '25006', '3906', 't', 't_pkey', 'failed', 'none: refused', 'alter index t_pkey on t reorganize'],
    ['DBCC_INDEXDEFRAG', '42704', '2591', 't', null, 'failed', 'none: refused', 'dbcc indexdefrag (0, t, 9)'],
    ['BACKUP_DATABASE', '42602', '50000', null, null, 'failed', null, refused[7]],
    ['ALTER_INDEX', '55006', '2550', 't', 't_pkey', 'failed', 'none: refused', 'alter index t_pkey on t reorganize'],
  ]);
  expect(await s.rows('select count(*) from t where id = -1')).toEqual([['0']]);
});

test('what comes into an aborted transaction has its row, by either protocol; what is no maintenance has none', async () => {
  await worn();
  s.sql.parse('early', 'reindex index t_n', []);
  await s.failure('begin; select 1 / 0');
  const texts = [
    'alter index t_n on t reorganize',
    'vacuum full t',
    'analyze t',
    'dbcc checktable (t)',
    'cluster t using t_pkey',
  ];
  for (const text of [...texts, 'select 1', 'create index on t (n)', 'drop table t'])
    expect((await s.failure(text)).sqlstate).toBe('25P02');
  for (const step of [
    () => s.sql.parse('', 'dbcc indexdefrag (0, t)', []),
    () => s.sql.bindNow('', 'early', []),
    () => s.sql.parse('', 'select 2', []),
  ]) {
    expect(step).toThrow('current transaction is aborted');
    await runTask(s.sql.failed());
  }
  await s.run('rollback');
  const common = ['25P02', '3930', 'failed'];
  expect(
    await s.rows(`select sqlstate, errornumber, status, commandtype, objectname, indexname, command
      from extentdb.commandlog order by id`),
  ).toEqual([
    [...common, 'ALTER_INDEX', 't', 't_n', texts[0]],
    [...common, 'VACUUM', 't', null, texts[1]],
    [...common, 'UPDATE_STATISTICS', 't', null, texts[2]],
    [...common, 'DBCC_CHECKTABLE', 't', null, texts[3]],
    [...common, 'CLUSTER', 't', null, texts[4]],
    [...common, 'DBCC_INDEXDEFRAG', 't', null, 'dbcc indexdefrag (0, t)'],
    [...common, 'REINDEX', null, 't_n', 'reindex index t_n'],
  ]);
  // The transaction that was aborted left nothing behind, and the rows are durable.
  await instance.close();
  await start();
  expect(await s.rows('select count(*) from extentdb.commandlog')).toEqual([['7']]);
});

test('DBCC INDEXDEFRAG tells its percentage about every five minutes of work, unless NO_INFOMSGS', async () => {
  await worn();
  const notices = async (text: string): Promise<string[]> => {
    s.notices.length = 0;
    const task = s.sql.simple(text, new TextSink(() => s.sql));
    for (let step = task.next(); step.done !== true; step = task.next()) {
      step.value.answerNow();
      clock.advance(60_000);
    }
    return s.notices.map((n) => n.message).filter((m) => m.endsWith('percent complete'));
  };
  const told = await notices('dbcc indexdefrag (0, t)');
  const percents = told.map((m) => Number(/^"t_(?:pkey|n)": (\d+) percent complete$/.exec(m)?.[1]));
  expect(percents.length).toBeGreaterThan(2);
  expect(percents.every((p) => p >= 0 && p <= 100)).toBe(true);
  const pkey = percents.slice(0, told.filter((m) => m.startsWith('"t_pkey"')).length);
  expect(pkey).toEqual([...pkey].sort((a, b) => a - b));
  await s.run(
    'insert into t select i + 200000, null, i from generate_series(1, 3000) i; delete from t where id % 2 = 0',
  );
  expect(await notices('dbcc indexdefrag (0, t) with no_infomsgs')).toEqual([]);
});

describe('keeping', () => {
  test('rows survive a restart, and a crash right after the command', async () => {
    await worn();
    await s.run('alter index t_n on t reorganize');
    const rows = await s.rows('select * from extentdb.commandlog');
    expect(rows.length).toBe(1);
    await instance.close();
    await start();
    expect(await s.rows('select * from extentdb.commandlog')).toEqual(rows);
    await s.run('alter index t_pkey on t reorganize');
    vfs = vfs.afterPowerCut(new Prng(3));
    await start();
    expect(await s.rows('select id, indexname from extentdb.commandlog')).toEqual([
      ['1', 't_n'],
      ['2', 't_pkey'],
    ]);
    await s.run('alter index t_pkey on t reorganize');
    expect(await s.rows('select max(id) from extentdb.commandlog')).toEqual([['3']]);
  });

  test('the newest rows are kept; after 90 days they go', async () => {
    const facts = { database: 'test', command: 'nothing', commandType: 'NOTHING', processId: 0 };
    const write = (): void => {
      runNow(instance.single.history.record(facts, (function* () {})(), () => ({ status: 'done' })));
    };
    for (let i = 0; i < ROWS_MAX + 10; i++) write();
    expect(await s.rows('select count(*), min(id), max(id) from extentdb.commandlog')).toEqual([
      [String(ROWS_MAX), '11', String(ROWS_MAX + 10)],
    ]);
    clock.advance(91 * 86_400_000);
    write();
    expect(await s.rows('select count(*) from extentdb.commandlog')).toEqual([['1']]);
    await instance.close();
    await start();
    write();
    expect(await s.rows('select max(id) from extentdb.commandlog')).toEqual([[String(ROWS_MAX + 12)]]);
  });

  test('texts that are too long are cut; objects of the catalog are read as ever', async () => {
    const facts = { database: 'test', command: 'ä'.repeat(9000), commandType: 'NOTHING', processId: 0 };
    runNow(instance.single.history.record(facts, (function* () {})(), () => ({ status: 'done' })));
    await s.run('create table later (a int)');
    await instance.close();
    await start();
    expect(await s.rows('select count(*) from later')).toEqual([['0']]);
    expect(Number((await s.rows('select length(command) from extentdb.commandlog'))[0]?.[0])).toBeGreaterThan(100);
  });
});

const CANCELLED = cancelledByUser();
const NOTHING = {
  columns: () => {},
  taker: () => () => {},
  room: () => undefined,
  complete: () => {},
  empty: () => {},
  copyIn: () => ({ next: () => undefined }),
  copyOut: () => {},
  copyLine: () => {},
  copyDone: () => {},
};
