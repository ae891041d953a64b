/** Prepared statements that answer at once. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DatabaseError, type ExtentDB, open } from '../../src/index.ts';
import { Folder } from '../support/folder.ts';

const folder = new Folder('api');
let db: ExtentDB;

beforeAll(async () => {
  db = await open(folder.file('app.extent'));
  await db.exec(
    "create table item (id int8 primary key, name text, price numeric(8,2), note text); insert into item select i, 'item ' || i, i / 4.0, case when i % 10 = 0 then null else repeat('n', i) end from generate_series(1, 1000) i",
  );
});

afterAll(async () => {
  await db.close();
  folder.remove();
});

function failure(run: () => unknown): DatabaseError {
  try {
    run();
  } catch (error) {
    return error as DatabaseError;
  }
  throw new Error('no error');
}

describe('get', () => {
  it('looks rows up by primary key', () => {
    const get = db.prepare<{ id: string; name: string; price: string; note: string | null }>(
      'select id, name, price, note from item where id = $1',
    );
    expect(get.fields.map((f) => f.name)).toEqual(['id', 'name', 'price', 'note']);
    for (let round = 0; round < 3; round++) {
      expect(get.get(7)).toEqual({ id: '7', name: 'item 7', price: '1.75', note: 'nnnnnnn' });
      expect(get.get('20')).toEqual({ id: '20', name: 'item 20', price: '5.00', note: null });
      expect(get.get(2n)?.name).toBe('item 2');
      expect(get.get(-1)).toBeUndefined();
      expect(get.get(null)).toBeUndefined();
    }
    expect(failure(() => get.get('x')).code).toBe('22P02');
    expect(failure(() => get.get()).code).toBe('08P01');
    expect(get.get(1)?.name).toBe('item 1');
  });

  it('sees changes at once, its own and others’, committed only', async () => {
    const get = db.prepare<{ price: string }>('select price from item where id = $1');
    const set = db.prepare('update item set price = $1 where id = $2');
    expect(set.run('9.99', 500)).toEqual({ command: 'UPDATE', rowCount: 1 });
    expect(get.get(500)).toEqual({ price: '9.99' });
    await db.transaction(async (tx) => {
      await tx.query('update item set price = 1 where id = 500');
      expect(get.get(500)).toEqual({ price: '9.99' });
    });
    expect(get.get(500)).toEqual({ price: '1.00' });
  });

  it('reads long values and survives DDL', async () => {
    await db.query("update item set note = repeat('long ', 100000) where id = 3");
    const get = db.prepare<{ note: string }>('select note from item where id = $1');
    expect(get.get(3)?.note.length).toBe(500_000);
    const all = db.prepare<Record<string, unknown>>('select name, price from item where id = $1');
    expect(all.get(4)).toEqual({ name: 'item 4', price: '1.00' });
    await db.query('alter table item add column stock int4 default 5');
    expect(all.get(4)).toEqual({ name: 'item 4', price: '1.00' });
    await db.query('alter table item drop column price');
    expect(failure(() => all.get(4)).code).toBe('42703');
    await db.query('alter table item add column price numeric(8,2)');
  });

  it('of any other statement gives the first row', () => {
    expect(db.prepare('select name from item order by id desc').get()).toEqual({ name: 'item 1000' });
    expect(db.prepare('insert into item (id, name) values ($1, $2) returning id + 1 as next').get(2000, 'new')).toEqual(
      { next: '2001' },
    );
    expect(db.prepare('select name from item where id = $1 and name = $2').get(2000, 'new')).toEqual({ name: 'new' });
    db.prepare('delete from item where id = 2000').run();
  });
});

it('all and iterate give every row; an iteration may be left', async () => {
  const up = db.prepare<{ id: string }>('select id from item where id <= $1 order by id');
  const expected = Array.from({ length: 300 }, (_, i) => ({ id: String(i + 1) }));
  expect(up.all(300)).toEqual(expected);
  expect([...up.iterate(300)]).toEqual(expected);
  const seen: string[] = [];
  for (const { id } of up.iterate(1000)) {
    seen.push(id);
    // Other statements run in between, also this one.
    expect(up.get(1)).toEqual({ id: '1' });
    if (seen.length === 100) break;
  }
  expect(seen.length).toBe(100);
  expect((await db.query('select 1 as free')).rows).toEqual([{ free: 1 }]);
});

it('does not wait for locks of others', async () => {
  const set = db.prepare('update item set name = $1 where id = $2');
  const get = db.prepare('select name from item where id = $1');
  await db.transaction(async (tx) => {
    await tx.query('select * from item where id = 9 for update');
    expect(failure(() => set.run('x', 9)).code).toBe('55P03');
    expect(set.run('y', 10).rowCount).toBe(1);
    await tx.query('lock table item in access exclusive mode');
    expect(failure(() => get.get(10)).code).toBe('55P03');
  });
  expect(get.get(10)).toEqual({ name: 'y' });
  expect(set.run('x', 9).rowCount).toBe(1);
});

it('is refused what is wrong when it is prepared', () => {
  expect(failure(() => db.prepare('selec 1')).code).toBe('42601');
  expect(failure(() => db.prepare('select 1; select 2')).code).toBe('42601');
  expect(failure(() => db.prepare('select no from item')).code).toBe('42703');
});

it('takes part in a transaction of its own statements', () => {
  const count = db.prepare<{ n: number }>('select count(*)::int4 as n from item where id > 5000');
  const add = db.prepare('insert into item (id) values ($1)');
  db.prepare('begin').run();
  add.run(5001);
  expect(count.get()).toEqual({ n: 1 });
  expect([...count.iterate()]).toEqual([{ n: 1 }]);
  db.prepare('rollback').run();
  expect(count.get()).toEqual({ n: 0 });
});
