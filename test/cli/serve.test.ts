/** `extentdb serve` as a process of its own. It is the built program: without a build there is nothing to start. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const built = existsSync('dist/bundle/cli.js');
if (!built) process.stderr.write('tests of `extentdb serve` are skipped: run `npm run build` first\n');

let folder: string;
const started: ChildProcess[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'extentdb-serve-'));
});

afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

interface Program {
  readonly child: ChildProcess;
  /** The first line of its output, or all it said when it ended before. */
  readonly first: Promise<string>;
  readonly ended: Promise<{ readonly status: number | null; readonly err: string }>;
}

function start(...words: string[]): Program {
  const child = spawn(process.execPath, ['bin/extentdb.js', 'serve', ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
  started.push(child);
  let out = '';
  let err = '';
  child.stderr.on('data', (chunk: Buffer) => {
    err += chunk.toString();
  });
  const ended = new Promise<{ status: number | null; err: string }>((resolve) =>
    child.on('close', (status) => resolve({ status, err })),
  );
  const first = new Promise<string>((resolve) => {
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
      if (out.includes('\n')) resolve(out);
    });
    ended.then(() => resolve(out));
  });
  return { child, first, ended };
}

function portOf(line: string): number {
  return Number(
    /^database system is ready to accept connections: psql -h 127\.0\.0\.1 -p (\d+) -U postgres\n$/.exec(line)?.[1],
  );
}

describe.skipIf(!built)('extentdb serve', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'accepts connections until %s, and leaves the files alone',
    async (signal) => {
      const data = join(folder, 'data');
      const server = start('--data', data, '--port', '0');
      const port = portOf(await server.first);
      const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres' });
      const lost = new Promise<Error>((resolve) => client.on('error', resolve));
      await client.connect();
      await client.query('create table kept as select 42 as answer');
      server.child.kill(signal);
      expect(await lost).toMatchObject({ code: '57P01' });
      expect(await server.ended).toEqual({ status: 0, err: '' });
      expect(readdirSync(data)).toEqual(['postgres.extent']);

      const again = start('--data', data, '--port', '0');
      const second = new pg.Client({
        host: '127.0.0.1',
        port: portOf(await again.first),
        user: 'postgres',
        database: 'postgres',
      });
      await second.connect();
      expect((await second.query('select answer from kept')).rows).toEqual([{ answer: 42 }]);
      await second.end();
    },
  );

  it('says in one line why it cannot: a directory in use, a port in use', async () => {
    const data = join(folder, 'data');
    const server = start('--data', data, '--port', '0');
    const port = portOf(await server.first);
    const sameData = await start('--data', data, '--port', '0').ended;
    expect(sameData.status).toBe(1);
    expect(sameData.err).toMatch(new RegExp(`^extentdb: .* is in use by the process with id ${server.child.pid}\n$`));
    const samePort = await start('--data', join(folder, 'other'), '--port', String(port)).ended;
    expect(samePort.status).toBe(1);
    expect(samePort.err).toMatch(/^extentdb: .*EADDRINUSE.*\n$/);
  });

  it('takes the next free port when none is asked for', async () => {
    const [one, two] = [start('--data', join(folder, 'one')), start('--data', join(folder, 'two'))];
    const ports = [portOf(await one.first), portOf(await two.first)];
    expect(ports.every((port) => port >= 5432)).toBe(true);
    expect(ports[0]).not.toBe(ports[1]);
  });
});
