/** Aggregates that keep their input: string_agg, array_agg, and the ordered-set aggregates. */

import { fail } from '../../base/errors.ts';
import { PgArray, stackArrays } from '../types/array.ts';
import type { CallTypes, Oid, SqlValue } from '../types/contracts.ts';
import { addIntervals, type Interval, multiplyInterval, negateInterval } from '../types/interval.ts';
import { typeFacts } from '../types/type-facts.ts';
import { equalValues } from '../types/value-order.ts';
import { type AggregateDefinition, aggregate } from './aggregate-definition.ts';

/** Element type of a call's array result. */
function resultElement(types: CallTypes): Oid {
  return typeFacts(types.result)?.elementOid ?? 0;
}

interface Collected {
  readonly element: Oid;
  readonly values: SqlValue[];
}

function collect(state: Collected, value: SqlValue): Collected {
  state.values.push(value);
  return state;
}

/** Delimiters precede all values but the first, whose delimiter is dropped. */
interface Joined {
  readonly parts: (string | Uint8Array)[];
}

function concatBytes(parts: readonly (string | Uint8Array)[]): Uint8Array {
  const bytes = parts.filter((part) => typeof part !== 'string');
  const joined = new Uint8Array(bytes.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of bytes) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

function stringAggregate(type: 'text' | 'bytea'): AggregateDefinition {
  return aggregate<Joined>(`string_agg(${type},${type})`, {
    strict: false,
    orderInsensitive: false,
    keepsInput: true,
    start: () => ({ parts: [] }),
    step: (state, value, delimiter) => {
      if (typeof value !== 'string' && !(value instanceof Uint8Array)) return state;
      if (state.parts.length > 0 && (typeof delimiter === 'string' || delimiter instanceof Uint8Array)) {
        state.parts.push(delimiter);
      }
      state.parts.push(value);
      return state;
    },
    final: ({ parts }) => {
      if (parts.length === 0) return null;
      return type === 'text' ? parts.join('') : concatBytes(parts);
    },
  });
}

function checkFraction(fraction: number): void {
  if (fraction < 0 || fraction > 1 || Number.isNaN(fraction)) {
    throw fail('numeric_value_out_of_range', `percentile value ${fraction} is not between 0 and 1`);
  }
}

/** The value at a fraction of sorted values, between two of them where it falls there. */
function continuous(
  values: readonly SqlValue[],
  fraction: number,
  between: (low: SqlValue, high: SqlValue, share: number) => SqlValue,
): SqlValue {
  checkFraction(fraction);
  if (values.length === 0) return null;
  const position = fraction * (values.length - 1);
  const low = Math.floor(position);
  const high = Math.ceil(position);
  const first = values[low] ?? null;
  return low === high ? first : between(first, values[high] ?? null, position - low);
}

function discrete(values: readonly SqlValue[], fraction: number): SqlValue {
  checkFraction(fraction);
  const row = Math.max(Math.ceil(values.length * fraction), 1);
  return values[row - 1] ?? null;
}

/** Applies a percentile to each fraction of an array. */
function each(fractions: PgArray, element: Oid, percentile: (fraction: number) => SqlValue): PgArray {
  return fractions.retyped(
    element,
    fractions.values.map((fraction) => (typeof fraction === 'number' ? percentile(fraction) : null)),
  );
}

function betweenFloats(low: number, high: number, share: number): number {
  return low + share * (high - low);
}

function betweenIntervals(low: Interval, high: Interval, share: number): Interval {
  return addIntervals(low, multiplyInterval(addIntervals(high, negateInterval(low)), share));
}

type Between = { call(low: SqlValue, high: SqlValue, share: number): SqlValue }['call'];

function orderedSet(signature: string, final: (state: Collected, direct: SqlValue) => SqlValue): AggregateDefinition {
  return aggregate<Collected>(signature, {
    orderInsensitive: false,
    keepsInput: true,
    start: (types) => ({ element: resultElement(types), values: [] }),
    step: collect,
    final: (state, direct) => (direct === null ? null : final(state, direct ?? null)),
  });
}

function percentiles(): AggregateDefinition[] {
  const continuousOver = (type: string, between: Between): AggregateDefinition[] => [
    orderedSet(`percentile_cont(float8,${type})`, (state, fraction) =>
      continuous(state.values, Number(fraction), between),
    ),
    orderedSet(`percentile_cont(_float8,${type})`, (state, fractions) => {
      if (!(fractions instanceof PgArray)) return null;
      return each(fractions, state.element, (fraction) => continuous(state.values, fraction, between));
    }),
  ];
  return [
    ...continuousOver('float8', betweenFloats),
    ...continuousOver('interval', betweenIntervals),
    orderedSet('percentile_disc(float8,anyelement)', (state, fraction) => discrete(state.values, Number(fraction))),
    orderedSet('percentile_disc(_float8,anyelement)', (state, fractions) => {
      if (!(fractions instanceof PgArray)) return null;
      return each(fractions, state.element, (fraction) => discrete(state.values, fraction));
    }),
  ];
}

/** The most frequent of sorted values, the first of those that are equally frequent. */
function mode(values: readonly SqlValue[]): SqlValue {
  let best: SqlValue = null;
  let bestCount = 0;
  let runStart = 0;
  for (let i = 0; i <= values.length; i++) {
    const runs = i < values.length && equalValues(values[i] ?? null, values[runStart] ?? null);
    if (runs) continue;
    if (i - runStart > bestCount) {
      bestCount = i - runStart;
      best = values[runStart] ?? null;
    }
    runStart = i;
  }
  return best;
}

export const COLLECTING_AGGREGATES: readonly AggregateDefinition[] = [
  stringAggregate('text'),
  stringAggregate('bytea'),
  aggregate<Collected>('array_agg(anynonarray)', {
    strict: false,
    orderInsensitive: false,
    keepsInput: true,
    start: (types) => ({ element: resultElement(types), values: [] }),
    step: collect,
    final: ({ element, values }) => (values.length === 0 ? null : new PgArray(element, values)),
  }),
  aggregate<Collected>('array_agg(anyarray)', {
    strict: false,
    orderInsensitive: false,
    keepsInput: true,
    start: (types) => ({ element: resultElement(types), values: [] }),
    step: (state, value) => {
      if (value === null) throw fail('null_value_not_allowed', 'cannot accumulate null arrays');
      return collect(state, value);
    },
    final: ({ element, values }) => {
      if (values.length === 0) return null;
      return stackArrays(
        element,
        values.filter((value) => value instanceof PgArray),
      );
    },
  }),
  ...percentiles(),
  aggregate<Collected>('mode(anyelement)', {
    orderInsensitive: false,
    keepsInput: true,
    start: () => ({ element: 0, values: [] }),
    step: collect,
    final: ({ values }) => mode(values),
  }),
];
