/**
 * The interpreter of expressions: an expression becomes a tree of closures over an {@link Env}.
 *
 * It runs every plan first, serves where code from strings is forbidden, and is the oracle for generated code; the two share
 * the registry's implementations. Three-valued logic: null is unknown.
 */
import { broken } from '../../base/assert.ts';
import type { CallExpr, ColumnId, Expr, SubqueryExpr } from '../plan/logical.ts';
import { LONG_UNITS, type LongImpl, type Pace, type SqlValue } from '../types/contracts.ts';
import { anyArrayEval, arrayEval, fieldEval, rowCompareEval, rowEval, subscriptEval } from './evaluate-composites.ts';
import {
  andOrEval,
  caseEval,
  coalesceEval,
  distinctEval,
  extremeEval,
  notEval,
  nullIfEval,
  testEval,
} from './evaluate-logic.ts';
import { callTypes, implementation, operatorImpl } from './implementation.ts';
import type { Shape } from './shape.ts';
import type { Env } from './state.ts';
import { columnReader, type Eval, typeEntry } from './values.ts';

/** Where column ids are found: in the records of the environment, or among the outer values of a sub-plan. */
export interface Scope {
  readonly shape0: Shape | undefined;
  readonly shape1?: Shape | undefined;
  /** Slots of the statement's outer values by column id. */
  readonly outer: ReadonlyMap<ColumnId, number>;
  /** Takes note of a parameter that is read. */
  reads?(index: number): void;
  /** Makes the evaluator of a sub-query. */
  subquery(expr: SubqueryExpr, scope: Scope): Eval;
}

export function compileEval(expr: Expr, scope: Scope): Eval {
  const evalOf = (arg: Expr): Eval => compileEval(arg, scope);
  switch (expr.kind) {
    case 'const': {
      const { value } = expr;
      return () => value;
    }
    case 'param': {
      const { index } = expr;
      scope.reads?.(index);
      if (expr.of !== undefined) return stepEval(index, evalOf(expr.of));
      return (e) => e.state.parameters[index] ?? null;
    }
    case 'column':
      return columnEval(expr.id, scope);
    case 'call':
      return callEval(expr, expr.args.map(evalOf));
    case 'cast':
      return castEval(expr, evalOf(expr.arg));
    case 'typmod':
      return typmodEval(expr, evalOf(expr.arg));
    case 'and':
    case 'or':
      return andOrEval(expr.kind === 'and', expr.args.map(evalOf));
    case 'not':
      return notEval(evalOf(expr.arg));
    case 'test':
      return testEval(expr.test, evalOf(expr.arg));
    case 'distinct':
      return distinctEval(expr, evalOf(expr.left), evalOf(expr.right));
    case 'case':
      return caseEval(
        expr.branches.map((b) => evalOf(b.when)),
        expr.branches.map((b) => evalOf(b.then)),
        expr.otherwise === undefined ? undefined : evalOf(expr.otherwise),
      );
    case 'coalesce':
      return coalesceEval(expr.args.map(evalOf));
    case 'nullif':
      return nullIfEval(expr, evalOf(expr.left), evalOf(expr.right), evalOf(expr.result));
    case 'greatest':
    case 'least':
      return extremeEval(expr.args.map(evalOf), expr.type, expr.kind === 'greatest' ? 1 : -1);
    case 'anyarray':
      return anyArrayEval(expr.all, operatorImpl(expr.operator), evalOf(expr.left), evalOf(expr.array));
    case 'array':
      return arrayEval(expr.elementType, expr.multidimensional, expr.items.map(evalOf));
    case 'row':
      return rowEval(
        expr.items.map((a) => a.type),
        expr.items.map(evalOf),
      );
    case 'rowcompare':
      return rowCompareEval(expr, expr.left.map(evalOf), expr.right.map(evalOf));
    case 'field':
      return fieldEval(expr.index, evalOf(expr.arg));
    case 'subscript':
      return subscriptEval(
        expr.slice,
        evalOf(expr.array),
        expr.lower.map((x) => (x === undefined ? undefined : evalOf(x))),
        expr.upper.map((x) => (x === undefined ? undefined : evalOf(x))),
      );
    case 'subquery':
      return scope.subquery(expr, scope);
  }
}

/** A constant that the execution has computed when it began, or computes here where it begins without a portal. */
function stepEval(index: number, compute: Eval): Eval {
  return (e) => {
    const value = e.state.parameters[index];
    return value === undefined ? compute(e) : value;
  };
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

function callEval(expr: CallExpr, args: readonly Eval[]): Eval {
  const impl = implementation(expr.fn, callTypes(expr.args, expr.type));
  if (expr.fn.volatility === 'v') {
    // Volatile functions may wait (nextval, pg_sleep): they find the row's environment in the context.
    return (e) => {
      const values = args.map((a) => a(e));
      if (expr.fn.strict && values.includes(null)) return null;
      e.state.context.waiter = e;
      return e.noted(impl(e.state.context, ...values));
    };
  }
  const { long } = expr.fn;
  if (!expr.fn.strict) {
    return (e) => {
      const values = args.map((a) => a(e));
      return long !== undefined && long.units(...values) > LONG_UNITS
        ? inSlices(e, long, values)
        : impl(e.state.context, ...values);
    };
  }
  const [a, b, c] = args;
  switch (args.length) {
    case 0:
      return (e) => impl(e.state.context);
    case 1:
      return (e) => {
        const x = a!(e);
        if (x === null) return null;
        return long !== undefined && long.units(x) > LONG_UNITS ? inSlices(e, long, [x]) : impl(e.state.context, x);
      };
    case 2:
      return (e) => {
        const x = a!(e);
        if (x === null) return null;
        const y = b!(e);
        if (y === null) return null;
        return long !== undefined && long.units(x, y) > LONG_UNITS
          ? inSlices(e, long, [x, y])
          : impl(e.state.context, x, y);
      };
    case 3:
      return (e) => {
        const x = a!(e);
        const y = b!(e);
        const z = c!(e);
        if (x === null || y === null || z === null) return null;
        return long !== undefined && long.units(x, y, z) > LONG_UNITS
          ? inSlices(e, long, [x, y, z])
          : impl(e.state.context, x, y, z);
      };
    default:
      return (e) => {
        const values = args.map((arg) => arg(e));
        if (values.includes(null)) return null;
        return long !== undefined && long.units(...values) > LONG_UNITS
          ? inSlices(e, long, values)
          : impl(e.state.context, ...values);
      };
  }
}

/** Characters, bytes or elements between two looks at the clock: far less than 2 ms even where each takes 0.2 µs. */
const PIECE = 4096;

/**
 * Runs a call on long values as a wait of the row. The row is evaluated again behind it: arguments are the same then, for what is
 * volatile in them was noted ({@link Env.noted}).
 */
function inSlices(e: Env, long: LongImpl, values: readonly SqlValue[]): SqlValue {
  const { session } = e.state;
  const isOver = e.givesWay ? (): boolean => session.sliceOver() : (): boolean => false;
  const pace: Pace = { piece: PIECE, isOver, slice: () => session.slice() };
  return e.wait(() => long.run(pace, ...values));
}

function castEval(expr: Extract<Expr, { kind: 'cast' }>, arg: Eval): Eval {
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

function typmodEval(expr: Extract<Expr, { kind: 'typmod' }>, arg: Eval): Eval {
  const apply = typeEntry(expr.type).applyTypmod;
  const { typmod, explicit } = expr;
  if (apply === undefined || typmod < 0) return arg;
  return (e) => {
    const value = arg(e);
    return value === null ? null : apply(value, typmod, explicit);
  };
}
