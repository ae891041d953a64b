/** PostgreSQL's lexical rules: tokens, values, errors. */

import { describe, expect, test } from 'vitest';
import { ExtentError } from '../../../src/base/errors.ts';
import {
  INTEGER,
  Lexer,
  NUMBER,
  OPERATOR,
  PARAMETER,
  PUNCTUATION,
  QUOTED,
  STRING,
  WORD,
} from '../../../src/sql/lexer/lexer.ts';
import { splitStatements } from '../../../src/sql/lexer/split.ts';

const NAMES = new Map([
  [WORD, 'word'],
  [QUOTED, 'quoted'],
  [STRING, 'string'],
  [INTEGER, 'integer'],
  [NUMBER, 'number'],
  [PARAMETER, 'parameter'],
  [OPERATOR, 'operator'],
  [PUNCTUATION, 'punctuation'],
]);

function tokens(text: string): string[] {
  const lexer = new Lexer();
  lexer.scan(text);
  return Array.from({ length: lexer.count }, (_, i) => {
    const kind = NAMES.get(lexer.kind(i)) ?? 'bits';
    const value = kind === 'word' || kind === 'quoted' ? lexer.name(i) : lexer.value(i);
    return `${kind} ${value}`;
  });
}

function problem(text: string): { code: string; message: string; position: number | undefined } | null {
  try {
    new Lexer().scan(text);
    return null;
  } catch (error) {
    if (error instanceof ExtentError) return { code: error.sqlstate, message: error.message, position: error.position };
    throw error;
  }
}

describe('names', () => {
  test('fold ASCII letters only', () => {
    expect(tokens('SELECT Ab_C ÄB')).toEqual(['word select', 'word ab_c', 'word Äb']);
  });
  test('keep case and doubled quotes when quoted', () => {
    expect(tokens('"Ab""c" U&"d\\0061t"')).toEqual(['quoted Ab"c', 'quoted dat']);
  });
  test('are cut at 63 bytes without splitting a character', () => {
    expect(tokens('a'.repeat(70))).toEqual([`word ${'a'.repeat(63)}`]);
    expect(tokens(`"${'ä'.repeat(40)}"`)).toEqual([`quoted ${'ä'.repeat(31)}`]);
  });
});

describe('strings', () => {
  test.each([
    ["'it''s'", "it's"],
    ["'C:\\new'", 'C:\\new'],
    ["E'a\\n\\x41\\101\\u00e4\\U0001F600'", 'a\nAAä😀'],
    ["E'\\xc3\\xa4'", 'ä'],
    ["U&'d\\0061t\\+01F600'", 'dat😀'],
    ["U&'d!0061t' UESCAPE '!'", 'dat'],
    ['$$a$b$$', 'a$b'],
    ['$q$a$$b$q$', 'a$$b'],
    ["'a'\n  'b' -- c\n 'd'", 'abd'],
    ["E'\\ud83d\\ude00'", '😀'],
  ])('%s', (text, value) => {
    expect(tokens(text)).toEqual([`string ${value}`]);
  });
  test('segments on one line are two strings', () => {
    expect(tokens("'a' 'b'")).toEqual(['string a', 'string b']);
  });
});

describe('numbers and operators', () => {
  test('numbers', () => {
    expect(tokens('1 1.5 .5 5. 1e10 1.5E-3 $12')).toEqual([
      'integer 1',
      'number 1.5',
      'number .5',
      'number 5.',
      'number 1e10',
      'number 1.5E-3',
      'parameter $12',
    ]);
  });
  test('an operator loses a trailing sign unless it is marked', () => {
    expect(tokens('a<-1')).toEqual(['word a', 'operator <', 'operator -', 'integer 1']);
    expect(tokens('a@-1')).toEqual(['word a', 'operator @-', 'integer 1']);
    expect(tokens('a->>b')).toEqual(['word a', 'operator ->>', 'word b']);
  });
  test('comments end operators and nest', () => {
    expect(tokens('a+--x\nb /* c /* d */ e */ - f')).toEqual([
      'word a',
      'operator +',
      'word b',
      'operator -',
      'word f',
    ]);
  });
  test('two-character punctuation', () => {
    expect(tokens('a::b := c => d')).toEqual([
      'word a',
      'punctuation ::',
      'word b',
      'punctuation :=',
      'word c',
      'punctuation =>',
      'word d',
    ]);
  });
});

describe('errors', () => {
  test.each([
    ["select 'abc", '42601', `unterminated quoted string at or near "'abc"`, 8],
    ['select "abc', '42601', 'unterminated quoted identifier at or near ""abc"', 8],
    ['select ""', '42601', 'zero-length delimited identifier at or near """"', 8],
    ['/* x', '42601', 'unterminated /* comment at or near "/* x"', 1],
    ['select $a$ x', '42601', 'unterminated dollar-quoted string at or near "$a$ x"', 8],
    ['select 1a', '42601', 'trailing junk after numeric literal at or near "1a"', 8],
    ['select 1_000', '42601', 'trailing junk after numeric literal at or near "1_"', 8],
    ['select $1a', '42601', 'trailing junk after parameter at or near "$1a"', 8],
    ['😀, 1a', '42601', 'trailing junk after numeric literal at or near "1a"', 4],
    ['select a\0b', '22021', 'invalid byte sequence for encoding "UTF8": 0x00', undefined],
    ['select \ud800', '22021', 'invalid byte sequence for encoding "UTF8": lone surrogate', undefined],
    ["select E'\\u12'", '22025', 'invalid Unicode escape', 10],
  ])('%j', (text, code, message, position) => {
    expect(problem(text)).toEqual({ code, message, position });
  });
});

test('statements are split at semicolons outside strings and comments', () => {
  const lexer = new Lexer();
  const text = "select ';'; -- ;\n ; insert into t values (1) /* ; */;select 2";
  lexer.scan(text);
  const found = splitStatements(lexer).map(({ from, to }) => text.slice(lexer.start(from), lexer.end(to - 1)));
  expect(found).toEqual(["select ';'", 'insert into t values (1)', 'select 2']);
});
