/**
 * Transactions, snapshots and the horizon.
 *
 *   active → committing (its record is in the log) → ended, when the record is durable: visible and unlocked, in log order
 *   active → ended, when everything is undone
 *
 * Ids are given at the first write and ascend, so `open`, a map in order of insertion, begins with the oldest. A committed
 * transaction gets the next commit sequence; it is remembered as long as versions name it. The horizon is the lowest commit
 * sequence that a registered snapshot sees: what was replaced at or below it, nobody can see any more.
 */
import { assert } from '../base/assert.ts';
import { REQUEST_FLUSH, type Request, type Task } from '../base/task.ts';
import { NEED, type Snapshot } from './contracts.ts';
import type { Core } from './core.ts';
import type { Locks } from './locks.ts';
import { closeRecord, LOG_COMMIT, LOG_END, openRecord, putU64 } from './log-records.ts';
import { Snap, TXN_ACTIVE, TXN_COMMITTING, TXN_ENDED, Txn } from './transaction.ts';
import { NO_HOOKS, type TransactionHooks } from './transaction-hooks.ts';

/** How far back in its transaction's chain an entry is looked for when it is to go early. */
const CHAIN_STEPS_MAX = 16;
/** So many transactions without versions are worth a pass over all. */
const EMPTIED_MIN = 1024;

/** Whose snapshot, or open transaction, keeps old versions. */
export interface HorizonHolder {
  /** Process id of its session; 0 = the database itself. */
  readonly owner: number;
  readonly isSnapshot: boolean;
  /** When its transaction began, in microseconds since 1970. */
  readonly sinceMicros: number;
  /** The oldest transaction whose changes it does not take for finished. */
  readonly oldestOpen: number;
}

function holderOf({ owner, sinceMicros }: Txn, isSnapshot: boolean, oldestOpen: number): HorizonHolder {
  return { owner, isSnapshot, sinceMicros, oldestOpen };
}

export class Transactions {
  readonly locks: Locks;
  /** Set once, when the parts are put together. */
  hooks: TransactionHooks = NO_HOOKS;
  readonly #core: Core;
  nextId = 1;
  #commitSeq = 1;
  readonly #open: Map<number, Txn> = new Map();
  /** Committed transactions that versions still name. */
  readonly #ended: Map<number, Txn> = new Map();
  #committing: Txn[] = [];
  /** Committed transactions with versions to clean, in commit order. */
  #toClean: Txn[] = [];
  #cleanAt = 0;
  /** How many of those to clean were left without versions by `pruneBehind`. */
  #emptied = 0;
  /** Transactions that were begun so far. */
  begun = 0;
  #oldestSnap: Snap | undefined;
  #newestSnap: Snap | undefined;

  constructor(core: Core, locks: Locks) {
    this.#core = core;
    this.locks = locks;
    core.log.onDurable = () => this.#settle();
  }

  begin(owner: number): Txn {
    this.begun++;
    return new Txn(this, owner, this.#core.clock.wallMicros());
  }

  /** Gives a transaction its id, at its first write. */
  assignId(txn: Txn): void {
    assert(txn.state === TXN_ACTIVE, 'transaction is over');
    if (txn.id !== 0) return;
    txn.id = this.nextId++;
    this.#open.set(txn.id, txn);
  }

  /** Brings back a transaction found in the log. */
  revive(id: number, lsn: number): Txn {
    let txn = this.#open.get(id);
    if (txn === undefined) {
      txn = new Txn(this, 0, this.#core.clock.wallMicros());
      txn.id = id;
      txn.firstLsn = lsn;
      this.#open.set(id, txn);
      if (id >= this.nextId) this.nextId = id + 1;
    }
    return txn;
  }

  /** A transaction that ended according to the log: nothing of it is needed. */
  forget(id: number): void {
    const txn = this.#open.get(id);
    if (txn !== undefined) {
      this.dropEntries(txn);
      this.#open.delete(id);
    }
    if (id >= this.nextId) this.nextId = id + 1;
  }

  openTransactions(): Txn[] {
    return [...this.#open.values()];
  }

  openById(id: number): Txn | undefined {
    return this.#open.get(id);
  }

  /** First log position that rollback of an open transaction needs after a crash, or `tail` when there is none. */
  undoPoint(tail: number): number {
    let point = tail;
    for (const txn of this.#open.values()) if (txn.firstLsn !== 0 && txn.firstLsn < point) point = txn.firstLsn;
    return point;
  }

  get oldestOpen(): number {
    for (const id of this.#open.keys()) return id;
    return this.nextId;
  }

  snapshot(txn: Txn): Snapshot {
    const snap = new Snap(this.#commitSeq, this.oldestOpen, txn, txn.command);
    snap.older = this.#newestSnap;
    if (this.#newestSnap !== undefined) this.#newestSnap.newer = snap;
    else this.#oldestSnap = snap;
    this.#newestSnap = snap;
    txn.snapshots++;
    return snap;
  }

  release(snapshot: Snapshot): void {
    if (!(snapshot instanceof Snap) || !snapshot.registered) return;
    snapshot.registered = false;
    snapshot.transaction.snapshots--;
    if (snapshot.older !== undefined) snapshot.older.newer = snapshot.newer;
    else this.#oldestSnap = snapshot.newer;
    if (snapshot.newer !== undefined) snapshot.newer.older = snapshot.older;
    else this.#newestSnap = snapshot.older;
  }

  /** Changes with a commit sequence at or below this are seen by everyone. */
  get horizon(): number {
    return this.#oldestSnap?.commitSeq ?? this.#commitSeq;
  }

  /** Who keeps versions from going; undefined when nobody does. */
  get horizonHolder(): HorizonHolder | undefined {
    const snapshot = this.#oldestSnap;
    if (snapshot !== undefined) return holderOf(snapshot.transaction, true, snapshot.oldestOpen);
    for (const txn of this.#open.values()) return holderOf(txn, false, txn.id);
    return undefined;
  }

  /** Is the change that a version entry stands for part of what the snapshot sees? */
  isVisible(transaction: number, command: number, snapshot: Snapshot): boolean {
    if (transaction === snapshot.transaction.id) return command < snapshot.command;
    if (transaction < snapshot.oldestOpen) return true;
    const ended = this.#ended.get(transaction);
    return ended !== undefined && ended.commitSeq <= snapshot.commitSeq;
  }

  /** Commit sequence of a transaction: 0 = everyone sees it, Infinity = open. */
  commitSeqOf(transaction: number): number {
    if (this.#open.has(transaction)) return Number.POSITIVE_INFINITY;
    return this.#ended.get(transaction)?.commitSeq ?? 0;
  }

  *commit(txn: Txn): Task<void> {
    assert(txn.state === TXN_ACTIVE, 'transaction is over');
    if (txn.id === 0) {
      txn.onVisible?.();
      this.#end(txn);
      return;
    }
    const core = this.#core;
    const trees = [...txn.born, ...txn.dropped, ...txn.spaces.map((change) => change.tree)];
    for (;;) {
      // Both must hold at once: what one of them waits for can undo what the other found.
      if (core.reserve() === NEED || this.hooks.prepareTrees(trees) === NEED) yield core.need;
      else break;
    }
    core.group.begin();
    this.hooks.settleTrees(txn.born, txn.dropped, txn.spaces);
    this.#record(LOG_COMMIT, txn.id);
    core.group.end();
    txn.commitLsn = core.log.tail;
    txn.state = TXN_COMMITTING;
    this.#committing.push(txn);
    if (!txn.durable) this.#settle();
    while (this.#isCommitting(txn)) yield this.#endRequest(txn);
  }

  *rollback(txn: Txn): Task<void> {
    if (txn.state !== TXN_ACTIVE) return;
    yield* this.undoTo(txn, 0);
    if (txn.id !== 0) {
      const born = txn.born.splice(0);
      yield* this.hooks.abandonTrees(born);
      const core = this.#core;
      while (core.reserveEmergency() === NEED) yield core.need;
      core.group.begin();
      this.#record(LOG_END, txn.id);
      core.group.end();
      this.#open.delete(txn.id);
    }
    this.#end(txn);
  }

  /** Undoes a transaction's entries down to, not including, `entry`. */
  *undoTo(txn: Txn, entry: number): Task<void> {
    const core = this.#core;
    let n = 0;
    while (txn.newest !== entry) {
      if (this.hooks.undoNewest(txn) === NEED) yield core.need;
      else if ((++n & 255) === 0) yield sliceRequest(core);
    }
  }

  /** The oldest transaction that a session's snapshots do not take for finished, or its own; undefined = it has none. */
  oldestSeenBy(owner: number): number | undefined {
    for (let snap = this.#oldestSnap; snap !== undefined; snap = snap.newer)
      if (snap.transaction.owner === owner) return snap.oldestOpen;
    return undefined;
  }

  get tail(): number {
    return this.#core.log.tail;
  }

  /** Forgets all entries of a transaction. */
  dropEntries(txn: Txn): void {
    while (txn.newest !== 0) {
      const entry = txn.newest;
      this.#core.versions.prepareRemoval(entry);
      txn.newest = this.#core.versions.previousOf(entry);
      this.#core.versions.remove(entry);
    }
  }

  /** The next committed transaction whose changes everyone sees, for the cleaner; undefined when there is none yet. */
  cleanable(): Txn | undefined {
    const txn = this.#toClean[this.#cleanAt];
    return txn !== undefined && txn.commitSeq <= this.horizon ? txn : undefined;
  }

  /** Commit sequence of the newest transaction that everybody new sees. */
  get newestCommit(): number {
    return this.#commitSeq;
  }

  /** Its versions are gone. */
  cleaned(txn: Txn): void {
    assert(this.#toClean[this.#cleanAt] === txn, 'cleaned out of order');
    this.#ended.delete(txn.id);
    if (++this.#cleanAt > 1024 && this.#cleanAt * 2 > this.#toClean.length) {
      this.#toClean.splice(0, this.#cleanAt);
      this.#cleanAt = 0;
    }
  }

  /**
   * A key got a new version: drops the second newest one if no snapshot lies between it and the third, for then nobody sees
   * what was in between. So a row that changes all the time keeps few versions, however old the oldest snapshot is.
   */
  pruneBehind(entry: number): void {
    const versions = this.#core.versions;
    const middle = versions.olderOf(entry);
    const oldest = middle === 0 ? 0 : versions.olderOf(middle);
    if (oldest === 0) return;
    const replacer = this.#ended.get(versions.transactionOf(middle));
    const maker = this.#ended.get(versions.transactionOf(oldest));
    if (replacer === undefined || maker === undefined) return;
    for (let s = this.#newestSnap; s !== undefined && s.commitSeq >= maker.commitSeq; s = s.older) {
      if (s.commitSeq < replacer.commitSeq) return;
    }
    if (this.#unchain(replacer, middle)) versions.remove(middle);
  }

  /** Takes an entry out of its transaction's chain, if it is found within a few steps. */
  #unchain(txn: Txn, entry: number): boolean {
    const versions = this.#core.versions;
    const previous = versions.previousOf(entry);
    if (txn.newest === entry) {
      txn.newest = previous;
      if (previous === 0 && ++this.#emptied * 2 > this.#toClean.length && this.#emptied > EMPTIED_MIN)
        this.#dropEmptied();
      return true;
    }
    let at = txn.newest;
    for (let n = 0; n < CHAIN_STEPS_MAX && at !== 0; n++) {
      if (!versions.isAtHand(at)) return false;
      const before = versions.previousOf(at);
      if (before === entry) {
        versions.setPrevious(at, previous);
        return true;
      }
      at = before;
    }
    return false;
  }

  #dropEmptied(): void {
    const kept: Txn[] = [];
    for (let i = this.#cleanAt; i < this.#toClean.length; i++) {
      const txn = this.#toClean[i]!;
      if (txn.newest !== 0) kept.push(txn);
      else this.#ended.delete(txn.id);
    }
    this.#toClean = kept;
    this.#cleanAt = 0;
    this.#emptied = 0;
  }

  #isCommitting(txn: Txn): boolean {
    return txn.state === TXN_COMMITTING;
  }

  #record(type: number, id: number): void {
    const { log, clock } = this.#core;
    const at = openRecord(log, type, 0, 0, 0);
    putU64(log, id);
    putU64(log, clock.wallMicros());
    closeRecord(log, at);
  }

  /** Makes visible, in log order, whoever may be: durable, or content with less. */
  #settle(): void {
    const durable = this.#core.log.durable;
    while (this.#committing.length > 0) {
      const txn = this.#committing[0]!;
      if (txn.durable && txn.commitLsn > durable) return;
      this.#committing.shift();
      txn.commitSeq = ++this.#commitSeq;
      this.#open.delete(txn.id);
      if (txn.newest !== 0) {
        this.#ended.set(txn.id, txn);
        this.#toClean.push(txn);
      }
      txn.onVisible?.();
      this.#end(txn);
    }
  }

  #end(txn: Txn): void {
    txn.state = TXN_ENDED;
    // A snapshot lives no longer than its transaction: one that was forgotten would keep old versions of rows for ever.
    for (let snap = this.#oldestSnap; txn.snapshots > 0 && snap !== undefined; snap = snap.newer)
      if (snap.transaction === txn) this.release(snap);
    this.locks.transactionEnded(txn);
  }

  #endRequest(txn: Txn): Request {
    const core = this.#core;
    return {
      kind: REQUEST_FLUSH,
      start: (resume) => {
        core.log.requestFlush((error) => resume(error));
        return () => {
          resume = () => {};
        };
      },
      answerNow: () => {
        core.log.flushNow();
        if (this.#isCommitting(txn)) this.#settle();
      },
    };
  }
}

/** Lets others run: yielded between slices of long work. */
export function sliceRequest(core: Core): Request {
  return {
    kind: 0,
    start: (resume) => {
      let wanted = true;
      core.clock.soon(() => {
        if (wanted) resume();
      });
      return () => {
        wanted = false;
      };
    },
    answerNow: () => {},
  };
}
