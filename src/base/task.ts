/**
 * Tasks: synchronous code that can wait.
 *
 * All work in the engine is synchronous JavaScript over pages in memory. Where it may have to wait (a page that is not
 * cached, a flush, a lock, its time slice being over) it is a generator that yields a {@link Request}. Whoever drives the
 * generator decides how the request is answered: the server's scheduler asynchronously, an embedded synchronous call
 * synchronously. Nothing else suspends; so between two yields the world stands still and no latches exist (law 3).
 *
 * The hot idiom is the *attempt*: a plain function that returns a small negative number when it lacks something and leaves
 * the request in a known place; its caller yields that request and attempts again. An attempt that lacks something has
 * changed nothing.
 */

/** What a task waits for. */
export const REQUEST_SLICE = 0;
export const REQUEST_PAGE = 1;
export const REQUEST_FLUSH = 2;
export const REQUEST_ROOM = 3;
export const REQUEST_ROW_LOCK = 4;
export const REQUEST_TABLE_LOCK = 5;
export const REQUEST_OUTPUT = 6;
export const REQUEST_TIMER = 7;
export type RequestKind = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7;

/** One wait, with its two answers. A request is answered once; a fresh one is made for each wait. */
export interface Request {
  readonly kind: RequestKind;
  /**
   * Starts what is needed and calls `resume` once, in a later turn, when the task may go on. An error given to `resume` is
   * thrown into the task at its `yield`. Returns a function that gives the wait up (statement cancelled), after which
   * `resume` is never called.
   */
  start(resume: (error?: unknown) => void): () => void;
  /**
   * Answers on the spot, for embedded synchronous calls.
   *
   * @throws `lock_not_available` (55P03) for a lock held by another session: there is nothing to wait for synchronously.
   */
  answerNow(): void;
}

/** A computation that may wait; its value is the generator's return value. */
export type Task<T> = Generator<Request, T, void>;

/** Runs a task to its end, answering every request on the spot. */
export function runNow<T>(task: Task<T>): T {
  let step = task.next();
  while (step.done !== true) {
    try {
      step.value.answerNow();
    } catch (error) {
      step = task.throw(error);
      continue;
    }
    step = task.next();
  }
  return step.value;
}

/** Runs a task to its end, waiting asynchronously; for maintenance code and tests. Sessions use the engine's scheduler. */
export function runTask<T>(task: Task<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const advance = (error?: unknown): void => {
      try {
        const step = error === undefined ? task.next() : task.throw(error);
        if (step.done === true) resolve(step.value);
        else step.value.start(advance);
      } catch (thrown) {
        reject(thrown);
      }
    };
    advance();
  });
}

/** A request that remembers whether it was answered. */
class Answerable implements Request {
  readonly kind: RequestKind;
  readonly #request: Request;
  isAnswered = false;

  constructor(request: Request) {
    this.#request = request;
    this.kind = request.kind;
  }

  start(resume: (error?: unknown) => void): () => void {
    return this.#request.start((error) => {
      this.isAnswered = true;
      resume(error);
    });
  }

  answerNow(): void {
    this.isAnswered = true;
    this.#request.answerNow();
  }
}

/**
 * Runs a task that owns files which it closes when it fails: it hears of being cancelled only where its slice is over. So no
 * transfer of its own is in flight then, which would go on and meet whatever file got the closed one's number.
 */
export function* interruptedBetweenSlices<T>(task: Task<T>): Task<T> {
  let interruption: { readonly error: unknown } | undefined;
  let step = task.next();
  while (step.done !== true) {
    const { kind } = step.value;
    let failure: { readonly error: unknown } | undefined;
    for (let waits = true; waits; ) {
      const request = new Answerable(step.value);
      waits = false;
      try {
        yield request;
      } catch (error) {
        if (request.isAnswered) failure = { error };
        else {
          interruption = { error };
          // Asked again: what was begun goes on, and is waited for.
          waits = kind !== REQUEST_SLICE;
        }
      }
    }
    const thrown = failure ?? (kind === REQUEST_SLICE ? interruption : undefined);
    if (thrown === interruption) interruption = undefined;
    step = thrown === undefined ? task.next() : task.throw(thrown.error);
  }
  return step.value;
}
