/** `date_trunc`: a timestamp or interval cut to a unit. */

import {
  civilFromMicros,
  DAY,
  daysFromCivil,
  HOUR,
  isInfinite,
  isoWeek,
  isoYearStart,
  MINUTE,
  microsFromDays,
  SECOND,
} from '../types/calendar.ts';
import { fromLocal, toLocal } from '../types/datetime-format.ts';
import { type Interval, makeInterval } from '../types/interval.ts';
import type { TimeZone } from '../types/time-zone.ts';
import { canonical, type WideInteger } from '../types/wide-integer.ts';
import { badUnit, unitNamed } from './datetime-parts.ts';

/** Units below a day, in µs. */
const TIME_UNITS: ReadonlyMap<string, number> = new Map([
  ['microseconds', 1],
  ['milliseconds', 1000],
  ['second', SECOND],
  ['minute', MINUTE],
  ['hour', HOUR],
  ['day', DAY],
]);
/** Units above a year, in years. */
const YEAR_UNITS: ReadonlyMap<string, number> = new Map([
  ['decade', 10],
  ['century', 100],
  ['millennium', 1000],
]);

/** First day of the unit that holds the day. Centuries and millennia begin in years 1, 101, 1001 …; decades in year 0. */
function firstDay(field: string, year: number, month: number, day: number): number | undefined {
  switch (field) {
    case 'week': {
      const iso = isoWeek(daysFromCivil(year, month, day));
      return isoYearStart(iso.year) + (iso.week - 1) * 7;
    }
    case 'month':
      return daysFromCivil(year, month, 1);
    case 'quarter':
      return daysFromCivil(year, month - ((month - 1) % 3), 1);
    case 'year':
      return daysFromCivil(year, 1, 1);
    default: {
      const length = YEAR_UNITS.get(field);
      if (length === undefined) return undefined;
      const offset = length === 10 ? 0 : 1;
      return daysFromCivil(Math.floor((year - offset) / length) * length + offset, 1, 1);
    }
  }
}

/** date_trunc knows units of length only; of the others just the zone's are fields to it. */
function badTruncation(unit: string, type: string): Error {
  return badUnit(unit, type, unitNamed(unit)?.startsWith('timezone') === true);
}

export function truncateTimestamp(unit: string, value: WideInteger, type = 'timestamp without time zone'): WideInteger {
  const field = unitNamed(unit) ?? '';
  const step = TIME_UNITS.get(field);
  if (isInfinite(value) && (step !== undefined || firstDay(field, 2000, 1, 1) !== undefined)) return value;
  if (isInfinite(value)) throw badTruncation(unit, type);
  const { year, month, day, micros } = civilFromMicros(value);
  if (step !== undefined) return microsFromDays(daysFromCivil(year, month, day), micros - (micros % step));
  const first = firstDay(field, year, month, day);
  if (first === undefined) throw badTruncation(unit, type);
  return microsFromDays(first, 0);
}

/** Cuts the local time of an instant. Below a day the offset stays, so that ambiguous hours stay apart. */
export function truncateInstant(unit: string, value: WideInteger, zone: TimeZone): WideInteger {
  const type = 'timestamp with time zone';
  if (isInfinite(value)) return truncateTimestamp(unit, value, type);
  const local = toLocal(value, zone);
  const cut = truncateTimestamp(unit, local, type);
  const step = TIME_UNITS.get(unitNamed(unit) ?? '');
  if (step === undefined || step === DAY) return fromLocal(cut, zone);
  return canonical(BigInt(value) - (BigInt(local) - BigInt(cut)));
}

export function truncateInterval(unit: string, value: Interval): Interval {
  const field = unitNamed(unit) ?? '';
  const { months, days, micros } = value;
  const years = YEAR_UNITS.get(field) ?? (field === 'year' ? 1 : undefined);
  if (years !== undefined) return makeInterval(months - (months % (years * 12)), 0, 0);
  if (field === 'quarter') return makeInterval(months - (months % 3), 0, 0);
  if (field === 'month') return makeInterval(months, 0, 0);
  if (field === 'day') return makeInterval(months, days, 0);
  const step = TIME_UNITS.get(field);
  if (step === undefined) throw badTruncation(unit, 'interval');
  return makeInterval(months, days, canonical(BigInt(micros) - (BigInt(micros) % BigInt(step))));
}
