/** What tests of the space manager share: database files on a memory disk, trees with hints, and their extents. */
import { expect } from 'vitest';
import { ManualClock } from '../../src/base/clock.ts';
import { Prng } from '../../src/base/prng.ts';
import { runNow } from '../../src/base/task.ts';
import type { Vfs } from '../../src/io/vfs.ts';
import { type DatabaseFile, openDatabaseFile } from '../../src/space/open-database-file.ts';
import { EXTENT_FIELDS } from '../../src/space/space-audit.ts';
import { checkStoreNow, type PageVisitor, walkTree } from '../../src/storage/check.ts';
import type { SpaceHints, TreeId, TreeKind } from '../../src/storage/contracts.ts';
import { copyKey, slotCount } from '../../src/storage/page.ts';
import { commit, TextTree } from '../storage/open.ts';

export const NO_HINTS: SpaceHints = {
  initialPages: 0,
  growthPercent: 0,
  extentPagesMin: 0,
  extentPagesMax: 0,
  maintenancePercent: 0,
  flags: 0,
};

export function open(vfs: Vfs, pageBytes = 4096): DatabaseFile {
  return runNow(
    openDatabaseFile({
      vfs,
      clock: new ManualClock(),
      prng: new Prng(5),
      path: 'db/s.extent',
      pageBytes,
      cacheBytes: 8 << 20,
    }),
  );
}

export function makeTree(
  { store }: DatabaseFile,
  parent: TreeId = 0,
  hints: SpaceHints = NO_HINTS,
  kind: TreeKind = 0,
): TextTree {
  const t = store.begin(1);
  const tree = runNow(store.createTree(t, { kind, parent, fillPercent: 100, hints }));
  runNow(t.commit());
  return new TextTree(store, tree);
}

export function keyOf(i: number): string {
  return `key${String(i).padStart(8, '0')}`;
}

/** Inserts rows of which four fit a page of 4 KiB. */
export function fill({ store }: DatabaseFile, tree: TextTree, from: number, to: number): void {
  commit(store, (t) => {
    for (let i = from; i < to; i++) tree.insert(t, keyOf(i), 'v'.repeat(900));
  });
}

export function dropTree({ store }: DatabaseFile, tree: TextTree): void {
  const t = store.begin(1);
  runNow(store.dropTree(t, tree.tree));
  runNow(t.commit());
}

export function settle({ store }: DatabaseFile): void {
  while (runNow(store.background()));
}

export interface ExtentFact {
  readonly first: number;
  readonly pages: number;
  readonly state: number;
}

export function extentsOf(file: DatabaseFile, tree: TreeId, which: 'owned' | 'available'): ExtentFact[] {
  const list = runNow(file.space.extents(file.store.parts.core.tree(tree), which));
  const facts: ExtentFact[] = [];
  for (let i = 0; i < list.length; i += EXTENT_FIELDS) {
    facts.push({ first: list[i]!, pages: list[i + 1]!, state: list[i + 2]! });
  }
  return facts;
}

/** Sizes of a tree's owned extents, in the order of the file. */
export function owned(file: DatabaseFile, tree: TextTree): number[] {
  return extentsOf(file, tree.tree, 'owned').map((e) => e.pages);
}

/** Pages that the database root has free. */
export function freeAtRoot(file: DatabaseFile): number {
  return extentsOf(file, 0, 'available').reduce((sum, e) => sum + e.pages, 0);
}

/** Structure and ownership: every page is owned exactly once. */
export function check(file: DatabaseFile): void {
  expect(checkStoreNow(file.store, file.space.audit())).toEqual([]);
}

/** The leaves of a tree in the order of their keys. */
export function leaves(file: DatabaseFile, tree: TreeId): { pgno: number; keys: string[] }[] {
  const found: { pgno: number; keys: string[] }[] = [];
  const problems: string[] = [];
  const { core } = file.store.parts;
  const key = new Uint8Array(8192);
  const visit: PageVisitor = (pgno, level, bytes, view) => {
    if (level > 0) return;
    const keys: string[] = [];
    for (let slot = 0; slot < slotCount(view); slot++) {
      keys.push(decoder.decode(key.subarray(0, copyKey(bytes, view, slot, key))));
    }
    found.push({ pgno, keys });
  };
  runNow(walkTree(core, core.tree(tree), visit, problems));
  expect(problems).toEqual([]);
  return found;
}

const decoder = new TextDecoder();
