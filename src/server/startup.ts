/**
 * The start of a connection, up to the user's name and settings.
 *
 *   connect ──> SSLRequest, GSSENCRequest: answered N, each once ──> startup packet ──> who, which database, settings
 *          └──> CancelRequest: no answer, closed
 *
 *   startup packet: length i32 | version i32 (3.0) | (name\0 value\0)* | \0
 */
import { fail } from '../base/errors.ts';
import type { Task } from '../base/task.ts';
import { BrokenFraming, type Input } from './input.ts';
import { writeNegotiateVersion } from './messages.ts';
import type { Peer } from './peer.ts';

const CANCEL_REQUEST = 80877102;
const SSL_REQUEST = 80877103;
const GSS_REQUEST = 80877104;
const NO = 0x4e;

/** Whom a client says to be. */
export interface StartupPacket {
  readonly kind: 'startup';
  readonly user: string;
  readonly database: string;
  readonly settings: ReadonlyMap<string, string>;
}

export interface CancelRequest {
  readonly kind: 'cancel';
  readonly processId: number;
  readonly key: number;
}

/** Reads the first packets. @returns undefined when the client left. @throws ExtentError to be told as FATAL, BrokenFraming. */
export function* readStartup(peer: Peer): Task<StartupPacket | CancelRequest | undefined> {
  const { input } = peer;
  let askedSsl = false;
  let askedGss = false;
  for (;;) {
    while (!input.startup()) {
      if (peer.ended) return undefined;
      yield peer.moreInput;
    }
    const version = input.int32();
    if (version === CANCEL_REQUEST) return cancelRequest(input);
    const isSsl = version === SSL_REQUEST && !askedSsl;
    if (!isSsl && (version !== GSS_REQUEST || askedGss)) return startupPacket(peer, version);
    if (isSsl) askedSsl = true;
    else askedGss = true;
    peer.out.byte(NO);
    // Whatever came along unencrypted was sent before the client could know our answer: it may be an attacker's.
    if (input.queued > 0)
      throw fail(
        'protocol_violation',
        `received unencrypted data after ${isSsl ? 'SSL' : 'GSSAPI encryption'} request`,
        { detail: 'This could be either a client-software bug or evidence of an attempted man-in-the-middle attack.' },
      );
  }
}

function cancelRequest(input: Input): CancelRequest {
  if (input.end - input.at !== 8) throw new BrokenFraming();
  return { kind: 'cancel', processId: input.int32(), key: input.int32() };
}

function startupPacket(peer: Peer, version: number): StartupPacket {
  const major = version >>> 16;
  const minor = version & 0xffff;
  if (major !== 3)
    throw fail('feature_not_supported', `unsupported frontend protocol ${major}.${minor}: server supports 3.0 to 3.0`);
  const given = parameters(peer.input);
  const unknown = [...given.keys()].filter((name) => name.startsWith('_pq_.'));
  if (minor > 0 || unknown.length > 0) writeNegotiateVersion(peer.out, unknown);
  const user = given.get('user') ?? '';
  if (user === '')
    throw fail('invalid_authorization_specification', 'no PostgreSQL user name specified in startup packet');
  const replication = given.get('replication')?.toLowerCase();
  if (replication !== undefined && !['false', 'off', 'no', '0'].includes(replication))
    throw fail('feature_not_supported', 'replication connections are not supported');
  const settings = new Map<string, string>();
  for (const [name, value] of commandLine(given.get('options') ?? '')) settings.set(name, value);
  for (const [name, value] of given) {
    if (!['user', 'database', 'options', 'replication'].includes(name) && !name.startsWith('_pq_.'))
      settings.set(name, value);
  }
  return { kind: 'startup', user, database: given.get('database') || user, settings };
}

function parameters(input: Input): Map<string, string> {
  const given = new Map<string, string>();
  while (input.at < input.end - 1) {
    const name = input.bytes[input.at] === 0 ? '' : terminated(input);
    if (name === '') break;
    given.set(name, terminated(input));
  }
  if (input.at !== input.end - 1 || input.bytes[input.at] !== 0) throw badLayout();
  return given;
}

function terminated(input: Input): string {
  for (let i = input.at; i < input.end; i++) if (input.bytes[i] === 0) return input.cstring();
  throw badLayout();
}

function badLayout(): Error {
  return fail('protocol_violation', 'invalid startup packet layout: expected terminator as last byte');
}

/** `-c name=value`, `--name=value`; a backslash takes the next character as it is. @throws 42601, 0A000 */
export function commandLine(text: string): [string, string][] {
  const words: string[] = [];
  for (const match of text.matchAll(/(?:\\[\s\S]|[^\\\s])+/g)) words.push(match[0].replace(/\\([\s\S])/g, '$1'));
  const settings: [string, string][] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    const setting =
      word === '-c'
        ? (words[++i] ?? '')
        : word.startsWith('-c')
          ? word.slice(2)
          : word.startsWith('--')
            ? word.slice(2)
            : undefined;
    if (setting === undefined)
      throw fail('feature_not_supported', `command-line option "${word}" is not supported in a startup packet`);
    const equals = setting.indexOf('=');
    if (equals <= 0) throw fail('syntax_error', `-c ${setting} requires a value`);
    settings.push([setting.slice(0, equals).replaceAll('-', '_'), setting.slice(equals + 1)]);
  }
  return settings;
}
