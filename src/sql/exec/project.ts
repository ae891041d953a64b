/** Filter, projection, VALUES and the one-row relation: operators that look at one row at a time. */
import type { Task } from '../../base/task.ts';
import { RowBuffer } from '../../engine/record-port.ts';
import type { Expr } from '../plan/logical.ts';
import { type CompiledProject, compileProject, type ProjectPlace, type ProjectRows } from './codegen/project-code.ts';
import { columnCopier } from './copy.ts';
import { compileEval, type Scope } from './evaluate.ts';
import { BATCH_ROWS, evaluateNow, Operator, type PlanNode, pointAt, startPlan, WAITS } from './operator.ts';
import type { Shape } from './shape.ts';
import { Env, type ExecState, SUSPEND } from './state.ts';
import { columnWriter, type Eval } from './values.ts';

/** Writes one output column for the row that the environment points to. */
type ColumnStep = (env: Env, out: RowBuffer) => void;

/** Builds rows of `target` from expressions; columns taken over unchanged are copied by their bytes. */
export function rowBuilder(target: Shape, exprs: readonly Expr[], scope: Scope): ColumnStep {
  const steps = exprs.map((expr, to): ColumnStep => {
    if (expr.kind === 'column') {
      const from = scope.shape0?.position(expr.id) ?? -1;
      if (
        from >= 0 &&
        scope.shape0!.columns[from]!.physical.kind === target.columns[to]!.physical.kind &&
        scope.shape0!.columns[from]!.physical.scale === target.columns[to]!.physical.scale
      ) {
        const copy = columnCopier(scope.shape0!, from, target, to);
        const write = columnWriter(target, to);
        return (env, out) => (env.null0 ? write(out, null) : copy(env.v0, env.b0, env.r0, out));
      }
    }
    const evaluate = compileEval(expr, scope);
    const write = columnWriter(target, to);
    return (env, out) => write(out, evaluate(env));
  });
  return (env, out) => {
    for (let i = 0; i < steps.length; i++) steps[i]!(env, out);
  };
}

/** Generated code takes over at about this many rows, or, with some rows at least, at this execution. */
const COMPILE_ROWS = 1000;
const COMPILE_ROWS_OFTEN = 100;
const COMPILE_STARTS = 3;

/** Keeps the rows for which `predicate` is true and computes `exprs` for them; either may be left out. */
export class ProjectPlan implements PlanNode {
  readonly shape: Shape;
  readonly rows: number;
  readonly title: string;
  readonly details: readonly string[];
  readonly children: readonly PlanNode[];
  readonly predicate: Eval | undefined;
  readonly exprs: readonly Expr[];
  readonly build: ColumnStep;
  readonly #compile: () => CompiledProject | undefined;
  #compiled: { readonly code: CompiledProject | undefined } | undefined;
  #starts = 0;

  constructor(
    input: PlanNode,
    shape: Shape,
    predicate: Expr | undefined,
    exprs: readonly Expr[],
    scope: Scope,
    rows: number,
    details: readonly string[],
  ) {
    this.shape = shape;
    this.rows = rows;
    this.title = predicate === undefined ? 'Project' : 'Filter';
    this.details = details;
    this.children = [input];
    this.exprs = exprs;
    this.predicate = predicate === undefined ? undefined : compileEval(predicate, scope);
    this.build = rowBuilder(shape, exprs, scope);
    this.#compile = () => compileProject(input.shape, shape, predicate, exprs, scope);
  }

  /** The generated code, when there is some and it has been earned. */
  compiled(): CompiledProject | undefined {
    this.#starts++;
    const rows = this.children[0]!.rows;
    if (rows < COMPILE_ROWS && (this.#starts < COMPILE_STARTS || rows < COMPILE_ROWS_OFTEN)) return undefined;
    this.#compiled ??= { code: this.#compile() };
    return this.#compiled.code;
  }

  /** Generated code, for EXPLAIN. */
  get generated(): string | undefined {
    return this.#compiled?.code?.source;
  }

  start(state: ExecState): Operator {
    return new ProjectOperator(state, this, startPlan(this.children[0]!, state));
  }
}

class ProjectOperator extends Operator {
  readonly #plan: ProjectPlan;
  readonly #input: Operator;
  readonly #env: Env;
  readonly #out: RowBuffer;
  readonly #code: CompiledProject | undefined;
  readonly #place: ProjectPlace;

  constructor(state: ExecState, plan: ProjectPlan, input: Operator) {
    super(state);
    this.#code = plan.compiled();
    this.#plan = plan;
    this.#input = input;
    this.#env = new Env(state);
    this.#place = { env: this.#env, row: 0 };
    this.#out = new RowBuffer(plan.shape.layout, state.memory);
  }

  override limit(rows: number): void {
    this.#input.limit(this.#plan.predicate === undefined ? rows : Number.POSITIVE_INFINITY);
  }

  *open(): Task<void> {
    this.loops++;
    yield* this.#input.open();
  }

  *next(): Task<RowBuffer | undefined> {
    const out = this.#out;
    out.clear();
    for (;;) {
      const rows = yield* this.#input.next();
      if (rows === undefined) return undefined;
      let row = 0;
      while (row < rows.count) {
        row = this.#code === undefined ? this.#run(rows, row) : this.#runCode(this.#code.fn, rows, row);
        if (row < rows.count) yield* this.#env.finishWait();
      }
      if (this.state.spent(rows.count)) yield this.state.session.slice();
      if (out.count > 0) {
        this.producedRows += out.count;
        return out;
      }
    }
  }

  #runCode(code: ProjectRows, rows: RowBuffer, first: number): number {
    try {
      code(rows, first, this.state, this.#out, this.#place);
      return rows.count;
    } catch (thrown) {
      if (thrown !== SUSPEND) throw thrown;
      this.#out.abandon();
      return this.#place.row;
    }
  }

  /** Handles rows from `first` on; returns the row that must wait, or the count. */
  #run(rows: RowBuffer, first: number): number {
    const env = this.#env;
    const out = this.#out;
    const { predicate, build } = this.#plan;
    let row = first;
    try {
      for (; row < rows.count; row++) {
        pointAt(env, rows, row);
        if (predicate === undefined || predicate(env) === true) {
          out.start();
          build(env, out);
          out.finish();
        }
        env.rowDone();
      }
    } catch (thrown) {
      if (thrown !== SUSPEND) throw thrown;
      out.abandon();
    }
    return row;
  }

  close(): void {
    this.#input.close();
    this.#out.release();
  }
}

/** Rows of expressions without input: VALUES, and with one empty row SELECT without FROM. */
export class ValuesPlan implements PlanNode {
  readonly shape: Shape;
  readonly rows: number;
  readonly title: string;
  readonly details: readonly string[] = [];
  readonly children: readonly PlanNode[] = [];
  readonly builders: readonly ColumnStep[];

  constructor(shape: Shape, rows: readonly (readonly Expr[])[], scope: Scope) {
    this.shape = shape;
    this.rows = rows.length;
    this.title = shape.columns.length === 0 ? 'Result' : 'Values Scan';
    this.builders = rows.map((exprs) => rowBuilder(shape, exprs, scope));
  }

  start(state: ExecState): Operator {
    return new ValuesOperator(state, this);
  }
}

class ValuesOperator extends Operator {
  readonly #plan: ValuesPlan;
  readonly #env: Env;
  readonly #out: RowBuffer;
  #next = 0;

  constructor(state: ExecState, plan: ValuesPlan) {
    super(state);
    this.#plan = plan;
    this.#env = new Env(state);
    this.#out = new RowBuffer(plan.shape.layout, state.memory);
  }

  override openNow(): boolean {
    this.#next = 0;
    return true;
  }

  // biome-ignore lint/correctness/useYield: opening waits for nothing here
  *open(): Task<void> {
    this.openNow();
  }

  /** Made once: an operator is opened again and again. */
  readonly #build = (): void => {
    this.#out.start();
    this.#plan.builders[this.#next]!(this.#env, this.#out);
    this.#out.finish();
  };
  readonly #undo = (): void => this.#out.abandon();

  override nextNow(): RowBuffer | undefined | typeof WAITS {
    this.#out.clear();
    return this.#fill() ? this.#delivered() : WAITS;
  }

  *next(): Task<RowBuffer | undefined> {
    if (!this.#env.isWaiting) this.#out.clear();
    do if (this.#env.isWaiting) yield* this.#env.finishWait();
    while (!this.#fill());
    return this.#delivered();
  }

  /** Builds rows until the batch is full or none is left; false = the next one must wait. */
  #fill(): boolean {
    const { builders } = this.#plan;
    for (; this.#next < builders.length && this.#out.count < BATCH_ROWS; this.#next++)
      if (!evaluateNow(this.#env, this.#build, this.#undo)) return false;
    return true;
  }

  #delivered(): RowBuffer | undefined {
    const out = this.#out;
    this.producedRows += out.count;
    return out.count === 0 ? undefined : out;
  }

  close(): void {
    this.#out.release();
  }
}
