/**
 * Rows from records to the wire.
 *
 *   D | length i32 | columns i16 | per column: length i32 (−1 = null), bytes
 *
 * For each column there is a function made for its type, its place in the record and its format. Integers, decimals, dates
 * and timestamps are written digit by digit, texts are copied byte by byte: no string and no buffer per value. What has no
 * such way goes through the type's `format` or `send`.
 */
import { unsupported } from '../base/errors.ts';
import {
  KIND_BOOL,
  KIND_BPCHAR,
  KIND_DEC64,
  KIND_I16,
  KIND_I32,
  KIND_I64,
  KIND_NAME,
  KIND_TEXT,
  KIND_U32,
} from '../base/physical.ts';
import { readInt64 } from '../engine/record-port.ts';
import type { Shape } from '../sql/exec/shape.ts';
import type { Env } from '../sql/exec/state.ts';
import { columnReader, type Eval, typeEntry } from '../sql/exec/values.ts';
import type { ResultColumn } from '../sql/session/results.ts';
import {
  DATE_BYTES_MAX,
  INT8_BYTES_MAX,
  NUMERIC_BYTES_MAX,
  TIMESTAMP_BYTES_MAX,
  writeDate,
  writeDecimal,
  writeInt,
  writeNumeric,
  writeTimestamp,
} from '../sql/types/byte-format.ts';
import type { SqlValue, TypeEntry } from '../sql/types/contracts.ts';
import { Numeric } from '../sql/types/numeric.ts';
import { padBpchar } from '../sql/types/text-types.ts';
import { DATA_ROW, formatOf } from './messages.ts';
import type { OutputBuffer } from './output.ts';

/** Result formats as Bind gives them: none = all text, one = for all columns, or one each. 0 text, 1 binary. */
export type Formats = readonly number[];
export const TEXT_FORMATS: Formats = [];

const DATE_OID = 1082;
const TIMESTAMP_OID = 1114;
const TIMESTAMPTZ_OID = 1184;
const BPCHAR_OID = 1042;

/** Writes a column that is not null, its length included. */
type FieldEncoder = (env: Env, out: OutputBuffer) => void;

/** Writes the row that the environment points to. When reading a value must wait, it throws and has written nothing. */
export type RowEncoder = (env: Env) => void;

export class RowFormat {
  readonly #fields: readonly FieldEncoder[];
  readonly #nullAt: Int32Array;
  readonly #nullBit: Int32Array;

  /** @param positions - where the columns lie in the shape; by default in order, one for one. */
  constructor(
    shape: Shape,
    columns: readonly ResultColumn[],
    formats: Formats,
    positions: readonly number[] = columns.map((_, i) => i),
  ) {
    this.#fields = positions.map((position, i) =>
      formatOf(formats, i) === 1 ? binaryField(shape, position, columns[i]!) : textField(shape, position, columns[i]!),
    );
    this.#nullAt = Int32Array.from(positions, (position) => shape.layout.bitmapAt + (position >> 3));
    this.#nullBit = Int32Array.from(positions, (position) => 1 << (position & 7));
  }

  write(env: Env, out: OutputBuffer): void {
    const fields = this.#fields;
    const count = fields.length;
    const start = out.at;
    out.room(7 + 4 * count);
    out.bytes[start] = DATA_ROW;
    out.view.setInt16(start + 5, count);
    out.at = start + 7;
    try {
      for (let i = 0; i < count; i++) {
        if ((env.b0[env.r0 + this.#nullAt[i]!]! & this.#nullBit[i]!) !== 0) out.int32(-1);
        else fields[i]!(env, out);
      }
    } catch (thrown) {
      out.at = start;
      throw thrown;
    }
    out.view.setInt32(start + 1, out.at - start - 1);
  }
}

// ── text ──

function textField(shape: Shape, position: number, column: ResultColumn): FieldEncoder {
  const { kind, scale } = shape.columns[position]!.physical;
  const at = shape.layout.fixedAt[position]!;
  const entry = typeEntry(column.type);
  const slow = formattedField(columnReader(shape, position, 0), entry, column);
  switch (kind) {
    case KIND_BOOL:
      return (env, out) => {
        out.room(5);
        out.view.setInt32(out.at, 1);
        out.bytes[out.at + 4] = env.b0[env.r0 + at] === 0 ? 0x66 : 0x74;
        out.at += 5;
      };
    case KIND_I16:
      return column.type === 21 ? integerField((env) => env.v0.getInt16(env.r0 + at, true)) : slow;
    case KIND_I32:
      if (column.type === DATE_OID) return dateField(at, slow);
      return column.type === 23 ? integerField((env) => env.v0.getInt32(env.r0 + at, true)) : slow;
    case KIND_U32:
      return column.type === 26 ? integerField((env) => env.v0.getUint32(env.r0 + at, true)) : slow;
    case KIND_I64:
      if (column.type === TIMESTAMP_OID || column.type === TIMESTAMPTZ_OID)
        return timestampField(at, column.type === TIMESTAMPTZ_OID, slow);
      return column.type === 20
        ? plainField(INT8_BYTES_MAX, (env, out, to) => writeInt(readInt64(env.v0, env.r0 + at), out.bytes, to), slow)
        : slow;
    case KIND_DEC64:
      return plainField(
        NUMERIC_BYTES_MAX,
        (env, out, to) => writeDecimal(readInt64(env.v0, env.r0 + at), scale, out.bytes, to),
        slow,
      );
    case KIND_TEXT:
    case KIND_NAME:
      return entry.category === 'S' || column.type === 705 ? bytesField(shape, position, 0, slow) : slow;
    case KIND_BPCHAR:
      return column.type === BPCHAR_OID
        ? bytesField(shape, position, column.typmod < 0 ? 0 : column.typmod - 4, slow)
        : slow;
    default:
      return slow;
  }
}

function integerField(read: (env: Env) => number): FieldEncoder {
  return (env, out) => {
    out.room(4 + INT8_BYTES_MAX);
    const to = out.at + 4;
    const end = writeInt(read(env), out.bytes, to);
    out.view.setInt32(out.at, end - to);
    out.at = end;
  };
}

/** A value written in its plain form where it has one (`write` ≥ 0), by `slow` where not. */
function plainField(
  bytesMax: number,
  write: (env: Env, out: OutputBuffer, to: number) => number,
  slow: FieldEncoder,
): FieldEncoder {
  return (env, out) => {
    out.room(4 + bytesMax);
    const to = out.at + 4;
    const end = write(env, out, to);
    if (end < 0) slow(env, out);
    else {
      out.view.setInt32(out.at, end - to);
      out.at = end;
    }
  };
}

function dateField(at: number, slow: FieldEncoder): FieldEncoder {
  return plainField(
    DATE_BYTES_MAX,
    (env, out, to) =>
      env.state.context.settings.dateStyle === 'ISO'
        ? writeDate(env.v0.getInt32(env.r0 + at, true), out.bytes, to)
        : -1,
    slow,
  );
}

const UTC = /^(UTC|Etc\/UTC|GMT)$/;

function timestampField(at: number, zoned: boolean, slow: FieldEncoder): FieldEncoder {
  return plainField(
    TIMESTAMP_BYTES_MAX + 3,
    (env, out, to) => {
      const { settings } = env.state.context;
      if (settings.dateStyle !== 'ISO' || (zoned && !UTC.test(settings.timeZone))) return -1;
      const end = writeTimestamp(readInt64(env.v0, env.r0 + at), out.bytes, to);
      if (end < 0 || !zoned) return end;
      out.bytes[end] = 0x2b;
      out.bytes[end + 1] = 0x30;
      out.bytes[end + 2] = 0x30;
      return end + 3;
    },
    slow,
  );
}

/** Text whose bytes in the record are those of the wire; `length` > 0 fills it with blanks to so many characters. */
function bytesField(shape: Shape, position: number, length: number, slow: FieldEncoder): FieldEncoder {
  const { layout } = shape;
  const variable = layout.variableIndex[position]!;
  return (env, out) => {
    if (layout.isLong(variable, env.v0, env.r0)) {
      slow(env, out);
      return;
    }
    const start = env.r0 + layout.variableStart(variable, env.v0, env.r0);
    const end = env.r0 + layout.variableEnd(variable, env.v0, env.r0);
    const blanks = length === 0 ? 0 : Math.max(0, length - characters(env.b0, start, end));
    out.int32(end - start + blanks);
    out.copy(env.b0, start, end);
    if (blanks === 0) return;
    out.room(blanks);
    out.bytes.fill(0x20, out.at, out.at + blanks);
    out.at += blanks;
  };
}

function characters(bytes: Uint8Array, start: number, end: number): number {
  let count = 0;
  for (let i = start; i < end; i++) if ((bytes[i]! & 0xc0) !== 0x80) count++;
  return count;
}

function formattedField(read: Eval, entry: TypeEntry, column: ResultColumn): FieldEncoder {
  const pad = column.type === BPCHAR_OID;
  return (env, out) => {
    const value = read(env);
    if (value === null) {
      out.int32(-1);
      return;
    }
    if (value instanceof Numeric) {
      out.room(4 + NUMERIC_BYTES_MAX);
      const end = writeNumeric(value, out.bytes, out.at + 4);
      if (end >= 0) {
        out.view.setInt32(out.at, end - out.at - 4);
        out.at = end;
        return;
      }
    }
    const text = formatValue(entry, value, env, pad ? column.typmod : -1);
    out.room(4);
    const lengthAt = out.at;
    out.at += 4;
    const written = out.text(text);
    out.view.setInt32(lengthAt, written);
  };
}

function formatValue(entry: TypeEntry, value: Exclude<SqlValue, null>, env: Env, padTo: number): string {
  const text = entry.format(value, env.state.context);
  return padTo < 0 ? text : padBpchar(text, padTo);
}

// ── binary ──

function binaryField(shape: Shape, position: number, column: ResultColumn): FieldEncoder {
  const { kind } = shape.columns[position]!.physical;
  const at = shape.layout.fixedAt[position]!;
  const entry = typeEntry(column.type);
  const { send } = entry;
  if (send === undefined) throw unsupported(`binary output of type ${entry.displayName}`);
  if (kind === KIND_TEXT || kind === KIND_NAME || kind === KIND_BPCHAR) {
    if (entry.category === 'S' || column.type === 705) return textField(shape, position, column);
  }
  if (kind === KIND_I32 && column.type === 23) {
    return (env, out) => {
      out.int32(4);
      out.int32(env.v0.getInt32(env.r0 + at, true));
    };
  }
  const read = columnReader(shape, position, 0);
  return (env, out) => {
    const value = read(env);
    if (value === null) {
      out.int32(-1);
      return;
    }
    const bytes = send(value);
    out.int32(bytes.length);
    out.copy(bytes, 0, bytes.length);
  };
}
