/**
 * Arithmetic of dates, times, timestamps and intervals.
 *
 * Timestamp ± interval moves months first (to the last day of a shorter month), then days, then µs; a timestamptz does so
 * in the session's zone, so that a day is a day on the clock. Infinities absorb.
 */

import { fail } from '../../base/errors.ts';
import {
  addMicros,
  addMonths,
  checkDate,
  civilFromMicros,
  DAY,
  daysFromCivil,
  isInfinite,
  microsFromDays,
} from '../types/calendar.ts';
import type { EvalContext } from '../types/contracts.ts';
import { fromLocal, toLocal } from '../types/datetime-format.ts';
import {
  addIntervals,
  divideInterval,
  type Interval,
  justifyHours,
  makeInterval,
  multiplyInterval,
  negateInterval,
} from '../types/interval.ts';
import { settingZone } from '../types/time-zone.ts';
import { type WideInteger, wideFloorModulo, wideSubtract } from '../types/wide-integer.ts';
import { contextual, type Definition, pure } from './definition.ts';

/** Days and µs of day of a finite timestamp. */
function split(value: WideInteger): { readonly days: number; readonly micros: number } {
  const { year, month, day, micros } = civilFromMicros(value);
  return { days: daysFromCivil(year, month, day), micros };
}

/** @throws `datetime_field_overflow` (22008). */
export function addToTimestamp(value: WideInteger, interval: Interval): WideInteger {
  if (isInfinite(value)) return value;
  if (interval.months === 0 && interval.days === 0) return addMicros(value, interval.micros);
  const { days, micros } = split(value);
  const moved = interval.months === 0 ? days : addMonths(days, interval.months);
  return addMicros(microsFromDays(moved + interval.days, micros), interval.micros);
}

/** The same for an instant: months and days move in the session's zone. */
export function addToInstant(context: EvalContext, value: WideInteger, interval: Interval): WideInteger {
  if (isInfinite(value)) return value;
  if (interval.months === 0 && interval.days === 0) return addMicros(value, interval.micros);
  const zone = settingZone(context.settings.timeZone);
  const { days, micros } = split(toLocal(value, zone));
  const moved = interval.months === 0 ? days : addMonths(days, interval.months);
  return addMicros(fromLocal(microsFromDays(moved + interval.days, micros), zone), interval.micros);
}

/** Difference as days and time, never months. */
export function subtractTimestamps(a: WideInteger, b: WideInteger): Interval {
  if (isInfinite(a) || isInfinite(b)) {
    throw fail('datetime_field_overflow', 'cannot subtract infinite timestamps');
  }
  return justifyHours(makeInterval(0, 0, wideSubtract(a, b)));
}

/** Midnight of a date. @throws `datetime_field_overflow` (22008). */
export function dateToTimestamp(days: number): WideInteger {
  return Number.isFinite(days) ? microsFromDays(days, 0, 'date out of range for timestamp') : days;
}

function addDays(date: number, days: number): number {
  return Number.isFinite(date) ? checkDate(date + days) : date;
}

function subtractDates(a: number, b: number): number {
  if (!Number.isFinite(a) || !Number.isFinite(b)) {
    throw fail('datetime_field_overflow', 'cannot subtract infinite dates');
  }
  return a - b;
}

/** Times of day go around the clock. */
function addToTime(time: WideInteger, micros: WideInteger, sign: 1 | -1): number {
  const step = wideFloorModulo(micros, DAY);
  return (((Number(time) + sign * step) % DAY) + DAY) % DAY;
}

function dateTime(date: number, time: WideInteger): WideInteger {
  return Number.isFinite(date) ? microsFromDays(date, time) : date;
}

export const DATETIME_ARITHMETIC: readonly Definition[] = [
  pure('timestamp_pl_interval(timestamp,interval)', addToTimestamp),
  pure('interval_pl_timestamp(interval,timestamp)', (i: Interval, t: WideInteger) => addToTimestamp(t, i)),
  pure('timestamp_mi_interval(timestamp,interval)', (t: WideInteger, i: Interval) =>
    addToTimestamp(t, negateInterval(i)),
  ),
  contextual('timestamptz_pl_interval(timestamptz,interval)', addToInstant),
  contextual('interval_pl_timestamptz(interval,timestamptz)', (context, i: Interval, t: WideInteger) =>
    addToInstant(context, t, i),
  ),
  contextual('timestamptz_mi_interval(timestamptz,interval)', (context, t: WideInteger, i: Interval) =>
    addToInstant(context, t, negateInterval(i)),
  ),
  pure('timestamp_mi(timestamp,timestamp)', subtractTimestamps),
  pure('timestamptz_mi(timestamptz,timestamptz)', subtractTimestamps),
  pure('date_pl_interval(date,interval)', (d: number, i: Interval) => addToTimestamp(dateToTimestamp(d), i)),
  pure('interval_pl_date(interval,date)', (i: Interval, d: number) => addToTimestamp(dateToTimestamp(d), i)),
  pure('date_mi_interval(date,interval)', (d: number, i: Interval) =>
    addToTimestamp(dateToTimestamp(d), negateInterval(i)),
  ),
  pure('date_pli(date,int4)', addDays),
  pure('integer_pl_date(int4,date)', (n: number, d: number) => addDays(d, n)),
  pure('date_mii(date,int4)', (d: number, n: number) => addDays(d, -n)),
  pure('date_mi(date,date)', subtractDates),
  pure('datetime_pl(date,time)', dateTime),
  pure('timedate_pl(time,date)', (time: WideInteger, date: number) => dateTime(date, time)),
  pure('time_pl_interval(time,interval)', (t: WideInteger, i: Interval) => addToTime(t, i.micros, 1)),
  pure('interval_pl_time(interval,time)', (i: Interval, t: WideInteger) => addToTime(t, i.micros, 1)),
  pure('time_mi_interval(time,interval)', (t: WideInteger, i: Interval) => addToTime(t, i.micros, -1)),
  pure('time_mi_time(time,time)', (a: WideInteger, b: WideInteger) => makeInterval(0, 0, wideSubtract(a, b))),
  pure('interval_pl(interval,interval)', addIntervals),
  pure('interval_mi(interval,interval)', (a: Interval, b: Interval) => addIntervals(a, negateInterval(b))),
  pure('interval_um(interval)', negateInterval),
  pure('interval_mul(interval,float8)', multiplyInterval),
  pure('mul_d_interval(float8,interval)', (factor: number, i: Interval) => multiplyInterval(i, factor)),
  pure('interval_div(interval,float8)', divideInterval),
];
