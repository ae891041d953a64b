/** What tests of types and functions share: a session without a catalog, and fixtures recorded from PostgreSQL 15. */

import { readFileSync } from 'node:fs';
import { ExtentError } from '../../../src/base/errors.ts';
import type { EvalContext, SqlValue, SystemHooks, TypeEntry } from '../../../src/sql/types/contracts.ts';
import { registry } from '../../../src/sql/types/registry.ts';

function refuse(): never {
  throw new Error('this test has no catalog');
}

/** Hooks of a session that knows the built-in types and nothing else. */
const SYSTEM: SystemHooks = {
  currentUser: 'tester',
  sessionUser: 'tester',
  databaseName: 'testdb',
  backendPid: 4711,
  searchPath: ['public'],
  currentSchemas: (implicit) => (implicit ? ['pg_catalog', 'public'] : ['public']),
  relationOid: (name) => (name === 'tenk' ? 16384 : 0),
  relationName: (oid) => (oid === 16384 ? 'tenk' : undefined),
  relationIsVisible: () => true,
  typeOid: (name) => registry.typeNamed(name)?.oid ?? 0,
  typeName: (oid) => registry.type(oid)?.displayName,
  namespaceOid: (name) => (name === 'public' ? 2200 : 0),
  namespaceName: (oid) => (oid === 2200 ? 'public' : undefined),
  roleOid: (name) => (name === 'tester' ? 10 : 0),
  roleName: (oid) => (oid === 10 ? 'tester' : undefined),
  databaseOid: () => 0,
  databaseNameOf: () => undefined,
  indexDefinition: refuse,
  constraintDefinition: refuse,
  partitionKeyDefinition: refuse,
  partitionConstraint: refuse,
  partitionTree: refuse,
  partitionAncestors: refuse,
  viewDefinition: refuse,
  serialSequence: refuse,
  comment: () => undefined,
  space: {
    relationSize: () => 8192,
    tableSize: () => 8192,
    indexesSize: () => 0,
    totalRelationSize: () => 8192,
    databaseSize: (oid) => (oid === 0 ? undefined : 262144),
    physicalStats: refuse,
    extentStats: refuse,
    tupleStats: refuse,
    indexStats: refuse,
    freeSpace: refuse,
    freeSpaceOf: refuse,
    trim: refuse,
  },
  hasPrivilege: () => true,
  hasSetting: (name) => name === 'server_version',
  setting: (name) => (name === 'server_version' ? '15.0' : undefined),
  setSetting: (_name, value) => value,
  nextval: refuse,
  currval: refuse,
  lastval: refuse,
  setval: refuse,
  transactionId: () => 7,
  transactionIdIfAssigned: () => undefined,
  sleep: refuse,
  cancelBackend: refuse,
  sequenceRow: () => [],
  advisoryLock: () => true,
  advisoryUnlock: () => true,
  advisoryUnlockAll: () => undefined,
  notify: () => undefined,
  isBlockedBy: () => false,
  blockingPids: () => [],
};

/** A session in a time zone; its clock stands at 2000-01-01 00:00 UTC. */
export function session(timeZone = 'UTC', settings: Partial<EvalContext['settings']> = {}): EvalContext {
  return {
    settings: {
      dateStyle: 'ISO',
      dateOrder: 'MDY',
      intervalStyle: 'postgres',
      timeZone,
      extraFloatDigits: 1,
      byteaOutput: 'hex',
      ...settings,
    },
    transactionMicros: 0,
    statementMicros: 0,
    clockMicros: () => 0,
    random: () => 0.5,
    setRandomSeed: () => undefined,
    system: SYSTEM,
  };
}

/** A type by the spelling that the fixtures use. */
export function typeNamed(name: string): TypeEntry {
  if (name.endsWith('[]')) return typeOf(typeNamed(name.slice(0, -2)).arrayOid);
  const entry = registry.typeNamed(name === '"char"' ? 'char' : name);
  if (entry === undefined) throw new Error(`no type ${name}`);
  return entry;
}

export function typeOf(oid: number): TypeEntry {
  const entry = registry.type(oid);
  if (entry === undefined) throw new Error(`no type with oid ${oid}`);
  return entry;
}

/** A fixture: a heading line, then one recorded case per line. */
export function recorded(url: URL): { readonly timeZone: string; readonly cases: readonly unknown[][] } {
  const [heading = '{}', ...lines] = readFileSync(url, 'utf8').trim().split('\n');
  const { timeZone } = JSON.parse(heading);
  return { timeZone, cases: lines.map((line) => JSON.parse(line)) };
}

/** The text of a result, or of its error as the fixtures write it. */
export function outcome(compute: () => string | null): string | null {
  try {
    return compute();
  } catch (error) {
    if (error instanceof ExtentError) return `ERR ${error.sqlstate} ${error.message}`;
    throw error;
  }
}

/** Calls a function by its signature with arguments as text. */
export function callByText(context: EvalContext, signature: string, args: readonly (string | null)[]): string | null {
  const open = signature.indexOf('(');
  const types = signature.slice(open + 1, -1);
  const entry = registry
    .functionsNamed(signature.slice(0, open))
    .find((candidate) => candidate.args.map((oid) => typeOf(oid).name).join() === types);
  if (entry === undefined) throw new Error(`no function ${signature}`);
  const values: SqlValue[] = args.map((text, i) => {
    return text === null ? null : typeOf(entry.args[i] ?? 0).parse(text, -1, context);
  });
  if (entry.strict && values.includes(null)) return null;
  const call = { args: entry.args, argTypmods: entry.args.map(() => -1), result: entry.result };
  const result = (entry.impl ?? entry.specialize?.(call))?.(context, ...values) ?? null;
  if (result === null) return null;
  return typeof result === 'boolean' ? String(result) : typeOf(entry.result).format(result, context);
}
