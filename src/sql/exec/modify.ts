/**
 * INSERT, UPDATE and DELETE.
 *
 * A change runs to its end when its first batch is asked for; RETURNING rows wait in a row buffer. Each new row is a wide
 * record of the table's live columns: built, completed with generated columns, checked, then written by the engine.
 *
 * Before an old row is changed its newest version is locked. If that is not the version that the snapshot saw:
 *   READ COMMITTED   the statement's conditions are evaluated again over the newest version and the saved columns of the
 *                    other tables; the row is changed if they still hold
 *   REPEATABLE READ  40001
 * A row whose key another transaction changed is followed to its new key. Afterwards foreign keys are seen to.
 */
import { assert } from '../../base/assert.ts';
import { fail } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import type { Catalog, IndexObject, TableObject } from '../../engine/catalog.ts';
import {
  type BulkAppender,
  KeyWriter,
  LOCK_WAIT,
  NEED,
  NONE,
  ROW_NO_KEY_UPDATE,
  ROW_UPDATE,
  type Row,
  RowBuffer,
  type RowLockMode,
} from '../../engine/record-port.ts';
import { type ComputedKeys, type TableAccess, TableWriter } from '../../engine/table-access.ts';
import type { ColumnId, Expr, Returning, RowRules } from '../plan/logical.ts';
import type { SqlValue } from '../types/contracts.ts';
import { columnCopier } from './copy.ts';
import { compileEval, type Scope } from './evaluate.ts';
import { ForeignKeyWork } from './foreign-keys.ts';
import { HashTable } from './hash-table.ts';
import { appendSortValue } from './key-values.ts';
import { BATCH_ROWS, evaluateRow, Operator, type PlanNode, pointAt, pointSecond, startPlan } from './operator.ts';
import { rowBuilder } from './project.ts';
import { Shape } from './shape.ts';
import { Env, type ExecState, newRow } from './state.ts';
import { columnReader, columnWriter, type Eval, type Writer } from './values.ts';
import { checkViolation, notNullViolation, uniqueViolation } from './violations.ts';

/** A batch of at least this many rows is worth building leaves for. */
const BULK_ROWS = 32;

/** The rules of a table's rows, compiled over the wide row. */
export class RowRulesPlan {
  readonly table: TableObject;
  readonly shape: Shape;
  readonly readers: readonly Eval[];
  readonly #access: TableAccess;
  readonly #notNull: readonly { readonly position: number; readonly name: string }[];
  readonly #checks: readonly { readonly name: string; readonly evaluate: Eval }[];
  readonly #generated: readonly { readonly position: number; readonly evaluate: Eval }[];
  readonly #writers: readonly Writer[];
  readonly #indexes: readonly {
    readonly index: IndexObject;
    readonly keys: readonly Eval[];
    readonly predicate: Eval | undefined;
  }[];

  constructor(access: TableAccess, rules: RowRules, scope: Scope) {
    this.table = access.table;
    this.#access = access;
    this.shape = new Shape(
      rules.row.map((c, i) => ({ id: c.id, type: c.type, typmod: c.typmod, physical: access.columns[i]!.physical })),
      access.wideLayout,
    );
    const inner = { ...scope, shape0: this.shape };
    this.readers = this.shape.columns.map((_, i) => columnReader(this.shape, i, 0));
    this.#notNull = access.columns.flatMap((c, position) => (c.notNull ? [{ position, name: c.name }] : []));
    this.#checks = rules.checks.map((c) => ({ name: c.constraint, evaluate: compileEval(c.expr, inner) }));
    this.#generated = rules.generated.map((g) => ({
      position: access.position(g.number),
      evaluate: compileEval(g.expr, inner),
    }));
    this.#writers = this.shape.columns.map((_, i) => columnWriter(this.shape, i));
    this.#indexes = rules.indexes.map((i) => ({
      index: i.index,
      keys: i.keys.map((k) => compileEval(k, inner)),
      predicate: i.predicate === undefined ? undefined : compileEval(i.predicate, inner),
    }));
  }

  /** Values of the row that `env` points to. */
  values(env: Env): SqlValue[] {
    return this.readers.map((read) => read(env));
  }

  /** The keys of an index for the row that `env` points to. */
  keyValues(env: Env, index: IndexObject): SqlValue[] {
    const computed = this.#indexes.find((i) => i.index.oid === index.oid);
    if (computed !== undefined) return computed.keys.map((key) => key(env));
    return index.columns.map((c) => this.readers[this.#access.position(c.column)]!(env));
  }

  /** Computes the generated columns of the last row of `rows`; the row is written anew. @returns its number. */
  *complete(env: Env, rows: RowBuffer, row: number): Task<number> {
    if (this.#generated.length === 0) return row;
    pointAt(env, rows, row);
    const values = yield* evaluateRow(env, () => {
      const all = this.values(env);
      for (const g of this.#generated) all[g.position] = g.evaluate(env);
      return all;
    });
    rows.start();
    for (let i = 0; i < values.length; i++) this.#writers[i]!(rows, values[i]!);
    rows.finish();
    return rows.count - 1;
  }

  /** True when rows are checked or completed beyond NOT NULL. */
  get checksRows(): boolean {
    return this.#checks.length > 0 || this.#generated.length > 0;
  }

  /** Checks the row that `env` points to. @throws 23502. */
  checkNotNull(env: Env): void {
    const { layout } = this.shape;
    for (let i = 0; i < this.#notNull.length; i++) {
      const { position, name } = this.#notNull[i]!;
      if (layout.isNull(position, env.b0, env.r0))
        throw notNullViolation(env.state.session.catalog, this.table, name, this.values(env), env.state.context);
    }
  }

  /** @throws 23502, 23514. */
  *check(env: Env, rows: RowBuffer, row: number): Task<void> {
    pointAt(env, rows, row);
    this.checkNotNull(env);
    const { catalog } = env.state.session;
    for (const c of this.#checks) {
      const passed = yield* evaluateRow(env, () => c.evaluate(env));
      if (passed === false) throw checkViolation(catalog, this.table, c.name, this.values(env), env.state.context);
    }
  }

  /** The engine's way to the keys of expression and partial indexes. */
  computedKeys(state: ExecState): ComputedKeys | undefined {
    if (this.#indexes.length === 0) return undefined;
    const env = new Env(state);
    return (index, bytes, view, start, key) => {
      const entry = this.#indexes.find((i) => i.index.oid === index.oid);
      assert(entry !== undefined, 'a computed index without its rules');
      env.b0 = bytes;
      env.v0 = view;
      env.r0 = start;
      if (entry.predicate !== undefined && entry.predicate(env) !== true) return false;
      index.columns.forEach((c, i) =>
        appendSortValue(key, c.physical, c.descending, c.nullsFirst, entry.keys[i]!(env)),
      );
      env.rowDone();
      return true;
    };
  }
}

function samePhysical(a: Shape, b: Shape, column: number): boolean {
  const x = a.columns[column]!.physical;
  const y = b.columns[column]!.physical;
  return x.kind === y.kind && x.scale === y.scale;
}

/** What all three have in common. */
export interface ModifyOptions {
  readonly access: TableAccess;
  readonly input: PlanNode;
  readonly rules: RowRules;
  readonly returning: Returning | undefined;
  readonly title: string;
}

export interface InsertOptions extends ModifyOptions {
  readonly kind: 'insert';
  /** Per live column what it gets, over the input's columns. */
  readonly values: readonly Expr[];
  readonly onConflict:
    | undefined
    | {
        readonly arbiters: readonly IndexObject[];
        readonly existing: readonly { readonly id: ColumnId; readonly type: number; readonly typmod: number }[];
        /** Per live column its new value; undefined = DO NOTHING. */
        readonly update: readonly Expr[] | undefined;
        readonly where: Expr | undefined;
      };
}

export interface UpdateOptions extends ModifyOptions {
  readonly kind: 'update';
  /** Ids under which the input has the target's live columns, in order, and its row key. */
  readonly target: readonly ColumnId[];
  readonly key: ColumnId;
  /** Per live column its new value, over the input's columns. */
  readonly values: readonly Expr[];
  /** What must still hold for a newer version of the row; undefined = nothing. */
  readonly recheck: Expr | undefined;
  /** True when a target row can come more than once. */
  readonly mayRepeat: boolean;
}

export interface DeleteOptions extends ModifyOptions {
  readonly kind: 'delete';
  readonly target: readonly ColumnId[];
  readonly key: ColumnId;
  readonly recheck: Expr | undefined;
  readonly mayRepeat: boolean;
}

export class ModifyPlan implements PlanNode {
  readonly shape: Shape;
  readonly rows: number;
  readonly title: string;
  readonly details: readonly string[] = [];
  readonly children: readonly PlanNode[];
  readonly options: InsertOptions | UpdateOptions | DeleteOptions;
  readonly rules: RowRulesPlan;
  readonly build: ((env: Env, out: RowBuffer) => void) | undefined;
  readonly recheck: Eval | undefined;
  readonly returning: ((env: Env, out: RowBuffer) => void) | undefined;
  readonly existingShape: Shape | undefined;
  readonly conflictBuild: ((env: Env, out: RowBuffer) => void) | undefined;
  readonly conflictWhere: Eval | undefined;

  constructor(options: InsertOptions | UpdateOptions | DeleteOptions, scope: Scope) {
    this.options = options;
    this.children = [options.input];
    this.rows = options.input.rows;
    this.title = options.title;
    const { access, input, returning } = options;
    this.rules = new RowRulesPlan(access, options.rules, scope);
    this.shape = Shape.of(returning?.columns ?? []);
    const over = { ...scope, shape0: input.shape };
    this.build = options.kind === 'delete' ? undefined : rowBuilder(this.rules.shape, options.values, over);
    this.recheck =
      options.kind === 'insert' || options.recheck === undefined ? undefined : compileEval(options.recheck, over);
    this.returning =
      returning === undefined
        ? undefined
        : rowBuilder(this.shape, returning.exprs, { ...scope, shape0: this.rules.shape, shape1: input.shape });
    this.sameColumns =
      options.kind === 'insert' &&
      input.shape.columns.length === this.rules.shape.columns.length &&
      options.values.every(
        (v, i) =>
          v.kind === 'column' && v.id === input.shape.columns[i]!.id && samePhysical(input.shape, this.rules.shape, i),
      );
    const conflict = options.kind === 'insert' ? options.onConflict : undefined;
    if (conflict?.update !== undefined) {
      this.existingShape = new Shape(
        conflict.existing.map((c, i) => ({
          id: c.id,
          type: c.type,
          typmod: c.typmod,
          physical: access.columns[i]!.physical,
        })),
        access.wideLayout,
      );
      const both = { ...scope, shape0: this.existingShape, shape1: this.rules.shape };
      this.conflictBuild = rowBuilder(this.rules.shape, conflict.update, both);
      this.conflictWhere = conflict.where === undefined ? undefined : compileEval(conflict.where, both);
    }
  }

  /** True when new rows need no check, no index entry and no answer: they can be appended leaf by leaf. */
  get appendsOnly(): boolean {
    const { options } = this;
    return (
      options.kind === 'insert' &&
      options.onConflict === undefined &&
      options.returning === undefined &&
      options.access.secondary.length === 0 &&
      !this.rules.checksRows
    );
  }

  /** True when the input's rows are the table's rows already. */
  readonly sameColumns: boolean;

  start(state: ExecState): Operator {
    return new ModifyOperator(state, this);
  }
}

/** The number of rows that a change affected, for its command tag. */
export interface Affected {
  affected: number;
}

export class ModifyOperator extends Operator implements Affected {
  affected = 0;
  readonly #plan: ModifyPlan;
  readonly #access: TableAccess;
  readonly #input: Operator;
  /** Points to input rows (0) or, while checking, to the new row. */
  readonly #env: Env;
  readonly #returnEnv: Env;
  readonly #out: RowBuffer;
  /** New rows and old rows, one batch of input at a time. */
  readonly #new: RowBuffer;
  readonly #old: RowBuffer;
  readonly #merged: RowBuffer;
  readonly #row: Row = newRow();
  readonly #done: HashTable;
  #writer: TableWriter | undefined;
  #foreign: ForeignKeyWork | undefined;
  #catalog: Catalog | undefined;
  #ran = false;
  #delivered = 0;
  readonly #batch: RowBuffer;

  constructor(state: ExecState, plan: ModifyPlan) {
    super(state);
    this.#plan = plan;
    this.#access = plan.options.access;
    this.#input = startPlan(plan.options.input, state);
    this.#env = new Env(state);
    this.#returnEnv = new Env(state);
    this.#out = new RowBuffer(plan.shape.layout, state.memory);
    this.#batch = new RowBuffer(plan.shape.layout, state.memory);
    this.#new = new RowBuffer(this.#access.wideLayout, state.memory);
    this.#old = new RowBuffer(this.#access.wideLayout, state.memory);
    this.#merged = new RowBuffer(plan.options.input.shape.layout, state.memory);
    this.#done = new HashTable(state.memory);
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
      );
    else this.#writer.enter(session.transaction);
    if (this.#foreign === undefined || this.#catalog !== session.catalog) {
      this.#foreign = new ForeignKeyWork(this.state, table);
      this.#catalog = session.catalog;
    }
    this.#ran = false;
    this.#delivered = 0;
    this.affected = 0;
    this.#out.clear();
    this.#done.clear();
    yield* this.#input.open();
  }

  *next(): Task<RowBuffer | undefined> {
    if (!this.#ran) yield* this.#run();
    const batch = this.#batch;
    batch.clear();
    while (this.#delivered < this.#out.count && batch.count < BATCH_ROWS) {
      const address = this.#out.index[this.#delivered++]!;
      const chunk = address >>> 13;
      batch.appendRow(this.#out.chunks[chunk]!, this.#out.views[chunk]!, (address & 8191) << 3);
    }
    this.producedRows += batch.count;
    return batch.count === 0 ? undefined : batch;
  }

  *#run(): Task<void> {
    const { options } = this.#plan;
    const { session } = this.state;
    const appends = this.#plan.appendsOnly && !this.#foreign!.concerned;
    let bulk: BulkAppender | undefined;
    for (;;) {
      const rows = yield* this.#input.next();
      if (rows === undefined) break;
      if (appends && rows.count >= BULK_ROWS)
        bulk ??= session.store.appender(session.transaction, this.#access.table.tree);
      if (bulk !== undefined) {
        yield* this.#append(rows, bulk);
        if (this.state.spent(rows.count * 2)) yield this.state.session.slice();
        continue;
      }
      for (let i = 0; i < rows.count; i++) {
        this.#new.clear();
        this.#old.clear();
        if (options.kind === 'insert') yield* this.#insert(rows, i, options);
        else yield* this.#change(rows, i, options);
        if (this.state.spent(4)) yield this.state.session.slice();
      }
    }
    if (bulk !== undefined) while (bulk.flush() === NEED) yield this.state.session.need();
    yield* this.#foreign!.finish();
    this.#ran = true;
  }

  /**
   * Appends a batch leaf by leaf: for tables whose rows need nothing but their key. A row that does not go to the right edge,
   * or is too large, takes the ordinary way.
   */
  *#append(rows: RowBuffer, bulk: BulkAppender): Task<void> {
    const env = this.#env;
    const { build, rules, sameColumns } = this.#plan;
    const writer = this.#writer!;
    const { session } = this.state;
    for (let i = 0; i < rows.count; i++) {
      let source = rows;
      let row = i;
      if (!sameColumns) {
        this.#new.clear();
        pointAt(env, rows, i);
        yield* evaluateRow(
          env,
          () => {
            this.#new.start();
            build!(env, this.#new);
            this.#new.finish();
          },
          () => this.#new.abandon(),
        );
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

  *#insert(rows: RowBuffer, i: number, options: InsertOptions): Task<void> {
    const number = yield* this.#buildNew(rows, i);
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

  *#buildNew(rows: RowBuffer, i: number): Task<number> {
    const env = this.#env;
    const { build, rules } = this.#plan;
    pointAt(env, rows, i);
    yield* evaluateRow(
      env,
      () => {
        this.#new.start();
        build!(env, this.#new);
        this.#new.finish();
      },
      () => this.#new.abandon(),
    );
    const number = yield* rules.complete(env, this.#new, this.#new.count - 1);
    yield* rules.check(env, this.#new, number);
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
    const before = this.#done.count;
    return this.#done.findOrAdd(key, length) === before;
  }

  /** ON CONFLICT DO UPDATE of the row at `conflictKey`; false when it went away meanwhile. */
  *#updateExisting(rows: RowBuffer, i: number, number: number): Task<boolean> {
    const { session, snapshot } = this.state;
    const writer = this.#writer!;
    const key = writer.conflictKey.bytes.slice(0, writer.conflictKey.length);
    const status = yield* this.#lock(key, key.length, ROW_UPDATE);
    if (status === NONE) return false;
    if (
      this.#row.commitSeq !== Number.POSITIVE_INFINITY &&
      this.#row.commitSeq > snapshot.commitSeq &&
      session.isolation === 'repeatable read'
    )
      throw concurrentUpdate();
    if (!this.#remember(key, key.length)) {
      throw fail('cardinality_violation', 'ON CONFLICT DO UPDATE command cannot affect row a second time', {
        hint: 'Ensure that no rows proposed for insertion within the same command have duplicate constrained values.',
      });
    }
    this.#access.toWide(this.#row.view, this.#row.bytes, this.#row.start, this.#old);
    const old = this.#old.count - 1;
    const env = this.#env;
    pointAt(env, this.#old, old);
    pointSecond(env, this.#new, this.#new.index[number]!);
    const made = yield* this.#holding(ROW_UPDATE, key, this.#conflictRow());
    if (made === undefined) return true;
    const address = this.#new.index[made]!;
    const change = writer.update(this.#old, this.#old.index[old]!, key, key.length, this.#new, address);
    const violated = yield* this.#holding(ROW_UPDATE, key, change);
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
    return made;
  }

  // ── update and delete ──

  /** Locks the newest version of a row; follows it when its key was changed. The key followed to is in `#followed`. */
  *#lock(key: Uint8Array, length: number, mode: RowLockMode): Task<number> {
    const { session } = this.state;
    this.#followed.length = 0;
    this.#followed.append(key, 0, length);
    for (;;) {
      const status = session.store.lockRow(
        session.transaction,
        this.#access.table.tree,
        this.#followed.bytes,
        this.#followed.length,
        mode,
        LOCK_WAIT,
        false,
        this.#row,
      );
      if (status === NEED) {
        yield session.need();
        continue;
      }
      if (status === NONE && this.#row.movedTo !== undefined) {
        const { movedTo } = this.#row;
        this.#followed.length = 0;
        this.#followed.append(movedTo, 0, movedTo.length);
        continue;
      }
      return status;
    }
  }

  readonly #followed = new KeyWriter();

  /**
   * Runs what follows `#lock`. The row was only found free: should the task have to wait before the row is written, the row is
   * held first, or another transaction could change it meanwhile and its change would be lost.
   */
  *#holding<T>(mode: RowLockMode, key: Uint8Array, task: Task<T>): Task<T> {
    const first = task.next();
    if (first.done === true) return first.value;
    const { session } = this.state;
    session.store.holdRow(session.transaction, this.#access.table.tree, key, key.length, mode);
    try {
      yield first.value;
    } catch (error) {
      const after = task.throw(error);
      if (after.done === true) return after.value;
      yield after.value;
    }
    return yield* task;
  }

  *#change(rows: RowBuffer, i: number, options: UpdateOptions | DeleteOptions): Task<void> {
    const env = this.#env;
    const { session, snapshot } = this.state;
    pointAt(env, rows, i);
    const shape = options.input.shape;
    const { layout } = shape;
    const variable = layout.variableIndex[shape.require(options.key)]!;
    if (layout.isNull(shape.require(options.key), env.b0, env.r0)) return;
    const from = env.r0 + layout.variableStart(variable, env.v0, env.r0);
    const key = env.b0.slice(from, env.r0 + layout.variableEnd(variable, env.v0, env.r0));
    if (options.mayRepeat && !this.#remember(key, key.length)) return;
    const mode = options.kind === 'delete' ? ROW_UPDATE : ROW_NO_KEY_UPDATE;
    const status = yield* this.#lock(key, key.length, mode);
    const seq = this.#row.commitSeq;
    const newer = status === NONE || (seq !== Number.POSITIVE_INFINITY && seq > snapshot.commitSeq);
    if (newer && session.isolation === 'repeatable read')
      throw status === NONE ? concurrentDelete() : concurrentUpdate();
    if (status === NONE) return;
    const rowKey = this.#followed.bytes.slice(0, this.#followed.length);
    let source = rows;
    let row = i;
    if (newer) {
      row = this.#mergeNewest(rows, i, options);
      source = this.#merged;
      const { recheck } = this.#plan;
      pointAt(env, source, row);
      const holds = recheck === undefined ? undefined : evaluateRow(env, () => recheck(env));
      if (holds !== undefined && (yield* this.#holding(mode, rowKey, holds)) !== true) return;
    }
    pointAt(env, source, row);
    this.#old.start();
    this.#oldCopy(env, this.#old);
    this.#old.finish();
    const old = this.#old.count - 1;
    if (options.kind === 'delete') {
      const removal = this.#writer!.remove(this.#old, this.#old.index[old]!, rowKey, rowKey.length);
      yield* this.#holding(mode, rowKey, removal);
      yield* this.#removed(source, row, old);
      return;
    }
    const number = yield* this.#holding(mode, rowKey, this.#buildNew(source, row));
    const address = this.#new.index[number]!;
    const change = this.#writer!.update(this.#old, this.#old.index[old]!, rowKey, rowKey.length, this.#new, address);
    const violated = yield* this.#holding(mode, rowKey, change);
    if (violated !== undefined) throw yield* this.#duplicate(number, violated);
    yield* this.#wrote(source, row, number, old);
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
    const input = options.input.shape;
    this.#access.toWide(this.#row.view, this.#row.bytes, this.#row.start, this.#old);
    const newest = this.#old.index[this.#old.count - 1]!;
    const chunk = newest >>> 13;
    const saved = rows.index[i]!;
    const out = this.#merged;
    out.clear();
    out.start();
    input.columns.forEach((column, to) => {
      const target = options.target.indexOf(column.id);
      if (target >= 0)
        columnCopier(this.#plan.rules.shape, target, input, to)(
          this.#old.views[chunk]!,
          this.#old.chunks[chunk]!,
          (newest & 8191) << 3,
          out,
        );
      else
        columnCopier(input, to, input, to)(
          rows.views[saved >>> 13]!,
          rows.chunks[saved >>> 13]!,
          (saved & 8191) << 3,
          out,
        );
    });
    out.finish();
    this.#old.clear();
    return 0;
  }

  // ── afterwards ──

  *#wrote(rows: RowBuffer, i: number, number: number, old: number | undefined): Task<void> {
    this.affected++;
    const env = this.#returnEnv;
    if (this.#foreign!.concerned) {
      const before = old === undefined ? undefined : yield* this.#valuesOf(this.#old, old);
      this.#foreign!.written(yield* this.#valuesOf(this.#new, number), before);
    }
    if (this.#plan.returning === undefined) return;
    pointAt(env, this.#new, number);
    pointSecond(env, rows, rows.index[i]!);
    yield* this.#return(env);
  }

  *#removed(rows: RowBuffer, i: number, old: number): Task<void> {
    this.affected++;
    const env = this.#returnEnv;
    if (this.#foreign!.concerned) this.#foreign!.removed(yield* this.#valuesOf(this.#old, old));
    if (this.#plan.returning === undefined) return;
    pointAt(env, this.#old, old);
    pointSecond(env, rows, rows.index[i]!);
    yield* this.#return(env);
  }

  *#valuesOf(rows: RowBuffer, row: number): Task<SqlValue[]> {
    const env = this.#returnEnv;
    pointAt(env, rows, row);
    return yield* evaluateRow(env, () => this.#plan.rules.values(env));
  }

  *#return(env: Env): Task<void> {
    yield* evaluateRow(
      env,
      () => {
        this.#out.start();
        this.#plan.returning!(env, this.#out);
        this.#out.finish();
      },
      () => this.#out.abandon(),
    );
  }

  close(): void {
    this.#input.close();
    for (const buffer of [this.#out, this.#batch, this.#new, this.#old, this.#merged]) buffer.release();
    this.#done.clear();
  }
}

function concurrentUpdate(): Error {
  return fail('serialization_failure', 'could not serialize access due to concurrent update');
}

function concurrentDelete(): Error {
  return fail('serialization_failure', 'could not serialize access due to concurrent delete');
}
