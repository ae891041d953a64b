/** Runs a compiled aggregation over a table scan; see `codegen/aggregate-code.ts`. */
import type { Task } from '../../base/task.ts';
import { type LeafScan, NEED, NONE, RowBuffer } from '../../engine/record-port.ts';
import type { SqlValue } from '../types/contracts.ts';
import { numeric } from '../types/numeric.ts';
import { divideNumeric } from '../types/numeric-arithmetic.ts';
import { canonical } from '../types/wide-integer.ts';
import type { AggregatePlan } from './aggregate.ts';
import type { CompiledAggregate, FusedCall } from './codegen/aggregate-code.ts';
import { FusedGroups } from './codegen/fused-groups.ts';
import { BATCH_ROWS, Operator } from './operator.ts';
import type { ScanPlan } from './scan.ts';
import type { ExecState } from './state.ts';

/** Leaves between two looks at the clock. */
const LEAVES = 16;

export class FusedAggregateOperator extends Operator {
  readonly #plan: AggregatePlan;
  readonly #scanPlan: ScanPlan;
  readonly #compiled: CompiledAggregate;
  readonly #scan: LeafScan;
  readonly #out: RowBuffer;
  #groups: FusedGroups;
  #done = false;
  #next = 0;
  #open = false;

  constructor(state: ExecState, plan: AggregatePlan, scanPlan: ScanPlan, compiled: CompiledAggregate) {
    super(state);
    this.#plan = plan;
    this.#scanPlan = scanPlan;
    this.#compiled = compiled;
    this.#scan = state.session.store.scan();
    this.#out = new RowBuffer(plan.shape.layout, state.memory);
    this.#groups = new FusedGroups(compiled.calls.length, compiled.grouped);
  }

  // biome-ignore lint/correctness/useYield: opening waits for nothing here
  *open(): Task<void> {
    this.loops++;
    this.#closeScan();
    this.#groups = new FusedGroups(this.#compiled.calls.length, this.#compiled.grouped);
    this.#scan.open(this.#scanPlan.options.table.tree, undefined, undefined, false, this.state.snapshot);
    this.#open = true;
    this.#done = false;
    this.#next = 0;
  }

  *next(): Task<RowBuffer | undefined> {
    if (!this.#done) yield* this.#consume();
    const out = this.#out;
    out.clear();
    const { writers } = this.#plan;
    while (this.#next < this.#groups.count && out.count < BATCH_ROWS) {
      const group = this.#next++;
      const values: SqlValue[] = this.#compiled.grouped
        ? [this.#groups.isNull(group) ? null : this.#groups.keys[group]!]
        : [];
      for (const call of this.#compiled.calls) values.push(result(call, this.#groups, group));
      out.start();
      for (let i = 0; i < writers.length; i++) writers[i]!(out, values[i] ?? null);
      out.finish();
    }
    this.producedRows += out.count;
    return out.count === 0 ? undefined : out;
  }

  *#consume(): Task<void> {
    const scan = this.#scan;
    const access = this.state.session.access(this.#scanPlan.options.table);
    const { fn } = this.#compiled;
    let leaves = 0;
    for (;;) {
      const status = scan.next();
      if (status === NEED) {
        yield this.state.session.need();
        continue;
      }
      if (status === NONE) break;
      fn(scan, access, this.state, this.#groups);
      if (++leaves % LEAVES === 0 && this.state.session.sliceOver()) yield this.state.session.slice();
    }
    this.#closeScan();
    this.#done = true;
  }

  #closeScan(): void {
    if (this.#open) this.#scan.close();
    this.#open = false;
  }

  close(): void {
    this.#closeScan();
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
    case 'favg':
      return call.how === 'fsum' ? value : value / count;
    case 'min':
    case 'max':
      return call.type === 1700 ? numeric(value, call.scale) : value;
    case 'sum': {
      const sum = canonical(groups.sum(call.slot, group));
      return call.type === 1700 ? numeric(sum, call.scale) : sum;
    }
    case 'avg':
      return divideNumeric(numeric(canonical(groups.sum(call.slot, group)), call.scale), numeric(count, 0));
  }
}
