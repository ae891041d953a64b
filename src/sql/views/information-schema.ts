/** The standard's information_schema, as far as clients ask for it. */
import type { Catalog, ColumnObject, ConstraintObject, IndexObject } from '../../engine/catalog.ts';
import { typeEntry } from '../exec/values.ts';
import { shownExpression } from '../functions/catalog-functions.ts';
import type { SystemHooks } from '../types/contracts.ts';
import { registry } from '../types/registry.ts';
import { schemaNameOf, tablesOf, viewsOf } from './catalog-values.ts';
import type { NamedRow, RowMaker, ViewSource } from './definition.ts';

interface AnyColumn {
  readonly name: string;
  readonly type: number;
  readonly typmod: number;
}

const NUMERIC_BITS: Readonly<Record<number, number>> = { 21: 16, 23: 32, 20: 64, 700: 24, 701: 53 };

function typeFacts(c: AnyColumn): NamedRow {
  const entry = typeEntry(c.type);
  const array = entry.elementOid !== 0 && entry.category === 'A';
  const { typmod } = c;
  const numeric = c.type === 1700 && typmod >= 4;
  const bits = NUMERIC_BITS[c.type];
  return {
    data_type: array ? 'ARRAY' : entry.displayName,
    character_maximum_length: (c.type === 1043 || c.type === 1042) && typmod >= 4 ? typmod - 4 : null,
    character_octet_length:
      c.type === 25 || c.type === 1043 || c.type === 1042 ? (typmod >= 4 ? (typmod - 4) * 4 : 1073741824) : null,
    numeric_precision: numeric ? ((typmod - 4) >> 16) & 0xffff : (bits ?? null),
    numeric_precision_radix: c.type === 1700 ? 10 : bits === undefined ? null : 2,
    numeric_scale: numeric ? (typmod - 4) & 0x7ff : [20, 21, 23].includes(c.type) ? 0 : null,
    datetime_precision: [1083, 1114, 1184, 1186].includes(c.type)
      ? typmod >= 0 && c.type !== 1186
        ? typmod
        : 6
      : c.type === 1082
        ? 0
        : null,
    udt_schema: 'pg_catalog',
    udt_name: entry.name,
  };
}

function columnFacts(c: ColumnObject, system: SystemHooks): NamedRow {
  const own = c.identity === undefined && c.generatedSql === undefined ? c.defaultSql : undefined;
  return {
    column_default: own === undefined ? null : shownExpression(system, own),
    is_nullable: c.notNull ? 'NO' : 'YES',
    is_identity: c.identity === undefined ? 'NO' : 'YES',
    identity_generation: c.identity === undefined ? null : c.identity.toUpperCase(),
    is_generated: c.generatedSql === undefined ? 'NEVER' : 'ALWAYS',
    generation_expression: c.generatedSql ?? null,
  };
}

function* columns({ catalog, session }: ViewSource): Iterable<NamedRow> {
  const database = session.context.databaseName;
  const base = {
    table_catalog: database,
    udt_catalog: database,
    is_self_referencing: 'NO',
    identity_cycle: 'NO',
    is_identity: 'NO',
    is_generated: 'NEVER',
  };
  for (const t of tablesOf(catalog)) {
    for (const c of t.columns) {
      if (!c.dropped)
        yield {
          ...base,
          table_schema: schemaNameOf(catalog, t.schema),
          table_name: t.name,
          column_name: c.name,
          ordinal_position: c.number,
          ...typeFacts(c),
          ...columnFacts(c, session.context),
          dtd_identifier: String(c.number),
          is_updatable: 'YES',
        };
    }
  }
  for (const v of viewsOf(catalog)) {
    for (const [i, c] of v.columns.entries())
      yield {
        ...base,
        table_schema: schemaNameOf(catalog, v.schema),
        table_name: v.name,
        column_name: c.name,
        ordinal_position: i + 1,
        is_nullable: 'YES',
        ...typeFacts(c),
        dtd_identifier: String(i + 1),
        is_updatable: 'NO',
      };
  }
}

const CONSTRAINT_TYPE: Readonly<Record<ConstraintObject['type'], string>> = {
  primary: 'PRIMARY KEY',
  unique: 'UNIQUE',
  check: 'CHECK',
  foreign: 'FOREIGN KEY',
};

function constraintsOf(catalog: Catalog): ConstraintObject[] {
  return [...catalog.objects()].filter((o): o is ConstraintObject => o.kind === 'constraint');
}

function* tableConstraints({ catalog, session }: ViewSource): Iterable<NamedRow> {
  const database = session.context.databaseName;
  for (const c of constraintsOf(catalog)) {
    const schema = schemaNameOf(catalog, c.schema);
    const index = catalog.object(c.index) as IndexObject | undefined;
    yield {
      constraint_catalog: database,
      constraint_schema: schema,
      constraint_name: c.name,
      table_catalog: database,
      table_schema: schema,
      table_name: catalog.table(c.table).name,
      constraint_type: CONSTRAINT_TYPE[c.type],
      is_deferrable: c.deferrable ? 'YES' : 'NO',
      initially_deferred: c.initiallyDeferred ? 'YES' : 'NO',
      enforced: 'YES',
      nulls_distinct: c.type === 'unique' ? (index?.nullsDistinct === false ? 'NO' : 'YES') : null,
    };
  }
}

function columnName(catalog: Catalog, table: number, number: number): string {
  return catalog.table(table).columns.find((c) => c.number === number)?.name ?? '';
}

function* keyColumnUsage({ catalog, session }: ViewSource): Iterable<NamedRow> {
  const database = session.context.databaseName;
  for (const c of constraintsOf(catalog)) {
    if (c.type === 'check') continue;
    const schema = schemaNameOf(catalog, c.schema);
    const index = catalog.object(c.index) as IndexObject | undefined;
    for (const [i, number] of c.columns.entries()) {
      yield {
        constraint_catalog: database,
        constraint_schema: schema,
        constraint_name: c.name,
        table_catalog: database,
        table_schema: schema,
        table_name: catalog.table(c.table).name,
        column_name: columnName(catalog, c.table, number),
        ordinal_position: i + 1,
        position_in_unique_constraint:
          c.foreign === undefined
            ? null
            : (index?.columns.findIndex((x) => x.column === c.foreign!.columns[i]) ?? -1) + 1,
      };
    }
  }
}

function* constraintColumnUsage({ catalog, session }: ViewSource): Iterable<NamedRow> {
  const database = session.context.databaseName;
  for (const c of constraintsOf(catalog)) {
    const table = c.foreign?.table ?? c.table;
    for (const number of c.foreign?.columns ?? c.columns) {
      yield {
        table_catalog: database,
        table_schema: schemaNameOf(catalog, catalog.table(table).schema),
        table_name: catalog.table(table).name,
        column_name: columnName(catalog, table, number),
        constraint_catalog: database,
        constraint_schema: schemaNameOf(catalog, c.schema),
        constraint_name: c.name,
      };
    }
  }
}

function* referentialConstraints({ catalog, session }: ViewSource): Iterable<NamedRow> {
  const database = session.context.databaseName;
  for (const c of constraintsOf(catalog)) {
    if (c.foreign === undefined) continue;
    const unique = constraintsOf(catalog).find((u) => u.index === c.index && u.type !== 'foreign');
    yield {
      constraint_catalog: database,
      constraint_schema: schemaNameOf(catalog, c.schema),
      constraint_name: c.name,
      unique_constraint_catalog: database,
      unique_constraint_schema: unique === undefined ? null : schemaNameOf(catalog, unique.schema),
      unique_constraint_name: unique?.name ?? null,
      match_option: c.foreign.match === 'full' ? 'FULL' : 'NONE',
      update_rule: c.foreign.onUpdate.toUpperCase(),
      delete_rule: c.foreign.onDelete.toUpperCase(),
    };
  }
}

function* tables({ catalog, session }: ViewSource): Iterable<NamedRow> {
  const table_catalog = session.context.databaseName;
  for (const t of tablesOf(catalog))
    yield {
      table_catalog,
      table_schema: schemaNameOf(catalog, t.schema),
      table_name: t.name,
      table_type: 'BASE TABLE',
      is_insertable_into: 'YES',
      is_typed: 'NO',
    };
  for (const v of viewsOf(catalog))
    yield {
      table_catalog,
      table_schema: schemaNameOf(catalog, v.schema),
      table_name: v.name,
      table_type: 'VIEW',
      is_insertable_into: 'NO',
      is_typed: 'NO',
    };
}

function* checkConstraints({ catalog, session }: ViewSource): Iterable<NamedRow> {
  for (const c of constraintsOf(catalog))
    if (c.type === 'check')
      yield {
        constraint_catalog: session.context.databaseName,
        constraint_schema: schemaNameOf(catalog, c.schema),
        constraint_name: c.name,
        check_clause: `((${c.expression}))`,
      };
}

function* schemata({ catalog, session }: ViewSource): Iterable<NamedRow> {
  for (const o of catalog.objects())
    if (o.kind === 'schema')
      yield { catalog_name: session.context.databaseName, schema_name: o.name, schema_owner: 'postgres' };
}

function* views({ catalog, session }: ViewSource): Iterable<NamedRow> {
  for (const v of viewsOf(catalog))
    yield {
      table_catalog: session.context.databaseName,
      table_schema: schemaNameOf(catalog, v.schema),
      table_name: v.name,
      view_definition: ` ${v.sql};`,
      check_option: 'NONE',
      is_updatable: 'NO',
      is_insertable_into: 'NO',
      is_trigger_updatable: 'NO',
      is_trigger_deletable: 'NO',
      is_trigger_insertable_into: 'NO',
    };
}

function* sequences({ catalog, session }: ViewSource): Iterable<NamedRow> {
  for (const o of catalog.objects()) {
    if (o.kind !== 'sequence') continue;
    yield {
      sequence_catalog: session.context.databaseName,
      sequence_schema: schemaNameOf(catalog, o.schema),
      sequence_name: o.name,
      data_type: registry.type(o.type)!.displayName,
      numeric_precision: NUMERIC_BITS[o.type]!,
      numeric_precision_radix: 2,
      numeric_scale: 0,
      start_value: o.start,
      minimum_value: o.minimum,
      maximum_value: o.maximum,
      increment: o.increment,
      cycle_option: o.cycle ? 'YES' : 'NO',
    };
  }
}

export function informationSchema(): [string, RowMaker][] {
  return [
    ['information_schema.tables', tables],
    ['information_schema.columns', columns],
    ['information_schema.table_constraints', tableConstraints],
    ['information_schema.key_column_usage', keyColumnUsage],
    ['information_schema.constraint_column_usage', constraintColumnUsage],
    ['information_schema.referential_constraints', referentialConstraints],
    ['information_schema.check_constraints', checkConstraints],
    ['information_schema.schemata', schemata],
    ['information_schema.views', views],
    ['information_schema.sequences', sequences],
    [
      'information_schema.information_schema_catalog_name',
      function* ({ session }) {
        yield { catalog_name: session.context.databaseName };
      },
    ],
  ];
}
