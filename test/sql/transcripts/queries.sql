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
