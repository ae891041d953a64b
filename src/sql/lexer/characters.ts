/** What the characters of SQL text are, and where pieces of it end: digits, lines, comments, strings, operators. */
import { fail } from '../../base/errors.ts';

export const SPACE = 1;
export const IDENT = 2;
export const DIGIT = 4;
export const OPERATOR_CHAR = 8;

/** Bits by ASCII code; everything above is an identifier character. */
export const CLASSES = new Uint8Array(128);
for (const char of ' \t\n\r\f') CLASSES[char.charCodeAt(0)] = SPACE;
for (let unit = 48; unit <= 57; unit++) CLASSES[unit] = DIGIT;
for (let unit = 65; unit <= 90; unit++) CLASSES[unit] = CLASSES[unit + 32] = IDENT;
CLASSES[95] = IDENT;
for (const char of '~!@#^&|`?+-*/%<>=') CLASSES[char.charCodeAt(0)] = OPERATOR_CHAR;

/** What a UTF-16 unit is: one of the bits above, or 0. */
export function classOf(unit: number): number {
  return unit < 128 ? CLASSES[unit]! : unit >= 128 ? IDENT : 0;
}

/** Behind the decimal digits from `at` on. */
export function digits(text: string, at: number): number {
  let end = at;
  for (let unit = text.charCodeAt(end); unit >= 48 && unit <= 57; unit = text.charCodeAt(end)) end++;
  return end;
}

/** The line break at or behind `at`, or the end of the text. */
export function lineEnd(text: string, at: number): number {
  let end = at;
  while (end < text.length && text.charCodeAt(end) !== 10 && text.charCodeAt(end) !== 13) end++;
  return end;
}

/** The end of a block comment, which may hold others, or −1. */
export function commentEnd(text: string, start: number): number {
  let depth = 1;
  let at = start + 2;
  while (depth > 0) {
    const star = text.indexOf('*', at);
    if (star < 0) return -1;
    if (star > at && text.charCodeAt(star - 1) === 47) {
      depth++;
      at = star + 1;
    } else if (text.charCodeAt(star + 1) === 47) {
      depth--;
      at = star + 2;
    } else at = star + 1;
  }
  return at;
}

/** The next quote of an E'…' string that no backslash escapes, or −1. */
export function skipEscapes(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit === 92) at++;
    else if (unit === 39) return at;
  }
  return -1;
}

/** Strings separated by white space with a line break continue one another: the next segment's quote, or −1. */
export function continuation(text: string, from: number): number {
  let sawBreak = false;
  for (let at = from; ; at++) {
    const unit = text.charCodeAt(at);
    if (unit === 10 || unit === 13) sawBreak = true;
    else if (unit === 45 && text.charCodeAt(at + 1) === 45) {
      // A line comment may stand after the first line break's white space, or before it.
      at = lineEnd(text, at) - 1;
    } else if (classOf(unit) !== SPACE) return sawBreak && unit === 39 ? at : -1;
  }
}

/** Cuts an operator before a comment, and a trailing + or − when no character marks it as PostgreSQL's own kind. */
export function operatorEnd(text: string, start: number, end: number): number {
  let stop = end;
  let marked = false;
  for (let at = start; at < stop; at++) {
    const unit = text.charCodeAt(at);
    const next = text.charCodeAt(at + 1);
    if (at > start && ((unit === 45 && next === 45) || (unit === 47 && next === 42))) stop = at;
    else if ('~!@#^&|`?%'.includes(text[at]!)) marked = true;
  }
  const isSign = (at: number) => text.charCodeAt(at) === 43 || text.charCodeAt(at) === 45;
  if (!marked) while (stop > start + 1 && isSign(stop - 1)) stop--;
  return stop;
}

/** NUL and lone surrogates cannot be written in UTF-8 as PostgreSQL accepts it. */
export function checkCharacters(text: string): void {
  if (!text.isWellFormed())
    throw fail('character_not_in_repertoire', 'invalid byte sequence for encoding "UTF8": lone surrogate');
  if (text.includes('\0')) throw fail('character_not_in_repertoire', 'invalid byte sequence for encoding "UTF8": 0x00');
}
