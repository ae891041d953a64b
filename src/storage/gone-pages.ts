/**
 * Recovery's first pass: which pages lost their place on disk, and when.
 *
 * A trimmed page reads as zeros, a page behind the end of the file does not read at all, and neither must be written again by
 * redo: that would give the hole its space back. So redo skips the records of a page that are older than the last group that
 * took its place away (DESIGN §3, law 7). What came later begins with the page's whole content.
 */
import type { Request, Task } from '../base/task.ts';
import { type Generation, LogReader } from './log-generation.ts';
import { GONE_FIRST_AT, GONE_LAST_AT, LOG_GONE, RECORD_BYTES_AT } from './log-records.ts';

const GROUPS_PER_SLICE = 256;

interface GoneRange {
  readonly first: number;
  readonly last: number;
  /** Position of the group that took the pages away. */
  readonly lsn: number;
}

export class GonePages {
  /** Ascending, disjoint; each with its newest position. */
  #ranges: GoneRange[] = [];

  /** Reads the log from a position to its end. @param slice - what to yield between two pieces of it. */
  static *read(generations: readonly Generation[], from: number, slice: () => Request): Task<GonePages> {
    const gone = new GonePages();
    const reader = new LogReader(generations, from);
    for (let groups = 1; reader.next(); groups++) {
      if (groups % GROUPS_PER_SLICE === 0) yield slice();
      const { view, from: start, to, lsn } = reader.group;
      for (let at = start; at < to; at += view.getUint32(at + RECORD_BYTES_AT, true)) {
        const type = view.getUint8(at);
        if (type === 0) break;
        if (type === LOG_GONE)
          gone.#add(view.getUint32(at + GONE_FIRST_AT, true), view.getUint32(at + GONE_LAST_AT, true), lsn);
      }
    }
    return gone;
  }

  /** Does what a group at `lsn` says of a page count no more? */
  covers(pgno: number, lsn: number): boolean {
    const ranges = this.#ranges;
    let low = 0;
    let high = ranges.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (ranges[middle]!.last < pgno) low = middle + 1;
      else high = middle;
    }
    const range = ranges[low];
    return range !== undefined && range.first <= pgno && lsn < range.lsn;
  }

  /** Enters a range that is newer than all others: it takes the place of what it overlaps. */
  #add(first: number, last: number, lsn: number): void {
    const next: GoneRange[] = [];
    for (const range of this.#ranges) {
      if (range.last < first || range.first > last) next.push(range);
      else {
        if (range.first < first) next.push({ ...range, last: first - 1 });
        if (range.last > last) next.push({ ...range, first: last + 1 });
      }
    }
    next.push({ first, last, lsn });
    this.#ranges = next.sort((a, b) => a.first - b.first);
  }
}
