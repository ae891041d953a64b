import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type DefragmentProgress, type ExtentDB, open } from '../../src/index.ts';

let folder: string;
let db: ExtentDB;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'extentdb-defragment-'));
  db = await open(join(folder, 'a.extent'));
  await db.exec(`
    create table a (id int primary key, v text);
    insert into a select (i * 7919) % 104729, repeat('x', 100) from generate_series(1, 6000) i;
    delete from a where id % 2 = 0`);
});

afterEach(async () => {
  await db.close();
  rmSync(folder, { recursive: true });
});

test('start with limits and progress; what it did is told at the end, and kept', async () => {
  const seen: DefragmentProgress[] = [];
  expect(db.defragment.start({ passes: 1, seconds: 60, target: 'database', onProgress: (p) => seen.push(p) })).toBe(
    'started',
  );
  expect(db.defragment.start({})).toBe('already running');
  await db.defragment.whenIdle();
  expect(seen.at(-1)).toMatchObject({ passes: 1, done: true });
  expect(seen.at(-1)?.freed).toBeGreaterThan(0);
  expect(db.defragment.progress.done).toBe(true);
  const { rows } = await db.query<{ status: string }>('select status from extentdb.commandlog');
  expect(rows).toEqual([{ status: 'done' }]);
});

test('stop waits for the task, and tells passes and seconds; idle, it says so', async () => {
  db.defragment.start({});
  expect(await db.defragment.stop()).toMatchObject({ wasRunning: true });
  expect(db.defragment.progress.done).toBe(true);
  expect(await db.defragment.stop()).toEqual({ wasRunning: false, passes: 0, seconds: 0 });
});

test('switched off, a start does nothing', async () => {
  await db.exec('alter database a set extentdb.online_defragmentation = off');
  expect(db.defragment.start({})).toBe('disabled');
});
