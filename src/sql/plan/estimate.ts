/**
 * How many rows: the planner's guesses.
 *
 * Row counts of tables are live from their trees. ANALYZE's statistics refine shares of values; without them PostgreSQL's
 * defaults are used (an equality keeps 1 in 200 rows, a range a third). A cached plan keeps what was guessed for the
 * values that it was first made for.
 */
import type { Catalog, ColumnStatistics, TableObject } from '../../engine/catalog.ts';
import type { Store } from '../../engine/record-port.ts';
import { typeEntry } from '../exec/values.ts';
import type { EvalContext, Oid, SqlValue } from '../types/contracts.ts';
import type { ColumnId, Expr } from './logical.ts';
import { ValueShares } from './value-shares.ts';

const EQUALITY_SHARE = 0.005;
const RANGE_SHARE = 1 / 3;
const PATTERN_SHARE = 0.02;
const OTHER_SHARE = 0.25;
/** What two bounds that contradict each other keep. */
const LEAST_RANGE_SHARE = 0.0001;

/** The statement's parameters that have a value while it is planned: the literals of its text. */
export interface KnownValues {
  /** By parameter index; undefined = not known yet. */
  readonly values: readonly (SqlValue | undefined)[];
  readonly context: EvalContext;
}

interface ColumnFacts {
  readonly type: Oid;
  readonly statistics: ColumnStatistics | undefined;
  readonly rows: number;
  readonly unique: boolean;
}

/** What is known of a statement's columns; the planner fills it as it meets scans. */
export class Estimates {
  readonly #facts = new Map<ColumnId, ColumnFacts>();
  readonly #known: KnownValues | undefined;

  constructor(known: KnownValues | undefined) {
    this.#known = known;
  }

  /** Rows of a table, or of all its partitions. */
  tableRows(store: Store, catalog: Catalog, table: TableObject): number {
    let { rows } = store.facts(table.tree);
    for (const { tree } of catalog.descendantsOf(table.oid)) rows += store.facts(tree).rows;
    return Math.max(1, rows);
  }

  addScan(
    catalog: Catalog,
    table: TableObject,
    columns: readonly { readonly id: ColumnId; readonly number: number; readonly type: Oid }[],
    rows: number,
  ): void {
    const statistics = catalog.statisticsOf(table.oid);
    const unique = new Set(
      catalog
        .liveIndexesOf(table.oid)
        .flatMap((i) =>
          i.unique && i.columns.length === 1 && i.predicate === undefined ? [i.columns[0]!.column] : [],
        ),
    );
    for (const c of columns) {
      this.#facts.set(c.id, {
        type: c.type,
        statistics: statistics?.columns.find((s) => s.column === c.number),
        rows,
        unique: unique.has(c.number),
      });
    }
  }

  /** Distinct values of a column, at least 1. */
  distinct(id: ColumnId): number {
    const facts = this.#facts.get(id);
    if (facts === undefined) return 200;
    if (facts.unique) return Math.max(1, facts.rows);
    const d = facts.statistics?.distinct;
    if (d === undefined || d === 0) return Math.min(200, Math.max(1, facts.rows));
    return Math.max(1, d > 0 ? d : -d * facts.rows);
  }

  /** The share of rows that a condition keeps. */
  selectivity(expr: Expr): number {
    switch (expr.kind) {
      case 'and':
        return this.share(expr.args);
      case 'or':
        return Math.min(
          1,
          expr.args.reduce((share, e) => share + this.selectivity(e), 0),
        );
      case 'not':
        return 1 - this.selectivity(expr.arg);
      case 'const':
        return expr.value === true ? 1 : 0;
      case 'test':
        return this.#test(expr);
      case 'anyarray': {
        const count = expr.array.kind === 'array' ? expr.array.items.length : 10;
        return Math.min(1, count * this.#distinctShare(expr.left));
      }
      case 'call':
        return this.#call(expr);
      default:
        return OTHER_SHARE;
    }
  }

  /** The share of rows that all conditions keep. They are taken as independent, but for two bounds of one column. */
  share(conditions: readonly Expr[]): number {
    let share = 1;
    const lower = new Map<ColumnId, number>();
    const upper = new Map<ColumnId, number>();
    for (const condition of conditions) {
      const range = this.#range(condition);
      if (range === undefined) {
        share *= this.selectivity(condition);
        continue;
      }
      const side = range.upper ? upper : lower;
      side.set(range.id, Math.min(side.get(range.id) ?? 1, range.share));
    }
    for (const [id, low] of lower) {
      const high = upper.get(id);
      share *= high === undefined ? low : Math.max(LEAST_RANGE_SHARE, low + high - 1);
    }
    for (const [id, high] of upper) if (!lower.has(id)) share *= high;
    return share;
  }

  #test(expr: Extract<Expr, { kind: 'test' }>): number {
    if (expr.test !== 'null' && expr.test !== 'not null') return 0.5;
    const nulls = expr.arg.kind === 'column' ? this.#facts.get(expr.arg.id)?.statistics?.nullFraction : undefined;
    return expr.test === 'null' ? (nulls ?? 0.02) : 1 - (nulls ?? 0.02);
  }

  #call(expr: Extract<Expr, { kind: 'call' }>): number {
    switch (expr.operator?.meaning) {
      case 'eq':
        return this.#equality(expr.args);
      case 'ne':
        return 1 - this.#equality(expr.args);
      case 'lt':
      case 'le':
      case 'gt':
      case 'ge':
        return this.#range(expr)?.share ?? RANGE_SHARE;
      case 'like':
      case 'ilike':
      case 'regex':
        return PATTERN_SHARE;
      default:
        return OTHER_SHARE;
    }
  }

  #equality(args: readonly Expr[]): number {
    const [left, right] = args as [Expr, Expr];
    const known = this.#comparison(left, right) ?? this.#comparison(right, left);
    if (known !== undefined) return known.shares.equal(known.value, this.distinct(known.id));
    return Math.min(this.#distinctShare(left), this.#distinctShare(right));
  }

  /** A bound of a column by a known value: what is kept, and whether it bounds from above. */
  #range(expr: Expr): { readonly id: ColumnId; readonly upper: boolean; readonly share: number } | undefined {
    if (expr.kind !== 'call') return undefined;
    const meaning = expr.operator?.meaning;
    if (meaning !== 'lt' && meaning !== 'le' && meaning !== 'gt' && meaning !== 'ge') return undefined;
    const [left, right] = expr.args as [Expr, Expr];
    const straight = this.#comparison(left, right);
    const known = straight ?? this.#comparison(right, left);
    if (known === undefined) return undefined;
    const upper = (meaning === 'lt' || meaning === 'le') === (straight !== undefined);
    // `<= v` keeps the rows up to v; `> v` keeps all but those.
    const inclusive = meaning === 'le' || meaning === 'ge' ? upper : !upper;
    const below = known.shares.below(known.value, inclusive);
    if (below === undefined) return undefined;
    return { id: known.id, upper, share: upper ? below : Math.max(0, known.shares.present - below) };
  }

  /** A column with statistics on one side and a known value of its type on the other. */
  #comparison(
    side: Expr,
    other: Expr,
  ): { readonly id: ColumnId; readonly shares: ValueShares; readonly value: Exclude<SqlValue, null> } | undefined {
    const column = withoutRelabel(side);
    if (column.kind !== 'column' || this.#known === undefined) return undefined;
    const facts = this.#facts.get(column.id);
    if (facts?.statistics === undefined || side.type !== other.type) return undefined;
    const value =
      other.kind === 'const' ? other.value : other.kind === 'param' ? this.#known.values[other.index] : undefined;
    if (value === undefined || value === null) return undefined;
    const shares = sharesOf(facts.statistics, facts.type, this.#known.context);
    return shares && { id: column.id, shares, value };
  }

  /** The share of one value among a column's distinct ones. */
  #distinctShare(expr: Expr): number {
    const column = withoutRelabel(expr);
    if (column.kind !== 'column') return column.kind === 'cast' ? this.#distinctShare(column.arg) : 1;
    return this.#facts.has(column.id) ? 1 / this.distinct(column.id) : EQUALITY_SHARE;
  }
}

/** The expression behind casts that only change the type's name (varchar as text). */
function withoutRelabel(expr: Expr): Expr {
  return expr.kind === 'cast' && expr.cast.method === 'relabel' ? withoutRelabel(expr.arg) : expr;
}

/** Values are read from their texts once for a column's statistics, whatever number of statements asks. */
const sharesRead = new WeakMap<ColumnStatistics, ValueShares | false>();

function sharesOf(statistics: ColumnStatistics, type: Oid, context: EvalContext): ValueShares | undefined {
  let shares = sharesRead.get(statistics);
  if (shares === undefined) {
    shares = ValueShares.of(statistics, typeEntry(type), context) ?? false;
    sharesRead.set(statistics, shares);
  }
  return shares === false ? undefined : shares;
}
