/** `extentdb.trim()`: holes on request, a row for each free extent; and the setting that says when holes are made. */
import { afterEach, expect, test } from 'vitest';
import { SystemClock } from '../../src/base/clock.ts';
import { Prng } from '../../src/base/prng.ts';
import { runNow } from '../../src/base/task.ts';
import { Instance } from '../../src/engine/instance.ts';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import type { ShrinkMode } from '../../src/space/open-database-file.ts';
import { checkStoreNow } from '../../src/storage/check.ts';
import { TestSession } from '../support/in-process.ts';

let instance: Instance;
let s: TestSession;

async function start(shrink: ShrinkMode | undefined): Promise<void> {
  const options = { vfs: new MemoryVfs(), clock: new SystemClock(), prng: new Prng(1), shrink };
  instance = await Instance.openFile('/test.extent', options);
  s = new TestSession(instance);
}

afterEach(async () => {
  const { file } = instance.single;
  expect(checkStoreNow(file.store, file.space.audit())).toEqual([]);
  await instance.close();
});

async function dropMuch(): Promise<void> {
  await s.run(`
    create table goes (id int primary key, t text);
    insert into goes select i, repeat('x', 500) from generate_series(1, 5000) i;
    create table stays (id int primary key, t text);
    drop table goes`);
  while (runNow(instance.single.file.store.background()));
}

const FREE = "from extentdb.extents where kind = 'database' and space = 'available'";

test('a row for each free extent of the root; what was trimmed is so the next time', async () => {
  await start('on');
  await dropMuch();
  const free = await s.rows(`select first_page, pages ${FREE} order by 1`);
  const first = await s.rows('select first_page, pages from extentdb.trim() order by 1');
  expect(first).toEqual(free);
  const sums = `select sum(pages), sum(aligned_pages), sum(trimmed_before), sum(trimmed_after), sum(newly_trimmed),
    bool_and((aligned_first_page is null) = (aligned_pages = 0)) from extentdb.trim()`;
  const [again] = await s.rows(sums);
  const trimmed = (await s.rows("select sum(pages) from extentdb.extents where state = 'trimmed'"))[0]![0];
  expect(again).toEqual([(await s.rows(`select sum(pages) ${FREE}`))[0]![0], trimmed, trimmed, trimmed, '0', 't']);
  expect(Number(trimmed) * 8192).toBeGreaterThan(2 << 20);
});

test('tells before, after and the difference', async () => {
  await start('on');
  await dropMuch();
  const rows = await s.rows(
    'select trimmed_before, trimmed_after - aligned_pages, newly_trimmed - aligned_pages from extentdb.trim()',
  );
  expect(rows.length).toBeGreaterThan(0);
  for (const row of rows) expect(row).toEqual(['0', '0', '0']);
});

test('is refused where giving back is switched off, and in read-only transactions', async () => {
  await start('off');
  await expect(s.run('select * from extentdb.trim()')).rejects.toMatchObject({
    code: 'object_not_in_prerequisite_state',
    sqlstate: '55000',
  });
  await s.run('begin read only');
  await expect(s.run('select * from extentdb.trim()')).rejects.toMatchObject({
    sqlstate: '25006',
    message: 'cannot execute extentdb.trim() in a read-only transaction',
  });
  await s.run('rollback');
});

test('leaves the word trim to SQL', async () => {
  await start('on');
  expect(await s.rows("select trim('  a '), trim(both 'x' from 'xax')")).toEqual([['a', 'a']]);
  await expect(s.run("select extentdb.trim('a')")).rejects.toMatchObject({ code: 'undefined_function' });
});

test.each(['off', 'on', 'realtime'] as const)('SHOW extentdb.shrink tells the mode in force: %s', async (mode) => {
  await start(mode);
  expect(await s.rows('show extentdb.shrink')).toEqual([[mode]]);
  expect(await s.rows("select current_setting('extentdb.shrink')")).toEqual([[mode]]);
  expect(await s.rows("select setting, reset_val from pg_settings where name = 'extentdb.shrink'")).toEqual([
    [mode, mode],
  ]);
  await expect(s.run('set extentdb.shrink = on')).rejects.toMatchObject({ code: 'cant_change_runtime_param' });
});

test('without a choice the mode is what the file system can do', async () => {
  await start(undefined);
  expect(await s.rows('show extentdb.shrink')).toEqual([['realtime']]);
});
