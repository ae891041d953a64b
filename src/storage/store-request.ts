/**
 * The requests that storage yields: each has what to do now and, when that would block the server, what to start instead.
 */
import type { Clock } from '../base/clock.ts';
import type { Request, RequestKind } from '../base/task.ts';

/** A request for work that storage does itself: a page, a flush, room. Locks have a class of their own. */
export class StoreRequest implements Request {
  readonly kind: RequestKind;
  readonly #clock: Clock;
  readonly #now: () => void;
  readonly #begin: ((done: (error?: unknown) => void) => void) | undefined;

  /**
   * @param now - does the work on the spot; may throw.
   * @param begin - starts it and calls `done` in a later turn; without it, `now` runs in a later turn.
   */
  constructor(kind: RequestKind, clock: Clock, now: () => void, begin?: (done: (error?: unknown) => void) => void) {
    this.kind = kind;
    this.#clock = clock;
    this.#now = now;
    this.#begin = begin;
  }

  start(resume: (error?: unknown) => void): () => void {
    let wanted = true;
    const done = (error?: unknown): void => {
      if (wanted) resume(error);
    };
    if (this.#begin !== undefined) this.#begin(done);
    else {
      this.#clock.soon(() => {
        if (!wanted) return;
        try {
          this.#now();
        } catch (error) {
          resume(error);
          return;
        }
        resume();
      });
    }
    return () => {
      wanted = false;
    };
  }

  answerNow(): void {
    this.#now();
  }
}
