/** Operators: overloads, row comparisons, and the constructs that are operators underneath (IN, BETWEEN, LIKE, ANY). */

import type {
  BetweenExpression,
  DistinctFromExpression,
  InExpression,
  LikeExpression,
  OperatorExpression,
  QuantifiedExpression,
} from '../ast/expressions.ts';
import type { CallExpr, Expr, RowCompareExpr, RowExpr } from '../plan/logical.ts';
import { columnsOf } from '../plan/walk.ts';
import type { Oid, OperatorEntry } from '../types/contracts.ts';
import { BOOL_OID, INT4_OID, INT8_OID, NUMERIC_OID, UNKNOWN_OID } from '../types/type-oids.ts';
import type { Binding } from './binding.ts';
import { callNamed } from './calls.ts';
import { coerce, commonTypeIfAny, isUntyped, resolveUntyped } from './coerce.ts';
import { bindExpression, bool, negativeConstant } from './expressions.ts';
import { type Candidate, choose, concrete, elementOf, settlePolymorphic } from './overloads.ts';
import type { Level } from './scope.ts';
import { bindQuantifiedQuery, scalarsOf } from './subqueries.ts';

/** An operator with the types it works on here. */
export interface ResolvedOperator {
  readonly entry: OperatorEntry;
  readonly left: Oid;
  readonly right: Oid;
  readonly result: Oid;
}

/** Chooses a binary operator (`left` null: a prefix one). @throws undefined_function, ambiguous_function */
export function resolveOperator(
  b: Binding,
  name: string,
  schema: string | null,
  left: Oid | null,
  right: Oid,
  at: number,
): ResolvedOperator {
  const entries = schema === null || schema === 'pg_catalog' ? b.context.registry.operatorsNamed(name) : [];
  const actual = left === null ? [right] : sameWhenUnknown(entries, left, right);
  const exact = entries.find(
    (entry) => entry.right === actual.at(-1) && entry.left === (left === null ? 0 : actual[0]),
  );
  if (exact !== undefined) return { entry: exact, left: exact.left, right: exact.right, result: exact.result };
  const candidates: Candidate<OperatorEntry>[] = entries
    .filter((entry) => (entry.left === 0) === (left === null))
    .map((entry) => ({ entry, args: left === null ? [entry.right] : [entry.left, entry.right] }));
  const chosen = choose(b, candidates, actual);
  if (chosen === 'none' || chosen === 'ambiguous')
    throw noOperator(b, name, left, right, candidates.length === 0 ? 'none' : chosen, at);
  const types = settlePolymorphic(b, chosen.args, actual);
  const settled = chosen.args.map((arg) => concrete(b, arg, types));
  const result = concrete(b, chosen.entry.result, types);
  return { entry: chosen.entry, left: left === null ? 0 : settled[0]!, right: settled.at(-1)!, result };
}

/** With one side unknown, an operator that takes the other side's type twice is the one meant. */
function sameWhenUnknown(entries: readonly OperatorEntry[], left: Oid, right: Oid): Oid[] {
  const known = left === UNKNOWN_OID ? right : left;
  const oneUnknown = (left === UNKNOWN_OID) !== (right === UNKNOWN_OID);
  if (oneUnknown && entries.some((entry) => entry.left === known && entry.right === known)) return [known, known];
  return [left, right];
}

function noOperator(b: Binding, name: string, left: Oid | null, right: Oid, why: 'none' | 'ambiguous', at: number) {
  const signature = `${left === null ? '' : `${b.typeName(left)} `}${name} ${b.typeName(right)}`;
  if (why === 'ambiguous') {
    return b.error('ambiguous_function', `operator is not unique: ${signature}`, at, {
      hint: 'Could not choose a best candidate operator. You might need to add explicit type casts.',
    });
  }
  const kinds = left === null ? 'type' : 'types';
  return b.error('undefined_function', `operator does not exist: ${signature}`, at, {
    hint: `No operator matches the given name and argument ${kinds}. You might need to add ${left === null ? 'an explicit type cast' : 'explicit type casts'}.`,
  });
}

/** Applies an operator by name; two rows are compared field by field. */
export function operatorCall(
  b: Binding,
  name: string,
  schema: string | null,
  left: Expr | null,
  right: Expr,
  at: number,
): Expr {
  if (left?.kind === 'row' && right.kind === 'row') return rowComparison(b, name, left, right, at);
  const found = resolveOperator(b, name, schema, left?.type ?? null, right.type, at);
  return applyOperator(b, found, left, right, at);
}

export function applyOperator(
  b: Binding,
  found: ResolvedOperator,
  left: Expr | null,
  right: Expr,
  at: number,
): CallExpr {
  const args = [coerce(b, right, { oid: found.right, typmod: -1 }, 'implicit')];
  if (left !== null) args.unshift(coerce(b, left, { oid: found.left, typmod: -1 }, 'implicit'));
  return { kind: 'call', fn: found.entry.fn, operator: found.entry, args, type: found.result, typmod: -1, at };
}

export function bindOperator(b: Binding, level: Level, e: OperatorExpression): Expr {
  if (e.left === null && e.operator === '-' && e.schema === null) {
    const constant = negativeConstant(b, e.right, e.at);
    if (constant !== null) return constant;
  }
  const left = e.left === null ? null : bindExpression(b, level, e.left);
  if (left?.kind === 'row' && e.right.kind === 'scalarQuery') {
    const items = scalarsOf(
      b,
      level,
      e.right.query,
      left.items.length,
      e.at,
      'unequal number of entries in row expressions',
    );
    return rowComparison(
      b,
      e.operator,
      left,
      { kind: 'row', items, names: items.map((_, i) => `f${i + 1}`), type: 2249, typmod: -1 },
      e.at,
    );
  }
  const right = bindExpression(b, level, e.right);
  return operatorCall(b, e.operator, e.schema, left, right, e.at);
}

// ── rows ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

const MEANINGS: Readonly<Record<string, RowCompareExpr['meaning']>> = {
  '=': 'eq',
  '<>': 'ne',
  '<': 'lt',
  '<=': 'le',
  '>': 'gt',
  '>=': 'ge',
};

function rowComparison(b: Binding, name: string, left: RowExpr, right: RowExpr, at: number): Expr {
  const meaning = MEANINGS[name];
  if (meaning === undefined)
    throw b.error('feature_not_supported', `could not determine interpretation of row comparison operator ${name}`, at);
  if (left.items.length !== right.items.length)
    throw b.error('syntax_error', 'unequal number of entries in row expressions', at);
  if (left.items.length === 0) throw b.error('feature_not_supported', 'cannot compare rows of zero length', at);
  const equals = left.items.map((item, i) => resolveOperator(b, '=', null, item.type, right.items[i]!.type, at));
  const ordered = meaning !== 'eq' && meaning !== 'ne';
  const less = ordered
    ? left.items.map((item, i) => resolveOperator(b, '<', null, item.type, right.items[i]!.type, at).entry)
    : [];
  return bool({
    kind: 'rowcompare',
    meaning,
    left: left.items.map((item, i) => coerce(b, item, { oid: equals[i]!.left, typmod: -1 }, 'implicit')),
    right: right.items.map((item, i) => coerce(b, item, { oid: equals[i]!.right, typmod: -1 }, 'implicit')),
    equals: equals.map((found) => found.entry),
    less,
    at,
  });
}

export function bindDistinctFrom(b: Binding, level: Level, e: DistinctFromExpression): Expr {
  const left = bindExpression(b, level, e.left);
  const right = bindExpression(b, level, e.right);
  return distinctFrom(b, left, right, e.negated, e.at);
}

function distinctFrom(b: Binding, left: Expr, right: Expr, negated: boolean, at: number): Expr {
  // NULL without a type; one that was cast is compared as its type is.
  const isNull = (expr: Expr) => expr.kind === 'const' && expr.value === null && expr.type === UNKNOWN_OID;
  if (isNull(right))
    return bool({ kind: 'test', test: negated ? 'null' : 'not null', arg: resolveUntyped(b, left), at });
  if (isNull(left))
    return bool({ kind: 'test', test: negated ? 'null' : 'not null', arg: resolveUntyped(b, right), at });
  if (left.kind === 'row' && right.kind === 'row') {
    if (left.items.length !== right.items.length)
      throw b.error('syntax_error', 'unequal number of entries in row expressions', at);
    const args = left.items.map((item, i) => distinctFrom(b, item, right.items[i]!, negated, at));
    return args.length === 1 ? args[0]! : bool({ kind: negated ? 'and' : 'or', args, at });
  }
  const found = resolveOperator(b, '=', null, left.type, right.type, at);
  const { args } = applyOperator(b, found, left, right, at);
  return bool({ kind: 'distinct', negated, operator: found.entry, left: args[0]!, right: args[1]!, at });
}

export function bindBetween(b: Binding, level: Level, e: BetweenExpression): Expr {
  const operand = bindExpression(b, level, e.operand);
  const low = bindExpression(b, level, e.low);
  const high = bindExpression(b, level, e.high);
  const side = (name: string, bound: Expr) => operatorCall(b, name, null, operand, bound, e.at);
  const within = (from: Expr, to: Expr): Expr =>
    e.negated
      ? bool({ kind: 'or', args: [side('<', from), side('>', to)], at: e.at })
      : bool({ kind: 'and', args: [side('>=', from), side('<=', to)], at: e.at });
  if (!e.symmetric) return within(low, high);
  return bool({ kind: e.negated ? 'and' : 'or', args: [within(low, high), within(high, low)], at: e.at });
}

export function bindLike(b: Binding, level: Level, e: LikeExpression): Expr {
  const operand = bindExpression(b, level, e.operand);
  const pattern = bindExpression(b, level, e.pattern);
  const marker = e.escape === null ? [] : [bindExpression(b, level, e.escape)];
  const bang = e.negated ? '!' : '';
  if (e.match === 'similar') {
    return operatorCall(
      b,
      `${bang}~`,
      null,
      operand,
      callNamed(b, 'similar_to_escape', [pattern, ...marker], e.at),
      e.at,
    );
  }
  const escaped = marker.length === 0 ? pattern : callNamed(b, 'like_escape', [pattern, ...marker], e.at);
  return operatorCall(b, e.match === 'like' ? `${bang}~~` : `${bang}~~*`, null, operand, escaped, e.at);
}

// ── IN and ANY ─────────────────────────────────────────────────────────────────────────────────────────────────────────

export function bindIn(b: Binding, level: Level, e: InExpression): Expr {
  if (e.query !== null) {
    const operand = bindExpression(b, level, e.operand);
    const found = bindQuantifiedQuery(b, level, {
      operand,
      operator: '=',
      schema: null,
      quantifier: 'any',
      query: e.query,
      at: e.at,
    });
    return e.negated ? bool({ kind: 'not', arg: found, at: e.at }) : found;
  }
  const operand = bindExpression(b, level, e.operand);
  const items = e.items ?? [];
  if (e.slot >= 0) {
    const listed = bindListParameter(b, operand, e);
    if (listed !== null) return listed;
    b.cacheable = false;
  }
  return bindInList(
    b,
    operand,
    items.map((item) => bindExpression(b, level, item)),
    e.negated,
    e.at,
  );
}

const LIST_TYPES: Readonly<Record<string, Oid>> = {
  int4: INT4_OID,
  int8: INT8_OID,
  numeric: NUMERIC_OID,
  string: UNKNOWN_OID,
};

/** `x IN (literals)` over the list as one array parameter; null when the types want every item converted by itself. */
function bindListParameter(b: Binding, operand: Expr, e: InExpression): Expr | null {
  const value = b.values[e.slot];
  if (value?.kind !== 'list' || operand.kind === 'row') return null;
  const itemType = LIST_TYPES[value.class]!;
  const common = commonTypeIfAny(b, [operand.type, itemType]);
  if (common === undefined) return null;
  const found = resolveOperator(b, e.negated ? '<>' : '=', null, operand.type, common, e.at);
  const arrayType = b.type(found.right)?.arrayOid ?? 0;
  if (arrayType === 0 || found.result !== BOOL_OID) return null;
  const left = coerce(b, operand, { oid: found.left, typmod: -1 }, 'implicit');
  const array = b.literalParameter(e.slot, arrayType, value.at);
  return bool({
    kind: 'anyarray',
    all: e.negated,
    operator: found.entry,
    left,
    array,
    elementType: found.right,
    at: e.at,
  });
}

/** Items without columns become one array; the others are compared one by one, as PostgreSQL does. */
function bindInList(b: Binding, operand: Expr, items: readonly Expr[], negated: boolean, at: number): Expr {
  const name = negated ? '<>' : '=';
  const plain =
    operand.kind === 'row'
      ? []
      : items.filter((item) => item.kind !== 'row' && item.kind !== 'subquery' && columnsOf(item).size === 0);
  const common = plain.length > 1 ? commonTypeIfAny(b, [operand.type, ...plain.map((item) => item.type)]) : undefined;
  const parts: Expr[] = [];
  let single = items;
  if (common !== undefined) {
    const found = resolveOperator(b, name, null, operand.type, common, at);
    const arrayType = b.type(found.right)?.arrayOid ?? 0;
    if (arrayType !== 0 && elementOf(b, found.right) === 0) {
      const converted = plain.map((item) => coerce(b, item, { oid: found.right, typmod: -1 }, 'implicit'));
      const array: Expr = {
        kind: 'array',
        elementType: found.right,
        multidimensional: false,
        items: converted,
        type: arrayType,
        typmod: -1,
      };
      const left = coerce(b, operand, { oid: found.left, typmod: -1 }, 'implicit');
      parts.push(
        bool({ kind: 'anyarray', all: negated, operator: found.entry, left, array, elementType: found.right, at }),
      );
      single = items.filter((item) => !plain.includes(item));
    }
  }
  for (const item of single) parts.push(operatorCall(b, name, null, operand, item, at));
  return parts.length === 1 ? parts[0]! : bool({ kind: negated ? 'and' : 'or', args: parts, at });
}

export function bindQuantified(b: Binding, level: Level, e: QuantifiedExpression): Expr {
  const { operator, schema, quantifier, at } = e;
  const operand = bindExpression(b, level, e.operand);
  if (e.query !== null)
    return bindQuantifiedQuery(b, level, { operand, operator, schema, quantifier, query: e.query, at });
  const array = bindExpression(b, level, e.array!);
  return anyArray(b, operand, operator, schema, array, quantifier === 'all', at);
}

function anyArray(
  b: Binding,
  left: Expr,
  operator: string,
  schema: string | null,
  array: Expr,
  all: boolean,
  at: number,
): Expr {
  const item = isUntyped(array) ? UNKNOWN_OID : arrayElement(b, array);
  if (item === 0) throw b.error('wrong_object_type', 'op ANY/ALL (array) requires array on right side', at);
  const found = resolveOperator(b, operator, schema, left.type, item, at);
  if (found.result !== BOOL_OID)
    throw b.error('wrong_object_type', 'op ANY/ALL (array) requires operator to yield boolean', at);
  const arrayType = b.type(found.right)?.arrayOid ?? 0;
  if (arrayType === 0)
    throw b.error('undefined_object', `could not find array type for data type ${b.typeName(found.right)}`, at);
  return bool({
    kind: 'anyarray',
    all,
    operator: found.entry,
    left: coerce(b, left, { oid: found.left, typmod: -1 }, 'implicit'),
    array:
      elementOf(b, array.type) === 0 && !isUntyped(array)
        ? array
        : coerce(b, array, { oid: arrayType, typmod: -1 }, 'implicit'),
    elementType: found.right,
    at,
  });
}

/** The element type of an array, `int2vector` and `oidvector` included; 0 for other types. */
function arrayElement(b: Binding, array: Expr): Oid {
  return b.type(array.type)?.elementOid ?? 0;
}
