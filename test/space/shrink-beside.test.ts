/** What happens to a tree while a shrink that is about to move it waits for a page. */
import { expect, test } from 'vitest';
import { runNow, runTask, type Task } from '../../src/base/task.ts';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import type { DatabaseFile } from '../../src/space/open-database-file.ts';
import { NOT_MOVABLE, Relocation } from '../../src/space/relocate.ts';
import { HINT_UTILIZE_PARENT_SPACE, TREE_INDEX } from '../../src/storage/contracts.ts';
import { attempt, commit, look, type TextTree } from '../storage/open.ts';
import { check, dropTree, fill, keyOf, leaves, makeTree, NO_HINTS, open, settle } from './open.ts';

/** A file whose last trees have room further down, of so many rows each. */
function fileWithTail(tailRows: number): { file: DatabaseFile; tail: TextTree } {
  const file = open(new MemoryVfs());
  const goes = makeTree(file);
  fill(file, goes, 0, 400);
  const tail = makeTree(file, 0, { ...NO_HINTS, initialPages: 16 });
  fill(file, tail, 0, tailRows);
  dropTree(file, goes);
  settle(file);
  return { file, tail };
}

/** Shortens the file; `act` comes before the step with this number. @returns false when there were not so many steps. */
function shorten(file: DatabaseFile, at: number, act: () => void): boolean {
  const task = file.shorten();
  let steps = 0;
  for (let step = task.next(); step.done !== true; step = task.next()) {
    // The steps just before it find nothing in the cache, so what it comes between is an attempt and the next one.
    if (steps >= at - 4 && steps <= at) evict(file);
    step.value.answerNow();
    if (steps++ === at) act();
  }
  return steps > at;
}

function evict({ store }: DatabaseFile): void {
  const { log, cache } = store.parts.core;
  log.flushNow();
  while (cache.writeDirty(1000) > 0);
  cache.evictClean();
}

test.each([
  ['small', 6],
  ['large', 80],
] as const)('a %s tree that grows keeps its rows', (_, rows) => {
  for (let at = 0, acted = true; acted; at++) {
    const { file, tail } = fileWithTail(rows);
    acted = shorten(file, at, () => fill(file, tail, rows, rows + 60));
    check(file);
    expect(look(file.store, (s) => tail.all(s)).length, `step ${at}`).toBe(acted ? rows + 60 : rows);
  }
});

test.each([
  ['small', 6, 0],
  ['large', 80, 0],
  ['small', 6, 40],
  ['large', 80, 40],
] as const)('a %s tree that is dropped goes (%i rows, next tree with %i pages)', (_, rows, initialPages) => {
  for (let at = 0, acted = true; acted; at++) {
    const { file, tail } = fileWithTail(rows);
    acted = shorten(file, at, () => {
      dropTree(file, tail);
      settle(file);
      // What it had is somebody else's already; with many pages, most of them were never written.
      fill(file, makeTree(file, 0, { ...NO_HINTS, initialPages }), 0, 30);
    });
    settle(file);
    check(file);
  }
});

/** Runs one step of a task beside others. */
function stepOf(task: Task<unknown>): boolean {
  const step = task.next();
  if (step.done !== true) step.value.answerNow();
  return step.done !== true;
}

test('a trim under way takes no room from it, wherever the trim stands', async () => {
  const alone = fileWithTail(80).file;
  const { reason } = runNow(alone.shorten());
  for (let at = 0, going = true; going; at++) {
    const { file } = fileWithTail(80);
    const trim = file.space.trimmer.trimRealtime();
    for (let i = 0; i < at && going; i++) going = stepOf(trim);
    const shortened = runTask(file.shorten());
    // Enough turns for all of it, were it not to wait.
    for (let turn = 0; turn < 500; turn++) await new Promise(setImmediate);
    while (going && stepOf(trim)) await new Promise(setImmediate);
    expect((await shortened).reason, `step ${at}`).toBe(reason);
    expect(file.space.filePages(), `step ${at}`).toBe(alone.space.filePages());
    check(file);
  }
});

test('realtime trimming waits for its end', () => {
  const { file } = fileWithTail(80);
  const task = file.shorten();
  let looks = 0;
  for (let step = task.next(); step.done !== true; step = task.next()) {
    expect(file.space.trimmer.isWorthwhile()).toBe(false);
    looks++;
    step.value.answerNow();
  }
  expect(looks).toBeGreaterThan(0);
  file.space.root.freed = 1000;
  expect(file.space.trimmer.isWorthwhile()).toBe(true);
});

test('a tree that lends pages of an extent which is being emptied keeps the rest', () => {
  for (let at = 0, acted = true; acted; at++) {
    const { file, tail } = fileWithTail(80);
    commit(file.store, (t) => {
      for (let i = 0; i < 80; i++) if (i % 10 > 2) tail.remove(t, keyOf(i));
    });
    settle(file);
    const hints = { ...NO_HINTS, initialPages: 6, flags: HINT_UTILIZE_PARENT_SPACE };
    acted = shorten(file, at, () => makeTree(file, tail.tree, hints, TREE_INDEX));
    check(file);
    expect(look(file.store, (s) => tail.all(s)).length, `step ${at}`).toBe(24);
  }
});

test("a page that became another tree's, and was never written, is not the root's to move", () => {
  const file = open(new MemoryVfs());
  const tree = makeTree(file, 0, { ...NO_HINTS, initialPages: 16 });
  const page = leaves(file, tree.tree)[0]!.pgno + 10;
  const relocation = new Relocation(file.space.opened);
  expect(attempt(file.store, () => relocation.movePage(file.space.root.space, page))).toBe(NOT_MOVABLE);
});
