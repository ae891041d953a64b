/**
 * The binder against PostgreSQL 15: result columns, parameter types and errors of recorded statements.
 *
 * `fixtures/recorded.json` was written by describing each statement of `fixtures/statements.sql` on a PostgreSQL 15 server
 * with the schema of `sampleObjects`. Differences that are meant stand in {@link DIFFERENCES} with their reason.
 */

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ExtentError } from '../../../src/base/errors.ts';
import { bindText, contextOf, sampleObjects } from './support.ts';

interface Recorded {
  readonly sql: string;
  readonly columns?: readonly (readonly [string, number, number])[];
  readonly params?: readonly number[];
  readonly error?: {
    readonly code: string;
    readonly message: string;
    readonly position?: number;
    readonly detail?: string;
    readonly hint?: string;
  };
}

const recorded: readonly Recorded[] = JSON.parse(
  readFileSync(new URL('fixtures/recorded.json', import.meta.url), 'utf8'),
);

/** Statements whose result differs, and why. */
const DIFFERENCES: Readonly<Record<string, string>> = {
  'insert into u (id, a, v, ts, f) select a, a, b, now(), c from t on conflict (id) do update set v = excluded.v where u.a <> excluded.a returning id, (xmax = 0)':
    'rows have no xmax (0A000)',
  'select t from t': "a whole row has type record: tables' row types are not types of the registry",
  'insert into vt values (1)': 'views cannot be changed through (0A000)',
  'insert into t (a) values (1) on conflict (c) do nothing':
    'PostgreSQL looks for the index when it plans, here it is looked for when binding',
  "insert into t (a, d) select 1, 'x' union select 2, 'y'": 'the position is the query, not the column inside',
  'select a as x from t union select id from u order by x + 1': 'the position is the operator, not its left operand',
};

const context = contextOf(sampleObjects());

function bound(sql: string, shared: boolean): Omit<Recorded, 'sql'> {
  try {
    const { columns, parameterTypes, clientParameters } = bindText(context, sql, shared);
    const params = parameterTypes.slice(0, clientParameters);
    const shown = columns.map((c) => [c.name, c.type, c.typmod] as const);
    return params.length === 0 ? { columns: shown } : { columns: shown, params };
  } catch (error) {
    if (!(error instanceof ExtentError)) throw error;
    const { sqlstate: code, message, position, detail, hint } = error;
    const facts = {
      ...(position === undefined ? {} : { position }),
      ...(detail === undefined ? {} : { detail }),
      ...(hint === undefined ? {} : { hint }),
    };
    return { error: { code, message, ...facts } };
  }
}

describe('recorded statements', () => {
  for (const { sql, ...expected } of recorded.filter((r) => DIFFERENCES[r.sql] === undefined)) {
    test(sql, () => {
      expect(bound(sql, false)).toEqual(expected);
    });
  }
});

describe('the same with literals as parameters', () => {
  for (const { sql, ...expected } of recorded.filter(
    (r) => DIFFERENCES[r.sql] === undefined && r.error === undefined,
  )) {
    test(sql, () => {
      expect(bound(sql, true)).toEqual(expected);
    });
  }
});
