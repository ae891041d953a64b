/**
 * Rows of a table as the layers above write them: a complete new row in a row buffer goes into the table's tree and every
 * index, or an old one leaves them.
 *
 * A row comes in as a *wide* record of the table's live columns; in the tree it is a *narrow* record of the current layout,
 * from which the longest values have moved to the long-value tree if it was too large. Older layouts are translated on
 * reading. `table-writer.ts` brings rows to their places. The row's key is its primary key, or a hidden row id of 6 bytes, big-endian.
 *
 * An index entry's key is the index's columns (each with a null marker) followed by the row's key; its record holds the columns
 * that the index INCLUDEs (`included-columns.ts`), and is empty without any.
 * Uniqueness is checked for a key's columns right before the entry goes in, with nothing suspending in between.
 */
import { assert, broken } from '../base/assert.ts';
import { fail } from '../base/errors.ts';
import { fixedBytes, isVariable } from '../base/physical.ts';
import type { Task } from '../base/task.ts';
import type { Store, Transaction } from '../storage/contracts.ts';
import { appendKeyPart, type KeyPart, type KeyWriter } from '../storage/record/key.ts';
import { skipKeyPart } from '../storage/record/key-skip.ts';
import { LONG_REFERENCE_BYTES, RecordLayout } from '../storage/record/layout.ts';
import type { RowBuffer } from '../storage/record/row-buffer.ts';
import type { Catalog, ColumnObject, IndexObject, TableObject } from './catalog.ts';
import { IncludedColumns } from './included-columns.ts';

const EMPTY = new Uint8Array(0);

/** One index as row changes see it. */
export interface IndexAccess {
  readonly index: IndexObject;
  /** Parts over the wide row; for an expression the part reads `expressionColumns` instead, see {@link IndexKeys}. */
  readonly parts: readonly KeyPart[];
  /** True when an indexed thing is not a plain column, or the index is partial: the layer above makes its key. */
  readonly computed: boolean;
  /** What its entries hold beside their keys; undefined = nothing. */
  readonly included: IncludedColumns | undefined;
}

/**
 * Makes the keys of computed indexes (expressions, partial indexes) from a wide row: appends the columns' part of the key and
 * answers true, or answers false when the row does not belong into the index.
 */
export type ComputedKeys = (
  index: IndexObject,
  bytes: Uint8Array,
  view: DataView,
  start: number,
  key: KeyWriter,
) => boolean;

/** What a table's own description says, prepared for row work. Made once per version of the table and its indexes. */
export class TableAccess {
  readonly table: TableObject;
  /** Live columns in order: those of the wide row and of the current layout. */
  readonly columns: readonly ColumnObject[];
  readonly layout: RecordLayout;
  readonly wideLayout: RecordLayout;
  /** Parts of the row key over the wide row; undefined = hidden row id. */
  readonly primaryParts: readonly KeyPart[] | undefined;
  readonly primaryIndex: IndexObject | undefined;
  readonly secondary: readonly IndexAccess[];
  /** Variable columns that keys are made of; computed keys may be made of any. */
  readonly #keyVariables: ReadonlySet<number>;
  readonly #store: Store;
  readonly #older = new Map<number, RecordLayout>();
  #stored = new Uint8Array(8192);
  #storedView = new DataView(this.#stored.buffer);

  constructor(store: Store, catalog: Catalog, table: TableObject) {
    this.#store = store;
    this.table = table;
    this.columns = table.columns.filter((c) => !c.dropped);
    const kinds = this.columns.map((c) => c.physical);
    const current = table.layouts[table.layouts.length - 1]!;
    this.layout = new RecordLayout(current.number, kinds, false);
    this.wideLayout = new RecordLayout(current.number, kinds, true);
    for (const layout of table.layouts) {
      const columns = layout.columns.map((number) => table.columns.find((c) => c.number === number)!.physical);
      this.#older.set(layout.number, new RecordLayout(layout.number, columns, false));
    }
    const indexes = catalog.liveIndexesOf(table.oid);
    this.primaryIndex = indexes.find((i) => i.oid === table.primaryIndex);
    this.primaryParts = this.primaryIndex === undefined ? undefined : this.#parts(this.primaryIndex, false);
    this.secondary = indexes
      .filter((i) => i.oid !== table.primaryIndex)
      .map((index) => ({
        index,
        parts: this.#parts(index, true),
        computed: index.predicate !== undefined || index.columns.some((c) => c.column === 0),
        included: index.include.length === 0 ? undefined : new IncludedColumns(this.columns, index.include),
      }));
    this.#keyVariables = this.#variablesOfKeys();
  }

  #variablesOfKeys(): Set<number> {
    const parts = [this.primaryParts ?? [], ...this.secondary.map((s) => s.parts)].flat();
    const columns = this.secondary.some((s) => s.computed)
      ? this.columns.map((_, position) => position)
      : parts.map((part) => part.column);
    return new Set(columns.map((column) => this.wideLayout.variableIndex[column]!).filter((v) => v >= 0));
  }

  /** May a key be made of this variable column? Then it is better not moved out of the row, and read back where it was. */
  isInKeys(variable: number): boolean {
    return this.#keyVariables.has(variable);
  }

  #parts(index: IndexObject, nullable: boolean): readonly KeyPart[] {
    return index.columns.map((c) => ({
      kind: c.physical.kind,
      column: this.columns.findIndex((column) => column.number === c.column),
      descending: c.descending,
      nullsFirst: c.nullsFirst,
      nullable,
    }));
  }

  /** Position of a column number among the live columns, or −1. */
  position(number: number): number {
    return this.columns.findIndex((c) => c.number === number);
  }

  /** Appends the row key of a wide row. @throws broken when the table is keyed by row id. */
  appendPrimaryKey(key: KeyWriter, bytes: Uint8Array, view: DataView, start: number): void {
    const parts = this.primaryParts;
    assert(parts !== undefined, 'primary key of a table without one');
    for (let i = 0; i < parts.length; i++) appendKeyPart(key, parts[i]!, this.wideLayout, view, bytes, start);
  }

  /** Bytes that the stored form of a wide row has, before long values move out. */
  storedLength(view: DataView, start: number): number {
    return this.wideLayout.length(view, start) - this.wideLayout.dataAt + this.layout.dataAt;
  }

  /** Where the last `toStored` or `translate` put its record. */
  get stored(): Uint8Array {
    return this.#stored;
  }

  get storedView(): DataView {
    return this.#storedView;
  }

  /** True when the record that `toStored` made last refers to long values. */
  storedHasLong = false;

  /**
   * Makes the stored form of a wide row that fits a page. @returns its length in {@link stored}, or −1 when values must move
   * out first.
   */
  toStored(bytes: Uint8Array, view: DataView, start: number): number {
    const { layout, wideLayout } = this;
    const length = this.storedLength(view, start);
    if (length > this.#store.recordBytesMax) return -1;
    this.#room(length);
    const target = this.#stored;
    const head = layout.offsetsAt;
    for (let i = 0; i < head; i++) target[i] = bytes[start + i]!;
    this.#storedView.setUint16(0, layout.number, true);
    const shift = wideLayout.dataAt - layout.dataAt;
    let long = 0;
    for (let v = 0; v < layout.variableCount; v++) {
      const end = view.getUint32(start + wideLayout.offsetsAt + v * 4, true);
      long |= end;
      this.#storedView.setUint16(
        layout.offsetsAt + v * 2,
        ((end & 0x7fffffff) - shift) | (end >= 0x80000000 ? 0x8000 : 0),
        true,
      );
    }
    this.storedHasLong = long < 0;
    if (length > layout.dataAt) {
      const from = start + wideLayout.dataAt;
      const count = length - layout.dataAt;
      if (count < 64) for (let i = 0; i < count; i++) target[layout.dataAt + i] = bytes[from + i]!;
      else target.set(bytes.subarray(from, from + count), layout.dataAt);
    }
    return length;
  }

  #room(length: number): void {
    if (this.#stored.length >= length) return;
    this.#stored = new Uint8Array(length * 2);
    this.#storedView = new DataView(this.#stored.buffer);
  }

  /**
   * Turns a stored record of an older layout into the current one, in {@link stored}. Columns that it lacks hold the default
   * they were added with.
   */
  translate(view: DataView, bytes: Uint8Array, start: number): void {
    const number = view.getUint16(start, true);
    const old = this.#older.get(number);
    if (old === undefined)
      throw fail('data_corrupted', `a row of table "${this.table.name}" has the unknown layout ${number}`);
    const oldColumns = this.table.layouts.find((l) => l.number === number)!.columns;
    const { layout } = this;
    this.#room(layout.dataAt + old.length(view, start) + this.#missingBytes());
    const target = this.#stored;
    this.#storedView.setUint16(0, layout.number, true);
    target.fill(0, layout.bitmapAt, layout.bitmapAt + layout.bitmapBytes);
    let end = layout.dataAt;
    for (let i = 0; i < this.columns.length; i++) {
      const column = this.columns[i]!;
      const from = oldColumns.indexOf(column.number);
      const isNull = from >= 0 ? old.isNull(from, bytes, start) : (column.missing ?? null) === null;
      if (isNull) target[layout.bitmapAt + (i >> 3)]! |= 1 << (i & 7);
      const value = from < 0 && !isNull ? Buffer.from(column.missing!, 'base64') : EMPTY;
      if (!isVariable(column.physical.kind)) {
        if (isNull) continue;
        const size = fixedBytes(column.physical.kind);
        target.set(
          from >= 0 ? bytes.subarray(start + old.fixedAt[from]!, start + old.fixedAt[from]! + size) : value,
          layout.fixedAt[i]!,
        );
        continue;
      }
      let long = 0;
      if (!isNull && from >= 0) {
        const variable = old.variableIndex[from]!;
        const first = start + old.variableStart(variable, view, start);
        const last = start + old.variableEnd(variable, view, start);
        if (old.isLong(variable, view, start)) long = 0x8000;
        target.set(bytes.subarray(first, last), end);
        end += last - first;
      } else if (!isNull) {
        target.set(value, end);
        end += value.length;
      }
      this.#storedView.setUint16(layout.offsetsAt + layout.variableIndex[i]! * 2, end | long, true);
    }
  }

  #missingBytes(): number {
    return this.columns.reduce((sum, c) => sum + (c.missing?.length ?? 0), 0);
  }

  /** Copies a stored record of any layout into the row that `out` (of the wide layout) builds, as a finished row. */
  toWide(view: DataView, bytes: Uint8Array, start: number, out: RowBuffer): number {
    let [v, b, r] = [view, bytes, start];
    if (view.getUint16(start, true) !== this.layout.number) {
      this.translate(view, bytes, start);
      [v, b, r] = [this.#storedView, this.#stored, 0];
    }
    const { layout } = this;
    out.start();
    const head = layout.offsetsAt;
    for (let i = 2; i < head; i++) out.bytes[out.at + i] = b[r + i]!;
    for (let variable = 0; variable < layout.variableCount; variable++) {
      const first = r + layout.variableStart(variable, v, r);
      out.putCopy(variable, b, first, r + layout.variableEnd(variable, v, r), layout.isLong(variable, v, r));
    }
    return out.finish();
  }

  /**
   * Moves the longest values of a wide row to the long-value tree until the row fits a page. The row is a finished one of
   * `rows`; a new one is appended. @returns the new row's address.
   */
  *moveLongValues(t: Transaction, rows: RowBuffer, address: number): Task<number> {
    const { wideLayout } = this;
    const chunk = rows.chunkOf(address);
    const moved = new Map<number, { tree: number; id: number; length: number }>();
    let length = this.storedLength(rows.views[chunk]!, rows.offsetOf(address));
    if (length <= this.#store.recordBytesMax) return address;
    while (length > this.#store.recordBytesMax) {
      const view = rows.views[chunk]!;
      const start = rows.offsetOf(address);
      const candidate = this.#longest(view, start, moved, false) ?? this.#longest(view, start, moved, true);
      if (candidate === undefined)
        throw fail(
          'program_limit_exceeded',
          `row is too big: size ${length}, maximum size ${this.#store.recordBytesMax}`,
        );
      const [longest, longestBytes] = candidate;
      const from = start + wideLayout.variableStart(longest, view, start);
      const id = yield* this.#store.writeLong(t, this.table.tree, rows.chunks[chunk]!, from, longestBytes);
      moved.set(longest, { tree: this.table.tree, id, length: longestBytes });
      length -= longestBytes - LONG_REFERENCE_BYTES;
    }
    const view = rows.views[chunk]!;
    const bytes = rows.chunks[chunk]!;
    const start = rows.offsetOf(address);
    rows.start();
    for (let i = 2; i < wideLayout.offsetsAt; i++) rows.bytes[rows.at + i] = bytes[start + i]!;
    for (let v = 0; v < wideLayout.variableCount; v++) {
      const reference = moved.get(v);
      if (reference !== undefined) rows.putLong(v, reference);
      else
        rows.putCopy(
          v,
          bytes,
          start + wideLayout.variableStart(v, view, start),
          start + wideLayout.variableEnd(v, view, start),
          wideLayout.isLong(v, view, start),
        );
    }
    return rows.finish();
  }

  /** The longest value that can move out of a row, and its bytes: one of those that keys are made of, or of the others. */
  #longest(
    view: DataView,
    start: number,
    moved: ReadonlyMap<number, unknown>,
    ofKeys: boolean,
  ): readonly [variable: number, bytes: number] | undefined {
    const { wideLayout } = this;
    let longest: readonly [number, number] | undefined;
    for (let v = 0; v < wideLayout.variableCount; v++) {
      if (this.isInKeys(v) !== ofKeys || moved.has(v) || wideLayout.isLong(v, view, start)) continue;
      const bytes = wideLayout.variableEnd(v, view, start) - wideLayout.variableStart(v, view, start);
      if (bytes > (longest?.[1] ?? LONG_REFERENCE_BYTES)) longest = [v, bytes];
    }
    return longest;
  }

  /** Appends the key of an index entry without the row key; false when the row is not in the index. */
  appendIndexKey(
    access: IndexAccess,
    computed: ComputedKeys | undefined,
    key: KeyWriter,
    bytes: Uint8Array,
    view: DataView,
    start: number,
  ): boolean {
    if (access.computed) {
      if (computed === undefined) broken('an index with expressions needs its keys computed');
      return computed(access.index, bytes, view, start, key);
    }
    for (let i = 0; i < access.parts.length; i++)
      appendKeyPart(key, access.parts[i]!, this.wideLayout, view, bytes, start);
    return true;
  }

  /** True when a unique index's key cannot collide because a column is null and nulls are distinct. */
  exemptFromUniqueness(access: IndexAccess, key: KeyWriter): boolean {
    if (!access.index.nullsDistinct) return false;
    return keyHasNull(access.parts, key.bytes, key.length);
  }
}

/** True when a part of an index key is null. Parts are read from the key itself, so that computed keys work too. */
function keyHasNull(parts: readonly KeyPart[], bytes: Uint8Array, length: number): boolean {
  let at = 0;
  for (let i = 0; i < parts.length && at < length; i++) {
    if (bytes[at] !== 1) return true;
    const part = parts[i]!;
    at = skipKeyPart(part.kind, part.nullable, part.descending, bytes, at);
  }
  return false;
}
