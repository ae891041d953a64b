/**
 * Scans of partitioned tables: a plan for each table that holds rows, side by side under one that leaves out partitions whose
 * bounds the conditions rule out. Conditions on columns that the table is divided by rule out; those on expressions do not.
 */
import type { TableObject } from '../../engine/catalog.ts';
import { AppendPlan, type Pruning } from '../exec/append.ts';
import type { PlanNode } from '../exec/operator.ts';
import { ProjectPlan } from '../exec/project.ts';
import { compileRange } from '../exec/scan-ranges.ts';
import { Shape } from '../exec/shape.ts';
import { boundsOf, leavesOf } from '../partitions/bounds.ts';
import { partitionKeyRange } from './access.ts';
import { formatExpr } from './explain-expr.ts';
import type { Column, ColumnId, Expr, ScanNode } from './logical.ts';
import type { Needed } from './needed.ts';
import { planScan } from './plan-scan.ts';
import { columnRef, type Planner } from './planner.ts';
import { ROW_PARTITION } from './row-keys.ts';
import { columnsOf, hasSubquery, subsetOf } from './walk.ts';

/** The number of `table`'s column that has the same name as column `number` of `parent`; system columns keep theirs. */
export function numberIn(parent: TableObject, number: number, table: TableObject): number {
  if (number <= 0) return number;
  const name = parent.columns.find((c) => c.number === number)?.name;
  return table.columns.find((c) => !c.dropped && c.name === name)!.number;
}

export function planPartitionedScan(
  planner: Planner,
  node: ScanNode,
  needed: Needed,
  conditions: readonly Expr[],
): PlanNode {
  const { catalog } = planner.session;
  const leaves = leavesOf(catalog, node.table);
  const partition = node.columns[node.numbers.indexOf(ROW_PARTITION)];
  const columns = node.columns.filter((c) => c !== partition && needed.has(c.id));
  const children = leaves.map((leaf, number) => {
    const plan = planner.exactly(planScan(planner, leafScan(node, leaf, partition), needed, conditions), columns);
    return partition === undefined || !needed.has(partition.id) ? plan : numbered(planner, plan, partition, number);
  });
  const rows = children.reduce((sum, child) => sum + child.rows, 0);
  const shape = children[0]?.shape ?? Shape.of(columns);
  const largest = leaves.reduce((a, b) => (rowsOf(planner, b) > rowsOf(planner, a) ? b : a), node.table);
  planner.estimates.addScan(
    catalog,
    largest,
    node.columns.flatMap((c, i) =>
      node.numbers[i]! > 0 ? [{ id: c.id, number: numberIn(node.table, node.numbers[i]!, largest), type: c.type }] : [],
    ),
    planner.estimates.tableRows(planner.session.store, catalog, node.table),
  );
  const details: string[] = [];
  const pruning = pruningOf(planner, node, node.table, leaves, conditions, details);
  return new AppendPlan(children, shape, pruning, Math.max(1, rows), details);
}

function rowsOf(planner: Planner, table: TableObject): number {
  return planner.estimates.tableRows(planner.session.store, planner.session.catalog, table);
}

/** The same scan of one of the tables that hold the rows. */
function leafScan(node: ScanNode, leaf: TableObject, partition: Column | undefined): ScanNode {
  const at = node.columns.flatMap((c, i) => (c === partition ? [] : [i]));
  return {
    kind: 'scan',
    table: leaf,
    alias: node.alias === node.table.name ? leaf.name : node.alias,
    columns: at.map((i) => node.columns[i]!),
    numbers: at.map((i) => numberIn(node.table, node.numbers[i]!, leaf)),
  };
}

/** A plan with a further column: the number of the leaf. */
function numbered(planner: Planner, plan: PlanNode, partition: Column, number: number): PlanNode {
  const shape = new Shape([...plan.shape.columns, ...Shape.of([partition]).columns]);
  const value: Expr = { kind: 'const', type: partition.type, typmod: -1, value: number };
  const exprs = [...plan.shape.columns.map(columnRef), value];
  return new ProjectPlan(plan, shape, undefined, exprs, { ...planner.scope, shape0: plan.shape }, plan.rows, []);
}

/** @param details - gets a line for EXPLAIN when conditions rule out partitions of `node`'s table itself. */
function pruningOf(
  planner: Planner,
  node: ScanNode,
  table: TableObject,
  leaves: readonly TableObject[],
  conditions: readonly Expr[],
  details: string[],
): Pruning {
  const partitioning = table.partitioning!;
  const bounds = boundsOf(planner.session.catalog, table, partitioning);
  const own = new Set(node.columns.map((c) => c.id));
  const idOf = (number: number): ColumnId | undefined => {
    const at = node.numbers.findIndex((n) => n > 0 && numberIn(node.table, n, table) === number);
    return node.columns[at]?.id;
  };
  const found = partitionKeyRange(partitioning, idOf, conditions, own);
  if (found !== undefined) details.push(`Partition Cond: ${found.used.map(formatExpr).join(' AND ')}`);
  return {
    bounds,
    range: found === undefined ? undefined : compileRange(found.range, planner.scope),
    isInitial: (found?.used ?? []).every((condition) => subsetOf(columnsOf(condition), own) && !hasSubquery(condition)),
    children: bounds.partitions.map((partition) =>
      partition.partitioning === undefined
        ? leaves.indexOf(partition)
        : pruningOf(planner, node, partition, leaves, conditions, details),
    ),
  };
}
