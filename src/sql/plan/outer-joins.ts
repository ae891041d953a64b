/**
 * Left, full, semi and anti joins: their sides stay where they are.
 *
 * An outer join becomes a stricter one first where a condition above throws away the rows that it has completed with nulls.
 */
import type { PlanNode } from '../exec/operator.ts';
import { prefersLookUp } from './join-look-up.ts';
import { hashJoin, lateral } from './join-methods.ts';
import type { ColumnId, Expr, JoinNode, Logical } from './logical.ts';
import { idsOf, type Needed, only, withColumns } from './needed.ts';
import type { Planner } from './planner.ts';
import { unnestConditions } from './unnest.ts';
import { columnsOf, conjunction, conjunctsOf, freeColumns, isVolatile, touches } from './walk.ts';

/** Turns outer joins into stricter ones when a condition above throws the null-extended rows away. */
export function strengthened(node: JoinNode, conditions: readonly Expr[]): JoinNode {
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

/** Left, full, semi and anti joins: the sides stay where they are. */
export function planOuter(planner: Planner, join: JoinNode, needed: Needed, above: readonly Expr[]): PlanNode {
  const type = join.type as 'left' | 'full' | 'semi' | 'anti';
  const leftIds = producedIds(join.left);
  const rightIds = producedIds(join.right);
  const sinks = (c: Expr): boolean => type !== 'full' && !touches(columnsOf(c), rightIds) && !isVolatile(c);
  const toLeft = above.filter(sinks);
  const keep = above.filter((c) => !sinks(c));
  const on = conjunctsOf(join.on);
  const toRight = type === 'full' ? [] : on.filter((c) => !touches(columnsOf(c), leftIds) && !isVolatile(c));
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
