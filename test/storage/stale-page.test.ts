/** A page that was freed and comes back into the cache as the disk still has it: nobody may go on from there. */
import { expect, test } from 'vitest';
import { Prng } from '../../src/base/prng.ts';
import { runNow } from '../../src/base/task.ts';
import { Reorganizer } from '../../src/defrag/reorganize.ts';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import { OK } from '../../src/storage/contracts.ts';
import { check, keyOf, makeTree, open } from '../space/open.ts';
import { attempt, commit, seedOf } from './open.ts';

test.each([
  [false, 'reorganizing'],
  [true, 'reorganizing'],
  [false, 'late answers'],
  [true, 'late answers'],
] as const)(
  'a scan whose last leaf was freed finds its next rows (backward: %s, brought back by %s)',
  (backward, by) => {
    const seed = seedOf(610);
    for (let run = 0; run < 60; run++) {
      const prng = new Prng(seed + run);
      const file = open(new MemoryVfs());
      const { store } = file;
      const { cache } = store.parts.core;
      const tree = makeTree(file);
      const rows = 20 + prng.below(80);
      commit(store, (t) => {
        for (let i = 0; i < rows; i++) tree.insert(t, keyOf(i), 'v'.repeat(900));
      });
      commit(store, (t) => {
        for (let i = 0; i < rows; i++) if (prng.chance(0.5)) tree.remove(t, keyOf(i));
      });
      if (prng.chance(0.5)) while (runNow(store.background()));
      runNow(store.checkpoint());
      const t = store.begin(1);
      const snapshot = t.snapshot();
      const expected = tree.all(snapshot, backward).map(([key]) => key);
      const scan = store.scan();
      scan.open(tree.tree, undefined, undefined, backward, snapshot);
      const seen: string[] = [];
      const pages = file.space.filePages();
      const take = (): boolean => {
        if (attempt(store, () => scan.next()) !== OK) return false;
        const slots = Array.from({ length: scan.to - scan.from }, (_, i) =>
          backward ? scan.to - 1 - i : scan.from + i,
        );
        for (const slot of slots)
          if (scan.resolve(slot)) seen.push(new TextDecoder().decode(scan.key.subarray(0, scan.keyAt(slot))));
        return true;
      };
      while (prng.chance(0.7) && take());
      runNow(new Reorganizer(file, tree.tree, { lobCompaction: true }).run());
      // Whoever asked for a page before it was freed gets what the disk has. Ordering looks at free places of small trees.
      if (by === 'late answers') for (let pgno = 1; pgno < pages; pgno++) cache.loadAny(pgno);
      while (take());
      scan.close();
      expect(seen, `seed=${seed + run}`).toEqual(expected);
      t.release(snapshot);
      check(file);
    }
  },
);
