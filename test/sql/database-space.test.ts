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

async function start(shrink: ShrinkMode, vfs = new MemoryVfs()): Promise<void> {
  instance = await Instance.openFile('/test.extent', { vfs, clock: new SystemClock(), prng: new Prng(1), shrink });
  s = new TestSession(instance);
}

afterEach(async () => {
  const { file } = instance.single;
  expect(checkStoreNow(file.store, file.space.audit())).toEqual([]);
  await instance.close();
});

function bytesOnDisk(): number {
  const ranges = instance.single.file.store.parts.core.file.dataRanges();
  return (ranges ?? []).reduce((sum, n, i) => (i % 2 === 1 ? sum + n : sum), 0);
}

function fileBytes(): number {
  return instance.single.file.store.parts.core.file.size();
}

/** A table that stays behind one that went. */
async function holes(): Promise<void> {
  await s.run(`
    create table goes (id int primary key, t text);
    insert into goes select i, repeat('x', 500) from generate_series(1, 20000) i;
    create table stays (id int primary key, t text);
    insert into stays select i, repeat('y', 500) from generate_series(1, 2000) i;
    create index on stays (t, id);
    drop table goes`);
  while (runNow(instance.single.file.store.background()));
}

test('RESIZE gives the space of free extents back and tells so; the length stays', async () => {
  await start('on');
  await holes();
  const before = bytesOnDisk();
  const length = fileBytes();
  await s.run('alter database test resize');
  const texts = s.notices.map((n) => n.message);
  expect(texts[texts.length - 1]).toMatch(
    /^0 pages trimmed \(before\), (\d+) trimmed \(after\), \1 pages newly trimmed$/,
  );
  expect(texts[0]).toMatch(/^\d+-\d+ \(\d+\); A \d+-\d+ \(\d+\); trimmed before 0, after \d+, newly \d+$/);
  expect(before - bytesOnDisk()).toBeGreaterThan(8 << 20);
  expect(fileBytes()).toBe(length);
  s.notices.length = 0;
  await s.run('alter database test resize to 0');
  expect(s.notices[s.notices.length - 1]?.message).toMatch(/, 0 pages newly trimmed$/);
  expect(await s.rows("select count(*), sum(length(t)) from stays where t like 'y%'")).toEqual([['2000', '1000000']]);
});

test('RESIZE TO more makes the file longer, by whole steps', async () => {
  await start('off');
  await s.run("alter database test resize to '10 MB'");
  expect(fileBytes()).toBe(10 << 20);
  await s.run('alter database test resize to 10485761');
  expect(fileBytes()).toBe((10 << 20) + 16 * 8192);
  expect(s.notices.map((n) => n.message)).toEqual([
    'database "test" has 10485760 bytes now',
    'database "test" has 10616832 bytes now',
  ]);
  await s.run('create table t as select i from generate_series(1, 100000) i');
  expect(fileBytes()).toBe((10 << 20) + 16 * 8192);
});

test('SHRINK makes the file shorter, also where there are no holes', async () => {
  const vfs = new MemoryVfs();
  vfs.holes = false;
  await start('on', vfs);
  await holes();
  const length = fileBytes();
  await s.run('alter database test resize');
  expect(s.notices[s.notices.length - 1]?.message).toBe(
    '0 pages trimmed (before), 0 trimmed (after), 0 pages newly trimmed',
  );
  expect(s.notices[s.notices.length - 1]?.hint).toContain('SHRINK');
  await s.run('alter database test shrink to 8 MB');
  expect(fileBytes()).toBeLessThanOrEqual(8 << 20);
  expect(fileBytes()).toBeGreaterThan((8 << 20) - 65536);
  await s.run('alter database test shrink');
  expect(fileBytes()).toBeLessThan(length / 4);
  expect(s.notices[s.notices.length - 1]?.message).toMatch(
    /^database "test" shrank from \d+ to \d+ bytes, \d+ pages moved: /,
  );
  expect(await s.rows('select count(*), sum(length(t)) from stays')).toEqual([['2000', '1000000']]);
});

test('off: giving back is refused, and nothing happens by itself', async () => {
  await start('off');
  await holes();
  const before = bytesOnDisk();
  for (const text of ['resize', 'shrink', "resize to '1 MB'"]) {
    expect(await s.failure(`alter database test ${text}`)).toMatchObject({ sqlstate: '55000' });
  }
  while (runNow(instance.single.file.background()));
  expect(bytesOnDisk()).toBe(before);
});

test('realtime: a dropped table gives its space back by itself', async () => {
  await start('realtime');
  await holes();
  while (runNow(instance.single.file.background()));
  expect(bytesOnDisk()).toBeLessThan(6 << 20);
  await s.run(`insert into stays select i, repeat('z', 500) from generate_series(2001, 10000) i`);
  expect(await s.rows('select count(*) from stays')).toEqual([['10000']]);
});

test('what is wrong is told with its place', async () => {
  await start('on');
  expect(await s.failure("alter database test resize to '1 lightyear'")).toEqual({
    sqlstate: '22023',
    message: 'invalid size: "1 lightyear"',
    position: 31,
    detail: 'Valid units are "B", "kB", "MB", "GB", "TB" and "pages"; a number alone counts bytes.',
  });
  expect(await s.failure('alter database nowhere shrink')).toMatchObject({ sqlstate: '3D000' });
  expect(await s.failure('begin; alter database test shrink')).toMatchObject({ sqlstate: '25001' });
  await s.run('rollback');
  expect(await s.failure('alter database test resize by 1')).toMatchObject({ sqlstate: '42601', position: 28 });
});

test('a full disk stops RESIZE with 53100, and the session goes on', async () => {
  const vfs = new MemoryVfs();
  await start('on', vfs);
  vfs.capacityBytes = vfs.usedBytes() + (1 << 20);
  expect(await s.failure("alter database test resize to '100 MB'")).toMatchObject({ sqlstate: '53100' });
  expect(await s.rows('select 1')).toEqual([['1']]);
});

test('a failed index build and a load that rolls back give everything back', async () => {
  await start('on');
  await s.run(`
    create table t (id int primary key, n int, v text);
    insert into t select i, i % 5000, repeat('x', 100) from generate_series(1, 20000) i`);
  const settle = (): void => {
    while (runNow(instance.single.file.store.background()));
  };
  settle();
  const free = async (): Promise<number> =>
    Number((await s.rows('select free_bytes - file_bytes from extentdb.file_space'))[0]?.[0]);
  const before = await free();
  expect(await s.failure('create unique index on t (n)')).toMatchObject({ sqlstate: '23505' });
  settle();
  expect(await free()).toBe(before);
  await s.run(`begin; create table u as select * from t; create index on u (v); rollback`);
  settle();
  expect(await free()).toBe(before);
});
