/** Indexes that INCLUDE columns: what is read from them alone, whose their long values are, and how they follow their rows. */
import { beforeEach, describe, expect, test } from 'vitest';
import { runNow, runTask } from '../../src/base/task.ts';
import type { IndexObject } from '../../src/engine/catalog.ts';
import type { Instance } from '../../src/engine/instance.ts';
import { checkIndexes } from '../../src/sql/ddl/check-indexes.ts';
import { memoryInstance, TestSession } from '../support/in-process.ts';
import { InProcessSubject } from '../support/in-process-subject.ts';
import { settle, sound } from '../support/sound.ts';
import { recordedScenarios, transcript } from '../support/transcript.ts';

let instance: Instance;
let s: TestSession;

beforeEach(async () => {
  instance = await memoryInstance();
  s = new TestSession(instance);
});

async function agrees(): Promise<void> {
  expect(await runTask(checkIndexes(new TestSession(instance).sql))).toEqual([]);
  settle(instance);
  sound(instance);
}

function indexNamed(name: string): IndexObject {
  const found = instance.single.catalog.relationNamed(2200, name);
  if (found?.kind !== 'index') throw new Error(`no index ${name}`);
  return found;
}

async function plan(query: string): Promise<string> {
  return (await s.rows(`explain ${query}`)).map(([line]) => line).join('\n');
}

/** Live long values of an index. */
async function longValues(index: string): Promise<number> {
  settle(instance);
  const rows = await s.rows(
    `select coalesce(sum(record_count), 0) from sys.dm_db_index_physical_stats(current_database(), null, null, null, 'DETAILED')
     where alloc_unit_type_desc = 'LOB_DATA' and hobt_id = ${instance.single.space.longTreeOf(indexNamed(index).tree)}`,
  );
  return Number(rows[0]?.[0]);
}

test.each(recordedScenarios('included'))('$title, as PostgreSQL has it', async ({ scenario, expected }) => {
  expect((await transcript(scenario, await InProcessSubject.create())).trim()).toBe(expected);
});

describe('index-only scans', () => {
  beforeEach(async () => {
    await s.run(`
      create table t (id int primary key, a int, b text, n numeric, d date, pad text);
      insert into t select i, i % 50, 'b' || i, i / 7.0, date '2020-01-01' + i, repeat('p', 500) from generate_series(1, 3000) i;
      insert into t values (5000, 7, null, null, null, null);
      create index t_a on t (a) include (b, n, d);
      analyze t`);
  });

  test.each([
    'select b, n, d from t where a = 7 order by b',
    'select a, b, id from t where a in (7, 8) and n > 100 order by id',
    "select count(*), sum(n), max(d) from t where a between 5 and 20 and b like 'b1%'",
    'select x.b, y.b from t x join t y on y.a = x.a where x.a = 3 order by 1, 2 limit 20',
    'select b from t where a = 7 and n is null',
  ])('%s', async (query) => {
    expect(await plan(query)).toContain('Index Only Scan using t_a on t');
    const rows = await s.rows(query);
    await s.run('drop index t_a');
    expect(rows).toEqual(await s.rows(query));
  });

  test('a column that is neither key nor included is read from the table', async () => {
    expect(await plan('select b, pad from t where a = 7')).toContain('Index Scan using t_a on t');
    expect(await plan('select b from t where a = 7 and pad is null')).toContain('Index Scan using t_a on t');
    expect(await s.rows('select b, left(pad, 3) from t where a = 7 order by id limit 1')).toEqual([['b7', 'ppp']]);
  });

  test('the table is not visited: its pages stay where they are', async () => {
    const { cache } = instance.single.file.store.parts.core;
    const seen = new Set<number>();
    const { tree } = instance.single.catalog.table(indexNamed('t_a').table);
    const frameOf = cache.frameOf.bind(cache);
    const watch = (pgno: number): number => {
      const frame = frameOf(pgno);
      if (frame >= 0) seen.add(cache.views[frame]!.getUint32(8, true));
      return frame;
    };
    cache.frameOf = watch;
    try {
      await s.rows('select sum(n) from t where a = 7');
      expect([...seen]).toContain(indexNamed('t_a').tree);
      expect([...seen]).not.toContain(tree);
      await s.rows('select max(pad) from t where a = 7');
      expect([...seen]).toContain(tree);
    } finally {
      cache.frameOf = frameOf;
    }
  });

  test('what EXPLAIN names is what an update finds its rows by, and the new values are there at once', async () => {
    await s.run("update t set b = 'new' || b where a = 7 and n < 10");
    expect(await s.rows("select count(*) from t where a = 7 and b like 'new%'")).toEqual([['2']]);
    await s.run('begin; update t set n = -1 where id = 7; update t set n = n - 1 where id = 7');
    expect(await s.rows('select n from t where a = 7 and n < 0')).toEqual([['-2']]);
    await s.run('rollback');
    expect(await s.rows('select n from t where a = 7 and n < 0')).toEqual([]);
    await agrees();
  });
});

describe('versions', () => {
  beforeEach(async () => {
    await s.run(`
      create table t (id int primary key, a int, b text, c text);
      create unique index t_a on t (a) include (b, c);
      insert into t select i, i, 'b' || i, repeat('c' || i, 4000) from generate_series(1, 60) i`);
  });

  test('an old snapshot keeps the values that it saw, long ones too', async () => {
    const old = new TestSession(instance);
    const query = 'select a, b, md5(c) from t where a > 0 order by a';
    expect(await plan(query)).toContain('Index Only Scan');
    await old.run('begin isolation level repeatable read');
    const before = await old.rows(query);
    await s.run("update t set b = 'x', c = repeat('d', 30000) where id < 10; delete from t where id > 55");
    await s.run('update t set a = a + 100 where id = 12; vacuum t');
    settle(instance);
    expect(await old.rows(query)).toEqual(before);
    expect(await s.rows('select count(*), min(b) from t where a > 0')).toEqual([['55', 'b10']]);
    await old.run('commit');
    await agrees();
  });

  test('what is rolled back leaves entries and long values as they were', async () => {
    await s.run(
      "begin; update t set c = repeat('z', 40000); savepoint a; update t set c = null, a = a + 500; rollback to a",
    );
    expect(await s.rows('select min(length(c)), max(a) from t where a > 0')).toEqual([['40000', '60']]);
    await s.run('rollback');
    expect(await s.rows('select min(length(c)), max(length(c)) from t where a > 0')).toEqual([['8000', '12000']]);
    await agrees();
  });

  test('a change of an included column alone keeps the entry, and says nothing of the key', async () => {
    const other = new TestSession(instance);
    await s.run("begin; update t set b = 'mine' where id = 3");
    // The row's key is not locked: what refers to the row may go on.
    expect(await other.rows('select a from t where id = 3 for key share')).toEqual([['3']]);
    await s.run('commit');
    settle(instance);
    const ghosts = `select sum(ghost_record_count) from sys.dm_db_index_physical_stats(current_database(), 't', 't_a', null, 'DETAILED')`;
    expect(await s.rows(ghosts)).toEqual([['0']]);
    expect(await s.rows('select b from t where a = 3')).toEqual([['mine']]);
  });

  test('included values make nothing unique', async () => {
    expect((await s.failure("insert into t values (50, 3, 'other', 'other')")).sqlstate).toBe('23505');
    await s.run("insert into t values (50, 3, 'other', 'other') on conflict (a) do update set c = excluded.c");
    expect(await s.rows('select id, b, c from t where a = 3')).toEqual([['3', 'b3', 'other']]);
    await agrees();
  });
});

describe('long values of an index', () => {
  beforeEach(async () => {
    await s.run(`
      create table t (id int primary key, a int, c text, d bytea);
      insert into t select i, i, repeat('c' || i, 9000), decode(repeat('ab', 20000), 'hex') from generate_series(1, 40) i;
      create index t_a on t (a) include (c, d)`);
  });

  test('they are its own: they come and go with its entries', async () => {
    const values = await longValues('t_a');
    expect(values).toBeGreaterThan(0);
    await s.run("update t set c = 'short' where id <= 20");
    expect(await longValues('t_a')).toBeLessThan(values);
    await agrees();
    await s.run('update t set a = -a');
    await agrees();
    await s.run('delete from t');
    expect(await longValues('t_a')).toBe(0);
    await agrees();
  });

  test('an update of another column carries them on', async () => {
    const long = instance.single.space.longTreeOf(indexNamed('t_a').tree);
    const { nextLong } = instance.single.file.store.parts.core.tree(long);
    await s.run('update t set a = a + 1; update t set id = id + 100');
    expect(instance.single.file.store.parts.core.tree(long).nextLong).toBe(nextLong);
    await s.run("update t set c = c || '!' where id = 101");
    expect(instance.single.file.store.parts.core.tree(long).nextLong).toBe(nextLong + 1);
    expect(await s.rows('select length(c), length(d) from t where a = 2')).toEqual([['18001', '20000']]);
    await agrees();
  });

  test('rows made from them get copies of their own', async () => {
    await s.run('create table u (c text)');
    expect(await plan('select c from t where a = 3')).toContain('Index Only Scan');
    await s.run('insert into u select c from t where a = 3; update t set d = null, c = null; vacuum t');
    settle(instance);
    expect(await s.rows("select c = repeat('c3', 9000) from u")).toEqual([['t']]);
    await agrees();
  });

  test.each([
    'reindex index t_a',
    'reindex index concurrently t_a',
    'alter index t_a on t rebuild with (online = on)',
    'reindex table t',
    'reindex table concurrently t',
    'alter index t_pkey on t rebuild with (online = on)',
    'vacuum full t',
    'cluster t using t_pkey',
    'alter table t alter column c type varchar(30000)',
    'alter table t alter column a type bigint',
    'alter index t_a on t disable; alter index t_a on t rebuild',
    'alter table t drop constraint t_pkey',
    'alter index all on t reorganize',
    'truncate t',
    'begin; truncate t; rollback',
    'begin; drop table t; rollback',
  ])('%s keeps them right and leaves nothing behind', async (statement) => {
    const content = 'select a, md5(c), md5(d) from t where a > 0 order by a';
    const before = await s.rows(content);
    for (const each of statement.split('; ')) await s.run(each);
    expect(await s.rows(content)).toEqual(statement.startsWith('truncate') ? [] : before);
    await agrees();
    const { core } = instance.single.file.store.parts;
    await s.run("insert into t (id, a, c) values (999, 999, repeat('y', 30000))");
    expect(await s.rows('select length(c) from t where a = 999')).toEqual([['30000']]);
    await agrees();
    await s.run('drop table t');
    settle(instance);
    sound(instance);
    expect([...core.trees.values()].filter((tree) => tree.kind === 2)).toEqual([]);
  });

  test('an index dropped takes its own along, and the table keeps its', async () => {
    await s.run('drop index t_a; vacuum t');
    settle(instance);
    expect([...instance.single.file.store.parts.core.trees.values()].filter((tree) => tree.kind === 2)).toHaveLength(1);
    expect(await s.rows('select count(c), sum(length(d)) from t')).toEqual([['40', '800000']]);
    await agrees();
  });

  test('a build that fails leaves none behind', async () => {
    await s.run('insert into t select 110, 1, c, d from t where id = 1');
    const trees = instance.single.file.store.parts.core.trees.size;
    expect((await s.failure('create unique index t_u on t (a) include (c)')).sqlstate).toBe('23505');
    settle(instance);
    expect(instance.single.file.store.parts.core.trees.size).toBe(trees);
    await agrees();
  });
});

describe('the check of a file', () => {
  test('finds an entry whose values are not its row’s, and a long value that nobody refers to', async () => {
    await s.run(`
      create table t (id int primary key, a int, b int, c text);
      create index t_a on t (a) include (b, c);
      insert into t select i, i, i, repeat('c', 9000) from generate_series(1, 3) i`);
    const { file, catalog } = instance.single;
    const { store } = file;
    const { tree } = indexNamed('t_a');
    const t = store.begin(1);
    const scan = store.scan();
    const snapshot = t.snapshot();
    scan.open(tree, undefined, undefined, false, snapshot);
    while (scan.next() < 0) store.need.answerNow();
    const length = scan.keyAt(scan.from + 1);
    const key = scan.key.slice(0, length);
    scan.resolve(scan.from + 1);
    const record = scan.row.bytes.slice(scan.row.start, scan.row.start + scan.row.length);
    scan.close();
    t.release(snapshot);
    record[2] = record[2]! ^ 1;
    while (store.update(t, tree, key, length, record, 0, record.length, 2) < 0) store.need.answerNow();
    runNow(store.writeLong(t, tree, new Uint8Array(100), 0, 100));
    runNow(t.commit());
    expect(catalog.table(indexNamed('t_a').table).name).toBe('t');
    expect(await runTask(checkIndexes(new TestSession(instance).sql))).toEqual([
      'table t: the row with key 80000002 has other values in what index t_a includes',
      'table t: index t_a has 4 long values and refers to 3',
    ]);
  });
});

describe('what is told of its space', () => {
  test('physical stats have a LOB_DATA row for the index, sizes count it, extent_stats and extentdb.space show it', async () => {
    await s.run(`
      create table t (id int primary key, a int, c text);
      create index t_a on t (a) include (c);
      create index t_b on t (a);
      insert into t select i, i, repeat('c', 50000) from generate_series(1, 20) i`);
    expect(
      await s.rows(`select index_id, index_type_desc, alloc_unit_type_desc, page_count > 100 from
        sys.dm_db_index_physical_stats(current_database(), 't', null, null, 'LIMITED') where index_level = 0 order by 1, 3`),
    ).toEqual([
      ['1', 'CLUSTERED INDEX', 'IN_ROW_DATA', 'f'],
      ['1', 'CLUSTERED INDEX', 'LOB_DATA', 't'],
      ['2', 'NONCLUSTERED INDEX', 'IN_ROW_DATA', 'f'],
      ['2', 'NONCLUSTERED INDEX', 'LOB_DATA', 't'],
      ['3', 'NONCLUSTERED INDEX', 'IN_ROW_DATA', 'f'],
    ]);
    expect(
      await s.rows(
        "select pg_relation_size('t_a') < 100000, pg_table_size('t_a') > 1000000, pg_indexes_size('t') > 1000000",
      ),
    ).toEqual([['t', 't', 't']]);
    expect(await s.rows("select object, kind from extentdb.space where kind = 'lob' order by 1")).toEqual([
      ['t', 'lob'],
      ['t_a', 'lob'],
    ]);
    expect((await s.rows("select name, kind from extent_stats('t_a')")).map(([, kind]) => kind)).toEqual([
      'index',
      'lob',
    ]);
  });
});

test('rows that are changed come from the table, also where an index covers all of it', async () => {
  await s.run(`
    create table whole (id int primary key, v text, body text, unique (v) include (body));
    insert into whole select i, 'v' || i, case when i < 5 then repeat('long', 9000) end from generate_series(1, 400) i`);
  expect(await s.rows("update whole set body = 'changed' where v = 'v1' returning body")).toEqual([['changed']]);
  expect(await s.rows("update whole set v = 'w2' where v = 'v2' returning id, length(body)")).toEqual([['2', '36000']]);
  expect(await s.rows("delete from whole where v = 'v3' returning length(body)")).toEqual([['36000']]);
  expect(await s.rows("select id, length(body) from whole where v = 'v4' for update")).toEqual([['4', '36000']]);
  expect(await s.rows('select id, v, length(body) from whole where id < 6 order by id')).toEqual([
    ['1', 'v1', '7'],
    ['2', 'w2', '36000'],
    ['4', 'v4', '36000'],
    ['5', 'v5', null],
  ]);
  expect(await s.rows("select id, length(body) from whole where v = 'w2'")).toEqual([['2', '36000']]);
  settle(instance);
  sound(instance);
});
