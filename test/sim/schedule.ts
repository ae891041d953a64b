/**
 * Who goes on next: at every suspension a random session, or one of the things that are under way.
 *
 *   ready ──turn──> runs to its next request ──answered on the spot──> ready
 *                                            ──started──> waiting ──clock or disk──> ready
 *
 *   step            a turn of a session that defragments; `onStep` is told after each, then so many turns belong to the others
 *
 * Work is counted in turns; no clock is asked.
 */
import type { Prng } from '../../src/base/prng.ts';
import { REQUEST_ROW_LOCK, REQUEST_TABLE_LOCK, REQUEST_TIMER, type Request, type Task } from '../../src/base/task.ts';
import type { SimClock, SimVfs } from './world.ts';

/** Turns that the others get after a step, at most. */
const TURNS_BETWEEN_MAX = 8;

interface Entry {
  readonly name: string;
  readonly task: Task<void>;
  /** Its turns are steps of defragmentation. */
  readonly isStep: boolean;
  error?: unknown;
}

export class Schedule {
  readonly #prng: Prng;
  readonly #clock: SimClock;
  readonly #vfs: SimVfs;
  readonly #beforeTurn: (isStep: boolean) => void;
  readonly #onStep: () => void;
  readonly #mayWait: boolean;
  #ready: Entry[] = [];
  #waiting = 0;
  /** Turns until the next step may be. */
  #quiet = 0;
  turns = 0;
  steps = 0;
  /** FNV over the names of all turns: two runs of one seed have the same. */
  trace = 0x811c9dc5;

  constructor(
    prng: Prng,
    clock: SimClock,
    vfs: SimVfs,
    hooks: {
      readonly beforeTurn: (isStep: boolean) => void;
      readonly onStep: () => void;
      /** Sessions may wait for each other's locks. */
      readonly mayWait?: boolean;
    },
  ) {
    this.#prng = prng;
    this.#clock = clock;
    this.#vfs = vfs;
    this.#beforeTurn = hooks.beforeTurn;
    this.#onStep = hooks.onStep;
    this.#mayWait = hooks.mayWait ?? false;
  }

  add(name: string, task: Task<void>, isStep = false): void {
    this.#ready.push({ name, task, isStep });
  }

  get isDone(): boolean {
    return this.#ready.length === 0 && this.#waiting === 0;
  }

  /** One turn: of a session, of the clock's queue, or of an operation in flight. */
  turn(): void {
    const quiet = this.#quiet > 0;
    if (quiet) this.#quiet--;
    const others = quiet ? this.#ready.filter((entry) => !entry.isStep) : this.#ready;
    const choice = this.#prng.below(others.length + 2);
    if (choice >= others.length) {
      const first = choice === others.length ? this.#clock : this.#vfs;
      if (first.pending > 0) this.#pass(first);
      else this.#pass(first === this.#clock ? this.#vfs : this.#clock);
      return;
    }
    const entry = others[choice];
    if (entry === undefined) return;
    this.#ready = this.#ready.filter((other) => other !== entry);
    this.#run(entry);
  }

  #pass(where: SimClock | SimVfs): void {
    if (where === this.#clock && this.#clock.pending > 0) this.#clock.fireNext();
    else if (this.#vfs.pending > 0) this.#vfs.finishOne(this.#prng);
    else if (this.#ready.length === 0) this.#clock.advance(1);
  }

  #run(entry: Entry): void {
    this.turns++;
    for (const letter of entry.name) this.trace = Math.imul(this.trace ^ letter.charCodeAt(0), 0x01000193) >>> 0;
    this.#beforeTurn(entry.isStep);
    const { error } = entry;
    delete entry.error;
    const step = error === undefined ? entry.task.next() : entry.task.throw(error);
    if (step.done !== true) this.#answer(entry, step.value);
    if (!entry.isStep) return;
    this.steps++;
    this.#quiet = this.#prng.below(TURNS_BETWEEN_MAX);
    this.#onStep();
  }

  #answer(entry: Entry, request: Request): void {
    // The sessions' rows are their own: whoever waits for a lock here waits for defragmentation, or it waits for them.
    const isLock = request.kind === REQUEST_ROW_LOCK || request.kind === REQUEST_TABLE_LOCK;
    if (isLock && !this.#mayWait) throw new Error(`${entry.name} waits for a lock`);
    if (!isLock && request.kind !== REQUEST_TIMER && this.#prng.chance(0.4)) {
      try {
        request.answerNow();
      } catch (error) {
        entry.error = error;
      }
      this.#ready.push(entry);
      return;
    }
    this.#waiting++;
    request.start((error) => {
      this.#waiting--;
      if (error !== undefined) entry.error = error;
      this.#ready.push(entry);
    });
  }
}
