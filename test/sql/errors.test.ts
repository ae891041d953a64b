/** Bad input: code, text and position of every error, and a session that goes on, as PostgreSQL 15 has it. */
import { expect, test } from 'vitest';
import { InProcessSubject } from '../support/in-process-subject.ts';
import { recordedScenarios, transcript } from '../support/transcript.ts';

test.each(recordedScenarios('errors'))('$title', async ({ scenario, expected }) => {
  expect((await transcript(scenario, await InProcessSubject.create())).trim()).toBe(expected);
});
