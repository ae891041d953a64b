/** How a catalog relation is described: its columns and the function that makes its rows. */
import { broken } from '../../base/assert.ts';
import type { Task } from '../../base/task.ts';
import type { Catalog } from '../../engine/catalog.ts';
import type { SqlSession } from '../session/sql-session.ts';
import type { Oid, SqlValue } from '../types/contracts.ts';
import { registry } from '../types/registry.ts';

/** What rows are made from. */
export interface ViewSource {
  readonly catalog: Catalog;
  readonly session: SqlSession;
}

/** A row by column names (ours, never a user's); what is left out is NULL. */
export type NamedRow = Readonly<Record<string, SqlValue>>;

/** Makes the rows of one relation. */
export type RowMaker = (source: ViewSource) => Iterable<NamedRow>;

/** Makes the rows of one relation that has to wait for them. */
export type RowGatherer = (source: ViewSource) => Task<Iterable<NamedRow>>;

export interface ViewDefinition {
  readonly oid: Oid;
  readonly schema: string;
  readonly name: string;
  /** r for catalogs, v for views: pg_class.relkind. */
  readonly kind: string;
  readonly columns: readonly { readonly name: string; readonly type: Oid; readonly typmod: number }[];
  rows(source: ViewSource): Task<Iterable<readonly SqlValue[]>>;
}

const CHAR_OID = 18;

function typeOf(text: string): Oid {
  const array = text.endsWith('[]');
  const bare = array ? text.slice(0, -2) : text;
  const entry = bare === 'char' ? registry.type(CHAR_OID) : registry.typeNamed(bare);
  if (entry === undefined) broken(`catalog columns use the unknown type ${text}`);
  return array ? entry.arrayOid : entry.oid;
}

/** Reads a line of `catalog-relations.ts`; a relation that nobody makes rows for is empty. */
export function definitionOf(
  line: string,
  makers: ReadonlyMap<string, RowMaker>,
  gatherers: ReadonlyMap<string, RowGatherer>,
): ViewDefinition {
  const [oid, schema, name, kind, columnText] = line.split('|') as [string, string, string, string, string];
  const columns = columnText.split(', ').map((item) => {
    const [column, type] = item.split(' ') as [string, string];
    return { name: column, type: typeOf(type), typmod: -1 };
  });
  const make = makers.get(`${schema}.${name}`);
  const gather = gatherers.get(`${schema}.${name}`);
  function* inOrder(rows: Iterable<NamedRow>): Iterable<readonly SqlValue[]> {
    for (const row of rows) yield columns.map((c) => row[c.name] ?? null);
  }
  return {
    oid: Number(oid),
    schema,
    name,
    kind,
    columns,
    *rows(source) {
      if (gather !== undefined) return inOrder(yield* gather(source));
      return inOrder(make?.(source) ?? []);
    },
  };
}
