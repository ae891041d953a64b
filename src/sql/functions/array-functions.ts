/** Functions and operators on arrays. Equality of elements is their type's; positions are subscripts. */

import { fail } from '../../base/errors.ts';
import { PgArray, tooManyDimensions } from '../types/array.ts';
import type { CallTypes, Oid, SqlValue } from '../types/contracts.ts';
import { typeFacts } from '../types/type-facts.ts';
import { compareValues, equalValues } from '../types/value-order.ts';
import { type ContextFunction, type Definition, polymorphic, pure } from './definition.ts';

/** Element type of the array that a call returns. */
function elementOf(types: CallTypes): Oid {
  return typeFacts(types.result)?.elementOid ?? 0;
}

function overElements(
  signature: string,
  f: (element: Oid) => (...args: (SqlValue | undefined)[]) => SqlValue,
): Definition {
  return polymorphic(signature, (types): ContextFunction => {
    const implementation = f(elementOf(types));
    return (_context, ...args) => implementation(...args);
  });
}

function requireOneDimension(array: PgArray): void {
  if (array.dims.length > 1) throw fail('datatype_mismatch', 'argument must be empty or one-dimensional array');
}

function append(array: SqlValue, value: SqlValue, element: Oid): PgArray {
  if (!(array instanceof PgArray)) return new PgArray(element, [value]);
  requireOneDimension(array);
  const lower = array.lowerBounds[0] ?? 1;
  return new PgArray(element, [...array.values, value], [array.values.length + 1], [lower]);
}

function prepend(value: SqlValue, array: SqlValue, element: Oid): PgArray {
  if (!(array instanceof PgArray)) return new PgArray(element, [value]);
  requireOneDimension(array);
  const lower = array.lowerBounds[0] ?? 1;
  return new PgArray(element, [value, ...array.values], [array.values.length + 1], [lower]);
}

/** Joins along the first dimension; an array of one dimension less counts as one element. */
function concatenate(a: SqlValue, b: SqlValue, element: Oid): SqlValue {
  if (!(a instanceof PgArray)) return b;
  if (!(b instanceof PgArray) || b.dims.length === 0) return a;
  if (a.dims.length === 0) return b;
  const incompatible = (): Error =>
    fail('array_subscript_error', 'cannot concatenate incompatible arrays', {
      detail: 'Arrays with differing dimensions are not compatible for concatenation.',
    });
  const values = [...a.values, ...b.values];
  if (a.dims.length === b.dims.length) {
    if (a.dims.slice(1).join() !== b.dims.slice(1).join()) throw incompatible();
    return new PgArray(element, values, [(a.dims[0] ?? 0) + (b.dims[0] ?? 0), ...a.dims.slice(1)], a.lowerBounds);
  }
  const [larger, smaller] = a.dims.length > b.dims.length ? [a, b] : [b, a];
  if (larger.dims.length !== smaller.dims.length + 1 || larger.dims.slice(1).join() !== smaller.dims.join()) {
    throw incompatible();
  }
  return new PgArray(element, values, [(larger.dims[0] ?? 0) + 1, ...larger.dims.slice(1)], larger.lowerBounds);
}

function firstPosition(array: PgArray, value: SqlValue, start: number | null): number | null {
  if (array.dims.length > 1) {
    throw fail('feature_not_supported', 'searching for elements in multidimensional arrays is not supported');
  }
  const lower = array.lowerBounds[0] ?? 1;
  const from = Math.max((start ?? lower) - lower, 0);
  for (let i = from; i < array.values.length; i++) if (equalValues(array.values[i] ?? null, value)) return lower + i;
  return null;
}

function positions(array: PgArray, value: SqlValue): number[] {
  const lower = array.lowerBounds[0] ?? 1;
  const found: number[] = [];
  array.values.forEach((item, i) => {
    if (equalValues(item, value)) found.push(lower + i);
  });
  return found;
}

function remove(array: PgArray, value: SqlValue): PgArray {
  if (array.dims.length > 1) {
    throw fail('feature_not_supported', 'removing elements from multidimensional arrays is not supported');
  }
  const kept = array.values.filter((item) => !equalValues(item, value));
  if (kept.length === array.values.length) return array;
  return new PgArray(
    array.elementType,
    kept,
    kept.length === 0 ? [] : [kept.length],
    kept.length === 0 ? [] : array.lowerBounds,
  );
}

function fillArray(value: SqlValue, dims: PgArray | null, lowers: PgArray | null | undefined, element: Oid): PgArray {
  if (dims === null || lowers === null) {
    throw fail('null_value_not_allowed', 'dimension array or low bound array cannot be null');
  }
  const lengths = dims.values.map((length) => {
    if (length === null) throw fail('null_value_not_allowed', 'dimension values cannot be null');
    return Number(length);
  });
  if (lengths.length > 6) throw tooManyDimensions(lengths.length);
  const count = lengths.reduce((product, length) => product * Math.max(length, 0), 1);
  if (lengths.length === 0 || count === 0) return new PgArray(element, []);
  if (count > 134217727) {
    throw fail('program_limit_exceeded', 'array size exceeds the maximum allowed (134217727)');
  }
  const bounds = lowers === undefined ? lengths.map(() => 1) : lowers.values.map(Number);
  if (bounds.length !== lengths.length) {
    throw fail('array_subscript_error', 'wrong number of array subscripts', {
      detail: 'Low bound array has different size than dimensions array.',
    });
  }
  return new PgArray(element, new Array<SqlValue>(count).fill(value), lengths, bounds);
}

function trimArray(array: PgArray, n: number): PgArray {
  const length = array.dims[0] ?? 0;
  if (n < 0 || n > length) {
    throw fail('array_subscript_error', `number of elements to trim must be between 0 and ${length}`);
  }
  const lower = array.lowerBounds[0] ?? 1;
  return array.slice([[lower, lower + length - n - 1]]);
}

/** Length of a dimension, counted from 1; null where there is none. */
function dimension(array: PgArray, d: number): number | null {
  return d < 1 ? null : (array.dims[d - 1] ?? null);
}

function lowerBound(array: PgArray, d: number): number | null {
  return d < 1 ? null : (array.lowerBounds[d - 1] ?? null);
}

function upperBound(array: PgArray, d: number): number | null {
  const lower = lowerBound(array, d);
  const length = dimension(array, d);
  return lower === null || length === null ? null : lower + length - 1;
}

function dimensionsText(array: PgArray): string | null {
  if (array.dims.length === 0) return null;
  return array.dims
    .map((length, d) => `[${array.lowerBounds[d]}:${(array.lowerBounds[d] ?? 1) + length - 1}]`)
    .join('');
}

/** Every element of `b` that is not null is in `a`; a null in `b` is nowhere. */
function containsAll(a: PgArray, b: PgArray): boolean {
  const sorted = a.values.filter((value) => value !== null).sort(compareValues);
  return b.values.every((value) => value !== null && isIn(sorted, value));
}

function overlap(a: PgArray, b: PgArray): boolean {
  const sorted = a.values.filter((value) => value !== null).sort(compareValues);
  return b.values.some((value) => value !== null && isIn(sorted, value));
}

function isIn(sorted: readonly SqlValue[], value: SqlValue): boolean {
  let low = 0;
  let high = sorted.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const order = compareValues(sorted[middle] ?? null, value);
    if (order === 0) return true;
    if (order < 0) low = middle + 1;
    else high = middle - 1;
  }
  return false;
}

/** Number of the bucket of sorted thresholds that an operand falls into. */
function widthBucket(operand: SqlValue, thresholds: PgArray): number {
  let low = 0;
  let high = thresholds.values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareValues(operand, thresholds.values[middle] ?? null) < 0) high = middle;
    else low = middle + 1;
  }
  return low;
}

export const ARRAY_FUNCTIONS: readonly Definition[] = [
  overElements(
    'array_append(anycompatiblearray,anycompatible)',
    (element) =>
      (array = null, value = null) =>
        append(array, value, element),
  ),
  overElements(
    'array_prepend(anycompatible,anycompatiblearray)',
    (element) =>
      (value = null, array = null) =>
        prepend(value, array, element),
  ),
  overElements(
    'array_cat(anycompatiblearray,anycompatiblearray)',
    (element) =>
      (a = null, b = null) =>
        concatenate(a, b, element),
  ),
  pure('array_position(anycompatiblearray,anycompatible)', (array: PgArray | null, value: SqlValue) =>
    array === null ? null : firstPosition(array, value, null),
  ),
  pure(
    'array_position(anycompatiblearray,anycompatible,int4)',
    (array: PgArray | null, value: SqlValue, from: number | null) => {
      if (from === null) throw fail('null_value_not_allowed', 'initial position must not be null');
      return array === null ? null : firstPosition(array, value, from);
    },
  ),
  pure('array_positions(anycompatiblearray,anycompatible)', (array: PgArray | null, value: SqlValue) =>
    array === null ? null : new PgArray(23, positions(array, value)),
  ),
  pure('array_remove(anycompatiblearray,anycompatible)', (array: PgArray | null, value: SqlValue) =>
    array === null ? null : remove(array, value),
  ),
  pure(
    'array_replace(anycompatiblearray,anycompatible,anycompatible)',
    (array: PgArray | null, from: SqlValue, to: SqlValue) =>
      array === null
        ? null
        : array.retyped(
            array.elementType,
            array.values.map((item) => (equalValues(item, from) ? to : item)),
          ),
  ),
  polymorphic('array_fill(anyelement,_int4)', (types) => {
    const element = elementOf(types);
    return (_context, value: SqlValue, dims: PgArray | null) => fillArray(value, dims, undefined, element);
  }),
  polymorphic('array_fill(anyelement,_int4,_int4)', (types) => {
    const element = elementOf(types);
    return (_context, value: SqlValue, dims: PgArray | null, lowers: PgArray | null) =>
      fillArray(value, dims, lowers, element);
  }),
  pure('trim_array(anyarray,int4)', trimArray),
  pure('cardinality(anyarray)', (array: PgArray) => array.values.length),
  pure('array_length(anyarray,int4)', dimension),
  pure('array_lower(anyarray,int4)', lowerBound),
  pure('array_upper(anyarray,int4)', upperBound),
  pure('array_ndims(anyarray)', (array: PgArray) => (array.dims.length === 0 ? null : array.dims.length)),
  pure('array_dims(anyarray)', dimensionsText),
  pure('arraycontains(anyarray,anyarray)', containsAll),
  pure('arraycontained(anyarray,anyarray)', (a: PgArray, b: PgArray) => containsAll(b, a)),
  pure('arrayoverlap(anyarray,anyarray)', overlap),
  pure('width_bucket(anycompatible,anycompatiblearray)', widthBucket),
];
