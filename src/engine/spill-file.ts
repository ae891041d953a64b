/**
 * Temporary files: where statements put what exceeds their memory.
 *
 * A spill file lies beside its database, is written in order, and is gone when it is closed; those that a crash left behind
 * are removed when the database opens. Nothing of it is logged or synced. It may be read between two appends.
 */
import type { Vfs, VfsFile } from '../io/vfs.ts';

const BUFFER_BYTES = 65536;

export class SpillFile {
  readonly #file: VfsFile;
  #buffered = 0;
  /** What was appended last, for {@link place}. */
  buffer: Uint8Array;
  view: DataView;
  /** Bytes written, buffered ones included. */
  length = 0;

  constructor(vfs: Vfs, path: string, bufferBytes: number = BUFFER_BYTES) {
    this.buffer = new Uint8Array(bufferBytes);
    this.view = new DataView(this.buffer.buffer);
    this.#file = vfs.open(path, 'new');
  }

  /** Appends bytes. @throws 53100 when the disk is full. */
  append(bytes: Uint8Array, start: number, length: number): void {
    if (this.#buffered + length > this.buffer.length) this.#flush();
    if (length > this.buffer.length) {
      this.#file.write(bytes, start, length, this.length);
      this.length += length;
      return;
    }
    this.buffer.set(bytes.subarray(start, start + length), this.#buffered);
    this.#buffered += length;
    this.length += length;
  }

  /**
   * Appends `length` bytes, at most those of `buffer`, that the caller writes into `buffer` before anything else happens.
   *
   * @returns where in the buffer. @throws 53100 when the disk is full.
   */
  place(length: number): number {
    if (this.#buffered + length > this.buffer.length) this.#flush();
    const at = this.#buffered;
    this.#buffered += length;
    this.length += length;
    return at;
  }

  #flush(): void {
    if (this.#buffered > 0) this.#file.write(this.buffer, 0, this.#buffered, this.length - this.#buffered);
    this.#buffered = 0;
  }

  /** No more will be written: gives the buffer up. */
  seal(): void {
    this.#flush();
    this.buffer = new Uint8Array(0);
    this.view = new DataView(this.buffer.buffer);
  }

  /** Reads up to `length` bytes from `offset`; returns how many there were. */
  read(into: Uint8Array, at: number, length: number, offset: number): number {
    const wanted = Math.min(length, this.length - offset);
    if (offset + wanted > this.length - this.#buffered) this.#flush();
    return wanted <= 0 ? 0 : this.#file.read(into, at, wanted, offset);
  }

  close(): void {
    this.#file.discard();
  }
}
