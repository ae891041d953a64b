/**
 * Joins: which order, and by which method each step.
 *
 * A tree of inner joins is one *cluster*: relations and conditions. Each relation is first planned with the conditions that
 * speak of it alone; then, starting from the smallest, the cheapest next relation is joined, connected ones before products.
 * A relation that uses columns of others (LATERAL) must come after them.
 *
 *   method       when
 *   look-up      the next relation is a table with an index for the join columns, and few rows come from the left (join-look-up.ts)
 *   hash join    an equality connects the two sides (join-methods.ts)
 *   nested loop  otherwise
 *
 * Outer joins keep their sides (outer-joins.ts). A left join whose result is filtered by a condition that is never true for a null
 * right side becomes an inner join first; a right join is a left join with its sides swapped.
 */

import { fail } from '../../base/errors.ts';
import type { PlanNode } from '../exec/operator.ts';
import { ScanPlan } from '../exec/scan.ts';
import { lookupPath, type Relation } from './join-look-up.ts';
import { equalityBetween, hashJoin, lateral } from './join-methods.ts';
import type { ColumnId, Expr, JoinNode, Logical } from './logical.ts';
import { idsOf, type Needed, only, withColumns } from './needed.ts';
import { planOuter, strengthened } from './outer-joins.ts';
import { type Planner, withoutColumns } from './planner.ts';
import { unnestConditions } from './unnest.ts';
import { columnsOf, conjunctsOf, freeColumns, isVolatile, subsetOf, touches } from './walk.ts';

export function planJoin(planner: Planner, node: JoinNode, needed: Needed, conditions: readonly Expr[]): PlanNode {
  const join = strengthened(node, conditions);
  switch (join.type) {
    case 'inner':
      return planCluster(planner, join, needed, conditions);
    case 'right':
      return planOuter(planner, { ...join, type: 'left', left: join.right, right: join.left }, needed, conditions);
    default:
      return planOuter(planner, join, needed, conditions);
  }
}

/** Takes a tree of inner joins apart; a filter inside it only adds conditions. */
function gather(node: Logical, relations: Logical[], conditions: Expr[]): void {
  if (node.kind === 'join') {
    const join = strengthened(node, conditions);
    if (join.type === 'inner') {
      conditions.push(...conjunctsOf(join.on));
      gather(join.left, relations, conditions);
      gather(join.right, relations, conditions);
      return;
    }
  }
  if (node.kind === 'filter') {
    const { node: inner, rest } = unnestConditions(node.input, conjunctsOf(node.predicate));
    conditions.push(...rest);
    gather(inner, relations, conditions);
    return;
  }
  relations.push(node);
}

function planCluster(planner: Planner, join: JoinNode, needed: Needed, above: readonly Expr[]): PlanNode {
  const nodes: Logical[] = [];
  const gathered: Expr[] = [...above];
  gather(join, nodes, gathered);
  const all = new Set(nodes.flatMap((n) => n.columns.map((c) => c.id)));
  const { once, rest: conditions } = withoutColumns(gathered, all);
  const open = new Set(conditions);
  const relations: Relation[] = nodes.map((node) => {
    const ids = idsOf(node.columns);
    const local = conditions.filter(
      (c) =>
        !isVolatile(c) &&
        columnsOf(c).size > 0 &&
        subsetOf(
          [...columnsOf(c)].filter((id) => all.has(id)),
          ids,
        ) &&
        touches(columnsOf(c), ids),
    );
    for (const c of local) open.delete(c);
    const uses = new Set([...freeColumns(node)].filter((id) => all.has(id)));
    return { node, ids, uses, local, plan: undefined };
  });
  const wanted = withColumns(needed, [...open]);
  for (const r of relations) for (const id of r.uses) wanted.add(id);
  for (const r of relations) if (r.uses.size === 0) r.plan = planner.plan(r.node, only(wanted, r.ids), r.local);
  return planner.once(orderCluster(planner, relations, open, needed, all), once);
}

function orderCluster(
  planner: Planner,
  relations: readonly Relation[],
  open: Set<Expr>,
  needed: Needed,
  all: ReadonlySet<ColumnId>,
): PlanNode {
  const left = new Set(relations);
  const have = new Set<ColumnId>();
  const first = [...left].filter((r) => r.plan !== undefined).reduce((a, b) => (b.plan!.rows < a.plan!.rows ? b : a));
  left.delete(first);
  for (const id of first.ids) have.add(id);
  let plan = first.plan!;
  while (left.size > 0) {
    let best: { relation: Relation; plan: PlanNode; cost: number } | undefined;
    for (const relation of left) {
      if (!subsetOf(relation.uses, have)) continue;
      const both = new Set([...have, ...relation.ids]);
      const usable = [...open].filter(
        (c) =>
          subsetOf(
            [...columnsOf(c)].filter((id) => all.has(id)),
            both,
          ) && !isVolatile(c),
      );
      const wanted = wantedAfter(needed, open, usable, left, relation);
      const candidate = joinStep(planner, plan, have, relation, usable, wanted);
      const connected = usable.some((c) => touches(columnsOf(c), relation.ids));
      const cost = candidate.cost + (connected || relation.uses.size > 0 ? 0 : 1e12);
      if (best === undefined || cost < best.cost) best = { relation, plan: candidate.plan(), cost };
    }
    if (best === undefined) throw fail('feature_not_supported', 'LATERAL references form a circle');
    const both = new Set([...have, ...best.relation.ids]);
    for (const c of [...open])
      if (
        subsetOf(
          [...columnsOf(c)].filter((id) => all.has(id)),
          both,
        ) &&
        !isVolatile(c)
      )
        open.delete(c);
    left.delete(best.relation);
    for (const id of best.relation.ids) have.add(id);
    plan = best.plan;
  }
  return planner.filtered(plan, [...open]);
}

/** Columns that are of use once a relation is joined: above, in conditions still open, in relations that refer to others. */
function wantedAfter(
  needed: Needed,
  open: ReadonlySet<Expr>,
  answered: readonly Expr[],
  left: ReadonlySet<Relation>,
  joined: Relation,
): Needed {
  const wanted = withColumns(
    needed,
    [...open].filter((c) => !answered.includes(c)),
  );
  for (const r of left) if (r !== joined) for (const id of r.uses) wanted.add(id);
  return wanted;
}

/** The ways to join one more relation; `plan` builds the cheaper one. */
function joinStep(
  planner: Planner,
  left: PlanNode,
  have: ReadonlySet<ColumnId>,
  relation: Relation,
  conditions: readonly Expr[],
  wanted: Needed,
): { cost: number; plan: () => PlanNode } {
  const share = planner.estimates.share(conditions);
  const right = relation.plan;
  if (right === undefined) {
    return {
      cost: left.rows * 100,
      plan: () =>
        lateral(
          planner,
          'inner',
          left,
          relation.node,
          have,
          [...relation.local, ...conditions],
          undefined,
          wanted,
          left.rows * 10,
        ),
    };
  }
  const rows = Math.max(1, left.rows * right.rows * share);
  const keyed = conditions.some((c) => equalityBetween(c, have, relation.ids) !== undefined);
  const build = right instanceof ScanPlan ? right.options.cost : right.rows;
  const hashCost = keyed ? build + right.rows + left.rows + rows : build + left.rows * right.rows;
  const lookup = relation.node.kind === 'scan' ? lookupPath(planner, relation, have, conditions, wanted) : undefined;
  if (lookup !== undefined) {
    const cost = left.rows * lookup.cost + rows;
    if (cost < hashCost)
      return {
        cost,
        plan: () =>
          lateral(
            planner,
            'inner',
            left,
            relation.node,
            have,
            [...relation.local, ...conditions],
            undefined,
            wanted,
            rows,
          ),
      };
  }
  return {
    cost: hashCost,
    plan: () => hashJoin(planner, 'inner', left, right, have, relation.ids, conditions, wanted, rows),
  };
}
