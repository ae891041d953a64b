/**
 * Joins: which order, which method.
 *
 * A tree of inner joins is one *cluster*: relations and conditions. Each relation is first planned with the conditions that
 * speak of it alone; then, starting from the smallest, the cheapest next relation is joined, connected ones before products.
 * A relation that uses columns of others (LATERAL) must come after them.
 *
 *   method       when
 *   look-up      the next relation is a table with an index for the join columns, and few rows come from the left
 *   hash join    an equality connects the two sides
 *   nested loop  otherwise
 *
 * Outer joins keep their sides. A left join whose result is filtered by a condition that is never true for a null right side
 * becomes an inner join first; a right join is a left join with its sides swapped.
 */
import { fail } from '../../base/errors.ts';
import {
  KIND_DEC64,
  KIND_F32,
  KIND_F64,
  KIND_I16,
  KIND_I32,
  KIND_I64,
  KIND_NAME,
  KIND_NUMERIC,
  KIND_TEXT,
  KIND_U32,
} from '../../base/physical.ts';
import { AppendPlan } from '../exec/append.ts';
import { HashJoinPlan } from '../exec/hash-join.ts';
import type { HashKeyPart, JoinOptions, JoinType } from '../exec/join.ts';
import { LateralJoinPlan } from '../exec/lateral-join.ts';
import { NestedLoopPlan } from '../exec/nested-loop.ts';
import type { PlanNode } from '../exec/operator.ts';
import { type RangeSpec, ScanPlan } from '../exec/scan.ts';
import { Shape, travelPhysical } from '../exec/shape.ts';
import { formatExpr } from './explain-expr.ts';
import type { ColumnId, Expr, JoinNode, Logical } from './logical.ts';
import { idsOf, type Needed, withColumns } from './needed.ts';
import type { Planner } from './planner.ts';
import { unnestConditions } from './unnest.ts';
import { columnsOf, conjunction, conjunctsOf, freeColumns, isVolatile, subsetOf, touches } from './walk.ts';

const CLASS = new Map<number, number>([
  [KIND_I16, KIND_I64],
  [KIND_I32, KIND_I64],
  [KIND_U32, KIND_I64],
  [KIND_F32, KIND_F64],
  [KIND_DEC64, KIND_NUMERIC],
  [KIND_NAME, KIND_TEXT],
]);

function hashClass(expr: Expr): number {
  const { kind } = travelPhysical(expr.type, expr.typmod);
  return CLASS.get(kind) ?? kind;
}

interface Equality {
  readonly condition: Expr;
  readonly left: HashKeyPart;
  readonly right: HashKeyPart;
}

/** The condition as an equality between the two sides, fit for hashing. */
function equalityBetween(
  condition: Expr,
  left: { has(id: ColumnId): boolean },
  right: { has(id: ColumnId): boolean },
): Equality | undefined {
  let sides: readonly [Expr, Expr] | undefined;
  let nullsMeet = false;
  if (
    condition.kind === 'call' &&
    condition.operator?.meaning === 'eq' &&
    condition.operator.hashable &&
    condition.args.length === 2
  )
    sides = [condition.args[0]!, condition.args[1]!];
  else if (condition.kind === 'distinct' && condition.negated && condition.operator.hashable) {
    sides = [condition.left, condition.right];
    nullsMeet = true;
  }
  if (sides === undefined || hashClass(sides[0]) !== hashClass(sides[1])) return undefined;
  const on = (expr: Expr, here: { has(id: ColumnId): boolean }, there: { has(id: ColumnId): boolean }): boolean => {
    const ids = columnsOf(expr);
    return touches(ids, here) && !touches(ids, there) && !isVolatile(expr);
  };
  const [a, b] = sides;
  if (on(a, left, right) && on(b, right, left))
    return { condition, left: { expr: a, nullsMeet }, right: { expr: b, nullsMeet } };
  if (on(a, right, left) && on(b, left, right))
    return { condition, left: { expr: b, nullsMeet }, right: { expr: a, nullsMeet } };
  return undefined;
}

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

/** Turns outer joins into stricter ones when a condition above throws the null-extended rows away. */
function strengthened(node: JoinNode, conditions: readonly Expr[]): JoinNode {
  if (node.type !== 'left' && node.type !== 'right' && node.type !== 'full') return node;
  const left = producedIds(node.left);
  const right = producedIds(node.right);
  const rejectsLeft = conditions.some((c) => rejectsNulls(c, left));
  const rejectsRight = conditions.some((c) => rejectsNulls(c, right));
  if (node.type === 'left') return rejectsRight ? { ...node, type: 'inner' } : node;
  if (node.type === 'right') return rejectsLeft ? { ...node, type: 'inner' } : node;
  if (rejectsLeft && rejectsRight) return { ...node, type: 'inner' };
  return rejectsLeft ? { ...node, type: 'left' } : rejectsRight ? { ...node, type: 'right' } : node;
}

/** True when the condition cannot be true while all these columns are null. */
function rejectsNulls(condition: Expr, ids: { has(id: ColumnId): boolean }): boolean {
  if (condition.kind === 'test') return condition.test === 'not null' && nullWithNulls(condition.arg, ids);
  if (condition.kind === 'and') return condition.args.some((a) => rejectsNulls(a, ids));
  if (condition.kind === 'or') return condition.args.every((a) => rejectsNulls(a, ids));
  // Of an empty array it is false, which is no better.
  if (condition.kind === 'anyarray' && !condition.all && condition.operator.fn.strict)
    return nullWithNulls(condition.left, ids) || nullWithNulls(condition.array, ids);
  return nullWithNulls(condition, ids);
}

/** True when the expression is null whenever all these columns are. */
function nullWithNulls(expr: Expr, ids: { has(id: ColumnId): boolean }): boolean {
  switch (expr.kind) {
    case 'column':
      return ids.has(expr.id);
    case 'call':
      return expr.fn.strict && !expr.fn.returnsSet && expr.args.some((a) => nullWithNulls(a, ids));
    case 'cast':
    case 'typmod':
    case 'not':
      return nullWithNulls(expr.arg, ids);
    case 'anyarray':
      if (!expr.operator.fn.strict) return false;
      return nullWithNulls(expr.array, ids) || (nullWithNulls(expr.left, ids) && isNeverEmpty(expr.array));
    default:
      return false;
  }
}

/** Is an array known to have elements? With none, ANY is false and ALL is true, whatever stands on the left. */
function isNeverEmpty(array: Expr): boolean {
  return array.kind === 'array' && array.items.length > 0 && !array.multidimensional;
}

function producedIds(node: Logical): Set<ColumnId> {
  return idsOf(node.columns);
}

interface Relation {
  readonly node: Logical;
  readonly ids: ReadonlySet<ColumnId>;
  /** Columns of other relations that it uses. */
  readonly uses: ReadonlySet<ColumnId>;
  readonly local: readonly Expr[];
  plan: PlanNode | undefined;
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
  const conditions: Expr[] = [...above];
  gather(join, nodes, conditions);
  const all = new Set(nodes.flatMap((n) => n.columns.map((c) => c.id)));
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
  return orderCluster(planner, relations, open, needed, all);
}

function only(wanted: Needed, ids: ReadonlySet<ColumnId>): Set<ColumnId> {
  return new Set([...wanted].filter((id) => ids.has(id)));
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

/** The table's plan as it would be opened once per left row, if an index answers a join condition. */
function lookupPath(
  planner: Planner,
  relation: Relation,
  have: ReadonlySet<ColumnId>,
  conditions: readonly Expr[],
  wanted: Needed,
): { readonly cost: number } | undefined {
  const joins = conditions.filter((c) => touches(columnsOf(c), relation.ids) && touches(columnsOf(c), have));
  if (joins.length === 0) return undefined;
  for (const c of joins) for (const id of columnsOf(c)) if (have.has(id)) planner.slotOf(id);
  const plan = planner.plan(relation.node, only(wanted, relation.ids), [...relation.local, ...joins]);
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

/** Columns that a join puts out: what is wanted of both sides. */
function joinShape(left: PlanNode, right: PlanNode, wanted: Needed, withRight: boolean): Shape {
  return new Shape([...left.shape.columns, ...(withRight ? right.shape.columns : [])].filter((c) => wanted.has(c.id)));
}

function hashJoin(
  planner: Planner,
  type: JoinType,
  left: PlanNode,
  right: PlanNode,
  leftIds: ReadonlySet<ColumnId>,
  rightIds: ReadonlySet<ColumnId>,
  conditions: readonly Expr[],
  wanted: Needed,
  rows: number,
): PlanNode {
  const equalities: Equality[] = [];
  const rest: Expr[] = [];
  for (const c of conditions) {
    const equality = equalityBetween(c, leftIds, rightIds);
    if (equality === undefined) rest.push(c);
    else equalities.push(equality);
  }
  const details: string[] = [];
  if (equalities.length > 0) details.push(`Hash Cond: ${formatExpr(conjunction(equalities.map((e) => e.condition))!)}`);
  const residual = conjunction(rest);
  if (residual !== undefined) details.push(`Join Filter: ${formatExpr(residual)}`);
  if (type === 'full' && equalities.length === 0)
    throw fail(
      'feature_not_supported',
      'FULL JOIN is only supported with merge-joinable or hash-joinable join conditions',
    );
  const shape = joinShape(left, right, wanted, type !== 'semi' && type !== 'anti');
  const options: JoinOptions = {
    type,
    left,
    right,
    shape,
    leftKeys: equalities.map((e) => e.left),
    rightKeys: equalities.map((e) => e.right),
    residual,
    rows,
    details,
  };
  return equalities.length > 0 ? new HashJoinPlan(options, planner.scope) : new NestedLoopPlan(options, planner.scope);
}

function lateral(
  planner: Planner,
  type: 'inner' | 'left' | 'semi' | 'anti',
  left: PlanNode,
  rightNode: Logical,
  leftIds: ReadonlySet<ColumnId>,
  conditions: readonly Expr[],
  residual: Expr | undefined,
  wanted: Needed,
  rows: number,
): PlanNode {
  const used = new Set<ColumnId>();
  for (const id of [...freeColumns(rightNode), ...conditions.flatMap((c) => [...columnsOf(c)])])
    if (leftIds.has(id)) used.add(id);
  const bindings = [...used].map((id) => ({ id, slot: planner.slotOf(id) }));
  const right = planner.plan(
    rightNode,
    only(withColumns(wanted, residual === undefined ? [] : [residual]), idsOf(rightNode.columns)),
    conditions,
  );
  const shape = joinShape(left, right, wanted, type !== 'semi' && type !== 'anti');
  return new LateralJoinPlan(
    {
      type,
      left,
      right,
      shape,
      bindings,
      residual,
      rows,
      details: residual === undefined ? [] : [`Join Filter: ${formatExpr(residual)}`],
    },
    planner.scope,
  );
}

/** Left, full, semi and anti joins: the sides stay where they are. */
function planOuter(planner: Planner, join: JoinNode, needed: Needed, above: readonly Expr[]): PlanNode {
  const type = join.type as 'left' | 'full' | 'semi' | 'anti';
  const leftIds = producedIds(join.left);
  const rightIds = producedIds(join.right);
  const sinks = (c: Expr): boolean => type !== 'full' && !touches(columnsOf(c), rightIds) && !isVolatile(c);
  const toLeft = above.filter(sinks);
  const keep = above.filter((c) => !sinks(c));
  const on = conjunctsOf(join.on);
  const toRight =
    type === 'full'
      ? []
      : on.filter((c) => !touches(columnsOf(c), leftIds) && touches(columnsOf(c), rightIds) && !isVolatile(c));
  const between = on.filter((c) => !toRight.includes(c));
  const uses = [...freeColumns(join.right)].filter((id) => leftIds.has(id));
  const wanted = withColumns(needed, keep);
  const inner = withColumns(wanted, between);
  for (const id of uses) inner.add(id);
  const { node: leftNode, rest } = unnestConditions(join.left, toLeft);
  const left = planner.plan(leftNode, only(inner, leftIds), rest);
  const share = planner.estimates.share(between);
  if (
    type !== 'full' &&
    (uses.length > 0 || prefersLookUp(planner, left, leftIds, join.right, rightIds, toRight, between, inner))
  ) {
    const correlated = between.filter((c) => touches(columnsOf(c), rightIds));
    const residual = conjunction(between.filter((c) => !correlated.includes(c)));
    const rows = type === 'left' ? left.rows : left.rows / 2;
    // A condition on the left row alone decides whether the right side is looked at; it stays with the pair.
    return planner.filtered(
      lateral(planner, type, left, join.right, leftIds, [...toRight, ...correlated], residual, wanted, rows),
      keep,
    );
  }
  const right = planner.plan(join.right, only(inner, rightIds), toRight);
  const rows =
    type === 'semi' || type === 'anti'
      ? Math.max(1, left.rows / 2)
      : Math.max(left.rows, left.rows * right.rows * share);
  return planner.filtered(hashJoin(planner, type, left, right, leftIds, rightIds, between, wanted, rows), keep);
}

function prefersLookUp(
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
