/**
 * Relations that kept expressions name: `nextval('public.t_id_seq'::regclass)`. PostgreSQL keeps their oids; here the text
 * follows when a name changes.
 */
import type { Task } from '../../base/task.ts';
import type { Oid } from '../../engine/catalog.ts';
import { quoteIdentifier, quoteLiteral } from '../functions/string-functions.ts';
import type { Definer } from './definer.ts';

const RELATION = /'((?:[^']|'')*)'::regclass/g;

/** A default and the relations that it names, in order; 0 for what names none. */
interface Kept {
  readonly table: Oid;
  readonly column: number;
  readonly relations: readonly Oid[];
}

/** Makes a change of names, and lets the defaults of all tables name the same relations as before. */
export function* keepingNames(d: Definer, change: () => Task<void>): Task<void> {
  const kept = keptNames(d);
  yield* change();
  for (const { table: oid, column, relations } of kept) {
    const table = d.catalog.table(oid);
    const rewritten = table.columns.map((c) => {
      if (c.number !== column || c.defaultSql === undefined) return c;
      let next = 0;
      const text = c.defaultSql.replace(RELATION, (before) => nameOf(d, relations[next++] ?? 0) ?? before);
      return text === c.defaultSql ? c : { ...c, defaultSql: text };
    });
    if (rewritten.some((c, i) => c !== table.columns[i])) yield* d.putTable({ ...table, columns: rewritten });
  }
}

function keptNames(d: Definer): Kept[] {
  const kept: Kept[] = [];
  for (const table of d.catalog.objects()) {
    if (table.kind !== 'table') continue;
    for (const { number, defaultSql = '' } of table.columns) {
      const relations = [...defaultSql.matchAll(RELATION)].map(([, name = '']) =>
        d.sql.context.relationOid(name.replaceAll("''", "'")),
      );
      if (relations.length > 0) kept.push({ table: table.oid, column: number, relations });
    }
  }
  return kept;
}

function nameOf(d: Definer, oid: Oid): string | undefined {
  const relation = d.catalog.object(oid);
  const schema = relation && d.catalog.object(relation.schema);
  if (relation === undefined || schema === undefined) return undefined;
  return `${quoteLiteral(`${quoteIdentifier(schema.name)}.${quoteIdentifier(relation.name)}`)}::regclass`;
}
