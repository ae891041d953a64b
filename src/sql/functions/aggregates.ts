/**
 * Every aggregate by signature.
 *
 * States are small mutable objects, one per group. Integer sums and averages are exact, sum and avg of floats add in row
 * order. Ordered-set aggregates (`percentile_cont` …) get their rows already in the order of WITHIN GROUP.
 */

import type { SqlValue } from '../types/contracts.ts';
import { compareValues } from '../types/value-order.ts';
import type { WideInteger } from '../types/wide-integer.ts';
import { wideAdd, wideBits } from '../types/wide-integer.ts';
import { type AggregateDefinition, aggregate } from './aggregate-definition.ts';
import { COLLECTING_AGGREGATES } from './aggregates-collecting.ts';
import { STATISTICAL_AGGREGATES } from './aggregates-statistical.ts';
import { SUM_AGGREGATES } from './aggregates-sum.ts';

const ORDERED_TYPES =
  'int2 int4 int8 oid float4 float8 numeric text bpchar date time timestamp timestamptz interval tid anyarray'.split(
    ' ',
  );

/** min and max keep the extreme value; the first of equals stays. */
function extremes(): AggregateDefinition[] {
  return ORDERED_TYPES.flatMap((type) => [
    aggregate<SqlValue>(`min(${type})`, {
      compiled: 'min',
      start: () => null,
      step: (state, value) => (state === null || compareValues(value ?? null, state) < 0 ? (value ?? null) : state),
      final: (state) => state,
    }),
    aggregate<SqlValue>(`max(${type})`, {
      compiled: 'max',
      start: () => null,
      step: (state, value) => (state === null || compareValues(value ?? null, state) > 0 ? (value ?? null) : state),
      final: (state) => state,
    }),
  ]);
}

function booleans(): AggregateDefinition[] {
  const fold = (name: string, stop: boolean, compiled: 'bool_and' | 'bool_or'): AggregateDefinition =>
    aggregate<boolean | null>(`${name}(bool)`, {
      compiled,
      start: () => null,
      step: (state, value) => (state === stop ? state : value === true),
      final: (state) => state,
    });
  return [fold('bool_and', false, 'bool_and'), fold('every', false, 'bool_and'), fold('bool_or', true, 'bool_or')];
}

type Bits = (a: bigint, b: bigint) => bigint;

function bits(): AggregateDefinition[] {
  const folds: readonly (readonly [string, Bits])[] = [
    ['bit_and', (a, b) => a & b],
    ['bit_or', (a, b) => a | b],
    ['bit_xor', (a, b) => a ^ b],
  ];
  return folds.flatMap(([name, fold]) =>
    ['int2', 'int4', 'int8'].map((type) =>
      aggregate<WideInteger | null>(`${name}(${type})`, {
        start: () => null,
        step: (state, value) => {
          if (typeof value !== 'number' && typeof value !== 'bigint') return state;
          return state === null ? value : wideBits(fold(BigInt(state), BigInt(value)));
        },
        final: (state) => state,
      }),
    ),
  );
}

const COUNTS: readonly AggregateDefinition[] = [
  aggregate<WideInteger>('count()', {
    compiled: 'count_star',
    strict: false,
    start: () => 0,
    step: (state) => wideAdd(state, 1),
    final: (state) => state,
  }),
  aggregate<WideInteger>('count(any)', {
    compiled: 'count',
    start: () => 0,
    step: (state) => wideAdd(state, 1),
    final: (state) => state,
  }),
];

export const ALL_AGGREGATES: readonly AggregateDefinition[] = [
  ...COUNTS,
  ...extremes(),
  ...booleans(),
  ...bits(),
  ...SUM_AGGREGATES,
  ...STATISTICAL_AGGREGATES,
  ...COLLECTING_AGGREGATES,
];
