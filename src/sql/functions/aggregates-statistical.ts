/**
 * Variance, standard deviation, correlation and regression.
 *
 * Integers and numeric sum exactly and divide at the end. Floats keep N, Σx and Σ(x − mean)² by Youngs and Cramer's update,
 * as PostgreSQL does, so that results agree to the last digit.
 */

import { fail } from '../../base/errors.ts';
import type { SqlValue } from '../types/contracts.ts';
import { NUMERIC_NAN, NUMERIC_ZERO, type Numeric, numericFromInteger } from '../types/numeric.ts';
import {
  addNumeric,
  divideToScale,
  divisionScale,
  multiplyNumeric,
  subtractNumeric,
} from '../types/numeric-arithmetic.ts';
import { sqrtToScale } from '../types/numeric-functions.ts';
import type { WideInteger } from '../types/wide-integer.ts';
import { type AggregateDefinition, aggregate } from './aggregate-definition.ts';

/** What is asked of the moments: of the sample or the population, the variance or its root. */
interface Spread {
  readonly sample: boolean;
  readonly root: boolean;
}

const SPREADS: readonly (readonly [string, Spread])[] = [
  ['var_pop', { sample: false, root: false }],
  ['var_samp', { sample: true, root: false }],
  ['variance', { sample: true, root: false }],
  ['stddev_pop', { sample: false, root: true }],
  ['stddev_samp', { sample: true, root: true }],
  ['stddev', { sample: true, root: true }],
];

class NumericMoments {
  count = 0;
  #sum = NUMERIC_ZERO;
  #squares = NUMERIC_ZERO;

  add(value: Numeric): this {
    this.count++;
    this.#sum = addNumeric(this.#sum, value);
    this.#squares = addNumeric(this.#squares, multiplyNumeric(value, value));
    return this;
  }

  spread({ sample, root }: Spread): Numeric | null {
    if (this.count === 0 || (sample && this.count === 1)) return null;
    if (!this.#sum.isFinite) return NUMERIC_NAN;
    const n = numericFromInteger(this.count);
    const numerator = subtractNumeric(multiplyNumeric(n, this.#squares), multiplyNumeric(this.#sum, this.#sum));
    if (numerator.sign <= 0) return NUMERIC_ZERO;
    const divisor = multiplyNumeric(n, numericFromInteger(sample ? this.count - 1 : this.count));
    const scale = divisionScale(numerator, divisor);
    const variance = divideToScale(numerator, divisor, scale);
    return root ? sqrtToScale(variance, scale) : variance;
  }
}

class FloatMoments {
  count = 0;
  #sum = 0;
  #squares = 0;

  add(value: number): this {
    this.count++;
    this.#sum += value;
    if (this.count > 1) {
      const deviation = value * this.count - this.#sum;
      this.#squares += (deviation * deviation) / (this.count * (this.count - 1));
      if (this.#squares === Number.POSITIVE_INFINITY && Number.isFinite(value)) {
        throw fail('numeric_value_out_of_range', 'value out of range: overflow');
      }
    } else if (!Number.isFinite(value)) this.#squares = Number.NaN;
    return this;
  }

  spread({ sample, root }: Spread): number | null {
    if (this.count === 0 || (sample && this.count === 1)) return null;
    const variance = this.#squares / (sample ? this.count - 1 : this.count);
    return root ? Math.sqrt(variance) : variance;
  }
}

function spreads(): AggregateDefinition[] {
  return SPREADS.flatMap(([name, spread]) => [
    ...['int2', 'int4', 'int8'].map((type) =>
      aggregate<NumericMoments>(`${name}(${type})`, {
        start: () => new NumericMoments(),
        step: (state, value: WideInteger) => state.add(numericFromInteger(value)),
        final: (state) => state.spread(spread),
      }),
    ),
    aggregate<NumericMoments>(`${name}(numeric)`, {
      start: () => new NumericMoments(),
      step: (state, value: Numeric) => state.add(value),
      final: (state) => state.spread(spread),
    }),
    ...['float4', 'float8'].map((type) =>
      aggregate<FloatMoments>(`${name}(${type})`, {
        orderInsensitive: false,
        start: () => new FloatMoments(),
        step: (state, value: number) => state.add(value),
        final: (state) => state.spread(spread),
      }),
    ),
  ]);
}

/** Sums of two variables for regr_* and corr; y is the first argument, x the second. */
class Regression {
  count = 0;
  sumX = 0;
  sumY = 0;
  xx = 0;
  yy = 0;
  xy = 0;

  add(y: number, x: number): this {
    this.count++;
    this.sumX += x;
    this.sumY += y;
    if (this.count > 1) {
      const n = this.count;
      const dx = x * n - this.sumX;
      const dy = y * n - this.sumY;
      const scale = 1 / (n * (n - 1));
      this.xx += dx * dx * scale;
      this.yy += dy * dy * scale;
      this.xy += dx * dy * scale;
    } else {
      if (!Number.isFinite(x)) this.xx = this.xy = Number.NaN;
      if (!Number.isFinite(y)) this.yy = this.xy = Number.NaN;
    }
    return this;
  }
}

const REGRESSIONS: readonly (readonly [string, (r: Regression) => SqlValue])[] = [
  ['regr_count', (r) => r.count],
  ['regr_sxx', (r) => (r.count < 1 ? null : r.xx)],
  ['regr_syy', (r) => (r.count < 1 ? null : r.yy)],
  ['regr_sxy', (r) => (r.count < 1 ? null : r.xy)],
  ['regr_avgx', (r) => (r.count < 1 ? null : r.sumX / r.count)],
  ['regr_avgy', (r) => (r.count < 1 ? null : r.sumY / r.count)],
  ['regr_slope', (r) => (r.count < 1 || r.xx === 0 ? null : r.xy / r.xx)],
  ['regr_intercept', (r) => (r.count < 1 || r.xx === 0 ? null : (r.sumY - (r.sumX * r.xy) / r.xx) / r.count)],
  ['regr_r2', determination],
  ['corr', (r) => (r.count < 1 || r.xx === 0 || r.yy === 0 ? null : r.xy / Math.sqrt(r.xx * r.yy))],
  ['covar_pop', (r) => (r.count < 1 ? null : r.xy / r.count)],
  ['covar_samp', (r) => (r.count < 2 ? null : r.xy / (r.count - 1))],
];

function determination(r: Regression): SqlValue {
  if (r.count < 1 || r.xx === 0) return null;
  return r.yy === 0 ? 1 : (r.xy * r.xy) / (r.xx * r.yy);
}

export const STATISTICAL_AGGREGATES: readonly AggregateDefinition[] = [
  ...spreads(),
  ...REGRESSIONS.map(([name, result]) =>
    aggregate<Regression>(`${name}(float8,float8)`, {
      orderInsensitive: false,
      start: () => new Regression(),
      step: (state, y: number, x: number) => state.add(y, x),
      final: result,
    }),
  ),
];
