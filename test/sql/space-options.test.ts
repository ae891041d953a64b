/**
 * Storage options of tables, indexes and constraints: what WITH, SET and RESET take and refuse, what the catalogs show, and
 * which space hints the trees get.
 */
import { readFileSync } from 'node:fs';
import { beforeEach, expect, test } from 'vitest';
import { SystemClock } from '../../src/base/clock.ts';
import { ExtentError } from '../../src/base/errors.ts';
import { Prng } from '../../src/base/prng.ts';
import { Instance } from '../../src/engine/instance.ts';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import { TREE_OWNED_PAGES_AT } from '../../src/storage/layout.ts';
import { FileStore } from '../../src/storage/store.ts';
import type { Tree } from '../../src/storage/tree.ts';
import { memoryInstance, TestSession } from '../support/in-process.ts';

/** The page size of these tests' database. */
const PAGE = 8192;

let s: TestSession;
let other: TestSession;
let store: FileStore;
let treeIdOf: (relation: string) => number;

beforeEach(async () => {
  const instance = await memoryInstance();
  s = new TestSession(instance);
  other = new TestSession(instance);
  const database = instance.single;
  if (!(database.store instanceof FileStore)) throw new Error('not a file');
  store = database.store;
  treeIdOf = (relation) => {
    for (const o of database.catalog.objects())
      if ((o.kind === 'table' || o.kind === 'index') && o.name === relation) return o.tree;
    throw new Error(`no relation ${relation}`);
  };
});

function tree(relation: string): Tree {
  return store.parts.core.tree(treeIdOf(relation));
}

/** The tree of a table's long values. */
function longTree(relation: string): Tree {
  return store.parts.core.tree(tree(relation).longTree);
}

/** Density and hints of a tree, those that are not zero. */
function space(of: Tree): Record<string, number> {
  const hints = Object.entries(of.hints).filter(([, n]) => n !== 0);
  return { density: of.fillPercent, ...Object.fromEntries(hints) };
}

async function options(relation: string): Promise<string[]> {
  const rows = await s.rows(
    `select o.option_name || '=' || o.option_value from pg_class, pg_options_to_table(reloptions) o where relname = '${relation}'`,
  );
  return rows.map(([text]) => text ?? '');
}

/** The error of a statement, with the text that its position points at. */
async function refused(
  sql: string,
): Promise<{ sqlstate: string; message: string; at: string; hint: string; detail: string }> {
  const error: unknown = await s.run(sql).then(
    () => undefined,
    (e: unknown) => e,
  );
  if (!(error instanceof ExtentError)) throw new Error(`${String(error)} from: ${sql}`);
  const { sqlstate, message, position = 0, hint = '', detail = '' } = error;
  return { sqlstate, message, at: position === 0 ? '' : sql.slice(position - 1), hint, detail };
}

const EVERY_OPTION: readonly (readonly [string, string, Record<string, number>])[] = [
  ['initial_size = 65536', 'initial_size=64 kB', { initialPages: 8 }],
  ["initial_size = '64kB'", 'initial_size=64 kB', { initialPages: 8 }],
  ['initial_size = 1 MB', 'initial_size=1 MB', { initialPages: 128 }],
  ["initial_size = '0.5MB'", 'initial_size=512 kB', { initialPages: 64 }],
  ["initial_size = '16 pages'", 'initial_size=128 kB', { initialPages: 16 }],
  ['initial_size = 0', 'initial_size=0', {}],
  ['initial_density = 20', 'initial_density=20', { density: 20 }],
  ['initial_density = 100', 'initial_density=100', {}],
  ['fillfactor = 1', 'fillfactor=1', { density: 1 }],
  ["fillfactor = '070'", 'fillfactor=70', { density: 70 }],
  ['maintenance_density = 0, scan = forward', 'maintenance_density=0 scan=forward', { flags: 0x10 }],
  [
    'maintenance_density = 20 %, scan = BACKWARD',
    'maintenance_density=20 scan=backward',
    { flags: 0x20, maintenancePercent: 20 },
  ],
  ['scan = none, delete_sequential', 'scan=none delete_sequential=true', { flags: 0x100 }],
  ['growth = 0', 'growth=0', {}],
  ['growth = 100, append_sequential = on', 'growth=100 append_sequential=true', { growthPercent: 100, flags: 0x2 }],
  [
    'growth = 49999, hotpoint_sequential = yes',
    'growth=49999 hotpoint_sequential=true',
    { growthPercent: 49999, flags: 0x4 },
  ],
  ['utilize_parent_space = 1', 'utilize_parent_space=true', { flags: 0x1 }],
  ['utilize_parent_space = f, append_sequential = 0', 'utilize_parent_space=false append_sequential=false', {}],
  ['min_extent = 64 kB', 'min_extent=64 kB', { extentPagesMin: 8 }],
  ['min_extent = 64 kB, max_extent = 0', 'min_extent=64 kB max_extent=0', { extentPagesMin: 8 }],
  [
    "growth = 150, min_extent = '64kB', max_extent = '99MB'",
    'growth=150 min_extent=64 kB max_extent=99 MB',
    { growthPercent: 150, extentPagesMin: 8, extentPagesMax: (99 << 20) / PAGE },
  ],
  [
    'min_extent = 1 MB, max_extent = 1 MB',
    'min_extent=1 MB max_extent=1 MB',
    { extentPagesMin: 128, extentPagesMax: 128 },
  ],
  [
    'initial_size = 1 MB, max_extent = 1 MB',
    'initial_size=1 MB max_extent=1 MB',
    { initialPages: 128, extentPagesMax: 128 },
  ],
];

test.each(EVERY_OPTION)('%s', async (given, shown, hints) => {
  await s.run(`create table t (id int primary key, v text) with (${given})`);
  await s.run(`create index i on t (v) with (${given})`);
  expect((await options('t')).join(' ')).toBe(shown);
  expect((await options('i')).join(' ')).toBe(shown);
  expect(space(tree('t'))).toEqual({ density: 100, ...hints });
  expect(space(tree('i'))).toEqual({
    density: 90,
    ...(given.includes('density = 100') ? { density: 100 } : {}),
    ...hints,
  });
  // What the catalog shows can be given back, as it stands or quoted.
  await s.run(`create table u (id int, v text) with (${shown.replaceAll(/ (?=[a-z_]+=)/g, ', ')})`);
  expect((await options('u')).join(' ')).toBe(shown);
  const [[definition]] = (await s.rows("select pg_get_indexdef('i'::regclass)")) as [[string]];
  await s.run(`drop index i; ${definition}`);
  expect((await options('i')).join(' ')).toBe(shown);
});

const BOUNDS = '22023';
const VIOLATIONS: readonly (readonly [string, string, string, RegExp])[] = [
  ['fillfactor = 0', '0)', 'value 0 out of bounds for option "fillfactor"', /from 1 to 100/],
  ['fillfactor = 101', '101)', 'value 101 out of bounds for option "fillfactor"', /from 1 to 100/],
  ['fillfactor = half', 'half)', 'invalid value for integer option "fillfactor": half', /from 1 to 100/],
  ['fillfactor', 'fillfactor)', 'invalid value for integer option "fillfactor": true', /from 1 to 100/],
  ['fillfactor = 7.5', '7.5)', 'invalid value for integer option "fillfactor": 7.5', /from 1 to 100/],
  ['fillfactor = (1, 2)', '(1, 2))', 'invalid value for integer option "fillfactor": a list', /from 1 to 100/],
  ['initial_density = 19', '19)', 'value 19 out of bounds for option "initial_density"', /from 20 to 100/],
  ['initial_density = 101', '101)', 'value 101 out of bounds for option "initial_density"', /from 20 to 100/],
  ['initial_density = 0', '0)', 'value 0 out of bounds for option "initial_density"', /from 20 to 100/],
  ['maintenance_density = 19', '19)', 'value 19 out of bounds for option "maintenance_density"', /0 \(never\)/],
  ['maintenance_density = 101', '101)', 'value 101 out of bounds for option "maintenance_density"', /0 \(never\)/],
  ['growth = 99', '99)', 'value 99 out of bounds for option "growth"', /no growth rule/],
  ['growth = -1', '-1)', 'value -1 out of bounds for option "growth"', /no growth rule/],
  ['growth = 50000', '50000)', 'value 50000 out of bounds for option "growth"', /no growth rule/],
  ['initial_size = 5000', '5000)', 'invalid value for size option "initial_size": 5000', /multiple of the page size/],
  ['initial_size = 12 kB', '12 kB)', 'invalid value for size option "initial_size": 12kB', /multiple of the page size/],
  ["initial_size = '8qB'", "'8qB')", 'invalid value for size option "initial_size": 8qB', /multiple of the page size/],
  ['initial_size = 4 GB', '4 GB)', 'value 4GB out of bounds for option "initial_size"', /below 4GB/],
  ['initial_size = -8192', '-8192)', 'value -8192 out of bounds for option "initial_size"', /below 4GB/],
  ['min_extent = 100 MB', '100 MB)', 'value 100MB out of bounds for option "min_extent"', /below 100MB/],
  ['max_extent = 100 MB', '100 MB)', 'value 100MB out of bounds for option "max_extent"', /below 100MB/],
  ['max_extent = 8193', '8193)', 'invalid value for size option "max_extent": 8193', /multiple of the page size/],
  [
    'growth = 200, min_extent = 1 MB, max_extent = 64 kB',
    '1 MB, max_extent = 64 kB)',
    '"min_extent" is more than "max_extent"',
    /must not be larger/,
  ],
  ['max_extent = 1 MB', '1 MB)', 'extents can never grow to "max_extent"', /Give growth/],
  ['scan = sideways', 'sideways)', 'invalid value for enum option "scan": sideways', /forward, backward, or none/],
  ['append_sequential = o', 'o)', 'invalid value for boolean option "append_sequential": o', /on or off/],
  ['hotpoint_sequential = 2', '2)', 'invalid value for boolean option "hotpoint_sequential": 2', /on or off/],
  ['delete_sequential = maybe', 'maybe)', 'invalid value for boolean option "delete_sequential": maybe', /on or off/],
  ["utilize_parent_space = ''", "'')", 'invalid value for boolean option "utilize_parent_space": ', /on or off/],
  ['growth = 200, growth = 200', 'growth = 200)', 'parameter "growth" specified more than once', /^$/],
  [
    'fillfactor = 70, initial_density = 70',
    'initial_density = 70)',
    'parameter "initial_density" specified more than once',
    /^$/,
  ],
  ['grow = 200', 'grow = 200)', 'unrecognized parameter "grow"', /^$/],
  ['blob.growth = 200', 'blob.growth = 200)', 'unrecognized parameter namespace "blob"', /prefix/],
];

test.each(VIOLATIONS)('%s is refused', async (given, at, message, hint) => {
  await s.run('create table there (id int primary key, v int); create index there_v on there (v)');
  for (const head of [
    'create table t (id int)',
    'create table t as select 1 as id',
    'create index i on there (v)',
    'create table t (id int, primary key (id)',
    'alter table there add unique (v)',
  ]) {
    const isConstraint = head.includes('primary key (id)');
    const sql = head.includes(' as select')
      ? `create table t with (${given}) as select 1 as id`
      : `${head} with (${given})${isConstraint ? ')' : ''}`;
    const error = await refused(sql);
    expect(error, sql).toMatchObject({ sqlstate: BOUNDS, message });
    expect(error.at.startsWith(at), `${sql}: ${error.at}`).toBe(true);
    expect(error.hint, sql).toMatch(hint);
  }
  for (const head of ['alter table there set', 'alter index there_v set', 'alter index there_pkey set']) {
    const error = await refused(`${head} (${given})`);
    expect(error, head).toMatchObject({ sqlstate: BOUNDS, message });
    expect(error.at.startsWith(at), `${head}: ${error.at}`).toBe(true);
  }
  expect(await options('there')).toEqual([]);
  expect(space(tree('there'))).toEqual({ density: 100 });
});

test('details of bounds are worded as PostgreSQL words them', async () => {
  expect(await refused('create table t (a int) with (fillfactor = 0)')).toMatchObject({
    detail: 'Valid values are between "1" and "100".',
  });
  expect(await refused('create table t (a int) with (scan = x)')).toMatchObject({
    detail: 'Valid values are "forward", "backward", and "none".',
  });
  expect(await refused('create table t (a int) with (initial_size = 12 kB)')).toMatchObject({
    detail: 'It is no multiple of the page size, 8 kB.',
  });
});

test('what only PostgreSQL has is refused by name', async () => {
  for (const [given, name] of [
    ['autovacuum_enabled = false', 'autovacuum_enabled'],
    ['toast_tuple_target = 1000', 'toast_tuple_target'],
    ['toast.autovacuum_enabled = false', 'toast.autovacuum_enabled'],
  ])
    expect(await refused(`create table t (a int) with (${given})`)).toMatchObject({
      sqlstate: '0A000',
      message: `storage parameter "${name}" is not supported`,
      at: `${given})`,
    });
  await s.run('create table t (a int)');
  expect(await refused('create index on t (a) with (deduplicate_items = off)')).toMatchObject({ sqlstate: '0A000' });
});

test('SET keeps the options that it does not name, RESET takes those that it names', async () => {
  await s.run('create table t (a int) with (growth = 150, initial_size = 64 kB, append_sequential)');
  await s.run('alter table t set (growth = 300, fillfactor = 50)');
  expect(await options('t')).toEqual(['initial_size=64 kB', 'append_sequential=true', 'growth=300', 'fillfactor=50']);
  expect(space(tree('t'))).toEqual({ density: 50, initialPages: 8, growthPercent: 300, flags: 2 });
  // Two names of one value: the newer one stands.
  await s.run('alter table t set (initial_density = 80)');
  expect((await options('t')).slice(-1)).toEqual(['initial_density=80']);
  await s.run('alter table t reset (fillfactor, growth, max_extent)');
  expect(await options('t')).toEqual(['initial_size=64 kB', 'append_sequential=true']);
  expect(space(tree('t'))).toEqual({ density: 100, initialPages: 8, flags: 2 });
  await s.run('alter table t reset (initial_size, append_sequential)');
  expect(await s.rows("select reloptions from pg_class where relname = 't'")).toEqual([[null]]);
  expect(space(tree('t'))).toEqual({ density: 100 });
});

test('RESET refuses values, unknown names and what would leave the rest wrong', async () => {
  await s.run('create table t (a int) with (growth = 150, max_extent = 1 MB)');
  expect(await refused('alter table t reset (growth = 3)')).toMatchObject({
    sqlstate: '42601',
    message: 'RESET must not include values for parameters',
    at: '3)',
  });
  expect(await refused('alter table t reset (grow)')).toMatchObject({ sqlstate: BOUNDS, at: 'grow)' });
  expect(await refused('alter table t reset (growth)')).toMatchObject({
    sqlstate: BOUNDS,
    message: 'extents can never grow to "max_extent"',
    at: 'growth)',
  });
  expect(await refused('alter table t set (min_extent = 2 MB)')).toMatchObject({
    sqlstate: BOUNDS,
    message: '"min_extent" is more than "max_extent"',
    at: '2 MB)',
  });
});

test('hints change with their transaction', async () => {
  await s.run('create table t (id int primary key, v int) with (growth = 150); create index i on t (v)');
  await s.run('begin; alter table t set (growth = 300, lob.growth = 200); alter index i set (fillfactor = 10)');
  expect(space(tree('t'))).toEqual({ density: 100, growthPercent: 150 });
  await s.run('rollback');
  expect(await options('t')).toEqual(['growth=150']);
  expect(await options('i')).toEqual([]);
  expect(space(tree('t'))).toEqual({ density: 100, growthPercent: 150 });
  expect(space(tree('i'))).toEqual({ density: 90 });
  expect(tree('t').longTree).toBe(0);

  await s.run('begin; alter table t set (growth = 200); savepoint a; alter table t set (growth = 400); rollback to a');
  await s.run('commit');
  expect(await options('t')).toEqual(['growth=200']);
  expect(space(tree('t'))).toEqual({ density: 100, growthPercent: 200 });
});

test('a table altered in the transaction that makes it has its hints before it is filled', async () => {
  await s.run('begin; create table t (id int primary key, v text); alter table t set (fillfactor = 50)');
  await s.run("insert into t select n, repeat('x', 500) from generate_series(1, 400) n; commit");
  await s.run('create table u (id int primary key, v text); insert into u select * from t');
  expect(tree('t').leaves).toBeGreaterThan(tree('u').leaves * 1.6);
});

test('so have those of an index that includes columns', async () => {
  await s.run(`create table t (id int primary key, a int, v text, w text);
    create index i on t (a) include (v) with (fillfactor = 80, lob.growth = 300, lob.append_sequential)`);
  const check = (density: number, growthPercent: number): void => {
    expect(space(longTree('i'))).toEqual({ density: 100, growthPercent, flags: 2 });
    expect(space(tree('i'))).toEqual({ density });
    expect(longTree('i').parent).toBe(tree('i').id);
    expect(tree('t').longTree).toBe(0);
  };
  check(80, 300);
  expect(await s.rows("select indexdef from pg_indexes where indexname = 'i'")).toEqual([
    [
      "CREATE INDEX i ON public.t USING btree (a) INCLUDE (v) WITH (fillfactor='80', lob.growth='300', lob.append_sequential='true')",
    ],
  ]);
  await s.run('alter index i set (lob.growth = 200)');
  check(80, 200);
  for (const sql of [
    'reindex index i',
    'truncate t',
    'vacuum full t',
    'alter index i on t rebuild with (fillfactor = 60)',
  ]) {
    const before = treeIdOf('i');
    await s.run(sql);
    expect(treeIdOf('i'), sql).not.toBe(before);
    check(sql.includes('60') ? 60 : 80, 200);
  }
  await s.run('alter index i reset (lob.growth, lob.append_sequential)');
  expect(space(longTree('i'))).toEqual({ density: 100 });
  await s.run('alter table t add constraint u unique (id, a) include (w) with (lob.fillfactor = 70)');
  expect(space(longTree('u'))).toEqual({ density: 70 });
  await s.run("insert into t values (1, 1, repeat('v', 9000), repeat('w', 9000))");
  for (const sql of [
    'create index j on t (a, v) with (lob.growth = 200)',
    'create table p (id int, v text, primary key (id) include (v) with (lob.growth = 200))',
  ])
    expect(await refused(sql)).toMatchObject({
      message: 'unrecognized parameter namespace "lob"',
      hint: 'Only tables, and indexes that INCLUDE columns, have long values.',
    });
});

test('new trees of old tables keep the hints: TRUNCATE, rewrites, new and dropped primary keys', async () => {
  const given =
    'initial_size = 256 kB, growth = 150, append_sequential, lob.initial_size = 128 kB, lob.fillfactor = 60';
  await s.run(`create table t (id int, v int, w text) with (${given})`);
  await s.run('create index i on t (v) with (growth = 200, append_sequential, fillfactor = 40)');
  const own = { initialPages: 32, growthPercent: 150, flags: 2 };
  const check = async (what: string, table: Record<string, number>): Promise<void> => {
    expect(space(tree('t')), what).toEqual(table);
    expect(space(longTree('t')), what).toEqual({ density: 60, initialPages: 16 });
    expect(space(tree('i')), what).toEqual({ density: 40, growthPercent: 200, flags: 2 });
    expect((await options('t')).length, what).toBe(5);
  };
  await check('new', { density: 100, ...own });
  let before = treeIdOf('t');
  for (const [sql, density] of [
    ['truncate t', 100],
    ['alter table t alter column v type bigint', 100],
    ['alter table t add primary key (id) with (fillfactor = 70)', 70],
    ['alter table t add column z float default random()', 70],
    ['truncate t', 70],
    ['alter table t drop constraint t_pkey', 100],
  ] as const) {
    await s.run(`insert into t (id, v, w) values (1, 2, '${'x'.repeat(9)}')`);
    await s.run(sql);
    expect(treeIdOf('t'), sql).not.toBe(before);
    before = treeIdOf('t');
    await check(sql, { density, ...own });
    await s.run('truncate t');
    before = treeIdOf('t');
  }
});

test('the first extent has the initial size, of long values too', async () => {
  await s.run('create table t (id int primary key, v text) with (initial_size = 128 kB, lob.initial_size = 256 kB)');
  await s.run('create index i on t (id) with (initial_size = 64 kB)');
  const owned = (of: Tree): number => of.view.getUint32(TREE_OWNED_PAGES_AT, true);
  expect([tree('t'), longTree('t'), tree('i')].map(owned)).toEqual([16, 32, 8]);
  const long = tree('t').longTree;
  await s.run("insert into t values (1, repeat('x', 100000))");
  expect(tree('t').longTree).toBe(long);
  expect(await s.rows('select length(v) from t')).toEqual([['100000']]);
  await s.run('create table u (id int); alter table u set (lob.initial_size = 512 kB)');
  expect([tree('u'), longTree('u')].map(owned)).toEqual([1, 64]);
});

test('an initial size that the disk has no room for is 53100, and the session goes on', async () => {
  const vfs = new MemoryVfs();
  vfs.capacityBytes = 8 << 20;
  const full = new TestSession(
    await Instance.openFile('/full.extent', { vfs, clock: new SystemClock(), prng: new Prng(1) }),
  );
  await expect(full.run('create table t (id int) with (initial_size = 1 GB)')).rejects.toMatchObject({
    sqlstate: '53100',
  });
  await expect(full.run('create table t (id int) with (lob.initial_size = 1 GB)')).rejects.toMatchObject({
    sqlstate: '53100',
  });
  await full.run('create table t (id int) with (initial_size = 1 MB); insert into t values (1)');
  expect(await full.rows('select * from t')).toEqual([['1']]);
});

test('long values have options of their own', async () => {
  await s.run('create table t (id int primary key, v text) with (growth = 150)');
  expect(tree('t').longTree).toBe(0);
  await s.run("insert into t values (1, repeat('x', 100000))");
  const long = tree('t').longTree;
  await s.run('alter table t set (lob.growth = 300, lob.scan = forward, lob.maintenance_density = 80)');
  expect(tree('t').longTree).toBe(long);
  expect(space(longTree('t'))).toEqual({ density: 100, growthPercent: 300, maintenancePercent: 80, flags: 0x10 });
  expect(space(tree('t'))).toEqual({ density: 100, growthPercent: 150 });
  expect(await options('t')).toEqual([
    'growth=150',
    'lob.growth=300',
    'lob.scan=forward',
    'lob.maintenance_density=80',
  ]);
  await s.run('alter table t reset (lob.growth, lob.scan, lob.maintenance_density)');
  expect(space(longTree('t'))).toEqual({ density: 100 });
  expect(await options('t')).toEqual(['growth=150']);
  expect(await refused('alter table t set (lob.min_extent = 1 MB, lob.max_extent = 8 kB)')).toMatchObject({
    message: '"lob.min_extent" is more than "lob.max_extent"',
    at: '1 MB, lob.max_extent = 8 kB)',
  });
  expect(await refused('alter table t set (lob.growth = 5)')).toMatchObject({
    message: 'value 5 out of bounds for option "lob.growth"',
  });
  expect(await refused('create index on t (v) with (lob.growth = 200)')).toMatchObject({
    sqlstate: BOUNDS,
    message: 'unrecognized parameter namespace "lob"',
    at: 'lob.growth = 200)',
  });
});

test('a primary key is the tree of its table', async () => {
  await s.run(
    'create table t (id int primary key with (growth = 200, append_sequential), v int) with (fillfactor = 50)',
  );
  expect(space(tree('t'))).toEqual({ density: 50, growthPercent: 200, flags: 2 });
  expect(await options('t_pkey')).toEqual(['growth=200', 'append_sequential=true']);
  await s.run('alter index t_pkey set (fillfactor = 80)');
  expect(space(tree('t'))).toEqual({ density: 80, growthPercent: 200, flags: 2 });
  await s.run('alter table t set (fillfactor = 60)');
  expect(space(tree('t'))).toMatchObject({ density: 80 });
  await s.run('alter index t_pkey reset (fillfactor, growth, append_sequential)');
  expect(space(tree('t'))).toEqual({ density: 60 });

  for (const sql of [
    'create table u (id int primary key with (growth = 300)) with (growth = 200)',
    'create table u (id int primary key with (growth = 300)) with (append_sequential)',
  ])
    expect(await refused(sql)).toMatchObject({
      sqlstate: BOUNDS,
      message: 'parameter "growth" of the primary key conflicts with the parameters of its table',
      at: expect.stringMatching(/^growth = 300/),
      hint: 'Give the space hints of a table and its primary key in one place.',
    });
  expect(
    await refused(
      'create table u (id int primary key with (min_extent = 1 MB)) with (growth = 200, max_extent = 8 kB)',
    ),
  ).toMatchObject({ sqlstate: BOUNDS, message: '"min_extent" is more than "max_extent"' });
  await s.run('alter index t_pkey set (growth = 300)');
  expect(await refused('alter table t set (growth = 300)')).toMatchObject({ sqlstate: BOUNDS, at: 'growth = 300)' });
  await s.run('create table w (id int) with (growth = 150)');
  expect(await refused('alter table w add primary key (id) with (growth = 300)')).toMatchObject({ sqlstate: BOUNDS });
});

test('an index is altered as an index or as a table, a table only as a table', async () => {
  await s.run('create table t (id int); create index i on t (id)');
  await s.run('alter table i set (fillfactor = 60); alter index i set (initial_size = 64 kB)');
  expect(space(tree('i'))).toEqual({ density: 60, initialPages: 8 });
  await s.run('alter table if exists i reset (fillfactor); alter index if exists nosuch set (growth = 100)');
  expect(space(tree('i'))).toEqual({ density: 90, initialPages: 8 });
  expect(await refused('alter index t set (growth = 100)')).toMatchObject({
    sqlstate: '42809',
    message: '"t" is not an index',
  });
  expect(await refused('alter table i add column v int')).toMatchObject({
    sqlstate: '42809',
    message: '"i" is not a table',
    detail: 'This operation is not supported for indexes.',
  });
});

test('unique constraints have their own tree and options', async () => {
  await s.run(
    'create table t (id int, v int unique with (growth = 200, fillfactor = 30), unique (id) with (fillfactor = 5))',
  );
  await s.run('alter table t add constraint both_key unique (id, v) with (initial_size = 128 kB)');
  expect(space(tree('t_v_key'))).toEqual({ density: 30, growthPercent: 200 });
  expect(space(tree('t_id_key'))).toEqual({ density: 5 });
  expect(space(tree('both_key'))).toEqual({ density: 90, initialPages: 16 });
  expect(await options('t_v_key')).toEqual(['growth=200', 'fillfactor=30']);
  await s.run('truncate t');
  expect(space(tree('both_key'))).toEqual({ density: 90, initialPages: 16 });
});

test('LIKE and CREATE TABLE AS do not copy storage options', async () => {
  await s.run('create table t (id int, v text) with (growth = 150, lob.growth = 200)');
  await s.run(
    'create table u (like t including storage); create table w with (fillfactor = 20, lob.fillfactor = 30) as table t',
  );
  expect(await options('u')).toEqual([]);
  expect(await options('w')).toEqual(['fillfactor=20', 'lob.fillfactor=30']);
  expect(space(tree('w'))).toEqual({ density: 20 });
  expect(space(longTree('w'))).toEqual({ density: 30 });
});

test('pages as full as a density of one percent are still written and read', async () => {
  await s.run('create table t (id int primary key, v text) with (fillfactor = 1)');
  await s.run("insert into t select n, repeat('x', 500) from generate_series(1, 200) n");
  await s.run('create index on t (v, id) with (fillfactor = 1)');
  expect(tree('t').leaves).toBeGreaterThan(150);
  expect(await s.rows('select count(*), sum(id) from t')).toEqual([['200', '20100']]);
  expect(await s.rows("select count(*) from t where v = repeat('x', 500)")).toEqual([['200']]);
});

test('hints that wait for another one are named in a notice', async () => {
  await s.run('create table t (id int) with (growth = 150)');
  await s.run('create index i on t (id) with (maintenance_density = 80)');
  await s.run('alter table t set (lob.min_extent = 64 kB)');
  expect(s.notices.map((n) => [n.message, n.hint])).toEqual([
    [
      'growth, min_extent and max_extent have no effect yet',
      'They rule sequential growth: set append_sequential or hotpoint_sequential.',
    ],
    [
      'maintenance_density has no effect yet',
      'It starts maintenance of what is scanned in order: set scan to forward or backward.',
    ],
    [
      'growth, min_extent and max_extent have no effect yet',
      'They rule sequential growth: set append_sequential or hotpoint_sequential.',
    ],
    [
      'growth, min_extent and max_extent have no effect yet',
      'They rule sequential growth: set lob.append_sequential or lob.hotpoint_sequential.',
    ],
  ]);
  s.notices.length = 0;
  await s.run(
    'create table u (id int) with (growth = 150, append_sequential, maintenance_density = 80, scan = forward)',
  );
  expect(s.notices).toEqual([]);
});

test('others see hints when they are committed, and writers go on meanwhile', async () => {
  await s.run('create table t (id int, v int); create index i on t (v)');
  await s.run('begin; alter index i set (growth = 200, append_sequential)');
  await other.run('insert into t values (1, 1)');
  expect(await other.rows("select reloptions from pg_class where relname = 'i'")).toEqual([[null]]);
  await s.run('commit');
  expect(await other.rows("select reloptions from pg_class where relname = 'i'")).toEqual([
    ['{growth=200,append_sequential=true}'],
  ]);
});

test('the examples of docs/SPACE.md do what it says', async () => {
  const page = readFileSync(new URL('../../docs/SPACE.md', import.meta.url), 'utf8');
  const section = page.slice(page.indexOf('## Space hints')).split(/^## /m)[1] ?? '';
  const examples = [...section.matchAll(/```sql\n([\s\S]*?)```/g)].map((m) => m[1]!);
  expect(examples.length).toBe(2);
  for (const example of examples) {
    const outcomes = await s.run(example);
    const shown = outcomes.flatMap((o) => o.rows.map((row) => `-- ${row.join(' | ')}`));
    expect(example.split('\n').filter((line) => line.startsWith('--'))).toEqual(shown);
  }
  expect(space(tree('event'))).toEqual({ density: 100, initialPages: 128, growthPercent: 200, flags: 0x12 });
  expect(space(tree('event_at'))).toEqual({ density: 70, flags: 0x1 });
});
