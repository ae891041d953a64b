/**
 * How long steps of defragmentation take, who waited for them, and how they give way.
 *
 *   step   what a task that moves rows or pages does between two suspensions; nobody else runs meanwhile
 *   wait   of a task that could go on at once, because only its slice was over: from there until it goes on. As far as others'
 *          steps lie in between, defragmentation caused it
 *
 *   foreground   ──slice over······················goes on──
 *   defragmenting            ├── step ──┤                     the wait: one step, its length
 *
 * A step lasts longer than its work when the system gives the processor to another process in the middle of it: so what of
 * it was its own is measured beside its length.
 *
 * Whoever waits for a page, a flush or a lock is not counted: when that came is not known.
 *
 * While others begin transactions, half a millisecond of steps is followed by a rest, so that most of the processor and of the log is
 * theirs. It lasts longer the longer this thread has waited for a processor since the last one: where they are short, every wait of
 * the system's scheduler is as long as a turn of another thread, some milliseconds, and clients see it. Alone, steps follow at once.
 */
import type { Clock } from '../base/clock.ts';
import { REQUEST_SLICE, REQUEST_TIMER, type Request, type Task } from '../base/task.ts';

/** What steps are measured by, beside the clock. */
export interface StepMeters {
  /** Transactions that were begun. */
  begun(): number;
  /** Bytes of the log. */
  logBytes(): number;
  /** Pages that were written anew as a whole: the targets of moves, both pages of swaps, those that rows were packed into. */
  newPages(): number;
}

/** No step should last longer, in milliseconds. */
export const STEP_MS_MAX = 2;
/** Milliseconds of steps after which others get some. */
const BUSY_MS = 0.5;
/** Milliseconds of a rest: at least, for each that the thread had to wait for a processor, and at most. */
const REST_MS = 2;
const REST_FOR_WAITING = 20;
const REST_MS_MAX = 8;

export class StepWatch {
  readonly #clock: Clock;
  readonly #meters: StepMeters;
  steps = 0;
  /** Milliseconds of all steps, and of the longest. */
  totalMs = 0;
  longestMs = 0;
  /** Steps that lasted longer than {@link STEP_MS_MAX}. */
  overruns = 0;
  /** The same of the time in which they ran, and others had not the processor. */
  longestOwnMs = 0;
  ownOverruns = 0;
  /** Bytes that steps wrote to the log, and pages that they wrote anew. */
  logBytes = 0;
  pagesWritten = 0;
  /** Waits for steps; of one wait, at most: milliseconds of steps, and steps. */
  waits = 0;
  longestWaitMs = 0;
  stepsInWaitMax = 0;

  constructor(clock: Clock, meters: StepMeters) {
    this.#clock = clock;
    this.#meters = meters;
  }

  /** Runs a task whose stretches between suspensions are steps. */
  *watch<T>(task: Task<T>): Task<T> {
    let thrown: { readonly error: unknown } | undefined;
    let begun = this.#meters.begun();
    let rested = this.totalMs;
    let stolen = this.#clock.stolenMs();
    for (;;) {
      const step = this.#step(task, thrown);
      if (step.done === true) return step.value;
      thrown = undefined;
      const isBusy =
        step.value.kind === REQUEST_SLICE && this.totalMs - rested >= BUSY_MS && this.#meters.begun() !== begun;
      let request = step.value;
      if (isBusy) {
        begun = this.#meters.begun();
        rested = this.totalMs;
        const waited = this.#clock.stolenMs() - stolen;
        stolen += waited;
        request = this.#rest(Math.min(REST_MS + REST_FOR_WAITING * waited, REST_MS_MAX));
      }
      try {
        yield request;
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

  #rest(ms: number): Request {
    return {
      kind: REQUEST_TIMER,
      start: (resume) => {
        const timer = this.#clock.after(ms, resume);
        return () => timer.cancel();
      },
      answerNow: () => {},
    };
  }

  #step<T>(task: Task<T>, thrown: { readonly error: unknown } | undefined): IteratorResult<Request, T> {
    const meters = this.#meters;
    const [logBytes, pages] = [meters.logBytes(), meters.newPages()];
    const stolen = this.#clock.stolenMs();
    const began = this.#clock.monotonicMs();
    try {
      return thrown === undefined ? task.next() : task.throw(thrown.error);
    } finally {
      const lasted = this.#clock.monotonicMs() - began;
      const own = lasted - (this.#clock.stolenMs() - stolen);
      this.steps++;
      this.totalMs += lasted;
      this.longestMs = Math.max(this.longestMs, lasted);
      if (lasted > STEP_MS_MAX) this.overruns++;
      this.longestOwnMs = Math.max(this.longestOwnMs, own);
      if (own > STEP_MS_MAX) this.ownOverruns++;
      this.logBytes += meters.logBytes() - logBytes;
      this.pagesWritten += meters.newPages() - pages;
    }
  }
}
