/**
 * Values too long for their record, in the long-value tree of the tree whose records point to them.
 *
 *   head    key: id (u48 big-endian)                        record: length u64
 *   chunk   key: id (u48 big-endian), number u32 big-endian  record: bytes, near a page's size; the last one is shorter
 *
 * A value is never changed in place. Its head carries its life: removing flags the head, and when everybody sees that, purge
 * removes the chunks first and the head last; so a crash leaves flags, never chunks without a head.
 */
import { fail } from '../base/errors.ts';
import type { Task } from '../base/task.ts';
import type { BTree } from './btree.ts';
import { EXISTS, NEED, NONE, OK, type Row } from './contracts.ts';
import type { Core } from './core.ts';
import {
  LONG_CHUNK_KEY_BYTES,
  LONG_HEAD_BYTES,
  longChunkBytes,
  NODE_RECORD_AT,
  NODE_RECORD_BYTES_AT,
  PAGE_PREV_AT,
  readU64,
  writeU64,
} from './layout.ts';
import { copyKey, nodeAt, searchPage, slotCount } from './page.ts';
import type { RowReads } from './row-reads.ts';
import { makeRow } from './row-versions.ts';
import type { Rows } from './rows.ts';
import type { Txn } from './transaction.ts';
import type { Tree } from './tree.ts';
import type { TreeCatalog } from './tree-catalog.ts';

const LENGTH_BYTES = 8;

/** Writes the key of a chunk (or of the head, whose first bytes are the same) into `key`. */
export function longKey(key: Uint8Array, id: number, chunk: number): void {
  const view = new DataView(key.buffer, key.byteOffset);
  view.setUint16(0, Math.floor(id / 2 ** 32), false);
  view.setUint32(2, id >>> 0, false);
  view.setUint32(6, chunk, false);
}

export class LongValues {
  readonly #core: Core;
  readonly #btree: BTree;
  readonly #reads: RowReads;
  readonly #rows: Rows;
  readonly #catalog: TreeCatalog;
  readonly #chunkBytes: number;
  readonly #row: Row = makeRow();

  constructor(core: Core, btree: BTree, reads: RowReads, rows: Rows, catalog: TreeCatalog) {
    this.#core = core;
    this.#btree = btree;
    this.#reads = reads;
    this.#rows = rows;
    this.#catalog = catalog;
    this.#chunkBytes = longChunkBytes(core.pageBytes);
  }

  *write(t: Txn, owner: Tree, bytes: Uint8Array, start: number, length: number): Task<number> {
    const tree = yield* this.#catalog.longTreeOf(owner);
    const id = yield* this.#nextId(tree);
    const key = new Uint8Array(LONG_CHUNK_KEY_BYTES);
    const head = new Uint8Array(LENGTH_BYTES);
    writeU64(new DataView(head.buffer), 0, length);
    longKey(key, id, 0);
    yield* this.#insert(t, tree, key.slice(), LONG_HEAD_BYTES, head, 0, LENGTH_BYTES);
    for (let chunk = 0, at = 0; at < length; chunk++, at += this.#chunkBytes) {
      longKey(key, id, chunk);
      yield* this.#insert(
        t,
        tree,
        key,
        LONG_CHUNK_KEY_BYTES,
        bytes,
        start + at,
        Math.min(this.#chunkBytes, length - at),
      );
    }
    return id;
  }

  *read(owner: Tree, id: number, from: number, length: number, into: Uint8Array, at: number): Task<void> {
    const tree = this.#core.tree(owner.longTree);
    const key = new Uint8Array(LONG_CHUNK_KEY_BYTES);
    for (let done = 0; done < length; ) {
      const chunk = Math.floor((from + done) / this.#chunkBytes);
      longKey(key, id, chunk);
      const frame = this.#btree.descend(tree, key, LONG_CHUNK_KEY_BYTES);
      if (frame < 0) {
        yield this.#core.need;
        continue;
      }
      const bytes = this.#core.cache.bytes[frame]!;
      const view = this.#core.cache.views[frame]!;
      const slot = searchPage(bytes, view, key, LONG_CHUNK_KEY_BYTES);
      if (slot < 0) throw fail('data_corrupted', `missing chunk number ${chunk} for long value ${id}`);
      const node = nodeAt(view, slot);
      const skip = from + done - chunk * this.#chunkBytes;
      const n = Math.min(view.getUint16(node + NODE_RECORD_BYTES_AT, true) - skip, length - done);
      if (n <= 0) throw fail('data_corrupted', `long value ${id} is shorter than its reference says`);
      const record = node + NODE_RECORD_AT + skip;
      into.set(bytes.subarray(record, record + n), at + done);
      done += n;
    }
  }

  *remove(t: Txn, owner: Tree, id: number): Task<void> {
    const tree = this.#core.tree(owner.longTree);
    const key = new Uint8Array(LONG_CHUNK_KEY_BYTES);
    longKey(key, id, 0);
    while (this.#rows.remove(t, tree, key, LONG_HEAD_BYTES, undefined) === NEED) yield this.#core.need;
  }

  /** Ids ascend; the next one is found behind the last one when the tree is first written after opening. */
  *#nextId(tree: Tree): Task<number> {
    while (tree.nextLong === 0) {
      const last = this.#lastId(tree);
      if (last === NEED) yield this.#core.need;
      else tree.nextLong = last + 1;
    }
    return tree.nextLong++;
  }

  /** The highest id in the tree, 0 if it is empty. An attempt. */
  #lastId(tree: Tree): number {
    const { cache } = this.#core;
    let frame = this.#btree.descendEdge(tree, true);
    if (frame < 0) return NEED;
    // The last leaves may have been purged empty.
    while (slotCount(cache.views[frame]!) === 0) {
      const previous = cache.views[frame]!.getUint32(PAGE_PREV_AT, true);
      if (previous === 0) return 0;
      frame = cache.frameOf(previous);
      if (frame < 0) return this.#core.wantPage(previous);
    }
    const view = cache.views[frame]!;
    const key = this.#row.key;
    copyKey(cache.bytes[frame]!, view, slotCount(view) - 1, key);
    const keyView = new DataView(key.buffer);
    return keyView.getUint16(0, false) * 2 ** 32 + keyView.getUint32(2, false);
  }

  *#insert(
    t: Txn,
    tree: Tree,
    key: Uint8Array,
    keyBytes: number,
    record: Uint8Array,
    start: number,
    length: number,
  ): Task<void> {
    for (;;) {
      const status = this.#rows.insert(t, tree, key, keyBytes, record, start, length);
      if (status === OK) return;
      if (status === EXISTS) throw fail('data_corrupted', 'a long value has this id already');
      yield this.#core.need;
    }
  }

  /** Length of a value; NONE-like undefined when there is no such head. For tests and the checker. */
  *lengthOf(owner: Tree, id: number): Task<number | undefined> {
    const key = new Uint8Array(LONG_CHUNK_KEY_BYTES);
    longKey(key, id, 0);
    const tree = this.#core.tree(owner.longTree);
    for (;;) {
      const status = this.#reads.newest(tree, key, LONG_HEAD_BYTES, this.#row);
      if (status === NEED) yield this.#core.need;
      else return status === NONE ? undefined : readU64(this.#row.view, this.#row.start);
    }
  }
}
