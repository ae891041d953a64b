/**
 * Joins whose right side depends on the left row: it is opened anew for each. LATERAL, and the look-up of a join column in an
 * index.
 */
import type { Task } from '../../base/task.ts';
import { RowBuffer } from '../../engine/record-port.ts';
import type { ColumnId, Expr } from '../plan/logical.ts';
import { compileEval, type Scope } from './evaluate.ts';
import { KIND_TITLE, PairBuilder } from './join.ts';
import { BATCH_ROWS, evaluateRow, Operator, type PlanNode, pointAt, pointSecond, startPlan } from './operator.ts';
import type { Shape } from './shape.ts';
import { Env, type ExecState } from './state.ts';
import { columnReader, type Eval } from './values.ts';

export interface LateralJoinOptions {
  readonly type: 'inner' | 'left' | 'semi' | 'anti';
  readonly left: PlanNode;
  readonly right: PlanNode;
  readonly shape: Shape;
  /** Columns of the left side that the right side uses, and their slots among the outer values. */
  readonly bindings: readonly { readonly id: ColumnId; readonly slot: number }[];
  readonly residual: Expr | undefined;
  readonly rows: number;
  readonly details: readonly string[];
}

/** Opens the right side anew for each left row. */
export class LateralJoinPlan implements PlanNode {
  readonly shape: Shape;
  readonly rows: number;
  readonly title: string;
  readonly details: readonly string[];
  readonly children: readonly PlanNode[];
  readonly options: LateralJoinOptions;
  readonly bindings: readonly { readonly read: Eval; readonly slot: number }[];
  readonly residual: Eval | undefined;
  readonly pairs: PairBuilder;

  constructor(options: LateralJoinOptions, scope: Scope) {
    this.options = options;
    this.shape = options.shape;
    this.rows = options.rows;
    this.title = `Nested Loop${KIND_TITLE[options.type]}${options.type === 'inner' ? '' : ' Join'}`;
    this.details = options.details;
    this.children = [options.left, options.right];
    const left = options.left.shape;
    this.bindings = options.bindings.map((b) => ({ read: columnReader(left, left.require(b.id), 0), slot: b.slot }));
    this.residual =
      options.residual === undefined
        ? undefined
        : compileEval(options.residual, { ...scope, shape0: left, shape1: options.right.shape });
    this.pairs = new PairBuilder(options.shape, left, options.right.shape);
  }

  start(state: ExecState): Operator {
    return new LateralJoinOperator(state, this);
  }
}

class LateralJoinOperator extends Operator {
  readonly #plan: LateralJoinPlan;
  readonly #left: Operator;
  readonly #right: Operator;
  readonly #env: Env;
  readonly #out: RowBuffer;
  #rows: RowBuffer | undefined;
  #row = 0;

  constructor(state: ExecState, plan: LateralJoinPlan) {
    super(state);
    this.#plan = plan;
    this.#left = startPlan(plan.options.left, state);
    this.#right = startPlan(plan.options.right, state);
    this.#env = new Env(state);
    this.#out = new RowBuffer(plan.shape.layout, state.memory);
  }

  *open(): Task<void> {
    this.loops++;
    this.#rows = undefined;
    yield* this.#left.open();
  }

  *next(): Task<RowBuffer | undefined> {
    const out = this.#out;
    out.clear();
    while (out.count < BATCH_ROWS) {
      if (this.#rows === undefined) {
        this.#rows = yield* this.#left.next();
        this.#row = 0;
        if (this.#rows === undefined) break;
      }
      yield* this.#leftRow(this.#rows);
      if (++this.#row >= this.#rows.count) this.#rows = undefined;
      if (this.state.spent(4)) yield this.state.session.slice();
    }
    this.producedRows += out.count;
    return out.count === 0 ? undefined : out;
  }

  *#leftRow(rows: RowBuffer): Task<void> {
    const env = this.#env;
    const { type } = this.#plan.options;
    const { bindings, residual, pairs } = this.#plan;
    env.null1 = false;
    pointAt(env, rows, this.#row);
    yield* evaluateRow(env, () => {
      for (const b of bindings) this.state.outer[b.slot] = b.read(env);
    });
    let matched = false;
    yield* this.#right.open();
    search: for (;;) {
      const inner = yield* this.#right.next();
      if (inner === undefined) break;
      for (let i = 0; i < inner.count; i++) {
        pointSecond(env, inner, inner.index[i]!);
        if (residual !== undefined && (yield* evaluateRow(env, () => residual(env))) !== true) continue;
        matched = true;
        if (type === 'semi' || type === 'anti') break search;
        pairs.build(env, this.#out);
      }
    }
    if (type === 'semi' ? matched : type !== 'inner' && !matched) {
      env.null1 = true;
      pairs.build(env, this.#out);
    }
  }

  close(): void {
    this.#left.close();
    this.#right.close();
    this.#out.release();
  }
}
