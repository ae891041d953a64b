/** Changes of partitioned tables: how rows find their partition, and the rules of each table that can hold them. */
import type { IndexObject, TableObject } from '../../engine/catalog.ts';
import { boundsOf, leavesOf, partOf } from '../partitions/bounds.ts';
import type { Column } from '../plan/logical.ts';
import type { PartitionTarget, PartitionTargets, Routing } from '../plan/logical-changes.ts';
import type { Binding } from './binding.ts';
import { bindPartitionKeys, bindRules, partitionLevels, rowAs } from './rules.ts';

/**
 * The tables behind a partitioned one; undefined for a table that is not partitioned.
 *
 * @param row ids of the table's new row
 * @param arbiters indexes of the table that ON CONFLICT means
 */
export function bindPartitions(
  b: Binding,
  table: TableObject,
  row: readonly Column[],
  arbiters: readonly IndexObject[] = [],
): PartitionTargets | undefined {
  if (table.partitioning === undefined) return undefined;
  const tables = leavesOf(b.context.catalog, table);
  const leaves = tables.map((leaf): PartitionTarget => {
    const own = rowAs(table, row, leaf);
    return {
      table: leaf,
      rules: { ...bindRules(b, leaf, own), partition: [] },
      levels: partitionLevels(b, leaf, own),
      arbiters: arbiters.flatMap((index) => partOf(b.context.catalog, leaf, index) ?? []),
    };
  });
  return { routing: routingOf(b, table, table, row, tables), leaves };
}

function routingOf(
  b: Binding,
  top: TableObject,
  table: TableObject,
  row: readonly Column[],
  leaves: readonly TableObject[],
): Routing {
  const { catalog } = b.context;
  const partitioning = table.partitioning!;
  const bounds = boundsOf(catalog, table, partitioning);
  return {
    table,
    bounds,
    keys: bindPartitionKeys(b, table, partitioning, rowAs(top, row, table)),
    children: bounds.partitions.map((partition) =>
      partition.partitioning === undefined ? leaves.indexOf(partition) : routingOf(b, top, partition, row, leaves),
    ),
  };
}
