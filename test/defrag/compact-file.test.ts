import { describe, expect, onTestFailed, test } from 'vitest';
import { SystemClock } from '../../src/base/clock.ts';
import { Prng } from '../../src/base/prng.ts';
import { runTask } from '../../src/base/task.ts';
import { compactFile } from '../../src/defrag/compact-file.ts';
import { Instance } from '../../src/engine/instance.ts';
import { FaultyVfs } from '../../src/io/faulty-vfs.ts';
import { MemoryVfs, PowerCut } from '../../src/io/memory-vfs.ts';
import type { Vfs } from '../../src/io/vfs.ts';
import { openDatabaseFile } from '../../src/space/open-database-file.ts';
import { checkIndexes } from '../../src/sql/ddl/check-indexes.ts';
import { checkStore } from '../../src/storage/check.ts';
import { seedOf } from '../storage/open.ts';
import { TestSession } from '../support/in-process.ts';

const SOURCE = '/db/old.extent';
const TARGET = '/db/new.extent';

function disk(): MemoryVfs {
  const vfs = new MemoryVfs();
  vfs.makeDirectory('/db');
  return vfs;
}

const options = (vfs: Vfs): { vfs: Vfs; clock: SystemClock; prng: Prng } => ({
  vfs,
  clock: new SystemClock(),
  prng: new Prng(11),
});

async function withSql<T>(vfs: Vfs, path: string, work: (s: TestSession) => Promise<T>, pageBytes = 8192): Promise<T> {
  const instance = await Instance.openFile(path, { ...options(vfs), pageBytes });
  try {
    return await work(new TestSession(instance));
  } finally {
    await instance.close();
  }
}

function bytesOf(vfs: Vfs, path: string): Buffer {
  const file = vfs.open(path, 'read');
  const bytes = Buffer.alloc(file.size());
  file.read(bytes, 0, bytes.length, 0);
  file.close();
  return bytes;
}

async function compact(vfs: Vfs, progress: number[] = []): ReturnType<typeof compactFile> {
  return compactFile({
    ...options(vfs),
    source: SOURCE,
    target: TARGET,
    onProgress: ({ pagesDone }) => progress.push(pagesDone),
  });
}

/** A database with everything in it, worn by changes. */
async function worn(vfs: Vfs, pageBytes = 8192): Promise<void> {
  await withSql(
    vfs,
    SOURCE,
    async (s) => {
      await s.run(`
      create table t (id int primary key, v text, n int) with (growth = 200, append_sequential, initial_size = '128 kB');
      create index t_n on t (n) include (v) with (fillfactor = 70, lob.fillfactor = 90);
      create unique index t_part on t (n, id) where n > 5;
      create table heap (a int generated always as identity, b numeric(10, 2), c timestamptz[]);
      create table child (t int references t (id) on delete cascade, check (t > 0));
      create sequence s start 5 increment 3;
      create view big as select id, n from t where n > 900;
      comment on table t is 'kept';
      insert into t select (i * 7919) % 104729, case when i % 300 = 0 then repeat('long', 9000) else 'v' || i end, i % 977
        from generate_series(1, 5000) i;
      insert into heap (b, c) select i / 7.0, array['2026-01-01'::timestamptz] from generate_series(1, 3000) i;
      insert into child select id from t where id % 3 = 0 limit 50;
      select nextval('s'), nextval('s')`);
      await s.run(
        'delete from t where id % 3 <> 0; delete from heap where a % 2 = 0; create table gone (a int); drop table gone',
      );
      await s.run('alter table heap add column later int default 4; analyze t');
    },
    pageBytes,
  );
}

const LOOKS = [
  'select count(*), sum(id), sum(length(v)), sum(n), md5(string_agg(v, chr(44) order by id)) from t',
  'select count(*), sum(a), sum(b), sum(later) from heap',
  'select count(*) from child',
  'select count(*), sum(length(v)), md5(max(v)) from t where n in (33, 300)',
  'select count(*) from big',
  `select obj_description('t'::regclass)`,
  `select relname, relkind, array_to_string(reloptions, ' ') from pg_class where relname !~ '^pg_' order by 1`,
  `select attname, n_distinct, most_common_vals::text from pg_stats where tablename = 't' order by 1`,
  `select object, hints from extentdb.space where kind in ('table', 'index', 'lob') order by object, kind`,
];

async function looks(s: TestSession): Promise<unknown[]> {
  const seen: unknown[] = [];
  for (const text of LOOKS) seen.push(await s.rows(text));
  return seen;
}

async function problems(vfs: Vfs, path: string): Promise<string[]> {
  const file = await runTask(openDatabaseFile({ ...options(vfs), path, create: false }));
  try {
    return await runTask(checkStore(file.store, file.space.audit()));
  } finally {
    await file.store.close();
  }
}

describe('compacting a file', () => {
  test.each([4096, 8192, 32768])(
    'everything is there, in order and dense, and the source is untouched (pages of %d)',
    async (pageBytes) => {
      const vfs = disk();
      await worn(vfs, pageBytes);
      const before = await withSql(vfs, SOURCE, looks);
      const bytes = bytesOf(vfs, SOURCE);
      const progress: number[] = [];
      const report = await compact(vfs, progress);
      expect(bytesOf(vfs, SOURCE).equals(bytes)).toBe(true);
      expect(report.bytesAfter).toBe(bytesOf(vfs, TARGET).length);
      expect(report.bytesAfter).toBeLessThan(bytes.length * 0.8);
      expect(progress.length).toBeGreaterThan(20);
      expect([...progress].sort((a, b) => a - b)).toEqual(progress);
      expect(vfs.list('/db').filter((name) => name.startsWith('new'))).toEqual(['new.extent']);
      expect(await problems(vfs, TARGET)).toEqual([]);
      await withSql(vfs, TARGET, async (s) => {
        expect(await looks(s)).toEqual(before);
        expect(await runTask(checkIndexes(s.sql))).toEqual([]);
        for (const [name, fragmentation] of await s.rows(
          `select name, fragmentation_percent from extent_stats('t') where kind in ('table', 'index')`,
        ))
          expect(Number(fragmentation), String(name)).toBeLessThan(5);
      });
    },
  );

  test('the new file goes on: ids are not used twice, constraints hold, sequences count on', async () => {
    const vfs = disk();
    await worn(vfs);
    const oids = await withSql(vfs, SOURCE, (s) => s.rows('select max(oid) from pg_class'));
    await compact(vfs);
    await withSql(vfs, TARGET, async (s) => {
      expect(await s.rows(`select nextval('s')`)).toEqual([['11']]);
      expect(await s.rows('insert into heap (b) values (1) returning a')).toEqual([['3001']]);
      expect((await s.failure('insert into child values (1)')).sqlstate).toBe('23503');
      const [id] = (await s.rows('select min(id) from t'))[0] as [string];
      expect((await s.failure(`insert into t values (${id}, 'x', 1)`)).sqlstate).toBe('23505');
      await s.run(`create table fresh (a int primary key, b text); create index on fresh (length(b));
        insert into fresh select i, repeat('y', 5000) from generate_series(1, 200) i;
        update t set v = repeat('more', 6000) where id % 2 = 0; delete from t where id % 2 = 1; drop table heap`);
      const [fresh] = (await s.rows(`select 'fresh'::regclass::oid`))[0] as [string];
      expect(Number(fresh)).toBeGreaterThan(Number(oids[0]?.[0]));
    });
    expect(await problems(vfs, TARGET)).toEqual([]);
  });

  test('an empty database, and one that is compact already', async () => {
    const vfs = disk();
    await withSql(vfs, SOURCE, async () => {});
    await compact(vfs);
    expect(await problems(vfs, TARGET)).toEqual([]);
    vfs.rename(TARGET, '/db/once.extent');
    vfs.unlink(SOURCE);
    vfs.rename('/db/once.extent', SOURCE);
    const { bytesBefore, bytesAfter } = await compact(vfs);
    expect(bytesAfter).toBeLessThanOrEqual(bytesBefore);
  });
});

describe('what is refused', () => {
  test('no source, an existing target, a source that is open or was not closed', async () => {
    const vfs = disk();
    await expect(compact(vfs)).rejects.toMatchObject({ sqlstate: '58P01' });
    await withSql(vfs, SOURCE, async (s) => {
      await s.run('create table t (a int)');
      await expect(compact(vfs)).rejects.toMatchObject({ sqlstate: '55006' });
    });
    vfs.open(TARGET, 'new').close();
    await expect(compact(vfs)).rejects.toMatchObject({ sqlstate: '58P02' });
    vfs.unlink(TARGET);
    // A process that died: its file is dirty, its lock is gone.
    const file = await runTask(openDatabaseFile({ ...options(vfs), path: SOURCE }));
    const dirty = disk();
    const copy = dirty.open(SOURCE, 'new');
    const bytes = bytesOf(vfs, SOURCE);
    copy.write(bytes, 0, bytes.length, 0);
    copy.close();
    await file.store.close();
    await expect(compact(dirty)).rejects.toMatchObject({ sqlstate: '55000', hint: expect.stringContaining('check') });
    expect(dirty.list('/db')).toEqual(['old.extent']);
  });

  test('after a failure, wherever it strikes, the target is gone and the source as it was', async () => {
    const vfs = disk();
    await worn(vfs);
    const bytes = bytesOf(vfs, SOURCE);
    let failures = 0;
    for (const at of [1, 2, 3, 5, 9, 20, 40, 80, 160]) {
      for (const kind of ['write', 'resize', 'sync'] as const) {
        const faulty = new FaultyVfs(vfs);
        faulty.arm({ kind, at, effect: kind === 'sync' ? 'error' : 'full', sticky: true, path: 'new.extent' });
        const outcome = await compact(faulty).catch((error: unknown) => error);
        expect(bytesOf(vfs, SOURCE).equals(bytes)).toBe(true);
        const left = vfs.list('/db').filter((name) => name.startsWith('new'));
        if (outcome instanceof Error) {
          failures++;
          expect(outcome).toMatchObject({ sqlstate: kind === 'sync' ? '58030' : '53100' });
          expect(left, `${kind} ${at}`).toEqual([]);
        } else {
          expect(left).toEqual(['new.extent']);
          vfs.unlink(TARGET);
        }
      }
    }
    expect(failures).toBeGreaterThan(8);
  });

  test('after a power cut the source is as it was, the target whole or not there, and the next try succeeds', async () => {
    const seed = seedOf(4100);
    onTestFailed(() => console.log(`seed ${seed}`));
    const prng = new Prng(seed);
    const first = disk();
    await worn(first);
    const before = await withSql(first, SOURCE, looks);
    const bytes = bytesOf(first, SOURCE);
    const durable = first.afterPowerCut(prng);
    const whole = durable.afterPowerCut(prng);
    await compact(whole);
    const steps = whole.operations;
    let found = 0;
    // Of the steps, one in each twelfth and each of the last: they close the copy, rename it and make its name durable.
    const twelfth = Math.floor(steps / 12);
    const cuts = Array.from({ length: 12 }, (_, i) => 1 + i * twelfth + prng.below(twelfth));
    for (let last = 0; last < 8; last++) cuts.push(steps - last);
    for (const cut of cuts) {
      const cutDisk = durable.afterPowerCut(prng);
      cutDisk.cutAt(cut, prng);
      await expect(compact(cutDisk).catch(rootCause), `cut at ${cut} of ${steps}`).resolves.toBeInstanceOf(PowerCut);
      const vfs = cutDisk.afterPowerCut(prng);
      expect(bytesOf(vfs, SOURCE).equals(bytes)).toBe(true);
      if (vfs.exists(TARGET)) found++;
      else await compact(vfs);
      expect(vfs.list('/db').filter((name) => name.startsWith('new'))).toEqual(['new.extent']);
      expect(await problems(vfs, TARGET)).toEqual([]);
      expect(await withSql(vfs, TARGET, looks)).toEqual(before);
    }
    expect(found).toBeLessThan(cuts.length);
  });
});

/** What lies under an error: a log that could not be written says so in words of its own. */
function rootCause(error: unknown): unknown {
  return error instanceof Error && error.cause !== undefined ? rootCause(error.cause) : error;
}
