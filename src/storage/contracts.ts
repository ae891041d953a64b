/**
 * What storage offers to the layers above: trees of versioned rows with transactions, as interfaces.
 *
 * Keys and records are bytes in the caller's buffer: always (bytes, start, length) or (bytes, length from 0), never a fresh
 * view per call. Storage knows no columns; it does know whole keys, records, transactions and snapshots.
 *
 * Functions named here as *attempts* return a status. {@link NEED} means: something is missing (a page, room, a lock),
 * nothing was changed, {@link Store.need} holds the request; yield it, then call again with the same arguments.
 * Everything that fills a {@link Row} or moves a {@link LeafScan} points into cached pages: it is valid until the next
 * suspension of any task, never after (law 3).
 *
 * A leaf as generated code sees it:
 *
 *   slot i:  nodeAt   = view.getUint16(SLOTS_AT + 2 * i, true)          (layout.ts exports the constants)
 *            recordAt = nodeAt + NODE_RECORD_AT
 *            record length = view.getUint16(nodeAt + NODE_RECORD_BYTES_AT, true)
 */
import type { Request, Task } from '../base/task.ts';

/** Statuses of attempts. */
export const NEED = -1;
/** `find`: no row visible. `lockRow`: the newest committed state has no such row. Scans: end. */
export const NONE = 0;
export const OK = 1;
/** `insert`, `checkUnique`: a live row has this key. */
export const EXISTS = 2;
/** `lockRow` with `LOCK_NOWAIT` or `LOCK_SKIP`: another transaction holds a conflicting lock. */
export const WOULD_BLOCK = 3;

/** Row lock modes, weakest first; they conflict as PostgreSQL's FOR KEY SHARE … FOR UPDATE do. */
export const ROW_KEY_SHARE = 0;
export const ROW_SHARE = 1;
export const ROW_NO_KEY_UPDATE = 2;
export const ROW_UPDATE = 3;
export type RowLockMode = 0 | 1 | 2 | 3;

export const LOCK_WAIT = 0;
export const LOCK_NOWAIT = 1;
export const LOCK_SKIP = 2;
export type LockPolicy = 0 | 1 | 2;

/** Table lock modes in PostgreSQL's order and with its conflicts. */
export const TABLE_ACCESS_SHARE = 1;
export const TABLE_ROW_SHARE = 2;
export const TABLE_ROW_EXCLUSIVE = 3;
export const TABLE_SHARE_UPDATE_EXCLUSIVE = 4;
export const TABLE_SHARE = 5;
export const TABLE_SHARE_ROW_EXCLUSIVE = 6;
export const TABLE_EXCLUSIVE = 7;
export const TABLE_ACCESS_EXCLUSIVE = 8;
export type TableLockMode = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

/** A tree's identity, never reused; 1 … 2^32 − 1. */
export type TreeId = number;

/** The tree that the engine's catalog of objects lives in; it exists from the file's creation. */
export const CATALOG_TREE: TreeId = 16;

/** Tree kinds, as the tree catalog stores them. */
export const TREE_TABLE = 0;
export const TREE_INDEX = 1;
export const TREE_LONG = 2;
export const TREE_SYSTEM = 3;
export type TreeKind = 0 | 1 | 2 | 3;

/** What a statement or a repeatable-read transaction sees. Registered with the store while in use (it holds the horizon). */
export interface Snapshot {
  /** Changes of transactions whose commit sequence is ≤ this are visible. */
  readonly commitSeq: number;
  /** Every transaction id below this had ended when the snapshot was taken. */
  readonly oldestOpen: number;
  /** The transaction on whose behalf one looks; 0 if it has not written. Its own changes count by command. */
  readonly transaction: Transaction;
  /** Own changes of commands below this are visible. */
  readonly command: number;
}

/** A unit of atomicity. Ids are given at the first write, so readers cost nothing. */
export interface Transaction {
  /** 0 until the first write. */
  readonly id: number;
  /** Number of the current command; the session raises it between statements. New changes carry it. */
  command: number;
  /** Milliseconds that a wait for a lock may take; 0 = no limit. Expiry is 55P03. */
  lockTimeoutMs: number;
  /** False for `synchronous_commit = off`. */
  durable: boolean;
  /** Called once by a commit, when its changes are visible and before anybody who waits for its locks goes on. */
  onVisible: (() => void) | undefined;
  /** Names the transaction in lock reports: the session's process id. */
  readonly owner: number;
  /** Takes a snapshot of now, for the current command. Release it when its statement ends. */
  snapshot(): Snapshot;
  release(snapshot: Snapshot): void;
  /** A place to roll back to; marks nest. */
  mark(): number;
  /** Forgets a mark and those after it; what was done since stays. */
  releaseMark(mark: number): void;
  /** Undoes everything after the mark, and frees the locks taken after it. */
  rollbackTo(mark: number): Task<void>;
  /** Makes all changes durable, then visible, then frees the locks. Nothing is acknowledged before it returns. */
  commit(): Task<void>;
  rollback(): Task<void>;
  /** True when {@link lockTable} would not wait; for a look that is over before anything else runs. */
  tableIsFree(objectId: number, mode: TableLockMode): boolean;
  /** As {@link lockTable}, on the spot; false = it would have to wait, and nothing was taken. */
  lockTableNow(objectId: number, mode: TableLockMode): boolean;
  /** Takes a lock on a table (any object id) until the transaction ends. 40P01 on deadlock. */
  lockTable(objectId: number, mode: TableLockMode, policy: LockPolicy): Task<boolean>;
  /**
   * Waits for the end of the transactions that hold a lock on a table now which stands in the way of this one. Takes nothing, and
   * nobody queues behind it. 40P01 on deadlock.
   */
  awaitTable(objectId: number, mode: TableLockMode): Task<void>;
  /** Takes an advisory lock until the transaction ends; a key is any text. 40P01 on deadlock, 55P03, 53200. */
  lockAdvisory(key: string, isExclusive: boolean, policy: LockPolicy): Task<boolean>;
}

/** A lock as others see it: held, or waited for. */
export interface LockFacts {
  /** A table or another object by its number (names that are being made have negative ones), an advisory key, a transaction by its id. */
  readonly kind: 'table' | 'advisory' | 'transaction';
  readonly name: string | number;
  readonly owner: number;
  /** Among the eight of tables. */
  readonly mode: TableLockMode;
  readonly isGranted: boolean;
}

/** The advisory locks that a session holds until it gives them back; each as often as it took it. */
export interface SessionLocks {
  /** Within a transaction, which lends its timeout. 40P01 on deadlock, 55P03, 53200. */
  lock(transaction: Transaction, key: string, isExclusive: boolean, policy: LockPolicy): Task<boolean>;
  /** False: the session does not hold it. */
  unlock(key: string, isExclusive: boolean): boolean;
  unlockAll(): void;
}

/** Where a record was found, and in which state. Made once by the caller, filled by attempts. */
export interface Row {
  bytes: Uint8Array;
  view: DataView;
  /** First byte of the record in `bytes`. */
  start: number;
  length: number;
  /** `lockRow`, `checkUnique`: commit sequence of the newest change; 0 = older than every snapshot; own changes: Infinity. */
  commitSeq: number;
  /** `lockRow` that found the row moved by an update of its key: the new key. */
  movedTo: Uint8Array | undefined;
  /** `checkUnique` answered EXISTS: the whole key of the live entry. */
  key: Uint8Array;
  keyLength: number;
}

/** A bound of a range of whole keys; a prefix of a key sorts before it. */
export interface KeyBound {
  readonly key: Uint8Array;
  readonly length: number;
  readonly inclusive: boolean;
}

/** A reader of leaves in key order. Reusable: `open` starts over. */
export interface LeafScan {
  /** Starts a scan of `tree` between two bounds (undefined = the end of the tree); `backward` delivers leaves from the last. */
  open(tree: TreeId, from: KeyBound | undefined, to: KeyBound | undefined, backward: boolean, snapshot: Snapshot): void;
  /** Moves to the next leaf with slots in range: OK, NONE at the end, NEED. An attempt. */
  next(): number;
  /** The leaf: valid after OK until the next suspension. A backward reader goes through the slots from `to - 1` down to `from`. */
  readonly view: DataView;
  readonly bytes: Uint8Array;
  readonly from: number;
  readonly to: number;
  /** True when every node in range is visible as it stands; else ask `resolve` for each slot. */
  readonly plain: boolean;
  /** Finds the version of a slot that the snapshot sees: true and `row` is filled, or false. Never waits. */
  resolve(slot: number): boolean;
  /** Filled by `resolve`. */
  readonly row: Row;
  /** Copies the whole key of a slot into `key` and returns its length. */
  keyAt(slot: number): number;
  readonly key: Uint8Array;
  /** Gives up the page in the middle of a leaf: the following `next` starts with this slot's key (or after it). Call before any suspension. */
  park(slot: number, after: boolean): void;
  close(): void;
}

/** Appends ascending keys at the right edge of a tree, logging one group for each filled leaf. */
export interface BulkAppender {
  /** An attempt. NONE when the key is not above all keys of the tree: use `insert` for it. */
  add(key: Uint8Array, keyLength: number, record: Uint8Array, start: number, length: number): number;
  /** Writes what is still buffered. An attempt. Nothing added is visible to the own transaction before it. */
  flush(): number;
}

/** A tree's size, counted in memory; approximate after a crash. */
export interface TreeFacts {
  readonly rows: number;
  readonly leafPages: number;
  readonly pages: number;
  readonly height: number;
}

/** {@link SpaceHints.flags}: bits of the JET_SPACEHINTS document, with its numbers. */
export const HINT_UTILIZE_PARENT_SPACE = 0x1;
export const HINT_APPEND_SEQUENTIAL = 0x2;
export const HINT_HOTPOINT_SEQUENTIAL = 0x4;
export const HINT_SCAN_FORWARD = 0x10;
export const HINT_SCAN_BACKWARD = 0x20;
export const HINT_DELETE_SEQUENTIAL = 0x100;

/** How a tree's space grows, in pages and percent; 0 = not given (`docs/SPACE.md`). */
export interface SpaceHints {
  /** Pages of the first extent. */
  readonly initialPages: number;
  /** The next extent in percent of the last one. */
  readonly growthPercent: number;
  readonly extentPagesMin: number;
  readonly extentPagesMax: number;
  /** Density below which maintenance starts; 0 = never. */
  readonly maintenancePercent: number;
  /** `HINT_…` bits. */
  readonly flags: number;
}

/** Nothing given. */
export const NO_SPACE_HINTS: SpaceHints = {
  initialPages: 0,
  growthPercent: 0,
  extentPagesMin: 0,
  extentPagesMax: 0,
  maintenancePercent: 0,
  flags: 0,
};

export interface TreeSpec {
  readonly kind: TreeKind;
  /**
   * The tree whose space it takes: 0 = the database root; a table's id for its indexes and long values, an index's for its long
   * values. A `TREE_LONG` made so is the one that `writeLong` of its parent uses.
   */
  readonly parent: TreeId;
  /** How full appended and built leaves get, 1–100 percent. */
  readonly fillPercent: number;
  readonly hints?: SpaceHints;
}

/** One database file, open. */
export interface Store {
  readonly pageBytes: number;
  /** The largest record that `insert` takes: more than this belongs into long values. At least a quarter of a page. */
  readonly recordBytesMax: number;
  /** The longest key, columns and primary key together. */
  readonly keyBytesMax: number;
  /** What the last attempt that answered NEED waits for. */
  readonly need: Request;

  begin(owner: number): Transaction;
  sessionLocks(owner: number): SessionLocks;
  /** Whom a session waits for now, by their owners. */
  blockersOf(owner: number): readonly number[];
  /** All locks but those of rows, of which only waits show: for the transaction in the way. */
  lockFacts(): Iterable<LockFacts>;

  createTree(transaction: Transaction, spec: TreeSpec): Task<TreeId>;
  /** Dropped at commit; its pages go back when its last user is gone. */
  dropTree(transaction: Transaction, tree: TreeId): Task<void>;
  /**
   * Changes how full a tree's leaves get and how its space grows. It counts from the commit on, and is forgotten by a rollback;
   * a tree made since the transaction's last mark has it at once.
   */
  setSpace(transaction: Transaction, tree: TreeId, fillPercent: number, hints: SpaceHints): Task<void>;
  /** The same for the long values of a tree. Makes their tree, with these hints, when there is none yet: lock the table. */
  setLongSpace(transaction: Transaction, tree: TreeId, fillPercent: number, hints: SpaceHints): Task<void>;
  /** Keeps a tree and those below it readable until the answer is called, even when they are dropped meanwhile. */
  retain(tree: TreeId): () => void;
  facts(tree: TreeId): TreeFacts;

  /** The visible version of one key: OK and `row` filled, NONE, NEED. Hot: no allocation. */
  find(tree: TreeId, key: Uint8Array, keyLength: number, snapshot: Snapshot, row: Row): number;
  /** The newest state of a key, whoever made it: for what a lock held elsewhere keeps others away from. OK, NONE, NEED. */
  newest(tree: TreeId, key: Uint8Array, keyLength: number, row: Row): number;
  /** A leaf scan; `close` it. */
  scan(): LeafScan;

  /** OK, EXISTS, NEED (also: waits for another transaction's row of this key). */
  insert(
    t: Transaction,
    tree: TreeId,
    key: Uint8Array,
    keyLength: number,
    record: Uint8Array,
    start: number,
    length: number,
  ): number;
  /**
   * Replaces the record of a live row whose write lock is free or own (call `lockRow` first and do not suspend in between,
   * or be ready for NEED). `mode` is ROW_UPDATE when key columns change, else ROW_NO_KEY_UPDATE.
   */
  update(
    t: Transaction,
    tree: TreeId,
    key: Uint8Array,
    keyLength: number,
    record: Uint8Array,
    start: number,
    length: number,
    mode: RowLockMode,
  ): number;
  /**
   * Flags a live row as deleted. `movedTo`: its new key, when this delete is half of an update of the primary key; its own key,
   * when it goes on in another tree.
   */
  remove(t: Transaction, tree: TreeId, key: Uint8Array, keyLength: number, movedTo: Uint8Array | undefined): number;
  /**
   * Locks the newest version of a row. OK and `row` filled with it; NONE if it is gone (or moved: `row.movedTo`);
   * WOULD_BLOCK; NEED. With `record` false the lock only has to be free now, because the caller writes the row at once; one
   * that must suspend before it has written calls `holdRow` first.
   */
  lockRow(
    t: Transaction,
    tree: TreeId,
    key: Uint8Array,
    keyLength: number,
    mode: RowLockMode,
    policy: LockPolicy,
    record: boolean,
    row: Row,
  ): number;
  /** Locks a row that `lockRow` has just found free, with nothing suspended in between. */
  holdRow(t: Transaction, tree: TreeId, key: Uint8Array, keyLength: number, mode: RowLockMode): void;
  /**
   * Is a key with these first bytes free, in the newest state? OK = free; EXISTS and `row` filled with the live entry;
   * NEED (also: waits for a transaction that is inserting or deleting such an entry). Do not suspend between OK and insert.
   *
   * @param allowed - live entries that may be there: 1 asks whether an entry that is there is the only one.
   */
  checkUnique(
    t: Transaction,
    tree: TreeId,
    prefix: Uint8Array,
    prefixLength: number,
    row: Row,
    allowed?: number,
  ): number;
  /** May a key with these first bytes be taken, now or soon? OK = by nobody; EXISTS = by somebody, committed or not; NEED: a page. */
  mayCollide(t: Transaction, tree: TreeId, prefix: Uint8Array, prefixLength: number, row: Row): number;
  appender(t: Transaction, tree: TreeId): BulkAppender;
  /** Writes a record at once, outside any transaction: redone, never undone, visible to all. For sequences. An attempt. */
  putNow(tree: TreeId, key: Uint8Array, keyLength: number, record: Uint8Array, start: number, length: number): number;

  /** Stores a long value of a table's or an index's tree (its long-value tree is made when first needed) and returns its id. */
  writeLong(t: Transaction, tree: TreeId, bytes: Uint8Array, start: number, length: number): Task<number>;
  /** Copies `length` bytes from `from` of a long value into `into` at `at`. */
  readLong(tree: TreeId, id: number, from: number, length: number, into: Uint8Array, at: number): Task<void>;
  removeLong(t: Transaction, tree: TreeId, id: number): Task<void>;

  checkpoint(): Task<void>;
  /** Rolls back what is open, checkpoints, and leaves a file that is the whole database. */
  close(): Promise<void>;
}
