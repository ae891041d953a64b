/**
 * The rows that UPDATE and DELETE are about: each row of the input carries the key of one, which is locked in its newest version
 * before it is changed. All of it is about the input row that the environment points to.
 */
import type { RecordLayout, RowLockMode } from '../../engine/record-port.ts';
import type { KeySet } from './key-set.ts';
import type { ModifyPlan } from './modify.ts';
import type { RowHolder } from './row-holder.ts';
import type { Env, ExecState } from './state.ts';

/** Finds and locks the rows of one UPDATE or DELETE. */
export class TargetRows {
  readonly #state: ExecState;
  readonly #env: Env;
  readonly #holder: RowHolder;
  readonly #done: KeySet;
  readonly #layout: RecordLayout;
  /** Column of the input that holds the row key; −1 for INSERT, which has none. */
  readonly #key: number;

  constructor(state: ExecState, { options }: ModifyPlan, env: Env, holder: RowHolder, done: KeySet) {
    this.#state = state;
    this.#env = env;
    this.#holder = holder;
    this.#done = done;
    this.#layout = options.input.shape.layout;
    this.#key = options.kind === 'insert' ? -1 : options.input.shape.require(options.key);
  }

  /** True when the input row is about no row, as an outer join gives them. */
  isNone(): boolean {
    return this.#layout.isNull(this.#key, this.#env.b0, this.#env.r0);
  }

  /** Attempts to lock the row: {@link RowHolder.attempt}. */
  lockNow(mode: RowLockMode): number {
    const env = this.#env;
    const layout = this.#layout;
    const variable = layout.variableIndex[this.#key]!;
    const from = env.r0 + layout.variableStart(variable, env.v0, env.r0);
    return this.#holder.attempt(env.b0, from, env.r0 + layout.variableEnd(variable, env.v0, env.r0), mode);
  }

  /** True when the row just locked has changed since the snapshot, by others. */
  isNewer(): boolean {
    const seq = this.#holder.row.commitSeq;
    return seq !== Number.POSITIVE_INFINITY && seq > this.#state.snapshot.commitSeq;
  }

  /** False when the row was changed by this statement already. */
  isFirst(): boolean {
    const env = this.#env;
    const layout = this.#layout;
    const variable = layout.variableIndex[this.#key]!;
    const from = env.r0 + layout.variableStart(variable, env.v0, env.r0);
    const to = env.r0 + layout.variableEnd(variable, env.v0, env.r0);
    return this.#done.add(env.b0.subarray(from, to), to - from);
  }
}
