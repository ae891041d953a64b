/**
 * Paths of the sockets that `private-socket.ts` makes:
 *
 *   <temporary directory>/extentdb-XXXXXX/s
 */
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';

export const SOCKET_NAME = '/s';
/** macOS takes 104 bytes with the closing zero, Linux 108. */
const PATH_BYTES_MAX = 103;
const RANDOM_CHARACTERS = 6;
const OURS = /\/extentdb-[A-Za-z0-9]{6}\/s$/;

/** What a socket's directory is called up to its random end, best place first. */
export function socketFolderStarts(): string[] {
  const starts = [resolve(tmpdir()), '/tmp'].map((root) => `${root}/extentdb-`);
  return starts.filter((start) => Buffer.byteLength(start) + RANDOM_CHARACTERS + SOCKET_NAME.length <= PATH_BYTES_MAX);
}

/** Removes the socket of a dead process, and its directory. What does not look like one of ours stays. */
export function removeStaleSocket(socket: string): void {
  if (!OURS.test(socket)) return;
  try {
    const found = fs.lstatSync(socket, { throwIfNoEntry: false });
    if (found === undefined || !found.isSocket() || found.uid !== process.getuid?.()) return;
    fs.unlinkSync(socket);
    fs.rmdirSync(socket.slice(0, -SOCKET_NAME.length));
  } catch {
    // It may be going already, by another opener's hand; a directory that stays takes no harm.
  }
}
