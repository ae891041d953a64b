/**
 * `extract` and `date_part`: one field of a date, time, timestamp or interval.
 *
 * extract answers numeric with PostgreSQL's scales (seconds and epoch 6, milliseconds 3), date_part the same as float8.
 */

import { fail } from '../../base/errors.ts';
import {
  civilFromMicros,
  DAY,
  daysFromCivil,
  HOUR,
  isInfinite,
  isoWeek,
  JULIAN_2000,
  MINUTE,
  UNIX_EPOCH_MICROS,
  weekday,
} from '../types/calendar.ts';
import type { EvalContext, SqlValue } from '../types/contracts.ts';
import { toLocal } from '../types/datetime-format.ts';
import type { Interval } from '../types/interval.ts';
import {
  NUMERIC_INFINITY,
  NUMERIC_NEGATIVE_INFINITY,
  Numeric,
  numericFromInteger,
  numericToFloat,
} from '../types/numeric.ts';
import { addNumeric, divideNumeric } from '../types/numeric-arithmetic.ts';
import { secondsOf, settingZone } from '../types/time-zone.ts';
import { canonical, type WideInteger } from '../types/wide-integer.ts';
import { dateToTimestamp } from './datetime-arithmetic.ts';
import { contextual, type Definition } from './definition.ts';

/** All spellings of a field, by its name. */
const SPELLINGS: ReadonlyMap<string, string> = new Map(
  [
    'microseconds us usec usecs usecond useconds microsecon microsecond',
    'milliseconds ms msec msecs msecond mseconds millisecon millisecond',
    'second s sec secs seconds',
    'minute m min mins minutes',
    'hour h hr hrs hours',
    'day d days',
    'week w weeks',
    'month mon mons months',
    'quarter qtr',
    'year y yr yrs years',
    'decade dec decs decades',
    'century c cent centuries',
    'millennium mil mils millennia',
    'julian j jd',
    'epoch',
    'isoyear',
    'dow',
    'isodow',
    'doy',
    'timezone',
    'timezone_hour timezone_h',
    'timezone_minute timezone_m',
  ].flatMap((line) => {
    const names = line.split(' ');
    return names.map((name): [string, string] => [name, names[0] ?? name]);
  }),
);

/** The field that a unit's name means; undefined = unknown. */
export function unitNamed(name: string): string | undefined {
  return SPELLINGS.get(name.toLowerCase());
}

/** The error of a unit that a type does not have (`known`), or that nobody has. */
export function badUnit(unit: string, type: string, known = unitNamed(unit) !== undefined): Error {
  return !known
    ? fail('invalid_parameter_value', `unit "${unit.toLowerCase()}" not recognized for type ${type}`)
    : fail('feature_not_supported', `unit "${unit.toLowerCase()}" not supported for type ${type}`);
}

function whole(value: WideInteger): Numeric {
  return numericFromInteger(value);
}

/** Fields of the time of day. */
function timeField(field: string, micros: number): Numeric | undefined {
  switch (field) {
    case 'microseconds':
      return whole(micros % MINUTE);
    case 'milliseconds':
      return new Numeric(micros % MINUTE, 3);
    case 'second':
      return new Numeric(micros % MINUTE, 6);
    case 'minute':
      return whole(Math.floor(micros / MINUTE) % 60);
    case 'hour':
      return whole(Math.floor(micros / HOUR));
    default:
      return undefined;
  }
}

/** Centuries and millennia count from 1; there is no year 0. */
function period(year: number, length: number): number {
  return year > 0 ? Math.floor((year + length - 1) / length) : -Math.floor((length - year) / length);
}

/** Fields of the day. Years are shown without a year 0. */
function dayField(field: string, year: number, month: number, day: number): Numeric | undefined {
  const days = daysFromCivil(year, month, day);
  switch (field) {
    case 'day':
      return whole(day);
    case 'month':
      return whole(month);
    case 'quarter':
      return whole(Math.floor((month - 1) / 3) + 1);
    case 'week':
      return whole(isoWeek(days).week);
    case 'year':
      return whole(year > 0 ? year : year - 1);
    case 'decade':
      return whole(Math.floor(year / 10));
    case 'century':
      return whole(period(year, 100));
    case 'millennium':
      return whole(period(year, 1000));
    case 'isoyear': {
      const iso = isoWeek(days).year;
      return whole(iso > 0 ? iso : iso - 1);
    }
    case 'dow':
      return whole(weekday(days));
    case 'isodow':
      return whole(weekday(days) || 7);
    case 'doy':
      return whole(days - daysFromCivil(year, 1, 1) + 1);
    default:
      return undefined;
  }
}

const TIME_FIELDS = new Set(['microseconds', 'milliseconds', 'second', 'minute', 'hour']);
const GROWING = new Set(['year', 'decade', 'century', 'millennium', 'julian', 'isoyear', 'epoch']);

/** Fields that only grow are infinite for infinite times; the others have no value. */
function infiniteField(field: string | undefined, value: WideInteger, unit: string, type: string): Numeric | null {
  if (field === undefined) throw badUnit(unit, type);
  if (!GROWING.has(field)) {
    if (type === 'date' && (TIME_FIELDS.has(field) || field.startsWith('timezone'))) throw badUnit(unit, type);
    return null;
  }
  return value > 0 ? NUMERIC_INFINITY : NUMERIC_NEGATIVE_INFINITY;
}

const DAY_MICROS = numericFromInteger(DAY);

function epochOf(value: WideInteger): Numeric {
  return new Numeric(canonical(BigInt(value) - BigInt(UNIX_EPOCH_MICROS)), 6);
}

const TIMESTAMP = 'timestamp without time zone';
const TIMESTAMPTZ = 'timestamp with time zone';

function timestampField(unit: string, value: WideInteger, type = TIMESTAMP): Numeric | null {
  const field = unitNamed(unit);
  if (isInfinite(value)) return infiniteField(field, value, unit, type);
  if (field === 'epoch') return epochOf(value);
  const { year, month, day, micros } = civilFromMicros(value);
  if (field === 'julian') {
    const days = numericFromInteger(daysFromCivil(year, month, day) + JULIAN_2000);
    return addNumeric(days, divideNumeric(numericFromInteger(micros), DAY_MICROS));
  }
  const found = field === undefined ? undefined : (timeField(field, micros) ?? dayField(field, year, month, day));
  if (found === undefined) throw badUnit(unit, type);
  return found;
}

function instantField(context: EvalContext, unit: string, value: WideInteger): Numeric | null {
  const field = unitNamed(unit);
  if (isInfinite(value)) return infiniteField(field, value, unit, TIMESTAMPTZ);
  if (field === 'epoch') return epochOf(value);
  const zone = settingZone(context.settings.timeZone);
  const offset = zone.offsetAt(secondsOf(value));
  if (field === 'timezone') return whole(offset);
  if (field === 'timezone_hour') return whole(Math.trunc(offset / 3600) + 0);
  if (field === 'timezone_minute') return whole((Math.trunc(offset / 60) % 60) + 0);
  return timestampField(unit, toLocal(value, zone), TIMESTAMPTZ);
}

function dateField(unit: string, days: number): Numeric | null {
  const field = unitNamed(unit);
  if (!Number.isFinite(days)) return infiniteField(field, days, unit, 'date');
  if (field === 'epoch') return whole(days * 86400 + 946684800);
  if (field === 'julian') return whole(days + JULIAN_2000);
  const { year, month, day } = civilFromMicros(dateToTimestamp(days));
  const found = field === undefined ? undefined : dayField(field, year, month, day);
  if (found === undefined) throw badUnit(unit, 'date');
  return found;
}

function timeOfDayField(unit: string, value: WideInteger): Numeric {
  const field = unitNamed(unit);
  const micros = Number(value);
  const found = field === 'epoch' ? new Numeric(micros, 6) : field === undefined ? undefined : timeField(field, micros);
  if (found === undefined) throw badUnit(unit, 'time without time zone');
  return found;
}

/** Fields of an interval keep its sign. A year counts 365.25 days in the epoch. */
function intervalField(unit: string, value: Interval): Numeric {
  const minutes = BigInt(value.micros) / BigInt(MINUTE);
  const rest = Number(BigInt(value.micros) % BigInt(MINUTE));
  const years = Math.trunc(value.months / 12);
  switch (unitNamed(unit)) {
    case 'microseconds':
      return whole(rest);
    case 'milliseconds':
      return new Numeric(rest, 3);
    case 'second':
      return new Numeric(rest, 6);
    case 'minute':
      return whole(canonical(minutes % 60n));
    case 'hour':
      return whole(canonical(minutes / 60n));
    case 'day':
      return whole(value.days);
    case 'month':
      return whole((value.months % 12) + 0);
    case 'quarter':
      return whole(Math.trunc((value.months % 12) / 3) + 1);
    case 'year':
      return whole(years + 0);
    case 'decade':
      return whole(Math.trunc(years / 10) + 0);
    case 'century':
      return whole(Math.trunc(years / 100) + 0);
    case 'millennium':
      return whole(Math.trunc(years / 1000) + 0);
    case 'epoch':
      return intervalEpoch(value, years);
    default:
      throw badUnit(unit, 'interval');
  }
}

function intervalEpoch(value: Interval, years: number): Numeric {
  const quarterDays = years * 1461 + (value.months % 12) * 120 + value.days * 4;
  const micros = BigInt(quarterDays) * BigInt(DAY / 4) + BigInt(value.micros);
  return new Numeric(canonical(micros), 6);
}

/** The epoch as date_part computes it: in floats, part by part. */
function intervalPart(unit: string, value: Interval): number {
  if (unitNamed(unit) !== 'epoch') return numericToFloat(intervalField(unit, value));
  const years = Math.trunc(value.months / 12);
  let seconds = Number(value.micros) / 1e6;
  seconds += 365.25 * 86400 * years;
  seconds += 30 * 86400 * (value.months % 12);
  return seconds + 86400 * value.days;
}

type Part = { call(context: EvalContext, unit: string, value: SqlValue): Numeric | null }['call'];

function both(type: string, part: Part): Definition[] {
  return [
    contextual(`extract(text,${type})`, part),
    contextual(`date_part(text,${type})`, (context, unit: string, value: SqlValue) => {
      const field = part(context, unit, value);
      return field === null ? null : numericToFloat(field);
    }),
  ];
}

export const DATETIME_PARTS: readonly Definition[] = [
  ...both('date', (_context, unit, value: number) => dateField(unit, value)),
  ...both('time', (_context, unit, value: WideInteger) => timeOfDayField(unit, value)),
  ...both('timestamp', (_context, unit, value: WideInteger) => timestampField(unit, value)),
  ...both('timestamptz', instantField),
  contextual('extract(text,interval)', (_context, unit: string, value: Interval) => intervalField(unit, value)),
  contextual('date_part(text,interval)', (_context, unit: string, value: Interval) => intervalPart(unit, value)),
];
