/**
 * Backups of a database that is open: carried out, shown in the registry of maintenance, and told to the online defragmentation
 * task, which makes no progress while one runs.
 */
import { fail } from '../base/errors.ts';
import type { Task } from '../base/task.ts';
import { type BackupPhase, type BackupReport, backUp } from '../space/backup-file.ts';
import type { DatabaseFile } from '../space/open-database-file.ts';
import type { CommandOutcome } from './history.ts';
import type { Maintenance, TrackedWork } from './maintenance.ts';
import { cancelledByUser, Running, type Scheduler } from './scheduler.ts';

export type { BackupReport } from '../space/backup-file.ts';

export const BACKUP_COMMAND = 'BACKUP DATABASE';

/** How far a backup is; bytes are those of pages. */
export interface BackupState {
  readonly phase: BackupPhase;
  readonly bytesDone: number;
  /** 0 until it is known. */
  readonly bytesTotal: number;
  /** From 0 to 100, the log and its replay included; it never falls. */
  readonly percent: number;
}

export interface BackupRequest {
  readonly target: string;
  /** The session's process id; 0 = nobody's. */
  readonly owner: number;
  readonly onProgress?: ((state: BackupState) => void) | undefined;
}

/** Carries a backup out and writes it down. */
export type BackupRecorder = (
  request: BackupRequest,
  work: Task<BackupReport>,
  outcomeOf: (report: BackupReport) => CommandOutcome,
) => Task<BackupReport>;

export class Backups {
  readonly #file: DatabaseFile;
  readonly #maintenance: Maintenance;
  readonly #scheduler: Scheduler;
  readonly #record: BackupRecorder;
  readonly #started = new Map<Running, Promise<unknown>>();
  #running = 0;
  #closing = false;
  /** Called when the last one that ran has ended. */
  onIdle: () => void = () => {};

  constructor(file: DatabaseFile, maintenance: Maintenance, scheduler: Scheduler, record: BackupRecorder) {
    this.#file = file;
    this.#maintenance = maintenance;
    this.#scheduler = scheduler;
    this.#record = record;
  }

  get isRunning(): boolean {
    return this.#running > 0;
  }

  /** @throws 58P02, 22023, 53100, 57P03, XX001: see `backUp` */
  *run(request: BackupRequest): Task<BackupReport> {
    const { target, owner } = request;
    // It is shown until its end is written down too, so that its percentage never falls.
    const work = this.#maintenance.follow({ tree: 0, table: 0, index: 0, name: '', owner }, BACKUP_COMMAND, {
      phase: 'initializing',
      unit: 'bytes',
      workTotal: 0,
      treesTotal: 1,
    });
    try {
      return yield* this.#record(request, this.#copied(request, work), ({ bytes, logBytes, lsn }) => ({
        status: 'done',
        info: { path: target, bytes, log_bytes: logBytes, log_position: lsn },
      }));
    } finally {
      work.end();
    }
  }

  *#copied({ target, owner, onProgress }: BackupRequest, work: TrackedWork): Task<BackupReport> {
    this.#running++;
    try {
      return yield* backUp(this.#file, {
        target,
        owner,
        onProgress: ({ phase, workDone, workTotal, bytesDone, bytesTotal }) => {
          work.enter(phase);
          work.reach(workDone, { workTotal, scanned: bytesTotal, moved: bytesDone });
          onProgress?.({ phase, bytesDone, bytesTotal, percent: (100 * workDone) / workTotal });
        },
      });
    } finally {
      if (--this.#running === 0) this.onIdle();
    }
  }

  /** As {@link run}, for a program: it goes on beside other calls. @param signal - cancels it: 57014. */
  start(request: BackupRequest, signal?: AbortSignal): Promise<BackupReport> {
    if (this.#closing) return Promise.reject(fail('cannot_connect_now', 'the database is closing'));
    if (signal?.aborted === true) return Promise.reject(cancelledByUser());
    const running = new Running();
    const cancel = (): void => running.cancel(cancelledByUser());
    const result = new Promise<BackupReport>((resolve, reject) => {
      this.#scheduler.run(this.run(request), running, resolve, reject);
    });
    signal?.addEventListener('abort', cancel);
    const ended = result
      .catch(() => {})
      .finally(() => {
        signal?.removeEventListener('abort', cancel);
        this.#started.delete(running);
      });
    this.#started.set(running, ended);
    return result;
  }

  /** Ends those that a program has started. */
  async close(): Promise<void> {
    this.#closing = true;
    for (const running of this.#started.keys())
      running.cancel(fail('admin_shutdown', 'terminating backup: the database is being closed'));
    await Promise.all(this.#started.values());
  }
}
