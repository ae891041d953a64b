/**
 * Closures of the interpreter that judge values: AND, OR, NOT, IS …, CASE, COALESCE, NULLIF, GREATEST and LEAST.
 *
 * Three-valued logic: null is unknown. Each is made once per expression and evaluates only the arguments that it needs.
 */
import { fail } from '../../base/errors.ts';
import type { Expr } from '../plan/logical.ts';
import type { SqlValue } from '../types/contracts.ts';
import { PgRecord } from '../types/record.ts';
import { operatorImpl } from './implementation.ts';
import { type Eval, typeEntry } from './values.ts';

export function andOrEval(and: boolean, args: readonly Eval[]): Eval {
  // AND ends at the first false, OR at the first true; what is left over is unknown if any was.
  const decisive = !and;
  return (e) => {
    let unknown = false;
    for (let i = 0; i < args.length; i++) {
      const value = args[i]!(e);
      if (value === decisive) return decisive;
      if (value === null) unknown = true;
    }
    return unknown ? null : and;
  };
}

export function notEval(arg: Eval): Eval {
  return (e) => {
    const value = arg(e);
    return value === null ? null : value !== true;
  };
}

export function testEval(test: string, arg: Eval): Eval {
  switch (test) {
    case 'null':
      return (e) => isNullValue(arg(e));
    case 'not null':
      return (e) => isNotNullValue(arg(e));
    case 'true':
      return (e) => arg(e) === true;
    case 'not true':
      return (e) => arg(e) !== true;
    case 'false':
      return (e) => arg(e) === false;
    case 'not false':
      return (e) => arg(e) !== false;
    case 'unknown':
      return (e) => arg(e) === null;
    default:
      return (e) => arg(e) !== null;
  }
}

/** A row is null when all its fields are, and not null when none is: both tests may fail. */
function isNullValue(value: SqlValue): boolean {
  return value === null || (value instanceof PgRecord && value.values.every((v) => v === null));
}

function isNotNullValue(value: SqlValue): boolean {
  return value !== null && !(value instanceof PgRecord && value.values.some((v) => v === null));
}

/** IS [NOT] DISTINCT FROM: null is a value like any other. */
export function distinctEval(expr: Extract<Expr, { kind: 'distinct' }>, left: Eval, right: Eval): Eval {
  const { negated } = expr;
  const equal = operatorImpl(expr.operator);
  return (e) => {
    const a = left(e);
    const b = right(e);
    const same = a === null || b === null ? a === b : equal(e.state.context, a, b) === true;
    return same === negated;
  };
}

export function caseEval(whens: readonly Eval[], thens: readonly Eval[], otherwise: Eval | undefined): Eval {
  return (e) => {
    for (let i = 0; i < whens.length; i++) if (whens[i]!(e) === true) return thens[i]!(e);
    return otherwise === undefined ? null : otherwise(e);
  };
}

export function coalesceEval(args: readonly Eval[]): Eval {
  return (e) => {
    for (let i = 0; i < args.length; i++) {
      const value = args[i]!(e);
      if (value !== null) return value;
    }
    return null;
  };
}

/** @param result - the left side again, as NULLIF gives it. */
export function nullIfEval(expr: Extract<Expr, { kind: 'nullif' }>, left: Eval, right: Eval, result: Eval): Eval {
  const equal = operatorImpl(expr.operator);
  return (e) => {
    const a = left(e);
    const b = right(e);
    return a !== null && b !== null && equal(e.state.context, a, b) === true ? null : result(e);
  };
}

/** GREATEST (sign 1) and LEAST (sign -1), which pass nulls over. @throws 42883 for types without an order. */
export function extremeEval(args: readonly Eval[], type: number, sign: 1 | -1): Eval {
  const { compare } = typeEntry(type);
  if (compare === undefined)
    throw fail(
      'undefined_function',
      `could not identify a comparison function for type ${typeEntry(type).displayName}`,
    );
  return (e) => {
    let best: SqlValue = null;
    for (let i = 0; i < args.length; i++) {
      const value = args[i]!(e);
      if (value !== null && (best === null || compare(value, best) * sign > 0)) best = value;
    }
    return best;
  };
}
