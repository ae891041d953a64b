/**
 * `ALTER DATABASE … RESIZE [TO size]` and `… SHRINK [TO size]`.
 *
 *   RESIZE TO more    the file grows (JetResizeDatabase)
 *   RESIZE [TO less]  free extents of the database root give their disk space back, by holes; the file keeps its length
 *   SHRINK [TO size]  pages move to the front and the tail is cut off
 *
 * What happened is told in notices: a line per extent, as `esentutl -z -t` prints them, then the totals. `extentdb.trim()` does
 * what RESIZE without a size does, and returns rows instead.
 */
import { fail } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import type { Database } from '../../engine/database.ts';
import type { TrackedWork } from '../../engine/maintenance.ts';
import { EXTENT_FIELDS, type TrimReport } from '../../engine/space-facts.ts';
import type { ResizeDatabaseStatement } from '../ast/definitions.ts';
import { quoteLiteral } from '../functions/string-functions.ts';
import { quoteIdentifier } from '../session/names.ts';
import type { SpaceRow } from '../types/contracts.ts';
import type { Definer } from './definer.ts';
import { readSize, SIZE_UNITS } from './space-option-table.ts';

/** @throws 55000 when `shrink` is off, 22023 for a size that is none, 53100. */
export function* resizeDatabase(d: Definer, s: ResizeDatabaseStatement, database: Database): Task<void> {
  const bytes = sizeOf(d, s, database);
  const to = s.size === null ? '' : ` TO ${quoteLiteral(s.size.text)}`;
  const command = `ALTER DATABASE ${quoteIdentifier(database.name)} ${s.action.toUpperCase()}${to}`;
  const shown = `ALTER DATABASE ${s.action.toUpperCase()}`;
  const work = followed(database, shown, d.engine.processId, s.action === 'shrink' ? 'moving pages' : 'trimming');
  try {
    yield* recorded(database, command, d.engine.processId, resize(d, s, database, bytes, work));
  } finally {
    work.end();
  }
}

/** Shows a command on the whole file until its `end`. */
function followed({ file, maintenance }: Database, command: string, owner: number, phase: string): TrackedWork {
  const target = { tree: 0, table: 0, index: 0, name: '', owner };
  return maintenance.follow(target, command, {
    phase,
    unit: 'pages',
    workTotal: file.space.filePages(),
    treesTotal: 1,
  });
}

function* resize(
  d: Definer,
  s: ResizeDatabaseStatement,
  database: Database,
  bytes: number,
  work: TrackedWork,
): Task<void> {
  const { file } = database;
  if (s.action === 'resize' && bytes > file.bytes) {
    yield* file.grow(bytes);
    d.sql.tell(`database "${database.name}" has ${file.bytes} bytes now`);
    return;
  }
  requireShrink(database);
  if (s.action === 'shrink') yield* shrink(d, database, bytes, work);
  else if (bytes < file.bytes) yield* trim(d, database, work);
}

/** In history, with the file's length before and after. */
function recorded<T>(database: Database, command: string, processId: number, work: Task<T>): Task<T> {
  const { file, history, store, name } = database;
  const before = file.bytes;
  const facts = { database: name, command, commandType: 'ALTER_DATABASE', processId };
  return history.record(facts, work, () => ({
    status: 'done',
    actual: { removed: Math.max(0, (before - file.bytes) / store.pageBytes) },
    info: { bytes_before: before, bytes_after: file.bytes },
  }));
}

/** @throws 55000 */
function requireShrink({ file }: Database): void {
  if (file.shrink !== 'off') return;
  throw fail('object_not_in_prerequisite_state', 'giving space back to the file system is switched off', {
    hint: 'Start with shrink = on or realtime.',
  });
}

/** What `extentdb.trim()` does: RESIZE without a size, with a row for each free extent of the root. @throws 55000 */
export function* trimRows(database: Database, processId: number): Task<SpaceRow[]> {
  requireShrink(database);
  const work = followed(database, 'SELECT extentdb.trim()', processId, 'trimming');
  const task = database.file.space.trimmer.trim((page) => work.reach(page));
  let report: TrimReport;
  try {
    report = yield* recorded(database, 'SELECT extentdb.trim()', processId, task);
  } finally {
    work.end();
  }
  const { extents } = report;
  return extents.map((e) => [
    e.first,
    e.last - e.first + 1,
    e.alignedPages === 0 ? null : e.alignedFirst,
    e.alignedPages,
    e.before,
    e.after,
    e.after - e.before,
  ]);
}

function sizeOf(d: Definer, s: ResizeDatabaseStatement, database: Database): number {
  if (s.size === null) return 0;
  const bytes = readSize(s.size.text, database.store.pageBytes);
  if (bytes === undefined || bytes < 0) {
    throw d.error('invalid_parameter_value', `invalid size: "${s.size.text}"`, s.size.at, {
      detail: SIZE_UNITS,
    });
  }
  return bytes;
}

function* trim(d: Definer, database: Database, work: TrackedWork): Task<void> {
  const report = yield* database.file.space.trimmer.trim((page) => work.reach(page));
  for (const e of report.extents) {
    if (e.alignedPages === 0) continue;
    const aligned = `${e.alignedFirst}-${e.alignedFirst + e.alignedPages - 1}`;
    d.sql.tell(
      `${e.first}-${e.last} (${e.last - e.first + 1}); A ${aligned} (${e.alignedPages}); ` +
        `trimmed before ${e.before}, after ${e.after}, newly ${e.after - e.before}`,
    );
  }
  const { before, after, unaligned } = report;
  d.sql.tell(
    `${before} pages trimmed (before), ${after} trimmed (after), ${after - before} pages newly trimmed`,
    report.possible
      ? unaligned === 0
        ? {}
        : { detail: `${unaligned} free pages lie outside of whole 64 kB of the file and keep their space.` }
      : { hint: 'This file system knows no holes; ALTER DATABASE … SHRINK makes the file shorter everywhere.' },
  );
}

/** Pages of extents that are listed as triples. */
function sum(extents: readonly number[]): number {
  let pages = 0;
  for (let i = 1; i < extents.length; i += EXTENT_FIELDS) pages += extents[i] ?? 0;
  return pages;
}

/** Why a shrink ended, as part of a sentence about the file. */
export const STOPS = {
  done: 'the file is as short as it gets',
  no_low_space: 'what lies at its end finds no place of its size further down',
  others_at_end: 'what lies at its end belongs to others',
  page_not_movable: 'what lies at its end cannot move now',
  file_grows: 'others make it longer at the same time',
  limit: 'the limit was reached',
  already_running: 'another session is shrinking it',
} as const;

function* shrink(d: Definer, database: Database, bytes: number, work: TrackedWork): Task<void> {
  const { pageBytes } = database.store;
  const before = database.file.bytes;
  const pagesMin = Math.max(0, Math.ceil(bytes / pageBytes) - 1);
  const { space } = database.file;
  const pages = space.filePages();
  // What is free at the root can go; so much of the way is behind as the file is shorter already.
  const free = sum(yield* space.extents(space.root.tree, 'available'));
  work.reach(0, { workTotal: Math.max(1, pages - Math.max(pagesMin, pages - free)) });
  const isOver = (): boolean => {
    work.reach(Math.max(0, pages - space.filePages()));
    return false;
  };
  const report = yield* database.file.shorten({ pagesMin, isOver });
  const stuck = report.page === 0 ? {} : { detail: `Stopped at page ${report.page}, of tree ${report.tree}.` };
  d.sql.tell(
    `database "${database.name}" shrank from ${before} to ${database.file.bytes} bytes, ${report.moved} pages moved: ${STOPS[report.reason]}`,
    stuck,
  );
}
