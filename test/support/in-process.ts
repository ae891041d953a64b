/** A database in memory and sessions on it, for tests of everything above the engine. */
import { SystemClock } from '../../src/base/clock.ts';
import { Prng } from '../../src/base/prng.ts';
import { runTask } from '../../src/base/task.ts';
import { Instance, type InstanceOptions } from '../../src/engine/instance.ts';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import type { Shape } from '../../src/sql/exec/shape.ts';
import type { Env } from '../../src/sql/exec/state.ts';
import { columnReader, typeEntry } from '../../src/sql/exec/values.ts';
import type { Notice, ResultColumn, ResultSink } from '../../src/sql/session/results.ts';
import { SqlSession } from '../../src/sql/session/sql-session.ts';

/** One statement's outcome. */
export interface Outcome {
  readonly columns: readonly ResultColumn[];
  readonly rows: (string | null)[][];
  tag: string;
}

/** Collects results as text. */
export class TextSink implements ResultSink {
  readonly outcomes: Outcome[] = [];
  readonly copied: string[] = [];
  copyData: Uint8Array[] = [];
  #current: Outcome = { columns: [], rows: [], tag: '' };
  readonly #session: () => SqlSession;

  constructor(session: () => SqlSession) {
    this.#session = session;
  }

  columns(columns: readonly ResultColumn[]): void {
    this.#current = { columns, rows: [], tag: '' };
  }

  taker(shape: Shape): (env: Env) => void {
    const readers = shape.columns.map((_, i) => columnReader(shape, i, 0));
    const entries = shape.columns.map((c) => typeEntry(c.type));
    return (env) => {
      const values = readers.map((read) => read(env));
      this.#current.rows.push(
        values.map((v, i) => (v === null ? null : entries[i]!.format(v, this.#session().context))),
      );
    };
  }

  room(): undefined {
    return undefined;
  }

  complete(tag: string): void {
    this.#current.tag = tag;
    this.outcomes.push(this.#current);
    this.#current = { columns: [], rows: [], tag: '' };
  }

  empty(): void {}

  copyIn(): { next(): Uint8Array | undefined } {
    return { next: () => this.copyData.shift() };
  }

  copyOut(): void {}

  copyLine(bytes: Uint8Array, length: number): void {
    this.copied.push(Buffer.from(bytes.subarray(0, length)).toString());
  }

  copyDone(): void {}
}

export class TestSession {
  readonly sql: SqlSession;
  readonly notices: Notice[] = [];

  constructor(instance: Instance) {
    this.sql = new SqlSession(instance, instance.single.openSession(), {
      user: 'postgres',
      notice: (n) => this.notices.push(n),
    });
  }

  /** Runs a text; after an error the session is as a client's would be. */
  async run(text: string, copyData: string[] = []): Promise<Outcome[]> {
    const sink = new TextSink(() => this.sql);
    sink.copyData = copyData.map((d) => Buffer.from(d));
    try {
      await runTask(this.sql.simple(text, sink));
    } catch (error) {
      await runTask(this.sql.failed());
      throw error;
    }
    return sink.outcomes;
  }

  /** Rows of the last statement of a text. */
  async rows(text: string): Promise<(string | null)[][]> {
    const outcomes = await this.run(text);
    return outcomes[outcomes.length - 1]?.rows ?? [];
  }

  /** COPY … TO STDOUT's lines. */
  async copyOut(text: string): Promise<string[]> {
    const sink = new TextSink(() => this.sql);
    await runTask(this.sql.simple(text, sink));
    return sink.copied;
  }

  /** SQLSTATE and message of the error that a text raises. */
  async failure(
    text: string,
  ): Promise<{ sqlstate: string; message: string; position: number | undefined; detail: string | undefined }> {
    try {
      await this.run(text);
    } catch (error) {
      const e = error as { sqlstate?: string; message: string; position?: number; detail?: string };
      if (e.sqlstate === undefined) throw error;
      return { sqlstate: e.sqlstate, message: e.message, position: e.position, detail: e.detail };
    }
    throw new Error(`no error from: ${text}`);
  }
}

export async function memoryInstance(options: Partial<InstanceOptions> = {}): Promise<Instance> {
  return Instance.openFile('/test.extent', {
    vfs: new MemoryVfs(),
    clock: new SystemClock(),
    prng: new Prng(1),
    ...options,
  });
}
