/**
 * The simulation campaign: sessions between all steps of defragmentation, and a power cut at each.
 *
 *   npm run campaign:sim -- --seeds 1000 --seed 1
 *
 * `--sql 100` adds so many runs of SQL sessions in each scene, or in that of `--scene NAME`, with a power cut at one step in twenty;
 * `--counts` tells how often each statement came to its end or was refused. With `--cuts 0` only the sessions run, some forty times as fast. Each run has a seed of its own, printed when it fails; `--seeds 1 --seed <that>` replays it.
 */
import { Simulation } from '../test/sim/simulation.ts';
import { SQL_SCENES } from '../test/sim/sql-scenes.ts';
import { SqlSimulation } from '../test/sim/sql-simulation.ts';

const FAILURES_MAX = 10;
const SQL_CRASH_SHARE = 0.05;

function option(name: string, fallback: number): number {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
}

const seeds = option('seeds', 1000);
const firstSeed = option('seed', 1);
const sqlSeeds = option('sql', 0);
const scene = process.argv.indexOf('--scene');
const wanted = scene < 0 ? Object.keys(SQL_SCENES) : [process.argv[scene + 1]];
const powerCuts = option('cuts', 1) !== 0;
const started = performance.now();
let [steps, turns, crashes, compared, failures, runs] = [0, 0, 0, 0, 0, 0];
let [pagesSeenMax, pagesChangedMax] = [0, 0];
for (let seed = firstSeed; seed < firstSeed + seeds && failures < FAILURES_MAX; seed++) {
  runs++;
  try {
    const report = new Simulation(seed, powerCuts).run();
    steps += report.steps;
    turns += report.turns;
    crashes += report.crashes;
    compared += report.compared;
    pagesSeenMax = Math.max(pagesSeenMax, report.pagesSeenMax);
    pagesChangedMax = Math.max(pagesChangedMax, report.pagesChangedMax);
  } catch (error) {
    failures++;
    console.error(`seed ${seed}: ${error instanceof Error ? error.stack : String(error)}`);
  }
}
let sqlSteps = 0;
const counts = new Map<string, number>();
for (let seed = firstSeed; seed < firstSeed + sqlSeeds && failures < FAILURES_MAX; seed++) {
  for (const [name, scene] of Object.entries(SQL_SCENES)) {
    if (!wanted.includes(name)) continue;
    try {
      const report = await new SqlSimulation(seed, powerCuts ? SQL_CRASH_SHARE : 0, scene).run();
      sqlSteps += report.steps;
      crashes += report.crashes;
      compared += report.compared;
      for (const [what, count] of [...report.done, ...report.refused])
        counts.set(what, (counts.get(what) ?? 0) + count);
    } catch (error) {
      failures++;
      console.error(`SQL seed ${seed}, ${name}: ${error instanceof Error ? error.stack : String(error)}`);
    }
  }
}
if (process.argv.includes('--counts')) for (const [what, count] of [...counts].sort()) console.log(`${count}\t${what}`);
const seconds = (performance.now() - started) / 1000;
console.log(
  `${runs} seeds from ${firstSeed}: ${steps} steps of defragmentation${sqlSeeds > 0 ? ` and ${sqlSteps} of ${sqlSeeds} SQL runs` : ''}, ${crashes} power cuts, ${turns} turns, ${compared} snapshots ` +
    `compared; at most ${pagesSeenMax} pages looked at and ${pagesChangedMax} changed in a step; ` +
    `${failures} violations, ${seconds.toFixed(0)} s`,
);
process.exitCode = failures === 0 ? 0 : 1;
