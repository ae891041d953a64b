/**
 * Projections: conditions sink through them, written anew over the input's columns; what nobody needs is not computed.
 *
 * A projection that only picks columns as they lie renames them. Set-returning calls are computed in steps of their own.
 */
import { ProjectSetPlan } from '../exec/functions.ts';
import type { PlanNode } from '../exec/operator.ts';
import { ProjectPlan } from '../exec/project.ts';
import { RenamePlan } from '../exec/sets.ts';
import { Shape, type ShapeColumn } from '../exec/shape.ts';
import type { Column, ColumnId, Expr, ProjectNode } from './logical.ts';
import { type Needed, withColumns } from './needed.ts';
import { columnRef, type Planner } from './planner.ts';
import { unnestConditions } from './unnest.ts';
import {
  canSubstitute,
  columnsOf,
  conjunctsOf,
  hasSubquery,
  isVolatile,
  mapChildren,
  substitute,
  walkExpr,
} from './walk.ts';

/** A list of expressions over the rows of the input. */
export function planProject(
  planner: Planner,
  node: ProjectNode,
  needed: Needed,
  conditions: readonly Expr[],
): PlanNode {
  const replacements = new Map<ColumnId, Expr>();
  node.columns.forEach((c, i) => replacements.set(c.id, node.exprs[i]!));
  const made = (id: ColumnId): boolean => replacements.has(id);
  const sink: Expr[] = [];
  const keep: Expr[] = [];
  for (const condition of conditions) {
    const sources = [...columnsOf(condition)]
      .map((id) => replacements.get(id))
      .filter((e): e is Expr => e !== undefined);
    const simple =
      !node.hasSets && sources.every((e) => !isVolatile(e) && !hasSubquery(e)) && canSubstitute(condition, made);
    if (simple) sink.push(...conjunctsOf(planner.folded(substitute(condition, replacements))));
    else keep.push(condition);
  }
  const wanted = withColumns(needed, keep);
  const picked = node.columns
    .map((c, i) => ({ column: c, expr: node.exprs[i]! }))
    .filter(({ column, expr }) => node.hasSets || wanted.has(column.id) || isVolatile(expr));
  const inner = withColumns(
    new Set(),
    picked.map((p) => p.expr),
  );
  const { node: source, rest } =
    sink.length > 0 ? unnestConditions(node.input, sink) : { node: node.input, rest: sink };
  const input = planner.plan(source, inner, rest);
  const shape = Shape.of(picked.map((p) => p.column));
  if (node.hasSets) return planner.filtered(projectSets(planner, input, picked, shape), keep);
  const exprs = picked.map((p) => p.expr);
  const plan = isRename(exprs, input)
    ? new RenamePlan(input, renamed(input, picked))
    : new ProjectPlan(input, shape, undefined, exprs, { ...planner.scope, shape0: input.shape }, input.rows, []);
  return planner.filtered(plan, keep);
}

/** Set-returning calls below the top of an expression are computed in steps of their own, innermost first. */
function projectSets(
  planner: Planner,
  input: PlanNode,
  picked: readonly { column: Column; expr: Expr }[],
  shape: Shape,
): PlanNode {
  const below: { id: ColumnId; expr: Expr }[] = [];
  const tops = picked.map(({ expr }) =>
    liftSets(expr, true, (call) => {
      const id = planner.newId();
      below.push({ id, expr: call });
      return { kind: 'column', id, type: call.type, typmod: call.typmod };
    }),
  );
  if (below.length === 0) return new ProjectSetPlan(input, shape, tops, planner.scope);
  const carried = input.shape.columns;
  const mid = new Shape([
    ...carried,
    ...Shape.of(below.map((b) => ({ id: b.id, type: b.expr.type, typmod: b.expr.typmod }))).columns,
  ]);
  const stage = projectSets(
    planner,
    input,
    [
      ...carried.map((c) => ({ column: asColumn(c), expr: columnRef(c) })),
      ...below.map((b) => ({
        column: { id: b.id, name: '', type: b.expr.type, typmod: b.expr.typmod },
        expr: b.expr,
      })),
    ],
    mid,
  );
  if (tops.some((e) => e.kind === 'call' && e.fn.returnsSet))
    return new ProjectSetPlan(stage, shape, tops, planner.scope);
  return new ProjectPlan(stage, shape, undefined, tops, { ...planner.scope, shape0: stage.shape }, stage.rows, []);
}

function asColumn(column: ShapeColumn): Column {
  return { id: column.id, name: '', type: column.type, typmod: column.typmod };
}

/** True when a projection only picks columns, in the order and number in which the input has them. */
function isRename(exprs: readonly Expr[], input: PlanNode): boolean {
  const { columns } = input.shape;
  return exprs.length === columns.length && exprs.every((e, i) => e.kind === 'column' && e.id === columns[i]!.id);
}

function renamed(input: PlanNode, picked: readonly { readonly column: Column }[]): Shape {
  return new Shape(
    input.shape.columns.map((c, i) => ({ ...c, id: picked[i]!.column.id })),
    input.shape.layout,
  );
}

/** Takes set-returning calls out of an expression, except one that stands at its top. */
function liftSets(expr: Expr, top: boolean, lift: (call: Expr) => Expr): Expr {
  const inner = mapSets(expr, (e) => liftSets(e, false, lift));
  return !top && inner.kind === 'call' && inner.fn.returnsSet ? lift(inner) : inner;
}

function mapSets(expr: Expr, f: (e: Expr) => Expr): Expr {
  return containsSet(expr) ? mapChildren(expr, f) : expr;
}

function containsSet(expr: Expr): boolean {
  let found = false;
  walkExpr(expr, (e) => {
    if (e.kind === 'call' && e.fn.returnsSet) found = true;
  });
  return found;
}
