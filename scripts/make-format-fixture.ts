/**
 * Makes the fixture of the format version at hand: a database file that every later version must open (law 13), and beside
 * it what the file holds.
 *
 *     npx tsc -p tsconfig.campaign.json && node dist/campaign/scripts/make-format-fixture.js
 *
 *     test/format/version-N.extent     the file, closed cleanly, at most 384 KiB
 *     test/format/version-N.json       the statements that made it, and queries with the rows that they must give
 *
 * A fixture is made once, when its version is new, and never again: what it proves is that bytes written then are read now.
 */
import { existsSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { open } from '../src/index.ts';
import { FORMAT_VERSION_MAX } from '../src/storage/layout.ts';
import { type Description, textsOf } from '../test/format/description.ts';

const BYTES_MAX = 384 * 1024;
const PAGE_BYTES = 4096;

/** Every type that is stored in its own way, long values, deep enough trees, deleted and changed rows, every kind of object. */
const STATEMENTS: readonly string[] = [
  `create table kinds (id int primary key, b boolean, s smallint, i integer, l bigint, r real, d double precision,
     n numeric, m numeric(12, 3), t text, v varchar(20), c char(5), name name, x bytea, u uuid, day date, clock time,
     at timestamp, zoned timestamptz, span interval, ints int[], words text[], o oid)`,
  `insert into kinds values
     (1, true, -32768, -2147483648, -9223372036854775808, 'NaN', '-Infinity', 'NaN', -123456789.125, '', '', '', '', '',
      '00000000-0000-0000-0000-000000000000', '4713-01-01 BC', '00:00', '-infinity', 'infinity', '-1 year 2 mons -3 days',
      '{}', '{NULL,"NULL",""}', 0),
     (2, false, 32767, 2147483647, 9223372036854775807, 1.5, 1e-300, 123456789012345678901234567890.0000000001, 0.001,
      E'Grüße,\\n\\tWelt \\U0001F600', 'varying', 'fixed', 'a name', '\\x00ff80', 'ffffffff-ffff-ffff-ffff-ffffffffffff',
      '5874897-12-31', '23:59:59.999999', '2026-02-28 12:34:56.789', '2026-02-28 12:34:56.789+02', '1 mon 04:05:06.7',
      '[0:1][2:3]={{1,2},{3,NULL}}', '{a,"b c"}', 4294967295)`,
  `insert into kinds (id) values (3)`,
  `create table long (id bigint generated always as identity, body text, raw bytea)`,
  `insert into long (body, raw) values
     (repeat('0123456789', 600), decode(repeat('c0ffee', 3000), 'hex')), (null, null), ('short', '\\x01')`,
  `update long set body = repeat('changed', 900) where id = 1`,
  `create table author (id serial primary key, name text not null unique, born int check (born > 0))`,
  `create table book (isbn char(10) primary key, author int references author on delete cascade, title text default 'untitled',
     pages int, printed bigint generated always as (pages * 1000) stored)`,
  `create index book_title on book (lower(title)) where pages > 100`,
  `create index book_pages on book (pages desc, title)`,
  `insert into author (name, born) select 'author ' || i, 1800 + i from generate_series(1, 40) i`,
  `insert into book (isbn, author, title, pages)
     select 'isbn' || lpad(i::text, 6, '0'), 1 + i % 40, case when i % 7 > 0 then 'Title ' || i end, i * 3
     from generate_series(1, 240) i`,
  `delete from book where pages between 300 and 420`,
  `update book set title = title || ', second edition', isbn = replace(isbn, 'isbn', 'ISBN') where pages < 30`,
  `create table heap (a int, b text)`,
  `insert into heap select i, 'row ' || i from generate_series(1, 60) i`,
  `delete from heap where a % 3 = 0`,
  `alter table heap add column added text default 'as evaluated then'`,
  `alter table heap drop column a`,
  `insert into heap (b) values ('after the change')`,
  `create schema other`,
  `create sequence other.counter start 7 increment 3 maxvalue 1000 cycle`,
  `select nextval('other.counter'), nextval('other.counter')`,
  `create view other.thick as select isbn, title from public.book where pages > 600`,
  `create table other.emptied (id int primary key)`,
  `insert into other.emptied values (1), (2)`,
  `truncate other.emptied`,
  `comment on table book is 'what is read'`,
  // Version 2, in what little room there is for it.
  `create index book_covered on book (author) include (title, printed) where pages > 400`,
  `create table covered (id int, v text, body text, primary key (id) include (v), unique (v) include (body))`,
  `insert into covered select i, 'v' || i, case i when 3 then repeat('long', 1500) end from generate_series(1, 30) i`,
  `delete from covered where id % 4 = 0`,
  `update book set title = title || ', sold' where author = 7`,
  `alter database "version-2" shrink`,
];

const QUERIES: readonly string[] = [
  'select * from kinds order by id',
  'select id, length(body), md5(body), length(raw), md5(raw) from long order by id',
  'select * from author order by id',
  'select * from book order by isbn',
  "select isbn from book where lower(title) = 'title 50' and pages > 100",
  'select pages, title from book where pages > 500 order by pages desc, title limit 5',
  "select id from author where name = 'author 17'",
  'select * from heap order by b',
  'select * from other.thick order by isbn',
  'select count(*) from other.emptied',
  'select author, title, printed from book where author = 7 order by title',
  `select id, v, length(body) from covered where v in ('v3', 'v5', 'v8') order by v`,
  `select n.nspname, c.relname, c.relkind from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname in ('public', 'other') order by 1, 2`,
  'select conname, contype from pg_constraint order by 1',
  "select obj_description('book'::regclass)",
];

/** The rest changes the file: that it can be written, too, and goes on where it stopped. */
const CHANGES: Description['changes'] = [
  { statement: "select nextval('other.counter')", rows: [['13']] },
  { statement: "insert into author (name) values ('the next') returning id", rows: [['41']] },
  { statement: "insert into long (body) values ('the next') returning id", rows: [['4']] },
  { statement: 'delete from author where id <= 10 returning name', rows: undefined },
  { statement: 'select count(*) from book', rows: undefined },
  { statement: "update covered set body = 'changed' where v = 'v3' returning body", rows: [['changed']] },
  { statement: "select body from covered where v = 'v3'", rows: [['changed']] },
];

const path = join('test', 'format', `version-${FORMAT_VERSION_MAX}.extent`);
if (existsSync(path)) throw new Error(`${path} exists: a fixture is made once`);
const db = await open(path, { pageBytes: PAGE_BYTES });
for (const statement of STATEMENTS) await db.query(statement);
const contents: Description['contents'][number][] = [];
for (const query of QUERIES) contents.push({ query, rows: await textsOf(db, query) });
await db.close();
const bytes = statSync(path).size;
if (bytes > BYTES_MAX) {
  rmSync(path);
  throw new Error(`the file has ${bytes} bytes, ${BYTES_MAX} are allowed`);
}
const description: Description = {
  formatVersion: FORMAT_VERSION_MAX,
  statements: STATEMENTS,
  contents,
  changes: CHANGES,
};
writeFileSync(path.replace(/extent$/, 'json'), `${JSON.stringify(description, undefined, 1)}\n`);
console.log(`${path}: ${bytes} bytes`);
