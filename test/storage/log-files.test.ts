/**
 * The log's files by themselves. One that is used again holds, behind its new groups, old ones that begin at the very same
 * places; and what one flush makes durable may lie in two of them.
 */
import { expect, test } from 'vitest';
import { ManualClock, SystemClock } from '../../src/base/clock.ts';
import { Prng } from '../../src/base/prng.ts';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import type { Done } from '../../src/io/vfs.ts';
import { GROUP_HEADER_BYTES, LOG_HEADER_BYTES } from '../../src/storage/layout.ts';
import { Log } from '../../src/storage/log.ts';
import { findGenerations, LogReader } from '../../src/storage/log-generation.ts';
import { LogSpares } from '../../src/storage/log-spares.ts';

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

/** A disk that syncs directories only when told to. */
class SlowDirectories extends MemoryVfs {
  readonly pending: (() => void)[] = [];

  override syncDirectoryAsync(path: string, done: Done): void {
    this.pending.push(() => super.syncDirectoryAsync(path, done));
  }
}

function spares(disk: MemoryVfs): LogSpares {
  const made = new LogSpares(disk, new SystemClock(), DIRECTORY, FILE_ID, () => {});
  made.open(1, 4096);
  made.take();
  return made;
}

test('a file made ahead is ready when its name is durable too', async () => {
  const disk = new SlowDirectories();
  const ahead = spares(disk);
  const done = new Promise((resolve) => ahead.start(resolve));
  await new Promise(setImmediate);
  expect(ahead.ready).toBe(0);
  disk.pending.shift()?.();
  expect(await done).toBeUndefined();
  expect(ahead.ready).toBe(1);
  const generation = ahead.take()!;
  expect(disk.afterPowerCut(new Prng(1)).exists(generation.file.path)).toBe(true);
});

test('a file that is needed before its name is durable is made so on the spot, once', async () => {
  const disk = new SlowDirectories();
  const ahead = spares(disk);
  const done = new Promise((resolve) => ahead.start(resolve));
  ahead.add();
  expect(ahead.ready).toBe(1);
  expect(await done).toBeUndefined();
  const generation = ahead.take()!;
  expect(disk.afterPowerCut(new Prng(1)).exists(generation.file.path)).toBe(true);
  // It is used and gone before the directory's own sync ends, which then leaves it alone.
  generation.file.discard();
  disk.pending.shift()?.();
  await new Promise(setImmediate);
  await new Promise(setImmediate);
  expect(ahead.ready).toBe(0);
});
