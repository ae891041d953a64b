/**
 * INSERT … ON CONFLICT: looks before it inserts, and again when another transaction was faster in between.
 *
 *   look ── free ──> insert ── a duplicate after all ──> undo, look again
 *     └─ a row ──> DO NOTHING: done       DO UPDATE: lock it ── gone meanwhile ──> look again
 *                                                       └─ there, condition holds ──> update it
 */
import { fail } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import type { IndexObject } from '../../engine/catalog.ts';
import { NEED, NONE, ROW_UPDATE } from '../../engine/record-port.ts';
import type { TableWriter } from '../../engine/table-writer.ts';
import type { KeySet } from './key-set.ts';
import type { InsertOptions, ModifyPlan } from './modify.ts';
import type { NewRows } from './new-rows.ts';
import type { OldRows } from './old-rows.ts';
import { evaluateRow, pointAt, pointSecond } from './operator.ts';
import { movesAway } from './partition-routing.ts';
import type { RowHolder } from './row-holder.ts';
import type { ExecState } from './state.ts';
import { concurrentUpdate, looseArbiter } from './violations.ts';

/** Inserts the rows of one INSERT … ON CONFLICT. */
export class ConflictResolver {
  /** Of the row that {@link resolve} wrote last: its number among the new rows, and the old one's, if it replaces one. */
  written = -1;
  replaced: number | undefined;
  readonly #state: ExecState;
  readonly #plan: ModifyPlan;
  readonly #new: NewRows;
  readonly #old: OldRows;
  readonly #holder: RowHolder;
  readonly #done: KeySet;

  /** @param done - keys of the rows that this statement has written. */
  constructor(state: ExecState, plan: ModifyPlan, made: NewRows, old: OldRows, holder: RowHolder, done: KeySet) {
    this.#state = state;
    this.#plan = plan;
    this.#new = made;
    this.#old = old;
    this.#holder = holder;
    this.#done = done;
  }

  /**
   * Inserts a new row, or does what ON CONFLICT says.
   *
   * @returns false when nothing was written. @throws 23505, 21000, 40001
   */
  *resolve(writer: TableWriter, number: number, conflict: NonNullable<InsertOptions['onConflict']>): Task<boolean> {
    const { session, snapshot } = this.#state;
    const { rows } = this.#new;
    const address = rows.index[number]!;
    const arbiters = this.#arbiters(conflict);
    for (;;) {
      const found = yield* writer.findConflict(rows, address, arbiters);
      if (found === undefined) {
        const mark = session.transaction.mark();
        const violated = yield* writer.insert(rows, address);
        if (violated === undefined) {
          this.#done.add(writer.key.bytes, writer.key.length);
          this.written = number;
          this.replaced = undefined;
          return true;
        }
        if (!arbiters.includes(violated)) throw yield* this.#new.duplicate(number, violated);
        // Another transaction was faster between the look and the insert.
        yield* session.transaction.rollbackTo(mark);
        continue;
      }
      if (this.#plan.conflictBuild === undefined) {
        // A row that the transaction's snapshot does not see must not decide silently what it does.
        const unseen = writer.conflictSeq !== Number.POSITIVE_INFINITY && writer.conflictSeq > snapshot.commitSeq;
        if (unseen && session.isolation === 'repeatable read') throw concurrentUpdate();
        return false;
      }
      const updated = yield* this.#updateExisting(writer, number);
      if (updated !== undefined) return updated;
    }
  }

  /** The indexes whose conflicts count: those named, else all unique ones. */
  #arbiters(conflict: NonNullable<InsertOptions['onConflict']>): readonly IndexObject[] {
    const { access } = this.#plan.options;
    const all = [access.primaryIndex, ...access.secondary.map((s) => s.index)].filter(
      (x): x is IndexObject => x?.unique === true,
    );
    const arbiters = conflict.arbiters.length > 0 ? conflict.arbiters : all;
    const loose = arbiters.find((index) => index.deferrable === true);
    if (loose !== undefined) throw looseArbiter(this.#state.session.catalog, access.table, loose);
    return arbiters;
  }

  /** DO UPDATE of the row at `conflictKey`. @returns whether it was written; undefined when it went away meanwhile. */
  *#updateExisting(writer: TableWriter, number: number): Task<boolean | undefined> {
    const { session, snapshot } = this.#state;
    const holder = this.#holder;
    const key = writer.conflictKey.bytes.slice(0, writer.conflictKey.length);
    let status = holder.attempt(key, 0, key.length, ROW_UPDATE);
    if (status === NEED) status = yield* holder.lock(ROW_UPDATE);
    // Gone, or gone elsewhere with its key: then what conflicted is free, and the insert looks again.
    if (status === NONE || holder.hasMoved) return undefined;
    if (
      holder.row.commitSeq !== Number.POSITIVE_INFINITY &&
      holder.row.commitSeq > snapshot.commitSeq &&
      session.isolation === 'repeatable read'
    )
      throw concurrentUpdate();
    if (!this.#done.add(key, key.length)) {
      throw fail('cardinality_violation', 'ON CONFLICT DO UPDATE command cannot affect row a second time', {
        hint: 'Ensure that no rows proposed for insertion within the same command have duplicate constrained values.',
      });
    }
    const { rows } = this.#new;
    const old = this.#old.copyOfStored(holder.row);
    pointAt(this.#new.env, this.#old.rows, old);
    pointSecond(this.#new.env, rows, rows.index[number]!);
    const made = yield* holder.holding(ROW_UPDATE, this.#replacement());
    if (made === undefined) return false;
    const address = rows.index[made]!;
    const change = writer.update(this.#old.rows, this.#old.rows.index[old]!, key, key.length, rows, address);
    const violated = yield* holder.holding(ROW_UPDATE, change);
    if (violated !== undefined) throw yield* this.#new.duplicate(made, violated);
    this.written = made;
    this.replaced = old;
    return true;
  }

  /** Makes what DO UPDATE writes; undefined where its condition does not hold. */
  *#replacement(): Task<number | undefined> {
    const { env } = this.#new;
    const { conflictWhere, levels } = this.#plan;
    if (conflictWhere !== undefined && (yield* evaluateRow(env, () => conflictWhere(env))) !== true) return undefined;
    const made = yield* this.#new.makeOfConflict();
    if (levels !== undefined && !(yield* this.#new.staysHere(made))) throw movesAway();
    return made;
  }
}
