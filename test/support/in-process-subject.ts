/** ExtentDB in memory, as the subject of a transcript. */
import { REQUEST_ROW_LOCK, REQUEST_TABLE_LOCK, type Task } from '../../src/base/task.ts';
import type { Instance } from '../../src/engine/instance.ts';
import { memoryInstance, TestSession, TextSink } from './in-process.ts';
import { type Lines, type Report, reportLines, resultLines, type Subject } from './transcript.ts';

class Client {
  readonly session: TestSession;
  busy = false;
  waitsForLock = false;

  constructor(instance: Instance) {
    this.session = new TestSession(instance);
  }

  async run(sql: string): Promise<Lines> {
    const { session } = this;
    const sink = new TextSink(() => session.sql);
    let error: unknown;
    this.busy = true;
    session.notices.length = 0;
    try {
      await this.#drive(session.sql.simple(sql, sink));
    } catch (thrown) {
      error = thrown;
      await this.#drive(session.sql.failed());
    }
    this.busy = false;
    const lines = session.notices.flatMap(reportLines);
    if (error === undefined) for (const o of sink.outcomes) lines.push(...resultLines(o.columns, o.rows, o.tag));
    else lines.push(...reportLines({ ...(error as Report), message: (error as Error).message, severity: 'ERROR' }));
    return lines;
  }

  /** Runs a task and notes whether it waits for others. */
  #drive(task: Task<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const advance = (error?: unknown): void => {
        this.waitsForLock = false;
        try {
          const step = error === undefined ? task.next() : task.throw(error);
          if (step.done === true) {
            resolve();
            return;
          }
          this.waitsForLock = step.value.kind === REQUEST_ROW_LOCK || step.value.kind === REQUEST_TABLE_LOCK;
          step.value.start(advance);
        } catch (thrown) {
          reject(thrown);
        }
      };
      advance();
    });
  }
}

/** Turns of the event loop within which whoever may go on does so. */
const QUIET_TURNS = 5;

export class InProcessSubject implements Subject {
  readonly #instance: Instance;
  readonly #clients = new Map<string, Client>();

  private constructor(instance: Instance) {
    this.#instance = instance;
  }

  static async create(): Promise<InProcessSubject> {
    return new InProcessSubject(await memoryInstance());
  }

  start(session: string, sql: string): Promise<Lines> {
    let client = this.#clients.get(session);
    if (client === undefined) {
      client = new Client(this.#instance);
      this.#clients.set(session, client);
    }
    return client.run(sql);
  }

  async settled(ending: Promise<Lines> | undefined): Promise<void> {
    await ending;
    for (let quiet = 0; quiet < QUIET_TURNS; ) {
      await new Promise(setImmediate);
      quiet = [...this.#clients.values()].every((c) => !c.busy || c.waitsForLock) ? quiet + 1 : 0;
    }
  }

  async close(): Promise<void> {}
}
