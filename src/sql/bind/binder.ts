/**
 * The binder's entry points: from the syntax tree to the bound tree.
 *
 *     parse → {@link bindStatement} → BoundResult { root, columns, parameterTypes, literals, objects, locks } → planner
 *
 * DDL uses {@link bindTableExpression} to check the expressions that it stores, {@link bindTypeName} for column types and
 * {@link describeQuery} for the columns of views and of CREATE TABLE AS.
 */

import { type ExtentError, fail } from '../../base/errors.ts';
import type { TableObject } from '../../engine/catalog.ts';
import type { Expression } from '../ast/expressions.ts';
import type { TypeName } from '../ast/names.ts';
import type { PlannableStatement, Query } from '../ast/queries.ts';
import type { LiteralValue } from '../lexer/normalize.ts';
import type { Column, Expr, Logical } from '../plan/logical.ts';
import type { Oid } from '../types/contracts.ts';
import { type BindContext, Binding, type BoundResult } from './binding.ts';
import { bindChange } from './changes.ts';
import { coerce, coerceToBoolean, resolveUntyped } from './coerce.ts';
import { bindExpression } from './expressions.ts';
import { bindQuery } from './queries.ts';
import { bindOverRow, rowColumns } from './rules.ts';
import { inClause, Level } from './scope.ts';
import { type BoundType, lookUpType } from './type-lookup.ts';

/** What a statement comes with besides its tree. */
export interface BindInput {
  /** The whole text that the tree's offsets count in. */
  readonly text: string;
  /** The largest `$n` of the statement. */
  readonly parameterCount: number;
  /** Types that the client declared for `$1 …`; 0 = none. */
  readonly declaredTypes: readonly Oid[];
  /** The literals that the normaliser took out; empty when the tree has no slots. */
  readonly values: readonly LiteralValue[];
}

/** Binds a query or a statement that changes rows. @throws PostgreSQL's errors, with positions */
export function bindStatement(context: BindContext, statement: PlannableStatement, input: BindInput): BoundResult {
  const b = new Binding(context, input.text, input.parameterCount, input.declaredTypes, input.values);
  return guarded(() => {
    const root: Logical =
      statement.kind === 'query' ? bindQuery(b, statement, null).node : bindChange(b, statement, null);
    return b.finish(root, root.columns);
  });
}

/** The output columns of a query, for a view or CREATE TABLE AS, and the objects that it uses. */
export function describeQuery(
  context: BindContext,
  query: Query,
  text: string,
): { readonly columns: readonly Column[]; readonly uses: readonly Oid[] } {
  const { columns, objects } = bindStatement(context, query, {
    text,
    parameterCount: 0,
    declaredTypes: [],
    values: [],
  });
  return { columns, uses: objects.map((object) => object.oid) };
}

/** Which expression of a table DDL wants to store. */
export type TableExpression = 'CHECK' | 'DEFAULT' | 'GENERATED' | 'index' | 'index predicate';

/**
 * Binds an expression over a table's row (a default sees no columns), to check it before its text is stored.
 *
 * @param target the type to convert to; null leaves the expression's own
 */
export function bindTableExpression(
  context: BindContext,
  table: TableObject,
  e: Expression,
  text: string,
  use: TableExpression,
  target: BoundType | null,
): Expr {
  const b = new Binding(context, text, 0, [], []);
  const settle = (expr: Expr): Expr => {
    if (use === 'CHECK' || use === 'index predicate')
      return coerceToBoolean(b, expr, use === 'CHECK' ? 'CHECK' : 'WHERE');
    return target === null ? resolveUntyped(b, expr) : coerce(b, expr, target, 'assignment');
  };
  return guarded(() => {
    if (use !== 'DEFAULT')
      return bindOverRow(
        b,
        table,
        rowColumns(b, table),
        e,
        use === 'CHECK' ? 'CHECK' : use === 'GENERATED' ? 'DEFAULT' : 'index',
        settle,
      );
    const level = new Level(null);
    return inClause(level, 'DEFAULT', () => settle(bindExpression(b, level, e)));
  });
}

/** A constant expression without columns, such as an argument of EXECUTE. */
export function bindConstant(context: BindContext, e: Expression, text: string, target: BoundType | null): Expr {
  const b = new Binding(context, text, 0, [], []);
  const level = new Level(null);
  return guarded(() => {
    const expr = inClause(level, 'VALUES', () => bindExpression(b, level, e));
    return target === null ? resolveUntyped(b, expr) : coerce(b, expr, target, 'assignment');
  });
}

/** A type by name. @throws undefined_object */
export function bindTypeName(context: BindContext, name: TypeName, text: string): BoundType {
  return lookUpType(new Binding(context, text, 0, [], []), name);
}

/** A JavaScript stack overflow is the statement's fault. */
function guarded<T>(step: () => T): T {
  try {
    return step();
  } catch (error) {
    throw error instanceof RangeError ? tooDeep(error) : error;
  }
}

function tooDeep(cause: RangeError): ExtentError {
  return fail('statement_too_complex', 'stack depth limit exceeded', { cause });
}
