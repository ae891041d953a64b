/** What drivers and mappers send on their own, as PostgreSQL 15 answers it. */
import { expect, test, vi } from 'vitest';
import { memoryInstance, TestSession } from '../support/in-process.ts';
import { InProcessSubject } from '../support/in-process-subject.ts';
import { recordedScenarios, transcript } from '../support/transcript.ts';

test.each(recordedScenarios('drivers'))('$title', async ({ scenario, expected }) => {
  expect((await transcript(scenario, await InProcessSubject.create())).trim()).toBe(expected);
});

test('a cursor WITH HOLD keeps beyond work_mem on disk what it has still to deliver, until it is closed', async () => {
  const instance = await memoryInstance();
  const newFile = vi.spyOn(instance.single, 'newSpillFile');
  const s = new TestSession(instance);
  await s.run("set work_mem = '64kB'");
  await s.run(`begin; declare c cursor with hold for select i, repeat('x', 1000) || i from generate_series(1, 2000) i;
    move 5 in c; commit`);
  expect(newFile).toHaveBeenCalledTimes(1);
  const closed = vi.spyOn(newFile.mock.results[0]!.value, 'close');
  expect(await s.rows('fetch 1 from c')).toEqual([['6', `${'x'.repeat(1000)}6`]]);
  await s.run('move 1900 in c');
  expect((await s.rows('fetch all from c')).map(([i]) => Number(i))).toEqual(
    Array.from({ length: 94 }, (_, i) => 1907 + i),
  );
  await s.run('close c');
  expect(closed).toHaveBeenCalledTimes(1);
});
