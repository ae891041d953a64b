/** From a type's name in the tree to its oid and modifier. */

import type { Expression } from '../ast/expressions.ts';
import type { TypeName } from '../ast/names.ts';
import type { Oid } from '../types/contracts.ts';
import { INTERVAL_OID } from '../types/type-oids.ts';
import type { Binding } from './binding.ts';

export interface BoundType {
  readonly oid: Oid;
  readonly typmod: number;
}

/** Bits of the fields in PostgreSQL's interval modifier. */
const FIELD_BITS: Readonly<Record<string, number>> = {
  year: 4,
  month: 2,
  day: 8,
  hour: 1024,
  minute: 2048,
  second: 4096,
};
const FIELD_ORDER = ['year', 'month', 'day', 'hour', 'minute', 'second'];
const FULL_RANGE = 0x7fff;

/** @throws undefined_object for an unknown type, invalid_parameter_value for wrong modifiers */
export function lookUpType(b: Binding, name: TypeName): BoundType {
  if (name.setOf) throw b.error('syntax_error', 'type modifier SETOF is not allowed here', name.at);
  if (name.schema !== null && name.schema !== 'pg_catalog') throw undefinedType(b, name);
  // Only `pg_catalog` has types; user tables' row types are not nameable.
  const element = b.context.registry.typeNamed(name.name);
  if (element === undefined) throw undefinedType(b, name);
  const typmod = b.at(name.at, () => modifierOf(b, name, element.oid));
  if (name.dimensions === 0) return { oid: element.oid, typmod };
  if (element.arrayOid === 0)
    throw b.error('undefined_object', `could not find array type for data type ${element.displayName}`, name.at);
  return { oid: element.arrayOid, typmod };
}

/** Types of PostgreSQL that the registry does not know at all. */
const FOREIGN_TYPES: ReadonlySet<string> = new Set(
  (
    'bit varbit money point line lseg box path polygon circle macaddr macaddr8 cidr tsvector tsquery jsonpath ' +
    'int4range int8range numrange tsrange tstzrange daterange int4multirange int8multirange nummultirange ' +
    'tsmultirange tstzmultirange datemultirange txid_snapshot pg_snapshot xid8 cid'
  ).split(' '),
);

function undefinedType(b: Binding, name: TypeName) {
  const isOurs = name.schema === null || name.schema === 'pg_catalog';
  if (isOurs && FOREIGN_TYPES.has(name.name)) throw b.unsupported(`type ${name.name}`, name.at);
  const shown = name.schema === null ? name.name : `${name.schema}.${name.name}`;
  return b.error('undefined_object', `type "${shown}${'[]'.repeat(name.dimensions)}" does not exist`, name.at);
}

function modifierOf(b: Binding, name: TypeName, oid: Oid): number {
  const args = name.modifiers.map((m) => modifierText(b, m));
  const isInterval = oid === INTERVAL_OID;
  if (isInterval && (name.intervalFields !== null || args.length > 0))
    args.unshift(String(rangeOf(name.intervalFields)));
  if (args.length === 0) return -1;
  const type = b.type(oid);
  if (type?.typmodIn === undefined)
    throw b.error('syntax_error', `type modifier is not allowed for type "${name.name}"`, name.at);
  return type.typmodIn(args);
}

function rangeOf(fields: string | null): number {
  if (fields === null) return FULL_RANGE;
  const [first, last] = fields.split(' to ');
  const from = FIELD_ORDER.indexOf(first!);
  const to = FIELD_ORDER.indexOf(last ?? first!);
  return FIELD_ORDER.slice(from, to + 1).reduce((bits, field) => bits | FIELD_BITS[field]!, 0);
}

function modifierText(b: Binding, expression: Expression): string {
  if (expression.kind === 'literal' && expression.literal !== 'null') return expression.text;
  if (expression.kind === 'column' && expression.parts.length === 1) return expression.parts[0]!.text;
  if (expression.kind === 'operator' && expression.left === null && expression.operator === '-')
    return `-${modifierText(b, expression.right)}`;
  throw b.error('invalid_parameter_value', 'type modifiers must be simple constants or identifiers', expression.at);
}
