/** A server over a disk in memory, and a client that speaks in frames. */
import { connect, type Socket } from 'node:net';
import pg from 'pg';
import { SystemClock } from '../../src/base/clock.ts';
import { Prng } from '../../src/base/prng.ts';
import { Instance } from '../../src/engine/instance.ts';
import { MemoryVfs } from '../../src/io/memory-vfs.ts';
import { Server, type ServerOptions } from '../../src/server/server.ts';

export interface Served {
  readonly server: Server;
  readonly port: number;
  readonly logged: string[];
  client(database?: string): Promise<pg.Client>;
  frames(database?: string): Promise<FrameClient>;
  close(): Promise<void>;
}

export async function serve(options: Partial<ServerOptions> = {}): Promise<Served> {
  const instance = await Instance.openDirectory('/data', {
    vfs: new MemoryVfs(),
    clock: new SystemClock(),
    prng: new Prng(1),
  });
  const logged: string[] = [];
  const server = await Server.listen({
    instance,
    host: '127.0.0.1',
    port: 0,
    log: (line) => logged.push(line),
    ...options,
  });
  const { port } = server;
  return {
    server,
    port,
    logged,
    async client(database = 'postgres') {
      const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', database });
      // The server may end the connection; what was asked on it fails then.
      client.on('error', () => {});
      await client.connect();
      return client;
    },
    async frames(database = 'postgres') {
      const client = await FrameClient.connect(port);
      client.send(startup({ user: 'postgres', database }));
      await client.until('Z');
      return client;
    },
    async close() {
      await server.close();
      await instance.close();
    },
  };
}

/** A message of the server. */
export interface Message {
  readonly type: string;
  readonly body: Buffer;
}

export class FrameClient {
  readonly socket: Socket;
  /** Everything received so far, in order. */
  readonly received: Message[] = [];
  closed = false;
  #rest: Buffer = Buffer.alloc(0);
  #wake: () => void = () => {};

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => this.#data(chunk));
    socket.on('error', () => {});
    socket.on('close', () => {
      this.closed = true;
      this.#wake();
    });
  }

  static connect(port: number): Promise<FrameClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, noDelay: true });
      const client = new FrameClient(socket);
      socket.once('connect', () => resolve(client));
      socket.once('error', reject);
    });
  }

  #data(chunk: Buffer): void {
    let bytes = Buffer.concat([this.#rest, chunk]);
    // The answer to an encryption request is a single byte.
    if (bytes[0] === 0x4e && bytes.length === 1) {
      this.received.push({ type: 'N', body: Buffer.alloc(0) });
      bytes = Buffer.alloc(0);
    }
    while (bytes.length >= 5 && bytes.length > bytes.readInt32BE(1)) {
      const end = 1 + bytes.readInt32BE(1);
      this.received.push({ type: String.fromCharCode(bytes[0]!), body: bytes.subarray(5, end) });
      bytes = bytes.subarray(end);
    }
    this.#rest = bytes;
    this.#wake();
  }

  send(...parts: (Buffer | Uint8Array)[]): void {
    this.socket.write(Buffer.concat(parts));
  }

  /** Waits for the `count`-th message of a type from now, and hands over everything up to it. */
  async until(type: string, count = 1): Promise<Message[]> {
    for (;;) {
      let seen = 0;
      for (let i = 0; i < this.received.length; i++) {
        if (this.received[i]!.type === type && ++seen === count) return this.received.splice(0, i + 1);
      }
      if (this.closed) throw new Error(`closed after ${this.received.map((m) => m.type).join('')}`);
      await this.#more();
    }
  }

  /** Waits until the server has closed the connection; hands over what it said. */
  async end(): Promise<Message[]> {
    while (!this.closed) await this.#more();
    return this.received.splice(0);
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  destroy(): void {
    this.socket.destroy();
  }
}

// ── messages ──

export function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value & 0xffff);
  return bytes;
}

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value | 0);
  return bytes;
}

export function cstring(text: string): Buffer {
  return Buffer.from(`${text}\0`);
}

export function frame(type: string, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body]);
}

export function startup(parameters: Readonly<Record<string, string>>, version = 0x30000): Buffer {
  const body = Buffer.concat([
    int32(version),
    ...Object.entries(parameters).flatMap(([k, v]) => [cstring(k), cstring(v)]),
    Buffer.alloc(1),
  ]);
  return Buffer.concat([int32(body.length + 4), body]);
}

export const SSL_REQUEST = Buffer.concat([int32(8), int32(80877103)]);
export const GSS_REQUEST = Buffer.concat([int32(8), int32(80877104)]);
export const SYNC = frame('S');
export const FLUSH = frame('H');

export const query = (sql: string): Buffer => frame('Q', cstring(sql));
export const parse = (name: string, sql: string, types: readonly number[] = []): Buffer =>
  frame('P', cstring(name), cstring(sql), int16(types.length), ...types.map(int32));
export const describe = (what: 'S' | 'P', name: string): Buffer => frame('D', Buffer.from(what), cstring(name));
export const execute = (portal: string, rows = 0): Buffer => frame('E', cstring(portal), int32(rows));
export const close = (what: 'S' | 'P', name: string): Buffer => frame('C', Buffer.from(what), cstring(name));

/** Bind with values given as text or bytes; null is NULL. */
export function bind(
  portal: string,
  statement: string,
  values: readonly (string | Buffer | null)[] = [],
  formats: readonly number[] = [],
  results: readonly number[] = [],
): Buffer {
  const encoded = values.flatMap((v) =>
    v === null ? [int32(-1)] : [int32(Buffer.byteLength(v)), typeof v === 'string' ? Buffer.from(v) : v],
  );
  return frame(
    'B',
    cstring(portal),
    cstring(statement),
    int16(formats.length),
    ...formats.map(int16),
    int16(values.length),
    Buffer.concat(encoded),
    int16(results.length),
    ...results.map(int16),
  );
}

/** Types of messages as one word. */
export function types(messages: readonly Message[]): string {
  return messages.map((m) => m.type).join('');
}

/** Fields of an error or notice by letter. */
export function fields(message: Message): Record<string, string> {
  const found: Record<string, string> = {};
  for (const part of message.body.subarray(0, -1).toString().split('\0'))
    if (part !== '') found[part[0]!] = part.slice(1);
  return found;
}

/** SQLSTATE of the first error. */
export function errorCode(messages: readonly Message[]): string | undefined {
  const error = messages.find((m) => m.type === 'E');
  return error === undefined ? undefined : fields(error)['C'];
}

/** Values of a data row. */
export function row(message: Message): (Buffer | null)[] {
  const values: (Buffer | null)[] = [];
  let at = 2;
  for (let left = message.body.readInt16BE(0); left > 0; left--) {
    const length = message.body.readInt32BE(at);
    at += 4;
    if (length < 0) values.push(null);
    else values.push(message.body.subarray(at, (at += length)));
  }
  return values;
}

export function texts(messages: readonly Message[]): (string | null)[][] {
  return messages.filter((m) => m.type === 'D').map((m) => row(m).map((v) => v?.toString() ?? null));
}

/** The command tag. */
export function tag(message: Message): string {
  return message.body.subarray(0, -1).toString();
}
