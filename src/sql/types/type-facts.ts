/**
 * What pg_type says about every type known here, and the kind in which its values are stored.
 *
 * One line per type: oid, name, display name (blanks as ~), typtype, category, preferred, length, by value, alignment,
 * storage, array type's oid, element's oid, collation, physical kind (- = cannot be stored). Array types follow from their
 * elements' lines. Types that are listed but not implemented answer 0A000 when a value of theirs is read.
 */

import {
  KIND_ARRAY,
  KIND_BOOL,
  KIND_BPCHAR,
  KIND_BYTES,
  KIND_CHAR1,
  KIND_F32,
  KIND_F64,
  KIND_I16,
  KIND_I32,
  KIND_I64,
  KIND_INTERVAL,
  KIND_NAME,
  KIND_NUMERIC,
  KIND_RECORD,
  KIND_TEXT,
  KIND_U32,
  KIND_UUID,
  type PhysicalKind,
} from '../../base/physical.ts';
import type { Oid } from './contracts.ts';

/** One row of pg_type. */
export interface TypeFacts {
  readonly oid: Oid;
  readonly name: string;
  readonly displayName: string;
  readonly typeType: string;
  readonly category: string;
  readonly preferred: boolean;
  readonly length: number;
  readonly byValue: boolean;
  readonly align: string;
  readonly storage: string;
  readonly delimiter: string;
  readonly arrayOid: Oid;
  readonly elementOid: Oid;
  readonly collation: Oid;
  /** Undefined = cannot be stored. numeric with a small precision is stored as DEC64 all the same. */
  readonly kind: PhysicalKind | undefined;
}

const TABLE = `
16 bool boolean b B t 1 t c p 1000 0 0 BOOL
17 bytea bytea b U f -1 f i x 1001 0 0 BYTES
18 char "char" b Z f 1 t c p 1002 0 0 CHAR1
19 name name b S f 64 f c p 1003 18 950 NAME
20 int8 bigint b N f 8 t d p 1016 0 0 I64
21 int2 smallint b N f 2 t s p 1005 0 0 I16
22 int2vector int2vector b A f -1 f i p 1006 21 0 ARRAY
23 int4 integer b N f 4 t i p 1007 0 0 I32
24 regproc regproc b N f 4 t i p 1008 0 0 U32
25 text text b S t -1 f i x 1009 0 100 TEXT
26 oid oid b N t 4 t i p 1028 0 0 U32
27 tid tid b U f 6 f s p 1010 0 0 -
28 xid xid b U f 4 t i p 1011 0 0 U32
29 cid cid b U f 4 t i p 1012 0 0 U32
30 oidvector oidvector b A f -1 f i p 1013 26 0 ARRAY
114 json json b U f -1 f i x 199 0 0 -
142 xml xml b U f -1 f i x 143 0 0 -
194 pg_node_tree pg_node_tree b Z f -1 f i x 0 0 100 -
650 cidr cidr b I f -1 f i m 651 0 0 -
700 float4 real b N f 4 t i p 1021 0 0 F32
701 float8 double~precision b N t 8 t d p 1022 0 0 F64
705 unknown unknown p X f -2 f c p 0 0 0 TEXT
869 inet inet b I t -1 f i m 1041 0 0 -
1033 aclitem aclitem b U f 12 f i p 1034 0 0 -
1042 bpchar character b S f -1 f i x 1014 0 100 BPCHAR
1043 varchar character~varying b S f -1 f i x 1015 0 100 TEXT
1082 date date b D f 4 t i p 1182 0 0 I32
1083 time time~without~time~zone b D f 8 t d p 1183 0 0 I64
1114 timestamp timestamp~without~time~zone b D f 8 t d p 1115 0 0 I64
1184 timestamptz timestamp~with~time~zone b D t 8 t d p 1185 0 0 I64
1186 interval interval b T t 16 f d p 1187 0 0 INTERVAL
1266 timetz time~with~time~zone b D f 12 f d p 1270 0 0 -
1700 numeric numeric b N f -1 f i m 1231 0 0 NUMERIC
2202 regprocedure regprocedure b N f 4 t i p 2207 0 0 U32
2203 regoper regoper b N f 4 t i p 2208 0 0 U32
2204 regoperator regoperator b N f 4 t i p 2209 0 0 U32
2205 regclass regclass b N f 4 t i p 2210 0 0 U32
2206 regtype regtype b N f 4 t i p 2211 0 0 U32
2249 record record p P f -1 f d x 2287 0 0 RECORD
2275 cstring cstring p P f -2 f c p 1263 0 0 -
2276 any "any" p P f 4 t i p 0 0 0 -
2277 anyarray anyarray p P f -1 f d x 0 0 0 -
2278 void void p P f 4 t i p 0 0 0 -
2279 trigger trigger p P f 4 t i p 0 0 0 -
2281 internal internal p P f 8 t d p 0 0 0 -
2283 anyelement anyelement p P f 4 t i p 0 0 0 -
2776 anynonarray anynonarray p P f 4 t i p 0 0 0 -
2950 uuid uuid b U f 16 f c p 2951 0 0 UUID
3220 pg_lsn pg_lsn b U f 8 t d p 3221 0 0 -
3500 anyenum anyenum p P f 4 t i p 0 0 0 -
3802 jsonb jsonb b U f -1 f i x 3807 0 0 -
4089 regnamespace regnamespace b N f 4 t i p 4090 0 0 U32
4096 regrole regrole b N f 4 t i p 4097 0 0 U32
4191 regcollation regcollation b N f 4 t i p 4192 0 0 U32
5069 xid8 xid8 b U f 8 t d p 271 0 0 -
5077 anycompatible anycompatible p P f 4 t i p 0 0 0 -
5078 anycompatiblearray anycompatiblearray p P f -1 f d x 0 0 0 -
5079 anycompatiblenonarray anycompatiblenonarray p P f 4 t i p 0 0 0 -
`;

const KINDS: ReadonlyMap<string, PhysicalKind> = new Map<string, PhysicalKind>([
  ['BOOL', KIND_BOOL],
  ['CHAR1', KIND_CHAR1],
  ['I16', KIND_I16],
  ['I32', KIND_I32],
  ['U32', KIND_U32],
  ['I64', KIND_I64],
  ['F32', KIND_F32],
  ['F64', KIND_F64],
  ['UUID', KIND_UUID],
  ['INTERVAL', KIND_INTERVAL],
  ['TEXT', KIND_TEXT],
  ['BPCHAR', KIND_BPCHAR],
  ['NAME', KIND_NAME],
  ['BYTES', KIND_BYTES],
  ['NUMERIC', KIND_NUMERIC],
  ['ARRAY', KIND_ARRAY],
  ['RECORD', KIND_RECORD],
]);

function readLine(line: string): TypeFacts {
  const column = line.split(' ');
  const text = (i: number): string => column[i] ?? '';
  return {
    oid: Number(text(0)),
    name: text(1),
    displayName: text(2).replaceAll('~', ' '),
    typeType: text(3),
    category: text(4),
    preferred: text(5) === 't',
    length: Number(text(6)),
    byValue: text(7) === 't',
    align: text(8),
    storage: text(9),
    delimiter: ',',
    arrayOid: Number(text(10)),
    elementOid: Number(text(11)),
    collation: Number(text(12)),
    kind: KINDS.get(text(13)),
  };
}

/** The array type of an element type's line. */
function arrayOf(element: TypeFacts): TypeFacts {
  const pseudo = element.typeType === 'p';
  return {
    oid: element.arrayOid,
    name: `_${element.name}`,
    displayName: `${element.displayName}[]`,
    typeType: pseudo ? 'p' : 'b',
    category: pseudo ? 'P' : 'A',
    preferred: false,
    length: -1,
    byValue: false,
    align: element.align === 'd' ? 'd' : 'i',
    storage: 'x',
    delimiter: ',',
    arrayOid: 0,
    elementOid: element.oid,
    collation: element.collation,
    kind: element.kind === undefined ? undefined : KIND_ARRAY,
  };
}

const BASE = TABLE.trim().split('\n').map(readLine);

/** All types, array types included. */
export const TYPE_FACTS: readonly TypeFacts[] = [...BASE, ...BASE.filter((type) => type.arrayOid !== 0).map(arrayOf)];

const BY_OID: ReadonlyMap<Oid, TypeFacts> = new Map(TYPE_FACTS.map((facts) => [facts.oid, facts]));
const BY_NAME: ReadonlyMap<string, TypeFacts> = new Map(TYPE_FACTS.map((facts) => [facts.name, facts]));

export function typeFacts(oid: Oid): TypeFacts | undefined {
  return BY_OID.get(oid);
}

/** By pg_type.typname. */
export function typeFactsNamed(name: string): TypeFacts | undefined {
  return BY_NAME.get(name);
}
