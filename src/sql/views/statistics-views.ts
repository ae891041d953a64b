/**
 * pg_stat_*_tables and pg_statio_*_tables: a row for each table, with the number of its rows. What PostgreSQL counts besides (scans,
 * changes, blocks read) is not counted here, and NULL; programs join these views for the names and oids.
 */
import { isSystemSchema } from '../../engine/catalog.ts';
import { tablesOf } from './catalog-values.ts';
import type { NamedRow, RowMaker, ViewSource } from './definition.ts';

function* tables({ catalog, session }: ViewSource, wanted: (isSystem: boolean) => boolean): Iterable<NamedRow> {
  for (const table of tablesOf(catalog)) {
    if (table.partitioning !== undefined) continue;
    const schemaname = catalog.object(table.schema)?.name ?? null;
    if (wanted(isSystemSchema(table.schema)))
      yield {
        relid: table.oid,
        schemaname,
        relname: table.name,
        n_live_tup: session.engine.store.facts(table.tree).rows,
      };
  }
}

const KINDS: readonly (readonly [string, (isSystem: boolean) => boolean])[] = [
  ['all', () => true],
  ['user', (isSystem) => !isSystem],
  ['sys', (isSystem) => isSystem],
];

export function statisticsViews(): [string, RowMaker][] {
  return KINDS.flatMap(([kind, wanted]): [string, RowMaker][] => [
    [`pg_catalog.pg_stat_${kind}_tables`, (source) => tables(source, wanted)],
    [
      `pg_catalog.pg_statio_${kind}_tables`,
      function* (source) {
        for (const { n_live_tup: _, ...row } of tables(source, wanted)) yield row;
      },
    ],
  ]);
}
