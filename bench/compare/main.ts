/**
 * The comparison: ExtentDB against PostgreSQL 15 and SQLite, the same work, the same cores, in turn.
 *
 *   npm run bench:compare -- [--rounds 3] [--seconds 10] [--only select,tpcb,scan,group,join-pairs,join-keys,join-groups,group-pairs,
 *                               top,sort,not-in,project,copy,scan-embedded,group-embedded,point,open]
 *
 * Prints a Markdown table and writes every round to bench/results/.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { connected, copyIn, pgbench, pgbenchInit, timedQuery, writeAccounts } from './clients.ts';
import {
  FACTS,
  FILL_FACTS,
  GROUP,
  GROUP_PAIRS,
  JOIN_GROUPS,
  JOIN_KEYS,
  JOIN_PAIRS,
  NOT_IN,
  PROJECT,
  SCAN,
  SORT,
  TOP,
} from './facts.ts';
import { alternate, markdown, type Row } from './measure.ts';
import { postgresPrograms, type RivalServer, startExtentDB, startPostgres } from './servers.ts';

const CACHE_MEBIBYTES = 256;
const COPY_ROWS = 1_000_000;
const PGBENCH_SCALE = 10;
const AGGREGATION_REPEATS = 7;
/** Works that need no server. */
const IN_PROCESS = new Set(['scan-embedded', 'group-embedded', 'point', 'open']);

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '10' },
    only: {
      type: 'string',
      default:
        'select,tpcb,scan,group,join-pairs,join-keys,join-groups,group-pairs,top,sort,not-in,project,copy,scan-embedded,group-embedded,point,open',
    },
  },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
const wanted = new Set(values.only.split(','));
const root = process.cwd();
const scratch = mkdtempSync(join(tmpdir(), 'compare-'));
const rows: Row[] = [];
const versions: string[] = [`Node ${process.version}`];

/** Runs `work` in both servers by turns. PostgreSQL's part is empty where it is not installed. */
async function bothServers(
  servers: readonly RivalServer[],
  facts: Pick<Row, 'name' | 'work' | 'better'> & { readonly unit: string; readonly floor: number },
  work: (server: RivalServer) => Promise<number>,
): Promise<void> {
  const figures = await alternate(
    rounds,
    servers.map((server) => ({ name: server.name, run: () => work(server) })),
  );
  const { name, work: text, better, unit, floor } = facts;
  const rivals = [...figures].filter(([rival]) => rival !== 'ExtentDB');
  rows.push({
    name,
    work: text,
    better,
    ours: { rounds: figures.get('ExtentDB')!, unit },
    rivals: rivals.map(([rival, found]) => ({ name: rival, floor, figure: { rounds: found, unit } })),
  });
  console.error(`${name}: ${JSON.stringify(Object.fromEntries(figures))}`);
}

async function pgbenchRows(servers: readonly RivalServer[]): Promise<void> {
  if (!wanted.has('select') && !wanted.has('tpcb')) return;
  for (const { port } of servers) await pgbenchInit(port, PGBENCH_SCALE);
  const facts = { better: 'more', unit: 'tps', floor: 0.8 } as const;
  if (wanted.has('select'))
    await bothServers(servers, { ...facts, name: 'select', work: 'pgbench -S prepared, 8 clients' }, ({ port }) =>
      pgbench(port, '-S', 8, seconds),
    );
  if (wanted.has('tpcb'))
    await bothServers(
      servers,
      { ...facts, name: 'tpcb', work: 'pgbench TPC-B prepared, 16 clients, durable' },
      ({ port }) => pgbench(port, '', 16, seconds),
    );
}

/** The aggregations over the wire: fastest of several warm executions per round. */
async function aggregationRows(servers: readonly RivalServer[]): Promise<void> {
  const wantedHere = [
    { name: 'scan', text: SCAN, work: 'cached 1 M rows: filter + sum' },
    { name: 'group', text: GROUP, work: 'cached 1 M rows: 97 groups, sum and count' },
    { name: 'join-pairs', text: JOIN_PAIRS, work: 'self-join of 66,000 rows: 46 M pairs counted' },
    { name: 'join-keys', text: JOIN_KEYS, work: '1 M rows joined with 1 M by integers, aggregated' },
    { name: 'join-groups', text: JOIN_GROUPS, work: 'the same join, 97 groups' },
    { name: 'group-pairs', text: GROUP_PAIRS, work: 'cached 1 M rows: 97,000 groups of two columns' },
    { name: 'top', text: TOP, work: '1 M rows: the first 20 of an order without index' },
    { name: 'sort', text: SORT, work: '1 M rows sorted by three columns' },
    { name: 'not-in', text: NOT_IN, work: '100,000 rows NOT IN an answer of 100,000' },
    { name: 'project', text: PROJECT, work: 'cached 1 M rows: computed column, filtered, summed' },
  ].filter(({ name }) => wanted.has(name));
  if (wantedHere.length === 0) return;
  const clients = new Map(await Promise.all(servers.map(async (s) => [s, await connected(s.port)] as const)));
  for (const [server, client] of clients) {
    for (const text of [...FACTS, FILL_FACTS, 'analyze facts']) await client.query(text);
    if (server.name === 'PostgreSQL') await client.query('vacuum facts');
    if (server.name === 'PostgreSQL') await client.query('set max_parallel_workers_per_gather = 0');
    // Joins and groups are compared in memory.
    await client.query("set work_mem = '256MB'");
  }
  for (const { name, text, work } of wantedHere) {
    await bothServers(
      servers,
      { name, work, better: 'less', unit: 'ms', floor: name === 'scan' || name === 'group' ? 4 : 1 },
      async (server) => {
        const times: number[] = [];
        for (let i = 0; i < AGGREGATION_REPEATS; i++) times.push(await timedQuery(clients.get(server)!, name, text));
        return Math.min(...times);
      },
    );
  }
  for (const client of clients.values()) await client.end();
}

async function copyRow(servers: readonly RivalServer[]): Promise<void> {
  if (!wanted.has('copy')) return;
  const file = join(scratch, 'accounts.tsv');
  writeAccounts(file, COPY_ROWS);
  const facts = {
    name: 'copy',
    work: 'COPY 1 M pgbench_accounts rows',
    better: 'less',
    unit: 'ms',
    floor: 0.5,
  } as const;
  await bothServers(servers, facts, ({ port }) => copyIn(port, file));
}

/** One embedded work in a fresh process. */
async function embedded(work: string, rival: string, directory: string): Promise<number> {
  const script = new URL('./embedded.js', import.meta.url).pathname;
  const { stdout } = await promisify(execFile)(process.execPath, [script, work, rival, directory], { cwd: root });
  return Number(stdout);
}

async function embeddedRow(
  work: 'point' | 'scan' | 'group',
  facts: { readonly text: string; readonly unit: string; readonly floor: number },
): Promise<void> {
  const name = work === 'point' ? work : `${work}-embedded`;
  if (!wanted.has(name)) return;
  const rivals = ['ExtentDB', 'SQLite'];
  const figures = await alternate(
    rounds,
    rivals.map((rival) => ({ name: rival, run: () => embedded(work, rival, scratch) })),
  );
  const { text, unit, floor } = facts;
  rows.push({
    name,
    work: text,
    better: 'less',
    ours: { rounds: figures.get('ExtentDB')!, unit },
    rivals: [{ name: 'SQLite', floor, figure: { rounds: figures.get('SQLite')!, unit } }],
  });
  console.error(`${name}: ${JSON.stringify(Object.fromEntries(figures))}`);
}

async function openRow(): Promise<void> {
  if (!wanted.has('open')) return;
  const times: number[] = [];
  for (let i = 0; i < Math.max(rounds, 5); i++) {
    const directory = mkdtempSync(join(scratch, 'open-'));
    times.push(await embedded('open', 'ExtentDB', directory));
  }
  const work = 'open a fresh database and run a first query, in process';
  rows.push({ name: 'open', work, better: 'less', bound: 50, ours: { rounds: times, unit: 'ms' }, rivals: [] });
  console.error(`open: ${JSON.stringify(times)}`);
}

async function withServers(): Promise<void> {
  const bin = postgresPrograms();
  if (bin === undefined)
    console.error('PostgreSQL 15 is not installed (apt-get install postgresql): its columns are missing.');
  const servers = [await startExtentDB(root, CACHE_MEBIBYTES)];
  try {
    if (bin !== undefined) servers.push(await startPostgres(bin));
    versions.push(...servers.map((s) => s.version));
    await pgbenchRows(servers);
    await aggregationRows(servers);
    await copyRow(servers);
  } finally {
    for (const server of servers) await server.stop();
  }
}

try {
  if ([...wanted].some((name) => !IN_PROCESS.has(name))) await withServers();
  await embeddedRow('scan', { text: 'the same filter + sum, embedded', unit: 'ms', floor: 3 });
  await embeddedRow('group', { text: 'the same groups, embedded', unit: 'ms', floor: 3 });
  await embeddedRow('point', { text: 'point SELECT by primary key, embedded, prepared', unit: 'ns', floor: 2 });
  await openRow();
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
const machine = `${cpus()[0]?.model ?? 'unknown CPU'}, ${availableParallelism()} cores`;
const when = new Date().toISOString();
mkdirSync(join(root, 'bench/results'), { recursive: true });
const report = { when, machine, versions, rounds, seconds, rows };
writeFileSync(join(root, `bench/results/compare-${when.replaceAll(':', '-')}.json`), JSON.stringify(report, null, 2));
console.log(
  `${when.slice(0, 10)}, ${machine}, ${versions.join(', ')}; medians of ${rounds} rounds\n\n${markdown(rows)}`,
);
