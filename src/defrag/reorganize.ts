/**
 * REORGANIZE of one tree, online and in place: the engine of small steps under `ALTER INDEX … REORGANIZE`, the online
 * defragmentation task and maintenance.
 *
 *   lob       the long values' sparse extents are emptied (`drain-extents.ts`), when asked for
 *   compact   a window of eight leaves slides over the tree; whole pages are freed, none is added (`compact-window.ts`)
 *   order     leaves come to stand ascending in the lowest pages that the tree owns (`order-leaves.ts`)
 *
 * Every step is a mini-transaction; between steps nothing is held, and each looks anew whether the tree is still there. The
 * budget is asked before each step; what was done stays done, whatever ends it.
 */
import type { Task } from '../base/task.ts';
import type { DatabaseFile } from '../space/open-database-file.ts';
import { NEED } from '../storage/contracts.ts';
import { TREE_LIVE } from '../storage/layout.ts';
import { sliceRequest } from '../storage/transactions.ts';
import type { Tree } from '../storage/tree.ts';
import { slideWindow, WindowCompactor } from './compact-window.ts';
import { drainSparseExtents } from './drain-extents.ts';
import { END, LeafOrderer } from './order-leaves.ts';

export type ReorganizePhase = 'lob compaction' | 'compaction' | 'ordering' | 'done';

/** Why it ended: all done; time or pages of the budget used up; the caller's wish; the tree was dropped meanwhile. */
export type ReorganizeStop = 'done' | 'time' | 'pages' | 'stopped' | 'gone';

/** Where a run stands. Work is counted in leaves: once for compaction, once for ordering. */
export interface ReorganizeProgress {
  readonly phase: ReorganizePhase;
  readonly workDone: number;
  readonly workTotal: number;
  readonly scanned: number;
  readonly moved: number;
  readonly removed: number;
}

export interface ReorganizeOptions {
  readonly lobCompaction: boolean;
  /** Milliseconds after which no further step begins; undefined = no limit. */
  readonly durationMs?: number | undefined;
  /** Pages that may be rewritten. */
  readonly pagesMax?: number | undefined;
  /** Asked before each step: true ends it. */
  readonly isOver?: (() => boolean) | undefined;
  readonly onProgress?: ((progress: ReorganizeProgress) => void) | undefined;
}

/** `scanned`, `moved` and `removed` are those of DBCC INDEXDEFRAG: leaves visited, leaves placed, leaves freed. */
export interface ReorganizeReport {
  readonly reason: ReorganizeStop;
  readonly scanned: number;
  readonly moved: number;
  readonly removed: number;
  readonly swaps: number;
  /** Pages whose content was written anew, in all phases. */
  readonly rewritten: number;
  readonly lobExtentsSparse: number;
  readonly lobExtentsDrained: number;
  readonly lobPagesMoved: number;
}

/** One run over one tree. */
export class Reorganizer {
  readonly #file: DatabaseFile;
  readonly #tree: Tree;
  readonly #options: ReorganizeOptions;
  readonly #compactor: WindowCompactor;
  readonly #orderer: LeafOrderer;
  readonly #began: number;
  #phase: ReorganizePhase = 'compaction';
  #scanned = 0;
  #done = 0;
  #total = 1;
  #lob = { drained: 0, sparse: 0, moved: 0 };

  constructor(file: DatabaseFile, treeId: number, options: ReorganizeOptions) {
    this.#file = file;
    this.#tree = file.store.parts.core.tree(treeId);
    this.#options = options;
    this.#compactor = new WindowCompactor(file.store.parts);
    this.#orderer = new LeafOrderer(file.store.parts, file.space.opened);
    this.#began = file.store.parts.core.clock.monotonicMs();
  }

  run(): Task<ReorganizeReport> {
    return this.#file.steps.watch(this.#run());
  }

  *#run(): Task<ReorganizeReport> {
    const leaves = Math.max(1, this.#tree.leaves);
    this.#total = 2 * leaves;
    let stop = this.#stop();
    if (this.#options.lobCompaction && stop === undefined) yield* this.#compactLongValues();
    this.#enter('compaction');
    stop = yield* this.#compact();
    if (stop === undefined) {
      this.#done = leaves;
      this.#enter('ordering');
      stop = yield* this.#order();
    }
    if (stop === undefined) {
      this.#done = this.#total;
      this.#enter('done');
    }
    return this.#report(stop ?? 'done');
  }

  *#compactLongValues(): Task<void> {
    const { core } = this.#file.store.parts;
    if (this.#tree.longTree === 0) return;
    const long = core.trees.get(this.#tree.longTree);
    if (long === undefined || long.state !== TREE_LIVE) return;
    this.#enter('lob compaction');
    this.#lob = yield* drainSparseExtents(this.#file.space.opened, long, (moved) => this.#stop(moved) !== undefined);
  }

  *#compact(): Task<ReorganizeStop | undefined> {
    let stop: ReorganizeStop | undefined;
    yield* slideWindow(this.#file.store.parts, this.#compactor, this.#tree, this.#tree.fillPercent, {
      from: new Uint8Array(0),
      isOver: () => {
        stop = this.#stop();
        return stop !== undefined;
      },
      stepped: (_key, visited) => {
        if (visited) this.#scanned++;
        this.#advance();
      },
    });
    return stop;
  }

  *#order(): Task<ReorganizeStop | undefined> {
    const { core } = this.#file.store.parts;
    const leaves = yield* this.#orderer.plan(this.#tree);
    this.#total = this.#done + Math.max(1, leaves);
    for (;;) {
      const stop = this.#stop();
      if (stop !== undefined) return stop;
      const status = this.#orderer.step(this.#tree);
      if (status === END) return undefined;
      if (status === NEED) yield core.need;
      else {
        this.#advance();
        yield sliceRequest(core);
      }
    }
  }

  /** Is there a reason to end before the next step? @param moved - pages rewritten by a phase that has not reported yet. */
  #stop(moved = 0): ReorganizeStop | undefined {
    const { core } = this.#file.store.parts;
    if (core.trees.get(this.#tree.id) !== this.#tree || this.#tree.state !== TREE_LIVE) return 'gone';
    const { durationMs, pagesMax, isOver } = this.#options;
    if (isOver?.() === true) return 'stopped';
    if (durationMs !== undefined && core.clock.monotonicMs() - this.#began >= durationMs) return 'time';
    if (pagesMax !== undefined && this.#rewritten + moved >= pagesMax) return 'pages';
    return undefined;
  }

  get #rewritten(): number {
    return this.#compactor.rewritten + this.#orderer.rewritten + this.#lob.moved;
  }

  #enter(phase: ReorganizePhase): void {
    this.#phase = phase;
    this.#tell();
  }

  #advance(): void {
    this.#done = Math.min(this.#done + 1, this.#total);
    this.#tell();
  }

  #tell(): void {
    this.#options.onProgress?.({
      phase: this.#phase,
      workDone: this.#done,
      workTotal: this.#total,
      scanned: this.#scanned,
      moved: this.#orderer.moved,
      removed: this.#compactor.freed,
    });
  }

  #report(reason: ReorganizeStop): ReorganizeReport {
    return {
      reason,
      scanned: this.#scanned,
      moved: this.#orderer.moved,
      removed: this.#compactor.freed,
      swaps: this.#orderer.swaps,
      rewritten: this.#rewritten,
      lobExtentsSparse: this.#lob.sparse,
      lobExtentsDrained: this.#lob.drained,
      lobPagesMoved: this.#lob.moved,
    };
  }
}
