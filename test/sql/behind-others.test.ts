/**
 * Statements that find a table by its name and then wait for it, while somebody else changes it: what they do is of the table as it is
 * then, or they are refused. Afterwards catalog, trees and indexes are one.
 */
import { describe, expect, test } from 'vitest';
import { runTask } from '../../src/base/task.ts';
import type { Instance } from '../../src/engine/instance.ts';
import { checkIndexes } from '../../src/sql/ddl/check-indexes.ts';
import { memoryInstance, TestSession } from '../support/in-process.ts';
import { settle, sound } from '../support/sound.ts';

const MADE = `
  create table t (id int primary key, v text, n int, u int, w text, constraint t_u unique (u) deferrable);
  create index t_n on t (n) include (v);
  create index t_e on t ((n + u)) where n > 1;
  create table child (id int primary key, t int references t);
  insert into t select i, 'row ' || i, i % 7, i, repeat('w', i) from generate_series(1, 60) i;
  insert into child select i, i from generate_series(1, 20) i`;

/** What the first one does, and does not commit before the other one waits. */
const FIRST = [
  'alter table t add column x int default 7',
  'alter table t drop column w',
  'alter table t alter column n type int8',
  'alter index all on t rebuild',
  'reindex index t_n',
  'alter table t drop constraint t_u',
  'alter index t_n on t disable',
  'drop index t_n',
  'drop index t_n; create index t_n on t (u)',
  'alter index t_n rename to t_m',
  'alter table t rename to s; create table t (id int primary key, v text, n int, u int, w text)',
  'truncate t cascade',
  'drop table t cascade',
  'drop table t cascade; create table t (id int primary key, n int)',
];

const SECOND = [
  'alter table t add column y text default $$y$$',
  'alter table t drop column v',
  'alter table t alter column n type numeric',
  'alter table t alter column n set default 3',
  'alter table t add constraint t_c check (n < 100)',
  'alter table t add constraint t_w unique (id, n)',
  'alter table t drop constraint t_u',
  'alter table t rename to r',
  'alter table t rename column n to m',
  'alter table t rename constraint t_u to t_r',
  'alter index t_n rename to t_r',
  'alter index t_n set (fillfactor = 70)',
  'alter index t_n on t rebuild',
  'alter index t_n on t disable',
  'alter index all on t rebuild',
  'alter index all on t rebuild with (online = on)',
  'reindex index concurrently t_n',
  'alter index all on t reorganize',
  'create index t_k on t (v, n)',
  'create index concurrently t_k on t (v, n)',
  'drop index t_n',
  'drop index concurrently t_n',
  'analyze t',
  'vacuum full t',
  'cluster t using t_pkey',
  'truncate t cascade',
  'drop table t cascade',
  'comment on index t_n is $$index$$',
  'comment on constraint t_u on t is $$unique$$',
  'alter table t set schema other',
  'alter table child add foreign key (id) references t (id) not valid',
  'create table grandchild (t int references t (id))',
  'begin; lock table t; commit',
];

/** Somebody else was first: what was named is gone, has got another name, is there already, or cannot be changed like that. */
const REFUSALS = ['42P01', '42703', '42704', '42710', '42P07', '42701', '42830', '42809', '2BP01', '0A000', '23503'];

async function agrees(instance: Instance): Promise<void> {
  const session = new TestSession(instance);
  expect(await runTask(checkIndexes(session.sql))).toEqual([]);
  for (const [name] of await session.rows(
    "select oid::regclass from pg_class where relkind = 'r' and relnamespace >= 2200",
  ))
    await session.run(`insert into ${name} select * from ${name} limit 0; select * from ${name}; analyze ${name}`);
  settle(instance);
  sound(instance);
}

describe.each(FIRST)('behind "%s"', (first) => {
  test.each(SECOND)('%s', async (second) => {
    for (const end of ['commit', 'rollback']) {
      const instance = await memoryInstance();
      const [one, two] = [new TestSession(instance), new TestSession(instance)];
      await one.run(`create schema other; ${MADE}`);
      await one.run(`begin; ${first}`);
      let isOver = false;
      const waiting = two.run(second).then(
        () => undefined,
        (error: { readonly sqlstate?: string }) => error,
      );
      void waiting.finally(() => {
        isOver = true;
      });
      for (let turn = 0; turn < 30 && !isOver; turn++) await new Promise((resolve) => setImmediate(resolve));
      await one.run(end);
      const error = await waiting;
      if (end === 'rollback') expect(error).toBeUndefined();
      else if (error !== undefined) expect(REFUSALS, String(error)).toContain(error.sqlstate);
      await agrees(instance);
      await instance.close();
    }
  });
});

describe('behind one who drops the table', () => {
  async function behindDrop(text: string): Promise<{ error: unknown; notices: readonly string[] }> {
    const instance = await memoryInstance();
    const [one, two] = [new TestSession(instance), new TestSession(instance)];
    await one.run(MADE);
    await one.run('begin; drop table t cascade');
    const waiting = two.run(text).then(
      () => undefined,
      (error: unknown) => error,
    );
    for (let turn = 0; turn < 30; turn++) await new Promise((resolve) => setImmediate(resolve));
    await one.run('commit');
    return { error: await waiting, notices: two.notices.map(({ message }) => message) };
  }

  test.each(['cluster t using t_pkey', 'reindex table t', 'alter index all on t rebuild', 'truncate t'])(
    '%s finds none: 42P01',
    async (text) => {
      expect((await behindDrop(text)).error).toMatchObject({ sqlstate: '42P01' });
    },
  );

  test.each([
    ['vacuum full t', 'vacuum'],
    ['analyze t', 'analyze'],
  ])('%s leaves it out, and says so', async (text, what) => {
    expect(await behindDrop(text)).toEqual({
      error: undefined,
      notices: [`skipping ${what} of "t" --- relation no longer exists`],
    });
  });
});
