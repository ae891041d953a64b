/** Statements that have a lot to do, each in another part of the engine: what law 9 is proven on. */

/** Makes the tables: `rows` of them in the large ones. */
export function setUp(rows: number): readonly string[] {
  const small = Math.round(rows / 100);
  return [
    'create table t (id int primary key, a int, b int, c text)',
    `insert into t select g, (g::int8 * 7919) % 1000003, g % 97, 'value ' || (g::int8 * 31) % 500000 from generate_series(1, ${rows}) g`,
    'create table s (id int primary key, v int, pad text)',
    `insert into s select g, g % 50, repeat('p', 50) from generate_series(1, ${small}) g`,
    'create table w (id int primary key, v int, pad text)',
    'create table part (id int, v int) partition by range (id)',
    ...Array.from(
      { length: 20 },
      (_, i) => `create table part${i} partition of part for values from (${i * 1000}) to (${i * 1000 + 1000})`,
    ),
    ...Array.from({ length: 60 }, (_, i) => `create table many${i} (a int primary key, b text, c int unique)`),
    'analyze',
  ];
}

export interface Heavy {
  readonly name: string;
  /** Statements before it that are not measured. */
  readonly before?: readonly string[];
  readonly text: string;
  readonly copyData?: readonly string[];
  readonly after?: readonly string[];
}

export function heavyStatements(rows: number): readonly Heavy[] {
  const half = Math.round(rows / 2);
  const few = Math.round(rows / 100);
  return [
    { name: 'scan with a filter', text: "select count(*) from t where c like '%99%' and a > b" },
    { name: 'sort, large', text: 'select count(*) from (select * from t order by c desc, a offset 1) q' },
    {
      name: 'sort, spilled',
      before: ["set work_mem = '1MB'"],
      text: 'select count(*) from (select * from t order by c, a offset 1) q',
      after: ['reset work_mem'],
    },
    { name: 'top n', text: 'select * from t order by a limit 10' },
    { name: 'hash join', text: 'select count(*), sum(x.a) from t x join t y on x.a = y.id' },
    { name: 'hash join on text', text: 'select count(*) from t x join t y on x.c = y.c' },
    {
      name: 'hash join, spilled',
      before: ["set work_mem = '1MB'"],
      text: 'select count(*), sum(x.a) from t x join t y on x.c = y.c',
      after: ['reset work_mem'],
    },
    {
      name: 'hash join, huge fan-out',
      text: `select count(*), sum(x.id + y.id) from t x join t y on x.b = y.b where x.id <= ${few * 3} and y.id <= ${few * 10}`,
    },
    {
      name: 'hash join that finds nothing',
      text: 'select count(*) from t x join t y on x.b = y.b and x.c = y.c || 1 where x.id < 20000 and y.id < 20000',
    },
    {
      name: 'nested loop that finds nothing',
      text: `select count(*) from t x, t y where x.a + y.a < 0 and x.id <= 3000 and y.id <= 3000`,
    },
    { name: 'nested loop by index', text: `select count(*) from t x left join t y on y.id = x.a + 1` },
    { name: 'anti join', text: 'select count(*) from t x where not exists (select from t y where y.id = x.a)' },
    { name: 'not in', text: 'select count(*) from t x where x.a not in (select id from s)' },
    {
      name: '= any of a sub-query',
      text: `select count(*) from t x where x.id <= 2000 and (x.a > any (select id + 2000000 from t)) is null`,
    },
    { name: 'distinct', text: 'select count(*) from (select distinct a, c from t) q' },
    { name: 'distinct on', text: 'select count(*) from (select distinct on (b) * from t order by b, c) q' },
    {
      name: 'group by, many groups',
      text: 'select count(*) from (select a, b, count(*), sum(id) from t group by a, b) q',
    },
    {
      name: 'group by, interpreted',
      text: "select count(*) from (select a % 5000 k, string_agg(c, ','), max(c) from t group by 1) q",
    },
    {
      name: 'group by, spilled',
      before: ["set work_mem = '1MB'"],
      text: 'select count(*) from (select c, count(*) from t group by c) q',
      after: ['reset work_mem'],
    },
    { name: 'count distinct', text: 'select count(distinct c), count(distinct a) from t' },
    {
      name: 'count distinct, spilled',
      before: ["set work_mem = '1MB'"],
      text: 'select count(distinct c), count(distinct a) from t',
      after: ['reset work_mem'],
    },
    { name: 'ordered aggregate', text: "select length(string_agg(c, ',' order by a)) from t" },
    { name: 'array_agg', text: 'select array_length(array_agg(a), 1) from t' },
    {
      name: 'percentiles',
      text: 'select percentile_cont(0.5) within group (order by a), mode() within group (order by b) from t',
    },
    { name: 'array of a sub-query', text: 'select array_length(array(select id from t), 1)' },
    { name: 'unnest', text: 'select count(*) from unnest(array(select id from t)) u' },
    { name: 'union', text: 'select count(*) from (select a, c from t union select a + 1, c from t) q' },
    {
      name: 'intersect all',
      text: 'select count(*) from (select b, c from t intersect all select b, c from t where a % 2 = 0) q',
    },
    { name: 'except', text: 'select count(*) from (select a, c from t except select a, c from t where b = 3) q' },
    {
      name: 'window',
      text: 'select sum(r), sum(s) from (select rank() over (partition by b order by a) r, sum(a) over (partition by b order by a rows unbounded preceding) s from t) q',
    },
    {
      name: 'window over all',
      text: 'select sum(r) from (select row_number() over (order by c) r, lag(a, 3) over (order by c) from t) q',
    },
    {
      name: 'recursion, deep',
      text: `with recursive r(n) as (select 1 union all select n + 1 from r where n < ${few * 5}) select count(*) from r`,
    },
    {
      name: 'recursion, wide',
      text: 'with recursive r(n, d) as (select id, 0 from t union select n + 1, d + 1 from r where d < 2) select count(*) from r',
    },
    { name: 'generate_series', text: `select count(*) from generate_series(1, ${rows * 3}) g where g % 7 = 8` },
    {
      name: 'generate_series of timestamps',
      text: `select count(*) from generate_series('2000-01-01'::timestamp, '2000-01-01'::timestamp + interval '${half} minutes', '1 minute') g`,
    },
    {
      name: 'generate_series in the list',
      text: `select count(*) from (select generate_series(1, ${rows}) offset 0) q`,
    },
    {
      name: 'regular expression on long text',
      text: "select count(*) from (select repeat('ab', 50000) x from generate_series(1, 20) offset 0) q where x ~ '(a|b)*c'",
    },
    { name: 'regular expression, backtracking', text: "select repeat('a', 30000) ~ '(a*)*b'" },
    { name: 'regexp_replace', text: "select length(regexp_replace(repeat('abc ', 300000), '[aeiou]', 'x', 'g'))" },
    { name: 'like on long text', text: "select repeat('ab', 2000000) like '%a%b%a%b%c%'" },
    {
      name: 'numeric power',
      text: 'select length((1.0000001::numeric ^ 100000)::text), length((7::numeric ^ 20000)::text)',
    },
    { name: 'numeric, huge', text: "select length((repeat('9', 60000)::numeric * repeat('8', 60000)::numeric)::text)" },
    {
      name: 'numeric division, exp, ln',
      text: 'select length(exp(2000::numeric)::text), ln(2::numeric ^ 2000), sqrt(10::numeric ^ 5000)',
    },
    { name: 'repeat', text: "select length(repeat('0123456789', 5000000))" },
    {
      name: 'md5 and encode',
      text: "select md5(repeat('0123456789', 1000000)), length(encode(repeat('x', 3000000)::bytea, 'base64'))",
    },
    {
      name: 'functions on a long text',
      text: `select length(translate(t, 'abc', 'xy')), length(upper(t)), length(reverse(t)), length(replace(t, ',', ';;')), length(initcap(t)),
             split_part(t, ',', 200000), position('1b' in t), length(lpad(t, 4000000, '€')), sha256(convert_to(t, 'UTF8'))
             from (select repeat('abcde, Fgh1', 300000) t offset 0) q`,
    },
    {
      name: 'functions on a long text beyond ASCII',
      text: `select length(translate(t, 'abc', 'xy')), length(upper(t)), length(right(t, -5)), length(overlay(t placing 'x' from 50000))
             from (select repeat('ab€de Äxß😀', 200000) t offset 0) q`,
    },
    {
      name: 'searches in a long text',
      text: `select t ~ 'h2', t similar to '%(abc|def)2%', regexp_count(t, '1'), regexp_match(t, '(h)(2)'), length(substring(t from '.*,')),
             array_length(regexp_split_to_array(t, ','), 1) from (select repeat('abcde, Fgh1', 200000) t offset 0) q`,
    },
    { name: 'string_to_array', text: "select array_length(string_to_array(repeat('a,', 1000000), ','), 1)" },
    {
      name: 'in list',
      text: `select count(*) from t where id in (${Array.from({ length: 50_000 }, (_, i) => i * 3).join(',')})`,
    },
    {
      name: 'in list of expressions',
      text: `select count(*) from s where id in (${Array.from({ length: 5000 }, (_, i) => `v + ${i}`).join(',')})`,
    },
    {
      name: 'many conditions',
      text: `select count(*) from s where ${Array.from({ length: 3000 }, (_, i) => `(id = ${i} and v = ${i % 7})`).join(' or ')}`,
    },
    {
      name: 'values, long',
      text: `select count(*), sum(x) from (values ${Array.from({ length: 30_000 }, (_, i) => `(${i}, 'text ${i}')`).join(',')}) v(x, y)`,
    },
    {
      name: 'insert of values, long',
      before: ['truncate w'],
      text: `insert into w values ${Array.from({ length: 30_000 }, (_, i) => `(${i}, ${i % 7}, 'text ${i}')`).join(',')}`,
    },
    { name: 'insert select', before: ['truncate w'], text: 'insert into w select id, a, c from t' },
    {
      name: 'insert select into an indexed table',
      before: [
        'drop table if exists wi',
        'create table wi (id int primary key, v int, pad text)',
        'create index on wi (v)',
        'create index on wi (pad)',
      ],
      text: `insert into wi select id, a, c from t where id <= ${half}`,
    },
    {
      name: 'insert on conflict',
      text: 'insert into w select id, a, c from t on conflict (id) do update set v = excluded.v + 1',
    },
    { name: 'insert into partitions', before: ['truncate part'], text: 'insert into part select id % 20000, a from t' },
    { name: 'update of all', text: "update w set v = v + 1, pad = pad || '+'" },
    { name: 'update joined', text: 'update w set v = t.b from t where t.id = w.id' },
    { name: 'delete of many', text: 'delete from w where id % 2 = 0' },
    {
      name: 'rollback of a large transaction',
      before: ['begin', 'update w set v = -v', 'delete from w where id % 3 = 0'],
      text: 'rollback',
    },
    { name: 'commit of a large transaction', before: ['begin', 'update w set v = -v'], text: 'commit' },
    { name: 'delete of all', text: 'delete from w' },
    {
      name: 'copy in',
      before: ['truncate w'],
      text: 'copy w from stdin',
      copyData: Array.from({ length: 40 }, (_, i) =>
        Array.from({ length: 2500 }, (_, j) => `${i * 2500 + j}\t${j}\tsome text ${j}\n`).join(''),
      ),
    },
    { name: 'copy out', text: 'copy t to stdout' },
    { name: 'create index', before: ['drop index if exists t_c'], text: 'create index t_c on t (c, a)' },
    {
      name: 'create unique index',
      before: ['drop index if exists t_u'],
      text: 'create unique index t_u on t (a, id)',
      after: ['drop index if exists t_u'],
    },
    {
      name: 'add a column, rewriting',
      before: ['drop table if exists x', 'create table x as select * from t'],
      text: 'alter table x alter column a type int8',
    },
    {
      name: 'add a constraint',
      before: ['alter table x drop constraint if exists positive'],
      text: 'alter table x add constraint positive check (b >= 0)',
    },
    { name: 'set not null', text: 'alter table x alter column a set not null' },
    { name: 'create table as', before: ['drop table if exists y'], text: 'create table y as select * from t' },
    {
      name: 'foreign key',
      before: ['alter table y drop constraint if exists y_id_fkey'],
      text: 'alter table y add foreign key (id) references t (id)',
    },
    { name: 'truncate', before: ['insert into x select * from t on conflict do nothing'], text: 'truncate x' },
    { name: 'drop', before: ['drop table if exists x', 'create table x as select * from t'], text: 'drop table x' },
    { name: 'vacuum', before: ['delete from y where id % 2 = 0'], text: 'vacuum y' },
    { name: 'analyze', text: 'analyze t' },
    { name: 'explain analyze', text: 'explain analyze select b, count(*) from t group by b order by 2' },
    { name: 'checkpoint', before: ["update t set c = c || '' where id % 5 = 0"], text: 'checkpoint' },
    {
      name: 'cascade',
      before: [
        'drop table if exists child',
        'drop table if exists parent cascade',
        'create table parent (id int primary key)',
        'insert into parent select id from s',
        'create table child (p int references parent on delete cascade)',
        'insert into child select id from parent',
      ],
      text: 'delete from parent',
    },
    {
      name: 'deferred foreign keys',
      before: [
        'drop table if exists child',
        'create table child (p int references t deferrable initially deferred)',
        'begin',
        `insert into child select id from t where id <= ${few * 10}`,
      ],
      text: 'commit',
    },
    {
      name: 'catalogs joined',
      text: 'select count(*) from pg_class c join pg_attribute a on a.attrelid = c.oid join pg_type y on y.oid = a.atttypid left join pg_index i on i.indrelid = c.oid',
    },
    { name: 'information_schema', text: 'select count(*) from information_schema.columns' },
    {
      name: 'pg_proc',
      text: "select count(*) from pg_proc p, pg_type t where p.prorettype = t.oid and p.proname like '%a%'",
    },
    {
      name: 'physical stats',
      text: "select count(*) from sys.dm_db_index_physical_stats(null, null, null, null, 'DETAILED')",
    },
  ];
}
