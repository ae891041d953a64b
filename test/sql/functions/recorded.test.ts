/** Every scalar function and operator against what PostgreSQL 15 answered. */

import { describe, expect, test } from 'vitest';
import { callByText, outcome, recorded, session } from '../types/support.ts';

const FIXTURES = ['arithmetic', 'datetime-arithmetic', 'strings', 'patterns', 'dates-and-formatting'];

describe.each(FIXTURES)('%s', (name) => {
  const { timeZone, cases } = recorded(new URL(`./fixtures/${name}.jsonl`, import.meta.url));
  const context = session(timeZone);

  test('all recorded calls give PostgreSQL’s results and errors', () => {
    expect(cases.length).toBeGreaterThan(100);
    const wrong: string[] = [];
    for (const [signature, args, expected] of cases) {
      if (typeof signature !== 'string' || !Array.isArray(args)) throw new Error('malformed fixture');
      const found = outcome(() => callByText(context, signature, args));
      if (found !== expected) wrong.push(`${signature} ${JSON.stringify(args)}: ${found} instead of ${expected}`);
    }
    expect(wrong).toEqual([]);
  });
});
