/** Column references: `c`, `t.c`, `s.t.c`, whole rows, fields of rows, system columns, and `*` in select lists. */

import type { ColumnExpression, StarExpression } from '../ast/expressions.ts';
import type { Name } from '../ast/names.ts';
import { quoteIdentifier } from '../functions/string-functions.ts';
import type { Column, Expr, RowExpr } from '../plan/logical.ts';
import { OID_OID, RECORD_OID, TID_OID } from '../types/type-oids.ts';
import { type Binding, columnRef } from './binding.ts';
import { findColumn, findItem, type Item, type Level, type ScopeColumn } from './scope.ts';

const SYSTEM_COLUMNS: Readonly<Record<string, { number: number; type: number }>> = {
  ctid: { number: -1, type: TID_OID },
  tableoid: { number: -6, type: OID_OID },
};
const UNKEPT = new Set(['xmin', 'xmax', 'cmin', 'cmax']);

export function bindColumn(b: Binding, level: Level, e: ColumnExpression): Expr {
  const { parts, at } = e;
  if (parts.length === 1) return bindBare(b, level, parts[0]!);
  const names = checkCatalog(b, parts);
  if (names.length === 3) return qualified(b, level, names[0]!.text, names[1]!, names[2]!, at);
  if (names.length > 3)
    throw b.error(
      'syntax_error',
      `improper qualified name (too many dotted names): ${parts.map((p) => p.text).join('.')}`,
      at,
    );
  return qualified(b, level, null, names[0]!, names[1]!, at);
}

/** Takes the database's own name off. @throws feature_not_supported for another */
function checkCatalog(b: Binding, parts: readonly Name[]): readonly Name[] {
  if (parts.length !== 4) return parts;
  if (parts[0]!.text === b.context.databaseName) return parts.slice(1);
  throw b.error(
    'feature_not_supported',
    `cross-database references are not implemented: ${parts.map((p) => p.text).join('.')}`,
    parts[0]!.at,
  );
}

function bindBare(b: Binding, level: Level, name: Name): Expr {
  const found = findColumn(b, level, name);
  if (found !== undefined) {
    b.notesColumn('column', name.at, found.column);
    return withAt(found.column.expr, name.at);
  }
  const system = systemColumnAnywhere(b, level, name);
  if (system !== undefined) return system;
  const row = findItem(b, level, null, name);
  if (row !== undefined) return wholeRow(b, row.item, name.at);
  if (UNKEPT.has(name.text) && level.items.length > 0) throw b.unsupported(`system column "${name.text}"`, name.at);
  throw missingColumn(b, level, null, name);
}

function systemColumnAnywhere(b: Binding, level: Level, name: Name): Expr | undefined {
  if (!(name.text in SYSTEM_COLUMNS) && !UNKEPT.has(name.text)) return undefined;
  for (let at: Level | null = level; at !== null; at = at.parent) {
    const items = at.items.filter((item) => item.unqualified && (item.scan !== null || item.tableOid !== null));
    if (items.length > 1) throw b.error('ambiguous_column', `column reference "${name.text}" is ambiguous`, name.at);
    if (items.length === 1) return systemColumn(b, at, items[0]!, name);
  }
  return undefined;
}

/** A system column of a table, added to its scan at first use. */
function systemColumn(b: Binding, level: Level, item: Item, name: Name): Expr | undefined {
  if (item.tableOid !== null && name.text === 'tableoid') return { ...item.tableOid, at: name.at };
  if (item.scan === null) return undefined;
  if (UNKEPT.has(name.text)) throw b.unsupported(`system column "${name.text}"`, name.at);
  const system = SYSTEM_COLUMNS[name.text];
  if (system === undefined) return undefined;
  const { columns, numbers } = item.scan;
  const at = numbers.indexOf(system.number);
  if (at >= 0) return columnRef(columns[at]!, name.at);
  const column: Column = { ...b.column(name.text, system.type), notNull: true };
  columns.push(column);
  numbers.push(system.number);
  level.own.add(column.id);
  return columnRef(column, name.at);
}

function qualified(b: Binding, level: Level, schema: string | null, table: Name, column: Name, at: number): Expr {
  const found = findItem(b, level, schema, table);
  if (found === undefined) {
    // `column.field` of a composite column.
    const composite = schema === null ? findColumn(b, level, table) : undefined;
    if (composite !== undefined && isRowType(b, composite.column.expr))
      return bindField(b, composite.column.expr, column);
    throw missingTable(b, level, table, at);
  }
  const { item } = found;
  const matches = item.columns.filter((c) => c.name === column.text);
  if (matches.length > 1)
    throw b.error('ambiguous_column', `column reference "${column.text}" is ambiguous`, column.at);
  const [match] = matches;
  if (match !== undefined) {
    b.notesColumn('qualifier', table.at, match);
    b.notesColumn('column', column.at, match);
    return withAt(match.expr, at);
  }
  const system = systemColumn(b, found.level, item, column);
  if (system !== undefined) return { ...system, at };
  throw missingColumn(b, level, table.text, { ...column, at });
}

function isRowType(b: Binding, expr: Expr): boolean {
  return expr.type === RECORD_OID || b.type(expr.type)?.typeType === 'c';
}

function withAt(expr: Expr, at: number): Expr {
  return { ...expr, at };
}

/** The whole row of an item as one value. */
export function wholeRow(b: Binding, item: Item, at: number): Expr {
  if (item.isScalar) return withAt(item.columns[0]!.expr, at);
  const row: RowExpr = {
    kind: 'row',
    items: item.columns.map((c) => c.expr),
    names: item.columns.map((c) => c.name),
    type: b.type(item.rowType) === undefined ? RECORD_OID : item.rowType,
    typmod: -1,
    at,
  };
  return row;
}

/** `(row).field`. */
export function bindField(b: Binding, operand: Expr, field: Name): Expr {
  if (operand.kind === 'row') {
    const index = operand.names.indexOf(field.text);
    if (index >= 0) return withAt(operand.items[index]!, field.at);
  }
  const fields = b.fieldsOf(operand) ?? [];
  const index = fields.findIndex((known) => known.name === field.text);
  if (index >= 0) {
    const { type, typmod } = fields[index]!;
    return { kind: 'field', arg: operand, index, type, typmod, at: field.at };
  }
  if (!isRowType(b, operand)) {
    throw b.error(
      'wrong_object_type',
      `column notation .${field.text} applied to type ${b.typeName(operand.type)}, which is not a composite type`,
      field.at,
    );
  }
  throw b.error('undefined_column', `could not identify column "${field.text}" in record data type`, field.at);
}

/** What `*`, `t.*` or `(row).*` stand for. */
export function expandStar(
  b: Binding,
  level: Level,
  e: StarExpression,
  bindOperand: () => Expr,
): readonly ScopeColumn[] {
  if (e.of !== null) {
    const operand = bindOperand();
    if (operand.kind === 'row') return operand.items.map((expr, i) => ({ name: operand.names[i]!, expr }));
    const fields = b.fieldsOf(operand);
    if (fields !== undefined)
      return fields.map(({ name }) => ({ name, expr: bindField(b, operand, { text: name, at: e.at }) }));
    throw b.error('wrong_object_type', `type ${b.typeName(operand.type)} is not composite`, e.at);
  }
  if (e.qualifier.length === 0) {
    const items = level.items.filter((item) => item.unqualified);
    if (items.length === 0) throw b.error('syntax_error', 'SELECT * with no tables specified is not valid', e.at);
    return expanded(
      b,
      level,
      e.at,
      items.flatMap((item) => item.columns),
    );
  }
  const names = checkCatalog(b, e.qualifier.length === 3 ? [...e.qualifier, e.qualifier[2]!] : e.qualifier);
  const table = e.qualifier.at(-1)!;
  const schema = e.qualifier.length > 1 ? (names.length === 3 ? names[0]!.text : e.qualifier.at(-2)!.text) : null;
  const found = findItem(b, level, schema, table);
  if (found === undefined) {
    const composite = schema === null ? findColumn(b, level, table) : undefined;
    if (composite?.column.expr.kind === 'row')
      return expandStar(b, level, { ...e, of: e, qualifier: [] }, () => composite.column.expr);
    throw missingTable(b, level, table, e.at);
  }
  return expanded(b, level, e.at, found.item.columns);
}

/** Columns that a star stands for; stored texts name them one by one, so that later columns do not slip in. */
function expanded(b: Binding, level: Level, at: number, columns: readonly ScopeColumn[]): ScopeColumn[] {
  const names = columns.map(({ name, expr }) => {
    const owner = level.items.find(
      (item) =>
        item.qualified &&
        item.alias !== null &&
        item.columns.some(
          (o) => o.name === name && o.expr.kind === 'column' && expr.kind === 'column' && o.expr.id === expr.id,
        ),
    );
    return owner === undefined
      ? quoteIdentifier(name)
      : `${quoteIdentifier(owner.alias ?? '')}.${quoteIdentifier(name)}`;
  });
  b.expands(at, names.join(', '));
  return columns.map((c) => ({ ...c, expr: withAt(c.expr, at) }));
}

function missingTable(b: Binding, level: Level, table: Name, at: number) {
  for (let up: Level | null = level; up !== null; up = up.parent) {
    const hidden = up.allItems().find((item) => item.alias === table.text);
    if (hidden !== undefined) {
      return b.error('undefined_table', `invalid reference to FROM-clause entry for table "${table.text}"`, at, {
        hint: `There is an entry for table "${table.text}", but it cannot be referenced from this part of the query.`,
      });
    }
    const aliased = up.items.find((item) => item.scan?.node.table.name === table.text && item.alias !== null);
    if (aliased !== undefined) {
      return b.error('undefined_table', `invalid reference to FROM-clause entry for table "${table.text}"`, at, {
        hint: `Perhaps you meant to reference the table alias "${aliased.alias}".`,
      });
    }
  }
  return b.error('undefined_table', `missing FROM-clause entry for table "${table.text}"`, at);
}

function missingColumn(b: Binding, level: Level, table: string | null, column: Name) {
  const shown = table === null ? `"${column.text}"` : `${table}.${column.text}`;
  const hint = table === null ? hintFor(level, column.text) : undefined;
  return b.error('undefined_column', `column ${shown} does not exist`, column.at, hint === undefined ? {} : { hint });
}

/** PostgreSQL's hint: the columns whose names are nearest, if near enough and not more than two. */
function hintFor(level: Level, name: string): string | undefined {
  let best = Math.max(3, Math.floor(name.length / 2)) + 1;
  let found: string[] = [];
  for (let at: Level | null = level; at !== null; at = at.parent) {
    for (const item of at.items) {
      if (item.alias === null) continue;
      for (const column of item.columns) {
        const distance = column.name === name ? 0 : editDistance(name, column.name, best);
        if (distance > best || distance > name.length / 2) continue;
        const text = `"${item.alias}.${column.name}"`;
        if (distance < best) found = [text];
        else found.push(text);
        best = distance;
      }
    }
  }
  if (found.length === 1) return `Perhaps you meant to reference the column ${found[0]}.`;
  return found.length === 2
    ? `Perhaps you meant to reference the column ${found[0]} or the column ${found[1]}.`
    : undefined;
}

/** Levenshtein distance, or more than `limit`. */
function editDistance(a: string, z: string, limit: number): number {
  if (Math.abs(a.length - z.length) > limit) return limit + 1;
  let row = Array.from({ length: z.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= z.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === z[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[z.length]!;
}
