/**
 * ALTER TABLE and ALTER INDEX … SET (…) and RESET (…): new reloptions in the catalog, new hints for the trees, both with the
 * transaction.
 */
import type { Task } from '../../base/task.ts';
import type { IndexObject, TableObject } from '../../engine/catalog.ts';
import { TABLE_ACCESS_EXCLUSIVE, TABLE_SHARE_UPDATE_EXCLUSIVE } from '../../engine/record-port.ts';
import type { AlterTableAction, AlterTableStatement } from '../ast/definitions.ts';
import type { Definer } from './definer.ts';
import { attachIndex } from './partition-members.ts';
import { primarySpaceOptions, resetSpaceOptions, type SpaceTarget, tellIdleOptions } from './space-options.ts';
import { changeIndexSpace, changeLongSpace, changeTableSpace, primaryOptions } from './tree-space.ts';

type OptionsAction = Extract<AlterTableAction, { kind: 'setOptions' | 'resetOptions' }>;

/** The options of a table or index after SET (…) or RESET (…). */
function changedOptions(
  d: Definer,
  action: OptionsAction,
  target: SpaceTarget,
  before: readonly string[],
): readonly string[] {
  return action.kind === 'setOptions'
    ? d.storageOptions(action.options, target, before)
    : resetSpaceOptions(d, action.options, target, before);
}

export function* changeTableOptions(d: Definer, table: TableObject, action: OptionsAction): Task<void> {
  const next = { ...table, options: changedOptions(d, action, 'table', table.options) };
  const together = primarySpaceOptions(d, next.options, primaryOptions(d, table), action.options);
  if (action.kind === 'setOptions') tellIdleOptions(d, together);
  yield* changeTableSpace(d, next);
  yield* changeLongSpace(d, next, table.options);
  yield* d.putTable(next);
}

export function* alterIndex(d: Definer, s: AlterTableStatement): Task<void> {
  const found = d.relation(s.name);
  if (found.kind !== 'index') throw d.error('wrong_object_type', `"${found.name}" is not an index`, undefined);
  yield* d.lock(found.table, TABLE_SHARE_UPDATE_EXCLUSIVE);
  for (const action of s.actions) {
    if (action.kind === 'attachPartition') {
      yield* attachIndex(d, found, action.partition);
      continue;
    }
    if (action.kind !== 'setOptions' && action.kind !== 'resetOptions')
      throw d.unsupported(`ALTER INDEX … ${action.kind}`, action.at);
    const index = d.relation(s.name);
    if (index.kind !== 'index') throw d.error('wrong_object_type', `"${index.name}" is not an index`, undefined);
    const table = d.catalog.table(index.table);
    const isPrimary = table.primaryIndex === index.oid;
    const target = index.include.length > 0 && !isPrimary ? 'covering index' : 'index';
    // Nobody may be about to make the tree of the long values.
    if (action.options.some((option) => option.namespace !== null)) yield* d.lock(table.oid, TABLE_ACCESS_EXCLUSIVE);
    const next: IndexObject = {
      ...index,
      options: changedOptions(d, action, target, index.options),
      version: index.version + 1,
    };
    const together = isPrimary ? primarySpaceOptions(d, table.options, next.options, action.options) : next.options;
    if (action.kind === 'setOptions') tellIdleOptions(d, together);
    yield* d.put(next);
    if (isPrimary) yield* changeTableSpace(d, table);
    else {
      yield* changeIndexSpace(d, next);
      yield* changeLongSpace(d, next, index.options);
    }
    yield* d.putTable(table);
    d.engine.nextCommand();
  }
}
