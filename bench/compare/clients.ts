/** What drives the servers: pgbench, psql and one node-postgres connection. */
import { execFile } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import { promisify } from 'node:util';
import pg from 'pg';

const run = promisify(execFile);

function address(port: number): string[] {
  return ['-h', '127.0.0.1', '-p', String(port), '-U', 'postgres'];
}

export async function pgbenchInit(port: number, scale: number): Promise<void> {
  await run('pgbench', [...address(port), '-i', '-q', '-s', String(scale), 'postgres']);
}

/** Transactions per second of one run in prepared mode. @param script `-S` for selects, `` for TPC-B. */
export async function pgbench(port: number, script: '-S' | '', clients: number, seconds: number): Promise<number> {
  const words = [...address(port), '-n', '-M', 'prepared', '-c', String(clients), '-j', '2', '-T', String(seconds)];
  const { stdout } = await run('pgbench', [...words, ...(script === '' ? [] : [script]), 'postgres']);
  const found = /tps = ([\d.]+) \(without initial/.exec(stdout);
  const failed = /number of failed transactions: (\d+)/.exec(stdout);
  if (found === null || (failed !== null && failed[1] !== '0')) throw new Error(`pgbench: ${stdout}`);
  return Number(found[1]);
}

/** Writes the lines that `pgbench -i` sends for its accounts. */
export function writeAccounts(path: string, rows: number): void {
  const file = openSync(path, 'w');
  const filler = ' '.repeat(84);
  for (let from = 1; from <= rows; from += 10_000) {
    let text = '';
    for (let id = from; id < from + 10_000 && id <= rows; id++)
      text += `${id}\t${Math.floor((id - 1) / 100_000) + 1}\t0\t${filler}\n`;
    writeSync(file, text);
  }
  closeSync(file);
}

export const LOAD_TABLE = `
  drop table if exists loaded;
  create table loaded (aid int not null, bid int, abalance int, filler char(84)) with (fillfactor = 100);`;

/** Milliseconds that `COPY loaded FROM STDIN` takes in psql. */
export async function copyIn(port: number, path: string): Promise<number> {
  await run('psql', [...address(port), '-q', '-v', 'ON_ERROR_STOP=1', '-c', LOAD_TABLE, 'postgres']);
  const copy = `\\copy loaded from '${path}'`;
  const { stdout } = await run('psql', [...address(port), '-q', '-c', '\\timing on', '-c', copy, 'postgres']);
  const found = /Time: ([\d.]+) ms/.exec(stdout);
  if (found === null) throw new Error(`psql: ${stdout}`);
  return Number(found[1]);
}

export async function connected(port: number): Promise<pg.Client> {
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres' });
  await client.connect();
  return client;
}

/** Milliseconds of one execution of a statement that is prepared and warm. */
export async function timedQuery(client: pg.Client, name: string, text: string): Promise<number> {
  const started = performance.now();
  await client.query({ name, text });
  return performance.now() - started;
}
