/** `pg_get_function_arguments` and its kin: a built-in function's signature as SQL writes it. */

import type { Oid } from '../types/contracts.ts';
import { formatType } from '../types/format-type.ts';
import type { TypeTable } from '../types/type-table.ts';
import { type Definition, pure } from './definition.ts';
import { AGGREGATES, FUNCTIONS, type FunctionFacts } from './facts.ts';

type Described = Pick<FunctionFacts, 'args' | 'result' | 'variadic'> &
  Partial<Pick<FunctionFacts, 'argNames' | 'columns' | 'returnsSet'>>;

/** The definitions over the names of `types`. */
export function functionDescriptions(types: TypeTable): readonly Definition[] {
  const byOid = new Map<Oid, Described>();
  for (const facts of [...FUNCTIONS.values(), ...AGGREGATES.values()]) byOid.set(facts.oid, facts);
  const typeName = (oid: Oid): string => {
    const entry = types.byOid(oid);
    return entry === undefined ? '???' : formatType(entry, undefined, types.byOid(entry.elementOid));
  };
  const argumentList = (facts: Described): string => {
    const ins = facts.args.map((type, i) => {
      const name = facts.argNames?.[i];
      const variadic = facts.variadic !== 0 && i === facts.args.length - 1 ? 'VARIADIC ' : '';
      return `${variadic}${name === undefined ? '' : `${name} `}${typeName(type)}`;
    });
    const outs = (facts.columns ?? []).map(({ name, type }) => `OUT ${name} ${typeName(type)}`);
    return [...ins, ...outs].join(', ');
  };
  const resultText = (facts: Described): string => {
    return `${facts.returnsSet === true ? 'SETOF ' : ''}${typeName(facts.result)}`;
  };
  const describe = (signature: string, text: (facts: Described) => string): Definition =>
    pure(signature, (oid: Oid) => {
      const facts = byOid.get(oid);
      return facts === undefined ? null : text(facts);
    });
  return [
    describe('pg_get_function_arguments(oid)', argumentList),
    describe('pg_get_function_identity_arguments(oid)', argumentList),
    describe('pg_get_function_result(oid)', resultText),
  ];
}
