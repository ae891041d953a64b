/** What is done to a partitioned table while the detaching of a partition is pending, as PostgreSQL 15 has it. */
import { expect, test } from 'vitest';
import type { Instance } from '../../src/engine/instance.ts';
import { memoryInstance, TestSession } from '../support/in-process.ts';
import { InProcessSubject } from '../support/in-process-subject.ts';
import { sound } from '../support/sound.ts';
import { recordedScenarios, transcript } from '../support/transcript.ts';

test.each(recordedScenarios('pending-detach'))('$title', async ({ scenario, expected }) => {
  expect((await transcript(scenario, await InProcessSubject.create())).trim()).toBe(expected);
});

/** A partition whose detaching was given up, and a transaction with a snapshot of before. */
async function pending(setup = ''): Promise<{ instance: Instance; s: TestSession; old: TestSession }> {
  const instance = await memoryInstance();
  const [s, reader, old] = [new TestSession(instance), new TestSession(instance), new TestSession(instance)];
  await s.run(`
    create table other (a int);
    create table p (k int, v text, w int) partition by list (k);
    create table p1 partition of p for values in (1);
    create table p2 partition of p for values in (2);
    ${setup};
    insert into p values (1, 'a', 10), (2, 'b', 20)`);
  await old.run('begin isolation level repeatable read; select * from other');
  await reader.run('begin; select * from p');
  const failure = await s.failure(`set lock_timeout = '20ms'; alter table p detach partition p1 concurrently`);
  expect(failure.sqlstate).toBe('55P03');
  await reader.run('commit; select 1');
  return { instance, s, old };
}

test.each([
  'alter table p add column c int',
  'alter table p drop column v',
  'alter table p alter column w type text',
  'alter table p add primary key (k)',
])('who still sees the partition reads what it fitted, or fails with 40001: %s', async (change) => {
  const { s, old } = await pending();
  expect(await old.rows('select k, w from p order by k')).toEqual([
    ['1', '10'],
    ['2', '20'],
  ]);
  await old.run('commit; begin isolation level repeatable read; select * from other');
  expect(await old.rows('select k from p')).toEqual([['2']]);
  await old.run('commit');
  await s.run(change);
  expect(await old.rows('select k from p')).toEqual([['2']]);

  const late = await pending();
  await late.s.run(change);
  expect((await late.old.failure('select * from p')).sqlstate).toBe('40001');
  await late.old.run('rollback');
  const again = await pending();
  await again.s.run(change);
  expect((await again.old.failure(`insert into p (k, w) values (1, 5)`)).sqlstate).toBe('40001');
});

test('its rows may be changed, within its bounds, when it does not fit its table any more', async () => {
  const { s, instance } = await pending();
  await s.run('alter table p drop column v; alter table p add column v int; alter table p alter column w type text');
  await s.run(`insert into p1 values (1, 'x', 11); update p1 set v = v || 'y', w = w + 1; delete from p1 where w = 11`);
  expect(await s.rows('select * from p1')).toEqual([['1', 'xy', '12']]);
  expect((await s.failure(`insert into p1 values (2, 'x', 1)`)).sqlstate).toBe('23514');
  await s.run('alter table p add column c int; alter table p rename column c to cc');
  await s.run('alter table p rename column v to gone; alter table p rename column w to v');
  await s.run('alter table p rename column k to kk');
  expect((await s.failure(`update p1 set kk = 2`)).sqlstate).toBe('23514');
  expect(await s.rows('select kk, v, w from p1')).toEqual([['1', 'xy', '12']]);
  await s.run('alter table p detach partition p1 finalize; update p1 set w = 13');
  sound(instance);
});

test('a row of it is deleted, though it is known by another name where it was referred to', async () => {
  const { s, old, instance } = await pending(`
    alter table p add unique (k, w);
    create table refs (k int, w int, foreign key (k, w) references p (k, w) on update cascade)`);
  await s.run('alter table p rename column w to ww; insert into refs values (2, 20)');
  await s.run('update p1 set w = 11');
  expect((await old.failure('select * from p')).sqlstate).toBe('40001');
  await old.run('rollback');
  await s.run('delete from p1; update p set ww = 21');
  expect(await s.rows('select w from refs')).toEqual([['21']]);
  sound(instance);
});

test('an index that is made meanwhile is none of the partition, for older snapshots neither', async () => {
  const { s, old, instance } = await pending();
  await s.run('create unique index p_k on p (k)');
  expect(await old.rows('select k, w from p where k < 5 order by k')).toEqual([
    ['1', '10'],
    ['2', '20'],
  ]);
  await old.run('commit');
  await s.run(`alter table p detach partition p1 finalize; insert into p1 values (1, 'twice', 1)`);
  sound(instance);
});

test('partitions of partitions: what is pending below is passed by, and loses what was taken from above', async () => {
  const instance = await memoryInstance();
  const [s, reader] = [new TestSession(instance), new TestSession(instance)];
  await s.run(`
    create table p (k int, j int, v text, primary key (k, j), unique (j, k)) partition by list (k);
    create table p1 partition of p for values in (1) partition by list (j);
    create table p11 partition of p1 for values in (1);
    create table p12 partition of p1 for values in (2);
    create index on p (v);
    insert into p values (1, 1, 'a'), (1, 2, 'b')`);
  await reader.run('begin; select * from p');
  expect(
    (await s.failure(`set lock_timeout = '20ms'; alter table p1 detach partition p11 concurrently`)).sqlstate,
  ).toBe('55P03');
  await reader.run('commit');
  await s.run(`
    alter table p add column c int default 7;
    alter table p drop constraint p_pkey;
    alter table p drop constraint p_j_k_key;
    alter table p drop column v`);
  expect(await s.rows('select * from p')).toEqual([['1', '2', '7']]);
  expect(await s.rows('select * from p11')).toEqual([['1', '1', 'a']]);
  expect(
    await s.rows(
      `select conrelid::regclass::text, conname from pg_constraint where contype in ('p', 'u') order by 1, 2`,
    ),
  ).toEqual([]);
  await s.run(`insert into p11 values (1, 1, 'a'); alter table p1 detach partition p11 finalize`);
  await s.run('alter table p11 add column d int; drop table p');
  expect(await s.rows('select count(*) from p11')).toEqual([['2']]);
  sound(instance);
});
