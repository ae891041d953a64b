/** Plans of SELECT … FOR UPDATE and its kin. */

import { LockRowsPlan, type LockTarget } from '../exec/lock-rows.ts';
import type { PlanNode } from '../exec/operator.ts';
import type { Expr, LockNode, Logical } from './logical.ts';
import { idsOf, type Needed, type Planner, withColumns } from './planner.ts';
import { conditionsOn, rowKeyColumn, withRowKey } from './row-keys.ts';
import { conjunction } from './walk.ts';

export function planLock(planner: Planner, node: LockNode, needed: Needed, conditions: readonly Expr[]): PlanNode {
  let input: Logical = node.input;
  const targets: LockTarget[] = [];
  const wanted = new Set(needed);
  for (const target of node.targets) {
    const key = rowKeyColumn(planner.newId());
    input = withRowKey(input, target.scan, key);
    wanted.add(key.id);
    const recheck = conjunction(conditionsOn(node.input, idsOf(target.scan.columns)));
    targets.push({
      table: target.scan.table,
      key: key.id,
      columns: target.scan.columns.map((c, i) => ({ id: c.id, number: target.scan.numbers[i]! })),
      strength: target.strength,
      wait: target.wait,
      recheck,
    });
  }
  const rechecks = targets.map((t) => t.recheck).filter((e): e is Expr => e !== undefined);
  const available = idsOf(input.columns);
  const below = new Set([...withColumns(wanted, rechecks)].filter((id) => available.has(id)));
  return new LockRowsPlan(planner.plan(input, below, conditions), targets, planner.scope);
}
