/**
 * Who finds the pairs of a round of a hash join: generated code, or the interpreter, which serves everything and is generated
 * code's oracle.
 */
import type { Task } from '../../base/task.ts';
import { KeyWriter, type RowBuffer } from '../../engine/record-port.ts';
import type { CompiledJoin } from './codegen/join-code.ts';
import type { HashJoinPlan } from './hash-join.ts';
import { HashTable } from './hash-table.ts';
import type { JoinTable } from './join-table.ts';
import { BATCH_ROWS, evaluateRow, holdsNow, type Operator, pointAt, pointSecond, takeRows } from './operator.ts';
import { Env, type ExecState, SUSPEND } from './state.ts';

/** Rows linked, or pairs tried, between two looks at the clock. */
const WORK_ROWS = 1024;

/** Finds the pairs of a round. */
export interface Prober {
  /** Takes the round's right rows in; false when this prober cannot. */
  link(): Task<boolean>;
  /** Another batch of left rows. */
  begin(): void;
  /** Puts pairs into `out`; true when the batch of left rows is done, false when `out` is full. */
  probe(rows: RowBuffer, out: RowBuffer): Task<boolean>;
  /** Has a right row met a left one? Asked of right and full joins. */
  hasMatched(row: number): boolean;
  release(): void;
}

/** Runs generated code. */
export class CompiledProber implements Prober {
  readonly #state: ExecState;
  readonly #code: CompiledJoin;
  readonly #table: JoinTable;
  readonly #notesMatches: boolean;

  constructor(state: ExecState, code: CompiledJoin, table: JoinTable, notesMatches: boolean) {
    this.#state = state;
    this.#code = code;
    this.#table = table;
    this.#notesMatches = notesMatches;
  }

  *link(): Task<boolean> {
    return yield* this.#table.link(this.#code.link, this.#notesMatches);
  }

  begin(): void {
    this.#table.begin();
  }

  *probe(rows: RowBuffer, out: RowBuffer): Task<boolean> {
    const table = this.#table;
    while (table.row < rows.count && out.count < BATCH_ROWS) {
      try {
        this.#code.probe(rows, table, this.#state, out);
      } catch (thrown) {
        if (thrown !== SUSPEND) throw thrown;
        yield* table.env.finishWait();
        continue;
      }
      if (this.#state.spent(table.work)) yield this.#state.session.slice();
    }
    return table.row >= rows.count;
  }

  hasMatched(row: number): boolean {
    return this.#table.matched[row] === 1;
  }

  release(): void {
    this.#table.clear();
  }
}

/** Evaluates keys and conditions pair by pair. */
export class InterpretedProber implements Prober {
  readonly #operator: Operator;
  readonly #plan: HashJoinPlan;
  readonly #build: RowBuffer;
  readonly #env: Env;
  readonly #table: HashTable;
  readonly #key = new KeyWriter();
  /** Per entry of the table its first right row, per right row the next one of its entry; row number + 1, 0 = none. */
  #first = new Int32Array(64);
  #nextOf = new Int32Array(64);
  #matched = new Uint8Array(0);
  #linked = 0;
  #row = 0;
  /** Right row number + 1 that the current left row meets next, 0 = none left; −1 = look up first. */
  #candidate = -1;
  #met = false;
  #work = 0;

  constructor(operator: Operator, plan: HashJoinPlan, build: RowBuffer) {
    this.#operator = operator;
    this.#plan = plan;
    this.#build = build;
    this.#env = new Env(operator.state);
    this.#table = new HashTable(operator.state.memory);
  }

  *link(): Task<boolean> {
    const { state } = this.#operator;
    const build = this.#build;
    this.#table.clear();
    if (this.#nextOf.length < build.count) this.#nextOf = new Int32Array(build.count);
    this.#matched = new Uint8Array(build.count);
    this.#linked = 0;
    while (this.#linked < build.count) {
      const end = Math.min(build.count, this.#linked + WORK_ROWS);
      if (takeRows(this.#env, build, this.#linked, this.#enter, end) < end) yield* this.#env.finishWait();
      if (state.spent(WORK_ROWS)) yield state.session.slice();
    }
    return true;
  }

  /** Hangs the environment's right row behind its key's entry. One whose key is null meets nobody. */
  readonly #enter = (): void => {
    const key = this.#key;
    key.length = 0;
    const usable = this.#plan.rightKey(this.#env, key);
    const row = this.#linked++;
    this.#nextOf[row] = 0;
    if (!usable) return;
    const before = this.#table.count;
    const entry = this.#table.findOrAdd(key.bytes, key.length);
    if (entry >= this.#first.length) this.#first = grown(this.#first, entry + 1);
    if (entry < before) this.#nextOf[row] = this.#first[entry]!;
    this.#first[entry] = row + 1;
  };

  begin(): void {
    this.#row = 0;
    this.#candidate = -1;
  }

  *probe(rows: RowBuffer, out: RowBuffer): Task<boolean> {
    while (this.#row < rows.count) {
      yield* this.#leftRow(rows, out);
      if (this.#candidate === -1) this.#row++;
      if (out.count >= BATCH_ROWS) break;
    }
    return this.#row >= rows.count;
  }

  /** Puts out what the current left row meets until it is done (`#candidate` is −1 again) or the batch is full. */
  *#leftRow(rows: RowBuffer, out: RowBuffer): Task<void> {
    const env = this.#env;
    const { state } = this.#operator;
    const { residual, options } = this.#plan;
    const { type } = options;
    pointAt(env, rows, this.#row);
    if (this.#candidate === -1) {
      this.#met = false;
      this.#candidate = this.#lookUpNow() ?? (yield* this.#lookUpLater());
    }
    while (this.#candidate > 0) {
      const row = this.#candidate - 1;
      pointSecond(env, this.#build, this.#build.index[row]!);
      const matches = holdsNow(env, residual) ?? (yield* evaluateRow(env, () => residual?.(env))) === true;
      this.#candidate = this.#nextOf[row]!;
      if (matches) {
        this.#met = true;
        this.#matched[row] = 1;
        if (type === 'semi' || type === 'anti') this.#candidate = 0;
        else this.#plan.pairs.build(env, out);
      }
      if (out.count >= BATCH_ROWS && this.#candidate > 0) return;
      if (++this.#work % WORK_ROWS === 0 && state.spent(WORK_ROWS)) yield state.session.slice();
    }
    const alone = type === 'left' || type === 'full' || type === 'anti';
    if (type === 'semi' ? this.#met : alone && !this.#met) {
      env.null1 = true;
      this.#plan.pairs.build(env, out);
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

  #lookUp(): number {
    const key = this.#key;
    key.length = 0;
    if (!this.#plan.leftKey(this.#env, key)) return 0;
    const entry = this.#table.find(key.bytes, key.length);
    return entry < 0 ? 0 : this.#first[entry]!;
  }

  hasMatched(row: number): boolean {
    return this.#matched[row] === 1;
  }

  release(): void {
    this.#table.clear();
  }
}

function grown(old: Int32Array<ArrayBuffer>, need: number): Int32Array<ArrayBuffer> {
  const next = new Int32Array(Math.max(need, old.length * 2));
  next.set(old);
  return next;
}
