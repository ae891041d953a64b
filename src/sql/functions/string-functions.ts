/** Functions on text. Lengths and positions count code points, from 1. */

import { fail } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import { CLASS_UNRESERVED, KEYWORD_CLASS, KEYWORDS } from '../lexer/keywords.ts';
import { PgArray } from '../types/array.ts';
import type { Pace, SqlValue } from '../types/contracts.ts';
import { codePointLength, utf8Length } from '../types/text-order.ts';
import { TEXT_OID } from '../types/type-oids.ts';
import type { WideInteger } from '../types/wide-integer.ts';
import { eachPieceOfBytes } from './bytea-functions.ts';
import { type Definition, pure, pureLong, pureLongEach, pureSet } from './definition.ts';
import {
  initcapMapper,
  left,
  leftInSlices,
  lower,
  overlay,
  overlayInSlices,
  pad,
  padInSlices,
  position,
  positionInSlices,
  repeat,
  replaceAll,
  replaceInSlices,
  reverse,
  reverseInSlices,
  right,
  rightInSlices,
  splitPart,
  splitPartInSlices,
  substring,
  substringInSlices,
  translator,
  trim,
  upper,
} from './string-work.ts';
import { codePointsInSlices, eachPiece, mapPieces, splitInSlices, sumPieces } from './text-in-slices.ts';

function chr(code: number): string {
  if (code === 0) throw fail('program_limit_exceeded', 'null character not permitted');
  if (code < 0) throw fail('program_limit_exceeded', 'character number must be positive');
  if (code > 0x10ffff) {
    throw fail('program_limit_exceeded', `requested character too large for encoding: ${code}`);
  }
  if (code >= 0xd800 && code < 0xe000) {
    throw fail('program_limit_exceeded', `requested character not valid for encoding: ${code}`);
  }
  return String.fromCodePoint(code);
}

/** A name as SQL writes it: quoted unless it is a plain lower-case identifier. */
export function quoteIdentifier(name: string): string {
  if (/^[a-z_][a-z0-9_]*$/.test(name) && !RESERVED.has(name)) return name;
  return `"${name.replaceAll('"', '""')}"`;
}

/** Keywords that the grammar takes for more than a name; quote_ident quotes them all. */
const RESERVED = new Set(KEYWORDS.filter((_, i) => KEYWORD_CLASS[i] !== CLASS_UNRESERVED));

/** A text as an SQL literal. */
export function quoteLiteral(text: string): string {
  const quoted = `'${text.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`;
  return text.includes('\\') ? `E${quoted}` : quoted;
}

function hash(algorithm: string, data: string | Uint8Array): Uint8Array {
  return process.getBuiltinModule('node:crypto').createHash(algorithm).update(data).digest();
}

function* hashInSlices(pace: Pace, algorithm: string, data: string | Uint8Array): Task<Uint8Array> {
  const digest = process.getBuiltinModule('node:crypto').createHash(algorithm);
  const take = (piece: string | Uint8Array): void => void digest.update(piece);
  if (typeof data === 'string') yield* eachPiece(pace, data, take);
  else yield* eachPieceOfBytes(pace, data, take);
  return digest.digest();
}

function toHex(value: WideInteger, bits: number): string {
  return BigInt.asUintN(bits, BigInt(value)).toString(16);
}

/** Text cut at a delimiter: null cuts between all characters, '' not at all; parts equal to `nullText` become null. */
function splitText(text: string, delimiter: string | null, nullText: string | null): SqlValue[] {
  if (text === '') return [];
  let parts: string[];
  if (delimiter === null) parts = Array.from(text);
  else parts = delimiter === '' ? [text] : text.split(delimiter);
  return parts.map((part) => (part === nullText ? null : part));
}

function stringToArray(text: string | null, delimiter: string | null, nullText: string | null): PgArray | null {
  return text === null ? null : new PgArray(TEXT_OID, splitText(text, delimiter, nullText));
}

function* stringToArrayInSlices(
  pace: Pace,
  text: string | null,
  delimiter: string | null,
  nullText: string | null = null,
): Task<PgArray | null> {
  if (text === null || text === '' || delimiter === '') return stringToArray(text, delimiter, nullText);
  const values: SqlValue[] = [];
  const take = (parts: readonly string[]): boolean => {
    for (const part of parts) values.push(part === nullText ? null : part);
    return false;
  };
  if (delimiter === null) yield* eachPiece(pace, text, (piece) => void take(Array.from(piece)));
  else yield* splitInSlices(pace, text, delimiter, take);
  return new PgArray(TEXT_OID, values);
}

function stringToTable(text: string | null, delimiter: string | null, nullText: string | null): SqlValue[] {
  return text === null ? [] : splitText(text, delimiter, nullText);
}

/** Parts of a qualified identifier, unquoted parts folded to lower case. @throws `invalid_parameter_value` (22023). */
function parseIdentifier(text: string, strict: boolean): PgArray {
  const bad = (detail?: string): Error =>
    fail('invalid_parameter_value', `string is not a valid identifier: ${quoteDouble(text)}`, { detail });
  const part = /\s*(?:"((?:[^"]|"")*)"|([A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*))\s*/y;
  const names: string[] = [];
  let at = 0;
  for (;;) {
    part.lastIndex = at;
    const match = part.exec(text);
    if (match === null) throw bad();
    if (match[1] === '') throw bad('Quoted identifier must not be empty.');
    names.push(match[1]?.replaceAll('""', '"') ?? (match[2] ?? '').toLowerCase());
    at = part.lastIndex;
    if (text[at] !== '.') break;
    at++;
  }
  if (strict && at < text.length) throw bad();
  return new PgArray(TEXT_OID, names);
}

function quoteDouble(text: string): string {
  return `"${text}"`;
}

/** A Unicode normalization form by name. @throws `invalid_parameter_value` (22023). */
function normalForm(name: string): 'NFC' | 'NFD' | 'NFKC' | 'NFKD' {
  const form = name.toUpperCase();
  if (form === 'NFC' || form === 'NFD' || form === 'NFKC' || form === 'NFKD') return form;
  throw fail('invalid_parameter_value', `invalid normalization form: ${name}`);
}

/** Replaces \\XXXX, \\+XXXXXX, \\uXXXX and \\UXXXXXXXX by the characters they name. */
function unescapeUnicode(text: string): string {
  const shape = /\\(?:(\\)|([\da-fA-F]{4})|\+([\da-fA-F]{6})|u([\da-fA-F]{4})|U([\da-fA-F]{8}))?/g;
  const result = text.replace(shape, (_, backslash, ...codes: (string | undefined)[]) => {
    if (backslash !== undefined) return '\\';
    const digits = codes.slice(0, 4).find((code) => code !== undefined);
    const code = Number.parseInt(digits ?? '', 16);
    if (digits === undefined) {
      throw fail('syntax_error', 'invalid Unicode escape', {
        hint: 'Unicode escapes must be \\XXXX, \\+XXXXXX, \\uXXXX, or \\UXXXXXXXX.',
      });
    }
    if (!(code > 0 && code <= 0x10ffff)) {
      throw fail('invalid_parameter_value', `invalid Unicode code point: ${digits.toUpperCase().padStart(4, '0')}`);
    }
    return String.fromCodePoint(code);
  });
  if (!result.isWellFormed()) throw fail('syntax_error', 'invalid Unicode surrogate pair');
  return result;
}

/** What a function goes through whose first argument is its text. */
const textUnits = (text: string | null): number => text?.length ?? 0;

const LENGTHS: readonly Definition[] = [
  ...pureLongEach(
    [
      'length(text)',
      'char_length(text)',
      'character_length(text)',
      'length(bpchar)',
      'char_length(bpchar)',
      'character_length(bpchar)',
    ],
    codePointLength,
    textUnits,
    codePointsInSlices,
  ),
  ...pureLongEach(['octet_length(text)', 'octet_length(bpchar)'], utf8Length, textUnits, (pace: Pace, text: string) =>
    sumPieces(pace, text, utf8Length),
  ),
  pureLong(
    'bit_length(text)',
    (text: string) => utf8Length(text) * 8,
    textUnits,
    (pace: Pace, text: string) => sumPieces(pace, text, (piece) => utf8Length(piece) * 8),
  ),
];

const TRIMS: readonly Definition[] = [
  pure('btrim(text)', (text: string) => trim(text, ' ', true, true)),
  pure('btrim(text,text)', (text: string, chars: string) => trim(text, chars, true, true)),
  pure('ltrim(text)', (text: string) => trim(text, ' ', true, false)),
  pure('ltrim(text,text)', (text: string, chars: string) => trim(text, chars, true, false)),
  pure('rtrim(text)', (text: string) => trim(text, ' ', false, true)),
  pure('rtrim(text,text)', (text: string, chars: string) => trim(text, chars, false, true)),
  pureLong(
    'lpad(text,int4)',
    (text: string, length: number) => pad(text, length, ' ', true),
    textUnits,
    (pace: Pace, text: string, length: number) => padInSlices(pace, text, length, ' ', true),
  ),
  pureLong(
    'lpad(text,int4,text)',
    (text: string, length: number, fill: string) => pad(text, length, fill, true),
    textUnits,
    (pace: Pace, text: string, length: number, fill: string) => padInSlices(pace, text, length, fill, true),
  ),
  pureLong(
    'rpad(text,int4)',
    (text: string, length: number) => pad(text, length, ' ', false),
    textUnits,
    (pace: Pace, text: string, length: number) => padInSlices(pace, text, length, ' ', false),
  ),
  pureLong(
    'rpad(text,int4,text)',
    (text: string, length: number, fill: string) => pad(text, length, fill, false),
    textUnits,
    (pace: Pace, text: string, length: number, fill: string) => padInSlices(pace, text, length, fill, false),
  ),
];

const PARTS: readonly Definition[] = [
  ...pureLongEach(['position(text,text)', 'strpos(text,text)'], position, textUnits, positionInSlices),
  ...pureLongEach(
    ['substring(text,int4)', 'substr(text,int4)'],
    (text: string, start: number) => substring(text, start),
    textUnits,
    substringInSlices,
  ),
  ...pureLongEach(['substring(text,int4,int4)', 'substr(text,int4,int4)'], substring, textUnits, substringInSlices),
  pureLong('left(text,int4)', left, textUnits, leftInSlices),
  pureLong('right(text,int4)', right, textUnits, rightInSlices),
  pureLong('split_part(text,text,int4)', splitPart, textUnits, splitPartInSlices),
  pureLong('overlay(text,text,int4,int4)', overlay, textUnits, overlayInSlices),
  pureLong(
    'overlay(text,text,int4)',
    (text: string, part: string, start: number) => overlay(text, part, start, codePointLength(part)),
    textUnits,
    overlayInSlices,
  ),
  pure('starts_with(text,text)', (text: string, prefix: string) => text.startsWith(prefix)),
  pureLong(
    'string_to_array(text,text)',
    (text: string | null, delimiter: string | null) => stringToArray(text, delimiter, null),
    textUnits,
    stringToArrayInSlices,
  ),
  pureLong('string_to_array(text,text,text)', stringToArray, textUnits, stringToArrayInSlices),
  pureSet('string_to_table(text,text)', (text: string | null, delimiter: string | null) =>
    stringToTable(text, delimiter, null),
  ),
  pureSet('string_to_table(text,text,text)', stringToTable),
  { ...pure('parse_ident(text,bool)', parseIdentifier), defaults: [true] },
];

const QUOTES_AND_HASHES: readonly Definition[] = [
  pure('quote_ident(text)', quoteIdentifier),
  pure('quote_literal(text)', quoteLiteral),
  pure('quote_nullable(text)', (text: string | null) => (text === null ? 'NULL' : quoteLiteral(text))),
  ...pureLongEach(
    ['md5(text)', 'md5(bytea)'],
    (data: string | Uint8Array) => Buffer.from(hash('md5', data)).toString('hex'),
    (data: string | Uint8Array) => data.length,
    function* (pace: Pace, data: string | Uint8Array): Task<string> {
      return Buffer.from(yield* hashInSlices(pace, 'md5', data)).toString('hex');
    },
  ),
  ...['sha224', 'sha256', 'sha384', 'sha512'].map((name) =>
    pureLong(
      `${name}(bytea)`,
      (data: Uint8Array) => new Uint8Array(hash(name, data)),
      (data: Uint8Array) => data.length,
      function* (pace: Pace, data: Uint8Array): Task<Uint8Array> {
        return new Uint8Array(yield* hashInSlices(pace, name, data));
      },
    ),
  ),
  pure('to_hex(int4)', (value: number) => toHex(value, 32)),
  pure('to_hex(int8)', (value: WideInteger) => toHex(value, 64)),
];

export const STRING_FUNCTIONS: readonly Definition[] = [
  ...LENGTHS,
  ...TRIMS,
  ...PARTS,
  ...QUOTES_AND_HASHES,
  pureLong('lower(text)', lower, textUnits, (pace: Pace, text: string) => mapPieces(pace, text, lower)),
  pureLong('upper(text)', upper, textUnits, (pace: Pace, text: string) => mapPieces(pace, text, upper)),
  pureLong(
    'initcap(text)',
    (text: string) => initcapMapper()(text),
    textUnits,
    (pace: Pace, text: string) => mapPieces(pace, text, initcapMapper()),
  ),
  pure(
    'textcat(text,text)',
    (a: string, b: string) => a + b,
    ([a, b]) => `(${a} + ${b})`,
  ),
  {
    ...pure('normalize(text,text)', (text: string, form: string) => text.normalize(normalForm(form))),
    defaults: ['NFC'],
  },
  {
    ...pure('is_normalized(text,text)', (text: string, form: string) => text.normalize(normalForm(form)) === text),
    defaults: ['NFC'],
  },
  pure('unistr(text)', unescapeUnicode),
  pureLong('replace(text,text,text)', replaceAll, textUnits, replaceInSlices),
  pureLong(
    'translate(text,text,text)',
    (text: string, from: string, to: string) => translator(from, to)(text),
    textUnits,
    (pace: Pace, text: string, from: string, to: string) => mapPieces(pace, text, translator(from, to)),
  ),
  pure('repeat(text,int4)', repeat),
  pureLong('reverse(text)', reverse, textUnits, reverseInSlices),
  pure('ascii(text)', (text: string) => text.codePointAt(0) ?? 0),
  pure('chr(int4)', chr),
  pure('nameconcatoid(name,oid)', (name: string, oid: number) => {
    const suffix = `_${oid}`;
    return name.slice(0, 63 - suffix.length) + suffix;
  }),
];
