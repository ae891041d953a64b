/** Steps of defragmentation are watched: how long they take, and that nobody waits for more than one. */
import { expect, test } from 'vitest';
import { ManualClock } from '../../src/base/clock.ts';
import { Prng } from '../../src/base/prng.ts';
import { REQUEST_SLICE, type Request, runNow, type Task } from '../../src/base/task.ts';
import { Instance } from '../../src/engine/instance.ts';
import { Running, Scheduler } from '../../src/engine/scheduler.ts';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import { type StepMeters, StepWatch } from '../../src/space/step-watch.ts';
import { TestSession } from '../support/in-process.ts';

const COLUMNS = 'steps, steps_over_2ms, total_ms, longest_ms, foreground_waits, longest_wait_ms, steps_in_a_wait_max';

function meters(begun = (): number => 0): StepMeters {
  return { begun, logBytes: () => 0, newPages: () => 0 };
}

function slice(clock: ManualClock): Request {
  return {
    kind: REQUEST_SLICE,
    start: (resume) => {
      clock.soon(() => resume());
      return () => {};
    },
    answerNow: () => {},
  };
}

/** A task of stretches that last so many milliseconds. */
function* working(clock: ManualClock, stretches: readonly number[]): Task<void> {
  for (const ms of stretches) {
    clock.advance(ms);
    yield slice(clock);
  }
}

test('steps and their lengths are counted, and of a wait the part that steps caused', async () => {
  const clock = new ManualClock();
  const watch = new StepWatch(clock, meters());
  const scheduler = new Scheduler(clock, watch);
  const end = (task: Task<void>): Promise<void> =>
    new Promise((resolve, reject) => scheduler.run(task, new Running(), resolve, reject));
  await Promise.all([end(working(clock, [7, 7, 7])), end(watch.watch(working(clock, [0.5, 3, 1])))]);
  // The fourth step is the one that finds nothing more to do.
  expect([watch.steps, watch.overruns, watch.totalMs, watch.longestMs]).toEqual([4, 1, 4.5, 3]);
  expect([watch.waits, watch.longestWaitMs, watch.stepsInWaitMax]).toEqual([3, 3, 1]);
});

test('a step that others kept from the processor is long, and has not run longer for it', () => {
  const clock = new ManualClock();
  const watch = new StepWatch(clock, meters());
  function* held(): Task<void> {
    clock.steal(4);
    yield* working(clock, [1, 2.5, 1]);
  }
  runNow(watch.watch(held()));
  expect([watch.overruns, watch.longestMs]).toEqual([2, 5]);
  expect([watch.ownOverruns, watch.longestOwnMs]).toEqual([1, 2.5]);
});

test('two tasks that defragment make a wait of two steps, and wait for nothing themselves', async () => {
  const clock = new ManualClock();
  const watch = new StepWatch(clock, meters());
  const scheduler = new Scheduler(clock, watch);
  const end = (task: Task<void>): Promise<void> =>
    new Promise((resolve, reject) => scheduler.run(task, new Running(), resolve, reject));
  const steps = (): Promise<void> => end(watch.watch(working(clock, [1, 1])));
  await Promise.all([end(working(clock, [1, 1])), steps(), steps()]);
  expect([watch.waits, watch.longestWaitMs, watch.stepsInWaitMax]).toEqual([2, 2, 2]);
});

test('steps rest while others begin transactions, and follow each other at once when they do not', () => {
  const clock = new ManualClock();
  let begun = 0;
  const watch = new StepWatch(
    clock,
    meters(() => begun),
  );
  const kinds: string[] = [];
  const task = watch.watch(working(clock, [0.3, 0.3, 0.3, 0.6, 0.6, 0.1]));
  for (let step = task.next(); step.done !== true; step = task.next()) {
    kinds.push(step.value.kind === REQUEST_SLICE ? 'slice' : 'rest');
    // Others are there during the first four steps.
    if (kinds.length < 4) begun++;
  }
  expect(kinds).toEqual(['slice', 'rest', 'slice', 'rest', 'slice', 'slice']);
});

test('a rest lasts longer the longer the thread waited for a processor since the last one, up to a limit', () => {
  const clock = new ManualClock();
  let begun = 0;
  const watch = new StepWatch(
    clock,
    meters(() => begun++),
  );
  const lengths: number[] = [];
  const task = watch.watch(working(clock, [0.6, 0.6, 0.6, 0.6]));
  for (const waited of [0, 0.1, 5, 0]) {
    clock.steal(waited);
    const step = task.next();
    if (step.done === true) break;
    let isOver = false;
    step.value.start(() => (isOver = true));
    const began = clock.monotonicMs();
    while (!isOver) clock.advance(0.5);
    lengths.push(clock.monotonicMs() - began);
  }
  expect(lengths).toEqual([2, 4, 8, 2]);
});

test('an error that is thrown into a step reaches the task, and the task may go on', () => {
  const clock = new ManualClock();
  const watch = new StepWatch(clock, meters());
  const seen: unknown[] = [];
  function* stubborn(): Task<number> {
    try {
      yield slice(clock);
    } catch (error) {
      seen.push(error);
    }
    yield slice(clock);
    return 5;
  }
  const task = watch.watch(stubborn());
  task.next();
  expect(task.throw(new Error('cancelled')).done).toBe(false);
  expect(task.next().value).toBe(5);
  expect(seen).toHaveLength(1);
  expect(watch.steps).toBe(3);
});

test('extentdb.defragmentation_steps shows them for REORGANIZE, VACUUM, the task and SHRINK', async () => {
  const clock = new ManualClock();
  const instance = await Instance.openFile('/test.extent', { vfs: new MemoryVfs(), clock, prng: new Prng(1) });
  const s = new TestSession(instance);
  expect(await s.rows(`select ${COLUMNS} from extentdb.defragmentation_steps`)).toEqual([
    ['0', '0', '0', '0', '0', '0', '0'],
  ]);
  await s.run(`
    create table t (id int primary key, v text);
    insert into t select (i * 7919) % 104729, repeat('x', 100) from generate_series(1, 3000) i;
    delete from t where id % 3 <> 0`);
  while (runNow(instance.single.file.store.background()));
  const stepsOf = async (text: string): Promise<number> => {
    const before = instance.single.file.steps.steps;
    await s.run(text);
    await instance.single.defragmentation.whenIdle();
    const [[steps]] = (await s.rows('select steps from extentdb.defragmentation_steps')) as [[string]];
    return Number(steps) - before;
  };
  expect(await stepsOf('alter index t_pkey on t reorganize')).toBeGreaterThan(20);
  expect(await stepsOf('vacuum t')).toBeGreaterThan(5);
  expect(await stepsOf('call extentdb.defragment_start(passes => 1)')).toBeGreaterThan(5);
  expect(await stepsOf(`alter database ${instance.single.name} shrink`)).toBeGreaterThan(0);
  expect(await s.rows('select steps_over_2ms, longest_ms from extentdb.defragmentation_steps')).toEqual([['0', '0']]);
  const [[log, pages]] = (await s.rows('select log_bytes, pages_written from extentdb.defragmentation_steps')) as [
    [string, string],
  ];
  expect(Number(pages)).toBeGreaterThan(20);
  // Each page that was written anew stands in the log whole, without its free middle.
  expect(Number(log)).toBeGreaterThan(Number(pages) * 2000);
  expect(Number(log)).toBeLessThan(Number(pages) * 2.5 * 8192);
  await instance.close();
});
