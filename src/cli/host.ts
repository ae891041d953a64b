/** The real world for an instance: files, time, chance; and for commands: the texts they read. */
import { decodeClientText } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { Prng } from '../base/prng.ts';
import type { InstanceOptions } from '../engine/instance.ts';
import { NodeVfs } from '../io/node-vfs.ts';
import { readWhole } from '../io/read-whole.ts';
import { drawSeed } from '../io/seed.ts';
import type { ShrinkMode } from '../space/open-database-file.ts';

/** @param cacheBytes bytes of the page cache; undefined, as with `shrink` = the engine's default. */
export function hostOptions(clock: Clock, cacheBytes?: number, shrink?: ShrinkMode): InstanceOptions {
  const options = { vfs: new NodeVfs(), clock, prng: new Prng(drawSeed()), shrink };
  return cacheBytes === undefined ? options : { ...options, cacheBytes };
}

/** The text of a file, or of standard input for `-`. @throws 58P01, 22021 */
export async function readText(path: string): Promise<string> {
  if (path === '-') {
    const chunks: Uint8Array[] = [];
    for await (const chunk of process.stdin) chunks.push(chunk);
    const all = Buffer.concat(chunks);
    return decodeClientText(all, 0, all.length);
  }
  const bytes = await readWhole(path);
  return decodeClientText(bytes, 0, bytes.length).replace(/^\ufeff/, '');
}
