/** `extentdb compact`: a file that nobody has open, in its best layout, as a new file (`esentutl /d` without the swap). */
import { SystemClock } from '../base/clock.ts';
import { compactFile } from '../defrag/compact-file.ts';
import { hostOptions } from './host.ts';
import { ProgressLine } from './progress-line.ts';

export interface CompactCommand {
  readonly kind: 'compact';
  readonly source: string;
  readonly target: string;
}

/** @returns 0; what goes wrong is thrown. */
export async function compact({ source, target }: CompactCommand): Promise<number> {
  const clock = new SystemClock();
  const progress = new ProgressLine(clock);
  try {
    const report = await compactFile({
      ...hostOptions(clock),
      source,
      target,
      onProgress: (p) => progress.count(p.pagesDone, p.pagesTotal, 'pages'),
    });
    progress.end();
    const saved = report.bytesBefore === 0 ? 0 : 100 * (1 - report.bytesAfter / report.bytesBefore);
    process.stdout.write(
      `${target}: ${report.rows} rows in ${report.trees} trees, ${report.bytesAfter} bytes ` +
        `(${source}: ${report.bytesBefore} bytes, ${saved.toFixed(1)} % saved)\n`,
    );
    return 0;
  } finally {
    progress.end();
  }
}
