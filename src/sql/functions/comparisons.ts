/**
 * The six comparisons of every comparable pair of types.
 *
 * pg_operator's rows say which function stands behind `=`, `<` … for two types; the implementation follows from the pair's
 * order. Text-like types compare as text, integers and floats by value, dates and timestamps as instants or local times.
 */

import type { PgArray } from '../types/array.ts';
import type { CodeTemplate, EvalContext, SqlValue } from '../types/contracts.ts';
import { fromLocal } from '../types/datetime-format.ts';
import { compareFloats } from '../types/scalar-types.ts';
import { compareText } from '../types/text-order.ts';
import { settingZone } from '../types/time-zone.ts';
import type { TypeTable } from '../types/type-table.ts';
import { compareArrays } from '../types/type-table.ts';
import type { WideInteger } from '../types/wide-integer.ts';
import { dateToTimestamp } from './datetime-arithmetic.ts';
import type { Definition } from './definition.ts';

export const COMPARISONS = ['=', '<>', '<', '<=', '>', '>='] as const;

export type Comparison = (typeof COMPARISONS)[number];

type Order = { call(context: EvalContext, a: SqlValue, b: SqlValue): number }['call'];

const INTEGERS = new Set(['int2', 'int4', 'int8', 'oid', 'xid', 'cid']);
const FLOATS = new Set(['float4', 'float8']);
const TEXTS = new Set(['text', 'name', 'bpchar', 'varchar']);
const TIMES = new Set(['date', 'timestamp', 'timestamptz']);

function compareNumbers(_context: EvalContext, a: WideInteger, b: WideInteger): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Brings a date or timestamp to the other side's meaning: an instant if either is timestamptz. */
function timeOrder(left: string, right: string): Order {
  const instants = left === 'timestamptz' || right === 'timestamptz';
  const lift = (context: EvalContext, type: string, value: WideInteger): WideInteger => {
    const local = type === 'date' ? farDate(Number(value)) : value;
    return instants && type !== 'timestamptz' ? fromLocal(local, settingZone(context.settings.timeZone)) : local;
  };
  return (context, a: WideInteger, b: WideInteger) => {
    return compareNumbers(context, lift(context, left, a), lift(context, right, b));
  };
}

/** First day that no timestamp reaches, and an instant after all timestamps. */
const TIMESTAMP_DAYS_END = 106751983;
const BEYOND_TIMESTAMPS = 9223371331199999999n;

/** Dates beyond the range of timestamps lie after all of them. */
function farDate(days: number): WideInteger {
  return Number.isFinite(days) && days >= TIMESTAMP_DAYS_END ? BEYOND_TIMESTAMPS : dateToTimestamp(days);
}

/** The order of a pair of types; undefined = not comparable. */
function orderOf(types: TypeTable, left: string, right: string): Order | undefined {
  if (INTEGERS.has(left) && INTEGERS.has(right)) return compareNumbers;
  if (FLOATS.has(left) && FLOATS.has(right)) return (_context, a: number, b: number) => compareFloats(a, b);
  if (TEXTS.has(left) && TEXTS.has(right)) return (_context, a: string, b: string) => compareText(a, b);
  if (TIMES.has(left) && TIMES.has(right)) return left === right ? compareNumbers : timeOrder(left, right);
  if (left !== right) return undefined;
  if (left === 'anyarray') {
    return (_context, a: PgArray, b: PgArray) => {
      const element = types.byOid(a.elementType)?.compare;
      return element === undefined ? 0 : compareArrays(a, b, element);
    };
  }
  const compare = types.byName(left)?.compare;
  return compare === undefined ? undefined : (_context, a, b) => compare(a, b);
}

const HOLDS: Readonly<Record<Comparison, (order: number) => boolean>> = {
  '=': (order) => order === 0,
  '<>': (order) => order !== 0,
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '>': (order) => order > 0,
  '>=': (order) => order >= 0,
};

const OPERATORS_IN_CODE: Readonly<Record<Comparison, string>> = {
  '=': '===',
  '<>': '!==',
  '<': '<',
  '<=': '<=',
  '>': '>',
  '>=': '>=',
};

/** JavaScript compares these as SQL does; canonical wide integers are equal exactly when `===` says so. */
const plainTemplate =
  (operator: Comparison): CodeTemplate =>
  ([a, b]) =>
    `(${a} ${OPERATORS_IN_CODE[operator]} ${b})`;

/** NaN is equal to itself and above all numbers. */
const FLOAT_TEMPLATES: Readonly<Record<Comparison, CodeTemplate>> = {
  '=': ([a, b]) => `(${a} === ${b} || (${a} !== ${a} && ${b} !== ${b}))`,
  '<>': ([a, b]) => `(${a} !== ${b} && (${a} === ${a} || ${b} === ${b}))`,
  '<': ([a, b]) => `(${a} < ${b} || (${b} !== ${b} && ${a} === ${a}))`,
  '<=': ([a, b]) => `(${a} <= ${b} || ${b} !== ${b})`,
  '>': ([a, b]) => `(${a} > ${b} || (${a} !== ${a} && ${b} === ${b}))`,
  '>=': ([a, b]) => `(${a} >= ${b} || ${a} !== ${a})`,
};

function templateOf(left: string, right: string, operator: Comparison): CodeTemplate | undefined {
  if (FLOATS.has(left)) return FLOAT_TEMPLATES[operator];
  if (INTEGERS.has(left) || (TIMES.has(left) && left === right) || left === 'bool' || left === 'time') {
    return plainTemplate(operator);
  }
  const equality = operator === '=' || operator === '<>';
  return equality && (TEXTS.has(left) || left === 'uuid' || left === 'char') ? plainTemplate(operator) : undefined;
}

/** The function behind one comparison operator; undefined when the pair has no order. */
export function comparison(
  types: TypeTable,
  signature: string,
  operator: Comparison,
  left: string,
  right: string,
): Definition | undefined {
  const order = orderOf(types, left, right);
  if (order === undefined) return undefined;
  const holds = HOLDS[operator];
  const code = templateOf(left, right, operator);
  const impl =
    (TEXTS.has(left) || left === 'uuid') && operator === '='
      ? (_context: EvalContext, a: SqlValue, b: SqlValue) => a === b
      : (context: EvalContext, a: SqlValue, b: SqlValue) => holds(order(context, a, b));
  return code === undefined ? { signature, impl } : { signature, impl, code };
}
