/** Deferrable unique constraints and primary keys. */
import { expect, test } from 'vitest';
import { broken } from '../../src/base/assert.ts';
import { Prng } from '../../src/base/prng.ts';
import { runTask } from '../../src/base/task.ts';
import { checkIndexes } from '../../src/sql/ddl/check-indexes.ts';
import { DeferredChecks } from '../../src/sql/session/deferred-checks.ts';
import { seedOf } from '../storage/open.ts';
import { memoryInstance, TestSession } from '../support/in-process.ts';
import { InProcessSubject } from '../support/in-process-subject.ts';
import { settle, sound } from '../support/sound.ts';
import { recordedScenarios, transcript } from '../support/transcript.ts';

test.each(recordedScenarios('deferrable'))('$title, as PostgreSQL has it', async ({ scenario, expected }) => {
  expect((await transcript(scenario, await InProcessSubject.create())).trim()).toBe(expected);
});

test('what a transaction notes for its commit is bounded, and a savepoint gives back what came behind it', async () => {
  const s = new TestSession(await memoryInstance());
  await s.run('create table p (id int primary key); create table c (p int references p deferrable initially deferred)');
  const [[oid]] = (await s.rows("select oid::text from pg_constraint where contype = 'f'")) as [[string]];
  const constraint = Number(oid);
  const checks = new DeferredChecks(s.sql.engine, () => broken('nothing is checked here'), 1000);
  const note = (): boolean => checks.defer(constraint, 200, function* () {});
  expect([note(), note()]).toEqual([true, true]);
  const mark = checks.mark();
  expect(note()).toBe(true);
  expect(note).toThrow(
    expect.objectContaining({ sqlstate: '53200', hint: expect.stringContaining('SET CONSTRAINTS') }),
  );
  checks.rollbackTo(mark);
  expect(note()).toBe(true);
  expect(note).toThrow(expect.objectContaining({ sqlstate: '53200' }));
  checks.clear();
  expect([note(), note(), note()]).toEqual([true, true, true]);
});

const KEYS = 12;

test.each([0, 1, 2].map((n) => seedOf(61_000) + n))('what is committed is unique, seed %i', async (seed) => {
  const prng = new Prng(seed);
  const instance = await memoryInstance();
  const s = new TestSession(instance);
  await s.run(`create table t (id int primary key deferrable initially deferred, u int unique deferrable, v text);
    insert into t select i, i, repeat('v', i * 700) from generate_series(1, 8) i`);
  const key = (): number => 1 + prng.below(KEYS);
  for (let n = 0; n < 150; n++) {
    const before = await s.rows('select id, u from t order by id');
    await s.run('begin');
    if (prng.chance(0.3)) await s.run('set constraints all deferred');
    let [rows, failed] = [
      new Map(before.map(([id, u], i) => [i, [Number(id), u === null ? null : Number(u)] as const])),
      false,
    ];
    for (let m = prng.below(4); m >= 0 && !failed; m--) {
      const statements = [
        `insert into t values (${key()}, ${key()}, 'n')`,
        `update t set id = ${key()} where id = ${key()}`,
        `update t set id = id + 1, u = null where id > ${key()}`,
        `delete from t where id = ${key()}`,
        `update t set v = v || '!', u = ${key()} where id = ${key()}`,
      ];
      try {
        await s.run(statements[prng.below(statements.length)] ?? '');
        rows = new Map(
          (await s.rows('select id, u from t')).map(([id, u], i) => [i, [Number(id), u === null ? null : Number(u)]]),
        );
      } catch (error) {
        expect(error).toMatchObject({ sqlstate: '23505' });
        failed = true;
      }
    }
    const ids = [...rows.values()].map(([id]) => id);
    const us = [...rows.values()].flatMap(([, u]) => u ?? []);
    const isUnique = new Set(ids).size === ids.length && new Set(us).size === us.length;
    const committed = failed
      ? false
      : await s.run('commit').then(
          () => true,
          () => false,
        );
    if (failed) await s.run('rollback');
    expect(committed, `#${n}`).toBe(!failed && isUnique);
    const after = await s.rows('select id, u from t order by id');
    if (!committed) expect(after).toEqual(before);
    if (ids.length > 3 * KEYS || prng.chance(0.02)) await s.run('delete from t where id > 6');
  }
  expect(await runTask(checkIndexes(new TestSession(instance).sql))).toEqual([]);
  settle(instance);
  sound(instance);
});

test('a table whose key is deferrable has hidden row ids, and its key is an index like others', async () => {
  const instance = await memoryInstance();
  const s = new TestSession(instance);
  await s.run(
    'create table t (id int primary key with (fillfactor = 70) deferrable, v text) with (growth = 200, append_sequential)',
  );
  await s.run("insert into t select i, 'v' || i from generate_series(1, 3000) i");
  const types = `select index_id, index_type_desc from sys.dm_db_index_physical_stats(current_database(), 't', null, null, 'LIMITED')
    where alloc_unit_type_desc = 'IN_ROW_DATA' and index_level = 0 order by 1`;
  expect(await s.rows(types)).toEqual([
    ['0', 'HEAP'],
    ['2', 'NONCLUSTERED INDEX'],
  ]);
  expect((await s.rows('explain select v from t where id = 7'))[0]?.[0]).toContain('Index Scan using t_pkey on t');
  for (const statement of [
    'reindex index t_pkey',
    'alter index t_pkey on t reorganize',
    'vacuum full t',
    'alter index t_pkey on t rebuild',
    'cluster t using t_pkey',
    'truncate t',
  ]) {
    await s.run(statement);
    expect((await s.failure("insert into t values (5000, 'x'), (5000, 'y')")).sqlstate, statement).toBe('23505');
  }
  expect(await s.rows("select pg_indexes_size('t') > 0, pg_table_size('t') > 0")).toEqual([['t', 't']]);
  expect(await runTask(checkIndexes(new TestSession(instance).sql))).toEqual([]);
  sound(instance);
});
