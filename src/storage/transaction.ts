/**
 * One transaction, its savepoints and its snapshots.
 *
 * A mark remembers how far each of the transaction's chains had come; going back to it undoes row entries through the
 * transaction table, forgets drops and changes of space hints, gives births up and frees the locks taken since.
 */
import { fail } from '../base/errors.ts';
import type { Task } from '../base/task.ts';
import type { BulkRun } from './bulk-runs.ts';
import { LOCK_WAIT, type LockPolicy, type Snapshot, type TableLockMode, type Transaction } from './contracts.ts';
import type { Hold, Waiter } from './lock-resource.ts';
import { advisoryMode } from './session-locks.ts';
import type { Transactions } from './transactions.ts';
import type { Tree } from './tree.ts';
import type { SpaceChange } from './tree-catalog.ts';

export const TXN_ACTIVE = 0;
export const TXN_COMMITTING = 1;
export const TXN_ENDED = 2;

/** A registered snapshot; a link in the list that gives the horizon. */
export class Snap implements Snapshot {
  readonly commitSeq: number;
  readonly oldestOpen: number;
  readonly transaction: Txn;
  readonly command: number;
  newer: Snap | undefined;
  older: Snap | undefined;
  registered = true;

  constructor(commitSeq: number, oldestOpen: number, transaction: Txn, command: number) {
    this.commitSeq = commitSeq;
    this.oldestOpen = oldestOpen;
    this.transaction = transaction;
    this.command = command;
  }
}

interface Mark {
  /** End of the log when it was set. */
  readonly lsn: number;
  readonly entry: number;
  readonly locks: number;
  readonly born: number;
  readonly dropped: number;
  readonly spaces: number;
}

/** The contract's transaction; the table does what concerns others. */
export class Txn implements Transaction {
  id = 0;
  command = 0;
  lockTimeoutMs = 0;
  durable = true;
  readonly owner: number;
  /** When it began, in microseconds since 1970. */
  readonly sinceMicros: number;
  readonly locks: Hold[] = [];
  waiting: Waiter | undefined;
  state = TXN_ACTIVE;
  /** Address of its newest version entry; 0 = none. */
  newest = 0;
  /** Position of its first row record; 0 = none. The log is kept from there. */
  firstLsn = 0;
  commitLsn = 0;
  commitSeq = 0;
  readonly born: Tree[] = [];
  readonly dropped: Tree[] = [];
  /** Other space hints for trees, from the commit on. */
  readonly spaces: SpaceChange[] = [];
  readonly runs: BulkRun[] = [];
  /** How many of its snapshots are registered. */
  snapshots = 0;
  onVisible: (() => void) | undefined;
  #marks: Mark[] = [];
  readonly #table: Transactions;

  constructor(table: Transactions, owner: number, sinceMicros: number) {
    this.#table = table;
    this.owner = owner;
    this.sinceMicros = sinceMicros;
  }

  snapshot(): Snapshot {
    return this.#table.snapshot(this);
  }

  release(snapshot: Snapshot): void {
    this.#table.release(snapshot);
  }

  mark(): number {
    this.#marks.push({
      lsn: this.#table.tail,
      entry: this.newest,
      locks: this.locks.length,
      born: this.born.length,
      dropped: this.dropped.length,
      spaces: this.spaces.length,
    });
    return this.#marks.length - 1;
  }

  *rollbackTo(mark: number): Task<void> {
    const to = this.#marks[mark];
    if (to === undefined) throw fail('invalid_savepoint_specification', 'savepoint does not exist');
    this.#marks.length = mark + 1;
    yield* this.#table.undoTo(this, to.entry);
    this.dropped.length = to.dropped;
    this.spaces.length = to.spaces;
    const born = this.born.splice(to.born);
    yield* this.#table.hooks.abandonTrees(born);
    this.#table.locks.releaseAfter(this, to.locks);
    this.#table.locks.changesUndone(this);
  }

  /** Was something logged at `lsn` after every savepoint? Then what is added to it is undone with it. */
  isAfterMarks(lsn: number): boolean {
    const mark = this.#marks[this.#marks.length - 1];
    return mark === undefined || mark.lsn <= lsn;
  }

  /** Was a tree made here, after every savepoint? Then whatever is done to it goes with it. */
  isBornSinceMark(tree: Tree): boolean {
    return this.born.indexOf(tree, this.#marks[this.#marks.length - 1]?.born ?? 0) >= 0;
  }

  releaseMark(mark: number): void {
    if (mark < this.#marks.length) this.#marks.length = mark;
  }

  commit(): Task<void> {
    return this.#table.commit(this);
  }

  rollback(): Task<void> {
    return this.#table.rollback(this);
  }

  tableIsFree(objectId: number, mode: TableLockMode): boolean {
    return this.#table.locks.tableFree(this, objectId, mode);
  }

  lockTableNow(objectId: number, mode: TableLockMode): boolean {
    return this.#table.locks.tryTable(this, objectId, mode);
  }

  *lockTable(objectId: number, mode: TableLockMode, policy: LockPolicy): Task<boolean> {
    if (this.lockTableNow(objectId, mode)) return true;
    if (policy !== LOCK_WAIT) return false;
    // When the wait is over the lock is held.
    yield this.#table.locks.tableRequest(this, objectId, mode);
    return true;
  }

  *lockAdvisory(key: string, isExclusive: boolean, policy: LockPolicy): Task<boolean> {
    const mode = advisoryMode(isExclusive);
    if (this.#table.locks.tryAdvisory(this, key, mode)) return true;
    if (policy !== LOCK_WAIT) return false;
    yield this.#table.locks.advisoryRequest(this, key, mode);
    return true;
  }

  *awaitTable(objectId: number, mode: TableLockMode): Task<void> {
    const { locks } = this.#table;
    for (const holder of locks.tableHolders(this, objectId, mode))
      while (locks.tableHolders(this, objectId, mode).includes(holder)) yield locks.endRequest(this, holder);
  }
}
