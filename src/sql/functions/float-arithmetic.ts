/**
 * Arithmetic and mathematics of float4 and float8.
 *
 * An infinite result of finite operands is `value out of range: overflow`, a zero result of a product or quotient of
 * non-zero operands is `… underflow`. float4 rounds every result with `Math.fround`.
 */

import { fail } from '../../base/errors.ts';
import type { CodeTemplate } from '../types/contracts.ts';
import { roundHalfEven } from '../types/interval.ts';
import { type Definition, pure } from './definition.ts';

function overflow(): Error {
  return fail('numeric_value_out_of_range', 'value out of range: overflow');
}

function underflow(): Error {
  return fail('numeric_value_out_of_range', 'value out of range: underflow');
}

function inputOutOfRange(): Error {
  return fail('numeric_value_out_of_range', 'input is out of range');
}

/** An infinite result is right only when an operand was infinite. */
function checked(result: number, a: number, b = 0): number {
  if (!Number.isFinite(result) && !Number.isNaN(result) && Number.isFinite(a) && Number.isFinite(b)) throw overflow();
  return result;
}

type Binary = (a: number, b: number) => number;

function add(a: number, b: number): number {
  return checked(a + b, a, b);
}

function subtract(a: number, b: number): number {
  return checked(a - b, a, b);
}

function multiply(a: number, b: number): number {
  const product = a * b;
  if (product === 0 && a !== 0 && b !== 0) throw underflow();
  return checked(product, a, b);
}

function divide(a: number, b: number): number {
  if (b === 0 && !Number.isNaN(a)) throw fail('division_by_zero', 'division by zero');
  const quotient = a / b;
  if (quotient === 0 && a !== 0 && Number.isFinite(b)) throw underflow();
  return checked(quotient, a);
}

/** The same in float4: the rounded result decides about overflow and underflow. */
function single(operation: Binary, lossy: boolean): Binary {
  return (a, b) => {
    const exact = operation(a, b);
    const result = Math.fround(exact);
    if (lossy && result === 0 && exact !== 0) throw underflow();
    return checked(result, exact);
  };
}

/** `a op b` while the result is finite and not a suspicious zero; else the function decides. */
function template(operator: string, slow: Binary): CodeTemplate {
  return ([a, b], use, fresh) => {
    const t = fresh();
    const zero = operator === '*' || operator === '/' ? ` && ${t} !== 0` : '';
    return `((${t} = ${a} ${operator} ${b}) - ${t} === 0${zero} ? ${t} : ${use(slow)}(${a}, ${b}))`;
  };
}

function arithmetic(): Definition[] {
  const definitions: Definition[] = [];
  const operations: readonly (readonly [string, string, Binary])[] = [
    ['pl', '+', add],
    ['mi', '-', subtract],
    ['mul', '*', multiply],
    ['div', '/', divide],
  ];
  for (const [name, operator, f] of operations) {
    const lossy = name === 'mul' || name === 'div';
    definitions.push(pure(`float4${name}(float4,float4)`, single(f, lossy)));
    for (const pair of ['8', '48', '84']) {
      const args = `(float${pair.at(0)},float${pair.at(-1)})`;
      definitions.push(pure(`float${pair}${name}${args}`, f, template(operator, f)));
    }
  }
  for (const type of ['float4', 'float8']) {
    definitions.push(
      pure(`${type}um(${type})`, (a: number) => -a),
      pure(`${type}up(${type})`, (a: number) => a),
      pure(`${type}abs(${type})`, Math.abs),
      pure(`abs(${type})`, Math.abs),
    );
  }
  return definitions;
}

/** `a ^ b`. @throws 2201F where the result is complex or infinite, 22003 out of range. */
export function power(a: number, b: number): number {
  if (a === 0 && b < 0) {
    throw fail('invalid_argument_for_power_function', 'zero raised to a negative power is undefined');
  }
  if (a < 0 && Number.isFinite(b) && Math.floor(b) !== b) {
    throw fail(
      'invalid_argument_for_power_function',
      'a negative number raised to a non-integer power yields a complex result',
    );
  }
  // JavaScript alone answers NaN for 1 ^ NaN and (±1) ^ ∞; POSIX and PostgreSQL say 1.
  if (a === 1 || b === 0 || (a === -1 && !Number.isFinite(b) && !Number.isNaN(b))) return 1;
  const result = a ** b;
  if (result === 0 && a !== 0 && Number.isFinite(a) && Number.isFinite(b)) throw underflow();
  return checked(result, a, b);
}

function squareRoot(a: number): number {
  if (a < 0) throw fail('invalid_argument_for_power_function', 'cannot take square root of a negative number');
  return Math.sqrt(a);
}

function exponential(a: number): number {
  const result = Math.exp(a);
  if (result === 0 && Number.isFinite(a)) throw underflow();
  return checked(result, a);
}

function logarithm(f: (a: number) => number): (a: number) => number {
  return (a) => {
    if (a === 0) throw fail('invalid_argument_for_logarithm', 'cannot take logarithm of zero');
    if (a < 0) throw fail('invalid_argument_for_logarithm', 'cannot take logarithm of a negative number');
    return f(a);
  };
}

/** Refuses arguments outside of `[low, high]`; NaN passes. */
function bounded(f: (a: number) => number, low: number, high: number): (a: number) => number {
  return (a) => {
    if (a < low || a > high) throw inputOutOfRange();
    return f(a);
  };
}

/** A periodic function has no value at infinity. */
function periodic(f: (a: number) => number): (a: number) => number {
  return (a) => {
    if (a === Number.POSITIVE_INFINITY || a === Number.NEGATIVE_INFINITY) throw inputOutOfRange();
    return f(a);
  };
}

const RADIANS = Math.PI / 180;

/** sin of degrees, exact at multiples of 30. */
function sineOfDegrees(degrees: number): number {
  let x = degrees % 360;
  let sign = 1;
  if (x < 0) [x, sign] = [-x, -sign];
  if (x > 180) [x, sign] = [360 - x, -sign];
  if (x > 90) x = 180 - x;
  return sign * (x <= 30 ? Math.sin(x * RADIANS) / Math.sin(30 * RADIANS) / 2 : cosineQuadrant(90 - x));
}

/** cos of 0 … 90 degrees, exact at 0, 60 and 90. */
function cosineQuadrant(x: number): number {
  if (x <= 60) return 1 - (1 - Math.cos(x * RADIANS)) / (1 - Math.cos(60 * RADIANS)) / 2;
  return Math.sin((90 - x) * RADIANS) / Math.sin(30 * RADIANS) / 2;
}

function cosineOfDegrees(degrees: number): number {
  let x = Math.abs(degrees % 360);
  let sign = 1;
  if (x > 180) x = 360 - x;
  if (x > 90) [x, sign] = [180 - x, -1];
  return sign * cosineQuadrant(x);
}

function tangentOfDegrees(degrees: number): number {
  return sineOfDegrees(degrees) / cosineOfDegrees(degrees) + 0;
}

/** asin in degrees, exact at −90, −30, 0, 30 and 90. */
function arcsineDegrees(x: number): number {
  const magnitude = Math.abs(x);
  const degrees =
    magnitude <= 0.5 ? (Math.asin(magnitude) / Math.asin(0.5)) * 30 : 90 - (Math.acos(magnitude) / Math.acos(0.5)) * 60;
  return x < 0 ? -degrees : degrees;
}

function bucket(operand: number, low: number, high: number, count: number): number {
  if (count <= 0) throw fail('invalid_argument_for_width_bucket_function', 'count must be greater than zero');
  if (Number.isNaN(operand) || Number.isNaN(low) || Number.isNaN(high)) {
    throw fail('invalid_argument_for_width_bucket_function', 'operand, lower bound, and upper bound cannot be NaN');
  }
  if (!Number.isFinite(low) || !Number.isFinite(high)) {
    throw fail('invalid_argument_for_width_bucket_function', 'lower and upper bounds must be finite');
  }
  if (low === high) {
    throw fail('invalid_argument_for_width_bucket_function', 'lower bound cannot equal upper bound');
  }
  const [from, to, value] = low < high ? [low, high, operand] : [-low, -high, -operand];
  if (value < from) return 0;
  return value >= to ? count + 1 : Math.min(Math.floor(((value - from) / (to - from)) * count), count - 1) + 1;
}

function named(names: readonly string[], f: (a: number) => number): Definition[] {
  return names.map((name) => pure(`${name}(float8)`, f));
}

export const FLOAT_ARITHMETIC: readonly Definition[] = [
  ...arithmetic(),
  ...['dpow', 'pow', 'power'].map((name) => pure(`${name}(float8,float8)`, power)),
  ...named(['dsqrt', 'sqrt'], squareRoot),
  ...named(['dcbrt', 'cbrt'], Math.cbrt),
  ...named(['dexp', 'exp'], exponential),
  ...named(['dlog1', 'ln'], logarithm(Math.log)),
  ...named(['dlog10', 'log', 'log10'], logarithm(Math.log10)),
  ...named(['dround', 'round'], (a) => (Number.isFinite(a) && a !== 0 ? roundHalfEven(a) : a)),
  ...named(['dtrunc', 'trunc'], Math.trunc),
  ...named(['ceil', 'ceiling'], Math.ceil),
  ...named(['floor'], Math.floor),
  ...named(['sign'], (a) => (a > 0 ? 1 : a < 0 ? -1 : 0)),
  ...named(['degrees'], (a) => checked(a / RADIANS, a)),
  ...named(['radians'], (a) => a * RADIANS),
  ...named(['sin'], periodic(Math.sin)),
  ...named(['cos'], periodic(Math.cos)),
  ...named(['tan'], periodic(Math.tan)),
  ...named(
    ['cot'],
    periodic((a) => 1 / Math.tan(a)),
  ),
  ...named(['asin'], bounded(Math.asin, -1, 1)),
  ...named(['acos'], bounded(Math.acos, -1, 1)),
  ...named(['atan'], Math.atan),
  ...named(['sinh'], Math.sinh),
  ...named(['cosh'], Math.cosh),
  ...named(['tanh'], Math.tanh),
  ...named(['asinh'], Math.asinh),
  ...named(['acosh'], bounded(Math.acosh, 1, Number.POSITIVE_INFINITY)),
  ...named(['atanh'], bounded(Math.atanh, -1, 1)),
  ...named(['sind'], periodic(sineOfDegrees)),
  ...named(['cosd'], periodic(cosineOfDegrees)),
  ...named(['tand'], periodic(tangentOfDegrees)),
  ...named(
    ['cotd'],
    periodic((a) => cosineOfDegrees(a) / sineOfDegrees(a) + 0),
  ),
  ...named(['asind'], bounded(arcsineDegrees, -1, 1)),
  ...named(
    ['acosd'],
    bounded((a) => 90 - arcsineDegrees(a), -1, 1),
  ),
  ...named(['atand'], (a) => (Math.atan(a) / Math.atan(1)) * 45),
  pure('atan2(float8,float8)', Math.atan2),
  pure('atan2d(float8,float8)', (y: number, x: number) => (Math.atan2(y, x) / Math.atan(1)) * 45),
  pure('pi()', () => Math.PI),
  pure('width_bucket(float8,float8,float8,int4)', bucket),
];
