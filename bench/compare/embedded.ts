/**
 * Work inside one process, each in a process of its own: `node embedded.js <work> <rival> <directory>`; prints one number.
 *
 *   point      nanoseconds per SELECT by primary key, prepared, random ids of a million rows
 *   scan, group  milliseconds of the cached aggregations over a million rows
 *   open       milliseconds from the first line of the program to the first row of a fresh database
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { FACT_ROWS, FACTS, GROUP, SCAN } from './facts.ts';

const LOOKUPS = 300_000;
const WARM_LOOKUPS = 60_000;

/** What the works need of a database. */
interface Embedded {
  exec(text: string): Promise<void>;
  get(text: string): (id: number) => unknown;
  all(text: string): () => unknown;
  close(): Promise<void>;
}

/** The public API, as far as it is used here. */
interface ExtentModule {
  open(
    path: string,
    options?: object,
  ): Promise<{
    query(text: string): Promise<unknown>;
    prepare(text: string): { get(...values: number[]): unknown; all(...values: number[]): unknown };
    close(): Promise<void>;
  }>;
}

async function openExtent(directory: string): Promise<Embedded> {
  const module: ExtentModule = await import(join(process.cwd(), 'dist/bundle/index.js'));
  const db = await module.open(join(directory, 'facts.extent'));
  return {
    exec: async (text) => {
      await db.query(text);
    },
    get: (text) => {
      const statement = db.prepare(text.replaceAll('?', '$1'));
      return (id) => statement.get(id);
    },
    all: (text) => {
      const statement = db.prepare(text);
      return () => statement.all();
    },
    close: () => db.close(),
  };
}

async function openSqlite(directory: string): Promise<Embedded> {
  const { default: Database } = await import('better-sqlite3');
  const db = new Database(join(directory, 'facts.sqlite'));
  db.pragma('cache_size = -262144');
  return {
    exec: async (text) => {
      db.exec(text);
    },
    get: (text) => {
      const statement = db.prepare(text);
      return (id) => statement.get(id);
    },
    all: (text) => {
      const statement = db.prepare(text);
      return () => statement.all();
    },
    close: async () => {
      db.close();
    },
  };
}

async function load(db: Embedded): Promise<void> {
  for (const statement of FACTS) await db.exec(statement);
  // PostgreSQL's generate_series as SQLite writes it, too: both have recursive queries.
  await db.exec(`insert into facts with recursive s(i) as (select 1 union all select i + 1 from s where i < ${FACT_ROWS})
    select i, i % 97, (cast(i as bigint) * 7919) % 1000, (cast(i as bigint) * 104729) % 100000 from s`);
}

function timed(work: () => unknown): number {
  const started = performance.now();
  work();
  return performance.now() - started;
}

function point(db: Embedded): number {
  const get = db.get('select id, grp, val, amount from facts where id = ?');
  // A multiplicative walk visits ids in no order, the same for every rival.
  let id = 1;
  const lookups = (count: number): void => {
    for (let i = 0; i < count; i++) {
      id = (id * 48271) % 2147483647;
      if (get(1 + (id % FACT_ROWS)) === undefined) throw new Error('a row is missing');
    }
  };
  lookups(WARM_LOOKUPS);
  return (timed(() => lookups(LOOKUPS)) * 1e6) / LOOKUPS;
}

function aggregation(db: Embedded, text: string): number {
  const all = db.all(text);
  for (let i = 0; i < 5; i++) all();
  return Math.min(...Array.from({ length: 5 }, () => timed(all)));
}

const [work, rival, directory] = process.argv.slice(2);
if (work === undefined || rival === undefined || directory === undefined)
  throw new Error('work, rival and directory, please');
const begun = performance.now();
const fresh = work === 'open' || !existsSync(join(directory, rival === 'SQLite' ? 'facts.sqlite' : 'facts.extent'));
const db = await (rival === 'SQLite' ? openSqlite(directory) : openExtent(directory));
if (work === 'open') {
  db.all('select 1 + 1 as two')();
  console.log(performance.now() - begun);
} else {
  if (fresh) await load(db);
  console.log(work === 'point' ? point(db) : aggregation(db, work === 'scan' ? SCAN : GROUP));
}
await db.close();
