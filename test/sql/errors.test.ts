/** Bad input: code, text and position of every error, and a session that goes on, as PostgreSQL 15 has it. */
import { expect, test } from 'vitest';
import { memoryInstance, TestSession } from '../support/in-process.ts';
import { InProcessSubject } from '../support/in-process-subject.ts';
import { recordedScenarios, transcript } from '../support/transcript.ts';

test.each(recordedScenarios('errors'))('$title', async ({ scenario, expected }) => {
  expect((await transcript(scenario, await InProcessSubject.create())).trim()).toBe(expected);
});

test('IS DISTINCT FROM compares a NULL that has a type as that type', async () => {
  const s = new TestSession(await memoryInstance());
  expect(await s.rows('select null is distinct from (1 = 1), null::int is distinct from 1')).toEqual([['t', 't']]);
  expect(await s.failure('select null::int is distinct from (1 = 1)')).toMatchObject({
    sqlstate: '42883',
    message: 'operator does not exist: integer = boolean',
    position: 18,
  });
});

test('types of PostgreSQL that ExtentDB does not have are refused, unknown ones are unknown', async () => {
  const s = new TestSession(await memoryInstance());
  for (const type of ['bit', 'money', 'point', 'tsvector', 'int4range', 'jsonb', 'inet', 'timetz', 'pg_catalog.varbit'])
    expect((await s.failure(`create table t (a ${type})`)).sqlstate, type).toBe('0A000');
  expect(await s.failure('create table t (a nosuch)')).toMatchObject({
    sqlstate: '42704',
    message: 'type "nosuch" does not exist',
    position: 19,
  });
});
