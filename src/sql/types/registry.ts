/**
 * The registry: all built-in types, functions, operators, casts and aggregates.
 *
 * It joins three sources: facts of PostgreSQL's catalogs (oids, results, volatility …), the definitions of `functions/`, and
 * the comparisons that follow from the types' orders. An operator or cast exists here exactly when the function behind it
 * does. It is immutable and shared by all sessions.
 */

import { broken } from '../../base/assert.ts';
import { KIND_I16, KIND_I32, KIND_U32 } from '../../base/physical.ts';
import { ALL_AGGREGATES } from '../functions/aggregates.ts';
import { allDefinitions } from '../functions/all-definitions.ts';
import { comparison, isComparison } from '../functions/comparisons.ts';
import type { Definition } from '../functions/definition.ts';
import { AGGREGATES, CASTS, type CastFacts, FUNCTIONS, type FunctionFacts, OPERATORS } from '../functions/facts.ts';
import { PgArray } from './array.ts';
import type {
  AggregateEntry,
  CastEntry,
  EvalContext,
  FunctionEntry,
  Oid,
  OperatorEntry,
  Registry,
  SqlValue,
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

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, [value]);
  else known.push(value);
}

class BuiltinRegistry implements Registry {
  readonly #types: TypeTable;
  readonly #bySignature = new Map<string, FunctionEntry>();
  readonly #functions = new Map<Oid, FunctionEntry>();
  readonly #functionNames = new Map<string, FunctionEntry[]>();
  readonly #operators = new Map<Oid, OperatorEntry>();
  readonly #operatorNames = new Map<string, OperatorEntry[]>();
  readonly #aggregates = new Map<Oid, AggregateEntry>();
  readonly #aggregateNames = new Map<string, AggregateEntry[]>();
  /** Casts by source × 2^32 + target. */
  readonly #casts = new Map<number, CastEntry>();
  /** Casts that no row of pg_cast lists: by text, and of arrays by element; made when first asked for. */
  readonly #derivedCasts = new Map<number, CastEntry | undefined>();

  constructor() {
    this.#types = new TypeTable({
      functionsNamed: (name) => this.#functionOids(name),
      operatorsNamed: (name) => this.operatorsNamed(name).map((entry) => entry.oid),
      functionName: (oid, args, context) => this.#functionName(oid, args, context),
      operatorName: (oid, args, context) => this.#operatorName(oid, args, context),
    });
    for (const definition of allDefinitions(this.#types)) this.#addFunction(definition);
    this.#addOperators();
    for (const facts of CASTS) this.#addCast(facts);
    this.#addAggregates();
  }

  #addFunction(definition: Definition): void {
    const facts = FUNCTIONS.get(definition.signature);
    if (facts === undefined) broken(`no facts about function ${definition.signature}`);
    if (this.#bySignature.has(definition.signature)) broken(`${definition.signature} is defined twice`);
    const entry = functionEntry(facts, definition);
    this.#bySignature.set(definition.signature, entry);
    this.#functions.set(entry.oid, entry);
    push(this.#functionNames, entry.name, entry);
  }

  #addOperators(): void {
    for (const facts of OPERATORS) {
      const { signature, name, left, right } = facts;
      if (!this.#bySignature.has(signature) && isComparison(name)) {
        const definition = comparison(this.#types, signature, name, left, right);
        if (definition !== undefined) this.#addFunction(definition);
      }
      const fn = this.#bySignature.get(signature);
      if (fn === undefined) continue;
      const { oid, result, commutator, negator, hashable } = facts;
      const entry: OperatorEntry = {
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
      this.#operators.set(oid, entry);
      push(this.#operatorNames, name, entry);
    }
  }

  #addCast(facts: CastFacts): void {
    const { source, target, context, method, signature } = facts;
    const fn = this.#bySignature.get(signature);
    if (signature !== '' && fn === undefined) return;
    const type = this.#types.byOid(target);
    if (type === undefined) return;
    const key = source * 2 ** 32 + target;
    const wrap =
      method === 'relabel' || signature === 'int4(int2)' ? wrapping(this.#types.byOid(source), type) : undefined;
    if (wrap !== undefined) {
      this.#casts.set(key, { source, target, context, method: 'function', functionOid: fn?.oid ?? 0, impl: wrap });
      return;
    }
    if (method === 'relabel') {
      this.#casts.set(key, { source, target, context, method, functionOid: 0, ...relabel(type) });
      return;
    }
    if (method === 'io') {
      this.#casts.set(key, this.#ioCast(source, target, context));
      return;
    }
    const impl = fn?.impl ?? broken(`cast function ${signature} has no implementation`);
    this.#casts.set(key, {
      source,
      target,
      context,
      method,
      functionOid: fn?.oid ?? 0,
      impl: source === target ? lengthCast(type) : converted(impl, type),
      ...(fn?.code === undefined ? {} : { code: fn.code }),
    });
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

  #addAggregates(): void {
    for (const { signature, ...definition } of ALL_AGGREGATES) {
      const facts = AGGREGATES.get(signature);
      if (facts === undefined) broken(`no facts about aggregate ${signature}`);
      const { signature: _, ...rest } = facts;
      const entry: AggregateEntry = { ...rest, ...definition };
      this.#aggregates.set(entry.oid, entry);
      push(this.#aggregateNames, entry.name, entry);
    }
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
    return this.#functionNames.get(name) ?? [];
  }

  function(oid: Oid): FunctionEntry | undefined {
    return this.#functions.get(oid);
  }

  functions(): Iterable<FunctionEntry> {
    return this.#functions.values();
  }

  aggregatesNamed(name: string): readonly AggregateEntry[] {
    return this.#aggregateNames.get(name) ?? [];
  }

  aggregate(oid: Oid): AggregateEntry | undefined {
    return this.#aggregates.get(oid);
  }

  aggregates(): Iterable<AggregateEntry> {
    return this.#aggregates.values();
  }

  operatorsNamed(name: string): readonly OperatorEntry[] {
    return this.#operatorNames.get(name) ?? [];
  }

  operator(oid: Oid): OperatorEntry | undefined {
    return this.#operators.get(oid);
  }

  operators(): Iterable<OperatorEntry> {
    return this.#operators.values();
  }

  cast(source: Oid, target: Oid): CastEntry | undefined {
    const key = source * 2 ** 32 + target;
    const listed = this.#casts.get(key);
    if (listed !== undefined) return listed;
    if (!this.#derivedCasts.has(key)) this.#derivedCasts.set(key, this.#derive(source, target));
    return this.#derivedCasts.get(key);
  }

  casts(): Iterable<CastEntry> {
    return this.#casts.values();
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
    return [...this.functionsNamed(name), ...this.aggregatesNamed(name)].map((entry) => entry.oid);
  }

  #functionName(oid: Oid, args: boolean, context: EvalContext): string | undefined {
    const entry = this.#functions.get(oid) ?? this.#aggregates.get(oid);
    if (entry === undefined) return undefined;
    return args ? `${entry.name}(${this.#typeNames(entry.args, context)})` : entry.name;
  }

  #operatorName(oid: Oid, args: boolean, context: EvalContext): string | undefined {
    const entry = this.#operators.get(oid);
    if (entry === undefined) return undefined;
    if (!args) return entry.name;
    const left = entry.left === 0 ? 'NONE' : this.#typeNames([entry.left], context);
    return `${entry.name}(${left},${this.#typeNames([entry.right], context)})`;
  }

  #typeNames(oids: readonly Oid[], context: EvalContext): string {
    return oids.map((oid) => this.#types.byOid(oid)?.displayName ?? context.system.typeName(oid) ?? '???').join(',');
  }
}

type CastImpl = NonNullable<CastEntry['impl']>;

/** Between signed integers and oids the bits stay and the number wraps around. */
function wrapping(source: TypeEntry | undefined, target: TypeEntry): CastImpl | undefined {
  const from = source?.physical(-1)?.kind;
  const to = target.physical(-1)?.kind;
  if ((from === KIND_I32 || from === KIND_I16) && to === KIND_U32) return (_context, value) => Number(value) >>> 0;
  if (from === KIND_U32 && to === KIND_I32) return (_context, value) => Number(value) | 0;
  return undefined;
}

/** The value as it is, brought into the target's typmod. */
function relabel(type: TypeEntry): { readonly impl?: CastImpl } {
  return type.applyTypmod === undefined ? {} : { impl: lengthCast(type) };
}

function lengthCast(type: TypeEntry): CastImpl {
  return (_context, value, typmod, explicit) => {
    return typmod < 0 ? value : (type.applyTypmod?.(value, typmod, explicit) ?? value);
  };
}

/** Converts by the cast's function, then applies the typmod. */
function converted(impl: (context: EvalContext, value: SqlValue) => SqlValue, type: TypeEntry): CastImpl {
  return (context, value, typmod, explicit) => {
    const result = impl(context, value);
    return typmod < 0 || result === null ? result : (type.applyTypmod?.(result, typmod, explicit) ?? result);
  };
}

export const registry: Registry = new BuiltinRegistry();
