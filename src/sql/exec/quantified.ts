/**
 * `left op ANY/ALL (sub-query)`, and so IN and NOT IN: a row's values against all rows of an answer.
 *
 *   first row with this answer   one row of the answer after the other
 *   further ones                 when the operator is a hashable equality of one column: a hash table of the answer's values, which
 *                                lives as long as the answer is remembered
 *
 * Three-valued: with a null in the answer, a value that is not found is unknown.
 */
import type { Task } from '../../base/task.ts';
import { KeyWriter, type RowMemory } from '../../engine/record-port.ts';
import type { SubqueryExpr } from '../plan/logical.ts';
import type { Physical, SqlValue } from '../types/contracts.ts';
import { registry } from '../types/registry.ts';
import { compileEval, type Scope } from './evaluate.ts';
import { HashTable } from './hash-table.ts';
import { operatorImpl } from './implementation.ts';
import { appendHashValue, hashClass } from './key-values.ts';
import { travelPhysical } from './shape.ts';
import type { Env, ExecState } from './state.ts';
import type { Eval } from './values.ts';

/** Fewer rows are looked through as fast as they are hashed. */
const HASHED_ROWS_MIN = 16;
/** Rows looked through between two looks at the clock. */
const SEARCH_ROWS = 128;

/** The rows of a sub-query for some outer values. */
export class Answer {
  readonly rows: readonly (readonly SqlValue[])[];
  /** Values of its only column, once somebody looks for a second one. */
  values: AnswerValues | undefined;
  /** How often somebody looked through the rows. */
  searches = 0;

  constructor(rows: readonly (readonly SqlValue[])[]) {
    this.rows = rows;
  }

  release(): void {
    this.values?.release();
    this.values = undefined;
  }
}

/** The values of an answer of one column. */
class AnswerValues {
  readonly #table: HashTable;
  readonly #physical: Physical;
  readonly #key = new KeyWriter();
  hasNull = false;

  constructor(memory: RowMemory, physical: Physical, count: number) {
    this.#table = new HashTable(memory, count);
    this.#physical = physical;
  }

  add(value: SqlValue): void {
    if (value === null) this.hasNull = true;
    else {
      this.#write(this.#physical, value);
      this.#table.findOrAdd(this.#key.bytes, this.#key.length);
    }
  }

  /** @param physical - of the value, whose type may be another one of the same class. */
  has(physical: Physical, value: SqlValue): boolean {
    this.#write(physical, value);
    return this.#table.find(this.#key.bytes, this.#key.length) >= 0;
  }

  #write(physical: Physical, value: SqlValue): void {
    this.#key.length = 0;
    appendHashValue(this.#key, physical, value);
  }

  release(): void {
    this.#table.clear();
  }
}

/** Looks a value up in an answer's values; undefined = it must be looked through row by row. */
type LookUp = (values: AnswerValues, value: SqlValue) => boolean | 'unknown';

interface HashedComparison {
  readonly right: Physical;
  readonly lookUp: LookUp;
}

/** For an equality of one column, or its negation with ALL, of types whose equal values have equal hash keys. */
function hashedComparison(expr: SubqueryExpr): HashedComparison | undefined {
  const [operator] = expr.operators;
  const [left] = expr.left;
  const column = expr.plan.columns[0];
  if (operator === undefined || left === undefined || column === undefined || expr.left.length !== 1) return undefined;
  const all = expr.mode === 'all';
  const equality = all ? registry.operator(operator.negator) : operator;
  if (operator.meaning !== (all ? 'ne' : 'eq') || equality?.hashable !== true) return undefined;
  const own = travelPhysical(left.type, left.typmod);
  const right = travelPhysical(column.type, column.typmod);
  if (hashClass(own.kind) !== hashClass(right.kind)) return undefined;
  const lookUp: LookUp = (values, value) => {
    if (value === null) return 'unknown';
    if (values.has(own, value)) return !all;
    return values.hasNull ? 'unknown' : all;
  };
  return { right, lookUp };
}

function* valuesOf(state: ExecState, { rows }: Answer, physical: Physical): Task<AnswerValues> {
  const values = new AnswerValues(state.memory, physical, rows.length);
  for (let i = 0; i < rows.length; i++) {
    values.add(rows[i]![0] ?? null);
    if (i % SEARCH_ROWS === SEARCH_ROWS - 1 && state.spent(SEARCH_ROWS)) yield state.session.slice();
  }
  return values;
}

/** Makes the evaluator of a comparison with all rows that `fetch` gives. */
export function quantified(expr: SubqueryExpr, fetch: (env: Env) => Answer, scope: Scope): Eval {
  const left = expr.left.map((e) => compileEval(e, scope));
  const compare = expr.operators.map(operatorImpl);
  const all = expr.mode === 'all';
  const hashed = hashedComparison(expr);
  const one = (env: Env, values: readonly SqlValue[], row: readonly SqlValue[]): boolean | null => {
    let result: boolean | null = true;
    for (let c = 0; c < compare.length; c++) {
      const a = values[c]!;
      const b = row[c]!;
      const equal = a === null || b === null ? null : compare[c]!(env.state.context, a, b) === true;
      if (equal === false) return false;
      if (equal === null) result = null;
    }
    return result;
  };
  function* search(env: Env, values: readonly SqlValue[], answer: Answer): Task<boolean | 'unknown'> {
    const { state } = env;
    const { rows } = answer;
    if (hashed !== undefined && rows.length >= HASHED_ROWS_MIN && answer.searches++ > 0) {
      answer.values = yield* valuesOf(state, answer, hashed.right);
      return hashed.lookUp(answer.values, values[0]!);
    }
    let unknown = false;
    for (let i = 0; i < rows.length; i++) {
      const result = one(env, values, rows[i]!);
      if (result === null) unknown = true;
      else if (result !== all) return !all;
      if ((i & (SEARCH_ROWS - 1)) === SEARCH_ROWS - 1 && state.spent(SEARCH_ROWS)) yield state.session.slice();
    }
    return unknown ? 'unknown' : all;
  }
  return (env) => {
    const values = left.map((l) => l(env));
    const answer = fetch(env);
    const known = answer.values === undefined ? undefined : hashed?.lookUp(answer.values, values[0]!);
    const found = env.wait(() => search(env, values, answer), known);
    return found === 'unknown' ? null : found;
  };
}
