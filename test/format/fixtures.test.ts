/**
 * Files of every format version that there ever was open, are sound, hold what they held and can be changed (law 13).
 * `scripts/make-format-fixture.ts` makes a version's fixture, once.
 */
import { copyFileSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { problemsOf } from '../../src/cli/check.ts';
import { open } from '../../src/index.ts';
import { FORMAT_VERSION_MAX } from '../../src/storage/layout.ts';
import { Folder } from '../support/folder.ts';
import { type Description, textsOf } from './description.ts';

const HERE = import.meta.dirname;
const BYTES_MAX = 384 * 1024;
const folder = new Folder('format');
afterAll(() => folder.remove());

function descriptionOf(version: number): Description {
  return JSON.parse(readFileSync(join(HERE, `version-${version}.json`), 'utf8'));
}

/** A copy to work on; the fixture itself never changes. */
function copyOf(version: number, name: string): string {
  const path = folder.file(`${name}.extent`);
  copyFileSync(join(HERE, `version-${version}.extent`), path);
  return path;
}

const versions = Array.from({ length: FORMAT_VERSION_MAX }, (_, i) => i + 1);

test('every version up to this one has its fixture, and nothing else lies here', () => {
  const files = readdirSync(HERE).filter((name) => /\.(?:extent|json)$/.test(name));
  expect(files.sort()).toEqual(versions.flatMap((n) => [`version-${n}.extent`, `version-${n}.json`]).sort());
  for (const n of versions) expect(statSync(join(HERE, `version-${n}.extent`)).size).toBeLessThanOrEqual(BYTES_MAX);
});

test.each(versions)('a file of version %i is sound', async (version) => {
  expect(await problemsOf(copyOf(version, 'sound'))).toEqual([]);
});

test.each(versions)('a file of version %i holds what it held', async (version) => {
  const db = await open(copyOf(version, 'held'));
  for (const { query, rows } of descriptionOf(version).contents) expect(await textsOf(db, query), query).toEqual(rows);
  await db.close();
});

test.each(versions)('a file of version %i can be changed, and is sound afterwards', async (version) => {
  const path = copyOf(version, 'changed');
  const db = await open(path);
  for (const { statement, rows } of descriptionOf(version).changes) {
    const given = await textsOf(db, statement);
    if (rows !== undefined) expect(given, statement).toEqual(rows);
  }
  await db.close();
  expect(await problemsOf(path)).toEqual([]);
});
