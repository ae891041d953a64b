/** What drivers and mappers send on their own, as PostgreSQL 15 answers it. */
import { expect, test } from 'vitest';
import { InProcessSubject } from '../support/in-process-subject.ts';
import { recordedScenarios, transcript } from '../support/transcript.ts';

test.each(recordedScenarios('drivers'))('$title', async ({ scenario, expected }) => {
  expect((await transcript(scenario, await InProcessSubject.create())).trim()).toBe(expected);
});
