/** Expressions that tables keep as text: bound once when they are stored, so that mistakes show then. */
import { ExtentError } from '../../base/errors.ts';
import type { TableObject } from '../../engine/catalog.ts';
import type { Expression } from '../ast/expressions.ts';
import { type BindContext, Binding } from '../bind/binding.ts';
import { coerce, resolveUntyped } from '../bind/coerce.ts';
import { bindOverRow, bindRules, rowColumns } from '../bind/rules.ts';
import type { Clause } from '../bind/scope.ts';
import { parseExpressionText } from '../parser/parser.ts';
import type { Column, Expr, RowRules } from '../plan/logical.ts';
import { columnsOf, isVolatile, walkExpr } from '../plan/walk.ts';
import type { Oid } from '../types/contracts.ts';

export type TableExpressionUse = 'CHECK' | 'DEFAULT' | 'GENERATED' | 'index' | 'index predicate' | 'USING';

export interface BoundTableExpression {
  readonly expr: Expr;
  readonly type: Oid;
  readonly typmod: number;
  /** Ids that stand for the table's live columns. */
  readonly row: readonly Column[];
  /** Numbers of the columns that it uses. */
  readonly columns: readonly number[];
  /** True when its value is not fixed by the row alone. */
  readonly volatile: boolean;
}

const CLAUSE: Record<TableExpressionUse, Clause> = { CHECK: 'CHECK', DEFAULT: 'DEFAULT', GENERATED: 'CHECK', index: 'index', 'index predicate': 'index', USING: 'CHECK' };

/**
 * Binds an expression over a table's row. A tree that comes with a statement has positions in `text`; without one `sql` is
 * parsed, and errors have none.
 */
export function bindTableExpression(context: BindContext, table: TableObject, sql: string, tree: Expression | undefined, text: string, target: Oid | undefined, use: TableExpressionUse, typmod = -1): BoundTableExpression {
  const b = new Binding(context, text, 0, [], []);
  if (tree === undefined) b.text = null;
  // A default sees no columns: it is bound over a table that has none.
  const visible = use === 'DEFAULT' ? { ...table, columns: [] } : table;
  const row = rowColumns(b, visible);
  try {
    const expr = bindOverRow(b, visible, row, tree ?? parseExpressionText(sql), CLAUSE[use], (e) =>
      target === undefined ? resolveUntyped(b, e) : coerce(b, e, { oid: target, typmod }, use === 'CHECK' || use === 'index predicate' ? 'implicit' : 'assignment'),
    );
    const live = visible.columns.filter((c) => !c.dropped);
    const used = columnsOf(expr);
    return { expr, type: expr.type, typmod: expr.typmod, row, columns: live.filter((_, i) => used.has(row[i]!.id)).map((c) => c.number), volatile: use === 'DEFAULT' ? isVolatile(expr) : !isImmutable(expr) };
  } catch (error) {
    if (error instanceof ExtentError && use === 'DEFAULT' && error.code === 'undefined_column') {
      throw new ExtentError('feature_not_supported', 'cannot use column reference in DEFAULT expression', { position: error.position });
    }
    throw error;
  }
}

function isImmutable(expr: Expr): boolean {
  let immutable = true;
  walkExpr(expr, (e) => {
    if (e.kind === 'call' && e.fn.volatility !== 'i') immutable = false;
  });
  return immutable;
}

/** The rules of a table's rows, bound afresh. */
export function tableRules(context: BindContext, table: TableObject): RowRules {
  const b = new Binding(context, '', 0, [], []);
  b.text = null;
  return bindRules(b, table, rowColumns(b, table));
}
