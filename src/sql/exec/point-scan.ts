/**
 * Reading one row by its whole primary key: no leaf scan, one descent.
 *
 * Joins that look rows up and point queries live from this; {@link PointReader} is the same without an operator around it,
 * for prepared statements that are nothing else.
 */

import { KIND_I32, KIND_I64 } from '../../base/physical.ts';
import type { Task } from '../../base/task.ts';
import {
  type KeyPart,
  KeyWriter,
  NEED,
  OK,
  type Row,
  RowBuffer,
  type Snapshot,
  type Store,
} from '../../engine/record-port.ts';
import type { TableAccess } from '../../engine/table-access.ts';
import type { SqlValue } from '../types/contracts.ts';
import { appendPart, EXACT } from './key-values.ts';
import { evaluateNow, evaluateRow, Operator, WAITS } from './operator.ts';
import type { ScanPlan } from './scan.ts';
import { Env, type ExecState, newRow } from './state.ts';

/** Builds the key from the values of its parts; false when no row can have them. */
export function writePointKey(
  key: KeyWriter,
  parts: readonly KeyPart[],
  scales: readonly number[],
  values: readonly SqlValue[],
): boolean {
  key.length = 0;
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i]!;
    const value = values[i]!;
    if (value === null) return false;
    // The two commonest keys need no detour through bytes.
    if (!part.descending && !part.nullable && typeof value === 'number' && Number.isInteger(value)) {
      if (part.kind === KIND_I32 && value >= -2147483648 && value <= 2147483647) {
        key.int32(value);
        continue;
      }
      if (part.kind === KIND_I64) {
        key.int64(value);
        continue;
      }
    }
    if (appendPart(key, part, scales[i]!, value) !== EXACT) return false;
  }
  return true;
}

export class PointScanOperator extends Operator {
  readonly #plan: ScanPlan;
  readonly #access: TableAccess;
  readonly #env: Env;
  readonly #out: RowBuffer;
  readonly #row: Row = newRow();
  readonly #key = new KeyWriter();
  readonly #values: SqlValue[] = [];
  #pending = false;

  constructor(state: ExecState, plan: ScanPlan) {
    super(state);
    this.#plan = plan;
    this.#access = state.session.access(plan.options.table);
    this.#env = new Env(state);
    this.#out = new RowBuffer(plan.shape.layout, state.memory);
  }

  /** Made once: an operator is opened again and again. */
  readonly #readKey = (): void => {
    const { equals } = this.#plan.range!;
    const values = this.#values;
    for (let i = 0; i < equals.length; i++) values[i] = equals[i]?.(this.#env) ?? null;
  };

  override openNow(): boolean {
    this.loops++;
    if (!evaluateNow(this.#env, this.#readKey)) return false;
    this.#point();
    return true;
  }

  *open(): Task<void> {
    if (!this.#env.isWaiting && this.openNow()) return;
    yield* evaluateRow(this.#env, this.#readKey);
    this.#point();
  }

  #point(): void {
    const { spec } = this.#plan.range!;
    this.#pending = writePointKey(this.#key, spec.parts, spec.scales, this.#values);
  }

  override nextNow(): RowBuffer | undefined | typeof WAITS {
    if (!this.#pending) return undefined;
    const { session, snapshot } = this.state;
    const { tree } = this.#plan.options.table;
    const status = session.store.find(tree, this.#key.bytes, this.#key.length, snapshot, this.#row);
    if (status === NEED) return WAITS;
    const out = status === OK ? this.#take() : undefined;
    // A row whose filter has to wait is looked up again afterwards, with the answer in the log.
    if (out !== WAITS) this.#pending = false;
    return out;
  }

  *next(): Task<RowBuffer | undefined> {
    for (;;) {
      if (this.#env.isWaiting) yield* this.#env.finishWait();
      const out = this.nextNow();
      if (out !== WAITS) return out;
      if (!this.#env.isWaiting) yield this.state.session.need();
    }
  }

  #take(): RowBuffer | undefined | typeof WAITS {
    const plan = this.#plan;
    const env = this.#env;
    pointAtStored(env, this.#access, this.#row);
    const out = this.#out;
    try {
      if (plan.filter !== undefined && plan.filter(env) !== true) {
        env.rowDone();
        return undefined;
      }
    } catch (thrown) {
      if (!env.isWaiting) throw thrown;
      return WAITS;
    }
    env.rowDone();
    out.clear();
    out.start();
    plan.copy(env.v0, env.b0, env.r0, out);
    if (plan.tableOidPosition >= 0)
      out.view.setUint32(out.at + plan.shape.layout.fixedAt[plan.tableOidPosition]!, plan.options.table.oid, true);
    if (plan.keyPosition >= 0)
      out.putBytes(plan.shape.layout.variableIndex[plan.keyPosition]!, this.#key.bytes, 0, this.#key.length);
    out.finish();
    this.producedRows++;
    return out;
  }

  close(): void {
    this.#out.release();
  }
}

/** Points an environment at a stored record, translated when it has an older layout. */
function pointAtStored(env: Env, access: TableAccess, row: Row): void {
  if (row.view.getUint16(row.start, true) === access.layout.number) {
    env.v0 = row.view;
    env.b0 = row.bytes;
    env.r0 = row.start;
    return;
  }
  access.translate(row.view, row.bytes, row.start);
  env.v0 = access.storedView;
  env.b0 = access.stored;
  env.r0 = 0;
}

/**
 * A statement that is one look-up by primary key with columns for results, taken to its bones: for synchronous callers, who
 * use the record before anything else can run.
 */
export class PointReader {
  readonly plan: ScanPlan;
  /** Per result column its position in `plan.options.tableShape`. */
  readonly positions: readonly number[];
  readonly #store: Store;
  readonly #access: TableAccess;
  readonly #parameters: readonly number[];
  readonly #key = new KeyWriter();
  readonly #row: Row = newRow();
  readonly #values: SqlValue[] = [];

  /** @param parameters - which statement parameter each key part equals. */
  constructor(
    plan: ScanPlan,
    positions: readonly number[],
    parameters: readonly number[],
    store: Store,
    access: TableAccess,
  ) {
    this.plan = plan;
    this.positions = positions;
    this.#parameters = parameters;
    this.#store = store;
    this.#access = access;
  }

  /** Finds the row; true when `env` points to its record (table layout), which is valid until anything else runs. */
  find(parameters: readonly SqlValue[], snapshot: Snapshot, env: Env): boolean {
    for (;;) {
      const found = this.attempt(parameters, snapshot, env);
      if (found !== undefined) return found;
      this.#store.need.answerNow();
    }
  }

  /** As {@link find}; undefined when something must be waited for first: the store's `need`. */
  attempt(parameters: readonly SqlValue[], snapshot: Snapshot, env: Env): boolean | undefined {
    const { spec } = this.plan.range!;
    const values = this.#values;
    for (let i = 0; i < this.#parameters.length; i++) values[i] = parameters[this.#parameters[i]!]!;
    if (!writePointKey(this.#key, spec.parts, spec.scales, values)) return false;
    const { tree } = this.plan.options.table;
    const status = this.#store.find(tree, this.#key.bytes, this.#key.length, snapshot, this.#row);
    if (status === NEED) return undefined;
    if (status !== OK) return false;
    pointAtStored(env, this.#access, this.#row);
    return true;
  }
}
