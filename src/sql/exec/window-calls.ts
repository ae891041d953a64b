/**
 * What window functions answer, row by row of one partition, in the order of its rows.
 *
 * An answer looks at the partition through cursors of its own: one at the current row, one where its frame ends, one wherever
 * `lag` or `nth_value` point. Frames begin at the partition's start; they end at its end, at the current row, or behind its
 * peers. Nothing is kept per row, so a partition may be larger than memory.
 */
import { fail, unsupported } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import type { AggregateImpl, SqlValue } from '../types/contracts.ts';
import { evaluateRow } from './operator.ts';
import type { RowBits } from './row-store.ts';
import { Env, type ExecState, SUSPEND } from './state.ts';
import type { Eval } from './values.ts';

export type Frame = 'partition' | 'rows to current' | 'peers to current';

/** Rows stepped between two looks at the clock. */
const STEP_ROWS = 256;

export interface CompiledWindowCall {
  readonly name: string;
  readonly aggregate: AggregateImpl | undefined;
  readonly strict: boolean;
  readonly args: readonly Eval[];
  readonly filter: Eval | undefined;
}

/** One partition while its calls are answered. */
export interface Partition {
  readonly count: number;
  /** Rows that begin a group of peers. */
  readonly peerStarts: RowBits;
  readonly state: ExecState;
  readonly frame: Frame;
  /** Makes a way to point an environment at a row; cheapest from one row to the next. */
  cursor(): (env: Env, row: number) => void;
}

/** Answers for row 0, 1, 2 …: on the spot, or as a task where rows are evaluated. */
export type WindowAnswer = { now(row: number): SqlValue } | { later(row: number): Task<SqlValue> };

/** Expressions over rows of the partition, in whatever order they are asked for. */
class PartitionReader {
  readonly #env: Env;
  readonly #point: (env: Env, row: number) => void;

  constructor(partition: Partition) {
    this.#env = new Env(partition.state);
    this.#point = partition.cursor();
  }

  /** The value for a row, or {@link SUSPEND} when it must wait: then {@link later} has it. Most never wait. */
  now<T>(row: number, evaluate: (env: Env) => T): T | typeof SUSPEND {
    const env = this.#env;
    this.#point(env, row);
    try {
      const value = evaluate(env);
      env.rowDone();
      return value;
    } catch (thrown) {
      if (thrown !== SUSPEND) throw thrown;
      return SUSPEND;
    }
  }

  *later<T>(evaluate: (env: Env) => T): Task<T> {
    yield* this.#env.finishWait();
    return yield* evaluateRow(this.#env, () => evaluate(this.#env));
  }

  *read<T>(row: number, evaluate: (env: Env) => T): Task<T> {
    const value = this.now(row, evaluate);
    return value === SUSPEND ? yield* this.later(evaluate) : value;
  }
}

/** The group of peers around the current row. */
class Peers {
  readonly #partition: Partition;
  start = 0;
  end = 0;
  /** How many groups there were up to here. */
  number = 0;

  constructor(partition: Partition) {
    this.#partition = partition;
  }

  moveTo(row: number): this {
    while (row >= this.end) {
      this.start = this.end;
      this.end = this.#partition.peerStarts.nextSet(this.start + 1, this.#partition.count);
      this.number++;
    }
    return this;
  }
}

/** End of the frame of a row, exclusive; frames start at 0. */
function frameEnd(p: Partition, peers: Peers, row: number): number {
  return p.frame === 'partition' ? p.count : p.frame === 'rows to current' ? row + 1 : peers.moveTo(row).end;
}

export function startAnswer(call: CompiledWindowCall, p: Partition): WindowAnswer {
  const peers = new Peers(p);
  if (call.aggregate !== undefined) return runningAggregate(call, call.aggregate, p, peers);
  switch (call.name) {
    case 'row_number':
      return { now: (row) => row + 1 };
    case 'rank':
      return { now: (row) => peers.moveTo(row).start + 1 };
    case 'dense_rank':
      return { now: (row) => peers.moveTo(row).number };
    case 'percent_rank':
      return { now: (row) => (p.count === 1 ? 0 : peers.moveTo(row).start / (p.count - 1)) };
    case 'cume_dist':
      return { now: (row) => peers.moveTo(row).end / p.count };
    case 'ntile':
      return ntile(call, p);
    case 'lag':
    case 'lead':
      return shifted(call, p, call.name === 'lead' ? 1 : -1);
    case 'first_value':
      return valueAt(call, p, () => 0);
    case 'last_value':
      return valueAt(call, p, (row) => frameEnd(p, peers, row) - 1);
    case 'nth_value':
      return nthValue(call, p, peers);
    default:
      throw unsupported(`window function ${call.name}`);
  }
}

/** The call's first argument at another row, evaluated again only when that is another one than before. */
function valueAt(call: CompiledWindowCall, p: Partition, rowOf: (row: number) => number): WindowAnswer {
  const reader = new PartitionReader(p);
  let at = -1;
  let value: SqlValue = null;
  return {
    *later(row) {
      const wanted = rowOf(row);
      if (wanted !== at) {
        value = yield* reader.read(wanted, call.args[0]!);
        at = wanted;
      }
      return value;
    },
  };
}

function nthValue(call: CompiledWindowCall, p: Partition, peers: Peers): WindowAnswer {
  const here = new PartitionReader(p);
  const there = new PartitionReader(p);
  return {
    *later(row) {
      const n = yield* here.read(row, call.args[1]!);
      if (n === null) return null;
      if ((n as number) < 1)
        throw fail('invalid_argument_for_nth_value_function', 'argument of nth_value must be greater than zero');
      return (n as number) <= frameEnd(p, peers, row) ? yield* there.read((n as number) - 1, call.args[0]!) : null;
    },
  };
}

function ntile(call: CompiledWindowCall, p: Partition): WindowAnswer {
  const reader = new PartitionReader(p);
  let buckets: SqlValue | undefined;
  return {
    *later(row) {
      buckets ??= yield* reader.read(0, call.args[0]!);
      if (buckets === null) return null;
      const n = buckets as number;
      if (n < 1) throw fail('invalid_argument_for_ntile_function', 'argument of ntile must be greater than zero');
      const small = Math.floor(p.count / n);
      const large = p.count % n;
      const border = large * (small + 1);
      return (row < border ? Math.floor(row / (small + 1)) : large + Math.floor((row - border) / small)) + 1;
    },
  };
}

function shifted(call: CompiledWindowCall, p: Partition, sign: 1 | -1): WindowAnswer {
  const here = new PartitionReader(p);
  const there = new PartitionReader(p);
  const [value, offsetOf, defaultOf] = call.args;
  return {
    *later(row) {
      const offset = offsetOf === undefined ? 1 : yield* here.read(row, offsetOf);
      if (offset === null) return null;
      const from = row + sign * (offset as number);
      if (from >= 0 && from < p.count) return yield* there.read(from, value!);
      return defaultOf === undefined ? null : yield* here.read(row, defaultOf);
    },
  };
}

function runningAggregate(
  call: CompiledWindowCall,
  aggregate: AggregateImpl,
  p: Partition,
  peers: Peers,
): WindowAnswer {
  const { context, session } = p.state;
  const reader = new PartitionReader(p);
  const argumentsAt = (env: Env): SqlValue[] | undefined =>
    call.filter !== undefined && call.filter(env) !== true ? undefined : call.args.map((a) => a(env));
  let state = aggregate.start(context);
  let done = 0;
  let last: SqlValue = null;
  return {
    *later(row) {
      const end = frameEnd(p, peers, row);
      if (end === done) return last;
      for (; done < end; done++) {
        let args = reader.now(done, argumentsAt);
        if (args === SUSPEND) args = yield* reader.later(argumentsAt);
        if (args !== undefined && !(call.strict && args.includes(null)))
          state = aggregate.step(context, state, ...args);
        if (done % STEP_ROWS === 0 && p.state.spent(STEP_ROWS)) yield session.slice();
      }
      last = aggregate.final(context, state);
      return last;
    },
  };
}
