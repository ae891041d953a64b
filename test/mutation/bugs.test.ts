/** The list of bugs fits the sources, and the rigs find them: one here, all of them in `npm run campaign:bugs`. */
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { BUGS } from './bugs.ts';
import { Workshop, withBug } from './run-bug.ts';

test('every bug has its place in the sources, and rigs that are there', () => {
  expect(BUGS.length).toBeGreaterThanOrEqual(25);
  for (const bug of BUGS) {
    const files = withBug(bug, (file) => readFileSync(file, 'utf8'));
    for (const [file, text] of files) expect(text, bug.name).not.toBe(readFileSync(file, 'utf8'));
    for (const rig of bug.rigs) expect(existsSync(rig), `${bug.name}: ${rig}`).toBe(true);
  }
});

test('an acknowledgement before the sync is caught', { timeout: 240_000 }, async () => {
  const bug = BUGS[1];
  if (bug === undefined) throw new Error('there are bugs');
  const workshop = new Workshop(process.cwd());
  try {
    expect(await workshop.try(bug, 200_000)).toBe('caught');
  } finally {
    workshop.end();
  }
});
