/** The campaign's short run: twenty workloads of their own seeds, each cut off fifty times. */
import { expect, test } from 'vitest';
import { Prng } from '../../src/base/prng.ts';
import { seedOf } from '../storage/open.ts';
import { CrashWorkload } from './workload.ts';

const first = seedOf(4711);
const seeds = Array.from({ length: 20 }, (_, run) => first + run);

// A run takes three seconds of its own; the limit leaves room for a machine that has other work.
test.each(seeds)('50 power cuts lose nothing that was acknowledged (seed %i)', { timeout: 60_000 }, (seed) => {
  const workload = new CrashWorkload(new Prng(seed));
  expect(() => workload.run(50), `seed=${seed}`).not.toThrow();
});
