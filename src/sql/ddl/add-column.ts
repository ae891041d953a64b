/** ALTER TABLE … ADD COLUMN, and the same column in the partitions of a partitioned table. */
import type { Task } from '../../base/task.ts';
import type { ColumnObject, TableObject } from '../../engine/catalog.ts';
import { TABLE_ACCESS_EXCLUSIVE } from '../../engine/record-port.ts';
import type { AlterTableAction } from '../ast/definitions.ts';
import { bindTableExpression } from '../bind/table-rules.ts';
import { storedBytes } from '../exec/stored-value.ts';
import { quoted } from '../session/names.ts';
import { addDefaults } from './column-defaults.ts';
import { readColumn } from './column-definitions.ts';
import type { Definer } from './definer.ts';
import { rebuildTable } from './rebuild-table.ts';

/** What all defaults may take that rows of before do not hold: with the rest of a row they must find room in one record. */
const MISSING_BYTES_MAX = 4096;

/** A table with a further layout of these columns. */
export function withLayout(table: TableObject, columns: readonly ColumnObject[]): TableObject {
  const number = Math.max(...table.layouts.map((l) => l.number)) + 1;
  return {
    ...table,
    columns,
    layouts: [...table.layouts, { number, columns: columns.filter((c) => !c.dropped).map((c) => c.number) }],
  };
}

/** A column as it was added. The caller adds the constraints that stand with it. */
export type AddedColumn = ReturnType<typeof readColumn>;

/** @returns undefined when the table has the column already, and may. @throws 42701, 23502 */
export function* addColumn(
  d: Definer,
  table: TableObject,
  action: Extract<AlterTableAction, { kind: 'addColumn' }>,
): Task<AddedColumn | undefined> {
  const { name } = action.column;
  if (table.columns.some((c) => !c.dropped && c.name === name.text)) {
    if (!action.ifNotExists)
      throw d.error('duplicate_column', `column "${name.text}" of relation "${table.name}" already exists`, undefined);
    d.sql.tell(`column "${name.text}" of relation "${table.name}" already exists, skipping`, { sqlstate: '42701' });
    return undefined;
  }
  const made = readColumn(d, table.name, action.column, nextNumber(table));
  const next = yield* addDefaults(d, withLayout(table, [...table.columns, made.column]), [made]);
  yield* place(d, table, next, made.sequence !== undefined);
  return made;
}

/** Gives a partition, and those below it, a column that its partitioned table has got. */
export function* inheritColumn(d: Definer, table: TableObject, column: ColumnObject): Task<void> {
  const { missing: _missing, identity, defaultSql, ...rest } = column;
  const own: ColumnObject = {
    ...rest,
    number: nextNumber(table),
    ...(defaultSql === undefined || identity !== undefined ? {} : { defaultSql }),
  };
  yield* d.lock(table.oid, TABLE_ACCESS_EXCLUSIVE);
  yield* place(d, table, withLayout(table, [...table.columns, own]), false);
  d.engine.nextCommand();
  for (const partition of d.catalog.partitionsOf(table.oid)) yield* inheritColumn(d, partition, column);
}

function nextNumber(table: TableObject): number {
  return Math.max(0, ...table.columns.map((c) => c.number)) + 1;
}

/**
 * Puts a table with one more column in the place of the table: rows that are there answer with the default as it is now, or are
 * written anew where each has a value of its own, or the default is a long value.
 */
function* place(d: Definer, table: TableObject, next: TableObject, isNumbered: boolean): Task<void> {
  const column = next.columns[next.columns.length - 1]!;
  const hasRows = d.engine.store.facts(table.tree).rows > 0;
  const source = column.defaultSql ?? column.generatedSql;
  const bound =
    source === undefined
      ? undefined
      : bindTableExpression(d.sql.bindContext(), next, source, undefined, source, column.type, 'DEFAULT');
  if (column.generatedSql !== undefined || (bound?.volatile === true && (hasRows || isNumbered))) {
    yield* rebuildTable(d, table, next, (row) => row);
  } else {
    const value = bound === undefined ? null : yield* d.sql.evaluateConstant(bound.expr);
    if (value === null && column.notNull && (yield* hasAnyRow(d, table)))
      throw d.error(
        'not_null_violation',
        `column "${column.name}" of relation "${table.name}" contains null values`,
        undefined,
        { table: table.name, column: column.name },
      );
    const missing = value === null ? null : storedBytes(column, value);
    if (missing !== null && missingBytes(table) + base64Bytes(missing) > MISSING_BYTES_MAX) {
      yield* rebuildTable(d, table, next, (row) => row);
      return;
    }
    yield* d.putTable({
      ...next,
      columns: next.columns.map((c) => (c.number === column.number ? { ...c, missing } : c)),
    });
  }
}

/** Bytes of all values that rows of a table may not hold and answer with. */
function missingBytes(table: TableObject): number {
  return table.columns.reduce((sum, { dropped, missing }) => sum + (dropped ? 0 : base64Bytes(missing ?? '')), 0);
}

function base64Bytes(text: string): number {
  return Math.ceil((text.length * 3) / 4);
}

function* hasAnyRow(d: Definer, table: TableObject): Task<boolean> {
  const schema = d.catalog.object(table.schema)!.name;
  return (yield* d.sql.runInternal(`SELECT 1 FROM ${quoted(schema)}.${quoted(table.name)} LIMIT 1`, [])) > 0;
}
