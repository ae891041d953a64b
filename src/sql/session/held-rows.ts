/**
 * The rows of a cursor WITH HOLD after its transaction has ended.
 *
 *   the transaction runs        a portal as any other
 *   it is about to commit       what the portal has not delivered yet is read to its end, values and all, into a row store of its own,
 *                               which goes to a temporary file beyond work_mem
 *   afterwards                  fetched from there; nothing of it depends on a snapshot or a page
 */
import type { Request, Task } from '../../base/task.ts';
import { RowBuffer, RowMemory } from '../../engine/record-port.ts';
import { RowCursor, RowStore } from '../exec/row-store.ts';
import type { Shape } from '../exec/shape.ts';
import type { SpillOwner } from '../exec/spill.ts';
import { Env, ExecState } from '../exec/state.ts';
import { columnReader, columnWriter } from '../exec/values.ts';
import type { PlannedStatement } from './planned.ts';
import type { Fetchable, Portal } from './portal.ts';
import { CountingSink, type ResultSink } from './results.ts';
import type { SqlSession } from './sql-session.ts';

/** Rows read between two chances for others. */
const ROWS_PER_SLICE = 256;

export class HeldRows implements Fetchable, SpillOwner {
  readonly planned: PlannedStatement;
  readonly state: ExecState;
  spilledFiles = 0;
  spilledBytes = 0;
  delivered: number;
  readonly #rows: RowStore;
  readonly #cursor: RowCursor;
  readonly #env: Env;
  #next = 0;

  private constructor(sql: SqlSession, portal: Portal) {
    this.planned = portal.planned;
    this.delivered = portal.delivered;
    // Only to keep rows: what is read here are records that refer to nothing.
    const snapshot = sql.engine.snapshot();
    const workMemoryBytes = sql.settings.number('work_mem') * 1024;
    this.state = new ExecState(sql.engine, sql.context, [], snapshot, workMemoryBytes, sql.services);
    sql.engine.release(snapshot);
    this.#rows = new RowStore(this, portal.planned.plan.shape);
    this.#cursor = new RowCursor(this.#rows);
    this.#env = new Env(this.state);
  }

  /** Reads a portal to its end and closes it. @throws what its statement throws */
  static *of(sql: SqlSession, portal: Portal): Task<HeldRows> {
    const held = new HeldRows(sql, portal);
    const sink = new KeepingSink(held.#rows);
    try {
      while (!(yield* portal.fetch(ROWS_PER_SLICE, sink))) yield* held.#rows.settle();
    } catch (error) {
      held.close();
      throw error;
    } finally {
      sink.release();
    }
    return held;
  }

  get ended(): boolean {
    return this.#next >= this.#rows.count;
  }

  get affected(): number {
    return this.delivered;
  }

  *fetch(maxRows: number, sink: ResultSink): Task<boolean> {
    const env = this.#env;
    const take = sink.taker(this.planned.plan.shape, this.planned.columns);
    const end = Math.min(this.#rows.count, this.#next + maxRows);
    while (this.#next < end) {
      this.#cursor.point(env, this.#next);
      take(env);
      this.#next++;
      this.delivered++;
      const room: Request | undefined = sink.room();
      if (room !== undefined) yield room;
      else if (this.state.spent(1)) yield this.state.session.slice();
    }
    return this.ended;
  }

  close(): void {
    this.#rows.release();
    this.#next = this.#rows.count;
  }
}

/** Writes each row with all its values into a store. */
class KeepingSink extends CountingSink {
  readonly #rows: RowStore;
  #buffer: RowBuffer | undefined;

  constructor(rows: RowStore) {
    super();
    this.#rows = rows;
  }

  override taker(shape?: Shape): (env?: Env) => void {
    if (shape === undefined) return () => {};
    const readers = shape.columns.map((_, i) => columnReader(shape, i, 0));
    const writers = shape.columns.map((_, i) => columnWriter(shape, i));
    this.#buffer ??= new RowBuffer(shape.layout, new RowMemory(Number.POSITIVE_INFINITY));
    const buffer = this.#buffer;
    return (env) => {
      if (env === undefined) return;
      const values = readers.map((read) => read(env));
      buffer.clear();
      buffer.start();
      for (let i = 0; i < writers.length; i++) writers[i]!(buffer, values[i] ?? null);
      buffer.finish();
      const address = buffer.index[0]!;
      const chunk = address >>> 13;
      this.#rows.append(buffer.chunks[chunk]!, buffer.views[chunk]!, (address & 8191) << 3);
    };
  }

  release(): void {
    this.#buffer?.release();
  }
}
