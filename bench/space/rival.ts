/**
 * One rival in a process of its own: `node rival.js <rival> <pattern> <directory or port>`.
 *
 * Loads the table, deletes, gives space back in the rival's ways; prints a line `{"begin": name}` before each part and
 * `{"end": name, "ms": …}` after it, and waits for a line on standard input in between, while the parent looks at the disk.
 */
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import Database from 'better-sqlite3';
import pg from 'pg';
import { batches, PATTERNS, type WornRow } from './rows.ts';

/** What the parts need of a database. */
interface Rival {
  load(rows: readonly WornRow[]): Promise<void>;
  run(text: string): Promise<void>;
  /** Makes everything so far durable and as small as it gets without a command. */
  settle(): Promise<void>;
  close(): Promise<void>;
  /** Ways of giving space back, one after the other: name → statements. */
  readonly ways: readonly (readonly [string, readonly string[]])[];
}

const TABLE = 'create table t (id int primary key, n int not null, r int not null, v text not null, doc text)';
const INDEX = 'create index t_n on t (n)';

interface ExtentModule {
  open(
    path: string,
    options: object,
  ): Promise<{
    query(text: string, values?: readonly unknown[]): Promise<unknown>;
    close(): Promise<void>;
  }>;
}

async function extent(directory: string): Promise<Rival> {
  const module: ExtentModule = await import(join(process.cwd(), 'dist/bundle/index.js'));
  const db = await module.open(join(directory, 'worn.extent'), { shrink: 'realtime' });
  await db.query(TABLE);
  await db.query(INDEX);
  return {
    load: async (rows) => {
      await db.query(
        'insert into t select * from unnest($1::int[], $2::int[], $3::int[], $4::text[], $5::text[])',
        (['id', 'n', 'r', 'v', 'doc'] as const).map((column) => rows.map((row) => row[column])),
      );
    },
    run: async (text) => {
      await db.query(text);
    },
    settle: async () => {
      await db.query('vacuum');
      await db.query('checkpoint');
    },
    close: () => db.close(),
    ways: [
      ['RESIZE', ['alter database worn resize', 'vacuum', 'checkpoint']],
      ['REORGANIZE', ['alter table t reorganize', 'vacuum', 'checkpoint']],
      ['SHRINK', ['alter database worn shrink', 'checkpoint']],
    ],
  };
}

function sqlite(directory: string, incremental: boolean): Rival {
  const db = new Database(join(directory, 'worn.db'));
  if (incremental) db.pragma('auto_vacuum = incremental');
  db.exec(TABLE);
  db.exec(INDEX);
  const insert = db.prepare('insert into t values (?, ?, ?, ?, ?)');
  const all = db.transaction((rows: readonly WornRow[]) => {
    for (const { id, n, r, v, doc } of rows) insert.run(id, n, r, v, doc);
  });
  return {
    load: async (rows) => {
      all(rows);
    },
    run: async (text) => {
      db.exec(text);
    },
    settle: async () => {},
    close: async () => {
      db.close();
    },
    ways: incremental ? [['incremental_vacuum', ['pragma incremental_vacuum']]] : [['VACUUM', ['vacuum']]],
  };
}

async function postgres(port: number): Promise<Rival> {
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres' });
  await client.connect();
  await client.query('drop table if exists t');
  await client.query(TABLE);
  await client.query('alter table t alter doc set storage external');
  await client.query('alter table t set (autovacuum_enabled = off)');
  await client.query(INDEX);
  return {
    load: async (rows) => {
      await client.query(
        'insert into t select * from unnest($1::int[], $2::int[], $3::int[], $4::text[], $5::text[])',
        (['id', 'n', 'r', 'v', 'doc'] as const).map((column) => rows.map((row) => row[column])),
      );
    },
    run: async (text) => {
      await client.query(text);
    },
    settle: async () => {
      await client.query('checkpoint');
    },
    close: () => client.end(),
    ways: [
      ['VACUUM', ['vacuum t', 'checkpoint']],
      ['VACUUM FULL', ['vacuum full t', 'checkpoint']],
    ],
  };
}

const [rivalName = '', pattern = '', place = ''] = process.argv.slice(2);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

async function part(name: string, work: () => Promise<void>): Promise<void> {
  process.stdout.write(`${JSON.stringify({ begin: name })}\n`);
  await lines.next();
  const began = performance.now();
  await work();
  process.stdout.write(`${JSON.stringify({ end: name, ms: performance.now() - began })}\n`);
  await lines.next();
}

const rival =
  rivalName === 'ExtentDB'
    ? await extent(place)
    : rivalName === 'PostgreSQL'
      ? await postgres(Number(place))
      : sqlite(place, rivalName === 'SQLite, incremental');
const where = PATTERNS[pattern];
if (where === undefined) throw new Error(`no pattern "${pattern}"`);
await part('load', async () => {
  for (const rows of batches()) await rival.load(rows);
  await rival.settle();
});
await part('delete', async () => {
  await rival.run(`delete from t where ${where}`);
  await rival.settle();
});
for (const [name, statements] of rival.ways) {
  await part(name, async () => {
    for (const text of statements) await rival.run(text);
  });
}
await rival.close();
process.exit(0);
