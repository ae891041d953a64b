/**
 * Which state of a row someone sees: page, version chain and bulk run put together.
 *
 * The page holds the newest state. Each entry of the key's chain says who made the next newer state and what was before. So
 * one goes back from the page until the change that made a state is visible; what lies before the last invisible change is
 * the answer. The end of the chain is visible to everyone, unless an open or later bulk run inserted the key.
 */
import type { BulkRun, BulkRuns } from './bulk-runs.ts';
import type { Row, Snapshot } from './contracts.ts';
import {
  keyBytesMax,
  NODE_DELETED,
  NODE_KEY_AT,
  NODE_RECORD_AT,
  NODE_RECORD_BYTES_AT,
  NODE_VERSIONED,
} from './layout.ts';
import { nodeAt } from './page.ts';
import type { Txn } from './transaction.ts';
import type { Transactions } from './transactions.ts';
import { VERSION_INSERT } from './version-entries.ts';
import type { VersionStore } from './version-store.ts';

/** The longest key of the largest pages. */
const KEY_CAPACITY = keyBytesMax(32768);

export class RowVersions {
  readonly versions: VersionStore;
  readonly runs: BulkRuns;
  readonly #transactions: Transactions;

  constructor(versions: VersionStore, runs: BulkRuns, transactions: Transactions) {
    this.versions = versions;
    this.runs = runs;
    this.#transactions = transactions;
  }

  /** Fills `row` with the state of a node that the snapshot sees; false = it sees none. */
  resolve(
    tree: number,
    bytes: Uint8Array,
    view: DataView,
    slot: number,
    key: Uint8Array,
    keyBytes: number,
    snapshot: Snapshot,
    row: Row,
  ): boolean {
    const flags = view.getUint16(nodeAt(view, slot) + NODE_KEY_AT, true);
    let hidden = 0;
    if ((flags & NODE_VERSIONED) !== 0) {
      const versions = this.versions;
      let entry = versions.newest(tree, key, keyBytes);
      while (entry !== 0) {
        if (this.#transactions.isVisible(versions.transactionOf(entry), versions.commandOf(entry), snapshot)) break;
        hidden = entry;
        entry = versions.olderOf(entry);
      }
      if (entry === 0) {
        const run = this.runs.find(tree, key, keyBytes);
        if (run !== undefined && !this.#transactions.isVisible(run.transaction, run.command, snapshot)) return false;
      }
    }
    if (hidden !== 0) return this.fillBefore(hidden, row);
    if ((flags & NODE_DELETED) !== 0) return false;
    fillFromPage(bytes, view, slot, row);
    return true;
  }

  /** Fills `row` with what was before a change; false = nothing was. */
  fillBefore(entry: number, row: Row): boolean {
    const versions = this.versions;
    if (versions.kindOf(entry) === VERSION_INSERT) return false;
    row.bytes = versions.bytesOf(entry);
    row.view = versions.viewOf(entry);
    row.start = versions.beforeAt(entry);
    row.length = versions.beforeBytesOf(entry);
    return true;
  }

  /** The newest entry of a node's key; 0 = none. */
  newest(tree: number, view: DataView, slot: number, key: Uint8Array, keyBytes: number): number {
    const flags = view.getUint16(nodeAt(view, slot) + NODE_KEY_AT, true);
    return (flags & NODE_VERSIONED) === 0 ? 0 : this.versions.newest(tree, key, keyBytes);
  }

  /** The run that made a node's newest state, when no entry of its own is newer. */
  runOf(
    tree: number,
    view: DataView,
    slot: number,
    key: Uint8Array,
    keyBytes: number,
    entry: number,
  ): BulkRun | undefined {
    if (entry !== 0 || (view.getUint16(nodeAt(view, slot) + NODE_KEY_AT, true) & NODE_VERSIONED) === 0)
      return undefined;
    return this.runs.find(tree, key, keyBytes);
  }

  /** The id of the transaction that made a node's newest state; 0 = someone whom everyone sees. */
  writerId(tree: number, view: DataView, slot: number, key: Uint8Array, keyBytes: number, entry: number): number {
    if (entry !== 0) return this.versions.transactionOf(entry);
    return this.runOf(tree, view, slot, key, keyBytes, entry)?.transaction ?? 0;
  }

  /** The open transaction, other than `own`, that made a node's newest state. */
  otherWriter(id: number, own: Txn): Txn | undefined {
    if (id === 0 || id === own.id) return undefined;
    return this.#transactions.openById(id);
  }

  /** May a node flagged deleted go? Its deleter committed before every snapshot, or it is an insert that was undone. */
  isPurgeable(tree: number, view: DataView, slot: number, key: Uint8Array, keyBytes: number): boolean {
    const entry = this.newest(tree, view, slot, key, keyBytes);
    const id = this.writerId(tree, view, slot, key, keyBytes, entry);
    return id === 0 || this.#transactions.commitSeqOf(id) <= this.#transactions.horizon;
  }

  /** May a node's slack go? Not while the transaction that changed it can still roll back. */
  isSlackFree(tree: number, view: DataView, slot: number, key: Uint8Array, keyBytes: number): boolean {
    const entry = this.newest(tree, view, slot, key, keyBytes);
    return entry === 0 || this.#transactions.openById(this.versions.transactionOf(entry)) === undefined;
  }
}

export function fillFromPage(bytes: Uint8Array, view: DataView, slot: number, row: Row): void {
  const at = nodeAt(view, slot);
  row.bytes = bytes;
  row.view = view;
  row.start = at + NODE_RECORD_AT;
  row.length = view.getUint16(at + NODE_RECORD_BYTES_AT, true);
}

/** Makes an empty {@link Row} for attempts to fill. `checkUnique` needs room for the longest key there is. */
export function makeRow(keyCapacity = KEY_CAPACITY): Row {
  const bytes = new Uint8Array(0);
  return {
    bytes,
    view: new DataView(bytes.buffer),
    start: 0,
    length: 0,
    commitSeq: 0,
    movedTo: undefined,
    key: new Uint8Array(keyCapacity),
    keyLength: 0,
  };
}
