/**
 * Pages of one file in memory.
 *
 *   slab     1 MiB, cut into frames; a frame has one Uint8Array and one DataView for its life
 *   frame    free → clean (resident) ⇄ dirty; evicted clean → free
 *   hand     a clock over the frames: usage 0–3, raised by point access, lowered by the hand. A page that a scan brought in
 *            starts at 0 and stays there, so a scan pushes out only itself.
 *
 * A page is written from a copy that carries its checksum, and only when the log is durable past its LSN (law 4). Reading
 * and writing single pages is synchronous: from the host's cache that costs less than a trip through the thread pool.
 * Nothing here evicts except `ensureFree`; an attempt calls it before it looks at any page, and takes frames from the free
 * list afterwards, so what it has seen stays where it is (law 2).
 *
 * The file stays whole: giving, reading, writing and evicting a frame are steps of one state over one set of arrays.
 */
import { assert, VERIFY } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import { fail } from '../base/errors.ts';
import { REQUEST_PAGE, REQUEST_ROOM, type Request } from '../base/task.ts';
import type { VfsFile } from '../io/vfs.ts';
import {
  PAGE_CHECKSUM_AT,
  PAGE_LSN_AT,
  PAGE_PGNO_AT,
  PAGE_TREE_AT,
  PAGE_WRITES_AT,
  pageOffset,
  readU64,
} from './layout.ts';
import { pageChecksum, pageSeed, verifyPage } from './page-check.ts';
import { ReadAhead, RUN_PAGES } from './read-ahead.ts';
import { StoreRequest } from './store-request.ts';

const SLAB_BYTES = 1 << 20;
/** Enough for the largest attempt, the frames that it reserves, and as many dirty pages again. */
const FRAMES_MIN = 128;
/**
 * Frames freed beyond those asked for: more than any attempt reads pages. A window of compaction reads the most, some twenty: eight
 * leaves, their neighbours and branches, the space trees of the tree and of the root, the tree catalog.
 */
const FRAMES_AHEAD = 32;
/** Pages written in one go when clean frames run out. */
const CLEAN_BATCH = 64;
const DIRTY = 1;
const USAGE_MAX = 3;

/** What the cache needs from the log: law 4. */
export interface LogFlush {
  /** Everything before this position is durable. */
  readonly durable: number;
  flushNow(): void;
  requestFlush(done: (error?: unknown) => void): void;
}

/** How a page read from disk looks; recovery repairs what the rest of the system must refuse. */
export const PAGE_GOOD = 0;
export const PAGE_BLANK = 1;
export const PAGE_BAD = 2;
export type PageState = typeof PAGE_GOOD | typeof PAGE_BLANK | typeof PAGE_BAD;

/** A page as it was at some moment. */
export interface PageCopy {
  readonly pgno: number;
  /** Its write counter then. */
  readonly writes: number;
  readonly bytes: Uint8Array;
}

export class PageCache {
  readonly pageBytes: number;
  /** By frame. */
  readonly bytes: Uint8Array[] = [];
  readonly views: DataView[] = [];
  readonly #file: VfsFile;
  readonly #clock: Clock;
  readonly #log: LogFlush;
  readonly #seed: number;
  readonly #framesMax: number;
  /** Page number → frame + 1; 0 = not resident. */
  #frames = new Int32Array(1024);
  /** Low byte of the write counter that the page had when last read or written, plus 256; 0 = not known. */
  #writes = new Uint16Array(1024);
  #pgnos: Int32Array;
  #state: Uint8Array;
  #usage: Uint8Array;
  #free: Int32Array;
  #freeCount = 0;
  #hand = 0;
  #dirtyCount = 0;
  /** Pages that could not be read when a request for them was answered, and that nobody has made anew or asked for since. */
  readonly #doubtful: Set<number> = new Set();
  readonly #out: Uint8Array;
  readonly #outView: DataView;
  readonly #readAhead = new ReadAhead();
  #run: Uint8Array | undefined;
  /** Pages read from and written to disk, and reads of the file, for statistics. */
  reads = 0;
  readCalls = 0;
  writes = 0;
  /** Pages that trees have given up: whoever remembers a page by its LSN and finds this changed looks for it anew. */
  freed = 0;

  constructor(file: VfsFile, clock: Clock, log: LogFlush, fileId: Uint8Array, pageBytes: number, cacheBytes: number) {
    this.#file = file;
    this.#clock = clock;
    this.#log = log;
    this.#seed = pageSeed(fileId);
    this.pageBytes = pageBytes;
    this.#framesMax = Math.max(FRAMES_MIN, Math.floor(cacheBytes / pageBytes));
    this.#pgnos = new Int32Array(this.#framesMax);
    this.#state = new Uint8Array(this.#framesMax);
    this.#usage = new Uint8Array(this.#framesMax);
    this.#free = new Int32Array(this.#framesMax);
    this.#out = new Uint8Array(pageBytes);
    this.#outView = new DataView(this.#out.buffer);
  }

  get dirtyCount(): number {
    return this.#dirtyCount;
  }

  get residentCount(): number {
    return this.bytes.length - this.#freeCount;
  }

  /** The frame of a resident page, or −1; counts as a point access. Hot. */
  frameOf(pgno: number): number {
    if (pgno >= this.#frames.length) return -1;
    const frame = this.#frames[pgno]! - 1;
    if (frame >= 0 && this.#usage[frame]! < USAGE_MAX) this.#usage[frame]!++;
    return frame;
  }

  /** The frame of a resident page, or −1, without counting: for scans and maintenance. */
  peek(pgno: number): number {
    return pgno < this.#frames.length ? this.#frames[pgno]! - 1 : -1;
  }

  /** Does the disk have less of the page in a frame than memory? */
  isDirty(frame: number): boolean {
    return this.#state[frame] === DIRTY;
  }

  /** The page in a frame. */
  pgnoOf(frame: number): number {
    return this.#pgnos[frame]!;
  }

  /**
   * Makes sure that `count` frames are free, evicting clean pages. False: too many are dirty, `cleaning()` helps.
   *
   * It frees a few more than asked, because an attempt that asks, finds a page missing, loads it and asks again must not evict
   * that page for the sake of the frame it took.
   */
  ensureFree(wanted: number): boolean {
    if (this.#freeCount >= wanted) return true;
    const count = wanted + FRAMES_AHEAD;
    while (this.#freeCount < count && this.bytes.length < this.#framesMax) this.#addSlab();
    let steps = this.bytes.length * (USAGE_MAX + 1);
    while (this.#freeCount < count && steps-- > 0) {
      const frame = this.#hand;
      this.#hand = frame + 1 === this.bytes.length ? 0 : frame + 1;
      if (this.#pgnos[frame] === 0 || this.#state[frame] === DIRTY) continue;
      if (this.#usage[frame]! > 0) this.#usage[frame]!--;
      else this.drop(this.#pgnos[frame]!);
    }
    return this.#freeCount >= count;
  }

  /** A frame for a page that is about to be made; its content is undefined. `ensureFree` must have succeeded. */
  takeFrame(pgno: number): number {
    const resident = this.peek(pgno);
    if (resident >= 0) return resident;
    assert(this.#freeCount > 0, 'no free frame: reserve before apply');
    this.#doubtful.delete(pgno);
    const frame = this.#free[--this.#freeCount]!;
    this.#growTo(pgno);
    this.#frames[pgno] = frame + 1;
    this.#pgnos[frame] = pgno;
    this.#state[frame] = 0;
    this.#usage[frame] = 0;
    return frame;
  }

  markDirty(frame: number): void {
    if (this.#state[frame] === DIRTY) return;
    this.#state[frame] = DIRTY;
    this.#dirtyCount++;
  }

  /** Forgets a page that is clean or whose content no longer matters. */
  drop(pgno: number): void {
    const frame = this.peek(pgno);
    if (frame < 0) return;
    if (this.#state[frame] === DIRTY) this.#dirtyCount--;
    this.#state[frame] = 0;
    this.#frames[pgno] = 0;
    this.#pgnos[frame] = 0;
    this.#free[this.#freeCount++] = frame;
  }

  /**
   * Forgets a page that its tree gives up. The disk still has it as it was, LSN and all, and whoever asked for it before, or
   * looks through the pages of an extent, brings it back in that form: so its LSN alone does not say that it is still in place.
   */
  free(pgno: number): void {
    this.drop(pgno);
    this.freed++;
  }

  /**
   * A request that brings a page in: for a point access, or (`usage` 0) for a scan, which will not come back to it.
   *
   * When it is answered the page may have been freed, and its place on disk may be gone: so the first time that a page cannot
   * be read is no error yet. Who still wants it then asks again, and hears that it is damaged.
   */
  pageRequest(pgno: number, usage = 1): Request {
    const mustBeGood = this.#doubtful.has(pgno);
    const load = (): void => {
      if (usage === 0 && this.peek(pgno) < 0) this.#readRun(pgno, this.#readAhead.runAt(pgno));
      if (mustBeGood) this.load(pgno);
      else if (this.loadAny(pgno) !== PAGE_GOOD) {
        this.#doubtful.add(pgno);
        return;
      }
      this.#usage[this.peek(pgno)] = usage;
    };
    return new StoreRequest(REQUEST_PAGE, this.#clock, load, (done) => {
      const read = (error?: unknown): void => {
        if (error === undefined) this.#clock.soon(() => settle(done, load));
        else done(error);
      };
      if (this.ensureFree(1)) read();
      else this.#log.requestFlush(read);
    });
  }

  /** Reads a page and those that lie beside it at once; what is no good page, or resident already, is left out. */
  #readRun(pgno: number, count: number): void {
    const pages = Math.abs(count);
    if (pages < 2 || !this.ensureFree(pages)) return;
    const first = count > 0 ? pgno : pgno - pages + 1;
    this.#run ??= new Uint8Array(RUN_PAGES * this.pageBytes);
    const got = this.#file.read(this.#run, 0, pages * this.pageBytes, pageOffset(first, this.pageBytes));
    this.readCalls++;
    for (let i = 0; (i + 1) * this.pageBytes <= got; i++) {
      if (first + i < 1 || this.peek(first + i) >= 0) continue;
      const frame = this.takeFrame(first + i);
      this.bytes[frame]!.set(this.#run.subarray(i * this.pageBytes, (i + 1) * this.pageBytes));
      this.reads++;
      if (this.#judge(first + i, frame) !== PAGE_GOOD) this.drop(first + i);
    }
  }

  /** A request after which at least `CLEAN_BATCH` more frames can be freed. */
  cleaning(): Request {
    const write = (): void => {
      this.writeDirty(CLEAN_BATCH);
    };
    return new StoreRequest(
      REQUEST_ROOM,
      this.#clock,
      () => {
        this.#log.flushNow();
        write();
      },
      (done) => this.#log.requestFlush((error) => (error === undefined ? settle(done, write) : done(error))),
    );
  }

  /** Reads a page unless it is resident. @throws `data_corrupted` (XX001) naming file, page and tree. */
  load(pgno: number): number {
    const resident = this.peek(pgno);
    if (resident >= 0) return resident;
    const frame = this.#read(pgno);
    const state = this.#judge(pgno, frame);
    if (state === PAGE_GOOD) return frame;
    const tree = this.views[frame]!.getUint32(PAGE_TREE_AT, true);
    this.drop(pgno);
    const what = state === PAGE_BLANK ? 'is blank' : `of tree ${tree} has a wrong checksum`;
    throw fail('data_corrupted', `page ${pgno} in file "${this.#file.path}" ${what}`);
  }

  /** Reads a page as it is, for recovery and the checker; `stateOf` tells its state. */
  loadAny(pgno: number): PageState {
    if (this.peek(pgno) >= 0) return PAGE_GOOD;
    const frame = this.#read(pgno);
    const state = this.#judge(pgno, frame);
    if (state !== PAGE_GOOD) this.drop(pgno);
    return state;
  }

  /** Writes up to `count` dirty pages, in the order of the file; returns how many are left. */
  writeDirty(count: number): number {
    const frames: number[] = [];
    for (let f = 0; f < this.bytes.length && frames.length < count; f++) {
      const frame = (this.#hand + f) % this.bytes.length;
      if (this.#state[frame] === DIRTY && this.#isLogged(frame)) frames.push(frame);
    }
    frames.sort((a, b) => this.#pgnos[a]! - this.#pgnos[b]!);
    for (const frame of frames) this.#write(frame);
    return this.#dirtyCount;
  }

  /** Page numbers of all dirty pages, ascending: what a checkpoint must write. */
  dirtyPages(): Int32Array {
    const pages = new Int32Array(this.#dirtyCount);
    let n = 0;
    for (let frame = 0; frame < this.bytes.length; frame++) {
      if (this.#state[frame] === DIRTY) pages[n++] = this.#pgnos[frame]!;
    }
    return pages.sort();
  }

  /** Writes a page if it is resident and dirty; false when the log is not durable past it yet. */
  writePage(pgno: number): boolean {
    const frame = this.peek(pgno);
    if (frame < 0 || this.#state[frame] !== DIRTY) return true;
    if (!this.#isLogged(frame)) return false;
    this.#write(frame);
    return true;
  }

  /** A dirty page as it is now, to be written when the log is durable past it: see `writeCopy`. */
  copyPage(pgno: number): PageCopy {
    const frame = this.peek(pgno);
    assert(frame >= 0 && this.#state[frame] === DIRTY, 'only a dirty page is copied');
    return { pgno, writes: this.views[frame]!.getUint32(PAGE_WRITES_AT, true), bytes: this.bytes[frame]!.slice() };
  }

  /** Writes a copy, unless the page was written or given up since. A page that changed meanwhile stays dirty. */
  writeCopy({ pgno, writes, bytes }: PageCopy): void {
    const frame = this.peek(pgno);
    if (frame < 0 || this.#state[frame] !== DIRTY) return;
    const view = this.views[frame]!;
    if (view.getUint32(PAGE_WRITES_AT, true) !== writes) return;
    const copied = readU64(new DataView(bytes.buffer, bytes.byteOffset), PAGE_LSN_AT);
    assert(copied < this.#log.durable, 'page written before its log');
    this.#write(frame, bytes, copied === readU64(view, PAGE_LSN_AT));
  }

  /** Evicts everything clean: tests use it to prove that nothing relies on residence. */
  evictClean(): void {
    for (let frame = 0; frame < this.bytes.length; frame++) {
      if (this.#pgnos[frame] !== 0 && this.#state[frame] !== DIRTY) this.drop(this.#pgnos[frame]!);
    }
  }

  #isLogged(frame: number): boolean {
    return readU64(this.views[frame]!, PAGE_LSN_AT) < this.#log.durable;
  }

  #read(pgno: number): number {
    if (!this.ensureFree(1)) {
      this.#log.flushNow();
      this.writeDirty(CLEAN_BATCH);
      assert(this.ensureFree(1), 'no frame can be freed');
    }
    const frame = this.takeFrame(pgno);
    const bytes = this.bytes[frame]!;
    try {
      const got = this.#file.read(bytes, 0, this.pageBytes, pageOffset(pgno, this.pageBytes));
      bytes.fill(0, got);
    } catch (error) {
      this.drop(pgno);
      throw error;
    }
    this.reads++;
    this.readCalls++;
    return frame;
  }

  #judge(pgno: number, frame: number): PageState {
    const bytes = this.bytes[frame]!;
    const view = this.views[frame]!;
    const sum = view.getUint32(PAGE_CHECKSUM_AT, true);
    if (sum === 0 && bytes.every((b) => b === 0)) return PAGE_BLANK;
    if (sum !== pageChecksum(this.#seed, bytes, pgno) || view.getUint32(PAGE_PGNO_AT, true) !== pgno) return PAGE_BAD;
    const writes = (view.getUint32(PAGE_WRITES_AT, true) & 0xff) + 256;
    const expected = this.#writes[pgno]!;
    // An older copy than the one we wrote: the disk lost a write that it had acknowledged.
    if (expected !== 0 && expected !== writes) return PAGE_BAD;
    this.#writes[pgno] = writes;
    return PAGE_GOOD;
  }

  /** @param bytes - the page, or an older copy of it, which leaves it dirty: `isNewest` false. */
  #write(frame: number, bytes: Uint8Array = this.bytes[frame]!, isNewest = true): void {
    const pgno = this.#pgnos[frame]!;
    const view = this.views[frame]!;
    if (VERIFY) verifyPage(this.bytes[frame]!, view);
    const writes = view.getUint32(PAGE_WRITES_AT, true) + 1;
    view.setUint32(PAGE_WRITES_AT, writes, true);
    this.#out.set(bytes);
    this.#outView.setUint32(PAGE_WRITES_AT, writes, true);
    this.#outView.setUint32(PAGE_CHECKSUM_AT, pageChecksum(this.#seed, this.#out, pgno), true);
    this.#file.write(this.#out, 0, this.pageBytes, pageOffset(pgno, this.pageBytes));
    this.#writes[pgno] = (writes & 0xff) + 256;
    this.writes++;
    if (!isNewest) return;
    this.#state[frame] = 0;
    this.#dirtyCount--;
  }

  #addSlab(): void {
    const frames = Math.min(Math.floor(SLAB_BYTES / this.pageBytes), this.#framesMax - this.bytes.length);
    const slab = new ArrayBuffer(frames * this.pageBytes);
    for (let i = 0; i < frames; i++) {
      this.#free[this.#freeCount++] = this.bytes.length;
      this.bytes.push(new Uint8Array(slab, i * this.pageBytes, this.pageBytes));
      this.views.push(new DataView(slab, i * this.pageBytes, this.pageBytes));
    }
  }

  #growTo(pgno: number): void {
    if (pgno < this.#frames.length) return;
    const length = Math.max(pgno + 1, this.#frames.length * 2);
    const frames = new Int32Array(length);
    frames.set(this.#frames);
    this.#frames = frames;
    const writes = new Uint16Array(length);
    writes.set(this.#writes);
    this.#writes = writes;
  }
}

function settle(done: (error?: unknown) => void, act: () => void): void {
  try {
    act();
  } catch (error) {
    done(error);
    return;
  }
  done();
}
