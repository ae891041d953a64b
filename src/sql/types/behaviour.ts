/** How the values of a type behave: what each type's module says, and the type table joins with the facts of pg_type. */

import { fail } from '../../base/errors.ts';
import type { EvalContext, SqlValue } from './contracts.ts';
import type { NonNullValue } from './value-bytes.ts';

/**
 * The behaviour of one type; `V` is the JS type of its values.
 *
 * These are methods, whose parameters TypeScript compares bivariantly: the type table may thus keep behaviours of all `V` in
 * one map. It calls each only with values of its own type, which binding guarantees.
 */
export interface Behaviour<V extends NonNullValue = NonNullValue> {
  parse(text: string, context: EvalContext, typmod: number): V;
  format(value: V, context: EvalContext): string;
  send?(value: V): Uint8Array;
  receive?(bytes: Uint8Array, start: number, end: number): V;
  compare?(a: V, b: V): number;
  typmodIn?(args: readonly string[]): number;
  typmodOut?(typmod: number): string;
  applyTypmod?(value: V, typmod: number, explicit: boolean): SqlValue;
}

/** The error of a binary value whose length is wrong. */
export function badBinary(): Error {
  return fail('invalid_binary_representation', 'incorrect binary data format');
}

/** A view of exactly `length` bytes. @throws `invalid_binary_representation` (22P03) for another length. */
export function fixedView(bytes: Uint8Array, start: number, end: number, length: number): DataView {
  if (end - start !== length) throw badBinary();
  return new DataView(bytes.buffer, bytes.byteOffset + start, length);
}

/** `length` bytes filled by `write`. */
export function written(length: number, write: (view: DataView) => void): Uint8Array {
  const bytes = new Uint8Array(length);
  write(new DataView(bytes.buffer));
  return bytes;
}

/** Order of numbers and BigInts alike. */
export function compareNumbers(a: number | bigint, b: number | bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Integer type modifiers. @throws `invalid_parameter_value` (22023) for text that is none. */
export function modifierNumbers(args: readonly string[]): readonly number[] {
  return args.map((arg) => {
    if (!/^[+-]?\d{1,9}$/.test(arg.trim())) {
      throw fail('invalid_parameter_value', 'type modifiers must be simple constants or identifiers');
    }
    return Number(arg);
  });
}
