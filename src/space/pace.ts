/** When a long look at pages lets others go on: after a number of steps, or earlier when these take long. */
import type { Request } from '../base/task.ts';
import type { Core } from '../storage/core.ts';
import { sliceRequest } from '../storage/transactions.ts';

const SLICE_MS = 2;
/** Steps between two looks at the clock. A step is a page at most, and a page may have to come from the disk. */
const STEPS_PER_LOOK = 4;

export class Pace {
  readonly #core: Core;
  readonly #stepsMax: number;
  #steps = 0;
  #ends: number;

  constructor(core: Core, stepsMax: number) {
    this.#core = core;
    this.#stepsMax = stepsMax;
    this.#ends = core.clock.monotonicMs() + SLICE_MS;
  }

  /** Counts a step. True: yield {@link slice} now. */
  isOver(): boolean {
    if (++this.#steps >= this.#stepsMax) return true;
    return this.#steps % STEPS_PER_LOOK === 0 && this.#core.clock.monotonicMs() >= this.#ends;
  }

  slice(): Request {
    const { clock } = this.#core;
    const slice = sliceRequest(this.#core);
    const begin = (): void => {
      this.#steps = 0;
      this.#ends = clock.monotonicMs() + SLICE_MS;
    };
    return {
      kind: slice.kind,
      start: (resume) =>
        slice.start((error) => {
          begin();
          resume(error);
        }),
      answerNow: () => {
        begin();
        slice.answerNow();
      },
    };
  }
}
