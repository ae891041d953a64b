/**
 * Appending ascending keys at the right edge of a tree.
 */
import { broken } from '../base/assert.ts';
import { type BulkAppender, EXISTS, NONE, OK } from './contracts.ts';
import type { StoreParts } from './store.ts';
import type { Txn } from './transactions.ts';
import type { Tree } from './tree.ts';
import { compareBytes } from './page.ts';

export class BulkWriter implements BulkAppender {
  readonly #parts: StoreParts;
  readonly #txn: Txn;
  readonly #tree: Tree;
  readonly #last = new Uint8Array(8192);
  #lastBytes = -1;

  constructor(parts: StoreParts, txn: Txn, tree: Tree) {
    this.#parts = parts;
    this.#txn = txn;
    this.#tree = tree;
  }

  add(key: Uint8Array, keyLength: number, record: Uint8Array, start: number, length: number): number {
    if (compareBytes(key, 0, keyLength, this.#last, 0, this.#lastBytes) <= 0) return NONE;
    const status = this.#parts.rows.insert(this.#txn, this.#tree, key, keyLength, record, start, length);
    if (status === EXISTS) return NONE;
    if (status === OK) {
      this.#last.set(key.subarray(0, keyLength));
      this.#lastBytes = keyLength;
    }
    return status;
  }

  flush(): number {
    return OK;
  }
}

/** Undoes the newest run of a transaction, leaf by leaf. An attempt. */
export function undoRun(_parts: StoreParts, _txn: Txn): number {
  return broken('no run was made');
}
