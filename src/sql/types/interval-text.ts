/**
 * Text of intervals in the four IntervalStyles; interval-parse.ts reads it.
 *
 *   postgres           1 year 2 mons -3 days +04:05:06.5
 *   postgres_verbose   @ 1 year 2 mons -3 days 4 hours 5 mins 6.5 secs
 *   sql_standard       +1-2 -3 +4:05:06.5
 *   iso_8601           P1Y2M-3DT4H5M6.5S
 */
import { HOUR, MINUTE, SECOND } from './calendar.ts';
import type { FormatSettings } from './contracts.ts';
import { two } from './datetime-format.ts';
import type { Interval } from './interval.ts';
import { canonical, type WideInteger } from './wide-integer.ts';

interface Fields {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: WideInteger;
  readonly minute: number;
  /** Seconds and their fraction in µs, with sign. */
  readonly secondMicros: number;
}

function fieldsOf(value: Interval): Fields {
  const hour = canonical(BigInt(value.micros) / BigInt(HOUR));
  const rest = Number(BigInt(value.micros) % BigInt(HOUR));
  const minute = Math.trunc(rest / MINUTE);
  return {
    year: Math.trunc(value.months / 12) + 0,
    month: (value.months % 12) + 0,
    day: value.days,
    hour,
    minute: minute + 0,
    secondMicros: rest - minute * MINUTE,
  };
}

function magnitude(value: WideInteger): string {
  return (value < 0 ? -value : value).toString();
}

/** Seconds without sign; `fill` pads to two digits before the point. */
function secondsText(micros: number, fill: boolean): string {
  const whole = Math.floor(Math.abs(micros) / SECOND);
  const fraction = Math.abs(micros) % SECOND;
  const text = fill ? two(whole) : whole.toString();
  return fraction === 0 ? text : `${text}.${fraction.toString().padStart(6, '0').replace(/0+$/, '')}`;
}

/** Text of an interval in the session's IntervalStyle. */
export function formatInterval(value: Interval, settings: Pick<FormatSettings, 'intervalStyle'>): string {
  const fields = fieldsOf(value);
  switch (settings.intervalStyle) {
    case 'postgres':
      return postgresText(fields);
    case 'postgres_verbose':
      return verboseText(fields);
    case 'iso_8601':
      return isoText(fields);
    case 'sql_standard':
      return standardText(fields);
  }
}

function postgresText({ year, month, day, hour, minute, secondMicros }: Fields): string {
  let text = '';
  let before = false;
  for (const [amount, unit] of [
    [year, 'year'],
    [month, 'mon'],
    [day, 'day'],
  ] satisfies [number, string][]) {
    if (amount === 0) continue;
    text += `${text === '' ? '' : ' '}${before && amount > 0 ? '+' : ''}${amount} ${unit}${amount === 1 ? '' : 's'}`;
    before = amount < 0;
  }
  if (text !== '' && hour === 0 && minute === 0 && secondMicros === 0) return text;
  const minus = hour < 0 || minute < 0 || secondMicros < 0;
  const sign = minus ? '-' : before ? '+' : '';
  const clock = `${magnitude(hour).padStart(2, '0')}:${two(Math.abs(minute))}:${secondsText(secondMicros, true)}`;
  return `${text}${text === '' ? '' : ' '}${sign}${clock}`;
}

function verboseText({ year, month, day, hour, minute, secondMicros }: Fields): string {
  let text = '@';
  let before = false;
  let zero = true;
  const parts = [
    [year, 'year'],
    [month, 'mon'],
    [day, 'day'],
    [hour, 'hour'],
    [minute, 'min'],
  ];
  for (const [amount = 0, unit = ''] of parts satisfies (readonly (WideInteger | string)[])[]) {
    if (typeof amount === 'string' || amount === 0) continue;
    if (zero) before = amount < 0;
    const shown = before ? -amount : amount;
    text += ` ${shown} ${unit}${shown === 1 ? '' : 's'}`;
    zero = false;
  }
  if (secondMicros !== 0) {
    if (zero) before = secondMicros < 0;
    const sign = secondMicros < 0 !== before ? '-' : '';
    text += ` ${sign}${secondsText(secondMicros, false)} sec${Math.abs(secondMicros) === SECOND ? '' : 's'}`;
    zero = false;
  }
  return `${text}${zero ? ' 0' : ''}${before ? ' ago' : ''}`;
}

function isoText({ year, month, day, hour, minute, secondMicros }: Fields): string {
  const part = (amount: WideInteger, unit: string): string => (amount === 0 ? '' : `${amount}${unit}`);
  let time = part(hour, 'H') + part(minute, 'M');
  if (secondMicros !== 0) time += `${secondMicros < 0 ? '-' : ''}${secondsText(secondMicros, false)}S`;
  const text = part(year, 'Y') + part(month, 'M') + part(day, 'D') + (time === '' ? '' : `T${time}`);
  return text === '' ? 'PT0S' : `P${text}`;
}

function standardText({ year, month, day, hour, minute, secondMicros }: Fields): string {
  const all = [year, month, day, hour, minute, secondMicros];
  const negative = all.some((part) => part < 0);
  const positive = all.some((part) => part > 0);
  const hasMonths = year !== 0 || month !== 0;
  const hasTime = day !== 0 || hour !== 0 || minute !== 0 || secondMicros !== 0;
  if (!negative && !positive) return '0';
  const clock = `${magnitude(hour)}:${two(Math.abs(minute))}:${secondsText(secondMicros, true)}`;
  if ((negative && positive) || (hasMonths && hasTime)) {
    const sign = (below: boolean): string => (below ? '-' : '+');
    const months = `${sign(year < 0 || month < 0)}${Math.abs(year)}-${Math.abs(month)}`;
    return `${months} ${sign(day < 0)}${Math.abs(day)} ${sign(hour < 0 || minute < 0 || secondMicros < 0)}${clock}`;
  }
  const sign = negative ? '-' : '';
  if (hasMonths) return `${sign}${Math.abs(year)}-${Math.abs(month)}`;
  return day === 0 ? sign + clock : `${sign}${Math.abs(day)} ${clock}`;
}
