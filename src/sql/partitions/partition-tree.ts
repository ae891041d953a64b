/** Partition trees as PostgreSQL's functions walk them, of tables and of indexes. */
import type { Catalog, CatalogObject, Oid } from '../../engine/catalog.ts';

function parentOf(object: CatalogObject | undefined): Oid {
  if (object?.kind === 'table') return object.partition?.parent ?? 0;
  return object?.kind === 'index' ? (object.parent ?? 0) : 0;
}

function isPartitioned(catalog: Catalog, object: CatalogObject): boolean {
  if (object.kind === 'index') return catalog.table(object.table).partitioning !== undefined;
  return object.kind === 'table' && object.partitioning !== undefined;
}

/** An object and all below it; nothing for one that is neither partitioned nor a partition. */
export function* partitionTree(
  catalog: Catalog,
  oid: Oid,
  level: number,
): Iterable<readonly [oid: Oid, parent: Oid, isLeaf: boolean, level: number]> {
  const object = catalog.object(oid);
  if (object === undefined || (!isPartitioned(catalog, object) && parentOf(object) === 0)) return;
  yield [oid, parentOf(object), !isPartitioned(catalog, object), level];
  const below =
    object.kind === 'table'
      ? catalog.partitionsOf(oid)
      : [...catalog.objects()].filter((o) => o.kind === 'index' && o.parent === oid);
  for (const each of below) yield* partitionTree(catalog, each.oid, level + 1);
}

/** An object and those above it, nearest first; nothing outside of a partition tree. */
export function partitionAncestors(catalog: Catalog, oid: Oid): Oid[] {
  const object = catalog.object(oid);
  if (object === undefined || (!isPartitioned(catalog, object) && parentOf(object) === 0)) return [];
  const found: Oid[] = [];
  for (let at = oid; at !== 0; at = parentOf(catalog.object(at))) found.push(at);
  return found;
}
