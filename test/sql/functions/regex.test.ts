/** Regular expressions and LIKE: no pattern runs away, and captures follow the preferences of PostgreSQL. */

import { expect, test } from 'vitest';
import { likePattern } from '../../../src/sql/functions/regex/like.ts';
import { compiledPattern } from '../../../src/sql/functions/regex/pattern.ts';
import { outcome } from '../types/support.ts';

const LONG = 'a'.repeat(50_000);

/** Patterns on which backtracking takes exponential or cubic time. */
const EVIL = [
  '(a+)+$',
  '(a|aa)+$',
  '(a|a)*b',
  '(.*)(.*)(.*)(.*)(.*)x',
  '(a{1,20}){1,20}b',
  '^(([a-z])+.)+[A-Z]([a-z])+$',
  '(a*)*b',
];

test.each(EVIL)('%s is linear', (pattern) => {
  const compiled = compiledPattern(pattern);
  const started = performance.now();
  compiled.test(`${LONG}!`);
  compiled.find(`${LONG}!`, 0);
  // Backtracking would need hours; the bound is loose so that a busy machine cannot fail it.
  expect(performance.now() - started).toBeLessThan(2000);
});

test('LIKE with many wildcards is quick', () => {
  const started = performance.now();
  expect(likePattern('%a%a%a%a%a%a%a%a%a%b', false).matches(LONG)).toBe(false);
  expect(likePattern('%a_a_a_a_a_b%', false).matches(LONG)).toBe(false);
  expect(performance.now() - started).toBeLessThan(1000);
});

test('test and find agree', () => {
  const texts = ['', 'a', 'b', 'ab', 'aab', 'abc', 'foo bar', 'x\ny', '😀', 'Äpfel'];
  for (const pattern of [
    'a',
    '^a',
    'b$',
    'a*b',
    '(a|b)+c',
    '\\mb',
    '.',
    '^$',
    '[^a]',
    '\\w+',
    '(?n)^y',
    '😀|é',
    '$^',
  ]) {
    const compiled = compiledPattern(pattern);
    for (const text of texts)
      expect(compiled.test(text), `${pattern} on ${text}`).toBe(compiled.find(text, 0) !== undefined);
  }
});

test('back-references and look-around are refused, broken patterns are 2201B', () => {
  expect(outcome(() => String(compiledPattern('(a)\\1').groups))).toMatch(/^ERR 0A000/);
  expect(outcome(() => String(compiledPattern('a(?=b)').groups))).toMatch(/^ERR 0A000/);
  for (const pattern of ['(', ')', '[', 'a{2,1}', '*', 'a**', '\\', '[[:foo:]]', '[z-a]', 'a{1']) {
    expect(
      outcome(() => String(compiledPattern(pattern).groups)),
      pattern,
    ).toMatch(/^ERR 2201B/);
  }
});

test('a pattern too large to run quickly is refused', () => {
  expect(outcome(() => String(compiledPattern('((a{1,255}){1,255}){1,255}').groups))).toMatch(/too complex/);
});
