/**
 * Redo: applies the records of one log group to pages.
 *
 * A page takes a record when its LSN is below the group's. LSNs are raised only when the whole group was applied, so several
 * records for one page all count. A page that cannot be read waits for its image: every page written since the redo point
 * has one in the log, before anything that builds on it.
 */
import { fail } from '../base/errors.ts';
import type { GonePages } from './gone-pages.ts';
import { noteTransaction, reclaimNodes } from './group.ts';
import { NODE_DELETED, NODE_VERSIONED, PAGE_LSN_AT, PAGE_NEXT_AT, PAGE_PREV_AT, readU64, writeU64 } from './layout.ts';
import type { GroupAt } from './log-generation.ts';
import {
  LOG_HANDLED,
  LOG_IMAGE,
  LOG_LINKS,
  LOG_NODE_INSERT,
  LOG_NODE_REPLACE,
  LOG_PUT,
  LOG_REBUILD,
  LOG_RECLAIM,
  LOG_ROW_DELETE,
  LOG_ROW_INSERT,
  LOG_ROW_UPDATE,
  LOG_UNDO,
  LOG_UNDO_RUN,
  RECORD_BODY_AT,
  RECORD_BYTES_AT,
  RECORD_FLAGS_AT,
  RECORD_PGNO_AT,
  RECORD_SLOT_AT,
  ROW_AFTER_BYTES_AT,
  ROW_DATA_AT,
  ROW_KEY_BYTES_AT,
  ROW_NODE_EXISTS,
  ROW_TRANSACTION_AT,
  UNDO_DELETED,
  UNDO_RECORD,
} from './log-records.ts';
import { insertNode, nodeFlags, replaceRecord, setFlags } from './page.ts';
import { rebuildPage } from './page-build.ts';
import { PAGE_GOOD, type PageCache } from './page-cache.ts';

/** Replays the records of a higher layer. Types from `LOG_HANDLED` on; the record lies in `bytes` from `at`. */
export interface RedoHandler {
  redo(type: number, bytes: Uint8Array, view: DataView, at: number, lsn: number): void;
}

/** More than any group touches. */
const FRAMES_PER_GROUP = 40;

const scratchKey = new Uint8Array(8192);

export class Redo {
  readonly #cache: PageCache;
  readonly #touched: number[] = [];
  /** Pages that were unreadable when a record asked for them: their image must come, or they were freed for good. */
  readonly unreadable: Set<number> = new Set();
  readonly #handler: RedoHandler | undefined;

  constructor(cache: PageCache, handler: RedoHandler | undefined) {
    this.#cache = cache;
    this.#handler = handler;
  }

  /** Applies every page record of a group, except of pages that are gone since. */
  apply(group: GroupAt, gone: GonePages): void {
    const { bytes, view, lsn } = group;
    // No page of a group may be written or evicted before the whole group is applied.
    if (!this.#cache.ensureFree(FRAMES_PER_GROUP)) this.#cache.writeDirty(Number.POSITIVE_INFINITY);
    if (!this.#cache.ensureFree(FRAMES_PER_GROUP)) throw fail('out_of_memory', 'page cache is too small to recover');
    for (let at = group.from; at + RECORD_BODY_AT <= group.to; at += view.getUint32(at + RECORD_BYTES_AT, true)) {
      const type = view.getUint8(at);
      if (type === 0) break;
      if (type >= LOG_HANDLED) {
        if (this.#handler === undefined) throw fail('data_corrupted', `log record of unknown type ${type}`);
        this.#handler.redo(type, bytes, view, at, lsn);
        continue;
      }
      const pgno = view.getUint32(at + RECORD_PGNO_AT, true);
      if (pgno === 0 || gone.covers(pgno, lsn)) continue;
      const frame = type === LOG_IMAGE ? this.#frameForImage(pgno) : this.#frame(pgno);
      if (frame < 0 || readU64(this.#cache.views[frame]!, PAGE_LSN_AT) >= lsn) continue;
      this.#record(type, frame, bytes, view, at);
      this.#touched.push(frame);
    }
    for (const frame of this.#touched) {
      writeU64(this.#cache.views[frame]!, PAGE_LSN_AT, lsn);
      this.#cache.markDirty(frame);
    }
    this.#touched.length = 0;
  }

  #frame(pgno: number): number {
    const resident = this.#cache.peek(pgno);
    if (resident >= 0) return resident;
    if (this.#cache.loadAny(pgno) === PAGE_GOOD) return this.#cache.peek(pgno);
    this.unreadable.add(pgno);
    return -1;
  }

  #frameForImage(pgno: number): number {
    const frame = this.#frame(pgno);
    if (frame >= 0) return frame;
    this.unreadable.delete(pgno);
    const made = this.#cache.takeFrame(pgno);
    writeU64(this.#cache.views[made]!, PAGE_LSN_AT, 0);
    return made;
  }

  #record(type: number, frame: number, log: Uint8Array, logView: DataView, at: number): void {
    const bytes = this.#cache.bytes[frame]!;
    const view = this.#cache.views[frame]!;
    const slot = logView.getUint16(at + RECORD_SLOT_AT, true);
    const body = at + RECORD_BODY_AT;
    if (type === LOG_IMAGE) {
      restoreImage(bytes, view, log, logView, body);
    } else if (type <= LOG_PUT) {
      redoRow(type, bytes, view, slot, log, logView, at);
    } else if (type === LOG_NODE_INSERT) {
      const keyBytes = logView.getUint16(body, true);
      const length = logView.getUint16(body + 2, true);
      scratchKey.set(log.subarray(body + 4, body + 4 + keyBytes));
      insertNode(bytes, view, slot, 0, scratchKey, keyBytes, log, body + 4 + keyBytes, length, length);
    } else if (type === LOG_NODE_REPLACE) {
      const flags = nodeFlags(view, slot) & NODE_VERSIONED;
      replaceRecord(bytes, view, slot, flags, log, body + 4, logView.getUint16(body, true));
    } else if (type === LOG_RECLAIM) {
      const removed = slotList(logView, body + 4, logView.getUint16(body, true));
      const trimmed = slotList(logView, body + 4 + 2 * removed.length, logView.getUint16(body + 2, true));
      reclaimNodes(bytes, view, removed, trimmed);
    } else if (type === LOG_REBUILD) {
      const from = logView.getUint16(body, true);
      rebuildPage(bytes, view, from, logView.getUint16(body + 2, true), logView.getUint16(body + 4, true));
    } else if (type === LOG_LINKS) {
      view.setUint32(PAGE_PREV_AT, logView.getUint32(body, true), true);
      view.setUint32(PAGE_NEXT_AT, logView.getUint32(body + 4, true), true);
    } else if (type === LOG_UNDO_RUN) {
      for (const s of slotList(logView, body + 4, logView.getUint16(body, true))) {
        setFlags(view, s, NODE_DELETED | NODE_VERSIONED);
      }
    } else throw fail('data_corrupted', `log record of unknown type ${type}`);
  }
}

function slotList(view: DataView, at: number, count: number): number[] {
  const slots = [];
  for (let i = 0; i < count; i++) slots.push(view.getUint16(at + 2 * i, true));
  return slots;
}

function restoreImage(bytes: Uint8Array, view: DataView, log: Uint8Array, logView: DataView, body: number): void {
  const low = logView.getUint16(body, true);
  const heap = logView.getUint16(body + 2, true);
  // The LSN in the image is that of its time; the page takes the group's only when the group is complete.
  const lsn = readU64(view, PAGE_LSN_AT);
  bytes.set(log.subarray(body + 4, body + 4 + low));
  bytes.fill(0, low, heap);
  bytes.set(log.subarray(body + 4 + low, body + 4 + low + bytes.length - heap), heap);
  writeU64(view, PAGE_LSN_AT, lsn);
}

function redoRow(
  type: number,
  bytes: Uint8Array,
  view: DataView,
  slot: number,
  log: Uint8Array,
  logView: DataView,
  at: number,
): void {
  const flags = logView.getUint8(at + RECORD_FLAGS_AT);
  const keyBytes = logView.getUint16(at + ROW_KEY_BYTES_AT, true);
  const length = logView.getUint16(at + ROW_AFTER_BYTES_AT, true);
  const keyAt = at + ROW_DATA_AT;
  const after = keyAt + keyBytes;
  noteTransaction(view, readU64(logView, at + ROW_TRANSACTION_AT));
  if (type === LOG_ROW_DELETE) setFlags(view, slot, NODE_VERSIONED | NODE_DELETED);
  else if (type === LOG_UNDO) {
    const nodeFlag = NODE_VERSIONED | ((flags & UNDO_DELETED) !== 0 ? NODE_DELETED : 0);
    if ((flags & UNDO_RECORD) !== 0) replaceRecord(bytes, view, slot, nodeFlag, log, after, length);
    else setFlags(view, slot, nodeFlag);
  } else {
    const nodeFlag = type === LOG_PUT ? 0 : NODE_VERSIONED;
    const exists = type === LOG_ROW_UPDATE || (flags & ROW_NODE_EXISTS) !== 0;
    if (exists) replaceRecord(bytes, view, slot, nodeFlag, log, after, length);
    else {
      scratchKey.set(log.subarray(keyAt, after));
      insertNode(bytes, view, slot, nodeFlag, scratchKey, keyBytes, log, after, length, length);
    }
  }
}

/** Types of row records, for whoever rebuilds transactions from the log. */
export function isRowChange(type: number): boolean {
  return type === LOG_ROW_INSERT || type === LOG_ROW_UPDATE || type === LOG_ROW_DELETE;
}
