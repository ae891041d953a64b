/** Long values back inside of their row: where a row gets copies of its own, and where keys are made of them. */
import type { Task } from '../base/task.ts';
import type { Store } from '../storage/contracts.ts';
import { type RecordLayout, readLongReference } from '../storage/record/layout.ts';
import type { RowBuffer } from '../storage/record/row-buffer.ts';

/** A finished row of a row buffer. It stays where it is when further rows are appended. */
export interface Place {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly start: number;
}

export function place(rows: RowBuffer, address: number): Place {
  const chunk = rows.chunkOf(address);
  return { bytes: rows.chunks[chunk]!, view: rows.views[chunk]!, start: rows.offsetOf(address) };
}

/**
 * Reads the long values of some variable columns into the row; a new row is appended where there are any.
 *
 * @returns the row's address.
 */
export function* readLongValues(
  store: Store,
  layout: RecordLayout,
  rows: RowBuffer,
  address: number,
  wanted: (variable: number) => boolean,
): Task<number> {
  const { bytes, view, start } = place(rows, address);
  const values = new Map<number, Uint8Array>();
  for (let v = 0; v < layout.variableCount; v++) {
    if (!layout.isLong(v, view, start) || !wanted(v)) continue;
    const { tree, id, length } = readLongReference(view, start + layout.variableStart(v, view, start));
    const value = new Uint8Array(length);
    yield* store.readLong(tree, id, 0, length, value, 0);
    values.set(v, value);
  }
  if (values.size === 0) return address;
  rows.start();
  for (let i = 2; i < layout.offsetsAt; i++) rows.bytes[rows.at + i] = bytes[start + i]!;
  for (let v = 0; v < layout.variableCount; v++) {
    const value = values.get(v);
    if (value !== undefined) {
      rows.putBytes(v, value, 0, value.length);
      continue;
    }
    const from = start + layout.variableStart(v, view, start);
    rows.putCopy(v, bytes, from, start + layout.variableEnd(v, view, start), layout.isLong(v, view, start));
  }
  return rows.finish();
}
