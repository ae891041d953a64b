/**
 * A client of the Postgres protocol for one question: connect, ask, read texts, leave.
 *
 *   startup ──> R … K Z ──> Query ──> (T D* C)* Z ──> Terminate
 */
import type { Socket } from 'node:net';
import type { Clock } from '../base/clock.ts';
import { ERRORS, type ErrorCode, fail } from '../base/errors.ts';

const PROTOCOL_3 = 196608;
const FRAME_HEAD_BYTES = 5;
const READY = 0x5a;
const ROW_DESCRIPTION = 0x54;
const DATA_ROW = 0x44;
const ERROR_RESPONSE = 0x45;
/** A name in a row description is followed by table, number, type, length, modifier and format. */
const COLUMN_FACTS_BYTES = 18;

/** The rows of one statement, every value as text. */
export interface TextRows {
  readonly columns: readonly string[];
  readonly rows: (string | null)[][];
}

export interface Question {
  readonly socket: string;
  readonly user: string;
  readonly database: string;
  /** One or more statements. */
  readonly text: string;
  /** Gives up when nothing has come for so long. */
  readonly patienceMs: number;
}

/** @returns the rows of each statement that has any. @throws Node's error when nobody listens there, 08006, the server's error. */
export function ask(question: Question, clock: Clock): Promise<TextRows[]> {
  return new Promise((resolve, reject) => {
    const socket = process.getBuiltinModule('node:net').connect({ path: question.socket });
    const answer = new Answer(socket, question);
    const impatient = (): void => {
      socket.destroy(fail('connection_failure', 'the process that has the database open does not answer'));
    };
    let timer = clock.after(question.patienceMs, impatient);
    socket.on('connect', () => socket.write(startup(question)));
    socket.on('data', (chunk: Buffer) => {
      timer.cancel();
      timer = clock.after(question.patienceMs, impatient);
      answer.take(chunk);
    });
    socket.on('error', (error) => {
      answer.error ??= error;
    });
    socket.on('close', () => {
      timer.cancel();
      if (answer.error !== undefined) reject(answer.error);
      else if (answer.isComplete) resolve(answer.results);
      else reject(fail('connection_failure', 'the process that has the database open closed the connection'));
    });
  });
}

class Answer {
  readonly results: TextRows[] = [];
  error: Error | undefined;
  isComplete = false;
  readonly #socket: Socket;
  readonly #question: Question;
  #asked = false;
  #pending: Buffer = Buffer.alloc(0);

  constructor(socket: Socket, question: Question) {
    this.#socket = socket;
    this.#question = question;
  }

  take(chunk: Buffer): void {
    const bytes = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    let at = 0;
    while (bytes.length - at >= FRAME_HEAD_BYTES) {
      const end = at + 1 + bytes.readInt32BE(at + 1);
      if (end > bytes.length) break;
      this.#message(bytes[at]!, bytes.subarray(at + FRAME_HEAD_BYTES, end));
      at = end;
    }
    this.#pending = bytes.subarray(at);
  }

  #message(type: number, body: Buffer): void {
    if (type === ROW_DESCRIPTION) this.results.push({ columns: columnNames(body), rows: [] });
    else if (type === DATA_ROW) this.results[this.results.length - 1]?.rows.push(values(body));
    else if (type === ERROR_RESPONSE) this.error = serverError(body);
    else if (type === READY && !this.#asked) {
      this.#asked = true;
      this.#socket.write(frame('Q', `${this.#question.text}\0`));
    } else if (type === READY) {
      this.isComplete = true;
      this.#socket.end(frame('X', ''));
    }
  }
}

function startup({ user, database }: Question): Buffer {
  const text = Buffer.from(`user\0${user}\0database\0${database}\0application_name\0extentdb\0\0`);
  const head = Buffer.alloc(8);
  head.writeInt32BE(head.length + text.length, 0);
  head.writeInt32BE(PROTOCOL_3, 4);
  return Buffer.concat([head, text]);
}

function frame(type: string, body: string): Buffer {
  const text = Buffer.from(`${type}\0\0\0\0${body}`);
  text.writeInt32BE(text.length - 1, 1);
  return text;
}

function columnNames(body: Buffer): string[] {
  const names: string[] = [];
  for (let at = 2; names.length < body.readInt16BE(0); ) {
    const end = body.indexOf(0, at);
    names.push(body.toString('utf8', at, end));
    at = end + 1 + COLUMN_FACTS_BYTES;
  }
  return names;
}

function values(body: Buffer): (string | null)[] {
  const row: (string | null)[] = [];
  for (let at = 2; row.length < body.readInt16BE(0); ) {
    const length = body.readInt32BE(at);
    at += 4;
    row.push(length < 0 ? null : body.toString('utf8', at, at + length));
    at += Math.max(0, length);
  }
  return row;
}

function serverError(body: Buffer): Error {
  const fields = new Map(
    body
      .toString()
      .split('\0')
      .filter((field) => field !== '')
      .map((field) => [field[0], field.slice(1)]),
  );
  return fail(codeOf(fields.get('C')), fields.get('M') ?? 'the server failed', { hint: fields.get('H') });
}

function codeOf(sqlstate: string | undefined): ErrorCode {
  const known = (code: string): code is ErrorCode => code in ERRORS;
  return Object.keys(ERRORS).find((code): code is ErrorCode => known(code) && ERRORS[code] === sqlstate) ?? 'io_error';
}
