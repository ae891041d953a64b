/**
 * Keys of the rows that are changed while something is built from a table: what has to be looked at again before it is done.
 *
 *   begin ── writers note the key of every row that they change ──╪── … ──╪── … ──╪── … end
 *                                                                cut     cut     cut
 *
 * Keys are noted when rows change, whatever becomes of the transaction: a row that was rolled back is looked at in vain. A note is
 * there before its transaction ends. A cut begins another batch, so that those before it can be read while writers go on; each is
 * kept until it is forgotten.
 */
import type { TreeId } from '../storage/contracts.ts';
import { RowNotes } from './row-notes.ts';
import type { SpillFile } from './spill-file.ts';

/** What the first notes of a watch may take in memory, about. */
export const WATCH_BYTES = 16 << 20;
/** What each later batch may take of that: the first one may still be there, and one more beside them. */
const LATER_PART = 4;

export class RowWatch {
  readonly #end: () => void;
  readonly #newFile: () => SpillFile;
  readonly #memoryBytes: number;
  /** Before the last cut, oldest first. */
  #kept: RowNotes[] = [];
  #open: RowNotes;

  constructor(end: () => void, newFile: () => SpillFile, memoryBytes = WATCH_BYTES) {
    this.#end = end;
    this.#newFile = newFile;
    this.#memoryBytes = memoryBytes;
    this.#open = new RowNotes(newFile, memoryBytes);
  }

  /** How many keys are kept, some counted more than once. */
  get count(): number {
    return this.#kept.reduce((sum, notes) => sum + notes.count, this.#open.count);
  }

  /** Bytes of what is kept that went to files. */
  get spilledBytes(): number {
    return this.#kept.reduce((sum, notes) => sum + notes.spilledBytes, this.#open.spilledBytes);
  }

  note(key: Uint8Array, length: number): void {
    this.#open.note(key, length);
  }

  /** Begins another batch. @returns all that are kept of those before it. */
  cut(): readonly RowNotes[] {
    this.#kept.push(this.#open);
    this.#open = new RowNotes(this.#newFile, this.#memoryBytes / LATER_PART);
    return [...this.#kept];
  }

  forget(batches: readonly RowNotes[]): void {
    for (const notes of batches) notes.close();
    this.#kept = this.#kept.filter((notes) => !batches.includes(notes));
  }

  end(): void {
    this.#end();
    this.forget([...this.#kept, this.#open]);
  }
}

/** The watches of a database, by the tree that they watch: one each. */
export class RowWatches {
  readonly #watches = new Map<TreeId, RowWatch>();
  readonly #newFile: () => SpillFile;
  /** What a watch that begins now may keep in memory at first. */
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
