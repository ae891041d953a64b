/**
 * Rows of a table as the layers above write them: a complete new row in a row buffer goes into the table's tree and every
 * index, or an old one leaves them.
 *
 * A row comes in as a *wide* record of the table's live columns; in the tree it is a *narrow* record of the current layout,
 * from which the longest values have moved to the long-value tree if it was too large. Older layouts are translated on
 * reading. The row's key is its primary key, or a hidden row id of 6 bytes, big-endian.
 *
 * An index entry's key is the index's columns (each with a null marker) followed by the row's key; its record is empty.
 * Uniqueness is checked for a key's columns right before the entry goes in, with nothing suspending in between.
 */
import { assert, broken } from '../base/assert.ts';
import { fail } from '../base/errors.ts';
import { fixedBytes, isVariable } from '../base/physical.ts';
import type { Task } from '../base/task.ts';
import {
  type BulkAppender,
  EXISTS,
  NEED,
  NONE,
  OK,
  ROW_NO_KEY_UPDATE,
  ROW_UPDATE,
  type Row,
  type Store,
  type Transaction,
} from '../storage/contracts.ts';
import { appendKeyPart, compareKeys, type KeyPart, KeyWriter, skipKeyPart } from '../storage/record/key.ts';
import { LONG_REFERENCE_BYTES, RecordLayout, readLongReference } from '../storage/record/layout.ts';
import type { RowBuffer } from '../storage/record/row-buffer.ts';
import { attempt, emptyKeyedRow } from './attempt.ts';
import type { Catalog, ColumnObject, IndexObject, TableObject } from './catalog.ts';

export const ROW_ID_BYTES = 6;
const EMPTY = new Uint8Array(0);

/** One index as row changes see it. */
export interface IndexAccess {
  readonly index: IndexObject;
  /** Parts over the wide row; for an expression the part reads `expressionColumns` instead, see {@link IndexKeys}. */
  readonly parts: readonly KeyPart[];
  /** True when an indexed thing is not a plain column, or the index is partial: the layer above makes its key. */
  readonly computed: boolean;
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
      }));
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
    for (let v = 0; v < layout.variableCount; v++) {
      const end = view.getUint32(start + wideLayout.offsetsAt + v * 4, true);
      this.#storedView.setUint16(
        layout.offsetsAt + v * 2,
        ((end & 0x7fffffff) - shift) | (end >= 0x80000000 ? 0x8000 : 0),
        true,
      );
    }
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
    while (length > this.#store.recordBytesMax) {
      const view = rows.views[chunk]!;
      const start = rows.offsetOf(address);
      let longest = -1;
      let longestBytes = LONG_REFERENCE_BYTES;
      for (let v = 0; v < wideLayout.variableCount; v++) {
        const bytes = wideLayout.variableEnd(v, view, start) - wideLayout.variableStart(v, view, start);
        if (!moved.has(v) && !wideLayout.isLong(v, view, start) && bytes > longestBytes)
          [longest, longestBytes] = [v, bytes];
      }
      if (longest < 0)
        throw fail(
          'program_limit_exceeded',
          `row is too big: size ${length}, maximum size ${this.#store.recordBytesMax}`,
        );
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

/** The changes of one statement to one table: holds the buffers that row work needs. Not shared between tasks. */
export class TableWriter {
  readonly access: TableAccess;
  readonly #store: Store;
  #t: Transaction;
  readonly #nextRowId: () => number;
  readonly #computed: ComputedKeys | undefined;
  /** Key of the row last written. */
  readonly key: KeyWriter = new KeyWriter();
  readonly #newKey = new KeyWriter();
  readonly #indexKey = new KeyWriter();
  readonly #oldIndexKey = new KeyWriter();
  readonly #row: Row;
  /** After a conflict: the live row's key in the table's tree. */
  readonly conflictKey: KeyWriter = new KeyWriter();

  constructor(
    store: Store,
    t: Transaction,
    access: TableAccess,
    nextRowId: () => number,
    computed: ComputedKeys | undefined,
  ) {
    this.#store = store;
    this.#t = t;
    this.access = access;
    this.#nextRowId = nextRowId;
    this.#computed = computed;
    this.#row = emptyKeyedRow(store);
  }

  /** Goes on in another transaction. */
  enter(t: Transaction): void {
    this.#t = t;
  }

  /**
   * Looks for a live row that a new row would collide with, in the given unique indexes; waits for transactions that are
   * about to make or remove one. @returns the index, and `conflictKey` is set; undefined = none.
   */
  *findConflict(rows: RowBuffer, address: number, indexes: readonly IndexObject[]): Task<IndexObject | undefined> {
    const { access } = this;
    const bytes = rows.chunks[rows.chunkOf(address)]!;
    const view = rows.views[rows.chunkOf(address)]!;
    const start = rows.offsetOf(address);
    for (const index of indexes) {
      const key = this.#indexKey;
      key.length = 0;
      if (index === access.primaryIndex) access.appendPrimaryKey(key, bytes, view, start);
      else {
        const secondary = access.secondary.find((s) => s.index.oid === index.oid)!;
        if (!access.appendIndexKey(secondary, this.#computed, key, bytes, view, start)) continue;
        if (access.exemptFromUniqueness(secondary, key)) continue;
      }
      const tree = index === access.primaryIndex ? access.table.tree : index.tree;
      const status = yield* attempt(this.#store, () =>
        this.#store.checkUnique(this.#t, tree, key.bytes, key.length, this.#row),
      );
      if (status === EXISTS) {
        this.#noteConflict(index, key.length);
        return index;
      }
    }
    return undefined;
  }

  /** Commit sequence of the last conflict's row; own changes: Infinity. */
  conflictSeq = 0;

  #noteConflict(index: IndexObject, prefixLength: number): void {
    this.conflictSeq = this.#row.commitSeq;
    const from = index === this.access.primaryIndex ? 0 : prefixLength;
    this.conflictKey.length = 0;
    this.conflictKey.append(this.#row.key, from, this.#row.keyLength);
  }

  /**
   * Appends a wide row at the right edge of a table without secondary indexes. An attempt: OK, NEED, or NONE when the row
   * does not go there or is too large, after which the appender must be flushed and {@link insert} takes it.
   */
  append(appender: BulkAppender, bytes: Uint8Array, view: DataView, start: number): number {
    const { access, key } = this;
    const length = access.toStored(bytes, view, start);
    if (length < 0) return NONE;
    key.length = 0;
    if (access.primaryParts === undefined) appendRowId(key, this.#nextRowId());
    else access.appendPrimaryKey(key, bytes, view, start);
    return appender.add(key.bytes, key.length, access.stored, 0, length);
  }

  /**
   * Inserts a finished row of the wide layout. @returns the unique index that it violates, after which the statement must
   * roll back; undefined = done, and {@link key} is the row's key.
   */
  *insert(rows: RowBuffer, address: number): Task<IndexObject | undefined> {
    const { access } = this;
    let at = address;
    let chunk = rows.chunkOf(at);
    let length = access.toStored(rows.chunks[chunk]!, rows.views[chunk]!, rows.offsetOf(at));
    if (length < 0) {
      at = yield* access.moveLongValues(this.#t, rows, address);
      chunk = rows.chunkOf(at);
      length = access.toStored(rows.chunks[chunk]!, rows.views[chunk]!, rows.offsetOf(at));
    }
    const bytes = rows.chunks[chunk]!;
    const view = rows.views[chunk]!;
    const start = rows.offsetOf(at);
    const key = this.key;
    key.length = 0;
    if (access.primaryParts === undefined) appendRowId(key, this.#nextRowId());
    else access.appendPrimaryKey(key, bytes, view, start);
    this.#checkKeyLength(key, access.primaryIndex?.name ?? access.table.name);
    for (;;) {
      const status = this.#store.insert(this.#t, access.table.tree, key.bytes, key.length, access.stored, 0, length);
      if (status === OK) break;
      if (status === EXISTS) return access.primaryIndex;
      yield this.#store.need;
      length = access.toStored(bytes, view, start);
    }
    for (let i = 0; i < access.secondary.length; i++) {
      const secondary = access.secondary[i]!;
      this.#indexKey.length = 0;
      if (!access.appendIndexKey(secondary, this.#computed, this.#indexKey, bytes, view, start)) continue;
      const conflict = yield* this.#insertEntry(secondary, this.#indexKey, key);
      if (conflict) return secondary.index;
    }
    return undefined;
  }

  /**
   * Inserts a row of a table without secondary indexes, on the spot. An attempt: OK, EXISTS, NEED, or NONE for a row that is
   * too large. Unless it is OK nothing was inserted, and {@link insert} has to be run.
   */
  insertNow(rows: RowBuffer, address: number): number {
    const { access, key } = this;
    if (access.secondary.length > 0) return NONE;
    const chunk = rows.chunkOf(address);
    const bytes = rows.chunks[chunk]!;
    const view = rows.views[chunk]!;
    const start = rows.offsetOf(address);
    const length = access.toStored(bytes, view, start);
    if (length < 0) return NONE;
    key.length = 0;
    if (access.primaryParts === undefined) appendRowId(key, this.#nextRowId());
    else access.appendPrimaryKey(key, bytes, view, start);
    this.#checkKeyLength(key, access.primaryIndex?.name ?? access.table.name);
    return this.#store.insert(this.#t, access.table.tree, key.bytes, key.length, access.stored, 0, length);
  }

  #checkKeyLength(key: KeyWriter, name: string): void {
    const max = this.#store.keyBytesMax;
    if (key.length > max)
      throw fail(
        'program_limit_exceeded',
        `index row size ${key.length} exceeds btree version 4 maximum ${max} for index "${name}"`,
      );
  }

  /** Inserts an index entry; true when its columns collide with a live one. */
  *#insertEntry(access: IndexAccess, entry: KeyWriter, rowKey: KeyWriter): Task<boolean> {
    const prefix = entry.length;
    const check = access.index.unique && !this.access.exemptFromUniqueness(access, entry);
    entry.append(rowKey.bytes, 0, rowKey.length);
    this.#checkKeyLength(entry, access.index.name);
    for (;;) {
      if (check) {
        const unique = this.#store.checkUnique(this.#t, access.index.tree, entry.bytes, prefix, this.#row);
        if (unique === EXISTS) {
          this.#noteConflict(access.index, prefix);
          return true;
        }
        if (unique === NEED) {
          yield this.#store.need;
          continue;
        }
      }
      const status = this.#store.insert(this.#t, access.index.tree, entry.bytes, entry.length, EMPTY, 0, 0);
      if (status === OK) return false;
      if (status === EXISTS) broken(`index ${access.index.name} already has this row`);
      yield this.#store.need;
    }
  }

  /**
   * Replaces a row whose write lock the transaction can have: `oldRows`/`oldAddress` is its newest state as a wide row,
   * `oldKey` its key. @returns the violated unique index, or undefined.
   */
  *update(
    oldRows: RowBuffer,
    oldAddress: number,
    oldKey: Uint8Array,
    oldKeyLength: number,
    rows: RowBuffer,
    address: number,
  ): Task<IndexObject | undefined> {
    const { access } = this;
    const before = place(oldRows, oldAddress);
    let at = address;
    let after = place(rows, at);
    let length = access.toStored(after.bytes, after.view, after.start);
    if (length < 0) {
      at = yield* access.moveLongValues(this.#t, rows, address);
      after = place(rows, at);
      length = access.toStored(after.bytes, after.view, after.start);
    }
    const key = this.#newKey;
    key.length = 0;
    if (access.primaryParts === undefined) key.append(oldKey, 0, oldKeyLength);
    else access.appendPrimaryKey(key, after.bytes, after.view, after.start);
    this.#checkKeyLength(key, access.primaryIndex?.name ?? access.table.name);
    const moves = compareKeys(key.bytes, 0, key.length, oldKey, 0, oldKeyLength) !== 0;
    if (moves) {
      const moved = key.bytes.slice(0, key.length);
      yield* attempt(this.#store, () => this.#store.remove(this.#t, access.table.tree, oldKey, oldKeyLength, moved));
      const status = yield* attempt(this.#store, () => {
        length = access.toStored(after.bytes, after.view, after.start);
        return this.#store.insert(this.#t, access.table.tree, key.bytes, key.length, access.stored, 0, length);
      });
      if (status === EXISTS) return access.primaryIndex;
    } else {
      const mode = this.#touchesUniqueKey(before, after) ? ROW_UPDATE : ROW_NO_KEY_UPDATE;
      yield* attempt(this.#store, () => {
        length = access.toStored(after.bytes, after.view, after.start);
        return this.#store.update(this.#t, access.table.tree, key.bytes, key.length, access.stored, 0, length, mode);
      });
    }
    this.key.length = 0;
    this.key.append(key.bytes, 0, key.length);
    for (let i = 0; i < access.secondary.length; i++) {
      const conflict = yield* this.#updateEntry(access.secondary[i]!, before, after, oldKey, oldKeyLength, moves);
      if (conflict) return access.secondary[i]!.index;
    }
    yield* this.#removeLongValues(before, after);
    return undefined;
  }

  /**
   * Replaces a row that keeps its key, in a table without secondary indexes, on the spot; the old row must have no long values.
   * An attempt: OK, NEED, or NONE for a row that is not like that. Unless it is OK nothing was changed, and {@link update} has
   * to be run.
   */
  updateNow(oldKey: Uint8Array, oldKeyLength: number, rows: RowBuffer, address: number): number {
    const { access } = this;
    if (access.secondary.length > 0) return NONE;
    const chunk = rows.chunkOf(address);
    const bytes = rows.chunks[chunk]!;
    const view = rows.views[chunk]!;
    const start = rows.offsetOf(address);
    if (access.primaryParts !== undefined) {
      const key = this.#newKey;
      key.length = 0;
      access.appendPrimaryKey(key, bytes, view, start);
      if (compareKeys(key.bytes, 0, key.length, oldKey, 0, oldKeyLength) !== 0) return NONE;
    }
    const length = access.toStored(bytes, view, start);
    if (length < 0) return NONE;
    const { tree } = access.table;
    return this.#store.update(this.#t, tree, oldKey, oldKeyLength, access.stored, 0, length, ROW_NO_KEY_UPDATE);
  }

  /** True when columns of a unique index change: then the row is locked as FOR UPDATE, not FOR NO KEY UPDATE. */
  #touchesUniqueKey(before: Place, after: Place): boolean {
    for (const secondary of this.access.secondary) {
      if (secondary.index.unique && !secondary.computed && !this.#sameEntry(secondary, before, after)) return true;
    }
    return false;
  }

  #sameEntry(secondary: IndexAccess, before: Place, after: Place): boolean {
    const { access } = this;
    this.#oldIndexKey.length = 0;
    this.#indexKey.length = 0;
    const was = access.appendIndexKey(
      secondary,
      this.#computed,
      this.#oldIndexKey,
      before.bytes,
      before.view,
      before.start,
    );
    const is = access.appendIndexKey(secondary, this.#computed, this.#indexKey, after.bytes, after.view, after.start);
    if (!was || !is) return was === is;
    return (
      compareKeys(
        this.#oldIndexKey.bytes,
        0,
        this.#oldIndexKey.length,
        this.#indexKey.bytes,
        0,
        this.#indexKey.length,
      ) === 0
    );
  }

  *#updateEntry(
    secondary: IndexAccess,
    before: Place,
    after: Place,
    oldKey: Uint8Array,
    oldKeyLength: number,
    moves: boolean,
  ): Task<boolean> {
    if (!moves && this.#sameEntry(secondary, before, after)) return false;
    const { access } = this;
    const old = this.#oldIndexKey;
    old.length = 0;
    if (access.appendIndexKey(secondary, this.#computed, old, before.bytes, before.view, before.start)) {
      old.append(oldKey, 0, oldKeyLength);
      yield* attempt(this.#store, () =>
        this.#store.remove(this.#t, secondary.index.tree, old.bytes, old.length, undefined),
      );
    }
    this.#indexKey.length = 0;
    if (!access.appendIndexKey(secondary, this.#computed, this.#indexKey, after.bytes, after.view, after.start))
      return false;
    return yield* this.#insertEntry(secondary, this.#indexKey, this.key);
  }

  /** Deletes a row: its entry in every index, its long values, and itself. */
  *remove(oldRows: RowBuffer, oldAddress: number, oldKey: Uint8Array, oldKeyLength: number): Task<void> {
    const { access } = this;
    const before = place(oldRows, oldAddress);
    yield* attempt(this.#store, () => this.#store.remove(this.#t, access.table.tree, oldKey, oldKeyLength, undefined));
    for (let i = 0; i < access.secondary.length; i++) {
      const secondary = access.secondary[i]!;
      const old = this.#oldIndexKey;
      old.length = 0;
      if (!access.appendIndexKey(secondary, this.#computed, old, before.bytes, before.view, before.start)) continue;
      old.append(oldKey, 0, oldKeyLength);
      yield* attempt(this.#store, () =>
        this.#store.remove(this.#t, secondary.index.tree, old.bytes, old.length, undefined),
      );
    }
    yield* this.#removeLongValues(before, undefined);
  }

  /** Gives up the long values of the old row that the new one does not carry on. */
  *#removeLongValues(before: Place, after: Place | undefined): Task<void> {
    const layout = this.access.wideLayout;
    for (let v = 0; v < layout.variableCount; v++) {
      if (!layout.isLong(v, before.view, before.start)) continue;
      const { tree, id } = readLongReference(
        before.view,
        before.start + layout.variableStart(v, before.view, before.start),
      );
      if (after !== undefined && layout.isLong(v, after.view, after.start)) {
        const kept = readLongReference(after.view, after.start + layout.variableStart(v, after.view, after.start));
        if (kept.id === id && kept.tree === tree) continue;
      }
      yield* this.#store.removeLong(this.#t, tree, id);
    }
  }
}

interface Place {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly start: number;
}

function place(rows: RowBuffer, address: number): Place {
  const chunk = rows.chunkOf(address);
  return { bytes: rows.chunks[chunk]!, view: rows.views[chunk]!, start: rows.offsetOf(address) };
}

/** Appends a hidden row id: 48 bits, big-endian. */
export function appendRowId(key: KeyWriter, id: number): void {
  key.room(ROW_ID_BYTES);
  key.view.setUint16(key.length, Math.floor(id / 4294967296));
  key.view.setUint32(key.length + 2, id >>> 0);
  key.length += ROW_ID_BYTES;
}

export function readRowId(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at]! * 256 + bytes[at + 1]!) * 4294967296 +
    ((bytes[at + 2]! << 24) | (bytes[at + 3]! << 16) | (bytes[at + 4]! << 8) | bytes[at + 5]!) +
    (bytes[at + 2]! >= 128 ? 4294967296 : 0)
  );
}
