/** A text per expression: equal texts mean equal expressions, wherever they stand in the statement. */

import type { Query } from '../ast/queries.ts';
import type { AggregateCall, Expr, Logical, SortKey } from '../plan/logical.ts';
import type { SqlValue } from '../types/contracts.ts';
import type { Level } from './scope.ts';

const keys = new WeakMap<Expr, string>();
let unique = 0;

/** What bound sub-queries were written as, and where: equal texts in one query mean the same. */
const queries = new WeakMap<Logical, { readonly query: Query; readonly level: Level }>();
const levels = new WeakMap<Level, number>();

/** Notes what a sub-query of an expression was bound from. Without it, two sub-queries are never taken for the same one. */
export function noteQuery(plan: Logical, query: Query, level: Level): void {
  queries.set(plan, { query, level });
}

function queryKey(plan: Logical): string {
  const written = queries.get(plan);
  if (written === undefined) return String(++unique);
  const number = levels.get(written.level) ?? ++unique;
  levels.set(written.level, number);
  return `${number}:${JSON.stringify(written.query, (key, value: unknown) => (key === 'at' ? undefined : value))}`;
}

export function keyOf(expr: Expr): string {
  const known = keys.get(expr);
  if (known !== undefined) return known;
  const key = `${compute(expr)}:${expr.type}:${expr.typmod}`;
  keys.set(expr, key);
  return key;
}

function all(exprs: readonly (Expr | undefined)[]): string {
  return exprs.map((expr) => (expr === undefined ? '_' : keyOf(expr))).join(',');
}

function valueKey(value: SqlValue): string {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number' || typeof value === 'bigint') return Object.is(value, -0) ? '-0' : String(value);
  return JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? `${part}n` : part));
}

function compute(expr: Expr): string {
  switch (expr.kind) {
    case 'const':
      return `=${valueKey(expr.value)}`;
    case 'param':
      return `$${expr.index}`;
    case 'column':
      return `#${expr.id}`;
    case 'call':
      return `f${expr.fn.oid}(${all(expr.args)})`;
    case 'cast':
      return `cast${expr.explicit ? '!' : ''}(${keyOf(expr.arg)})`;
    case 'typmod':
      return `mod${expr.explicit ? '!' : ''}(${keyOf(expr.arg)})`;
    case 'and':
    case 'or':
    case 'coalesce':
    case 'greatest':
    case 'least':
      return `${expr.kind}(${all(expr.args)})`;
    case 'not':
      return `not(${keyOf(expr.arg)})`;
    case 'test':
      return `is ${expr.test}(${keyOf(expr.arg)})`;
    case 'distinct':
      return `distinct${expr.negated}${expr.operator.oid}(${keyOf(expr.left)},${keyOf(expr.right)})`;
    case 'case':
      return `case(${all(expr.branches.flatMap((branch) => [branch.when, branch.then]))};${all([expr.otherwise])})`;
    case 'nullif':
      return `nullif${expr.operator.oid}(${all([expr.left, expr.right, expr.result])})`;
    case 'anyarray':
      return `any${expr.all}${expr.operator.oid}(${keyOf(expr.left)},${keyOf(expr.array)})`;
    case 'array':
      return `array(${all(expr.items)})`;
    case 'row':
      return `row(${all(expr.items)})`;
    case 'rowcompare':
      return `row ${expr.meaning}(${all(expr.left)};${all(expr.right)})`;
    case 'field':
      return `field${expr.index}(${keyOf(expr.arg)})`;
    case 'subscript':
      return `sub${expr.slice}(${keyOf(expr.array)};${all(expr.lower)};${all(expr.upper)})`;
    case 'subquery':
      return `query ${expr.mode}${queryKey(expr.plan)}(${all(expr.left)})${expr.operators.map((o) => o.oid).join()}`;
  }
}

export function sortKeyText(sort: readonly SortKey[]): string {
  return sort.map((k) => `${keyOf(k.expr)}${k.descending ? 'd' : 'a'}${k.nullsFirst ? 'f' : 'l'}`).join(',');
}

export function aggregateKey(call: AggregateCall): string {
  const { aggregate, args, direct, distinct, order, filter } = call;
  return `${aggregate.oid}(${distinct ? 'distinct ' : ''}${all(args)};${all(direct)};${sortKeyText(order)};${filter === undefined ? '' : keyOf(filter)})`;
}
