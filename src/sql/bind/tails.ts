/** ORDER BY, LIMIT and OFFSET over a finished node, and the counts of LIMIT and OFFSET everywhere. */

import type { Expression, SortItem } from '../ast/expressions.ts';
import type { Query } from '../ast/queries.ts';
import type { Expr, LimitNode, Logical, SortKey } from '../plan/logical.ts';
import { columnsOf } from '../plan/walk.ts';
import { INT8_OID } from '../types/type-oids.ts';
import { type Binding, columnRef } from './binding.ts';
import { tryCoerce } from './coerce.ts';
import { bindExpression } from './expressions.ts';
import { type Clause, inClause, Level } from './scope.ts';
import { outputColumn, sortKey } from './sorting.ts';

/** The tail of a set operation or VALUES: ORDER BY may only name or number output columns. */
export function addTail(b: Binding, query: Query, parent: Level | null, input: Logical): Logical {
  const names = input.columns.map((column) => column.name);
  const keys = query.orderBy.map((item) =>
    sortKey(b, columnRef(input.columns[outputOf(b, parent, item, names)]!, item.at), item),
  );
  const sorted: Logical = keys.length === 0 ? input : { kind: 'sort', input, keys, columns: input.columns };
  return limited(b, query, parent, sorted, keys);
}

function outputOf(b: Binding, parent: Level | null, item: SortItem, names: readonly string[]): number {
  const level = new Level(parent);
  const found = outputColumn(
    b,
    level,
    item.expression,
    names,
    names.map((_, i) => String(i)),
    'ORDER BY',
  );
  if (found !== undefined) return found;
  const e = item.expression;
  if (e.kind === 'column' && e.parts.length === 1) {
    throw b.error('undefined_column', `column "${e.parts[0]!.text}" does not exist`, e.at);
  }
  throw b.error('feature_not_supported', 'invalid UNION/INTERSECT/EXCEPT ORDER BY clause', e.at, {
    detail: 'Only result column names can be used, not expressions or functions.',
    hint: 'Add the expression/function to every SELECT, or move the UNION into a FROM clause.',
  });
}

/** Puts a limit on a node if the query has one. */
export function limited(
  b: Binding,
  query: Query,
  parent: Level | null,
  input: Logical,
  keys: readonly SortKey[],
): Logical {
  if (query.limit === null && query.offset === null) return input;
  if (query.withTies && keys.length === 0)
    throw b.error('syntax_error', 'WITH TIES cannot be specified without ORDER BY clause', query.at);
  const node: LimitNode = {
    kind: 'limit',
    input,
    limit: query.limit === null ? undefined : bindCount(b, parent, query.limit, 'LIMIT'),
    offset: query.offset === null ? undefined : bindCount(b, parent, query.offset, 'OFFSET'),
    ties: query.withTies ? keys : undefined,
    columns: input.columns,
  };
  return node;
}

function bindCount(b: Binding, parent: Level | null, e: Expression, clause: Extract<Clause, 'LIMIT' | 'OFFSET'>): Expr {
  const level = new Level(parent);
  const bound = inClause(level, clause, () => bindOwn(b, level, e, clause));
  const count = tryCoerce(b, bound, { oid: INT8_OID, typmod: -1 }, 'assignment');
  if (count === undefined)
    throw b.error(
      'datatype_mismatch',
      `argument of ${clause} must be type bigint, not type ${b.typeName(bound.type)}`,
      e.at,
    );
  return count;
}

/** A count may use outer queries' columns, but there are none of its own to see. */
function bindOwn(b: Binding, level: Level, e: Expression, clause: string): Expr {
  if (e.kind === 'column' && level.parent === null) {
    throw b.error('invalid_column_reference', `argument of ${clause} must not contain variables`, e.at);
  }
  const bound = bindExpression(b, level, e);
  if ([...columnsOf(bound)].some((id) => level.own.has(id))) {
    throw b.error('invalid_column_reference', `argument of ${clause} must not contain variables`, e.at);
  }
  return bound;
}
