/** Who uses a column of a table: keys and expressions of its indexes, generated columns, views. */
import type { ColumnObject, IndexObject, TableObject, ViewObject } from '../../engine/catalog.ts';
import { columnsRead } from '../bind/kept-text.ts';
import { bindTableExpression } from '../bind/table-rules.ts';
import type { Definer } from './definer.ts';

function mentions(d: Definer, table: TableObject, sql: string | undefined, number: number): boolean {
  if (sql === undefined) return false;
  return bindTableExpression(d.sql.bindContext(), table, sql, undefined, sql, undefined, 'index').columns.includes(
    number,
  );
}

/** Indexes whose keys, expressions, predicate or included columns are made of it. */
export function indexesOver(d: Definer, table: TableObject, number: number): IndexObject[] {
  return d.catalog
    .indexesOf(table.oid)
    .filter(
      ({ columns, include, predicate }) =>
        include.includes(number) ||
        columns.some((c) => c.column === number || mentions(d, table, c.expression, number)) ||
        mentions(d, table, predicate, number),
    );
}

export function generatedFrom(d: Definer, table: TableObject, number: number): ColumnObject[] {
  return table.columns.filter((c) => !c.dropped && mentions(d, table, c.generatedSql, number));
}

/** Views whose bodies name it, or need it without naming it: for a join by USING, for a whole row. */
export function viewsReading(d: Definer, table: TableObject, number: number): ViewObject[] {
  const context = d.sql.bindContext();
  return [...d.catalog.objects()].filter(
    (o): o is ViewObject =>
      o.kind === 'view' && o.uses.includes(table.oid) && columnsRead(context, o.sql, table).has(number),
  );
}
