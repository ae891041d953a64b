/**
 * Online backup: a database file that is in use becomes one clean, closed file, which opens anywhere.
 *
 *   checkpoint ──> fuzzy copy, log up to E (`backup-copy.ts`) ──> recovered, losers rolled back ──> holes ──> closed ──> renamed
 *
 * The copy is the database as of E, which lies behind the last page read: every transaction that was acknowledged before the
 * backup began is in it, with `synchronous_commit = off` too, and of the others those whose commit was logged before E.
 * Everybody else goes on meanwhile. The copy keeps the file's id, so it is the same database, under another name: its log, if
 * somebody opens it, stands beside it and is named after it.
 */
import { fail } from '../base/errors.ts';
import { interruptedBetweenSlices, REQUEST_FLUSH, type Task } from '../base/task.ts';
import type { Vfs } from '../io/vfs.ts';
import { FileHeader } from '../storage/file-header.ts';
import { EXTENT_TRIMMED, EXTENT_TRIMMING, pageOffset } from '../storage/layout.ts';
import { PAGE_GOOD } from '../storage/page-cache.ts';
import type { FileStore } from '../storage/store.ts';
import { StoreRequest } from '../storage/store-request.ts';
import { sliceRequest } from '../storage/transactions.ts';
import { BackupCopy, type BackupPhase } from './backup-copy.ts';
import { type DatabaseFile, openDatabaseFile } from './open-database-file.ts';
import { EXTENT_FIELDS } from './space-audit.ts';
import { abandoned, makingWhole } from './whole-file.ts';

export type { BackupPhase } from './backup-copy.ts';

const PIECE_BYTES = 256 << 10;
/** The copy is recovered with little memory, beside the cache of the database. */
const CACHE_BYTES = 8 << 20;
/** Holes are made in pieces that do not keep others waiting. */
const HOLE_BYTES = 1 << 20;
/** What copying and replaying the log counts beside the pages, and at least, in bytes. */
const LOG_SHARE = 0.1;
const LOG_BYTES_MIN = 1 << 16;

export interface BackupProgress {
  readonly phase: BackupPhase;
  /** Work, counted in bytes: of the pages, and a share of that for the log. */
  readonly workDone: number;
  readonly workTotal: number;
  /** Bytes of pages copied, and to be copied; 0 until their number is known. */
  readonly bytesDone: number;
  readonly bytesTotal: number;
}

export interface BackupReport {
  /** Length of the copy, and of the log that was replayed into it. */
  readonly bytes: number;
  readonly logBytes: number;
  /** The position of the log at which the copy stands. */
  readonly lsn: number;
}

export interface BackupOptions {
  readonly target: string;
  /** The session's process id; 0 = nobody's. */
  readonly owner: number;
  /** So much is read and written at a time; default 256 KiB. */
  readonly pieceBytes?: number;
  readonly onProgress: (progress: BackupProgress) => void;
}

/**
 * Backs a database up.
 *
 * @throws 58P02 when the target exists, 22023 for a path of the database's own, 53100, XX001 when a page is damaged, 57P03 when
 * the database is closed meanwhile
 */
export function backUp(source: DatabaseFile, options: BackupOptions): Task<BackupReport> {
  const { store, host } = source;
  const { vfs } = host;
  const target = vfs.canonical(options.target);
  requireForeign(vfs.canonical(store.parts.core.file.path), target);
  return interruptedBetweenSlices(
    makingWhole(vfs, target, (partial) => makeCopy(source, partial, new Progress(store, options))),
  );
}

/** What stands beside the file belongs to the database. */
function requireForeign(own: string, target: string): void {
  const isOwn =
    target === own ||
    [`${own}-log/`, `${own}-spill-`].some((start) => target.startsWith(start)) ||
    [`${own}-log`, `${own}.lock`, `${own}.new`].includes(target);
  if (isOwn) throw fail('invalid_parameter_value', `"${target}" is a path of the database itself`);
}

/** Work done so far; it never goes back. */
class Progress {
  readonly #store: FileStore;
  readonly #options: BackupOptions;
  #bytesTotal = 0;
  #logTotal = LOG_BYTES_MIN;

  constructor(store: FileStore, options: BackupOptions) {
    this.#store = store;
    this.#options = options;
  }

  get owner(): number {
    return this.#options.owner;
  }

  get pieceBytes(): number {
    return this.#options.pieceBytes ?? PIECE_BYTES;
  }

  /** @throws 57P03 */
  check(): void {
    if (this.#store.isClosed) throw fail('cannot_connect_now', 'the database is closing');
  }

  /** @param share - of the log's work, from 0 to 1; undefined while pages are copied. */
  reach(phase: BackupPhase, bytesDone: number, bytesTotal: number, share?: number): void {
    if (share === undefined) {
      this.#bytesTotal = bytesTotal;
      this.#logTotal = Math.max(LOG_BYTES_MIN, Math.round(bytesTotal * LOG_SHARE));
    }
    this.#options.onProgress({
      phase,
      workDone: share === undefined ? bytesDone : this.#bytesTotal + Math.round(this.#logTotal * share),
      workTotal: this.#bytesTotal + this.#logTotal,
      bytesDone: share === undefined ? bytesDone : this.#bytesTotal,
      bytesTotal: this.#bytesTotal,
    });
  }
}

function* makeCopy({ store, host }: DatabaseFile, partial: string, progress: Progress): Task<BackupReport> {
  const { vfs, clock } = host;
  progress.check();
  yield* checkpointed(store, progress);
  const copier = new BackupCopy(store, vfs, clock, progress.pieceBytes, {
    check: () => progress.check(),
    reached: (phase, done, total) => {
      if (phase === 'transferring wal files') progress.reach(phase, 0, 0, (0.5 * done) / total);
      else progress.reach(phase, done, total);
    },
  });
  const { log } = yield* copier.run(partial, progress.owner);
  const span = Math.max(1, copier.end - copier.redo);
  const copy = yield* openDatabaseFile({
    ...host,
    path: partial,
    create: false,
    cacheBytes: CACHE_BYTES,
    shrink: 'off',
    onReplay: (lsn) => {
      progress.check();
      progress.reach('applying wal files', 0, 0, 0.5 + (0.4 * Math.max(0, lsn - copier.redo)) / span);
    },
  });
  progress.reach('closing the copy', 0, 0, 0.9);
  try {
    // Its header was copied first; the log may have brought what that version did not allow.
    yield* copy.store.requireFormat(store.formatVersion);
    yield* judge(copy, copier.doubtful);
    yield* placeOnDisk(copy);
  } catch (error) {
    yield* abandoned(copy);
    throw error;
  }
  yield* copy.store.closing();
  const bytes = closedBytes(vfs, partial);
  progress.reach('closing the copy', 0, 0, 1);
  return { bytes, logBytes: log, lsn: copier.end };
}

/** Brings the file up to now: so there is little log to copy. */
function* checkpointed({ parts }: FileStore, progress: Progress): Task<void> {
  progress.reach('waiting for checkpoint to finish', 0, 0);
  if (parts.core.readOnly) throw fail('read_only_sql_transaction', 'the database is open read-only');
  while (parts.checkpoint.running) {
    progress.check();
    yield sliceRequest(parts.core);
  }
  yield* parts.checkpoint.run();
  progress.check();
}

/** Replay has repaired pages that were read in two halves. What is no good page now is damaged, if anybody uses it. */
function* judge({ store, space }: DatabaseFile, doubtful: ReadonlySet<number>): Task<void> {
  const { core } = store.parts;
  const bad = new Set<number>();
  for (const pgno of doubtful) {
    if (!core.cache.ensureFree(1)) yield core.cache.cleaning();
    if (pgno < space.filePages() && core.cache.loadAny(pgno) !== PAGE_GOOD) bad.add(pgno);
    yield sliceRequest(core);
  }
  if (bad.size === 0) return;
  space.audit().visit((pgno) => bad.delete(pgno));
  const [pgno] = bad;
  if (pgno !== undefined) throw fail('data_corrupted', `page ${pgno} of the database has a wrong checksum`);
}

/** Trimmed extents become holes, everything else gets its place on disk, and nothing stands behind the last page. */
function* placeOnDisk({ store, space }: DatabaseFile): Task<void> {
  const { core } = store.parts;
  const { file, pageBytes } = core;
  const extents = yield* space.extents(space.root.tree, 'available');
  const end = pageOffset(space.filePages(), pageBytes);
  if (file.size() > end) file.truncate(end);
  let backedFrom = pageOffset(1, pageBytes);
  for (let i = 0; i < extents.length; i += EXTENT_FIELDS) {
    const state = extents[i + 2];
    if (state !== EXTENT_TRIMMED && state !== EXTENT_TRIMMING) continue;
    const from = pageOffset(extents[i]!, pageBytes);
    const to = from + extents[i + 1]! * pageBytes;
    if (from > backedFrom) file.allocate(backedFrom, from - backedFrom);
    for (let at = from; at < to; at += HOLE_BYTES) {
      file.punch(at, Math.min(HOLE_BYTES, to - at));
      yield sliceRequest(core);
    }
    backedFrom = to;
  }
  if (end > backedFrom) file.allocate(backedFrom, end - backedFrom);
  yield new StoreRequest(
    REQUEST_FLUSH,
    core.clock,
    () => file.syncData(),
    (done) => file.syncDataAsync(done),
  );
}

/** Length of the copy. @throws when it could not be closed */
function closedBytes(vfs: Vfs, path: string): number {
  const file = vfs.open(path, 'read');
  try {
    if (!FileHeader.read(file).clean) throw fail('io_error', `the copy "${path}" could not be closed`);
    return file.size();
  } finally {
    file.close();
  }
}
