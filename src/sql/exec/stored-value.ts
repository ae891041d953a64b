/** Single values as the catalog keeps them: their stored bytes in base64, which no setting of a session can read differently. */
import { assert } from '../../base/assert.ts';
import { RowBuffer, RowMemory } from '../../engine/record-port.ts';
import type { Oid, Physical, SqlValue } from '../types/contracts.ts';
import { Shape } from './shape.ts';
import { columnWriter, valueOfBytes } from './values.ts';

/** The type of a value, as columns have it. */
export interface StoredType {
  readonly type: Oid;
  readonly typmod: number;
  readonly physical: Physical;
}

/** @param value - not NULL. */
export function storedBytes({ type, typmod, physical }: StoredType, value: SqlValue): string {
  assert(value !== null, 'a NULL has no stored bytes');
  const shape = new Shape([{ id: 1, type, typmod, physical }]);
  const rows = new RowBuffer(shape.layout, new RowMemory(Number.POSITIVE_INFINITY));
  rows.start();
  columnWriter(shape, 0)(rows, value);
  rows.finish();
  const { layout } = shape;
  const from = layout.fixedAt[0]! >= 0 ? layout.fixedAt[0]! : layout.dataAt;
  const end = layout.fixedAt[0]! >= 0 ? layout.bitmapAt : layout.variableEnd(0, rows.view, rows.at);
  const text = Buffer.from(rows.bytes.subarray(rows.at + from, rows.at + end)).toString('base64');
  rows.release();
  return text;
}

/** What {@link storedBytes} was given. */
export function storedValue({ type, physical }: StoredType, stored: string): Exclude<SqlValue, null> {
  const value = valueOfBytes(type, physical, Buffer.from(stored, 'base64'));
  assert(value !== null, 'a stored value is not NULL');
  return value;
}
