/**
 * 64-bit integers as `number | bigint`.
 *
 * int8, time, timestamp, timestamptz and an interval's microseconds are numbers within ±(2^53 − 1) and BigInts beyond: a
 * value that fits is never a BigInt (so `===` compares them), and no integer is ever −0. Every operation here tries
 * numbers first: the exact result of two safe integers is safe exactly when the rounded one is.
 */

import type { ErrorCode } from '../../base/errors.ts';
import { fail } from '../../base/errors.ts';

/** A 64-bit integer: a number when safe, else a BigInt. */
export type WideInteger = number | bigint;

export const INT8_MIN = -(2n ** 63n);
export const INT8_MAX = 2n ** 63n - 1n;

const SAFE = BigInt(Number.MAX_SAFE_INTEGER);

/** Brings a BigInt into canonical form, without a range check. */
export function canonical(value: bigint): WideInteger {
  return value <= SAFE && value >= -SAFE ? Number(value) : value;
}

/**
 * Brings a BigInt into canonical form.
 *
 * @throws `numeric_value_out_of_range` (22003) outside of int8; `code` and `message` say it differently.
 */
export function narrow(
  value: bigint,
  code: ErrorCode = 'numeric_value_out_of_range',
  message = 'bigint out of range',
): WideInteger {
  if (value > INT8_MAX || value < INT8_MIN) throw fail(code, message);
  return canonical(value);
}

export function wideAdd(a: WideInteger, b: WideInteger): WideInteger {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b;
    if (Number.isSafeInteger(sum)) return sum;
  }
  return narrow(BigInt(a) + BigInt(b));
}

export function wideSubtract(a: WideInteger, b: WideInteger): WideInteger {
  if (typeof a === 'number' && typeof b === 'number') {
    const difference = a - b;
    if (Number.isSafeInteger(difference)) return difference;
  }
  return narrow(BigInt(a) - BigInt(b));
}

export function wideMultiply(a: WideInteger, b: WideInteger): WideInteger {
  if (typeof a === 'number' && typeof b === 'number') {
    const product = a * b;
    if (Number.isSafeInteger(product)) return product + 0;
  }
  return narrow(BigInt(a) * BigInt(b));
}

/** Quotient truncated toward zero. @throws `division_by_zero` (22012). */
export function wideDivide(a: WideInteger, b: WideInteger): WideInteger {
  if (b === 0) throw fail('division_by_zero', 'division by zero');
  if (typeof a === 'number' && typeof b === 'number') return Math.trunc((a - (a % b)) / b) + 0;
  return narrow(BigInt(a) / BigInt(b));
}

/** Remainder with the sign of the dividend. @throws `division_by_zero` (22012). */
export function wideModulo(a: WideInteger, b: WideInteger): WideInteger {
  if (b === 0) throw fail('division_by_zero', 'division by zero');
  if (typeof a === 'number' && typeof b === 'number') return (a % b) + 0;
  return canonical(BigInt(a) % BigInt(b));
}

export function wideNegate(a: WideInteger): WideInteger {
  return typeof a === 'number' ? 0 - a : narrow(-a);
}

export function wideAbsolute(a: WideInteger): WideInteger {
  return a < 0 ? wideNegate(a) : a;
}

/** −1, 0 or 1. JavaScript compares a number with a BigInt by value, ±Infinity included. */
export function wideCompare(a: WideInteger, b: WideInteger): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Quotient rounded toward −Infinity, for a positive divisor below 2^53. */
export function wideFloorDivide(a: WideInteger, b: number): WideInteger {
  if (typeof a === 'number') {
    // A quotient of doubles may round up to the next integer; the product, which is exact, tells. This is far cheaper
    // than %, which is a call for doubles.
    const quotient = Math.floor(a / b);
    return quotient * b > a ? quotient - 1 : quotient;
  }
  const divisor = BigInt(b);
  const rest = ((a % divisor) + divisor) % divisor;
  return canonical((a - rest) / divisor);
}

/** Remainder in 0 … b − 1, for a positive divisor below 2^53. */
export function wideFloorModulo(a: WideInteger, b: number): number {
  if (typeof a === 'number') {
    const rest = a - Math.floor(a / b) * b;
    return rest < 0 ? rest + b : rest;
  }
  const divisor = BigInt(b);
  return Number(((a % divisor) + divisor) % divisor);
}

/** The 64 bits as a signed BigInt are combined by `combine`; for & | # ~ and shifts. */
export function wideBits(value: bigint): WideInteger {
  return canonical(BigInt.asIntN(64, value));
}
