/**
 * Constraints: from the statement's words to catalog objects, for CREATE TABLE and ALTER TABLE alike.
 *
 * A primary key is the order in which the table's rows lie: its index object shares the table's tree. A unique constraint is
 * a unique index, and so is a primary key that is deferrable: its table has hidden row ids. A foreign key refers to the unique index that proves the referenced columns unique.
 */
import { fail } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import type {
  ColumnObject,
  ConstraintObject,
  IndexColumn,
  IndexObject,
  Oid,
  TableObject,
} from '../../engine/catalog.ts';
import { TABLE_SHARE_ROW_EXCLUSIVE } from '../../engine/record-port.ts';
import type { CheckConstraint, ForeignKeyConstraint, KeyConstraint } from '../ast/definitions.ts';
import type { Name } from '../ast/names.ts';
import { bindTableExpression, storedText } from '../bind/table-rules.ts';
import { typeEntry } from '../exec/values.ts';
import type { Definer } from './definer.ts';
import { distinctNames } from './deparse.ts';
import { tellIdleOptions } from './space-options.ts';
import { newIndexTree } from './tree-space.ts';

export function liveColumn(d: Definer, table: TableObject, name: Name): ColumnObject {
  const column = table.columns.find((c) => !c.dropped && c.name === name.text);
  if (column === undefined)
    throw d.error('undefined_column', `column "${name.text}" named in key does not exist`, name.at);
  return column;
}

export const SYSTEM_COLUMNS: ReadonlySet<string> = new Set(['ctid', 'xmin', 'xmax', 'cmin', 'cmax', 'tableoid']);

export function systemColumn(d: Definer): Error {
  return d.error('feature_not_supported', 'index creation on system columns is not supported', undefined);
}

/** Numbers of the columns that a constraint's index includes. @throws 42703, 0A000 */
function includedNumbers(d: Definer, table: TableObject, c: KeyConstraint): number[] {
  return c.include.map(({ text }) => {
    if (SYSTEM_COLUMNS.has(text)) throw systemColumn(d);
    return liveColumn(d, table, { text, at: c.at }).number;
  });
}

/** Columns of a key as an index keeps them. @throws 42704 for types without an order. */
export function keyColumns(d: Definer, table: TableObject, names: readonly Name[], c: KeyConstraint): IndexColumn[] {
  const seen = new Set<string>();
  return names.map((name) => {
    const column = liveColumn(d, table, { text: name.text, at: c.at });
    if (seen.has(name.text))
      throw d.error(
        'duplicate_column',
        `column "${name.text}" appears twice in ${c.kind === 'primaryKey' ? 'primary key' : 'unique'} constraint`,
        c.at,
      );
    seen.add(name.text);
    requireOrder(d, column.type, name.at);
    return {
      column: column.number,
      type: column.type,
      typmod: column.typmod,
      physical: column.physical,
      descending: false,
      nullsFirst: false,
    };
  });
}

export function requireOrder(d: Definer, type: Oid, at: number | undefined): void {
  if (typeEntry(type).compare !== undefined) return;
  throw d.error(
    'undefined_object',
    `data type ${typeEntry(type).displayName} has no default operator class for access method "btree"`,
    at,
    {
      hint: 'You must specify an operator class for the index or define a default operator class for the data type.',
    },
  );
}

/** Constraint names that this statement has given but not yet written. */
export type PendingNames = Set<string>;

function nameFor(
  d: Definer,
  table: TableObject,
  wanted: Name | null,
  parts: readonly string[],
  label: string,
  pending: PendingNames,
  isIndex: boolean,
): string {
  if (wanted !== null) {
    if (isIndex && pending.has(wanted.text)) throw fail('duplicate_table', `relation "${wanted.text}" already exists`);
    if (pending.has(wanted.text) || d.catalog.constraintsOf(table.oid).some((c) => c.name === wanted.text)) {
      throw d.error(
        'duplicate_object',
        `constraint "${wanted.text}" for relation "${table.name}" already exists`,
        undefined,
      );
    }
    if (isIndex) d.requireFree(table.schema, wanted.text);
    pending.add(wanted.text);
    return wanted.text;
  }
  const name = d.chooseName(parts, label, d.taken(table.schema, table.oid, pending));
  pending.add(name);
  return name;
}

/** Do the table's rows lie in the order of this key? Not of one that may be double for a while. */
export function isClustering(c: Pick<KeyConstraint, 'kind' | 'deferrable'>): boolean {
  return c.kind === 'primaryKey' && !c.deferrable;
}

/**
 * The index and constraint objects of PRIMARY KEY and UNIQUE. The index of a primary key takes the table's tree when
 * `clustered`; others get a tree of their own, which the caller fills if the table has rows. `kept` are options as the catalog
 * keeps them, in place of the statement's.
 */
export function* makeKeyConstraint(
  d: Definer,
  table: TableObject,
  c: KeyConstraint,
  names: readonly Name[],
  clustered: boolean,
  pending: PendingNames,
  kept?: readonly string[],
): Task<{ index: IndexObject; constraint: ConstraintObject }> {
  if (c.tablespace !== null) throw d.unsupported('a tablespace', c.at);
  const primary = c.kind === 'primaryKey';
  const columns = keyColumns(d, table, names, c);
  const include = includedNumbers(d, table, c);
  const label = primary ? 'pkey' : 'key';
  const name = nameFor(
    d,
    table,
    c.name,
    primary ? [table.name] : [table.name, ...distinctNames([...names, ...c.include].map((n) => n.text))],
    label,
    pending,
    true,
  );
  requireWholePartitionKey(d, table, primary ? 'PRIMARY KEY' : 'UNIQUE', columns);
  const options = kept ?? d.storageOptions(c.options, include.length > 0 && !clustered ? 'covering index' : 'index');
  // What the options of a clustered key mean is a matter of the table's tree.
  if (!clustered && kept === undefined) tellIdleOptions(d, options);
  const tree = clustered ? table.tree : yield* newIndexTree(d, table.tree, options);
  const indexOid = yield* d.takeOid();
  const constraintOid = yield* d.takeOid();
  const base = { name, schema: table.schema, owner: table.owner, version: 1, table: table.oid };
  const index: IndexObject = {
    kind: 'index',
    oid: indexOid,
    ...base,
    tree,
    unique: true,
    primary,
    nullsDistinct: !c.nullsNotDistinct,
    columns,
    include,
    options,
    ...(c.deferrable ? { deferrable: true } : {}),
    constraint: constraintOid,
  };
  const constraint: ConstraintObject = {
    kind: 'constraint',
    oid: constraintOid,
    ...base,
    type: primary ? 'primary' : 'unique',
    columns: columns.map((x) => x.column),
    index: indexOid,
    deferrable: c.deferrable,
    initiallyDeferred: c.initiallyDeferred,
    validated: true,
  };
  return { index, constraint };
}

/** CHECK: bound once, so that mistakes show now. */
export function* makeCheck(
  d: Definer,
  table: TableObject,
  c: CheckConstraint,
  pending: PendingNames,
): Task<ConstraintObject> {
  if (c.noInherit) throw d.unsupported('NO INHERIT', c.at);
  const context = d.sql.bindContext();
  const bound = bindTableExpression(context, table, c.text, c.expression, d.text, 16, 'CHECK');
  const used = bound.columns;
  const hint = used.length === 1 ? [table.columns.find((x) => x.number === used[0])!.name] : [];
  const name = nameFor(d, table, c.name, [table.name, ...hint], 'check', pending, false);
  return {
    kind: 'constraint',
    oid: yield* d.takeOid(),
    name,
    schema: table.schema,
    owner: table.owner,
    version: 1,
    table: table.oid,
    type: 'check',
    columns: used,
    index: 0,
    expression: storedText(context, table, bound, c.text, 16, 'CHECK'),
    deferrable: false,
    initiallyDeferred: false,
    validated: !c.notValid,
  };
}

/** FOREIGN KEY. `self` is the table under construction, which the catalog does not know yet. */
export function* makeForeignKey(
  d: Definer,
  table: TableObject,
  c: ForeignKeyConstraint,
  names: readonly Name[],
  indexesOf: (table: TableObject) => readonly IndexObject[],
  pending: PendingNames,
): Task<ConstraintObject> {
  if (c.match === 'partial') throw d.error('feature_not_supported', 'MATCH PARTIAL not yet implemented', c.at);
  const own = names.map((n) => {
    const column = table.columns.find((x) => !x.dropped && x.name === n.text);
    if (column === undefined)
      throw d.error(
        'undefined_column',
        `column "${n.text}" referenced in foreign key constraint does not exist`,
        undefined,
      );
    return column;
  });
  const self =
    c.references.name === table.name &&
    (c.references.schema === null || d.catalog.schemaNamed(c.references.schema)?.oid === table.schema) &&
    d.catalog.object(table.oid) === undefined;
  const parent = self ? table : yield* d.lockTable(d.table(c.references).oid, TABLE_SHARE_ROW_EXCLUSIVE);
  if (parent === undefined)
    throw d.error('undefined_table', `relation "${d.shown(c.references)}" does not exist`, undefined);
  const index = referencedIndex(d, parent, c, indexesOf(parent));
  const order =
    c.referencedColumns.length === 0
      ? index.columns.map((x) => x.column)
      : c.referencedColumns.map((n) => parent.columns.find((x) => !x.dropped && x.name === n.text)!.number);
  if (own.length !== order.length)
    throw d.error(
      'invalid_foreign_key',
      'number of referencing and referenced columns for foreign key disagree',
      undefined,
    );
  own.forEach((column, i) => {
    const other = parent.columns.find((x) => x.number === order[i])!;
    if (!comparableTypes(column.type, other.type)) {
      throw d.error(
        'datatype_mismatch',
        `foreign key constraint "${c.name?.text ?? `${table.name}_${names.map((n) => n.text).join('_')}_fkey`}" cannot be implemented`,
        undefined,
        {
          detail: `Key columns "${column.name}" and "${other.name}" are of incompatible types: ${typeEntry(column.type).displayName} and ${typeEntry(other.type).displayName}.`,
        },
      );
    }
  });
  const name = nameFor(d, table, c.name, [table.name, ...names.map((n) => n.text)], 'fkey', pending, false);
  return {
    kind: 'constraint',
    oid: yield* d.takeOid(),
    name,
    schema: table.schema,
    owner: table.owner,
    version: 1,
    table: table.oid,
    type: 'foreign',
    columns: own.map((x) => x.number),
    index: index.oid,
    foreign: {
      table: parent.oid,
      columns: order,
      onDelete: c.onDelete,
      onUpdate: c.onUpdate,
      match: c.match,
      setColumns: c.onDeleteColumns.map((n) => liveColumn(d, table, n).number),
    },
    deferrable: c.deferrable || c.initiallyDeferred,
    initiallyDeferred: c.initiallyDeferred,
    validated: !c.notValid,
  };
}

const INTEGERS: ReadonlySet<Oid> = new Set([20, 21, 23]);
const TEXTS: ReadonlySet<Oid> = new Set([25, 1043]);

function comparableTypes(a: Oid, b: Oid): boolean {
  return a === b || (INTEGERS.has(a) && INTEGERS.has(b)) || (TEXTS.has(a) && TEXTS.has(b));
}

function referencedIndex(
  d: Definer,
  parent: TableObject,
  c: ForeignKeyConstraint,
  indexes: readonly IndexObject[],
): IndexObject {
  if (c.referencedColumns.length === 0) {
    const primary = indexes.find((i) => i.primary);
    if (primary === undefined)
      throw d.error('undefined_object', `there is no primary key for referenced table "${parent.name}"`, undefined);
    if (primary.deferrable === true) throw looseKey(d, 'primary key', parent);
    return primary;
  }
  const wanted = c.referencedColumns.map((n) => {
    const column = parent.columns.find((x) => !x.dropped && x.name === n.text);
    if (column === undefined)
      throw d.error(
        'undefined_column',
        `column "${n.text}" referenced in foreign key constraint does not exist`,
        undefined,
      );
    return column.number;
  });
  const matching = indexes.filter(
    (i) =>
      i.unique &&
      i.predicate === undefined &&
      i.columns.length === wanted.length &&
      i.columns.every((x) => wanted.includes(x.column)),
  );
  const found = matching.find((i) => i.deferrable !== true);
  if (found === undefined && matching.length > 0) throw looseKey(d, 'unique constraint', parent);
  if (found === undefined)
    throw d.error(
      'invalid_foreign_key',
      `there is no unique constraint matching given keys for referenced table "${parent.name}"`,
      undefined,
    );
  return found;
}

function looseKey(d: Definer, what: string, parent: TableObject): Error {
  return d.error(
    'object_not_in_prerequisite_state',
    `cannot use a deferrable ${what} for referenced table "${parent.name}"`,
    undefined,
  );
}

/**
 * A key of a partitioned table must hold all that the table is divided by: only then is it unique over all partitions.
 *
 * @throws 0A000
 */
export function requireWholePartitionKey(
  d: Definer,
  table: TableObject,
  kind: string,
  columns: readonly IndexColumn[],
): void {
  for (const key of table.partitioning?.keys ?? []) {
    if (key.column === 0)
      throw d.error(
        'feature_not_supported',
        `unsupported ${kind} constraint with partition key definition`,
        undefined,
        {
          detail: `${kind} constraints cannot be used when partition keys include expressions.`,
        },
      );
    if (columns.some((c) => c.column === key.column)) continue;
    const name = table.columns.find((c) => c.number === key.column)!.name;
    throw d.error(
      'feature_not_supported',
      'unique constraint on partitioned table must include all partitioning columns',
      undefined,
      {
        detail: `${kind} constraint on table "${table.name}" lacks column "${name}" which is part of the partition key.`,
      },
    );
  }
}
