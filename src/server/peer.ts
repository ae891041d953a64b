/**
 * The socket of a connection, as a task sees it: input to wait for, output to send, and room to wait for.
 *
 *   socket ── data ──> Input ──> the connection's task ──> OutputBuffer ── flush ──> socket
 *
 * Reading stops while {@link QUEUED_BYTES_MAX} wait to be handled; producing stops while {@link UNSENT_BYTES_MAX} wait to be
 * sent. A client that vanished is not told anything more; what it asked for is still done, as PostgreSQL does.
 */
import type { Socket } from 'node:net';
import type { Clock } from '../base/clock.ts';
import { fail, unsupported } from '../base/errors.ts';
import {
  REQUEST_OUTPUT,
  REQUEST_ROW_LOCK,
  REQUEST_TABLE_LOCK,
  REQUEST_TIMER,
  type Request,
  type RequestKind,
  type Task,
} from '../base/task.ts';
import { Input } from './input.ts';
import { OutputBuffer } from './output.ts';

const QUEUED_BYTES_MAX = 1 << 20;
const UNSENT_BYTES_MAX = 1 << 20;
const FLUSH_BYTES = 64 << 10;
const LINGER_MS = 1000;
/** Waits whose end depends on clients, this one or another. */
const WAITS_FOR_OTHERS: ReadonlySet<RequestKind> = new Set([
  REQUEST_ROW_LOCK,
  REQUEST_TABLE_LOCK,
  REQUEST_OUTPUT,
  REQUEST_TIMER,
]);

type Resume = (error?: unknown) => void;

/**
 * Answers that wait for the end of the turn. Handling everything that has come before anything is sent keeps the clients'
 * threads from being woken one by one in between, which costs more than all else that a short answer costs.
 */
export class Outbox {
  readonly #clock: Clock;
  readonly #peers = new Set<Peer>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(peer: Peer): void {
    if (this.#peers.size === 0) this.#clock.soon(() => this.#send());
    this.#peers.add(peer);
  }

  #send(): void {
    for (const peer of this.#peers) peer.flush();
    this.#peers.clear();
  }
}

export class Peer {
  readonly input: Input;
  readonly out = new OutputBuffer();
  /** Nothing more will come. */
  ended = false;
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #outbox: Outbox;
  #gone = false;
  #paused = false;
  #inputWaiter: Resume | undefined;
  #drainWaiter: Resume | undefined;
  /** Waits for more input, or for its end. */
  readonly moreInput: Request;
  readonly #drained: Request;

  constructor(socket: Socket, frameBytesMax: number, clock: Clock, outbox: Outbox) {
    this.#socket = socket;
    this.#outbox = outbox;
    this.#clock = clock;
    this.input = new Input(frameBytesMax);
    this.moreInput = wait(
      REQUEST_TIMER,
      (resume) => {
        this.#inputWaiter = resume;
        if (this.#paused) {
          this.#paused = false;
          socket.resume();
        }
      },
      () => (this.#inputWaiter = undefined),
    );
    this.#drained = wait(
      REQUEST_OUTPUT,
      (resume) => (this.#drainWaiter = resume),
      () => (this.#drainWaiter = undefined),
    );
    socket.on('data', (chunk: Buffer) => this.#data(chunk));
    socket.on('drain', () => this.#wakeDrain());
    socket.on('end', () => this.#end());
    // An error is always followed by close.
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#gone = true;
      this.#end();
      this.#wakeDrain(fail('connection_failure', 'connection to client lost'));
    });
  }

  #data(chunk: Buffer): void {
    this.input.feed(chunk);
    if (this.#inputWaiter !== undefined) this.#wakeInput();
    else if (this.input.queued > QUEUED_BYTES_MAX && !this.#paused) {
      this.#paused = true;
      this.#socket.pause();
    }
  }

  #end(): void {
    this.ended = true;
    this.#wakeInput();
  }

  #wakeInput(): void {
    const resume = this.#inputWaiter;
    this.#inputWaiter = undefined;
    resume?.();
  }

  #wakeDrain(error?: unknown): void {
    const resume = this.#drainWaiter;
    this.#drainWaiter = undefined;
    resume?.(error);
  }

  /** Sends what was written at the end of this turn of the event loop, together with what others have to send. */
  flushSoon(): void {
    if (this.out.at > 0) this.#outbox.add(this);
  }

  /** Sends what was written. */
  flush(): void {
    const { out } = this;
    if (out.at === 0) return;
    if (this.#gone) {
      out.sent();
      return;
    }
    this.#socket.write(out.peek());
    // What the kernel took at once leaves the buffer free; the rest is in use until it is sent.
    if (this.#socket.writableLength === 0) out.sent();
    else out.take();
  }

  /** Called between rows: sends a full buffer, and tells what to wait for while too much is unsent. */
  room(): Request | undefined {
    if (this.out.at < FLUSH_BYTES) return undefined;
    this.flush();
    if (this.#gone) throw fail('connection_failure', 'connection to client lost');
    return this.#socket.writableLength > UNSENT_BYTES_MAX ? this.#drained : undefined;
  }

  /** Sends what is left and ends the connection. */
  close(): void {
    this.flush();
    if (this.#gone) return;
    const socket = this.#socket;
    socket.end();
    // What the client still sends is read and forgotten for a while: closing over unread bytes would make its system
    // throw away what we said last.
    socket.removeAllListeners('data');
    socket.resume();
    const timer = this.#clock.after(LINGER_MS, () => socket.destroy());
    socket.once('close', () => timer.cancel());
  }

  get address(): string {
    return this.#socket.remoteAddress ?? '';
  }
}

function wait(
  kind: typeof REQUEST_OUTPUT | typeof REQUEST_TIMER,
  start: (resume: Resume) => void,
  giveUp: () => void,
): Request {
  return {
    kind,
    start: (resume) => {
      start(resume);
      return giveUp;
    },
    answerNow: () => {
      throw unsupported('waiting for a client in a synchronous call');
    },
  };
}

/**
 * Drives a connection's task; before it waits for somebody else, what it has answered so far goes out. Before it waits for the
 * disk it does not: a client must not hear of a command's end before its commit is durable, and one write does for both.
 */
export function* answering(task: Task<void>, peer: Peer): Task<void> {
  let step = task.next();
  while (step.done !== true) {
    if (WAITS_FOR_OTHERS.has(step.value.kind)) peer.flushSoon();
    try {
      yield step.value;
    } catch (error) {
      step = task.throw(error);
      continue;
    }
    step = task.next();
  }
}

/** Waits for a promise inside a task. */
export function* awaiting<T>(promise: Promise<T>): Task<T> {
  let value: { readonly is: T } | undefined;
  yield {
    kind: REQUEST_TIMER,
    start: (resume) => {
      let given = false;
      promise.then(
        (is) => {
          value = { is };
          if (!given) resume();
        },
        (error) => {
          if (!given) resume(error);
        },
      );
      return () => {
        given = true;
      };
    },
    answerNow: () => {
      throw unsupported('waiting for a promise in a synchronous call');
    },
  };
  return value!.is;
}
