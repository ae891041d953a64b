/** ATTACH and DETACH PARTITION, CONCURRENTLY and FINALIZE too, as PostgreSQL 15 has them. */
import { expect, test } from 'vitest';
import { SystemClock } from '../../src/base/clock.ts';
import { Prng } from '../../src/base/prng.ts';
import { Instance } from '../../src/engine/instance.ts';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import { TestSession } from '../support/in-process.ts';
import { InProcessSubject } from '../support/in-process-subject.ts';
import { sound } from '../support/sound.ts';
import { recordedScenarios, transcript } from '../support/transcript.ts';

test.each(recordedScenarios('attach-detach'))('$title', async ({ scenario, expected }) => {
  expect((await transcript(scenario, await InProcessSubject.create())).trim()).toBe(expected);
});

/** A file with a partition whose detaching was interrupted. */
async function interrupted(vfs: MemoryVfs): Promise<void> {
  const instance = await openOn(vfs);
  const [s, reader] = [new TestSession(instance), new TestSession(instance)];
  await s.run(`
    create table p (k int, v text) partition by list (k);
    create table p1 partition of p for values in (1);
    create table p2 partition of p for values in (2);
    insert into p values (1, 'a'), (2, 'b')`);
  await reader.run('begin; select count(*) from p');
  const failure = await s.failure(`set lock_timeout = '20ms'; alter table p detach partition p1 concurrently`);
  expect(failure.sqlstate).toBe('55P03');
  await reader.run('commit');
  await instance.close();
}

async function openOn(vfs: MemoryVfs): Promise<Instance> {
  return Instance.openFile('/test.extent', { vfs, clock: new SystemClock(), prng: new Prng(1) });
}

test('what is pending stays so when the file is closed and opened again, for old and new readers', async () => {
  const vfs = new MemoryVfs();
  await interrupted(vfs);
  const instance = await openOn(vfs);
  const s = new TestSession(instance);
  expect(await s.rows('select inhrelid::regclass, inhdetachpending from pg_inherits order by 1')).toEqual([
    ['p1', 't'],
    ['p2', 'f'],
  ]);
  expect(await s.rows('begin isolation level repeatable read; select * from p')).toEqual([['2', 'b']]);
  await s.run('commit; alter table p add column w int default 7');
  expect(await s.rows('select * from p1')).toEqual([['1', 'a']]);
  await s.run('alter table p detach partition p1 finalize');
  expect(await s.rows('select count(*) from pg_inherits')).toEqual([['1']]);
  expect(await s.rows('select k, v from p1')).toEqual([['1', 'a']]);
  sound(instance);
  await instance.close();
});

test('a transaction that began before the mark sees what the partition gets later only as its snapshot says', async () => {
  const instance = await openOn(new MemoryVfs());
  const [s, reader, writer] = [new TestSession(instance), new TestSession(instance), new TestSession(instance)];
  await s.run(`
    create table p (k int primary key, v text) partition by range (k);
    create table p1 partition of p for values from (0) to (10);
    create table p2 partition of p for values from (10) to (20);
    insert into p select i, 'v' || i from generate_series(0, 19) i`);
  await reader.run('begin isolation level repeatable read; select count(*) from p');
  const detaching = s.run('alter table p detach partition p1 concurrently');
  await new Promise(setImmediate);
  await writer.run(`insert into p1 values (-1, 'no')`).catch((error: { sqlstate: string }) => {
    expect(error.sqlstate).toBe('23514');
  });
  await writer.run('delete from p1 where k < 5');
  expect(await writer.rows('select count(*) from p')).toEqual([['10']]);
  expect(await reader.rows('select count(*), min(k) from p')).toEqual([['20', '0']]);
  expect(await reader.rows('select v from p where k = 3')).toEqual([['v3']]);
  await reader.run('commit');
  await detaching;
  expect(await reader.rows('select count(*) from p')).toEqual([['10']]);
  expect(await s.rows('select count(*) from p1')).toEqual([['5']]);
  sound(instance);
});

test('a hash partition gets no check; a list of several values and NULL gets one', async () => {
  const instance = await openOn(new MemoryVfs());
  const s = new TestSession(instance);
  await s.run(`
    create table h (k int) partition by hash (k);
    create table h0 partition of h for values with (modulus 2, remainder 0);
    create table h1 partition of h for values with (modulus 2, remainder 1);
    create table l (k text) partition by list (k);
    create table l1 partition of l for values in ('a', 'b', null);
    alter table h detach partition h0 concurrently;
    alter table l detach partition l1 concurrently`);
  expect(await s.rows(`select conname from pg_constraint where contype = 'c'`)).toEqual([['l1_k_check']]);
  expect((await s.failure(`insert into l1 values ('c')`)).sqlstate).toBe('23514');
  await s.run(`insert into l1 values ('b'), (null)`);
  sound(instance);
});

test.each([
  ['the partition', 'drop table p1', 'partition "p1" was removed concurrently'],
  ['the table', 'drop table p', 'partitioned table "p" was removed concurrently'],
])('when %s is dropped while it waits, it ends with a warning', async (_, drop, message) => {
  const instance = await openOn(new MemoryVfs());
  const [s, reader, other] = [new TestSession(instance), new TestSession(instance), new TestSession(instance)];
  await s.run(`create table p (k int) partition by list (k); create table p1 partition of p for values in (1)`);
  // It waits for whoever has the partitioned table; the partition alone can be dropped.
  await reader.run(drop === 'drop table p1' ? 'begin; lock table only p in access share mode' : 'begin; select from p');
  const detaching = s.run('alter table p detach partition p1 concurrently');
  await new Promise(setImmediate);
  const dropping = other.run(drop);
  await new Promise(setImmediate);
  await reader.run('commit');
  await Promise.all([detaching, dropping]);
  const warning = s.notices.find((n) => n.severity === 'WARNING');
  // Of the table, whoever comes first: the drop that was waiting, or the statement that detaches.
  if (warning !== undefined || drop === 'drop table p1') expect(warning).toMatchObject({ sqlstate: '42P01', message });
  expect(await s.rows(`select count(*) from pg_inherits`)).toEqual([['0']]);
  sound(instance);
});
