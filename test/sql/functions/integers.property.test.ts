/**
 * Every integer and float operator at ±2^31, ±2^53 and ±2^63: against BigInts, and code templates against implementations.
 */

import { expect, test } from 'vitest';
import { ExtentError } from '../../../src/base/errors.ts';
import type { FunctionEntry, SqlValue } from '../../../src/sql/types/contracts.ts';
import { registry } from '../../../src/sql/types/registry.ts';
import { session, typeOf } from '../types/support.ts';

const context = session();

function around(...powers: bigint[]): bigint[] {
  return powers.flatMap((power) => [-2n, -1n, 0n, 1n, 2n].flatMap((delta) => [power + delta, -power + delta]));
}

const EDGES = [...new Set([0n, 1n, -1n, 2n, -2n, 3n, 7n, -10n, ...around(2n ** 15n, 2n ** 31n, 2n ** 53n, 2n ** 63n)])];
const BITS: ReadonlyMap<string, bigint> = new Map([
  ['int2', 15n],
  ['int4', 31n],
  ['int8', 63n],
]);

function fits(value: bigint, type: string): boolean {
  const limit = 2n ** (BITS.get(type) ?? 0n);
  return value >= -limit && value < limit;
}

function canonical(value: bigint): SqlValue {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** What arithmetic says; undefined = out of range or division by zero. */
function exact(operator: string, a: bigint, b: bigint, result: string): SqlValue | undefined {
  const safe = (value: bigint): SqlValue | undefined => (fits(value, result) ? canonical(value) : undefined);
  switch (operator) {
    case '+':
      return safe(a + b);
    case '-':
      return safe(a - b);
    case '*':
      return safe(a * b);
    case '/':
      return b === 0n ? undefined : safe(a / b);
    case '%':
      return b === 0n ? undefined : safe(a % b);
    case '&':
      return safe(a & b);
    case '|':
      return safe(a | b);
    case '#':
      return safe(a ^ b);
    case '=':
      return a === b;
    case '<>':
      return a !== b;
    case '<':
      return a < b;
    case '<=':
      return a <= b;
    case '>':
      return a > b;
    case '>=':
      return a >= b;
    default:
      throw new Error(`operator ${operator}`);
  }
}

function attempt(compute: () => SqlValue): SqlValue | undefined {
  try {
    return compute();
  } catch (error) {
    if (error instanceof ExtentError && /^22/.test(error.sqlstate)) return undefined;
    throw error;
  }
}

/** Makes a function of a code template, as the compiler does. */
function compiled(fn: FunctionEntry): ((a: SqlValue, b: SqlValue) => SqlValue) | undefined {
  if (fn.code === undefined) return undefined;
  const used: ((...args: never[]) => unknown)[] = [];
  const temporaries: string[] = [];
  const expression = fn.code(
    ['a', 'b'],
    (f) => `used[${used.push(f) - 1}]`,
    () => `t${temporaries.push('t') - 1}`,
  );
  const declared = temporaries.map((_, i) => `t${i}`).join(',') || 'unused';
  const factory = new Function('used', `return (a, b) => { let ${declared}; return ${expression}; }`);
  return factory(used);
}

const OPERATORS = ['+', '-', '*', '/', '%', '&', '|', '#', '=', '<>', '<', '<=', '>', '>='];

for (const name of OPERATORS) {
  const entries = registry
    .operatorsNamed(name)
    .filter(({ left, right }) => [left, right].every((oid) => BITS.has(registry.type(oid)?.name ?? '')));

  test(`integer ${name} is exact or refuses, in every combination of widths`, () => {
    expect(entries.length).toBeGreaterThanOrEqual(3);
    for (const { left, right, fn } of entries) {
      const [l, r, result] = [typeOf(left).name, typeOf(right).name, typeOf(fn.result).name];
      const code = compiled(fn);
      for (const a of EDGES.filter((value) => fits(value, l))) {
        for (const b of EDGES.filter((value) => fits(value, r))) {
          const wanted = exact(name, a, b, result);
          const args: [SqlValue, SqlValue] = [canonical(a), canonical(b)];
          const found = attempt(() => fn.impl?.(context, ...args) ?? null);
          const label = `${a} ${name} ${b} (${l}, ${r})`;
          expect(found, label).toBe(wanted);
          if (code !== undefined)
            expect(
              attempt(() => code(...args)),
              `${label} compiled`,
            ).toBe(wanted);
        }
      }
    }
  });
}

const FLOATS = [0, -0, 1, -1, 0.1, 1e308, -1e308, 5e-324, 2 ** 53, Number.NaN, Infinity, -Infinity];

test('compiled float operators agree with the implementations', () => {
  for (const name of OPERATORS) {
    for (const { left, right, fn } of registry.operatorsNamed(name)) {
      if (left !== 701 || right !== 701) continue;
      const code = compiled(fn);
      expect(code, name).toBeDefined();
      for (const a of FLOATS) {
        for (const b of FLOATS) {
          const wanted = attempt(() => fn.impl?.(context, a, b) ?? null);
          expect(
            attempt(() => code?.(a, b) ?? null),
            `${a} ${name} ${b}`,
          ).toBe(wanted);
        }
      }
    }
  }
});
