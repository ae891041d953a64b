/**
 * What the rows of a table obey: checks, generated columns, expression and partial indexes; and columns' defaults.
 *
 * The catalog keeps these as SQL text. Each is bound over ids that stand for the complete new row.
 */
import type { ColumnObject, IndexObject, TableObject } from '../../engine/catalog.ts';
import type { Partitioning } from '../../engine/partitioning.ts';
import type { Expression } from '../ast/expressions.ts';
import { parseExpressionText } from '../parser/parser.ts';
import { boundsOf, PartitionBounds } from '../partitions/bounds.ts';
import type { Column, Expr } from '../plan/logical.ts';
import type { PartitionLevel, RowRules } from '../plan/logical-changes.ts';
import { type Binding, columnRef } from './binding.ts';
import { coerce, coerceToBoolean } from './coerce.ts';
import { bindExpression } from './expressions.ts';
import { makeItem, scopeColumn } from './from.ts';
import { type Clause, type Item, inClause, Level } from './scope.ts';

export function liveColumns(table: TableObject): readonly ColumnObject[] {
  return table.columns.filter((column) => !column.dropped);
}

/** Ids for a row of the table, one per live column. */
export function rowColumns(b: Binding, table: TableObject): Column[] {
  return liveColumns(table).map(
    (c): Column => ({ ...b.column(c.name, c.type, c.typmod), origin: { table: table.oid, number: c.number } }),
  );
}

/** The item under which a table's expressions see their row. */
export function rowItem(b: Binding, table: TableObject, alias: string, row: readonly Column[]): Item {
  const names = row.map((c) => ({ ...scopeColumn(c), named: c.origin }));
  return makeItem(b, null, alias, names, { rowType: table.rowType });
}

export function bindRules(b: Binding, table: TableObject, row: readonly Column[]): RowRules {
  const { catalog } = b.context;
  const live = liveColumns(table);
  const checks = catalog.constraintsOf(table.oid).flatMap((c) => {
    if (c.type !== 'check' || c.expression === undefined) return [];
    return [
      {
        constraint: c.name,
        expr: bindStored(b, table, row, c.expression, 'CHECK', (expr) => coerceToBoolean(b, expr, 'CHECK')),
      },
    ];
  });
  const generated = live.flatMap((c) => {
    if (c.generatedSql === undefined) return [];
    const type = { oid: c.type, typmod: c.typmod };
    return [
      {
        number: c.number,
        expr: bindStored(b, table, row, c.generatedSql, 'DEFAULT', (expr) => coerce(b, expr, type, 'assignment')),
      },
    ];
  });
  const indexes = catalog
    .liveIndexesOf(table.oid)
    .filter(isComputed)
    .map((index) => ({ index, ...bindIndex(b, table, row, index) }));
  return { row, checks, generated, indexes, partition: partitionLevels(b, table, row) };
}

/** Of a column that a row has not got. */
const NOWHERE = -1;

/** The ids of a row as another table of the same partitioned table has its columns: by their names. */
export function rowAs(from: TableObject, row: readonly Column[], to: TableObject): Column[] {
  const live = liveColumns(from);
  return liveColumns(to).map(({ name, type, typmod }) => {
    const column = row[live.findIndex((own) => own.name === name)];
    // A table that a partition is being detached from may have columns that are none of the partition's: nobody asks for them.
    return column ?? { id: NOWHERE, name, type, typmod };
  });
}

/** What a table is divided by, over its row. */
export function bindPartitionKeys(
  b: Binding,
  table: TableObject,
  partitioning: Partitioning,
  row: readonly Column[],
): Expr[] {
  const live = liveColumns(table);
  return partitioning.keys.map((key) =>
    key.expression === undefined
      ? columnRef(row[live.findIndex((c) => c.number === key.column)]!)
      : bindStored(b, table, row, key.expression, 'index', (expr) =>
          coerce(b, expr, { oid: key.type, typmod: key.typmod }, 'implicit'),
        ),
  );
}

/** What keeps rows in a partition: its parent, that one's, and so on. */
export function partitionLevels(b: Binding, table: TableObject, row: readonly Column[]): PartitionLevel[] {
  const { catalog } = b.context;
  const levels: PartitionLevel[] = [];
  let child = table;
  for (const parent of catalog.ancestorsOf(table)) {
    if (parent.partitioning === undefined) break;
    // What is being detached keeps to its bounds until it is a table of its own.
    const bounds =
      child.partition?.detachPending === true
        ? new PartitionBounds(parent.partitioning, catalog.partitionsOf(parent.oid, true))
        : boundsOf(catalog, parent, parent.partitioning);
    const keys = bindPartitionKeys(b, parent, parent.partitioning, rowAs(table, row, parent));
    levels.push({ bounds, keys, position: bounds.partitions.indexOf(child) });
    child = parent;
  }
  return levels;
}

function isComputed(index: IndexObject): boolean {
  return index.predicate !== undefined || index.columns.some((column) => column.column === 0);
}

/** An index's keys and predicate over a row. */
export function bindIndex(
  b: Binding,
  table: TableObject,
  row: readonly Column[],
  index: IndexObject,
): { keys: Expr[]; predicate: Expr | undefined } {
  const live = liveColumns(table);
  const keys = index.columns.map((key): Expr => {
    if (key.expression !== undefined) {
      return bindStored(b, table, row, key.expression, 'index', (expr) =>
        coerce(b, expr, { oid: key.type, typmod: -1 }, 'implicit'),
      );
    }
    return columnRef(row[live.findIndex((c) => c.number === key.column)]!);
  });
  const predicate =
    index.predicate === undefined
      ? undefined
      : bindStored(b, table, row, index.predicate, 'index', (expr) => coerceToBoolean(b, expr, 'WHERE'));
  return { keys, predicate };
}

/** Binds an expression that the catalog keeps. Errors in it have no position in the statement. */
function bindStored(
  b: Binding,
  table: TableObject,
  row: readonly Column[],
  sql: string,
  clause: Clause,
  settle: (expr: Expr) => Expr,
): Expr {
  return withoutText(b, () => bindOverRow(b, table, row, parseExpressionText(sql), clause, settle));
}

/** Binds an expression over a table's row; DDL uses it to check what it stores. */
export function bindOverRow(
  b: Binding,
  table: TableObject,
  row: readonly Column[],
  e: Expression,
  clause: Clause,
  settle: (expr: Expr) => Expr,
): Expr {
  const level = new Level(null);
  level.items = [level.register(rowItem(b, table, table.name, row))];
  return inClause(level, clause, () => settle(bindExpression(b, level, e)));
}

function withoutText<T>(b: Binding, step: () => T): T {
  const { text } = b;
  b.text = null;
  try {
    return step();
  } finally {
    b.text = text;
  }
}

/** A column's default, converted to its type; NULL when it has none. */
export function defaultOf(b: Binding, column: ColumnObject): Expr {
  const type = { oid: column.type, typmod: column.typmod };
  if (column.defaultSql === undefined) return { kind: 'const', value: null, type: column.type, typmod: column.typmod };
  const { defaultSql } = column;
  return withoutText(b, () => {
    const level = new Level(null);
    return inClause(level, 'DEFAULT', () =>
      coerce(b, bindExpression(b, level, parseExpressionText(defaultSql)), type, 'assignment'),
    );
  });
}
