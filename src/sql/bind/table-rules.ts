/**
 * What DDL needs of the binder: expressions of tables, checked before their text is stored and bound to be evaluated.
 */
import { ExtentError } from '../../base/errors.ts';
import type { TableObject } from '../../engine/catalog.ts';
import type { Expression } from '../ast/expressions.ts';
import { parseExpressionText } from '../parser/parser.ts';
import type { Column, Expr } from '../plan/logical.ts';
import type { RowRules } from '../plan/logical-changes.ts';
import { columnsOf, hasSubquery, isVolatile } from '../plan/walk.ts';
import type { Oid } from '../types/contracts.ts';
import { BOOL_OID } from '../types/type-oids.ts';
import { type BindContext, Binding } from './binding.ts';
import { assign } from './changes.ts';
import { coerceToBoolean, resolveUntyped } from './coerce.ts';
import { expressionText } from './expression-text.ts';
import { bindOverRow, bindRules, liveColumns, rowColumns } from './rules.ts';

/** What an expression of a table is for. */
export type TableExpressionUse = 'CHECK' | 'DEFAULT' | 'GENERATED' | 'USING' | 'index' | 'index predicate';

export interface BoundTableExpression {
  readonly expr: Expr;
  /** The ids that stand for the table's live columns, in order. */
  readonly row: readonly Column[];
  /** Numbers of the columns that it mentions, ascending. */
  readonly columns: readonly number[];
  /** True when it may give another result another time. */
  readonly volatile: boolean;
  readonly type: Oid;
  readonly typmod: number;
}

/** PostgreSQL's words for the place, in its errors about sub-queries. */
const PLACE: Record<TableExpressionUse, string> = {
  CHECK: 'check constraint',
  DEFAULT: 'DEFAULT expression',
  GENERATED: 'column generation expression',
  USING: 'transform expression',
  index: 'index expression',
  'index predicate': 'index predicate',
};

/**
 * Binds an expression over a table's row.
 *
 * @param sql the expression's own text
 * @param expression its tree, with offsets in `text`; undefined = parse `sql`
 * @param type what to convert to; undefined leaves the expression's own type
 * @throws datatype_mismatch, feature_not_supported for sub-queries and for columns in a default
 */
export function bindTableExpression(
  context: BindContext,
  table: TableObject,
  sql: string,
  expression: Expression | undefined,
  text: string,
  type: Oid | undefined,
  use: TableExpressionUse,
  typmod = -1,
): BoundTableExpression {
  const b = new Binding(context, expression === undefined ? sql : text, 0, [], []);
  const row = rowColumns(b, table);
  const e = expression ?? parseExpressionText(sql);
  const clause = use === 'CHECK' ? 'CHECK' : use === 'DEFAULT' || use === 'GENERATED' ? 'DEFAULT' : 'index';
  const expr = bindOverRow(b, table, row, e, clause, (bound) => settle(b, table, bound, type, typmod, use, e.at));
  const used = columnsOf(expr);
  if (hasSubquery(expr)) throw b.error('feature_not_supported', `cannot use subquery in ${PLACE[use]}`, e.at);
  // A text that is stored already has been checked, and may be a generated column's.
  if (use === 'DEFAULT' && expression !== undefined && used.size > 0) {
    throw b.error('feature_not_supported', 'cannot use column reference in DEFAULT expression', e.at);
  }
  const live = liveColumns(table);
  const columns = row.flatMap((column, i) => (used.has(column.id) ? [live[i]!.number] : []));
  return { expr, row, columns, volatile: isVolatile(expr), type: expr.type, typmod: expr.typmod };
}

/**
 * An expression as the catalog keeps it: in the binder's words, if these are bound to the same again, else as written.
 *
 * @param written its text in the statement
 */
export function storedText(
  context: BindContext,
  table: TableObject,
  bound: BoundTableExpression,
  written: string,
  type: Oid | undefined,
  use: TableExpressionUse,
): string {
  const text = expressionText(new Binding(context, '', 0, [], []), bound.expr, bound.row);
  if (text === undefined) return written;
  try {
    const again = bindTableExpression(context, table, text, undefined, text, type, use);
    const same = again.type === bound.type && again.volatile === bound.volatile;
    return same && expressionText(new Binding(context, '', 0, [], []), again.expr, again.row) === text ? text : written;
  } catch (error) {
    if (error instanceof ExtentError) return written;
    throw error;
  }
}

function settle(
  b: Binding,
  table: TableObject,
  expr: Expr,
  type: Oid | undefined,
  typmod: number,
  use: TableExpressionUse,
  at: number,
): Expr {
  if (type === undefined) return resolveUntyped(b, expr);
  if (type === BOOL_OID && (use === 'CHECK' || use === 'index predicate'))
    return coerceToBoolean(b, expr, use === 'CHECK' ? 'CHECK' : 'WHERE');
  const column = table.columns.find((c) => c.type === type);
  return assign(b, { name: column?.name ?? '?column?', type, typmod }, expr, at);
}

/** The rules of a table's rows: checks, generated columns, computed indexes. */
export function tableRules(context: BindContext, table: TableObject): RowRules {
  const b = new Binding(context, '', 0, [], []);
  return bindRules(b, table, rowColumns(b, table));
}
