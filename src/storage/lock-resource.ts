/**
 * A thing that can be locked, who holds it in which modes, and who waits for it in which order.
 *
 *   row        KEY SHARE, SHARE, NO KEY UPDATE, UPDATE; besides holders it has a writer, the open transaction of its newest version
 *   table      PostgreSQL's eight modes; names of objects that are being made are locked alike
 *   advisory   two of these eight, SHARE and EXCLUSIVE; a session and its transaction count as one
 */
import type { Timer } from '../base/clock.ts';

/** What locks need to know of whoever takes them: a transaction, or a session that holds advisory locks beyond its transactions. */
export interface Locker {
  readonly id: number;
  readonly owner: number;
  readonly lockTimeoutMs: number;
  readonly locks: Hold[];
  waiting: Waiter | undefined;
}

/** A lock that a transaction holds: `before` is the set of modes that it held already. */
export interface Hold {
  readonly resource: Resource;
  readonly before: number;
}

/** By mode: the set (bit m) of modes it conflicts with. Rows: KEY SHARE, SHARE, NO KEY UPDATE, UPDATE. */
export const ROW_CONFLICTS = [0b1000, 0b1100, 0b1110, 0b1111];
/** Tables, in PostgreSQL's order from ACCESS SHARE (1) to ACCESS EXCLUSIVE (8). */
export const TABLE_CONFLICTS = [
  0, 0b100000000, 0b110000000, 0b111100000, 0b111110000, 0b111011000, 0b111111000, 0b111111100, 0b111111110,
];

export function rowModesConflict(a: number, b: number): boolean {
  return (ROW_CONFLICTS[a]! & (1 << b)) !== 0;
}

/** Resources by name, of one kind. */
export type Resources = Map<string | number, Resource>;

/** Are these one session's? Work without a session has owner 0. */
export function sameParty(a: Locker, b: Locker): boolean {
  return a === b || (a.owner === b.owner && a.owner !== 0);
}

export class Resource {
  /** A row's name, or a table's object id. */
  readonly name: string | number;
  readonly conflicts: readonly number[];
  /** Where it is found by its name. */
  readonly home: Resources;
  /** What one session holds is never in its own way, whether the session or its transaction holds it. */
  readonly byParty: boolean;
  readonly holders: Map<Locker, number> = new Map();
  /** The set of modes that anybody holds, and how many hold each. */
  held = 0;
  readonly #counts: number[];
  queue: Waiter[] = [];
  /** A row's writer and the mode of its change; its end is reported by `transactionEnded`. */
  writer: Locker | undefined;
  writerMode = 0;

  constructor(name: string | number, conflicts: readonly number[], home: Resources, byParty = false) {
    this.name = name;
    this.conflicts = conflicts;
    this.home = home;
    this.byParty = byParty;
    this.#counts = conflicts.map(() => 0);
  }

  /** Is there anybody in the way? The short form of {@link blockers}, asked at every lock. */
  isBlocked(locker: Locker, mode: number): boolean {
    if ((this.conflicts[mode]! & this.held) === 0 && this.queue.length === 0 && this.writer === undefined) return false;
    return this.blockers(locker, mode, undefined).length > 0;
  }

  /** Sets the modes that a transaction holds; 0 = none. */
  hold(locker: Locker, before: number, after: number): void {
    if (after === 0) this.holders.delete(locker);
    else this.holders.set(locker, after);
    for (let m = 0, changed = before ^ after; changed >> m !== 0; m++) {
      if (((changed >> m) & 1) === 0) continue;
      this.#counts[m]! += (after >> m) & 1 ? 1 : -1;
      this.held = this.#counts[m]! > 0 ? this.held | (1 << m) : this.held & ~(1 << m);
    }
  }

  /** Everyone whom a request must wait for: conflicting holders, the writer, and earlier waiters unless it already holds or wrote. */
  blockers(locker: Locker, mode: number, before: Waiter | undefined): Locker[] {
    const mask = this.conflicts[mode]!;
    const found: Locker[] = [];
    for (const [holder, modes] of this.holders)
      if ((modes & mask) !== 0 && !this.#isOwn(holder, locker)) found.push(holder);
    if (this.writer !== undefined && this.writer !== locker && (mask & (1 << this.writerMode)) !== 0) {
      found.push(this.writer);
    }
    if (this.holders.has(locker) || this.writer === locker) return found;
    for (const waiter of this.queue) {
      if (waiter === before) break;
      if ((mask & (1 << waiter.mode)) !== 0 && !this.#isOwn(waiter.locker, locker)) found.push(waiter.locker);
    }
    return found;
  }

  #isOwn(other: Locker, locker: Locker): boolean {
    return this.byParty ? sameParty(other, locker) : other === locker;
  }
}

/** Someone in a queue, or waiting for a transaction's end. */
export class Waiter {
  readonly locker: Locker;
  readonly mode: number;
  readonly resource: Resource | undefined;
  readonly transaction: Locker | undefined;
  resume: (error?: unknown) => void = () => {};
  timer: Timer | undefined;

  constructor(locker: Locker, mode: number, resource: Resource | undefined, transaction: Locker | undefined) {
    this.locker = locker;
    this.mode = mode;
    this.resource = resource;
    this.transaction = transaction;
  }

  blockers(): Locker[] {
    if (this.transaction !== undefined) return [this.transaction];
    return this.resource === undefined ? [] : this.resource.blockers(this.locker, this.mode, this);
  }
}
