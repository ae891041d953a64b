/**
 * The kill campaign: a real server under eight writing clients, killed again and again, compared with its own ledger.
 *
 *   npm run campaign:kill -- --cycles 50 --seed 1
 *
 * The seed decides options, moments and the clients' work; the kernel's scheduling decides the rest, so a seed repeats the
 * kind of cycle and not its last microsecond. The directory of a failed campaign stays for inspection.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Prng } from '../src/base/prng.ts';
import { KillCampaign } from '../test/crash-process/kill-campaign.ts';

const { values } = parseArgs({
  options: { cycles: { type: 'string', default: '50' }, seed: { type: 'string', default: '1' } },
});
const data = mkdtempSync(join(tmpdir(), 'extentdb-kill-'));
const campaign = new KillCampaign(data, new Prng(Number(values.seed)));
const started = performance.now();
let commits = 0;
let recoveryKills = 0;
let violations = 0;
await campaign.found();
const cycles = Number(values.cycles);
for (let cycle = 1; cycle <= cycles && violations === 0; cycle++) {
  const report = await campaign.cycle();
  commits += report.commits;
  recoveryKills += report.recoveryKills;
  violations += report.problems.length;
  const { moment, synchronousCommit, cacheMebibytes } = report;
  const facts = `kill at ${moment}, ${report.commits} commits, ${report.recoveryKills} kills in recovery`;
  console.log(
    `${cycle}: ${facts}, cache ${cacheMebibytes} MiB, synchronous_commit ${synchronousCommit ? 'on' : 'off'}`,
  );
  for (const problem of report.problems) console.error(`   ${problem}`);
}
const seconds = ((performance.now() - started) / 1000).toFixed(0);
console.log(
  `seed ${values.seed}: ${commits} commits, ${recoveryKills} kills in recovery, ${violations} violations, ${seconds} s`,
);
if (violations === 0) for (const path of [data, campaign.evidence]) rmSync(path, { recursive: true });
else console.error(`the files are in ${data}; as the last kill left them in ${campaign.evidence}`);
process.exitCode = violations === 0 ? 0 : 1;
