/** Text of the integer types. Input allows blanks around and a sign, nothing else. */

import { fail } from '../../base/errors.ts';
import type { WideInteger } from './wide-integer.ts';
import { canonical, INT8_MAX, INT8_MIN } from './wide-integer.ts';

export const INT2_MIN = -32768;
export const INT2_MAX = 32767;
export const INT4_MIN = -2147483648;
export const INT4_MAX = 2147483647;
export const OID_MAX = 4294967295;

const INTEGER_FORM = /^[ \t\n\v\f\r]*([+-]?)(\d+)[ \t\n\v\f\r]*$/;

/** Digits of an integer: as many as make a safe number are summed, others go through BigInt. */
function readInteger(text: string, type: string): WideInteger {
  const match = INTEGER_FORM.exec(text);
  if (match === null) throw fail('invalid_text_representation', `invalid input syntax for type ${type}: "${text}"`);
  const digits = match[2] ?? '';
  if (digits.length > 15) return canonical(BigInt(match[1] === '-' ? `-${digits}` : digits));
  let value = 0;
  for (let i = 0; i < digits.length; i++) value = value * 10 + (digits.charCodeAt(i) - 48);
  return match[1] === '-' ? 0 - value : value;
}

/** The error of a text whose number does not fit. */
export function outOfRangeText(text: string, type: string): Error {
  return fail('numeric_value_out_of_range', `value "${text}" is out of range for type ${type}`);
}

/** @throws `invalid_text_representation` (22P02), `numeric_value_out_of_range` (22003). */
export function parseInt2(text: string): number {
  const value = readInteger(text, 'smallint');
  if (typeof value === 'number' && value >= INT2_MIN && value <= INT2_MAX) return value;
  throw outOfRangeText(text, 'smallint');
}

/** @throws `invalid_text_representation` (22P02), `numeric_value_out_of_range` (22003). */
export function parseInt4(text: string): number {
  const value = readInteger(text, 'integer');
  if (typeof value === 'number' && value >= INT4_MIN && value <= INT4_MAX) return value;
  throw outOfRangeText(text, 'integer');
}

/** @throws `invalid_text_representation` (22P02), `numeric_value_out_of_range` (22003). */
export function parseInt8(text: string): WideInteger {
  const value = readInteger(text, 'bigint');
  if (value >= INT8_MIN && value <= INT8_MAX) return value;
  throw outOfRangeText(text, 'bigint');
}

/** Reads an oid; −1 … −2^31 wrap around as in PostgreSQL. */
export function parseOid(text: string): number {
  const value = readInteger(text, 'oid');
  if (typeof value === 'number' && value >= INT4_MIN && value <= OID_MAX) return value < 0 ? value + 2 ** 32 : value;
  throw outOfRangeText(text, 'oid');
}
