/** `extentdb trim` on real files, in this process. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { problemsOf } from '../../src/cli/check.ts';
import { extentdb } from '../support/cli.ts';

let folder: string;
let file: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'extentdb-trim-'));
  file = join(folder, 'app.extent');
  const sql = join(folder, 'make.sql');
  writeFileSync(
    sql,
    `create table goes (id int primary key, v text); insert into goes select i, repeat('x', 500) from generate_series(1, 9000) i;
     create table stays (id int primary key); insert into stays select i from generate_series(1, 900) i; drop table goes;`,
  );
  expect((await extentdb('run', file, sql)).status ?? 0).toBe(0);
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

it('shows on a terminal how far it is, to its end, and on nothing else', async () => {
  const former = process.stderr.isTTY;
  Object.assign(process.stderr, { isTTY: true });
  try {
    const { err, out, status } = await extentdb('trim', file);
    expect(status).toBe(0);
    expect(err).toMatch(/\r(\d+) of \1 pages \(100 %\) *\n$/);
    expect(out).toMatch(/app\.extent: \d+ trimmed \(before\), \d+ trimmed \(after\), \d+ pages newly trimmed\.\n/);
  } finally {
    Object.assign(process.stderr, { isTTY: former });
  }
  expect((await extentdb('trim', file)).err).toBe('');
  expect(await problemsOf(file)).toEqual([]);
});
