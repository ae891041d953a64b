import { describe, expect, test } from 'vitest';
import { Prng } from '../../src/base/prng.ts';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import type { DatabaseFile } from '../../src/space/open-database-file.ts';
import {
  HINT_APPEND_SEQUENTIAL,
  HINT_HOTPOINT_SEQUENTIAL,
  HINT_SCAN_FORWARD,
  type SpaceHints,
} from '../../src/storage/contracts.ts';
import { EXTENT_SEQUENTIAL } from '../../src/storage/layout.ts';
import { attempt, commit, encode, seedOf, TextTree } from '../storage/open.ts';
import { check, extentsOf, fill, keyOf, leaves, makeTree, NO_HINTS, open, owned, settle } from './open.ts';

/** Initial pages, growth percent, minimum, maximum → sizes of the owned extents, in the order of allocation. */
const SETS: readonly (readonly [number, number, number, number, readonly number[]])[] = [
  [16, 150, 0, 0, [16, 24, 36, 54, 81, 122, 183]],
  [16, 150, 0, 256, [16, 24, 36, 54, 81, 122, 183, 256, 256]],
  [16, 100, 0, 0, [16, 16, 16, 16, 16]],
  [16, 200, 0, 64, [16, 32, 64, 64, 64]],
  [1, 200, 0, 0, [1, 2, 4, 8, 16, 32, 64, 128]],
  [1, 100, 0, 0, [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]],
  [1, 200, 8, 0, [1, 8, 16, 32, 64]],
  [8, 150, 10, 30, [8, 12, 18, 27, 30, 30]],
  [8, 120, 32, 0, [8, 32, 38, 46, 55]],
  [4, 0, 7, 7, [4, 7, 7, 7, 7]],
  [3, 150, 0, 0, [3, 5, 8, 12, 18, 27, 41]],
  [64, 50_000, 0, 100, [64, 100, 100]],
  [40, 125, 0, 0, [40, 50, 63, 79]],
  [33, 110, 0, 0, [33, 36, 40, 44]],
  [34, 200, 0, 50, [34, 50, 50]],
  [2, 101, 0, 0, [2, 2, 2, 2, 2]],
];

const RECORD = encode('v'.repeat(900));

function hintsOf(initialPages: number, growthPercent: number, min: number, max: number, flags: number): SpaceHints {
  return { ...NO_HINTS, initialPages, growthPercent, extentPagesMin: min, extentPagesMax: max, flags };
}

/** Inserts a page's worth of rows at a time until the tree owns as many extents as asked; their sizes in the order they came. */
function grow(
  file: DatabaseFile,
  tree: TextTree,
  count: number,
  known: readonly number[],
  insert: () => void,
): number[] {
  const sizes = [...known];
  for (let steps = 0; sizes.length < count; steps++) {
    expect(steps, `stuck at ${sizes.join(', ')}`).toBeLessThan(2000);
    insert();
    const rest = owned(file, tree);
    for (const size of sizes) rest.splice(rest.indexOf(size), 1);
    // A conversion may bring several small extents at once, of one size or ascending.
    sizes.push(...rest.sort((a, b) => a - b));
  }
  return sizes.slice(0, count);
}

describe.each(SETS)('initial %i, growth %i %%, minimum %i, maximum %i', (initial, growth, min, max, sizes) => {
  const count = sizes.length;

  test('appends, over a restart', async () => {
    const vfs = new MemoryVfs();
    let file = open(vfs);
    const made = makeTree(file, 0, hintsOf(initial, growth, min, max, HINT_APPEND_SEQUENTIAL));
    expect(owned(file, made)).toEqual([initial]);
    let row = 0;
    const insert = (tree: TextTree) => (): void => fill(file, tree, row, (row += 4));
    const first = grow(file, made, count >> 1, [initial], insert(made));
    await file.store.close();
    file = open(vfs);
    const tree = new TextTree(file.store, made.tree);
    expect(grow(file, tree, count, first, insert(tree))).toEqual(sizes);
    check(file);
    await file.store.close();
  });

  test('bulk appends', () => {
    const file = open(new MemoryVfs());
    const tree = makeTree(file, 0, hintsOf(initial, growth, min, max, HINT_APPEND_SEQUENTIAL));
    let row = 0;
    const insert = (): void => {
      commit(file.store, (t) => {
        const appender = file.store.appender(t, tree.tree);
        for (const end = row + 8; row < end; row++) {
          const key = encode(keyOf(row));
          attempt(file.store, () => appender.add(key, key.length, RECORD, 0, RECORD.length));
        }
        attempt(file.store, () => appender.flush());
      });
    };
    expect(grow(file, tree, count, [initial], insert)).toEqual(sizes);
    check(file);
  });

  test('a hot point', () => {
    const file = open(new MemoryVfs());
    const tree = makeTree(file, 0, hintsOf(initial, growth, min, max, HINT_HOTPOINT_SEQUENTIAL));
    commit(file.store, (t) => {
      for (const edge of ['a', 'z']) for (let i = 0; i < 3; i++) tree.insert(t, `${edge}${i}`, 'v'.repeat(30));
    });
    let row = 0;
    const insert = (): void => {
      commit(file.store, (t) => {
        for (const end = row + 4; row < end; row++) tree.insert(t, `m${keyOf(row)}`, 'v'.repeat(900));
      });
    };
    expect(grow(file, tree, count, [initial], insert)).toEqual(sizes);
    check(file);
  });
});

test('pages of sequential extents ascend with the keys', () => {
  const file = open(new MemoryVfs());
  const tree = makeTree(file, 0, hintsOf(16, 150, 0, 0, HINT_APPEND_SEQUENTIAL | HINT_SCAN_FORWARD));
  const other = makeTree(file);
  for (let i = 0; i < 400; i++) {
    fill(file, tree, 2 * i, 2 * i + 2);
    fill(file, other, 2 * i, 2 * i + 2);
  }
  const pages = leafPages(file, tree);
  let breaks = 0;
  for (let i = 1; i < pages.length; i++) if (pages[i] !== pages[i - 1]! + 1) breaks++;
  // Branch pages and reserves of the space trees interrupt a run here and there; extents do it five times.
  expect(breaks).toBeLessThan(16);
  expect(pages.length).toBeGreaterThanOrEqual(200);
});

test('without the flag, and for random keys, growth is the ordinary one', () => {
  const seed = seedOf(11);
  const prng = new Prng(seed);
  const file = open(new MemoryVfs());
  const unflagged = makeTree(file, 0, hintsOf(16, 150, 0, 0, 0));
  fill(file, unflagged, 0, 400);
  expect(owned(file, unflagged).filter((pages) => ![3, 4, 16].includes(pages))).toEqual([]);
  const random = makeTree(file, 0, hintsOf(16, 150, 0, 0, HINT_APPEND_SEQUENTIAL));
  commit(file.store, (t) => {
    random.insert(t, 'zzz', 'v');
    for (let i = 0; i < 400; i++) random.insert(t, keyOf(prng.below(1 << 30)), 'v'.repeat(900));
  });
  expect(
    owned(file, random).filter((pages) => ![3, 4, 16].includes(pages)),
    `seed ${seed}`,
  ).toEqual([]);
  check(file);
});

test('random inserts leave the region alone that appends are filling', () => {
  const file = open(new MemoryVfs());
  const tree = makeTree(file, 0, hintsOf(4, 100, 40, 0, HINT_APPEND_SEQUENTIAL));
  fill(file, tree, 1000, 1040);
  const region = (): number =>
    extentsOf(file, tree.tree, 'available').find((e) => e.state === EXTENT_SEQUENTIAL)?.pages ?? 0;
  const before = region();
  expect(before).toBeGreaterThan(20);
  // Descending keys split in the middle: neither append nor hot point.
  for (let i = 999; i > 900; i--) fill(file, tree, i, i + 1);
  expect(region()).toBe(before);
  check(file);
});

test('Marie, Mark, Martin, Mary: a hot point fills its own pages and leaves its neighbours alone', () => {
  const file = open(new MemoryVfs());
  const tree = makeTree(file);
  const names = ['Marie', 'Mark', 'Martin', 'Mary'];
  commit(file.store, (t) => {
    for (let i = 0; i < 12; i++) tree.insert(t, `A${keyOf(i)}`, 'v'.repeat(300));
    for (let i = 0; i < 12; i++) tree.insert(t, `Z${keyOf(i)}`, 'v'.repeat(300));
  });
  const before = leafKeys(file, tree);
  commit(file.store, (t) => {
    for (let i = 0; i < 200; i++)
      for (const [n, name] of names.entries()) {
        tree.insert(t, `M${keyOf(4 * i + n)}${name}`, 'v'.repeat(300));
      }
  });
  const after = leafKeys(file, tree);
  const hot = after.filter((keys) => keys.some((k) => k.startsWith('M')));
  // The first leaf of the hot point also has what stood before it; what stood behind went to one leaf of its own.
  expect(hot.filter((keys) => keys.some((k) => !k.startsWith('M'))).length).toBeLessThanOrEqual(1);
  expect(after.filter((keys) => keys.every((k) => k.startsWith('A')))).toEqual(
    before.filter((keys) => keys.every((k) => k.startsWith('A'))),
  );
  const full = hot.slice(1, -1).map((keys) => keys.length);
  expect(Math.min(...full) * (300 + 25 + 8)).toBeGreaterThan(0.9 * 4032 - 333);
  check(file);
});

test('what a deleted sequential tree grew by goes back wholly', () => {
  const file = open(new MemoryVfs());
  const tree = makeTree(file, 0, hintsOf(1, 200, 0, 64, HINT_APPEND_SEQUENTIAL));
  fill(file, tree, 0, 1200);
  commit(file.store, (t) => {
    for (let i = 0; i < 1200; i++) tree.remove(t, keyOf(i));
  });
  settle(file);
  check(file);
  expect(owned(file, tree).reduce((a, b) => a + b)).toBeLessThan(16);
});

/** Leaf pages in the order of keys. */
function leafPages(file: DatabaseFile, tree: TextTree): number[] {
  return leaves(file, tree.tree).map((leaf) => leaf.pgno);
}

/** Keys of each leaf, in order. */
function leafKeys(file: DatabaseFile, tree: TextTree): string[][] {
  return leaves(file, tree.tree).map((leaf) => leaf.keys);
}
