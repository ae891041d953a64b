/**
 * Text of arrays and records.
 *
 *   {1,NULL,"a b"}   {{1,2},{3,4}}   [0:1]={5,6}      arrays; int2vector and oidvector: 1 2 3
 *   (1,,"a b")                                        records: nothing between commas is null
 */

import { fail } from '../../base/errors.ts';
import { ARRAY_DIMENSIONS_MAX, ARRAY_ELEMENTS_MAX, PgArray, tooManyDimensions } from './array.ts';
import type { Oid, SqlValue } from './contracts.ts';
import type { PgRecord } from './record.ts';

function malformed(text: string, detail: string): Error {
  return fail('invalid_text_representation', `malformed array literal: "${text}"`, { detail });
}

const BLANK = /[ \t\n\v\f\r]/;
/** What may end a piece of a quoted element, and of one without quotes. */
const QUOTED_STOP = /["\\]/g;
const BARE_STOP = /["\\{},]/g;

/** Reads the braces of one literal into a flat list and its dimensions. */
class ArrayReader {
  readonly #text: string;
  readonly #element: (text: string) => SqlValue;
  #at = 0;
  readonly values: SqlValue[] = [];
  readonly dims: number[] = [];
  lowerBounds: number[] | undefined;

  constructor(text: string, element: (text: string) => SqlValue) {
    this.#text = text;
    this.#element = element;
  }

  read(): void {
    const explicit = this.#bounds();
    this.#blanks();
    if (this.#text[this.#at] !== '{') {
      throw malformed(
        this.#text,
        explicit === undefined
          ? 'Array value must start with "{" or dimension information.'
          : 'Array contents must start with "{".',
      );
    }
    this.#braces(0);
    this.#blanks();
    if (this.#at < this.#text.length) throw malformed(this.#text, 'Junk after closing right brace.');
    if (this.values.length === 0) this.dims.length = 0;
    if (explicit !== undefined && explicit.join() !== this.dims.join()) {
      throw malformed(this.#text, 'Specified array dimensions do not match array contents.');
    }
  }

  /** `[1:2][3:5]=` before the braces; gives the lengths. */
  #bounds(): number[] | undefined {
    this.#blanks();
    if (this.#text[this.#at] !== '[') return undefined;
    const head = /(?:\[\s*[+-]?\d+\s*(?::\s*[+-]?\d+\s*)?\]\s*)+=/y;
    head.lastIndex = this.#at;
    const found = head.exec(this.#text)?.[0];
    if (found === undefined) throw malformed(this.#text, 'Missing "=" after array dimensions.');
    this.#at += found.length;
    this.lowerBounds = [];
    const lengths: number[] = [];
    for (const match of found.matchAll(/\[\s*([+-]?\d+)\s*(?::\s*([+-]?\d+)\s*)?\]/g)) {
      const low = match[2] === undefined ? 1 : Number(match[1]);
      const high = Number(match[2] ?? match[1]);
      if (high < low) throw fail('array_subscript_error', 'upper bound cannot be less than lower bound');
      this.lowerBounds.push(low);
      lengths.push(high - low + 1);
    }
    return lengths;
  }

  #blanks(): void {
    while (BLANK.test(this.#text.charAt(this.#at))) this.#at++;
  }

  /** Reads `{…}` at `depth`; every sub-array of one depth has the same length. */
  #braces(depth: number): void {
    if (depth >= ARRAY_DIMENSIONS_MAX) throw tooManyDimensions(depth + 1);
    this.#at++;
    let count = 0;
    for (;;) {
      this.#blanks();
      const unit = this.#text[this.#at];
      if (unit === '}' && count === 0) break;
      if (unit === '{') this.#braces(depth + 1);
      else this.#leaf(depth);
      count++;
      this.#blanks();
      const next = this.#text[this.#at];
      if (next === '}') break;
      if (next !== ',') throw this.#unexpected(next);
      this.#at++;
    }
    this.#at++;
    const known = this.dims[depth];
    if (known !== undefined && known !== count) {
      throw malformed(this.#text, 'Multidimensional arrays must have sub-arrays with matching dimensions.');
    }
    this.dims[depth] = count;
  }

  #unexpected(unit: string | undefined): Error {
    if (unit === undefined) return malformed(this.#text, 'Unexpected end of input.');
    return malformed(this.#text, unit === '"' ? 'Unexpected array element.' : `Unexpected "${unit}" character.`);
  }

  #leaf(depth: number): void {
    if (this.dims.length > depth + 1) {
      throw malformed(this.#text, 'Multidimensional arrays must have sub-arrays with matching dimensions.');
    }
    if (this.values.length >= ARRAY_ELEMENTS_MAX) {
      throw fail('program_limit_exceeded', `array size exceeds the maximum allowed (${ARRAY_ELEMENTS_MAX})`);
    }
    if (this.#text[this.#at] === '"') {
      this.values.push(this.#element(this.#quoted()));
      return;
    }
    const raw = this.#bare();
    this.values.push(raw.plain && raw.text.toLowerCase() === 'null' ? null : this.#element(raw.text));
  }

  /** Cuts out what stands here up to the next of `stops`, in one piece: a text put together by units is a tree of them. */
  #upTo(stops: RegExp): string {
    stops.lastIndex = this.#at;
    const end = stops.exec(this.#text)?.index ?? this.#text.length;
    const piece = this.#text.slice(this.#at, end);
    this.#at = end;
    return piece;
  }

  #quoted(): string {
    this.#at++;
    let text = this.#upTo(QUOTED_STOP);
    while (this.#text[this.#at] === '\\') {
      const escaped = this.#text.charAt(this.#at + 1);
      this.#at += 2;
      text += escaped + this.#upTo(QUOTED_STOP);
    }
    if (this.#at >= this.#text.length) throw malformed(this.#text, 'Unexpected end of input.');
    this.#at++;
    return text;
  }

  /** An unquoted element, blanks at its end cut off; `plain` = no escape in it. */
  #bare(): { readonly text: string; readonly plain: boolean } {
    let text = '';
    let plain = true;
    let kept = 0;
    for (;;) {
      text += this.#upTo(BARE_STOP);
      const unit = this.#text[this.#at];
      if (unit !== '\\') {
        if (unit !== ',' && unit !== '}') throw this.#unexpected(unit);
        break;
      }
      plain = false;
      text += this.#text.charAt(this.#at + 1);
      kept = text.length;
      this.#at += 2;
    }
    let end = text.length;
    while (end > kept && BLANK.test(text.charAt(end - 1))) end--;
    if (end === 0) throw this.#unexpected(this.#text[this.#at]);
    return { text: text.slice(0, end), plain };
  }
}

/** Reads an array literal. @throws `invalid_text_representation` (22P02) and what `element` throws. */
export function parseArray(text: string, elementType: Oid, element: (text: string) => SqlValue): PgArray {
  const reader = new ArrayReader(text, element);
  reader.read();
  if (reader.dims.length === 0) return new PgArray(elementType, []);
  return new PgArray(elementType, reader.values, reader.dims, reader.lowerBounds ?? reader.dims.map(() => 1));
}

/** Prints an array. */
export function formatArray(value: PgArray, element: (value: Exclude<SqlValue, null>) => string): string {
  if (value.dims.length === 0) return '{}';
  let index = 0;
  const level = (depth: number): string => {
    const parts: string[] = [];
    for (let i = 0; i < (value.dims[depth] ?? 0); i++) {
      if (depth + 1 < value.dims.length) parts.push(level(depth + 1));
      else {
        const item = value.values[index++] ?? null;
        parts.push(item === null ? 'NULL' : quoteElement(element(item)));
      }
    }
    return `{${parts.join(',')}}`;
  };
  const body = level(0);
  if (value.lowerBounds.every((low) => low === 1)) return body;
  const bounds = value.dims.map((length, d) => {
    const low = value.lowerBounds[d] ?? 1;
    return `[${low}:${low + length - 1}]`;
  });
  return `${bounds.join('')}=${body}`;
}

function quoteElement(text: string): string {
  if (text !== '' && !/[{}",\\\s]/.test(text) && text.toLowerCase() !== 'null') return text;
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

/** Reads `1 2 3`, the form of int2vector and oidvector. */
export function parseVector(text: string, elementType: Oid, element: (text: string) => SqlValue): PgArray {
  const values = text.trim() === '' ? [] : text.trim().split(/\s+/).map(element);
  return new PgArray(elementType, values, [values.length], [0]);
}

export function formatVector(value: PgArray): string {
  return value.values.join(' ');
}

/** Prints a record; `field` prints a value of a type. */
export function formatRecord(value: PgRecord, field: (value: Exclude<SqlValue, null>, type: Oid) => string): string {
  const parts = value.values.map((item, i) => (item === null ? '' : quoteField(field(item, value.types[i] ?? 0))));
  return `(${parts.join(',')})`;
}

function quoteField(text: string): string {
  if (text !== '' && !/[(),"\\\s]/.test(text)) return text;
  return `"${text.replace(/["\\]/g, '$&$&')}"`;
}
