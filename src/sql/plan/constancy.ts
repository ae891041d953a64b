/**
 * Which expressions have one value for a whole execution, whoever asks: those of immutable functions, operators and casts over
 * constants and parameters. What depends on settings or on the moment is stable at best and not among them.
 */
import type { CastEntry, Oid } from '../types/contracts.ts';
import { registry } from '../types/registry.ts';
import type { Expr } from './logical.ts';
import { childrenOf, walkExpr } from './walk.ts';

const known = new WeakMap<Expr, boolean>();

/** True when the expression's value is the same for every row of an execution, and the functions in it are immutable. */
export function isConstant(expr: Expr): boolean {
  const before = known.get(expr);
  if (before !== undefined) return before;
  const result = isFixed(expr) && childrenOf(expr).every(isConstant);
  known.set(expr, result);
  return result;
}

/** Of the expression itself, without its parts. */
function isFixed(expr: Expr): boolean {
  switch (expr.kind) {
    case 'column':
    case 'subquery':
    // The fields of rows are asked for by name or number: rows stay what they were written as.
    case 'row':
    case 'field':
      return false;
    case 'call':
      return expr.fn.volatility === 'i' && !expr.fn.returnsSet && isPlainType(expr.type);
    case 'cast':
      return isPlainType(expr.type) && isImmutableCast(expr.cast);
    case 'distinct':
    case 'nullif':
    case 'anyarray':
      return expr.operator.fn.volatility === 'i';
    case 'rowcompare':
      return [...expr.equals, ...expr.less].every((operator) => operator.fn.volatility === 'i');
    default:
      return true;
  }
}

/** Neither a row nor a pseudo-type. */
export function isPlainType(type: Oid): boolean {
  return registry.type(type)?.typeType === 'b';
}

/** Types whose text form is the same whatever the settings, in PostgreSQL's eyes: their input and output are immutable. */
const FIXED_TEXT: ReadonlySet<Oid> = new Set([16, 17, 18, 19, 20, 21, 23, 25, 26, 700, 701, 1042, 1043, 1700, 2950]);
/** Types of which that holds for the output alone: time, interval, time with time zone. */
const FIXED_OUTPUT: ReadonlySet<Oid> = new Set([1083, 1186, 1266]);

function isImmutableCast({ method, source, target, functionOid }: CastEntry): boolean {
  if (method === 'relabel') return true;
  if (method === 'io') return (FIXED_TEXT.has(source) || FIXED_OUTPUT.has(source)) && FIXED_TEXT.has(target);
  const fn = registry.function(functionOid);
  if (fn !== undefined) return fn.volatility === 'i';
  // Conversions of ours without a function in the catalog: integers and oids; those of arrays go by their elements.
  return functionOid === 0 && registry.type(source)?.elementOid === 0 && registry.type(target)?.elementOid === 0;
}

/**
 * True when the value can be kept in a cached plan: no parameter in it, nothing that may take long or be large, and no text form
 * (PostgreSQL calls those of floats and bytea immutable, but settings change them).
 */
export function isKeepable(expr: Expr): boolean {
  let can = true;
  walkExpr(expr, (e) => {
    if (e.kind === 'param' || (e.kind === 'call' && e.fn.long !== undefined)) can = false;
    else if (e.kind === 'cast' && e.cast.method === 'io') can = false;
  });
  return can;
}

/** True for NULL written down or found. */
export function isNull(expr: Expr): boolean {
  return expr.kind === 'const' && expr.value === null;
}

/** True for a condition that is never true. */
export function isNever(expr: Expr): boolean {
  return expr.kind === 'const' && expr.value !== true;
}
