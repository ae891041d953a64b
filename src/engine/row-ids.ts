/** Hidden row ids: one counter per table without a primary key, found again at the tree's right edge after a restart. */
import type { Task } from '../base/task.ts';
import { NEED, OK, type Store, type Transaction, type TreeId } from '../storage/contracts.ts';
import type { KeyWriter } from '../storage/record/key.ts';

const ROW_ID_BYTES = 6;

export class RowIds {
  readonly #store: Store;
  readonly #next = new Map<TreeId, number>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** Makes sure that a tree's counter is known. */
  *load(tree: TreeId, t: Transaction): Task<void> {
    if (this.#next.has(tree)) return;
    const snapshot = t.snapshot();
    const scan = this.#store.scan();
    try {
      scan.open(tree, undefined, undefined, true, snapshot);
      for (;;) {
        const status = scan.next();
        if (status === NEED) {
          yield this.#store.need;
          continue;
        }
        // Deleted and foreign uncommitted rows count as well: an id is never used twice.
        if (status === OK) scan.keyAt(scan.to - 1);
        if (!this.#next.has(tree)) this.#next.set(tree, status === OK ? readRowId(scan.key, 0) + 1 : 1);
        return;
      }
    } finally {
      scan.close();
      t.release(snapshot);
    }
  }

  /** The next id of a tree whose counter is loaded. */
  take(tree: TreeId): number {
    const id = this.#next.get(tree) ?? 1;
    this.#next.set(tree, id + 1);
    return id;
  }
}

/** Appends a hidden row id: 48 bits, big-endian. */
export function appendRowId(key: KeyWriter, id: number): void {
  key.room(ROW_ID_BYTES);
  key.view.setUint16(key.length, Math.floor(id / 4294967296));
  key.view.setUint32(key.length + 2, id >>> 0);
  key.length += ROW_ID_BYTES;
}

export function readRowId(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at]! * 256 + bytes[at + 1]!) * 4294967296 +
    ((bytes[at + 2]! << 24) | (bytes[at + 3]! << 16) | (bytes[at + 4]! << 8) | bytes[at + 5]!) +
    (bytes[at + 2]! >= 128 ? 4294967296 : 0)
  );
}
