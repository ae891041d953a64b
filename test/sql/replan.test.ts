/** Statements whose table changes while they wait for it: they are planned anew. */
import { expect, test } from 'vitest';
import { memoryInstance, TestSession } from '../support/in-process.ts';

test.each([
  'begin; update t set v = $$x$$ where id = 2; commit',
  "select 1; update t set v = 'x' where id = 2",
  "update t set v = 'x' where id = 2; select 1",
  "update t set v = 'x' where id = 2",
])('%s: with a plan that was kept, behind one who adds a column', async (text) => {
  const instance = await memoryInstance();
  const [s, changer] = [new TestSession(instance), new TestSession(instance)];
  await s.run("create table t (id int primary key, v text); insert into t values (1, 'a'), (2, 'b')");
  await s.run(text.replace('= 2', '= 1'));
  await changer.run('begin; alter table t add n int default 7');
  const waits = s.run(text);
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  await changer.run('commit');
  await waits;
  expect(await s.rows('select * from t order by id')).toEqual([
    ['1', 'x', '7'],
    ['2', 'x', '7'],
  ]);
});
