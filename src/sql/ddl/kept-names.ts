/**
 * Names in texts that the catalog keeps. PostgreSQL keeps oids and column numbers; here the text follows when a name changes.
 *
 *   views that read what is renamed, and a table's own checks, generated columns, indexes, partition keys   `bind/kept-text.ts`
 *   defaults of all tables: `nextval('public.t_id_seq'::regclass)`                                           here
 */
import type { Task } from '../../base/task.ts';
import type { CatalogObject, IndexColumn, Oid, TableObject } from '../../engine/catalog.ts';
import { type ReadText, readExpression, readQuery, renamedExpression, renamedQuery } from '../bind/kept-text.ts';
import { quoteIdentifier, quoteLiteral } from '../functions/string-functions.ts';
import type { Definer } from './definer.ts';

const RELATION = /'((?:[^']|'')*)'::regclass/g;

/** A default and the relations that it names, in order; 0 for what names none. */
interface Kept {
  readonly table: Oid;
  readonly column: number;
  readonly relations: readonly Oid[];
}

/** A text of an object, before the change, and how it is put in the object's place afterwards. */
interface KeptText {
  readonly owner: Oid;
  /** The table whose row it is about; undefined for a view's body. */
  readonly table: Oid | undefined;
  readonly read: ReadText;
  put(now: CatalogObject, sql: string): CatalogObject;
}

/**
 * Makes a change of names, and lets kept texts mean the same as before.
 *
 * @param renamed - tables and views that change their name, schema or names of columns.
 * @throws 0A000 for a text that cannot follow.
 */
export function* keepingNames(d: Definer, renamed: ReadonlySet<Oid>, change: () => Task<void>): Task<void> {
  const defaults = keptDefaults(d);
  const texts = keptTexts(d, renamed);
  yield* change();
  for (const text of texts) yield* follow(d, text);
  for (const { table: oid, column, relations } of defaults) {
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

function keptTexts(d: Definer, renamed: ReadonlySet<Oid>): KeptText[] {
  const context = d.sql.bindContext();
  const kept: KeptText[] = [];
  for (const object of d.catalog.objects()) {
    if (object.kind === 'view' && object.uses.some((oid) => renamed.has(oid)))
      kept.push({
        owner: object.oid,
        table: undefined,
        read: readQuery(context, object.sql),
        put: (now, sql) => (now.kind === 'view' ? { ...now, sql } : now),
      });
    if (object.kind === 'table' && renamed.has(object.oid)) kept.push(...textsOf(d, object));
  }
  return kept;
}

/** The expressions over a table's row. */
function textsOf(d: Definer, table: TableObject): KeptText[] {
  const context = d.sql.bindContext();
  const kept: KeptText[] = [];
  const keep = (owner: Oid, sql: string | undefined, put: KeptText['put']): void => {
    if (sql !== undefined) kept.push({ owner, table: table.oid, read: readExpression(context, table, sql), put });
  };
  for (const { oid, expression } of d.catalog.constraintsOf(table.oid))
    keep(oid, expression, (now, sql) => (now.kind === 'constraint' ? { ...now, expression: sql } : now));
  for (const { oid, predicate, columns } of d.catalog.indexesOf(table.oid)) {
    keep(oid, predicate, (now, sql) => (now.kind === 'index' ? { ...now, predicate: sql } : now));
    for (const [i, { expression }] of columns.entries())
      keep(oid, expression, (now, sql) =>
        now.kind === 'index' ? { ...now, columns: withExpression(now.columns, i, sql) } : now,
      );
  }
  for (const { number, generatedSql, dropped } of table.columns)
    if (!dropped)
      keep(table.oid, generatedSql, (now, sql) =>
        now.kind === 'table'
          ? { ...now, columns: now.columns.map((c) => (c.number === number ? { ...c, generatedSql: sql } : c)) }
          : now,
      );
  for (const [i, { expression }] of (table.partitioning?.keys ?? []).entries())
    keep(table.oid, expression, (now, sql) =>
      now.kind === 'table' && now.partitioning !== undefined
        ? { ...now, partitioning: { ...now.partitioning, keys: withExpression(now.partitioning.keys, i, sql) } }
        : now,
    );
  return kept;
}

function withExpression<T extends Pick<IndexColumn, 'expression'>>(keys: readonly T[], at: number, sql: string): T[] {
  return keys.map((key, i) => (i === at ? { ...key, expression: sql } : key));
}

function* follow(d: Definer, { owner, table, read, put }: KeptText): Task<void> {
  const context = d.sql.bindContext();
  const sql =
    table === undefined ? renamedQuery(context, read) : renamedExpression(context, d.catalog.table(table), read);
  const now = d.catalog.object(owner);
  if (now === undefined) return;
  if (sql === undefined) throw d.unsupported(`renaming what ${now.kind} "${now.name}" names in this way`, undefined);
  // Whoever has prepared it with the old names prepares it again, changed or not.
  yield* d.put({ ...put(now, sql), version: now.version + 1 });
}

function keptDefaults(d: Definer): Kept[] {
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
