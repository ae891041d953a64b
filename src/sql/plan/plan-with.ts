/**
 * WITH: a common table is planned once, behind the body; scans of it read what its plan has put out.
 *
 * The scans inside a recursive table's step read the rows of the round before, its working table.
 */
import { broken } from '../../base/assert.ts';
import { CteScanPlan, RecursivePlan, WithPlan } from '../exec/cte.ts';
import type { PlanNode } from '../exec/operator.ts';
import { Shape } from '../exec/shape.ts';
import type { CteDefinition, CteScanNode, Expr, Logical, WithNode } from './logical.ts';
import { idsOf, type Needed, withColumns } from './needed.ts';
import type { Planner } from './planner.ts';
import { freeColumns, planIsVolatile } from './walk.ts';

/** The common tables of a statement, as far as the planner has come. */
export class CommonTables {
  readonly known = new Map<number, { readonly definition: { plan: PlanNode | undefined }; readonly shape: Shape }>();
  /** Positions of the columns that scans ask for, by common table. */
  readonly read = new Map<number, Set<number>>();
  /** Those whose recursive step is being planned. */
  readonly working = new Set<number>();
}

/** WITH: the body, which says what it reads of the common tables, then these, each before those that it reads itself. */
export function planWith(planner: Planner, node: WithNode, needed: Needed, conditions: readonly Expr[]): PlanNode {
  // A query that nobody names is not planned: its constants may fail.
  const ctes = node.ctes.filter((cte) => cte.uses > 0 || isChange(cte.plan));
  const made = ctes.map((cte) => {
    const definition: { plan: PlanNode | undefined } = { plan: undefined };
    const shape = Shape.of(cte.plan.columns);
    planner.commonTables.known.set(cte.id, { definition, shape });
    return { cte, definition, shape };
  });
  const body = planner.plan(node.body, needed, conditions);
  for (const { cte, definition, shape } of [...made].reverse()) definition.plan = planTable(planner, cte, shape);
  const definitions = made.map(({ cte, definition }) => ({
    cte: cte.id,
    plan: definition.plan ?? broken('a common table without a plan'),
    modifies: isChange(cte.plan),
    outer: freeColumns(cte.plan).size > 0,
  }));
  return new WithPlan(body, definitions);
}

function planTable(planner: Planner, cte: CteDefinition, shape: Shape): PlanNode {
  const { plan } = cte;
  if (plan.kind === 'recursive') {
    const base = planner.inShape(plan.base, shape);
    planner.commonTables.working.add(cte.id);
    const step = planner.inShape(plan.step, shape);
    planner.commonTables.working.delete(cte.id);
    return new RecursivePlan(base, step, shape, plan.all);
  }
  if (isChange(plan)) return planner.plan(plan, idsOf(plan.columns), []);
  // PostgreSQL takes a query that is named once into the one around it, and then forgets the columns that nobody reads.
  const isKept = cte.uses !== 1 || cte.materialized === true || planIsVolatile(plan);
  const read = planner.commonTables.read.get(cte.id) ?? new Set();
  return planner.inShape(isKept ? plan : withoutUnread(plan, read), shape);
}

/** The query with NULL for columns that are not read, where its select list stands on top. */
function withoutUnread(plan: Logical, read: ReadonlySet<number>): Logical {
  if (plan.kind === 'limit' && plan.ties === undefined) return { ...plan, input: withoutUnread(plan.input, read) };
  if (plan.kind !== 'project' || plan.hasSets) return plan;
  const exprs = plan.exprs.map(
    (expr, i): Expr =>
      read.has(i) ? expr : { kind: 'const', value: null, type: expr.type, typmod: plan.columns[i]!.typmod },
  );
  return { ...plan, exprs };
}

function isChange({ kind }: Logical): boolean {
  return kind === 'insert' || kind === 'update' || kind === 'delete';
}

/** A reference to a common table that has been planned. */
export function planCteScan(
  planner: Planner,
  node: CteScanNode,
  needed: Needed,
  conditions: readonly Expr[],
): PlanNode {
  const { known, read, working } = planner.commonTables;
  const cte = known.get(node.cte) ?? broken(`no common table ${node.cte}`);
  const positions = read.get(node.cte) ?? new Set();
  read.set(node.cte, positions);
  const wanted = withColumns(needed, conditions);
  for (const [i, { id }] of node.columns.entries()) if (wanted.has(id)) positions.add(i);
  const shape = new Shape(
    node.columns.map((c, i) => ({ ...cte.shape.columns[i]!, id: c.id })),
    cte.shape.layout,
  );
  const scan = new CteScanPlan(node.cte, node.alias, shape, working.has(node.cte), cte.definition, 100);
  return planner.filtered(scan, conditions);
}
