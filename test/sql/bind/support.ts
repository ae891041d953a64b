/** A catalog made by hand, and the way from SQL text to a bound statement, for tests of the binder. */

import {
  Catalog,
  type CatalogObject,
  type ColumnObject,
  FIRST_USER_OID,
  PUBLIC_OID,
  type TableObject,
} from '../../../src/engine/catalog.ts';
import { bindStatement } from '../../../src/sql/bind/bind.ts';
import type { BindContext, BoundResult } from '../../../src/sql/bind/binding.ts';
import { Lexer } from '../../../src/sql/lexer/lexer.ts';
import { normalize } from '../../../src/sql/lexer/normalize.ts';
import { splitStatements } from '../../../src/sql/lexer/split.ts';
import { parseStatement } from '../../../src/sql/parser/parser.ts';
import type { VirtualRelation } from '../../../src/sql/plan/logical.ts';
import { registry } from '../../../src/sql/types/registry.ts';
import { session } from '../types/support.ts';

let nextOid = FIRST_USER_OID;

export interface ColumnSpec {
  readonly type: string;
  readonly typmod?: number;
  readonly notNull?: boolean;
  readonly defaultSql?: string;
  readonly identity?: 'always' | 'by default';
  readonly generatedSql?: string;
}

/** A table with its primary key and other unique keys, by column names. */
export function makeTable(
  name: string,
  columns: Readonly<Record<string, ColumnSpec | string>>,
  keys: readonly (readonly string[])[] = [],
  checks: readonly string[] = [],
): CatalogObject[] {
  const common = { schema: PUBLIC_OID, owner: 10, version: 1 };
  const made = Object.entries(columns).map(([columnName, given], i): ColumnObject => {
    const {
      type: typeName,
      typmod = -1,
      notNull = false,
      ...rest
    } = typeof given === 'string' ? { type: given } : given;
    const type = registry.typeNamed(typeName);
    if (type === undefined) throw new Error(`no type ${typeName}`);
    const isKey = keys[0]?.includes(columnName) === true;
    const physical = type.physical(typmod) ?? { kind: 0, scale: 0 };
    return {
      number: i + 1,
      name: columnName,
      type: type.oid,
      typmod,
      physical,
      notNull: notNull || isKey,
      dropped: false,
      ...rest,
    };
  });
  const oid = nextOid++;
  const layouts = [{ number: 1, columns: made.map((c) => c.number) }];
  const table: TableObject = {
    kind: 'table',
    oid,
    name,
    ...common,
    persistence: 'permanent',
    tree: oid,
    columns: made,
    layouts,
    options: [],
    rowType: nextOid++,
    arrayType: nextOid++,
  };
  const objects: CatalogObject[] = [table];
  keys.forEach((key, i) => {
    const index = nextOid++;
    const constraint = nextOid++;
    const parts = key.map((k) => made.find((c) => c.name === k)!);
    const keyName = i === 0 ? `${name}_pkey` : `${name}_${key.join('_')}_key`;
    const keyColumns = parts.map((c) => ({
      column: c.number,
      type: c.type,
      typmod: c.typmod,
      physical: c.physical,
      descending: false,
      nullsFirst: false,
    }));
    objects.push({
      kind: 'index',
      oid: index,
      name: keyName,
      ...common,
      table: oid,
      tree: index,
      unique: true,
      primary: i === 0,
      nullsDistinct: true,
      columns: keyColumns,
      include: [],
      options: [],
      constraint,
    });
    objects.push({
      kind: 'constraint',
      oid: constraint,
      name: keyName,
      ...common,
      table: oid,
      type: i === 0 ? 'primary' : 'unique',
      columns: parts.map((c) => c.number),
      index,
      deferrable: false,
      initiallyDeferred: false,
      validated: true,
    });
  });
  checks.forEach((expression, i) => {
    objects.push({
      kind: 'constraint',
      oid: nextOid++,
      name: `${name}_check${i}`,
      ...common,
      table: oid,
      type: 'check',
      columns: [],
      index: 0,
      expression,
      deferrable: false,
      initiallyDeferred: false,
      validated: true,
    });
  });
  return objects;
}

/** A view whose columns are found by binding its text. */
export function makeView(objects: readonly CatalogObject[], name: string, sql: string): CatalogObject {
  const { columns } = bindText(contextOf(objects), sql);
  const head = { kind: 'view' as const, oid: nextOid++, name, schema: PUBLIC_OID, owner: 10, version: 1 };
  return {
    ...head,
    columns: columns.map((c) => ({ name: c.name, type: c.type, typmod: c.typmod })),
    sql,
    options: [],
    uses: [],
    rowType: nextOid++,
    persistence: 'permanent',
  };
}

export function contextOf(objects: readonly CatalogObject[], virtual: readonly VirtualRelation[] = []): BindContext {
  const schema: CatalogObject = { kind: 'schema', oid: PUBLIC_OID, name: 'public', schema: 0, owner: 10, version: 1 };
  return {
    catalog: new Catalog([schema, ...objects], 1),
    registry,
    searchPath: ['public'],
    databaseName: 'testdb',
    evaluation: session(),
    virtualRelation: (schemaName, name) => virtual.find((v) => v.schema === schemaName && v.name === name),
  };
}

/** Binds one statement; with `shared` its literals become parameters, as for the plan cache. */
export function bindText(
  context: BindContext,
  sql: string,
  shared = false,
  declared: readonly number[] = [],
): BoundResult {
  const lexer = new Lexer();
  lexer.scan(sql);
  const range = splitStatements(lexer)[0]!;
  const normalized = shared ? normalize(lexer, range.from, range.to) : null;
  const { statement, parameterCount } = parseStatement(lexer, range, normalized);
  const isPlannable =
    statement.kind === 'query' ||
    statement.kind === 'insert' ||
    statement.kind === 'update' ||
    statement.kind === 'delete';
  if (!isPlannable) throw new Error(`not a query: ${sql}`);
  return bindStatement(statement, context, sql, parameterCount, declared, normalized?.values ?? []);
}

/** The schema that the recorded statements were run against. */
export function sampleObjects(): CatalogObject[] {
  const tables = [
    ...makeTable(
      't',
      {
        a: { type: 'int4', notNull: true },
        b: 'text',
        c: { type: 'numeric', typmod: (10 << 16) + 2 + 4 },
        d: 'date',
        e: 'bool',
      },
      [['a'], ['b']],
      ['c > 0'],
    ),
    ...makeTable('u', { id: 'int8', a: 'int4', v: { type: 'varchar', typmod: 14 }, ts: 'timestamptz', f: 'float8' }, [
      ['id'],
    ]),
    ...makeTable('w', {
      x: 'int4',
      y: 'int2',
      arr: '_int4',
      n: { type: 'name' },
      ch: { type: 'bpchar', typmod: 9 },
      o: 'oid',
    }),
    ...makeTable(
      'g',
      {
        id: { type: 'int4', notNull: true, identity: 'always' },
        k: { type: 'int4', notNull: true, defaultSql: '7' },
        dbl: { type: 'int4', generatedSql: 'k * 2' },
      },
      [['id']],
    ),
  ];
  return [...tables, makeView(tables, 'vt', 'select a, b, c * 2 as c2 from t where a > 0')];
}
