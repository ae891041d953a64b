/** What breaks the protocol ends that connection, as PostgreSQL 15 does, and nothing else. */
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.ts';
import {
  bind,
  cstring,
  errorCode,
  execute,
  FrameClient,
  fields,
  frame,
  GSS_REQUEST,
  int16,
  int32,
  parse,
  query,
  type Served,
  SSL_REQUEST,
  SYNC,
  serve,
  startup,
  texts,
  types,
} from './support.ts';

let served: Served;
let witness: FrameClient;

beforeAll(async () => {
  served = await serve();
  witness = await served.frames();
});

afterAll(async () => {
  expect(served.logged).toEqual([]);
  witness.destroy();
  await served.close();
});

/** The server goes on serving others. */
async function lives(client: FrameClient = witness): Promise<void> {
  client.send(query('select 42'));
  expect(texts(await client.until('Z'))).toEqual([['42']]);
}

async function raw(bytes: Buffer): Promise<FrameClient> {
  const client = await FrameClient.connect(served.port);
  client.send(bytes);
  return client;
}

/** What the server answers to bytes before it ends the connection. */
async function ending(bytes: Buffer): Promise<{ types: string; code: string | undefined }> {
  const client = await raw(bytes);
  const said = await client.end();
  await lives();
  return { types: types(said), code: errorCode(said) };
}

describe('instead of a startup packet', () => {
  it.each([0, 4, 7, 10_005, 2 ** 31 - 1, -5])('a length of %i closes at once', async (length) => {
    expect(await ending(Buffer.concat([int32(length), Buffer.alloc(16)]))).toEqual({ types: '', code: undefined });
  });

  it('HTTP and random bytes close at once', async () => {
    expect((await ending(Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'))).types).toBe('');
    const noise = new Uint8Array(1 << 20);
    new Prng(7).fill(noise);
    noise[0] = 0x7f;
    expect((await ending(Buffer.from(noise))).types).toBe('');
  });

  it('an unknown version is 0A000, a newer minor one is negotiated', async () => {
    expect(await ending(startup({ user: 'postgres' }, 0x40000))).toEqual({ types: 'E', code: '0A000' });
    const client = await raw(startup({ user: 'postgres', '_pq_.option': '1' }, 0x30009));
    const said = await client.until('Z');
    expect(said[0]!.type).toBe('v');
    expect(said[0]!.body).toEqual(Buffer.concat([int32(0), int32(1), cstring('_pq_.option')]));
    client.destroy();
  });

  it('a missing user is 28000, a missing end 08P01', async () => {
    expect(await ending(startup({ database: 'postgres' }))).toEqual({ types: 'E', code: '28000' });
    const body = Buffer.concat([int32(0x30000), cstring('user'), Buffer.from('postgres')]);
    expect(await ending(Buffer.concat([int32(body.length + 4), body]))).toEqual({ types: 'E', code: '08P01' });
  });

  it('who or what does not exist is told', async () => {
    expect(await ending(startup({ user: 'nobody', database: 'postgres' }))).toEqual({ types: 'E', code: '28000' });
    expect(await ending(startup({ user: 'postgres', database: 'nowhere' }))).toEqual({ types: 'E', code: '3D000' });
    expect((await ending(startup({ user: 'postgres', no_such_setting: '1' }))).code).toBe('42704');
    expect((await ending(startup({ user: 'postgres', options: '-c server_version=16' }))).code).toBe('55P02');
    expect((await ending(startup({ user: 'postgres', options: '-z' }))).code).toBe('0A000');
  });

  it('encryption is declined once each, and bytes behind the request are an attack', async () => {
    const client = await raw(SSL_REQUEST);
    await client.until('N');
    client.send(GSS_REQUEST);
    await client.until('N');
    client.send(startup({ user: 'postgres' }));
    await client.until('Z');
    client.destroy();
    const attacked = await raw(Buffer.concat([SSL_REQUEST, startup({ user: 'postgres' })]));
    const bytes = await new Promise<Buffer>((resolve) => {
      const chunks: Buffer[] = [];
      attacked.socket.on('data', (c: Buffer) => chunks.push(c));
      attacked.socket.on('close', () => resolve(Buffer.concat(chunks)));
    });
    expect(bytes.toString('latin1')).toMatch(/^NE.*08P01/s);
    const twice = await raw(SSL_REQUEST);
    await twice.until('N');
    twice.send(SSL_REQUEST);
    expect(errorCode(await twice.end())).toBe('0A000');
    await lives();
  });

  it('a cancel request with a wrong key closes silently', async () => {
    expect((await ending(Buffer.concat([int32(16), int32(80877102), int32(1), int32(12345)]))).types).toBe('');
  });
});

describe('instead of a message', () => {
  async function after(
    bytes: Buffer,
  ): Promise<{ types: string; code: string | undefined; severity: string | undefined }> {
    const client = await served.frames();
    client.send(bytes);
    const said = await client.end();
    await lives();
    const error = said.find((m) => m.type === 'E');
    return {
      types: types(said),
      code: errorCode(said),
      severity: error === undefined ? undefined : fields(error)['S'],
    };
  }

  it('an unknown type or a password is FATAL 08P01', async () => {
    expect(await after(frame('!', Buffer.alloc(3)))).toEqual({ types: 'E', code: '08P01', severity: 'FATAL' });
    expect((await after(frame('p', cstring('secret')))).code).toBe('08P01');
    expect((await after(Buffer.alloc(1 << 20, 1))).code).toBe('08P01');
  });

  it('an impossible length closes', async () => {
    for (const length of [3, -1, 65 << 20])
      expect((await after(Buffer.concat([Buffer.from('Q'), int32(length)]))).types).toBe('');
    expect((await after(Buffer.concat([Buffer.from('S'), int32(20_000)]))).types).toBe('');
  });

  it('what is wrong inside a frame is an error, and the session lives', async () => {
    const client = await served.frames();
    const cases: [Buffer, string][] = [
      [frame('Q', Buffer.from('select 1')), '08P01'],
      [frame('Q', Buffer.from('select 1\0select 2\0')), '08P01'],
      [frame('Q', Buffer.from([0x73, 0xff, 0xfe, 0])), '22021'],
      [Buffer.concat([bind('', 'missing'), SYNC]), '26000'],
      [
        Buffer.concat([parse('', 'select $1::text'), frame('B', cstring(''), cstring(''), int16(0), int16(-1)), SYNC]),
        '08P01',
      ],
      [
        Buffer.concat([
          parse('', 'select $1::text'),
          frame('B', cstring(''), cstring(''), int16(0), int16(1), int32(2 ** 31 - 1)),
          SYNC,
        ]),
        '08P01',
      ],
      [Buffer.concat([parse('', 'select $1::text'), bind('', '', [Buffer.of(0xc3, 0x28)]), SYNC]), '22021'],
      [Buffer.concat([parse('', 'select $1::text'), bind('', '', ['a'], [2]), SYNC]), '22023'],
      [Buffer.concat([frame('D', Buffer.from('X'), cstring('')), SYNC]), '08P01'],
      [Buffer.concat([frame('E', cstring('')), SYNC]), '08P01'],
    ];
    for (const [bytes, code] of cases) {
      client.send(bytes);
      expect(errorCode(await client.until('Z'))).toBe(code);
      await lives(client);
    }
    client.send(frame('d', Buffer.from('stray')), frame('c'), frame('f', cstring('no')));
    await lives(client);
    client.destroy();
  });

  it('half a frame and silence, half a connection, and a sudden end hurt nobody', async () => {
    const half = await served.frames();
    half.send(Buffer.concat([Buffer.from('Q'), int32(1 << 20), Buffer.alloc(5000, 0x20)]));
    const ends = await served.frames();
    ends.socket.end(Buffer.concat([query('select 1'), query('select 2')]));
    expect(texts(await ends.until('Z', 2))).toEqual([['1'], ['2']]);
    await ends.end();
    const gone = await served.frames();
    gone.send(query('begin; create table unfinished (a int4)'));
    await gone.until('Z');
    gone.send(query('select count(*) from generate_series(1, 200000)'));
    gone.destroy();
    await new Promise<void>((resolve) => {
      const silent = connect(served.port, '127.0.0.1', () => {
        silent.destroy();
        resolve();
      });
    });
    await lives();
    half.destroy();
  });

  it('frames may come in any pieces', async () => {
    const client = await served.frames();
    const whole = Buffer.concat([
      parse('', 'select $1::int4 * 2'),
      bind('', '', ['21']),
      execute(''),
      SYNC,
      query("select 'piecemeal'"),
    ]);
    for (const byte of whole) client.socket.write(Buffer.of(byte));
    expect(texts(await client.until('Z', 2))).toEqual([['42'], ['piecemeal']]);
    client.destroy();
  });
});

it('survives mutated conversations', async () => {
  const seed = 20261120;
  const prng = new Prng(seed);
  const session = Buffer.concat([
    query('select 1'),
    parse('a', 'select $1::int4, $2::text', [23, 25]),
    bind('p', 'a', ['5', 'five']),
    execute('p', 1),
    execute('p'),
    SYNC,
    query('begin'),
    query('rollback'),
  ]);
  for (let round = 0; round < 300; round++) {
    const client = await raw(startup({ user: 'postgres' }));
    const bytes = Buffer.from(session);
    for (let n = 1 + prng.below(4); n > 0; n--) bytes[prng.below(bytes.length)] = prng.below(256);
    client.socket.end(bytes.subarray(0, prng.below(bytes.length)));
    await client.end();
  }
  expect(served.logged, `seed ${seed}`).toEqual([]);
  await lives();
});
