/**
 * Hash join: right rows are gathered and hashed by their join keys, left rows look their partners up.
 *
 * `join-rounds.ts` brings both sides in rounds that fit in memory. A *prober* finds the pairs of a round: generated code, or
 * the interpreter, which serves everything and is generated code's oracle.
 *
 *   round: link the right rows ─> probe batch after batch of left rows ─> right rows without a partner (right, full)
 */
import { assert } from '../../base/assert.ts';
import type { Task } from '../../base/task.ts';
import { KeyWriter, RowBuffer } from '../../engine/record-port.ts';
import type { AggregateWork, CompiledAggregate } from './codegen/aggregate-code.ts';
import type { FusedGroups } from './codegen/fused-groups.ts';
import { type CompiledJoin, compileJoin, compileJoinAggregate, type ProbeGroups } from './codegen/join-code.ts';
import { compileEval, type Scope } from './evaluate.ts';
import { HashTable } from './hash-table.ts';
import { type JoinOptions, type KeyMaker, KIND_TITLE, keyMaker, PairBuilder } from './join.ts';
import { JoinRounds } from './join-rounds.ts';
import { JoinTable } from './join-table.ts';
import {
  BATCH_ROWS,
  evaluateRow,
  holdsNow,
  Operator,
  type PlanNode,
  pointAt,
  pointSecond,
  takeRows,
} from './operator.ts';
import { Env, type ExecState, SUSPEND } from './state.ts';
import type { Eval } from './values.ts';

/** Rows linked, or pairs tried, between two looks at the clock. */
const WORK_ROWS = 1024;
/** Generated code takes over at about this many rows, or at this execution. */
const COMPILE_ROWS = 1000;
const COMPILE_STARTS = 3;

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
  #starts = 0;
  #compiled: { readonly join: CompiledJoin | undefined } | undefined;

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

  start(state: ExecState): HashJoinOperator {
    return new HashJoinOperator(state, this, this.compiled());
  }

  /** The generated code, when there is some and it has been earned. */
  compiled(): CompiledJoin | undefined {
    this.#starts++;
    const { left, right, rows } = this.options;
    if (Math.max(left.rows, right.rows, rows) < COMPILE_ROWS && this.#starts < COMPILE_STARTS) return undefined;
    this.#compiled ??= { join: compileJoin(this.options) };
    return this.#compiled.join;
  }

  /** Generated code that aggregates the pairs, where all of it is covered. */
  compileAggregate(work: AggregateWork): CompiledAggregate<ProbeGroups> | undefined {
    return this.compiled() === undefined ? undefined : compileJoinAggregate(this.options, work);
  }

  /** Generated code, for EXPLAIN. */
  get generated(): string | undefined {
    return this.#compiled?.join?.source;
  }
}

/** Finds the pairs of a round. */
interface Prober {
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

export class HashJoinOperator extends Operator {
  readonly #plan: HashJoinPlan;
  readonly #rounds: JoinRounds;
  readonly #out: RowBuffer;
  readonly #compiled: CompiledJoin | undefined;
  #prober: Prober;
  #table: JoinTable | undefined;
  #rows: RowBuffer | undefined;
  /** The right row that is looked at for want of a left one; −1 = left rows come first. */
  #unmatched = -1;
  readonly #emitsUnmatchedRight: boolean;

  constructor(state: ExecState, plan: HashJoinPlan, compiled: CompiledJoin | undefined) {
    super(state);
    const { left, right, type } = plan.options;
    const { leftKey, rightKey } = plan;
    this.#plan = plan;
    this.#emitsUnmatchedRight = type === 'right' || type === 'full';
    const keepsLeft = type === 'left' || type === 'full' || type === 'anti';
    this.#rounds = new JoinRounds(this, {
      left,
      right,
      leftKey,
      rightKey,
      keepsLeft,
      keepsRight: this.#emitsUnmatchedRight,
    });
    this.#out = new RowBuffer(plan.shape.layout, state.memory);
    this.#compiled = compiled;
    this.#prober = this.#firstProber();
  }

  #firstProber(): Prober {
    if (this.#compiled === undefined) return new InterpretedProber(this, this.#plan, this.#rounds.build);
    this.#table = new JoinTable(this.state, this.#rounds.build);
    return new CompiledProber(this.state, this.#compiled, this.#table, this.#emitsUnmatchedRight);
  }

  *open(): Task<void> {
    this.loops++;
    this.#rows = undefined;
    this.#unmatched = -1;
    yield* this.#rounds.open();
    yield* this.#link();
  }

  /** Hashes the round's right rows; what generated code cannot read, the interpreter does from here on. */
  *#link(): Task<void> {
    if (yield* this.#prober.link()) return;
    this.#prober.release();
    this.#table = undefined;
    this.#prober = new InterpretedProber(this, this.#plan, this.#rounds.build);
    assert(yield* this.#prober.link(), 'the interpreter reads every key');
  }

  *#nextRound(): Task<boolean> {
    if (!(yield* this.#rounds.nextRound())) return false;
    this.#unmatched = -1;
    yield* this.#link();
    return true;
  }

  *next(): Task<RowBuffer | undefined> {
    const out = this.#out;
    out.clear();
    while (out.count < BATCH_ROWS) {
      if (this.#unmatched >= 0) {
        this.#emitUnmatchedRight();
        if (this.#unmatched < this.#rounds.build.count || out.count > 0 || !(yield* this.#nextRound())) break;
        continue;
      }
      if (this.#rows === undefined) {
        this.#rows = yield* this.#rounds.nextLeft();
        if (this.#rows === undefined) {
          if (this.#emitsUnmatchedRight) this.#unmatched = 0;
          else if (!(yield* this.#nextRound())) break;
          continue;
        }
        this.#prober.begin();
        if (this.state.spent(this.#rows.count)) yield this.state.session.slice();
      }
      if (yield* this.#prober.probe(this.#rows, out)) this.#rows = undefined;
    }
    this.producedRows += out.count;
    return out.count === 0 ? undefined : out;
  }

  #emitUnmatchedRight(): void {
    const env = new Env(this.state);
    const { build } = this.#rounds;
    env.null0 = true;
    while (this.#unmatched < build.count && this.#out.count < BATCH_ROWS) {
      const row = this.#unmatched++;
      if (this.#prober.hasMatched(row)) continue;
      pointSecond(env, build, build.index[row]!);
      this.#plan.pairs.build(env, this.#out);
    }
  }

  /**
   * Runs an aggregation over all pairs, instead of `next`; the operator is open. False when generated code cannot: nothing has
   * been aggregated then, and `next` gives the pairs. (Whether a part on disk has long texts shows when its round comes.)
   */
  *aggregate(code: ProbeGroups, groups: FusedGroups): Task<boolean> {
    if (this.#table === undefined || (this.#compiled!.readsText && this.#rounds.isSpread)) return false;
    for (;;) {
      const rows = yield* this.#rounds.nextLeft();
      if (rows === undefined) {
        if (!(yield* this.#nextRound())) return true;
        assert(this.#table !== undefined, 'only texts are too long for generated code');
        continue;
      }
      yield* this.#aggregateBatch(code, rows, this.#table, groups);
    }
  }

  *#aggregateBatch(code: ProbeGroups, rows: RowBuffer, table: JoinTable, groups: FusedGroups): Task<void> {
    table.begin();
    while (table.row < rows.count) {
      try {
        code(rows, table, this.state, groups);
      } catch (thrown) {
        if (thrown !== SUSPEND) throw thrown;
        yield* (table.env.isWaiting ? table.env : groups.env).finishWait();
        continue;
      }
      this.producedRows += table.pairs;
      if (this.state.spent(table.work + rows.count)) yield this.state.session.slice();
    }
  }

  close(): void {
    this.#prober.release();
    this.#rounds.close();
    this.#out.release();
  }
}

/** Runs generated code. */
class CompiledProber implements Prober {
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
class InterpretedProber implements Prober {
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
