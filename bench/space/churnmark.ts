/**
 * Reorganizing while it is used: four clients read and update all along, the table has lost two thirds of its rows in random order.
 *
 *   npm run bench:churn -- [--rows 300000] [--seconds 5]
 *
 * Prints what `ALTER TABLE … REORGANIZE` did to disk, order, log and the clients' 99th percentile, beside what VACUUM FULL does to
 * PostgreSQL's clients, and for how long SQLite's VACUUM lets nobody write. Every figure is printed, also those that miss their bound.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import Database from 'better-sqlite3';
import pg from 'pg';
import { postgresPrograms, type RivalServer, startExtentDB, startPostgres } from '../compare/servers.ts';

const CLIENTS = 4;
const { values } = parseArgs({
  options: { rows: { type: 'string', default: '300000' }, seconds: { type: 'string', default: '5' } },
});
const ROWS = Number(values.rows);
const SECONDS = Number(values.seconds);

function bytesIn(directory: string, wanted: (path: string) => boolean): number {
  let sum = 0;
  for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile() || !wanted(path)) continue;
    sum += (statSync(path, { throwIfNoEntry: false })?.blocks ?? 0) * 512;
  }
  return sum;
}

/** Clients that read and update random rows until told to stop; latencies in milliseconds. */
class Load {
  readonly #server: RivalServer;
  readonly #clients: pg.Client[] = [];
  #latencies: number[] = [];
  #running = true;
  #done: Promise<unknown> = Promise.resolve();

  constructor(server: RivalServer) {
    this.#server = server;
  }

  async start(): Promise<void> {
    for (let i = 0; i < CLIENTS; i++) this.#clients.push(await connect(this.#server));
    this.#done = Promise.all(this.#clients.map((client) => this.#loop(client)));
  }

  async #loop(client: pg.Client): Promise<void> {
    for (let n = 0; this.#running; n++) {
      const id = 1 + Math.floor(Math.random() * ROWS);
      const began = performance.now();
      if (n % 2 === 0) await client.query({ name: 'r', text: 'select v from t where id = $1', values: [id] });
      else await client.query({ name: 'u', text: 'update t set n = n + 1 where id = $1', values: [id] });
      this.#latencies.push(performance.now() - began);
    }
  }

  /** The latencies that were seen since the last call. */
  take(): number[] {
    const taken = this.#latencies;
    this.#latencies = [];
    return taken;
  }

  async stop(): Promise<void> {
    this.#running = false;
    await this.#done;
    for (const client of this.#clients) await client.end();
  }
}

function summed(latencies: number[]): { p99: number; longest: number; count: number } {
  const sorted = latencies.sort((a, b) => a - b);
  return {
    p99: sorted[Math.floor(sorted.length * 0.99)] ?? 0,
    longest: sorted[sorted.length - 1] ?? 0,
    count: sorted.length,
  };
}

async function connect(server: RivalServer): Promise<pg.Client> {
  const client = new pg.Client({ host: '127.0.0.1', port: server.port, user: 'postgres', database: 'postgres' });
  await client.connect();
  return client;
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function wear(client: pg.Client): Promise<void> {
  await client.query('create table t (id int primary key, n int not null, v text not null)');
  await client.query('create index t_n on t (n)');
  for (let from = 0; from < 10; from++) {
    await client.query(
      `insert into t select i, (i::int8 * 7919 % 99991)::int, repeat('x', 100) || i from
       (select (g::int8 * 104729 % ${ROWS})::int + 1 as i from generate_series(${from}, ${ROWS - 1}, 10) g) s`,
    );
  }
  await client.query('delete from t where n % 3 <> 0');
  await client.query('checkpoint');
}

/** Runs the work beside the load and reports the clients before and during it. */
async function beside(
  server: RivalServer,
  data: () => number,
  work: (client: pg.Client) => Promise<void>,
): Promise<string[]> {
  const client = await connect(server);
  const load = new Load(server);
  await load.start();
  await sleep(SECONDS * 1000);
  const size = data();
  const callsBefore = load.take();
  let peak = size;
  const poll = setInterval(() => {
    peak = Math.max(peak, data());
  }, 10);
  const began = performance.now();
  await work(client);
  const ms = performance.now() - began;
  // Calls that the work held up end now: they belong to it.
  await sleep(100);
  const callsDuring = load.take();
  clearInterval(poll);
  await load.stop();
  // Sorted only now: while this program sorts, its clients wait.
  const [before, during] = [summed(callsBefore), summed(callsDuring)];
  await client.query('checkpoint');
  await sleep(1500);
  await client.end();
  const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  return [
    `time ${Math.round(ms)} ms; on disk ${mib(size)} → ${mib(data())}; peak extra ${mib(peak - size)} (${((100 * (peak - size)) / size).toFixed(1)} %)`,
    `clients: ${before.count} calls before, p99 ${before.p99.toFixed(2)} ms, longest ${before.longest.toFixed(1)} ms`,
    `         ${during.count} calls during, p99 ${during.p99.toFixed(2)} ms (${(during.p99 / before.p99).toFixed(2)} ×), longest ${during.longest.toFixed(1)} ms`,
  ];
}

/** Calls that read something, as the system counts them. */
function readCalls(pid: number): number {
  return Number(/^syscr: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'latin1'))?.[1] ?? Number.NaN);
}

/** A scan in the order of the key by a server that has just started: nothing of the table is in its cache. */
async function coldScan(directory: string): Promise<number> {
  const server = await startExtentDB(process.cwd(), 256, directory);
  const client = await connect(server);
  await client.query('select 1');
  const before = readCalls(server.pid);
  await client.query('select sum(length(v)) from t');
  const calls = readCalls(server.pid) - before;
  await client.end();
  await server.stop();
  return calls;
}

const STATS = `select round(avg_fragmentation_in_percent::numeric, 1) as frag, fragment_count as fragments, page_count as pages,
  round(avg_page_space_used_in_percent::numeric, 1) as fill from sys.dm_db_index_physical_stats(current_database(), 't', null, null, 'DETAILED')
  where index_level = 0 and alloc_unit_type_desc = 'IN_ROW_DATA'`;

/** Extents of the table and its index, neighbours counted as one, and their branch pages. */
const BOUND = `with e as (select relid, first_page, pages from extentdb.extents where coalesce(state, '') = '' and object in ('t', 't_n')),
  runs as (select count(*) as n from (select first_page, lag(first_page + pages) over (partition by relid order by first_page) as behind from e) x
    where behind is distinct from first_page),
  branches as (select coalesce(sum(page_count), 0) as n from sys.dm_db_index_physical_stats(current_database(), 't', null, null, 'DETAILED') where index_level > 0)
  select runs.n as runs, branches.n as branches from runs, branches`;

async function shape(client: pg.Client): Promise<string> {
  const { rows } = await client.query(STATS);
  return rows
    .map((r) => `${r.pages} leaves, ${r.fill} % full, ${r.frag} % out of order, ${r.fragments} fragments`)
    .join('; ');
}

async function extentdb(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'churn-extentdb-'));
  const first = await startExtentDB(process.cwd(), 256, directory);
  const worn = await connect(first);
  await wear(worn);
  await sleep(1500);
  process.stdout.write(`ExtentDB, a checkpoint every 64 MiB of log\n  before: ${await shape(worn)}\n`);
  await worn.end();
  await first.stop();
  const before = await coldScan(directory);
  const server = await startExtentDB(process.cwd(), 256, directory);
  await reorganizing(server);
  await server.stop();
  const after = await coldScan(directory);
  process.stdout.write(
    `  read calls of a cold ordered scan: ${before} → ${after} (1/${(before / after).toFixed(1)})\n`,
  );
  rmSync(directory, { recursive: true });
}

async function reorganizing(server: RivalServer): Promise<void> {
  const client = await connect(server);
  const isLog = (path: string): boolean => path.includes('-log/');
  const lines = await beside(
    server,
    () => bytesIn(server.directory, (path) => !isLog(path)),
    async (c) => {
      await c.query('alter table t reorganize');
    },
  );
  for (const line of lines) process.stdout.write(`  ${line}\n`);
  const { rows: fragments } = await client.query(STATS);
  const { runs, branches } = (await client.query(BOUND)).rows[0];
  const count = fragments.reduce((sum, r) => sum + Number(r.fragments), 0);
  process.stdout.write(
    `  after: ${await shape(client)}\n  ${count} fragments beside ${runs} runs of extents and ${branches} branch pages: ` +
      `${(count / (Number(runs) + Number(branches))).toFixed(2)} ×\n` +
      `  log beside it: ${(bytesIn(server.directory, isLog) / 2 ** 20).toFixed(1)} MiB on disk\n`,
  );
  const steps = await client.query('select * from extentdb.defragmentation_steps');
  const row = steps.rows[0];
  const moved = Number(row.pages_written) * 8192;
  process.stdout.write(
    `  steps: ${row.steps}, over 2 ms ${row.steps_over_2ms}, longest ${Number(row.longest_ms).toFixed(1)} ms; ` +
      `without waits for a processor over 2 ms ${row.steps_over_2ms_of_own}, longest ${Number(row.longest_own_ms).toFixed(1)} ms; ` +
      `clients that waited for one ${row.foreground_waits}, longest ${Number(row.longest_wait_ms).toFixed(1)} ms, ` +
      `at most ${row.steps_in_a_wait_max} steps in a wait\n` +
      `  log of the steps: ${(Number(row.log_bytes) / 2 ** 20).toFixed(1)} MiB for ${row.pages_written} pages written anew: ` +
      `${(Number(row.log_bytes) / moved).toFixed(2)} ×\n`,
  );
  await client.query('create table packed (id int primary key, n int not null, v text not null)');
  await client.query('insert into packed select * from t order by id');
  await client.query('create index packed_n on packed (n)');
  const sizes = await client.query(
    "select pg_total_relation_size('t') as worn, pg_total_relation_size('packed') as packed",
  );
  const { worn, packed } = sizes.rows[0];
  process.stdout.write(`  size beside a sorted copy: ${(Number(worn) / Number(packed)).toFixed(2)} ×\n`);
  await client.end();
}

async function postgres(): Promise<void> {
  const programs = postgresPrograms();
  if (programs === undefined) {
    process.stdout.write('PostgreSQL 15 is not installed: left out.\n');
    return;
  }
  const server = await startPostgres(programs);
  const client = await connect(server);
  await wear(client);
  await client.end();
  const data = (): number => bytesIn(join(server.directory, 'data'), (path) => !path.includes('/pg_wal/'));
  process.stdout.write('PostgreSQL, VACUUM FULL\n');
  for (const line of await beside(server, data, async (c) => {
    await c.query('vacuum full t');
  }))
    process.stdout.write(`  ${line}\n`);
  await server.stop();
}

/** SQLite's VACUUM holds the database for its whole time: that time is what its clients would wait. */
function sqlite(): void {
  const directory = mkdtempSync(join(tmpdir(), 'churn-'));
  const path = join(directory, 't.sqlite');
  const db = new Database(path);
  db.exec('create table t (id integer primary key, n int not null, v text not null); create index t_n on t (n)');
  const insert = db.prepare('insert into t values (?, ?, ?)');
  db.transaction(() => {
    for (let g = 0; g < ROWS; g++) {
      const id = ((g * 104729) % ROWS) + 1;
      insert.run(id, (id * 7919) % 99991, 'x'.repeat(100) + id);
    }
  })();
  db.exec('delete from t where n % 3 <> 0');
  const size = (): string => `${(statSync(path).size / 2 ** 20).toFixed(1)} MiB`;
  const before = size();
  const began = performance.now();
  db.exec('vacuum');
  const ms = performance.now() - began;
  process.stdout.write(`SQLite, VACUUM\n  nobody writes for ${Math.round(ms)} ms; in the file ${before} → ${size()}\n`);
  db.close();
  rmSync(directory, { recursive: true });
}

process.stdout.write(`${ROWS} rows, ${CLIENTS} clients, ${cpus()[0]?.model ?? ''}, Node ${process.version}\n`);
await extentdb();
await postgres();
sqlite();
