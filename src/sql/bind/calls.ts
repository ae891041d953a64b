/**
 * Calls: functions, and casts written as calls. Aggregates and window functions are in `aggregates.ts` and `windows.ts`.
 *
 * An aggregate or window call leaves a column reference behind; the call itself is kept in the level that it belongs to, and
 * becomes part of the aggregate or window node when the query is put together.
 */

import type { CallExpression } from '../ast/expressions.ts';
import type { Name } from '../ast/names.ts';
import type { Expr } from '../plan/logical.ts';
import type { FunctionEntry, Oid } from '../types/contracts.ts';
import { ANY_OID, UNKNOWN_OID, VOID_OID } from '../types/type-oids.ts';
import { bindAggregate } from './aggregates.ts';
import type { Binding } from './binding.ts';
import { coerce, resolveUntyped, tryCoerce } from './coerce.ts';
import { bindExpression } from './expressions.ts';
import { type Candidate, choose, concrete, type Polymorphic, settlePolymorphic, spread } from './overloads.ts';
import { expandStar, wholeRow } from './references.ts';
import { type Clause, findItem, type Level } from './scope.ts';
import { bindWindowCall } from './windows.ts';

export interface Arguments {
  readonly exprs: readonly Expr[];
  readonly names: readonly (Name | null)[];
}

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
  const hint = 'You might be able to move the set-returning function into a LATERAL FROM item.';
  if (level.insideAggregate)
    throw b.error('feature_not_supported', 'aggregate function calls cannot contain set-returning function calls', at, {
      hint,
    });
  if (level.conditional !== undefined)
    throw b.error('feature_not_supported', `set-returning functions are not allowed in ${level.conditional}`, at, {
      hint,
    });
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
export function bindArguments(b: Binding, level: Level, e: CallExpression): Arguments {
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
  // A driver of JDBC writes an output parameter as one of type void among the inputs; PostgreSQL passes over these.
  const given = exprs.map((expr) => expr.kind !== 'param' || expr.type !== VOID_OID);
  return {
    exprs: exprs.filter((_, i) => given[i]),
    names: e.args.filter((_, i) => given[i]).map((arg) => arg.name),
  };
}

/** A function entry with the order of arguments for this call; −1 takes the declared default. */
interface Match {
  readonly fn: FunctionEntry;
  readonly order: readonly number[];
  /** The last parameter gathers the arguments from its position on. */
  readonly gathers: boolean;
}

export function chooseFunction(b: Binding, functions: readonly FunctionEntry[], args: Arguments, variadic: boolean) {
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

export function functionCall(b: Binding, chosen: ChosenFunction, args: Arguments, at: number): Expr {
  const { entry: fn, order, gathers, types } = chosen;
  const settled = settlePolymorphic(
    b,
    types,
    args.exprs.map((expr) => expr.type),
  );
  const converted = args.exprs.map((expr, i) => convertArgument(b, expr, concrete(b, types[i]!, settled)));
  const positional = gathers
    ? gatherVariadic(b, fn, converted, settled)
    : order.map((i, position) => (i >= 0 ? converted[i]! : defaultOf(fn, position)));
  const type = resultType(b, fn.result, settled, at);
  return { kind: 'call', fn, args: positional, type, typmod: -1, at };
}

export function convertArgument(b: Binding, expr: Expr, type: Oid): Expr {
  if (type === ANY_OID) return resolveUntyped(b, expr);
  return coerce(b, expr, { oid: type, typmod: -1 }, 'implicit');
}

export function resultType(b: Binding, declared: Oid, settled: Polymorphic, at: number): Oid {
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

export function noFunction(b: Binding, e: CallExpression, args: Arguments, why: 'none' | 'ambiguous') {
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
