/**
 * The file system as a dependency (law 1): every byte that reaches a disk goes through a `Vfs`.
 *
 * There is a real one (`node-vfs.ts`), one in memory that can lose power (`memory-vfs.ts`) and a wrapper that fails on
 * demand (`faulty-vfs.ts`). Each operation that the server must not block on has two forms: a synchronous one and one that
 * calls `done` in a later turn. Errors are `ExtentError`s: `disk_full` (53100), `undefined_file` (58P01), else `io_error`.
 */

/** Called once, in a later turn, when an asynchronous operation ended. */
export type Done = (error?: unknown) => void;

/** One open file. Offsets and lengths are bytes; short reads happen only at the end of the file, writes are complete. */
export interface VfsFile {
  readonly path: string;
  /** Reads up to `length` bytes at `offset` into `into` from `at`; returns how many, fewer only at the end of the file. */
  read(into: Uint8Array, at: number, length: number, offset: number): number;
  /** As `read`; bytes past the end of the file are filled with zeros. */
  readAsync(into: Uint8Array, at: number, length: number, offset: number, done: Done): void;
  write(from: Uint8Array, at: number, length: number, offset: number): void;
  writeAsync(from: Uint8Array, at: number, length: number, offset: number, done: Done): void;
  /** Makes everything written durable. A failure is fatal to whoever relies on the file: never retry it. */
  syncData(): void;
  syncDataAsync(done: Done): void;
  size(): number;
  /** Bytes of disk that the file takes: without its holes, with what the file system keeps about it. */
  diskBytes(): number;
  truncate(size: number): void;
  /** Backs a range with disk space, extending the file when it ends later; its bytes keep their content or are zero. */
  allocate(offset: number, length: number): void;
  /** Gives the range's disk space back; it reads as zeros or, until it is durable, as before. False: not possible here. */
  punch(offset: number, length: number): boolean;
  /** As `punch`; `done` also hears whether it was possible. */
  punchAsync(offset: number, length: number, done: (error: unknown, punched: boolean) => void): void;
  /** Pairs (offset, length) of the ranges that hold data, in order; undefined where the host cannot tell. */
  dataRanges(): number[] | undefined;
  close(): void;
  /** Removes the file and closes it: its name is gone at once; giving its blocks back, which can take long, holds nobody up. */
  discard(): void;
}

/** How `Vfs.open` treats the file: it must exist (`read`, `write`), is made when missing (`create`), or must be new (`new`). */
export type OpenMode = 'read' | 'write' | 'create' | 'new';

/** An exclusive lock on a database, held until released or until the process dies. */
export interface VfsLock {
  release(): void;
}

export interface Vfs {
  open(path: string, mode: OpenMode): VfsFile;
  exists(path: string): boolean;
  /** The one path of a file that may have several, by links: what stands beside it, lock and log, goes by this one. */
  canonical(path: string): string;
  /** Names of a directory's entries, sorted; empty when there is no such directory. */
  list(directory: string): string[];
  makeDirectory(path: string): void;
  /** Removes an empty directory; does nothing when it is missing or holds entries. */
  removeDirectory(path: string): void;
  rename(from: string, to: string): void;
  unlink(path: string): void;
  /** Can holes be punched into files of this directory? Tried once per file system, with a file that goes again. */
  canPunch(directory: string): boolean;
  /** Makes creations, renames and removals in a directory durable. */
  syncDirectory(path: string): void;
  syncDirectoryAsync(path: string, done: Done): void;
  /**
   * Locks the database at `path` against every other opener, in this process too.
   *
   * @throws `object_in_use` (55006) that names the holder.
   */
  lock(path: string): VfsLock;
}

/** The directory part of a path: everything before the last slash, `.` when there is none. */
export function directoryOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? '.' : slash === 0 ? '/' : path.slice(0, slash);
}
