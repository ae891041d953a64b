/**
 * Sorting whatever does not fit: sorted runs go to disk beyond `work_mem`, and are merged from there.
 *
 *   rows ──> sorter ──(full)──> run 0, run 1, … ──(64 of one level)──> one run of the next level
 *                └──(all fits)──> read in place          └──> heap: the smallest row of all runs, again and again
 *
 * When only the first N rows are asked for (`bound`), the sorter is cut back to N now and then, and rows that would come behind the last
 * of them are not taken any more: most are known by the first bytes of their key.
 *
 * Equal keys come out in the order in which their rows came in: a run has a number, and the lower one goes first.
 */
import type { Task } from '../../base/task.ts';
import { compareKeys, KeyWriter } from '../../engine/record-port.ts';
import { eachRow, type Operator } from './operator.ts';
import type { Shape } from './shape.ts';
import { Sorter, type SortKeyMaker } from './sorter.ts';
import { SPILL_ROWS_MIN, SpilledRows, type SpillOwner } from './spill.ts';
import type { Env } from './state.ts';

/** Runs merged at once: each is an open file and a window of 64 KiB. */
const MERGE_RUNS = 64;
const WORK_ROWS = 256;
/** Rows beyond the bound that are gathered before the sorter is cut back. */
const BOUND_SLACK = 1024;

interface Run {
  readonly rows: SpilledRows;
  readonly level: number;
}

/** A heap of runs, each at its next row; the smallest on top. */
class RunHeap {
  readonly #heap: SpilledRows[];

  constructor(runs: readonly SpilledRows[]) {
    this.#heap = runs.filter((run) => run.advance());
    for (let i = (this.#heap.length >> 1) - 1; i >= 0; i--) this.#sink(i);
  }

  get top(): SpilledRows | undefined {
    return this.#heap[0];
  }

  /** Moves on behind the top row. */
  advance(): void {
    const heap = this.#heap;
    if (!heap[0]!.advance()) {
      const last = heap.pop()!;
      if (heap.length > 0) heap[0] = last;
    }
    if (heap.length > 0) this.#sink(0);
  }

  #sink(from: number): void {
    const heap = this.#heap;
    for (let i = from; ; ) {
      let least = i;
      for (let child = 2 * i + 1; child <= 2 * i + 2; child++)
        if (child < heap.length && comesFirst(heap[child]!, heap[least]!)) least = child;
      if (least === i) return;
      const moved = heap[i]!;
      heap[i] = heap[least]!;
      heap[least] = moved;
      i = least;
    }
  }
}

function comesFirst(a: SpilledRows, b: SpilledRows): boolean {
  const order = compareKeys(a.bytes, a.keyAt, a.keyAt + a.keyLength, b.bytes, b.keyAt, b.keyAt + b.keyLength);
  return order !== 0 ? order < 0 : a.number < b.number;
}

/** Sorts an operator's rows and gives them out one by one. */
export class ExternalSort {
  readonly #owner: SpillOwner;
  readonly #shape: Shape;
  /** Holds all rows, in order, when {@link isInMemory}. */
  sorter: Sorter;
  #runs: Run[] = [];
  #runNumber = 0;
  #heap: RunHeap | undefined;
  #given = false;
  /** Set before rows come: only the first so many will be asked for. */
  bound = Number.POSITIVE_INFINITY;
  /** The key of the last of `bound` rows; a row with this key or a greater one comes behind them. */
  #last: Uint8Array | undefined;
  /** In memory: how many rows were given out. */
  position = 0;
  /** The row that `advance` found, and its key. */
  bytes: Uint8Array = new Uint8Array(0);
  view: DataView = new DataView(this.bytes.buffer);
  rowAt = 0;
  keyBytes: Uint8Array = this.bytes;
  keyAt = 0;
  keyLength = 0;

  constructor(owner: SpillOwner, shape: Shape) {
    this.#owner = owner;
    this.#shape = shape;
    this.sorter = new Sorter(owner.state, shape);
  }

  get isInMemory(): boolean {
    return this.#runs.length === 0;
  }

  /** Reads an open operator to its end, and sorts. */
  *gather(input: Operator, makeKey: SortKeyMaker, env: Env): Task<void> {
    const { state } = this.#owner;
    const key = new KeyWriter();
    const take = (): void => {
      key.length = 0;
      if (makeKey(env, key, this.#last)) this.sorter.add(env, key);
    };
    for (;;) {
      const rows = yield* input.next();
      if (rows === undefined) break;
      yield* eachRow(env, rows, take);
      if (state.spent(rows.count)) yield state.session.slice();
      yield* this.settle();
    }
    yield* this.finish();
  }

  /** For rows added to the sorter one by one, between batches: writes a run when there are too many. */
  *settle(): Task<void> {
    if (this.sorter.count >= 2 * this.bound + BOUND_SLACK) yield* this.#cutBack();
    if (this.#owner.state.memory.exceeded && this.sorter.count >= SPILL_ROWS_MIN) yield* this.#spill();
  }

  /** Forgets all rows but the first of the bound. */
  *#cutBack(): Task<void> {
    const { state } = this.#owner;
    const all = this.sorter;
    yield* all.sort();
    const kept = new Sorter(state, this.#shape);
    this.sorter = kept;
    try {
      for (let i = 0; i < this.bound; i++) {
        kept.addFrom(all, all.order[i]!);
        if (i % WORK_ROWS === WORK_ROWS - 1 && state.spent(WORK_ROWS)) yield state.session.slice();
      }
    } finally {
      all.release();
    }
    const number = kept.count - 1;
    const at = kept.keyAt(number);
    this.#last = kept.keyBytes(number).slice(at, at + kept.keyLength(number));
  }

  /** No more rows come: `advance` may be called. */
  *finish(): Task<void> {
    if (this.#runs.length > 0 && this.sorter.count > 0) yield* this.#spill();
    else yield* this.sorter.sort();
    if (this.#runs.length > 0) this.#heap = new RunHeap(this.#runs.map((run) => run.rows));
  }

  *#spill(): Task<void> {
    yield* this.sorter.sort();
    const rows = new SpilledRows(this.#owner, this.#shape, this.#runNumber++);
    this.#runs.push({ rows, level: 0 });
    yield* this.sorter.spillTo(rows);
    rows.seal();
    while (this.#runs.length >= MERGE_RUNS && this.#runs.at(-MERGE_RUNS)!.level === this.#runs.at(-1)!.level)
      yield* this.#mergeLast();
  }

  /** The last runs, all of one level, become one of the next. */
  *#mergeLast(): Task<void> {
    const { state } = this.#owner;
    const sources = this.#runs.slice(-MERGE_RUNS);
    const merged = new SpilledRows(this.#owner, this.#shape, sources[0]!.rows.number);
    // Both stay listed while they are written and read, so that whatever ends the statement closes them.
    this.#runs.push({ rows: merged, level: sources[0]!.level + 1 });
    const heap = new RunHeap(sources.map((run) => run.rows));
    for (let top = heap.top; top !== undefined; top = heap.top) {
      merged.add(top.bytes, top.view, top.rowAt, top.bytes, top.keyAt, top.keyLength);
      heap.advance();
      if (merged.count % WORK_ROWS === 0 && state.spent(WORK_ROWS)) yield state.session.slice();
    }
    merged.seal();
    for (const source of sources) source.rows.close();
    this.#runs.splice(this.#runs.length - 1 - MERGE_RUNS, MERGE_RUNS);
  }

  /** Moves to the next row in order; false at the end. */
  advance(): boolean {
    return this.#heap === undefined ? this.#advanceInMemory() : this.#advanceMerging(this.#heap);
  }

  #advanceInMemory(): boolean {
    const { order, rows } = this.sorter;
    if (this.position >= order.length) return false;
    const number = order[this.position++]!;
    const address = rows.index[number]!;
    const chunk = address >>> 13;
    this.bytes = rows.chunks[chunk]!;
    this.view = rows.views[chunk]!;
    this.rowAt = (address & 8191) << 3;
    this.keyBytes = this.sorter.keyBytes(number);
    this.keyAt = this.sorter.keyAt(number);
    this.keyLength = this.sorter.keyLength(number);
    return true;
  }

  #advanceMerging(heap: RunHeap): boolean {
    // The row given out last lies in its run's window: only now may that move.
    if (this.#given) heap.advance();
    const { top } = heap;
    this.#given = top !== undefined;
    if (top === undefined) return false;
    this.bytes = top.bytes;
    this.view = top.view;
    this.rowAt = top.rowAt;
    this.keyBytes = top.bytes;
    this.keyAt = top.keyAt;
    this.keyLength = top.keyLength;
    return true;
  }

  /** Goes back before the first row. */
  rewind(): void {
    this.position = 0;
    this.#given = false;
    if (this.#heap === undefined) return;
    for (const run of this.#runs) run.rows.rewind();
    this.#heap = new RunHeap(this.#runs.map((run) => run.rows));
  }

  clear(): void {
    this.sorter.clear();
    for (const run of this.#runs) run.rows.close();
    this.#runs = [];
    this.#runNumber = 0;
    this.#heap = undefined;
    this.#given = false;
    this.#last = undefined;
    this.position = 0;
  }

  release(): void {
    this.clear();
    this.sorter.release();
  }
}
