/**
 * Keys of the rows that are changed while something is built from a table: what has to be looked at again when it is done.
 *
 *   begin ── writers note the key of every row that they change ── end
 *
 *   recent   the keys noted last, each once, in memory ──(half of the memory is full)──> older ──a few with each note──> file
 *   file     a temporary one, made when memory is full: key length u32 | key, in the order in which they came; a key may be there
 *            more than once
 *
 * Keys are noted when rows change, whatever becomes of the transaction: a row that was rolled back is looked at in vain. A note
 * never fails and never waits; where the file cannot be written, it is the build that ends with that error.
 */
import { asExtentError } from '../base/errors.ts';
import type { TreeId } from '../storage/contracts.ts';
import type { SpillFile } from './spill-file.ts';

/** What the keys of one watch may take in memory, about. */
export const WATCH_BYTES = 16 << 20;
/** Of an entry of a set, beside its characters. */
const KEY_OVERHEAD = 80;
/** Older keys that go to the file with each note: they are gone long before recent ones take their place. */
const MOVED_PER_NOTE = 4;
const HEAD_BYTES = 4;
const WINDOW_BYTES = 65536;

export class RowWatch {
  readonly #end: () => void;
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

  constructor(end: () => void, newFile: () => SpillFile, memoryBytes = WATCH_BYTES) {
    this.#end = end;
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
   * All keys, some more than once. Nothing may be noted meanwhile. What is given holds until the next one.
   *
   * @throws 53100, 58030 when some could not be kept.
   */
  *keys(): Iterable<Uint8Array> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#file !== undefined) yield* keysIn(this.#file);
    for (const keys of [this.#older, this.#recent]) for (const key of keys) yield Buffer.from(key, 'latin1');
  }

  end(): void {
    this.#end();
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

/** The watches of a database, by the tree that they watch: one each. */
export class RowWatches {
  readonly #watches = new Map<TreeId, RowWatch>();
  readonly #newFile: () => SpillFile;
  /** What a watch that begins now may keep in memory. */
  memoryBytes = WATCH_BYTES;

  /** @param newFile - makes a temporary file. */
  constructor(newFile: () => SpillFile) {
    this.#newFile = newFile;
  }

  begin(tree: TreeId): RowWatch {
    const watch = new RowWatch(() => this.#watches.delete(tree), this.#newFile, this.memoryBytes);
    this.#watches.set(tree, watch);
    return watch;
  }

  /** Asked for every row that is changed. */
  of(tree: TreeId): RowWatch | undefined {
    return this.#watches.size === 0 ? undefined : this.#watches.get(tree);
  }
}
