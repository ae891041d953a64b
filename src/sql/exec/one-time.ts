/**
 * A filter that is judged once: its condition uses no column of the rows below, so it holds for all of them or for none.
 *
 *   open ─ true ──> the input is opened, and its rows go on as they are
 *        ─ else ──> end; the input is never opened
 *
 * As part of a sub-query it is judged each time that is opened, with the outer row's values.
 */
import type { Task } from '../../base/task.ts';
import type { RowBuffer } from '../../engine/record-port.ts';
import type { Expr } from '../plan/logical.ts';
import { compilePredicate, type Scope } from './evaluate.ts';
import { evaluateNow, evaluateRow, Operator, type PlanNode, startPlan, WAITS } from './operator.ts';
import type { Shape } from './shape.ts';
import { Env, type ExecState } from './state.ts';

export class OneTimePlan implements PlanNode {
  readonly shape: Shape;
  readonly rows: number;
  readonly title = 'Result';
  readonly details: readonly string[];
  readonly children: readonly PlanNode[];
  readonly holds: (env: Env) => boolean;

  /** @param shown - the condition as EXPLAIN shows it. */
  constructor(input: PlanNode, condition: Expr, scope: Scope, shown: string) {
    this.shape = input.shape;
    this.rows = input.rows;
    this.children = [input];
    this.details = [`One-Time Filter: ${shown}`];
    this.holds = compilePredicate(condition, { ...scope, shape0: undefined });
  }

  start(state: ExecState): Operator {
    return new OneTimeOperator(state, this);
  }
}

class OneTimeOperator extends Operator {
  readonly #plan: OneTimePlan;
  readonly #judge: Judge;
  /** Made when the condition holds for the first time. */
  #input: Operator | undefined;
  #limit = Number.POSITIVE_INFINITY;
  #holds = false;

  constructor(state: ExecState, plan: OneTimePlan) {
    super(state);
    this.#plan = plan;
    this.#judge = new Judge(state, plan.holds);
  }

  override limit(rows: number): void {
    this.#limit = rows;
  }

  *open(): Task<void> {
    this.loops++;
    this.#holds = yield* this.#judge.ask();
    if (!this.#holds) return;
    this.#input ??= startPlan(this.#plan.children[0]!, this.state);
    this.#input.limit(this.#limit);
    if (!this.#input.openNow()) yield* this.#input.open();
  }

  override nextNow(): RowBuffer | undefined | typeof WAITS {
    if (!this.#holds) return undefined;
    const rows = this.#input!.nextNow();
    if (rows !== WAITS) this.producedRows += rows?.count ?? 0;
    return rows;
  }

  *next(): Task<RowBuffer | undefined> {
    if (!this.#holds) return undefined;
    const rows = yield* this.#input!.next();
    this.producedRows += rows?.count ?? 0;
    return rows;
  }

  close(): void {
    this.#input?.close();
  }
}

/** Judges a one-time condition. */
export class Judge {
  readonly #env: Env;
  readonly #holds: (env: Env) => boolean;
  #answer = false;

  constructor(state: ExecState, holds: (env: Env) => boolean) {
    this.#env = new Env(state);
    this.#holds = holds;
  }

  *ask(): Task<boolean> {
    if (!evaluateNow(this.#env, this.#evaluate)) yield* evaluateRow(this.#env, this.#evaluate);
    return this.#answer;
  }

  readonly #evaluate = (): void => {
    this.#answer = this.#holds(this.#env);
  };
}

/** A relation without rows, whatever it was: its condition is known to be never true. */
export class NeverPlan implements PlanNode {
  readonly shape: Shape;
  readonly rows = 0;
  readonly title = 'Result';
  readonly details = ['One-Time Filter: false'];
  readonly children: readonly PlanNode[] = [];

  constructor(shape: Shape) {
    this.shape = shape;
  }

  start(state: ExecState): Operator {
    return new NeverOperator(state);
  }
}

class NeverOperator extends Operator {
  override openNow(): boolean {
    this.loops++;
    return true;
  }

  // biome-ignore lint/correctness/useYield: opening waits for nothing here
  *open(): Task<void> {
    this.openNow();
  }

  override nextNow(): undefined {
    return undefined;
  }

  // biome-ignore lint/correctness/useYield: there is nothing to wait for
  *next(): Task<undefined> {
    return undefined;
  }

  close(): void {}
}
