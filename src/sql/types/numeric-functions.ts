/**
 * Transcendental functions of numeric, computed in fixed point with BigInts and rounded to PostgreSQL's result scales.
 *
 * A fixed-point number of precision p is a BigInt x that stands for x ÷ 10^p. Each function works with guard digits beyond
 * the scale of its result, so that only a tie within 10^−guard could round otherwise.
 */

import { fail } from '../../base/errors.ts';
import {
  bigPow10,
  compareNumeric,
  digitCount,
  divideRounded,
  NUMERIC_INFINITY,
  NUMERIC_INTEGER_DIGITS_MAX,
  NUMERIC_NAN,
  NUMERIC_ONE,
  NUMERIC_ZERO,
  Numeric,
  numeric,
  numericOverflow,
  numericToFloat,
  scaleDown,
  scaleUp,
} from './numeric.ts';
import {
  absoluteNumeric,
  clampScale,
  DISPLAY_SCALE_MAX,
  divideToScale,
  leadingDigit,
  minimumScale,
  multiplyNumeric,
  negateNumeric,
  roundNumeric,
  SIGNIFICANT_DIGITS_MIN,
  subtractNumeric,
} from './numeric-arithmetic.ts';
import { canonical } from './wide-integer.ts';

const GUARD_DIGITS = 12;
/** Decimal exponents beyond which a result certainly overflows or vanishes. */
const RESULT_SCALE_MAX = 2000;
const LOG10_E = Math.LOG10E;
/** Integer powers of fewer digits than this are multiplied out. */
const EXACT_POWER_DIGITS_MAX = 200_000;

/** The value at precision `digits`, rounded. */
function toFixedPoint(value: Numeric, digits: number): bigint {
  const coefficient = BigInt(value.coefficient);
  return digits >= value.scale
    ? coefficient * bigPow10(digits - value.scale)
    : divideRounded(coefficient, bigPow10(value.scale - digits));
}

function fromFixedPoint(value: bigint, digits: number, scale: number): Numeric {
  return roundNumeric(numeric(canonical(value), digits), scale);
}

/** Integer square root, rounded down, by Newton's method. */
function integerSquareRoot(n: bigint): bigint {
  if (n < 2n) return n;
  let x = 1n << BigInt(Math.ceil(n.toString(2).length / 2));
  for (;;) {
    const next = (x + n / x) >> 1n;
    if (next >= x) return x;
    x = next;
  }
}

/** @throws `invalid_argument_for_power_function` (2201F) for negative values. */
export function sqrtNumeric(value: Numeric): Numeric {
  if (value.isNaN) return value;
  if (value.sign < 0) {
    throw fail('invalid_argument_for_power_function', 'cannot take square root of a negative number');
  }
  if (!value.isFinite) return value;
  const digitsBefore = 2 * leadingDigit(value).weight + 1;
  return sqrtToScale(value, clampScale(Math.max(SIGNIFICANT_DIGITS_MIN - digitsBefore, value.scale)));
}

/** Square root of a finite value ≥ 0, rounded to `scale` digits. */
export function sqrtToScale(value: Numeric, scale: number): Numeric {
  // Twice the digits go in, so that one digit more than wanted comes out; no input digit may be cut off.
  const digits = Math.max(scale + 1, Math.ceil(value.scale / 2));
  return fromFixedPoint(integerSquareRoot(toFixedPoint(value, 2 * digits)), digits, scale);
}

/** e^x for a fixed-point x: halved until small, Taylor, squared back. */
function expFixed(x: bigint, digits: number): bigint {
  const negative = x < 0n;
  const magnitude = negative ? -x : x;
  const whole = magnitude / bigPow10(digits);
  let halvings = 8;
  for (let rest = whole; rest > 0n; rest >>= 1n) halvings++;
  // The result has whole × log10 e digits before the point, and each squaring may lose a bit.
  const extra = Math.ceil(Number(whole) * LOG10_E) + Math.ceil(halvings * 0.31) + 5;
  const unit = bigPow10(digits + extra);
  const reduced = (magnitude * bigPow10(extra)) >> BigInt(halvings);
  let term = unit;
  let sum = unit;
  for (let n = 1n; term !== 0n; n++) {
    term = (term * reduced) / unit / n;
    sum += term;
  }
  for (let i = 0; i < halvings; i++) sum = (sum * sum) / unit;
  if (negative) sum = (unit * unit) / sum;
  return divideRounded(sum, bigPow10(extra));
}

/** ln x for a positive fixed-point x: square roots until near 1, then the series of atanh. */
function lnFixed(x: bigint, digits: number): bigint {
  const extra = 20;
  const unit = bigPow10(digits + extra);
  let value = x * bigPow10(extra);
  // Powers of two come off first, so that few roots are needed however large or small x is.
  let twos = 0;
  while (value > 2n * unit) {
    value >>= 1n;
    twos++;
  }
  while (value * 2n < unit) {
    value <<= 1n;
    twos--;
  }
  if (twos > 0) value = (x * bigPow10(extra)) / (1n << BigInt(twos));
  const result = 2n * atanhSeries(value, unit) + BigInt(twos) * lnTwo(unit);
  return divideRounded(result, bigPow10(extra));
}

/** atanh((v − 1) ÷ (v + 1)), half of ln v. */
function atanhSeries(value: bigint, unit: bigint): bigint {
  const z = ((value - unit) * unit) / (value + unit);
  const square = (z * z) / unit;
  let power = z;
  let sum = z;
  for (let n = 3n; power !== 0n; n += 2n) {
    power = (power * square) / unit;
    sum += power / n;
  }
  return sum;
}

function lnTwo(unit: bigint): bigint {
  return 2n * atanhSeries(2n * unit, unit);
}

/** Decimal exponent of |ln value|, estimated as PostgreSQL does, since result scales depend on it. */
function logarithmWeight(value: Numeric): number {
  if (value.sign <= 0) return 0;
  const nine = new Numeric(9, 1);
  const eleven = new Numeric(11, 1);
  if (compareNumeric(value, nine) >= 0 && compareNumeric(value, eleven) <= 0) {
    const x = subtractNumeric(value, NUMERIC_ONE);
    if (x.isZero) return 0;
    const { weight, digit } = leadingDigit(x);
    return weight * 4 + Math.trunc(Math.log10(digit));
  }
  const text = value.coefficient.toString();
  const digits = Number(text.slice(0, 15));
  const ln = Math.log(digits) + (text.length - Math.min(15, text.length) - value.scale) * Math.LN10;
  return Math.trunc(Math.log10(Math.abs(ln)));
}

function checkLogarithm(value: Numeric): void {
  if (value.sign < 0) throw fail('invalid_argument_for_logarithm', 'cannot take logarithm of a negative number');
  if (value.isZero) throw fail('invalid_argument_for_logarithm', 'cannot take logarithm of zero');
}

/** ln of a finite positive value, rounded to `scale` digits. */
function lnToScale(value: Numeric, scale: number): Numeric {
  // Values near zero need their leading zeros as precision too.
  const digits = Math.max(scale, 0) + GUARD_DIGITS + Math.max(0, value.scale - digitCount(value.coefficient) + 1);
  const exact = Math.max(digits, value.scale);
  return fromFixedPoint(lnFixed(toFixedPoint(value, exact), exact), exact, Math.max(scale, 0));
}

/** Natural logarithm. @throws `invalid_argument_for_logarithm` (2201E). */
export function lnNumeric(value: Numeric): Numeric {
  if (value.isNaN) return value;
  checkLogarithm(value);
  if (!value.isFinite) return value;
  return lnToScale(value, clampScale(Math.max(SIGNIFICANT_DIGITS_MIN - logarithmWeight(value), value.scale)));
}

/** Logarithm to any base. @throws `invalid_argument_for_logarithm` (2201E), `division_by_zero` (22012) for base 1. */
export function logNumeric(base: Numeric, value: Numeric): Numeric {
  if (base.isNaN || value.isNaN) return NUMERIC_NAN;
  checkLogarithm(base);
  checkLogarithm(value);
  if (!base.isFinite) return value.isFinite ? NUMERIC_ZERO : NUMERIC_NAN;
  if (!value.isFinite) return NUMERIC_INFINITY;
  const baseWeight = logarithmWeight(base);
  const weight = logarithmWeight(value) - baseWeight;
  const scale = clampScale(Math.max(SIGNIFICANT_DIGITS_MIN - weight, base.scale, value.scale));
  const working = scale + Math.abs(weight) + Math.abs(baseWeight) + GUARD_DIGITS;
  const divisor = lnToScale(base, working);
  if (divisor.isZero) throw fail('division_by_zero', 'division by zero');
  return divideToScale(lnToScale(value, working), divisor, scale);
}

/** e^value. @throws `numeric_value_out_of_range` (22003). */
export function expNumeric(value: Numeric): Numeric {
  if (value.isNaN) return value;
  if (!value.isFinite) return value.sign > 0 ? value : NUMERIC_ZERO;
  // exp alone has this narrow range; powers reach as far as numeric does.
  if (numericToFloat(value) >= RESULT_SCALE_MAX * 3) throw numericOverflow();
  const exponent = Math.trunc(clampExponent(numericToFloat(value) * LOG10_E));
  return expToScale(value, clampScale(Math.max(SIGNIFICANT_DIGITS_MIN - exponent, value.scale)));
}

function clampExponent(exponent: number): number {
  return Math.max(-RESULT_SCALE_MAX, Math.min(RESULT_SCALE_MAX, exponent));
}

function expToScale(value: Numeric, scale: number): Numeric {
  const estimate = numericToFloat(value);
  if (estimate > NUMERIC_INTEGER_DIGITS_MAX * Math.LN10) throw numericOverflow();
  if (estimate < -(scale + 10) * Math.LN10) return new Numeric(0, scale);
  const digits = Math.max(scale + GUARD_DIGITS, value.scale);
  return fromFixedPoint(expFixed(toFixedPoint(value, digits), digits), digits, scale);
}

/** base ^ exponent. @throws 2201F where the result is complex or infinite, 22003 on overflow. */
export function powerNumeric(base: Numeric, exponent: Numeric): Numeric {
  if (!base.isFinite || !exponent.isFinite) return powerSpecial(base, exponent);
  if (base.isZero && exponent.sign < 0) {
    throw fail('invalid_argument_for_power_function', 'zero raised to a negative power is undefined');
  }
  const whole = minimumScale(exponent) === 0;
  if (base.sign < 0 && !whole) {
    throw fail(
      'invalid_argument_for_power_function',
      'a negative number raised to a non-integer power yields a complex result',
    );
  }
  if (whole) {
    const n = numericToFloat(exponent);
    if (Math.abs(n) <= 2147483647) return integerPower(base, n, exponent);
  }
  if (base.isZero) return new Numeric(0, SIGNIFICANT_DIGITS_MIN);
  return realPower(base, exponent, whole && numericToFloat(exponent) % 2 !== 0);
}

function powerSpecial(base: Numeric, exponent: Numeric): Numeric {
  if (exponent.isZero || compareNumeric(base, NUMERIC_ONE) === 0) return NUMERIC_ONE;
  if (base.isNaN || exponent.isNaN) return NUMERIC_NAN;
  if (base.isZero && exponent.sign < 0) {
    throw fail('invalid_argument_for_power_function', 'zero raised to a negative power is undefined');
  }
  if (!exponent.isFinite) {
    const size = compareNumeric(absoluteNumeric(base), NUMERIC_ONE);
    if (size === 0) return NUMERIC_ONE;
    return size > 0 === exponent.sign > 0 ? NUMERIC_INFINITY : NUMERIC_ZERO;
  }
  const whole = minimumScale(exponent) === 0;
  if (base.sign < 0 && !whole) {
    throw fail(
      'invalid_argument_for_power_function',
      'a negative number raised to a non-integer power yields a complex result',
    );
  }
  if (exponent.sign < 0) return NUMERIC_ZERO;
  const odd = BigInt(scaleDown(exponent.coefficient, exponent.scale, false)) % 2n !== 0n;
  return base.sign < 0 && odd ? base : NUMERIC_INFINITY;
}

function integerPower(base: Numeric, n: number, exponent: Numeric): Numeric {
  const scale = clampScale(Math.max(SIGNIFICANT_DIGITS_MIN, base.scale));
  if (n === 0) return new Numeric(scaleUp(1, scale), scale);
  if (base.isZero) return new Numeric(0, scale);
  if (n === 1) return roundNumeric(base, scale);
  if (n === -1) return divideToScale(NUMERIC_ONE, base, scale);
  if (n === 2) return roundNumeric(multiplyNumeric(base, base), scale);
  const text = absoluteNumeric(base).coefficient.toString();
  const lead = Number(text.slice(0, 15));
  const decimalExponent = n * (Math.log10(lead) + text.length - Math.min(15, text.length) - base.scale);
  if (decimalExponent > NUMERIC_INTEGER_DIGITS_MAX) throw numericOverflow();
  if (decimalExponent + 1 < -scale) return new Numeric(0, scale);
  if (Math.abs(n) * text.length < EXACT_POWER_DIGITS_MAX) {
    const magnitude = Math.abs(n);
    const raised = new Numeric(canonical(BigInt(base.coefficient) ** BigInt(magnitude)), base.scale * magnitude);
    return n > 0 ? roundNumeric(raised, scale) : divideToScale(NUMERIC_ONE, raised, scale);
  }
  const result = rawPower(absoluteNumeric(base), exponent, scale, decimalExponent);
  return base.sign < 0 && Math.abs(n) % 2 === 1 ? negateNumeric(result) : result;
}

/** exp(exponent × ln base) for a positive base. */
function rawPower(base: Numeric, exponent: Numeric, scale: number, decimalExponent: number): Numeric {
  const working = scale + Math.max(0, Math.ceil(decimalExponent)) + GUARD_DIGITS + digitCount(exponent.coefficient);
  const product = multiplyNumeric(lnToScale(base, working), exponent);
  return expToScale(roundNumeric(product, working), scale);
}

function realPower(base: Numeric, exponent: Numeric, negate: boolean): Numeric {
  const magnitude = absoluteNumeric(base);
  // The result's scale hangs on this estimate's whole digits, so it is rounded exactly as PostgreSQL rounds it.
  const roughScale = Math.max(0, 8 - logarithmWeight(magnitude));
  const roughProduct = multiplyNumeric(lnToScale(magnitude, roughScale), exponent);
  const rough = numericToFloat(roundNumeric(roughProduct, roughScale));
  if (Math.abs(rough) > RESULT_SCALE_MAX * 3.01) {
    if (rough > 0) throw numericOverflow();
    return new Numeric(0, DISPLAY_SCALE_MAX);
  }
  const decimalExponent = rough * LOG10_E;
  const scale = clampScale(Math.max(SIGNIFICANT_DIGITS_MIN - Math.trunc(decimalExponent), base.scale, exponent.scale));
  const result = rawPower(magnitude, exponent, scale, decimalExponent);
  return negate && base.sign < 0 ? negateNumeric(result) : result;
}

/** Product of the integers low … high; halves of equal size multiply far faster than one by one. */
function product(low: number, high: number): bigint {
  if (high - low > 16) {
    const middle = (low + high) >> 1;
    return product(low, middle) * product(middle + 1, high);
  }
  let result = 1n;
  for (let i = low; i <= high; i++) result *= BigInt(i);
  return result;
}

/** n! @throws 22003 for negative and for huge n. */
export function factorial(n: number | bigint): Numeric {
  if (n < 0) throw fail('numeric_value_out_of_range', 'factorial of a negative number is undefined');
  if (n > 32177) throw numericOverflow();
  return numeric(canonical(product(1, Number(n))), 0);
}
