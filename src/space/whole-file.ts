/**
 * A database file that appears whole or not at all.
 *
 *   <target>.partial ──made, closed, synced──renamed──> <target>          while <target> is locked
 *
 * Whatever goes wrong before, what was made is removed; after a power cut a `<target>.partial` and its log may stay behind, which
 * the next try replaces.
 */
import { fail } from '../base/errors.ts';
import type { Task } from '../base/task.ts';
import { directoryOf, type Vfs } from '../io/vfs.ts';
import type { DatabaseFile } from './open-database-file.ts';

const PARTIAL_SUFFIX = '.partial';

/**
 * Makes a database file.
 *
 * @param make - makes it under another name, and closes it.
 * @throws 58P02 when the target exists, 55006 when somebody makes it just now
 */
export function* makingWhole<T>(vfs: Vfs, target: string, make: (partial: string) => Task<T>): Task<T> {
  requireAbsent(vfs, target);
  const lock = vfs.lock(target);
  try {
    const partial = `${target}${PARTIAL_SUFFIX}`;
    removeDatabase(vfs, partial);
    try {
      const made = yield* make(partial);
      requireAbsent(vfs, target);
      vfs.rename(partial, target);
      vfs.syncDirectory(directoryOf(target));
      return made;
    } catch (error) {
      try {
        removeDatabase(vfs, partial);
      } catch {
        // The first failure is the one to tell of; the next try removes what is left.
      }
      throw error;
    }
  } finally {
    lock.release();
  }
}

/** Closes a copy that goes anyway: the first failure is the one to tell of. */
export function* abandoned({ store }: DatabaseFile): Task<void> {
  try {
    yield* store.closing();
  } catch {
    // Its file and its log are removed by whoever made them.
  }
}

function requireAbsent(vfs: Vfs, target: string): void {
  for (const path of [target, `${target}-log`])
    if (vfs.exists(path)) throw fail('duplicate_file', `"${path}" exists already`);
}

function removeDatabase(vfs: Vfs, path: string): void {
  const log = `${path}-log`;
  // A file that is being made bears another name until it is one.
  for (const file of [path, `${path}.new`]) if (vfs.exists(file)) vfs.unlink(file);
  for (const name of vfs.list(log)) vfs.unlink(`${log}/${name}`);
  vfs.removeDirectory(log);
}
