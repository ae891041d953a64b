/** The real world for an instance: files, time, chance. */
import { randomInt } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { Prng } from '../base/prng.ts';
import type { InstanceOptions } from '../engine/instance.ts';
import { NodeVfs } from '../io/node-vfs.ts';

export function hostOptions(clock: Clock): InstanceOptions {
  return { vfs: new NodeVfs(), clock, prng: new Prng(randomInt(2 ** 32)) };
}
