import { expect, test } from 'vitest';
import { Prng } from '../../src/base/prng.ts';
import { REQUEST_ROOM, runNow, type Task } from '../../src/base/task.ts';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import type { Vfs } from '../../src/io/vfs.ts';
import type { DatabaseFile } from '../../src/space/open-database-file.ts';
import { granules, type TrimReport } from '../../src/space/trimmer.ts';
import { NEED } from '../../src/storage/contracts.ts';
import { EXTENT_TRIMMED } from '../../src/storage/layout.ts';
import { commit, look, TextTree } from '../storage/open.ts';
import { holesOf } from '../support/holes.ts';
import { OrderedVfs } from '../support/ordered-vfs.ts';
import { check, dropTree, extentsOf, fill, keyOf, makeTree, NO_HINTS, open, settle } from './open.ts';

function trim(file: DatabaseFile): TrimReport {
  return runNow(file.space.trimmer.trim());
}

/** A file with a tree that stays, one that goes in front of it, and free space at the end. */
function holey(vfs: Vfs, rows = 1200): { file: DatabaseFile; stays: TextTree } {
  const file = open(vfs);
  const goes = makeTree(file);
  fill(file, goes, 0, rows);
  const stays = makeTree(file);
  fill(file, stays, 0, 200);
  dropTree(file, goes);
  settle(file);
  return { file, stays };
}

test('a trim gives aligned free space back, and a second one finds nothing to do', () => {
  const vfs = new MemoryVfs();
  const { file, stays } = holey(vfs);
  const used = vfs.usedBytes();
  const length = file.space.filePages();
  const report = trim(file);
  expect(report.possible).toBe(true);
  expect(report.before).toBe(0);
  expect(report.after).toBeGreaterThan(280);
  expect(used - vfs.usedBytes()).toBeGreaterThanOrEqual(report.after * 4096 - 65536);
  expect(file.space.filePages()).toBe(length);
  check(file);
  const second = trim(file);
  expect([second.before, second.after]).toEqual([report.after, report.after]);
  look(file.store, (snapshot) => expect(stays.all(snapshot).length).toBe(200));
  // No page of a tree lies in a hole: everything can be read from the disk again.
  runNow(file.store.checkpoint());
  file.store.parts.core.cache.evictClean();
  look(file.store, (snapshot) => expect(stays.all(snapshot).length).toBe(200));
  check(file);
});

test('the example of the sparse files document: 32 KiB pages, extent 47–256, 210 pages', () => {
  const file = open(new MemoryVfs(), 32768);
  const one = { ...NO_HINTS, initialPages: 1 };
  // What the first 46 pages hold does not matter; the rest, up to page 256, is one free extent.
  while (file.space.root.filePages <= 47) makeTree(file, 0, one);
  while (extentsOf(file, 0, 'available').some((e) => e.first < 47 && e.state === 0)) makeTree(file, 0, one);
  while (file.space.root.filePages < 257) runNow(growTo(file, 257));
  const extents = extentsOf(file, 0, 'available');
  expect(extents.map((e) => [e.first, e.first + e.pages - 1])).toContainEqual([47, 256]);
  const report = trim(file);
  const line = report.extents.find((e) => e.first === 47);
  expect(line).toEqual({ first: 47, last: 256, alignedFirst: 47, alignedPages: 210, before: 0, after: 210 });
  expect([report.before, report.after]).toEqual([0, 210]);
  // On disk is what lies before: (47 + 1) pages of 32 KiB, 1,572,864 bytes, of a file of 8,454,144.
  const length = (file.space.filePages() + 1) * 32768;
  expect(length).toBe(8_454_144);
  expect(length - report.after * 32768).toBe(1_572_864);
  check(file);
});

function* growTo(file: DatabaseFile, end: number): Task<void> {
  while (file.space.root.filePages < end) {
    if (file.store.parts.core.reserve() === NEED || file.space.root.growTo(end) === NEED) yield file.store.need;
  }
}

test('granules are counted inward: with 4 KiB pages, 16–47 gives 31–46', () => {
  expect(granules(16, 47, 4096)).toEqual({ first: 31, last: 46 });
  expect(granules(15, 46, 4096)).toEqual({ first: 15, last: 46 });
  const none = granules(16, 30, 4096);
  expect(none.last).toBeLessThan(none.first);
  expect(granules(47, 256, 32768)).toEqual({ first: 47, last: 256 });
});

test('trimmed space is filled again before the file grows', () => {
  const vfs = new MemoryVfs();
  const { file } = holey(vfs);
  const length = file.space.filePages();
  const { after } = trim(file);
  const low = vfs.usedBytes();
  const again = makeTree(file);
  fill(file, again, 0, 1000);
  expect(file.space.filePages()).toBe(length);
  expect(vfs.usedBytes()).toBeGreaterThan(low + 250 * 4096);
  const trimmed = extentsOf(file, 0, 'available')
    .filter((e) => e.state === EXTENT_TRIMMED)
    .reduce((n, e) => n + e.pages, 0);
  expect(trimmed).toBeLessThan(after);
  expect(file.space.root.trimmedPages).toBe(trimmed);
  check(file);
  look(file.store, (snapshot) => expect(again.all(snapshot).length).toBe(1000));
});

test('a disk that is full when a hole is filled stops one statement, and nothing else', () => {
  const vfs = new MemoryVfs();
  const { file, stays } = holey(vfs);
  runNow(file.store.checkpoint());
  trim(file);
  vfs.capacityBytes = vfs.usedBytes() + 200_000;
  const t = file.store.begin(1);
  expect(() => {
    for (let i = 0; i < 1000; i++) stays.insert(t, `n${keyOf(i)}`, 'v'.repeat(900));
  }).toThrow(expect.objectContaining({ code: 'disk_full' }));
  runNow(t.rollback());
  vfs.capacityBytes = Number.POSITIVE_INFINITY;
  check(file);
  commit(file.store, (u) => {
    for (let i = 0; i < 1000; i++) stays.insert(u, `n${keyOf(i)}`, 'v'.repeat(900));
  });
  look(file.store, (snapshot) => expect(stays.all(snapshot).length).toBe(1200));
  check(file);
});

test('a file system without holes: success, nothing trimmed, everything usable', () => {
  const vfs = new MemoryVfs();
  vfs.holes = false;
  const { file } = holey(vfs);
  expect(file.shrink).toBe('on');
  const report = trim(file);
  expect([report.possible, report.before, report.after]).toEqual([false, 0, 0]);
  expect(file.space.root.trimmedPages).toBe(0);
  check(file);
  const tree = makeTree(file);
  const length = file.space.filePages();
  fill(file, tree, 0, 1000);
  expect(file.space.filePages()).toBe(length);
  check(file);
});

test('realtime: what reaches the root goes back by itself, without being asked', () => {
  const vfs = new MemoryVfs();
  const file = open(vfs);
  expect(file.shrink).toBe('realtime');
  const tree = makeTree(file);
  fill(file, tree, 0, 2000);
  runNow(file.store.checkpoint());
  const full = allocated(file);
  commit(file.store, (t) => {
    for (let i = 0; i < 2000; i++) tree.remove(t, keyOf(i));
  });
  while (runNow(file.background()));
  expect(full - allocated(file)).toBeGreaterThan(400 * 4096);
  check(file);
});

test('a trimmed database opens again after a clean close', async () => {
  const vfs = new MemoryVfs();
  const { file, stays } = holey(vfs);
  const { after } = trim(file);
  await file.store.close();
  const again = open(vfs);
  expect(again.space.root.trimmedPages).toBe(after);
  check(again);
  look(again.store, (snapshot) => expect(new TextTree(again.store, stays.tree).all(snapshot).length).toBe(200));
});

test('a trimmed database opens again after a crash, and recovery leaves its holes alone', () => {
  const vfs = new MemoryVfs();
  const { file, stays } = holey(vfs);
  const { after } = trim(file);
  // The log has changes of pages that are gone since; what the file itself had got is on disk.
  vfs.open('db/s.extent', 'write').syncData();
  const disk = vfs.afterPowerCut(new Prng(1));
  const holes = holesOf(disk, 'db/s.extent', 4096);
  expect(holes.size).toBeGreaterThanOrEqual(after);
  const again = open(disk);
  expect(again.space.root.trimmedPages).toBe(after);
  const now = holesOf(disk, 'db/s.extent', 4096);
  expect([...holes].filter((pgno) => !now.has(pgno))).toEqual([]);
  check(again);
  look(again.store, (snapshot) => expect(new TextTree(again.store, stays.tree).all(snapshot).length).toBe(200));
});

test('a hole is made only when its log is durable, and takes nothing beside it, wherever the free space ends', () => {
  for (let rows = 300; rows < 364; rows += 4) {
    const vfs = new OrderedVfs(new MemoryVfs(), 'db/s.extent', 4096);
    const { file, stays } = holey(vfs, rows);
    trim(file);
    expect(vfs.broken, `${rows} rows`).toEqual([]);
    runNow(file.store.checkpoint());
    file.store.parts.core.cache.evictClean();
    check(file);
    look(file.store, (snapshot) => expect(stays.all(snapshot).length).toBe(200));
  }
});

test('what is allocated while a hole is punched lies elsewhere', () => {
  const vfs = new MemoryVfs();
  const { file, stays } = holey(vfs);
  const others: TextTree[] = [];
  const task = file.space.trimmer.trim();
  for (let step = task.next(); step.done !== true; step = task.next()) {
    if (step.value.kind === REQUEST_ROOM) {
      const other = makeTree(file);
      fill(file, other, 0, 100);
      runNow(file.store.checkpoint());
      others.push(other);
    }
    step.value.answerNow();
  }
  expect(others.length).toBeGreaterThan(0);
  file.store.parts.core.cache.evictClean();
  check(file);
  look(file.store, (snapshot) => {
    for (const other of others) expect(other.all(snapshot).length).toBe(100);
    expect(stays.all(snapshot).length).toBe(200);
  });
});

test('200 cycles of growing, deleting and giving back leave nothing behind', () => {
  const vfs = new MemoryVfs();
  const file = open(vfs);
  const tree = makeTree(file);
  const index = makeTree(file, tree.tree, NO_HINTS, 1);
  let fifth = 0;
  for (let cycle = 1; cycle <= 200; cycle++) {
    const rows = 400;
    for (const t of [tree, index]) fill(file, t, cycle * rows, (cycle + 1) * rows);
    commit(file.store, (t) => {
      for (let i = cycle * rows; i < (cycle + 1) * rows; i++) {
        if (i % 20 === 0) continue;
        tree.remove(t, keyOf(i));
        index.remove(t, keyOf(i));
      }
      // What the cycle before kept goes too, so that each ends with the same content.
      for (let i = (cycle - 1) * rows; cycle > 1 && i < cycle * rows; i += 20) {
        tree.remove(t, keyOf(i));
        index.remove(t, keyOf(i));
      }
    });
    while (runNow(file.background()));
    trim(file);
    if (cycle % 20 === 0) check(file);
    if (cycle === 5) fifth = allocated(file);
  }
  expect(Math.abs(allocated(file) - fifth)).toBeLessThanOrEqual(0.05 * fifth);
});

/** Bytes of the database file that have space on disk. */
function allocated(file: DatabaseFile): number {
  const ranges = file.store.parts.core.file.dataRanges() ?? [];
  return ranges.reduce((sum, n, i) => (i % 2 === 1 ? sum + n : sum), 0);
}
