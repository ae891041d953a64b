/** A database that a process has open can be asked about by others, through the socket that its lock names. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { SystemClock } from '../../src/base/clock.ts';
import { Prng } from '../../src/base/prng.ts';
import { Instance } from '../../src/engine/instance.ts';
import { open } from '../../src/index.ts';
import { answeringHolder, lockHolder } from '../../src/io/lock-file.ts';
import { NodeVfs } from '../../src/io/node-vfs.ts';
import { PrivateSocket } from '../../src/io/private-socket.ts';
import { OwnerDoor } from '../../src/server/owner-door.ts';
import { ask } from '../../src/server/text-client.ts';

const LONG_MS = 20_000;
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'extentdb-door-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

function question(socket: string, database: string, text: string) {
  return { socket, user: 'postgres', database, text, patienceMs: LONG_MS };
}

it.skipIf(process.platform === 'win32')(
  'answers at a socket of its own user, and takes it away when it closes',
  async () => {
    const path = join(folder, 'a b%.extent');
    const db = await open(path);
    const holder = await answeringHolder(path, LONG_MS);
    expect(holder).toMatchObject({ pid: process.pid, database: 'a b%' });
    const socket = holder!.socket!;
    expect([statSync(socket).mode & 0o777, statSync(dirname(socket)).mode & 0o777]).toEqual([0o600, 0o700]);
    await db.exec("create table t as select 1 as a, 'ä\n' as b");
    const clock = new SystemClock();
    expect(await ask(question(socket, 'a b%', 'select a, b, null as c from t; select 1 where false'), clock)).toEqual([
      { columns: ['a', 'b', 'c'], rows: [['1', 'ä\n', null]] },
      { columns: [expect.any(String)], rows: [] },
    ]);
    await expect(ask(question(socket, 'a b%', 'select nothing'), clock)).rejects.toMatchObject({
      code: 'undefined_column',
      message: 'column "nothing" does not exist',
    });
    await expect(ask(question(socket, 'other', 'select 1'), clock)).rejects.toMatchObject({
      code: 'invalid_catalog_name',
    });
    await db.close();
    expect([existsSync(dirname(socket)), existsSync(`${path}.lock`)]).toEqual([false, false]);
    await expect(ask(question(socket, 'a b%', 'select 1'), clock)).rejects.toMatchObject({ code: 'ENOENT' });
  },
);

it.skipIf(process.platform === 'win32')(
  'one socket answers for every database of a directory, new ones too',
  async () => {
    const instance = await Instance.openDirectory(folder, {
      vfs: new NodeVfs(),
      clock: new SystemClock(),
      prng: new Prng(1),
    });
    const door = new OwnerDoor(instance, new PrivateSocket());
    const first = await answeringHolder(join(folder, 'postgres.extent'), LONG_MS);
    await instance.createDatabase('a b');
    const second = lockHolder(join(folder, 'a%20b.extent'));
    expect(second).toEqual({ ...first, database: 'a b' });
    const [result] = await ask(question(second!.socket!, 'a b', 'select current_database()'), new SystemClock());
    expect(result!.rows).toEqual([['a b']]);
    await door.close();
    await instance.close();
  },
);

it('a host without a place for sockets opens the database all the same', async () => {
  const instance = await Instance.openDirectory(folder, {
    vfs: new NodeVfs(),
    clock: new SystemClock(),
    prng: new Prng(1),
  });
  let removed = 0;
  const door = new OwnerDoor(instance, {
    make: () => join(folder, 'no-such-folder', 's'),
    protect: () => {},
    announce: () => {},
    remove: () => removed++,
  });
  await expect.poll(() => removed).toBe(1);
  await door.close();
  expect(lockHolder(join(folder, 'postgres.extent'))).toMatchObject({ pid: process.pid, socket: undefined });
  await instance.close();
});

const program = (path: string, then: string): string => `
  import { open } from '${new URL('../../dist/bundle/index.js', import.meta.url)}';
  const db = await open(${JSON.stringify(path)});
  ${then}`;

it.runIf(existsSync('dist/bundle/index.js') && process.platform !== 'win32')(
  'the socket of a killed process goes when the database is opened next',
  async () => {
    const path = join(folder, 'a.extent');
    const child = spawn(process.execPath, [
      '--input-type=module',
      '-e',
      program(path, 'process.stdin.on("data", () => {}); console.log("open");'),
    ]);
    await once(child.stdout, 'data');
    const socket = (await answeringHolder(path, LONG_MS))!.socket!;
    child.kill('SIGKILL');
    await once(child, 'close');
    expect([readFileSync(`${path}.lock`, 'utf8').endsWith(socket), existsSync(socket)]).toEqual([true, true]);
    const db = await open(path);
    expect(existsSync(dirname(socket))).toBe(false);
    await db.close();
  },
);

it.runIf(existsSync('dist/bundle/index.js') && process.platform !== 'win32')(
  'the door keeps no program alive, which leaves no directory behind',
  async () => {
    const path = join(folder, 'a.extent');
    const child = spawn(
      process.execPath,
      ['--input-type=module', '-e', program(path, 'await new Promise((done) => setTimeout(done, 300));')],
      { stdio: ['ignore', 'inherit', 'inherit'] },
    );
    const socket = (await answeringHolder(path, 0))?.socket;
    const [status] = await once(child, 'close');
    expect([status, socket]).toEqual([0, undefined]);
    const left = lockHolder(path);
    expect(left?.socket).toBeUndefined();
    expect(existsSync(dirname(readFileSync(`${path}.lock`, 'utf8').split(' ').slice(3).join(' ')))).toBe(false);
  },
);
