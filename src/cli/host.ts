/** The real world for an instance: files, time, chance. */
import { randomInt } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { Prng } from '../base/prng.ts';
import type { InstanceOptions } from '../engine/instance.ts';
import { NodeVfs } from '../io/node-vfs.ts';

/** @param cacheBytes bytes of the page cache; undefined = the engine's default. */
export function hostOptions(clock: Clock, cacheBytes?: number): InstanceOptions {
  const options = { vfs: new NodeVfs(), clock, prng: new Prng(randomInt(2 ** 32)) };
  return cacheBytes === undefined ? options : { ...options, cacheBytes };
}
