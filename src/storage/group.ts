/**
 * The apply half of a mini-transaction (law 2): between `begin` and `end` pages change and the log says how.
 *
 * Each method writes its record and then changes the page with the same function that recovery will use. The first change
 * of a page after the start of a checkpoint is preceded by the page's image (`imageFloor`), so a torn write can be repaired.
 * Nothing here waits or fails; the caller has made sure of log room, frames and pages.
 */
import { assert, VERIFY } from '../base/assert.ts';
import {
  NODE_VERSIONED,
  PAGE_HEAP_AT,
  PAGE_LSN_AT,
  PAGE_NEWEST_AT,
  PAGE_NEXT_AT,
  PAGE_PGNO_AT,
  PAGE_PREV_AT,
  PAGE_SLOTS_AT,
  readU64,
  SLOT_BYTES,
  SLOTS_AT,
  writeU64,
} from './layout.ts';
import type { Log } from './log.ts';
import {
  closeRecord,
  IMAGE_NEW,
  LOG_GONE,
  LOG_IMAGE,
  LOG_LINKS,
  LOG_NODE_INSERT,
  LOG_NODE_REPLACE,
  LOG_REBUILD,
  LOG_RECLAIM,
  openRecord,
  putBytes,
  putU16,
  putU32,
  putU64,
} from './log-records.ts';
import { insertNode, nodeFlags, removeNode, replaceRecord, trimSlack } from './page.ts';
import { rebuildPage } from './page-build.ts';
import type { PageCache } from './page-cache.ts';
import { verifyPage } from './page-check.ts';

const EMPTY = new Uint8Array(0);

export class Group {
  readonly log: Log;
  readonly cache: PageCache;
  /** Pages whose LSN is below this position get an image before their next change: the newest started checkpoint's redo point. */
  imageFloor = 0;
  /** Pages made or remade whole since the database was opened. */
  newPages = 0;
  /** Position of the open group. */
  lsn = 0;
  #open = false;

  constructor(log: Log, cache: PageCache) {
    this.log = log;
    this.cache = cache;
  }

  begin(): number {
    assert(!this.#open, 'a group is open');
    this.#open = true;
    this.lsn = this.log.begin();
    return this.lsn;
  }

  end(): void {
    assert(this.#open, 'no group is open');
    this.#open = false;
    this.log.end();
  }

  /** Announces a change of a resident page. Every change is preceded by it. */
  touch(frame: number): void {
    const view = this.cache.views[frame]!;
    if (readU64(view, PAGE_LSN_AT) < this.imageFloor) this.#image(frame, 0);
    writeU64(view, PAGE_LSN_AT, this.lsn);
    this.cache.markDirty(frame);
  }

  /** Logs a page that was made or remade whole in this group. */
  newPage(frame: number): void {
    const view = this.cache.views[frame]!;
    writeU64(view, PAGE_LSN_AT, this.lsn);
    this.cache.markDirty(frame);
    if (VERIFY) verifyPage(this.cache.bytes[frame]!, view);
    this.newPages++;
    this.#image(frame, IMAGE_NEW);
  }

  insertNode(
    frame: number,
    slot: number,
    key: Uint8Array,
    keyBytes: number,
    record: Uint8Array,
    start: number,
    length: number,
  ): void {
    this.touch(frame);
    const log = this.log;
    const at = openRecord(log, LOG_NODE_INSERT, 0, slot, this.#pgno(frame));
    putU16(log, keyBytes);
    putU16(log, length);
    putBytes(log, key, 0, keyBytes);
    putBytes(log, record, start, length);
    closeRecord(log, at);
    insertNode(
      this.cache.bytes[frame]!,
      this.cache.views[frame]!,
      slot,
      0,
      key,
      keyBytes,
      record,
      start,
      length,
      length,
    );
  }

  replaceNode(frame: number, slot: number, record: Uint8Array, start: number, length: number): void {
    this.touch(frame);
    const log = this.log;
    const at = openRecord(log, LOG_NODE_REPLACE, 0, slot, this.#pgno(frame));
    putU16(log, length);
    putU16(log, 0);
    putBytes(log, record, start, length);
    closeRecord(log, at);
    const view = this.cache.views[frame]!;
    replaceRecord(this.cache.bytes[frame]!, view, slot, nodeFlags(view, slot) & NODE_VERSIONED, record, start, length);
  }

  /** Removes nodes and cuts slack. Both lists hold slots as they are before; `removed` descends. */
  reclaim(frame: number, removed: readonly number[], trimmed: readonly number[]): void {
    this.touch(frame);
    const log = this.log;
    const at = openRecord(log, LOG_RECLAIM, 0, 0, this.#pgno(frame));
    putU16(log, removed.length);
    putU16(log, trimmed.length);
    for (const slot of removed) putU16(log, slot);
    for (const slot of trimmed) putU16(log, slot);
    closeRecord(log, at);
    reclaimNodes(this.cache.bytes[frame]!, this.cache.views[frame]!, removed, trimmed);
  }

  /** Keeps slots from … to − 1 of a page, under a new prefix. */
  rebuild(frame: number, from: number, to: number, prefixBytes: number): void {
    this.touch(frame);
    const log = this.log;
    const at = openRecord(log, LOG_REBUILD, 0, 0, this.#pgno(frame));
    putU16(log, from);
    putU16(log, to);
    putU16(log, prefixBytes);
    closeRecord(log, at);
    rebuildPage(this.cache.bytes[frame]!, this.cache.views[frame]!, from, to, prefixBytes);
  }

  /** Sets a page's neighbours. */
  link(frame: number, previous: number, next: number): void {
    this.touch(frame);
    const log = this.log;
    const at = openRecord(log, LOG_LINKS, 0, 0, this.#pgno(frame));
    putU32(log, previous);
    putU32(log, next);
    closeRecord(log, at);
    const view = this.cache.views[frame]!;
    view.setUint32(PAGE_PREV_AT, previous, true);
    view.setUint32(PAGE_NEXT_AT, next, true);
  }

  linkPrevious(frame: number, previous: number): void {
    this.link(frame, previous, this.cache.views[frame]!.getUint32(PAGE_NEXT_AT, true));
  }

  linkNext(frame: number, next: number): void {
    this.link(frame, this.cache.views[frame]!.getUint32(PAGE_PREV_AT, true), next);
  }

  /** Pages lose their place on disk: by a hole, or because the file ends before them. They are free and not in the cache. */
  gone(first: number, last: number): void {
    const log = this.log;
    const at = openRecord(log, LOG_GONE, 0, 0, 0);
    putU32(log, first);
    putU32(log, last);
    closeRecord(log, at);
  }

  /** A row record: see `log-records.ts`. The caller changes the page. */
  row(
    type: number,
    flags: number,
    slot: number,
    frame: number,
    transaction: number,
    undoNext: number,
    command: number,
    tree: number,
    key: Uint8Array,
    keyBytes: number,
    after: Uint8Array,
    afterAt: number,
    afterBytes: number,
    before: Uint8Array,
    beforeAt: number,
    beforeBytes: number,
    moved: Uint8Array | undefined,
  ): void {
    this.touch(frame);
    const log = this.log;
    const at = openRecord(log, type, flags, slot, this.#pgno(frame));
    putU64(log, transaction);
    putU64(log, undoNext);
    putU32(log, command);
    putU32(log, tree);
    putU16(log, keyBytes);
    putU16(log, afterBytes);
    putU16(log, beforeBytes);
    putU16(log, moved === undefined ? 0 : moved.length);
    putBytes(log, key, 0, keyBytes);
    putBytes(log, after, afterAt, afterBytes);
    putBytes(log, before, beforeAt, beforeBytes);
    if (moved !== undefined) putBytes(log, moved, 0, moved.length);
    closeRecord(log, at);
    noteTransaction(this.cache.views[frame]!, transaction);
  }

  #image(frame: number, flags: number): void {
    const log = this.log;
    const view = this.cache.views[frame]!;
    const bytes = this.cache.bytes[frame]!;
    const low = SLOTS_AT + SLOT_BYTES * view.getUint16(PAGE_SLOTS_AT, true);
    const heap = view.getUint16(PAGE_HEAP_AT, true);
    const at = openRecord(log, LOG_IMAGE, flags, 0, this.#pgno(frame));
    putU16(log, low);
    putU16(log, heap);
    putBytes(log, bytes, 0, low);
    putBytes(log, bytes, heap, bytes.length - heap);
    closeRecord(log, at);
  }

  #pgno(frame: number): number {
    return this.cache.views[frame]!.getUint32(PAGE_PGNO_AT, true);
  }
}

/** A transaction changed a row of the page. */
export function noteTransaction(view: DataView, transaction: number): void {
  if (readU64(view, PAGE_NEWEST_AT) < transaction) writeU64(view, PAGE_NEWEST_AT, transaction);
}

/** Trims first, so that the slots of both lists mean what they meant before; then removes, from the last slot down. */
export function reclaimNodes(
  bytes: Uint8Array,
  view: DataView,
  removed: readonly number[],
  trimmed: readonly number[],
): void {
  for (const slot of trimmed) trimSlack(bytes, view, slot);
  for (const slot of removed) removeNode(bytes, view, slot);
}

/** Nothing: for records without a part. */
export const NO_BYTES: Uint8Array = EMPTY;
