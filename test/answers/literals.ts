/** Values of each kind: few enough that they meet in joins, odd enough that edges are among them. */
import type { Prng } from '../../src/base/prng.ts';
import type { Kind, Pen } from './pen.ts';

const TEXTS = ['a', 'b', 'abc', '', 'Abc', 'x y', 'zz', 'é', '10', 'a%', "it's", 'a_b'];
const WORDS = ['ab', 'b', 'Abc', 'zz', '', 'a b', 'é', 'q'];

/** A value's text form, as a parameter or a column takes it. */
export const SMALL: Readonly<Record<Kind, (prng: Prng) => string>> = {
  int: (p) => String(p.below(12) - 2),
  num: (p) => p.pick(['0', '1.5', '-2.25', '100.00', '3', '0.1', '7.125', '1.50']),
  text: (p) => p.pick(TEXTS),
  bool: (p) => p.pick(['true', 'false']),
  date: (p) => `2024-0${1 + p.below(9)}-1${p.below(10)}`,
  ts: (p) => `2024-0${1 + p.below(9)}-1${p.below(10)} 1${p.below(10)}:0${p.below(6)}:00`,
  big: (p) => p.pick(['0', '5', '9000000000', '-7', '3']),
  flt: (p) => p.pick(['0.5', '2', '-1.25', '3']),
  iv: (p) => p.pick(['1 day', '2 hours', '1 mon', '-3 days 04:00:00', '30 days']),
  arr: (p) => p.pick(['{1,2}', '{3}', '{}', '{1,NULL}', '{5,4,5}']),
};

/** Values of the large tables' columns. */
export const LARGE: Readonly<Record<Kind, (prng: Prng) => string>> = {
  ...SMALL,
  int: (p) => String(p.below(70) - 6),
  num: (p) => (p.below(4000) / 4 - 300).toFixed(2),
  text: (p) => p.pick(WORDS) + (p.chance(0.5) ? p.below(40) : ''),
  date: (p) => new Date(Date.UTC(2020, 0, 1 + p.below(900))).toISOString().slice(0, 10),
  ts: (p) => new Date(Date.UTC(2021, 0, 1, 0, p.below(100_000))).toISOString().slice(0, 19).replace('T', ' '),
  big: (p) => String(p.below(1_000_000) * 1_000_003),
  flt: (p) => String(p.below(2000) / 8 - 100),
};

/** `value` as SQL. */
export function quoted(kind: Kind, value: string): string {
  const text = `'${value.replaceAll("'", "''")}'`;
  switch (kind) {
    case 'text':
      return text;
    case 'bool':
      return value;
    case 'int':
    case 'num':
      return value.startsWith('-') ? `(${value})` : value;
    case 'big':
      return `${text}::bigint`;
    case 'date':
      return `date ${text}`;
    case 'ts':
      return `timestamp ${text}`;
    case 'flt':
      return `${text}::float8`;
    case 'iv':
      return `interval ${text}`;
    case 'arr':
      return `${text}::int[]`;
  }
}

/** A value of `kind` in a statement: a literal, or a parameter. */
export function literal(pen: Pen, kind: Kind, values = SMALL): string {
  return pen.value(
    kind,
    () => values[kind](pen.prng),
    (value) => quoted(kind, value),
  );
}

/** A column's value in INSERT … VALUES, NULL with probability `nulls`. */
export function cell(prng: Prng, kind: Kind, nulls: number, values = SMALL): string {
  return prng.chance(nulls) ? 'null' : quoted(kind, values[kind](prng));
}
