/**
 * What functions on text do: each at once, and its twin `…InSlices` for a long text, a piece at a time with the same results.
 *
 * Case maps one code point to one, as C's towupper does, so `ß` has no upper case here. Whatever maps a text maps its pieces.
 */
import { fail } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import type { Pace } from '../types/contracts.ts';
import { codePointLength, sliceCodePoints, utf8Length } from '../types/text-order.ts';
import {
  codePointsInSlices,
  eachPiece,
  findInSlices,
  indexInSlices,
  sliceInSlices,
  splitInSlices,
} from './text-in-slices.ts';

/** Bytes that a text can have at most. */
const TEXT_BYTES_MAX = 1024 * 1024 * 1024;

function checkSize(bytes: number): void {
  if (bytes > TEXT_BYTES_MAX - 4) throw fail('program_limit_exceeded', 'requested length too large');
}

const ASCII_ONLY = /^[\0-\x7f]*$/;

function mapCase(text: string, map: (char: string) => string): string {
  if (ASCII_ONLY.test(text)) return map(text);
  const result: string[] = [];
  for (const char of text) {
    const mapped = map(char);
    result.push(codePointLength(mapped) === 1 ? mapped : char);
  }
  return result.join('');
}

export function lower(text: string): string {
  return mapCase(text, (char) => char.toLowerCase());
}

export function upper(text: string): string {
  return mapCase(text, (char) => char.toUpperCase());
}

/** Capitals at the beginnings of words; keeps between two pieces of a text whether a word goes on. */
export function initcapMapper(): (piece: string) => string {
  let inside = false;
  return (piece) => {
    const result: string[] = [];
    for (const char of piece) {
      result.push(inside ? lower(char) : upper(char));
      inside = /[\p{L}\p{N}]/u.test(char);
    }
    return result.join('');
  };
}

export function pad(text: string, length: number, fill: string, atStart: boolean): string {
  const wanted = Math.max(length, 0);
  const missing = wanted - codePointLength(text);
  if (missing <= 0) return sliceCodePoints(text, 0, wanted);
  return padded(text, missing, wanted, fill, atStart);
}

/** A text with as many code points of filling as are missing. */
function padded(text: string, missing: number, wanted: number, fill: string, atStart: boolean): string {
  if (fill === '') return text;
  checkSize(wanted * 4);
  const fillLength = codePointLength(fill);
  const filling = fill.repeat(Math.floor(missing / fillLength)) + sliceCodePoints(fill, 0, missing % fillLength);
  return atStart ? filling + text : text + filling;
}

export function* padInSlices(pace: Pace, text: string, length: number, fill: string, atStart: boolean): Task<string> {
  const wanted = Math.max(length, 0);
  const missing = wanted - (yield* codePointsInSlices(pace, text));
  if (missing <= 0) return yield* sliceInSlices(pace, text, 0, wanted);
  return padded(text, missing, wanted, fill, atStart);
}

/** The code point at a UTF-16 index, as a string. */
function charAt(text: string, at: number): string {
  const unit = text.charCodeAt(at);
  return unit >= 0xd800 && unit < 0xdc00 ? text.slice(at, at + 2) : text.charAt(at);
}

export function trim(text: string, chars: string, start: boolean, end: boolean): string {
  const set = new Set(chars);
  let from = 0;
  let to = text.length;
  while (start && from < to) {
    const char = charAt(text, from);
    if (!set.has(char)) break;
    from += char.length;
  }
  while (end && to > from) {
    const unit = text.charCodeAt(to - 1);
    const char = unit >= 0xdc00 && unit < 0xe000 ? charAt(text, to - 2) : text.charAt(to - 1);
    if (!set.has(char)) break;
    to -= char.length;
  }
  return text.slice(from, to);
}

/** Position of a part, from 1; 0 = not there. */
export function position(text: string, part: string): number {
  const at = text.indexOf(part);
  return at < 0 ? 0 : codePointLength(text.slice(0, at)) + 1;
}

export function* positionInSlices(pace: Pace, text: string, part: string): Task<number> {
  const at = yield* findInSlices(pace, text, part);
  return at < 0 ? 0 : (yield* codePointsInSlices(pace, text.slice(0, at))) + 1;
}

/** Code points from position `start` on, `length` of them. @throws `substring_error` (22011) for a negative length. */
export function substring(text: string, start: number, length?: number): string {
  if (length !== undefined && length < 0) throw fail('substring_error', 'negative substring length not allowed');
  const from = Math.max(start, 1) - 1;
  const end = length === undefined ? Number.POSITIVE_INFINITY : start - 1 + length;
  return end <= from ? '' : sliceCodePoints(text, from, end);
}

export function* substringInSlices(pace: Pace, text: string, start: number, length?: number): Task<string> {
  if (length !== undefined && length < 0) throw fail('substring_error', 'negative substring length not allowed');
  const from = Math.max(start, 1) - 1;
  const end = length === undefined ? Number.POSITIVE_INFINITY : start - 1 + length;
  return end <= from ? '' : yield* sliceInSlices(pace, text, from, end);
}

export function left(text: string, n: number): string {
  return sliceCodePoints(text, 0, n >= 0 ? n : Math.max(codePointLength(text) + n, 0));
}

export function right(text: string, n: number): string {
  const length = codePointLength(text);
  return sliceCodePoints(text, n >= 0 ? Math.max(length - n, 0) : Math.min(-n, length), length);
}

export function* leftInSlices(pace: Pace, text: string, n: number): Task<string> {
  const end = n >= 0 ? n : Math.max((yield* codePointsInSlices(pace, text)) + n, 0);
  return yield* sliceInSlices(pace, text, 0, end);
}

export function* rightInSlices(pace: Pace, text: string, n: number): Task<string> {
  const length = yield* codePointsInSlices(pace, text);
  return text.slice(yield* indexInSlices(pace, text, n >= 0 ? Math.max(length - n, 0) : Math.min(-n, length)));
}

export function splitPart(text: string, delimiter: string, n: number): string {
  if (n === 0) throw fail('invalid_parameter_value', 'field position must not be zero');
  if (text === '') return '';
  const parts = delimiter === '' ? [text] : text.split(delimiter);
  return parts.at(n > 0 ? n - 1 : n) ?? '';
}

export function* splitPartInSlices(pace: Pace, text: string, delimiter: string, n: number): Task<string> {
  if (n === 0 || text === '' || delimiter === '') return splitPart(text, delimiter, n);
  let part = '';
  let before = 0;
  const last: string[] = [];
  yield* splitInSlices(pace, text, delimiter, (parts) => {
    if (n < 0) {
      // Only the last ones can be asked for.
      for (const one of parts) last.push(one);
      if (last.length > 2 * -n + pace.piece) last.splice(0, last.length + n);
      return false;
    }
    if (before + parts.length >= n) part = parts[n - 1 - before] ?? '';
    before += parts.length;
    return before >= n;
  });
  return n < 0 ? (last.at(n) ?? '') : part;
}

export function overlay(text: string, part: string, start: number, length: number): string {
  if (start <= 0) throw fail('substring_error', 'negative substring length not allowed');
  return substring(text, 1, start - 1) + part + substring(text, start + length);
}

export function* overlayInSlices(
  pace: Pace,
  text: string,
  part: string,
  start: number,
  length = codePointLength(part),
): Task<string> {
  if (start <= 0) throw fail('substring_error', 'negative substring length not allowed');
  const before = yield* substringInSlices(pace, text, 1, start - 1);
  return before + part + (yield* substringInSlices(pace, text, start + length));
}

export function replaceAll(text: string, from: string, to: string): string {
  return from === '' ? text : text.split(from).join(to);
}

export function* replaceInSlices(pace: Pace, text: string, from: string, to: string): Task<string> {
  if (from === '') return text;
  let result = '';
  let any = false;
  yield* splitInSlices(pace, text, from, (parts) => {
    result += (any ? to : '') + parts.join(to);
    any = true;
    return false;
  });
  return result;
}

/** What `translate` does to a text, or to a piece of one. */
export function translator(from: string, to: string): (text: string) => string {
  const target = Array.from(to);
  const map = new Map<string, string>();
  Array.from(from).forEach((char, i) => {
    if (!map.has(char)) map.set(char, target[i] ?? '');
  });
  return (text) => {
    const result: string[] = [];
    for (const char of text) result.push(map.get(char) ?? char);
    return result.join('');
  };
}

export function reverse(text: string): string {
  return Array.from(text).reverse().join('');
}

export function* reverseInSlices(pace: Pace, text: string): Task<string> {
  let result = '';
  yield* eachPiece(pace, text, (piece) => {
    result = reverse(piece) + result;
  });
  return result;
}

export function repeat(text: string, count: number): string {
  if (count <= 0 || text === '') return '';
  checkSize(utf8Length(text) * count);
  return text.repeat(count);
}
