/**
 * Sessions of a simulation, each an endless task until the end is called: writers, readers of points and ranges, holders of old
 * snapshots, the checkpoint and the work in the background.
 *
 * A reader keeps what the model had when it took its snapshot, and compares what it reads with that, however many steps of
 * defragmentation lie between its pages. Records say which long value they point to: `L<id>:<bytes>:<salt>;`.
 */
import type { Prng } from '../../src/base/prng.ts';
import type { Task } from '../../src/base/task.ts';
import type { DatabaseFile } from '../../src/space/open-database-file.ts';
import {
  type KeyBound,
  NEED,
  NO_SPACE_HINTS,
  OK,
  type Snapshot,
  TREE_INDEX,
  TREE_TABLE,
  type Transaction,
  type TreeId,
} from '../../src/storage/contracts.ts';
import { makeRow } from '../../src/storage/row-versions.ts';
import type { FileStore } from '../../src/storage/store.ts';
import { sliceRequest } from '../../src/storage/transactions.ts';
import { difference, type Expected, type Model, type Rows, rowsOf } from './model.ts';

/** Thrown when something is not what it must be. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

/** What the sessions share. */
export interface Scene {
  readonly prng: Prng;
  readonly file: DatabaseFile;
  readonly trees: readonly TreeId[];
  readonly model: Model;
  /** Keys of a writer and tree: `<0 … keys−1>-<writer>`. */
  readonly keys: number;
  readonly valueBytesMax: number;
  /** Trees that somebody makes and drops; the last one may still be there. */
  readonly passing: TreeId[];
  /** Snapshots compared so far, and rows read for it. */
  compared: number;
  over: boolean;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function* attempt(store: FileStore, act: () => number): Task<number> {
  for (;;) {
    const status = act();
    if (status !== NEED) return status;
    yield store.need;
  }
}

function* pauses({ prng, file }: Scene, max: number): Task<void> {
  for (let n = prng.below(max + 1); n > 0; n--) yield sliceRequest(file.store.parts.core);
}

/** Inserts, updates, deletes, long values, savepoints and rollbacks of one writer. */
export function* writer(scene: Scene, number: number): Task<void> {
  while (!scene.over) {
    yield* transaction(scene, number, scene.prng.below(10));
    yield* pauses(scene, 2);
  }
}

/** One transaction of so many changes; commits it or rolls it back. */
export function* transaction(scene: Scene, number: number, changes: number): Task<void> {
  const { prng, file, model } = scene;
  const state = model.writers[number];
  if (state === undefined) throw new Violation(`no writer ${number}`);
  const t = file.store.begin(number + 1);
  let rows = state.visible.map((tree) => new Map(tree));
  const marks: { readonly mark: number; readonly rows: Map<string, string>[] }[] = [];
  for (let n = changes; n >= 0; n--) {
    t.command++;
    if (prng.chance(0.1)) marks.push({ mark: t.mark(), rows: rows.map((tree) => new Map(tree)) });
    else if (prng.chance(0.05) && marks.length > 0) {
      const back = marks.splice(prng.below(marks.length))[0];
      if (back !== undefined) {
        yield* t.rollbackTo(back.mark);
        rows = back.rows;
      }
    } else yield* change(scene, number, t, rows);
    if (prng.chance(0.2)) yield sliceRequest(file.store.parts.core);
  }
  if (prng.chance(0.15)) {
    yield* t.rollback();
    return;
  }
  state.admissible.push(rows);
  state.history.push(rows);
  t.onVisible = () => {
    state.visible = rows;
  };
  yield* t.commit();
  state.visible = rows;
  state.admissible = [rows];
  state.acknowledged = state.history.length;
}

function* change(scene: Scene, number: number, t: Transaction, rows: readonly Map<string, string>[]): Task<void> {
  const { prng, file, trees } = scene;
  const { store } = file;
  const at = prng.below(trees.length);
  const [tree, table] = [trees[at], rows[at]];
  if (tree === undefined || table === undefined) return;
  const key = `${String(prng.below(scene.keys)).padStart(5, '0')}-${number}`;
  const k = encoder.encode(key);
  const before = table.get(key);
  if (before !== undefined && prng.chance(0.4)) {
    yield* dropLong(store, t, tree, before);
    yield* attempt(store, () => store.remove(t, tree, k, k.length, undefined));
    table.delete(key);
    return;
  }
  const record = yield* newRecord(scene, t, tree);
  const v = encoder.encode(record);
  if (before === undefined) yield* attempt(store, () => store.insert(t, tree, k, k.length, v, 0, v.length));
  else {
    yield* dropLong(store, t, tree, before);
    yield* attempt(store, () => store.update(t, tree, k, k.length, v, 0, v.length, 2));
  }
  table.set(key, record);
}

function* newRecord({ prng, file, valueBytesMax }: Scene, t: Transaction, tree: TreeId): Task<string> {
  const padding = 'v'.repeat(prng.below(prng.chance(0.05) ? 900 : valueBytesMax));
  if (!prng.chance(0.06)) return padding;
  const length = 1 + prng.below(9000);
  const salt = prng.below(256);
  const bytes = Uint8Array.from({ length }, (_, i) => (salt * 31 + i * 7) & 0xff);
  const id = yield* file.store.writeLong(t, tree, bytes, 0, length);
  return `L${id}:${length}:${salt};${padding}`;
}

function longOf(record: string): { id: number; length: number; salt: number } | undefined {
  const match = /^L(\d+):(\d+):(\d+);/.exec(record);
  return match === null ? undefined : { id: Number(match[1]), length: Number(match[2]), salt: Number(match[3]) };
}

function* dropLong(store: FileStore, t: Transaction, tree: TreeId, record: string): Task<void> {
  const long = longOf(record);
  if (long !== undefined) yield* store.removeLong(t, tree, long.id);
}

/** Reads the long value that a record points to, if it does, and compares its bytes. */
export function* checkLong(store: FileStore, tree: TreeId, record: string): Task<void> {
  const long = longOf(record);
  if (long === undefined) return;
  const bytes = new Uint8Array(long.length);
  yield* store.readLong(tree, long.id, 0, long.length, bytes, 0);
  const wrong = bytes.findIndex((b, i) => b !== ((long.salt * 31 + i * 7) & 0xff));
  if (wrong >= 0) throw new Violation(`byte ${wrong} of long value ${tree}/${long.id} is ${bytes[wrong]}`);
}

/** Looks keys up, there or not, in one snapshot after the other. */
export function* pointReader(scene: Scene): Task<void> {
  const { prng, file, trees, model } = scene;
  const { store } = file;
  const row = makeRow();
  while (!scene.over) {
    const t = store.begin(100);
    const snapshot = t.snapshot();
    const expected = model.seen();
    for (let n = prng.below(12); n > 0; n--) {
      const at = prng.below(trees.length);
      const tree = trees[at] ?? 0;
      const writer = prng.below(model.writers.length);
      const key = `${String(prng.below(scene.keys)).padStart(5, '0')}-${writer}`;
      const k = encoder.encode(key);
      const status = yield* attempt(store, () => store.find(tree, k, k.length, snapshot, row));
      const found = status === OK ? textOf(row.bytes, row.start, row.length) : undefined;
      const wanted = expected[writer]?.[at]?.get(key);
      if (found !== wanted) throw new Violation(`find ${tree}/${key}: ${found} instead of ${wanted}`);
      if (found !== undefined) yield* checkLong(store, tree, found);
      yield* pauses(scene, 2);
    }
    scene.compared++;
    t.release(snapshot);
    yield* t.commit();
  }
}

/** Scans ranges, forward and backward; now and then it rests between two pages for as long as many steps take. */
export function* rangeReader(scene: Scene): Task<void> {
  const { file, model } = scene;
  while (!scene.over) {
    const t = file.store.begin(200);
    const snapshot = t.snapshot();
    yield* compareRange(scene, snapshot, model.seen());
    t.release(snapshot);
    yield* t.commit();
  }
}

/** Holds one snapshot for long and reads from it again and again. */
export function* holder(scene: Scene): Task<void> {
  const { prng, file, model } = scene;
  while (!scene.over) {
    const t = file.store.begin(300);
    const snapshot = t.snapshot();
    const expected = model.seen();
    for (let n = 2 + prng.below(4); n > 0 && !scene.over; n--) {
      yield* compareRange(scene, snapshot, expected);
      yield* pauses(scene, 20);
    }
    t.release(snapshot);
    yield* t.commit();
  }
}

function* compareRange(scene: Scene, snapshot: Snapshot, expected: Expected): Task<void> {
  const { prng, trees } = scene;
  const at = prng.below(trees.length);
  const [a, b] = [prng.below(scene.keys), prng.below(scene.keys)].sort((x, y) => x - y) as [number, number];
  const bound = (n: number): string | undefined => (prng.chance(0.5) ? undefined : String(n).padStart(5, '0'));
  const [from, to] = [bound(a), bound(b)];
  const backward = prng.chance(0.5);
  const seen = yield* scanRange(scene, trees[at] ?? 0, snapshot, { from, to, backward });
  const wrong = difference(backward ? seen.reverse() : seen, rowsOf(expected, at, from, to));
  if (wrong !== undefined)
    throw new Violation(`${backward ? 'backward' : 'forward'} scan of tree ${trees[at]} ${from}–${to}: ${wrong}`);
  scene.compared++;
}

interface Range {
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly backward: boolean;
}

/** All rows of a range as a snapshot sees them, in the order in which they come. */
function* scanRange(scene: Scene, tree: TreeId, snapshot: Snapshot, range: Range): Task<[string, string][]> {
  const { prng, file } = scene;
  const { store } = file;
  const scan = store.scan();
  const rows: [string, string][] = [];
  const rest = prng.pick([0, 1, 3, 12]);
  scan.open(tree, boundOf(range.from, true), boundOf(range.to, false), range.backward, snapshot);
  try {
    while ((yield* attempt(store, () => scan.next())) === OK) {
      const { from, to } = scan;
      for (let n = 0; n < to - from; n++) {
        const slot = range.backward ? to - 1 - n : from + n;
        if (scan.resolve(slot)) {
          const { bytes, start, length } = scan.row;
          rows.push([textOf(scan.key, 0, scan.keyAt(slot)), textOf(bytes, start, length)]);
        }
        if (!prng.chance(0.02)) continue;
        scan.park(slot, true);
        break;
      }
      // Now and then a cursor stays where it is while a whole tree is reorganized.
      yield* pauses(scene, prng.chance(0.08) ? 120 : rest);
    }
  } finally {
    scan.close();
  }
  return rows;
}

function boundOf(key: string | undefined, inclusive: boolean): KeyBound | undefined {
  if (key === undefined) return undefined;
  const bytes = encoder.encode(key);
  return { key: bytes, length: bytes.length, inclusive };
}

function textOf(bytes: Uint8Array, start: number, length: number): string {
  return decoder.decode(bytes.subarray(start, start + length));
}

/** Makes trees with rows and long values, and drops them: the pages that they had are soon somebody else's. */
export function* definer(scene: Scene): Task<void> {
  const { prng, file } = scene;
  const { store } = file;
  while (!scene.over) {
    const t = store.begin(400);
    const parent = prng.chance(0.5) ? 0 : (scene.trees[0] ?? 0);
    const kind = parent === 0 ? TREE_TABLE : TREE_INDEX;
    const flags = prng.pick([0, 1]);
    const hints = { ...NO_SPACE_HINTS, initialPages: prng.pick([0, 4, 16]), flags };
    const tree = yield* store.createTree(t, { kind, parent, fillPercent: 90, hints });
    const rows = Array.from({ length: prng.below(60) }, (_, i) => encoder.encode(String(i * 7919).padStart(9, '0')));
    for (const key of rows) {
      const record = encoder.encode(yield* newRecord(scene, t, tree));
      yield* attempt(store, () => store.insert(t, tree, key, key.length, record, 0, record.length));
      if (prng.chance(0.1)) yield sliceRequest(store.parts.core);
    }
    if (prng.chance(0.2)) {
      yield* t.rollback();
      continue;
    }
    yield* t.commit();
    yield* thinOut(scene, tree, rows);
    yield* pauses(scene, 30);
    const u = store.begin(400);
    yield* store.dropTree(u, tree);
    yield* u.commit();
    yield* pauses(scene, 10);
  }
}

/** Most rows of a tree go, so that it is worth reorganizing; meanwhile it is offered for that. */
function* thinOut(scene: Scene, tree: TreeId, keys: readonly Uint8Array[]): Task<void> {
  const { prng, file } = scene;
  scene.passing.push(tree);
  const t = file.store.begin(400);
  for (const key of keys) {
    if (prng.chance(0.3)) continue;
    yield* attempt(file.store, () => file.store.remove(t, tree, key, key.length, undefined));
  }
  yield* t.commit();
}

/** What the engine does when nobody else wants to work, and a checkpoint now and then. */
export function* housekeeper(scene: Scene): Task<void> {
  const { prng, file } = scene;
  while (!scene.over) {
    if (prng.chance(0.03)) yield* file.store.checkpoint();
    if (prng.chance(0.1)) yield file.store.parts.core.log.flushRequest();
    if (prng.chance(0.7)) yield* file.background();
    yield* pauses(scene, 3);
  }
}

/** Compares what a store holds with what each writer may have left: its acknowledged rows, or those of its last commit. */
export function* survivors(scene: Scene): Task<Rows[]> {
  const { file, trees, model } = scene;
  const t = file.store.begin(1);
  const snapshot = t.snapshot();
  const found = model.writers.map(() => trees.map(() => new Map<string, string>()));
  for (const [at, tree] of trees.entries()) {
    const seen = yield* scanRange(scene, tree, snapshot, { from: undefined, to: undefined, backward: false });
    for (const [key, record] of seen) {
      found[Number(key.slice(key.lastIndexOf('-') + 1))]?.[at]?.set(key, record);
      yield* checkLong(file.store, tree, record);
    }
  }
  t.release(snapshot);
  yield* t.commit();
  return found.map((rows, w) => {
    const states = model.writers[w]?.admissible ?? [];
    const reasons = states.map((state) => differenceOf(rows, state, trees.length));
    const fits = reasons.indexOf(undefined);
    if (fits < 0) throw new Violation(`rows of writer ${w}: ${reasons.join('; or: ')}`);
    return rows;
  });
}

function differenceOf(found: Rows, state: Rows, trees: number): string | undefined {
  for (let at = 0; at < trees; at++) {
    const wrong = difference(rowsOf([found], at), rowsOf([state], at));
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}
