/** CREATE TABLE and CREATE TABLE AS. */
import { fail } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import type { ColumnObject, ConstraintObject, IndexObject, Oid, TableObject } from '../../engine/catalog.ts';
import type {
  CheckConstraint,
  ColumnConstraint,
  ColumnDefinition,
  CreateTableAsStatement,
  CreateTableStatement,
  ForeignKeyConstraint,
  IdentityConstraint,
  KeyConstraint,
  LikeClause,
} from '../ast/definitions.ts';
import type { Expression } from '../ast/expressions.ts';
import type { Name } from '../ast/names.ts';
import { bindTableExpression, storedText } from '../bind/table-rules.ts';
import { lookUpType } from '../bind/type-lookup.ts';
import { typeEntry } from '../exec/values.ts';
import { quoteIdentifier } from '../session/names.ts';
import type { TypeEntry } from '../types/contracts.ts';
import { registry } from '../types/registry.ts';
import { isClustering, makeCheck, makeForeignKey, makeKeyConstraint, type PendingNames } from './constraints.ts';
import type { Definer } from './definer.ts';
import { readPartitioning } from './partition-keys.ts';
import { inheritedColumns, joinAsNew, placeOfNew } from './partitions.ts';
import { makeSequence, sequenceValues } from './sequences.ts';
import { primarySpaceOptions, tellIdleOptions } from './space-options.ts';
import { newTableTree } from './tree-space.ts';

const COLUMNS_MAX = 1600;

const SERIAL = new Map<string, Oid>([
  ['smallserial', 21],
  ['serial2', 21],
  ['serial', 23],
  ['serial4', 23],
  ['bigserial', 20],
  ['serial8', 20],
]);

/** A column as far as its definition says; the sequence it needs is made when the table exists. */
export interface NewColumn {
  readonly column: ColumnObject;
  readonly sequence: { readonly type: Oid; readonly identity: IdentityConstraint | undefined } | undefined;
  readonly keys: readonly KeyConstraint[];
  readonly checks: readonly CheckConstraint[];
  readonly foreign: readonly ForeignKeyConstraint[];
  readonly defaultConstraint:
    | { readonly text: string; readonly constraint: Extract<ColumnConstraint, { kind: 'defaultValue' }> }
    | undefined;
}

/** Reads one column definition. @throws 42601 for conflicting clauses, 0A000 for what is not supported. */
export function readColumn(d: Definer, table: string, definition: ColumnDefinition, number: number): NewColumn {
  const { name, type } = definition;
  if (type === null) throw d.unsupported('a column without a type', definition.at);
  if (
    definition.collation !== null &&
    !['C', 'POSIX', 'default', 'C.UTF-8', 'ucs_basic'].includes(definition.collation.name)
  )
    throw d.unsupported(`collation "${definition.collation.name}" for a column`, definition.collation.at);
  const serial = type.schema === null && type.dimensions === 0 ? SERIAL.get(type.name) : undefined;
  const bound = serial === undefined ? lookUpType(d.binding(), type) : { oid: serial, typmod: -1 };
  const entry = registry.type(bound.oid)!;
  const physical = entry.physical(bound.typmod);
  if (physical === undefined) throw unstorable(d, name.text, entry);
  let notNull = serial !== undefined;
  let explicitNull = false;
  let identity: IdentityConstraint | undefined;
  let defaultConstraint: NewColumn['defaultConstraint'];
  let generatedSql: string | undefined;
  const keys: KeyConstraint[] = [];
  const checks: CheckConstraint[] = [];
  const foreign: ForeignKeyConstraint[] = [];
  for (const c of definition.constraints) {
    switch (c.kind) {
      case 'notNull':
        notNull = true;
        break;
      case 'null':
        explicitNull = true;
        break;
      case 'defaultValue':
        if (defaultConstraint !== undefined || serial !== undefined)
          throw d.error(
            'syntax_error',
            `multiple default values specified for column "${name.text}" of table "${table}"`,
            c.at,
          );
        defaultConstraint = { text: c.text, constraint: c };
        break;
      case 'identity':
        identity = c;
        notNull = true;
        break;
      case 'generated':
        generatedSql = c.text;
        break;
      case 'check':
        checks.push(c);
        break;
      case 'foreignKey':
        foreign.push(c);
        break;
      default:
        if (c.kind === 'primaryKey') notNull = true;
        keys.push(c);
    }
  }
  if (explicitNull && notNull)
    throw d.error(
      'syntax_error',
      `conflicting NULL/NOT NULL declarations for column "${name.text}" of table "${table}"`,
      definition.at,
    );
  if (identity !== undefined && (defaultConstraint !== undefined || serial !== undefined))
    throw d.error(
      'syntax_error',
      `both default and identity specified for column "${name.text}" of table "${table}"`,
      identity.at,
    );
  const generated = definition.constraints.find((c) => c.kind === 'generated');
  if (generated !== undefined && (defaultConstraint !== undefined || serial !== undefined))
    throw d.error(
      'syntax_error',
      `both default and generation expression specified for column "${name.text}" of table "${table}"`,
      generated.at,
    );
  if (identity !== undefined && ![20, 21, 23].includes(bound.oid))
    throw fail('invalid_parameter_value', 'identity column type must be smallint, integer, or bigint');
  const column: ColumnObject = {
    number,
    name: name.text,
    type: bound.oid,
    typmod: bound.typmod,
    physical,
    notNull,
    dropped: false,
    ...(identity === undefined ? {} : { identity: identity.always ? ('always' as const) : ('by default' as const) }),
    ...(generatedSql === undefined ? {} : { generatedSql }),
  };
  return {
    column,
    sequence:
      serial !== undefined
        ? { type: serial, identity: undefined }
        : identity !== undefined
          ? { type: bound.oid, identity }
          : undefined,
    keys,
    checks,
    foreign,
    defaultConstraint,
  };
}

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

function* makeTable(
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

/** What a column keeps of its DEFAULT clause: nothing of NULL. */
export function defaultOf(
  d: Definer,
  table: TableObject,
  column: ColumnObject,
  text: string,
  expression: Expression,
): Pick<ColumnObject, 'defaultSql'> {
  const context = d.sql.bindContext();
  const bound = bindTableExpression(context, table, text, expression, d.text, column.type, 'DEFAULT');
  if (bound.expr.kind === 'const' && bound.expr.value === null) return {};
  return { defaultSql: storedText(context, table, bound, text, column.type, 'DEFAULT') };
}

/** Binds defaults, and makes the sequences of serial and identity columns. @returns the table with both. */
export function* addDefaults(d: Definer, bare: TableObject, columns: readonly NewColumn[]): Task<TableObject> {
  let table = bare;
  const change = (number: number, more: Partial<ColumnObject>): void => {
    table = { ...table, columns: table.columns.map((c) => (c.number === number ? { ...c, ...more } : c)) };
  };
  for (const { column, sequence, defaultConstraint } of columns) {
    if (defaultConstraint !== undefined) {
      const { text, constraint } = defaultConstraint;
      change(column.number, defaultOf(d, table, column, text, constraint.expression));
    }
    if (column.generatedSql !== undefined) {
      const generated = bindTableExpression(
        d.sql.bindContext(),
        table,
        column.generatedSql,
        undefined,
        column.generatedSql,
        column.type,
        'GENERATED',
      );
      const text = storedText(d.sql.bindContext(), table, generated, column.generatedSql, column.type, 'GENERATED');
      change(column.number, { generatedSql: text });
      if (generated.volatile)
        throw d.error('invalid_object_definition', 'generation expression is not immutable', undefined);
      const other = table.columns.find((c) => c.generatedSql !== undefined && generated.columns.includes(c.number));
      if (other !== undefined)
        throw d.error(
          'invalid_object_definition',
          `cannot use generated column "${other.name}" in column generation expression`,
          undefined,
          { detail: 'A generated column cannot reference another generated column.' },
        );
    }
    if (sequence === undefined) continue;
    const options = sequence.identity?.sequence ?? [];
    const named = options.find((o) => o.name === 'sequence name')?.owner;
    const name =
      named?.[named.length - 1]?.text ??
      d.chooseName([table.name, column.name], 'seq', d.taken(table.schema, undefined, new Set()));
    const values = sequenceValues(
      d,
      options.filter((o) => o.name !== 'sequence name'),
      sequence.type,
      undefined,
    );
    yield* makeSequence(d, table.schema, name, values, { table: table.oid, column: column.number });
    const schema = d.catalog.object(table.schema)!.name;
    const literal = `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`.replaceAll("'", "''");
    change(column.number, { defaultSql: `nextval('${literal}'::regclass)` });
  }
  return table;
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

/** CREATE TABLE AS: the table, then its rows by INSERT … query. @returns the number of rows, undefined when it was there. */
export function* createTableAs(d: Definer, s: CreateTableAsStatement): Task<number | undefined> {
  if (s.materializedView) throw d.unsupported('CREATE MATERIALIZED VIEW', s.at);
  if (s.temporary) throw d.unsupported('CREATE TEMPORARY TABLE', s.at);
  if (s.unlogged) throw d.unsupported('CREATE UNLOGGED TABLE', s.at);
  const schema = d.targetSchema(s.name);
  if (d.catalog.relationNamed(schema, s.name.name) !== undefined) {
    if (!s.ifNotExists) d.requireFree(schema, s.name.name);
    d.sql.tell(`relation "${s.name.name}" already exists, skipping`, { sqlstate: '42P07' });
    return undefined;
  }
  const planned = d.sql.planStatement(s.query, d.text, 0, [], []);
  if (s.columns.length > planned.columns.length)
    throw d.error('syntax_error', 'too many column names were specified', s.columns[planned.columns.length]!.at);
  const columns = planned.columns.map((c, i): NewColumn => {
    const type = c.type === 705 ? 25 : c.type;
    const physical = typeEntry(type).physical(c.typmod);
    const name = s.columns[i]?.text ?? c.name;
    if (physical === undefined) throw unstorable(d, name, typeEntry(type));
    return {
      column: { number: i + 1, name, type, typmod: c.typmod, physical, notNull: false, dropped: false },
      sequence: undefined,
      keys: [],
      checks: [],
      foreign: [],
      defaultConstraint: undefined,
    };
  });
  const seen = new Set<string>();
  for (const { column } of columns) {
    if (seen.has(column.name))
      throw d.error('duplicate_column', `column "${column.name}" specified more than once`, undefined);
    seen.add(column.name);
  }
  const options = d.storageOptions(s.options, 'table');
  tellIdleOptions(d, options);
  const tree = yield* newTableTree(d, options, []);
  const table = yield* makeTable(d, schema, s.name.name, columns, options, tree, []);
  yield* d.put(table);
  if (!s.withData) return 0;
  return yield* d.sql.insertFrom(planned, table);
}

/** A type without a stored form: a pseudo-type, as in PostgreSQL, or one that we do not have yet. */
function unstorable(d: Definer, column: string, type: TypeEntry): Error {
  if (type.typeType !== 'p') return d.unsupported(`a column of type ${type.displayName}`, undefined);
  return d.error('invalid_table_definition', `column "${column}" has pseudo-type ${type.displayName}`, undefined);
}
