/** `extentdb check`: proves that a database file is sound, or says what is not. */
import { SystemClock } from '../base/clock.ts';
import { fail } from '../base/errors.ts';
import { runTask } from '../base/task.ts';
import { Instance } from '../engine/instance.ts';
import { openDatabaseFile } from '../space/open-database-file.ts';
import { SqlSession } from '../sql/session/sql-session.ts';
import { checkStore } from '../storage/check.ts';
import type { FileCommand } from './arguments.ts';
import { checkIndexes } from './check-indexes.ts';
import { hostOptions } from './host.ts';

const SHOWN_MAX = 100;

/** @returns 0 when nothing is wrong, else 1. */
export async function check({ file }: FileCommand<'check'>): Promise<number> {
  const options = hostOptions(new SystemClock());
  if (!options.vfs.exists(file)) throw fail('undefined_file', `there is no file "${file}"`);
  const problems = await problemsOf(file);
  for (const problem of problems.slice(0, SHOWN_MAX)) process.stdout.write(`${problem}\n`);
  if (problems.length > SHOWN_MAX) process.stdout.write(`and ${problems.length - SHOWN_MAX} more\n`);
  process.stdout.write(
    problems.length === 0
      ? `${file} is sound\n`
      : `${file} has ${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}\n`,
  );
  return problems.length === 0 ? 0 : 1;
}

/** What is wrong with a database file that nobody has open. */
export async function problemsOf(file: string): Promise<string[]> {
  const problems = await structure(file);
  // Rows of a file with broken trees cannot be compared.
  return problems.length === 0 ? agreement(file) : problems;
}

/** Pages owned once, trees ordered and linked, checksums. */
async function structure(path: string): Promise<string[]> {
  const { store, space } = await runTask(openDatabaseFile({ ...hostOptions(new SystemClock()), path, create: false }));
  try {
    return await runTask(checkStore(store, space.audit()));
  } finally {
    await store.close();
  }
}

/** Indexes against tables, both ways. */
async function agreement(path: string): Promise<string[]> {
  const instance = await Instance.openFile(path, hostOptions(new SystemClock()));
  try {
    const sql = new SqlSession(instance, instance.single.openSession(), { user: 'postgres' });
    const problems = await runTask(checkIndexes(sql));
    await runTask(sql.close());
    return problems;
  } finally {
    await instance.close();
  }
}
