/** Definitions: tables altered, renamed, dropped with what depends on them, as PostgreSQL 15 has it. */
import { expect, test } from 'vitest';
import { InProcessSubject } from '../support/in-process-subject.ts';
import { recordedScenarios, transcript } from '../support/transcript.ts';

test.each(recordedScenarios('ddl'))('$title', async ({ scenario, expected }) => {
  expect((await transcript(scenario, await InProcessSubject.create())).trim()).toBe(expected);
});
