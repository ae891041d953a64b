/**
 * Reads dates, times and timestamps in all forms that PostgreSQL takes: from the fields that datetime-reader.ts finds in the text,
 * or a special word, to a value of the type and within its range.
 */
import { fail } from '../../base/errors.ts';
import {
  checkDate,
  civilFromDays,
  civilFromMicros,
  DATE_MIN,
  DAY,
  daysFromCivil,
  daysInMonth,
  microsFromDays,
  UNIX_EPOCH_DAYS,
} from './calendar.ts';
import type { EvalContext } from './contracts.ts';
import { fromLocal, toLocal } from './datetime-format.ts';
import { DateTimeReader, type Special } from './datetime-reader.ts';
import { settingZone } from './time-zone.ts';
import type { WideInteger } from './wide-integer.ts';

/** Today's day number in the session's zone. */
function localToday(context: EvalContext): number {
  const local = toLocal(context.transactionMicros, settingZone(context.settings.timeZone));
  const { year, month, day } = civilFromMicros(local);
  return daysFromCivil(year, month, day);
}

const SPECIAL_DAYS: ReadonlyMap<Special, number> = new Map([
  ['now', 0],
  ['today', 0],
  ['tomorrow', 1],
  ['yesterday', -1],
]);

function specialDays(special: Special, context: EvalContext): number {
  if (special === 'infinity') return Number.POSITIVE_INFINITY;
  if (special === '-infinity') return Number.NEGATIVE_INFINITY;
  if (special === 'epoch') return UNIX_EPOCH_DAYS;
  return localToday(context) + (SPECIAL_DAYS.get(special) ?? 0);
}

/** Reads a date: days from 2000-01-01 or ±Infinity. @throws 22007, 22008. */
export function parseDate(text: string, context: EvalContext): number {
  const reader = new DateTimeReader(text, 'date', context.settings.dateOrder, false);
  const { special } = reader.read();
  if (special !== undefined) return specialDays(special, context);
  const days = reader.days();
  if (days < DATE_MIN) throw fail('datetime_field_overflow', `date out of range: "${text}"`);
  return checkDate(days, `date out of range: "${text}"`);
}

/** Reads a timestamp, ignoring a zone; µs from 2000-01-01 or ±Infinity. @throws 22007, 22008. */
export function parseTimestamp(text: string, context: EvalContext): WideInteger {
  const reader = new DateTimeReader(text, 'timestamp', context.settings.dateOrder, false);
  const { special, micros } = reader.read();
  if (special === 'now') return toLocal(context.transactionMicros, settingZone(context.settings.timeZone));
  return localMicros(reader, special, micros ?? 0, text, context);
}

function localMicros(
  reader: DateTimeReader,
  special: Special | undefined,
  micros: number,
  text: string,
  context: EvalContext,
): WideInteger {
  const days = special === undefined ? reader.days() : specialDays(special, context);
  if (!Number.isFinite(days)) return days;
  return microsFromDays(days, micros, `timestamp out of range: "${text}"`);
}

/** Reads a timestamptz; a text without a zone is in the session's. @throws 22007, 22008, 22009. */
export function parseTimestampTz(text: string, context: EvalContext): WideInteger {
  const reader = new DateTimeReader(text, 'timestamp with time zone', context.settings.dateOrder, false);
  const { special, micros, zone } = reader.read();
  if (special === 'now') return context.transactionMicros;
  if (special === 'epoch') return UNIX_EPOCH_DAYS * DAY;
  const local = localMicros(reader, special, micros ?? 0, text, context);
  return fromLocal(local, zone ?? settingZone(context.settings.timeZone), `timestamp out of range: "${text}"`);
}

/** Reads a time of day: µs from midnight, 24:00 included. @throws 22007, 22008. */
export function parseTime(text: string, context: EvalContext): number {
  const reader = new DateTimeReader(text, 'time', context.settings.dateOrder, true);
  const { special, micros } = reader.read();
  if (special === 'now') {
    return civilFromMicros(toLocal(context.transactionMicros, settingZone(context.settings.timeZone))).micros;
  }
  if (micros === undefined) throw reader.bad();
  return micros;
}

/** Rounds µs to `digits` (0 … 6) digits of a second, half away from zero. */
export function roundMicros(value: WideInteger, digits: number): WideInteger {
  if (digits >= 6) return value;
  const unit = 10 ** (6 - digits);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) return value;
    const magnitude = Math.abs(value) + unit / 2;
    const rounded = magnitude - (magnitude % unit);
    return value < 0 ? 0 - rounded : rounded;
  }
  const step = BigInt(unit);
  const magnitude = (value < 0n ? -value : value) + step / 2n;
  const rounded = magnitude - (magnitude % step);
  return value < 0n ? -rounded : rounded;
}

/** True when the day exists: for make_date and its kin. */
export function isValidDate(year: number, month: number, day: number): boolean {
  return month >= 1 && month <= 12 && day >= 1 && day <= daysInMonth(year, month);
}

/** Day of the year of a date, from 1. */
export function dayOfYear(days: number): number {
  return days - daysFromCivil(civilFromDays(days).year, 1, 1) + 1;
}
