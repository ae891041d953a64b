/**
 * What PostgreSQL has and ExtentDB does not have yet is refused with 0A000, never ignored (docs/SQL.md lists it).
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Instance } from '../../src/engine/instance.ts';
import { memoryInstance, TestSession } from '../support/in-process.ts';

const FRAMES: readonly string[] = [
  'select sum(a) over (order by a rows between 1 preceding and 1 following) from t',
  'select sum(a) over (order by a rows between 2 preceding and current row) from t',
  'select sum(a) over (order by a rows between current row and unbounded following) from t',
  'select sum(a) over (order by a range between 1 preceding and current row) from t',
  'select sum(a) over (order by a groups between 1 preceding and current row) from t',
  'select sum(a) over (order by a rows between unbounded preceding and current row exclude current row) from t',
];

const QUERIES: readonly string[] = [
  'select * from t full join u on t.a < u.a',
  'select a from t group by rollup (a)',
  'select a from t group by cube (a)',
  'select a from t group by grouping sets ((a), ())',
  'select grouping(a) from t group by a',
  'select * from t tablesample system (10)',
  "select xmlparse(document '<a/>')",
  'with recursive s(i) as (select 1 union all select i + 1 from s where i < 3) search depth first by i set o select * from s',
];

const TYPES: readonly string[] = [
  "select '{}'::json",
  "select '{}'::jsonb",
  "select '1.1.1.1'::inet",
  'create table j (x json)',
  'create table j as select null::jsonb',
];

const EXPLAIN: readonly string[] = [
  'explain (format json) select 1',
  'explain (buffers) select 1',
  'explain (wal) select 1',
  'explain (costs) select 1',
];

const TRANSACTIONS: readonly string[] = [
  'begin isolation level serializable',
  "set default_transaction_isolation = 'serializable'",
  "prepare transaction 'x'",
];

const TABLES: readonly string[] = [
  'create table c () inherits (t)',
  'create unlogged table ul (a int)',
  'create temp table tt (a int)',
  'create table ex (a int, exclude using gist (a with =))',
  'create table like_t (like t including all)',
  'alter table t inherit u',
  'alter table t enable row level security',
  'alter table t set tablespace x',
  'alter table t alter column b set storage external',
  'alter table t replica identity full',
  'create index on t using hash (a)',
  'create index on t using gin (a)',
  'create index on t using hash (b) include (a)',
  'create materialized view mv as select 1',
];

const OBJECTS: readonly string[] = [
  "create function f() returns int language sql as 'select 1'",
  'create trigger tr before insert on t execute function f()',
  'create rule r as on insert to t do nothing',
  "create type e as enum ('a')",
  'create domain d as int',
  'create aggregate ag (int) (sfunc = int4pl, stype = int)',
  'create operator + (leftarg = int)',
  'create cast (int as text) with inout',
  'create extension pgcrypto',
  "create collation x (locale = 'de')",
  'create statistics st on a, b from t',
  'create publication p',
  'create policy p on t',
  'create role r',
  'grant select on t to public',
];

const COMMANDS: readonly string[] = [
  'merge into t using u on t.a = u.a when matched then delete',
  'listen x',
  'notify x',
  "do 'begin end'",
  'alter index t_pkey on t disable',
  "load 'x'",
  'copy t to stdout (format binary)',
  "copy t to '/tmp/x'",
  "copy t from program 'ls'",
];

let instance: Instance;
let session: TestSession;

beforeAll(async () => {
  instance = await memoryInstance();
  session = new TestSession(instance);
  await session.run(
    'create table t (a int primary key, b int); create table u (a int, b int); insert into t values (1, 1)',
  );
});

afterAll(() => instance.close());

describe.each([
  ['window frames', FRAMES],
  ['queries', QUERIES],
  ['types', TYPES],
  ['EXPLAIN', EXPLAIN],
  ['transactions', TRANSACTIONS],
  ['tables and indexes', TABLES],
  ['other objects', OBJECTS],
  ['commands', COMMANDS],
])('%s', (_, statements) => {
  test.each(statements)('%s', async (statement) => {
    expect((await session.failure(statement)).sqlstate).toBe('0A000');
    // The session is usable, and nothing has changed.
    expect(await session.rows('select a, b from t')).toEqual([['1', '1']]);
  });
});
