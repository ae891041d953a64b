/** Closures of the interpreter over values of several parts: arrays, their subscripts, ANY and ALL, rows and their fields. */
import { fail } from '../../base/errors.ts';
import type { RowCompareExpr } from '../plan/logical.ts';
import { PgArray } from '../types/array.ts';
import type { EvalContext, SqlValue } from '../types/contracts.ts';
import { PgRecord } from '../types/record.ts';
import { operatorImpl } from './implementation.ts';
import type { Eval } from './values.ts';

/** `left op ANY (array)`, or ALL. */
export function anyArrayEval(
  all: boolean,
  compare: (c: EvalContext, a: SqlValue, b: SqlValue) => SqlValue,
  left: Eval,
  array: Eval,
): Eval {
  return (e) => {
    const list = array(e);
    if (list === null) return null;
    const value = left(e);
    const items = (list as PgArray).values;
    if (items.length === 0) return all;
    if (value === null) return null;
    let unknown = false;
    for (let i = 0; i < items.length; i++) {
      const item = items[i]!;
      const result = item === null ? null : compare(e.state.context, value, item);
      if (result === null) unknown = true;
      else if ((result === true) !== all) return !all;
    }
    return unknown ? null : all;
  };
}

export function rowEval(types: readonly number[], items: readonly Eval[]): Eval {
  return (e) =>
    new PgRecord(
      types,
      items.map((item) => item(e)),
    );
}

export function fieldEval(index: number, arg: Eval): Eval {
  return (e) => {
    const value = arg(e);
    return value === null ? null : ((value as PgRecord).values[index] ?? null);
  };
}

/** ARRAY[…]: of values, or of arrays as one dimension more. @throws 2202E */
export function arrayEval(elementType: number, multidimensional: boolean, items: readonly Eval[]): Eval {
  if (!multidimensional)
    return (e) =>
      new PgArray(
        elementType,
        items.map((item) => item(e)),
      );
  return (e) => {
    const parts = items.map((item) => item(e)).filter((p): p is PgArray => p instanceof PgArray);
    const dims = parts[0]?.dims ?? [];
    if (parts.length !== items.length && parts.length > 0 && dims.length > 0) throw mismatchedDimensions();
    if (parts.some((p) => p.dims.length !== dims.length || p.dims.some((d, i) => d !== dims[i])))
      throw mismatchedDimensions();
    if (dims.length === 0) return new PgArray(elementType, []);
    return new PgArray(
      elementType,
      parts.flatMap((p) => p.values),
      [parts.length, ...dims],
    );
  };
}

function mismatchedDimensions(): Error {
  return fail('array_subscript_error', 'multidimensional arrays must have array expressions with matching dimensions');
}

/** `(a, b) < (c, d)`: the first fields that differ decide. */
export function rowCompareEval(expr: RowCompareExpr, left: readonly Eval[], right: readonly Eval[]): Eval {
  const equals = expr.equals.map(operatorImpl);
  const less = expr.less.map(operatorImpl);
  const { meaning } = expr;
  if (meaning === 'eq' || meaning === 'ne') {
    return (e) => {
      let unknown = false;
      for (let i = 0; i < left.length; i++) {
        const a = left[i]!(e);
        const b = right[i]!(e);
        const same = a === null || b === null ? null : equals[i]!(e.state.context, a, b);
        if (same === null) unknown = true;
        else if (same !== true) return meaning === 'ne';
      }
      return unknown ? null : meaning === 'eq';
    };
  }
  return (e) => {
    for (let i = 0; i < left.length; i++) {
      const a = left[i]!(e);
      const b = right[i]!(e);
      if (a === null || b === null) return null;
      if (equals[i]!(e.state.context, a, b) === true) continue;
      const isLess = less[i]!(e.state.context, a, b) === true;
      return meaning === 'lt' || meaning === 'le' ? isLess : !isLess;
    }
    return meaning === 'le' || meaning === 'ge';
  };
}

/** `array[n]`, or with a slice `array[l:u]`; a missing bound is the array's own. */
export function subscriptEval(
  slice: boolean,
  array: Eval,
  lower: readonly (Eval | undefined)[],
  upper: readonly (Eval | undefined)[],
): Eval {
  if (!slice) {
    return (e) => {
      const value = array(e);
      const at = lower.map((l) => l!(e));
      return value === null || at.includes(null) ? null : (value as PgArray).at(at as number[]);
    };
  }
  return (e) => {
    const value = array(e);
    const ranges = upper.map((u, i): [SqlValue | undefined, SqlValue | undefined] => [lower[i]?.(e), u?.(e)]);
    if (value === null || ranges.some(([l, u]) => l === null || u === null)) return null;
    return (value as PgArray).slice(ranges as [number | undefined, number | undefined][]);
  };
}
