/** Functions on bytea. Positions count bytes, from 1; bit 0 is the lowest of byte 0. */

import { fail, unsupported } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import type { Pace } from '../types/contracts.ts';
import { decodeEscape, decodeHex, decodeUtf8, encodeEscape } from '../types/text-types.ts';
import { hexText } from '../types/value-bytes.ts';
import type { WideInteger } from '../types/wide-integer.ts';
import { type Definition, pure, pureEach, pureLong } from './definition.ts';
import { eachPiece, mapPieces } from './text-in-slices.ts';

export function concatenate(a: Uint8Array, b: Uint8Array): Uint8Array {
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}

function substring(bytes: Uint8Array, start: number, length?: number): Uint8Array {
  if (length !== undefined && length < 0) throw fail('substring_error', 'negative substring length not allowed');
  const from = Math.max(start, 1) - 1;
  const end = length === undefined ? bytes.length : Math.max(start - 1 + length, from);
  return bytes.slice(from, end);
}

/** Position of a part from 1; 0 = not there. */
function position(bytes: Uint8Array, part: Uint8Array): number {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf(part) + 1;
}

function trim(bytes: Uint8Array, chars: Uint8Array, start: boolean, end: boolean): Uint8Array {
  let from = 0;
  let to = bytes.length;
  if (start) while (from < to && chars.includes(bytes[from] ?? 0)) from++;
  if (end) while (to > from && chars.includes(bytes[to - 1] ?? 0)) to--;
  return bytes.slice(from, to);
}

const BASE64_LINE = 76;
/** Bytes that a line of base64 holds. */
const BASE64_LINE_BYTES = 57;

/** Calls `take` for the pieces of a value from its beginning to its end. */
export function* eachPieceOfBytes(pace: Pace, bytes: Uint8Array, take: (piece: Uint8Array) => void): Task<void> {
  for (let at = 0; at < bytes.length; at += pace.piece) {
    take(bytes.subarray(at, at + pace.piece));
    if (pace.isOver()) yield pace.slice();
  }
}

function* encodeInSlices(pace: Pace, bytes: Uint8Array, format: string): Task<string> {
  // Nothing at all is encoded in no piece, and its format must be known all the same.
  if (bytes.length === 0) return encode(bytes, format);
  let text = '';
  if (format.toLowerCase() !== 'base64') {
    yield* eachPieceOfBytes(pace, bytes, (piece) => {
      text += encode(piece, format);
    });
    return text;
  }
  const whole = Math.ceil(pace.piece / BASE64_LINE_BYTES) * BASE64_LINE_BYTES;
  yield* eachPieceOfBytes({ ...pace, piece: whole }, bytes, (piece) => {
    text += (text === '' ? '' : '\n') + encode(piece, format);
  });
  return text;
}

function* countBitsInSlices(pace: Pace, bytes: Uint8Array): Task<number> {
  let count = 0;
  yield* eachPieceOfBytes(pace, bytes, (piece) => {
    count += countBits(piece);
  });
  return count;
}

function encode(bytes: Uint8Array, format: string): string {
  switch (format.toLowerCase()) {
    case 'hex':
      return hexText(bytes);
    case 'base64': {
      const text = Buffer.from(bytes).toString('base64');
      return text.replace(new RegExp(`.{${BASE64_LINE}}(?=.)`, 'g'), '$&\n');
    }
    case 'escape':
      // Each byte by itself: so a value's pieces can be encoded one after another.
      // encode() leaves printable and control bytes alone; only NUL, high bytes and the backslash are escaped.
      return encodeEscape(bytes).replace(/\\(0[0-3][0-7]|177)/g, (sequence, octal: string) =>
        octal === '000' ? sequence : String.fromCharCode(Number.parseInt(octal, 8)),
      );
    default:
      throw fail('invalid_parameter_value', `unrecognized encoding: "${format}"`);
  }
}

function decode(text: string, format: string): Uint8Array {
  switch (format.toLowerCase()) {
    case 'hex':
      return decodeHex(text);
    case 'base64':
      return decodeBase64(text);
    case 'escape':
      return decodeEscape(text);
    default:
      throw fail('invalid_parameter_value', `unrecognized encoding: "${format}"`);
  }
}

function withoutSpace(text: string): string {
  return text.replace(/[ \t\n\r]/g, '');
}

function decodeBase64(text: string): Uint8Array {
  const digits = withoutSpace(text);
  const wrong = /[^A-Za-z0-9+/=]/.exec(digits)?.[0];
  if (wrong !== undefined) {
    throw fail('invalid_parameter_value', `invalid symbol "${wrong}" found while decoding base64 sequence`);
  }
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(digits)) {
    throw fail('invalid_parameter_value', 'unexpected "=" while decoding base64 sequence');
  }
  if (digits.length % 4 !== 0) {
    throw fail('invalid_parameter_value', 'invalid base64 end sequence', {
      hint: 'Input data is missing padding, is truncated, or is otherwise corrupted.',
    });
  }
  return new Uint8Array(Buffer.from(digits, 'base64'));
}

function* decodeInSlices(pace: Pace, text: string, format: string): Task<Uint8Array> {
  if (format.toLowerCase() !== 'base64') return decode(text, format);
  return decodeBase64(yield* mapPieces(pace, text, withoutSpace));
}

/** UTF-8 of a text. */
function utf8(text: string): Uint8Array {
  const bytes = Buffer.from(text, 'utf8');
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

function* utf8InSlices(pace: Pace, text: string): Task<Uint8Array> {
  const pieces: Uint8Array[] = [];
  yield* eachPiece(pace, text, (piece) => void pieces.push(utf8(piece)));
  const bytes = Buffer.concat(pieces);
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

function checkIndex(index: number, length: number): void {
  if (index < 0 || index >= length) {
    throw fail('array_subscript_error', `index ${index} out of valid range, 0..${length - 1}`);
  }
}

function getByte(bytes: Uint8Array, index: number): number {
  checkIndex(index, bytes.length);
  return bytes[index] ?? 0;
}

function setByte(bytes: Uint8Array, index: number, value: number): Uint8Array {
  checkIndex(index, bytes.length);
  const copy = bytes.slice();
  copy[index] = value;
  return copy;
}

function getBit(bytes: Uint8Array, index: WideInteger): number {
  const n = Number(index);
  checkIndex(n, bytes.length * 8);
  return ((bytes[n >> 3] ?? 0) >> (n & 7)) & 1;
}

function setBit(bytes: Uint8Array, index: WideInteger, bit: number): Uint8Array {
  const n = Number(index);
  checkIndex(n, bytes.length * 8);
  if (bit !== 0 && bit !== 1) throw fail('invalid_parameter_value', 'new bit must be 0 or 1');
  const copy = bytes.slice();
  const mask = 1 << (n & 7);
  copy[n >> 3] = bit === 1 ? (copy[n >> 3] ?? 0) | mask : (copy[n >> 3] ?? 0) & ~mask;
  return copy;
}

function countBits(bytes: Uint8Array): number {
  let count = 0;
  for (const byte of bytes) for (let rest = byte; rest !== 0; rest &= rest - 1) count++;
  return count;
}

/** Only UTF-8 is known. */
function checkEncoding(name: string): void {
  if (!/^utf-?8$|^unicode$/i.test(name)) throw unsupported(`encoding ${name}`);
}

const textUnits = (text: string): number => text.length;
const byteUnits = (bytes: Uint8Array): number => bytes.length;

export const BYTEA_FUNCTIONS: readonly Definition[] = [
  ...pureEach(['length(bytea)', 'octet_length(bytea)'], (bytes: Uint8Array) => bytes.length),
  pure('bit_length(bytea)', (bytes: Uint8Array) => bytes.length * 8),
  pureLong('bit_count(bytea)', countBits, byteUnits, countBitsInSlices),
  pure('byteacat(bytea,bytea)', concatenate),
  ...pureEach(['substring(bytea,int4)', 'substr(bytea,int4)'], (bytes: Uint8Array, start: number) =>
    substring(bytes, start),
  ),
  ...pureEach(['substring(bytea,int4,int4)', 'substr(bytea,int4,int4)'], substring),
  pure('position(bytea,bytea)', position),
  pure('btrim(bytea,bytea)', (bytes: Uint8Array, chars: Uint8Array) => trim(bytes, chars, true, true)),
  pure('ltrim(bytea,bytea)', (bytes: Uint8Array, chars: Uint8Array) => trim(bytes, chars, true, false)),
  pure('rtrim(bytea,bytea)', (bytes: Uint8Array, chars: Uint8Array) => trim(bytes, chars, false, true)),
  pureLong('encode(bytea,text)', encode, byteUnits, encodeInSlices),
  pureLong('decode(text,text)', decode, textUnits, decodeInSlices),
  pure('get_byte(bytea,int4)', getByte),
  pure('set_byte(bytea,int4,int4)', setByte),
  pure('get_bit(bytea,int8)', getBit),
  pure('set_bit(bytea,int8,int4)', setBit),
  pure('convert_from(bytea,name)', (bytes: Uint8Array, encoding: string) => {
    checkEncoding(encoding);
    return decodeUtf8(bytes, 0, bytes.length);
  }),
  pureLong(
    'convert_to(text,name)',
    (text: string, encoding: string) => {
      checkEncoding(encoding);
      return utf8(text);
    },
    textUnits,
    (pace: Pace, text: string, encoding: string) => {
      checkEncoding(encoding);
      return utf8InSlices(pace, text);
    },
  ),
];
