/**
 * Locks and the one graph of who waits for whom (law 8).
 *
 *   resource    a table (object id), a row (tree, key), an advisory key, or a transaction's end (`lock-resource.ts`)
 *   holders     transactions with the modes they hold; for a row also its writer: the open transaction of its newest version
 *   queue       waiters in order of arrival; one is granted when it conflicts with no holder and no earlier waiter
 *
 * A granted waiter is a holder at once, so nobody overtakes it before its task runs again. Whoever would close a circle is
 * refused with 40P01 when its wait begins. Locks end with their transaction, or with the savepoint they were taken after; those of a
 * session when it says so.
 */
import type { Clock } from '../base/clock.ts';
import { type ExtentError, fail } from '../base/errors.ts';
import { REQUEST_ROW_LOCK, REQUEST_TABLE_LOCK, type Request, type RequestKind } from '../base/task.ts';
import type { LockFacts, RowLockMode, TableLockMode } from './contracts.ts';
import {
  type Locker,
  Resource,
  type Resources,
  ROW_CONFLICTS,
  rowModesConflict,
  sameParty,
  TABLE_CONFLICTS,
  Waiter,
} from './lock-resource.ts';

const NOBODY: readonly Waiter[] = [];
const ROW_LOCKS_MAX = 1_000_000;
const TABLE_MODES: readonly TableLockMode[] = [1, 2, 3, 4, 5, 6, 7, 8];
const ADVISORY_LOCKS_MAX = 1_000_000;

/** The modes of advisory locks, among those of tables. */
export const ADVISORY_SHARED = 5;
export const ADVISORY_EXCLUSIVE = 7;
export type AdvisoryMode = typeof ADVISORY_SHARED | typeof ADVISORY_EXCLUSIVE;

export class Locks {
  readonly #clock: Clock;
  readonly #rows: Resources = new Map();
  readonly #tables: Resources = new Map();
  readonly #advisory: Resources = new Map();
  /** By owner: what a session waits for, be it as itself or as its transaction. */
  readonly #waiting: Map<number, Waiter> = new Map();
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

  /** Takes an advisory lock if nobody stands in the way; false otherwise. */
  tryAdvisory(locker: Locker, key: string, mode: AdvisoryMode): boolean {
    const resource = this.#advisoryKey(key);
    const held = resource.holders.get(locker) ?? 0;
    if ((held & (1 << mode)) !== 0) return true;
    if (resource.isBlocked(locker, mode)) {
      this.#forgetUnused(resource);
      return false;
    }
    grant(resource, locker, mode);
    return true;
  }

  advisoryRequest(locker: Locker, key: string, mode: AdvisoryMode): Request {
    return this.#request(REQUEST_TABLE_LOCK, () => new Waiter(locker, mode, this.#advisoryKey(key), undefined));
  }

  /** Frees one mode of an advisory lock that a session holds. */
  freeAdvisory(locker: Locker, key: string, mode: AdvisoryMode): void {
    const resource = this.#advisory.get(key);
    const held = resource?.holders.get(locker) ?? 0;
    if (resource === undefined || (held & (1 << mode)) === 0) return;
    resource.hold(locker, held, held & ~(1 << mode));
    this.#grantNext(resource);
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

  /** Whom a session waits for now: each owner once. */
  blockersOf(owner: number): readonly number[] {
    const blockers = this.#waiting.get(owner)?.blockers() ?? [];
    return [...new Set(blockers.map((locker) => locker.owner))];
  }

  /** What is held and waited for; of rows only waits, for the transactions in the way. */
  *facts(): Iterable<LockFacts> {
    for (const [kind, resources] of [
      ['table', this.#tables],
      ['advisory', this.#advisory],
    ] as const)
      for (const { name, holders, queue } of resources.values()) {
        for (const [{ owner }, modes] of holders)
          for (const mode of TABLE_MODES)
            if ((modes & (1 << mode)) !== 0) yield { kind, name, owner, mode, isGranted: true };
        for (const { locker, mode } of queue)
          yield { kind, name, owner: locker.owner, mode: TABLE_MODES[mode - 1]!, isGranted: false };
      }
    for (const waiter of this.#waiting.values()) {
      if (waiter.resource !== undefined && waiter.resource.home !== this.#rows) continue;
      for (const { id } of waiter.blockers())
        yield { kind: 'transaction', name: id, owner: waiter.locker.owner, mode: 5, isGranted: false };
    }
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
    if (locker.owner !== 0) this.#waiting.set(locker.owner, waiter);
    const cycle = findCycle(waiter, this.#waiting);
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
    this.#waitsNoMore(waiter);
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

  #waitsNoMore(waiter: Waiter): void {
    const { locker } = waiter;
    if (locker.waiting === waiter) locker.waiting = undefined;
    if (this.#waiting.get(locker.owner) === waiter) this.#waiting.delete(locker.owner);
  }

  #finish(waiter: Waiter): void {
    waiter.timer?.cancel();
    this.#waitsNoMore(waiter);
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
    this.#forgetUnused(resource);
  }

  #forgetUnused({ home, name, holders, queue }: Resource): void {
    if (holders.size === 0 && queue.length === 0) home.delete(name);
  }

  #row(name: string): Resource {
    let resource = this.#rows.get(name);
    if (resource === undefined) {
      if (this.#rows.size >= ROW_LOCKS_MAX) throw fail('out_of_memory', 'too many row locks');
      resource = new Resource(name, ROW_CONFLICTS, this.#rows);
      this.#rows.set(name, resource);
    }
    return resource;
  }

  #table(objectId: number): Resource {
    let resource = this.#tables.get(objectId);
    if (resource === undefined) {
      resource = new Resource(objectId, TABLE_CONFLICTS, this.#tables);
      this.#tables.set(objectId, resource);
    }
    return resource;
  }

  #advisoryKey(key: string): Resource {
    let resource = this.#advisory.get(key);
    if (resource === undefined) {
      if (this.#advisory.size >= ADVISORY_LOCKS_MAX) throw fail('out_of_memory', 'too many advisory locks');
      resource = new Resource(key, TABLE_CONFLICTS, this.#advisory, true);
      this.#advisory.set(key, resource);
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
function findCycle(start: Waiter, waiting: ReadonlyMap<number, Waiter>): Locker[] | undefined {
  const seen = new Set<Locker>();
  const path: Locker[] = [start.locker];
  const walk = (waiter: Waiter): boolean => {
    for (const blocker of waiter.blockers()) {
      if (sameParty(blocker, start.locker)) return true;
      if (seen.has(blocker)) continue;
      seen.add(blocker);
      const next = blocker.waiting ?? waiting.get(blocker.owner);
      if (next === undefined) continue;
      path.push(blocker);
      if (walk(next)) return true;
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
