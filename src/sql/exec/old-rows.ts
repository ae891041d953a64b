/**
 * The old rows of a change: the target's live columns of an input row as a wide record, and input rows whose target has
 * become newer since the snapshot.
 *
 *   input row:  saved columns of the other tables | live columns of the target, as the snapshot saw them | its key
 *   merged:     saved columns of the other tables | live columns of the target, as they are now          | its key
 */
import { type RecordLayout, type Row, RowBuffer } from '../../engine/record-port.ts';
import type { TableAccess } from '../../engine/table-access.ts';
import { type Copier, columnCopier } from './copy.ts';
import type { DeleteOptions, ModifyPlan, UpdateOptions } from './modify.ts';
import { pointAt } from './operator.ts';
import type { Env, ExecState } from './state.ts';

/** Keeps the old rows of one change, a batch of input at a time. */
export class OldRows {
  readonly rows: RowBuffer;
  /** At most one input row. */
  readonly merged: RowBuffer;
  readonly #plan: ModifyPlan;
  readonly #access: TableAccess;
  readonly #env: Env;

  /** @param env - is left pointing to the input row that was copied. */
  constructor(state: ExecState, plan: ModifyPlan, env: Env) {
    this.#plan = plan;
    this.#access = plan.options.access;
    this.#env = env;
    this.rows = new RowBuffer(this.#access.wideLayout, state.memory);
    this.merged = new RowBuffer(plan.options.input.shape.layout, state.memory);
  }

  /** Copies the target's live columns of an input row as a wide row. @returns its number. */
  copyOf(input: RowBuffer, i: number): number {
    const env = this.#env;
    pointAt(env, input, i);
    this.rows.start();
    this.#oldCopy(env, this.rows);
    this.rows.finish();
    return this.rows.count - 1;
  }

  /** Copies a stored row as a wide row. @returns its number. */
  copyOfStored(row: Row): number {
    this.#access.toWide(row.view, row.bytes, row.start, this.rows);
    return this.rows.count - 1;
  }

  /** Copies the target's live columns of an input row into a wide row. */
  get #oldCopy(): (env: Env, out: RowBuffer) => void {
    if (this.#copyOld === undefined) {
      const options = this.#plan.options as UpdateOptions | DeleteOptions;
      const input = options.input.shape;
      const copies = options.target.map((id, to) => columnCopier(input, input.require(id), this.#plan.rules.shape, to));
      this.#copyOld = (env, out) => {
        for (const copy of copies) copy(env.v0, env.b0, env.r0, out);
      };
    }
    return this.#copyOld;
  }
  #copyOld: ((env: Env, out: RowBuffer) => void) | undefined;

  /** The input row with the target's columns taken from the newest version. @returns its number in `merged`. */
  merge(input: RowBuffer, i: number, newest: Row, options: UpdateOptions | DeleteOptions): number {
    this.#mergers ??= this.#makeMergers(options);
    const current = this.rows.index[this.copyOfStored(newest)]!;
    const saved = input.index[i]!;
    const out = this.merged;
    out.clear();
    out.start();
    for (let c = 0; c < this.#mergers.length; c++) {
      const { copy, fromNewest } = this.#mergers[c]!;
      const source = fromNewest ? this.rows : input;
      const address = fromNewest ? current : saved;
      copy(source.views[address >>> 13]!, source.chunks[address >>> 13]!, (address & 8191) << 3, out);
    }
    out.finish();
    this.rows.clear();
    return 0;
  }

  /** How {@link merge} gets each column of an input row. */
  #mergers: readonly { readonly copy: Copier; readonly fromNewest: boolean }[] | undefined;

  #makeMergers(options: UpdateOptions | DeleteOptions): { copy: Copier; fromNewest: boolean }[] {
    const input = options.input.shape;
    return input.columns.map((column, to) => {
      const target = options.target.indexOf(column.id);
      return target >= 0
        ? { copy: columnCopier(this.#plan.rules.shape, target, input, to), fromNewest: true }
        : { copy: columnCopier(input, to, input, to), fromNewest: false };
    });
  }

  release(): void {
    this.rows.release();
    this.merged.release();
  }
}

/** True when a row has values outside of it, which go when it is replaced. */
export function hasLongValues(layout: RecordLayout, input: RowBuffer, i: number): boolean {
  if (layout.variableCount === 0) return false;
  const address = input.index[i]!;
  const view = input.views[address >>> 13]!;
  for (let v = 0; v < layout.variableCount; v++) if (layout.isLong(v, view, (address & 8191) << 3)) return true;
  return false;
}
