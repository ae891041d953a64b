/** `extentdb shell`, fed through a pipe. It is the built program: without a build there is nothing to start. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { Folder } from '../support/folder.ts';

const built = existsSync('dist/bundle/cli.js');
if (!built) process.stderr.write('tests of `extentdb shell` are skipped: run `npm run build` first\n');

const folder = new Folder('shell');
afterAll(() => folder.remove());

function shell(input: string): { out: string; err: string; status: number | null } {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['bin/extentdb.js', 'shell', folder.file('a.extent')],
    { input },
  );
  return { out: stdout.toString(), err: stderr.toString(), status };
}

describe.skipIf(!built)('extentdb shell', () => {
  it('runs statements as their semicolons come', () => {
    const said = shell(
      "create table t (id int4 primary key,\n  word text); insert into t\nvalues (1, 'a;b');\nselect * from t;\nselect 2 as last",
    );
    expect(said).toEqual({
      out: 'CREATE TABLE\nINSERT 0 1\n id | word \n----+------\n  1 | a;b\n(1 row)\n\n last \n------\n    2\n(1 row)\n\n',
      err: '',
      status: 0,
    });
  });

  it('shows errors where they are, and goes on', () => {
    const said = shell('begin;\nselect 1 +\n  nothing;\nrollback;\n\\q\nselect 3;');
    expect(said).toEqual({
      out: 'BEGIN\nROLLBACK\n',
      err: 'ERROR:  column "nothing" does not exist\nLINE 2:   nothing;\n          ^\n',
      status: 1,
    });
  });

  it('describes tables', () => {
    const said = shell('\\dt\n\\d t\n\\nonsense\n');
    expect(said.out).toContain(' public | t');
    expect(said.out).toContain(' id     | integer | not null');
    expect(said.out).toContain('CREATE UNIQUE INDEX t_pkey ON public.t USING btree (id)');
    expect(said.out).toContain('invalid command \\nonsense');
  });
});
