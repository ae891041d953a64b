/**
 * SELECT … FOR UPDATE / NO KEY UPDATE / SHARE / KEY SHARE: locks the rows behind each result row before it goes on.
 *
 * A row that changed since the snapshot is looked at again in READ COMMITTED (its newest version must still satisfy the
 * conditions, and is what the query sees) and is an error in REPEATABLE READ. With SKIP LOCKED a row that is locked by
 * another transaction is left out, with NOWAIT it is 55P03.
 */
import { fail } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import type { TableObject } from '../../engine/catalog.ts';
import {
  LOCK_NOWAIT,
  LOCK_SKIP,
  LOCK_WAIT,
  NEED,
  NONE,
  OK,
  ROW_KEY_SHARE,
  ROW_NO_KEY_UPDATE,
  ROW_SHARE,
  ROW_UPDATE,
  type Row,
  RowBuffer,
  type RowLockMode,
  WOULD_BLOCK,
} from '../../engine/record-port.ts';
import type { ColumnId, Expr } from '../plan/logical.ts';
import { columnCopier } from './copy.ts';
import { compileEval, type Scope } from './evaluate.ts';
import { evaluateRow, Operator, type PlanNode, pointAt, startPlan } from './operator.ts';
import { requireHere } from './row-holder.ts';
import { Shape } from './shape.ts';
import { Env, type ExecState, newRow } from './state.ts';
import type { Eval } from './values.ts';

/** A table that holds rows of a target, and the scan's columns there, as the input may carry them. */
export interface LockLeaf {
  readonly table: TableObject;
  readonly columns: readonly { readonly id: ColumnId; readonly number: number }[];
}

export interface LockTarget {
  /** The table as the statement names it. */
  readonly table: TableObject;
  /** Itself, or those of its partitions that hold rows. */
  readonly leaves: readonly LockLeaf[];
  readonly key: ColumnId;
  /** The column that says which of the leaves; undefined = there is but one. */
  readonly partition: ColumnId | undefined;
  readonly strength: 'key share' | 'share' | 'no key update' | 'update';
  readonly wait: 'wait' | 'nowait' | 'skip';
  readonly recheck: Expr | undefined;
}

const MODE: Record<LockTarget['strength'], RowLockMode> = {
  'key share': ROW_KEY_SHARE,
  share: ROW_SHARE,
  'no key update': ROW_NO_KEY_UPDATE,
  update: ROW_UPDATE,
};

export class LockRowsPlan implements PlanNode {
  readonly shape: Shape;
  readonly rows: number;
  readonly title = 'LockRows';
  readonly details: readonly string[] = [];
  readonly children: readonly PlanNode[];
  readonly targets: readonly LockTarget[];
  readonly rechecks: readonly (Eval | undefined)[];

  constructor(input: PlanNode, targets: readonly LockTarget[], scope: Scope) {
    this.shape = input.shape;
    this.rows = input.rows;
    this.children = [input];
    this.targets = targets;
    this.rechecks = targets.map((t) =>
      t.recheck === undefined ? undefined : compileEval(t.recheck, { ...scope, shape0: input.shape }),
    );
  }

  start(state: ExecState): Operator {
    return new LockRowsOperator(state, this);
  }
}

class LockRowsOperator extends Operator {
  readonly #plan: LockRowsPlan;
  readonly #input: Operator;
  readonly #env: Env;
  readonly #out: RowBuffer;
  readonly #merged: RowBuffer;
  readonly #row: Row = newRow();
  #rows: RowBuffer | undefined;
  #next = 0;

  constructor(state: ExecState, plan: LockRowsPlan) {
    super(state);
    this.#plan = plan;
    this.#input = startPlan(plan.children[0]!, state);
    this.#env = new Env(state);
    this.#out = new RowBuffer(plan.shape.layout, state.memory);
    this.#merged = new RowBuffer(plan.shape.layout, state.memory);
  }

  *open(): Task<void> {
    this.#rows = undefined;
    yield* this.#input.open();
  }

  /** One row at a time: what LIMIT does not ask for is not locked. */
  *next(): Task<RowBuffer | undefined> {
    const out = this.#out;
    out.clear();
    while (out.count === 0) {
      if (this.#rows === undefined || this.#next >= this.#rows.count) {
        this.#rows = yield* this.#input.next();
        this.#next = 0;
        if (this.#rows === undefined) return undefined;
      }
      pointAt(this.#env, this.#rows, this.#next++);
      if (yield* this.#lockAll()) out.appendRow(this.#env.b0, this.#env.v0, this.#env.r0);
    }
    this.producedRows += out.count;
    return out;
  }

  /** Locks what lies behind the environment's row; false when the row is to be left out. */
  *#lockAll(): Task<boolean> {
    const env = this.#env;
    const { targets, shape, rechecks } = this.#plan;
    const { session, snapshot } = this.state;
    for (let t = 0; t < targets.length; t++) {
      const target = targets[t]!;
      const position = shape.require(target.key);
      // The nullable side of an outer join may have no row.
      if (shape.layout.isNull(position, env.b0, env.r0)) continue;
      const variable = shape.layout.variableIndex[position]!;
      const key = env.b0.slice(
        env.r0 + shape.layout.variableStart(variable, env.v0, env.r0),
        env.r0 + shape.layout.variableEnd(variable, env.v0, env.r0),
      );
      const leaf = this.#leafOf(target);
      const status = yield* this.#lock(target, leaf, key);
      if (status === WOULD_BLOCK) {
        if (target.wait === 'skip') return false;
        throw fail('lock_not_available', `could not obtain lock on row in relation "${target.table.name}"`);
      }
      const seq = this.#row.commitSeq;
      const newer = status === NONE || (seq !== Number.POSITIVE_INFINITY && seq > snapshot.commitSeq);
      if (!newer) continue;
      if (session.isolation === 'repeatable read')
        throw fail(
          'serialization_failure',
          `could not serialize access due to concurrent ${status === NONE ? 'delete' : 'update'}`,
        );
      if (status === NONE) return false;
      this.#merge(leaf);
      const recheck = rechecks[t];
      if (recheck !== undefined && (yield* evaluateRow(env, () => recheck(env))) !== true) return false;
    }
    return true;
  }

  /** Where the target's row of the environment's row lies. */
  #leafOf({ leaves, partition }: LockTarget): LockLeaf {
    if (partition === undefined) return leaves[0]!;
    const { shape } = this.#plan;
    return leaves[this.#env.v0.getInt32(this.#env.r0 + shape.layout.fixedAt[shape.require(partition)]!, true)]!;
  }

  *#lock(target: LockTarget, { table }: LockLeaf, key: Uint8Array): Task<number> {
    const { session } = this.state;
    const policy = target.wait === 'wait' ? LOCK_WAIT : target.wait === 'nowait' ? LOCK_NOWAIT : LOCK_SKIP;
    let at = key;
    for (;;) {
      const status = session.store.lockRow(
        session.transaction,
        table.tree,
        at,
        at.length,
        MODE[target.strength],
        policy,
        true,
        this.#row,
      );
      if (status === NEED) yield session.need();
      else if (status === NONE && this.#row.movedTo !== undefined) {
        requireHere(at, at.length, this.#row.movedTo);
        at = this.#row.movedTo;
      } else return status === OK ? OK : status;
    }
  }

  /** Puts the newest version's values into the row that the environment points to (a copy of it). */
  #merge({ table, columns }: LockLeaf): void {
    const env = this.#env;
    const { shape } = this.#plan;
    const access = this.state.session.access(table);
    let [v, b, r] = [this.#row.view, this.#row.bytes, this.#row.start];
    if (v.getUint16(r, true) !== access.layout.number) {
      access.translate(v, b, r);
      [v, b, r] = [access.storedView, access.stored, 0];
    }
    const stored = new Shape(
      access.columns.map((c) => ({ id: -c.number, type: c.type, typmod: c.typmod, physical: c.physical })),
      access.layout,
    );
    const out = this.#merged;
    out.clear();
    out.start();
    shape.columns.forEach((column, to) => {
      const own = columns.find((c) => c.id === column.id && c.number > 0);
      if (own === undefined) columnCopier(shape, to, shape, to)(env.v0, env.b0, env.r0, out);
      else columnCopier(stored, access.position(own.number), shape, to)(v, b, r, out);
    });
    out.finish();
    this.#out.clear();
    pointAt(env, out, 0);
  }

  close(): void {
    this.#input.close();
    this.#out.release();
    this.#merged.release();
  }
}
