/** Values survive text, bytes of text, record bytes and wire bytes. */

import { expect, test } from 'vitest';
import { Prng } from '../../../src/base/prng.ts';
import { PgArray } from '../../../src/sql/types/array.ts';
import {
  readDate,
  readInt4,
  readInt8,
  readNumeric,
  readText,
  readTimestamp,
  writeDate,
  writeInt,
  writeNumeric,
  writeText,
  writeTimestamp,
} from '../../../src/sql/types/byte-format.ts';
import type { SqlValue } from '../../../src/sql/types/contracts.ts';
import { Interval } from '../../../src/sql/types/interval.ts';
import { Numeric, parseNumeric } from '../../../src/sql/types/numeric.ts';
import { PgRecord } from '../../../src/sql/types/record.ts';
import { decodeKind, encodeKind } from '../../../src/sql/types/value-bytes.ts';
import { compareValues } from '../../../src/sql/types/value-order.ts';
import { session, typeNamed, typeOf } from './support.ts';

const seed = Number(process.env['SEED'] ?? 20241120);
const context = session();
const encoder = new TextEncoder();
const decoder = new TextDecoder();

function bytesOf(text: string): [Uint8Array, number, number] {
  const bytes = encoder.encode(`xx${text}yy`);
  return [bytes, 2, bytes.length - 2];
}

test(`byte formats agree with the text forms (seed ${seed})`, () => {
  const prng = new Prng(seed);
  const buffer = new Uint8Array(80);
  for (let i = 0; i < 5000; i++) {
    const small = prng.uint32() | 0;
    const wide = Math.floor((prng.float() - 0.5) * 2 * 10 ** prng.below(16));
    const days = prng.below(3_000_000) - 700_000;
    const micros = Math.floor((prng.float() - 0.5) * 2 ** 53);
    const decimal = new Numeric(wide + 0, prng.below(10));
    for (const value of [small, wide + 0]) {
      expect(decoder.decode(buffer.subarray(3, writeInt(value, buffer, 3)))).toBe(String(value));
    }
    expect(readInt4(...bytesOf(String(small)))).toBe(small);
    if (Math.abs(wide) < 1e15) expect(readInt8(...bytesOf(String(wide)))).toBe(wide + 0);
    const date = typeNamed('date').format(days, context);
    expect(readDate(...bytesOf(date))).toBe(days <= 2921939 ? days : undefined);
    if (days <= 2921939) expect(decoder.decode(buffer.subarray(0, writeDate(days, buffer, 0)))).toBe(date);
    const timestamp = typeNamed('timestamp').format(micros, context);
    expect(readTimestamp(...bytesOf(timestamp))).toBe(micros);
    expect(decoder.decode(buffer.subarray(1, writeTimestamp(micros, buffer, 1)))).toBe(timestamp);
    expect(decoder.decode(buffer.subarray(0, writeNumeric(decimal, buffer, 0)))).toBe(String(decimal));
    if (String(decimal).length < 15) expect(String(readNumeric(...bytesOf(String(decimal))))).toBe(String(decimal));
  }
});

test('what is not plain is left to the long way', () => {
  for (const text of ['', '-', '+1', '1.5', ' 1', '2147483648', '12345678901']) {
    expect(readInt4(...bytesOf(text)), text).toBeUndefined();
  }
  for (const text of ['NaN', '1e5', '.', '1.2.3', '1234567890.123456']) {
    expect(readNumeric(...bytesOf(text)), text).toBeUndefined();
  }
  for (const text of ['2024-02-30', '2024-13-01', '0000-01-01', '24-01-01', '2024/01/01']) {
    expect(readDate(...bytesOf(text)), text).toBeUndefined();
  }
  expect(readTimestamp(...bytesOf('2024-01-01 24:00:00'))).toBeUndefined();
  expect(writeInt(2n ** 60n, new Uint8Array(30), 0)).toBe(-1);
  expect(writeTimestamp(Number.POSITIVE_INFINITY, new Uint8Array(30), 0)).toBe(-1);
});

test('text goes to bytes and back, and says when it does not fit', () => {
  const buffer = new Uint8Array(64);
  for (const text of ['', 'plain', 'äöü', '😀x', 'a'.repeat(60)]) {
    const end = writeText(text, buffer, 2);
    expect(readText(buffer, 2, end)).toBe(text);
  }
  expect(writeText('é'.repeat(40), buffer, 0)).toBe(-1);
});

const SAMPLES: readonly (readonly [string, readonly SqlValue[]])[] = [
  ['bool', [true, false]],
  ['int2', [0, -32768, 32767]],
  ['int4', [0, -2147483648, 2147483647]],
  ['int8', [0, 2 ** 53 - 1, -(2 ** 53 - 1), 2n ** 53n, -(2n ** 53n), 2n ** 63n - 1n, -(2n ** 63n)]],
  ['oid', [0, 4294967295]],
  ['float4', [0, -0, 1.5, Math.fround(0.1), Number.NaN, Infinity]],
  ['float8', [0, -0, 0.1, 5e-324, Number.NaN, -Infinity]],
  ['text', ['', 'abc', 'äöü😀']],
  ['name', ['pg_class']],
  ['char', ['', 'r']],
  ['bytea', [new Uint8Array([0, 255, 92]), new Uint8Array()]],
  ['uuid', ['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11']],
  ['date', [0, -2451545, 2145031948, Infinity, -Infinity]],
  ['time', [0, 86_400_000_000]],
  ['timestamp', [0, -1, 2n ** 60n, -(2n ** 55n), Infinity, -Infinity]],
  ['timestamptz', [0, 2 ** 52, Infinity]],
  ['interval', [new Interval(1, -2, 3), new Interval(0, 0, 2n ** 60n)]],
  ['numeric', ['0', '-1.50', '1e30', '0.00012', '12345.678', 'NaN', 'Infinity', '-Infinity'].map(parseNumeric)],
  ['_int4', [new PgArray(23, [1, null, -3]), new PgArray(23, []), new PgArray(23, [1, 2, 3, 4], [2, 2], [0, 5])]],
  ['_text', [new PgArray(25, ['a', null, '', 'ü'])]],
  ['_numeric', [new PgArray(1700, [parseNumeric('1.50'), null])]],
];

test.each(SAMPLES)('%s: record bytes, wire bytes and text give the value back', (name, values) => {
  const type = typeNamed(name);
  const kind = type.physical(-1)?.kind;
  if (kind === undefined) throw new Error(`${name} is not stored`);
  for (const value of values) {
    if (value === null) continue;
    const stored = encodeKind(kind, value);
    const padded = new Uint8Array(stored.length + 2);
    padded.set(stored, 1);
    expect(decodeKind(kind, padded, 1, 1 + stored.length, 0, type.oid)).toEqual(value);
    const wire = type.send?.(value) ?? new Uint8Array();
    expect(type.receive?.(wire, 0, wire.length, -1)).toEqual(value);
    expect(compareValues(type.parse(type.format(value, context), -1, context), value)).toBe(0);
  }
});

test('records keep their fields’ types', () => {
  const record = new PgRecord([23, 25, 1082, 1007], [1, null, Infinity, new PgArray(23, [1])]);
  const kind = typeNamed('record').physical(-1)?.kind ?? 0;
  const bytes = encodeKind(kind, record);
  expect(decodeKind(kind, bytes, 0, bytes.length)).toEqual(record);
  expect(typeNamed('record').format(record, context)).toBe('(1,,infinity,{1})');
});

test('binary values of a wrong length are refused', () => {
  for (const name of ['int4', 'float8', 'uuid', 'timestamp', 'numeric', '_int4']) {
    expect(() => typeOf(typeNamed(name).oid).receive?.(new Uint8Array(3), 0, 3, -1)).toThrow(/binary|format/);
  }
});
