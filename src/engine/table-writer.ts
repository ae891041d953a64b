/**
 * Writing a table's rows: into its tree, its indexes and its long values.
 *
 *   row ──> the table's tree                        long values: row-long-values.ts
 *    └────> an entry in each index it belongs to    what it includes, and long values of its own: entry-records.ts
 *
 * The file stays whole: one rule runs through insert, update and remove, the order in which a row, its entries and what they
 * refer to are checked and written.
 */
import { broken } from '../base/assert.ts';
import { fail } from '../base/errors.ts';
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
import { compareKeys, KeyWriter } from '../storage/record/key.ts';
import type { RowBuffer } from '../storage/record/row-buffer.ts';
import { attempt, emptyKeyedRow } from './attempt.ts';
import type { IndexObject } from './catalog.ts';
import { EntryRecords } from './entry-records.ts';
import { KeyDoubts, type NotedKeys } from './key-doubts.ts';
import { type Place, place } from './read-long-values.ts';
import { appendRowId } from './row-ids.ts';
import { RowLongValues } from './row-long-values.ts';
import type { RowWatches } from './row-watches.ts';
import type { ComputedKeys, IndexAccess, TableAccess } from './table-access.ts';

const EMPTY = new Uint8Array(0);

/** The changes of one statement to one table: holds the buffers that row work needs. Not shared between tasks. */
export class TableWriter {
  readonly access: TableAccess;
  readonly #store: Store;
  #t: Transaction;
  readonly #watches: RowWatches;
  readonly #nextRowId: () => number;
  readonly #computed: ComputedKeys | undefined;
  /** Key of the row last written. */
  readonly key: KeyWriter = new KeyWriter();
  readonly #newKey = new KeyWriter();
  readonly #indexKey = new KeyWriter();
  readonly #oldIndexKey = new KeyWriter();
  readonly #row: Row;
  readonly #long: RowLongValues;
  /** By place among the secondary indexes: those that include columns. */
  readonly #records: readonly (EntryRecords | undefined)[];
  /** After a conflict: the live row's key in the table's tree. */
  readonly conflictKey: KeyWriter = new KeyWriter();
  /** True: inserts keep deferrable constraints at each row, and note no doubts. */
  keepsDeferrable = false;

  constructor(
    store: Store,
    t: Transaction,
    access: TableAccess,
    nextRowId: () => number,
    computed: ComputedKeys | undefined,
    watches: RowWatches,
  ) {
    this.#store = store;
    this.#t = t;
    this.access = access;
    this.#nextRowId = nextRowId;
    this.#computed = computed;
    this.#watches = watches;
    this.#row = emptyKeyedRow(store);
    this.#long = new RowLongValues(store, access);
    this.#records = access.secondary.map(({ index, included }) =>
      included === undefined ? undefined : new EntryRecords(store, index.tree, included, access.wideLayout),
    );
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
    const { bytes, view, start } = yield* this.#long.keyed(rows, address);
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

  #doubts: KeyDoubts | undefined;

  /** Keys of deferrable constraints that are perhaps no longer unique: to be looked at when their time has come. */
  takeDoubts(): (readonly [index: IndexObject, keys: NotedKeys])[] {
    return this.#doubts?.take() ?? [];
  }

  *#noteDoubt(index: IndexObject, { bytes, length }: KeyWriter): Task<void> {
    const status = yield* attempt(this.#store, () =>
      this.#store.mayCollide(this.#t, index.tree, bytes, length, this.#row),
    );
    if (status !== EXISTS) return;
    this.#doubts ??= new KeyDoubts();
    this.#doubts.add(index, bytes, length);
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
    if (length < 0 || access.storedHasLong) return NONE;
    key.length = 0;
    if (access.primaryParts === undefined) appendRowId(key, this.#nextRowId());
    else access.appendPrimaryKey(key, bytes, view, start);
    return this.#noted(appender.add(key.bytes, key.length, access.stored, 0, length), key.bytes, key.length);
  }

  /** Tells whoever watches the table of a row that is changed. @returns the status given. */
  #noted(status: number, key: Uint8Array, length: number): number {
    if (status === OK) this.#watches.of(this.access.table.tree)?.note(key, length);
    return status;
  }

  /**
   * Inserts a finished row of the wide layout. @returns the unique index that it violates, after which the statement must
   * roll back; undefined = done, and {@link key} is the row's key.
   */
  *insert(rows: RowBuffer, address: number): Task<IndexObject | undefined> {
    const { access } = this;
    // What is stored, and what keys are made of: the same unless values have to move out.
    let stored = place(rows, address);
    let keyed = stored;
    let length = access.toStored(stored.bytes, stored.view, stored.start);
    if (length < 0 || access.storedHasLong) {
      const own = yield* this.#long.own(rows, address, undefined);
      keyed = place(rows, own);
      stored = place(rows, yield* access.moveLongValues(this.#t, rows, own));
      length = access.toStored(stored.bytes, stored.view, stored.start);
    }
    const { bytes, view, start } = keyed;
    const key = this.key;
    key.length = 0;
    if (access.primaryParts === undefined) appendRowId(key, this.#nextRowId());
    else access.appendPrimaryKey(key, bytes, view, start);
    this.#checkKeyLength(key, access.primaryIndex?.name ?? access.table.name);
    for (;;) {
      const status = this.#store.insert(this.#t, access.table.tree, key.bytes, key.length, access.stored, 0, length);
      if (this.#noted(status, key.bytes, key.length) === OK) break;
      if (status === EXISTS) return access.primaryIndex;
      yield this.#store.need;
      length = access.toStored(stored.bytes, stored.view, stored.start);
    }
    for (let i = 0; i < access.secondary.length; i++) {
      const secondary = access.secondary[i]!;
      const records = this.#records[i];
      this.#indexKey.length = 0;
      if (!access.appendIndexKey(secondary, this.#computed, this.#indexKey, bytes, view, start)) continue;
      if (records !== undefined && !records.makeNow(keyed)) yield* records.make(this.#t, keyed);
      const conflict = yield* this.#insertEntry(secondary, this.#indexKey, key, records);
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
    if (length < 0 || access.storedHasLong) return NONE;
    key.length = 0;
    if (access.primaryParts === undefined) appendRowId(key, this.#nextRowId());
    else access.appendPrimaryKey(key, bytes, view, start);
    this.#checkKeyLength(key, access.primaryIndex?.name ?? access.table.name);
    const status = this.#store.insert(this.#t, access.table.tree, key.bytes, key.length, access.stored, 0, length);
    return this.#noted(status, key.bytes, key.length);
  }

  #checkKeyLength(key: KeyWriter, name: string): void {
    const max = this.#store.keyBytesMax;
    if (key.length > max)
      throw fail(
        'program_limit_exceeded',
        `index row size ${key.length} exceeds btree version 4 maximum ${max} for index "${name}"`,
      );
  }

  /** Inserts an index entry with the record that was made last; true when its columns collide with a live one. */
  *#insertEntry(
    access: IndexAccess,
    entry: KeyWriter,
    rowKey: KeyWriter,
    records: EntryRecords | undefined,
  ): Task<boolean> {
    const record = records?.bytes ?? EMPTY;
    const recordLength = records?.length ?? 0;
    const prefix = entry.length;
    const isKey = access.index.unique && !this.access.exemptFromUniqueness(access, entry);
    const check = isKey && (this.keepsDeferrable || access.index.deferrable !== true);
    if (isKey && !check) yield* this.#noteDoubt(access.index, entry);
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
      const { tree } = access.index;
      const status = this.#store.insert(this.#t, tree, entry.bytes, entry.length, record, 0, recordLength);
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
    const keyedBefore = yield* this.#long.keyed(oldRows, oldAddress);
    let after = place(rows, address);
    let keyed = after;
    let length = access.toStored(after.bytes, after.view, after.start);
    if (length < 0 || access.storedHasLong) {
      const own = yield* this.#long.own(rows, address, before);
      keyed = yield* this.#long.keyed(rows, own);
      after = place(rows, yield* access.moveLongValues(this.#t, rows, own));
      length = access.toStored(after.bytes, after.view, after.start);
    }
    const key = this.#newKey;
    key.length = 0;
    if (access.primaryParts === undefined) key.append(oldKey, 0, oldKeyLength);
    else access.appendPrimaryKey(key, keyed.bytes, keyed.view, keyed.start);
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
      const mode = this.#touchesUniqueKey(keyedBefore, keyed) ? ROW_UPDATE : ROW_NO_KEY_UPDATE;
      yield* attempt(this.#store, () => {
        length = access.toStored(after.bytes, after.view, after.start);
        return this.#store.update(this.#t, access.table.tree, key.bytes, key.length, access.stored, 0, length, mode);
      });
    }
    this.#noted(OK, oldKey, oldKeyLength);
    this.#noted(OK, key.bytes, key.length);
    this.key.length = 0;
    this.key.append(key.bytes, 0, key.length);
    for (let i = 0; i < access.secondary.length; i++) {
      const conflict = yield* this.#updateEntry(i, keyedBefore, keyed, oldKey, oldKeyLength, moves);
      if (conflict) return access.secondary[i]!.index;
    }
    yield* this.#long.remove(this.#t, before, after);
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
    if (length < 0 || access.storedHasLong) return NONE;
    const { tree } = access.table;
    const { stored } = access;
    const status = this.#store.update(this.#t, tree, oldKey, oldKeyLength, stored, 0, length, ROW_NO_KEY_UPDATE);
    return this.#noted(status, oldKey, oldKeyLength);
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
    i: number,
    before: Place,
    after: Place,
    oldKey: Uint8Array,
    oldKeyLength: number,
    moves: boolean,
  ): Task<boolean> {
    const { access } = this;
    const secondary = access.secondary[i]!;
    const records = this.#records[i];
    const stays = !moves && this.#sameEntry(secondary, before, after);
    if (stays && (records === undefined || records.isSame(before, after))) return false;
    const old = this.#oldIndexKey;
    old.length = 0;
    const was = access.appendIndexKey(secondary, this.#computed, old, before.bytes, before.view, before.start);
    if (was) {
      old.append(oldKey, 0, oldKeyLength);
      if (records !== undefined) yield* records.readOld(old.bytes, old.length);
      if (!stays) yield* this.#removeEntry(secondary, old);
    } else if (stays) return false;
    this.#indexKey.length = 0;
    const is = access.appendIndexKey(secondary, this.#computed, this.#indexKey, after.bytes, after.view, after.start);
    if (is && records !== undefined) yield* records.make(this.#t, after, was ? before : undefined);
    if (stays) yield* this.#replaceRecord(secondary, old, records);
    else if (is && (yield* this.#insertEntry(secondary, this.#indexKey, this.key, records))) return true;
    if (was && records !== undefined) yield* records.removeLong(this.#t, is);
    return false;
  }

  *#removeEntry(access: IndexAccess, entry: KeyWriter): Task<void> {
    yield* attempt(this.#store, () =>
      this.#store.remove(this.#t, access.index.tree, entry.bytes, entry.length, undefined),
    );
  }

  /** Gives an entry that stays the record that was made last. */
  *#replaceRecord(access: IndexAccess, entry: KeyWriter, records: EntryRecords | undefined): Task<void> {
    if (records === undefined) return;
    const { tree } = access.index;
    const mode = ROW_NO_KEY_UPDATE;
    yield* attempt(this.#store, () =>
      this.#store.update(this.#t, tree, entry.bytes, entry.length, records.bytes, 0, records.length, mode),
    );
  }

  /**
   * Deletes a row: its entry in every index, its long values, and itself.
   *
   * @param movedTo - what whoever waits for the row is told: where it is now.
   */
  *remove(
    oldRows: RowBuffer,
    oldAddress: number,
    oldKey: Uint8Array,
    oldKeyLength: number,
    movedTo?: Uint8Array,
  ): Task<void> {
    const { access } = this;
    const before = place(oldRows, oldAddress);
    const keyed = yield* this.#long.keyed(oldRows, oldAddress);
    yield* attempt(this.#store, () => this.#store.remove(this.#t, access.table.tree, oldKey, oldKeyLength, movedTo));
    this.#noted(OK, oldKey, oldKeyLength);
    for (let i = 0; i < access.secondary.length; i++) {
      const secondary = access.secondary[i]!;
      const old = this.#oldIndexKey;
      old.length = 0;
      if (!access.appendIndexKey(secondary, this.#computed, old, keyed.bytes, keyed.view, keyed.start)) continue;
      old.append(oldKey, 0, oldKeyLength);
      const records = this.#records[i];
      if (records !== undefined) yield* records.readOld(old.bytes, old.length);
      yield* this.#removeEntry(secondary, old);
      if (records !== undefined) yield* records.removeLong(this.#t, false);
    }
    yield* this.#long.remove(this.#t, before, undefined);
  }
}
