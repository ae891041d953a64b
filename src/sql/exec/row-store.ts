/**
 * Rows that are written once, in order, and read many times: materialised CTEs and their working tables, the inner side of
 * nested loops, window partitions.
 *
 *   row 0 … onDisk − 1   in a temporary file:  length u32 | row,  with the offset of every 256th row kept
 *   row onDisk … count   in a row buffer, the tail
 *
 * Rows are appended to the tail; between batches {@link RowStore.settle} moves the tail to disk when the statement has more
 * than `work_mem`. A {@link RowCursor} finds a row by its number, so it does not mind when the tail moves under it.
 */
import type { Task } from '../../base/task.ts';
import { RowBuffer } from '../../engine/record-port.ts';
import type { SpillFile } from '../../engine/spill-file.ts';
import { pointAt } from './operator.ts';
import type { Shape } from './shape.ts';
import { newSpillFile, SPILL_ROWS_MIN, type SpillOwner, SpillReader } from './spill.ts';
import type { Env, ExecState } from './state.ts';

const STRIDE = 256;
const HEAD_BYTES = 4;
/** Rows written between two looks at the clock. */
const WRITE_ROWS = 256;

const head = new Uint8Array(HEAD_BYTES);
const headView = new DataView(head.buffer);

export class RowStore {
  readonly tail: RowBuffer;
  /** Rows in the file; the tail's first row has this number. */
  onDisk = 0;
  #file: SpillFile | undefined;
  #offsets = new Float64Array(64);
  /** The operator whose rows they are. */
  readonly owner: SpillOwner;

  constructor(owner: SpillOwner, shape: Shape) {
    this.owner = owner;
    this.tail = new RowBuffer(shape.layout, owner.state.memory);
  }

  get count(): number {
    return this.onDisk + this.tail.count;
  }

  append(bytes: Uint8Array, view: DataView, start: number): void {
    this.tail.appendRow(bytes, view, start);
  }

  /** Call between batches: moves what is in memory to disk when there is too much of it. */
  *settle(): Task<void> {
    const { state } = this.owner;
    if (state.memory.exceeded && this.tail.count >= SPILL_ROWS_MIN) yield* this.#spill(state);
  }

  *#spill(state: ExecState): Task<void> {
    this.#file ??= newSpillFile(this.owner);
    const file = this.#file;
    const { tail } = this;
    const from = file.length;
    for (let i = 0; i < tail.count; i++) {
      const address = tail.index[i]!;
      const chunk = address >>> 13;
      const start = (address & 8191) << 3;
      const length = tail.layout.length(tail.views[chunk]!, start);
      if ((this.onDisk + i) % STRIDE === 0) this.#noteOffset((this.onDisk + i) / STRIDE, file.length);
      headView.setUint32(0, length, true);
      file.append(head, 0, HEAD_BYTES);
      file.append(tail.chunks[chunk]!, start, length);
      if (i % WRITE_ROWS === WRITE_ROWS - 1 && state.spent(WRITE_ROWS)) yield state.session.slice();
    }
    this.onDisk += tail.count;
    this.owner.spilledBytes += file.length - from;
    tail.clear();
  }

  #noteOffset(entry: number, offset: number): void {
    if (entry >= this.#offsets.length) {
      const larger = new Float64Array(this.#offsets.length * 2);
      larger.set(this.#offsets);
      this.#offsets = larger;
    }
    this.#offsets[entry] = offset;
  }

  /** For cursors: where reading must begin to find a row on disk, and how many rows come before it from there. */
  offsetBefore(row: number): { readonly offset: number; readonly skip: number } {
    return { offset: this.#offsets[Math.floor(row / STRIDE)]!, skip: row % STRIDE };
  }

  reader(): SpillReader | undefined {
    return this.#file === undefined ? undefined : new SpillReader(this.#file, 0);
  }

  clear(): void {
    this.#file?.close();
    this.#file = undefined;
    this.onDisk = 0;
    this.tail.clear();
  }

  release(): void {
    this.clear();
    this.tail.release();
  }
}

/** Points an environment at rows of a store; what it points to stays until the cursor moves. Made anew after `clear`. */
export class RowCursor {
  readonly #store: RowStore;
  #reader: SpillReader | undefined;
  /** The row on disk that was read last, and where in the reader's window it lies. */
  #row = -2;
  #rowAt = 0;

  constructor(store: RowStore) {
    this.#store = store;
  }

  point(env: Env, row: number): void {
    const store = this.#store;
    if (row >= store.onDisk) {
      pointAt(env, store.tail, row - store.onDisk);
      return;
    }
    this.#reader ??= store.reader()!;
    const reader = this.#reader;
    if (row !== this.#row) {
      if (row !== this.#row + 1) {
        const { offset, skip } = store.offsetBefore(row);
        reader.moveTo(offset);
        for (let i = 0; i < skip; i++) this.#next(reader);
      }
      this.#next(reader);
      this.#row = row;
    }
    env.b0 = reader.bytes;
    env.v0 = reader.view;
    env.r0 = this.#rowAt;
  }

  #next(reader: SpillReader): void {
    reader.fill(HEAD_BYTES);
    const length = reader.view.getUint32(reader.at, true);
    reader.fill(HEAD_BYTES + length);
    this.#rowAt = reader.at + HEAD_BYTES;
    reader.at = this.#rowAt + length;
  }
}

const BITS_BYTES = 8192;

/** One bit per row, in pieces that are made as rows come. */
export class RowBits {
  readonly #state: ExecState;
  #pieces: Uint8Array[] = [];

  constructor(state: ExecState) {
    this.#state = state;
  }

  set(row: number): void {
    const piece = row >>> 16;
    while (piece >= this.#pieces.length) {
      this.#pieces.push(new Uint8Array(BITS_BYTES));
      this.#state.memory.charge(BITS_BYTES);
    }
    const at = (row >>> 3) & (BITS_BYTES - 1);
    this.#pieces[piece]![at] = this.#pieces[piece]![at]! | (1 << (row & 7));
  }

  has(row: number): boolean {
    const piece = this.#pieces[row >>> 16];
    return piece !== undefined && (piece[(row >>> 3) & (BITS_BYTES - 1)]! & (1 << (row & 7))) !== 0;
  }

  /** The first row from `from` on that is set, or `end`. */
  nextSet(from: number, end: number): number {
    let row = from;
    while (row < end) {
      if ((row & 7) === 0 && (this.#pieces[row >>> 16]?.[(row >>> 3) & (BITS_BYTES - 1)] ?? 0) === 0) row += 8;
      else if (this.has(row)) return row;
      else row++;
    }
    return end;
  }

  clear(): void {
    this.#state.memory.usedBytes -= this.#pieces.length * BITS_BYTES;
    this.#pieces = [];
  }
}
