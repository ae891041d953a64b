/**
 * Rows under change: locked in their newest version before they are changed, and held from the first wait on.
 *
 *   lock ──> found free (not held) ──(the task waits)──> held ──> written
 *                                  └─(it need not wait)────────> written
 */
import { fail } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import { compareKeys, KeyWriter, LOCK_WAIT, NEED, NONE, type Row, type RowLockMode } from '../../engine/record-port.ts';
import { type ExecState, newRow } from './state.ts';

/**
 * Sees that a row which is not at its key any more is still in its tree: one that went to another partition is said to have moved to
 * its own key.
 *
 * @throws 40001
 */
export function requireHere(key: Uint8Array, length: number, movedTo: Uint8Array): void {
  if (compareKeys(key, 0, length, movedTo, 0, movedTo.length) !== 0) return;
  throw fail(
    'serialization_failure',
    'tuple to be locked was already moved to another partition due to concurrent update',
  );
}

/** Locks and holds rows of one table. */
export class RowHolder {
  /** The row that was locked. */
  readonly row: Row = newRow();
  /** Its key. */
  readonly followed = new KeyWriter();
  readonly #state: ExecState;
  readonly #tree: number;

  /** True when the row locked last had been given another key: `followed` is that one. */
  hasMoved = false;

  constructor(state: ExecState, tree: number) {
    this.#state = state;
    this.#tree = tree;
  }

  /**
   * Locks the newest version of the row whose key stands in `bytes`; follows it when its key was changed. An attempt: the key
   * followed to is in `followed`, and after NEED {@link lock} goes on from it.
   */
  attempt(bytes: Uint8Array, from: number, to: number, mode: RowLockMode): number {
    this.followed.length = 0;
    this.followed.append(bytes, from, to);
    this.hasMoved = false;
    return this.#attempt(mode);
  }

  #attempt(mode: RowLockMode): number {
    const { session } = this.#state;
    const key = this.followed;
    for (;;) {
      const status = session.store.lockRow(
        session.transaction,
        this.#tree,
        key.bytes,
        key.length,
        mode,
        LOCK_WAIT,
        false,
        this.row,
      );
      const { movedTo } = this.row;
      if (status !== NONE || movedTo === undefined) return status;
      requireHere(key.bytes, key.length, movedTo);
      key.length = 0;
      key.append(movedTo, 0, movedTo.length);
      this.hasMoved = true;
    }
  }

  /** Goes on after an attempt that answered NEED. */
  *lock(mode: RowLockMode): Task<number> {
    let status: number = NEED;
    while (status === NEED) {
      yield this.#state.session.need();
      status = this.#attempt(mode);
    }
    return status;
  }

  /**
   * Runs what follows the lock. The row was only found free: should the task have to wait before the row is written, the row is
   * held first, or another transaction could change it meanwhile and its change would be lost.
   */
  *holding<T>(mode: RowLockMode, task: Task<T>): Task<T> {
    const first = task.next();
    if (first.done === true) return first.value;
    const { session } = this.#state;
    session.store.holdRow(session.transaction, this.#tree, this.followed.bytes, this.followed.length, mode);
    try {
      yield first.value;
    } catch (error) {
      const after = task.throw(error);
      if (after.done === true) return after.value;
      yield after.value;
    }
    return yield* task;
  }
}
