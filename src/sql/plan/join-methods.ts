/**
 * The ways to join two sides: by a hash table where an equality connects them, else by a nested loop; or the right side is
 * opened once per left row, with the left row's values.
 */
import { fail } from '../../base/errors.ts';
import type { PhysicalKind } from '../../base/physical.ts';
import { HashJoinPlan } from '../exec/hash-join.ts';
import type { HashKeyPart, JoinOptions, JoinType } from '../exec/join.ts';
import { hashClass } from '../exec/key-values.ts';
import { LateralJoinPlan } from '../exec/lateral-join.ts';
import { NestedLoopPlan } from '../exec/nested-loop.ts';
import type { PlanNode } from '../exec/operator.ts';
import { Shape, travelPhysical } from '../exec/shape.ts';
import { formatExpr } from './explain-expr.ts';
import type { ColumnId, Expr, Logical } from './logical.ts';
import { idsOf, type Needed, only, withColumns } from './needed.ts';
import type { Planner } from './planner.ts';
import { columnsOf, conjunction, freeColumns, isVolatile, touches } from './walk.ts';

function hashClassOf(expr: Expr): PhysicalKind {
  return hashClass(travelPhysical(expr.type, expr.typmod).kind);
}

interface Equality {
  readonly condition: Expr;
  readonly left: HashKeyPart;
  readonly right: HashKeyPart;
}

/** The condition as an equality between the two sides, fit for hashing. */
export function equalityBetween(
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
  if (sides === undefined || hashClassOf(sides[0]) !== hashClassOf(sides[1])) return undefined;
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

/** Columns that a join puts out: what is wanted of both sides. */
function joinShape(left: PlanNode, right: PlanNode, wanted: Needed, withRight: boolean): Shape {
  return new Shape([...left.shape.columns, ...(withRight ? right.shape.columns : [])].filter((c) => wanted.has(c.id)));
}

/** A hash join where an equality connects the sides, else a nested loop. @throws 0A000 for a full join without an equality. */
export function hashJoin(
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
  // A condition that is the same for all pairs lets all of them meet or none.
  if (type === 'full' && equalities.length === 0 && !rest.every((c) => c.kind === 'const' || c.kind === 'param'))
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

/** A join whose right side is opened once per left row, with the row's values in its conditions. */
export function lateral(
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
