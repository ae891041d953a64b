/**
 * Calls: functions, casts written as calls, aggregates and window functions.
 *
 * An aggregate or window call leaves a column reference behind; the call itself is kept in the level that it belongs to, and
 * becomes part of the aggregate or window node when the query is put together.
 */

import type { CallExpression, SortItem, WindowDefinition } from '../ast/expressions.ts';
import type { Name } from '../ast/names.ts';
import type { AggregateCall, Expr, FrameBound, SortKey } from '../plan/logical.ts';
import { columnsOf, walkExpr } from '../plan/walk.ts';
import type { AggregateEntry, FunctionEntry, Oid } from '../types/contracts.ts';
import { ANY_OID, INT8_OID, TEXT_OID, UNKNOWN_OID } from '../types/type-oids.ts';
import { type Binding, columnRef } from './binding.ts';
import { coerce, coerceToBoolean, resolveUntyped, tryCoerce } from './coerce.ts';
import { aggregateKey, keyOf, sortKeyText } from './expression-keys.ts';
import { bindExpression } from './expressions.ts';
import { type Candidate, choose, concrete, type Polymorphic, resolvePolymorphic, spread } from './overloads.ts';
import { expandStar, wholeRow } from './references.ts';
import { type BoundWindow, type Clause, findItem, inClause, type Level, levelOf } from './scope.ts';
import { sortKey } from './sorting.ts';

interface Arguments {
  readonly exprs: readonly Expr[];
  readonly names: readonly (Name | null)[];
}

/** Where aggregates may not stand, with PostgreSQL's words for the place. */
const NO_AGGREGATES: Partial<Record<Clause, string>> = {
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

/** Where window functions may not stand: wherever aggregates may not, and HAVING. */
const NO_WINDOWS: Partial<Record<Clause, string>> = {
  ...NO_AGGREGATES,
  HAVING: 'HAVING',
  window: 'window definitions',
};

/** Where set-returning functions may not stand. */
const NO_SETS: Partial<Record<Clause, string>> = {
  'JOIN conditions': 'JOIN conditions',
  WHERE: 'WHERE',
  HAVING: 'HAVING',
  LIMIT: 'LIMIT',
  OFFSET: 'OFFSET',
  VALUES: 'VALUES',
  UPDATE: 'UPDATE',
  RETURNING: 'RETURNING',
  FILTER: 'FILTER',
  CHECK: 'check constraints',
  DEFAULT: 'DEFAULT expressions',
  index: 'index expressions',
};

export function bindCall(b: Binding, level: Level, e: CallExpression): Expr {
  const { schema, name } = e.name;
  const inCatalog = schema === null || schema === 'pg_catalog';
  const aggregates = inCatalog ? b.context.registry.aggregatesNamed(name) : [];
  if (e.over !== null) return bindWindowCall(b, level, e, aggregates);
  if (aggregates.length > 0) return bindAggregate(b, level, e, aggregates);
  refuseAggregateSyntax(b, e);
  const args = bindArguments(b, level, e);
  const functions = functionsOf(b, name, schema);
  const chosen = chooseFunction(b, functions, args, e.variadic);
  if (typeof chosen === 'string') {
    const cast = chosen === 'none' && inCatalog ? castCall(b, name, args, e.at) : undefined;
    const field = cast === undefined && chosen === 'none' ? fieldCall(e, args) : undefined;
    const found = cast ?? field;
    if (found !== undefined) return found;
    throw noFunction(b, e, args, chosen);
  }
  if (chosen.entry.kind === 'w')
    throw b.error('wrong_object_type', `window function ${name} requires an OVER clause`, e.at);
  const call = functionCall(b, chosen, args, e.at);
  if (chosen.entry.returnsSet) noteSet(b, level, e.at);
  return call;
}

/** Functions of a name that a schema has, or that the search path reaches. */
function functionsOf(b: Binding, name: string, schema: string | null): readonly FunctionEntry[] {
  const reached = (entry: FunctionEntry): boolean =>
    schema === null
      ? entry.schema === 'pg_catalog' || b.context.searchPath.includes(entry.schema)
      : entry.schema === schema;
  return b.context.registry.functionsNamed(name).filter(reached);
}

/** Calls a built-in function by name. */
export function callNamed(b: Binding, name: string, exprs: readonly Expr[], at: number): Expr {
  const args = { exprs, names: exprs.map(() => null) };
  const chosen = chooseFunction(b, b.context.registry.functionsNamed(name), args, false);
  if (typeof chosen !== 'string') return functionCall(b, chosen, args, at);
  const types = exprs.map((expr) => b.typeName(expr.type)).join(', ');
  throw b.error('undefined_function', `function pg_catalog.${name}(${types}) does not exist`, at, {
    hint: FUNCTION_HINT,
  });
}

const FUNCTION_HINT =
  'No function matches the given name and argument types. You might need to add explicit type casts.';

function noteSet(b: Binding, level: Level, at: number): void {
  const place = NO_SETS[level.clause];
  if (place !== undefined)
    throw b.error('feature_not_supported', `set-returning functions are not allowed in ${place}`, at);
  if (level.insideAggregate)
    throw b.error('feature_not_supported', 'aggregate function calls cannot contain set-returning function calls', at);
  level.hasSets = true;
}

function refuseAggregateSyntax(b: Binding, e: CallExpression): void {
  const name = e.name.name;
  const refuse = (text: string) => b.error('wrong_object_type', text, e.at);
  if (e.star) throw refuse(`${name}(*) specified, but ${name} is not an aggregate function`);
  if (e.distinct) throw refuse(`DISTINCT specified, but ${name} is not an aggregate function`);
  if (e.withinGroup) throw refuse(`WITHIN GROUP specified, but ${name} is not an aggregate function`);
  if (e.orderBy.length > 0) throw refuse(`ORDER BY specified, but ${name} is not an aggregate function`);
  if (e.filter !== null) throw refuse(`FILTER specified, but ${name} is not an aggregate function`);
}

/** Binds the arguments; `t.*` is a whole row here. */
function bindArguments(b: Binding, level: Level, e: CallExpression): Arguments {
  const exprs = e.args.map(({ value }) => {
    if (value.kind !== 'star') return bindExpression(b, level, value);
    const table = value.qualifier.at(-1);
    const found = value.of === null && table !== undefined ? findItem(b, level, null, table) : undefined;
    if (found !== undefined) return wholeRow(b, found.item, value.at);
    const columns = expandStar(b, level, value, () => bindExpression(b, level, value.of ?? value));
    return {
      kind: 'row' as const,
      items: columns.map((c) => c.expr),
      names: columns.map((c) => c.name),
      type: 2249,
      typmod: -1,
      at: value.at,
    };
  });
  return { exprs, names: e.args.map((arg) => arg.name) };
}

/** A function entry with the order of arguments for this call; −1 takes the declared default. */
interface Match {
  readonly fn: FunctionEntry;
  readonly order: readonly number[];
  /** The last parameter gathers the arguments from its position on. */
  readonly gathers: boolean;
}

function chooseFunction(b: Binding, functions: readonly FunctionEntry[], args: Arguments, variadic: boolean) {
  const candidates: Candidate<Match>[] = [];
  for (const fn of functions) {
    const order = orderOf(fn, args);
    if (order !== undefined && (!variadic || fn.variadic !== 0)) {
      const given = order.filter((i) => i >= 0).length === args.exprs.length;
      if (given)
        candidates.push({ entry: { fn, order, gathers: false }, args: byArgument(fn, order, args.exprs.length) });
    }
    if (variadic || fn.variadic === 0 || args.names.some((name) => name !== null)) continue;
    const types = spread(fn.args, fn.variadic, args.exprs.length);
    if (types !== undefined)
      candidates.push({ entry: { fn, order: args.exprs.map((_, i) => i), gathers: true }, args: types });
  }
  const chosen = choose(
    b,
    preferPlain(candidates),
    args.exprs.map((expr) => expr.type),
  );
  if (typeof chosen === 'string') return chosen;
  return { ...chosen.entry, entry: chosen.entry.fn, types: chosen.args };
}

/** Of two candidates with the same parameters the one without VARIADIC counts. */
function preferPlain(candidates: readonly Candidate<Match>[]): Candidate<Match>[] {
  return candidates.filter(
    (c) => !c.entry.gathers || !candidates.some((other) => !other.entry.gathers && other.args.join() === c.args.join()),
  );
}

/** For each parameter the index of its argument, −1 for a default; undefined when the call does not fit. */
function orderOf(fn: FunctionEntry, { exprs, names }: Arguments): readonly number[] | undefined {
  const order: number[] = fn.args.map(() => -1);
  for (let i = 0; i < exprs.length; i++) {
    const name = names[i];
    const at = name === null || name === undefined ? i : (fn.argNames?.indexOf(name.text) ?? -1);
    if (at < 0 || at >= order.length || order[at] !== -1) return undefined;
    order[at] = i;
  }
  const optional = fn.defaults?.length ?? 0;
  return order.every((i, at) => i >= 0 || at >= order.length - optional) ? order : undefined;
}

function byArgument(fn: FunctionEntry, order: readonly number[], count: number): readonly Oid[] {
  return Array.from({ length: count }, (_, i) => fn.args[order.indexOf(i)]!);
}

interface ChosenFunction {
  readonly entry: FunctionEntry;
  readonly order: readonly number[];
  readonly gathers: boolean;
  readonly types: readonly Oid[];
}

function functionCall(b: Binding, chosen: ChosenFunction, args: Arguments, at: number): Expr {
  const { entry: fn, order, gathers, types } = chosen;
  const settled = resolvePolymorphic(
    b,
    types,
    args.exprs.map((expr) => expr.type),
  ) ?? { element: 0, compatible: 0 };
  const converted = args.exprs.map((expr, i) => convertArgument(b, expr, concrete(b, types[i]!, settled)));
  const positional = gathers
    ? gatherVariadic(b, fn, converted, settled)
    : order.map((i, position) => (i >= 0 ? converted[i]! : defaultOf(fn, position)));
  const type = resultType(b, fn.result, settled, at);
  return { kind: 'call', fn, args: positional, type, typmod: -1, at };
}

function convertArgument(b: Binding, expr: Expr, type: Oid): Expr {
  if (type === ANY_OID) return resolveUntyped(b, expr);
  return coerce(b, expr, { oid: type, typmod: -1 }, 'implicit');
}

function resultType(b: Binding, declared: Oid, settled: Polymorphic, at: number): Oid {
  const type = concrete(b, declared, settled);
  if (type === 0)
    throw b.error('datatype_mismatch', 'could not determine polymorphic type because input has type unknown', at);
  return type;
}

function defaultOf(fn: FunctionEntry, position: number): Expr {
  const defaults = fn.defaults ?? [];
  const value = defaults[position - (fn.args.length - defaults.length)] ?? null;
  return { kind: 'const', value, type: fn.args[position]!, typmod: -1 };
}

/** VARIADIC arguments become one array, but for VARIADIC "any", whose function takes them as they are. */
function gatherVariadic(b: Binding, fn: FunctionEntry, args: readonly Expr[], settled: Polymorphic): readonly Expr[] {
  if (fn.variadic === ANY_OID) return args;
  const fixed = fn.args.length - 1;
  const elementType = concrete(b, fn.variadic, settled);
  const type = b.type(elementType)?.arrayOid ?? 0;
  const array: Expr = {
    kind: 'array',
    elementType,
    multidimensional: false,
    items: args.slice(fixed),
    type,
    typmod: -1,
  };
  return [...args.slice(0, fixed), array];
}

/** `int4(x)`: a type's name used as a function is a cast, if PostgreSQL has it as one. */
function castCall(b: Binding, name: string, args: Arguments, at: number): Expr | undefined {
  const type = args.exprs.length === 1 && args.names[0] === null ? b.context.registry.typeNamed(name) : undefined;
  if (type === undefined || type.name !== name) return undefined;
  const cast = b.context.registry.cast(args.exprs[0]!.type, type.oid);
  const allowed =
    args.exprs[0]!.type === UNKNOWN_OID || (cast !== undefined && (cast.method !== 'io' || type.category === 'S'));
  return allowed ? tryCoerce(b, { ...args.exprs[0]!, at }, { oid: type.oid, typmod: -1 }, 'explicit') : undefined;
}

/** `field(row)` is `(row).field`. */
function fieldCall(e: CallExpression, args: Arguments): Expr | undefined {
  const row = args.exprs.length === 1 && e.name.schema === null ? args.exprs[0] : undefined;
  if (row?.kind !== 'row') return undefined;
  const index = row.names.indexOf(e.name.name);
  return index < 0 ? undefined : { ...row.items[index]!, at: e.at };
}

function noFunction(b: Binding, e: CallExpression, args: Arguments, why: 'none' | 'ambiguous') {
  const name = e.name.schema === null ? e.name.name : `${e.name.schema}.${e.name.name}`;
  const types = args.exprs
    .map((expr, i) => (args.names[i] === null ? '' : `${args.names[i]!.text} => `) + b.typeName(expr.type))
    .join(', ');
  if (
    e.name.schema !== null &&
    !['pg_catalog', 'information_schema'].includes(e.name.schema) &&
    b.context.catalog.schemaNamed(e.name.schema) === undefined
  ) {
    return b.error('invalid_schema_name', `schema "${e.name.schema}" does not exist`, e.at);
  }
  if (why === 'ambiguous') {
    return b.error('ambiguous_function', `function ${name}(${types}) is not unique`, e.at, {
      hint: 'Could not choose a best candidate function. You might need to add explicit type casts.',
    });
  }
  return b.error('undefined_function', `function ${name}(${types}) does not exist`, e.at, { hint: FUNCTION_HINT });
}

// ── aggregates ─────────────────────────────────────────────────────────────────────────────────────────────────────────

interface BoundAggregate {
  readonly call: AggregateCall;
  readonly type: Oid;
}

function bindAggregate(b: Binding, level: Level, e: CallExpression, entries: readonly AggregateEntry[]): Expr {
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

function bindAggregateCall(
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
  const settled = resolvePolymorphic(
    b,
    types,
    given.map((expr) => expr.type),
  ) ?? { element: 0, compatible: 0 };
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

// ── windows ────────────────────────────────────────────────────────────────────────────────────────────────────────────

function bindWindowCall(b: Binding, level: Level, e: CallExpression, aggregates: readonly AggregateEntry[]): Expr {
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
