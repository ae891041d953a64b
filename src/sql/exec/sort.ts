/**
 * Sorting, and the sorter that windows, DISTINCT ON and ordered aggregates share.
 *
 * Beyond `work_mem` sorted runs go to disk and are merged from there.
 *
 * Rows are gathered in a row buffer, each with its sort key (order-preserving bytes, so that comparing is memcmp). Runs of
 * 4,096 rows are sorted with the built-in sort and merged pairwise, giving way between slices (law 9). The sort is stable.
 */
import type { Task } from '../../base/task.ts';
import { compareKeys, KeyWriter, RowBuffer } from '../../engine/record-port.ts';
import type { SortKey } from '../plan/logical.ts';
import { compileEval, type Scope } from './evaluate.ts';
import { appendSortValue } from './key-values.ts';
import { BATCH_ROWS, evaluateRow, Operator, type PlanNode, pointAt, startPlan } from './operator.ts';
import { type Shape, travelPhysical } from './shape.ts';
import { SpilledRows } from './spill.ts';
import { Env, type ExecState } from './state.ts';

const RUN_ROWS = 4096;
const CHUNK_BYTES = 65536;
/** Runs on disk have at least this many rows, whatever else takes the statement's memory. */
const SPILL_ROWS_MIN = 1024;

/** Appends the sort key of the environment's row. */
export type SortKeyMaker = (env: Env, key: KeyWriter) => void;

export function sortKeyMaker(keys: readonly SortKey[], scope: Scope): SortKeyMaker {
  const parts = keys.map((k) => ({
    evaluate: compileEval(k.expr, scope),
    physical: travelPhysical(k.expr.type, k.expr.typmod),
    descending: k.descending,
    nullsFirst: k.nullsFirst,
  }));
  return (env, key) => {
    for (let i = 0; i < parts.length; i++) {
      const p = parts[i]!;
      appendSortValue(key, p.physical, p.descending, p.nullsFirst, p.evaluate(env));
    }
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
    this.#keep(number, key);
  }

  #keep(number: number, key: KeyWriter): void {
    if (number >= this.#chunkOf.length) {
      const size = this.#chunkOf.length * 2;
      this.#chunkOf = enlarge(this.#chunkOf, size);
      this.#offsetOf = enlarge(this.#offsetOf, size);
      this.#lengthOf = enlarge(this.#lengthOf, size);
    }
    const { length } = key;
    const last = this.#chunks[this.#chunks.length - 1];
    if (last === undefined || this.#free + length > last.length) {
      const size = number < 64 && length < 2048 ? 4096 : Math.max(CHUNK_BYTES, length);
      this.#chunks.push(new Uint8Array(size));
      this.#charged += size;
      this.#state.memory.usedBytes += size;
      this.#free = 0;
    }
    const chunk = this.#chunks[this.#chunks.length - 1]!;
    for (let i = 0; i < length; i++) chunk[this.#free + i] = key.bytes[i]!;
    this.#chunkOf[number] = this.#chunks.length - 1;
    this.#offsetOf[number] = this.#free;
    this.#lengthOf[number] = length;
    this.#free += length;
  }

  /** Copies a row's key. */
  copyKey(number: number, into: KeyWriter): void {
    const at = this.#offsetOf[number]!;
    into.length = 0;
    into.append(this.#chunks[this.#chunkOf[number]!]!, at, at + this.#lengthOf[number]!);
  }

  /** True when the keys of two rows begin with the same `length` bytes. */
  samePrefix(a: number, b: number, length: number): boolean {
    const aAt = this.#offsetOf[a]!;
    const bAt = this.#offsetOf[b]!;
    const aChunk = this.#chunks[this.#chunkOf[a]!]!;
    const bChunk = this.#chunks[this.#chunkOf[b]!]!;
    for (let i = 0; i < length; i++) if (aChunk[aAt + i] !== bChunk[bAt + i]) return false;
    return true;
  }

  /** Compares two rows' keys. */
  compare(a: number, b: number): number {
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
    let from = new Uint32Array(count);
    for (let i = 0; i < count; i++) from[i] = i;
    const compare = (a: number, b: number): number => this.compare(a, b) || a - b;
    for (let at = 0; at < count; at += RUN_ROWS) {
      from.subarray(at, Math.min(count, at + RUN_ROWS)).sort(compare);
      if (this.#state.spent(RUN_ROWS)) yield this.#state.session.slice();
    }
    let to = new Uint32Array(count);
    for (let run = RUN_ROWS; run < count; run *= 2) {
      for (let at = 0; at < count; at += run * 2)
        yield* this.#merge(from, to, at, Math.min(at + run, count), Math.min(at + run * 2, count));
      [from, to] = [to, from];
    }
    this.order = from;
  }

  *#merge(from: Uint32Array, to: Uint32Array, start: number, middle: number, end: number): Task<void> {
    let a = start;
    let b = middle;
    for (let i = start; i < end; i++) {
      to[i] = b >= end || (a < middle && this.compare(from[a]!, from[b]!) <= 0) ? from[a++]! : from[b++]!;
      if ((i & 2047) === 2047 && this.#state.spent(2048)) yield this.#state.session.slice();
    }
  }

  /** Writes the sorted rows with their keys to a run on disk, and empties the sorter. */
  spillTo(run: SpilledRows): void {
    for (const number of this.order) {
      const address = this.rows.index[number]!;
      const chunk = address >>> 13;
      const at = this.#offsetOf[number]!;
      const keys = this.#chunks[this.#chunkOf[number]!]!;
      run.add(
        this.rows.chunks[chunk]!,
        this.rows.views[chunk]!,
        (address & 8191) << 3,
        keys.subarray(at),
        this.#lengthOf[number]!,
      );
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

function enlarge(old: Uint32Array<ArrayBuffer>, size: number): Uint32Array<ArrayBuffer> {
  const next = new Uint32Array(size);
  next.set(old);
  return next;
}

export class SortPlan implements PlanNode {
  readonly shape: Shape;
  readonly rows: number;
  readonly title = 'Sort';
  readonly details: readonly string[];
  readonly children: readonly PlanNode[];
  readonly key: SortKeyMaker;

  constructor(input: PlanNode, keys: readonly SortKey[], scope: Scope, details: readonly string[]) {
    this.shape = input.shape;
    this.rows = input.rows;
    this.children = [input];
    this.details = details;
    this.key = sortKeyMaker(keys, { ...scope, shape0: input.shape });
  }

  start(state: ExecState): Operator {
    return new SortOperator(state, this);
  }
}

class SortOperator extends Operator {
  readonly #plan: SortPlan;
  readonly #input: Operator;
  readonly #env: Env;
  readonly #sorter: Sorter;
  readonly #out: RowBuffer;
  #sorted = false;
  #next = 0;
  /** Sorted runs on disk; when there are any, all rows are in them and `#heap` merges them. */
  #runs: SpilledRows[] = [];
  #heap: SpilledRows[] = [];

  constructor(state: ExecState, plan: SortPlan) {
    super(state);
    this.#plan = plan;
    this.#input = startPlan(plan.children[0]!, state);
    this.#env = new Env(state);
    this.#sorter = new Sorter(state, plan.shape);
    this.#out = new RowBuffer(plan.shape.layout, state.memory);
  }

  *open(): Task<void> {
    this.loops++;
    this.#sorter.clear();
    this.#closeRuns();
    this.#sorted = false;
    this.#next = 0;
    yield* this.#input.open();
  }

  *next(): Task<RowBuffer | undefined> {
    if (!this.#sorted) yield* this.#gather();
    const out = this.#out;
    out.clear();
    if (this.#runs.length > 0) this.#mergeInto(out);
    else {
      const { order, rows } = this.#sorter;
      while (this.#next < order.length && out.count < BATCH_ROWS) {
        const address = rows.index[order[this.#next++]!]!;
        const chunk = address >>> 13;
        out.appendRow(rows.chunks[chunk]!, rows.views[chunk]!, (address & 8191) << 3);
      }
    }
    this.producedRows += out.count;
    return out.count === 0 ? undefined : out;
  }

  *#gather(): Task<void> {
    yield* gatherSorted(this.state, this.#input, this.#sorter, this.#plan.key, this.#env, () => this.#spill());
    if (this.#runs.length > 0 && this.#sorter.count > 0) this.#spill();
    this.#heap = this.#runs.filter((run) => run.advance());
    for (let i = (this.#heap.length >> 1) - 1; i >= 0; i--) this.#sink(i);
    this.#sorted = true;
  }

  #spill(): void {
    const run = new SpilledRows(this.state, this.#plan.shape, this.#runs.length);
    this.#runs.push(run);
    this.#sorter.spillTo(run);
  }

  /** Takes the smallest row of all runs again and again. Equal keys come from the earlier run first: the sort is stable. */
  #mergeInto(out: RowBuffer): void {
    const heap = this.#heap;
    while (heap.length > 0 && out.count < BATCH_ROWS) {
      const top = heap[0]!;
      out.appendRow(top.bytes, top.view, top.rowAt);
      if (!top.advance()) {
        const last = heap.pop()!;
        if (heap.length > 0) heap[0] = last;
      }
      if (heap.length > 0) this.#sink(0);
    }
  }

  #less(a: SpilledRows, b: SpilledRows): boolean {
    const order = compareKeys(a.bytes, a.keyAt, a.keyAt + a.keyLength, b.bytes, b.keyAt, b.keyAt + b.keyLength);
    return order !== 0 ? order < 0 : a.number < b.number;
  }

  #sink(from: number): void {
    const heap = this.#heap;
    for (let i = from; ; ) {
      let least = i;
      for (const child of [2 * i + 1, 2 * i + 2])
        if (child < heap.length && this.#less(heap[child]!, heap[least]!)) least = child;
      if (least === i) return;
      const moved = heap[i]!;
      heap[i] = heap[least]!;
      heap[least] = moved;
      i = least;
    }
  }

  #closeRuns(): void {
    for (const run of this.#runs) run.close();
    this.#runs = [];
    this.#heap = [];
  }

  close(): void {
    this.#input.close();
    this.#sorter.release();
    this.#closeRuns();
    this.#out.release();
  }
}

/** Reads an open operator to its end into a sorter, and sorts. `spill` is called with a sorted sorter when memory is short. */
export function* gatherSorted(
  state: ExecState,
  input: Operator,
  sorter: Sorter,
  makeKey: SortKeyMaker,
  env: Env,
  spill: () => void,
): Task<void> {
  const key = new KeyWriter();
  for (;;) {
    const rows = yield* input.next();
    if (rows === undefined) break;
    for (let i = 0; i < rows.count; i++) {
      pointAt(env, rows, i);
      yield* evaluateRow(env, () => {
        key.length = 0;
        makeKey(env, key);
      });
      sorter.add(env, key);
    }
    if (state.spent(rows.count)) yield state.session.slice();
    if (state.memory.exceeded && sorter.count >= SPILL_ROWS_MIN) {
      yield* sorter.sort();
      spill();
    }
  }
  yield* sorter.sort();
}
