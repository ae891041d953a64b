/** Transactions side by side: isolation levels, locks, deadlocks, savepoints, DDL in transactions, as PostgreSQL 15 has them. */
import { expect, test } from 'vitest';
import { memoryInstance, TestSession } from '../support/in-process.ts';
import { InProcessSubject } from '../support/in-process-subject.ts';
import { recordedScenarios, transcript } from '../support/transcript.ts';

test.each(recordedScenarios('isolation'))('$title', async ({ scenario, expected }) => {
  expect((await transcript(scenario, await InProcessSubject.create())).trim()).toBe(expected);
});

test('SERIALIZABLE is refused, however it is asked for', async () => {
  const s = new TestSession(await memoryInstance());
  for (const sql of ['begin isolation level serializable', "set default_transaction_isolation = 'serializable'"])
    expect((await s.failure(sql)).sqlstate, sql).toBe('0A000');
  await s.run('begin');
  expect((await s.failure('set transaction isolation level serializable')).sqlstate).toBe('0A000');
});

test('who wants a name that an open transaction has given waits for it', async () => {
  const [first, second] = await sessions();
  await first.run('begin; create table t (a int)');
  const waiting = second.failure('create table t (b int)');
  await first.run('commit');
  expect(await waiting).toMatchObject({ sqlstate: '42P07', message: 'relation "t" already exists' });
  await first.run('begin; alter table t rename to u; create view v as select 1 as x');
  const taking = second.run('create table v (b int)');
  await first.run('rollback');
  await taking;
  expect(await second.rows('select count(*) from v')).toEqual([['0']]);
});

async function sessions(): Promise<[TestSession, TestSession]> {
  const instance = await memoryInstance();
  return [new TestSession(instance), new TestSession(instance)];
}
