/**
 * What an index includes, against the rows: an entry's record must have the values that its row has, and the index's long-value
 * tree just those values that entries refer to.
 */
import { fixedBytes } from '../../base/physical.ts';
import type { Task } from '../../base/task.ts';
import type { IncludedColumns } from '../../engine/included-columns.ts';
import type { Place } from '../../engine/read-long-values.ts';
import { type RecordLayout, readLongReference, type Store } from '../../engine/record-port.ts';

export class IncludedAudit {
  readonly #store: Store;
  readonly #included: IncludedColumns;
  readonly #rows: RecordLayout;
  /** Long values that entries refer to. */
  references = 0;

  /** @param rows - layout of the rows that are compared. */
  constructor(store: Store, included: IncludedColumns, rows: RecordLayout) {
    this.#store = store;
    this.#included = included;
    this.#rows = rows;
  }

  /** Has an entry's record the values of its row? */
  *agrees(entry: Place, row: Place): Task<boolean> {
    let agrees = true;
    for (const [i, position] of this.#included.positions.entries()) {
      const a = yield* this.#value(this.#included.layout, i, entry, true);
      const b = yield* this.#value(this.#rows, position, row, false);
      agrees &&= a === undefined || b === undefined ? a === b : Buffer.compare(a, b) === 0;
    }
    return agrees;
  }

  /** A value's bytes; undefined is NULL. */
  *#value(
    layout: RecordLayout,
    column: number,
    { bytes, view, start }: Place,
    isEntry: boolean,
  ): Task<Uint8Array | undefined> {
    if (layout.isNull(column, bytes, start)) return undefined;
    const variable = layout.variableIndex[column]!;
    if (variable < 0) {
      const at = start + layout.fixedAt[column]!;
      return bytes.slice(at, at + fixedBytes(layout.columns[column]!.kind));
    }
    const from = start + layout.variableStart(variable, view, start);
    if (!layout.isLong(variable, view, start))
      return bytes.slice(from, start + layout.variableEnd(variable, view, start));
    if (isEntry) this.references++;
    const { tree, id, length } = readLongReference(view, from);
    const value = new Uint8Array(length);
    yield* this.#store.readLong(tree, id, 0, length, value, 0);
    return value;
  }
}
