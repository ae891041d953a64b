/**
 * Look-ups by primary key, without a portal.
 *
 * A statement that is nothing but `SELECT columns FROM t WHERE key = $1`, bound outside of a transaction, needs neither a
 * transaction nor locks: it is over before anything else runs. Bind only keeps its values; Execute finds the record and
 * writes it from the page into the output.
 *
 *   none ── Bind ──> bound ── Execute ──> done ── Execute ──> done (SELECT 0) … Sync ──> none
 *                      └── anything that a snapshot of Bind's time would matter to ──> an ordinary portal
 *
 * Whenever something is not as simple as that (a page to be read, a long value, a table that someone has locked), the
 * ordinary portal is opened instead.
 */
import type { Transaction } from '../engine/record-port.ts';
import type { PointReader } from '../sql/exec/point-scan.ts';
import { Env, ExecState } from '../sql/exec/state.ts';
import type { PlannedStatement } from '../sql/session/planned.ts';
import type { ResultColumn } from '../sql/session/results.ts';
import type { SqlSession } from '../sql/session/sql-session.ts';
import type { Prepared } from '../sql/session/statement-planner.ts';
import type { SqlValue } from '../sql/types/contracts.ts';
import type { OutputBuffer } from './output.ts';
import { type Formats, RowFormat } from './row-encoder.ts';

const ACCESS_SHARE = 1;
/** Parameter types whose text means the same at any time: smallint, integer, bigint, text, varchar, uuid. */
const TIMELESS = new Set([21, 23, 20, 25, 1043, 2950]);

/** A plan made ready. */
export interface PointPlan {
  readonly planned: PlannedStatement;
  readonly reader: PointReader;
  readonly table: number;
  readonly env: Env;
  formats: string;
  rows: RowFormat;
}

/** A statement bound, but not given a portal. */
export interface BoundPoint {
  readonly statement: string;
  readonly values: readonly SqlValue[];
  readonly formats: Formats;
  readonly plan: PointPlan;
  done: boolean;
}

export class PointQueries {
  readonly #sql: SqlSession;
  readonly #out: OutputBuffer;
  readonly #plans = new WeakMap<PlannedStatement, PointPlan | 'ordinary'>();
  /** Looks on behalf of nobody: it never writes and holds nothing. */
  readonly #onlooker: Transaction;
  #settingsVersion = -1;
  #readCommitted = true;

  constructor(sql: SqlSession, out: OutputBuffer) {
    this.#sql = sql;
    this.#out = out;
    this.#onlooker = sql.engine.store.begin(sql.engine.processId);
  }

  /** The plan of a statement that may be bound this way now; undefined = it takes a portal. */
  planOf(prepared: Prepared): PointPlan | undefined {
    const { planned } = prepared;
    const sql = this.#sql;
    if (planned === undefined || sql.block.state !== 'idle') return undefined;
    let plan = this.#plans.get(planned);
    if (plan === undefined) {
      plan = this.#prepare(prepared, planned) ?? 'ordinary';
      this.#plans.set(planned, plan);
    }
    if (plan === 'ordinary' || !planned.fits(sql.engine)) return undefined;
    if (sql.settings.version !== this.#settingsVersion) {
      this.#settingsVersion = sql.settings.version;
      this.#readCommitted = sql.settings.get('default_transaction_isolation') !== 'repeatable read';
    }
    return this.#readCommitted && this.#onlooker.tableIsFree(plan.table, ACCESS_SHARE) ? plan : undefined;
  }

  #prepare(prepared: Prepared, planned: PlannedStatement): PointPlan | undefined {
    const sql = this.#sql;
    const reader = planned.pointReader(sql.engine);
    if (reader === undefined || planned.bound.literals.length > 0) return undefined;
    if (!sql.parameterTypes(prepared).every((type) => TIMELESS.has(type))) return undefined;
    const snapshot = this.#onlooker.snapshot();
    const env = new Env(new ExecState(sql.engine, sql.context, [], snapshot, 1 << 20, sql.services));
    this.#onlooker.release(snapshot);
    return {
      planned,
      reader,
      table: reader.plan.options.table.oid,
      env,
      formats: '',
      rows: rowsOf(reader, planned.columns, []),
    };
  }

  /** Binds a statement to values. */
  bind(statement: string, plan: PointPlan, values: readonly SqlValue[], formats: Formats): BoundPoint {
    const key = formats.join();
    if (plan.formats !== key) {
      plan.formats = key;
      plan.rows = rowsOf(plan.reader, plan.planned.columns, formats);
    }
    this.#sql.beginActivity(this.#sql.statement(statement).text);
    return { statement, values, formats, plan, done: false };
  }

  /** Finds the row and writes it. @returns the number of rows; −1 when an ordinary portal has to do it: nothing was written. */
  execute({ plan, values }: BoundPoint): number {
    // Between Bind and now a wait may have let others change the table.
    if (!plan.planned.fits(this.#sql.engine) || !this.#onlooker.tableIsFree(plan.table, ACCESS_SHARE)) return -1;
    const { env } = plan;
    const snapshot = this.#onlooker.snapshot();
    try {
      const found = plan.reader.attempt(values, snapshot, env);
      if (found === undefined) return -1;
      if (!found) return 0;
      plan.rows.write(env, this.#out);
      return 1;
    } catch (thrown) {
      if (!env.isWaiting) throw thrown;
      // A long value has to be read, for which there is no time here.
      env.abandonWait();
      return -1;
    } finally {
      this.#onlooker.release(snapshot);
    }
  }
}

function rowsOf(reader: PointReader, columns: readonly ResultColumn[], formats: Formats): RowFormat {
  return new RowFormat(reader.plan.options.tableShape, columns, formats, reader.positions);
}
