/**
 * Reading and locking single rows: the attempts of the contract that change nothing on pages.
 *
 * What counts differs: `find` asks what a snapshot sees, `lockRow` and `checkUnique` what the newest state is, and whose.
 */
import type { BTree } from './btree.ts';
import {
  EXISTS,
  LOCK_WAIT,
  type LockPolicy,
  NEED,
  NONE,
  OK,
  ROW_UPDATE,
  type Row,
  type RowLockMode,
  type Snapshot,
  WOULD_BLOCK,
} from './contracts.ts';
import type { Core } from './core.ts';
import { NODE_DELETED, NODE_KEY_AT, NODE_VERSIONED, PAGE_NEWEST_AT, PAGE_NEXT_AT, readU64 } from './layout.ts';
import { rowModesConflict } from './lock-resource.ts';
import { type Locks, rowName } from './locks.ts';
import { compareBytes, copyKey, nodeAt, searchPage, slotCount } from './page.ts';
import { fillFromPage, type RowVersions } from './row-versions.ts';
import type { Txn } from './transaction.ts';
import type { Transactions } from './transactions.ts';
import type { Tree } from './tree.ts';

export class RowReads {
  readonly #core: Core;
  readonly #trees: BTree;
  readonly #transactions: Transactions;
  readonly #locks: Locks;
  readonly #versions: RowVersions;

  constructor(core: Core, trees: BTree, transactions: Transactions, versions: RowVersions) {
    this.#core = core;
    this.#trees = trees;
    this.#transactions = transactions;
    this.#locks = transactions.locks;
    this.#versions = versions;
  }

  find(tree: Tree, key: Uint8Array, keyBytes: number, snapshot: Snapshot, row: Row): number {
    const frame = this.#trees.descend(tree, key, keyBytes);
    if (frame < 0) return NEED;
    const bytes = this.#core.cache.bytes[frame]!;
    const view = this.#core.cache.views[frame]!;
    const slot = searchPage(bytes, view, key, keyBytes);
    if (slot < 0) return NONE;
    const flags = view.getUint16(nodeAt(view, slot) + NODE_KEY_AT, true);
    if ((flags & NODE_VERSIONED) === 0 || readU64(view, PAGE_NEWEST_AT) < snapshot.oldestOpen) {
      if ((flags & NODE_DELETED) !== 0) return NONE;
      fillFromPage(bytes, view, slot, row);
      return OK;
    }
    return this.#versions.resolve(tree.id, bytes, view, slot, key, keyBytes, snapshot, row) ? OK : NONE;
  }

  /** The newest state of a key, whoever made it. */
  newest(tree: Tree, key: Uint8Array, keyBytes: number, row: Row): number {
    const frame = this.#trees.descend(tree, key, keyBytes);
    if (frame < 0) return NEED;
    const bytes = this.#core.cache.bytes[frame]!;
    const view = this.#core.cache.views[frame]!;
    const slot = searchPage(bytes, view, key, keyBytes);
    if (slot < 0 || (view.getUint16(nodeAt(view, slot) + NODE_KEY_AT, true) & NODE_DELETED) !== 0) return NONE;
    fillFromPage(bytes, view, slot, row);
    return OK;
  }

  lockRow(
    t: Txn,
    tree: Tree,
    key: Uint8Array,
    keyBytes: number,
    mode: RowLockMode,
    policy: LockPolicy,
    record: boolean,
    row: Row,
  ): number {
    row.movedTo = undefined;
    const frame = this.#trees.descend(tree, key, keyBytes);
    if (frame < 0) return NEED;
    const bytes = this.#core.cache.bytes[frame]!;
    const view = this.#core.cache.views[frame]!;
    const slot = searchPage(bytes, view, key, keyBytes);
    if (slot < 0) return NONE;
    const entry = this.#versions.newest(tree.id, view, slot, key, keyBytes);
    const writerId = this.#versions.writerId(tree.id, view, slot, key, keyBytes, entry);
    const writer = this.#versions.otherWriter(writerId, t);
    const writerMode = entry === 0 ? ROW_UPDATE : this.#core.versions.modeOf(entry);
    if (this.isBlocked(t, tree, key, keyBytes, mode, writer, writerMode)) {
      if (policy !== LOCK_WAIT) return WOULD_BLOCK;
      const name = rowName(tree.id, key, keyBytes);
      return this.#core.want(this.#locks.rowRequest(t, name, mode, writer, writerMode));
    }
    if (writer !== undefined) {
      // Its lock does not conflict with ours, so what it replaced is the newest state that counts.
      row.commitSeq = 0;
      if (!this.#versions.fillBefore(this.#oldestOf(entry, writerId), row)) return NONE;
    } else {
      row.commitSeq =
        writerId === t.id && writerId !== 0 ? Number.POSITIVE_INFINITY : this.#transactions.commitSeqOf(writerId);
      if ((view.getUint16(nodeAt(view, slot) + NODE_KEY_AT, true) & NODE_DELETED) !== 0) {
        if (entry !== 0) row.movedTo = this.#core.versions.movedOf(entry);
        return NONE;
      }
      fillFromPage(bytes, view, slot, row);
    }
    if (record) this.#locks.grantRow(t, rowName(tree.id, key, keyBytes), mode);
    return OK;
  }

  /** @param waits - for others that are at work on such an entry; false = what they do counts as done. */
  checkUnique(
    t: Txn,
    tree: Tree,
    prefix: Uint8Array,
    prefixBytes: number,
    row: Row,
    allowed: number,
    waits: boolean,
  ): number {
    let live = 0;
    let frame = this.#trees.descend(tree, prefix, prefixBytes);
    if (frame < 0) return NEED;
    const cache = this.#core.cache;
    let slot = searchPage(cache.bytes[frame]!, cache.views[frame]!, prefix, prefixBytes);
    if (slot < 0) slot = -slot - 1;
    for (;;) {
      const bytes = cache.bytes[frame]!;
      const view = cache.views[frame]!;
      if (slot >= slotCount(view)) {
        const next = view.getUint32(PAGE_NEXT_AT, true);
        if (next === 0) return OK;
        frame = cache.frameOf(next);
        if (frame < 0) return this.#core.wantPage(next);
        slot = 0;
        continue;
      }
      row.keyLength = copyKey(bytes, view, slot, row.key);
      if (row.keyLength < prefixBytes || compareBytes(row.key, 0, prefixBytes, prefix, 0, prefixBytes) !== 0) return OK;
      const entry = this.#versions.newest(tree.id, view, slot, row.key, row.keyLength);
      const writer = this.#versions.writerId(tree.id, view, slot, row.key, row.keyLength, entry);
      const other = this.#versions.otherWriter(writer, t);
      if (other !== undefined) return waits ? this.#core.want(this.#locks.endRequest(t, other)) : EXISTS;
      if ((view.getUint16(nodeAt(view, slot) + NODE_KEY_AT, true) & NODE_DELETED) === 0 && live++ === allowed) {
        row.commitSeq =
          writer === t.id && writer !== 0 ? Number.POSITIVE_INFINITY : this.#transactions.commitSeqOf(writer);
        fillFromPage(bytes, view, slot, row);
        return EXISTS;
      }
      slot++;
    }
  }

  /** Does a lock or the writer of the row's newest state stand in the way? */
  isBlocked(
    t: Txn,
    tree: Tree,
    key: Uint8Array,
    keyBytes: number,
    mode: RowLockMode,
    writer: Txn | undefined,
    writerMode: number,
  ): boolean {
    if (writer !== undefined && rowModesConflict(mode, writerMode)) return true;
    if (!this.#locks.anyRows) return false;
    return this.#locks.rowBlocked(t, rowName(tree.id, key, keyBytes), mode, writer, writerMode);
  }

  /** The oldest entry in a row of entries of one transaction. */
  #oldestOf(entry: number, transaction: number): number {
    const versions = this.#core.versions;
    for (let older = versions.olderOf(entry); older !== 0; older = versions.olderOf(entry)) {
      if (versions.transactionOf(older) !== transaction) break;
      entry = older;
    }
    return entry;
  }
}
