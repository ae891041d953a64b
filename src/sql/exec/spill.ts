/**
 * Rows on disk: what sorts, joins and aggregations put aside beyond `work_mem`.
 *
 *   record of a spill file:  key length u32 | row length u32 | key | row
 *
 * {@link SpilledRows} is a sequence of rows with optional keys, written once and read in order. {@link Partitions} spreads
 * rows over several by the hash of their key, so that each part can be handled in memory by itself; a part that is still too
 * large is spread again by other bits of the hash. Each file is counted by the operator that made it.
 */

import type { KeyWriter, RowBuffer } from '../../engine/record-port.ts';
import type { SpillFile } from '../../engine/spill-file.ts';
import { hashBytes } from './hash-table.ts';
import { BATCH_ROWS } from './operator.ts';
import type { Shape } from './shape.ts';
import type { ExecState } from './state.ts';

const HEAD_BYTES = 8;
const WINDOW_BYTES = 65536;
const PARTITIONS_BITS = 4;
/** Memory that the parts of one spreading take for writing. */
const PARTITIONS_BYTES = 1 << 20;
/** Parts of parts of parts: beyond, many equal keys are the likelier cause, and memory is used. */
export const DEPTH_MAX = 6;
/** What is held in memory has at least so many rows before it goes to disk, whatever else takes the statement's memory. */
export const SPILL_ROWS_MIN = 1024;

const head = new Uint8Array(HEAD_BYTES);
const headView = new DataView(head.buffer);

/** Who puts rows aside: an operator, whose line in EXPLAIN ANALYZE tells how much. */
export interface SpillOwner {
  readonly state: ExecState;
  spilledFiles: number;
  spilledBytes: number;
}

/** Makes a temporary file and counts it. */
export function newSpillFile(owner: SpillOwner, bufferBytes?: number): SpillFile {
  owner.spilledFiles++;
  return owner.state.session.database.newSpillFile(bufferBytes);
}

function copyBytes(from: Uint8Array, start: number, to: Uint8Array, at: number, length: number): void {
  if (length < 128) for (let i = 0; i < length; i++) to[at + i] = from[start + i]!;
  else to.set(from.subarray(start, start + length), at);
}

/** Reads a spill file in order through a window; `bytes` from `at` on hold what was asked for. */
export class SpillReader {
  readonly #file: SpillFile;
  bytes = new Uint8Array(0);
  view = new DataView(this.bytes.buffer);
  at = 0;
  #end = 0;
  #offset: number;

  constructor(file: SpillFile, offset: number) {
    this.#file = file;
    this.#offset = offset;
  }

  /** Goes on reading elsewhere. */
  moveTo(offset: number): void {
    this.at = 0;
    this.#end = 0;
    this.#offset = offset;
  }

  /** Makes `need` bytes available at the window's position; false at the end of the file. */
  fill(need: number): boolean {
    if (this.#end - this.at >= need) return true;
    const rest = this.#end - this.at;
    const size = Math.max(WINDOW_BYTES, need);
    const window = this.bytes.length >= size ? this.bytes : new Uint8Array(size);
    window.set(this.bytes.subarray(this.at, this.#end), 0);
    if (window !== this.bytes) {
      this.bytes = window;
      this.view = new DataView(window.buffer);
    }
    this.at = 0;
    const got = this.#file.read(window, rest, window.length - rest, this.#offset);
    this.#offset += got;
    this.#end = rest + got;
    return this.#end >= need;
  }
}

const NOTHING = new Uint8Array(0);
const NO_VIEW = new DataView(NOTHING.buffer);

export class SpilledRows {
  readonly shape: Shape;
  /** Its place among its siblings. */
  readonly number: number;
  readonly #owner: SpillOwner;
  readonly #bufferBytes: number | undefined;
  /** Made with the first row: many parts never get one. */
  #file: SpillFile | undefined;
  #reader: SpillReader | undefined;
  count = 0;
  /** The row that `advance` found: its key and its record, in `bytes`. */
  keyAt = 0;
  keyLength = 0;
  rowAt = 0;

  constructor(owner: SpillOwner, shape: Shape, number: number, bufferBytes?: number) {
    this.#owner = owner;
    this.shape = shape;
    this.number = number;
    this.#bufferBytes = bufferBytes;
  }

  add(bytes: Uint8Array, view: DataView, start: number, key: Uint8Array, keyAt: number, keyLength: number): void {
    this.#put(bytes, start, this.shape.layout.length(view, start), key, keyAt, keyLength);
  }

  /** Adds a key alone. */
  addKey(key: Uint8Array, keyAt: number, keyLength: number): void {
    this.#put(NOTHING, 0, 0, key, keyAt, keyLength);
  }

  #put(bytes: Uint8Array, start: number, length: number, key: Uint8Array, keyAt: number, keyLength: number): void {
    this.#file ??= newSpillFile(this.#owner, this.#bufferBytes);
    const file = this.#file;
    const total = HEAD_BYTES + keyLength + length;
    if (total <= file.buffer.length) {
      const at = file.place(total);
      file.view.setUint32(at, keyLength, true);
      file.view.setUint32(at + 4, length, true);
      copyBytes(key, keyAt, file.buffer, at + HEAD_BYTES, keyLength);
      copyBytes(bytes, start, file.buffer, at + HEAD_BYTES + keyLength, length);
    } else {
      headView.setUint32(0, keyLength, true);
      headView.setUint32(4, length, true);
      file.append(head, 0, HEAD_BYTES);
      file.append(key, keyAt, keyLength);
      file.append(bytes, start, length);
    }
    this.#owner.spilledBytes += total;
    this.count++;
  }

  get bytes(): Uint8Array {
    return this.#reader?.bytes ?? NOTHING;
  }

  get view(): DataView {
    return this.#reader?.view ?? NO_VIEW;
  }

  /** No more will be written: what it kept for writing is given up. */
  seal(): void {
    this.#file?.seal();
  }

  /** Reads from the beginning again. */
  rewind(): void {
    this.#reader?.moveTo(0);
  }

  /** Moves to the next row; false at the end. The first call ends writing. */
  advance(): boolean {
    if (this.#file === undefined) return false;
    if (this.#reader === undefined) {
      this.#file.seal();
      this.#reader = new SpillReader(this.#file, 0);
    }
    const reader = this.#reader;
    if (!reader.fill(HEAD_BYTES)) return false;
    const keyLength = reader.view.getUint32(reader.at, true);
    const rowLength = reader.view.getUint32(reader.at + 4, true);
    reader.fill(HEAD_BYTES + keyLength + rowLength);
    this.keyAt = reader.at + HEAD_BYTES;
    this.keyLength = keyLength;
    this.rowAt = this.keyAt + keyLength;
    reader.at = this.rowAt + rowLength;
    return true;
  }

  /** Fills a buffer with the next rows; false when there were none. */
  batch(out: RowBuffer): boolean {
    out.clear();
    while (out.count < BATCH_ROWS && this.advance()) out.appendRow(this.bytes, this.view, this.rowAt);
    return out.count > 0;
  }

  close(): void {
    this.#file?.close();
    this.#file = undefined;
    this.#reader = undefined;
  }
}

export class Partitions {
  readonly parts: readonly SpilledRows[];
  readonly #salt: number;
  readonly #keepsKeys: boolean;
  readonly #shift: number;

  /**
   * @param depth - of repeated partitioning: each depth uses other bits of the hash.
   * @param keepsKeys - false: the key only chooses the part.
   * @param bits - of the hash that choose the part.
   */
  constructor(owner: SpillOwner, shape: Shape, depth: number, keepsKeys = true, bits = PARTITIONS_BITS) {
    this.#keepsKeys = keepsKeys;
    this.#shift = 32 - bits;
    this.parts = Array.from(
      { length: 1 << bits },
      (_, i) => new SpilledRows(owner, shape, i, PARTITIONS_BYTES >> bits),
    );
    this.#salt = Math.imul(depth + 1, 0x9e3779b1);
  }

  add(bytes: Uint8Array, view: DataView, start: number, key: KeyWriter): void {
    const part = this.#partOf(key.bytes, 0, key.length);
    part.add(bytes, view, start, key.bytes, 0, this.#keepsKeys ? key.length : 0);
  }

  addKey(key: KeyWriter): void {
    this.#partOf(key.bytes, 0, key.length).addKey(key.bytes, 0, key.length);
  }

  /** Adds the row that another part has advanced to. */
  addFrom(rows: SpilledRows): void {
    const { bytes, keyAt, keyLength } = rows;
    this.#partOf(bytes, keyAt, keyAt + keyLength).add(bytes, rows.view, rows.rowAt, bytes, keyAt, keyLength);
  }

  #partOf(key: Uint8Array, start: number, end: number): SpilledRows {
    return this.parts[Math.imul(hashBytes(key, start, end) ^ this.#salt, 0x85ebca6b) >>> this.#shift]!;
  }

  seal(): void {
    for (const part of this.parts) part.seal();
  }

  close(): void {
    for (const part of this.parts) part.close();
  }
}
