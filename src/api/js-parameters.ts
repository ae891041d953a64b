/** JavaScript values as parameters, by the rules of node-postgres: each has a text that its type reads. */
import { hasLoneSurrogate } from '../base/bytes.ts';
import { fail } from '../base/errors.ts';
import { typeEntry } from '../sql/exec/values.ts';
import type { EvalContext, Oid, SqlValue } from '../sql/types/contracts.ts';

const TEXT_OID = 25;
const BYTEA_OID = 17;

/** Values of a statement's parameters. @throws 08P01 for a wrong number, and what the types' readers throw. */
export function parameterValues(values: readonly unknown[], types: readonly Oid[], context: EvalContext): SqlValue[] {
  if (values.length !== types.length)
    throw fail(
      'protocol_violation',
      `bind message supplies ${values.length} parameters, but prepared statement "" requires ${types.length}`,
    );
  const made: SqlValue[] = [];
  for (let i = 0; i < types.length; i++) made.push(parameterValue(values[i], types[i]!, context));
  return made;
}

export function parameterValue(value: unknown, type: Oid, context: EvalContext): SqlValue {
  if (typeof value === 'number') {
    if (Number.isInteger(value)) {
      if (type === 23 && value === (value | 0)) return value;
      if (type === 20 && Number.isSafeInteger(value)) return value + 0;
    }
    if (type === 701) return value;
  } else if (typeof value === 'string') {
    if (type === TEXT_OID) return checkedText(value);
  } else if (value === null || value === undefined) return null;
  else if (type === BYTEA_OID && value instanceof Uint8Array) return value.slice();
  return typeEntry(type).parse(checkedText(parameterText(value)), -1, context);
}

function checkedText(text: string): string {
  if (text.includes('\0')) throw fail('character_not_in_repertoire', 'invalid byte sequence for encoding "UTF8": 0x00');
  if (hasLoneSurrogate(text))
    throw fail('character_not_in_repertoire', 'a parameter holds half of a surrogate pair, which has no UTF-8');
  return text;
}

/** The text of a value that is not null. */
function parameterText(value: unknown): string {
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString('hex')}`;
  if (value instanceof Date) return dateText(value);
  if (Array.isArray(value)) return arrayText(value);
  if (typeof value === 'object' && value !== null) {
    if ('toPostgres' in value && typeof value.toPostgres === 'function')
      return parameterText(value.toPostgres(parameterText));
    return JSON.stringify(value);
  }
  return String(value);
}

function arrayText(values: readonly unknown[]): string {
  const items = values.map((value) => {
    if (value === null || value === undefined) return 'NULL';
    if (Array.isArray(value)) return arrayText(value);
    return `"${parameterText(value).replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
  });
  return `{${items.join(',')}}`;
}

/** In the machine's zone, with its offset, so that every date and time type reads what the program meant. */
function dateText(date: Date): string {
  if (Number.isNaN(date.getTime()))
    throw fail('invalid_datetime_format', 'invalid input syntax for type timestamp: an invalid Date');
  const two = (n: number): string => String(n).padStart(2, '0');
  const year = date.getFullYear();
  const shown = String(year > 0 ? year : 1 - year).padStart(4, '0');
  const offset = -date.getTimezoneOffset();
  const zone = `${offset < 0 ? '-' : '+'}${two(Math.floor(Math.abs(offset) / 60))}:${two(Math.abs(offset) % 60)}`;
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, '0')}`;
  return `${shown}-${two(date.getMonth() + 1)}-${two(date.getDate())}T${time}${zone}${year > 0 ? '' : ' BC'}`;
}
