/**
 * What makes fewer rows of many: grouping, DISTINCT and set operations.
 *
 * DISTINCT and UNION are groupings without aggregates, so that they spill as grouping does. Conditions on group columns sink.
 */
import { AggregatePlan } from '../exec/aggregate.ts';
import type { PlanNode } from '../exec/operator.ts';
import { SetOpPlan } from '../exec/set-operations.ts';
import { DistinctPlan } from '../exec/sets.ts';
import { Shape } from '../exec/shape.ts';
import { formatExpr } from './explain-expr.ts';
import type { AggregateNode, ColumnId, DistinctNode, Expr, Logical, SetOpNode, SortKey } from './logical.ts';
import { idsOf, type Needed, withColumns } from './needed.ts';
import { columnRef, type Planner } from './planner.ts';
import { unnestConditions } from './unnest.ts';
import {
  callExprs,
  canSubstitute,
  columnsOf,
  conjunctsOf,
  expressionsOf,
  hasSubquery,
  isVolatile,
  substitute,
} from './walk.ts';

/** GROUP BY and aggregates. Conditions on group columns sink below. */
export function planAggregate(
  planner: Planner,
  whole: AggregateNode,
  needed: Needed,
  conditions: readonly Expr[],
): PlanNode {
  const node = withoutUnused(whole, withColumns(needed, conditions));
  const replacements = new Map<ColumnId, Expr>();
  node.groups.forEach((g, i) => replacements.set(node.columns[i]!.id, g));
  const made = (id: ColumnId): boolean => replacements.has(id);
  const results = new Set(node.columns.slice(node.groups.length).map((c) => c.id));
  const sink: Expr[] = [];
  const keep: Expr[] = [];
  for (const c of conditions) {
    const ids = columnsOf(c);
    const onGroups = [...ids].some((id) => made(id)) && ![...ids].some((id) => results.has(id));
    if (
      onGroups &&
      !isVolatile(c) &&
      canSubstitute(c, made) &&
      node.groups.every((g) => !isVolatile(g) && !hasSubquery(g))
    )
      sink.push(...conjunctsOf(planner.folded(substitute(c, replacements))));
    else keep.push(c);
  }
  const inner = withColumns(new Set<ColumnId>(), expressionsOf(node));
  const { node: source, rest } = unnestConditions(node.input, sink);
  const input = planner.plan(source, inner, rest);
  const { groups, calls } = node;
  const rows =
    groups.length === 0
      ? 1
      : Math.max(
          1,
          Math.min(
            input.rows,
            groups.reduce((n, g) => n * (g.kind === 'column' ? planner.estimates.distinct(g.id) : 200), 1),
          ),
        );
  const details = groups.length === 0 ? [] : [`Group Key: ${groups.map(formatExpr).join(', ')}`];
  const plan = new AggregatePlan(input, Shape.of(node.columns), groups, calls, planner.scope, rows, details);
  return planner.filtered(plan, keep);
}

/** An aggregation without the calls whose results nobody needs: they take time, and their arguments may fail. */
function withoutUnused(node: AggregateNode, needed: Needed): AggregateNode {
  const isUsed = (call: number): boolean =>
    needed.has(node.columns[node.groups.length + call]!.id) || callExprs([node.calls[call]!]).some(isVolatile);
  const calls = node.calls.filter((_, i) => isUsed(i));
  if (calls.length === node.calls.length) return node;
  const columns = node.columns.filter((_, i) => i < node.groups.length || isUsed(i - node.groups.length));
  return { ...node, calls, columns };
}

/** DISTINCT, and DISTINCT ON, which keeps the first row of each. */
export function planDistinct(
  planner: Planner,
  node: DistinctNode,
  needed: Needed,
  conditions: readonly Expr[],
): PlanNode {
  if (node.on !== undefined) {
    const input = planner.plan(orderedBy(node.input, node.on), withColumns(needed, [...node.on, ...conditions]), []);
    return planner.filtered(new DistinctPlan(input, node.on, planner.scope, Math.max(1, input.rows / 5)), conditions);
  }
  // Rows that are equal are one group without aggregates; that way DISTINCT spills too.
  const input = planner.exactly(planner.plan(node.input, idsOf(node.columns), []), node.columns);
  const { columns } = input.shape;
  const rows = Math.max(1, input.rows / 5);
  return planner.filtered(
    new AggregatePlan(input, new Shape(columns), columns.map(columnRef), [], planner.scope, rows, []),
    conditions,
  );
}

/**
 * A node's rows with equal values of `on` one behind the other. ORDER BY begins with these expressions when there is one;
 * what it leaves out, and without it all, is sorted by here. The sort is stable: of equal rows the input's first stays first.
 */
function orderedBy(node: Logical, on: readonly Expr[]): Logical {
  const given = node.kind === 'sort' ? node.keys : [];
  const sameColumn = (a: Expr, b: Expr): boolean => a.kind === 'column' && b.kind === 'column' && a.id === b.id;
  const leading = given.filter((key) => on.some((expr) => sameColumn(key.expr, expr)));
  const missing = on.filter((expr) => !leading.some((key) => sameColumn(key.expr, expr)));
  if (missing.length === 0) return node;
  const keys: SortKey[] = [
    ...leading,
    ...missing.map((expr) => ({ expr, descending: false, nullsFirst: false })),
    ...given.filter((key) => !leading.includes(key)),
  ];
  return { kind: 'sort', input: node.kind === 'sort' ? node.input : node, keys, columns: node.columns };
}

/** UNION, INTERSECT and EXCEPT. No condition sinks below. */
export function planSetOp(planner: Planner, node: SetOpNode, conditions: readonly Expr[]): PlanNode {
  const shape = Shape.of(node.columns);
  const left = planner.inShape(node.left, shape);
  const right = planner.inShape(node.right, shape);
  const rows = node.op === 'union' ? left.rows + right.rows : left.rows;
  if (node.op === 'union' && !node.all) {
    const all = new SetOpPlan(left, right, shape, 'union', true, rows);
    return planner.filtered(
      new AggregatePlan(all, new Shape(shape.columns), shape.columns.map(columnRef), [], planner.scope, rows, []),
      conditions,
    );
  }
  return planner.filtered(new SetOpPlan(left, right, shape, node.op, node.all, rows), conditions);
}
