/**
 * Which function or operator is meant: PostgreSQL's overload resolution.
 *
 *   1  candidates that take the number of arguments and to whose parameters every argument converts implicitly
 *   2  those with the most exact matches                        (unknown arguments count for nothing)
 *   3  those with the most exact or preferred matches
 *   4  unknown arguments: the category that all candidates accept, or string if any does; preferred types first
 *   5  if all known arguments have one type, unknowns are taken to be of it
 *
 * More or less than one survivor is the caller's error.
 */

import { fail } from '../../base/errors.ts';
import type { Oid } from '../types/contracts.ts';
import {
  ANY_OID,
  ANYARRAY_OID,
  ANYCOMPATIBLE_OID,
  ANYCOMPATIBLEARRAY_OID,
  ANYCOMPATIBLENONARRAY_OID,
  ANYELEMENT_OID,
  ANYNONARRAY_OID,
  TEXT_OID,
  UNKNOWN_OID,
} from '../types/type-oids.ts';
import type { Binding } from './binding.ts';
import { canCoerce, isPolymorphic } from './coerce.ts';

/** A candidate: its parameter types for this very number of arguments. */
export interface Candidate<T> {
  readonly entry: T;
  readonly args: readonly Oid[];
}

/** The candidate meant, `none` when no one fits, `ambiguous` when several do. */
export function choose<T>(
  b: Binding,
  candidates: readonly Candidate<T>[],
  actual: readonly Oid[],
): Candidate<T> | 'none' | 'ambiguous' {
  const exact = candidates.find((c) => c.args.every((type, i) => type === actual[i]));
  if (exact !== undefined) return exact;
  let left = candidates.filter((c) => fits(b, c.args, actual));
  if (left.length === 0) return 'none';
  if (left.length === 1) return left[0]!;
  left = best(left, (c) => count(actual, (type, i) => type !== UNKNOWN_OID && c.args[i] === type));
  if (left.length === 1) return left[0]!;
  left = best(left, (c) =>
    count(actual, (type, i) => type !== UNKNOWN_OID && (c.args[i] === type || isPreferred(b, type, c.args[i]!))),
  );
  if (left.length === 1) return left[0]!;
  if (!actual.includes(UNKNOWN_OID)) return 'ambiguous';
  return resolveUnknowns(b, left, actual);
}

function count(types: readonly Oid[], test: (type: Oid, i: number) => boolean): number {
  return types.reduce((n, type, i) => n + (test(type, i) ? 1 : 0), 0);
}

function best<T>(candidates: readonly Candidate<T>[], score: (candidate: Candidate<T>) => number): Candidate<T>[] {
  const scores = candidates.map(score);
  const highest = Math.max(...scores);
  return candidates.filter((_, i) => scores[i] === highest);
}

/** Is `to` the preferred type of the category that `from` belongs to? */
function isPreferred(b: Binding, from: Oid, to: Oid): boolean {
  const target = b.type(to);
  return target?.preferred === true && target.category === b.type(from)?.category;
}

function resolveUnknowns<T>(
  b: Binding,
  candidates: readonly Candidate<T>[],
  actual: readonly Oid[],
): Candidate<T> | 'ambiguous' {
  let left = candidates;
  const wanted = actual.map((type, i) => (type === UNKNOWN_OID ? categoryAt(b, left, i) : null));
  if (!wanted.includes('conflict')) {
    const accepted = left.filter((c) =>
      wanted.every((want, i) => {
        if (want === null || want === 'conflict') return true;
        const type = b.type(c.args[i]!);
        return type?.category === want.category && (!want.preferred || type.preferred);
      }),
    );
    if (accepted.length === 1) return accepted[0]!;
    if (accepted.length > 0) left = accepted;
  }
  const known = new Set(actual.filter((type) => type !== UNKNOWN_OID));
  if (known.size !== 1) return 'ambiguous';
  const assumed = [...known][0]!;
  const same = left.filter((c) =>
    fits(
      b,
      c.args,
      actual.map(() => assumed),
    ),
  );
  return same.length === 1 ? same[0]! : 'ambiguous';
}

type Wanted = { readonly category: string; readonly preferred: boolean } | 'conflict';

function categoryAt<T>(b: Binding, candidates: readonly Candidate<T>[], i: number): Wanted {
  const types = candidates.map((c) => b.type(c.args[i]!));
  const categories = new Set(types.map((type) => type?.category ?? 'P'));
  if (categories.size > 1 && !categories.has('S')) return 'conflict';
  const category = categories.has('S') ? 'S' : [...categories][0]!;
  return { category, preferred: types.some((type) => type?.category === category && type.preferred) };
}

/** Do all arguments convert implicitly, and polymorphic parameters agree on one type? */
function fits(b: Binding, params: readonly Oid[], actual: readonly Oid[]): boolean {
  const converts = params.every((param, i) => canCoerce(b, actual[i]!, param, 'implicit'));
  return converts && (!params.some(isPolymorphic) || resolvePolymorphic(b, params, actual) !== undefined);
}

/** What the polymorphic types of one call stand for; 0 = not determined. */
export interface Polymorphic {
  /** The element type of the `any…` family. */
  readonly element: Oid;
  /** The element type of the `anycompatible…` family. */
  readonly compatible: Oid;
}

/** Settles polymorphic parameters; undefined when the arguments contradict one another. */
export function resolvePolymorphic(
  b: Binding,
  params: readonly Oid[],
  actual: readonly Oid[],
): Polymorphic | undefined {
  let element: Oid = 0;
  const compatible: Oid[] = [];
  for (let i = 0; i < params.length; i++) {
    const [param, type] = [params[i]!, actual[i]!];
    if (!isPolymorphic(param) || type === UNKNOWN_OID) continue;
    const isArray = param === ANYARRAY_OID || param === ANYCOMPATIBLEARRAY_OID;
    const found = isArray ? elementOf(b, type) : type;
    if (found === 0) return undefined;
    const plainOnly = param === ANYNONARRAY_OID || param === ANYCOMPATIBLENONARRAY_OID;
    if (plainOnly && elementOf(b, type) !== 0) return undefined;
    if (param === ANYCOMPATIBLE_OID || param === ANYCOMPATIBLEARRAY_OID || param === ANYCOMPATIBLENONARRAY_OID)
      compatible.push(found);
    else if (element === 0) element = found;
    else if (element !== found) return undefined;
  }
  const common = commonOf(b, compatible);
  return common === undefined ? undefined : { element, compatible: common };
}

/**
 * What the polymorphic parameters of the candidate that was chosen stand for. Literals alone leave the `anycompatible…`
 * family to text, but say nothing to the `any…` family.
 *
 * @throws datatype_mismatch
 */
export function settlePolymorphic(b: Binding, params: readonly Oid[], actual: readonly Oid[]): Polymorphic {
  const settled = resolvePolymorphic(b, params, actual) ?? { element: 0, compatible: 0 };
  if (settled.element === 0 && params.some((param) => ELEMENT_FAMILY.has(param)))
    throw fail('datatype_mismatch', 'could not determine polymorphic type because input has type unknown');
  return settled;
}

const ELEMENT_FAMILY: ReadonlySet<Oid> = new Set([ANYELEMENT_OID, ANYARRAY_OID, ANYNONARRAY_OID]);

/** The element type of a true array, else 0. */
export function elementOf(b: Binding, oid: Oid): Oid {
  const type = b.type(oid);
  return type?.category === 'A' ? type.elementOid : 0;
}

function commonOf(b: Binding, types: readonly Oid[]): Oid | undefined {
  let chosen: Oid = 0;
  for (const next of types) {
    if (chosen === 0 || next === chosen) chosen = next;
    else if (b.type(chosen)?.category !== b.type(next)?.category) return undefined;
    else if (b.type(chosen)?.preferred !== true && canCoerce(b, chosen, next, 'implicit')) chosen = next;
    else if (!canCoerce(b, next, chosen, 'implicit')) return undefined;
  }
  return chosen;
}

/** The concrete type of a declared one; an undetermined family is text. */
export function concrete(b: Binding, declared: Oid, types: Polymorphic): Oid {
  const element = types.element || TEXT_OID;
  const compatible = types.compatible || TEXT_OID;
  switch (declared) {
    case ANYELEMENT_OID:
    case ANYNONARRAY_OID:
      return element;
    case ANYARRAY_OID:
      return b.type(element)?.arrayOid ?? 0;
    case ANYCOMPATIBLE_OID:
    case ANYCOMPATIBLENONARRAY_OID:
      return compatible;
    case ANYCOMPATIBLEARRAY_OID:
      return b.type(compatible)?.arrayOid ?? 0;
    default:
      return declared;
  }
}

/** Spreads a variadic signature over a number of arguments; undefined when it does not reach. */
export function spread(args: readonly Oid[], variadic: Oid, actual: number): readonly Oid[] | undefined {
  const fixed = args.length - 1;
  if (actual <= fixed) return undefined;
  const item = variadic === ANY_OID ? ANY_OID : variadic;
  return [...args.slice(0, fixed), ...Array.from({ length: actual - fixed }, () => item)];
}
