/**
 * Compacting a file that nobody has open into a new one.
 *
 *   SRC (read only) ──copy──> DST.partial ──closed, renamed──> DST
 *
 * DST appears when it is whole and durable (`space/whole-file.ts`).
 */
import type { Clock } from '../base/clock.ts';
import { ExtentError, fail } from '../base/errors.ts';
import type { Prng } from '../base/prng.ts';
import { runTask, type Task } from '../base/task.ts';
import type { Vfs } from '../io/vfs.ts';
import { type DatabaseFile, openDatabaseFile } from '../space/open-database-file.ts';
import { abandoned, makingWhole } from '../space/whole-file.ts';
import { type CopyProgress, type CopyReport, copyCompacted } from './compact-copy.ts';

export interface CompactOptions {
  readonly vfs: Vfs;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly source: string;
  readonly target: string;
  readonly onProgress: (progress: CopyProgress) => void;
}

export interface CompactFileReport extends CopyReport {
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

/**
 * @throws 58P01 without a source, 58P02 when the target exists, 55006 when somebody has the source open, 55000 when it was not
 * closed, 53100 on a full disk
 */
export async function compactFile(options: CompactOptions): Promise<CompactFileReport> {
  const { vfs, source, target } = options;
  if (!vfs.exists(source)) throw fail('undefined_file', `there is no file "${source}"`);
  const from = await openSource(options);
  try {
    const report = await runTask(makingWhole(vfs, target, (partial) => copyTo(options, from, partial)));
    return { ...report, bytesBefore: sizeOf(vfs, source), bytesAfter: sizeOf(vfs, target) };
  } finally {
    await from.store.close();
  }
}

async function openSource({ vfs, clock, prng, source }: CompactOptions): Promise<DatabaseFile> {
  try {
    return await runTask(
      openDatabaseFile({ vfs, clock, prng, path: source, create: false, readOnly: true, shrink: 'off' }),
    );
  } catch (error) {
    if (error instanceof ExtentError && error.code === 'object_not_in_prerequisite_state')
      error.hint ??= `Opening it once, as by "extentdb check ${source}", recovers it.`;
    throw error;
  }
}

function* copyTo({ vfs, clock, prng, onProgress }: CompactOptions, from: DatabaseFile, path: string): Task<CopyReport> {
  const { pageBytes } = from.store;
  const to = yield* openDatabaseFile({ vfs, clock, prng, path, pageBytes, shrink: 'off' });
  let report: CopyReport;
  try {
    // The copy holds what the source does.
    yield* to.store.requireFormat(from.store.formatVersion);
    report = yield* copyCompacted(from, to, onProgress);
  } catch (error) {
    yield* abandoned(to);
    throw error;
  }
  yield* to.store.closing();
  return report;
}

function sizeOf(vfs: Vfs, path: string): number {
  const file = vfs.open(path, 'read');
  const bytes = file.size();
  file.close();
  return bytes;
}
