/**
 * The scheduler: drives the tasks of all sessions on one thread.
 *
 * A task runs until it must wait or its slice is over. A slice is counted in work units by whoever loops; only every few
 * thousand units the clock is asked (law 9). A task whose slice is over goes behind pending I/O and the other tasks.
 *
 *   run(task) ──> step ──> done: resolve          step ──> request: start it ──resume──> step …
 *
 * The watchdog counts the stretches between two turns that exceed {@link STRETCH_MS_MAX}.
 */
import type { Clock } from '../base/clock.ts';
import { fail } from '../base/errors.ts';
import { REQUEST_SLICE, type Request, type RequestKind, type Task } from '../base/task.ts';
import type { StepWatch } from '../space/step-watch.ts';

/** A task gives way after this long. */
export const SLICE_MS = 2;
/** No stretch may last longer. */
export const STRETCH_MS_MAX = 10;

/** One running statement: lets others cancel it. */
export class Running {
  #giveUp: (() => void) | undefined;
  #cancel: ((error: unknown) => void) | undefined;
  #waitsFor: RequestKind | undefined;
  /** Set when it was cancelled; thrown at its next chance. */
  cancelled: unknown;

  /** Ends the task with `error` at its next suspension, or at once if it is waiting. */
  cancel(error: unknown): void {
    this.cancelled = error;
    const giveUp = this.#giveUp;
    const cancel = this.#cancel;
    if (giveUp === undefined || cancel === undefined) return;
    this.waiting(undefined, undefined);
    giveUp();
    cancel(error);
  }

  /** What the task waits for; undefined while it runs. */
  get waitsFor(): RequestKind | undefined {
    return this.#waitsFor;
  }

  /** @internal */
  waiting(giveUp: (() => void) | undefined, cancel: ((error: unknown) => void) | undefined, kind?: RequestKind): void {
    this.#giveUp = giveUp;
    this.#cancel = cancel;
    this.#waitsFor = kind;
  }
}

export class Scheduler {
  readonly clock: Clock;
  readonly #steps: StepWatch | undefined;
  #sliceEnds = 0;
  /** Stretches between two turns. */
  stretches = 0;
  /** Stretches that lasted longer than allowed, and the longest. */
  overruns = 0;
  longestMs = 0;

  /** @param steps - told of waits for steps of defragmentation. */
  constructor(clock: Clock, steps?: StepWatch) {
    this.clock = clock;
    this.#steps = steps;
  }

  /** True when the running task should yield {@link slice}. Asks the clock: call it every few thousand work units. */
  sliceOver(): boolean {
    return this.clock.monotonicMs() >= this.#sliceEnds;
  }

  /** The request of a task whose slice is over. */
  slice(): Request {
    return {
      kind: REQUEST_SLICE,
      start: (resume) => {
        let given = false;
        this.clock.soon(() => {
          if (!given) resume();
        });
        return () => {
          given = true;
        };
      },
      answerNow: () => {
        this.#sliceEnds = this.clock.monotonicMs() + SLICE_MS;
      },
    };
  }

  /** Begins a stretch of synchronous work outside {@link run}. */
  beginStretch(): void {
    this.#sliceEnds = this.clock.monotonicMs() + SLICE_MS;
  }

  /**
   * Runs a task to its end and hands its outcome to one of two callbacks: at once, in this turn, when it never had to wait.
   */
  run<T>(task: Task<T>, running: Running, done: (value: T) => void, failed: (error: unknown) => void): void {
    const advance = (error?: unknown): void => {
      const began = this.clock.monotonicMs();
      this.#sliceEnds = began + SLICE_MS;
      const stepsBegan = this.#steps?.steps;
      let step: IteratorResult<Request, T>;
      try {
        const thrown = error ?? running.cancelled;
        if (thrown !== undefined) running.cancelled = undefined;
        step = thrown === undefined ? task.next() : task.throw(thrown);
      } catch (caught) {
        this.#watch(began);
        failed(caught);
        return;
      }
      this.#watch(began);
      if (step.done === true) {
        done(step.value);
        return;
      }
      // A task that defragments itself does not wait for it.
      const watch = step.value.kind === REQUEST_SLICE && this.#steps?.steps === stepsBegan ? this.#steps : undefined;
      const [steps, stepsMs] = [watch?.steps ?? 0, watch?.totalMs ?? 0];
      const giveUp = step.value.start((problem) => {
        watch?.waited(steps, stepsMs);
        running.waiting(undefined, undefined);
        advance(problem);
      });
      running.waiting(giveUp, advance, step.value.kind);
    };
    advance();
  }

  #watch(began: number): void {
    const lasted = this.clock.monotonicMs() - began;
    this.stretches++;
    if (lasted > this.longestMs) this.longestMs = lasted;
    if (lasted > STRETCH_MS_MAX) this.overruns++;
  }
}

/** The error of a cancelled statement. */
export function cancelledByUser(): Error {
  return fail('query_canceled', 'canceling statement due to user request');
}
