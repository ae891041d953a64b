/**
 * How long heavy statements go without giving way, and how soon they end when cancelled (law 9: 10 ms, 100 ms).
 *
 *   npm run bench:stretches -- --rows 300000 --rounds 3 --only sort --from window
 *
 * Of each statement the least of the rounds' longest stretches is shown: what remains when the compiler of the JavaScript engine
 * and its collector were out of the way.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SystemClock } from '../src/base/clock.ts';
import { Prng } from '../src/base/prng.ts';
import { Instance } from '../src/engine/instance.ts';
import { NodeVfs } from '../src/io/node-vfs.ts';
import { type Heavy, heavyStatements, setUp } from '../test/stretches/heavy-statements.ts';
import { type Measured, StretchMeter } from '../test/stretches/stretch-meter.ts';

const SHOWN_MS = 10;
/** Only what lasts longer can be cancelled on the way. */
const CANCELLED_MS = 20;

function option(name: string, fallback: string): string {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : (process.argv[at + 1] ?? fallback);
}

const rows = Number(option('rows', '300000'));
const rounds = Number(option('rounds', '3'));
const only = option('only', '');
const from = option('from', '');

async function runAll(meter: StretchMeter, texts: readonly string[] = []): Promise<void> {
  for (const text of texts) await meter.run(text);
}

/** Measures a statement; it has been done when it returns, for those after it count on it. */
async function measure(
  meter: StretchMeter,
  { before, text, copyData, after }: Heavy,
  times: number,
): Promise<{ measured: Measured[]; cancelMs: number }> {
  const measured: Measured[] = [];
  let cancelMs = 0;
  for (let round = 0; round < times; round++) {
    await runAll(meter, before);
    measured.push(await meter.run(text, copyData));
    await runAll(meter, after);
  }
  const totalMs = measured.at(-1)?.totalMs ?? 0;
  if (totalMs > CANCELLED_MS) {
    await runAll(meter, before);
    cancelMs = (await meter.cancel(text, totalMs * 0.4, copyData)) ?? 0;
    await meter.run('rollback');
  }
  if (totalMs > CANCELLED_MS || times === 0) {
    await runAll(meter, before);
    await meter.run(text, copyData);
  }
  return { measured, cancelMs };
}
const directory = mkdtempSync(join(tmpdir(), 'stretches-'));
try {
  const instance = await Instance.openFile(join(directory, 'heavy.extent'), {
    vfs: new NodeVfs(),
    clock: new SystemClock(),
    prng: new Prng(1),
  });
  const meter = new StretchMeter(instance);
  for (const text of setUp(rows)) await meter.run(text);
  console.log('longest ms  cancel ms   total ms  stretches');
  let reached = from === '';
  for (const heavy of heavyStatements(rows)) {
    reached ||= heavy.name === from;
    const isShown = reached && heavy.name.includes(only);
    const { measured, cancelMs } = await measure(meter, heavy, isShown ? rounds : 0);
    if (!isShown) continue;
    const least = Math.min(...measured.map((m) => m.longestMs));
    const { totalMs, stretches } = measured.at(-1)!;
    const figures = [least.toFixed(1), cancelMs.toFixed(0), totalMs.toFixed(0), stretches];
    console.log(figures.map((f) => String(f).padStart(10)).join(' '), least > SHOWN_MS ? '!' : ' ', heavy.name);
  }
  await instance.close();
} finally {
  rmSync(directory, { recursive: true, force: true });
}
