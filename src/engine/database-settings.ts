/**
 * Settings of a database that stand in its file: `ALTER DATABASE … SET`, `ALTER SYSTEM SET`.
 *
 *   catalog tree   (0, 2)   name → value, as JSON
 *
 * Written outside transactions, read once when the database opens. A setting that is not there has its default.
 */
import { encodeUtf8 } from '../base/bytes.ts';
import type { Task } from '../base/task.ts';
import { CATALOG_TREE, OK, type Store } from '../storage/contracts.ts';
import { attempt, emptyRow } from './attempt.ts';

/** Object 0, part 2. */
const KEY = Uint8Array.of(0, 0, 0, 0, 0, 2);

export class DatabaseSettings {
  readonly #store: Store;
  #values: ReadonlyMap<string, string> = new Map();

  constructor(store: Store) {
    this.#store = store;
  }

  *load(): Task<void> {
    const t = this.#store.begin(0);
    const snapshot = t.snapshot();
    const row = emptyRow();
    try {
      const found = yield* attempt(this.#store, () => this.#store.find(CATALOG_TREE, KEY, KEY.length, snapshot, row));
      if (found !== OK) return;
      const text = Buffer.from(row.bytes.slice(row.start, row.start + row.length)).toString('utf8');
      const known: unknown = JSON.parse(text);
      if (typeof known !== 'object' || known === null) return;
      this.#values = new Map(Object.entries(known).map(([name, value]) => [name, String(value)]));
    } finally {
      t.release(snapshot);
      yield* t.commit();
    }
  }

  get(name: string): string | undefined {
    return this.#values.get(name);
  }

  /** @param value - undefined returns to the default. @throws 25006, 53100 */
  *set(name: string, value: string | undefined): Task<void> {
    const values = new Map(this.#values);
    if (value === undefined) values.delete(name);
    else values.set(name, value);
    const record = encodeUtf8(JSON.stringify(Object.fromEntries(values)));
    yield* attempt(this.#store, () => this.#store.putNow(CATALOG_TREE, KEY, KEY.length, record, 0, record.length));
    this.#values = values;
  }
}
