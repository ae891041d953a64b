/** Declarative partitioning, as PostgreSQL 15 has it. */
import { expect, test } from 'vitest';
import { InProcessSubject } from '../support/in-process-subject.ts';
import { recordedScenarios, transcript } from '../support/transcript.ts';

test.each(recordedScenarios('partitions'))('$title', async ({ scenario, expected }) => {
  expect((await transcript(scenario, await InProcessSubject.create())).trim()).toBe(expected);
});
