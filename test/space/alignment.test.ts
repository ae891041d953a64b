import { expect, test } from 'vitest';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import { HINT_APPEND_SEQUENTIAL } from '../../src/storage/contracts.ts';
import { check, extentsOf, fill, makeTree, NO_HINTS, open } from './open.ts';

const KIB_64 = 65_536;

test.each([
  [8192, 1],
  [8192, 3],
  [8192, 4],
  [8192, 8],
  [8192, 11],
  [4096, 3],
  [4096, 15],
  [4096, 16],
  [32_768, 1],
  [32_768, 3],
])('pages of %i bytes, extents of %i: from 64 KiB on they begin at a multiple of that', (pageBytes, pages) => {
  const file = open(new MemoryVfs(), pageBytes);
  const hints = { ...NO_HINTS, extentPagesMin: pages, extentPagesMax: pages, flags: HINT_APPEND_SEQUENTIAL };
  const trees = [makeTree(file, 0, hints), makeTree(file, 0, hints)];
  for (let i = 0; i < 10; i++) for (const tree of trees) fill(file, tree, i * 100, i * 100 + 100);
  // The first extents have one page; all further ones have exactly what the hints say.
  const extents = trees.flatMap((tree) => extentsOf(file, tree.tree, 'owned').slice(1));
  expect(extents.length).toBeGreaterThan(5);
  expect(new Set(extents.map((e) => e.pages))).toEqual(new Set([pages]));
  const unaligned = extents.filter((e) => ((e.first + 1) * pageBytes) % KIB_64 !== 0);
  if (pages * pageBytes >= KIB_64) expect(unaligned).toEqual([]);
  else expect(unaligned.length).toBeGreaterThan(0);
  check(file);
});
