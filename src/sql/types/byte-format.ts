/**
 * Text forms read from and written to UTF-8 bytes, without a string in between, for COPY and wire rows.
 *
 * A reader takes `(bytes, start, end)` and returns the value, or undefined when the text is not of the plain form; the
 * caller then goes the long way through the type's `parse`, which also words the errors. A writer takes
 * `(value, bytes, at)`, needs `*_BYTES_MAX` bytes of room and returns the position behind what it wrote, or −1 when the
 * value is beyond its plain form (a BigInt, an infinity, a year outside of 1 … 9999).
 */

import { civilFromDays, DAY, daysFromCivil, daysInMonth, HOUR, MINUTE, SECOND } from './calendar.ts';
import { Numeric } from './numeric.ts';

const ZERO = 0x30;
const MINUS = 0x2d;
const COLON = 0x3a;
const POINT = 0x2e;
const BLANK = 0x20;
const LETTER_T = 0x54;

/** Room that a writer may take. */
export const INT4_BYTES_MAX = 11;
export const INT8_BYTES_MAX = 20;
export const NUMERIC_BYTES_MAX = 36;
export const DATE_BYTES_MAX = 10;
export const TIMESTAMP_BYTES_MAX = 26;

/** Up to 15 digits with an optional minus. */
function readDigits(bytes: Uint8Array, start: number, end: number): number | undefined {
  const negative = bytes[start] === MINUS;
  const first = negative ? start + 1 : start;
  if (end <= first || end - first > 15) return undefined;
  let value = 0;
  for (let i = first; i < end; i++) {
    const digit = (bytes[i] ?? 0) - ZERO;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
  }
  return negative ? 0 - value : value;
}

/** An int4 of the plain form. */
export function readInt4(bytes: Uint8Array, start: number, end: number): number | undefined {
  const value = readDigits(bytes, start, end);
  return value !== undefined && value === (value | 0) ? value : undefined;
}

/** An int8 of at most 15 digits. */
export function readInt8(bytes: Uint8Array, start: number, end: number): number | undefined {
  return readDigits(bytes, start, end);
}

/** An integer's text; undefined-form (−1) for BigInts. */
export function writeInt(value: number | bigint, bytes: Uint8Array, at: number): number {
  if (typeof value === 'bigint') return -1;
  let rest = value;
  let start = at;
  if (rest < 0) {
    bytes[start++] = MINUS;
    rest = -rest;
  }
  let end = start + 1;
  for (let bound = 10; rest >= bound; bound *= 10) end++;
  return writeFixed(rest, bytes, start, end);
}

/** Writes `value` into exactly `[start, end)`, zeros in front. */
function writeFixed(value: number, bytes: Uint8Array, start: number, end: number): number {
  let rest = value;
  let i = end - 1;
  // Division by a constant of 32-bit integers is far cheaper than of doubles.
  while (rest > 0x7fffffff && i >= start) {
    const next = Math.floor(rest / 10);
    bytes[i--] = ZERO + (rest - next * 10);
    rest = next;
  }
  let small = rest | 0;
  while (i >= start) {
    const next = (small / 10) | 0;
    bytes[i--] = ZERO + (small - next * 10);
    small = next;
  }
  return end;
}

/** The coefficient of a decimal at `scale`, its digits at most 15; more fraction digits than the scale are not plain. */
export function readDecimal(bytes: Uint8Array, start: number, end: number, scale: number): number | undefined {
  const negative = bytes[start] === MINUS;
  let value = 0;
  let digits = 0;
  let fraction = -1;
  for (let i = negative ? start + 1 : start; i < end; i++) {
    const byte = bytes[i] ?? 0;
    if (byte === POINT && fraction < 0) {
      fraction = 0;
      continue;
    }
    const digit = byte - ZERO;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
    digits++;
    if (fraction >= 0) fraction++;
  }
  const missing = scale - Math.max(fraction, 0);
  if (digits === 0 || missing < 0 || digits + missing > 15) return undefined;
  for (let i = 0; i < missing; i++) value *= 10;
  return negative ? 0 - value : value;
}

/** A numeric of at most 15 digits, with the display scale that its text has. */
export function readNumeric(bytes: Uint8Array, start: number, end: number): Numeric | undefined {
  let scale = 0;
  for (let i = end - 1; i >= start; i--) {
    if (bytes[i] === POINT) {
      scale = end - 1 - i;
      break;
    }
  }
  const coefficient = readDecimal(bytes, start, end, scale);
  return coefficient === undefined ? undefined : new Numeric(coefficient, scale);
}

/** A decimal's text: coefficient ÷ 10^scale; scale at most 15. */
export function writeDecimal(coefficient: number | bigint, scale: number, bytes: Uint8Array, at: number): number {
  if (typeof coefficient === 'bigint' || !Number.isFinite(coefficient) || scale > 15) return -1;
  if (scale === 0) return writeInt(coefficient, bytes, at);
  let rest = coefficient;
  let start = at;
  if (rest < 0) {
    bytes[start++] = MINUS;
    rest = -rest;
  }
  const power = POWERS[scale] ?? 1;
  const whole = Math.floor(rest / power);
  const point = writeInt(whole, bytes, start);
  bytes[point] = POINT;
  return writeFixed(rest - whole * power, bytes, point + 1, point + 1 + scale);
}

const POWERS: readonly number[] = Array.from({ length: 16 }, (_, i) => Number(`1e${i}`));

export function writeNumeric(value: Numeric, bytes: Uint8Array, at: number): number {
  return writeDecimal(value.coefficient, value.scale, bytes, at);
}

function pair(bytes: Uint8Array, at: number): number {
  const tens = (bytes[at] ?? 0) - ZERO;
  const ones = (bytes[at + 1] ?? 0) - ZERO;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : -1;
}

/** A date of the form YYYY-MM-DD, as days from 2000-01-01. */
export function readDate(bytes: Uint8Array, start: number, end: number): number | undefined {
  if (end - start !== 10 || bytes[start + 4] !== MINUS || bytes[start + 7] !== MINUS) return undefined;
  const century = pair(bytes, start);
  const years = pair(bytes, start + 2);
  const month = pair(bytes, start + 5);
  const day = pair(bytes, start + 8);
  const year = century * 100 + years;
  if (century < 0 || years < 0 || year < 1 || month < 1 || month > 12) return undefined;
  return day < 1 || day > daysInMonth(year, month) ? undefined : daysFromCivil(year, month, day);
}

export function writeDate(days: number, bytes: Uint8Array, at: number): number {
  if (days < -730119 || days > 2921939) return -1;
  const { year, month, day } = civilFromDays(days);
  writeFixed(year, bytes, at, at + 4);
  bytes[at + 4] = MINUS;
  writeFixed(month, bytes, at + 5, at + 7);
  bytes[at + 7] = MINUS;
  return writeFixed(day, bytes, at + 8, at + 10);
}

/** A timestamp of the form YYYY-MM-DD HH:MM:SS[.ffffff], as µs from 2000-01-01; only while that is a safe number. */
export function readTimestamp(bytes: Uint8Array, start: number, end: number): number | undefined {
  const length = end - start;
  if (length < 19 || length > 26 || length === 20) return undefined;
  const days = readDate(bytes, start, start + 10);
  const between = bytes[start + 10];
  if (days === undefined || (between !== BLANK && between !== LETTER_T)) return undefined;
  if (bytes[start + 13] !== COLON || bytes[start + 16] !== COLON) return undefined;
  const hour = pair(bytes, start + 11);
  const minute = pair(bytes, start + 14);
  const second = pair(bytes, start + 17);
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return undefined;
  let micros = hour * HOUR + minute * MINUTE + second * SECOND;
  if (length > 19) {
    if (bytes[start + 19] !== POINT) return undefined;
    let unit = 100000;
    for (let i = start + 20; i < end; i++) {
      const digit = (bytes[i] ?? 0) - ZERO;
      if (digit < 0 || digit > 9) return undefined;
      micros += digit * unit;
      unit /= 10;
    }
  }
  const value = days * DAY + micros;
  return Number.isSafeInteger(value) ? value : undefined;
}

export function writeTimestamp(value: number | bigint, bytes: Uint8Array, at: number): number {
  if (typeof value === 'bigint' || !Number.isFinite(value)) return -1;
  const days = Math.floor(value / DAY);
  let micros = value - days * DAY;
  if (writeDate(days, bytes, at) < 0) return -1;
  bytes[at + 10] = BLANK;
  const seconds = Math.floor(micros / SECOND);
  const fraction = micros - seconds * SECOND;
  micros = seconds;
  const minutes = Math.floor(micros / 60);
  writeFixed(Math.floor(minutes / 60), bytes, at + 11, at + 13);
  bytes[at + 13] = COLON;
  writeFixed(minutes % 60, bytes, at + 14, at + 16);
  bytes[at + 16] = COLON;
  let end = writeFixed(micros % 60, bytes, at + 17, at + 19);
  if (fraction === 0) return end;
  bytes[end] = POINT;
  end = writeFixed(fraction, bytes, end + 1, end + 7);
  while (bytes[end - 1] === ZERO) end--;
  return end;
}

const encoder = new TextEncoder();

/** UTF-8 of a text; −1 when `bytes` is too short, with nothing promised about its content behind `at`. */
export function writeText(value: string, bytes: Uint8Array, at: number): number {
  // Short ASCII, the usual case, is copied faster by a loop than by a call out of JavaScript.
  if (value.length <= 32 && at + value.length <= bytes.length) {
    let i = 0;
    for (; i < value.length; i++) {
      const unit = value.charCodeAt(i);
      if (unit > 0x7f) break;
      bytes[at + i] = unit;
    }
    if (i === value.length) return at + i;
  }
  const { read, written } = encoder.encodeInto(value, bytes.subarray(at));
  return read === value.length ? at + written : -1;
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** The text of valid UTF-8. */
export function readText(bytes: Uint8Array, start: number, end: number): string {
  if (end - start > 24) return decoder.decode(bytes.subarray(start, end));
  let text = '';
  for (let i = start; i < end; i++) {
    const byte = bytes[i] ?? 0;
    if (byte > 0x7f) return decoder.decode(bytes.subarray(start, end));
    text += String.fromCharCode(byte);
  }
  return text;
}
