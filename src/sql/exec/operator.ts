/**
 * Operators: what a plan becomes when it runs.
 *
 * A plan node is immutable and may be shared by executions; `start` makes its operator for one of them. An operator delivers
 * batches: row buffers of its plan's shape, its own to fill and reuse, valid until it is asked again. Nothing of a page is
 * kept between two calls (law 3). `open` starts from the beginning, also a second time: a sub-plan is opened once per outer
 * row.
 */
import type { Task } from '../../base/task.ts';
import type { RowBuffer } from '../../engine/record-port.ts';
import type { Scope } from './evaluate.ts';
import type { Shape } from './shape.ts';
import type { SpillOwner } from './spill.ts';
import { type Env, type ExecState, SUSPEND } from './state.ts';
import type { Eval } from './values.ts';

/** Rows after which an operator hands its batch on. */
export const BATCH_ROWS = 512;

export interface PlanNode {
  readonly shape: Shape;
  /** Estimated rows. */
  readonly rows: number;
  /** As EXPLAIN names it, with its arguments. */
  readonly title: string;
  /** Further lines of EXPLAIN: `Filter: …`. */
  readonly details: readonly string[];
  readonly children: readonly PlanNode[];
  /** The JavaScript that runs it, once generated. */
  readonly generated?: string | undefined;
  start(state: ExecState): Operator;
}

/** Starts a plan, and notes its operator where EXPLAIN ANALYZE wants to know what each part did. */
export function startPlan<O extends Operator>(plan: { start(state: ExecState): O } & PlanNode, state: ExecState): O {
  const operator = plan.start(state);
  const list = state.started?.get(plan);
  if (list !== undefined) list.push(operator);
  else state.started?.set(plan, [operator]);
  return operator;
}

/** What an operator answers that would have to wait before it can say more. */
export const WAITS = 'waits';

export abstract class Operator implements SpillOwner {
  readonly state: ExecState;
  /** Counted for EXPLAIN ANALYZE. */
  producedRows = 0;
  loops = 0;
  spilledFiles = 0;
  spilledBytes = 0;

  constructor(state: ExecState) {
    this.state = state;
  }

  abstract open(): Task<void>;
  /** Told before `open`: no more than the first so many rows will be asked for. Whoever can do less work then does. */
  limit(_rows: number): void {}
  /**
   * Opens on the spot; false = `open` must be run. For operators of single rows, where making tasks that never wait would
   * cost as much as the work.
   */
  openNow(): boolean {
    return false;
  }
  /** The next batch on the spot; WAITS = `next` must be run. */
  nextNow(): RowBuffer | undefined | typeof WAITS {
    return WAITS;
  }
  /** The next batch, never an empty one; undefined at the end. */
  abstract next(): Task<RowBuffer | undefined>;
  abstract close(): void;
}

/** Points an environment's first record at a row of a buffer. */
export function pointAt(env: Env, rows: RowBuffer, row: number): void {
  const address = rows.index[row]!;
  const chunk = address >>> 13;
  env.v0 = rows.views[chunk]!;
  env.b0 = rows.chunks[chunk]!;
  env.r0 = (address & 8191) << 3;
}

/** Points an environment's second record at a row of a buffer, by address. */
export function pointSecond(env: Env, rows: RowBuffer, address: number): void {
  const chunk = address >>> 13;
  env.v1 = rows.views[chunk]!;
  env.b1 = rows.chunks[chunk]!;
  env.r1 = (address & 8191) << 3;
}

/** As {@link evaluateRow}, on the spot; false = it must wait: run `evaluateRow` with the same arguments, which goes on. */
export function evaluateNow(env: Env, evaluate: () => void, undo?: () => void): boolean {
  try {
    evaluate();
  } catch (thrown) {
    if (thrown !== SUSPEND) throw thrown;
    undo?.();
    return false;
  }
  env.rowDone();
  return true;
}

/**
 * Evaluates something for the row that `env` points to, waiting where it must; for operators whose rows lie in buffers (they
 * stay where they are while it waits). `undo` forgets what was written so far.
 */
export function* evaluateRow<T>(env: Env, evaluate: () => T, undo?: () => void): Task<T> {
  if (env.isWaiting) yield* env.finishWait();
  for (;;) {
    try {
      const value = evaluate();
      env.rowDone();
      return value;
    } catch (thrown) {
      if (thrown !== SUSPEND) throw thrown;
    }
    undo?.();
    yield* env.finishWait();
  }
}

/**
 * Does a condition hold for the row or pair that `env` points to? Undefined = it must wait, and `evaluateRow` can. Asked of every
 * pair of a join, so it makes no generator and no closure.
 */
export function holdsNow(env: Env, condition: Eval | undefined): boolean | undefined {
  if (condition === undefined) return true;
  try {
    const value = condition(env);
    env.rowDone();
    return value === true;
  } catch (thrown) {
    if (thrown !== SUSPEND) throw thrown;
    return undefined;
  }
}

/**
 * Calls `take` for the rows of a buffer from `first` on, the environment pointing to each. `take` evaluates all that it needs
 * before it changes anything: a row that must wait is taken again from its beginning.
 *
 * @returns the row that must wait ({@link Env.finishWait}), or `end`.
 */
export function takeRows(env: Env, rows: RowBuffer, first: number, take: () => void, end = rows.count): number {
  let row = first;
  try {
    for (; row < end; row++) {
      pointAt(env, rows, row);
      take();
      env.rowDone();
    }
  } catch (thrown) {
    if (thrown !== SUSPEND) throw thrown;
  }
  return row;
}

/** Rows whose expressions may be dear, between two looks at the clock. */
const LOOK_ROWS = 64;

/** Calls `take` for every row of a buffer, waiting where a row must, and giving way; see {@link takeRows}. */
export function* eachRow(env: Env, rows: RowBuffer, take: () => void): Task<void> {
  const { session } = env.state;
  for (let row = 0; ; ) {
    const end = Math.min(row + LOOK_ROWS, rows.count);
    row = takeRows(env, rows, row, take, end);
    if (row < end) yield* env.finishWait();
    else if (row === rows.count) return;
    else if (session.sliceOver()) yield session.slice();
  }
}

export type { Scope };
