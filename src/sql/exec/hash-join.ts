/**
 * Hash join: right rows are gathered and hashed by their join keys, left rows look their partners up.
 *
 * `join-rounds.ts` brings both sides in rounds that fit in memory. A *prober* finds the pairs of a round (`hash-probe.ts`).
 *
 *   round: link the right rows ─> probe batch after batch of left rows ─> right rows without a partner (right, full)
 */
import { assert } from '../../base/assert.ts';
import type { Task } from '../../base/task.ts';
import { RowBuffer } from '../../engine/record-port.ts';
import type { AggregateWork, CompiledAggregate } from './codegen/aggregate-code.ts';
import type { FusedGroups } from './codegen/fused-groups.ts';
import { type CompiledJoin, compileJoin, compileJoinAggregate, type ProbeGroups } from './codegen/join-code.ts';
import { compileEval, type Scope } from './evaluate.ts';
import { CompiledProber, InterpretedProber, type Prober } from './hash-probe.ts';
import { type JoinOptions, type KeyMaker, KIND_TITLE, keyMaker, PairBuilder } from './join.ts';
import { JoinRounds } from './join-rounds.ts';
import { JoinTable } from './join-table.ts';
import { BATCH_ROWS, Operator, type PlanNode, pointSecond } from './operator.ts';
import { Env, type ExecState, SUSPEND } from './state.ts';
import type { Eval } from './values.ts';

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
