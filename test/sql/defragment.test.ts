import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SystemClock } from '../../src/base/clock.ts';
import { Prng } from '../../src/base/prng.ts';
import { runNow } from '../../src/base/task.ts';
import type { DefragmentProgress } from '../../src/engine/defragmentation.ts';
import { Instance } from '../../src/engine/instance.ts';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import { checkStoreNow } from '../../src/storage/check.ts';
import { TestSession } from '../support/in-process.ts';

let vfs: MemoryVfs;
let instance: Instance;
let s: TestSession;

async function start(): Promise<void> {
  instance = await Instance.openFile('/test.extent', { vfs, clock: new SystemClock(), prng: new Prng(1) });
  s = new TestSession(instance);
}

beforeEach(async () => {
  vfs = new MemoryVfs();
  await start();
});

afterEach(async () => {
  const { file } = instance.single;
  expect(checkStoreNow(file.store, file.space.audit())).toEqual([]);
  await instance.close();
});

function task(): Instance['single']['defragmentation'] {
  return instance.single.defragmentation;
}

/** Tables, an index and long values, half empty, with leaves that no merge joined. */
async function worn(): Promise<void> {
  await s.run(`
    create table a (id int primary key, v text, n int); create index a_n on a (n);
    insert into a select (i * 7919) % 104729, repeat('x', 100), i % 977 from generate_series(1, 6000) i;
    create table b (id int primary key, v text);
    insert into b select i, repeat('x', 9000) from generate_series(1, 200) i;
    delete from a where id % 2 = 0; delete from b where id % 3 <> 0`);
  while (runNow(instance.single.file.store.background()));
}

async function pages(name: string): Promise<number> {
  return Number(
    (await s.rows(`select used_pages from extentdb.space where object = '${name}' and kind <> 'lob'`))[0]?.[0],
  );
}

test('one pass packs tables, indexes and long values, and ends by itself', async () => {
  await worn();
  const before = [await pages('a'), await pages('a_n')];
  await s.run('call extentdb.defragment_start(passes => 1)');
  await task().whenIdle();
  expect(task().progress).toMatchObject({ passes: 1, done: true });
  const after = [await pages('a'), await pages('a_n')];
  expect(after[0]).toBeLessThan(before[0]! * 0.8);
  expect(after[1]).toBeLessThan(before[1]! * 0.8);
  expect(await s.rows('select count(*), sum(id), sum(length(v)) from a')).toEqual(
    await s.rows('select count(*), sum(id), count(*) * 100 from a'),
  );
  expect(await s.rows('select count(*), sum(length(v)) from b')).toEqual([['66', '594000']]);
});

test('a second start and a stop while idle are warnings; a stop tells passes and seconds', async () => {
  await worn();
  await s.run('call extentdb.defragment_stop()');
  expect(s.notices.pop()).toMatchObject({ severity: 'WARNING', message: expect.stringContaining('not running') });
  await s.run('call extentdb.defragment_start()');
  await s.run('call extentdb.defragment_start()');
  expect(s.notices.pop()).toMatchObject({ severity: 'WARNING', message: expect.stringContaining('already running') });
  const [outcome] = await s.run('call extentdb.defragment_stop()');
  expect(outcome?.columns.map((c) => c.name)).toEqual(['passes', 'seconds']);
  expect(outcome?.rows.length).toBe(1);
  expect(task().isRunning).toBe(false);
});

test('a pass that was stopped goes on where it was, also after a restart, and does not count as a pass', async () => {
  await worn();
  const seen: DefragmentProgress[] = [];
  let visited = 0;
  task().start({
    onProgress: (p) => {
      seen.push(p);
      visited = p.visited;
      if (visited > 30) void task().stop();
    },
  });
  await task().whenIdle();
  expect(seen[seen.length - 1]).toMatchObject({ done: true, passes: 0 });
  await instance.close();
  await start();
  task().start({ passes: 1 });
  await task().whenIdle();
  // The rest of the first pass, then a whole one.
  expect(task().progress.passes).toBe(1);
  expect(task().progress.visited).toBeGreaterThan(visited);
});

test('progress is told regularly, and once at the end; a callback that throws harms nothing', async () => {
  await worn();
  const seen: DefragmentProgress[] = [];
  task().start({
    passes: 1,
    onProgress: (p) => {
      seen.push(p);
      throw new Error('the caller is confused');
    },
  });
  await task().whenIdle();
  expect(seen.length).toBeGreaterThan(2);
  expect(seen.map((p) => p.done)).toEqual([...seen.slice(1).map(() => false), true]);
  for (let i = 1; i < seen.length; i++) expect(seen[i]!.visited).toBeGreaterThanOrEqual(seen[i - 1]!.visited);
});

test('space trees only: no leaf of a table is touched', async () => {
  await worn();
  const before = await pages('a');
  await s.run(`call extentdb.defragment_start(1, 0, 'space trees')`);
  await task().whenIdle();
  expect(await pages('a')).toBe(before);
  expect(task().progress.passes).toBe(1);
});

test('one tree: it is packed and put in order, the others stay', async () => {
  await worn();
  const [a, n] = [await pages('a'), await pages('a_n')];
  await s.run(`call extentdb.defragment_start(target => 'a_n')`);
  await task().whenIdle();
  expect(await pages('a_n')).toBeLessThan(n * 0.8);
  expect(await pages('a')).toBe(a);
  expect(
    await s.rows(
      `select avg_fragmentation_in_percent from sys.dm_db_index_physical_stats(current_database(), 'a', 2, null, 'LIMITED')`,
    ),
  ).toEqual([['0']]);
});

test('a limit of seconds ends it; negative ones are none', async () => {
  await worn();
  task().start({ seconds: 1 });
  await task().whenIdle();
  expect(task().progress.seconds).toBeGreaterThanOrEqual(1);
  await s.run('call extentdb.defragment_start(seconds => -1, passes => 1)');
  await task().whenIdle();
  expect(task().progress.passes).toBe(1);
});

test('switched off: a start succeeds and does nothing; space trees only: the target is narrowed', async () => {
  await worn();
  task().mode = 'off';
  await s.run('call extentdb.defragment_start()');
  expect(task().isRunning).toBe(false);
  const before = await pages('a');
  task().mode = 'space trees';
  await s.run('call extentdb.defragment_start(passes => 1)');
  await task().whenIdle();
  expect(await pages('a')).toBe(before);
});

describe('the system setting', () => {
  const show = async (): Promise<unknown> => (await s.rows('show extentdb.online_defragmentation'))[0]?.[0];

  test('off, space_trees or on: it holds at once, for all sessions, and after a restart', async () => {
    await worn();
    expect(await show()).toBe('on');
    await s.run('alter database test set extentdb.online_defragmentation = off');
    expect([await show(), task().mode]).toEqual(['off', 'off']);
    await s.run('call extentdb.defragment_start()');
    expect(s.notices.pop()?.message).toMatch(/switched off/);
    expect(task().isRunning).toBe(false);
    await s.run('call extentdb.defragment_stop()');
    expect(s.notices).toEqual([]);
    await instance.close();
    await start();
    expect([await show(), task().mode]).toEqual(['off', 'off']);
    await s.run('alter system set extentdb.online_defragmentation to space_trees');
    expect([await show(), task().mode]).toEqual(['space_trees', 'space trees']);
    const before = await pages('a');
    await s.run('call extentdb.defragment_start(passes => 1)');
    await task().whenIdle();
    expect(await pages('a')).toBe(before);
    await s.run('alter system reset extentdb.online_defragmentation');
    expect(await show()).toBe('on');
    await instance.close();
    await start();
    expect(await show()).toBe('on');
  });

  test('a crash right after the change keeps it', async () => {
    await s.run('alter database test set extentdb.online_defragmentation = off');
    vfs = vfs.afterPowerCut(new Prng(1));
    await start();
    expect(await show()).toBe('off');
  });

  test('it ends a task that may not go on', async () => {
    await worn();
    await s.run('call extentdb.defragment_start()');
    await s.run('alter database test set extentdb.online_defragmentation = off');
    await task().whenIdle();
    expect(task().isRunning).toBe(false);
    expect(await s.rows('select status from extentdb.commandlog')).toEqual([['stopped']]);
  });

  test('what is wrong', async () => {
    for (const [text, sqlstate, position] of [
      ['set extentdb.online_defragmentation = off', '55P02', undefined],
      ['alter database test set extentdb.online_defragmentation = sometimes', '22023', 59],
      ['alter database nowhere set extentdb.online_defragmentation = off', '3D000', undefined],
      ['begin; alter system set extentdb.online_defragmentation = off', '25001', undefined],
      ['alter database test set work_mem = 1', '0A000', 1],
    ] as const) {
      const failure = await s.failure(text);
      expect(failure.sqlstate, text).toBe(sqlstate);
      if (position !== undefined) expect(failure.position, text).toBe(position);
      await s.run('rollback');
    }
    expect(await show()).toBe('on');
  });
});

describe('errors and warnings of the document', () => {
  test('JET_errTransReadOnly: a read-only transaction cannot start it, and nothing was done', async () => {
    expect(await s.failure('begin read only; call extentdb.defragment_start()')).toMatchObject({ sqlstate: '25006' });
    await s.run('rollback');
    expect(task().isRunning).toBe(false);
  });

  test('JET_errDatabaseFileReadOnly; switched off wholly, a start succeeds even there', async () => {
    const { core } = instance.single.file.store.parts;
    core.readOnly = true;
    try {
      expect(await s.failure('call extentdb.defragment_start()')).toMatchObject({ sqlstate: '25006' });
      task().mode = 'off';
      await s.run('call extentdb.defragment_start()');
    } finally {
      core.readOnly = false;
    }
  });

  test('JET_errTermInProgress and JET_errNotInitialized: while the database closes, and afterwards', async () => {
    const { defragmentation } = instance.single;
    const closing = instance.close();
    expect(() => defragmentation.start({})).toThrow(expect.objectContaining({ sqlstate: '57P03' }));
    await closing;
    expect(() => defragmentation.start({})).toThrow(expect.objectContaining({ sqlstate: '57P03' }));
    await start();
  });

  test('JET_errInstanceUnavailable: after a fatal error of the log', async () => {
    instance.single.file.store.parts.core.log.poison(new Error('the disk is gone'));
    expect(await s.failure('call extentdb.defragment_start()')).toMatchObject({ sqlstate: '57P02' });
    expect(task().isRunning).toBe(false);
    vfs = vfs.afterPowerCut(new Prng(1));
    await start();
  });

  test('JET_wrnDefragAlreadyRunning and JET_wrnDefragNotRunning are warnings; the session goes on while the task works', async () => {
    await worn();
    await s.run('call extentdb.defragment_start()');
    await s.run('begin; select count(*) from a; commit; call extentdb.defragment_start()');
    expect(s.notices.map((n) => n.severity)).toEqual(['WARNING']);
    await s.run('call extentdb.defragment_stop(); call extentdb.defragment_stop()');
    expect(s.notices.map((n) => n.severity)).toEqual(['WARNING', 'WARNING']);
  });
});

test('rows come and go while it runs', async () => {
  await worn();
  task().start({ passes: 2 });
  let added = 0;
  while (task().isRunning && added < 300) await s.run(`insert into a values (${300_000 + added++}, 'new', 1)`);
  await task().stop();
  expect(await s.rows('select count(*) from a where id >= 300000')).toEqual([[String(added)]]);
});

test('what is wrong', async () => {
  expect(await s.failure('call extentdb.defragment_start(nights => 3)')).toMatchObject({
    sqlstate: '42883',
    position: 32,
  });
  expect(await s.failure("call extentdb.defragment_start(target => 'nowhere')")).toMatchObject({ sqlstate: '22023' });
  expect(await s.failure('call extentdb.nothing()')).toMatchObject({ sqlstate: '42883' });
});
