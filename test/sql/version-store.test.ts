/** Who keeps old versions of rows, and how many there are, in SQL; and what happens when there is room for no more. */
import { expect, test } from 'vitest';
import { memoryInstance, TestSession } from '../support/in-process.ts';

const FACTS = 'select memory_bytes, spilled_bytes, horizon_pid, horizon_kind from extentdb.version_store';

test('an old snapshot reads what it saw while updates spill, and the views name its session', async () => {
  const instance = await memoryInstance({ versionBytes: 512 << 10, versionSpillBytes: 64 << 20 });
  const [writer, reader] = [new TestSession(instance), new TestSession(instance)];
  await writer.run('create table t (id int primary key, v int, pad text)');
  await writer.run("insert into t select g, 0, repeat('x', 100) from generate_series(1, 20000) g");
  await reader.run('begin isolation level repeatable read');
  expect(await reader.rows('select sum(v) from t')).toEqual([['0']]);
  for (let i = 0; i < 5; i++) await writer.run(`update t set v = v + 1, pad = pad || '${i}'`);
  const [[pid]] = (await reader.rows('select pg_backend_pid()')) as [[string]];
  const [[memory, spilled, holder, kind]] = (await writer.rows(FACTS)) as [string[]];
  expect(Number(memory)).toBeLessThanOrEqual(512 << 10);
  expect(Number(spilled)).toBeGreaterThan(2 << 20);
  expect([holder, kind]).toEqual([pid, 'snapshot']);
  expect(
    await writer.rows(`select backend_xmin is not null, (select horizon_xmin from extentdb.version_store) = backend_xmin
      from pg_stat_activity where pid = ${pid}`),
  ).toEqual([['t', 't']]);
  expect(await reader.rows('select sum(v), count(*), min(length(pad)), max(length(pad)) from t')).toEqual([
    ['0', '20000', '100', '100'],
  ]);
  expect(await writer.rows('select sum(v), max(length(pad)) from t')).toEqual([['100000', '105']]);
  await reader.run('commit');
});

test('a transaction of more versions than memory has room for rolls back, whole and to its savepoint', async () => {
  const s = new TestSession(await memoryInstance({ versionBytes: 512 << 10, versionSpillBytes: 64 << 20 }));
  await s.run('create table t (id int primary key, v int, pad text)');
  await s.run("insert into t select g, g, repeat('x', 100) from generate_series(1, 20000) g");
  await s.run('begin');
  await s.run('update t set v = v + 1 where id <= 10');
  await s.run('savepoint a');
  await s.run('update t set v = v + 1');
  await s.run('delete from t where id % 2 = 0');
  await s.run('rollback to a');
  expect(await s.rows('select sum(v - id), count(*) from t')).toEqual([['10', '20000']]);
  await s.run('update t set v = -v, pad = pad || id');
  await s.run('rollback');
  expect(await s.rows('select sum(v - id), count(*), max(length(pad)) from t')).toEqual([['0', '20000', '100']]);
});

test('where memory and disk are full, the change fails and says whose snapshot is old', async () => {
  const instance = await memoryInstance({ versionBytes: 512 << 10, versionSpillBytes: 1 << 20 });
  const [writer, reader] = [new TestSession(instance), new TestSession(instance)];
  await writer.run('create table t (id int primary key, v int, pad text)');
  await writer.run("insert into t select g, 0, repeat('x', 100) from generate_series(1, 20000) g");
  await reader.run('begin isolation level repeatable read');
  await reader.run('select count(*) from t');
  const [[pid]] = (await reader.rows('select pg_backend_pid()')) as [[string]];
  const failure = await writer.failure('update t set v = v + 1');
  expect(failure).toMatchObject({ sqlstate: '53400', message: 'version store is full' });
  expect(failure.detail).toContain(`process id ${pid} holds the oldest snapshot`);
  expect(await writer.rows('select sum(v) from t')).toEqual([['0']]);
  await writer.run('update t set v = 1 where id <= 100');
  await reader.run('commit');
});
