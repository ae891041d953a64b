/**
 * Keys of the rows that are changed while something is built from a table: what has to be looked at again when it is done.
 *
 *   begin ── writers note the key of every row that they change ── end
 *
 * Keys are noted when rows change, whatever becomes of the transaction: a row that was rolled back is looked at in vain.
 */
import { fail } from '../base/errors.ts';
import type { TreeId } from '../storage/contracts.ts';

/** Keys held for one watch; their number bounds the memory, and how long the table is locked at the end. */
const KEYS_MAX = 1_000_000;

export class RowWatch {
  readonly #keys = new Set<string>();
  readonly #end: () => void;
  #overflowed = false;

  constructor(end: () => void) {
    this.#end = end;
  }

  note(key: Uint8Array, length: number): void {
    if (this.#keys.size < KEYS_MAX) this.#keys.add(Buffer.from(key.buffer, key.byteOffset, length).toString('latin1'));
    else this.#overflowed = true;
  }

  /** Each key once. @throws 53400 when more rows were changed than a watch holds. */
  *keys(): Iterable<Uint8Array> {
    if (this.#overflowed)
      throw fail('configuration_limit_exceeded', `more than ${KEYS_MAX} rows were changed meanwhile`, {
        hint: 'Build the index when less is written, or without ONLINE or CONCURRENTLY.',
      });
    for (const key of this.#keys) yield Buffer.from(key, 'latin1');
  }

  get size(): number {
    return this.#keys.size;
  }

  end(): void {
    this.#end();
  }
}

/** The watches of a database, by the tree that they watch: one each. */
export class RowWatches {
  readonly #watches = new Map<TreeId, RowWatch>();

  begin(tree: TreeId): RowWatch {
    const watch = new RowWatch(() => this.#watches.delete(tree));
    this.#watches.set(tree, watch);
    return watch;
  }

  /** Asked for every row that is changed. */
  of(tree: TreeId): RowWatch | undefined {
    return this.#watches.size === 0 ? undefined : this.#watches.get(tree);
  }
}
