/** `extentdb compact` on real files, in this process. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { problemsOf } from '../../src/cli/check.ts';
import { extentdb } from '../support/cli.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'extentdb-compact-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

it('writes a smaller file that is sound, beside the old one', async () => {
  const [source, target, sql] = ['old.extent', 'new.extent', 'make.sql'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(
    sql,
    `create table t (id int primary key, v text, n int); create index on t (n); create index on t (lower(v)) where n > 3;
     insert into t select (i * 7919) % 104729, 'row ' || i, i % 97 from generate_series(1, 20000) i;
     delete from t where id % 4 <> 0;`,
  );
  expect((await extentdb('run', source, sql)).status).toBe(0);
  const before = readFileSync(source);
  const said = await extentdb('compact', source, target);
  expect(said).toMatchObject({ err: '', status: 0 });
  expect(said.out).toMatch(
    /new\.extent: \d+ rows in \d+ trees, \d+ bytes \(.*old\.extent: \d+ bytes, \d+\.\d % saved\)\n$/,
  );
  expect(readFileSync(source).equals(before)).toBe(true);
  expect(statSync(target).size).toBeLessThan(before.length * 0.7);
  expect(await problemsOf(target)).toEqual([]);
  expect(readdirSync(folder).sort()).toEqual(['make.sql', 'new.extent', 'old.extent']);

  expect(await extentdb('compact', source, target)).toMatchObject({
    err: `extentdb: "${target}" exists already\n`,
    status: 1,
  });
  expect((await extentdb('compact', source)).err).toContain('compact wants DST.extent');
  expect((await extentdb('compact', join(folder, 'none.extent'), target)).status).toBe(1);
});
