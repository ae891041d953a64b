/**
 * Rows under change: locked in their newest version before they are changed, and held from the first wait on.
 *
 *   lock ──> found free (not held) ──(the task waits)──> held ──> written
 *                                  └─(it need not wait)────────> written
 */
import type { Task } from '../../base/task.ts';
import { KeyWriter, LOCK_WAIT, NEED, NONE, type Row, type RowLockMode } from '../../engine/record-port.ts';
import { type ExecState, newRow } from './state.ts';

/** Locks and holds rows of one table. */
export class RowHolder {
  /** The row that was locked. */
  readonly row: Row = newRow();
  /** Its key. */
  readonly followed = new KeyWriter();
  readonly #state: ExecState;
  readonly #tree: number;

  constructor(state: ExecState, tree: number) {
    this.#state = state;
    this.#tree = tree;
  }

  /** Locks the newest version of a row; follows it when its key was changed. The key followed to is in `followed`. */
  *lock(key: Uint8Array, length: number, mode: RowLockMode): Task<number> {
    const { session } = this.#state;
    this.followed.length = 0;
    this.followed.append(key, 0, length);
    for (;;) {
      const status = session.store.lockRow(
        session.transaction,
        this.#tree,
        this.followed.bytes,
        this.followed.length,
        mode,
        LOCK_WAIT,
        false,
        this.row,
      );
      if (status === NEED) {
        yield session.need();
        continue;
      }
      if (status === NONE && this.row.movedTo !== undefined) {
        const { movedTo } = this.row;
        this.followed.length = 0;
        this.followed.append(movedTo, 0, movedTo.length);
        continue;
      }
      return status;
    }
  }

  /**
   * Runs what follows `lock`. The row was only found free: should the task have to wait before the row is written, the row is
   * held first, or another transaction could change it meanwhile and its change would be lost.
   */
  *holding<T>(mode: RowLockMode, key: Uint8Array, task: Task<T>): Task<T> {
    const first = task.next();
    if (first.done === true) return first.value;
    const { session } = this.#state;
    session.store.holdRow(session.transaction, this.#tree, key, key.length, mode);
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
