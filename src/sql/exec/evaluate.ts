/**
 * The interpreter of expressions: an expression becomes a tree of closures over an {@link Env}.
 *
 * It runs every plan first, serves where code from strings is forbidden, and is the oracle for generated code; the two share
 * the registry's implementations. Three-valued logic: null is unknown.
 */
import { broken } from '../../base/assert.ts';
import { fail } from '../../base/errors.ts';
import type {
  CallExpr,
  CaseExpr,
  ColumnId,
  Expr,
  RowCompareExpr,
  SubqueryExpr,
  SubscriptExpr,
} from '../plan/logical.ts';
import { PgArray } from '../types/array.ts';
import type { CallTypes, EvalContext, FunctionEntry, OperatorEntry, ScalarImpl, SqlValue } from '../types/contracts.ts';
import { PgRecord } from '../types/record.ts';
import type { Shape } from './shape.ts';
import { columnReader, type Eval, typeEntry } from './values.ts';

/** Where column ids are found: in the records of the environment, or among the outer values of a sub-plan. */
export interface Scope {
  readonly shape0: Shape | undefined;
  readonly shape1?: Shape | undefined;
  /** Slots of the statement's outer values by column id. */
  readonly outer: ReadonlyMap<ColumnId, number>;
  /** Makes the evaluator of a sub-query. */
  subquery(expr: SubqueryExpr, scope: Scope): Eval;
}

/** The implementation of a call for its actual argument types. */
export function implementation(fn: FunctionEntry, types: CallTypes): ScalarImpl {
  const impl = fn.impl ?? fn.specialize?.(types);
  if (impl === undefined) throw fail('feature_not_supported', `function ${fn.name} cannot be used here`);
  return impl;
}

export function callTypes(args: readonly Expr[], result: number): CallTypes {
  return { args: args.map((a) => a.type), argTypmods: args.map((a) => a.typmod), result };
}

export function compileEval(expr: Expr, scope: Scope): Eval {
  switch (expr.kind) {
    case 'const': {
      const { value } = expr;
      return () => value;
    }
    case 'param': {
      const { index } = expr;
      return (e) => e.state.parameters[index] ?? null;
    }
    case 'column':
      return columnEval(expr.id, scope);
    case 'call':
      return callEval(expr, scope);
    case 'cast':
      return castEval(expr, scope);
    case 'typmod': {
      const arg = compileEval(expr.arg, scope);
      const apply = typeEntry(expr.type).applyTypmod;
      const { typmod, explicit } = expr;
      if (apply === undefined || typmod < 0) return arg;
      return (e) => {
        const value = arg(e);
        return value === null ? null : apply(value, typmod, explicit);
      };
    }
    case 'and':
    case 'or':
      return andOrEval(
        expr.kind === 'and',
        expr.args.map((a) => compileEval(a, scope)),
      );
    case 'not': {
      const arg = compileEval(expr.arg, scope);
      return (e) => {
        const value = arg(e);
        return value === null ? null : value !== true;
      };
    }
    case 'test':
      return testEval(expr.test, compileEval(expr.arg, scope));
    case 'distinct': {
      const { negated } = expr;
      const same = notDistinct(expr.operator, compileEval(expr.left, scope), compileEval(expr.right, scope));
      return (e) => same(e) === negated;
    }
    case 'case':
      return caseEval(expr, scope);
    case 'coalesce': {
      const args = expr.args.map((a) => compileEval(a, scope));
      return (e) => {
        for (let i = 0; i < args.length; i++) {
          const value = args[i]!(e);
          if (value !== null) return value;
        }
        return null;
      };
    }
    case 'nullif': {
      const equal = operatorImpl(expr.operator);
      const left = compileEval(expr.left, scope);
      const right = compileEval(expr.right, scope);
      const result = compileEval(expr.result, scope);
      return (e) => {
        const a = left(e);
        const b = right(e);
        return a !== null && b !== null && equal(e.state.context, a, b) === true ? null : result(e);
      };
    }
    case 'greatest':
    case 'least':
      return extremeEval(
        expr.args.map((a) => compileEval(a, scope)),
        expr.type,
        expr.kind === 'greatest' ? 1 : -1,
      );
    case 'anyarray':
      return anyArrayEval(
        expr.all,
        operatorImpl(expr.operator),
        compileEval(expr.left, scope),
        compileEval(expr.array, scope),
      );
    case 'array':
      return arrayEval(
        expr.elementType,
        expr.multidimensional,
        expr.items.map((a) => compileEval(a, scope)),
      );
    case 'row': {
      const items = expr.items.map((a) => compileEval(a, scope));
      const types = expr.items.map((a) => a.type);
      return (e) =>
        new PgRecord(
          types,
          items.map((item) => item(e)),
        );
    }
    case 'rowcompare':
      return rowCompareEval(expr, scope);
    case 'field': {
      const arg = compileEval(expr.arg, scope);
      const { index } = expr;
      return (e) => {
        const value = arg(e);
        return value === null ? null : ((value as PgRecord).values[index] ?? null);
      };
    }
    case 'subscript':
      return subscriptEval(expr, scope);
    case 'subquery':
      return scope.subquery(expr, scope);
  }
}

/** A condition: true only when the expression is true. */
export function compilePredicate(expr: Expr, scope: Scope): (env: Parameters<Eval>[0]) => boolean {
  const evaluate = compileEval(expr, scope);
  return (e) => evaluate(e) === true;
}

function columnEval(id: ColumnId, scope: Scope): Eval {
  const first = scope.shape0?.position(id) ?? -1;
  if (first >= 0) return columnReader(scope.shape0!, first, 0);
  const second = scope.shape1?.position(id) ?? -1;
  if (second >= 0) return columnReader(scope.shape1!, second, 1);
  const slot = scope.outer.get(id);
  if (slot === undefined) broken(`column ${id} is in no scope`);
  return (e) => e.state.outer[slot] ?? null;
}

function callEval(expr: CallExpr, scope: Scope): Eval {
  const impl = implementation(expr.fn, callTypes(expr.args, expr.type));
  const args = expr.args.map((a) => compileEval(a, scope));
  if (expr.fn.volatility === 'v') {
    // Volatile functions may wait (nextval, pg_sleep): they find the row's environment in the context.
    return (e) => {
      const values = args.map((a) => a(e));
      if (expr.fn.strict && values.includes(null)) return null;
      e.state.context.waiter = e;
      return impl(e.state.context, ...values);
    };
  }
  if (!expr.fn.strict) return (e) => impl(e.state.context, ...args.map((a) => a(e)));
  const [a, b, c] = args;
  switch (args.length) {
    case 0:
      return (e) => impl(e.state.context);
    case 1:
      return (e) => {
        const x = a!(e);
        return x === null ? null : impl(e.state.context, x);
      };
    case 2:
      return (e) => {
        const x = a!(e);
        if (x === null) return null;
        const y = b!(e);
        return y === null ? null : impl(e.state.context, x, y);
      };
    case 3:
      return (e) => {
        const x = a!(e);
        const y = b!(e);
        const z = c!(e);
        return x === null || y === null || z === null ? null : impl(e.state.context, x, y, z);
      };
    default:
      return (e) => {
        const values = args.map((arg) => arg(e));
        return values.includes(null) ? null : impl(e.state.context, ...values);
      };
  }
}

function castEval(expr: Extract<Expr, { kind: 'cast' }>, scope: Scope): Eval {
  const arg = compileEval(expr.arg, scope);
  const { cast, typmod, explicit } = expr;
  if (cast.method === 'relabel') return arg;
  const impl = cast.impl;
  if (impl !== undefined) {
    return (e) => {
      const value = arg(e);
      return value === null ? null : impl(e.state.context, value, typmod, explicit);
    };
  }
  const from = typeEntry(expr.arg.type);
  const to = typeEntry(expr.type);
  return (e) => {
    const value = arg(e);
    return value === null ? null : to.parse(from.format(value, e.state.context), typmod, e.state.context);
  };
}

function andOrEval(and: boolean, args: readonly Eval[]): Eval {
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

function testEval(test: string, arg: Eval): Eval {
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

/** The two-argument implementation of an operator. */
export function operatorImpl(operator: OperatorEntry): (context: EvalContext, a: SqlValue, b: SqlValue) => SqlValue {
  return implementation(operator.fn, {
    args: [operator.left, operator.right],
    argTypmods: [-1, -1],
    result: operator.result,
  });
}

function notDistinct(operator: OperatorEntry, left: Eval, right: Eval): (e: Parameters<Eval>[0]) => boolean {
  const equal = operatorImpl(operator);
  return (e) => {
    const a = left(e);
    const b = right(e);
    if (a === null || b === null) return a === b;
    return equal(e.state.context, a, b) === true;
  };
}

function caseEval(expr: CaseExpr, scope: Scope): Eval {
  const whens = expr.branches.map((b) => compileEval(b.when, scope));
  const thens = expr.branches.map((b) => compileEval(b.then, scope));
  const otherwise = expr.otherwise === undefined ? undefined : compileEval(expr.otherwise, scope);
  return (e) => {
    for (let i = 0; i < whens.length; i++) if (whens[i]!(e) === true) return thens[i]!(e);
    return otherwise === undefined ? null : otherwise(e);
  };
}

function extremeEval(args: readonly Eval[], type: number, sign: 1 | -1): Eval {
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

function anyArrayEval(
  all: boolean,
  compare: (c: EvalContext, a: SqlValue, b: SqlValue) => SqlValue,
  left: Eval,
  array: Eval,
): Eval {
  return (e) => {
    const list = array(e);
    if (list === null) return null;
    const value = left(e);
    const items = (list as PgArray).values;
    if (items.length === 0) return all;
    if (value === null) return null;
    let unknown = false;
    for (let i = 0; i < items.length; i++) {
      const item = items[i]!;
      const result = item === null ? null : compare(e.state.context, value, item);
      if (result === null) unknown = true;
      else if ((result === true) !== all) return !all;
    }
    return unknown ? null : all;
  };
}

function arrayEval(elementType: number, multidimensional: boolean, items: readonly Eval[]): Eval {
  if (!multidimensional)
    return (e) =>
      new PgArray(
        elementType,
        items.map((item) => item(e)),
      );
  return (e) => {
    const parts = items.map((item) => item(e)).filter((p): p is PgArray => p instanceof PgArray);
    const dims = parts[0]?.dims ?? [];
    if (parts.length !== items.length && parts.length > 0 && dims.length > 0) throw mismatchedDimensions();
    if (parts.some((p) => p.dims.length !== dims.length || p.dims.some((d, i) => d !== dims[i])))
      throw mismatchedDimensions();
    if (dims.length === 0) return new PgArray(elementType, []);
    return new PgArray(
      elementType,
      parts.flatMap((p) => p.values),
      [parts.length, ...dims],
    );
  };
}

function mismatchedDimensions(): Error {
  return fail('array_subscript_error', 'multidimensional arrays must have array expressions with matching dimensions');
}

function rowCompareEval(expr: RowCompareExpr, scope: Scope): Eval {
  const left = expr.left.map((a) => compileEval(a, scope));
  const right = expr.right.map((a) => compileEval(a, scope));
  const equals = expr.equals.map(operatorImpl);
  const less = expr.less.map(operatorImpl);
  const { meaning } = expr;
  if (meaning === 'eq' || meaning === 'ne') {
    return (e) => {
      let unknown = false;
      for (let i = 0; i < left.length; i++) {
        const a = left[i]!(e);
        const b = right[i]!(e);
        const same = a === null || b === null ? null : equals[i]!(e.state.context, a, b);
        if (same === null) unknown = true;
        else if (same !== true) return meaning === 'ne';
      }
      return unknown ? null : meaning === 'eq';
    };
  }
  return (e) => {
    for (let i = 0; i < left.length; i++) {
      const a = left[i]!(e);
      const b = right[i]!(e);
      if (a === null || b === null) return null;
      if (equals[i]!(e.state.context, a, b) === true) continue;
      const isLess = less[i]!(e.state.context, a, b) === true;
      return meaning === 'lt' || meaning === 'le' ? isLess : !isLess;
    }
    return meaning === 'le' || meaning === 'ge';
  };
}

function subscriptEval(expr: SubscriptExpr, scope: Scope): Eval {
  const array = compileEval(expr.array, scope);
  const lower = expr.lower.map((x) => (x === undefined ? undefined : compileEval(x, scope)));
  const upper = expr.upper.map((x) => (x === undefined ? undefined : compileEval(x, scope)));
  if (!expr.slice) {
    return (e) => {
      const value = array(e);
      const at = lower.map((l) => l!(e));
      return value === null || at.includes(null) ? null : (value as PgArray).at(at as number[]);
    };
  }
  return (e) => {
    const value = array(e);
    const ranges = upper.map((u, i): [SqlValue | undefined, SqlValue | undefined] => [lower[i]?.(e), u?.(e)]);
    if (value === null || ranges.some(([l, u]) => l === null || u === null)) return null;
    return (value as PgArray).slice(ranges as [number | undefined, number | undefined][]);
  };
}
