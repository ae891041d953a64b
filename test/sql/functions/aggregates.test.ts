/** Aggregates against what PostgreSQL 15 answered. */

import { expect, test } from 'vitest';
import type { AggregateEntry } from '../../../src/sql/types/contracts.ts';
import { registry } from '../../../src/sql/types/registry.ts';
import { outcome, recorded, session, typeNamed, typeOf } from '../types/support.ts';

const context = session();

function find(signature: string): AggregateEntry {
  const open = signature.indexOf('(');
  const entry = registry
    .aggregatesNamed(signature.slice(0, open))
    .find((candidate) => candidate.args.map((oid) => typeOf(oid).name).join() === signature.slice(open + 1, -1));
  if (entry === undefined) throw new Error(`no aggregate ${signature}`);
  return entry;
}

function run(signature: string, types: string, rows: readonly (string | null)[][], direct: readonly string[]) {
  const entry = find(signature);
  const args = types.split(',').map(typeNamed);
  let result = typeOf(entry.result);
  if (result.name === 'anyarray') result = typeOf(args[0]?.arrayOid ?? 0);
  if (result.name === 'anyelement') result = args[0] ?? result;
  const impl = entry.specialize({ args: args.map((type) => type.oid), argTypmods: [-1], result: result.oid });
  let state = impl.start(context);
  for (const row of rows) {
    const values = row.map((text, i) => (text === null ? null : (args[i]?.parse(text, -1, context) ?? null)));
    if (!entry.strict || !values.includes(null)) state = impl.step(context, state, ...values);
  }
  const value = impl.final(context, state, ...direct.map(Number));
  return value === null ? null : result.format(value, context);
}

test('all recorded aggregations give PostgreSQL’s results and errors', () => {
  const { cases } = recorded(new URL('./fixtures/aggregates.jsonl', import.meta.url));
  const wrong: string[] = [];
  for (const [signature, types, rows, direct, expected] of cases) {
    if (typeof signature !== 'string' || typeof types !== 'string' || !Array.isArray(rows) || !Array.isArray(direct)) {
      throw new Error('malformed fixture');
    }
    const found = outcome(() => run(signature, types, rows, direct));
    if (found !== expected) wrong.push(`${signature} ${JSON.stringify(rows)}: ${found} instead of ${expected}`);
  }
  expect(wrong).toEqual([]);
});

test('a sum of int8 stays exact beyond 2^53', () => {
  const entry = find('sum(int8)');
  const impl = entry.specialize({ args: [20], argTypmods: [-1], result: 1700 });
  let state = impl.start(context);
  for (const value of [2 ** 53 - 1, 2 ** 53 - 1, 1, -5, 9223372036854775807n]) state = impl.step(context, state, value);
  expect(String(impl.final(context, state))).toBe(String(2n * (2n ** 53n - 1n) + 1n - 5n + 9223372036854775807n));
});
