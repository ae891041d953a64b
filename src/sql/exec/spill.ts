/**
 * Rows on disk: what sorts, joins and aggregations put aside beyond `work_mem`.
 *
 *   record of a spill file:  key length u32 | row length u32 | key | row
 *
 * {@link SpilledRows} is a sequence of rows with optional keys, written once and read once in order. {@link Partitions} spreads
 * rows over several by the hash of their key, so that each part can be handled in memory by itself.
 */

import type { KeyWriter, RowBuffer } from '../../engine/record-port.ts';
import type { SpillFile } from '../../engine/spill-file.ts';
import { hashBytes } from './hash-table.ts';
import { BATCH_ROWS } from './operator.ts';
import type { Shape } from './shape.ts';
import type { ExecState } from './state.ts';

const HEAD_BYTES = 8;
const WINDOW_BYTES = 65536;
const PARTITIONS = 16;

const head = new Uint8Array(HEAD_BYTES);
const headView = new DataView(head.buffer);

export class SpilledRows {
  readonly shape: Shape;
  readonly number: number;
  readonly #file: SpillFile;
  count = 0;
  #window = new Uint8Array(0);
  #windowView = new DataView(this.#window.buffer);
  #windowAt = 0;
  #windowEnd = 0;
  #offset = 0;
  #sealed = false;
  /** The row that `advance` found: its key and its record, in `bytes`. */
  keyAt = 0;
  keyLength = 0;
  rowAt = 0;

  /** @param number - its place among its siblings. */
  constructor(state: ExecState, shape: Shape, number: number) {
    this.shape = shape;
    this.number = number;
    this.#file = state.session.database.newSpillFile();
  }

  add(bytes: Uint8Array, view: DataView, start: number, key: Uint8Array, keyLength: number): void {
    const rowLength = this.shape.layout.length(view, start);
    headView.setUint32(0, keyLength, true);
    headView.setUint32(4, rowLength, true);
    this.#file.append(head, 0, HEAD_BYTES);
    if (keyLength > 0) this.#file.append(key, 0, keyLength);
    this.#file.append(bytes, start, rowLength);
    this.count++;
  }

  get bytes(): Uint8Array {
    return this.#window;
  }

  get view(): DataView {
    return this.#windowView;
  }

  /** Moves to the next row; false at the end. The first call ends writing. */
  advance(): boolean {
    if (!this.#sealed) {
      this.#file.seal();
      this.#sealed = true;
    }
    if (!this.#fill(HEAD_BYTES)) return false;
    const keyLength = this.#windowView.getUint32(this.#windowAt, true);
    const rowLength = this.#windowView.getUint32(this.#windowAt + 4, true);
    this.#fill(HEAD_BYTES + keyLength + rowLength);
    this.keyAt = this.#windowAt + HEAD_BYTES;
    this.keyLength = keyLength;
    this.rowAt = this.keyAt + keyLength;
    this.#windowAt = this.rowAt + rowLength;
    return true;
  }

  /** Makes `need` bytes available at the window's position; false at the end of the file. */
  #fill(need: number): boolean {
    if (this.#windowEnd - this.#windowAt >= need) return true;
    const rest = this.#windowEnd - this.#windowAt;
    const size = Math.max(WINDOW_BYTES, need);
    const window = this.#window.length >= size ? this.#window : new Uint8Array(size);
    window.set(this.#window.subarray(this.#windowAt, this.#windowEnd), 0);
    if (window !== this.#window) {
      this.#window = window;
      this.#windowView = new DataView(window.buffer);
    }
    this.#windowAt = 0;
    const got = this.#file.read(window, rest, window.length - rest, this.#offset);
    this.#offset += got;
    this.#windowEnd = rest + got;
    return this.#windowEnd >= need;
  }

  /** Fills a buffer with the next rows; false when there were none. */
  batch(out: RowBuffer): boolean {
    out.clear();
    while (out.count < BATCH_ROWS && this.advance()) out.appendRow(this.#window, this.#windowView, this.rowAt);
    return out.count > 0;
  }

  close(): void {
    this.#file.close();
  }
}

export class Partitions {
  readonly parts: readonly SpilledRows[];
  readonly #salt: number;

  /** @param depth - of repeated partitioning: each depth uses other bits of the hash. */
  constructor(state: ExecState, shape: Shape, depth: number) {
    this.parts = Array.from({ length: PARTITIONS }, (_, i) => new SpilledRows(state, shape, i));
    this.#salt = depth;
  }

  add(bytes: Uint8Array, view: DataView, start: number, key: KeyWriter): void {
    const hash =
      Math.imul(hashBytes(key.bytes, 0, key.length) ^ Math.imul(this.#salt + 1, 0x9e3779b1), 0x85ebca6b) >>> 28;
    this.parts[hash]!.add(bytes, view, start, key.bytes, key.length);
  }
}
