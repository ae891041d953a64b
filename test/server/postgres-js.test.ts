/** postgres.js: pipelined, always extended, cursors by portals, COPY as streams. */
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Served, serve } from './support.ts';

let served: Served;
let sql: postgres.Sql;

beforeAll(async () => {
  served = await serve();
  sql = postgres({
    host: '127.0.0.1',
    port: served.port,
    user: 'postgres',
    database: 'postgres',
    max: 3,
    onnotice: () => {},
  });
  await sql`create table person (id serial primary key, name text, tags int4[])`;
});

afterAll(async () => {
  await sql.end();
  await served.close();
});

describe('postgres.js', () => {
  it('sends and receives values by their types', async () => {
    const [row] =
      await sql`select ${1}::int4 as n, ${'a'} as t, ${new Date(0)}::timestamptz as d, ${[1, 2]}::int4[] as list`;
    expect(row).toEqual({ n: 1, t: 'a', d: new Date(0), list: [1, 2] });
    const inserted = await sql`insert into person ${sql([
      { name: 'ann', tags: [1] },
      { name: 'ben', tags: null },
    ])} returning *`;
    expect([...inserted]).toEqual([
      { id: 1, name: 'ann', tags: [1] },
      { id: 2, name: 'ben', tags: null },
    ]);
    expect(inserted.count).toBe(2);
  });

  it('runs transactions with savepoints', async () => {
    const name = await sql.begin(async (tx) => {
      await tx`update person set name = 'changed' where id = 1`;
      const code = await tx.savepoint((inner) => inner`select 1 / (id - id) from person`).catch((error) => error.code);
      expect(code).toBe('22012');
      return (await tx`select name from person where id = 1`)[0]!['name'];
    });
    expect(name).toBe('changed');
  });

  it('reads through a cursor', async () => {
    const sizes: number[] = [];
    await sql`select * from generate_series(1, 250)`.cursor(100, (rows) => {
      sizes.push(rows.length);
    });
    expect(sizes).toEqual([100, 100, 50]);
  });

  it('pipelines many queries', async () => {
    const answers = await Promise.all(Array.from({ length: 300 }, (_, i) => sql`select ${i}::int4 as n`));
    expect(answers.map((rows) => rows[0]!['n'])).toEqual(Array.from({ length: 300 }, (_, i) => i));
  });

  it('cancels', async () => {
    const sleeping = sql`select pg_sleep(60)`.execute();
    await sql`select 1`;
    await sql`select 1`;
    sleeping.cancel();
    await expect(sleeping).rejects.toMatchObject({ code: '57014' });
  });

  it('copies in and out', async () => {
    const into = await sql`copy person (name) from stdin`.writable();
    await new Promise<void>((resolve, reject) => {
      into.on('finish', resolve);
      into.on('error', reject);
      into.write('cyd\n');
      into.end('dot\n');
    });
    let text = '';
    for await (const chunk of await sql`copy (select name from person order by id) to stdout`.readable()) text += chunk;
    expect(text).toBe('changed\nben\ncyd\ndot\n');
  });

  it('describes a statement', async () => {
    const { columns } = await sql`select id, name from person where id = ${1}`.describe();
    expect(columns.map((c) => [c.name, c.type])).toEqual([
      ['id', 23],
      ['name', 25],
    ]);
  });
});
