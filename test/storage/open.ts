/**
 * What storage tests share: opening stores on a memory disk, and rows of text.
 */
import { ManualClock } from '../../src/base/clock.ts';
import { Prng } from '../../src/base/prng.ts';
import { runNow } from '../../src/base/task.ts';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import type { Vfs } from '../../src/io/vfs.ts';
import { openDatabaseFile } from '../../src/space/open-database-file.ts';
import { NEED, NONE, OK, type Snapshot, type Transaction, type TreeId } from '../../src/storage/contracts.ts';
import { makeRow } from '../../src/storage/row-versions.ts';
import type { FileStore } from '../../src/storage/store.ts';

export const PATH = 'db/test.extent';

/** The seed of a random test: given by SEED, else fixed; printed by whoever fails. */
export function seedOf(fallback: number): number {
  return Number(process.env['SEED'] ?? fallback);
}

export interface StoreShape {
  readonly vfs?: Vfs;
  readonly pageBytes?: number;
  readonly cacheBytes?: number;
  readonly versionBytes?: number;
  readonly versionSpillBytes?: number;
}

export function openTestStore(shape: StoreShape = {}): FileStore {
  return runNow(
    openDatabaseFile({
      vfs: shape.vfs ?? new MemoryVfs(),
      clock: new ManualClock(),
      prng: new Prng(7),
      path: PATH,
      pageBytes: shape.pageBytes ?? 4096,
      cacheBytes: shape.cacheBytes ?? 4 << 20,
      versionBytes: shape.versionBytes ?? 64 << 20,
      versionSpillBytes: shape.versionSpillBytes ?? 0,
    }),
  ).store;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function encode(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Calls an attempt until it stops answering NEED, answering each need on the spot. */
export function attempt(store: FileStore, act: () => number): number {
  for (;;) {
    const status = act();
    if (status !== NEED) return status;
    store.need.answerNow();
  }
}

/** A table of text keys and text rows, on one tree. */
export class TextTree {
  readonly store: FileStore;
  readonly tree: TreeId;
  readonly #row = makeRow();

  constructor(store: FileStore, tree: TreeId) {
    this.store = store;
    this.tree = tree;
  }

  insert(t: Transaction, key: string, value: string): number {
    const k = encode(key);
    const v = encode(value);
    return attempt(this.store, () => this.store.insert(t, this.tree, k, k.length, v, 0, v.length));
  }

  update(t: Transaction, key: string, value: string): number {
    const k = encode(key);
    const v = encode(value);
    return attempt(this.store, () => this.store.update(t, this.tree, k, k.length, v, 0, v.length, 2));
  }

  remove(t: Transaction, key: string): number {
    const k = encode(key);
    return attempt(this.store, () => this.store.remove(t, this.tree, k, k.length, undefined));
  }

  get(snapshot: Snapshot, key: string): string | undefined {
    const k = encode(key);
    const status = attempt(this.store, () => this.store.find(this.tree, k, k.length, snapshot, this.#row));
    if (status === NONE) return undefined;
    return decoder.decode(this.#row.bytes.subarray(this.#row.start, this.#row.start + this.#row.length));
  }

  /** All visible rows, as the scan delivers them. */
  all(snapshot: Snapshot, backward = false): [string, string][] {
    const rows: [string, string][] = [];
    const scan = this.store.scan();
    scan.open(this.tree, undefined, undefined, backward, snapshot);
    while (attempt(this.store, () => scan.next()) === OK) {
      const slots = Array.from({ length: scan.to - scan.from }, (_, i) => (backward ? scan.to - 1 - i : scan.from + i));
      for (const slot of slots) {
        // Resolving must agree with the plain loop wherever that is allowed.
        if (!scan.resolve(slot)) continue;
        const row = scan.row;
        const value = decoder.decode(row.bytes.subarray(row.start, row.start + row.length));
        const length = scan.keyAt(slot);
        rows.push([decoder.decode(scan.key.subarray(0, length)), value]);
      }
    }
    scan.close();
    return rows;
  }
}

/** Makes a tree in a transaction of its own. */
export function makeTree(store: FileStore, fillPercent = 90): TextTree {
  const t = store.begin(1);
  const tree = runNow(store.createTree(t, { kind: 0, parent: 0, fillPercent }));
  runNow(t.commit());
  return new TextTree(store, tree);
}

/** Runs `act` in a transaction and commits it. */
export function commit(store: FileStore, act: (t: Transaction) => void): void {
  const t = store.begin(1);
  act(t);
  runNow(t.commit());
}

/** What a new transaction sees. */
export function look<T>(store: FileStore, act: (snapshot: Snapshot) => T): T {
  const t = store.begin(1);
  const snapshot = t.snapshot();
  try {
    return act(snapshot);
  } finally {
    t.release(snapshot);
    runNow(t.commit());
  }
}
