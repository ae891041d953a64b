/**
 * Conversions between types: which are allowed where, how an expression is converted, and the common type of several.
 *
 * Three contexts, each allowing more: implicit (operands), assignment (INSERT, UPDATE), explicit (CAST). A constant of type
 * `unknown` (a quoted literal, or a parameter that nothing has typed yet) takes the wanted type itself: nothing is left of
 * it at run time.
 */

import type { Expr } from '../plan/logical.ts';
import { childrenOf } from '../plan/walk.ts';
import type { Oid, TypeEntry } from '../types/contracts.ts';
import {
  ANY_OID,
  ANYARRAY_OID,
  ANYCOMPATIBLE_OID,
  ANYCOMPATIBLEARRAY_OID,
  ANYCOMPATIBLENONARRAY_OID,
  ANYELEMENT_OID,
  ANYENUM_OID,
  ANYNONARRAY_OID,
  BOOL_OID,
  RECORD_OID,
  TEXT_OID,
  UNKNOWN_OID,
} from '../types/type-oids.ts';
import type { Binding } from './binding.ts';
import type { BoundType } from './type-lookup.ts';

export type CoercionContext = 'implicit' | 'assignment' | 'explicit';

const ALLOWS: Record<CoercionContext, string> = { implicit: 'i', assignment: 'ia', explicit: 'iae' };

const POLYMORPHIC = new Set<Oid>([
  ANYELEMENT_OID,
  ANYARRAY_OID,
  ANYNONARRAY_OID,
  ANYENUM_OID,
  ANYCOMPATIBLE_OID,
  ANYCOMPATIBLEARRAY_OID,
  ANYCOMPATIBLENONARRAY_OID,
]);

export function isPolymorphic(oid: Oid): boolean {
  return POLYMORPHIC.has(oid);
}

/** Can a value of one type become another in this context? Polymorphic targets are checked elsewhere. */
export function canCoerce(b: Binding, from: Oid, to: Oid, context: CoercionContext): boolean {
  if (from === to || to === ANY_OID || POLYMORPHIC.has(to) || from === UNKNOWN_OID) return true;
  if (to === RECORD_OID) return isRow(b, from);
  const cast = b.context.registry.cast(from, to);
  // int2vector and oidvector hold elements but are no arrays that others convert to.
  const target = b.type(to);
  if (target?.category === 'A' && !target.name.startsWith('_') && b.type(from)?.category === 'A') return false;
  return cast !== undefined && ALLOWS[context].includes(cast.context);
}

function isRow(b: Binding, oid: Oid): boolean {
  return oid === RECORD_OID || b.type(oid)?.typeType === 'c';
}

/** A literal that has not yet got a type. */
export function isUntyped(expr: Expr): boolean {
  return expr.type === UNKNOWN_OID && (expr.kind === 'const' || expr.kind === 'param');
}

/** Slots of literals that are not yet parameters, as negative parameter indexes. */
export function slotIndex(slot: number): number {
  return -1 - slot;
}

/**
 * Converts an expression, or answers undefined when the context does not allow it.
 *
 * @throws whatever the type's input says about the text of a constant, with the constant's position
 */
export function tryCoerce(b: Binding, expr: Expr, target: BoundType, context: CoercionContext): Expr | undefined {
  const { oid, typmod } = target;
  if (isUntyped(expr)) return typeLiteral(b, expr, target, context === 'explicit');
  if (expr.type === oid || oid === ANY_OID) return applyTypmod(b, expr, typmod, context === 'explicit');
  if (!canCoerce(b, expr.type, oid, context)) return undefined;
  const cast = b.context.registry.cast(expr.type, oid);
  if (cast === undefined) return expr;
  const converted: Expr = {
    kind: 'cast',
    cast,
    arg: expr,
    explicit: context === 'explicit',
    type: oid,
    typmod: -1,
    ...atOf(expr),
  };
  return applyTypmod(b, converted, typmod, context === 'explicit');
}

/** Where an expression begins, as errors point to it: at its leftmost part, where its name or operator is not. */
export function locationOf(expr: Expr): number | undefined {
  switch (expr.kind) {
    case 'call':
    case 'cast':
    case 'typmod':
    case 'and':
    case 'or':
    case 'test':
    case 'distinct':
    case 'anyarray':
    case 'rowcompare':
      break;
    default:
      return expr.at;
  }
  let least = expr.at;
  for (const child of childrenOf(expr)) {
    const at = locationOf(child);
    if (at !== undefined && (least === undefined || at < least)) least = at;
  }
  return least;
}

export function atOf(expr: { readonly at?: number }): { readonly at?: number } {
  return expr.at === undefined ? {} : { at: expr.at };
}

/** As {@link tryCoerce}. @throws cannot_coerce, with PostgreSQL's text */
export function coerce(
  b: Binding,
  expr: Expr,
  target: BoundType,
  context: CoercionContext,
  at: number | undefined = locationOf(expr),
): Expr {
  const converted = tryCoerce(b, expr, target, context);
  if (converted !== undefined) return converted;
  throw b.error('cannot_coerce', `cannot cast type ${b.typeName(expr.type)} to ${b.typeName(target.oid)}`, at);
}

/** Gives an untyped literal or parameter its type. */
function typeLiteral(b: Binding, expr: Expr, { oid, typmod }: BoundType, explicit: boolean): Expr {
  const type = b.type(oid);
  if (expr.kind === 'param') {
    const typed = expr.index < 0 ? b.literalParameter(-1 - expr.index, oid, expr.at ?? 0) : b.inferParameter(expr, oid);
    return applyTypmod(b, typed, typmod, explicit);
  }
  if (expr.kind !== 'const' || type === undefined) return expr;
  if (expr.value === null) return { ...expr, type: oid, typmod };
  if (typeof expr.value !== 'string') return expr;
  const text = expr.value;
  if (dependsOnMoment(type, text)) b.cacheable = false;
  return b.at(expr.at, () => {
    const element = type.elementOid === 0 ? type : b.type(type.elementOid);
    if (explicit && typmod >= 0 && element?.category === 'S') {
      // A cast that is written down cuts text short, where an assignment refuses it.
      const whole = type.parse(text, -1, b.context.evaluation);
      return applyTypmod(b, { kind: 'const', value: whole, type: oid, typmod: -1, ...atOf(expr) }, typmod, true);
    }
    const value = type.parse(text, typmod, b.context.evaluation);
    const fitted =
      typmod >= 0 && value !== null && type.applyTypmod !== undefined
        ? type.applyTypmod(value, typmod, explicit)
        : value;
    return { kind: 'const', value: fitted, type: oid, typmod, ...atOf(expr) };
  });
}

/** Literals whose value another execution may read differently. Names of objects hold as long as the catalog does. */
function dependsOnMoment(type: TypeEntry, text: string): boolean {
  return type.category === 'D' && /now|today|tomorrow|yesterday/i.test(text);
}

export function applyTypmod(b: Binding, expr: Expr, typmod: number, explicit: boolean): Expr {
  if (typmod < 0 || expr.typmod === typmod) return expr;
  const type = b.type(expr.type);
  const element = type === undefined || type.elementOid === 0 ? type : b.type(type.elementOid);
  if (element?.applyTypmod === undefined) return { ...expr, typmod };
  return { kind: 'typmod', arg: expr, explicit, type: expr.type, typmod, ...atOf(expr) };
}

/** Coerces a condition. @throws datatype_mismatch `argument of WHERE must be type boolean, not type x` */
export function coerceToBoolean(b: Binding, expr: Expr, construct: string): Expr {
  const condition = tryCoerce(b, expr, { oid: BOOL_OID, typmod: -1 }, 'assignment');
  if (condition !== undefined && (expr.type === BOOL_OID || isUntyped(expr))) return condition;
  throw b.error(
    'datatype_mismatch',
    `argument of ${construct} must be type boolean, not type ${b.typeName(expr.type)}`,
    locationOf(expr),
  );
}

/** Gives what is still untyped the type text; for select lists and the like. */
export function resolveUntyped(b: Binding, expr: Expr): Expr {
  return expr.type === UNKNOWN_OID ? coerce(b, expr, { oid: TEXT_OID, typmod: -1 }, 'implicit') : expr;
}

/**
 * The type that several expressions have in common: PostgreSQL's rules for UNION, CASE and their kin.
 *
 * @param construct for the message `UNION types integer and text cannot be matched`
 * @throws datatype_mismatch
 */
export function commonType(b: Binding, exprs: readonly Expr[], construct: string): Oid {
  let chosen: Oid = UNKNOWN_OID;
  for (const expr of exprs) {
    const wider = widerType(b, chosen, expr.type);
    if (wider === undefined) {
      throw b.error(
        'datatype_mismatch',
        `${construct} types ${b.typeName(chosen)} and ${b.typeName(expr.type)} cannot be matched`,
        locationOf(expr),
      );
    }
    chosen = wider;
  }
  return chosen === UNKNOWN_OID ? TEXT_OID : chosen;
}

/** As {@link commonType}, undefined when there is none or a conversion to it is missing. */
export function commonTypeIfAny(b: Binding, types: readonly Oid[]): Oid | undefined {
  let chosen: Oid = UNKNOWN_OID;
  for (const type of types) {
    const wider = widerType(b, chosen, type);
    if (wider === undefined) return undefined;
    chosen = wider;
  }
  const common = chosen === UNKNOWN_OID ? TEXT_OID : chosen;
  return types.every((type) => canCoerce(b, type, common, 'implicit')) ? common : undefined;
}

/** The type that holds both; undefined when their categories differ. */
function widerType(b: Binding, chosen: Oid, next: Oid): Oid | undefined {
  if (next === UNKNOWN_OID || next === chosen) return chosen;
  if (chosen === UNKNOWN_OID) return next;
  const [left, right] = [b.type(chosen), b.type(next)];
  if (left?.category !== right?.category) return undefined;
  const widens = canCoerce(b, chosen, next, 'implicit') && !canCoerce(b, next, chosen, 'implicit');
  return left?.preferred !== true && widens ? next : chosen;
}

/** The modifier that all share when they are of the type already, else −1. */
export function commonTypmod(exprs: readonly Expr[], type: Oid): number {
  const first = exprs[0]?.typmod ?? -1;
  return exprs.every((expr) => expr.type === type && expr.typmod === first) ? first : -1;
}

/** Converts to the common type. @throws cannot_coerce `CASE could not convert type x to y` */
export function coerceToCommon(b: Binding, expr: Expr, type: Oid, construct: string): Expr {
  const converted = tryCoerce(b, expr, { oid: type, typmod: -1 }, 'implicit');
  if (converted !== undefined) return converted;
  throw b.error(
    'cannot_coerce',
    `${construct} could not convert type ${b.typeName(expr.type)} to ${b.typeName(type)}`,
    locationOf(expr),
  );
}

/** All of them at their common type. */
export function unify(
  b: Binding,
  exprs: readonly Expr[],
  construct: string,
): { type: Oid; typmod: number; exprs: Expr[] } {
  const type = commonType(b, exprs, construct);
  const typmod = commonTypmod(exprs, type);
  return { type, typmod, exprs: exprs.map((expr) => coerceToCommon(b, expr, type, construct)) };
}
