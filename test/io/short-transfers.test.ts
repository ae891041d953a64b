/** A host that takes, or gives, only a part of each transfer, as a network file system or a signal makes it. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import { NodeVfs } from '../../src/io/node-vfs.ts';

const PART = 1000;

type Ended = (error: NodeJS.ErrnoException | null, bytes: number) => void;

vi.mock('node:fs', async (importOriginal) => {
  const fs = await importOriginal<typeof import('node:fs')>();
  const part = (length: number): number => Math.min(length, PART);
  return {
    ...fs,
    readSync: (fd: number, into: Uint8Array, at: number, length: number, offset: number): number =>
      fs.readSync(fd, into, at, part(length), offset),
    writeSync: (fd: number, from: Uint8Array, at: number, length: number, offset: number): number =>
      fs.writeSync(fd, from, at, part(length), offset),
    read: (fd: number, into: Uint8Array, at: number, length: number, offset: number, done: Ended): void =>
      fs.read(fd, into, at, part(length), offset, done),
    write: (fd: number, from: Uint8Array, at: number, length: number, offset: number, done: Ended): void =>
      fs.write(fd, from, at, part(length), offset, done),
  };
});
vi.mock('../../src/io/host-calls.ts', async (importOriginal) => {
  const host = await importOriginal<typeof import('../../src/io/host-calls.ts')>();
  return { ...host, hostCalls: () => ({ ...host.hostCalls(), allocate: () => false }) };
});

const directory = mkdtempSync(join(tmpdir(), 'extentdb-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const BYTES = Uint8Array.from({ length: 10_240 }, (_, i) => i * 7);

test('what a short write leaves is written too, and what a short read leaves is read too', () => {
  const file = new NodeVfs().open(join(directory, 'now'), 'new');
  file.write(BYTES, 10, 10_000, 5);
  expect(file.size()).toBe(10_005);
  const back = new Uint8Array(10_000);
  expect(file.read(back, 0, 10_000, 5)).toBe(10_000);
  expect(Buffer.compare(back, BYTES.subarray(10, 10_010))).toBe(0);
  file.close();
});

test('so it is with transfers that are waited for', async () => {
  const file = new NodeVfs().open(join(directory, 'later'), 'new');
  const end = (start: (done: (error?: unknown) => void) => void): Promise<void> =>
    new Promise((resolve, reject) => start((error) => (error === undefined ? resolve() : reject(error))));
  await end((done) => file.writeAsync(BYTES, 10, 10_000, 5, done));
  expect(file.size()).toBe(10_005);
  const back = new Uint8Array(10_100);
  await end((done) => file.readAsync(back, 50, 10_050, 5, done));
  expect(Buffer.compare(back.subarray(50, 10_050), BYTES.subarray(10, 10_010))).toBe(0);
  expect(back.subarray(10_050).every((b) => b === 0)).toBe(true);
  file.close();
});

test('a range that the host cannot back is written with zeros, to its last byte', () => {
  const file = new NodeVfs().open(join(directory, 'backed'), 'new');
  file.allocate(0, 200_000);
  expect(readFileSync(join(directory, 'backed')).length).toBe(200_000);
  file.close();
});
