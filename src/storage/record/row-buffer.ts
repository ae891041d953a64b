/**
 * Records outside pages: chunks of memory drawn from a statement's quota.
 *
 * Rows of one layout are appended one after another; a row never crosses a chunk, starts on a multiple of 8 and is named by
 * its address, chunk × 8192 + offset ÷ 8. A row larger than a chunk has a chunk of its own. Row i's address is `index[i]`.
 *
 *   start() ─ set fixed columns, setNull, put… the variable columns in order ─ finish()
 *                                                                            └ abandon()
 *
 * While a row is being written it may move to another chunk (`put…` found no room): read `view`, `bytes` and `at` again
 * after each `put…`. Chunks are pooled: what a row does not write is left over from earlier use, so `start` clears the
 * null bitmap and every variable column must be put, also a null one (`putNothing`).
 */
import { assert } from '../../base/assert.ts';
import { fail } from '../../base/errors.ts';
import { type LongReference, type RecordLayout, writeLongReference } from './layout.ts';

export const CHUNK_BYTES = 65536;
/** A buffer's first chunk: most hold a row or two. */
const FIRST_CHUNK_BYTES = 2048;
const POOL_CHUNKS_MAX = 256;

/** Memory that a statement may hold in row buffers; the whole of its memory accounting. */
export class RowMemory {
  readonly limitBytes: number;
  usedBytes = 0;

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  /** True when the holder should spill before it grows. */
  get exceeded(): boolean {
    return this.usedBytes > this.limitBytes;
  }

  /** Takes memory. @throws 53200 beyond what any statement may hold, for what cannot spill. */
  charge(bytes: number): void {
    this.usedBytes += bytes;
    if (this.usedBytes > STATEMENT_BYTES_MAX && this.usedBytes > this.limitBytes) {
      throw fail('out_of_memory', 'out of memory', {
        detail: `The statement would hold more than ${STATEMENT_BYTES_MAX >> 20} MB.`,
      });
    }
  }
}

/** What one statement may hold beyond `work_mem`. */
const STATEMENT_BYTES_MAX = 1 << 30;

interface Chunk {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

const pool: Chunk[] = [];
const smallPool: Chunk[] = [];

function newChunk(size: number): Chunk {
  const pooled = size === CHUNK_BYTES ? pool.pop() : size === FIRST_CHUNK_BYTES ? smallPool.pop() : undefined;
  if (pooled !== undefined) return pooled;
  const bytes = new Uint8Array(size);
  return { bytes, view: new DataView(bytes.buffer) };
}

export class RowBuffer {
  readonly layout: RecordLayout;
  readonly memory: RowMemory;
  /** Addresses of the finished rows, in order of writing; `count` of them. */
  index: Uint32Array = new Uint32Array(16);
  count = 0;
  readonly chunks: Uint8Array[] = [];
  readonly views: DataView[] = [];
  /** The row being written: its chunk, first byte, and the end of the variable bytes so far. */
  bytes: Uint8Array;
  view: DataView;
  at = 0;
  #end = 0;
  #free = 0;

  constructor(layout: RecordLayout, memory: RowMemory) {
    this.layout = layout;
    this.memory = memory;
    const chunk = newChunk(FIRST_CHUNK_BYTES);
    this.bytes = chunk.bytes;
    this.view = chunk.view;
    this.chunks.push(chunk.bytes);
    this.views.push(chunk.view);
    memory.usedBytes += FIRST_CHUNK_BYTES;
  }

  /** Begins a row. */
  start(): void {
    const layout = this.layout;
    if (this.#free + layout.dataAt > this.bytes.length) this.#nextChunk(layout.dataAt);
    const at = this.#free;
    this.at = at;
    this.#end = at + layout.dataAt;
    this.view.setUint16(at, layout.number, true);
    const bitmap = at + layout.bitmapAt;
    for (let i = 0; i < layout.bitmapBytes; i++) this.bytes[bitmap + i] = 0;
  }

  setNull(column: number): void {
    const at = this.at + this.layout.bitmapAt + (column >> 3);
    this.bytes[at] = this.bytes[at]! | (1 << (column & 7));
  }

  /** Ends a null variable column. */
  putNothing(variable: number): void {
    this.#setEnd(variable, false);
  }

  putBytes(variable: number, source: Uint8Array, start: number, end: number): void {
    const length = end - start;
    if (this.#end + length > this.bytes.length) this.#move(length);
    const target = this.bytes;
    let to = this.#end;
    if (length < 64) for (let from = start; from < end; from++) target[to++] = source[from]!;
    else {
      target.set(source.subarray(start, end), to);
      to += length;
    }
    this.#end = to;
    this.#setEnd(variable, false);
  }

  /** Writes a string as UTF-8. */
  putString(variable: number, text: string): void {
    const length = text.length;
    if (this.#end + length * 3 > this.bytes.length) {
      const exact = Buffer.byteLength(text, 'utf8');
      if (this.#end + exact > this.bytes.length) this.#move(exact);
      this.#end += Buffer.from(this.bytes.buffer, this.#end, exact).write(text, 'utf8');
      this.#setEnd(variable, false);
      return;
    }
    const target = this.bytes;
    let to = this.#end;
    let i = 0;
    for (; i < length; i++) {
      const unit = text.charCodeAt(i);
      if (unit > 127) break;
      target[to++] = unit;
    }
    if (i < length)
      to = this.#end + Buffer.from(target.buffer, this.#end, target.length - this.#end).write(text, 'utf8');
    this.#end = to;
    this.#setEnd(variable, false);
  }

  putLong(variable: number, reference: LongReference): void {
    if (this.#end + 16 > this.bytes.length) this.#move(16);
    writeLongReference(this.view, this.#end, reference);
    this.#end += 16;
    this.#setEnd(variable, true);
  }

  /** Copies a variable value that may itself be a long reference. */
  putCopy(variable: number, source: Uint8Array, start: number, end: number, long: boolean): void {
    this.putBytes(variable, source, start, end);
    if (long) this.#setEnd(variable, true);
  }

  /** Ends the row. @returns its address. */
  finish(): number {
    const address = (this.chunks.length - 1) * (CHUNK_BYTES >> 3) + (this.at >> 3);
    if (this.count === this.index.length) {
      const larger = new Uint32Array(this.count * 2);
      larger.set(this.index);
      this.index = larger;
    }
    this.index[this.count++] = address;
    const free = (this.#end + 7) & ~7;
    // An address reaches no further into a chunk, and one that was made for a large row may be longer.
    this.#free = free < CHUNK_BYTES ? free : this.bytes.length;
    return address;
  }

  /** Forgets the row being written. */
  abandon(): void {
    this.#end = this.#free;
  }

  /** Copies a finished row of a buffer of the same layout. @returns its address here. */
  appendRow(bytes: Uint8Array, view: DataView, start: number): number {
    const length = this.layout.length(view, start);
    if (this.#free + length > this.bytes.length) this.#nextChunk(length);
    const at = this.#free;
    const target = this.bytes;
    if (length < 64) for (let i = 0; i < length; i++) target[at + i] = bytes[start + i]!;
    else target.set(bytes.subarray(start, start + length), at);
    this.at = at;
    this.#end = at + length;
    return this.finish();
  }

  /** Length in bytes of the row just finished or being written. */
  get rowLength(): number {
    return this.#end - this.at;
  }

  chunkOf(address: number): number {
    return address >>> 13;
  }

  offsetOf(address: number): number {
    return (address & 8191) << 3;
  }

  /** Empties the buffer and keeps one chunk, a full-sized one if it had grown. */
  clear(): void {
    this.count = 0;
    this.#free = 0;
    const { chunks, views } = this;
    if (chunks.length === 1) return;
    const kept = chunks.findIndex((c) => c.length === CHUNK_BYTES);
    for (let i = chunks.length - 1; i >= 0; i--) if (i !== kept && (kept >= 0 || i > 0)) this.#give(i);
    this.bytes = chunks[Math.max(kept, 0)]!;
    this.view = views[Math.max(kept, 0)]!;
    chunks.length = 1;
    views.length = 1;
    chunks[0] = this.bytes;
    views[0] = this.view;
    if (this.index.length > 1 << 16) this.index = new Uint32Array(16);
  }

  /** Gives all memory back; the buffer must not be used again. */
  release(): void {
    for (let i = this.chunks.length - 1; i >= 0; i--) this.#give(i);
    this.chunks.length = 0;
    this.views.length = 0;
    this.count = 0;
  }

  #give(chunk: number): void {
    const bytes = this.chunks[chunk]!;
    this.memory.usedBytes -= bytes.length;
    if (bytes.length === CHUNK_BYTES && pool.length < POOL_CHUNKS_MAX) pool.push({ bytes, view: this.views[chunk]! });
    else if (bytes.length === FIRST_CHUNK_BYTES && smallPool.length < POOL_CHUNKS_MAX)
      smallPool.push({ bytes, view: this.views[chunk]! });
  }

  #setEnd(variable: number, long: boolean): void {
    const layout = this.layout;
    const end = this.#end - this.at;
    if (layout.wide)
      this.view.setUint32(this.at + layout.offsetsAt + variable * 4, long ? end + 0x80000000 : end, true);
    else {
      if (end > 0x7fff) throw fail('program_limit_exceeded', 'row is too big');
      this.view.setUint16(this.at + layout.offsetsAt + variable * 2, long ? end | 0x8000 : end, true);
    }
  }

  #nextChunk(need: number): void {
    const size = need > CHUNK_BYTES ? need : CHUNK_BYTES;
    const chunk = newChunk(size);
    this.memory.charge(size);
    this.chunks.push(chunk.bytes);
    this.views.push(chunk.view);
    this.bytes = chunk.bytes;
    this.view = chunk.view;
    this.#free = 0;
    assert(this.chunks.length < 1 << 19, 'row buffer has too many chunks');
  }

  /** Moves the row being written to a chunk with room for `more` bytes behind what it has. */
  #move(more: number): void {
    const { bytes, at } = this;
    const have = this.#end - at;
    const owned = at === 0 && this.chunks.length > 1 && bytes.length > CHUNK_BYTES;
    const need = have + more;
    this.#nextChunk(need > CHUNK_BYTES ? Math.max(need, Math.min(have * 2, 1 << 30)) : need);
    this.bytes.set(bytes.subarray(at, at + have), 0);
    this.at = 0;
    this.#end = have;
    // A chunk that held nothing but this row is of no further use; its number stays taken so that addresses hold.
    if (owned) {
      this.memory.usedBytes -= bytes.length;
      this.chunks[this.chunks.length - 2] = EMPTY.bytes;
      this.views[this.chunks.length - 2] = EMPTY.view;
    }
  }
}

const EMPTY: Chunk = { bytes: new Uint8Array(0), view: new DataView(new ArrayBuffer(0)) };
