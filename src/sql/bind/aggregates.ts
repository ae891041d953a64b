/** Aggregate calls: which one is meant, its order and filter, and the level of the query that it belongs to. */

import type { CallExpression, SortItem } from '../ast/expressions.ts';
import type { AggregateCall, Expr, SortKey } from '../plan/logical.ts';
import { columnsOf, walkExpr } from '../plan/walk.ts';
import type { AggregateEntry, Oid } from '../types/contracts.ts';
import { type Binding, columnRef } from './binding.ts';
import { bindArguments, convertArgument, noFunction, resultType } from './calls.ts';
import { coerceToBoolean, resolveUntyped } from './coerce.ts';
import { aggregateKey, keyOf } from './expression-keys.ts';
import { bindExpression } from './expressions.ts';
import { type Candidate, choose, concrete, settlePolymorphic, spread } from './overloads.ts';
import { type Clause, inClause, type Level, levelOf } from './scope.ts';
import { sortKey } from './sorting.ts';

/** Where aggregates may not stand, with PostgreSQL's words for the place. */
export const NO_AGGREGATES: Partial<Record<Clause, string>> = {
  FROM: 'functions in FROM',
  'JOIN conditions': 'JOIN conditions',
  WHERE: 'WHERE',
  'GROUP BY': 'GROUP BY',
  FILTER: 'FILTER',
  LIMIT: 'LIMIT',
  OFFSET: 'OFFSET',
  VALUES: 'VALUES',
  UPDATE: 'UPDATE',
  RETURNING: 'RETURNING',
  CHECK: 'check constraints',
  DEFAULT: 'DEFAULT expressions',
  index: 'index expressions',
};

interface BoundAggregate {
  readonly call: AggregateCall;
  readonly type: Oid;
}

export function bindAggregate(b: Binding, level: Level, e: CallExpression, entries: readonly AggregateEntry[]): Expr {
  const { call, type } = withinAggregate(level, () => bindAggregateCall(b, level, e, entries));
  const owner = ownerOf(level, call);
  checkAggregate(b, owner, call, e);
  const key = aggregateKey(call);
  const known = owner.aggregates.find((a) => a.key === key);
  if (known !== undefined) return columnRef(known.column, e.at);
  const column = b.column(e.name.name, type);
  owner.aggregates.push({ key, call, column });
  return columnRef(column, e.at);
}

function withinAggregate<T>(level: Level, step: () => T): T {
  const before = level.insideAggregate;
  level.insideAggregate = true;
  try {
    return step();
  } finally {
    level.insideAggregate = before;
  }
}

/** The innermost level whose columns the call uses; its own level when it uses none. */
function ownerOf(level: Level, call: AggregateCall): Level {
  const exprs = [
    ...call.args,
    ...call.direct,
    ...call.order.map((k) => k.expr),
    ...(call.filter === undefined ? [] : [call.filter]),
  ];
  const ids = new Set(exprs.flatMap((expr) => [...columnsOf(expr)]));
  return ids.size === 0 ? level : (levelOf(level, ids) ?? level);
}

function checkAggregate(b: Binding, owner: Level, call: AggregateCall, e: CallExpression): void {
  const place = NO_AGGREGATES[owner.clause];
  if (place !== undefined) throw b.error('grouping_error', `aggregate functions are not allowed in ${place}`, e.at);
  const made = new Set(owner.aggregates.map((a) => a.column.id));
  for (const expr of [...call.args, ...(call.filter === undefined ? [] : [call.filter])]) {
    walkExpr(expr, (inner) => {
      if (inner.kind === 'column' && made.has(inner.id))
        throw b.error('grouping_error', 'aggregate function calls cannot be nested', inner.at ?? e.at);
      const inWindow =
        inner.kind === 'column' && owner.windows.some((w) => w.calls.some((c) => c.column.id === inner.id));
      if (inWindow)
        throw b.error(
          'grouping_error',
          'aggregate function calls cannot contain window function calls',
          inner.at ?? e.at,
        );
    });
  }
}

export function bindAggregateCall(
  b: Binding,
  level: Level,
  e: CallExpression,
  entries: readonly AggregateEntry[],
): BoundAggregate {
  if (e.variadic) throw b.unsupported('VARIADIC in an aggregate call', e.at);
  const args = bindArguments(b, level, e);
  if (args.names.some((name) => name !== null)) throw b.unsupported('named arguments of an aggregate', e.at);
  const sorts = e.orderBy.map((item) => ({ item, expr: bindExpression(b, level, item.expression) }));
  const ordered = entries.some((entry) => entry.kind === 'o');
  if (ordered !== e.withinGroup) throw misused(b, e, ordered);
  const given = e.withinGroup ? [...args.exprs, ...sorts.map((s) => s.expr)] : args.exprs;
  const usable = entries.filter((entry) => (e.star ? entry.args.length === 0 : true));
  if (e.args.length === 0 && !e.star && !e.withinGroup && entries.some((entry) => entry.args.length === 0)) {
    throw b.error(
      'wrong_object_type',
      `${e.name.name}(*) must be used to call a parameterless aggregate function`,
      e.at,
    );
  }
  const candidates = usable.map((entry): Candidate<AggregateEntry> | undefined => {
    const types =
      entry.variadic === 0
        ? entry.args.length === given.length
          ? entry.args
          : undefined
        : spread(entry.args, entry.variadic, given.length);
    return types === undefined ? undefined : { entry, args: types };
  });
  const chosen = choose(
    b,
    candidates.filter((c): c is Candidate<AggregateEntry> => c !== undefined),
    given.map((expr) => expr.type),
  );
  if (typeof chosen === 'string') throw noFunction(b, e, { exprs: given, names: given.map(() => null) }, chosen);
  return settleAggregate(b, level, e, chosen, given, sorts);
}

function misused(b: Binding, e: CallExpression, ordered: boolean) {
  const name = e.name.name;
  if (ordered) return b.error('wrong_object_type', `WITHIN GROUP is required for ordered-set aggregate ${name}`, e.at);
  return b.error('wrong_object_type', `${name} is not an ordered-set aggregate, so it cannot have WITHIN GROUP`, e.at);
}

function settleAggregate(
  b: Binding,
  level: Level,
  e: CallExpression,
  { entry, args: types }: Candidate<AggregateEntry>,
  given: readonly Expr[],
  sorts: readonly { readonly item: SortItem; readonly expr: Expr }[],
): BoundAggregate {
  const settled = settlePolymorphic(
    b,
    types,
    given.map((expr) => expr.type),
  );
  const converted = given.map((expr, i) => convertArgument(b, expr, concrete(b, types[i]!, settled)));
  const isOrderedSet = entry.kind === 'o';
  const direct = isOrderedSet ? converted.slice(0, entry.directArgs) : [];
  const args = isOrderedSet ? converted.slice(entry.directArgs) : converted;
  const order = sorts.map(({ item, expr }, i): SortKey => {
    const sorted = isOrderedSet ? args[i]! : resolveUntyped(b, sameArgument(expr, given, converted));
    return sortKey(b, sorted, item);
  });
  if (e.distinct) checkDistinct(b, args, order, e.at);
  const filter = e.filter === null ? undefined : bindFilter(b, level, e);
  const call = { aggregate: entry, args, direct, distinct: e.distinct, order };
  return { call: filter === undefined ? call : { ...call, filter }, type: resultType(b, entry.result, settled, e.at) };
}

/** An ORDER BY item that is an argument is that argument after its conversion. */
function sameArgument(expr: Expr, given: readonly Expr[], converted: readonly Expr[]): Expr {
  const index = given.findIndex((other) => keyOf(other) === keyOf(expr));
  return index < 0 ? expr : converted[index]!;
}

function checkDistinct(b: Binding, args: readonly Expr[], order: readonly SortKey[], at: number): void {
  const keys = new Set(args.map(keyOf));
  const stranger = order.find((k) => !keys.has(keyOf(k.expr)));
  if (stranger !== undefined) {
    throw b.error(
      'invalid_column_reference',
      'in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list',
      stranger.expr.at ?? at,
    );
  }
}

function bindFilter(b: Binding, level: Level, e: CallExpression): Expr {
  return inClause(level, 'FILTER', () => coerceToBoolean(b, bindExpression(b, level, e.filter!), 'FILTER'));
}
