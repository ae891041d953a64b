/**
 * `extentdb check`: proves that a database file is sound, or says what is not.
 *
 *   nobody has the file open ──> it is opened here (after a crash: recovered), and nothing else happens meanwhile
 *   in use ──> its owner checks it, while it goes on (`DBCC CHECKDB`)
 */
import { SystemClock } from '../base/clock.ts';
import { ExtentError, fail } from '../base/errors.ts';
import { runTask } from '../base/task.ts';
import { Instance } from '../engine/instance.ts';
import { openDatabaseFile } from '../space/open-database-file.ts';
import { checkIndexes } from '../sql/ddl/check-indexes.ts';
import { SqlSession } from '../sql/session/sql-session.ts';
import { checkStore } from '../storage/check.ts';
import type { FileCommand } from './arguments.ts';
import { hostOptions } from './host.ts';
import { ProgressLine } from './progress-line.ts';
import { askAboutFile, label } from './space-source.ts';

const SHOWN_MAX = 100;
/** An owner says nothing until it has looked at everything. */
const PATIENCE_MS = 2 ** 31 - 1;

/** @returns 0 when nothing is wrong, else 1. @throws 58P01, 55006 when the owner of a file in use cannot be asked */
export async function check({ file }: FileCommand<'check'>): Promise<number> {
  const clock = new SystemClock();
  if (!hostOptions(clock).vfs.exists(file)) throw fail('undefined_file', `there is no file "${file}"`);
  const line = new ProgressLine(clock);
  let problems: string[];
  try {
    problems = (await problemsHere(file, line)) ?? (await problemsOfOwner(file));
  } finally {
    line.end();
  }
  for (const problem of problems.slice(0, SHOWN_MAX)) process.stdout.write(`${problem}\n`);
  if (problems.length > SHOWN_MAX) process.stdout.write(`and ${problems.length - SHOWN_MAX} more\n`);
  process.stdout.write(
    problems.length === 0
      ? `${file} is sound\n`
      : `${file} has ${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}\n`,
  );
  return problems.length === 0 ? 0 : 1;
}

/** Undefined when somebody else has the file open. */
async function problemsHere(file: string, line: ProgressLine): Promise<string[] | undefined> {
  try {
    return await problemsOf(file, line);
  } catch (error) {
    if (error instanceof ExtentError && error.code === 'object_in_use') return undefined;
    throw error;
  }
}

/** What the process that has a file open finds in it, while it goes on. */
async function problemsOfOwner(file: string): Promise<string[]> {
  const [rows = []] = (await askAboutFile(file, 'dbcc checkdb with tableresults', PATIENCE_MS)).results;
  return rows.map((row) => label(row, 'message'));
}

/** What is wrong with a database file that nobody has open. */
export async function problemsOf(file: string, line = new ProgressLine(new SystemClock())): Promise<string[]> {
  const problems = await structure(file, line);
  // Rows of a file with broken trees cannot be compared.
  return problems.length === 0 ? agreement(file, line) : problems;
}

/** Pages owned once, trees ordered and linked, checksums. */
async function structure(path: string, line: ProgressLine): Promise<string[]> {
  const { store, space } = await runTask(openDatabaseFile({ ...hostOptions(new SystemClock()), path, create: false }));
  try {
    const total = space.filePages();
    let pages = 0;
    return await runTask(checkStore(store, space.audit(), () => line.count(++pages, total, 'pages')));
  } finally {
    await store.close();
  }
}

/** Indexes against tables, both ways. */
async function agreement(path: string, line: ProgressLine): Promise<string[]> {
  const instance = await Instance.openFile(path, hostOptions(new SystemClock()));
  try {
    const sql = new SqlSession(instance, instance.single.openSession(), { user: 'postgres' });
    let rows = 0;
    const problems = await runTask(checkIndexes(sql, () => line.show(`${++rows} rows compared with indexes`)));
    await runTask(sql.close());
    return problems;
  } finally {
    await instance.close();
  }
}
