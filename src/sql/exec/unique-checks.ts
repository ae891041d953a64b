/**
 * Deferrable unique constraints: new entries go in unasked, and those that met others are looked at when their time has come, the end of
 * the statement or the commit.
 *
 *   entry in, key noted when somebody has it ──(statement ends | SET CONSTRAINTS | commit)──> is one live entry left, and nobody at work?
 *
 * Who is at work on such an entry is waited for. Another key may have been given up meanwhile: then there is nothing to complain of.
 */
import type { Task } from '../../base/task.ts';
import { attempt, emptyKeyedRow } from '../../engine/attempt.ts';
import type { IndexObject, Oid } from '../../engine/catalog.ts';
import type { NotedKeys } from '../../engine/key-doubts.ts';
import { EXISTS, OK, type Row, RowBuffer } from '../../engine/record-port.ts';
import type { TableWriter } from '../../engine/table-writer.ts';
import type { SqlValue } from '../types/contracts.ts';
import { evaluateRow, pointAt } from './operator.ts';
import { Shape } from './shape.ts';
import { Env, type ExecState } from './state.ts';
import { columnReader } from './values.ts';
import { uniqueViolation } from './violations.ts';

/** Looks at what a writer's changes have left in doubt, now or at the commit. @throws 23505 */
export function* settleDoubts(state: ExecState, writer: TableWriter): Task<void> {
  for (const [index, keys] of writer.takeDoubts()) {
    const { oid } = index;
    const check = (later: ExecState): Task<void> => checkKeys(later, oid, keys);
    if (!state.services.defer(index.constraint, keys.bytes, check)) yield* check(state);
  }
}

function* checkKeys(state: ExecState, oid: Oid, keys: NotedKeys): Task<void> {
  const { session } = state;
  const { store, transaction } = session;
  const row = emptyKeyedRow(store);
  for (const key of keys) {
    // The constraint may be gone by now, or its table emptied.
    const index = session.catalog.object(oid);
    if (index?.kind !== 'index' || index.disabled === true) return;
    const { tree } = index;
    const status = yield* attempt(store, () => store.checkUnique(transaction, tree, key, key.length, row, 1));
    if (status === EXISTS) throw yield* violation(state, index, row, key.length);
    if (state.spent(1)) yield session.slice();
  }
}

/** 23505 with the key's values, read from the row of an entry. */
function* violation(state: ExecState, index: IndexObject, entry: Row, prefixLength: number): Task<Error> {
  const { session } = state;
  const { store, catalog } = session;
  const table = catalog.table(index.table);
  const access = session.access(table);
  const rowKey = entry.key.slice(prefixLength, entry.keyLength);
  const row = emptyKeyedRow(store);
  const rows = new RowBuffer(access.wideLayout, state.memory);
  try {
    const found = yield* attempt(store, () => store.newest(table.tree, rowKey, rowKey.length, row));
    if (found !== OK)
      return uniqueViolation(
        catalog,
        table,
        index,
        index.columns.map(() => null),
        state.context,
      );
    access.toWide(row.view, row.bytes, row.start, rows);
    const shape = new Shape(
      access.columns.map((c, i) => ({ id: i + 1, type: c.type, typmod: c.typmod, physical: c.physical })),
      access.wideLayout,
    );
    const readers = index.columns.map((c) => columnReader(shape, access.position(c.column), 0));
    const env = new Env(state);
    pointAt(env, rows, 0);
    const values: SqlValue[] = yield* evaluateRow(env, () => readers.map((read) => read(env)));
    return uniqueViolation(catalog, table, index, values, state.context);
  } finally {
    rows.release();
  }
}
