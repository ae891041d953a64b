/**
 * Sequences: counters outside transactions.
 *
 * The state lies in the catalog tree under (oid, 65535 − restarts modulo 256): last value i64, called u8. `nextval` logs a value
 * some steps ahead and hands out the steps between from memory, so a crash skips at most those; a clean close writes the
 * exact value.
 *
 * RESTART belongs to its transaction: it counts up the object's restarts, which gives it another state, and so whoever sees
 * the object as it was goes on with the state as it was.
 */
import { fail } from '../base/errors.ts';
import type { Task } from '../base/task.ts';
import { CATALOG_TREE, type Snapshot, type Store } from '../storage/contracts.ts';
import { attempt, emptyRow } from './attempt.ts';
import type { SequenceObject } from './catalog.ts';

/** Values logged ahead of the one given out. */
const AHEAD = 32n;
const RECORD_BYTES = 9;
const STATES = 256;
const LAST_STATE_PART = 65535;
/** The first of the key parts that hold states. */
export const SEQUENCE_STATE_PARTS: number = LAST_STATE_PART - STATES + 1;

interface State {
  last: bigint;
  called: boolean;
  /** Values that may still be given out without logging. */
  ahead: bigint;
}

export class Sequences {
  readonly #store: Store;
  /** By {@link stateOf}. */
  readonly #states = new Map<number, State>();

  constructor(store: Store) {
    this.#store = store;
  }

  *#load(sequence: SequenceObject, snapshot: Snapshot): Task<State> {
    const id = stateOf(sequence);
    const known = this.#states.get(id);
    if (known !== undefined) return known;
    const key = stateKey(id);
    const row = emptyRow();
    const status = yield* attempt(this.#store, () => this.#store.find(CATALOG_TREE, key, key.length, snapshot, row));
    const raced = this.#states.get(id);
    if (raced !== undefined) return raced;
    const state: State =
      status === 1
        ? { last: row.view.getBigInt64(row.start, true), called: row.bytes[row.start + 8] === 1, ahead: 0n }
        : { last: BigInt(sequence.start), called: false, ahead: 0n };
    this.#states.set(id, state);
    return state;
  }

  /** @throws `sequence_generator_limit_exceeded` (2200H) at the end of a sequence that does not cycle. */
  *next(sequence: SequenceObject, snapshot: Snapshot): Task<bigint> {
    const state = yield* this.#load(sequence, snapshot);
    const step = BigInt(sequence.increment);
    const value = state.called ? following(sequence, state.last, step) : state.last;
    if (state.ahead === 0n) {
      yield* this.#write(stateOf(sequence), clamp(sequence, value + step * AHEAD), true);
      // Others may have gone on while this waited for a page: take the value after theirs.
      const again = state.called ? following(sequence, state.last, step) : state.last;
      state.ahead = AHEAD;
      return this.#give(state, again);
    }
    state.ahead--;
    return this.#give(state, value);
  }

  #give(state: State, value: bigint): bigint {
    state.last = value;
    state.called = true;
    return value;
  }

  /** The object that a restarted sequence is from now on. Its state is to be set. */
  restarted(sequence: SequenceObject, committed: SequenceObject | undefined): SequenceObject {
    const restarts = (sequence.restarts ?? 0) + 1;
    if (restarts - (committed?.restarts ?? 0) >= STATES) {
      const text = `sequence "${sequence.name}" cannot restart more than ${STATES - 1} times in a transaction`;
      throw fail('program_limit_exceeded', text);
    }
    return { ...sequence, restarts, version: sequence.version + 1 };
  }

  /** `setval`, and what RESTART begins with. */
  *set(sequence: SequenceObject, value: bigint, called: boolean): Task<void> {
    if (value < BigInt(sequence.minimum) || value > BigInt(sequence.maximum)) {
      throw fail(
        'numeric_value_out_of_range',
        `setval: value ${value} is out of bounds for sequence "${sequence.name}" (${sequence.minimum}..${sequence.maximum})`,
      );
    }
    yield* this.#write(stateOf(sequence), value, called);
    this.#states.set(stateOf(sequence), { last: value, called, ahead: 0n });
  }

  /** What SELECT from the sequence shows. */
  *read(sequence: SequenceObject, snapshot: Snapshot): Task<{ last: bigint; called: boolean; ahead: bigint }> {
    return yield* this.#load(sequence, snapshot);
  }

  /** Writes exact values before a clean close. */
  *settle(): Task<void> {
    for (const [id, state] of this.#states) if (state.ahead > 0n) yield* this.#write(id, state.last, state.called);
  }

  *#write(id: number, value: bigint, called: boolean): Task<void> {
    const record = new Uint8Array(RECORD_BYTES);
    new DataView(record.buffer).setBigInt64(0, value, true);
    record[8] = called ? 1 : 0;
    const key = stateKey(id);
    yield* attempt(this.#store, () => this.#store.putNow(CATALOG_TREE, key, key.length, record, 0, RECORD_BYTES));
  }
}

/** Names the state that a sequence has as it is seen. */
function stateOf({ oid, restarts = 0 }: SequenceObject): number {
  return oid * STATES + (restarts % STATES);
}

function stateKey(id: number): Uint8Array {
  const key = new Uint8Array(6);
  const view = new DataView(key.buffer);
  view.setUint32(0, Math.floor(id / STATES));
  view.setUint16(4, LAST_STATE_PART - (id % STATES));
  return key;
}

function clamp(sequence: SequenceObject, value: bigint): bigint {
  const minimum = BigInt(sequence.minimum);
  const maximum = BigInt(sequence.maximum);
  return value > maximum ? maximum : value < minimum ? minimum : value;
}

function following(sequence: SequenceObject, last: bigint, step: bigint): bigint {
  const value = last + step;
  if (step > 0n && value > BigInt(sequence.maximum)) {
    if (sequence.cycle) return BigInt(sequence.minimum);
    throw fail(
      'sequence_generator_limit_exceeded',
      `nextval: reached maximum value of sequence "${sequence.name}" (${sequence.maximum})`,
    );
  }
  if (step < 0n && value < BigInt(sequence.minimum)) {
    if (sequence.cycle) return BigInt(sequence.maximum);
    throw fail(
      'sequence_generator_limit_exceeded',
      `nextval: reached minimum value of sequence "${sequence.name}" (${sequence.minimum})`,
    );
  }
  return value;
}
