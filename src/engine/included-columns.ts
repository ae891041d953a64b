/**
 * The columns that an index INCLUDEs: what its entries hold beside their keys.
 *
 *   entry   key: index columns, row key      record: the included columns, each once, in the one record layout
 *
 * The layout never has a second version: whatever would change it (a column's type) makes the index anew, and whatever takes a
 * column away takes the index along. Values too long for the record lie in the long-value tree of the index, and belong to the entry.
 */
import { RecordLayout } from '../storage/record/layout.ts';
import type { ColumnObject } from './catalog.ts';

/** Layout number of all entry records. */
const ENTRY_LAYOUT = 0;

export class IncludedColumns {
  /** Column numbers, in the order in which the record has them. */
  readonly numbers: readonly number[];
  /** Their places among the table's live columns. */
  readonly positions: readonly number[];
  readonly layout: RecordLayout;

  /** @param live - the table's live columns; `include` are numbers of some of them. */
  constructor(live: readonly ColumnObject[], include: readonly number[]) {
    this.numbers = [...new Set(include)];
    this.positions = this.numbers.map((number) => live.findIndex((c) => c.number === number));
    const kinds = this.positions.map((position) => live[position]!.physical);
    this.layout = new RecordLayout(ENTRY_LAYOUT, kinds, false);
  }
}
