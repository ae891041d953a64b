/**
 * Text of date, time, timestamp and their kin, in the ISO style.
 *
 *   2024-02-29   0044-03-15 BC   12:34:56.789   2024-02-29 12:34:56+02   infinity
 */

import { unsupported } from '../../base/errors.ts';
import { checkTimestamp, civilFromDays, civilFromMicros, isInfinite, SECOND } from './calendar.ts';
import type { FormatSettings } from './contracts.ts';
import { formatOffset, secondsOf, settingZone, type TimeZone } from './time-zone.ts';
import type { WideInteger } from './wide-integer.ts';
import { canonical, wideSubtract } from './wide-integer.ts';

/** Two digits at least. */
export function two(value: number): string {
  return value < 10 ? `0${value}` : value.toString();
}

function requireIso(settings: FormatSettings): void {
  if (settings.dateStyle !== 'ISO') throw unsupported(`DateStyle ${settings.dateStyle}`);
}

function civilText(year: number, month: number, day: number): string {
  const shown = year > 0 ? year : 1 - year;
  const yearText = shown >= 1000 ? shown.toString() : shown.toString().padStart(4, '0');
  return `${yearText}-${two(month)}-${two(day)}`;
}

/** Time of day from µs since midnight; 24:00:00 is possible. */
export function formatTimeOfDay(micros: number): string {
  const seconds = Math.floor(micros / SECOND);
  const fraction = micros - seconds * SECOND;
  const minutes = Math.floor(seconds / 60);
  const text = `${two(Math.floor(minutes / 60))}:${two(minutes % 60)}:${two(seconds % 60)}`;
  return fraction === 0 ? text : `${text}.${fraction.toString().padStart(6, '0').replace(/0+$/, '')}`;
}

function infinityText(value: WideInteger): string {
  return value > 0 ? 'infinity' : '-infinity';
}

/** @param days - from 2000-01-01, or ±Infinity. @throws `feature_not_supported` (0A000) for a DateStyle other than ISO. */
export function formatDate(days: number, settings: FormatSettings): string {
  if (!Number.isFinite(days)) return infinityText(days);
  requireIso(settings);
  const { year, month, day } = civilFromDays(days);
  return civilText(year, month, day) + (year > 0 ? '' : ' BC');
}

/** @param value - µs from 2000-01-01, or ±Infinity. @throws `feature_not_supported` (0A000) for a DateStyle other than ISO. */
export function formatTimestamp(value: WideInteger, settings: FormatSettings): string {
  if (isInfinite(value)) return infinityText(value);
  requireIso(settings);
  const { year, month, day, micros } = civilFromMicros(value);
  return `${civilText(year, month, day)} ${formatTimeOfDay(micros)}${year > 0 ? '' : ' BC'}`;
}

/** A timestamptz in the session's zone, with its offset. */
export function formatTimestampTz(value: WideInteger, settings: FormatSettings): string {
  if (isInfinite(value)) return infinityText(value);
  requireIso(settings);
  const zone = settingZone(settings.timeZone);
  const offset = zone.offsetAt(secondsOf(value));
  const { year, month, day, micros } = civilFromMicros(shift(value, offset));
  const text = `${civilText(year, month, day)} ${formatTimeOfDay(micros)}${formatOffset(offset)}`;
  return year > 0 ? text : `${text} BC`;
}

/** Adds seconds without a range check: local times at the ends of the range may leave it. */
function shift(value: WideInteger, seconds: number): WideInteger {
  if (typeof value === 'number') {
    const sum = value + seconds * SECOND;
    if (Number.isSafeInteger(sum)) return sum;
  }
  return canonical(BigInt(value) + BigInt(seconds) * BigInt(SECOND));
}

/** Local timestamp of an instant. ±Infinity stays. */
export function toLocal(value: WideInteger, zone: TimeZone): WideInteger {
  return isInfinite(value) ? value : shift(value, zone.offsetAt(secondsOf(value)));
}

/** Instant of a local timestamp. ±Infinity stays. @throws `datetime_field_overflow` (22008). */
export function fromLocal(value: WideInteger, zone: TimeZone, message?: string): WideInteger {
  if (isInfinite(value)) return value;
  const instant = wideSubtract(value, zone.offsetOfLocal(secondsOf(value)) * SECOND);
  return typeof instant === 'bigint' ? checkTimestamp(instant, message) : instant;
}
