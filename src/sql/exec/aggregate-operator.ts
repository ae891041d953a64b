/**
 * How an aggregation runs where no code was generated for it: groups in a hash table, one running state per group and call.
 *
 * Each input row finds its group by the hash key of the grouping expressions; the first row of a group also leaves their
 * values in a row buffer. Arguments with DISTINCT or ORDER BY are gathered (`gathered-arguments.ts`) and stepped at the end,
 * group by group. Without grouping expressions there is exactly one group, also when there is no row.
 */
import { assert } from '../../base/assert.ts';
import type { Task } from '../../base/task.ts';
import { KeyWriter, RowBuffer } from '../../engine/record-port.ts';
import type { SqlValue } from '../types/contracts.ts';
import { heldBytes } from '../types/held-bytes.ts';
import type { AggregatePlan, CompiledCall } from './aggregate.ts';
import { GatheredArguments } from './gathered-arguments.ts';
import { HashTable } from './hash-table.ts';
import { appendHashValue } from './key-values.ts';
import { BATCH_ROWS, evaluateRow, Operator, pointAt } from './operator.ts';
import { DEPTH_MAX, Partitions, SPILL_ROWS_MIN, type SpilledRows } from './spill.ts';
import { Env, type ExecState, SUSPEND } from './state.ts';
import { columnReader, columnWriter, type Eval, type Writer } from './values.ts';

/** What the state of one call for one group is taken to hold. */
const STATE_BYTES = 64;
/** Rows from disk between two looks at the memory. */
const SETTLE_ROWS = 256;

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

/** Runs an aggregation over an operator, or over rows that another aggregation put aside. */
export class AggregateOperator extends Operator {
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
  /** Per call. */
  readonly #gathered: readonly (GatheredArguments | undefined)[];
  /** What groups' states are taken to hold. */
  #charged = 0;
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
    this.#gathered = plan.calls.map((c) => c.gathering && new GatheredArguments(this, c.gathering));
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
    for (const gathered of this.#gathered) gathered?.clear();
    this.state.memory.usedBytes -= this.#charged;
    this.#charged = 0;
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
      yield* this.#settle();
    }
    yield* this.#endRound();
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

  *#settle(): Task<void> {
    for (const gathered of this.#gathered) if (gathered !== undefined) yield* gathered.settle();
  }

  /** All rows of the groups in memory are there. The rows put aside in a round become parts that wait. */
  *#endRound(): Task<void> {
    for (const gathered of this.#gathered) if (gathered !== undefined) yield* gathered.finish();
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
    for (let n = 1; part.rows.advance(); n++) {
      env.b0 = part.rows.bytes;
      env.v0 = part.rows.view;
      env.r0 = part.rows.rowAt;
      yield* evaluateRow(env, () => this.#row());
      if (this.state.spent(2)) yield this.state.session.slice();
      if (n % SETTLE_ROWS === 0) yield* this.#settle();
    }
    part.rows.close();
    yield* this.#endRound();
  }

  #startGroup(group: number): void {
    const { calls } = this.#plan;
    for (let c = 0; c < calls.length; c++) this.#states[c]![group] = calls[c]!.impl.start(this.state.context);
    this.#charge(calls.length * STATE_BYTES);
  }

  #charge(bytes: number): void {
    this.#charged += bytes;
    this.state.memory.charge(bytes);
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
      if (call.gathering !== undefined) orders[c] = call.gathering.keys.map((k) => k.evaluate(env));
      if (call.direct.length > 0) directs[c] = call.direct.map((d) => d(env));
    }
    const group = this.#groupOf(values);
    if (group < 0) return;
    for (let c = 0; c < calls.length; c++) {
      if (calls[c]!.direct.length > 0) this.#direct[c]![group] = directs[c]!;
      const args = argLists[c];
      if (args === undefined) continue;
      const gathered = this.#gathered[c];
      if (gathered === undefined || gathered.take(group, args, orders[c])) this.#step(c, group, args);
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
    this.#spilling = new Partitions(this, this.#plan.children[0]!.shape, this.#depth, false);
    return true;
  }

  get #groupWriters(): readonly Writer[] {
    this.#writersOfGroup ??= this.#plan.groupShape.columns.map((_, i) => columnWriter(this.#plan.groupShape, i));
    return this.#writersOfGroup;
  }
  #writersOfGroup: readonly Writer[] | undefined;

  #step(c: number, group: number, args: readonly SqlValue[]): void {
    const call = this.#plan.calls[c]!;
    const states = this.#states[c]!;
    states[group] = call.impl.step(this.state.context, states[group], ...args);
    if (call.keepsInput) for (let i = 0; i < args.length; i++) this.#charge(heldBytes(args[i]!));
  }

  *#finish(c: number, group: number): Task<SqlValue> {
    yield* this.#gathered[c]?.ofGroup(group, (args) => this.#step(c, group, args)) ?? [];
    return this.#plan.calls[c]!.impl.final(
      this.state.context,
      this.#states[c]![group],
      ...(this.#direct[c]![group] ?? []),
    );
  }

  close(): void {
    if (this.#ownsInput) this.#input?.close();
    this.#closeSpilled();
    this.#out.release();
    this.#groups.release();
    this.#table.clear();
    for (const gathered of this.#gathered) gathered?.release();
    this.state.memory.usedBytes -= this.#charged;
    this.#charged = 0;
  }
}
