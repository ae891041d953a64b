/**
 * The functions behind pg_cast: one type's value made another's.
 *
 * Floats round half to even, numeric half away from zero. What does not fit is 22003; NaN and infinities have no integer.
 */
import { fail } from '../../base/errors.ts';
import { civilFromMicros, DAY, daysFromCivil, isInfinite } from '../types/calendar.ts';
import type { EvalContext } from '../types/contracts.ts';
import { fromLocal, toLocal } from '../types/datetime-format.ts';
import { roundMicros } from '../types/datetime-parse.ts';
import { OID_MAX } from '../types/integer-text.ts';
import { type Interval, makeInterval, roundHalfEven } from '../types/interval.ts';
import { applyIntervalTypmod } from '../types/interval-parse.ts';
import {
  type Numeric,
  numericFromFloat,
  numericFromInteger,
  numericToFloat,
  numericToInteger,
} from '../types/numeric.ts';
import { applyNumericTypmod } from '../types/scalar-types.ts';
import { clipUtf8 } from '../types/text-order.ts';
import { BPCHAR, NAME_BYTES_MAX, VARCHAR } from '../types/text-types.ts';
import { settingZone } from '../types/time-zone.ts';
import { canonical, narrow, type WideInteger, wideFloorModulo } from '../types/wide-integer.ts';
import { dateToTimestamp } from './datetime-arithmetic.ts';
import { contextual, type Definition, pure, pureEach } from './definition.ts';
import { toInt2, toInt4 } from './integer-arithmetic.ts';

function intFromFloat(check: (value: number) => number, message: string): (value: number) => number {
  return (value) => {
    if (!Number.isFinite(value)) throw fail('numeric_value_out_of_range', message);
    return check(roundHalfEven(value));
  };
}

function int8FromFloat(value: number): WideInteger {
  const rounded = roundHalfEven(value);
  if (!Number.isFinite(value) || rounded >= 2 ** 63 || rounded < -(2 ** 63)) {
    throw fail('numeric_value_out_of_range', 'bigint out of range');
  }
  return Number.isSafeInteger(rounded) ? rounded : canonical(BigInt(rounded));
}

function wholeOf(value: Numeric, type: string): WideInteger {
  const whole = numericToInteger(value);
  if (whole === undefined) {
    throw fail('feature_not_supported', `cannot convert ${value.isNaN ? 'NaN' : 'infinity'} to ${type}`);
  }
  return whole;
}

/** A float8 as float4. @throws `numeric_value_out_of_range` (22003). */
export function toFloat4(value: number): number {
  const rounded = Math.fround(value);
  if (!Number.isFinite(rounded) && Number.isFinite(value)) {
    throw fail('numeric_value_out_of_range', 'value out of range: overflow');
  }
  if (rounded === 0 && value !== 0) throw fail('numeric_value_out_of_range', 'value out of range: underflow');
  return rounded;
}

function float8FromNumeric(value: Numeric): number {
  const float = numericToFloat(value);
  if (!Number.isFinite(float) && value.isFinite) {
    throw fail('numeric_value_out_of_range', `"${value}" is out of range for type double precision`);
  }
  return float;
}

function float4FromNumeric(value: Numeric): number {
  const float = Math.fround(numericToFloat(value));
  if (value.isFinite && (!Number.isFinite(float) || (float === 0 && !value.isZero))) {
    throw fail('numeric_value_out_of_range', `"${value}" is out of range for type real`);
  }
  return float;
}

function oidFromInt8(value: WideInteger): number {
  if (value < 0 || value > OID_MAX) throw fail('numeric_value_out_of_range', 'OID out of range');
  return Number(value);
}

function charFromInt4(value: number): string {
  if (value < -128 || value > 127) throw fail('numeric_value_out_of_range', '"char" out of range');
  return value === 0 ? '' : String.fromCharCode(value & 0xff);
}

function charCode(value: string): number {
  const code = value === '' ? 0 : value.charCodeAt(0) & 0xff;
  return code > 127 ? code - 256 : code;
}

function zoneOf(context: EvalContext): ReturnType<typeof settingZone> {
  return settingZone(context.settings.timeZone);
}

/** Day of a timestamp. */
export function dateOfTimestamp(value: WideInteger): number {
  if (isInfinite(value)) return Number(value);
  const { year, month, day } = civilFromMicros(value);
  return daysFromCivil(year, month, day);
}

function timeOfTimestamp(value: WideInteger): number | null {
  return isInfinite(value) ? null : wideFloorModulo(value, DAY);
}

function dateToInstant(context: EvalContext, days: number): WideInteger {
  return fromLocal(dateToTimestamp(days), zoneOf(context));
}

const FROM_NUMERIC: readonly Definition[] = [
  pure('int2(numeric)', (v: Numeric) => narrowTo(wholeOf(v, 'smallint'), toInt2, 'smallint')),
  pure('int4(numeric)', (v: Numeric) => narrowTo(wholeOf(v, 'integer'), toInt4, 'integer')),
  pure('int8(numeric)', (v: Numeric) => narrow(BigInt(wholeOf(v, 'bigint')))),
  pure('float4(numeric)', float4FromNumeric),
  pure('float8(numeric)', float8FromNumeric),
  pure('numeric(numeric,int4)', applyNumericTypmod),
];

function narrowTo(value: WideInteger, check: (value: number) => number, type: string): number {
  if (typeof value === 'bigint') throw fail('numeric_value_out_of_range', `${type} out of range`);
  return check(value);
}

const TO_NUMERIC: readonly Definition[] = [
  ...pureEach(['numeric(int2)', 'numeric(int4)', 'numeric(int8)'], numericFromInteger),
  pure('numeric(float4)', (v: number) => numericFromFloat(v, 6)),
  pure('numeric(float8)', (v: number) => numericFromFloat(v, 15)),
];

const same = ([a = '']: readonly string[]): string => a;

const INTEGERS_AND_FLOATS: readonly Definition[] = [
  ...pureEach(['int4(int2)', 'int8(int2)', 'int8(int4)', 'int8(oid)'], (v: number) => v, same),
  ...pureEach(['float8(int2)', 'float8(int4)', 'float4(int2)', 'float8(float4)'], (v: number) => v, same),
  pure('float4(int4)', (v: number) => Math.fround(v)),
  pure('float8(int8)', (v: WideInteger) => Number(v)),
  pure('float4(int8)', (v: WideInteger) => Math.fround(Number(v))),
  pure('float4(float8)', toFloat4),
  pure('int2(int4)', toInt2),
  pure('int2(int8)', (v: WideInteger) => narrowTo(v, toInt2, 'smallint')),
  pure('int4(int8)', (v: WideInteger) => narrowTo(v, toInt4, 'integer')),
  ...pureEach(['int2(float4)', 'int2(float8)'], intFromFloat(toInt2, 'smallint out of range')),
  ...pureEach(['int4(float4)', 'int4(float8)'], intFromFloat(toInt4, 'integer out of range')),
  ...pureEach(['int8(float4)', 'int8(float8)'], int8FromFloat),
  pure('oid(int8)', oidFromInt8),
  pure(
    'bool(int4)',
    (v: number) => v !== 0,
    ([a]) => `(${a} !== 0)`,
  ),
  pure(
    'int4(bool)',
    (v: boolean) => (v ? 1 : 0),
    ([a]) => `(${a} ? 1 : 0)`,
  ),
  pure('int4(char)', charCode),
  pure('char(int4)', charFromInt4),
];

const TEXT_KINDS: readonly Definition[] = [
  pure('text(bool)', (v: boolean) => (v ? 'true' : 'false')),
  ...pureEach(['text(bpchar)', 'text(name)', 'text(char)', 'varchar(name)', 'bpchar(char)'], (v: string) => v, same),
  ...pureEach(['name(text)', 'name(bpchar)', 'name(varchar)'], (v: string) => clipUtf8(v, NAME_BYTES_MAX)),
  pure('bpchar(name)', (v: string) => v),
  pure('char(text)', (v: string) => v.slice(0, 1)),
  pure(
    'varchar(varchar,int4,bool)',
    (v: string, typmod: number, explicit: boolean) => VARCHAR.applyTypmod?.(v, typmod, explicit) ?? v,
  ),
  pure(
    'bpchar(bpchar,int4,bool)',
    (v: string, typmod: number, explicit: boolean) => BPCHAR.applyTypmod?.(v, typmod, explicit) ?? v,
  ),
  contextual('regclass(text)', (context, name: string) => {
    const oid = context.system.relationOid(name);
    if (oid === 0) throw fail('undefined_table', `relation "${name}" does not exist`);
    return oid;
  }),
];

const DATES: readonly Definition[] = [
  pure('date(timestamp)', dateOfTimestamp),
  contextual('date(timestamptz)', (context, v: WideInteger) => dateOfTimestamp(toLocal(v, zoneOf(context)))),
  pure('timestamp(date)', dateToTimestamp),
  contextual('timestamp(timestamptz)', (context, v: WideInteger) => toLocal(v, zoneOf(context))),
  contextual('timestamptz(date)', dateToInstant),
  contextual('timestamptz(timestamp)', (context, v: WideInteger) => fromLocal(v, zoneOf(context))),
  pure('time(timestamp)', timeOfTimestamp),
  contextual('time(timestamptz)', (context, v: WideInteger) => timeOfTimestamp(toLocal(v, zoneOf(context)))),
  pure('time(interval)', (v: Interval) => wideFloorModulo(v.micros, DAY)),
  pure('interval(time)', (v: WideInteger) => makeInterval(0, 0, v)),
  pure('interval(interval,int4)', applyIntervalTypmod),
  ...pureEach(['timestamp(timestamp,int4)', 'timestamptz(timestamptz,int4)', 'time(time,int4)'], roundMicros),
];

export const CONVERSIONS: readonly Definition[] = [
  ...FROM_NUMERIC,
  ...TO_NUMERIC,
  ...INTEGERS_AND_FLOATS,
  ...TEXT_KINDS,
  ...DATES,
];
