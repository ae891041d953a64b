/** LIMIT, DISTINCT, DISTINCT ON, UNION, INTERSECT and EXCEPT. */
import { fail } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import { KeyWriter, RowBuffer } from '../../engine/record-port.ts';
import type { Expr, SortKey } from '../plan/logical.ts';
import { compileEval, type Scope } from './evaluate.ts';
import { HashTable } from './hash-table.ts';
import { appendHashValue } from './key-values.ts';
import { evaluateRow, Operator, type PlanNode, pointAt, startPlan } from './operator.ts';
import type { Shape } from './shape.ts';
import { type SortKeyMaker, sortKeyMaker } from './sort.ts';
import { Env, type ExecState } from './state.ts';
import { columnReader, type Eval } from './values.ts';

/** Appends the hash key of all columns of the environment's first record. */
function wholeRowKey(shape: Shape): (env: Env, key: KeyWriter) => void {
  const readers = shape.columns.map((_, i) => columnReader(shape, i, 0));
  return (env, key) => {
    for (let i = 0; i < readers.length; i++) appendHashValue(key, shape.columns[i]!.physical, readers[i]!(env));
  };
}

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

/** Keeps the first row of each group of equal rows, or of equal `on` expressions. */
export class DistinctPlan implements PlanNode {
  readonly shape: Shape;
  readonly rows: number;
  readonly title = 'Unique';
  readonly details: readonly string[] = [];
  readonly children: readonly PlanNode[];
  readonly key: (env: Env, key: KeyWriter) => void;

  constructor(input: PlanNode, on: readonly Expr[] | undefined, scope: Scope, rows: number) {
    this.shape = input.shape;
    this.rows = rows;
    this.children = [input];
    if (on === undefined) this.key = wholeRowKey(input.shape);
    else {
      const sort = sortKeyMaker(
        on.map((expr) => ({ expr, descending: false, nullsFirst: false })),
        { ...scope, shape0: input.shape },
      );
      this.key = sort;
    }
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
  readonly #table: HashTable;
  readonly #key = new KeyWriter();

  constructor(state: ExecState, plan: DistinctPlan) {
    super(state);
    this.#plan = plan;
    this.#input = startPlan(plan.children[0]!, state);
    this.#env = new Env(state);
    this.#out = new RowBuffer(plan.shape.layout, state.memory);
    this.#table = new HashTable(state.memory);
  }

  *open(): Task<void> {
    this.#table.clear();
    yield* this.#input.open();
  }

  *next(): Task<RowBuffer | undefined> {
    const out = this.#out;
    const env = this.#env;
    const key = this.#key;
    out.clear();
    while (out.count === 0) {
      const rows = yield* this.#input.next();
      if (rows === undefined) return undefined;
      for (let i = 0; i < rows.count; i++) {
        pointAt(env, rows, i);
        yield* evaluateRow(env, () => {
          key.length = 0;
          this.#plan.key(env, key);
        });
        const before = this.#table.count;
        if (this.#table.findOrAdd(key.bytes, key.length) === before) out.appendRow(env.b0, env.v0, env.r0);
      }
      if (this.state.spent(rows.count)) yield this.state.session.slice();
    }
    this.producedRows += out.count;
    return out;
  }

  close(): void {
    this.#input.close();
    this.#out.release();
    this.#table.clear();
  }
}

/** Set operations. The inputs' columns match the node's by position; their kinds are equal. */
export class SetOpPlan implements PlanNode {
  readonly shape: Shape;
  readonly rows: number;
  readonly title: string;
  readonly details: readonly string[] = [];
  readonly children: readonly PlanNode[];
  readonly op: 'union' | 'intersect' | 'except';
  readonly all: boolean;
  readonly key: (env: Env, key: KeyWriter) => void;

  constructor(
    left: PlanNode,
    right: PlanNode,
    shape: Shape,
    op: 'union' | 'intersect' | 'except',
    all: boolean,
    rows: number,
  ) {
    this.shape = shape;
    this.rows = rows;
    this.op = op;
    this.all = all;
    this.title =
      op === 'union' && all ? 'Append' : `HashSetOp ${op[0]!.toUpperCase()}${op.slice(1)}${all ? ' All' : ''}`;
    this.children = [left, right];
    this.key = wholeRowKey(shape);
  }

  start(state: ExecState): Operator {
    return new SetOpOperator(state, this);
  }
}

class SetOpOperator extends Operator {
  readonly #plan: SetOpPlan;
  readonly #left: Operator;
  readonly #right: Operator;
  readonly #env: Env;
  readonly #out: RowBuffer;
  readonly #table: HashTable;
  readonly #key = new KeyWriter();
  /** Rows of the right side per entry that are still unanswered. */
  #counts: number[] = [];
  #side: 'left' | 'right' | 'end' = 'left';

  constructor(state: ExecState, plan: SetOpPlan) {
    super(state);
    this.#plan = plan;
    this.#left = startPlan(plan.children[0]!, state);
    this.#right = startPlan(plan.children[1]!, state);
    this.#env = new Env(state);
    this.#out = new RowBuffer(plan.shape.layout, state.memory);
    this.#table = new HashTable(state.memory);
  }

  *open(): Task<void> {
    this.#table.clear();
    this.#counts = [];
    this.#side = 'left';
    if (this.#plan.op !== 'union') {
      yield* this.#right.open();
      for (;;) {
        const rows = yield* this.#right.next();
        if (rows === undefined) break;
        for (let i = 0; i < rows.count; i++) {
          const entry = yield* this.#entry(rows, i, true);
          this.#counts[entry] = (this.#counts[entry] ?? 0) + 1;
        }
        if (this.state.spent(rows.count)) yield this.state.session.slice();
      }
    }
    yield* this.#left.open();
  }

  *#entry(rows: RowBuffer, row: number, add: boolean): Task<number> {
    pointAt(this.#env, rows, row);
    yield* evaluateRow(this.#env, () => {
      this.#key.length = 0;
      this.#plan.key(this.#env, this.#key);
    });
    return add
      ? this.#table.findOrAdd(this.#key.bytes, this.#key.length)
      : this.#table.find(this.#key.bytes, this.#key.length);
  }

  *next(): Task<RowBuffer | undefined> {
    const out = this.#out;
    out.clear();
    while (out.count === 0 && this.#side !== 'end') {
      const rows = yield* this.#side === 'left' ? this.#left.next() : this.#right.next();
      if (rows === undefined) {
        if (this.#side === 'left' && this.#plan.op === 'union') {
          this.#side = 'right';
          yield* this.#right.open();
        } else this.#side = 'end';
        continue;
      }
      for (let i = 0; i < rows.count; i++)
        if (yield* this.#keeps(rows, i)) out.appendRow(this.#env.b0, this.#env.v0, this.#env.r0);
      if (this.state.spent(rows.count)) yield this.state.session.slice();
    }
    this.producedRows += out.count;
    return out.count === 0 ? undefined : out;
  }

  /** Decides about a row of the current side, and points the environment at it. */
  *#keeps(rows: RowBuffer, row: number): Task<boolean> {
    const { op, all } = this.#plan;
    if (op === 'union') {
      if (all) {
        pointAt(this.#env, rows, row);
        return true;
      }
      const before = this.#table.count;
      return (yield* this.#entry(rows, row, true)) === before;
    }
    if (all) {
      const entry = yield* this.#entry(rows, row, false);
      const left = entry < 0 ? 0 : (this.#counts[entry] ?? 0);
      if (left > 0) this.#counts[entry] = left - 1;
      return op === 'intersect' ? left > 0 : left === 0;
    }
    if (op === 'intersect') {
      const entry = yield* this.#entry(rows, row, false);
      if (entry < 0 || (this.#counts[entry] ?? 0) === 0) return false;
      this.#counts[entry] = 0;
      return true;
    }
    // EXCEPT: what the right side has is in the table already; a left row is put out the first time it enters.
    const before = this.#table.count;
    return (yield* this.#entry(rows, row, true)) === before;
  }

  close(): void {
    this.#left.close();
    this.#right.close();
    this.#out.release();
    this.#table.clear();
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
