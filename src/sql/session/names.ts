/** Resolving names of schemas, relations and types as a session's search_path says, and printing them back. */
import { fail } from '../../base/errors.ts';
import { type Catalog, type Oid, PG_CATALOG_OID, type RelationObject } from '../../engine/catalog.ts';

/** A name taken apart: `schema.name` or `name`; catalog prefixes are checked by the caller. */
export interface WrittenName {
  readonly schema: string | undefined;
  readonly name: string;
}

/** Reads `a.b`, `"A b".c` as users write names inside strings, folding what is not quoted. @throws 42602 */
export function parseQualifiedName(text: string): WrittenName {
  const parts: string[] = [];
  const pattern = /\s*(?:"((?:[^"]|"")*)"|([^\s".]+))\s*(\.|$)/gy;
  let end = 0;
  for (;;) {
    pattern.lastIndex = end;
    const match = pattern.exec(text);
    if (match === null) throw fail('invalid_name', 'invalid name syntax');
    parts.push(
      match[1] !== undefined ? match[1].replaceAll('""', '"') : match[2]!.replace(/[A-Z]/g, (c) => c.toLowerCase()),
    );
    end = pattern.lastIndex;
    if (match[3] !== '.') break;
  }
  if (end !== text.length || parts.length > 3) throw fail('invalid_name', 'invalid name syntax');
  const name = parts[parts.length - 1]!;
  return { schema: parts.length > 1 ? parts[parts.length - 2] : undefined, name };
}

const PLAIN = /^[a-z_][a-z0-9_$]*$/;

export function quoteIdentifier(name: string): string {
  return PLAIN.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

/** A name in double quotes, needed or not: for SQL that ExtentDB writes for itself. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** The schemas that unqualified names are looked up in: pg_catalog first unless search_path names it. */
export function searchSchemas(catalog: Catalog, searchPath: string, user: string, temporary: Oid | undefined): Oid[] {
  const names = splitSearchPath(searchPath).map((n) => (n === '$user' ? user : n));
  const oids = names.map((n) => catalog.schemaNamed(n)?.oid).filter((o): o is Oid => o !== undefined);
  if (!oids.includes(PG_CATALOG_OID)) oids.unshift(PG_CATALOG_OID);
  if (temporary !== undefined) oids.unshift(temporary);
  return oids;
}

/** Where CREATE puts an unqualified name: the first existing schema of search_path. */
export function creationSchema(catalog: Catalog, searchPath: string, user: string): Oid {
  for (const name of splitSearchPath(searchPath)) {
    const schema = catalog.schemaNamed(name === '$user' ? user : name);
    if (schema !== undefined) return schema.oid;
  }
  throw fail('invalid_schema_name', 'no schema has been selected to create in');
}

export function splitSearchPath(searchPath: string): string[] {
  const names: string[] = [];
  for (const match of searchPath.matchAll(/"((?:[^"]|"")*)"|([^",\s]+)/g)) {
    names.push(match[1] !== undefined ? match[1].replaceAll('""', '"') : match[2]!.toLowerCase());
  }
  return names.filter((n) => n !== '');
}

/** The relation of a name, or undefined. */
export function findRelation(catalog: Catalog, schemas: readonly Oid[], name: WrittenName): RelationObject | undefined {
  if (name.schema !== undefined) {
    const schema = catalog.schemaNamed(name.schema);
    return schema === undefined ? undefined : catalog.relationNamed(schema.oid, name.name);
  }
  for (const schema of schemas) {
    const found = catalog.relationNamed(schema, name.name);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A relation's name as PostgreSQL prints it: qualified only when the search path does not lead to it. */
export function displayName(catalog: Catalog, schemas: readonly Oid[], relation: RelationObject): string {
  const visible = findRelation(catalog, schemas, { schema: undefined, name: relation.name }) === relation;
  if (visible) return quoteIdentifier(relation.name);
  return `${quoteIdentifier(catalog.object(relation.schema)?.name ?? '')}.${quoteIdentifier(relation.name)}`;
}
