import { expect, test } from 'vitest';
import { seedOf } from '../storage/open.ts';
import { Simulation } from './simulation.ts';

const first = seedOf(9200);

test('backups beside writers, DDL, checkpoints, REORGANIZE, trim and SHRINK hold a state of their time (many runs)', () => {
  let backups = 0;
  for (let seed = first + 100; seed < first + 125; seed++) {
    try {
      backups += new Simulation(seed, false, true).run().backups;
    } catch (error) {
      throw new Error(`seed=${seed}`, { cause: error });
    }
  }
  expect(backups).toBeGreaterThanOrEqual(25);
});

test.each([first])(
  'a power cut at many steps of a backup leaves the source sound, and the copy whole or not there (seed %i)',
  (seed) => {
    const report = new Simulation(seed, true, true).run();
    expect(report.crashes).toBeGreaterThan(20);
    expect(report.backups).toBeGreaterThan(0);
  },
);
