/** A session of the embedded API: one statement at a time, awaited or at once. */
import { assert } from '../base/assert.ts';
import { type ExtentError, fail } from '../base/errors.ts';
import { runNow, type Task } from '../base/task.ts';
import type { Instance } from '../engine/instance.ts';
import { cancelledByUser, Running } from '../engine/scheduler.ts';
import { databaseError } from '../server/database-error.ts';
import { StatementTimeout } from '../server/statement-timeout.ts';
import type { Notice, ResultSink } from '../sql/session/results.ts';
import { SqlSession } from '../sql/session/sql-session.ts';
import type { Prepared } from '../sql/session/statement-planner.ts';
import type { SqlValue } from '../sql/types/contracts.ts';
import { parameterValues } from './js-parameters.ts';
import type { ResultCollector } from './results.ts';

export interface ApiSessionOptions {
  readonly user: string;
  readonly settings: ReadonlyMap<string, string>;
}

export class ApiSession {
  readonly sql: SqlSession;
  #running: Running | undefined;
  /** Rolling back after an error, which nothing interrupts. */
  #settling = false;
  #done: Promise<void> = Promise.resolve();
  #collector: ResultCollector | undefined;
  readonly #timeout: StatementTimeout;

  constructor(instance: Instance, options: ApiSessionOptions) {
    const engine = instance.single.openSession();
    this.sql = new SqlSession(instance, engine, { ...options, notice: (notice) => this.#notice(notice) });
    this.#timeout = new StatementTimeout(this.sql, (error) => this.cancel(error));
    instance.onCancel(engine.processId, (terminate) =>
      this.cancel(
        terminate ? fail('admin_shutdown', 'terminating connection due to administrator command') : cancelledByUser(),
      ),
    );
  }

  #notice(notice: Notice): void {
    this.#collector?.notice(notice);
  }

  /** Runs a text of statements, or one with parameters. */
  async query(
    text: string,
    values: readonly unknown[] | undefined,
    collector: ResultCollector,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    assert(this.#running === undefined, 'a session runs one statement at a time');
    if (signal?.aborted === true) throw databaseError(cancelledByUser());
    const stop = (): void => this.cancel(cancelledByUser());
    signal?.addEventListener('abort', stop);
    this.#collector = collector;
    const timer = this.#timeout.start();
    try {
      await this.#drive(
        values === undefined ? this.sql.simple(text, collector) : this.#extended(text, values, collector),
      );
    } catch (error) {
      this.#settling = true;
      await this.#drive(this.sql.failed());
      throw databaseError(error);
    } finally {
      this.#settling = false;
      timer?.cancel();
      signal?.removeEventListener('abort', stop);
      this.#collector = undefined;
    }
  }

  *#extended(text: string, values: readonly unknown[], collector: ResultCollector): Task<void> {
    const { sql } = this;
    sql.parse('', text, []);
    const prepared = sql.statement('');
    const columns = sql.resultColumns(prepared);
    if (columns !== undefined && prepared.planned !== undefined) collector.columns(columns);
    yield* sql.bind('', '', this.#parameters(prepared, values));
    yield* sql.execute('', 0, collector);
    yield* sql.endImplicit();
  }

  #parameters(prepared: Prepared, values: readonly unknown[]): SqlValue[] {
    // A parameter's text may mean the transaction's time or catalog.
    if (prepared.planned !== undefined) this.sql.block.enter();
    return parameterValues(values, this.sql.parameterTypes(prepared), this.sql.context);
  }

  /** Runs a prepared statement at once. `maxRows` 0 = all. @throws DatabaseError; 55P03 for a lock that another session holds. */
  executeNow(name: string, values: readonly unknown[], maxRows: number, collector: ResultCollector): void {
    this.#collector = collector;
    try {
      this.now(this.#executing(name, values, maxRows, collector));
    } finally {
      this.#collector = undefined;
    }
  }

  *#executing(name: string, values: readonly unknown[], maxRows: number, sink: ResultSink): Task<void> {
    const { sql } = this;
    yield* sql.bind('', name, this.#parameters(sql.statement(name), values));
    yield* sql.execute('', maxRows, sink);
    sql.portals.close('');
    yield* sql.endImplicit();
  }

  /** Opens a portal at once, to be fetched from piece by piece. */
  bindNow(portal: string, name: string, values: readonly unknown[]): void {
    this.now(this.#binding(portal, name, values));
  }

  *#binding(portal: string, name: string, values: readonly unknown[]): Task<void> {
    yield* this.sql.bind(portal, name, this.#parameters(this.sql.statement(name), values));
  }

  /** Fetches from a portal. @returns true when there is nothing more. */
  fetchNow(portal: string, maxRows: number, sink: ResultSink): boolean {
    return this.now(this.sql.execute(portal, maxRows, sink));
  }

  /** Runs a task at once; after an error the session is ready for the next. @throws DatabaseError */
  now<T>(task: Task<T>): T {
    if (this.#running !== undefined) throw databaseError(fail('object_in_use', 'this session is running a statement'));
    try {
      return runNow(task);
    } catch (error) {
      runNow(this.sql.failed());
      throw databaseError(error);
    }
  }

  /** Ends what runs, if anything does. */
  cancel(error: unknown): void {
    if (!this.#settling && !this.sql.block.committing) this.#running?.cancel(error);
  }

  #drive(task: Task<void>): Promise<void> {
    const running = new Running();
    this.#running = running;
    this.sql.engine.activity.running = running;
    this.#done = new Promise<void>((resolve, reject) =>
      this.sql.engine.database.scheduler.run(task, running, resolve, reject),
    ).finally(() => {
      this.#running = undefined;
    });
    return this.#done;
  }

  /** Ends what runs with an error, then the session. */
  async end(error: ExtentError): Promise<void> {
    while (this.#running !== undefined) {
      this.cancel(error);
      await this.#done.catch(() => {});
    }
    this.sql.instance.onCancel(this.sql.engine.processId, undefined);
    await this.#drive(this.sql.close());
  }
}
