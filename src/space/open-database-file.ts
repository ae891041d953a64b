/**
 * The one way in for the engine: a store whose pages come from the space manager, and what the space manager does for it.
 */
import type { Task } from '../base/task.ts';
import { directoryOf } from '../io/vfs.ts';
import { NEED, OK } from '../storage/contracts.ts';
import { pageOffset } from '../storage/layout.ts';
import { openingStore, type StoreOptions } from '../storage/open-store.ts';
import type { FileStore } from '../storage/store.ts';
import { Shrinker, type ShrinkOptions, type ShrinkReport } from './shrinker.ts';
import { SpaceAllocator } from './space-allocator.ts';
import { StepWatch } from './step-watch.ts';
import { refill } from './tree-space.ts';

/** A file that is made longer on request grows by multiples of so many pages. */
const EXTENSION_PAGES = 16;

/**
 * When free space goes back to the file system (JET_paramEnableShrinkDatabase): never; when somebody asks; or also by itself
 * as soon as enough of it reaches the database root.
 */
export type ShrinkMode = 'off' | 'on' | 'realtime';

/** What `openDatabaseFile` needs: a store's options, without those that the space manager fills in. */
export interface DatabaseFileOptions extends Omit<StoreOptions, 'allocator' | 'redoHandler'> {
  /** Default: `realtime` where holes can be punched, else `on`. */
  readonly shrink?: ShrinkMode | undefined;
}

/** A database file, open. */
export class DatabaseFile {
  readonly store: FileStore;
  readonly space: SpaceAllocator;
  readonly path: string;
  /** How long steps of defragmentation take: whoever runs them has them watched. */
  readonly steps: StepWatch;
  readonly #options: DatabaseFileOptions;
  #shrink: ShrinkMode | undefined;
  readonly #shrinker: Shrinker;

  constructor(options: DatabaseFileOptions, store: FileStore, space: SpaceAllocator) {
    this.#options = options;
    this.#shrink = options.shrink;
    this.path = options.path;
    this.store = store;
    this.space = space;
    const { core, transactions } = store.parts;
    this.steps = new StepWatch(options.clock, {
      begun: () => transactions.begun,
      logBytes: () => core.log.tail,
      newPages: () => core.group.newPages,
    });
    this.#shrinker = new Shrinker(space.opened, () => store.background());
  }

  /** The mode in force. The first look at it may try out what the file system can do. */
  get shrink(): ShrinkMode {
    const { vfs, path } = this.#options;
    this.#shrink ??= vfs.canPunch(directoryOf(path)) ? 'realtime' : 'on';
    return this.#shrink;
  }

  /** Makes the file shorter: pages move to the front, the tail is cut off. */
  shorten(options: ShrinkOptions = {}): Task<ShrinkReport> {
    return this.steps.watch(this.#shrinker.shrink(options));
  }

  /** What files beside this one are made with. */
  get host(): Pick<DatabaseFileOptions, 'vfs' | 'clock' | 'prng'> {
    return this.#options;
  }

  /** Bytes of the file, header and shadow included. */
  get bytes(): number {
    return pageOffset(this.space.filePages(), this.store.pageBytes);
  }

  /**
   * Makes the file at least so long, in steps of 16 pages; does nothing when it is. Its new pages are free and have their place
   * on disk. @throws `disk_full` (53100)
   */
  *grow(bytes: number): Task<void> {
    const { core } = this.store.parts;
    const step = EXTENSION_PAGES * core.pageBytes;
    const end = (Math.ceil(bytes / step) * step) / core.pageBytes - 1;
    while (this.space.root.filePages < end) {
      const ready = core.reserve() === NEED ? NEED : refill(this.space.opened.parts, this.space.root.space);
      if (ready === NEED || (ready === OK && this.space.root.growTo(end) === NEED)) yield core.need;
    }
  }

  /** Background work, a piece at a time: the store's, then realtime trimming. False = nothing to do now. */
  *background(): Task<boolean> {
    if (yield* this.store.background()) return true;
    if (this.store.isClosed || this.store.parts.core.readOnly || !this.space.trimmer.isWorthwhile()) return false;
    if (this.shrink !== 'realtime') return false;
    yield* this.space.trimmer.trimRealtime();
    return true;
  }
}

/** Opens or makes a database file. Run it with `runTask`, or with `runNow` for synchronous callers. */
export function* openDatabaseFile(given: DatabaseFileOptions): Task<DatabaseFile> {
  // By whatever name it was opened: there is one lock and one log.
  const options = { ...given, path: given.vfs.canonical(given.path) };
  const space = new SpaceAllocator();
  const store = yield* openingStore({ ...options, allocator: space });
  return new DatabaseFile(options, store, space);
}
