/** Casts between all pairs of common types against what PostgreSQL 15 answered. */

import { expect, test } from 'vitest';
import { registry } from '../../../src/sql/types/registry.ts';
import { outcome, recorded, session, typeNamed } from './support.ts';

test('all recorded casts give PostgreSQL’s results and errors', () => {
  const { timeZone, cases } = recorded(new URL('./fixtures/casts.jsonl', import.meta.url));
  const context = session(timeZone);
  const wrong: string[] = [];
  for (const [source, target, text, expected] of cases) {
    if (typeof source !== 'string' || typeof target !== 'string' || typeof text !== 'string') {
      throw new Error('malformed fixture');
    }
    const from = typeNamed(source);
    const to = typeNamed(target);
    const cast = registry.cast(from.oid, to.oid);
    if (cast === undefined) {
      if (!String(expected).startsWith('ERR 42846')) wrong.push(`no cast from ${source} to ${target}`);
      continue;
    }
    const found = outcome(() => {
      const value = from.parse(text, -1, context);
      if (value === null) return null;
      const result = cast.impl === undefined ? value : cast.impl(context, value, -1, true);
      return result === null ? null : to.format(result, context);
    });
    if (found !== expected) wrong.push(`${text}::${source}::${target}: ${found} instead of ${expected}`);
  }
  expect(wrong).toEqual([]);
});

test('a cast with a typmod rounds, cuts or fails', () => {
  const context = session();
  const numeric = typeNamed('numeric');
  const typmod = numeric.typmodIn?.(['5', '2']) ?? -1;
  const cast = registry.cast(typeNamed('int4').oid, numeric.oid);
  expect(String(cast?.impl?.(context, 7, typmod, false))).toBe('7.00');
  expect(outcome(() => String(cast?.impl?.(context, 1000, typmod, false)))).toBe('ERR 22003 numeric field overflow');
  const varchar = typeNamed('varchar');
  const three = varchar.typmodIn?.(['3']) ?? -1;
  expect(varchar.applyTypmod?.('abcdef', three, true)).toBe('abc');
  expect(outcome(() => String(varchar.applyTypmod?.('abcdef', three, false)))).toBe(
    'ERR 22001 value too long for type character varying(3)',
  );
});
