/**
 * ALTER TABLE and partitions: which actions each partition carries out itself, which ones it takes over from the partitioned table,
 * and which may not be asked of a partition, or of the partitioned table alone.
 */
import type { Task } from '../../base/task.ts';
import type { ConstraintObject, IndexObject, Oid, TableObject } from '../../engine/catalog.ts';
import type { AlterTableAction } from '../ast/definitions.ts';
import { bindTableExpression } from '../bind/table-rules.ts';
import { inheritColumn } from './add-column.ts';
import type { Definer } from './definer.ts';
import { dropObjects } from './drop.ts';
import { inheritAll } from './partition-members.ts';
import { dropPrimaryKey } from './table-keys.ts';

/** Is the action the same for every partition? */
export function isForEach(action: AlterTableAction): boolean {
  switch (action.kind) {
    case 'dropColumn':
    case 'setDefault':
    case 'dropDefault':
    case 'setNotNull':
    case 'dropNotNull':
    case 'alterType':
    case 'dropExpression':
      return true;
    default:
      return false;
  }
}

/** Gives a partition the columns that its partitioned table has got. */
export function* inheritColumns(d: Definer, parent: Oid, partition: Oid): Task<void> {
  for (const column of d.catalog.table(parent).columns) {
    const table = d.catalog.table(partition);
    if (!column.dropped && !table.columns.some((c) => !c.dropped && c.name === column.name))
      yield* inheritColumn(d, table, column);
  }
}

/** Makes a partition's inherited constraints and indexes those that its partitioned table has now. */
export function* inheritMembers(d: Definer, parent: Oid, partition: Oid): Task<void> {
  const members = [...d.catalog.constraintsOf(partition), ...d.catalog.indexesOf(partition)];
  const orphans = members.filter((own) => own.parent !== undefined && d.catalog.object(own.parent) === undefined);
  yield* dropOrphans(d, orphans);
  for (const own of d.catalog.constraintsOf(partition)) yield* follow(d, own);
  yield* inheritAll(d, parent, partition);
}

/** Those of a key go together; the index of a primary key is the table's own tree, which then needs other keys. */
export function* dropOrphans(d: Definer, orphans: readonly (ConstraintObject | IndexObject)[]): Task<void> {
  const whole = orphans.filter((o) => !(o.kind === 'index' && o.constraint !== 0));
  for (const orphan of whole) {
    const index =
      orphan.kind === 'constraint' && orphan.type !== 'foreign' ? d.catalog.object(orphan.index) : undefined;
    if (orphan.kind === 'constraint' && orphan.type === 'primary') yield* dropPrimaryKey(d, orphan, true);
    else yield* dropObjects(d, index?.kind === 'index' ? [orphan, index] : [orphan], true);
  }
}

/** A constraint is deferrable and validated as the one that it was inherited from. */
function* follow(d: Definer, own: ConstraintObject): Task<void> {
  const above = own.parent === undefined ? undefined : d.catalog.object(own.parent);
  if (above?.kind !== 'constraint') return;
  const { deferrable, initiallyDeferred, validated } = above;
  const isSame =
    own.deferrable === deferrable && own.initiallyDeferred === initiallyDeferred && own.validated === validated;
  if (!isSame) yield* d.put({ ...own, deferrable, initiallyDeferred, validated, version: own.version + 1 });
}

// ── what is refused ──

/** @throws 42P16, 42809 for changes of what a partition has inherited, or of what a table is divided by */
export function refuseInherited(d: Definer, table: TableObject, action: AlterTableAction): void {
  const refuse = (message: string): Error => d.error('invalid_table_definition', message, undefined);
  if (action.kind === 'dropColumn' || action.kind === 'alterType') {
    const { text } = action.name;
    const doing = action.kind === 'dropColumn' ? 'drop' : 'alter';
    if (isInKey(d, table, text))
      throw refuse(
        `cannot ${doing} column "${text}" because it is part of the partition key of relation "${table.name}"`,
      );
    if (table.partition !== undefined && table.columns.some((c) => !c.dropped && c.name === text))
      throw refuse(`cannot ${doing} inherited column "${text}"`);
  }
  if (table.partition === undefined) return;
  const parent = d.catalog.table(table.partition.parent);
  if (action.kind === 'addColumn') throw d.error('wrong_object_type', 'cannot add column to a partition', undefined);
  if (action.kind === 'dropNotNull') {
    const above = parent.columns.find((c) => !c.dropped && c.name === action.name.text);
    if (above?.notNull === true) throw refuse(`column "${above.name}" is marked NOT NULL in parent table`);
  }
  if (action.kind === 'dropConstraint') {
    const own = d.catalog.constraintsOf(table.oid).find((c) => c.name === action.name.text);
    if (own?.parent !== undefined)
      throw refuse(`cannot drop inherited constraint "${own.name}" of relation "${table.name}"`);
  }
}

/** Is a table divided by a column, alone or in an expression? */
export function isInKey(d: Definer, table: TableObject, name: string): boolean {
  const column = table.columns.find((c) => !c.dropped && c.name === name);
  if (column === undefined) return false;
  return (table.partitioning?.keys ?? []).some((key) => {
    if (key.expression === undefined) return key.column === column.number;
    const text = key.expression;
    const bound = bindTableExpression(d.sql.bindContext(), table, text, undefined, text, undefined, 'index');
    return bound.columns.includes(column.number);
  });
}

/** @throws 42P16 for actions that a partitioned table cannot carry out without its partitions */
export function refuseOnly(d: Definer, table: TableObject, action: AlterTableAction, only: boolean): void {
  if (!only || table.partitioning === undefined || d.catalog.partitionsOf(table.oid).length === 0) return;
  const refuse = (message: string): Error =>
    d.error('invalid_table_definition', message, undefined, { hint: 'Do not specify the ONLY keyword.' });
  const plainly = (message: string): Error => d.error('invalid_table_definition', message, undefined);
  switch (action.kind) {
    case 'addColumn':
      throw plainly('column must be added to child tables too');
    case 'dropColumn':
      throw refuse('cannot drop column from only the partitioned table when partitions exist');
    case 'alterType':
      throw plainly(`type of inherited column "${action.name.text}" must be changed in child tables too`);
    case 'setNotNull':
      throw refuse('constraint must be added to child tables too');
    case 'dropNotNull':
    case 'dropConstraint':
      throw refuse('cannot remove constraint from only the partitioned table when partitions exist');
    case 'addConstraint':
      // A key is added without its parts where a dump is read: they are attached afterwards.
      if (action.constraint.kind === 'check' || action.constraint.kind === 'foreignKey')
        throw plainly('constraint must be added to child tables too');
      return;
    default:
      return;
  }
}
