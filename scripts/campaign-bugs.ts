/**
 * Tests of the tests: puts one bug after another into a copy of the sources and runs the rigs that must find it.
 *
 *   npm run campaign:bugs [-- --only 3,17] [-- --minutes 10]
 */
import { BUGS } from '../test/mutation/bugs.ts';
import { Workshop } from '../test/mutation/run-bug.ts';

function option(name: string): string | undefined {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? undefined : process.argv[at + 1];
}

const only = option('only')?.split(',').map(Number);
const limitMs = Number(option('minutes') ?? 10) * 60_000;
const workshop = new Workshop(process.cwd());
let missed = 0;
let tried = 0;
try {
  for (const [i, bug] of BUGS.entries()) {
    if (only !== undefined && !only.includes(i + 1)) continue;
    const began = performance.now();
    const outcome = await workshop.try(bug, limitMs);
    tried++;
    if (outcome !== 'caught') missed++;
    console.log(`${i + 1}. ${bug.name}: ${outcome}, ${((performance.now() - began) / 1000).toFixed(0)} s`);
  }
} finally {
  workshop.end();
}
console.log(`${tried - missed} of ${tried} bugs were caught`);
process.exitCode = missed === 0 ? 0 : 1;
