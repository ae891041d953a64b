/** `pg_get_function_arguments` and its kin: a built-in function's signature as SQL writes it. */

import type { Oid } from '../types/contracts.ts';
import { formatType } from '../types/format-type.ts';
import type { TypeTable } from '../types/type-table.ts';
import { type Definition, pure } from './definition.ts';
import { aggregateFacts, type FunctionFacts, functionFactsNamed, functionName } from './facts.ts';

type Described = Pick<FunctionFacts, 'args' | 'result' | 'variadic'> &
  Partial<Pick<FunctionFacts, 'argNames' | 'columns' | 'returnsSet'>>;

/** The definitions over the names of `types`. */
export function functionDescriptions(types: TypeTable): readonly Definition[] {
  const described = (oid: Oid): Described | undefined => {
    const name = functionName(oid);
    if (name !== undefined) return functionFactsNamed(name).find((facts) => facts.oid === oid);
    return [...aggregateFacts().values()].find((facts) => facts.oid === oid);
  };
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
      const facts = described(oid);
      return facts === undefined ? null : text(facts);
    });
  return [
    describe('pg_get_function_arguments(oid)', argumentList),
    describe('pg_get_function_identity_arguments(oid)', argumentList),
    describe('pg_get_function_result(oid)', resultText),
  ];
}
