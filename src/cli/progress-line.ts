/** One line on a terminal, on standard error, written over and over; nothing elsewhere. */
import type { Clock } from '../base/clock.ts';

const SHOW_EVERY_MS = 100;

export class ProgressLine {
  readonly #clock: Clock;
  readonly #isShown = process.stderr.isTTY === true;
  #shownMs = Number.NEGATIVE_INFINITY;
  /** Characters of the line that stands there. */
  #width = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Shows a text, unless one was shown a moment ago. @param isLast - shows it in any case. */
  show(text: string, isLast = false): void {
    if (!this.#isShown) return;
    const now = this.#clock.monotonicMs();
    if (now - this.#shownMs < SHOW_EVERY_MS && !isLast) return;
    this.#shownMs = now;
    process.stderr.write(`\r${text.padEnd(this.#width)}`);
    this.#width = text.length;
  }

  /** So many of them, with the percentage. */
  count(done: number, total: number, unit: string): void {
    const percent = total === 0 ? 100 : Math.floor((100 * done) / total);
    this.show(`${done} of ${total} ${unit} (${percent} %)`, done >= total);
  }

  /** Leaves the line as it is. */
  end(): void {
    if (this.#width > 0) process.stderr.write('\n');
    this.#width = 0;
  }
}
