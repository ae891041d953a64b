/** Constraints and defaults: what holds, what is reported, what referential actions do, as PostgreSQL 15 has it. */
import { expect, test } from 'vitest';
import { memoryInstance, TestSession } from '../support/in-process.ts';
import { InProcessSubject } from '../support/in-process-subject.ts';
import { recordedScenarios, transcript } from '../support/transcript.ts';

test.each(recordedScenarios('constraints'))('$title', async ({ scenario, expected }) => {
  expect((await transcript(scenario, await InProcessSubject.create())).trim()).toBe(expected);
});

test('what PostgreSQL has and ExtentDB does not is refused', async () => {
  const s = new TestSession(await memoryInstance());
  await s.run('create table t (a int primary key, b int generated always as (a + 1) stored)');
  for (const sql of ['create table u (a int, exclude (a with =))', 'create table u (a int references t match partial)'])
    expect((await s.failure(sql)).sqlstate, sql).toBe('0A000');
  expect(await s.failure('alter table t add c int generated always as (b) stored')).toMatchObject({
    sqlstate: '42P17',
    detail: 'A generated column cannot reference another generated column.',
  });
});

test('a duplicate under an index of expressions names the index', async () => {
  const s = new TestSession(await memoryInstance());
  await s.run("create table t (b text); create unique index t_lower on t (lower(b)); insert into t values ('Abc')");
  expect(await s.failure("insert into t values ('aBC')")).toMatchObject({
    sqlstate: '23505',
    message: 'duplicate key value violates unique constraint "t_lower"',
  });
});
