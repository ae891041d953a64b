/** The report on space: owned = used + space trees + available + reserved + lent, and a file whose parts add up to it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFailed, onTestFinished, test } from 'vitest';
import { SystemClock } from '../../src/base/clock.ts';
import { Prng } from '../../src/base/prng.ts';
import { runNow, type Task } from '../../src/base/task.ts';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import { NodeVfs } from '../../src/io/node-vfs.ts';
import { freePages } from '../../src/space/free-pages.ts';
import { onlineCheck } from '../../src/space/online-check.ts';
import { type DatabaseFile, openDatabaseFile } from '../../src/space/open-database-file.ts';
import { type SpaceReport, spaceReport, treeSpace } from '../../src/space/space-report.ts';
import { TreeFamilies } from '../../src/space/tree-families.ts';
import { walkTree } from '../../src/storage/check.ts';
import {
  HINT_APPEND_SEQUENTIAL,
  HINT_UTILIZE_PARENT_SPACE,
  type SpaceHints,
  TREE_INDEX,
  TREE_LONG,
} from '../../src/storage/contracts.ts';
import { PAGE_FREE_AT } from '../../src/storage/layout.ts';
import { SimClock } from '../sim/world.ts';
import { commit, seedOf, TextTree } from '../storage/open.ts';
import { check, dropTree, fill, keyOf, makeTree, NO_HINTS, open, settle } from './open.ts';

const LENDING: SpaceHints = { ...NO_HINTS, flags: HINT_UTILIZE_PARENT_SPACE };
const GROWING: SpaceHints = { ...NO_HINTS, initialPages: 40, growthPercent: 150, flags: HINT_APPEND_SEQUENTIAL };

function pagesOf(file: DatabaseFile, id: number): Map<number, number> {
  const { core } = file.store.parts;
  const pages = new Map<number, number>();
  const walk = walkTree(
    core,
    core.tree(id),
    (pgno, _level, _bytes, view) => {
      pages.set(pgno, view.getUint16(PAGE_FREE_AT, true));
    },
    [],
  );
  runNow(walk);
  return pages;
}

/** Every sum of a report, and its used pages against the trees themselves. */
function verify(file: DatabaseFile, report: SpaceReport): void {
  const { file: f, trees, pageBytes } = report;
  for (const t of trees) {
    expect(t.used, `tree ${t.tree}`).toBeGreaterThanOrEqual(0);
    expect(t.owned).toBe(t.used + t.space + t.available + t.reserved + t.lent);
    if (t.kind !== 'database' && t.kind !== 'dropped')
      expect(t.used, `tree ${t.tree}`).toBe(pagesOf(file, t.tree).size);
  }
  const root = trees.find((t) => t.kind === 'database');
  expect(trees.reduce((n, t) => n + t.owned - t.lent, 0)).toBe(root?.owned);
  const parts =
    f.header +
    f.catalog +
    f.tables +
    f.indexes +
    f.longValues +
    f.spaceTrees +
    f.reserved +
    f.available +
    f.dropped +
    f.free +
    f.trimmed;
  expect(f.leaked).toBe(0);
  expect(parts).toBe(f.filePages);
  expect(f.fileBytes).toBe(parts * pageBytes + f.backedAheadBytes);
  expect(f.backedAheadBytes).toBeGreaterThanOrEqual(0);
  expect(f.unaccountedBytes).toBe(0);
  expect(f.diskBytes).toBe(f.fileBytes - f.trimmed * pageBytes);
}

function reportOf(file: DatabaseFile): SpaceReport {
  return runNow(spaceReport(file));
}

test('a table that lends: what its index and long values take from it is theirs', () => {
  const file = open(new MemoryVfs());
  const table = makeTree(file, 0, { ...NO_HINTS, initialPages: 400 });
  fill(file, table, 0, 160);
  const index = makeTree(file, table.tree, LENDING, TREE_INDEX);
  const long = makeTree(file, table.tree, LENDING, TREE_LONG);
  fill(file, index, 0, 200);
  fill(file, long, 0, 100);
  const report = reportOf(file);
  verify(file, report);
  const of = (id: number) => report.trees.find((t) => t.tree === id);
  expect(of(table.tree)?.lent).toBe((of(index.tree)?.owned ?? 0) + (of(long.tree)?.owned ?? 0));
  expect(of(table.tree)?.kind).toBe('table');
  expect(of(index.tree)?.kind).toBe('index');
  expect(of(long.tree)?.kind).toBe('lob');
  expect(of(table.tree)?.lent).toBeGreaterThan(50);
  // One tree by itself says the same.
  for (const tree of [table, index, long])
    expect(runNow(treeSpace(file, new TreeFamilies(file.store.parts.core), tree.tree))).toEqual(of(tree.tree));
  expect(runNow(treeSpace(file, new TreeFamilies(file.store.parts.core), 4711))).toBeUndefined();
});

test('trimmed extents are holes, and the disk space is the length without them', () => {
  const file = open(new MemoryVfs());
  const goes = makeTree(file);
  fill(file, goes, 0, 800);
  const stays = makeTree(file);
  fill(file, stays, 0, 40);
  dropTree(file, goes);
  const dropped = reportOf(file);
  verify(file, dropped);
  expect(dropped.file.dropped).toBeGreaterThan(200);
  settle(file);
  const free = reportOf(file);
  verify(file, free);
  expect(free.file.dropped).toBe(0);
  expect(free.file.free + free.file.trimmed).toBeGreaterThan(200);
  const { after } = runNow(file.space.trimmer.trim());
  const trimmed = reportOf(file);
  verify(file, trimmed);
  expect(trimmed.file.trimmed).toBe(after);
  expect(after).toBeGreaterThan(150);
  expect(trimmed.file.diskBytes).toBeLessThan(free.file.fileBytes - 150 * 4096);
  runNow(file.shorten());
  verify(file, reportOf(file));
  check(file);
});

test('free bytes are listed in the order of the file, for the tree’s own pages and those at hand', () => {
  const file = open(new MemoryVfs());
  const table = makeTree(file, 0, { ...NO_HINTS, initialPages: 200 });
  fill(file, table, 0, 160);
  const index = makeTree(file, table.tree, LENDING, TREE_INDEX);
  fill(file, index, 0, 100);
  for (const { tree: id } of [table, index]) {
    const space = runNow(treeSpace(file, new TreeFamilies(file.store.parts.core), id));
    if (space === undefined) throw new Error('no space');
    const list = runNow(freePages(file.store.parts.core, file.store.parts.core.tree(id), space));
    const found = new Map<number, number>();
    for (let i = 0; i < list.length; i += 2) found.set(list[i] ?? 0, list[i + 1] ?? 0);
    const pages = [...found.keys()];
    expect(pages).toEqual([...pages].sort((a, b) => a - b));
    expect(found.size).toBe(space.used + space.available);
    for (const [pgno, free] of pagesOf(file, id)) expect(found.get(pgno)).toBe(free);
    expect([...found.values()].filter((free) => free === 4096 - 64)).toHaveLength(space.available);
  }
});

const HINTS: readonly SpaceHints[] = [NO_HINTS, LENDING, GROWING, { ...GROWING, flags: GROWING.flags | LENDING.flags }];

function churn(file: DatabaseFile, tree: TextTree, prng: Prng): void {
  commit(file.store, (t) => {
    const from = prng.below(400);
    for (let n = 0; n < 60; n++) {
      t.command++;
      const key = keyOf(prng.chance(0.5) ? from + n : prng.below(500));
      const snapshot = t.snapshot();
      const isThere = tree.get(snapshot, key) !== undefined;
      t.release(snapshot);
      if (isThere) tree.remove(t, key);
      else tree.insert(t, key, 'v'.repeat(100 + prng.below(900)));
    }
  });
}

/** Runs a task; what it lets happen meanwhile happens. */
function during<T>(task: Task<T>, meanwhile: () => void): T {
  for (let step = task.next(); ; step = task.next()) {
    if (step.done === true) return step.value;
    step.value.answerNow();
    meanwhile();
  }
}

test('sums hold through random histories, and for reports taken in their midst', async () => {
  for (let round = 0; round < 8; round++) {
    const seed = seedOf(700 + round);
    onTestFailed(() => console.log(`seed ${seed}`));
    const prng = new Prng(seed);
    const vfs = new MemoryVfs();
    let file = open(vfs);
    let live: TextTree[] = [];
    const act = (): void => {
      const kind = prng.below(8);
      const tree = live[prng.below(Math.max(1, live.length))];
      if (kind < 2 || tree === undefined) {
        const parent = tree !== undefined && prng.chance(0.6) ? file.store.parts.core.tree(tree.tree) : undefined;
        const under = parent?.parent === 0 ? parent.id : 0;
        live.push(makeTree(file, under, HINTS[prng.below(HINTS.length)], under === 0 ? 0 : TREE_INDEX));
      } else if (kind < 5) churn(file, tree, prng);
      else if (kind === 5) {
        dropTree(file, tree);
        live = live.filter((t) => file.store.parts.core.trees.get(t.tree)?.state === 2);
      } else if (kind === 6) settle(file);
      else runNow(file.space.trimmer.trim());
    };
    for (let step = 0; step < 40; step++) {
      act();
      if (prng.chance(0.05)) runNow(file.shorten());
      if (prng.chance(0.05)) {
        await file.store.close();
        file = open(vfs);
        live = live.map((t) => new TextTree(file.store, t.tree));
      }
      if (step % 4 === 0) verify(file, reportOf(file));
    }
    let budget = 20;
    verify(
      file,
      during(spaceReport(file), () => {
        if (budget-- > 0) act();
      }),
    );
    check(file);
    await file.store.close();
  }
}, 60_000);

test('a check beside what never holds still finds no damage, and tells what it could not compare', () => {
  // Every look at the clock finds the slice over.
  const clock = new SimClock(5);
  const path = 'db/s.extent';
  const file = runNow(openDatabaseFile({ vfs: new MemoryVfs(), clock, prng: new Prng(5), path }));
  for (let i = 0; i < 8; i++) makeTree(file);
  let passes: TextTree | undefined;
  const act = (): void => {
    if (passes !== undefined) dropTree(file, passes);
    settle(file);
    passes = makeTree(file);
  };
  let unsettled = 0;
  const options = { onPage: () => {}, onUnsettled: () => unsettled++ };
  expect(during(onlineCheck(file, options), act)).toEqual([]);
  expect(unsettled).toBe(1);
  expect(runNow(onlineCheck(file, options))).toEqual([]);
  expect(unsettled).toBe(1);
});

test('on a real disk the file takes what the report says', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'extentdb-report-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const vfs = new NodeVfs();
  const file = runNow(
    openDatabaseFile({
      vfs,
      clock: new SystemClock(),
      prng: new Prng(1),
      path: join(directory, 's.extent'),
      shrink: 'on',
    }),
  );
  const goes = makeTree(file);
  fill(file, goes, 0, 3000);
  const stays = makeTree(file);
  fill(file, stays, 0, 100);
  dropTree(file, goes);
  settle(file);
  runNow(file.store.checkpoint());
  const before = reportOf(file);
  const { possible } = runNow(file.space.trimmer.trim());
  const after = reportOf(file);
  for (const { file: f, pageBytes } of [before, after]) {
    expect(f.leaked).toBe(0);
    expect(f.fileBytes).toBe(f.filePages * pageBytes + f.backedAheadBytes);
    // What the file system keeps about the file's pieces may be counted as the file's: a block or two.
    expect(f.unaccountedBytes).toBeGreaterThanOrEqual(0);
    expect(f.unaccountedBytes).toBeLessThanOrEqual(8192);
  }
  if (possible) expect(after.file.diskBytes).toBeLessThan(before.file.diskBytes - 1_000_000);
  await file.store.close();
});
