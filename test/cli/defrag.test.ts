/** `extentdb defrag`, of files that nobody or somebody has open. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ExtentDB, open } from '../../src/index.ts';
import { extentdb } from '../support/cli.ts';

const WORN = `
  create table a (id int primary key, v text); create index a_v on a (v);
  insert into a select (i * 7919) % 104729, repeat('x', 100) || i from generate_series(1, 6000) i;
  delete from a where id % 2 = 0`;

let folder: string;
let file: string;
const started: ChildProcess[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'extentdb-defrag-'));
  file = join(folder, 'a.extent');
  const db = await open(file);
  await db.exec(WORN);
  await db.close();
});

afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

async function pages(db: ExtentDB): Promise<number> {
  const { rows } = await db.query<{ pages: number }>(
    `select sum(used_pages)::int4 as pages from extentdb.space where object in ('a', 'a_v')`,
  );
  return rows[0]?.pages ?? 0;
}

const REPORT = /^\S+a\.extent: (\d+) pages visited, (\d+) freed, 1 pass in \d+ s\n$/;

describe('of a file that nobody has open', () => {
  test('one pass packs it; it is sound afterwards', async () => {
    const { out, err, status } = await extentdb('defrag', file);
    expect([err, status]).toEqual(['', 0]);
    expect(Number(REPORT.exec(out)?.[2])).toBeGreaterThan(10);
    expect(await extentdb('check', file)).toMatchObject({ status: 0 });
    expect((await extentdb('defrag', '--stop', file)).out).toBe(`${file}: online defragmentation is not running\n`);
  });

  test('a target is put in order; the setting switches it off', async () => {
    const { out } = await extentdb('defrag', '--target', 'a_v', file);
    expect(out).toMatch(REPORT);
    const db = await open(file);
    const { rows } = await db.query(
      `select avg_fragmentation_in_percent as f from sys.dm_db_index_physical_stats(current_database(), 'a', 2, null, 'LIMITED')`,
    );
    expect(rows).toEqual([{ f: 0 }]);
    await db.exec('alter database a set extentdb.online_defragmentation = off');
    await db.close();
    expect(await extentdb('defrag', file)).toMatchObject({
      out: `${file}: online defragmentation is switched off, nothing was done\n`,
      status: 0,
    });
  });

  test('what is wrong', async () => {
    expect(await extentdb('defrag', join(folder, 'b.extent'))).toMatchObject({ status: 1, out: '' });
    expect((await extentdb('defrag', '--target', 'nothing', file)).err).toMatch(/invalid target: "nothing"/);
    for (const words of [[], ['--passes', '0'], ['--seconds', 'x'], ['--stop', '--passes', '1']]) {
      expect(await extentdb('defrag', ...words, file, ...(words.length === 0 ? ['more'] : []))).toMatchObject({
        status: 2,
      });
    }
  });
});

describe('of a file that a process has open', () => {
  test('its owner does it; a task that runs is not started twice, and can be stopped', async () => {
    const db = await open(file);
    try {
      const before = await pages(db);
      const { out, err, status } = await extentdb('defrag', file);
      expect([err, status]).toEqual(['', 0]);
      expect(out).toMatch(REPORT);
      expect(await pages(db)).toBeLessThan(before);
      db.defragment.start({});
      const second = await extentdb('defrag', file);
      expect(second).toMatchObject({ status: 1, err: expect.stringContaining('already running') });
      expect((await extentdb('defrag', '--stop', file)).out).toMatch(/: stopped after \d+ passes and \d+ seconds\n$/);
      expect(db.defragment.progress.done).toBe(true);
    } finally {
      await db.close();
    }
  });
});

test('a script that waits for nothing but time is carried out to its end', async () => {
  const script = join(folder, 'wait.sql');
  writeFileSync(script, "select pg_sleep(0.1); select 'awake'");
  const child = spawn(process.execPath, ['bin/extentdb.js', 'run', file, script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  started.push(child);
  let said = '';
  child.stdout.on('data', (chunk) => {
    said += String(chunk);
  });
  const [status] = await once(child, 'close');
  expect([status, said.includes('awake')]).toEqual([0, true]);
});
