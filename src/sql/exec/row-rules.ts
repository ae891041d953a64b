/**
 * What the rows of a table are checked and completed with: NOT NULL, CHECK, generated columns, and the keys of expression and
 * partial indexes; compiled over the wide row.
 */
import { assert } from '../../base/assert.ts';
import type { Task } from '../../base/task.ts';
import type { IndexObject, TableObject } from '../../engine/catalog.ts';
import type { RowBuffer } from '../../engine/record-port.ts';
import type { ComputedKeys, TableAccess } from '../../engine/table-access.ts';
import type { RowRules } from '../plan/logical-changes.ts';
import type { SqlValue } from '../types/contracts.ts';
import { compileEval, type Scope } from './evaluate.ts';
import { appendSortValue } from './key-values.ts';
import { evaluateRow, pointAt } from './operator.ts';
import { PartitionTest } from './partition-routing.ts';
import { Shape } from './shape.ts';
import { Env, type ExecState } from './state.ts';
import { columnReader, columnWriter, type Eval, type Writer } from './values.ts';
import { checkViolation, notNullViolation, partitionViolation } from './violations.ts';

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
  readonly #partition: PartitionTest | undefined;
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
    this.#partition = rules.partition.length === 0 ? undefined : new PartitionTest(rules.partition, inner);
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
    return this.#checks.length > 0 || this.#generated.length > 0 || this.#partition !== undefined;
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
    if (this.#partition !== undefined) yield* this.checkPartition(env);
  }

  /** Checks that the row that `env` points to is within the table's bound, if it is a partition. @throws 23514 */
  *checkPartition(env: Env): Task<void> {
    const partition = this.#partition;
    if (partition === undefined || (yield* evaluateRow(env, () => partition.holds(env)))) return;
    throw partitionViolation(env.state.session.catalog, this.table, this.values(env), env.state.context);
  }

  /** The engine's way to the keys of expression and partial indexes. */
  computedKeys(state: ExecState): ComputedKeys | undefined {
    if (this.#indexes.length === 0) return undefined;
    const env = new Env(state, false);
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
