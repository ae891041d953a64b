/**
 * Hash join: the right side is gathered in a row buffer and hashed by its join keys; rows of the left side look their
 * partners up.
 *
 * A right side beyond `work_mem` goes to disk, and the left side too, both spread by their keys' hashes; then part after part
 * is joined in memory. A part that is still too large is spread again, unless all its keys are equal.
 *
 *   right ─> rows + table ─(full)─> build parts ┐
 *   left  ─> look up            └─> probe parts ┴─> part: build rows + table, probe rows look up ─(full)─> parts of the part
 */
import type { Task } from '../../base/task.ts';
import { KeyWriter, RowBuffer } from '../../engine/record-port.ts';
import { compileEval, type Scope } from './evaluate.ts';
import { HashTable } from './hash-table.ts';
import { type JoinOptions, type KeyMaker, KIND_TITLE, keyMaker, PairBuilder } from './join.ts';
import {
  BATCH_ROWS,
  eachRow,
  evaluateRow,
  Operator,
  type PlanNode,
  pointAt,
  pointSecond,
  startPlan,
} from './operator.ts';
import { DEPTH_MAX, Partitions, SPILL_ROWS_MIN, type SpilledRows } from './spill.ts';
import { Env, type ExecState, SUSPEND } from './state.ts';
import type { Eval } from './values.ts';

/** Rows moved to or from disk between two looks at the clock. */
const MOVE_ROWS = 256;
/** Pairs tried between two looks at the clock. */
const WORK_PAIRS = 1024;

export class HashJoinPlan implements PlanNode {
  readonly shape: JoinOptions['shape'];
  readonly rows: number;
  readonly title: string;
  readonly details: readonly string[];
  readonly children: readonly PlanNode[];
  readonly options: JoinOptions;
  readonly leftKey: KeyMaker;
  readonly rightKey: KeyMaker;
  readonly residual: Eval | undefined;
  readonly pairs: PairBuilder;

  /** @param options - with at least one key. */
  constructor(options: JoinOptions, scope: Scope) {
    this.options = options;
    this.shape = options.shape;
    this.rows = options.rows;
    this.title = `Hash${KIND_TITLE[options.type]} Join`;
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

/** Rows of both sides whose keys hash alike. */
interface Part {
  readonly build: SpilledRows;
  readonly probe: SpilledRows;
  readonly depth: number;
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
  /** Pairs tried since the clock was last thought of. */
  #work = 0;
  /** Where both sides go while they are spread; parts that wait; the one being joined. */
  #spreading: { readonly build: Partitions; readonly probe: Partitions } | undefined;
  #waiting: Part[] = [];
  #part: Part | undefined;
  #partRows: RowBuffer | undefined;
  readonly #emitsUnmatchedRight: boolean;
  readonly #emitsUnmatchedLeft: boolean;

  constructor(state: ExecState, plan: HashJoinPlan) {
    super(state);
    this.#plan = plan;
    this.#left = startPlan(plan.options.left, state);
    this.#right = startPlan(plan.options.right, state);
    this.#env = new Env(state);
    this.#out = new RowBuffer(plan.shape.layout, state.memory);
    this.#build = new RowBuffer(plan.options.right.shape.layout, state.memory);
    this.#table = new HashTable(state.memory);
    const { type } = plan.options;
    this.#emitsUnmatchedRight = type === 'right' || type === 'full';
    this.#emitsUnmatchedLeft = type === 'left' || type === 'full' || type === 'anti';
  }

  *open(): Task<void> {
    this.loops++;
    this.#table.clear();
    this.#build.clear();
    this.#closeParts();
    this.#begin();
    yield* this.#right.open();
    for (;;) {
      const rows = yield* this.#right.next();
      if (rows === undefined) break;
      yield* eachRow(this.#env, rows, this.#spreading === undefined ? this.#gather : this.#putBuild);
      if (this.state.spent(rows.count)) yield this.state.session.slice();
      if (this.#spreading === undefined && this.state.memory.exceeded && this.#build.count >= SPILL_ROWS_MIN)
        yield* this.#spread();
    }
    yield* this.#left.open();
    if (this.#spreading !== undefined) {
      yield* this.#spreadLeft();
      this.#listParts(this.#spreading, 1);
      this.#spreading = undefined;
      yield* this.#nextPart();
    } else if (this.#emitsUnmatchedRight) this.#matched = new Uint8Array(this.#build.count);
  }

  /** Begins with the first left row. */
  #begin(): void {
    this.#rows = undefined;
    this.#row = 0;
    this.#candidate = -1;
    this.#unmatched = -1;
  }

  readonly #gather = (): void => {
    const env = this.#env;
    const key = this.#key;
    key.length = 0;
    const usable = this.#plan.rightKey(env, key);
    // A row whose key is null meets nobody; only right and full joins put it out.
    if (usable || this.#emitsUnmatchedRight) this.#keep(usable, key);
  };

  /** Adds the environment's row to the build side. */
  #keep(usable: boolean, key: KeyWriter): void {
    const env = this.#env;
    const number = this.#build.count;
    this.#build.appendRow(env.b0, env.v0, env.r0);
    if (number >= this.#nextOf.length) this.#nextOf = grown(this.#nextOf, number + 1);
    this.#nextOf[number] = 0;
    if (!usable) return;
    const before = this.#table.count;
    const entry = this.#table.findOrAdd(key.bytes, key.length);
    if (entry >= this.#first.length) this.#first = grown(this.#first, entry + 1);
    this.#nextOf[number] = entry < before ? this.#first[entry]! : 0;
    this.#first[entry] = number + 1;
  }

  /** Moves what was gathered to disk; what follows goes there at once. */
  *#spread(): Task<void> {
    const { left, right } = this.#plan.options;
    this.#spreading = { build: new Partitions(this, right.shape, 0), probe: new Partitions(this, left.shape, 0) };
    for (let i = 0; i < this.#build.count; i++) {
      pointAt(this.#env, this.#build, i);
      yield* evaluateRow(this.#env, this.#putBuild);
      if (i % MOVE_ROWS === MOVE_ROWS - 1 && this.state.spent(MOVE_ROWS)) yield this.state.session.slice();
    }
    this.#build.clear();
    this.#table.clear();
  }

  readonly #putBuild = (): void => this.#put(this.#spreading!.build, this.#plan.rightKey, this.#emitsUnmatchedRight);
  readonly #putProbe = (): void => this.#put(this.#spreading!.probe, this.#plan.leftKey, this.#emitsUnmatchedLeft);

  /** Puts the environment's row into its part. One whose key is null meets nobody: it has the empty key, or is dropped. */
  #put(parts: Partitions, makeKey: KeyMaker, emitsUnmatched: boolean): void {
    const env = this.#env;
    const key = this.#key;
    key.length = 0;
    if (!makeKey(env, key)) {
      if (!emitsUnmatched) return;
      key.length = 0;
    }
    parts.add(env.b0, env.v0, env.r0, key);
  }

  *#spreadLeft(): Task<void> {
    for (;;) {
      const rows = yield* this.#left.next();
      if (rows === undefined) return;
      yield* eachRow(this.#env, rows, this.#putProbe);
      if (this.state.spent(rows.count)) yield this.state.session.slice();
    }
  }

  /** What was spread waits, part by part. */
  #listParts(spread: { readonly build: Partitions; readonly probe: Partitions }, depth: number): void {
    spread.build.seal();
    spread.probe.seal();
    for (const [i, build] of spread.build.parts.entries()) {
      const probe = spread.probe.parts[i]!;
      if (build.count > 0 || probe.count > 0) this.#waiting.push({ build, probe, depth });
    }
  }

  /** Takes the next part's right rows in; false when there is none. */
  *#nextPart(): Task<boolean> {
    for (;;) {
      this.#part?.build.close();
      this.#part?.probe.close();
      const part = this.#waiting.pop();
      this.#part = part;
      if (part === undefined) return false;
      this.#begin();
      if (!(yield* this.#loadPart(part))) {
        yield* this.#spreadPart(part);
        continue;
      }
      if (this.#emitsUnmatchedRight) this.#matched = new Uint8Array(this.#build.count);
      return true;
    }
  }

  /** Reads a part's right rows back and hashes them; false when there are too many for memory. */
  *#loadPart(part: Part): Task<boolean> {
    const { build } = part;
    const env = this.#env;
    const key = this.#key;
    this.#build.clear();
    this.#table.clear();
    while (build.advance()) {
      env.b0 = build.bytes;
      env.v0 = build.view;
      env.r0 = build.rowAt;
      key.length = 0;
      key.append(build.bytes, build.keyAt, build.keyAt + build.keyLength);
      this.#keep(key.length > 0, key);
      const { count } = this.#build;
      if (count % MOVE_ROWS !== 0) continue;
      if (this.state.spent(MOVE_ROWS)) yield this.state.session.slice();
      // Another spreading helps only where there is more than one key.
      if (part.depth < DEPTH_MAX && count >= SPILL_ROWS_MIN && this.#table.count > 1 && this.state.memory.exceeded)
        return false;
    }
    return true;
  }

  /** Spreads both sides of a part over parts of their own. */
  *#spreadPart(part: Part): Task<void> {
    const { left, right } = this.#plan.options;
    const depth = part.depth;
    this.#build.clear();
    this.#table.clear();
    const spread = {
      build: new Partitions(this, right.shape, depth),
      probe: new Partitions(this, left.shape, depth),
    };
    this.#spreading = spread;
    part.build.rewind();
    for (const side of ['build', 'probe'] as const) {
      const rows = part[side];
      for (let n = 1; rows.advance(); n++) {
        spread[side].addFrom(rows);
        if (n % MOVE_ROWS === 0 && this.state.spent(MOVE_ROWS)) yield this.state.session.slice();
      }
    }
    this.#listParts(spread, depth + 1);
    this.#spreading = undefined;
  }

  #closeParts(): void {
    for (const part of [...this.#waiting, ...(this.#part === undefined ? [] : [this.#part])]) {
      part.build.close();
      part.probe.close();
    }
    this.#waiting = [];
    this.#part = undefined;
    this.#spreading?.build.close();
    this.#spreading?.probe.close();
    this.#spreading = undefined;
  }

  /** The next left rows: of the left side itself, or of the part being joined. */
  *#nextLeft(): Task<RowBuffer | undefined> {
    if (this.#part === undefined) return yield* this.#left.next();
    this.#partRows ??= new RowBuffer(this.#plan.options.left.shape.layout, this.state.memory);
    return this.#part.probe.batch(this.#partRows) ? this.#partRows : undefined;
  }

  *next(): Task<RowBuffer | undefined> {
    const out = this.#out;
    out.clear();
    while (out.count < BATCH_ROWS) {
      if (this.#unmatched >= 0) {
        this.#emitUnmatchedRight();
        if (this.#unmatched < this.#build.count || out.count > 0 || !(yield* this.#goesOn())) break;
        continue;
      }
      if (this.#rows === undefined) {
        this.#rows = yield* this.#nextLeft();
        this.#row = 0;
        this.#candidate = -1;
        if (this.#rows === undefined) {
          if (this.#emitsUnmatchedRight) this.#unmatched = 0;
          else if (!(yield* this.#goesOn())) break;
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

  /** Is there another part? Without parts there was only one round. */
  *#goesOn(): Task<boolean> {
    return this.#part !== undefined && (yield* this.#nextPart());
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
    while (this.#candidate > 0) {
      const number = this.#candidate - 1;
      pointSecond(env, this.#build, this.#build.index[number]!);
      const matches = this.#matchesNow() ?? (yield* this.#matchesLater());
      this.#candidate = this.#nextOf[number]!;
      if (matches) {
        this.#leftMatched = true;
        if (this.#emitsUnmatchedRight) this.#matched[number] = 1;
        if (type === 'semi' || type === 'anti') this.#candidate = 0;
        else this.#plan.pairs.build(env, this.#out);
      }
      if (this.#out.count >= BATCH_ROWS && this.#candidate > 0) return;
      if (++this.#work === WORK_PAIRS) {
        this.#work = 0;
        if (this.state.spent(WORK_PAIRS)) yield this.state.session.slice();
      }
    }
    if (type === 'semi' ? this.#leftMatched : this.#emitsUnmatchedLeft && !this.#leftMatched) {
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
