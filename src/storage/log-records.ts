/**
 * The records inside a log group. Every one begins
 *
 *   type u8 | flags u8 | slot u16 | pgno u32 | bytes u32 (of the whole record, multiple of 4)
 *
 * and continues by type:
 *
 *   IMAGE                low u16 | heap u16 | bytes 0 … low − 1 | bytes heap … end        the page without its free middle
 *   ROW_*, UNDO, PUT     transaction u64 | undo next u64 | command u32 | tree u32 | key u16 | after u16 | before u16 |
 *                        moved u16 | key | after | before | moved                        readable alone
 *   NODE_INSERT          key u16 | record u16 | key | record
 *   NODE_REPLACE         record u16 | pad u16 | record
 *   RECLAIM              removed u16 | trimmed u16 | slots removed, descending | slots trimmed
 *   REBUILD              from u16 | to u16 | prefix u16
 *   LINKS                previous u32 | next u32
 *   RUN                  transaction u64 | undo next u64 | command u32 | tree u32 | first u16 | last u16 | keys
 *   UNDO_RUN             slots u16 | pad u16 | slots
 *   COMMIT, END, RUN_UNDONE   transaction u64 | wall clock µs u64
 *   GONE                 first u32 | last u32       pages that are trimmed or cut off: older records of theirs count no more
 *   ROOT_ROW             next tree u32 | catalog root u32 | the database root's row
 *
 * Types from HANDLED on belong to higher layers, which register a `RedoHandler`.
 */
import type { Log } from './log.ts';
import { copyBytes } from './page.ts';

export const LOG_IMAGE = 1;
export const LOG_ROW_INSERT = 2;
export const LOG_ROW_UPDATE = 3;
export const LOG_ROW_DELETE = 4;
export const LOG_UNDO = 5;
export const LOG_PUT = 6;
export const LOG_NODE_INSERT = 7;
export const LOG_NODE_REPLACE = 8;
export const LOG_RECLAIM = 9;
export const LOG_REBUILD = 10;
export const LOG_LINKS = 11;
export const LOG_RUN = 12;
export const LOG_COMMIT = 13;
export const LOG_END = 14;
export const LOG_ROOT_ROW = 15;
/** Undo of a bulk run on one leaf: every listed node is flagged deleted. */
export const LOG_UNDO_RUN = 16;
/** The rollback of a transaction's newest run is complete. */
export const LOG_RUN_UNDONE = 17;
/** Pages lose their place on disk: what the log said of them before counts no more. */
export const LOG_GONE = 18;
export const LOG_HANDLED = 64;

export const RECORD_FLAGS_AT = 1;
export const RECORD_SLOT_AT = 2;
export const RECORD_PGNO_AT = 4;
export const RECORD_BYTES_AT = 8;
export const RECORD_BODY_AT = 12;

/** IMAGE: the page's former content does not matter, it need not be readable. */
export const IMAGE_NEW = 1;
/** ROW_INSERT, PUT: the node exists (flagged deleted, or to be replaced). */
export const ROW_NODE_EXISTS = 1;
/** UNDO: the node ends up flagged deleted; its record stays when `after` is empty. */
export const UNDO_DELETED = 1;
/** UNDO: the record is restored from `after`. */
export const UNDO_RECORD = 2;
/** ROW_UPDATE: key columns changed, so it locks as FOR UPDATE does. */
export const ROW_KEY_CHANGED = 2;

// Body of row records, from RECORD_BODY_AT.
export const ROW_TRANSACTION_AT = 12;
export const ROW_UNDO_NEXT_AT = 20;
export const ROW_COMMAND_AT = 28;
export const ROW_TREE_AT = 32;
export const ROW_KEY_BYTES_AT = 36;
export const ROW_AFTER_BYTES_AT = 38;
export const ROW_BEFORE_BYTES_AT = 40;
export const ROW_MOVED_BYTES_AT = 42;
export const ROW_DATA_AT = 44;

export const RUN_FIRST_BYTES_AT = 36;
export const RUN_LAST_BYTES_AT = 38;
export const RUN_DATA_AT = 40;

export const END_TRANSACTION_AT = 12;
export const GONE_FIRST_AT = 12;
export const GONE_LAST_AT = 16;
export const ROOT_NEXT_TREE_AT = 12;
export const ROOT_CATALOG_AT = 16;
export const ROOT_DATA_AT = 20;

const TWO_32 = 2 ** 32;

/** Writes a record's header and returns where it begins; its body goes to `log.at`. `closeRecord` ends it. */
export function openRecord(log: Log, type: number, flags: number, slot: number, pgno: number): number {
  const at = log.at;
  const view = log.view;
  view.setUint8(at, type);
  view.setUint8(at + RECORD_FLAGS_AT, flags);
  view.setUint16(at + RECORD_SLOT_AT, slot, true);
  view.setUint32(at + RECORD_PGNO_AT, pgno, true);
  log.at = at + RECORD_BODY_AT;
  return at;
}

export function closeRecord(log: Log, at: number): void {
  while (((log.at - at) & 3) !== 0) log.bytes[log.at++] = 0;
  log.view.setUint32(at + RECORD_BYTES_AT, log.at - at, true);
}

export function putU16(log: Log, value: number): void {
  log.view.setUint16(log.at, value, true);
  log.at += 2;
}

export function putU32(log: Log, value: number): void {
  log.view.setUint32(log.at, value, true);
  log.at += 4;
}

export function putU64(log: Log, value: number): void {
  log.view.setUint32(log.at, value >>> 0, true);
  log.view.setUint32(log.at + 4, Math.floor(value / TWO_32), true);
  log.at += 8;
}

export function putBytes(log: Log, from: Uint8Array, start: number, length: number): void {
  copyBytes(from, start, log.bytes, log.at, length);
  log.at += length;
}
