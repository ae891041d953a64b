/** Physical stats of trees: the formulas, what each mode reads, and walks through trees that change meanwhile. */
import { expect, onTestFailed, test } from 'vitest';
import { Prng } from '../../src/base/prng.ts';
import { runNow } from '../../src/base/task.ts';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import type { DatabaseFile } from '../../src/space/open-database-file.ts';
import { PageOrder } from '../../src/space/page-order.ts';
import { physicalStats, SAMPLED_PAGES_MIN, type StatsMode, type TreeStats } from '../../src/space/physical-stats.ts';
import { EXTENT_FIELDS } from '../../src/space/space-audit.ts';
import { walkTree } from '../../src/storage/check.ts';
import { PAGE_FREE_AT } from '../../src/storage/layout.ts';
import { slotCount } from '../../src/storage/page.ts';
import { commit, seedOf, type TextTree } from '../storage/open.ts';
import { fill, keyOf, leaves, makeTree, open, settle } from './open.ts';

const core = (file: DatabaseFile) => file.store.parts.core;

function stats(file: DatabaseFile, tree: TextTree, mode: StatsMode): TreeStats {
  return runNow(physicalStats(file.store.parts, core(file).tree(tree.tree), mode));
}

function orderOf(pages: readonly number[]): PageOrder {
  const order = new PageOrder();
  for (const pgno of pages) order.add(pgno);
  return order;
}

test.each<[number[], number, number, number]>([
  [[10, 11, 12, 13], 0, 1, 4],
  [[88, 50, 100, 77], 75, 4, 1],
  [[50, 77, 88, 100], 0, 4, 1],
  [[10, 11, 13, 14], 0, 2, 2],
  [[14, 13, 12, 11], 75, 4, 1],
  [[20], 0, 1, 1],
])('R47: leaves %j: fragmentation %d, fragments %d, pages in each %d', (pages, percent, fragments, size) => {
  const file = open(new MemoryVfs());
  const order = orderOf(pages);
  expect((100 * runNow(order.outOfOrder(core(file)))) / order.count).toBe(percent);
  expect(order.fragments).toBe(fragments);
  expect(order.count / order.fragments).toBe(size);
});

test('out of order means: not followed by the next higher page of the list', () => {
  const seed = seedOf(91);
  onTestFailed(() => console.log(`seed ${seed}`));
  const prng = new Prng(seed);
  const file = open(new MemoryVfs());
  for (let round = 0; round < 300; round++) {
    const pages = [...new Set(Array.from({ length: 1 + prng.below(40) }, () => 1 + prng.below(150 + round)))];
    if (prng.chance(0.3)) pages.sort((a, b) => a - b);
    const sorted = [...pages].sort((a, b) => a - b);
    const successor = (x: number): number => sorted[sorted.indexOf(x) + 1] ?? -1;
    const wrong = pages.slice(1).filter((next, i) => next !== successor(pages[i] ?? 0)).length;
    expect(runNow(orderOf(pages).outOfOrder(core(file)))).toBe(wrong);
    expect(orderOf(pages).backward).toBe(pages.slice(1).filter((next, i) => next < (pages[i] ?? 0)).length);
  }
});

test('extents are fragmented where the next run of leaves does not begin in the extent right behind', () => {
  const file = open(new MemoryVfs());
  const extents = [10, 4, 0, 14, 4, 0, 30, 4, 0];
  const share = (pages: number[]): number =>
    runNow(orderOf(pages).extentFragmentation(core(file), extents, EXTENT_FIELDS));
  expect(share([10, 11, 14, 15])).toBe(0);
  // A hole of somebody else's pages between the extents.
  expect(share([10, 14, 30])).toBeCloseTo(1 / 3);
  expect(share([30, 31, 14, 10])).toBeCloseTo(2 / 3);
  expect(share([12, 10, 13])).toBe(0);
  expect(share([])).toBe(0);
});

function filled(file: DatabaseFile, rows: number): TextTree {
  const tree = makeTree(file);
  const other = makeTree(file);
  for (let i = 0; i < rows; i += 100) {
    fill(file, tree, i, i + 100);
    fill(file, other, i, i + 30);
  }
  commit(file.store, (t) => {
    for (let i = 0; i < rows; i += 3) tree.remove(t, keyOf(i));
    for (let i = 0; i < rows; i += 7) tree.insert(t, `${keyOf(i)}a`, 'w'.repeat(300));
  });
  settle(file);
  return tree;
}

test('R46: limited reads the pages above the leaves and no leaf', () => {
  const file = open(new MemoryVfs());
  const tree = filled(file, 3000);
  const branches: number[] = [];
  const { cache } = core(file);
  const walk = walkTree(core(file), core(file).tree(tree.tree), (pgno, level) => level > 0 && branches.push(pgno), []);
  runNow(walk);
  runNow(file.store.checkpoint());
  cache.evictClean();
  expect(cache.residentCount).toBe(0);
  const before = cache.reads;
  const limited = stats(file, tree, 'limited');
  expect(cache.reads - before).toBe(branches.length);
  expect(branches.length).toBeGreaterThan(3);
  expect(limited.looked[0]).toBe(0);
  expect(limited.looked.reduce((a, b) => a + b)).toBe(branches.length);
  expect(limited.levels.map((level) => level.content)).toEqual([undefined]);
  // What it says of the leaves is what they are.
  const found = leaves(file, tree.tree).map((leaf) => leaf.pgno);
  expect(Array.from({ length: limited.leaves.count }, (_, i) => limited.leaves.at(i))).toEqual(found);
  expect(limited.pages).toBe(found.length + branches.length);
  const detailed = stats(file, tree, 'detailed');
  const { content: _, ...order } = limited.levels[0]!;
  expect(detailed.levels[0]).toMatchObject(order);
  expect(detailed.levels[0]?.fragments).toBeGreaterThan(1);
});

test('R46: detailed tells of each level what its pages hold', () => {
  const file = open(new MemoryVfs());
  const tree = filled(file, 2000);
  const pages: number[] = [];
  const records: number[] = [];
  const free: number[] = [];
  const add = (list: number[], level: number, n: number): void => {
    list[level] = (list[level] ?? 0) + n;
  };
  const walk = walkTree(
    core(file),
    core(file).tree(tree.tree),
    (_pgno, level, _bytes, view) => {
      add(pages, level, 1);
      add(records, level, slotCount(view));
      add(free, level, view.getUint16(PAGE_FREE_AT, true));
    },
    [],
  );
  runNow(walk);
  const found = stats(file, tree, 'detailed');
  expect(found.depth).toBe(pages.length);
  expect(found.levels.map((l) => l.level)).toEqual(pages.map((_, i) => i));
  expect(found.levels.map((l) => l.pages)).toEqual(pages);
  expect(found.looked).toEqual(pages);
  expect(found.levels.map((l) => l.content?.records)).toEqual(records);
  expect(found.levels.map((l) => l.content?.freeBytes)).toEqual(free);
  // Header, record and what is stored of the key: rows of 900 bytes and of 300.
  const leaf = found.levels[0]?.content;
  expect(leaf?.recordBytesMin).toBeGreaterThan(300);
  expect(leaf?.recordBytesMin).toBeLessThan(330);
  expect(leaf?.recordBytesMax).toBeGreaterThan(900);
  expect(leaf?.recordBytesMax).toBeLessThan(930);
  // A sample of so few leaves is all of them.
  const { levels, pages: all } = stats(file, tree, 'sampled');
  expect({ levels, all }).toEqual({ levels: found.levels, all: found.pages });
});

test('a tree of one page, and one that is empty', () => {
  const file = open(new MemoryVfs());
  const tree = makeTree(file);
  for (const rows of [0, 3]) {
    fill(file, tree, 0, rows);
    for (const mode of ['limited', 'sampled', 'detailed'] as const) {
      const found = stats(file, tree, mode);
      expect(found).toMatchObject({ depth: 1, pages: 1 });
      expect(found.levels).toHaveLength(1);
      expect(found.levels[0]).toMatchObject({ pages: 1, outOfOrder: 0, fragments: 1 });
      if (mode !== 'limited')
        expect(found.levels[0]?.content).toMatchObject({ records: rows, emptyPages: rows === 0 ? 1 : 0 });
    }
  }
});

test('R46: a large tree is sampled: one leaf in a hundred is read', () => {
  const file = open(new MemoryVfs());
  const tree = makeTree(file);
  const rows = 3 * SAMPLED_PAGES_MIN + 2000;
  for (let from = 0; from < rows; from += 2000) {
    commit(file.store, (t) => {
      for (let i = from; i < from + 2000; i++) tree.insert(t, keyOf(i), 'v'.repeat(1300));
    });
  }
  settle(file);
  const sampled = stats(file, tree, 'sampled');
  const detailed = stats(file, tree, 'detailed');
  const all = detailed.levels[0];
  const some = sampled.levels[0];
  expect(all?.pages).toBeGreaterThan(SAMPLED_PAGES_MIN);
  expect(sampled.levels).toHaveLength(1);
  expect(some).toMatchObject({ pages: all?.pages, outOfOrder: all?.outOfOrder, fragments: all?.fragments });
  expect(some?.content?.pages).toBe(Math.ceil((all?.pages ?? 0) / 100));
  expect(sampled.looked[0]).toBe(some?.content?.pages);
  const perPage = (s: typeof some): number => (s?.content?.records ?? 0) / (s?.content?.pages ?? 1);
  expect(perPage(some)).toBeCloseTo(perPage(all), 1);
}, 60_000);

test('deleted nodes are ghosts; those that a snapshot can see are counted by themselves', () => {
  const file = open(new MemoryVfs());
  const tree = makeTree(file);
  fill(file, tree, 0, 100);
  settle(file);
  const reader = file.store.begin(2);
  const snapshot = reader.snapshot();
  commit(file.store, (t) => {
    for (let i = 0; i < 40; i++) tree.remove(t, keyOf(i));
  });
  const ghosts = (): (number | undefined)[] => {
    const content = stats(file, tree, 'detailed').levels[0]?.content;
    return [content?.records, content?.ghosts, content?.pinnedGhosts];
  };
  expect(ghosts()).toEqual([100, 0, 40]);
  reader.release(snapshot);
  expect(ghosts()).toEqual([100, 40, 0]);
  runNow(reader.commit());
  settle(file);
  expect(ghosts()).toEqual([60, 0, 0]);
});

test('a tree may change while its stats are taken', () => {
  const seed = seedOf(92);
  onTestFailed(() => console.log(`seed ${seed}`));
  const prng = new Prng(seed);
  for (let round = 0; round < 12; round++) {
    const file = open(new MemoryVfs());
    const tree = makeTree(file);
    fill(file, tree, 0, 1200);
    const mode = prng.pick(['limited', 'detailed'] as const);
    const task = physicalStats(file.store.parts, core(file).tree(tree.tree), mode);
    let next = 1200;
    let first = 0;
    let suspensions = 0;
    for (let step = task.next(); ; step = task.next()) {
      if (step.done === true) {
        const { leaves: order } = step.value;
        // Nothing that stayed where it was is lost: the walk saw at least the leaves between both ends' changes.
        expect(order.count).toBeGreaterThan((1200 - first) / 4 / 2);
        expect(order.count).toBeLessThan(2 * next);
        break;
      }
      step.value.answerNow();
      suspensions++;
      commit(file.store, (t) => {
        for (let n = prng.below(30); n > 0 && first < 400; n--) tree.remove(t, keyOf(first++));
        for (let n = prng.below(30); n > 0; n--)
          tree.insert(t, `${keyOf(prng.below(1200))}x${suspensions}.${n}`, 'x'.repeat(600));
        for (let n = prng.below(10); n > 0; n--) tree.insert(t, keyOf(next++), 'v'.repeat(900));
      });
      if (prng.chance(0.5)) settle(file);
      if (prng.chance(0.3)) {
        runNow(file.store.checkpoint());
        core(file).cache.evictClean();
      }
    }
    if (mode === 'detailed') expect(suspensions).toBeGreaterThan(5);
    expect(core(file).tree(tree.tree).users).toBe(0);
  }
});
