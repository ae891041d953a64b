/** What rows of catalog relations are made of, and of what: vectors, arrays, names of schemas, the tables and views there are. */
import type { Catalog, Oid, TableObject, ViewObject } from '../../engine/catalog.ts';
import { PgArray } from '../types/array.ts';
import type { SqlValue } from '../types/contracts.ts';

const TEXT = 25;

/** Values of int2vector and oidvector count from 0. */
export function vector(type: Oid, values: readonly number[]): PgArray {
  return new PgArray(type, values, [values.length], [0]);
}

/** Null for none. */
export function textArray(values: readonly string[] | undefined): SqlValue {
  return values === undefined || values.length === 0 ? null : new PgArray(TEXT, values);
}

export function schemaNameOf(catalog: Catalog, oid: Oid): string {
  return catalog.object(oid)?.name ?? '';
}

export function tablesOf(catalog: Catalog): TableObject[] {
  return [...catalog.objects()].filter((o): o is TableObject => o.kind === 'table');
}

export function viewsOf(catalog: Catalog): ViewObject[] {
  return [...catalog.objects()].filter((o): o is ViewObject => o.kind === 'view');
}
