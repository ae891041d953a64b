/** BACKUP DATABASE: what is in the copy, who goes on meanwhile, what is refused, and what a failure leaves. */
import { describe, expect, test } from 'vitest';
import { SystemClock } from '../../src/base/clock.ts';
import { ExtentError } from '../../src/base/errors.ts';
import { Prng } from '../../src/base/prng.ts';
import { runTask } from '../../src/base/task.ts';
import type { Database } from '../../src/engine/database.ts';
import { Instance } from '../../src/engine/instance.ts';
import { cancelledByUser, Running } from '../../src/engine/scheduler.ts';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import type { Vfs } from '../../src/io/vfs.ts';
import { openDatabaseFile } from '../../src/space/open-database-file.ts';
import { checkStore } from '../../src/storage/check.ts';
import { seedOf } from '../storage/open.ts';
import { TestSession, TextSink } from '../support/in-process.ts';

const SOURCE = '/db/shop.extent';
const TARGET = '/safe/copy.extent';

function openFile(vfs: Vfs, path = SOURCE, shrink: 'on' | 'realtime' = 'on'): Promise<Instance> {
  return Instance.openFile(path, { vfs, clock: new SystemClock(), prng: new Prng(3), pageBytes: 4096, shrink });
}

async function withShop(work: (instance: Instance, s: TestSession, vfs: MemoryVfs) => Promise<void>): Promise<void> {
  const vfs = new MemoryVfs();
  const instance = await openFile(vfs);
  const s = new TestSession(instance);
  await s.run(`
    create table t (id int primary key, v text, w text) with (growth = 200, append_sequential);
    create index t_v on t (v);
    create sequence q;
    insert into t select i, repeat('x', 200) || i from generate_series(1, 4000) i;
    insert into t values (0, null, repeat('long', 20000));
    select nextval('q'), nextval('q')`);
  try {
    await work(instance, s, vfs);
  } finally {
    await instance.close();
  }
}

/** The copy is clean and sound; what a session sees in it. */
async function withCopy<T>(vfs: Vfs, work: (s: TestSession) => Promise<T>, path = TARGET): Promise<T> {
  const file = await runTask(
    openDatabaseFile({ vfs, clock: new SystemClock(), prng: new Prng(4), path, create: false, readOnly: true }),
  );
  await file.store.close();
  const instance = await openFile(vfs, path);
  try {
    const { single } = instance;
    expect(await runTask(checkStore(single.file.store, single.file.space.audit()))).toEqual([]);
    return await work(new TestSession(instance));
  } finally {
    await instance.close();
  }
}

const BACKUP = `backup database shop to disk = '${TARGET}'`;

test('the copy is the database: rows, indexes, long values, sequences, hints; the source is as it was', () =>
  withShop(async (_, s, vfs) => {
    await s.run('begin; insert into t values (-1, null); rollback');
    const looks = [
      'select count(*), sum(id), md5(string_agg(v, chr(44) order by id)), sum(length(w)) from t',
      `select id from t where v = repeat('x', 200) || 77`,
      `select object, hints from extentdb.space where kind in ('table', 'index', 'lob') order by 1, 2`,
      `select oid::int, relname from pg_class where relname !~ '^pg_' order by 1`,
    ];
    const before: unknown[] = [];
    for (const look of looks) before.push(await s.rows(look));
    await s.run(BACKUP);
    expect(s.notices.map((n) => n.message)).toEqual([
      expect.stringMatching(/^database "shop" was backed up to "\/safe\/copy\.extent": \d+ bytes$/),
    ]);
    const after: unknown[] = [];
    for (const look of looks) after.push(await s.rows(look));
    expect(after).toEqual(before);
    await withCopy(vfs, async (copy) => {
      const seen: unknown[] = [];
      for (const look of looks) seen.push(await copy.rows(look));
      expect(seen).toEqual(before);
      // As after a crash, values that were drawn ahead may be left out; none comes twice.
      expect(Number((await copy.rows(`select nextval('q')`))[0]?.[0])).toBeGreaterThan(2);
    });
    const [row] = await s.rows(
      `select commandtype, status, extendedinfo::text ~ 'log_position' from extentdb.commandlog order by id desc limit 1`,
    );
    expect(row).toEqual(['BACKUP_DATABASE', 'done', 't']);
  }));

test('trimmed space is a hole in the copy too, and a session goes on in it', () =>
  withShop(async (_, s, vfs) => {
    // What lies at the end keeps the file as long as it is.
    await s.run('create table u as select generate_series(1, 100)');
    await s.run('delete from t where id > 100; vacuum full t; alter database shop resize');
    await s.run(BACKUP);
    const [own, copied] = [SOURCE, TARGET].map((path) => vfs.open(path, 'read').diskBytes());
    expect(own).toBeLessThan(vfs.open(SOURCE, 'read').size() / 2);
    expect(copied).toBeLessThanOrEqual((own ?? 0) + (64 << 10));
    await withCopy(vfs, (copy) => copy.run('insert into t select i, null from generate_series(1000, 9000) i'));
  }));

const CLIENTS = 6;

test.each([seedOf(31), seedOf(31) + 1, seedOf(31) + 2])(
  'beside writers, DDL, REORGANIZE, SHRINK and checkpoints every client has a prefix, with all that was acknowledged (seed %i)',
  (seed) =>
    withShop(async (instance, s, vfs) => {
      const prng = new Prng(seed);
      await s.run(
        'create table ledger (client int, n int, pad text, primary key (client, n)); create index on ledger (pad)',
      );
      const acknowledged = Array.from({ length: CLIENTS }, () => 0);
      let over = false;
      const client = async (c: number): Promise<void> => {
        const own = new TestSession(instance);
        while (!over) {
          const rows = 1 + prng.below(4);
          const n = acknowledged[c] ?? 0;
          const pad = 'p'.repeat(prng.below(200));
          const values = Array.from({ length: rows }, (_, i) => `(${c}, ${n + i + 1}, '${pad}')`);
          await own.run(`begin; insert into ledger values ${values.join(', ')}`);
          if (prng.chance(0.2)) await own.run('rollback');
          else {
            await own.run('commit');
            acknowledged[c] = n + rows;
          }
        }
      };
      const others = [
        'alter index all on t reorganize',
        'alter database shop shrink',
        'checkpoint',
        'create table passing (a int primary key, b text); insert into passing select i, repeat(chr(65), i) from generate_series(1, 300) i; drop table passing',
        'delete from t where id % 7 = 3; insert into t select i, null from generate_series(5000, 5100) i on conflict do nothing',
        'alter database shop resize',
        'reindex index t_v',
      ];
      const worker = async (): Promise<void> => {
        const own = new TestSession(instance);
        while (!over) await own.run(prng.pick(others));
      };
      const running = [...acknowledged.keys()].map(client).concat(worker());
      for (let round = 0; round < 3; round++) {
        const before = [...acknowledged];
        const path = `/safe/ledger-${round}.extent`;
        await s.run(`backup database shop to disk = '${path}'`);
        const after = [...acknowledged];
        const found = await withCopy(
          vfs,
          (copy) => copy.rows('select client, count(*), min(n), max(n) from ledger group by client order by client'),
          path,
        );
        for (let c = 0; c < CLIENTS; c++) {
          const [, rows = 0, first = 0, last = 0] = found.find((row) => Number(row[0]) === c)?.map(Number) ?? [];
          if (rows > 0) expect([first, last], `client ${c}, seed=${seed}`).toEqual([1, rows]);
          expect(rows, `client ${c}, seed=${seed}`).toBeGreaterThanOrEqual(before[c] ?? 0);
          // What was committed when the backup ended may be in it, and not yet acknowledged.
          expect(rows, `client ${c}, seed=${seed}`).toBeLessThanOrEqual((after[c] ?? 0) + 4);
        }
      }
      over = true;
      await Promise.all(running);
    }),
);

describe('what is refused', () => {
  test('targets that exist, paths of the database, relative paths, transaction blocks, options, other databases', () =>
    withShop(async (_, s) => {
      await s.run(BACKUP);
      expect(await s.failure(BACKUP)).toMatchObject({ sqlstate: '58P02', message: `"${TARGET}" exists already` });
      for (const path of [`${SOURCE}-log/1.log`, `${SOURCE}.lock`, `${SOURCE}-spill-1`, SOURCE])
        expect(await s.failure(`backup database shop to disk = '${path}'`)).toMatchObject({ sqlstate: '22023' });
      expect(await s.failure(`backup database shop to disk = 'copy.extent'`)).toMatchObject({
        sqlstate: '42602',
        position: 32,
      });
      expect(await s.failure(`begin; backup database shop to disk = '/safe/b'`)).toMatchObject({
        sqlstate: '25001',
        message: 'BACKUP DATABASE cannot run inside a transaction block',
      });
      await s.run('rollback');
      const withOption = (option: string): Promise<unknown> =>
        s.failure(`backup database shop to disk = '/safe/b' with ${option}`);
      expect(await withOption('compression')).toMatchObject({ sqlstate: '0A000', position: 47 });
      expect(await withOption('stats = 0')).toMatchObject({ sqlstate: '22023' });
      expect(await withOption('checksum = 3')).toMatchObject({ sqlstate: '22023' });
      expect(await s.failure(`backup log shop to disk = '/x'`)).toMatchObject({ sqlstate: '0A000' });
      expect(await s.failure(`backup database none to disk = '/x'`)).toMatchObject({ sqlstate: '3D000' });
      expect(await s.failure(`backup database shop to tape = '/x'`)).toMatchObject({ sqlstate: '42601' });
    }));

  test('options that say what happens anyway, and STATS', () =>
    withShop(async (_, s, vfs) => {
      await s.run(`${BACKUP} with (copy_only, checksum, stats = 25)`);
      const said = s.notices.map((n) => n.message).filter((m) => m.endsWith('percent processed.'));
      expect(said.at(-1)).toBe('100 percent processed.');
      expect(said.length).toBeGreaterThan(1);
      await s.run(`backup database shop to disk = '/safe/c.extent' with stop_on_error, no_compression`);
      await withCopy(vfs, (copy) => copy.run('select 1'), '/safe/c.extent');
    }));
});

describe('what a failure leaves', () => {
  const leftovers = (vfs: MemoryVfs): string[] => [...vfs.list('/safe'), ...vfs.list(`${TARGET}.partial-log`)];

  test('a disk that is full: 53100, nothing of the copy, and the source goes on', () =>
    withShop(async (_, s, vfs) => {
      vfs.capacityBytes = vfs.usedBytes() + (600 << 10);
      expect(await s.failure(BACKUP)).toMatchObject({ sqlstate: '53100' });
      expect(leftovers(vfs)).toEqual([]);
      await s.run('insert into t values (-5, null)');
      vfs.capacityBytes = Number.POSITIVE_INFINITY;
      await s.run(BACKUP);
      expect(await withCopy(vfs, (copy) => copy.rows('select count(*) from t'))).toEqual([['4002']]);
    }));

  test('cancelled in any phase: 57014 and nothing is left; the log is let go', () =>
    withShop(async (instance, s, vfs) => {
      const seen = new Set<string>();
      for (let looks = 0; looks < 40; looks++) {
        const running = new Running();
        const done = new Promise<void>((resolve, reject) => {
          const sink = new TextSink(() => s.sql);
          instance.single.scheduler.run(s.sql.simple(BACKUP, sink), running, resolve, reject);
        });
        let phase = '';
        for (let turn = 0; turn < looks * 3; turn++) {
          await new Promise((resolve) => setImmediate(resolve));
          phase = [...instance.single.maintenance.works][0]?.phase ?? phase;
        }
        running.cancel(cancelledByUser());
        const outcome = await done.then(
          () => 'done',
          (error: unknown) => (error instanceof ExtentError ? error.sqlstate : String(error)),
        );
        if (outcome === 'done') break;
        await runTask(s.sql.failed());
        expect(outcome).toBe('57014');
        expect(leftovers(vfs), phase).toEqual([]);
        expect(await s.rows('select holder from extentdb.log_holders')).toEqual([['redo point']]);
        seen.add(phase);
      }
      expect([...seen]).toContain('streaming database files');
      await s.run(`drop table t`);
    }));

  test('a damaged page ends it with XX001', () =>
    withShop(async (instance, s, vfs) => {
      await s.run('checkpoint');
      const { core } = instance.single.file.store.parts;
      const tree = [...core.trees.values()].find((t) => t.leaves > 50);
      core.cache.evictClean();
      const file = vfs.open(SOURCE, 'write');
      file.write(new Uint8Array([1, 2, 3]), 0, 3, ((tree?.root ?? 0) + 1) * 4096 + 2000);
      expect(await s.failure(BACKUP)).toMatchObject({ sqlstate: 'XX001' });
      expect(leftovers(vfs)).toEqual([]);
    }));
});

test('R39: a backup shows its percentage, and who keeps the log', () =>
  withShop(async (instance, s) => {
    const watcher = new TestSession(instance);
    const percents: number[] = [];
    const phases = new Set<string>();
    let holders: unknown;
    let over = false;
    const watching = (async () => {
      while (!over) {
        await new Promise((resolve) => setImmediate(resolve));
        const [row] = await watcher.rows(`
          select p.phase, r.percent_complete, p.backup_streamed <= p.backup_total, r.estimated_completion_time >= 0, r.status
          from pg_stat_progress_basebackup p join sys.dm_exec_requests r on r.session_id = p.pid and r.command = 'BACKUP DATABASE'`);
        if (row === undefined) continue;
        phases.add(row[0] ?? '');
        percents.push(Number(row[1]));
        expect(row[3]).toBe('t');
        const held = await watcher.rows(
          `select holder, pid, bytes >= 0 from extentdb.log_holders where holder = 'backup'`,
        );
        if (held.length > 0) holders = held;
      }
    })();
    await s.run(BACKUP);
    over = true;
    await watching;
    expect([...phases]).toContain('streaming database files');
    expect(percents.every((p, i) => p >= 0 && p <= 100 && p >= (percents[i - 1] ?? 0))).toBe(true);
    expect(percents.some((p) => p > 0)).toBe(true);
    expect(holders).toEqual([['backup', String(s.sql.engine.processId), 't']]);
  }));

/** Runs a backup from a program, a page at a time as it were: `look` is called while it runs. */
async function beside(database: Database, look: () => Promise<void>): Promise<void> {
  let state = 'running';
  const done = database.backups.start({ target: TARGET, owner: 0 }).finally(() => {
    state = 'done';
  });
  while (state === 'running') {
    await look();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await done;
}

test('M21: online defragmentation makes no progress while a backup runs, says so, and goes on afterwards; REORGANIZE goes on', () =>
  withShop(async (instance, s) => {
    // Enough to copy that the backup is looked at many times.
    await s.run(`delete from t where id % 3 <> 0; create table filler (v text);
      insert into filler select repeat('x', 1500) from generate_series(1, 8000)`);
    const database = instance.single;
    const visited: number[] = [];
    const phases = new Set<string | null | undefined>();
    let reorganized = 0;
    let started = false;
    await beside(database, async () => {
      if (!started) {
        started = true;
        await s.run('call extentdb.defragment_start(passes => 1)');
      }
      const [row] = await s.rows('select phase, pages_scanned from pg_stat_progress_defragment');
      if (!database.backups.isRunning) return;
      phases.add(row?.[0]);
      visited.push(Number(row?.[1]));
      if (reorganized === 0) {
        await s.run('alter index t_v on t reorganize');
        reorganized = database.backups.isRunning ? 1 : 2;
      }
    });
    expect(phases).toContain('waiting for the end of a backup');
    expect(Math.max(...visited)).toBe(0);
    expect(reorganized).toBeGreaterThan(0);
    await database.defragmentation.whenIdle();
    expect(database.defragmentation.progress).toMatchObject({ passes: 1, done: true });
    expect(database.defragmentation.progress.visited).toBeGreaterThan(0);
  }));

test('the database is closed while a program backs it up: 57P01, and the source is whole', async () => {
  const vfs = new MemoryVfs();
  const instance = await openFile(vfs);
  await new TestSession(instance).run(
    `create table t as select i, repeat('y', 300) as v from generate_series(1, 5000) i`,
  );
  const outcome = instance.single.backups.start({ target: TARGET, owner: 0 }).then(
    () => 'done',
    (error: unknown) => (error instanceof ExtentError ? error.sqlstate : String(error)),
  );
  await instance.close();
  expect(await outcome).toBe('57P01');
  expect(vfs.list('/safe')).toEqual([]);
  expect(vfs.list(`${SOURCE}-log`)).toEqual([]);
});
