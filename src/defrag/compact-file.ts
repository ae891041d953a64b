/**
 * Compacting a file that nobody has open into a new one.
 *
 *   SRC (read only) ──copy──> DST.partial ──closed, renamed──> DST
 *
 * DST appears when it is whole and durable. Whatever goes wrong before, what was made is removed; after a power cut a
 * `DST.partial` may stay behind, which the next try replaces.
 */
import type { Clock } from '../base/clock.ts';
import { ExtentError, fail } from '../base/errors.ts';
import type { Prng } from '../base/prng.ts';
import { runTask } from '../base/task.ts';
import { directoryOf, type Vfs } from '../io/vfs.ts';
import { type DatabaseFile, openDatabaseFile } from '../space/open-database-file.ts';
import { type CopyProgress, type CopyReport, copyCompacted } from './compact-copy.ts';

const PARTIAL_SUFFIX = '.partial';

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
  for (const path of [target, `${target}-log`])
    if (vfs.exists(path)) throw fail('duplicate_file', `"${path}" exists already`);
  const from = await openSource(options);
  try {
    const partial = `${target}${PARTIAL_SUFFIX}`;
    const lock = vfs.lock(partial);
    removeDatabase(vfs, partial);
    lock.release();
    try {
      const report = await copyTo(options, from, partial);
      vfs.rename(partial, target);
      vfs.syncDirectory(directoryOf(target));
      return { ...report, bytesBefore: sizeOf(vfs, source), bytesAfter: sizeOf(vfs, target) };
    } catch (error) {
      removeDatabase(vfs, partial);
      throw error;
    }
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

async function copyTo(
  { vfs, clock, prng, onProgress }: CompactOptions,
  from: DatabaseFile,
  path: string,
): Promise<CopyReport> {
  const { pageBytes } = from.store;
  const to = await runTask(openDatabaseFile({ vfs, clock, prng, path, pageBytes, shrink: 'off' }));
  let report: CopyReport;
  try {
    report = await runTask(copyCompacted(from, to, onProgress));
  } catch (error) {
    // The first failure is the one to tell of; the file goes anyway.
    await to.store.close().catch(() => {});
    throw error;
  }
  await to.store.close();
  return report;
}

function removeDatabase(vfs: Vfs, path: string): void {
  const log = `${path}-log`;
  // A file that is being made bears another name until it is one.
  for (const file of [path, `${path}.new`]) if (vfs.exists(file)) vfs.unlink(file);
  for (const name of vfs.list(log)) vfs.unlink(`${log}/${name}`);
  vfs.removeDirectory(log);
}

function sizeOf(vfs: Vfs, path: string): number {
  const file = vfs.open(path, 'read');
  const bytes = file.size();
  file.close();
  return bytes;
}
