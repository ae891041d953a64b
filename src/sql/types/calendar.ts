/**
 * The proleptic Gregorian calendar in days and microseconds from 2000-01-01.
 *
 * Years are astronomical: 1 BC is year 0. Month 1 … 12, day 1 … 31. Dates run from 4714-11-24 BC to 5874897-12-31,
 * timestamps to 294276-12-31; ±Infinity stands for the two infinities of date, timestamp and timestamptz.
 */

import { fail } from '../../base/errors.ts';
import type { WideInteger } from './wide-integer.ts';
import { canonical, wideFloorDivide, wideFloorModulo } from './wide-integer.ts';

export const SECOND = 1_000_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** Julian day number of 2000-01-01. */
export const JULIAN_2000 = 2451545;
/** Days from 2000-01-01 back to 1970-01-01. */
export const UNIX_EPOCH_DAYS = -10957;
/** µs from 2000-01-01 back to 1970-01-01. */
export const UNIX_EPOCH_MICROS = UNIX_EPOCH_DAYS * DAY;

export const DATE_MIN = -JULIAN_2000;
/** First day after the last date. */
export const DATE_END = 2147483494 - JULIAN_2000;
const TIMESTAMP_MIN = -211813488000000000n;
const TIMESTAMP_END = 9223371331200000000n;

export interface CivilDate {
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

/** A timestamp taken apart. `micros` counts from midnight. */
export interface CivilTime extends CivilDate {
  readonly micros: number;
}

/** Days from 2000-01-01; month and day may lie outside of their ranges and carry over. */
export function daysFromCivil(year: number, month: number, day: number): number {
  const monthIndex = month - 1;
  const y = year + Math.floor(monthIndex / 12);
  const m = monthIndex - 12 * Math.floor(monthIndex / 12);
  // Years that begin in March have the leap day at their end.
  const shifted = m < 2 ? y - 1 : y;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (m < 2 ? m + 10 : m - 2) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146097 + dayOfEra - 730425;
}

export function civilFromDays(days: number): CivilDate {
  const shifted = days + 730425;
  const era = Math.floor(shifted / 146097);
  const dayOfEra = shifted - era * 146097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36524) - Math.floor(dayOfEra / 146096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9;
  return {
    year: era * 400 + yearOfEra + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1,
  };
}

export function isLeapYear(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;

export function daysInMonth(year: number, month: number): number {
  return month === 2 && isLeapYear(year) ? 29 : (MONTH_DAYS[month - 1] ?? 0);
}

/** 0 = Sunday … 6 = Saturday. */
export function weekday(days: number): number {
  return (((days + 6) % 7) + 7) % 7;
}

/** Monday of the week that holds January 4th: the first day of an ISO year. */
export function isoYearStart(year: number): number {
  const fourth = daysFromCivil(year, 1, 4);
  return fourth - ((weekday(fourth) + 6) % 7);
}

/** ISO year and week (1 … 53) of a day. */
export function isoWeek(days: number): { readonly year: number; readonly week: number } {
  let { year } = civilFromDays(days);
  if (days >= isoYearStart(year + 1)) year++;
  else if (days < isoYearStart(year)) year--;
  return { year, week: Math.floor((days - isoYearStart(year)) / 7) + 1 };
}

/** Takes a finite timestamp apart. */
export function civilFromMicros(value: WideInteger): CivilTime {
  const { year, month, day } = civilFromDays(Number(wideFloorDivide(value, DAY)));
  return { year, month, day, micros: wideFloorModulo(value, DAY) };
}

/**
 * Puts a timestamp together; `micros` may lie outside of the day.
 *
 * @throws `datetime_field_overflow` (22008).
 */
export function microsFromDays(days: number, micros: WideInteger, message = 'timestamp out of range'): WideInteger {
  if (typeof micros === 'number') {
    const value = days * DAY + micros;
    if (Number.isSafeInteger(value)) return value;
  }
  return checkTimestamp(BigInt(days) * BigInt(DAY) + BigInt(micros), message);
}

/** @throws `datetime_field_overflow` (22008) outside of the range of timestamps. */
export function checkTimestamp(value: bigint, message = 'timestamp out of range'): WideInteger {
  if (value < TIMESTAMP_MIN || value >= TIMESTAMP_END) throw fail('datetime_field_overflow', message);
  return canonical(value);
}

/** @throws `datetime_field_overflow` (22008) outside of the range of dates. */
export function checkDate(days: number, message = 'date out of range'): number {
  if (days < DATE_MIN || days >= DATE_END) throw fail('datetime_field_overflow', message);
  return days;
}

/** True for ±Infinity, the infinite dates and timestamps. */
export function isInfinite(value: WideInteger): boolean {
  return value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY;
}

/** Timestamp plus µs. @throws `datetime_field_overflow` (22008). */
export function addMicros(value: WideInteger, micros: WideInteger): WideInteger {
  if (isInfinite(value)) return value;
  if (typeof value === 'number' && typeof micros === 'number') {
    const sum = value + micros;
    if (Number.isSafeInteger(sum)) return sum;
  }
  return checkTimestamp(BigInt(value) + BigInt(micros));
}

/** The same day `months` later, or the last day of a month too short for it. */
export function addMonths(days: number, months: number): number {
  const { year, month, day } = civilFromDays(days);
  const index = year * 12 + (month - 1) + months;
  const y = Math.floor(index / 12);
  const m = index - y * 12 + 1;
  return daysFromCivil(y, m, Math.min(day, daysInMonth(y, m)));
}
