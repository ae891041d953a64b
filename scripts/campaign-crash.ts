/**
 * The crash campaign: random work, power cuts, recovery, comparison with a model, until so many crash states were seen.
 *
 *   npm run campaign:crash -- --states 20000 --seed 1
 *
 * Each run of some fifty cuts has a seed of its own, printed when it fails; `--states 50 --seed <that>` replays it.
 */
import { Prng } from '../src/base/prng.ts';
import { CrashWorkload } from '../test/crash/workload.ts';

const CUTS_PER_RUN = 50;

function option(name: string, fallback: number): number {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
}

const states = option('states', 20_000);
const firstSeed = option('seed', 1);
const started = performance.now();
let seen = 0;
let inRecovery = 0;
let failures = 0;
for (let seed = firstSeed; seen < states; seed++) {
  const workload = new CrashWorkload(new Prng(seed));
  try {
    workload.run(CUTS_PER_RUN);
  } catch (error) {
    failures++;
    console.error(`seed ${seed}, cut ${workload.cuts}: ${error instanceof Error ? error.stack : String(error)}`);
    if (failures >= 10) break;
  }
  seen += workload.cuts;
  inRecovery += workload.cutsInRecovery;
}
const seconds = (performance.now() - started) / 1000;
console.log(
  `${seen} crash states, ${inRecovery} of them inside a recovery, ${failures} violations, ${seconds.toFixed(0)} s`,
);
process.exitCode = failures === 0 ? 0 : 1;
