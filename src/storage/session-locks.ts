/**
 * Advisory locks that a session holds beyond its transactions.
 *
 *   lock    takes a mode of a key, or counts one more: it is freed when it was given back as often as it was taken
 *   unlock  gives one back; false when the session does not hold it
 *
 * What the session's transaction holds is never in its way, nor the other way round (`Resource.byParty`).
 */
import type { Task } from '../base/task.ts';
import { LOCK_WAIT, type LockPolicy, type SessionLocks, type Transaction } from './contracts.ts';
import type { Hold, Locker, Waiter } from './lock-resource.ts';
import { ADVISORY_EXCLUSIVE, ADVISORY_SHARED, type AdvisoryMode, type Locks } from './locks.ts';

interface Counted {
  readonly key: string;
  readonly mode: AdvisoryMode;
  times: number;
}

export function advisoryMode(isExclusive: boolean): AdvisoryMode {
  return isExclusive ? ADVISORY_EXCLUSIVE : ADVISORY_SHARED;
}

export class AdvisoryHolder implements SessionLocks, Locker {
  readonly owner: number;
  /** Of the transaction that asked last: for reports of deadlocks, and how long a wait may take. */
  id = 0;
  lockTimeoutMs = 0;
  /** Nothing is undone here: what is held is in {@link #held}. */
  readonly locks: Hold[] = [];
  waiting: Waiter | undefined;
  readonly #locks: Locks;
  readonly #held = new Map<string, Counted>();

  constructor(locks: Locks, owner: number) {
    this.#locks = locks;
    this.owner = owner;
  }

  *lock(transaction: Transaction, key: string, isExclusive: boolean, policy: LockPolicy): Task<boolean> {
    const mode = advisoryMode(isExclusive);
    const name = `${mode} ${key}`;
    const known = this.#held.get(name);
    if (known !== undefined) {
      known.times++;
      return true;
    }
    this.id = transaction.id;
    this.lockTimeoutMs = transaction.lockTimeoutMs;
    if (!this.#locks.tryAdvisory(this, key, mode)) {
      if (policy !== LOCK_WAIT) return false;
      yield* this.#await(key, mode);
    }
    this.locks.length = 0;
    this.#held.set(name, { key, mode, times: 1 });
    return true;
  }

  /** A wait that is given up may have been granted the lock meanwhile: then it goes to the next one. */
  *#await(key: string, mode: AdvisoryMode): Task<void> {
    let isHeld = false;
    try {
      yield this.#locks.advisoryRequest(this, key, mode);
      isHeld = true;
    } finally {
      if (!isHeld) this.#locks.freeAdvisory(this, key, mode);
    }
  }

  unlock(key: string, isExclusive: boolean): boolean {
    const mode = advisoryMode(isExclusive);
    const name = `${mode} ${key}`;
    const known = this.#held.get(name);
    if (known === undefined) return false;
    if (--known.times === 0) {
      this.#held.delete(name);
      this.#locks.freeAdvisory(this, key, mode);
    }
    return true;
  }

  unlockAll(): void {
    for (const { key, mode } of this.#held.values()) this.#locks.freeAdvisory(this, key, mode);
    this.#held.clear();
  }
}
