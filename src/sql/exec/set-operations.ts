/**
 * UNION ALL, INTERSECT and EXCEPT.
 *
 * INTERSECT and EXCEPT count the right side's rows by their key in a hash table, then ask it for each left row. Beyond
 * `work_mem` keys that the table lacks go to disk, and so do left rows with such keys, both spread by the keys' hashes; then
 * part after part is handled in the same way. A key is either in the table or on disk, never in both: once a round has begun
 * to put keys aside, it adds none.
 *
 *   round:  right rows ─> table: key → rows left over     └─ (full) ─> right parts ┐
 *           left rows  ─> found: decide    not found: put out, drop or ─> left parts ┴─> 16 later rounds
 */
import type { Task } from '../../base/task.ts';
import { KeyWriter, RowBuffer } from '../../engine/record-port.ts';
import { HashTable } from './hash-table.ts';
import { appendHashValue } from './key-values.ts';
import { eachRow, Operator, type PlanNode, startPlan } from './operator.ts';
import type { Shape } from './shape.ts';
import { DEPTH_MAX, Partitions, SPILL_ROWS_MIN, type SpilledRows } from './spill.ts';
import { Env, type ExecState } from './state.ts';
import { columnReader } from './values.ts';

/** Keys read back from disk between two looks at the clock. */
const READ_KEYS = 256;

/** Appends the hash key of all columns of the environment's first record. */
function wholeRowKey(shape: Shape): (env: Env, key: KeyWriter) => void {
  const readers = shape.columns.map((_, i) => columnReader(shape, i, 0));
  return (env, key) => {
    for (let i = 0; i < readers.length; i++) appendHashValue(key, shape.columns[i]!.physical, readers[i]!(env));
  };
}

/** A set operation. The inputs' columns match the node's by position; their kinds are equal. UNION without ALL is an aggregation above one with it. */
export class SetOpPlan implements PlanNode {
  readonly shape: Shape;
  readonly rows: number;
  readonly title: string;
  readonly details: readonly string[] = [];
  readonly children: readonly PlanNode[];
  readonly op: 'union' | 'intersect' | 'except';
  readonly all: boolean;
  readonly key: (env: Env, key: KeyWriter) => void;

  constructor(
    left: PlanNode,
    right: PlanNode,
    shape: Shape,
    op: 'union' | 'intersect' | 'except',
    all: boolean,
    rows: number,
  ) {
    this.shape = shape;
    this.rows = rows;
    this.op = op;
    this.all = all;
    this.title = op === 'union' ? 'Append' : `HashSetOp ${op[0]!.toUpperCase()}${op.slice(1)}${all ? ' All' : ''}`;
    this.children = [left, right];
    this.key = wholeRowKey(shape);
  }

  start(state: ExecState): Operator {
    return this.op === 'union' ? new AppendOperator(state, this) : new HashSetOperator(state, this);
  }
}

/** The rows of one side, then those of the other. */
class AppendOperator extends Operator {
  readonly #sides: readonly Operator[];
  #side = 0;

  constructor(state: ExecState, plan: SetOpPlan) {
    super(state);
    this.#sides = plan.children.map((child) => startPlan(child, state));
  }

  *open(): Task<void> {
    this.loops++;
    this.#side = 0;
    yield* this.#sides[0]!.open();
  }

  *next(): Task<RowBuffer | undefined> {
    for (;;) {
      const rows = yield* this.#sides[this.#side]!.next();
      if (rows !== undefined) {
        this.producedRows += rows.count;
        return rows;
      }
      if (this.#side === 1) return undefined;
      this.#side = 1;
      yield* this.#sides[1]!.open();
    }
  }

  close(): void {
    for (const side of this.#sides) side.close();
  }
}

/** What a round put aside: keys of the right side, rows of the left. */
interface Aside {
  readonly right: Partitions;
  readonly left: Partitions;
}

interface Part {
  readonly right: SpilledRows;
  readonly left: SpilledRows;
  readonly depth: number;
}

class HashSetOperator extends Operator {
  readonly #plan: SetOpPlan;
  readonly #left: Operator;
  readonly #right: Operator;
  readonly #env: Env;
  readonly #out: RowBuffer;
  readonly #table: HashTable;
  readonly #key = new KeyWriter();
  /** Rows of the right side per entry that are still unanswered. */
  #counts = new Int32Array(64);
  #aside: Aside | undefined;
  #waiting: Part[] = [];
  /** The part being handled; undefined = the first round, from the inputs themselves. */
  #part: Part | undefined;
  #partRows: RowBuffer | undefined;

  constructor(state: ExecState, plan: SetOpPlan) {
    super(state);
    this.#plan = plan;
    this.#left = startPlan(plan.children[0]!, state);
    this.#right = startPlan(plan.children[1]!, state);
    this.#env = new Env(state);
    this.#out = new RowBuffer(plan.shape.layout, state.memory);
    this.#table = new HashTable(state.memory);
  }

  *open(): Task<void> {
    this.loops++;
    this.#reset();
    yield* this.#right.open();
    for (;;) {
      const rows = yield* this.#right.next();
      if (rows === undefined) break;
      yield* eachRow(this.#env, rows, this.#takeRight);
      if (this.state.spent(rows.count)) yield this.state.session.slice();
    }
    yield* this.#left.open();
  }

  readonly #takeRight = (): void => {
    this.#makeKey();
    this.#countRight();
  };

  readonly #takeLeft = (): void => {
    this.#makeKey();
    if (this.#keepsLeft()) this.#out.appendRow(this.#env.b0, this.#env.v0, this.#env.r0);
  };

  #makeKey(): void {
    this.#key.length = 0;
    this.#plan.key(this.#env, this.#key);
  }

  #countRight(): void {
    const key = this.#key;
    let entry = this.#table.find(key.bytes, key.length);
    if (entry < 0) {
      if (this.#putsAside()) {
        this.#aside!.right.addKey(key);
        return;
      }
      entry = this.#table.findOrAdd(key.bytes, key.length);
      if (entry >= this.#counts.length) this.#growCounts();
      this.#counts[entry] = 0;
    }
    this.#counts[entry] = this.#counts[entry]! + 1;
  }

  #growCounts(): void {
    const larger = new Int32Array(this.#counts.length * 2);
    larger.set(this.#counts);
    this.#counts = larger;
  }

  /** Decides about the environment's left row, whose key is made. */
  #keepsLeft(): boolean {
    const { op, all } = this.#plan;
    const key = this.#key;
    const entry = this.#table.find(key.bytes, key.length);
    if (entry < 0) {
      // EXCEPT puts a row out the first time its key is met, so it must remember the key: here or on disk.
      const remembers = op === 'except' && !all;
      if (this.#aside !== undefined || (remembers && this.#putsAside())) {
        this.#aside!.left.add(this.#env.b0, this.#env.v0, this.#env.r0, key);
        return false;
      }
      if (remembers) this.#table.findOrAdd(key.bytes, key.length);
      return op === 'except';
    }
    if (op === 'except' && !all) return false;
    const unanswered = this.#counts[entry]!;
    if (unanswered > 0) this.#counts[entry] = all ? unanswered - 1 : 0;
    return op === 'intersect' ? unanswered > 0 : unanswered === 0;
  }

  /** True when new keys go to disk: from the first one in a round. */
  #putsAside(): boolean {
    if (this.#aside !== undefined) return true;
    const depth = this.#part?.depth ?? 0;
    if (this.#table.count < SPILL_ROWS_MIN || !this.state.memory.exceeded || depth >= DEPTH_MAX) return false;
    const { shape } = this.#plan;
    this.#aside = { right: new Partitions(this, shape, depth), left: new Partitions(this, shape, depth) };
    return true;
  }

  *next(): Task<RowBuffer | undefined> {
    const out = this.#out;
    out.clear();
    while (out.count === 0) {
      const rows = yield* this.#nextLeft();
      if (rows === undefined) {
        this.#endRound();
        if (!(yield* this.#beginPart())) return undefined;
        continue;
      }
      yield* eachRow(this.#env, rows, this.#takeLeft);
      if (this.state.spent(rows.count)) yield this.state.session.slice();
    }
    this.producedRows += out.count;
    return out;
  }

  *#nextLeft(): Task<RowBuffer | undefined> {
    if (this.#part === undefined) return yield* this.#left.next();
    this.#partRows ??= new RowBuffer(this.#plan.shape.layout, this.state.memory);
    return this.#part.left.batch(this.#partRows) ? this.#partRows : undefined;
  }

  /** What the round put aside becomes parts that wait; without left rows nothing can come of a part. */
  #endRound(): void {
    const depth = (this.#part?.depth ?? 0) + 1;
    this.#part?.left.close();
    this.#aside?.left.seal();
    for (const [i, left] of (this.#aside?.left.parts ?? []).entries()) {
      const right = this.#aside!.right.parts[i]!;
      if (left.count > 0) this.#waiting.push({ right, left, depth });
      else right.close();
    }
    this.#aside = undefined;
  }

  /** Takes the next part's right side in; false when no part is left. */
  *#beginPart(): Task<boolean> {
    const part = this.#waiting.pop();
    this.#part = part;
    if (part === undefined) return false;
    this.#table.clear();
    const { right } = part;
    for (let n = 1; right.advance(); n++) {
      this.#key.length = 0;
      this.#key.append(right.bytes, right.keyAt, right.keyAt + right.keyLength);
      this.#countRight();
      if (n % READ_KEYS === 0 && this.state.spent(READ_KEYS)) yield this.state.session.slice();
    }
    right.close();
    return true;
  }

  #reset(): void {
    this.#table.clear();
    for (const part of [...this.#waiting, ...(this.#part === undefined ? [] : [this.#part])]) {
      part.right.close();
      part.left.close();
    }
    this.#waiting = [];
    this.#part = undefined;
    this.#aside?.right.close();
    this.#aside?.left.close();
    this.#aside = undefined;
  }

  close(): void {
    this.#left.close();
    this.#right.close();
    this.#reset();
    this.#partRows?.release();
    this.#out.release();
  }
}
