/**
 * The embedded database: one file, open in this process.
 *
 *   query, exec, sql   await; each call takes a free session, so calls may run side by side
 *   prepare            statements that answer at once, on a session of their own
 *   transaction        a session for the time of a function
 *   listen             the same file on the wire
 */
import { SystemClock } from '../base/clock.ts';
import { fail } from '../base/errors.ts';
import type { Prng } from '../base/prng.ts';
import type { BackupReport, BackupState } from '../engine/backups.ts';
import type { Defragmentation } from '../engine/defragmentation.ts';
import { Instance } from '../engine/instance.ts';
import { NodeVfs } from '../io/node-vfs.ts';
import { PrivateSocket } from '../io/private-socket.ts';
import { databaseError } from '../server/database-error.ts';
import { OwnerDoor } from '../server/owner-door.ts';
import { Server } from '../server/server.ts';
import type { ShrinkMode } from '../space/open-database-file.ts';
import { ApiSession } from './api-session.ts';
import { type QueryResult, ResultCollector, type RowOptions } from './results.ts';
import { type SqlText, sql as sqlText } from './sql-text.ts';
import { Statement } from './statement.ts';

export interface OpenOptions {
  /** Bytes of the page cache; 128 MiB by default. */
  readonly cacheBytes?: number;
  /** Bytes of old versions of rows kept in memory while snapshots or rollbacks may need them; 256 MiB by default. */
  readonly versionBytes?: number;
  /** Bytes of old versions that go to a temporary file beyond that; 8 GiB by default. When both are full, changes fail with 53400. */
  readonly versionSpillBytes?: number;
  /** Page size of a new file: 4096, 8192 (default), 16384 or 32768. */
  readonly pageBytes?: number;
  /**
   * When free space goes back to the file system: `off`, `on` (when `ALTER DATABASE … RESIZE` or `SHRINK` asks for it), or
   * `realtime`, by itself; the default is `realtime` where the file system knows holes, else `on`.
   */
  readonly shrink?: ShrinkMode;
  /** The role that works; `postgres` by default. */
  readonly user?: string;
  /** Settings of every session, as SET takes them: `{ TimeZone: 'Europe/Berlin' }`. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface QueryOptions extends RowOptions {
  /** Cancels the statement: it fails with 57014. */
  readonly signal?: AbortSignal;
}

export interface BackupOptions {
  /** Called regularly; what it throws ends the backup. */
  readonly onProgress?: (state: BackupState) => void;
  /** Cancels it: 57014. */
  readonly signal?: AbortSignal;
}

export interface TransactionOptions {
  readonly isolation?: 'read committed' | 'repeatable read';
  readonly readOnly?: boolean;
}

export interface ListenOptions {
  /** 0, the default, lets the system choose. */
  readonly port?: number;
  /** 127.0.0.1 by default. */
  readonly host?: string;
}

/** The file on the wire. */
export interface Listening {
  readonly host: string;
  readonly port: number;
  /** `postgresql://…` for clients. */
  readonly url: string;
  /** Ends its connections with 57P01. */
  close(): Promise<void>;
}

type Row = Record<string, unknown>;

/** What one can do with a database and inside a transaction. */
export interface Queryable {
  /**
   * Runs a statement with `$1`, `$2` … ; without values a text of several statements.
   *
   * @returns the result of the last statement.
   * @throws DatabaseError with PostgreSQL's code.
   */
  query<R extends object = Row>(
    text: string | SqlText,
    values?: readonly unknown[],
    options?: QueryOptions,
  ): Promise<QueryResult<R>>;
  /** Runs a text of statements. @returns all their results. */
  exec(text: string): Promise<QueryResult<Row>[]>;
  /** ``db.sql`select ${1}` `` */
  sql<R extends object = Row>(strings: TemplateStringsArray, ...values: readonly unknown[]): Promise<QueryResult<R>>;
}

/** Runs a call on a session. */
async function queryOn<R extends object>(
  session: ApiSession,
  text: string | SqlText,
  values: readonly unknown[] | undefined,
  options: QueryOptions,
): Promise<QueryResult<R>> {
  const results = await resultsOn<R>(session, text, values, options);
  return results[results.length - 1]!;
}

async function resultsOn<R extends object>(
  session: ApiSession,
  text: string | SqlText,
  values: readonly unknown[] | undefined,
  options: QueryOptions,
): Promise<QueryResult<R>[]> {
  const collector = new ResultCollector(options, false);
  if (typeof text === 'string') await session.query(text, values, collector, options.signal);
  else await session.query(text.text, text.values, collector, options.signal);
  return collector.results as QueryResult<R>[];
}

/** A transaction's view of the database. Of no use after the function that got it. */
class TransactionScope implements Queryable {
  #session: ApiSession | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(session: ApiSession) {
    this.#session = session;
  }

  /** Calls of one transaction run one after another, also when they are not awaited. */
  #next<T>(run: (session: ApiSession) => Promise<T>): Promise<T> {
    const session = this.#session;
    if (session === undefined)
      return Promise.reject(databaseError(fail('no_active_sql_transaction', 'the transaction is over')));
    const result = this.#last.then(() => run(session));
    this.#last = result.catch(() => {});
    return result;
  }

  query<R extends object = Row>(
    text: string | SqlText,
    values?: readonly unknown[],
    options: QueryOptions = {},
  ): Promise<QueryResult<R>> {
    return this.#next((session) => queryOn<R>(session, text, values, options));
  }

  exec(text: string): Promise<QueryResult<Row>[]> {
    return this.#next((session) => resultsOn<Row>(session, text, undefined, {}));
  }

  sql<R extends object = Row>(strings: TemplateStringsArray, ...values: readonly unknown[]): Promise<QueryResult<R>> {
    return this.query<R>(sqlText(strings, ...values));
  }

  /** No more calls; waits for those that were not awaited. */
  async end(): Promise<void> {
    this.#session = undefined;
    await this.#last;
  }
}

export class ExtentDB implements Queryable {
  readonly #instance: Instance;
  readonly #options: { readonly user: string; readonly settings: ReadonlyMap<string, string> };
  readonly #sessions = new Set<ApiSession>();
  /** Free sessions; the one used last is used first, so calls made one after another share one. */
  readonly #free: ApiSession[] = [];
  readonly #servers = new Set<Server>();
  /** Answers other processes that ask about the file. */
  readonly #door: OwnerDoor;
  /** For statements that answer at once. */
  #immediate: ApiSession | undefined;
  #statements = 0;
  #closed = false;

  private constructor(instance: Instance, options: OpenOptions) {
    this.#instance = instance;
    this.#door = new OwnerDoor(instance, new PrivateSocket());
    this.#options = { user: options.user ?? 'postgres', settings: new Map(Object.entries(options.settings ?? {})) };
  }

  /** @internal Use `open`. */
  static async open(path: string, prng: Prng, options: OpenOptions): Promise<ExtentDB> {
    try {
      const { cacheBytes, versionBytes, versionSpillBytes, pageBytes, shrink } = options;
      const instance = await Instance.openFile(path, {
        vfs: new NodeVfs(),
        clock: new SystemClock(),
        prng,
        ...(cacheBytes === undefined ? {} : { cacheBytes }),
        ...(versionBytes === undefined ? {} : { versionBytes }),
        ...(versionSpillBytes === undefined ? {} : { versionSpillBytes }),
        ...(pageBytes === undefined ? {} : { pageBytes }),
        shrink,
      });
      const db = new ExtentDB(instance, options);
      try {
        // Settings that cannot be are told here, not at the first query.
        db.#give(db.#take());
      } catch (error) {
        await db.#door.close();
        await instance.close();
        throw error;
      }
      return db;
    } catch (error) {
      throw databaseError(error);
    }
  }

  /** The database's name: its file's without `.extent`. Clients on the wire connect to it by this name. */
  get name(): string {
    return this.#instance.single.name;
  }

  #take(): ApiSession {
    if (this.#closed) throw databaseError(fail('connection_failure', 'the database is closed'));
    const free = this.#free.pop();
    if (free !== undefined) return free;
    const session = new ApiSession(this.#instance, this.#options);
    this.#sessions.add(session);
    return session;
  }

  #give(session: ApiSession): void {
    this.#free.push(session);
  }

  async #with<T>(run: (session: ApiSession) => Promise<T>): Promise<T> {
    const session = this.#take();
    try {
      return await run(session);
    } finally {
      this.#give(session);
    }
  }

  query<R extends object = Row>(
    text: string | SqlText,
    values?: readonly unknown[],
    options: QueryOptions = {},
  ): Promise<QueryResult<R>> {
    return this.#with((session) => queryOn<R>(session, text, values, options));
  }

  exec(text: string): Promise<QueryResult<Row>[]> {
    return this.#with((session) => resultsOn<Row>(session, text, undefined, {}));
  }

  sql<R extends object = Row>(strings: TemplateStringsArray, ...values: readonly unknown[]): Promise<QueryResult<R>> {
    return this.query<R>(sqlText(strings, ...values));
  }

  /**
   * Prepares a statement that answers at once: nothing is awaited, reads and flushes are done in place. It never waits for
   * another session's lock: 55P03.
   */
  prepare<R extends object = Row>(text: string): Statement<R> {
    if (this.#closed) throw databaseError(fail('connection_failure', 'the database is closed'));
    if (this.#immediate === undefined) {
      this.#immediate = new ApiSession(this.#instance, this.#options);
      this.#sessions.add(this.#immediate);
    }
    const home = {
      session: this.#immediate,
      lease: () => this.#take(),
      giveBack: (session: ApiSession) => this.#give(session),
    };
    return new Statement<R>(home, `statement-${++this.#statements}`, text);
  }

  /** Runs a function in a transaction: commits when it is done, rolls back when it throws. */
  transaction<T>(run: (tx: Queryable) => Promise<T>, options: TransactionOptions = {}): Promise<T> {
    return this.#with(async (session) => {
      const modes = [
        options.isolation === undefined ? '' : ` isolation level ${isolationOf(options.isolation)}`,
        options.readOnly === true ? ' read only' : '',
      ];
      await queryOn(session, `begin${modes.join('')}`, undefined, {});
      const scope = new TransactionScope(session);
      try {
        const value = await run(scope);
        await scope.end();
        const { command } = await queryOn(session, 'commit', undefined, {});
        if (command === 'ROLLBACK')
          throw databaseError(
            fail('in_failed_sql_transaction', 'a statement of the transaction failed: it was rolled back'),
          );
        return value;
      } catch (error) {
        await scope.end();
        if (session.sql.status !== 'I') await queryOn(session, 'rollback', undefined, {});
        throw error;
      }
    });
  }

  /**
   * The online defragmentation task of this database: `start({ passes, seconds, target, onProgress })`, `stop()`.
   *
   * `target` is `database` (default), `space trees`, or one tree. Starting it twice answers `already running`.
   */
  get defragment(): Pick<Defragmentation, 'start' | 'stop' | 'whenIdle' | 'progress'> {
    return this.#instance.single.defragmentation;
  }

  /**
   * Makes a copy of the database that is one whole, closed file, which opens anywhere, while everybody goes on working: as of a moment
   * between call and end, with all that was committed before the call.
   *
   * @param path - where; relative to the program's directory. Nothing may be there.
   * @throws DatabaseError 58P02 when something is, 53100, 57014 by `signal`; then nothing is left.
   */
  async backup(path: string, { onProgress, signal }: BackupOptions = {}): Promise<BackupReport> {
    if (this.#closed) throw databaseError(fail('connection_failure', 'the database is closed'));
    try {
      return await this.#instance.single.backups.start({ target: path, owner: 0, onProgress }, signal);
    } catch (error) {
      throw databaseError(error);
    }
  }

  /** Serves the file to Postgres clients of this machine. */
  async listen({ port = 0, host = '127.0.0.1' }: ListenOptions = {}): Promise<Listening> {
    if (this.#closed) throw databaseError(fail('connection_failure', 'the database is closed'));
    const server = await Server.listen({ instance: this.#instance, host, port });
    this.#servers.add(server);
    return {
      host,
      port: server.port,
      url: `postgresql://${encodeURIComponent(this.#options.user)}@${host}:${server.port}/${encodeURIComponent(this.name)}`,
      close: async () => {
        this.#servers.delete(server);
        await server.close();
      },
    };
  }

  /** Ends everything and closes the file, which alone is the database then. Running calls fail with 57P01. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#door.close();
    for (const server of this.#servers) await server.close();
    for (const session of this.#sessions) await session.end(fail('admin_shutdown', 'the database is being closed'));
    await this.#instance.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Only these two words reach the text of BEGIN. */
function isolationOf(isolation: string): string {
  if (isolation !== 'read committed' && isolation !== 'repeatable read')
    throw fail('feature_not_supported', `isolation level ${isolation} is not supported`);
  return isolation;
}
