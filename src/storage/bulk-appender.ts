/**
 * Appending ascending keys at the right edge of a tree, a leaf at a time.
 *
 *   add     puts the row into a page of the appender's own; a full page is hung into the tree
 *   hang    one group: the page's image, its links, its parent's entry, and one RUN record (transaction, first and last key)
 *   drain   somebody else wrote at the right edge meanwhile: the rows of the page are inserted one by one
 *
 * For versions the whole run is one entry; its rollback flags the nodes of one leaf per group.
 */
import { fail } from '../base/errors.ts';
import { NONE_LEFT } from './btree.ts';
import { BulkRun } from './bulk-runs.ts';
import { type BulkAppender, EXISTS, NEED, NONE, OK, ROW_UPDATE } from './contracts.ts';
import { NO_BYTES } from './group.ts';
import {
  keyBytesMax,
  NODE_DELETED,
  NODE_RECORD_AT,
  NODE_RECORD_BYTES_AT,
  NODE_VERSIONED,
  PAGE_FREE_AT,
  PAGE_NEWEST_AT,
  recordBytesMax,
  usableBytes,
  writeU64,
} from './layout.ts';
import {
  closeRecord,
  LOG_RUN,
  LOG_RUN_UNDONE,
  LOG_UNDO_RUN,
  openRecord,
  putBytes,
  putU16,
  putU32,
  putU64,
} from './log-records.ts';
import {
  commonBytes,
  compareBytes,
  copyKey,
  initPage,
  insertNode,
  nodeAt,
  nodeBytes,
  nodeFlags,
  searchPage,
  setFlags,
  slotCount,
  storedKeyBytes,
} from './page.ts';
import { partPrefix, rebuildPage } from './page-build.ts';
import type { StoreParts } from './store.ts';
import type { Txn } from './transaction.ts';
import type { Tree } from './tree.ts';
import { VERSION_RUN } from './version-entries.ts';

export class BulkWriter implements BulkAppender {
  readonly #parts: StoreParts;
  readonly #txn: Txn;
  readonly #tree: Tree;
  readonly #page: Uint8Array;
  readonly #view: DataView;
  readonly #last = new Uint8Array(8192);
  #lastBytes = -1;
  readonly #first = new Uint8Array(8192);
  #firstBytes = 0;
  #rows = 0;
  /** While draining: the next slot to insert; −1 = not draining. */
  #drainAt = -1;
  /** Free bytes below which a page counts as full. */
  readonly #freeMin: number;
  #run: BulkRun | undefined;
  #runLsn = 0;

  constructor(parts: StoreParts, txn: Txn, tree: Tree) {
    this.#parts = parts;
    this.#txn = txn;
    this.#tree = tree;
    this.#page = new Uint8Array(parts.core.pageBytes);
    this.#view = new DataView(this.#page.buffer);
    this.#freeMin = Math.floor((usableBytes(parts.core.pageBytes) * (100 - tree.fillPercent)) / 100);
  }

  add(key: Uint8Array, keyLength: number, record: Uint8Array, start: number, length: number): number {
    if (this.#lastBytes < 0) {
      const status = this.#begin(key, keyLength, length);
      if (status !== OK) return status;
    } else if (compareBytes(key, 0, keyLength, this.#last, 0, this.#lastBytes) <= 0) return NONE;
    const wanted = this.#rows === 0 ? 0 : nodeBytes(length, storedKeyBytes(this.#page, this.#view, key, keyLength));
    if (this.#rows > 0 && wanted + this.#freeMin > this.#view.getUint16(PAGE_FREE_AT, true)) {
      if (this.#hang() === NEED) return NEED;
    }
    if (this.#rows === 0) this.#startPage(key, keyLength);
    insertNode(this.#page, this.#view, this.#rows, NODE_VERSIONED, key, keyLength, record, start, length, length);
    this.#rows++;
    for (let i = 0; i < keyLength; i++) this.#last[i] = key[i]!;
    this.#lastBytes = keyLength;
    return OK;
  }

  flush(): number {
    return this.#rows === 0 ? OK : this.#hang();
  }

  /** The first key decides whether appending is possible at all. */
  #begin(key: Uint8Array, keyBytes: number, length: number): number {
    const { core, btree } = this.#parts;
    if (keyBytes > keyBytesMax(core.pageBytes) || length > recordBytesMax(core.pageBytes)) return NONE;
    const frame = btree.descendEdge(this.#tree, true);
    if (frame < 0) return NEED;
    return btree.isAppend(this.#tree, key, keyBytes);
  }

  #startPage(key: Uint8Array, keyBytes: number): void {
    // Keys go on as they came: what this page's first key shares with the one of the page before, its keys will share.
    const shared = this.#firstBytes === 0 ? 0 : commonBytes(this.#first, this.#firstBytes, key, keyBytes);
    initPage(this.#page, this.#view, 0, this.#tree.id, 0, key, shared);
    for (let i = 0; i < keyBytes; i++) this.#first[i] = key[i]!;
    this.#firstBytes = keyBytes;
  }

  /** Hangs the page into the tree. An attempt. */
  #hang(): number {
    if (this.#drainAt >= 0) return this.#drain();
    const { core, btree, transactions, purge } = this.#parts;
    if (!core.versions.hasRoom() && purge.versionRoom() === NEED) return NEED;
    const status = btree.prepareAppend(this.#tree, this.#first, this.#firstBytes);
    if (status === NEED) return NEED;
    if (status === NONE) {
      this.#drainAt = 0;
      return this.#drain();
    }
    // The first page had no page before it: its prefix is known only now.
    if (this.#run === undefined) {
      rebuildPage(this.#page, this.#view, 0, this.#rows, partPrefix(this.#page, this.#view, 0, this.#rows));
    }
    core.versions.prepareRun(this.#txn.newest);
    transactions.assignId(this.#txn);
    writeU64(this.#view, PAGE_NEWEST_AT, this.#txn.id);
    const lsn = core.group.begin();
    btree.applyAppend(this.#tree, this.#page);
    this.#record(lsn);
    core.group.end();
    this.#tree.rows += this.#rows;
    this.#rows = 0;
    return OK;
  }

  /** Logs that the page's keys belong to the run, and extends it; a new one begins after a savepoint or another command. */
  #record(lsn: number): void {
    const { core, versions } = this.#parts;
    const t = this.#txn;
    const last = this.#last.slice(0, this.#lastBytes);
    let run = this.#run;
    if (run !== undefined && run.command === t.command && t.runs.includes(run) && t.isAfterMarks(this.#runLsn))
      run.last = last;
    else {
      const first = this.#first.slice(0, this.#firstBytes);
      run = new BulkRun(this.#tree.id, t.id, t.command, first, last);
      this.#runLsn = lsn;
      t.newest = core.versions.add(
        VERSION_RUN,
        ROW_UPDATE,
        t.id,
        t.newest,
        lsn,
        t.command,
        this.#tree.id,
        NO_BYTES,
        0,
        NO_BYTES,
        0,
        0,
        undefined,
      );
      if (t.firstLsn === 0) t.firstLsn = lsn;
      t.runs.push(run);
      versions.runs.add(run);
      this.#run = run;
    }
    const log = core.log;
    const at = openRecord(log, LOG_RUN, 0, 0, 0);
    putU64(log, t.id);
    putU64(log, core.versions.lsnOf(t.newest));
    putU32(log, t.command);
    putU32(log, this.#tree.id);
    putU16(log, run.first.length);
    putU16(log, last.length);
    putBytes(log, run.first, 0, run.first.length);
    putBytes(log, last, 0, last.length);
    closeRecord(log, at);
  }

  #drain(): number {
    const { rows } = this.#parts;
    const key = new Uint8Array(8192);
    for (; this.#drainAt < this.#rows; this.#drainAt++) {
      const at = nodeAt(this.#view, this.#drainAt);
      const keyBytes = copyKey(this.#page, this.#view, this.#drainAt, key);
      const length = this.#view.getUint16(at + NODE_RECORD_BYTES_AT, true);
      const status = rows.insert(this.#txn, this.#tree, key, keyBytes, this.#page, at + NODE_RECORD_AT, length);
      if (status === NEED) return NEED;
      if (status === EXISTS) throw fail('unique_violation', 'duplicate key value violates unique constraint');
    }
    this.#drainAt = -1;
    this.#rows = 0;
    return OK;
  }
}

/** Undoes the newest run of a transaction, one leaf per call, from its end. An attempt. */
export function undoRun(parts: StoreParts, txn: Txn): number {
  const { core, btree, versions } = parts;
  const run = txn.runs[txn.runs.length - 1];
  if (run === undefined) throw fail('internal_error', 'transaction has no run to undo');
  if (core.reserveEmergency() === NEED) return NEED;
  core.versions.prepareRemoval(txn.newest);
  const tree = core.tree(run.tree);
  const from = run.undoneFrom ?? run.last;
  const frame = btree.leafBefore(tree, from, run.undoneFrom === undefined);
  if (frame === NEED) return NEED;
  const bytes = frame === NONE_LEFT ? undefined : core.cache.bytes[frame];
  const view = frame === NONE_LEFT ? undefined : core.cache.views[frame];
  const slots: number[] = [];
  let lowest: Uint8Array | undefined;
  if (bytes !== undefined && view !== undefined) {
    const key = new Uint8Array(8192);
    const found = searchPage(bytes, view, from, from.length);
    const end = found >= 0 ? found + (run.undoneFrom === undefined ? 1 : 0) : -found - 1;
    for (let slot = Math.min(end, slotCount(view)) - 1; slot >= 0; slot--) {
      const keyBytes = copyKey(bytes, view, slot, key);
      if (compareBytes(key, 0, keyBytes, run.first, 0, run.first.length) < 0) break;
      lowest = key.slice(0, keyBytes);
      if (run.covers(key, keyBytes) && (nodeFlags(view, slot) & NODE_DELETED) === 0) slots.push(slot);
    }
  }
  core.group.begin();
  const log = core.log;
  if (lowest === undefined || view === undefined) {
    const at = openRecord(log, LOG_RUN_UNDONE, 0, 0, 0);
    putU64(log, txn.id);
    putU64(log, core.clock.wallMicros());
    closeRecord(log, at);
    versions.runs.remove(run);
    txn.runs.pop();
    const entry = txn.newest;
    txn.newest = core.versions.previousOf(entry);
    core.versions.remove(entry);
  } else {
    core.group.touch(frame);
    const at = openRecord(log, LOG_UNDO_RUN, 0, 0, core.cache.pgnoOf(frame));
    putU16(log, slots.length);
    putU16(log, 0);
    for (const slot of slots) putU16(log, slot);
    closeRecord(log, at);
    for (const slot of slots) setFlags(view, slot, NODE_DELETED | NODE_VERSIONED);
    tree.rows -= slots.length;
    run.undoneFrom = lowest;
    parts.purge.hint(tree.id, lowest, lowest.length);
  }
  core.group.end();
  return OK;
}
