/**
 * How long steps of defragmentation take, and who waited for them.
 *
 *   step   what a task that moves rows or pages does between two suspensions; nobody else runs meanwhile
 *   wait   of a task that could go on at once, because only its slice was over: from there until it goes on. As far as others'
 *          steps lie in between, defragmentation caused it
 *
 *   foreground   ──slice over······················goes on──
 *   defragmenting            ├── step ──┤                     the wait: one step, its length
 *
 * Whoever waits for a page, a flush or a lock is not counted: when that came is not known.
 */
import type { Clock } from '../base/clock.ts';
import type { Request, Task } from '../base/task.ts';

/** No step should last longer, in milliseconds. */
export const STEP_MS_MAX = 2;

export class StepWatch {
  readonly #clock: Clock;
  steps = 0;
  /** Milliseconds of all steps, and of the longest. */
  totalMs = 0;
  longestMs = 0;
  /** Steps that lasted longer than {@link STEP_MS_MAX}. */
  overruns = 0;
  /** Waits for steps; of one wait, at most: milliseconds of steps, and steps. */
  waits = 0;
  longestWaitMs = 0;
  stepsInWaitMax = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Runs a task whose stretches between suspensions are steps. */
  *watch<T>(task: Task<T>): Task<T> {
    let thrown: { readonly error: unknown } | undefined;
    for (;;) {
      const step = this.#step(task, thrown);
      if (step.done === true) return step.value;
      thrown = undefined;
      try {
        yield step.value;
      } catch (error) {
        thrown = { error };
      }
    }
  }

  /** A task goes on that could have done so when there had been so many steps, of so many milliseconds. */
  waited(stepsBefore: number, msBefore: number): void {
    const steps = this.steps - stepsBefore;
    if (steps === 0) return;
    this.waits++;
    this.stepsInWaitMax = Math.max(this.stepsInWaitMax, steps);
    this.longestWaitMs = Math.max(this.longestWaitMs, this.totalMs - msBefore);
  }

  #step<T>(task: Task<T>, thrown: { readonly error: unknown } | undefined): IteratorResult<Request, T> {
    const began = this.#clock.monotonicMs();
    try {
      return thrown === undefined ? task.next() : task.throw(thrown.error);
    } finally {
      const lasted = this.#clock.monotonicMs() - began;
      this.steps++;
      this.totalMs += lasted;
      this.longestMs = Math.max(this.longestMs, lasted);
      if (lasted > STEP_MS_MAX) this.overruns++;
    }
  }
}
