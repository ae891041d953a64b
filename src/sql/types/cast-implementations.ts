/** What runs for a cast: the function behind it, and the typmod after it; between signed integers and oids the bits stay. */
import { KIND_I16, KIND_I32, KIND_U32 } from '../../base/physical.ts';
import type { CastEntry, EvalContext, SqlValue, TypeEntry } from './contracts.ts';

type CastImpl = NonNullable<CastEntry['impl']>;

/** Between signed integers and oids the bits stay and the number wraps around. */
export function wrapping(source: TypeEntry | undefined, target: TypeEntry): CastImpl | undefined {
  const from = source?.physical(-1)?.kind;
  const to = target.physical(-1)?.kind;
  if ((from === KIND_I32 || from === KIND_I16) && to === KIND_U32) return (_context, value) => Number(value) >>> 0;
  if (from === KIND_U32 && to === KIND_I32) return (_context, value) => Number(value) | 0;
  return undefined;
}

/** The value as it is, brought into the target's typmod. */
export function relabel(type: TypeEntry): { readonly impl?: CastImpl } {
  return type.applyTypmod === undefined ? {} : { impl: lengthCast(type) };
}

export function lengthCast(type: TypeEntry): CastImpl {
  return (_context, value, typmod, explicit) => {
    return typmod < 0 ? value : (type.applyTypmod?.(value, typmod, explicit) ?? value);
  };
}

/** Converts by the cast's function, then applies the typmod. */
export function converted(impl: (context: EvalContext, value: SqlValue) => SqlValue, type: TypeEntry): CastImpl {
  return (context, value, typmod, explicit) => {
    const result = impl(context, value);
    return typmod < 0 || result === null ? result : (type.applyTypmod?.(result, typmod, explicit) ?? result);
  };
}
