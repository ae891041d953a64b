/**
 * Locks and the one graph of who waits for whom (law 8).
 *
 *   resource    a table (object id), a row (tree, key), or a transaction's end
 *   holders     transactions with the modes they hold; for a row also its writer: the open transaction of its newest version
 *   queue       waiters in order of arrival; one is granted when it conflicts with no holder and no earlier waiter
 *
 * A granted waiter is a holder at once, so nobody overtakes it before its task runs again. Whoever would close a circle is
 * refused with 40P01 when its wait begins. Locks end with their transaction, or with the savepoint they were taken after.
 */
import type { Clock, Timer } from '../base/clock.ts';
import { type ExtentError, fail } from '../base/errors.ts';
import { REQUEST_ROW_LOCK, REQUEST_TABLE_LOCK, type Request, type RequestKind } from '../base/task.ts';
import type { RowLockMode, TableLockMode } from './contracts.ts';

/** What locks need to know of a transaction. */
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
const ROW_CONFLICTS = [0b1000, 0b1100, 0b1110, 0b1111];
/** Tables, in PostgreSQL's order from ACCESS SHARE (1) to ACCESS EXCLUSIVE (8). */
const TABLE_CONFLICTS = [
  0, 0b100000000, 0b110000000, 0b111100000, 0b111110000, 0b111011000, 0b111111000, 0b111111100, 0b111111110,
];
const NOBODY: readonly Waiter[] = [];
const ROW_LOCKS_MAX = 1_000_000;

export function rowModesConflict(a: number, b: number): boolean {
  return (ROW_CONFLICTS[a]! & (1 << b)) !== 0;
}

class Resource {
  /** A row's name, or a table's object id. */
  readonly name: string | number;
  readonly conflicts: readonly number[];
  readonly holders: Map<Locker, number> = new Map();
  /** The set of modes that anybody holds, and how many hold each. */
  held = 0;
  readonly #counts: number[];
  queue: Waiter[] = [];
  /** A row's writer and the mode of its change; its end is reported by `transactionEnded`. */
  writer: Locker | undefined;
  writerMode = 0;

  constructor(name: string | number, conflicts: readonly number[]) {
    this.name = name;
    this.conflicts = conflicts;
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
    for (const [holder, modes] of this.holders) if (holder !== locker && (modes & mask) !== 0) found.push(holder);
    if (this.writer !== undefined && this.writer !== locker && (mask & (1 << this.writerMode)) !== 0) {
      found.push(this.writer);
    }
    if (this.holders.has(locker) || this.writer === locker) return found;
    for (const waiter of this.queue) {
      if (waiter === before) break;
      if (waiter.locker !== locker && (mask & (1 << waiter.mode)) !== 0) found.push(waiter.locker);
    }
    return found;
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

export class Locks {
  readonly #clock: Clock;
  readonly #rows: Map<string, Resource> = new Map();
  readonly #tables: Map<number, Resource> = new Map();
  /** Rows whose queue waits for a writer, and plain waits for a transaction's end. */
  readonly #writers: Map<Locker, Set<Resource>> = new Map();
  readonly #ends: Map<Locker, Waiter[]> = new Map();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** False while nobody holds or awaits an explicit row lock: the fast path of every write. */
  get anyRows(): boolean {
    return this.#rows.size > 0;
  }

  /** Who stands in the way of a row lock, `writer` being the open transaction that changed the row last. */
  rowBlocked(locker: Locker, name: string, mode: RowLockMode, writer: Locker | undefined, writerMode: number): boolean {
    if (writer !== undefined && rowModesConflict(mode, writerMode)) return true;
    const resource = this.#rows.get(name);
    return resource?.isBlocked(locker, mode) === true;
  }

  grantRow(locker: Locker, name: string, mode: RowLockMode): void {
    grant(this.#row(name), locker, mode);
  }

  /** A wait for a row lock. When it is over, the row must be looked at again: usually the lock is held. */
  rowRequest(locker: Locker, name: string, mode: RowLockMode, writer: Locker | undefined, writerMode: number): Request {
    return this.#request(REQUEST_ROW_LOCK, () => {
      const resource = this.#row(name);
      if (writer !== undefined) {
        resource.writer = writer;
        resource.writerMode = writerMode;
        const rows = this.#writers.get(writer) ?? new Set();
        this.#writers.set(writer, rows.add(resource));
      }
      return new Waiter(locker, mode, resource, undefined);
    });
  }

  /** A wait for the end of another transaction. */
  endRequest(locker: Locker, other: Locker): Request {
    return this.#request(REQUEST_ROW_LOCK, () => new Waiter(locker, 0, undefined, other));
  }

  /** Takes a table lock if nobody stands in the way; false otherwise. */
  tryTable(locker: Locker, objectId: number, mode: TableLockMode): boolean {
    const resource = this.#table(objectId);
    const held = resource.holders.get(locker) ?? 0;
    if ((held & (1 << mode)) !== 0) return true;
    if (resource.isBlocked(locker, mode)) return false;
    grant(resource, locker, mode);
    return true;
  }

  /** True when a table lock could be taken at once; nothing is taken. */
  tableFree(locker: Locker, objectId: number, mode: TableLockMode): boolean {
    const resource = this.#tables.get(objectId);
    if (resource === undefined || (resource.holders.size === 0 && resource.queue.length === 0)) return true;
    return !resource.isBlocked(locker, mode);
  }

  /** Who holds a lock on a table that a request of this mode would wait for. */
  tableHolders(locker: Locker, objectId: number, mode: TableLockMode): Locker[] {
    const resource = this.#tables.get(objectId);
    if (resource === undefined) return [];
    const mask = resource.conflicts[mode]!;
    return [...resource.holders].flatMap(([holder, modes]) =>
      holder !== locker && (modes & mask) !== 0 ? [holder] : [],
    );
  }

  tableRequest(locker: Locker, objectId: number, mode: TableLockMode): Request {
    return this.#request(REQUEST_TABLE_LOCK, () => new Waiter(locker, mode, this.#table(objectId), undefined));
  }

  /** Frees the locks that a transaction took after its first `keep` ones. */
  releaseAfter(locker: Locker, keep: number): void {
    while (locker.locks.length > keep) {
      const hold = locker.locks.pop();
      if (hold === undefined) return;
      const { resource, before } = hold;
      resource.hold(locker, resource.holders.get(locker) ?? 0, before);
      this.#grantNext(resource);
    }
  }

  /**
   * Changes of a transaction were undone, back to a savepoint: whoever waits for it looks again, and waits again where the
   * change that it waited for still stands.
   */
  changesUndone(locker: Locker): void {
    for (const resource of this.#writers.get(locker) ?? []) {
      if (resource.writer === locker) resource.writer = undefined;
      for (const waiter of resource.queue.splice(0)) this.#finish(waiter);
      this.#grantNext(resource);
    }
    this.#writers.delete(locker);
    for (const waiter of this.#ends.get(locker) ?? []) this.#finish(waiter);
    this.#ends.delete(locker);
  }

  /** The transaction ended: its locks go, and those who waited for its rows or its end go on. */
  transactionEnded(locker: Locker): void {
    this.releaseAfter(locker, 0);
    for (const resource of this.#writers.get(locker) ?? []) {
      if (resource.writer === locker) resource.writer = undefined;
      this.#grantNext(resource);
    }
    this.#writers.delete(locker);
    for (const waiter of this.#ends.get(locker) ?? []) this.#finish(waiter);
    this.#ends.delete(locker);
  }

  #request(kind: RequestKind, makeWaiter: () => Waiter): Request {
    return {
      kind,
      start: (resume) => {
        const waiter = makeWaiter();
        waiter.resume = resume;
        this.#enqueue(waiter);
        return () => this.#giveUp(waiter);
      },
      answerNow: () => {
        throw fail('lock_not_available', 'could not obtain lock: it is held by another session of this process');
      },
    };
  }

  #enqueue(waiter: Waiter): void {
    const { locker, resource } = waiter;
    if (resource !== undefined && waiter.blockers().length === 0) {
      // It was freed between the attempt and now.
      grant(resource, locker, waiter.mode);
      this.#clock.soon(() => waiter.resume());
      return;
    }
    if (resource !== undefined) {
      // Whoever already holds a weaker lock goes first: those behind it wait for it in any case.
      if (resource.holders.has(locker)) resource.queue.unshift(waiter);
      else resource.queue.push(waiter);
    }
    locker.waiting = waiter;
    const cycle = findCycle(waiter);
    if (cycle !== undefined) {
      this.#giveUp(waiter);
      this.#clock.soon(() => waiter.resume(deadlock(cycle)));
      return;
    }
    if (waiter.transaction !== undefined) {
      const list = this.#ends.get(waiter.transaction) ?? [];
      list.push(waiter);
      this.#ends.set(waiter.transaction, list);
    }
    if (locker.lockTimeoutMs > 0) {
      waiter.timer = this.#clock.after(locker.lockTimeoutMs, () => {
        this.#giveUp(waiter);
        waiter.resume(fail('lock_not_available', 'canceling statement due to lock timeout'));
      });
    }
  }

  #giveUp(waiter: Waiter): void {
    waiter.timer?.cancel();
    if (waiter.locker.waiting === waiter) waiter.locker.waiting = undefined;
    if (waiter.transaction !== undefined) {
      const list = this.#ends.get(waiter.transaction);
      if (list !== undefined)
        this.#ends.set(
          waiter.transaction,
          list.filter((w) => w !== waiter),
        );
    }
    if (waiter.resource?.queue.includes(waiter)) {
      waiter.resource.queue = waiter.resource.queue.filter((w) => w !== waiter);
      this.#grantNext(waiter.resource);
    }
  }

  #finish(waiter: Waiter): void {
    waiter.timer?.cancel();
    waiter.locker.waiting = undefined;
    this.#clock.soon(() => waiter.resume());
  }

  /** Grants whom nothing blocks any more, in the order of the queue; forgets a resource that nobody needs. */
  #grantNext(resource: Resource): void {
    for (const waiter of resource.queue.length === 0 ? NOBODY : [...resource.queue]) {
      if (resource.blockers(waiter.locker, waiter.mode, waiter).length > 0) continue;
      resource.queue = resource.queue.filter((w) => w !== waiter);
      grant(resource, waiter.locker, waiter.mode);
      this.#finish(waiter);
    }
    if (resource.holders.size > 0 || resource.queue.length > 0) return;
    const { name } = resource;
    if (typeof name === 'number') {
      if (this.#tables.get(name) === resource) this.#tables.delete(name);
    } else if (this.#rows.get(name) === resource) this.#rows.delete(name);
  }

  #row(name: string): Resource {
    let resource = this.#rows.get(name);
    if (resource === undefined) {
      if (this.#rows.size >= ROW_LOCKS_MAX) throw fail('out_of_memory', 'too many row locks');
      resource = new Resource(name, ROW_CONFLICTS);
      this.#rows.set(name, resource);
    }
    return resource;
  }

  #table(objectId: number): Resource {
    let resource = this.#tables.get(objectId);
    if (resource === undefined) {
      resource = new Resource(objectId, TABLE_CONFLICTS);
      this.#tables.set(objectId, resource);
    }
    return resource;
  }
}

/** The name of a row as a resource. */
export function rowName(tree: number, key: Uint8Array, keyBytes: number): string {
  let name = `${tree}:`;
  for (let i = 0; i < keyBytes; i++) name += String.fromCharCode(key[i]!);
  return name;
}

function grant(resource: Resource, locker: Locker, mode: number): void {
  const before = resource.holders.get(locker) ?? 0;
  const after = before | (1 << mode);
  if (after === before) return;
  resource.hold(locker, before, after);
  locker.locks.push({ resource, before });
}

/** The circle that a new wait closes, if any: a depth-first walk along "waits for". */
function findCycle(start: Waiter): Locker[] | undefined {
  const seen = new Set<Locker>();
  const path: Locker[] = [start.locker];
  const walk = (waiter: Waiter): boolean => {
    for (const blocker of waiter.blockers()) {
      if (blocker === start.locker) return true;
      if (seen.has(blocker)) continue;
      seen.add(blocker);
      if (blocker.waiting === undefined) continue;
      path.push(blocker);
      if (walk(blocker.waiting)) return true;
      path.pop();
    }
    return false;
  };
  return walk(start) ? path : undefined;
}

function deadlock(cycle: readonly Locker[]): ExtentError {
  const lines = cycle.map((locker, i) => {
    const next = cycle[(i + 1) % cycle.length]!;
    return `Process ${locker.owner} waits for transaction ${next.id}; blocked by process ${next.owner}.`;
  });
  return fail('deadlock_detected', 'deadlock detected', {
    detail: lines.join('\n'),
    hint: 'See server log for query details.',
  });
}
