/**
 * What a session does, for whoever looks from outside: `pg_stat_activity`, `sys.dm_exec_requests`.
 *
 *   idle ──begin(text)──> active ──end(status)──> idle, idle in transaction, idle in transaction (aborted)
 *
 * A message costs a reference to its text and a look at the clock; everything else is found out when somebody asks.
 */
import {
  REQUEST_FLUSH,
  REQUEST_OUTPUT,
  REQUEST_PAGE,
  REQUEST_ROOM,
  REQUEST_ROW_LOCK,
  REQUEST_TABLE_LOCK,
  REQUEST_TIMER,
  type RequestKind,
} from '../base/task.ts';
import type { Running } from './scheduler.ts';

/** As PostgreSQL names waits. */
export interface WaitEvent {
  readonly type: 'Client' | 'IO' | 'Lock' | 'Timeout';
  readonly event: string;
}

const WAITS: Partial<Record<RequestKind, WaitEvent>> = {
  [REQUEST_PAGE]: { type: 'IO', event: 'DataFileRead' },
  [REQUEST_FLUSH]: { type: 'IO', event: 'WALSync' },
  [REQUEST_ROOM]: { type: 'IO', event: 'DataFileWrite' },
  [REQUEST_ROW_LOCK]: { type: 'Lock', event: 'transactionid' },
  [REQUEST_TABLE_LOCK]: { type: 'Lock', event: 'relation' },
  [REQUEST_OUTPUT]: { type: 'Client', event: 'ClientWrite' },
  [REQUEST_TIMER]: { type: 'Timeout', event: 'PgSleep' },
};
const CLIENT_READ: WaitEvent = { type: 'Client', event: 'ClientRead' };

export type SessionStatus = 'I' | 'T' | 'E';

export class Activity {
  user = '';
  applicationName: () => string = () => '';
  /** When the transaction began, in microseconds since 1970; undefined outside of one. */
  transactionMicros: () => number | undefined = () => undefined;
  /** Drives its statements, where a scheduler does. */
  running: Running | undefined;
  readonly startedMicros: number;
  /** The statement that runs, or that ran last. */
  query = '';
  isActive = false;
  /** When it began, and when the state changed last; in microseconds since 1970. */
  queryMicros: number | undefined;
  changedMicros: number;
  #status: SessionStatus = 'I';

  constructor(nowMicros: number) {
    this.startedMicros = nowMicros;
    this.changedMicros = nowMicros;
  }

  /** A message begins that runs a statement. Hot. */
  begin(query: string, nowMicros: number): void {
    this.query = query;
    this.isActive = true;
    this.queryMicros = nowMicros;
    this.changedMicros = nowMicros;
  }

  /** The client is answered. Hot. */
  end(status: SessionStatus, nowMicros: number): void {
    this.isActive = false;
    this.#status = status;
    this.changedMicros = nowMicros;
  }

  get state(): string {
    if (this.isActive) return 'active';
    return this.#status === 'I' ? 'idle' : `idle in transaction${this.#status === 'E' ? ' (aborted)' : ''}`;
  }

  /** Undefined while it works, or waits for its turn. */
  get wait(): WaitEvent | undefined {
    if (!this.isActive) return CLIENT_READ;
    const kind = this.running?.waitsFor;
    return kind === undefined ? undefined : WAITS[kind];
  }

  /** The command's name as requests show it: as its long work will be called, else its first words. */
  get command(): string {
    const text = this.query.slice(0, QUERY_LOOKED_AT).replace(/--[^\n]*|\/\*[\s\S]*?\*\//g, ' ');
    const [first = '', second = ''] = (text.toUpperCase().match(/[A-Z]+/g) ?? []).slice(0, 2);
    const long = LONG_COMMANDS.find(([words, name]) => name.startsWith(first) && words.test(text));
    if (long !== undefined) return long[1];
    return TWO_WORDS.includes(first) ? `${first} ${second}` : first;
  }
}

const QUERY_LOOKED_AT = 1000;
/** Commands whose first word says too little. */
const TWO_WORDS: readonly string[] = ['ALTER', 'BACKUP', 'CREATE', 'DBCC', 'DROP'];
/** Commands that have a name of their own. */
const LONG_COMMANDS: readonly (readonly [RegExp, string])[] = [
  [/^\s*alter\s+(?:index|table)\b.*\breorganize\b/is, 'ALTER INDEX REORGANIZE'],
  [/^\s*alter\s+(?:index|table)\b.*\brebuild\b/is, 'ALTER INDEX REBUILD'],
  [/^\s*alter\s+database\b.*\bshrink\b/is, 'ALTER DATABASE SHRINK'],
  [/^\s*alter\s+database\b.*\bresize\b/is, 'ALTER DATABASE RESIZE'],
  [/^\s*vacuum\b\s*\(?[^)]*\bfull\b/is, 'VACUUM FULL'],
  [/^\s*copy\b.*\bfrom\s+stdin\b/is, 'COPY FROM'],
  [/^\s*copy\b.*\bto\s+stdout\b/is, 'COPY TO'],
];
