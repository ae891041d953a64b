/**
 * Long work on a database's trees: who does what, how far it is, and that no two do the same.
 *
 *   queued ──> running (phases) ──> gone from here, with a report to whoever asked
 *
 * Every long command reports through this one registry, which the progress views show. Work is known by the tree that it is
 * on; a second run on the same tree is refused with 55006.
 */
import type { Clock } from '../base/clock.ts';
import { fail } from '../base/errors.ts';
import type { Task } from '../base/task.ts';
import { slideWindow, WindowCompactor } from '../defrag/compact-window.ts';
import { type EstimateOptions, estimateReorganize, type ReorganizeEstimate } from '../defrag/estimate.ts';
import { type PlanOptions, planReorganize, type ReorganizePlan } from '../defrag/plan.ts';
import {
  type ReorganizeOptions,
  type ReorganizeProgress,
  type ReorganizeReport,
  Reorganizer,
} from '../defrag/reorganize.ts';
import type { DatabaseFile } from '../space/open-database-file.ts';
import type { TreeId } from '../storage/contracts.ts';
import { TREE_LIVE } from '../storage/layout.ts';
import type { Tree } from '../storage/tree.ts';
import type { Oid } from './catalog.ts';

export type { ReorganizeEstimate } from '../defrag/estimate.ts';
export type { ReorganizePlan } from '../defrag/plan.ts';
export type { ReorganizeReport, ReorganizeStop } from '../defrag/reorganize.ts';

/** What is to be worked on, and for whom. */
export interface WorkTarget {
  readonly tree: TreeId;
  readonly table: Oid;
  /** 0 for the rows of a table without primary key. */
  readonly index: Oid;
  /** As errors name it. */
  readonly name: string;
  /** The session's process id. */
  readonly owner: number;
}

/** A piece of work under way, as views show it. */
export interface Work extends WorkTarget {
  readonly command: string;
  readonly startedMs: number;
  readonly startedWallMicros: number;
  readonly phase: string;
  /** What the numbers count. */
  readonly unit: 'pages' | 'rows' | 'bytes';
  readonly workDone: number;
  readonly workTotal: number;
  /** Of rows: read. */
  readonly scanned: number;
  /** Of rows: written. */
  readonly moved: number;
  readonly removed: number;
  /** Trees of the same command: how many there are, and how many are done. */
  readonly treesTotal: number;
  readonly treesDone: number;
}

/** Share of work that is done, in percent; 100 only at the end, 0 where nobody knows how much there is. */
export function percentOf(work: Pick<Work, 'workDone' | 'workTotal'>): number {
  return work.workTotal === 0 ? 0 : Math.min(100, (100 * work.workDone) / work.workTotal);
}

/** Milliseconds that the rest takes at the pace so far; 0 while nothing is done. */
export function remainingMs(work: Work, nowMs: number): number {
  const percent = percentOf(work);
  return percent === 0 ? 0 : Math.round(((nowMs - work.startedMs) * (100 - percent)) / percent);
}

const REORGANIZE_COMMAND = 'ALTER INDEX REORGANIZE';

/** A run over a tree that was not there any more. */
const GONE: ReorganizeReport = {
  reason: 'gone',
  scanned: 0,
  moved: 0,
  removed: 0,
  swaps: 0,
  rewritten: 0,
  lobExtentsSparse: 0,
  lobExtentsDrained: 0,
  lobPagesMoved: 0,
};

/** Leaves that a compaction looked at, and those that it freed. */
export interface CompactReport {
  readonly scanned: number;
  readonly removed: number;
}

/** Work that somebody else carries out and reports here: a rebuild. */
export class TrackedWork {
  readonly #tell: (work: Work | undefined) => void;
  #work: Work;

  constructor(work: Work, tell: (work: Work | undefined) => void) {
    this.#work = work;
    this.#tell = tell;
    tell(work);
  }

  /** Goes on to a phase. */
  enter(phase: string, change: Partial<Pick<Work, 'index' | 'treesDone'>> = {}): void {
    this.#change({ phase, ...change });
  }

  /** So many rows were read, written or both. */
  advance({ read = 0, written = 0 }: { readonly read?: number; readonly written?: number }): void {
    const { workDone, workTotal, scanned, moved } = this.#work;
    this.#change({
      scanned: scanned + read,
      moved: moved + written,
      workDone: Math.min(workDone + read + written, workTotal),
    });
  }

  /** So much is done by now; what was reached before is never taken back. */
  reach(workDone: number, change: Partial<Pick<Work, 'workTotal' | 'scanned' | 'moved'>> = {}): void {
    this.#change({ workDone: Math.max(this.#work.workDone, workDone), ...change });
  }

  end(): void {
    this.#tell(undefined);
  }

  #change(change: Partial<Work>): void {
    this.#work = { ...this.#work, ...change };
    this.#tell(this.#work);
  }
}

export class Maintenance {
  readonly #file: DatabaseFile;
  readonly #clock: Clock;
  readonly #running = new Map<TreeId, Work>();
  /** Rebuilds by their tree. One may begin while the tree is reorganized: that ends when the tree is gone. */
  readonly #rebuilds = new Map<TreeId, Work>();
  /** Tables with an index under construction beside writers, and who builds it. */
  readonly #online = new Map<Oid, number>();
  /** Work that keeps nobody from a tree: builds of new indexes, ANALYZE, COPY, checks, trimming, plans. */
  readonly #others = new Map<object, Work>();

  constructor(file: DatabaseFile, clock: Clock) {
    this.#file = file;
    this.#clock = clock;
  }

  /** What is under way, in the order in which it began. */
  get works(): Iterable<Work> {
    return [...this.#running.values(), ...this.#rebuilds.values(), ...this.#others.values()];
  }

  nowMs(): number {
    return this.#clock.monotonicMs();
  }

  /** @throws `object_in_use` (55006) when the tree is being reorganized or rebuilt by somebody else. */
  requireFree(target: WorkTarget): void {
    const rebuild = this.#rebuilds.get(target.tree);
    if (rebuild !== undefined) {
      throw fail('object_in_use', `"${target.name}" is being rebuilt`, {
        detail: `Msg 2551. The session with process id ${rebuild.owner} rebuilds it.`,
      });
    }
    const builder = this.#online.get(target.table);
    if (builder !== undefined) {
      throw fail('object_in_use', `the table of "${target.name}" has an index under construction`, {
        detail: `Msg 2551. The session with process id ${builder} builds it.`,
      });
    }
    const work = this.#running.get(target.tree);
    if (work === undefined) return;
    throw fail('object_in_use', `"${target.name}" is already being reorganized`, {
      detail: `Msg 2550. The session with process id ${work.owner} reorganizes it.`,
    });
  }

  /** Carries out the online build of an index; meanwhile nothing of the table can be reorganized. @throws 55006 */
  *buildingOnline(table: Oid, owner: number, build: Task<void>): Task<void> {
    this.#online.set(table, owner);
    try {
      yield* build;
    } finally {
      this.#online.delete(table);
    }
  }

  /** Shows a rebuild until its `end`; meanwhile the tree cannot be reorganized. The caller holds the table's lock. */
  track(target: WorkTarget, command: string, place: Pick<Work, 'phase' | 'workTotal' | 'treesTotal'>): TrackedWork {
    return new TrackedWork(this.#begun(target, command, { ...place, unit: 'rows' }), (work) => {
      if (work === undefined) this.#rebuilds.delete(target.tree);
      else this.#rebuilds.set(target.tree, work);
    });
  }

  /** Shows work that keeps nobody from anything, until its `end`. */
  follow(
    target: WorkTarget,
    command: string,
    place: Pick<Work, 'phase' | 'workTotal' | 'treesTotal' | 'unit'>,
  ): TrackedWork {
    const key = {};
    return new TrackedWork(this.#begun(target, command, place), (work) => {
      if (work === undefined) this.#others.delete(key);
      else this.#others.set(key, work);
    });
  }

  #begun(target: WorkTarget, command: string, place: Pick<Work, 'phase' | 'workTotal' | 'treesTotal' | 'unit'>): Work {
    return {
      ...target,
      ...place,
      command,
      startedMs: this.#clock.monotonicMs(),
      startedWallMicros: this.#clock.wallMicros(),
      workDone: 0,
      scanned: 0,
      moved: 0,
      removed: 0,
      treesDone: 0,
    };
  }

  /** What a run over one tree would do. It changes nothing and keeps nobody from anything. */
  *plan(
    target: WorkTarget,
    options: Omit<PlanOptions, 'onProgress'>,
    place: Pick<Work, 'command' | 'treesTotal'>,
  ): Task<ReorganizePlan> {
    const { core } = this.#file.store.parts;
    const workTotal = Math.max(1, core.trees.get(target.tree)?.leaves ?? 0);
    const work = this.follow(target, place.command, {
      phase: 'planning',
      unit: 'pages',
      workTotal,
      treesTotal: place.treesTotal,
    });
    try {
      return yield* planReorganize(this.#file, target.tree, {
        ...options,
        onProgress: () => work.advance({ read: 1 }),
      });
    } finally {
      work.end();
    }
  }

  /** What a run over one tree will do, nearly; undefined when it is not there. Shown as the begin of that run. */
  *estimate(
    target: WorkTarget,
    options: EstimateOptions,
    { treesTotal, command = REORGANIZE_COMMAND }: { readonly treesTotal: number; readonly command?: string },
  ): Task<ReorganizeEstimate | undefined> {
    const place = { phase: 'estimating', unit: 'pages', workTotal: 1, treesTotal } as const;
    const work = this.follow(target, command, place);
    try {
      return yield* estimateReorganize(this.#file, target.tree, options);
    } finally {
      work.end();
    }
  }

  /**
   * Reorganizes one tree; cancelling the task keeps what was done.
   *
   * @param options - `onProgress` is told after each step, beside the registry.
   * @throws 55006
   */
  *reorganize(
    target: WorkTarget,
    options: ReorganizeOptions,
    place: { readonly treesTotal: number; readonly treesDone: number; readonly command?: string },
  ): Task<ReorganizeReport> {
    this.requireFree(target);
    // Others may have rebuilt or dropped it since the statement chose its indexes.
    if (!this.#file.store.parts.core.trees.has(target.tree)) return GONE;
    const begun = {
      ...target,
      treesTotal: place.treesTotal,
      treesDone: place.treesDone,
      command: place.command ?? REORGANIZE_COMMAND,
      unit: 'pages' as const,
      startedMs: this.#clock.monotonicMs(),
      startedWallMicros: this.#clock.wallMicros(),
    };
    const tell = (progress: ReorganizeProgress): void => {
      this.#running.set(target.tree, { ...begun, ...progress });
      options.onProgress?.(progress);
    };
    tell({ phase: 'compaction', workDone: 0, workTotal: 1, scanned: 0, moved: 0, removed: 0 });
    try {
      return yield* new Reorganizer(this.#file, target.tree, { ...options, onProgress: tell }).run();
    } finally {
      this.#running.delete(target.tree);
    }
  }
  /**
   * One pass of compaction over a tree and its long values: rows that nobody sees are purged and leaves joined, no order
   * changes. Cancelling the task keeps what was done. @throws 55006
   */
  *compact(target: WorkTarget, command: string, longValues: boolean): Task<CompactReport> {
    this.requireFree(target);
    const { core } = this.#file.store.parts;
    const tree = core.trees.get(target.tree);
    if (tree === undefined) return { scanned: 0, removed: 0 };
    const long = longValues && tree.longTree !== 0 ? core.trees.get(tree.longTree) : undefined;
    const total = Math.max(1, tree.leaves + (long?.leaves ?? 0));
    const begun = {
      ...target,
      command,
      unit: 'pages' as const,
      startedMs: this.#clock.monotonicMs(),
      startedWallMicros: this.#clock.wallMicros(),
      phase: 'compaction',
      workTotal: total,
      moved: 0,
      treesTotal: 1,
      treesDone: 0,
    };
    const compactor = new WindowCompactor(this.#file.store.parts);
    let scanned = 0;
    const tell = (): void => {
      this.#running.set(target.tree, {
        ...begun,
        workDone: Math.min(scanned, total),
        scanned,
        removed: compactor.freed,
      });
    };
    tell();
    try {
      for (const each of long === undefined ? [tree] : [tree, long]) {
        yield* this.#slide(each, compactor, () => {
          scanned++;
          tell();
        });
      }
      return { scanned, removed: compactor.freed };
    } finally {
      this.#running.delete(target.tree);
    }
  }

  *#slide(tree: Tree, compactor: WindowCompactor, visited: () => void): Task<void> {
    const slide = slideWindow(this.#file.store.parts, compactor, tree, tree.fillPercent, {
      from: new Uint8Array(0),
      isOver: () => tree.state !== TREE_LIVE,
      stepped: (_key, isVisit) => {
        if (isVisit) visited();
      },
    });
    yield* this.#file.steps.watch(slide);
  }
}
