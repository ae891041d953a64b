/**
 * The aggregate step of a query.
 *
 * Select list, HAVING and ORDER BY are bound as if over the FROM items. Then every expression that equals a group expression
 * becomes a reference to it, aggregates are references already, and whatever column is left over must depend on the groups:
 * the primary key of its table is grouped by. Such a column is grouped by as well, which changes no group.
 *
 * A group expression that is a plain column keeps its number above the aggregate, so that sub-queries that use it need no
 * change.
 */

import type { Column, ColumnId, Expr, Logical } from '../plan/logical.ts';
import { expressionsOf, freeColumns, inputsOf, mapChildren, walkExpr } from '../plan/walk.ts';
import { type Binding, columnRef } from './binding.ts';
import { keyOf } from './expression-keys.ts';
import type { Level } from './scope.ts';

export class Grouping {
  readonly #b: Binding;
  readonly #level: Level;
  readonly #groups: Expr[] = [];
  readonly #columns: Column[] = [];
  readonly #byKey = new Map<string, Column>();
  readonly #results: ReadonlySet<ColumnId>;

  constructor(b: Binding, level: Level, groups: readonly Expr[]) {
    this.#b = b;
    this.#level = level;
    const windows = level.windows.flatMap((w) => w.calls.map((c) => c.column.id));
    this.#results = new Set([...level.aggregates.map((a) => a.column.id), ...windows]);
    for (const group of groups) this.#add(group);
  }

  #add(group: Expr): Column {
    const key = keyOf(group);
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const column: Column =
      group.kind === 'column'
        ? { id: group.id, name: '', type: group.type, typmod: group.typmod }
        : this.#b.column('', group.type, group.typmod);
    this.#groups.push(group);
    this.#columns.push(column);
    this.#byKey.set(key, column);
    return column;
  }

  /** An expression over the aggregate's columns. @throws grouping_error */
  rewrite(expr: Expr): Expr {
    const group = this.#byKey.get(keyOf(expr));
    if (group !== undefined) return columnRef(group, expr.at);
    if (expr.kind === 'column') {
      if (!this.#isOurs(expr.id) || this.#dependsOnGroups(expr.id)) return expr;
      throw this.#ungrouped(expr.id, expr.at, false);
    }
    if (expr.kind === 'subquery') {
      for (const id of freeColumns(expr.plan)) {
        const isFine =
          !this.#isOurs(id) ||
          this.#groups.some((g) => g.kind === 'column' && g.id === id) ||
          this.#dependsOnGroups(id);
        if (!isFine) throw this.#ungrouped(id, positionIn(expr.plan, id) ?? expr.at, true);
      }
    }
    return mapChildren(expr, (child) => this.rewrite(child));
  }

  #isOurs(id: ColumnId): boolean {
    return this.#level.own.has(id) && !this.#results.has(id);
  }

  /** True for a column of a table whose primary key is grouped by; it becomes a group column itself. */
  #dependsOnGroups(id: ColumnId): boolean {
    const { catalog } = this.#b.context;
    for (const item of this.#level.allItems()) {
      const { scan } = item;
      const position = scan === null ? -1 : scan.columns.findIndex((c) => c.id === id);
      if (scan === null || position < 0) continue;
      const key = catalog.indexesOf(scan.node.table.oid).find((index) => index.primary && index.deferrable !== true);
      if (key === undefined) return false;
      const grouped = key.columns.every((part) => {
        const at = scan.numbers.indexOf(part.column);
        return at >= 0 && this.#groups.some((g) => g.kind === 'column' && g.id === scan.columns[at]!.id);
      });
      if (grouped) this.#add(columnRef(scan.columns[position]!));
      return grouped;
    }
    return false;
  }

  #ungrouped(id: ColumnId, at: number | undefined, inSubquery: boolean) {
    let name = '?column?';
    for (const item of this.#level.allItems()) {
      const column = item.columns.find((c) => c.expr.kind === 'column' && c.expr.id === id);
      if (column !== undefined && item.alias !== null) name = `${item.alias}.${column.name}`;
    }
    const text = inSubquery
      ? `subquery uses ungrouped column "${name}" from outer query`
      : `column "${name}" must appear in the GROUP BY clause or be used in an aggregate function`;
    return this.#b.error('grouping_error', text, at);
  }

  /** The aggregate node; call it after everything above has been rewritten. */
  build(input: Logical): Logical {
    const { aggregates } = this.#level;
    return {
      kind: 'aggregate',
      input,
      groups: this.#groups,
      calls: aggregates.map((a) => a.call),
      columns: [...this.#columns, ...aggregates.map((a) => a.column)],
    };
  }
}

/** Where a sub-query mentions a column. */
function positionIn(node: Logical, id: ColumnId): number | undefined {
  let found: number | undefined;
  for (const expr of expressionsOf(node)) {
    walkExpr(expr, (e) => {
      if (e.kind === 'column' && e.id === id) found ??= e.at;
      else if (e.kind === 'subquery') found ??= positionIn(e.plan, id);
    });
  }
  for (const input of inputsOf(node)) found ??= positionIn(input, id);
  return found;
}
