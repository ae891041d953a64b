/**
 * How many rows: the planner's guesses.
 *
 * Row counts of tables are live from their trees. ANALYZE's statistics refine shares of values; without them PostgreSQL's
 * defaults are used (an equality keeps 1 in 200 rows, a range a third).
 */
import type { Catalog, ColumnStatistics, TableObject } from '../../engine/catalog.ts';
import type { Store } from '../../engine/record-port.ts';
import type { ColumnId, Expr } from './logical.ts';

const EQUALITY_SHARE = 0.005;
const RANGE_SHARE = 1 / 3;
const PATTERN_SHARE = 0.02;
const OTHER_SHARE = 0.25;

export interface ColumnFacts {
  readonly statistics: ColumnStatistics | undefined;
  readonly rows: number;
  readonly unique: boolean;
}

/** What is known of a statement's columns; the planner fills it as it meets scans. */
export class Estimates {
  readonly #facts = new Map<ColumnId, ColumnFacts>();

  tableRows(store: Store, table: TableObject): number {
    return Math.max(1, store.facts(table.tree).rows);
  }

  addScan(
    catalog: Catalog,
    table: TableObject,
    columns: readonly { readonly id: ColumnId; readonly number: number }[],
    rows: number,
  ): void {
    const statistics = catalog.statisticsOf(table.oid);
    const unique = new Set(
      catalog
        .indexesOf(table.oid)
        .flatMap((i) =>
          i.unique && i.columns.length === 1 && i.predicate === undefined ? [i.columns[0]!.column] : [],
        ),
    );
    for (const c of columns) {
      this.#facts.set(c.id, {
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
        return expr.args.reduce((share, e) => share * this.selectivity(e), 1);
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
        return expr.test === 'null' ? 0.02 : expr.test === 'not null' ? 0.98 : 0.5;
      case 'anyarray': {
        const count = expr.array.kind === 'array' ? expr.array.items.length : 10;
        return Math.min(1, count * this.#equality(expr.left));
      }
      case 'call':
        return this.#call(expr);
      default:
        return OTHER_SHARE;
    }
  }

  #call(expr: Extract<Expr, { kind: 'call' }>): number {
    switch (expr.operator?.meaning) {
      case 'eq': {
        const [left, right] = expr.args;
        return Math.min(this.#equality(left), this.#equality(right));
      }
      case 'ne':
        return 1 - this.#equality(expr.args[0]);
      case 'lt':
      case 'le':
      case 'gt':
      case 'ge':
        return RANGE_SHARE;
      case 'like':
      case 'ilike':
      case 'regex':
        return PATTERN_SHARE;
      default:
        return OTHER_SHARE;
    }
  }

  #equality(expr: Expr | undefined): number {
    if (expr?.kind !== 'column') return expr?.kind === 'cast' ? this.#equality(expr.arg) : 1;
    return this.#facts.has(expr.id) ? 1 / this.distinct(expr.id) : EQUALITY_SHARE;
  }
}
