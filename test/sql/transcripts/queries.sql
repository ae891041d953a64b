## IS NULL of a bare literal
select 'b' is null, 'b' is not null, 1 is null, null is null, '' is null;
create table t (a int, b text);
insert into t values (1, 'x'), (2, null), (2, 'y');
select count(*) from t where 'b' is null;
select a from t where 'b' is not null and b is null;
select t.a from t join t u on t.a = u.a and 'x' is not null order by 1;

## grouping by expressions with sub-queries and lists
create table t (a int, b int);
create table u (x int, y text);
insert into t values (1, 1), (1, 2), (2, 3), (null, 4);
insert into u values (1, 'one'), (3, 'three');
select a in (1, 2) as k, count(*) from t group by a in (1, 2) order by 1;
select a in (1, 2), b in (1, 2), sum(b) from t group by a in (1, 2), b in (1, 2) order by 1, 2;
select a in (select x from u) as k, count(*), sum(b) from t group by a in (select x from u) order by 1;
select exists (select 1 from u where x = a) as k, count(*) from t group by exists (select 1 from u where x = a) order by 1;
select exists (select 1 from u where x = a) as k from t group by exists (select 1 from u where x = b);
select (select y from u where x = a), count(*) from t group by (select y from u where x = a) order by 1;
select (select y from u where x = a), count(*) from t group by a order by 1, 2;
select a + 1, (select y from u where x = a + 1) from t group by a + 1;
select a + 1 as k, (select max(y) from u where x = count(*)) from t group by a + 1 order by 1;

## NULLIF has the type that its comparison has
select nullif(2, 20::numeric), pg_typeof(nullif(2, 20::numeric))::text, nullif(2, 2.0), nullif('a', 'b'), pg_typeof(nullif(1, 2::bigint))::text;
select floor(nullif(3, 1.5)), sum(nullif(12, 10.0)) from generate_series(1, 3);

## casts of literals
select 'toolong'::varchar(3), 'toolong'::char(3), cast('abcdef' as varchar(2)), varchar(3) 'abcdef', 'abc'::varchar(10);
select '12.345'::numeric(4,1), '2020-01-02 03:04:05.678'::timestamp(0), '10:11:12.6'::time(0), '{abcd,ef}'::varchar(2)[];
select pg_typeof(1)::text, pg_typeof('x'::varchar)::text, pg_typeof(array[1])::text, 23::regtype::text, 'int'::regtype::text;

## PREPARE infers what it is not told
create table t (id int primary key, v text);
insert into t values (1, 'a'), (2, 'b');
prepare p as select v from t where id = $1;
execute p (2);
prepare q (text) as select id, $2 from t where v = $1 order by $2;
execute q ('a', 'z');
prepare r (int) as insert into t values ($1, $2) returning *;
execute r (3, 'c');
execute r (3, 'c');
deallocate all;
execute p (1);

## settings that are not there
select current_setting('nosuch', true), current_setting('no.such', true), current_setting('search_path', true) is null;
set no.such = 'here';
select current_setting('no.such'), current_setting('no.such', true);

## recursion only where it may stand
with recursive r as (select 1 as n union all select n + 1 from r where n < 4) select * from r;
with recursive r as (select 1 as n union all select n + 1 from (select * from r) q where n < 4) select (select max(n) from r), count(*) from r;
with recursive r as (select 1 as n union all select n + 1 from r where n < (select max(n) from r)) select * from r;
with recursive r as (select 1 as n union select (n + 1) % 3 from r) select n from r order by n;

## whole rows
create table t (id int, v text);
insert into t values (1, 'a'), (2, null), (null, null);
select t is null, t is not null, count(t) over () from t order by id;
select count(t), count(t.*) from t;
select (t).v, (t).id from t where (t).id = 1;
select q from (select id, v from t where id = 2) q;
select t::text from t where id = 1;

## subscripts, and sets of rows in the select list
select (array[5, 6])[1], (array[5, 6])[2], (array[5, 6])[3], ('{{1,2},{3,4}}'::int[])[2][1], (array[5, 6, 7])[2:3], ('[0:1]={a,b}'::text[])[0];
create table t (id int primary key, a int[]);
insert into t values (1, '{10,20,30}'), (2, null), (3, '{}');
select id, a[1], a[id], a[2:] from t order by id;
select id from t where a[2] = 20;
select conkey[1], indkey[0] from pg_constraint join pg_index on indexrelid = conindid where conrelid = 't'::regclass;
select (information_schema._pg_expandarray(indkey)).n, (information_schema._pg_expandarray(indkey)).x from pg_index where indrelid = 't'::regclass;
select information_schema._pg_expandarray(a) from t order by id;
select (keys).x, (keys).n from (select information_schema._pg_expandarray(a) as keys from t) s;

## a sweep over changes, joins, windows, dates, patterns, arrays
create table t (id int primary key, a int, b text, c numeric(8,2), d timestamptz, e text[]);
insert into t select g, g % 7, 'v' || g, g * 1.5, '2024-01-01 00:00+00'::timestamptz + g * interval '1 hour', array['x' || g, null] from generate_series(1, 50) g;
with d as (delete from t where id > 45 returning *), i as (insert into t select id + 100, a, b, c, d, e from d returning id) select count(*), min(id) from i;
update t set a = (select max(x.a) from t x where x.id < t.id) where id between 5 and 8 returning id, a;
update t set (a, b) = (select 99, 'sub') where id = 3 returning a, b;
update t set (a, b) = (98, 'row') where id = 4 returning *;
update t as z set a = z.a + y.n from (values (1, 10), (2, 20)) y (id, n) where y.id = z.id returning z.id, z.a, y.n;
delete from t using (select id from t order by id desc limit 2) q where q.id = t.id returning t.id;
insert into t (id, a) values (200, 1), (201, default) returning id, a, b is null;
insert into t select * from t where false;
select count(*), sum(a), round(avg(c), 2) from t;
select a, count(*), array_agg(id order by id desc) from t where id < 20 group by a order by a nulls first;
select id, row_number() over w, sum(a) over w, first_value(b) over (partition by a order by id) from t where id < 6 window w as (order by id) order by id;
select percentile_cont(0.5) within group (order by c), mode() within group (order by a) from t;
select string_agg(b, ',' order by id) filter (where id < 4) from t;
select * from generate_series(1, 3) with ordinality as g (v, o);
select t.id, u.x from t, unnest(t.e) as u (x) where t.id < 3 order by 1, 2;
select t.id, s.m from t left join lateral (select max(id) as m from t x where x.a = t.a and x.id < t.id) s on true where t.id < 5 order by 1;
select distinct on (a) a, id from t order by a, id desc limit 4;
select id from t order by a desc nulls last, id limit 3 offset 2;
select id from t order by id fetch first 2 rows only;
select exists (select 1 from t where a = 6), not exists (select 1 from t where a = 600);
select (select count(*) from t) + (select 1), array(select id from t where id < 4 order by id);
select case a when 1 then 'one' when 2 then 'two' else 'many' end as w, count(*) from t group by w order by w;
select a, b from t where (a, b) in ((1, 'v1'), (2, 'v9')) order by 1;
select date_trunc('day', d), count(*) from t where id < 30 group by 1 order by 1;
select to_char(d, 'YYYY-MM-DD HH24:MI'), extract(dow from d), d::date, d at time zone 'America/New_York' from t where id = 5;
select id from t where d between '2024-01-01 03:00+00' and '2024-01-01 05:00+00' order by id;
select coalesce(nullif(b, 'v5'), 'none'), length(b), left(b, 1), position('v' in b), overlay(b placing 'zz' from 1 for 1) from t where id in (5, 6) order by id;
select b similar to 'v[0-9]', b ~ '^v\d+$', b ilike 'V%', regexp_replace(b, '\d', 'N', 'g'), split_part('a.b.c', '.', 2) from t where id = 9;
select 7 / 2, -7 / 2, 7 % -3, 7.0 / 2, 2 ^ 10, 2 ^ 0.5, |/ 16, @ -5, 5 # 3, ~1, 1 << 4;
select round(2.5), round(-2.5), round(2.5::float8), ceil(1.2), trunc(-1.7), sign(-3), 10::numeric / 3, 1e10::float8, 1.0::float4 / 3;
select '1 day 2 hours'::interval * 1.5, age('2024-03-01'::timestamp, '2024-01-31'), '2024-01-31'::date + interval '1 month', date '2024-03-01' - date '2024-02-01';
select greatest(1, null, 3), least('b', 'a'), concat_ws('-', 1, null, 'x'), format('%s %I %L', 1, 'a b', 'c''d');
values (1, 'a'), (2, null) order by 1 desc;
select * from (values (1, 2.5), (3, 4)) v (a, b);
with recursive f (n, a, b) as (select 1, 0::numeric, 1::numeric union all select n + 1, b, a + b from f where n < 20) select max(a) from f;
with recursive tree as (select id, array[id] as path from t where id = 1 union all select t.id, path || t.id from tree join t on t.id = tree.id * 2 where t.id < 20) select * from tree;
with x as (select 1 as a), y as (select a + 1 as b from x) select * from x, y;
select a from t where id < 4 union select 100 order by 1;
(select id from t order by id limit 1) union all (select id from t order by id desc limit 1);
select count(*) from t a join t b using (a) join t c on c.id = b.id where a.id < 4;
select * from t natural join (select 5 as id) q;
select sum(a) over (order by id rows between unbounded preceding and current row) from t where id < 5 order by id;
select lag(id, 2, 0) over (order by id), ntile(3) over (order by id), cume_dist() over (order by a), percent_rank() over (order by a) from t where id < 5 order by id;
select md5('a'), encode('abc', 'base64'), decode('YWJj', 'base64'), '\x4142'::bytea || 'C'::bytea;
select array_length(e, 1), e[1], array_to_string(e, ',', '-'), 'x1' = any(e), e || 'new', array_position(e, 'x2') from t where id = 2;
select array_append(array[1], 2), array_cat(array[1], array[2, 3]), array[1, 2] @> array[2], array[[1, 2], [3, 4]], cardinality(array[1, 2]);
select current_user, current_database() is not null, current_schema;
select interval '1-2', interval '3 4:05:06', justify_hours('25 hours'), extract(epoch from interval '1 day');
select true and null, false and null, not null::bool, null = null, null is distinct from null;
select 'abc' < 'abd', 'a' < 'B', 'Z' < 'a', '' < ' ';
show transaction isolation level;

## a sweep over data-changing statements, aggregates, formatting, strings
create table t (id int primary key, a int, b text);
insert into t select g, g % 3, 'v' || g from generate_series(1, 10) g;
create table h (k bigint primary key, t int references t, s text);
insert into h select g * 10, g, null from generate_series(1, 10) g;
update h set s = t.b from t where t.id = h.t and t.a = 1 returning h.k, s, t.*;
update t set a = h.k from h join t t2 on t2.id = h.t where t.id = t2.id and h.k < 30 returning t.id, t.a;
delete from h using t where h.t = t.id and t.b like 'v1%' returning h.*, t.b;
insert into h select id * 100, id, b from t where id in (1, 10) on conflict do nothing returning *;
insert into h (k, t) values (100, 10), (1000, 1) on conflict (k) do update set s = excluded.k || '-' || coalesce(h.s, 'null') where h.k > 500 returning *;
with up as (update t set b = b || '!' where a = 2 returning id, b) select up.b, t.b from up join t using (id) order by id;
with gone as (delete from h where k < 60 returning t) update t set a = -1 from gone where gone.t = t.id returning id;
select * from t order by id;
select * from h order by k;
update t set id = id where id = 5;
update t set id = 50 where id = 10;
delete from t where id = 10;
insert into t (id) select 11 returning id, (select count(*) from t);
insert into t values (12, (select max(a) from t), 'q') returning *;
update t set b = default, a = default where id = 12 returning *;
delete from t where id in (select id from t where b is null) returning id;
delete from t where exists (select 1 from h where h.t = t.id) and false;
update t set a = a + 1 where id = (select min(id) from t) returning *;
select id from t where a = all (select a from t where id = 3) order by id;
select t.id, h.k from t full join h on h.t = t.id order by t.id, h.k;
select t.id from t left join h on h.t = t.id where h.t is null order by id;
select a, sum(id) filter (where id > 3), count(distinct b), min(b collate "C") from t group by a having count(*) > 1 order by a;
select count(*) from t, h where t.id <> h.t;
select id, (select string_agg(s, ',' order by k) from h where h.t <= t.id) from t where id < 4 order by id;
select max(id), min(id), max(b) from t where id > 1000;
select sum(id), avg(id), count(*) from t where false;
select id % 2 as p, array_agg(distinct a order by a) from t group by 1 order by 1;
select t1.id from t t1 where t1.id in (select h.t from h where h.k > t1.a) order by 1;
select t1.id from t t1 where t1.id not in (select h.t from h where h.t is not null) order by 1;
select not (id > 3) is true from t where id = 4;
select id from t order by a desc, b limit 2;
select id, b from t order by length(b), id desc limit 3;
select b from t order by 1 desc limit 2;
select id as x from t order by x desc limit 1;
select id from t order by id + 0 using > limit 1;
select 1 as one, 'x' as two where 1 = 1 group by 1, 2 having true order by one;
select distinct a, a % 2 from t order by a;
select count(*), a is null from t group by a is null;
select sum(1) from t where a in (select 1 union select 2);
select id from t where row(a, b) = row(2, 'v5!') or (id, a) > (9, 0) order by id;
select id from t where b between symmetric 'v3' and 'v1' order by id;
table t order by id limit 1;
select * from only t where id = 2;
select pg_typeof(now())::text, pg_typeof(current_date)::text, pg_typeof(1.5)::text, pg_typeof(array['a'])::text, pg_typeof(row(1))::text;
select to_char(1234567.891, 'FM9,999,999.00'), to_char(-5, '999'), to_char(0.5, '0.00'), to_char(42, 'RN'), to_number('1,234.5', '9,999.9');
select to_date('03 Feb 2024', 'DD Mon YYYY'), to_timestamp('2024-02-03 04:05', 'YYYY-MM-DD HH24:MI') at time zone 'UTC', make_interval(days => 3, hours => 2);
select date '2024-02-29' + 1, timestamp '2024-02-29 10:00' - interval '1 year', extract(week from date '2024-12-30'), extract(isodow from date '2024-12-29');
select '2024-03-10 02:30'::timestamp at time zone 'America/New_York', '2024-07-01 00:00+00'::timestamptz at time zone 'Europe/Berlin';
select trim('  a '), btrim('xxaxx', 'x'), ltrim('00012', '0'), rpad('ab', 5, '-'), initcap('hello wORLD'), reverse('abc'), translate('abc', 'ab', 'xy'), strpos('hello', 'l'), ascii('A'), chr(955), repeat('ab', 2), starts_with('abc', 'ab');
select substring('hello world' from 7 for 3), substring('foobar' from 'o(.)b'), substring('foobar' similar 'f#"oo#"%' escape '#'), regexp_match('foobar', '(o+)(b)'), regexp_split_to_array('a1b2c', '\d');
select * from regexp_matches('foobarbaz', 'ba.', 'g');
select gcd(12, 18), lcm(4, 6), factorial(10), power(2, 0.5), degrees(pi()), width_bucket(5.5, 0, 10, 5), scale(1.230), trim_scale(1.230), min_scale(1.230), log(2, 8), exp(1.0), ln(2.0), sqrt(2.0);
select bool_and(a > 0), bool_or(a > 0), every(a is not null), bit_and(a), bit_or(a), stddev(a), variance(id), corr(id, a), regr_slope(id, a), covar_pop(id, a) from t where id < 8;
select b, count(*) over (partition by a), rank() over (partition by a order by b desc), dense_rank() over (order by a), last_value(id) over (partition by a order by id rows between unbounded preceding and unbounded following) from t where id < 7 order by id;

## conditions above outer joins that are true of null-extended rows
create table l (a int, t int[]);
create table r (b int, s text);
insert into l values (1, '{}'), (2, '{2,3}'), (3, null);
insert into r values (1, 'x'), (9, 'y');
select * from l left join r on a = b where not (b = any ('{}'::int[])) order by a;
select * from l left join r on a = b where not (b = any (t)) order by a;
select * from l left join r on a = b where b = any (array[1, 9]) order by a;
select * from l left join r on a = b where not (b in (5, 6)) order by a;
select * from l left join r on a = b where b <> all (t) order by a;
select * from r left join l on a = b where not (1 = any (t)) order by b;
select * from r left join l on a = b where not (b = all (t)) order by b;

## aggregates that nobody reads are not computed
create table l (a int);
insert into l values (1), (2), (3);
select count(*) from (select max(a / 0) from l) s;
select m from (select min(a) m, sum(1 / (a - a)) from l) s;
select a from (select a, max(1 / (a - a)) from l group by a) s where a > 1 order by a;

## an array of outer columns, in an order
create table l (a int);
insert into l values (1), (2), (3);
create table r (b int);
insert into r values (1), (9);
select a, array(select x from (select l.a from r full join l k on r.b = k.a where l.a > 1) o(x) order by 1) from l order by a;

## conditions on what a grouping below EXISTS puts out
create table l (a int, d text);
insert into l values (1, 'a'), (2, 'b'), (3, null);
create table r (b int, d text);
insert into r values (1, 'a'), (9, 'c'), (9, 'd');
select a from l where exists (select 1 from (select d from r group by d) s(x) where s.x = l.d) order by a;
select a from l where not exists (select 1 from (select d from r group by d) s(x) where s.x = l.d) order by a;
select a from l where not exists (select 1 from (select d, count(*) n from r group by d having count(*) > 0) s(x, n) where s.x in (l.d, 'q') and n = 1) order by a;
select a from l where exists (select 1 from (select b, count(*) from r group by b) s(x, n) where s.x < l.a + 8 and s.n > 1) order by a;
select a from l where exists (select 1 from (select b + 1, d from r) s(x, d) where s.x = l.a + 1 and s.x > 1) order by a;
select a from l where exists (select 1 from (select b + l.a, d from r) s(x, d) where s.x = 2) order by a;
select a from l where exists (select 1 from (select x + 1 from (select b * 2 from r group by b * 2) s(x) where x > l.a) t(y) where y = 3) order by a;
select a from l where not exists (select 1 from (select distinct d from r) s(x) where (select s.x = l.d)) order by a;

## constants that are no positions
create table l (a int, d text);
insert into l values (1, 'a'), (2, 'b');
select 1 from l group by 'x';
select 1 from l group by 'it''s', a;
select a from l order by 'x';
select a from l order by ('x');
select distinct on ('x') a from l;
select 1 from l group by -3;
select a from l order by -1;
select a from l order by (- 2) desc;
select distinct on (-1) a from l;
select a from l order by '1'::int, a;
select a from l order by -1 + 0, a;

## arrays of numbers in what is grouped and ordered by
create table l (a int, d text);
insert into l values (1, 'a'), (2, 'b'), (2, 'c');
select array[a, 0] from l group by array[a, 0] order by 1;
select distinct array[a, 7] from l order by array[a, 7];
select array[[a, 1], [3, 4]] from l group by array[[a, 1], [3, 4]] order by array[[a, 1], [3, 4]];
select distinct on (array[a, 2]) a, d from l order by array[a, 2], 2 desc;
select (array[a, 5])[2], count(*) from l group by (array[a, 5])[2], 1;
