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
import {
  type ReorganizeOptions,
  type ReorganizeProgress,
  type ReorganizeReport,
  Reorganizer,
} from '../defrag/reorganize.ts';
import type { DatabaseFile } from '../space/open-database-file.ts';
import type { TreeId } from '../storage/contracts.ts';
import type { Oid } from './catalog.ts';

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
  readonly workDone: number;
  readonly workTotal: number;
  readonly scanned: number;
  readonly moved: number;
  readonly removed: number;
  /** Trees of the same command: how many there are, and how many are done. */
  readonly treesTotal: number;
  readonly treesDone: number;
}

/** Share of work that is done, in percent; 100 only at the end. */
export function percentOf(work: Pick<Work, 'workDone' | 'workTotal'>): number {
  return work.workTotal === 0 ? 0 : (100 * work.workDone) / work.workTotal;
}

/** Milliseconds that the rest takes at the pace so far; 0 while nothing is done. */
export function remainingMs(work: Work, nowMs: number): number {
  const percent = percentOf(work);
  return percent === 0 ? 0 : Math.round(((nowMs - work.startedMs) * (100 - percent)) / percent);
}

export class Maintenance {
  readonly #file: DatabaseFile;
  readonly #clock: Clock;
  readonly #running = new Map<TreeId, Work>();

  constructor(file: DatabaseFile, clock: Clock) {
    this.#file = file;
    this.#clock = clock;
  }

  /** What is under way, in the order in which it began. */
  get works(): Iterable<Work> {
    return this.#running.values();
  }

  nowMs(): number {
    return this.#clock.monotonicMs();
  }

  /** @throws `object_in_use` (55006) when the tree is being reorganized by somebody else. */
  requireFree(target: WorkTarget): void {
    const work = this.#running.get(target.tree);
    if (work === undefined) return;
    throw fail('object_in_use', `"${target.name}" is already being reorganized`, {
      detail: `Msg 2550. The session with process id ${work.owner} reorganizes it.`,
    });
  }

  /** Reorganizes one tree; cancelling the task keeps what was done. @throws 55006 */
  *reorganize(
    target: WorkTarget,
    options: Omit<ReorganizeOptions, 'onProgress'>,
    place: { readonly treesTotal: number; readonly treesDone: number },
  ): Task<ReorganizeReport> {
    this.requireFree(target);
    const begun = {
      ...target,
      ...place,
      command: 'ALTER INDEX REORGANIZE',
      startedMs: this.#clock.monotonicMs(),
      startedWallMicros: this.#clock.wallMicros(),
    };
    const tell = (progress: ReorganizeProgress): void => {
      this.#running.set(target.tree, { ...begun, ...progress });
    };
    tell({ phase: 'compaction', workDone: 0, workTotal: 1, scanned: 0, moved: 0, removed: 0 });
    try {
      return yield* new Reorganizer(this.#file, target.tree, { ...options, onProgress: tell }).run();
    } finally {
      this.#running.delete(target.tree);
    }
  }
}
