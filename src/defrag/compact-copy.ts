/**
 * A database copied into a new file in its best layout (JetCompact; `spec/ese.md` §5.1).
 *
 *   1  every live tree of the source is made anew: same id, same parent, same space hints, no rows
 *   2  tree by tree, the rows that are there are appended in the order of their keys; each leaf is filled as the tree's hints say
 *
 * Tree ids stay, so what names trees by them is copied as it is: the catalog with its objects, statistics and sequences, and the
 * references to long values. An index is in its order already, so copying it in that order is what building it would give.
 * Space trees are not copied: the target has its own. Nor are chunks of a long value whose head is gone: it was removed, and purge
 * had not come by yet. The source must not change meanwhile; nothing is written to it.
 */
import { fail } from '../base/errors.ts';
import type { Task } from '../base/task.ts';
import type { DatabaseFile } from '../space/open-database-file.ts';
import { CATALOG_TREE, NEED, NONE, type Snapshot, TREE_LONG, TREE_SYSTEM } from '../storage/contracts.ts';
import { LONG_HEAD_BYTES, NODE_RECORD_AT, NODE_RECORD_BYTES_AT, SLOTS_AT, TREE_LIVE } from '../storage/layout.ts';
import { compareBytes } from '../storage/page.ts';
import { sliceRequest } from '../storage/transactions.ts';
import type { Tree } from '../storage/tree.ts';

/** Leaves between two looks for a checkpoint and other background work of the target. */
const LEAVES_PER_ROUND = 256;

/** Leaf pages of the source: how many there are, and how many are copied. */
export interface CopyProgress {
  readonly pagesDone: number;
  readonly pagesTotal: number;
}

export interface CopyReport {
  readonly trees: number;
  readonly rows: number;
}

/** Copies what `source` holds into `target`, a new and empty file of the same page size. */
export function* copyCompacted(
  source: DatabaseFile,
  target: DatabaseFile,
  onProgress: (progress: CopyProgress) => void,
): Task<CopyReport> {
  const trees = treesOf(source);
  yield* makeTrees(source, target, trees);
  const pagesTotal = trees.reduce((sum, tree) => sum + Math.max(1, tree.leaves), 0);
  let [pagesDone, rows] = [0, 0];
  const reader = source.store.begin(0);
  const snapshot = reader.snapshot();
  try {
    for (const tree of trees) {
      rows += yield* copyTree(source, target, tree, snapshot, () => {
        onProgress({ pagesDone: Math.min(++pagesDone, pagesTotal), pagesTotal });
      });
    }
  } finally {
    reader.release(snapshot);
  }
  while (yield* target.background());
  return { trees: trees.length, rows };
}

/** Live trees but those that hold space, by their ids: parents come before what stands under them. */
function treesOf(source: DatabaseFile): Tree[] {
  return [...source.store.parts.core.trees.values()]
    .filter((tree) => tree.id === CATALOG_TREE || (tree.kind !== TREE_SYSTEM && tree.state === TREE_LIVE))
    .filter((tree) => tree.id >= CATALOG_TREE)
    .sort((a, b) => a.id - b.id);
}

function* makeTrees(source: DatabaseFile, target: DatabaseFile, trees: readonly Tree[]): Task<void> {
  const { core } = target.store.parts;
  const maker = target.store.begin(0);
  for (const { id, kind, parent, fillPercent, hints } of trees) {
    if (id === CATALOG_TREE) continue;
    core.nextTree = id;
    const made = yield* target.store.createTree(maker, { kind, parent, fillPercent, hints });
    if (made !== id) throw fail('internal_error', `tree ${id} became tree ${made}`);
  }
  yield* maker.commit();
  // Ids that the source has given are not given again: what its space trees had, the target's may have from here on.
  core.nextTree = Math.max(core.nextTree, source.store.parts.core.nextTree);
}

/** @returns the number of rows. */
function* copyTree(
  source: DatabaseFile,
  target: DatabaseFile,
  tree: Tree,
  snapshot: Snapshot,
  leafDone: () => void,
): Task<number> {
  const writer = target.store.begin(0);
  // The file counts when it is closed; until then nobody is told that anything is durable.
  writer.durable = false;
  const appender = target.store.appender(writer, tree.id);
  const copier = new RowCopier(appender, tree);
  const scan = source.store.scan();
  let rows = 0;
  try {
    scan.open(tree.id, undefined, undefined, false, snapshot);
    for (let leaves = 1; ; ) {
      const status = scan.next();
      if (status === NONE) break;
      if (status === NEED) {
        yield source.store.need;
        continue;
      }
      let { from } = scan;
      for (; from < scan.to; from++) {
        const added = copier.copy(scan, from);
        if (added === NEED) break;
        rows += added;
      }
      if (from < scan.to) {
        scan.park(from, false);
        yield target.store.need;
        continue;
      }
      leafDone();
      if (leaves++ % LEAVES_PER_ROUND !== 0) continue;
      scan.park(scan.to - 1, true);
      while (yield* target.background());
      yield sliceRequest(target.store.parts.core);
    }
  } finally {
    scan.close();
  }
  while (appender.flush() === NEED) yield target.store.need;
  yield* writer.commit();
  while (yield* target.background());
  return rows;
}

type Scan = ReturnType<DatabaseFile['store']['scan']>;
type Appender = ReturnType<DatabaseFile['store']['appender']>;

/** Appends rows of one tree as a scan meets them. */
class RowCopier {
  readonly #appender: Appender;
  readonly #tree: Tree;
  /** Of long values: the head that was copied last. */
  readonly #head = new Uint8Array(LONG_HEAD_BYTES);

  constructor(appender: Appender, tree: Tree) {
    this.#appender = appender;
    this.#tree = tree;
  }

  /** An attempt. @returns rows appended: 1, or 0 for one that is gone; NEED */
  copy(scan: Scan, slot: number): number {
    if (!scan.plain) {
      if (!scan.resolve(slot)) return 0;
      const { row } = scan;
      return this.#add(scan.key, scan.keyAt(slot), row.bytes, row.start, row.length);
    }
    const node = scan.view.getUint16(SLOTS_AT + 2 * slot, true);
    const length = scan.view.getUint16(node + NODE_RECORD_BYTES_AT, true);
    return this.#add(scan.key, scan.keyAt(slot), scan.bytes, node + NODE_RECORD_AT, length);
  }

  #add(key: Uint8Array, keyBytes: number, record: Uint8Array, start: number, length: number): number {
    if (this.#tree.kind === TREE_LONG) {
      if (keyBytes === LONG_HEAD_BYTES) this.#head.set(key.subarray(0, LONG_HEAD_BYTES));
      else if (compareBytes(key, 0, LONG_HEAD_BYTES, this.#head, 0, LONG_HEAD_BYTES) !== 0) return 0;
    }
    const status = this.#appender.add(key, keyBytes, record, start, length);
    if (status === NONE) throw fail('data_corrupted', `the keys of tree ${this.#tree.id} do not ascend`);
    return status === NEED ? NEED : 1;
  }
}
