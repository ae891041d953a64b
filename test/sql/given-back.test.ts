/** Snapshots are given back: one that is not keeps old versions of rows for ever. */
import { expect, test } from 'vitest';
import { memoryInstance, TestSession } from '../support/in-process.ts';

test.each([
  "select nextval('s')",
  "select nextval('s'), nextval('s') from generate_series(1, 50)",
  "select setval('s', 5)",
  'select * from s',
  'insert into serials (v) select i from generate_series(1, 50) i',
  'insert into identities (v) select i from generate_series(1, 50) i',
  'insert into keyless select i from generate_series(1, 50) i',
  'insert into children values (1, 1)',
  'begin; insert into children values (2, 1); set constraints all immediate; commit',
  'insert into children values (3, 77)',
  'select 1 / 0',
  'begin; declare c cursor with hold for select * from parents; commit; fetch 1 from c; close c',
  'begin; declare d cursor for select * from parents; fetch 1 from d; rollback',
  'begin; declare d cursor for select * from parents; fetch 1 from d; commit',
  "begin; declare d cursor for select * from parents; fetch 1 from d; select nextval('s'); select 1 / 0",
  'explain analyze select * from parents where id = 2 * 3',
  'create table copied as select * from parents',
  'create index on parents (v)',
  'begin isolation level repeatable read; select nextval($$s$$); select count(*) from parents; commit',
  'select pg_advisory_lock(1), pg_advisory_unlock(1)',
  'analyze parents',
  'vacuum full parents',
  'alter table parents reorganize',
])('%s', async (text) => {
  const instance = await memoryInstance();
  const s = new TestSession(instance);
  await s.run(`create sequence s;
    create table serials (id serial, v int);
    create table identities (id int generated always as identity primary key, v int);
    create table keyless (v int);
    create table parents (id int primary key, v int);
    create table children (id int primary key, p int references parents deferrable initially deferred);
    insert into parents values (1, 1), (2, 2)`);
  await s.run(text).catch(() => s.run('rollback'));
  const { store } = instance.single.file;
  expect(store.oldestSeenBy(s.sql.engine.processId)).toBe(undefined);
  expect(store.oldestSeenBy(0)).toBe(undefined);
});
