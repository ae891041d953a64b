/** LIMIT, DISTINCT ON, and the renaming of columns: operators that give rows on as they are. */
import { fail } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import { compareKeys, KeyWriter, RowBuffer } from '../../engine/record-port.ts';
import type { Expr, SortKey } from '../plan/logical.ts';
import { compileEval, type Scope } from './evaluate.ts';
import { eachRow, evaluateRow, Operator, type PlanNode, pointAt, startPlan } from './operator.ts';
import type { Shape } from './shape.ts';
import { type SortKeyMaker, sortKeyMaker } from './sorter.ts';
import { Env, type ExecState } from './state.ts';
import type { Eval } from './values.ts';

export class LimitPlan implements PlanNode {
  readonly shape: Shape;
  readonly rows: number;
  readonly title = 'Limit';
  readonly details: readonly string[] = [];
  readonly children: readonly PlanNode[];
  readonly limit: Eval | undefined;
  readonly offset: Eval | undefined;
  readonly ties: SortKeyMaker | undefined;

  constructor(
    input: PlanNode,
    limit: Expr | undefined,
    offset: Expr | undefined,
    ties: readonly SortKey[] | undefined,
    scope: Scope,
    rows: number,
  ) {
    this.shape = input.shape;
    this.rows = rows;
    this.children = [input];
    const outer = { ...scope, shape0: undefined };
    this.limit = limit === undefined ? undefined : compileEval(limit, outer);
    this.offset = offset === undefined ? undefined : compileEval(offset, outer);
    this.ties = ties === undefined ? undefined : sortKeyMaker(ties, { ...scope, shape0: input.shape });
  }

  start(state: ExecState): Operator {
    return new LimitOperator(state, this);
  }
}

class LimitOperator extends Operator {
  readonly #plan: LimitPlan;
  readonly #input: Operator;
  readonly #env: Env;
  readonly #out: RowBuffer;
  readonly #key = new KeyWriter();
  #lastKey: Uint8Array | undefined;
  #skip = 0;
  #left = Number.POSITIVE_INFINITY;
  #ended = false;

  constructor(state: ExecState, plan: LimitPlan) {
    super(state);
    this.#plan = plan;
    this.#input = startPlan(plan.children[0]!, state);
    this.#env = new Env(state);
    this.#out = new RowBuffer(plan.shape.layout, state.memory);
  }

  *open(): Task<void> {
    const { limit, offset } = this.#plan;
    const skip = offset === undefined ? null : yield* evaluateRow(this.#env, () => offset(this.#env));
    const left = limit === undefined ? null : yield* evaluateRow(this.#env, () => limit(this.#env));
    this.#skip = skip === null ? 0 : Number(skip);
    this.#left = left === null ? Number.POSITIVE_INFINITY : Number(left);
    if (this.#left < 0) throw fail('invalid_row_count_in_limit_clause', 'LIMIT must not be negative');
    if (this.#skip < 0) throw fail('invalid_row_count_in_result_offset_clause', 'OFFSET must not be negative');
    this.#ended = this.#left === 0;
    this.#lastKey = undefined;
    this.#input.limit(this.#plan.ties === undefined ? this.#skip + this.#left : Number.POSITIVE_INFINITY);
    if (!this.#ended) yield* this.#input.open();
  }

  *next(): Task<RowBuffer | undefined> {
    const out = this.#out;
    const env = this.#env;
    out.clear();
    while (!this.#ended && out.count === 0) {
      const rows = yield* this.#input.next();
      if (rows === undefined) {
        this.#ended = true;
        break;
      }
      if (this.#skip === 0 && rows.count < this.#left) {
        // All of the batch is wanted: it goes on as it is.
        this.#left -= rows.count;
        this.producedRows += rows.count;
        return rows;
      }
      for (let i = 0; i < rows.count && !this.#ended; i++) {
        if (this.#skip > 0) {
          this.#skip--;
          continue;
        }
        pointAt(env, rows, i);
        if (this.#left > 0) this.#left--;
        else if (!this.#isTie()) {
          this.#ended = true;
          break;
        }
        out.appendRow(env.b0, env.v0, env.r0);
        if (this.#left === 0) {
          if (this.#plan.ties === undefined) this.#ended = true;
          else if (this.#lastKey === undefined) this.#lastKey = this.#tieKey();
        }
      }
    }
    this.producedRows += out.count;
    return out.count === 0 ? undefined : out;
  }

  #tieKey(): Uint8Array {
    const key = this.#key;
    key.length = 0;
    this.#plan.ties!(this.#env, key);
    return key.bytes.slice(0, key.length);
  }

  #isTie(): boolean {
    return (
      this.#plan.ties !== undefined &&
      this.#lastKey !== undefined &&
      Buffer.compare(this.#tieKey(), this.#lastKey) === 0
    );
  }

  close(): void {
    this.#input.close();
    this.#out.release();
  }
}

/**
 * DISTINCT ON: keeps the first of the rows that follow each other with equal `on` expressions.
 *
 * The input comes ordered by them, in whatever order and direction: by the query's ORDER BY, or by a sort that the planner
 * puts below. So one key is all that must be remembered.
 */
export class DistinctPlan implements PlanNode {
  readonly shape: Shape;
  readonly rows: number;
  readonly title = 'Unique';
  readonly details: readonly string[] = [];
  readonly children: readonly PlanNode[];
  readonly key: SortKeyMaker;

  constructor(input: PlanNode, on: readonly Expr[], scope: Scope, rows: number) {
    this.shape = input.shape;
    this.rows = rows;
    this.children = [input];
    this.key = sortKeyMaker(
      on.map((expr) => ({ expr, descending: false, nullsFirst: false })),
      { ...scope, shape0: input.shape },
    );
  }

  start(state: ExecState): Operator {
    return new DistinctOperator(state, this);
  }
}

class DistinctOperator extends Operator {
  readonly #plan: DistinctPlan;
  readonly #input: Operator;
  readonly #env: Env;
  readonly #out: RowBuffer;
  #key = new KeyWriter();
  #last = new KeyWriter();
  #any = false;

  constructor(state: ExecState, plan: DistinctPlan) {
    super(state);
    this.#plan = plan;
    this.#input = startPlan(plan.children[0]!, state);
    this.#env = new Env(state);
    this.#out = new RowBuffer(plan.shape.layout, state.memory);
  }

  *open(): Task<void> {
    this.loops++;
    this.#any = false;
    yield* this.#input.open();
  }

  *next(): Task<RowBuffer | undefined> {
    const out = this.#out;
    out.clear();
    while (out.count === 0) {
      const rows = yield* this.#input.next();
      if (rows === undefined) return undefined;
      yield* eachRow(this.#env, rows, this.#take);
      if (this.state.spent(rows.count)) yield this.state.session.slice();
    }
    this.producedRows += out.count;
    return out;
  }

  readonly #take = (): void => {
    const env = this.#env;
    const key = this.#key;
    key.length = 0;
    this.#plan.key(env, key);
    if (this.#any && compareKeys(key.bytes, 0, key.length, this.#last.bytes, 0, this.#last.length) === 0) return;
    this.#any = true;
    this.#key = this.#last;
    this.#last = key;
    this.#out.appendRow(env.b0, env.v0, env.r0);
  };

  close(): void {
    this.#input.close();
    this.#out.release();
  }
}

/** Gives columns new ids without moving a byte; also picks and reorders. */
export class RenamePlan implements PlanNode {
  readonly shape: Shape;
  readonly rows: number;
  readonly title = 'Subquery Scan';
  readonly details: readonly string[] = [];
  readonly children: readonly PlanNode[];

  /** @param shape - as many columns as the input, with the same physical kinds. */
  constructor(input: PlanNode, shape: Shape) {
    this.shape = shape;
    this.rows = input.rows;
    this.children = [input];
  }

  start(state: ExecState): Operator {
    return startPlan(this.children[0]!, state);
  }
}
