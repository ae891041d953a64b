/** The plan cache's key: what is shared, what stays text. */
import { describe, expect, test } from 'vitest';
import { Lexer } from '../../../src/sql/lexer/lexer.ts';
import type { LiteralValue } from '../../../src/sql/lexer/literals.ts';
import { normalize } from '../../../src/sql/lexer/normalize.ts';
import { splitStatements } from '../../../src/sql/lexer/split.ts';
import { parseStatement } from '../../../src/sql/parser/parser.ts';

function normalized(text: string): { key: string; values: readonly LiteralValue[]; sharable: boolean } | null {
  const lexer = new Lexer();
  lexer.scan(text);
  const range = splitStatements(lexer)[0]!;
  const result = normalize(lexer, range.from, range.to);
  if (result === null) return null;
  const { sharable } = parseStatement(lexer, range, result);
  return { key: result.key.replaceAll('\0', '?'), values: result.values, sharable };
}

const keyOf = (text: string) => normalized(text)?.key;

describe('keys', () => {
  test.each([
    ['select a from t where b = 5', 'select a from t where b = ?i0;'],
    ["select a from t where b = 5 and c = 'x' and d = 5", 'select a from t where b = ?i0; and c = ?s1; and d = ?i0;'],
    ['select 1, 3000000000, 1.5', 'select ?i0;, ?l1;, ?n2;'],
    ['select a  /* c */ from\n   t', 'select a from t'],
    ['select a from t order by 1, a + 1 limit 5', 'select a from t order by 1, a + ?i0; limit ?i1;'],
    [
      'select a, count(*) from t group by 1 having count(*) > 1',
      'select a, count(*) from t group by 1 having count(*) > ?i0;',
    ],
    [
      "select a::numeric(10, 2), cast('1' as varchar(3)), '5'::int",
      "select a::numeric(10, 2), cast('1' as varchar(3)), '5'::int",
    ],
    ["select date '2020-01-01', interval '1' year", "select date '2020-01-01', interval '1' year"],
    ['select a from t where b in (1, 2, -3)', 'select a from t where b in ?i[0]'],
    ["select a from t where b in (1, 'x')", 'select a from t where b in (?i0;, ?s1;)'],
    ['insert into t values (1, 2.5), (2, null)', 'insert into t ?values in[0]'],
    ['insert into t values (1)', 'insert into t values (?i0;)'],
    ['select null, true, -2147483648', 'select null, true, -2147483648'],
    ['select distinct on (1) a from t', 'select distinct on (1) a from t'],
  ])('%s', (text, key) => {
    expect(keyOf(text)).toBe(key);
  });
  test('definitions and utility statements have none', () => {
    expect(normalized('create table t (a int default 5)')).toBeNull();
    expect(normalized('set x = 5')).toBeNull();
  });
  test('lists and rows of any length share a key', () => {
    expect(keyOf('select 1 where a in (1,2)')).toBe(keyOf('select 1 where a in (1,2,3,4)'));
    expect(keyOf('insert into t values (1,2),(3,4)')).toBe(keyOf('insert into t values (1,2),(3,4),(5,6)'));
  });
});

test('values carry text, class and offset', () => {
  expect(normalized("select 'a''b', 7 where x in (1, 20)")?.values).toEqual([
    { kind: 'scalar', class: 'string', text: "a'b", at: 7 },
    { kind: 'scalar', class: 'int4', text: '7', at: 15 },
    { kind: 'list', class: 'int4', texts: ['1', '20'], offsets: [29, 32], at: 28 },
  ]);
});

test('every literal that was taken out is in the tree', () => {
  const texts = [
    "select substring('abc' from 1 for 2), extract(year from d), 'x' || 'y' from t where a between 1 and 2 limit 3",
    "insert into t (a, b) values (1, 'x'), (2, 'y') on conflict (a) do update set b = 'z'",
    'select sum(a) over (order by b rows between 1 preceding and 2 following) from t fetch first 5 rows only',
  ];
  for (const text of texts) expect(normalized(text)?.sharable, text).toBe(true);
});
