/** pg_partitioned_table and pg_inherits. */
import type { TableObject } from '../../engine/catalog.ts';
import type { PartitionBound } from '../../engine/partitioning.ts';
import { typeEntry } from '../exec/values.ts';
import { tablesOf, vector } from './catalog-values.ts';
import type { NamedRow, RowMaker, ViewSource } from './definition.ts';

const INT2 = 21;
const OID = 26;
const STRATEGY = { range: 'r', list: 'l', hash: 'h' } as const;

export function partitionCatalogs(): [string, RowMaker][] {
  return [
    ['pg_catalog.pg_partitioned_table', partitionedRows],
    ['pg_catalog.pg_inherits', inheritsRows],
  ];
}

function* partitionedRows({ catalog }: ViewSource): Iterable<NamedRow> {
  for (const table of tablesOf(catalog)) {
    if (table.partitioning === undefined) continue;
    const { strategy, keys } = table.partitioning;
    const expressions = keys.flatMap((key) => (key.expression === undefined ? [] : [key.expression]));
    yield {
      partrelid: table.oid,
      partstrat: STRATEGY[strategy],
      partnatts: keys.length,
      partdefid: catalog.partitionsOf(table.oid).find((p) => boundKind(p) === 'default')?.oid ?? 0,
      partattrs: vector(
        INT2,
        keys.map((key) => key.column),
      ),
      partclass: vector(
        OID,
        keys.map(() => 0),
      ),
      partcollation: vector(
        OID,
        keys.map((key) => typeEntry(key.type).collation),
      ),
      partexprs: expressions.length === 0 ? null : expressions.join(', '),
    };
  }
}

function boundKind(table: TableObject): PartitionBound['kind'] | undefined {
  return table.partition?.bound.kind;
}

function* inheritsRows({ catalog }: ViewSource): Iterable<NamedRow> {
  for (const o of catalog.objects()) {
    const parent = o.kind === 'table' ? o.partition?.parent : o.kind === 'index' ? o.parent : undefined;
    const inhdetachpending = o.kind === 'table' && o.partition?.detachPending === true;
    if (parent !== undefined) yield { inhrelid: o.oid, inhparent: parent, inhseqno: 1, inhdetachpending };
  }
}
