/** Indexes that are built while their table is written: CONCURRENTLY, and ONLINE = ON. */
import { beforeEach, describe, expect, test } from 'vitest';
import { fail } from '../../src/base/errors.ts';
import { Prng } from '../../src/base/prng.ts';
import { runTask } from '../../src/base/task.ts';
import type { Instance } from '../../src/engine/instance.ts';
import { WATCH_BYTES } from '../../src/engine/row-watches.ts';
import { cancelledByUser, Running } from '../../src/engine/scheduler.ts';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import { checkIndexes } from '../../src/sql/ddl/check-indexes.ts';
import { seedOf } from '../storage/open.ts';
import { memoryInstance, TestSession, TextSink } from '../support/in-process.ts';
import { settle, sound } from '../support/sound.ts';

let instance: Instance;
let s: TestSession;

beforeEach(async () => {
  instance = await memoryInstance();
  s = new TestSession(instance);
  await s.run('create table t (id int primary key, v text, n int, w text)');
});

const ROWS = 6000;

async function filled(): Promise<void> {
  await s.run(`insert into t select i, md5(i::text), i % 97 from generate_series(1, ${ROWS}) i`);
}

function treeOf(): number {
  const { catalog } = instance.single;
  const table = [...catalog.objects()].find((o) => o.kind === 'table' && o.name === 't');
  return table?.kind === 'table' ? table.tree : 0;
}

async function agrees(): Promise<void> {
  expect(await runTask(checkIndexes(new TestSession(instance).sql))).toEqual([]);
}

const TARGETS = [
  'create index concurrently t_v on t (v)',
  'create index concurrently on t (upper(v), n desc) where n > 10',
  'create unique index concurrently on t (v, id)',
  'create index concurrently on t (n) include (v)',
  'create index on t (n) with (online = on)',
  'reindex index concurrently t_n',
  'alter index t_n on t rebuild with (online = on)',
  'reindex table concurrently t',
  'reindex index concurrently t_pkey',
  'alter index t_pkey on t rebuild with (online = on)',
  'alter index all on t rebuild with (online = on)',
];

/** One random change, some of them left open over several turns. */
async function change(w: TestSession, prng: Prng): Promise<void> {
  const id = 1 + prng.below(ROWS + 500);
  const fresh = `${ROWS + 1000 + prng.below(1_000_000)}`;
  const statements = [
    `update t set v = md5('${fresh}') where id = ${id}`,
    `update t set n = n + 1 where id between ${id} and ${id + 5}`,
    `update t set id = ${fresh} where id = ${id}`,
    `delete from t where id = ${id}`,
    `insert into t values (${fresh}, repeat('w', ${prng.below(300)}), ${prng.below(100)}) on conflict do nothing`,
    `insert into t values (${fresh}, 'long', 1, repeat('long', ${prng.below(9000)})) on conflict do nothing`,
    `update t set w = repeat('${fresh}', ${prng.below(3000)}) where id = ${id}`,
    `insert into t select i, 'bulk', 5 from generate_series(${fresh}, ${fresh} + 60) i on conflict do nothing`,
  ];
  const statement = statements[prng.below(statements.length)] ?? '';
  if (prng.chance(0.6)) {
    await w.run(statement);
    return;
  }
  await w.run('begin');
  await w.run(statement);
  for (let turn = prng.below(4); turn > 0; turn--) await new Promise((resolve) => setImmediate(resolve));
  await w.run(statements[prng.below(statements.length)] ?? '');
  await w.run(prng.chance(0.5) ? 'commit' : 'rollback');
}

describe.each([
  ['beside writers', WATCH_BYTES],
  ['beside writers, with notes that go to a file', 4096],
])('%s', (_, memoryBytes) => {
  const seed = seedOf(20_261_120);
  test.each(TARGETS.map((text, i) => ({ text, seed: seed + i })))('$text (seed $seed)', async ({ text, seed: own }) => {
    instance.single.watches.memoryBytes = memoryBytes;
    await filled();
    await s.run('create index t_n on t (n)');
    const prng = new Prng(own);
    let isBuilding = true;
    let changes = 0;
    const writer = async (): Promise<void> => {
      const w = new TestSession(instance);
      while (isBuilding) {
        await change(w, prng).catch(async (error: { sqlstate?: string }) => {
          // Writers may meet each other's keys and locks; that is their own affair.
          expect(['23505', '40P01'], String(error)).toContain(error.sqlstate);
          await w.run('rollback');
        });
        changes++;
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    const writers = [writer(), writer(), writer()];
    while (changes < 10) await new Promise((resolve) => setImmediate(resolve));
    const before = changes;
    await s.run(text);
    isBuilding = false;
    await Promise.all(writers);
    expect(changes - before, 'changes during the build').toBeGreaterThan(2);
    await agrees();
  });
});

test.each([
  ['create index concurrently t_v on t (v)', 'select count(*) from t where v = $$new$$'],
  ['alter index t_pkey on t rebuild with (online = on)', 'select count(*) from t where v = $$new$$'],
])('%s ends although more was noted than memory holds', async (text, count) => {
  const vfs = new MemoryVfs();
  instance = await memoryInstance({ vfs });
  s = new TestSession(instance);
  await s.run('create table t (id int primary key, v text, n int, w text)');
  await filled();
  instance.single.watches.memoryBytes = 8192;
  // It waits for this one; those that come later note what they change.
  const [old, writer] = [new TestSession(instance), new TestSession(instance)];
  await old.run('begin; insert into t values (-1)');
  const build = s.run(`set maintenance_work_mem = '1MB'; ${text}`);
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  // Some of them twice, far enough apart for both notes to be in the file.
  for (const half of [0, 1, 0]) await writer.run(`update t set v = 'new' where id % 2 = ${half}`);
  await writer.run(`update t set id = id + 100000 where id % 5 = 0; delete from t where id % 7 = 3`);
  await writer.run(`insert into t select i, 'more' from generate_series(300001, 340000) i`);
  const watch = instance.single.watches.of(treeOf());
  expect(watch?.spilledBytes).toBeGreaterThan(60_000);
  await old.run('commit');
  await build;
  expect(await s.rows(count)).toEqual(await s.rows(`select count(*) from t where v || '' = 'new'`));
  expect(vfs.list('/').filter((name) => name.includes('-spill-'))).toEqual([]);
  await agrees();
});

test('when notes cannot be kept, the build ends with that error and writers go on', async () => {
  await filled();
  instance.single.watches.memoryBytes = 4096;
  const make = instance.single.newSpillFile;
  const [old, writer] = [new TestSession(instance), new TestSession(instance)];
  await old.run('begin; insert into t values (-1)');
  const build = s.failure('create index concurrently t_v on t (v)');
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  instance.single.newSpillFile = () => {
    throw fail('disk_full', 'could not extend file');
  };
  await writer.run(`update t set v = 'new'`);
  instance.single.newSpillFile = make;
  await old.run('commit');
  expect(await build).toMatchObject({ sqlstate: '53100' });
  expect(await s.rows(`select count(*) from t where v = 'new'`)).toEqual([[String(ROWS)]]);
  expect(await s.rows(`select relname from pg_class where relname = 't_v'`)).toEqual([]);
  await agrees();
});

test('a writer that was there before is waited for, and nobody queues behind', async () => {
  await filled();
  const [old, young] = [new TestSession(instance), new TestSession(instance)];
  await old.run("begin; update t set v = 'old' where id = 1");
  let isDone = false;
  const build = s.run('create index concurrently t_v on t (v)').then(() => {
    isDone = true;
  });
  await young.run("update t set v = 'young' where id = 2");
  expect(isDone).toBe(false);
  await old.run("update t set v = 'old' where id = 3; commit");
  await build;
  expect(await s.rows("select id from t where v in ('old', 'young') order by 1")).toEqual([['1'], ['2'], ['3']]);
  await agrees();
});

test('R34: nothing of the table is reorganized meanwhile', async () => {
  await filled();
  await s.run('create index t_n on t (n)');
  const other = new TestSession(instance);
  await other.run('begin; delete from t where id = 1');
  const build = s.run('create index concurrently t_v on t (v)');
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  for (const index of ['t_n', 't_pkey'])
    expect(await new TestSession(instance).failure(`alter index ${index} on t reorganize`)).toMatchObject({
      sqlstate: '55006',
      detail: expect.stringContaining('Msg 2551') as string,
    });
  await other.run('rollback');
  await build;
  await s.run('alter index all on t reorganize');
  await agrees();
});

test('a duplicate that comes meanwhile, a cancel and a failure leave nothing behind', async () => {
  await filled();
  const other = new TestSession(instance);
  await other.run('begin; insert into t values (9001, md5($$1$$), 0)');
  const build = s.failure('create unique index concurrently t_v on t (v)');
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  await other.run('commit');
  expect(await build).toMatchObject({ sqlstate: '23505', detail: expect.stringContaining('is duplicated') as string });
  expect(await s.rows("select relname from pg_class where relname = 't_v'")).toEqual([]);
  await other.run('update t set v = v');
  for (const text of ['create index concurrently on t (v)', 'reindex table concurrently t'])
    await s.run('begin').then(async () => {
      expect((await s.failure(text)).sqlstate).toBe('25001');
      await s.run('rollback');
    });
  await agrees();
});

test('a snapshot of before does not use the new index', async () => {
  await filled();
  const old = new TestSession(instance);
  await old.run('begin isolation level repeatable read');
  expect(await old.rows('select v from t where id = 1')).toEqual([['c4ca4238a0b923820dcc509a6f75849b']]);
  await s.run("update t set v = 'new' where id = 1");
  await s.run('create index concurrently t_v on t (v)');
  expect(await old.rows("select id from t where v = 'c4ca4238a0b923820dcc509a6f75849b'")).toEqual([['1']]);
  expect(await s.rows("select id from t where v = 'new'")).toEqual([['1']]);
});

describe('a table beside its writers', () => {
  const rebuild = 'alter index t_pkey on t rebuild with (online = on)';
  const digest = "select count(*), md5(string_agg(md5(t::text), '' order by id)), sum(length(w)) from t";

  const turns = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  };

  /** Begins the rebuild, which waits for a writer: `let` it go on. */
  async function begun(run: () => Promise<unknown>): Promise<{ build: Promise<unknown>; go: () => Promise<unknown> }> {
    const writer = new TestSession(instance);
    await writer.run("begin; update t set v = 'before' where id = 1");
    const build = run();
    build.catch(() => {});
    await turns();
    return { build, go: () => writer.run('commit') };
  }

  test('long values, unique indexes and disabled ones come along, and the space of the old trees comes back', async () => {
    await filled();
    await s.run(`
      update t set w = repeat(v, 400) where id % 50 = 0;
      create unique index t_nid on t (n, id); create index t_off on t (n);
      alter index t_off on t disable; delete from t where id % 3 = 1;
    `);
    const before = await s.rows(digest);
    const owned = "select sum(owned_pages) from extentdb.space where kind <> 'database'";
    const [[pages]] = (await s.rows(owned)) as [[string]];
    await s.run(rebuild);
    expect(await s.rows(digest)).toEqual(before);
    expect(await s.rows("select indisvalid from pg_index where indexrelid = 't_off'::regclass")).toEqual([['f']]);
    await agrees();
    settle(instance);
    sound(instance);
    expect(Number(((await s.rows(owned)) as [[string]])[0][0])).toBeLessThanOrEqual(Number(pages));
    await s.run('alter index all on t rebuild with (online = on)');
    expect(await s.rows("select indisvalid from pg_index where indexrelid = 't_off'::regclass")).toEqual([['t']]);
    await agrees();
  });

  test('a cursor that was open before reads on, also its long values; an older snapshot that comes later gets 40001', async () => {
    await filled();
    await s.run("update t set w = repeat('long', 5000) where id > 5990");
    const [reader, old] = [new TestSession(instance), new TestSession(instance)];
    await old.run('begin isolation level repeatable read; select 1');
    await reader.run('begin; declare c cursor for select id, length(w) from t order by id; fetch 100 from c');
    const build = s.run(rebuild);
    // It has committed when another session knows the new tree, and ends when the reader does.
    const other = new TestSession(instance);
    const tree = "select tree from extentdb.space where object = 't'";
    for (const [[before]] = [await other.rows(tree)]; (await other.rows(tree))[0]?.[0] === before?.[0]; ) await turns();
    await other.run("update t set v = 'later' where id = 6000");
    const rest = await reader.rows('fetch all from c');
    expect(rest.length).toBe(ROWS - 100);
    expect(rest[rest.length - 1]).toEqual(['6000', '20000']);
    await reader.run('commit');
    await build;
    expect((await old.failure('select count(*) from t')).sqlstate).toBe('40001');
    expect(await s.rows('select v from t where id = 6000')).toEqual([['later']]);
    await agrees();
  });

  test('a row that somebody holds with FOR UPDATE does not get another holder in the new tree', async () => {
    await filled();
    const holder = new TestSession(instance);
    const { build, go } = await begun(() => s.run(rebuild));
    await holder.run('begin; select * from t where id = 7 for update');
    await go();
    await turns();
    const rival = new TestSession(instance);
    const waits = rival.run('update t set n = n + 1 where id = 7').then(() => 'updated');
    await holder.run('update t set n = 1000 where id = 7; commit');
    expect(await waits).toBe('updated');
    await build;
    expect(await s.rows('select n from t where id = 7')).toEqual([['1001']]);
    await agrees();
  });

  test('a cancelled rebuild leaves the old trees and nothing else', async () => {
    await filled();
    const owned = "select sum(owned_pages) from extentdb.space where kind <> 'database'";
    settle(instance);
    const pages = await s.rows(owned);
    const running = new Running();
    const { build, go } = await begun(
      () =>
        new Promise((resolve, reject) => {
          instance.single.scheduler.run(s.sql.simple(rebuild, new TextSink(() => s.sql)), running, resolve, reject);
        }),
    );
    // It comes as far as its last lock, which somebody keeps from it.
    const holder = new TestSession(instance);
    await holder.run('begin; select * from t where id = 7 for update');
    await go();
    await turns();
    running.cancel(cancelledByUser());
    await expect(build).rejects.toMatchObject({ sqlstate: '57014' });
    await runTask(s.sql.failed());
    await holder.run('commit');
    await agrees();
    settle(instance);
    sound(instance);
    expect(await s.rows(owned)).toEqual(pages);
  });
});
