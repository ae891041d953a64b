/**
 * The rows of a partitioned table: those of its partitions, one after another, of only those that can have any.
 *
 *   open ── the conditions' values ──> partitions 2, 5 ── rows of 2 ── rows of 5 ──> end
 *
 * Which partitions are read is decided when the scan opens: parameters, and the outer row of a nested loop, are known then.
 * A partition's own scan is made when it is first read.
 */
import type { Task } from '../../base/task.ts';
import type { RowBuffer } from '../../engine/record-port.ts';
import type { PartitionBounds } from '../partitions/bounds.ts';
import { evaluateRow, Operator, type PlanNode, startPlan, WAITS } from './operator.ts';
import { type CompiledRange, keyRanges } from './scan-ranges.ts';
import type { Shape } from './shape.ts';
import { Env, type ExecState } from './state.ts';

/** Which partitions of one partitioned table can have rows, and what lies below them. */
export interface Pruning {
  readonly bounds: PartitionBounds;
  /** What the conditions say of its keys; undefined = nothing. */
  readonly range: CompiledRange | undefined;
  /** The conditions' values are known when the statement begins: they are of no outer row. */
  readonly isInitial: boolean;
  /** Per partition in `bounds` the number of its plan, or what is below it. */
  readonly children: readonly (Pruning | number)[];
}

/** The numbers of the plans that a scan must read, ascending; `env` gives the conditions' values. May suspend. */
function survivors(env: Env, { bounds, range, children }: Pruning, into: number[]): number[] {
  const positions = range === undefined ? bounds.all : bounds.within(keyRanges(env, range), isWhole(range));
  for (const position of positions) {
    const child = children[position]!;
    if (typeof child === 'number') into.push(child);
    else survivors(env, child, into);
  }
  return into;
}

/** Are all parts of the key given, so that each range is one key? */
function isWhole({ spec }: CompiledRange): boolean {
  return spec.equals.length + (spec.anyOf === undefined ? 0 : 1) === spec.parts.length;
}

/** The numbers of the plans that the statement will read, for EXPLAIN; undefined when that depends on rows. */
export function* initialSurvivors(state: ExecState, { pruning }: AppendPlan): Task<readonly number[] | undefined> {
  if (!isInitial(pruning)) return undefined;
  const env = new Env(state);
  return yield* evaluateRow(env, () => survivors(env, pruning, []));
}

function isInitial(pruning: Pruning): boolean {
  return pruning.isInitial && pruning.children.every((child) => typeof child === 'number' || isInitial(child));
}

export class AppendPlan implements PlanNode {
  readonly shape: Shape;
  readonly rows: number;
  readonly title = 'Append';
  readonly details: readonly string[];
  readonly children: readonly PlanNode[];
  readonly pruning: Pruning;

  /** @param children - plans of equal shapes, `shape` one of them. */
  constructor(children: readonly PlanNode[], shape: Shape, pruning: Pruning, rows: number, details: readonly string[]) {
    this.children = children;
    this.shape = shape;
    this.pruning = pruning;
    this.rows = rows;
    this.details = details;
  }

  start(state: ExecState): Operator {
    return new AppendOperator(state, this);
  }
}

class AppendOperator extends Operator {
  readonly #plan: AppendPlan;
  readonly #env: Env;
  readonly #operators: (Operator | undefined)[] = [];
  #chosen: readonly number[] = [];
  #at = 0;
  #current: Operator | undefined;

  constructor(state: ExecState, plan: AppendPlan) {
    super(state);
    this.#plan = plan;
    this.#env = new Env(state);
  }

  *open(): Task<void> {
    this.loops++;
    this.#chosen = yield* evaluateRow(this.#env, () => survivors(this.#env, this.#plan.pruning, []));
    this.#at = 0;
    this.#current = undefined;
  }

  *next(): Task<RowBuffer | undefined> {
    for (;;) {
      if (this.#current === undefined) {
        const number = this.#chosen[this.#at++];
        if (number === undefined) return undefined;
        const operator = this.#operators[number] ?? startPlan(this.#plan.children[number]!, this.state);
        this.#operators[number] = operator;
        this.#current = operator;
        if (!operator.openNow()) yield* operator.open();
      }
      let rows = this.#current.nextNow();
      if (rows === WAITS) rows = yield* this.#current.next();
      if (rows !== undefined) {
        this.producedRows += rows.count;
        return rows;
      }
      this.#current = undefined;
    }
  }

  close(): void {
    for (const operator of this.#operators) operator?.close();
  }
}
