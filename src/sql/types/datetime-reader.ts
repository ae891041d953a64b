/**
 * Decodes the tokens of a date, a time or a timestamp from left to right into one {@link Parsed}.
 *
 * A number's meaning depends on the fields already known and on the order of DateStyle (MDY, DMY, YMD): three digits and more
 * are a year, a second field after a year is a month, …
 */
import { fail } from '../../base/errors.ts';
import { DAY, daysFromCivil, daysInMonth, HOUR, JULIAN_2000, MINUTE, SECOND } from './calendar.ts';
import { type DateToken, dateTokens } from './datetime-tokens.ts';
import { roundHalfEven } from './interval.ts';
import { abbreviationOffset, findZone, fixedZone, parseOffset, type TimeZone } from './time-zone.ts';

export type Special = 'infinity' | '-infinity' | 'epoch' | 'now' | 'today' | 'tomorrow' | 'yesterday';

interface Parsed {
  year: number | undefined;
  month: number | undefined;
  day: number | undefined;
  julian: number | undefined;
  dayOfYear: number | undefined;
  micros: number | undefined;
  zone: TimeZone | undefined;
  special: Special | undefined;
  shortYear: boolean;
  textMonth: boolean;
  bc: boolean;
  meridiem: 'am' | 'pm' | undefined;
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'] as const;
const LONG_MONTHS = [
  'january',
  'february',
  'march',
  'april',
  'may',
  'june',
  'july',
  'august',
  'september',
  'october',
  'november',
  'december',
] as const;
const DAY_NAME =
  /^(?:sun(?:day)?|mon(?:day)?|tue(?:s|sday)?|wed(?:s|nesday)?|thu(?:r|rs|rsday)?|fri(?:day)?|sat(?:urday)?)$/;

/** Month 1 … 12 of a name, 0 for another word. */
export function monthNumber(word: string): number {
  const key = word.toLowerCase();
  if (key === 'sept') return 9;
  for (let i = 0; i < 12; i++) if (MONTHS[i] === key || LONG_MONTHS[i] === key) return i + 1;
  return 0;
}

/** Decodes one text; its errors name the text and the type. */
export class DateTimeReader {
  readonly #text: string;
  readonly #type: string;
  readonly #order: 'MDY' | 'DMY' | 'YMD';
  readonly #timeOnly: boolean;
  readonly parsed: Parsed = {
    year: undefined,
    month: undefined,
    day: undefined,
    julian: undefined,
    dayOfYear: undefined,
    micros: undefined,
    zone: undefined,
    special: undefined,
    shortYear: false,
    textMonth: false,
    bc: false,
    meridiem: undefined,
  };
  /** What the next number must be: after `T` a time, after `J` a Julian day. */
  #expect: 'time' | 'julian' | undefined;
  /** An offset from UTC was given; there is one at most. */
  #hasOffset = false;

  constructor(text: string, type: string, order: 'MDY' | 'DMY' | 'YMD', timeOnly: boolean) {
    this.#text = text;
    this.#type = type;
    this.#order = order;
    this.#timeOnly = timeOnly;
  }

  bad(): Error {
    return fail('invalid_datetime_format', `invalid input syntax for type ${this.#type}: "${this.#text}"`);
  }

  overflow(hint = false): Error {
    return fail(
      'datetime_field_overflow',
      `date/time field value out of range: "${this.#text}"`,
      hint ? { hint: 'Perhaps you need a different "datestyle" setting.' } : {},
    );
  }

  read(): Parsed {
    const tokens = dateTokens(this.#text);
    if (tokens === undefined || tokens.length === 0) throw this.bad();
    for (const token of tokens) this.#token(token);
    if (this.#expect !== undefined) throw this.bad();
    this.#applyMeridiem();
    return this.parsed;
  }

  #token({ kind, text, isAdjacent }: DateToken): void {
    if (kind === 'time') this.#time(text);
    else if (kind === 'number') this.#number(text);
    else if (kind === 'date') this.#date(text);
    else if (kind === 'word') this.#word(text);
    else this.#signed(text, isAdjacent);
  }

  #time(text: string): void {
    if (this.parsed.micros !== undefined) throw this.bad();
    const [hours = '', minutes = '', seconds = '0'] = text.split(':');
    this.#expect = undefined;
    this.parsed.micros = this.#clock(Number(hours), Number(minutes || 0), Number(seconds || 0));
  }

  #clock(hours: number, minutes: number, seconds: number): number {
    if (minutes > 59 || seconds > 60 || hours > 24) throw this.overflow();
    const micros = hours * HOUR + minutes * MINUTE + roundHalfEven(seconds * SECOND);
    if (micros > DAY) throw this.overflow();
    return micros;
  }

  #number(text: string): void {
    const parsed = this.parsed;
    if (this.#expect === 'julian') {
      this.#expect = undefined;
      const value = Number(text);
      parsed.julian = Math.floor(value) - JULIAN_2000;
      if (value !== Math.floor(value)) parsed.micros = roundHalfEven((value - Math.floor(value)) * DAY);
      return;
    }
    const ordinal = /^(\d{4})\.(\d{3})$/.exec(text);
    if (ordinal !== null && parsed.year === undefined && !this.#timeOnly) {
      parsed.year = Number(ordinal[1]);
      parsed.dayOfYear = Number(ordinal[2]);
      return;
    }
    const { year, month, day, dayOfYear, julian, special } = parsed;
    const isDay = year !== undefined && ((month !== undefined && day !== undefined) || dayOfYear !== undefined);
    const dateDone = isDay || julian !== undefined || special !== undefined;
    if (this.#expect === 'time' || this.#timeOnly || dateDone || text.includes('.')) this.#packedTime(text);
    else if (text.length === 8 || text.length === 6) this.#packedDate(text);
    else if (text.length > 6) throw this.bad();
    else this.#field(text);
  }

  /** HHMMSS or HHMM. */
  #packedTime(text: string): void {
    this.#expect = undefined;
    if (this.parsed.micros !== undefined) throw this.bad();
    const [digits = '', fraction = ''] = text.split('.');
    const seconds = fraction === '' ? 0 : Number(`0.${fraction}`);
    if (digits.length === 6) {
      this.parsed.micros = this.#clock(+digits.slice(0, 2), +digits.slice(2, 4), +digits.slice(4) + seconds);
    } else if (digits.length === 4) this.parsed.micros = this.#clock(+digits.slice(0, 2), +digits.slice(2), 0);
    else throw this.bad();
  }

  #packedDate(text: string): void {
    if (this.parsed.year !== undefined) throw this.bad();
    const yearDigits = text.length - 4;
    this.parsed.year = Number(text.slice(0, yearDigits));
    this.parsed.shortYear = yearDigits === 2;
    this.parsed.month = Number(text.slice(yearDigits, yearDigits + 2));
    this.parsed.day = Number(text.slice(yearDigits + 2));
  }

  /** One number of a date, by what is known so far. */
  #field(text: string): void {
    const parsed = this.parsed;
    const value = Number(text);
    const { year, month, day } = parsed;
    const wide = text.length >= 3;
    if (year === undefined && month === undefined && day === undefined) {
      if (wide || this.#order === 'YMD') this.#year(text);
      else if (this.#order === 'DMY') parsed.day = value;
      else parsed.month = value;
    } else if (year !== undefined && month === undefined && day === undefined) {
      if (text.length === 3 && value >= 1 && value <= 366) parsed.dayOfYear = value;
      else parsed.month = value;
    } else if (year === undefined && month !== undefined && day === undefined) {
      if (parsed.textMonth && (wide || this.#order === 'YMD')) this.#year(text);
      else parsed.day = value;
    } else if (year !== undefined && month !== undefined && day === undefined) {
      if (parsed.textMonth && wide && parsed.shortYear) {
        parsed.day = year;
        this.#year(text);
      } else parsed.day = value;
    } else if (year === undefined && month === undefined) parsed.month = value;
    else if (year === undefined) this.#year(text);
    else throw this.bad();
  }

  #year(text: string): void {
    this.parsed.year = Number(text);
    this.parsed.shortYear = text.length <= 2;
  }

  /** Fields joined by separators; a month's name counts first, wherever it stands. */
  #date(text: string): void {
    const fields = text.split(/[-/.]/).filter((field) => field !== '');
    for (const field of fields) {
      if (/^\d/.test(field)) continue;
      const month = monthNumber(field);
      if (month === 0 || this.parsed.textMonth) throw this.bad();
      this.parsed.month = month;
      this.parsed.textMonth = true;
    }
    if (fields.length === 2 && !this.parsed.textMonth && fields[1]?.length === 3) {
      this.#field(fields[0] ?? '');
      this.parsed.dayOfYear = Number(fields[1]);
      return;
    }
    for (const field of fields) {
      if (!/^\d/.test(field)) continue;
      if (!/^\d+$/.test(field)) throw this.bad();
      this.#field(field);
    }
  }

  #word(text: string): void {
    const word = text.toLowerCase();
    const parsed = this.parsed;
    const month = monthNumber(word);
    if (month !== 0) {
      this.#monthName(month);
      return;
    }
    if (word === 'am' || word === 'pm') parsed.meridiem = word;
    else if (word === 'bc') parsed.bc = true;
    else if (word === 'ad' || word === 'at' || word === 'on' || DAY_NAME.test(word)) return;
    else if (word === 't') this.#expect = 'time';
    else if (word === 'j' || word === 'jd' || word === 'julian') this.#expect = 'julian';
    else if (word === 'dst') parsed.zone = fixedZone((parsed.zone?.offsetAt(0) ?? 0) + 3600);
    else if (word === 'allballs') {
      parsed.micros = 0;
      parsed.zone = fixedZone(0);
    } else this.#specialOrZone(word, text);
  }

  /** A month's name after a number that was taken for a month makes that number the day. */
  #monthName(month: number): void {
    const parsed = this.parsed;
    if (parsed.textMonth) throw this.bad();
    if (parsed.month !== undefined && parsed.day === undefined) parsed.day = parsed.month;
    parsed.month = month;
    parsed.textMonth = true;
  }

  #specialOrZone(word: string, text: string): void {
    const parsed = this.parsed;
    const special = SPECIAL_WORDS.get(word);
    if (special !== undefined) {
      if (parsed.special !== undefined) throw this.bad();
      parsed.special = special;
      return;
    }
    if (parsed.zone !== undefined) throw this.bad();
    const abbreviation = abbreviationOffset(word);
    const zone = abbreviation === undefined ? findZone(text) : fixedZone(abbreviation);
    if (zone !== undefined && (text.includes('/') || abbreviation !== undefined || text.length > 2 || word === 'z')) {
      parsed.zone = zone;
      return;
    }
    if (text.includes('/')) throw fail('invalid_parameter_value', `time zone "${word}" not recognized`);
    throw this.bad();
  }

  #signed(text: string, isAdjacent: boolean): void {
    const body = text.replace(/^([+-]) */, '$1');
    if (/[a-z]/i.test(body)) {
      if (body.toLowerCase() !== '-infinity' && body.toLowerCase() !== '+infinity') throw this.bad();
      this.parsed.special = body.startsWith('-') ? '-infinity' : 'infinity';
      return;
    }
    const offset = parseOffset(body);
    // A zone's name and an offset are one zone only where nothing stands between them.
    const isSecond = this.#hasOffset || (this.parsed.zone !== undefined && !isAdjacent);
    if (offset === undefined || isSecond) throw this.bad();
    this.#hasOffset = true;
    if (Math.abs(offset) >= 16 * 3600) {
      throw fail('invalid_time_zone_displacement_value', `time zone displacement out of range: "${this.#text}"`);
    }
    const base = this.parsed.zone?.offsetAt(0) ?? 0;
    // "UTC+3" is POSIX: its sign is positive to the west.
    this.parsed.zone = fixedZone(this.parsed.zone === undefined ? offset : base - offset);
  }

  #applyMeridiem(): void {
    const { meridiem, micros } = this.parsed;
    if (meridiem === undefined) return;
    if (micros === undefined) throw this.bad();
    const hour = Math.floor(micros / HOUR);
    if (hour > 12) throw this.overflow();
    if (meridiem === 'am' && hour === 12) this.parsed.micros = micros - 12 * HOUR;
    if (meridiem === 'pm' && hour !== 12) this.parsed.micros = micros + 12 * HOUR;
  }

  /** The day that the date fields name. */
  days(): number {
    const parsed = this.parsed;
    if (parsed.julian !== undefined) return parsed.julian;
    if (parsed.year === undefined) throw this.bad();
    const year = this.#fullYear(parsed.year);
    if (parsed.dayOfYear !== undefined) return daysFromCivil(year, 1, 1) + parsed.dayOfYear - 1;
    const { month, day } = parsed;
    if (month === undefined || day === undefined) throw this.bad();
    if (month < 1 || month > 12) throw this.overflow(true);
    if (day < 1 || day > 31) throw this.overflow(true);
    if (day > daysInMonth(year, month)) throw this.overflow();
    return daysFromCivil(year, month, day);
  }

  #fullYear(year: number): number {
    const { bc, shortYear } = this.parsed;
    if (year === 0 && !shortYear) throw this.overflow();
    if (bc) return year === 0 ? 0 : 1 - year;
    if (!shortYear) return year;
    return year < 70 ? year + 2000 : year + 1900;
  }
}

const SPECIAL_WORDS: ReadonlyMap<string, Special> = new Map([
  ['infinity', 'infinity'],
  ['epoch', 'epoch'],
  ['now', 'now'],
  ['today', 'today'],
  ['tomorrow', 'tomorrow'],
  ['yesterday', 'yesterday'],
]);
