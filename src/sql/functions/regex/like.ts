/**
 * LIKE and ILIKE: `%` any text, `_` one code point, a backslash (or ESCAPE's character) takes the next literally.
 *
 * A pattern is cut at its `%`s into pieces of fixed length. Matching places the first piece at the start, the last at the
 * end and every other at its earliest place in between, which never has to be taken back: pieces × text is the worst case.
 */

import { fail } from '../../../base/errors.ts';

/** One piece: code units to match, −1 for `_`. */
type Piece = readonly string[];
const ANY = '';

export interface LikePattern {
  matches(text: string): boolean;
}

function cut(pattern: string): readonly Piece[] {
  const pieces: string[][] = [[]];
  const chars = Array.from(pattern);
  for (let i = 0; i < chars.length; i++) {
    const char = chars[i] ?? '';
    const piece = pieces[pieces.length - 1] ?? [];
    if (char === '%') pieces.push([]);
    else if (char === '_') piece.push(ANY);
    else if (char === '\\') {
      const literal = chars[++i];
      if (literal === undefined) {
        throw fail('invalid_escape_sequence', 'LIKE pattern must not end with escape character');
      }
      piece.push(literal);
    } else piece.push(char);
  }
  return pieces;
}

class PieceMatcher implements LikePattern {
  readonly #pieces: readonly Piece[];
  readonly #fold: boolean;
  /** The single literal of patterns without `_`, by piece; they are searched by indexOf. */
  readonly #literals: readonly (string | undefined)[];

  constructor(pattern: string, fold: boolean) {
    this.#pieces = cut(fold ? pattern.toLowerCase() : pattern);
    this.#fold = fold;
    this.#literals = this.#pieces.map((piece) => (piece.includes(ANY) ? undefined : piece.join('')));
  }

  matches(original: string): boolean {
    const text = this.#fold ? original.toLowerCase() : original;
    const last = this.#pieces.length - 1;
    const first = this.#at(text, 0, 0);
    if (first < 0) return false;
    if (last === 0) return first === text.length;
    let at = first;
    for (let i = 1; i < last; i++) {
      at = this.#search(text, i, at);
      if (at < 0) return false;
    }
    const tail = this.#tailStart(text, last);
    return tail >= at && this.#at(text, last, tail) === text.length;
  }

  /** Position behind piece `i` placed at `at`; −1 when it does not fit. */
  #at(text: string, i: number, at: number): number {
    const literal = this.#literals[i];
    if (literal !== undefined) return text.startsWith(literal, at) ? at + literal.length : -1;
    let position = at;
    for (const char of this.#pieces[i] ?? []) {
      if (position >= text.length) return -1;
      if (char === ANY) position += (text.codePointAt(position) ?? 0) > 0xffff ? 2 : 1;
      else if (text.startsWith(char, position)) position += char.length;
      else return -1;
    }
    return position;
  }

  /** Position behind the earliest place of piece `i` from `from` on. */
  #search(text: string, i: number, from: number): number {
    const literal = this.#literals[i];
    if (literal !== undefined) {
      const found = text.indexOf(literal, from);
      return found < 0 ? -1 : found + literal.length;
    }
    for (let at = from; at <= text.length; at++) {
      const end = this.#at(text, i, at);
      if (end >= 0) return end;
    }
    return -1;
  }

  /** Where the last piece must begin to reach the end: as many code points back as it has. */
  #tailStart(text: string, last: number): number {
    const literal = this.#literals[last];
    if (literal !== undefined) return text.length - literal.length;
    let at = text.length;
    for (let n = (this.#pieces[last] ?? []).length; n > 0; n--) {
      const low = text.charCodeAt(at - 1);
      at -= low >= 0xdc00 && low < 0xe000 ? 2 : 1;
    }
    return at;
  }
}

const PATTERNS_MAX = 256;
const caches = { exact: new Map<string, LikePattern>(), folded: new Map<string, LikePattern>() };

/** The compiled pattern. @throws `invalid_escape_sequence` (22025) for a pattern that ends with the escape character. */
export function likePattern(pattern: string, ignoreCase: boolean): LikePattern {
  const cache = ignoreCase ? caches.folded : caches.exact;
  const known = cache.get(pattern);
  if (known !== undefined) return known;
  const matcher = new PieceMatcher(pattern, ignoreCase);
  if (cache.size >= PATTERNS_MAX) {
    const oldest = cache.keys().next().value;
    if (oldest !== undefined) cache.delete(oldest);
  }
  cache.set(pattern, matcher);
  return matcher;
}

/** `like_escape`: a pattern with another escape character rewritten to the backslash; '' = no escape character. */
export function rewriteEscape(pattern: string, escapeText: string): string {
  const chars = Array.from(escapeText);
  if (chars.length > 1) {
    throw fail('invalid_escape_sequence', 'invalid escape string', {
      hint: 'Escape string must be empty or one character.',
    });
  }
  const mark = chars[0];
  if (mark === '\\') return pattern;
  let result = '';
  let escaped = false;
  for (const char of pattern) {
    if (char === mark && !escaped) {
      result += '\\';
      escaped = true;
      continue;
    }
    result += char === '\\' && !escaped ? '\\\\' : char;
    escaped = false;
  }
  return result;
}
