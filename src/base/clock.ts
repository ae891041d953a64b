/**
 * Time as a dependency (law 1): nothing else in `src/` asks the system for the time or sets a timer.
 *
 * A `Clock` answers wall-clock microseconds for SQL's `now()`, monotonic milliseconds for time-outs and slices, how much of
 * them others had the processor, and timers.
 * The manual clock moves only when a test says so.
 */

import { runQueueMeter } from './run-queue.ts';

/** A pending timer; `cancel` is idempotent. */
export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Microseconds since 1970-01-01 00:00 UTC, an integer below 2^53. */
  wallMicros(): number;
  /** Milliseconds from an arbitrary origin, never decreasing. */
  monotonicMs(): number;
  /** Milliseconds, of those that passed, in which there was work to do here and others had the processor; 0 where nobody knows. */
  stolenMs(): number;
  /** Calls `fire` once after `delayMs` (≥ 0). The timer does not keep the process alive. */
  after(delayMs: number, fire: () => void): Timer;
  /** Calls `fire` in a later turn of the event loop, after pending I/O was served. */
  soon(fire: () => void): void;
}

const HOLD_MS = 2 ** 30;

export class SystemClock implements Clock {
  #stolenMs: (() => number) | undefined;

  wallMicros(): number {
    return Math.round((performance.timeOrigin + performance.now()) * 1000);
  }

  monotonicMs(): number {
    return performance.now();
  }

  stolenMs(): number {
    this.#stolenMs ??= runQueueMeter();
    return this.#stolenMs();
  }

  after(delayMs: number, fire: () => void): Timer {
    const handle = setTimeout(fire, delayMs);
    handle.unref();
    return { cancel: () => clearTimeout(handle) };
  }

  soon(fire: () => void): void {
    setImmediate(fire);
  }

  /** Keeps the process alive until it is cancelled, also while nothing but timers is waited for. */
  holdProcess(): Timer {
    const handle = setInterval(() => {}, HOLD_MS);
    return { cancel: () => clearInterval(handle) };
  }
}

/** A clock for tests and the simulator: time passes only through {@link ManualClock.advance}. */
export class ManualClock implements Clock {
  #micros: number;
  #stolenMs = 0;
  #timers: { at: number; order: number; fire: () => void }[] = [];
  #order = 0;

  constructor(startMicros = 1_700_000_000_000_000) {
    this.#micros = startMicros;
  }

  wallMicros(): number {
    return this.#micros;
  }

  monotonicMs(): number {
    return this.#micros / 1000;
  }

  stolenMs(): number {
    return this.#stolenMs;
  }

  after(delayMs: number, fire: () => void): Timer {
    const entry = { at: this.#micros + delayMs * 1000, order: this.#order++, fire };
    this.#timers.push(entry);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((t) => t !== entry);
      },
    };
  }

  soon(fire: () => void): void {
    queueMicrotask(fire);
  }

  /** Moves time forward while others have the processor. */
  steal(ms: number): void {
    this.#stolenMs += ms;
    this.advance(ms);
  }

  /** Moves time forward and fires, in order, every timer that falls due. */
  advance(ms: number): void {
    const until = this.#micros + ms * 1000;
    for (;;) {
      const due = this.#timers.filter((t) => t.at <= until).sort((a, b) => a.at - b.at || a.order - b.order)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((t) => t !== due);
      this.#micros = Math.max(this.#micros, due.at);
      due.fire();
    }
    this.#micros = until;
  }
}
