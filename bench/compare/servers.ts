/**
 * The two servers: PostgreSQL in a cluster of its own, ExtentDB as `extentdb serve`; both on free loopback ports, both in a
 * directory that goes when they stop, both on the same two cores.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export interface RivalServer {
  readonly name: string;
  readonly port: number;
  /** Holds its files until it stops. */
  readonly directory: string;
  readonly pid: number;
  /** The program and its version, as it reports them. */
  readonly version: string;
  stop(): Promise<void>;
}

const PG_ROOT = '/usr/lib/postgresql';
const PG_MAJOR = '15';

/** Where Debian puts PostgreSQL 15's programs; undefined when they are not installed. */
export function postgresPrograms(): string | undefined {
  const bin = join(PG_ROOT, PG_MAJOR, 'bin');
  return existsSync(PG_ROOT) && readdirSync(PG_ROOT).includes(PG_MAJOR) && existsSync(join(bin, 'initdb'))
    ? bin
    : undefined;
}

/** Runs a program on the first two cores where the machine has more. */
function pinned(program: string, words: readonly string[]): [string, string[]] {
  return availableParallelism() > 2 ? ['taskset', ['-c', '0,1', program, ...words]] : [program, [...words]];
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() =>
        typeof address === 'object' && address !== null ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });
}

/** PostgreSQL refuses to run as root: its own user then. */
function postgresUser(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const id = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

/** A fresh cluster with PostgreSQL's defaults: fsync on, shared_buffers 128 MB. */
export async function startPostgres(bin: string): Promise<RivalServer> {
  const directory = mkdtempSync(join(tmpdir(), 'compare-postgres-'));
  const user = postgresUser();
  if (user.uid !== undefined && user.gid !== undefined) chownSync(directory, user.uid, user.gid);
  const data = join(directory, 'data');
  const init = spawnSync(join(bin, 'initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust'], {
    ...user,
    encoding: 'utf8',
  });
  if (init.status !== 0) throw new Error(`initdb: ${init.stderr}`);
  const port = await freePort();
  const settings = ['-D', data, '-p', String(port), '-k', directory, '-c', 'listen_addresses=127.0.0.1'];
  const [program, words] = pinned(join(bin, 'postgres'), settings);
  const child = spawn(program, words, { ...user, stdio: 'ignore' });
  while (spawnSync(join(bin, 'pg_isready'), ['-h', '127.0.0.1', '-p', String(port)]).status !== 0) {
    if (child.exitCode !== null) throw new Error(`postgres ended with ${child.exitCode}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const version = execFileSync(join(bin, 'postgres'), ['--version'], { encoding: 'utf8' }).trim();
  return {
    name: 'PostgreSQL',
    port,
    directory,
    pid: child.pid ?? 0,
    version,
    stop: () => stopped(child, 'SIGINT', directory),
  };
}

/** `extentdb serve` with a cache of `cacheMebibytes`. @param at - a directory that is there already, and stays when it stops. */
export async function startExtentDB(root: string, cacheMebibytes: number, at?: string): Promise<RivalServer> {
  const directory = at ?? mkdtempSync(join(tmpdir(), 'compare-extentdb-'));
  const program = join(root, 'bin/extentdb.js');
  const words = [program, 'serve', '--data', directory, '--port', '0', '--cache', String(cacheMebibytes)];
  const [first, rest] = pinned(process.execPath, words);
  const child = spawn(first, rest, { stdio: ['ignore', 'pipe', 'inherit'] });
  const port = await new Promise<number>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`extentdb ended with ${code}`)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      const found = / -p (\d+) /.exec(line);
      if (found !== null) resolve(Number(found[1]));
    });
  });
  const version = execFileSync(process.execPath, [program, '--version'], { encoding: 'utf8' }).trim();
  return {
    name: 'ExtentDB',
    port,
    directory,
    pid: child.pid ?? 0,
    version,
    stop: () => stopped(child, 'SIGTERM', at === undefined ? directory : undefined),
  };
}

async function stopped(child: ChildProcess, signal: NodeJS.Signals, directory: string | undefined): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  }
  if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
}
