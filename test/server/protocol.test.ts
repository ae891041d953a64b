import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  bind,
  close,
  cstring,
  describe as describeFrame,
  errorCode,
  execute,
  FLUSH,
  type FrameClient,
  fields,
  frame,
  int16,
  int32,
  parse,
  query,
  row,
  type Served,
  SYNC,
  serve,
  tag,
  texts,
  types,
} from './support.ts';

let served: Served;
let client: FrameClient;

beforeAll(async () => {
  served = await serve();
  client = await served.frames();
  client.send(query('create table numbers (id int4 primary key, word text, amount numeric(10,2))'));
  await client.until('Z');
  client.send(query("insert into numbers select n, 'w' || n, n * 1.25 from generate_series(1, 10) n"));
  await client.until('Z');
});

afterAll(async () => {
  client.destroy();
  await served.close();
});

describe('simple protocol', () => {
  it('answers several statements with a tag each and one ready', async () => {
    client.send(
      query(
        "select 1 as one; insert into numbers values (11, 'x', null); select word from numbers where id = 11; delete from numbers where id = 11",
      ),
    );
    const answer = await client.until('Z');
    expect(types(answer)).toBe('TDCCTDCCZ');
    expect(answer.filter((m) => m.type === 'C').map(tag)).toEqual(['SELECT 1', 'INSERT 0 1', 'SELECT 1', 'DELETE 1']);
  });

  it('answers nothing to nothing', async () => {
    client.send(query('  -- only a comment\n ;'));
    expect(types(await client.until('Z'))).toBe('IZ');
  });

  it('undoes what an error follows in the same message', async () => {
    client.send(
      query(
        "insert into numbers values (12, 'y', 1); select 1/(id - id) from numbers; insert into numbers values (13, 'z', 1)",
      ),
    );
    const answer = await client.until('Z');
    expect(types(answer)).toBe('CTEZ');
    client.send(query('select count(*) from numbers where id > 10'));
    expect(texts(await client.until('Z'))).toEqual([['0']]);
  });

  it('tells position, names and severity of an error', async () => {
    client.send(query('select é.no from numbers é'));
    const error = fields((await client.until('Z'))[0]!);
    expect(error).toMatchObject({ S: 'ERROR', V: 'ERROR', C: '42703', P: '8' });
    client.send(query("insert into numbers values (1, 'again', 0)"));
    const duplicate = fields((await client.until('Z'))[0]!);
    expect(duplicate).toMatchObject({
      C: '23505',
      D: 'Key (id)=(1) already exists.',
      s: 'public',
      t: 'numbers',
      n: 'numbers_pkey',
    });
  });

  it('reports changed settings, also when a rollback changes them back', async () => {
    client.send(query("set application_name = 'one'"));
    const set = await client.until('Z');
    expect(set.filter((m) => m.type === 'S').map((m) => m.body.toString())).toEqual(['application_name\0one\0']);
    client.send(query("begin; set application_name = 'two'"), query('rollback'));
    const [, back] = [await client.until('Z'), await client.until('Z')];
    expect(back.filter((m) => m.type === 'S').map((m) => m.body.toString())).toEqual(['application_name\0one\0']);
  });
});

describe('extended protocol', () => {
  it('describes statements and portals', async () => {
    client.send(parse('s1', 'select word, amount from numbers where id = $1'), describeFrame('S', 's1'), SYNC);
    const answer = await client.until('Z');
    expect(types(answer)).toBe('1tTZ');
    expect(answer[1]!.body).toEqual(Buffer.concat([int16(1), int32(23)]));
    client.send(bind('', 's1', ['3']), describeFrame('P', ''), execute(''), SYNC);
    const run = await client.until('Z');
    expect(types(run)).toBe('2TDCZ');
    expect(texts(run)).toEqual([['w3', '3.75']]);
    client.send(close('S', 's1'), SYNC);
    expect(types(await client.until('Z'))).toBe('3Z');
    client.send(describeFrame('S', 's1'), SYNC);
    expect(errorCode(await client.until('Z'))).toBe('26000');
  });

  it('suspends a portal at its row limit and goes on', async () => {
    client.send(query('begin'), parse('', 'select id from numbers order by id'), bind('p', ''), execute('p', 4), SYNC);
    await client.until('Z');
    const first = await client.until('Z');
    expect(types(first)).toBe('12DDDDsZ');
    client.send(execute('p', 4), execute('p', 4), execute('p', 4), SYNC);
    const rest = await client.until('Z');
    expect(types(rest)).toBe('DDDDsDDCCZ');
    expect(texts([...first, ...rest]).map(([id]) => id)).toEqual(['1', '2', '3', '4', '5', '6', '7', '8', '9', '10']);
    client.send(query('commit'), execute('p'), SYNC);
    await client.until('Z');
    expect(errorCode(await client.until('Z'))).toBe('34000');
  });

  it('passes over everything from an error to Sync, once', async () => {
    client.send(
      parse('', 'select 1/$1::int4'),
      bind('', '', ['0']),
      execute(''),
      parse('never', 'select 2'),
      execute('nowhere'),
      SYNC,
      parse('', 'select 7'),
      bind('', ''),
      execute(''),
      SYNC,
    );
    const failed = await client.until('Z');
    expect(types(failed)).toBe('12EZ');
    expect(errorCode(failed)).toBe('22012');
    expect(texts(await client.until('Z'))).toEqual([['7']]);
  });

  it('makes one transaction of everything up to Sync', async () => {
    const insert = parse('', 'insert into numbers values ($1, $2, $3)', [23, 25, 1700]);
    client.send(insert, bind('', '', ['20', 'a', '1']), execute(''), bind('', '', ['20', 'b', '1']), execute(''), SYNC);
    const answer = await client.until('Z');
    expect(errorCode(answer)).toBe('23505');
    client.send(query('select * from numbers where id = 20'));
    expect(texts(await client.until('Z'))).toEqual([]);
  });

  it('answers a pipeline of many transactions in order', async () => {
    const count = 2000;
    const frames = [parse('many', 'select $1::int4 + 1')];
    for (let i = 0; i < count; i++) frames.push(bind('', 'many', [String(i)]), execute(''), SYNC);
    client.send(...frames);
    const answer = await client.until('Z', count);
    expect(texts(answer).map(([n]) => Number(n))).toEqual(Array.from({ length: count }, (_, i) => i + 1));
    client.send(close('S', 'many'), SYNC);
    await client.until('Z');
  });

  it('answers before Sync when asked to flush', async () => {
    client.send(parse('', 'select 5'), bind('', ''), describeFrame('P', ''), FLUSH);
    expect(types(await client.until('T'))).toBe('12T');
    client.send(execute(''), FLUSH);
    expect(types(await client.until('C'))).toBe('DC');
    client.send(SYNC);
    await client.until('Z');
  });

  it('keeps named statements over a rollback, and drops the unnamed one at a simple query', async () => {
    client.send(
      query('begin'),
      parse('kept', 'select 1'),
      parse('', 'select 2'),
      SYNC,
      query('rollback'),
      bind('', 'kept'),
      execute(''),
      SYNC,
    );
    await client.until('Z', 3);
    expect(texts(await client.until('Z'))).toEqual([['1']]);
    client.send(bind('', ''), SYNC);
    expect(errorCode(await client.until('Z'))).toBe('26000');
    client.send(parse('kept', 'select 3'), SYNC);
    expect(errorCode(await client.until('Z'))).toBe('42P05');
    client.send(close('S', 'kept'), SYNC);
    await client.until('Z');
  });

  it('runs utility statements, and gives their rows without a description', async () => {
    client.send(parse('', 'show application_name'), describeFrame('S', ''), bind('', ''), execute(''), SYNC);
    const answer = await client.until('Z');
    expect(types(answer)).toBe('1tT2DCZ');
    client.send(parse('', 'begin'), describeFrame('S', ''), bind('', ''), execute(''), SYNC);
    const began = await client.until('Z');
    expect(types(began)).toBe('1tn2CZ');
    expect(began[5]!.body.toString()).toBe('T');
    client.send(parse('', 'rollback'), bind('', ''), execute(''), SYNC, parse('', ''), bind('', ''), execute(''), SYNC);
    await client.until('Z');
    expect(types(await client.until('Z'))).toBe('12IZ');
  });

  it('refuses in a failed transaction until it ends', async () => {
    client.send(query('begin; select 1/0'), parse('', 'select 1'), SYNC, query('select 1'), query('rollback'));
    expect((await client.until('Z')).at(-1)!.body.toString()).toBe('E');
    expect(errorCode(await client.until('Z'))).toBe('25P02');
    expect(errorCode(await client.until('Z'))).toBe('25P02');
    expect((await client.until('Z')).at(-1)!.body.toString()).toBe('I');
  });

  it('checks the counts of Bind', async () => {
    client.send(parse('', 'select $1::text, $2::text'), bind('', '', ['a']), SYNC);
    const few = await client.until('Z');
    expect(errorCode(few)).toBe('08P01');
    expect(fields(few.find((m) => m.type === 'E')!)['M']).toBe(
      'bind message supplies 1 parameters, but prepared statement "" requires 2',
    );
    client.send(parse('', 'select 1, 2, 3'), bind('', '', [], [], [0, 1]), SYNC);
    expect(errorCode(await client.until('Z'))).toBe('08P01');
  });

  it('takes 65,535 parameters', async () => {
    const values = Array.from({ length: 65535 }, () => '1');
    const list = values.map((_, i) => `$${i + 1}`).join(',');
    client.send(
      parse('', `select count(*) from unnest(array[${list}]::int4[])`),
      bind('', '', values),
      execute(''),
      SYNC,
    );
    expect(texts(await client.until('Z'))).toEqual([['65535']]);
  });
});

describe('look-ups by primary key', () => {
  const look = parse('look', 'select word, id from numbers where id = $1');

  beforeAll(async () => {
    client.send(look, SYNC);
    await client.until('Z');
  });

  it('are answered like any other query', async () => {
    client.send(
      bind('', 'look', ['4']),
      describeFrame('P', ''),
      execute(''),
      execute(''),
      SYNC,
      bind('', 'look', ['400']),
      execute(''),
      SYNC,
    );
    const found = await client.until('Z');
    expect(types(found)).toBe('2TDCCZ');
    expect(texts(found)).toEqual([['w4', '4']]);
    expect(found.filter((m) => m.type === 'C').map(tag)).toEqual(['SELECT 1', 'SELECT 0']);
    expect(types(await client.until('Z'))).toBe('2CZ');
    client.send(bind('', 'look', ['4'], [], [0, 1]), execute(''), SYNC, bind('', 'look', [null]), execute(''), SYNC);
    expect(row((await client.until('Z'))[1]!)).toEqual([Buffer.from('w4'), int32(4)]);
    expect(types(await client.until('Z'))).toBe('2CZ');
    client.send(bind('', 'look', ['4']), execute('', 1), execute('', 1), SYNC);
    expect(types(await client.until('Z'))).toBe('2DsCZ');
  });

  it('see what was there when they were bound', async () => {
    client.send(
      parse('change', "update numbers set word = 'changed' where id = 4"),
      bind('', 'look', ['4']),
      bind('other', 'change'),
      execute('other'),
      execute(''),
      SYNC,
    );
    expect(texts(await client.until('Z'))).toEqual([['w4', '4']]);
    client.send(bind('', 'look', ['4']), execute(''), bind('', 'look', ['5']), execute(''), SYNC, execute(''), SYNC);
    expect(texts(await client.until('Z'))).toEqual([
      ['changed', '4'],
      ['w5', '5'],
    ]);
    expect(errorCode(await client.until('Z'))).toBe('34000');
  });

  it('are undone by errors, dropped by queries, and go on after DDL', async () => {
    client.send(
      bind('', 'look', ['x']),
      execute(''),
      SYNC,
      bind('', 'look', ['6']),
      query('select 1'),
      execute(''),
      SYNC,
    );
    expect(errorCode(await client.until('Z'))).toBe('22P02');
    await client.until('Z');
    expect(errorCode(await client.until('Z'))).toBe('34000');
    client.send(
      query('alter table numbers add column more int4 default 7'),
      bind('', 'look', ['6']),
      execute(''),
      SYNC,
    );
    await client.until('Z');
    expect(texts(await client.until('Z'))).toEqual([['w6', '6']]);
    client.send(
      query("begin; update numbers set word = 'mine' where id = 6"),
      bind('', 'look', ['6']),
      execute(''),
      SYNC,
      query('rollback'),
    );
    await client.until('Z');
    expect(texts(await client.until('Z'))).toEqual([['mine', '6']]);
    await client.until('Z');
  });

  it('wait for whoever has locked the table, and read long values', async () => {
    const other = await served.frames();
    other.send(
      query(
        "update numbers set word = repeat('long', 50000) where id = 7; begin; lock table numbers in access exclusive mode",
      ),
    );
    await other.until('Z');
    client.send(bind('', 'look', ['7']), execute(''), SYNC);
    for (let i = 0; i < 3; i++) {
      other.send(query('select 1'));
      await other.until('Z');
    }
    expect(client.received).toEqual([]);
    other.send(query('commit'));
    const [[word]] = texts(await client.until('Z')) as [[string]];
    expect(word.length).toBe(200_000);
    other.destroy();
  });
});

describe('binary formats', () => {
  it('sends every type that has one', async () => {
    client.send(
      parse(
        '',
        `select 7::int2, -2::int4, 9007199254740993::int8, 1.5::float8, 0.5::float4, true, 'text', '\\x0102'::bytea, date '2000-01-02', timestamp '2000-01-01 00:00:01', '00112233-4455-6677-8899-aabbccddeeff'::uuid, 12::oid, null::int4`,
      ),
      bind('', '', [], [], [1]),
      execute(''),
      SYNC,
    );
    const values = row((await client.until('Z')).find((m) => m.type === 'D')!).map((v) => v?.toString('hex') ?? null);
    expect(values).toEqual([
      '0007',
      'fffffffe',
      '0020000000000001',
      '3ff8000000000000',
      '3f000000',
      '01',
      '74657874',
      '0102',
      '00000001',
      '00000000000f4240',
      '00112233445566778899aabbccddeeff',
      '0000000c',
      null,
    ]);
  });

  it('receives them', async () => {
    const int8 = Buffer.alloc(8);
    int8.writeBigInt64BE(-5n);
    client.send(
      parse('', 'select $1::int4, $2::int8, $3::text, $4::bool', [23, 20, 25, 16]),
      bind('', '', [int32(77), int8, 'héllo', Buffer.of(1)], [1]),
      execute(''),
      SYNC,
    );
    expect(texts(await client.until('Z'))).toEqual([['77', '-5', 'héllo', 't']]);
    client.send(parse('', 'select $1::int4', [23]), bind('', '', [Buffer.of(1, 2)], [1]), SYNC);
    expect(errorCode(await client.until('Z'))).toBe('22P03');
  });

  it('mixes formats by column', async () => {
    client.send(
      parse('', 'select id, word from numbers where id = $1'),
      bind('', '', ['2'], [0], [1, 0]),
      describeFrame('P', ''),
      execute(''),
      SYNC,
    );
    const answer = await client.until('Z');
    expect(row(answer.find((m) => m.type === 'D')!)).toEqual([int32(2), Buffer.from('w2')]);
  });

  it('refuses what it does not have', async () => {
    client.send(parse('', 'select row(1, 2)'), bind('', '', [], [], [1]), execute(''), SYNC);
    expect(errorCode(await client.until('Z'))).toBe('0A000');
  });
});

it('lets the function call protocol alone and lives on', async () => {
  client.send(frame('F', int32(1), int16(0), int16(0), int16(0)), query('select 1'));
  expect(errorCode(await client.until('Z'))).toBe('0A000');
  expect(texts(await client.until('Z'))).toEqual([['1']]);
});

it('fills char(n) with blanks and knows long values', async () => {
  client.send(
    query(
      "create table padded (c char(6), long text); insert into padded values ('äb', repeat('0123456789', 20000)); select c, long from padded",
    ),
  );
  const answer = await client.until('Z');
  const [[c, long]] = texts(answer) as [[string, string]];
  expect(c).toBe('äb    ');
  expect(long).toBe('0123456789'.repeat(20000));
  client.send(frame('Q', cstring('drop table padded')));
  await client.until('Z');
});
