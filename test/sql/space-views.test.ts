/** Space as SQL shows it: the views of schema extentdb, physical stats, pgstattuple, pg_freespace, sizes. */
import { beforeEach, expect, onTestFailed, test } from 'vitest';
import { SystemClock } from '../../src/base/clock.ts';
import { Prng } from '../../src/base/prng.ts';
import { runTask } from '../../src/base/task.ts';
import { Instance } from '../../src/engine/instance.ts';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import { memoryInstance, TestSession } from '../support/in-process.ts';

const PAGE = 8192;

let instance: Instance;
let s: TestSession;

beforeEach(async () => {
  instance = await memoryInstance();
  s = new TestSession(instance);
  // Background work is done when a test asks for it: what two scans see must not differ.
  instance.single.runBackground = () => undefined;
});

async function settle(): Promise<void> {
  await runTask(instance.single.cleanBehind());
}

/** Rows by column names. */
async function named(sql: string): Promise<Record<string, string | null>[]> {
  const outcomes = await s.run(sql);
  const { columns, rows } = outcomes[outcomes.length - 1]!;
  return rows.map((row) => Object.fromEntries(columns.map((c, i) => [c.name, row[i] ?? null])));
}

async function one(sql: string): Promise<Record<string, string | null>> {
  const rows = await named(sql);
  expect(rows).toHaveLength(1);
  return rows[0]!;
}

const n = (text: string | null | undefined): number => Number(text);

/** A clustered table with two indexes and long values, and a heap. */
async function tables(): Promise<void> {
  await s.run(`
    create table book (id int primary key, title text, price int, body text) with (lob.min_extent = '64kB');
    create index book_price on book (price);
    create index book_title on book (title);
    create table event (at int, body text);
    insert into book select i, 'title ' || (i * 7919 % 3001), i * 31 % 997 from generate_series(1, 3000) i;
    update book set body = repeat('long ', 4000) where id % 500 = 0;
    insert into event select i, repeat('e', 200) from generate_series(1, 2000) i;`);
  await settle();
}

const COLUMNS = [
  'database_id integer',
  'object_id integer',
  'index_id integer',
  'partition_number integer',
  'index_type_desc text',
  'alloc_unit_type_desc text',
  'index_depth smallint',
  'index_level smallint',
  'avg_fragmentation_in_percent double precision',
  'fragment_count bigint',
  'avg_fragment_size_in_pages double precision',
  'page_count bigint',
  'avg_page_space_used_in_percent double precision',
  'record_count bigint',
  'ghost_record_count bigint',
  'version_ghost_record_count bigint',
  'min_record_size_in_bytes integer',
  'max_record_size_in_bytes integer',
  'avg_record_size_in_bytes double precision',
  'forwarded_record_count bigint',
  'compressed_page_count bigint',
  'hobt_id bigint',
  'columnstore_delete_buffer_state smallint',
  'columnstore_delete_buffer_state_desc text',
  'version_record_count bigint',
  'inrow_version_record_count bigint',
  'inrow_diff_version_record_count bigint',
  'total_inrow_version_payload_size_in_bytes bigint',
  'offrow_regular_version_record_count bigint',
  'offrow_long_term_version_record_count bigint',
];

const STATS = 'sys.dm_db_index_physical_stats';

test('physical stats have the columns of the original, in its order', async () => {
  await tables();
  const outcomes = await s.run(`select * from ${STATS}(null, null, null, null, null)`);
  const { columns } = outcomes[0]!;
  const types = await s.rows(
    `select ${columns.map((c) => `pg_typeof(${c.name})`).join(', ')} from ${STATS}(null, null, null, null, null) limit 1`,
  );
  expect(columns.map((c, i) => `${c.name} ${types[0]?.[i]}`)).toEqual(COLUMNS);
});

test('limited has a row for each tree and tells nothing that stands on leaves', async () => {
  await tables();
  const rows = await named(`select * from ${STATS}(null, null, null, null, 'LIMITED')`);
  const shape = rows.map((r) => [r.index_id, r.index_type_desc, r.alloc_unit_type_desc]);
  expect(shape).toEqual([
    ['1', 'CLUSTERED INDEX', 'IN_ROW_DATA'],
    ['1', 'CLUSTERED INDEX', 'LOB_DATA'],
    ['2', 'NONCLUSTERED INDEX', 'IN_ROW_DATA'],
    ['3', 'NONCLUSTERED INDEX', 'IN_ROW_DATA'],
    ['0', 'HEAP', 'IN_ROW_DATA'],
  ]);
  for (const row of rows) {
    expect(row).toMatchObject({
      partition_number: '1',
      index_level: '0',
      avg_page_space_used_in_percent: null,
      record_count: null,
      ghost_record_count: null,
      version_ghost_record_count: null,
      min_record_size_in_bytes: null,
      max_record_size_in_bytes: null,
      avg_record_size_in_bytes: null,
      forwarded_record_count: null,
      compressed_page_count: null,
      columnstore_delete_buffer_state: '0',
      columnstore_delete_buffer_state_desc: 'NOT VALID',
    });
    if (row.alloc_unit_type_desc === 'LOB_DATA')
      expect(row).toMatchObject({
        index_depth: '1',
        avg_fragmentation_in_percent: '0',
        fragment_count: null,
        avg_fragment_size_in_pages: null,
      });
    else expect(n(row.avg_fragment_size_in_pages)).toBeCloseTo(n(row.page_count) / n(row.fragment_count), 9);
  }
  expect(await named(`select * from ${STATS}(null, null, null, null, 'default')`)).toEqual(rows);
  expect(await named(`select * from ${STATS}(0, 0, -1, 0, null)`)).toEqual(rows);
  expect(await named(`select * from ${STATS}()`)).toEqual(rows);
  expect(await named(`select * from ${STATS}(default, default, DEFAULT, default, default)`)).toEqual(rows);
  expect((await s.failure('select abs(default)')).sqlstate).toBe('42601');
});

test('detailed has a row for each level of an index, one for a heap and for long values', async () => {
  await tables();
  const rows = await named(`select * from ${STATS}('test', 'book', null, null, 'DETAILED')`);
  const of = (index: string, unit: string) =>
    rows.filter((r) => r.index_id === index && r.alloc_unit_type_desc === unit);
  const clustered = of('1', 'IN_ROW_DATA');
  expect(clustered.map((r) => r.index_level)).toEqual(clustered.map((_, i) => String(i)));
  expect(clustered.map((r) => r.index_depth)).toEqual(clustered.map(() => String(clustered.length)));
  expect(clustered).toHaveLength(2);
  expect(clustered[0]).toMatchObject({ record_count: '3000', ghost_record_count: '0', forwarded_record_count: null });
  // The root's records are the leaves that it points to; fragments are told of leaves only.
  expect(clustered[1]).toMatchObject({ record_count: clustered[0]?.page_count, page_count: '1', fragment_count: null });
  expect(n(clustered[0]?.avg_page_space_used_in_percent)).toBeGreaterThan(50);
  expect(n(clustered[0]?.min_record_size_in_bytes)).toBeLessThanOrEqual(n(clustered[0]?.avg_record_size_in_bytes));
  expect(n(clustered[0]?.max_record_size_in_bytes)).toBeGreaterThanOrEqual(n(clustered[0]?.avg_record_size_in_bytes));
  expect(of('1', 'LOB_DATA')).toHaveLength(1);
  expect(of('2', 'IN_ROW_DATA')[0]?.record_count).toBe('3000');
  const heap = await one(`select * from ${STATS}('test', 'event', 0, 1, 'DETAILED')`);
  expect(heap).toMatchObject({ index_depth: '1', record_count: '2000', forwarded_record_count: '0' });
  // A sample of so few pages is all of them.
  expect(await named(`select * from ${STATS}('test', 'book', null, null, 'SAMPLED')`)).toEqual(rows);
});

test('databases, objects and indexes are named by id or by name', async () => {
  await tables();
  const [[database, book, price] = []] = await s.rows(
    `select (select oid from pg_database where datname = 'test'), 'book'::regclass::oid, 'book_price'::regclass::oid`,
  );
  const expected = await named(`select * from ${STATS}('test', 'book', 'book_price', 1, null)`);
  expect(expected).toHaveLength(1);
  for (const args of [
    `${database}, ${book}, 2, 1`,
    `current_database(), 'public.book', 2, null`,
    `${database}, 'book'::regclass, ${price}, 0`,
    `'test', 'book', 'book_price'::regclass, 1`,
  ])
    expect(await named(`select * from ${STATS}(${args}, null)`), args).toEqual(expected);
  const clustered = await named(`select index_id from ${STATS}('test', 'book', 'book_pkey', null, null)`);
  expect(clustered).toEqual([{ index_id: '1' }, { index_id: '1' }]);
  // Named arguments are as good, and what is left out is NULL.
  expect(await named(`select * from ${STATS}(database => 'test', object => 'book', index => 2)`)).toEqual(expected);
});

test.each([
  [`'nowhere', null, null, null, null`, '3D000', 'Msg 2520'],
  [`77, null, null, null, null`, '3D000', 'Msg 2521'],
  [`null, 'book', null, null, null`, '22023', 'Msg 2561'],
  [`'test', null, 1, null, null`, '22023', 'Msg 2561'],
  [`'test', 'book', null, 1, null`, '22023', 'Msg 2561'],
  [`'test', 'nothing', null, null, null`, '42704', 'Msg 2501'],
  [`'test', 4711, null, null, null`, '42704', 'Msg 2573'],
  [`'test', 'book_price', null, null, null`, '42704', 'Msg 2501'],
  [`'test', 'book', 0, null, null`, '42704', 'Msg 2591'],
  [`'test', 'book', 9, null, null`, '42704', 'Msg 2591'],
  [`'test', 'book', 'nothing', null, null`, '42704', 'Msg 2591'],
  [`'test', 'book', 1, 2, null`, '22023', 'Msg 2587'],
  [`'test', 'book', 1, 1, 'FAST'`, '22023', 'Msg 2561'],
])('%s is refused with %s', async (args, sqlstate, message) => {
  await s.run('create table book (id int primary key, price int); create index book_price on book (price)');
  const failure = await s.failure(`select * from ${STATS}(${args})`);
  expect(failure.sqlstate).toBe(sqlstate);
  expect(failure.detail).toContain(message);
});

test('version ghosts are pinned by a snapshot, ghosts wait for the purge', async () => {
  await s.run('create table t (id int primary key); insert into t select generate_series(1, 100)');
  await settle();
  const reader = new TestSession(instance);
  await reader.run('begin isolation level repeatable read; select * from t');
  await s.run('delete from t where id <= 30');
  const counts = `select record_count, ghost_record_count, version_ghost_record_count from ${STATS}('test', 't', 1, 1, 'DETAILED') where index_level = 0`;
  expect(await s.rows(counts)).toEqual([['70', '0', '30']]);
  await reader.run('commit');
  expect(await s.rows(counts)).toEqual([['70', '30', '0']]);
  await settle();
  expect(await s.rows(counts)).toEqual([['70', '0', '0']]);
});

test('pgstattuple and pgstatindex add up to the relation', async () => {
  await tables();
  await s.run('delete from book where id % 4 = 0');
  await settle();
  const t = await one(`select * from pgstattuple('book')`);
  expect(Object.keys(t)).toEqual([
    'table_len',
    'tuple_count',
    'tuple_len',
    'tuple_percent',
    'dead_tuple_count',
    'dead_tuple_len',
    'dead_tuple_percent',
    'free_space',
    'free_percent',
  ]);
  expect(t).toMatchObject({ tuple_count: '2250', dead_tuple_count: '0' });
  expect(n(t.table_len)).toBe(n((await s.rows(`select pg_relation_size('book')`))[0]?.[0]));
  expect(n(t.tuple_len) + n(t.dead_tuple_len) + n(t.free_space)).toBeLessThan(n(t.table_len));
  expect(n(t.tuple_percent)).toBeCloseTo((100 * n(t.tuple_len)) / n(t.table_len), 1);
  const i = await one(`select * from pgstatindex('book_price')`);
  expect(Object.keys(i)).toEqual([
    'version',
    'tree_level',
    'index_size',
    'root_block_no',
    'internal_pages',
    'leaf_pages',
    'empty_pages',
    'deleted_pages',
    'avg_leaf_density',
    'leaf_fragmentation',
  ]);
  const pages = n(i.internal_pages) + n(i.leaf_pages) + n(i.empty_pages) + n(i.deleted_pages);
  expect(pages * PAGE).toBe(n(i.index_size));
  expect(await s.rows(`select (select count(*) from pg_freespace('book_price'))`)).toEqual([[String(pages)]]);
  expect((await s.failure(`select * from pgstatindex('book')`)).sqlstate).toBe('42809');
  expect((await s.failure(`select * from pgstattuple('extentdb.space')`)).sqlstate).toBe('42P01');
});

test('pg_freespace lists pages with the names of PostgreSQL, and answers for one page', async () => {
  await tables();
  const rows = await named(`select * from pg_freespace('event') order by blkno`);
  expect(Object.keys(rows[0]!)).toEqual(['blkno', 'avail']);
  expect(rows.length * PAGE).toBe(n((await s.rows(`select pg_relation_size('event')`))[0]?.[0]));
  const { blkno, avail } = rows[3]!;
  expect(await s.rows(`select pg_freespace('event', ${blkno}), pg_freespace('event', 0)`)).toEqual([[avail, '0']]);
});

test('sizes: parts of a table, and what has none', async () => {
  await tables();
  const size = async (call: string): Promise<number> => n((await s.rows(`select ${call}`))[0]?.[0]);
  const table = await size(`pg_table_size('book')`);
  expect(table).toBeGreaterThan(await size(`pg_relation_size('book') + pg_relation_size('book', 'fsm')`));
  const indexes = await size(`pg_indexes_size('book')`);
  expect(indexes).toBe(await size(`pg_table_size('book_price') + pg_table_size('book_title')`));
  expect(await size(`pg_total_relation_size('book')`)).toBe(table + indexes);
  expect(await size(`pg_database_size('test')`)).toBe(await size('file_bytes from extentdb.file_space'));
  expect(
    await s.rows(`select pg_relation_size('book', 'vm'), pg_relation_size('pg_class'), pg_relation_size(4711)`),
  ).toEqual([['0', '0', null]]);
  expect((await s.failure(`select pg_relation_size('book', 'side')`)).sqlstate).toBe('22023');
  expect((await s.failure(`select pg_database_size('nowhere')`)).sqlstate).toBe('3D000');
});

test('sizes as text, and text as sizes, as PostgreSQL’s own tests have them', async () => {
  const values = [
    ['10', '10 bytes'],
    ['1000', '1000 bytes'],
    ['1000000', '977 kB'],
    ['1000000000', '954 MB'],
    ['1000000000000', '931 GB'],
    ['1000000000000000', '909 TB'],
    ['10239', '10239 bytes'],
    ['10240', '10 kB'],
    ['10485247', '10239 kB'],
    ['10485248', '10 MB'],
    ['10736893951', '10239 MB'],
    ['10736893952', '10 GB'],
    ['10994579406847', '10239 GB'],
    ['10994579406848', '10 TB'],
    ['11258449312612351', '10239 TB'],
    ['11258449312612352', '10 PB'],
  ] as const;
  for (const [bytes, text] of values) {
    const minus = `-${text}`;
    const made = await s.rows(
      `select pg_size_pretty(${bytes}::int8), pg_size_pretty(-${bytes}::int8), pg_size_pretty(${bytes}::numeric), pg_size_pretty(-${bytes}::numeric)`,
    );
    expect(made, bytes).toEqual([[text, minus, text, minus]]);
  }
  expect(await s.rows('select pg_size_pretty(10.5), pg_size_pretty(-1000.5), pg_size_pretty(1000000.5)')).toEqual([
    ['10.5 bytes', '-1000.5 bytes', '977 kB'],
  ]);
  const sizes = [
    ['1', '1'],
    ['123bytes', '123'],
    ['1kB', '1024'],
    [' 1 GB ', '1073741824'],
    ['1.5 GB ', '1610612736'],
    ['-.1', '0'],
    ['1e4 MB', '10485760000'],
    ['-1 MB', '-1048576'],
  ] as const;
  for (const [text, bytes] of sizes) expect(await s.rows(`select pg_size_bytes('${text}')`), text).toEqual([[bytes]]);
  for (const text of ['1 AB', '1 AB A', '', '9999999999999999999999999 PB'])
    expect((await s.failure(`select pg_size_bytes('${text}')`)).sqlstate, text).toMatch(/^22/);
});

test('extent_stats says for each tree of a table how it lies and what maintenance would gain', async () => {
  await tables();
  await s.run('delete from book where id % 2 = 0');
  await settle();
  const rows = await named(`select * from extent_stats('book')`);
  expect(rows.map((r) => [r.name, r.kind])).toEqual([
    ['book', 'table'],
    ['book_price', 'index'],
    ['book_title', 'index'],
    ['book', 'lob'],
  ]);
  expect(Object.keys(rows[0]!)).toEqual([
    'name',
    'kind',
    'pages',
    'used_percent',
    'fill_percent',
    'fragmentation_percent',
    'extents',
    'io_runs',
    'hints',
    'gain_pages',
    'gain',
  ]);
  expect(rows[3]?.hints).toContain('min_extent=8 pages');
  expect(rows[0]?.gain).toMatch(/^compacting frees \d+ pages \(\d+ kB\)/);
  expect(n(rows[0]?.gain_pages)).toBeGreaterThan(0);
  expect(await named(`select name from extent_stats('book_price')`)).toEqual([{ name: 'book_price' }]);
});

/** Everything that the views say, against each other. */
async function verify(): Promise<void> {
  const file = await one('select * from extentdb.file_space');
  const v = (name: string): number => n(file[name]);
  const parts = Object.keys(file).filter(
    (name) =>
      !['page_size', 'file_bytes', 'hole_bytes', 'allocated_bytes', 'unaccounted_bytes', 'leaked_bytes'].includes(name),
  );
  expect(parts.reduce((sum, name) => sum + v(name), 0)).toBe(v('file_bytes'));
  expect([v('leaked_bytes'), v('unaccounted_bytes')]).toEqual([0, 0]);
  expect(v('allocated_bytes')).toBe(v('file_bytes') - v('hole_bytes'));
  for (const t of await named('select * from extentdb.space')) {
    const sum = ['used', 'space', 'available', 'reserved', 'lent'].reduce((a, part) => a + n(t[`${part}_pages`]), 0);
    expect(sum, `${t.kind} ${t.object}`).toBe(n(t.owned_pages));
  }
  const [[wrong] = []] = await s.rows(`
    select count(*) from extentdb.space s
    where kind <> 'catalog' and (
      owned_pages <> (select sum(pages) from extentdb.extents e where e.tree = s.tree and space = 'owned') or
      available_pages <> (select coalesce(sum(pages), 0) from extentdb.extents e where e.tree = s.tree and space = 'available'))`);
  expect(wrong).toBe('0');
  const [[used] = []] = await s.rows(
    `select sum(used_pages) * ${PAGE} from extentdb.space where kind in ('catalog', 'table', 'index', 'lob')`,
  );
  expect(n(used)).toBe(v('catalog_bytes') + v('table_bytes') + v('index_bytes') + v('lob_bytes'));
  const [[onDisk] = []] = await s.rows(
    `select bytes_on_disk from extentdb.extents where kind = 'database' and space = 'owned'`,
  );
  expect(n(onDisk)).toBe(v('allocated_bytes') - v('header_bytes') - v('backed_ahead_bytes'));
}

test('the views add up after inserts, deletes, drops, trims and with space from the parent', async () => {
  await verify();
  await s.run(`
    create table big (id int primary key, body text) with (initial_size = '2 MB');
    create index big_body on big (body) with (utilize_parent_space);
    insert into big select i, repeat('b', 300) || i from generate_series(1, 3000) i`);
  await verify();
  const [[lent] = []] = await s.rows(`select lent_pages from extentdb.space where object = 'big' and kind = 'table'`);
  expect(n(lent)).toBeGreaterThan(8);
  await tables();
  await verify();
  await s.run('delete from big where id > 100; drop index book_title');
  await verify();
  await settle();
  await verify();
  await s.run('drop table big');
  await verify();
  await settle();
  await runTask(instance.single.file.space.trimmer.trim());
  await verify();
  const { trimmed_bytes } = await one('select trimmed_bytes from extentdb.file_space');
  expect(n(trimmed_bytes)).toBeGreaterThan(1_000_000);
  await s.run('insert into event select i, repeat($$e$$, 500) from generate_series(1, 2000) i');
  await verify();
  await runTask(instance.single.file.shorten());
  await verify();
});

test('the views add up through random histories', async () => {
  const seed = Number(process.env.SEED ?? 4410);
  onTestFailed(() => console.log(`seed ${seed}`));
  const prng = new Prng(seed);
  const pick = () => `t${prng.below(4)}`;
  for (let step = 0; step < 150; step++) {
    const t = pick();
    const options = prng.pick([
      '',
      'with (utilize_parent_space)',
      'with (growth = 150, append_sequential, min_extent = 128kB)',
    ]);
    const statement = prng.pick([
      `create table if not exists ${t} (id int primary key, a text, b int) ${options.replace('utilize_parent_space', 'initial_size = 1MB').replace('128kB', "'128kB'")}`,
      `create index if not exists ${t}_a on ${t} (a) ${options.replace('128kB', "'128kB'")}`,
      `insert into ${t} select i, repeat('x', ${prng.below(700)}), i from generate_series(${prng.below(2000)}, ${2000 + prng.below(600)}) i on conflict do nothing`,
      `delete from ${t} where id % ${2 + prng.below(3)} = 0`,
      `update ${t} set a = repeat('long', 3000) where id % 300 = 1`,
      `truncate ${t}`,
      `drop table if exists ${t}`,
      `begin; create table r (id int); insert into r select generate_series(1, 3000); rollback`,
    ]);
    try {
      await s.run(statement);
    } catch {
      // The table may not be there; what is left then is as good a state as any.
      await s.run('rollback');
    }
    if (prng.chance(0.3)) await settle();
    if (prng.chance(0.1)) await runTask(instance.single.file.space.trimmer.trim());
    if (step % 5 === 0) await verify();
  }
  await verify();
}, 60_000);

test('the schemas are there in every database, with what they hold, and nobody changes them', async () => {
  const schemas = `select nspname from pg_namespace where nspname in ('extentdb', 'sys') order by 1`;
  expect(await s.rows(schemas)).toEqual([['extentdb'], ['sys']]);
  const views = `select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = 'extentdb' and c.relkind = 'v' order by 1`;
  expect(await s.rows(views)).toEqual([
    ['commandlog'],
    ['defragmentation_steps'],
    ['extents'],
    ['file_space'],
    ['log_holders'],
    ['maintenance'],
    ['scheduler'],
    ['space'],
    ['version_store'],
  ]);
  const functions = `select n.nspname, p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    where p.proname ~ '^(dm_db|extent_|pgstat(tuple|index)|pg_freespace)' order by 2, p.pronargs`;
  expect(await s.rows(functions)).toEqual([
    ['sys', 'dm_db_index_physical_stats'],
    ['pg_catalog', 'extent_stats'],
    ['pg_catalog', 'pg_freespace'],
    ['pg_catalog', 'pg_freespace'],
    ['pg_catalog', 'pgstatindex'],
    ['pg_catalog', 'pgstattuple'],
  ]);
  expect(await s.rows(`select 'extentdb.space'::regclass`)).toEqual([['extentdb.space']]);
  for (const [statement, sqlstate] of [
    ['create table extentdb.mine (x int)', '42501'],
    ['create view sys.mine as select 1', '42501'],
    ['drop schema sys', '2BP01'],
    ['drop schema extentdb cascade', '2BP01'],
    ['delete from extentdb.space', '42501'],
    ['select * from dm_db_index_physical_stats(null, null, null, null, null)', '42883'],
  ] as const)
    expect((await s.failure(statement)).sqlstate, statement).toBe(sqlstate);
  await s.run(`comment on schema sys is 'ours'`);
  expect(await s.rows(schemas)).toEqual([['extentdb'], ['sys']]);
});

test('a database reopened has them too, and wildcards reach every open database', async () => {
  const options = { vfs: new MemoryVfs(), clock: new SystemClock(), prng: new Prng(1), cacheBytes: 1 << 20 };
  let served = await Instance.openDirectory('data', options);
  await served.createDatabase('other');
  await served.close();
  served = await Instance.openDirectory('data', options);
  const other = await served.database('other');
  await served.database('postgres');
  const session = new TestSession(served);
  const rows = (text: string) => session.rows(text);
  expect(session.sql.engine.database).toBe(other);
  await session.run('create table o (id int primary key); insert into o select generate_series(1, 20000)');
  const names = `select d.datname, index_id, page_count > 10 from ${STATS}(null, null, null, null, null) s join pg_database d on d.oid = s.database_id`;
  expect(await rows(names)).toEqual([['other', '1', 't']]);
  expect(await rows(`select count(*) from ${STATS}('postgres', null, null, null, null)`)).toEqual([['0']]);
  expect((await rows('select object from extentdb.space where kind = $$table$$'))[0]).toEqual(['o']);
  await served.close();
});
