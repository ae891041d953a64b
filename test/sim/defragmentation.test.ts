import { expect, test } from 'vitest';
import { seedOf } from '../storage/open.ts';
import { Simulation } from './simulation.ts';

const first = seedOf(8100);
const seeds = Array.from({ length: 5 }, (_, run) => first + run);

test.each(seeds)('R41: readers, writers and power cuts at every step of defragmentation (seed %i)', (seed) => {
  const t = performance.now();
  const report = new Simulation(seed).run();
  console.log(seed, performance.now() - t, JSON.stringify(report));
  expect(report.crashes).toBe(report.steps);
});
