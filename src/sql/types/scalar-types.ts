/** Behaviour of boolean, the integers, oid, the floats and numeric. */
import { fail } from '../../base/errors.ts';
import { type Behaviour, badBinary, compareNumbers, fixedView, modifierNumbers, written } from './behaviour.ts';
import type { EvalContext } from './contracts.ts';
import { formatFloat4, formatFloat8, formatFloatDigits, parseFloatText } from './float-text.ts';
import { parseInt2, parseInt4, parseInt8, parseOid } from './integer-text.ts';
import {
  compareNumeric,
  digitCount,
  formatNumeric,
  NUMERIC_INFINITY,
  NUMERIC_NAN,
  NUMERIC_NEGATIVE_INFINITY,
  type Numeric,
  parseNumeric,
} from './numeric.ts';
import { roundNumeric } from './numeric-arithmetic.ts';
import { numericDigits, numericFromDigits } from './numeric-bytes.ts';
import { readInt64, writeInt64 } from './value-bytes.ts';
import type { WideInteger } from './wide-integer.ts';

const TRUE_WORDS = ['true', 'yes', 'on', '1'];
const FALSE_WORDS = ['false', 'no', 'off', '0'];

/** True or false for any unambiguous prefix of the words that PostgreSQL takes; undefined otherwise. */
export function readBoolean(text: string): boolean | undefined {
  const word = text.trim().toLowerCase();
  // "o" alone is neither on nor off.
  if (word === '' || word === 'o') return undefined;
  if (TRUE_WORDS.some((full) => full.startsWith(word))) return true;
  if (FALSE_WORDS.some((full) => full.startsWith(word))) return false;
  return undefined;
}

export const BOOLEAN: Behaviour<boolean> = {
  parse(text) {
    const value = readBoolean(text);
    if (value !== undefined) return value;
    throw fail('invalid_text_representation', `invalid input syntax for type boolean: "${text}"`);
  },
  format: (value) => (value ? 't' : 'f'),
  send: (value) => Uint8Array.of(value ? 1 : 0),
  receive: (bytes, start, end) => fixedView(bytes, start, end, 1).getUint8(0) !== 0,
  compare: (a, b) => Number(a) - Number(b),
};

export const INT2: Behaviour<number> = {
  parse: parseInt2,
  format: (value) => value.toString(),
  send: (value) => written(2, (view) => view.setInt16(0, value)),
  receive: (bytes, start, end) => fixedView(bytes, start, end, 2).getInt16(0),
  compare: compareNumbers,
};

export const INT4: Behaviour<number> = {
  parse: parseInt4,
  format: (value) => value.toString(),
  send: (value) => written(4, (view) => view.setInt32(0, value)),
  receive: (bytes, start, end) => fixedView(bytes, start, end, 4).getInt32(0),
  compare: compareNumbers,
};

export const INT8: Behaviour<WideInteger> = {
  parse: parseInt8,
  format: (value) => value.toString(),
  send: (value) => written(8, (view) => writeInt64(view, 0, value, false)),
  receive: (bytes, start, end) => readInt64(fixedView(bytes, start, end, 8), 0, false),
  compare: compareNumbers,
};

export const OID: Behaviour<number> = {
  parse: parseOid,
  format: (value) => value.toString(),
  send: (value) => written(4, (view) => view.setUint32(0, value)),
  receive: (bytes, start, end) => fixedView(bytes, start, end, 4).getUint32(0),
  compare: compareNumbers,
};

/** Order of floats: −0 = 0, NaN = NaN and above all others. */
export function compareFloats(a: number, b: number): number {
  if (a < b) return -1;
  if (a > b) return 1;
  if (a === b) return 0;
  return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
}

function floatText(value: number, context: EvalContext, shortest: (value: number) => string, digits: number): string {
  const extra = context.settings.extraFloatDigits;
  return extra > 0 ? shortest(value) : formatFloatDigits(value, digits + extra);
}

export const FLOAT4: Behaviour<number> = {
  parse: (text) => parseFloatText(text, 'real'),
  format: (value, context) => floatText(value, context, formatFloat4, 6),
  send: (value) => written(4, (view) => view.setFloat32(0, value)),
  receive: (bytes, start, end) => fixedView(bytes, start, end, 4).getFloat32(0),
  compare: compareFloats,
};

export const FLOAT8: Behaviour<number> = {
  parse: (text) => parseFloatText(text, 'double precision'),
  format: (value, context) => floatText(value, context, formatFloat8, 15),
  send: (value) => written(8, (view) => view.setFloat64(0, value)),
  receive: (bytes, start, end) => fixedView(bytes, start, end, 8).getFloat64(0),
  compare: compareFloats,
};

const NUMERIC_PRECISION_MAX = 1000;
const TYPMOD_HEADER = 4;

/** Precision and scale of a numeric typmod ≥ 0. */
export function numericTypmod(typmod: number): { readonly precision: number; readonly scale: number } {
  const packed = typmod - TYPMOD_HEADER;
  // The scale is a signed field of eleven bits.
  return { precision: packed >> 16, scale: ((packed & 0x7ff) ^ 0x400) - 0x400 };
}

function numericTypmodIn(args: readonly string[]): number {
  const [precision = 0, scale = 0, ...rest] = modifierNumbers(args);
  if (args.length === 0 || rest.length > 0) throw fail('invalid_parameter_value', 'invalid NUMERIC type modifier');
  if (precision < 1 || precision > NUMERIC_PRECISION_MAX) {
    throw fail(
      'invalid_parameter_value',
      `NUMERIC precision ${precision} must be between 1 and ${NUMERIC_PRECISION_MAX}`,
    );
  }
  if (Math.abs(scale) > NUMERIC_PRECISION_MAX) {
    throw fail('invalid_parameter_value', `NUMERIC scale ${scale} must be between -1000 and 1000`);
  }
  return ((precision << 16) | (scale & 0x7ff)) + TYPMOD_HEADER;
}

/** Rounds to a typmod's scale. @throws `numeric_value_out_of_range` (22003) when the precision does not suffice. */
export function applyNumericTypmod(value: Numeric, typmod: number): Numeric {
  if (typmod < 0 || value.isNaN) return value;
  const { precision, scale } = numericTypmod(typmod);
  if (!value.isFinite) {
    throw fail('numeric_value_out_of_range', 'numeric field overflow', {
      detail: `A field with precision ${precision}, scale ${scale} cannot hold an infinite value.`,
    });
  }
  const rounded = roundNumeric(value, scale);
  const digitsBefore = precision - scale;
  if (!rounded.isZero && digitCount(rounded.coefficient) - rounded.scale > digitsBefore) {
    const bound = digitsBefore === 0 ? '1' : `10^${digitsBefore}`;
    throw fail('numeric_value_out_of_range', 'numeric field overflow', {
      detail: `A field with precision ${precision}, scale ${scale} must round to an absolute value less than ${bound}.`,
    });
  }
  return rounded;
}

const SIGN_NEGATIVE = 0x4000;
const SIGN_NAN = 0xc000;
const SIGN_INFINITY = 0xd000;
const SIGN_NEGATIVE_INFINITY = 0xf000;

/** Wire form: digit count, weight, sign, display scale, base-10000 digits. */
function sendNumeric(value: Numeric): Uint8Array {
  const { weight, digits } = value.isFinite ? numericDigits(value) : { weight: 0, digits: [] };
  let sign = value.sign < 0 ? SIGN_NEGATIVE : 0;
  if (value.isNaN) sign = SIGN_NAN;
  else if (!value.isFinite) sign = value.sign < 0 ? SIGN_NEGATIVE_INFINITY : SIGN_INFINITY;
  return written(8 + digits.length * 2, (view) => {
    view.setInt16(0, digits.length);
    view.setInt16(2, weight);
    view.setUint16(4, sign);
    view.setUint16(6, value.scale);
    digits.forEach((digit, i) => {
      view.setInt16(8 + i * 2, digit);
    });
  });
}

function receiveNumeric(bytes: Uint8Array, start: number, end: number): Numeric {
  if (end - start < 8) throw badBinary();
  const view = new DataView(bytes.buffer, bytes.byteOffset + start, end - start);
  const count = view.getUint16(0);
  const sign = view.getUint16(4);
  if (view.byteLength !== 8 + count * 2) throw badBinary();
  if (sign === SIGN_NAN) return NUMERIC_NAN;
  if (sign === SIGN_INFINITY) return NUMERIC_INFINITY;
  if (sign === SIGN_NEGATIVE_INFINITY) return NUMERIC_NEGATIVE_INFINITY;
  if (sign !== 0 && sign !== SIGN_NEGATIVE) {
    throw fail('invalid_binary_representation', 'invalid sign in external "numeric" value');
  }
  const digits: number[] = [];
  for (let i = 0; i < count; i++) {
    const digit = view.getUint16(8 + i * 2);
    if (digit > 9999) throw fail('invalid_binary_representation', 'invalid digit in external "numeric" value');
    digits.push(digit);
  }
  return numericFromDigits(sign === SIGN_NEGATIVE, view.getInt16(2), digits, view.getUint16(6) & 0x3fff);
}

export const NUMERIC: Behaviour<Numeric> = {
  parse: parseNumeric,
  format: formatNumeric,
  send: sendNumeric,
  receive: receiveNumeric,
  compare: compareNumeric,
  typmodIn: numericTypmodIn,
  typmodOut(typmod) {
    if (typmod < 0) return '';
    const { precision, scale } = numericTypmod(typmod);
    return `(${precision},${scale})`;
  },
  applyTypmod: applyNumericTypmod,
};
