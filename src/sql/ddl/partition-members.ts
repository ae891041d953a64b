/**
 * What a partition gets from its partitioned table: checks, foreign keys and indexes.
 *
 * Each is an object of the partition's own, tied to the one above by `parent`. One that the partition has already and that means the
 * same is tied and not made again. An index of a partitioned table has no entries: they are in the indexes tied to it.
 */
import type { Task } from '../../base/task.ts';
import type { ConstraintObject, IndexColumn, IndexObject, Oid, TableObject } from '../../engine/catalog.ts';
import { TABLE_ACCESS_EXCLUSIVE } from '../../engine/record-port.ts';
import type { KeyConstraint } from '../ast/definitions.ts';
import type { QualifiedName } from '../ast/names.ts';
import { tableRules } from '../bind/table-rules.ts';
import { validateForeignKey } from './alter-constraint.ts';
import { buildIndex } from './build-index.ts';
import type { Definer } from './definer.ts';
import { distinctNames } from './deparse.ts';
import { addKeyConstraint } from './table-keys.ts';
import { newIndexTree } from './tree-space.ts';

/** The number of the column of `to` that has the name of column `number` of `from`. */
function numberAs(from: TableObject, number: number, to: TableObject): number {
  const name = from.columns.find((c) => c.number === number)?.name;
  return to.columns.find((c) => !c.dropped && c.name === name)!.number;
}

/** Gives a partition all that its partitioned table has and it has not got yet. @throws 23505, 23503 */
export function* inheritAll(d: Definer, parent: Oid, partition: Oid): Task<void> {
  const tied = new Set([...d.catalog.constraintsOf(partition), ...d.catalog.indexesOf(partition)].map((o) => o.parent));
  for (const constraint of d.catalog.constraintsOf(parent)) {
    if (tied.has(constraint.oid)) continue;
    if (constraint.type === 'check') yield* inheritCheck(d, constraint, partition);
    if (constraint.type === 'foreign') yield* inheritForeignKey(d, constraint, partition);
  }
  for (const index of d.catalog.indexesOf(parent)) if (!tied.has(index.oid)) yield* inheritIndex(d, index, partition);
}

/** Gives a partition a check of its partitioned table; the caller has made sure that its rows pass. */
export function* inheritCheck(d: Definer, constraint: ConstraintObject, partition: Oid): Task<void> {
  const table = d.catalog.table(partition);
  const own = d.catalog.constraintsOf(partition).find((c) => c.type === 'check' && c.name === constraint.name);
  if (own === undefined) yield* inheritConstraint(d, constraint, table);
  else if (own.parent !== constraint.oid) yield* d.put({ ...own, parent: constraint.oid, version: own.version + 1 });
}

function* inheritConstraint(d: Definer, constraint: ConstraintObject, table: TableObject): Task<ConstraintObject> {
  const parent = d.catalog.table(constraint.table);
  const foreign = constraint.foreign;
  const made: ConstraintObject = {
    ...constraint,
    oid: yield* d.takeOid(),
    schema: table.schema,
    version: 1,
    table: table.oid,
    columns: constraint.columns.map((number) => numberAs(parent, number, table)),
    ...(foreign === undefined
      ? {}
      : {
          foreign: { ...foreign, setColumns: foreign.setColumns.map((number) => numberAs(parent, number, table)) },
        }),
    parent: constraint.oid,
  };
  yield* d.put(made);
  yield* d.putTable(table);
  // A partition that is partitioned itself hands it on.
  for (const below of d.catalog.partitionsOf(table.oid)) yield* inheritConstraint(d, made, below);
  return made;
}

/** Gives a partition a foreign key of its partitioned table, or makes an equal one of its own that one. @throws 23503 */
function* inheritForeignKey(d: Definer, constraint: ConstraintObject, partition: Oid): Task<void> {
  const table = d.catalog.table(partition);
  const parent = d.catalog.table(constraint.table);
  const own = d.catalog.constraintsOf(partition).find((c) => isSameForeignKey(parent, constraint, table, c));
  if (own !== undefined) {
    // Its rows have been checked; below it, others are tied to it already.
    yield* d.put({ ...own, parent: constraint.oid, version: own.version + 1 });
    yield* d.putTable(table);
    return;
  }
  const made = yield* inheritConstraint(d, constraint, table);
  if (made.validated) yield* validateForeignKey(d.sql, d.catalog.table(partition), made);
}

/** Does a foreign key that a partition has by itself mean the same as one of its partitioned table? */
function isSameForeignKey(
  parent: TableObject,
  constraint: ConstraintObject,
  table: TableObject,
  own: ConstraintObject,
): boolean {
  const [theirs, mine] = [constraint.foreign, own.foreign];
  if (theirs === undefined || mine === undefined || own.parent !== undefined || !own.validated) return false;
  const inTable = (numbers: readonly number[]): number[] => numbers.map((number) => numberAs(parent, number, table));
  return (
    mine.table === theirs.table &&
    own.columns.join() === inTable(constraint.columns).join() &&
    mine.columns.join() === theirs.columns.join() &&
    mine.onDelete === theirs.onDelete &&
    mine.onUpdate === theirs.onUpdate &&
    mine.match === theirs.match &&
    [...mine.setColumns].sort().join() === inTable(theirs.setColumns).sort().join() &&
    own.deferrable === constraint.deferrable &&
    own.initiallyDeferred === constraint.initiallyDeferred
  );
}

/** Gives a partition its part of an index, or of the key that the index is there for. @throws 23505 */
export function* inheritIndex(d: Definer, index: IndexObject, partition: Oid): Task<void> {
  const parent = d.catalog.table(index.table);
  const table = d.catalog.table(partition);
  const existing = d.catalog
    .indexesOf(partition)
    .find((own) => own.parent === undefined && isSame(d, parent, index, table, own));
  const own = existing ?? (yield* makePart(d, parent, index, table));
  yield* tie(d, own, index);
  for (const below of d.catalog.partitionsOf(partition)) yield* inheritIndex(d, own, below.oid);
}

/** `ALTER INDEX index ATTACH PARTITION part`. @throws 42809, 42P17, 0A000 */
export function* attachIndex(d: Definer, index: IndexObject, name: QualifiedName): Task<void> {
  const own = d.relation(name);
  if (own.kind !== 'index') throw d.error('wrong_object_type', `"${own.name}" is not an index`, undefined);
  if (own.parent === index.oid) return;
  const refuse = (detail: string): Error =>
    d.error(
      'invalid_object_definition',
      `cannot attach index "${own.name}" as a partition of index "${index.name}"`,
      undefined,
      {
        detail,
      },
    );
  const parent = d.catalog.table(index.table);
  const table = d.catalog.table(own.table);
  if (own.parent !== undefined) throw refuse(`Index "${own.name}" is already attached to another index.`);
  if (table.partition?.parent !== parent.oid)
    throw refuse(`Index "${own.name}" is not an index on any partition of table "${parent.name}".`);
  if (d.catalog.indexesOf(table.oid).some((other) => other.parent === index.oid))
    throw refuse(`Another index is already attached for partition "${table.name}".`);
  if (!isSame(d, parent, index, table, own)) throw refuse('The index definitions do not match.');
  yield* d.lock(table.oid, TABLE_ACCESS_EXCLUSIVE);
  yield* tie(d, own, index);
}

function* tie(d: Definer, own: IndexObject, index: IndexObject): Task<void> {
  const now = d.catalog.object(own.oid);
  if (now?.kind !== 'index') return;
  yield* d.put({ ...now, parent: index.oid, version: now.version + 1 });
  const constraint = d.catalog.object(own.constraint);
  if (constraint?.kind === 'constraint')
    yield* d.put({ ...constraint, parent: index.constraint, version: constraint.version + 1 });
  yield* d.putTable(d.catalog.table(own.table));
}

/** Does an index of a partition mean the same as one of its partitioned table? */
function isSame(d: Definer, parent: TableObject, index: IndexObject, table: TableObject, own: IndexObject): boolean {
  const constraint = d.catalog.object(index.constraint);
  const theirs = d.catalog.object(own.constraint);
  if (constraint?.kind === 'constraint' && (theirs?.kind !== 'constraint' || theirs.type !== constraint.type))
    return false;
  const columns = columnsIn(parent, index, table);
  const include = includeIn(parent, index, table);
  return (
    own.unique === index.unique &&
    own.nullsDistinct === index.nullsDistinct &&
    own.deferrable === index.deferrable &&
    own.predicate === index.predicate &&
    own.disabled !== true &&
    own.columns.length === columns.length &&
    own.include.length === include.length &&
    own.include.every((number, i) => number === include[i]) &&
    own.columns.every((c, i) => {
      const other = columns[i]!;
      return (
        c.column === other.column &&
        c.expression === other.expression &&
        c.descending === other.descending &&
        c.nullsFirst === other.nullsFirst
      );
    })
  );
}

function columnsIn(parent: TableObject, index: IndexObject, table: TableObject): IndexColumn[] {
  return index.columns.map((c) => (c.column === 0 ? c : { ...c, column: numberAs(parent, c.column, table) }));
}

function includeIn(parent: TableObject, index: IndexObject, table: TableObject): number[] {
  return index.include.map((number) => numberAs(parent, number, table));
}

function* makePart(d: Definer, parent: TableObject, index: IndexObject, table: TableObject): Task<IndexObject> {
  const constraint = d.catalog.object(index.constraint);
  if (constraint?.kind === 'constraint') {
    const key: KeyConstraint = {
      kind: constraint.type === 'primary' ? 'primaryKey' : 'unique',
      at: 0,
      name: null,
      deferrable: constraint.deferrable,
      initiallyDeferred: constraint.initiallyDeferred,
      notValid: false,
      columns: columnNames(
        parent,
        index.columns.map((c) => c.column),
      ),
      include: columnNames(parent, index.include),
      nullsNotDistinct: !index.nullsDistinct,
      options: [],
      tablespace: null,
      usingIndex: null,
    };
    return yield* addKeyConstraint(d, table, key, index.options);
  }
  const numbers = [...index.columns.map((c) => c.column), ...index.include];
  const names = distinctNames(numbers.map((number) => (number === 0 ? 'expr' : columnName(parent, number))));
  const made: IndexObject = {
    ...index,
    oid: yield* d.takeOid(),
    name: d.chooseName([table.name, ...names], 'idx', d.taken(table.schema, undefined, new Set())),
    schema: table.schema,
    version: 1,
    table: table.oid,
    tree: yield* newIndexTree(d, table.tree, index.options),
    columns: columnsIn(parent, index, table),
    include: includeIn(parent, index, table),
    parent: index.oid,
  };
  yield* d.put(made);
  const next = yield* d.putTable(table);
  const computed = made.predicate !== undefined || made.columns.some((c) => c.column === 0);
  if (next.partitioning === undefined)
    yield* buildIndex(d, next, made, computed ? tableRules(d.sql.bindContext(), next) : undefined);
  return made;
}

function columnName(table: TableObject, number: number): string {
  return table.columns.find((c) => c.number === number)!.name;
}

function columnNames(table: TableObject, numbers: readonly number[]): { text: string; at: number }[] {
  return numbers.map((number) => ({ text: columnName(table, number), at: 0 }));
}
