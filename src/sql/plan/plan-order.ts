/** ORDER BY and LIMIT. A sort that the scan below makes needless is left out. */
import { OneTimePlan } from '../exec/one-time.ts';
import type { PlanNode } from '../exec/operator.ts';
import { ProjectPlan } from '../exec/project.ts';
import { ScanPlan } from '../exec/scan.ts';
import { LimitPlan, RenamePlan } from '../exec/sets.ts';
import { SortPlan } from '../exec/sort.ts';
import { formatExpr } from './explain-expr.ts';
import type { ColumnId, Expr, LimitNode, SortKey, SortNode } from './logical.ts';
import { type Needed, withColumns } from './needed.ts';
import type { Planner } from './planner.ts';

/** ORDER BY. Conditions sink below. */
export function planSort(planner: Planner, node: SortNode, needed: Needed, conditions: readonly Expr[]): PlanNode {
  const keys = node.keys.map((k) => k.expr);
  const input = planner.plan(node.input, withColumns(needed, keys), conditions);
  if (sortedByScan(input, node.keys)) return input;
  const shown = node.keys.map((k) => `${formatExpr(k.expr)}${k.descending ? ' DESC' : ''}`).join(', ');
  return new SortPlan(input, node.keys, planner.scope, [`Sort Key: ${shown}`]);
}

/** LIMIT and OFFSET. No condition sinks below: it would change which rows are the first. */
export function planLimit(planner: Planner, node: LimitNode, needed: Needed, conditions: readonly Expr[]): PlanNode {
  const { limit, offset, ties } = node;
  const input = planner.plan(node.input, withColumns(needed, [...(ties ?? []).map((k) => k.expr), ...conditions]), []);
  const count = limit?.kind === 'const' && limit.value !== null ? Number(limit.value) : input.rows / 10;
  const rows = Math.min(input.rows, count);
  return planner.filtered(new LimitPlan(input, limit, offset, ties, planner.scope, rows), conditions);
}

/**
 * Drops a sort that the scan below makes needless: the rows of a table come in the order of its primary key, or against it.
 * Only projections and filters may lie between, those that are judged once too.
 */
function sortedByScan(input: PlanNode, keys: readonly SortKey[]): boolean {
  const ids: ColumnId[] = [];
  for (const key of keys) {
    if (key.expr.kind !== 'column') return false;
    ids.push(key.expr.id);
  }
  let plan = input;
  while (!(plan instanceof ScanPlan)) {
    const [below] = plan.children;
    if (below === undefined) return false;
    for (let i = 0; i < ids.length; i++) {
      const position = plan.shape.position(ids[i]!);
      // A column of the query around: its scan is elsewhere.
      if (position < 0) return false;
      if (plan instanceof RenamePlan) ids[i] = below.shape.columns[position]!.id;
      else if (plan instanceof OneTimePlan) continue;
      else if (plan instanceof ProjectPlan) {
        const expr = plan.exprs[position]!;
        if (expr.kind !== 'column') return false;
        ids[i] = expr.id;
      } else return false;
    }
    plan = below;
  }
  return plan.deliversOrder(ids, keys);
}
