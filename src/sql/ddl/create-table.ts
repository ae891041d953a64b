/** CREATE TABLE: columns, keys and constraints of its elements, LIKE, PARTITION BY and PARTITION OF. */
import { fail } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import type { ColumnObject, ConstraintObject, IndexObject, Oid, TableObject } from '../../engine/catalog.ts';
import type {
  CheckConstraint,
  CreateTableStatement,
  ForeignKeyConstraint,
  KeyConstraint,
  LikeClause,
} from '../ast/definitions.ts';
import type { Name } from '../ast/names.ts';
import { addDefaults } from './column-defaults.ts';
import { type NewColumn, readColumn } from './column-definitions.ts';
import { isClustering, makeCheck, makeForeignKey, makeKeyConstraint, type PendingNames } from './constraints.ts';
import type { Definer } from './definer.ts';
import { readPartitioning } from './partition-keys.ts';
import { inheritedColumns, joinAsNew, placeOfNew } from './partitions.ts';
import { primarySpaceOptions, tellIdleOptions } from './space-options.ts';
import { newTableTree } from './tree-space.ts';

const COLUMNS_MAX = 1600;

export function* createTable(d: Definer, s: CreateTableStatement): Task<void> {
  refuse(d, s);
  const schema = d.targetSchema(s.name);
  if (d.catalog.relationNamed(schema, s.name.name) !== undefined) {
    if (!s.ifNotExists) d.requireFree(schema, s.name.name);
    d.sql.tell(`relation "${s.name.name}" already exists, skipping`, { sqlstate: '42P07' });
    return;
  }
  const place = s.partitionOf === null ? undefined : yield* placeOfNew(d, s, s.partitionOf);
  const columns: NewColumn[] = place === undefined ? [] : inheritedColumns(d, place.parent, s.elements);
  const tableKeys: KeyConstraint[] = [];
  const tableChecks: CheckConstraint[] = [];
  const tableForeign: ForeignKeyConstraint[] = [];
  for (const element of s.elements) {
    if (element.kind === 'columnDefinition' && place !== undefined) continue;
    if (element.kind === 'columnDefinition') columns.push(readColumn(d, s.name.name, element, columns.length + 1));
    else if (element.kind === 'like') columns.push(...copiedColumns(d, element, columns.length));
    else if (element.kind === 'check') tableChecks.push(element);
    else if (element.kind === 'foreignKey') tableForeign.push(element);
    else if (element.kind === 'exclude') throw d.unsupported('EXCLUDE', element.at);
    else tableKeys.push(element);
  }
  checkColumns(d, columns, s);
  const options =
    place !== undefined && s.options.length === 0 ? place.parent.options : d.storageOptions(s.options, 'table');
  const primary = primaryKey(d, s.name.name, columns, tableKeys);
  const clustering = primary !== undefined && isClustering(primary.key) ? primary.key.options : [];
  const primaryTexts = d.storageOptions(clustering, 'index');
  tellIdleOptions(d, primarySpaceOptions(d, options, primaryTexts, clustering));
  const tree = yield* newTableTree(d, options, primaryTexts);
  const bare = yield* makeTable(d, schema, s.name.name, columns, options, tree, primary?.names ?? []);
  const table: TableObject = {
    ...bare,
    ...(s.partitionBy === null ? {} : { partitioning: readPartitioning(d, bare, s.partitionBy) }),
    ...(place === undefined ? {} : { partition: { parent: place.parent.oid, bound: place.bound } }),
  };
  yield* finishTable(d, table, columns, tableKeys, tableChecks, tableForeign);
  if (place === undefined) return;
  d.engine.nextCommand();
  yield* joinAsNew(d, place, table.oid);
}

function refuse(d: Definer, s: CreateTableStatement): void {
  if (s.temporary) throw d.unsupported('CREATE TEMPORARY TABLE', s.at);
  if (s.unlogged) throw d.unsupported('CREATE UNLOGGED TABLE', s.at);
  if (s.inherits.length > 0) throw d.unsupported('INHERITS', s.inherits[0]!.at);
  if (s.tablespace !== null && s.tablespace.text !== 'pg_default') throw d.unsupported('a tablespace', s.tablespace.at);
  if (s.accessMethod !== null && s.accessMethod.text !== 'heap')
    throw d.error('undefined_object', `access method "${s.accessMethod.text}" does not exist`, undefined);
}

function checkColumns(d: Definer, columns: readonly NewColumn[], s: CreateTableStatement): void {
  if (columns.length > COLUMNS_MAX) throw fail('too_many_columns', `tables can have at most ${COLUMNS_MAX} columns`);
  const seen = new Set<string>();
  for (const { column } of columns) {
    if (seen.has(column.name))
      throw d.error('duplicate_column', `column "${column.name}" specified more than once`, undefined);
    if (['ctid', 'xmin', 'xmax', 'cmin', 'cmax', 'tableoid'].includes(column.name))
      throw d.error('duplicate_column', `column name "${column.name}" conflicts with a system column name`, s.at);
    seen.add(column.name);
  }
}

/** The primary key and its columns, which become NOT NULL. @throws 42P16 for a second one. */
function primaryKey(
  d: Definer,
  table: string,
  columns: readonly NewColumn[],
  tableKeys: readonly KeyConstraint[],
): { readonly key: KeyConstraint; readonly names: readonly string[] } | undefined {
  const all = [
    ...columns.flatMap((c) => c.keys.map((key) => ({ key, names: [c.column.name] }))),
    ...tableKeys.map((key) => ({ key, names: key.columns.map((n) => n.text) })),
  ].filter(({ key }) => key.kind === 'primaryKey');
  if (all.length > 1)
    throw d.error(
      'invalid_table_definition',
      `multiple primary keys for table "${table}" are not allowed`,
      all[1]!.key.at,
    );
  return all[0];
}

export function* makeTable(
  d: Definer,
  schema: Oid,
  name: string,
  columns: readonly NewColumn[],
  options: readonly string[],
  tree: number,
  primary: readonly string[],
): Task<TableObject> {
  const oid = yield* d.takeOid();
  return {
    kind: 'table',
    oid,
    name,
    schema,
    owner: d.owner,
    version: 1,
    persistence: 'permanent',
    tree,
    columns: columns.map(({ column }) => (primary.includes(column.name) ? { ...column, notNull: true } : column)),
    layouts: [{ number: 1, columns: columns.map((c) => c.column.number) }],
    options,
    rowType: yield* d.takeOid(),
    arrayType: yield* d.takeOid(),
  };
}

/** Sequences, defaults, constraints and the table itself. */
function* finishTable(
  d: Definer,
  bare: TableObject,
  columns: readonly NewColumn[],
  tableKeys: readonly KeyConstraint[],
  tableChecks: readonly CheckConstraint[],
  tableForeign: readonly ForeignKeyConstraint[],
): Task<void> {
  let table = bare;
  const pending: PendingNames = new Set();
  table = yield* addDefaults(d, table, columns);
  const indexes: IndexObject[] = [];
  const constraints: ConstraintObject[] = [];
  const keyed: { key: KeyConstraint; names: readonly Name[] }[] = [
    ...columns.flatMap((c) => c.keys.map((key) => ({ key, names: [{ text: c.column.name, at: key.at }] }))),
    ...tableKeys.map((key) => ({ key, names: key.columns })),
  ];
  keyed.sort((a, b) => Number(b.key.kind === 'primaryKey') - Number(a.key.kind === 'primaryKey'));
  for (const { key, names } of keyed) {
    const made = yield* makeKeyConstraint(d, table, key, names, isClustering(key), pending);
    indexes.push(made.index);
    constraints.push(made.constraint);
    if (isClustering(key)) table = { ...table, primaryIndex: made.index.oid };
  }
  for (const c of columns) for (const check of c.checks) constraints.push(yield* makeCheck(d, table, check, pending));
  for (const check of tableChecks) constraints.push(yield* makeCheck(d, table, check, pending));
  const indexesOf = (t: TableObject): readonly IndexObject[] =>
    t.oid === table.oid ? indexes : d.catalog.liveIndexesOf(t.oid);
  for (const c of columns)
    for (const f of c.foreign)
      constraints.push(yield* makeForeignKey(d, table, f, [{ text: c.column.name, at: f.at }], indexesOf, pending));
  for (const f of tableForeign) constraints.push(yield* makeForeignKey(d, table, f, f.columns, indexesOf, pending));
  yield* d.put(table);
  for (const index of indexes) yield* d.put(index);
  for (const constraint of constraints) yield* d.put(constraint);
}

/** LIKE table: names, types and NOT NULL; more with INCLUDING. */
function copiedColumns(d: Definer, like: LikeClause, offset: number): NewColumn[] {
  const source = d.table(like.table);
  const including = new Set<string>();
  for (const option of like.options) {
    if (!option.including) including.delete(option.what);
    else if (option.what === 'all')
      for (const what of ['defaults', 'generated', 'comments', 'storage', 'statistics', 'compression'])
        including.add(what);
    else including.add(option.what);
    if (option.including && ['constraints', 'indexes', 'identity'].includes(option.what))
      throw d.unsupported(`LIKE … INCLUDING ${option.what.toUpperCase()}`, like.at);
    if (option.including && option.what === 'all') throw d.unsupported('LIKE … INCLUDING ALL', like.at);
  }
  return source.columns
    .filter((c) => !c.dropped)
    .map((c, i) => {
      const { defaultSql, identity: _identity, generatedSql, missing: _missing, comment, ...rest } = c;
      const column: ColumnObject = {
        ...rest,
        number: offset + i + 1,
        ...(including.has('defaults') && defaultSql !== undefined ? { defaultSql } : {}),
        ...(including.has('generated') && generatedSql !== undefined ? { generatedSql } : {}),
        ...(including.has('comments') && comment !== undefined ? { comment } : {}),
      };
      return { column, sequence: undefined, keys: [], checks: [], foreign: [], defaultConstraint: undefined };
    });
}
