/** Every long command shows how far it is, in PostgreSQL's views where it has one, and to those who ask as SQL Server does. */
import { beforeEach, expect, test } from 'vitest';
import { ManualClock } from '../../src/base/clock.ts';
import { Prng } from '../../src/base/prng.ts';
import { runNow } from '../../src/base/task.ts';
import { Instance } from '../../src/engine/instance.ts';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import { TestSession } from '../support/in-process.ts';

let clock: ManualClock;
let instance: Instance;
let s: TestSession;

beforeEach(async () => {
  clock = new ManualClock();
  instance = await Instance.openFile('/test.extent', { vfs: new MemoryVfs(), clock, prng: new Prng(1) });
  s = new TestSession(instance);
  await s.run(`
    create table t (id int primary key, v text, n int);
    insert into t select (i * 7919) % 104729, repeat('x', 60 + i % 100), i % 977 from generate_series(1, 20000) i;
    delete from t where id % 3 <> 0`);
  while (runNow(instance.single.file.store.background()));
});

const LINES = Array.from({ length: 3000 }, (_, i) => `${200_000 + i}\tnew\t${i}\n`);

/** Runs a statement to its end, each step of which takes `stepMs`; between its steps another session looks. */
async function watched(text: string, look: (other: TestSession) => Promise<void>, stepMs = 1): Promise<void> {
  const other = new TestSession(instance);
  const lines = [...LINES];
  const sink = {
    columns: () => {},
    taker: () => () => {},
    room: () => instance.single.scheduler.slice(),
    complete: () => {},
    empty: () => {},
    copyIn: () => ({ next: () => (lines.length > 0 ? Buffer.from(lines.splice(0, 100).join('')) : undefined) }),
    copyOut: () => {},
    copyLine: () => {},
    copyDone: () => {},
  };
  const task = new TestSession(instance).sql.simple(text, sink);
  for (let step = task.next(), n = 0; step.done !== true; step = task.next(), n++) {
    step.value.answerNow();
    clock.advance(stepMs);
    if (n % 5 === 0) await look(other);
  }
}

test.each([
  ['create index t_n on t (n)', 'pg_stat_progress_create_index', 'tuples_done', 'CREATE INDEX'],
  ['alter table t add constraint u unique (id, n)', 'pg_stat_progress_create_index', 'tuples_done', 'CREATE INDEX'],
  ['analyze t', 'pg_stat_progress_analyze', 'sample_blks_scanned', 'ANALYZE'],
  ['copy t from stdin', 'pg_stat_progress_copy', 'tuples_processed', 'COPY FROM'],
  ['copy t to stdout', 'pg_stat_progress_copy', 'bytes_processed', 'COPY TO'],
  ['vacuum t', 'pg_stat_progress_vacuum', 'heap_blks_scanned', 'VACUUM'],
  ['dbcc indexdefrag (0, t, t_pkey)', 'pg_stat_progress_reorganize', 'pages_done', 'DBCC INDEXDEFRAG'],
  [
    'alter index t_pkey on t reorganize with (dry_run = on)',
    'pg_stat_progress_reorganize',
    'pages_scanned',
    'ALTER INDEX REORGANIZE',
  ],
])('R39: %s', async (text, view, column, command) => {
  const seen: number[] = [];
  await watched(
    text,
    async (other) => {
      for (const [done, isTable] of await other.rows(`select ${column}, relid = 't'::regclass from ${view}`)) {
        seen.push(Number(done));
        expect(isTable).toBe('t');
        const [request] = await other.rows(
          `select command, percent_complete, estimated_completion_time >= 0, status from sys.dm_exec_requests where session_id <> pg_backend_pid()`,
        );
        expect(request?.[0]).toBe(command);
        expect(Number(request?.[1])).toBeGreaterThanOrEqual(0);
        expect(Number(request?.[1])).toBeLessThanOrEqual(100);
        expect(request?.slice(2)).toEqual(['t', 'running']);
      }
    },
    // A build gives way once its slice is over.
    view === 'pg_stat_progress_create_index' ? 3 : 1,
  );
  expect(seen.length).toBeGreaterThan(0);
  expect([...seen].sort((a, b) => a - b)).toEqual(seen);
  expect(seen.at(-1)).toBeGreaterThan(0);
  expect(await s.rows(`select * from ${view}`)).toEqual([]);
});

test('R37, R38: over three indexes the percentage rises within each, falls back twice, and the estimate shrinks', async () => {
  await s.run('create index t_n on t (n); create index t_v on t (v, n)');
  await s.run('delete from t where id % 5 = 0');
  while (runNow(instance.single.file.store.background()));
  const seen: { percent: number; left: number }[][] = [[]];
  let last = 0;
  await watched('alter index all on t reorganize', async (other) => {
    const [row] = await other.rows(
      `select percent_complete, estimated_completion_time from sys.dm_exec_requests where command <> 'SELECT'`,
    );
    if (row === undefined) return;
    const [percent, left] = row.map(Number) as [number, number];
    expect(percent).toBeGreaterThanOrEqual(0);
    expect(percent).toBeLessThanOrEqual(100);
    expect(left).toBeGreaterThanOrEqual(0);
    if (percent < last) seen.push([]);
    last = percent;
    seen.at(-1)?.push({ percent, left });
  });
  expect(seen.length).toBe(3);
  const mean = (list: { left: number }[]): number => list.reduce((sum, { left }) => sum + left, 0) / list.length;
  for (const index of seen) {
    const known = index.filter(({ percent }) => percent > 0);
    const half = Math.floor(known.length / 2);
    expect(half).toBeGreaterThan(1);
    expect(mean(known.slice(half))).toBeLessThan(mean(known.slice(0, half)));
  }
});

test('ANALYZE VERBOSE and VACUUM VERBOSE say what they did', async () => {
  await s.run('analyze verbose t; vacuum (verbose, analyze) t');
  expect(s.notices.map((n) => `${n.severity} ${n.message.replaceAll(/\d+/g, '#')}`)).toEqual([
    'INFO analyzing "public.t"',
    'INFO "t": # rows, # rows in sample',
    'INFO vacuuming "public.t"',
    'INFO "t": # pages scanned, # removed',
    'INFO analyzing "public.t"',
    'INFO "t": # rows, # rows in sample',
  ]);
});

test('R39: shrink shows its percentage, a plain SELECT 0', async () => {
  await s.run('create table gone as select i, repeat($$y$$, 500) from generate_series(1, 3000) i; drop table gone');
  await s.run('reindex table t');
  while (runNow(instance.single.file.store.background()));
  const seen: number[] = [];
  await watched('alter database test shrink', async (other) => {
    for (const [command, percent] of await other.rows(
      'select command, percent_complete from pg_stat_progress_shrink',
    )) {
      expect(command).toBe('ALTER DATABASE SHRINK');
      seen.push(Number(percent));
    }
    expect(
      await other.rows(
        'select command, percent_complete from sys.dm_exec_requests where session_id = pg_backend_pid()',
      ),
    ).toEqual([['SELECT', '0']]);
  });
  expect(seen.length).toBeGreaterThan(1);
  expect([...seen].sort((a, b) => a - b)).toEqual(seen);
  expect(seen.every((percent) => percent >= 0 && percent <= 100)).toBe(true);
});

test('the online defragmentation task shows itself, as background work', async () => {
  await s.run('call extentdb.defragment_start()');
  const rows = await s.rows(
    'select datname = current_database(), target, passes_done from pg_stat_progress_defragment',
  );
  expect(rows).toEqual([['t', 'database', rows[0]?.[2]]]);
  const requests = `select r.session_id, r.status, r.percent_complete between 0 and 100, d.percent_complete between 0 and 100,
    r.estimated_completion_time >= 0 from sys.dm_exec_requests r, pg_stat_progress_defragment d
    where command = 'ONLINE DEFRAGMENTATION'`;
  expect(await s.rows(requests)).toEqual([['0', 'background', 't', 't', 't']]);
  await s.run('call extentdb.defragment_stop()');
  expect(await s.rows('select * from pg_stat_progress_defragment')).toEqual([]);
  await instance.close();
});
