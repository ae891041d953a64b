/**
 * Reads the tables of facts: what pg_proc, pg_operator, pg_cast and pg_aggregate say about built-in objects.
 *
 * The tables are text, of which a program needs little: functions and operators are read name by name, the others at once,
 * all when they are first asked for.
 *
 * A function's line is its name and, per overload, `oid:args:result:flags[:names[:columns]]`, with types by name.
 * Flags: volatility i, s or v; S strict; R returns a set; W window function; Vtype = variadic elements of that type.
 */

import { broken } from '../../base/assert.ts';
import { lazy } from '../../base/lazy.ts';
import type { Oid } from '../types/contracts.ts';
import { typeFactsNamed } from '../types/type-facts.ts';
import { AGGREGATE_FACTS } from './aggregate-facts.ts';
import { CAST_FACTS } from './cast-facts.ts';
import { FUNCTION_FACTS_A_TO_I } from './function-facts-a-i.ts';
import { IO_FUNCTION_FACTS } from './function-facts-io.ts';
import { FUNCTION_FACTS_J_TO_Z } from './function-facts-j-z.ts';
import { SPACE_FUNCTION_FACTS } from './function-facts-space.ts';
import { OPERATOR_FACTS } from './operator-facts.ts';

export interface FunctionFacts {
  readonly signature: string;
  readonly oid: Oid;
  readonly name: string;
  readonly args: readonly Oid[];
  readonly result: Oid;
  readonly volatility: 'i' | 's' | 'v';
  readonly strict: boolean;
  readonly returnsSet: boolean;
  readonly window: boolean;
  readonly variadic: Oid;
  readonly argNames: readonly string[];
  readonly columns: readonly { readonly name: string; readonly type: Oid }[];
}

export interface OperatorFacts {
  readonly oid: Oid;
  readonly name: string;
  /** Type names; `-` = none. */
  readonly left: string;
  readonly right: string;
  readonly result: Oid;
  /** Signature of the function behind it. */
  readonly signature: string;
  readonly commutator: Oid;
  readonly negator: Oid;
  readonly hashable: boolean;
}

export interface CastFacts {
  readonly source: Oid;
  readonly target: Oid;
  /** Signature of the function; '' = none. */
  readonly signature: string;
  readonly context: 'i' | 'a' | 'e';
  readonly method: 'function' | 'relabel' | 'io';
}

export interface AggregateFacts
  extends Pick<FunctionFacts, 'signature' | 'oid' | 'name' | 'args' | 'result' | 'variadic'> {
  readonly kind: 'n' | 'o';
  readonly directArgs: number;
}

/** Oid of a type name of the tables; `-` is 0. */
export function typeOid(name: string): Oid {
  if (name === '-') return 0;
  return typeFactsNamed(name)?.oid ?? broken(`no facts about type ${name}`);
}

function lines(table: string): readonly string[] {
  return table.split('\n').filter((line) => line !== '');
}

function list(text: string | undefined): readonly string[] {
  return text === undefined || text === '' ? [] : text.split(',');
}

function volatilityOf(flags: string): 'i' | 's' | 'v' {
  return flags.startsWith('i') ? 'i' : flags.startsWith('s') ? 's' : 'v';
}

function readFunction(name: string, overload: string): FunctionFacts {
  const [oid = '', args = '', result = '', flags = '', names, columns] = overload.split(':');
  const variadic = /V(\S+)/.exec(flags)?.[1];
  return {
    signature: `${name}(${args})`,
    oid: Number(oid),
    name,
    args: list(args).map(typeOid),
    result: typeOid(result),
    volatility: volatilityOf(flags),
    strict: flags.includes('S'),
    returnsSet: flags.includes('R'),
    window: flags.includes('W'),
    variadic: variadic === undefined ? 0 : typeOid(variadic),
    argNames: list(names),
    columns: list(columns).map((column) => {
      const [columnName = '', type = ''] = column.split('=');
      return { name: columnName, type: typeOid(type) };
    }),
  };
}

/** Puts what belongs to a key behind what is there already. */
function push<K, V>(map: Map<K, V[]>, key: K, ...values: V[]): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, values);
  else known.push(...values);
}

/** The texts of a name's overloads. */
const overloads = lazy(() => {
  const texts = new Map<string, string[]>();
  for (const table of [FUNCTION_FACTS_A_TO_I, FUNCTION_FACTS_J_TO_Z, SPACE_FUNCTION_FACTS])
    for (const line of lines(table)) {
      const [name = '', ...some] = line.split(' ');
      push(texts, name, ...some);
    }
  return texts;
});

const functionNames = lazy(() => {
  const names = new Map<Oid, string>();
  for (const [name, texts] of overloads()) for (const text of texts) names.set(Number(text.split(':', 1)[0]), name);
  return names;
});

/** The functions of a name. */
export function functionFactsNamed(name: string): readonly FunctionFacts[] {
  return (overloads().get(name) ?? []).map((text) => readFunction(name, text));
}

/** The name of a function's oid. */
export function functionName(oid: Oid): string | undefined {
  return functionNames().get(oid);
}

/** The functions that read and write types, by name. They are looked up, not called. */
export const ioFunctionFacts = lazy((): ReadonlyMap<string, FunctionFacts> => {
  const some = lines(IO_FUNCTION_FACTS).map((line) => {
    const [name = '', overload = ''] = line.split(' ');
    return readFunction(name, overload);
  });
  return new Map(some.map((facts) => [facts.name, facts]));
});

/** The name of an oid among {@link ioFunctionFacts}. */
export const ioFunctionNames = lazy(
  (): ReadonlyMap<Oid, string> => new Map([...ioFunctionFacts().values()].map(({ oid, name }) => [oid, name])),
);

function readOperator(line: string): OperatorFacts {
  const [oid, name = '', left = '', right = '', result = '', fn = '', commutator, negator, hash] = line.split(' ');
  return {
    oid: Number(oid),
    name,
    left,
    right,
    result: typeOid(result),
    signature: left === '-' ? `${fn}(${right})` : `${fn}(${left},${right})`,
    commutator: Number(commutator),
    negator: Number(negator),
    hashable: hash === 'h',
  };
}

/** The lines of an operator's name. */
const operatorLines = lazy(() => {
  const byName = new Map<string, string[]>();
  for (const line of lines(OPERATOR_FACTS)) push(byName, line.split(' ', 2)[1] ?? '', line);
  return byName;
});

const operatorNames = lazy(() => {
  const names = new Map<Oid, string>();
  for (const [name, some] of operatorLines()) for (const line of some) names.set(Number(line.split(' ', 1)[0]), name);
  return names;
});

/** The operators of a name. */
export function operatorFactsNamed(name: string): readonly OperatorFacts[] {
  return (operatorLines().get(name) ?? []).map(readOperator);
}

/** The name of an operator's oid. */
export function operatorName(oid: Oid): string | undefined {
  return operatorNames().get(oid);
}

export function allOperatorNames(): Iterable<string> {
  return operatorLines().keys();
}

function readCast(line: string): CastFacts {
  const [source = '', target = '', signature = '', context = '', method = ''] = line.split(' ');
  return {
    source: typeOid(source),
    target: typeOid(target),
    signature: signature === '-' ? '' : signature,
    context: context === 'i' ? 'i' : context === 'a' ? 'a' : 'e',
    method: method === 'f' ? 'function' : method === 'b' ? 'relabel' : 'io',
  };
}

function readAggregate(line: string): AggregateFacts {
  const [oid, name = '', args = '', result = '', kind, direct, variadic = '-'] = line.split(' ');
  const argList = args === '-' ? '' : args;
  return {
    signature: `${name}(${argList})`,
    oid: Number(oid),
    name,
    args: list(argList).map(typeOid),
    result: typeOid(result),
    kind: kind === 'o' ? 'o' : 'n',
    directArgs: Number(direct),
    variadic: typeOid(variadic),
  };
}

export const allCastFacts: () => readonly CastFacts[] = lazy(() => lines(CAST_FACTS).map(readCast));

/** Aggregates by signature. */
export const aggregateFacts: () => ReadonlyMap<string, AggregateFacts> = lazy(
  () =>
    new Map(
      lines(AGGREGATE_FACTS)
        .map(readAggregate)
        .map((facts) => [facts.signature, facts]),
    ),
);
