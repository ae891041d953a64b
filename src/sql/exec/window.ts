/**
 * Window functions over one window definition.
 *
 * Rows are sorted by partition and order keys. One partition at a time is gathered, with a bit for every row that begins a
 * group of equal order keys (its peers); then its rows are put out in order, each call adding its value. When the sort fits
 * in memory the partition is a range of it; else its rows lie in a store of their own, which spills like any.
 *
 *   sort key:   partition keys | order keys | length of the partition keys u32
 *   partition:  start ─────── peer group ─┤ ├─ … ─────── end
 */
import { unsupported } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import { compareKeys, RowBuffer } from '../../engine/record-port.ts';
import type { WindowCall, WindowNode } from '../plan/logical.ts';
import type { SqlValue } from '../types/contracts.ts';
import { type Copier, columnCopier } from './copy.ts';
import { compileEval, type Scope } from './evaluate.ts';
import { ExternalSort } from './external-sort.ts';
import { callTypes } from './implementation.ts';
import { BATCH_ROWS, Operator, type PlanNode, pointAt, startPlan } from './operator.ts';
import { RowBits, RowCursor, RowStore } from './row-store.ts';
import type { Shape } from './shape.ts';
import { type SortKeyMaker, sortKeyMaker } from './sorter.ts';
import { Env, type ExecState } from './state.ts';
import { columnWriter, type Writer } from './values.ts';
import { type CompiledWindowCall, type Frame, type Partition, startAnswer, type WindowAnswer } from './window-calls.ts';

/** Rows of a partition gathered between two looks at the clock. */
const GATHER_ROWS = 256;

export class WindowPlan implements PlanNode {
  readonly shape: Shape;
  readonly rows: number;
  readonly title = 'WindowAgg';
  readonly details: readonly string[] = [];
  readonly children: readonly PlanNode[];
  readonly key: SortKeyMaker;
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
    const partitionKey = sortKeyMaker(
      node.partition.map((expr) => ({ expr, descending: false, nullsFirst: false })),
      inner,
    );
    const orderKey = sortKeyMaker(node.order, inner);
    this.key = (env, key) => {
      partitionKey(env, key);
      const { length } = key;
      orderKey(env, key);
      key.uint32(length);
      return true;
    };
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

/** The keys that the rows of the partition being gathered are compared with: of the partition, and of the last group of peers. */
interface FirstKey {
  readonly bytes: Uint8Array;
  /** Bytes that name the partition. */
  readonly partition: number;
}

class WindowOperator extends Operator {
  readonly #plan: WindowPlan;
  readonly #input: Operator;
  readonly #env: Env;
  readonly #sort: ExternalSort;
  readonly #out: RowBuffer;
  /** The partition's rows when the sort went to disk. */
  readonly #store: RowStore;
  readonly #peerStarts: RowBits;
  #gathered = false;
  /** The sort stands at a row that no partition has yet. */
  #more = false;
  #partition: Partition | undefined;
  #answers: readonly WindowAnswer[] = [];
  #point: (env: Env, row: number) => void = () => undefined;
  #next = 0;
  /** What the calls answer for the current row. */
  readonly #values: SqlValue[] = [];

  constructor(state: ExecState, plan: WindowPlan) {
    super(state);
    this.#plan = plan;
    this.#input = startPlan(plan.children[0]!, state);
    this.#env = new Env(state);
    const { shape } = plan.children[0]!;
    this.#sort = new ExternalSort(this, shape);
    this.#store = new RowStore(this, shape);
    this.#peerStarts = new RowBits(state);
    this.#out = new RowBuffer(plan.shape.layout, state.memory);
  }

  *open(): Task<void> {
    this.loops++;
    this.#sort.clear();
    this.#store.clear();
    this.#peerStarts.clear();
    this.#gathered = false;
    this.#partition = undefined;
    yield* this.#input.open();
  }

  *next(): Task<RowBuffer | undefined> {
    if (!this.#gathered) {
      yield* this.#sort.gather(this.#input, this.#plan.key, this.#env);
      this.#gathered = true;
      this.#more = this.#sort.advance();
    }
    const out = this.#out;
    const values = this.#values;
    let answers = this.#answers;
    out.clear();
    while (out.count < BATCH_ROWS) {
      if (this.#partition === undefined || this.#next >= this.#partition.count) {
        if (!this.#more) break;
        yield* this.#gatherPartition();
        answers = this.#answers;
      }
      const row = this.#next++;
      for (let c = 0; c < answers.length; c++) {
        const answer = answers[c]!;
        values[c] = 'now' in answer ? answer.now(row) : yield* answer.later(row);
      }
      this.#put(row, out);
    }
    this.producedRows += out.count;
    if (this.state.spent(out.count)) yield this.state.session.slice();
    return out.count === 0 ? undefined : out;
  }

  #put(row: number, out: RowBuffer): void {
    const { copies, writers } = this.#plan;
    const env = this.#env;
    this.#point(env, row);
    out.start();
    for (const copy of copies) copy(env.v0, env.b0, env.r0, out);
    for (let c = 0; c < writers.length; c++) writers[c]!(out, this.#values[c]!);
    out.finish();
  }

  /** Takes the rows of the next partition from the sort. */
  *#gatherPartition(): Task<void> {
    const sort = this.#sort;
    const store = sort.isInMemory ? undefined : this.#store;
    const start = sort.position - 1;
    this.#store.clear();
    this.#peerStarts.clear();
    const first = this.#firstKey();
    let peers = first;
    let count = 0;
    do {
      if (count === 0) this.#peerStarts.set(0);
      else if (!this.#hasKey(peers)) {
        peers = this.#firstKey();
        this.#peerStarts.set(count);
      }
      store?.append(sort.bytes, sort.view, sort.rowAt);
      if (++count % GATHER_ROWS === 0) {
        if (store !== undefined) yield* store.settle();
        if (this.state.spent(GATHER_ROWS)) yield this.state.session.slice();
      }
      this.#more = sort.advance();
    } while (this.#more && this.#isIn(first));
    this.#beginAnswers(count, this.#pointer(store, start));
  }

  #beginAnswers(count: number, cursor: () => (env: Env, row: number) => void): void {
    const { calls, frame } = this.#plan;
    const { state } = this;
    const partition: Partition = { count, peerStarts: this.#peerStarts, state, frame, cursor };
    this.#partition = partition;
    this.#answers = calls.map((call) => startAnswer(call, partition));
    this.#point = cursor();
    this.#next = 0;
  }

  /** Makes functions that point an environment at a row of the partition; each has its own place in the file, if there is one. */
  #pointer(store: RowStore | undefined, start: number): () => (env: Env, row: number) => void {
    if (store !== undefined) {
      return () => {
        const cursor = new RowCursor(store);
        return (env, row) => cursor.point(env, row);
      };
    }
    const { order, rows } = this.#sort.sorter;
    return () => (env, row) => pointAt(env, rows, order[start + row]!);
  }

  #firstKey(): FirstKey {
    const { keyBytes, keyAt, keyLength } = this.#sort;
    const bytes = keyBytes.slice(keyAt, keyAt + keyLength);
    return { bytes, partition: new DataView(bytes.buffer).getUint32(keyLength - 4) };
  }

  #hasKey(key: FirstKey): boolean {
    const { keyBytes, keyAt, keyLength } = this.#sort;
    return compareKeys(keyBytes, keyAt, keyAt + keyLength, key.bytes, 0, key.bytes.length) === 0;
  }

  /** Is the sort's row of the partition whose first key this is? No key part is the beginning of another. */
  #isIn(first: FirstKey): boolean {
    const { keyBytes, keyAt } = this.#sort;
    return compareKeys(keyBytes, keyAt, keyAt + first.partition, first.bytes, 0, first.partition) === 0;
  }

  close(): void {
    this.#input.close();
    this.#sort.release();
    this.#store.release();
    this.#peerStarts.clear();
    this.#out.release();
  }
}
