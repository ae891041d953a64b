import { expect, test } from 'vitest';
import { Prng } from '../../src/base/prng.ts';
import { seedOf } from '../storage/open.ts';
import { CrashWorkload } from './workload.ts';

test('1,000 power cuts lose nothing that was acknowledged', () => {
  const seed = seedOf(4711);
  for (let run = 0; run < 20; run++) {
    const workload = new CrashWorkload(new Prng(seed + run));
    expect(() => workload.run(50), `seed=${seed + run}`).not.toThrow();
  }
});
