/** REPEATABLE READ transactions that go on reading a table that others rebuild meanwhile. */
import { beforeEach, describe, expect, test } from 'vitest';
import { runTask } from '../../src/base/task.ts';
import type { Instance } from '../../src/engine/instance.ts';
import { cancelledByUser, Running } from '../../src/engine/scheduler.ts';
import { checkIndexes } from '../../src/sql/ddl/check-indexes.ts';
import { TREE_DROPPED } from '../../src/storage/layout.ts';
import { memoryInstance, TestSession, TextSink } from '../support/in-process.ts';
import { settle, sound } from '../support/sound.ts';

let instance: Instance;
let s: TestSession;
let reader: TestSession;

beforeEach(async () => {
  instance = await memoryInstance();
  [s, reader] = [new TestSession(instance), new TestSession(instance)];
  await s.run(`
    create table t (id int primary key, v text, n int); create index t_n on t (n) include (v); create table other (id int);
    create table child (id int primary key, t int references t);
    insert into t select i, repeat(chr(65 + i % 26), case when i % 50 = 0 then 9000 else 30 end), i % 10
      from generate_series(1, 400) i`);
});

const QUERIES = [
  'select id, md5(v), n from t order by id',
  'select id, md5(v), n from t order by id desc',
  'select id, md5(v) from t where n = 3 order by id',
  'select n, count(*), max(md5(v)) from t group by n order by n',
  'select md5(v) from t where id = 50',
  'select a.id, b.id from t a join t b on b.id = a.n where a.id < 30 order by 1, 2',
];

async function look(session: TestSession): Promise<(string | null)[][][]> {
  const seen = [];
  for (const query of QUERIES) seen.push(await session.rows(query));
  return seen;
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** A rebuild that is through, but for readers of the old trees. */
async function begun(text: string): Promise<{ readonly end: Promise<unknown>; readonly isOver: () => boolean }> {
  let isOver = false;
  const end = new TestSession(instance).run(text).finally(() => {
    isOver = true;
  });
  await turns();
  return { end, isOver: () => isOver };
}

describe.each(['alter index all on t rebuild with (online = on)', 'reindex table concurrently t'])('%s', (rebuild) => {
  test('who has read the table reads the same in the same transaction, however often it is rebuilt and changed', async () => {
    await reader.run(
      'begin isolation level repeatable read; declare c cursor for select id, md5(v) from t order by id',
    );
    const before = await look(reader);
    const first = await reader.rows('fetch 10 from c');
    await s.run(
      "delete from t where id % 3 = 0; update t set v = 'x', n = 3 where id % 3 = 1; insert into t values (999, 'y', 3)",
    );
    const one = await begun(rebuild);
    expect(one.isOver()).toBe(false);
    expect(await look(reader)).toEqual(before);
    await s.run('delete from t where id % 2 = 0');
    const two = await begun(rebuild);
    expect(await look(reader)).toEqual(before);
    expect([...first, ...(await reader.rows('fetch all from c'))]).toEqual(before[0]!.map(([id, v]) => [id, v]));
    expect([one.isOver(), two.isOver()]).toEqual([false, false]);
    await reader.run('commit');
    await Promise.all([one.end, two.end]);
    expect((await s.rows('select count(*) from t'))[0]).toEqual(
      await reader.rows('select count(*) from t').then((r) => r[0]),
    );
    expect(await runTask(checkIndexes(s.sql))).toEqual([]);
    settle(instance);
    sound(instance);
  });

  test('with an old snapshot one may come while others are waited for, and is waited for too', async () => {
    await reader.run('begin isolation level repeatable read; select * from t');
    const late = new TestSession(instance);
    await late.run('begin isolation level repeatable read; select * from other');
    const expected = await look(s);
    const { end, isOver } = await begun(rebuild);
    await s.run('delete from t where id > 10');
    expect(await look(late)).toEqual(expected);
    await reader.run('commit');
    await turns();
    expect(isOver()).toBe(false);
    expect(await look(late)).toEqual(expected);
    await late.run('commit');
    await end;
  });

  test('when the wait for readers is cancelled they go on reading, and with the last one the old trees go', async () => {
    await reader.run('begin isolation level repeatable read');
    const before = await look(reader);
    const running = new Running();
    const session = new TestSession(instance);
    const end = new Promise((done) =>
      instance.single.scheduler.run(session.sql.simple(rebuild, new TextSink(() => session.sql)), running, done, done),
    );
    await turns();
    await s.run('delete from t where id > 5');
    expect(await look(reader)).toEqual(before);
    running.cancel(cancelledByUser());
    expect(await end).toMatchObject({ sqlstate: '57014' });
    await runTask(session.sql.failed());
    settle(instance);
    expect(await look(reader)).toEqual(before);
    const dropped = (): number =>
      [...instance.single.file.store.parts.core.trees.values()].filter((tree) => tree.state === TREE_DROPPED).length;
    expect(dropped()).toBeGreaterThan(0);
    await reader.run('commit');
    settle(instance);
    sound(instance);
    expect(dropped()).toBe(0);
  });

  test('nobody changes or locks rows of the old trees: 40001', async () => {
    for (const text of [
      "update t set v = 'z' where id = 1",
      'delete from t where id = 1',
      "insert into t values (1000, 'z', 1)",
      'select * from t where id = 1 for update',
      'alter table t add column z int',
      'create index t_v on t (v)',
      'reindex table t',
      'drop table t cascade',
      'truncate t cascade',
      // Not of this table, but what is checked of it would be.
      'insert into child values (1, 1)',
      'delete from other',
    ]) {
      await reader.run('begin isolation level repeatable read; select * from t');
      const { end } = await begun(rebuild);
      await reader.run('select count(*) from t');
      expect(await reader.failure(text), text).toMatchObject({ sqlstate: '40001' });
      await reader.run('rollback');
      await end;
    }
    expect(await runTask(checkIndexes(s.sql))).toEqual([]);
    settle(instance);
    sound(instance);
  });

  test('who has not read the old trees yet may define, and then reads them no more', async () => {
    await reader.run('begin isolation level repeatable read; select * from t');
    const { end } = await begun(rebuild);
    await reader.run('alter table t add column z int default 5');
    expect(await reader.failure('select * from t')).toMatchObject({ sqlstate: '40001' });
    await reader.run('rollback');
    await end;
  });

  test('who has written looks at the rows of now, for foreign keys, and cannot read the old trees', async () => {
    await reader.run('begin isolation level repeatable read; select * from other; insert into other values (1)');
    const holder = new TestSession(instance);
    await holder.run('begin; select * from t');
    const { end } = await begun(rebuild);
    await s.run("insert into t values (1000, 'new', 1); delete from t where id = 7");
    await reader.run('savepoint a; insert into child values (1, 1000)');
    expect(await reader.failure('insert into child values (2, 7)')).toMatchObject({ sqlstate: '23503' });
    await reader.run('rollback to a');
    expect(await reader.failure('select * from t')).toMatchObject({ sqlstate: '40001' });
    await reader.run('rollback');
    await holder.run('commit');
    await end;
  });

  test('who comes when nobody is waited for any more gets 40001, and the old trees are gone', async () => {
    await reader.run('begin isolation level repeatable read; select * from other');
    await s.run(rebuild);
    expect(await reader.failure('select * from t')).toMatchObject({ sqlstate: '40001' });
    await reader.run('rollback');
    settle(instance);
    sound(instance);
  });
});
