/**
 * The value of any array type.
 *
 * Elements lie flat in row-major order; `dims` gives the length of each dimension and `lowerBounds` its first subscript
 * (normally 1; int2vector and oidvector have 0). The empty array has no dimension at all. Values are immutable.
 */

import { fail } from '../../base/errors.ts';
import type { Oid, SqlValue } from './contracts.ts';

/** Most dimensions that an array can have. */
export const ARRAY_DIMENSIONS_MAX = 6;
/** Most elements that an array can have. */
export const ARRAY_ELEMENTS_MAX = 134217727;

export class PgArray {
  readonly elementType: Oid;
  readonly dims: readonly number[];
  readonly lowerBounds: readonly number[];
  readonly values: readonly SqlValue[];

  constructor(
    elementType: Oid,
    values: readonly SqlValue[],
    dims: readonly number[] = values.length === 0 ? [] : [values.length],
    lowerBounds: readonly number[] = dims.map(() => 1),
  ) {
    this.elementType = elementType;
    this.dims = dims;
    this.lowerBounds = lowerBounds;
    this.values = values;
  }

  /** The element at one subscript per dimension; null outside of the bounds, as SQL has it. */
  at(subscripts: readonly number[]): SqlValue {
    if (subscripts.length !== this.dims.length || subscripts.length === 0) return null;
    let index = 0;
    for (let d = 0; d < subscripts.length; d++) {
      const offset = (subscripts[d] ?? 0) - (this.lowerBounds[d] ?? 1);
      const length = this.dims[d] ?? 0;
      if (offset < 0 || offset >= length) return null;
      index = index * length + offset;
    }
    return this.values[index] ?? null;
  }

  /** The same elements as another array type. */
  retyped(elementType: Oid, values: readonly SqlValue[] = this.values): PgArray {
    return new PgArray(elementType, values, this.dims, this.lowerBounds);
  }

  /** Elements of one dimension from `from` to `to`, both clipped to the bounds (`a[from:to]`); lower bounds become 1. */
  slice(ranges: readonly (readonly [number | undefined, number | undefined])[]): PgArray {
    if (this.dims.length < ranges.length) return new PgArray(this.elementType, []);
    const from: number[] = [];
    const lengths: number[] = [];
    for (let d = 0; d < this.dims.length; d++) {
      const low = this.lowerBounds[d] ?? 1;
      const high = low + (this.dims[d] ?? 0) - 1;
      const range = ranges[d];
      const first = Math.max(range?.[0] ?? low, low);
      const last = Math.min(range?.[1] ?? high, high);
      if (last < first) return new PgArray(this.elementType, []);
      from.push(first - low);
      lengths.push(last - first + 1);
    }
    const values: SqlValue[] = [];
    this.#collect(0, 0, from, lengths, values);
    return new PgArray(this.elementType, values, lengths);
  }

  #collect(d: number, base: number, from: readonly number[], lengths: readonly number[], into: SqlValue[]): void {
    if (d === this.dims.length) {
      into.push(this.values[base] ?? null);
      return;
    }
    const first = from[d] ?? 0;
    for (let i = first; i < first + (lengths[d] ?? 0); i++) {
      this.#collect(d + 1, base * (this.dims[d] ?? 0) + i, from, lengths, into);
    }
  }
}

/**
 * An array one dimension higher from arrays of equal shape (`ARRAY[[1,2],[3,4]]`).
 *
 * @throws `array_subscript_error` (2202E) when the shapes differ.
 */
export function stackArrays(elementType: Oid, parts: readonly PgArray[]): PgArray {
  const first = parts[0];
  if (first === undefined || parts.every((part) => part.values.length === 0)) return new PgArray(elementType, []);
  const values: SqlValue[] = [];
  for (const part of parts) {
    if (part.dims.join() !== first.dims.join()) {
      throw fail(
        'array_subscript_error',
        'multidimensional arrays must have array expressions with matching dimensions',
      );
    }
    for (const value of part.values) values.push(value);
  }
  if (first.dims.length >= ARRAY_DIMENSIONS_MAX) throw tooManyDimensions(first.dims.length + 1);
  return new PgArray(elementType, values, [parts.length, ...first.dims], [1, ...first.lowerBounds]);
}

export function tooManyDimensions(count: number): Error {
  return fail(
    'program_limit_exceeded',
    `number of array dimensions (${count}) exceeds the maximum allowed (${ARRAY_DIMENSIONS_MAX})`,
  );
}
