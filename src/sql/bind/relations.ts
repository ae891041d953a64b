/** Names of relations: tables, views, catalog views, common tables. */

import type { RelationObject, TableObject } from '../../engine/catalog.ts';
import type { QualifiedName } from '../ast/names.ts';
import type { VirtualRelation } from '../plan/logical.ts';
import type { Binding } from './binding.ts';
import type { CommonTableEntry, Level } from './scope.ts';

export type FoundRelation =
  | { readonly kind: 'stored'; readonly object: RelationObject; readonly schema: string }
  | { readonly kind: 'virtual'; readonly relation: VirtualRelation };

/** Finds a relation by the search path. @throws undefined_table, feature_not_supported for another database */
export function findRelation(b: Binding, name: QualifiedName): FoundRelation {
  const found = findRelationIfAny(b, name);
  if (found !== undefined) return found;
  const shown = name.schema === null ? name.name : `${name.schema}.${name.name}`;
  throw b.error('undefined_table', `relation "${shown}" does not exist`, name.at);
}

export function findRelationIfAny(b: Binding, name: QualifiedName): FoundRelation | undefined {
  const { searchPath, databaseName } = b.context;
  if (name.catalog !== null && name.catalog !== databaseName) {
    const shown = `${name.catalog}.${name.schema}.${name.name}`;
    throw b.error('feature_not_supported', `cross-database references are not implemented: "${shown}"`, name.at);
  }
  if (name.schema !== null) return inSchema(b, name.schema, name.name);
  const path = searchPath.includes('pg_catalog') ? searchPath : ['pg_catalog', ...searchPath];
  for (const schema of path) {
    const found = inSchema(b, schema, name.name);
    if (found === undefined) continue;
    b.refersTo(name.at, schema);
    return found;
  }
  return undefined;
}

function inSchema(b: Binding, schema: string, name: string): FoundRelation | undefined {
  const relation = b.context.virtualRelation(schema, name);
  if (relation !== undefined) return { kind: 'virtual', relation };
  const namespace = b.context.catalog.schemaNamed(schema);
  const object = namespace === undefined ? undefined : b.context.catalog.relationNamed(namespace.oid, name);
  return object === undefined ? undefined : { kind: 'stored', object, schema };
}

/** The table that a change names. @throws wrong_object_type and the like for what is no table */
export function findTarget(b: Binding, name: QualifiedName): TableObject {
  const found = findRelation(b, name);
  if (found.kind === 'virtual')
    throw b.error('insufficient_privilege', `permission denied: "${name.name}" is a system catalog`, name.at);
  const { object } = found;
  switch (object.kind) {
    case 'table':
      return object;
    case 'view':
      throw b.unsupported(`changing rows through a view ("${object.name}")`, name.at);
    case 'sequence':
      throw b.error('wrong_object_type', `cannot change sequence "${object.name}"`, name.at);
    case 'index':
      throw b.error('wrong_object_type', `cannot open relation "${object.name}"`, name.at, {
        detail: 'This operation is not supported for indexes.',
      });
  }
}

/** A common table in scope by this name. */
export function findCommonTable(level: Level, name: string): CommonTableEntry | undefined {
  for (let at: Level | null = level; at !== null; at = at.parent) {
    const found = at.ctes.get(name);
    if (found !== undefined) return found;
  }
  return undefined;
}
