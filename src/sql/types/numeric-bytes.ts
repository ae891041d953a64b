/**
 * NUMERIC values as bytes: base-10000 digits aligned to the point.
 *
 *   12345.678, scale 3   flags 0 | dscale 3 | weight 1 | 1 2345 6780          value = Σ digit[i] × 10000^(weight − i)
 */
import { bigPow10, NUMERIC_INFINITY, NUMERIC_NAN, NUMERIC_NEGATIVE_INFINITY, Numeric, scaleUp } from './numeric.ts';
import { canonical } from './wide-integer.ts';

const FLAG_NEGATIVE = 1;
const FLAG_NAN = 2;
const FLAG_INFINITY = 3;
const FLAG_NEGATIVE_INFINITY = 4;
const NUMERIC_HEADER = 5;

/** Base-10000 digits, most significant first, without zero digits at either end, and the weight of the first. */
export function numericDigits(value: Numeric): { readonly weight: number; readonly digits: readonly number[] } {
  // Digits are aligned to the point, so the fraction is filled up to a multiple of four.
  const fill = (4 - (value.scale % 4)) % 4;
  const magnitude = value.coefficient < 0 ? -value.coefficient : value.coefficient;
  const text = scaleUp(magnitude, fill).toString();
  const groups = (value.scale + fill) / 4;
  const padded = text.padStart(Math.ceil(text.length / 4) * 4, '0');
  const digits: number[] = [];
  for (let i = 0; i < padded.length; i += 4) digits.push(Number.parseInt(padded.slice(i, i + 4), 10));
  let weight = digits.length - groups - 1;
  while (digits.length > 0 && digits[digits.length - 1] === 0) digits.pop();
  let leading = 0;
  while (leading < digits.length && digits[leading] === 0) leading++;
  weight -= leading;
  return digits.length === leading ? { weight: 0, digits: [] } : { weight, digits: digits.slice(leading) };
}

/** The value of base-10000 digits. */
export function numericFromDigits(
  negative: boolean,
  weight: number,
  digits: readonly number[],
  scale: number,
): Numeric {
  let coefficient = 0n;
  for (const digit of digits) coefficient = coefficient * 10000n + BigInt(digit);
  const shift = scale + 4 * (weight - digits.length + 1);
  const scaled = shift >= 0 ? coefficient * bigPow10(shift) : coefficient / bigPow10(-shift);
  return new Numeric(canonical(negative ? -scaled : scaled), scale);
}

export function encodeNumeric(value: Numeric): Uint8Array {
  const { weight, digits } = value.isFinite ? numericDigits(value) : { weight: 0, digits: [] };
  const bytes = new Uint8Array(NUMERIC_HEADER + digits.length * 2);
  const view = new DataView(bytes.buffer);
  bytes[0] = numericFlags(value);
  view.setUint16(1, value.scale, true);
  view.setInt16(3, weight, true);
  digits.forEach((digit, i) => {
    view.setUint16(NUMERIC_HEADER + i * 2, digit, true);
  });
  return bytes;
}

function numericFlags(value: Numeric): number {
  if (value.isNaN) return FLAG_NAN;
  if (value.isFinite) return value.sign < 0 ? FLAG_NEGATIVE : 0;
  return value.sign < 0 ? FLAG_NEGATIVE_INFINITY : FLAG_INFINITY;
}

export function decodeNumeric(view: DataView): Numeric {
  const flags = view.getUint8(0);
  if (flags === FLAG_NAN) return NUMERIC_NAN;
  if (flags === FLAG_INFINITY) return NUMERIC_INFINITY;
  if (flags === FLAG_NEGATIVE_INFINITY) return NUMERIC_NEGATIVE_INFINITY;
  const digits: number[] = [];
  for (let at = NUMERIC_HEADER; at < view.byteLength; at += 2) digits.push(view.getUint16(at, true));
  return numericFromDigits(flags === FLAG_NEGATIVE, view.getInt16(3, true), digits, view.getUint16(1, true));
}
