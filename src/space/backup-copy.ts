/**
 * The fuzzy copy of a database file that is in use: its pages as they come, then the log that makes them one state.
 *
 *   hold R ───── pages, one slice after another ─────> E: the log is durable up to here
 *                                                      log R … E
 *
 * R is what the newest checkpoint needs at the begin; a named holder keeps the log from there. What lies in the copy is then what a
 * crash at E could have left on a disk, page by page:
 *
 *   used page   as it was written at some time since R. Who changed it since R logged its image first (INV-STORE-2), and only
 *               such pages are written after R, so a page that was read while it was written, in halves of two versions, is repaired
 *   new page    logged whole: read or not, replay makes it
 *   freed page  nobody asks for it
 *   hole        skipped; what was written there since is logged whole. A hole punched meanwhile may be old bytes in the copy:
 *               older records of its pages count no more (`gone-pages.ts`), and the copy's own holes are made at its end
 *   tail        pages that were cut off meanwhile read as zeros, those behind the first length are new pages
 *   header      made here, of the values that the checkpoint left in memory: dirty, redo R
 */
import type { Clock } from '../base/clock.ts';
import { fail } from '../base/errors.ts';
import { REQUEST_FLUSH, REQUEST_ROOM, type Request, type Task } from '../base/task.ts';
import { directoryOf, type Vfs, type VfsFile } from '../io/vfs.ts';
import type { FileHeader } from '../storage/file-header.ts';
import { LOG_HEADER_BYTES, PAGE_CHECKSUM_AT, PAGE_PGNO_AT, pageOffset } from '../storage/layout.ts';
import type { LogHold } from '../storage/log-holds.ts';
import { pageChecksum, pageSeed } from '../storage/page-check.ts';
import type { FileStore } from '../storage/store.ts';
import { StoreRequest } from '../storage/store-request.ts';
import { sliceRequest } from '../storage/transactions.ts';

/** So much waits in the host's memory at most; a sync of more would keep a cancelled backup waiting. */
const UNSYNCED_BYTES = 16 << 20;
/** Pages with a wrong checksum: two halves of a page while it is written. More are no accident. */
const DOUBTFUL_MAX = 100_000;

export type BackupPhase =
  | 'initializing'
  | 'waiting for checkpoint to finish'
  | 'estimating backup size'
  | 'streaming database files'
  | 'transferring wal files'
  | 'applying wal files'
  | 'closing the copy';

/** What a copy is told by, and asks before each slice. */
export interface CopyWatch {
  /** @throws what ends the backup */
  readonly check: () => void;
  readonly reached: (phase: BackupPhase, bytesDone: number, bytesTotal: number) => void;
}

export class BackupCopy {
  /** Pages whose checksum was wrong when they were read. */
  readonly doubtful: Set<number> = new Set();
  /** Where the replay of the copy begins, and where its log ends. */
  redo = 0;
  end = 0;
  readonly #store: FileStore;
  readonly #vfs: Vfs;
  readonly #clock: Clock;
  readonly #watch: CopyWatch;
  readonly #buffer: Uint8Array;
  readonly #view: DataView;
  #unsynced = 0;

  /** @param pieceBytes - so much is read and written at a time; whole pages. */
  constructor(store: FileStore, vfs: Vfs, clock: Clock, pieceBytes: number, watch: CopyWatch) {
    this.#store = store;
    this.#vfs = vfs;
    this.#clock = clock;
    this.#watch = watch;
    this.#buffer = new Uint8Array(pieceBytes);
    this.#view = new DataView(this.#buffer.buffer);
  }

  /** Copies file and log. @param owner - the session's process id. @returns bytes copied: pages and log. */
  *run(target: string, owner: number): Task<{ pages: number; log: number }> {
    const { core } = this.#store.parts;
    // From here on nothing is waited for: the header's values and the log that they need belong together.
    const header = core.header.copy();
    header.clean = false;
    const hold = core.log.holds.add('backup', owner, Math.min(header.redo, header.undo));
    this.redo = header.redo;
    try {
      const pages = yield* this.#copyPages(target, header);
      this.end = core.log.tail;
      yield core.log.flushRequest();
      return { pages, log: yield* this.#copyLog(`${target}-log`, header.firstGeneration, hold) };
    } finally {
      hold.release();
    }
  }

  *#copyPages(target: string, header: FileHeader): Task<number> {
    const { core } = this.#store.parts;
    // Files of one's own: the database may be closed, and its file's number given to another, while a read is under way.
    const from = this.#vfs.open(core.file.path, 'read');
    try {
      const to = this.#vfs.open(target, 'new');
      try {
        this.#watch.reached('estimating backup size', 0, 0);
        const ranges = this.#ranges(from);
        const total = ranges.reduce((sum, range) => sum + range.bytes, 0);
        header.write(to);
        header.write(to);
        let done = 0;
        for (const { at, bytes } of ranges) {
          for (let piece = 0; piece < bytes; piece += this.#buffer.length) {
            this.#watch.reached('streaming database files', done, total);
            const length = Math.min(this.#buffer.length, bytes - piece);
            yield* this.#piece(from, to, at + piece, at + piece, length);
            this.#judge(at + piece, length, header);
            done += length;
            yield this.#slice();
          }
        }
        yield* this.#sync(to);
        return done;
      } finally {
        to.close();
      }
    } finally {
      from.close();
    }
  }

  /** What holds data behind the headers, in whole pages. */
  #ranges(file: VfsFile): { at: number; bytes: number }[] {
    const { pageBytes } = this.#store;
    const size = file.size();
    const given = file.dataRanges() ?? [0, size];
    const ranges: { at: number; bytes: number }[] = [];
    let reached = pageOffset(1, pageBytes);
    for (let i = 0; i + 1 < given.length; i += 2) {
      const at = Math.max(reached, Math.floor(given[i]! / pageBytes) * pageBytes);
      const end = Math.min(size, Math.ceil((given[i]! + given[i + 1]!) / pageBytes) * pageBytes);
      if (end <= at) continue;
      ranges.push({ at, bytes: end - at });
      reached = end;
    }
    return ranges;
  }

  /** Pages that were read while they were written, or that are damaged: which of both, the end tells. */
  #judge(at: number, length: number, header: FileHeader): void {
    const { pageBytes } = this.#store;
    const seed = pageSeed(header.fileId);
    for (let n = 0; n + pageBytes <= length; n += pageBytes) {
      const pgno = (at + n) / pageBytes - 1;
      const sum = this.#view.getUint32(n + PAGE_CHECKSUM_AT, true);
      const page = this.#buffer.subarray(n, n + pageBytes);
      // A page of zeros is none yet.
      if (sum === 0 && page.every((b) => b === 0)) continue;
      if (this.#view.getUint32(n + PAGE_PGNO_AT, true) === pgno && sum === pageChecksum(seed, page, pgno)) continue;
      if (this.doubtful.size >= DOUBTFUL_MAX)
        throw fail('data_corrupted', `more than ${DOUBTFUL_MAX} pages of the database have wrong checksums`);
      this.doubtful.add(pgno);
    }
  }

  /** Copies the generations from a number on, the last one up to the end of what is copied. */
  *#copyLog(directory: string, first: number, hold: LogHold): Task<number> {
    const { log } = this.#store.parts.core;
    const generations = log.generations.filter((g) => g.number >= first && g.start < this.end);
    const total = Math.max(1, this.end - hold.lsn);
    this.#vfs.makeDirectory(directory);
    let copied = 0;
    for (const { file, start, bytes } of generations) {
      const from = this.#vfs.open(file.path, 'read');
      try {
        const to = this.#vfs.open(`${directory}/${generations.findIndex((g) => g.file === file) + 1}.log`, 'new');
        try {
          const length = Math.min(bytes, this.end - start);
          // Of the first one only its header and what replay reads; the rest stays a hole.
          const skipped = Math.max(0, hold.lsn - start);
          if (skipped > 0) yield* this.#piece(from, to, 0, 0, Math.min(LOG_HEADER_BYTES, length));
          for (let at = skipped; at < length; at += this.#buffer.length) {
            this.#watch.reached('transferring wal files', Math.max(0, start + at - hold.lsn), total);
            yield* this.#piece(from, to, at, at, Math.min(this.#buffer.length, length - at));
            yield this.#slice();
          }
          copied += length - skipped;
          yield* this.#sync(to);
        } finally {
          to.close();
        }
      } finally {
        from.close();
      }
    }
    this.#vfs.syncDirectory(directory);
    this.#vfs.syncDirectory(directoryOf(directory));
    return copied;
  }

  *#piece(from: VfsFile, to: VfsFile, at: number, toAt: number, length: number): Task<void> {
    const buffer = this.#buffer;
    yield this.#transfer(
      () => buffer.fill(0, from.read(buffer, 0, length, at), length),
      (done) => from.readAsync(buffer, 0, length, at, done),
    );
    yield this.#transfer(
      () => to.write(buffer, 0, length, toAt),
      (done) => to.writeAsync(buffer, 0, length, toAt, done),
    );
    this.#unsynced += length;
    if (this.#unsynced >= UNSYNCED_BYTES) yield* this.#sync(to);
  }

  #transfer(now: () => void, begin: (done: (error?: unknown) => void) => void): Request {
    return new StoreRequest(REQUEST_ROOM, this.#clock, now, begin);
  }

  *#sync(file: VfsFile): Task<void> {
    this.#unsynced = 0;
    yield new StoreRequest(
      REQUEST_FLUSH,
      this.#clock,
      () => file.syncData(),
      (done) => file.syncDataAsync(done),
    );
  }

  #slice(): Request {
    this.#watch.check();
    return sliceRequest(this.#store.parts.core);
  }
}
