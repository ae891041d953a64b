/**
 * The records of an index's entries: made of rows, read back, and rid of their long values.
 *
 *   row, all values inside, short enough ──────────────────────> record
 *   else   unchanged  <── the record that the entry had (a reference is carried on)
 *          changed    <── the row; what the table keeps elsewhere is read
 *                         the longest go to the index's own tree until the rest fits ──> record
 *
 * A long value of an entry belongs to it as a row's belongs to the row: it is never shared with the table, and goes when no
 * record carries it on. An entry is only touched by who holds its row's lock, so its newest state is the one that counts.
 */
import { fail } from '../base/errors.ts';
import { fixedBytes } from '../base/physical.ts';
import type { Task } from '../base/task.ts';
import { OK, type Row, type Store, type Transaction, type TreeId } from '../storage/contracts.ts';
import {
  LONG_REFERENCE_BYTES,
  type LongReference,
  type RecordLayout,
  readLongReference,
  writeLongReference,
} from '../storage/record/layout.ts';
import { attempt, emptyRow } from './attempt.ts';
import type { IncludedColumns } from './included-columns.ts';
import type { Place } from './read-long-values.ts';

/** A variable value on its way into a record: bytes, or where they are. */
type Part = { readonly bytes: Uint8Array; readonly start: number; readonly end: number } | LongReference;

const EMPTY = new Uint8Array(0);
const NOTHING: Part = { bytes: EMPTY, start: 0, end: 0 };
/** From here on a native copy is faster than a loop. */
const COPY_BYTES_MIN = 64;

export class EntryRecords {
  /** The record made last. */
  readonly bytes: Uint8Array;
  length = 0;
  readonly #view: DataView;
  readonly #store: Store;
  readonly #tree: TreeId;
  readonly #layout: RecordLayout;
  readonly #source: RecordLayout;
  readonly #positions: readonly number[];
  readonly #row: Row = emptyRow();
  /** The record that an entry had; it is there after `readOld` until `removeLong`. */
  readonly #old: Uint8Array;
  readonly #oldView: DataView;
  #hasOld = false;

  /** @param tree - of the index. @param source - layout of the rows that records are made of, which have the columns at `positions`. */
  constructor(
    store: Store,
    tree: TreeId,
    included: IncludedColumns,
    source: RecordLayout,
    positions: readonly number[] = included.positions,
  ) {
    this.#store = store;
    this.#tree = tree;
    this.#layout = included.layout;
    this.#source = source;
    this.#positions = positions;
    this.bytes = new Uint8Array(store.recordBytesMax);
    this.#view = new DataView(this.bytes.buffer);
    this.#old = this.#layout.variableCount === 0 ? EMPTY : new Uint8Array(store.recordBytesMax);
    this.#oldView = new DataView(this.#old.buffer);
  }

  /** Have two rows the same included values? Long ones are the same when they are one value. */
  isSame(before: Place, after: Place): boolean {
    for (let i = 0; i < this.#positions.length; i++) if (!this.#isSameColumn(i, before, after)) return false;
    return true;
  }

  #isSameColumn(i: number, before: Place, after: Place): boolean {
    const layout = this.#source;
    const position = this.#positions[i]!;
    const isNull = layout.isNull(position, before.bytes, before.start);
    if (isNull !== layout.isNull(position, after.bytes, after.start)) return false;
    if (isNull) return true;
    const variable = layout.variableIndex[position]!;
    if (variable < 0) {
      const at = layout.fixedAt[position]!;
      const size = fixedBytes(layout.columns[position]!.kind);
      return areEqual(before, before.start + at, after, after.start + at, size);
    }
    const from = layout.variableStart(variable, before.view, before.start);
    const to = layout.variableStart(variable, after.view, after.start);
    const length = layout.variableEnd(variable, before.view, before.start) - from;
    return (
      layout.variableEnd(variable, after.view, after.start) - to === length &&
      layout.isLong(variable, before.view, before.start) === layout.isLong(variable, after.view, after.start) &&
      areEqual(before, before.start + from, after, after.start + to, length)
    );
  }

  /** Makes the record of a row. @param before - the row's old state, whose record `readOld` has read. */
  *make(t: Transaction, row: Place, before?: Place): Task<void> {
    if (this.makeNow(row)) return;
    const parts: Part[] = [];
    for (let i = 0; i < this.#positions.length; i++) {
      const variable = this.#layout.variableIndex[i]!;
      if (variable < 0) continue;
      const keeps = before !== undefined && this.#hasOld && this.#isSameColumn(i, before, row);
      parts.push(keeps ? this.#oldPart(i, variable) : yield* this.#part(this.#positions[i]!, row));
    }
    yield* this.#shorten(t, parts);
    this.#putFixed(row);
    this.length = this.#putParts(parts);
  }

  /** The same on the spot, for a row that has all values inside; false when it has not, or the record would be too large. */
  makeNow(row: Place): boolean {
    const source = this.#source;
    const layout = this.#layout;
    const { bytes, view, start } = row;
    let length = layout.dataAt;
    for (let i = 0; i < this.#positions.length; i++) {
      const variable = source.variableIndex[this.#positions[i]!]!;
      if (variable < 0) continue;
      if (source.isLong(variable, view, start)) return false;
      length += source.variableEnd(variable, view, start) - source.variableStart(variable, view, start);
    }
    if (length > this.bytes.length) return false;
    this.#putFixed(row);
    let end = layout.dataAt;
    for (let i = 0; i < this.#positions.length; i++) {
      const variable = source.variableIndex[this.#positions[i]!]!;
      if (variable < 0) continue;
      const from = start + source.variableStart(variable, view, start);
      const to = start + source.variableEnd(variable, view, start);
      if (to - from < COPY_BYTES_MIN) for (let at = from; at < to; at++) this.bytes[end++] = bytes[at]!;
      else {
        this.bytes.set(bytes.subarray(from, to), end);
        end += to - from;
      }
      this.#view.setUint16(layout.offsetsAt + layout.variableIndex[i]! * 2, end, true);
    }
    this.length = length;
    return true;
  }

  /** Reads the record that an entry has now, before it is changed or removed; only its long values make that worth while. */
  *readOld(key: Uint8Array, keyLength: number): Task<void> {
    this.#hasOld = false;
    if (this.#layout.variableCount === 0) return;
    const row = this.#row;
    const status = yield* attempt(this.#store, () => this.#store.newest(this.#tree, key, keyLength, row));
    if (status !== OK) throw fail('data_corrupted', `an entry of the index tree ${this.#tree} is missing`);
    for (let i = 0; i < row.length; i++) this.#old[i] = row.bytes[row.start + i]!;
    this.#hasOld = true;
  }

  /** Gives up the long values of the old record. @param carriesOn - to the record made last, which keeps its own. */
  *removeLong(t: Transaction, carriesOn: boolean): Task<void> {
    if (!this.#hasOld) return;
    this.#hasOld = false;
    const layout = this.#layout;
    for (let v = 0; v < layout.variableCount; v++) {
      if (!layout.isLong(v, this.#oldView, 0)) continue;
      const old = readLongReference(this.#oldView, layout.variableStart(v, this.#oldView, 0));
      if (carriesOn && layout.isLong(v, this.#view, 0)) {
        const now = readLongReference(this.#view, layout.variableStart(v, this.#view, 0));
        if (now.id === old.id) continue;
      }
      yield* this.#store.removeLong(t, this.#tree, old.id);
    }
  }

  /** Everything but the variable columns. */
  #putFixed({ bytes, start }: Place): void {
    const source = this.#source;
    const layout = this.#layout;
    this.#view.setUint16(0, layout.number, true);
    for (let i = 0; i < layout.bitmapBytes; i++) this.bytes[layout.bitmapAt + i] = 0;
    for (let i = 0; i < this.#positions.length; i++) {
      const position = this.#positions[i]!;
      if (source.isNull(position, bytes, start)) this.bytes[layout.bitmapAt + (i >> 3)]! |= 1 << (i & 7);
      const to = layout.fixedAt[i]!;
      if (to < 0) continue;
      const from = start + source.fixedAt[position]!;
      const size = fixedBytes(layout.columns[i]!.kind);
      for (let b = 0; b < size; b++) this.bytes[to + b] = bytes[from + b]!;
    }
  }

  #oldPart(i: number, variable: number): Part {
    const layout = this.#layout;
    if (layout.isNull(i, this.#old, 0)) return NOTHING;
    const start = layout.variableStart(variable, this.#oldView, 0);
    if (layout.isLong(variable, this.#oldView, 0)) return readLongReference(this.#oldView, start);
    return { bytes: this.#old, start, end: layout.variableEnd(variable, this.#oldView, 0) };
  }

  /** A value of a row; one that is the table's is read. */
  *#part(position: number, { bytes, view, start }: Place): Task<Part> {
    const source = this.#source;
    const variable = source.variableIndex[position]!;
    const from = start + source.variableStart(variable, view, start);
    if (!source.isLong(variable, view, start))
      return { bytes, start: from, end: start + source.variableEnd(variable, view, start) };
    const { tree, id, length } = readLongReference(view, from);
    const value = new Uint8Array(length);
    yield* this.#store.readLong(tree, id, 0, length, value, 0);
    return { bytes: value, start: 0, end: length };
  }

  /** Moves the longest values to the index's long-value tree until the record is short enough. */
  *#shorten(t: Transaction, parts: Part[]): Task<void> {
    let length = this.#layout.dataAt + parts.reduce((sum, part) => sum + bytesOf(part), 0);
    while (length > this.bytes.length) {
      let longest = -1;
      for (let v = 0; v < parts.length; v++) {
        if ('id' in parts[v]! || bytesOf(parts[v]!) <= LONG_REFERENCE_BYTES) continue;
        if (longest < 0 || bytesOf(parts[v]!) > bytesOf(parts[longest]!)) longest = v;
      }
      const part = parts[longest];
      if (part === undefined || 'id' in part)
        throw fail('program_limit_exceeded', `index row is too big: size ${length}, maximum size ${this.bytes.length}`);
      const bytes = part.end - part.start;
      const id = yield* this.#store.writeLong(t, this.#tree, part.bytes, part.start, bytes);
      parts[longest] = { tree: this.#tree, id, length: bytes };
      length -= bytes - LONG_REFERENCE_BYTES;
    }
  }

  /** @returns where the record ends. */
  #putParts(parts: readonly Part[]): number {
    const { offsetsAt, dataAt } = this.#layout;
    let end = dataAt;
    for (const [v, part] of parts.entries()) {
      const isLong = 'id' in part;
      if (isLong) writeLongReference(this.#view, end, part);
      else this.bytes.set(part.bytes.subarray(part.start, part.end), end);
      end += bytesOf(part);
      this.#view.setUint16(offsetsAt + v * 2, isLong ? end | 0x8000 : end, true);
    }
    return end;
  }
}

/** Bytes that a part takes in the record. */
function bytesOf(part: Part): number {
  return 'id' in part ? LONG_REFERENCE_BYTES : part.end - part.start;
}

function areEqual(a: Place, aStart: number, b: Place, bStart: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (a.bytes[aStart + i] !== b.bytes[bStart + i]) return false;
  return true;
}
