/**
 * One client: its session, its socket, and the protocol between them.
 *
 *   starting ──> idle ── a frame ──> running ──> idle …          simple: answer, then ready
 *                                    running ── error ──> settling (roll back) ──> idle, or skipping until Sync
 *                  └── Terminate, end of input, FATAL ──> closed
 *
 * A connection is one task from its first byte to its last: strictly in order, whatever the client has sent ahead. It waits
 * for input, for room in the socket, or for what its statement waits for. Before it waits, what it has answered goes out:
 * so one read event handles all frames that came with it, and one write answers them.
 */
import { asExtentError, type ExtentError, fail } from '../base/errors.ts';
import type { Task } from '../base/task.ts';
import type { Database } from '../engine/database.ts';
import type { Instance } from '../engine/instance.ts';
import { cancelledByUser, Running } from '../engine/scheduler.ts';
import type { SqlSession } from '../sql/session/sql-session.ts';
import {
  BIND,
  BrokenFraming,
  CLOSE,
  COPY_DATA,
  COPY_DONE,
  COPY_FAIL,
  DESCRIBE,
  EXECUTE,
  FLUSH,
  FUNCTION_CALL,
  type Input,
  PARSE,
  QUERY,
  SYNC,
  TERMINATE,
} from './input.ts';
import {
  BIND_COMPLETE,
  CLOSE_COMPLETE,
  NO_DATA,
  PARSE_COMPLETE,
  PORTAL_SUSPENDED,
  writeError,
  writeParameterDescription,
  writeReady,
  writeRowDescription,
} from './messages.ts';
import { readFormats, readParameters } from './parameters.ts';
import { answering, type Peer } from './peer.ts';
import { type BoundPoint, PointQueries } from './point-queries.ts';
import { type Formats, TEXT_FORMATS } from './row-encoder.ts';
import { StatementTimeout } from './statement-timeout.ts';
import { WireSink } from './wire-sink.ts';

const STATEMENT = 0x53;
const PORTAL = 0x50;
/** Frames between two looks at the clock: a pipeline must not keep others waiting. */
const FRAMES_PER_LOOK = 16;

type State = 'idle' | 'running' | 'settling';

export class Connection {
  readonly #sql: SqlSession;
  readonly #peer: Peer;
  readonly #sink: WireSink;
  readonly #database: Database;
  readonly #running = new Running();
  readonly #log: (line: string) => void;
  #state: State = 'idle';
  /** After an error in the extended protocol: everything up to Sync is passed over. */
  #skipping = false;
  /** Why the connection must end, once that is decided. */
  #fatal: ExtentError | undefined;
  /** Result formats of the open portals. */
  readonly #formats = new Map<string, Formats>();
  readonly #points: PointQueries;
  /** The unnamed portal, while it is a look-up without one. */
  #point: BoundPoint | undefined;
  #frames = 0;
  readonly #timeout: StatementTimeout;
  /** idle_in_transaction_session_timeout, looked up anew when any setting has changed. */
  #idleLimitMs = 0;
  #settingsVersion = -1;

  constructor(sql: SqlSession, peer: Peer, log: (line: string) => void) {
    this.#sql = sql;
    this.#peer = peer;
    this.#sink = new WireSink(peer);
    this.#points = new PointQueries(sql, peer.out);
    this.#timeout = new StatementTimeout(sql, (error) => this.cancel(error));
    this.#database = sql.engine.database;
    this.#log = log;
  }

  /** Serves the client to its end, then calls `closed`. */
  run(instance: Instance, closed: () => void): void {
    const { processId } = this.#sql.engine;
    instance.onCancel(processId, (terminate) => {
      if (terminate) this.terminate(fail('admin_shutdown', 'terminating connection due to administrator command'));
      else this.cancel();
    });
    const end = (): void => {
      instance.onCancel(processId, undefined);
      this.#peer.close();
      closed();
    };
    this.#sql.engine.activity.running = this.#running;
    this.#database.scheduler.run(answering(this.#main(), this.#peer), this.#running, end, (error) => {
      this.#log(`connection ${processId} ended by an error: ${described(error)}`);
      end();
    });
  }

  /** Cancels the running statement, if any: 57014. */
  cancel(error: unknown = cancelledByUser()): void {
    if (this.#state === 'running' && !this.#sql.block.committing) this.#running.cancel(error);
  }

  /** Ends the connection with a FATAL error; a commit or rollback under way is finished first. */
  terminate(error: ExtentError): void {
    this.#fatal ??= error;
    if (this.#state !== 'settling' && !this.#sql.block.committing) this.#running.cancel(this.#fatal);
  }

  *#main(): Task<void> {
    try {
      writeReady(this.#peer.out, 'I');
      yield* this.#serve();
    } catch (error) {
      this.#fatally(error);
    }
    this.#state = 'settling';
    this.#running.cancelled = undefined;
    yield* this.#sql.close();
  }

  #fatally(error: unknown): void {
    const told = error instanceof BrokenFraming ? error.tell : asExtentError(error);
    if (told === undefined) return;
    if (told.code === 'internal_error') this.#log(described(error));
    writeError(this.#peer.out, told, 'FATAL');
  }

  *#serve(): Task<void> {
    const { input } = this.#peer;
    for (;;) {
      if (this.#fatal !== undefined) throw this.#fatal;
      if (!input.next()) {
        if (this.#peer.ended) return;
        yield* this.#idle();
        continue;
      }
      const { type } = input;
      if (type === TERMINATE) return;
      if (this.#skipping && type !== SYNC) continue;
      this.#state = 'running';
      const timer = this.#timeout.start();
      try {
        switch (type) {
          case BIND:
            yield* this.#bind(input);
            break;
          case EXECUTE:
            yield* this.#execute(input);
            break;
          case SYNC:
            this.#skipping = false;
            this.#point = undefined;
            yield* this.#sql.endImplicit();
            this.#ready();
            break;
          default:
            yield* this.#other(type, input);
        }
      } catch (error) {
        timer?.cancel();
        yield* this.#failed(error, type);
      }
      timer?.cancel();
      this.#state = 'idle';
      if (this.#running.cancelled !== undefined && this.#running.cancelled !== this.#fatal)
        this.#running.cancelled = undefined;
      if (++this.#frames >= FRAMES_PER_LOOK) {
        this.#frames = 0;
        if (this.#database.scheduler.sliceOver()) yield this.#database.scheduler.slice();
      }
    }
  }

  /** Waits for the client; inside a transaction perhaps not for ever. */
  *#idle(): Task<void> {
    this.#frames = 0;
    const limitMs = this.#sql.status === 'I' ? 0 : this.#idleLimit();
    if (limitMs === 0) {
      yield this.#peer.moreInput;
      return;
    }
    const timer = this.#database.clock.after(limitMs, () =>
      this.terminate(
        fail('idle_in_transaction_session_timeout', 'terminating connection due to idle-in-transaction timeout'),
      ),
    );
    try {
      yield this.#peer.moreInput;
    } finally {
      timer.cancel();
    }
  }

  #idleLimit(): number {
    const { settings } = this.#sql;
    if (settings.version !== this.#settingsVersion) {
      this.#settingsVersion = settings.version;
      this.#idleLimitMs = settings.number('idle_in_transaction_session_timeout');
    }
    return this.#idleLimitMs;
  }

  #ready(): void {
    const { status } = this.#sql;
    if (status === 'I' && this.#formats.size > 0) this.#formats.clear();
    writeReady(this.#peer.out, status);
  }

  *#failed(error: unknown, type: number): Task<void> {
    this.#state = 'settling';
    this.#running.cancelled = undefined;
    this.#point = undefined;
    if (error instanceof BrokenFraming || error === this.#fatal) throw error;
    const told = asExtentError(error);
    if (told.code === 'internal_error') this.#log(described(error));
    writeError(this.#peer.out, told, 'ERROR');
    // Whoever cancelled need not wait until everything is undone to learn that it will be.
    this.#peer.flush();
    yield* this.#sql.failed();
    if (type === QUERY || type === FUNCTION_CALL || type === SYNC) this.#ready();
    else this.#skipping = true;
  }

  // ── messages ──

  *#other(type: number, input: Input): Task<void> {
    if (this.#point !== undefined && type !== FLUSH && type !== DESCRIBE) yield* this.#settlePoint(type === QUERY);
    switch (type) {
      case QUERY:
        yield* this.#query(input);
        return;
      case PARSE:
        this.#parse(input);
        return;
      case DESCRIBE:
        this.#describe(input);
        return;
      case CLOSE:
        this.#close(input);
        return;
      case FLUSH:
        input.finish();
        this.#peer.flush();
        return;
      case COPY_DATA:
      case COPY_DONE:
      case COPY_FAIL:
        // COPY is over already: an error ended it while the client was still sending.
        return;
      case FUNCTION_CALL:
        throw fail('feature_not_supported', 'the function call protocol is not supported');
    }
  }

  *#query(input: Input): Task<void> {
    const text = input.cstring();
    input.finish();
    this.#sink.describes = true;
    this.#sink.formats = TEXT_FORMATS;
    yield* this.#sql.simple(text, this.#sink);
    this.#ready();
  }

  #parse(input: Input): void {
    const name = input.cstring();
    const text = input.cstring();
    const types: number[] = [];
    for (let left = input.uint16(); left > 0; left--) types.push(input.uint32());
    input.finish();
    this.#sql.parse(name, text, types);
    this.#peer.out.bare(PARSE_COMPLETE);
  }

  *#bind(input: Input): Task<void> {
    const sql = this.#sql;
    const portal = input.cstring();
    const name = input.cstring();
    const prepared = sql.statement(name);
    const formats = readFormats(input);
    if (this.#point !== undefined) yield* this.#settlePoint(portal === '');
    const plan = portal === '' ? this.#points.planOf(prepared) : undefined;
    // A parameter's text may mean the transaction's time or catalog.
    if (prepared.planned !== undefined && plan === undefined) sql.block.enter();
    const values = readParameters(input, formats, sql.parameterTypes(prepared), name, sql.context);
    const resultFormats = readFormats(input);
    input.finish();
    if (resultFormats.length > 1) {
      const columns = sql.resultColumns(prepared)?.length ?? 0;
      if (resultFormats.length !== columns)
        throw fail(
          'protocol_violation',
          `bind message has ${resultFormats.length} result formats but query has ${columns} columns`,
        );
    }
    if (plan !== undefined) {
      this.#point = this.#points.bind(name, plan, values, resultFormats);
      this.#peer.out.bare(BIND_COMPLETE);
      return;
    }
    if (!sql.bindNow(portal, name, values)) yield* sql.bind(portal, name, values);
    this.#formats.set(portal, resultFormats.length === 1 && resultFormats[0] === 0 ? TEXT_FORMATS : resultFormats);
    this.#peer.out.bare(BIND_COMPLETE);
  }

  #describe(input: Input): void {
    const what = input.byte();
    const name = input.cstring();
    input.finish();
    const sql = this.#sql;
    const { out } = this.#peer;
    if (what !== STATEMENT && what !== PORTAL)
      throw fail('protocol_violation', `invalid DESCRIBE message subtype ${what}`);
    const point = what === PORTAL && name === '' ? this.#point : undefined;
    if (point !== undefined) {
      writeRowDescription(out, point.plan.planned.columns, point.formats);
      return;
    }
    const prepared = what === STATEMENT ? sql.statement(name) : sql.portals.named(name).prepared;
    const columns = sql.resultColumns(prepared);
    if (columns !== undefined && sql.status === 'E') sql.block.enter();
    if (what === STATEMENT) writeParameterDescription(out, sql.parameterTypes(prepared));
    if (columns === undefined) out.bare(NO_DATA);
    else
      writeRowDescription(out, columns, what === STATEMENT ? TEXT_FORMATS : (this.#formats.get(name) ?? TEXT_FORMATS));
  }

  *#execute(input: Input): Task<void> {
    const name = input.cstring();
    const maxRows = input.int32();
    input.finish();
    if (this.#point !== undefined) {
      if (name === '' && this.#executePoint(this.#point, maxRows)) return;
      yield* this.#settlePoint(false);
    }
    this.#sink.describes = false;
    this.#sink.formats = this.#formats.get(name) ?? TEXT_FORMATS;
    const ended = yield* this.#sql.execute(name, maxRows > 0 ? maxRows : 0, this.#sink);
    if (!ended) this.#peer.out.bare(PORTAL_SUSPENDED);
  }

  /** Looks the row up; false when an ordinary portal must. */
  #executePoint(point: BoundPoint, maxRows: number): boolean {
    if (maxRows > 0 && !point.done) return false;
    const rows = point.done ? 0 : this.#points.execute(point);
    if (rows < 0) return false;
    point.done = true;
    this.#sink.complete(rows === 0 ? 'SELECT 0' : 'SELECT 1');
    return true;
  }

  /** Something else comes between Bind and Execute: the look-up gets an ordinary portal, unless that would be closed at once. */
  *#settlePoint(closing: boolean): Task<void> {
    const point = this.#point;
    if (point === undefined || (point.done && !closing)) return;
    this.#point = undefined;
    if (closing) return;
    yield* this.#sql.bind('', point.statement, point.values);
    this.#formats.set('', point.formats);
  }

  #close(input: Input): void {
    const what = input.byte();
    const name = input.cstring();
    input.finish();
    if (what === STATEMENT) this.#sql.prepared.delete(name);
    else if (what === PORTAL) this.#sql.portals.close(name);
    else throw fail('protocol_violation', `invalid CLOSE message subtype ${what}`);
    this.#peer.out.bare(CLOSE_COMPLETE);
  }
}

function described(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
