/**
 * Rebuilding a table: all rows are read in key order, changed, and written into new trees. For a new primary key, a new
 * type, a volatile default, VACUUM FULL and its kin. The old trees are dropped with the transaction. Others may go on writing them
 * meanwhile, when somebody catches up at the end (`online-table.ts`).
 */
import type { Task } from '../../base/task.ts';
import type { ConstraintObject, IndexObject, TableObject } from '../../engine/catalog.ts';
import type { TrackedWork } from '../../engine/maintenance.ts';
import { NEED, NONE, type RowBuffer, RowBuffer as Rows } from '../../engine/record-port.ts';
import { TableAccess } from '../../engine/table-access.ts';
import { TableWriter } from '../../engine/table-writer.ts';
import { type BoundTableExpression, bindTableExpression, tableRules } from '../bind/table-rules.ts';
import { compileEval } from '../exec/evaluate.ts';
import { evaluateRow, pointAt } from '../exec/operator.ts';
import { Shape } from '../exec/shape.ts';
import { Env, type ExecState } from '../exec/state.ts';
import { columnReader, columnWriter, type Eval, typeEntry } from '../exec/values.ts';
import { notNullViolation, uniqueViolation } from '../exec/violations.ts';
import type { ColumnId } from '../plan/logical.ts';
import type { SqlValue } from '../types/contracts.ts';
import { buildIndex, type RowOrder, readTable, type TableReader } from './build-index.ts';
import type { Definer } from './definer.ts';
import { retyped } from './indexes.ts';
import { indexTreeFor, newTableTree, primaryOptions } from './tree-space.ts';

const LAYOUT_NUMBER_MAX = 0xffff;

/** A conversion of one column: an expression over the old table's columns. */
export interface ColumnChange {
  readonly number: number;
  readonly convert: BoundTableExpression;
}

/** Objects of a new primary key, to be written with the table. */
export interface NewPrimary {
  readonly index: IndexObject;
  readonly constraint: ConstraintObject;
}

/** How a rebuild goes beyond what it changes. */
export interface RebuildCourse {
  /** The order in which rows are written; undefined = that of their keys. Rows without primary key get their ids in it. */
  readonly order?: readonly RowOrder[];
  readonly work?: TrackedWork;
  /** Brings the new trees up to what was written to the old ones since the copy began, of which the state holds the snapshot. */
  readonly catchUp?: (state: ExecState) => Task<void>;
}

/**
 * Replaces `before` by `after`: the same table with other columns or another key. `change` may alter each row's values.
 *
 * @throws 23505 when a new key has duplicates, 23502 when a new NOT NULL column has no value.
 */
export function* rebuildTable(
  d: Definer,
  before: TableObject,
  after: TableObject,
  change: (row: SqlValue[]) => SqlValue[],
  column?: ColumnChange,
  primary?: NewPrimary,
  { order, work, catchUp }: RebuildCourse = {},
): Task<void> {
  const { store, transaction } = d.engine;
  const newest = Math.max(...after.layouts.map((l) => l.number));
  // New trees hold rows of one layout only, so numbers may begin anew.
  const number = newest >= LAYOUT_NUMBER_MAX ? 1 : newest + 1;
  const tree = yield* newTableTree(d, after.options, primary?.index.options ?? primaryOptions(d, after));
  const live = after.columns.filter((c) => !c.dropped);
  const next: TableObject = {
    ...after,
    tree,
    layouts: [{ number, columns: live.map((c) => c.number) }],
    columns: after.columns.map(({ missing: _missing, ...c }) => c),
  };
  const reader = readTable(d, before, order);
  try {
    const dropped = yield* retree(d, before, next, column, primary);
    try {
      yield* copyRows(d, reader, before, d.catalog.table(before.oid), change, column, work);
    } finally {
      reader.operator.close();
    }
    yield* buildIndexes(d, d.catalog.table(before.oid), work);
    if (catchUp !== undefined) yield* catchUp(reader.state);
    for (const old of dropped) yield* store.dropTree(transaction, old);
  } finally {
    reader.close();
  }
  d.engine.rewrote(before.oid);
}

function* buildIndexes(d: Definer, table: TableObject, work: TrackedWork | undefined): Task<void> {
  // The indexes are built from the new rows, which only a later command sees.
  d.engine.nextCommand();
  const rules = tableRules(d.sql.bindContext(), table);
  let done = 1;
  for (const index of d.catalog.liveIndexesOf(table.oid)) {
    if (index.oid === table.primaryIndex) continue;
    work?.enter('rebuilding index', { index: index.oid, treesDone: done++ });
    yield* buildIndex(d, table, index, rules, work);
  }
}

/** Writes the table and its indexes with their new trees. @returns the old trees, which go when the new ones are complete. */
function* retree(
  d: Definer,
  before: TableObject,
  next: TableObject,
  column: ColumnChange | undefined,
  primary: NewPrimary | undefined,
): Task<number[]> {
  const dropped: number[] = [];
  for (const index of d.catalog.indexesOf(before.oid)) {
    const clustered = index.oid === next.primaryIndex;
    const tree = clustered ? next.tree : yield* indexTreeFor(d, next.tree, index);
    if (index.oid !== before.primaryIndex) dropped.push(index.tree);
    const columns = column === undefined ? index.columns : index.columns.map((c) => retyped(d, next, c));
    yield* d.put({ ...index, tree, columns, version: index.version + 1 });
  }
  if (primary !== undefined) {
    yield* d.put({ ...primary.index, tree: next.tree });
    yield* d.put(primary.constraint);
  }
  yield* d.putTable(next);
  return [...dropped, before.tree];
}

function* copyRows(
  d: Definer,
  reader: TableReader,
  before: TableObject,
  table: TableObject,
  change: (row: SqlValue[]) => SqlValue[],
  column: ColumnChange | undefined,
  work: TrackedWork | undefined,
): Task<void> {
  const { engine } = d;
  // Secondary indexes are filled afterwards, by sorting.
  const access = new TableAccess(
    engine.store,
    engine.catalog.changed(
      [],
      engine.catalog
        .indexesOf(table.oid)
        .filter((i) => i.oid !== table.primaryIndex)
        .map((i) => i.oid),
    ),
    table,
  );
  if (access.primaryParts === undefined) yield* engine.database.rowIds.load(table.tree, engine.transaction);
  const writer = new TableWriter(
    engine.store,
    engine.transaction,
    access,
    () => engine.database.rowIds.take(table.tree),
    undefined,
    engine.database.watches,
  );
  const appender = engine.store.appender(engine.transaction, table.tree);
  const shape = new Shape(
    access.columns.map((c, i) => ({ id: i + 1, type: c.type, typmod: c.typmod, physical: c.physical })),
    access.wideLayout,
  );
  const writers = shape.columns.map((_, i) => columnWriter(shape, i));
  const evals = valuesFor(d, reader, before, access, column);
  const env = new Env(reader.state);
  const rows: RowBuffer = new Rows(access.wideLayout, reader.state.memory);
  yield* reader.operator.open();
  for (;;) {
    const batch = yield* reader.operator.next();
    if (batch === undefined) break;
    for (let i = 0; i < batch.count; i++) {
      pointAt(env, batch, i);
      const values = change(yield* evaluateRow(env, () => evals.map((e) => e(env))));
      access.columns.forEach((c, at) => {
        if (c.notNull && values[at] === null) throw notNullViolation(d.catalog, table, c.name, values, d.sql.context);
      });
      rows.clear();
      rows.start();
      for (let at = 0; at < writers.length; at++) writers[at]!(rows, values[at]!);
      rows.finish();
      let status = writer.append(appender, rows.bytes, rows.view, rows.at);
      while (status === NEED) {
        yield engine.need();
        status = writer.append(appender, rows.bytes, rows.view, rows.at);
      }
      if (status !== NONE) continue;
      while (appender.flush() === NEED) yield engine.need();
      const conflict = yield* writer.insert(rows, rows.index[0]!);
      if (conflict !== undefined) throw duplicateOf(d, table, conflict, values);
    }
    work?.advance({ read: batch.count, written: batch.count });
    if (reader.state.spent(batch.count)) yield engine.slice();
  }
  while (appender.flush() === NEED) yield engine.need();
  rows.release();
}

function duplicateOf(d: Definer, table: TableObject, index: IndexObject, values: readonly SqlValue[]): Error {
  const live = table.columns.filter((c) => !c.dropped);
  const keys = index.columns.map((key) => values[live.findIndex((c) => c.number === key.column)]!);
  const error = uniqueViolation(d.catalog, table, index, keys, d.sql.context);
  error.message = `could not create unique index "${index.name}"`;
  error.detail = error.detail?.replace('already exists', 'is duplicated');
  return error;
}

/** Per column of the new table where its value comes from: the old column, its conversion, or its default. */
function valuesFor(
  d: Definer,
  reader: TableReader,
  before: TableObject,
  access: TableAccess,
  column: ColumnChange | undefined,
): Eval[] {
  const old = before.columns.filter((c) => !c.dropped);
  const outer = new Map<ColumnId, number>();
  const scopeOver = (
    ids: readonly ColumnId[],
  ): { shape0: Shape; outer: Map<ColumnId, number>; subquery: () => never } => ({
    shape0: new Shape(
      reader.shape.columns.map((c, i) => ({ ...c, id: ids[i] ?? -1 - i })),
      reader.shape.layout,
    ),
    outer,
    subquery: () => {
      throw d.unsupported('a sub-query here', undefined);
    },
  });
  return access.columns.map((c) => {
    if (column?.number === c.number)
      return compileEval(column.convert.expr, scopeOver(column.convert.row.map((r) => r.id)));
    const from = old.findIndex((o) => o.number === c.number);
    if (from >= 0) return columnReader(reader.shape, from, 0);
    const sql = c.defaultSql ?? c.generatedSql;
    if (sql === undefined) return () => null;
    const bound = bindTableExpression(
      d.sql.bindContext(),
      { ...access.table, columns: [...before.columns, c] },
      sql,
      undefined,
      sql,
      c.type,
      'DEFAULT',
    );
    const evaluate = compileEval(bound.expr, scopeOver(bound.row.map((r) => r.id)));
    const apply = typeEntry(c.type).applyTypmod;
    return (env) => {
      const value = evaluate(env);
      return value === null || apply === undefined || c.typmod < 0 ? value : apply(value, c.typmod, false);
    };
  });
}
