/**
 * Rows of a result as objects or arrays.
 *
 * An object's names are the users'. They enter generated code as arguments only, and become own properties whatever they are:
 * a computed name in an object literal defines, it never sets, so `__proto__` is a column like any other.
 */
import type { Env } from '../sql/exec/state.ts';

/** Reads one column of the row that the environment points to. */
export type ReadColumn = (env: Env) => unknown;
export type MakeRow = (env: Env) => object;

/** Rows before a maker is worth generating. */
const GENERATED_FROM = 32;
/** More columns than this are put together by a loop. */
const GENERATED_COLUMNS_MAX = 200;

/** A maker of plain objects; `often` = it will be used again and again. */
export function objectMaker(names: readonly string[], readers: readonly ReadColumn[], often: boolean): MakeRow {
  if (names.length > GENERATED_COLUMNS_MAX) return looped(names, readers);
  if (often) return generated(names, readers);
  let make = looped(names, readers);
  let left = GENERATED_FROM;
  return (env) => {
    if (left > 0 && --left === 0) make = generated(names, readers);
    return make(env);
  };
}

export function arrayMaker(readers: readonly ReadColumn[]): MakeRow {
  return (env) => readers.map((read) => read(env));
}

function looped(names: readonly string[], readers: readonly ReadColumn[]): MakeRow {
  return (env) => {
    const row = {};
    for (let i = 0; i < names.length; i++)
      Object.defineProperty(row, names[i]!, {
        value: readers[i]!(env),
        writable: true,
        enumerable: true,
        configurable: true,
      });
    return row;
  };
}

/** `(env) => ({ [n0]: r0(env), [n1]: r1(env) })`, where code from strings is allowed. */
function generated(names: readonly string[], readers: readonly ReadColumn[]): MakeRow {
  const numbers = names.map((_, i) => i);
  const fields = numbers.map((i) => `[n${i}]: r${i}(env)`).join(', ');
  try {
    const factory = new Function(
      ...numbers.map((i) => `n${i}`),
      ...numbers.map((i) => `r${i}`),
      `return (env) => ({ ${fields} });`,
    );
    return factory(...names, ...readers);
  } catch (error) {
    if (error instanceof EvalError) return looped(names, readers);
    throw error;
  }
}
