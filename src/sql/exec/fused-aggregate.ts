/**
 * Runs generated aggregations: over the leaves of a table, over the pairs of a hash join, over any operator's rows.
 *
 *   leaves   one loop filters, groups and accumulates; no row in between        codegen/aggregate-code.ts
 *   pairs    the join's probe accumulates; no pair is built                     codegen/join-code.ts
 *   rows     the input's batches, one after the other                           codegen/aggregate-code.ts
 *
 * Groups that found room go on to the end. Rows of others are spread over parts on disk by their group keys; when the groups in
 * memory are put out, part after part is aggregated in the same way, as `rows`, and may itself be spread again:
 *
 *   round:  rows ─> groups in memory ─(full, group unknown)─> parts ─> later rounds
 *
 * The interpreter takes over, before anything is aggregated, where generated code cannot go on, and for parts that it cannot do.
 */
import type { Task } from '../../base/task.ts';
import { type LeafScan, NEED, NONE, RowBuffer } from '../../engine/record-port.ts';
import type { SqlValue } from '../types/contracts.ts';
import { numeric } from '../types/numeric.ts';
import { divideNumeric } from '../types/numeric-arithmetic.ts';
import type { AggregatePlan } from './aggregate.ts';
import {
  type AggregateBatch,
  type AggregateLoop,
  type AggregateWork,
  type CompiledAggregate,
  compileAggregateBatch,
  compileAggregateLoop,
} from './codegen/aggregate-code.ts';
import type { FusedCall } from './codegen/aggregate-sink.ts';
import { FusedGroups, type GroupKind, type PutAside } from './codegen/fused-groups.ts';
import type { ProbeGroups } from './codegen/join-code.ts';
import type { HashJoinOperator, HashJoinPlan } from './hash-join.ts';
import { BATCH_ROWS, Operator, type PlanNode, startPlan } from './operator.ts';
import type { ScanPlan } from './scan.ts';
import { DEPTH_MAX, Partitions, type SpilledRows } from './spill.ts';
import { Env, type ExecState, SUSPEND } from './state.ts';
import { columnReader, type Eval } from './values.ts';

/** Leaves between two looks at the clock. */
const LEAVES = 16;
/** Many parts: one that has to be spread again is written twice. */
const PART_BITS = 6;
/** Putting a group out is so much more work than reading a row. */
const GROUP_UNITS = 4;

/** What generated code aggregates. */
export type FusedInput =
  | { readonly of: 'leaves'; readonly plan: ScanPlan; readonly code: CompiledAggregate<AggregateLoop> }
  | { readonly of: 'pairs'; readonly plan: HashJoinPlan; readonly code: CompiledAggregate<ProbeGroups> }
  | { readonly of: 'rows'; readonly plan: PlanNode; readonly code: CompiledAggregate<AggregateBatch> };

/** Undefined when something is not covered; so the others. */
export function leafCode(plan: ScanPlan, state: ExecState, work: AggregateWork): FusedInput | undefined {
  const { tableShape, table, filter } = plan.options;
  const code = compileAggregateLoop(tableShape, state.session.access(table), filter, work);
  return code === undefined ? undefined : { of: 'leaves', plan, code };
}

export function pairCode(plan: HashJoinPlan, work: AggregateWork): FusedInput | undefined {
  const code = plan.compileAggregate(work);
  return code === undefined ? undefined : { of: 'pairs', plan, code };
}

export function rowCode(plan: PlanNode, work: AggregateWork): FusedInput | undefined {
  const code = compileAggregateBatch(plan.shape, work);
  return code === undefined ? undefined : { of: 'rows', plan, code };
}

/** Brings the input's rows to the groups. */
interface Feed {
  open(): Task<void>;
  /** To the input's end; false when generated code cannot, and nothing has been aggregated. */
  run(groups: FusedGroups): Task<boolean>;
  /** The operator that the interpreter reads instead. */
  readonly input: Operator | undefined;
  /** A row of the input's shape from the records that generated code has at hand. */
  readonly putAside: (add: AddRow) => PutAside;
  close(): void;
}

/** Rows put aside `depth` times. */
interface Part {
  readonly rows: SpilledRows;
  readonly depth: number;
}

type AddRow = (bytes: Uint8Array, view: DataView, start: number) => void;

export class FusedAggregateOperator extends Operator {
  readonly #plan: AggregatePlan;
  readonly #fused: FusedInput;
  readonly #feed: Feed;
  readonly #out: RowBuffer;
  readonly #env: Env;
  readonly #groupReaders: readonly Eval[];
  #groups: FusedGroups | undefined;
  /** Made by the code that filled the groups. */
  #calls: readonly FusedCall[] = [];
  #kind: GroupKind = 'none';
  #aside: Partitions | undefined;
  /** Parts of earlier rounds that wait for theirs, and the rows of the one being aggregated. */
  #waiting: Part[] = [];
  #part: Part | undefined;
  #partRows: RowBuffer | undefined;
  /** The interpreter: in place of this operator, or for the rows put aside. */
  #rest: Operator | undefined;
  #done = false;
  #next = 0;

  constructor(state: ExecState, plan: AggregatePlan, fused: FusedInput) {
    super(state);
    this.#plan = plan;
    this.#fused = fused;
    this.#feed = feedOf(state, this.#fused);
    this.#out = new RowBuffer(plan.shape.layout, state.memory);
    this.#env = new Env(state);
    this.#groupReaders = plan.groupShape.columns.map((_, i) => columnReader(plan.groupShape, i, 0));
  }

  *open(): Task<void> {
    this.loops++;
    this.#clear();
    this.#done = false;
    yield* this.#feed.open();
  }

  *next(): Task<RowBuffer | undefined> {
    if (!this.#done) yield* this.#consume();
    const out = this.#out;
    out.clear();
    while (out.count === 0 && this.#groups !== undefined) {
      const groups = this.#groups;
      while (this.#next < groups.count && out.count < BATCH_ROWS) this.#put(groups, this.#next++, out);
      if (out.count === 0) yield* this.#nextRound();
    }
    if (out.count === 0 && this.#rest !== undefined) {
      const rows = yield* this.#rest.next();
      this.producedRows += rows?.count ?? 0;
      return rows;
    }
    if (this.state.spent(out.count * GROUP_UNITS)) yield this.state.session.slice();
    this.producedRows += out.count;
    return out.count === 0 ? undefined : out;
  }

  *#consume(): Task<void> {
    const { code } = this.#fused;
    const groups = this.#newGroups(code, this.#plan.rows, 0, this.#feed.putAside);
    if (!(yield* this.#feed.run(groups))) {
      groups.release();
      this.#groups = undefined;
      this.#rest = this.#plan.startOver(this.state, this.#feed.input!);
    }
    this.#done = true;
  }

  /** Begins a round: no groups yet, and a place for the rows of those that find no room. */
  #newGroups(
    code: CompiledAggregate<unknown>,
    expected: number,
    depth: number,
    putAside: (add: AddRow) => PutAside,
  ): FusedGroups {
    const aside = putAside((bytes, view, start) => {
      this.#aside ??= new Partitions(this, this.#plan.children[0]!.shape, depth, false, PART_BITS);
      this.#aside.add(bytes, view, start, groups.key);
    });
    const { groupShape } = this.#plan;
    const mayFill = depth < DEPTH_MAX;
    const groups = new FusedGroups(this.state, code.calls.length, code.kind, groupShape, expected, aside, mayFill);
    this.#groups = groups;
    this.#calls = code.calls;
    this.#kind = code.kind;
    this.#next = 0;
    return groups;
  }

  #put(groups: FusedGroups, group: number, out: RowBuffer): void {
    const { writers } = this.#plan;
    out.start();
    let column = 0;
    if (this.#kind === 'integer') writers[column++]!(out, groups.isNull(group) ? null : groups.keys[group]!);
    else if (this.#kind === 'keyed') {
      const env = this.#env;
      const address = groups.rows.index[group]!;
      env.v0 = groups.rows.views[address >>> 13]!;
      env.b0 = groups.rows.chunks[address >>> 13]!;
      env.r0 = (address & 8191) << 3;
      for (const read of this.#groupReaders) writers[column++]!(out, read(env));
    }
    for (const call of this.#calls) writers[column++]!(out, result(call, groups, group));
    out.finish();
  }

  /** The groups in memory are out: on with a part of the rows put aside. */
  *#nextRound(): Task<void> {
    this.#groups?.release();
    this.#groups = undefined;
    this.#endRound();
    const code = this.#plan.partCode;
    if (code === undefined) {
      if (this.#waiting.length > 0)
        this.#rest = this.#plan.startRest(
          this.state,
          this.#waiting.splice(0).map((part) => part.rows),
        );
      return;
    }
    this.#part = this.#waiting.pop();
    if (this.#part !== undefined) yield* this.#consumePart(this.#part, code);
  }

  /** What a round put aside becomes parts that wait. */
  #endRound(): void {
    const depth = (this.#part?.depth ?? 0) + 1;
    this.#part?.rows.close();
    this.#part = undefined;
    this.#aside?.seal();
    for (const rows of this.#aside?.parts ?? []) if (rows.count > 0) this.#waiting.push({ rows, depth });
    this.#aside = undefined;
  }

  /** Aggregates one part: its groups are in no other. */
  *#consumePart(part: Part, code: CompiledAggregate<AggregateBatch>): Task<void> {
    this.#partRows ??= new RowBuffer(part.rows.shape.layout, this.state.memory);
    const rows = this.#partRows;
    const groups = this.#newGroups(code, part.rows.count, part.depth, ROW_ASIDE);
    while (part.rows.batch(rows)) {
      yield* runBatch(code.fn, rows, this.state, groups);
      if (this.state.spent(rows.count)) yield this.state.session.slice();
    }
  }

  #clear(): void {
    this.#groups?.release();
    this.#groups = undefined;
    this.#aside?.close();
    this.#aside = undefined;
    this.#part?.rows.close();
    this.#part = undefined;
    for (const part of this.#waiting) part.rows.close();
    this.#waiting = [];
    this.#rest?.close();
    this.#rest = undefined;
  }

  close(): void {
    this.#clear();
    this.#feed.close();
    this.#partRows?.release();
    this.#out.release();
  }
}

/** For rows that are the input's as they lie. */
const ROW_ASIDE =
  (add: AddRow): PutAside =>
  (v, b, r) =>
    add(b, v, r);

/** Aggregates a batch, waiting where a row must. */
function* runBatch(code: AggregateBatch, rows: RowBuffer, state: ExecState, groups: FusedGroups): Task<void> {
  for (let from = 0; from < rows.count; ) {
    try {
      code(rows, from, state, groups);
      from = rows.count;
    } catch (thrown) {
      if (thrown !== SUSPEND) throw thrown;
      from = groups.at;
      yield* groups.env.finishWait();
    }
  }
}

function feedOf(state: ExecState, fused: FusedInput): Feed {
  switch (fused.of) {
    case 'leaves':
      return new LeafFeed(state, fused.plan, fused.code.fn);
    case 'pairs':
      return new PairFeed(state, fused.plan, fused.code.fn);
    case 'rows':
      return new RowFeed(state, fused.plan, fused.code.fn);
  }
}

class LeafFeed implements Feed {
  readonly input = undefined;
  readonly #state: ExecState;
  readonly #plan: ScanPlan;
  readonly #code: AggregateLoop;
  readonly #scan: LeafScan;
  readonly #row: RowBuffer;
  #open = false;

  constructor(state: ExecState, plan: ScanPlan, code: AggregateLoop) {
    this.#state = state;
    this.#plan = plan;
    this.#code = code;
    this.#scan = state.session.store.scan();
    this.#row = new RowBuffer(plan.shape.layout, state.memory);
  }

  // biome-ignore lint/correctness/useYield: opening waits for nothing here
  *open(): Task<void> {
    this.#closeScan();
    this.#scan.open(this.#plan.options.table.tree, undefined, undefined, false, this.#state.snapshot);
    this.#open = true;
  }

  *run(groups: FusedGroups): Task<boolean> {
    const scan = this.#scan;
    const state = this.#state;
    const access = state.session.access(this.#plan.options.table);
    let leaves = 0;
    for (;;) {
      const status = scan.next();
      if (status === NEED) {
        yield state.session.need();
        continue;
      }
      if (status === NONE) break;
      try {
        this.#code(scan, access, state, groups);
      } catch (thrown) {
        if (thrown !== SUSPEND) throw thrown;
        // The row at this slot must wait: the page is given up, and the scan comes back to the row.
        scan.park(groups.at, false);
        yield* groups.env.finishWait();
      }
      if (++leaves % LEAVES === 0 && state.session.sliceOver()) yield state.session.slice();
    }
    this.#closeScan();
    return true;
  }

  readonly putAside = (add: AddRow): PutAside => {
    const row = this.#row;
    return (v, b, r) => {
      row.clear();
      row.start();
      this.#plan.copy(v, b, r, row);
      row.finish();
      add(row.bytes, row.view, row.at);
    };
  };

  #closeScan(): void {
    if (this.#open) this.#scan.close();
    this.#open = false;
  }

  close(): void {
    this.#closeScan();
    this.#row.release();
  }
}

class RowFeed implements Feed {
  readonly input: Operator;
  readonly #code: AggregateBatch;

  constructor(state: ExecState, plan: PlanNode, code: AggregateBatch) {
    this.input = startPlan(plan, state);
    this.#code = code;
  }

  *open(): Task<void> {
    yield* this.input.open();
  }

  *run(groups: FusedGroups): Task<boolean> {
    const { state } = this.input;
    for (;;) {
      const rows = yield* this.input.next();
      if (rows === undefined) return true;
      yield* runBatch(this.#code, rows, state, groups);
      if (state.spent(rows.count)) yield state.session.slice();
    }
  }

  readonly putAside = ROW_ASIDE;

  close(): void {
    this.input.close();
  }
}

class PairFeed implements Feed {
  readonly input: HashJoinOperator;
  readonly #plan: HashJoinPlan;
  readonly #code: ProbeGroups;
  readonly #row: RowBuffer;

  constructor(state: ExecState, plan: HashJoinPlan, code: ProbeGroups) {
    this.#row = new RowBuffer(plan.shape.layout, state.memory);
    this.#plan = plan;
    this.input = startPlan(plan, state);
    this.#code = code;
  }

  *open(): Task<void> {
    yield* this.input.open();
  }

  *run(groups: FusedGroups): Task<boolean> {
    return yield* this.input.aggregate(this.#code, groups);
  }

  readonly putAside = (add: AddRow): PutAside => {
    const env = new Env(this.input.state);
    const row = this.#row;
    return (v, b, r, w, a, q, absent) => {
      env.v0 = v;
      env.b0 = b;
      env.r0 = r;
      env.v1 = w;
      env.b1 = a;
      env.r1 = q;
      env.null1 = absent;
      row.clear();
      this.#plan.pairs.build(env, row);
      add(row.bytes, row.view, row.at);
    };
  };

  close(): void {
    this.input.close();
    this.#row.release();
  }
}

/** The value of one call for one group. */
function result(call: FusedCall, groups: FusedGroups, group: number): SqlValue {
  const count = groups.counts[call.slot]![group]!;
  if (call.how === 'count') return count;
  if (count === 0) return null;
  const value = groups.values[call.slot]![group]!;
  switch (call.how) {
    case 'fsum':
      return value;
    case 'favg':
      return value / count;
    case 'min':
    case 'max':
      return call.type === 1700 ? numeric(value, call.scale) : value;
    case 'omin':
    case 'omax':
      return groups.objects[call.slot]![group]!;
    case 'sum':
    case 'wsum': {
      const sum = groups.sum(call.slot, group);
      return call.type === 1700 ? numeric(sum, call.scale) : sum;
    }
    case 'avg':
    case 'wavg':
      return divideNumeric(numeric(groups.sum(call.slot, group), call.scale), numeric(count, 0));
  }
}
