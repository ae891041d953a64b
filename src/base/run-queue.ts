/**
 * How long the thread that everything runs on has waited for a processor that others had. Linux counts it:
 *
 *   /proc/self/task/<pid>/schedstat:   nanoseconds on a processor | nanoseconds of waiting for one | turns
 *
 * The first number grows only at ticks, the second is exact when the thread runs again. The file stays open; a look takes one to two
 * microseconds.
 */
import { openSync, readSync } from 'node:fs';

const LINE_BYTES = 64;
const BLANK = 0x20;
const ZERO = 0x30;
const NANOS_PER_MS = 1e6;

/** A meter of milliseconds; it stands at 0 where the host does not say. */
export function runQueueMeter(): () => number {
  let fd: number;
  try {
    // The first thread of a process has its number.
    fd = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r');
  } catch {
    return () => 0;
  }
  const line = new Uint8Array(LINE_BYTES);
  return () => {
    const length = readSync(fd, line, 0, LINE_BYTES, 0);
    let nanos = 0;
    for (let i = line.indexOf(BLANK) + 1; i < length && line[i] !== BLANK; i++) nanos = nanos * 10 + line[i]! - ZERO;
    return nanos / NANOS_PER_MS;
  };
}
