/**
 * Who keeps the log: named holders, each from a position on.
 *
 *   position   what the last checkpoint needs ──┐
 *   hold       a backup, until its end ─────────┴──> the oldest of them: generations that end before it are used again
 */

/** Keeps the log from a position on until it is released. */
export interface LogHold {
  readonly name: string;
  /** Process id of the session for which it is kept; 0 = nobody's. */
  readonly owner: number;
  readonly lsn: number;
  /** Gives the log up; a second call does nothing. */
  release(): void;
}

export class LogHolds {
  readonly #holds = new Set<LogHold>();
  readonly #released: () => void;

  /** @param released - called when a holder has given up. */
  constructor(released: () => void) {
    this.#released = released;
  }

  /** Everything from here on is kept by somebody; infinite when nobody keeps anything. */
  get oldest(): number {
    let oldest = Number.POSITIVE_INFINITY;
    for (const hold of this.#holds) oldest = Math.min(oldest, hold.lsn);
    return oldest;
  }

  /** In the order in which they came. */
  get all(): Iterable<LogHold> {
    return this.#holds;
  }

  add(name: string, owner: number, lsn: number): LogHold {
    const hold: LogHold = {
      name,
      owner,
      lsn,
      release: () => {
        if (this.#holds.delete(hold)) this.#released();
      },
    };
    this.#holds.add(hold);
    return hold;
  }
}
