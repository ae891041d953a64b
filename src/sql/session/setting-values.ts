/** What values settings take: each function gives the canonical form of a text, or refuses it with 22023. */
import { fail } from '../../base/errors.ts';

export const MS: Readonly<Record<string, number>> = {
  us: 0.001,
  ms: 1,
  s: 1000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
export const KB: Readonly<Record<string, number>> = { B: 1 / 1024, kB: 1, MB: 1024, GB: 1024 ** 2, TB: 1024 ** 3 };

function invalid(name: string, text: string, hint?: string): Error {
  return fail('invalid_parameter_value', `invalid value for parameter "${name}": "${text}"`, { hint });
}

const TRUE_WORDS = ['on', 'true', 'yes', '1'];
const FALSE_WORDS = ['off', 'false', 'no', '0'];

export function booleanOf(name: string): (text: string) => string {
  return (text) => {
    const word = text.toLowerCase();
    if (TRUE_WORDS.some((w) => w === word || (w.length > 2 && word.length > 0 && w.startsWith(word) && word !== 'o')))
      return 'on';
    if (FALSE_WORDS.some((w) => w === word || (w.length > 1 && word.length > 0 && w.startsWith(word) && word !== 'o')))
      return 'off';
    throw fail('invalid_parameter_value', `parameter "${name}" requires a Boolean value`);
  };
}

export function oneOf(name: string, words: readonly string[]): (text: string) => string {
  return (text) => {
    const found = words.find((w) => w.toLowerCase() === text.toLowerCase());
    if (found === undefined) throw invalid(name, text, `Available values: ${words.join(', ')}.`);
    return found;
  };
}

/** A number in the setting's base unit, with a unit if one is written. */
export function quantity(
  name: string,
  units: Readonly<Record<string, number>> | undefined,
  minimum: number,
  maximum: number,
  integer = true,
): (text: string) => string {
  return (text) => {
    const match = /^\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*([a-zA-Z]*)\s*$/.exec(text);
    const factor = match === null ? undefined : match[2] === '' ? 1 : units?.[match[2]!];
    if (match === null || factor === undefined)
      throw invalid(
        name,
        text,
        units === undefined
          ? undefined
          : `Valid units for this parameter are ${Object.keys(units)
              .map((u) => `"${u}"`)
              .join(', ')}.`,
      );
    const value = integer ? Math.round(Number(match[1]) * factor) : Number(match[1]) * factor;
    if (value < minimum || value > maximum)
      throw fail(
        'invalid_parameter_value',
        `${value} is outside the valid range for parameter "${name}" (${minimum} .. ${maximum})`,
      );
    return String(value);
  };
}

export const anyText = (text: string): string => text;

export function dateStyle(text: string): string {
  let style = 'ISO';
  let order = 'MDY';
  for (const part of text.split(',').map((p) => p.trim().toLowerCase())) {
    if (part === 'iso') style = 'ISO';
    else if (part === 'postgres' || part === 'sql' || part === 'german')
      style = part === 'sql' ? 'SQL' : part[0]!.toUpperCase() + part.slice(1);
    else if (part === 'mdy' || part === 'us' || part.startsWith('noneuro')) order = 'MDY';
    else if (part === 'dmy' || part.startsWith('euro')) order = 'DMY';
    else if (part === 'ymd') order = 'YMD';
    else if (part !== 'default') throw invalid('DateStyle', text);
  }
  return `${style}, ${order}`;
}

export function clientEncoding(text: string): string {
  const bare = text
    .replace(/^'|'$/g, '')
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '');
  if (bare === 'utf8' || bare === 'unicode') return 'UTF8';
  if (bare === 'sqlascii') return 'SQL_ASCII';
  throw fail('feature_not_supported', `client encoding "${text}" is not supported`, { hint: 'ExtentDB speaks UTF8.' });
}

export function isolationLevel(text: string): string {
  const level = oneOf('default_transaction_isolation', [
    'read uncommitted',
    'read committed',
    'repeatable read',
    'serializable',
  ])(text);
  if (level === 'serializable') throw fail('feature_not_supported', 'SERIALIZABLE transactions are not supported');
  return level;
}

/** As SHOW prints a number: in the largest unit that it is a whole number of. */
export function withUnit(value: number, unit: string): string {
  if (value === 0) return '0';
  const units = unit === 'ms' ? MS : KB;
  const order = unit === 'ms' ? ['d', 'h', 'min', 's', 'ms'] : ['TB', 'GB', 'MB', 'kB'];
  for (const name of order) if (Number.isInteger(value / units[name]!)) return `${value / units[name]!}${name}`;
  return `${value}${unit}`;
}
