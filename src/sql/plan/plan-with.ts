/**
 * WITH: a common table is planned once, before the body; scans of it read what its plan has put out.
 *
 * The scans inside a recursive table's step read the rows of the round before, its working table.
 */
import { broken } from '../../base/assert.ts';
import { CteScanPlan, RecursivePlan, WithPlan } from '../exec/cte.ts';
import type { PlanNode } from '../exec/operator.ts';
import { Shape } from '../exec/shape.ts';
import type { CteScanNode, Expr, Logical, WithNode } from './logical.ts';
import { idsOf, type Needed } from './needed.ts';
import type { Planner } from './planner.ts';
import { freeColumns } from './walk.ts';

/** The common tables of a statement, as far as the planner has come. */
export class CommonTables {
  readonly known = new Map<number, { readonly definition: { plan: PlanNode | undefined }; readonly shape: Shape }>();
  /** Those whose recursive step is being planned. */
  readonly working = new Set<number>();
}

/** WITH: first its common tables, then the body. */
export function planWith(planner: Planner, node: WithNode, needed: Needed, conditions: readonly Expr[]): PlanNode {
  // A query that nobody names is not planned either: its constants may fail.
  const ctes = node.ctes.filter((cte) => cte.uses > 0 || isChange(cte.plan));
  const definitions = ctes.map((cte) => {
    const modifies = isChange(cte.plan);
    const definition: { plan: PlanNode | undefined } = { plan: undefined };
    const shape = Shape.of(cte.plan.columns);
    planner.commonTables.known.set(cte.id, { definition, shape });
    if (cte.plan.kind === 'recursive') {
      const base = planner.inShape(cte.plan.base, shape);
      planner.commonTables.working.add(cte.id);
      const step = planner.inShape(cte.plan.step, shape);
      planner.commonTables.working.delete(cte.id);
      definition.plan = new RecursivePlan(base, step, shape, cte.plan.all);
    } else if (modifies) definition.plan = planner.plan(cte.plan, idsOf(cte.plan.columns), []);
    else definition.plan = planner.inShape(cte.plan, shape);
    return { cte: cte.id, plan: definition.plan, modifies, outer: freeColumns(cte.plan).size > 0 };
  });
  return new WithPlan(planner.plan(node.body, needed, conditions), definitions);
}

function isChange({ kind }: Logical): boolean {
  return kind === 'insert' || kind === 'update' || kind === 'delete';
}

/** A reference to a common table that has been planned. */
export function planCteScan(planner: Planner, node: CteScanNode, conditions: readonly Expr[]): PlanNode {
  const { known, working } = planner.commonTables;
  const cte = known.get(node.cte) ?? broken(`no common table ${node.cte}`);
  const shape = new Shape(
    node.columns.map((c, i) => ({ ...cte.shape.columns[i]!, id: c.id })),
    cte.shape.layout,
  );
  const scan = new CteScanPlan(node.cte, node.alias, shape, working.has(node.cte), cte.definition, 100);
  return planner.filtered(scan, conditions);
}
