/**
 * Text of float4 and float8: the shortest digits that read back as the same value, in PostgreSQL's form.
 *
 *   1e+15  1e-05  -0  NaN  -Infinity      exponents have a sign and at least two digits
 *   0.0001  123456789012345               fixed point while the decimal exponent is within −4 … 14 (float4: −4 … 5)
 */

import { fail } from '../../base/errors.ts';

/** Shortest text of a float8. */
export function formatFloat8(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return Object.is(value, -0) ? '-0' : value.toString();
  if (!Number.isFinite(value)) return nonFinite(value);
  return layout(value.toExponential(), 15);
}

/** Shortest text of a float4; `value` is a float4 (`Math.fround(value) === value`). */
export function formatFloat4(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e6) return Object.is(value, -0) ? '-0' : value.toString();
  if (!Number.isFinite(value)) return nonFinite(value);
  return layout(shortestFloat4(value), 6);
}

/** Text with `digits` significant digits at most, as `%.*g` prints it: for `extra_float_digits` ≤ 0. */
export function formatFloatDigits(value: number, digits: number): string {
  if (!Number.isFinite(value)) return nonFinite(value);
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  const [mantissa = '', exponent = '0'] = value.toExponential(Math.max(digits, 1) - 1).split('e');
  const trimmed = mantissa.includes('.') ? mantissa.replace(/\.?0+$/, '') : mantissa;
  return layout(`${trimmed}e${exponent}`, Math.max(digits, 1));
}

function nonFinite(value: number): string {
  return Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity';
}

/** The fewest digits whose nearest float4 is the value; among those of one length toPrecision gives the closest. */
function shortestFloat4(value: number): string {
  for (let digits = 0; digits < 9; digits++) {
    const text = value.toExponential(digits);
    if (Math.fround(Number(text)) === value) return text;
  }
  return value.toExponential(8);
}

/** Rewrites JavaScript's `d.ddde±x` in PostgreSQL's form; exponents from `fixedLimit` on stay exponents. */
function layout(scientific: string, fixedLimit: number): string {
  const at = scientific.indexOf('e');
  const exponent = Number.parseInt(scientific.slice(at + 1), 10);
  const mantissa = scientific.slice(0, at);
  if (exponent < -4 || exponent >= fixedLimit) {
    const magnitude = Math.abs(exponent).toString().padStart(2, '0');
    return `${mantissa}e${exponent < 0 ? '-' : '+'}${magnitude}`;
  }
  const sign = mantissa.startsWith('-') ? '-' : '';
  const digits = mantissa.replace('-', '').replace('.', '');
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`;
  if (digits.length <= exponent + 1) return sign + digits.padEnd(exponent + 1, '0');
  return `${sign}${digits.slice(0, exponent + 1)}.${digits.slice(exponent + 1)}`;
}

const FLOAT_FORM = /^[ \t\n\v\f\r]*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)[ \t\n\v\f\r]*$/;
const HEX_FORM = /^[ \t\n\v\f\r]*([+-]?)0[xX]([0-9a-fA-F]+)(?:\.([0-9a-fA-F]*))?(?:[pP]([+-]?\d+))?[ \t\n\v\f\r]*$/;

/**
 * Reads the text of a float.
 *
 * @throws `invalid_text_representation` (22P02); `numeric_value_out_of_range` (22003) on overflow and on underflow to zero.
 */
export function parseFloatText(text: string, type: 'real' | 'double precision'): number {
  const digits = FLOAT_FORM.exec(text)?.[1];
  const raw = digits === undefined ? specialFloat(text, type) : Number(digits);
  if (digits === undefined) return raw;
  const value = type === 'real' ? Math.fround(raw) : raw;
  if (!Number.isFinite(value) || (value === 0 && /[1-9]/.test(digits.replace(/[eE].*$/, '')))) {
    throw fail('numeric_value_out_of_range', `"${text.trim()}" is out of range for type ${type}`);
  }
  return value;
}

const SPECIAL: ReadonlyMap<string, number> = new Map([
  ['nan', Number.NaN],
  ['infinity', Number.POSITIVE_INFINITY],
  ['+infinity', Number.POSITIVE_INFINITY],
  ['inf', Number.POSITIVE_INFINITY],
  ['+inf', Number.POSITIVE_INFINITY],
  ['-infinity', Number.NEGATIVE_INFINITY],
  ['-inf', Number.NEGATIVE_INFINITY],
]);

function specialFloat(text: string, type: string): number {
  const special = SPECIAL.get(text.trim().toLowerCase());
  if (special !== undefined) return special;
  const hex = HEX_FORM.exec(text);
  if (hex === null) {
    throw fail('invalid_text_representation', `invalid input syntax for type ${type}: "${text}"`);
  }
  const fraction = hex[3] ?? '';
  const mantissa = Number.parseInt((hex[2] ?? '') + fraction, 16) * 2 ** (Number(hex[4] ?? 0) - 4 * fraction.length);
  return hex[1] === '-' ? -mantissa : mantissa;
}
