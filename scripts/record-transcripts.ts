/**
 * Records what PostgreSQL answers to the scripts in test/sql/transcripts.
 *
 *     node dist/campaign/scripts/record-transcripts.js postgres://postgres@127.0.0.1:5432/postgres [name …]
 *
 * The server must be PostgreSQL 15. Scenarios run in a database `transcripts`, which is made anew for each script.
 * Of two sessions in a deadlock, the one with the higher number is the victim: its deadlock_timeout is the shorter.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import {
  type Lines,
  reportLines,
  resultLines,
  type Subject,
  scenarios,
  transcript,
} from '../test/support/transcript.ts';

const DIRECTORY = join('test', 'sql', 'transcripts');
const DATABASE = 'transcripts';
const POLL_MS = 40;
const QUIET_POLLS = 4;

interface Session {
  readonly client: pg.Client;
  readonly pid: number;
  readonly notices: string[];
  /** Of the last statement that ended well; node-postgres keeps only its first word. */
  tag: string;
  busy: boolean;
}

const asText = { getTypeParser: () => (text: string | Buffer) => text.toString() };

async function connect(url: string, timeoutMs: number): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, options: `-c deadlock_timeout=${timeoutMs} -c timezone=UTC` });
  await client.connect();
  return client;
}

class PostgresSubject implements Subject {
  readonly #url: string;
  readonly #watcher: pg.Client;
  readonly #sessions = new Map<string, Promise<Session>>();
  readonly #open: Session[] = [];

  constructor(url: string, watcher: pg.Client) {
    this.#url = url;
    this.#watcher = watcher;
  }

  async #session(name: string): Promise<Session> {
    const client = await connect(this.#url, name === 's1' ? 60_000 : 50);
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() pid');
    const session: Session = { client, pid: rows[0]!.pid, notices: [], tag: '', busy: false };
    client.connection.on('commandComplete', (message) => {
      session.tag = message.text;
    });
    client.on('notice', (n) =>
      session.notices.push(...reportLines({ ...n, severity: n.severity ?? 'NOTICE', sqlstate: n.code })),
    );
    this.#open.push(session);
    return session;
  }

  async start(name: string, sql: string): Promise<Lines> {
    let opening = this.#sessions.get(name);
    if (opening === undefined) {
      opening = this.#session(name);
      this.#sessions.set(name, opening);
    }
    const session = await opening;
    session.busy = true;
    session.notices.length = 0;
    try {
      const result = await session.client.query({ text: sql, rowMode: 'array', types: asText });
      const columns = result.fields.map((f) => ({ name: f.name, type: f.dataTypeID }));
      return [...session.notices, ...resultLines(columns, result.rows, session.tag)];
    } catch (error) {
      if (!(error instanceof pg.DatabaseError)) throw error;
      return [
        ...session.notices,
        ...reportLines({ ...error, message: error.message, severity: 'ERROR', sqlstate: error.code }),
      ];
    } finally {
      session.busy = false;
    }
  }

  async settled(ending: Promise<Lines> | undefined): Promise<void> {
    await Promise.all(this.#sessions.values());
    await ending;
    for (let quiet = 0; quiet < QUIET_POLLS; ) {
      await new Promise((resolve) => setTimeout(resolve, quiet === 0 ? 1 : POLL_MS));
      const busy = this.#open.filter((s) => s.busy);
      if (busy.length === 0) return;
      const { rows } = await this.#watcher.query(
        "select 1 from pg_stat_activity where pid = any($1) and wait_event_type is distinct from 'Lock'",
        [busy.map((s) => s.pid)],
      );
      quiet = rows.length === 0 ? quiet + 1 : 0;
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#open.map((s) => s.client.end()));
  }
}

async function record(name: string, url: string): Promise<void> {
  const admin = await connect(url, 1000);
  await admin.query(`drop database if exists ${DATABASE} with (force)`);
  await admin.query(`create database ${DATABASE} template template0 encoding 'UTF8' locale 'C'`);
  await admin.end();
  const own = new URL(url);
  own.pathname = `/${DATABASE}`;
  const watcher = await connect(own.href, 1000);
  const parts: string[] = [];
  for (const scenario of scenarios(readFileSync(join(DIRECTORY, `${name}.sql`), 'utf8'))) {
    const schemas = await watcher.query<{ nspname: string }>(
      "select nspname from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'",
    );
    for (const { nspname } of schemas.rows) await watcher.query(`drop schema "${nspname}" cascade`);
    await watcher.query('create schema public');
    parts.push(`## ${scenario.title}\n${await transcript(scenario, new PostgresSubject(own.href, watcher))}`);
  }
  await watcher.end();
  writeFileSync(join(DIRECTORY, `${name}.expected`), parts.join('\n'));
}

const [url, ...names] = process.argv.slice(2);
if (url === undefined) throw new Error('usage: record-transcripts URL [name …]');
const all = readdirSync(DIRECTORY)
  .filter((f) => f.endsWith('.sql'))
  .map((f) => f.slice(0, -'.sql'.length));
for (const name of names.length > 0 ? names : all) await record(name, url);
