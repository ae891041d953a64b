/**
 * The registry: all built-in types, functions, operators, casts and aggregates.
 *
 * It joins three sources: facts of PostgreSQL's catalogs (oids, results, volatility …), the definitions of `functions/`, and
 * the comparisons that follow from the types' orders. An operator or cast exists here exactly when the function behind it
 * does. It is immutable and shared by all sessions.
 *
 * Nothing is made before it is asked for: functions and operators name by name, casts pair by pair, aggregates at once.
 */
import { broken } from '../../base/assert.ts';
import { lazy } from '../../base/lazy.ts';
import { ALL_AGGREGATES } from '../functions/aggregates.ts';
import { allDefinitions } from '../functions/all-definitions.ts';
import { COMPARISONS, comparison } from '../functions/comparisons.ts';
import type { Definition } from '../functions/definition.ts';
import {
  aggregateFacts,
  allCastFacts,
  allOperatorNames,
  type CastFacts,
  type FunctionFacts,
  functionFactsNamed,
  functionName,
  ioFunctionFacts,
  ioFunctionNames,
  type OperatorFacts,
  operatorFactsNamed,
  operatorName,
} from '../functions/facts.ts';
import { PgArray } from './array.ts';
import { converted, lengthCast, relabel, wrapping } from './cast-implementations.ts';
import type {
  AggregateEntry,
  CastEntry,
  EvalContext,
  FunctionEntry,
  Oid,
  OperatorEntry,
  Registry,
  TypeEntry,
} from './contracts.ts';
import { UNKNOWN_OID } from './type-oids.ts';
import { TypeTable } from './type-table.ts';

const MEANINGS: ReadonlyMap<string, OperatorEntry['meaning']> = new Map([
  ['=', 'eq'],
  ['<>', 'ne'],
  ['<', 'lt'],
  ['<=', 'le'],
  ['>', 'gt'],
  ['>=', 'ge'],
  ['~~', 'like'],
  ['~~*', 'ilike'],
  ['~', 'regex'],
]);

/** ~ and ~* are patterns on text and bit operations on integers. */
function meaningOf(name: string, right: string): OperatorEntry['meaning'] {
  if (name === '~' && right !== 'text') return 'other';
  return MEANINGS.get(name) ?? 'other';
}

function functionEntry(facts: FunctionFacts, definition: Definition): FunctionEntry {
  const { signature: _, defaults, schema = 'pg_catalog', ...implementation } = definition;
  return {
    oid: facts.oid,
    name: facts.name,
    schema,
    args: facts.args,
    variadic: facts.variadic,
    result: facts.result,
    returnsSet: facts.returnsSet,
    volatility: facts.volatility,
    strict: facts.strict,
    kind: facts.window ? 'w' : 'f',
    ...(facts.argNames.length === 0 ? {} : { argNames: facts.argNames }),
    ...(facts.columns.length === 0 ? {} : { columns: facts.columns }),
    ...(defaults === undefined ? {} : { defaults }),
    ...implementation,
  };
}

/** What `make` gives for a name, made once; of names that mean nothing, of which there is no end, nothing is kept. */
function remembered<V>(known: Map<string, readonly V[]>, name: string, make: () => readonly V[]): readonly V[] {
  const found = known.get(name);
  if (found !== undefined) return found;
  const made = make();
  if (made.length > 0) known.set(name, made);
  return made;
}

/** The name in a signature. */
function nameOf(signature: string): string {
  return signature.slice(0, signature.indexOf('('));
}

const pairOf = (source: Oid, target: Oid): number => source * 2 ** 32 + target;

class BuiltinRegistry implements Registry {
  readonly #types: TypeTable;
  /** What is made so far. */
  readonly #functions = new Map<Oid, FunctionEntry>();
  readonly #functionNames = new Map<string, readonly FunctionEntry[]>();
  readonly #signatures = new Map<string, FunctionEntry>();
  readonly #operators = new Map<Oid, OperatorEntry>();
  readonly #operatorNames = new Map<string, readonly OperatorEntry[]>();
  /** Casts by {@link pairOf}; undefined = there is none. */
  readonly #casts = new Map<number, CastEntry | undefined>();
  /** The definitions of a function's name. */
  readonly #definitions = lazy(() => this.#definitionsByName());
  readonly #castFacts = lazy(() => new Map(allCastFacts().map((facts) => [pairOf(facts.source, facts.target), facts])));
  readonly #aggregates = lazy(() => this.#makeAggregates());

  constructor() {
    this.#types = new TypeTable({
      functionsNamed: (name) => this.#functionOids(name),
      operatorsNamed: (name) => this.operatorsNamed(name).map((entry) => entry.oid),
      functionName: (oid, args, context) => this.#functionName(oid, args, context),
      operatorName: (oid, args, context) => this.#operatorName(oid, args, context),
    });
  }

  /** Those that are written down, and then the comparisons that operators imply. */
  #definitionsByName(): ReadonlyMap<string, Map<string, () => Definition | undefined>> {
    const byName = new Map<string, Map<string, () => Definition | undefined>>();
    const add = (signature: string, make: () => Definition | undefined): boolean => {
      const name = nameOf(signature);
      const some = byName.get(name);
      if (some === undefined) byName.set(name, new Map([[signature, make]]));
      else if (some.has(signature)) return false;
      else some.set(signature, make);
      return true;
    };
    for (const definition of allDefinitions(this.#types)) {
      if (!add(definition.signature, () => definition)) broken(`${definition.signature} is defined twice`);
    }
    for (const operator of COMPARISONS) {
      for (const { signature, left, right } of operatorFactsNamed(operator)) {
        add(signature, () => comparison(this.#types, signature, operator, left, right));
      }
    }
    return byName;
  }

  #makeFunctions(name: string): readonly FunctionEntry[] {
    const definitions = this.#definitions().get(name);
    if (definitions === undefined) return [];
    const facts = new Map(functionFactsNamed(name).map((some) => [some.signature, some]));
    const entries: FunctionEntry[] = [];
    for (const [signature, make] of definitions) {
      const definition = make();
      if (definition === undefined) continue;
      const entry = functionEntry(facts.get(signature) ?? broken(`no facts about function ${signature}`), definition);
      this.#functions.set(entry.oid, entry);
      this.#signatures.set(signature, entry);
      entries.push(entry);
    }
    return entries;
  }

  /** The function of a signature, as facts name it. */
  #bySignature(signature: string): FunctionEntry | undefined {
    this.functionsNamed(nameOf(signature));
    return this.#signatures.get(signature);
  }

  #makeOperator(facts: OperatorFacts): OperatorEntry | undefined {
    const { oid, name, left, right, result, signature, commutator, negator, hashable } = facts;
    const fn = this.#bySignature(signature);
    if (fn === undefined) return undefined;
    return {
      oid,
      name,
      left: left === '-' ? 0 : (fn.args[0] ?? 0),
      right: fn.args[fn.args.length - 1] ?? 0,
      result,
      fn,
      commutator,
      negator,
      meaning: meaningOf(name, right),
      hashable,
    };
  }

  /** The cast of a row of pg_cast. */
  #listedCast(facts: CastFacts): CastEntry | undefined {
    const { source, target, context, method, signature } = facts;
    const fn = signature === '' ? undefined : this.#bySignature(signature);
    if (signature !== '' && fn === undefined) return undefined;
    const type = this.#types.byOid(target);
    if (type === undefined) return undefined;
    const wrap =
      method === 'relabel' || signature === 'int4(int2)' ? wrapping(this.#types.byOid(source), type) : undefined;
    if (wrap !== undefined) {
      return { source, target, context, method: 'function', functionOid: fn?.oid ?? 0, impl: wrap };
    }
    if (method === 'relabel') return { source, target, context, method, functionOid: 0, ...relabel(type) };
    if (method === 'io') return this.#ioCast(source, target, context);
    const impl = fn?.impl ?? broken(`cast function ${signature} has no implementation`);
    return {
      source,
      target,
      context,
      method,
      functionOid: fn?.oid ?? 0,
      impl: source === target ? lengthCast(type) : converted(impl, type),
      ...(fn?.code === undefined ? {} : { code: fn.code }),
    };
  }

  /** Out through one type's text, in through the other's. */
  #ioCast(source: Oid, target: Oid, context: 'i' | 'a' | 'e'): CastEntry {
    const from = this.#types.byOid(source);
    const to = this.#types.byOid(target);
    if (from === undefined || to === undefined) broken('an I/O cast joins known types');
    return {
      source,
      target,
      context,
      method: 'io',
      functionOid: 0,
      impl: (evalContext, value, typmod, explicit) => {
        const result = to.parse(from.format(value, evalContext), -1, evalContext);
        return typmod < 0 || result === null ? result : (to.applyTypmod?.(result, typmod, explicit) ?? result);
      },
    };
  }

  #makeAggregates(): { byOid: Map<Oid, AggregateEntry>; byName: Map<string, AggregateEntry[]> } {
    const byOid = new Map<Oid, AggregateEntry>();
    const byName = new Map<string, AggregateEntry[]>();
    for (const { signature, ...definition } of ALL_AGGREGATES) {
      const facts = aggregateFacts().get(signature);
      if (facts === undefined) broken(`no facts about aggregate ${signature}`);
      const { signature: _, ...rest } = facts;
      const entry: AggregateEntry = { ...rest, ...definition };
      byOid.set(entry.oid, entry);
      const named = byName.get(entry.name);
      if (named === undefined) byName.set(entry.name, [entry]);
      else named.push(entry);
    }
    return { byOid, byName };
  }

  type(oid: Oid): TypeEntry | undefined {
    return this.#types.byOid(oid);
  }

  typeNamed(name: string): TypeEntry | undefined {
    return this.#types.byName(name);
  }

  types(): Iterable<TypeEntry> {
    return this.#types.all();
  }

  functionsNamed(name: string): readonly FunctionEntry[] {
    return remembered(this.#functionNames, name, () => this.#makeFunctions(name));
  }

  function(oid: Oid): FunctionEntry | undefined {
    const known = this.#functions.get(oid);
    if (known !== undefined) return known;
    return this.functionsNamed(functionName(oid) ?? '').find((entry) => entry.oid === oid);
  }

  *functions(): Iterable<FunctionEntry> {
    for (const name of this.#definitions().keys()) yield* this.functionsNamed(name);
  }

  aggregatesNamed(name: string): readonly AggregateEntry[] {
    return this.#aggregates().byName.get(name) ?? [];
  }

  aggregate(oid: Oid): AggregateEntry | undefined {
    return this.#aggregates().byOid.get(oid);
  }

  aggregates(): Iterable<AggregateEntry> {
    return this.#aggregates().byOid.values();
  }

  operatorsNamed(name: string): readonly OperatorEntry[] {
    return remembered(this.#operatorNames, name, () => {
      const entries = operatorFactsNamed(name).flatMap((facts) => this.#makeOperator(facts) ?? []);
      for (const entry of entries) this.#operators.set(entry.oid, entry);
      return entries;
    });
  }

  operator(oid: Oid): OperatorEntry | undefined {
    const known = this.#operators.get(oid);
    if (known !== undefined) return known;
    return this.operatorsNamed(operatorName(oid) ?? '').find((entry) => entry.oid === oid);
  }

  *operators(): Iterable<OperatorEntry> {
    for (const name of allOperatorNames()) yield* this.operatorsNamed(name);
  }

  cast(source: Oid, target: Oid): CastEntry | undefined {
    const pair = pairOf(source, target);
    if (!this.#casts.has(pair)) {
      const facts = this.#castFacts().get(pair);
      const listed = facts && this.#listedCast(facts);
      this.#casts.set(pair, listed ?? this.#derive(source, target));
    }
    return this.#casts.get(pair);
  }

  *casts(): Iterable<CastEntry> {
    for (const facts of allCastFacts()) {
      const cast = this.#listedCast(facts);
      if (cast !== undefined) yield cast;
    }
  }

  /** PostgreSQL's rules for pairs without a row: arrays by element, anything to and from text-like types by text. */
  #derive(source: Oid, target: Oid): CastEntry | undefined {
    const from = this.#types.byOid(source);
    const to = this.#types.byOid(target);
    if (from === undefined || to === undefined || to.typeType === 'p') return undefined;
    if (source === UNKNOWN_OID) return this.#ioCast(source, target, 'i');
    if (source === target) return { source, target, context: 'i', method: 'relabel', functionOid: 0, ...relabel(to) };
    if (from.elementOid !== 0 && to.elementOid !== 0 && from.category === 'A' && to.category === 'A') {
      return this.#arrayCast(from, to);
    }
    if (to.category === 'S') return this.#ioCast(source, target, 'a');
    return from.category === 'S' ? this.#ioCast(source, target, 'e') : undefined;
  }

  #arrayCast(from: TypeEntry, to: TypeEntry): CastEntry | undefined {
    const element = this.cast(from.elementOid, to.elementOid);
    if (element === undefined) return undefined;
    const { impl } = element;
    return {
      source: from.oid,
      target: to.oid,
      context: element.context,
      method: 'function',
      functionOid: 0,
      impl: (context, value, typmod, explicit) => {
        if (!(value instanceof PgArray)) return broken('an array cast converts arrays');
        const values = value.values.map((item) => {
          return item === null || impl === undefined ? item : impl(context, item, typmod, explicit);
        });
        return value.retyped(to.elementOid, values);
      },
    };
  }

  #functionOids(name: string): readonly Oid[] {
    const io = ioFunctionFacts().get(name);
    const some = [...this.functionsNamed(name), ...this.aggregatesNamed(name), ...(io === undefined ? [] : [io])];
    return some.map((entry) => entry.oid);
  }

  #functionName(oid: Oid, args: boolean, context: EvalContext): string | undefined {
    const entry = this.function(oid) ?? this.aggregate(oid) ?? ioFunctionFacts().get(ioFunctionNames().get(oid) ?? '');
    if (entry === undefined) return undefined;
    return args ? `${entry.name}(${this.#typeNames(entry.args, context)})` : entry.name;
  }

  #operatorName(oid: Oid, args: boolean, context: EvalContext): string | undefined {
    const entry = this.operator(oid);
    if (entry === undefined) return undefined;
    if (!args) return entry.name;
    const left = entry.left === 0 ? 'NONE' : this.#typeNames([entry.left], context);
    return `${entry.name}(${left},${this.#typeNames([entry.right], context)})`;
  }

  #typeNames(oids: readonly Oid[], context: EvalContext): string {
    return oids.map((oid) => this.#types.byOid(oid)?.displayName ?? context.system.typeName(oid) ?? '???').join(',');
  }
}

export const registry: Registry = new BuiltinRegistry();
