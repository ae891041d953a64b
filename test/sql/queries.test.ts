/** Queries on which servers have differed, as PostgreSQL 15 answers them. */
import { expect, test } from 'vitest';
import { InProcessSubject } from '../support/in-process-subject.ts';
import { recordedScenarios, transcript } from '../support/transcript.ts';

test.each(recordedScenarios('queries'))('$title', async ({ scenario, expected }) => {
  expect((await transcript(scenario, await InProcessSubject.create())).trim()).toBe(expected);
});
