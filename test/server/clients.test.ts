/** What clients do, through node-postgres: several connections, waits, cancelling, COPY, time-outs, the end of the server. */
import type { Client, DatabaseError } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  bind,
  cstring,
  errorCode,
  execute,
  FrameClient,
  fields,
  frame,
  int32,
  parse,
  query,
  type Served,
  SYNC,
  serve,
  tag,
  types,
} from './support.ts';

let served: Served;
let a: Client;
let b: Client;

beforeAll(async () => {
  served = await serve();
  a = await served.client();
  b = await served.client();
  await a.query(
    "create table account (id int4 primary key, owner text, balance numeric(12,2)); insert into account values (1, 'ann', 100), (2, 'ben', 50), (3, 'eve', 0)",
  );
});

afterAll(async () => {
  await a.end();
  await b.end();
  await served.close();
});

async function failure(promise: Promise<unknown>): Promise<DatabaseError> {
  return promise.then(
    () => {
      throw new Error('no error');
    },
    (error: DatabaseError) => error,
  );
}

/** Resolves when the backend waits for a lock: what it asked is not answered, though everything else is. */
async function settled(client: Client): Promise<void> {
  for (let i = 0; i < 5; i++) await client.query('select 1');
}

describe('results', () => {
  it('have the types and names that node-postgres expects', async () => {
    const result = await a.query(
      'select id, owner, balance, balance > 60 as rich, now() as at from account where id = $1',
      [1],
    );
    expect(result.rowCount).toBe(1);
    expect(result.command).toBe('SELECT');
    expect(result.fields.map((f) => [f.name, f.dataTypeID, f.columnID])).toEqual([
      ['id', 23, 1],
      ['owner', 25, 2],
      ['balance', 1700, 3],
      ['rich', 16, 0],
      ['at', 1184, 0],
    ]);
    expect(result.rows[0]).toMatchObject({ id: 1, owner: 'ann', balance: '100.00', rich: true });
    expect(result.rows[0].at).toBeInstanceOf(Date);
  });

  it('of large size arrive whole', async () => {
    const { rows } = await a.query("select n, repeat('x', 100) as filler from generate_series(1, 50000) n");
    expect(rows.length).toBe(50_000);
    expect(rows.at(-1)).toEqual({ n: 50_000, filler: 'x'.repeat(100) });
  });

  it('prepared statements are reused and survive DDL', async () => {
    const named = { name: 'by-owner', text: 'select balance from account where owner = $1' };
    for (const owner of ['ann', 'ben', 'ann']) expect((await a.query({ ...named, values: [owner] })).rowCount).toBe(1);
    await b.query('create index account_owner on account (owner)');
    expect((await a.query({ ...named, values: ['ben'] })).rows).toEqual([{ balance: '50.00' }]);
  });
});

describe('transactions of several connections', () => {
  it('see only what is committed', async () => {
    await a.query('begin');
    await a.query('update account set balance = balance + 1 where id = 3');
    expect((await b.query('select balance from account where id = 3')).rows).toEqual([{ balance: '0.00' }]);
    await a.query('commit');
    expect((await b.query('select balance from account where id = 3')).rows).toEqual([{ balance: '1.00' }]);
  });

  it('wait for a row and go on with its newest state', async () => {
    await a.query('begin; update account set balance = balance + 10 where id = 2');
    const waiting = b.query('update account set balance = balance * 2 where id = 2 returning balance');
    await settled(a);
    await a.query('commit');
    expect((await waiting).rows).toEqual([{ balance: '120.00' }]);
  });

  it('with NOWAIT and lock_timeout do not wait', async () => {
    await a.query('begin; select * from account where id = 1 for update');
    expect((await failure(b.query('select * from account where id = 1 for update nowait'))).code).toBe('55P03');
    expect((await b.query('select id from account for update skip locked')).rows).toEqual([{ id: 2 }, { id: 3 }]);
    await b.query("set lock_timeout = '20ms'");
    expect((await failure(b.query('delete from account where id = 1'))).code).toBe('55P03');
    await b.query('reset lock_timeout');
    await a.query('rollback');
  });

  it('in a circle: one is the victim', async () => {
    await a.query('begin; update account set owner = owner where id = 1');
    await b.query('begin; update account set owner = owner where id = 2');
    const first = a.query('update account set owner = owner where id = 2').then(
      () => undefined,
      (e: DatabaseError) => e.code,
    );
    const second = b.query('update account set owner = owner where id = 1').then(
      () => undefined,
      (e: DatabaseError) => e.code,
    );
    const codes = [await first, await second];
    expect(codes.filter((c) => c === '40P01').length).toBe(1);
    await a.query('rollback');
    await b.query('rollback');
  });

  it('at REPEATABLE READ fail with 40001', async () => {
    await a.query('begin isolation level repeatable read; select * from account');
    await b.query('update account set balance = 7 where id = 3');
    expect((await failure(a.query('update account set balance = 8 where id = 3'))).code).toBe('40001');
    await a.query('rollback');
  });
});

describe('cancelling', () => {
  it('by a request on a second connection ends the statement only', async () => {
    await a.query('begin; select * from account where id = 1 for update');
    const [processID, secretKey] = [Reflect.get(b, 'processID'), Reflect.get(b, 'secretKey')];
    const waiting = failure(b.query('delete from account where id = 1'));
    await settled(a);
    const canceller = await FrameClient.connect(served.port);
    canceller.send(Buffer.concat([int32(16), int32(80877102), int32(processID), int32(secretKey)]));
    expect(await canceller.end()).toEqual([]);
    expect(await waiting).toMatchObject({ code: '57014', message: 'canceling statement due to user request' });
    await a.query('rollback');
    expect((await b.query('select count(*)::int4 as n from account')).rows).toEqual([{ n: 3 }]);
  });

  it('by pg_cancel_backend, and ending by pg_terminate_backend', async () => {
    const victim = await served.client();
    const { pid } = (await victim.query('select pg_backend_pid() as pid')).rows[0];
    const sleeping = failure(victim.query('select pg_sleep(60)'));
    await settled(a);
    expect((await a.query('select pg_cancel_backend($1) as done', [pid])).rows).toEqual([{ done: true }]);
    expect((await sleeping).code).toBe('57014');
    const again = failure(victim.query('select pg_sleep(60)'));
    await settled(a);
    await a.query('select pg_terminate_backend($1)', [pid]);
    expect((await again).code).toBe('57P01');
    expect((await a.query('select pg_cancel_backend($1) as done', [pid])).rows).toEqual([{ done: false }]);
  });

  it('by statement_timeout', async () => {
    await b.query("set statement_timeout = '30ms'");
    expect(await failure(b.query('select count(*) from generate_series(1, 100000000)'))).toMatchObject({
      code: '57014',
      message: 'canceling statement due to statement timeout',
    });
    await b.query('reset statement_timeout');
    expect((await b.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  });

  it('is heard of before all is undone, at a COMMIT too', async () => {
    const frames = await served.frames();
    const told = async (text: string): Promise<string> => {
      frames.send(query(text));
      return types(await frames.until('Z'));
    };
    await told('create table up (id int primary key)');
    await told('create table down (id int primary key, up int references up deferrable initially deferred)');
    await told('begin');
    await told('insert into down select g, g from generate_series(1, 30000) g');
    frames.send(query('commit'));
    const [error] = await frames.until('E');
    expect(fields(error!)).toMatchObject({ C: '23503' });
    // Thirty thousand rows are undone in many slices: the client has its error in one of the first.
    expect(types(frames.received)).toBe('');
    expect(types(await frames.until('Z'))).toBe('Z');
    frames.send(query('select count(*) from down'));
    expect((await frames.until('Z')).find((m) => m.type === 'D')!.body.toString('latin1')).toMatch(/0$/);
    await told('drop table down, up');
    frames.socket.destroy();
  });

  it('idle_in_transaction_session_timeout ends the session', async () => {
    const idle = await served.frames();
    idle.send(query("set idle_in_transaction_session_timeout = '30ms'"), query('begin'));
    const said = await idle.end();
    expect(fields(said.find((m) => m.type === 'E')!)).toMatchObject({ S: 'FATAL', C: '25P03' });
  });
});

it('notices reach the client, and client_min_messages holds them back', async () => {
  const heard: string[] = [];
  b.on('notice', (n) => heard.push(`${n.severity} ${n.code} ${n.message}`));
  await b.query('create table if not exists account (id int4)');
  await b.query("set client_min_messages = 'warning'");
  await b.query('create table if not exists account (id int4)');
  await b.query('reset client_min_messages');
  expect(heard).toEqual(['NOTICE 42P07 relation "account" already exists, skipping']);
});

describe('COPY', () => {
  it('in and out', async () => {
    const client = await served.frames();
    client.send(query('create table copied (a int4, b text)'));
    await client.until('Z');
    client.send(query('copy copied from stdin'));
    expect(types(await client.until('G'))).toBe('G');
    client.send(frame('d', Buffer.from('1\tone\n2\tt')), frame('d', Buffer.from('wo\n3\t\\N\n')), frame('c'));
    expect(tag((await client.until('Z'))[0]!)).toBe('COPY 3');
    client.send(query('copy (select * from copied order by a) to stdout with (format csv, header)'));
    const out = await client.until('Z');
    expect(types(out)).toBe('HddddcCZ');
    expect(
      out
        .filter((m) => m.type === 'd')
        .map((m) => m.body.toString())
        .join(''),
    ).toBe('a,b\n1,one\n2,two\n3,\n');
    client.destroy();
  });

  it('out escapes what is special, and fills char(n)', async () => {
    const client = await served.frames();
    client.send(query("copy (select 'a\tb\\c' as t, 'x'::char(3) as c, E'line\nbreak' as l, null as n) to stdout"));
    const data = (await client.until('Z')).find((m) => m.type === 'd');
    expect(data?.body.toString()).toBe('a\\tb\\\\c\tx  \tline\\nbreak\t\\N\n');
    client.destroy();
  });

  it('in fails by the client, by bad data, and by another message', async () => {
    const client = await served.frames();
    client.send(
      query('copy copied from stdin'),
      frame('d', Buffer.from('4\tfour\n')),
      frame('f', cstring('changed my mind')),
    );
    const given = await client.until('Z');
    expect(errorCode(given)).toBe('57014');
    expect(fields(given.find((m) => m.type === 'E')!)['M']).toBe('COPY from stdin failed: changed my mind');
    client.send(
      query('copy copied from stdin'),
      frame('d', Buffer.from('x\tfour\n')),
      frame('d', Buffer.from('5\tfive\n')),
      frame('c'),
      query('select count(*) from copied'),
    );
    const bad = await client.until('Z');
    expect(fields(bad.find((m) => m.type === 'E')!)).toMatchObject({
      C: '22P02',
      W: 'COPY copied, line 1, column a: "x"',
    });
    expect((await client.until('Z')).find((m) => m.type === 'C')).toBeDefined();
    client.send(query('copy copied from stdin'), query('select 1'));
    expect(errorCode(await client.end())).toBe('08P01');
  });

  it('in by the extended protocol', async () => {
    const client = await served.frames();
    client.send(parse('', 'copy copied from stdin'), bind('', ''), execute(''), SYNC);
    await client.until('G');
    client.send(frame('d', Buffer.from('9\tnine\n')), frame('c'), SYNC);
    const answer = await client.until('Z');
    expect(types(answer)).toBe('CZ');
    client.destroy();
  });
});

it('makes and drops databases', async () => {
  await a.query('create database other');
  const inside = await served.client('other');
  await inside.query('create table here (a int4)');
  expect((await failure(a.query('drop database other'))).code).toBe('55006');
  await inside.end();
  for (let dropped = false; !dropped; )
    dropped = await a.query('drop database other').then(
      () => true,
      (e: DatabaseError) => e.code !== '55006',
    );
  await expect(served.client('other')).rejects.toMatchObject({ code: '3D000' });
});

it('a slow reader stops its producer, not the others', async () => {
  const slow = await served.frames();
  slow.socket.pause();
  slow.send(query("select repeat('y', 1000) from generate_series(1, 100000)"));
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < 50; i++) await a.query('select count(*) from generate_series(1, 1000)');
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 << 20);
  slow.socket.resume();
  const rows = await slow.until('Z');
  expect(rows.length).toBe(100_003);
  slow.destroy();
});

it('closing ends every session with 57P01 and leaves nothing', async () => {
  const own = await serve();
  const idle = await own.frames();
  const busy = await own.frames();
  busy.send(query('begin; create table half (a int4); select pg_sleep(60)'));
  await own.client().then((c) => c.query('select 1').then(() => c.end()));
  await own.close();
  expect(errorCode(await idle.end())).toBe('57P01');
  expect(errorCode(await busy.end())).toBe('57P01');
  expect(own.server.connections).toBe(0);
  await expect(own.client()).rejects.toThrow();
});
