/** What runs for a call or an operator: the registry's implementation for the actual argument types. */
import { fail } from '../../base/errors.ts';
import type { Expr } from '../plan/logical.ts';
import type { CallTypes, EvalContext, FunctionEntry, OperatorEntry, ScalarImpl, SqlValue } from '../types/contracts.ts';

/** The implementation of a call for its actual argument types. */
export function implementation(fn: FunctionEntry, types: CallTypes): ScalarImpl {
  const impl = fn.impl ?? fn.specialize?.(types);
  if (impl === undefined) throw fail('feature_not_supported', `function ${fn.name} cannot be used here`);
  return impl;
}

/** The types of a call, as implementations that depend on them are made for. */
export function callTypes(args: readonly Expr[], result: number): CallTypes {
  return { args: args.map((a) => a.type), argTypmods: args.map((a) => a.typmod), result };
}

/** The two-argument implementation of an operator. */
export function operatorImpl(operator: OperatorEntry): (context: EvalContext, a: SqlValue, b: SqlValue) => SqlValue {
  return implementation(operator.fn, {
    args: [operator.left, operator.right],
    argTypmods: [-1, -1],
    result: operator.result,
  });
}
