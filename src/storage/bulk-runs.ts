/**
 * Runs of keys that one transaction appended in bulk: one version for all of them.
 *
 * A node flagged versioned without an entry of its own may belong to a run of its tree: then the run's transaction and
 * command inserted it. Keys that someone else inserts between those of a run, while it is remembered, are its holes: they
 * have entries of their own first, and nothing afterwards.
 */
import { compareBytes } from './page.ts';

export class BulkRun {
  readonly tree: number;
  readonly transaction: number;
  readonly command: number;
  readonly first: Uint8Array;
  last: Uint8Array;
  /** Set while the run is undone, from its end: keys from here on are done. */
  undoneFrom: Uint8Array | undefined;
  readonly #holes: Set<string> = new Set();

  constructor(tree: number, transaction: number, command: number, first: Uint8Array, last: Uint8Array) {
    this.tree = tree;
    this.transaction = transaction;
    this.command = command;
    this.first = first;
    this.last = last;
  }

  /** Does a leaf logged with this first key go on with the run? Each leaf's record names the run's first key. */
  continues(tree: number, first: Uint8Array): boolean {
    return this.tree === tree && compareBytes(this.first, 0, this.first.length, first, 0, first.length) === 0;
  }

  covers(key: Uint8Array, keyBytes: number): boolean {
    return (
      compareBytes(key, 0, keyBytes, this.first, 0, this.first.length) >= 0 &&
      compareBytes(key, 0, keyBytes, this.last, 0, this.last.length) <= 0 &&
      (this.#holes.size === 0 || !this.#holes.has(text(key, keyBytes)))
    );
  }

  exclude(key: Uint8Array, keyBytes: number): void {
    this.#holes.add(text(key, keyBytes));
  }
}

function text(key: Uint8Array, keyBytes: number): string {
  return Buffer.from(key.buffer, key.byteOffset, keyBytes).toString('latin1');
}

export class BulkRuns {
  readonly #byTree: Map<number, BulkRun[]> = new Map();
  #count = 0;

  /** The run that a key belongs to, if any. */
  find(tree: number, key: Uint8Array, keyBytes: number): BulkRun | undefined {
    if (this.#count === 0) return undefined;
    const runs = this.#byTree.get(tree);
    if (runs === undefined) return undefined;
    for (let i = runs.length - 1; i >= 0; i--) if (runs[i]!.covers(key, keyBytes)) return runs[i];
    return undefined;
  }

  /** A new node with this key is put into a tree: it belongs to no run. */
  noteInsert(tree: number, key: Uint8Array, keyBytes: number): void {
    this.find(tree, key, keyBytes)?.exclude(key, keyBytes);
  }

  add(run: BulkRun): void {
    const runs = this.#byTree.get(run.tree);
    if (runs === undefined) this.#byTree.set(run.tree, [run]);
    else runs.push(run);
    this.#count++;
  }

  remove(run: BulkRun): void {
    const runs = this.#byTree.get(run.tree);
    const at = runs === undefined ? -1 : runs.indexOf(run);
    if (runs === undefined || at < 0) return;
    runs.splice(at, 1);
    if (runs.length === 0) this.#byTree.delete(run.tree);
    this.#count--;
  }
}
