/** Storage options as psql shows them: in a form that WITH takes back. */
import { spawn, spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { serve } from './support.ts';

const psql = spawnSync('psql', ['--version']).status === 0;

async function runPsql(port: number, script: string): Promise<string> {
  const child = spawn('psql', ['-X', '-h', '127.0.0.1', '-p', String(port), '-U', 'postgres', '-v', 'ON_ERROR_STOP=1']);
  let shown = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      shown += chunk.toString();
    });
  child.stdin.end(script);
  await new Promise((resolve) => child.on('close', resolve));
  return shown;
}

/** The line behind `Options: `, for each relation described. */
function optionLines(shown: string): string[] {
  return [...shown.matchAll(/^Options: (.*)$/gm)].map((m) => m[1]!);
}

test.skipIf(!psql)('\\d+ shows options of tables and indexes as WITH takes them', { timeout: 30_000 }, async () => {
  const served = await serve();
  try {
    const table =
      "growth = 150, initial_size = '64kB', append_sequential, scan = forward, lob.growth = 200, lob.hotpoint_sequential";
    const first = await runPsql(
      served.port,
      `create table t (id int, v text) with (${table});
       create index i on t (id) with (max_extent = '1MB', growth = 200, append_sequential, fillfactor = 70);
       \\d+ t
       \\d+ i`,
    );
    expect(first).not.toContain('ERROR');
    const [ofTable, ofIndex] = optionLines(first);
    expect(ofTable).toBe(
      'growth=150, initial_size=64 kB, append_sequential=true, scan=forward, lob.growth=200, lob.hotpoint_sequential=true',
    );
    expect(ofIndex).toBe('max_extent=1 MB, growth=200, append_sequential=true, fillfactor=70');
    const again = await runPsql(
      served.port,
      `create table u (id int, v text) with (${ofTable});
       create index j on u (id) with (${ofIndex});
       \\d+ u
       \\d+ j`,
    );
    expect(optionLines(again)).toEqual([ofTable, ofIndex]);
  } finally {
    await served.close();
  }
});
