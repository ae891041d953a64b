/**
 * Opening and making a database file.
 *
 *   lock → header → log beside it
 *   clean   the file is the database: a new generation begins, then the header says dirty
 *   dirty   recovery: replay, roll back, checkpoint
 *
 * A dirty file without its log does not open; a log that does not belong to the file is neither replayed nor deleted.
 */
import type { Clock } from '../base/clock.ts';
import { fail } from '../base/errors.ts';
import type { Prng } from '../base/prng.ts';
import { runTask, type Task } from '../base/task.ts';
import { directoryOf, type Vfs, type VfsFile, type VfsLock } from '../io/vfs.ts';
import { BTree } from './btree.ts';
import { undoRun } from './bulk-appender.ts';
import { BulkRuns } from './bulk-runs.ts';
import { Checkpoint } from './checkpoint.ts';
import { NEED } from './contracts.ts';
import { Core } from './core.ts';
import { FileHeader } from './file-header.ts';
import { PAGE_BYTES_DEFAULT, PAGE_SIZES, pageOffset, ROOT_TREE, TREE_CATALOG } from './layout.ts';
import { Locks } from './locks.ts';
import { FIRST_LSN, Log } from './log.ts';
import { findGenerations, type Generation, LogReader } from './log-generation.ts';
import { LongValues } from './long-values.ts';
import type { PageAllocator } from './page-allocator.ts';
import { PageCache } from './page-cache.ts';
import { Purge } from './purge.ts';
import { Recovery } from './recovery.ts';
import type { RedoHandler } from './redo.ts';
import { RowReads } from './row-reads.ts';
import { RowUndo } from './row-undo.ts';
import { RowVersions } from './row-versions.ts';
import { Rows } from './rows.ts';
import { FileStore, type StoreParts } from './store.ts';
import { Transactions } from './transactions.ts';
import { Tree } from './tree.ts';
import { TreeCatalog } from './tree-catalog.ts';
import { VERSION_RUN } from './version-entries.ts';
import { VersionStore } from './version-store.ts';

export interface StoreOptions {
  readonly vfs: Vfs;
  readonly clock: Clock;
  readonly prng: Prng;
  /** The database file, `<name>.extent`; its log goes to `<name>.extent-log/`. */
  readonly path: string;
  readonly allocator: PageAllocator;
  /** For a new file: 4096, 8192 (default), 16384 or 32768. */
  readonly pageBytes?: number;
  /** Default 128 MiB. */
  readonly cacheBytes?: number;
  /** Room for before-images in memory; default 256 MiB. */
  readonly versionBytes?: number;
  /** Room for those that memory has none for, in a temporary file beside the database; default 8 GiB. */
  readonly versionSpillBytes?: number;
  /** Make the file when it is missing; default true. */
  readonly create?: boolean;
  readonly readOnly?: boolean;
  readonly redoHandler?: RedoHandler;
  /** Told, now and then, the position of the log that recovery has reached. */
  readonly onReplay?: (lsn: number) => void;
}

const CACHE_BYTES_DEFAULT = 128 << 20;
const VERSION_BYTES_DEFAULT = 256 << 20;
const VERSION_SPILL_BYTES_DEFAULT = 8 * 2 ** 30;
/** The temporary file of the version store is the database's name with this. */
const VERSION_SUFFIX = '-versions.tmp';

/** Opens a database file, making it if need be. @throws 58P01, 55006, XX001, 53100 and what the file system says. */
export function openStore(options: StoreOptions): Promise<FileStore> {
  return runTask(openingStore(options));
}

/** As {@link openStore}, for callers that run tasks themselves. */
export function* openingStore(options: StoreOptions): Task<FileStore> {
  const { vfs, path } = options;
  const lock = vfs.lock(path);
  try {
    if (!vfs.exists(path)) {
      if (options.create === false || options.readOnly === true) {
        throw fail('undefined_file', `database file "${path}" does not exist`);
      }
      createFile(options);
    }
    const file = vfs.open(path, options.readOnly === true ? 'read' : 'write');
    try {
      return yield* openFile(options, file, lock);
    } catch (error) {
      file.close();
      throw error;
    }
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Makes an empty file under another name and gives it its own when it is durable. */
function createFile(options: StoreOptions): void {
  const { vfs, path, prng } = options;
  const header = new FileHeader();
  header.pageBytes = options.pageBytes ?? PAGE_BYTES_DEFAULT;
  if (!PAGE_SIZES.includes(header.pageBytes)) {
    throw fail('invalid_parameter_value', `page size must be one of ${PAGE_SIZES.join(', ')} bytes`);
  }
  prng.fill(header.fileId);
  header.nextLsn = FIRST_LSN;
  const made = `${path}.new`;
  if (vfs.exists(made)) vfs.unlink(made);
  const file = vfs.open(made, 'new');
  file.allocate(0, pageOffset(2, header.pageBytes));
  header.write(file);
  header.write(file);
  file.syncData();
  file.close();
  vfs.rename(made, path);
  vfs.syncDirectory(directoryOf(path));
}

function* openFile(options: StoreOptions, file: VfsFile, lock: VfsLock): Task<FileStore> {
  const { vfs, clock, path } = options;
  const header = FileHeader.read(file);
  const logDirectory = `${path}-log`;
  const generations = ownGenerations(options, header, logDirectory);
  const log = new Log(vfs, clock, logDirectory, header.fileId);
  const versions = makeVersions(options);
  try {
    return yield* openWithLog(options, file, lock, header, generations, log, versions);
  } catch (error) {
    versions.close();
    // Until it is open, the log does not know the generations that recovery reads.
    if (log.generation === 0) for (const generation of generations) generation.file.close();
    log.close();
    throw error;
  }
}

/** The version store; what a crash left of its temporary file goes. */
function makeVersions({ vfs, path, readOnly, versionBytes, versionSpillBytes }: StoreOptions): VersionStore {
  const spillPath = `${path}${VERSION_SUFFIX}`;
  if (readOnly !== true && vfs.exists(spillPath)) vfs.unlink(spillPath);
  return new VersionStore(
    versionBytes ?? VERSION_BYTES_DEFAULT,
    vfs,
    spillPath,
    versionSpillBytes ?? VERSION_SPILL_BYTES_DEFAULT,
  );
}

function* openWithLog(
  options: StoreOptions,
  file: VfsFile,
  lock: VfsLock,
  header: FileHeader,
  generations: Generation[],
  log: Log,
  versions: VersionStore,
): Task<FileStore> {
  const { clock } = options;
  const cache = new PageCache(
    file,
    clock,
    log,
    header.fileId,
    header.pageBytes,
    options.cacheBytes ?? CACHE_BYTES_DEFAULT,
  );
  const core = new Core(clock, file, header, cache, log, versions, options.allocator);
  core.readOnly = options.readOnly === true;
  core.nextTree = header.nextTree;
  const runs = new BulkRuns();
  const parts = assemble(core, runs, () => finish(parts, lock));
  const recovery = new Recovery(core, parts.transactions, runs, options.redoHandler);
  core.group.imageFloor = header.redo;
  if (!header.clean) yield* recovery.replay(generations, options.onReplay);
  core.nextTree = header.nextTree;
  parts.transactions.nextId = Math.max(parts.transactions.nextId, header.nextTransaction);
  if (core.readOnly) {
    log.replayed(header.nextLsn);
    yield* parts.catalog.load();
    return new FileStore(parts);
  }
  const last = generations[generations.length - 1];
  const number = Math.max(header.nextGeneration, (last?.number ?? 0) + 1);
  log.open(number, last === undefined ? header.nextLsn : last.start + last.bytes, generations, recovery.chain);
  if (header.clean) markDirty(core);
  yield* bringUp(parts);
  return new FileStore(parts);
}

/** The log generations that belong to the file, ascending. */
function ownGenerations(options: StoreOptions, header: FileHeader, directory: string): Generation[] {
  const { vfs, path } = options;
  const { ours, foreign } = findGenerations(vfs, directory, header.fileId);
  const hint = 'Move the log directory away if you are sure that it is not needed.';
  if (foreign > 0) {
    throw fail('object_not_in_prerequisite_state', `directory "${directory}" holds the log of another database`, {
      hint,
    });
  }
  if (!header.clean) {
    if (options.readOnly === true) {
      throw fail('object_not_in_prerequisite_state', `database file "${path}" was not closed and needs recovery`);
    }
    const needed = ours.filter((g) => g.number >= header.firstGeneration);
    if (needed[0]?.number !== header.firstGeneration) {
      throw fail('data_corrupted', `log generation ${header.firstGeneration} of database file "${path}" is missing`);
    }
    return ours;
  }
  for (const g of ours) {
    if (g.number >= header.nextGeneration && new LogReader([g], g.start + 512).next()) {
      const text = `directory "${directory}" holds a log that is newer than database file "${path}"`;
      throw fail('object_not_in_prerequisite_state', text, { hint });
    }
  }
  // Left by a crash between the clean header and the removal of the log, or before the header became dirty.
  if (options.readOnly !== true) {
    for (const g of ours) vfs.unlink(g.file.path);
  }
  for (const g of ours) g.file.close();
  return [];
}

function markDirty(core: Core): void {
  const { header, log, file } = core;
  header.clean = false;
  header.redo = log.tail;
  header.undo = log.tail;
  header.firstGeneration = log.generation;
  header.write(file);
  file.syncData();
  core.group.imageFloor = log.tail;
}

/** Makes the parts and introduces them to each other. */
function assemble(core: Core, runs: BulkRuns, finished: () => void): StoreParts {
  const btree = new BTree(core);
  // A descent leaves its path in its BTree: the catalog and the allocator, which work inside others' groups, have their own.
  const catalog = new TreeCatalog(core, new BTree(core));
  const transactions = new Transactions(core, new Locks(core.clock));
  const versions = new RowVersions(core.versions, runs, transactions);
  const purge = new Purge(core, btree, versions, transactions);
  const reads = new RowReads(core, btree, transactions, versions);
  const rows = new Rows(core, btree, transactions, versions, reads, purge);
  const undo = new RowUndo(core, btree, purge);
  const long = new LongValues(core, btree, reads, rows, catalog);
  const checkpoint = new Checkpoint(core, transactions, catalog);
  const parts: StoreParts = {
    core,
    btree,
    transactions,
    versions,
    purge,
    reads,
    rows,
    catalog,
    long,
    checkpoint,
    finish: finished,
  };
  transactions.hooks = {
    undoNewest: (t) => (core.versions.kindOf(t.newest) === VERSION_RUN ? undoRun(parts, t) : undo.undo(t)),
    prepareTrees: (trees) => catalog.prepareRows(trees),
    settleTrees: (born, dropped, spaces) => catalog.settle(born, dropped, spaces),
    abandonTrees: (trees) => catalog.abandon(trees),
  };
  core.allocator.attach(core, new BTree(core), catalog);
  return parts;
}

/** Reads the tree catalog, formats a new file, finishes a recovery. */
function* bringUp(parts: StoreParts): Task<void> {
  const { core, transactions, catalog, checkpoint } = parts;
  const recovered = core.log.firstGeneration < core.log.generation;
  if (core.header.catalogRoot === 0) {
    core.addTree(new Tree(ROOT_TREE));
    core.addTree(core.systemTree(TREE_CATALOG, 0));
    while (core.reserve() === NEED) yield core.need;
    catalog.format();
  } else yield* catalog.load();
  core.allocator.load();
  yield* catalog.createFixed();
  const losers = transactions.openTransactions();
  for (const txn of losers) yield* transactions.rollback(txn);
  yield* catalog.abandon(catalog.unfinished());
  if (recovered || core.header.catalogRoot === 0) yield* checkpoint.run();
}

/** The last act: the clean header, when everything is written; then the log goes. */
function finish(parts: StoreParts, lock: VfsLock): void {
  const { core } = parts;
  const { header, log, file } = core;
  try {
    if (core.readOnly) return;
    if (log.failure === undefined && core.cache.dirtyCount === 0) {
      header.clean = true;
      header.nextLsn = log.nextStart;
      header.nextGeneration = log.nextGeneration;
      header.write(file);
      file.syncData();
      log.remove();
    } else log.close();
  } finally {
    core.versions.close();
    file.close();
    lock.release();
  }
}
