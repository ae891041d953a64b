/**
 * The binder's entry point: from the syntax tree to the bound tree.
 *
 *     parse → {@link bindStatement} → BoundResult { root, columns, parameterTypes, literals, objects, locks } → planner
 *
 * What DDL needs of it is in `table-rules.ts` and `type-lookup.ts`.
 */
import { type ExtentError, fail } from '../../base/errors.ts';
import type { Expression } from '../ast/expressions.ts';
import type { PlannableStatement } from '../ast/queries.ts';
import type { LiteralValue } from '../lexer/literals.ts';
import type { Expr, Logical } from '../plan/logical.ts';
import type { Oid } from '../types/contracts.ts';
import { type BindContext, Binding, type BoundResult } from './binding.ts';
import { bindChange } from './changes.ts';
import { coerce, resolveUntyped } from './coerce.ts';
import { bindExpression } from './expressions.ts';
import { bindQuery } from './queries.ts';
import { inClause, Level } from './scope.ts';
import type { BoundType } from './type-lookup.ts';

/**
 * Binds a query or a statement that changes rows.
 *
 * @param text the whole text that the tree's offsets count in
 * @param parameterCount the largest `$n`
 * @param declaredTypes types that the client declared for `$1 …`; 0 = none
 * @param values the literals that the normaliser took out; empty when the tree has no slots
 * @throws PostgreSQL's errors, with positions
 */
export function bindStatement(
  statement: PlannableStatement,
  context: BindContext,
  text: string,
  parameterCount: number,
  declaredTypes: readonly Oid[],
  values: readonly LiteralValue[],
): BoundResult {
  const b = new Binding(context, text, parameterCount, declaredTypes, values);
  return guarded(() => {
    const root: Logical =
      statement.kind === 'query' ? bindQuery(b, statement, null).node : bindChange(b, statement, null);
    return b.finish(root, root.columns);
  });
}

/**
 * Binds an expression without columns, such as an argument of EXECUTE.
 *
 * @param target the type to convert to; null leaves the expression's own
 */
export function bindConstant(context: BindContext, e: Expression, text: string, target: BoundType | null): Expr {
  const b = new Binding(context, text, 0, [], []);
  const level = new Level(null);
  return guarded(() => {
    const expr = inClause(level, 'VALUES', () => bindExpression(b, level, e));
    return target === null ? resolveUntyped(b, expr) : coerce(b, expr, target, 'assignment');
  });
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
