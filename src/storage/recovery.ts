/**
 * Recovery: from a dirty file and its log to a consistent store.
 *
 *   redo point … end          first, only to learn which pages lost their place on disk (`gone-pages.ts`)
 *   undo point … redo point   row records only: what the transactions open at the redo point had changed before
 *   redo point … end          everything is applied; row records too, so that versions of open transactions are known
 *   then                      open transactions are rolled back through the ordinary code, unfinished trees are dropped
 *
 * The version store ends up as it was when the power failed, as far as open transactions go; so recovery needs no undo of
 * its own. A compensation takes its row's newest entry away, exactly as the rollback that wrote it did.
 */
import { ExtentError, fail } from '../base/errors.ts';
import type { Task } from '../base/task.ts';
import { BulkRun, type BulkRuns } from './bulk-runs.ts';
import { ROW_NO_KEY_UPDATE, ROW_UPDATE } from './contracts.ts';
import type { Core } from './core.ts';
import { GonePages } from './gone-pages.ts';
import { NO_BYTES } from './group.ts';
import { ROOT_TREE, readU64, TREE_CATALOG, TREE_ROW_BYTES } from './layout.ts';
import { type Generation, type GroupAt, LogReader } from './log-generation.ts';
import {
  END_TRANSACTION_AT,
  LOG_COMMIT,
  LOG_END,
  LOG_ROOT_ROW,
  LOG_ROW_DELETE,
  LOG_ROW_INSERT,
  LOG_RUN,
  LOG_RUN_UNDONE,
  LOG_UNDO,
  RECORD_BYTES_AT,
  RECORD_FLAGS_AT,
  ROOT_CATALOG_AT,
  ROOT_DATA_AT,
  ROOT_NEXT_TREE_AT,
  ROW_AFTER_BYTES_AT,
  ROW_BEFORE_BYTES_AT,
  ROW_COMMAND_AT,
  ROW_DATA_AT,
  ROW_KEY_BYTES_AT,
  ROW_KEY_CHANGED,
  ROW_MOVED_BYTES_AT,
  ROW_NODE_EXISTS,
  ROW_TRANSACTION_AT,
  ROW_TREE_AT,
  RUN_DATA_AT,
  RUN_FIRST_BYTES_AT,
  RUN_LAST_BYTES_AT,
} from './log-records.ts';
import { isRowChange, Redo, type RedoHandler } from './redo.ts';
import type { Txn } from './transaction.ts';
import { sliceRequest, type Transactions } from './transactions.ts';
import { VERSION_DELETE, VERSION_INSERT, VERSION_RUN, VERSION_UPDATE } from './version-entries.ts';

const GROUPS_PER_SLICE = 64;

export class Recovery {
  readonly #core: Core;
  readonly #transactions: Transactions;
  readonly #runs: BulkRuns;
  readonly #redo: Redo;
  readonly #key = new Uint8Array(8192);
  /** Checksum of the last group, and how many were replayed. */
  chain = 0;
  groups = 0;

  constructor(core: Core, transactions: Transactions, runs: BulkRuns, handler: RedoHandler | undefined) {
    this.#core = core;
    this.#transactions = transactions;
    this.#runs = runs;
    this.#redo = new Redo(core.cache, handler);
  }

  /**
   * Replays the log into pages and versions.
   *
   * @param reached - told the position now and then.
   * @throws `data_corrupted` (XX001) when a needed page cannot be repaired.
   */
  *replay(generations: readonly Generation[], reached: (lsn: number) => void = () => {}): Task<void> {
    const { header, log, cache } = this.#core;
    // A killed process may have left groups that the host knows and the disk does not: what follows builds on them.
    for (const generation of generations) generation.file.syncData();
    log.replayed(Number.MAX_SAFE_INTEGER);
    const gone = yield* GonePages.read(generations, header.redo, () => sliceRequest(this.#core));
    const reader = new LogReader(generations, Math.min(header.undo, header.redo));
    while (reader.next()) {
      const group = reader.group;
      if (group.lsn >= header.redo) this.#redo.apply(group, gone);
      this.#follow(group, group.lsn >= header.redo);
      if (++this.groups % GROUPS_PER_SLICE !== 0) continue;
      reached(group.lsn);
      yield sliceRequest(this.#core);
    }
    this.chain = reader.chain;
    const [pgno] = this.#redo.unreadable;
    if (pgno !== undefined) {
      throw fail(
        'data_corrupted',
        `page ${pgno} in file "${this.#core.file.path}" is damaged and the log has no image of it`,
      );
    }
    cache.evictClean();
  }

  /** Keeps track of transactions, and of what stands in the header. */
  #follow(group: GroupAt, redone: boolean): void {
    const { view, bytes } = group;
    for (let at = group.from; at < group.to; at += view.getUint32(at + RECORD_BYTES_AT, true)) {
      const type = view.getUint8(at);
      if (type === 0) break;
      if (isRowChange(type)) this.#row(type, group, at);
      else if (type === LOG_UNDO) this.#undone(readU64(view, at + ROW_TRANSACTION_AT));
      else if (type === LOG_RUN) this.#run(group, at);
      else if (type === LOG_RUN_UNDONE) this.#undone(readU64(view, at + END_TRANSACTION_AT));
      else if (type === LOG_COMMIT || type === LOG_END) {
        const txn = this.#transactions.openById(readU64(view, at + END_TRANSACTION_AT));
        for (const run of txn?.runs ?? []) this.#runs.remove(run);
        this.#transactions.forget(readU64(view, at + END_TRANSACTION_AT));
      } else if (type === LOG_ROOT_ROW && redone) {
        const header = this.#core.header;
        header.nextTree = view.getUint32(at + ROOT_NEXT_TREE_AT, true);
        header.catalogRoot = view.getUint32(at + ROOT_CATALOG_AT, true);
        header.rootRow.set(bytes.subarray(at + ROOT_DATA_AT, at + ROOT_DATA_AT + TREE_ROW_BYTES));
        this.#core.trees.get(ROOT_TREE)?.decode(header.rootRow, 0);
        this.#core.trees.get(TREE_CATALOG)?.setRoot(header.catalogRoot);
      }
    }
  }

  #row(type: number, group: GroupAt, at: number): void {
    const { view, bytes } = group;
    const txn = this.#transactions.revive(readU64(view, at + ROW_TRANSACTION_AT), group.lsn);
    const keyBytes = view.getUint16(at + ROW_KEY_BYTES_AT, true);
    const beforeBytes = view.getUint16(at + ROW_BEFORE_BYTES_AT, true);
    const movedBytes = view.getUint16(at + ROW_MOVED_BYTES_AT, true);
    const keyAt = at + ROW_DATA_AT;
    const beforeAt = keyAt + keyBytes + view.getUint16(at + ROW_AFTER_BYTES_AT, true);
    this.#key.set(bytes.subarray(keyAt, keyAt + keyBytes));
    if (type === LOG_ROW_INSERT && (view.getUint8(at + RECORD_FLAGS_AT) & ROW_NODE_EXISTS) === 0) {
      this.#runs.noteInsert(view.getUint32(at + ROW_TREE_AT, true), this.#key, keyBytes);
    }
    const keyChanged = (view.getUint8(at + RECORD_FLAGS_AT) & ROW_KEY_CHANGED) !== 0;
    const kind = type === LOG_ROW_INSERT ? VERSION_INSERT : type === LOG_ROW_DELETE ? VERSION_DELETE : VERSION_UPDATE;
    const mode = kind === VERSION_UPDATE && !keyChanged ? ROW_NO_KEY_UPDATE : ROW_UPDATE;
    const moved =
      movedBytes === 0 ? undefined : bytes.slice(beforeAt + beforeBytes, beforeAt + beforeBytes + movedBytes);
    this.#makeRoom();
    this.#core.versions.prepare(view.getUint32(at + ROW_TREE_AT, true), this.#key, keyBytes, txn.newest);
    txn.newest = this.#core.versions.add(
      kind,
      mode,
      txn.id,
      txn.newest,
      group.lsn,
      view.getUint32(at + ROW_COMMAND_AT, true),
      view.getUint32(at + ROW_TREE_AT, true),
      this.#key,
      keyBytes,
      bytes,
      beforeAt,
      beforeBytes,
      moved,
    );
  }

  /** A transaction that was open may have more versions than memory has room for: where the disk has none either, it goes on. */
  #makeRoom(): void {
    const { versions } = this.#core;
    if (versions.hasRoom()) return;
    try {
      versions.makeRoom();
    } catch (error) {
      if (!(error instanceof ExtentError) || error.code !== 'disk_full') throw error;
    }
  }

  #run(group: GroupAt, at: number): void {
    const { view, bytes } = group;
    const txn = this.#transactions.revive(readU64(view, at + ROW_TRANSACTION_AT), group.lsn);
    const first = at + RUN_DATA_AT;
    const last = first + view.getUint16(at + RUN_FIRST_BYTES_AT, true);
    const firstKey = bytes.slice(first, last);
    const lastKey = bytes.slice(last, last + view.getUint16(at + RUN_LAST_BYTES_AT, true));
    const treeId = view.getUint32(at + ROW_TREE_AT, true);
    const command = view.getUint32(at + ROW_COMMAND_AT, true);
    const open = txn.runs.find((run) => run.continues(treeId, firstKey));
    if (open !== undefined) {
      open.last = lastKey;
      return;
    }
    const run = new BulkRun(treeId, txn.id, command, firstKey, lastKey);
    txn.runs.push(run);
    this.#runs.add(run);
    txn.newest = this.#core.versions.add(
      VERSION_RUN,
      ROW_UPDATE,
      txn.id,
      txn.newest,
      group.lsn,
      command,
      treeId,
      NO_BYTES,
      0,
      NO_BYTES,
      0,
      0,
      undefined,
    );
  }

  #undone(id: number): void {
    const txn: Txn | undefined = this.#transactions.openById(id);
    if (txn === undefined || txn.newest === 0) return;
    const entry = txn.newest;
    this.#core.versions.prepareRemoval(entry);
    if (this.#core.versions.kindOf(entry) === VERSION_RUN) {
      const run = txn.runs.pop();
      if (run !== undefined) this.#runs.remove(run);
    }
    txn.newest = this.#core.versions.previousOf(entry);
    this.#core.versions.remove(entry);
  }
}
