/**
 * Which part of an index, or of a table's own tree, a scan reads: as the plan says it, and as key ranges for the values of one
 * execution.
 */
import type { IndexObject } from '../../engine/catalog.ts';
import { type KeyPart, KeyWriter } from '../../engine/record-port.ts';
import type { Expr } from '../plan/logical.ts';
import { PgArray } from '../types/array.ts';
import { compileEval, type Scope } from './evaluate.ts';
import { appendPart, type BoundValue, EXACT, type KeyRange, rangeAfter } from './key-values.ts';
import type { Env } from './state.ts';
import type { Eval } from './values.ts';

export interface RangeBound {
  readonly expr: Expr;
  readonly inclusive: boolean;
}

/** Which part of an index (or of the primary key) a scan reads: leading parts equal, the next one in a list or between bounds. */
export interface RangeSpec {
  /** undefined = the table's own tree. */
  readonly index: IndexObject | undefined;
  readonly parts: readonly KeyPart[];
  readonly scales: readonly number[];
  /** Per leading part the expression it equals; `null` stands for IS NULL. */
  readonly equals: readonly (Expr | null)[];
  /** An array whose elements the next part equals one of. */
  readonly anyOf: Expr | undefined;
  readonly lower: RangeBound | undefined;
  readonly upper: RangeBound | undefined;
}

export interface CompiledRange {
  readonly spec: RangeSpec;
  readonly equals: readonly (Eval | null)[];
  readonly anyOf: Eval | undefined;
  readonly lower: Eval | undefined;
  readonly upper: Eval | undefined;
}

/** Compiles the values of a range; they depend on nothing that is scanned. */
export function compileRange(spec: RangeSpec, scope: Scope): CompiledRange {
  const outside = { ...scope, shape0: undefined };
  const compiled = (expr: Expr | undefined): Eval | undefined =>
    expr === undefined ? undefined : compileEval(expr, outside);
  return {
    spec,
    equals: spec.equals.map((e) => (e === null ? null : compileEval(e, outside))),
    anyOf: compiled(spec.anyOf),
    lower: compiled(spec.lower?.expr),
    upper: compiled(spec.upper?.expr),
  };
}

/** The key ranges that a specification means for the current parameters, in key order and disjoint. */
export function keyRanges(env: Env, range: CompiledRange): readonly KeyRange[] {
  const { spec } = range;
  const prefix = new KeyWriter();
  for (let i = 0; i < spec.equals.length; i++) {
    const equals = range.equals[i];
    const value = equals === null || equals === undefined ? null : equals(env);
    if (equals !== null && value === null) return [];
    if (appendPart(prefix, spec.parts[i]!, spec.scales[i]!, value) !== EXACT) return [];
  }
  const next = spec.equals.length;
  if (range.anyOf !== undefined) return listRanges(env, range, prefix, next);
  const lower = bound(env, range.lower, spec.lower);
  const upper = bound(env, range.upper, spec.upper);
  const found = rangeAfter(prefix, spec.parts[next], spec.scales[next] ?? 0, lower, upper);
  return found === undefined ? [] : [found];
}

function bound(env: Env, evaluate: Eval | undefined, spec: RangeBound | undefined): BoundValue | undefined {
  return evaluate === undefined || spec === undefined ? undefined : { value: evaluate(env), inclusive: spec.inclusive };
}

function listRanges(env: Env, range: CompiledRange, prefix: KeyWriter, next: number): readonly KeyRange[] {
  const list = range.anyOf!(env);
  if (!(list instanceof PgArray)) return [];
  const base = prefix.length;
  const found = new Map<string, KeyRange>();
  for (const value of list.values) {
    prefix.length = base;
    if (value === null || appendPart(prefix, range.spec.parts[next]!, range.spec.scales[next]!, value) !== EXACT)
      continue;
    const one = rangeAfter(prefix, undefined, 0, undefined, undefined)!;
    found.set(Buffer.from(one.from!).toString('latin1'), one);
  }
  return [...found.entries()].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, r]) => r);
}
