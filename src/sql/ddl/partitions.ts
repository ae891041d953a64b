/**
 * Partitions: CREATE TABLE … PARTITION OF, ALTER TABLE … ATTACH and DETACH PARTITION.
 *
 *   table of its own ──ATTACH: columns, checks, rows fit──> partition ──DETACH──> table of its own, with all that it has inherited
 *
 * A partition is a table with trees, space hints and extents of its own; dropping it gives them back like those of any table.
 * Options of the partitioned table are those that its later partitions begin with.
 */
import { fail } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import type { ColumnObject, Oid, TableObject } from '../../engine/catalog.ts';
import type { PartitionBound, Partitioning } from '../../engine/partitioning.ts';
import { TABLE_ACCESS_EXCLUSIVE, TABLE_SHARE_UPDATE_EXCLUSIVE, type TableLockMode } from '../../engine/record-port.ts';
import type {
  AlterTableAction,
  CreateTableStatement,
  PartitionOf,
  TableElement,
  WrittenBound,
} from '../ast/definitions.ts';
import type { QualifiedName } from '../ast/names.ts';
import type { NewColumn } from './column-definitions.ts';
import type { Definer } from './definer.ts';
import { readBound, requireRoom, requireRowsFit } from './partition-bounds.ts';
import { FINALIZE_HINT } from './partition-leaving.ts';
import { inheritAll } from './partition-members.ts';
import { requireUnreferenced } from './partition-references.ts';

/** Where a new partition goes. */
export interface PartitionPlace {
  readonly parent: TableObject;
  readonly partitioning: Partitioning;
  readonly bound: PartitionBound;
}

/** Locks the partitioned table, reads the bound and sees that it is free. @throws 42P01, 42809, 42P17 */
export function* placeOf(
  d: Definer,
  name: string,
  into: QualifiedName,
  written: WrittenBound,
  mode: TableLockMode,
): Task<PartitionPlace> {
  const found = d.table(into);
  yield* d.lock(found.oid, mode);
  const parent = d.catalog.table(found.oid);
  const { partitioning } = parent;
  if (partitioning === undefined)
    throw d.error(
      'invalid_object_definition',
      `${mode === TABLE_SHARE_UPDATE_EXCLUSIVE ? 'table ' : ''}"${parent.name}" is not partitioned`,
      undefined,
    );
  const bound = yield* readBound(d, parent, partitioning, written);
  requireRoom(d, parent, partitioning, name, bound, written);
  return { parent, partitioning, bound };
}

/** Place of the table that CREATE TABLE … PARTITION OF makes. */
export function* placeOfNew(d: Definer, s: CreateTableStatement, of: PartitionOf): Task<PartitionPlace> {
  return yield* placeOf(d, s.name.name, of.parent, of.bound, TABLE_ACCESS_EXCLUSIVE);
}

// ── columns of a new partition ──

/** The partitioned table's columns, with what the statement says of some of them. */
export function inheritedColumns(d: Definer, parent: TableObject, elements: readonly TableElement[]): NewColumn[] {
  const columns = parent.columns
    .filter((c) => !c.dropped)
    .map((c, i): NewColumn => {
      const { missing: _missing, comment: _comment, identity, defaultSql, ...rest } = c;
      // The numbers of an identity column come from the partitioned table alone.
      const column: ColumnObject = {
        ...rest,
        number: i + 1,
        ...(defaultSql === undefined || identity !== undefined ? {} : { defaultSql }),
      };
      return { column, sequence: undefined, keys: [], checks: [], foreign: [], defaultConstraint: undefined };
    });
  for (const element of elements) {
    if (element.kind !== 'columnDefinition') continue;
    const at = columns.findIndex(({ column }) => column.name === element.name.text);
    if (at < 0) throw d.error('undefined_column', `column "${element.name.text}" does not exist`, undefined);
    columns[at] = withConstraints(d, columns[at]!, element);
  }
  return columns;
}

function withConstraints(
  d: Definer,
  inherited: NewColumn,
  element: Extract<TableElement, { kind: 'columnDefinition' }>,
): NewColumn {
  let made = inherited;
  for (const c of element.constraints) {
    switch (c.kind) {
      case 'notNull':
        made = { ...made, column: { ...made.column, notNull: true } };
        break;
      case 'null':
        break;
      case 'defaultValue':
        made = { ...made, defaultConstraint: { text: c.text, constraint: c } };
        break;
      case 'check':
        made = { ...made, checks: [...made.checks, c] };
        break;
      case 'foreignKey':
        made = { ...made, foreign: [...made.foreign, c] };
        break;
      case 'primaryKey':
      case 'unique':
        made = { ...made, keys: [...made.keys, c] };
        break;
      default:
        throw d.unsupported(`${c.kind} of a partition's column`, c.at);
    }
  }
  return made;
}

/** Brings a new, empty table to its place: what the partitioned table has becomes its own too. */
export function* joinAsNew(d: Definer, { parent, partitioning }: PartitionPlace, partition: Oid): Task<void> {
  yield* requireNoRowsInDefault(d, parent, partitioning, d.catalog.table(partition));
  yield* inheritAll(d, parent.oid, partition);
}

/** The default partition must not hold rows that belong to the new one. */
function* requireNoRowsInDefault(
  d: Definer,
  parent: TableObject,
  partitioning: Partitioning,
  added: TableObject,
): Task<void> {
  const others = d.catalog.partitionsOf(parent.oid).filter((p) => p.oid !== added.oid);
  const fallback = others.find((p) => p.partition?.bound.kind === 'default');
  if (fallback === undefined) return;
  yield* d.lock(fallback.oid, TABLE_ACCESS_EXCLUSIVE);
  yield* requireRowsFit(
    d,
    parent,
    partitioning,
    [...others, added],
    fallback,
    `updated partition constraint for default partition "${fallback.name}" would be violated by some row`,
  );
}

// ── ATTACH ──

export function* attachPartition(
  d: Definer,
  table: TableObject,
  action: Extract<AlterTableAction, { kind: 'attachPartition' }>,
): Task<void> {
  if (action.bound === undefined) throw d.error('syntax_error', 'a partition of a table has a bound', action.at);
  const { oid } = d.table(action.partition);
  yield* d.lock(oid, TABLE_ACCESS_EXCLUSIVE);
  const child = d.catalog.table(oid);
  const into = { catalog: null, schema: d.catalog.object(table.schema)!.name, name: table.name, at: action.at };
  const place = yield* placeOf(d, child.name, into, action.bound, TABLE_SHARE_UPDATE_EXCLUSIVE);
  const { parent, partitioning, bound } = place;
  if (child.partition !== undefined)
    throw d.error('wrong_object_type', `"${child.name}" is already a partition`, undefined);
  if (child.oid === parent.oid || [...d.catalog.ancestorsOf(parent)].some((above) => above.oid === child.oid))
    throw d.error('duplicate_table', 'circular inheritance not allowed', undefined, {
      detail: `"${parent.name}" is already a child of "${child.name}".`,
    });
  requireSameColumns(parent, child);
  requireChecks(d, parent, child);
  const partition: TableObject = { ...child, partition: { parent: parent.oid, bound } };
  yield* requireRowsFit(
    d,
    parent,
    partitioning,
    [...d.catalog.partitionsOf(parent.oid), partition],
    partition,
    `partition constraint of relation "${child.name}" is violated by some row`,
  );
  yield* requireNoRowsInDefault(d, parent, partitioning, partition);
  yield* d.putTable(partition);
  yield* inheritAll(d, parent.oid, child.oid);
  yield* d.putTable(d.catalog.table(parent.oid));
}

function requireSameColumns(parent: TableObject, child: TableObject): void {
  const mismatch = (message: string, detail?: string): Error =>
    fail('datatype_mismatch', message, detail === undefined ? {} : { detail });
  const own = child.columns.filter((c) => !c.dropped);
  const theirs = parent.columns.filter((c) => !c.dropped);
  for (const column of own)
    if (!theirs.some((c) => c.name === column.name))
      throw mismatch(
        `table "${child.name}" contains column "${column.name}" not found in parent "${parent.name}"`,
        'The new partition may contain only the columns present in parent.',
      );
  for (const column of theirs) {
    const mine = own.find((c) => c.name === column.name);
    if (mine === undefined) throw mismatch(`child table is missing column "${column.name}"`);
    if (mine.type !== column.type || mine.typmod !== column.typmod)
      throw mismatch(`child table "${child.name}" has different type for column "${column.name}"`);
    if (column.notNull && !mine.notNull)
      throw mismatch(`column "${column.name}" in child table must be marked NOT NULL`);
    if ((column.generatedSql === undefined) !== (mine.generatedSql === undefined))
      throw mismatch(
        `column "${column.name}" in child table must ${column.generatedSql === undefined ? 'not ' : ''}be a generated column`,
      );
  }
}

function requireChecks(d: Definer, parent: TableObject, child: TableObject): void {
  for (const check of d.catalog.constraintsOf(parent.oid)) {
    if (check.type !== 'check') continue;
    const own = d.catalog.constraintsOf(child.oid).find((c) => c.type === 'check' && c.name === check.name);
    if (own === undefined) throw fail('datatype_mismatch', `child table is missing constraint "${check.name}"`);
    if (own.expression !== check.expression)
      throw fail(
        'datatype_mismatch',
        `child table "${child.name}" has different definition for check constraint "${check.name}"`,
      );
  }
}

// ── DETACH ──

export function* detachPartition(
  d: Definer,
  table: TableObject,
  action: Extract<AlterTableAction, { kind: 'detachPartition' }>,
): Task<void> {
  requirePartitioned(d, table);
  const named = d.table(action.partition);
  yield* d.lock(named.oid, TABLE_ACCESS_EXCLUSIVE);
  const child = partitionOf(d, table, named.oid);
  if (child.partition?.detachPending === true)
    throw d.error('object_not_in_prerequisite_state', `cannot detach partition "${child.name}"`, undefined, {
      detail: 'The partition is being detached concurrently or has an unfinished detach.',
      hint: FINALIZE_HINT,
    });
  yield* requireUnreferenced(d, child);
  yield* release(d, table, child);
}

/** @throws 42P17 */
export function requirePartitioned(d: Definer, table: TableObject): void {
  if (table.partitioning === undefined)
    throw d.error('invalid_object_definition', `table "${table.name}" is not partitioned`, undefined);
}

/** A partition of a table as it is now. @throws 42P01 */
export function partitionOf(d: Definer, table: TableObject, oid: Oid): TableObject {
  const child = d.catalog.table(oid);
  if (child.partition?.parent === table.oid) return child;
  throw d.error(
    'undefined_table',
    `relation "${child.name}" is not a partition of relation "${table.name}"`,
    undefined,
  );
}

/** Makes a partition a table of its own: what it has inherited is its own too. */
export function* release(d: Definer, table: TableObject, child: TableObject): Task<void> {
  for (const index of d.catalog.indexesOf(child.oid)) {
    const { parent: _parent, ...own } = index;
    yield* d.put({ ...own, version: index.version + 1 });
  }
  for (const constraint of d.catalog.constraintsOf(child.oid)) {
    const { parent: _parent, ...own } = constraint;
    yield* d.put({ ...own, version: constraint.version + 1 });
  }
  const { partition: _partition, ...alone } = d.catalog.table(child.oid);
  yield* d.putTable(alone);
  yield* d.putTable(d.catalog.table(table.oid));
}
