/** Sub-queries as values: scalar, EXISTS, ARRAY, and `op ANY | ALL`. */

import type {
  ArrayQueryExpression,
  ExistsExpression,
  QuantifiedExpression,
  ScalarQueryExpression,
} from '../ast/expressions.ts';
import type { Query } from '../ast/queries.ts';
import type { Expr, Logical } from '../plan/logical.ts';
import { BOOL_OID } from '../types/type-oids.ts';
import { type Binding, columnRef } from './binding.ts';
import { coerce } from './coerce.ts';
import { noteQuery } from './expression-keys.ts';
import { bool } from './expressions.ts';
import { resolveOperator } from './operators.ts';
import { type BoundQuery, bindQuery } from './queries.ts';
import type { Level } from './scope.ts';

function bindInner(b: Binding, level: Level, query: Query): BoundQuery {
  b.expressionDepth++;
  try {
    const bound = bindQuery(b, query, level);
    noteQuery(bound.node, query, level);
    return bound;
  } finally {
    b.expressionDepth--;
  }
}

export function bindScalarQuery(b: Binding, level: Level, e: ScalarQueryExpression): Expr {
  const plan = bindInner(b, level, e.query).node;
  if (plan.columns.length !== 1)
    throw b.error(
      'syntax_error',
      plan.columns.length === 0 ? 'subquery must return a column' : 'subquery must return only one column',
      e.at,
    );
  const { type, typmod } = plan.columns[0]!;
  return { kind: 'subquery', mode: 'scalar', plan, left: [], operators: [], type, typmod, at: e.at };
}

export function bindExists(b: Binding, level: Level, e: ExistsExpression): Expr {
  return bool({
    kind: 'subquery',
    mode: 'exists',
    plan: bindInner(b, level, e.query).node,
    left: [],
    operators: [],
    at: e.at,
  });
}

export function bindArrayQuery(b: Binding, level: Level, e: ArrayQueryExpression): Expr {
  const plan = bindInner(b, level, e.query).node;
  if (plan.columns.length !== 1) throw b.error('syntax_error', 'subquery must return only one column', e.at);
  const element = b.type(plan.columns[0]!.type);
  const type = element?.category === 'A' ? element.oid : (element?.arrayOid ?? 0);
  if (type === 0)
    throw b.error(
      'undefined_object',
      `could not find array type for data type ${b.typeName(plan.columns[0]!.type)}`,
      e.at,
    );
  return { kind: 'subquery', mode: 'array', plan, left: [], operators: [], type, typmod: -1, at: e.at };
}

interface QuantifiedQuery extends Pick<QuantifiedExpression, 'operator' | 'schema' | 'quantifier' | 'at'> {
  readonly operand: Expr;
  readonly query: Query;
}

/** `operand op ANY | ALL (query)`; a row on the left has as many items as the query has columns. */
export function bindQuantifiedQuery(b: Binding, level: Level, e: QuantifiedQuery): Expr {
  const { operand, at } = e;
  const left = operand.kind === 'row' ? operand.items : [operand];
  const inner = bindInner(b, level, e.query).node;
  if (inner.columns.length < left.length) throw b.error('syntax_error', 'subquery has too few columns', at);
  if (inner.columns.length > left.length) throw b.error('syntax_error', 'subquery has too many columns', at);
  if (left.length > 1 && e.operator !== '=' && e.operator !== '<>')
    throw b.unsupported(`row comparison ${e.operator} with a sub-query`, at);
  const found = left.map((item, i) => resolveOperator(b, e.operator, e.schema, item.type, inner.columns[i]!.type, at));
  if (found.some((operator) => operator.result !== BOOL_OID)) {
    throw b.error(
      'datatype_mismatch',
      `row comparison operator must yield type boolean, not type ${b.typeName(found[0]!.result)}`,
      at,
    );
  }
  const plan = converted(
    b,
    inner,
    found.map((operator) => operator.right),
  );
  noteQuery(plan, e.query, level);
  return bool({
    kind: 'subquery',
    mode: e.quantifier,
    plan,
    left: left.map((item, i) => coerce(b, item, { oid: found[i]!.left, typmod: -1 }, 'implicit')),
    operators: found.map((operator) => operator.entry),
    at,
  });
}

/**
 * A query of one row with several columns as that many scalar sub-queries. Each is bound anew, so that its columns have
 * numbers of their own.
 */
export function scalarsOf(b: Binding, level: Level, query: Query, width: number, at: number, mismatch: string): Expr[] {
  return Array.from({ length: width }, (_, i): Expr => {
    const inner = bindInner(b, level, query).node;
    if (inner.columns.length !== width) throw b.error('syntax_error', mismatch, at);
    const source = inner.columns[i]!;
    const { name, type, typmod } = source;
    const plan: Logical = {
      kind: 'project',
      input: inner,
      exprs: [columnRef(source)],
      columns: [b.column(name, type, typmod)],
      hasSets: false,
    };
    return { kind: 'subquery', mode: 'scalar', plan, left: [], operators: [], type, typmod, at };
  });
}

/** A plan whose columns have these types. */
export function converted(b: Binding, node: Logical, types: readonly number[]): Logical {
  if (node.columns.every((column, i) => column.type === types[i])) return node;
  const exprs = node.columns.map((column, i) =>
    coerce(b, columnRef(column), { oid: types[i]!, typmod: -1 }, 'implicit'),
  );
  const columns = exprs.map((expr, i) => b.column(node.columns[i]!.name, expr.type, expr.typmod));
  return { kind: 'project', input: node, exprs, columns, hasSets: false };
}
