/**
 * The constants that an execution computes for itself before its first row: parameters behind those of the statement.
 *
 *   parameters   $1 … client's │ literals │ steps, each from those before it
 *
 * Only the steps that the plan asks for are computed. A step whose conditions do not hold stays NULL; nobody comes to it.
 */
import type { Task } from '../../base/task.ts';
import type { ConstantStep } from '../plan/fold.ts';
import type { SqlValue } from '../types/contracts.ts';
import { compileEval, compilePredicate, type Scope } from './evaluate.ts';
import { evaluateNow, evaluateRow } from './operator.ts';
import { Env, type ExecState } from './state.ts';
import type { Eval } from './values.ts';

interface Compiled {
  readonly index: number;
  readonly value: Eval;
  readonly when: readonly ((env: Env) => boolean)[];
}

export class Constants {
  readonly #steps: readonly Compiled[];
  readonly #count: number;

  private constructor(steps: readonly Compiled[], count: number) {
    this.#steps = steps;
    this.#count = count;
  }

  /**
   * The steps that are asked for, and those that they ask for; undefined when there are none.
   *
   * @param used - indexes of the parameters that the plan reads; `scope` adds to it.
   */
  static of(steps: readonly ConstantStep[], used: ReadonlySet<number>, scope: Scope): Constants | undefined {
    const compiled: Compiled[] = [];
    let count = 0;
    // From the last to the first: a step asks for earlier ones only.
    for (const { index, expr, when } of [...steps].reverse()) {
      if (!used.has(index)) continue;
      compiled.push({
        index,
        value: compileEval(expr, scope),
        when: when.map((condition) => compilePredicate(condition, scope)),
      });
      count = Math.max(count, index + 1);
    }
    return compiled.length === 0 ? undefined : new Constants(compiled.reverse(), count);
  }

  /** Computes them for the execution that begins. @throws what an expression does */
  *compute(state: ExecState): Task<void> {
    const env = new Env(state);
    const values: SqlValue[] = [...state.parameters];
    while (values.length < this.#count) values.push(null);
    state.parameters = values;
    for (const { index, value, when } of this.#steps) {
      const step = (): void => {
        if (when.every((holds) => holds(env))) values[index] = value(env);
      };
      if (!evaluateNow(env, step)) yield* evaluateRow(env, step);
    }
  }
}
