/**
 * `extentdb trim`: gives the disk space of free extents back, of a file that nobody has open, as `esentutl -z -t` does.
 *
 *   <tree>: AE[<page>]: first-last (n); A first-last (n) cpgSparseBefore: n cpgSparseAfter: n cpgSparseNew: n
 *   <file>: n trimmed (before), n trimmed (after), n pages newly trimmed.
 *
 * A line for each free extent of the database root that has an aligned part (A); AE is the root page of the available extents. A
 * terminal shows meanwhile how far in the file it is.
 */
import { SystemClock } from '../base/clock.ts';
import { fail } from '../base/errors.ts';
import { runTask } from '../base/task.ts';
import { openDatabaseFile } from '../space/open-database-file.ts';
import type { TrimmedExtent } from '../space/trimmer.ts';
import type { FileCommand } from './arguments.ts';
import { hostOptions } from './host.ts';
import { ProgressLine } from './progress-line.ts';

const NAME_WIDTH = 30;

/** @returns 0, also where the file system knows no holes and nothing could be trimmed. */
export async function trim({ file: path }: FileCommand<'trim'>): Promise<number> {
  const clock = new SystemClock();
  const options = { ...hostOptions(clock), shrink: 'on' as const };
  if (!options.vfs.exists(path)) throw fail('undefined_file', `there is no file "${path}"`);
  const progress = new ProgressLine(clock);
  const file = await runTask(openDatabaseFile({ ...options, path, create: false }));
  try {
    // Dropped trees and empty pages whose space is still on its way count too.
    while (await runTask(file.background())) progress.show('cleaning up');
    const pages = file.space.filePages();
    const report = await runTask(file.space.trimmer.trim((page) => progress.count(page + 1, pages, 'pages')));
    progress.count(pages, pages, 'pages');
    progress.end();
    const page = file.space.root.space.available.tree.root;
    for (const extent of report.extents) if (extent.alignedPages > 0) process.stdout.write(`${line(extent, page)}\n`);
    const { before, after } = report;
    process.stdout.write(
      `\n${path}: ${before} trimmed (before), ${after} trimmed (after), ${after - before} pages newly trimmed.\n`,
    );
    if (report.unaligned > 0)
      process.stdout.write(`${report.unaligned} free pages outside of whole 64 kB of the file keep their space.\n`);
    if (!report.possible) process.stdout.write('This file system knows no holes: nothing was done.\n');
    return 0;
  } finally {
    progress.end();
    await file.store.close();
  }
}

function line(e: TrimmedExtent, page: number): string {
  const range = (first: number, pages: number): string => `${first}-${first + pages - 1} (${pages})`;
  return (
    `${'database root'.padStart(NAME_WIDTH)}: AE[${page}]: ${range(e.first, e.last - e.first + 1)}; ` +
    `A ${range(e.alignedFirst, e.alignedPages)} ` +
    `cpgSparseBefore: ${e.before} cpgSparseAfter: ${e.after} cpgSparseNew: ${e.after - e.before}`
  );
}
