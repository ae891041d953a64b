/** `extentdb compact`: a file that nobody has open, in its best layout, as a new file (`esentutl /d` without the swap). */
import { SystemClock } from '../base/clock.ts';
import type { CopyProgress } from '../defrag/compact-copy.ts';
import { compactFile } from '../defrag/compact-file.ts';
import { hostOptions } from './host.ts';

const SHOW_EVERY_MS = 100;

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
    const report = await compactFile({ ...hostOptions(clock), source, target, onProgress: (p) => progress.show(p) });
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

/** One line on a terminal, written over and over; nothing elsewhere. */
class ProgressLine {
  readonly #clock: SystemClock;
  readonly #isShown = process.stderr.isTTY === true;
  #shownMs = Number.NEGATIVE_INFINITY;
  #isOpen = false;

  constructor(clock: SystemClock) {
    this.#clock = clock;
  }

  show({ pagesDone, pagesTotal }: CopyProgress): void {
    if (!this.#isShown) return;
    const now = this.#clock.monotonicMs();
    if (now - this.#shownMs < SHOW_EVERY_MS && pagesDone < pagesTotal) return;
    this.#shownMs = now;
    this.#isOpen = true;
    process.stderr.write(`\r${pagesDone} of ${pagesTotal} pages (${Math.floor((100 * pagesDone) / pagesTotal)} %)`);
  }

  end(): void {
    if (this.#isOpen) process.stderr.write('\n');
    this.#isOpen = false;
  }
}
