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
import { RowBuffer } from '../../engine/record-port.ts';
import type { SqlValue } from '../types/contracts.ts';
import { numeric } from '../types/numeric.ts';
import { divideNumeric } from '../types/numeric-arithmetic.ts';
import type { AggregatePlan } from './aggregate.ts';
import { type AddRow, type Feed, type FusedInput, feedOf, ROW_ASIDE, runBatch } from './aggregate-feeds.ts';
import type { AggregateBatch, CompiledAggregate } from './codegen/aggregate-code.ts';
import type { FusedCall } from './codegen/aggregate-sink.ts';
import { FusedGroups, type GroupKind, type PutAside } from './codegen/fused-groups.ts';
import { BATCH_ROWS, evaluateNow, evaluateRow, Operator } from './operator.ts';
import { DEPTH_MAX, Partitions, type SpilledRows } from './spill.ts';
import { Env, type ExecState } from './state.ts';
import { columnReader, type Eval } from './values.ts';

/** Many parts: one that has to be spread again is written twice. */
const PART_BITS = 6;
/** Putting a group out is so much more work than reading a row. */
const GROUP_UNITS = 4;

/** Rows put aside `depth` times. */
interface Part {
  readonly rows: SpilledRows;
  readonly depth: number;
}

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
      for (; this.#next < groups.count && out.count < BATCH_ROWS; this.#next++) {
        // A group's long values lie in the table still: reading them may have to wait.
        if (!evaluateNow(this.#env, this.#putNext, this.#undoPut))
          yield* evaluateRow(this.#env, this.#putNext, this.#undoPut);
      }
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

  /** Made once: they run for every group. */
  readonly #putNext = (): void => this.#put(this.#groups!, this.#next, this.#out);
  readonly #undoPut = (): void => this.#out.abandon();

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
