/** to_date and to_timestamp: reads a text by a template. */

import { fail, unsupported } from '../../base/errors.ts';
import {
  checkDate,
  daysFromCivil,
  daysInMonth,
  HOUR,
  isLeapYear,
  isoYearStart,
  JULIAN_2000,
  MINUTE,
  SECOND,
} from '../types/calendar.ts';
import { cutTemplate, DAY_NAMES, MONTH_NAMES, ROMAN_MONTHS, type TemplateField } from './format-template.ts';

export interface ParsedTime {
  readonly days: number;
  readonly micros: number;
  /** Seconds east of Greenwich, when the template had TZH. */
  readonly offset: number | undefined;
}

/** Most digits of a numeric field. */
const WIDTHS: ReadonlyMap<string, number> = new Map([
  ['YYYY', 4],
  ['IYYY', 4],
  ['YYY', 3],
  ['IYY', 3],
  ['YY', 2],
  ['IY', 2],
  ['Y', 1],
  ['I', 1],
  ['MM', 2],
  ['DD', 2],
  ['DDD', 3],
  ['IDDD', 3],
  ['D', 1],
  ['ID', 1],
  ['HH', 2],
  ['HH12', 2],
  ['HH24', 2],
  ['MI', 2],
  ['SS', 2],
  ['SSSS', 5],
  ['SSSSS', 5],
  ['MS', 3],
  ['US', 6],
  ['FF1', 1],
  ['FF2', 2],
  ['FF3', 3],
  ['FF4', 4],
  ['FF5', 5],
  ['FF6', 6],
  ['W', 1],
  ['WW', 2],
  ['IW', 2],
  ['CC', 2],
  ['J', 7],
  ['Q', 1],
  ['TZM', 2],
]);

class TemplateReader {
  readonly #text: string;
  readonly #fields: readonly TemplateField[];
  #at = 0;
  readonly #values = new Map<string, number>();
  #meridiem: 'am' | 'pm' | undefined;
  #bc = false;
  #zoneSign = 1;

  constructor(text: string, template: string) {
    this.#text = text;
    this.#fields = cutTemplate(template);
  }

  read(): void {
    // What the text has no more of is left out, as if the template ended there.
    for (let i = 0; i < this.#fields.length && this.#at < this.#text.length; i++) {
      const field = this.#fields[i];
      if (field === undefined) break;
      if (field.field === '') this.#separator(field.text);
      else {
        this.#skipBlanks();
        if (this.#at < this.#text.length) this.#field(field, this.#fields[i + 1]);
      }
    }
  }

  #skipBlanks(): void {
    while (/\s/.test(this.#text.charAt(this.#at))) this.#at++;
  }

  /** A separator of the template matches any separator of the text, or none. */
  #separator(text: string): void {
    const here = this.#text.charAt(this.#at);
    if (/^[a-z0-9]/i.test(text)) this.#at = Math.min(this.#at + text.length, this.#text.length);
    else if (
      /^[^a-z0-9+]$/i.test(here) &&
      !(here === '-' && /\d/.test(this.#text.charAt(this.#at + 1)) && text === ' ')
    )
      this.#at++;
  }

  #field(field: TemplateField, next: TemplateField | undefined): void {
    const { field: name } = field;
    switch (name) {
      case 'MONTH':
      case 'MON':
        this.#values.set('MM', this.#oneOf(MONTH_NAMES, name === 'MON', name) + 1);
        return;
      case 'DAY':
      case 'DY':
        this.#oneOf(DAY_NAMES, name === 'DY', name);
        return;
      case 'RM':
        this.#roman();
        return;
      case 'AM':
      case 'PM':
      case 'A.M.':
      case 'P.M.':
        this.#meridiem = /^p/i.test(this.#word(/[ap]\.?m\.?/iy, name)) ? 'pm' : 'am';
        return;
      case 'AD':
      case 'BC':
      case 'A.D.':
      case 'B.C.':
        this.#bc = /^b/i.test(this.#word(/(?:a\.?d|b\.?c)\.?/iy, name));
        return;
      case 'TZH':
        this.#zoneSign = this.#text.charAt(this.#at) === '-' ? -1 : 1;
        if (/[+-]/.test(this.#text.charAt(this.#at))) this.#at++;
        this.#values.set('TZH', Number(this.#word(/\d{1,2}/y, name)));
        return;
      case 'Y,YYY': {
        const text = this.#word(/\d{1,4},\d{3}/y, name);
        this.#values.set('YYYY', Number(text.replace(',', '')));
        return;
      }
      case 'TZ':
      case 'OF':
        throw unsupported(`formatting field "${name}" in to_timestamp and to_date`);
      default:
        this.#numberField(field, next);
    }
  }

  #word(shape: RegExp, name: string): string {
    shape.lastIndex = this.#at;
    const found = shape.exec(this.#text)?.[0];
    if (found === undefined) throw this.#invalid(this.#text.slice(this.#at, this.#at + 10), name);
    this.#at += found.length;
    return found;
  }

  #invalid(value: string, name: string): Error {
    return fail('invalid_datetime_format', `invalid value "${value}" for "${name}"`, {
      detail: 'Value must be an integer.',
    });
  }

  #oneOf(names: readonly string[], short: boolean, keyword: string): number {
    const rest = this.#text.slice(this.#at).toLowerCase();
    const index = names.findIndex((name) => rest.startsWith((short ? name.slice(0, 3) : name).toLowerCase()));
    if (index < 0) {
      throw fail('invalid_datetime_format', `invalid value "${this.#text.slice(this.#at)}" for "${keyword}"`, {
        detail: 'The given value did not match any of the allowed values for this field.',
      });
    }
    this.#at += short ? 3 : (names[index]?.length ?? 0);
    return index;
  }

  #roman(): void {
    const found = this.#word(/[ivx]+/iy, 'RM').toUpperCase();
    const index = [...ROMAN_MONTHS].map(String).indexOf(found);
    if (index < 0) throw this.#invalid(found, 'RM');
    this.#values.set('MM', index + 1);
  }

  /** Fields that follow each other without a separator take their width, others all digits. */
  #numberField({ field, ordinal }: TemplateField, next: TemplateField | undefined): void {
    const width = WIDTHS.get(field) ?? 2;
    const packed = next !== undefined && (next.field !== '' || /^\d/.test(next.text)) && !/^[AP]/.test(next.field);
    const limit = packed || /^(?:MS|US|FF)/.test(field) ? width : Math.max(width, 9);
    const rest = this.#text.slice(this.#at, this.#at + limit + 1);
    const digits = new RegExp(`^[+-]?\\d{1,${limit}}`).exec(rest)?.[0];
    if (digits === undefined) throw this.#invalid(rest.slice(0, width), field);
    this.#at += digits.length;
    if (ordinal !== '') this.#at += 2;
    this.#store(field, digits, width);
  }

  #store(field: string, digits: string, width: number): void {
    let value = Number(digits);
    let key = field;
    if (/^(?:MS|US|FF\d)$/.test(field)) {
      key = 'US';
      value = Number(digits.padEnd(6, '0'));
    } else if (/^Y+$/.test(field) || /^IY*$/.test(field)) {
      key = field.startsWith('I') ? 'IYYY' : 'YYYY';
      if (width < 4 && digits.length < 4) value = nearYear(value, digits.length);
    } else if (field === 'HH' || field === 'HH12') key = 'HH12';
    else if (field === 'SSSSS') key = 'SSSS';
    const known = this.#values.get(key);
    if (known !== undefined && known !== value) {
      throw fail('invalid_datetime_format', `conflicting values for "${field}" field in formatting string`, {
        detail: 'This value contradicts a previous setting for the same field type.',
      });
    }
    this.#values.set(key, value);
  }

  #outOfRange(): Error {
    return fail('datetime_field_overflow', `date/time field value out of range: "${this.#text}"`);
  }

  micros(): number {
    const seconds = this.#values.get('SSSS');
    const fraction = this.#values.get('US') ?? 0;
    if (seconds !== undefined) return seconds * SECOND + fraction;
    const hour = this.#hour();
    const minute = this.#values.get('MI') ?? 0;
    const second = this.#values.get('SS') ?? 0;
    if (hour > 24 || minute > 59 || second > 60) throw this.#outOfRange();
    return hour * HOUR + minute * MINUTE + second * SECOND + fraction;
  }

  #hour(): number {
    const hour12 = this.#values.get('HH12');
    const hour = hour12 ?? this.#values.get('HH24') ?? 0;
    if (hour12 !== undefined || this.#meridiem !== undefined) {
      if (hour < 1 || hour > 12) {
        throw fail('invalid_datetime_format', `hour "${hour}" is invalid for the 12-hour clock`, {
          hint: 'Use the 24-hour clock, or give an hour between 1 and 12.',
        });
      }
    }
    if (this.#meridiem === 'pm' && hour < 12) return hour + 12;
    const morning = this.#meridiem === 'am' || (hour12 !== undefined && this.#meridiem === undefined);
    return morning && hour === 12 ? 0 : hour;
  }

  days(): number {
    const get = (name: string): number | undefined => this.#values.get(name);
    const julian = get('J');
    if (julian !== undefined) return julian - JULIAN_2000;
    const isoYear = get('IYYY');
    if (isoYear !== undefined || get('IW') !== undefined) {
      const start = isoYearStart(isoYear ?? 0);
      const ordinal = get('IDDD');
      return start + (ordinal ?? ((get('IW') ?? 1) - 1) * 7 + (get('ID') ?? 1)) - 1;
    }
    const year = this.#year();
    const ordinal = get('DDD') ?? (get('WW') === undefined ? undefined : ((get('WW') ?? 1) - 1) * 7 + 1);
    if (ordinal !== undefined) {
      if (ordinal < 1 || ordinal > (isLeapYear(year) ? 366 : 365)) throw this.#outOfRange();
      return daysFromCivil(year, 1, 1) + ordinal - 1;
    }
    const month = get('MM') ?? 1;
    const day = get('DD') ?? (get('W') === undefined ? 1 : ((get('W') ?? 1) - 1) * 7 + 1);
    if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) throw this.#outOfRange();
    return daysFromCivil(year, month, day);
  }

  /** Without any year it is 1 BC, as PostgreSQL has it. */
  #year(): number {
    const year = this.#values.get('YYYY');
    const century = this.#values.get('CC');
    if (year === undefined) return century === undefined ? 0 : (century - 1) * 100 + 1;
    if (century !== undefined && year < 100) return (century - 1) * 100 + year;
    if (this.#bc) return 1 - year;
    return year < 0 ? year + 1 : year;
  }

  offset(): number | undefined {
    const hours = this.#values.get('TZH');
    if (hours === undefined) return undefined;
    return this.#zoneSign * (hours * 3600 + (this.#values.get('TZM') ?? 0) * 60);
  }
}

/** Years of fewer than four digits lie nearest to 2020, as PostgreSQL takes them. */
function nearYear(value: number, digits: number): number {
  if (digits === 3) return value < 100 ? value + 2000 : value >= 520 ? value + 1000 : value + 2000;
  if (digits === 2) return value < 70 ? value + 2000 : value + 1900;
  return value + 2000;
}

/** Reads a text by a template. @throws 22007, 22008, 0A000. */
export function parseDateTime(text: string, template: string): ParsedTime {
  const reader = new TemplateReader(text, template);
  reader.read();
  return { days: checkDate(reader.days()), micros: reader.micros(), offset: reader.offset() };
}
