/**
 * INSERT, UPDATE and DELETE: targets, assignments, defaults, ON CONFLICT and RETURNING.
 *
 * RETURNING sees the new row (for DELETE the old one) through the ids of {@link RowRules.row}; other FROM items keep theirs.
 */

import type { ColumnObject, TableObject } from '../../engine/catalog.ts';
import type { Expression } from '../ast/expressions.ts';
import type {
  Alias,
  Assignment,
  AssignmentTarget,
  DeleteStatement,
  InsertStatement,
  Query,
  SelectTarget,
  UpdateStatement,
} from '../ast/queries.ts';
import type { Column, Expr, InsertNode, Logical, Returning } from '../plan/logical.ts';
import { type Binding, columnRef } from './binding.ts';
import { coerceToBoolean, locationOf, resolveUntyped, tryCoerce } from './coerce.ts';
import { bindConflict } from './conflicts.ts';
import { bindExpression } from './expressions.ts';
import { type BoundFrom, bindFromList, bindScan } from './from.ts';
import { bindDraft, bindWith, draftOf, rowsParameter, withNode } from './queries.ts';
import { findTarget } from './relations.ts';
import { bindRules, defaultOf, liveColumns, rowColumns, rowItem } from './rules.ts';
import { checkNames, type Item, inClause, Level } from './scope.ts';
import { bindTargets } from './select.ts';

export type Change = InsertStatement | UpdateStatement | DeleteStatement;

/** Binds a statement that changes rows; its columns are those of RETURNING. */
export function bindChange(b: Binding, statement: Change, parent: Level | null): Logical {
  if (statement.with === null) return bindBare(b, statement, parent);
  const scope = new Level(parent);
  const tables = bindWith(b, statement.with, scope);
  return withNode(tables, bindBare(b, statement, scope));
}

function bindBare(b: Binding, statement: Change, parent: Level | null): Logical {
  switch (statement.kind) {
    case 'insert':
      return bindInsert(b, statement, parent);
    case 'update':
      return bindUpdate(b, statement, parent);
    case 'delete':
      return bindDelete(b, statement, parent);
  }
}

// ── columns and assignments ────────────────────────────────────────────────────────────────────────────────────────────

/** The column that an assignment names. @throws undefined_column, feature_not_supported for fields and elements */
export function targetColumn(b: Binding, table: TableObject, target: AssignmentTarget): ColumnObject {
  const { name, path } = target;
  const column = liveColumns(table).find((c) => c.name === name.text);
  if (column === undefined) {
    throw b.error('undefined_column', `column "${name.text}" of relation "${table.name}" does not exist`, name.at);
  }
  if (path.length > 0) throw b.unsupported('assigning to a field or an array element', name.at);
  return column;
}

/** Converts a value to its column's type. @throws datatype_mismatch */
export function assign(
  b: Binding,
  column: Pick<ColumnObject, 'name' | 'type' | 'typmod'>,
  expr: Expr,
  at: number,
): Expr {
  const converted = tryCoerce(b, expr, { oid: column.type, typmod: column.typmod }, 'assignment');
  if (converted !== undefined) return converted;
  const text = `column "${column.name}" is of type ${b.typeName(column.type)} but expression is of type ${b.typeName(expr.type)}`;
  throw b.error('datatype_mismatch', text, locationOf(expr) ?? at, {
    hint: 'You will need to rewrite or cast the expression.',
  });
}

/** SET lists of UPDATE and of ON CONFLICT. */
export function bindAssignments(
  b: Binding,
  level: Level,
  table: TableObject,
  list: readonly Assignment[],
): { number: number; expr: Expr }[] {
  const seen = new Set<number>();
  return list.flatMap((assignment) => {
    const columns = assignment.targets.map((target) => {
      const column = targetColumn(b, table, target);
      if (seen.has(column.number))
        throw b.error('syntax_error', `multiple assignments to same column "${column.name}"`, undefined);
      seen.add(column.number);
      return column;
    });
    const values = assignment.multiple ? spreadValue(b, assignment) : [assignment.value];
    if (values === null) return bindRowQuery(b, level, assignment, columns);
    return columns.map((column, i) => ({ number: column.number, expr: bindAssigned(b, level, column, values[i]!) }));
  });
}

/** The values of `(a, b) = (x, y)`; null when the right side is a sub-query. */
function spreadValue(b: Binding, { value, targets, at }: Assignment): readonly Expression[] | null {
  if (value.kind === 'scalarQuery') return null;
  if (value.kind !== 'row') {
    if (targets.length === 1) return [value];
    throw b.error(
      'syntax_error',
      'source for a multiple-column UPDATE item must be a sub-SELECT or ROW() expression',
      value.at,
    );
  }
  if (value.items.length !== targets.length)
    throw b.error('syntax_error', 'number of columns does not match number of values', at);
  return value.items;
}

/** `(a, b) = (SELECT …)`: one scalar sub-query per column, each bound anew so that its columns have numbers of their own. */
function bindRowQuery(
  b: Binding,
  level: Level,
  { value, at }: Assignment,
  columns: readonly ColumnObject[],
): { number: number; expr: Expr }[] {
  if (value.kind !== 'scalarQuery') throw b.unsupported('this assignment', at);
  return columns.map((column, i) => {
    checkAssignable(b, column);
    const draft = bindDraft(b, value.query, level);
    if (draft.exprs.length !== columns.length) {
      throw b.error('syntax_error', 'number of columns does not match number of values', value.at);
    }
    const node = draft.build(draft.exprs.map((expr) => resolveUntyped(b, expr)));
    const source = node.columns[i]!;
    const single = b.column(source.name, source.type, source.typmod);
    const plan: Logical = {
      kind: 'project',
      input: node,
      exprs: [columnRef(source)],
      columns: [single],
      hasSets: false,
    };
    const scalar: Expr = {
      kind: 'subquery',
      mode: 'scalar',
      plan,
      left: [],
      operators: [],
      type: source.type,
      typmod: source.typmod,
      at,
    };
    return { number: column.number, expr: assign(b, column, scalar, at) };
  });
}

function bindAssigned(b: Binding, level: Level, column: ColumnObject, value: Expression): Expr {
  if (value.kind === 'default') return column.generatedSql === undefined ? defaultOf(b, column) : nullOf(column);
  checkAssignable(b, column);
  return assign(b, column, bindExpression(b, level, value), value.at);
}

function nullOf(column: ColumnObject): Expr {
  return { kind: 'const', value: null, type: column.type, typmod: column.typmod };
}

/** @throws generated_always for columns whose values the database makes */
function checkAssignable(b: Binding, column: ColumnObject): void {
  const generated = column.generatedSql !== undefined;
  if (!generated && column.identity !== 'always') return;
  throw b.error('generated_always', `column "${column.name}" can only be updated to DEFAULT`, undefined, {
    detail: whyGenerated(column),
  });
}

function whyGenerated(column: ColumnObject): string {
  const what =
    column.generatedSql === undefined ? 'an identity column defined as GENERATED ALWAYS' : 'a generated column';
  return `Column "${column.name}" is ${what}.`;
}

/** RETURNING over the new row and the other items. */
function bindReturning(
  b: Binding,
  parent: Level | null,
  targets: readonly SelectTarget[],
  items: readonly Item[],
): Returning | undefined {
  if (targets.length === 0) return undefined;
  const level = new Level(parent);
  level.items = items;
  for (const item of items) level.register(item);
  const bound = inClause(level, 'RETURNING', () => bindTargets(b, level, { targets }));
  const exprs = bound.map((target) => resolveUntyped(b, target.expr));
  const columns = bound.map(({ name, source }, i): Column => {
    const column = b.column(name, exprs[i]!.type, exprs[i]!.typmod);
    return source?.origin === undefined ? column : { ...column, origin: source.origin };
  });
  return { columns, exprs };
}

// ── INSERT ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

function bindInsert(b: Binding, s: InsertStatement, parent: Level | null): Logical {
  const table = findTarget(b, s.table);
  b.locks(table, 'row exclusive');
  const source = bindSource(b, s, s.columns === null ? liveColumns(table) : insertColumns(b, table, s.columns), parent);
  const row = rowColumns(b, table);
  const alias = s.alias?.text ?? table.name;
  const item = rowItem(b, table, alias, row);
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

// ── UPDATE and DELETE ──────────────────────────────────────────────────────────────────────────────────────────────────

interface Target {
  readonly table: TableObject;
  readonly from: BoundFrom;
  readonly item: Item;
}

function bindTarget(b: Binding, level: Level, s: UpdateStatement | DeleteStatement): Target {
  const table = findTarget(b, s.table);
  b.locks(table, 'row exclusive');
  const alias: Alias | null = s.alias === null ? null : { name: s.alias, columns: [] };
  const from = bindScan(b, level, table, null, alias);
  return { table, from, item: from.items[0]! };
}

/** The target joined with FROM or USING, filtered. */
function bindInput(
  b: Binding,
  level: Level,
  target: Target,
  list: UpdateStatement['from'],
  where: Expression | null,
): BoundFrom {
  // The target is not visible to LATERAL items, but its name is taken.
  const others = bindFromList(b, level, list, null);
  if (others !== null) checkNames(b, target.from.items, others.items);
  const joined: BoundFrom = others === null ? target.from : crossed(target.from, others);
  level.items = joined.items;
  if (where === null) return joined;
  const predicate = inClause(level, 'WHERE', () => coerceToBoolean(b, bindExpression(b, level, where), 'WHERE'));
  return { ...joined, node: { kind: 'filter', input: joined.node, predicate, columns: joined.node.columns } };
}

function crossed(left: BoundFrom, right: BoundFrom): BoundFrom {
  const columns = [...left.node.columns, ...right.node.columns];
  const node: Logical = {
    kind: 'join',
    type: 'inner',
    left: left.node,
    right: right.node,
    on: undefined,
    lateral: false,
    columns,
  };
  return { node, items: [...left.items, ...right.items] };
}

function bindUpdate(b: Binding, s: UpdateStatement, parent: Level | null): Logical {
  const level = new Level(parent);
  const target = bindTarget(b, level, s);
  const { table, item } = target;
  const input = bindInput(b, level, target, s.from, s.where);
  const set = inClause(level, 'UPDATE', () => bindAssignments(b, level, table, s.set));
  const row = rowColumns(b, table);
  const others = input.items.filter((other) => other !== item);
  const returning = bindReturning(b, parent, s.returning, [
    rowItem(b, table, item.alias ?? table.name, row),
    ...others,
  ]);
  const scan = item.scan!.node;
  const rules = bindRules(b, table, row);
  return {
    kind: 'update',
    table,
    target: scan,
    input: input.node,
    set,
    rules,
    returning,
    columns: returning?.columns ?? [],
  };
}

function bindDelete(b: Binding, s: DeleteStatement, parent: Level | null): Logical {
  const level = new Level(parent);
  const target = bindTarget(b, level, s);
  const { table, item } = target;
  const input = bindInput(b, level, target, s.using, s.where);
  const row = rowColumns(b, table);
  const others = input.items.filter((other) => other !== item);
  const returning = bindReturning(b, parent, s.returning, [
    rowItem(b, table, item.alias ?? table.name, row),
    ...others,
  ]);
  const rules = bindRules(b, table, row);
  return {
    kind: 'delete',
    table,
    target: item.scan!.node,
    input: input.node,
    rules,
    returning,
    columns: returning?.columns ?? [],
  };
}
