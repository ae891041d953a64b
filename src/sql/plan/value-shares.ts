/**
 * What ANALYZE's values say of a comparison with a value that is known while planning.
 *
 *   all rows:  nulls │ common values, each with its own share │ the rest, cut by the histogram into equal shares
 *
 * Equality and range follow PostgreSQL's eqsel and scalarltsel (documentation, "Row Estimation Examples").
 */
import type { ColumnStatistics } from '../../engine/catalog.ts';
import type { EvalContext, SqlValue, TypeEntry } from '../types/contracts.ts';

type Present = Exclude<SqlValue, null>;

export class ValueShares {
  readonly #compare: (a: SqlValue, b: SqlValue) => number;
  readonly #common: readonly { readonly value: Present; readonly share: number }[];
  readonly #bounds: readonly Present[];
  /** The share of rows that are neither null nor a common value. */
  readonly #rest: number;

  /** @returns undefined for a type without an order. */
  static of(statistics: ColumnStatistics, type: TypeEntry, context: EvalContext): ValueShares | undefined {
    return type.compare === undefined ? undefined : new ValueShares(statistics, type, type.compare, context);
  }

  private constructor(
    statistics: ColumnStatistics,
    type: TypeEntry,
    compare: (a: SqlValue, b: SqlValue) => number,
    context: EvalContext,
  ) {
    // ANALYZE keeps no nulls among the values.
    const read = (text: string): Present => type.parse(text, -1, context)!;
    this.#compare = compare;
    this.#common = statistics.commonValues.map((text, i) => ({
      value: read(text),
      share: statistics.commonShares[i]!,
    }));
    this.#bounds = statistics.histogram.map(read);
    this.#rest = Math.max(0, 1 - statistics.nullFraction - this.#common.reduce((sum, c) => sum + c.share, 0));
  }

  /** The share of rows with this value. @param distinct distinct values of the column */
  equal(value: Present, distinct: number): number {
    const common = this.#common.find((c) => this.#compare(c.value, value) === 0);
    if (common !== undefined) return common.share;
    const share = this.#rest / Math.max(1, distinct - this.#common.length);
    return this.#common.reduce((least, c) => Math.min(least, c.share), share);
  }

  /** The share of rows below a value, or undefined where ANALYZE kept no values. */
  below(value: Present, inclusive: boolean): number | undefined {
    if (this.#common.length === 0 && this.#bounds.length < 2) return undefined;
    let share = this.#rest * this.#position(value);
    for (const c of this.#common) {
      const order = this.#compare(c.value, value);
      if (order < 0 || (inclusive && order === 0)) share += c.share;
    }
    return share;
  }

  /** The share of all rows that are not null. */
  get present(): number {
    return this.#rest + this.#common.reduce((sum, c) => sum + c.share, 0);
  }

  /** Where a value stands in the histogram: 0 before its first bound, 1 behind its last. */
  #position(value: Present): number {
    const bounds = this.#bounds;
    // All values are common ones: the few others stand anywhere.
    if (bounds.length < 2) return 0.5;
    let low = 0;
    let high = bounds.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#compare(bounds[middle]!, value) < 0) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return 0;
    if (low === bounds.length) return 1;
    return (low - 1 + within(bounds[low - 1]!, bounds[low]!, value)) / (bounds.length - 1);
  }
}

/** Where a value stands between two: exactly for numbers, in the middle for what has no distance. */
function within(low: Present, high: Present, value: Present): number {
  const from = Number(low);
  const width = Number(high) - from;
  if (!isNumber(low) || !isNumber(high) || !isNumber(value) || !(width > 0)) return 0.5;
  const part = (Number(value) - from) / width;
  return part >= 0 && part <= 1 ? part : 0.5;
}

function isNumber(value: Present): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint';
}
