/** Behaviour of the text-like types, bytea, uuid and tid. */

import { fail } from '../../base/errors.ts';
import { type Behaviour, badBinary, fixedView, modifierNumbers } from './behaviour.ts';
import type { EvalContext } from './contracts.ts';
import { clipUtf8, codePointLength, compareBytes, compareText, sliceCodePoints } from './text-order.ts';
import { hexText, uuidBytes, uuidText } from './value-bytes.ts';

const encoder = new TextEncoder();
const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text of bytes from outside. @throws `character_not_in_repertoire` (22021) for invalid UTF-8 and for NUL. */
export function decodeUtf8(bytes: Uint8Array, start: number, end: number): string {
  let text: string;
  try {
    text = strictDecoder.decode(bytes.subarray(start, end));
  } catch {
    throw invalidUtf8(bytes.subarray(start, end));
  }
  if (text.includes('\0')) throw fail('character_not_in_repertoire', 'invalid byte sequence for encoding "UTF8": 0x00');
  return text;
}

/** Names the first bytes that are no UTF-8. */
function invalidUtf8(bytes: Uint8Array): Error {
  let at = 0;
  while (at < bytes.length) {
    const lead = bytes[at] ?? 0;
    const length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    const piece = bytes.subarray(at, at + length);
    try {
      strictDecoder.decode(piece);
    } catch {
      const shown = Array.from(piece, (byte) => `0x${byte.toString(16).padStart(2, '0')}`).join(' ');
      return fail('character_not_in_repertoire', `invalid byte sequence for encoding "UTF8": ${shown}`);
    }
    at += length;
  }
  return fail('character_not_in_repertoire', 'invalid byte sequence for encoding "UTF8"');
}

const TEXT_BASE: Behaviour<string> = {
  parse: (text) => text,
  format: (value) => value,
  send: (value) => encoder.encode(value),
  receive: decodeUtf8,
  compare: compareText,
};

export const TEXT: Behaviour<string> = TEXT_BASE;

const LENGTH_MAX = 10485760;
const TYPMOD_HEADER = 4;

function lengthTypmodIn(args: readonly string[], type: string): number {
  const [length = 0, ...rest] = modifierNumbers(args);
  if (args.length === 0 || rest.length > 0) throw fail('invalid_parameter_value', 'invalid type modifier');
  if (length < 1) throw fail('invalid_parameter_value', `length for type ${type} must be at least 1`);
  if (length > LENGTH_MAX) {
    throw fail('invalid_parameter_value', `length for type ${type} cannot exceed ${LENGTH_MAX}`);
  }
  return length + TYPMOD_HEADER;
}

function lengthTypmodOut(typmod: number): string {
  return typmod < 0 ? '' : `(${typmod - TYPMOD_HEADER})`;
}

/** Code points of a varchar or char typmod ≥ 0. */
export function typmodLength(typmod: number): number {
  return typmod - TYPMOD_HEADER;
}

export const VARCHAR: Behaviour<string> = {
  ...TEXT_BASE,
  typmodIn: (args) => lengthTypmodIn(args, 'varchar'),
  typmodOut: lengthTypmodOut,
  applyTypmod(value, typmod, explicit) {
    const limit = typmodLength(typmod);
    if (typmod < 0 || value.length <= limit || codePointLength(value) <= limit) return value;
    const clipped = sliceCodePoints(value, 0, limit);
    // Only blanks may be cut off silently, except by an explicit cast.
    if (explicit || /^ *$/.test(value.slice(clipped.length))) return clipped;
    throw fail('string_data_right_truncation', `value too long for type character varying(${limit})`);
  },
};

function trimBlanks(text: string): string {
  let end = text.length;
  while (end > 0 && text.charCodeAt(end - 1) === 32) end--;
  return end === text.length ? text : text.slice(0, end);
}

/** A char(n) value as it is shown: filled with blanks. */
export function padBpchar(value: string, typmod: number): string {
  return typmod < 0 ? value : value + ' '.repeat(Math.max(0, typmodLength(typmod) - codePointLength(value)));
}

export const BPCHAR: Behaviour<string> = {
  ...TEXT_BASE,
  parse: trimBlanks,
  receive: (bytes, start, end) => trimBlanks(decodeUtf8(bytes, start, end)),
  typmodIn: (args) => lengthTypmodIn(args, 'char'),
  typmodOut: lengthTypmodOut,
  applyTypmod(value, typmod, explicit) {
    const limit = typmodLength(typmod);
    if (typmod < 0 || value.length <= limit || codePointLength(value) <= limit) return trimBlanks(value);
    if (!explicit && codePointLength(trimBlanks(value)) > limit) {
      throw fail('string_data_right_truncation', `value too long for type character(${limit})`);
    }
    return trimBlanks(sliceCodePoints(value, 0, limit));
  },
};

/** Bytes of UTF-8 that a name can have. */
export const NAME_BYTES_MAX = 63;

export const NAME: Behaviour<string> = {
  ...TEXT_BASE,
  parse: (text) => clipUtf8(text, NAME_BYTES_MAX),
  receive(bytes, start, end) {
    const text = decodeUtf8(bytes, start, end);
    if (end - start > NAME_BYTES_MAX) {
      throw fail('name_too_long', 'identifier too long', {
        detail: `Identifier must be less than ${NAME_BYTES_MAX + 1} characters.`,
      });
    }
    return text;
  },
};

/** One byte of text; those above 127 read and print as `\ooo`. */
export const CHAR1: Behaviour<string> = {
  ...TEXT_BASE,
  parse(text) {
    const octal = /^\\([0-3][0-7]{2})$/.exec(text)?.[1];
    return octal === undefined ? text.slice(0, 1) : String.fromCharCode(Number.parseInt(octal, 8));
  },
  format(value) {
    const code = value.charCodeAt(0);
    return code > 127 ? `\\${code.toString(8)}` : value;
  },
  send: (value) => Uint8Array.of(value === '' ? 0 : value.charCodeAt(0)),
  receive(bytes, start, end) {
    const code = fixedView(bytes, start, end, 1).getUint8(0);
    return code === 0 ? '' : String.fromCharCode(code);
  },
};

/** Reads hex digits with blanks between bytes. @throws `invalid_parameter_value` (22023). */
export function decodeHex(text: string): Uint8Array {
  // What the built-in decoder takes as a whole is digits alone.
  const all = Buffer.from(text, 'hex');
  if (all.length * 2 === text.length) return new Uint8Array(all.buffer, all.byteOffset, all.length);
  const bytes = new Uint8Array(text.length >> 1);
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charAt(i);
    if (unit === ' ' || unit === '\n' || unit === '\t' || unit === '\r') continue;
    const high = hexDigit(unit);
    if (i + 1 >= text.length) {
      throw fail('invalid_parameter_value', 'invalid hexadecimal data: odd number of digits');
    }
    bytes[length++] = high * 16 + hexDigit(text.charAt(++i));
  }
  return bytes.subarray(0, length);
}

function hexDigit(unit: string): number {
  const value = Number.parseInt(unit, 16);
  if (Number.isNaN(value)) throw fail('invalid_parameter_value', `invalid hexadecimal digit: "${unit}"`);
  return value;
}

/** Reads bytea's escape form: `\\` and `\ooo`. @throws `invalid_text_representation` (22P02). */
export function decodeEscape(text: string): Uint8Array {
  const source = encoder.encode(text);
  if (!text.includes('\\')) return source;
  const bytes = new Uint8Array(source.length);
  let length = 0;
  for (let i = 0; i < source.length; i++) {
    const byte = source[i] ?? 0;
    if (byte !== 0x5c) {
      bytes[length++] = byte;
      continue;
    }
    if (source[i + 1] === 0x5c) {
      bytes[length++] = 0x5c;
      i++;
      continue;
    }
    const octal = /^[0-3][0-7]{2}/.exec(String.fromCharCode(...source.subarray(i + 1, i + 4)))?.[0];
    if (octal === undefined) throw fail('invalid_text_representation', 'invalid input syntax for type bytea');
    bytes[length++] = Number.parseInt(octal, 8);
    i += 3;
  }
  return bytes.subarray(0, length);
}

/** Bytes in the escape form: printable ASCII as it is. */
export function encodeEscape(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) {
    if (byte === 0x5c) text += '\\\\';
    else if (byte < 0x20 || byte > 0x7e) text += `\\${byte.toString(8).padStart(3, '0')}`;
    else text += String.fromCharCode(byte);
  }
  return text;
}

export const BYTEA: Behaviour<Uint8Array> = {
  parse: (text) => (text.startsWith('\\x') ? decodeHex(text.slice(2)) : decodeEscape(text)),
  format: (value, context: EvalContext) =>
    context.settings.byteaOutput === 'hex' ? `\\x${hexText(value)}` : encodeEscape(value),
  send: (value) => value,
  receive: (bytes, start, end) => bytes.slice(start, end),
  compare: compareBytes,
};

const UUID_FORM = /^(\{?)[0-9a-f]{4}(?:-?[0-9a-f]{4}){7}(\}?)$/i;

export const UUID: Behaviour<string> = {
  parse(text) {
    const match = UUID_FORM.exec(text);
    if (match === null || (match[1] === '') !== (match[2] === '')) {
      throw fail('invalid_text_representation', `invalid input syntax for type uuid: "${text}"`);
    }
    const hex = text.replace(/[{}-]/g, '').toLowerCase();
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  },
  format: (value) => value,
  send: uuidBytes,
  receive(bytes, start, end) {
    if (end - start !== 16) throw badBinary();
    return uuidText(bytes.subarray(start, end));
  },
  compare: compareText,
};

/** A row's place, as text: `(block,offset)`. */
export const TID: Behaviour<string> = {
  parse(text) {
    const match = /^\s*\((\d{1,10}),(\d{1,5})\)\s*$/.exec(text);
    if (match === null || Number(match[1]) > 4294967295 || Number(match[2]) > 65535) {
      throw fail('invalid_text_representation', `invalid input syntax for type tid: "${text}"`);
    }
    return `(${Number(match[1])},${Number(match[2])})`;
  },
  format: (value) => value,
  compare(a, b) {
    const [blockA = 0, offsetA = 0] = a.slice(1, -1).split(',').map(Number);
    const [blockB = 0, offsetB = 0] = b.slice(1, -1).split(',').map(Number);
    return Math.sign(blockA - blockB || offsetA - offsetB);
  },
};

/** Values that functions without a result return. */
export const VOID: Behaviour<string> = {
  parse: () => '',
  format: () => '',
  send: () => new Uint8Array(0),
  receive: () => '',
};
