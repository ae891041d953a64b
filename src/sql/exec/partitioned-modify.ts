/**
 * INSERT, UPDATE and DELETE on partitioned tables: one change per table that holds rows, and what spreads the rows over them.
 *
 *   insert   input row ── values ──> row of the whole table ── router ──> leaf: checks, keys, indexes of its own
 *   update,  input row ── its partition column ──> leaf: changes it there
 *   delete                └─ the new row belongs elsewhere ── router ──> removed here, inserted there
 *
 * Rows of a batch are gathered by leaf. With RETURNING they keep their order: then a leaf gets those that come one after another.
 */
import type { Task } from '../../base/task.ts';
import { RowBuffer } from '../../engine/record-port.ts';
import type { Column, ColumnId, Expr } from '../plan/logical.ts';
import { ChangeOperator } from './change-operator.ts';
import { type Copier, rowCopier } from './copy.ts';
import type { Scope } from './evaluate.ts';
import type { ModifyPlan } from './modify.ts';
import type { ModifyOperator } from './modify-operator.ts';
import { BATCH_ROWS, evaluateRow, Operator, type PlanNode, pointAt, startPlan } from './operator.ts';
import type { Router } from './partition-routing.ts';
import { rowBuilder } from './project.ts';
import type { RowMaker } from './returned-rows.ts';
import type { RowRulesPlan } from './row-rules.ts';
import { RowCursor, RowStore } from './row-store.ts';
import type { Shape } from './shape.ts';
import { Env, type ExecState } from './state.ts';

/** Making a row and finding its partition, in rows read. */
const ROUTE_UNITS = 8;

/** The place of an input whose rows are handed to the operator above by hand. */
export class HandedRowsPlan implements PlanNode {
  readonly shape: Shape;
  readonly rows = 1;
  readonly title = 'Rows';
  readonly details: readonly string[] = [];
  readonly children: readonly PlanNode[] = [];

  constructor(shape: Shape) {
    this.shape = shape;
  }

  start(state: ExecState): Operator {
    return new NoRowsOperator(state);
  }
}

class NoRowsOperator extends Operator {
  *open(): Task<void> {}

  override openNow(): boolean {
    return true;
  }

  override nextNow(): undefined {
    return undefined;
  }

  // biome-ignore lint/correctness/useYield: there is never anything to wait for.
  *next(): Task<undefined> {
    return undefined;
  }

  close(): void {}
}

/** How rows of the whole table find their leaf. */
interface RoutedOptions {
  readonly router: Router;
  /** The whole table's row; it may be a partition itself. */
  readonly whole: RowRulesPlan;
}

interface CommonOptions {
  readonly title: string;
  readonly input: PlanNode;
  /** Per leaf; over the whole table's row for INSERT, over the input's rows for the others. */
  readonly leaves: readonly ModifyPlan[];
  readonly returning: { readonly columns: readonly Column[]; readonly exprs: readonly Expr[] } | undefined;
  /** RETURNING's rows. */
  readonly shape: Shape;
}

export type PartitionedModifyOptions = CommonOptions &
  (
    | (RoutedOptions & {
        readonly kind: 'insert';
        /** Per column of the whole table's row its value, over the input's rows. */
        readonly values: readonly Expr[];
      })
    | (RoutedOptions & {
        readonly kind: 'update';
        readonly partition: ColumnId;
        /** Per leaf what inserts rows that come from another one. */
        readonly arrivals: readonly ModifyPlan[];
        /** RETURNING for a row that has moved between two leaves, when it says which one it is in. */
        readonly returningMoved: ((from: number, to: number) => RowMaker) | undefined;
      })
    | { readonly kind: 'delete'; readonly partition: ColumnId }
  );

export class PartitionedModifyPlan implements PlanNode {
  readonly shape: Shape;
  readonly rows: number;
  readonly title: string;
  readonly details: readonly string[];
  readonly children: readonly PlanNode[];
  readonly options: PartitionedModifyOptions;
  /** Builds the whole table's row from an input row. */
  readonly build: ((env: Env, out: RowBuffer) => void) | undefined;

  constructor(options: PartitionedModifyOptions, scope: Scope) {
    this.options = options;
    this.shape = options.shape;
    this.rows = options.input.rows;
    this.title = options.title;
    this.details = [`Partitions: ${options.leaves.length}`];
    this.children = [options.input];
    this.build =
      options.kind === 'insert'
        ? rowBuilder(options.whole.shape, options.values, { ...scope, shape0: options.input.shape })
        : undefined;
  }

  start(state: ExecState): Operator {
    return new PartitionedModifyOperator(state, this);
  }
}

/** A leaf under change, and the rows that wait for it. */
interface Leaf {
  readonly operator: ModifyOperator;
  readonly rows: RowBuffer;
}

class PartitionedModifyOperator extends ChangeOperator {
  readonly #plan: PartitionedModifyPlan;
  readonly #input: Operator;
  readonly #env: Env;
  readonly #leaves: (Leaf | undefined)[] = [];
  readonly #arrivals: (ModifyOperator | undefined)[] = [];
  /** A row of the whole table. */
  readonly #row: RowBuffer | undefined;
  readonly #out: RowStore;
  #outCursor: RowCursor | undefined;
  readonly #batch: RowBuffer;
  readonly #keepsOrder: boolean;
  #delivered = 0;
  #ran = false;
  /** The leaf whose rows wait, while their order is kept. */
  #last = -1;

  constructor(state: ExecState, plan: PartitionedModifyPlan) {
    super(state);
    this.#plan = plan;
    const { options } = plan;
    this.#input = startPlan(options.input, state);
    this.#env = new Env(state);
    this.#row = options.kind === 'delete' ? undefined : new RowBuffer(options.whole.shape.layout, state.memory);
    this.#out = new RowStore(this, plan.shape);
    this.#batch = new RowBuffer(plan.shape.layout, state.memory);
    this.#keepsOrder = options.returning !== undefined;
  }

  get affected(): number {
    return this.#leaves.reduce((sum, leaf) => sum + (leaf?.operator.affected ?? 0), 0);
  }

  *open(): Task<void> {
    this.loops++;
    this.#ran = false;
    this.#delivered = 0;
    this.#out.clear();
    this.#outCursor = undefined;
    for (const leaf of this.#leaves) if (leaf !== undefined) yield* leaf.operator.open();
    for (const arrival of this.#arrivals) if (arrival !== undefined) yield* arrival.open();
    yield* this.#input.open();
  }

  *next(): Task<RowBuffer | undefined> {
    if (!this.#ran) yield* this.#run();
    const batch = this.#batch;
    batch.clear();
    while (this.#delivered < this.#out.count && batch.count < BATCH_ROWS) {
      this.#outCursor ??= new RowCursor(this.#out);
      this.#outCursor.point(this.#env, this.#delivered++);
      batch.appendRow(this.#env.b0, this.#env.v0, this.#env.r0);
    }
    this.producedRows += batch.count;
    return batch.count === 0 ? undefined : batch;
  }

  *#run(): Task<void> {
    for (;;) {
      const rows = yield* this.#input.next();
      if (rows === undefined) break;
      for (let i = 0; i < rows.count; i++) {
        const [number, source, row] = yield* this.#place(rows, i);
        if (this.#keepsOrder && number !== this.#last && this.#last >= 0) yield* this.#flush(this.#last);
        this.#last = number;
        const leaf = this.#leaves[number] ?? (yield* this.#openLeaf(number));
        pointAt(this.#env, source, row);
        leaf.rows.appendRow(this.#env.b0, this.#env.v0, this.#env.r0);
        if (this.state.spent(ROUTE_UNITS)) yield this.state.session.slice();
      }
      for (let number = 0; number < this.#leaves.length; number++) yield* this.#flush(number);
      this.#last = -1;
    }
    for (const leaf of this.#leaves) if (leaf !== undefined) yield* leaf.operator.finish();
    this.#ran = true;
  }

  /** The leaf of an input row, and the row that it is to get. */
  *#place(rows: RowBuffer, i: number): Task<readonly [number: number, source: RowBuffer, row: number]> {
    const env = this.#env;
    const { options } = this.#plan;
    pointAt(env, rows, i);
    if (options.kind !== 'insert') {
      const { shape } = options.input;
      const at = shape.layout.fixedAt[shape.require(options.partition)]!;
      return [env.v0.getInt32(env.r0 + at, true), rows, i];
    }
    const row = this.#row!;
    row.clear();
    yield* evaluateRow(
      env,
      () => {
        row.start();
        this.#plan.build!(env, row);
        row.finish();
      },
      () => row.abandon(),
    );
    return [yield* this.#routed(options), row, 0];
  }

  /** The leaf of the whole table's row in `#row`. */
  *#routed({ router, whole }: RoutedOptions): Task<number> {
    const env = this.#env;
    pointAt(env, this.#row!, 0);
    yield* whole.checkPartition(env);
    return yield* evaluateRow(env, () => router.route(env));
  }

  *#openLeaf(number: number): Task<Leaf> {
    const { options } = this.#plan;
    const plan = options.leaves[number]!;
    const operator = startPlan(plan, this.state);
    const leaf: Leaf = { operator, rows: new RowBuffer(plan.options.input.shape.layout, this.state.memory) };
    if (options.kind === 'update') {
      const copy = rowCopier(plan.rules.shape, options.whole.shape);
      operator.mover = (rows, row) => this.#move(copy, number, rows, row);
    }
    this.#leaves[number] = leaf;
    yield* operator.open();
    return leaf;
  }

  /** Gives a leaf the rows that wait for it. */
  *#flush(number: number): Task<void> {
    const leaf = this.#leaves[number];
    if (leaf === undefined || leaf.rows.count === 0) return;
    yield* leaf.operator.take(leaf.rows);
    yield* leaf.operator.settle();
    leaf.operator.takeReturned(this.#out.tail);
    leaf.rows.clear();
    yield* this.#out.settle();
  }

  /** Inserts a row that has left its partition where it belongs now. */
  *#move(copy: Copier, from: number, rows: RowBuffer, number: number): Task<RowMaker | undefined> {
    const { options } = this.#plan;
    if (options.kind !== 'update') return undefined;
    const env = this.#env;
    const row = this.#row!;
    pointAt(env, rows, number);
    row.clear();
    row.start();
    copy(env.v0, env.b0, env.r0, row);
    row.finish();
    const target = yield* this.#routed(options);
    let arrival = this.#arrivals[target];
    if (arrival === undefined) {
      arrival = startPlan(options.arrivals[target]!, this.state);
      this.#arrivals[target] = arrival;
      yield* arrival.open();
    }
    yield* arrival.take(row);
    return options.returningMoved?.(from, target);
  }

  close(): void {
    this.#input.close();
    for (const leaf of this.#leaves) {
      leaf?.operator.close();
      leaf?.rows.release();
    }
    for (const arrival of this.#arrivals) arrival?.close();
    for (const buffer of [this.#row, this.#out, this.#batch]) buffer?.release();
  }
}
