## READ COMMITTED: G0, dirty write
create table test (id int primary key, value int);
insert into test values (1, 10), (2, 20);
begin isolation level read committed;
s2: begin isolation level read committed;
update test set value = 11 where id = 1;
s2: update test set value = 12 where id = 1;
update test set value = 21 where id = 2;
commit;
select * from test order by id;
s2: update test set value = 22 where id = 2;
s2: commit;
select * from test order by id;

## READ COMMITTED: G1a, aborted read
create table test (id int primary key, value int);
insert into test values (1, 10), (2, 20);
begin;
s2: begin;
update test set value = 101 where id = 1;
s2: select * from test order by id;
rollback;
s2: select * from test order by id;
s2: commit;

## READ COMMITTED: G1b, intermediate read
create table test (id int primary key, value int);
insert into test values (1, 10), (2, 20);
begin;
s2: begin;
update test set value = 101 where id = 1;
s2: select * from test order by id;
update test set value = 11 where id = 1;
commit;
s2: select * from test order by id;
s2: commit;

## READ COMMITTED: G1c, circular information flow
create table test (id int primary key, value int);
insert into test values (1, 10), (2, 20);
begin;
s2: begin;
update test set value = 11 where id = 1;
s2: update test set value = 22 where id = 2;
select * from test where id = 2;
s2: select * from test where id = 1;
commit;
s2: commit;

## READ COMMITTED: OTV, observed transaction vanishes
create table test (id int primary key, value int);
insert into test values (1, 10), (2, 20);
begin;
s2: begin;
s3: begin;
update test set value = 11 where id = 1;
update test set value = 19 where id = 2;
s2: update test set value = 12 where id = 1;
commit;
s3: select * from test where id = 1;
s2: update test set value = 18 where id = 2;
s3: select * from test where id = 2;
s2: commit;
s3: select * from test where id = 2;
s3: select * from test where id = 1;
s3: commit;

## READ COMMITTED: PMP, predicates see others' commits
create table test (id int primary key, value int);
insert into test values (1, 10), (2, 20);
begin;
s2: begin;
select * from test where value = 30;
s2: insert into test values (3, 30);
s2: commit;
select * from test where value % 3 = 0;
commit;

## READ COMMITTED: PMP of a write, the row that no longer fits stays
create table test (id int primary key, value int);
insert into test values (1, 10), (2, 20);
begin;
s2: begin;
update test set value = value + 10;
s2: select * from test where value = 20;
s2: delete from test where value = 20;
commit;
s2: select * from test order by id;
s2: commit;
select * from test order by id;

## READ COMMITTED: P4, lost update
create table test (id int primary key, value int);
insert into test values (1, 10), (2, 20);
begin;
s2: begin;
select * from test where id = 1;
s2: select * from test where id = 1;
update test set value = 11 where id = 1;
s2: update test set value = 11 where id = 1;
commit;
s2: commit;

## READ COMMITTED: G-single, read skew is allowed
create table test (id int primary key, value int);
insert into test values (1, 10), (2, 20);
begin;
s2: begin;
select * from test where id = 1;
s2: select * from test where id = 1;
s2: select * from test where id = 2;
s2: update test set value = 12 where id = 1;
s2: update test set value = 18 where id = 2;
s2: commit;
select * from test where id = 2;
commit;

## REPEATABLE READ: PMP
create table test (id int primary key, value int);
insert into test values (1, 10), (2, 20);
begin isolation level repeatable read;
s2: begin isolation level repeatable read;
select * from test where value = 30;
s2: insert into test values (3, 30);
s2: commit;
select * from test where value % 3 = 0;
commit;

## REPEATABLE READ: PMP of a write
create table test (id int primary key, value int);
insert into test values (1, 10), (2, 20);
begin isolation level repeatable read;
s2: begin isolation level repeatable read;
update test set value = value + 10;
s2: delete from test where value = 20;
commit;
s2: select 1;
s2: rollback;
select * from test order by id;

## REPEATABLE READ: P4, lost update
create table test (id int primary key, value int);
insert into test values (1, 10), (2, 20);
begin isolation level repeatable read;
s2: begin isolation level repeatable read;
select * from test where id = 1;
s2: select * from test where id = 1;
update test set value = 11 where id = 1;
s2: update test set value = 11 where id = 1;
commit;
s2: rollback;

## REPEATABLE READ: P4, but the first one rolls back
create table test (id int primary key, value int);
insert into test values (1, 10), (2, 20);
begin isolation level repeatable read;
s2: begin isolation level repeatable read;
s2: select * from test where id = 1;
update test set value = 11 where id = 1;
s2: update test set value = value + 2 where id = 1;
rollback;
s2: select * from test order by id;
s2: commit;

## REPEATABLE READ: G-single
create table test (id int primary key, value int);
insert into test values (1, 10), (2, 20);
begin isolation level repeatable read;
s2: begin isolation level repeatable read;
select * from test where id = 1;
s2: select * from test where id = 1;
s2: select * from test where id = 2;
s2: update test set value = 12 where id = 1;
s2: update test set value = 18 where id = 2;
s2: commit;
select * from test where id = 2;
commit;

## REPEATABLE READ: G-single with predicates
create table test (id int primary key, value int);
insert into test values (1, 10), (2, 20);
begin isolation level repeatable read;
s2: begin isolation level repeatable read;
select * from test where value % 5 = 0 order by id;
s2: update test set value = 12 where value = 10;
s2: commit;
select * from test where value % 3 = 0;
commit;

## REPEATABLE READ: G-single with a write's predicate
create table test (id int primary key, value int);
insert into test values (1, 10), (2, 20);
begin isolation level repeatable read;
s2: begin isolation level repeatable read;
select * from test where id = 1;
s2: select * from test order by id;
s2: update test set value = 12 where id = 1;
s2: update test set value = 18 where id = 2;
s2: commit;
delete from test where value = 20;
rollback;
select * from test order by id;

## REPEATABLE READ: G2-item, write skew is allowed
create table test (id int primary key, value int);
insert into test values (1, 10), (2, 20);
begin isolation level repeatable read;
s2: begin isolation level repeatable read;
select * from test where id in (1, 2) order by id;
s2: select * from test where id in (1, 2) order by id;
update test set value = 11 where id = 1;
s2: update test set value = 21 where id = 2;
commit;
s2: commit;
select * from test order by id;

## REPEATABLE READ: G2, anti-dependency cycles are allowed
create table test (id int primary key, value int);
insert into test values (1, 10), (2, 20);
begin isolation level repeatable read;
s2: begin isolation level repeatable read;
select * from test where value % 3 = 0;
s2: select * from test where value % 3 = 0;
insert into test values (3, 30);
s2: insert into test values (4, 42);
commit;
s2: commit;
select * from test order by id;

## REPEATABLE READ: the snapshot is stable across other sessions' changes and definitions
create table a (id int primary key, v int);
create table b (id int);
insert into a values (1, 10), (2, 20);
begin isolation level repeatable read;
select count(*), sum(v) from a;
s2: insert into a values (3, 30);
s2: delete from a where id = 1;
s2: update a set v = 21, id = 22 where id = 2;
s2: create index a_v on a (v);
s2: insert into b values (1);
s2: create table c (x int);
s2: insert into c values (1);
select * from a order by id;
select * from a where v = 20;
select * from b;
select * from c;
insert into b values (2);
select * from b;
commit;
select * from a order by id;
select * from b order by id;

## REPEATABLE READ: what oneself changed is seen, unique checks see the newest state
create table a (id int primary key, v int);
begin isolation level repeatable read;
select * from a;
s2: insert into a values (1, 1);
insert into a values (2, 2);
select * from a order by id;
insert into a values (1, 3);
rollback;
begin isolation level repeatable read;
select * from a;
s2: insert into a values (7, 7);
insert into a values (7, 8) on conflict do nothing;
rollback;

## READ COMMITTED: UPDATE repeats its condition and its SET list on the newest row
create table acc (id text primary key, balance int, flag boolean default true);
insert into acc values ('checking', 600), ('savings', 600);
begin;
s2: begin;
update acc set balance = balance - 200 where id = 'checking' returning balance;
s2: update acc set balance = balance - 200 where id = 'checking' and balance > 300 returning id, balance;
commit;
s2: commit;
begin;
s2: begin;
update acc set balance = 0 where id = 'checking';
s2: update acc set balance = balance + 1000 where balance < 300 and flag returning id, balance;
update acc set flag = false where id = 'checking';
commit;
s2: commit;
select * from acc order by id;

## READ COMMITTED: the row was deleted meanwhile
create table t (id int primary key, v int);
insert into t values (1, 1), (2, 2);
begin;
delete from t where id = 1;
s2: update t set v = v + 1 returning *;
commit;
begin;
delete from t where id = 2;
s2: delete from t where id = 2;
rollback;
select * from t;

## READ COMMITTED: the key changed meanwhile, the waiter follows the row
create table t (id int primary key, v int);
insert into t values (1, 1), (2, 2);
begin;
update t set id = 10 where id = 1;
s2: update t set v = v + 100 where v = 1 returning *;
commit;
begin;
update t set id = 20 where id = 2;
s2: update t set v = v + 100 where id = 2 returning *;
commit;
select * from t order by id;
begin;
update t set id = 30 where id = 20;
s2: select * from t where v = 2 for update;
commit;

## READ COMMITTED: UPDATE … FROM and DELETE … USING repeat the join for the changed row
create table t (id int primary key, v int);
create table u (id int primary key, w int);
insert into t values (1, 1), (2, 2);
insert into u values (1, 10), (2, 20);
begin;
update t set v = v + 1 where id = 1;
s2: update t set v = t.v + u.w from u where u.id = t.id and t.v < 5 returning t.id, t.v, u.w;
commit;
select * from t order by id;
begin;
update t set v = 0 where id = 2;
s2: delete from t using u where u.id = t.id and t.v > 0 returning t.*;
commit;
select * from t order by id;

## READ COMMITTED: a locking select sees the newest row
create table t (id int primary key, v int);
insert into t values (1, 1), (2, 2), (3, 3);
begin;
update t set v = v * 10 where id < 3;
s2: select * from t where v < 20 order by id for update;
commit;
s2: select sum(v) from t;

## an insert waits for a duplicate's transaction
create table t (id int primary key, v int unique);
begin;
insert into t values (1, 1);
s2: insert into t values (1, 2);
rollback;
begin;
insert into t values (2, 5);
s2: insert into t values (3, 5);
commit;
select * from t order by id;
begin;
delete from t where id = 1;
s2: insert into t values (1, 9);
commit;
select * from t order by id;

## ON CONFLICT waits, then does what it should with the newest row
create table t (id int primary key, v int);
begin;
insert into t values (1, 1);
s2: insert into t values (1, 5) on conflict (id) do update set v = t.v + excluded.v returning *;
commit;
begin;
insert into t values (2, 1);
s2: insert into t values (2, 5) on conflict (id) do update set v = t.v + excluded.v returning *;
rollback;
begin;
insert into t values (3, 1);
s2: insert into t values (3, 5) on conflict do nothing returning *;
commit;
begin;
delete from t where id = 3;
s2: insert into t values (3, 7) on conflict (id) do update set v = 70 returning *;
commit;
select * from t order by id;

## deadlock of two updates
create table t (id int primary key, v int);
insert into t values (1, 1), (2, 2);
begin;
s2: begin;
update t set v = 10 where id = 1;
s2: update t set v = 20 where id = 2;
update t set v = 11 where id = 2;
s2: update t set v = 21 where id = 1;
commit;
s2: select 1;
s2: rollback;
select * from t order by id;

## deadlock of table locks
create table a (x int);
create table b (x int);
begin;
s2: begin;
lock table a;
s2: lock table b;
select * from b;
s2: insert into a values (1);
commit;
s2: rollback;

## lock_timeout
create table t (id int primary key, v int);
insert into t values (1, 1);
begin;
update t set v = 2;
s2: set lock_timeout = '20ms';
s2!: update t set v = 3;
s2!: select * from t for share;
s2!: insert into t values (1, 1) on conflict do nothing;
s2!: alter table t add column w int;
s2: select * from t;
rollback;
s2: update t set v = 4;
select * from t;

## NOWAIT and SKIP LOCKED
create table t (id int primary key, v int);
insert into t values (1, 1), (2, 2), (3, 3);
begin;
select * from t where id = 2 for update;
s2: select * from t order by id for update nowait;
s2: select * from t order by id for update skip locked;
s2: select * from t order by id for share skip locked limit 1 offset 1;
s2: select * from t where id = 2 for key share nowait;
s2: lock table t in exclusive mode nowait;
s2: begin;
s2: lock table t in exclusive mode nowait;
s2: rollback;
s2: select count(*) from (select * from t for update skip locked) s;
commit;
s2: select * from t order by id for update nowait;

## row locks: who waits for whom
create table t (id int primary key, v int);
insert into t values (1, 1);
begin;
select * from t for key share;
s2: update t set v = 2;
s2: select * from t for no key update;
s2: select * from t for update nowait;
s2: update t set id = 2;
commit;
select * from t;
begin;
select * from t for share;
s2: select * from t for share nowait;
s2: select * from t for key share nowait;
s2: select * from t for no key update nowait;
s2: select * from t for update nowait;
s2: delete from t;
commit;
insert into t values (5, 5);
begin;
select * from t for no key update;
s2: select * from t for key share nowait;
s2: select * from t for share nowait;
s2: select * from t for no key update nowait;
commit;

## foreign keys hold their parent with FOR KEY SHARE
create table p (id int primary key, v int);
create table c (id int primary key, p int references p);
insert into p values (1, 1), (2, 2);
begin;
insert into c values (1, 1);
s2: update p set v = 10 where id = 1;
s2: delete from p where id = 1;
commit;
select * from p order by id;
begin;
update p set v = 20 where id = 2;
s2: insert into c values (2, 2);
commit;
begin;
delete from c where id = 2;
s2: delete from p where id = 2;
commit;
select * from p order by id;
begin;
insert into p values (7, 7);
s2: insert into c values (7, 7);
commit;
insert into c values (8, 8);
s2: select * from c order by id;
begin;
delete from p where id = 7;
delete from c where id = 7;
delete from p where id = 7;
s2: insert into c values (9, 7);
commit;
s2: select * from c order by id;

## isolation and access modes are chosen
create table t (id int);
begin read only;
show transaction_isolation;
show transaction_read_only;
insert into t values (1);
rollback;
begin isolation level repeatable read, read only;
show transaction_isolation;
select * from t for update;
commit;
begin;
select 1;
set transaction isolation level repeatable read;
rollback;
set transaction isolation level repeatable read;
set default_transaction_isolation = 'repeatable read';
begin;
show transaction_isolation;
commit;
reset default_transaction_isolation;
set session characteristics as transaction read only;
create table u (a int);
set session characteristics as transaction read write;
create table u (a int);

## savepoints
create table t (id int primary key);
savepoint a;
begin;
insert into t values (1);
savepoint a;
insert into t values (2);
savepoint b;
insert into t values (3);
insert into t values (1);
select 1;
rollback to b;
select * from t order by id;
insert into t values (4);
rollback to savepoint a;
select * from t order by id;
insert into t values (2);
release a;
rollback to b;
rollback;
select * from t;
begin;
savepoint a;
insert into t values (1);
savepoint a;
insert into t values (2);
rollback to a;
select * from t;
release a;
select * from t;
rollback to a;
select * from t;
insert into t values (5);
release savepoint a;
release a;
commit;
select * from t;
begin;
insert into t values (6);
savepoint s;
select * from nowhere;
release s;
rollback to nosuch;
rollback to s;
commit;
select * from t;
begin;
savepoint s;
select 1/0;
commit;
select * from t order by id;
rollback;
commit;
begin;
begin;
abort;

## locks taken after a savepoint go when it is rolled back
create table t (id int primary key, v int);
insert into t values (1, 1), (2, 2);
begin;
savepoint s;
update t set v = 10 where id = 1;
s2: update t set v = v + 100 where id = 1;
rollback to s;
select * from t order by id;
s2: select * from t order by id;
update t set v = v + 1 where id = 1;
commit;
begin;
savepoint s;
delete from t where id = 2;
s2: delete from t where id = 2 returning *;
rollback to s;
commit;
select * from t;

## a statement that fails leaves nothing of itself
create table t (id int primary key, v int check (v < 100));
insert into t values (1, 1), (2, 2), (3, 3);
insert into t select g, g from generate_series(10, 200) g;
select count(*) from t;
begin;
insert into t values (4, 4);
savepoint s;
update t set v = v * 40;
rollback to s;
select * from t order by id;
update t set id = id + 1;
rollback;
select * from t order by id;
update t set v = 100 / (3 - id);
select * from t order by id;

## a key moves ahead of its own scan without being met twice
create table t (id int primary key, v int);
insert into t select g, g from generate_series(1, 20) g;
create index t_v on t (v);
update t set v = v + 5 where v between 3 and 12;
select sum(v), count(*) from t;
update t set id = id + 100 where id > 3;
select min(id), max(id), sum(id), count(*) from t;
delete from t where id in (select id + 1 from t);
select count(*) from t;
insert into t select id + 1000, v from t;
select count(*) from t;

## definitions in transactions that are rolled back leave nothing
create table t (id int primary key, v int);
insert into t values (1, 1);
begin;
create table u (x int primary key, y text default 'd');
insert into u values (1), (2);
alter table t add column w int default 7;
create index t_v on t (v);
insert into t values (2, 2, 2);
select * from t order by id;
alter table t drop column v;
select * from t order by id;
drop table t;
select * from t;
rollback;
select * from t;
select * from u;
select relname from pg_class where relnamespace = 'public'::regnamespace order by 1;
begin;
create table u (x int);
savepoint s;
create table u2 (x int);
alter table u rename column x to z;
insert into u values (1);
rollback to s;
insert into u (x) values (5);
select * from u;
commit;
select * from u;
begin;
truncate t;
select * from t;
rollback;
select * from t;
begin;
truncate t;
insert into t values (9, 9);
commit;
select * from t;

## definitions wait for readers, readers for definitions
create table t (id int primary key, v int);
insert into t values (1, 1);
begin;
select * from t;
s2: alter table t add column w int default 3;
s3: select * from t;
commit;
s2: begin;
s2: drop table t;
select * from t;
s2: rollback;
s2: begin;
s2: drop table t;
select * from t;
s2: commit;

## a new table is seen by its own transaction only
begin;
create table t (id int);
insert into t values (1);
s2: select * from t;
s2: insert into t values (2);
commit;
s2: select * from t;

## sequences are not rolled back
create sequence s;
create table t (id serial primary key, v int);
begin;
select nextval('s'), nextval('s');
insert into t (v) values (1), (2);
rollback;
select nextval('s');
insert into t (v) values (3) returning id;
s2: select nextval('s');
select currval('s'), lastval();
s2: select currval('t_id_seq');
begin;
select setval('s', 100);
rollback;
select nextval('s');
begin;
create sequence s3;
select nextval('s3');
rollback;

## errors in a transaction block
create table t (id int);
begin;
insert into t values (1);
select * from t where;
insert into t values (2);
commit;
select * from t;
insert into t values (3);
select * from t;

## a cursor keeps its snapshot
create table t (id int);
insert into t select generate_series(1, 5);
begin;
declare c cursor for select id from t order by id;
fetch 2 from c;
s2: delete from t where id = 3;
s2: insert into t values (6);
delete from t where id = 5;
fetch all from c;
select * from t order by id;
close c;
fetch c;
rollback;

## now() and xid are those of the transaction
create table t (a timestamptz);
begin;
insert into t values (now());
select now() = a, now() = transaction_timestamp(), statement_timestamp() >= now(), clock_timestamp() > now() from t;
select txid_current() = txid_current();
commit;
