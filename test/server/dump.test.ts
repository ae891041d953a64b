/**
 * pg_dump and pg_restore, where they are installed: what is dumped can be restored, with psql and in parallel, and is dumped as it was.
 */
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Served, serve } from './support.ts';

const present = ['pg_dump', 'pg_restore', 'psql'].every((name) => spawnSync(name, ['--version']).status === 0);
if (!present) process.stderr.write('Dump tests are skipped: pg_dump, pg_restore and psql are not installed\n');

const SCHEMA = `
  create schema app;
  create sequence app.free start 5;
  create table app.zz (id serial primary key, a text default 'x''y', n numeric(10,2) check (n > 0),
    u int default nextval('app.free'), unique (a, n));
  create table child (id int generated always as identity, z int references app.zz (id) on delete cascade,
    g int generated always as (z * 2) stored, arr int[] default '{1,2}', ts timestamptz default '2026-01-01 00:00+00');
  create view a_view as select c.id, z.a from child c join app.zz z on z.id = c.z;
  create view aa_view as select count(*) as n from a_view;
  create index child_part on child (z desc nulls last) where z > 3;
  create index child_expr on child (abs(z));
  create unique index zz_inc on app.zz (n) include (a);
  comment on table child is 'it''s';
  comment on column child.z is 'col';
  create table part (k int, v text) partition by range (k);
  create table part_1 partition of part for values from (1) to (10);
  create table part_d partition of part default;
  alter table part add primary key (k);
  insert into app.zz (a, n) select 'r' || i, i from generate_series(1, 20) i;
  insert into child (z) select i from generate_series(1, 20) i;
  insert into part select i, repeat('q', i) from generate_series(1, 20) i;
  insert into part values (99, E'tab\\there\\nnew \\\\ line');
  create table "Odd Name" ("A b" int, "select" text, b bytea, d date, iv interval, bo boolean, un uuid);
  insert into "Odd Name" values (1, 'x', '\\x0102', '2026-01-01', '1 day 02:00', true, '00000000-0000-0000-0000-000000000001'),
    (null, null, null, null, null, null, null);`;

describe.skipIf(!present)('pg_dump', () => {
  let served: Served;
  let folder: string;
  let dumped: string;

  /** The server runs in this process: it must not be waited for on the spot. */
  async function run(program: string, ...words: string[]): Promise<string> {
    const place = ['-h', '127.0.0.1', '-p', String(served.port), '-U', 'postgres'];
    return (await promisify(execFile)(program, [...place, ...words])).stdout;
  }

  /** Newer versions begin with a word of chance. */
  async function dump(database: string): Promise<string> {
    return (await run('pg_dump', database)).replace(/^\\.*$/gm, '');
  }

  async function made(name: string, script?: string): Promise<void> {
    const admin = await served.client();
    await admin.query(`create database ${name}`);
    await admin.end();
    if (script === undefined) return;
    const client = await served.client(name);
    await client.query(script);
    await client.end();
  }

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'extentdb-dump-'));
    served = await serve();
    await made('rich', SCHEMA);
    dumped = await dump('rich');
  });

  afterAll(async () => {
    await served.close();
    rmSync(folder, { recursive: true });
  });

  it('tells all that there is, and nothing of what every database has', () => {
    for (const part of ['CREATE TABLE app.zz', 'CREATE VIEW public.aa_view', 'COPY public."Odd Name"', 'INCLUDE (a)'])
      expect(dumped).toContain(part);
    expect(dumped).not.toMatch(/CREATE (SCHEMA (sys|extentdb|public)|EXTENSION)/);
  });

  it('is restored by psql, and dumped as it was', async () => {
    await made('again');
    const file = join(folder, 'rich.sql');
    await run('pg_dump', '-f', file, 'rich');
    await run('psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', 'again', '-f', file);
    expect(await dump('again')).toBe(dumped);
  });

  it('is restored by pg_restore on two connections', async () => {
    await made('parallel');
    const file = join(folder, 'rich.dump');
    await run('pg_dump', '-Fc', '-f', file, 'rich');
    await run('pg_restore', '--exit-on-error', '-j', '2', '-d', 'parallel', file);
    expect(await dump('parallel')).toBe(dumped);
  });
});
