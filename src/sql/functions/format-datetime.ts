/** to_char of timestamps and intervals. */

import { unsupported } from '../../base/errors.ts';
import { daysFromCivil, HOUR, isoWeek, isoYearStart, JULIAN_2000, MINUTE, SECOND, weekday } from '../types/calendar.ts';
import { formatOffset } from '../types/time-zone.ts';
import { canonical, type WideInteger } from '../types/wide-integer.ts';
import {
  cutTemplate,
  DAY_NAMES,
  MONTH_NAMES,
  ordinalEnding,
  ROMAN_MONTHS,
  type TemplateField,
} from './format-template.ts';

/** What is printed. `days` is missing for intervals, which have no place in the calendar. */
export interface PrintedTime {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly micros: WideInteger;
  readonly days?: number;
  /** Seconds east of Greenwich, for a timestamptz. */
  readonly offset?: number;
  readonly zone?: string;
}

function dayNumber(time: PrintedTime): number {
  if (time.days === undefined) throw unsupported('this template pattern for an interval');
  return time.days;
}

/** A name in the case of its keyword: DAY, Day, day. */
function inCase(name: string, keyword: string): string {
  if (keyword === keyword.toUpperCase()) return name.toUpperCase();
  return keyword.charAt(0) === keyword.charAt(0).toUpperCase() ? name : name.toLowerCase();
}

class DateTimePrinter {
  readonly #time: PrintedTime;
  readonly #hour: WideInteger;
  readonly #minute: number;
  readonly #second: number;
  readonly #fraction: number;

  constructor(time: PrintedTime) {
    this.#time = time;
    const total = BigInt(time.micros);
    this.#hour = canonical(total / BigInt(HOUR));
    const rest = Number(total % BigInt(HOUR));
    this.#minute = Math.trunc(rest / MINUTE) + 0;
    this.#second = Math.trunc((rest % MINUTE) / SECOND) + 0;
    this.#fraction = (rest % SECOND) + 0;
  }

  print(template: string): string {
    return cutTemplate(template)
      .map((field) => (field.field === '' ? field.text : this.#field(field)))
      .join('');
  }

  #number(value: WideInteger, width: number, { fill, ordinal }: TemplateField): string {
    const digits = (value < 0 ? -value : value).toString();
    const text = (value < 0 ? '-' : '') + (fill ? digits.padStart(width, '0') : digits);
    return ordinal === '' ? text : text + ordinalEnding(digits, ordinal);
  }

  #name(name: string, width: number, { text, fill }: TemplateField): string {
    const shown = inCase(name, text);
    return fill ? shown.padEnd(width) : shown;
  }

  #field(field: TemplateField): string {
    return this.#clockField(field) ?? this.#yearField(field) ?? this.#dayField(field) ?? this.#zoneField(field);
  }

  #clockField(field: TemplateField): string | undefined {
    const hour = this.#hour;
    const twelve = Number(BigInt(hour) % 12n);
    switch (field.field) {
      case 'HH':
      case 'HH12':
        return this.#number(twelve === 0 ? 12 : twelve, 2, field);
      case 'HH24':
        return this.#number(hour, 2, field);
      case 'MI':
        return this.#number(this.#minute, 2, field);
      case 'SS':
        return this.#number(this.#second, 2, field);
      case 'SSSS':
      case 'SSSSS':
        return this.#number(canonical(BigInt(this.#time.micros) / BigInt(SECOND)), 1, field);
      case 'MS':
        return this.#number(Math.trunc(this.#fraction / 1000), 3, field);
      case 'US':
        return this.#number(this.#fraction, 6, field);
      case 'AM':
      case 'PM':
        return inCaseOf(field.text, Number(BigInt(hour) % 24n) >= 12 ? 'pm' : 'am');
      case 'A.M.':
      case 'P.M.':
        return inCaseOf(field.text, Number(BigInt(hour) % 24n) >= 12 ? 'p.m.' : 'a.m.');
      default: {
        const digits = /^FF([1-6])$/.exec(field.field)?.[1];
        if (digits === undefined) return undefined;
        return this.#number(Math.trunc(this.#fraction / 10 ** (6 - Number(digits))), Number(digits), field);
      }
    }
  }

  #yearField(field: TemplateField): string | undefined {
    const { year } = this.#time;
    const interval = this.#time.days === undefined;
    // Years before 1 AD print as BC years; an interval's stay as they are.
    const shown = interval || year > 0 ? year : 1 - year;
    switch (field.field) {
      case 'YYYY':
        return this.#number(shown, 4, field);
      case 'YYY':
      case 'YY':
      case 'Y':
        return this.#number(shown % 10 ** field.field.length, field.field.length, field);
      case 'Y,YYY':
        return `${Math.trunc(shown / 1000)},${(shown % 1000).toString().padStart(3, '0')}`;
      case 'IYYY':
        return this.#number(isoYearShown(dayNumber(this.#time)), 4, field);
      case 'IYY':
      case 'IY':
      case 'I':
        return this.#number(isoYearShown(dayNumber(this.#time)) % 10 ** field.field.length, field.field.length, field);
      case 'CC':
        return this.#number(interval ? Math.trunc(year / 100) : century(year), 2, field);
      case 'AD':
      case 'BC':
        return inCaseOf(field.text, year > 0 || interval ? 'ad' : 'bc');
      case 'A.D.':
      case 'B.C.':
        return inCaseOf(field.text, year > 0 || interval ? 'a.d.' : 'b.c.');
      default:
        return undefined;
    }
  }

  #dayField(field: TemplateField): string | undefined {
    const { month, day } = this.#time;
    switch (field.field) {
      case 'MM':
        return this.#number(month, 2, field);
      case 'DD':
        return this.#number(day, 2, field);
      case 'MONTH':
        return this.#name(MONTH_NAMES[month - 1] ?? '', 9, field);
      case 'MON':
        return this.#name((MONTH_NAMES[month - 1] ?? '').slice(0, 3), 3, field);
      case 'RM': {
        const roman = ROMAN_MONTHS[month - 1] ?? '';
        const shown = field.text === 'rm' ? roman.toLowerCase() : roman;
        return field.fill ? shown.padEnd(4) : shown;
      }
      case 'Q':
        return this.#number(Math.floor((month - 1) / 3) + 1, 1, field);
      case 'DAY':
        return this.#name(DAY_NAMES[weekday(dayNumber(this.#time))] ?? '', 9, field);
      case 'DY':
        return this.#name((DAY_NAMES[weekday(dayNumber(this.#time))] ?? '').slice(0, 3), 3, field);
      default:
        return this.#weekField(field);
    }
  }

  #weekField(field: TemplateField): string | undefined {
    const { year, day, days } = this.#time;
    if (!/^(?:DDD|D|ID|IDDD|W|WW|IW|J)$/.test(field.field)) return undefined;
    const number = days ?? dayNumber(this.#time);
    const ordinal = number - daysFromCivil(year, 1, 1) + 1;
    switch (field.field) {
      case 'DDD':
        return this.#number(ordinal, 3, field);
      case 'IDDD':
        return this.#number(number - isoYearStart(isoWeek(number).year) + 1, 3, field);
      case 'D':
        return this.#number(weekday(number) + 1, 1, field);
      case 'ID':
        return this.#number(weekday(number) || 7, 1, field);
      case 'W':
        return this.#number(Math.floor((day - 1) / 7) + 1, 1, field);
      case 'WW':
        return this.#number(Math.floor((ordinal - 1) / 7) + 1, 2, field);
      case 'IW':
        return this.#number(isoWeek(number).week, 2, field);
      default:
        return this.#number(number + JULIAN_2000, 1, field);
    }
  }

  #zoneField({ field, text }: TemplateField): string {
    const { offset = 0, zone } = this.#time;
    const minutes = Math.floor(Math.abs(offset) / 60) % 60;
    if (field === 'OF') return formatOffset(offset - (offset % 60));
    if (field === 'TZH') return formatOffset(offset).slice(0, 3);
    if (field === 'TZM') return minutes.toString().padStart(2, '0');
    if (zone === undefined) return '';
    if (!/^(?:utc|gmt)$/i.test(zone)) throw unsupported('template pattern TZ for a zone other than UTC');
    return text === 'tz' ? zone.toLowerCase() : zone.toUpperCase();
  }
}

function inCaseOf(keyword: string, lower: string): string {
  return keyword === keyword.toLowerCase() ? lower : lower.toUpperCase();
}

function isoYearShown(days: number): number {
  const { year } = isoWeek(days);
  return year > 0 ? year : 1 - year;
}

function century(year: number): number {
  return year > 0 ? Math.floor((year - 1) / 100) + 1 : Math.trunc(year / 100) - 1;
}

/** @throws `feature_not_supported` (0A000) for patterns that need names of zones or a calendar day of an interval. */
export function formatDateTime(time: PrintedTime, template: string): string {
  return new DateTimePrinter(time).print(template);
}
