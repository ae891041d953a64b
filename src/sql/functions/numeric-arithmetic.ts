/** Operators and mathematics of numeric: the pg_proc names of what `types/numeric-*.ts` computes. */

import { fail } from '../../base/errors.ts';
import { compareNumeric, type Numeric, numericFromInteger, numericToInteger } from '../types/numeric.ts';
import {
  absoluteNumeric,
  addNumeric,
  ceilNumeric,
  divideNumeric,
  divideTruncated,
  floorNumeric,
  gcdNumeric,
  lcmNumeric,
  minimumScale,
  moduloNumeric,
  multiplyNumeric,
  negateNumeric,
  roundNumeric,
  signNumeric,
  subtractNumeric,
  trimScale,
  truncateNumeric,
} from '../types/numeric-arithmetic.ts';
import { expNumeric, factorial, lnNumeric, logNumeric, powerNumeric, sqrtNumeric } from '../types/numeric-functions.ts';
import type { WideInteger } from '../types/wide-integer.ts';
import { type Definition, pure, pureEach } from './definition.ts';
import { toInt4 } from './integer-arithmetic.ts';

const SCALE_LIMIT = 16383;
const TEN = numericFromInteger(10);

function clampDigits(digits: number): number {
  return Math.max(-SCALE_LIMIT, Math.min(SCALE_LIMIT, digits));
}

function bucketError(text: string): Error {
  return fail('invalid_argument_for_width_bucket_function', text);
}

function widthBucket(operand: Numeric, low: Numeric, high: Numeric, count: number): number {
  if (count <= 0) throw bucketError('count must be greater than zero');
  if (operand.isNaN || low.isNaN || high.isNaN) {
    throw bucketError('operand, lower bound, and upper bound cannot be NaN');
  }
  if (!low.isFinite || !high.isFinite) throw bucketError('lower and upper bounds must be finite');
  const direction = compareNumeric(low, high);
  if (direction === 0) throw bucketError('lower bound cannot equal upper bound');
  const [from, to, value] =
    direction < 0 ? [low, high, operand] : [negateNumeric(low), negateNumeric(high), negateNumeric(operand)];
  if (compareNumeric(value, from) < 0) return 0;
  if (compareNumeric(value, to) >= 0) return toInt4(count + 1);
  const scaled = multiplyNumeric(subtractNumeric(value, from), numericFromInteger(count));
  return Number(numericToInteger(divideTruncated(scaled, subtractNumeric(to, from))) ?? 0) + 1;
}

function each(names: readonly string[], args: string): readonly string[] {
  return names.map((name) => `${name}(${args})`);
}

export const NUMERIC_ARITHMETIC: readonly Definition[] = [
  pure('numeric_add(numeric,numeric)', addNumeric),
  pure('numeric_sub(numeric,numeric)', subtractNumeric),
  pure('numeric_mul(numeric,numeric)', multiplyNumeric),
  pure('numeric_div(numeric,numeric)', divideNumeric),
  ...pureEach(each(['numeric_mod', 'mod'], 'numeric,numeric'), moduloNumeric),
  pure('numeric_uminus(numeric)', negateNumeric),
  pure('numeric_uplus(numeric)', (a: Numeric) => a),
  ...pureEach(each(['numeric_abs', 'abs'], 'numeric'), absoluteNumeric),
  ...pureEach(each(['numeric_power', 'power', 'pow'], 'numeric,numeric'), powerNumeric),
  ...pureEach(each(['numeric_sqrt', 'sqrt'], 'numeric'), sqrtNumeric),
  ...pureEach(each(['numeric_exp', 'exp'], 'numeric'), expNumeric),
  ...pureEach(each(['numeric_ln', 'ln'], 'numeric'), lnNumeric),
  ...pureEach(each(['log', 'log10'], 'numeric'), (a: Numeric) => logNumeric(TEN, a)),
  ...pureEach(each(['log', 'numeric_log'], 'numeric,numeric'), logNumeric),
  ...pureEach(each(['ceil', 'ceiling'], 'numeric'), ceilNumeric),
  pure('floor(numeric)', floorNumeric),
  pure('sign(numeric)', signNumeric),
  pure('round(numeric)', (a: Numeric) => roundNumeric(a, 0)),
  pure('round(numeric,int4)', (a: Numeric, digits: number) => roundNumeric(a, clampDigits(digits))),
  pure('trunc(numeric)', (a: Numeric) => truncateNumeric(a, 0)),
  pure('trunc(numeric,int4)', (a: Numeric, digits: number) => truncateNumeric(a, clampDigits(digits))),
  pure('div(numeric,numeric)', divideTruncated),
  pure('gcd(numeric,numeric)', gcdNumeric),
  pure('lcm(numeric,numeric)', lcmNumeric),
  pure('scale(numeric)', (a: Numeric) => (a.isFinite ? a.scale : null)),
  pure('min_scale(numeric)', (a: Numeric) => minimumScale(a) ?? null),
  pure('trim_scale(numeric)', trimScale),
  pure('factorial(int8)', (n: WideInteger) => factorial(n)),
  pure('numeric_inc(numeric)', (a: Numeric) => addNumeric(a, numericFromInteger(1))),
  pure('width_bucket(numeric,numeric,numeric,int4)', widthBucket),
];
