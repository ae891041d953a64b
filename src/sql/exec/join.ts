/**
 * Joins.
 *
 * Hash join: the right side is gathered in a row buffer and hashed by its join keys; rows of the left side look their
 * partners up. Nested loop: without an equality every row of the gathered right side is a candidate; with a *lateral* right
 * side (it refers to the left row: also the index look-up of a join) the right side is opened anew for each left row.
 *
 * A right side beyond `work_mem` goes to disk, and the left side too, both spread by their keys' hashes; then part after part is
 * joined in memory.
 *
 *   kind   puts out
 *   inner  pairs that match
 *   left   those, and left rows without a match, right columns null; right, full likewise
 *   semi   left rows with a match          anti   left rows without one
 */
import type { Task } from '../../base/task.ts';
import { KeyWriter, RowBuffer } from '../../engine/record-port.ts';
import type { ColumnId, Expr } from '../plan/logical.ts';
import type { SqlValue } from '../types/contracts.ts';
import { type Copier, columnCopier } from './copy.ts';
import { compileEval, type Scope } from './evaluate.ts';
import { HashTable } from './hash-table.ts';
import { appendHashValue } from './key-values.ts';
import { BATCH_ROWS, evaluateRow, Operator, type PlanNode, pointAt, pointSecond, startPlan } from './operator.ts';
import { type Shape, travelPhysical } from './shape.ts';
import { Partitions } from './spill.ts';
import { Env, type ExecState, SUSPEND } from './state.ts';
import { columnReader, columnWriter, type Eval } from './values.ts';

/** The right side has at least this many rows before it goes to disk. */
const SPILL_ROWS_MIN = 1024;

export type JoinType = 'inner' | 'left' | 'right' | 'full' | 'semi' | 'anti';

/** Makes the hash key of one side of an equality. Both sides must use kinds of one class. */
export interface HashKeyPart {
  readonly expr: Expr;
  /** IS NOT DISTINCT FROM and set operations let nulls meet. */
  readonly nullsMeet: boolean;
}

/** Appends the parts for the environment's row; false when a null keeps the row from matching anything. */
export type KeyMaker = (env: Env, key: KeyWriter) => boolean;

export function keyMaker(parts: readonly HashKeyPart[], scope: Scope): KeyMaker {
  const evals = parts.map((p) => compileEval(p.expr, scope));
  const physicals = parts.map((p) => travelPhysical(p.expr.type, p.expr.typmod));
  return (env, key) => {
    for (let i = 0; i < evals.length; i++) {
      const value = evals[i]!(env);
      if (value === null && !parts[i]!.nullsMeet) return false;
      appendHashValue(key, physicals[i]!, value);
    }
    return true;
  };
}

/** Builds output rows from a left row (record 0) and a right row (record 1), either of which may be absent. */
class PairBuilder {
  readonly #left: readonly { copy: Copier; fill: (out: RowBuffer, value: SqlValue) => void; fromLeft: boolean }[];

  constructor(shape: Shape, left: Shape, right: Shape) {
    this.#left = shape.columns.map((column, to) => {
      const inLeft = left.position(column.id);
      const fromLeft = inLeft >= 0;
      const copy = fromLeft
        ? columnCopier(left, inLeft, shape, to)
        : columnCopier(right, right.require(column.id), shape, to);
      return { copy, fill: columnWriter(shape, to), fromLeft };
    });
  }

  build(env: Env, out: RowBuffer): void {
    out.start();
    for (const column of this.#left) {
      if (column.fromLeft) {
        if (env.null0) column.fill(out, null);
        else column.copy(env.v0, env.b0, env.r0, out);
      } else if (env.null1) column.fill(out, null);
      else column.copy(env.v1, env.b1, env.r1, out);
    }
    out.finish();
  }
}

export interface JoinOptions {
  readonly type: JoinType;
  readonly left: PlanNode;
  readonly right: PlanNode;
  readonly shape: Shape;
  readonly leftKeys: readonly HashKeyPart[];
  readonly rightKeys: readonly HashKeyPart[];
  /** What else a pair must satisfy. */
  readonly residual: Expr | undefined;
  readonly rows: number;
  readonly details: readonly string[];
}

const KIND_TITLE: Record<JoinType, string> = {
  inner: '',
  left: ' Left',
  right: ' Right',
  full: ' Full',
  semi: ' Semi',
  anti: ' Anti',
};

/** Hash join; with no keys a nested loop over the gathered right side. */
export class HashJoinPlan implements PlanNode {
  readonly shape: Shape;
  readonly rows: number;
  readonly title: string;
  readonly details: readonly string[];
  readonly children: readonly PlanNode[];
  readonly options: JoinOptions;
  readonly leftKey: KeyMaker;
  readonly rightKey: KeyMaker;
  readonly residual: Eval | undefined;
  readonly pairs: PairBuilder;

  constructor(options: JoinOptions, scope: Scope) {
    this.options = options;
    this.shape = options.shape;
    this.rows = options.rows;
    this.title =
      options.leftKeys.length > 0
        ? `Hash${KIND_TITLE[options.type]} Join`
        : `Nested Loop${KIND_TITLE[options.type]}${options.type === 'inner' ? '' : ' Join'}`;
    this.details = options.details;
    this.children = [options.left, options.right];
    const left = options.left.shape;
    const right = options.right.shape;
    this.leftKey = keyMaker(options.leftKeys, { ...scope, shape0: left });
    this.rightKey = keyMaker(options.rightKeys, { ...scope, shape0: right });
    this.residual =
      options.residual === undefined
        ? undefined
        : compileEval(options.residual, { ...scope, shape0: left, shape1: right });
    this.pairs = new PairBuilder(options.shape, left, right);
  }

  start(state: ExecState): Operator {
    return new HashJoinOperator(state, this);
  }
}

class HashJoinOperator extends Operator {
  readonly #plan: HashJoinPlan;
  readonly #left: Operator;
  readonly #right: Operator;
  readonly #env: Env;
  readonly #out: RowBuffer;
  readonly #build: RowBuffer;
  readonly #table: HashTable;
  readonly #key = new KeyWriter();
  /** Per entry of the table its first right row, per right row the next one of its entry; row number + 1, 0 = none. */
  #first = new Int32Array(64);
  #nextOf = new Int32Array(64);
  #matched = new Uint8Array(0);
  #rows: RowBuffer | undefined;
  #row = 0;
  /** Right row number + 1 that the current left row meets next, 0 = none left; −1 = look up first. */
  #candidate = -1;
  #leftMatched = false;
  #unmatched = -1;
  /** Both sides on disk, spread by their keys' hashes, and the part being joined. */
  #spilled: { readonly build: Partitions; readonly probe: Partitions } | undefined;
  #part = 0;
  #partRows: RowBuffer | undefined;
  readonly #emitsUnmatchedRight: boolean;
  readonly #looped: boolean;

  constructor(state: ExecState, plan: HashJoinPlan) {
    super(state);
    this.#plan = plan;
    this.#left = startPlan(plan.options.left, state);
    this.#right = startPlan(plan.options.right, state);
    this.#env = new Env(state);
    this.#out = new RowBuffer(plan.shape.layout, state.memory);
    this.#build = new RowBuffer(plan.options.right.shape.layout, state.memory);
    this.#table = new HashTable(state.memory);
    this.#emitsUnmatchedRight = plan.options.type === 'right' || plan.options.type === 'full';
    this.#looped = plan.options.leftKeys.length === 0;
  }

  *open(): Task<void> {
    this.loops++;
    this.#table.clear();
    this.#build.clear();
    this.#rows = undefined;
    this.#row = 0;
    this.#candidate = -1;
    this.#unmatched = -1;
    this.#closeParts();
    yield* this.#right.open();
    for (;;) {
      const rows = yield* this.#right.next();
      if (rows === undefined) break;
      for (let i = 0; i < rows.count; i++) yield* this.#gather(rows, i);
      if (this.state.spent(rows.count)) yield this.state.session.slice();
      if (
        this.#spilled === undefined &&
        !this.#looped &&
        this.state.memory.exceeded &&
        this.#build.count >= SPILL_ROWS_MIN
      )
        yield* this.#spill();
    }
    yield* this.#left.open();
    if (this.#spilled !== undefined) {
      yield* this.#spillProbe(this.#spilled.probe);
      this.#loadPart();
    }
    if (this.#emitsUnmatchedRight) this.#matched = new Uint8Array(this.#build.count);
  }

  /** Moves what was gathered to disk; what follows goes there at once. */
  *#spill(): Task<void> {
    const { left, right } = this.#plan.options;
    const spilled = {
      build: new Partitions(this.state, right.shape, 0),
      probe: new Partitions(this.state, left.shape, 0),
    };
    const env = this.#env;
    for (let i = 0; i < this.#build.count; i++) {
      pointAt(env, this.#build, i);
      yield* this.#put(spilled.build, this.#plan.rightKey);
    }
    this.#build.clear();
    this.#table.clear();
    this.#spilled = spilled;
  }

  /** Puts the environment's row into its part; one whose key is null has the empty key. */
  *#put(parts: Partitions, makeKey: KeyMaker): Task<void> {
    const env = this.#env;
    const key = this.#key;
    const usable = yield* evaluateRow(env, () => {
      key.length = 0;
      return makeKey(env, key);
    });
    if (!usable) key.length = 0;
    parts.add(env.b0, env.v0, env.r0, key);
  }

  *#spillProbe(parts: Partitions): Task<void> {
    for (;;) {
      const rows = yield* this.#left.next();
      if (rows === undefined) return;
      for (let i = 0; i < rows.count; i++) {
        pointAt(this.#env, rows, i);
        yield* this.#put(parts, this.#plan.leftKey);
      }
      if (this.state.spent(rows.count)) yield this.state.session.slice();
    }
  }

  /** Reads a part's right rows back and hashes them. */
  #loadPart(): void {
    const rows = this.#spilled!.build.parts[this.#part]!;
    this.#build.clear();
    this.#table.clear();
    while (rows.advance()) {
      const number = this.#build.count;
      this.#build.appendRow(rows.bytes, rows.view, rows.rowAt);
      if (number >= this.#nextOf.length) this.#nextOf = grown(this.#nextOf, number + 1);
      this.#nextOf[number] = 0;
      if (rows.keyLength > 0)
        this.#enter(number, rows.bytes.subarray(rows.keyAt, rows.keyAt + rows.keyLength), rows.keyLength);
    }
    if (this.#emitsUnmatchedRight) this.#matched = new Uint8Array(this.#build.count);
  }

  /** The next left rows: of the left side itself, or of the part being joined. */
  *#nextLeft(): Task<RowBuffer | undefined> {
    if (this.#spilled === undefined) return yield* this.#left.next();
    this.#partRows ??= new RowBuffer(this.#plan.options.left.shape.layout, this.state.memory);
    return this.#spilled.probe.parts[this.#part]!.batch(this.#partRows) ? this.#partRows : undefined;
  }

  /** Goes on with the next part; false when there is none. */
  #nextPart(): boolean {
    if (this.#spilled === undefined || this.#part + 1 >= this.#spilled.build.parts.length) return false;
    this.#part++;
    this.#loadPart();
    this.#unmatched = -1;
    return true;
  }

  #closeParts(): void {
    for (const part of [...(this.#spilled?.build.parts ?? []), ...(this.#spilled?.probe.parts ?? [])]) part.close();
    this.#spilled = undefined;
    this.#part = 0;
  }

  *#gather(rows: RowBuffer, row: number): Task<void> {
    const env = this.#env;
    pointAt(env, rows, row);
    const number = this.#build.count;
    if (number >= this.#nextOf.length) this.#nextOf = grown(this.#nextOf, number + 1);
    if (this.#looped) {
      this.#build.appendRow(env.b0, env.v0, env.r0);
      return;
    }
    if (this.#spilled !== undefined) {
      yield* this.#put(this.#spilled.build, this.#plan.rightKey);
      return;
    }
    const key = this.#key;
    const usable = yield* evaluateRow(env, () => {
      key.length = 0;
      return this.#plan.rightKey(env, key);
    });
    // A row whose key is null meets nobody; only right and full joins put it out.
    if (!usable && !this.#emitsUnmatchedRight) return;
    this.#build.appendRow(env.b0, env.v0, env.r0);
    this.#nextOf[number] = 0;
    if (usable) this.#enter(number, key.bytes, key.length);
  }

  /** Hangs a gathered row behind its key's entry. */
  #enter(number: number, key: Uint8Array, length: number): void {
    const before = this.#table.count;
    const entry = this.#table.findOrAdd(key, length);
    if (entry >= this.#first.length) this.#first = grown(this.#first, entry + 1);
    this.#nextOf[number] = entry < before ? this.#first[entry]! : 0;
    this.#first[entry] = number + 1;
  }

  *next(): Task<RowBuffer | undefined> {
    const out = this.#out;
    out.clear();
    while (out.count < BATCH_ROWS) {
      if (this.#unmatched >= 0) {
        this.#emitUnmatchedRight();
        if (this.#unmatched < this.#build.count || out.count > 0 || !this.#nextPart()) break;
        continue;
      }
      if (this.#rows === undefined) {
        this.#rows = yield* this.#nextLeft();
        this.#row = 0;
        this.#candidate = -1;
        if (this.#rows === undefined) {
          if (this.#emitsUnmatchedRight) this.#unmatched = 0;
          else if (!this.#nextPart()) break;
          continue;
        }
        if (this.state.spent(this.#rows.count)) yield this.state.session.slice();
      }
      yield* this.#leftRow(this.#rows);
      if (this.#candidate === -1 && ++this.#row >= this.#rows.count) this.#rows = undefined;
    }
    this.producedRows += out.count;
    return out.count === 0 ? undefined : out;
  }

  /** Puts out what the current left row meets until it is done (`#candidate` is −1 again) or the batch is full. */
  *#leftRow(rows: RowBuffer): Task<void> {
    const env = this.#env;
    const { type } = this.#plan.options;
    env.null0 = false;
    env.null1 = false;
    pointAt(env, rows, this.#row);
    if (this.#candidate === -1) {
      this.#leftMatched = false;
      this.#candidate = this.#lookUpNow() ?? (yield* this.#lookUpLater());
    }
    let work = 0;
    while (this.#candidate > 0) {
      const number = this.#candidate - 1;
      pointSecond(env, this.#build, this.#build.index[number]!);
      const matches = this.#matchesNow() ?? (yield* this.#matchesLater());
      this.#candidate = this.#looped ? (number + 1 < this.#build.count ? number + 2 : 0) : this.#nextOf[number]!;
      if (matches) {
        this.#leftMatched = true;
        if (this.#emitsUnmatchedRight) this.#matched[number] = 1;
        if (type === 'semi' || type === 'anti') this.#candidate = 0;
        else this.#plan.pairs.build(env, this.#out);
      }
      if (this.#out.count >= BATCH_ROWS && this.#candidate > 0) return;
      if (++work === 1024) {
        work = 0;
        if (this.state.spent(1024)) yield this.state.session.slice();
      }
    }
    if (
      type === 'semi'
        ? this.#leftMatched
        : (type === 'anti' || type === 'left' || type === 'full') && !this.#leftMatched
    ) {
      env.null1 = true;
      this.#plan.pairs.build(env, this.#out);
      env.null1 = false;
    }
    this.#candidate = -1;
  }

  // Most rows never wait: only those that do pay for a generator.

  #lookUpNow(): number | undefined {
    try {
      const found = this.#lookUp();
      this.#env.rowDone();
      return found;
    } catch (thrown) {
      if (thrown !== SUSPEND) throw thrown;
      return undefined;
    }
  }

  *#lookUpLater(): Task<number> {
    yield* this.#env.finishWait();
    return yield* evaluateRow(this.#env, () => this.#lookUp());
  }

  /** Does the pair satisfy the rest of the condition? Undefined = it must wait. */
  #matchesNow(): boolean | undefined {
    const { residual } = this.#plan;
    if (residual === undefined) return true;
    try {
      const value = residual(this.#env);
      this.#env.rowDone();
      return value === true;
    } catch (thrown) {
      if (thrown !== SUSPEND) throw thrown;
      return undefined;
    }
  }

  *#matchesLater(): Task<boolean> {
    yield* this.#env.finishWait();
    return (yield* evaluateRow(this.#env, () => this.#plan.residual!(this.#env))) === true;
  }

  #lookUp(): number {
    if (this.#looped) return this.#build.count > 0 ? 1 : 0;
    const key = this.#key;
    key.length = 0;
    if (!this.#plan.leftKey(this.#env, key)) return 0;
    const entry = this.#table.find(key.bytes, key.length);
    return entry < 0 ? 0 : this.#first[entry]!;
  }

  #emitUnmatchedRight(): void {
    const env = this.#env;
    env.null0 = true;
    env.null1 = false;
    while (this.#unmatched < this.#build.count && this.#out.count < BATCH_ROWS) {
      const number = this.#unmatched++;
      if (this.#matched[number] === 1) continue;
      pointSecond(env, this.#build, this.#build.index[number]!);
      this.#plan.pairs.build(env, this.#out);
    }
    env.null0 = false;
  }

  close(): void {
    this.#left.close();
    this.#right.close();
    this.#closeParts();
    this.#partRows?.release();
    this.#out.release();
    this.#build.release();
    this.#table.clear();
  }
}

function grown(old: Int32Array<ArrayBuffer>, need: number): Int32Array<ArrayBuffer> {
  const next = new Int32Array(Math.max(need, old.length * 2));
  next.set(old);
  return next;
}

export interface LateralJoinOptions {
  readonly type: 'inner' | 'left' | 'semi' | 'anti';
  readonly left: PlanNode;
  readonly right: PlanNode;
  readonly shape: Shape;
  /** Columns of the left side that the right side uses, and their slots among the outer values. */
  readonly bindings: readonly { readonly id: ColumnId; readonly slot: number }[];
  readonly residual: Expr | undefined;
  readonly rows: number;
  readonly details: readonly string[];
}

/** Opens the right side anew for each left row. */
export class LateralJoinPlan implements PlanNode {
  readonly shape: Shape;
  readonly rows: number;
  readonly title: string;
  readonly details: readonly string[];
  readonly children: readonly PlanNode[];
  readonly options: LateralJoinOptions;
  readonly bindings: readonly { readonly read: Eval; readonly slot: number }[];
  readonly residual: Eval | undefined;
  readonly pairs: PairBuilder;

  constructor(options: LateralJoinOptions, scope: Scope) {
    this.options = options;
    this.shape = options.shape;
    this.rows = options.rows;
    this.title = `Nested Loop${KIND_TITLE[options.type]}${options.type === 'inner' ? '' : ' Join'}`;
    this.details = options.details;
    this.children = [options.left, options.right];
    const left = options.left.shape;
    this.bindings = options.bindings.map((b) => ({ read: columnReader(left, left.require(b.id), 0), slot: b.slot }));
    this.residual =
      options.residual === undefined
        ? undefined
        : compileEval(options.residual, { ...scope, shape0: left, shape1: options.right.shape });
    this.pairs = new PairBuilder(options.shape, left, options.right.shape);
  }

  start(state: ExecState): Operator {
    return new LateralJoinOperator(state, this);
  }
}

class LateralJoinOperator extends Operator {
  readonly #plan: LateralJoinPlan;
  readonly #left: Operator;
  readonly #right: Operator;
  readonly #env: Env;
  readonly #out: RowBuffer;
  #rows: RowBuffer | undefined;
  #row = 0;

  constructor(state: ExecState, plan: LateralJoinPlan) {
    super(state);
    this.#plan = plan;
    this.#left = startPlan(plan.options.left, state);
    this.#right = startPlan(plan.options.right, state);
    this.#env = new Env(state);
    this.#out = new RowBuffer(plan.shape.layout, state.memory);
  }

  *open(): Task<void> {
    this.loops++;
    this.#rows = undefined;
    yield* this.#left.open();
  }

  *next(): Task<RowBuffer | undefined> {
    const out = this.#out;
    out.clear();
    while (out.count < BATCH_ROWS) {
      if (this.#rows === undefined) {
        this.#rows = yield* this.#left.next();
        this.#row = 0;
        if (this.#rows === undefined) break;
      }
      yield* this.#leftRow(this.#rows);
      if (++this.#row >= this.#rows.count) this.#rows = undefined;
      if (this.state.spent(4)) yield this.state.session.slice();
    }
    this.producedRows += out.count;
    return out.count === 0 ? undefined : out;
  }

  *#leftRow(rows: RowBuffer): Task<void> {
    const env = this.#env;
    const { type } = this.#plan.options;
    const { bindings, residual, pairs } = this.#plan;
    env.null1 = false;
    pointAt(env, rows, this.#row);
    yield* evaluateRow(env, () => {
      for (const b of bindings) this.state.outer[b.slot] = b.read(env);
    });
    let matched = false;
    yield* this.#right.open();
    search: for (;;) {
      const inner = yield* this.#right.next();
      if (inner === undefined) break;
      for (let i = 0; i < inner.count; i++) {
        pointSecond(env, inner, inner.index[i]!);
        if (residual !== undefined && (yield* evaluateRow(env, () => residual(env))) !== true) continue;
        matched = true;
        if (type === 'semi' || type === 'anti') break search;
        pairs.build(env, this.#out);
      }
    }
    if (type === 'semi' ? matched : type !== 'inner' && !matched) {
      env.null1 = true;
      pairs.build(env, this.#out);
    }
  }

  close(): void {
    this.#left.close();
    this.#right.close();
    this.#out.release();
  }
}
