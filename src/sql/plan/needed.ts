/** The columns that are needed above a node: what a plan must put out at least. */
import type { ColumnId, Expr } from './logical.ts';
import { columnsOf } from './walk.ts';

/** Ids needed above a node. */
export type Needed = ReadonlySet<ColumnId>;

export function idsOf(columns: readonly { readonly id: ColumnId }[]): Set<ColumnId> {
  return new Set(columns.map((c) => c.id));
}

/** `needed` and what the expressions use. */
export function withColumns(needed: Needed, exprs: readonly Expr[]): Set<ColumnId> {
  const all = new Set(needed);
  for (const e of exprs) for (const id of columnsOf(e)) all.add(id);
  return all;
}

/** What is wanted of these. */
export function only(wanted: Needed, ids: ReadonlySet<ColumnId>): Set<ColumnId> {
  return new Set([...wanted].filter((id) => ids.has(id)));
}
