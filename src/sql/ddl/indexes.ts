/** CREATE INDEX. */
import { fail } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import type { ColumnObject, IndexColumn, IndexObject, TableObject } from '../../engine/catalog.ts';
import { TABLE_SHARE, TABLE_SHARE_UPDATE_EXCLUSIVE } from '../../engine/record-port.ts';
import type { CreateIndexStatement, IndexKey, Option } from '../ast/definitions.ts';
import { bindTableExpression, storedText, tableRules } from '../bind/table-rules.ts';
import { typeEntry } from '../exec/values.ts';
import { BOOL_OID } from '../types/type-oids.ts';
import { buildIndex } from './build-index.ts';
import { requireOrder, requireWholePartitionKey, SYSTEM_COLUMNS, systemColumn } from './constraints.ts';
import type { Definer } from './definer.ts';
import { distinctNames } from './deparse.ts';
import { buildIndexOnline } from './online-index.ts';
import { inheritIndex } from './partition-members.ts';
import { onOff } from './reorganize.ts';
import { tellIdleOptions } from './space-options.ts';
import { newIndexTree } from './tree-space.ts';

const KEYS_MAX = 32;

export function* createIndex(d: Definer, s: CreateIndexStatement): Task<void> {
  const isOnline = s.concurrently || onlineOption(d, s.options);
  if (isOnline && d.sql.block.state === 'block')
    throw fail('active_sql_transaction', 'CREATE INDEX CONCURRENTLY cannot run inside a transaction block');
  if (s.accessMethod !== null && s.accessMethod.text !== 'btree') {
    const known = ['hash', 'gist', 'gin', 'spgist', 'brin'].includes(s.accessMethod.text);
    throw known
      ? d.unsupported(`access method "${s.accessMethod.text}"`, s.accessMethod.at)
      : d.error('undefined_object', `access method "${s.accessMethod.text}" does not exist`, undefined);
  }
  if (s.tablespace !== null && s.tablespace.text !== 'pg_default') throw d.unsupported('a tablespace', s.tablespace.at);
  if (s.keys.length + s.include.length > KEYS_MAX)
    throw fail('too_many_columns', `cannot use more than ${KEYS_MAX} columns in an index`);
  let table = d.table(s.table);
  yield* d.lock(table.oid, isOnline ? TABLE_SHARE_UPDATE_EXCLUSIVE : TABLE_SHARE);
  table = d.catalog.table(table.oid);
  if (!s.only) for (const { oid } of d.catalog.descendantsOf(table.oid)) yield* d.lock(oid, TABLE_SHARE);
  const name =
    s.name?.text ??
    d.chooseName(
      [table.name, ...distinctNames([...s.keys, ...s.include].map(keyName))],
      'idx',
      d.taken(table.schema, undefined, new Set()),
    );
  if (d.catalog.relationNamed(table.schema, name) !== undefined) {
    if (!s.ifNotExists) d.requireFree(table.schema, name);
    d.sql.tell(`relation "${name}" already exists, skipping`, { sqlstate: '42P07' });
    return;
  }
  const isPartitioned = table.partitioning !== undefined;
  if (isPartitioned && isOnline)
    throw d.error(
      'feature_not_supported',
      `cannot create index on partitioned table "${table.name}" concurrently`,
      s.at,
    );
  const columns = s.keys.map((key) => indexColumn(d, table, key));
  const include = s.include.map((key) => includedColumn(d, table, key));
  if (s.unique) requireWholePartitionKey(d, table, 'UNIQUE', columns);
  const predicate = s.where === null ? undefined : predicateText(d, table, s.where);
  const options = d.storageOptions(
    s.options.filter((option) => !isOnlineWord(option)),
    include.length > 0 ? 'covering index' : 'index',
  );
  tellIdleOptions(d, options);
  const index: IndexObject = {
    kind: 'index',
    oid: yield* d.takeOid(),
    name,
    schema: table.schema,
    owner: table.owner,
    version: 1,
    table: table.oid,
    tree: yield* newIndexTree(d, table.tree, options),
    unique: s.unique,
    primary: false,
    nullsDistinct: !s.nullsNotDistinct,
    columns,
    include,
    ...(predicate === undefined ? {} : { predicate }),
    options,
    constraint: 0,
  };
  yield* addIndex(d, table, index, isOnline);
  if (!s.only) for (const partition of d.catalog.partitionsOf(table.oid)) yield* inheritIndex(d, index, partition.oid);
}

function predicateText(d: Definer, table: TableObject, where: NonNullable<CreateIndexStatement['where']>): string {
  const context = d.sql.bindContext();
  const bound = bindTableExpression(context, table, where.text, where.expression, d.text, BOOL_OID, 'index predicate');
  return storedText(context, table, bound, where.text, BOOL_OID, 'index predicate');
}

/** SQL Server's `WITH (ONLINE = ON)`. */
function isOnlineWord(option: Option): boolean {
  return option.namespace === null && option.name === 'online';
}

/** @throws 22023 */
function onlineOption(d: Definer, options: readonly Option[]): boolean {
  const option = options.findLast(isOnlineWord);
  return option !== undefined && onOff(d, option);
}

/** Writes an index object, tells its table, and fills it. */
function* addIndex(d: Definer, table: TableObject, index: IndexObject, isOnline: boolean): Task<void> {
  yield* d.put(index);
  const next = yield* d.putTable(table);
  // The entries of a partitioned table's index are in the parts of its partitions.
  if (next.partitioning !== undefined) return;
  if (isOnline) {
    yield* buildIndexOnline(d, next, index);
    return;
  }
  const computed = index.predicate !== undefined || index.columns.some((c) => c.column === 0);
  yield* buildIndex(d, next, index, computed ? tableRules(d.sql.bindContext(), next) : undefined);
}

/** What an unnamed index is called after: a column, a function, or `expr`. */
function keyName(key: IndexKey): string {
  if (key.expression.kind === 'column') return key.expression.parts[key.expression.parts.length - 1]!.text;
  if (key.expression.kind === 'call') return key.expression.name.name;
  return 'expr';
}

/** The number of a column that an index includes. @throws 42703, 42P17, 0A000 */
function includedColumn(d: Definer, table: TableObject, key: IndexKey): number {
  const refuse = (what: string): Error =>
    d.error('invalid_object_definition', `including column does not support ${what}`, undefined);
  if (key.expression.kind !== 'column' || key.expression.parts.length !== 1)
    throw d.error('feature_not_supported', 'expressions are not supported in included columns', undefined);
  const number = plainColumn(d, table, key.expression.parts[0]!.text).number;
  if (key.collation !== null) throw refuse('a collation');
  if (key.opclass !== null) throw refuse('an operator class');
  if (key.direction !== 'default') throw refuse('ASC/DESC options');
  if (key.nulls !== 'default') throw refuse('NULLS FIRST/LAST options');
  return number;
}

function plainColumn(d: Definer, table: TableObject, name: string): ColumnObject {
  const column = table.columns.find((c) => !c.dropped && c.name === name);
  if (column !== undefined) return column;
  if (SYSTEM_COLUMNS.has(name)) throw systemColumn(d);
  throw d.error('undefined_column', `column "${name}" does not exist`, undefined);
}

/** A column of an index as it is when a column of the table has got another type. @throws what its expression does with that */
export function retyped(d: Definer, table: TableObject, column: IndexColumn): IndexColumn {
  const { expression } = column;
  if (expression === undefined) {
    const source = table.columns.find((c) => c.number === column.column);
    return source === undefined
      ? column
      : { ...column, type: source.type, typmod: source.typmod, physical: source.physical };
  }
  const context = d.sql.bindContext();
  const { type, typmod } = bindTableExpression(context, table, expression, undefined, expression, undefined, 'index');
  requireOrder(d, type, undefined);
  const physical = typeEntry(type).physical(typmod);
  if (physical === undefined) throw d.unsupported(`an index on type ${typeEntry(type).displayName}`, undefined);
  return { ...column, type, typmod, physical };
}

function indexColumn(d: Definer, table: TableObject, key: IndexKey): IndexColumn {
  if (key.collation !== null && !['C', 'POSIX', 'default', 'C.UTF-8', 'ucs_basic'].includes(key.collation.name))
    throw d.unsupported(`an index with collation "${key.collation.name}"`, key.collation.at);
  const descending = key.direction === 'desc';
  const nullsFirst = key.nulls === 'default' ? descending : key.nulls === 'first';
  if (key.expression.kind === 'column' && key.expression.parts.length === 1) {
    const name = key.expression.parts[0]!;
    const column = plainColumn(d, table, name.text);
    requireOrder(d, column.type, name.at);
    return {
      column: column.number,
      type: column.type,
      typmod: column.typmod,
      physical: column.physical,
      descending,
      nullsFirst,
    };
  }
  const context = d.sql.bindContext();
  const bound = bindTableExpression(context, table, key.text, key.expression, d.text, undefined, 'index');
  if (bound.volatile)
    throw d.error('invalid_object_definition', 'functions in index expression must be marked IMMUTABLE', undefined);
  requireOrder(d, bound.type, key.expression.at);
  const physical = typeEntry(bound.type).physical(bound.typmod);
  if (physical === undefined)
    throw d.unsupported(`an index on type ${typeEntry(bound.type).displayName}`, key.expression.at);
  const expression = storedText(context, table, bound, key.text, undefined, 'index');
  return { column: 0, expression, type: bound.type, typmod: bound.typmod, physical, descending, nullsFirst };
}
