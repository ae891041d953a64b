/**
 * The value of type interval: months, days and microseconds, kept apart because a month and a day have no fixed length.
 *
 * months and days are int4, micros an int8 (`WideInteger`). Comparison takes a month as 30 days and a day as 24 hours.
 * Values are immutable.
 */

import { fail } from '../../base/errors.ts';
import { DAY } from './calendar.ts';
import { INT4_MAX, INT4_MIN } from './integer-text.ts';
import type { WideInteger } from './wide-integer.ts';
import { canonical, narrow, wideAdd, wideCompare, wideFloorDivide, wideNegate } from './wide-integer.ts';

const DAYS_PER_MONTH = 30;

export class Interval {
  readonly months: number;
  readonly days: number;
  readonly micros: WideInteger;

  constructor(months: number, days: number, micros: WideInteger) {
    this.months = months;
    this.days = days;
    this.micros = micros;
  }
}

function outOfRange(): Error {
  return fail('datetime_field_overflow', 'interval out of range');
}

/** Checks the two int4 parts. @throws `datetime_field_overflow` (22008). */
export function makeInterval(months: number, days: number, micros: WideInteger): Interval {
  if (!inInt4(months) || !inInt4(days)) throw outOfRange();
  return new Interval(months + 0, days + 0, micros);
}

function inInt4(value: number): boolean {
  return value >= INT4_MIN && value <= INT4_MAX;
}

/** Whole length in µs under the 30-day convention; beyond int8 for long intervals. */
export function intervalSpan(value: Interval): WideInteger {
  const days = value.months * DAYS_PER_MONTH + value.days;
  if (typeof value.micros === 'number') {
    const span = days * DAY + value.micros;
    if (Number.isSafeInteger(span)) return span;
  }
  return canonical(BigInt(days) * BigInt(DAY) + BigInt(value.micros));
}

export function compareIntervals(a: Interval, b: Interval): number {
  return wideCompare(intervalSpan(a), intervalSpan(b));
}

export function addIntervals(a: Interval, b: Interval): Interval {
  return makeInterval(
    a.months + b.months,
    a.days + b.days,
    guarded(() => wideAdd(a.micros, b.micros)),
  );
}

export function negateInterval(a: Interval): Interval {
  return makeInterval(
    0 - a.months,
    0 - a.days,
    guarded(() => wideNegate(a.micros)),
  );
}

/** int8 overflow inside of an interval is an interval's error. */
function guarded(compute: () => WideInteger): WideInteger {
  try {
    return compute();
  } catch {
    throw outOfRange();
  }
}

/** µs from a float, rounded half to even. @throws `datetime_field_overflow` (22008). */
export function microsFromFloat(value: number): WideInteger {
  if (Number.isNaN(value) || Math.abs(value) >= 2 ** 63) throw outOfRange();
  const rounded = roundHalfEven(value);
  return Number.isSafeInteger(rounded) ? rounded : narrow(BigInt(rounded), 'datetime_field_overflow');
}

/** Rounds to the nearest integer, ties to even, as C's rint; never −0. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest < 0.5) return floor + 0;
  if (rest > 0.5) return floor + 1 + 0;
  return (floor % 2 === 0 ? floor : floor + 1) + 0;
}

/** Interval × factor: fractions of months flow into days, fractions of days into µs. */
export function multiplyInterval(value: Interval, factor: number): Interval {
  return spread(value.months * factor, value.days * factor, Number(value.micros) * factor);
}

/** @throws `division_by_zero` (22012). */
export function divideInterval(value: Interval, divisor: number): Interval {
  if (divisor === 0) throw fail('division_by_zero', 'division by zero');
  return spread(value.months / divisor, value.days / divisor, Number(value.micros) / divisor);
}

function spread(months: number, days: number, micros: number): Interval {
  if (!Number.isFinite(months) || !inInt4(months) || !Number.isFinite(days) || !inInt4(days)) throw outOfRange();
  const wholeMonths = Math.trunc(months);
  const wholeDays = Math.trunc(days);
  const monthDays = roundMicro((months - wholeMonths) * DAYS_PER_MONTH);
  let daySeconds = roundMicro((days - wholeDays + monthDays - Math.trunc(monthDays)) * 86400);
  let carried = 0;
  if (Math.abs(daySeconds) >= 86400) {
    carried = Math.trunc(daySeconds / 86400);
    daySeconds -= carried * 86400;
  }
  return makeInterval(
    wholeMonths,
    wholeDays + Math.trunc(monthDays) + carried,
    microsFromFloat(micros + daySeconds * 1e6),
  );
}

/** Rounds to six digits after the point, to undo the noise of binary fractions. */
function roundMicro(value: number): number {
  return roundHalfEven(value * 1e6) / 1e6;
}

/** Moves every whole 24 hours of the time into days (`justify_hours`), with one sign for both. */
export function justifyHours(value: Interval): Interval {
  let whole = Math.trunc(Number(canonical(BigInt(value.micros) / BigInt(DAY))));
  let rest: WideInteger = canonical(BigInt(value.micros) % BigInt(DAY));
  const days = value.days + whole;
  whole = days;
  if (whole > 0 && rest < 0) {
    whole--;
    rest = wideAdd(rest, DAY);
  } else if (whole < 0 && rest > 0) {
    whole++;
    rest = wideAdd(rest, -DAY);
  }
  return makeInterval(value.months, whole, rest);
}

/** Moves every whole 30 days into months (`justify_days`). */
export function justifyDays(value: Interval): Interval {
  let days = value.days % DAYS_PER_MONTH;
  let months = value.months + (value.days - days) / DAYS_PER_MONTH;
  if (months > 0 && days < 0) {
    days += DAYS_PER_MONTH;
    months--;
  } else if (months < 0 && days > 0) {
    days -= DAYS_PER_MONTH;
    months++;
  }
  return makeInterval(months, days, value.micros);
}

/** Both of the above, with one sign for all three parts (`justify_interval`). */
export function justifyInterval(value: Interval): Interval {
  const hours = canonical(BigInt(value.micros) / BigInt(DAY));
  let micros: WideInteger = canonical(BigInt(value.micros) % BigInt(DAY));
  let days = value.days + Number(hours);
  let months = value.months + Math.trunc(days / DAYS_PER_MONTH);
  days = (days % DAYS_PER_MONTH) + 0;
  if (months > 0 && (days < 0 || (days === 0 && micros < 0))) {
    days += DAYS_PER_MONTH;
    months--;
  } else if (months < 0 && (days > 0 || (days === 0 && micros > 0))) {
    days -= DAYS_PER_MONTH;
    months++;
  }
  if (days > 0 && micros < 0) {
    micros = wideAdd(micros, DAY);
    days--;
  } else if (days < 0 && micros > 0) {
    micros = wideAdd(micros, -DAY);
    days++;
  }
  return makeInterval(months, days, micros);
}

/** Whole seconds of the µs, toward −Infinity; for formats. */
export function intervalSeconds(value: Interval): WideInteger {
  return wideFloorDivide(value.micros, 1_000_000);
}
