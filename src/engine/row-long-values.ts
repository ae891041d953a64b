/**
 * The long values of a table's rows, as rows are written.
 *
 * A long value belongs to one record. A row that comes from elsewhere (another table, another column) may carry a reference to
 * somebody else's: such a value is read, and the row gets a copy of its own. An updated row keeps the long values of the columns
 * that it does not change.
 */
import type { Task } from '../base/task.ts';
import type { Store, Transaction } from '../storage/contracts.ts';
import { readLongReference } from '../storage/record/layout.ts';
import type { RowBuffer } from '../storage/record/row-buffer.ts';
import { type Place, place, readLongValues } from './read-long-values.ts';
import type { TableAccess } from './table-access.ts';

export class RowLongValues {
  readonly #store: Store;
  readonly #access: TableAccess;

  constructor(store: Store, access: TableAccess) {
    this.#store = store;
    this.#access = access;
  }

  /** Gives a new row, as it is written, copies of long values that are others'. @returns its address. */
  *own(rows: RowBuffer, address: number, before: Place | undefined): Task<number> {
    const after = place(rows, address);
    const foreign = (v: number): boolean => !this.#keeps(v, before, after);
    return yield* readLongValues(this.#store, this.#access.wideLayout, rows, address, foreign);
  }

  /** A row with all that keys are made of inside of it. */
  *keyed(rows: RowBuffer, address: number): Task<Place> {
    const access = this.#access;
    const inKeys = (v: number): boolean => access.isInKeys(v);
    return place(rows, yield* readLongValues(this.#store, access.wideLayout, rows, address, inKeys));
  }

  /** Has the row's old state the same long value in the same column? */
  #keeps(v: number, before: Place | undefined, after: Place): boolean {
    const layout = this.#access.wideLayout;
    if (before === undefined || !layout.isLong(v, before.view, before.start)) return false;
    const old = readLongReference(before.view, before.start + layout.variableStart(v, before.view, before.start));
    const now = readLongReference(after.view, after.start + layout.variableStart(v, after.view, after.start));
    return old.id === now.id && old.tree === now.tree;
  }

  /** Gives up the long values of the old row that the new one does not carry on. */
  *remove(t: Transaction, before: Place, after: Place | undefined): Task<void> {
    const layout = this.#access.wideLayout;
    for (let v = 0; v < layout.variableCount; v++) {
      if (!layout.isLong(v, before.view, before.start)) continue;
      const { tree, id } = readLongReference(
        before.view,
        before.start + layout.variableStart(v, before.view, before.start),
      );
      if (after !== undefined && layout.isLong(v, after.view, after.start) && this.#keeps(v, before, after)) continue;
      yield* this.#store.removeLong(t, tree, id);
    }
  }
}
