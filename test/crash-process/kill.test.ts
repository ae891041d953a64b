/** A short kill campaign; `npm run campaign:kill` is the long one. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Prng } from '../../src/base/prng.ts';
import { seedOf } from '../storage/open.ts';
import { KillCampaign } from './kill-campaign.ts';

test('three kills of a working server lose nothing that was acknowledged', async () => {
  const seed = seedOf(2026);
  const data = mkdtempSync(join(tmpdir(), 'extentdb-kill-'));
  const campaign = new KillCampaign(data, new Prng(seed));
  await campaign.found();
  let commits = 0;
  for (let cycle = 1; cycle <= 3; cycle++) {
    const report = await campaign.cycle();
    expect(report.problems, `seed=${seed} cycle=${cycle} ${JSON.stringify(report)} in ${data}`).toEqual([]);
    commits += report.commits;
  }
  // A kill may come before the first commit of its cycle, where others have the processors, but not each time.
  expect(commits, `seed=${seed}`).toBeGreaterThan(0);
  for (const path of [data, campaign.evidence]) rmSync(path, { recursive: true });
});
