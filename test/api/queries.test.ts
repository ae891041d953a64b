/** The embedded API, awaited: results, errors, transactions, the life of a database; and its agreement with node-postgres. */
import { readdirSync } from 'node:fs';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DatabaseError, type ExtentDB, open, sql } from '../../src/index.ts';
import { Folder } from '../support/folder.ts';

const folder = new Folder('api');
let db: ExtentDB;

beforeAll(async () => {
  db = await open(folder.file('app.extent'));
  await db.exec(
    "create table person (id int4 primary key generated always as identity, name text not null, born date, credit numeric(10,2) check (credit >= 0)); insert into person (name, born, credit) values ('ann', '1990-01-02', 10), ('ben', null, 20.5)",
  );
});

afterAll(async () => {
  await db.close();
  folder.remove();
});

async function failure(promise: Promise<unknown>): Promise<DatabaseError> {
  return promise.then(
    () => {
      throw new Error('no error');
    },
    (error: DatabaseError) => error,
  );
}

describe('results', () => {
  it('have rows, counts, commands and fields', async () => {
    const result = await db.query('select id, name from person where name = $1', ['ann']);
    expect(result).toEqual({
      rows: [{ id: 1, name: 'ann' }],
      rowCount: 1,
      command: 'SELECT',
      fields: [
        expect.objectContaining({
          name: 'id',
          columnID: 1,
          dataTypeID: 23,
          dataTypeSize: 4,
          dataTypeModifier: -1,
          format: 'text',
        }),
        expect.objectContaining({ name: 'name', dataTypeID: 25, dataTypeSize: -1 }),
      ],
      notices: [],
    });
    expect(await db.query("insert into person (name) values ('cyd')")).toMatchObject({
      rows: [],
      rowCount: 1,
      command: 'INSERT',
    });
    expect(await db.query("delete from person where name = 'cyd' returning name")).toMatchObject({
      rows: [{ name: 'cyd' }],
      rowCount: 1,
      command: 'DELETE',
    });
    expect(await db.query('create table if not exists person (a int4)')).toMatchObject({
      rowCount: null,
      command: 'CREATE',
      notices: [{ severity: 'NOTICE', sqlstate: '42P07' }],
    });
  });

  it('of several statements', async () => {
    const results = await db.exec('select 1 as a; select 2 as b, 3 as c');
    expect(results.map((r) => r.rows)).toEqual([[{ a: 1 }], [{ b: 2, c: 3 }]]);
    expect((await db.query('select 1 as a; select 2 as b')).rows).toEqual([{ b: 2 }]);
  });

  it('as arrays, and by own parsers', async () => {
    expect((await db.query('select id, id from person order by 1', [], { rowMode: 'array' })).rows).toEqual([
      [1, 1],
      [2, 2],
    ]);
    const types = { getTypeParser: (oid: number) => (text: string) => `${oid}:${text}` };
    expect((await db.query("select 1 as a, 'x'::char(3) as b", [], { types })).rows).toEqual([
      { a: '23:1', b: '1042:x  ' },
    ]);
  });

  it('with columns of any name', async () => {
    const { rows } = await db.query<Record<string, unknown>>(
      'select 1 as "__proto__", 2 as constructor, 3 as "toString", 4 as twice, 5 as twice from generate_series(1, 40)',
    );
    for (const row of [rows[0]!, rows[39]!]) {
      expect(Object.entries(row)).toEqual([
        ['__proto__', 1],
        ['constructor', 2],
        ['toString', 3],
        ['twice', 5],
      ]);
      expect(Object.getPrototypeOf(row)).toBe(Object.prototype);
    }
  });

  it('of templates', async () => {
    const name = "o'hara; drop table person";
    expect((await db.sql`select ${name} as name, ${2}::int4 + 1 as n`).rows).toEqual([{ name, n: 3 }]);
    const filter = sql`name = ${'ben'}`;
    expect((await db.query(sql`select id from person where ${filter} and id < ${100}`)).rows).toEqual([{ id: 2 }]);
  });
});

describe('errors', () => {
  it("are pg-protocol's, with PostgreSQL's fields", async () => {
    const error = await failure(db.query("insert into person (name, credit) values ('x', -1)"));
    expect(error).toBeInstanceOf(DatabaseError);
    expect(error).toMatchObject({
      code: '23514',
      severity: 'ERROR',
      schema: 'public',
      table: 'person',
      constraint: 'person_credit_check',
    });
    expect(await failure(db.query('select nothing from person'))).toMatchObject({ code: '42703', position: '8' });
    expect(await failure(db.query('select $1::int4', ['x']))).toMatchObject({ code: '22P02' });
    expect(await failure(db.query('select $1::int4'))).toMatchObject({ code: '42P02' });
    expect(await failure(db.query('select $1::int4', []))).toMatchObject({ code: '08P01' });
    expect(await failure(db.query('copy person from stdin'))).toMatchObject({ code: '0A000' });
    expect((await db.query('select 1 as still')).rows).toEqual([{ still: 1 }]);
  });

  it('of a second opener name the process that has the file', async () => {
    const error = await failure(open(folder.file('app.extent')));
    expect(error).toMatchObject({ code: '55006' });
    expect(error.message).toContain(String(process.pid));
  });

  it('of wrong options come at once', async () => {
    expect(await failure(open(folder.file('other.extent'), { settings: { TimeZone: 'Atlantis' } }))).toMatchObject({
      code: '22023',
    });
  });
});

describe('transactions', () => {
  it('commit, roll back, and are isolated', async () => {
    const seen = await db.transaction(async (tx) => {
      await tx.query("insert into person (name) values ('dot')");
      expect((await db.query("select 1 from person where name = 'dot'")).rowCount).toBe(0);
      return (await tx.sql`select name from person where name = ${'dot'}`).rows;
    });
    expect(seen).toEqual([{ name: 'dot' }]);
    const broken = failure(
      db.transaction(async (tx) => {
        await tx.query("delete from person where name = 'dot'");
        throw new Error('changed my mind');
      }),
    );
    expect((await broken).message).toBe('changed my mind');
    expect((await db.query("select 1 from person where name = 'dot'")).rowCount).toBe(1);
  });

  it('tell when they could not commit', async () => {
    const error = await failure(
      db.transaction(async (tx) => {
        await tx.query('select 1/0').catch(() => {});
      }),
    );
    expect(error.code).toBe('25P02');
    expect(
      await failure(db.transaction((tx) => tx.query('create table t (a int4)'), { readOnly: true })),
    ).toMatchObject({ code: '25006' });
  });

  it('are over when they are over', async () => {
    const tx = await db.transaction(async (inside) => inside);
    expect(await failure(tx.query('select 1'))).toMatchObject({ code: '25P01' });
  });

  it('wait for each other', async () => {
    const order: string[] = [];
    let release: () => void = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const first = db.transaction(async (tx) => {
      await tx.query('update person set credit = credit + 1 where id = 1');
      await held;
      order.push('first');
    });
    const second = db.query('update person set credit = credit + 1 where id = 1').then(() => order.push('second'));
    await db.query('select 1');
    release();
    await Promise.all([first, second]);
    expect(order).toEqual(['first', 'second']);
  });
});

it('cancels by signal', async () => {
  const controller = new AbortController();
  const slow = failure(
    db.query('select count(*) from generate_series(1, 1000000000)', [], { signal: controller.signal }),
  );
  await db.query('select 1');
  controller.abort();
  expect((await slow).code).toBe('57014');
});

it('obeys statement_timeout', async () => {
  const own = await open(folder.file('hasty.extent'), { settings: { statement_timeout: '20ms' } });
  expect(await failure(own.query('select count(*) from generate_series(1, 1000000000)'))).toMatchObject({
    code: '57014',
    message: 'canceling statement due to statement timeout',
  });
  await own.close();
});

it('many calls at once each get their answer', async () => {
  const answers = await Promise.all(
    Array.from({ length: 200 }, (_, i) => db.query<{ n: number }>('select $1::int4 as n', [i])),
  );
  expect(answers.map((a) => a.rows[0]!.n)).toEqual(Array.from({ length: 200 }, (_, i) => i));
});

it('closing cancels what runs and leaves one file', async () => {
  const own = await open(folder.file('short.extent'));
  await own.query('create table t (a int4)');
  const running = failure(own.query('select pg_sleep(60)'));
  await own[Symbol.asyncDispose]();
  expect((await running).code).toBe('57P01');
  expect(await failure(own.query('select 1'))).toMatchObject({ code: '08006' });
  expect(readdirSync(folder.path).filter((f) => f.startsWith('short'))).toEqual(['short.extent']);
});

describe('beside the wire', () => {
  it('serves the same file, and gives the same values as node-postgres', async () => {
    const wire = await db.listen();
    const client = new pg.Client({ connectionString: wire.url });
    await client.connect();
    await client.query("insert into person (name) values ('over the wire')");
    expect((await db.query("select 1 from person where name = 'over the wire'")).rowCount).toBe(1);
    const questions = [
      "select true as b, 7::int2 as i2, -8::int4 as i4, 9::int8 as i8, 9007199254740993::int8 as wide, 26::oid as o, 1.10::numeric as n, 'NaN'::numeric as nan, 0.1::float4 as f4, 1e300::float8 as f8, 'NaN'::float8 as fn",
      "select 'x'::text as t, 'y'::varchar(5) as v, 'z'::char(3) as c, 'n'::name as nm, '\\x00ff'::bytea as by, '00112233-4455-6677-8899-aabbccddeeff'::uuid as u, 'person'::regclass as r",
      "select date '2024-02-29' as d, date '0044-03-15 BC' as bc, date 'infinity' as di, timestamp '2024-01-02 03:04:05.678901' as ts, timestamptz '1969-12-31 23:59:59.9999+00' as tz, timestamptz '-infinity' as ti, time '12:34:56.7' as tm",
      "select interval '1 year 2 mons -3 days 04:05:06.789' as iv, interval '-0.5 seconds' as neg, interval '0' as zero",
      "select array[1,null,3] as ia, array[1,2]::int8[] as ba, array[1.5,2]::numeric[] as na, array['a','b,\"c'] as ta, array[[1,2],[3,4]] as m, '{}'::int4[] as e, array[true,null] as bo, array[date '2020-01-01'] as da, array['\\x01'::bytea] as bya, array['x'::name] as nma, array[interval '1 day'] as iva",
      'select null::int4 as a, count(*) as c, sum(credit) as s, avg(id) as av from person',
    ];
    for (const text of questions) {
      const here = await db.query(text);
      const there = await client.query(text);
      expect(plain(here.rows), text).toEqual(plain(there.rows));
      expect(
        here.fields.map((f) => ({ ...f })),
        text,
      ).toEqual(there.fields.map((f) => ({ ...f })));
      expect([here.command, here.rowCount]).toEqual([there.command, there.rowCount]);
    }
    await client.end();
    await wire.close();
  });

  it('takes the parameters that node-postgres takes', async () => {
    const wire = await db.listen();
    const client = new pg.Client({ connectionString: wire.url });
    await client.connect();
    const date = new Date(Date.UTC(2024, 1, 29, 12, 30, 15, 250));
    const text =
      'select $1::timestamptz as tz, $2::int4[] as a, $3::bytea as b, $4::text[] as ta, $5::bool as bo, $6::int8 as big, $7::text as n, $8::text as o, $9::date as d';
    const values = [
      date,
      [1, null, 3],
      Buffer.from([0, 255]),
      ['a"b', 'c\\d', ''],
      true,
      2n ** 60n,
      null,
      { k: [1] },
      date,
    ];
    expect(plain((await db.query(text, values)).rows)).toEqual(plain((await client.query(text, values)).rows));
    await client.end();
    await wire.close();
  });
});

/** Intervals are of one class here and of another there. */
function plain(rows: readonly object[]): unknown[] {
  const simple = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(simple);
    return typeof value === 'object' && value !== null && 'toPostgres' in value ? { ...value } : value;
  };
  return rows.map((row) => Object.fromEntries(Object.entries(row).map(([k, v]) => [k, simple(v)])));
}
