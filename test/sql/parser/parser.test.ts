/** The parser: errors with positions, offsets in the tree, limits, and statements of ExtentDB's own. */

import { describe, expect, test } from 'vitest';
import { ExtentError } from '../../../src/base/errors.ts';
import { parseScript } from '../../../src/sql/parser/parser.ts';

function one(text: string) {
  return parseScript(text)[0]!.statement;
}

function problem(text: string): readonly [string, string, number | undefined] | null {
  try {
    parseScript(text);
    return null;
  } catch (error) {
    if (error instanceof ExtentError) return [error.sqlstate, error.message, error.position];
    throw error;
  }
}

describe('syntax errors', () => {
  test.each([
    ['selec 1', 'syntax error at or near "selec"', 1],
    ['select from where', 'syntax error at or near "where"', 13],
    ['select a from t where', 'syntax error at end of input', 22],
    ['select a b c', 'syntax error at or near "c"', 12],
    ['select (1', 'syntax error at end of input', 10],
    ['select a from t where b = 1 from u', 'syntax error at or near "from"', 29],
    ['select a where b from t', 'syntax error at or near "from"', 18],
    ['select a < b < c', 'syntax error at or near "<"', 14],
    ['select ä, from t', 'syntax error at or near "from"', 11],
    ['insert into t (a values (1)', 'syntax error at or near "values"', 18],
    ['create table t (a int,)', 'syntax error at or near ")"', 23],
    ['update t a = 1', 'syntax error at or near "="', 12],
    ['select * from (t)', 'syntax error at or near ")"', 17],
  ])('%s', (text, message, position) => {
    expect(problem(text)).toEqual(['42601', message, position]);
  });
});

test('positions of a later statement count from the start of the text', () => {
  expect(problem('select 1; select )')).toEqual(['42601', 'syntax error at or near ")"', 18]);
});

test('nesting is limited, chains are not', () => {
  const nested = (n: number) => `select ${'('.repeat(n)}1${')'.repeat(n)}`;
  expect(problem(nested(300))).toBeNull();
  expect(problem(nested(5_000))?.[0]).toBe('54001');
  expect(problem(`select ${Array.from({ length: 5_000 }, () => 'a').join(' or ')}`)).toBeNull();
  expect(problem(`select * from ${'(select * from '.repeat(600)} t ${') x'.repeat(600)}`)?.[0]).toBe('54001');
});

test('INTERSECT binds tighter than UNION', () => {
  const statement = one('select 1 union select 2 intersect select 3');
  const body = statement.kind === 'query' ? statement.body : null;
  expect(body).toMatchObject({
    kind: 'setOperation',
    operation: 'union',
    right: { body: { kind: 'setOperation', operation: 'intersect' } },
  });
});

test('a thousand rows go through one skeleton row', () => {
  const rows = Array.from({ length: 1_000 }, (_, i) => `(${i}, 'n${i}')`).join(', ');
  const statement = one(`insert into t values ${rows}`);
  const body = statement.kind === 'insert' ? statement.source?.body : undefined;
  expect(body?.kind === 'values' ? body.rows.length : 0).toBe(1_000);
  expect(body?.kind === 'values' ? body.rows[999] : null).toMatchObject([{ text: '999' }, { text: 'n999' }]);
});

describe("ExtentDB's own statements", () => {
  test('ALTER INDEX … REORGANIZE', () => {
    expect(one('alter index i on s.t reorganize partition = 2 with (lob_compaction = on)')).toMatchObject({
      kind: 'reorganize',
      index: { name: 'i' },
      table: { schema: 's', name: 't' },
      partition: { number: 2 },
      options: [{ name: 'lob_compaction', value: { text: 'on' } }],
    });
    expect(one('ALTER INDEX ALL ON t REORGANIZE')).toMatchObject({
      kind: 'reorganize',
      index: null,
      partition: null,
      partitionAll: false,
    });
    expect(one('alter index i reorganize partition = all')).toMatchObject({
      kind: 'reorganize',
      table: null,
      partitionAll: true,
    });
  });
  test('storage options keep their units', () => {
    const statement = one('create table t (a int) with (initial_size = 1 MB, growth = 150 %, fillfactor = 70)');
    const options = statement.kind === 'createTable' ? statement.options.map((o) => [o.name, o.value?.text]) : [];
    expect(options).toEqual([
      ['initial_size', '1MB'],
      ['growth', '150%'],
      ['fillfactor', '70'],
    ]);
  });
  test('EXPLAIN takes CODEGEN', () => {
    expect(one('explain (analyze, codegen) select 1')).toMatchObject({
      kind: 'explain',
      options: [{ name: 'analyze' }, { name: 'codegen' }],
    });
  });
});

test('what PostgreSQL has and ExtentDB does not is named', () => {
  expect(one('create function f() returns int as $$ select 1 $$ language sql')).toMatchObject({
    kind: 'unsupported',
    what: 'CREATE FUNCTION',
  });
  expect(one('merge into t using u on true when matched then delete')).toMatchObject({
    kind: 'unsupported',
    what: 'MERGE',
  });
});

test('source text of stored expressions', () => {
  const statement = one("create table t (a int default 1 + 2 check (a > 0), b text default 'x''y')");
  const texts =
    statement.kind === 'createTable'
      ? statement.elements.flatMap((e) =>
          e.kind === 'columnDefinition' ? e.constraints.map((c) => ('text' in c ? c.text : c.kind)) : [],
        )
      : [];
  expect(texts).toEqual(['1 + 2', 'a > 0', "'x''y'"]);
});
