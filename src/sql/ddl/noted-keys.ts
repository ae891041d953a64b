/**
 * The keys that writers noted while something was built, each once and in order: sorted, on disk beyond `maintenance_work_mem`, and
 * compared with their neighbours. In order, because rows that lie together are then looked up together.
 */
import type { Task } from '../../base/task.ts';
import { compareKeys, KeyWriter, RowBuffer, RowMemory } from '../../engine/record-port.ts';
import type { RowNotes } from '../../engine/row-notes.ts';
import { ExternalSort } from '../exec/external-sort.ts';
import { Shape } from '../exec/shape.ts';
import type { SpillOwner } from '../exec/spill.ts';
import { Env, type ExecState } from '../exec/state.ts';

/** Keys between two looks at the clock. */
const ROUND_KEYS = 256;
/** The same, while something is done with the row of each; and how many rows that are only read it is worth. */
const ROUND_ROWS = 32;
const ROW_UNITS = 16;

export class NotedKeys {
  readonly #state: ExecState;
  readonly #sort: ExternalSort;
  readonly #row: RowBuffer;
  readonly #last = new KeyWriter();
  #hasLast = false;

  /** @param state - of the build: what has to be sorted counts as its memory. */
  constructor(state: ExecState) {
    const owner: SpillOwner = { state, spilledFiles: 0, spilledBytes: 0 };
    const shape = new Shape([]);
    this.#state = state;
    this.#sort = new ExternalSort(owner, shape);
    this.#row = new RowBuffer(shape.layout, new RowMemory(Number.POSITIVE_INFINITY));
  }

  /** Takes what was noted, in batches that are cut off. @throws 53100, 58030 */
  *gather(batches: readonly RowNotes[]): Task<void> {
    const { session } = this.#state;
    // The keys are all that is sorted: a row without columns goes with each.
    const env = new Env(this.#state);
    const row = this.#row;
    row.start();
    row.finish();
    [env.b0, env.v0, env.r0] = [row.bytes, row.view, row.at];
    const key = new KeyWriter();
    let count = 0;
    for (const notes of batches) {
      for (const noted of notes.keys()) {
        key.length = 0;
        key.append(noted, 0, noted.length);
        this.#sort.sorter.add(env, key);
        if (++count % ROUND_KEYS !== 0) continue;
        yield* this.#sort.settle();
        if (this.#state.spent(ROUND_KEYS)) yield session.slice();
      }
    }
    yield* this.#sort.finish();
  }

  /** Goes through all keys, each in bytes of its own; as often as one likes. */
  *each(visit: (key: Uint8Array) => Task<void>): Task<void> {
    const state = this.#state;
    this.#sort.rewind();
    this.#hasLast = false;
    let visited = 0;
    for (let key = this.#next(); key !== undefined; key = this.#next()) {
      yield* visit(key);
      if (++visited % ROUND_ROWS === 0 && state.spent(ROUND_ROWS * ROW_UNITS)) yield state.session.slice();
    }
  }

  #next(): Uint8Array | undefined {
    const sort = this.#sort;
    const last = this.#last;
    while (sort.advance()) {
      const end = sort.keyAt + sort.keyLength;
      if (this.#hasLast && compareKeys(last.bytes, 0, last.length, sort.keyBytes, sort.keyAt, end) === 0) continue;
      last.length = 0;
      last.append(sort.keyBytes, sort.keyAt, end);
      this.#hasLast = true;
      return sort.keyBytes.slice(sort.keyAt, end);
    }
    return undefined;
  }

  release(): void {
    this.#sort.release();
    this.#row.release();
  }
}
