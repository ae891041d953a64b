/**
 * Undoing a transaction's newest row change: logical, by tree and key, through the ordinary tree.
 *
 * It needs no space (an insert becomes a flagged node, a record finds the room it had) and is logged as a compensation that
 * names the next record to undo; so a rollback that a power cut interrupts goes on where it was.
 */
import { assert } from '../base/assert.ts';
import type { BTree } from './btree.ts';
import { NEED, OK } from './contracts.ts';
import type { Core } from './core.ts';
import { NO_BYTES } from './group.ts';
import { NODE_DELETED, NODE_VERSIONED } from './layout.ts';
import { LOG_UNDO, UNDO_DELETED, UNDO_RECORD } from './log-records.ts';
import { growth, replaceRecord, searchPage, setFlags } from './page.ts';
import type { Purge } from './purge.ts';
import type { Txn } from './transaction.ts';
import { VERSION_DELETE, VERSION_INSERT } from './version-entries.ts';

export class RowUndo {
  readonly #core: Core;
  readonly #trees: BTree;
  readonly #purge: Purge;
  readonly #key = new Uint8Array(8192);

  constructor(core: Core, trees: BTree, purge: Purge) {
    this.#core = core;
    this.#trees = trees;
    this.#purge = purge;
  }

  /** Undoes the newest change of a row and forgets its version. An attempt. */
  undo(t: Txn): number {
    if (this.#core.reserveEmergency() === NEED) return NEED;
    const versions = this.#core.versions;
    const entry = t.newest;
    versions.prepareRemoval(entry);
    const tree = this.#core.tree(versions.treeOf(entry));
    const source = versions.bytesOf(entry);
    const keyBytes = versions.keyBytesOf(entry);
    const keyAt = versions.keyAt(entry);
    this.#key.set(source.subarray(keyAt, keyAt + keyBytes));
    const frame = this.#trees.descend(tree, this.#key, keyBytes);
    if (frame < 0) return NEED;
    const bytes = this.#core.cache.bytes[frame]!;
    const view = this.#core.cache.views[frame]!;
    const slot = searchPage(bytes, view, this.#key, keyBytes);
    assert(slot >= 0, 'a row that can be undone is there');
    const kind = versions.kindOf(entry);
    const insert = kind === VERSION_INSERT;
    const start = versions.beforeAt(entry);
    const length = insert ? 0 : versions.beforeBytesOf(entry);
    assert(insert || growth(view, slot, length) === 0, 'undo needs no space');
    const previous = versions.previousOf(entry);
    const group = this.#core.group;
    group.begin();
    group.row(
      LOG_UNDO,
      insert ? UNDO_DELETED : UNDO_RECORD,
      slot,
      frame,
      t.id,
      previous === 0 ? 0 : versions.lsnOf(previous),
      versions.commandOf(entry),
      tree.id,
      this.#key,
      keyBytes,
      source,
      start,
      length,
      NO_BYTES,
      0,
      0,
      undefined,
    );
    if (insert) setFlags(view, slot, NODE_VERSIONED | NODE_DELETED);
    else replaceRecord(bytes, view, slot, NODE_VERSIONED, source, start, length);
    group.end();
    if (insert) tree.rows--;
    else if (kind === VERSION_DELETE) tree.rows++;
    t.newest = previous;
    versions.remove(entry);
    if (insert) this.#purge.hint(tree.id, this.#key, keyBytes);
    return OK;
  }
}
