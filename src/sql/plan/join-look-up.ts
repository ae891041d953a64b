/** Joins by looking each left row's partners up in an index: is there one for the join conditions, and does it pay? */
import { AppendPlan } from '../exec/append.ts';
import { OneTimePlan } from '../exec/one-time.ts';
import type { PlanNode } from '../exec/operator.ts';
import { ScanPlan } from '../exec/scan.ts';
import type { RangeSpec } from '../exec/scan-ranges.ts';
import type { ColumnId, Expr, Logical } from './logical.ts';
import { type Needed, only } from './needed.ts';
import type { Planner } from './planner.ts';
import { columnsOf, touches } from './walk.ts';

/** One of the relations that inner joins put together. */
export interface Relation {
  readonly node: Logical;
  readonly ids: ReadonlySet<ColumnId>;
  /** Columns of other relations that it uses: then it is planned when it is joined, after them. */
  readonly uses: ReadonlySet<ColumnId>;
  /** Conditions that speak of it alone. */
  readonly local: readonly Expr[];
  plan: PlanNode | undefined;
}

/** The table's plan as it would be opened once per left row, if an index answers a join condition. */
export function lookupPath(
  planner: Planner,
  relation: Relation,
  have: ReadonlySet<ColumnId>,
  conditions: readonly Expr[],
  wanted: Needed,
): { readonly cost: number } | undefined {
  const joins = conditions.filter((c) => touches(columnsOf(c), relation.ids) && touches(columnsOf(c), have));
  if (joins.length === 0) return undefined;
  for (const c of joins) for (const id of columnsOf(c)) if (have.has(id)) planner.slotOf(id);
  const planned = planner.plan(relation.node, only(wanted, relation.ids), [...relation.local, ...joins]);
  const plan = planned instanceof OneTimePlan ? planned.children[0]! : planned;
  // Of a partitioned table one partition is looked into when its bounds can tell which, else all are.
  const scans = plan instanceof AppendPlan ? plan.children : [plan];
  if (scans.length === 0 || !scans.every((scan) => isLookup(scan, have))) return undefined;
  const cost = scans.reduce((sum, scan) => sum + (scan instanceof ScanPlan ? scan.options.cost : 0), 0);
  const { range } = plan instanceof AppendPlan ? plan.pruning : { range: undefined };
  const isPruned = range !== undefined && rangeUses(range.spec, have);
  return { cost: isPruned ? cost / scans.length : cost };
}

/** Is it a scan of a range that a join condition limits? */
function isLookup(plan: PlanNode, have: ReadonlySet<ColumnId>): boolean {
  return plan instanceof ScanPlan && plan.options.range !== undefined && rangeUses(plan.options.range, have);
}

function rangeUses({ equals, anyOf, lower, upper }: RangeSpec, have: ReadonlySet<ColumnId>): boolean {
  const used = [...equals, anyOf, lower?.expr, upper?.expr].filter((e): e is Expr => e !== null && e !== undefined);
  return used.some((e) => touches(columnsOf(e), have));
}

/** Does an outer, semi or anti join look its right rows up rather than hash them all? Only while few rows come from the left. */
export function prefersLookUp(
  planner: Planner,
  left: PlanNode,
  leftIds: ReadonlySet<ColumnId>,
  rightNode: Logical,
  rightIds: ReadonlySet<ColumnId>,
  local: readonly Expr[],
  between: readonly Expr[],
  wanted: Needed,
): boolean {
  if (rightNode.kind !== 'scan' || left.rows > 10_000) return false;
  const path = lookupPath(
    planner,
    { node: rightNode, ids: rightIds, uses: new Set(), local, plan: undefined },
    leftIds,
    between,
    wanted,
  );
  if (path === undefined) return false;
  const { catalog, store } = planner.session;
  return left.rows * path.cost < planner.estimates.tableRows(store, catalog, rightNode.table) * 2;
}
