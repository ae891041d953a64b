/**
 * Runs statements as the server does, through the scheduler, and measures how long it goes without giving way: the longest
 * stretch between two turns, by the lesser of elapsed time and processor time, for others use the machine too.
 */

import type { Request, Task } from '../../src/base/task.ts';
import type { Instance } from '../../src/engine/instance.ts';
import { Running } from '../../src/engine/scheduler.ts';
import { SqlSession } from '../../src/sql/session/sql-session.ts';
import { TextSink } from '../support/in-process.ts';

export interface Measured {
  readonly longestMs: number;
  readonly totalMs: number;
  readonly stretches: number;
}

function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

export class StretchMeter {
  readonly #instance: Instance;
  readonly #sql: SqlSession;

  constructor(instance: Instance) {
    this.#instance = instance;
    this.#sql = new SqlSession(instance, instance.single.openSession(), { user: 'postgres', notice: () => {} });
  }

  /** Runs a text to its end. */
  async run(text: string, copyData: readonly string[] = []): Promise<Measured> {
    const began = performance.now();
    const sink = new TextSink(() => this.#sql);
    sink.copyData = copyData.map((data) => Buffer.from(data));
    let [longestMs, stretches] = [0, 0];
    const watched = this.#watched(this.#sql.simple(text, sink), (ms) => {
      stretches++;
      longestMs = Math.max(longestMs, ms);
    });
    try {
      await this.#drive(watched, new Running());
    } catch (error) {
      await this.#drive(this.#sql.failed(), new Running());
      throw error;
    }
    return { longestMs, totalMs: performance.now() - began, stretches };
  }

  /** Runs a text, cancels it after `afterMs`, and says how long it went on; undefined = it had ended before. */
  async cancel(text: string, afterMs: number, copyData: readonly string[] = []): Promise<number | undefined> {
    const sink = new TextSink(() => this.#sql);
    sink.copyData = copyData.map((data) => Buffer.from(data));
    const running = new Running();
    let cancelled = 0;
    const timer = setTimeout(() => {
      cancelled = performance.now();
      running.cancel(new Error('cancelled'));
    }, afterMs);
    try {
      await this.#drive(this.#sql.simple(text, sink), running);
      return undefined;
    } catch {
      const latency = performance.now() - cancelled;
      await this.#drive(this.#sql.failed(), new Running());
      return cancelled === 0 ? undefined : latency;
    } finally {
      clearTimeout(timer);
    }
  }

  #drive<T>(task: Task<T>, running: Running): Promise<T> {
    return new Promise((resolve, reject) => this.#instance.single.scheduler.run(task, running, resolve, reject));
  }

  /** The same task, each of its stretches timed. */
  *#watched<T>(task: Task<T>, note: (ms: number) => void): Task<T> {
    let problem: unknown;
    let failed = false;
    for (;;) {
      const [began, processor] = [performance.now(), processorMs()];
      let step: IteratorResult<Request, T>;
      try {
        step = failed ? task.throw(problem) : task.next();
      } finally {
        note(Math.min(performance.now() - began, processorMs() - processor));
      }
      if (step.done === true) return step.value;
      failed = false;
      try {
        yield step.value;
      } catch (error) {
        failed = true;
        problem = error;
      }
    }
  }
}
