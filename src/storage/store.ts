/**
 * One open database file: the contract's `Store`, put together from its parts.
 */
import { assert } from '../base/assert.ts';
import { type Request, runTask, type Task } from '../base/task.ts';
import type { BTree } from './btree.ts';
import { BulkWriter } from './bulk-appender.ts';
import type { Checkpoint } from './checkpoint.ts';
import {
  type BulkAppender,
  type LeafScan,
  type LockFacts,
  type LockPolicy,
  NEED,
  NONE,
  OK,
  type Row,
  type RowLockMode,
  type SessionLocks,
  type Snapshot,
  type SpaceHints,
  type Store,
  TREE_LONG,
  type Transaction,
  type TreeFacts,
  type TreeId,
  type TreeSpec,
} from './contracts.ts';
import type { Core } from './core.ts';
import { keyBytesMax, recordBytesMax } from './layout.ts';
import { TreeScan } from './leaf-scan.ts';
import { rowName } from './locks.ts';
import type { LongValues } from './long-values.ts';
import type { Purge } from './purge.ts';
import type { RowReads } from './row-reads.ts';
import type { RowVersions } from './row-versions.ts';
import type { Rows } from './rows.ts';
import { AdvisoryHolder } from './session-locks.ts';
import { Txn } from './transaction.ts';
import { type HorizonHolder, sliceRequest, type Transactions } from './transactions.ts';
import type { TreeCatalog } from './tree-catalog.ts';
import type { VersionStore } from './version-store.ts';

/** Log bytes after which background work runs a checkpoint; bounds the time of recovery. */
const CHECKPOINT_BYTES = 64 << 20;
/** One piece of background work in so many is of dropped trees first. */
const TURNS_OF_VERSIONS = 8;

/** The parts that make a store. */
export interface StoreParts {
  readonly core: Core;
  readonly btree: BTree;
  readonly transactions: Transactions;
  readonly versions: RowVersions;
  readonly purge: Purge;
  readonly reads: RowReads;
  readonly rows: Rows;
  readonly catalog: TreeCatalog;
  readonly long: LongValues;
  readonly checkpoint: Checkpoint;
  /** Ends the store: writes the clean header, removes the log, frees the lock. */
  readonly finish: () => void;
}

export class FileStore implements Store {
  readonly pageBytes: number;
  readonly recordBytesMax: number;
  readonly keyBytesMax: number;
  /** The parts, for space, defragmentation and the checker. */
  readonly parts: StoreParts;
  #closed = false;
  /** Pieces of background work done. */
  #turns = 0;
  #formatVersion: number;

  constructor(parts: StoreParts) {
    this.parts = parts;
    this.#formatVersion = parts.core.header.version;
    this.pageBytes = parts.core.pageBytes;
    this.recordBytesMax = recordBytesMax(this.pageBytes);
    this.keyBytesMax = keyBytesMax(this.pageBytes);
  }

  /** Closing has begun: nothing may be changed any more. */
  get isClosed(): boolean {
    return this.#closed;
  }

  get need(): Request {
    return this.parts.core.need;
  }

  begin(owner: number): Transaction {
    return this.parts.transactions.begin(owner);
  }

  sessionLocks(owner: number): SessionLocks {
    return new AdvisoryHolder(this.parts.transactions.locks, owner);
  }

  blockersOf(owner: number): readonly number[] {
    return this.parts.transactions.locks.blockersOf(owner);
  }

  lockFacts(): Iterable<LockFacts> {
    return this.parts.transactions.locks.facts();
  }

  *createTree(transaction: Transaction, spec: TreeSpec): Task<TreeId> {
    const t = own(transaction);
    this.parts.transactions.assignId(t);
    return (yield* this.parts.catalog.create(t, spec)).id;
  }

  // biome-ignore lint/correctness/useYield: dropping happens at commit; the contract leaves room for waiting here.
  *dropTree(transaction: Transaction, tree: TreeId): Task<void> {
    const t = own(transaction);
    this.parts.transactions.assignId(t);
    this.parts.catalog.drop(t, this.parts.core.tree(tree));
  }

  *setSpace(transaction: Transaction, treeId: TreeId, fillPercent: number, hints: SpaceHints): Task<void> {
    const { core, catalog, transactions } = this.parts;
    const t = own(transaction);
    const tree = core.tree(treeId);
    transactions.assignId(t);
    if (!t.isBornSinceMark(tree)) {
      t.spaces.push({ tree, fillPercent, hints });
      return;
    }
    while (core.reserve() === NEED || catalog.locate(tree) < 0) yield core.need;
    core.group.begin();
    catalog.changeSpace({ tree, fillPercent, hints });
    core.group.end();
  }

  *setLongSpace(transaction: Transaction, treeId: TreeId, fillPercent: number, hints: SpaceHints): Task<void> {
    const { longTree } = this.parts.core.tree(treeId);
    if (longTree !== 0) yield* this.setSpace(transaction, longTree, fillPercent, hints);
    else yield* this.createTree(transaction, { kind: TREE_LONG, parent: treeId, fillPercent, hints });
  }

  retain(treeId: TreeId): () => void {
    const tree = this.parts.core.tree(treeId);
    tree.users++;
    return () => {
      tree.users--;
    };
  }

  facts(tree: TreeId): TreeFacts {
    return this.parts.core.tree(tree).facts();
  }

  find(tree: TreeId, key: Uint8Array, keyLength: number, snapshot: Snapshot, row: Row): number {
    return this.parts.reads.find(this.parts.core.tree(tree), key, keyLength, snapshot, row);
  }

  newest(tree: TreeId, key: Uint8Array, keyLength: number, row: Row): number {
    return this.parts.reads.newest(this.parts.core.tree(tree), key, keyLength, row);
  }

  scan(): LeafScan {
    return new TreeScan(this.parts.core, this.parts.btree, this.parts.versions);
  }

  insert(
    t: Transaction,
    tree: TreeId,
    key: Uint8Array,
    keyLength: number,
    record: Uint8Array,
    start: number,
    length: number,
  ): number {
    return this.parts.rows.insert(own(t), this.parts.core.tree(tree), key, keyLength, record, start, length);
  }

  update(
    t: Transaction,
    tree: TreeId,
    key: Uint8Array,
    keyLength: number,
    record: Uint8Array,
    start: number,
    length: number,
    mode: RowLockMode,
  ): number {
    return this.parts.rows.update(own(t), this.parts.core.tree(tree), key, keyLength, record, start, length, mode);
  }

  remove(t: Transaction, tree: TreeId, key: Uint8Array, keyLength: number, movedTo: Uint8Array | undefined): number {
    return this.parts.rows.remove(own(t), this.parts.core.tree(tree), key, keyLength, movedTo);
  }

  lockRow(
    t: Transaction,
    tree: TreeId,
    key: Uint8Array,
    keyLength: number,
    mode: RowLockMode,
    policy: LockPolicy,
    record: boolean,
    row: Row,
  ): number {
    return this.parts.reads.lockRow(own(t), this.parts.core.tree(tree), key, keyLength, mode, policy, record, row);
  }

  holdRow(t: Transaction, tree: TreeId, key: Uint8Array, keyLength: number, mode: RowLockMode): void {
    this.parts.transactions.locks.grantRow(own(t), rowName(tree, key, keyLength), mode);
  }

  checkUnique(t: Transaction, tree: TreeId, prefix: Uint8Array, prefixLength: number, row: Row, allowed = 0): number {
    return this.parts.reads.checkUnique(own(t), this.parts.core.tree(tree), prefix, prefixLength, row, allowed, true);
  }

  mayCollide(t: Transaction, tree: TreeId, prefix: Uint8Array, prefixLength: number, row: Row): number {
    return this.parts.reads.checkUnique(own(t), this.parts.core.tree(tree), prefix, prefixLength, row, 0, false);
  }

  appender(t: Transaction, tree: TreeId): BulkAppender {
    return new BulkWriter(this.parts, own(t), this.parts.core.tree(tree));
  }

  putNow(tree: TreeId, key: Uint8Array, keyLength: number, record: Uint8Array, start: number, length: number): number {
    return this.parts.rows.putNow(this.parts.core.tree(tree), key, keyLength, record, start, length);
  }

  writeLong(t: Transaction, tree: TreeId, bytes: Uint8Array, start: number, length: number): Task<number> {
    return this.parts.long.write(own(t), this.parts.core.tree(tree), bytes, start, length);
  }

  readLong(tree: TreeId, id: number, from: number, length: number, into: Uint8Array, at: number): Task<void> {
    return this.parts.long.read(this.parts.core.tree(tree), id, from, length, into, at);
  }

  removeLong(t: Transaction, tree: TreeId, id: number): Task<void> {
    return this.parts.long.remove(own(t), this.parts.core.tree(tree), id);
  }

  checkpoint(): Task<void> {
    return this.parts.checkpoint.run();
  }

  /** What old versions of rows take, and who holds the horizon; for views. */
  versionFacts(): { readonly versions: VersionStore; readonly horizon: HorizonHolder | undefined } {
    const { core, transactions } = this.parts;
    return { versions: core.versions, horizon: transactions.horizonHolder };
  }

  /** The oldest transaction that a session's snapshots do not take for finished; undefined = it has none. */
  oldestSeenBy(owner: number): number | undefined {
    return this.parts.transactions.oldestSeenBy(owner);
  }

  /**
   * Does a piece of background work: versions, deleted nodes, pages of dropped trees, a checkpoint when it is time. True =
   * there was some, call again; false = nothing to do now.
   */
  *background(): Task<boolean> {
    const { core, purge, catalog, checkpoint } = this.parts;
    if (core.readOnly || this.#closed) return false;
    if (core.log.tail - core.header.redo > CHECKPOINT_BYTES && !checkpoint.running) {
      yield* checkpoint.run();
      return true;
    }
    // Dropped trees have their turns even where versions come as fast as they are cleaned.
    const dropsFirst = ++this.#turns % TURNS_OF_VERSIONS === 0;
    const clean = (): number => purge.step();
    const reclaim = (): number => catalog.reclaimStep();
    const [first, second] = dropsFirst ? [reclaim, clean] : [clean, reclaim];
    for (;;) {
      const done = first();
      const status = done === NONE ? second() : done;
      if (status !== NEED) return status !== NONE;
      yield core.need;
    }
  }

  /** Gives back the pages of dropped trees that nobody reads any more. */
  *reclaimDropped(): Task<void> {
    const { core, catalog } = this.parts;
    for (let status = OK; status !== NONE; status = catalog.reclaimStep())
      yield status === NEED ? core.need : sliceRequest(core);
  }

  /** The format version that the file has for certain, whatever happens. */
  get formatVersion(): number {
    return this.#formatVersion;
  }

  /**
   * Raises the file's format version, for good: when this ends it is durable. It comes with a checkpoint, which alone writes the
   * header, copy after copy.
   */
  *requireFormat(version: number): Task<void> {
    const { core, checkpoint } = this.parts;
    while (this.#formatVersion < version) {
      core.header.version = Math.max(core.header.version, version);
      if (checkpoint.running) {
        yield sliceRequest(core);
        continue;
      }
      yield* checkpoint.run();
      this.#formatVersion = core.header.version;
    }
  }

  close(): Promise<void> {
    return runTask(this.closing());
  }

  /** Rolls back what is open, checkpoints, and leaves a file that is the whole database; for synchronous callers too. */
  *closing(): Task<void> {
    if (this.#closed) return;
    const { core, transactions, checkpoint } = this.parts;
    this.#closed = true;
    try {
      if (core.readOnly || core.log.failure !== undefined) return;
      for (const txn of transactions.openTransactions()) yield* transactions.rollback(txn);
      while (checkpoint.running) yield sliceRequest(core);
      // What a step in flight may have changed since the checkpoint began is written by another one.
      do yield* checkpoint.run();
      while (core.cache.dirtyCount > 0);
    } finally {
      this.parts.finish();
    }
  }
}

function own(transaction: Transaction): Txn {
  assert(transaction instanceof Txn, 'transaction of this store');
  return transaction;
}
