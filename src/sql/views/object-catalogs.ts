/** Catalogs of users' objects: schemas, constraints, defaults, comments, sequences, and lists; relations in relation-catalogs.ts. */
import { type ConstraintObject, type Oid, PUBLIC_OID } from '../../engine/catalog.ts';
import { indexDefinition } from '../ddl/deparse.ts';
import { PgArray } from '../types/array.ts';
import type { SqlValue } from '../types/contracts.ts';
import { schemaNameOf, tablesOf } from './catalog-values.ts';
import type { NamedRow, RowMaker, ViewDefinition, ViewSource } from './definition.ts';
import { attributeRows, classRows, indexRows } from './relation-catalogs.ts';

const INT2 = 21;
const TEXT = 25;

const ACTION: Readonly<Record<string, string>> = {
  'no action': 'a',
  restrict: 'r',
  cascade: 'c',
  'set null': 'n',
  'set default': 'd',
};
const CONSTRAINT: Readonly<Record<ConstraintObject['type'], string>> = {
  primary: 'p',
  unique: 'u',
  check: 'c',
  foreign: 'f',
};

function* constraintRows({ catalog }: ViewSource): Iterable<NamedRow> {
  const numbers = (list: readonly number[]): SqlValue => new PgArray(INT2, list);
  for (const o of catalog.objects()) {
    if (o.kind !== 'constraint') continue;
    const { foreign } = o;
    yield {
      oid: o.oid,
      conname: o.name,
      connamespace: o.schema,
      contype: CONSTRAINT[o.type],
      condeferrable: o.deferrable,
      condeferred: o.initiallyDeferred,
      convalidated: o.validated,
      conrelid: o.table,
      contypid: 0,
      conindid: o.index,
      conparentid: o.type === 'check' ? 0 : (o.parent ?? 0),
      confrelid: foreign?.table ?? 0,
      confupdtype: foreign === undefined ? ' ' : ACTION[foreign.onUpdate]!,
      confdeltype: foreign === undefined ? ' ' : ACTION[foreign.onDelete]!,
      confmatchtype: foreign === undefined ? ' ' : foreign.match === 'full' ? 'f' : 's',
      conislocal: o.parent === undefined,
      coninhcount: o.parent === undefined ? 0 : 1,
      connoinherit: o.type !== 'check',
      conkey: numbers(o.columns),
      confkey: foreign === undefined ? null : numbers(foreign.columns),
      confdelsetcols: foreign === undefined || foreign.setColumns.length === 0 ? null : numbers(foreign.setColumns),
      conbin: o.expression ?? null,
    };
  }
}

/** pg_attrdef's oids are not objects of ours: table oid and column number make one that is stable. */
export function defaultOid(table: Oid, column: number): Oid {
  return 0x40000000 + ((table * 1600 + column) % 0x3fffffff);
}

function* defaultRows({ catalog }: ViewSource): Iterable<NamedRow> {
  for (const t of tablesOf(catalog)) {
    for (const c of t.columns) {
      const text = c.generatedSql ?? (c.identity === undefined ? c.defaultSql : undefined);
      if (text !== undefined && !c.dropped)
        yield { oid: defaultOid(t.oid, c.number), adrelid: t.oid, adnum: c.number, adbin: text };
    }
  }
}

function* descriptionRows({ catalog }: ViewSource): Iterable<NamedRow> {
  const classOf: Readonly<Record<string, Oid>> = { schema: 2615, constraint: 2606 };
  for (const o of catalog.objects()) {
    const classoid = classOf[o.kind] ?? 1259;
    if (o.comment !== undefined) yield { objoid: o.oid, classoid, objsubid: 0, description: o.comment };
    if (o.kind === 'table')
      for (const c of o.columns)
        if (c.comment !== undefined)
          yield { objoid: o.oid, classoid: 1259, objsubid: c.number, description: c.comment };
  }
}

/** Everybody may use the schema public: what PostgreSQL's dump program takes for its first state. */
function publicAcl(): SqlValue {
  return new PgArray(TEXT, ['postgres=UC/postgres', '=U/postgres']);
}

function* sequenceRows({ catalog }: ViewSource): Iterable<NamedRow> {
  const wide = (text: string): SqlValue => {
    const value = BigInt(text);
    return value >= -9007199254740991n && value <= 9007199254740991n ? Number(value) : value;
  };
  for (const o of catalog.objects()) {
    if (o.kind !== 'sequence') continue;
    yield {
      seqrelid: o.oid,
      seqtypid: o.type,
      seqstart: wide(o.start),
      seqincrement: wide(o.increment),
      seqmax: wide(o.maximum),
      seqmin: wide(o.minimum),
      seqcache: o.cache,
      seqcycle: o.cycle,
    };
  }
}

function* statsRows({ catalog }: ViewSource): Iterable<NamedRow> {
  for (const t of tablesOf(catalog)) {
    const statistics = catalog.statisticsOf(t.oid);
    for (const s of statistics?.columns ?? []) {
      const column = t.columns.find((c) => c.number === s.column && !c.dropped);
      if (column === undefined) continue;
      const list = (values: readonly string[]): SqlValue =>
        values.length === 0
          ? null
          : `{${values.map((v) => (/^[\w.+-]+$/.test(v) ? v : `"${v.replace(/["\\]/g, '\\$&')}"`)).join(',')}}`;
      yield {
        schemaname: schemaNameOf(catalog, t.schema),
        tablename: t.name,
        attname: column.name,
        inherited: false,
        null_frac: s.nullFraction,
        avg_width: s.averageBytes,
        n_distinct: s.distinct,
        most_common_vals: list(s.commonValues),
        most_common_freqs: s.commonShares.length === 0 ? null : new PgArray(700, s.commonShares.map(Math.fround)),
        histogram_bounds: list(s.histogram),
        correlation: s.correlation,
      };
    }
  }
}

function* listRows({ catalog }: ViewSource, what: 'tables' | 'views' | 'indexes' | 'sequences'): Iterable<NamedRow> {
  for (const o of catalog.objects()) {
    const schemaname = schemaNameOf(catalog, o.schema);
    if (what === 'tables' && o.kind === 'table') {
      yield {
        schemaname,
        tablename: o.name,
        tableowner: 'postgres',
        hasindexes: catalog.indexesOf(o.oid).length > 0,
        hasrules: false,
        hastriggers: catalog.constraintsOf(o.oid).some((c) => c.type === 'foreign'),
        rowsecurity: false,
      };
    } else if (what === 'views' && o.kind === 'view')
      yield { schemaname, viewname: o.name, viewowner: 'postgres', definition: ` ${o.sql};` };
    else if (what === 'indexes' && o.kind === 'index')
      yield {
        schemaname,
        tablename: catalog.table(o.table).name,
        indexname: o.name,
        indexdef: indexDefinition(catalog, o, 0),
      };
    else if (what === 'sequences' && o.kind === 'sequence') {
      yield {
        schemaname,
        sequencename: o.name,
        sequenceowner: 'postgres',
        data_type: o.type,
        start_value: Number(o.start),
        min_value: Number(o.minimum),
        max_value: BigInt(o.maximum) > 9007199254740991n ? BigInt(o.maximum) : Number(o.maximum),
        increment_by: Number(o.increment),
        cycle: o.cycle,
        cache_size: o.cache,
      };
    }
  }
}

/** Makers by relation. `views` gives the catalog relations themselves, which pg_class lists too. */
export function objectCatalogs(views: () => readonly ViewDefinition[]): [string, RowMaker][] {
  return [
    [
      'pg_catalog.pg_namespace',
      function* ({ catalog }) {
        for (const o of catalog.objects())
          if (o.kind === 'schema')
            yield { oid: o.oid, nspname: o.name, nspowner: o.owner, nspacl: o.oid === PUBLIC_OID ? publicAcl() : null };
      },
    ],
    ['pg_catalog.pg_class', (s) => classRows(s, views())],
    ['pg_catalog.pg_attribute', (s) => attributeRows(s, views())],
    ['pg_catalog.pg_index', indexRows],
    ['pg_catalog.pg_constraint', constraintRows],
    ['pg_catalog.pg_attrdef', defaultRows],
    ['pg_catalog.pg_description', descriptionRows],
    ['pg_catalog.pg_sequence', sequenceRows],
    ['pg_catalog.pg_stats', statsRows],
    ['pg_catalog.pg_tables', (s) => listRows(s, 'tables')],
    ['pg_catalog.pg_views', (s) => listRows(s, 'views')],
    ['pg_catalog.pg_indexes', (s) => listRows(s, 'indexes')],
    ['pg_catalog.pg_sequences', (s) => listRows(s, 'sequences')],
  ];
}
