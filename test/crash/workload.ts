/**
 * The crash campaign's workload: random work on a memory disk that loses power, checked against a model of what was
 * acknowledged.
 *
 *   model     per tree: key → value of all acknowledged commits; one commit may be undecided: its power went off while it
 *             waited for its acknowledgement, so all of it or none of it must be there
 *   round     open (recover), compare, check structure, work until the power goes off; a cut may come during recovery too
 *   besides   while a transaction is open, checkpoints, background work and another transaction that commits, first of all on
 *             rows that the open one has changed and given up again
 *   disk      what reaches it out of order is a violation (`ordered-vfs.ts`), and so is a hole that recovery fills
 */
import { ManualClock } from '../../src/base/clock.ts';
import { ExtentError } from '../../src/base/errors.ts';
import type { Prng } from '../../src/base/prng.ts';
import { runNow } from '../../src/base/task.ts';
import { DefragmentPass, PASS_BEGIN } from '../../src/defrag/defragment-pass.ts';
import { Reorganizer } from '../../src/defrag/reorganize.ts';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import { type DatabaseFile, openDatabaseFile } from '../../src/space/open-database-file.ts';
import { EXTENT_FIELDS } from '../../src/space/space-audit.ts';
import { checkStore } from '../../src/storage/check.ts';
import { NEED, OK, type SpaceHints, type Transaction, type TreeId } from '../../src/storage/contracts.ts';
import { EXTENT_TRIMMED, EXTENT_TRIMMING } from '../../src/storage/layout.ts';
import type { FileStore } from '../../src/storage/store.ts';
import { holesOf } from '../support/holes.ts';
import { OrderedVfs } from '../support/ordered-vfs.ts';

const PATH = 'db/crash.extent';
const PAGE_BYTES = 4096;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

type Table = Map<string, string>;
/** Trees by id with their rows, and long values by tree and id. */
interface State {
  readonly tables: Map<TreeId, Table>;
  readonly longs: Map<string, number>;
}

function copyState(state: State): State {
  const tables = new Map<TreeId, Table>();
  for (const [id, table] of state.tables) tables.set(id, new Map(table));
  return { tables, longs: new Map(state.longs) };
}

interface RowAt {
  readonly tree: TreeId;
  readonly key: string;
}

/** Rows that one state has and the other has not, or with another value, in trees that both have. */
function differentRows(a: State, b: State): RowAt[] {
  const rows: RowAt[] = [];
  for (const [tree, table] of a.tables) {
    const other = b.tables.get(tree);
    if (other === undefined) continue;
    for (const key of new Set([...table.keys(), ...other.keys()]))
      if (table.get(key) !== other.get(key)) rows.push({ tree, key });
  }
  return rows;
}

/** Thrown when what recovery left is not what was acknowledged. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

export class CrashWorkload {
  readonly #prng: Prng;
  #disk = new MemoryVfs();
  #order = new OrderedVfs(this.#disk, PATH, PAGE_BYTES);
  #file: DatabaseFile | undefined;
  #state: State = { tables: new Map(), longs: new Map() };
  /** What holds if the commit in flight made it. */
  #pending: State | undefined;
  /** Power cuts survived, and how many of them hit a recovery. */
  cuts = 0;
  cutsInRecovery = 0;

  constructor(prng: Prng) {
    this.#prng = prng;
  }

  /** Goes on until the power has failed `cuts` times; throws {@link Violation} when something is wrong. */
  run(cuts: number): void {
    while (this.cuts < cuts) {
      const store = this.#recover();
      this.#disk.cutAt(1 + this.#prng.below(this.#prng.chance(0.2) ? 1500 : 150), this.#prng);
      try {
        for (let n = this.#prng.below(40); n >= 0; n--) this.#transaction(store);
        if (this.#prng.chance(0.3)) runNow(store.closing());
      } catch (error) {
        if (!isPowerCut(error)) throw error;
      }
      this.#crash();
    }
  }

  #crash(): void {
    if (this.#order.broken.length > 0) throw new Violation(`order: ${this.#order.broken.slice(0, 5).join('; ')}`);
    this.#disk = this.#disk.afterPowerCut(this.#prng);
    this.cuts++;
  }

  #open(): FileStore {
    this.#order = new OrderedVfs(this.#disk, PATH, PAGE_BYTES);
    const opened = runNow(
      openDatabaseFile({
        vfs: this.#order,
        clock: new ManualClock(),
        prng: this.#prng,
        path: PATH,
        pageBytes: PAGE_BYTES,
        cacheBytes: this.#prng.pick([64, 100, 1000]) * PAGE_BYTES,
      }),
    );
    this.#file = opened;
    return opened.store;
  }

  /** Opens after a power cut, with up to three more cuts on the way, and compares. */
  #recover(): FileStore {
    for (let depth = 0; depth < 3 && this.#prng.chance(0.15); depth++) {
      this.#disk.cutAt(1 + this.#prng.below(60), this.#prng);
      try {
        this.#open();
      } catch (error) {
        if (!isPowerCut(error)) throw error;
        this.cutsInRecovery++;
      }
      this.#crash();
    }
    this.#disk.cutAt(Number.POSITIVE_INFINITY, this.#prng);
    const holes = holesOf(this.#disk, PATH, PAGE_BYTES);
    const store = this.#open();
    this.#checkHoles(holes);
    const problems = runNow(checkStore(store, this.#file?.space.audit()));
    if (problems.length > 0) throw new Violation(`structure: ${problems.slice(0, 5).join('; ')}`);
    this.#compare(store);
    return store;
  }

  /** Pages of trimmed extents that had no place on disk before recovery have none after it. */
  #checkHoles(before: ReadonlySet<number>): void {
    const file = this.#file;
    if (file === undefined) return;
    const now = holesOf(this.#disk, PATH, PAGE_BYTES);
    const list = runNow(file.space.extents(file.store.parts.core.tree(0), 'available'));
    for (let i = 0; i < list.length; i += EXTENT_FIELDS) {
      const state = list[i + 2];
      if (state !== EXTENT_TRIMMED && state !== EXTENT_TRIMMING) continue;
      for (let pgno = list[i]!; pgno < list[i]! + list[i + 1]!; pgno++)
        if (before.has(pgno) && !now.has(pgno)) throw new Violation(`recovery filled the hole of page ${pgno}`);
    }
  }

  #compare(store: FileStore): void {
    const different = this.#difference(store, this.#state);
    if (different === undefined) {
      this.#pending = undefined;
      return;
    }
    const pending = this.#pending;
    const alsoDifferent = pending === undefined ? 'no commit was in flight' : this.#difference(store, pending);
    if (alsoDifferent !== undefined)
      throw new Violation(`rows: ${different}; with the commit in flight: ${alsoDifferent}`);
    if (pending !== undefined) this.#state = pending;
    this.#pending = undefined;
  }

  #difference(store: FileStore, state: State): string | undefined {
    const t = store.begin(1);
    const snapshot = t.snapshot();
    const scan = store.scan();
    try {
      for (const [tree, table] of state.tables) {
        if (!store.parts.core.trees.has(tree)) return `tree ${tree} is missing`;
        const rows = new Map<string, string>();
        scan.open(tree, undefined, undefined, false, snapshot);
        for (;;) {
          const status = scan.next();
          if (status === NEED) {
            store.need.answerNow();
            continue;
          }
          if (status !== OK) break;
          for (let slot = scan.from; slot < scan.to; slot++) {
            if (!scan.resolve(slot)) continue;
            const { bytes, start, length } = scan.row;
            const value = decoder.decode(bytes.subarray(start, start + length));
            rows.set(decoder.decode(scan.key.subarray(0, scan.keyAt(slot))), value);
          }
        }
        for (const [key, value] of table)
          if (rows.get(key) !== value) return `tree ${tree} key ${key}: ${rows.get(key)} instead of ${value}`;
        for (const key of rows.keys())
          if (!table.has(key)) return `tree ${tree} has key ${key} that it should not have`;
      }
      for (const [name, length] of state.longs) {
        const [tree, id] = name.split('/').map(Number);
        const bytes = new Uint8Array(length);
        runNow(store.readLong(tree!, id!, 0, length, bytes, 0));
        if (bytes.some((b, i) => b !== longByte(id!, i))) return `long value ${name} has other bytes`;
      }
      return undefined;
    } finally {
      scan.close();
      t.release(snapshot);
      runNow(t.rollback());
    }
  }

  #transaction(store: FileStore): void {
    const prng = this.#prng;
    if (prng.chance(0.1)) runNow(store.checkpoint());
    while (prng.chance(0.5) && runNow(store.background()));
    if (prng.chance(0.1) && this.#file !== undefined) runNow(this.#file.space.trimmer.trim());
    if (prng.chance(0.05) && this.#file !== undefined) runNow(this.#file.shorten());
    if (prng.chance(0.1)) this.#reorganize();
    const t = store.begin(1);
    t.durable = prng.chance(0.95);
    let state = copyState(this.#state);
    const marks: { readonly mark: number; readonly state: State }[] = [];
    for (let n = prng.below(20); n >= 0; n--) {
      t.command++;
      if (prng.chance(0.1)) marks.push({ mark: t.mark(), state: copyState(state) });
      else if (prng.chance(0.05) && marks.length > 0) {
        const back = marks.splice(prng.below(marks.length))[0]!;
        runNow(t.rollbackTo(back.mark));
        const givenUp = differentRows(state, back.state);
        state = back.state;
        marks.push({ mark: back.mark, state: copyState(state) });
        if (prng.chance(0.7)) this.#besides(store, givenUp, [state, ...marks.map((m) => m.state)]);
      } else this.#change(store, t, state);
      if (prng.chance(0.02)) runNow(store.checkpoint());
      while (prng.chance(0.1) && runNow(store.background()));
    }
    if (prng.chance(0.2)) {
      runNow(t.rollback());
      return;
    }
    this.#pending = state;
    runNow(t.commit());
    // Without a durable commit, what is lost at a power cut may be lost; so it is made durable before it counts.
    if (!t.durable) store.parts.core.log.flushNow();
    this.#state = state;
    this.#pending = undefined;
  }

  /**
   * Another transaction commits changes of rows that an open one has given up; one that is locked all the same ends it.
   *
   * @param states - what the open transaction sees now and at its marks: the changes become part of all of them.
   */
  #besides(store: FileStore, rows: readonly RowAt[], states: readonly State[]): void {
    const t = store.begin(2);
    const after = copyState(this.#state);
    const changed: RowAt[] = [];
    try {
      for (const row of rows) {
        const table = after.tables.get(row.tree);
        if (table === undefined || states.some((state) => !state.tables.has(row.tree)) || this.#prng.chance(0.3))
          continue;
        this.#setRow(store, t, row.tree, table, row.key);
        changed.push(row);
      }
    } catch (error) {
      if (!(error instanceof ExtentError) || error.code !== 'lock_not_available') throw error;
      runNow(t.rollback());
      return;
    }
    this.#pending = after;
    runNow(t.commit());
    this.#state = after;
    this.#pending = undefined;
    for (const { tree, key } of changed) {
      const value = after.tables.get(tree)?.get(key);
      for (const { tables } of states) {
        if (value === undefined) tables.get(tree)?.delete(key);
        else tables.get(tree)?.set(key, value);
      }
    }
  }

  /** Reorganizes a tree, wholly or a part of it, or runs a pass over the database and its space trees. */
  #reorganize(): void {
    if (this.#file !== undefined && this.#prng.chance(0.3)) {
      const target = this.#prng.pick(['database', 'space trees'] as const);
      const isOver = (): boolean => this.#prng.chance(0.02);
      runNow(new DefragmentPass(this.#file, target, PASS_BEGIN, isOver, () => {}).run());
      return;
    }
    const trees = [...this.#state.tables.keys()];
    if (this.#file === undefined || trees.length === 0) return;
    const pagesMax = this.#prng.chance(0.5) ? this.#prng.below(20) : undefined;
    runNow(new Reorganizer(this.#file, this.#prng.pick(trees), { lobCompaction: true, pagesMax }).run());
  }

  #change(store: FileStore, t: Transaction, state: State): void {
    const prng = this.#prng;
    const trees = [...state.tables.keys()];
    if (trees.length === 0 || prng.chance(0.03)) {
      const parent = trees.length > 0 && prng.chance(0.5) ? prng.pick(trees) : 0;
      state.tables.set(
        runNow(
          store.createTree(t, {
            kind: parent === 0 ? 0 : 1,
            parent: store.parts.core.trees.get(parent)?.parent === 0 ? parent : 0,
            fillPercent: 80,
            ...this.#hints(),
          }),
        ),
        new Map(),
      );
      return;
    }
    const tree = prng.pick(trees);
    const table = state.tables.get(tree)!;
    if (prng.chance(0.01)) this.#drop(store, t, state, tree);
    else if (prng.chance(0.05)) this.#append(store, t, tree, table);
    else if (prng.chance(0.04)) this.#long(store, t, state, tree);
    else this.#row(store, t, tree, table);
  }

  /** None, or sizes and flags that make trees grow in many small or a few large extents, from the root or from the parent. */
  #hints(): { hints?: SpaceHints } {
    const prng = this.#prng;
    if (prng.chance(0.5)) return {};
    const extentPagesMin = prng.below(6);
    const hints = {
      initialPages: prng.pick([0, 0, 1, 4, 33, 40]),
      growthPercent: prng.pick([0, 100, 130, 200]),
      extentPagesMin,
      extentPagesMax: prng.chance(0.5) ? 0 : extentPagesMin + prng.below(20),
      maintenancePercent: 0,
      flags: prng.below(8),
    };
    return { hints };
  }

  #drop(store: FileStore, t: Transaction, state: State, tree: TreeId): void {
    const parentOf = (id: TreeId): TreeId => store.parts.core.tree(id).parent;
    runNow(store.dropTree(t, tree));
    for (const id of [...state.tables.keys()]) if (id === tree || parentOf(id) === tree) state.tables.delete(id);
    for (const name of [...state.longs.keys()]) {
      if (!state.tables.has(Number(name.split('/')[0]))) state.longs.delete(name);
    }
  }

  #long(store: FileStore, t: Transaction, state: State, tree: TreeId): void {
    const own = [...state.longs.keys()].filter((name) => name.startsWith(`${tree}/`));
    if (own.length > 0 && this.#prng.chance(0.4)) {
      const name = this.#prng.pick(own);
      runNow(store.removeLong(t, tree, Number(name.split('/')[1])));
      state.longs.delete(name);
      return;
    }
    const length = this.#prng.below(20_000);
    // Its id is known only afterwards, and its bytes tell whose they are: so they are written in two steps.
    const next = (): number => store.parts.core.trees.get(store.parts.core.tree(tree).longTree)?.nextLong ?? 0;
    const expected = next();
    const bytes = Uint8Array.from({ length }, (_, i) => longByte(expected, i));
    const id = runNow(store.writeLong(t, tree, bytes, 0, length));
    if (id === expected) state.longs.set(`${tree}/${id}`, length);
    else runNow(store.removeLong(t, tree, id));
  }

  #append(store: FileStore, t: Transaction, tree: TreeId, table: Table): void {
    const appender = store.appender(t, tree);
    const serial = this.#prng.below(1_000_000);
    for (let n = this.#prng.below(300), i = 0; i < n; i++) {
      const key = `z${String(serial).padStart(7, '0')}${String(i).padStart(4, '0')}`;
      const value = 'b'.repeat(this.#prng.below(100));
      const k = encoder.encode(key);
      const v = encoder.encode(value);
      const status = attempt(store, () => appender.add(k, k.length, v, 0, v.length));
      if (status !== OK) break;
      table.set(key, value);
    }
    attempt(store, () => appender.flush());
  }

  #row(store: FileStore, t: Transaction, tree: TreeId, table: Table): void {
    const prng = this.#prng;
    this.#setRow(store, t, tree, table, `${'x'.repeat(prng.below(30))}${prng.below(200)}`);
  }

  /** Inserts, updates or deletes the row of a key. */
  #setRow(store: FileStore, t: Transaction, tree: TreeId, table: Table, key: string): void {
    const prng = this.#prng;
    const value = 'v'.repeat(prng.below(prng.chance(0.1) ? store.recordBytesMax : 80));
    const k = encoder.encode(key);
    const v = encoder.encode(value);
    if (!table.has(key)) {
      attempt(store, () => store.insert(t, tree, k, k.length, v, 0, v.length));
      table.set(key, value);
    } else if (prng.chance(0.4)) {
      attempt(store, () => store.remove(t, tree, k, k.length, undefined));
      table.delete(key);
    } else {
      attempt(store, () => store.update(t, tree, k, k.length, v, 0, v.length, 2));
      table.set(key, value);
    }
  }
}

function longByte(id: number, i: number): number {
  return (id * 31 + i * 7) & 0xff;
}

function attempt(store: FileStore, act: () => number): number {
  for (;;) {
    const status = act();
    if (status !== NEED) return status;
    store.need.answerNow();
  }
}

/** Was it the power, directly or as the cause of what the store says? */
function isPowerCut(error: unknown): boolean {
  for (let e: unknown = error; e instanceof Error; e = e.cause) if (e.name === 'PowerCut') return true;
  return false;
}
