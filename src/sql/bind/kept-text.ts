/**
 * Texts that the catalog keeps, when what they name is called otherwise: view bodies, checks, generated columns, expressions of
 * indexes and partition keys. PostgreSQL keeps trees and writes the names of today; here the text follows.
 *
 *   text ── bound as names are now ──> places of names, and what the text means
 *                     names change
 *   text with new names at its places ── bound as names are then ──> means the same? else the next way to write it
 *
 *   direct    select a from public.t          →  select b AS a from public.t
 *   by list   … join public.t using (a)       →  … join public.t AS t(a, c) using (a)
 *   renamed   select t.a from public.t        →  select t.a from public.u AS t
 *
 * What a text means is its bound tree without positions and names. A text that none of the ways keep the meaning of cannot follow.
 */
import { ExtentError } from '../../base/errors.ts';
import type { Catalog, TableObject } from '../../engine/catalog.ts';
import { quoteIdentifier } from '../functions/string-functions.ts';
import { parseExpressionText, parseQueryText } from '../parser/parser.ts';
import type { Column, ColumnId, Logical, ScanNode } from '../plan/logical.ts';
import { expressionsOf, inputsOf, walkExpr } from '../plan/walk.ts';
import type { Oid } from '../types/contracts.ts';
import { type BindContext, Binding, type NamePlace } from './binding.ts';
import { bindQuery } from './queries.ts';
import { bindOverRow, rowColumns } from './rules.ts';

/** A text as it reads with the names of one catalog. */
export interface ReadText {
  readonly sql: string;
  readonly catalog: Catalog;
  readonly places: readonly NamePlace[];
  readonly meaning: string;
}

type Origin = NonNullable<Column['origin']>;
type Reader = (b: Binding) => unknown;

/** A view's body. @throws what binding it throws */
export function readQuery(context: BindContext, sql: string): ReadText {
  return read(context, sql, (b) => bindQuery(b, parseQueryText(sql), null).node);
}

/** An expression over a table's row. */
export function readExpression(context: BindContext, table: TableObject, sql: string): ReadText {
  return read(context, sql, (b) =>
    bindOverRow(b, table, rowColumns(b, table), parseExpressionText(sql), 'index', (expr) => expr),
  );
}

function read(context: BindContext, sql: string, bind: Reader): ReadText {
  const b = new Binding(context, sql, 0, [], []);
  b.places = [];
  const bound = bind(b);
  return { sql, catalog: context.catalog, places: b.places, meaning: meaningOf(bound) };
}

/** The tables and views that a view's body names. */
export function relationsNamed(context: BindContext, sql: string): Oid[] {
  const { places } = readQuery(context, sql);
  return [...new Set(places.flatMap((place) => (place.what === 'relation' ? [place.relation] : [])))];
}

/** Numbers of the columns of a table that a view's body reads by itself, not through another view. */
export function columnsRead(context: BindContext, sql: string, table: TableObject): Set<number> {
  const b = new Binding(context, sql, 0, [], []);
  b.places = [];
  const { node } = bindQuery(b, parseQueryText(sql), null);
  const own = b.places.flatMap((place) => (place.what === 'relation' && place.relation === table.oid ? [place] : []));
  if (own.length === 0) return new Set();
  const used = new Set<ColumnId>();
  const scans: ScanNode[] = [];
  collectUses(node, used, scans);
  const numbers = scans
    .filter((scan) => scan.table.oid === table.oid)
    .flatMap((scan) => scan.numbers.filter((_, i) => used.has(scan.columns[i]!.id)));
  // The names that an alias gives count the columns.
  const live = table.columns.filter((c) => !c.dropped).map((c) => c.number);
  const counted = own.flatMap(({ alias }) => live.slice(0, alias?.columns.length ?? 0));
  return new Set([...numbers, ...counted]);
}

/** The columns that expressions of a tree speak of, sub-queries included, and its scans. */
function collectUses(node: Logical, used: Set<ColumnId>, scans: ScanNode[]): void {
  if (node.kind === 'scan') scans.push(node);
  for (const expr of expressionsOf(node))
    walkExpr(expr, (e) => {
      if (e.kind === 'column') used.add(e.id);
      else if (e.kind === 'subquery') collectUses(e.plan, used, scans);
    });
  for (const input of inputsOf(node)) collectUses(input, used, scans);
}

/** A view's body with the names of today; undefined when it cannot be had. */
export function renamedQuery(context: BindContext, before: ReadText): string | undefined {
  return firstAlike(before, ['direct', 'list'], context.catalog, (sql) => readQuery(context, sql));
}

/** The same for an expression over a table's row. */
export function renamedExpression(context: BindContext, table: TableObject, before: ReadText): string | undefined {
  return firstAlike(before, ['row'], context.catalog, (sql) => readExpression(context, table, sql));
}

/** How names are changed in a query: at each place, or by an alias with the old names; or in an expression over a row. */
type Way = 'direct' | 'list' | 'row';

function firstAlike(
  before: ReadText,
  ways: readonly Way[],
  now: Catalog,
  readAgain: (sql: string) => ReadText,
): string | undefined {
  for (const way of ways) {
    const sql = new Rewriter(before, now, way).text();
    try {
      if (readAgain(sql).meaning === before.meaning) return sql;
    } catch (error) {
      if (!(error instanceof ExtentError)) throw error;
    }
  }
  return undefined;
}

/** A bound tree as text, without what a renaming may change: positions, names, and objects but for their oids. */
function meaningOf(bound: unknown): string {
  return JSON.stringify(bound, (key, value: unknown) => {
    if (key === 'at' || key === 'name' || key === 'names' || key === 'alias') return undefined;
    if (typeof value === 'bigint') return `${value}n`;
    if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
    if (typeof value !== 'object' || value === null || !('oid' in value)) return value;
    return { oid: value.oid };
  });
}

class Rewriter {
  readonly #before: ReadText;
  readonly #now: Catalog;
  readonly #way: Way;

  constructor(before: ReadText, now: Catalog, way: Way) {
    this.#before = before;
    this.#now = now;
    this.#way = way;
  }

  text(): string {
    const { sql, places } = this.#before;
    const edits = new Map<number, { readonly end: number; readonly text: string }>();
    const outputs = new Set(places.flatMap((place) => (place.what === 'output' ? [place.at] : [])));
    for (const place of places) {
      if (place.what === 'relation') edits.set(place.at, this.#relation(place));
      else if (place.what === 'column' && this.#way !== 'list')
        edits.set(place.at, this.#column(place, outputs.has(place.at)));
      else if (place.what === 'qualifier' && this.#way === 'row')
        edits.set(place.at, {
          end: identifierEnd(sql, place.at),
          text: quoteIdentifier(this.#now.object(place.column.table)?.name ?? ''),
        });
    }
    let result = '';
    let from = 0;
    for (const [at, { end, text }] of [...edits].sort(([a], [b]) => a - b)) {
      result += sql.slice(from, at) + text;
      from = end;
    }
    return result + sql.slice(from);
  }

  #column({ at, column }: { readonly at: number; readonly column: Origin }, isOutput: boolean) {
    const { sql, catalog } = this.#before;
    const end = identifierEnd(sql, at);
    const [before, now] = [columnName(catalog, column), columnName(this.#now, column)];
    if (before === now || now === undefined) return { end, text: sql.slice(at, end) };
    return { end, text: `${quoteIdentifier(now)}${isOutput ? ` AS ${sql.slice(at, end)}` : ''}` };
  }

  #relation({ at, relation, alias }: Extract<NamePlace, { what: 'relation' }>) {
    const { sql, catalog } = this.#before;
    const nameEnd = qualifiedEnd(sql, at);
    const [before, now] = [catalog.object(relation), this.#now.object(relation)];
    const schema = now === undefined ? undefined : this.#now.object(now.schema);
    if (before === undefined || now === undefined || schema === undefined)
      return { end: nameEnd, text: sql.slice(at, nameEnd) };
    const isRenamed = now.name !== before.name || now.schema !== before.schema || this.#isSchemaRenamed(now.schema);
    const name = isRenamed ? `${quoteIdentifier(schema.name)}.${quoteIdentifier(now.name)}` : sql.slice(at, nameEnd);
    const shown = alias?.name.text ?? before.name;
    const list = this.#way === 'list' ? this.#oldNames(relation, alias?.columns.map((c) => c.text) ?? []) : undefined;
    if (list !== undefined) {
      const end = alias === null ? starEnd(sql, nameEnd) : aliasEnd(sql, alias);
      const star = alias === null ? sql.slice(nameEnd, end) : '';
      return { end, text: `${name}${star} AS ${quoteIdentifier(shown)}(${list.map(quoteIdentifier).join(', ')})` };
    }
    if (alias !== null || now.name === before.name) return { end: nameEnd, text: name };
    const end = starEnd(sql, nameEnd);
    return { end, text: `${name}${sql.slice(nameEnd, end)} AS ${quoteIdentifier(shown)}` };
  }

  #isSchemaRenamed(schema: Oid): boolean {
    return this.#before.catalog.object(schema)?.name !== this.#now.object(schema)?.name;
  }

  /** The names that a relation's columns had, if one has another now; the first ones as an alias gives them. */
  #oldNames(relation: Oid, given: readonly string[]): string[] | undefined {
    const before = columnsOf(this.#before.catalog, relation);
    const now = columnsOf(this.#now, relation);
    if (before.every((name, i) => i < given.length || name === now[i])) return undefined;
    return before.map((name, i) => given[i] ?? name);
  }
}

function columnsOf(catalog: Catalog, relation: Oid): string[] {
  const object = catalog.object(relation);
  if (object?.kind === 'table') return object.columns.filter((c) => !c.dropped).map((c) => c.name);
  return object?.kind === 'view' ? object.columns.map((c) => c.name) : [];
}

function columnName(catalog: Catalog, { table, number }: Origin): string | undefined {
  const object = catalog.object(table);
  if (object?.kind === 'table') return object.columns.find((c) => c.number === number)?.name;
  return object?.kind === 'view' ? object.columns[number - 1]?.name : undefined;
}

// ── where names end in a text ──────────────────────────────────────────────────────────────────────────────────────────

const NAME = String.raw`(?:(?:u&)?"(?:[^"]|"")*"|[\p{L}_\u0080-\uffff][\p{L}\p{N}_$\u0080-\uffff]*)`;
const IDENTIFIER = new RegExp(NAME, 'iuy');
const QUALIFIED = new RegExp(`${NAME}(?:\\s*\\.\\s*${NAME})*`, 'iuy');
/** `table *` is `table`, and an alias stands behind it. */
const STAR = /\s*\*/y;

function endOf(pattern: RegExp, sql: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(sql) ? pattern.lastIndex : at;
}

function identifierEnd(sql: string, at: number): number {
  return endOf(IDENTIFIER, sql, at);
}

function qualifiedEnd(sql: string, at: number): number {
  return endOf(QUALIFIED, sql, at);
}

function starEnd(sql: string, at: number): number {
  return endOf(STAR, sql, at);
}

function aliasEnd(sql: string, alias: Extract<NamePlace, { what: 'relation' }>['alias'] & object): number {
  const last = alias.columns[alias.columns.length - 1] ?? alias.name;
  const end = identifierEnd(sql, last.at);
  return alias.columns.length === 0 ? end : sql.indexOf(')', end) + 1;
}
