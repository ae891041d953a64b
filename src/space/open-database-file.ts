/**
 * The one way in for the engine: a store whose pages come from the space manager.
 */
import type { Task } from '../base/task.ts';
import { openingStore, type StoreOptions } from '../storage/open-store.ts';
import type { FileStore } from '../storage/store.ts';
import { SpaceAllocator } from './space-allocator.ts';

/** What `openDatabaseFile` needs: a store's options, without those that the space manager fills in. */
export type DatabaseFileOptions = Omit<StoreOptions, 'allocator' | 'redoHandler'>;

/** A database file, open. */
export interface DatabaseFile {
  readonly store: FileStore;
  readonly space: SpaceAllocator;
}

/** Opens or makes a database file. Run it with `runTask`, or with `runNow` for synchronous callers. */
export function* openDatabaseFile(options: DatabaseFileOptions): Task<DatabaseFile> {
  const space = new SpaceAllocator();
  const store = yield* openingStore({ ...options, allocator: space });
  return { store, space };
}
