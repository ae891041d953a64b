/**
 * One simulated run: defragmentation step by step, with everybody else between two steps, and the power failing at each.
 *
 *   fill      rows in random order, most of which go again: sparse leaves in no order
 *   run       writers, readers, checkpoint, background; beside them reorganize, the pass over all trees, shrink, trim
 *   step      after each one the disk as a power cut would leave it now is opened, checked and compared with the model;
 *             the run itself goes on
 *   backup    if wanted: one after the other, beside all this; each is opened, checked, and holds of every writer a state between
 *             what was acknowledged at its begin and what was to be committed at its end
 *   end       everybody ends, the file is closed, opened and compared once more
 */
import { ManualClock } from '../../src/base/clock.ts';
import { Prng } from '../../src/base/prng.ts';
import { runNow, type Task } from '../../src/base/task.ts';
import { DefragmentPass, PASS_BEGIN } from '../../src/defrag/defragment-pass.ts';
import { Reorganizer } from '../../src/defrag/reorganize.ts';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import type { Vfs } from '../../src/io/vfs.ts';
import { backUp } from '../../src/space/backup-file.ts';
import { onlineCheck } from '../../src/space/online-check.ts';
import { type DatabaseFile, openDatabaseFile } from '../../src/space/open-database-file.ts';
import { checkStore } from '../../src/storage/check.ts';
import { NO_SPACE_HINTS, TREE_INDEX, TREE_TABLE, type TreeId } from '../../src/storage/contracts.ts';
import { FileHeader } from '../../src/storage/file-header.ts';
import { TREE_LIVE } from '../../src/storage/layout.ts';
import { OrderedVfs } from '../support/ordered-vfs.ts';
import { Model } from './model.ts';
import { Schedule } from './schedule.ts';
import {
  definer,
  holder,
  housekeeper,
  pointReader,
  rangeReader,
  type Scene,
  survivors,
  transaction,
  Violation,
  writer,
} from './sessions.ts';
import { SimClock, SimVfs } from './world.ts';

const PATH = 'db/sim.extent';
const PAGE_BYTES = 4096;
const WRITERS = 3;
/** Rows that are in a backup were admissible at some time during it. */
interface Backup {
  readonly path: string;
  /** By writer: the first state that it may hold, and the last one; that is not known before its end. */
  readonly from: readonly number[];
  to: readonly number[] | undefined;
}

/** Turns in which a run must end. */
const TURNS_MAX = 200_000;

/** What a run did. */
export interface SimReport {
  readonly steps: number;
  readonly turns: number;
  readonly crashes: number;
  readonly backups: number;
  /** Snapshots whose rows were compared with the model. */
  readonly compared: number;
  /** Pages that one step looked at, and pages that it changed, at most. */
  readonly pagesSeenMax: number;
  readonly pagesChangedMax: number;
  /** Names all turns in their order. */
  readonly trace: number;
}

export class Simulation {
  readonly seed: number;
  readonly #powerCuts: boolean;
  readonly #prng: Prng;
  readonly #disk = new MemoryVfs();
  readonly #clock = new SimClock();
  readonly #order: OrderedVfs;
  readonly #schedule: Schedule;
  /** Share of the turns before which everything clean leaves the cache. */
  readonly #evicting: number;
  #scene: Scene | undefined;
  #defragmenting = 0;
  readonly #seen = new Set<number>();
  readonly #changed = new Set<number>();
  #counts = { crashes: 0, backups: 0, pagesSeenMax: 0, pagesChangedMax: 0 };
  readonly #backedUp: boolean;
  readonly #backups: Backup[] = [];

  /**
   * @param powerCuts - false: only the sessions run; some forty times as fast.
   * @param backups - somebody backs the database up all the time; power cuts then come at the steps of backups.
   */
  constructor(seed: number, powerCuts = true, backups = false) {
    this.seed = seed;
    this.#powerCuts = powerCuts;
    this.#backedUp = backups;
    this.#prng = new Prng(seed);
    const vfs = new SimVfs(this.#disk);
    this.#order = new OrderedVfs(vfs, PATH, PAGE_BYTES);
    this.#evicting = this.#prng.pick([0.01, 0.03, 0.06]);
    this.#disk.holes = this.#prng.chance(0.8);
    this.#schedule = new Schedule(this.#prng, this.#clock, vfs, {
      beforeTurn: () => {
        if (this.#prng.chance(this.#evicting)) this.#open.file.store.parts.core.cache.evictClean();
        this.#seen.clear();
        this.#changed.clear();
      },
      onStep: () => this.#stepped(),
    });
  }

  get #open(): Scene {
    if (this.#scene === undefined) throw new Violation('nothing is open');
    return this.#scene;
  }

  /** @throws {@link Violation}, or whatever the database throws where it must not. */
  run(): SimReport {
    const scene = this.#fill();
    this.#watchPages(scene.file);
    for (let w = 0; w < WRITERS; w++) this.#schedule.add(`writer ${w}`, writer(scene, w));
    this.#schedule.add('points', pointReader(scene));
    for (let r = 0; r < 3; r++) this.#schedule.add(`range ${r}`, rangeReader(scene));
    this.#schedule.add('holder', holder(scene));
    if (this.#prng.chance(0.5)) this.#schedule.add('definer', definer(scene));
    this.#schedule.add('housekeeper', housekeeper(scene));
    this.#defragment('reorganize', this.#reorganizations());
    this.#defragment('space', this.#spaceWork());
    if (this.#backedUp) {
      this.#schedule.add('backup', this.#backupWork(), true);
      this.#schedule.add('checker', this.#checks());
    }
    while (!this.#schedule.isDone) {
      if (this.#defragmenting === 0) scene.over = true;
      this.#schedule.turn();
      if (this.#schedule.turns > TURNS_MAX) throw new Violation('the run does not end');
    }
    this.#end();
    const { turns, steps, trace } = this.#schedule;
    return { ...this.#counts, turns, steps, trace, compared: scene.compared };
  }

  /** A file with three trees full of holes. */
  #fill(): Scene {
    const prng = this.#prng;
    const file = this.#openFile(this.#order, this.#clock, new Prng(prng.uint32()), prng.pick([1, 100, 400]));
    const { store } = file;
    const t = store.begin(1);
    const make = (kind: typeof TREE_TABLE | typeof TREE_INDEX, parent: TreeId): TreeId => {
      const hints = { ...NO_SPACE_HINTS, initialPages: prng.pick([0, 0, 4, 40]), flags: prng.pick([0, 1, 2]) };
      return runNow(store.createTree(t, { kind, parent, fillPercent: prng.pick([70, 90, 100]), hints }));
    };
    const table = make(TREE_TABLE, 0);
    const trees = [table, make(TREE_INDEX, table), make(TREE_TABLE, 0)];
    runNow(t.commit());
    const scene: Scene = {
      prng,
      file,
      trees,
      model: new Model(WRITERS, trees.length),
      keys: prng.pick([20, 60, 120]),
      valueBytesMax: prng.pick([40, 150, 400]),
      passing: [],
      compared: 0,
      over: false,
    };
    this.#scene = scene;
    for (let n = 0; n < scene.keys / 4; n++) runNow(transaction(scene, prng.below(WRITERS), 20));
    if (prng.chance(0.5)) while (runNow(store.background()));
    // Recovery then has little to replay: most of the time of a run goes into it.
    if (prng.chance(0.8)) runNow(store.checkpoint());
    return scene;
  }

  #openFile(vfs: Vfs, clock: ManualClock, prng: Prng, cachePages: number): DatabaseFile {
    const cacheBytes = cachePages * PAGE_BYTES;
    return runNow(openDatabaseFile({ vfs, clock, prng, path: PATH, pageBytes: PAGE_BYTES, cacheBytes }));
  }

  /** Notes which pages are looked at and changed; asked after each step. */
  #watchPages({ store }: DatabaseFile): void {
    const { cache } = store.parts.core;
    const { frameOf, peek, markDirty, ensureFree } = cache;
    let making = false;
    cache.frameOf = (pgno) => {
      this.#seen.add(pgno);
      return frameOf.call(cache, pgno);
    };
    cache.peek = (pgno) => {
      if (!making) this.#seen.add(pgno);
      return peek.call(cache, pgno);
    };
    // What leaves the cache to make room is not looked at.
    cache.ensureFree = (wanted) => {
      making = true;
      const enough = ensureFree.call(cache, wanted);
      making = false;
      return enough;
    };
    cache.markDirty = (frame) => {
      this.#changed.add(cache.pgnoOf(frame));
      markDirty.call(cache, frame);
    };
  }

  #defragment(name: string, work: Task<void>): void {
    this.#defragmenting++;
    const done = (): void => {
      this.#defragmenting--;
    };
    function* counted(): Task<void> {
      yield* work;
      done();
    }
    this.#schedule.add(name, counted(), true);
  }

  *#reorganizations(): Task<void> {
    const { prng, file, trees } = this.#open;
    for (let n = 1 + prng.below(2); n > 0; n--) {
      const pagesMax = prng.chance(0.2) ? prng.below(20) : undefined;
      const passing = passingOf(this.#open);
      const tree = passing !== undefined && prng.chance(0.5) ? passing : prng.pick(trees);
      yield* new Reorganizer(file, tree, { lobCompaction: prng.chance(0.8), pagesMax }).run();
    }
  }

  *#spaceWork(): Task<void> {
    const { prng, file } = this.#open;
    for (let n = 1 + prng.below(2); n > 0; n--) {
      const what = prng.below(4);
      if (what === 0) {
        const target = prng.pick(['database', 'space trees'] as const);
        yield* new DefragmentPass(
          file,
          target,
          PASS_BEGIN,
          () => prng.chance(0.02),
          () => {},
        ).run();
      } else if (what === 1) yield* file.space.trimmer.trim();
      else yield* file.shorten({ isOver: () => prng.chance(0.05) });
    }
  }

  *#backupWork(): Task<void> {
    const { prng, file, model } = this.#open;
    do {
      const path = `db/copy-${this.#backups.length}.extent`;
      const backup: Backup = { path, from: model.writers.map((w) => w.acknowledged - 1), to: undefined };
      this.#backups.push(backup);
      yield* backUp(file, {
        target: path,
        owner: 0,
        pieceBytes: prng.pick(this.#powerCuts ? [10, 40] : [1, 2, 5]) * PAGE_BYTES,
        onProgress: () => {},
      });
      backup.to = model.writers.map((w) => w.history.length);
      this.#compareBackup(this.#disk, backup, prng);
      this.#counts.backups++;
    } while (!this.#open.over);
  }

  /** Checks of the structure while everything moves find nothing. */
  *#checks(): Task<void> {
    while (!this.#open.over) {
      const problems = yield* onlineCheck(this.#open.file, { onPage: () => {} });
      if (problems.length > 0) throw new Violation(`checked in use: ${problems.slice(0, 5).join('; ')}`);
    }
  }

  /** A backup is whole, clean and sound, and holds a state of its time. */
  #compareBackup(disk: MemoryVfs, { path, from, to }: Backup, prng: Prng): void {
    const scene = this.#open;
    if (disk.list(`${path}-log`).length > 0) throw new Violation('a backup has a log');
    const cacheBytes = 100 * PAGE_BYTES;
    const header = disk.open(path, 'read');
    if (!FileHeader.read(header).clean) throw new Violation('a backup is not clean');
    header.close();
    const options = { vfs: disk, clock: new ManualClock(), prng, path, create: false, cacheBytes };
    const copy = runNow(openDatabaseFile(options));
    const model = new Model(0, 0);
    for (const [w, writer] of scene.model.writers.entries())
      model.writers.push({ ...writer, admissible: writer.history.slice(from[w], to?.[w]) });
    this.#sound({ ...scene, file: copy });
    runNow(survivors({ ...scene, prng, model, file: copy }));
    runNow(copy.store.closing());
  }

  #stepped(): void {
    const { steps } = this.#schedule;
    this.#counts.pagesSeenMax = Math.max(this.#counts.pagesSeenMax, this.#seen.size);
    this.#counts.pagesChangedMax = Math.max(this.#counts.pagesChangedMax, this.#changed.size);
    if (this.#powerCuts && (!this.#backedUp || this.#prng.chance(0.5)))
      this.#crash(new Prng(Math.imul(this.seed, 0x9e3779b1) + steps), `step ${steps}`);
  }

  /** Opens what a power cut would leave now, and looks whether it is sound and holds what it must. */
  #crash(prng: Prng, when: string): void {
    this.#counts.crashes++;
    const disk = this.#disk.afterPowerCut(prng);
    try {
      const file = this.#openFile(disk, new ManualClock(), prng, 1);
      const scene = { ...this.#open, prng, file };
      this.#sound(scene);
      runNow(survivors(scene));
      for (const backup of this.#backups) if (disk.exists(backup.path)) this.#compareBackup(disk, backup, prng);
      if (prng.chance(0.1)) this.#goOn(scene);
    } catch (error) {
      throw new Violation(`after a power cut at ${when}: ${String(error)}`, { cause: error });
    }
  }

  /** What was interrupted is taken up again and changes nothing that anybody sees. */
  #goOn(scene: Scene): void {
    const { prng, file, trees } = scene;
    runNow(new Reorganizer(file, prng.pick(trees), { lobCompaction: true }).run());
    while (runNow(file.background()));
    if (prng.chance(0.3)) runNow(file.shorten());
    this.#sound(scene);
    runNow(survivors(scene));
  }

  #sound({ file }: Scene): void {
    const [broken] = this.#order.broken;
    if (broken !== undefined) throw new Violation(`order: ${broken}`);
    const problems = runNow(checkStore(file.store, file.space.audit()));
    if (problems.length > 0) throw new Violation(`structure: ${problems.slice(0, 5).join('; ')}`);
  }

  #end(): void {
    const scene = this.#open;
    const { file } = scene;
    while (runNow(file.background()));
    this.#sound(scene);
    runNow(survivors(scene));
    if (file.store.parts.core.versions.entries !== 0) throw new Violation('versions are left that nobody sees');
    runNow(file.store.closing());
    const again = this.#openFile(this.#disk, new ManualClock(), this.#prng, 400);
    this.#sound({ ...scene, file: again });
    runNow(survivors({ ...scene, file: again }));
  }
}

/** The last tree of those that come and go, if it is there. */
function passingOf({ file, passing }: Scene): TreeId | undefined {
  const last = passing[passing.length - 1];
  return last !== undefined && file.store.parts.core.trees.get(last)?.state === TREE_LIVE ? last : undefined;
}
