/** What both directions of COPY do with a table: which columns may be named, and how the work is shown while it lasts. */
import { fail } from '../../base/errors.ts';
import type { ColumnObject, TableObject } from '../../engine/catalog.ts';
import type { TrackedWork } from '../../engine/maintenance.ts';
import type { SqlSession } from './sql-session.ts';

/** Shows a COPY until its `end`: bytes as `scanned`. How much a client will send nobody knows; a table's rows are counted. */
export function followCopy(sql: SqlSession, command: string, table: TableObject | undefined): TrackedWork {
  const { database, processId } = sql.engine;
  const target = {
    tree: table?.tree ?? 0,
    table: table?.oid ?? 0,
    index: 0,
    name: table?.name ?? '',
    owner: processId,
  };
  const isCounted = command === 'COPY TO' && table !== undefined;
  const tables = isCounted ? [table, ...sql.engine.catalog.descendantsOf(table.oid)] : [];
  const workTotal = tables.reduce((sum, { tree }) => sum + sql.engine.store.facts(tree).rows, 0);
  return database.maintenance.follow(target, command, { phase: 'copying', unit: 'rows', workTotal, treesTotal: 1 });
}

/** A column that the list of COPY names. @throws 42703, 42P10 */
export function copyColumn(table: TableObject, name: string): ColumnObject {
  const column = table.columns.find((c) => !c.dropped && c.name === name);
  if (column === undefined)
    throw fail('undefined_column', `column "${name}" of relation "${table.name}" does not exist`);
  if (column.generatedSql !== undefined)
    throw fail('invalid_column_reference', `column "${name}" is a generated column`, {
      detail: 'Generated columns cannot be used in COPY.',
    });
  return column;
}
