/** How an aggregate is written down: its signature, its state's life, and what the executor may assume. */

import type { AggregateEntry, AggregateImpl, CallTypes, EvalContext, SqlValue } from '../types/contracts.ts';

export interface AggregateDefinition
  extends Pick<AggregateEntry, 'strict' | 'orderInsensitive' | 'keepsInput' | 'specialize' | 'compiled'> {
  /** `name(typname,…)`, as in pg_proc. */
  readonly signature: string;
}

/** The life of one state. `step` is given the aggregated arguments, `final` the direct ones. */
interface Life<S> {
  readonly compiled?: NonNullable<AggregateEntry['compiled']>;
  /** Default true: rows with a null argument are skipped. */
  readonly strict?: boolean;
  /** Default true. */
  readonly orderInsensitive?: boolean;
  /** Default false. */
  readonly keepsInput?: boolean;
  start(types: CallTypes): S;
  step(state: S, ...args: SqlValue[]): S;
  final(state: S, ...direct: SqlValue[]): SqlValue;
}

/**
 * The executor keeps states as `unknown`; they come back only to the aggregate that made them. Method types, compared
 * bivariantly, say just that.
 */
type Opaque = {
  start(context: EvalContext): unknown;
  step(context: EvalContext, state: unknown, ...args: SqlValue[]): unknown;
  final(context: EvalContext, state: unknown, ...direct: SqlValue[]): SqlValue;
};

function opaque<S>(life: Life<S>, types: CallTypes): Opaque {
  return {
    start: () => life.start(types),
    step: (_context: EvalContext, state: S, ...args: SqlValue[]) => life.step(state, ...args),
    final: (_context: EvalContext, state: S, ...direct: SqlValue[]) => life.final(state, ...direct),
  };
}

/** Declares an aggregate whose states are of type `S`. */
export function aggregate<S>(signature: string, life: Life<S>): AggregateDefinition {
  return {
    signature,
    strict: life.strict ?? true,
    orderInsensitive: life.orderInsensitive ?? true,
    keepsInput: life.keepsInput ?? false,
    specialize: (types): AggregateImpl => opaque(life, types),
    ...(life.compiled === undefined ? {} : { compiled: life.compiled }),
  };
}
