/** A row that an UPDATE has found free stays its own while the statement waits for something else. */
import { expect, test } from 'vitest';
import { memoryInstance, TestSession } from '../support/in-process.ts';

test('two updates of a row that wait in the middle of their work both count', async () => {
  const instance = await memoryInstance();
  const sessions = [new TestSession(instance), new TestSession(instance), new TestSession(instance)];
  await sessions[0]!.run('create table t (id int primary key, v int); insert into t values (1, 0)');
  await sessions[0]!.run('create table big (x int); insert into big select i from generate_series(1, 20000) i');
  // The sub-query depends on the row, so it runs for each row anew, over many slices.
  const update = 'update t set v = v + (select 1 + count(*) from big where x + t.v < 0) where id = 1';
  for (let round = 0; round < 5; round++) await Promise.all(sessions.map((s) => s.run(update)));
  expect(await sessions[0]!.rows('select v from t')).toEqual([['15']]);
  await instance.close();
});
