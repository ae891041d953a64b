/**
 * The server: one instance on one port, or at one local socket.
 *
 *   listen ──> accept ──> start up (who, which database) ──> Connection ──> closed
 *   close: no new ones, 57P01 to those there are, then the instance's own end
 *
 * Whoever reaches the port from the machine itself is trusted by name; from elsewhere nobody is let in. A local socket is a
 * file: its rights say who reaches it.
 */
import type { AddressInfo, Server as NetServer, Socket } from 'node:net';
import { asExtentError, fail } from '../base/errors.ts';
import type { Task } from '../base/task.ts';
import type { Instance } from '../engine/instance.ts';
import { Running, Scheduler } from '../engine/scheduler.ts';
import { SqlSession } from '../sql/session/sql-session.ts';
import { Connection } from './connection.ts';
import { BrokenFraming } from './input.ts';
import { AUTHENTICATION, BACKEND_KEY, writeError, writeNotice, writeParameterStatus } from './messages.ts';
import { answering, awaiting, Outbox, Peer } from './peer.ts';
import { readStartup, type StartupPacket } from './startup.ts';

const FRAME_BYTES_MAX = 64 << 20;
const CONNECTIONS_MAX = 100;
const STARTUP_MS_MAX = 60_000;
const KEEP_ALIVE_MS = 60_000;
const LOOPBACK = /^(127\.\d+\.\d+\.\d+|::1|::ffff:127\.\d+\.\d+\.\d+)$/;

/** Where a server listens. Port 0 lets the system choose. A local socket does not keep the process alive. */
export type ListenAddress = { readonly host: string; readonly port: number } | { readonly socket: string };

export type ServerOptions = ListenAddress & {
  readonly instance: Instance;
  /** Longest message that a client may send; 64 MiB by default. */
  readonly frameBytesMax?: number;
  /** 100 by default. */
  readonly connectionsMax?: number;
  /** Hears about internal errors. */
  readonly log?: (line: string) => void;
};

export class Server {
  /** The address in use; empty for a local socket. */
  readonly host: string;
  /** The port in use; 0 for a local socket. */
  readonly port: number;
  readonly #options: ServerOptions;
  readonly #net: NetServer;
  readonly #starting: Scheduler;
  readonly #outbox: Outbox;
  readonly #connections = new Map<number, { readonly connection: Connection; readonly key: number }>();
  readonly #sockets = new Set<Socket>();
  #closing = false;
  #allClosed: () => void = () => {};

  private constructor(options: ServerOptions, net: NetServer) {
    this.#options = options;
    this.#net = net;
    this.host = 'host' in options ? options.host : '';
    this.port = 'host' in options ? (net.address() as AddressInfo).port : 0;
    const { clock } = options.instance.options;
    this.#starting = new Scheduler(clock);
    this.#outbox = new Outbox(clock);
    net.on('connection', (socket: Socket) => this.#accept(socket));
  }

  /** @throws Node's error when the port is taken (`EADDRINUSE`) or the host is not ours. */
  static listen(options: ServerOptions): Promise<Server> {
    // A client may end its side and still wait for answers.
    const net = process.getBuiltinModule('node:net').createServer({
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
    });
    return new Promise((resolve, reject) => {
      net.once('error', reject);
      if ('socket' in options) net.unref();
      net.listen('socket' in options ? { path: options.socket } : { host: options.host, port: options.port }, () => {
        net.off('error', reject);
        resolve(new Server(options, net));
      });
    });
  }

  get connections(): number {
    return this.#connections.size;
  }

  get #isLocal(): boolean {
    return 'socket' in this.#options;
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    if (this.#isLocal) socket.unref();
    socket.once('close', () => {
      this.#sockets.delete(socket);
    });
    const { clock } = this.#options.instance.options;
    const peer = new Peer(socket, this.#options.frameBytesMax ?? FRAME_BYTES_MAX, clock, this.#outbox);
    const running = new Running();
    const timer = clock.after(STARTUP_MS_MAX, () => running.cancel(new BrokenFraming()));
    this.#starting.run(
      answering(this.#start(peer), peer),
      running,
      () => timer.cancel(),
      (error) => {
        timer.cancel();
        this.#refuse(peer, error);
      },
    );
  }

  #refuse(peer: Peer, error: unknown): void {
    const told = error instanceof BrokenFraming ? error.tell : asExtentError(error);
    if (told !== undefined) writeError(peer.out, told, 'FATAL');
    if (told?.code === 'internal_error')
      this.#options.log?.(error instanceof Error ? (error.stack ?? error.message) : String(error));
    peer.close();
  }

  *#start(peer: Peer): Task<void> {
    const packet = yield* readStartup(peer);
    if (packet === undefined) {
      peer.close();
      return;
    }
    if (packet.kind === 'cancel') {
      const target = this.#connections.get(packet.processId);
      if (target !== undefined && target.key === packet.key) target.connection.cancel();
      peer.close();
      return;
    }
    if (this.#closing) throw fail('cannot_connect_now', 'the database system is shutting down');
    if (!this.#isLocal && !LOOPBACK.test(peer.address))
      throw fail('invalid_authorization_specification', `no connection is allowed from host "${peer.address}"`, {
        hint: 'ExtentDB trusts the machine that it runs on and nobody else.',
      });
    if (this.#connections.size >= (this.#options.connectionsMax ?? CONNECTIONS_MAX))
      throw fail('too_many_connections', 'sorry, too many clients already');
    yield* this.#open(peer, packet);
  }

  *#open(peer: Peer, { user, database: name, settings }: StartupPacket): Task<void> {
    const { instance, log } = this.#options;
    const { out } = peer;
    const database = yield* awaiting(instance.database(name));
    const role = [...database.catalog.objects()].find((o) => o.kind === 'role' && o.name === user);
    if (role?.kind !== 'role') throw fail('invalid_authorization_specification', `role "${user}" does not exist`);
    if (!role.login) throw fail('invalid_authorization_specification', `role "${user}" is not permitted to log in`);
    const engine = database.openSession();
    let sql: SqlSession;
    try {
      sql = new SqlSession(instance, engine, { user, settings, notice: (notice) => writeNotice(out, notice) });
    } catch (error) {
      database.closeSession(engine);
      throw error;
    }
    sql.settings.onReport = (setting, value) => writeParameterStatus(out, setting, value);
    const { processId } = engine;
    // Who knows this number may cancel: it must not be guessed, nor be replayed from a seed.
    const key = process.getBuiltinModule('node:crypto').randomInt(-(2 ** 31), 2 ** 31);
    out.begin(AUTHENTICATION);
    out.int32(0);
    out.end();
    for (const [setting, value] of sql.settings.reported()) writeParameterStatus(out, setting, value);
    out.begin(BACKEND_KEY);
    out.int32(processId);
    out.int32(key);
    out.end();
    const connection = new Connection(sql, peer, log ?? (() => {}));
    this.#connections.set(processId, { connection, key });
    connection.run(instance, () => {
      this.#connections.delete(processId);
      if (this.#connections.size === 0) this.#allClosed();
    });
  }

  /** Ends every connection with 57P01 and the listening. The instance stays open: its owner closes it. */
  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    // What is waited for from here on must keep the process alive.
    this.#net.ref();
    for (const socket of this.#sockets) socket.ref();
    const stopped = new Promise<void>((resolve) => this.#net.close(() => resolve()));
    const ended = new Promise<void>((resolve) => {
      this.#allClosed = resolve;
    });
    if (this.#connections.size === 0) this.#allClosed();
    for (const { connection } of this.#connections.values())
      connection.terminate(fail('admin_shutdown', 'terminating connection due to administrator command'));
    await ended;
    // What has not got as far as a session has nothing to finish.
    for (const socket of this.#sockets) socket.destroySoon();
    await stopped;
  }
}
