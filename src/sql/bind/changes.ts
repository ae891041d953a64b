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
  SelectTarget,
  UpdateStatement,
} from '../ast/queries.ts';
import type { Column, Expr, Logical } from '../plan/logical.ts';
import type { Returning } from '../plan/logical-changes.ts';
import { OID_OID } from '../types/type-oids.ts';
import { type Binding, columnRef } from './binding.ts';
import { coerceToBoolean, locationOf, resolveUntyped, tryCoerce } from './coerce.ts';
import { bindExpression } from './expressions.ts';
import { type BoundFrom, bindFromList, bindScan, oidOf } from './from.ts';
import { bindInsert } from './inserts.ts';
import { bindPartitions } from './partitions.ts';
import { bindWith, withNode } from './queries.ts';
import { findTarget } from './relations.ts';
import { bindRules, defaultOf, liveColumns, rowColumns, rowItem } from './rules.ts';
import { checkNames, type Item, inClause, Level } from './scope.ts';
import { bindTargets } from './select.ts';
import { scalarsOf } from './subqueries.ts';

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

/** `(a, b) = (SELECT …)`. */
function bindRowQuery(
  b: Binding,
  level: Level,
  { value, at }: Assignment,
  columns: readonly ColumnObject[],
): { number: number; expr: Expr }[] {
  if (value.kind !== 'scalarQuery') throw b.unsupported('this assignment', at);
  for (const column of columns) checkAssignable(b, column);
  const scalars = scalarsOf(
    b,
    level,
    value.query,
    columns.length,
    value.at,
    'number of columns does not match number of values',
  );
  return columns.map((column, i) => ({ number: column.number, expr: assign(b, column, scalars[i]!, at) }));
}

function bindAssigned(b: Binding, level: Level, column: ColumnObject, value: Expression): Expr {
  if (value.kind === 'default') return column.generatedSql === undefined ? defaultOf(b, column) : nullOf(column);
  checkAssignable(b, column);
  return assign(b, column, bindExpression(b, level, value), value.at);
}

export function nullOf(column: ColumnObject): Expr {
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

export function whyGenerated(column: ColumnObject): string {
  const what =
    column.generatedSql === undefined ? 'an identity column defined as GENERATED ALWAYS' : 'a generated column';
  return `Column "${column.name}" is ${what}.`;
}

/** RETURNING over the new row and the other items. */
export function bindReturning(
  b: Binding,
  parent: Level | null,
  targets: readonly SelectTarget[],
  [target, ...others]: readonly [Item, ...Item[]],
): Returning | undefined {
  if (targets.length === 0) return undefined;
  const level = new Level(parent);
  level.items = [target, ...others];
  for (const item of level.items) level.register(item);
  const bound = inClause(level, 'RETURNING', () => bindTargets(b, level, { targets }));
  const exprs = bound.map((target) => resolveUntyped(b, target.expr));
  const columns = bound.map(({ name, source }, i): Column => {
    const column = b.column(name, exprs[i]!.type, exprs[i]!.typmod);
    return source?.origin === undefined ? column : { ...column, origin: source.origin };
  });
  const leafOid = target.tableOid?.kind === 'column' ? target.tableOid.id : undefined;
  return { columns, exprs, leafOid };
}

/** The target's rows as RETURNING sees them; of a partitioned table each says which partition it is in. */
export function returnedItem(b: Binding, table: TableObject, alias: string, row: readonly Column[]): Item {
  const tableOid = table.partitioning === undefined ? oidOf(table.oid) : columnRef(b.column('tableoid', OID_OID));
  return { ...rowItem(b, table, alias, row), tableOid };
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
  const from = bindScan(b, level, table, null, alias, s.only);
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
    returnedItem(b, table, item.alias ?? table.name, row),
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
    partitions: s.only ? undefined : bindPartitions(b, table, row),
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
    returnedItem(b, table, item.alias ?? table.name, row),
    ...others,
  ]);
  const rules = bindRules(b, table, row);
  return {
    kind: 'delete',
    table,
    target: item.scan!.node,
    input: input.node,
    rules,
    partitions: s.only ? undefined : bindPartitions(b, table, row),
    returning,
    columns: returning?.columns ?? [],
  };
}
