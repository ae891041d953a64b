import { beforeEach, describe, expect, test } from 'vitest';
import { runNow } from '../../src/base/task.ts';
import type { Instance } from '../../src/engine/instance.ts';
import { memoryInstance, TestSession, TextSink } from '../support/in-process.ts';
import { settle, sound } from '../support/sound.ts';

let instance: Instance;
let s: TestSession;

beforeEach(async () => {
  instance = await memoryInstance();
  s = new TestSession(instance);
});

function quietAndSound(): void {
  settle(instance);
  sound(instance);
}

async function one(text: string): Promise<string | null | undefined> {
  return (await s.rows(text))[0]?.[0];
}

/** Pages that everything of a table owns. */
async function owned(name: string): Promise<number> {
  settle(instance);
  return Number(
    await one(`select sum(owned_pages) from extentdb.space where relid in
      (select '${name}'::regclass::oid union all select indexrelid from pg_index where indrelid = '${name}'::regclass)`),
  );
}

/** A table whose rows came in random order and mostly went again; with a long value in some. */
async function worn(key = 'id int primary key'): Promise<void> {
  await s.run(`
    create table t (${key}, v text, n int);
    create index t_n on t (n);
    create unique index t_lower on t (lower(left(v, 20)), n) where n >= 0;
    insert into t select (i * 7919) % 104729, case when i % 500 = 0 then repeat('long', 9000) else 'v' || i end, i % 977
      from generate_series(1, 4000) i;
    delete from t where id % 3 <> 0`);
  settle(instance);
}

const CONTENT = 'select count(*), sum(id), sum(length(v)), sum(n), min(v), max(n) from t';

/** Rows as the index finds them and as the table has them. */
async function agrees(): Promise<void> {
  const values = await s.rows('select n, count(*) from t where v is not null group by n order by n limit 20');
  for (const [n, count] of values) expect(await one(`select count(*) from t where n = ${n}`)).toBe(count);
}

describe('VACUUM FULL', () => {
  test.each(['id int primary key', 'id int'])(
    'gives space back and keeps rows, indexes and hints (%s)',
    async (key) => {
      await worn(key);
      await s.run(`alter table t set (fillfactor = 80, growth = 150, append_sequential); comment on table t is 'kept'`);
      const before = await s.rows(CONTENT);
      const pages = await owned('t');
      const [outcome] = await s.run('vacuum full t');
      expect(outcome?.tag).toBe('VACUUM');
      expect(await s.rows(CONTENT)).toEqual(before);
      expect(await owned('t')).toBeLessThan(pages * 0.7);
      await agrees();
      expect(await one(`select array_to_string(reloptions, ' ') from pg_class where relname = 't'`)).toBe(
        'fillfactor=80 growth=150 append_sequential=true',
      );
      expect(await one(`select hints from extentdb.space where object = 't' and kind = 'table'`)).toContain('150');
      expect(await one(`select obj_description('t'::regclass)`)).toBe('kept');
      quietAndSound();
      await s.run(`insert into t values (-1, 'later', 5)`);
      expect((await s.failure(`insert into t values (-2, 'LATER', 5)`)).sqlstate).toBe('23505');
      quietAndSound();
    },
  );

  test('VERBOSE says pages before and now; without names it takes every table, one after the other', async () => {
    await worn();
    await s.run('create table u (a int); insert into u values (1)');
    s.notices.length = 0;
    await s.run('vacuum (full, verbose, analyze) t');
    expect(s.notices.map((n) => [n.severity, n.message.replace(/\d+ (pages|rows|now|of them|new)/g, '# $1')])).toEqual([
      ['INFO', 'vacuuming "public.t"'],
      ['INFO', '"t": # rows, # pages before, # pages now'],
      [
        'INFO',
        '"t": file of # pages before, # now, # of them holes (# new); # pages moved: what lies at its end belongs to others',
      ],
      ['INFO', 'analyzing "public.t"'],
      ['INFO', '"t": # rows, # rows in sample'],
    ]);
    expect(Number(await one(`select reltuples from pg_class where relname = 't'`))).toBe(
      Number(await one('select count(*) from t')),
    );
    s.notices.length = 0;
    await s.run('vacuum full verbose');
    expect(s.notices.filter((n) => n.message.startsWith('vacuuming')).map((n) => n.message)).toEqual([
      'vacuuming "public.t"',
      'vacuuming "public.u"',
    ]);
    quietAndSound();
  });

  test('not in a transaction block; needs the table for itself; SKIP_LOCKED passes over a locked one', async () => {
    await worn();
    expect((await s.failure('begin; vacuum full t')).sqlstate).toBe('25001');
    await s.run('rollback');
    const other = new TestSession(instance);
    await other.run('begin; lock table t in access share mode');
    expect((await s.failure(`set lock_timeout = '20ms'; vacuum full t`)).sqlstate).toBe('55P03');
    await s.run('vacuum (full, skip_locked) t');
    expect(s.notices.at(-1)).toMatchObject({ severity: 'WARNING', sqlstate: '55P03' });
    await other.run('commit');
    await s.run('vacuum full t');
    quietAndSound();
  });

  test('the old space is back when the statement returns', async () => {
    await worn();
    const bytes = Number(await one('select file_bytes - trimmed_bytes from extentdb.file_space'));
    await s.run('vacuum full t');
    expect(await s.rows(`select * from extentdb.space where kind = 'dropped'`)).toEqual([]);
    expect(Number(await one('select file_bytes - trimmed_bytes from extentdb.file_space'))).toBeLessThan(
      bytes - 200_000,
    );
  });

  test('identity columns, defaults, foreign keys and dropped columns live on', async () => {
    await s.run(`
      create table p (id int generated always as identity primary key, gone int, v text default 'd', unique (v));
      insert into p (gone, v) select i, 'v' || i from generate_series(1, 100) i;
      alter table p drop column gone; alter table p add column later int default 7;
      create table c (p int references p (id));
      insert into c select id from p;
      vacuum full p; vacuum full c; vacuum full p;
      insert into p default values`);
    expect(await s.rows('select id, v, later from p order by id desc limit 2')).toEqual([
      ['101', 'd', '7'],
      ['100', 'v100', '7'],
    ]);
    expect((await s.failure('delete from p where id = 5')).sqlstate).toBe('23503');
    expect((await s.failure('insert into c values (999)')).sqlstate).toBe('23503');
    quietAndSound();
  });
});

describe('plain VACUUM', () => {
  test('ends although others commit between all its steps', async () => {
    await s.run('create table v (id int primary key); insert into v select i from generate_series(1, 2000) i');
    await s.run('delete from v where id % 4 <> 0');
    const other = new TestSession(instance);
    const run = (text: string): void => runNow(other.sql.simple(text, new TextSink(() => other.sql)));
    const task = s.sql.simple('vacuum v', new TextSink(() => s.sql));
    let steps = 0;
    for (let step = task.next(); step.done !== true; step = task.next()) {
      step.value.answerNow();
      if (++steps > 2000) break;
      run(`insert into v values (${10_000 + steps}); delete from v where id = ${10_000 + steps}`);
    }
    expect(steps).toBeLessThan(2000);
  });

  test('joins sparse leaves of what it names, beside others, and says so', async () => {
    await s.run(`
      create table a (id int primary key, v text); create table b (id int primary key, v text);
      insert into a select i, repeat('x', 100) from generate_series(1, 4000) i;
      insert into b select i, repeat('x', 100) from generate_series(1, 4000) i;
      delete from a where id % 3 = 0; delete from b where id % 3 = 0`);
    settle(instance);
    const used = async (name: string): Promise<number> =>
      Number(await one(`select used_pages from extentdb.space where object = '${name}' and kind = 'table'`));
    const [a, b] = [await used('a'), await used('b')];
    await s.run('vacuum (verbose) a');
    expect(await used('a')).toBeLessThan(a * 0.8);
    expect(await used('b')).toBe(b);
    expect(s.notices.map((n) => n.severity)).toEqual(['INFO', 'INFO']);
    expect(s.notices[1]?.message).toMatch(/^"a": \d+ pages scanned, [1-9]\d* removed$/);
    await s.run('vacuum');
    expect(await used('b')).toBeLessThan(b * 0.8);
    expect((await s.failure('vacuum (nonsense) a')).sqlstate).toBe('42601');
    quietAndSound();
  });
});

describe('CLUSTER', () => {
  test('a table without primary key is put in the order of an index, which is remembered', async () => {
    await worn('id int');
    await s.run('create index t_desc on t (n desc, id)');
    expect((await s.failure('cluster t')).sqlstate).toBe('42704');
    const before = await s.rows(CONTENT);
    const [outcome] = await s.run('cluster t using t_desc');
    expect(outcome?.tag).toBe('CLUSTER');
    expect(await s.rows(CONTENT)).toEqual(before);
    expect(await s.rows('select n, id from t')).toEqual(await s.rows('select n, id from t order by n desc, id'));
    expect(await s.rows('select indexrelid::regclass from pg_index where indisclustered')).toEqual([['t_desc']]);
    await s.run(`insert into t values (1, 'new', 2000)`);
    await s.run('cluster t');
    expect(await s.rows('select n from t limit 1')).toEqual([['2000']]);
    await s.run(`insert into t values (1, 'newer', 2001)`);
    await s.run('cluster verbose');
    expect(await s.rows('select n from t limit 1')).toEqual([['2001']]);
    await agrees();
    await s.run('drop index t_desc');
    expect((await s.failure('cluster t')).sqlstate).toBe('42704');
    quietAndSound();
  });

  test('with a primary key: by the key it is a rebuild, by another index it is refused with a hint', async () => {
    await worn();
    const before = await s.rows(CONTENT);
    const pages = await owned('t');
    await s.run('cluster t using t_pkey');
    expect(await owned('t')).toBeLessThan(pages * 0.7);
    expect(await s.rows(CONTENT)).toEqual(before);
    expect(await s.failure('cluster t using t_n')).toMatchObject({ sqlstate: '0A000', position: 17 });
    expect((await s.failure('cluster t using nowhere')).sqlstate).toBe('42704');
    expect((await s.failure('cluster nowhere')).sqlstate).toBe('42P01');
    quietAndSound();
  });

  test('partial indexes and those over expressions give no order', async () => {
    await worn('id int');
    expect((await s.failure('cluster t using t_lower')).sqlstate).toBe('0A000');
    await s.run('create index t_e on t (lower(left(v, 9)))');
    await s.run(`insert into t values (-9, repeat('long', 9000), 1)`);
    expect((await s.failure('create index t_long on t (lower(v))')).sqlstate).toBe('54000');
    expect((await s.failure('cluster t_e on t')).sqlstate).toBe('0A000');
  });

  test('a rollback leaves the table as it was', async () => {
    await worn('id int');
    const order = await s.rows('select id from t');
    await s.run('begin; cluster t using t_n; rollback');
    expect(await s.rows('select id from t')).toEqual(order);
    quietAndSound();
  });
});

describe('REINDEX', () => {
  test('an index, a table, a schema and the database', async () => {
    await worn();
    await s.run('create schema other; create table other.u (a int unique); insert into other.u values (1)');
    const before = await s.rows(CONTENT);
    for (const what of [
      'index t_n',
      'index t_pkey',
      'table t',
      'schema other',
      'database',
      '(verbose) table other.u',
    ]) {
      s.notices.length = 0;
      const [outcome] = await s.run(`reindex ${what}`);
      expect(outcome?.tag, what).toBe('REINDEX');
      expect(await s.rows(CONTENT), what).toEqual(before);
    }
    expect(s.notices).toMatchObject([{ severity: 'INFO', message: 'index "u_a_key" was reindexed' }]);
    await agrees();
    quietAndSound();
  });

  test('a sparse index gets small', async () => {
    await worn();
    const used = async (): Promise<number> =>
      Number(await one(`select used_pages from extentdb.space where object = 't_n'`));
    await s.run(`insert into t select i, 'w' || i, i from generate_series(200000, 206000) i`);
    await s.run('delete from t where id >= 200000 and id % 10 <> 0');
    settle(instance);
    const before = await used();
    await s.run('reindex index t_n');
    settle(instance);
    expect(await used()).toBeLessThan(before * 0.8);
    await agrees();
    quietAndSound();
  });

  test('what is refused', async () => {
    await worn();
    for (const [text, sqlstate] of [
      ['reindex (concurrently) system', '0A000'],
      ['reindex (nonsense) table t', '42601'],
      ['reindex index t', '42809'],
      ['reindex index nowhere', '42P01'],
      ['reindex table t_n', '42809'],
      ['reindex schema nowhere', '3F000'],
      ['reindex database nowhere', '0A000'],
      ['reindex system', '0A000'],
    ] as const)
      expect((await s.failure(text)).sqlstate, text).toBe(sqlstate);
    expect((await s.failure('begin; reindex database')).sqlstate).toBe('25001');
    await s.run('rollback; create table bare (a int); reindex table bare');
    expect(s.notices.at(-1)?.message).toBe('table "bare" has no indexes to reindex');
  });
});

describe('ALTER INDEX … REBUILD', () => {
  test('by name and ALL; FILLFACTOR is stored and obeyed, page locks too', async () => {
    await worn();
    const before = await s.rows(CONTENT);
    const used = async (): Promise<number> =>
      Number(await one(`select used_pages from extentdb.space where object = 't_n'`));
    await s.run('alter index t_n on t rebuild');
    const full = await used();
    const [outcome] = await s.run('alter index t_n on t rebuild with (fillfactor = 30, online = off)');
    expect(outcome?.tag).toBe('ALTER INDEX REBUILD');
    expect(await used()).toBeGreaterThan(full * 2);
    expect(await one(`select array_to_string(reloptions, ' ') from pg_class where relname = 't_n'`)).toBe(
      'fillfactor=30',
    );
    await s.run('alter index all on t rebuild partition = all with (fillfactor = 60, allow_page_locks = off)');
    expect(await one(`select array_to_string(reloptions, ' ') from pg_class where relname = 't_pkey'`)).toBe(
      'fillfactor=60',
    );
    expect((await s.failure('alter index t_n on t reorganize')).sqlstate).toBe('55000');
    await s.run('alter index t_n on t rebuild with (allow_page_locks = on)');
    await s.run('alter index t_n on t reorganize');
    expect(await s.rows(CONTENT)).toEqual(before);
    await agrees();
    quietAndSound();
  });

  test('what is refused', async () => {
    await worn();
    for (const [text, sqlstate, detail] of [
      ['alter index t_n on t rebuild with (fillfactor = 0)', '22023', 'Msg 129.'],
      ['alter index t_n on t rebuild with (fillfactor = 101)', '22023', 'Msg 129.'],
      ['alter index t_n on t rebuild with (nonsense = on)', '22023', 'Msg 155.'],
      ['alter index t_n on t rebuild with (online = 1)', '22023', 'Msg 153.'],
      ['alter index t_n on t rebuild with (max_duration = 5)', '22023', 'Msg 11431.'],
      ['alter index t_n on t rebuild with (data_compression = page)', '0A000', undefined],
      ['alter index t_n on t rebuild with ()', '42601', undefined],
      ['alter index t_n on t rebuild partition = 1', '42809', 'Msg 7729.'],
      ['alter index all on t rebuild partition = 2', '42809', 'Msg 7735.'],
      ['alter index nowhere on t rebuild', '42704', 'Msg 2727.'],
      ['alter index t_n on nowhere rebuild', '42P01', 'Msg 1088.'],
    ] as const)
      expect(await s.failure(text), text).toMatchObject({ sqlstate, detail });
  });
});

describe('ALTER INDEX … DISABLE', () => {
  test('R32: the index is out of use until it is rebuilt; REORGANIZE refuses it, ALL steps over it', async () => {
    await worn();
    const pages = await owned('t_n');
    const [outcome] = await s.run('alter index t_n on t disable');
    expect(outcome?.tag).toBe('ALTER INDEX DISABLE');
    expect(await owned('t_n')).toBeLessThan(Math.min(pages, 3));
    const plan = (await s.rows('explain select * from t where n = 5')).flat().join('\n');
    expect(plan).not.toContain('t_n');
    expect(Number(await one('select count(*) from t where n = 5'))).toBeGreaterThan(0);
    expect(await s.rows(`select indisvalid, indisready from pg_index where indexrelid = 't_n'::regclass`)).toEqual([
      ['f', 'f'],
    ]);
    expect(await s.failure('alter index t_n on t reorganize')).toMatchObject({
      sqlstate: '55000',
      detail: 'Msg 1973.',
    });
    s.notices.length = 0;
    await s.run('alter index all on t reorganize with (verbose = on)');
    expect(s.notices.map((n) => n.message.split(':')[0])).toEqual(['"t_pkey"', '"t_lower"']);
    await s.run(`insert into t values (500001, 'while off', 5); update t set n = 6 where id = 500001; vacuum full t`);
    await s.run('truncate t');
    await s.run(`insert into t select i, 'r' || i, i % 50 from generate_series(1, 500) i`);
    expect(await one(`select indisvalid from pg_index where indexrelid = 't_n'::regclass`)).toBe('f');
    await s.run('reindex index t_n');
    expect((await s.rows('explain select * from t where n = 5')).flat().join('\n')).toContain('t_n');
    expect(await one('select count(*) from t where n = 5')).toBe('10');
    quietAndSound();
  });

  test('uniqueness is not enforced meanwhile, and is checked when it comes back', async () => {
    await s.run(`create table k (id int primary key, v int unique, w int); insert into k values (1, 1, 1)`);
    await s.run('alter index k_v_key on k disable; insert into k values (2, 1, 2)');
    expect((await s.failure('insert into k values (3, 1) on conflict (v) do nothing')).sqlstate).toBe('42P10');
    expect((await s.failure('insert into k values (3, 1) on conflict on constraint k_v_key do nothing')).sqlstate).toBe(
      '55000',
    );
    expect((await s.failure('create table f (v int references k (v))')).sqlstate).toBe('42830');
    for (const text of ['alter index k_v_key on k rebuild', 'reindex table k', 'alter index all on k rebuild'])
      expect(await s.failure(text), text).toMatchObject({ sqlstate: '23505', detail: 'Key (v)=(1) is duplicated.' });
    await s.run('alter index k_v_key on k disable');
    expect(s.notices.at(-1)?.message).toBe('index "k_v_key" is disabled already');
    await s.run('update k set v = 2 where id = 2; alter index all on k rebuild');
    expect((await s.failure('insert into k values (3, 2)')).sqlstate).toBe('23505');
    quietAndSound();
  });

  test('a primary key, and what a foreign key needs, cannot be disabled; then ALL disables nothing', async () => {
    await s.run(
      `create table k (id int primary key, v int unique, w int unique); create table f (v int references k (v))`,
    );
    expect((await s.failure('alter index k_pkey on k disable')).sqlstate).toBe('0A000');
    expect((await s.failure('alter index all on k disable')).sqlstate).toBe('0A000');
    expect((await s.failure('alter index k_v_key on k disable')).sqlstate).toBe('2BP01');
    expect(await s.rows('select count(*) from pg_index where not indisvalid')).toEqual([['0']]);
    await s.run('begin; alter index k_w_key on k disable; rollback');
    await s.run('insert into k values (1, 1, 1)');
    expect((await s.failure('insert into k values (2, 2, 1)')).sqlstate).toBe('23505');
    await s.run('alter index k_w_key on k disable; drop table f, k');
    quietAndSound();
  });
});

describe('beside older snapshots', () => {
  const REBUILDS = ['vacuum full t', 'cluster t using t_pkey', 'reindex table t', 'alter table t alter n type bigint'];

  test.each(REBUILDS)(
    'a REPEATABLE READ transaction from before fails with 40001 rather than read wrong: %s',
    async (text) => {
      await s.run('create table t (id int primary key, n int); create index t_n on t (n); create table u (a int)');
      await s.run('insert into t values (1, 1), (2, 2)');
      const old = new TestSession(instance);
      await old.run('begin isolation level repeatable read; select * from u');
      await s.run(`delete from t where id = 1; ${text === 'vacuum full t' ? 'commit;' : ''}`);
      await s.run(text);
      expect((await old.failure('select * from t')).sqlstate).toBe('40001');
      await old.run('rollback');
      expect(await old.rows('begin isolation level repeatable read; select id from t')).toEqual([['2']]);
      await old.run('commit');
    },
  );

  test('a rebuild inside REPEATABLE READ loses no row that was committed after its snapshot', async () => {
    await s.run('create table t (id int primary key, n int); create table u (a int); insert into t values (1, 1)');
    const old = new TestSession(instance);
    await old.run('begin isolation level repeatable read; select * from u');
    await s.run('insert into t values (2, 2)');
    await old.run('alter table t alter n type bigint; create index t_n on t (n); commit');
    expect(await s.rows('select id from t order by id')).toEqual([['1'], ['2']]);
    expect(await s.rows('select id from t where n = 2')).toEqual([['2']]);
    quietAndSound();
  });
});

test('an index and an order beyond maintenance_work_mem are sorted on disk', async () => {
  await s.run(`
    create table w (id int, v text, n int); set maintenance_work_mem = '1MB';
    insert into w select i, 'some text that is long enough to fill the memory ' || (i * 7919) % 104729, i % 977
      from generate_series(1, 40000) i`);
  await s.run('create unique index w_v on w (v); cluster w using w_v; create index w_n on w (n)');
  expect(await s.rows('select count(*) from (select v, lag(v) over () as before from w) x where v < before')).toEqual([
    ['0'],
  ]);
  expect(await one('select count(*) from w where n = 33')).toBe('41');
  await s.run(`insert into w select id, v || '!', n from w where id = 7`);
  expect(await s.failure('create unique index on w (left(v, 49))')).toMatchObject({ sqlstate: '23505' });
  await s.run('vacuum full w');
  expect(await one('select count(*) from w where n = 33')).toBe('41');
  quietAndSound();
});

test('indexes hold the rows of a table that ALTER TABLE rebuilt', async () => {
  await worn();
  await s.run('alter table t alter n type bigint');
  expect((await s.rows('explain select * from t where n = 5')).flat().join('\n')).toContain('t_n');
  await agrees();
  quietAndSound();
});

describe('progress', () => {
  /** Runs a statement to its end and looks between its steps. */
  async function watched(text: string, look: (other: TestSession) => Promise<void>): Promise<void> {
    await s.run(`create table if not exists t (id int primary key, v text, n int);
      create index if not exists t_n on t (n);
      insert into t select i, 'v' || i, i % 977 from generate_series(1, 30000) i on conflict do nothing`);
    const { sql } = new TestSession(instance);
    const other = new TestSession(instance);
    const task = sql.simple(text, NOTHING);
    for (let step = task.next(); step.done !== true; step = task.next()) {
      step.value.answerNow();
      await look(other);
    }
  }

  test('R34: a rebuild is shown, and REORGANIZE of the same tree is refused meanwhile', async () => {
    const seen: number[] = [];
    await watched('vacuum full t', async (other) => {
      const [row] = await other.rows(
        `select r.command, r.percent_complete from sys.dm_exec_requests r join pg_stat_progress_cluster c on c.pid = r.session_id
         where c.phase <> 'performing final cleanup'`,
      );
      if (row === undefined) return;
      expect(row[0]).toBe('VACUUM FULL');
      seen.push(Number(row[1]));
      const failure = await other.failure('alter index t_pkey on t reorganize');
      expect(failure).toMatchObject({ sqlstate: '55006' });
      expect(failure.detail).toContain('Msg 2551');
    });
    expect(seen.length).toBeGreaterThan(2);
    expect([...seen].sort((a, b) => a - b)).toEqual(seen);
    expect(seen.at(-1)).toBeLessThanOrEqual(100);
    quietAndSound();
  });

  test.each([
    ['vacuum full t', 'pg_stat_progress_cluster', 'heap_tuples_scanned'],
    ['cluster t using t_pkey', 'pg_stat_progress_cluster', 'heap_tuples_written'],
    ['reindex index t_n', 'pg_stat_progress_create_index', 'tuples_done'],
    ['vacuum t', 'pg_stat_progress_vacuum', 'heap_blks_scanned'],
  ])('%s has its row in %s, and in no other', async (text, view, column) => {
    let [most, rows] = [0, 0];
    await watched(text, async (other) => {
      const found = await other.rows(`select ${column}, relid = 't'::regclass from ${view}`);
      for (const [done, isTable] of found) {
        rows++;
        most = Math.max(most, Number(done));
        expect(isTable).toBe('t');
      }
      expect(await other.rows('select * from pg_stat_progress_reorganize')).toEqual([]);
    });
    expect(rows).toBeGreaterThan(0);
    expect(most).toBeGreaterThan(0);
    expect(await s.rows(`select * from ${view}`)).toEqual([]);
  });
});

const NOTHING = {
  columns: () => {},
  taker: () => () => {},
  room: () => undefined,
  complete: () => {},
  empty: () => {},
  copyIn: () => ({ next: () => undefined }),
  copyOut: () => {},
  copyLine: () => {},
  copyDone: () => {},
};
