/** PRIMARY KEY and UNIQUE of a table that is there already, with or without rows: added, and taken away. */
import { fail } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import type { ColumnObject, ConstraintObject, IndexObject, TableObject } from '../../engine/catalog.ts';
import type { KeyConstraint } from '../ast/definitions.ts';
import { tableRules } from '../bind/table-rules.ts';
import { quoted } from '../session/names.ts';
import { buildIndex } from './build-index.ts';
import { isClustering, makeKeyConstraint } from './constraints.ts';
import type { Definer } from './definer.ts';
import { dropConstraint, dropObjects } from './drop.ts';
import { rebuildTable } from './rebuild-table.ts';
import { primarySpaceOptions, tellIdleOptions } from './space-options.ts';

/**
 * @param kept - options of the index as the catalog keeps them, for one that takes another's over.
 * @returns the new index. @throws 23505, 23502, 42P16
 */
export function* addKeyConstraint(
  d: Definer,
  table: TableObject,
  c: KeyConstraint,
  kept?: readonly string[],
): Task<IndexObject> {
  if (c.usingIndex !== null) throw d.unsupported('ADD CONSTRAINT … USING INDEX', c.at);
  if (c.kind === 'primaryKey') {
    const columns = c.columns.map((name) => d.column(table, name));
    if (d.catalog.constraintsOf(table.oid).some((x) => x.type === 'primary'))
      throw d.error(
        'invalid_table_definition',
        `multiple primary keys for table "${table.name}" are not allowed`,
        undefined,
      );
    for (const column of columns) if (!column.notNull) yield* setNotNull(d, d.catalog.table(table.oid), column);
  }
  const now = d.catalog.table(table.oid);
  const clustered = isClustering(c);
  const { index, constraint } = yield* makeKeyConstraint(d, now, c, c.columns, clustered, new Set(), kept);
  if (clustered) {
    if (kept === undefined) tellIdleOptions(d, primarySpaceOptions(d, now.options, index.options, c.options));
    yield* rebuildTable(d, now, { ...now, primaryIndex: index.oid }, (row) => row, undefined, { index, constraint });
    return index;
  }
  yield* d.put(index);
  yield* d.put(constraint);
  const next = yield* d.putTable(now);
  if (next.partitioning === undefined) yield* buildIndex(d, next, index, tableRules(d.sql.bindContext(), next));
  return index;
}

/**
 * Takes a primary key away: the rows are written anew under hidden ids, if it was their order.
 *
 * @param become - what the table becomes with that, when it is rebuilt. @throws 2BP01
 */
export function* dropPrimaryKey(
  d: Definer,
  constraint: ConstraintObject,
  cascade: boolean,
  become: (table: TableObject) => TableObject = (table) => table,
): Task<void> {
  yield* dropConstraint(d, constraint, cascade);
  const own = d.catalog.object(constraint.index);
  if (own?.kind === 'index' && !d.catalog.isClustered(own)) {
    yield* dropObjects(d, [own], true);
    return;
  }
  yield* d.remove(constraint.index);
  const table = d.catalog.table(constraint.table);
  const { primaryIndex: _gone, ...rest } = table;
  yield* rebuildTable(d, table, become(rest), (row) => row);
}

/** @throws 23502 when a row has no value there. */
export function* setNotNull(d: Definer, table: TableObject, column: ColumnObject): Task<void> {
  const schema = d.catalog.object(table.schema)!.name;
  const nulls = yield* d.sql.runInternal(
    `SELECT 1 FROM ${quoted(schema)}.${quoted(table.name)} WHERE ${quoted(column.name)} IS NULL LIMIT 1`,
    [],
  );
  if (nulls > 0)
    throw fail('not_null_violation', `column "${column.name}" of relation "${table.name}" contains null values`, {
      table: table.name,
      column: column.name,
      schema,
    });
  const columns = table.columns.map((c) => (c.number === column.number ? { ...column, notNull: true } : c));
  yield* d.putTable({ ...table, columns });
}
