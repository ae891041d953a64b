/**
 * FROM: every item becomes a node and one or more names. Items are joined from left to right; a join of two items separated
 * by a comma is an inner join without a condition.
 */

import type { SequenceObject, TableObject, ViewObject } from '../../engine/catalog.ts';
import type { Expression } from '../ast/expressions.ts';
import type { Alias, FromItem, FunctionItem, SubqueryItem, TableItem } from '../ast/queries.ts';
import { systemCall } from '../parser/expressions.ts';
import { parseQueryText } from '../parser/parser.ts';
import type { Column, Expr, Logical, ScanNode, VirtualRelation } from '../plan/logical.ts';
import { INT8_OID, OID_OID, RECORD_OID } from '../types/type-oids.ts';
import { type Binding, columnRef } from './binding.ts';
import { coerce } from './coerce.ts';
import { bindExpression } from './expressions.ts';
import { bindJoin, joinNode } from './joins.ts';
import { bindQuery } from './queries.ts';
import { findCommonTable, findRelation } from './relations.ts';
import {
  type CommonTableEntry,
  checkNames,
  type Item,
  inClause,
  type Level,
  type ScanBuilder,
  type ScopeColumn,
  withItems,
} from './scope.ts';
import { lookUpType } from './type-lookup.ts';

export interface BoundFrom {
  readonly node: Logical;
  readonly items: readonly Item[];
}

/** Binds a FROM list; `before` is what is joined already (the target of UPDATE and DELETE). */
export function bindFromList(
  b: Binding,
  level: Level,
  list: readonly FromItem[],
  before: BoundFrom | null,
): BoundFrom | null {
  let joined = before;
  for (const item of list) {
    const right = bindFromItem(b, level, item, joined?.items ?? []);
    if (joined === null) {
      joined = right;
      continue;
    }
    checkNames(b, joined.items, right.items);
    joined = { node: joinNode('inner', joined.node, right.node, undefined), items: [...joined.items, ...right.items] };
  }
  return joined;
}

/** One item; `siblings` are the items to its left, for LATERAL. */
export function bindFromItem(b: Binding, level: Level, item: FromItem, siblings: readonly Item[]): BoundFrom {
  switch (item.kind) {
    case 'table':
      return bindTable(b, level, item);
    case 'subquery':
      return bindSubquery(b, level, item, siblings);
    case 'function':
      return bindFunction(b, level, item, siblings);
    case 'join':
      return bindJoin(b, level, item, siblings);
  }
}

// ── tables ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

function bindTable(b: Binding, level: Level, item: TableItem): BoundFrom {
  if (item.sample !== null) throw b.unsupported('TABLESAMPLE', item.sample.at);
  const { name, alias } = item;
  const common = name.schema === null ? findCommonTable(level, name.name) : undefined;
  if (common !== undefined) return bindCommonTable(b, level, item, common);
  const found = findRelation(b, name);
  if (found.kind === 'virtual') return bindVirtual(b, level, found.relation, name.name, alias);
  const { object, schema } = found;
  b.notes({ what: 'relation', at: name.at, relation: object.oid, alias });
  switch (object.kind) {
    case 'table': {
      b.locks(object, 'access share');
      return bindScan(b, level, object, alias === null ? schema : null, alias, item.only);
    }
    case 'view':
      return bindView(b, level, object, alias === null ? schema : null, alias);
    case 'sequence':
      return bindFunction(b, level, sequenceRow(item, object), []);
    case 'index':
      throw b.error('wrong_object_type', `cannot open relation "${object.name}"`, item.at, {
        detail: 'This operation is not supported for indexes.',
      });
  }
}

/** A sequence is read as the row of its state. */
function sequenceRow({ at, alias }: TableItem, { oid, name }: SequenceObject): FunctionItem {
  const number: Expression = { kind: 'literal', at, literal: 'integer', text: String(oid), slot: -1 };
  const call = systemCall('pg_sequence_row', [number], 'call', at);
  return {
    kind: 'function',
    at,
    calls: [{ call, columns: null }],
    rowsFrom: false,
    lateral: false,
    ordinality: false,
    alias: alias ?? { name: { text: name, at }, columns: [] },
    columns: null,
  };
}

/** The scan of a stored table with all its live columns. */
export function bindScan(
  b: Binding,
  level: Level,
  table: TableObject,
  schema: string | null,
  alias: Alias | null,
  only: boolean,
): BoundFrom {
  const live = table.columns.filter((c) => !c.dropped);
  const columns = live.map(
    (c): Column => ({
      ...b.column(c.name, c.type, c.typmod),
      origin: { table: table.oid, number: c.number },
      notNull: c.notNull,
    }),
  );
  const numbers = live.map((c) => c.number);
  const node: ScanNode = { kind: 'scan', table, numbers, columns, alias: alias?.name.text ?? table.name, only };
  const scan: ScanBuilder = { node, columns, numbers };
  const names = columns.map((c) => ({ ...scopeColumn(c), named: c.origin }));
  const item = makeItem(b, alias, table.name, names, { schema, scan, rowType: table.rowType });
  return { node, items: [level.register(item)] };
}

export function scopeColumn(column: Column): ScopeColumn {
  const { name, origin, notNull } = column;
  const base = { name, expr: columnRef(column) };
  const known = notNull === undefined ? base : { ...base, notNull };
  return origin === undefined ? known : { ...known, origin };
}

interface ItemExtras {
  readonly schema?: string | null;
  readonly scan?: ScanBuilder;
  readonly tableOid?: Expr;
  readonly rowType?: number;
  readonly isScalar?: boolean;
}

/** What `tableoid` says of one relation. */
export function oidOf(relation: number): Expr {
  return { kind: 'const', value: relation, type: OID_OID, typmod: -1 };
}

/** An item under its alias, with the alias's column names. @throws invalid_column_reference for too many of them */
export function makeItem(
  b: Binding,
  alias: Alias | null,
  name: string | null,
  columns: readonly ScopeColumn[],
  extras: ItemExtras = {},
): Item {
  return {
    alias: alias?.name.text ?? name,
    schema: extras.schema ?? null,
    columns: renameColumns(b, alias, columns),
    scan: extras.scan ?? null,
    tableOid: extras.tableOid ?? null,
    rowType: extras.rowType ?? RECORD_OID,
    isScalar: extras.isScalar ?? false,
    qualified: true,
    unqualified: true,
    forbidden: false,
  };
}

function renameColumns(b: Binding, alias: Alias | null, columns: readonly ScopeColumn[]): readonly ScopeColumn[] {
  if (alias === null || alias.columns.length === 0) return columns;
  if (alias.columns.length > columns.length) {
    const text = `table "${alias.name.text}" has ${columns.length} columns available but ${alias.columns.length} columns specified`;
    throw b.error('invalid_column_reference', text, alias.name.at);
  }
  return columns.map((column, i) => {
    const name = alias.columns[i]?.text;
    return name === undefined ? column : { ...column, name, named: undefined };
  });
}

function bindVirtual(
  b: Binding,
  level: Level,
  relation: VirtualRelation,
  name: string,
  alias: Alias | null,
): BoundFrom {
  const columns = relation.columns.map((c) => b.column(c.name, c.type, c.typmod));
  const numbers = relation.columns.map((_, i) => i + 1);
  const node: Logical = { kind: 'virtual', relation, numbers, columns, alias: alias?.name.text ?? name };
  const item = makeItem(b, alias, name, columns.map(scopeColumn), {
    schema: alias === null ? relation.schema : null,
    tableOid: oidOf(relation.oid),
  });
  return { node, items: [level.register(item)] };
}

function bindView(b: Binding, level: Level, view: ViewObject, schema: string | null, alias: Alias | null): BoundFrom {
  b.uses(view);
  const text = b.text;
  b.text = null;
  try {
    const body = bindQuery(b, parseQueryText(view.sql), null).node;
    const exprs = view.columns.map((c, i) =>
      coerce(b, columnRef(body.columns[i]!), { oid: c.type, typmod: -1 }, 'assignment'),
    );
    const columns = view.columns.map((c) => b.column(c.name, c.type, c.typmod));
    const node: Logical = { kind: 'project', input: body, exprs, columns, hasSets: false };
    const names = columns.map((c, i) => ({ ...scopeColumn(c), named: { table: view.oid, number: i + 1 } }));
    const item = makeItem(b, alias, view.name, names, { schema, rowType: view.rowType });
    return { node, items: [level.register(item)] };
  } finally {
    b.text = text;
  }
}

function bindCommonTable(b: Binding, level: Level, item: TableItem, common: CommonTableEntry): BoundFrom {
  if (common.forbidden !== null)
    throw b.error('invalid_recursion', common.forbidden.reason, common.forbidden.at ?? item.at);
  if (common.recursionDepth !== undefined && b.expressionDepth > common.recursionDepth)
    throw b.error(
      'invalid_recursion',
      `recursive reference to query "${item.name.name}" must not appear within a subquery`,
      item.at,
    );
  common.uses++;
  const columns = common.columns.map((c) => b.column(c.name, c.type, c.typmod));
  for (const [i, column] of columns.entries()) b.keepFields(column, columnRef(common.columns[i]!));
  const { alias, name } = item;
  const node: Logical = { kind: 'ctescan', cte: common.id, columns, alias: alias?.name.text ?? name.name };
  return { node, items: [level.register(makeItem(b, alias, name.name, columns.map(scopeColumn)))] };
}

// ── sub-queries and functions ──────────────────────────────────────────────────────────────────────────────────────────

function bindSubquery(b: Binding, level: Level, item: SubqueryItem, siblings: readonly Item[]): BoundFrom {
  if (item.alias === null) {
    const what = item.query.body.kind === 'values' ? 'VALUES in FROM' : 'subquery in FROM';
    const example = item.query.body.kind === 'values' ? '(VALUES ...)' : '(SELECT ...)';
    throw b.error('syntax_error', `${what} must have an alias`, item.at, {
      hint: `For example, FROM ${example} [AS] foo.`,
    });
  }
  const { node } = item.lateral
    ? inClause(level, 'FROM', () => withItems(level, siblings, () => bindQuery(b, item.query, level)))
    : withItems(level, [], () => bindQuery(b, item.query, level));
  return { node, items: [level.register(makeItem(b, item.alias, null, node.columns.map(scopeColumn)))] };
}

function bindFunction(b: Binding, level: Level, item: FunctionItem, siblings: readonly Item[]): BoundFrom {
  const columns: Column[] = [];
  const calls = item.calls.flatMap(oneArrayEach).map(({ call, columns: own }) => {
    const expr = inClause(level, 'FROM', () => withItems(level, siblings, () => bindExpression(b, level, call)));
    const written =
      call.kind === 'call'
        ? call.name.name
        : call.kind === 'sqlValue'
          ? call.name
          : call.kind === 'conditional'
            ? call.name
            : 'column';
    const bound = asCall(b, expr, item.at);
    const defined = own ?? item.columns;
    const made = resultColumns(b, bound, written, defined, item);
    columns.push(...made);
    return { call: bound, columnCount: made.length, expand: bound.kind === 'call' && bound.type === RECORD_OID };
  });
  level.hasSets = false;
  if (item.ordinality) columns.push({ ...b.column('ordinality', INT8_OID), notNull: true });
  const name = item.alias?.name.text ?? functionName(item);
  const isScalar = columns.length === 1 && !calls[0]!.expand;
  // A function of one unnamed result is named after its alias.
  const renamed =
    (isScalar || (columns.length === 2 && item.ordinality && calls.length === 1 && !calls[0]!.expand)) &&
    item.alias !== null;
  const named = renamed
    ? columns.map((c, i) => (i === 0 && !hasNamedColumn(calls[0]!.call) ? { ...c, name } : c))
    : columns;
  const node: Logical = { kind: 'function', calls, ordinality: item.ordinality, alias: name, columns: named };
  const made = makeItem(b, item.alias, name, named.map(scopeColumn), { isScalar });
  return { node, items: [level.register(made)] };
}

/** In FROM, `unnest(a, b)` is `ROWS FROM (unnest(a), unnest(b))`. */
function oneArrayEach(item: FunctionItem['calls'][number]): readonly FunctionItem['calls'][number][] {
  const { call, columns } = item;
  const several =
    call.kind === 'call' &&
    call.name.name === 'unnest' &&
    call.name.schema === null &&
    call.args.length > 1 &&
    columns === null &&
    !(call.variadic || call.distinct || call.filter !== null || call.over !== null || call.orderBy.length > 0);
  if (!several) return [item];
  const name = { ...call.name, schema: 'pg_catalog' };
  return call.args.map((arg) => ({ call: { ...call, name, args: [arg] }, columns }));
}

type Call = Extract<Expr, { kind: 'call' }>;

function hasNamedColumn(call: Call): boolean {
  return call.fn.columns !== undefined;
}

function functionName(item: FunctionItem): string {
  const first = item.calls[0]!.call;
  return first.kind === 'call' || first.kind === 'sqlValue' || first.kind === 'conditional'
    ? first.kind === 'call'
      ? first.name.name
      : first.name
    : 'function';
}

/** FROM takes calls only; a value like CURRENT_DATE that became a cast has no place there. */
function asCall(b: Binding, expr: Expr, at: number): Call {
  if (expr.kind === 'call') return expr;
  throw b.unsupported('this expression in FROM', at);
}

function resultColumns(
  b: Binding,
  call: Call,
  name: string,
  defined: FunctionItem['columns'],
  item: FunctionItem,
): Column[] {
  if (defined !== null) {
    if (call.type !== RECORD_OID) {
      throw b.error(
        'syntax_error',
        'a column definition list is only allowed for functions returning "record"',
        item.at,
      );
    }
    return defined.map((c) => {
      const type = lookUpType(b, c.type);
      return b.column(c.name.text, type.oid, type.typmod);
    });
  }
  if (call.fn.columns !== undefined) return b.fieldsOf(call)!.map((field) => b.column(field.name, field.type));
  if (call.type === RECORD_OID)
    throw b.error('syntax_error', 'a column definition list is required for functions returning "record"', item.at);
  return [b.column(name, call.type, call.typmod)];
}
