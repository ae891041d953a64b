/** Sorting arrays of values that are too long for one stretch: built-in sorts of short runs, merged step by step (law 9). */
import type { Task } from '../../base/task.ts';
import type { Session } from '../../engine/session.ts';

const RUN_LENGTH = 1024;
/** Items merged between two looks at the clock. */
const MERGE_LENGTH = 512;

/** A sorted copy; equal items keep their order. */
export function* sortInSlices<T>(
  session: Session,
  items: readonly T[],
  compare: (a: T, b: T) => number,
): Task<readonly T[]> {
  let from: T[] = [];
  for (let at = 0; at < items.length; at += RUN_LENGTH) {
    for (const item of items.slice(at, at + RUN_LENGTH).sort(compare)) from.push(item);
    if (session.sliceOver()) yield session.slice();
  }
  for (let run = RUN_LENGTH; run < items.length; run *= 2) {
    const to: T[] = [];
    for (let start = 0; start < items.length; start += run * 2) {
      const middle = Math.min(start + run, items.length);
      const end = Math.min(start + run * 2, items.length);
      for (let a = start, b = middle; a < middle || b < end; ) {
        to.push(b >= end || (a < middle && compare(from[a]!, from[b]!) <= 0) ? from[a++]! : from[b++]!);
        if (to.length % MERGE_LENGTH === 0 && session.sliceOver()) yield session.slice();
      }
    }
    from = to;
  }
  return from;
}
