/**
 * SQL values as JavaScript has them, exactly as node-postgres' default parsers do:
 *
 *   boolean → boolean      int2 int4 oid float4 float8 → number      int8 numeric → string
 *   date timestamp timestamptz → Date (date and timestamp in the machine's zone), ±Infinity
 *   interval → PostgresInterval      bytea → Buffer      arrays of these → arrays (numeric's of numbers)
 *   everything else → its text
 */
import { typeEntry } from '../sql/exec/values.ts';
import type { ResultColumn } from '../sql/session/results.ts';
import { PgArray } from '../sql/types/array.ts';
import { civilFromDays, DAY, SECOND, UNIX_EPOCH_MICROS } from '../sql/types/calendar.ts';
import type { EvalContext, Oid, SqlValue } from '../sql/types/contracts.ts';
import { Interval } from '../sql/types/interval.ts';
import { padBpchar } from '../sql/types/text-types.ts';
import { postgresInterval } from './postgres-interval.ts';

type Value = Exclude<SqlValue, null>;
export type Convert = (value: Value, context: EvalContext) => unknown;

const BPCHAR_OID = 1042;
const same: Convert = (value) => value;

/** By type oid; types that are not here give their text. */
const SCALARS: ReadonlyMap<Oid, Convert> = new Map<Oid, Convert>([
  [16, same],
  [17, (value) => (value instanceof Uint8Array ? Buffer.from(value) : value)],
  [19, same],
  [20, (value) => String(value)],
  [21, same],
  [23, same],
  [25, same],
  [26, same],
  [700, (value, context) => Number.parseFloat(typeEntry(700).format(value, context))],
  [701, same],
  [1043, same],
  [1082, (value) => (typeof value === 'number' ? localDate(value, 0) : value)],
  [1114, (value) => (typeof value === 'number' || typeof value === 'bigint' ? timestamp(value, true) : value)],
  [1184, (value) => (typeof value === 'number' || typeof value === 'bigint' ? timestamp(value, false) : value)],
  [1186, (value) => (value instanceof Interval ? postgresInterval(value) : value)],
]);

const float: Convert = (value, context) =>
  Number.parseFloat(typeof value === 'number' ? String(value) : typeEntry(1700).format(value, context));

/** Array types that become arrays: of what their elements become, or (the second list) of their elements' texts. */
const ARRAYS = new Set<Oid>([1000, 1001, 1005, 1007, 1016, 1021, 1022, 1028, 1115, 1182, 1185, 1187]);
const TEXT_ARRAYS = new Set<Oid>([1008, 1009, 1014, 1015, 1183, 1270, 2951]);
const NUMERIC_ARRAY_OID = 1231;

function elementConverter(array: Oid, element: Oid): Convert | undefined {
  if (TEXT_ARRAYS.has(array)) return (value, context) => typeEntry(element).format(value, context);
  if (array === NUMERIC_ARRAY_OID) return float;
  return ARRAYS.has(array) ? SCALARS.get(element) : undefined;
}

/** How the values of a result column are given to programs. */
export function converter(column: ResultColumn): Convert {
  const scalar = SCALARS.get(column.type);
  if (scalar !== undefined) return scalar;
  const entry = typeEntry(column.type);
  const element = elementConverter(column.type, entry.elementOid);
  if (element === undefined) return textConverter(column);
  return (value, context) => (value instanceof PgArray ? nested(value, element, context) : value);
}

/** The text that the wire would carry. */
export function textConverter(column: ResultColumn): (value: Value, context: EvalContext) => string {
  const entry = typeEntry(column.type);
  if (column.type === BPCHAR_OID) return (value, context) => padBpchar(entry.format(value, context), column.typmod);
  return (value, context) => entry.format(value, context);
}

/** True when the values of a type are given as they are. */
export function isIdentity(convert: Convert): boolean {
  return convert === same;
}

function nested(array: PgArray, element: Convert, context: EvalContext): unknown[] {
  let at = 0;
  const level = (dimension: number): unknown[] => {
    const length = array.dims[dimension] ?? 0;
    const items: unknown[] = [];
    for (let i = 0; i < length; i++) {
      if (dimension + 1 < array.dims.length) items.push(level(dimension + 1));
      else {
        const value = array.values[at++] ?? null;
        items.push(value === null ? null : element(value, context));
      }
    }
    return items;
  };
  return level(0);
}

/** A day and a time of day in the machine's zone. */
function localDate(days: number, micros: number): Date | number {
  if (!Number.isFinite(days)) return days;
  const { year, month, day } = civilFromDays(days);
  const seconds = Math.floor(micros / SECOND);
  const made = new Date(2000, month - 1, day, 0, 0, seconds, Math.floor((micros % SECOND) / 1000));
  // The constructor takes years below 100 for those of the last century.
  made.setFullYear(year, month - 1, day);
  return made;
}

function timestamp(value: number | bigint, local: boolean): Date | number {
  if (typeof value === 'number' && !Number.isFinite(value)) return value;
  // Beyond 2^53 µs a float is off by some µs at most; a Date has milliseconds.
  const micros = Number(value);
  if (!local) return new Date(Math.floor((micros - UNIX_EPOCH_MICROS) / 1000));
  const days = Math.floor(micros / DAY);
  return localDate(days, micros - days * DAY);
}
