/**
 * The two sides of a hash join, as rounds: right rows that fit in memory, and the left rows that can meet them.
 *
 * When the right side fits there is one round, and left rows come as the left side puts them out. Beyond `work_mem` both sides
 * go to disk, spread by the hashes of their keys; each part is a round. A part that is still too large is spread again, unless
 * all its keys are equal.
 *
 *   right ─> build ─(full)─> build parts ┐
 *   left  ─> as it comes └─> probe parts ┴─> round: build rows from disk, left rows from disk ─(full)─> parts of the part
 */
import type { Task } from '../../base/task.ts';
import { compareKeys, KeyWriter, RowBuffer } from '../../engine/record-port.ts';
import type { KeyMaker } from './join.ts';
import { eachRow, evaluateRow, type Operator, type PlanNode, pointAt, startPlan } from './operator.ts';
import { DEPTH_MAX, Partitions, SPILL_ROWS_MIN, type SpilledRows } from './spill.ts';
import { Env, type ExecState } from './state.ts';

/** Rows moved to or from disk between two looks at the clock. */
const MOVE_ROWS = 256;
/** What a gathered row costs beside its bytes, once it is hashed. */
const TABLE_BYTES = 24;

/** What the rounds must know of the join. */
export interface JoinSides {
  readonly left: PlanNode;
  readonly right: PlanNode;
  readonly leftKey: KeyMaker;
  readonly rightKey: KeyMaker;
  /** Rows that meet nobody are put out too. */
  readonly keepsLeft: boolean;
  readonly keepsRight: boolean;
}

/** Rows of both sides whose keys hash alike. */
interface Part {
  readonly build: SpilledRows;
  readonly probe: SpilledRows;
  readonly depth: number;
}

export class JoinRounds {
  /** The round's right rows. */
  readonly build: RowBuffer;
  readonly #owner: Operator;
  readonly #sides: JoinSides;
  readonly #left: Operator;
  readonly #right: Operator;
  readonly #env: Env;
  readonly #key = new KeyWriter();
  /** Where both sides go while they are spread; parts that wait; the one that is the round. */
  #spreading: { readonly build: Partitions; readonly probe: Partitions } | undefined;
  #waiting: Part[] = [];
  #part: Part | undefined;
  #partRows: RowBuffer | undefined;

  constructor(owner: Operator, sides: JoinSides) {
    const { state } = owner;
    this.#owner = owner;
    this.#sides = sides;
    this.#left = startPlan(sides.left, state);
    this.#right = startPlan(sides.right, state);
    this.#env = new Env(state);
    this.build = new RowBuffer(sides.right.shape.layout, state.memory);
  }

  /** Both sides are on disk; rounds are parts of them. */
  get isSpread(): boolean {
    return this.#part !== undefined;
  }

  get #state(): ExecState {
    return this.#owner.state;
  }

  /** Begins the first round. */
  *open(): Task<void> {
    this.build.clear();
    this.#closeParts();
    yield* this.#right.open();
    for (;;) {
      const rows = yield* this.#right.next();
      if (rows === undefined) break;
      if (this.#spreading !== undefined) yield* eachRow(this.#env, rows, this.#putBuild);
      else {
        this.#gather(rows);
        if (this.#isTooLarge()) yield* this.#spread();
      }
      if (this.#state.spent(rows.count)) yield this.#state.session.slice();
    }
    yield* this.#left.open();
    if (this.#spreading === undefined) return;
    yield* this.#spreadLeft();
    this.#listParts(this.#spreading, 1);
    this.#spreading = undefined;
    yield* this.#beginPart();
  }

  /** Begins another round; false when there is none. Without parts there was only one. */
  *nextRound(): Task<boolean> {
    return this.#part !== undefined && (yield* this.#beginPart());
  }

  /** The round's next left rows. */
  *nextLeft(): Task<RowBuffer | undefined> {
    if (this.#part === undefined) return yield* this.#left.next();
    this.#partRows ??= new RowBuffer(this.#sides.left.shape.layout, this.#state.memory);
    return this.#part.probe.batch(this.#partRows) ? this.#partRows : undefined;
  }

  #gather(rows: RowBuffer): void {
    const { build } = this;
    for (let i = 0; i < rows.count; i++) {
      const address = rows.index[i]!;
      const chunk = address >>> 13;
      build.appendRow(rows.chunks[chunk]!, rows.views[chunk]!, (address & 8191) << 3);
    }
  }

  #isTooLarge(): boolean {
    const { memory } = this.#state;
    const { count } = this.build;
    return count >= SPILL_ROWS_MIN && memory.usedBytes + count * TABLE_BYTES > memory.limitBytes;
  }

  /** Moves what was gathered to disk; what follows goes there at once. */
  *#spread(): Task<void> {
    const { left, right } = this.#sides;
    this.#spreading = {
      build: new Partitions(this.#owner, right.shape, 0),
      probe: new Partitions(this.#owner, left.shape, 0),
    };
    for (let i = 0; i < this.build.count; i++) {
      pointAt(this.#env, this.build, i);
      yield* evaluateRow(this.#env, this.#putBuild);
      if (i % MOVE_ROWS === MOVE_ROWS - 1 && this.#state.spent(MOVE_ROWS)) yield this.#state.session.slice();
    }
    this.build.clear();
  }

  readonly #putBuild = (): void => {
    const { rightKey, keepsRight } = this.#sides;
    this.#put(this.#spreading!.build, rightKey, keepsRight);
  };

  readonly #putProbe = (): void => {
    const { leftKey, keepsLeft } = this.#sides;
    this.#put(this.#spreading!.probe, leftKey, keepsLeft);
  };

  /** Puts the environment's row into its part. One whose key is null meets nobody: it has the empty key, or is dropped. */
  #put(parts: Partitions, makeKey: KeyMaker, keeps: boolean): void {
    const env = this.#env;
    const key = this.#key;
    key.length = 0;
    if (!makeKey(env, key)) {
      if (!keeps) return;
      key.length = 0;
    }
    parts.add(env.b0, env.v0, env.r0, key);
  }

  *#spreadLeft(): Task<void> {
    for (;;) {
      const rows = yield* this.#left.next();
      if (rows === undefined) return;
      yield* eachRow(this.#env, rows, this.#putProbe);
      if (this.#state.spent(rows.count)) yield this.#state.session.slice();
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

  *#beginPart(): Task<boolean> {
    for (;;) {
      this.#part?.build.close();
      this.#part?.probe.close();
      const part = this.#waiting.pop();
      this.#part = part;
      if (part === undefined) return false;
      if (yield* this.#loadPart(part)) return true;
      yield* this.#spreadPart(part);
    }
  }

  /** Reads a part's right rows back; false when there are too many for memory, and spreading them again may help. */
  *#loadPart({ build, depth }: Part): Task<boolean> {
    const first = this.#key;
    let sameKeys = true;
    this.build.clear();
    while (build.advance()) {
      const { bytes, keyAt, keyLength } = build;
      if (this.build.count === 0) {
        first.length = 0;
        first.append(bytes, keyAt, keyAt + keyLength);
      } else sameKeys &&= compareKeys(bytes, keyAt, keyAt + keyLength, first.bytes, 0, first.length) === 0;
      this.build.appendRow(bytes, build.view, build.rowAt);
      if (this.build.count % MOVE_ROWS !== 0) continue;
      if (this.#state.spent(MOVE_ROWS)) yield this.#state.session.slice();
      if (depth < DEPTH_MAX && !sameKeys && this.#isTooLarge()) return false;
    }
    return true;
  }

  /** Spreads both sides of a part over parts of their own. */
  *#spreadPart(part: Part): Task<void> {
    const { left, right } = this.#sides;
    this.build.clear();
    const spread = {
      build: new Partitions(this.#owner, right.shape, part.depth),
      probe: new Partitions(this.#owner, left.shape, part.depth),
    };
    this.#spreading = spread;
    part.build.rewind();
    for (const side of ['build', 'probe'] as const) {
      const rows = part[side];
      for (let n = 1; rows.advance(); n++) {
        spread[side].addFrom(rows);
        if (n % MOVE_ROWS === 0 && this.#state.spent(MOVE_ROWS)) yield this.#state.session.slice();
      }
    }
    this.#listParts(spread, part.depth + 1);
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

  close(): void {
    this.#left.close();
    this.#right.close();
    this.#closeParts();
    this.#partRows?.release();
    this.build.release();
  }
}
