/**
 * Bugs on purpose: what the crash campaign, the simulation and the fault tests are there to find. Each is a small edit of the sources
 * and names the tests that must fail with it (`spec/reliability.md` §2.0). A rig that misses its bug is mended, not the list.
 *
 *   npm run campaign:bugs [-- --only 3,17]
 */

/** A piece of a source file, found exactly once there, and what stands in its place. */
export interface Edit {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export interface Bug {
  readonly name: string;
  readonly edits: readonly Edit[];
  /** Test files of which at least one must fail. */
  readonly rigs: readonly string[];
}

const CRASH = 'test/crash/campaign.test.ts';
const CHECKPOINT = 'test/storage/checkpoint.test.ts';
const SHARED_FLUSH = 'test/crash/group-commit.test.ts';
const FAULTS = 'test/storage/faults.test.ts';
const SESSIONS = 'test/storage/sessions.test.ts';
const SCHEDULE = 'test/storage/schedule.test.ts';
const TRIM = 'test/space/trim.test.ts';
const ROWS = 'test/storage/rows.test.ts';
const SPACE = 'test/space/space-allocator.test.ts';
const REORGANIZE = 'test/defrag/reorganize.test.ts';
const SIMULATION = 'test/sim/defragmentation.test.ts';
const ISOLATION = 'test/sql/isolation.test.ts';
const SHORT_TRANSFERS = 'test/io/short-transfers.test.ts';
const LOG_FILES = 'test/storage/log-files.test.ts';

function edit(file: string, find: string, replace: string): Edit {
  return { file: `src/${file}`, find, replace };
}

export const BUGS: readonly Bug[] = [
  {
    name: 'a commit is acknowledged when its record is written, not when it is synced',
    edits: [edit('storage/log.ts', '        s.generation.file.syncData();\n', '')],
    rigs: [CRASH],
  },
  {
    name: 'commits that share a flush are acknowledged before its sync',
    edits: [
      edit(
        'storage/log.ts',
        'file.syncDataAsync((failure) => (failure === undefined ? next(i + 1) : this.#fail(failure)));',
        'next(i + 1);',
      ),
    ],
    rigs: [SHARED_FLUSH],
  },
  {
    name: 'a transaction becomes visible before its record is durable',
    edits: [edit('storage/transactions.ts', '      if (txn.durable && txn.commitLsn > durable) return;\n', '')],
    rigs: [SHARED_FLUSH],
  },
  {
    name: 'a failed sync of the log is an error of one statement, and tried again',
    edits: [
      edit(
        'storage/log.ts',
        '    } catch (error) {\n      this.#fail(error);\n      throw this.#fatal();\n    }\n    if (this.#inFlight)',
        '    } catch (error) {\n      throw error;\n    }\n    if (this.#inFlight)',
      ),
    ],
    rigs: [FAULTS],
  },
  {
    name: 'no image of a page is logged after a checkpoint',
    edits: [
      edit('storage/group.ts', '    if (readU64(view, PAGE_LSN_AT) < this.imageFloor) this.#image(frame, 0);\n', ''),
    ],
    rigs: [CRASH],
  },
  {
    name: 'images are logged only from the end of a checkpoint on',
    edits: [
      edit('storage/checkpoint.ts', '    core.group.imageFloor = redo;\n', ''),
      edit(
        'storage/checkpoint.ts',
        '    header.redo = redo;\n',
        '    header.redo = redo;\n    core.group.imageFloor = redo;\n',
      ),
    ],
    rigs: [CRASH, SCHEDULE, SIMULATION],
  },
  {
    name: 'a checkpoint writes its header before the pages are synced',
    edits: [
      edit('storage/checkpoint.ts', '    yield this.#sync();\n    header.redo = redo;', '    header.redo = redo;'),
    ],
    rigs: [CRASH],
  },
  {
    name: 'a checkpoint does not wait for the groups that freed pages which it left out',
    edits: [
      edit(
        'storage/checkpoint.ts',
        '    yield log.flushRequest();\n    yield this.#sync();',
        '    yield this.#sync();',
      ),
    ],
    rigs: [CHECKPOINT],
  },
  {
    name: 'a checkpoint forgets the oldest transaction that is open',
    edits: [edit('storage/checkpoint.ts', 'const undo = this.#transactions.undoPoint(redo);', 'const undo = redo;')],
    rigs: [CRASH],
  },
  {
    name: 'the directory is not synced when a generation of the log is made',
    edits: [
      edit('storage/log-spares.ts', '    this.#vfs.syncDirectory(this.#directory);\n    first', '    first'),
      edit('storage/log-spares.ts', '    this.#vfs.syncDirectory(this.#directory);\n    spare', '    spare'),
      edit(
        'storage/log-spares.ts',
        'this.#vfs.syncDirectoryAsync(this.#directory, (problem) => {',
        'this.#clock.soon((problem?: unknown) => {',
      ),
    ],
    rigs: [CRASH],
  },
  {
    name: 'a group of a generation that was used before is taken for a new one',
    edits: [
      edit(
        'storage/log-generation.ts',
        '    if (this.#view.getUint32(offset - this.#base + GROUP_GENERATION_AT, true) !== generation.number) return false;\n',
        '',
      ),
      edit(
        'storage/log-generation.ts',
        '    if (readU64(this.#view, offset - this.#base + GROUP_LSN_AT) !== generation.start + offset) return false;\n',
        '',
      ),
      edit(
        'storage/log-generation.ts',
        '    if (chain !== undefined && this.#view.getUint32(offset - this.#base + GROUP_CHAIN_AT, true) !== chain) return false;\n',
        '',
      ),
    ],
    rigs: [LOG_FILES],
  },
  {
    name: 'a torn group of the log is replayed',
    edits: [
      edit(
        'storage/log-generation.ts',
        'this.#view.getUint32(at + GROUP_CHECKSUM_AT, true) === crc32(this.#window.subarray(at + 4, at + bytes))',
        'bytes > 0',
      ),
    ],
    rigs: [CRASH],
  },
  {
    name: 'a page in the place of another has a good checksum',
    edits: [
      edit('storage/page-check.ts', '(seed ^ Math.imul(pgno, 0x9e3779b1)) >>> 0', 'pgno < 0 ? 1 : seed'),
      edit(
        'storage/page-cache.ts',
        ' || view.getUint32(PAGE_PGNO_AT, true) !== pgno) return PAGE_BAD;',
        ') return PAGE_BAD;',
      ),
    ],
    rigs: [FAULTS],
  },
  {
    name: 'checksums of pages are not looked at',
    edits: [edit('storage/page-cache.ts', '    if (sum !== pageChecksum(this.#seed, bytes, pgno) ||', '    if (')],
    rigs: [FAULTS, CRASH],
  },
  {
    name: 'a write that the disk lost is not noticed',
    edits: [edit('storage/page-cache.ts', '    if (expected !== 0 && expected !== writes) return PAGE_BAD;\n', '')],
    rigs: [FAULTS],
  },
  {
    name: 'a page is written before its log is durable',
    edits: [
      edit(
        'storage/page-cache.ts',
        '    return readU64(this.views[frame]!, PAGE_LSN_AT) < this.#log.durable;',
        '    return this.views[frame] !== undefined;',
      ),
    ],
    rigs: [SHARED_FLUSH, CRASH, SCHEDULE],
  },
  {
    name: 'a hole is punched before the log says so durably',
    edits: [edit('space/trimmer.ts', '      while (core.log.durable < marked) yield core.log.flushRequest();\n', '')],
    rigs: [TRIM],
  },
  {
    name: 'pages are allocated while their hole is being punched',
    edits: [
      edit(
        'space/trimmer.ts',
        'available.insert(last, last - first + 1, EXTENT_TRIMMING);',
        'available.insert(last, last - first + 1, EXTENT_AT_HAND);',
      ),
      edit(
        'space/trimmer.ts',
        '} else available.setPages(last, last - first + 1, EXTENT_TRIMMING);',
        '} else available.setPages(last, last - first + 1, EXTENT_AT_HAND);',
      ),
    ],
    rigs: [TRIM],
  },
  {
    name: 'a hole is one page too long',
    edits: [
      edit(
        'space/trimmer.ts',
        'const end = pageOffset(last + 1, pageBytes);',
        'const end = pageOffset(last + 2, pageBytes);',
      ),
    ],
    rigs: [TRIM],
  },
  {
    name: 'recovery does not know which pages are gone',
    edits: [
      edit('storage/redo.ts', 'if (pgno === 0 || gone.covers(pgno, lsn)) continue;', 'if (pgno === 0) continue;'),
    ],
    rigs: [TRIM],
  },
  {
    name: 'a page that moves is not linked to its left neighbour',
    edits: [edit('storage/page-move.ts', '    if (previous !== 0) group.linkNext(cache.peek(previous), to);\n', '')],
    rigs: [REORGANIZE, SIMULATION],
  },
  {
    name: 'of two pages that change places one keeps its old pointer from above',
    edits: [edit('storage/page-move.ts', '    this.#setChild(placeB, a);\n', '')],
    rigs: [REORGANIZE, SIMULATION],
  },
  {
    name: 'packed leaves lose the row at a border',
    edits: [
      edit(
        'defrag/pack-window.ts',
        '        if (slot > from) this.#pieces.push({ page: this.pages - 1, frame, from, to: slot, isCut });',
        '        if (slot > from) this.#pieces.push({ page: this.pages - 1, frame, from, to: slot - 1, isCut });',
      ),
    ],
    rigs: [REORGANIZE],
  },
  {
    name: 'what a rollback undid before a crash is undone again after it',
    edits: [
      edit(
        'storage/recovery.ts',
        '      else if (type === LOG_UNDO) this.#undone(readU64(view, at + ROW_TRANSACTION_AT));\n',
        '',
      ),
    ],
    rigs: [CRASH],
  },
  {
    name: 'recovery leaves open transactions as they were',
    edits: [
      edit(
        'storage/open-store.ts',
        'for (const txn of losers) yield* transactions.rollback(txn);',
        'if (losers.length < 0) return;',
      ),
    ],
    rigs: [CRASH],
  },
  {
    name: 'an extent that goes up is still owned below',
    edits: [edit('space/upward.ts', '    owned.remove(extentLast);\n', '')],
    rigs: [SPACE, CRASH],
  },
  {
    name: 'an extent that leaves its tree arrives nowhere',
    edits: [
      edit(
        'space/upward.ts',
        '    if (upper === undefined) this.#map.root.add(first, last);\n    else if',
        '    if (upper === undefined) return;\n    if',
      ),
    ],
    rigs: [SPACE],
  },
  {
    name: 'deleted rows are purged one commit too early',
    edits: [
      edit(
        'storage/row-versions.ts',
        'this.#transactions.commitSeqOf(id) <= this.#transactions.horizon;',
        'this.#transactions.commitSeqOf(id) <= this.#transactions.horizon + 1;',
      ),
    ],
    rigs: [SESSIONS, SIMULATION],
  },
  {
    name: 'READ COMMITTED does not look at its conditions again after a wait',
    edits: [
      edit(
        'sql/exec/modify-operator.ts',
        'if (holds !== undefined && (yield* holder.holding(mode, holds)) !== true) return;',
        'if (holds !== undefined) yield* holder.holding(mode, holds);',
      ),
    ],
    rigs: [ISOLATION],
  },
  {
    name: 'who gives up waiting for a lock stays in its queue',
    edits: [
      edit(
        'storage/locks.ts',
        '      waiter.resource.queue = waiter.resource.queue.filter((w) => w !== waiter);\n      this.#grantNext(waiter.resource);',
        '      this.#grantNext(waiter.resource);',
      ),
    ],
    rigs: [SESSIONS, ISOLATION],
  },
  {
    name: 'a scan goes on from a leaf that changed meanwhile',
    edits: [
      edit(
        'storage/leaf-scan.ts',
        '      cache.freed !== this.#freed ||\n      readU64(view, PAGE_LSN_AT) !== this.#lsn ||\n',
        '',
      ),
    ],
    rigs: [SCHEDULE, SIMULATION],
  },
  {
    name: 'the rest of a short write is forgotten',
    edits: [
      edit(
        'io/node-vfs.ts',
        '      while (put < length) put += fs.writeSync(this.#fd, from, at + put, length - put, offset + put);',
        '      put += fs.writeSync(this.#fd, from, at + put, length - put, offset + put);',
      ),
    ],
    rigs: [SHORT_TRANSFERS],
  },
  {
    name: 'of two files of the log that one flush wrote only the first is synced',
    edits: [
      edit(
        'storage/log.ts',
        '        s.generation.file.syncData();\n',
        '        this.#segments[0]?.generation.file.syncData();\n',
      ),
      edit(
        'storage/log.ts',
        '          file.syncDataAsync((failure)',
        '          segments[0]?.generation.file.syncDataAsync((failure)',
      ),
    ],
    rigs: [LOG_FILES],
  },
  {
    name: 'a tree whose making is rolled back keeps its pages',
    edits: [edit('storage/transactions.ts', '      yield* this.hooks.abandonTrees(born);\n', '')],
    rigs: [ROWS, SPACE],
  },
  {
    name: 'rows that were appended in bulk stay when their transaction is rolled back',
    edits: [
      edit(
        'storage/open-store.ts',
        '(core.versions.kindOf(t.newest) === VERSION_RUN ? undoRun(parts, t) : undo.undo(t))',
        'undo.undo(t)',
      ),
    ],
    rigs: [ROWS, CRASH],
  },
];
