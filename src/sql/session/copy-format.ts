/**
 * The text and CSV formats of COPY, both ways.
 *
 *   text  fields between delimiters (tab), NULL as \N, backslash escapes, a row per line, `\.` ends the data
 *   csv   fields between delimiters (comma), NULL as nothing unquoted, quotes doubled or escaped, lines may lie inside quotes
 */
import { fail } from '../../base/errors.ts';
import type { CopyStatement } from '../ast/statements.ts';

export interface CopyOptions {
  readonly format: 'text' | 'csv';
  readonly delimiter: number;
  readonly nullText: Uint8Array;
  readonly header: boolean;
  readonly quote: number;
  readonly escape: number;
  readonly forceQuote: readonly string[] | 'all';
  readonly forceNotNull: readonly string[];
  readonly forceNull: readonly string[];
  readonly freeze: boolean;
}

function truth(text: string | undefined): boolean {
  return text === undefined || ['true', 'on', '1'].includes(text.toLowerCase());
}

function oneByte(name: string, text: string): number {
  const bytes = Buffer.from(text);
  if (bytes.length !== 1) throw fail('feature_not_supported', `COPY ${name} must be a single one-byte character`);
  return bytes[0]!;
}

/** Reads the options of either syntax. @throws 42601, 0A000, 22023. */
export function copyOptions(s: CopyStatement): CopyOptions {
  const given = new Map<string, { text: string | undefined; names: readonly string[] | 'all' }>();
  for (const o of s.options) {
    if (given.has(o.name)) throw fail('syntax_error', 'conflicting or redundant options');
    const names =
      o.value?.kind === 'star'
        ? 'all'
        : o.value?.kind === 'list'
          ? o.value.items.map((i) => i.text)
          : o.value === null
            ? []
            : [o.value.text];
    given.set(o.name, { text: o.value?.text, names });
  }
  const known = [
    'format',
    'freeze',
    'delimiter',
    'null',
    'header',
    'quote',
    'escape',
    'force_quote',
    'force_not_null',
    'force_null',
    'encoding',
  ];
  for (const name of given.keys())
    if (!known.includes(name)) throw fail('syntax_error', `option "${name}" not recognized`);
  const format = (given.get('format')?.text ?? 'text').toLowerCase();
  if (format === 'binary') throw fail('feature_not_supported', 'COPY format "binary" is not supported');
  if (format !== 'text' && format !== 'csv')
    throw fail('invalid_parameter_value', `COPY format "${format}" not recognized`);
  const encoding = given.get('encoding')?.text;
  if (encoding !== undefined && !/^utf-?8$/i.test(encoding))
    throw fail('feature_not_supported', `COPY encoding "${encoding}" is not supported`);
  const csv = format === 'csv';
  for (const name of ['quote', 'escape', 'force_quote', 'force_not_null', 'force_null'])
    if (!csv && given.has(name))
      throw fail('feature_not_supported', `COPY ${name.replaceAll('_', ' ')} available only in CSV mode`);
  const quote = oneByte('quote', given.get('quote')?.text ?? '"');
  return {
    format,
    delimiter: oneByte('delimiter', given.get('delimiter')?.text ?? (csv ? ',' : '\t')),
    nullText: Buffer.from(given.get('null')?.text ?? (csv ? '' : '\\N')),
    header: given.has('header') && truth(given.get('header')!.text),
    quote,
    escape: given.has('escape') ? oneByte('escape', given.get('escape')!.text!) : quote,
    forceQuote: given.get('force_quote')?.names ?? [],
    forceNotNull: namesOf(given.get('force_not_null')?.names),
    forceNull: namesOf(given.get('force_null')?.names),
    freeze: given.has('freeze') && truth(given.get('freeze')!.text),
  };
}

function namesOf(names: readonly string[] | 'all' | undefined): readonly string[] {
  return names === undefined || names === 'all' ? [] : names;
}

const NEWLINE = 10;
const RETURN = 13;
const BACKSLASH = 92;

/** One row's fields, as ranges of `bytes`; -1 length = null. Reused from row to row. */
export class CopyRow {
  bytes: Uint8Array = new Uint8Array(0);
  count = 0;
  starts: Int32Array = new Int32Array(64);
  ends: Int32Array = new Int32Array(64);

  add(start: number, end: number): void {
    if (this.count === this.starts.length) {
      this.starts = Int32Array.from({ length: this.count * 2 }, (_, i) => this.starts[i] ?? 0);
      this.ends = Int32Array.from({ length: this.count * 2 }, (_, i) => this.ends[i] ?? 0);
    }
    this.starts[this.count] = start;
    this.ends[this.count] = end;
    this.count++;
  }

  isNull(field: number): boolean {
    return this.ends[field]! < 0;
  }
}

/**
 * Takes rows out of a stream of chunks. `feed` appends data; `next` fills a row, or answers false when more data is needed.
 */
export class CopyReader {
  readonly #options: CopyOptions;
  #data: Uint8Array = new Uint8Array(0);
  #at = 0;
  #end = 0;
  #closed = false;
  /** Set by `\.`. */
  finished = false;
  /** Unescaped fields go here, behind one another. */
  #scratch = Buffer.alloc(4096);
  #scratchAt = 0;
  lines = 0;

  constructor(options: CopyOptions) {
    this.#options = options;
  }

  feed(chunk: Uint8Array): void {
    if (this.#at === this.#end) {
      this.#data = chunk;
      this.#at = 0;
      this.#end = chunk.length;
      return;
    }
    const rest = this.#end - this.#at;
    const joined = new Uint8Array(rest + chunk.length);
    joined.set(this.#data.subarray(this.#at, this.#end));
    joined.set(chunk, rest);
    this.#data = joined;
    this.#at = 0;
    this.#end = joined.length;
  }

  /** No more chunks will come: a last line needs no newline. */
  close(): void {
    this.#closed = true;
  }

  next(row: CopyRow): boolean {
    if (this.finished || this.#at >= this.#end) return false;
    return this.#options.format === 'text' ? this.#text(row) : this.#csv(row);
  }

  #lineEnd(): number {
    const at = this.#data.indexOf(NEWLINE, this.#at);
    if (at >= 0 && at < this.#end) return at;
    return this.#closed ? this.#end : -1;
  }

  #text(row: CopyRow): boolean {
    let lineEnd = this.#lineEnd();
    // A backslash before the newline makes it data.
    while (
      lineEnd > this.#at &&
      lineEnd < this.#end &&
      this.#data[lineEnd - 1] === BACKSLASH &&
      oddBackslashes(this.#data, this.#at, lineEnd)
    ) {
      const more = this.#data.indexOf(NEWLINE, lineEnd + 1);
      if (more < 0 && !this.#closed) return false;
      lineEnd = more < 0 ? this.#end : more;
    }
    if (lineEnd < 0) return false;
    const data = this.#data;
    let end = lineEnd;
    if (end > this.#at && data[end - 1] === RETURN) end--;
    this.lines++;
    if (end - this.#at === 2 && data[this.#at] === BACKSLASH && data[this.#at + 1] === 46) {
      this.finished = true;
      return false;
    }
    row.count = 0;
    row.bytes = data;
    const { delimiter } = this.#options;
    let start = this.#at;
    let escaped = false;
    for (let i = start; i < end; i++) {
      const byte = data[i]!;
      if (byte === BACKSLASH) {
        escaped = true;
        i++;
      } else if (byte === delimiter) {
        row.add(start, i);
        start = i + 1;
      }
    }
    row.add(start, end);
    this.#at = lineEnd + 1;
    if (escaped) this.#unescapeRow(row);
    else if (this.#options.nullText.length !== 2 || this.#options.nullText[0] !== BACKSLASH) this.#markNulls(row);
    return true;
  }

  #markNulls(row: CopyRow): void {
    const { nullText } = this.#options;
    for (let f = 0; f < row.count; f++) if (equals(row.bytes, row.starts[f]!, row.ends[f]!, nullText)) row.ends[f] = -1;
  }

  /** Resolves backslashes; the row then lies in the scratch buffer. Null is recognised before. */
  #unescapeRow(row: CopyRow): void {
    const source = row.bytes;
    const total = row.ends[row.count - 1]! - row.starts[0]! + 16;
    if (this.#scratch.length < total) this.#scratch = Buffer.alloc(total * 2);
    this.#scratchAt = 0;
    for (let f = 0; f < row.count; f++) {
      const from = row.starts[f]!;
      const to = row.ends[f]!;
      if (equals(source, from, to, this.#options.nullText)) {
        row.ends[f] = -1;
        continue;
      }
      const start = this.#scratchAt;
      this.#unescape(source, from, to);
      row.starts[f] = start;
      row.ends[f] = this.#scratchAt;
    }
    row.bytes = this.#scratch;
  }

  #unescape(source: Uint8Array, from: number, to: number): void {
    const out = this.#scratch;
    for (let i = from; i < to; i++) {
      let byte = source[i]!;
      if (byte === BACKSLASH && i + 1 < to) {
        byte = source[++i]!;
        const simple = SIMPLE_ESCAPES.get(byte);
        if (simple !== undefined) byte = simple;
        else if (byte >= 48 && byte <= 55) {
          let value = byte - 48;
          for (let k = 0; k < 2 && i + 1 < to && source[i + 1]! >= 48 && source[i + 1]! <= 55; k++)
            value = value * 8 + source[++i]! - 48;
          byte = value & 255;
        } else if (byte === 120 && i + 1 < to && hexDigit(source[i + 1]!) >= 0) {
          let value = hexDigit(source[++i]!);
          if (i + 1 < to && hexDigit(source[i + 1]!) >= 0) value = value * 16 + hexDigit(source[++i]!);
          byte = value;
        }
      }
      out[this.#scratchAt++] = byte;
    }
  }

  #csv(row: CopyRow): boolean {
    const data = this.#data;
    const { delimiter, quote, escape: escapeByte } = this.#options;
    const longest = this.#end - this.#at;
    if (this.#scratch.length < longest) this.#scratch = Buffer.alloc(longest * 2);
    row.count = 0;
    this.#scratchAt = 0;
    let i = this.#at;
    let start = 0;
    let quoted = false;
    let wasQuoted = false;
    for (; ; i++) {
      if (i >= this.#end) {
        if (!this.#closed) return false;
        if (quoted) throw fail('bad_copy_file_format', 'unterminated CSV quoted field');
        break;
      }
      const byte = data[i]!;
      if (quoted) {
        if (
          byte === escapeByte &&
          i + 1 < this.#end &&
          (data[i + 1] === quote || data[i + 1] === escapeByte) &&
          (escapeByte !== quote || data[i + 1] === quote)
        )
          this.#scratch[this.#scratchAt++] = data[++i]!;
        else if (byte === quote) {
          if (i + 1 >= this.#end && !this.#closed) return false;
          quoted = false;
        } else this.#scratch[this.#scratchAt++] = byte;
        continue;
      }
      if (byte === quote) {
        quoted = true;
        wasQuoted = true;
      } else if (byte === delimiter) {
        this.#endField(row, start, wasQuoted);
        start = this.#scratchAt;
        wasQuoted = false;
      } else if (byte === NEWLINE) break;
      else if (byte === RETURN && (data[i + 1] === NEWLINE || i + 1 >= this.#end)) {
        if (i + 1 >= this.#end && !this.#closed) return false;
      } else this.#scratch[this.#scratchAt++] = byte;
    }
    this.lines++;
    this.#at = Math.min(i + 1, this.#end);
    if (
      row.count === 0 &&
      !wasQuoted &&
      this.#scratchAt === 2 &&
      this.#scratch[0] === BACKSLASH &&
      this.#scratch[1] === 46
    ) {
      this.finished = true;
      return false;
    }
    this.#endField(row, start, wasQuoted);
    row.bytes = this.#scratch;
    return true;
  }

  #endField(row: CopyRow, start: number, wasQuoted: boolean): void {
    const isNull = !wasQuoted && equals(this.#scratch, start, this.#scratchAt, this.#options.nullText);
    row.add(start, isNull ? -1 : this.#scratchAt);
  }
}

const SIMPLE_ESCAPES: ReadonlyMap<number, number> = new Map([
  [98, 8],
  [102, 12],
  [110, 10],
  [114, 13],
  [116, 9],
  [118, 11],
]);

function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const lower = byte | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

function equals(bytes: Uint8Array, start: number, end: number, other: Uint8Array): boolean {
  if (end - start !== other.length) return false;
  for (let i = 0; i < other.length; i++) if (bytes[start + i] !== other[i]) return false;
  return true;
}

function oddBackslashes(data: Uint8Array, from: number, at: number): boolean {
  let count = 0;
  while (at - 1 - count >= from && data[at - 1 - count] === BACKSLASH) count++;
  return (count & 1) === 1;
}

/** Writes a field's text for COPY TO. */
export function copyField(text: string | null, column: string, options: CopyOptions): string {
  if (options.format === 'text') {
    if (text === null) return Buffer.from(options.nullText).toString();
    const delimiter = String.fromCharCode(options.delimiter);
    if (!SPECIAL.test(text) && !text.includes(delimiter)) return text;
    return text
      .replace(/[\\\b\f\n\r\t\v]/g, (c) => TEXT_ESCAPES[c]!)
      .replaceAll(delimiter, delimiter === '\t' ? '\\t' : `\\${delimiter}`);
  }
  const nullText = Buffer.from(options.nullText).toString();
  if (text === null) return nullText;
  const quote = String.fromCharCode(options.quote);
  const escapeText = String.fromCharCode(options.escape);
  const forced = options.forceQuote === 'all' || options.forceQuote.includes(column);
  const needs =
    forced ||
    text === nullText ||
    text === '\\.' ||
    text.includes(String.fromCharCode(options.delimiter)) ||
    text.includes(quote) ||
    /[\n\r]/.test(text);
  return needs ? quote + text.replaceAll(quote, escapeText + quote) + quote : text;
}

/** Most fields hold none of these, and are not looked through twice. */
const SPECIAL = /[\\\b\f\n\r\t\v]/;

const TEXT_ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
};
