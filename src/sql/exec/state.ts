/**
 * The state of one running statement, and how the evaluation of a row waits.
 *
 * Kernels are plain functions; they cannot yield. When an expression must wait (a sub-query that needs a page, a long value,
 * `nextval`, `pg_sleep`), {@link Env.wait} notes the task and throws {@link SUSPEND}. The operator gives up its page, runs
 * the task to its end, appends its answer to the row's log, and evaluates the row again: the k-th wait of a row takes the
 * k-th answer from the log, so nothing with an effect runs twice. When a row is done its log is emptied.
 *
 *   kernel row i ── needs X ──> throw SUSPEND ──> operator: park, answer = yield* task, log ← answer ──> kernel row i again
 */
import { assert } from '../../base/assert.ts';
import type { Request, Task } from '../../base/task.ts';
import { type Row, RowMemory, type Snapshot } from '../../engine/record-port.ts';
import type { Session } from '../../engine/session.ts';
import type { EvalContext, Oid, SqlValue } from '../types/contracts.ts';
import type { Operator, PlanNode } from './operator.ts';

/** Thrown, and only caught by operators, when a row's evaluation must wait. Not an error. */
export const SUSPEND: unique symbol = Symbol('suspend');

const EMPTY_BYTES = new Uint8Array(0);
const EMPTY_VIEW = new DataView(new ArrayBuffer(0));

export function newRow(): Row {
  return {
    bytes: EMPTY_BYTES,
    view: EMPTY_VIEW,
    start: 0,
    length: 0,
    commitSeq: 0,
    movedTo: undefined,
    key: EMPTY_BYTES,
    keyLength: 0,
  };
}

/** Where the expressions of one operator find their row: up to two records, and the statement. */
export class Env {
  readonly state: ExecState;
  v0: DataView = EMPTY_VIEW;
  b0: Uint8Array = EMPTY_BYTES;
  r0 = 0;
  v1: DataView = EMPTY_VIEW;
  b1: Uint8Array = EMPTY_BYTES;
  r1 = 0;
  /** True while the second record is absent: the null-extended side of an outer join. */
  null0 = false;
  null1 = false;
  #log: unknown[] = [];
  #next = 0;
  #pending: Task<unknown> | undefined;

  /**
   * False when whoever evaluates cannot wait, for keys in the middle of a change: then long values, which have been read, are
   * gone through at once.
   */
  readonly givesWay: boolean;

  constructor(state: ExecState, givesWay = true) {
    this.state = state;
    this.givesWay = givesWay;
  }

  /**
   * Runs a task for the row being evaluated and returns its answer. An answer that is known already must come this way too,
   * so that a second evaluation finds the waits in the same order.
   *
   * @throws SUSPEND when the task has to wait; the row is evaluated again when it is done.
   */
  wait<T>(start: () => Task<T>, known?: T): T {
    if (this.#next < this.#log.length) return this.#log[this.#next++] as T;
    if (known !== undefined) {
      this.#log.push(known);
      this.#next++;
      return known;
    }
    const task = start();
    const step = task.next();
    if (step.done === true) {
      this.#log.push(step.value);
      this.#next++;
      return step.value;
    }
    this.#pending = resumed(task, step.value);
    throw SUSPEND;
  }

  /**
   * Keeps the value of a volatile function for the row being evaluated: when the row is evaluated again after a wait it has the
   * same value, and so takes the same course and finds its waits in the same order.
   */
  noted<T>(value: T): T {
    if (this.#next < this.#log.length) return this.#log[this.#next++] as T;
    this.#log.push(value);
    this.#next++;
    return value;
  }

  /** For operators: after SUSPEND was caught and the page given up. */
  *finishWait(): Task<void> {
    const task = this.#pending;
    assert(task !== undefined, 'a row suspended without a task');
    this.#pending = undefined;
    this.#log.push(yield* task);
    this.#next = 0;
  }

  /** For operators: the evaluation just unwound waits for something. */
  get isWaiting(): boolean {
    return this.#pending !== undefined;
  }

  /** The wait is given up, and with it the row. */
  abandonWait(): void {
    this.#pending = undefined;
    this.#log = [];
    this.#next = 0;
  }

  /** For operators: the row is done. */
  rowDone(): void {
    if (this.#log.length !== 0) {
      this.#log = [];
      this.#next = 0;
    }
  }
}

/** A task that has already made its first request. */
function* resumed<T>(task: Task<T>, first: Request): Task<T> {
  let request = first;
  for (;;) {
    let step: IteratorResult<Request, T>;
    try {
      yield request;
      step = task.next();
    } catch (error) {
      step = task.throw(error);
    }
    if (step.done === true) return step.value;
    request = step.value;
  }
}

/** The context of expressions, with a way for those that must wait. */
export interface StatementContext extends EvalContext {
  /** The environment whose row is being evaluated; set before every volatile function. */
  waiter: Env | undefined;
}

/** Something to be looked at when a statement has ended, or later: then in a state of its own. */
export type Check = (state: ExecState) => Task<void>;

/** What a running statement asks of the SQL session that runs it. */
export interface StatementServices {
  /** Runs a statement of ours as a command of its own, seeing what this one did. @returns the number of rows. */
  runInternal(sql: string, parameters: readonly SqlValue[]): Task<number>;
  /**
   * Keeps a check until the commit when its constraint is deferred; false = it is time now.
   *
   * @param bytes - what the check holds. @throws 53200
   */
  defer(constraint: Oid, bytes: number, check: Check): boolean;
}

/** Work between two looks at the clock: a look takes as long as a row or two, a row's expressions may take as long as many rows. */
const UNITS_PER_LOOK = 512;

/** One execution of a statement: its parameters, the outer rows of correlated sub-queries, and what it runs in. */
export class ExecState {
  readonly session: Session;
  readonly context: StatementContext;
  readonly memory: RowMemory;
  parameters: readonly SqlValue[];
  /** Values of the outer columns that sub-plans use, by slot. */
  readonly outer: SqlValue[] = [];
  snapshot: Snapshot;
  /** What the statement can have done by its session: referential actions, deferred checks. */
  readonly services: StatementServices;
  /** Operators by their plans, for EXPLAIN ANALYZE; undefined = nobody asks. */
  started: Map<PlanNode, Operator[]> | undefined;
  /** Work units since the task last gave way. */
  #units = 0;

  constructor(
    session: Session,
    context: StatementContext,
    parameters: readonly SqlValue[],
    snapshot: Snapshot,
    workMemoryBytes: number,
    services: StatementServices,
  ) {
    this.session = session;
    this.context = context;
    this.parameters = parameters;
    this.snapshot = snapshot;
    this.memory = new RowMemory(workMemoryBytes);
    this.services = services;
  }

  /** Begins another execution of the same plan in the same session. */
  restart(parameters: readonly SqlValue[], snapshot: Snapshot): void {
    this.parameters = parameters;
    this.snapshot = snapshot;
  }

  /** Counts work; true when the slice is over and the caller should yield {@link Session.slice}. A unit is about a row. */
  spent(units: number): boolean {
    this.#units += units;
    if (this.#units < UNITS_PER_LOOK) return false;
    this.#units = 0;
    return this.session.sliceOver();
  }
}
