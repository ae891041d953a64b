/**
 * A short run of the campaign of answers, beside PostgreSQL 15 where Debian's package is installed; and what does not need it:
 * one seed is one course.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { postgresPrograms, startPostgres } from '../../bench/compare/servers.ts';
import { Beside } from './beside.ts';
import { judged } from './comparison.ts';
import { CASE_KINDS, caseOf, setup } from './course.ts';

const SEED = Number(process.env['SEED'] ?? 1);
const CASES: Readonly<Record<(typeof CASE_KINDS)[number], number>> = { small: 40, big: 25, changes: 12 };

const programs = postgresPrograms();
if (programs === undefined) console.warn('PostgreSQL 15 is not installed: answers are NOT compared with its own');

describe.skipIf(programs === undefined)('beside PostgreSQL', () => {
  let beside: Beside;
  let stop: () => Promise<void>;

  beforeAll(async () => {
    const postgres = await startPostgres(programs!);
    stop = () => postgres.stop();
    beside = await Beside.open(`postgres://postgres@127.0.0.1:${postgres.port}/postgres`);
    await beside.begin(SEED);
  });

  afterAll(async () => {
    await beside?.close();
    await stop?.();
  });

  test.each(CASE_KINDS)('%s cases have the same answers', async (kind) => {
    const different: string[] = [];
    for (let number = 0; number < CASES[kind]; number++) {
      const { verdict, lines } = await beside.ask(caseOf(SEED, kind, number));
      if (verdict === 'different') different.push(`SEED=${SEED}, case ${number}:`, ...lines);
    }
    expect(different.join('\n')).toBe('');
  });
});

test('a seed is one course, and another seed is another', () => {
  const course = (seed: number): string =>
    JSON.stringify([
      setup(seed),
      CASE_KINDS.map((kind) => Array.from({ length: 30 }, (_, n) => caseOf(seed, kind, n))),
    ]);
  expect(course(SEED)).toBe(course(SEED));
  expect(course(SEED)).not.toBe(course(SEED + 1));
});

test('a case does not depend on those before it', () => {
  const alone = JSON.stringify(caseOf(SEED, 'small', 17));
  for (let n = 0; n < 17; n++) caseOf(SEED, 'small', n);
  expect(JSON.stringify(caseOf(SEED, 'small', 17))).toBe(alone);
});

test('only data errors may stand on one side alone', () => {
  const rows = { rows: ['[1]'], count: 1 };
  const failed = (sqlstate: string) => ({ sqlstate, message: '' });
  expect(judged(rows, failed('22012'), false)).toBe('order');
  expect(judged(rows, failed('42883'), false)).toBe('different');
  expect(judged(failed('0A000'), rows, false)).toBe('different');
  expect(judged(failed('23505'), failed('22003'), false)).toBe('order');
  expect(judged(failed('23505'), failed('23505'), false)).toBe('refused');
  expect(judged(failed('57014'), rows, false)).toBe('timeout');
  expect(judged({ rows: ['[1]', '[2]'], count: 2 }, { rows: ['[2]', '[1]'], count: 2 }, false)).toBe('equal');
  expect(judged({ rows: ['[1]', '[2]'], count: 2 }, { rows: ['[2]', '[1]'], count: 2 }, true)).toBe('different');
});
