/** Plans of INSERT, UPDATE and DELETE. */
import { assert } from '../../base/assert.ts';
import { ModifyPlan } from '../exec/modify.ts';
import type { PlanNode } from '../exec/operator.ts';
import type { Column, ColumnId, Expr, Logical, ScanNode } from './logical.ts';
import type { DeleteNode, InsertNode, UpdateNode } from './logical-changes.ts';
import { idsOf, withColumns } from './needed.ts';
import { planPartitionedChange, planPartitionedInsert } from './plan-partitioned.ts';
import { columnRef, type Planner } from './planner.ts';
import { conditionsOn, rowPlace, withRowPlace } from './row-keys.ts';
import { conjunction } from './walk.ts';

export function planChange(planner: Planner, node: InsertNode | UpdateNode | DeleteNode): PlanNode {
  return node.kind === 'insert' ? planInsert(planner, node) : planTargeted(planner, node);
}

function planInsert(planner: Planner, node: InsertNode): PlanNode {
  const access = planner.session.access(node.table);
  const source = planner.exactly(planner.plan(node.source, idsOf(node.source.columns), []), node.source.columns);
  const values = access.columns.map((column): Expr => {
    const at = node.targets.indexOf(column.number);
    if (at >= 0) return columnRef(node.source.columns[at]!);
    return (
      node.defaults.find((d) => d.number === column.number)?.expr ?? {
        kind: 'const',
        type: column.type,
        typmod: column.typmod,
        value: null,
      }
    );
  });
  const { partitions, returning, onConflict } = node;
  if (partitions !== undefined) {
    const { table, rules } = node;
    return planPartitionedInsert(planner, {
      table,
      input: source,
      rules,
      values,
      partitions,
      onConflict,
      returning,
    });
  }
  const conflict = onConflict;
  const update =
    conflict === undefined || conflict.action === 'nothing'
      ? undefined
      : access.columns.map(
          (column, i) => conflict.set.find((s) => s.number === column.number)?.expr ?? columnRef(conflict.existing[i]!),
        );
  return new ModifyPlan(
    {
      kind: 'insert',
      title: `Insert on ${node.table.name}`,
      access,
      input: source,
      rules: node.rules,
      returning,
      values,
      onConflict:
        conflict === undefined
          ? undefined
          : { arbiters: conflict.arbiters, existing: conflict.existing, update, where: conflict.where },
    },
    planner.scope,
  );
}

function planTargeted(planner: Planner, node: UpdateNode | DeleteNode): PlanNode {
  const access = planner.session.access(node.table);
  const { key, partition } = rowPlace(node.target, () => planner.newId());
  const input = withRowPlace(node.input, node.target, { key, partition });
  assert(input !== node.input || node.input === node.target, 'the target of a change is not in its input');
  const target = access.columns.map((column) => targetColumn(node.target, column.number).id);
  const recheck = conjunction(conditionsOn(node.input, new Set(target)));
  const exprs: Expr[] = [
    ...(node.kind === 'update' ? node.set.map((s) => s.expr) : []),
    ...(recheck === undefined ? [] : [recheck]),
    ...(node.returning?.exprs ?? []),
  ];
  const available = idsOf(input.columns);
  const needed = new Set(
    [
      ...withColumns(new Set<ColumnId>([...target, key.id, ...(partition === undefined ? [] : [partition.id])]), exprs),
    ].filter((id) => available.has(id)),
  );
  const source = planner.plan(input, needed, []);
  const values = access.columns.map(
    (column, i): Expr =>
      (node.kind === 'update' ? node.set : []).find((s) => s.number === column.number)?.expr ??
      columnRef({ id: target[i]!, type: column.type, typmod: column.typmod }),
  );
  const found = { input: source, target, key: key.id, recheck, mayRepeat: !isSimple(node.input) };
  if (partition !== undefined && node.partitions !== undefined) {
    const { partitions } = node;
    return planPartitionedChange(planner, node, { ...found, partition: partition.id, values, partitions });
  }
  const common = { ...found, access, rules: node.rules, returning: node.returning };
  if (node.kind === 'delete')
    return new ModifyPlan({ kind: 'delete', title: `Delete on ${node.table.name}`, ...common }, planner.scope);
  return new ModifyPlan({ kind: 'update', title: `Update on ${node.table.name}`, ...common, values }, planner.scope);
}

function targetColumn(scan: ScanNode, number: number): Column {
  const at = scan.numbers.indexOf(number);
  assert(at >= 0, 'the target of a change lacks a column');
  return scan.columns[at]!;
}

/** True when each target row comes at most once: only filters lie above the scan. */
function isSimple(node: Logical): boolean {
  return node.kind === 'scan' || (node.kind === 'filter' && isSimple(node.input));
}
