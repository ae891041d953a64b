/** Window calls: OVER clauses, named windows, frames. Calls over equal definitions share one window. */

import type { CallExpression, WindowDefinition } from '../ast/expressions.ts';
import type { Name } from '../ast/names.ts';
import type { Expr, FrameBound, SortKey } from '../plan/logical.ts';
import type { AggregateEntry, Oid } from '../types/contracts.ts';
import { INT8_OID, TEXT_OID } from '../types/type-oids.ts';
import { bindAggregateCall, NO_AGGREGATES } from './aggregates.ts';
import { type Binding, columnRef } from './binding.ts';
import { bindArguments, chooseFunction, functionCall, noFunction } from './calls.ts';
import { coerce, resolveUntyped } from './coerce.ts';
import { keyOf, sortKeyText } from './expression-keys.ts';
import { bindExpression } from './expressions.ts';
import { type BoundWindow, type Clause, inClause, type Level } from './scope.ts';
import { sortKey } from './sorting.ts';

/** Where window functions may not stand: wherever aggregates may not, and HAVING. */
const NO_WINDOWS: Partial<Record<Clause, string>> = {
  ...NO_AGGREGATES,
  HAVING: 'HAVING',
  window: 'window definitions',
};

export function bindWindowCall(
  b: Binding,
  level: Level,
  e: CallExpression,
  aggregates: readonly AggregateEntry[],
): Expr {
  const place = NO_WINDOWS[level.clause];
  if (place !== undefined) throw b.error('windowing_error', `window functions are not allowed in ${place}`, e.at);
  if (level.insideWindow) throw b.error('windowing_error', 'window function calls cannot be nested', e.at);
  if (level.insideAggregate)
    throw b.error('grouping_error', 'aggregate function calls cannot contain window function calls', e.at);
  level.insideWindow = true;
  try {
    return bindOver(b, level, e, aggregates);
  } finally {
    level.insideWindow = false;
  }
}

function bindOver(b: Binding, level: Level, e: CallExpression, aggregates: readonly AggregateEntry[]): Expr {
  const name = e.name.name;
  if (e.distinct) throw b.error('feature_not_supported', 'DISTINCT is not implemented for window functions', e.at);
  if (e.orderBy.length > 0)
    throw b.error('feature_not_supported', 'aggregate ORDER BY is not implemented for window functions', e.at);
  const window = windowOf(b, level, e.over!);
  if (aggregates.length > 0) {
    const { call, type } = bindAggregateCall(b, level, e, aggregates);
    const { aggregate, args, filter } = call;
    return addWindowCall(
      b,
      window,
      filter === undefined ? { aggregate, args } : { aggregate, args, filter },
      name,
      type,
      e.at,
    );
  }
  const args = bindArguments(b, level, e);
  const chosen = chooseFunction(b, b.context.registry.functionsNamed(name), args, e.variadic);
  if (typeof chosen === 'string') throw noFunction(b, e, args, chosen);
  if (chosen.entry.kind !== 'w') {
    throw b.error(
      'wrong_object_type',
      `OVER specified, but ${name} is not a window function nor an aggregate function`,
      e.at,
    );
  }
  if (e.filter !== null)
    throw b.error('feature_not_supported', 'FILTER is not implemented for non-aggregate window functions', e.at);
  const call = functionCall(b, chosen, args, e.at);
  if (call.kind !== 'call') return call;
  return addWindowCall(b, window, { fn: call.fn, args: call.args }, name, call.type, e.at);
}

function addWindowCall(
  b: Binding,
  window: BoundWindow,
  call: BoundWindow['calls'][number]['call'],
  name: string,
  type: Oid,
  at: number,
): Expr {
  const column = b.column(name, type);
  window.calls.push({ call, column });
  return columnRef(column, at);
}

/** Named definitions of the level, bound at their first use. */
const named = new WeakMap<Level, ReadonlyMap<string, WindowDefinition>>();

/** Makes the query's WINDOW clause known to its level. @throws windowing_error for a name given twice */
export function declareWindows(
  b: Binding,
  level: Level,
  windows: readonly { readonly name: Name; readonly definition: WindowDefinition }[],
): void {
  const map = new Map<string, WindowDefinition>();
  for (const { name, definition } of windows) {
    if (map.has(name.text)) throw b.error('windowing_error', `window "${name.text}" is already defined`, name.at);
    map.set(name.text, definition);
  }
  named.set(level, map);
}

function definitionNamed(b: Binding, level: Level, name: Name): WindowDefinition {
  const found = named.get(level)?.get(name.text);
  if (found === undefined) throw b.error('undefined_object', `window "${name.text}" does not exist`, name.at);
  return found;
}

/** The bound window of an OVER clause; equal definitions share one. */
function windowOf(b: Binding, level: Level, over: WindowDefinition | Name): BoundWindow {
  const definition = 'kind' in over ? over : definitionNamed(b, level, over);
  const full = withBase(b, level, definition);
  const bound = inClause(level, 'window', () => ({
    partition: full.partitionBy.map((item) => resolveUntyped(b, bindExpression(b, level, item))),
    order: full.orderBy.map((item) => sortKey(b, resolveUntyped(b, bindExpression(b, level, item.expression)), item)),
  }));
  const frame = bindFrame(b, level, full, bound.order);
  const bounds = [frame.start, frame.end]
    .map((bound2) => ('offset' in bound2 ? `${bound2.kind} ${keyOf(bound2.offset)}` : bound2.kind))
    .join();
  const key = `${bound.partition.map(keyOf).join()}|${sortKeyText(bound.order)}|${frame.mode} ${bounds} ${frame.exclude}`;
  const known = level.windows.find((w) => w.key === key);
  if (known !== undefined) return known;
  const window: BoundWindow = { key, ...bound, frame, calls: [] };
  level.windows.push(window);
  return window;
}

/** `OVER (w ORDER BY …)`: partition and order of `w`, which must have no frame. */
function withBase(b: Binding, level: Level, definition: WindowDefinition): WindowDefinition {
  if (definition.base === null) return definition;
  const base = withBase(b, level, definitionNamed(b, level, definition.base));
  const name = definition.base.text;
  const refuse = (text: string) => b.error('windowing_error', text, definition.at);
  if (definition.partitionBy.length > 0) throw refuse(`cannot override PARTITION BY clause of window "${name}"`);
  if (definition.orderBy.length > 0 && base.orderBy.length > 0)
    throw refuse(`cannot override ORDER BY clause of window "${name}"`);
  if (base.frame !== null) throw refuse(`cannot copy window "${name}" because it has a frame clause`);
  const orderBy = definition.orderBy.length > 0 ? definition.orderBy : base.orderBy;
  return { ...definition, base: null, partitionBy: base.partitionBy, orderBy };
}

const BOUNDS = {
  unboundedPreceding: 'unbounded preceding',
  currentRow: 'current row',
  unboundedFollowing: 'unbounded following',
} as const;

function bindFrame(
  b: Binding,
  level: Level,
  definition: WindowDefinition,
  order: readonly SortKey[],
): BoundWindow['frame'] {
  const { frame } = definition;
  if (frame === null) {
    return {
      mode: 'range',
      start: { kind: 'unbounded preceding' },
      end: { kind: 'current row' },
      exclude: 'no others',
    };
  }
  if (frame.unit === 'groups' && order.length === 0)
    throw b.error('windowing_error', 'GROUPS mode requires an ORDER BY clause', frame.at);
  const bind = (bound: typeof frame.start): FrameBound => {
    if (!('offset' in bound)) return { kind: BOUNDS[bound.kind] };
    const offset = bindExpression(b, level, bound.offset);
    if (frame.unit !== 'range')
      return { kind: bound.kind, offset: coerce(b, offset, { oid: INT8_OID, typmod: -1 }, 'implicit') };
    if (order.length !== 1) {
      throw b.error(
        'windowing_error',
        'RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY column',
        frame.at,
      );
    }
    return { kind: bound.kind, offset: rangeOffset(b, offset, order[0]!.expr.type) };
  };
  return { mode: frame.unit, start: bind(frame.start), end: bind(frame.end), exclude: frame.exclude };
}

/** A RANGE offset of the type that the sort column moves by: itself for numbers, interval for dates and times. */
function rangeOffset(b: Binding, offset: Expr, column: Oid): Expr {
  const type = b.type(column);
  const target = type?.category === 'D' ? (b.context.registry.typeNamed('interval')?.oid ?? TEXT_OID) : column;
  return coerce(b, offset, { oid: target, typmod: -1 }, 'implicit');
}
