/** Functions on dates and times: parts, truncation, age, construction, zones and the clock. */

import { fail } from '../../base/errors.ts';
import {
  checkDate,
  checkTimestamp,
  civilFromMicros,
  DAY,
  daysFromCivil,
  daysInMonth,
  HOUR,
  isInfinite,
  MINUTE,
  microsFromDays,
  SECOND,
  UNIX_EPOCH_MICROS,
} from '../types/calendar.ts';
import type { EvalContext } from '../types/contracts.ts';
import { fromLocal, toLocal, two } from '../types/datetime-format.ts';
import { isValidDate } from '../types/datetime-parse.ts';
import {
  Interval,
  justifyDays,
  justifyHours,
  justifyInterval,
  makeInterval,
  microsFromFloat,
  roundHalfEven,
} from '../types/interval.ts';
import {
  abbreviationOffset,
  findZone,
  fixedZone,
  parseOffset,
  settingZone,
  type TimeZone,
} from '../types/time-zone.ts';
import { canonical, type WideInteger, wideAdd, wideFloorModulo, wideSubtract } from '../types/wide-integer.ts';
import { addToInstant, addToTimestamp } from './datetime-arithmetic.ts';
import { DATETIME_PARTS } from './datetime-parts.ts';
import { truncateInstant, truncateInterval, truncateTimestamp } from './datetime-truncate.ts';
import { contextual, type Definition, pure, pureEach } from './definition.ts';

interface Fields {
  year: number;
  month: number;
  day: number;
  micros: number;
}

/** Years, months, days and time between two timestamps; days borrow from the month of the earlier one. */
function age(a: WideInteger, b: WideInteger): Interval {
  if (isInfinite(a) || isInfinite(b)) throw fail('datetime_field_overflow', 'timestamp out of range');
  const later: Fields = { ...civilFromMicros(a) };
  const earlier: Fields = { ...civilFromMicros(b) };
  const sign = a < b ? -1 : 1;
  let micros = sign * (later.micros - earlier.micros);
  let days = sign * (later.day - earlier.day);
  let months = sign * (later.month - earlier.month);
  let years = sign * (later.year - earlier.year);
  if (micros < 0) {
    micros += DAY;
    days--;
  }
  const borrowed = sign < 0 ? later : earlier;
  while (days < 0) {
    days += daysInMonth(borrowed.year, borrowed.month);
    months--;
  }
  while (months < 0) {
    months += 12;
    years--;
  }
  return makeInterval(sign * (years * 12 + months), sign * days, sign * micros + 0);
}

/** Midnight of today in the session's zone, as a local timestamp. */
function localMidnight(context: EvalContext): WideInteger {
  const local = toLocal(context.transactionMicros, settingZone(context.settings.timeZone));
  return wideSubtract(local, wideFloorModulo(local, DAY));
}

function fieldOverflow(what: string, text: string): Error {
  return fail('datetime_field_overflow', `${what} field value out of range: ${text}`);
}

/** Negative years count BC; there is no year 0. */
function makeDate(year: number, month: number, day: number): number {
  const astronomical = year < 0 ? year + 1 : year;
  if (year === 0 || !isValidDate(astronomical, month, day)) {
    throw fieldOverflow('date', `${year}-${two(month)}-${two(day)}`);
  }
  return checkDate(daysFromCivil(astronomical, month, day), `date out of range: ${year}-${two(month)}-${two(day)}`);
}

function makeTime(hour: number, minute: number, second: number): number {
  const micros = hour * HOUR + minute * MINUTE + roundHalfEven(second * SECOND);
  if (hour < 0 || minute < 0 || minute > 59 || !(second >= 0 && second <= 60) || micros > DAY) {
    throw fieldOverflow('time', `${hour}:${two(minute)}:${second < 10 ? `0${second}` : second}`);
  }
  return micros;
}

function makeTimestamp(...[year, month, day, hour, minute, second]: readonly number[]): WideInteger {
  return microsFromDays(makeDate(year ?? 0, month ?? 0, day ?? 0), makeTime(hour ?? 0, minute ?? 0, second ?? 0));
}

function intervalFromParts(...[years, months, weeks, days, hours, minutes, seconds]: readonly number[]): Interval {
  const time = BigInt(hours ?? 0) * BigInt(HOUR) + BigInt(minutes ?? 0) * BigInt(MINUTE);
  return makeInterval(
    (years ?? 0) * 12 + (months ?? 0),
    (weeks ?? 0) * 7 + (days ?? 0),
    wideAdd(canonical(time), microsFromFloat((seconds ?? 0) * SECOND)),
  );
}

/** The zone named in AT TIME ZONE: abbreviation, name, or POSIX. @throws `invalid_parameter_value` (22023). */
export function namedZone(name: string): TimeZone {
  const abbreviation = abbreviationOffset(name);
  if (abbreviation !== undefined) return fixedZone(abbreviation);
  const zone = findZone(name);
  if (zone !== undefined) return zone;
  const offset = parseOffset(name);
  // A bare offset is POSIX here, positive to the west.
  if (offset !== undefined) return fixedZone(0 - offset);
  throw fail('invalid_parameter_value', `time zone "${name}" not recognized`);
}

function intervalZone(interval: Interval): TimeZone {
  if (interval.months !== 0 || interval.days !== 0) {
    throw fail('invalid_parameter_value', 'interval time zone must not include months or days');
  }
  return fixedZone(Math.trunc(Number(interval.micros) / SECOND));
}

/** The start of the bin of width `stride` from `origin` that holds a timestamp. */
function bin(stride: Interval, value: WideInteger, origin: WideInteger): WideInteger {
  if (isInfinite(value)) return value;
  if (isInfinite(origin)) throw fail('datetime_field_overflow', 'origin out of range');
  if (stride.months !== 0) {
    throw fail('feature_not_supported', 'timestamps cannot be binned into intervals containing months or years');
  }
  const width = BigInt(stride.days) * BigInt(DAY) + BigInt(stride.micros);
  if (width <= 0n) throw fail('datetime_field_overflow', 'stride must be greater than zero');
  const distance = BigInt(value) - BigInt(origin);
  const rest = ((distance % width) + width) % width;
  return checkTimestamp(BigInt(value) - rest);
}

function fromUnixSeconds(seconds: number): WideInteger {
  if (Number.isNaN(seconds)) throw fail('datetime_field_overflow', 'timestamp cannot be NaN');
  if (!Number.isFinite(seconds)) return seconds;
  const micros = roundHalfEven(seconds * SECOND);
  if (Math.abs(micros) >= 9.3e18) {
    throw fail('datetime_field_overflow', `timestamp out of range: "${seconds}"`);
  }
  return checkTimestamp(BigInt(micros) + BigInt(UNIX_EPOCH_MICROS), `timestamp out of range: "${seconds}"`);
}

const WEEKDAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'] as const;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;

/** `Wed Nov 20 12:34:56.789012 2024 UTC` */
function timeOfDayText(context: EvalContext): string {
  const zone = settingZone(context.settings.timeZone);
  const now = context.clockMicros();
  const { year, month, day, micros } = civilFromMicros(toLocal(now, zone));
  const days = daysFromCivil(year, month, day);
  const seconds = Math.floor(micros / SECOND);
  const clock = `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  const fraction = (micros % SECOND).toString().padStart(6, '0');
  const weekdayName = WEEKDAYS[(((days + 6) % 7) + 7) % 7];
  return `${weekdayName} ${MONTHS[month - 1]} ${two(day)} ${clock}.${fraction} ${year} ${zone.name}`;
}

/** SQL's OVERLAPS: each pair is ordered first; a missing end makes a point. */
function overlaps<T extends WideInteger>(a1: T | null, a2: T | null, b1: T | null, b2: T | null): boolean | null {
  const pair = (x: T | null, y: T | null): readonly [T | null, T | null] => {
    if (x === null) return [y, null];
    return y !== null && x > y ? [y, x] : [x, y];
  };
  const [as, ae] = pair(a1, a2);
  const [bs, be] = pair(b1, b2);
  if (as === null || bs === null) return null;
  if (as === bs) return ae === null || be === null ? null : true;
  // The later start must lie before the other pair's end.
  const [end, start, laterEnd] = as > bs ? [be, as, ae] : [ae, bs, be];
  if (end === null) return null;
  if (start < end) return true;
  return laterEnd === null ? null : false;
}

/** OVERLAPS where one or both pairs give a length instead of an end. */
function overlapsByLength<T extends WideInteger>(add: (context: EvalContext, start: T, length: Interval) => T) {
  const end = (context: EvalContext, start: T | null, other: T | Interval | null): T | null => {
    if (!(other instanceof Interval)) return other;
    return start === null ? null : add(context, start, other);
  };
  return (context: EvalContext, a: T | null, aEnd: T | Interval | null, b: T | null, bEnd: T | Interval | null) =>
    overlaps(a, end(context, a, aEnd), b, end(context, b, bEnd));
}

/** The three forms with an interval, for one type of time. */
function overlapForms(type: string, f: ReturnType<typeof overlapsByLength<WideInteger>>): Definition[] {
  return [
    contextual(`overlaps(${type},interval,${type},interval)`, f),
    contextual(`overlaps(${type},${type},${type},interval)`, f),
    contextual(`overlaps(${type},interval,${type},${type})`, f),
  ];
}

const CONSTRUCTORS: readonly Definition[] = [
  pure('make_date(int4,int4,int4)', makeDate),
  pure('make_time(int4,int4,float8)', makeTime),
  pure('make_timestamp(int4,int4,int4,int4,int4,float8)', makeTimestamp),
  contextual('make_timestamptz(int4,int4,int4,int4,int4,float8)', (context, ...parts: number[]) =>
    fromLocal(makeTimestamp(...parts), settingZone(context.settings.timeZone)),
  ),
  contextual('make_timestamptz(int4,int4,int4,int4,int4,float8,text)', (_context, ...parts: (number | string)[]) => {
    const name = String(parts[6]);
    const offset = /^[+-]/.test(name) ? parseOffset(name) : undefined;
    const zone = offset === undefined ? namedZone(name) : fixedZone(offset);
    return fromLocal(makeTimestamp(...parts.slice(0, 6).map(Number)), zone);
  }),
  {
    ...pure('make_interval(int4,int4,int4,int4,int4,int4,float8)', intervalFromParts),
    defaults: [0, 0, 0, 0, 0, 0, 0],
  },
  pure('to_timestamp(float8)', fromUnixSeconds),
];

const CLOCK: readonly Definition[] = [
  contextual('now()', (context) => context.transactionMicros),
  contextual('transaction_timestamp()', (context) => context.transactionMicros),
  contextual('statement_timestamp()', (context) => context.statementMicros),
  contextual('clock_timestamp()', (context) => context.clockMicros()),
  contextual('timeofday()', timeOfDayText),
];

const ZONES: readonly Definition[] = [
  pure('timezone(text,timestamp)', (zone: string, value: WideInteger) => fromLocal(value, namedZone(zone))),
  pure('timezone(text,timestamptz)', (zone: string, value: WideInteger) => toLocal(value, namedZone(zone))),
  pure('timezone(interval,timestamp)', (zone: Interval, value: WideInteger) => fromLocal(value, intervalZone(zone))),
  pure('timezone(interval,timestamptz)', (zone: Interval, value: WideInteger) => toLocal(value, intervalZone(zone))),
];

export const DATETIME_FUNCTIONS: readonly Definition[] = [
  ...overlapForms(
    'timestamp',
    overlapsByLength((_context, start, length) => addToTimestamp(start, length)),
  ),
  ...overlapForms('timestamptz', overlapsByLength(addToInstant)),
  ...DATETIME_PARTS,
  ...CONSTRUCTORS,
  ...CLOCK,
  ...ZONES,
  pure('date_trunc(text,timestamp)', truncateTimestamp),
  contextual('date_trunc(text,timestamptz)', (context, unit: string, value: WideInteger) =>
    truncateInstant(unit, value, settingZone(context.settings.timeZone)),
  ),
  pure('date_trunc(text,timestamptz,text)', (unit: string, value: WideInteger, zone: string) =>
    truncateInstant(unit, value, namedZone(zone)),
  ),
  pure('date_trunc(text,interval)', truncateInterval),
  ...pureEach(['date_bin(interval,timestamp,timestamp)', 'date_bin(interval,timestamptz,timestamptz)'], bin),
  pure('age(timestamp,timestamp)', age),
  contextual('age(timestamptz,timestamptz)', (context, a: WideInteger, b: WideInteger) => {
    const zone = settingZone(context.settings.timeZone);
    return age(toLocal(a, zone), toLocal(b, zone));
  }),
  contextual('age(timestamp)', (context, value: WideInteger) => age(localMidnight(context), value)),
  contextual('age(timestamptz)', (context, value: WideInteger) =>
    age(localMidnight(context), toLocal(value, settingZone(context.settings.timeZone))),
  ),
  pure('justify_hours(interval)', justifyHours),
  pure('justify_days(interval)', justifyDays),
  pure('justify_interval(interval)', justifyInterval),
  ...pureEach(['isfinite(date)', 'isfinite(timestamp)', 'isfinite(timestamptz)'], (v: WideInteger) => !isInfinite(v)),
  pure('isfinite(interval)', () => true),
  ...pureEach(
    [
      'overlaps(timestamp,timestamp,timestamp,timestamp)',
      'overlaps(timestamptz,timestamptz,timestamptz,timestamptz)',
      'overlaps(time,time,time,time)',
    ],
    overlaps,
  ),
];
