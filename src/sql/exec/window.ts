/**
 * Window functions over one window definition.
 *
 * Rows are sorted by partition and order keys. One partition at a time is then answered: `peers` tells where groups of equal
 * order keys begin and end, and each call leaves one value per row. Frames: from the partition's start to the current row
 * (by rows or with its peers), and the whole partition; others are refused when the plan is made.
 *
 *   partition:  start ─────── peer group ─┤ ├─ … ─────── end
 */
import { fail, unsupported } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import { KeyWriter, RowBuffer } from '../../engine/record-port.ts';
import type { WindowCall, WindowNode } from '../plan/logical.ts';
import type { AggregateImpl, SqlValue } from '../types/contracts.ts';
import { type Copier, columnCopier } from './copy.ts';
import { callTypes, compileEval, type Scope } from './evaluate.ts';
import { BATCH_ROWS, evaluateRow, Operator, type PlanNode, pointAt, startPlan } from './operator.ts';
import type { Shape } from './shape.ts';
import { Sorter, type SortKeyMaker, sortKeyMaker } from './sort.ts';
import { Env, type ExecState } from './state.ts';
import { columnWriter, type Eval, type Writer } from './values.ts';

type Frame = 'partition' | 'rows to current' | 'peers to current';

interface CompiledWindowCall {
  readonly name: string;
  readonly aggregate: AggregateImpl | undefined;
  readonly strict: boolean;
  readonly args: readonly Eval[];
  readonly filter: Eval | undefined;
}

export class WindowPlan implements PlanNode {
  readonly shape: Shape;
  readonly rows: number;
  readonly title = 'WindowAgg';
  readonly details: readonly string[] = [];
  readonly children: readonly PlanNode[];
  readonly partitionKey: SortKeyMaker;
  readonly orderKey: SortKeyMaker;
  readonly calls: readonly CompiledWindowCall[];
  readonly copies: readonly Copier[];
  readonly writers: readonly Writer[];
  readonly frame: Frame;

  constructor(input: PlanNode, node: WindowNode, shape: Shape, scope: Scope) {
    const inner = { ...scope, shape0: input.shape };
    this.shape = shape;
    this.rows = input.rows;
    this.children = [input];
    this.frame = frameOf(node);
    this.partitionKey = sortKeyMaker(
      node.partition.map((expr) => ({ expr, descending: false, nullsFirst: false })),
      inner,
    );
    this.orderKey = sortKeyMaker(node.order, inner);
    const width = input.shape.columns.length;
    this.calls = node.calls.map((call, i) => compileWindowCall(call, shape.columns[width + i]!.type, inner));
    this.copies = input.shape.columns.map((_, i) => columnCopier(input.shape, i, shape, i));
    this.writers = node.calls.map((_, i) => columnWriter(shape, width + i));
  }

  start(state: ExecState): Operator {
    return new WindowOperator(state, this);
  }
}

function frameOf(node: WindowNode): Frame {
  const { mode, start, end, exclude } = node.frame;
  if (exclude !== 'no others') throw unsupported('frame exclusion');
  if (start.kind !== 'unbounded preceding')
    throw unsupported('a window frame that does not start at UNBOUNDED PRECEDING');
  if (end.kind === 'unbounded following') return 'partition';
  if (end.kind !== 'current row') throw unsupported('a window frame that ends at an offset');
  return mode === 'rows' ? 'rows to current' : 'peers to current';
}

function compileWindowCall(call: WindowCall, result: number, scope: Scope): CompiledWindowCall {
  const types = callTypes(call.args, result);
  return {
    name: call.fn?.name ?? call.aggregate!.name,
    aggregate: call.aggregate?.specialize(types),
    strict: call.aggregate?.strict ?? false,
    args: call.args.map((a) => compileEval(a, scope)),
    filter: call.filter === undefined ? undefined : compileEval(call.filter, scope),
  };
}

/** One partition while its calls are answered. `at(i)` points the environment at its i-th row. */
interface Partition {
  readonly count: number;
  readonly peerStart: Uint32Array;
  readonly peerEnd: Uint32Array;
  readonly state: ExecState;
  readonly env: Env;
  readonly frame: Frame;
  at(i: number): void;
}

class WindowOperator extends Operator {
  readonly #plan: WindowPlan;
  readonly #input: Operator;
  readonly #env: Env;
  readonly #sorter: Sorter;
  readonly #out: RowBuffer;
  #partitionBytes: number[] = [];
  #gathered = false;
  #start = 0;
  #end = 0;
  #next = 0;
  #values: SqlValue[][] = [];

  constructor(state: ExecState, plan: WindowPlan) {
    super(state);
    this.#plan = plan;
    this.#input = startPlan(plan.children[0]!, state);
    this.#env = new Env(state);
    this.#sorter = new Sorter(state, plan.children[0]!.shape);
    this.#out = new RowBuffer(plan.shape.layout, state.memory);
  }

  *open(): Task<void> {
    this.loops++;
    this.#sorter.clear();
    this.#partitionBytes = [];
    this.#gathered = false;
    this.#start = 0;
    this.#end = 0;
    this.#next = 0;
    yield* this.#input.open();
  }

  *next(): Task<RowBuffer | undefined> {
    if (!this.#gathered) yield* this.#gather();
    const out = this.#out;
    const { copies, writers } = this.#plan;
    const { order, rows } = this.#sorter;
    out.clear();
    while (out.count < BATCH_ROWS) {
      if (this.#next >= this.#end) {
        if (this.#end >= order.length) break;
        yield* this.#answerPartition();
      }
      pointAt(this.#env, rows, order[this.#next]!);
      out.start();
      for (const copy of copies) copy(this.#env.v0, this.#env.b0, this.#env.r0, out);
      for (let c = 0; c < writers.length; c++) writers[c]!(out, this.#values[c]![this.#next - this.#start] ?? null);
      out.finish();
      this.#next++;
    }
    this.producedRows += out.count;
    return out.count === 0 ? undefined : out;
  }

  *#gather(): Task<void> {
    const key = new KeyWriter();
    const env = this.#env;
    for (;;) {
      const rows = yield* this.#input.next();
      if (rows === undefined) break;
      for (let i = 0; i < rows.count; i++) {
        pointAt(env, rows, i);
        const partition = yield* evaluateRow(env, () => {
          key.length = 0;
          this.#plan.partitionKey(env, key);
          const length = key.length;
          this.#plan.orderKey(env, key);
          return length;
        });
        this.#partitionBytes.push(partition);
        this.#sorter.add(env, key);
      }
      if (this.state.spent(rows.count)) yield this.state.session.slice();
    }
    yield* this.#sorter.sort();
    this.#gathered = true;
  }

  *#answerPartition(): Task<void> {
    const { order, rows } = this.#sorter;
    this.#start = this.#end;
    const first = order[this.#start]!;
    const bytes = this.#partitionBytes[first]!;
    let end = this.#start + 1;
    while (
      end < order.length &&
      this.#partitionBytes[order[end]!] === bytes &&
      this.#sorter.samePrefix(first, order[end]!, bytes)
    )
      end++;
    this.#end = end;
    this.#next = this.#start;
    const count = end - this.#start;
    const peerStart = new Uint32Array(count);
    const peerEnd = new Uint32Array(count);
    for (let i = 1; i < count; i++) {
      peerStart[i] =
        this.#sorter.compare(order[this.#start + i - 1]!, order[this.#start + i]!) === 0 ? peerStart[i - 1]! : i;
    }
    for (let i = count - 1; i >= 0; i--)
      peerEnd[i] = i === count - 1 || peerStart[i + 1] === i + 1 ? i + 1 : peerEnd[i + 1]!;
    const env = this.#env;
    const base = this.#start;
    const partition: Partition = {
      count,
      peerStart,
      peerEnd,
      state: this.state,
      env,
      frame: this.#plan.frame,
      at: (i) => pointAt(env, rows, order[base + i]!),
    };
    this.#values = [];
    for (const call of this.#plan.calls) {
      this.#values.push(yield* answer(call, partition));
      if (this.state.spent(count)) yield this.state.session.slice();
    }
  }

  close(): void {
    this.#input.close();
    this.#sorter.release();
    this.#out.release();
  }
}

/** Values of one argument for all rows of the partition. */
function* argument(call: CompiledWindowCall, index: number, p: Partition): Task<SqlValue[]> {
  const evaluate = call.args[index];
  const values: SqlValue[] = [];
  if (evaluate === undefined) return values;
  for (let i = 0; i < p.count; i++) {
    p.at(i);
    values.push(yield* evaluateRow(p.env, () => evaluate(p.env)));
  }
  return values;
}

/** End of the frame of row i, exclusive; frames start at 0. */
function frameEnd(p: Partition, i: number): number {
  return p.frame === 'partition' ? p.count : p.frame === 'rows to current' ? i + 1 : p.peerEnd[i]!;
}

function* answer(call: CompiledWindowCall, p: Partition): Task<SqlValue[]> {
  if (call.aggregate !== undefined) return yield* runningAggregate(call, call.aggregate, p);
  const { count, peerStart, peerEnd } = p;
  const rows = Array.from({ length: count }, (_, i) => i);
  switch (call.name) {
    case 'row_number':
      return rows.map((i) => i + 1);
    case 'rank':
      return rows.map((i) => peerStart[i]! + 1);
    case 'dense_rank': {
      let rank = 0;
      return rows.map((i) => (peerStart[i] === i ? ++rank : rank));
    }
    case 'percent_rank':
      return rows.map((i) => (count === 1 ? 0 : peerStart[i]! / (count - 1)));
    case 'cume_dist':
      return rows.map((i) => peerEnd[i]! / count);
    case 'ntile':
      return ntile(count, (yield* argument(call, 0, p))[0] ?? null);
    case 'lag':
    case 'lead':
      return yield* shifted(call, p, call.name === 'lead' ? 1 : -1);
    case 'first_value': {
      const values = yield* argument(call, 0, p);
      return rows.map(() => values[0] ?? null);
    }
    case 'last_value': {
      const values = yield* argument(call, 0, p);
      return rows.map((i) => values[frameEnd(p, i) - 1] ?? null);
    }
    case 'nth_value': {
      const values = yield* argument(call, 0, p);
      const numbers = yield* argument(call, 1, p);
      return rows.map((i) => nth(values, numbers[i] ?? null, frameEnd(p, i)));
    }
    default:
      throw unsupported(`window function ${call.name}`);
  }
}

function nth(values: readonly SqlValue[], n: SqlValue, end: number): SqlValue {
  if (n === null) return null;
  if ((n as number) < 1)
    throw fail('invalid_argument_for_nth_value_function', 'argument of nth_value must be greater than zero');
  return (n as number) <= end ? (values[(n as number) - 1] ?? null) : null;
}

function ntile(count: number, buckets: SqlValue): SqlValue[] {
  if (buckets === null) return Array.from({ length: count }, () => null);
  const n = buckets as number;
  if (n < 1) throw fail('invalid_argument_for_ntile_function', 'argument of ntile must be greater than zero');
  const small = Math.floor(count / n);
  const large = count % n;
  const border = large * (small + 1);
  return Array.from(
    { length: count },
    (_, i) => (i < border ? Math.floor(i / (small + 1)) : large + Math.floor((i - border) / small)) + 1,
  );
}

function* shifted(call: CompiledWindowCall, p: Partition, sign: 1 | -1): Task<SqlValue[]> {
  const values = yield* argument(call, 0, p);
  const offsets = yield* argument(call, 1, p);
  const defaults = yield* argument(call, 2, p);
  return values.map((_, i) => {
    const offset = call.args.length > 1 ? (offsets[i] ?? null) : 1;
    if (offset === null) return null;
    const from = i + sign * (offset as number);
    return from >= 0 && from < p.count ? values[from]! : (defaults[i] ?? null);
  });
}

function* runningAggregate(call: CompiledWindowCall, aggregate: AggregateImpl, p: Partition): Task<SqlValue[]> {
  const { context } = p.state;
  const results: SqlValue[] = [];
  let state = aggregate.start(context);
  let done = 0;
  let last: SqlValue = null;
  for (let i = 0; i < p.count; i++) {
    const end = frameEnd(p, i);
    if (end === done && i > 0) {
      results.push(last);
      continue;
    }
    for (; done < end; done++) {
      p.at(done);
      const args = yield* evaluateRow(p.env, () =>
        call.filter !== undefined && call.filter(p.env) !== true ? undefined : call.args.map((a) => a(p.env)),
      );
      if (args !== undefined && !(call.strict && args.includes(null))) state = aggregate.step(context, state, ...args);
    }
    last = aggregate.final(context, state);
    results.push(last);
  }
  return results;
}
