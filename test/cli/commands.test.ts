/** The commands on real files, in this process. */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readdirSync, readSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { extentdb } from '../support/cli.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'extentdb-cli-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

function script(text: string): string {
  const path = join(folder, 'script.sql');
  writeFileSync(path, text);
  return path;
}

describe('usage', () => {
  it('is shown on request, and told shortly when it is wrong', async () => {
    expect((await extentdb('--help')).out).toContain('extentdb serve [--data DIR]');
    expect((await extentdb('run', '--help')).status).toBe(0);
    expect((await extentdb('--version')).out).toMatch(/^extentdb \d+\.\d+\.\d+\n$/);
    for (const words of [
      ['serv'],
      ['serve', '--prot', '1'],
      ['serve', '--port', 'x'],
      ['serve', 'extra'],
      ['run', 'one'],
      ['check'],
      ['shell', 'a', 'b'],
    ]) {
      const said = await extentdb(...words);
      expect([words, said.status, said.err.split('\n').length, said.out]).toEqual([words, 2, 3, '']);
    }
  });
});

describe('run', () => {
  it('prints tables and tags, and leaves the file alone as the database', async () => {
    const file = join(folder, 'a.extent');
    const said = await extentdb(
      'run',
      file,
      script(
        'create table t (id int4, word text);\ncopy t from stdin;\n1\tone\n2\t\\N\n\\.\nselect * from t order by id; -- all\nselect \'é\' as "é", 1.50 as n',
      ),
    );
    expect(said).toEqual({
      out: 'CREATE TABLE\nCOPY 2\n id | word \n----+------\n  1 | one\n  2 |\n(2 rows)\n\n é |  n   \n---+------\n é | 1.50\n(1 row)\n\n',
      err: '',
      status: 0,
    });
    expect(readdirSync(folder).sort()).toEqual(['a.extent', 'script.sql']);
  });

  it('ends at the first error and names its line', async () => {
    const file = join(folder, 'a.extent');
    const path = script('create table t (id int4);\n\ninsert into t\n  values (1, 2);\ninsert into t values (3);\n');
    const said = await extentdb('run', file, path);
    expect(said.status).toBe(1);
    expect(said.out).toBe('CREATE TABLE\n');
    expect(said.err).toBe(
      `${path}:3: ERROR:  INSERT has more expressions than target columns\nLINE 2:   values (1, 2);\n                     ^\n`,
    );
    expect((await extentdb('run', file, script('select count(*) from t'))).out).toContain('     0\n');
  });

  it.runIf(process.platform === 'linux')('takes a script from a pipe', async () => {
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const [said] = await Promise.all([
      extentdb('run', join(folder, 'a.extent'), pipe),
      writeFile(pipe, 'create table t (id int4);\n'),
    ]);
    expect(said).toMatchObject({ out: 'CREATE TABLE\n', err: '', status: 0 });
  });

  it('refuses commands of psql, missing scripts and open files', async () => {
    const file = join(folder, 'a.extent');
    expect((await extentdb('run', file, script('\\c other\n'))).err).toContain(
      'ERROR:  \\c is a command of psql, not SQL',
    );
    expect(await extentdb('run', file, join(folder, 'none.sql'))).toMatchObject({ status: 1, out: '' });
  });
});

describe('check', () => {
  const many =
    "create table t (id int4 primary key, word text, n int4); create index on t (word); create unique index on t (lower(word)) where n > 10; insert into t select i, 'word ' || i, i from generate_series(1, 5000) i; delete from t where id % 7 = 0; update t set word = word || '!' where id % 5 = 0";

  it('finds nothing wrong with a sound file', async () => {
    const file = join(folder, 'a.extent');
    await extentdb('run', file, script(many));
    expect(await extentdb('check', file)).toEqual({ out: `${file} is sound\n`, err: '', status: 0 });
    expect(await extentdb('check', join(folder, 'none.extent'))).toMatchObject({ status: 1 });
  });

  it('tells a page whose bytes changed', async () => {
    const file = join(folder, 'a.extent');
    await extentdb('run', file, script(many));
    const fd = openSync(file, 'r+');
    const page = Buffer.alloc(8192);
    // A page somewhere in the middle of the table: flip a bit in every one that is full enough to matter.
    for (let number = 40; number < 44; number++) {
      readSync(fd, page, 0, page.length, number * 8192);
      page[5000] = page[5000]! ^ 1;
      writeSync(fd, page, 0, page.length, number * 8192);
    }
    closeSync(fd);
    const said = await extentdb('check', file);
    expect(said.status).toBe(1);
    expect(said.out + said.err).toMatch(/page \d+/);
  });
});
