/**
 * Changing single rows: the attempts of the contract that write.
 *
 * Every change goes the same way: reserve (frames, log, versions) → descend → judge what is there → make room, in groups of
 * its own, until the node fits → one group with one row record → page and version. An attempt that lacks something has
 * changed no row; room made on the way stays, which is no harm.
 *
 * The file stays whole: insert, update and remove share each of these steps, and differ in what they judge.
 */
import { assert } from '../base/assert.ts';
import { fail } from '../base/errors.ts';
import type { BTree } from './btree.ts';
import { EXISTS, NEED, OK, ROW_NO_KEY_UPDATE, ROW_UPDATE, type RowLockMode, TREE_LONG } from './contracts.ts';
import type { Core } from './core.ts';
import { NO_BYTES, noteTransaction } from './group.ts';
import {
  keyBytesMax,
  longChunkBytes,
  NODE_DELETED,
  NODE_KEY_AT,
  NODE_RECORD_AT,
  NODE_RECORD_BYTES_AT,
  NODE_VERSIONED,
  PAGE_FREE_AT,
  PAGE_NEXT_AT,
  recordBytesMax,
  usableBytes,
} from './layout.ts';
import { type Locks, rowName } from './locks.ts';
import {
  LOG_PUT,
  LOG_ROW_DELETE,
  LOG_ROW_INSERT,
  LOG_ROW_UPDATE,
  ROW_KEY_CHANGED,
  ROW_NODE_EXISTS,
} from './log-records.ts';
import {
  growth,
  insertNode,
  nodeAt,
  nodeBytes,
  replaceRecord,
  searchPage,
  setFlags,
  slotCount,
  storedKeyBytes,
} from './page.ts';
import type { Purge } from './purge.ts';
import type { RowReads } from './row-reads.ts';
import type { RowVersions } from './row-versions.ts';
import type { Txn } from './transaction.ts';
import type { Transactions } from './transactions.ts';
import type { Tree } from './tree.ts';
import { VERSION_DELETE, VERSION_INSERT, VERSION_UPDATE, type VersionKind } from './version-entries.ts';

export class Rows {
  readonly #core: Core;
  readonly #trees: BTree;
  readonly #transactions: Transactions;
  readonly #locks: Locks;
  readonly #versions: RowVersions;
  readonly #purge: Purge;
  readonly #reads: RowReads;
  readonly #keyBytesMax: number;
  readonly #recordBytesMax: number;
  readonly #chunkBytesMax: number;

  constructor(
    core: Core,
    trees: BTree,
    transactions: Transactions,
    versions: RowVersions,
    reads: RowReads,
    purge: Purge,
  ) {
    this.#core = core;
    this.#trees = trees;
    this.#transactions = transactions;
    this.#locks = transactions.locks;
    this.#versions = versions;
    this.#purge = purge;
    this.#reads = reads;
    this.#keyBytesMax = keyBytesMax(core.pageBytes);
    this.#recordBytesMax = recordBytesMax(core.pageBytes);
    this.#chunkBytesMax = longChunkBytes(core.pageBytes);
  }

  insert(
    t: Txn,
    tree: Tree,
    key: Uint8Array,
    keyBytes: number,
    record: Uint8Array,
    start: number,
    length: number,
  ): number {
    this.#checkSizes(tree, keyBytes, length);
    if (this.#ready() === NEED) return NEED;
    for (;;) {
      const frame = this.#trees.descend(tree, key, keyBytes);
      if (frame < 0) return NEED;
      const bytes = this.#core.cache.bytes[frame]!;
      const view = this.#core.cache.views[frame]!;
      const found = searchPage(bytes, view, key, keyBytes);
      let wanted: number;
      if (found >= 0) {
        const entry = this.#versions.newest(tree.id, view, found, key, keyBytes);
        const writer = this.#versions.writerId(tree.id, view, found, key, keyBytes, entry);
        const other = this.#versions.otherWriter(writer, t);
        if (other !== undefined) return this.#core.want(this.#locks.endRequest(t, other));
        if ((view.getUint16(nodeAt(view, found) + NODE_KEY_AT, true) & NODE_DELETED) === 0) return EXISTS;
        wanted = growth(view, found, length);
      } else wanted = this.#wantedForNew(tree, bytes, view, -found - 1, key, keyBytes, length);
      if (wanted > view.getUint16(PAGE_FREE_AT, true)) {
        if (this.#makeRoom(tree, frame, key, keyBytes, wanted) === NEED) return NEED;
        continue;
      }
      this.#core.versions.prepare(tree.id, key, keyBytes, t.newest);
      this.#applyInsert(t, tree, frame, found, key, keyBytes, record, start, length);
      return OK;
    }
  }

  update(
    t: Txn,
    tree: Tree,
    key: Uint8Array,
    keyBytes: number,
    record: Uint8Array,
    start: number,
    length: number,
    mode: RowLockMode,
  ): number {
    this.#checkSizes(tree, keyBytes, length);
    if (this.#ready() === NEED) return NEED;
    for (;;) {
      const frame = this.#trees.descend(tree, key, keyBytes);
      if (frame < 0) return NEED;
      const view = this.#core.cache.views[frame]!;
      const slot = searchPage(this.#core.cache.bytes[frame]!, view, key, keyBytes);
      if (this.#writable(t, tree, view, slot, key, keyBytes, mode) === NEED) return NEED;
      const wanted = growth(view, slot, length);
      if (wanted > view.getUint16(PAGE_FREE_AT, true)) {
        if (this.#makeRoom(tree, frame, key, keyBytes, wanted) === NEED) return NEED;
        continue;
      }
      this.#core.versions.prepare(tree.id, key, keyBytes, t.newest);
      this.#applyUpdate(t, tree, frame, slot, key, keyBytes, record, start, length, mode);
      return OK;
    }
  }

  remove(t: Txn, tree: Tree, key: Uint8Array, keyBytes: number, movedTo: Uint8Array | undefined): number {
    if (this.#ready() === NEED) return NEED;
    const frame = this.#trees.descend(tree, key, keyBytes);
    if (frame < 0) return NEED;
    const bytes = this.#core.cache.bytes[frame]!;
    const view = this.#core.cache.views[frame]!;
    const slot = searchPage(bytes, view, key, keyBytes);
    if (this.#writable(t, tree, view, slot, key, keyBytes, ROW_UPDATE) === NEED) return NEED;
    this.#core.versions.prepare(tree.id, key, keyBytes, t.newest);
    this.#transactions.assignId(t);
    const at = nodeAt(view, slot);
    const length = view.getUint16(at + NODE_RECORD_BYTES_AT, true);
    const before = at + NODE_RECORD_AT;
    const group = this.#core.group;
    const lsn = group.begin();
    const last = this.#lastLsn(t);
    group.row(
      LOG_ROW_DELETE,
      0,
      slot,
      frame,
      t.id,
      last,
      t.command,
      tree.id,
      key,
      keyBytes,
      NO_BYTES,
      0,
      0,
      bytes,
      before,
      length,
      movedTo,
    );
    this.#version(VERSION_DELETE, ROW_UPDATE, t, lsn, tree, key, keyBytes, bytes, before, length, movedTo);
    setFlags(view, slot, NODE_VERSIONED | NODE_DELETED);
    group.end();
    tree.rows--;
    return OK;
  }

  /** Inserts or replaces outside any transaction: redone, never undone, seen by all. */
  putNow(tree: Tree, key: Uint8Array, keyBytes: number, record: Uint8Array, start: number, length: number): number {
    this.#checkSizes(tree, keyBytes, length);
    if (this.#core.reserve() === NEED) return NEED;
    for (;;) {
      const frame = this.#trees.descend(tree, key, keyBytes);
      if (frame < 0) return NEED;
      const bytes = this.#core.cache.bytes[frame]!;
      const view = this.#core.cache.views[frame]!;
      const found = searchPage(bytes, view, key, keyBytes);
      const wanted =
        found >= 0
          ? growth(view, found, length)
          : this.#wantedForNew(tree, bytes, view, -found - 1, key, keyBytes, length);
      if (wanted > view.getUint16(PAGE_FREE_AT, true)) {
        if (this.#makeRoom(tree, frame, key, keyBytes, wanted) === NEED) return NEED;
        continue;
      }
      const slot = found >= 0 ? found : -found - 1;
      const group = this.#core.group;
      group.begin();
      group.row(
        LOG_PUT,
        found >= 0 ? ROW_NODE_EXISTS : 0,
        slot,
        frame,
        0,
        0,
        0,
        tree.id,
        key,
        keyBytes,
        record,
        start,
        length,
        NO_BYTES,
        0,
        0,
        undefined,
      );
      if (found >= 0) replaceRecord(bytes, view, slot, 0, record, start, length);
      else insertNode(bytes, view, slot, 0, key, keyBytes, record, start, length, length);
      group.end();
      if (found < 0) tree.rows++;
      return OK;
    }
  }

  #ready(): number {
    if (this.#core.reserve() === NEED) return NEED;
    if (this.#core.versions.hasRoom()) return OK;
    return this.#purge.versionRoom();
  }

  #checkSizes(tree: Tree, keyBytes: number, length: number): void {
    const max = tree.kind === TREE_LONG ? this.#chunkBytesMax : this.#recordBytesMax;
    if (keyBytes > this.#keyBytesMax) {
      const detail = `The key has ${keyBytes} bytes.`;
      throw fail('program_limit_exceeded', `index row size exceeds the maximum of ${this.#keyBytesMax} bytes`, {
        detail,
      });
    }
    if (length > max) {
      throw fail('program_limit_exceeded', `row is too big: size ${length}, maximum size ${max}`);
    }
  }

  /** Bytes that a new node takes; more than the page has when a tree that grows at its right edge is full enough. */
  #wantedForNew(
    tree: Tree,
    bytes: Uint8Array,
    view: DataView,
    slot: number,
    key: Uint8Array,
    keyBytes: number,
    length: number,
  ): number {
    const wanted = nodeBytes(length, storedKeyBytes(bytes, view, key, keyBytes));
    const count = slotCount(view);
    if (slot < count || count === 0 || view.getUint32(PAGE_NEXT_AT, true) !== 0 || tree.fillPercent >= 100)
      return wanted;
    const usable = usableBytes(bytes.length);
    const used = usable - view.getUint16(PAGE_FREE_AT, true);
    return (used + wanted) * 100 > usable * tree.fillPercent ? usable + 1 : wanted;
  }

  #makeRoom(tree: Tree, frame: number, key: Uint8Array, keyBytes: number, wanted: number): number {
    if (this.#purge.reclaimPage(tree, frame, wanted)) return OK;
    return this.#trees.makeRoom(tree, key, keyBytes, wanted);
  }

  /** The row must be live, and its write lock free or own; else NEED with a wait for it. */
  #writable(
    t: Txn,
    tree: Tree,
    view: DataView,
    slot: number,
    key: Uint8Array,
    keyBytes: number,
    mode: RowLockMode,
  ): number {
    assert(slot >= 0, 'the row to change is there');
    const entry = this.#versions.newest(tree.id, view, slot, key, keyBytes);
    const writerId = this.#versions.writerId(tree.id, view, slot, key, keyBytes, entry);
    const writer = this.#versions.otherWriter(writerId, t);
    const writerMode = entry === 0 ? ROW_UPDATE : this.#core.versions.modeOf(entry);
    if (this.#reads.isBlocked(t, tree, key, keyBytes, mode, writer, writerMode)) {
      return this.#core.want(this.#locks.rowRequest(t, rowName(tree.id, key, keyBytes), mode, writer, writerMode));
    }
    assert((view.getUint16(nodeAt(view, slot) + NODE_KEY_AT, true) & NODE_DELETED) === 0, 'the row to change is live');
    return OK;
  }

  #lastLsn(t: Txn): number {
    return t.newest === 0 ? 0 : this.#core.versions.lsnOf(t.newest);
  }

  #version(
    kind: VersionKind,
    mode: number,
    t: Txn,
    lsn: number,
    tree: Tree,
    key: Uint8Array,
    keyBytes: number,
    before: Uint8Array,
    start: number,
    length: number,
    moved: Uint8Array | undefined,
  ): void {
    if (t.firstLsn === 0) t.firstLsn = lsn;
    t.newest = this.#core.versions.add(
      kind,
      mode,
      t.id,
      t.newest,
      lsn,
      t.command,
      tree.id,
      key,
      keyBytes,
      before,
      start,
      length,
      moved,
    );
    this.#transactions.pruneBehind(t.newest);
  }

  #applyInsert(
    t: Txn,
    tree: Tree,
    frame: number,
    found: number,
    key: Uint8Array,
    keyBytes: number,
    record: Uint8Array,
    start: number,
    length: number,
  ): void {
    this.#transactions.assignId(t);
    const bytes = this.#core.cache.bytes[frame]!;
    const view = this.#core.cache.views[frame]!;
    const exists = found >= 0;
    const slot = exists ? found : -found - 1;
    const group = this.#core.group;
    const lsn = group.begin();
    group.row(
      LOG_ROW_INSERT,
      exists ? ROW_NODE_EXISTS : 0,
      slot,
      frame,
      t.id,
      this.#lastLsn(t),
      t.command,
      tree.id,
      key,
      keyBytes,
      record,
      start,
      length,
      NO_BYTES,
      0,
      0,
      undefined,
    );
    if (exists) replaceRecord(bytes, view, slot, NODE_VERSIONED, record, start, length);
    else {
      insertNode(bytes, view, slot, NODE_VERSIONED, key, keyBytes, record, start, length, length);
      this.#versions.runs.noteInsert(tree.id, key, keyBytes);
    }
    this.#version(VERSION_INSERT, ROW_UPDATE, t, lsn, tree, key, keyBytes, NO_BYTES, 0, 0, undefined);
    group.end();
    tree.rows++;
  }

  #applyUpdate(
    t: Txn,
    tree: Tree,
    frame: number,
    slot: number,
    key: Uint8Array,
    keyBytes: number,
    record: Uint8Array,
    start: number,
    length: number,
    mode: RowLockMode,
  ): void {
    this.#transactions.assignId(t);
    const bytes = this.#core.cache.bytes[frame]!;
    const view = this.#core.cache.views[frame]!;
    const at = nodeAt(view, slot);
    const beforeAt = at + NODE_RECORD_AT;
    const beforeBytes = view.getUint16(at + NODE_RECORD_BYTES_AT, true);
    const group = this.#core.group;
    const lsn = group.begin();
    const flags = mode === ROW_NO_KEY_UPDATE ? 0 : ROW_KEY_CHANGED;
    group.row(
      LOG_ROW_UPDATE,
      flags,
      slot,
      frame,
      t.id,
      this.#lastLsn(t),
      t.command,
      tree.id,
      key,
      keyBytes,
      record,
      start,
      length,
      bytes,
      beforeAt,
      beforeBytes,
      undefined,
    );
    this.#version(VERSION_UPDATE, mode, t, lsn, tree, key, keyBytes, bytes, beforeAt, beforeBytes, undefined);
    replaceRecord(bytes, view, slot, NODE_VERSIONED, record, start, length);
    noteTransaction(view, t.id);
    group.end();
  }
}
