/** Exact numeric arithmetic against rationals of BigInts, and numeric's bytes and text. */

import { expect, test } from 'vitest';
import { KIND_NUMERIC } from '../../../src/base/physical.ts';
import { Prng } from '../../../src/base/prng.ts';
import { compareNumeric, digitCount, formatNumeric, Numeric, parseNumeric } from '../../../src/sql/types/numeric.ts';
import {
  addNumeric,
  divideNumeric,
  leadingDigit,
  moduloNumeric,
  multiplyNumeric,
  roundNumeric,
  subtractNumeric,
} from '../../../src/sql/types/numeric-arithmetic.ts';
import { expNumeric, lnNumeric, sqrtNumeric } from '../../../src/sql/types/numeric-functions.ts';
import { decodeKind, encodeKind } from '../../../src/sql/types/value-bytes.ts';
import { typeNamed } from './support.ts';

const seed = Number(process.env['SEED'] ?? 20241120);
const ROUNDS = 2000;

/** A random value, its coefficient, and its scale; a third of them lie around 2^53. */
function randomText(prng: Prng): string {
  const digits = 1 + prng.below(prng.chance(0.3) ? 40 : 12);
  let text = prng.chance(0.5) ? '-' : '';
  if (prng.chance(0.2)) text += (2n ** 53n + BigInt(prng.below(5)) - 2n).toString();
  else for (let i = 0; i < digits; i++) text += prng.below(10);
  const fraction = prng.below(12);
  if (fraction > 0) text += '.';
  for (let i = 0; i < fraction; i++) text += prng.below(10);
  return text;
}

/** The value as an integer over 10^40. */
function scaled(value: Numeric): bigint {
  return BigInt(value.coefficient) * 10n ** BigInt(40 - value.scale);
}

test(`sums, products and remainders are exact (seed ${seed})`, () => {
  const prng = new Prng(seed);
  for (let i = 0; i < ROUNDS; i++) {
    const a = parseNumeric(randomText(prng));
    const b = parseNumeric(randomText(prng));
    const one = 10n ** 40n;
    expect(scaled(addNumeric(a, b))).toBe(scaled(a) + scaled(b));
    expect(scaled(subtractNumeric(a, b))).toBe(scaled(a) - scaled(b));
    expect(scaled(multiplyNumeric(a, b)) * one).toBe(scaled(a) * scaled(b));
    expect(compareNumeric(a, b)).toBe(scaled(a) < scaled(b) ? -1 : scaled(a) > scaled(b) ? 1 : 0);
    if (!b.isZero) expect(scaled(moduloNumeric(a, b))).toBe(scaled(a) % scaled(b));
  }
});

test(`a quotient is off by at most half of its last digit (seed ${seed})`, () => {
  const prng = new Prng(seed);
  for (let i = 0; i < ROUNDS; i++) {
    const a = parseNumeric(randomText(prng));
    const b = parseNumeric(randomText(prng));
    if (b.isZero) continue;
    const quotient = divideNumeric(a, b);
    // |q × b − a| ≤ |b| ÷ (2 × 10^scale)
    const error = scaled(multiplyNumeric(roundNumeric(quotient, Math.min(quotient.scale, 28)), b)) - scaled(a);
    const bound = scaled(b) / (2n * 10n ** BigInt(Math.min(quotient.scale, 28))) + 1n;
    expect(error < 0n ? -error : error).toBeLessThanOrEqual(bound < 0n ? -bound + 2n : bound);
  }
});

test(`text, record bytes and wire bytes give the same value back (seed ${seed})`, () => {
  const prng = new Prng(seed);
  const { send, receive } = typeNamed('numeric');
  for (let i = 0; i < ROUNDS; i++) {
    const value = parseNumeric(randomText(prng));
    const text = formatNumeric(value);
    expect(formatNumeric(parseNumeric(text))).toBe(text);
    const bytes = encodeKind(KIND_NUMERIC, value);
    expect(String(decodeKind(KIND_NUMERIC, bytes, 0, bytes.length))).toBe(text);
    const wire = send?.(value) ?? new Uint8Array();
    expect(String(receive?.(wire, 0, wire.length, -1))).toBe(text);
  }
});

test(`digits of long coefficients are counted as they are written (seed ${seed})`, () => {
  const prng = new Prng(seed);
  for (let round = 0; round < 300; round++) {
    const power = 10n ** BigInt(250 + prng.below(3000));
    const random = BigInt(
      `0x${Array.from({ length: 260 + prng.below(500) }, () => prng.below(16).toString(16)).join('')}`,
    );
    for (const value of [power, power - 1n, power + 1n, -power, random, -random]) {
      const text = String(value < 0n ? -value : value);
      expect(digitCount(value)).toBe(text.length);
      const { weight, digit } = leadingDigit(new Numeric(value, prng.below(200)));
      expect(String(digit)).toBe(text.slice(0, String(digit).length));
      expect(Number.isInteger(weight)).toBe(true);
    }
  }
});

test('coefficients are canonical: never −0, never a BigInt that fits', () => {
  for (const [a, b] of [
    ['0', '-5'],
    ['9007199254740993', '-9007199254740993'],
    ['-0.0', '1'],
  ] as const) {
    for (const f of [addNumeric, multiplyNumeric, subtractNumeric]) {
      const { coefficient } = f(parseNumeric(a), parseNumeric(b));
      expect(Object.is(coefficient, -0)).toBe(false);
      if (typeof coefficient === 'bigint') expect(Number.isSafeInteger(Number(coefficient))).toBe(false);
    }
  }
});

test(`sqrt, ln and exp invert each other within their digits (seed ${seed})`, () => {
  const prng = new Prng(seed);
  for (let i = 0; i < 200; i++) {
    const value = parseNumeric((prng.float() * 50 + 0.01).toFixed(15));
    const root = sqrtNumeric(value);
    expect(Math.abs(Number(subtractNumeric(multiplyNumeric(root, root), value)))).toBeLessThan(1e-13);
    expect(Math.abs(Number(subtractNumeric(expNumeric(lnNumeric(value)), value)))).toBeLessThan(1e-12);
  }
});
