/**
 * How a built-in function is written down: its signature and its implementation.
 *
 * Everything else about it (oid, result, volatility, strictness …) is a fact of PostgreSQL's pg_proc, kept in
 * `function-facts-*.ts`; the registry joins the two by signature, e.g. `lpad(text,int4,text)`.
 */

import type { Task } from '../../base/task.ts';
import type {
  CallTypes,
  CodeTemplate,
  EvalContext,
  LongImpl,
  Pace,
  ScalarImpl,
  SetImpl,
  SqlValue,
} from '../types/contracts.ts';

export interface Definition {
  /** `name(typname,…)`, as in pg_proc. */
  readonly signature: string;
  readonly impl?: ScalarImpl;
  readonly long?: LongImpl;
  readonly setImpl?: SetImpl;
  readonly specialize?: (types: CallTypes) => ScalarImpl;
  readonly specializeSet?: (types: CallTypes) => SetImpl;
  readonly code?: CodeTemplate;
  /** Values of trailing arguments that may be left out. */
  readonly defaults?: readonly SqlValue[];
  /** Default pg_catalog. */
  readonly schema?: string;
}

/**
 * Functions of narrower parameters than `SqlValue`.
 *
 * These are method types, whose parameters TypeScript compares bivariantly: an implementation says what it takes (`text:
 * string`), and the registry calls it with values that binding has brought to the signature's types.
 * Overloads with fewer arguments share an implementation, whose further parameters are then undefined.
 */
type Argument = SqlValue | undefined;
export type PureFunction = { call(...args: Argument[]): SqlValue }['call'];
export type ContextFunction = { call(context: EvalContext, ...args: Argument[]): SqlValue }['call'];
export type PureSetFunction = { call(...args: Argument[]): Iterable<SqlValue | readonly SqlValue[]> }['call'];
export type ContextSetFunction = {
  call(context: EvalContext, ...args: Argument[]): Iterable<SqlValue | readonly SqlValue[]>;
}['call'];

/** Number of arguments that a signature names. */
function arity(signature: string): number {
  const args = signature.slice(signature.indexOf('(') + 1, -1);
  return args === '' ? 0 : args.split(',').length;
}

/** Drops the context for a function that needs none; fixed arities spare the call a rest array. */
function lift(signature: string, f: PureFunction): ScalarImpl {
  switch (arity(signature)) {
    case 0:
      return () => f();
    case 1:
      return (_context, a) => f(a);
    case 2:
      return (_context, a, b) => f(a, b);
    case 3:
      return (_context, a, b, c) => f(a, b, c);
    default:
      return (_context, ...args) => f(...args);
  }
}

/** A function of its arguments alone. */
export function pure(signature: string, f: PureFunction, code?: CodeTemplate): Definition {
  const impl = lift(signature, f);
  return code === undefined ? { signature, impl } : { signature, impl, code };
}

/** One implementation under several signatures. */
export function pureEach(signatures: readonly string[], f: PureFunction, code?: CodeTemplate): Definition[] {
  return signatures.map((signature) => pure(signature, f, code));
}

/** What {@link LongImpl} consists of, for functions of narrower parameters. */
export type LongUnits = { call(...args: Argument[]): number }['call'];
export type LongRun = { call(pace: Pace, ...args: Argument[]): Task<SqlValue> }['call'];

/** A function of its arguments alone that does long values in slices. */
export function pureLong(signature: string, f: PureFunction, units: LongUnits, run: LongRun): Definition {
  return { ...pure(signature, f), long: { units, run } };
}

export function pureLongEach(
  signatures: readonly string[],
  f: PureFunction,
  units: LongUnits,
  run: LongRun,
): Definition[] {
  return signatures.map((signature) => pureLong(signature, f, units, run));
}

/** A function that asks its session. */
export function contextual(signature: string, f: ContextFunction): Definition {
  return { signature, impl: f };
}

/** A function whose implementation depends on the actual types of a call. */
export function polymorphic(signature: string, specialize: (types: CallTypes) => ContextFunction): Definition {
  return { signature, specialize };
}

/** A set-returning function of its arguments alone. */
export function pureSet(signature: string, f: PureSetFunction): Definition {
  return { signature, setImpl: (_context, ...args) => f(...args) };
}

export function contextualSet(signature: string, f: ContextSetFunction): Definition {
  return { signature, setImpl: f };
}
