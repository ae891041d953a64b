/** Definitions: tables altered, renamed, dropped with what depends on them, as PostgreSQL 15 has it. */
import { expect, test } from 'vitest';
import { memoryInstance, TestSession } from '../support/in-process.ts';
import { InProcessSubject } from '../support/in-process-subject.ts';
import { recordedScenarios, transcript } from '../support/transcript.ts';

test.each(recordedScenarios('ddl'))('$title', async ({ scenario, expected }) => {
  expect((await transcript(scenario, await InProcessSubject.create())).trim()).toBe(expected);
});

test('a descending index has its nulls first unless it says otherwise', async () => {
  const s = new TestSession(await memoryInstance());
  await s.run('create table t (a int, b int); insert into t values (1, 1), (null, 2), (3, 3)');
  await s.run('create index i on t (a desc, b, b desc nulls last, a nulls first)');
  expect(
    await s.rows("select pg_get_indexdef('i'::regclass), indoption from pg_index where indexrelid = 'i'::regclass"),
  ).toEqual([['CREATE INDEX i ON public.t USING btree (a DESC, b, b DESC NULLS LAST, a NULLS FIRST)', '3 0 1 2']]);
  expect(await s.rows('select b from t where a > 0 order by a')).toEqual([['1'], ['3']]);
});
