/** RETURNING: a change runs to its end first, so its rows wait in a row store, which spills, until they are asked for. */
import type { Task } from '../../base/task.ts';
import type { RowBuffer } from '../../engine/record-port.ts';
import { BATCH_ROWS, evaluateRow, type Operator } from './operator.ts';
import { RowCursor, RowStore } from './row-store.ts';
import type { Shape } from './shape.ts';
import { Env, type ExecState } from './state.ts';

/** Makes the row that RETURNING gives of a written row (0) and its input row (1). */
export type RowMaker = (env: Env, out: RowBuffer) => void;

/** The RETURNING rows of one change. */
export class ReturnedRows {
  /** Points to the row written (0) and its input row (1), and to rows that wait. */
  readonly env: Env;
  readonly #rows: RowStore;
  #cursor: RowCursor | undefined;
  #delivered = 0;

  constructor(state: ExecState, owner: Operator, shape: Shape) {
    this.env = new Env(state);
    this.#rows = new RowStore(owner, shape);
  }

  /** Makes the row of what the environment points to. */
  *add(make: RowMaker): Task<void> {
    const out = this.#rows.tail;
    yield* evaluateRow(
      this.env,
      () => {
        out.start();
        make(this.env, out);
        out.finish();
      },
      () => out.abandon(),
    );
  }

  /** To be called between batches: moves rows to disk when the statement has more than its memory. */
  *settle(): Task<void> {
    yield* this.#rows.settle();
  }

  /** Gives the next batch. */
  deliver(batch: RowBuffer): void {
    while (this.#delivered < this.#rows.count && batch.count < BATCH_ROWS) this.#copy(this.#delivered++, batch);
  }

  /** Gives all that wait, and forgets them. */
  takeAll(into: RowBuffer): void {
    const { count } = this.#rows;
    for (let i = 0; i < count; i++) this.#copy(i, into);
    this.clear();
  }

  #copy(row: number, into: RowBuffer): void {
    const { env } = this;
    this.#cursor ??= new RowCursor(this.#rows);
    this.#cursor.point(env, row);
    into.appendRow(env.b0, env.v0, env.r0);
  }

  clear(): void {
    this.#rows.clear();
    this.#cursor = undefined;
    this.#delivered = 0;
  }

  release(): void {
    this.#rows.release();
  }
}
