/** INSERT: target columns, the source and its conversions, defaults, identity and generated columns. */
import type { ColumnObject, TableObject } from '../../engine/catalog.ts';
import type { Expression } from '../ast/expressions.ts';
import type { AssignmentTarget, InsertStatement, Query } from '../ast/queries.ts';
import type { Expr, Logical } from '../plan/logical.ts';
import type { InsertNode } from '../plan/logical-changes.ts';
import { type Binding, columnRef } from './binding.ts';
import { assign, bindReturning, nullOf, returnedItem, targetColumn, whyGenerated } from './changes.ts';
import { locationOf, resolveUntyped } from './coerce.ts';
import { bindConflict } from './conflicts.ts';
import { bindExpression } from './expressions.ts';
import { bindPartitions } from './partitions.ts';
import { bindDraft, draftOf, rowsParameter } from './queries.ts';
import { findTarget } from './relations.ts';
import { bindRules, defaultOf, liveColumns, rowColumns } from './rules.ts';
import { inClause, Level } from './scope.ts';

export function bindInsert(b: Binding, s: InsertStatement, parent: Level | null): Logical {
  const table = findTarget(b, s.table);
  b.locks(table, 'row exclusive');
  const source = bindSource(b, s, s.columns === null ? liveColumns(table) : insertColumns(b, table, s.columns), parent);
  const row = rowColumns(b, table);
  const alias = s.alias?.text ?? table.name;
  const item = returnedItem(b, table, alias, row);
  const given = new Set(source.columns.map((column) => column.number));
  const defaults = liveColumns(table)
    .filter((column) => !given.has(column.number) && column.defaultSql !== undefined)
    .map((column) => ({ number: column.number, expr: defaultOf(b, column) }));
  const onConflict = s.onConflict === null ? undefined : bindConflict(b, s.onConflict, table, alias, row, parent);
  const returning = bindReturning(b, parent, s.returning, [item]);
  const node: InsertNode = {
    kind: 'insert',
    table,
    source: source.node,
    targets: source.columns.map((column) => column.number),
    defaults,
    rules: bindRules(b, table, row),
    partitions: bindPartitions(b, table, row, onConflict?.arbiters),
    onConflict,
    returning,
    columns: returning?.columns ?? [],
  };
  return node;
}

function insertColumns(b: Binding, table: TableObject, targets: readonly AssignmentTarget[]): readonly ColumnObject[] {
  const columns = targets.map((target) => targetColumn(b, table, target));
  columns.forEach((column, i) => {
    if (columns.indexOf(column) < i) {
      throw b.error('duplicate_column', `column "${column.name}" specified more than once`, targets[i]!.name.at);
    }
  });
  return columns;
}

interface Source {
  readonly node: Logical;
  readonly columns: readonly ColumnObject[];
}

function bindSource(b: Binding, s: InsertStatement, columns: readonly ColumnObject[], parent: Level | null): Source {
  if (s.source === null) return { node: { kind: 'onerow', columns: [] }, columns: [] };
  const { body } = s.source;
  const isPlainValues =
    body.kind === 'values' &&
    s.source.with === null &&
    s.source.orderBy.length === 0 &&
    s.source.limit === null &&
    s.source.offset === null;
  if (!isPlainValues) return bindQuerySource(b, s, s.source, columns, parent);
  const width = body.rows[0]!.length;
  checkWidth(
    b,
    s,
    width,
    columns,
    body.rows[0]!.map((item) => item.at),
  );
  const targets = columns.slice(0, width);
  const overridden = targets.map((column) => s.overriding === 'user' && column.identity !== undefined);
  const usable = body.slot >= 0 && !overridden.includes(true) && targets.every((column) => isPlainTarget(column, s));
  const rows = usable
    ? rowsParameter(
        b,
        body,
        targets.map((column) => column.type),
      )
    : null;
  if (rows !== null) {
    const exprs = rows.exprs.map((expr, i) => assign(b, targets[i]!, expr, body.at));
    return { node: rows.build(exprs), columns: targets };
  }
  if (body.slot >= 0) b.cacheable = false;
  return bindRows(b, s, body.rows, targets, overridden, parent);
}

/** Rows of literals may go straight into a column that anyone may set. */
function isPlainTarget(column: ColumnObject, s: InsertStatement): boolean {
  return column.generatedSql === undefined && (column.identity !== 'always' || s.overriding === 'system');
}

function bindRows(
  b: Binding,
  s: InsertStatement,
  rows: readonly (readonly Expression[])[],
  targets: readonly ColumnObject[],
  overridden: readonly boolean[],
  parent: Level | null,
): Source {
  const level = new Level(parent);
  const generated = targets.map((column) => column.generatedSql !== undefined);
  const bound = rows.map((row) => {
    if (row.length !== targets.length)
      throw b.error('syntax_error', 'VALUES lists must all be the same length', row[0]?.at ?? s.at);
    return row.map((item, i) => insertedValue(b, level, s, targets[i]!, item, overridden[i]!));
  });
  // A generated column is computed by the table's rules; its DEFAULT is no value of the source.
  const kept = targets.filter((_, i) => !generated[i]);
  const columns = kept.map((column) => b.column(column.name, column.type, column.typmod));
  const values = bound.map((row) => row.filter((_, i) => !generated[i]));
  // A single row may hold sub-queries and sets as a select list may.
  if (values.length === 1 && level.hasSets) {
    return {
      node: { kind: 'project', input: { kind: 'onerow', columns: [] }, exprs: values[0]!, columns, hasSets: true },
      columns: kept,
    };
  }
  return { node: { kind: 'values', rows: values, columns }, columns: kept };
}

function insertedValue(
  b: Binding,
  level: Level,
  s: InsertStatement,
  column: ColumnObject,
  item: Expression,
  overridden: boolean,
): Expr {
  if (item.kind === 'default' || overridden)
    return column.generatedSql === undefined ? defaultOf(b, column) : nullOf(column);
  checkInsertable(b, s, column);
  const expr = inClause(level, 'VALUES', () => bindExpression(b, level, item));
  return assign(b, column, expr, item.at);
}

/** @throws generated_always */
function checkInsertable(b: Binding, s: InsertStatement, column: ColumnObject): void {
  if (isPlainTarget(column, s)) return;
  const facts = { detail: whyGenerated(column) };
  throw b.error(
    'generated_always',
    `cannot insert a non-DEFAULT value into column "${column.name}"`,
    undefined,
    column.generatedSql === undefined ? { ...facts, hint: 'Use OVERRIDING SYSTEM VALUE to override.' } : facts,
  );
}

function bindQuerySource(
  b: Binding,
  s: InsertStatement,
  query: Query,
  columns: readonly ColumnObject[],
  parent: Level | null,
): Source {
  const draft = bindDraft(b, query, parent);
  const width = draft.exprs.length;
  checkWidth(b, s, width, columns, draft.exprs.map(locationOf));
  const targets = columns.slice(0, width);
  const overridden = targets.map((column) => s.overriding === 'user' && column.identity !== undefined);
  targets.forEach((column, i) => {
    if (!overridden[i]) checkInsertable(b, s, column);
  });
  const exprs = draft.exprs.map((expr, i) =>
    overridden[i] ? resolveUntyped(b, expr) : assign(b, targets[i]!, expr, query.at),
  );
  // Conversions of what is sorted, made distinct or combined belong above the query, not inside.
  const isCore = query.body.kind === 'select' && !query.body.distinct;
  const node = isCore ? draft.build(exprs) : aboveDraft(b, draft, targets, overridden, query.at);
  const kept = targets.map((_, i) => i).filter((i) => !overridden[i]);
  if (kept.length === targets.length) return { node, columns: targets };
  const picked = kept.map((i) => ({ ...node.columns[i]!, id: b.newId() }));
  const narrowed: Logical = {
    kind: 'project',
    input: node,
    exprs: kept.map((i) => columnRef(node.columns[i]!)),
    columns: picked,
    hasSets: false,
  };
  return { node: narrowed, columns: kept.map((i) => targets[i]!) };
}

function aboveDraft(
  b: Binding,
  draft: ReturnType<typeof bindDraft>,
  targets: readonly ColumnObject[],
  overridden: readonly boolean[],
  at: number,
): Logical {
  const inner = draft.build(draft.exprs.map((expr) => resolveUntyped(b, expr)));
  const outer = draftOf(b, inner);
  return outer.build(outer.exprs.map((expr, i) => (overridden[i] ? expr : assign(b, targets[i]!, expr, at))));
}

function checkWidth(
  b: Binding,
  s: InsertStatement,
  width: number,
  columns: readonly ColumnObject[],
  at: readonly (number | undefined)[],
): void {
  if (width > columns.length) {
    throw b.error('syntax_error', 'INSERT has more expressions than target columns', at[columns.length]);
  }
  if (s.columns !== null && width < columns.length) {
    throw b.error('syntax_error', 'INSERT has more target columns than expressions', s.columns[width]?.name.at);
  }
}
