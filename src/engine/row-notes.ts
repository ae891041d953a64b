/**
 * One batch of notes: keys of rows that were changed, each once, in memory and beyond that in a file.
 *
 *   recent   the keys noted last, in memory ──(half of the memory is full)──> older ──a few with each note──> file
 *   file     a temporary one, made when memory is full: key length u32 | key, in the order in which they came; a key may be there
 *            more than once
 *
 * A note never fails and never waits; where the file cannot be written, it is who reads the notes that gets that error.
 */
import { asExtentError } from '../base/errors.ts';
import type { SpillFile } from './spill-file.ts';

/** Of an entry of a set, beside its characters. */
const KEY_OVERHEAD = 80;
/** Older keys that go to the file with each note: they are gone long before recent ones take their place. */
const MOVED_PER_NOTE = 4;
const HEAD_BYTES = 4;
const WINDOW_BYTES = 65536;

export class RowNotes {
  readonly #newFile: () => SpillFile;
  readonly #memoryBytes: number;
  #recent: Set<string> = new Set();
  #recentBytes = 0;
  /** What is on its way to the file, each taken out when it is there. */
  #older: Set<string> = new Set();
  #file: SpillFile | undefined;
  #failure: Error | undefined;
  readonly #head = new Uint8Array(HEAD_BYTES);
  readonly #headView = new DataView(this.#head.buffer);
  /** How many keys there are, some counted more than once. */
  count = 0;

  /** @param newFile - makes a temporary file. @param memoryBytes - what may be kept in memory. */
  constructor(newFile: () => SpillFile, memoryBytes: number) {
    this.#newFile = newFile;
    this.#memoryBytes = memoryBytes;
  }

  /** Bytes that went to a file. */
  get spilledBytes(): number {
    return this.#file?.length ?? 0;
  }

  note(key: Uint8Array, length: number): void {
    if (this.#failure !== undefined) return;
    const text = Buffer.from(key.buffer, key.byteOffset, length).toString('latin1');
    if (this.#recent.has(text)) return;
    this.#recent.add(text);
    this.count++;
    this.#recentBytes += length + KEY_OVERHEAD;
    const isFull = this.#recentBytes > this.#memoryBytes / 2;
    if (!isFull && this.#older.size === 0) return;
    try {
      this.#move(isFull ? this.#older.size : MOVED_PER_NOTE);
      if (isFull) this.#begin();
    } catch (error) {
      this.#failure = asExtentError(error);
      this.#recent.clear();
      this.#older.clear();
    }
  }

  /** What was recent is older now. */
  #begin(): void {
    this.#file ??= this.#newFile();
    this.#older = this.#recent;
    this.#recent = new Set();
    this.#recentBytes = 0;
  }

  #move(count: number): void {
    const file = this.#file;
    if (file === undefined) return;
    let moved = 0;
    for (const key of this.#older) {
      if (moved++ === count) return;
      this.#headView.setUint32(0, key.length, true);
      file.append(this.#head, 0, HEAD_BYTES);
      file.append(Buffer.from(key, 'latin1'), 0, key.length);
      this.#older.delete(key);
    }
  }

  /**
   * All keys, some more than once. Nothing may be noted here meanwhile. What is given holds until the next one.
   *
   * @throws 53100, 58030 when some could not be kept.
   */
  *keys(): Iterable<Uint8Array> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#file !== undefined) yield* keysIn(this.#file);
    for (const keys of [this.#older, this.#recent]) for (const key of keys) yield Buffer.from(key, 'latin1');
  }

  close(): void {
    this.#file?.close();
    this.#file = undefined;
  }
}

function* keysIn(file: SpillFile): Iterable<Uint8Array> {
  let window = new Uint8Array(WINDOW_BYTES);
  let [from, to, offset] = [0, 0, 0];
  const fill = (need: number): void => {
    if (to - from >= need) return;
    const next = window.length >= need ? window : new Uint8Array(need);
    next.set(window.subarray(from, to), 0);
    window = next;
    [from, to] = [0, to - from];
    const got = file.read(window, to, window.length - to, offset);
    offset += got;
    to += got;
  };
  for (;;) {
    fill(HEAD_BYTES);
    if (to - from < HEAD_BYTES) return;
    const length = new DataView(window.buffer, from).getUint32(0, true);
    fill(HEAD_BYTES + length);
    yield window.subarray(from + HEAD_BYTES, from + HEAD_BYTES + length);
    from += HEAD_BYTES + length;
  }
}
