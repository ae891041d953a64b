/** Partitions of tables that foreign keys refer to: DETACH, DROP and TRUNCATE, as PostgreSQL 15 has them. */
import { expect, test } from 'vitest';
import type { Instance } from '../../src/engine/instance.ts';
import { memoryInstance, TestSession } from '../support/in-process.ts';
import { InProcessSubject } from '../support/in-process-subject.ts';
import { sound } from '../support/sound.ts';
import { recordedScenarios, transcript } from '../support/transcript.ts';

/** PostgreSQL makes a constraint for each partition that is referred to, and numbers their names; here it is one. */
function asOne(expected: string): string {
  return expected.replaceAll(/\b(refs_x_fkey)\d+/g, '$1');
}

test.each(recordedScenarios('referenced-partitions'))('$title', async ({ scenario, expected }) => {
  expect((await transcript(scenario, await InProcessSubject.create())).trim()).toBe(asOne(expected));
});

/** Partitions of one row each, and a table that refers to them. */
async function prepared(referencing: string): Promise<{ instance: Instance; s: TestSession }> {
  const instance = await memoryInstance();
  const s = new TestSession(instance);
  await s.run(`
    create table p (a int primary key, b text) partition by list (a);
    create table p1 partition of p for values in (1);
    create table p2 partition of p for values in (2);
    insert into p values (1, 'a'), (2, 'b');
    ${referencing}`);
  return { instance, s };
}

const REMOVING = { sqlstate: '23503', message: 'removing partition "p1" violates foreign key constraint "own"' };

test.each(['', ' concurrently'])(
  'a row of a partitioned table stops DETACH%s, under the name of the whole',
  async (how) => {
    const { instance, s } = await prepared(`
    create table r (v text, k int, x bigint, constraint own foreign key (x) references p) partition by list (k);
    create table r1 partition of r for values in (1) partition by list (v);
    create table r1a (x bigint, v text, k int);
    alter table r1 attach partition r1a for values in ('a');
    insert into r values ('a', 1, 1)`);
    const failure = await s.failure(`alter table p detach partition p1${how}`);
    expect(failure).toMatchObject({ ...REMOVING, detail: 'Key (x)=(1) is still referenced from table "r".' });
    expect(await s.rows('select * from p order by a')).toHaveLength(2);
    await s.run(`delete from r; alter table p detach partition p1${how}`);
    expect(await s.rows('select * from p')).toEqual([['2', 'b']]);
    expect((await s.failure(`insert into r values ('a', 1, 1)`)).sqlstate).toBe('23503');
    sound(instance);
  },
);

test('a row of a partition that is being detached from the referencing table stops it too', async () => {
  const { s, instance } = await prepared(`
    create table r (k int, x int, constraint own foreign key (x) references p) partition by list (k);
    create table r1 partition of r for values in (1);
    insert into r values (1, 1)`);
  const reader = new TestSession(instance);
  await reader.run('begin; select * from r');
  const waiting = await s.failure(`set lock_timeout = '20ms'; alter table r detach partition r1 concurrently`);
  expect(waiting.sqlstate).toBe('55P03');
  await reader.run('commit');
  expect(await s.rows('select * from r')).toEqual([]);
  expect(await s.failure('alter table p detach partition p1')).toMatchObject(REMOVING);
  await s.run('alter table r detach partition r1 finalize');
  expect(await s.failure('drop table p1')).toMatchObject({ sqlstate: '2BP01' });
  // The foreign key of what was detached is its own now.
  expect(await s.failure('alter table p detach partition p1')).toMatchObject(REMOVING);
  await s.run('delete from r1; alter table p detach partition p1; drop table p1');
  sound(instance);
});

test('a row of the partition that refers to itself keeps it', async () => {
  const { s } = await prepared(`
    alter table p add up int;
    alter table p add constraint own foreign key (up) references p;
    update p set up = a`);
  expect(await s.failure('alter table p detach partition p1')).toMatchObject({
    ...REMOVING,
    detail: 'Key (up)=(1) is still referenced from table "p".',
  });
});

test('a foreign key to the partition itself stays with it', async () => {
  const { s } = await prepared(`
    create table r (x int, constraint own foreign key (x) references p1);
    insert into r values (1)`);
  await s.run('alter table p detach partition p1');
  expect(await s.failure('delete from p1')).toMatchObject({ sqlstate: '23503' });
  expect(await s.failure('drop table p1')).toMatchObject({ sqlstate: '2BP01' });
});

test('a deferred row counts before it is checked; undone, the partition is back', async () => {
  const { s, instance } = await prepared(
    'create table r (x int, constraint own foreign key (x) references p deferrable initially deferred)',
  );
  await s.run('begin; insert into r values (1); savepoint one');
  expect(await s.failure('alter table p detach partition p1')).toMatchObject(REMOVING);
  await s.run('rollback to one; delete from r; alter table p detach partition p1; rollback to one; commit');
  expect(await s.rows('select count(*) from p')).toEqual([['2']]);
  await s.run('begin; delete from r; alter table p detach partition p1; insert into r values (1)');
  expect(await s.failure('commit')).toMatchObject({ sqlstate: '23503' });
  expect(await s.rows('select count(*) from p')).toEqual([['2']]);
  expect(await s.rows('select x from r')).toEqual([['1']]);
  sound(instance);
});
