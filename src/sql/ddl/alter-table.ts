/**
 * ALTER TABLE: actions in the order written, each on the table as the one before left it.
 *
 * Adding a column makes a new layout and keeps its default as evaluated now; rows of older layouts answer with it until they
 * are written again. Dropping one makes a layout without it. A primary key that comes or goes, one of its columns that is dropped,
 * a volatile default, and a new type rebuild the table: its rows are read, changed and written to new trees.
 *
 * Here each action finds who carries it out: alter-column.ts, column-type.ts, alter-constraint.ts, partitions.ts and others.
 */
import type { Task } from '../../base/task.ts';
import type { Oid, TableObject } from '../../engine/catalog.ts';
import { TABLE_ACCESS_EXCLUSIVE } from '../../engine/record-port.ts';
import type { AlterTableAction, AlterTableStatement } from '../ast/definitions.ts';
import { addColumn } from './add-column.ts';
import { changeIdentity, dropDefault, dropExpression, dropNotNull, setDefault } from './alter-column.ts';
import {
  addConstraint,
  addConstraintsOf,
  deferConstraint,
  removeConstraint,
  validateConstraint,
} from './alter-constraint.ts';
import { alterIndex, changeTableOptions } from './alter-options.ts';
import { alterColumnType } from './column-type.ts';
import type { Definer } from './definer.ts';
import { detachBeside } from './detach-beside.ts';
import { dropColumn } from './drop-column.ts';
import { inheritColumns, inheritMembers, isForEach, refuseInherited, refuseOnly } from './partition-alter.ts';
import { passByLeaving, refuseLeaving } from './partition-leaving.ts';
import { attachPartition, detachPartition } from './partitions.ts';
import { setNotNull } from './table-keys.ts';

export function* alterTable(d: Definer, s: AlterTableStatement): Task<void> {
  const found = d.findRelation(s.name);
  if (found === undefined && s.ifExists) {
    d.sql.tell(`relation "${d.shown(s.name)}" does not exist, skipping`);
    return;
  }
  // As in PostgreSQL, options of an index may be changed through ALTER TABLE.
  const changesOptions = s.actions.every((action) => action.kind === 'setOptions' || action.kind === 'resetOptions');
  if (s.object === 'index' || (found?.kind === 'index' && changesOptions)) {
    yield* alterIndex(d, s);
    return;
  }
  if (s.actions.every((action) => action.kind === 'ownerTo')) {
    // A view or a sequence may be called a table here.
    d.relation(s.name);
    for (const action of s.actions) if (action.kind === 'ownerTo') requireKnownOwner(d, action);
    return;
  }
  if (s.object !== 'table') {
    for (const action of s.actions)
      if (action.kind !== 'ownerTo') throw d.unsupported(`ALTER ${s.object.toUpperCase()} … ${action.kind}`, action.at);
    return;
  }
  const { oid } = d.table(s.name);
  const [first] = s.actions;
  if (first?.kind === 'detachPartition' && first.mode !== 'plain') {
    yield* detachBeside(d, oid, first);
    return;
  }
  yield* d.lock(oid, TABLE_ACCESS_EXCLUSIVE);
  // Before anything is changed: whoever waits then begins again.
  if (!s.only && s.actions.some(reachesPartitions))
    for (const { oid: partition } of d.catalog.descendantsOf(oid)) yield* d.lock(partition, TABLE_ACCESS_EXCLUSIVE);
  // What is found in the rows, and which partitions there are, must hold for everybody.
  yield* d.engine.seeingNow(() => carryOut(d, oid, s));
}

function reachesPartitions(action: AlterTableAction): boolean {
  return isForEach(action) || ['addColumn', 'addConstraint', 'dropConstraint'].includes(action.kind);
}

function* carryOut(d: Definer, oid: Oid, s: AlterTableStatement): Task<void> {
  for (const action of s.actions) {
    const table = d.catalog.table(oid);
    d.requireNothingPending(table, 'ALTER TABLE');
    refuseLeaving(d, table);
    refuseInherited(d, table, action);
    refuseOnly(d, table, action, s.only);
    yield* applyTo(d, oid, action, s.only);
  }
}

/** Carries an action out on a table and, unless it is meant ONLY, on what lies below it. */
function* applyTo(d: Definer, oid: Oid, action: AlterTableAction, only: boolean): Task<void> {
  yield* d.lock(oid, TABLE_ACCESS_EXCLUSIVE);
  const before = d.catalog.table(oid);
  yield* apply(d, before, action);
  d.engine.nextCommand();
  if (only || before.partitioning === undefined) return;
  if (action.kind === 'dropColumn' && d.catalog.table(oid) === before) return;
  yield* passByLeaving(d, oid);
  for (const { oid: partition } of d.catalog.partitionsOf(oid)) {
    if (isForEach(action)) yield* applyTo(d, partition, action, false);
    else if (action.kind === 'addColumn') yield* inheritColumns(d, oid, partition);
    yield* inheritMembers(d, oid, partition);
    d.engine.nextCommand();
  }
}

function* apply(d: Definer, table: TableObject, action: AlterTableAction): Task<void> {
  switch (action.kind) {
    case 'addColumn': {
      const made = yield* addColumn(d, table, action);
      if (made !== undefined) yield* addConstraintsOf(d, table.oid, made, action.column.name);
      return;
    }
    case 'dropColumn':
      yield* dropColumn(d, table, action);
      return;
    case 'setDefault':
      yield* setDefault(d, table, action);
      return;
    case 'dropDefault':
      yield* dropDefault(d, table, d.column(table, action.name));
      return;
    case 'setNotNull':
      yield* setNotNull(d, table, d.column(table, action.name));
      return;
    case 'dropNotNull':
      yield* dropNotNull(d, table, d.column(table, action.name));
      return;
    case 'alterType':
      yield* alterColumnType(d, table, action);
      return;
    case 'addConstraint':
      yield* addConstraint(d, table, action);
      return;
    case 'dropConstraint':
      yield* removeConstraint(d, table, action);
      return;
    case 'validateConstraint':
      yield* validateConstraint(d, table, action);
      return;
    case 'alterConstraint':
      yield* deferConstraint(d, table, action);
      return;
    case 'setOptions':
    case 'resetOptions':
      yield* changeTableOptions(d, table, action);
      return;
    case 'addIdentity':
    case 'setIdentity':
    case 'dropIdentity':
      yield* changeIdentity(d, table, action);
      return;
    case 'dropExpression':
      yield* dropExpression(d, table, action);
      return;
    case 'attachPartition':
      yield* attachPartition(d, table, action);
      return;
    case 'detachPartition':
      yield* detachPartition(d, table, action);
      return;
    case 'ownerTo':
      requireKnownOwner(d, action);
      return;
    default:
      throw d.unsupported(
        `ALTER TABLE … ${action.kind === 'other' ? action.what.toUpperCase() : action.kind}`,
        action.at,
      );
  }
}

/** OWNER TO changes nothing, but its role must be there. @throws 42704 */
function requireKnownOwner(d: Definer, { owner }: Extract<AlterTableAction, { kind: 'ownerTo' }>): void {
  if (owner.text !== 'postgres' && owner.text !== 'current_user' && owner.text !== d.sql.user)
    throw d.error('undefined_object', `role "${owner.text}" does not exist`, undefined);
}
