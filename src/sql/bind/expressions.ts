/**
 * Expressions: names resolved, operators and functions chosen, types settled.
 *
 * {@link ExpressionBinder} binds within one {@link Level}. What needs more room is beside it: `operators.ts` (overloads, IN,
 * LIKE, rows), `calls.ts` (functions, aggregates, windows), `references.ts` (names), `subqueries.ts`.
 */
import type {
  ArrayExpression,
  CaseExpression,
  CastExpression,
  ConditionalExpression,
  Expression,
  IsExpression,
  LiteralExpression,
  LogicalExpression,
  SqlValueExpression,
  SubscriptExpression,
} from '../ast/expressions.ts';
import { integerClass } from '../lexer/literals.ts';
import type { Expr, TestExpr } from '../plan/logical.ts';
import type { Oid } from '../types/contracts.ts';
import {
  BOOL_OID,
  DATE_OID,
  INT4_OID,
  INT8_OID,
  NUMERIC_OID,
  TIME_OID,
  TIMESTAMP_OID,
  TIMESTAMPTZ_OID,
  UNKNOWN_OID,
} from '../types/type-oids.ts';
import type { Binding } from './binding.ts';
import { bindCall, callNamed } from './calls.ts';
import { applyTypmod, atOf, coerce, coerceToBoolean, resolveUntyped, slotIndex, tryCoerce, unify } from './coerce.ts';
import {
  bindBetween,
  bindDistinctFrom,
  bindIn,
  bindLike,
  bindOperator,
  bindQuantified,
  operatorCall,
} from './operators.ts';
import { elementOf } from './overloads.ts';
import { bindColumn, bindField } from './references.ts';
import type { Level } from './scope.ts';
import { bindArrayQuery, bindExists, bindScalarQuery } from './subqueries.ts';
import { lookUpType } from './type-lookup.ts';

const CLASS_TYPES = { int4: INT4_OID, int8: INT8_OID, numeric: NUMERIC_OID, string: UNKNOWN_OID } as const;

/** Binds an expression. Untyped literals come back with type unknown; the caller gives them one. */
export function bindExpression(b: Binding, level: Level, e: Expression): Expr {
  switch (e.kind) {
    case 'literal':
      return bindLiteral(b, e);
    case 'parameter':
      return b.parameter(e.number, e.at);
    case 'column':
      return bindColumn(b, level, e);
    case 'star':
      throw b.error('syntax_error', `row expansion via "*" is not supported here`, e.at);
    case 'operator':
      return bindOperator(b, level, e);
    case 'logical':
      return bindLogical(b, level, e);
    case 'not':
      return bool({ kind: 'not', arg: coerceToBoolean(b, bindExpression(b, level, e.operand), 'NOT'), at: e.at });
    case 'is':
      return bindIs(b, level, e);
    case 'distinctFrom':
      return bindDistinctFrom(b, level, e);
    case 'between':
      return bindBetween(b, level, e);
    case 'in':
      return bindIn(b, level, e);
    case 'like':
      return bindLike(b, level, e);
    case 'quantified':
      return bindQuantified(b, level, e);
    case 'exists':
      return bindExists(b, level, e);
    case 'scalarQuery':
      return bindScalarQuery(b, level, e);
    case 'arrayQuery':
      return bindArrayQuery(b, level, e);
    case 'array':
      return bindArray(b, level, e, undefined);
    case 'row':
      return bindRow(b, level, e.items, e.at);
    case 'case':
      return bindCase(b, level, e);
    case 'cast':
      return bindCast(b, level, e);
    case 'collate':
      return bindCollate(b, level, e);
    case 'call':
      return bindCall(b, level, e);
    case 'conditional':
      return bindConditional(b, level, e);
    case 'sqlValue':
      return bindSqlValue(b, e);
    case 'field':
      return bindField(b, bindExpression(b, level, e.operand), e.field);
    case 'subscript':
      return bindSubscript(b, level, e);
    case 'grouping':
      throw b.unsupported('GROUPING', e.at);
    case 'default':
      throw b.error('syntax_error', 'DEFAULT is not allowed in this context', e.at);
    case 'currentOf':
      throw b.unsupported('WHERE CURRENT OF', e.at);
  }
}

/** A boolean expression without its two type fields. */
type Untyped<E> = E extends Expr ? Omit<E, 'type' | 'typmod'> : never;

export function bool(expr: Untyped<Expr>): Expr {
  return { ...expr, type: BOOL_OID, typmod: -1 };
}

function bindLiteral(b: Binding, e: LiteralExpression): Expr {
  const { at, slot } = e;
  const base = { kind: 'const' as const, typmod: -1, at };
  switch (e.literal) {
    case 'null':
      return { ...base, type: UNKNOWN_OID, value: null };
    case 'boolean':
      return { ...base, type: BOOL_OID, value: e.text === 't' };
    case 'bit':
      throw b.unsupported('type bit', at);
    case 'string':
      if (slot >= 0) return { kind: 'param', index: slotIndex(slot), type: UNKNOWN_OID, typmod: -1, at };
      return { ...base, type: UNKNOWN_OID, value: e.text };
    default: {
      const type = e.literal === 'numeric' ? NUMERIC_OID : CLASS_TYPES[integerClass(e.text)];
      if (slot >= 0) return b.literalParameter(slot, type, at);
      return numberConstant(b, e.text, type, at);
    }
  }
}

/** A number as a constant of its type. */
function numberConstant(b: Binding, text: string, type: Oid, at: number): Expr {
  const entry = b.type(type);
  if (entry === undefined) throw b.unsupported(`type ${b.typeName(type)}`, at);
  const value = b.at(at, () => entry.parse(text, -1, b.context.evaluation));
  return { kind: 'const', value, type, typmod: -1, at };
}

/** `-5` is one constant, so that −2147483648 is an int4. Null when the operand is no constant number. */
export function negativeConstant(b: Binding, operand: Expression, at: number): Expr | null {
  if (operand.kind !== 'literal' || operand.slot >= 0) return null;
  if (operand.literal === 'numeric') return numberConstant(b, `-${operand.text}`, NUMERIC_OID, at);
  if (operand.literal !== 'integer') return null;
  const digits = operand.text.replace(/^0+(?=\d)/, '');
  if (digits === '2147483648') return numberConstant(b, `-${digits}`, INT4_OID, at);
  if (digits === '9223372036854775808') return numberConstant(b, `-${digits}`, INT8_OID, at);
  return numberConstant(b, `-${digits}`, CLASS_TYPES[integerClass(digits)], at);
}

function bindLogical(b: Binding, level: Level, e: LogicalExpression): Expr {
  const construct = e.connective.toUpperCase();
  const args = e.operands.map((operand) => coerceToBoolean(b, bindExpression(b, level, operand), construct));
  return bool({ kind: e.connective, args, at: e.at });
}

const TESTS: Record<IsExpression['test'], readonly [TestExpr['test'], TestExpr['test']]> = {
  null: ['null', 'not null'],
  true: ['true', 'not true'],
  false: ['false', 'not false'],
  unknown: ['unknown', 'not unknown'],
};

function bindIs(b: Binding, level: Level, e: IsExpression): Expr {
  const operand = bindExpression(b, level, e.operand);
  const test = TESTS[e.test][e.negated ? 1 : 0];
  const construct = `IS ${e.negated ? 'NOT ' : ''}${e.test.toUpperCase()}`;
  const arg = e.test === 'null' ? resolveUntyped(b, operand) : coerceToBoolean(b, operand, construct);
  return bool({ kind: 'test', test, arg, at: e.at });
}

/** ARRAY[…]; `target` is the array type of a cast around it, which its items then take. */
function bindArray(b: Binding, level: Level, e: ArrayExpression, target: Oid | undefined): Expr {
  const wanted = target === undefined ? 0 : elementOf(b, target);
  const nested = e.items.some((item) => item.kind === 'array');
  const items = e.items.map((item) =>
    item.kind === 'array' ? bindArray(b, level, item, target) : bindExpression(b, level, item),
  );
  if (items.length === 0 && wanted === 0) {
    throw b.error('indeterminate_datatype', 'cannot determine type of empty array', e.at, {
      hint: 'Explicitly cast to the desired type, for example ARRAY[]::integer[].',
    });
  }
  const inner = nested && target !== undefined ? target : wanted;
  const united = inner === 0 ? unify(b, items, 'ARRAY') : null;
  const type = united?.type ?? inner;
  const converted = united?.exprs ?? items.map((item) => coerce(b, item, { oid: type, typmod: -1 }, 'explicit'));
  const itemElement = elementOf(b, type);
  const element = itemElement === 0 ? type : itemElement;
  const arrayType = b.type(element)?.arrayOid ?? 0;
  if (arrayType === 0)
    throw b.error('undefined_object', `could not find array type for data type ${b.typeName(element)}`, e.at);
  return {
    kind: 'array',
    elementType: element,
    multidimensional: itemElement !== 0,
    items: converted,
    type: arrayType,
    typmod: united?.typmod ?? -1,
    at: e.at,
  };
}

/** ROW(…): `t.*` inside is expanded. */
function bindRow(b: Binding, level: Level, items: readonly Expression[], at: number): Expr {
  const bound = items.map((item) => bindExpression(b, level, item));
  const names = bound.map((_, i) => `f${i + 1}`);
  const untyped = bound.map((item) =>
    item.type === UNKNOWN_OID ? coerce(b, item, { oid: 25, typmod: -1 }, 'implicit') : item,
  );
  return { kind: 'row', items: untyped, names, type: 2249, typmod: -1, at };
}

function bindCase(b: Binding, level: Level, e: CaseExpression): Expr {
  return withoutSets(level, 'CASE', () => bindBranches(b, level, e));
}

function bindBranches(b: Binding, level: Level, e: CaseExpression): Expr {
  const operand = e.operand === null ? null : bindExpression(b, level, e.operand);
  const conditions = e.branches.map((branch) => {
    const when = bindExpression(b, level, branch.when);
    if (operand === null) return coerceToBoolean(b, when, 'CASE/WHEN');
    const subject = operand.type === UNKNOWN_OID ? coerce(b, operand, { oid: 25, typmod: -1 }, 'implicit') : operand;
    return coerceToBoolean(b, operatorCall(b, '=', null, subject, when, branch.when.at), 'CASE/WHEN');
  });
  const results = e.branches.map((branch) => bindExpression(b, level, branch.result));
  const otherwise = e.otherwise === null ? null : bindExpression(b, level, e.otherwise);
  // PostgreSQL looks at ELSE first.
  const { type, typmod, exprs } = unify(b, otherwise === null ? results : [otherwise, ...results], 'CASE');
  const shift = otherwise === null ? 0 : 1;
  const branches = conditions.map((when, i) => Object.assign({ when }, pairOf(exprs[i + shift]!)));
  const head = { kind: 'case' as const, branches, type, typmod, at: e.at };
  return otherwise === null ? head : { ...head, otherwise: exprs[0]! };
}

/** Runs `step` where a function must not return sets: how often would depend on what is chosen. */
function withoutSets<T>(level: Level, construct: 'CASE' | 'COALESCE', step: () => T): T {
  const before = level.conditional;
  level.conditional = construct;
  try {
    return step();
  } finally {
    level.conditional = before;
  }
}

/** The result of a branch, under the name that the bound tree gives it. */
function pairOf(result: Expr): { then: Expr } {
  return { then: result };
}

function bindCast(b: Binding, level: Level, e: CastExpression): Expr {
  const target = lookUpType(b, e.type);
  const operand =
    e.operand.kind === 'array' ? bindArray(b, level, e.operand, target.oid) : bindExpression(b, level, e.operand);
  const converted = tryCoerce(b, operand, target, 'explicit');
  if (converted !== undefined) return converted;
  throw b.error('cannot_coerce', `cannot cast type ${b.typeName(operand.type)} to ${b.typeName(target.oid)}`, e.at);
}

/** Text is ordered by its bytes; `"C"`, `"POSIX"`, `"default"` and the like say just that. */
function bindCollate(b: Binding, level: Level, e: Extract<Expression, { kind: 'collate' }>): Expr {
  const operand = bindExpression(b, level, e.operand);
  const { name, schema } = e.collation;
  const known =
    schema === null || schema === 'pg_catalog'
      ? ['C', 'POSIX', 'default', 'ucs_basic', 'C.UTF-8', 'C.utf8'].includes(name)
      : false;
  if (!known) {
    const isReal = /^(?:[a-z]{2,3}(?:[_-]|$)|und)/.test(name);
    if (isReal) throw b.unsupported(`collation "${name}"`, e.at);
    throw b.error('undefined_object', `collation "${name}" for encoding "UTF8" does not exist`, e.at);
  }
  const typed = operand.type === UNKNOWN_OID ? coerce(b, operand, { oid: 25, typmod: -1 }, 'implicit') : operand;
  if ((b.type(typed.type)?.collation ?? 0) === 0) {
    throw b.error('datatype_mismatch', `collations are not supported by type ${b.typeName(typed.type)}`, e.at);
  }
  return typed;
}

function bindConditional(b: Binding, level: Level, e: ConditionalExpression): Expr {
  const bindArgs = () => e.args.map((arg) => bindExpression(b, level, arg));
  const args = e.name === 'coalesce' ? withoutSets(level, 'COALESCE', bindArgs) : bindArgs();
  if (e.name === 'nullif') return bindNullIf(b, args, e.at);
  const { type, typmod, exprs } = unify(b, args, e.name.toUpperCase());
  return { kind: e.name, args: exprs, type, typmod, at: e.at };
}

function bindNullIf(b: Binding, args: readonly Expr[], at: number): Expr {
  const equal = operatorCall(b, '=', null, args[0]!, args[1]!, at);
  if (equal.kind !== 'call' || equal.operator === undefined)
    throw b.error('datatype_mismatch', 'NULLIF requires = operator to yield boolean', at);
  const [left, right] = [equal.args[0]!, equal.args[1]!];
  const { type, typmod } = left;
  return { kind: 'nullif', operator: equal.operator, left, right, result: left, type, typmod, at };
}

function bindSqlValue(b: Binding, e: SqlValueExpression): Expr {
  const precision = e.precision === null ? '' : `(${Math.min(e.precision, 6)})`;
  return { ...sqlValue(b, e), written: `${e.name.toUpperCase()}${precision}` };
}

function sqlValue(b: Binding, e: SqlValueExpression): Expr {
  const { at } = e;
  const call = (name: string) => callNamed(b, name, [], at);
  const cast = (expr: Expr, oid: Oid) => coerce(b, expr, { oid, typmod: -1 }, 'explicit', at);
  const precise = (expr: Expr) => (e.precision === null ? expr : applyTypmod(b, expr, Math.min(e.precision, 6), true));
  switch (e.name) {
    case 'current_date':
      return cast(call('now'), DATE_OID);
    case 'current_timestamp':
      return precise(call('now'));
    case 'localtimestamp':
      return precise(cast(call('now'), TIMESTAMP_OID));
    case 'localtime':
      return precise(cast(cast(call('now'), TIMESTAMP_OID), TIME_OID));
    case 'current_time':
      throw b.unsupported(`type ${b.typeName(TIMESTAMPTZ_OID).replace('timestamp', 'time')}`, at);
    case 'current_role':
    case 'user':
      return call('current_user');
    case 'current_catalog':
      return call('current_database');
    default:
      return call(e.name);
  }
}

function bindSubscript(b: Binding, level: Level, e: SubscriptExpression): Expr {
  const array = bindExpression(b, level, e.operand);
  const type = b.type(array.type);
  const element = type?.elementOid ?? 0;
  if (element === 0)
    throw b.error(
      'datatype_mismatch',
      `cannot subscript type ${b.typeName(array.type)} because it does not support subscripting`,
      e.operand.at,
    );
  const slice = e.subscripts.some((s) => s.slice);
  const index = (i: Expression | null) =>
    i === null ? undefined : coerce(b, bindExpression(b, level, i), { oid: INT4_OID, typmod: -1 }, 'assignment', i.at);
  // In a slice, `[n]` means `[1:n]`.
  const one: Expr = { kind: 'const', value: 1, type: INT4_OID, typmod: -1 };
  const lower = e.subscripts.map((s) => (slice && !s.slice ? one : index(s.lower)));
  const upper = e.subscripts.map((s) => (s.slice ? index(s.upper) : slice ? index(s.lower) : undefined));
  const bounds = slice ? { lower, upper } : { lower, upper: [] };
  return {
    kind: 'subscript',
    array,
    slice,
    ...bounds,
    type: slice ? array.type : element,
    typmod: array.typmod,
    ...atOf(e),
  };
}
