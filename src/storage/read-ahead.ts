/**
 * Which scans read the file in order: when a scan asks for the page that lies right behind (or before) the ones that were read
 * for it, the next pages come along in the same read.
 *
 *   scan asks for p        → nothing is known; p + 1 and p − 1 are expected
 *   scan asks for p + 1    → a run: p + 1 … p + 16 are read at once; p + 17 is expected
 *
 * Pages in extents lie side by side, and after REORGANIZE in the order of keys, so an ordered scan takes a sixteenth of the reads.
 * Several scans go on side by side; the oldest expectation gives way.
 */

/** Pages that one read brings at most. */
export const RUN_PAGES = 16;
const SCANS_MAX = 16;

export class ReadAhead {
  /** Expected pages, each with its direction: positive forward, negative backward; 0 = none. */
  readonly #expected = new Int32Array(2 * SCANS_MAX);
  #next = 0;

  /** A scan asks for a page: how many pages to read with it, negative = those before it; 1 = it alone. */
  runAt(pgno: number): number {
    for (let i = 0; i < this.#expected.length; i++) {
      const expected = this.#expected[i]!;
      if (expected !== pgno && expected !== -pgno) continue;
      const forward = expected > 0;
      this.#expected[i] = forward ? pgno + RUN_PAGES : -Math.max(0, pgno - RUN_PAGES);
      return forward ? RUN_PAGES : -Math.min(RUN_PAGES, pgno);
    }
    this.#expected[this.#next] = pgno + 1;
    this.#expected[this.#next + 1] = -(pgno - 1);
    this.#next = (this.#next + 2) % this.#expected.length;
    return 1;
  }
}
