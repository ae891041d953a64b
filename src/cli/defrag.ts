/**
 * `extentdb defrag`: the online defragmentation task, started and waited for, or stopped.
 *
 *   nobody has the file open ──> it is opened here, and closed when the task has ended
 *   in use ──> its owner is asked to start the task (`space-source.ts`); it goes on there whoever waits
 *
 * Ctrl-C stops the task; what it did stays done, and the next start goes on where it was.
 */
import { SystemClock } from '../base/clock.ts';
import { ExtentError, fail } from '../base/errors.ts';
import type { DefragCommand } from './arguments.ts';
import { hostOptions } from './host.ts';
import { LocalSession } from './local-session.ts';
import { ProgressLine } from './progress-line.ts';
import { askAboutFile, askSession, count, label, type SpaceRow } from './space-source.ts';

const LOOK_EVERY_MS = 200;

const STATE = `
  select current_setting('extentdb.online_defragmentation') as mode;
  select coalesce(max(id), 0) as id from extentdb.commandlog;
  select phase, passes_done, pages_scanned, pages_removed, seconds from pg_stat_progress_defragment
    where datname = current_database()`;
const STOP = 'call extentdb.defragment_stop()';

/** The rows of each statement of a text, from whoever has the file open. */
type Ask = (text: string) => Promise<readonly SpaceRow[][]>;

/** @returns 0, or 1 when the task failed. @throws 58P01, 55006 when it runs already or the owner cannot be asked, 22023 */
export async function defrag(command: DefragCommand): Promise<number> {
  const hold = new SystemClock().holdProcess();
  try {
    const session = await openHere(command.file);
    if (session === undefined)
      return await work(command, async (text) => (await askAboutFile(command.file, text)).results);
    try {
      return await work(command, (text) => askSession(session, text));
    } finally {
      await session.close();
    }
  } finally {
    hold.cancel();
  }
}

/** Undefined when somebody else has the file open. */
async function openHere(path: string): Promise<LocalSession | undefined> {
  const options = hostOptions(new SystemClock());
  if (!options.vfs.exists(path)) throw fail('undefined_file', `there is no file "${path}"`);
  try {
    return await LocalSession.open(path, () => {}, options);
  } catch (error) {
    if (error instanceof ExtentError && error.code === 'object_in_use') return undefined;
    throw error;
  }
}

async function work(command: DefragCommand, ask: Ask): Promise<number> {
  const [[{ mode = 'on' } = {}] = [], [{ id = 0 } = {}] = [], [running] = []] = await ask(STATE);
  if (command.stop) return await stop(command, ask, running !== undefined);
  if (running !== undefined)
    throw fail('object_in_use', 'online defragmentation is already running in this database', {
      hint: `extentdb defrag --stop ${command.file}`,
    });
  if (mode === 'off') {
    process.stdout.write(`${command.file}: online defragmentation is switched off, nothing was done\n`);
    return 0;
  }
  await ask(startText(command));
  await untilEnd(ask);
  const [[done] = []] = await ask(
    `select status, errormessage, pages_scanned, pages_removed, extendedinfo from extentdb.commandlog
     where commandtype = 'DEFRAGMENT' and id > ${id} order by id desc limit 1`,
  );
  return report(command.file, done ?? {});
}

async function stop({ file }: DefragCommand, ask: Ask, isRunning: boolean): Promise<number> {
  const results = await ask(STOP);
  const [row = {}] = results[0] ?? [];
  process.stdout.write(
    isRunning
      ? `${file}: stopped after ${count(row, 'passes')} passes and ${count(row, 'seconds')} seconds\n`
      : `${file}: online defragmentation is not running\n`,
  );
  return 0;
}

function startText({ passes, seconds, target }: DefragCommand): string {
  const what = target === undefined ? '' : `, target => '${target.replaceAll("'", "''")}'`;
  return `call extentdb.defragment_start(passes => ${passes}, seconds => ${seconds}${what})`;
}

async function untilEnd(ask: Ask): Promise<void> {
  const clock = new SystemClock();
  const line = new ProgressLine(clock);
  let isInterrupted = false;
  const interrupt = (): void => {
    isInterrupted = true;
  };
  process.on('SIGINT', interrupt);
  try {
    for (;;) {
      if (isInterrupted) await ask(STOP);
      const [, , [row] = []] = await ask(STATE);
      if (row === undefined) return;
      line.show(
        `${label(row, 'phase')}: ${count(row, 'pages_scanned')} pages visited, ${count(row, 'pages_removed')} freed`,
      );
      await new Promise<void>((resolve) => clock.after(LOOK_EVERY_MS, resolve));
    }
  } finally {
    process.off('SIGINT', interrupt);
    line.end();
  }
}

function report(file: string, row: SpaceRow): number {
  const status = label(row, 'status');
  if (status === 'failed') {
    process.stderr.write(`extentdb: ${label(row, 'errormessage')}\n`);
    return 1;
  }
  const { passes, seconds } = infoOf(label(row, 'extendedinfo'));
  process.stdout.write(
    `${file}: ${count(row, 'pages_scanned')} pages visited, ${count(row, 'pages_removed')} freed, ` +
      `${passes} ${passes === 1 ? 'pass' : 'passes'} in ${seconds} s${status === 'stopped' ? ' (stopped)' : ''}\n`,
  );
  return 0;
}

function infoOf(text: string): { passes: number; seconds: number } {
  const info: unknown = text === '' ? {} : JSON.parse(text);
  const number = (name: string): number => {
    const value: unknown =
      typeof info === 'object' && info !== null ? Object.entries(info).find(([n]) => n === name)?.[1] : 0;
    return typeof value === 'number' ? value : 0;
  };
  return { passes: number('passes'), seconds: number('seconds') };
}
