/**
 * Prepared statements, run at once.
 *
 * A statement that is nothing but a look-up by primary key goes around everything: parameters into a key, the key into the
 * tree, the record into an object. What it needs is checked on every call: the plan still fits, nobody else holds the table,
 * no transaction is open. Otherwise, and whenever something has to be waited for, the general way is taken.
 */
import type { Transaction } from '../engine/record-port.ts';
import type { PointReader } from '../sql/exec/point-scan.ts';
import { Env, ExecState } from '../sql/exec/state.ts';
import type { PlannedStatement } from '../sql/session/planned.ts';
import type { Prepared } from '../sql/session/statement-planner.ts';
import type { Oid, SqlValue } from '../sql/types/contracts.ts';
import type { ApiSession } from './api-session.ts';
import { parameterValue } from './js-parameters.ts';
import { type FieldDef, ResultCollector, readerOf } from './results.ts';
import { type MakeRow, objectMaker } from './rows.ts';

const ITERATED_ROWS = 64;
const ACCESS_SHARE = 1;

/** What `run` tells. */
export interface RunResult {
  readonly command: string;
  readonly rowCount: number | null;
}

/** Where statements get sessions from. */
export interface StatementHome {
  readonly session: ApiSession;
  /** A session for the time of an iteration. */
  lease(): ApiSession;
  giveBack(session: ApiSession): void;
}

/** A look-up made ready for one plan. */
interface PointQuery {
  readonly planned: PlannedStatement;
  readonly reader: PointReader;
  readonly make: MakeRow;
  readonly env: Env;
  readonly types: readonly Oid[];
  readonly table: number;
}

export class Statement<R extends object = Record<string, unknown>> {
  readonly text: string;
  readonly #home: StatementHome;
  readonly #session: ApiSession;
  readonly #name: string;
  readonly #prepared: Prepared;
  readonly #collector = new ResultCollector({}, true);
  /** Looks on behalf of nobody: it never writes. */
  readonly #onlooker: Transaction;
  #point: PointQuery | undefined;
  #values: SqlValue[] = [];

  /** @internal Use `prepare`. */
  constructor(home: StatementHome, name: string, text: string) {
    this.text = text;
    this.#home = home;
    this.#session = home.session;
    this.#name = name;
    prepareIn(this.#session, name, text);
    this.#prepared = this.#session.sql.statement(name);
    const { engine } = this.#session.sql;
    this.#onlooker = engine.store.begin(engine.processId);
    this.#findPoint();
  }

  /** The result's columns; none for a statement without rows. */
  get fields(): FieldDef[] {
    const collector = new ResultCollector({}, false);
    collector.columns(this.#session.sql.resultColumns(this.#prepared) ?? []);
    collector.complete('');
    return collector.results[0]!.fields;
  }

  /** The first row, or undefined. */
  get(...values: readonly unknown[]): R | undefined {
    const point = this.#point;
    if (point !== undefined) {
      const found = this.#look(point, values);
      if (found !== UNSETTLED) return found as R | undefined;
    }
    return this.#rows(values, 1)[0];
  }

  /** All rows. */
  all(...values: readonly unknown[]): R[] {
    return this.#rows(values, 0);
  }

  #rows(values: readonly unknown[], maxRows: number): R[] {
    const collector = this.#collector;
    collector.reset();
    this.#session.executeNow(this.#name, values, maxRows, collector);
    const rows = collector.rows as R[];
    this.#findPoint();
    return rows;
  }

  /** Runs the statement for its effect. */
  run(...values: readonly unknown[]): RunResult {
    const collector = this.#collector;
    collector.reset();
    this.#session.executeNow(this.#name, values, 0, collector);
    const { command, rowCount } = collector.results[0]!;
    return { command, rowCount };
  }

  /** Rows one after another, read as they are wanted. Other statements may run in between; they see what they do, this does not. */
  *iterate(...values: readonly unknown[]): Generator<R, void, void> {
    // Inside a transaction of this session the rows must be the transaction's.
    const leased = this.#session.sql.status === 'I';
    const session = leased ? this.#home.lease() : this.#session;
    const portal = leased ? '' : this.#name;
    const collector = new ResultCollector({}, true);
    try {
      if (leased) prepareIn(session, this.#name, this.text);
      session.bindNow(portal, this.#name, values);
      for (let ended = false; !ended; ) {
        ended = session.fetchNow(portal, ITERATED_ROWS, collector);
        for (const row of collector.takeRows()) yield row as R;
      }
    } finally {
      session.sql.portals.close(portal);
      if (leased) {
        session.sql.prepared.delete(this.#name);
        session.now(session.sql.endImplicit());
        this.#home.giveBack(session);
      }
    }
  }

  // ── look-ups ──

  /** Makes the look-up ready when the statement is one; its plan may have been replaced. */
  #findPoint(): void {
    const { planned } = this.#prepared;
    if (planned === this.#point?.planned) return;
    this.#point = undefined;
    const { sql } = this.#session;
    const reader = planned?.pointReader(sql.engine);
    if (planned === undefined || reader === undefined || planned.bound.literals.length > 0) return;
    const { tableShape, table } = reader.plan.options;
    const readers = planned.columns.map((column, i) => readerOf(tableShape, reader.positions[i]!, column));
    const snapshot = this.#onlooker.snapshot();
    const env = new Env(new ExecState(sql.engine, sql.context, [], snapshot, 1 << 20, sql.services));
    this.#onlooker.release(snapshot);
    const make = objectMaker(
      planned.columns.map((c) => c.name),
      readers,
      true,
    );
    this.#point = { planned, reader, make, env, types: sql.parameterTypes(this.#prepared), table: table.oid };
    this.#values = new Array(this.#point.types.length).fill(null);
  }

  #look(point: PointQuery, values: readonly unknown[]): object | undefined | typeof UNSETTLED {
    const { sql } = this.#session;
    const { types, env } = point;
    if (values.length !== types.length || sql.engine.inTransaction || !point.planned.fits(sql.engine)) return UNSETTLED;
    const onlooker = this.#onlooker;
    if (!onlooker.tableIsFree(point.table, ACCESS_SHARE)) return UNSETTLED;
    const made = this.#values;
    try {
      for (let i = 0; i < types.length; i++) made[i] = parameterValue(values[i], types[i]!, sql.context);
      const snapshot = onlooker.snapshot();
      const row = point.reader.find(made, snapshot, env) ? point.make(env) : undefined;
      onlooker.release(snapshot);
      return row;
    } catch {
      // A long value has to be read, or a parameter is wrong: the general way does the one and words the other.
      env.abandonWait();
      return UNSETTLED;
    }
  }
}

/** The look-up could not be made: take the general way. */
const UNSETTLED: unique symbol = Symbol('unsettled');

function prepareIn(session: ApiSession, name: string, text: string): void {
  const { sql } = session;
  session.now(
    (function* () {
      sql.parse(name, text, []);
      yield* sql.endImplicit();
    })(),
  );
}
