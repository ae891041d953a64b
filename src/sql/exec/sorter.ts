/**
 * Sorting in memory: what sorts, ordered aggregates and index builds share.
 *
 * Rows are gathered in a row buffer, each with its sort key (order-preserving bytes, so that comparing is memcmp). Runs of
 * 4,096 rows are sorted and merged pairwise, giving way between slices (law 9). The sort is stable.
 *
 *   prefix   the first six bytes of a key as a number, and the six behind them: most comparisons need no more
 *   run      five bytes of the first prefix and the row's place in the run, packed into one double each: the built-in sort orders them
 *            without asking back, and only rows with equal five bytes are compared
 *   merge    row numbers move together with both prefixes, so that what is compared lies side by side
 */

import { isVariable } from '../../base/physical.ts';
import type { Task } from '../../base/task.ts';
import { appendKeyPart, compareKeys, type KeyWriter, RowBuffer } from '../../engine/record-port.ts';
import type { SortKey } from '../plan/logical.ts';
import { compileEval, type Scope } from './evaluate.ts';
import { appendSortValue } from './key-values.ts';
import { type Shape, travelPhysical } from './shape.ts';
import type { SpilledRows } from './spill.ts';
import type { Env, ExecState } from './state.ts';

const RUN_ROWS = 4096;
const PREFIX_BYTES = 6;
/** Rows merged between two looks at the clock. */
const MERGE_ROWS = 2048;
/** The prefix's last byte is left out of a packed double. */
const PACKED_SHARE = 256;
/** Fewer rows are put in order by insertion. */
const INSERTED_MAX = 12;
const CHUNK_BYTES = 65536;
/** Rows written to disk between two looks at the clock. */
const WRITE_ROWS = 256;

/**
 * Appends the sort key of the environment's row to an empty key; false = the row is left out, and its key is not complete.
 *
 * @param last - rows are left out whose key is not less than this one.
 */
export type SortKeyMaker = (env: Env, key: KeyWriter, last?: Uint8Array) => boolean;

export function sortKeyMaker(keys: readonly SortKey[], scope: Scope): SortKeyMaker {
  const parts = keys.map((k) => partMaker(k, scope));
  return (env, key, last) => {
    let bound = last;
    for (let i = 0; i < parts.length; i++) {
      const from = key.length;
      parts[i]!(env, key);
      if (bound === undefined) continue;
      // No part of a key is the beginning of another one for the same column: the first byte that differs decides.
      const order = compareKeys(key.bytes, from, key.length, bound, from, Math.min(key.length, bound.length));
      if (order > 0) return false;
      if (order < 0) bound = undefined;
    }
    return bound === undefined;
  };
}

/** One part of a key: of a column from its bytes, without a value in between; of anything else from its value. */
function partMaker({ expr, descending, nullsFirst }: SortKey, scope: Scope): (env: Env, key: KeyWriter) => void {
  const evaluate = compileEval(expr, scope);
  const column = expr.kind === 'column' ? (scope.shape0?.position(expr.id) ?? -1) : -1;
  const physical = column < 0 ? travelPhysical(expr.type, expr.typmod) : scope.shape0!.columns[column]!.physical;
  const ofValue = (env: Env, key: KeyWriter): void =>
    appendSortValue(key, physical, descending, nullsFirst, evaluate(env));
  if (column < 0) return ofValue;
  const { layout } = scope.shape0!;
  const { kind } = physical;
  const part = { kind, column, descending, nullsFirst, nullable: true };
  const variable = isVariable(kind) ? layout.variableIndex[column]! : -1;
  return (env, key) => {
    const isElsewhere = env.null0 || (variable >= 0 && layout.isLong(variable, env.v0, env.r0));
    if (isElsewhere) ofValue(env, key);
    else appendKeyPart(key, part, layout, env.v0, env.b0, env.r0);
  };
}

/** Gathers rows with keys and orders them. */
export class Sorter {
  readonly rows: RowBuffer;
  /** Row numbers in order, after {@link sort}. */
  order: Uint32Array = new Uint32Array(0);
  #chunks: Uint8Array[] = [];
  #free = CHUNK_BYTES;
  #chunkOf = new Uint32Array(256);
  #offsetOf = new Uint32Array(256);
  #lengthOf = new Uint32Array(256);
  #prefixOf = new Float64Array(256);
  #charged = 0;
  readonly #state: ExecState;

  constructor(state: ExecState, shape: Shape) {
    this.#state = state;
    this.rows = new RowBuffer(shape.layout, state.memory);
  }

  get count(): number {
    return this.rows.count;
  }

  /** Adds the environment's row (its first record) with a key. */
  add(env: Env, key: KeyWriter): void {
    const number = this.rows.count;
    this.rows.appendRow(env.b0, env.v0, env.r0);
    this.#keep(number, key.bytes, 0, key.length);
  }

  /** Adds a row of another sorter with its key. */
  addFrom(other: Sorter, number: number): void {
    const { rows } = other;
    const address = rows.index[number]!;
    const chunk = address >>> 13;
    this.rows.appendRow(rows.chunks[chunk]!, rows.views[chunk]!, (address & 8191) << 3);
    this.#keep(this.rows.count - 1, other.keyBytes(number), other.keyAt(number), other.keyLength(number));
  }

  #keep(number: number, bytes: Uint8Array, at: number, length: number): void {
    if (number >= this.#chunkOf.length) {
      const size = this.#chunkOf.length * 2;
      this.#chunkOf = enlarge(this.#chunkOf, size);
      this.#offsetOf = enlarge(this.#offsetOf, size);
      this.#lengthOf = enlarge(this.#lengthOf, size);
      const prefixes = new Float64Array(size);
      prefixes.set(this.#prefixOf);
      this.#prefixOf = prefixes;
    }
    const last = this.#chunks[this.#chunks.length - 1];
    if (last === undefined || this.#free + length > last.length) {
      const size = number < 64 && length < 2048 ? 4096 : Math.max(CHUNK_BYTES, length);
      this.#chunks.push(new Uint8Array(size));
      this.#charged += size;
      this.#state.memory.charge(size);
      this.#free = 0;
    }
    const chunk = this.#chunks[this.#chunks.length - 1]!;
    for (let i = 0; i < length; i++) chunk[this.#free + i] = bytes[at + i]!;
    this.#chunkOf[number] = this.#chunks.length - 1;
    this.#offsetOf[number] = this.#free;
    this.#lengthOf[number] = length;
    this.#prefixOf[number] = prefixOf(chunk, this.#free, length);
    this.#free += length;
  }

  /** Compares two rows' keys. */
  compare(a: number, b: number): number {
    const order = this.#prefixOf[a]! - this.#prefixOf[b]!;
    if (order !== 0) return order;
    const aAt = this.#offsetOf[a]!;
    const bAt = this.#offsetOf[b]!;
    return compareKeys(
      this.#chunks[this.#chunkOf[a]!]!,
      aAt,
      aAt + this.#lengthOf[a]!,
      this.#chunks[this.#chunkOf[b]!]!,
      bAt,
      bAt + this.#lengthOf[b]!,
    );
  }

  *sort(): Task<void> {
    const { count } = this.rows;
    if (count <= RUN_ROWS) {
      this.order = new Uint32Array(count);
      this.#sortRun(this.order, 0, new Float64Array(count));
      return;
    }
    const packed = new Float64Array(RUN_ROWS);
    let from = makeMerged(count);
    for (let at = 0; at < count; at += RUN_ROWS) {
      const rows = from.rows.subarray(at, Math.min(count, at + RUN_ROWS));
      this.#sortRun(rows, at, packed.subarray(0, rows.length));
      this.#notePrefixes(from, at, at + rows.length);
      if (this.#state.spent(RUN_ROWS)) yield this.#state.session.slice();
    }
    let to = makeMerged(count);
    for (let run = RUN_ROWS; run < count; run *= 2) {
      for (let at = 0; at < count; at += run * 2)
        yield* this.#merge(from, to, at, Math.min(at + run, count), Math.min(at + run * 2, count));
      [from, to] = [to, from];
    }
    this.order = from.rows;
  }

  #notePrefixes({ rows, first, second }: Merged, from: number, to: number): void {
    for (let i = from; i < to; i++) {
      const row = rows[i]!;
      first[i] = this.#prefixOf[row]!;
      second[i] = prefixOf(
        this.keyBytes(row),
        this.#offsetOf[row]! + PREFIX_BYTES,
        this.#lengthOf[row]! - PREFIX_BYTES,
      );
    }
  }

  /** Puts rows `first`, `first` + 1 … in order. */
  #sortRun(rows: Uint32Array, first: number, packed: Float64Array): void {
    for (let i = 0; i < packed.length; i++)
      packed[i] = Math.floor(this.#prefixOf[first + i]! / PACKED_SHARE) * RUN_ROWS + i;
    packed.sort();
    let start = 0;
    let bytes = -1;
    for (let i = 0; i < packed.length; i++) {
      const here = Math.floor(packed[i]! / RUN_ROWS);
      if (here !== bytes) {
        if (i - start > 1) this.#sortEqual(rows.subarray(start, i));
        start = i;
        bytes = here;
      }
      rows[i] = first + packed[i]! - here * RUN_ROWS;
    }
    if (rows.length - start > 1) this.#sortEqual(rows.subarray(start));
  }

  /** Puts rows in order whose keys begin with the same bytes; they come in the order of their numbers. */
  #sortEqual(rows: Uint32Array): void {
    if (rows.length > INSERTED_MAX) {
      rows.sort((a, b) => this.compare(a, b) || a - b);
      return;
    }
    for (let i = 1; i < rows.length; i++) {
      const row = rows[i]!;
      let to = i;
      for (; to > 0 && this.compare(rows[to - 1]!, row) > 0; to--) rows[to] = rows[to - 1]!;
      rows[to] = row;
    }
  }

  *#merge(from: Merged, to: Merged, start: number, middle: number, end: number): Task<void> {
    let a = start;
    let b = middle;
    for (let i = start; i < end; ) {
      const stop = Math.min(end, i + MERGE_ROWS);
      for (; i < stop; i++) {
        const next = b >= end || (a < middle && this.#isBefore(from, a, b)) ? a++ : b++;
        to.rows[i] = from.rows[next]!;
        to.first[i] = from.first[next]!;
        to.second[i] = from.second[next]!;
      }
      if (this.#state.spent(MERGE_ROWS)) yield this.#state.session.slice();
    }
  }

  /** Comes a row of a run not behind one of the next run? */
  #isBefore({ rows, first, second }: Merged, a: number, b: number): boolean {
    if (first[a] !== first[b]) return first[a]! < first[b]!;
    if (second[a] !== second[b]) return second[a]! < second[b]!;
    return this.compare(rows[a]!, rows[b]!) <= 0;
  }

  /** A row's key: the bytes that hold it, its place there and its length. */
  keyBytes(number: number): Uint8Array {
    return this.#chunks[this.#chunkOf[number]!]!;
  }

  keyAt(number: number): number {
    return this.#offsetOf[number]!;
  }

  keyLength(number: number): number {
    return this.#lengthOf[number]!;
  }

  /** Writes the sorted rows with their keys to a run on disk, and empties the sorter. */
  *spillTo(run: SpilledRows): Task<void> {
    const { rows, order } = this;
    for (let i = 0; i < order.length; i++) {
      const number = order[i]!;
      const address = rows.index[number]!;
      const chunk = address >>> 13;
      run.add(
        rows.chunks[chunk]!,
        rows.views[chunk]!,
        (address & 8191) << 3,
        this.keyBytes(number),
        this.keyAt(number),
        this.keyLength(number),
      );
      if (i % WRITE_ROWS === WRITE_ROWS - 1 && this.#state.spent(WRITE_ROWS)) yield this.#state.session.slice();
    }
    this.clear();
  }

  clear(): void {
    this.rows.clear();
    this.#chunks = [];
    this.#free = CHUNK_BYTES;
    this.#state.memory.usedBytes -= this.#charged;
    this.#charged = 0;
    this.order = new Uint32Array(0);
  }

  release(): void {
    this.clear();
    this.rows.release();
  }
}

/** Row numbers in the order of their keys, run by run, and the first two prefixes of these keys. */
interface Merged {
  readonly rows: Uint32Array<ArrayBuffer>;
  readonly first: Float64Array;
  readonly second: Float64Array;
}

function makeMerged(count: number): Merged {
  return { rows: new Uint32Array(count), first: new Float64Array(count), second: new Float64Array(count) };
}

/** Six bytes of a key as a number, as if zeros followed it. */
function prefixOf(bytes: Uint8Array, at: number, length: number): number {
  let prefix = 0;
  for (let i = 0; i < PREFIX_BYTES; i++) prefix = prefix * 256 + (i < length ? bytes[at + i]! : 0);
  return prefix;
}

function enlarge(old: Uint32Array<ArrayBuffer>, size: number): Uint32Array<ArrayBuffer> {
  const next = new Uint32Array(size);
  next.set(old);
  return next;
}
