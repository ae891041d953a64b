/** ORDER BY; see `sorter.ts` and `external-sort.ts`. */
import type { Task } from '../../base/task.ts';
import { RowBuffer } from '../../engine/record-port.ts';
import type { SortKey } from '../plan/logical.ts';
import type { Scope } from './evaluate.ts';
import { ExternalSort } from './external-sort.ts';
import { BATCH_ROWS, Operator, type PlanNode, startPlan } from './operator.ts';
import type { Shape } from './shape.ts';
import { type SortKeyMaker, sortKeyMaker } from './sorter.ts';
import { Env, type ExecState } from './state.ts';

export class SortPlan implements PlanNode {
  readonly shape: Shape;
  readonly rows: number;
  readonly title = 'Sort';
  readonly details: readonly string[];
  readonly children: readonly PlanNode[];
  readonly keys: readonly SortKey[];
  readonly key: SortKeyMaker;

  constructor(input: PlanNode, keys: readonly SortKey[], scope: Scope, details: readonly string[]) {
    this.shape = input.shape;
    this.rows = input.rows;
    this.children = [input];
    this.details = details;
    this.keys = keys;
    this.key = sortKeyMaker(keys, { ...scope, shape0: input.shape });
  }

  start(state: ExecState): Operator {
    return new SortOperator(state, this);
  }
}

class SortOperator extends Operator {
  readonly #plan: SortPlan;
  readonly #input: Operator;
  readonly #env: Env;
  readonly #sort: ExternalSort;
  readonly #out: RowBuffer;
  #sorted = false;

  constructor(state: ExecState, plan: SortPlan) {
    super(state);
    this.#plan = plan;
    this.#input = startPlan(plan.children[0]!, state);
    this.#env = new Env(state);
    this.#sort = new ExternalSort(this, plan.shape);
    this.#out = new RowBuffer(plan.shape.layout, state.memory);
  }

  override limit(rows: number): void {
    this.#sort.bound = rows;
  }

  *open(): Task<void> {
    this.loops++;
    this.#sort.clear();
    this.#sorted = false;
    yield* this.#input.open();
  }

  *next(): Task<RowBuffer | undefined> {
    if (!this.#sorted) {
      yield* this.#sort.gather(this.#input, this.#plan.key, this.#env);
      this.#sorted = true;
    }
    const out = this.#out;
    const sort = this.#sort;
    out.clear();
    while (out.count < BATCH_ROWS && sort.advance()) out.appendRow(sort.bytes, sort.view, sort.rowAt);
    this.producedRows += out.count;
    return out.count === 0 ? undefined : out;
  }

  close(): void {
    this.#input.close();
    this.#sort.release();
    this.#out.release();
  }
}
