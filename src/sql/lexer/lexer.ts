/**
 * PostgreSQL's lexical rules: SQL text → tokens in one typed array.
 *
 * Four numbers per token, no object and no string until somebody asks for one:
 *
 *     data: | kind | code | start | end |  kind | code | start | end | …   one END token closes the array
 *
 * | kind | code |
 * |---|---|
 * | WORD: unquoted identifier or keyword | keyword number, 0 for other identifiers |
 * | QUOTED: "…" or U&"…" | 0 |
 * | STRING | 0 when the value is what stands between the quotes, 1 when it must be decoded |
 * | BITS: B'…', X'…' | `b` or `x` |
 * | INTEGER, NUMBER | 0 |
 * | PARAMETER: $n | n |
 * | OPERATOR | the character when it is a single one, else 0 |
 * | PUNCTUATION: , ( ) [ ] . ; : and the pairs below, or a character that no token starts with | the character or pair |
 *
 * A lexer is meant to be kept and used again: {@link Lexer.scan} overwrites the tokens of the text before.
 */
import { fail } from '../../base/errors.ts';
import { positionOf } from '../ast/names.ts';
import {
  CLASSES,
  checkCharacters,
  classOf,
  commentEnd,
  continuation,
  DIGIT,
  digits,
  IDENT,
  lineEnd,
  OPERATOR_CHAR,
  operatorEnd,
  SPACE,
  skipEscapes,
} from './characters.ts';
import { decodeEscaped, decodePlain, decodeUnicode } from './escapes.ts';
import { KEYWORDS, keywordAt } from './keywords.ts';
import { cutName, foldName, NAME_BYTES } from './names.ts';

export const END = 0;
export const WORD = 1;
export const QUOTED = 2;
export const STRING = 3;
export const BITS = 4;
export const INTEGER = 5;
export const NUMBER = 6;
export const PARAMETER = 7;
export const OPERATOR = 8;
export const PUNCTUATION = 9;

/** Codes of the two-character punctuation `::`, `..`, `:=`, `=>`. */
export const COLON_COLON = 256;
export const DOT_DOT = 257;
export const COLON_EQUALS = 258;
export const EQUALS_GREATER = 259;

const STRIDE = 4;

export class Lexer {
  #data = new Int32Array(64 * STRIDE);
  #length = 0;
  #count = 0;
  #text = '';
  /** Values of strings and names that had to be decoded, by token; made only when one occurs. */
  #decoded: Map<number, string> | null = null;
  /** Identifiers of the text that are too long, in full, and what they are cut to. */
  #cuts: (readonly [string, string])[] = [];

  /** The text of the last {@link scan}. */
  get text(): string {
    return this.#text;
  }

  /** Number of tokens, the closing END not counted. */
  get count(): number {
    return this.#count;
  }

  /** The identifiers that were cut, as pairs of full and cut name, in the text's order. */
  get cuts(): readonly (readonly [string, string])[] {
    return this.#cuts;
  }

  /**
   * Splits a text into tokens.
   *
   * @throws syntax_error for unterminated or malformed tokens, character_not_in_repertoire for NUL and lone surrogates,
   * invalid_escape_sequence for wrong Unicode escapes.
   */
  scan(text: string): void {
    this.#text = text;
    this.#length = 0;
    this.#decoded = null;
    if (this.#cuts.length > 0) this.#cuts = [];
    checkCharacters(text);
    const size = text.length;
    let at = 0;
    while (at < size) {
      const unit = text.charCodeAt(at);
      const kind = unit < 128 ? CLASSES[unit]! : IDENT;
      if (kind === SPACE) at++;
      else if (kind === IDENT) at = this.#word(at, unit);
      else if (kind === DIGIT) at = this.#number(at);
      else at = this.#symbol(at, unit);
    }
    this.#push(END, 0, size, size);
    this.#count = this.#length / STRIDE - 1;
  }

  kind(token: number): number {
    return this.#data[token * STRIDE]!;
  }

  code(token: number): number {
    return this.#data[token * STRIDE + 1]!;
  }

  /** UTF-16 offset of the token's first character. */
  start(token: number): number {
    return this.#data[token * STRIDE + 2]!;
  }

  /** UTF-16 offset behind the token's last character. */
  end(token: number): number {
    return this.#data[token * STRIDE + 3]!;
  }

  /** The token as written. */
  source(token: number): string {
    return this.#text.slice(this.start(token), this.end(token));
  }

  /** The keyword, or '' for any other token. */
  keyword(token: number): string {
    return this.#data[token * STRIDE] === WORD ? KEYWORDS[this.#data[token * STRIDE + 1]!]! : '';
  }

  /** The identifier that a WORD or QUOTED token stands for, folded and cut. */
  name(token: number): string {
    const code = this.code(token);
    if (this.kind(token) === WORD) return code !== 0 ? KEYWORDS[code]! : cutName(foldName(this.source(token)));
    return this.#decoded?.get(token) ?? cutName(this.#text.slice(this.start(token) + 1, this.end(token) - 1));
  }

  /** The value of a STRING; for BITS the digits after the letter `b` or `x`; else the source. */
  value(token: number): string {
    const decoded = this.#decoded?.get(token);
    if (decoded !== undefined) return decoded;
    return this.kind(token) === STRING
      ? this.#text.slice(this.start(token) + 1, this.end(token) - 1)
      : this.source(token);
  }

  #push(kind: number, code: number, start: number, end: number): void {
    let data = this.#data;
    const length = this.#length;
    if (length === data.length) {
      data = new Int32Array(length * 2);
      data.set(this.#data);
      this.#data = data;
    }
    data[length] = kind;
    data[length + 1] = code;
    data[length + 2] = start;
    data[length + 3] = end;
    this.#length = length + STRIDE;
  }

  #keep(value: string): void {
    this.#decoded ??= new Map();
    this.#decoded.set(this.#length / STRIDE, value);
  }

  #word(start: number, first: number): number {
    const text = this.#text;
    const next = text.charCodeAt(start + 1);
    if (next === 39 || next === 38) {
      const end = this.#prefixed(start, first | 32, next);
      if (end > 0) return end;
    }
    let at = start;
    let hash = 0;
    for (let unit = first; ; unit = text.charCodeAt(at)) {
      const isLetter = classOf(unit) === IDENT;
      if (!isLetter && !(unit >= 48 && unit <= 57) && unit !== 36) break;
      hash = (Math.imul(hash, 31) + (unit >= 65 && unit <= 90 ? unit + 32 : unit)) | 0;
      at++;
    }
    // Every character may take three bytes: only longer words can be too long.
    if ((at - start) * 3 > NAME_BYTES) this.#cut(foldName(text.slice(start, at)));
    this.#push(WORD, keywordAt(text, start, at, hash), start, at);
    return at;
  }

  /** Cuts a name, and remembers it if something was lost. */
  #cut(name: string): string {
    const cut = cutName(name);
    if (cut !== name) this.#cuts.push([name, cut]);
    return cut;
  }

  /** E'…', B'…', X'…', N'…', U&'…', U&"…"; 0 when the word is none of them. */
  #prefixed(start: number, letter: number, next: number): number {
    if (next === 39) {
      if (letter === 101) return this.#string(start, start + 1, true);
      if (letter === 98 || letter === 120) return this.#bits(start, letter);
      if (letter !== 110) return 0;
      // PostgreSQL reads N'…' as the keyword NCHAR before a string.
      this.#push(WORD, KEYWORDS.indexOf('nchar'), start, start + 1);
      return start + 1;
    }
    if (letter !== 117) return 0;
    const quote = this.#text.charCodeAt(start + 2);
    if (quote !== 39 && quote !== 34) return 0;
    return this.#unicode(start, quote);
  }

  #unicode(start: number, quote: number): number {
    const text = this.#text;
    const isString = quote === 39;
    const end = isString ? this.#stringEnd(start, start + 2, false) : this.#quotedEnd(start, start + 2);
    const body = isString ? decodePlain(text, start + 2, end) : text.slice(start + 3, end - 1).replaceAll('""', '"');
    const clause = /^(?:\s|--[^\n]*\n)*uescape(?:\s|--[^\n]*\n)*'([^'])'/i.exec(text.slice(end, end + 200));
    const mark = clause?.[1] ?? '\\';
    if (/[0-9a-fA-F+'"\s]/.test(mark))
      throw this.#wrong('invalid Unicode escape character', end + clause![0].length - 3, end + clause![0].length);
    const value = decodeUnicode(body, mark, text, start);
    if (!isString && value === '') throw this.#wrong('zero-length delimited identifier', start, end);
    this.#keep(isString ? value : this.#cut(value));
    const last = end + (clause?.[0].length ?? 0);
    this.#push(isString ? STRING : QUOTED, isString ? 1 : 0, start, last);
    return last;
  }

  #string(start: number, quote: number, escaped: boolean): number {
    const end = this.#stringEnd(start, quote, escaped);
    const text = this.#text;
    // A plain string whose only quotes are its first and last needs no decoding.
    const isSimple = !escaped && text.indexOf("'", quote + 1) === end - 1;
    if (!isSimple) this.#keep(escaped ? decodeEscaped(text, quote, end) : decodePlain(text, quote, end));
    this.#push(STRING, isSimple ? 0 : 1, start, end);
    return end;
  }

  /** The offset behind the last segment of the string whose opening quote is at `quote`. */
  #stringEnd(start: number, quote: number, escaped: boolean): number {
    const text = this.#text;
    for (let at = quote + 1; ; ) {
      at = escaped ? skipEscapes(text, at) : text.indexOf("'", at);
      if (at < 0) throw this.#wrong('unterminated quoted string', start, text.length);
      if (text.charCodeAt(at + 1) === 39) {
        at += 2;
        continue;
      }
      const following = continuation(text, at + 1);
      if (following < 0) return at + 1;
      at = following + 1;
    }
  }

  #bits(start: number, letter: number): number {
    const text = this.#text;
    const kind = letter === 98 ? 'bit' : 'hexadecimal';
    let value = String.fromCharCode(letter);
    for (let quote = start + 1; ; ) {
      const close = text.indexOf("'", quote + 1);
      if (close < 0) throw this.#wrong(`unterminated ${kind} string literal`, start, text.length);
      value += text.slice(quote + 1, close);
      const following = continuation(text, close + 1);
      if (following < 0) {
        this.#keep(value);
        this.#push(BITS, letter, start, close + 1);
        return close + 1;
      }
      quote = following;
    }
  }

  #quotedEnd(start: number, quote: number): number {
    const text = this.#text;
    for (let at = quote + 1; ; at += 2) {
      at = text.indexOf('"', at);
      if (at < 0) throw this.#wrong('unterminated quoted identifier', start, text.length);
      if (text.charCodeAt(at + 1) !== 34) return at + 1;
    }
  }

  #quoted(start: number): number {
    const end = this.#quotedEnd(start, start);
    if (end === start + 2) throw this.#wrong('zero-length delimited identifier', start, end);
    if (this.#text.indexOf('"', start + 1) !== end - 1 || (end - start - 2) * 3 > NAME_BYTES) {
      this.#keep(this.#cut(this.#text.slice(start + 1, end - 1).replaceAll('""', '"')));
    }
    this.#push(QUOTED, 0, start, end);
    return end;
  }

  /** $n, $$…$$ and $tag$…$tag$. */
  #dollar(start: number): number {
    const text = this.#text;
    let at = start + 1;
    if (classOf(text.charCodeAt(at)) === DIGIT) {
      while (classOf(text.charCodeAt(at)) === DIGIT) at++;
      if (classOf(text.charCodeAt(at)) === IDENT) throw this.#wrong('trailing junk after parameter', start, at + 1);
      const number = Number(text.slice(start + 1, at));
      if (number > 0x7fffffff) throw this.#wrong('parameter number too large', start, at);
      this.#push(PARAMETER, number, start, at);
      return at;
    }
    while (classOf(text.charCodeAt(at)) === IDENT || (at > start + 1 && classOf(text.charCodeAt(at)) === DIGIT)) at++;
    if (text.charCodeAt(at) !== 36) {
      this.#push(PUNCTUATION, 36, start, start + 1);
      return start + 1;
    }
    const tag = text.slice(start, at + 1);
    const close = text.indexOf(tag, at + 1);
    if (close < 0) throw this.#wrong('unterminated dollar-quoted string', start, text.length);
    this.#keep(text.slice(at + 1, close));
    this.#push(STRING, 1, start, close + tag.length);
    return close + tag.length;
  }

  #number(start: number): number {
    const text = this.#text;
    let at = digits(text, start);
    let kind = INTEGER;
    // `1..10` is an integer before a range.
    if (text.charCodeAt(at) === 46 && text.charCodeAt(at + 1) !== 46) {
      kind = NUMBER;
      at = digits(text, at + 1);
    }
    const unit = text.charCodeAt(at) | 32;
    if (unit === 101) {
      const sign = text.charCodeAt(at + 1);
      const from = sign === 43 || sign === 45 ? at + 2 : at + 1;
      const end = digits(text, from);
      if (end > from) {
        kind = NUMBER;
        at = end;
      }
    }
    if (classOf(text.charCodeAt(at)) === IDENT) throw this.#wrong('trailing junk after numeric literal', start, at + 1);
    this.#push(kind, 0, start, at);
    return at;
  }

  #symbol(start: number, unit: number): number {
    const text = this.#text;
    const next = text.charCodeAt(start + 1);
    if (unit === 39) return this.#string(start, start, false);
    if (unit === 34) return this.#quoted(start);
    if (unit === 36) return this.#dollar(start);
    if (unit === 45 && next === 45) return lineEnd(text, start);
    if (unit === 47 && next === 42) return this.#comment(start);
    if (unit === 46 && next >= 48 && next <= 57) return this.#number(start);
    if (classOf(unit) === OPERATOR_CHAR) return this.#operator(start, unit);
    let code = unit;
    if (unit === 58 && next === 58) code = COLON_COLON;
    else if (unit === 58 && next === 61) code = COLON_EQUALS;
    else if (unit === 46 && next === 46) code = DOT_DOT;
    const end = start + (code > 255 ? 2 : 1);
    this.#push(PUNCTUATION, code, start, end);
    return end;
  }

  #comment(start: number): number {
    const end = commentEnd(this.#text, start);
    if (end < 0) throw this.#wrong('unterminated /* comment', start, this.#text.length);
    return end;
  }

  #operator(start: number, first: number): number {
    const text = this.#text;
    let end = start + 1;
    while (classOf(text.charCodeAt(end)) === OPERATOR_CHAR) end++;
    if (end > start + 1) {
      end = operatorEnd(text, start, end);
      if (end - start === 2 && first === 61 && text.charCodeAt(start + 1) === 62) {
        this.#push(PUNCTUATION, EQUALS_GREATER, start, end);
        return end;
      }
      if (end - start > NAME_BYTES) throw this.#wrong('operator too long', start, end);
    }
    this.#push(OPERATOR, end === start + 1 ? first : 0, start, end);
    return end;
  }

  #wrong(what: string, start: number, end: number) {
    const position = positionOf(this.#text, start);
    return fail('syntax_error', `${what} at or near "${this.#text.slice(start, end)}"`, { position });
  }
}
