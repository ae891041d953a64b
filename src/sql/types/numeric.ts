/**
 * The value of type numeric: coefficient ÷ 10^scale.
 *
 *   123.450   coefficient 123450, scale 3        the display scale is part of the value, not of its equality
 *   NaN, Infinity, -Infinity                     coefficient is that very JS number, scale 0
 *
 * The coefficient is a number while it is a safe integer and a BigInt beyond, never −0, so most arithmetic costs no BigInt.
 * Values are immutable. Order is PostgreSQL's: −Infinity < finite < Infinity < NaN, and NaN = NaN.
 */

import { fail } from '../../base/errors.ts';
import type { WideInteger } from './wide-integer.ts';
import { canonical } from './wide-integer.ts';

/** Digits after the point that a stored value can have. */
export const NUMERIC_SCALE_MAX = 16383;
/** Digits before the point that a value can have. */
export const NUMERIC_INTEGER_DIGITS_MAX = 131072;

const NUMBER_POWERS: readonly number[] = Array.from({ length: 23 }, (_, i) => Number(`1e${i}`));
const BIGINT_POWERS: bigint[] = [];

/** 10^n as a BigInt; small powers are kept. */
export function bigPow10(n: number): bigint {
  if (n > 400) return 10n ** BigInt(n);
  return (BIGINT_POWERS[n] ??= 10n ** BigInt(n));
}

/** coefficient × 10^n, exact; n ≥ 0. */
export function scaleUp(coefficient: WideInteger, n: number): WideInteger {
  if (n === 0 || coefficient === 0) return coefficient;
  if (typeof coefficient === 'number' && n < 16) {
    const product = coefficient * (NUMBER_POWERS[n] ?? 0);
    if (Number.isSafeInteger(product)) return product;
  }
  return canonical(BigInt(coefficient) * bigPow10(n));
}

/** coefficient ÷ 10^n, n ≥ 0, rounded half away from zero (`half` true) or toward zero. */
export function scaleDown(coefficient: WideInteger, n: number, half: boolean): WideInteger {
  if (n === 0) return coefficient;
  if (typeof coefficient === 'number') {
    if (n > 16) return 0;
    const power = NUMBER_POWERS[n] ?? 0;
    const rest = coefficient % power;
    const quotient = (coefficient - rest) / power;
    if (!half || Math.abs(rest) * 2 < power) return quotient + 0;
    return quotient + (coefficient < 0 ? -1 : 1);
  }
  const power = bigPow10(n);
  return canonical(half ? divideRounded(coefficient, power) : coefficient / power);
}

/** Quotient of BigInts rounded half away from zero. */
export function divideRounded(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor;
  const rest = dividend - quotient * divisor;
  const twice = (rest < 0n ? -rest : rest) * 2n;
  if (twice < (divisor < 0n ? -divisor : divisor)) return quotient;
  return dividend < 0n !== divisor < 0n ? quotient - 1n : quotient + 1n;
}

/** Decimal digits of |coefficient|; 0 for zero. */
export function digitCount(coefficient: WideInteger): number {
  if (typeof coefficient === 'number') {
    const magnitude = Math.abs(coefficient);
    let n = 0;
    while (n < 16 && magnitude >= (NUMBER_POWERS[n] ?? 0)) n++;
    return n;
  }
  const magnitude = coefficient < 0n ? -coefficient : coefficient;
  const hex = magnitude.toString(16);
  if (hex.length < COUNTED_HEX_DIGITS) return magnitude.toString().length;
  // Decimal digits of many take long to make. 2^(bits − 1) ≤ magnitude leaves two counts, and a power of ten tells them apart.
  const bits = hex.length * 4 - 4 + 32 - Math.clz32(Number.parseInt(hex.charAt(0), 16));
  const least = Math.floor((bits - 1) * Math.LOG10E * Math.LN2) + 1;
  return magnitude >= bigPow10(least) ? least + 1 : least;
}

const COUNTED_HEX_DIGITS = 256;

/** A value of type numeric. Build one with {@link numeric}, {@link parseNumeric} or arithmetic. */
export class Numeric {
  readonly coefficient: WideInteger;
  readonly scale: number;

  /** @param coefficient - canonical; @param scale - 0 … 16383. Unchecked: for results known to be in range. */
  constructor(coefficient: WideInteger, scale: number) {
    this.coefficient = coefficient;
    this.scale = scale;
  }

  get isFinite(): boolean {
    return typeof this.coefficient === 'bigint' || Number.isFinite(this.coefficient);
  }

  get isNaN(): boolean {
    return Number.isNaN(this.coefficient);
  }

  get isZero(): boolean {
    return this.coefficient === 0;
  }

  /** −1, 0 or 1; NaN counts as positive. */
  get sign(): number {
    return this.coefficient < 0 ? -1 : this.coefficient === 0 ? 0 : 1;
  }

  toString(): string {
    return formatNumeric(this);
  }
}

export const NUMERIC_NAN = new Numeric(Number.NaN, 0);
export const NUMERIC_INFINITY = new Numeric(Number.POSITIVE_INFINITY, 0);
export const NUMERIC_NEGATIVE_INFINITY = new Numeric(Number.NEGATIVE_INFINITY, 0);
export const NUMERIC_ZERO = new Numeric(0, 0);
export const NUMERIC_ONE = new Numeric(1, 0);

/** The error of every result that has too many digits. */
export function numericOverflow(): Error {
  return fail('numeric_value_out_of_range', 'value overflows numeric format');
}

/**
 * A finite value from its parts.
 *
 * @throws `numeric_value_out_of_range` (22003) above 131072 digits before the point.
 */
export function numeric(coefficient: WideInteger, scale: number): Numeric {
  if (typeof coefficient === 'bigint') {
    const limit = NUMERIC_INTEGER_DIGITS_MAX + scale;
    // Four bits never hold more than 1.2 digits, so short coefficients skip the count.
    if (coefficient.toString(16).length * 1.21 > limit && digitCount(coefficient) > limit) throw numericOverflow();
  }
  return new Numeric(coefficient, scale);
}

/** An integer as numeric. */
export function numericFromInteger(value: WideInteger): Numeric {
  return new Numeric(value, 0);
}

/** A float8 as numeric: its 15 significant digits, as PostgreSQL's cast; `digits` is 6 for float4. */
export function numericFromFloat(value: number, digits: 15 | 6): Numeric {
  if (Number.isNaN(value)) return NUMERIC_NAN;
  if (!Number.isFinite(value)) return value > 0 ? NUMERIC_INFINITY : NUMERIC_NEGATIVE_INFINITY;
  const [mantissa = '0', exponent = '0'] = value.toExponential(digits - 1).split('e');
  const parsed = parseNumeric(`${mantissa.replace(/\.?0+$/, '')}e${exponent}`);
  return parsed;
}

/** The nearest float8. */
export function numericToFloat(value: Numeric): number {
  const { coefficient, scale } = value;
  if (typeof coefficient === 'number') {
    if (scale === 0) return coefficient;
    if (scale <= 22) return coefficient / (NUMBER_POWERS[scale] ?? 1);
  }
  return Number(`${coefficient}e-${scale}`);
}

/** Rounds to an integer, half away from zero; undefined for NaN and infinities. */
export function numericToInteger(value: Numeric): WideInteger | undefined {
  return value.isFinite ? scaleDown(value.coefficient, value.scale, true) : undefined;
}

/** Order of two values: −1, 0 or 1. */
export function compareNumeric(a: Numeric, b: Numeric): number {
  if (a.scale === b.scale && typeof a.coefficient === 'number' && typeof b.coefficient === 'number') {
    if (a.coefficient < b.coefficient) return -1;
    if (a.coefficient > b.coefficient) return 1;
    if (a.coefficient === b.coefficient) return 0;
  }
  if (a.isNaN || b.isNaN) return Number(a.isNaN) - Number(b.isNaN);
  const scale = Math.max(a.scale, b.scale);
  const left = a.isFinite ? scaleUp(a.coefficient, scale - a.scale) : a.coefficient;
  const right = b.isFinite ? scaleUp(b.coefficient, scale - b.scale) : b.coefficient;
  return left < right ? -1 : left > right ? 1 : 0;
}

/** Text as PostgreSQL prints it: all digits of the display scale, never an exponent. */
export function formatNumeric(value: Numeric): string {
  const { coefficient, scale } = value;
  if (scale === 0 || !value.isFinite) return coefficient.toString();
  const negative = coefficient < 0;
  const digits = (negative ? -coefficient : coefficient).toString().padStart(scale + 1, '0');
  const point = digits.length - scale;
  return `${negative ? '-' : ''}${digits.slice(0, point)}.${digits.slice(point)}`;
}

const SPECIAL: ReadonlyMap<string, Numeric> = new Map([
  ['nan', NUMERIC_NAN],
  ['infinity', NUMERIC_INFINITY],
  ['+infinity', NUMERIC_INFINITY],
  ['-infinity', NUMERIC_NEGATIVE_INFINITY],
  ['inf', NUMERIC_INFINITY],
  ['+inf', NUMERIC_INFINITY],
  ['-inf', NUMERIC_NEGATIVE_INFINITY],
]);

const NUMBER_FORM = /^[ \t\n\v\f\r]*([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?[ \t\n\v\f\r]*$/;

/**
 * Reads numeric's text form.
 *
 * @throws `invalid_text_representation` (22P02), or `numeric_value_out_of_range` (22003) for too many digits.
 */
export function parseNumeric(text: string): Numeric {
  const match = NUMBER_FORM.exec(text);
  const whole = match?.[2] ?? '';
  const fraction = match?.[3] ?? '';
  if (match === null || whole.length + fraction.length === 0) {
    const special = SPECIAL.get(text.trim().toLowerCase());
    if (special !== undefined) return special;
    throw fail('invalid_text_representation', `invalid input syntax for type numeric: "${text}"`);
  }
  const exponent = match[4] === undefined ? 0 : parseExponent(match[4], text);
  const digits = (whole + fraction).replace(/^0+/, '');
  const scale = Math.max(0, fraction.length - exponent);
  if (digits === '') {
    if (scale > NUMERIC_SCALE_MAX) throw numericOverflow();
    return new Numeric(0, scale);
  }
  if (scale > NUMERIC_SCALE_MAX || digits.length + exponent - fraction.length > NUMERIC_INTEGER_DIGITS_MAX) {
    throw numericOverflow();
  }
  const magnitude: WideInteger = digits.length <= 15 ? decimal(digits) : canonical(BigInt(digits));
  const scaled = scaleUp(magnitude, scale - (fraction.length - exponent));
  return new Numeric(match[1] === '-' ? negateCoefficient(scaled) : scaled, scale);
}

function negateCoefficient(value: WideInteger): WideInteger {
  return typeof value === 'number' ? 0 - value : -value;
}

function decimal(digits: string): number {
  let value = 0;
  for (let i = 0; i < digits.length; i++) value = value * 10 + (digits.charCodeAt(i) - 48);
  return value;
}

function parseExponent(digits: string, text: string): number {
  const value = decimal(digits.replace(/^[+-]?0*/, '').slice(0, 12));
  if (value >= 0x3fffffff)
    throw fail('invalid_text_representation', `invalid input syntax for type numeric: "${text}"`);
  return digits.startsWith('-') ? -value : value;
}
