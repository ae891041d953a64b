/** Texts from outside: scripts and the like, which the engine does not own. */
import * as fs from 'node:fs';
import { hostError } from './node-vfs.ts';

/**
 * Reads a file from its beginning to its end. Unlike a {@link NodeVfs} file it need have no size: a pipe will do.
 *
 * @throws 58P01 and what else the host says of the file
 */
export async function readWhole(path: string): Promise<Uint8Array> {
  try {
    return await fs.promises.readFile(path);
  } catch (cause) {
    throw hostError('open', path, cause);
  }
}
