/** Indexes that are built while their table is written: CONCURRENTLY, and ONLINE = ON. */
import { beforeEach, describe, expect, test } from 'vitest';
import { Prng } from '../../src/base/prng.ts';
import { runTask } from '../../src/base/task.ts';
import { checkIndexes } from '../../src/cli/check-indexes.ts';
import type { Instance } from '../../src/engine/instance.ts';
import { seedOf } from '../storage/open.ts';
import { memoryInstance, TestSession } from '../support/in-process.ts';

let instance: Instance;
let s: TestSession;

beforeEach(async () => {
  instance = await memoryInstance();
  s = new TestSession(instance);
  await s.run('create table t (id int primary key, v text, n int)');
});

const ROWS = 6000;

async function filled(): Promise<void> {
  await s.run(`insert into t select i, md5(i::text), i % 97 from generate_series(1, ${ROWS}) i`);
}

async function agrees(): Promise<void> {
  expect(await runTask(checkIndexes(new TestSession(instance).sql))).toEqual([]);
}

const TARGETS = [
  'create index concurrently t_v on t (v)',
  'create index concurrently on t (upper(v), n desc) where n > 10',
  'create unique index concurrently on t (v, id)',
  'create index on t (n) with (online = on)',
  'reindex index concurrently t_n',
  'alter index t_n on t rebuild with (online = on)',
  'reindex table concurrently t',
];

/** One random change, some of them left open over several turns. */
async function change(w: TestSession, prng: Prng): Promise<void> {
  const id = 1 + prng.below(ROWS + 500);
  const fresh = `${ROWS + 1000 + prng.below(1_000_000)}`;
  const statements = [
    `update t set v = md5('${fresh}') where id = ${id}`,
    `update t set n = n + 1 where id between ${id} and ${id + 5}`,
    `update t set id = ${fresh} where id = ${id}`,
    `delete from t where id = ${id}`,
    `insert into t values (${fresh}, repeat('w', ${prng.below(300)}), ${prng.below(100)}) on conflict do nothing`,
    `insert into t select i, 'bulk', 5 from generate_series(${fresh}, ${fresh} + 60) i on conflict do nothing`,
  ];
  const statement = statements[prng.below(statements.length)] ?? '';
  if (prng.chance(0.6)) {
    await w.run(statement);
    return;
  }
  await w.run('begin');
  await w.run(statement);
  for (let turn = prng.below(4); turn > 0; turn--) await new Promise((resolve) => setImmediate(resolve));
  await w.run(statements[prng.below(statements.length)] ?? '');
  await w.run(prng.chance(0.5) ? 'commit' : 'rollback');
}

describe('beside writers', () => {
  const seed = seedOf(20_261_120);
  test.each(TARGETS.map((text, i) => ({ text, seed: seed + i })))('$text (seed $seed)', async ({ text, seed: own }) => {
    await filled();
    await s.run('create index t_n on t (n)');
    const prng = new Prng(own);
    let isBuilding = true;
    let changes = 0;
    const writer = async (): Promise<void> => {
      const w = new TestSession(instance);
      while (isBuilding) {
        await change(w, prng).catch(async (error: { sqlstate?: string }) => {
          // Writers may meet each other's keys and locks; that is their own affair.
          expect(['23505', '40P01'], String(error)).toContain(error.sqlstate);
          await w.run('rollback');
        });
        changes++;
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    const writers = [writer(), writer(), writer()];
    while (changes < 10) await new Promise((resolve) => setImmediate(resolve));
    const before = changes;
    await s.run(text);
    isBuilding = false;
    await Promise.all(writers);
    expect(changes - before, 'changes during the build').toBeGreaterThan(2);
    await agrees();
  });
});

test('a writer that was there before is waited for, and nobody queues behind', async () => {
  await filled();
  const [old, young] = [new TestSession(instance), new TestSession(instance)];
  await old.run("begin; update t set v = 'old' where id = 1");
  let isDone = false;
  const build = s.run('create index concurrently t_v on t (v)').then(() => {
    isDone = true;
  });
  await young.run("update t set v = 'young' where id = 2");
  expect(isDone).toBe(false);
  await old.run("update t set v = 'old' where id = 3; commit");
  await build;
  expect(await s.rows("select id from t where v in ('old', 'young') order by 1")).toEqual([['1'], ['2'], ['3']]);
  await agrees();
});

test('R34: nothing of the table is reorganized meanwhile', async () => {
  await filled();
  await s.run('create index t_n on t (n)');
  const other = new TestSession(instance);
  await other.run('begin; delete from t where id = 1');
  const build = s.run('create index concurrently t_v on t (v)');
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  for (const index of ['t_n', 't_pkey'])
    expect(await new TestSession(instance).failure(`alter index ${index} on t reorganize`)).toMatchObject({
      sqlstate: '55006',
      detail: expect.stringContaining('Msg 2551') as string,
    });
  await other.run('rollback');
  await build;
  await s.run('alter index all on t reorganize');
  await agrees();
});

test('a duplicate that comes meanwhile, a cancel and a failure leave nothing behind', async () => {
  await filled();
  const other = new TestSession(instance);
  await other.run('begin; insert into t values (9001, md5($$1$$), 0)');
  const build = s.failure('create unique index concurrently t_v on t (v)');
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  await other.run('commit');
  expect(await build).toMatchObject({ sqlstate: '23505', detail: expect.stringContaining('is duplicated') as string });
  expect(await s.rows("select relname from pg_class where relname = 't_v'")).toEqual([]);
  await other.run('update t set v = v');
  for (const text of ['create index concurrently on t (v)', 'reindex table concurrently t'])
    await s.run('begin').then(async () => {
      expect((await s.failure(text)).sqlstate).toBe('25001');
      await s.run('rollback');
    });
  await agrees();
});

test('a snapshot of before does not use the new index', async () => {
  await filled();
  const old = new TestSession(instance);
  await old.run('begin isolation level repeatable read');
  expect(await old.rows('select v from t where id = 1')).toEqual([['c4ca4238a0b923820dcc509a6f75849b']]);
  await s.run("update t set v = 'new' where id = 1");
  await s.run('create index concurrently t_v on t (v)');
  expect(await old.rows("select id from t where v = 'c4ca4238a0b923820dcc509a6f75849b'")).toEqual([['1']]);
  expect(await s.rows("select id from t where v = 'new'")).toEqual([['1']]);
});
