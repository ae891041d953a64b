/**
 * `extentdb backup`: a copy of a database that is whole, closed and consistent, whoever has it open.
 *
 *   nobody has the file open ──> it is opened here (after a crash: recovered), backed up and closed
 *   in use ──> its owner is asked to write the copy (`space-source.ts`), with its own rights
 */
import { SystemClock } from '../base/clock.ts';
import { ExtentError, fail } from '../base/errors.ts';
import { Instance } from '../engine/instance.ts';
import { directoryOf } from '../io/vfs.ts';
import { hostOptions } from './host.ts';
import { ProgressLine } from './progress-line.ts';
import { askAboutFile, count, label } from './space-source.ts';

const LOOK_EVERY_MS = 200;
/** The owner says nothing before the copy is there. */
const PATIENCE_MS = 2 ** 31 - 1;

export interface BackupCommand {
  readonly kind: 'backup';
  readonly source: string;
  readonly target: string;
}

/** @returns 0. @throws 58P01, 58P02 when the target exists, 55006 when the owner cannot be asked, 53100 */
export async function backup({ source, target }: BackupCommand): Promise<number> {
  const clock = new SystemClock();
  const hold = clock.holdProcess();
  const line = new ProgressLine(clock);
  try {
    const { vfs } = hostOptions(clock);
    const directory = directoryOf(target);
    if (!vfs.exists(directory)) throw fail('undefined_file', `there is no directory "${directory}"`);
    // The owner has a directory of its own.
    const path = vfs.canonical(target);
    const bytes = (await backUpHere(source, path, line)) ?? (await askOwner(source, path, line));
    line.end();
    process.stdout.write(`${target}: ${bytes} bytes, a backup of ${source}\n`);
    return 0;
  } finally {
    line.end();
    hold.cancel();
  }
}

/** @returns the copy's length; undefined when somebody else has the file open. */
async function backUpHere(source: string, target: string, line: ProgressLine): Promise<number | undefined> {
  // A file that is only copied gives nothing back.
  const options = hostOptions(new SystemClock(), undefined, 'off');
  if (!options.vfs.exists(source)) throw fail('undefined_file', `there is no file "${source}"`);
  let instance: Instance;
  try {
    instance = await Instance.openFile(source, options);
  } catch (error) {
    if (error instanceof ExtentError && error.code === 'object_in_use') return undefined;
    throw error;
  }
  const abort = new AbortController();
  const interrupt = (): void => abort.abort();
  process.on('SIGINT', interrupt);
  try {
    const onProgress = ({ phase, percent }: { phase: string; percent: number }): void =>
      line.show(shown(phase, percent));
    const { bytes } = await instance.single.backups.start({ target, owner: 0, onProgress }, abort.signal);
    return bytes;
  } finally {
    process.off('SIGINT', interrupt);
    await instance.close();
  }
}

function shown(phase: string, percent: number): string {
  return `${phase}: ${Math.floor(percent)} %`;
}

async function askOwner(source: string, target: string, line: ProgressLine): Promise<number> {
  const [[{ database = '' } = {}] = []] = (await askAboutFile(source, 'select current_database() as database')).results;
  const text = `backup database "${String(database).replaceAll('"', '""')}" to disk = '${target.replaceAll("'", "''")}'`;
  let isOpen = true;
  const work = askAboutFile(source, text, PATIENCE_MS).finally(() => {
    isOpen = false;
  });
  // It is awaited below; while we look, its failure is nobody's surprise.
  work.catch(() => {});
  const clock = new SystemClock();
  while (isOpen && process.stderr.isTTY === true) {
    await new Promise<void>((wake) => clock.after(LOOK_EVERY_MS, wake));
    const [[row] = []] = (await askAboutFile(source, PROGRESS)).results;
    if (row !== undefined && isOpen) line.show(shown(label(row, 'phase'), count(row, 'percent_complete')));
  }
  await work;
  const { vfs } = hostOptions(clock);
  const file = vfs.open(target, 'read');
  const bytes = file.size();
  file.close();
  return bytes;
}

const PROGRESS = `
  select p.phase, r.percent_complete from pg_stat_progress_basebackup p
    join sys.dm_exec_requests r on r.session_id = p.pid and r.command = 'BACKUP DATABASE'`;
