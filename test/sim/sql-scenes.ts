/** What goes on beside the writers and readers of a {@link SqlSimulation}. */
import type { SqlScene } from './sql-simulation.ts';

/** Only what takes no lock that anybody waits for. */
export const DEFRAGMENTING: SqlScene = {
  made: 'create table t (id int primary key, v text, n int, u int); create index t_n on t (n) include (v)',
  statements: [
    'alter index all on t reorganize',
    'vacuum t',
    'alter index t_pkey on t reorganize',
    'alter database sim shrink',
  ],
  administrators: 1,
  count: 2,
  refusals: new Set(),
};

/** Refused because of others: 40001, 40P01, 55P03; of the moment: 55006, 55000; of the name: 42704, 42P07; cancelled. */
const REFUSALS = new Set(['40001', '40P01', '55P03', '55006', '55000', '42704', '42710', '42P07', '57014']);

const ANYWHERE = [
  'alter index all on t reorganize',
  'alter index all on t reorganize with (lob_compaction = off)',
  'alter index all on t rebuild',
  'alter index all on t rebuild with (online = on)',
  'vacuum t',
  'vacuum full t',
  'analyze t',
  'checkpoint',
  'alter database sim shrink',
  'reindex table t',
  'reindex table concurrently t',
  'create index if not exists t_m on t (n, u)',
  'drop index if exists t_m',
  'create index t_x on t (u) where n > 100',
  'drop index t_x',
  'create index t_y on t ((n + u)) include (v)',
  'drop index t_y',
  "alter table t add column if not exists w text default repeat('w', 50)",
  'alter table t drop column if exists w',
  'alter table t alter column n type int8',
  'alter table t alter column n type int4',
  'alter table t add constraint t_c check (u > -100)',
  'alter table t drop constraint t_c',
  'dbcc checkdb',
  'call extentdb.defragment_start(passes => 1)',
  'call extentdb.defragment_stop()',
];

/** Whatever one can do with a table that is in use. */
export const MAINTAINING: SqlScene = {
  made: `create table t (id int primary key, v text, n int, u int, constraint t_u unique (u) deferrable);
    create index t_n on t (n) include (v)`,
  statements: [
    ...ANYWHERE,
    'alter index t_n on t disable',
    'alter index t_n on t rebuild',
    'alter index t_n on t rebuild with (online = on)',
    'alter index t_u on t disable',
    'alter index t_u on t rebuild with (online = on)',
    'reindex index concurrently t_u',
    'reindex index concurrently t_n',
    'reindex index concurrently t_pkey',
    'create index concurrently t_x on t (u) where n > 100',
    'drop index concurrently t_x',
    'create unique index concurrently t_z on t (id, u)',
    'drop index t_z',
    'cluster t using t_pkey',
  ],
  administrators: 2,
  count: 6,
  refusals: REFUSALS,
};

/** The same with a partitioned table, whose partitions come and go. */
export const PARTITIONED: SqlScene = {
  made: `create table t (id int primary key, v text, n int, u int) partition by range (id);
    create table t0 partition of t for values from (minvalue) to (90);
    create table t1 partition of t for values from (90) to (180);
    create table t2 partition of t default;
    create index t_n on t (n) include (v); create unique index t_u on t (id, u)`,
  statements: [
    ...ANYWHERE,
    'alter index t_n on t reorganize partition = 2',
    'alter index t_pkey on t rebuild partition = 1',
    'alter index all on t rebuild partition = 2 with (online = on)',
    'reindex table concurrently t1',
    'vacuum full t0',
    'vacuum t1',
    'cluster t1 using t1_pkey',
    'create table t3 partition of t for values from (1000) to (2000)',
    'begin; alter table t detach partition t1; alter table t attach partition t1 for values from (90) to (180); commit',
    'alter table t detach partition t3',
    'alter table t attach partition t3 for values from (1000) to (2000)',
    'drop table if exists t3',
    'alter index t1_n_v_idx on t1 disable',
    'alter index t1_n_v_idx on t1 rebuild',
    'drop index if exists t1_x',
    'create index t1_x on t1 (u)',
    'create table s (like t); drop table s',
  ],
  administrators: 2,
  count: 6,
  refusals: new Set([...REFUSALS, '42P01', '42P16', '42P17', '42809', '0A000', '23514', '25001', '2BP01']),
};

export const SQL_SCENES: Readonly<Record<string, SqlScene>> = {
  defragmenting: DEFRAGMENTING,
  maintaining: MAINTAINING,
  partitioned: PARTITIONED,
};
