/**
 * Order-preserving keys: bytes whose memcmp order is the SQL order of the columns that they encode.
 *
 * A part is an optional marker byte (null or not; left out for primary keys, whose columns are NOT NULL) and, unless null,
 * the value:
 *
 *   integers   big-endian, sign bit flipped           DEC64 as I64, its NaN above all
 *   floats     IEEE bits big-endian; negative inverted, else sign bit set; −0 as 0, NaN above all
 *   text       UTF-8, then 00 (text holds no NUL)     BYTES  00 → 00 FF, then 00 00
 *   NUMERIC    class byte (−∞ 1, negative 2, zero 3, positive 4, ∞ 5, NaN 6), weight biased u16, digits + 1 as u16, 00 00;
 *              weight and digits inverted for negatives
 *   INTERVAL   total µs (a month as 30 days, a day as 24 h) as a biased 16-byte integer: equal spans are equal keys
 *   ARRAY      per element 01 value or 02 (null), then 00, then number of dimensions and their lengths and lower bounds;
 *              all of it escaped as BYTES are, so that a reader can skip it without knowing the element kind
 *
 * Descending parts have their value bytes inverted. No encoded value is a proper prefix of another one of its kind, so parts
 * can follow each other and a key with fewer parts sorts before all keys that it begins.
 *
 * The same bytes serve as index keys, sort keys, and hash keys of joins, groups and DISTINCT: equal values, equal bytes.
 */
import { unsupported } from '../../base/errors.ts';
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
import type { RecordLayout } from './layout.ts';

export const NOT_NULL = 1;
const NULL_FIRST = 0;
const NULL_LAST = 2;

export interface KeyPart {
  readonly kind: PhysicalKind;
  /** Index of the column in the layout that is read. */
  readonly column: number;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
  /** False for the columns of a primary key: no marker byte. */
  readonly nullable: boolean;
}

/** A growing key. Reusable: set `length` to 0. */
export class KeyWriter {
  bytes: Uint8Array = new Uint8Array(64);
  view: DataView = new DataView(this.bytes.buffer);
  length = 0;

  /** Makes room for `more` bytes. */
  room(more: number): void {
    if (this.length + more <= this.bytes.length) return;
    const larger = new Uint8Array(Math.max(this.bytes.length * 2, this.length + more));
    larger.set(this.bytes.subarray(0, this.length));
    this.bytes = larger;
    this.view = new DataView(larger.buffer);
  }

  byte(value: number): void {
    this.room(1);
    this.bytes[this.length++] = value;
  }

  int16(value: number): void {
    this.room(2);
    this.view.setUint16(this.length, (value ^ 0x8000) & 0xffff);
    this.length += 2;
  }

  int32(value: number): void {
    this.room(4);
    this.view.setUint32(this.length, (value ^ 0x80000000) >>> 0);
    this.length += 4;
  }

  uint32(value: number): void {
    this.room(4);
    this.view.setUint32(this.length, value >>> 0);
    this.length += 4;
  }

  /** A safe integer or a bigint within int64. */
  int64(value: number | bigint): void {
    this.room(8);
    if (typeof value === 'bigint') this.view.setBigInt64(this.length, value);
    else {
      const high = Math.floor(value / 4294967296);
      this.view.setInt32(this.length, high);
      this.view.setUint32(this.length + 4, value - high * 4294967296);
    }
    this.bytes[this.length] = this.bytes[this.length]! ^ 0x80;
    this.length += 8;
  }

  float64(value: number): void {
    this.room(8);
    const at = this.length;
    this.length += 8;
    if (Number.isNaN(value)) {
      this.bytes.fill(0xff, at, at + 8);
      return;
    }
    this.view.setFloat64(at, value === 0 ? 0 : value);
    if (this.bytes[at]! & 0x80) this.#invert(at);
    else this.bytes[at] = this.bytes[at]! | 0x80;
  }

  append(source: Uint8Array, start: number, end: number): void {
    this.room(end - start);
    let to = this.length;
    for (let i = start; i < end; i++) this.bytes[to++] = source[i]!;
    this.length = to;
  }

  /** Text bytes and their end mark. */
  text(source: Uint8Array, start: number, end: number): void {
    this.append(source, start, end);
    this.byte(0);
  }

  /** Bytes with NULs escaped, and their end mark. */
  binary(source: Uint8Array, start: number, end: number): void {
    this.room((end - start) * 2 + 2);
    for (let i = start; i < end; i++) {
      const value = source[i]!;
      this.bytes[this.length++] = value;
      if (value === 0) this.bytes[this.length++] = 0xff;
    }
    this.bytes[this.length++] = 0;
    this.bytes[this.length++] = 0;
  }

  /** Turns what was written since `from` around, for a descending part. */
  invertFrom(from: number): void {
    this.#invert(from);
  }

  #invert(from: number): void {
    for (let i = from; i < this.length; i++) this.bytes[i] = this.bytes[i]! ^ 0xff;
  }
}

/** Appends one part of a record's key; `layout` is the record's. Long values must have been loaded before. */
export function appendKeyPart(
  key: KeyWriter,
  part: KeyPart,
  layout: RecordLayout,
  view: DataView,
  bytes: Uint8Array,
  start: number,
): void {
  const column = part.column;
  if (part.nullable) {
    if (layout.isNull(column, bytes, start)) {
      key.byte(part.nullsFirst ? NULL_FIRST : NULL_LAST);
      return;
    }
    key.byte(NOT_NULL);
  }
  const from = key.length;
  if (isVariable(part.kind)) {
    const variable = layout.variableIndex[column]!;
    const end = start + layout.variableEnd(variable, view, start);
    appendVariable(key, part.kind, view, bytes, start + layout.variableStart(variable, view, start), end);
  } else appendFixed(key, part.kind, view, bytes, start + layout.fixedAt[column]!);
  if (part.descending) key.invertFrom(from);
}

/** Appends the marker and nothing else: a bound "column is null". */
export function appendNull(key: KeyWriter, nullsFirst: boolean): void {
  key.byte(nullsFirst ? NULL_FIRST : NULL_LAST);
}

export function appendFixed(key: KeyWriter, kind: PhysicalKind, view: DataView, bytes: Uint8Array, at: number): void {
  switch (kind) {
    case KIND_BOOL:
    case KIND_CHAR1:
      key.byte(bytes[at]!);
      return;
    case KIND_I16:
      key.int16(view.getInt16(at, true));
      return;
    case KIND_I32:
      key.int32(view.getInt32(at, true));
      return;
    case KIND_U32:
      key.uint32(view.getUint32(at, true));
      return;
    case KIND_I64:
      appendInt64(key, view, at, false);
      return;
    case KIND_DEC64:
      appendInt64(key, view, at, true);
      return;
    case KIND_F32:
      key.float64(view.getFloat32(at, true));
      return;
    case KIND_F64:
      key.float64(view.getFloat64(at, true));
      return;
    case KIND_UUID:
      key.append(bytes, at, at + 16);
      return;
    case KIND_INTERVAL:
      appendInterval(key, view, at);
      return;
    default:
      throw unsupported('this column type in a key');
  }
}

export function appendVariable(
  key: KeyWriter,
  kind: PhysicalKind,
  view: DataView,
  bytes: Uint8Array,
  start: number,
  end: number,
): void {
  switch (kind) {
    case KIND_TEXT:
    case KIND_NAME:
    case KIND_BPCHAR:
      key.text(bytes, start, end);
      return;
    case KIND_BYTES:
      key.binary(bytes, start, end);
      return;
    case KIND_NUMERIC:
      appendNumeric(key, view, bytes, start, end);
      return;
    case KIND_ARRAY:
      appendArray(key, view, bytes, start);
      return;
    case KIND_RECORD:
      key.binary(bytes, start, end);
      return;
    default:
      throw unsupported('this column type in a key');
  }
}

function appendInt64(key: KeyWriter, view: DataView, at: number, decimal: boolean): void {
  key.room(8);
  const high = view.getInt32(at + 4, true);
  const low = view.getUint32(at, true);
  if (decimal && high === -0x80000000 && low === 0) {
    key.view.setUint32(key.length, 0xffffffff);
    key.view.setUint32(key.length + 4, 0xffffffff);
  } else {
    key.view.setUint32(key.length, (high ^ 0x80000000) >>> 0);
    key.view.setUint32(key.length + 4, low);
  }
  key.length += 8;
}

const DAY_MICROS = 86_400_000_000n;
const BIAS_128 = 1n << 127n;

function appendInterval(key: KeyWriter, view: DataView, at: number): void {
  const months = BigInt(view.getInt32(at, true));
  const days = BigInt(view.getInt32(at + 4, true));
  const total = (months * 30n + days) * DAY_MICROS + view.getBigInt64(at + 8, true) + BIAS_128;
  key.room(16);
  key.view.setBigUint64(key.length, total >> 64n);
  key.view.setBigUint64(key.length + 8, total & 0xffffffffffffffffn);
  key.length += 16;
}

function appendNumeric(key: KeyWriter, view: DataView, bytes: Uint8Array, start: number, end: number): void {
  const flags = bytes[start]!;
  if (flags >= 2) {
    key.byte(flags === 2 ? 6 : flags === 3 ? 5 : 1);
    return;
  }
  const digits = (end - start - 5) >> 1;
  if (digits === 0) {
    key.byte(3);
    return;
  }
  const negative = flags === 1;
  key.byte(negative ? 2 : 4);
  const from = key.length;
  key.room(4 + digits * 2);
  key.view.setUint16(key.length, view.getInt16(start + 3, true) + 0x8000);
  key.length += 2;
  for (let i = 0; i < digits; i++) {
    key.view.setUint16(key.length, view.getUint16(start + 5 + i * 2, true) + 1);
    key.length += 2;
  }
  key.view.setUint16(key.length, 0);
  key.length += 2;
  if (negative) key.invertFrom(from);
}

function appendArray(target: KeyWriter, view: DataView, bytes: Uint8Array, start: number): void {
  const key = new KeyWriter();
  const dimensions = bytes[start]!;
  const hasNulls = bytes[start + 1]! !== 0;
  const kind = bytes[start + 2]! as PhysicalKind;
  let count = dimensions === 0 ? 0 : 1;
  for (let d = 0; d < dimensions; d++) count *= view.getInt32(start + 8 + d * 8, true);
  const bitmap = start + 8 + dimensions * 8;
  let at = bitmap + (hasNulls ? (count + 7) >> 3 : 0);
  for (let i = 0; i < count; i++) {
    if (hasNulls && (bytes[bitmap + (i >> 3)]! & (1 << (i & 7))) !== 0) {
      key.byte(2);
      continue;
    }
    key.byte(1);
    if (isVariable(kind)) {
      const length = view.getUint32(at, true);
      appendVariable(key, kind, view, bytes, at + 4, at + 4 + length);
      at += 4 + length;
    } else {
      appendFixed(key, kind, view, bytes, at);
      at += fixedBytes(kind);
    }
  }
  key.byte(0);
  key.byte(dimensions);
  for (let d = 0; d < dimensions * 2; d++) key.int32(view.getInt32(start + 8 + d * 4, true));
  target.binary(key.bytes, 0, key.length);
}

/** Compares keys as memcmp does; a proper prefix is smaller. */
export function compareKeys(
  a: Uint8Array,
  aStart: number,
  aEnd: number,
  b: Uint8Array,
  bStart: number,
  bEnd: number,
): number {
  const aLength = aEnd - aStart;
  const bLength = bEnd - bStart;
  const common = aLength < bLength ? aLength : bLength;
  for (let i = 0; i < common; i++) {
    const d = a[aStart + i]! - b[bStart + i]!;
    if (d !== 0) return d;
  }
  return aLength - bLength;
}
