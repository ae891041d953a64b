/**
 * Order and equality of two values of one type, by the values alone.
 *
 * It agrees with the order of every type's btree class: numbers with NaN last and −0 = 0, text by code points, arrays and
 * records element by element with null last. Functions over `anyelement` use it, which have no type at hand.
 */

import { PgArray } from './array.ts';
import type { SqlValue } from './contracts.ts';
import { compareIntervals, Interval } from './interval.ts';
import { compareNumeric, Numeric } from './numeric.ts';
import { PgRecord } from './record.ts';
import { compareBytes, compareText } from './text-order.ts';

/** −1, 0 or 1; null is last and equal to itself. */
export function compareValues(a: SqlValue, b: SqlValue): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  if (typeof a === 'string' && typeof b === 'string') return compareText(a, b);
  if (a instanceof Numeric && b instanceof Numeric) return compareNumeric(a, b);
  if (a instanceof Interval && b instanceof Interval) return compareIntervals(a, b);
  if (a instanceof Uint8Array && b instanceof Uint8Array) return compareBytes(a, b);
  if (a instanceof PgArray && b instanceof PgArray) {
    return (
      compareLists(a.values, b.values) || compareLists(a.dims, b.dims) || compareLists(a.lowerBounds, b.lowerBounds)
    );
  }
  if (a instanceof PgRecord && b instanceof PgRecord) return compareLists(a.values, b.values);
  return comparePrimitives(a, b);
}

function comparePrimitives(a: SqlValue, b: SqlValue): number {
  if (a === null || b === null) return 0;
  if (a < b) return -1;
  if (a > b) return 1;
  // Neither below nor above: equal, or one is NaN.
  return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
}

function compareLists(a: readonly SqlValue[], b: readonly SqlValue[]): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const order = compareValues(a[i] ?? null, b[i] ?? null);
    if (order !== 0) return order;
  }
  return Math.sign(a.length - b.length);
}

export function equalValues(a: SqlValue, b: SqlValue): boolean {
  return compareValues(a, b) === 0;
}
