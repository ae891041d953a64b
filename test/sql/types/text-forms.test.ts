/** Text input, output and typmods of every type against what PostgreSQL 15 answered to `'text'::type`. */

import { expect, test } from 'vitest';
import type { TypeEntry } from '../../../src/sql/types/contracts.ts';
import { padBpchar } from '../../../src/sql/types/text-types.ts';
import { outcome, recorded, session, typeNamed, typeOf } from './support.ts';

const RANGES: Readonly<Record<string, number>> = {
  year: 4,
  month: 2,
  day: 8,
  hour: 1024,
  minute: 2048,
  second: 4096,
  'year to month': 6,
  'day to hour': 1032,
  'day to minute': 3080,
  'day to second': 7176,
  'hour to minute': 3072,
  'hour to second': 7168,
  'minute to second': 6144,
};

/** The type and typmod of a spelling such as `numeric(5,2)[]` or `interval day to second(3)`. */
function spelled(text: string): readonly [TypeEntry, number] {
  const array = text.endsWith('[]');
  const bare = array ? text.slice(0, -2) : text;
  const interval = /^interval(?: ([a-z ]+?))?(?:\((\d)\))?$/.exec(bare);
  const plain = /^(.*)\((.*)\)$/.exec(bare);
  let name = bare;
  let args: readonly string[] | undefined;
  if (interval !== null && bare !== 'interval') {
    name = 'interval';
    const range = interval[1] === undefined ? 0x7fff : (RANGES[interval[1]] ?? 0);
    args = interval[2] === undefined ? [String(range)] : [String(range), interval[2]];
  } else if (plain !== null) {
    name = plain[1] === 'char' ? 'bpchar' : (plain[1] ?? '');
    args = plain[2]?.split(',');
  }
  const type = typeNamed(name);
  const typmod = args === undefined ? -1 : (type.typmodIn?.(args) ?? -1);
  return [array ? typeOf(type.arrayOid) : type, typmod];
}

test('all recorded texts read and print as in PostgreSQL', () => {
  const { timeZone, cases } = recorded(new URL('./fixtures/text-forms.jsonl', import.meta.url));
  const context = session(timeZone);
  expect(cases.length).toBeGreaterThan(600);
  const wrong: string[] = [];
  for (const [spelling, text, expected] of cases) {
    if (typeof spelling !== 'string' || typeof text !== 'string') throw new Error('malformed fixture');
    const found = outcome(() => {
      const [type, typmod] = spelled(spelling);
      const value = type.parse(text, /interval|numeric/.test(spelling) ? typmod : -1, context);
      if (value === null) return null;
      const cut = typmod < 0 ? value : (type.applyTypmod?.(value, typmod, true) ?? value);
      const printed = type.format(cut, context);
      return type.name === 'bpchar' ? padBpchar(printed, typmod) : printed;
    });
    if (found !== expected) wrong.push(`${spelling} ${JSON.stringify(text)}: ${found} instead of ${expected}`);
  }
  expect(wrong).toEqual([]);
});

test('IntervalStyles print as in PostgreSQL', () => {
  const interval = typeNamed('interval');
  const value = interval.parse('1 year 2 mons -3 days 04:05:06.5', -1, session());
  if (value === null) throw new Error('an interval is not null');
  const printed = (['postgres', 'postgres_verbose', 'sql_standard', 'iso_8601'] as const).map((intervalStyle) =>
    interval.format(value, session('UTC', { intervalStyle })),
  );
  expect(printed).toEqual([
    '1 year 2 mons -3 days +04:05:06.5',
    '@ 1 year 2 mons -3 days 4 hours 5 mins 6.5 secs',
    '+1-2 -3 +4:05:06.5',
    'P1Y2M-3DT4H5M6.5S',
  ]);
});

test('a DateStyle other than ISO is refused', () => {
  const date = typeNamed('date');
  expect(outcome(() => date.format(0, session('UTC', { dateStyle: 'German' })))).toMatch(/^ERR 0A000/);
});
