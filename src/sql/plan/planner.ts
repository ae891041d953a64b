/**
 * The planner: from the bound tree to a plan that can run.
 *
 * It goes down the tree once, carrying the conditions that may be answered lower and the columns that are needed above:
 *
 *   plan(node, needed, conditions) → a plan whose rows satisfy the conditions and hold at least the needed columns
 *
 * Conditions sink through projections (rewritten), joins (to the side they speak of) and grouping (when they speak of group
 * columns only); what cannot sink becomes a filter right above. Inner joins are gathered and ordered by `join-order.ts`;
 * EXISTS and IN become semi and anti joins in `unnest.ts`; changes are planned in `plan-changes.ts`.
 */
import { broken } from '../../base/assert.ts';
import { unsupported } from '../../base/errors.ts';
import { KIND_BYTES } from '../../base/physical.ts';
import type { IndexObject } from '../../engine/catalog.ts';
import type { Session } from '../../engine/session.ts';
import type { TableAccess } from '../../engine/table-access.ts';
import { AggregatePlan } from '../exec/aggregate.ts';
import { CteScanPlan, RecursivePlan, WithPlan } from '../exec/cte.ts';
import type { Scope } from '../exec/evaluate.ts';
import { FunctionScanPlan, ProjectSetPlan, type VirtualRows, VirtualScanPlan } from '../exec/functions.ts';
import { KeyRecord } from '../exec/key-record.ts';
import type { PlanNode } from '../exec/operator.ts';
import { ProjectPlan, ValuesPlan } from '../exec/project.ts';
import { ScanPlan } from '../exec/scan.ts';
import { SetOpPlan } from '../exec/set-operations.ts';
import { DistinctPlan, LimitPlan, RenamePlan } from '../exec/sets.ts';
import { Shape, type ShapeColumn } from '../exec/shape.ts';
import { SortPlan } from '../exec/sort.ts';
import { type SubPlan, subPlanEval } from '../exec/subplan.ts';
import type { Eval } from '../exec/values.ts';
import { WindowPlan } from '../exec/window.ts';
import { accessPaths } from './access.ts';
import { Estimates, type KnownValues } from './estimate.ts';
import { formatExpr } from './explain-expr.ts';
import { planJoin } from './join-order.ts';
import type {
  AggregateNode,
  Column,
  ColumnId,
  CteDefinition,
  Expr,
  Logical,
  ProjectNode,
  ScanNode,
  SetOpNode,
  SortKey,
  SubqueryExpr,
  WithNode,
} from './logical.ts';
import { planPartitionedScan } from './partition-scan.ts';
import { planChange } from './plan-changes.ts';
import { planLock } from './plan-lock.ts';
import { ROW_KEY } from './row-keys.ts';
import { unnestConditions } from './unnest.ts';
import {
  canSubstitute,
  columnsOf,
  conjunction,
  conjunctsOf,
  expressionsOf,
  freeColumns,
  hasSubquery,
  inputsOf,
  isVolatile,
  mapChildren,
  planIsVolatile,
  substitute,
  walkExpr,
} from './walk.ts';

/** Ids needed above a node. */
export type Needed = ReadonlySet<ColumnId>;

export class Planner {
  readonly session: Session;
  readonly estimates: Estimates;
  readonly scope: Scope;
  readonly virtualRows: VirtualRows;
  /** Slots of outer columns, for the whole statement. */
  readonly #outer = new Map<ColumnId, number>();
  readonly #ctes = new Map<number, { definition: { plan: PlanNode | undefined }; node: CteDefinition; shape: Shape }>();
  readonly #working = new Set<number>();
  #lastId: ColumnId;

  /** @param known the values that the statement brings with it; they only guide the choice of a plan. */
  constructor(session: Session, lastColumnId: ColumnId, virtualRows: VirtualRows, known?: KnownValues) {
    this.session = session;
    this.estimates = new Estimates(known);
    this.#lastId = lastColumnId;
    this.virtualRows = virtualRows;
    this.scope = { shape0: undefined, outer: this.#outer, subquery: (expr, scope) => this.#subquery(expr, scope) };
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
    const plan = this.plan(expr.plan, idsOf(expr.plan.columns), []);
    const subPlan: SubPlan = {
      plan: this.exactly(plan, expr.mode === 'exists' ? [] : expr.plan.columns),
      bindings,
      stable: !planIsVolatile(expr.plan),
    };
    return subPlanEval(expr, subPlan, scope);
  }

  /** Plans a node. See the head of this file. */
  plan(node: Logical, needed: Needed, conditions: readonly Expr[]): PlanNode {
    switch (node.kind) {
      case 'filter':
        return this.#filter(node.input, node.predicate, needed, conditions);
      case 'project':
        return this.#project(node, needed, conditions);
      case 'scan':
        return this.scan(node, needed, conditions);
      case 'join':
        return planJoin(this, node, needed, conditions);
      case 'aggregate':
        return this.#aggregate(node, conditions);
      case 'sort': {
        const input = this.plan(
          node.input,
          withColumns(
            needed,
            node.keys.map((k) => k.expr),
          ),
          conditions,
        );
        if (sortedByScan(input, node.keys)) return input;
        const shown = node.keys.map((k) => `${formatExpr(k.expr)}${k.descending ? ' DESC' : ''}`).join(', ');
        return new SortPlan(input, node.keys, this.scope, [`Sort Key: ${shown}`]);
      }
      case 'limit': {
        const input = this.plan(
          node.input,
          withColumns(needed, [...(node.ties ?? []).map((k) => k.expr), ...conditions]),
          [],
        );
        const count =
          node.limit?.kind === 'const' && node.limit.value !== null ? Number(node.limit.value) : input.rows / 10;
        return this.filtered(
          new LimitPlan(input, node.limit, node.offset, node.ties, this.scope, Math.min(input.rows, count)),
          conditions,
        );
      }
      case 'distinct': {
        if (node.on !== undefined) {
          const input = this.plan(orderedBy(node.input, node.on), withColumns(needed, [...node.on, ...conditions]), []);
          return this.filtered(new DistinctPlan(input, node.on, this.scope, Math.max(1, input.rows / 5)), conditions);
        }
        // Rows that are equal are one group without aggregates; that way DISTINCT spills too.
        const input = this.exactly(this.plan(node.input, idsOf(node.columns), []), node.columns);
        const { columns } = input.shape;
        const rows = Math.max(1, input.rows / 5);
        return this.filtered(
          new AggregatePlan(input, new Shape(columns), columns.map(columnRef), [], this.scope, rows, []),
          conditions,
        );
      }
      case 'setop':
        return this.#setOp(node, conditions);
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
      case 'window': {
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
      case 'with':
        return this.#with(node, needed, conditions);
      case 'ctescan': {
        const cte = this.#ctes.get(node.cte) ?? broken(`no common table ${node.cte}`);
        const working = this.#working.has(node.cte);
        const shape = new Shape(
          node.columns.map((c, i) => ({ ...cte.shape.columns[i]!, id: c.id })),
          cte.shape.layout,
        );
        return this.filtered(new CteScanPlan(node.cte, node.alias, shape, working, cte.definition, 100), conditions);
      }
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

  #filter(input: Logical, predicate: Expr, needed: Needed, conditions: readonly Expr[]): PlanNode {
    const all = [...conditions, ...conjunctsOf(predicate)];
    const { node, rest } = unnestConditions(input, all);
    return this.plan(node, needed, rest);
  }

  #project(node: ProjectNode, needed: Needed, conditions: readonly Expr[]): PlanNode {
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
      if (simple) sink.push(substitute(condition, replacements));
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
    const input = this.plan(source, inner, rest);
    const shape = Shape.of(picked.map((p) => p.column));
    if (node.hasSets) return this.filtered(this.#projectSets(input, picked, shape), keep);
    const exprs = picked.map((p) => p.expr);
    const plan = isRename(exprs, input)
      ? new RenamePlan(input, renamed(input, picked))
      : new ProjectPlan(input, shape, undefined, exprs, { ...this.scope, shape0: input.shape }, input.rows, []);
    return this.filtered(plan, keep);
  }

  /** Set-returning calls below the top of an expression are computed in steps of their own, innermost first. */
  #projectSets(input: PlanNode, picked: readonly { column: Column; expr: Expr }[], shape: Shape): PlanNode {
    const below: { id: ColumnId; expr: Expr }[] = [];
    const tops = picked.map(({ expr }) =>
      liftSets(expr, true, (call) => {
        const id = this.newId();
        below.push({ id, expr: call });
        return { kind: 'column', id, type: call.type, typmod: call.typmod };
      }),
    );
    if (below.length === 0) return new ProjectSetPlan(input, shape, tops, this.scope);
    const carried = input.shape.columns;
    const mid = new Shape([
      ...carried,
      ...Shape.of(below.map((b) => ({ id: b.id, type: b.expr.type, typmod: b.expr.typmod }))).columns,
    ]);
    const stage = this.#projectSets(
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
      return new ProjectSetPlan(stage, shape, tops, this.scope);
    return new ProjectPlan(stage, shape, undefined, tops, { ...this.scope, shape0: stage.shape }, stage.rows, []);
  }

  /** A table scan by the cheapest path. */
  scan(node: ScanNode, needed: Needed, conditions: readonly Expr[]): PlanNode {
    const { table } = node;
    if (table.partitioning !== undefined && node.only !== true)
      return planPartitionedScan(this, node, needed, conditions);
    const { catalog, store } = this.session;
    const access = this.session.access(table);
    const own = new Set(node.columns.map((c) => c.id));
    const ids = access.columns.map((c) => {
      const at = node.numbers.indexOf(c.number);
      return at >= 0 ? node.columns[at]!.id : this.newId();
    });
    const tableShape = new Shape(
      access.columns.map(
        (c, i): ShapeColumn => ({ id: ids[i]!, type: c.type, typmod: c.typmod, physical: c.physical }),
      ),
      access.layout,
    );
    const tableRows = Math.max(1, store.facts(table.tree).rows);
    this.estimates.addScan(
      catalog,
      table,
      access.columns.map((c, i) => ({ id: ids[i]!, number: c.number, type: c.type })),
      tableRows,
    );
    const usable = conditions.filter((c) => !usesSystemColumn(c, node));
    const late = conditions.filter((c) => !usable.includes(c));
    const idOf = (number: number): ColumnId | undefined => {
      const position = access.position(number);
      return position < 0 ? undefined : ids[position];
    };
    // An index that is younger than the transaction's snapshot lacks the rows that only the snapshot sees.
    const indexes = catalog.liveIndexesOf(table.oid).filter((index) => !this.session.isTooNew(index.oid));
    const wanted = withColumns(needed, late);
    const columns = tableShape.columns.filter((c) => wanted.has(c.id));
    const tableOid = systemColumn(node, -6, wanted);
    const covering = (index: IndexObject, filter: readonly Expr[]): KeyRecord | undefined => {
      if (tableOid !== undefined) return undefined;
      const read = [...withColumns(idsOf(columns), filter)].filter((id) => own.has(id));
      const record = keyRecordFor(access, index, tableShape, new Set(read));
      return read.every((id) => record.shape.position(id) >= 0) ? record : undefined;
    };
    const paths = accessPaths(table, indexes, idOf, usable, own, tableRows, this.estimates, covering);
    // A whole key is one look-up, which is never dearer than a scan, however few rows there are or seem to be.
    const best = paths.find((p) => p.single) ?? paths.reduce((a, b) => (b.cost < a.cost ? b : a));
    if (systemColumn(node, -1, wanted) !== undefined) throw unsupported('the system column ctid');
    const keyColumn = systemColumn(node, ROW_KEY, wanted)?.id;
    if (tableOid !== undefined) columns.push(Shape.of([tableOid]).columns[0]!);
    if (keyColumn !== undefined)
      columns.push({ id: keyColumn, type: 17, typmod: -1, physical: { kind: KIND_BYTES, scale: 0 } });
    const filter = conjunction(best.filter);
    const details: string[] = [];
    if (best.conditions.length > 0) details.push(`Index Cond: ${formatExpr(conjunction(best.conditions)!)}`);
    if (filter !== undefined) details.push(`Filter: ${formatExpr(filter)}`);
    const plan = new ScanPlan(
      {
        table,
        alias: node.alias,
        tableShape,
        shape: new Shape(columns),
        keyColumn,
        tableOidColumn: tableOid?.id,
        filter,
        range: best.range,
        primaryOrder: access.primaryIndex?.columns.map((c) => ({ id: idOf(c.column)!, descending: c.descending })),
        keyRecord: best.keyRecord,
        rows: Math.max(1, best.rows),
        cost: best.cost,
        details,
      },
      this.scope,
    );
    return this.filtered(plan, late);
  }

  #aggregate(node: AggregateNode, conditions: readonly Expr[]): PlanNode {
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
        sink.push(substitute(c, replacements));
      else keep.push(c);
    }
    const inner = withColumns(new Set<ColumnId>(), expressionsOf(node));
    const { node: source, rest } = unnestConditions(node.input, sink);
    const input = this.plan(source, inner, rest);
    const { groups, calls } = node;
    const rows =
      groups.length === 0
        ? 1
        : Math.max(
            1,
            Math.min(
              input.rows,
              groups.reduce((n, g) => n * (g.kind === 'column' ? this.estimates.distinct(g.id) : 200), 1),
            ),
          );
    const details = groups.length === 0 ? [] : [`Group Key: ${groups.map(formatExpr).join(', ')}`];
    const plan = new AggregatePlan(input, Shape.of(node.columns), groups, calls, this.scope, rows, details);
    return this.filtered(plan, keep);
  }

  #setOp(node: SetOpNode, conditions: readonly Expr[]): PlanNode {
    const shape = Shape.of(node.columns);
    const left = this.#asShape(node.left, shape);
    const right = this.#asShape(node.right, shape);
    const rows = node.op === 'union' ? left.rows + right.rows : left.rows;
    if (node.op === 'union' && !node.all) {
      const all = new SetOpPlan(left, right, shape, 'union', true, rows);
      return this.filtered(
        new AggregatePlan(all, new Shape(shape.columns), shape.columns.map(columnRef), [], this.scope, rows, []),
        conditions,
      );
    }
    return this.filtered(new SetOpPlan(left, right, shape, node.op, node.all, rows), conditions);
  }

  /** Plans an arm of a set operation so that its columns lie as in `shape`. */
  #asShape(node: Logical, shape: Shape): PlanNode {
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

  #with(node: WithNode, needed: Needed, conditions: readonly Expr[]): PlanNode {
    const definitions = node.ctes.map((cte) => {
      const modifies = cte.plan.kind === 'insert' || cte.plan.kind === 'update' || cte.plan.kind === 'delete';
      const definition: { plan: PlanNode | undefined } = { plan: undefined };
      const shape = Shape.of(cte.plan.columns);
      this.#ctes.set(cte.id, { definition, node: cte, shape });
      if (cte.plan.kind === 'recursive') {
        const base = this.#asShape(cte.plan.base, shape);
        this.#working.add(cte.id);
        const step = this.#asShape(cte.plan.step, shape);
        this.#working.delete(cte.id);
        definition.plan = new RecursivePlan(base, step, shape, cte.plan.all);
      } else if (modifies) definition.plan = this.plan(cte.plan, idsOf(cte.plan.columns), []);
      else definition.plan = this.#asShape(cte.plan, shape);
      return { cte: cte.id, plan: definition.plan, modifies, outer: freeColumns(cte.plan).size > 0 };
    });
    return new WithPlan(this.plan(node.body, needed, conditions), definitions);
  }
}

/** What an index's entries say of some columns of a table's rows. */
function keyRecordFor(access: TableAccess, index: IndexObject, tableShape: Shape, needed: Needed): KeyRecord {
  const { parts, included } = access.secondary.find((s) => s.index.oid === index.oid) ?? broken('no such index');
  const columnOf = (number: number): ShapeColumn => tableShape.columns[access.position(number)]!;
  const columns = [...index.columns, ...(access.primaryIndex?.columns ?? [])].map((c) => columnOf(c.column));
  const entry = included === undefined ? undefined : new Shape(included.numbers.map(columnOf), included.layout);
  return new KeyRecord([...parts, ...(access.primaryParts ?? [])], columns, entry, needed);
}

/**
 * Drops a sort that the scan below makes needless: the rows of a table come in the order of its primary key, or against it.
 * Only projections and filters may lie between.
 */
function sortedByScan(input: PlanNode, keys: readonly SortKey[]): boolean {
  const ids: ColumnId[] = [];
  for (const key of keys) {
    if (key.expr.kind !== 'column') return false;
    ids.push(key.expr.id);
  }
  let plan = input;
  while (!(plan instanceof ScanPlan)) {
    const [below] = plan.children;
    if (below === undefined) return false;
    if (plan instanceof RenamePlan)
      ids.forEach((id, i) => {
        ids[i] = below.shape.columns[plan.shape.require(id)]!.id;
      });
    else if (plan instanceof ProjectPlan) {
      for (let i = 0; i < ids.length; i++) {
        const expr = plan.exprs[plan.shape.require(ids[i]!)]!;
        if (expr.kind !== 'column') return false;
        ids[i] = expr.id;
      }
    } else return false;
    plan = below;
  }
  return plan.deliversOrder(ids, keys);
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

export function idsOf(columns: readonly { readonly id: ColumnId }[]): Set<ColumnId> {
  return new Set(columns.map((c) => c.id));
}

/** `needed` and what the expressions use. */
export function withColumns(needed: Needed, exprs: readonly Expr[]): Set<ColumnId> {
  const all = new Set(needed);
  for (const e of exprs) for (const id of columnsOf(e)) all.add(id);
  return all;
}

export function columnRef(column: { readonly id: ColumnId; readonly type: number; readonly typmod: number }): Expr {
  return { kind: 'column', id: column.id, type: column.type, typmod: column.typmod };
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

function systemColumn(node: ScanNode, number: number, wanted: Needed): Column | undefined {
  const at = node.numbers.indexOf(number);
  return at >= 0 && wanted.has(node.columns[at]!.id) ? node.columns[at] : undefined;
}

function usesSystemColumn(expr: Expr, node: ScanNode): boolean {
  const system = new Set(node.columns.filter((_, i) => node.numbers[i]! < 0).map((c) => c.id));
  return [...columnsOf(expr)].some((id) => system.has(id));
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
