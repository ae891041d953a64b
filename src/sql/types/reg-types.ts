/**
 * Behaviour of the reg* types: oids that print as the name of a catalog object.
 *
 * Names of relations, types, schemas and roles come from the session; those of functions and operators from the registry,
 * since all functions are built in. `-` is oid 0, and an oid that names nothing prints as its number.
 */

import type { ErrorCode } from '../../base/errors.ts';
import { fail } from '../../base/errors.ts';
import type { Behaviour } from './behaviour.ts';
import type { EvalContext, Oid } from './contracts.ts';
import { OID } from './scalar-types.ts';

/** Names of built-in functions and operators, which the registry knows. */
export interface BuiltinNames {
  /** Oids of the functions or operators of a name. */
  functionsNamed(name: string): readonly Oid[];
  operatorsNamed(name: string): readonly Oid[];
  /** `name(type,type)` or, with `args` false, the name; undefined = no such oid. */
  functionName(oid: Oid, args: boolean, context: EvalContext): string | undefined;
  operatorName(oid: Oid, args: boolean, context: EvalContext): string | undefined;
}

interface RegKind {
  readonly what: string;
  readonly code: ErrorCode;
  find(name: string, context: EvalContext): Oid;
  print(oid: Oid, context: EvalContext): string | undefined;
}

function regType(kind: RegKind): Behaviour<number> {
  return {
    ...OID,
    parse(text, context) {
      if (text === '-') return 0;
      if (/^\d+$/.test(text)) return OID.parse(text, context, -1);
      const oid = kind.find(text, context);
      if (oid === 0) throw fail(kind.code, `${kind.what} "${text}" does not exist`);
      return oid;
    },
    format: (oid, context) => (oid === 0 ? '-' : (kind.print(oid, context) ?? oid.toString())),
  };
}

const CATALOG_PREFIX = /^pg_catalog\./;

function single(oids: readonly Oid[], what: string, text: string): Oid {
  if (oids.length > 1) throw fail('ambiguous_function', `more than one ${what} named "${text}"`);
  return oids[0] ?? 0;
}

/** Kinds whose objects the session's catalog knows. */
const CATALOG_KINDS: readonly [string, RegKind][] = [
  [
    'regclass',
    {
      what: 'relation',
      code: 'undefined_table',
      find: (text, { system }) => system.relationOid(text),
      print: (oid, { system }) => system.relationName(oid),
    },
  ],
  [
    'regtype',
    {
      what: 'type',
      code: 'undefined_object',
      find: (text, { system }) => system.typeOid(text),
      print: (oid, { system }) => system.typeName(oid),
    },
  ],
  [
    'regnamespace',
    {
      what: 'schema',
      code: 'invalid_schema_name',
      find: (text, { system }) => system.namespaceOid(text),
      print: (oid, { system }) => system.namespaceName(oid),
    },
  ],
  [
    'regrole',
    {
      what: 'role',
      code: 'undefined_object',
      find: (text, { system }) => system.roleOid(text),
      print: (oid, { system }) => system.roleName(oid),
    },
  ],
];

/** Functions and operators, by bare name and by name with argument types. */
function callableKinds(names: BuiltinNames): [string, RegKind][] {
  return [
    [
      'regproc',
      {
        what: 'function',
        code: 'undefined_function',
        find: (text) => single(names.functionsNamed(bare(text)), 'function', text),
        print: (oid, context) => names.functionName(oid, false, context),
      },
    ],
    [
      'regprocedure',
      {
        what: 'function',
        code: 'undefined_function',
        find: (text, context) => functionWithArguments(names, text, context),
        print: (oid, context) => names.functionName(oid, true, context),
      },
    ],
    [
      'regoper',
      {
        what: 'operator',
        code: 'undefined_function',
        find: (text) => single(names.operatorsNamed(bare(text)), 'operator', text),
        print: (oid, context) => names.operatorName(oid, false, context),
      },
    ],
    [
      'regoperator',
      {
        what: 'operator',
        code: 'undefined_function',
        find: (text, context) => operatorWithArguments(names, text, context),
        print: (oid, context) => names.operatorName(oid, true, context),
      },
    ],
  ];
}

const COLLATION_KIND: RegKind = {
  what: 'collation',
  code: 'undefined_object',
  find: (text) => COLLATIONS.get(bare(text).replaceAll('"', '')) ?? 0,
  print: (oid) => [...COLLATIONS].find(([, known]) => known === oid)?.[0],
};

/** A name without `pg_catalog.`, in small letters. */
function bare(text: string): string {
  return text.trim().replace(CATALOG_PREFIX, '').toLowerCase();
}

/** @returns 0 when no function is named like this with these arguments. */
function functionWithArguments(names: BuiltinNames, text: string, context: EvalContext): Oid {
  const wanted = bare(text).replace(/\s+/g, '');
  const candidates = names.functionsNamed(wanted.split('(')[0] ?? '');
  const normal = (oid: Oid): string => (names.functionName(oid, true, context) ?? '').replace(/\s+/g, '');
  return candidates.find((oid) => normal(oid) === normalArguments(wanted, context)) ?? 0;
}

/** @returns 0 when no operator is named like this with these arguments. */
function operatorWithArguments(names: BuiltinNames, text: string, context: EvalContext): Oid {
  const wanted = normalArguments(bare(text).replace(/\s+/g, ''), context);
  const candidates = names.operatorsNamed(wanted.split('(')[0] ?? '');
  const normal = (oid: Oid): string => (names.operatorName(oid, true, context) ?? '').replace(/\s+/g, '');
  return candidates.find((oid) => normal(oid) === wanted) ?? 0;
}

/** Behaviours by type name; `names` is asked only when a value is read or printed. */
export function regBehaviours(names: BuiltinNames): ReadonlyMap<string, Behaviour<number>> {
  const kinds: readonly [string, RegKind][] = [
    ...CATALOG_KINDS,
    ...callableKinds(names),
    ['regcollation', COLLATION_KIND],
  ];
  return new Map(kinds.map(([type, kind]) => [type, regType(kind)]));
}

/** The collations that every PostgreSQL has. */
const COLLATIONS: ReadonlyMap<string, Oid> = new Map([
  ['default', 100],
  ['c', 950],
  ['posix', 951],
]);

/** Writes the argument types of `name(a,b)` as their display names, blanks removed. */
function normalArguments(text: string, context: EvalContext): string {
  const open = text.indexOf('(');
  if (open < 0 || !text.endsWith(')')) return text;
  const args = text.slice(open + 1, -1);
  if (args === '') return text;
  const shown = args.split(',').map((arg) => {
    if (arg === 'none') return arg;
    const oid = context.system.typeOid(arg);
    return (context.system.typeName(oid) ?? arg).replace(/\s+/g, '');
  });
  return `${text.slice(0, open)}(${shown.join(',')})`;
}
