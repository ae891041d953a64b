import { expect, test } from 'vitest';
import { SystemClock } from '../../src/base/clock.ts';

test('the time that others have the processor never falls, and is a part of the time that passes', () => {
  const clock = new SystemClock();
  // The first look opens the meter.
  clock.stolenMs();
  const [from, before] = [clock.monotonicMs(), clock.stolenMs()];
  let last = before;
  while (clock.monotonicMs() < from + 30) {
    const now = clock.stolenMs();
    expect(now).toBeGreaterThanOrEqual(last);
    last = now;
  }
  expect(last - before).toBeLessThanOrEqual(clock.monotonicMs() - from);
});
