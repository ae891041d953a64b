/**
 * Portals: statements being executed, for as long as a client fetches from them.
 *
 * A portal that reads takes its snapshot when it is bound and keeps it; it holds its operators and the batch being delivered,
 * no page. One that changes rows runs to its end at its first execution and delivers what RETURNING left.
 */
import type { Task } from '../../base/task.ts';
import { type RowBuffer, type Snapshot, TABLE_LOCK_MODES } from '../../engine/record-port.ts';
import type { Session } from '../../engine/session.ts';
import { ChangeOperator } from '../exec/change-operator.ts';
import { type Operator, type PlanNode, pointAt, startPlan, WAITS } from '../exec/operator.ts';
import { Env, ExecState, type StatementContext, type StatementServices, SUSPEND } from '../exec/state.ts';
import { closeSubPlans } from '../exec/subplan.ts';
import type { SqlValue } from '../types/contracts.ts';
import type { PlannedStatement } from './planned.ts';
import type { ResultSink } from './results.ts';

/** What rows are fetched from: a portal, or what is kept of a cursor WITH HOLD. */
export interface Fetchable {
  readonly planned: PlannedStatement;
  /** Rows delivered so far. */
  readonly delivered: number;
  readonly ended: boolean;
  readonly affected: number;
  /** Delivers up to `maxRows` rows. @returns true when there is nothing more. */
  fetch(maxRows: number, sink: ResultSink): Task<boolean>;
  close(): void;
}

export class Portal implements Fetchable {
  readonly planned: PlannedStatement;
  readonly #session: Session;
  readonly #snapshot: Snapshot;
  readonly #state: ExecState;
  readonly #operator: Operator;
  /** Made for the first row delivered: most changes deliver none. */
  #env: Env | undefined;
  #computed = false;
  #opened = false;
  #batch: RowBuffer | undefined;
  #next = 0;
  #ended = false;
  #closed = false;
  #affected: number | undefined;
  /** Rows delivered so far. */
  delivered = 0;

  /** The tables must be locked already. `started` collects the operators of each part of the plan. */
  constructor(
    session: Session,
    planned: PlannedStatement,
    parameters: readonly SqlValue[],
    context: StatementContext,
    services: StatementServices,
    workMemoryBytes: number,
    started?: Map<PlanNode, Operator[]>,
  ) {
    this.planned = planned;
    this.#session = session;
    this.#snapshot = session.snapshot();
    const idle = planned.takeIdle();
    if (idle === undefined) {
      this.#state = new ExecState(session, context, parameters, this.#snapshot, workMemoryBytes, services);
      this.#state.started = started;
      this.#operator = startPlan(planned.plan, this.#state);
    } else {
      idle.state.restart(parameters, this.#snapshot);
      this.#state = idle.state;
      this.#operator = idle.operator;
    }
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Rows that the change affected, as its tag counts them. */
  get affected(): number {
    return this.#affected ?? (this.#operator instanceof ChangeOperator ? this.#operator.affected : this.delivered);
  }

  /** Computes the constants that rows will ask for; the first fetch does, where nobody has before. @throws what they do */
  *computeConstants(): Task<void> {
    const { constants } = this.planned;
    if (constants === undefined || this.#computed) return;
    this.#computed = true;
    yield* constants.compute(this.#state);
  }

  /** Delivers up to `maxRows` rows. @returns true when there is nothing more. */
  *fetch(maxRows: number, sink: ResultSink): Task<boolean> {
    if (this.#ended) return true;
    if (!this.#opened) {
      this.#opened = true;
      if (this.planned.constants !== undefined) yield* this.computeConstants();
      if (!this.#operator.openNow()) yield* this.#operator.open();
    }
    let take: ((env: Env) => void) | undefined;
    let left = maxRows;
    for (;;) {
      if (this.#batch === undefined) {
        const batch = this.#operator.nextNow();
        this.#batch = batch === WAITS ? yield* this.#operator.next() : batch;
        this.#next = 0;
        if (this.#batch === undefined) {
          this.#finish();
          return true;
        }
      }
      const batch = this.#batch;
      take ??= sink.taker(this.planned.plan.shape, this.planned.columns);
      this.#env ??= new Env(this.#state);
      const env = this.#env;
      const end = Math.min(batch.count, this.#next + left);
      for (; this.#next < end; this.#next++) {
        pointAt(env, batch, this.#next);
        try {
          take(env);
        } catch (thrown) {
          if (thrown !== SUSPEND) throw thrown;
          // A long value has to be read first; the row is taken again with it at hand.
          yield* env.finishWait();
          this.#next--;
          continue;
        }
        env.rowDone();
        this.delivered++;
        left--;
        const room = sink.room();
        if (room !== undefined) yield room;
      }
      if (this.#state.spent(batch.count)) yield this.#session.slice();
      if (this.#next >= batch.count) this.#batch = undefined;
      if (left <= 0) return false;
    }
  }

  /** Everything was delivered: the operators are kept for the next execution where that is worth it. */
  #finish(): void {
    this.#affected = this.affected;
    this.#closed = true;
    this.#ended = true;
    closeSubPlans(this.#state);
    if (!this.planned.recyclable || !this.planned.keepIdle(this.#state, this.#operator)) this.#operator.close();
    if (this.#session.inTransaction) this.#session.release(this.#snapshot);
  }

  close(): void {
    if (this.#closed) return;
    this.#affected = this.affected;
    this.#closed = true;
    this.#ended = true;
    this.#operator.close();
    closeSubPlans(this.#state);
    if (this.#session.inTransaction) this.#session.release(this.#snapshot);
  }
}

/** As {@link lockTables}, on the spot; false = one of them must be waited for: those before it are taken. @throws 40001 */
export function lockTablesNow(session: Session, planned: PlannedStatement): boolean {
  const { locks } = planned.bound;
  if (session.isolation === 'repeatable read' && !planned.readsOnly) session.beginWriting();
  for (let i = 0; i < locks.length; i++) {
    const { table, mode } = locks[i]!;
    if (!session.transaction.lockTableNow(table, TABLE_LOCK_MODES[mode])) return false;
    session.requireReadable(table, mode === 'access share');
  }
  return true;
}

/** Takes the table locks of a statement, in the order of their oids so that like statements cannot deadlock. @throws 40001 */
export function* lockTables(session: Session, planned: PlannedStatement): Task<void> {
  if (session.isolation === 'repeatable read' && !planned.readsOnly) session.beginWriting();
  for (const { table, mode } of planned.bound.locks) {
    yield* session.transaction.lockTable(table, TABLE_LOCK_MODES[mode], 0);
    session.requireReadable(table, mode === 'access share');
  }
}
