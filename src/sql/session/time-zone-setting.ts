/**
 * What the setting TimeZone takes, as PostgreSQL reads it:
 *
 *   INTERVAL '-08:00'   hours, minutes and seconds east of Greenwich: what SET TIME ZONE INTERVAL means
 *   -7   5.5            hours east
 *   +05:30              POSIX without a name: west
 *   UTC  Asia/Tokyo  EST5  <-08>+08     a zone by name, or POSIX
 *
 * Of the first two the setting is a POSIX zone, which has the hours twice: in its name as clocks there show them, and behind it to the
 * west.
 */
import { fail } from '../../base/errors.ts';
import { SECOND } from '../types/calendar.ts';
import { parseInterval } from '../types/interval-parse.ts';
import { findZone, formatOffset, parseOffset } from '../types/time-zone.ts';

const INTERVAL_FORM = /^interval\s*'([^']*)'$/i;
const HOURS_FORM = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;
const HOURS_MAX = 167;

/** The canonical form of a text. @throws 22023, 22007 for what is no interval */
export function timeZone(text: string): string {
  const interval = INTERVAL_FORM.exec(text)?.[1];
  if (interval !== undefined) return posixZone(intervalSeconds(text, interval), text);
  if (HOURS_FORM.test(text)) return posixZone(Math.trunc(Number(text) * 3600), text);
  const offset = parseOffset(text);
  if (offset !== undefined) {
    if (offset % 60 === 0) return text;
    throw fail('invalid_parameter_value', `time zone "${text}" appears to use leap seconds`, {
      detail: 'PostgreSQL does not support leap seconds.',
    });
  }
  const zone = findZone(text);
  if (zone === undefined) throw invalid(text);
  return zone.name;
}

function intervalSeconds(text: string, interval: string): number {
  const { months, days, micros } = parseInterval(interval, -1);
  if (months !== 0) throw invalid(text, 'Cannot specify months in time zone interval.');
  if (days !== 0) throw invalid(text, 'Cannot specify days in time zone interval.');
  return Math.trunc(Number(micros) / SECOND);
}

function posixZone(east: number, text: string): string {
  if (Math.abs(east) > HOURS_MAX * 3600) throw invalid(text, 'UTC timezone offset is out of range.');
  const name = formatOffset(east);
  return `<${name}>${name.startsWith('-') ? '+' : '-'}${name.slice(1)}`;
}

function invalid(text: string, detail?: string): Error {
  return fail('invalid_parameter_value', `invalid value for parameter "TimeZone": "${text}"`, { detail });
}
