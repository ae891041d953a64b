/** Behaviour of date, time, timestamp, timestamptz and interval. */
import { fail } from '../../base/errors.ts';
import { type Behaviour, compareNumbers, fixedView, modifierNumbers, written } from './behaviour.ts';
import { DAY } from './calendar.ts';
import { formatDate, formatTimeOfDay, formatTimestamp, formatTimestampTz } from './datetime-format.ts';
import { parseDate, parseTime, parseTimestamp, parseTimestampTz, roundMicros } from './datetime-parse.ts';
import { compareIntervals, Interval } from './interval.ts';
import { applyIntervalTypmod, INTERVAL_FULL_RANGE, parseInterval } from './interval-parse.ts';
import { formatInterval } from './interval-text.ts';
import { dateFromInt32, dateToInt32, readInt64, readMicros64, writeInt64 } from './value-bytes.ts';
import type { WideInteger } from './wide-integer.ts';

export const DATE: Behaviour<number> = {
  parse: parseDate,
  format: (value, context) => formatDate(value, context.settings),
  send: (value) => written(4, (view) => view.setInt32(0, dateToInt32(value))),
  receive: (bytes, start, end) => dateFromInt32(fixedView(bytes, start, end, 4).getInt32(0)),
  compare: compareNumbers,
};

const PRECISION_MAX = 6;

/** Digits of a second; more than six are taken for six, as PostgreSQL does with a warning. */
function precisionIn(args: readonly string[], type: string, suffix: string): number {
  const [precision = 0, ...rest] = modifierNumbers(args);
  if (args.length === 0 || rest.length > 0) throw fail('invalid_parameter_value', 'invalid type modifier');
  if (precision < 0) {
    throw fail('invalid_parameter_value', `${type}(${precision})${suffix} precision must not be negative`);
  }
  return Math.min(precision, PRECISION_MAX);
}

function precisionOut(typmod: number): string {
  return typmod < 0 ? '' : `(${typmod})`;
}

const MICROS_WIRE: Pick<Behaviour<WideInteger>, 'send' | 'receive' | 'compare' | 'typmodOut' | 'applyTypmod'> = {
  send: (value) => written(8, (view) => writeInt64(view, 0, value, false)),
  receive: (bytes, start, end) => readMicros64(fixedView(bytes, start, end, 8), 0, false),
  compare: compareNumbers,
  typmodOut: precisionOut,
  applyTypmod: (value, typmod) => (typmod < 0 ? value : roundMicros(value, typmod)),
};

export const TIME: Behaviour<WideInteger> = {
  ...MICROS_WIRE,
  parse: parseTime,
  format: (value) => formatTimeOfDay(Number(value)),
  receive(bytes, start, end) {
    const value = readInt64(fixedView(bytes, start, end, 8), 0, false);
    if (value < 0 || value > DAY) throw fail('datetime_field_overflow', 'time out of range');
    return value;
  },
  typmodIn: (args) => precisionIn(args, 'TIME', ''),
};

export const TIMESTAMP: Behaviour<WideInteger> = {
  ...MICROS_WIRE,
  parse: parseTimestamp,
  format: (value, context) => formatTimestamp(value, context.settings),
  typmodIn: (args) => precisionIn(args, 'TIMESTAMP', ''),
};

export const TIMESTAMPTZ: Behaviour<WideInteger> = {
  ...MICROS_WIRE,
  parse: parseTimestampTz,
  format: (value, context) => formatTimestampTz(value, context.settings),
  typmodIn: (args) => precisionIn(args, 'TIMESTAMP', ' WITH TIME ZONE'),
};

/** The ranges that SQL allows, by the bits of PostgreSQL's interval typmod. */
const RANGES: ReadonlyMap<number, string> = new Map([
  [4, ' year'],
  [2, ' month'],
  [8, ' day'],
  [1024, ' hour'],
  [2048, ' minute'],
  [4096, ' second'],
  [6, ' year to month'],
  [1032, ' day to hour'],
  [3080, ' day to minute'],
  [7176, ' day to second'],
  [3072, ' hour to minute'],
  [7168, ' hour to second'],
  [6144, ' minute to second'],
  [INTERVAL_FULL_RANGE, ''],
]);

export const INTERVAL: Behaviour<Interval> = {
  parse: (text, _context, typmod) => parseInterval(text, typmod),
  format: (value, context) => formatInterval(value, context.settings),
  send: (value) =>
    written(16, (view) => {
      writeInt64(view, 0, value.micros, false);
      view.setInt32(8, value.days);
      view.setInt32(12, value.months);
    }),
  receive(bytes, start, end) {
    const view = fixedView(bytes, start, end, 16);
    return new Interval(view.getInt32(12), view.getInt32(8), readInt64(view, 0, false));
  },
  compare: compareIntervals,
  /** Arguments are the range's bits ({@link INTERVAL_FULL_RANGE} = all fields) and optionally the precision. */
  typmodIn(args) {
    const [range = 0, precision] = modifierNumbers(args);
    if (!RANGES.has(range)) throw fail('invalid_parameter_value', 'invalid INTERVAL type modifier');
    if (precision !== undefined && precision < 0) {
      throw fail('invalid_parameter_value', `INTERVAL(${precision}) precision must not be negative`);
    }
    return (range << 16) | (precision === undefined ? 0xffff : Math.min(precision, PRECISION_MAX));
  },
  typmodOut(typmod) {
    if (typmod < 0) return '';
    const precision = typmod & 0xffff;
    return `${RANGES.get((typmod >> 16) & INTERVAL_FULL_RANGE) ?? ''}${precision > PRECISION_MAX ? '' : `(${precision})`}`;
  },
  applyTypmod: (value, typmod) => applyIntervalTypmod(value, typmod),
};
