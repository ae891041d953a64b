/**
 * Arguments of an aggregate call that are not stepped as they come: those with an ORDER BY, and those of a DISTINCT call that
 * found no more room in memory.
 *
 *   seen   DISTINCT: (group, arguments) met so far, in a hash table that grows no more once memory is used up
 *   sort   group u32 | keys of ORDER BY | DISTINCT: all arguments  ->  arguments; beyond `work_mem` on disk
 *
 * A DISTINCT argument that the table knows is dropped. One that it lacks is new while the table still grows; afterwards it goes
 * to the sort, where equal ones lie side by side and the first is taken. At the end the sort gives them out, group by group.
 */
import type { Task } from '../../base/task.ts';
import { compareKeys, KeyWriter, RowBuffer } from '../../engine/record-port.ts';
import type { AggregateCall, ColumnId, SortKey } from '../plan/logical.ts';
import type { SqlValue } from '../types/contracts.ts';
import { compileEval, type Scope } from './evaluate.ts';
import { ExternalSort } from './external-sort.ts';
import { HashTable } from './hash-table.ts';
import { appendHashValue, appendSortValue } from './key-values.ts';
import { type Operator, pointAt } from './operator.ts';
import { Shape, travelPhysical } from './shape.ts';
import { SPILL_ROWS_MIN } from './spill.ts';
import { Env } from './state.ts';
import { columnReader, columnWriter, type Eval, type Writer } from './values.ts';

/** How the arguments of one call are gathered; a part of the plan. */
export interface Gathering {
  readonly shape: Shape;
  readonly writers: readonly Writer[];
  readonly readers: readonly Eval[];
  readonly distinct: boolean;
  /** All arguments must be there before the first is stepped. */
  readonly ordered: boolean;
  readonly keys: readonly { readonly evaluate: Eval; readonly key: SortKey }[];
}

let nextArgumentId: ColumnId = -1_000_000;

/** Undefined when the arguments are stepped as they come. An aggregate that minds the order gets DISTINCT arguments sorted. */
export function gatheringOf(call: AggregateCall, scope: Scope): Gathering | undefined {
  const ordered = !call.aggregate.orderInsensitive && (call.order.length > 0 || call.distinct);
  if (!ordered && !call.distinct) return undefined;
  const shape = Shape.of(call.args.map((a) => ({ id: nextArgumentId--, type: a.type, typmod: a.typmod })));
  return {
    shape,
    writers: shape.columns.map((_, i) => columnWriter(shape, i)),
    readers: shape.columns.map((_, i) => columnReader(shape, i, 0)),
    distinct: call.distinct,
    ordered,
    keys: ordered ? call.order.map((key) => ({ evaluate: compileEval(key.expr, scope), key })) : [],
  };
}

export class GatheredArguments {
  readonly #gathering: Gathering;
  readonly #owner: Operator;
  readonly #seen: HashTable;
  readonly #sort: ExternalSort;
  readonly #row: RowBuffer;
  readonly #key = new KeyWriter();
  readonly #last = new KeyWriter();
  readonly #env: Env;
  #full = false;
  /** Does the sort stand at a row that has not been given out? */
  #more = false;

  constructor(owner: Operator, gathering: Gathering) {
    this.#owner = owner;
    this.#gathering = gathering;
    this.#seen = new HashTable(owner.state.memory);
    this.#sort = new ExternalSort(owner, gathering.shape);
    this.#row = new RowBuffer(gathering.shape.layout, owner.state.memory);
    this.#env = new Env(owner.state);
  }

  /** Takes a row's arguments; true when they are to be stepped now. @param order - the values of ORDER BY. */
  take(group: number, args: readonly SqlValue[], order: readonly SqlValue[] | undefined): boolean {
    const { distinct, ordered } = this.#gathering;
    if (distinct) {
      const isNew = this.#lookUp(group, args);
      if (isNew === false) return false;
      if (isNew === true && !ordered) return true;
    }
    this.#gather(group, args, order);
    return false;
  }

  /** Is it new? Undefined = the sort will tell. */
  #lookUp(group: number, args: readonly SqlValue[]): boolean | undefined {
    const key = this.#key;
    const { columns } = this.#gathering.shape;
    key.length = 0;
    key.uint32(group);
    for (let i = 0; i < args.length; i++) appendHashValue(key, columns[i]!.physical, args[i]!);
    const before = this.#seen.count;
    this.#full ||= before >= SPILL_ROWS_MIN && this.#owner.state.memory.exceeded;
    if (this.#full) return this.#seen.find(key.bytes, key.length) >= 0 ? false : undefined;
    return this.#seen.findOrAdd(key.bytes, key.length) === before;
  }

  #gather(group: number, args: readonly SqlValue[], order: readonly SqlValue[] | undefined): void {
    const { keys, shape, writers, distinct } = this.#gathering;
    const row = this.#row;
    const key = this.#key;
    row.clear();
    row.start();
    for (let i = 0; i < writers.length; i++) writers[i]!(row, args[i]!);
    row.finish();
    key.length = 0;
    key.uint32(group);
    for (let i = 0; i < keys.length; i++) {
      const { expr, descending, nullsFirst } = keys[i]!.key;
      appendSortValue(key, travelPhysical(expr.type, expr.typmod), descending, nullsFirst, order![i]!);
    }
    if (distinct)
      for (let i = 0; i < args.length; i++) appendSortValue(key, shape.columns[i]!.physical, false, false, args[i]!);
    pointAt(this.#env, row, 0);
    this.#sort.sorter.add(this.#env, key);
  }

  /** Call between batches: moves what is in memory to disk when there is too much of it. */
  *settle(): Task<void> {
    yield* this.#sort.settle();
  }

  /** No more rows come. */
  *finish(): Task<void> {
    yield* this.#sort.finish();
    this.#more = this.#sort.advance();
  }

  /** Gives out what was gathered for a group; groups are asked for in ascending order, each once. */
  *ofGroup(group: number, step: (args: readonly SqlValue[]) => void): Task<void> {
    const { readers, distinct } = this.#gathering;
    const sort = this.#sort;
    const env = this.#env;
    const last = this.#last;
    let any = false;
    for (let n = 1; this.#more && groupOf(sort) === group; n++, this.#more = sort.advance()) {
      if (distinct) {
        const { keyBytes, keyAt, keyLength } = sort;
        if (any && compareKeys(keyBytes, keyAt, keyAt + keyLength, last.bytes, 0, last.length) === 0) continue;
        any = true;
        last.length = 0;
        last.append(keyBytes, keyAt, keyAt + keyLength);
      }
      env.b0 = sort.bytes;
      env.v0 = sort.view;
      env.r0 = sort.rowAt;
      step(readers.map((read) => read(env)));
      if (n % STEPS === 0 && this.#owner.state.spent(STEPS)) yield this.#owner.state.session.slice();
    }
  }

  clear(): void {
    this.#seen.clear();
    this.#sort.clear();
    this.#full = false;
    this.#more = false;
  }

  release(): void {
    this.clear();
    this.#sort.release();
    this.#row.release();
  }
}

/** Steps between two looks at the clock. */
const STEPS = 256;

function groupOf(sort: ExternalSort): number {
  const { keyBytes, keyAt } = sort;
  return (
    ((keyBytes[keyAt]! << 24) | (keyBytes[keyAt + 1]! << 16) | (keyBytes[keyAt + 2]! << 8) | keyBytes[keyAt + 3]!) >>> 0
  );
}
