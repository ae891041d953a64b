/** ON CONFLICT DO UPDATE that waits for a transaction which gives the conflicting row another primary key. */
import { expect, test } from 'vitest';
import { memoryInstance, TestSession } from '../support/in-process.ts';

async function race(ends: 'commit' | 'rollback'): Promise<(string | null)[][]> {
  const instance = await memoryInstance();
  const [one, two] = [new TestSession(instance), new TestSession(instance)];
  await one.run('create table t (id int primary key, u text unique, n int)');
  await one.run("insert into t values (1, 'a', 0)");
  await one.run('begin');
  await one.run('select * from t where id = 1 for update');
  const waiting = two.run("insert into t values (1, 'b', 5) on conflict (id) do update set n = t.n + 100");
  // The insert has met the row and waits for whoever has locked it.
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  await one.run('update t set id = 2, n = 10 where id = 1');
  await one.run(ends);
  await waiting;
  const rows = await one.rows('select * from t order by id');
  await instance.close();
  return rows;
}

test('the row has gone elsewhere: there is no conflict any more', async () => {
  expect(await race('commit')).toEqual([
    ['1', 'b', '5'],
    ['2', 'a', '10'],
  ]);
});

test('the row stays: it is updated', async () => {
  expect(await race('rollback')).toEqual([['1', 'a', '100']]);
});
