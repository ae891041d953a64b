/** pg_class, pg_attribute and pg_index: tables, views, indexes and sequences of the catalog, and the catalog's own relations. */
import {
  BOOTSTRAP_ROLE_OID,
  type Catalog,
  type ColumnObject,
  type IndexObject,
  type Oid,
  PG_CATALOG_OID,
  type TableObject,
} from '../../engine/catalog.ts';
import { distinctNames } from '../ddl/deparse.ts';
import { typeEntry } from '../exec/values.ts';
import { boundTextOf } from '../partitions/partition-text.ts';
import { textArray, vector } from './catalog-values.ts';
import type { NamedRow, ViewDefinition, ViewSource } from './definition.ts';

const INT2 = 21;
const OID = 26;
const HEAP_AM = 2;
const BTREE_AM = 403;

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

/** pg_class. */
export function* classRows({ catalog, session }: ViewSource, views: readonly ViewDefinition[]): Iterable<NamedRow> {
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

/** pg_attribute. */
export function* attributeRows({ catalog }: ViewSource, views: readonly ViewDefinition[]): Iterable<NamedRow> {
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

/** pg_index. */
export function* indexRows({ catalog }: ViewSource): Iterable<NamedRow> {
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
