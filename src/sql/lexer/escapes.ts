/**
 * The values of string constants and quoted identifiers that do not simply stand between their quotes.
 *
 * A constant may come in several segments, `'one'⏎'two'`; doubled quotes stand for one; `E'…'` has C escapes and `U&'…'`
 * has `\XXXX` and `\+XXXXXX`, where two halves of a surrogate pair join to one character.
 */

import { fail } from '../../base/errors.ts';
import { positionOf } from '../ast/names.ts';

const QUOTE = 39;
const BACKSLASH = 92;

/** Raised by the decoders with the offset where the text is wrong; the texts are PostgreSQL's. */
function wrong(
  code: 'syntax_error' | 'invalid_escape_sequence' | 'character_not_in_repertoire',
  message: string,
  text: string,
  at: number,
  hint?: string,
) {
  return fail(code, message, { position: positionOf(text, at), hint });
}

/** Joins the segments of `'…'` between `start` (first quote) and `end`, doubled quotes made one. */
export function decodePlain(text: string, start: number, end: number): string {
  let value = '';
  let from = start + 1;
  for (let i = from; i < end; i++) {
    if (text.charCodeAt(i) !== QUOTE) continue;
    value += text.slice(from, i);
    if (i + 1 < end && text.charCodeAt(i + 1) === QUOTE) {
      from = i + 1;
      i++;
      continue;
    }
    // The segment ends here; the next one, if any, begins behind white space and comments.
    while (i + 1 < end && text.charCodeAt(i + 1) !== QUOTE) i++;
    from = i + 2;
    i++;
  }
  return value;
}

/** Decodes `E'…'`; `start` is the first quote. */
export function decodeEscaped(text: string, start: number, end: number): string {
  let value = '';
  let bytes: number[] = [];
  const flush = (at: number) => {
    if (bytes.length === 0) return;
    value += utf8(bytes, text, at);
    bytes = [];
  };
  for (let i = start + 1; i < end; i++) {
    const unit = text.charCodeAt(i);
    if (unit === BACKSLASH) {
      const sequence = escapeAt(text, i);
      if (sequence.byte) bytes.push(sequence.point);
      else {
        flush(i);
        value += String.fromCodePoint(joinSurrogates(text, i, sequence));
      }
      i += sequence.length - 1;
      continue;
    }
    flush(i);
    if (unit !== QUOTE) value += text[i];
    else if (i + 1 < end && text.charCodeAt(i + 1) === QUOTE) value += text[i++];
    else {
      while (i + 1 < end && text.charCodeAt(i + 1) !== QUOTE) i++;
      i++;
    }
  }
  flush(end);
  return value;
}

interface Escape {
  point: number;
  length: number;
  /** Octal and hexadecimal escapes are bytes of UTF-8, not characters. */
  byte: boolean;
}

function escapeAt(text: string, at: number): Escape {
  const letter = text[at + 1] ?? '';
  const simple = 'bfnrt'.indexOf(letter);
  if (simple >= 0 && letter !== '') return { point: [8, 12, 10, 13, 9][simple]!, length: 2, byte: false };
  if (letter === 'x') {
    const digits = /^[0-9a-fA-F]{1,2}/.exec(text.slice(at + 2, at + 4))?.[0];
    if (digits !== undefined) return byteEscape(Number.parseInt(digits, 16), 2 + digits.length, text, at);
  }
  if (letter >= '0' && letter <= '7') {
    const digits = /^[0-7]{1,3}/.exec(text.slice(at + 1, at + 4))![0];
    return byteEscape(Number.parseInt(digits, 8) & 255, 1 + digits.length, text, at);
  }
  if (letter === 'u' || letter === 'U') {
    const width = letter === 'u' ? 4 : 8;
    const digits = text.slice(at + 2, at + 2 + width);
    if (digits.length !== width || !/^[0-9a-fA-F]+$/.test(digits)) {
      throw wrong(
        'invalid_escape_sequence',
        'invalid Unicode escape',
        text,
        at,
        'Unicode escapes must be \\uXXXX or \\UXXXXXXXX.',
      );
    }
    return { point: unicodePoint(Number.parseInt(digits, 16), text, at), length: 2 + width, byte: false };
  }
  const point = text.codePointAt(at + 1) ?? BACKSLASH;
  return { point, length: point > 0xffff ? 3 : 2, byte: false };
}

function byteEscape(byte: number, length: number, text: string, at: number): Escape {
  if (byte === 0)
    throw wrong('character_not_in_repertoire', 'invalid byte sequence for encoding "UTF8": 0x00', text, at);
  return byte < 128 ? { point: byte, length, byte: false } : { point: byte, length, byte: true };
}

function unicodePoint(point: number, text: string, at: number): number {
  if (point === 0 || point > 0x10ffff) throw wrong('syntax_error', 'invalid Unicode escape value', text, at);
  return point;
}

/** A first surrogate takes the second from the next escape; `sequence.length` grows by it. */
function joinSurrogates(text: string, at: number, sequence: Escape): number {
  if (sequence.point < 0xd800 || sequence.point > 0xdfff || sequence.length < 6) return sequence.point;
  const next = at + sequence.length;
  if (sequence.point >= 0xdc00 || text.charCodeAt(next) !== BACKSLASH)
    throw wrong('syntax_error', 'invalid Unicode surrogate pair', text, at);
  const second = escapeAt(text, next);
  if (second.point < 0xdc00 || second.point > 0xdfff)
    throw wrong('syntax_error', 'invalid Unicode surrogate pair', text, at);
  sequence.length += second.length;
  return ((sequence.point - 0xd800) << 10) + (second.point - 0xdc00) + 0x10000;
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function utf8(bytes: number[], text: string, at: number): string {
  try {
    return decoder.decode(Uint8Array.from(bytes));
  } catch {
    const shown = bytes.map((byte) => `0x${byte.toString(16).padStart(2, '0')}`).join(' ');
    throw wrong('character_not_in_repertoire', `invalid byte sequence for encoding "UTF8": ${shown}`, text, at);
  }
}

/** Decodes the body of `U&'…'` or `U&"…"` after its quotes were taken off; `at` is where the token starts. */
export function decodeUnicode(body: string, mark: string, text: string, at: number): string {
  let value = '';
  let high = 0;
  for (let i = 0; i < body.length; i++) {
    const char = body[i]!;
    if (char !== mark) {
      if (high !== 0) throw wrong('syntax_error', 'invalid Unicode surrogate pair', text, at);
      value += char;
      continue;
    }
    if (body[i + 1] === mark) {
      value += mark;
      i++;
      continue;
    }
    const digits = /^(?:[0-9a-fA-F]{4}|\+[0-9a-fA-F]{6})/.exec(body.slice(i + 1, i + 8))?.[0];
    if (digits === undefined) {
      throw wrong('syntax_error', 'invalid Unicode escape', text, at, 'Unicode escapes must be \\XXXX or \\+XXXXXX.');
    }
    i += digits.length;
    const point = unicodePoint(Number.parseInt(digits.replace('+', ''), 16), text, at);
    const isLow = point >= 0xdc00 && point <= 0xdfff;
    if ((high !== 0) !== isLow) throw wrong('syntax_error', 'invalid Unicode surrogate pair', text, at);
    if (point >= 0xd800 && point < 0xdc00) high = point;
    else if (isLow) {
      value += String.fromCharCode(high, point);
      high = 0;
    } else value += String.fromCodePoint(point);
  }
  if (high !== 0) throw wrong('syntax_error', 'invalid Unicode surrogate pair', text, at);
  return value;
}
