/**
 * Sub-queries as values.
 *
 * Each occurrence has a plan, a list of the outer columns it uses, and per execution one operator and a bounded memo from
 * the values of those columns to the answer, charged to the statement. Without outer columns it runs once. It runs inside the evaluation of the outer
 * row; when it must wait, that evaluation is unwound (see `state.ts`).
 */
import { fail } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import { KeyWriter } from '../../engine/record-port.ts';
import type { ColumnId, SubqueryExpr } from '../plan/logical.ts';
import { PgArray } from '../types/array.ts';
import type { SqlValue } from '../types/contracts.ts';
import { heldBytes } from '../types/held-bytes.ts';
import { compileEval, type Scope } from './evaluate.ts';
import { appendHashValue } from './key-values.ts';
import { evaluateRow, type Operator, type PlanNode, pointAt } from './operator.ts';
import { Answer, quantified } from './quantified.ts';
import { travelPhysical } from './shape.ts';
import { Env, type ExecState } from './state.ts';
import { columnReader, type Eval } from './values.ts';

const MEMO_ENTRIES_MAX = 4096;
/** The memo's part of the statement's memory. */
const MEMO_SHARE = 4;
const ROW_BYTES = 40;

/** A planned sub-query. */
export interface SubPlan {
  readonly plan: PlanNode;
  /** Outer columns that it uses, with their slots. */
  readonly bindings: readonly {
    readonly id: ColumnId;
    readonly slot: number;
    readonly type: number;
    readonly typmod: number;
  }[];
  /** False when it calls something volatile: then every row asks anew. */
  readonly stable: boolean;
}

interface Run {
  readonly operator: Operator;
  readonly memo: Map<string, Answer>;
  /** What the answers in the memo hold, and the one being made. */
  chargedBytes: number;
}

const runs = new WeakMap<ExecState, Map<SubPlan, Run>>();

function runOf(state: ExecState, subPlan: SubPlan): Run {
  let map = runs.get(state);
  if (map === undefined) {
    map = new Map();
    runs.set(state, map);
  }
  let run = map.get(subPlan);
  if (run === undefined) {
    run = { operator: subPlan.plan.start(state), memo: new Map(), chargedBytes: 0 };
    map.set(subPlan, run);
  }
  return run;
}

/** Closes the operators of all sub-plans of an execution. */
export function closeSubPlans(state: ExecState): void {
  for (const run of runs.get(state)?.values() ?? []) {
    forget(state, run);
    run.operator.close();
  }
  runs.delete(state);
}

/** How many rows an answer needs. */
function rowsWanted(mode: SubqueryExpr['mode']): number {
  return mode === 'exists' ? 1 : mode === 'scalar' ? 2 : Number.POSITIVE_INFINITY;
}

/** Makes the evaluator of a sub-query. */
export function subPlanEval(expr: SubqueryExpr, subPlan: SubPlan, scope: Scope): Eval {
  const bindings = subPlan.bindings.map((b) => ({
    slot: b.slot,
    physical: travelPhysical(b.type, b.typmod),
    evaluate: compileEval({ kind: 'column', id: b.id, type: b.type, typmod: b.typmod }, scope),
  }));
  const { shape } = subPlan.plan;
  const readers = shape.columns.map((_, i) => columnReader(shape, i, 0));
  const key = new KeyWriter();
  const wanted = rowsWanted(expr.mode);
  const fetch = (env: Env): Answer => {
    const { state } = env;
    key.length = 0;
    for (const b of bindings) {
      const value = b.evaluate(env);
      state.outer[b.slot] = value;
      appendHashValue(key, b.physical, value);
    }
    const run = runOf(state, subPlan);
    const name = Buffer.from(key.bytes.buffer, 0, key.length).toString('latin1');
    const known = subPlan.stable ? run.memo.get(name) : undefined;
    const answer = env.wait(() => collect(state, run, readers, wanted), known);
    if (known !== undefined) return answer;
    if (run.memo.size >= MEMO_ENTRIES_MAX || run.chargedBytes > state.memory.limitBytes / MEMO_SHARE)
      forget(state, run);
    if (subPlan.stable) run.memo.set(name, answer);
    return answer;
  };
  return answerOf(expr, fetch, scope);
}

/** Empties the memo. The last answer is not charged any longer, wherever it is kept. */
function forget(state: ExecState, run: Run): void {
  for (const answer of run.memo.values()) answer.release();
  run.memo.clear();
  state.memory.usedBytes -= run.chargedBytes;
  run.chargedBytes = 0;
}

/** @throws 53200 when the answer alone is more than a statement may hold */
function* collect(state: ExecState, run: Run, readers: readonly Eval[], wanted: number): Task<Answer> {
  const env = new Env(state);
  const { operator } = run;
  const found: SqlValue[][] = [];
  yield* operator.open();
  while (found.length < wanted) {
    const rows = yield* operator.next();
    if (rows === undefined) break;
    for (let i = 0; i < rows.count && found.length < wanted; i++) {
      pointAt(env, rows, i);
      const row = yield* evaluateRow(env, () => readers.map((read) => read(env)));
      found.push(row);
      let bytes = ROW_BYTES;
      for (const value of row) bytes += heldBytes(value);
      run.chargedBytes += bytes;
      state.memory.charge(bytes);
    }
    if (state.spent(rows.count)) yield state.session.slice();
  }
  return new Answer(found);
}

function answerOf(expr: SubqueryExpr, fetch: (env: Env) => Answer, scope: Scope): Eval {
  switch (expr.mode) {
    case 'exists':
      return (env) => fetch(env).rows.length > 0;
    case 'scalar':
      return (env) => {
        const { rows } = fetch(env);
        if (rows.length > 1)
          throw fail('cardinality_violation', 'more than one row returned by a subquery used as an expression');
        return rows[0]?.[0] ?? null;
      };
    case 'array': {
      const element = expr.plan.columns[0]!.type;
      return (env) =>
        new PgArray(
          element,
          fetch(env).rows.map((row) => row[0] ?? null),
        );
    }
    default:
      return quantified(expr, fetch, scope);
  }
}
