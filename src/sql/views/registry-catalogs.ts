/** Catalogs of what is built in: types, functions, operators, casts, aggregates, languages, access methods, collations. */
import { PG_CATALOG_OID } from '../../engine/catalog.ts';
import { ioFunctionFacts } from '../functions/facts.ts';
import { PgArray } from '../types/array.ts';
import type { FunctionEntry } from '../types/contracts.ts';
import { registry } from '../types/registry.ts';
import { tablesOf, vector, viewsOf } from './catalog-values.ts';
import type { NamedRow, RowMaker, ViewSource } from './definition.ts';

const OID = 26;
const TEXT = 25;
const OWNER = 10;
const INTERNAL_LANGUAGE = 12;

/** What a row of pg_proc tells of a function. */
type ShownFunction = Pick<
  FunctionEntry,
  'oid' | 'name' | 'schema' | 'variadic' | 'strict' | 'returnsSet' | 'volatility' | 'args' | 'result'
>;

const PROC_DEFAULTS: NamedRow = {
  pronamespace: PG_CATALOG_OID,
  proowner: OWNER,
  prolang: INTERNAL_LANGUAGE,
  procost: 1,
  prorows: 0,
  prosupport: 0,
  prosecdef: false,
  proleakproof: false,
  proparallel: 's',
  pronargdefaults: 0,
  probin: null,
};

function typeRow(oid: number, name: string, more: NamedRow): NamedRow {
  return {
    oid,
    typname: name,
    typnamespace: PG_CATALOG_OID,
    typowner: OWNER,
    typispreferred: false,
    typisdefined: true,
    typdelim: ',',
    typrelid: 0,
    typsubscript: 0,
    typelem: 0,
    typarray: 0,
    typinput: 0,
    typoutput: 0,
    typreceive: 0,
    typsend: 0,
    typmodin: 0,
    typmodout: 0,
    typanalyze: 0,
    typnotnull: false,
    typbasetype: 0,
    typtypmod: -1,
    typndims: 0,
    typcollation: 0,
    ...more,
  };
}

/** The oid of a function that reads or writes a type; 0 where there is none. */
function ioFunction(type: string, does: string): number {
  const functions = ioFunctionFacts();
  return (functions.get(`${type}_${does}`) ?? functions.get(`${type}${does}`))?.oid ?? 0;
}

function ioOf(type: string): NamedRow {
  return {
    typinput: ioFunction(type, 'in'),
    typoutput: ioFunction(type, 'out'),
    typreceive: ioFunction(type, 'recv'),
    typsend: ioFunction(type, 'send'),
    typanalyze: ioFunction(type, 'typanalyze'),
  };
}

function modifiersOf(type: string): NamedRow {
  return { typmodin: ioFunction(type, 'typmodin'), typmodout: ioFunction(type, 'typmodout') };
}

function procRow(catalog: ViewSource['catalog'], f: ShownFunction, more: NamedRow): NamedRow {
  return {
    ...PROC_DEFAULTS,
    oid: f.oid,
    pronamespace: catalog.schemaNamed(f.schema)?.oid ?? PG_CATALOG_OID,
    proname: f.name,
    provariadic: f.variadic,
    proisstrict: f.strict,
    proretset: f.returnsSet,
    prorows: f.returnsSet ? 1000 : 0,
    provolatile: f.volatility,
    pronargs: f.args.length,
    prorettype: f.result,
    proargtypes: vector(OID, f.args),
    prosrc: f.name,
    ...more,
  };
}

function* typeRows({ catalog }: ViewSource): Iterable<NamedRow> {
  for (const t of registry.types()) {
    yield typeRow(t.oid, t.name, {
      typlen: t.length,
      typbyval: t.byValue,
      typtype: t.typeType,
      typcategory: t.category,
      typispreferred: t.preferred,
      typdelim: t.delimiter,
      typelem: t.elementOid,
      typarray: t.arrayOid,
      typalign: t.align,
      typstorage: t.storage,
      typcollation: t.collation,
      typsubscript: t.elementOid === 0 ? 0 : 6179,
      ...ioOf(ioFunction(t.name, 'in') === 0 ? 'array' : t.name),
      ...modifiersOf(registry.type(t.elementOid)?.name ?? t.name),
    });
  }
  for (const o of [...tablesOf(catalog), ...viewsOf(catalog)]) {
    const more = {
      typnamespace: o.schema,
      typlen: -1,
      typbyval: false,
      typtype: 'c',
      typcategory: 'C',
      typalign: 'd',
      typstorage: 'x',
      typrelid: o.oid,
      typarray: o.kind === 'table' ? o.arrayType : 0,
      ...ioOf('record'),
    };
    yield typeRow(o.rowType, o.name, more);
    if (o.kind === 'table')
      yield typeRow(o.arrayType, `_${o.name}`, {
        ...more,
        typtype: 'b',
        typcategory: 'A',
        typrelid: 0,
        typelem: o.rowType,
        typarray: 0,
        ...ioOf('array'),
        typsubscript: 6179,
      });
  }
}

function* procRows({ catalog }: ViewSource): Iterable<NamedRow> {
  for (const f of registry.functions())
    yield procRow(catalog, f, {
      prokind: f.kind,
      pronargdefaults: f.defaults?.length ?? 0,
      proargnames: f.argNames === undefined ? null : new PgArray(TEXT, f.argNames),
    });
  for (const f of ioFunctionFacts().values()) yield procRow(catalog, { ...f, schema: 'pg_catalog' }, { prokind: 'f' });
  for (const a of registry.aggregates()) {
    yield {
      ...PROC_DEFAULTS,
      oid: a.oid,
      proname: a.name,
      provariadic: a.variadic,
      prokind: 'a',
      proisstrict: false,
      proretset: false,
      provolatile: 'i',
      pronargs: a.args.length,
      prorettype: a.result,
      proargtypes: vector(OID, a.args),
      prosrc: 'aggregate_dummy',
    };
  }
}

function* operatorRows(): Iterable<NamedRow> {
  for (const o of registry.operators()) {
    yield {
      oid: o.oid,
      oprname: o.name,
      oprnamespace: PG_CATALOG_OID,
      oprowner: OWNER,
      oprkind: o.left === 0 ? 'l' : 'b',
      oprcanmerge: o.meaning === 'eq',
      oprcanhash: o.hashable,
      oprleft: o.left,
      oprright: o.right,
      oprresult: o.result,
      oprcom: o.commutator,
      oprnegate: o.negator,
      oprcode: o.fn.oid,
      oprrest: 0,
      oprjoin: 0,
    };
  }
}

function* castRows(): Iterable<NamedRow> {
  let oid = 10_000;
  for (const c of registry.casts())
    yield {
      oid: oid++,
      castsource: c.source,
      casttarget: c.target,
      castfunc: c.functionOid,
      castcontext: c.context,
      castmethod: c.method === 'function' ? 'f' : c.method === 'relabel' ? 'b' : 'i',
    };
}

function* aggregateRows(): Iterable<NamedRow> {
  for (const a of registry.aggregates()) {
    yield {
      aggfnoid: a.oid,
      aggkind: a.kind,
      aggnumdirectargs: a.directArgs,
      aggtransfn: 0,
      aggfinalfn: 0,
      aggfinalextra: false,
      aggmfinalextra: false,
      aggfinalmodify: 'r',
      aggmfinalmodify: 'r',
      aggsortop: 0,
      aggtranstype: 2281,
      aggtransspace: 0,
      aggmtranstype: 0,
      aggmtransspace: 0,
    };
  }
}

const LANGUAGES: readonly NamedRow[] = [
  {
    oid: 12,
    lanname: 'internal',
    lanowner: OWNER,
    lanispl: false,
    lanpltrusted: false,
    lanplcallfoid: 0,
    laninline: 0,
    lanvalidator: 2246,
  },
  {
    oid: 14,
    lanname: 'sql',
    lanowner: OWNER,
    lanispl: false,
    lanpltrusted: true,
    lanplcallfoid: 0,
    laninline: 0,
    lanvalidator: 2248,
  },
];

const ACCESS_METHODS: readonly NamedRow[] = [
  { oid: 2, amname: 'heap', amhandler: 3, amtype: 't' },
  { oid: 403, amname: 'btree', amhandler: 330, amtype: 'i' },
];

const COLLATIONS: readonly NamedRow[] = [
  [100, 'default', 'd', null],
  [950, 'C', 'c', 'C'],
  [951, 'POSIX', 'c', 'POSIX'],
].map(([oid, collname, collprovider, locale]) => ({
  oid: oid!,
  collname: collname!,
  collnamespace: PG_CATALOG_OID,
  collowner: OWNER,
  collprovider: collprovider!,
  collisdeterministic: true,
  collencoding: -1,
  collcollate: locale ?? null,
  collctype: locale ?? null,
}));

export function registryCatalogs(): [string, RowMaker][] {
  return [
    ['pg_catalog.pg_type', typeRows],
    ['pg_catalog.pg_proc', procRows],
    ['pg_catalog.pg_operator', operatorRows],
    ['pg_catalog.pg_cast', castRows],
    ['pg_catalog.pg_aggregate', aggregateRows],
    ['pg_catalog.pg_language', () => LANGUAGES],
    ['pg_catalog.pg_am', () => ACCESS_METHODS],
    ['pg_catalog.pg_collation', () => COLLATIONS],
  ];
}
