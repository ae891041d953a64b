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
 * A change of one row is tried on the spot first, for most wait for nothing:
 *   …Now ── all at hand ──> written          …Now ── something lacks ──> the task of the same name goes on from there
 */
import { fail } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import type { Catalog, IndexObject } from '../../engine/catalog.ts';
import {
  type BulkAppender,
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
import { ChangeOperator } from './change-operator.ts';
import { type Copier, columnCopier } from './copy.ts';
import { ForeignKeyWork } from './foreign-keys.ts';
import { KeySet } from './key-set.ts';
import type { DeleteOptions, InsertOptions, ModifyPlan, UpdateOptions } from './modify.ts';
import {
  BATCH_ROWS,
  evaluateNow,
  evaluateRow,
  type Operator,
  pointAt,
  pointSecond,
  startPlan,
  WAITS,
} from './operator.ts';
import { movesAway } from './partition-routing.ts';
import { RowHolder } from './row-holder.ts';
import { RowCursor, RowStore } from './row-store.ts';
import { Env, type ExecState } from './state.ts';
import { settleDoubts } from './unique-checks.ts';
import { looseArbiter, uniqueViolation } from './violations.ts';

/** Changing a row, with its indexes and its log, is as much work as reading so many. */
const CHANGE_UNITS = 32;
/** A batch of at least this many rows is worth building leaves for. */
const BULK_ROWS = 32;

/**
 * Takes a row that an update has sent to another partition, with all but its foreign keys.
 *
 * @returns what makes its RETURNING row; undefined = what makes it where it stays.
 */
export type Mover = (rows: RowBuffer, number: number) => Task<RowMaker | undefined>;
export type RowMaker = (env: Env, out: RowBuffer) => void;

export class ModifyOperator extends ChangeOperator {
  affected = 0;
  /** Set where rows may leave the table for another partition. */
  mover: Mover | undefined;
  readonly #plan: ModifyPlan;
  readonly #access: TableAccess;
  readonly #input: Operator;
  /** Points to input rows (0) or, while checking, to the new row. */
  readonly #env: Env;
  readonly #returnEnv: Env;
  readonly #out: RowStore;
  #outCursor: RowCursor | undefined;
  /** New rows and old rows, one batch of input at a time. */
  readonly #new: RowBuffer;
  readonly #old: RowBuffer;
  readonly #merged: RowBuffer;
  readonly #holder: RowHolder;
  readonly #done: KeySet;
  #writer: TableWriter | undefined;
  #foreign: ForeignKeyWork | undefined;
  #catalog: Catalog | undefined;
  #bulk: BulkAppender | undefined;
  /** True when something is to be done for each row after it was written. */
  #answers = false;
  /** Column of the input that holds the row key; −1 for INSERT. */
  readonly #keyColumn: number;
  #ran = false;
  #delivered = 0;
  readonly #batch: RowBuffer;

  constructor(state: ExecState, plan: ModifyPlan) {
    super(state);
    this.#plan = plan;
    this.#access = plan.options.access;
    this.#keyColumn = plan.options.kind === 'insert' ? -1 : plan.options.input.shape.require(plan.options.key);
    this.#holder = new RowHolder(state, plan.options.access.table.tree);
    this.#input = startPlan(plan.options.input, state);
    this.#env = new Env(state);
    this.#returnEnv = new Env(state);
    this.#out = new RowStore(this, plan.shape);
    this.#batch = new RowBuffer(plan.shape.layout, state.memory);
    this.#new = new RowBuffer(this.#access.wideLayout, state.memory);
    this.#old = new RowBuffer(this.#access.wideLayout, state.memory);
    this.#merged = new RowBuffer(plan.options.input.shape.layout, state.memory);
    this.#done = new KeySet(this);
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
    this.#delivered = 0;
    this.affected = 0;
    this.#clearReturned();
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
    while (this.#delivered < this.#out.count && batch.count < BATCH_ROWS) this.#copyReturned(this.#delivered++, batch);
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
    this.#new.clear();
    this.#old.clear();
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
    if (this.#plan.appendsOnly && !this.#foreign!.concerned && rows.count >= BULK_ROWS)
      this.#bulk ??= session.store.appender(session.transaction, this.#access.table.tree);
    if (this.#bulk !== undefined) {
      yield* this.#append(rows, this.#bulk);
      if (this.state.spent(rows.count * 4)) yield session.slice();
      return;
    }
    yield* this.#out.settle();
    yield* this.#done.settle();
    for (let i = 0; i < rows.count; i++) {
      if (this.#built < 0) this.#new.clear();
      this.#old.clear();
      if (options.kind !== 'insert') yield* this.#change(rows, i, options);
      else if (this.#built >= 0 || !this.#insertNow(rows, i, options)) yield* this.#insert(rows, i, options);
      if (this.state.spent(CHANGE_UNITS)) yield session.slice();
    }
  }

  /** Writes what has been gathered for the table's right edge. */
  *settle(): Task<void> {
    if (this.#bulk !== undefined) while (this.#bulk.flush() === NEED) yield this.state.session.need();
    this.#bulk = undefined;
  }

  /** Sees to the deferrable keys and the foreign keys of all rows taken. */
  *finish(): Task<void> {
    yield* settleDoubts(this.state, this.#writer!);
    if (this.#foreign!.concerned) yield* this.#foreign!.finish();
  }

  /** Hands on the RETURNING rows of what was taken since the last call. */
  takeReturned(into: RowBuffer): void {
    const { count } = this.#out;
    for (let i = 0; i < count; i++) this.#copyReturned(i, into);
    this.#clearReturned();
  }

  #copyReturned(row: number, into: RowBuffer): void {
    const env = this.#returnEnv;
    this.#outCursor ??= new RowCursor(this.#out);
    this.#outCursor.point(env, row);
    into.appendRow(env.b0, env.v0, env.r0);
  }

  #clearReturned(): void {
    this.#out.clear();
    this.#outCursor = undefined;
  }

  /**
   * Appends a batch leaf by leaf: for tables whose rows need nothing but their key. A row that does not go to the right edge,
   * or is too large, takes the ordinary way.
   */
  *#append(rows: RowBuffer, bulk: BulkAppender): Task<void> {
    const env = this.#env;
    const { rules, sameColumns } = this.#plan;
    const writer = this.#writer!;
    const { session } = this.state;
    for (let i = 0; i < rows.count; i++) {
      let source = rows;
      let row = i;
      if (!sameColumns) {
        this.#new.clear();
        pointAt(env, rows, i);
        yield* evaluateRow(env, this.#build, this.#undoBuild);
        source = this.#new;
        row = 0;
      }
      pointAt(env, source, row);
      rules.checkNotNull(env);
      let status = writer.append(bulk, env.b0, env.v0, env.r0);
      while (status === NEED) {
        yield session.need();
        status = writer.append(bulk, env.b0, env.v0, env.r0);
      }
      if (status === NONE) {
        while (bulk.flush() === NEED) yield session.need();
        if (sameColumns) {
          this.#new.clear();
          this.#new.appendRow(env.b0, env.v0, env.r0);
        }
        const conflict = yield* writer.insert(this.#new, this.#new.index[0]!);
        if (conflict !== undefined) throw yield* this.#duplicate(0, conflict);
      }
      this.affected++;
    }
  }

  // ── insert ──

  /** Inserts a row that needs nothing but its place in the tree; false = nothing was inserted, `#insert` must do it. */
  #insertNow(rows: RowBuffer, i: number, options: InsertOptions): boolean {
    if (options.onConflict !== undefined || this.#answers) return false;
    const number = this.#buildNow(rows, i);
    if (number < 0) return false;
    if (this.#writer!.insertNow(this.#new, this.#new.index[number]!) !== OK) {
      this.#built = number;
      return false;
    }
    this.affected++;
    return true;
  }

  *#insert(rows: RowBuffer, i: number, options: InsertOptions): Task<void> {
    // What was computed is not computed again: it may have drawn numbers from a sequence.
    const number = this.#built >= 0 ? this.#built : yield* this.#buildNew(rows, i);
    this.#built = -1;
    const writer = this.#writer!;
    const address = this.#new.index[number]!;
    if (options.onConflict !== undefined) {
      yield* this.#insertOrResolve(rows, i, number, options.onConflict);
      return;
    }
    const conflict = yield* writer.insert(this.#new, address);
    if (conflict !== undefined) throw yield* this.#duplicate(number, conflict);
    yield* this.#wrote(rows, i, number, undefined);
  }

  /** The batch that `#runNow` has left to `#run`. */
  #rows: RowBuffer | undefined;
  /** Number of a new row that was made and could not be written on the spot, or −1: it is not made again. */
  #built = -1;

  /** Made once: they run for every row. */
  readonly #build = (): void => {
    this.#new.start();
    this.#plan.build!(this.#env, this.#new);
    this.#new.finish();
  };
  readonly #undoBuild = (): void => this.#new.abandon();

  /** Makes and checks the new row on the spot. @returns its number, or −1: `#buildNew` goes on. */
  #buildNow(rows: RowBuffer, i: number): number {
    const env = this.#env;
    const { rules } = this.#plan;
    if (rules.checksRows || this.#plan.levels !== undefined || env.isWaiting) return -1;
    pointAt(env, rows, i);
    if (!evaluateNow(env, this.#build, this.#undoBuild)) return -1;
    const number = this.#new.count - 1;
    pointAt(env, this.#new, number);
    rules.checkNotNull(env);
    return number;
  }

  *#buildNew(rows: RowBuffer, i: number): Task<number> {
    const env = this.#env;
    const { rules } = this.#plan;
    pointAt(env, rows, i);
    yield* evaluateRow(env, this.#build, this.#undoBuild);
    const number = yield* rules.complete(env, this.#new, this.#new.count - 1);
    // What a row that goes elsewhere is checked by is a matter of where it goes.
    this.#stays = this.#keyColumn < 0 || (yield* this.#staysHere(number));
    if (this.#stays) yield* rules.check(env, this.#new, number);
    return number;
  }

  *#duplicate(number: number, index: IndexObject): Task<Error> {
    const env = this.#env;
    pointAt(env, this.#new, number);
    const keys = yield* evaluateRow(env, () => this.#plan.rules.keyValues(env, index));
    return uniqueViolation(this.state.session.catalog, this.#access.table, index, keys, this.state.context);
  }

  *#insertOrResolve(
    rows: RowBuffer,
    i: number,
    number: number,
    conflict: NonNullable<InsertOptions['onConflict']>,
  ): Task<void> {
    const { session, snapshot } = this.state;
    const writer = this.#writer!;
    const address = this.#new.index[number]!;
    const all = [this.#access.primaryIndex, ...this.#access.secondary.map((s) => s.index)].filter(
      (x): x is IndexObject => x?.unique === true,
    );
    const arbiters = conflict.arbiters.length > 0 ? conflict.arbiters : all;
    const loose = arbiters.find((index) => index.deferrable === true);
    if (loose !== undefined) throw looseArbiter(session.catalog, this.#access.table, loose);
    for (;;) {
      const found = yield* writer.findConflict(this.#new, address, arbiters);
      if (found === undefined) {
        const mark = session.transaction.mark();
        const violated = yield* writer.insert(this.#new, address);
        if (violated === undefined) {
          this.#remember(writer.key.bytes, writer.key.length);
          yield* this.#wrote(rows, i, number, undefined);
          return;
        }
        if (!arbiters.includes(violated)) throw yield* this.#duplicate(number, violated);
        // Another transaction was faster between the look and the insert.
        yield* session.transaction.rollbackTo(mark);
        continue;
      }
      if (this.#plan.conflictBuild === undefined) {
        // A row that the transaction's snapshot does not see must not decide silently what it does.
        const unseen = writer.conflictSeq !== Number.POSITIVE_INFINITY && writer.conflictSeq > snapshot.commitSeq;
        if (unseen && session.isolation === 'repeatable read') throw concurrentUpdate();
        return;
      }
      if (yield* this.#updateExisting(rows, i, number)) return;
    }
  }

  #remember(key: Uint8Array, length: number): boolean {
    return this.#done.add(key, length);
  }

  /** ON CONFLICT DO UPDATE of the row at `conflictKey`; false when it went away meanwhile. */
  *#updateExisting(rows: RowBuffer, i: number, number: number): Task<boolean> {
    const { session, snapshot } = this.state;
    const writer = this.#writer!;
    const key = writer.conflictKey.bytes.slice(0, writer.conflictKey.length);
    let status = this.#holder.attempt(key, 0, key.length, ROW_UPDATE);
    if (status === NEED) status = yield* this.#holder.lock(ROW_UPDATE);
    // Gone, or gone elsewhere with its key: then what conflicted is free, and the insert looks again.
    if (status === NONE || this.#holder.hasMoved) return false;
    if (
      this.#holder.row.commitSeq !== Number.POSITIVE_INFINITY &&
      this.#holder.row.commitSeq > snapshot.commitSeq &&
      session.isolation === 'repeatable read'
    )
      throw concurrentUpdate();
    if (!this.#remember(key, key.length)) {
      throw fail('cardinality_violation', 'ON CONFLICT DO UPDATE command cannot affect row a second time', {
        hint: 'Ensure that no rows proposed for insertion within the same command have duplicate constrained values.',
      });
    }
    this.#access.toWide(this.#holder.row.view, this.#holder.row.bytes, this.#holder.row.start, this.#old);
    const old = this.#old.count - 1;
    const env = this.#env;
    pointAt(env, this.#old, old);
    pointSecond(env, this.#new, this.#new.index[number]!);
    const made = yield* this.#holder.holding(ROW_UPDATE, this.#conflictRow());
    if (made === undefined) return true;
    const address = this.#new.index[made]!;
    const change = writer.update(this.#old, this.#old.index[old]!, key, key.length, this.#new, address);
    const violated = yield* this.#holder.holding(ROW_UPDATE, change);
    if (violated !== undefined) throw yield* this.#duplicate(made, violated);
    yield* this.#wrote(rows, i, made, old);
    return true;
  }

  /** Makes what DO UPDATE writes; undefined where its condition does not hold. */
  *#conflictRow(): Task<number | undefined> {
    const env = this.#env;
    const plan = this.#plan;
    if (plan.conflictWhere !== undefined && (yield* evaluateRow(env, () => plan.conflictWhere!(env))) !== true)
      return undefined;
    yield* evaluateRow(
      env,
      () => {
        this.#new.start();
        plan.conflictBuild!(env, this.#new);
        this.#new.finish();
      },
      () => this.#new.abandon(),
    );
    const made = yield* plan.rules.complete(env, this.#new, this.#new.count - 1);
    yield* plan.rules.check(env, this.#new, made);
    if (plan.levels !== undefined && !(yield* this.#staysHere(made))) throw movesAway();
    return made;
  }

  // ── update and delete ──

  /** Updates a row that is as the snapshot saw it and keeps its key; false = nothing was changed, `#change` must do it. */
  #updateNow(rows: RowBuffer, options: UpdateOptions): boolean {
    if (options.mayRepeat) return false;
    const env = this.#env;
    const { layout } = options.input.shape;
    pointAt(env, rows, 0);
    if (layout.isNull(this.#keyColumn, env.b0, env.r0)) return true;
    if (this.#lockNow(ROW_NO_KEY_UPDATE) !== OK || this.#isNewer() || this.#hasLong(rows, 0, options)) return false;
    const number = this.#buildNow(rows, 0);
    if (number < 0) return false;
    const { bytes, length } = this.#holder.followed;
    if (this.#writer!.updateNow(bytes, length, this.#new, this.#new.index[number]!) !== OK) {
      this.#built = number;
      return false;
    }
    this.affected++;
    return true;
  }

  /** Attempts to lock the row whose key is in the input row that the environment points to. */
  #lockNow(mode: RowLockMode): number {
    const env = this.#env;
    const { layout } = this.#plan.options.input.shape;
    const variable = layout.variableIndex[this.#keyColumn]!;
    const from = env.r0 + layout.variableStart(variable, env.v0, env.r0);
    return this.#holder.attempt(env.b0, from, env.r0 + layout.variableEnd(variable, env.v0, env.r0), mode);
  }

  /** True when the row just locked has changed since the snapshot, by others. */
  #isNewer(): boolean {
    const seq = this.#holder.row.commitSeq;
    return seq !== Number.POSITIVE_INFINITY && seq > this.state.snapshot.commitSeq;
  }

  *#change(rows: RowBuffer, i: number, options: UpdateOptions | DeleteOptions): Task<void> {
    const env = this.#env;
    const { session } = this.state;
    pointAt(env, rows, i);
    const { layout } = options.input.shape;
    if (layout.isNull(this.#keyColumn, env.b0, env.r0)) return;
    if (options.mayRepeat && !this.#isFirst()) return;
    const mode = options.kind === 'delete' ? ROW_UPDATE : ROW_NO_KEY_UPDATE;
    const holder = this.#holder;
    let status = this.#lockNow(mode);
    if (status === NEED) status = yield* holder.lock(mode);
    const newer = status === NONE || this.#isNewer();
    if (newer && session.isolation === 'repeatable read')
      throw status === NONE ? concurrentDelete() : concurrentUpdate();
    if (status === NONE) return;
    let source = rows;
    let row = i;
    if (newer) {
      row = this.#mergeNewest(rows, i, options);
      source = this.#merged;
      const { recheck } = this.#plan;
      pointAt(env, source, row);
      const holds = recheck === undefined ? undefined : evaluateRow(env, () => recheck(env));
      if (holds !== undefined && (yield* holder.holding(mode, holds)) !== true) return;
    }
    if (options.kind === 'delete') yield* this.#delete(source, row, mode);
    else yield* this.#update(source, row, mode, options);
  }

  /** False when the row whose key the environment points to was changed by this statement already. */
  #isFirst(): boolean {
    const env = this.#env;
    const { layout } = this.#plan.options.input.shape;
    const variable = layout.variableIndex[this.#keyColumn]!;
    const from = env.r0 + layout.variableStart(variable, env.v0, env.r0);
    const to = env.r0 + layout.variableEnd(variable, env.v0, env.r0);
    return this.#remember(env.b0.subarray(from, to), to - from);
  }

  *#delete(rows: RowBuffer, i: number, mode: RowLockMode): Task<void> {
    const { bytes, length } = this.#holder.followed;
    const old = this.#copyOfOld(rows, i);
    const removal = this.#writer!.remove(this.#old, this.#old.index[old]!, bytes, length);
    yield* this.#holder.holding(mode, removal);
    yield* this.#removed(rows, i, old);
  }

  *#update(rows: RowBuffer, i: number, mode: RowLockMode, options: UpdateOptions): Task<void> {
    const writer = this.#writer!;
    const { bytes, length } = this.#holder.followed;
    let number = this.#built >= 0 ? this.#built : this.#buildNow(rows, i);
    this.#built = -1;
    if (number < 0) number = yield* this.#holder.holding(mode, this.#buildNew(rows, i));
    if (this.#plan.levels !== undefined && !this.#stays) {
      yield* this.#moveOut(rows, i, number, mode);
      return;
    }
    const address = this.#new.index[number]!;
    if (
      !this.#answers &&
      !this.#hasLong(rows, i, options) &&
      writer.updateNow(bytes, length, this.#new, address) === OK
    ) {
      this.affected++;
      return;
    }
    const old = this.#copyOfOld(rows, i);
    const change = writer.update(this.#old, this.#old.index[old]!, bytes, length, this.#new, address);
    const violated = yield* this.#holder.holding(mode, change);
    if (violated !== undefined) throw yield* this.#duplicate(number, violated);
    yield* this.#wrote(rows, i, number, old);
  }

  /** Does the row that was built last belong here? */
  #stays = true;

  /** Does a new row belong to the partition that the old one is in? */
  *#staysHere(number: number): Task<boolean> {
    const { levels } = this.#plan;
    if (levels === undefined) return true;
    const env = this.#env;
    pointAt(env, this.#new, number);
    return yield* evaluateRow(env, () => levels.holds(env));
  }

  /** Takes a row out of this partition and gives its new state to another; whoever waits for it is told so (40001). */
  *#moveOut(rows: RowBuffer, i: number, number: number, mode: RowLockMode): Task<void> {
    const { bytes, length } = this.#holder.followed;
    const old = this.#copyOfOld(rows, i);
    const key = bytes.slice(0, length);
    // The new row is taken over first: it may hold on to long values that go with the old one.
    const returning = yield* this.#holder.holding(mode, this.mover!(this.#new, number));
    const removal = this.#writer!.remove(this.#old, this.#old.index[old]!, key, length, key);
    yield* this.#holder.holding(mode, removal);
    yield* this.#wrote(rows, i, number, old, returning);
  }

  /** True when the old row has values outside of it, which go when it is replaced. */
  #hasLong(rows: RowBuffer, i: number, options: UpdateOptions): boolean {
    const { layout } = options.input.shape;
    if (layout.variableCount === 0) return false;
    const address = rows.index[i]!;
    const view = rows.views[address >>> 13]!;
    for (let v = 0; v < layout.variableCount; v++) if (layout.isLong(v, view, (address & 8191) << 3)) return true;
    return false;
  }

  /** Copies the target's live columns of an input row as a wide row. @returns its number in `#old`. */
  #copyOfOld(rows: RowBuffer, i: number): number {
    const env = this.#env;
    pointAt(env, rows, i);
    this.#old.start();
    this.#oldCopy(env, this.#old);
    this.#old.finish();
    return this.#old.count - 1;
  }

  /** Copies the target's live columns of an input row into a wide row. */
  get #oldCopy(): (env: Env, out: RowBuffer) => void {
    if (this.#copyOld === undefined) {
      const options = this.#plan.options as UpdateOptions | DeleteOptions;
      const input = options.input.shape;
      const copies = options.target.map((id, to) => columnCopier(input, input.require(id), this.#plan.rules.shape, to));
      this.#copyOld = (env, out) => {
        for (const copy of copies) copy(env.v0, env.b0, env.r0, out);
      };
    }
    return this.#copyOld;
  }
  #copyOld: ((env: Env, out: RowBuffer) => void) | undefined;

  /** The input row with the target's columns taken from the newest version. @returns its number in `#merged`. */
  #mergeNewest(rows: RowBuffer, i: number, options: UpdateOptions | DeleteOptions): number {
    this.#mergers ??= this.#makeMergers(options);
    this.#access.toWide(this.#holder.row.view, this.#holder.row.bytes, this.#holder.row.start, this.#old);
    const newest = this.#old.index[this.#old.count - 1]!;
    const saved = rows.index[i]!;
    const out = this.#merged;
    out.clear();
    out.start();
    for (let c = 0; c < this.#mergers.length; c++) {
      const { copy, fromNewest } = this.#mergers[c]!;
      const source = fromNewest ? this.#old : rows;
      const address = fromNewest ? newest : saved;
      copy(source.views[address >>> 13]!, source.chunks[address >>> 13]!, (address & 8191) << 3, out);
    }
    out.finish();
    this.#old.clear();
    return 0;
  }

  /** How `#mergeNewest` gets each column of an input row. */
  #mergers: readonly { readonly copy: Copier; readonly fromNewest: boolean }[] | undefined;

  #makeMergers(options: UpdateOptions | DeleteOptions): { copy: Copier; fromNewest: boolean }[] {
    const input = options.input.shape;
    return input.columns.map((column, to) => {
      const target = options.target.indexOf(column.id);
      return target >= 0
        ? { copy: columnCopier(this.#plan.rules.shape, target, input, to), fromNewest: true }
        : { copy: columnCopier(input, to, input, to), fromNewest: false };
    });
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
    const env = this.#returnEnv;
    if (this.#foreign!.concerned) {
      const before = old === undefined ? undefined : yield* this.#valuesOf(this.#old, old);
      this.#foreign!.written(yield* this.#valuesOf(this.#new, number), before);
    }
    if (returning === undefined) return;
    pointAt(env, this.#new, number);
    pointSecond(env, rows, rows.index[i]!);
    yield* this.#return(env, returning);
  }

  *#removed(rows: RowBuffer, i: number, old: number): Task<void> {
    this.affected++;
    const env = this.#returnEnv;
    if (this.#foreign!.concerned) this.#foreign!.removed(yield* this.#valuesOf(this.#old, old));
    const { returning } = this.#plan;
    if (returning === undefined) return;
    pointAt(env, this.#old, old);
    pointSecond(env, rows, rows.index[i]!);
    yield* this.#return(env, returning);
  }

  *#valuesOf(rows: RowBuffer, row: number): Task<SqlValue[]> {
    const env = this.#returnEnv;
    pointAt(env, rows, row);
    return yield* evaluateRow(env, () => this.#plan.rules.values(env));
  }

  *#return(env: Env, make: RowMaker): Task<void> {
    const out = this.#out.tail;
    yield* evaluateRow(
      env,
      () => {
        out.start();
        make(env, out);
        out.finish();
      },
      () => out.abandon(),
    );
  }

  close(): void {
    this.#input.close();
    for (const buffer of [this.#out, this.#batch, this.#new, this.#old, this.#merged]) buffer.release();
    this.#done.close();
  }
}

function concurrentUpdate(): Error {
  return fail('serialization_failure', 'could not serialize access due to concurrent update');
}

function concurrentDelete(): Error {
  return fail('serialization_failure', 'could not serialize access due to concurrent delete');
}
