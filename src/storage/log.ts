/**
 * The log: groups appended to generation files, made durable in batches.
 *
 *   generation   header (512) | group | group | … unused tail        positions: start … start + bytes; the next one follows
 *   group        checksum | bytes | LSN | generation | checksum of the group before | durable so far | records
 *   buffer       what is not yet durable, in order; segments say which part belongs to which generation's file
 *
 * A position (LSN) is a byte in the endless sequence of generations. A group never crosses a generation. One flush is in
 * flight at a time; what is appended meanwhile goes with the next one: that is group commit. Generations are prepared ahead
 * (`spares`), one of them kept for rollback, checkpoint and shutdown. A failed write or sync is fatal: the log answers every
 * later call with the first failure (law 4).
 */
import { crc32 } from 'node:zlib';
import { assert } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import { fail } from '../base/errors.ts';
import { REQUEST_FLUSH, REQUEST_ROOM, type Request } from '../base/task.ts';
import type { Vfs } from '../io/vfs.ts';
import {
  GROUP_BYTES_AT,
  GROUP_CHAIN_AT,
  GROUP_CHECKSUM_AT,
  GROUP_DURABLE_AT,
  GROUP_GENERATION_AT,
  GROUP_HEADER_BYTES,
  GROUP_LSN_AT,
  LOG_HEADER_BYTES,
  writeU64,
} from './layout.ts';
import type { Generation } from './log-generation.ts';
import { LogHolds } from './log-holds.ts';
import { LogSpares } from './log-spares.ts';
import { StoreRequest } from './store-request.ts';

const BUFFER_BYTES = 4 << 20;
/**
 * So much is handed to the system on the spot: copying it into the system's memory takes a few microseconds, having another
 * thread do that costs a commit ten times as much. What takes time is the sync.
 */
const WRITE_NOW_BYTES = 64 << 10;
/** Position of the first generation's header. */
export const FIRST_LSN = 4096;

type Segment = { readonly generation: Generation; readonly fileAt: number; readonly from: number; to: number };
type Done = (error?: unknown) => void;

export class Log {
  /** The buffer under its current group; writers of records put their bytes at `at` and move it. */
  readonly bytes: Uint8Array = new Uint8Array(BUFFER_BYTES);
  readonly view: DataView = new DataView(this.bytes.buffer);
  at = 0;
  /** Called after each advance of `durable`, before those who wait for it resume. */
  onDurable: () => void = () => {};
  readonly #vfs: Vfs;
  readonly #clock: Clock;
  readonly #directory: string;
  #current: Generation | undefined;
  readonly #spares: LogSpares;
  /** Older generations, still needed. */
  #kept: Generation[] = [];
  /** Who needs them, besides the last checkpoint; and from where on that needs them. */
  readonly holds: LogHolds = new LogHolds(() => this.#recycle());
  #needed = 0;
  #segments: Segment[] = [];
  #groupAt = 0;
  #end = 0;
  #tail = FIRST_LSN;
  #durable = FIRST_LSN;
  /** End of the last group appended, and of the last one that is durable: what groups claim, free of jumps between generations. */
  #groupEnd = 0;
  #durableEnd = 0;
  #chain = 0;
  #inFlight = false;
  #waiters: { readonly lsn: number; readonly done: Done }[] = [];
  #failure: unknown;
  /** Flushes done and groups written, for statistics. */
  flushes = 0;
  groups = 0;

  constructor(vfs: Vfs, clock: Clock, directory: string, fileId: Uint8Array) {
    this.#vfs = vfs;
    this.#clock = clock;
    this.#directory = directory;
    this.#spares = new LogSpares(vfs, clock, directory, fileId, (error) => this.#fail(error));
  }

  /** While recovery replays, everything up to here was read from disk. */
  replayed(lsn: number): void {
    this.#durable = lsn;
    this.#tail = lsn;
  }

  /** Position of the next group. */
  get tail(): number {
    return this.#tail;
  }

  get durable(): number {
    return this.#durable;
  }

  get generation(): number {
    return this.#current?.number ?? 0;
  }

  /** Numbers that the next generation must not fall below; for a file that is closed. */
  get nextGeneration(): number {
    return this.#spares.nextNumber;
  }

  get nextStart(): number {
    return this.#spares.nextStart;
  }

  /** The first generation kept. */
  get firstGeneration(): number {
    return this.#kept[0]?.number ?? this.generation;
  }

  /** All generations, the one being written last. */
  get generations(): readonly Generation[] {
    return this.#current === undefined ? this.#kept : [...this.#kept, this.#current];
  }

  /** The generation that holds a position. */
  generationAt(lsn: number): number {
    for (const g of this.#kept) if (lsn < g.start + g.bytes) return g.number;
    return this.generation;
  }

  /** What makes every later write impossible; undefined while all is well. */
  get failure(): unknown {
    return this.#failure;
  }

  /** Bytes of log since a position, for the checkpoint's schedule. */
  bytesSince(lsn: number): number {
    return this.#tail - lsn;
  }

  /**
   * Opens the log for writing in a new generation.
   *
   * @param kept - older generations that recovery still needs, ascending.
   * @param chain - checksum of the last group before.
   */
  open(generation: number, start: number, kept: Generation[], chain: number): void {
    this.#kept = kept;
    this.#chain = chain;
    this.#current = this.#spares.open(generation, start);
    this.#tail = start + LOG_HEADER_BYTES;
    this.#durable = this.#tail;
  }

  /**
   * Is there room for a group of `bytes`? Switches to a spare generation when the current one is full.
   *
   * @param emergency - the last spare may be used: rollback, checkpoint, shutdown.
   */
  room(bytes: number, emergency: boolean): boolean {
    const current = this.#current;
    assert(current !== undefined, 'log is not open');
    if (this.#failure !== undefined) throw this.#fatal();
    if (this.#end + bytes > BUFFER_BYTES) return false;
    if (this.#tail + bytes <= current.start + current.bytes) return true;
    if (this.#spares.ready < (emergency ? 1 : 2)) return false;
    const next = this.#spares.take();
    assert(next !== undefined, 'spare generation');
    assert(bytes + LOG_HEADER_BYTES <= next.bytes, 'group larger than a generation');
    this.#kept.push(current);
    this.#current = next;
    this.#tail = next.start + LOG_HEADER_BYTES;
    return true;
  }

  /** After it, `room(bytes, emergency)` is true: flushes, makes generations. @throws `disk_full` (53100). */
  roomRequest(bytes: number, emergency: boolean): Request {
    const buffer = (): boolean => this.#end + bytes <= BUFFER_BYTES;
    const spares = (): boolean => this.#spares.ready >= (emergency ? 1 : 2);
    const now = (): void => {
      if (!buffer()) this.flushNow();
      while (!spares()) this.#spares.add();
    };
    const begin = (done: Done): void => {
      const next = (error?: unknown): void => {
        if (error !== undefined) done(error);
        else if (!buffer()) this.requestFlush(next);
        else if (!spares()) this.#spares.start(next);
        else done();
      };
      this.#clock.soon(next);
    };
    return new StoreRequest(REQUEST_ROOM, this.#clock, now, begin);
  }

  /** Opens a group and returns its LSN. `room` must have said yes. */
  begin(): number {
    this.#groupAt = this.#end;
    this.at = this.#end + GROUP_HEADER_BYTES;
    return this.#tail;
  }

  /** Closes the group: from now on it will be written. */
  end(): void {
    const at = this.#groupAt;
    const generation = this.#current;
    assert(generation !== undefined && this.at <= BUFFER_BYTES, 'group in an open log, within the buffer');
    const bytes = (this.at - at + 7) & ~7;
    while (this.at < at + bytes) this.bytes[this.at++] = 0;
    const view = this.view;
    view.setUint32(at + GROUP_BYTES_AT, bytes, true);
    writeU64(view, at + GROUP_LSN_AT, this.#tail);
    view.setUint32(at + GROUP_GENERATION_AT, generation.number, true);
    view.setUint32(at + GROUP_CHAIN_AT, this.#chain, true);
    writeU64(view, at + GROUP_DURABLE_AT, this.#durableEnd);
    this.#chain = crc32(this.bytes.subarray(at + GROUP_CHECKSUM_AT + 4, at + bytes));
    view.setUint32(at + GROUP_CHECKSUM_AT, this.#chain, true);
    const segment = this.#segments[this.#segments.length - 1];
    if (segment !== undefined && segment.generation === generation) segment.to = at + bytes;
    else this.#segments.push({ generation, fileAt: this.#tail - generation.start, from: at, to: at + bytes });
    this.#end = at + bytes;
    this.#tail += bytes;
    this.#groupEnd = this.#tail;
    this.groups++;
    assert(this.#tail <= generation.start + generation.bytes, 'group within its generation');
  }

  /** Makes everything appended so far durable, on the spot. Right even while a flush is in flight: it writes the same bytes. */
  flushNow(): void {
    if (this.#failure !== undefined) throw this.#fatal();
    const upTo = this.#tail;
    const groupEnd = this.#groupEnd;
    // Nothing buffered: the end may still have moved, to the next generation's beginning.
    if (this.#end === 0) {
      this.#durableUpTo(upTo, groupEnd);
      return;
    }
    if (this.#durable === upTo) return;
    try {
      for (const s of this.#segments) {
        s.generation.file.write(this.bytes, s.from, s.to - s.from, s.fileAt);
        s.generation.file.syncData();
      }
    } catch (error) {
      this.#fail(error);
      throw this.#fatal();
    }
    if (this.#inFlight) this.#durableUpTo(upTo, groupEnd);
    else this.#flushed(upTo, groupEnd, this.#end);
  }

  /** Calls `done` in a later turn, when everything appended so far is durable. */
  requestFlush(done: Done): void {
    if (this.#failure !== undefined || this.#durable >= this.#tail) {
      const failure = this.#failure === undefined ? undefined : this.#fatal();
      this.#clock.soon(() => done(failure));
      return;
    }
    this.#waiters.push({ lsn: this.#tail, done });
    if (!this.#inFlight) this.#scheduleFlush();
  }

  flushRequest(): Request {
    return new StoreRequest(
      REQUEST_FLUSH,
      this.#clock,
      () => this.flushNow(),
      (done) => this.requestFlush(done),
    );
  }

  /** Recovery needs nothing before `lsn`: generations that end there go, unless somebody else holds them. */
  release(lsn: number): void {
    this.#needed = lsn;
    this.#recycle();
  }

  /** Files of generations that nobody needs are used again. */
  #recycle(): void {
    const lsn = Math.min(this.#needed, this.holds.oldest);
    while (this.#kept.length > 0 && this.#kept[0]!.start + this.#kept[0]!.bytes <= lsn) {
      const old = this.#kept.shift();
      if (old !== undefined) this.#spares.recycle(old);
    }
  }

  /** The database file could not be written: nothing may be acknowledged any more. */
  poison(error: unknown): void {
    this.#fail(error);
  }

  /** Closes and removes all generations: the file alone is the database now. */
  remove(): void {
    this.close();
    if (this.#vfs.list(this.#directory).length === 0) return;
    for (const name of this.#vfs.list(this.#directory)) this.#vfs.unlink(`${this.#directory}/${name}`);
    this.#vfs.syncDirectory(this.#directory);
    this.#vfs.removeDirectory(this.#directory);
  }

  close(): void {
    for (const generation of this.#kept) generation.file.close();
    this.#kept = [];
    this.#current?.file.close();
    this.#current = undefined;
    this.#spares.close();
  }

  /** Not at once: the commits of this turn that are still to be appended share the flush. */
  #scheduleFlush(): void {
    this.#inFlight = true;
    this.#clock.soon(() => this.#startFlush());
  }

  #startFlush(): void {
    const upTo = this.#tail;
    const groupEnd = this.#groupEnd;
    const end = this.#end;
    const segments = this.#segments.map((s) => ({ ...s }));
    const next = (i: number): void => {
      const s = segments[i];
      if (s === undefined) {
        this.#inFlight = false;
        this.#flushed(upTo, groupEnd, end);
        if (this.#waiters.length > 0) this.#scheduleFlush();
        return;
      }
      const { file } = s.generation;
      this.#write(s, (error) => {
        if (error === undefined)
          file.syncDataAsync((failure) => (failure === undefined ? next(i + 1) : this.#fail(failure)));
        else this.#fail(error);
      });
    };
    next(0);
  }

  /** Gives a segment to the system: it is not durable before its file is synced. */
  #write(s: Segment, done: Done): void {
    const { file } = s.generation;
    const length = s.to - s.from;
    if (length > WRITE_NOW_BYTES) {
      file.writeAsync(this.bytes, s.from, length, s.fileAt, done);
      return;
    }
    try {
      file.write(this.bytes, s.from, length, s.fileAt);
    } catch (error) {
      done(error);
      return;
    }
    done();
  }

  /** Drops the first `end` bytes of the buffer, which are durable. Never while a flush reads them. */
  #flushed(upTo: number, groupEnd: number, end: number): void {
    this.flushes++;
    this.bytes.copyWithin(0, end, this.#end);
    this.#end -= end;
    const rest: Segment[] = [];
    for (const s of this.#segments) {
      if (s.to <= end) continue;
      const cut = Math.max(end - s.from, 0);
      rest.push({ generation: s.generation, fileAt: s.fileAt + cut, from: s.from + cut - end, to: s.to - end });
    }
    this.#segments = rest;
    this.#durableUpTo(upTo, groupEnd);
  }

  #durableUpTo(lsn: number, groupEnd: number): void {
    if (lsn > this.#durable) this.#durable = lsn;
    if (groupEnd > this.#durableEnd) this.#durableEnd = groupEnd;
    this.onDurable();
    const ready = this.#waiters.filter((w) => w.lsn <= this.#durable);
    this.#waiters = this.#waiters.filter((w) => w.lsn > this.#durable);
    for (const w of ready) this.#clock.soon(() => w.done());
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const w of waiters) this.#clock.soon(() => w.done(this.#fatal()));
  }

  #fatal(): unknown {
    return fail('crash_shutdown', 'the log could not be written; the database must be reopened and recovered', {
      cause: this.#failure,
    });
  }
}
