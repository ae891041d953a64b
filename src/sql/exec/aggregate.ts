/**
 * Aggregation: groups in a hash table, one running state per group and call.
 *
 * Each input row finds its group by the hash key of the grouping expressions; the first row of a group also leaves their
 * values in a row buffer. DISTINCT arguments pass through a hash table of (group, arguments); ORDER BY arguments are gathered
 * in a sorter and stepped at the end, group by group. Without grouping expressions there is exactly one group, also when
 * there is no row.
 */
import { assert } from '../../base/assert.ts';
import type { Task } from '../../base/task.ts';
import { KeyWriter, RowBuffer } from '../../engine/record-port.ts';
import type { AggregateCall, ColumnId, Expr, SortKey } from '../plan/logical.ts';
import { substitute } from '../plan/walk.ts';
import type { AggregateImpl, Oid, SqlValue } from '../types/contracts.ts';
import type { AggregateWork } from './codegen/aggregate-code.ts';
import { callTypes, compileEval, type Scope } from './evaluate.ts';
import { FusedAggregateOperator, type FusedInput, leafCode, pairCode, rowCode } from './fused-aggregate.ts';
import { HashJoinPlan } from './hash-join.ts';
import { HashTable } from './hash-table.ts';
import { appendHashValue, appendSortValue } from './key-values.ts';
import { BATCH_ROWS, evaluateRow, Operator, type PlanNode, pointAt, startPlan } from './operator.ts';
import { ScanPlan } from './scan.ts';
import { RenamePlan } from './sets.ts';
import { Shape, travelPhysical } from './shape.ts';
import { Sorter } from './sorter.ts';
import { DEPTH_MAX, Partitions, SPILL_ROWS_MIN, type SpilledRows } from './spill.ts';
import { Env, type ExecState, SUSPEND } from './state.ts';
import { columnReader, columnWriter, type Eval, type Writer } from './values.ts';

/** The plan below all that only gives columns other names. */
function unnamed(plan: PlanNode): PlanNode {
  return plan instanceof RenamePlan ? unnamed(plan.children[0]!) : plan;
}

/** The same work in terms of the columns below a renaming. */
function withNamesBelow(plan: RenamePlan, work: AggregateWork): AggregateWork {
  const below = plan.children[0]!.shape.columns;
  const names = new Map<ColumnId, Expr>();
  plan.shape.columns.forEach(({ id }, i) => {
    const column = below[i]!;
    names.set(id, { kind: 'column', id: column.id, type: column.type, typmod: column.typmod });
  });
  const calls = work.calls.map((call) => ({
    ...call,
    args: call.args.map((arg) => substitute(arg, names)),
    ...(call.filter === undefined ? {} : { filter: substitute(call.filter, names) }),
  }));
  return { ...work, groups: work.groups.map((group) => substitute(group, names)), calls };
}

/** Generated code takes over at about this many rows, or at this execution. */
const COMPILE_ROWS = 1000;
const COMPILE_STARTS = 3;

interface CompiledCall {
  readonly impl: AggregateImpl;
  readonly strict: boolean;
  readonly args: readonly Eval[];
  readonly direct: readonly Eval[];
  readonly filter: Eval | undefined;
  readonly distinct: boolean;
  /** Set for calls whose arguments must come in order: the shape in which they wait, and the keys by position in it. */
  readonly ordered:
    | {
        readonly shape: Shape;
        readonly writers: readonly Writer[];
        readonly readers: readonly Eval[];
        readonly keys: readonly { readonly evaluate: Eval; readonly key: SortKey }[];
      }
    | undefined;
}

export class AggregatePlan implements PlanNode {
  readonly shape: Shape;
  readonly rows: number;
  readonly title: string;
  readonly details: readonly string[];
  readonly children: readonly PlanNode[];
  readonly groups: readonly Eval[];
  readonly groupExprs: readonly Expr[];
  readonly calls: readonly CompiledCall[];
  readonly writers: readonly Writer[];
  readonly groupShape: Shape;

  constructor(
    input: PlanNode,
    shape: Shape,
    groups: readonly Expr[],
    calls: readonly AggregateCall[],
    scope: Scope,
    rows: number,
    details: readonly string[],
  ) {
    this.shape = shape;
    this.rows = rows;
    this.title = groups.length === 0 ? 'Aggregate' : 'HashAggregate';
    this.details = details;
    this.children = [input];
    const inner = { ...scope, shape0: input.shape };
    this.groupExprs = groups;
    this.groups = groups.map((g) => compileEval(g, inner));
    this.calls = calls.map((c, i) => compileCall(c, inner, shape.columns[groups.length + i]!.type));
    this.#calls = calls;
    this.writers = shape.columns.map((_, i) => columnWriter(shape, i));
    this.groupShape = new Shape(shape.columns.slice(0, groups.length));
  }

  readonly #calls: readonly AggregateCall[];

  /** Arguments of a call, for their types. */
  argTypes(call: number): readonly Expr[] {
    return this.#calls[call]!.args;
  }

  start(state: ExecState): Operator {
    const fused = this.#fusedInput(state);
    return fused === undefined
      ? new AggregateOperator(state, this, startPlan(this.children[0]!, state))
      : new FusedAggregateOperator(state, this, fused);
  }

  /** What generated code aggregates, when there is such code and it has been earned. */
  #fusedInput(state: ExecState): FusedInput | undefined {
    const input = unnamed(this.children[0]!);
    this.#starts++;
    const earned =
      input instanceof ScanPlan && input.isWholeTable
        ? input.isWorthCompiling()
        : Math.max(input.rows, ...input.children.map((c) => c.rows)) >= COMPILE_ROWS || this.#starts >= COMPILE_STARTS;
    if (!earned) return undefined;
    this.#fused ??= { input: this.#compile(state) };
    return this.#fused.input;
  }

  #compile(state: ExecState): FusedInput | undefined {
    let input = this.children[0]!;
    let work: AggregateWork = { groups: this.groupExprs, groupShape: this.groupShape, calls: this.#calls };
    for (; input instanceof RenamePlan; input = input.children[0]!) work = withNamesBelow(input, work);
    if (input instanceof ScanPlan && input.isWholeTable) return leafCode(input, state, work);
    return (input instanceof HashJoinPlan ? pairCode(input, work) : undefined) ?? rowCode(input, work);
  }

  /** The interpreter, over an operator that is open already. */
  startOver(state: ExecState, input: Operator): Operator {
    return new AggregateOperator(state, this, input, 'open');
  }

  /** The rest of an aggregation that put rows aside. */
  startRest(state: ExecState, parts: readonly SpilledRows[]): Operator {
    return new AggregateOperator(state, this, undefined, parts);
  }

  #starts = 0;
  #fused: { readonly input: FusedInput | undefined } | undefined;

  /** Generated code, for EXPLAIN. */
  get generated(): string | undefined {
    return this.#fused?.input?.code.source;
  }
}

let nextArgumentId: ColumnId = -1_000_000;

function compileCall(call: AggregateCall, scope: Scope, result: Oid): CompiledCall {
  const all = [...call.direct, ...call.args];
  const impl = call.aggregate.specialize(callTypes(all, result));
  const args = call.args.map((a) => compileEval(a, scope));
  const needsOrder = call.order.length > 0 && !call.aggregate.orderInsensitive;
  let ordered: CompiledCall['ordered'];
  if (needsOrder) {
    const argShape = Shape.of(call.args.map((a) => ({ id: nextArgumentId--, type: a.type, typmod: a.typmod })));
    ordered = {
      shape: argShape,
      writers: argShape.columns.map((_, i) => columnWriter(argShape, i)),
      readers: argShape.columns.map((_, i) => columnReader(argShape, i, 0)),
      keys: call.order.map((key) => ({ evaluate: compileEval(key.expr, scope), key })),
    };
  }
  return {
    impl,
    strict: call.aggregate.strict,
    args,
    direct: call.direct.map((a) => compileEval(a, scope)),
    filter: call.filter === undefined ? undefined : compileEval(call.filter, scope),
    distinct: call.distinct,
    ordered,
  };
}

const NO_ARGUMENTS: readonly SqlValue[] = [];

/** A call's arguments for the row that `env` points to; undefined when the row does not count for it. */
function argumentsOf(call: CompiledCall, env: Env): readonly SqlValue[] | undefined {
  if (call.filter !== undefined && call.filter(env) !== true) return undefined;
  const { args } = call;
  if (args.length === 0) return NO_ARGUMENTS;
  const values = new Array<SqlValue>(args.length);
  let nulls = false;
  for (let i = 0; i < args.length; i++) {
    values[i] = args[i]!(env);
    nulls ||= values[i] === null;
  }
  return nulls && call.strict ? undefined : values;
}

class AggregateOperator extends Operator {
  readonly #plan: AggregatePlan;
  /** Undefined: all rows were put aside by others. */
  readonly #input: Operator | undefined;
  readonly #env: Env;
  readonly #out: RowBuffer;
  readonly #groups: RowBuffer;
  readonly #table: HashTable;
  readonly #key = new KeyWriter();
  /** Per call, per group. */
  #states: unknown[][] = [];
  #distinct: (HashTable | undefined)[] = [];
  /** Per ordered call, per group. */
  #sorters: Sorter[][] = [];
  #direct: (readonly SqlValue[])[][] = [];
  /** What the current row evaluates to: group values, and per call its arguments, sort keys and direct arguments. */
  readonly #values: SqlValue[] = [];
  readonly #argLists: (readonly SqlValue[] | undefined)[] = [];
  readonly #orders: (readonly SqlValue[] | undefined)[] = [];
  readonly #directs: (readonly SqlValue[])[] = [];
  readonly #ownsInput: boolean;
  #done = false;
  #nextGroup = 0;
  /** Where rows of groups that found no more room go; parts of earlier rounds that wait for theirs. */
  #spilling: Partitions | undefined;
  #waiting: { readonly rows: SpilledRows; readonly depth: number }[] = [];
  #depth = 0;

  constructor(
    state: ExecState,
    plan: AggregatePlan,
    input: Operator | undefined,
    from: 'open' | readonly SpilledRows[] | undefined = undefined,
  ) {
    super(state);
    this.#plan = plan;
    this.#input = input;
    this.#env = new Env(state);
    this.#out = new RowBuffer(plan.shape.layout, state.memory);
    this.#groups = new RowBuffer(plan.groupShape.layout, state.memory);
    this.#table = new HashTable(state.memory);
    this.#ownsInput = from === undefined;
    if (from === undefined) return;
    // It begins where others left off, and is not opened itself.
    this.#reset();
    if (from === 'open') return;
    this.#waiting = from.map((rows) => ({ rows, depth: 1 }));
    this.#done = true;
  }

  *open(): Task<void> {
    this.loops++;
    this.#reset();
    this.#done = false;
    this.#nextGroup = 0;
    this.#closeSpilled();
    assert(this.#input !== undefined, 'the rest of an aggregation is not opened');
    yield* this.#input.open();
  }

  /** Empties groups and states for the next part of the input. */
  #reset(): void {
    const { calls } = this.#plan;
    this.#table.clear();
    this.#groups.clear();
    this.#states = calls.map(() => []);
    for (const table of this.#distinct) table?.clear();
    this.#distinct = calls.map((c) => (c.distinct ? new HashTable(this.state.memory) : undefined));
    for (const list of this.#sorters) for (const sorter of list) sorter.release();
    this.#sorters = calls.map(() => []);
    this.#direct = calls.map(() => []);
    this.#nextGroup = 0;
  }

  #closeSpilled(): void {
    for (const part of this.#waiting) part.rows.close();
    this.#waiting = [];
    for (const part of this.#spilling?.parts ?? []) part.close();
    this.#spilling = undefined;
  }

  *next(): Task<RowBuffer | undefined> {
    if (!this.#done) yield* this.#consume();
    const out = this.#out;
    out.clear();
    const { calls, writers, groups, shape } = this.#plan;
    const env = this.#env;
    while (groups.length > 0 && this.#nextGroup >= this.#table.count && this.#waiting.length > 0)
      yield* this.#consumePart();
    const count = groups.length === 0 ? 1 : this.#table.count;
    while (this.#nextGroup < count && out.count < BATCH_ROWS) {
      const group = this.#nextGroup++;
      if (groups.length > 0) pointAt(env, this.#groups, group);
      const values: SqlValue[] = this.#groupReaders.map((read) => read(env));
      for (let c = 0; c < calls.length; c++) values.push(yield* this.#finish(c, group));
      out.start();
      for (let i = 0; i < shape.columns.length; i++) writers[i]!(out, values[i] ?? null);
      out.finish();
    }
    this.producedRows += out.count;
    return out.count === 0 ? undefined : out;
  }

  get #groupReaders(): readonly Eval[] {
    this.#readers ??= this.#plan.groupShape.columns.map((_, i) => columnReader(this.#plan.groupShape, i, 0));
    return this.#readers;
  }
  #readers: readonly Eval[] | undefined;

  *#consume(): Task<void> {
    const env = this.#env;
    if (this.#plan.groups.length === 0) this.#startGroup(0);
    for (;;) {
      const rows = yield* this.#input!.next();
      if (rows === undefined) break;
      for (let i = this.#rowsNow(rows, 0); i < rows.count; i = this.#rowsNow(rows, i + 1)) {
        yield* env.finishWait();
        yield* evaluateRow(env, () => this.#row());
      }
      if (this.state.spent(rows.count)) yield this.state.session.slice();
    }
    this.#endRound();
    this.#done = true;
  }

  /** Takes rows until one must wait for something. @returns its number, or the count of the rows */
  #rowsNow(rows: RowBuffer, from: number): number {
    const env = this.#env;
    let i = from;
    try {
      for (; i < rows.count; i++) {
        pointAt(env, rows, i);
        this.#row();
        env.rowDone();
      }
    } catch (thrown) {
      if (thrown !== SUSPEND) throw thrown;
    }
    return i;
  }

  /** The rows put aside in a round become parts that wait. */
  #endRound(): void {
    this.#spilling?.seal();
    for (const rows of this.#spilling?.parts ?? []) {
      if (rows.count > 0) this.#waiting.push({ rows, depth: this.#depth + 1 });
      else rows.close();
    }
    this.#spilling = undefined;
  }

  /** Aggregates one part that was put aside: its groups are in no other. */
  *#consumePart(): Task<void> {
    const part = this.#waiting.pop()!;
    this.#reset();
    this.#depth = part.depth;
    const env = this.#env;
    while (part.rows.advance()) {
      env.b0 = part.rows.bytes;
      env.v0 = part.rows.view;
      env.r0 = part.rows.rowAt;
      yield* evaluateRow(env, () => this.#row());
      if (this.state.spent(2)) yield this.state.session.slice();
    }
    part.rows.close();
    this.#endRound();
  }

  #startGroup(group: number): void {
    const { calls } = this.#plan;
    for (let c = 0; c < calls.length; c++) {
      this.#states[c]![group] = calls[c]!.impl.start(this.state.context);
      if (calls[c]!.ordered !== undefined) this.#sorters[c]![group] = new Sorter(this.state, calls[c]!.ordered!.shape);
    }
  }

  /** All of a row is evaluated before any state changes: it may have to be evaluated again. */
  #row(): void {
    const env = this.#env;
    const { groups, calls } = this.#plan;
    const values = this.#values;
    for (let g = 0; g < groups.length; g++) values[g] = groups[g]!(env);
    const [argLists, orders, directs] = [this.#argLists, this.#orders, this.#directs];
    for (let c = 0; c < calls.length; c++) {
      const call = calls[c]!;
      argLists[c] = argumentsOf(call, env);
      if (call.ordered !== undefined) orders[c] = call.ordered.keys.map((k) => k.evaluate(env));
      if (call.direct.length > 0) directs[c] = call.direct.map((d) => d(env));
    }
    const group = this.#groupOf(values);
    if (group < 0) return;
    for (let c = 0; c < calls.length; c++) {
      if (calls[c]!.direct.length > 0) this.#direct[c]![group] = directs[c]!;
      const args = argLists[c];
      if (args !== undefined) this.#step(c, group, args, orders[c]);
    }
  }

  #groupOf(values: readonly SqlValue[]): number {
    const { groups, shape } = this.#plan;
    if (groups.length === 0) return 0;
    const key = this.#key;
    key.length = 0;
    for (let i = 0; i < values.length; i++) appendHashValue(key, shape.columns[i]!.physical, values[i]!);
    const before = this.#table.count;
    if (this.#putsAside() && this.#table.find(key.bytes, key.length) < 0) {
      this.#spilling!.add(this.#env.b0, this.#env.v0, this.#env.r0, key);
      return -1;
    }
    const group = this.#table.findOrAdd(key.bytes, key.length);
    if (group === before) {
      this.#groups.start();
      for (let i = 0; i < values.length; i++) this.#groupWriters[i]!(this.#groups, values[i]!);
      this.#groups.finish();
      this.#startGroup(group);
    }
    return group;
  }

  /** True when rows of new groups go to disk: from the first one in a round, or a group could be here and there. */
  #putsAside(): boolean {
    if (this.#spilling !== undefined) return true;
    if (this.#table.count < SPILL_ROWS_MIN || !this.state.memory.exceeded || this.#depth >= DEPTH_MAX) return false;
    this.#spilling = new Partitions(this, this.#plan.children[0]!.shape, this.#depth);
    return true;
  }

  get #groupWriters(): readonly Writer[] {
    this.#writersOfGroup ??= this.#plan.groupShape.columns.map((_, i) => columnWriter(this.#plan.groupShape, i));
    return this.#writersOfGroup;
  }
  #writersOfGroup: readonly Writer[] | undefined;

  #step(c: number, group: number, args: readonly SqlValue[], order: readonly SqlValue[] | undefined): void {
    const call = this.#plan.calls[c]!;
    const distinct = this.#distinct[c];
    if (distinct !== undefined) {
      const key = this.#key;
      key.length = 0;
      key.uint32(group);
      const { ordered } = call;
      for (let i = 0; i < args.length; i++)
        appendHashValue(key, ordered?.shape.columns[i]?.physical ?? this.#argPhysicals(c)[i]!, args[i]!);
      const before = distinct.count;
      if (distinct.findOrAdd(key.bytes, key.length) !== before) return;
    }
    if (call.ordered === undefined) {
      const states = this.#states[c]!;
      states[group] = call.impl.step(this.state.context, states[group], ...args);
      return;
    }
    const sorter = this.#sorters[c]![group]!;
    const scratch = this.#scratchOf(c);
    scratch.clear();
    scratch.start();
    call.ordered.writers.forEach((write, i) => write(scratch, args[i]!));
    scratch.finish();
    const key = this.#key;
    key.length = 0;
    call.ordered.keys.forEach((k, i) =>
      appendSortValue(
        key,
        travelPhysical(k.key.expr.type, k.key.expr.typmod),
        k.key.descending,
        k.key.nullsFirst,
        order![i]!,
      ),
    );
    pointAt(this.#scratchEnv, scratch, 0);
    sorter.add(this.#scratchEnv, key);
  }

  #physicals: (readonly ReturnType<typeof travelPhysical>[] | undefined)[] = [];
  #argPhysicals(c: number): readonly ReturnType<typeof travelPhysical>[] {
    this.#physicals[c] ??= this.#plan.argTypes(c).map((a) => travelPhysical(a.type, a.typmod));
    return this.#physicals[c]!;
  }

  readonly #scratchEnv: Env = new Env(this.state);
  #scratches: RowBuffer[] = [];
  #scratchOf(c: number): RowBuffer {
    this.#scratches[c] ??= new RowBuffer(this.#plan.calls[c]!.ordered!.shape.layout, this.state.memory);
    return this.#scratches[c];
  }

  *#finish(c: number, group: number): Task<SqlValue> {
    const call = this.#plan.calls[c]!;
    const sorter = this.#sorters[c]![group];
    let state = this.#states[c]![group];
    if (sorter !== undefined && call.ordered !== undefined) {
      yield* sorter.sort();
      for (const number of sorter.order) {
        pointAt(this.#scratchEnv, sorter.rows, number);
        state = call.impl.step(
          this.state.context,
          state,
          ...call.ordered.readers.map((read) => read(this.#scratchEnv)),
        );
      }
    }
    const direct = this.#direct[c]![group] ?? [];
    return call.impl.final(this.state.context, state, ...direct);
  }

  close(): void {
    if (this.#ownsInput) this.#input?.close();
    this.#closeSpilled();
    this.#out.release();
    this.#groups.release();
    this.#table.clear();
    for (const table of this.#distinct) table?.clear();
    for (const list of this.#sorters) for (const sorter of list) sorter.release();
    for (const scratch of this.#scratches) scratch?.release();
  }
}
