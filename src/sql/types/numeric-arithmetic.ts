/**
 * Exact arithmetic on numeric with PostgreSQL's result scales.
 *
 *   a + b, a − b   max(scale a, scale b)
 *   a × b          scale a + scale b
 *   a ÷ b          enough for 16 significant digits, at least either scale, at most 1000 (see {@link divisionScale})
 *   a % b          max of the scales, sign of the dividend
 *
 * NaN spreads; infinities follow PostgreSQL (∞ − ∞ is NaN, x ÷ ∞ is 0). Rounding is half away from zero.
 */

import { fail } from '../../base/errors.ts';
import {
  bigPow10,
  compareNumeric,
  digitCount,
  divideRounded,
  NUMERIC_INFINITY,
  NUMERIC_NAN,
  NUMERIC_NEGATIVE_INFINITY,
  NUMERIC_ONE,
  NUMERIC_SCALE_MAX,
  NUMERIC_ZERO,
  Numeric,
  numeric,
  scaleDown,
  scaleUp,
} from './numeric.ts';
import type { WideInteger } from './wide-integer.ts';
import { canonical } from './wide-integer.ts';

/** Significant digits that a quotient gets at least. */
export const SIGNIFICANT_DIGITS_MIN = 16;
/** Most digits after the point that a computed scale may ask for. */
export const DISPLAY_SCALE_MAX = 1000;

function infinity(sign: number): Numeric {
  return sign < 0 ? NUMERIC_NEGATIVE_INFINITY : NUMERIC_INFINITY;
}

export function addNumeric(a: Numeric, b: Numeric): Numeric {
  if (typeof a.coefficient === 'number' && typeof b.coefficient === 'number' && a.scale === b.scale) {
    const sum = a.coefficient + b.coefficient;
    if (Number.isSafeInteger(sum)) return new Numeric(sum, a.scale);
  }
  if (!a.isFinite || !b.isFinite) return addSpecial(a, b);
  const scale = Math.max(a.scale, b.scale);
  return numeric(addExact(scaleUp(a.coefficient, scale - a.scale), scaleUp(b.coefficient, scale - b.scale)), scale);
}

function addExact(a: WideInteger, b: WideInteger): WideInteger {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b;
    if (Number.isSafeInteger(sum)) return sum;
  }
  return canonical(BigInt(a) + BigInt(b));
}

function addSpecial(a: Numeric, b: Numeric): Numeric {
  if (a.isNaN || b.isNaN) return NUMERIC_NAN;
  if (a.isFinite) return b;
  if (b.isFinite) return a;
  return a.sign === b.sign ? a : NUMERIC_NAN;
}

export function negateNumeric(a: Numeric): Numeric {
  return new Numeric(typeof a.coefficient === 'number' ? 0 - a.coefficient : -a.coefficient, a.scale);
}

export function subtractNumeric(a: Numeric, b: Numeric): Numeric {
  if (typeof a.coefficient === 'number' && typeof b.coefficient === 'number' && a.scale === b.scale) {
    const difference = a.coefficient - b.coefficient;
    if (Number.isSafeInteger(difference)) return new Numeric(difference, a.scale);
  }
  return addNumeric(a, negateNumeric(b));
}

export function multiplyNumeric(a: Numeric, b: Numeric): Numeric {
  const scale = a.scale + b.scale;
  if (typeof a.coefficient === 'number' && typeof b.coefficient === 'number') {
    const product = a.coefficient * b.coefficient;
    if (Number.isSafeInteger(product) && scale <= NUMERIC_SCALE_MAX) return new Numeric(product + 0, scale);
    if (!a.isFinite || !b.isFinite) return multiplySpecial(a, b);
  } else if (!a.isFinite || !b.isFinite) return multiplySpecial(a, b);
  const product = numeric(canonical(BigInt(a.coefficient) * BigInt(b.coefficient)), scale);
  return scale > NUMERIC_SCALE_MAX ? roundNumeric(product, NUMERIC_SCALE_MAX) : product;
}

function multiplySpecial(a: Numeric, b: Numeric): Numeric {
  if (a.isNaN || b.isNaN || a.isZero || b.isZero) return NUMERIC_NAN;
  return infinity(a.sign * b.sign);
}

/** Weight and value of the first base-10000 digit, by which PostgreSQL chooses scales. Zero has weight 0, digit 0. */
export function leadingDigit(value: Numeric): { readonly weight: number; readonly digit: number } {
  const count = digitCount(value.coefficient);
  if (count === 0) return { weight: 0, digit: 0 };
  const before = count - value.scale;
  const weight = Math.ceil(before / 4) - 1;
  const take = before - weight * 4;
  const { coefficient } = value;
  if (typeof coefficient === 'bigint' && count > 400) {
    const leading = coefficient / bigPow10(count - take);
    return { weight, digit: Math.abs(Number(leading)) };
  }
  const text = (coefficient < 0 ? -coefficient : coefficient).toString();
  return { weight, digit: Number.parseInt(text.slice(0, take).padEnd(take, '0'), 10) };
}

/** Scale of a quotient: PostgreSQL's rule, in base-10000 weights. */
export function divisionScale(a: Numeric, b: Numeric): number {
  const left = leadingDigit(a);
  const right = leadingDigit(b);
  const weight = left.weight - right.weight - (left.digit <= right.digit ? 1 : 0);
  return clampScale(Math.max(SIGNIFICANT_DIGITS_MIN - weight * 4, a.scale, b.scale));
}

/** A wanted scale brought into 0 … 1000. */
export function clampScale(scale: number): number {
  return Math.min(Math.max(scale, 0), DISPLAY_SCALE_MAX);
}

/** @throws `division_by_zero` (22012). */
export function divideNumeric(a: Numeric, b: Numeric): Numeric {
  if (!a.isFinite || !b.isFinite) return divideSpecial(a, b);
  if (b.isZero) throw fail('division_by_zero', 'division by zero');
  return divideToScale(a, b, divisionScale(a, b));
}

/** The quotient of finite values rounded to `scale` digits; the divisor is not zero. */
export function divideToScale(a: Numeric, b: Numeric, scale: number): Numeric {
  const shift = scale - a.scale + b.scale;
  const dividend = BigInt(a.coefficient);
  const divisor = BigInt(b.coefficient);
  const quotient =
    shift >= 0
      ? divideRounded(dividend * bigPow10(shift), divisor)
      : divideRounded(dividend, divisor * bigPow10(-shift));
  return numeric(canonical(quotient), scale);
}

function divideSpecial(a: Numeric, b: Numeric): Numeric {
  if (a.isNaN || b.isNaN) return NUMERIC_NAN;
  if (!a.isFinite) {
    if (b.isZero) throw fail('division_by_zero', 'division by zero');
    return b.isFinite ? infinity(a.sign * b.sign) : NUMERIC_NAN;
  }
  return NUMERIC_ZERO;
}

/** Quotient truncated toward zero, scale 0 (`div`). @throws `division_by_zero` (22012). */
export function divideTruncated(a: Numeric, b: Numeric): Numeric {
  if (!a.isFinite || !b.isFinite) return divideSpecial(a, b);
  if (b.isZero) throw fail('division_by_zero', 'division by zero');
  const scale = Math.max(a.scale, b.scale);
  const dividend = BigInt(scaleUp(a.coefficient, scale - a.scale));
  const divisor = BigInt(scaleUp(b.coefficient, scale - b.scale));
  return numeric(canonical(dividend / divisor), 0);
}

/** @throws `division_by_zero` (22012). */
export function moduloNumeric(a: Numeric, b: Numeric): Numeric {
  if (!a.isFinite || !b.isFinite) {
    if (a.isNaN || b.isNaN) return NUMERIC_NAN;
    if (!a.isFinite && b.isZero) throw fail('division_by_zero', 'division by zero');
    return a.isFinite ? a : NUMERIC_NAN;
  }
  if (b.isZero) throw fail('division_by_zero', 'division by zero');
  const scale = Math.max(a.scale, b.scale);
  const dividend = scaleUp(a.coefficient, scale - a.scale);
  const divisor = scaleUp(b.coefficient, scale - b.scale);
  if (typeof dividend === 'number' && typeof divisor === 'number') return new Numeric((dividend % divisor) + 0, scale);
  return new Numeric(canonical(BigInt(dividend) % BigInt(divisor)), scale);
}

/** Rounds half away from zero to `scale` digits, which may be negative; the display scale becomes max(scale, 0). */
export function roundNumeric(value: Numeric, scale: number): Numeric {
  return rescale(value, scale, true);
}

export function truncateNumeric(value: Numeric, scale: number): Numeric {
  return rescale(value, scale, false);
}

function rescale(value: Numeric, scale: number, half: boolean): Numeric {
  if (!value.isFinite || scale === value.scale) return value;
  if (scale > value.scale) return numeric(scaleUp(value.coefficient, scale - value.scale), scale);
  const rounded = scaleDown(value.coefficient, value.scale - scale, half);
  return scale >= 0 ? numeric(rounded, scale) : numeric(scaleUp(rounded, -scale), 0);
}

export function ceilNumeric(value: Numeric): Numeric {
  const whole = truncateNumeric(value, 0);
  return compareNumeric(value, whole) > 0 ? addNumeric(whole, NUMERIC_ONE) : whole;
}

export function floorNumeric(value: Numeric): Numeric {
  const whole = truncateNumeric(value, 0);
  return compareNumeric(value, whole) < 0 ? subtractNumeric(whole, NUMERIC_ONE) : whole;
}

export function absoluteNumeric(value: Numeric): Numeric {
  return value.coefficient < 0 ? negateNumeric(value) : value;
}

export function signNumeric(value: Numeric): Numeric {
  return value.isNaN ? value : new Numeric(value.sign, 0);
}

/** Fewest digits after the point that keep the value; undefined for NaN and infinities. */
export function minimumScale(value: Numeric): number | undefined {
  if (!value.isFinite) return undefined;
  if (value.isZero) return 0;
  const digits = value.coefficient.toString();
  let scale = value.scale;
  for (let i = digits.length - 1; scale > 0 && digits.charCodeAt(i) === 48; i--) scale--;
  return scale;
}

export function trimScale(value: Numeric): Numeric {
  return truncateNumeric(value, minimumScale(value) ?? 0);
}

/** Greatest common divisor, never negative, with the larger scale. */
export function gcdNumeric(a: Numeric, b: Numeric): Numeric {
  if (!a.isFinite || !b.isFinite) return gcdSpecial(a, b);
  const scale = Math.max(a.scale, b.scale);
  let x = BigInt(scaleUp(a.coefficient, scale - a.scale));
  let y = BigInt(scaleUp(b.coefficient, scale - b.scale));
  while (y !== 0n) [x, y] = [y, x % y];
  return new Numeric(canonical(x < 0n ? -x : x), scale);
}

function gcdSpecial(a: Numeric, b: Numeric): Numeric {
  if (a.isNaN || b.isNaN) return NUMERIC_NAN;
  if (a.isFinite && b.isFinite) return NUMERIC_ZERO;
  return NUMERIC_NAN;
}

/** Least common multiple, never negative, with the larger scale. */
export function lcmNumeric(a: Numeric, b: Numeric): Numeric {
  if (!a.isFinite || !b.isFinite) return NUMERIC_NAN;
  const scale = Math.max(a.scale, b.scale);
  if (a.isZero || b.isZero) return new Numeric(0, scale);
  const x = BigInt(scaleUp(a.coefficient, scale - a.scale));
  const y = BigInt(scaleUp(b.coefficient, scale - b.scale));
  const divisor = BigInt(gcdNumeric(new Numeric(canonical(x), 0), new Numeric(canonical(y), 0)).coefficient);
  const product = (x / divisor) * y;
  return numeric(canonical(product < 0n ? -product : product), scale);
}
