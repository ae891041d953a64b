/**
 * How INSERT, UPDATE and DELETE run.
 *
 * A change runs to its end when its first batch is asked for; RETURNING rows wait in a row store. Each new row is a wide
 * record of the table's live columns: built, completed with generated columns, checked, then written by the engine.
 *
 * Before an old row is changed its newest version is locked. If that is not the version that the snapshot saw:
 *   READ COMMITTED   the statement's conditions are evaluated again over the newest version and the saved columns of the
 *                    other tables; the row is changed if they still hold
 *   REPEATABLE READ  40001
 * A row whose key another transaction changed is followed to its new key. Afterwards foreign keys are seen to.
 *
 * The parts: new-rows.ts builds and checks, old-rows.ts keeps what was, target-rows.ts locks, on-conflict.ts and bulk-insert.ts
 * are ways of INSERT, returned-rows.ts keeps what RETURNING gives.
 *
 * A change of one row is tried on the spot first, for most wait for nothing:
 *   …Now ── all at hand ──> written          …Now ── something lacks ──> the task of the same name goes on from there
 */
import type { Task } from '../../base/task.ts';
import type { Catalog } from '../../engine/catalog.ts';
import {
  NEED,
  NONE,
  OK,
  ROW_NO_KEY_UPDATE,
  ROW_UPDATE,
  RowBuffer,
  type RowLockMode,
} from '../../engine/record-port.ts';
import type { TableAccess } from '../../engine/table-access.ts';
import { TableWriter } from '../../engine/table-writer.ts';
import type { SqlValue } from '../types/contracts.ts';
import { BULK_ROWS, BulkInsert } from './bulk-insert.ts';
import { ChangeOperator } from './change-operator.ts';
import { ForeignKeyWork } from './foreign-keys.ts';
import { KeySet } from './key-set.ts';
import type { DeleteOptions, InsertOptions, ModifyPlan, UpdateOptions } from './modify.ts';
import { NewRows } from './new-rows.ts';
import { hasLongValues, OldRows } from './old-rows.ts';
import { ConflictResolver } from './on-conflict.ts';
import { evaluateRow, type Operator, pointAt, pointSecond, startPlan, WAITS } from './operator.ts';
import { ReturnedRows, type RowMaker } from './returned-rows.ts';
import { RowHolder } from './row-holder.ts';
import type { Env, ExecState } from './state.ts';
import { TargetRows } from './target-rows.ts';
import { settleDoubts } from './unique-checks.ts';
import { concurrentDelete, concurrentUpdate } from './violations.ts';

/** Changing a row, with its indexes and its log, is as much work as reading so many. */
const CHANGE_UNITS = 32;

/**
 * Takes a row that an update has sent to another partition, with all but its foreign keys.
 *
 * @returns what makes its RETURNING row; undefined = what makes it where it stays.
 */
export type Mover = (rows: RowBuffer, number: number) => Task<RowMaker | undefined>;

export class ModifyOperator extends ChangeOperator {
  affected = 0;
  /** Set where rows may leave the table for another partition. */
  mover: Mover | undefined;
  readonly #plan: ModifyPlan;
  readonly #access: TableAccess;
  readonly #input: Operator;
  /** New rows and old rows, one batch of input at a time. */
  readonly #new: NewRows;
  readonly #old: OldRows;
  /** That of the new rows: it points to input rows (0), too. */
  readonly #env: Env;
  readonly #returned: ReturnedRows;
  readonly #holder: RowHolder;
  /** Keys of the rows that were changed, where a row may come twice. */
  readonly #done: KeySet;
  readonly #targets: TargetRows;
  readonly #bulk: BulkInsert;
  readonly #conflicts: ConflictResolver;
  #writer: TableWriter | undefined;
  #foreign: ForeignKeyWork | undefined;
  #catalog: Catalog | undefined;
  /** True when something is to be done for each row after it was written. */
  #answers = false;
  #ran = false;
  /** The batch that `#runNow` has left to `#run`. */
  #rows: RowBuffer | undefined;
  /** Number of a new row that was made and could not be written on the spot, or −1: it is not made again. */
  #built = -1;
  readonly #batch: RowBuffer;

  constructor(state: ExecState, plan: ModifyPlan) {
    super(state);
    this.#plan = plan;
    this.#access = plan.options.access;
    this.#holder = new RowHolder(state, plan.options.access.table.tree);
    this.#input = startPlan(plan.options.input, state);
    this.#new = new NewRows(state, plan);
    this.#env = this.#new.env;
    this.#old = new OldRows(state, plan, this.#env);
    this.#returned = new ReturnedRows(state, this, plan.shape);
    this.#batch = new RowBuffer(plan.shape.layout, state.memory);
    this.#done = new KeySet(this);
    this.#targets = new TargetRows(state, plan, this.#env, this.#holder, this.#done);
    this.#bulk = new BulkInsert(state, plan, this.#new);
    this.#conflicts = new ConflictResolver(state, plan, this.#new, this.#old, this.#holder, this.#done);
  }

  *open(): Task<void> {
    const { session } = this.state;
    const { table } = this.#access;
    if (this.#access.primaryParts === undefined) yield* session.database.rowIds.load(table.tree, session.transaction);
    if (this.#writer === undefined)
      this.#writer = new TableWriter(
        session.store,
        session.transaction,
        this.#access,
        () => session.database.rowIds.take(table.tree),
        this.#plan.rules.computedKeys(this.state),
        session.database.watches,
      );
    else this.#writer.enter(session.transaction);
    if (this.#foreign === undefined || this.#catalog !== session.catalog) {
      const { options } = this.#plan;
      const arrives = options.kind === 'insert' && options.arrives === true;
      this.#foreign = new ForeignKeyWork(this.state, arrives ? undefined : table);
      this.#catalog = session.catalog;
    }
    this.#answers = this.#foreign.concerned || this.#plan.returning !== undefined;
    this.#rows = undefined;
    this.#built = -1;
    this.#ran = false;
    this.affected = 0;
    this.#returned.clear();
    this.#done.close();
    if (!this.#input.openNow()) yield* this.#input.open();
  }

  *next(): Task<RowBuffer | undefined> {
    if (!this.#ran) yield* this.#run();
    return this.#deliver();
  }

  override nextNow(): RowBuffer | undefined | typeof WAITS {
    return this.#ran || this.#runNow() ? this.#deliver() : WAITS;
  }

  #deliver(): RowBuffer | undefined {
    const batch = this.#batch;
    batch.clear();
    this.#returned.deliver(batch);
    this.producedRows += batch.count;
    return batch.count === 0 ? undefined : batch;
  }

  /** Runs a change of a row or none on the spot; false = `#run` must be run, which goes on from here. */
  #runNow(): boolean {
    if (this.#answers) return false;
    while (this.#rows === undefined) {
      const rows = this.#input.nextNow();
      if (rows === WAITS) return false;
      if (rows === undefined) {
        this.#ran = true;
        return true;
      }
      this.#rows = rows;
      if (rows.count > 1 || !this.#oneNow(rows)) return false;
      this.#rows = undefined;
    }
    return false;
  }

  #oneNow(rows: RowBuffer): boolean {
    const { options } = this.#plan;
    this.#new.rows.clear();
    this.#old.rows.clear();
    if (options.kind === 'insert') return this.#insertNow(rows, 0, options);
    return options.kind === 'update' && this.#updateNow(rows, options);
  }

  *#run(): Task<void> {
    for (;;) {
      let rows = this.#rows ?? this.#input.nextNow();
      this.#rows = undefined;
      if (rows === WAITS) rows = yield* this.#input.next();
      if (rows === undefined) break;
      yield* this.take(rows);
    }
    yield* this.settle();
    yield* this.finish();
    this.#ran = true;
  }

  /** Makes the change that each row of a batch of the input asks for. */
  *take(rows: RowBuffer): Task<void> {
    const { options } = this.#plan;
    const { session } = this.state;
    if (this.#plan.appendsOnly && !this.#foreign!.concerned && rows.count >= BULK_ROWS) this.#bulk.begin();
    if (this.#bulk.isOpen) {
      yield* this.#bulk.append(rows, this.#writer!);
      this.affected += rows.count;
      if (this.state.spent(rows.count * 4)) yield session.slice();
      return;
    }
    yield* this.#returned.settle();
    yield* this.#done.settle();
    for (let i = 0; i < rows.count; i++) {
      if (this.#built < 0) this.#new.rows.clear();
      this.#old.rows.clear();
      if (options.kind !== 'insert') yield* this.#change(rows, i, options);
      else if (this.#built >= 0 || !this.#insertNow(rows, i, options)) yield* this.#insert(rows, i, options);
      if (this.state.spent(CHANGE_UNITS)) yield session.slice();
    }
  }

  /** Writes what has been gathered for the table's right edge. */
  *settle(): Task<void> {
    if (this.#bulk.isOpen) yield* this.#bulk.settle();
  }

  /** Sees to the deferrable keys and the foreign keys of all rows taken. */
  *finish(): Task<void> {
    yield* settleDoubts(this.state, this.#writer!);
    if (this.#foreign!.concerned) yield* this.#foreign!.finish();
  }

  /** Hands on the RETURNING rows of what was taken since the last call. */
  takeReturned(into: RowBuffer): void {
    this.#returned.takeAll(into);
  }

  // ── insert ──

  /** Inserts a row that needs nothing but its place in the tree; false = nothing was inserted, `#insert` must do it. */
  #insertNow(rows: RowBuffer, i: number, options: InsertOptions): boolean {
    if (options.onConflict !== undefined || this.#answers) return false;
    const number = this.#new.makeNow(rows, i);
    if (number < 0) return false;
    if (this.#writer!.insertNow(this.#new.rows, this.#new.rows.index[number]!) !== OK) {
      this.#built = number;
      return false;
    }
    this.affected++;
    return true;
  }

  *#insert(rows: RowBuffer, i: number, options: InsertOptions): Task<void> {
    // What was computed is not computed again: it may have drawn numbers from a sequence.
    const number = this.#built >= 0 ? this.#built : yield* this.#new.make(rows, i);
    this.#built = -1;
    const writer = this.#writer!;
    if (options.onConflict !== undefined) {
      const conflicts = this.#conflicts;
      if (yield* conflicts.resolve(writer, number, options.onConflict))
        yield* this.#wrote(rows, i, conflicts.written, conflicts.replaced);
      return;
    }
    const conflict = yield* writer.insert(this.#new.rows, this.#new.rows.index[number]!);
    if (conflict !== undefined) throw yield* this.#new.duplicate(number, conflict);
    yield* this.#wrote(rows, i, number, undefined);
  }

  // ── update and delete ──

  /** Updates a row that is as the snapshot saw it and keeps its key; false = nothing was changed, `#change` must do it. */
  #updateNow(rows: RowBuffer, options: UpdateOptions): boolean {
    if (options.mayRepeat) return false;
    const targets = this.#targets;
    pointAt(this.#env, rows, 0);
    if (targets.isNone()) return true;
    if (targets.lockNow(ROW_NO_KEY_UPDATE) !== OK || targets.isNewer()) return false;
    if (hasLongValues(options.input.shape.layout, rows, 0)) return false;
    const number = this.#new.makeNow(rows, 0);
    if (number < 0) return false;
    const { bytes, length } = this.#holder.followed;
    if (this.#writer!.updateNow(bytes, length, this.#new.rows, this.#new.rows.index[number]!) !== OK) {
      this.#built = number;
      return false;
    }
    this.affected++;
    return true;
  }

  *#change(rows: RowBuffer, i: number, options: UpdateOptions | DeleteOptions): Task<void> {
    const env = this.#env;
    const { session } = this.state;
    const targets = this.#targets;
    pointAt(env, rows, i);
    if (targets.isNone() || (options.mayRepeat && !targets.isFirst())) return;
    const mode = options.kind === 'delete' ? ROW_UPDATE : ROW_NO_KEY_UPDATE;
    const holder = this.#holder;
    let status = targets.lockNow(mode);
    if (status === NEED) status = yield* holder.lock(mode);
    const newer = status === NONE || targets.isNewer();
    if (newer && session.isolation === 'repeatable read')
      throw status === NONE ? concurrentDelete() : concurrentUpdate();
    if (status === NONE) return;
    let source = rows;
    let row = i;
    if (newer) {
      row = this.#old.merge(rows, i, holder.row, options);
      source = this.#old.merged;
      const { recheck } = this.#plan;
      pointAt(env, source, row);
      const holds = recheck === undefined ? undefined : evaluateRow(env, () => recheck(env));
      if (holds !== undefined && (yield* holder.holding(mode, holds)) !== true) return;
    }
    if (options.kind === 'delete') yield* this.#delete(source, row, mode);
    else yield* this.#update(source, row, mode, options);
  }

  *#delete(rows: RowBuffer, i: number, mode: RowLockMode): Task<void> {
    const { bytes, length } = this.#holder.followed;
    const old = this.#old.copyOf(rows, i);
    const removal = this.#writer!.remove(this.#old.rows, this.#old.rows.index[old]!, bytes, length);
    yield* this.#holder.holding(mode, removal);
    yield* this.#removed(rows, i, old);
  }

  *#update(rows: RowBuffer, i: number, mode: RowLockMode, options: UpdateOptions): Task<void> {
    const writer = this.#writer!;
    const { bytes, length } = this.#holder.followed;
    let number = this.#built >= 0 ? this.#built : this.#new.makeNow(rows, i);
    this.#built = -1;
    if (number < 0) number = yield* this.#holder.holding(mode, this.#new.make(rows, i));
    if (this.#plan.levels !== undefined && !this.#new.stays) {
      yield* this.#moveOut(rows, i, number, mode);
      return;
    }
    const made = this.#new.rows;
    const address = made.index[number]!;
    if (
      !this.#answers &&
      !hasLongValues(options.input.shape.layout, rows, i) &&
      writer.updateNow(bytes, length, made, address) === OK
    ) {
      this.affected++;
      return;
    }
    const old = this.#old.copyOf(rows, i);
    const change = writer.update(this.#old.rows, this.#old.rows.index[old]!, bytes, length, made, address);
    const violated = yield* this.#holder.holding(mode, change);
    if (violated !== undefined) throw yield* this.#new.duplicate(number, violated);
    yield* this.#wrote(rows, i, number, old);
  }

  /** Takes a row out of this partition and gives its new state to another; whoever waits for it is told so (40001). */
  *#moveOut(rows: RowBuffer, i: number, number: number, mode: RowLockMode): Task<void> {
    const { bytes, length } = this.#holder.followed;
    const old = this.#old.copyOf(rows, i);
    const key = bytes.slice(0, length);
    // The new row is taken over first: it may hold on to long values that go with the old one.
    const returning = yield* this.#holder.holding(mode, this.mover!(this.#new.rows, number));
    const removal = this.#writer!.remove(this.#old.rows, this.#old.rows.index[old]!, key, length, key);
    yield* this.#holder.holding(mode, removal);
    yield* this.#wrote(rows, i, number, old, returning);
  }

  // ── afterwards ──

  *#wrote(
    rows: RowBuffer,
    i: number,
    number: number,
    old: number | undefined,
    returning: RowMaker | undefined = this.#plan.returning,
  ): Task<void> {
    this.affected++;
    const { env } = this.#returned;
    if (this.#foreign!.concerned) {
      const before = old === undefined ? undefined : yield* this.#valuesOf(this.#old.rows, old);
      this.#foreign!.written(yield* this.#valuesOf(this.#new.rows, number), before);
    }
    if (returning === undefined) return;
    pointAt(env, this.#new.rows, number);
    pointSecond(env, rows, rows.index[i]!);
    yield* this.#returned.add(returning);
  }

  *#removed(rows: RowBuffer, i: number, old: number): Task<void> {
    this.affected++;
    const { env } = this.#returned;
    if (this.#foreign!.concerned) this.#foreign!.removed(yield* this.#valuesOf(this.#old.rows, old));
    const { returning } = this.#plan;
    if (returning === undefined) return;
    pointAt(env, this.#old.rows, old);
    pointSecond(env, rows, rows.index[i]!);
    yield* this.#returned.add(returning);
  }

  *#valuesOf(rows: RowBuffer, row: number): Task<SqlValue[]> {
    const { env } = this.#returned;
    pointAt(env, rows, row);
    return yield* evaluateRow(env, () => this.#plan.rules.values(env));
  }

  close(): void {
    this.#input.close();
    for (const buffer of [this.#returned, this.#batch, this.#new.rows, this.#old]) buffer.release();
    this.#done.close();
  }
}
