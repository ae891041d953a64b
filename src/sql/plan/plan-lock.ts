/** Plans of SELECT … FOR UPDATE and its kin. */
import { LockRowsPlan, type LockTarget } from '../exec/lock-rows.ts';
import type { PlanNode } from '../exec/operator.ts';
import { leavesOf } from '../partitions/bounds.ts';
import type { Expr, Logical } from './logical.ts';
import type { LockNode } from './logical-changes.ts';
import { idsOf, type Needed, withColumns } from './needed.ts';
import { numberIn } from './partition-scan.ts';
import type { Planner } from './planner.ts';
import { conditionsOn, rowPlace, withRowPlace } from './row-keys.ts';
import { conjunction } from './walk.ts';

export function planLock(planner: Planner, node: LockNode, needed: Needed, conditions: readonly Expr[]): PlanNode {
  let input: Logical = node.input;
  const targets: LockTarget[] = [];
  const wanted = new Set(needed);
  for (const target of node.targets) {
    const { scan } = target;
    const place = rowPlace(scan, () => planner.newId());
    input = withRowPlace(input, scan, place);
    wanted.add(place.key.id);
    if (place.partition !== undefined) wanted.add(place.partition.id);
    const leaves = place.partition === undefined ? [scan.table] : leavesOf(planner.session.catalog, scan.table);
    const recheck = conjunction(conditionsOn(node.input, idsOf(scan.columns)));
    targets.push({
      table: scan.table,
      leaves: leaves.map((table) => ({
        table,
        columns: scan.columns.map((c, i) => ({ id: c.id, number: numberIn(scan.table, scan.numbers[i]!, table) })),
      })),
      key: place.key.id,
      partition: place.partition?.id,
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
