/** to_char, to_date, to_timestamp and to_number. */

import { civilFromMicros, daysFromCivil, isInfinite } from '../types/calendar.ts';
import { fromLocal, toLocal } from '../types/datetime-format.ts';
import type { Interval } from '../types/interval.ts';
import { type Numeric, numericFromFloat, numericFromInteger } from '../types/numeric.ts';
import { secondsOf, settingZone } from '../types/time-zone.ts';
import type { WideInteger } from '../types/wide-integer.ts';
import { canonical } from '../types/wide-integer.ts';
import { contextual, type Definition, pure, pureEach } from './definition.ts';
import { formatDateTime, type PrintedTime } from './format-datetime.ts';
import { formatNumber, parseNumber } from './format-number.ts';
import { parseDateTime } from './parse-datetime.ts';

function ofTimestamp(value: WideInteger, offset?: number, zone?: string): PrintedTime {
  const { year, month, day, micros } = civilFromMicros(value);
  const days = daysFromCivil(year, month, day);
  return {
    year,
    month,
    day,
    days,
    micros,
    ...(offset === undefined ? {} : { offset }),
    ...(zone === undefined ? {} : { zone }),
  };
}

/** An interval prints its own fields; it has no calendar day. */
function ofInterval(value: Interval): PrintedTime {
  return {
    year: Math.trunc(value.months / 12) + 0,
    month: (value.months % 12) + 0,
    day: value.days,
    micros: value.micros,
  };
}

export const FORMATTING_FUNCTIONS: readonly Definition[] = [
  pure('to_char(timestamp,text)', (value: WideInteger, template: string) =>
    template === '' || isInfinite(value) ? null : formatDateTime(ofTimestamp(value), template),
  ),
  contextual('to_char(timestamptz,text)', (context, value: WideInteger, template: string) => {
    if (template === '' || isInfinite(value)) return null;
    const zone = settingZone(context.settings.timeZone);
    return formatDateTime(ofTimestamp(toLocal(value, zone), zone.offsetAt(secondsOf(value)), zone.name), template);
  }),
  pure('to_char(interval,text)', (value: Interval, template: string) =>
    template === '' ? null : formatDateTime(ofInterval(value), template),
  ),
  ...pureEach(['to_char(int4,text)', 'to_char(int8,text)'], (value: WideInteger, template: string) =>
    formatNumber(numericFromInteger(value), template),
  ),
  pure('to_char(numeric,text)', (value: Numeric, template: string) => formatNumber(value, template)),
  pure('to_char(float8,text)', (value: number, template: string) =>
    formatNumber(numericFromFloat(value, 15), template),
  ),
  pure('to_char(float4,text)', (value: number, template: string) => formatNumber(numericFromFloat(value, 6), template)),
  pure('to_number(text,text)', parseNumber),
  pure('to_date(text,text)', (text: string, template: string) => parseDateTime(text, template).days),
  contextual('to_timestamp(text,text)', (context, text: string, template: string) => {
    const { days, micros, offset } = parseDateTime(text, template);
    const local = canonical(BigInt(days) * 86_400_000_000n + BigInt(micros));
    if (offset !== undefined) return canonical(BigInt(local) - BigInt(offset) * 1_000_000n);
    return fromLocal(local, settingZone(context.settings.timeZone));
  }),
];
