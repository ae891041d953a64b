/**
 * The new rows of a change: wide records of the table's live columns.
 *
 *   input row ── build ──> new row ── complete ──> generated columns ── check ──> NOT NULL, CHECK, its partition's bounds
 */
import type { Task } from '../../base/task.ts';
import type { IndexObject } from '../../engine/catalog.ts';
import { RowBuffer } from '../../engine/record-port.ts';
import type { ModifyPlan } from './modify.ts';
import { evaluateNow, evaluateRow, pointAt } from './operator.ts';
import { Env, type ExecState } from './state.ts';
import { uniqueViolation } from './violations.ts';

/** Builds the new rows of one change, a batch of input at a time. */
export class NewRows {
  readonly rows: RowBuffer;
  /** Points to an input row (0) or, while checking, to the new row. */
  readonly env: Env;
  /** Does the row that was built last belong here? */
  stays = true;
  readonly #state: ExecState;
  readonly #plan: ModifyPlan;

  constructor(state: ExecState, plan: ModifyPlan) {
    this.#state = state;
    this.#plan = plan;
    this.env = new Env(state);
    this.rows = new RowBuffer(plan.options.access.wideLayout, state.memory);
  }

  /** Made once: they run for every row. */
  readonly #build = (): void => {
    this.rows.start();
    this.#plan.build!(this.env, this.rows);
    this.rows.finish();
  };
  readonly #undoBuild = (): void => this.rows.abandon();

  /** Makes and checks the new row on the spot. @returns its number, or −1: {@link make} goes on. */
  makeNow(input: RowBuffer, i: number): number {
    const { env } = this;
    const { rules } = this.#plan;
    if (rules.checksRows || this.#plan.levels !== undefined || env.isWaiting) return -1;
    pointAt(env, input, i);
    if (!evaluateNow(env, this.#build, this.#undoBuild)) return -1;
    const number = this.rows.count - 1;
    pointAt(env, this.rows, number);
    rules.checkNotNull(env);
    return number;
  }

  /** @returns the new row's number. @throws 23502, 23514 */
  *make(input: RowBuffer, i: number): Task<number> {
    const { env } = this;
    const { rules } = this.#plan;
    yield* this.build(input, i);
    const number = yield* rules.complete(env, this.rows, this.rows.count - 1);
    // What a row that goes elsewhere is checked by is a matter of where it goes.
    this.stays = this.#plan.options.kind === 'insert' || (yield* this.staysHere(number));
    if (this.stays) yield* rules.check(env, this.rows, number);
    return number;
  }

  /** Makes the new row, neither completed nor checked. */
  *build(input: RowBuffer, i: number): Task<void> {
    pointAt(this.env, input, i);
    yield* evaluateRow(this.env, this.#build, this.#undoBuild);
  }

  /** Makes what ON CONFLICT DO UPDATE writes of the rows that the environment points to. @returns its number. */
  *makeOfConflict(): Task<number> {
    const { env } = this;
    const { conflictBuild, rules } = this.#plan;
    yield* evaluateRow(
      env,
      () => {
        this.rows.start();
        conflictBuild!(env, this.rows);
        this.rows.finish();
      },
      this.#undoBuild,
    );
    const number = yield* rules.complete(env, this.rows, this.rows.count - 1);
    yield* rules.check(env, this.rows, number);
    return number;
  }

  /** Does a new row belong to the partition that the old one is in? */
  *staysHere(number: number): Task<boolean> {
    const { levels } = this.#plan;
    if (levels === undefined) return true;
    pointAt(this.env, this.rows, number);
    return yield* evaluateRow(this.env, () => levels.holds(this.env));
  }

  /** @returns 23505 for a new row that a unique index has already. */
  *duplicate(number: number, index: IndexObject): Task<Error> {
    const { env } = this;
    pointAt(env, this.rows, number);
    const keys = yield* evaluateRow(env, () => this.#plan.rules.keyValues(env, index));
    const { session, context } = this.#state;
    return uniqueViolation(session.catalog, this.#plan.options.access.table, index, keys, context);
  }
}
