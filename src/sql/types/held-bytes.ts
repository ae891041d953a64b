/** About how much memory a value takes that the executor keeps: for budgets, not exact. */
import { PgArray } from './array.ts';
import type { SqlValue } from './contracts.ts';
import { PgRecord } from './record.ts';

const SLOT_BYTES = 8;
const OBJECT_BYTES = 40;

export function heldBytes(value: SqlValue): number {
  if (typeof value === 'string') return SLOT_BYTES + OBJECT_BYTES + value.length;
  if (typeof value !== 'object' || value === null) return SLOT_BYTES;
  if (value instanceof Uint8Array) return SLOT_BYTES + 2 * OBJECT_BYTES + value.length;
  if (value instanceof PgArray || value instanceof PgRecord) {
    let bytes = SLOT_BYTES + OBJECT_BYTES;
    for (const part of value.values) bytes += heldBytes(part);
    return bytes;
  }
  return SLOT_BYTES + OBJECT_BYTES;
}
