/** A session on a database file in this process, for scripts and the shell. */
import { SystemClock } from '../base/clock.ts';
import { asExtentError, type ExtentError } from '../base/errors.ts';
import type { Task } from '../base/task.ts';
import { Instance, type InstanceOptions } from '../engine/instance.ts';
import { cancelledByUser, Running } from '../engine/scheduler.ts';
import { PrivateSocket } from '../io/private-socket.ts';
import { OwnerDoor } from '../server/owner-door.ts';
import { StatementTimeout } from '../server/statement-timeout.ts';
import type { Notice, ResultSink } from '../sql/session/results.ts';
import { SqlSession } from '../sql/session/sql-session.ts';
import { hostOptions } from './host.ts';

/** Who works on a file directly. */
export const OWNER = 'postgres';

export class LocalSession {
  readonly #instance: Instance;
  readonly sql: SqlSession;
  /** Answers other processes that ask about the file. */
  readonly #door: OwnerDoor;
  readonly #timeout: StatementTimeout;
  #running: Running | undefined;

  private constructor(instance: Instance, notice: (notice: Notice) => void) {
    this.#instance = instance;
    this.#door = new OwnerDoor(instance, new PrivateSocket());
    this.sql = new SqlSession(instance, instance.single.openSession(), { user: OWNER, notice });
    this.#timeout = new StatementTimeout(this.sql, (error) => this.cancel(error));
  }

  /** Opens a database file, or makes it. @throws 55006 when another process has it open. */
  static async open(
    file: string,
    notice: (notice: Notice) => void,
    options: InstanceOptions = hostOptions(new SystemClock()),
  ): Promise<LocalSession> {
    return new LocalSession(await Instance.openFile(file, options), notice);
  }

  /** Runs a text of statements. @returns its error, after which the session is ready for the next. */
  async run(text: string, sink: ResultSink): Promise<ExtentError | undefined> {
    const timer = this.#timeout.start();
    try {
      await this.#drive(this.sql.simple(text, sink));
      return undefined;
    } catch (error) {
      timer?.cancel();
      await this.#drive(this.sql.failed());
      return asExtentError(error);
    } finally {
      timer?.cancel();
    }
  }

  /** Cancels what runs. @returns false when nothing does. */
  cancel(error: unknown = cancelledByUser()): boolean {
    if (this.#running === undefined) return false;
    if (!this.sql.block.committing) this.#running.cancel(error);
    return true;
  }

  #drive(task: Task<void>): Promise<void> {
    const running = new Running();
    this.#running = running;
    this.sql.engine.activity.running = running;
    // A statement may wait for nothing but time, and timers keep no process alive.
    const hold = new SystemClock().holdProcess();
    return new Promise<void>((resolve, reject) =>
      this.sql.engine.database.scheduler.run(task, running, resolve, reject),
    ).finally(() => {
      hold.cancel();
      this.#running = undefined;
    });
  }

  /** Rolls back what is open and closes the file. */
  async close(): Promise<void> {
    await this.#door.close();
    await this.#drive(this.sql.close());
    await this.#instance.close();
  }
}
