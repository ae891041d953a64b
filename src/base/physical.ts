/**
 * Physical kinds: the few ways in which a value lies in a record, whatever its SQL type.
 *
 * Storage, row buffers, key encoders and generated code know only these. A SQL type names its kind; what the bytes of a
 * variable kind mean is fixed here because keys must be derivable from record bytes alone.
 *
 *   kind       bytes  content (all little-endian)
 *   BOOL         1    0 or 1
 *   CHAR1        1    the type "char": one byte
 *   I16          2    int2
 *   I32          4    int4, date (days from 2000-01-01)
 *   U32          4    oid, reg*
 *   I64          8    int8, time, timestamp, timestamptz (µs from 2000-01-01)
 *   F32, F64   4, 8   IEEE 754
 *   DEC64        8    numeric(p ≤ 15, s): the value × 10^s as a signed integer; NaN is the smallest int64
 *   UUID        16    as written, most significant byte first
 *   INTERVAL    16    months i32, days i32, µs i64
 *   TEXT         n    UTF-8
 *   BPCHAR       n    UTF-8, trailing blanks removed (char(n) pads on output, and compares without them)
 *   NAME         n    UTF-8, at most 63 bytes
 *   BYTES        n    bytea
 *   NUMERIC      n    flags u8 (0 +, 1 −, 2 NaN, 3 +Infinity, 4 −Infinity), dscale u16, weight i16 (of the first digit, in
 *                     powers of 10000), then base-10000 digits u16, no leading or trailing zero digit
 *   ARRAY        n    ndim u8, hasNulls u8, element kind u8, pad u8, element oid u32, then per dimension length i32 and
 *                     lower bound i32, then (if hasNulls) a bitmap of nulls, bit i of byte i>>3, 1 = null, then per element:
 *                     fixed kinds their bytes (a null takes none), variable kinds a length u32 and the bytes
 *   RECORD       n    count u16, then per field oid u32, length i32 (−1 = null), bytes of the field's kind
 */

export const KIND_BOOL = 0;
export const KIND_CHAR1 = 1;
export const KIND_I16 = 2;
export const KIND_I32 = 3;
export const KIND_U32 = 4;
export const KIND_I64 = 5;
export const KIND_F32 = 6;
export const KIND_F64 = 7;
export const KIND_DEC64 = 8;
export const KIND_UUID = 9;
export const KIND_INTERVAL = 10;
/** Kinds from here on have variable length. */
export const KIND_TEXT = 11;
export const KIND_BPCHAR = 12;
export const KIND_NAME = 13;
export const KIND_BYTES = 14;
export const KIND_NUMERIC = 15;
export const KIND_ARRAY = 16;
export const KIND_RECORD = 17;

export type PhysicalKind = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11 | 12 | 13 | 14 | 15 | 16 | 17;

const FIXED_BYTES: readonly number[] = [1, 1, 2, 4, 4, 8, 4, 8, 8, 16, 16];

/** Bytes that a fixed kind takes in a record; 0 for variable kinds. */
export function fixedBytes(kind: PhysicalKind): number {
  return FIXED_BYTES[kind] ?? 0;
}

export function isVariable(kind: PhysicalKind): boolean {
  return kind >= KIND_TEXT;
}
