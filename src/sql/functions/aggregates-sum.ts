/** sum and avg. */

import { fail } from '../../base/errors.ts';
import type { SqlValue } from '../types/contracts.ts';
import type { Interval } from '../types/interval.ts';
import { addIntervals, divideInterval } from '../types/interval.ts';
import { type Numeric, numericFromInteger } from '../types/numeric.ts';
import { addNumeric, divideNumeric } from '../types/numeric-arithmetic.ts';
import { canonical, narrow, type WideInteger } from '../types/wide-integer.ts';
import { type AggregateDefinition, aggregate } from './aggregate-definition.ts';

/** An exact integer sum: numbers gather in `small` and spill into `big` before they lose exactness. */
class IntegerSum {
  count = 0;
  #small = 0;
  #big = 0n;

  add(value: SqlValue): this {
    this.count++;
    if (typeof value === 'number') {
      const sum = this.#small + value;
      if (Number.isSafeInteger(sum)) this.#small = sum;
      else this.#big += BigInt(this.#small) + BigInt(value);
      if (!Number.isSafeInteger(sum)) this.#small = 0;
    } else if (typeof value === 'bigint') this.#big += value;
    return this;
  }

  get total(): WideInteger {
    return this.#big === 0n ? this.#small : canonical(this.#big + BigInt(this.#small));
  }

  average(): Numeric | null {
    if (this.count === 0) return null;
    return divideNumeric(numericFromInteger(this.total), numericFromInteger(this.count));
  }
}

/** A float sum in row order. */
class FloatSum {
  count = 0;
  sum = 0;

  add(value: number, single: boolean): this {
    this.count++;
    const sum = single ? Math.fround(this.sum + value) : this.sum + value;
    if (!Number.isFinite(sum) && !Number.isNaN(sum) && Number.isFinite(value) && Number.isFinite(this.sum)) {
      throw fail('numeric_value_out_of_range', 'value out of range: overflow');
    }
    this.sum = sum;
    return this;
  }
}

class NumericSum {
  count = 0;
  sum: Numeric | null = null;

  add(value: Numeric): this {
    this.count++;
    this.sum = this.sum === null ? value : addNumeric(this.sum, value);
    return this;
  }
}

class IntervalSum {
  count = 0;
  sum: Interval | null = null;

  add(value: Interval): this {
    this.count++;
    this.sum = this.sum === null ? value : addIntervals(this.sum, value);
    return this;
  }
}

function integerSums(): AggregateDefinition[] {
  const start = (): IntegerSum => new IntegerSum();
  const step = (state: IntegerSum, value: SqlValue): IntegerSum => state.add(value);
  const sums = ['int2', 'int4'].map((type) =>
    aggregate<IntegerSum>(`sum(${type})`, {
      compiled: 'sum_int',
      start,
      step,
      final: (state) => (state.count === 0 ? null : narrow(BigInt(state.total))),
    }),
  );
  const averages = ['int2', 'int4', 'int8'].map((type) =>
    aggregate<IntegerSum>(`avg(${type})`, { compiled: 'avg_int', start, step, final: (state) => state.average() }),
  );
  const wide = aggregate<IntegerSum>('sum(int8)', {
    compiled: 'sum_int8',
    start,
    step,
    final: (state) => (state.count === 0 ? null : numericFromInteger(state.total)),
  });
  return [...sums, wide, ...averages];
}

function floatSums(): AggregateDefinition[] {
  return ['float4', 'float8'].flatMap((type) => {
    const start = (): FloatSum => new FloatSum();
    return [
      aggregate<FloatSum>(`sum(${type})`, {
        ...(type === 'float8' ? { compiled: 'sum_float' } : {}),
        orderInsensitive: false,
        start,
        step: (state, value: number) => state.add(value, type === 'float4'),
        final: (state) => (state.count === 0 ? null : state.sum),
      }),
      aggregate<FloatSum>(`avg(${type})`, {
        compiled: 'avg_float',
        orderInsensitive: false,
        start,
        step: (state, value: number) => state.add(value, false),
        final: (state) => (state.count === 0 ? null : state.sum / state.count),
      }),
    ];
  });
}

export const SUM_AGGREGATES: readonly AggregateDefinition[] = [
  ...integerSums(),
  ...floatSums(),
  aggregate<NumericSum>('sum(numeric)', {
    compiled: 'sum_numeric',
    start: () => new NumericSum(),
    step: (state, value: Numeric) => state.add(value),
    final: (state) => state.sum,
  }),
  aggregate<NumericSum>('avg(numeric)', {
    compiled: 'avg_numeric',
    start: () => new NumericSum(),
    step: (state, value: Numeric) => state.add(value),
    final: (state) => (state.sum === null ? null : divideNumeric(state.sum, numericFromInteger(state.count))),
  }),
  aggregate<IntervalSum>('sum(interval)', {
    start: () => new IntervalSum(),
    step: (state, value: Interval) => state.add(value),
    final: (state) => state.sum,
  }),
  aggregate<IntervalSum>('avg(interval)', {
    start: () => new IntervalSum(),
    step: (state, value: Interval) => state.add(value),
    final: (state) => (state.sum === null ? null : divideInterval(state.sum, state.count)),
  }),
];
