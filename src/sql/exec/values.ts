/**
 * Values in and out of records: readers for the interpreter, writers for every operator, by physical kind.
 *
 * A reader is a closure made once per plan; it reads the record that its environment points to. Writers put a value into the
 * row that a buffer is building; variable columns must be written in column order.
 */
import { broken } from '../../base/assert.ts';
import { decodeUtf8 } from '../../base/bytes.ts';
import {
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
} from '../../base/physical.ts';
import type { Task } from '../../base/task.ts';
import {
  type LongReference,
  type RowBuffer,
  readInt64,
  readLongReference,
  writeInt64,
} from '../../engine/record-port.ts';
import type { Session } from '../../engine/session.ts';
import { PgArray } from '../types/array.ts';
import type { Oid, Physical, SqlValue, TypeEntry } from '../types/contracts.ts';
import { Interval } from '../types/interval.ts';
import { NUMERIC_NAN, Numeric, scaleDown, scaleUp } from '../types/numeric.ts';
import { PgRecord } from '../types/record.ts';
import { registry } from '../types/registry.ts';
import type { Shape } from './shape.ts';
import type { Env } from './state.ts';

export type Eval = (env: Env) => SqlValue;
export type Writer = (out: RowBuffer, value: SqlValue) => void;

const RECORD_OID = 2249;
const DEC64_NAN = -(2n ** 63n);

/** The registry's entry; the row types of tables share record's. */
export function typeEntry(type: Oid): TypeEntry {
  const entry = registry.type(type) ?? registry.type(RECORD_OID);
  if (entry === undefined) broken(`no type ${type}`);
  return entry;
}

/** Decodes the bytes of a variable kind. */
export function decodeVariable(kind: number, type: Oid, bytes: Uint8Array, start: number, end: number): SqlValue {
  switch (kind) {
    case KIND_TEXT:
    case KIND_BPCHAR:
    case KIND_NAME:
      return decodeUtf8(bytes, start, end);
    case KIND_BYTES:
      return bytes.slice(start, end);
    default: {
      const decode = typeEntry(type).decode ?? (kind === KIND_ARRAY ? typeEntry(1009).decode : undefined);
      if (decode === undefined) broken(`type ${type} has no decoder`);
      return decode(bytes, start, end);
    }
  }
}

/** Decodes the bytes of a fixed kind at `at`. */
export function decodeFixed(kind: number, scale: number, view: DataView, bytes: Uint8Array, at: number): SqlValue {
  switch (kind) {
    case KIND_BOOL:
      return bytes[at] !== 0;
    case KIND_CHAR1:
      return bytes[at] === 0 ? '' : String.fromCharCode(bytes[at]!);
    case KIND_I16:
      return view.getInt16(at, true);
    case KIND_I32:
      return view.getInt32(at, true);
    case KIND_U32:
      return view.getUint32(at, true);
    case KIND_I64:
      return readInt64(view, at);
    case KIND_F32:
      return view.getFloat32(at, true);
    case KIND_F64:
      return view.getFloat64(at, true);
    case KIND_DEC64: {
      const value = readInt64(view, at);
      return value === DEC64_NAN ? NUMERIC_NAN : new Numeric(value, scale);
    }
    case KIND_UUID:
      return readUuid(bytes, at);
    case KIND_INTERVAL:
      return new Interval(view.getInt32(at, true), view.getInt32(at + 4, true), readInt64(view, at + 8));
    default:
      return broken(`kind ${kind} is not fixed`);
  }
}

const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'));

function readUuid(bytes: Uint8Array, at: number): string {
  let text = '';
  for (let i = 0; i < 16; i++) {
    if (i === 4 || i === 6 || i === 8 || i === 10) text += '-';
    text += HEX[bytes[at + i]!]!;
  }
  return text;
}

/** A reader of column `position` of the environment's record 0 or 1. */
export function columnReader(shape: Shape, position: number, source: 0 | 1): Eval {
  return source === 0 ? readerOf0(shape, position) : readerOf1(shape, position);
}

function readerOf0(shape: Shape, position: number): Eval {
  const { layout } = shape;
  const { kind, scale } = shape.columns[position]!.physical;
  const type = shape.columns[position]!.type;
  const temporal = infinityOf(type);
  const nullAt = layout.bitmapAt + (position >> 3);
  const nullBit = 1 << (position & 7);
  const at = layout.fixedAt[position]!;
  if (at >= 0) {
    if (kind === KIND_I32 && temporal === undefined) {
      return (e) => (e.null0 || (e.b0[e.r0 + nullAt]! & nullBit) !== 0 ? null : e.v0.getInt32(e.r0 + at, true));
    }
    return (e) =>
      e.null0 || (e.b0[e.r0 + nullAt]! & nullBit) !== 0
        ? null
        : finite(temporal, decodeFixed(kind, scale, e.v0, e.b0, e.r0 + at));
  }
  const variable = layout.variableIndex[position]!;
  return (e) => {
    if (e.null0 || (e.b0[e.r0 + nullAt]! & nullBit) !== 0) return null;
    const start = e.r0 + layout.variableStart(variable, e.v0, e.r0);
    const end = e.r0 + layout.variableEnd(variable, e.v0, e.r0);
    if (layout.isLong(variable, e.v0, e.r0)) return readLong(e, kind, type, e.v0, start);
    return decodeVariable(kind, type, e.b0, start, end);
  };
}

function readerOf1(shape: Shape, position: number): Eval {
  const { layout } = shape;
  const { kind, scale } = shape.columns[position]!.physical;
  const type = shape.columns[position]!.type;
  const temporal = infinityOf(type);
  const nullAt = layout.bitmapAt + (position >> 3);
  const nullBit = 1 << (position & 7);
  const at = layout.fixedAt[position]!;
  if (at >= 0) {
    return (e) =>
      e.null1 || (e.b1[e.r1 + nullAt]! & nullBit) !== 0
        ? null
        : finite(temporal, decodeFixed(kind, scale, e.v1, e.b1, e.r1 + at));
  }
  const variable = layout.variableIndex[position]!;
  return (e) => {
    if (e.null1 || (e.b1[e.r1 + nullAt]! & nullBit) !== 0) return null;
    const start = e.r1 + layout.variableStart(variable, e.v1, e.r1);
    const end = e.r1 + layout.variableEnd(variable, e.v1, e.r1);
    if (layout.isLong(variable, e.v1, e.r1)) return readLong(e, kind, type, e.v1, start);
    return decodeVariable(kind, type, e.b1, start, end);
  };
}

/** The value whose stored bytes these are. */
export function valueOfBytes(type: Oid, { kind, scale }: Physical, bytes: Uint8Array): SqlValue {
  if (isVariable(kind)) return decodeVariable(kind, type, bytes, 0, bytes.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return finite(infinityOf(type), decodeFixed(kind, scale, view, bytes, 0));
}

function readLong(e: Env, kind: number, type: Oid, view: DataView, at: number): SqlValue {
  const reference = readLongReference(view, at);
  return e.wait(() => readAndDecode(e.state.session, reference, kind, type));
}

/** Decoded once, however often the row is evaluated again. */
function* readAndDecode(session: Session, reference: LongReference, kind: number, type: Oid): Task<SqlValue> {
  const bytes = yield* session.readLong(reference);
  if (bytes.length > DECODED_BYTES && session.sliceOver()) yield session.slice();
  if (kind !== KIND_TEXT || bytes.length <= DECODED_BYTES) return decodeVariable(kind, type, bytes, 0, bytes.length);
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    let end = Math.min(at + DECODED_BYTES, bytes.length);
    // A code point's further bytes belong to its first.
    while (end < bytes.length && (bytes[end]! & 0xc0) === 0x80) end++;
    text += decodeUtf8(bytes, at, end);
    at = end;
    if (session.sliceOver()) yield session.slice();
  }
  return text;
}

/** Bytes of a text that are decoded at once. */
const DECODED_BYTES = 65_536;

const DATE_INFINITY = 2147483647;
const INT64_MAX = 9223372036854775807n;
const INT64_MIN = -9223372036854775808n;

/** The stored forms of infinity: PostgreSQL's, the ends of the integer's range. */
function infinityOf(type: Oid): 'date' | 'timestamp' | undefined {
  return type === 1082 ? 'date' : type === 1114 || type === 1184 ? 'timestamp' : undefined;
}

function finite(temporal: 'date' | 'timestamp' | undefined, value: SqlValue): SqlValue {
  if (temporal === undefined) return value;
  if (temporal === 'date') return value === DATE_INFINITY ? Infinity : value === -DATE_INFINITY - 1 ? -Infinity : value;
  if (typeof value !== 'bigint') return value;
  return value === INT64_MAX ? Infinity : value === INT64_MIN ? -Infinity : value;
}

/** Writes an I64 whose value may be an infinite timestamp. */
function putInt64(view: DataView, at: number, value: number | bigint): void {
  if (typeof value === 'number' && !Number.isFinite(value))
    view.setBigInt64(at, value > 0 ? INT64_MAX : INT64_MIN, true);
  else writeInt64(view, at, value);
}

/** The stored integer of a numeric with `scale` digits behind the point. */
export function scaledInteger(value: Numeric, scale: number): number | bigint {
  if (Number.isNaN(value.coefficient)) return DEC64_NAN;
  if (value.scale === scale) return value.coefficient;
  return value.scale < scale
    ? scaleUp(value.coefficient, scale - value.scale)
    : scaleDown(value.coefficient, value.scale - scale, true);
}

/** A writer of column `position` of rows of `shape`. */
export function columnWriter(shape: Shape, position: number): Writer {
  const { layout } = shape;
  const { kind, scale } = shape.columns[position]!.physical;
  const type = shape.columns[position]!.type;
  const at = layout.fixedAt[position]!;
  if (at < 0) return variableWriter(position, layout.variableIndex[position]!, kind, type);
  const write = fixedWriter(kind, scale);
  return (out, value) => {
    if (value === null) out.setNull(position);
    else write(out.view, out.bytes, out.at + at, value);
  };
}

function variableWriter(position: number, variable: number, kind: number, type: Oid): Writer {
  if (kind === KIND_TEXT || kind === KIND_BPCHAR || kind === KIND_NAME) {
    return (out, value) => {
      if (value === null) {
        out.setNull(position);
        out.putNothing(variable);
      } else out.putString(variable, value as string);
    };
  }
  const encode =
    kind === KIND_BYTES ? (value: Exclude<SqlValue, null>): Uint8Array => value as Uint8Array : encoderOf(kind, type);
  return (out, value) => {
    if (value === null) {
      out.setNull(position);
      out.putNothing(variable);
    } else {
      const bytes = encode(value);
      out.putBytes(variable, bytes, 0, bytes.length);
    }
  };
}

function encoderOf(kind: number, type: Oid): (value: Exclude<SqlValue, null>) => Uint8Array {
  const entry =
    kind === KIND_RECORD ? typeEntry(RECORD_OID) : kind === KIND_NUMERIC ? typeEntry(1700) : typeEntry(type);
  return (value) => {
    // Polymorphic results carry their own element type; its array type knows the encoding.
    const encode =
      value instanceof PgArray
        ? (entry.encode ?? typeEntry(typeEntry(value.elementType).arrayOid).encode)
        : value instanceof PgRecord
          ? typeEntry(RECORD_OID).encode
          : entry.encode;
    if (encode === undefined) broken(`type ${type} has no encoder`);
    return encode(value);
  };
}

/** Writes a non-null value of a fixed kind at a place. */
export function fixedWriter(
  kind: number,
  scale: number,
): (view: DataView, bytes: Uint8Array, at: number, value: Exclude<SqlValue, null>) => void {
  switch (kind) {
    case KIND_BOOL:
      return (_view, bytes, at, value) => {
        bytes[at] = value === true ? 1 : 0;
      };
    case KIND_CHAR1:
      return (_view, bytes, at, value) => {
        bytes[at] = (value as string).length === 0 ? 0 : (value as string).charCodeAt(0);
      };
    case KIND_I16:
      return (view, _bytes, at, value) => view.setInt16(at, value as number, true);
    case KIND_I32:
      return (view, _bytes, at, value) => {
        const n = value as number;
        view.setInt32(at, n === Infinity ? DATE_INFINITY : n === -Infinity ? -DATE_INFINITY - 1 : n, true);
      };
    case KIND_U32:
      return (view, _bytes, at, value) => view.setUint32(at, value as number, true);
    case KIND_I64:
      return (view, _bytes, at, value) => putInt64(view, at, value as number | bigint);
    case KIND_F32:
      return (view, _bytes, at, value) => view.setFloat32(at, value as number, true);
    case KIND_F64:
      return (view, _bytes, at, value) => view.setFloat64(at, value as number, true);
    case KIND_DEC64:
      return (view, _bytes, at, value) => writeInt64(view, at, scaledInteger(value as Numeric, scale));
    case KIND_UUID:
      return (_view, bytes, at, value) => writeUuid(bytes, at, value as string);
    case KIND_INTERVAL:
      return (view, _bytes, at, value) => {
        const interval = value as Interval;
        view.setInt32(at, interval.months, true);
        view.setInt32(at + 4, interval.days, true);
        writeInt64(view, at + 8, interval.micros);
      };
    default:
      return broken(`kind ${kind} is not fixed`);
  }
}

function writeUuid(bytes: Uint8Array, at: number, text: string): void {
  let to = at;
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) === 45) continue;
    bytes[to++] = Number.parseInt(text.slice(i, i + 2), 16);
    i++;
  }
}
