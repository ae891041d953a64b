/**
 * Common table expressions.
 *
 * A materialized CTE runs once per statement and leaves its rows in a store that all its references read; beyond `work_mem`
 * they lie on disk. A recursive one fills the store in rounds: the base query, then the step over the rows that the last round
 * added (the working table), until a round adds none. UNION (without ALL) drops rows that were seen before (`key-set.ts`).
 */
import { broken } from '../../base/assert.ts';
import type { Task } from '../../base/task.ts';
import { KeyWriter, RowBuffer } from '../../engine/record-port.ts';
import { KeySet } from './key-set.ts';
import { appendHashValue } from './key-values.ts';
import { BATCH_ROWS, eachRow, Operator, type PlanNode, pointAt, startPlan } from './operator.ts';
import { RowCursor, RowStore } from './row-store.ts';
import type { Shape } from './shape.ts';
import { Env, type ExecState } from './state.ts';
import { columnReader, type Eval } from './values.ts';

/** What a statement keeps per CTE: its rows so far, and the range that the recursive step reads. */
export interface CteRows {
  readonly rows: RowStore;
  complete: boolean;
  workFrom: number;
  workTo: number;
}

const cteRows = new WeakMap<ExecState, Map<number, CteRows>>();

/** The rows of a CTE, made known by the operator that introduces it. */
function rowsOf(state: ExecState, cte: number): CteRows {
  return cteRows.get(state)?.get(cte) ?? broken(`no rows of common table ${cte}`);
}

/** Makes the CTEs known, runs those that must run whether read or not, then is its body. */
export class WithPlan implements PlanNode {
  readonly shape: Shape;
  readonly rows: number;
  readonly title = 'With';
  readonly details: readonly string[] = [];
  readonly children: readonly PlanNode[];
  readonly definitions: readonly {
    readonly cte: number;
    readonly plan: PlanNode;
    readonly modifies: boolean;
    readonly outer: boolean;
  }[];

  /** @param definitions - `outer`: uses columns of an enclosing query, so each opening starts afresh. */
  constructor(body: PlanNode, definitions: WithPlan['definitions']) {
    this.shape = body.shape;
    this.rows = body.rows;
    this.definitions = definitions;
    this.children = [body, ...definitions.map((d) => d.plan)];
  }

  start(state: ExecState): Operator {
    return new WithOperator(state, this);
  }
}

class WithOperator extends Operator {
  readonly #plan: WithPlan;
  readonly #body: Operator;
  #ran = false;

  constructor(state: ExecState, plan: WithPlan) {
    super(state);
    this.#plan = plan;
    this.#body = startPlan(plan.children[0]!, state);
  }

  *open(): Task<void> {
    const { definitions } = this.#plan;
    for (const d of definitions) this.#begin(d);
    for (const d of definitions) if (d.modifies) yield* complete(this.state, d.cte, d.plan);
    this.#ran = true;
    yield* this.#body.open();
  }

  #begin(definition: WithPlan['definitions'][number]): void {
    let known = cteRows.get(this.state);
    if (known === undefined) {
      known = new Map();
      cteRows.set(this.state, known);
    }
    const entry = known.get(definition.cte);
    if (entry === undefined) {
      const rows = new RowStore(this, definition.plan.shape);
      known.set(definition.cte, { rows, complete: false, workFrom: 0, workTo: 0 });
    } else if (definition.outer && this.#ran) {
      entry.rows.clear();
      entry.complete = false;
    }
  }

  *next(): Task<RowBuffer | undefined> {
    return yield* this.#body.next();
  }

  close(): void {
    this.#body.close();
    for (const d of this.#plan.definitions) cteRows.get(this.state)?.get(d.cte)?.rows.release();
    for (const d of this.#plan.definitions) cteRows.get(this.state)?.delete(d.cte);
  }
}

/** Runs a CTE to its end unless that has happened. */
function* complete(state: ExecState, cte: number, plan: PlanNode): Task<CteRows> {
  const entry = rowsOf(state, cte);
  if (entry.complete) return entry;
  if (plan instanceof RecursivePlan) yield* recurse(state, plan, entry);
  else {
    const operator = startPlan(plan, state);
    try {
      yield* operator.open();
      yield* appendAll(state, operator, entry.rows);
    } finally {
      operator.close();
    }
  }
  entry.complete = true;
  return entry;
}

function* appendAll(state: ExecState, operator: Operator, into: RowStore): Task<void> {
  const env = new Env(state);
  for (;;) {
    const rows = yield* operator.next();
    if (rows === undefined) return;
    for (let i = 0; i < rows.count; i++) {
      pointAt(env, rows, i);
      into.append(env.b0, env.v0, env.r0);
    }
    yield* into.settle();
    if (state.spent(rows.count)) yield state.session.slice();
  }
}

/** A reference to a CTE, or inside a recursive step to its working table. */
export class CteScanPlan implements PlanNode {
  readonly shape: Shape;
  readonly rows: number;
  readonly title: string;
  readonly details: readonly string[] = [];
  readonly children: readonly PlanNode[] = [];
  readonly cte: number;
  readonly working: boolean;
  /** Filled by the planner when the definition is planned; references are planned with it. */
  readonly definition: { plan: PlanNode | undefined };

  constructor(
    cte: number,
    name: string,
    shape: Shape,
    working: boolean,
    definition: { plan: PlanNode | undefined },
    rows: number,
  ) {
    this.cte = cte;
    this.shape = shape;
    this.working = working;
    this.definition = definition;
    this.rows = rows;
    this.title = `${working ? 'WorkTable' : 'CTE'} Scan on ${name}`;
  }

  start(state: ExecState): Operator {
    return new CteScanOperator(state, this);
  }
}

class CteScanOperator extends Operator {
  readonly #plan: CteScanPlan;
  readonly #out: RowBuffer;
  readonly #env: Env;
  #cursor: RowCursor | undefined;
  #next = 0;
  #end = 0;

  constructor(state: ExecState, plan: CteScanPlan) {
    super(state);
    this.#plan = plan;
    this.#env = new Env(state);
    this.#out = new RowBuffer(plan.shape.layout, state.memory);
  }

  *open(): Task<void> {
    const { cte, working, definition } = this.#plan;
    if (definition.plan === undefined) broken('a CTE without its plan');
    const entry = working ? rowsOf(this.state, cte) : yield* complete(this.state, cte, definition.plan);
    this.#cursor = new RowCursor(entry.rows);
    this.#next = working ? entry.workFrom : 0;
    this.#end = working ? entry.workTo : entry.rows.count;
  }

  // biome-ignore lint/correctness/useYield: the rows are at hand
  *next(): Task<RowBuffer | undefined> {
    const out = this.#out;
    out.clear();
    while (this.#next < this.#end && out.count < BATCH_ROWS) {
      this.#cursor!.point(this.#env, this.#next++);
      out.appendRow(this.#env.b0, this.#env.v0, this.#env.r0);
    }
    this.producedRows += out.count;
    return out.count === 0 ? undefined : out;
  }

  close(): void {
    this.#out.release();
  }
}

/** The definition of a recursive CTE. Base and step put out the CTE's columns by position. */
export class RecursivePlan implements PlanNode {
  readonly shape: Shape;
  readonly rows: number;
  readonly title = 'Recursive Union';
  readonly details: readonly string[] = [];
  readonly children: readonly PlanNode[];
  readonly all: boolean;
  readonly readers: readonly Eval[];

  constructor(base: PlanNode, step: PlanNode, shape: Shape, all: boolean) {
    this.shape = shape;
    this.rows = base.rows * 10;
    this.children = [base, step];
    this.all = all;
    this.readers = shape.columns.map((_, i) => columnReader(shape, i, 0));
  }

  start(): Operator {
    return broken('a recursive query runs as a CTE only');
  }
}

function* recurse(state: ExecState, plan: RecursivePlan, entry: CteRows): Task<void> {
  const seen = plan.all ? undefined : new KeySet(entry.rows.owner);
  try {
    for (let round = 0; ; round++) {
      const from = entry.rows.count;
      yield* runRound(state, plan, round === 0 ? 0 : 1, entry.rows, seen);
      if (entry.rows.count === from) break;
      entry.workFrom = from;
      entry.workTo = entry.rows.count;
      if (state.spent(64)) yield state.session.slice();
    }
  } finally {
    seen?.close();
  }
}

/** Adds what the base query (child 0) or the step (child 1) puts out, except what was seen before. */
function* runRound(
  state: ExecState,
  plan: RecursivePlan,
  child: 0 | 1,
  into: RowStore,
  seen: KeySet | undefined,
): Task<void> {
  const key = new KeyWriter();
  const env = new Env(state);
  const { readers } = plan;
  const take = (): void => {
    if (seen !== undefined) {
      key.length = 0;
      for (let c = 0; c < readers.length; c++) appendHashValue(key, plan.shape.columns[c]!.physical, readers[c]!(env));
      if (!seen.add(key.bytes, key.length)) return;
    }
    into.append(env.b0, env.v0, env.r0);
  };
  const operator = startPlan(plan.children[child]!, state);
  try {
    yield* operator.open();
    for (;;) {
      const rows = yield* operator.next();
      if (rows === undefined) return;
      yield* eachRow(env, rows, take);
      yield* into.settle();
      if (seen !== undefined) yield* seen.settle();
      if (state.spent(rows.count)) yield state.session.slice();
    }
  } finally {
    operator.close();
  }
}
