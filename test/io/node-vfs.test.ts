import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import { SystemClock } from '../../src/base/clock.ts';
import { Prng } from '../../src/base/prng.ts';
import { runNow, runTask } from '../../src/base/task.ts';
import { hostCalls } from '../../src/io/host-calls.ts';
import { NodeVfs } from '../../src/io/node-vfs.ts';
import { type DatabaseFile, openDatabaseFile } from '../../src/space/open-database-file.ts';
import { commit, look, makeTree, TextTree } from '../storage/open.ts';

const directory = mkdtempSync(join(tmpdir(), 'extentdb-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

test('a file is read, written, extended, cut and punched', () => {
  const vfs = new NodeVfs();
  const file = vfs.open(join(directory, 'a'), 'new');
  file.write(Uint8Array.of(1, 2, 3), 0, 3, 10);
  expect(file.size()).toBe(13);
  file.allocate(0, 1 << 20);
  expect(file.size()).toBe(1 << 20);
  const bytes = new Uint8Array(5);
  expect(file.read(bytes, 1, 4, 10)).toBe(4);
  expect([...bytes]).toEqual([0, 1, 2, 3, 0]);
  expect(file.read(bytes, 0, 5, (1 << 20) - 2)).toBe(2);
  file.syncData();
  if (file.punch(0, 65536)) {
    expect(file.size()).toBe(1 << 20);
    expect(file.read(bytes, 0, 5, 10)).toBe(5);
    expect([...bytes]).toEqual([0, 0, 0, 0, 0]);
  }
  file.truncate(100);
  expect(file.size()).toBe(100);
  file.close();
  expect(() => vfs.open(join(directory, 'a'), 'new')).toThrow(expect.objectContaining({ sqlstate: '58P02' }));
  expect(() => vfs.open(join(directory, 'none'), 'write')).toThrow(expect.objectContaining({ sqlstate: '58P01' }));
  expect(statSync(join(directory, 'a')).mode & 0o777).toBe(0o600);
});

test('a file that is discarded has no name at once, and no handle soon', async () => {
  const vfs = new NodeVfs();
  const path = join(directory, 'discarded');
  const file = vfs.open(path, 'new');
  file.allocate(0, 1 << 20);
  file.discard();
  expect(existsSync(path)).toBe(false);
  expect(() => file.discard()).toThrow(expect.objectContaining({ sqlstate: '58P01' }));
  vfs.open(path, 'new').close();
  const open = (fd: string): boolean => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(`${path} `);
    } catch {
      return false;
    }
  };
  if (existsSync('/proc/self/fd'))
    await vi.waitFor(() => expect(readdirSync('/proc/self/fd').filter(open)).toEqual([]));
});

test('a directory is synced in another thread; one that is missing is an error', async () => {
  const vfs = new NodeVfs();
  const sync = (path: string): Promise<unknown> => new Promise((done) => vfs.syncDirectoryAsync(path, done));
  expect(await sync(directory)).toBeUndefined();
  expect(await sync(join(directory, 'missing'))).toMatchObject({ sqlstate: '58P01' });
});

test('a second opener is refused and told the holder, in this process and in another', () => {
  const path = join(directory, 'locked.extent');
  const lock = new NodeVfs().lock(path);
  expect(() => new NodeVfs().lock(path)).toThrow(`in use by the process with id ${process.pid}`);
  if (hostCalls().flock(0) !== 'unknown') {
    const flock = spawnSync('flock', ['-n', `${path}.lock`, 'true']);
    if (flock.error === undefined) expect(flock.status).toBe(1);
  }
  lock.release();
  new NodeVfs().lock(path).release();
});

test('a database that is opened through a link is the same one: one lock, one log', () => {
  const real = join(directory, 'real.extent');
  const link = join(directory, 'link.extent');
  const open = (path: string): DatabaseFile =>
    runNow(
      openDatabaseFile({ vfs: new NodeVfs(), clock: new SystemClock(), prng: new Prng(3), path, cacheBytes: 1 << 20 }),
    );
  const first = open(real);
  symlinkSync(real, link);
  expect(() => open(link)).toThrow('in use');
  runNow(first.store.closing());
  const second = open(link);
  expect(second.path).toBe(realpathSync(real));
  expect(existsSync(`${real}-log`)).toBe(true);
  expect(existsSync(`${link}-log`)).toBe(false);
  runNow(second.store.closing());
});

test('a database on a real disk is one file after a clean close', async () => {
  const path = join(directory, 'real.extent');
  const open = () =>
    runTask(
      openDatabaseFile({ vfs: new NodeVfs(), clock: new SystemClock(), prng: new Prng(3), path, cacheBytes: 1 << 20 }),
    );
  const { store } = await open();
  const tree = makeTree(store);
  commit(store, (t) => {
    for (let i = 0; i < 2000; i++) tree.insert(t, `key${i}`, 'v'.repeat(100));
  });
  await store.close();
  expect(new NodeVfs().list(`${path}-log`)).toEqual([]);
  const again = (await open()).store;
  expect(look(again, (s) => new TextTree(again, tree.tree).all(s))).toHaveLength(2000);
  await again.close();
});
