/**
 * Reads intervals in PostgreSQL's, SQL's and ISO 8601's forms, and holds them to the fields and digits of a type modifier.
 *
 *   '1 year 2 mons -3 days 04:05:06.5'     '1-2'     '3 4:05'     'P1Y2M-3DT4H5M6.5S'
 */
import { fail } from '../../base/errors.ts';
import { DAY, HOUR, MINUTE, SECOND } from './calendar.ts';
import { roundMicros } from './datetime-parse.ts';
import { type DateToken, dateTokens } from './datetime-tokens.ts';
import { type Interval, makeInterval, microsFromFloat, roundHalfEven } from './interval.ts';
import { canonical, type WideInteger, wideAdd } from './wide-integer.ts';

/** Months, days or µs of one unit; fractions of months flow into days, those of days into µs. */
type Unit = readonly ['months' | 'days' | 'micros', number];

const UNITS: ReadonlyMap<string, Unit> = new Map(
  (
    [
      ['us usec usecs usecond useconds microsecon microsecond microseconds', 'micros', 1],
      ['ms msec msecs msecond mseconds millisecon millisecond milliseconds', 'micros', 1000],
      ['s sec secs second seconds', 'micros', SECOND],
      ['m min mins minute minutes', 'micros', MINUTE],
      ['h hr hrs hour hours', 'micros', HOUR],
      ['d day days', 'days', 1],
      ['w week weeks', 'days', 7],
      ['mon mons month months', 'months', 1],
      ['y yr yrs year years', 'months', 12],
      ['dec decs decade decades', 'months', 120],
      ['c cent century centuries', 'months', 1200],
      ['mil mils millennia millennium', 'months', 12000],
    ] satisfies [string, 'months' | 'days' | 'micros', number][]
  ).flatMap(([names, part, factor]) => names.split(' ').map((name): [string, Unit] => [name, [part, factor]])),
);

/** The fields that an interval's typmod keeps, as bits of its upper half. */
export const INTERVAL_YEAR = 1 << 2;
export const INTERVAL_MONTH = 1 << 1;
export const INTERVAL_DAY = 1 << 3;
export const INTERVAL_HOUR = 1 << 10;
export const INTERVAL_MINUTE = 1 << 11;
export const INTERVAL_SECOND = 1 << 12;
export const INTERVAL_FULL_RANGE = 0x7fff;

class IntervalReader {
  readonly #text: string;
  readonly #defaultUnit: Unit;
  /** True for `minute to second`, where 2:03 is minutes and seconds. */
  readonly #minutesFirst: boolean;
  /** Units given so far, by factor; none may come twice. */
  readonly #given = new Set<string>();
  months = 0;
  days = 0;
  micros: WideInteger = 0;

  constructor(text: string, typmod: number) {
    this.#text = text;
    this.#defaultUnit = unitOfRange(typmod);
    this.#minutesFirst = typmod >= 0 && ((typmod >> 16) & INTERVAL_FULL_RANGE) === (INTERVAL_MINUTE | INTERVAL_SECOND);
  }

  bad(): Error {
    return fail('invalid_datetime_format', `invalid input syntax for type interval: "${this.#text}"`);
  }

  overflow(): Error {
    return fail('interval_field_overflow', `interval field value out of range: "${this.#text}"`);
  }

  /** Adds `amount` of a unit, spreading its fraction downward. */
  add(amount: number, [part, factor]: Unit): void {
    if (part === 'micros') {
      this.#addMicros(amount * factor);
      return;
    }
    const scaled = amount * factor;
    const whole = Math.trunc(factor === 12 || factor >= 120 ? roundMonths(amount, factor) : scaled);
    if (part === 'months') {
      this.months += whole;
      if (factor === 1) this.add(clean((scaled - whole) * 30), ['days', 1]);
    } else {
      this.days += whole;
      this.#addMicros(clean(scaled - whole) * DAY);
    }
    if (Math.abs(this.months) > 2 ** 31 || Math.abs(this.days) > 2 ** 31) throw this.overflow();
  }

  #addMicros(amount: number): void {
    if (Math.abs(amount) >= 2 ** 63) throw this.overflow();
    try {
      this.micros = wideAdd(this.micros, microsFromFloat(amount));
    } catch {
      throw this.overflow();
    }
  }

  readTokens(tokens: readonly DateToken[]): void {
    let ago = false;
    let fields = 0;
    for (let i = 0; i < tokens.length; i++) {
      const token = tokens[i];
      if (token === undefined) break;
      if (token.kind === 'word') {
        if (token.text.toLowerCase() !== 'ago' || i !== tokens.length - 1) throw this.bad();
        ago = true;
        continue;
      }
      i += this.#amount(token, tokens[i + 1]);
      fields++;
    }
    if (fields === 0) throw this.bad();
    if (ago) {
      this.months = 0 - this.months;
      this.days = 0 - this.days;
      this.micros = typeof this.micros === 'number' ? 0 - this.micros : -this.micros;
    }
  }

  /** Reads a number with its unit, a time, or years-months; returns how many further tokens it took. */
  #amount(token: DateToken, next: DateToken | undefined): number {
    const text = token.text.replace(/ /g, '');
    if (token.kind === 'time' || text.includes(':')) {
      this.#time(text);
      return 0;
    }
    const yearMonth = /^([+-]?)(\d+)-(\d+)$/.exec(text);
    if (yearMonth !== null) {
      if (Number(yearMonth[3]) > 11) throw this.overflow();
      const sign = yearMonth[1] === '-' ? -1 : 1;
      this.months += sign * (Number(yearMonth[2]) * 12 + Number(yearMonth[3]));
      return 0;
    }
    if (!/^[+-]?(?:\d+\.?\d*|\.\d+)$/.test(text)) throw this.bad();
    if (next?.kind === 'word' && next.text.toLowerCase() !== 'ago') {
      const unit = UNITS.get(next.text.toLowerCase());
      if (unit === undefined) throw this.bad();
      this.#scaled(text, unit);
      return 1;
    }
    this.#scaled(text, next !== undefined && /:/.test(next.text) ? ['days', 1] : this.#defaultUnit);
    return 0;
  }

  #once([part, factor]: Unit): void {
    const key = `${part}${factor}`;
    if (this.#given.has(key)) throw this.bad();
    this.#given.add(key);
  }

  /** Whole numbers of µs units go exactly; others through a float, as PostgreSQL does with the fraction. */
  #scaled(text: string, unit: Unit): void {
    this.#once(unit);
    const whole = Number.parseInt(text, 10);
    if (Number.isFinite(whole) && !Number.isSafeInteger(whole * unit[1])) {
      if (unit[0] !== 'micros' || Math.abs(whole) > 2 ** 53) throw this.overflow();
      this.micros = wideAdd(this.micros, canonical(BigInt(whole) * BigInt(unit[1])));
      return;
    }
    if (unit[0] !== 'micros' && Math.abs(whole) > 2 ** 31) throw this.overflow();
    this.add(Number(text), unit);
  }

  #time(text: string): void {
    const sign = text.startsWith('-') ? -1 : 1;
    const parts = text.replace(/^[+-]/, '').split(':');
    let [hours = '0', minutes = '0', seconds = '0'] = parts;
    if (parts.length > 3) throw this.bad();
    for (const unit of [HOUR, MINUTE, SECOND]) this.#once(['micros', unit]);
    if (parts.length === 2 && (this.#minutesFirst || minutes.includes('.'))) {
      [hours, minutes, seconds] = ['0', hours, minutes];
    }
    if (Number(minutes) > 59 || Number(seconds) > 60) throw this.overflow();
    const rest = Number(minutes || 0) * MINUTE + roundHalfEven(Number(seconds || 0) * SECOND);
    this.micros = wideAdd(this.micros, canonical(BigInt(sign) * (BigInt(hours || 0) * BigInt(HOUR) + BigInt(rest))));
  }

  /** P1Y2M3DT4H5M6.7S, or P0001-02-03T04:05:06. */
  readIso(body: string): void {
    const alternative = /^(\d{4,})-(\d{2})-(\d{2})(?:T(\d{2}:\d{2}(?::\d{2}(?:\.\d*)?)?))?$/i.exec(body);
    if (alternative !== null) {
      this.months += Number(alternative[1]) * 12 + Number(alternative[2]);
      this.days += Number(alternative[3]);
      if (alternative[4] !== undefined) this.#time(alternative[4]);
      return;
    }
    const [dateText = '', timeText, ...rest] = body.toUpperCase().split('T');
    if (rest.length > 0 || (dateText === '' && (timeText ?? '') === '')) throw this.bad();
    this.#isoFields(dateText, ISO_DATE_UNITS);
    if (timeText !== undefined) this.#isoFields(timeText, ISO_TIME_UNITS);
  }

  #isoFields(text: string, units: ReadonlyMap<string, Unit>): void {
    const field = /([+-]?(?:\d+\.?\d*|\.\d+))([A-Z])/y;
    let at = 0;
    while (at < text.length) {
      field.lastIndex = at;
      const match = field.exec(text);
      const unit = units.get(match?.[2] ?? '');
      if (match === null || unit === undefined) throw this.bad();
      this.add(Number(match[1]), unit);
      at = field.lastIndex;
    }
  }
}

const ISO_DATE_UNITS: ReadonlyMap<string, Unit> = new Map([
  ['Y', ['months', 12]],
  ['M', ['months', 1]],
  ['W', ['days', 7]],
  ['D', ['days', 1]],
]);
const ISO_TIME_UNITS: ReadonlyMap<string, Unit> = new Map([
  ['H', ['micros', HOUR]],
  ['M', ['micros', MINUTE]],
  ['S', ['micros', SECOND]],
]);

/** Years and longer units round to whole months. */
function roundMonths(amount: number, factor: number): number {
  const whole = Math.trunc(amount);
  return whole * factor + roundHalfEven((amount - whole) * factor);
}

/** Takes the noise of binary fractions away. */
function clean(value: number): number {
  return roundHalfEven(value * 1e9) / 1e9;
}

/** Unit of a number without one: the smallest field of the typmod, seconds without. */
function unitOfRange(typmod: number): Unit {
  const range = typmod < 0 ? INTERVAL_FULL_RANGE : (typmod >> 16) & INTERVAL_FULL_RANGE;
  if (range === INTERVAL_FULL_RANGE || (range & INTERVAL_SECOND) !== 0) return ['micros', SECOND];
  if ((range & INTERVAL_MINUTE) !== 0) return ['micros', MINUTE];
  if ((range & INTERVAL_HOUR) !== 0) return ['micros', HOUR];
  if ((range & INTERVAL_DAY) !== 0) return ['days', 1];
  return (range & INTERVAL_MONTH) !== 0 ? ['months', 1] : ['months', 12];
}

/** Reads an interval. @throws `invalid_datetime_format` (22007), `interval_field_overflow` (22015). */
export function parseInterval(text: string, typmod: number): Interval {
  const reader = new IntervalReader(text, typmod);
  const trimmed = text.trim();
  const negativeIso = /^-?P/i.test(trimmed);
  if (negativeIso && /^P/i.test(trimmed)) reader.readIso(trimmed.slice(1));
  else {
    const tokens = dateTokens(text);
    if (tokens === undefined) throw reader.bad();
    reader.readTokens(tokens.map(splitDate));
  }
  try {
    return applyIntervalTypmod(makeInterval(reader.months, reader.days, reader.micros), typmod);
  } catch {
    throw reader.overflow();
  }
}

/** `1-2` reads as a date to the tokenizer; here it is years and months. */
function splitDate(token: DateToken): DateToken {
  return token.kind === 'date' ? { ...token, kind: 'number' } : token;
}

/** Cuts an interval to the fields and the precision of a typmod. */
export function applyIntervalTypmod(value: Interval, typmod: number): Interval {
  if (typmod < 0) return value;
  const range = (typmod >> 16) & INTERVAL_FULL_RANGE;
  const precision = typmod & 0xffff;
  let { months, days, micros } = value;
  if (range !== INTERVAL_FULL_RANGE) {
    if ((range & ~(INTERVAL_YEAR | INTERVAL_MONTH)) === 0) {
      if (range === INTERVAL_YEAR) months -= months % 12;
      days = 0;
      micros = 0;
    } else if (range === INTERVAL_DAY) micros = 0;
    else if ((range & INTERVAL_SECOND) === 0) {
      const unit = BigInt((range & INTERVAL_MINUTE) !== 0 ? MINUTE : HOUR);
      micros = canonical((BigInt(micros) / unit) * unit);
    }
  }
  if (precision <= 6) micros = roundMicros(micros, precision);
  return makeInterval(months, days, micros);
}
