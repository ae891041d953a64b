/**
 * Arithmetic and bits of int2, int4 and int8, all cross-type forms included.
 *
 * The wider operand decides the result's type. int2 and int4 compute in numbers and test the range; int8 leaves to the wide
 * helpers where numbers do not suffice. Generated code inlines the ordinary case and calls the same functions otherwise.
 */

import { fail } from '../../base/errors.ts';
import type { CodeTemplate } from '../types/contracts.ts';
import { INT2_MAX, INT2_MIN, INT4_MAX, INT4_MIN } from '../types/integer-text.ts';
import {
  canonical,
  type WideInteger,
  wideAbsolute,
  wideAdd,
  wideBits,
  wideDivide,
  wideModulo,
  wideMultiply,
  wideNegate,
  wideSubtract,
} from '../types/wide-integer.ts';
import { type Definition, pure } from './definition.ts';

/** @throws `numeric_value_out_of_range` (22003). */
export function toInt2(value: number): number {
  if (value < INT2_MIN || value > INT2_MAX) throw fail('numeric_value_out_of_range', 'smallint out of range');
  return value + 0;
}

/** @throws `numeric_value_out_of_range` (22003). */
export function toInt4(value: number): number {
  if (value < INT4_MIN || value > INT4_MAX) throw fail('numeric_value_out_of_range', 'integer out of range');
  return value + 0;
}

function divisionByZero(): Error {
  return fail('division_by_zero', 'division by zero');
}

function divide(a: number, b: number): number {
  if (b === 0) throw divisionByZero();
  return Math.trunc(a / b);
}

function modulo(a: number, b: number): number {
  if (b === 0) throw divisionByZero();
  return (a % b) + 0;
}

function divideInt2(a: number, b: number): number {
  return toInt2(divide(a, b));
}

function divideInt4(a: number, b: number): number {
  return toInt4(divide(a, b));
}

/** `result = expression`, kept when it fits in 32 (or 16) bits; else `check` raises. */
function ranged(expression: string, temporary: string, bits: 32 | 16, check: string): string {
  const fits = bits === 32 ? `(${temporary} | 0)` : `(${temporary} << 16 >> 16)`;
  return `((${temporary} = ${expression}) === ${fits} ? ${temporary} : ${check}(${temporary}))`;
}

function narrowTemplate(operator: string, bits: 32 | 16): CodeTemplate {
  return ([a, b], use, fresh) => {
    // 0 × −1 is −0 in JavaScript; adding 0 mends it.
    const expression = operator === '*' ? `${a} * ${b} + 0` : `${a} ${operator} ${b}`;
    return ranged(expression, fresh(), bits, use(bits === 32 ? toInt4 : toInt2));
  };
}

function divideTemplate(bits: 32 | 16): CodeTemplate {
  return ([a, b], use) => {
    const slow = use(bits === 32 ? divideInt4 : divideInt2);
    return `(${b} > 0 ? (${a} / ${b}) | 0 : ${slow}(${a}, ${b}))`;
  };
}

const moduloTemplate: CodeTemplate = ([a, b], use) => `(${b} > 0 ? (${a} % ${b}) | 0 : ${use(modulo)}(${a}, ${b}))`;

function wideTemplate(operator: string, slow: (a: WideInteger, b: WideInteger) => WideInteger): CodeTemplate {
  return ([a, b], use, fresh) => {
    const t = fresh();
    const mend = operator === '*' ? ' + 0' : '';
    return (
      `(typeof ${a} === 'number' && typeof ${b} === 'number' && ` +
      `(${t} = ${a} ${operator} ${b}${mend}) <= 9007199254740991 && ${t} >= -9007199254740991 ` +
      `? ${t} : ${use(slow)}(${a}, ${b}))`
    );
  };
}

function narrowDefinitions(): Definition[] {
  const definitions: Definition[] = [];
  for (const [name, bits, check] of [
    ['2', 16, toInt2],
    ['4', 32, toInt4],
    ['24', 32, toInt4],
    ['42', 32, toInt4],
  ] as const) {
    const left = name.startsWith('2') ? 'int2' : 'int4';
    const right = name.endsWith('2') ? 'int2' : 'int4';
    const args = `(${left},${right})`;
    definitions.push(
      pure(`int${name}pl${args}`, (a: number, b: number) => check(a + b), narrowTemplate('+', bits)),
      pure(`int${name}mi${args}`, (a: number, b: number) => check(a - b), narrowTemplate('-', bits)),
      pure(`int${name}mul${args}`, (a: number, b: number) => check(a * b), narrowTemplate('*', bits)),
      pure(`int${name}div${args}`, bits === 16 ? divideInt2 : divideInt4, divideTemplate(bits)),
    );
  }
  return definitions;
}

function wideDefinitions(): Definition[] {
  const definitions: Definition[] = [];
  for (const name of ['8', '28', '82', '48', '84']) {
    const args = `(int${name.at(0)},int${name.at(-1)})`;
    definitions.push(
      pure(`int${name}pl${args}`, wideAdd, wideTemplate('+', wideAdd)),
      pure(`int${name}mi${args}`, wideSubtract, wideTemplate('-', wideSubtract)),
      pure(`int${name}mul${args}`, wideMultiply, wideTemplate('*', wideMultiply)),
      pure(`int${name}div${args}`, wideDivide),
    );
  }
  return definitions;
}

function unaryDefinitions(): Definition[] {
  const definitions: Definition[] = [];
  for (const [type, check] of [
    ['int2', toInt2],
    ['int4', toInt4],
  ] as const) {
    const absolute = (a: number): number => check(Math.abs(a));
    definitions.push(
      pure(`${type}um(${type})`, (a: number) => check(0 - a)),
      pure(`${type}up(${type})`, (a: number) => a),
      pure(`${type}abs(${type})`, absolute),
      pure(`abs(${type})`, absolute),
      pure(`${type}mod(${type},${type})`, modulo, moduloTemplate),
      pure(`mod(${type},${type})`, modulo, moduloTemplate),
      pure(`${type}not(${type})`, (a: number) => ~a),
      pure(
        `${type}and(${type},${type})`,
        (a: number, b: number) => a & b,
        ([a, b]) => `(${a} & ${b})`,
      ),
      pure(
        `${type}or(${type},${type})`,
        (a: number, b: number) => a | b,
        ([a, b]) => `(${a} | ${b})`,
      ),
      pure(
        `${type}xor(${type},${type})`,
        (a: number, b: number) => a ^ b,
        ([a, b]) => `(${a} ^ ${b})`,
      ),
    );
  }
  return definitions;
}

function bits(combine: (a: bigint, b: bigint) => bigint): (a: WideInteger, b: WideInteger) => WideInteger {
  return (a, b) => wideBits(combine(BigInt(a), BigInt(b)));
}

/** Greatest common divisor. @throws `numeric_value_out_of_range` (22003) for the smallest integer alone. */
function gcd(a: WideInteger, b: WideInteger): WideInteger {
  let x = BigInt(a);
  let y = BigInt(b);
  while (y !== 0n) [x, y] = [y, x % y];
  return wideAbsolute(canonical(x));
}

function lcm(a: WideInteger, b: WideInteger): WideInteger {
  if (a === 0 || b === 0) return 0;
  return wideAbsolute(wideMultiply(wideDivide(a, gcd(a, b)), b));
}

export const INTEGER_ARITHMETIC: readonly Definition[] = [
  ...narrowDefinitions(),
  ...wideDefinitions(),
  ...unaryDefinitions(),
  pure('int8um(int8)', wideNegate),
  pure('int8up(int8)', (a: WideInteger) => a),
  pure('int8abs(int8)', wideAbsolute),
  pure('abs(int8)', wideAbsolute),
  pure('int8mod(int8,int8)', wideModulo),
  pure('mod(int8,int8)', wideModulo),
  pure('int8not(int8)', (a: WideInteger) => wideBits(~BigInt(a))),
  pure(
    'int8and(int8,int8)',
    bits((a, b) => a & b),
  ),
  pure(
    'int8or(int8,int8)',
    bits((a, b) => a | b),
  ),
  pure(
    'int8xor(int8,int8)',
    bits((a, b) => a ^ b),
  ),
  pure('int2shl(int2,int4)', (a: number, n: number) => ((a << n) << 16) >> 16),
  pure('int2shr(int2,int4)', (a: number, n: number) => a >> n),
  pure('int4shl(int4,int4)', (a: number, n: number) => a << n),
  pure('int4shr(int4,int4)', (a: number, n: number) => a >> n),
  pure('int8shl(int8,int4)', (a: WideInteger, n: number) => wideBits(BigInt(a) << BigInt(n & 63))),
  pure('int8shr(int8,int4)', (a: WideInteger, n: number) => wideBits(BigInt(a) >> BigInt(n & 63))),
  pure('gcd(int4,int4)', (a: number, b: number) => toInt4(Number(gcd(a, b)))),
  pure('gcd(int8,int8)', gcd),
  pure('lcm(int4,int4)', (a: number, b: number) => {
    const multiple = lcm(a, b);
    return toInt4(Number(multiple));
  }),
  pure('lcm(int8,int8)', lcm),
  pure('int4inc(int4)', (a: number) => toInt4(a + 1)),
  pure('int8inc(int8)', (a: WideInteger) => wideAdd(a, 1)),
  pure('int8dec(int8)', (a: WideInteger) => wideSubtract(a, 1)),
];
