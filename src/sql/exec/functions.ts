/**
 * Set-returning functions: in FROM (one, or several side by side, with or without ordinality) and in the select list, where
 * each row multiplies and the functions of one list advance in lock step, shorter ones giving NULL.
 */
import { fail } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import { RowBuffer } from '../../engine/record-port.ts';
import type { CallExpr, Expr, FunctionNode, VirtualRelation } from '../plan/logical.ts';
import type { Oid, SetImpl, SqlValue } from '../types/contracts.ts';
import { PgRecord } from '../types/record.ts';
import { registry } from '../types/registry.ts';
import { ANYELEMENT_OID } from '../types/type-oids.ts';
import { compileEval, type Scope } from './evaluate.ts';
import { callTypes, implementation } from './implementation.ts';
import { BATCH_ROWS, evaluateRow, Operator, type PlanNode, pointAt, startPlan } from './operator.ts';
import type { Shape } from './shape.ts';
import { Env, type ExecState } from './state.ts';
import { columnWriter, type Eval, type Writer } from './values.ts';

/** Starts a call for the environment's row: an iterator over its rows. */
type SetEval = (env: Env) => Iterator<SqlValue | readonly SqlValue[]>;

function setEval(call: CallExpr, scope: Scope): SetEval {
  const { fn } = call;
  const args = call.args.map((a) => compileEval(a, scope));
  const types = callTypes(call.args, call.type);
  if (!fn.returnsSet) {
    const impl = implementation(fn, types);
    return (env) => {
      const values = args.map((a) => a(env));
      env.state.context.waiter = env;
      const value = fn.strict && values.includes(null) ? null : impl(env.state.context, ...values);
      return [value][Symbol.iterator]();
    };
  }
  const impl: SetImpl | undefined = fn.setImpl ?? fn.specializeSet?.(types);
  if (impl === undefined) throw fail('feature_not_supported', `function ${fn.name} cannot be used here`);
  return (env) => {
    const values = args.map((a) => a(env));
    if (fn.strict && values.includes(null)) return [][Symbol.iterator]();
    env.state.context.waiter = env;
    return impl(env.state.context, ...values)[Symbol.iterator]();
  };
}

export class FunctionScanPlan implements PlanNode {
  readonly shape: Shape;
  readonly rows: number;
  readonly title: string;
  readonly details: readonly string[] = [];
  readonly children: readonly PlanNode[] = [];
  readonly calls: readonly { readonly start: SetEval; readonly columnCount: number; readonly expand: boolean }[];
  readonly ordinality: boolean;
  readonly writers: readonly Writer[];

  constructor(node: FunctionNode, shape: Shape, scope: Scope) {
    this.shape = shape;
    this.rows = 1000;
    this.title = `Function Scan on ${node.alias}`;
    this.calls = node.calls.map((c) => ({
      start: setEval(c.call, { ...scope, shape0: undefined }),
      columnCount: c.columnCount,
      expand: c.expand,
    }));
    this.ordinality = node.ordinality;
    this.writers = shape.columns.map((_, i) => columnWriter(shape, i));
  }

  start(state: ExecState): Operator {
    return new FunctionScanOperator(state, this);
  }
}

class FunctionScanOperator extends Operator {
  readonly #plan: FunctionScanPlan;
  readonly #env: Env;
  readonly #out: RowBuffer;
  #iterators: (Iterator<SqlValue | readonly SqlValue[]> | undefined)[] = [];
  #number = 0;

  constructor(state: ExecState, plan: FunctionScanPlan) {
    super(state);
    this.#plan = plan;
    this.#env = new Env(state);
    this.#out = new RowBuffer(plan.shape.layout, state.memory);
  }

  *open(): Task<void> {
    this.loops++;
    this.#number = 0;
    this.#iterators = yield* evaluateRow(this.#env, () => this.#plan.calls.map((c) => c.start(this.#env)));
  }

  *next(): Task<RowBuffer | undefined> {
    const out = this.#out;
    out.clear();
    while (out.count < BATCH_ROWS && this.#row(out)) if (this.state.spent(1)) yield this.state.session.slice();
    this.producedRows += out.count;
    return out.count === 0 ? undefined : out;
  }

  #row(out: RowBuffer): boolean {
    const { calls, writers, ordinality } = this.#plan;
    const values: SqlValue[] = [];
    let any = false;
    for (let c = 0; c < calls.length; c++) {
      const { columnCount } = calls[c]!;
      const step = this.#iterators[c]?.next();
      if (step === undefined || step.done === true) {
        this.#iterators[c] = undefined;
        for (let i = 0; i < columnCount; i++) values.push(null);
        continue;
      }
      any = true;
      appendColumns(values, step.value, columnCount, calls[c]!.expand);
    }
    if (!any) return false;
    if (ordinality) values.push(++this.#number);
    out.start();
    for (let i = 0; i < writers.length; i++) writers[i]!(out, values[i] ?? null);
    out.finish();
    return true;
  }

  close(): void {
    this.#out.release();
  }
}

function appendColumns(values: SqlValue[], row: SqlValue | readonly SqlValue[], count: number, expand: boolean): void {
  if (Array.isArray(row)) for (let i = 0; i < count; i++) values.push((row as readonly SqlValue[])[i] ?? null);
  else if (expand && (row instanceof PgRecord || row === null))
    for (let i = 0; i < count; i++) values.push(row === null ? null : (row.values[i] ?? null));
  else values.push(row as SqlValue);
}

/** Types of the columns of a function's rows; `anyelement` is what its array argument consists of. */
function fieldTypes({ fn, args }: CallExpr): Oid[] {
  const array = args[0] === undefined ? undefined : registry.type(args[0].type);
  return (fn.columns ?? []).map(({ type }) => (type === ANYELEMENT_OID ? (array?.elementOid ?? type) : type));
}

/** Projection with set-returning calls at the top of some expressions. */
export class ProjectSetPlan implements PlanNode {
  readonly shape: Shape;
  readonly rows: number;
  readonly title = 'ProjectSet';
  readonly details: readonly string[] = [];
  readonly children: readonly PlanNode[];
  readonly items: readonly ({ readonly set: SetEval } | { readonly one: Eval })[];
  readonly writers: readonly Writer[];
  /** Of the rows that each set consists of; empty for sets of plain values. */
  readonly fieldTypes: readonly (readonly Oid[])[];

  constructor(input: PlanNode, shape: Shape, exprs: readonly Expr[], scope: Scope) {
    this.shape = shape;
    this.rows = input.rows * 10;
    this.children = [input];
    const inner = { ...scope, shape0: input.shape };
    this.items = exprs.map((e) =>
      e.kind === 'call' && e.fn.returnsSet ? { set: setEval(e, inner) } : { one: compileEval(e, inner) },
    );
    this.writers = shape.columns.map((_, i) => columnWriter(shape, i));
    this.fieldTypes = exprs.map((e) => (e.kind === 'call' ? fieldTypes(e) : []));
  }

  start(state: ExecState): Operator {
    return new ProjectSetOperator(state, this);
  }
}

class ProjectSetOperator extends Operator {
  readonly #plan: ProjectSetPlan;
  readonly #input: Operator;
  readonly #env: Env;
  readonly #out: RowBuffer;
  #rows: RowBuffer | undefined;
  #row = 0;
  #sets: (Iterator<SqlValue | readonly SqlValue[]> | undefined)[] | undefined;
  #ones: SqlValue[] = [];

  constructor(state: ExecState, plan: ProjectSetPlan) {
    super(state);
    this.#plan = plan;
    this.#input = startPlan(plan.children[0]!, state);
    this.#env = new Env(state);
    this.#out = new RowBuffer(plan.shape.layout, state.memory);
  }

  *open(): Task<void> {
    this.#rows = undefined;
    this.#sets = undefined;
    yield* this.#input.open();
  }

  *next(): Task<RowBuffer | undefined> {
    const out = this.#out;
    out.clear();
    while (out.count < BATCH_ROWS) {
      if (this.#sets === undefined) {
        if (this.#rows === undefined) {
          this.#rows = yield* this.#input.next();
          this.#row = 0;
          if (this.#rows === undefined) break;
        }
        yield* this.#startRow(this.#rows);
      }
      if (!this.#emit(out)) {
        this.#sets = undefined;
        if (++this.#row >= (this.#rows?.count ?? 0)) this.#rows = undefined;
      }
      if (this.state.spent(1)) yield this.state.session.slice();
    }
    this.producedRows += out.count;
    return out.count === 0 ? undefined : out;
  }

  *#startRow(rows: RowBuffer): Task<void> {
    const env = this.#env;
    pointAt(env, rows, this.#row);
    const { items } = this.#plan;
    yield* evaluateRow(env, () => {
      this.#ones = items.map((item) => ('one' in item ? item.one(env) : null));
      this.#sets = items.map((item) => ('set' in item ? item.set(env) : undefined));
    });
  }

  #emit(out: RowBuffer): boolean {
    const sets = this.#sets!;
    let any = false;
    const values = this.#ones.map((one, i): SqlValue => {
      if ('one' in this.#plan.items[i]!) return one;
      const step = sets[i]?.next();
      if (step === undefined || step.done === true) {
        sets[i] = undefined;
        return null;
      }
      any = true;
      return Array.isArray(step.value)
        ? new PgRecord(this.#plan.fieldTypes[i]!, step.value as SqlValue[])
        : (step.value as SqlValue);
    });
    if (!any) return false;
    out.start();
    for (let i = 0; i < values.length; i++) this.#plan.writers[i]!(out, values[i]!);
    out.finish();
    return true;
  }

  close(): void {
    this.#input.close();
    this.#out.release();
  }
}

/** Gives the rows of a catalog relation, all columns, for a session; some have to wait for pages first. */
export type VirtualRows = (
  relation: VirtualRelation,
) => readonly (readonly SqlValue[])[] | Task<Iterable<readonly SqlValue[]>>;

/** Catalog relations: rows are made when the scan starts. */
export class VirtualScanPlan implements PlanNode {
  readonly shape: Shape;
  readonly rows = 200;
  readonly title: string;
  readonly details: readonly string[] = [];
  readonly children: readonly PlanNode[] = [];
  readonly relation: VirtualRelation;
  readonly numbers: readonly number[];
  readonly source: VirtualRows;
  readonly writers: readonly Writer[];

  constructor(relation: VirtualRelation, numbers: readonly number[], shape: Shape, source: VirtualRows, alias: string) {
    this.relation = relation;
    this.numbers = numbers;
    this.shape = shape;
    this.source = source;
    this.title = `Seq Scan on ${alias === relation.name ? alias : `${relation.name} ${alias}`}`;
    this.writers = shape.columns.map((_, i) => columnWriter(shape, i));
  }

  start(state: ExecState): Operator {
    return new VirtualScanOperator(state, this);
  }
}

class VirtualScanOperator extends Operator {
  readonly #plan: VirtualScanPlan;
  readonly #out: RowBuffer;
  #rows: Iterator<readonly SqlValue[]> | undefined;

  constructor(state: ExecState, plan: VirtualScanPlan) {
    super(state);
    this.#plan = plan;
    this.#out = new RowBuffer(plan.shape.layout, state.memory);
  }

  *open(): Task<void> {
    this.loops++;
    const made = this.#plan.source(this.#plan.relation);
    this.#rows = ('next' in made ? yield* made : made)[Symbol.iterator]();
  }

  *next(): Task<RowBuffer | undefined> {
    const out = this.#out;
    const { numbers, writers, relation } = this.#plan;
    out.clear();
    while (out.count < BATCH_ROWS) {
      const step = this.#rows?.next();
      if (step === undefined || step.done === true) break;
      out.start();
      for (let i = 0; i < writers.length; i++) {
        const number = numbers[i]!;
        writers[i]!(out, number > 0 ? (step.value[number - 1] ?? null) : number === -6 ? relation.oid : null);
      }
      out.finish();
      if (this.state.spent(8)) yield this.state.session.slice();
    }
    this.producedRows += out.count;
    return out.count === 0 ? undefined : out;
  }

  close(): void {
    this.#out.release();
  }
}
