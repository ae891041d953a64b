import { expect, test } from 'vitest';
import { seedOf } from '../storage/open.ts';
import { Simulation } from './simulation.ts';
import { MAINTAINING, PARTITIONED } from './sql-scenes.ts';
import { SqlSimulation } from './sql-simulation.ts';

/** Pages that a step may look at, and change: a window with its neighbours, branches, the space trees on the way up. */
const PAGES_SEEN_MAX = 80;
const PAGES_CHANGED_MAX = 24;

const first = seedOf(8100);

test.each(Array.from({ length: 3 }, (_, run) => first + run))(
  'R2, R41: sessions between all steps, and a power cut at each (seed %i)',
  (seed) => {
    const report = new Simulation(seed).run();
    expect(report.crashes).toBe(report.steps);
    expect(report.compared).toBeGreaterThan(0);
  },
);

test('sessions between all steps of many runs; what a step touches is bounded', () => {
  for (let seed = first + 100; seed < first + 120; seed++) {
    const report = new Simulation(seed, false).run();
    expect(report.pagesSeenMax, `seed=${seed}`).toBeLessThanOrEqual(PAGES_SEEN_MAX);
    expect(report.pagesChangedMax, `seed=${seed}`).toBeLessThanOrEqual(PAGES_CHANGED_MAX);
  }
});

test('one seed is one course of events', () => {
  expect(new Simulation(first, false).run()).toEqual(new Simulation(first, false).run());
});

test.each([
  ['a table', MAINTAINING],
  ['a partitioned table', PARTITIONED],
])('whatever one can do with %s that is in use, beside writers and readers (many runs)', async (_, scene) => {
  const done = new Set<string>();
  for (let seed = first; seed < first + 5; seed++) {
    try {
      const report = await new SqlSimulation(seed, 0.02, scene).run();
      for (const statement of report.done.keys()) done.add(statement);
    } catch (error) {
      throw new Error(`seed=${seed}`, { cause: error });
    }
  }
  expect(done.size).toBeGreaterThan(10);
});

test('REINDEX of a partitioned table ends beside writers who never rest (found by seed 6)', async () => {
  const report = await new SqlSimulation(6, 0, PARTITIONED).run();
  expect(report.done.get('reindex table t')).toBeGreaterThan(0);
});

test.each([first])('the same through SQL (seed %i)', async (seed) => {
  const report = await new SqlSimulation(seed, 0.03).run();
  expect(report.steps).toBeGreaterThan(5);
  expect(report.compared).toBeGreaterThan(5);
});
