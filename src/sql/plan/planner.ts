/**
 * The planner: from the bound tree to a plan that can run.
 *
 * It goes down the tree once, carrying the conditions that may be answered lower and the columns that are needed above:
 *
 *   plan(node, needed, conditions) → a plan whose rows satisfy the conditions and hold at least the needed columns
 *
 * Conditions sink through projections (rewritten), joins (to the side they speak of) and grouping (when they speak of group
 * columns only); what cannot sink becomes a filter right above. One that speaks of no column at all is judged once, above all
 * that it is said of, and decides whether that is opened.
 *
 *   plan-scan.ts      tables, by the cheapest path (access.ts)    plan-groups.ts    grouping, DISTINCT, set operations
 *   plan-project.ts   projections, set-returning calls            plan-order.ts     ORDER BY and LIMIT
 *   join-order.ts     joins, gathered and ordered                 plan-with.ts      common tables
 *   unnest.ts         EXISTS and IN as semi and anti joins        plan-changes.ts   changes; plan-lock.ts  row locks
 */
import { broken } from '../../base/assert.ts';
import type { Session } from '../../engine/session.ts';
import type { Scope } from '../exec/evaluate.ts';
import { FunctionScanPlan, type VirtualRows, VirtualScanPlan } from '../exec/functions.ts';
import { NeverPlan, OneTimePlan } from '../exec/one-time.ts';
import type { PlanNode } from '../exec/operator.ts';
import { ProjectPlan, ValuesPlan } from '../exec/project.ts';
import { Shape } from '../exec/shape.ts';
import { type SubPlan, subPlanEval } from '../exec/subplan.ts';
import type { Eval } from '../exec/values.ts';
import { WindowPlan } from '../exec/window.ts';
import { isNever } from './constancy.ts';
import { Estimates, type KnownValues } from './estimate.ts';
import { formatExpr } from './explain-expr.ts';
import type { Folder } from './fold.ts';
import { planJoin } from './join-order.ts';
import type { Column, ColumnId, Expr, Logical, SubqueryExpr, WindowNode } from './logical.ts';
import { idsOf, type Needed, withColumns } from './needed.ts';
import { planChange } from './plan-changes.ts';
import { planAggregate, planDistinct, planSetOp } from './plan-groups.ts';
import { planLock } from './plan-lock.ts';
import { planLimit, planSort } from './plan-order.ts';
import { planProject } from './plan-project.ts';
import { planScan } from './plan-scan.ts';
import { CommonTables, planCteScan, planWith } from './plan-with.ts';
import { unnestConditions } from './unnest.ts';
import {
  columnsOf,
  conjunction,
  conjunctsOf,
  expressionsOf,
  freeColumns,
  inputsOf,
  isVolatile,
  planIsVolatile,
  touches,
  walkExpr,
} from './walk.ts';

export class Planner {
  readonly session: Session;
  readonly estimates: Estimates;
  readonly scope: Scope;
  readonly virtualRows: VirtualRows;
  /** Slots of outer columns, for the whole statement. */
  readonly #outer = new Map<ColumnId, number>();
  readonly commonTables = new CommonTables();
  /** Indexes of the parameters that what is planned so far reads. */
  readonly parametersRead = new Set<number>();
  readonly #folder: Folder | undefined;
  #lastId: ColumnId;

  /**
   * @param known the values that the statement brings with it; they only guide the choice of a plan
   * @param folder what has folded the statement's constants; undefined = nothing has
   */
  constructor(
    session: Session,
    lastColumnId: ColumnId,
    virtualRows: VirtualRows,
    known?: KnownValues,
    folder?: Folder,
  ) {
    this.session = session;
    this.#folder = folder;
    this.estimates = new Estimates(known);
    this.#lastId = lastColumnId;
    this.virtualRows = virtualRows;
    this.scope = {
      shape0: undefined,
      outer: this.#outer,
      reads: (index) => this.parametersRead.add(index),
      subquery: (expr, scope) => this.#subquery(expr, scope),
    };
  }

  newId(): ColumnId {
    return ++this.#lastId;
  }

  /** The slot that carries an outer column's value. */
  slotOf(id: ColumnId): number {
    const known = this.#outer.get(id);
    if (known !== undefined) return known;
    const slot = this.#outer.size;
    this.#outer.set(id, slot);
    return slot;
  }

  #subquery(expr: SubqueryExpr, scope: Scope): Eval {
    const types = new Map<ColumnId, { type: number; typmod: number }>();
    collectTypes(expr.plan, types);
    const bindings = [...freeColumns(expr.plan)].map((id) => ({
      id,
      slot: this.slotOf(id),
      type: types.get(id)?.type ?? 25,
      typmod: types.get(id)?.typmod ?? -1,
    }));
    // EXISTS asks for no column: what would have to be computed for them may fail.
    const plan = this.plan(expr.plan, expr.mode === 'exists' ? new Set() : idsOf(expr.plan.columns), []);
    const subPlan: SubPlan = {
      plan: this.exactly(plan, expr.mode === 'exists' ? [] : expr.plan.columns),
      bindings,
      stable: !planIsVolatile(expr.plan),
    };
    return subPlanEval(expr, subPlan, scope);
  }

  /** Plans a node. See the head of this file. */
  plan(node: Logical, needed: Needed, conditions: readonly Expr[]): PlanNode {
    const { once, rest } = withoutColumns(conditions, idsOf(node.columns));
    return this.once(this.#plan(node, needed, rest), once);
  }

  #plan(node: Logical, needed: Needed, conditions: readonly Expr[]): PlanNode {
    switch (node.kind) {
      case 'filter':
        return this.#filter(node.input, node.predicate, needed, conditions);
      case 'project':
        return planProject(this, node, needed, conditions);
      case 'scan':
        return planScan(this, node, needed, conditions);
      case 'join':
        return planJoin(this, node, needed, conditions);
      case 'aggregate':
        return planAggregate(this, node, needed, conditions);
      case 'sort':
        return planSort(this, node, needed, conditions);
      case 'limit':
        return planLimit(this, node, needed, conditions);
      case 'distinct':
        return planDistinct(this, node, needed, conditions);
      case 'setop':
        return planSetOp(this, node, conditions);
      case 'values':
        return this.filtered(new ValuesPlan(Shape.of(node.columns), node.rows, this.scope), conditions);
      case 'onerow':
        return this.filtered(new ValuesPlan(Shape.of([]), [[]], this.scope), conditions);
      case 'function':
        return this.filtered(new FunctionScanPlan(node, Shape.of(node.columns), this.scope), conditions);
      case 'virtual':
        return this.filtered(
          new VirtualScanPlan(node.relation, node.numbers, Shape.of(node.columns), this.virtualRows, node.alias),
          conditions,
        );
      case 'window':
        return this.#window(node, needed, conditions);
      case 'with':
        return planWith(this, node, needed, conditions);
      case 'ctescan':
        return planCteScan(this, node, needed, conditions);
      case 'recursive':
        return broken('a recursive query outside a common table');
      case 'lock':
        return planLock(this, node, needed, conditions);
      case 'insert':
      case 'update':
      case 'delete':
        return this.filtered(planChange(this, node), conditions);
    }
  }

  /** Lets a plan run only where conditions hold that are the same for all its rows. */
  once(plan: PlanNode, conditions: readonly Expr[]): PlanNode {
    const condition = conjunction(conditions);
    if (condition === undefined) return plan;
    if (conditions.some(isNever)) return new NeverPlan(plan.shape);
    return new OneTimePlan(plan, condition, this.scope, formatExpr(condition));
  }

  /** An expression in which columns have been replaced: what is constant in it now is folded. */
  folded(expr: Expr): Expr {
    return this.#folder?.fold(expr) ?? expr;
  }

  /** Puts a filter above a plan for conditions that nothing below answers. */
  filtered(plan: PlanNode, conditions: readonly Expr[]): PlanNode {
    const predicate = conjunction(conditions);
    if (predicate === undefined) return plan;
    const share = this.estimates.share(conditions);
    return new ProjectPlan(
      plan,
      new Shape(plan.shape.columns),
      predicate,
      plan.shape.columns.map(columnRef),
      { ...this.scope, shape0: plan.shape },
      Math.max(1, plan.rows * share),
      [`Filter: ${formatExpr(predicate)}`],
    );
  }

  /** A plan that puts out exactly these columns in this order. */
  exactly(plan: PlanNode, columns: readonly Column[]): PlanNode {
    const same =
      plan.shape.columns.length === columns.length && columns.every((c, i) => plan.shape.columns[i]!.id === c.id);
    if (same) return plan;
    const shape = new Shape(columns.map((c) => plan.shape.columns[plan.shape.require(c.id)]!));
    return new ProjectPlan(
      plan,
      shape,
      undefined,
      shape.columns.map(columnRef),
      { ...this.scope, shape0: plan.shape },
      plan.rows,
      [],
    );
  }

  /** Plans a node so that its columns lie as in `shape`: an arm of a set operation, a common table. */
  inShape(node: Logical, shape: Shape): PlanNode {
    const plan = this.exactly(this.plan(node, idsOf(node.columns), []), node.columns);
    const fits = plan.shape.columns.every(
      (c, i) =>
        c.physical.kind === shape.columns[i]!.physical.kind && c.physical.scale === shape.columns[i]!.physical.scale,
    );
    if (fits) return plan;
    return new ProjectPlan(
      plan,
      shape,
      undefined,
      plan.shape.columns.map(columnRef),
      { ...this.scope, shape0: plan.shape },
      plan.rows,
      [],
    );
  }

  #filter(input: Logical, predicate: Expr, needed: Needed, conditions: readonly Expr[]): PlanNode {
    const all = [...conditions, ...conjunctsOf(predicate)];
    const { node, rest } = unnestConditions(input, all);
    return this.plan(node, needed, rest);
  }

  #window(node: WindowNode, needed: Needed, conditions: readonly Expr[]): PlanNode {
    const exprs = [
      ...node.partition,
      ...node.order.map((k) => k.expr),
      ...node.calls.flatMap((c) => [...c.args, ...(c.filter === undefined ? [] : [c.filter])]),
    ];
    const input = this.plan(node.input, withColumns(needed, [...exprs, ...conditions]), []);
    const made = node.columns.slice(node.columns.length - node.calls.length);
    const shape = new Shape([...input.shape.columns, ...Shape.of(made).columns]);
    return this.filtered(new WindowPlan(input, node, shape, this.scope), conditions);
  }
}

/** The conditions that are the same for all rows with these columns, and the others. */
export function withoutColumns(
  conditions: readonly Expr[],
  ids: { has(id: ColumnId): boolean },
): { once: Expr[]; rest: Expr[] } {
  const once: Expr[] = [];
  const rest: Expr[] = [];
  for (const c of conditions) (touches(columnsOf(c), ids) || isVolatile(c) ? rest : once).push(c);
  return { once, rest };
}

export function columnRef(column: { readonly id: ColumnId; readonly type: number; readonly typmod: number }): Expr {
  return { kind: 'column', id: column.id, type: column.type, typmod: column.typmod };
}

/** Types of the columns that a plan's expressions mention. */
function collectTypes(node: Logical, into: Map<ColumnId, { type: number; typmod: number }>): void {
  for (const expr of expressionsOf(node)) {
    walkExpr(expr, (e) => {
      if (e.kind === 'column') into.set(e.id, { type: e.type, typmod: e.typmod });
      if (e.kind === 'subquery') collectTypes(e.plan, into);
    });
  }
  for (const input of inputsOf(node)) collectTypes(input, into);
}
