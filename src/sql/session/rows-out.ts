/** Rows made by hand, for SHOW, EXPLAIN and their like. */
import type { Task } from '../../base/task.ts';
import { RowBuffer, RowMemory } from '../../engine/record-port.ts';
import { evaluateRow, pointAt } from '../exec/operator.ts';
import { Shape } from '../exec/shape.ts';
import { Env, ExecState } from '../exec/state.ts';
import { columnWriter } from '../exec/values.ts';
import type { Oid, SqlValue } from '../types/contracts.ts';
import type { ResultColumn, ResultSink } from './results.ts';
import type { SqlSession } from './sql-session.ts';

export const TEXT_OID: Oid = 25;

export function textColumn(name: string): ResultColumn {
  return { name, type: TEXT_OID, typmod: -1, table: 0, number: 0 };
}

/** Sends rows of values to a sink. */
export function* sendRows(
  sql: SqlSession,
  sink: ResultSink,
  columns: readonly ResultColumn[],
  rows: readonly (readonly SqlValue[])[],
): Task<void> {
  sink.columns(columns);
  const shape = Shape.of(columns.map((c, i) => ({ id: i + 1, type: c.type, typmod: c.typmod })));
  const writers = shape.columns.map((_, i) => columnWriter(shape, i));
  const take = sink.taker(shape, columns);
  const buffer = new RowBuffer(shape.layout, new RowMemory(Number.POSITIVE_INFINITY));
  const snapshot = sql.engine.snapshot();
  const state = new ExecState(sql.engine, sql.context, [], snapshot, 1 << 20, {
    runInternal: () => idle(),
    defer: () => false,
  });
  const env = new Env(state);
  try {
    for (const row of rows) {
      buffer.clear();
      buffer.start();
      for (let i = 0; i < writers.length; i++) writers[i]!(buffer, row[i] ?? null);
      buffer.finish();
      pointAt(env, buffer, 0);
      yield* evaluateRow(env, () => take(env));
      const room = sink.room();
      if (room !== undefined) yield room;
    }
  } finally {
    buffer.release();
    sql.engine.release(snapshot);
  }
}

// biome-ignore lint/correctness/useYield: there is nothing to wait for
function* idle(): Task<number> {
  return 0;
}
