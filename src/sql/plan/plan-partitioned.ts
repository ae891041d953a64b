/** Plans of INSERT, UPDATE and DELETE on partitioned tables: a change per table that holds rows, under one that spreads them. */
import type { TableObject } from '../../engine/catalog.ts';
import { type InsertOptions, ModifyPlan } from '../exec/modify.ts';
import type { PlanNode } from '../exec/operator.ts';
import { Router } from '../exec/partition-routing.ts';
import { HandedRowsPlan, PartitionedModifyPlan } from '../exec/partitioned-modify.ts';
import { rowBuilder } from '../exec/project.ts';
import type { RowMaker } from '../exec/returned-rows.ts';
import { RowRulesPlan } from '../exec/row-rules.ts';
import { Shape } from '../exec/shape.ts';
import { OID_OID } from '../types/type-oids.ts';
import type { Column, ColumnId, Expr } from './logical.ts';
import type {
  DeleteNode,
  InsertNode,
  PartitionTarget,
  PartitionTargets,
  Returning,
  RowRules,
  UpdateNode,
} from './logical-changes.ts';
import { columnRef, type Planner } from './planner.ts';
import { substitute } from './walk.ts';

/** What any INSERT is made of, over its input's rows. */
export interface InsertParts {
  readonly table: TableObject;
  readonly input: PlanNode;
  readonly rules: RowRules;
  /** Per live column of the table its value. */
  readonly values: readonly Expr[];
  readonly partitions: PartitionTargets;
  readonly onConflict: InsertNode['onConflict'];
  readonly returning: InsertNode['returning'];
}

export function planPartitionedInsert(planner: Planner, parts: InsertParts): PlanNode {
  const { table, partitions, returning, onConflict, rules } = parts;
  const whole = new RowRulesPlan(planner.session.access(table), rules, planner.scope);
  const rowShape = whole.shape;
  const handed = new HandedRowsPlan(rowShape);
  const leaves = partitions.leaves.map(
    (leaf) =>
      new ModifyPlan(
        {
          kind: 'insert',
          title: `Insert on ${leaf.table.name}`,
          access: planner.session.access(leaf.table),
          input: handed,
          rules: leaf.rules,
          levels: onConflict === undefined ? [] : leaf.levels,
          returning: returningIn(leaf, returning),
          values: leaf.rules.row.map(columnRef),
          onConflict: onConflict === undefined ? undefined : conflictIn(planner, table, leaf, rules.row, onConflict),
        },
        planner.scope,
      ),
  );
  return new PartitionedModifyPlan(
    {
      kind: 'insert',
      title: `Insert on ${table.name}`,
      input: parts.input,
      leaves,
      returning,
      shape: Shape.of(returning?.columns ?? []),
      values: parts.values,
      router: routerOf(planner, partitions, rowShape),
      whole,
    },
    planner.scope,
  );
}

/** RETURNING as a leaf answers it: its own oid is that of the row's table. */
function returningIn({ table }: PartitionTarget, returning: Returning | undefined): Returning | undefined {
  if (returning?.leafOid === undefined) return returning;
  const oid: Expr = { kind: 'const', value: table.oid, type: OID_OID, typmod: -1 };
  const replacements = new Map([[returning.leafOid, oid]]);
  return { ...returning, exprs: returning.exprs.map((expr) => substitute(expr, replacements)) };
}

/** ON CONFLICT as a leaf sees it: its own part of each index, and the columns in its own order. */
function conflictIn(
  planner: Planner,
  table: TableObject,
  leaf: PartitionTarget,
  row: readonly Column[],
  conflict: NonNullable<InsertNode['onConflict']>,
): InsertOptions['onConflict'] {
  const { columns } = planner.session.access(table);
  // Existing and excluded row have the columns of the whole table, in its order.
  const order = leaf.rules.row.map((column) => row.findIndex((c) => c.id === column.id));
  const existing = order.map((at) => conflict.existing[at]!);
  const update =
    conflict.action === 'nothing'
      ? undefined
      : order.map(
          (at): Expr =>
            conflict.set.find((s) => s.number === columns[at]!.number)?.expr ?? columnRef(conflict.existing[at]!),
        );
  return { arbiters: leaf.arbiters, existing, update, where: conflict.where };
}

/** What UPDATE and DELETE are made of, over their input's rows. */
export interface TargetedParts {
  readonly input: PlanNode;
  /** Ids of the target's live columns, in the table's order. */
  readonly target: readonly ColumnId[];
  readonly key: ColumnId;
  readonly partition: ColumnId;
  readonly recheck: Expr | undefined;
  readonly mayRepeat: boolean;
  /** UPDATE: per live column of the table its new value. */
  readonly values: readonly Expr[];
  readonly partitions: PartitionTargets;
}

export function planPartitionedChange(planner: Planner, node: UpdateNode | DeleteNode, parts: TargetedParts): PlanNode {
  const { table, returning, rules } = node;
  const { input, partition, partitions } = parts;
  const common = { input, returning, shape: Shape.of(returning?.columns ?? []), partition };
  const leaves = partitions.leaves.map((leaf) => {
    const order = leaf.rules.row.map((column) => rules.row.findIndex((c) => c.id === column.id));
    const options = {
      access: planner.session.access(leaf.table),
      input: new HandedRowsPlan(input.shape),
      rules: leaf.rules,
      returning: returningIn(leaf, returning),
      target: order.map((at) => parts.target[at]!),
      key: parts.key,
      recheck: parts.recheck,
      mayRepeat: parts.mayRepeat,
    };
    return node.kind === 'delete'
      ? new ModifyPlan({ kind: 'delete', title: `Delete on ${leaf.table.name}`, ...options }, planner.scope)
      : new ModifyPlan(
          {
            kind: 'update',
            title: `Update on ${leaf.table.name}`,
            ...options,
            levels: leaf.levels,
            values: order.map((at) => parts.values[at]!),
          },
          planner.scope,
        );
  });
  if (node.kind === 'delete')
    return new PartitionedModifyPlan(
      { kind: 'delete', title: `Delete on ${table.name}`, leaves, ...common },
      planner.scope,
    );
  const whole = new RowRulesPlan(planner.session.access(table), rules, planner.scope);
  const rowShape = whole.shape;
  return new PartitionedModifyPlan(
    {
      kind: 'update',
      title: `Update on ${table.name}`,
      leaves,
      ...common,
      returningMoved: returningMoved(planner, partitions, leaves, returning),
      arrivals: arrivalsOf(planner, partitions, rowShape),
      router: routerOf(planner, partitions, rowShape),
      whole,
    },
    planner.scope,
  );
}

/** Made for the pairs of leaves between which rows do move. */
function returningMoved(
  planner: Planner,
  { leaves }: PartitionTargets,
  plans: readonly ModifyPlan[],
  returning: Returning | undefined,
): ((from: number, to: number) => RowMaker) | undefined {
  if (returning?.leafOid === undefined) return undefined;
  const made = new Map<string, RowMaker>();
  return (from, to) => {
    const plan = plans[from]!;
    const { exprs } = returningIn(leaves[to]!, returning)!;
    const scope = { ...planner.scope, shape0: plan.rules.shape, shape1: plan.options.input.shape };
    const maker = made.get(`${from} ${to}`) ?? rowBuilder(plan.shape, exprs, scope);
    made.set(`${from} ${to}`, maker);
    return maker;
  };
}

/** What inserts rows that an UPDATE has sent to another partition. */
function arrivalsOf(planner: Planner, { leaves }: PartitionTargets, rowShape: Shape): ModifyPlan[] {
  const handed = new HandedRowsPlan(rowShape);
  return leaves.map(
    (leaf) =>
      new ModifyPlan(
        {
          kind: 'insert',
          arrives: true,
          title: `Insert on ${leaf.table.name}`,
          access: planner.session.access(leaf.table),
          input: handed,
          rules: leaf.rules,
          returning: undefined,
          values: leaf.rules.row.map(columnRef),
          onConflict: undefined,
        },
        planner.scope,
      ),
  );
}

function routerOf(planner: Planner, { routing }: PartitionTargets, rowShape: Shape): Router {
  return new Router(routing, { ...planner.scope, shape0: rowShape });
}
