/** Functions over the catalog: names and definitions of objects, visibility, comments, properties. */

import {
  BARE_LABEL,
  CLASS_COLUMN_NAME,
  CLASS_RESERVED,
  CLASS_UNRESERVED,
  KEYWORD_CLASS,
  KEYWORDS,
} from '../lexer/keywords.ts';
import { PgArray } from '../types/array.ts';
import type { EvalContext, Oid, SqlValue, SystemHooks } from '../types/contracts.ts';
import { TEXT_OID } from '../types/type-oids.ts';
import { contextual, type Definition, pure, pureSet } from './definition.ts';
import { prettyText } from './pretty-text.ts';
import { quoteLiteral } from './string-functions.ts';

/** Encodings by pg_encoding's number; only UTF8 can be a database's. */
const ENCODINGS: readonly string[] = (
  'SQL_ASCII EUC_JP EUC_CN EUC_KR EUC_TW EUC_JIS_2004 UTF8 MULE_INTERNAL LATIN1 LATIN2 LATIN3 LATIN4 LATIN5 LATIN6 ' +
  'LATIN7 LATIN8 LATIN9 LATIN10 WIN1256 WIN1258 WIN866 WIN874 KOI8R WIN1251 WIN1252 ISO_8859_5 ISO_8859_6 ' +
  'ISO_8859_7 ISO_8859_8 WIN1250 WIN1253 WIN1254 WIN1255 WIN1257 KOI8U SJIS BIG5 GBK UHC GB18030 JOHAB SHIFT_JIS_2004'
).split(' ');

function encodingNumber(name: string): number {
  const plain = (text: string): string => text.toLowerCase().replace(/[^a-z0-9]/g, '');
  const wanted = plain(name) === 'unicode' ? 'utf8' : plain(name);
  return ENCODINGS.findIndex((encoding) => plain(encoding) === wanted);
}

/** Objects other than relations and types are built in, and so in pg_catalog, which is always searched. */
const ALWAYS_VISIBLE = [
  'function',
  'operator',
  'opclass',
  'opfamily',
  'conversion',
  'collation',
  'ts_parser',
  'ts_dict',
  'ts_template',
  'ts_config',
  'statistics_obj',
];

const VISIBILITY: readonly Definition[] = [
  contextual('pg_table_is_visible(oid)', ({ system }, oid: Oid) => system.relationIsVisible(oid)),
  contextual('pg_type_is_visible(oid)', ({ system }, oid: Oid) => {
    const name = system.typeName(oid);
    // A name prints qualified exactly when the search path does not lead to it.
    return name === undefined ? null : !name.replace(/"[^"]*"/g, '').includes('.');
  }),
  ...ALWAYS_VISIBLE.map((kind) => pure(`pg_${kind}_is_visible(oid)`, () => true)),
];

function viewDefinition(system: SystemHooks, view: Oid | string, pretty: boolean): string | null {
  const oid = typeof view === 'string' ? system.relationOid(view) : view;
  return system.viewDefinition(oid, pretty) ?? null;
}

const DEFINITIONS: readonly Definition[] = [
  contextual('pg_get_indexdef(oid)', ({ system }, oid: Oid) => system.indexDefinition(oid, 0, false) ?? null),
  contextual('pg_get_indexdef(oid,int4,bool)', ({ system }, oid: Oid, column: number, pretty: boolean) => {
    const text = system.indexDefinition(oid, column, pretty);
    if (text === undefined || !pretty) return text ?? null;
    return column > 0 ? prettyKey(text) : withVisibleTable(system, prettyText(text));
  }),
  contextual('pg_get_constraintdef(oid)', ({ system }, oid: Oid) => system.constraintDefinition(oid, false) ?? null),
  contextual('pg_get_constraintdef(oid,bool)', ({ system }, oid: Oid, pretty: boolean) =>
    prettied(system.constraintDefinition(oid, pretty), pretty),
  ),
  contextual('pg_get_viewdef(oid)', ({ system }, oid: Oid) => viewDefinition(system, oid, false)),
  contextual('pg_get_viewdef(oid,bool)', ({ system }, oid: Oid, pretty: boolean) =>
    viewDefinition(system, oid, pretty),
  ),
  contextual('pg_get_viewdef(oid,int4)', ({ system }, oid: Oid) => viewDefinition(system, oid, true)),
  contextual('pg_get_viewdef(text)', ({ system }, name: string) => viewDefinition(system, name, false)),
  contextual('pg_get_viewdef(text,bool)', ({ system }, name: string, pretty: boolean) =>
    viewDefinition(system, name, pretty),
  ),
  contextual('pg_get_expr(pg_node_tree,oid)', ({ system }, text: string) => shownExpression(system, text)),
  contextual('pg_get_expr(pg_node_tree,oid,bool)', ({ system }, text: string, _relation: Oid, pretty: boolean) =>
    prettied(shownExpression(system, text), pretty),
  ),
  contextual(
    'pg_get_serial_sequence(text,text)',
    ({ system }, table: string, column: string) => system.serialSequence(table, column) ?? null,
  ),
  contextual('pg_get_userbyid(oid)', ({ system }, oid: Oid) => system.roleName(oid) ?? `unknown (OID=${oid})`),
  ...['pg_get_ruledef(oid)', 'pg_get_triggerdef(oid)', 'pg_get_triggerdef(oid,bool)', 'pg_get_ruledef(oid,bool)'].map(
    (signature) => pure(signature, () => null),
  ),
  contextual('pg_get_partkeydef(oid)', ({ system }, oid: Oid) => system.partitionKeyDefinition(oid) ?? null),
  contextual('pg_get_partition_constraintdef(oid)', ({ system }, oid: Oid) => system.partitionConstraint(oid) ?? null),
  contextual('pg_partition_root(regclass)', ({ system }, oid: Oid) => system.partitionAncestors(oid).at(-1) ?? null),
  // Extended statistics do not exist, so there is nothing to print.
  ...['pg_get_statisticsobjdef(oid)', 'pg_get_statisticsobjdef_columns(oid)'].map((signature) =>
    pure(signature, () => null),
  ),
];

const COMMENTS: readonly Definition[] = [
  contextual(
    'obj_description(oid,name)',
    ({ system }, oid: Oid, catalog: string) => system.comment(oid, catalog, 0) ?? null,
  ),
  contextual('obj_description(oid)', ({ system }, oid: Oid) => system.comment(oid, 'pg_class', 0) ?? null),
  contextual(
    'col_description(oid,int4)',
    ({ system }, oid: Oid, column: number) => system.comment(oid, 'pg_class', column) ?? null,
  ),
  contextual(
    'shobj_description(oid,name)',
    ({ system }, oid: Oid, catalog: string) => system.comment(oid, catalog, 0) ?? null,
  ),
];

/** A lookup by name that answers null instead of an error. */
function toReg(signature: string, find: (context: EvalContext, name: string) => Oid): Definition {
  return contextual(signature, (context, name: string) => find(context, name) || null);
}

const LOOKUPS: readonly Definition[] = [
  toReg('to_regclass(text)', ({ system }, name) => system.relationOid(name)),
  toReg('to_regtype(text)', ({ system }, name) => system.typeOid(name)),
  toReg('to_regnamespace(text)', ({ system }, name) => system.namespaceOid(name)),
  toReg('to_regrole(text)', ({ system }, name) => system.roleOid(name)),
];

/** What B+trees can do, by the names of PostgreSQL's index properties. */
const INDEX_PROPERTIES: ReadonlyMap<string, boolean> = new Map([
  ['asc', true],
  ['desc', false],
  ['nulls_first', false],
  ['nulls_last', true],
  ['orderable', true],
  ['distance_orderable', false],
  ['returnable', true],
  ['search_array', true],
  ['search_nulls', true],
  ['clusterable', true],
  ['index_scan', true],
  ['bitmap_scan', true],
  ['backward_scan', true],
  ['can_order', true],
  ['can_unique', true],
  ['can_multi_col', true],
  ['can_exclude', false],
  ['can_include', true],
]);

/** Default privileges of a kind of object: its owner has all, PUBLIC what PostgreSQL gives it. */
const DEFAULT_ACL: ReadonlyMap<string, readonly [owner: string, everybody: string]> = new Map([
  ['c', ['', '']],
  ['r', ['arwdDxt', '']],
  ['s', ['rwU', '']],
  ['d', ['CTc', 'Tc']],
  ['f', ['X', 'X']],
  ['l', ['U', 'U']],
  ['L', ['rw', '']],
  ['n', ['UC', '']],
  ['t', ['C', '']],
  ['F', ['U', '']],
  ['S', ['U', '']],
  ['T', ['U', 'U']],
]);

function defaultAcl({ system }: EvalContext, kind: string, owner: Oid): PgArray {
  const [own = '', everybody = ''] = DEFAULT_ACL.get(kind) ?? [];
  const name = system.roleName(owner) ?? String(owner);
  const items: string[] = [];
  if (everybody !== '') items.push(`=${everybody}/${name}`);
  if (own !== '') items.push(`${name}=${own}/${name}`);
  return new PgArray(TEXT_OID, items);
}

/** Letter and description of a keyword's class. */
function keywordClass(code: number | undefined): readonly [string, string] {
  if (code === CLASS_UNRESERVED) return ['U', 'unreserved'];
  if (code === CLASS_COLUMN_NAME) return ['C', 'unreserved (cannot be function or type name)'];
  if (code === CLASS_RESERVED) return ['R', 'reserved'];
  return ['T', 'reserved (can be function or type name)'];
}

function* keywordRows(): Generator<readonly SqlValue[]> {
  for (let i = 1; i < KEYWORDS.length; i++) {
    const [letter, description] = keywordClass(KEYWORD_CLASS[i]);
    const bare = BARE_LABEL[i] === 1;
    yield [KEYWORDS[i] ?? '', letter, bare, description, bare ? 'can be bare label' : 'requires AS'];
  }
}

function prettied(text: string | undefined, pretty: boolean): string | null {
  return text === undefined ? null : pretty ? prettyText(text) : text;
}

/** A key by itself: an operation keeps one pair of parentheses. */
function prettyKey(text: string): string {
  return text.startsWith('(') ? `(${prettyText(text)})` : prettyText(text);
}

const INDEXED_TABLE = /(?<= ON )(?:(?:"(?:[^"]|"")*"|\w+)\.?)+(?= USING )/;

/** For people a table is qualified only where it must be. */
function withVisibleTable(system: SystemHooks, text: string): string {
  return text.replace(INDEXED_TABLE, (table) => system.relationName(system.relationOid(table)) ?? table);
}

const RELATION = /'((?:[^']|'')*)'::regclass/g;

/** An expression that the catalog keeps, as this session sees it: relations are qualified only where they must be. */
export function shownExpression(system: SystemHooks, text: string): string {
  return text.replace(RELATION, (kept, name: string) => {
    const shown = system.relationName(system.relationOid(name.replaceAll("''", "'")));
    return shown === undefined ? kept : `${quoteLiteral(shown)}::regclass`;
  });
}

export const CATALOG_FUNCTIONS: readonly Definition[] = [
  ...VISIBILITY,
  ...DEFINITIONS,
  ...COMMENTS,
  ...LOOKUPS,
  pure('pg_encoding_to_char(int4)', (encoding: number) => ENCODINGS[encoding] ?? ''),
  pure('pg_char_to_encoding(name)', encodingNumber),
  pure('getdatabaseencoding()', () => 'UTF8'),
  pure('pg_client_encoding()', () => 'UTF8'),
  pure('pg_my_temp_schema()', () => 0),
  pure('pg_is_other_temp_schema(oid)', () => false),
  pure('pg_tablespace_location(oid)', () => ''),
  pure(
    'pg_index_column_has_property(regclass,int4,text)',
    (_index: Oid, _column: number, name: string) => INDEX_PROPERTIES.get(name.toLowerCase()) ?? null,
  ),
  pure(
    'pg_index_has_property(regclass,text)',
    (_index: Oid, name: string) => INDEX_PROPERTIES.get(name.toLowerCase()) ?? null,
  ),
  pure(
    'pg_indexam_has_property(oid,text)',
    (_method: Oid, name: string) => INDEX_PROPERTIES.get(name.toLowerCase()) ?? null,
  ),
  pure('pg_relation_is_publishable(regclass)', () => false),
  contextual('acldefault(char,oid)', defaultAcl),
  pureSet('pg_get_keywords()', keywordRows),
  pure('pg_get_function_sqlbody(oid)', () => null),
  {
    signature: '_pg_expandarray(anyarray)',
    schema: 'information_schema',
    setImpl: (_context, array) => {
      if (!(array instanceof PgArray)) return [];
      return array.values.map((value, i) => [value, i + 1]);
    },
  },
];
