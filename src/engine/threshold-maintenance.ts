/**
 * Maintenance by threshold: a tree with a scan hint is reorganized by itself when it is filled less than its
 * `maintenance_density` (the JET_SPACEHINTS document: ulMaintDensity).
 *
 *   watched ──rows went or a page was freed──> measured ──too sparse──> queued ──> running ──> done
 *
 * 0 switches it off, 100 reacts to every freed page. The work is a trickle: one tree at a time, in the background, one small step
 * between two turns of everybody else. After a run a tree is looked at again only when more rows have gone, so a density that
 * cannot be reached is no endless loop. What is queued, and why, is in memory; what came of it goes to history.
 */
import type { Clock } from '../base/clock.ts';
import type { Task } from '../base/task.ts';
import type { ReorganizeReport } from '../defrag/reorganize.ts';
import type { DatabaseFile } from '../space/open-database-file.ts';
import { sampledFill, usedShare } from '../space/physical-stats.ts';
import { HINT_SCAN_BACKWARD, HINT_SCAN_FORWARD, type TreeId } from '../storage/contracts.ts';
import { TREE_LIVE } from '../storage/layout.ts';
import type { Tree } from '../storage/tree.ts';
import type { CommandOutcome, KnownOutcome } from './history.ts';
import type { Maintenance, ReorganizeEstimate } from './maintenance.ts';
import { Running, type Scheduler } from './scheduler.ts';

const SCANNED = HINT_SCAN_FORWARD | HINT_SCAN_BACKWARD;
/** Share of the rows that must have gone since the last look before the density is measured again. */
const ROWS_GONE = 0.05;
const LOOK_EVERY_MS = 1000;
const SAMPLES = 128;
const KEPT_MAX = 1000;
/** Density that means "whenever a page is freed". */
const ANY_FREED_PAGE = 100;

/** A tree that was found too sparse. */
export interface MaintenanceEntry {
  readonly tree: TreeId;
  readonly reason: string;
  readonly queuedMicros: number;
  readonly densityBefore: number;
  state: 'queued' | 'running' | 'done' | 'failed';
  startedMicros?: number;
  endedMicros?: number;
  densityAfter?: number;
  /** What the run was expected to do. */
  estimate?: ReorganizeEstimate | undefined;
  report?: ReorganizeReport;
  error?: string;
}

export type ThresholdRecorder = (
  tree: TreeId,
  known: KnownOutcome,
  work: Task<void>,
  outcome: () => CommandOutcome,
) => Task<void>;

export class ThresholdMaintenance {
  readonly #file: DatabaseFile;
  readonly #maintenance: Maintenance;
  readonly #scheduler: Scheduler;
  readonly #clock: Clock;
  readonly #isAllowed: () => boolean;
  readonly #record: ThresholdRecorder;
  /** By tree: rows and leaves at the last look. */
  readonly #seen = new Map<TreeId, { readonly rows: number; readonly leaves: number }>();
  readonly #entries: MaintenanceEntry[] = [];
  #lookedMs = Number.NEGATIVE_INFINITY;
  /** Looks that have ended. */
  looks = 0;
  #stopping = false;
  #running: Promise<void> | undefined;

  /**
   * @param isAllowed - false while online defragmentation is switched off, wholly or in part.
   * @param record - carries a run out and writes it down.
   */
  constructor(
    file: DatabaseFile,
    maintenance: Maintenance,
    scheduler: Scheduler,
    clock: Clock,
    isAllowed: () => boolean,
    record: ThresholdRecorder,
  ) {
    this.#isAllowed = isAllowed;
    this.#record = record;
    this.#file = file;
    this.#maintenance = maintenance;
    this.#scheduler = scheduler;
    this.#clock = clock;
  }

  /** What is queued or running, and what was done lately, oldest first. */
  get entries(): readonly MaintenanceEntry[] {
    return this.#entries;
  }

  /** Ends when nothing runs. */
  async whenIdle(): Promise<void> {
    await this.#running;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#running;
  }

  /** A look at all watched trees, and the start of the next run; called when there is nothing else to do in the background. */
  *look(): Task<void> {
    const now = this.#clock.monotonicMs();
    if (this.#stopping || now - this.#lookedMs < LOOK_EVERY_MS) return;
    this.#lookedMs = now;
    for (const tree of [...this.#file.store.parts.core.trees.values()]) {
      if (isWatched(tree)) yield* this.#lookAt(tree);
      else this.#seen.delete(tree.id);
    }
    if (this.#isAllowed()) this.#startNext();
    this.looks++;
  }

  *#lookAt(tree: Tree): Task<void> {
    const threshold = tree.hints.maintenancePercent;
    const seen = this.#seen.get(tree.id);
    this.#seen.set(tree.id, { rows: tree.rows, leaves: tree.leaves });
    if (
      seen === undefined ||
      this.#entries.some((e) => e.tree === tree.id && e.state !== 'done' && e.state !== 'failed')
    )
      return;
    const freedPage = tree.leaves < seen.leaves;
    const isDue = threshold === ANY_FREED_PAGE ? freedPage : tree.rows < seen.rows * (1 - ROWS_GONE);
    // What has gone since counts from the look that measured: rows that go one by one add up.
    if (!isDue) {
      if (tree.rows < seen.rows) this.#seen.set(tree.id, seen);
      return;
    }
    const density = yield* this.#density(tree);
    if (threshold !== ANY_FREED_PAGE && density >= threshold) return;
    const reason =
      threshold === ANY_FREED_PAGE
        ? `${seen.leaves - tree.leaves} pages were freed`
        : `density ${density.toFixed(1)} % is below ${threshold} %`;
    this.#entries.push({
      tree: tree.id,
      reason,
      queuedMicros: this.#clock.wallMicros(),
      densityBefore: density,
      state: 'queued',
    });
    if (this.#entries.length > KEPT_MAX) this.#entries.shift();
  }

  *#density(tree: Tree): Task<number> {
    const { content } = yield* sampledFill(this.#file.store.parts, tree, SAMPLES);
    return 100 * usedShare(content, this.#file.store.pageBytes);
  }

  #startNext(): void {
    const entry = this.#entries.find((e) => e.state === 'queued');
    if (entry === undefined || this.#running !== undefined) return;
    this.#running = new Promise((resolve) => {
      const end = (error?: unknown): void => {
        entry.endedMicros = this.#clock.wallMicros();
        entry.state = error === undefined ? 'done' : 'failed';
        if (error !== undefined) entry.error = error instanceof Error ? error.message : String(error);
        this.#running = undefined;
        resolve();
      };
      const work = this.#record(entry.tree, known(entry), this.#work(entry), () => outcomeOf(entry));
      this.#clock.soon(() => this.#scheduler.run(work, new Running(), () => end(), end));
    });
  }

  *#work(entry: MaintenanceEntry): Task<void> {
    entry.state = 'running';
    entry.startedMicros = this.#clock.wallMicros();
    const tree = this.#file.store.parts.core.trees.get(entry.tree);
    if (tree === undefined) return;
    const target = { tree: tree.id, table: 0, index: 0, name: `tree ${tree.id}`, owner: 0 };
    entry.estimate = yield* this.#maintenance.estimate(target, { lobCompaction: true }, { treesTotal: 1 });
    entry.report = yield* this.#maintenance.reorganize(
      target,
      { lobCompaction: true, isOver: () => this.#stopping || !this.#isAllowed() },
      { treesTotal: 1, treesDone: 0 },
    );
    if (tree.state !== TREE_LIVE) return;
    entry.densityAfter = yield* this.#density(tree);
    this.#seen.set(tree.id, { rows: tree.rows, leaves: tree.leaves });
  }
}

/** What history says of an entry, whatever becomes of it; a row there that has a `tree` is one of these. */
function known({ tree, reason, queuedMicros, densityBefore }: MaintenanceEntry): KnownOutcome {
  const info = { tree, queued_micros: queuedMicros, density_before: densityBefore };
  return { reason, prediction: 'none: ended before', info };
}

function outcomeOf(entry: MaintenanceEntry): CommandOutcome {
  const { report, densityAfter, estimate } = entry;
  const { reason, info } = known(entry);
  return {
    status: report === undefined || report.reason === 'done' ? 'done' : 'stopped',
    reason,
    predicted: estimate === undefined ? undefined : { ...estimate, lobMoved: estimate.lobPagesMoved },
    prediction: estimate === undefined ? 'none: it was gone' : 'estimate',
    actual:
      report === undefined
        ? undefined
        : { scanned: report.scanned, moved: report.moved, removed: report.removed, lobMoved: report.lobPagesMoved },
    info: { ...info, density_after: densityAfter ?? null },
  };
}

function isWatched(tree: Tree): boolean {
  if (tree.state !== TREE_LIVE) return false;
  const { flags, maintenancePercent } = tree.hints;
  return maintenancePercent > 0 && (flags & SCANNED) !== 0;
}
