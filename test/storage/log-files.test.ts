/**
 * The log's files by themselves. One that is used again holds, behind its new groups, old ones that begin at the very same
 * places; and what one flush makes durable may lie in two of them.
 */
import { expect, test } from 'vitest';
import { ManualClock, SystemClock } from '../../src/base/clock.ts';
import { Prng } from '../../src/base/prng.ts';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import { GROUP_HEADER_BYTES, LOG_HEADER_BYTES } from '../../src/storage/layout.ts';
import { Log } from '../../src/storage/log.ts';
import { findGenerations, LogReader } from '../../src/storage/log-generation.ts';

const DIRECTORY = 'db/a.extent-log';
const FILE_ID = Uint8Array.from({ length: 16 }, (_, i) => i + 1);
const GROUP_BYTES = 1 << 16;

/** Appends one group of `GROUP_BYTES`; its position. */
function append(log: Log): number {
  while (!log.room(GROUP_BYTES, false)) log.roomRequest(GROUP_BYTES, false).answerNow();
  const lsn = log.begin();
  log.at += GROUP_BYTES - GROUP_HEADER_BYTES;
  log.end();
  return lsn;
}

function appendDurably(log: Log): number {
  const lsn = append(log);
  log.flushNow();
  return lsn;
}

/** Positions of the groups that are read back after a power cut, from a position on. */
function readBack(disk: MemoryVfs, from: number): number[] {
  const { ours } = findGenerations(disk.afterPowerCut(new Prng(1)), DIRECTORY, FILE_ID);
  const reader = new LogReader(ours, from);
  const read: number[] = [];
  while (reader.next()) read.push(reader.group.lsn);
  return read;
}

test('old groups behind the end of a log file that is used again are not read', () => {
  const disk = new MemoryVfs();
  const log = new Log(disk, new ManualClock(), DIRECTORY, FILE_ID);
  log.open(1, 4096, [], 0);
  const files = new Set<string>();
  let last = 0;
  let isReused = false;
  // Generations grow up to a size; from then on a file comes back as soon as nobody needs what it holds.
  for (let generation = log.generation; !isReused; ) {
    last = appendDurably(log);
    if (log.generation === generation) continue;
    generation = log.generation;
    log.release(log.generations[log.generations.length - 1]!.start);
    const { path } = log.generations[log.generations.length - 1]!.file;
    isReused = files.has(path);
    files.add(path);
  }
  const lsns = [last, appendDurably(log), appendDurably(log)];
  const current = log.generations[log.generations.length - 1]!;
  expect(lsns.map((lsn) => lsn - current.start)).toEqual([0, 1, 2].map((n) => LOG_HEADER_BYTES + n * GROUP_BYTES));
  expect(readBack(disk, current.start + LOG_HEADER_BYTES)).toEqual(lsns);
});

test.each(['on the spot', 'in a later turn'])('one flush makes groups of two files durable (%s)', async (when) => {
  const disk = new MemoryVfs();
  const log = new Log(disk, new SystemClock(), DIRECTORY, FILE_ID);
  log.open(1, 4096, [], 0);
  const from = log.tail;
  const lsns: number[] = [];
  while (log.generation === 1) lsns.push(append(log));
  lsns.push(append(log));
  if (when === 'on the spot') log.flushNow();
  else await new Promise<void>((resolve) => log.requestFlush(() => resolve()));
  expect(readBack(disk, from)).toEqual(lsns);
});
