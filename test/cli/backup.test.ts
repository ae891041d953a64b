/** `extentdb backup`, of files that nobody or somebody has open, and of a database in a program. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { problemsOf } from '../../src/cli/check.ts';
import { type BackupState, open } from '../../src/index.ts';
import { extentdb } from '../support/cli.ts';

let folder: string;
let source: string;
let target: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'extentdb-backup-'));
  [source, target] = [join(folder, 'a.extent'), join(folder, 'copy.extent')];
  const db = await open(source);
  await db.exec(`create table a (id int primary key, v text); create index a_v on a (v);
    insert into a select i, repeat('x', 100) || i from generate_series(1, 6000) i`);
  await db.close();
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

async function rows(path: string): Promise<unknown> {
  expect(await problemsOf(path)).toEqual([]);
  const db = await open(path);
  const result = await db.query('select count(*)::int4 as n, sum(id)::int4 as sum from a');
  await db.close();
  return result.rows[0];
}

describe('extentdb backup', () => {
  test('of a file that nobody has open', async () => {
    const said = await extentdb('backup', source, target);
    expect(said).toMatchObject({ err: '', status: 0 });
    expect(said.out).toBe(`${target}: ${statSync(target).size} bytes, a backup of ${source}\n`);
    expect(readdirSync(folder).sort()).toEqual(['a.extent', 'copy.extent']);
    expect(await rows(target)).toEqual({ n: 6000, sum: 18003000 });
    expect(await extentdb('backup', source, target)).toMatchObject({
      err: `extentdb: "${target}" exists already\n`,
      status: 1,
    });
    expect((await extentdb('backup', join(folder, 'b.extent'), `${target}2`)).err).toMatch(/there is no file/);
    expect((await extentdb('backup', source, join(folder, 'no', 'c.extent'))).err).toMatch(/there is no directory/);
    expect(await extentdb('backup', source)).toMatchObject({ status: 2 });
  });

  test('of a file that a process has open: the owner writes it', async () => {
    const db = await open(source);
    try {
      await db.query('insert into a values (0, null)');
      expect(await extentdb('backup', source, target)).toMatchObject({ err: '', status: 0 });
      expect(await extentdb('backup', source, target)).toMatchObject({
        err: `extentdb: "${target}" exists already\n`,
        status: 1,
      });
    } finally {
      await db.close();
    }
    expect(await rows(target)).toEqual({ n: 6001, sum: 18003000 });
  });
});

test('a process that is killed while it backs up leaves the source sound, and what it left is replaced', async () => {
  const child = spawn(process.execPath, ['bin/extentdb.js', 'backup', source, target], { stdio: 'ignore' });
  const closed = once(child, 'close');
  while (!existsSync(`${target}.partial`) && child.exitCode === null)
    await new Promise((resolve) => setTimeout(resolve, 1));
  child.kill('SIGKILL');
  await closed;
  // It may have been done before the signal came: then there is nothing to be replaced.
  rmSync(target, { force: true });
  expect(await extentdb('backup', source, target)).toMatchObject({ err: '', status: 0 });
  expect(readdirSync(folder).sort()).toEqual(['a.extent', 'copy.extent']);
  expect(await rows(target)).toEqual({ n: 6000, sum: 18003000 });
  expect(await rows(source)).toEqual({ n: 6000, sum: 18003000 });
});

describe('in a program', () => {
  test('db.backup: beside calls that go on, with its progress; the copy can be opened beside the original', async () => {
    const db = await open(source);
    const states: BackupState[] = [];
    const [report] = await Promise.all([
      db.backup(target, { onProgress: (state) => states.push(state) }),
      db.query('insert into a select i, null from generate_series(10001, 10100) i'),
    ]);
    expect(report.bytes).toBe(statSync(target).size);
    expect(states.at(-1)).toMatchObject({ phase: 'closing the copy', percent: 100 });
    const copy = await open(target);
    await copy.exec('delete from a where id > 3');
    await db.exec('delete from a where id > 5');
    const count = async (of: typeof db): Promise<unknown> =>
      (await of.query('select count(*)::int4 as n from a')).rows[0];
    expect([await count(db), await count(copy)]).toEqual([{ n: 5 }, { n: 3 }]);
    await copy.close();
    await db.close();
  });

  test('a signal cancels it, and what onProgress throws ends it: nothing is left', async () => {
    const db = await open(source);
    const abort = new AbortController();
    const onProgress = ({ percent }: BackupState): void => {
      if (percent > 20) abort.abort();
    };
    await expect(db.backup(target, { onProgress, signal: abort.signal })).rejects.toMatchObject({ code: '57014' });
    await expect(
      db.backup(target, {
        onProgress: () => {
          throw new Error('enough');
        },
      }),
    ).rejects.toThrow('enough');
    expect(readdirSync(folder).filter((name) => name.startsWith('copy'))).toEqual([]);
    await db.close();
  });
});
