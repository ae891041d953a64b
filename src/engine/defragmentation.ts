/**
 * The online defragmentation task of a database, with the semantics of JetDefragment2.
 *
 *   idle ──start──> pass ⇄ pause between passes ──stop, limit, close──> idle
 *                   pass ⇄ wait for the end of a backup
 *
 * At most one per database; a second start and a stop while idle are warnings, not errors. It works in the background and gives way
 * after every step. What a pass has reached is kept in the catalog tree, outside transactions: at each stop, and every so many
 * pages; a later start, also after a restart or a crash, goes on there. Such a resumed pass does not count toward the limit: only
 * complete passes from the beginning do. While a backup runs it makes no progress, as ESE's does not: pages that move are copied twice.
 */
import type { Clock } from '../base/clock.ts';
import { fail } from '../base/errors.ts';
import { REQUEST_TIMER, type Request, type Task } from '../base/task.ts';
import {
  DefragmentPass,
  type DefragmentTarget,
  PASS_BEGIN,
  type PassCounts,
  type PassPosition,
} from '../defrag/defragment-pass.ts';
import { PassProgress } from '../defrag/pass-progress.ts';
import { Reorganizer } from '../defrag/reorganize.ts';
import type { DatabaseFile } from '../space/open-database-file.ts';
import { CATALOG_TREE, OK, type TreeId } from '../storage/contracts.ts';
import { attempt, emptyRow } from './attempt.ts';
import type { Backups } from './backups.ts';
import type { CommandOutcome } from './history.ts';
import { Running, type Scheduler } from './scheduler.ts';

/** What the task may do (JET_paramEnableOnlineDefrag): nothing, the space trees only, or everything. */
export type DefragmentMode = 'off' | 'space trees' | 'all';

export function isDefragmentMode(value: string | undefined): value is DefragmentMode {
  return value === 'off' || value === 'space trees' || value === 'all';
}

export interface DefragmentLimits {
  /** Complete passes; undefined or 0 = no limit. */
  readonly passes?: number | undefined;
  /** Seconds; undefined, 0 or negative = no limit. */
  readonly seconds?: number | undefined;
  /** The whole database, its space trees only, or one tree, which is also put in order (JET_bitDefragmentBTree). */
  readonly target?: DefragmentTarget | { readonly tree: TreeId } | undefined;
  /** Called regularly while it works, and once at the end with `done` true. What it throws ends nothing. */
  readonly onProgress?: ((progress: DefragmentProgress) => void) | undefined;
}

export interface DefragmentProgress extends PassCounts {
  /** Complete passes so far, and whole seconds since the start. */
  readonly passes: number;
  readonly seconds: number;
  /** How far the pass, or the run over one tree, is. */
  readonly percent: number;
  readonly done: boolean;
}

export type DefragmentRecorder = (work: Task<void>, outcome: () => CommandOutcome) => Task<void>;

/** For the next pass, or for the end of a backup. */
export type DefragmentWait = 'pass' | 'backup';

export type DefragmentStart = 'started' | 'already running' | 'disabled';

/** What a stop tells: passes and seconds of the task that ran; zeros when none did. */
export interface DefragmentStop {
  readonly wasRunning: boolean;
  readonly passes: number;
  readonly seconds: number;
}

/** Key of the position in the catalog tree: object 0, part 1. */
const POSITION_KEY = Uint8Array.of(0, 0, 0, 0, 0, 1);
const SAVE_EVERY_PAGES = 500;
const TELL_EVERY_PAGES = 64;
const PAUSE_MS = 60_000;

export class Defragmentation {
  readonly #file: DatabaseFile;
  readonly #clock: Clock;
  readonly #scheduler: Scheduler;
  readonly #backups: Backups;
  readonly #record: DefragmentRecorder;
  #mode: DefragmentMode = 'all';
  #closing = false;
  #target = '';
  #stopping = false;
  /** Ends a wait: what it is for, and how. */
  #wait: { readonly what: DefragmentWait; readonly end: () => void } | undefined;
  #ended: Promise<void> | undefined;
  #startedMs = 0;
  #startedMicros = 0;
  #passes = 0;
  #counts: PassCounts = { visited: 0, freed: 0 };
  /** Of the pass, or of the run over one tree. */
  #percent = 0;
  #passStartedMs = 0;
  /** What ended the last task, if it was an error. */
  failure: unknown;

  /** @param record - carries a run out and writes it down. */
  constructor(file: DatabaseFile, clock: Clock, scheduler: Scheduler, backups: Backups, record: DefragmentRecorder) {
    this.#file = file;
    this.#clock = clock;
    this.#scheduler = scheduler;
    this.#backups = backups;
    this.#record = record;
    backups.onIdle = () => {
      if (this.#wait?.what === 'backup') this.#wait.end();
    };
  }

  get mode(): DefragmentMode {
    return this.#mode;
  }

  /** A task that may not do any more what it does ends at its next step. */
  set mode(mode: DefragmentMode) {
    const isNarrower = mode === 'off' || (mode === 'space trees' && this.#mode === 'all');
    this.#mode = mode;
    if (!isNarrower || this.#ended === undefined || this.#target === mode) return;
    this.#stopping = true;
    this.#wait?.end();
  }

  /** What the task that runs works on: `database`, `space trees`, `tree <id>`. */
  get target(): string {
    return this.#target;
  }

  /** What it waits for; undefined while it works. */
  get waitsFor(): DefragmentWait | undefined {
    return this.#wait?.what;
  }

  get startedMicros(): number {
    return this.#startedMicros;
  }

  get isRunning(): boolean {
    return this.#ended !== undefined;
  }

  get progress(): DefragmentProgress {
    return {
      ...this.#counts,
      passes: this.#passes,
      seconds: this.#seconds,
      percent: this.#percent,
      done: !this.isRunning,
    };
  }

  /** Milliseconds that the rest of the pass takes at the pace so far; 0 while nothing is done. */
  get remainingMs(): number {
    if (!this.isRunning || this.#percent === 0) return 0;
    const elapsed = this.#clock.monotonicMs() - this.#passStartedMs;
    return Math.round((elapsed * (100 - this.#percent)) / this.#percent);
  }

  get #seconds(): number {
    return Math.floor((this.#clock.monotonicMs() - this.#startedMs) / 1000);
  }

  /** @throws 25006 read-only, 57P03 while closing, 57P02 after a fatal error of the log */
  start(limits: DefragmentLimits): DefragmentStart {
    if (this.mode === 'off') return 'disabled';
    if (this.#file.store.parts.core.readOnly) throw fail('read_only_sql_transaction', 'the database is open read-only');
    if (this.#closing || this.#file.store.isClosed) throw fail('cannot_connect_now', 'the database is closing');
    // After a fatal error of the log this says so: here, not in the background.
    this.#file.store.parts.core.reserve();
    if (this.#ended !== undefined) return 'already running';
    this.#stopping = false;
    this.#passes = 0;
    this.#counts = { visited: 0, freed: 0 };
    this.#percent = 0;
    this.#passStartedMs = this.#clock.monotonicMs();
    this.#startedMs = this.#passStartedMs;
    this.#startedMicros = this.#clock.wallMicros();
    this.#target = this.#targetOf(limits);
    this.failure = undefined;
    this.#ended = new Promise((resolve) => {
      const end = (error?: unknown): void => {
        this.failure = error;
        this.#ended = undefined;
        this.#tell(limits, true);
        resolve();
      };
      const work = this.#record(this.#work(limits), () => this.#outcome());
      this.#clock.soon(() => this.#scheduler.run(work, new Running(), () => end(), end));
    });
    return 'started';
  }

  /** Ends when no task runs. */
  async whenIdle(): Promise<void> {
    await this.#ended;
  }

  /** Stops the task and waits for it; nothing is written by it afterwards. */
  async stop(): Promise<DefragmentStop> {
    const ended = this.#ended;
    if (ended === undefined) return { wasRunning: false, passes: 0, seconds: 0 };
    this.#stopping = true;
    this.#wait?.end();
    await ended;
    return { wasRunning: true, passes: this.#passes, seconds: this.#seconds };
  }

  #outcome(): CommandOutcome {
    const { visited, freed } = this.#counts;
    return {
      status: this.#stopping ? 'stopped' : 'done',
      reason: this.#stopping ? 'stopped by defragment_stop, by the setting, or by closing the database' : undefined,
      actual: { scanned: visited, removed: freed },
      info: {
        target: this.#target,
        passes: this.#passes,
        seconds: this.#seconds,
      },
    };
  }

  /** Ends the task for good. */
  async close(): Promise<void> {
    this.#closing = true;
    await this.stop();
  }

  #targetOf({ target }: DefragmentLimits): string {
    if (this.#mode === 'space trees') return 'space trees';
    return typeof target === 'object' ? `tree ${target.tree}` : (target ?? 'database');
  }

  *#work(limits: DefragmentLimits): Task<void> {
    if (this.mode === 'space trees') yield* this.#passesOver(limits, 'space trees');
    else if (typeof limits.target === 'object') yield* this.#oneTree(limits, limits.target.tree);
    else yield* this.#passesOver(limits, limits.target ?? 'database');
  }

  *#oneTree(limits: DefragmentLimits, tree: TreeId): Task<void> {
    const run = new Reorganizer(this.#file, tree, {
      lobCompaction: true,
      isOver: () => this.#isOver(limits),
      onProgress: ({ scanned, removed, workDone, workTotal }) => {
        this.#counts = { visited: scanned, freed: removed };
        this.#percent = Math.max(this.#percent, Math.min(100, (100 * workDone) / workTotal));
      },
    }).run();
    const report = yield* this.#besideBackups(limits, run);
    if (report.reason === 'done') this.#passes++;
  }

  *#passesOver(limits: DefragmentLimits, target: DefragmentTarget): Task<void> {
    // The space trees are few: they are walked from the beginning each time.
    let position = target === 'database' ? yield* this.#load() : PASS_BEGIN;
    const passesMax = limits.passes === undefined || limits.passes <= 0 ? Number.POSITIVE_INFINITY : limits.passes;
    for (;;) {
      const whole = position.tree === PASS_BEGIN.tree;
      const pass = this.#pass(limits, target, position);
      const before = this.#counts;
      let saved = 0;
      const task = this.#besideBackups(limits, pass.run());
      let complete = false;
      for (let step = task.next(); ; step = task.next()) {
        if (step.done === true) {
          complete = step.value;
          break;
        }
        yield step.value;
        if (target === 'database' && pass.counts.visited - saved >= SAVE_EVERY_PAGES) {
          saved = pass.counts.visited;
          yield* this.#save(pass.position);
        }
      }
      this.#counts = { visited: before.visited + pass.counts.visited, freed: before.freed + pass.counts.freed };
      if (target === 'database') yield* this.#save(pass.position);
      if (!complete) return;
      this.#percent = 100;
      if (whole) this.#passes++;
      this.#tell(limits, false);
      if (this.#passes >= passesMax || this.#isOver(limits)) return;
      position = PASS_BEGIN;
      // Without a limit of passes it goes on for good: then there is no hurry.
      if (passesMax === Number.POSITIVE_INFINITY) yield this.#waiting('pass', limits, PAUSE_MS);
      if (this.#isOver(limits)) return;
    }
  }

  #pass(limits: DefragmentLimits, target: DefragmentTarget, position: PassPosition): DefragmentPass {
    const before = this.#counts;
    let told = 0;
    this.#percent = 0;
    this.#passStartedMs = this.#clock.monotonicMs();
    const progress = new PassProgress(this.#file.store.parts.core);
    return new DefragmentPass(
      this.#file,
      target,
      position,
      () => this.#isOver(limits),
      (reached, counts) => {
        progress.reach(reached, counts.visited);
        this.#percent = progress.percent;
        this.#counts = { visited: before.visited + counts.visited, freed: before.freed + counts.freed };
        if (counts.visited - told < TELL_EVERY_PAGES) return;
        told = counts.visited;
        this.#tell(limits, false);
      },
    );
  }

  #isOver({ seconds }: DefragmentLimits): boolean {
    if (this.#stopping || this.#file.store.isClosed) return true;
    const limit = seconds === undefined || seconds <= 0 ? Number.POSITIVE_INFINITY : seconds * 1000;
    return this.#clock.monotonicMs() - this.#startedMs >= limit;
  }

  #tell(limits: DefragmentLimits, done: boolean): void {
    try {
      limits.onProgress?.({ ...this.progress, done });
    } catch (error) {
      // The caller's trouble, which must not end the work: it is kept for whoever asks.
      this.failure ??= error;
    }
  }

  /** Runs a task that does nothing while a backup runs. */
  *#besideBackups<T>(limits: DefragmentLimits, task: Task<T>): Task<T> {
    for (let thrown: { readonly error: unknown } | undefined; ; ) {
      while (thrown === undefined && this.#backups.isRunning && !this.#isOver(limits))
        yield this.#waiting('backup', limits, Number.POSITIVE_INFINITY);
      const step = thrown === undefined ? task.next() : task.throw(thrown.error);
      if (step.done === true) return step.value;
      thrown = undefined;
      try {
        yield step.value;
      } catch (error) {
        thrown = { error };
      }
    }
  }

  /** A wait that a stop ends; never longer than the time that is left. */
  #waiting(what: DefragmentWait, { seconds }: DefragmentLimits, ms: number): Request {
    const left =
      seconds === undefined || seconds <= 0
        ? Number.POSITIVE_INFINITY
        : seconds * 1000 - (this.#clock.monotonicMs() - this.#startedMs);
    return {
      kind: REQUEST_TIMER,
      start: (resume) => {
        const end = (): void => {
          this.#wait = undefined;
          timer?.cancel();
          resume();
        };
        const most = Math.max(0, Math.min(ms, left));
        const timer = most === Number.POSITIVE_INFINITY ? undefined : this.#clock.after(most, end);
        this.#wait = { what, end };
        return () => {
          this.#wait = undefined;
          timer?.cancel();
        };
      },
      answerNow: () => {},
    };
  }

  *#load(): Task<PassPosition> {
    const { store } = this.#file;
    const t = store.begin(0);
    const snapshot = t.snapshot();
    const row = emptyRow();
    try {
      const found = yield* attempt(store, () =>
        store.find(CATALOG_TREE, POSITION_KEY, POSITION_KEY.length, snapshot, row),
      );
      if (found !== OK) return PASS_BEGIN;
      return {
        tree: row.view.getUint32(row.start, true),
        key: row.bytes.slice(row.start + 4, row.start + row.length),
      };
    } finally {
      t.release(snapshot);
      yield* t.commit();
    }
  }

  *#save({ tree, key }: PassPosition): Task<void> {
    const { store } = this.#file;
    const record = new Uint8Array(4 + key.length);
    new DataView(record.buffer).setUint32(0, tree, true);
    record.set(key, 4);
    yield* attempt(store, () =>
      store.putNow(CATALOG_TREE, POSITION_KEY, POSITION_KEY.length, record, 0, record.length),
    );
  }
}
