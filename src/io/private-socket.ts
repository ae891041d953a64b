/**
 * A place for a socket that only this user's processes reach.
 *
 *   <temporary directory>/extentdb-XXXXXX/s      directory 0700, socket 0600
 *
 * Not beside the database: a socket's path may have 107 bytes at most, and not every file system takes sockets. The directory
 * goes when its process ends in order; what a killed process leaves goes with the next opening of the database, whose lock
 * names it (`lock-file.ts`).
 */
import * as fs from 'node:fs';
import { announceSocket } from './lock-file.ts';
import { SOCKET_NAME, socketFolderStarts } from './socket-path.ts';

export class PrivateSocket {
  #folder: string | undefined;
  readonly #atExit = (): void => this.remove();

  /** Makes the directory. @returns the path for the socket; undefined where there can be none. */
  make(): string | undefined {
    if (process.platform === 'win32') return undefined;
    for (const start of socketFolderStarts()) {
      try {
        this.#folder = fs.mkdtempSync(start);
      } catch {
        // A temporary directory that cannot be written to is no reason not to open a database.
        continue;
      }
      process.once('exit', this.#atExit);
      return this.#folder + SOCKET_NAME;
    }
    return undefined;
  }

  /** Somebody listens at the path now. */
  protect(): void {
    if (this.#folder !== undefined) fs.chmodSync(this.#folder + SOCKET_NAME, 0o600);
  }

  /** Names the socket in the lock of a database that this process has open. */
  announce(path: string, database: string): void {
    if (this.#folder !== undefined) announceSocket(path, database, this.#folder + SOCKET_NAME);
  }

  remove(): void {
    const folder = this.#folder;
    if (folder === undefined) return;
    this.#folder = undefined;
    process.off('exit', this.#atExit);
    fs.rmSync(folder, { recursive: true, force: true });
  }
}
