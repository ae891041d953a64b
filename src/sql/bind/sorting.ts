/** Sort keys, and what the items of ORDER BY, GROUP BY and DISTINCT ON stand for. */

import type { Expression, SortItem } from '../ast/expressions.ts';
import type { Expr, SortKey } from '../plan/logical.ts';
import type { Binding } from './binding.ts';
import { findColumn, type Level } from './scope.ts';

/** A sort key of an item's direction. @throws undefined_function for a type without an order */
export function sortKey(
  b: Binding,
  expr: Expr,
  item: Pick<SortItem, 'at' | 'direction' | 'operator' | 'nulls'>,
): SortKey {
  const descending = item.direction === 'using' ? usingDescends(b, item) : item.direction === 'desc';
  const nullsFirst = item.nulls === 'default' ? descending : item.nulls === 'first';
  checkOrderable(b, expr, item.at);
  return { expr, descending, nullsFirst };
}

function usingDescends(b: Binding, item: Pick<SortItem, 'at' | 'operator'>): boolean {
  const name = item.operator?.name ?? '';
  if (name === '<') return false;
  if (name === '>') return true;
  throw b.error('wrong_object_type', `operator ${name} is not a valid ordering operator`, item.at, {
    hint: 'Ordering operators must be "<" or ">" members of btree operator families.',
  });
}

/** @throws undefined_function when values of the type have no order */
export function checkOrderable(b: Binding, expr: Expr, at: number): void {
  const type = b.type(expr.type);
  if (type === undefined || type.compare !== undefined) return;
  throw b.error('undefined_function', `could not identify an ordering operator for type ${b.typeName(expr.type)}`, at, {
    hint: 'Use an explicit ordering operator or modify the query.',
  });
}

/** The output column, from 0, that an item names or numbers; undefined when the item is an expression. */
export function outputColumn(
  b: Binding,
  level: Level,
  e: Expression,
  names: readonly string[],
  keys: readonly string[],
  clause: string,
): number | undefined {
  if (e.kind === 'column' && e.parts.length === 1) {
    const name = e.parts[0]!;
    // In GROUP BY a column of FROM comes before an output name.
    if (clause === 'GROUP BY' && findColumn(b, level, name)?.level === level) return undefined;
    const matches = names.flatMap((text, i) => (text === name.text ? [i] : []));
    const different = matches.filter((i) => keys[i] !== keys[matches[0]!]);
    if (different.length > 0) throw b.error('ambiguous_column', `${clause} "${name.text}" is ambiguous`, e.at);
    return matches[0];
  }
  // A sign before a number makes it no expression: -1 is a position that there is not.
  const minus = e.kind === 'operator' && e.operator === '-' && e.left === null && e.schema === null;
  if (minus && e.right.kind === 'literal' && e.right.literal === 'integer') {
    const text = `${clause} position -${e.right.text} is not in select list`;
    throw b.error('invalid_column_reference', text, e.at);
  }
  if (e.kind !== 'literal') return undefined;
  if (e.literal !== 'integer') {
    throw b.error('syntax_error', `non-integer constant in ${clause}`, e.at);
  }
  if (e.slot >= 0) return undefined;
  const position = Number(e.text);
  if (position < 1 || position > names.length) {
    throw b.error('invalid_column_reference', `${clause} position ${e.text} is not in select list`, e.at);
  }
  return position - 1;
}
