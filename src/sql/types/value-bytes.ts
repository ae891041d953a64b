/**
 * Values as the bytes of their physical kind (`base/physical.ts` fixes them), for records, arrays and composite values; those of
 * NUMERIC are pictured in numeric-bytes.ts.
 */
import { assert, broken } from '../../base/assert.ts';
import {
  fixedBytes,
  isVariable,
  KIND_ARRAY,
  KIND_BOOL,
  KIND_BPCHAR,
  KIND_BYTES,
  KIND_CHAR1,
  KIND_DEC64,
  KIND_F32,
  KIND_F64,
  KIND_I16,
  KIND_I32,
  KIND_I64,
  KIND_INTERVAL,
  KIND_NAME,
  KIND_NUMERIC,
  KIND_RECORD,
  KIND_TEXT,
  KIND_U32,
  KIND_UUID,
  type PhysicalKind,
} from '../../base/physical.ts';
import { PgArray } from './array.ts';
import type { Oid, SqlValue } from './contracts.ts';
import { Interval } from './interval.ts';
import { NUMERIC_NAN, Numeric, scaleDown, scaleUp } from './numeric.ts';
import { decodeNumeric, encodeNumeric } from './numeric-bytes.ts';
import { PgRecord } from './record.ts';
import { typeFacts } from './type-facts.ts';
import { canonical, type WideInteger } from './wide-integer.ts';

export type NonNullValue = Exclude<SqlValue, null>;

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const TWO_32 = 2 ** 32;
/** The smallest int64 stands for NaN in DEC64. */
const DEC64_NAN = -(2n ** 63n);
/** ±Infinity of dates and timestamps lie at the ends of their integers, as in PostgreSQL. */
const I32_INFINITY = 2147483647;
const I32_NEGATIVE_INFINITY = -2147483648;
const I64_INFINITY = 2n ** 63n - 1n;
const I64_NEGATIVE_INFINITY = -(2n ** 63n);

export function writeInt64(view: DataView, at: number, value: WideInteger, littleEndian: boolean): void {
  if (typeof value === 'number' && Number.isFinite(value)) {
    const high = Math.floor(value / TWO_32);
    view.setInt32(littleEndian ? at + 4 : at, high, littleEndian);
    view.setUint32(littleEndian ? at : at + 4, value - high * TWO_32, littleEndian);
  } else if (typeof value === 'bigint') view.setBigInt64(at, value, littleEndian);
  else view.setBigInt64(at, value > 0 ? I64_INFINITY : I64_NEGATIVE_INFINITY, littleEndian);
}

/** An int8; see {@link readMicros64} for timestamps, whose ends are infinities. */
export function readInt64(view: DataView, at: number, littleEndian: boolean): WideInteger {
  const high = view.getInt32(littleEndian ? at + 4 : at, littleEndian);
  const low = view.getUint32(littleEndian ? at : at + 4, littleEndian);
  const value = high * TWO_32 + low;
  return Number.isSafeInteger(value) ? value : canonical(view.getBigInt64(at, littleEndian));
}

/** A timestamp: the ends of int8 are ±Infinity. */
export function readMicros64(view: DataView, at: number, littleEndian: boolean): WideInteger {
  const value = readInt64(view, at, littleEndian);
  if (value === I64_INFINITY) return Number.POSITIVE_INFINITY;
  return value === I64_NEGATIVE_INFINITY ? Number.NEGATIVE_INFINITY : value;
}

export function dateToInt32(days: number): number {
  if (Number.isFinite(days)) return days;
  return days > 0 ? I32_INFINITY : I32_NEGATIVE_INFINITY;
}

export function dateFromInt32(stored: number): number {
  if (stored === I32_INFINITY) return Number.POSITIVE_INFINITY;
  return stored === I32_NEGATIVE_INFINITY ? Number.NEGATIVE_INFINITY : stored;
}

const DATE_OID = 1082;
const INT8_OID = 20;

/** Bytes of a value of `kind`; `scale` counts for DEC64 alone. The result belongs to the caller. */
export function encodeKind(kind: PhysicalKind, value: NonNullValue, scale = 0): Uint8Array {
  if (isVariable(kind)) return encodeVariable(kind, value);
  const bytes = new Uint8Array(fixedBytes(kind));
  const view = new DataView(bytes.buffer);
  if (typeof value === 'boolean') bytes[0] = value ? 1 : 0;
  else if (typeof value === 'number' || typeof value === 'bigint') encodeInteger(kind, view, value);
  else if (typeof value === 'string') {
    if (kind === KIND_UUID) bytes.set(uuidBytes(value));
    else bytes[0] = value === '' ? 0 : value.charCodeAt(0);
  } else if (value instanceof Interval) encodeInterval(view, value);
  else if (value instanceof Numeric) encodeDec64(view, value, scale);
  else broken(`physical kind ${kind} holds no such value`);
  return bytes;
}

function encodeInteger(kind: PhysicalKind, view: DataView, value: WideInteger, at = 0): void {
  if (kind === KIND_I64) writeInt64(view, at, value, true);
  else if (kind === KIND_I32) view.setInt32(at, dateToInt32(Number(value)), true);
  else if (kind === KIND_U32) view.setUint32(at, Number(value), true);
  else if (kind === KIND_I16) view.setInt16(at, Number(value), true);
  else if (kind === KIND_F64) view.setFloat64(at, Number(value), true);
  else if (kind === KIND_F32) view.setFloat32(at, Number(value), true);
  else broken(`physical kind ${kind} holds no number`);
}

function encodeInterval(view: DataView, value: Interval): void {
  view.setInt32(0, value.months, true);
  view.setInt32(4, value.days, true);
  writeInt64(view, 8, value.micros, true);
}

function encodeDec64(view: DataView, value: Numeric, scale: number): void {
  if (value.isNaN) view.setBigInt64(0, DEC64_NAN, true);
  else writeInt64(view, 0, toScale(value, scale), true);
}

/** The coefficient at another scale; digits that do not fit are rounded. */
function toScale(value: Numeric, scale: number): WideInteger {
  return scale >= value.scale
    ? scaleUp(value.coefficient, scale - value.scale)
    : scaleDown(value.coefficient, value.scale - scale, true);
}

function encodeVariable(kind: PhysicalKind, value: NonNullValue): Uint8Array {
  if (typeof value === 'string') return encoder.encode(value);
  if (value instanceof Uint8Array) return value;
  if (value instanceof Numeric) return encodeNumeric(value);
  if (value instanceof PgArray) return encodeArray(value);
  if (value instanceof PgRecord) return encodeRecord(value);
  return broken(`physical kind ${kind} holds no such value`);
}

/** The value of `kind` that lies in `bytes[start, end)`. Text is taken for valid UTF-8. `typeOid` tells dates from int4. */
export function decodeKind(
  kind: PhysicalKind,
  bytes: Uint8Array,
  start: number,
  end: number,
  scale = 0,
  typeOid: Oid = 0,
): NonNullValue {
  const view = new DataView(bytes.buffer, bytes.byteOffset + start, end - start);
  switch (kind) {
    case KIND_BOOL:
      return bytes[start] === 1;
    case KIND_CHAR1:
      return bytes[start] === 0 ? '' : String.fromCharCode(bytes[start] ?? 0);
    case KIND_I16:
      return view.getInt16(0, true);
    case KIND_I32:
      return typeOid === DATE_OID ? dateFromInt32(view.getInt32(0, true)) : view.getInt32(0, true);
    case KIND_U32:
      return view.getUint32(0, true);
    case KIND_I64:
      return typeOid === INT8_OID ? readInt64(view, 0, true) : readMicros64(view, 0, true);
    case KIND_F32:
      return view.getFloat32(0, true);
    case KIND_F64:
      return view.getFloat64(0, true);
    case KIND_DEC64:
      return decodeDec64(view, scale);
    case KIND_UUID:
      return uuidText(bytes.subarray(start, end));
    case KIND_INTERVAL:
      return new Interval(view.getInt32(0, true), view.getInt32(4, true), readInt64(view, 8, true));
    case KIND_BYTES:
      return bytes.slice(start, end);
    case KIND_NUMERIC:
      return decodeNumeric(view);
    case KIND_ARRAY:
      return decodeArray(bytes, start, end);
    case KIND_RECORD:
      return decodeRecord(bytes, start, end);
    case KIND_TEXT:
    case KIND_BPCHAR:
    case KIND_NAME:
      return decoder.decode(bytes.subarray(start, end));
  }
}

function decodeDec64(view: DataView, scale: number): Numeric {
  const stored = readInt64(view, 0, true);
  return stored === DEC64_NAN ? NUMERIC_NAN : new Numeric(stored, scale);
}

const HEX: readonly string[] = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'));

/** Lower-case hex of bytes. */
export function hexText(bytes: Uint8Array): string {
  if (bytes.length > 64) return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
  let text = '';
  for (const byte of bytes) text += HEX[byte] ?? '';
  return text;
}

/** Canonical text of 16 bytes. */
export function uuidText(bytes: Uint8Array): string {
  const hex = hexText(bytes);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** The 16 bytes of a canonical text. */
export function uuidBytes(text: string): Uint8Array {
  const hex = text.replaceAll('-', '');
  const bytes = new Uint8Array(16);
  for (let i = 0; i < 16; i++) bytes[i] = Number.parseInt(hex.slice(i * 2, i * 2 + 2), 16);
  return bytes;
}

function elementKind(type: Oid): PhysicalKind {
  const kind = typeFacts(type)?.kind;
  assert(kind !== undefined, 'array elements and record fields have a stored type');
  return kind;
}

/** Elements one behind the other: of fixed size, or each behind its length. */
function elementBytes(kind: PhysicalKind, values: readonly SqlValue[], header: number): Uint8Array {
  const size = isVariable(kind) ? 0 : fixedBytes(kind);
  let bytes = new Uint8Array(header + values.length * (size === 0 ? 16 : size));
  let view = new DataView(bytes.buffer);
  let at = header;
  const makeRoom = (more: number): void => {
    if (at + more <= bytes.length) return;
    const larger = new Uint8Array(Math.max(at + more, bytes.length * 2));
    larger.set(bytes);
    bytes = larger;
    view = new DataView(larger.buffer);
  };
  for (const value of values) {
    if (value === null) continue;
    if (size > 0) {
      if (typeof value === 'number' || typeof value === 'bigint') encodeInteger(kind, view, value, at);
      else bytes.set(encodeKind(kind, value), at);
      at += size;
    } else if (typeof value === 'string') {
      // A code unit takes three bytes of UTF-8 at most; two of them that are one character take four.
      makeRoom(4 + value.length * 3);
      const { written } = encoder.encodeInto(value, bytes.subarray(at + 4));
      view.setUint32(at, written, true);
      at += 4 + written;
    } else {
      const part = encodeKind(kind, value);
      makeRoom(4 + part.length);
      view.setUint32(at, part.length, true);
      bytes.set(part, at + 4);
      at += 4 + part.length;
    }
  }
  return bytes.subarray(0, at);
}

function encodeArray(value: PgArray): Uint8Array {
  const kind = elementKind(value.elementType);
  const count = value.values.length;
  const hasNulls = value.values.includes(null);
  const header = 8 + value.dims.length * 8 + (hasNulls ? (count + 7) >> 3 : 0);
  const bytes = elementBytes(kind, value.values, header).slice();
  const view = new DataView(bytes.buffer);
  bytes.set([value.dims.length, hasNulls ? 1 : 0, kind, 0]);
  view.setUint32(4, value.elementType, true);
  value.dims.forEach((length, d) => {
    view.setInt32(8 + d * 8, length, true);
    view.setInt32(12 + d * 8, value.lowerBounds[d] ?? 1, true);
  });
  const bitmap = 8 + value.dims.length * 8;
  if (hasNulls)
    for (let i = 0; i < count; i++)
      if (value.values[i] === null) bytes[bitmap + (i >> 3)] = (bytes[bitmap + (i >> 3)] ?? 0) | (1 << (i & 7));
  return bytes;
}

function decodeArray(bytes: Uint8Array, start: number, end: number): PgArray {
  const view = new DataView(bytes.buffer, bytes.byteOffset + start, end - start);
  const dimensions = view.getUint8(0);
  const hasNulls = view.getUint8(1) === 1;
  const elementType = view.getUint32(4, true);
  const kind = elementKind(elementType);
  const dims: number[] = [];
  const lowerBounds: number[] = [];
  for (let d = 0; d < dimensions; d++) {
    dims.push(view.getInt32(8 + d * 8, true));
    lowerBounds.push(view.getInt32(12 + d * 8, true));
  }
  const count = dims.length === 0 ? 0 : dims.reduce((product, length) => product * length, 1);
  const bitmap = 8 + dimensions * 8;
  let at = bitmap + (hasNulls ? (count + 7) >> 3 : 0);
  const values: SqlValue[] = [];
  for (let i = 0; i < count; i++) {
    if (hasNulls && (view.getUint8(bitmap + (i >> 3)) & (1 << (i & 7))) !== 0) {
      values.push(null);
      continue;
    }
    const length = isVariable(kind) ? view.getUint32(at, true) : fixedBytes(kind);
    if (isVariable(kind)) at += 4;
    values.push(decodeKind(kind, bytes, start + at, start + at + length, 0, elementType));
    at += length;
  }
  return new PgArray(elementType, values, dims, lowerBounds);
}

function encodeRecord(value: PgRecord): Uint8Array {
  const parts = value.values.map((field, i) => {
    return field === null ? undefined : encodeKind(elementKind(value.types[i] ?? 0), field);
  });
  let size = 2;
  for (const part of parts) size += 8 + (part?.length ?? 0);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, parts.length, true);
  let at = 2;
  parts.forEach((part, i) => {
    view.setUint32(at, value.types[i] ?? 0, true);
    view.setInt32(at + 4, part?.length ?? -1, true);
    at += 8;
    if (part === undefined) return;
    bytes.set(part, at);
    at += part.length;
  });
  return bytes;
}

function decodeRecord(bytes: Uint8Array, start: number, end: number): PgRecord {
  const view = new DataView(bytes.buffer, bytes.byteOffset + start, end - start);
  const types: Oid[] = [];
  const values: SqlValue[] = [];
  let at = 2;
  for (let left = view.getUint16(0, true); left > 0; left--) {
    const type = view.getUint32(at, true);
    const length = view.getInt32(at + 4, true);
    at += 8;
    types.push(type);
    if (length < 0) values.push(null);
    else {
      values.push(decodeKind(elementKind(type), bytes, start + at, start + at + length, 0, type));
      at += length;
    }
  }
  return new PgRecord(types, values);
}
