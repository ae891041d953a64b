/**
 * A real database through real clients: loads Chinook and asks its questions, over the simple and the extended protocol, and
 * through psql where it is installed. The files lie in the folder that EXTENTDB_SHARED names, beside the project by default.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { QueryArrayConfig } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { splitScript } from '../support/script.ts';
import { type Served, serve } from './support.ts';

const data = join(process.env['EXTENTDB_SHARED'] ?? '../shared', 'data');
const present = existsSync(join(data, 'chinook.sql'));
if (!present)
  process.stderr.write(`Chinook tests are skipped: there is no ${join(data, 'chinook.sql')} (set EXTENTDB_SHARED)\n`);
const psql = spawnSync('psql', ['--version']).status === 0;

/** Makes node-postgres prepare a statement that has no parameters. */
const EXTENDED = { queryMode: 'extended' };

/** Rows as psql -A -t shows them: the server's text, untouched. */
const asText = { getTypeParser: () => (text: string) => text };

describe.skipIf(!present)('Chinook', () => {
  let served: Served;
  let expected: string;
  let questions: readonly string[];

  beforeAll(async () => {
    served = await serve();
    expected = readFileSync(join(data, 'chinook-queries.expected'), 'utf8');
    questions = splitScript(readFileSync(join(data, 'chinook-queries.sql'), 'utf8'));
    const admin = await served.client();
    await admin.query('create database chinook');
    await admin.end();
    const script = readFileSync(join(data, 'chinook.sql'), 'utf8');
    const loader = await served.client('chinook');
    await loader.query(script.slice(script.indexOf('\\c chinook;') + '\\c chinook;'.length));
    await loader.end();
  });

  afterAll(async () => {
    await served.close();
  });

  async function transcript(extended: boolean): Promise<string> {
    const client = await served.client('chinook');
    let said = '';
    for (const text of questions) {
      const config: QueryArrayConfig = { text, rowMode: 'array', types: asText };
      const { rows } = await client.query<(string | null)[]>(extended ? { ...config, ...EXTENDED } : config);
      said += `${text};\n${rows.map((r) => `${r.map((v) => v ?? '(null)').join('|')}\n`).join('')}`;
    }
    await client.end();
    return said;
  }

  it('answers every question over the simple protocol', async () => {
    expect(await transcript(false)).toBe(expected);
  });

  it('answers every question over the extended protocol', async () => {
    expect(await transcript(true)).toBe(expected);
  });

  it('answers a question with parameters', async () => {
    const client = await served.client('chinook');
    const { rows } = await client.query<{ name: string }>(
      'select name from artist where artist_id between $1 and $2 order by artist_id',
      [1, 3],
    );
    expect(rows.map((r) => r.name)).toEqual(['AC/DC', 'Accept', 'Aerosmith']);
    await client.end();
  });

  it.skipIf(!psql)('answers psql', { timeout: 60_000 }, async () => {
    const child = spawn('psql', [
      '-X',
      '-h',
      '127.0.0.1',
      '-p',
      String(served.port),
      '-U',
      'postgres',
      '-d',
      'chinook',
      '-A',
      '-t',
      '-F',
      '|',
      '-P',
      'null=(null)',
      '-e',
      '-f',
      join(data, 'chinook-queries.sql'),
    ]);
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    await new Promise((resolve) => child.on('close', resolve));
    expect(said).toBe(expected);
  });
});
