/**
 * Giving the disk space of free extents back to the file system, by holes (DESIGN §3, law 7).
 *
 *   at hand ──> trimming     a group cuts the aligned part out of a free extent of the root; nobody can allocate it any more
 *               │            the log is durable up to that group; writes of single pages are synchronous, so none is in flight
 *               ▼
 *               holes        64 KiB granules, in pieces of 1 MiB at most, on another thread
 *               │
 *               ▼
 *             trimmed        a group; joined with trimmed neighbours. `RootSpace.find` reserves them again before use
 *
 * Only whole granules count: a range is rounded inward to multiples of 64 KiB of the file, the rest is reported as unaligned.
 * A crash between the two groups leaves "trimming", which everybody takes for trimmed: its pages are free either way.
 */
import { REQUEST_ROOM, type Request, type Task } from '../base/task.ts';
import { NEED, NONE, OK } from '../storage/contracts.ts';
import { EXTENT_ALIGN_BYTES, EXTENT_AT_HAND, EXTENT_TRIMMED, EXTENT_TRIMMING, pageOffset } from '../storage/layout.ts';
import { StoreRequest } from '../storage/store-request.ts';
import type { RootSpace } from './root-space.ts';
import { coalesce, refill, type SpaceParts } from './tree-space.ts';

const PIECE_BYTES = 1 << 20;
/** Realtime trimming begins when so much became free at the root. */
export const REALTIME_BYTES = 1 << 18;

/** One free extent of the database root as a trim saw it; all counts are pages. */
export interface TrimmedExtent {
  readonly first: number;
  readonly last: number;
  /** The aligned part; `alignedPages` 0 when it has none. */
  readonly alignedFirst: number;
  readonly alignedPages: number;
  /** Pages of it without disk space before and after. */
  readonly before: number;
  readonly after: number;
}

/** What a trim did; all counts are pages. */
export interface TrimReport {
  readonly extents: readonly TrimmedExtent[];
  readonly before: number;
  readonly after: number;
  /** Free pages outside of aligned granules, which keep their space. */
  readonly unaligned: number;
  /** False: this file system knows no holes, and nothing was done. */
  readonly possible: boolean;
}

export class Trimmer {
  readonly #parts: SpaceParts;
  readonly #root: RootSpace;
  #running = false;
  /** How many wish that realtime trimming waits. */
  #holders = 0;
  /** Who waits for the end of the running trim. */
  #waiting: (() => void)[] = [];

  constructor(parts: SpaceParts, root: RootSpace) {
    this.#parts = parts;
    this.#root = root;
  }

  get running(): boolean {
    return this.#running;
  }

  /**
   * Keeps realtime trimming away until the function that it returns is called: whoever makes the file shorter needs what is free
   * below. A trim that somebody asks for is not held.
   */
  hold(): () => void {
    this.#holders++;
    return () => {
      this.#holders--;
    };
  }

  /** The end of the running trim. There is nothing to wait for synchronously: then the answer comes at once. */
  ended(): Request {
    return new StoreRequest(
      REQUEST_ROOM,
      this.#parts.core.clock,
      () => {},
      (done) => this.#waiting.push(done),
    );
  }

  /** Has enough become free since the last trim for another one, and does nobody hold it? */
  isWorthwhile(): boolean {
    return !this.#running && this.#holders === 0 && this.#root.freed * this.#parts.core.pageBytes >= REALTIME_BYTES;
  }

  /** Trims as {@link trim} does, until somebody holds it. */
  *trimRealtime(): Task<void> {
    yield* this.#trim(
      () => {},
      () => this.#holders > 0,
    );
  }

  /**
   * Trims every free extent of the root. One at a time: a second call meanwhile reports what there is.
   *
   * @param reached - told the last page of each extent, in the order of the file.
   */
  trim(reached: (page: number) => void = () => {}): Task<TrimReport> {
    return this.#trim(reached, () => false);
  }

  *#trim(reached: (page: number) => void, isOver: () => boolean): Task<TrimReport> {
    const { core } = this.#parts;
    const { available } = this.#root.space;
    const extents: TrimmedExtent[] = [];
    let unaligned = 0;
    let possible = true;
    const mayTrim = !this.#running;
    this.#running = true;
    this.#root.freed = 0;
    try {
      for (let from = 0; !isOver(); ) {
        const status = available.find(from);
        if (status === NEED) {
          yield core.need;
          continue;
        }
        if (status === NONE) break;
        const { first, last } = available;
        from = last + 1;
        reached(last);
        if (available.state !== EXTENT_AT_HAND) {
          const trimmed = last - first + 1;
          extents.push({ first, last, alignedFirst: first, alignedPages: trimmed, before: trimmed, after: trimmed });
          continue;
        }
        const inner = granules(first, last, core.pageBytes);
        const pages = Math.max(0, inner.last - inner.first + 1);
        unaligned += last - first + 1 - pages;
        const tries: boolean = pages > 0 && possible && mayTrim;
        const done: boolean = tries && (yield* this.#extent(inner.first, inner.last));
        possible &&= done || !tries;
        extents.push({
          first,
          last,
          alignedFirst: inner.first,
          alignedPages: pages,
          before: 0,
          after: done ? pages : 0,
        });
      }
    } finally {
      if (mayTrim) this.#end();
    }
    const sum = (key: 'before' | 'after'): number => extents.reduce((n, e) => n + e[key], 0);
    return { extents, before: sum('before'), after: sum('after'), unaligned, possible };
  }

  #end(): void {
    this.#running = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const go of waiting) this.#parts.core.clock.soon(go);
  }

  /** Takes one aligned range through its states; false when the file system cannot punch. */
  *#extent(first: number, last: number): Task<boolean> {
    const { core } = this.#parts;
    for (;;) {
      const status = this.#mark(first, last);
      if (status === OK) break;
      // Somebody took a part of it meanwhile: the next trim sees what is left.
      if (status === TAKEN) return true;
      if (status === NEED) yield core.need;
    }
    // Until it is settled the range is nobody's; when an error ends this, it counts as trimmed.
    this.#root.trimmingLast = last;
    try {
      // Up to here: who waited for the end of the log would wait for whoever goes on writing.
      const marked = core.log.tail;
      while (core.log.durable < marked) yield core.log.flushRequest();
      const punched = yield* this.#punchAll(first, last);
      for (;;) {
        const status = this.#settle(first, last, punched);
        if (status === OK) return punched;
        if (status === NEED) yield core.need;
      }
    } finally {
      this.#root.trimmingLast = -1;
    }
  }

  /** Punches the range in pieces; false as soon as the file system cannot. */
  *#punchAll(first: number, last: number): Task<boolean> {
    const { pageBytes } = this.#parts.core;
    const end = pageOffset(last + 1, pageBytes);
    let punched = true;
    for (let at = pageOffset(first, pageBytes); at < end && punched; at += PIECE_BYTES) {
      yield this.#punch(at, Math.min(PIECE_BYTES, end - at), (possible) => {
        punched = possible;
      });
    }
    return punched;
  }

  #punch(offset: number, length: number, told: (possible: boolean) => void): Request {
    const { file, clock } = this.#parts.core;
    return new StoreRequest(
      REQUEST_ROOM,
      clock,
      () => told(file.punch(offset, length)),
      (done) => {
        file.punchAsync(offset, length, (error, punched) => {
          told(punched);
          done(error);
        });
      },
    );
  }

  /** Cuts the range out of its extent and marks it: OK, TAKEN, NONE (again), NEED. */
  #mark(first: number, last: number): number {
    const { core } = this.#parts;
    const { available } = this.#root.space;
    if (core.reserve() === NEED) return NEED;
    const ready = refill(this.#parts, this.#root.space);
    if (ready !== OK) return ready;
    for (const key of [first - 1, last]) {
      const room = available.room(key);
      if (room !== OK) return room;
    }
    const found = available.find(first);
    if (found === NEED) return NEED;
    if (found !== OK || available.state !== EXTENT_AT_HAND || available.first > first || available.last < last)
      return TAKEN;
    const extentFirst = available.first;
    const extentLast = available.last;
    core.group.begin();
    core.group.gone(first, last);
    if (extentLast > last) {
      available.setPages(extentLast, extentLast - last);
      available.insert(last, last - first + 1, EXTENT_TRIMMING);
    } else available.setPages(last, last - first + 1, EXTENT_TRIMMING);
    if (extentFirst < first) available.insert(first - 1, first - extentFirst);
    this.#root.countTrimmed(last - first + 1);
    core.group.end();
    return OK;
  }

  /** Marks the range trimmed, joined with its trimmed neighbours; or puts it at hand again when no hole could be made. */
  #settle(first: number, last: number, punched: boolean): number {
    const { core } = this.#parts;
    const { available } = this.#root.space;
    if (core.reserve() === NEED) return NEED;
    const ready = refill(this.#parts, this.#root.space);
    if (ready !== OK) return ready;
    const room = available.room(last);
    if (room !== OK) return room;
    const before = available.findEnd(first - 1);
    const joinsBefore = before === OK && available.state === EXTENT_TRIMMED;
    const from = joinsBefore ? available.first : first;
    const after = available.find(last + 1);
    if (before === NEED || after === NEED) return NEED;
    const joinsAfter = after === OK && available.first === last + 1 && available.state === EXTENT_TRIMMED;
    const end = joinsAfter ? available.last : last;
    core.group.begin();
    if (!punched) {
      available.remove(last);
      coalesce(available, first, last, 1, this.#root.filePages - 1);
      this.#root.countTrimmed(first - last - 1);
    } else {
      if (joinsBefore) available.remove(first - 1);
      if (joinsAfter) available.remove(last);
      available.setPages(end, end - from + 1, EXTENT_TRIMMED);
    }
    core.group.end();
    return OK;
  }
}

const TAKEN = 98;

/** The pages of whole 64 KiB granules of the file inside first … last; empty when `last` comes out below `first`. */
export function granules(first: number, last: number, pageBytes: number): { first: number; last: number } {
  const align = EXTENT_ALIGN_BYTES / pageBytes;
  // Page p lies at (p + 1) × page size.
  return {
    first: Math.ceil((first + 1) / align) * align - 1,
    last: Math.floor((last + 2) / align) * align - 2,
  };
}
