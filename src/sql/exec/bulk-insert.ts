/**
 * Rows appended at a table's right edge, leaf by leaf: for tables whose rows need nothing but their key. A row that does not go
 * to the right edge, or is too large, takes the ordinary way.
 */
import type { Task } from '../../base/task.ts';
import { type BulkAppender, NEED, NONE, type RowBuffer } from '../../engine/record-port.ts';
import type { TableWriter } from '../../engine/table-writer.ts';
import type { ModifyPlan } from './modify.ts';
import type { NewRows } from './new-rows.ts';
import { pointAt } from './operator.ts';
import type { ExecState } from './state.ts';

/** A batch of at least this many rows is worth building leaves for. */
export const BULK_ROWS = 32;

/** The rows of one INSERT or COPY, between two looks at the end of the input. */
export class BulkInsert {
  readonly #state: ExecState;
  readonly #plan: ModifyPlan;
  readonly #new: NewRows;
  #leaves: BulkAppender | undefined;

  constructor(state: ExecState, plan: ModifyPlan, made: NewRows) {
    this.#state = state;
    this.#plan = plan;
    this.#new = made;
  }

  get isOpen(): boolean {
    return this.#leaves !== undefined;
  }

  begin(): void {
    const { session } = this.#state;
    this.#leaves ??= session.store.appender(session.transaction, this.#plan.options.access.table.tree);
  }

  /** Appends the rows of a batch of the input, between {@link begin} and {@link settle}. @throws 23502, 23505 */
  *append(input: RowBuffer, writer: TableWriter): Task<void> {
    const { env, rows } = this.#new;
    const { rules, sameColumns } = this.#plan;
    const { session } = this.#state;
    const leaves = this.#leaves!;
    for (let i = 0; i < input.count; i++) {
      let source = input;
      let row = i;
      if (!sameColumns) {
        rows.clear();
        yield* this.#new.build(input, i);
        source = rows;
        row = 0;
      }
      pointAt(env, source, row);
      rules.checkNotNull(env);
      let status = writer.append(leaves, env.b0, env.v0, env.r0);
      while (status === NEED) {
        yield session.need();
        status = writer.append(leaves, env.b0, env.v0, env.r0);
      }
      if (status === NONE) {
        yield* this.#flush();
        if (sameColumns) {
          rows.clear();
          rows.appendRow(env.b0, env.v0, env.r0);
        }
        const conflict = yield* writer.insert(rows, rows.index[0]!);
        if (conflict !== undefined) throw yield* this.#new.duplicate(0, conflict);
      }
    }
  }

  /** Writes what has been gathered, and ends. */
  *settle(): Task<void> {
    yield* this.#flush();
    this.#leaves = undefined;
  }

  *#flush(): Task<void> {
    if (this.#leaves !== undefined) while (this.#leaves.flush() === NEED) yield this.#state.session.need();
  }
}
