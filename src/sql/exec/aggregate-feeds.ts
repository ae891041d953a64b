/** What brings rows to a generated aggregation: the leaves of a table, the pairs of a hash join, the batches of an operator. */
import type { Task } from '../../base/task.ts';
import { type LeafScan, NEED, NONE, RowBuffer } from '../../engine/record-port.ts';
import {
  type AggregateBatch,
  type AggregateLoop,
  type AggregateWork,
  type CompiledAggregate,
  compileAggregateBatch,
  compileAggregateLoop,
} from './codegen/aggregate-code.ts';
import type { FusedGroups, PutAside } from './codegen/fused-groups.ts';
import type { ProbeGroups } from './codegen/join-code.ts';
import type { HashJoinOperator, HashJoinPlan } from './hash-join.ts';
import { Judge, type OneTimePlan } from './one-time.ts';
import { type Operator, type PlanNode, startPlan } from './operator.ts';
import type { ScanPlan } from './scan.ts';
import { Env, type ExecState, SUSPEND } from './state.ts';

export type AddRow = (bytes: Uint8Array, view: DataView, start: number) => void;

/** For rows that are the input's as they lie. */
export const ROW_ASIDE =
  (add: AddRow): PutAside =>
  (v, b, r) =>
    add(b, v, r);

/** Leaves between two looks at the clock. */
const LEAVES = 16;

/** What generated code aggregates, if these conditions hold. */
export type FusedInput = FusedRows & { readonly once?: readonly OneTimePlan[] };

type FusedRows =
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
export interface Feed {
  open(): Task<void>;
  /** To the input's end; false when generated code cannot, and nothing has been aggregated. */
  run(groups: FusedGroups): Task<boolean>;
  /** The operator that the interpreter reads instead. */
  readonly input: Operator | undefined;
  /** A row of the input's shape from the records that generated code has at hand. */
  readonly putAside: (add: AddRow) => PutAside;
  close(): void;
}

/** Aggregates a batch, waiting where a row must. */
export function* runBatch(code: AggregateBatch, rows: RowBuffer, state: ExecState, groups: FusedGroups): Task<void> {
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

export function feedOf(state: ExecState, fused: FusedInput): Feed {
  const feed = rowsOf(state, fused);
  return fused.once === undefined ? feed : new OnceFeed(state, feed, fused.once);
}

function rowsOf(state: ExecState, fused: FusedRows): Feed {
  switch (fused.of) {
    case 'leaves':
      return new LeafFeed(state, fused.plan, fused.code.fn);
    case 'pairs':
      return new PairFeed(state, fused.plan, fused.code.fn);
    case 'rows':
      return new RowFeed(state, fused.plan, fused.code.fn);
  }
}

/** Brings the rows if conditions hold that are the same for all of them; otherwise what brings them is not opened. */
class OnceFeed implements Feed {
  readonly #feed: Feed;
  readonly #judges: readonly Judge[];
  #holds = false;

  constructor(state: ExecState, feed: Feed, once: readonly OneTimePlan[]) {
    this.#feed = feed;
    this.#judges = once.map(({ holds }) => new Judge(state, holds));
  }

  get input(): Operator | undefined {
    return this.#feed.input;
  }

  get putAside(): (add: AddRow) => PutAside {
    return this.#feed.putAside;
  }

  *open(): Task<void> {
    this.#holds = true;
    for (const judge of this.#judges) this.#holds = this.#holds && (yield* judge.ask());
    if (this.#holds) yield* this.#feed.open();
  }

  *run(groups: FusedGroups): Task<boolean> {
    return !this.#holds || (yield* this.#feed.run(groups));
  }

  close(): void {
    this.#feed.close();
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
