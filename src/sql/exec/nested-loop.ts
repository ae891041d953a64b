/**
 * Nested loop: the right side is gathered in a row store, and every one of its rows is a candidate for every left row.
 *
 * Within `work_mem` the right side is one block. Beyond, its rows are read back block by block, once per batch of left rows,
 * and a bit per left row remembers whether it has met anybody in an earlier block.
 *
 *   left batch ─┬─> block 1: left row 0 × all its rows, left row 1 × …
 *               ├─> block 2: …
 *               └─> last block: the same, and after each left row what it is owed if it met nobody
 */
import type { Task } from '../../base/task.ts';
import { RowBuffer } from '../../engine/record-port.ts';
import { compileEval, type Scope } from './evaluate.ts';
import { type JoinOptions, KIND_TITLE, PairBuilder } from './join.ts';
import {
  BATCH_ROWS,
  evaluateRow,
  holdsNow,
  Operator,
  type PlanNode,
  pointAt,
  pointSecond,
  startPlan,
} from './operator.ts';
import { RowBits, RowCursor, RowStore } from './row-store.ts';
import { Env, type ExecState } from './state.ts';
import type { Eval } from './values.ts';

/** Right rows read back from disk at once. */
const BLOCK_ROWS = 4096;
/** Pairs tried between two looks at the clock. */
const WORK_PAIRS = 1024;

/** A join without keys. */
export class NestedLoopPlan implements PlanNode {
  readonly shape: JoinOptions['shape'];
  readonly rows: number;
  readonly title: string;
  readonly details: readonly string[];
  readonly children: readonly PlanNode[];
  readonly options: JoinOptions;
  readonly residual: Eval | undefined;
  readonly pairs: PairBuilder;

  constructor(options: JoinOptions, scope: Scope) {
    this.options = options;
    this.shape = options.shape;
    this.rows = options.rows;
    this.title = `Nested Loop${KIND_TITLE[options.type]}${options.type === 'inner' ? '' : ' Join'}`;
    this.details = options.details;
    this.children = [options.left, options.right];
    const left = options.left.shape;
    const right = options.right.shape;
    this.residual =
      options.residual === undefined
        ? undefined
        : compileEval(options.residual, { ...scope, shape0: left, shape1: right });
    this.pairs = new PairBuilder(options.shape, left, right);
  }

  start(state: ExecState): Operator {
    return new NestedLoopOperator(state, this);
  }
}

class NestedLoopOperator extends Operator {
  readonly #plan: NestedLoopPlan;
  readonly #left: Operator;
  readonly #right: Operator;
  readonly #env: Env;
  readonly #out: RowBuffer;
  readonly #store: RowStore;
  #cursor: RowCursor;
  /** The rows of the current block, and the number of its first; without a file the store's own. */
  #block: RowBuffer;
  #blockAt = 0;
  #fileBlock: RowBuffer | undefined;
  readonly #rightMatched: RowBits;
  /** The left batch, which of its rows have met somebody, the current one, and the block's row that it meets next. */
  #rows: RowBuffer | undefined;
  #leftMatched = new Uint8Array(BATCH_ROWS);
  #row = 0;
  #candidate = 0;
  /** The right row that is looked at for want of a left one; −1 = left rows come first. */
  #unmatched = -1;
  /** Pairs tried since the clock was last thought of. */
  #work = 0;
  readonly #emitsUnmatchedRight: boolean;
  readonly #emitsUnmatchedLeft: boolean;

  constructor(state: ExecState, plan: NestedLoopPlan) {
    super(state);
    this.#plan = plan;
    this.#left = startPlan(plan.options.left, state);
    this.#right = startPlan(plan.options.right, state);
    this.#env = new Env(state);
    this.#out = new RowBuffer(plan.shape.layout, state.memory);
    this.#store = new RowStore(this, plan.options.right.shape);
    this.#cursor = new RowCursor(this.#store);
    this.#block = this.#store.tail;
    this.#rightMatched = new RowBits(state);
    const { type } = plan.options;
    this.#emitsUnmatchedRight = type === 'right' || type === 'full';
    this.#emitsUnmatchedLeft = type === 'left' || type === 'full' || type === 'anti';
  }

  *open(): Task<void> {
    this.loops++;
    this.#store.clear();
    this.#rightMatched.clear();
    this.#rows = undefined;
    this.#unmatched = -1;
    yield* this.#right.open();
    const env = this.#env;
    for (;;) {
      const rows = yield* this.#right.next();
      if (rows === undefined) break;
      for (let i = 0; i < rows.count; i++) {
        pointAt(env, rows, i);
        this.#store.append(env.b0, env.v0, env.r0);
      }
      yield* this.#store.settle();
      if (this.state.spent(rows.count)) yield this.state.session.slice();
    }
    this.#cursor = new RowCursor(this.#store);
    this.#block = this.#store.tail;
    this.#blockAt = 0;
    yield* this.#left.open();
  }

  *next(): Task<RowBuffer | undefined> {
    const out = this.#out;
    out.clear();
    while (out.count < BATCH_ROWS) {
      if (this.#unmatched >= 0) {
        if (!this.#emitUnmatchedRight()) break;
      } else if (this.#rows === undefined) {
        this.#rows = yield* this.#left.next();
        if (this.#rows !== undefined) this.#beginBatch(this.#rows);
        else if (this.#emitsUnmatchedRight) this.#unmatched = 0;
        else break;
      } else {
        yield* this.#leftRow(this.#rows);
        if (this.#candidate === 0 && ++this.#row >= this.#rows.count) this.#nextBlock();
      }
      if (this.state.spent(1)) yield this.state.session.slice();
    }
    this.producedRows += out.count;
    return out.count === 0 ? undefined : out;
  }

  #beginBatch(rows: RowBuffer): void {
    if (rows.count > this.#leftMatched.length) this.#leftMatched = new Uint8Array(rows.count);
    else this.#leftMatched.fill(0);
    this.#loadBlock(0);
  }

  #nextBlock(): void {
    if (this.#isLastBlock) this.#rows = undefined;
    else this.#loadBlock(this.#blockAt + this.#block.count);
  }

  get #isLastBlock(): boolean {
    return this.#blockAt + this.#block.count >= this.#store.count;
  }

  #loadBlock(from: number): void {
    this.#row = 0;
    this.#candidate = 0;
    if (this.#store.onDisk === 0) return;
    this.#blockAt = from;
    this.#fileBlock ??= new RowBuffer(this.#store.tail.layout, this.state.memory);
    this.#block = this.#fileBlock;
    this.#block.clear();
    const env = this.#env;
    const end = Math.min(from + BLOCK_ROWS, this.#store.count);
    for (let row = from; row < end; row++) {
      this.#cursor.point(env, row);
      this.#block.appendRow(env.b0, env.v0, env.r0);
    }
  }

  /** Puts out what the current left row meets in the block until it is done (`#candidate` is 0 again) or the batch is full. */
  *#leftRow(rows: RowBuffer): Task<void> {
    const env = this.#env;
    const { residual, options } = this.#plan;
    const { type } = options;
    const block = this.#block;
    const row = this.#row;
    env.null0 = false;
    env.null1 = false;
    pointAt(env, rows, row);
    const once = type === 'semi' || type === 'anti';
    let candidate = once && this.#leftMatched[row] === 1 ? block.count : this.#candidate;
    while (candidate < block.count) {
      pointSecond(env, block, block.index[candidate]!);
      const matches = holdsNow(env, residual) ?? (yield* evaluateRow(env, () => residual?.(env))) === true;
      candidate++;
      if (matches) {
        this.#leftMatched[row] = 1;
        if (this.#emitsUnmatchedRight) this.#rightMatched.set(this.#blockAt + candidate - 1);
        if (once) break;
        this.#plan.pairs.build(env, this.#out);
        if (this.#out.count >= BATCH_ROWS && candidate < block.count) {
          this.#candidate = candidate;
          return;
        }
      }
      if (++this.#work === WORK_PAIRS) {
        this.#work = 0;
        if (this.state.spent(WORK_PAIRS)) yield this.state.session.slice();
      }
    }
    this.#candidate = 0;
    if (!this.#isLastBlock) return;
    const matched = this.#leftMatched[row] === 1;
    if (type === 'semi' ? matched : this.#emitsUnmatchedLeft && !matched) {
      env.null1 = true;
      this.#plan.pairs.build(env, this.#out);
      env.null1 = false;
    }
  }

  /** Looks at one right row for which no left row came; false when there are no more. */
  #emitUnmatchedRight(): boolean {
    const env = this.#env;
    const row = this.#unmatched;
    if (row >= this.#store.count) return false;
    this.#unmatched++;
    if (this.#rightMatched.has(row)) return true;
    this.#cursor.point(env, row);
    env.v1 = env.v0;
    env.b1 = env.b0;
    env.r1 = env.r0;
    env.null0 = true;
    env.null1 = false;
    this.#plan.pairs.build(env, this.#out);
    env.null0 = false;
    return true;
  }

  close(): void {
    this.#left.close();
    this.#right.close();
    this.#out.release();
    this.#fileBlock?.release();
    this.#store.release();
    this.#rightMatched.clear();
  }
}
