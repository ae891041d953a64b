/** Which format version a file says it has: that of what it holds, before it holds it. */
import { crc32 } from 'node:zlib';
import { expect, onTestFailed, test } from 'vitest';
import { SystemClock } from '../../src/base/clock.ts';
import { Prng } from '../../src/base/prng.ts';
import { compactFile } from '../../src/defrag/compact-file.ts';
import { Instance } from '../../src/engine/instance.ts';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import {
  FILE_CHECKSUM_AT,
  FILE_HEADER_BYTES,
  FILE_SEQUENCE_AT,
  FILE_VERSION_AT,
  readU64,
} from '../../src/storage/layout.ts';
import { seedOf } from '../storage/open.ts';
import { TestSession } from '../support/in-process.ts';

const PATH = '/test.extent';
const PAGE_BYTES = 8192;

async function openOn(vfs: MemoryVfs): Promise<{ instance: Instance; s: TestSession }> {
  const instance = await Instance.openFile(PATH, { vfs, clock: new SystemClock(), prng: new Prng(1) });
  return { instance, s: new TestSession(instance) };
}

function headerAt(vfs: MemoryVfs, path: string, at: number): DataView {
  const bytes = new Uint8Array(FILE_HEADER_BYTES);
  const file = vfs.open(path, 'read');
  file.read(bytes, 0, FILE_HEADER_BYTES, at);
  file.close();
  return new DataView(bytes.buffer);
}

/** What the newer valid copy of the header says; an older program refuses the file unless it is 1. */
function versionOf(vfs: MemoryVfs, path = PATH): number {
  const valid = [0, PAGE_BYTES]
    .map((at) => headerAt(vfs, path, at))
    .filter((h) => h.getUint32(FILE_CHECKSUM_AT, true) === crc32(new Uint8Array(h.buffer, 0, FILE_CHECKSUM_AT)))
    .sort((a, b) => readU64(b, FILE_SEQUENCE_AT) - readU64(a, FILE_SEQUENCE_AT));
  return valid[0]?.getUint16(FILE_VERSION_AT, true) ?? 0;
}

/** Gives both copies another version, as if another program had written them. */
function patch(vfs: MemoryVfs, version: number): void {
  for (const at of [0, PAGE_BYTES]) {
    const header = headerAt(vfs, PATH, at);
    const bytes = new Uint8Array(header.buffer);
    header.setUint16(FILE_VERSION_AT, version, true);
    header.setUint32(FILE_CHECKSUM_AT, crc32(bytes.subarray(0, FILE_CHECKSUM_AT)), true);
    const file = vfs.open(PATH, 'write');
    file.write(bytes, 0, FILE_HEADER_BYTES, at);
    file.syncData();
    file.close();
  }
}

const TABLE = `create table t (id int primary key, v text, w text);
  insert into t select i, 'v' || i, 'w' || i from generate_series(1, 200) i; create index on t (v)`;
const INCLUDES = 'select count(*) from pg_index where indnatts > indnkeyatts';

test('without included columns a file stays one that version 1 knows', async () => {
  const vfs = new MemoryVfs();
  const { instance, s } = await openOn(vfs);
  await s.run(`${TABLE}; alter index t_v_idx on t rebuild; vacuum full t`);
  expect(versionOf(vfs)).toBe(1);
  await instance.close();
  expect(versionOf(vfs)).toBe(1);
  const again = await openOn(vfs);
  expect(await again.s.rows('select count(*) from t')).toEqual([['200']]);
  await again.instance.close();
  expect(versionOf(vfs)).toBe(1);
});

test.each([
  'create index on t (v) include (w)',
  'alter table t add unique (v) include (w)',
  'create table u (id int, v text, primary key (id) include (v))',
  'create index concurrently on t (v) include (w)',
  'begin; create index on t (v) include (w); rollback',
])('%s raises it, for good', async (text) => {
  const vfs = new MemoryVfs();
  const { instance, s } = await openOn(vfs);
  await s.run(TABLE);
  expect(versionOf(vfs)).toBe(1);
  await s.run(text);
  expect(versionOf(vfs)).toBe(2);
  await s.run('drop table t');
  await instance.close();
  expect(versionOf(vfs)).toBe(2);
  await (await openOn(vfs)).instance.close();
  expect(versionOf(vfs)).toBe(2);
});

test('after a power cut at any moment, a file with such an index says version 2', async () => {
  const seed = seedOf(31);
  onTestFailed(() => console.log(`seed ${seed}`));
  let [before, after] = [0, 0];
  for (let cut = 1, isCut = true; isCut; cut++) {
    const vfs = new MemoryVfs();
    const { s } = await openOn(vfs);
    await s.run(TABLE);
    vfs.cutAt(cut, new Prng(seed + cut));
    isCut = await s.run('create index on t (v) include (w)').then(
      () => false,
      () => true,
    );
    const left = vfs.afterPowerCut(new Prng(seed + cut));
    const version = versionOf(left);
    const again = await openOn(left);
    const has = (await again.s.rows(INCLUDES))[0]?.[0] !== '0';
    if (has) expect(version, `cut ${cut}`).toBe(2);
    if (has) after++;
    else before++;
    expect(await again.s.rows('select count(*) from t where v > $$$$')).toEqual([['200']]);
    await again.instance.close();
  }
  expect(before).toBeGreaterThan(3);
  expect(after).toBeGreaterThan(0);
});

test('a file that got such an index while the version was not raised yet gets it when it is opened', async () => {
  const vfs = new MemoryVfs();
  const first = await openOn(vfs);
  await first.s.run(`${TABLE}; create index on t (v) include (w)`);
  await first.instance.close();
  patch(vfs, 1);
  expect(versionOf(vfs)).toBe(1);
  const { instance, s } = await openOn(vfs);
  expect(versionOf(vfs)).toBe(2);
  expect(await s.rows(INCLUDES)).toEqual([['1']]);
  await instance.close();
  expect(versionOf(vfs)).toBe(2);
});

test.each([0, 3, 65535])('a file of version %i is refused, and left as it is', async (version) => {
  const vfs = new MemoryVfs();
  const { instance, s } = await openOn(vfs);
  await s.run(TABLE);
  await instance.close();
  patch(vfs, version);
  await expect(openOn(vfs)).rejects.toMatchObject({
    sqlstate: '0A000',
    message: `file "${PATH}" has format version ${version}, this program knows 1 to 2`,
  });
  expect(versionOf(vfs)).toBe(version);
});

test('copies say what they hold: a compacted file, and a backup beside which the index is made', async () => {
  const vfs = new MemoryVfs();
  const { instance, s } = await openOn(vfs);
  await s.run(TABLE);
  const other = new TestSession(instance);
  const backup = s.run(`backup database test to disk = '/copy.extent'`);
  await other.run('create index on t (v) include (w)');
  await backup;
  expect(versionOf(vfs, '/copy.extent')).toBe(2);
  await instance.close();
  const host = { vfs, clock: new SystemClock(), prng: new Prng(2) };
  await compactFile({ ...host, source: PATH, target: '/compact.extent', onProgress: () => {} });
  expect(versionOf(vfs, '/compact.extent')).toBe(2);
});
