/** How a catalog relation is described: its columns and the function that makes its rows. */
import type { Catalog } from '../../engine/catalog.ts';
import type { SqlSession } from '../session/sql-session.ts';
import type { Oid, SqlValue } from '../types/contracts.ts';
import { registry } from '../types/registry.ts';

/** What rows are made from. */
export interface ViewSource {
  readonly catalog: Catalog;
  readonly session: SqlSession;
}

export interface ViewDefinition {
  readonly oid: Oid;
  readonly schema: 'pg_catalog' | 'information_schema' | 'extentdb' | 'sys';
  readonly name: string;
  /** r for catalogs, v for views: pg_class.relkind. */
  readonly kind: 'r' | 'v';
  readonly columns: readonly { readonly name: string; readonly type: Oid; readonly typmod: number }[];
  rows(source: ViewSource): Iterable<readonly SqlValue[]>;
}

/** `relname name, relnamespace oid, relkind "char"` → columns. Types are pg_type names. */
export function columnsFrom(text: string): ViewDefinition['columns'] {
  return text.split(',').map((item) => {
    const [name, type] = item.trim().split(/\s+/);
    const array = type!.endsWith('[]');
    const bare = (array ? type!.slice(0, -2) : type!).replaceAll('"', '');
    const entry = bare === 'char' ? registry.type(18) : registry.typeNamed(bare);
    if (entry === undefined) throw new TypeError(`catalog column ${name} has the unknown type ${type}`);
    return { name: name!, type: array ? entry.arrayOid : entry.oid, typmod: -1 };
  });
}
