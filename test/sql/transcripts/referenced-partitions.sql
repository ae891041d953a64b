## a partition that is not referred to leaves its table
create table p (a int primary key, b text) partition by list (a);
create table p1 partition of p for values in (1);
create table p2 partition of p for values in (2, 3);
create table p4 partition of p for values in (4) partition by list (b);
create table p4x partition of p4 default;
create table refs (x int references p, y int);
insert into p values (1, 'a'), (2, 'b'), (3, 'c');
insert into refs values (2, 1), (null, 1);
alter table p detach partition p1;
select * from p order by a;
select * from p1;
insert into refs values (1, 2);
delete from p1;
alter table p detach partition p4;
delete from refs;
alter table p detach partition p2 concurrently;
insert into refs values (3, 2);
update p2 set a = 5 where a = 3;
insert into p1 values (1, 'again');
alter table p attach partition p1 for values in (1);
insert into refs values (1, 2);
alter table p detach partition p1;
select conrelid::regclass, conname, confrelid::regclass from pg_constraint where contype = 'f' and conparentid = 0 order by 1, 2;

## nulls refer to nothing
create table p (a int, b int, primary key (a, b)) partition by list (a);
create table p1 partition of p for values in (1);
create table refs (x int, y int, foreign key (x, y) references p);
create table refs_full (x bigint, y smallint, foreign key (x, y) references p match full);
insert into p values (1, 1);
insert into refs values (1, null), (null, 1), (null, null);
insert into refs_full values (null, null);
alter table p detach partition p1;

## DROP of a partition whose table is referred to
create table p (a int primary key, b int unique) partition by list (a);
drop table p;
create table p (a int primary key, b text) partition by list (a);
create table p1 partition of p for values in (1);
create table p2 partition of p for values in (2) partition by list (b);
create table p2x partition of p2 default;
create table refs (x int references p, y int);
create table pr (k int, x int, constraint own foreign key (x) references p) partition by list (k);
create table pr1 partition of pr for values in (1);
create view v as select * from p2;
insert into p values (1, 'a'), (2, 'b');
drop table p1;
drop table p2x;
drop table p2;
begin;
drop table p2x cascade;
select conrelid::regclass::text, conname from pg_constraint where contype = 'f' and conparentid = 0 order by 1, 2;
insert into refs values (77, 7);
rollback;
insert into refs values (77, 7);
drop table p, refs;
drop table p2 cascade;
select conrelid::regclass::text, conname from pg_constraint where contype = 'f' and conparentid = 0 order by 1, 2;
alter table refs add foreign key (x) references p;
drop table p1, refs;
select * from p;

## TRUNCATE of a partition whose table is referred to
create table p (a int primary key, b text) partition by list (a);
create table p1 partition of p for values in (1);
create table p2 partition of p for values in (2);
create table refs (x int references p, y int);
create table pr (k int, x int, constraint own foreign key (x) references p) partition by list (k);
create table pr1 partition of pr for values in (1);
insert into p values (1, 'a'), (2, 'b');
insert into refs values (1, 1);
truncate p1;
truncate p1, refs;
truncate p1 cascade;
select count(*) from refs;
select * from p;
truncate p1, refs, pr;
truncate p, refs, pr;
select * from p;

## a partitioned table that refers to itself
create table p (k int primary key, up int) partition by list (k);
create table p1 partition of p for values in (1);
create table p2 partition of p for values in (2);
create table p3 partition of p for values in (3);
alter table p add constraint up foreign key (up) references p;
insert into p values (1, 1), (2, null), (3, 2);
drop table p2;
truncate p2;
alter table p detach partition p3;
insert into p3 values (4, 99);
select conrelid::regclass, conname, confrelid::regclass from pg_constraint where contype = 'f' and conrelid in ('p'::regclass, 'p3'::regclass) and confrelid = 'p'::regclass order by 1;
drop table p;

## writers of the referencing table are waited for, and kept out until the end
create table p (a int primary key) partition by list (a);
create table p1 partition of p for values in (1);
create table p2 partition of p for values in (2);
create table refs (x int references p);
insert into p values (1), (2);
s2: begin;
s2: insert into refs values (2);
alter table p detach partition p1;
s2: commit;
begin;
alter table p detach partition p2;
rollback;
delete from refs;
begin;
alter table p detach partition p2;
s3: insert into refs values (2);
commit;
create table p3 partition of p for values in (3);
insert into p values (3);
begin;
alter table p detach partition p3;
s3: insert into refs values (3);
rollback;
select * from refs;

## what was committed after a snapshot counts
create table p (a int primary key) partition by list (a);
create table p1 partition of p for values in (1);
create table refs (x int references p);
create table other (a int);
insert into p values (1);
begin isolation level repeatable read;
select * from other;
s2: insert into refs values (1);
select count(*) from refs;
alter table p detach partition p1;
rollback;
alter table p detach partition p1;

## while it is pending, nobody refers to it anew
create table p (a int primary key, b int) partition by list (a);
create table p1 partition of p for values in (1);
create table p2 partition of p for values in (2);
create table refs (x int references p);
create table other (a int);
insert into p values (1, 1), (2, 2);
s2: begin;
s2: select * from p order by a;
s3: begin isolation level repeatable read;
s3: select * from other;
set lock_timeout = '300ms';
s1!: alter table p detach partition p1 concurrently;
s3: insert into refs values (2);
s3: insert into refs values (1);
s3: rollback;
s4: insert into refs values (1);
s2: commit;
drop table p1;
set lock_timeout = 0;
alter table p detach partition p1 finalize;
select * from p1;
