/** Chinook's questions through the embedded API; see `test/server/chinook.test.ts`. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { open } from '../../src/index.ts';
import { Folder } from '../support/folder.ts';
import { splitScript } from '../support/script.ts';

const data = join(process.env['EXTENTDB_SHARED'] ?? '../shared', 'data');
const present = existsSync(join(data, 'chinook.sql'));
if (!present)
  process.stderr.write(`Chinook tests are skipped: there is no ${join(data, 'chinook.sql')} (set EXTENTDB_SHARED)\n`);

describe.skipIf(!present)('Chinook', () => {
  it('answers every question, before and after the file was closed', async () => {
    const folder = new Folder('api');
    const script = readFileSync(join(data, 'chinook.sql'), 'utf8');
    const expected = readFileSync(join(data, 'chinook-queries.expected'), 'utf8');
    const questions = splitScript(readFileSync(join(data, 'chinook-queries.sql'), 'utf8'));
    const types = { getTypeParser: () => (text: string) => text };
    for (const load of [true, false]) {
      await using db = await open(folder.file('chinook.extent'));
      if (load) await db.exec(script.slice(script.indexOf('\\c chinook;') + '\\c chinook;'.length));
      let said = '';
      for (const text of questions) {
        const { rows } = await db.query<(string | null)[]>(text, [], { rowMode: 'array', types });
        said += `${text};\n${rows.map((row) => `${row.map((v) => v ?? '(null)').join('|')}\n`).join('')}`;
      }
      expect(said).toBe(expected);
    }
    folder.remove();
  });
});
