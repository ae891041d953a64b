/** Catalogs of users' objects: schemas, relations, columns, indexes, constraints, sequences, and their texts. */
import {
  BOOTSTRAP_ROLE_OID,
  type Catalog,
  type ColumnObject,
  type ConstraintObject,
  type IndexObject,
  type Oid,
  PG_CATALOG_OID,
  type TableObject,
  type ViewObject,
} from '../../engine/catalog.ts';
import { distinctNames, indexDefinition } from '../ddl/deparse.ts';
import { typeEntry } from '../exec/values.ts';
import { boundTextOf } from '../partitions/partition-text.ts';
import { PgArray } from '../types/array.ts';
import type { SqlValue } from '../types/contracts.ts';
import type { NamedRow, RowMaker, ViewDefinition, ViewSource } from './definition.ts';

const INT2 = 21;
const OID = 26;
const TEXT = 25;
const HEAP_AM = 2;
const BTREE_AM = 403;

/** Values of int2vector and oidvector count from 0. */
export function vector(type: Oid, values: readonly number[]): PgArray {
  return new PgArray(type, values, [values.length], [0]);
}

export function textArray(values: readonly string[] | undefined): SqlValue {
  return values === undefined || values.length === 0 ? null : new PgArray(TEXT, values);
}

export function schemaNameOf(catalog: Catalog, oid: Oid): string {
  return catalog.object(oid)?.name ?? '';
}

export function tablesOf(catalog: Catalog): TableObject[] {
  return [...catalog.objects()].filter((o): o is TableObject => o.kind === 'table');
}

export function viewsOf(catalog: Catalog): ViewObject[] {
  return [...catalog.objects()].filter((o): o is ViewObject => o.kind === 'view');
}

function relationRow(more: NamedRow): NamedRow {
  return {
    reloftype: 0,
    relowner: BOOTSTRAP_ROLE_OID,
    relam: 0,
    relfilenode: 0,
    reltablespace: 0,
    relpages: 0,
    reltuples: -1,
    relallvisible: 0,
    reltoastrelid: 0,
    relhasindex: false,
    relisshared: false,
    relpersistence: 'p',
    relchecks: 0,
    relhasrules: false,
    relhastriggers: false,
    relhassubclass: false,
    relrowsecurity: false,
    relforcerowsecurity: false,
    relispopulated: true,
    relreplident: 'n',
    relispartition: false,
    relrewrite: 0,
    relfrozenxid: 0,
    relminmxid: 0,
    reltype: 0,
    ...more,
  };
}

function* classRows({ catalog, session }: ViewSource, views: readonly ViewDefinition[]): Iterable<NamedRow> {
  const { store } = session.engine;
  for (const o of catalog.objects()) {
    const base = { oid: o.oid, relname: o.name, relnamespace: o.schema };
    if (o.kind === 'table') {
      const facts = store.facts(o.tree);
      const constraints = catalog.constraintsOf(o.oid);
      yield relationRow({
        ...base,
        reltype: o.rowType,
        // A partitioned table has no storage of its own.
        ...(o.partitioning === undefined
          ? { relam: HEAP_AM, relfilenode: o.oid, relpages: facts.pages, reltuples: facts.rows }
          : {}),
        relhasindex: catalog.indexesOf(o.oid).length > 0,
        relkind: o.partitioning === undefined ? 'r' : 'p',
        relnatts: o.columns.length,
        relhassubclass: catalog.partitionsOf(o.oid).length > 0,
        relispartition: o.partition !== undefined,
        relpartbound: boundTextOf(catalog, o, session.context) ?? null,
        relchecks: constraints.filter((c) => c.type === 'check').length,
        relhastriggers: constraints.some((c) => c.type === 'foreign') || catalog.referencesTo(o.oid).length > 0,
        relreplident: 'd',
        reloptions: textArray(o.options),
      });
    } else if (o.kind === 'index') {
      const facts = store.facts(o.tree);
      yield relationRow({
        ...base,
        relam: BTREE_AM,
        ...(isPartitioned(catalog, o)
          ? { relkind: 'I', relhassubclass: true }
          : { relkind: 'i', relfilenode: o.oid, relpages: facts.pages, reltuples: facts.rows }),
        relispartition: o.parent !== undefined,
        relnatts: o.columns.length + o.include.length,
        reloptions: textArray(o.options),
      });
    } else if (o.kind === 'sequence')
      yield relationRow({ ...base, relfilenode: o.oid, relpages: 1, reltuples: 1, relkind: 'S', relnatts: 3 });
    else if (o.kind === 'view')
      yield relationRow({
        ...base,
        reltype: o.rowType,
        relkind: 'v',
        relnatts: o.columns.length,
        relhasrules: true,
        reloptions: textArray(o.options),
      });
  }
  for (const v of views) {
    yield relationRow({
      oid: v.oid,
      relname: v.name,
      relnamespace: catalog.schemaNamed(v.schema)?.oid ?? PG_CATALOG_OID,
      relam: v.kind === 'r' ? HEAP_AM : 0,
      relkind: v.kind,
      relnatts: v.columns.length,
      relhasrules: v.kind === 'v',
    });
  }
}

function isPartitioned(catalog: Catalog, index: IndexObject): boolean {
  return catalog.table(index.table).partitioning !== undefined;
}

/** Is every partition's part of a partitioned index there? Others are valid unless they are disabled. */
function isValid(catalog: Catalog, index: IndexObject): boolean {
  const parts = [...catalog.objects()].filter((o): o is IndexObject => o.kind === 'index' && o.parent === index.oid);
  const isWhole = catalog.partitionsOf(index.table).every(({ oid }) => parts.some((part) => part.table === oid));
  return index.disabled !== true && isWhole && parts.every((part) => isValid(catalog, part));
}

function attributeRow(
  relation: Oid,
  number: number,
  name: string,
  type: Oid,
  typmod: number,
  more: NamedRow = {},
): NamedRow {
  const entry = typeEntry(type);
  return {
    attrelid: relation,
    attname: name,
    atttypid: type,
    attstattarget: -1,
    attlen: entry.length,
    attnum: number,
    attndims: entry.elementOid !== 0 && entry.category === 'A' ? 1 : 0,
    attcacheoff: -1,
    atttypmod: typmod,
    attbyval: entry.byValue,
    attalign: entry.align,
    attstorage: entry.storage,
    attcompression: '',
    attnotnull: false,
    atthasdef: false,
    atthasmissing: false,
    attidentity: '',
    attgenerated: '',
    attisdropped: false,
    attislocal: true,
    attinhcount: 0,
    attcollation: entry.collation,
    ...more,
  };
}

function columnRow(table: TableObject, c: ColumnObject): NamedRow {
  return attributeRow(table.oid, c.number, c.name, c.dropped ? 23 : c.type, c.typmod, {
    ...(c.dropped ? { atttypid: 0 } : {}),
    attnotnull: c.notNull,
    atthasdef: c.generatedSql !== undefined || (c.defaultSql !== undefined && c.identity === undefined),
    atthasmissing: c.missing !== undefined && c.missing !== null,
    attidentity: c.identity === 'always' ? 'a' : c.identity === 'by default' ? 'd' : '',
    attgenerated: c.generatedSql === undefined ? '' : 's',
    attisdropped: c.dropped,
    attislocal: table.partition === undefined,
    attinhcount: table.partition === undefined ? 0 : 1,
  });
}

const SYSTEM_COLUMNS: readonly (readonly [number, string, Oid])[] = [
  [-1, 'ctid', 27],
  [-2, 'xmin', 28],
  [-3, 'cmin', 29],
  [-4, 'xmax', 28],
  [-5, 'cmax', 29],
  [-6, 'tableoid', 26],
];

function* indexAttributes(table: TableObject, index: IndexObject): Iterable<NamedRow> {
  const columnOf = (number: number): ColumnObject => table.columns.find((c) => c.number === number)!;
  const included = index.include.map(columnOf);
  const keys = index.columns.map((c, i) => {
    if (c.column !== 0) return columnOf(c.column).name;
    return i === 0 ? 'expr' : `expr${i}`;
  });
  const names = distinctNames([...keys, ...included.map((c) => c.name)]);
  for (const [i, c] of [...index.columns, ...included].entries())
    yield attributeRow(index.oid, i + 1, names[i]!, c.type, c.typmod);
}

function* attributeRows({ catalog }: ViewSource, views: readonly ViewDefinition[]): Iterable<NamedRow> {
  for (const o of catalog.objects()) {
    if (o.kind === 'table') {
      for (const c of o.columns) yield columnRow(o, c);
      for (const [number, name, type] of SYSTEM_COLUMNS)
        yield attributeRow(o.oid, number, name, type, -1, { attnotnull: true });
    } else if (o.kind === 'view')
      for (const [i, c] of o.columns.entries()) yield attributeRow(o.oid, i + 1, c.name, c.type, c.typmod);
    else if (o.kind === 'index') yield* indexAttributes(catalog.table(o.table), o);
    else if (o.kind === 'sequence') {
      yield attributeRow(o.oid, 1, 'last_value', 20, -1, { attnotnull: true });
      yield attributeRow(o.oid, 2, 'log_cnt', 20, -1, { attnotnull: true });
      yield attributeRow(o.oid, 3, 'is_called', 16, -1, { attnotnull: true });
    }
  }
  for (const v of views) for (const [i, c] of v.columns.entries()) yield attributeRow(v.oid, i + 1, c.name, c.type, -1);
}

function* indexRows({ catalog }: ViewSource): Iterable<NamedRow> {
  for (const o of catalog.objects()) {
    if (o.kind !== 'index') continue;
    const options = o.columns.map((c) => (c.descending ? 1 : 0) | (c.nullsFirst ? 2 : 0));
    const expressions = o.columns.filter((c) => c.column === 0).map((c) => c.expression ?? '');
    yield {
      indexrelid: o.oid,
      indrelid: o.table,
      indnatts: o.columns.length + o.include.length,
      indnkeyatts: o.columns.length,
      indisunique: o.unique,
      indnullsnotdistinct: !o.nullsDistinct,
      indisprimary: o.primary,
      indisexclusion: false,
      indimmediate: o.deferrable !== true,
      indisclustered: catalog.table(o.table).clusteredBy === o.oid,
      indisvalid: isPartitioned(catalog, o) ? isValid(catalog, o) : o.disabled !== true,
      indcheckxmin: false,
      indisready: o.disabled !== true,
      indislive: true,
      indisreplident: false,
      indkey: vector(INT2, [...o.columns.map((c) => c.column), ...o.include]),
      indcollation: vector(
        OID,
        o.columns.map((c) => typeEntry(c.type).collation),
      ),
      indclass: vector(
        OID,
        o.columns.map(() => 0),
      ),
      indoption: vector(INT2, options),
      indexprs: expressions.length === 0 ? null : expressions.join(', '),
      indpred: o.predicate ?? null,
    };
  }
}

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
      conparentid: o.parent ?? 0,
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
function defaultOid(table: Oid, column: number): Oid {
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

function* dependRows({ catalog }: ViewSource): Iterable<NamedRow> {
  for (const o of catalog.objects()) {
    if (o.kind !== 'sequence' || o.ownedBy === undefined) continue;
    const { table, column } = o.ownedBy;
    const identity = catalog.table(table).columns.find((c) => c.number === column)?.identity !== undefined;
    yield {
      classid: 1259,
      objid: o.oid,
      objsubid: 0,
      refclassid: 1259,
      refobjid: table,
      refobjsubid: column,
      deptype: identity ? 'i' : 'a',
    };
  }
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
          if (o.kind === 'schema') yield { oid: o.oid, nspname: o.name, nspowner: o.owner };
      },
    ],
    ['pg_catalog.pg_class', (s) => classRows(s, views())],
    ['pg_catalog.pg_attribute', (s) => attributeRows(s, views())],
    ['pg_catalog.pg_index', indexRows],
    ['pg_catalog.pg_constraint', constraintRows],
    ['pg_catalog.pg_attrdef', defaultRows],
    ['pg_catalog.pg_description', descriptionRows],
    ['pg_catalog.pg_depend', dependRows],
    ['pg_catalog.pg_sequence', sequenceRows],
    ['pg_catalog.pg_stats', statsRows],
    ['pg_catalog.pg_tables', (s) => listRows(s, 'tables')],
    ['pg_catalog.pg_views', (s) => listRows(s, 'views')],
    ['pg_catalog.pg_indexes', (s) => listRows(s, 'indexes')],
    ['pg_catalog.pg_sequences', (s) => listRows(s, 'sequences')],
  ];
}
